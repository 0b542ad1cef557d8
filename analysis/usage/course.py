"""Use before and after each of many landmarks, and the pauses in it, from one reading of a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.usage.expressions import EARLY, MEASURES, WEEK, UsageRule, of_kinds, pauses, per_stretch
from analysis.usage.faults import check_twins
from analysis.usage.people import everybody, finish
from analysis.usage.reading import LogReading, checked_reading
from analysis.usage.sources import clock_on_utc, connect, faults_in_words, people_table, quiet_driver
from analysis.usage.summarise_usage import (
    UsageSummary,
    before_enrolment,
    in_parts,
    mapped,
    opened_log,
    rule_in_words,
    with_earlier,
    with_one_unit,
)
from analysis.usage.watching import watching, with_clock
from analysis.usage.words import ENROLLED, LOGGED
from instrument.reading.people import labels_as_text
from instrument.study import Landmark, Study

NO_RETENTION = pd.DataFrame(columns=["day", "n", "on_day", "from_day"])


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCourse:
    """Use as `summarise_usage` would give it at each landmark, and every long pause.

    `at`: landmark to summary (without retention). `pauses`: participant, last_use, back (days of two uses
    more than `longest` days apart). `longest`: days without use that count as a pause.
    """

    at: dict[int, UsageSummary]
    pauses: pd.DataFrame
    longest: float


def use_course(
    events: Any,
    study: Study,
    days: Sequence[int],
    *,
    longest: float,
    participants: pd.DataFrame | None = None,
    engine: Any = None,
    reading: LogReading | None = None,
) -> UseCourse:
    """Read a log once for many landmarks.

    Parameters
    ----------
    events
        Usage log, as for `summarise_usage`.
    study
        Intended use; its own landmark is not needed.
    days
        Landmarks, whole days inside the study.
    longest
        Days without use that count as a pause.
    participants
        Everyone enrolled.
    engine, reading
        As for `summarise_usage`.

    Returns
    -------
    UseCourse
        A summary for each landmark.
    """
    edges = tuple(sorted(set(days)))
    # Cut a week before each landmark too: what the last week held is asked of each.
    cuts = tuple(sorted({*edges, *(day - int(WEEK) for day in edges if day > WEEK)}))
    wave = study.rated_waves[0] if study.rated_waves else study.waves[0]
    plan = with_one_unit(study.model_copy(update={"landmark": Landmark(wave=wave.id, day=edges[0])}))
    how = checked_reading(mapped(reading or LogReading()))
    people = with_clock(people_table(participants, how, plan.zone), participants, plan, how)
    with quiet_driver():
        con = connect(engine)
        with clock_on_utc(con), faults_in_words(how, events):
            opened = opened_log(plan, people, events, con, None, "login", 5.0, (), how)
            n_events = int(opened.tally["events"].sum())
            rule, kinds = opened.rule, opened.kinds
            table = in_parts(con, opened.used, n_events, lambda mine: per_stretch(mine, rule, kinds, cuts))
            earlier = before_enrolment(con, opened, people)
            apart = in_parts(con, opened.used, n_events, lambda mine: pauses(mine, longest))
    tally = opened.tally
    last, last_day = float(tally["last"].max()), float(tally["last_day"].max())
    named = [f"events_{period}" for period in ("before", "after")]
    first = _split(table, rule, 0, range(1))
    seen = int(first[named].sum().sum())
    counts = {**opened.counts, "duplicates": n_events - int(tally["set_aside"].sum()) - seen}
    notes = [*opened.notes, *check_twins(first, seen, how)]
    at = {}
    for day in edges:
        here = replace(rule, landmark_day=float(day))
        split = _split(table, rule, cuts.index(day), _bins_of_last_week(cuts, day))
        whole = everybody(split, people)
        whole = with_earlier(whole, earlier)
        watched = watching(whole, plan, last, last_day)
        finished, intended = finish(whole, watched.until, plan, here)
        at[day] = UsageSummary(
            people=finished,
            retention=NO_RETENTION,
            counts=dict(counts),
            rule={
                **rule_in_words(plan, here),
                **intended,
                "watched_until": watched.how,
                "cut_short": watched.cut_short,
                "people": LOGGED if people is None else ENROLLED,
                "engine": con.name,
                "lost": opened.lost,
            },
            notes=[*notes, *watched.notes],
        )
    return UseCourse(at=at, pauses=_ordered(apart), longest=longest)


def _ordered(apart: pd.DataFrame) -> pd.DataFrame:
    named = apart.assign(participant=labels_as_text(apart["participant"]))
    columns = ["participant", "last_use", "back"]
    return named.sort_values(["participant", "last_use"], ignore_index=True)[columns]


def _bins_of_last_week(cuts: Sequence[int], day: int) -> range:
    """Stretches between two cuts that make up the week before a landmark."""
    place = cuts.index(day)
    return range(cuts.index(day - int(WEEK)) + 1 if day > WEEK else 0, place + 1)


def _split(table: pd.DataFrame, rule: UsageRule, place: int, last_week: range) -> pd.DataFrame:
    """Put the stretches before and after one of the landmarks together, one row for each participant."""
    late = table["bin"].to_numpy() > place
    early = (*EARLY, *of_kinds(rule))
    counted = (*MEASURES, "duplicates", "twins", "gap", "stop", "units", *early)
    frame = table.astype(dict.fromkeys(counted, float))
    by = frame.groupby("participant", sort=True)
    parts: dict[str, Any] = {
        "duplicates": by["duplicates"].sum(),
        "twins": by["twins"].sum(),
        "inner_gap_whole": by["gap"].max(),
        **{
            f"{name}_before": frame[name].where(~late, 0.0).groupby(frame["participant"]).sum()
            for name in early
        },
        "last_week_before": frame["units"]
        .where(table["bin"].isin(last_week).to_numpy(), 0.0)
        .groupby(frame["participant"])
        .sum(),
        "stopped_late": frame["stop"].where(frame["stop_bin"] > place).groupby(frame["participant"]).min(),
    }
    within = ~late | (table["from_bin"].to_numpy() > place)
    for period, inside in (("before", ~late), ("after", late)):
        mine = frame[inside]
        grouped = mine.groupby("participant")
        for name in MEASURES:
            how = {"first_use": "min", "last_use": "max"}.get(name, "sum")
            parts[f"{name}_{period}"] = grouped[name].agg(how)
        gaps = mine["gap"].where(within[inside])
        parts[f"inner_gap_{period}"] = gaps.groupby(mine["participant"]).max()
    made = pd.DataFrame(parts)
    return made.rename_axis("participant").reset_index().replace({None: np.nan})
