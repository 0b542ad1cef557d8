"""Moments of every group of continuous variables, and what an estimation works on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from analysis.correlation.dependence import dependence_told, dependent_items
from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.fiml import find_patterns, saturated_moments
from analysis.structural.estimation.information import GroupSample
from analysis.structural.estimation.optimise import Reduction
from analysis.structural.estimation.ram import Array, GroupModel, State
from analysis.structural.language.partable import ParameterTable
from instrument.common.formatting import format_value
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders

ExogenousValues = dict[tuple[str, str, str], float]
REPEATED = 1.0 - 1e-9  # correlation of two variables that are one


def summarise_groups(data: ModelData, full_information: bool, caller: str) -> list[GroupSample]:
    """Compute moments of every group: sample moments, or the EM estimates with missing answers."""
    samples = []
    for g, (label, values) in enumerate(zip(data.group_labels, data.values, strict=True)):
        sampling = data.sampling_of(g)
        where = "" if label is None else f" in group {label!s}"
        if len(values) <= values.shape[1]:
            raise NotEstimableError(
                fact_and_hint(
                    caller,
                    f"{len(values)} rows for {values.shape[1]} variables{where}.",
                    "collect more answers.",
                )
            )
        _refuse_never_together(values, data.variables, where, caller)
        patterns = find_patterns(values, sampling.weights)
        if len(patterns.n) == 1:
            mean, covariance = patterns.mean[0], patterns.covariance[0]
        else:
            if not full_information:
                raise AssertionError("incomplete rows must be dropped before")
            start = np.diag(np.nanvar(values, axis=0))
            try:
                mean, covariance, _, done = saturated_moments(patterns, np.nanmean(values, axis=0), start)
            except np.linalg.LinAlgError:  # rounding decides whether EM of repeated variables gets so far
                _refuse_repeated(values, data.variables, where, caller)
                raise
            if not done:
                _refuse_repeated(values, data.variables, where, caller)
                raise NotEstimableError(
                    fact_and_hint(
                        caller,
                        f"EM for the saturated model did not converge{where}.",
                        "check for variables never answered together.",
                    )
                )
        _refuse_singular(covariance, data.variables, where, caller)
        samples.append(GroupSample(patterns.total, values, mean, covariance, patterns, sampling))
    return samples


def _refuse_repeated(values: Array, names: list[str], where: str, caller: str) -> None:
    """Refuse pairs that say the same in every row that answers both: EM nears a correlation of 1 for ever."""
    pairs = []
    for i, j in combinations(range(len(names)), 2):
        both = values[~np.isnan(values[:, [i, j]]).any(axis=1)][:, [i, j]]
        left, right = (both - both.mean(axis=0)).T
        size = float(np.sqrt((left @ left) * (right @ right)))
        if len(both) > 2 and size > 0.0 and abs(float(left @ right)) > REPEATED * size:
            pairs.append(f"{names[i]}-{names[j]}")
    if pairs:
        fact = f"variables repeat each other{where}: {name_offenders(pairs)}."
        raise NotEstimableError(fact_and_hint(caller, fact, "drop one variable of each pair."))


def _refuse_never_together(values: Array, names: list[str], where: str, caller: str) -> None:
    """Refuse pairs of variables that no row answers both of."""
    seen = (~np.isnan(values)).astype(float)
    never = np.argwhere(np.tril(seen.T @ seen == 0.0, -1))
    if len(never):
        pairs = [f"{names[j]}-{names[i]}" for i, j in never]
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"{len(pairs)} pairs never answered by one person{where}: {name_offenders(pairs)}.",
                "drop one variable of each pair.",
            )
        )


def _refuse_singular(covariance: Array, names: list[str], where: str, caller: str) -> None:
    scale = np.sqrt(np.diag(covariance))
    correlations = covariance / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlations)[0] < 1e-10:
        dependent = dependent_items(correlations, names)
        if dependent:
            raise NotEstimableError(
                fact_and_hint(
                    caller,
                    f"the covariance matrix is singular{where}: {dependence_told(dependent)}.",
                    f"drop {name_offenders(list(dependent))}.",
                )
            )
        below = np.abs(np.tril(correlations, -1))
        i, j = np.unravel_index(np.argmax(below), below.shape)
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"the covariance matrix is singular{where} ('{names[j]}' and '{names[i]}' correlate "
                f"{format_value(correlations[i, j], 'r2')}).",
                "drop one of them.",
            )
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything an estimation with continuous variables works on."""

    table: ParameterTable
    samples: list[GroupSample]
    groups: list[GroupModel]
    reduction: Reduction
    rows: np.ndarray
    with_means: bool
    full_information: bool

    @property
    def n(self) -> float:
        """Rows of all groups."""
        return sum(s.n for s in self.samples)

    @property
    def exogenous(self) -> list[int]:
        """Places of the fixed exogenous variables."""
        at = {name: k for k, name in enumerate(self.table.names.observed)}
        return [at[n] for n in self.table.names.exogenous]

    @property
    def auxiliary(self) -> list[int]:
        """Places of the auxiliary variables."""
        return [self.table.names.observed.index(n) for n in self.table.names.auxiliary]

    @property
    def predictors(self) -> list[int]:
        """Places of observed predictors that are modelled, two or more, or none."""
        found = [self.table.names.observed.index(n) for n in self.table.names.predictors]
        return found if len(found) > 1 else []

    def mu(self, state: State, sample: GroupSample) -> Array:
        """Implied mean, or the sample mean where means are not modelled."""
        return state.mu if self.with_means else sample.mean


def exogenous_values(table: ParameterTable, samples: list[GroupSample]) -> list[ExogenousValues]:
    """Sample values of the fixed exogenous rows, per group."""
    at = {name: k for k, name in enumerate(table.names.observed)}
    found: list[ExogenousValues] = []
    for group, sample in enumerate(samples):
        values: ExogenousValues = {}
        for row in table.rows:
            if row.exogenous and row.group == group:
                value = (
                    sample.mean[at[row.lhs]]
                    if row.op == "~1"
                    else sample.covariance[at[row.lhs], at[row.rhs]]
                )
                values[row.lhs, row.op, row.rhs] = float(value)
        found.append(values)
    return found
