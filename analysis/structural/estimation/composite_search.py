"""Search for a model with composites: over its free parameters, with the implied entries filled in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from analysis.structural.estimation.composite_map import (
    Mapped,
    composite_map,
    filler,
    joint_filler,
    slopes_of,
)
from analysis.structural.estimation.continuous_groups import Setting, exogenous_values
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fiml import FimlDiscrepancy
from analysis.structural.estimation.information import GroupSample
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.optimise import Minimum, Reduction, minimise, minimise_from
from analysis.structural.estimation.ram import Array, build_group
from analysis.structural.estimation.starting import scale_power, start_values
from analysis.structural.language.partable import ParameterTable, compact
from instrument.errors import DefinitionError, fact_and_hint

LEAST_FIRST = 1e-4  # weight, for a composite of variance 1, below which a first weight of 1 gives no scale


def search_composites(
    setting: Setting, estimator: str, caller: str
) -> tuple[NormalDiscrepancy | FimlDiscrepancy, Minimum, Reduction]:
    """Minimise, and give the linear reduction around the minimum that inference works with.

    Parameters
    ----------
    setting
        Table, samples and templates.
    estimator
        "MLR" needs more of the curvature.
    caller
        The public function named in messages.
    """
    table, samples, linear = setting.table, setting.samples, setting.reduction
    if linear.limits:
        raise DefinitionError(
            fact_and_hint(
                caller,
                "bounds, inequalities and nonlinear equalities beside composites are not supported.",
                "leave them out, or fix parameters.",
            )
        )
    maps = composite_map(table, setting.groups)
    spreads = maps.spreads([s.covariance for s in samples])
    fill = filler(maps, linear, spreads)
    moments = [Moments(s.n, s.mean, s.covariance) for s in samples]
    target: NormalDiscrepancy | FimlDiscrepancy
    target = NormalDiscrepancy(setting.groups, moments, table.n_free, setting.with_means)
    q = linear.basis.shape[1]
    free = Reduction(np.eye(q), np.zeros(q))
    starts = chain(_unit_start(setting, moments), _starts(setting.table, samples, linear))
    minimum = minimise_from(Mapped(target, fill), free, starts, lambda _: None)
    if setting.full_information and any(len(s.patterns.n) > 1 for s in samples):
        target = FimlDiscrepancy(
            setting.groups,
            [s.patterns for s in samples],
            [(s.mean, s.covariance) for s in samples],
            table.n_free,
        )
        minimum = minimise(Mapped(target, fill), free, minimum.z)
    z = minimum.z
    mapped = Mapped(target, fill)
    joint = joint_filler(maps, linear, [len(spread) for spread in spreads])
    everything = np.concatenate([z, *(spread[np.tril_indices(len(spread))] for spread in spreads)])
    proper, robust = np.isfinite(minimum.value), estimator == "MLR"
    local = Reduction(
        slopes_of(fill, z),
        mapped.whole(z),
        joint=slopes_of(joint, everything),
        bend=mapped.bend(z) if proper and (robust or setting.full_information) else None,
        joint_bend=Mapped(target, joint).bend(everything) if proper and robust else None,
    )
    at_rest = Minimum(np.zeros(q), minimum.value, minimum.gradient, minimum.n_iter, minimum.converged)
    return target, at_rest, local


def _unit_start(setting: Setting, moments: list[Moments]) -> Iterator[Array]:
    """Search with composites of variance 1 and every weight free, and give where that ended as a start.

    A first weight of 1 cannot pass zero, where all others grow without limit. Not with labels or
    constraints, which would mean something else.
    """
    table, samples = setting.table, setting.samples
    if table.constraints or any(row.label for row in table.rows):
        return
    rows = [replace(row) for row in table.rows]
    markers: list[tuple[int, str, int]] = []
    for g in range(len(samples)):
        for name in table.names.composites:
            own = [k for k, r in enumerate(rows) if r.group == g and r.op == "<~" and r.lhs == name]
            fixed = [k for k in own if rows[k].free < 0]
            if len(fixed) != 1 or rows[fixed[0]].fixed != 1.0:
                return
            rows[fixed[0]].fixed = math.nan
            markers.append((g, name, fixed[0]))
    other = compact(table, rows)
    groups = [build_group(other, g, fixed) for g, fixed in enumerate(exogenous_values(other, samples))]
    maps, linear = composite_map(other, groups, unit=True), reduce_parameters(other, "sem")
    spreads = maps.spreads([s.covariance for s in samples])
    target = NormalDiscrepancy(groups, moments, other.n_free, setting.with_means)
    fill, q = filler(maps, linear, spreads), linear.basis.shape[1]
    free = Reduction(np.eye(q), np.zeros(q))
    found = [minimise(Mapped(target, fill), free, start) for start in _starts(other, samples, linear)]
    ended = [one for one in found if one.converged]
    if not ended:
        return
    x = fill(min(ended, key=lambda one: one.value).z[None])[0]
    scale: dict[tuple[int, str], tuple[float, float]] = {}
    for (g, name, k), spread in zip(markers, spreads, strict=True):
        weights = np.array([x[r.free] for r in other.rows if r.group == g and r.op == "<~" and r.lhs == name])
        size = float(np.sqrt(weights @ spread @ weights))
        scale[g, name] = size, float(x[other.rows[k].free]) / size
    if any(abs(first) < LEAST_FIRST for _, first in scale.values()):
        return
    start = np.zeros(table.n_free)
    for row, twin in zip(table.rows, other.rows, strict=True):
        if row.free < 0 or row.implied:
            continue
        value = float(x[twin.free])
        for (g, name), (size, first) in scale.items():
            if g == row.group:
                value /= first ** scale_power(row.op, row.lhs, row.rhs, name)
                value /= size if row.op == "<~" and row.lhs == name else 1.0
        start[row.free] = value
    yield setting.reduction.contract(start)


def _starts(table: ParameterTable, samples: list[GroupSample], linear: Reduction) -> Iterator[Array]:
    """Equal weights of standardised components; then each weight turned by what it shares with the rest."""
    covariances, means = [s.covariance for s in samples], [s.mean for s in samples]
    at = {name: k for k, name in enumerate(table.names.observed)}
    for signed in (False, True):
        x = start_values(table, covariances, means, [], one_factor=signed)
        for row in table.free_rows():
            if row.role == "mean" and np.isnan(row.start):
                x[row.free] = means[row.group][at[row.lhs]]
            elif row.role == "weight" and np.isnan(row.start):
                own = covariances[row.group]
                first = next(r.rhs for r in table.rows if r.op == "<~" and r.lhs == row.lhs)
                size = np.sqrt(own[at[first], at[first]] / own[at[row.rhs], at[row.rhs]])
                others = [at[n] for n in table.names.observed if n not in table.names.components]
                shared = [np.sum(own[at[name]][others]) for name in (first, row.rhs)]
                turned = np.sign(shared[0] * shared[1]) if others else -1.0
                x[row.free] = size * (turned if signed and row.rhs != first else 1.0)
        yield linear.contract(x)
