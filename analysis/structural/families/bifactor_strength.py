"""Strength of the general factor of a bifactor model, of the total and of each theme, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from analysis.common.options import checked_level
from analysis.common.result import Result
from analysis.structural.estimation.ram import Array
from analysis.structural.inference.result import StructuralResult
from analysis.structural.inference.standardised import row_estimates, standardise
from instrument.errors import DefinitionError, fact_and_hint

CALLER = "bifactor_strength"
FEWEST_APART = 3
"""Blocks of items that nothing but the general factor relates to each other."""
STEP = 1e-6  # of the central difference; the shares are smooth and of the order of 1
WHOLE = "total"
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BifactorResult(Result):
    """Shares of variance of a total and of its themes.

    Attributes
    ----------
    table
        One row per part ("total", then each group factor): `n_items`; `omega`, the share of the variance of
        the part's sum that all factors explain; `omega_general`, the share of the general factor (omega
        hierarchical in the row of the total); `omega_group`, the share of the group factors; `ecv`, the part
        of the common variance that is general; each with `_se`, `_ci_lower` and `_ci_upper`.
    confidence
        Coverage of the intervals.
    scale
        What the sums are of: "latent answers" for ordinal items, "standardised items" otherwise.
    """

    table: pd.DataFrame
    confidence: float
    scale: str

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per part.
        """
        return self.table

    @property
    def omega_h(self) -> float:
        """Omega hierarchical of the total."""
        return float(self.table["omega_general"].loc[WHOLE])

    @property
    def ecv(self) -> float:
        """Explained common variance of the total."""
        return float(self.table["ecv"].loc[WHOLE])


def bifactor_strength(result: StructuralResult, confidence: float = 0.95) -> BifactorResult:
    """Say how much of a total, and of each theme, the general factor of a bifactor model accounts for.

    Use it before subscores are promised: where `omega_group` of a theme is small, its score says little
    beyond the total. A bifactor model is no evidence for a general factor by its fit alone.

    Parameters
    ----------
    result
        A model of uncorrelated factors in one group of people; its first factor is the general one and
        carries every item, each other factor carries the items of a theme.
    confidence
        Coverage of the intervals.

    Returns
    -------
    BifactorResult
        `.table`, `.omega_h`, `.ecv`.

    Raises
    ------
    DefinitionError
        Several groups, correlated factors, items that the first factor does not carry, or two themes that
        hold every item: they do not determine the general factor.

    Notes
    -----
    With standardised loadings g (general) and s (group), and unique variances u = 1 - g² - s², the variance
    of the sum of some items is V = (Σg)² + Σ_k (Σs_k)² + Σu, as the model implies it. omega = 1 - Σu / V,
    omega_general = (Σg)² / V, omega_group = Σ_k (Σs_k)² / V, ecv = Σg² / (Σg² + Σs²). Standard errors follow
    from those of the standardised loadings by the delta method, intervals are symmetric on the logit scale.
    For ordinal items the loadings and the sum are those of the latent answers; the sum of the answers as
    given is somewhat less reliable.

    Correlations between two themes alone tell only the products of general loadings, so those of one theme
    may grow as those of the other shrink; within a theme, general and own loadings that are in proportion
    cannot be told apart. Three themes, or items outside of two, settle it.

    In R: `BifactorIndicesCalculator::bifactorIndices(fit)`, which gives no standard errors and takes two
    themes, too.

    References
    ----------
    Rodriguez, A., Reise, S. P., & Haviland, M. G. (2016). Evaluating bifactor models. Psychological
    Methods, 21, 137-150. https://doi.org/10.1037/met0000045
    Zinbarg, R. E., Revelle, W., & Yovel, I. (2007). Estimating ωh for structures containing two group
    factors: Perils and prospects. Applied Psychological Measurement, 31, 135-157.
    https://doi.org/10.1177/0146621606291558

    Examples
    --------
    >>> from analysis.structural.models import cfa
    >>> rng = np.random.default_rng(1)
    >>> general, own = rng.normal(size=(2000, 1)), np.repeat(rng.normal(size=(2000, 3)), 3, axis=1)
    >>> items = 0.7 * general + 0.4 * own + 0.6 * rng.normal(size=(2000, 9))
    >>> table = pd.DataFrame(items, columns=[f"x{k}" for k in range(1, 10)])
    >>> model = "g =~ x1+x2+x3+x4+x5+x6+x7+x8+x9; a =~ x1+x2+x3; b =~ x4+x5+x6; c =~ x7+x8+x9"
    >>> fit = cfa(model, table, "ML", std_lv=True, orthogonal=True)
    >>> bool(abs(bifactor_strength(fit).omega_h - 39.69 / (39.69 + 4.32 + 3.24)) < 0.02)
    True
    """
    checked_level(confidence, CALLER)
    loadings, spread, places, names = _standardized(result)
    everything = np.arange(loadings.shape[0])
    parts = {WHOLE: everything}
    for k, name in enumerate(names[1:], start=1):
        parts[name] = np.flatnonzero(places[:, k] >= 0)
    rows = {part: _row(loadings, spread, places, items, confidence) for part, items in parts.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("part")
    table.insert(0, "n_items", [len(items) for items in parts.values()])
    scale = "latent answers" if result._fitted.ordinal else "standardised items"
    return BifactorResult(table=table, confidence=confidence, scale=scale)


def shares(loadings: Array, items: Places) -> Array:
    """Shares of the variance of a sum.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Standardised; the first column is the general factor.
    items
        Positions of the items summed.

    Returns
    -------
    ndarray, shape (4,)
        omega, omega_general, omega_group, ecv.
    """
    own = loadings[items]
    squares = own**2
    common = own.sum(axis=0) ** 2
    unique = float((1.0 - squares.sum(axis=1)).sum())
    variance = float(common.sum()) + unique
    general, group = float(common[0]), float(common[1:].sum())
    return (
        np.array([general + group, general, group, variance * squares[:, 0].sum() / squares.sum()]) / variance
    )


COEFFICIENTS = ("omega", "omega_general", "omega_group", "ecv")


def _apart(places: Places) -> set[tuple[object, ...]]:
    """Blocks that only the general factor joins: items of each theme, and each item of no theme by itself."""
    blocks: set[tuple[object, ...]] = set()
    for item, row in enumerate(places[:, 1:] >= 0):
        blocks.add(tuple(np.flatnonzero(row)) or (-1, item))
    return blocks


def _standardized(fit: StructuralResult) -> tuple[Array, Array, Places, list[str]]:
    """Loadings, the covariance of their estimates, the place of each in it (-1: none), factor names."""
    fitted = fit._fitted
    if len(fitted.sizes) > 1:
        _refuse(f"the model has {len(fitted.sizes)} groups.", "fit each group by itself.")
    rows = fitted.table.rows
    latent = set(fitted.table.names.latent)
    found = standardise(fitted, row_estimates(fitted), "all")
    crossed = [
        row.name
        for row, value in zip(rows, found.values, strict=False)
        if row.op == "~~" and row.lhs != row.rhs and {row.lhs, row.rhs} <= latent and abs(value) > 1e-8
    ]
    if crossed:
        _refuse(f"factors are correlated: {crossed[0]}.", "fit it with orthogonal=True.")
    kept = [k for k, row in enumerate(rows) if row.op == "=~"]
    names = list(dict.fromkeys(rows[k].lhs for k in kept))
    items = list(dict.fromkeys(rows[k].rhs for k in kept))
    places: Places = np.full((len(items), len(names)), -1, dtype=np.intp)
    for position, k in enumerate(kept):
        places[items.index(rows[k].rhs), names.index(rows[k].lhs)] = position
    lacking = [item for item, row in zip(items, places, strict=True) if row[0] < 0]
    if lacking or len(names) < 2:
        fact = f"{names[0]!r} does not carry {lacking[0]!r}." if lacking else "there is one factor only."
        _refuse(fact, "write the general factor first, with every item.")
    if len(_apart(places)) < FEWEST_APART:
        _refuse(
            f"{names[1]!r} and {names[2]!r} alone do not determine {names[0]!r}.",
            "give three themes, or items that only the general factor carries.",
        )
    values = found.values[kept]
    by = found.by_free[kept]
    loadings = np.where(places >= 0, values[places], 0.0)
    return loadings, by @ fitted.vcov @ by.T, places, names


def _refuse(fact: str, hint: str) -> None:
    raise DefinitionError(fact_and_hint(CALLER, fact, hint))


def _row(
    loadings: Array, spread: Array, places: Places, items: Places, confidence: float
) -> dict[str, float]:
    """Every share of one part with standard error and interval."""
    values = shares(loadings, items)
    slopes = _slopes(lambda changed: shares(changed, items), loadings, places)
    errors = np.sqrt(np.einsum("ij,jk,ik->i", slopes, spread, slopes))
    row: dict[str, float] = {}
    for name, value, error in zip(COEFFICIENTS, values, errors, strict=True):
        lower, upper = _logit_interval(float(value), float(error), confidence)
        row |= {name: float(value), f"{name}_se": float(error)}
        row |= {f"{name}_ci_lower": lower, f"{name}_ci_upper": upper}
    return row


def _slopes(function: Callable[[Array], Array], loadings: Array, places: Places) -> Array:
    """Derivatives of the shares by the loadings, in the order of their places."""
    slopes = np.zeros((len(COEFFICIENTS), int(places.max()) + 1))
    for row, column in np.argwhere(places >= 0):
        up, down = loadings.copy(), loadings.copy()
        up[row, column] += STEP
        down[row, column] -= STEP
        slopes[:, places[row, column]] = (function(up) - function(down)) / (2 * STEP)
    return slopes


def _logit_interval(value: float, error: float, confidence: float) -> tuple[float, float]:
    if not 0 < value < 1:
        return float("nan"), float("nan")
    half = float(norm.ppf((1 + confidence) / 2)) * error / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))
