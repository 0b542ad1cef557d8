"""What scores add to the prediction of the study's outcome beyond other scores."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.common.multiplicity import adjusted
from analysis.pipeline.context import Context
from analysis.pipeline.reach import Gaps
from instrument.errors import ToolkitError

DRAWS = 500  # of every bootstrap in the section on validity


def added_by_theme(context: Context, people: pd.DataFrame, gaps: Gaps) -> pd.DataFrame:
    """What each theme adds to the study's outcome beyond its baseline and the other themes."""
    study = context.study
    themes = [theme for theme in context.themes if theme in people.columns]
    if study is None or study.outcome is None or study.outcome not in people.columns or len(themes) < 2:
        return pd.DataFrame()
    rows = []
    for theme in themes:
        row = _increment(context, people, theme, [name for name in themes if name != theme], gaps)
        if row is not None:
            rows.append(row)
    return _with_holm(pd.DataFrame(rows))


def _increment(
    context: Context, people: pd.DataFrame, name: str, baseline: list[str], gaps: Gaps
) -> dict[str, Any] | None:
    """What one score adds to the outcome beyond others and the study's baseline measures."""
    from analysis.validity.incremental_validity import incremental_validity

    study = context.study
    if study is None or study.outcome is None:
        return None
    controls = [column for column in study.baseline if column in people.columns]
    try:
        found = incremental_validity(
            people,
            study.outcome,
            name,
            baseline=baseline,
            adjust_for=controls,
            draws=DRAWS,
            seed=context.seed,
        )
    except ToolkitError as error:
        gaps.add(f"{context.title_of(name)}, added to the outcome", error, context.themes.get(name))
        return None
    return {
        "theme": name,
        "title": context.title_of(name),
        "n": found.n_obs,
        "r_squared": found.r_squared_baseline,
        "delta": found.delta_r_squared,
        "ci_lower": found.ci_lower,
        "ci_upper": found.ci_upper,
        "slope": float(found.coefficients["standardized"].loc[name]),
        "f": found.f,
        "pvalue": found.pvalue,
    }


def _with_holm(table: pd.DataFrame) -> pd.DataFrame:
    if len(table):
        table["pvalue_holm"] = adjusted(table["pvalue"])
    return table


def added_beyond(context: Context, people: pd.DataFrame, others: list[str], gaps: Gaps) -> pd.DataFrame:
    """What each score adds to the study's outcome beyond its baseline and the other measures."""
    study = context.study
    if study is None or study.outcome is None or study.outcome not in people.columns or not others:
        return pd.DataFrame()
    rows = []
    for name in context.card.names:
        row = _increment(context, people, name, others, gaps)
        if row is not None:
            rows.append(row)
    return _with_holm(pd.DataFrame(rows))
