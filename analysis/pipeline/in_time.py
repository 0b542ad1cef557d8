"""Scores and answers without those that came after the use which they are to predict had begun."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.design.late_answers import late_rows
from analysis.usage.clock import MICROSECONDS_PER_DAY, on_its_clock
from instrument.reading.people import labels_as_text
from instrument.reading.side_columns import Place

if TYPE_CHECKING:
    from analysis.pipeline.context import Context
    from instrument.scoring.scorecard import Scorecard


def days_of(context: Context) -> pd.DataFrame | None:
    """Days on which each administration was answered, where they are known.

    They are a column `day` of the times, or follow from moments (`at`) and dates of enrolment (`enrolled`) by
    the clock of the study, as days of use do.
    """
    times, people = context.times, context.enrolment
    if times is None or "day" in times:
        return times
    if "at" not in times or people is None or "enrolled" not in people or context.study is None:
        return None
    zone = context.study.zone
    return context.once("days of answers", lambda: _by_the_clock(times, people, zone))


def _by_the_clock(times: pd.DataFrame, people: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Times with a column `day`: midnights of the clock between enrolment and the answers."""
    first, day = (
        _calendar_days(table, name, source, zone)
        for table, name, source in (
            (people, "enrolled", "the table of the enrolled"),
            (times, "at", "the table of times"),
        )
    )
    zero = pd.Series(first, index=labels_as_text(people["participant"]).to_numpy())
    return times.assign(day=day - labels_as_text(times["participant"]).map(zero).to_numpy(dtype=float))


def _calendar_days(table: pd.DataFrame, name: str, source: str, zone: str) -> NDArray[np.float64]:
    place = Place(caller="validate", source=source, lines=np.arange(1, len(table) + 1))
    micros, _, empty, _ = on_its_clock(table[name].reset_index(drop=True), name, place, zone)
    return np.where(empty, np.nan, micros // MICROSECONDS_PER_DAY)


def card_in_time(context: Context) -> Scorecard:
    """Scores without those of administrations that came late."""
    card = context.card
    late = _late(context, card.scores)
    return card if late is None else replace(card, scores=card.scores[~late])


def answers_in_time(context: Context) -> pd.DataFrame:
    """Answers, those of administrations that came late missing: rows stay where they are."""
    answers = context.answers
    late = _late(context, answers)
    if late is None:
        return answers
    items = [name for name in context.item_ids if name in answers]
    kept = answers.copy()
    kept[items] = answers[items].where(~pd.Series(late, index=answers.index), axis=0)
    kept.attrs = dict(answers.attrs)
    return kept


def _late(context: Context, table: pd.DataFrame) -> NDArray[np.bool_] | None:
    days = days_of(context)
    if days is None or context.study is None:
        return None
    late = late_rows(table, days, context.study, "validate")
    return late if late.any() else None
