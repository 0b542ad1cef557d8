"""Moments of ordinal items at two levels with their asymptotic covariance over clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.structural.estimation.ram import Array, Ints, vech_places
from analysis.structural.two_level.any_pair import Answers, Given, Levels, pair_of, variable_of
from analysis.structural.two_level.given_points import EDGE_WITHIN
from analysis.structural.two_level.ordinal_items import FLAT, ItemAtLevels
from analysis.structural.two_level.ordinal_pairs import EDGE
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders

CONSTANT = 1e-10  # share of a variance below which there is none
WITHIN_OF_CODES = 1.15  # latent correlations within are about so much larger than those of the codes


def covariates_given(x: Array, n_within: int, names: list[str], caller: str, where: str) -> Given | None:
    """Standardise covariates; None where there are none.

    Parameters
    ----------
    x
        Those of rows, then those of clusters, shape (N, q).
    n_within
        Covariates of rows.
    names
        Columns, as messages name them.
    caller, where
        The public function and the group named in messages.

    Raises
    ------
    NotEstimableError
        Covariates that are constant or linear functions of each other.
    """
    if not x.shape[1]:
        return None
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    flat = [
        name for name, one in zip(names, deviation <= CONSTANT * (1.0 + np.abs(mean)), strict=True) if one
    ]
    if flat:
        fact = f"{name_offenders(flat)} is constant{where}."
        raise NotEstimableError(fact_and_hint(caller, fact, "leave it out of the model."))
    own = (x - mean) / deviation
    if np.linalg.eigvalsh(own.T @ own / len(own))[0] < CONSTANT:
        fact = f"the predictors are linear functions of each other{where}."
        raise NotEstimableError(fact_and_hint(caller, fact, "drop one of them."))
    return Given(own, n_within, mean, deviation)


@dataclass(frozen=True, slots=True, eq=False)
class TwoLevelOrdinalMoments:
    """Thresholds and covariances of both levels of p variables in J clusters.

    Attributes
    ----------
    thresholds
        Of every ordinal item, where the variance within is one (of an item of level 2 only, that between).
    means
        Of continuous variables.
    within
        Covariances within clusters, ordinal items with variance one, of the variables of level 1.
    between
        Covariances between clusters of the variables of level 2: those of both levels come first.
    ordinal_within, varies_between
        Which variables of level 1 are ordinal; which of level 2 have a variance of their own there.
    influence
        What each cluster moves the moments by, in the order of `vector`, shape (J, m).
    n_obs
        Rows.
    at_edge
        Pairs whose correlation between clusters is held at its edge (.999, given covariates .99), by place.
    slopes
        On covariates of rows of the variables of level 1, and on those of clusters of those of level 2.
    """

    thresholds: list[Array]
    means: Array
    within: Array
    between: Array
    ordinal_within: npt.NDArray[np.bool_]
    varies_between: npt.NDArray[np.bool_]
    influence: Array
    n_obs: int
    at_edge: list[tuple[int, int]]
    slopes: tuple[Array, Array]

    @property
    def vector(self) -> Array:
        """Thresholds, means, slopes on covariates of rows and of clusters (variable by variable), variances
        within of continuous variables, variances between, covariances within, covariances between (below, by
        column)."""
        return np.concatenate(
            [
                *self.thresholds,
                self.means,
                *(own.ravel() for own in self.slopes),
                np.diag(self.within)[~self.ordinal_within],
                np.diag(self.between)[self.varies_between],
                self.within[vech_places(len(self.within), False)],
                self.between[vech_places(len(self.between), False)],
            ]
        )

    @property
    def n_first(self) -> int:
        """Moments before the covariances of different variables."""
        return len(self.vector) - sum(len(m) * (len(m) - 1) // 2 for m in (self.within, self.between))

    @property
    def acov(self) -> Array:
        """N times the covariance of the moments, J/(J - 1) for the mean that scores have by fitting."""
        j = len(self.influence)
        return np.asarray(self.n_obs * j / (j - 1.0) * self.influence.T @ self.influence)


def two_level_ordinal_moments(
    codes: Array,
    clusters: Ints,
    sizes: list[int],
    names: list[str],
    caller: str,
    where: str,
    given: Given | None = None,
    levels: Levels | None = None,
) -> TwoLevelOrdinalMoments:
    """Estimate variables, then pairs given the variables, by maximum likelihood over clusters.

    Parameters
    ----------
    codes
        0, 1, …, or numbers of continuous variables, NaN where unanswered, shape (N, p).
    clusters
        Any whole numbers, shape (N,).
    sizes
        Categories of each item, 0 of a continuous variable.
    names
        Variables, as messages name them.
    caller, where
        The public function and the group named in messages.
    given
        Covariates; None where there are none.
    levels
        Where variables stand; all at both levels unless given.

    Raises
    ------
    NotEstimableError
        A variable without variance within or between clusters, items never answered together, a correlation
        within at one, or a search that fails.

    References
    ----------
    Asparouhov, T., & Muthen, B. (2007). Computationally efficient estimation of multilevel high-dimensional
    latent variable models. Proceedings of the 2007 Joint Statistical Meetings, Section on Statistics in
    Epidemiology, 2531-2535.
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    n_clusters, p = int(clusters.max()) + 1, codes.shape[1]
    levels = levels or Levels.all_of(p)
    _refuse_unseen(codes, clusters, names, levels, caller, where)
    codes, centre, unit = _in_units(codes, sizes)
    answers = Answers(codes, clusters, n_clusters, sizes, given, levels)
    items = variables_at_levels(answers, names, caller, where)
    _refuse_flat([item for item in items if item.within and item.between], names, items, caller, where)
    within, between = np.diag([item.inner for item in items]), np.diag([item.variance for item in items])
    starts = _rough_correlations(codes, clusters, items)
    at_edge, failed, beyond = [], [], []
    pairs: dict[tuple[int, int], Array] = {}
    for i, j in zip(*vech_places(p, False), strict=True):
        if {levels.kind(int(i)), levels.kind(int(j))} == {"within", "between"}:
            continue
        start = (float(starts[0][i, j]), float(starts[1][i, j]))
        pair = pair_of(answers, items, int(j), int(i), start)
        within[i, j] = within[j, i] = pair.within
        between[i, j] = between[j, i] = pair.between
        pairs[int(i), int(j)] = pair.influence
        name = f"{names[j]}-{names[i]}"
        most = _edges(items[i], items[j], given)
        spread = np.sqrt(items[i].inner * items[j].inner)
        if not pair.converged:
            failed.append(name)
        elif items[i].within and items[j].within and abs(pair.within) >= (most - 1e-9) * spread:
            beyond.append(name)
        elif pair.at_edge:
            at_edge.append((int(j), int(i)))
    if failed:
        fact = f"the search for the correlations of a pair does not settle{where}: {name_offenders(failed)}."
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories, or drop an item."))
    if beyond:
        fact = f"correlations within clusters at 1 or -1{where}: {name_offenders(beyond)}."
        hint = "drop one item of each pair, or merge rare categories."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))
    return _assembled(answers, items, pairs, (within, between), (centre, unit), at_edge)


def _edges(one: ItemAtLevels, two: ItemAtLevels, given: Given | None) -> float:
    """Correlation within up to which a pair is searched."""
    ordinal = one.ordinal and two.ordinal
    flat = one.between != two.between
    return EDGE_WITHIN if ordinal and (flat or (given is not None and one.between)) else EDGE


def _in_units(codes: Array, sizes: list[int]) -> tuple[Array, Array, Array]:
    """Standardise continuous variables; also their means and deviations, 0 and 1 of ordinal items."""
    line = np.array([size == 0 for size in sizes])
    centre, unit = np.zeros(len(sizes)), np.ones(len(sizes))
    if line.any():
        codes = codes.astype(np.float64)
        centre[line], unit[line] = np.nanmean(codes[:, line], axis=0), np.nanstd(codes[:, line], axis=0)
        codes = (codes - centre) / unit
    return codes, centre, unit


def _assembled(
    answers: Answers,
    items: list[ItemAtLevels],
    pairs: dict[tuple[int, int], Array],
    covariances: tuple[Array, Array],
    scale: tuple[Array, Array],
    at_edge: list[tuple[int, int]],
) -> TwoLevelOrdinalMoments:
    """Put moments and influence in order, in the units that variables and covariates were measured in."""
    given, levels, (centre, unit) = answers.given, answers.levels, scale
    thresholds, influence = [item.thresholds for item in items], [item.influence for item in items]
    slopes = np.array([item.slopes for item in items])
    if given is not None:
        signs = [1.0 if item.ordinal else -1.0 for item in items]  # a mean falls where a threshold rises
        thresholds, slopes, influence = given.as_measured(thresholds, slopes, influence, signs)
    q, q_within = slopes.shape[1], 0 if given is None else given.n_within
    one, two = np.arange(levels.within), levels.between
    cuts = [len(own) for own in thresholds]
    tau = [k for k, item in enumerate(items) if item.ordinal]
    line = [k for k, item in enumerate(items) if not item.ordinal]
    inner = [k for k in one if not items[k].ordinal]
    varies = np.array([items[k].within or not items[k].ordinal for k in two], dtype=bool)
    whole = [
        *(influence[k][:, : cuts[k]] for k in tau),
        *(influence[k][:, :1] * unit[k] for k in line),
        *(influence[k][:, cuts[k] : cuts[k] + q_within] * unit[k] for k in one),
        *(influence[k][:, cuts[k] + q_within : cuts[k] + q] * unit[k] for k in two),
        *(influence[k][:, cuts[k] + q : cuts[k] + q + 1] * unit[k] ** 2 for k in inner),
        *(influence[k][:, -1:] * unit[k] ** 2 for k in two[varies]),
    ]
    for level, chosen in enumerate((one, two)):
        for i, j in zip(*vech_places(len(chosen), False), strict=True):
            pair = max(chosen[i], chosen[j]), min(chosen[i], chosen[j])
            whole.append(
                pairs[int(pair[0]), int(pair[1])][:, level : level + 1] * unit[pair[0]] * unit[pair[1]]
            )
    spread = np.outer(unit, unit)
    within, between = (own * spread for own in covariances)
    slopes = slopes * unit[:, None]
    return TwoLevelOrdinalMoments(
        [thresholds[k] for k in tau],
        np.array([centre[k] + unit[k] * thresholds[k][0] for k in line]),
        within[np.ix_(one, one)],
        between[np.ix_(two, two)],
        np.array([items[k].ordinal for k in one], dtype=bool),
        varies,
        np.hstack(whole),
        len(answers.codes),
        at_edge,
        (slopes[one, :q_within], slopes[two, q_within:]),
    )


def _refuse_unseen(
    codes: Array, clusters: Ints, names: list[str], levels: Levels, caller: str, where: str
) -> None:
    """Refuse items that are the same throughout every cluster, and pairs that no row answers both of."""
    seen = ~np.isnan(codes)
    order = np.argsort(clusters, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(clusters))[:-1]])
    low, high = (np.full(codes.shape, fill) for fill in (np.inf, -np.inf))
    low[seen], high[seen] = codes[seen], codes[seen]
    spread = np.maximum.reduceat(high[order], starts) - np.minimum.reduceat(low[order], starts)
    varies = np.any(spread > 0.0, axis=0)
    flat = [name for name, one in zip(names[: levels.within], varies.tolist(), strict=False) if not one]
    if flat:
        fact = f"{name_offenders(flat)} does not vary within clusters{where}."
        raise NotEstimableError(fact_and_hint(caller, fact, "name it at level 2 only."))
    together = seen.T.astype(float) @ seen
    kinds = [levels.kind(k) for k in range(len(names))]
    never = [
        f"{names[i]}-{names[j]}"
        for j, i in zip(*vech_places(len(names), False), strict=True)
        if together[i, j] == 0.0 and {kinds[i], kinds[j]} != {"within", "between"}
    ]
    if never:
        fact = f"{len(never)} pairs never answered by one row{where}: {name_offenders(never)}."
        raise NotEstimableError(fact_and_hint(caller, fact, "drop one item of each pair."))


def items_at_levels(
    codes: Array, clusters: Ints, sizes: list[int], names: list[str], caller: str, where: str
) -> list[ItemAtLevels]:
    """Estimate thresholds and variance between clusters of every item; as `two_level_ordinal_moments`.

    Raises
    ------
    NotEstimableError
        A search that fails.
    """
    everywhere = Levels.all_of(len(sizes))
    answers = Answers(codes, clusters, int(clusters.max()) + 1, sizes, None, everywhere)
    return variables_at_levels(answers, names, caller, where)


def variables_at_levels(answers: Answers, names: list[str], caller: str, where: str) -> list[ItemAtLevels]:
    """Estimate every variable by itself.

    Parameters
    ----------
    answers
        Of all variables.
    names, caller, where
        As for `two_level_ordinal_moments`.

    Raises
    ------
    NotEstimableError
        A search that fails.
    """
    items = [variable_of(answers, k) for k in range(len(names))]
    failed = [n for n, item in zip(names, items, strict=True) if not item.converged]
    if failed:
        fact = (
            f"the search for thresholds and variance between clusters does not settle{where}: "
            f"{name_offenders(failed)}."
        )
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories, or drop the item."))
    return items


def _refuse_flat(
    split: list[ItemAtLevels], names: list[str], items: list[ItemAtLevels], caller: str, where: str
) -> None:
    none = [any(item is one for one in split) and item.variance < FLAT * item.inner for item in items]
    flat = [name for name, one in zip(names, none, strict=True) if one]
    if flat:
        fact = f"{name_offenders(flat)} does not vary between clusters beyond chance{where}."
        hint = "name it at level 1 only, or fit one level with cluster= and no level blocks."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))


def _rough_correlations(codes: Array, clusters: Ints, items: list[ItemAtLevels]) -> tuple[Array, Array]:
    """Correlations to start from: codes about their cluster's mean, and expected parts between."""
    seen = ~np.isnan(codes)
    filled = np.where(seen, codes, 0.0)
    n_clusters = int(clusters.max()) + 1
    away = np.zeros_like(filled)
    for k in range(codes.shape[1]):
        count = np.bincount(clusters, seen[:, k], n_clusters)
        mean = np.bincount(clusters, filled[:, k], n_clusters) / np.maximum(count, 1.0)
        away[:, k] = np.where(seen[:, k], filled[:, k] - mean[clusters], 0.0)
    product = away.T @ away
    spread = np.sqrt(np.maximum(np.diag(product), 1e-12))
    expected = np.array([item.expected for item in items])
    with np.errstate(invalid="ignore", divide="ignore"):
        between = np.nan_to_num(np.atleast_2d(np.corrcoef(expected)))
    return WITHIN_OF_CODES * product / np.outer(spread, spread), between
