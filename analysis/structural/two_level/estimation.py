"""Estimation of two-level models: ML and MLR, complete rows or full information."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np

from analysis.structural.estimation.continuous import likelihood_indices
from analysis.structural.estimation.continuous_groups import ExogenousValues
from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fitted import (
    Fitted,
    ScaledTest,
    parameter_names,
    refuse_negative_df,
    refuse_unconverged,
)
from analysis.structural.estimation.indices import correlation_residual
from analysis.structural.estimation.information import invert_information
from analysis.structural.estimation.optimise import (
    Minimum,
    Reduction,
    lowest_of,
    minimise,
    minimise_from,
    settle,
)
from analysis.structural.estimation.ram import Array, Ints, State, build_group, evaluate
from analysis.structural.estimation.secant import promising
from analysis.structural.estimation.starting import (
    FURTHER,
    free_markers,
    on_markers,
    other_side,
    scattered,
    start_values,
)
from analysis.structural.language.partable import ParameterTable
from analysis.structural.two_level.data import check_levels, cluster_sample, places_of
from analysis.structural.two_level.likelihood import (
    ClusterDiscrepancy,
    CompleteClusters,
    IncompleteClusters,
    SumOfGroups,
    TwoLevelLikelihood,
    sum_of_groups,
)
from analysis.structural.two_level.missing import incomplete_sample
from analysis.structural.two_level.saturated import (
    Unstructured,
    fit_unstructured,
    independent,
    start_moments,
    unrestricted,
)
from instrument.errors import ConvergenceError, fact_and_hint, name_offenders

FURTHEST = 1.5  # variances below zero that a search still comes back from
RESCUES = 3  # drawn starts where every usual one failed
LEAST_START = 1e-3  # of the variance of both levels: the least variance of a start
LEAST_MARKER = 1e-3  # loading of a marker below which it gives a factor no scale


@dataclass(frozen=True, slots=True)
class Reference:
    """The unrestricted model or the model of independence, fitted to one group."""

    model: Unstructured
    target: ClusterDiscrepancy
    minimum: Minimum

    @property
    def states(self) -> tuple[State, State]:
        """Moments within and between."""
        return evaluate(self.model.within, self.minimum.z), evaluate(self.model.between, self.minimum.z)

    def trace(self) -> float:
        """tr(B A^-1) of the parameters that a model has to account for."""
        kept = self.model.explained
        x = self.minimum.z
        bread = self.target.observed(x)[np.ix_(kept, kept)] / 2.0
        scores = self.target.scores(x)[:, kept]
        return float(np.trace(np.linalg.solve(bread, scores.T @ scores)))


def likelihoods_of(data: ModelData, table: ParameterTable, caller: str) -> list[TwoLevelLikelihood]:
    """Prepare the clusters of every group."""
    check_levels(data, table, caller)
    places = places_of(table)
    found: list[TwoLevelLikelihood] = []
    for g, values in enumerate(data.values):
        clusters = data.sampling_of(g).clusters
        if clusters is None:
            raise ValueError("a two-level model has clusters")
        if np.isnan(values).any():
            found.append(IncompleteClusters(incomplete_sample(values, clusters, places)))
        else:
            found.append(CompleteClusters(cluster_sample(values, clusters, places)))
    return found


def fit_two_level(
    table: ParameterTable, data: ModelData, estimator: str, full_information: bool, caller: str
) -> Fitted:
    """Estimate a two-level model.

    Parameters
    ----------
    table
        The completed parameter table, with level names.
    data
        Rows per group with their clusters, complete unless `full_information`.
    estimator
        "ML" or "MLR".
    full_information
        Whether incomplete rows are used.
    caller
        The public function named in messages.
    """
    likelihoods = likelihoods_of(data, table, caller)
    begin = [start_moments(one) for one in likelihoods]
    saturated = [
        _reference(one, unrestricted(table, one.places), first, caller, where)
        for one, first, where in zip(likelihoods, begin, _places_told(data), strict=True)
    ]
    states_free = [state for reference in saturated for state in reference.states]
    fixed = _exogenous_values(table, states_free)
    models = [build_group(table, block, fixed[block]) for block in range(len(states_free))]
    reduction = reduce_parameters(table, caller)
    n_moments = sum(len(reference.model.explained) for reference in saturated)
    refuse_negative_df(n_moments, reduction.n_parameters, caller)
    target = sum_of_groups(likelihoods, models, table.n_free)
    whole = variances_of_both_levels(table, [s.sigma for s in states_free])
    covariances = [proper(s.sigma, own) for s, own in zip(states_free, whole, strict=True)]
    means = [s.mu for s in states_free]
    parts = _Parts(likelihoods, fixed, covariances, means)
    limits = _run_off(table, states_free)

    def usual() -> Iterator[Array]:
        return (start_values(table, covariances, means, [], one_factor=way) for way in (False, True))

    beyond = partial(other_side, table, covariances=covariances)
    search = target.for_search()
    minimum = None
    for start in _with_unit_variances(table, parts, states_free):
        minimum = minimise(search, reduction, reduction.contract(start), near=True, lost=limits)
    if minimum is None or not minimum.converged:
        starts = chain(usual(), scattered(table, covariances, means, [], RESCUES))
        minimum = minimise_from(search, reduction, starts, beyond, limits)
    if minimum.converged and _below_zero(table, reduction.expand(minimum.z)):
        complete = all(isinstance(one, CompleteClusters) for one in likelihoods)
        drawn = scattered(table, covariances, means, [], FURTHER if complete else RESCUES)
        again: Iterator[Array] = chain(usual(), drawn)
        if not complete:  # second derivatives are dear
            again = promising(search, reduction, minimum, again, limits)
        minimum = lowest_of(search, reduction, minimum, again, limits)
    reduction, minimum = settle(reduction, minimum)
    x = reduction.expand(minimum.z)
    names = parameter_names(table, data.group_labels)
    if minimum.lost:
        _refuse_unbounded(x, names, limits, caller)
    failed = not minimum.converged and np.isfinite(minimum.value)
    refuse_unconverged(minimum, caller, names, target.gradient(x) if failed else np.zeros(len(x)))
    states = [evaluate(model, x) for model in models]
    baseline = [
        _reference(one, independent(table, one.places, _moments(reference)), first, caller, where)
        for one, first, reference, where in zip(
            likelihoods, begin, saturated, _places_told(data), strict=True
        )
    ]
    test, base, vcov = _inference(
        target, reduction, x, saturated, baseline, estimator, n_moments, names, caller
    )
    fit = likelihood_indices(test, base, target_rows := float(sum(target.rows)), len(likelihoods), estimator)
    fit |= _residuals(states, states_free, target.rows)
    constants = sum(one.constant for one in likelihoods)
    log_likelihood = -0.5 * (target.value(x) * target_rows + constants)
    log_likelihood -= sum(
        _exogenous_log_likelihood(table, one, reference)
        for one, reference in zip(likelihoods, saturated, strict=True)
    )
    q = reduction.n_parameters
    fit |= {
        "aic": 2.0 * q - 2.0 * log_likelihood,
        "bic": math.log(target_rows) * q - 2.0 * log_likelihood,
        "logl": log_likelihood,
    }
    return Fitted(
        caller=caller,
        estimator=estimator,
        missing="fiml" if full_information else "listwise",
        table=table,
        data=data,
        reduction=reduction,
        minimum=minimum,
        x=x,
        vcov=vcov,
        states=states,
        scales=[np.ones(len(state.observed)) for state in states],
        sample_means=[s.mu for s in states_free],
        sample_covariances=[s.sigma for s in states_free],
        sample_thresholds=[],
        sizes=list(target.rows),
        totals=[float(n) for n in target.rows],
        test=test,
        baseline=base,
        fit=fit,
        blocks=[],
        clusters=likelihoods,
        exogenous_values=fixed,
    )


def _below_zero(table: ParameterTable, x: Array) -> bool:
    """Whether a variance is negative: the likelihood then often has several maxima."""
    return any(row.op == "~~" and row.lhs == row.rhs and x[row.free] < 0 for row in table.free_rows())


@dataclass(frozen=True, slots=True)
class _Parts:
    """What another parametrisation of the same model is fitted to."""

    likelihoods: list[TwoLevelLikelihood]
    fixed: list[ExogenousValues]
    covariances: list[Array]
    means: list[Array]


def _with_unit_variances(table: ParameterTable, parts: _Parts, free: list[State]) -> Iterator[Array]:
    """Search with unit variances, and give where that ended as a start; nothing where it failed."""
    found = free_markers(table)
    if found is None or any(np.isfinite([r.lower, r.upper]).any() for r in table.rows):
        return
    other, markers = found
    models = [build_group(other, block, parts.fixed[block]) for block in range(len(parts.fixed))]
    target = sum_of_groups(parts.likelihoods, models, other.n_free)
    start = start_values(other, parts.covariances, parts.means, [], one_factor=True)
    reduction = reduce_parameters(other, "sem")
    minimum = minimise(target.for_search(), reduction, reduction.contract(start), lost=_run_off(other, free))
    x = reduction.expand(minimum.z)
    if minimum.converged and all(abs(x[other.rows[k].free]) > LEAST_MARKER for k in markers.values()):
        yield on_markers(table, other, markers, x)


@dataclass(frozen=True, slots=True)
class _RunOff:
    """Says whether a residual variance has gone below any that data could show."""

    places: Ints
    least: Array

    def __call__(self, x: Array) -> bool:
        return bool((x[self.places] < self.least).any())


def _run_off(table: ParameterTable, free: list[State]) -> _RunOff:
    """Take `FURTHEST` times the variance of the unrestricted model, both levels together, as beyond reach."""
    places, least = [], []
    for row in table.free_rows():
        names = table.names_of(row.group).observed
        if row.op == "~~" and row.lhs == row.rhs and row.lhs in names:
            first = row.group - row.group % 2
            levels = [b for b in (first, first + 1) if row.lhs in table.names_of(b).observed]
            spread = [free[b].sigma[(k := table.names_of(b).observed.index(row.lhs)), k] for b in levels]
            places.append(row.free)
            least.append(-FURTHEST * float(np.abs(spread).sum()))
    return _RunOff(np.array(places, dtype=np.int64), np.array(least))


def _refuse_unbounded(x: Array, names: list[str], limits: _RunOff, caller: str) -> None:
    """Say that the likelihood has no maximum."""
    gone = [names[k] for k in limits.places[x[limits.places] < limits.least]]
    raise ConvergenceError(
        fact_and_hint(
            caller,
            f"the likelihood has no maximum: it still rises while {name_offenders(gone)} falls below "
            "any variance that the data could show, as happens by chance with few or small clusters.",
            "use bounds='pos.var', which keeps variances at zero or above.",
        )
    )


def _places_told(data: ModelData) -> list[str]:
    return ["" if len(data.values) == 1 else f" in group {label!s}" for label in data.group_labels]


def _reference(
    likelihood: TwoLevelLikelihood,
    model: Unstructured,
    start: tuple[Array, Array, Array],
    caller: str,
    where: str,
) -> Reference:
    target = likelihood.discrepancy(model.within, model.between, model.n_free)
    return Reference(model, target, fit_unstructured(likelihood, model, start, caller, where))


def _moments(reference: Reference) -> tuple[Array, Array, Array, Array]:
    within, between = reference.states
    return within.sigma, between.sigma, within.mu, between.mu


def _exogenous_values(table: ParameterTable, states: list[State]) -> list[ExogenousValues]:
    """Give fixed exogenous rows the moments of the unrestricted model."""
    found: list[ExogenousValues] = [{} for _ in states]
    for row in table.rows:
        if row.exogenous:
            state, at = states[row.group], table.names_of(row.group).observed.index
            value = state.mu[at(row.lhs)] if row.op == "~1" else state.sigma[at(row.lhs), at(row.rhs)]
            found[row.group][row.lhs, row.op, row.rhs] = float(value)
    return found


def variances_of_both_levels(table: ParameterTable, covariances: list[Array]) -> list[Array]:
    """Sum the absolute variances that each variable has at either level of its group, for every block."""
    found = []
    for block in range(len(covariances)):
        first = block - block % 2
        total = dict.fromkeys(table.names_of(block).observed, 0.0)
        for level in (first, first + 1):
            spread = np.abs(np.diag(covariances[level]))
            for name, own in zip(table.names_of(level).observed, spread, strict=True):
                if name in total:
                    total[name] += float(own)
        found.append(np.array(list(total.values())))
    return found


def proper(covariance: Array, whole: Array) -> Array:
    """Raise what is no variance, to a share of the variance of both levels: a start needs positive ones."""
    spread = np.maximum(np.diag(covariance), LEAST_START * whole)
    scale = np.sqrt(np.outer(spread, spread))
    bounded = np.clip(covariance / scale, -0.95, 0.95) * scale
    np.fill_diagonal(bounded, spread)
    return np.asarray(bounded)


def _inference(
    target: SumOfGroups,
    reduction: Reduction,
    x: Array,
    saturated: list[Reference],
    baseline: list[Reference],
    estimator: str,
    n_moments: int,
    names: list[str],
    caller: str,
) -> tuple[ScaledTest, ScaledTest, Array]:
    """Tests and the covariance of the estimates; clusters are what is independent."""
    basis, n = reduction.basis, sum(target.rows)
    free_names = [names[int(np.argmax(np.abs(column)))] for column in basis.T]
    bread = invert_information(basis.T @ target.observed(x) @ basis / 2.0, free_names, caller)
    df = n_moments - reduction.n_parameters
    least = [rows * one.minimum.value for rows, one in zip(target.rows, saturated, strict=True)]
    chisq = max(n * target.value(x) - sum(least), 0.0)
    base = sum(rows * one.minimum.value for rows, one in zip(target.rows, baseline, strict=True)) - sum(least)
    base_df = n_moments - sum(one.model.n_free for one in baseline)
    if estimator == "ML":
        vcov = basis @ bread @ basis.T / n
        return ScaledTest(chisq=chisq, df=df), ScaledTest(chisq=base, df=base_df), vcov
    scores = target.scores(x) @ basis
    meat = scores.T @ scores / n
    vcov = basis @ bread @ meat @ bread @ basis.T / n
    whole = sum(one.trace() / rows for rows, one in zip(target.rows, saturated, strict=True))
    independence = sum(one.trace() / rows for rows, one in zip(target.rows, baseline, strict=True))
    own = float(np.sum(bread * meat))
    test = ScaledTest(chisq=chisq, df=df, factor=(whole - own) / df if df else math.nan)
    base_factor = (whole - independence) / base_df if base_df else math.nan
    return test, ScaledTest(chisq=base, df=base_df, factor=base_factor), vcov


def _residuals(states: list[State], free: list[State], rows: list[int]) -> dict[str, float]:
    """SRMR of both levels, of correlations, and their sum; over groups the mean weighted by rows.

    NaN where the unrestricted model has a variance below zero.
    """
    found = {}
    for level, name in enumerate(("srmr_within", "srmr_between")):
        roots = [
            correlation_residual(s.sigma, m.sigma)
            for s, m in zip(free[level::2], states[level::2], strict=True)
        ]
        found[name] = float(np.array(rows) @ np.array(roots) / sum(rows))
    return {"srmr": found["srmr_within"] + found["srmr_between"], **found}


def _exogenous_log_likelihood(
    table: ParameterTable, likelihood: TwoLevelLikelihood, saturated: Reference
) -> float:
    """Log-likelihood of the exogenous variables alone, which is taken off: the model is given them."""
    names = table.names.observed
    kept = [
        [n for n in own.exogenous if all(n in o.exogenous for o in table.level_names if n in o.observed)]
        for own in table.level_names
    ]
    if not any(kept):
        return 0.0
    part = likelihood.part([[names.index(n) for n in own] for own in kept])
    own = [
        [list(level.observed).index(n) for n in chosen]
        for level, chosen in zip(table.level_names, kept, strict=True)
    ]
    within, between = saturated.states
    return part.log_likelihood(
        within.sigma[np.ix_(own[0], own[0])],
        between.sigma[np.ix_(own[1], own[1])],
        within.mu[own[0]],
        between.mu[own[1]],
    )
