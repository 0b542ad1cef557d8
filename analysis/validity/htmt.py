"""Discriminant validity: heterotrait-monotrait ratios of correlations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.common import rules
from analysis.common.result import Result
from analysis.factors.moments import PairSums, moments, pearson, polychoric_correlations
from analysis.factors.pattern import Array
from analysis.reliability.resampling import WORST_LOSS, bootstrap, bootstrap_all, checked_level
from analysis.validity.extracted_variance import items_by_theme
from instrument.answers import given_answers, table_of
from instrument.definition import Instrument
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, name_offenders, warn_user

FEWEST_ITEMS = 2
NO_CORRELATION = 1e-12
"""Correlations that are 0 come out as rounding below this size, whose logarithm is arbitrary."""
Positions = dict[str, list[int]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class HtmtResult(Result):
    """Ratios of every pair of themes, two ways, with bootstrap intervals.

    Attributes
    ----------
    pairs : pandas.DataFrame
        One row per pair: `first`, `second`, `htmt` with `htmt_ci_lower` and `htmt_ci_upper`, `htmt2` with
        `htmt2_ci_lower` and `htmt2_ci_upper`, and `htmt_below_cutoff`: whether the HTMT passes
        `analysis.common.rules.HTMT` (which belongs to HTMT, not to HTMT2).
    htmt, htmt2 : pandas.DataFrame, shape (n_themes, n_themes)
        The same as symmetric matrices with ones on the diagonal.
    n_obs : int
        Rows used.
    """

    pairs: pd.DataFrame
    htmt: pd.DataFrame
    htmt2: pd.DataFrame
    n_obs: int
    correlation: str
    missing: str
    draws: int
    confidence: float
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """One row per pair of themes."""
        return self.pairs


def ratios(
    correlations: Array, themes: Sequence[Sequence[int]], signs: Array | None = None
) -> tuple[Array, Array]:
    """HTMT and HTMT2 of every pair of themes, from absolute correlations.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Correlations of all items.
    themes
        Positions of each theme's items.
    signs : ndarray, shape (n_items, n_items), optional
        What a correlation between two themes is multiplied with for HTMT, in place of its own sign: those of
        the sample that draws are made from.

    Returns
    -------
    tuple of ndarray, shape (n_pairs,)
        HTMT with arithmetic means, HTMT2 with geometric means. A geometric mean is 0 where one of its
        correlations is 0: HTMT2 is then 0 where that
        is between two themes, and undefined (NaN) within one.
    """
    strength = np.abs(correlations)
    strength = np.where(strength < NO_CORRELATION, 0.0, strength)
    signed = strength if signs is None else correlations * signs
    if np.isfinite(strength).all() and strength.all():
        return _block_means(strength, themes, signed), _block_means(np.log(strength), themes, back=np.exp)
    inside = [strength[np.ix_(t, t)][np.tril_indices(len(t), -1)] for t in themes]
    pairs = list(combinations(range(len(themes)), 2))
    between, across = (
        [table[np.ix_(themes[a], themes[b])].ravel() for a, b in pairs] for table in (strength, signed)
    )
    plain = [m.mean() or np.nan for m in inside]
    with np.errstate(divide="ignore", invalid="ignore"):
        geometric = [np.exp(np.log(m).mean()) or np.nan for m in inside]
        first = [x.mean() / np.sqrt(plain[a] * plain[b]) for x, (a, b) in zip(across, pairs, strict=True)]
        second = [
            np.exp(np.log(x).mean()) / np.sqrt(geometric[a] * geometric[b])
            for x, (a, b) in zip(between, pairs, strict=True)
        ]
    return np.array(first), np.array(second)


def _block_means(
    strength: Array,
    themes: Sequence[Sequence[int]],
    across: Array | None = None,
    *,
    back: Callable[[Array], Array] = np.asarray,
) -> Array:
    """Mean between two themes over the geometric mean of the means within each, for every pair."""
    sizes = np.array([len(t) for t in themes], dtype=float)
    belongs = np.zeros((len(themes), len(strength)))
    for row, t in zip(belongs, themes, strict=True):
        row[list(t)] = 1.0
    sums = belongs @ strength @ belongs.T
    apart = sums if across is None else belongs @ across @ belongs.T
    own = belongs @ np.diag(strength)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = back((np.diag(sums) - own) / (sizes * (sizes - 1)))
    first, second = np.triu_indices(len(themes), 1)
    between = back(apart[first, second] / (sizes[first] * sizes[second]))
    return np.asarray(between / np.sqrt(inside[first] * inside[second]))


def themes_of(scale: Instrument | Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Read the items of each theme from an instrument or a mapping.

    Parameters
    ----------
    scale
        An instrument (themes counted in no total are left out), or theme to item names.

    Returns
    -------
    dict of str to list of str
        Items by theme.
    """
    if isinstance(scale, Instrument):
        return {t.id: [item.id for item in t.items] for t in scale.themes if t.role != "plain"}
    return items_by_theme(scale, "htmt", "scale")


def _checked_themes(themes: dict[str, list[str]], columns: list[str]) -> None:
    if len(themes) < 2:
        raise DefinitionError(
            fact_and_hint("htmt", f"{len(themes)} theme was given.", "give at least two themes.")
        )
    small = [theme for theme, items in themes.items() if len(set(items)) < FEWEST_ITEMS]
    if small:
        raise DefinitionError(
            fact_and_hint(
                "htmt",
                f"themes with fewer than two items: {name_offenders(small)}.",
                "leave these themes out.",
            )
        )
    listed = [item for items in themes.values() for item in items]
    shared = sorted({item for item in listed if listed.count(item) > 1})
    if shared:
        raise DefinitionError(
            fact_and_hint(
                "htmt",
                f"items stand in more than one theme: {name_offenders(shared)}.",
                "keep each item in one theme: a shared item correlates 1 with itself.",
            )
        )
    absent = [item for item in listed if item not in columns]
    if absent:
        raise DefinitionError(
            fact_and_hint(
                "htmt",
                f"{len(absent)} of {len(listed)} items are not in the data: {name_offenders(absent)}.",
                "give a column for every item.",
            )
        )


def htmt(
    data: pd.DataFrame,
    scale: Instrument | Mapping[str, Sequence[str]],
    *,
    correlation: str = "pearson",
    missing: str = "pairwise",
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 1,
) -> HtmtResult:
    """Heterotrait-monotrait ratios: how much items of two themes correlate, compared with within each.

    Use it to ask whether two themes are empirically distinct. It assumes that every theme is unidimensional
    and its items are keyed consistently up to sign; absolute correlations are used, so that reversed items
    need no recoding.

    Parameters
    ----------
    data : pandas.DataFrame
        Holds a numeric column for every item; other columns are ignored.
    scale
        Instrument (themes counted in no total are left out), or mapping of theme to item names.
    correlation : {"pearson", "polychoric"}
        Which correlations.
    missing : {"pairwise", "listwise"}
        All rows with pairs of answers, or complete rows.
    draws
        Bootstrap samples of persons; 0 for no intervals.
    confidence
        Confidence level of the intervals (bootstrap over persons, percentiles).
    seed
        Seed of the bootstrap.

    Returns
    -------
    HtmtResult
        `.pairs`, `.htmt`, `.htmt2`.

    Raises
    ------
    DefinitionError
        For fewer than two themes, themes of one item, shared or absent items.
    ResponseDataError, NotEstimableError
        For data that cannot be correlated.

    Notes
    -----
    HTMT is the mean absolute correlation between the items of two themes divided by the geometric mean of the
    mean absolute correlations within each. HTMT2 takes geometric means everywhere and so drops the assumption
    of equal loadings; it is 0 when any correlation is 0. The cut-off of .85 was studied for HTMT.

    Absolute values fold what chance sends below 0, and once more in every draw. So the draws of HTMT take
    correlations between themes by the sign that they have in the sample: their percentiles cover .88 to .96
    from 60 people on where the ratio is .25 or more; folded draws cover .42 there, and corrected for bias
    .60. The interval
    is cut at 0 and holds its estimate. Of unrelated themes no interval tells 0: the ratio itself cannot be 0.

    References
    ----------
    Henseler, J., Ringle, C. M., & Sarstedt, M. (2015). Journal of the Academy of Marketing Science, 43,
    115-135. https://doi.org/10.1007/s11747-014-0403-8
    Roemer, E., Schuberth, F., & Henseler, J. (2021). Industrial Management & Data Systems, 121, 2637-2650.
    https://doi.org/10.1108/IMDS-02-2021-0082

    In R: ``semTools::htmt(model, data, htmt2 = FALSE)`` and ``htmt2 = TRUE`` (its default).

    Examples
    --------
    Items within themes correlate .5 and items of different themes .25: HTMT is .25 / .5.

    >>> target = np.array([[1, .5, .25, .25], [.5, 1, .25, .25], [.25, .25, 1, .5], [.25, .25, .5, 1]])
    >>> basis, _ = np.linalg.qr(np.column_stack([np.ones(40), np.random.default_rng(1).random((40, 4))]))
    >>> items = pd.DataFrame(basis[:, 1:] @ np.linalg.cholesky(target).T, columns=list("abcd"))
    >>> found = htmt(items, {"one": ["a", "b"], "two": ["c", "d"]}, draws=0)
    >>> found.pairs[["htmt", "htmt2"]].round(6).to_numpy().tolist()
    [[0.5, 0.5]]
    """
    checked_level(confidence, "htmt")
    themes = themes_of(scale)
    data = table_of(data, "htmt", "data")
    _checked_themes(themes, [str(column) for column in data.columns])
    listed = [item for items in themes.values() for item in items]
    if isinstance(scale, Instrument):
        data = given_answers(data, scale, "htmt", listed)
    found = moments("htmt", data[listed], correlation=correlation, missing=missing)
    if not np.isfinite(found.correlations).all():
        raise NotEstimableError(
            fact_and_hint(
                "htmt", "some pairs of items have no rows in common.", "drop items nobody answered."
            )
        )
    at = {item: position for position, item in enumerate(found.labels)}
    positions = [[at[item] for item in items] for items in themes.values()]
    first, second = ratios(found.correlations, positions)
    names = list(combinations(themes, 2))
    table = pd.DataFrame({"first": [a for a, _ in names], "second": [b for _, b in names]})
    intervals = _intervals(found.values, found.labels, positions, correlation, draws, confidence, seed)
    for column, values in (("htmt", first), ("htmt2", second)):
        table[column] = values
        table[f"{column}_ci_lower"], table[f"{column}_ci_upper"] = intervals[column]
    table["htmt_below_cutoff"] = [rules.HTMT.holds(value) for value in first]
    return HtmtResult(
        pairs=table,
        htmt=_square(table, "htmt", list(themes)),
        htmt2=_square(table, "htmt2", list(themes)),
        n_obs=found.n_obs,
        correlation=correlation,
        missing=missing,
        draws=draws,
        confidence=confidence,
        seed=seed,
    )


def _intervals(
    values: Array,
    labels: list[str],
    positions: list[list[int]],
    correlation: str,
    draws: int,
    confidence: float,
    seed: int,
) -> dict[str, tuple[Array, Array]]:
    """Percentiles of both ratios over persons drawn with replacement, HTMT by the signs of the sample."""
    n_pairs = len(positions) * (len(positions) - 1) // 2
    if draws == 0:
        empty = np.full(n_pairs, np.nan)
        return {"htmt": (empty, empty), "htmt2": (empty, empty)}

    def correlated(sample: Array) -> Array:
        if correlation != "pearson":
            return polychoric_correlations("htmt", sample, labels)
        with np.errstate(divide="ignore", invalid="ignore"):
            return pearson(sample)

    whole = correlated(values)
    signs = np.where(whole < 0, -1.0, 1.0)
    geometric: list[Array] = []  # of all draws, beside those that HTMT is kept of

    def arithmetic(correlations: Array) -> Array:
        first, second = ratios(correlations, positions, signs)
        geometric.append(second)
        return first

    columns = tuple(f"htmt:{i}" for i in range(n_pairs))
    if correlation == "pearson":
        sums, everyone = PairSums(values), np.arange(len(values))

        def of_draws(times: Array) -> Array:
            drawn = zip(sums.drawn(times), times.astype(np.intp), strict=True)
            return np.array(
                [
                    arithmetic(correlated(values[np.repeat(everyone, n)]) if found is None else found)
                    for found, n in drawn
                ]
            )

        kept = bootstrap_all(values, of_draws, columns, draws=draws, seed=seed, caller="htmt").values
    else:
        kept = bootstrap(
            values,
            lambda sample: tuple(arithmetic(correlated(sample)).tolist()),
            columns,
            draws=draws,
            seed=seed,
            caller="htmt",
        ).values
    second = np.array(geometric)
    defined = np.isfinite(second).all(axis=1)
    lost = len(kept) - int(defined.sum())
    if lost > 0:
        fact = f"HTMT2 is not defined in {lost} of {draws} draws, in which items of a theme correlate 0."
        warn_user(fact_and_hint("htmt", fact, "read HTMT, or the interval of HTMT2 with care."))
    enough = defined.sum() >= draws * (1 - WORST_LOSS)
    first_own, second_own = ratios(whole, positions)
    limits = {"htmt": _percentiles(kept, first_own, confidence)}
    unknown = (np.full(n_pairs, np.nan), np.full(n_pairs, np.nan))
    limits["htmt2"] = _percentiles(second[defined], second_own, confidence) if enough else unknown
    return limits


def _percentiles(drawn: Array, estimate: Array, confidence: float) -> tuple[Array, Array]:
    """Percentiles of draws, not below 0, and with the estimate among them."""
    lower, upper = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return np.clip(np.minimum(lower, estimate), 0.0, None), np.maximum(upper, estimate)


def _square(table: pd.DataFrame, column: str, themes: list[str]) -> pd.DataFrame:
    square = pd.DataFrame(np.eye(len(themes)), index=themes, columns=themes)
    for first, second, value in table[["first", "second", column]].itertuples(index=False):
        square.loc[first, second] = square.loc[second, first] = value
    return square
