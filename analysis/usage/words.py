"""What people and measures of use are called, wherever they are printed."""

from __future__ import annotations

ENROLLED, COVARIATES, ANSWERED, LOGGED = "enrolled", "covariates", "answered", "logged"
# Who stands at the start of a flow; only a table of the enrolled lets them be called that.
START = {
    ENROLLED: "enrolled",
    COVARIATES: "people in the table of covariates",
    ANSWERED: "people who answered at any wave",
    LOGGED: "people in the log",
}
MEASURE_WORDS = {
    "completed": "units marked as completed",
    "sessions": "sessions by the inactivity gap",
    "modules": "modules",
    "active_days": "active days",
    "minutes": "minutes",
    "logins": "logins",
    "events": "events",
}
EARLY_USE = (
    *("use_before", "active_days_before", "idle_at_landmark", "first_use_before"),
    *("first_week_before", "last_week_before", "second_week_before", "third_week_before"),
    *("night_before", "morning_before", "afternoon_before"),
    *(f"weekday_{k + 1}_before" for k in range(7)),
    *("minutes_before", "longest_gap_before", "sessions_before", "logins_before", "events_before"),
)
OF_KIND = "events_of_"
JOINED = "joined"
WATCHABLE, DAYS_WATCHED = "observable_day", "how many days could be watched"


def of_kind(kind: str) -> str:
    """Name of the column that counts events of a kind before the landmark."""
    return f"{OF_KIND}{kind}_before"


def is_early_use(name: str) -> bool:
    """Whether a column counts use before the landmark."""
    return name in EARLY_USE or (name.startswith(OF_KIND) and name.endswith("_before"))
