"""The unrestricted two-level model and the model of independence, which a two-level fit is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.optimise import Minimum, Reduction, minimise
from analysis.structural.estimation.ram import Array, GroupModel, Ints, Places, vech_places
from analysis.structural.language.partable import ParameterTable
from analysis.structural.two_level.data import LevelPlaces
from analysis.structural.two_level.likelihood import TwoLevelLikelihood
from instrument.errors import ConvergenceError, fact_and_hint

MOST_STEPS = 120
LEAST_BETWEEN = 0.02  # of the variance within: the least that a search starts from


@dataclass(frozen=True, slots=True)
class Unstructured:
    """Models of both levels that give moments parameters of their own.

    Attributes
    ----------
    within, between
        The models.
    n_free
        Parameters: vech of each level, the means of variables within only, the means between.
    explained
        Parameters that a model has to account for: not those among fixed exogenous variables.
    """

    within: GroupModel
    between: GroupModel
    n_free: int
    explained: Ints


def _model(
    p: int,
    pairs: tuple[Ints, Ints],
    means: Ints,
    start: int,
    fixed: Array | None = None,
    fixed_means: Array | None = None,
) -> tuple[GroupModel, int]:
    none = Places(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    row, column = pairs
    symmetric = Places(start + np.arange(len(row)), row, column)
    start += len(row)
    intercepts = Places(start + np.arange(len(means)), means, np.zeros(len(means), dtype=np.int64))
    model = GroupModel(
        observed=np.arange(p),
        directed=np.zeros((p, p)),
        symmetric=np.zeros((p, p)) if fixed is None else fixed,
        intercepts=np.zeros(p) if fixed_means is None else fixed_means,
        free_directed=none,
        free_symmetric=symmetric,
        free_intercepts=intercepts,
    )
    return model, start + len(means)


def unrestricted(table: ParameterTable, places: LevelPlaces) -> Unstructured:
    """Free every moment of both levels."""
    names_within, names_between = table.level_names
    alone = np.flatnonzero(~np.isin(places.within, places.between))
    p_within, p_between = len(places.within), len(places.between)
    within, n_within = _model(p_within, vech_places(p_within), alone, 0)
    between, n_free = _model(p_between, vech_places(p_between), np.arange(p_between), n_within)
    kept = []
    for model, names in ((within, names_within), (between, names_between)):
        fixed = np.isin(names.observed, names.exogenous)
        pairs, means = model.free_symmetric, model.free_intercepts
        kept += [pairs.index[~(fixed[pairs.row] & fixed[pairs.column])], means.index[~fixed[means.row]]]
    return Unstructured(within, between, n_free, np.concatenate(kept))


def independent(table: ParameterTable, places: LevelPlaces, moments: tuple[Array, ...]) -> Unstructured:
    """Free variances and means of both levels; exogenous variables keep the given moments.

    Predictors of both levels covary freely with each other and with those of one level.

    Parameters
    ----------
    table, places
        The model and its variables.
    moments
        Covariance within, covariance between, means within (0 for variables of both levels), means between.
    """
    models, start = [], 0
    for k, (names, at) in enumerate(zip(table.level_names, (places.within, places.between), strict=True)):
        fixed = np.isin(names.observed, names.exogenous)
        tied = np.isin(names.observed, [*names.exogenous, *names.predictors])
        covariance = np.where(np.outer(fixed, fixed), moments[k], 0.0)
        own_mean = np.ones(len(at), dtype=bool) if k else ~np.isin(places.within, places.between)
        row, column = vech_places(len(at))
        free = ~(fixed[row] & fixed[column]) & ((row == column) | (tied[row] & tied[column]))
        model, start = _model(
            len(at),
            (row[free], column[free]),
            np.flatnonzero(own_mean & ~fixed),
            start,
            covariance,
            np.where(fixed, moments[2 + k], 0.0),
        )
        models.append(model)
    return Unstructured(models[0], models[1], start, np.arange(start))


def start_moments(likelihood: TwoLevelLikelihood) -> tuple[Array, Array, Array]:
    """Moments to start from, by the analysis of variance: within, between, means of all variables.

    A covariance between that is not positive definite, which chance allows, is drawn towards its diagonal.
    """
    within, between, mean = likelihood.rough_moments()
    places = likelihood.places
    spread = np.diag(between).copy()
    at = {int(place): k for k, place in enumerate(places.within)}
    for k, place in enumerate(places.between):
        if int(place) in at:
            own = within[at[int(place)], at[int(place)]]
            spread[k] = max(spread[k], LEAST_BETWEEN * own)
    np.fill_diagonal(between, spread)
    diagonal = np.diag(spread)
    for share in (1.0, 0.8, 0.5, 0.2, 0.0):
        mixed = share * between + (1.0 - share) * diagonal
        if np.linalg.eigvalsh(mixed)[0] > 1e-3 * spread.min():
            break
    return within, mixed, mean


def fit_unstructured(
    target_of: TwoLevelLikelihood,
    model: Unstructured,
    start: tuple[Array, Array, Array],
    caller: str,
    where: str,
) -> Minimum:
    """Maximise the likelihood of an unstructured model.

    Raises
    ------
    ConvergenceError
        When the search does not converge.
    """
    within, between, mean = start
    places = target_of.places
    x = np.zeros(model.n_free)
    for group, covariance, at in (
        (model.within, within, places.within),
        (model.between, between, places.between),
    ):
        pairs, means = group.free_symmetric, group.free_intercepts
        x[pairs.index] = covariance[pairs.row, pairs.column]
        x[means.index] = mean[at[means.row]]
    target = target_of.discrepancy(model.within, model.between, model.n_free)
    reduction = Reduction(np.eye(model.n_free), np.zeros(model.n_free))
    found = minimise(target.for_search(), reduction, x, max_steps=MOST_STEPS, near=target_of.smooth)
    if not found.converged:
        raise ConvergenceError(
            fact_and_hint(
                caller,
                f"the two-level model without structure has no maximum that a search reaches{where} "
                f"(largest gradient {found.gradient:.2g}): {target_of.n_clusters} clusters with "
                f"{target_of.n_rows / target_of.n_clusters:.1f} rows each do not determine "
                f"{model.n_free} moments; fit cannot be judged.",
                "take fewer variables at level 2, or one level with cluster= and estimator='MLR'.",
            )
        )
    return found
