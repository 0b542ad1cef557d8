"""Scores and answers without those that came after the use which they are to predict had begun."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.design.late_answers import late_rows

if TYPE_CHECKING:
    from analysis.pipeline.context import Context
    from instrument.scoring.scorecard import Scorecard


def days_of(context: Context) -> pd.DataFrame | None:
    """Days on which each administration was answered, where they are known."""
    return context.times if context.times is not None and "day" in context.times else None


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
