"""A general factor over the dimensions, predicted by composites as they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.structural.inference.result import StructuralResult
from analysis.structural.models import sem
from instrument.errors import NotEstimableError, fact_and_hint

CALLER = "general_on_composites"
FEWEST_DIMENSIONS = 2


def general_on_composites(
    scores: pd.DataFrame, dimensions: Sequence[str], composites: Sequence[str]
) -> StructuralResult:
    """Regress what the dimensions have in common on composites.

    Use it where themes are lists of what is there (`measurement: composite`): no factor stands behind their
    items, so each enters as its score. Like any model of one moment it says nothing of order in time, and the
    unreliability of a composite is not taken out, which draws its path towards zero.

    Parameters
    ----------
    scores : pandas.DataFrame, one row per person
        Theme scores.
    dimensions
        Columns that are signs of the general factor; two or more.
    composites
        Columns that predict it.

    Returns
    -------
    StructuralResult
        Maximum likelihood with robust errors (MLR); gaps in dimensions by full information, people without
        a composite are left out. The general factor is called `general`, or `general_factor` where a column
        is called so.

    Raises
    ------
    NotEstimableError
        Fewer than two dimensions, no composite, or whatever `sem` refuses.

    Notes
    -----
    dimension_j = nu_j + lambda_j general + e_j, general = sum_k b_k composite_k + d. A composite with unit
    weights is observed, so this is a model with a fixed formative side (Bollen & Bauldry 2011).

    In R: `lavaan::sem("general =~ a + b + c; general ~ k", estimator = "MLR", missing = "fiml")`.

    References
    ----------
    Bollen, K. A., & Bauldry, S. (2011). Three Cs in measurement models: Causal indicators, composite
    indicators, and covariates. Psychological Methods, 16(3), 265-284. https://doi.org/10.1037/a0024448

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(3).normal
    >>> context = draw(size=500)
    >>> general = 0.6 * context + 0.8 * draw(size=500)
    >>> table = pd.DataFrame({name: general + draw(size=500) for name in "abc"} | {"k": context})
    >>> found = general_on_composites(table, ["a", "b", "c"], ["k"])
    >>> row = found.standardized().query("op == '~'").iloc[0]
    >>> bool(row["ci_lower"] < 0.6 < row["ci_upper"])
    True
    """
    rows = _people(scores, dimensions, composites)
    general = _general(dimensions, composites)
    syntax = f"{general} =~ {' + '.join(dimensions)}\n{general} ~ {' + '.join(composites)}"
    return sem(syntax, rows, estimator="MLR")


def general_on_weighted(
    scores: pd.DataFrame,
    answers: pd.DataFrame,
    dimensions: Sequence[str],
    composites: Mapping[str, list[str]],
) -> StructuralResult:
    """Regress what the dimensions have in common on composites whose weights are estimated.

    Use it beside `general_on_composites`: it says what the items of a list could foretell at most, and which
    of them do. Weights are those with which the list relates best to the dimensions in these people, so the
    path is larger than that of equal weights by construction; no better score until other people show it.

    Parameters
    ----------
    scores : pandas.DataFrame, one row per person
        Theme scores, those of the composites among them.
    answers : pandas.DataFrame, the same rows
        Items of the composites, reversed ones turned.
    dimensions
        Columns that are signs of the general factor; two or more.
    composites
        Theme to its items.

    Returns
    -------
    StructuralResult
        As `general_on_composites`, of the same people; gaps in items by full information.

    Raises
    ------
    NotEstimableError
        Fewer than two dimensions, no composite, or whatever `sem` refuses.

    Notes
    -----
    As `general_on_composites` with composite_k = sum_j w_kj item_kj. In R: `k <~ x1 + x2` in lavaan 0.6-20.

    References
    ----------
    Schamberger, T., Schuberth, F., Henseler, J., & Rosseel, Y. (2025). https://arxiv.org/abs/2508.06112
    """
    rows = _people(scores, dimensions, list(composites)).drop(columns=list(composites))
    general = _general(dimensions, list(composites))
    formed = [f"{name} <~ {' + '.join(items)}" for name, items in composites.items()]
    paths = f"{general} ~ {' + '.join(composites)}"
    syntax = "\n".join([f"{general} =~ {' + '.join(dimensions)}", *formed, paths])
    return sem(syntax, rows.join(answers.astype(float)), estimator="MLR")


def _general(dimensions: Sequence[str], composites: Sequence[str]) -> str:
    return "general" if "general" not in {*dimensions, *composites} else "general_factor"


def _people(scores: pd.DataFrame, dimensions: Sequence[str], composites: Sequence[str]) -> pd.DataFrame:
    """Rows with every composite and any dimension."""
    if len(dimensions) < FEWEST_DIMENSIONS or not composites:
        fact = f"{len(dimensions)} dimensions and {len(composites)} composites give no such model."
        hint = "give two dimensions or more, and a composite."
        raise NotEstimableError(fact_and_hint(CALLER, fact, hint))
    rows = scores[[*dimensions, *composites]].astype(float).dropna(subset=list(composites))
    return rows.dropna(how="all", subset=list(dimensions))
