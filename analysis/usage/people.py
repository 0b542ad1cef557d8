"""What follows, participant by participant, from the aggregates of a usage log."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.usage.expressions import EARLY_DAYS, EARLY_HOURS, EARLY_WEEKS, UsageRule, of_kinds
from analysis.usage.words import of_kind
from instrument.reading.people import labels_as_text
from instrument.study import Study

PERIODS = ("before", "after", "whole")
COUNTED = ("events", "sessions", "completed", "logins", "active_days", "minutes")


THURSDAY = 3  # 1970-01-01, from which days of enrolment are counted; Monday is 0
KNOWN = ("participant", "withdrawn_day", "joined", "observed_day", "reason")


def everybody(table: pd.DataFrame, people: pd.DataFrame | None) -> pd.DataFrame:
    """Aggregates of everyone enrolled, those without events too; by default of everyone in the log."""
    table = table.assign(participant=labels_as_text(table["participant"]))
    if people is None:
        return table.sort_values("participant", ignore_index=True)
    known = people.assign(participant=labels_as_text(people["participant"]))
    return known[[c for c in KNOWN if c in known]].merge(table, on="participant", how="left")


def finish(
    table: pd.DataFrame, until: np.ndarray, plan: Study, rule: UsageRule
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Add what follows from the aggregates of `everybody`, each watched until a day of their own."""
    nowhere = np.full(len(table), np.nan)
    withdrawn = table["withdrawn_day"].to_numpy(float) if "withdrawn_day" in table else nowhere
    joined = table["joined"].to_numpy(float) if "joined" in table else nowhere
    columns: dict[str, Any] = {"participant": table["participant"], "withdrawn_day": withdrawn}
    end = np.fmin(np.fmin(withdrawn, until), rule.study_days)
    columns["end_day"] = end
    columns["observable_day"] = np.fmin(until, rule.study_days)
    columns["joined"] = joined - (np.nanmin(joined) if np.isfinite(joined).any() else 0.0)
    for period in PERIODS:
        columns |= _period(table, period, end, rule)
    intended = _intended(plan, rule)
    for period, due in _due(plan, rule, end).items():
        done = columns[f"{measure_of(plan, rule)}_{period}"].astype(float)
        columns[f"intended_{period}"] = due
        share = np.full(len(table), np.nan)
        np.divide(np.minimum(done, due), due, out=share, where=due > 0)
        columns[f"share_{period}"] = share
    judged = pd.array(columns["share_whole"] >= plan.adherence.threshold, dtype="boolean")
    judged[np.isnan(columns["share_whole"])] = pd.NA
    columns["adherent"] = judged
    for name in (*EARLY_WEEKS, "last_week", *EARLY_HOURS):
        columns[f"{name}_before"] = table[f"{name}_before"].astype(float).fillna(0.0).to_numpy()
    columns |= _by_weekday(table, joined)
    for name, kind in zip(of_kinds(rule), rule.other_kinds, strict=True):
        columns[of_kind(kind)] = table[f"{name}_before"].astype(float).fillna(0.0).to_numpy()
    if rule.unrelated_kind:
        for period in ("before", "after"):
            counted = table[f"unrelated_{period}"].astype(float).fillna(0.0)
            columns[f"unrelated_{period}"] = counted.to_numpy()
    if "days_before_enrolment" in table:
        columns["days_before_enrolment"] = table["days_before_enrolment"].to_numpy(dtype=float)
    columns |= _leaving(table, columns, end, rule)
    if "reason" in table:
        columns["reason"] = table["reason"].astype("object")
    return pd.DataFrame(columns), intended


def _by_weekday(table: pd.DataFrame, joined: np.ndarray) -> dict[str, np.ndarray]:
    """Units of each weekday before the landmark, where everybody's day of enrolment is known."""
    if not len(table) or not np.isfinite(joined).all():
        return {}
    counted = [table[f"{name}_before"].astype(float).fillna(0.0).to_numpy() for name in EARLY_DAYS]
    first = (np.floor(joined).astype(np.int64) + THURSDAY) % len(EARLY_DAYS)
    everyone = np.arange(len(table))
    return {
        f"weekday_{k + 1}_before": np.stack(counted)[(k - first) % len(EARLY_DAYS), everyone]
        for k in range(len(EARLY_DAYS))
    }


def measure_of(plan: Study, rule: UsageRule) -> str:
    """Name of the measure that counts the intended unit."""
    unit = plan.intended_use.unit
    return "completed" if rule.completed_kind and unit in ("sessions", "modules") else unit


def _intended(plan: Study, rule: UsageRule) -> dict[str, float]:
    whole = float(plan.intended_use.amount)
    after = due_after(plan, rule.landmark_day, rule.study_days)
    values = {"intended_before": whole - after, "intended_after": after, "intended_whole": whole}
    return {name: int(value) if float(value).is_integer() else value for name, value in values.items()}


def due_after(plan: Study, day: float, study_days: float) -> float:
    """Intended units whose weeks lie after a day; of sessions and modules whole ones only."""
    due = plan.intended_use
    days = min(7.0 * due.weeks, study_days)
    after = float(due.amount) * max(0.0, days - day) / days
    return float(np.floor(after + 1e-9)) if due.unit in ("sessions", "modules") else after


def _due(plan: Study, rule: UsageRule, end: np.ndarray) -> dict[str, np.ndarray]:
    """Units that were due of each person while watched, by period; whole units where they are counted."""
    use, intended = plan.intended_use, _intended(plan, rule)
    days = min(7.0 * use.weeks, rule.study_days)
    whole, before = float(use.amount), float(intended["intended_before"])
    counted = use.unit in ("sessions", "modules")

    def units(share: np.ndarray) -> np.ndarray:
        found = whole * np.clip(share, 0.0, 1.0)
        return np.floor(found + 1e-9) if counted else found

    seen = np.minimum(end, days)
    early = np.minimum(units(seen / days), before)
    early = np.where(end >= rule.landmark_day, before, early)
    late = units((seen - rule.landmark_day) / days)
    return {"before": early, "after": late, "whole": early + late}


def _period(table: pd.DataFrame, period: str, end: np.ndarray, rule: UsageRule) -> dict[str, np.ndarray]:
    parts = ("before", "after") if period == "whole" else (period,)
    columns: dict[str, np.ndarray] = {}
    for name in COUNTED:
        total = table[[f"{name}_{part}" for part in parts]].astype(float).fillna(0).sum(axis=1).to_numpy()
        columns[f"{name}_{period}"] = total if name == "minutes" else total.astype(np.int64)
    first = np.fmin.reduce([table[f"first_use_{part}"].to_numpy(dtype=float) for part in parts])
    last = np.fmax.reduce([table[f"last_use_{part}"].to_numpy(dtype=float) for part in parts])
    opens = rule.landmark_day if period == "after" else 0.0
    closes = np.fmin(end, rule.landmark_day) if period == "before" else end
    gaps = [first - opens, closes - last, table[f"inner_gap_{period}"].to_numpy(dtype=float)]
    longest = np.fmax.reduce(gaps)
    columns[f"first_use_{period}"], columns[f"last_use_{period}"] = first, last
    columns[f"longest_gap_{period}"] = np.where(np.isnan(first), np.maximum(closes - opens, 0.0), longest)
    return columns


def _leaving(
    table: pd.DataFrame, columns: dict[str, Any], end: np.ndarray, rule: UsageRule
) -> dict[str, Any]:
    """Last use with censoring, and disengagement counted from the landmark."""
    last = columns["last_use_whole"]
    stays = np.nan_to_num(last, nan=0.0) + rule.gap_days > end
    idle = rule.landmark_day - np.nan_to_num(columns["last_use_before"], nan=0.0)
    at_risk = (idle < rule.gap_days) & (end > rule.landmark_day)
    final = np.nan_to_num(last, nan=0.0) + rule.gap_days
    final = np.where((final <= end) & (final > rule.landmark_day), final, np.inf)
    stop = np.fmin(table["stopped_late"].to_numpy(dtype=float), final)
    stop = np.where(stop <= end, stop, np.inf)
    event = at_risk & np.isfinite(stop)
    time = np.where(event, stop, end) - rule.landmark_day
    return {
        "last_use_day": last,
        "last_use_is_end": ~stays,
        "idle_at_landmark": idle,
        "at_risk": at_risk,
        "disengaged_after": np.where(at_risk, time, np.nan),
        "disengaged": event,
    }


def retention(people: pd.DataFrame, users: pd.DataFrame, rule: UsageRule) -> pd.DataFrame:
    """Share that used the app on each declared day, and on that day or later."""
    used = dict(zip(users["whole_day"], users["users"], strict=True))
    last = np.nan_to_num(people["last_use_whole"].to_numpy(dtype=float), nan=-1.0)
    end = people["end_day"].to_numpy(dtype=float)
    rows = []
    for day in rule.retention_days:
        here = end > day  # of somebody watched until the start of a day nothing of that day is known
        n = int(here.sum())
        on_day = int(used.get(day, 0)) / n if n else float("nan")
        rows.append({"day": day, "n": n, "on_day": on_day, "from_day": share_of(last[here] >= day)})
    return pd.DataFrame(rows)


def share_of(flags: np.ndarray) -> float:
    """Share of true flags; NaN where there is none."""
    return float(flags.mean()) if len(flags) else float("nan")
