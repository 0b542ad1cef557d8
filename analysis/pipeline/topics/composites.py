"""What the dimensions have in common, predicted by composites: as they are scored, and weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import TEXT, each, people, statistic
from analysis.pipeline.context import Context, listed
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Table
from instrument.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.structural.inference.result import StructuralResult

_INTERVAL = ("est", "se", "ci_lower", "ci_upper", "pvalue")
FEWEST_ITEMS = 2  # of a composite, for weights


def composite_tables(context: Context, gaps: Gaps) -> dict[str, Table]:
    """Tables `composites` (paths of composites as they are scored) and `weights` (weights estimated).

    Parameters
    ----------
    context
        The validation without composite themes.
    gaps
        Where to note what could not be fitted.
    """
    from analysis.structural.families.composites import (
        FEWEST_DIMENSIONS,
        general_on_composites,
        general_on_weighted,
    )

    composites, answers = context.composite_scores, context.composite_answers
    scores = context.scores_at(context.first_wave)
    dimensions = [theme for theme in context.scale.dimension_themes if theme in scores]
    if composites is None or answers is None or len(dimensions) < FEWEST_DIMENSIONS:
        return {}
    names = [str(name) for name in composites.columns]
    what = f"General factor on {listed(context.set_aside)}"
    if gaps.few is not None:
        gaps.leave(what, gaps.few)
        return {}
    every = scores.join(composites)
    found: dict[str, Table] = {}
    plain = _fitted(lambda: general_on_composites(every, dimensions, names), what, gaps)
    if plain is not None:
        found["composites"] = _paths(context, plain, names)
    if all(len(context.composite_items[name]) >= FEWEST_ITEMS for name in names):
        weighted = _fitted(
            lambda: general_on_weighted(every, answers, dimensions, context.composite_items),
            f"{what}, weighted",
            gaps,
        )
        if weighted is not None:
            found["weights"] = _weights(context, weighted, names)
    return found


def _fitted(fit: Callable[[], StructuralResult], what: str, gaps: Gaps) -> StructuralResult | None:
    """Fit, or note why there is nothing to show."""
    try:
        found = fit()
    except ToolkitError as error:
        gaps.add(what, error)
        return None
    if any(not fault.of_size for fault in found.faults):
        gaps.leave(what, Cause.IMPROPER)
        return None
    return found


def _paths(context: Context, fit: StructuralResult, names: list[str]) -> Table:
    paths = fit.standardized().query("op == '~'").set_index("rhs").loc[names]
    frame = pd.DataFrame({"theme": names, "title": list(context.set_aside), "n": fit.n_obs})
    frame["estimate"] = paths["est"].to_numpy()
    frame = frame.assign(**{key: paths[key].to_numpy() for key in _INTERVAL[1:]})
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "theme title"),
            "n": people(weight=1),
            **each(statistic("n"), "estimate se ci_lower ci_upper pvalue"),
        },
        title="What the dimensions have in common, predicted by each composite",
        columns={
            "title": ("Composite", "text"),
            "n": ("n", "int"),
            "estimate": ("Standardised path", "d2"),
            "ci_lower": ("95% from", "d2"),
            "ci_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
        },
        note="A general factor behind the scores of the dimensions (MLR), each composite as its score: no "
        "factor is behind its items. One moment: it says nothing of what comes first.",
    )


def turned(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn a weighted sum round: it is one thing with its negative, and reads best where weights add up.

    Parameters
    ----------
    rows
        Weights and path, with est, ci_lower, ci_upper.
    """
    return rows.assign(est=-rows["est"], ci_lower=-rows["ci_upper"], ci_upper=-rows["ci_lower"])


def _weights(context: Context, fit: StructuralResult, names: list[str]) -> Table:
    """One row per item with its weight, and one per composite with the path of the weighted sum."""
    rows, title = fit.standardized(), dict(zip(names, context.set_aside, strict=True))
    parts = []
    for name in names:
        own = rows[(rows["op"] == "<~") & (rows["lhs"] == name)]
        path = rows[(rows["op"] == "~") & (rows["rhs"] == name)]
        kept = pd.concat([own.assign(what=own["rhs"]), path.assign(what="path of the weighted sum")])
        kept = kept if own["est"].sum() >= 0.0 else turned(kept)
        parts.append(kept.assign(theme=name, title=title[name]))
    every = pd.concat(parts, ignore_index=True)
    frame = every[["theme", "title", "what"]].assign(n=fit.n_obs, estimate=every["est"])
    frame = frame.assign(**{key: every[key] for key in _INTERVAL[1:]})
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "theme title what"),
            "n": people(weight=1),
            **each(statistic("n"), "estimate se ci_lower ci_upper pvalue"),
        },
        title="The same with weights estimated: what the items of each composite could foretell at most",
        columns={
            "title": ("Composite", "text"),
            "what": ("Item", "text"),
            "n": ("n", "int"),
            "estimate": ("Standardised weight", "r2"),
            "ci_lower": ("95% from", "r2"),
            "ci_upper": ("to", "r2"),
            "pvalue": ("p", "p"),
        },
        note="Weights are those with which the list relates best to the dimensions in these people, so the "
        "path is larger than that of the score by construction. No ground to weight the score until other "
        "people show the same weights.",
    )
