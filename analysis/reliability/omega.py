"""McDonald's omega: total, hierarchical and categorical, with Schmid–Leiman loadings and intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from analysis.correlation.definite import check_correlations, definite_correlations
from analysis.correlation.given import given_correlations
from analysis.correlation.moments import ordinal_moments
from analysis.correlation.smoothing import Smooth, Smoothing, checked_smooth, smoothed
from analysis.factors.moments import checked_size, pearson
from analysis.reliability.inputs import (
    Array,
    Interval,
    ItemTable,
    Missing,
    checked_covariance,
    item_table,
    squared_multiple_correlations,
)
from analysis.reliability.omega_result import OmegaResult
from analysis.reliability.ordinal_scores import categorical_share
from analysis.reliability.resampling import Draws, bootstrap, checked_level
from analysis.reliability.schmid_leiman import Hierarchy, group_parts, omega_parts, schmid_leiman
from instrument.errors import (
    ResponseDataError,
    ToolkitError,
    ToolkitWarning,
    fact_and_hint,
    name_offenders,
    warn_user,
)

CALLER = "omega"
NAMES = ("total", "hierarchical", "asymptotic", "ecv")
CATEGORICAL = ("categorical", "categorical_hierarchical")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """Correlations of one sample; thresholds and steps between codes where they are polychoric."""

    correlations: Array
    thresholds: list[Array]
    steps: list[Array]

    def keyed(self, signs: Array) -> _Sample:
        """Turn items: their correlations change sign, their thresholds sign and order."""
        turned = signs < 0
        return _Sample(
            correlations=self.correlations * np.outer(signs, signs),
            thresholds=[-t[::-1] if turn else t for t, turn in zip(self.thresholds, turned, strict=False)],
            steps=[s[::-1] if turn else s for s, turn in zip(self.steps, turned, strict=False)],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Recipe:
    """How one sample becomes coefficients."""

    n_factors: int
    correlation: str
    rotation: str
    extraction: str
    seed: int
    smooth: str | None

    def correlate(self, values: Array, names: list[str]) -> _Sample:
        """Correlate answers."""
        if self.correlation == "pearson":
            return _Sample(correlations=pearson(values), thresholds=[], steps=[])
        found = ordinal_moments(values, acov=False, names=names, caller=CALLER)
        steps = [np.diff(codes).astype(np.float64) for codes in found.categories]
        return _Sample(correlations=found.correlations, thresholds=found.thresholds, steps=steps)

    def decompose(self, correlations: Array, *, quick: bool) -> Hierarchy:
        """Schmid–Leiman solution; the quick one starts from fewer positions."""
        return schmid_leiman(
            correlations,
            self.n_factors,
            rotation=self.rotation,
            extraction=self.extraction,
            from_scratch=quick,
            random_starts=2 if quick else 10,
            seed=self.seed,
        )

    def coefficients(self, sample: _Sample, hierarchy: Hierarchy) -> tuple[float, ...]:
        """Omegas in the order of `NAMES`, then `CATEGORICAL`."""
        parts = omega_parts(sample.correlations, hierarchy)
        linear = (parts.total, parts.hierarchical, parts.asymptotic, parts.ecv)
        if not sample.thresholds:
            return linear
        general = np.outer(hierarchy.general, hierarchy.general)
        ordinal = (sample.thresholds, sample.steps, sample.correlations)
        of_general = categorical_share(*ordinal, general)
        if self.n_factors == 1:  # which is the general factor
            return (*linear, of_general, of_general)
        return (*linear, categorical_share(*ordinal, hierarchy.pattern.common), of_general)


def omega(
    items: pd.DataFrame,
    n_factors: int,
    correlation: Literal["pearson", "polychoric", "given"] = "pearson",
    rotation: str = "oblimin",
    *,
    extraction: Literal["minres", "ml"] = "minres",
    missing: Missing = "listwise",
    flip: bool = False,
    confidence: float = 0.95,
    interval: Literal["logit", "percentile"] = "logit",
    draws: int = 200,
    seed: int = 1,
    n_obs: int | None = None,
    smooth: Smooth = False,
) -> OmegaResult:
    """Share of a total's variance due to common factors and to the general factor alone.

    Use it before promising subscores: a high hierarchical omega and ECV say that one score tells most of
    it. For one theme with one factor prefer `congeneric_omega`.

    Parameters
    ----------
    items
        Shape (n_persons, n_items): numeric codes, NA for missing, reversed items already reversed; with
        `correlation="given"` the square matrix of their correlations.
    n_factors
        Group factors; three or more. With two the general factor is not identified (a warning says so); with
        one it is that factor.
    correlation
        `"pearson"`, or `"polychoric"` for ordinal items, which adds the categorical coefficients, or
        `"given"`: a matrix, which has nobody to draw, and so no intervals.
    rotation
        An oblique rotation of `analysis.efa`.
    extraction
        `"minres"` or `"ml"`.
    missing
        `"listwise"` or `"pairwise"`.
    flip
        Turn items with a negative general loading, as psych does unless told otherwise. Never silent: `keys`
        tells which. Without it they are named in a warning.
    confidence
        Coverage of the intervals.
    interval
        `"logit"`: bootstrap standard error on the logit scale; or `"percentile"`, which covers too seldom for
        hierarchical omega, because the bootstrap repeats the downward bias of the estimate.
    draws, seed
        Bootstrap draws over people (0: no intervals) and seed of rotation and bootstrap.
    n_obs
        Number of persons behind a given matrix.
    smooth
        What becomes of a matrix that is not positive definite: `False` refuses it, in the sample and in draws
        of the bootstrap; `"nearest"` takes the nearest correlation matrix, `"truncated"` raises eigenvalues
        to a floor. A warning, `.smoothing` and `.draws_smoothed` say what was done. Items that repeat
        others or follow from them are refused all the same.

    Returns
    -------
    OmegaResult
        `.total`, `.hierarchical`, `.ecv`, `.categorical`, each with `_ci`, and the loadings.

    Raises
    ------
    ResponseDataError
        Text, constant, empty or repeated columns, an orthogonal rotation, or an unknown option.
    DefinitionError
        More factors than the items allow.
    NotEstimableError
        A singular correlation matrix, an indefinite one unless `smooth` says what to do, too few rows, or an
        extraction or bootstrap that fails.

    Warns
    -----
    ToolkitWarning
        Items that oppose the general factor, two factors, Heywood cases, lost draws, a smoothed matrix.

    Notes
    -----
    Oblique factors are extracted, their correlations get one factor of their own, and the Schmid–Leiman
    transformation gives uncorrelated general loadings g and group loadings. With V the sum of the observed
    correlations: total = 1 - Σ(1 - h²)/V with the communalities h² of the oblique solution, hierarchical =
    (Σg)²/V, asymptotic their ratio, ECV = Σg² over the sum of all squared loadings. Categorical: the same
    ratio for sums of ordinal scores, by thresholds and bivariate normal probabilities. In bootstrap draws the
    keys stay as they are in the whole sample.

    In R: `psych::omega(items, nfactors, flip = FALSE)`; `semTools::compRelSEM(ord.scale = TRUE)` gives the
    categorical coefficient of a confirmatory model.

    References
    ----------
    McDonald, R. P. (1999). Test theory: A unified treatment. doi:10.4324/9781410601087
    Zinbarg, R. E., Revelle, W., Yovel, I., & Li, W. (2005). doi:10.1007/s11336-003-0974-7
    Green, S. B., & Yang, Y. (2009). doi:10.1007/s11336-008-9099-3
    Schmid, J., & Leiman, J. M. (1957). doi:10.1007/BF02289209
    Higham, N. J. (2002). doi:10.1093/imanum/22.3.329

    Examples
    --------
    Three factors that correlate .5 with three items each, loadings .8, in data with exactly these
    correlations: omega hierarchical is (9 × .8 × √.5)² / (9 + 54 × .32 + 18 × .64) = .6857, ECV 1/2.

    >>> within, between = np.kron(np.eye(3), np.ones((3, 3))), np.ones((9, 9))
    >>> correlations = 0.32 * between + 0.32 * within + 0.36 * np.eye(9)
    >>> raw = np.random.default_rng(1).standard_normal((200, 9))
    >>> exact = np.linalg.qr(raw - raw.mean(axis=0))[0] @ np.linalg.cholesky(correlations).T
    >>> result = omega(pd.DataFrame(exact), n_factors=3, draws=0)
    >>> print(f"{result.hierarchical:.4f} {result.ecv:.4f}")
    0.6857 0.5000
    """
    _check_options(correlation, rotation, extraction, interval, draws)
    checked_level(confidence, CALLER)
    recipe = _Recipe(
        n_factors=n_factors,
        correlation=correlation,
        rotation=rotation,
        extraction=extraction,
        seed=seed,
        smooth=checked_smooth(CALLER, smooth),
    )
    checked_size(CALLER, n_obs)
    if correlation == "given":
        names, matrix = given_correlations(CALLER, items, n_obs)
        table = ItemTable(names=tuple(names), values=np.empty((0, len(names))), n_dropped=0)
        sample = _Sample(correlations=matrix, thresholds=[], steps=[])
    else:
        table = item_table(items, missing, CALLER, least=3)
        checked_covariance(table, CALLER)
        names = list(table.names)
        sample = recipe.correlate(table.values, names)
    sample, smoothing = _definite(sample, table, recipe)
    hierarchy = recipe.decompose(sample.correlations, quick=False)
    signs = np.where(hierarchy.general < 0, -1.0, 1.0) if flip else np.ones(len(names))
    sample, hierarchy = sample.keyed(signs), hierarchy.keyed(signs)
    found = recipe.coefficients(sample, hierarchy)
    resampled, repaired = (
        _resample(recipe, table.values * signs, names, draws, seed)
        if draws and len(table.values)
        else (None, 0)
    )
    _warn(hierarchy, names)
    return _result(
        table,
        recipe,
        sample.correlations,
        hierarchy,
        signs,
        found,
        resampled,
        missing if len(table.values) else "given",
        interval,
        confidence,
        n_obs=len(table.values) or n_obs or 0,
        smoothing=smoothing,
        draws_smoothed=repaired,
    )


def _definite(sample: _Sample, table: ItemTable, recipe: _Recipe) -> tuple[_Sample, Smoothing | None]:
    """See that the correlations can be inverted, smoothed where that was chosen."""
    matrix, smoothing = definite_correlations(
        CALLER,
        sample.correlations,
        list(table.names),
        recipe.smooth or False,
        table.values if len(table.values) else None,
        kind=recipe.correlation,
        consequence=" Guttman's lambda 6 rests on its inverse and is not reported.",
    )
    return replace(sample, correlations=matrix), smoothing


def _check_options(correlation: str, rotation: str, extraction: str, interval: str, draws: int) -> None:
    from analysis.factors.rotation import OBLIQUE

    allowed = {
        "correlation": (correlation, ("pearson", "polychoric", "given")),
        "rotation": (rotation, tuple(sorted(OBLIQUE))),
        "extraction": (extraction, ("minres", "ml")),
        "interval": (interval, ("logit", "percentile")),
    }
    for option, (given, known) in allowed.items():
        if given not in known:
            raise ResponseDataError(
                fact_and_hint(CALLER, f"{option} is {given!r}.", f"choose one of {name_offenders(known)}.")
            )
    if draws < 0:
        raise ResponseDataError(fact_and_hint(CALLER, f"draws is {draws}.", "ask for 0 or more."))


def _resample(recipe: _Recipe, values: Array, names: list[str], draws: int, seed: int) -> tuple[Draws, int]:
    """Draw people, who were keyed by signs alone (no coefficient depends on where a scale begins).

    Also counts the draws whose correlations were smoothed.
    """
    coefficients = NAMES if recipe.correlation == "pearson" else NAMES + CATEGORICAL
    lost = (float("nan"),) * len(coefficients)
    repaired = 0

    def statistic(rows: Array) -> tuple[float, ...]:
        nonlocal repaired
        try:
            sample = recipe.correlate(rows, names)
            if recipe.smooth is not None and np.isfinite(sample.correlations).all():
                matrix = smoothed(sample.correlations, recipe.smooth)
                repaired += matrix is not sample.correlations
                sample = replace(sample, correlations=matrix)
            check_correlations(CALLER, sample.correlations, names)
            hierarchy = recipe.decompose(sample.correlations, quick=True)
        except ToolkitError:
            return lost  # counted by `bootstrap`, which warns or refuses
        return recipe.coefficients(sample, hierarchy)

    drawn = bootstrap(values, _quiet(statistic), coefficients, draws=draws, seed=seed, caller=CALLER)
    return drawn, repaired


def _quiet(statistic: Callable[[Array], tuple[float, ...]]) -> Callable[[Array], tuple[float, ...]]:
    """Keep warnings about single draws (local minima, Heywood cases) from the caller."""

    def silent(rows: Array) -> tuple[float, ...]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolkitWarning)
            return statistic(rows)

    return silent


def _warn(hierarchy: Hierarchy, names: list[str]) -> None:
    facts = []
    if negative := _negative(hierarchy, names):
        facts.append(
            (
                f"{len(negative)} {'item loads' if len(negative) == 1 else 'items load'} negatively "
                f"on the general factor: "
                f"{name_offenders(negative)}; nothing was reversed.",
                "if they are keyed negatively, reverse them first or pass flip=True.",
            )
        )
    if not hierarchy.identified:
        facts.append(
            (
                "with 2 factors the general factor is not identified; equal loadings on it are assumed.",
                "read hierarchical omega and ECV as one of many possible values.",
            )
        )
    if heywood := _heywood(hierarchy, names):
        facts.append((f"no unique variance is left in {name_offenders(heywood)}.", "extract fewer factors."))
    for fact, hint in facts:
        warn_user(fact_and_hint(CALLER, fact, hint))


def _negative(hierarchy: Hierarchy, names: list[str]) -> tuple[str, ...]:
    return tuple(name for name, g in zip(names, hierarchy.general, strict=True) if g < 0)


def _heywood(hierarchy: Hierarchy, names: list[str]) -> tuple[str, ...]:
    return tuple(name for name, h2 in zip(names, hierarchy.communalities, strict=True) if h2 > 0.9949)


def _intervals(
    draws: Draws | None, found: tuple[float, ...], interval: str, confidence: float
) -> dict[str, Interval]:
    """Interval of each coefficient; none without draws."""
    if draws is None:
        return {}
    if interval == "percentile":
        return {name: draws.interval(name, confidence) for name in draws.names}
    pairs = zip(draws.names, found, strict=True)
    return {name: draws.logit_interval(name, estimate, confidence) for name, estimate in pairs}


def _result(
    table: ItemTable,
    recipe: _Recipe,
    correlations: Array,
    hierarchy: Hierarchy,
    signs: Array,
    found: tuple[float, ...],
    draws: Draws | None,
    missing: str,
    interval: str,
    confidence: float,
    *,
    n_obs: int,
    smoothing: Smoothing | None,
    draws_smoothed: int,
) -> OmegaResult:
    names, k = list(table.names), len(table.names)
    factors = [f"F{j + 1}" for j in range(recipe.n_factors)]
    total, hierarchical, asymptotic, ecv, *ordinal = found
    variance = float(correlations.sum())
    present = np.isfinite(table.values).astype(int)
    pattern = hierarchy.pattern
    limits = _intervals(draws, found, interval, confidence)
    return OmegaResult(
        total=total,
        hierarchical=hierarchical,
        asymptotic=asymptotic,
        ecv=ecv,
        categorical=ordinal[0] if ordinal else None,
        categorical_hierarchical=ordinal[1] if ordinal else None,
        total_ci=limits.get("total"),
        hierarchical_ci=limits.get("hierarchical"),
        asymptotic_ci=limits.get("asymptotic"),
        ecv_ci=limits.get("ecv"),
        categorical_ci=limits.get("categorical"),
        categorical_hierarchical_ci=limits.get("categorical_hierarchical"),
        interval=interval,
        confidence=confidence,
        alpha=k / (k - 1) * (1 - k / variance),
        lambda6=float("nan")
        if smoothing is not None
        else float(1 - (k - squared_multiple_correlations(correlations).sum()) / variance),
        groups=_groups(correlations, hierarchy, found, factors),
        schmid_leiman=_loadings(hierarchy, names, factors),
        pattern=pd.DataFrame(pattern.loadings, index=names, columns=factors),
        factor_correlations=pd.DataFrame(pattern.factor_correlations, index=factors, columns=factors),
        second_order=pd.Series(hierarchy.second_order, index=factors, name="g"),
        keys=pd.Series(signs.astype(int), index=names, name="key"),
        negative_items=_negative(hierarchy, names),
        heywood=_heywood(hierarchy, names),
        identified=hierarchy.identified,
        n_factors=recipe.n_factors,
        correlation=recipe.correlation,
        extraction=recipe.extraction,
        rotation=recipe.rotation,
        missing=missing,
        n_obs=n_obs,
        n_items=k,
        n_dropped=table.n_dropped,
        n_pair_least=int((present.T @ present).min()) if len(present) else n_obs,
        draws=draws,
        smoothing=smoothing,
        draws_smoothed=draws_smoothed,
    )


def _groups(
    correlations: Array, hierarchy: Hierarchy, found: tuple[float, ...], factors: list[str]
) -> pd.DataFrame:
    member, shares = group_parts(correlations, hierarchy)
    own = [member == j for j in range(len(factors))]
    group = sum(float(hierarchy.group[rows, j].sum() ** 2) for j, rows in enumerate(own))
    whole = (found[0], found[1], group / float(correlations.sum()))
    table = pd.DataFrame(
        np.vstack([whole, shares]),
        index=["g", *(f"{name}*" for name in factors)],
        columns=["total", "general", "group"],
    )
    table["n_items"] = [len(member), *(int(rows.sum()) for rows in own)]
    return table


def _loadings(hierarchy: Hierarchy, names: list[str], factors: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(hierarchy.group, index=names, columns=[f"{name}*" for name in factors])
    table.insert(0, "g", hierarchy.general)
    table["communality"] = hierarchy.communalities
    table["uniqueness"] = 1 - hierarchy.communalities
    table["general_share"] = hierarchy.general**2 / hierarchy.communalities
    return table
