"""Random logs: the table equals a plain reading in SQL and another in pandas, person by person."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import summarise_usage

STUDY: dict[str, Any] = {
    "schema": 1,
    "id": "small",
    "title": "Small",
    "instrument": "dta",
    "waves": [{"id": 1, "day": 3, "opens": 3, "closes": 4}],
    "study_days": 8,
    "gap_days": 2,
    "landmark": {"wave": 1, "day": 4},
    "intended_use": {
        "unit": "sessions",
        "amount": 4,
        "weeks": 1,
        "justification": "four sessions in the week",
    },
    "adherence": {"metric": "sessions", "threshold": 0.5, "justification": "half of the sessions at least"},
}
PEOPLE = pd.DataFrame(
    {
        "participant": ["001", "002", "003"],
        "enrolled": ["2026-03-28", "2026-03-29T01:30:00+01:00", "2026-04-01T00:00:00Z"],
        "withdrawn_day": [np.nan, 5.5, np.nan],
    }
)
PEOPLE["enrolled"] = pd.to_datetime(PEOPLE["enrolled"], utc=True, format="ISO8601")
MEASURES = ("events", "sessions", "completed", "active_days", "minutes")

# Few distinct starts, lengths, zones and ids: copies, nested and touching intervals come up often.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["001", "002", "003", "stranger"]),
        st.integers(-400, 12_000),
        st.sampled_from([0, 250_000, 999_999]),
        st.sampled_from(["+02:00", "Z", "-05:30", "+01:00"]),
        st.sampled_from(["tap", "session_completed"]),
        st.sampled_from([0.0, 1.0, 30.0, 75.5, 200.0]),
        st.sampled_from([None, None, "e1", "e2"]),
        st.sampled_from(["walk", "sleep"]),
    ),
    min_size=1,
    max_size=40,
)


def as_frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Starts as ISO texts on the clock of some zone; a known person's event so that the log is one of theirs."""
    base = pd.Timestamp("2026-03-28T00:00:00Z")
    found = []
    for who, minutes, micros, zone, kind, lasts, name, content in [
        ("001", 60, 0, "Z", "tap", 1.0, None, "walk"),
        *rows,
    ]:
        instant = base + pd.Timedelta(minutes=minutes) + pd.Timedelta(microseconds=micros)
        local = instant.tz_convert("UTC" if zone == "Z" else f"UTC{zone}").tz_localize(None)
        found.append((who, local.isoformat(timespec="microseconds") + zone, kind, lasts, name, content))
    return pd.DataFrame(found, columns=["participant", "at", "kind", "duration", "event_id", "content"])


def in_sql(log: pd.DataFrame) -> pd.DataFrame:
    """The definition written as one statement, with islands by a running maximum."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.register("log", log)
    con.register("people", PEOPLE)
    return con.execute(
        """
        WITH clocked AS (
            SELECT l.participant, l.kind, l.duration AS m, l.event_id, l.content,
                   (epoch_us(l.at::TIMESTAMPTZ) - epoch_us(date_trunc('day', p.enrolled::TIMESTAMPTZ)))
                       / 86400000000.0 AS day,
                   p.withdrawn_day
            FROM log l JOIN people p USING (participant)
            WHERE l.at::TIMESTAMPTZ >= p.enrolled::TIMESTAMPTZ
        ), inside AS (
            SELECT * FROM clocked WHERE day >= 0 AND day < 8 AND NOT coalesce(day > withdrawn_day, false)
        ), once AS (
            SELECT * FROM inside WHERE event_id IS NULL
            UNION ALL BY NAME
            SELECT * FROM inside WHERE event_id IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY participant, event_id ORDER BY day, kind, m) = 1
        ), apart AS (
            SELECT participant, day, kind, m FROM once WHERE event_id IS NOT NULL
            UNION ALL
            SELECT participant, day, kind, m FROM once WHERE event_id IS NULL
            GROUP BY participant, day, kind, m, content
        ), ended AS (
            SELECT *, max(day + m / 1440) OVER (PARTITION BY participant ORDER BY day
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_end FROM apart
        )
        SELECT participant, day >= 4 AS late, count(*) AS events,
               count(*) FILTER (before_end IS NULL OR (day - before_end) * 1440 > 30) AS sessions,
               count(*) FILTER (kind = 'session_completed') AS completed,
               count(*) FILTER (kind = 'tap') AS taps,
               count(DISTINCT floor(day)) AS active_days, sum(m) AS minutes
        FROM ended GROUP BY ALL
        """
    ).df()


def in_pandas(log: pd.DataFrame) -> pd.DataFrame:
    """The definition by loops over intervals."""
    rows = []
    for person in PEOPLE.itertuples():
        mine = log[log["participant"] == person.participant].copy()
        at = pd.to_datetime(mine["at"], utc=True, format="ISO8601").dt.as_unit("us")
        # days are calendar days; on day 0 nothing counts before the time of enrolment
        mine["day"] = (at - person.enrolled.floor("D")).dt.total_seconds() / 86_400
        mine = mine[
            (at >= person.enrolled)
            & (mine["day"] >= 0)
            & (mine["day"] < 8)
            & ~(mine["day"] > person.withdrawn_day)
        ]
        mine = mine.sort_values(["day", "kind", "duration", "content"])
        named = mine[mine["event_id"].notna()].drop_duplicates("event_id")
        unnamed = mine[mine["event_id"].isna()].drop_duplicates(["day", "kind", "duration", "content"])
        mine = pd.concat([named, unnamed]).sort_values("day")
        packed: list[list[float]] = []
        for event in mine.itertuples():
            end = event.day + event.duration / 1440
            if packed and (event.day - packed[-1][1]) * 1440 <= 30:
                packed[-1][1] = max(packed[-1][1], end)
            else:
                packed.append([event.day, end])
        for late in (False, True):
            here = mine[(mine["day"] >= 4) == late]
            if len(here):
                rows.append(
                    {
                        "participant": person.participant,
                        "late": late,
                        "events": len(here),
                        "sessions": sum((start >= 4) == late for start, _ in packed),
                        "completed": int((here["kind"] == "session_completed").sum()),
                        "taps": int((here["kind"] == "tap").sum()),
                        "active_days": here["day"].apply(np.floor).nunique(),
                        "minutes": here["duration"].sum(),
                    }
                )
    return pd.DataFrame(rows)


@settings(
    max_examples=18,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(EVENTS)
def test_random_logs_equal_sql_and_pandas(rows: list[tuple[Any, ...]]) -> None:
    log = as_frame(rows)
    how = LogReading(retry_seconds=0, most_set_aside=1.0)
    found = summarise_usage(log, STUDY, participants=PEOPLE, reading=how).people.set_index("participant")
    for reading in (in_sql(log), in_pandas(log)):
        for late, period in ((False, "before"), (True, "after")):
            part = reading[reading["late"] == late].set_index("participant").reindex(found.index).fillna(0)
            for measure in MEASURES:
                wanted, got = part[measure].astype(float), found[f"{measure}_{period}"].astype(float)
                # Sums of minutes are taken in another order: 1e-9 is rounding.
                np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9, err_msg=f"{measure} {period}")
            if not late:  # the plain event that `as_frame` adds is one, so that the kind is there
                assert found["events_of_tap_before"].tolist() == part["taps"].tolist()


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 12)), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=4, max_size=4),
    st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland", "Europe/Berlin"]),
)
def test_random_logs_of_days_alone_equal_a_count_of_days(
    events: list[tuple[int, int]], ends: list[tuple[int, int]], zone: str
) -> None:
    """Nothing counts of the day of withdrawal, all of the last day watched; no clock moves a day to another."""
    start = pd.Timestamp("2026-03-25")

    def on(day: int) -> str:
        return str((start + pd.Timedelta(days=day)).date())

    # the last person is watched to the end and uses the app each day, so that the log is no empty one
    log = pd.DataFrame([*events, *((4, day) for day in range(8))], columns=["who", "day"]).drop_duplicates()
    people = pd.DataFrame(
        {
            "participant": [f"p{k}" for k in range(5)],
            "enrolled": on(0),
            "withdrawn": [on(gone) if gone < 8 else None for gone, _ in ends] + [None],
            "observed_until": [on(seen) for _, seen in ends] + [on(9)],
        }
    )
    given_log = pd.DataFrame(
        {"participant": "p" + log["who"].astype(str), "at": log["day"].map(on), "kind": "tap"}
    )
    found = summarise_usage(
        given_log,
        STUDY | {"zone": zone},
        participants=people,
        retention_days=tuple(range(8)),
        reading=LogReading(most_set_aside=1.0),
    )
    used = {k: set(log.loc[log["who"] == k, "day"]) for k in range(5)}
    gone = {k: (*[end[0] if end[0] < 8 else 99 for end in ends], 99)[k] for k in range(5)}
    seen = {k: (*[end[1] for end in ends], 9)[k] for k in range(5)}
    inside = {k: {d for d in used[k] if 0 <= d < min(8, gone[k]) and d <= seen[k]} for k in range(5)}
    assert found.people["active_days_whole"].tolist() == [len(inside[k]) for k in range(5)]
    for row in found.retention.itertuples():
        there = [k for k in range(5) if row.day < min(8, gone[k]) and row.day <= seen[k]]
        assert (row.n, row.on_day) == (len(there), sum(row.day in inside[k] for k in there) / len(there))
