"""Counts of people whose score changed by more than measurement error."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.common.verdicts import Cause
from analysis.pipeline.context import Context
from analysis.pipeline.reach import Gaps
from analysis.pipeline.topics import retest
from instrument.errors import ToolkitError


def change_table(context: Context, first: Any, second: Any, gaps: Gaps) -> pd.DataFrame:
    """Reliable change of each score between two waves.

    Parameters
    ----------
    context
        The validation.
    first, second
        Waves.
    gaps
        What could not be had is added here.

    Returns
    -------
    pandas.DataFrame
        One row per score: n, sem and its source, threshold, higher, same, lower, and shares.
    """
    from analysis.agreement.measurement_error import reliable_change

    errors = _errors(context, first, gaps)
    before, after = context.scores_at(first), context.scores_at(second)
    rows = []
    for name in context.card.names:
        if name not in errors:
            continue
        sem, source = errors[name]
        try:
            found = reliable_change(before[name], after[name].reindex(before.index), sem=sem)
        except ToolkitError as error:
            gaps.add(f"{context.title_of(name)}, reliable change", error, context.themes.get(name))
            continue
        n = found.to_frame()["n"]
        higher, lower = int(n["higher"]), int(n["lower"])
        rows.append(
            {
                "score": name,
                "title": context.title_of(name),
                "n": found.n_pairs,
                "sem": sem,
                "source": source,
                "threshold": found.threshold,
                "higher": higher,
                "same": found.n_pairs - higher - lower,
                "lower": lower,
                "share_higher": higher / found.n_pairs,
                "share_lower": lower / found.n_pairs,
            }
        )
    return pd.DataFrame(rows)


def _errors(context: Context, first: Any, gaps: Gaps) -> dict[str, tuple[float, str]]:
    """Standard error of measurement of each score: from the retest, else from alpha at the first wave."""
    from analysis.agreement.measurement_error import standard_error_of_measurement
    from analysis.reliability.cronbach_alpha import cronbach_alpha

    found: dict[str, tuple[float, str]] = {}
    if not retest.TOPIC.lacks(context):
        for row in retest.retest_rows(context)[0]:
            found[row["score"]] = (row["sem"], "retest")
    scores, items = context.scores_at(first), context.keyed(context.at_wave(first))
    for name in context.card.names:
        own = context.themes.get(name, [])
        if name in found or len(own) < 2:
            continue
        if name in context.composites:
            gaps.leave(f"{context.title_of(name)}, error by alpha", Cause.COMPOSITE)
            continue
        try:
            alpha = cronbach_alpha(items[own].dropna(how="all"), missing="listwise").estimate
            found[name] = (standard_error_of_measurement(float(scores[name].std()), alpha), "alpha")
        except ToolkitError as error:
            gaps.add(f"{context.title_of(name)}, reliable change", error, context.themes.get(name))
    return found


def change_told(changes: pd.DataFrame) -> dict[str, Any]:
    """Largest share of people who changed beyond error, and of which score."""
    if changes.empty:
        return {}
    either = changes["share_higher"] + changes["share_lower"]
    most = changes.iloc[int(either.argmax())]
    return {"change_most": float(either.max()), "change_most_title": most["title"]}
