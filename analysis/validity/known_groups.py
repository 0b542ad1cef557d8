"""Known groups: groups that should differ on a score, and by how much they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import mannwhitneyu, nct
from scipy.stats import t as student

from analysis.common.result import Result
from analysis.common.undisturbed import undisturbed_pingouin
from analysis.factors.pattern import Array
from analysis.reliability.resampling import checked_level
from instrument.answers import with_numbers
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
    warn_user,
)

FEWEST_PERSONS = 3
SMALL_GROUP = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class KnownGroupsResult(Result):
    """Differences of a score between groups.

    Attributes
    ----------
    descriptives : pandas.DataFrame
        Index: group, in order of first appearance (or as expected). `n`, `mean`, `sd`, `median`.
    welch : pandas.Series
        Welch's test: `statistic` (t for two groups, F for more), `df1`, `df2`, `pvalue`, `eta_squared`.
    ranks : pandas.Series
        Mann-Whitney's U or Kruskal and Wallis' H: `statistic`, `pvalue`, `effect` (rank-biserial correlation,
        or epsilon squared).
    pairs : pandas.DataFrame
        One row per pair: `first`, `second`, `difference` (second - first) with Welch's interval, `hedges_g`
        with its interval, `pvalue` (Welch; Games-Howell for more than two groups).
    as_expected : bool or None
        Whether the means rise in the expected order; None where no order was given.
    n_obs, n_dropped : int
        Persons in the groups compared, and those without score or group.
    left_out : pandas.Series
        Index: groups of fewer than three persons that were left out, where two others or more are compared;
        how many persons each has.
    """

    descriptives: pd.DataFrame
    welch: pd.Series
    ranks: pd.Series
    pairs: pd.DataFrame
    as_expected: bool | None
    n_obs: int
    n_dropped: int
    left_out: pd.Series
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """One row per pair of groups."""
        return self.pairs


def small_sample_factor(df: float) -> float:
    """Factor that makes a standardised difference unbiased.

    Parameters
    ----------
    df
        Degrees of freedom of the pooled standard deviation.

    Returns
    -------
    float
        Γ(df/2) / (√(df/2) Γ((df - 1)/2)).

    Examples
    --------
    >>> round(small_sample_factor(10), 4)
    0.9227
    """
    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def _noncentrality(t: float, df: float, tail: float) -> float:
    """Noncentrality at which a t as large as this one or smaller has probability `tail`."""

    def excess(noncentrality: float) -> float:
        below = float(nct.cdf(t, df, noncentrality))
        if not np.isfinite(below):  # SciPy gives NaN for some of the farthest tails
            below = float(noncentrality < t)
        return below - tail

    reach = 5.0 + abs(t)
    return float(brentq(excess, t - reach, t + reach, xtol=1e-12))


def hedges_g(first: Array, second: Array, confidence: float = 0.95) -> tuple[float, float, float]:
    """Hedges' standardised difference (second minus first) with its exact interval.

    Parameters
    ----------
    first, second : ndarray, shape (n_persons,)
        Scores of two groups.
    confidence
        Confidence level.

    Returns
    -------
    tuple of float
        Estimate, lower and upper limit.

    References
    ----------
    Hedges, L. V. (1981). Journal of Educational Statistics, 6, 107-128.
    https://doi.org/10.3102/10769986006002107
    """
    n1, n2 = len(first), len(second)
    df = n1 + n2 - 2
    pooled = np.sqrt(((n1 - 1) * np.var(first, ddof=1) + (n2 - 1) * np.var(second, ddof=1)) / df)
    scale = np.sqrt(1 / n1 + 1 / n2)
    t = float((np.mean(second) - np.mean(first)) / (pooled * scale))
    tail = (1 - confidence) / 2
    factor = small_sample_factor(df) * scale
    lower, upper = (_noncentrality(t, df, q) * factor for q in (1 - tail, tail))
    return t * factor, lower, upper


def known_groups(
    data: pd.DataFrame,
    score: str,
    group: str,
    *,
    expected: Sequence[Any] | None = None,
    confidence: float = 0.95,
) -> KnownGroupsResult:
    """Compare a score between groups that are known to differ.

    Use it for groups defined without the score. Judge the size of the difference against what was expected
    beforehand; a small p-value alone says little.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person with both columns; persons without either are dropped and counted. Groups of fewer
        than three persons beside two larger ones are left out with a warning.
    score
        Column of the score.
    group
        Column of the group; labels are kept.
    expected
        Groups from the lowest expected mean to the highest, without those left out.
    confidence
        Confidence level.

    Returns
    -------
    KnownGroupsResult
        `.descriptives`, `.welch`, `.ranks`, `.pairs`.

    Raises
    ------
    DefinitionError
        For columns that are absent, or expected groups that are not those of the data.
    ResponseDataError
        For fewer than two groups of three persons, or scores that are not numbers.
    NotEstimableError
        For a group without variance.

    Warns
    -----
    ToolkitWarning
        Groups that were left out, and groups of fewer than ten persons.

    Notes
    -----
    Welch's t or F does not assume equal variances. Hedges' g divides by the pooled standard deviation, with
    the exact small-sample factor; its interval inverts the noncentral t. Rank-biserial correlation: share of
    pairs in which the second group is higher minus the share in which it is lower. Epsilon squared is
    H/(n - 1).

    References
    ----------
    Welch, B. L. (1951). Biometrika, 38, 330-336. https://doi.org/10.1093/biomet/38.3-4.330
    Hedges, L. V. (1981). Journal of Educational Statistics, 6, 107-128.
    https://doi.org/10.3102/10769986006002107

    In R: ``t.test``, ``oneway.test``, ``wilcox.test``, ``kruskal.test``.

    Examples
    --------
    Student's sleep data (R's ``sleep``): Welch's t = -1.8608 on 17.776 degrees of freedom, p = .07939.

    >>> extra = [.7, -1.6, -.2, -1.2, -.1, 3.4, 3.7, .8, 0, 2, 1.9, .8, 1.1, .1, -.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    >>> sleep = pd.DataFrame({"extra": extra, "drug": ["1"] * 10 + ["2"] * 10})
    >>> known_groups(sleep, "extra", "drug").welch.round(4)[["statistic", "df2", "pvalue"]].tolist()
    [1.8608, 17.7765, 0.0794]
    """
    checked_level(confidence, "known_groups")
    data = with_numbers(data, "known_groups", [score])
    complete, names, left_out = _complete(data, score, group, expected)
    samples = {name: complete.loc[complete[group] == name, score].to_numpy(dtype=float) for name in names}
    _refuse_or_warn(samples)
    pairs = _pairs(complete, samples, score, group, confidence)
    means = [float(sample.mean()) for sample in samples.values()]
    return KnownGroupsResult(
        descriptives=pd.DataFrame(
            {
                "n": [len(sample) for sample in samples.values()],
                "mean": means,
                "sd": [float(sample.std(ddof=1)) for sample in samples.values()],
                "median": [float(np.median(sample)) for sample in samples.values()],
            },
            index=pd.Index(names, name="group"),
        ),
        welch=_welch(complete, samples, score, group),
        ranks=_ranks(complete, samples, score, group),
        pairs=pairs,
        as_expected=None if expected is None else bool((np.diff(means) > 0).all()),
        n_obs=len(complete),
        n_dropped=len(data) - len(complete) - int(left_out.sum()),
        left_out=left_out,
        confidence=confidence,
    )


def _complete(
    data: pd.DataFrame, score: str, group: str, expected: Sequence[Any] | None
) -> tuple[pd.DataFrame, list[Any], pd.Series]:
    """Drop persons without score or group, leave out tiny groups beside larger ones, and order the groups."""
    absent = [column for column in (score, group) if column not in data.columns]
    if absent:
        raise DefinitionError(
            fact_and_hint(
                "known_groups",
                f"columns are not in the data: {name_offenders(absent)}.",
                "name columns of data.",
            )
        )
    complete = data[[score, group]].dropna().reset_index(drop=True)
    complete[group] = complete[group].astype(object)
    names = list(complete[group].unique())
    wanted = {str(name) for name in expected or ()}
    sizes = complete[group].value_counts(sort=False)
    tiny = [name for name in names if sizes[name] < FEWEST_PERSONS and str(name) not in wanted]
    if tiny and len(names) - len(tiny) > 1:
        _warn_of_left_out(tiny)
        complete = complete[~complete[group].isin(tiny)].reset_index(drop=True)
        names = [name for name in names if name not in tiny]
    else:
        tiny = []
    left_out = pd.Series({name: int(sizes[name]) for name in tiny}, dtype=int, name="n").rename_axis("group")
    if len(names) < 2:
        raise ResponseDataError(
            fact_and_hint(
                "known_groups",
                f"{group!r} holds {len(names)} group with scores.",
                "compare at least two groups.",
            )
        )
    if expected is None:
        return complete, names, left_out
    if sorted(map(str, expected)) != sorted(map(str, names)):
        raise DefinitionError(
            fact_and_hint(
                "known_groups",
                f"expected names {name_offenders(expected)}, the data hold {name_offenders(names)}.",
                "name every group once, from the lowest mean to the highest.",
            )
        )
    return complete, sorted(names, key=lambda name: [str(one) for one in expected].index(str(name))), left_out


def _warn_of_left_out(tiny: list[Any]) -> None:
    fact = f"{len(tiny)} groups of fewer than {FEWEST_PERSONS} persons were left out: {name_offenders(tiny)}."
    hint = "merge them with others where that makes sense."
    warn_user(fact_and_hint("known_groups", fact, hint))


def _refuse_or_warn(samples: dict[Any, Array]) -> None:
    tiny = [name for name, sample in samples.items() if len(sample) < FEWEST_PERSONS]
    if tiny:
        raise ResponseDataError(
            fact_and_hint(
                "known_groups",
                f"groups of fewer than {FEWEST_PERSONS} persons: {name_offenders(tiny)}.",
                "merge or leave out these groups.",
            )
        )
    flat = [name for name, sample in samples.items() if np.ptp(sample) == 0]
    if flat:
        raise NotEstimableError(
            fact_and_hint(
                "known_groups", f"groups without variance: {name_offenders(flat)}.", "leave out these groups."
            )
        )
    small = [name for name, sample in samples.items() if len(sample) < SMALL_GROUP]
    if small:
        message = fact_and_hint(
            "known_groups",
            f"groups of fewer than {SMALL_GROUP} persons: {name_offenders(small)}.",
            "read their intervals, not their p-values.",
        )
        warn_user(message)


def _eta_squared(samples: dict[Any, Array]) -> float:
    everyone = np.concatenate(list(samples.values()))
    between = sum(len(sample) * (sample.mean() - everyone.mean()) ** 2 for sample in samples.values())
    return float(between / np.sum((everyone - everyone.mean()) ** 2))


def _welch(complete: pd.DataFrame, samples: dict[Any, Array], score: str, group: str) -> pd.Series:
    if len(samples) == 2:
        first, second = samples.values()
        with undisturbed_pingouin() as pingouin:
            test = pingouin.ttest(second, first, correction=True).iloc[0]
        found = {"statistic": test["T"], "df1": 1.0, "df2": test["dof"], "pvalue": test["p_val"]}
    else:
        with undisturbed_pingouin() as pingouin:
            test = pingouin.welch_anova(data=complete, dv=score, between=group).iloc[0]
        found = {
            "statistic": test["F"],
            "df1": test["ddof1"],
            "df2": test["ddof2"],
            "pvalue": test["p_unc"],
        }
    return pd.Series({**found, "eta_squared": _eta_squared(samples)}, dtype=float)


def _ranks(complete: pd.DataFrame, samples: dict[Any, Array], score: str, group: str) -> pd.Series:
    if len(samples) == 2:
        first, second = samples.values()
        # Not by pingouin, which compares every person of one group with every person of the other in memory.
        statistic, pvalue = mannwhitneyu(second, first, alternative="two-sided")
        found = {"statistic": float(statistic), "pvalue": float(pvalue)}
        effect = 2 * found["statistic"] / (len(first) * len(second)) - 1
    else:
        with undisturbed_pingouin() as pingouin:
            test = pingouin.kruskal(data=complete, dv=score, between=group).iloc[0]
        found = {"statistic": test["H"], "pvalue": test["p_unc"]}
        effect = found["statistic"] / (len(complete) - 1)
    return pd.Series({**found, "effect": effect}, dtype=float)


def _pairs(
    complete: pd.DataFrame, samples: dict[Any, Array], score: str, group: str, confidence: float
) -> pd.DataFrame:
    """Differences of every pair; p-values hold for the family of pairs where there are several."""
    howell = {}
    if len(samples) > 2:
        with undisturbed_pingouin() as pingouin:
            table = pingouin.pairwise_gameshowell(data=complete, dv=score, between=group)
        howell = {frozenset((a, b)): p for a, b, p in table[["A", "B", "pval"]].itertuples(index=False)}
    rows = []
    for first, second in combinations(samples, 2):
        low, high = samples[first], samples[second]
        with undisturbed_pingouin() as pingouin:
            test = pingouin.ttest(high, low, correction=True).iloc[0]
        difference = float(high.mean() - low.mean())
        error = np.sqrt(low.var(ddof=1) / len(low) + high.var(ddof=1) / len(high))
        reach = float(student.ppf((1 + confidence) / 2, float(test["dof"])) * error)
        g, g_lower, g_upper = hedges_g(low, high, confidence)
        rows.append(
            {
                "first": first,
                "second": second,
                "difference": difference,
                "difference_ci_lower": difference - reach,
                "difference_ci_upper": difference + reach,
                "hedges_g": g,
                "hedges_g_ci_lower": g_lower,
                "hedges_g_ci_upper": g_upper,
                "pvalue": float(howell.get(frozenset((first, second)), test["p_val"])),
            }
        )
    return pd.DataFrame(rows)
