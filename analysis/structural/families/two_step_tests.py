"""The test of a structure fitted in two steps, scaled for all that both steps had to estimate."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np

from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fitted import Fitted, ScaledTest
from analysis.structural.estimation.normal import saturated_information
from analysis.structural.estimation.ram import Array, build_group, evaluate, jacobian, vech_places
from analysis.structural.families.two_steps import (
    MEASURED,
    TwoSteps,
    entry,
    fit_two_steps,
    held_means,
    structure_table,
)
from analysis.structural.fitting import Prepared
from analysis.structural.language.partable import ParameterTable, build_table
from analysis.structural.language.syntax import Syntax, parse_syntax

LEAST_FACTOR = 1e-8  # of chi-square: below it there is nothing to scale


def scaled_test(ready: Prepared, parts: list[list[str]], found: TwoSteps, caller: str) -> dict[str, float]:
    """Scale the local chi-square by its mean, given how both steps let the factors' moments vary.

    The same two steps with all factors covarying freely give the covariance V of the moments s that the
    structure is fitted to. With D the derivatives of the structure's moments and W normal theory's
    information of them, the statistic has mean tr(U N V), U = W - W D (D'W D)^-1 D'W (Satorra & Bentler
    1994).

    Parameters
    ----------
    ready, parts, caller
        As for `fit_two_steps`.
    found
        Its result for the local method.

    Returns
    -------
    dict
        chisq_scaled, df_scaled, pvalue_scaled, chisq_scaling_factor; NaN without degrees of freedom, and
        where means of the structure are tested, too.
    """
    df = int(found.fit["df"])
    names = ("chisq_scaled", "df_scaled", "pvalue_scaled", "chisq_scaling_factor")
    structure = _with_all_moments(structure_table(ready.table))
    if df == 0 or held_means(ready.table) or _means_are_tested(structure):
        return dict(zip(names, (math.nan, float(df), math.nan, math.nan), strict=True))
    free = fit_two_steps(_saturated(ready, caller), parts, "local", caller).joint
    factor = _expected(structure, found.joint, free, caller) / df
    if not factor > LEAST_FACTOR:
        return dict(zip(names, (math.nan, float(df), math.nan, math.nan), strict=True))
    test = ScaledTest(chisq=found.fit["chisq"], df=df, factor=factor)
    return dict(zip(names, (test.scaled, float(df), test.scaled_pvalue, factor), strict=True))


def _with_all_moments(structure: ParameterTable) -> ParameterTable:
    """Let fixed exogenous variables have free moments, which is what their sample moments are."""
    rows = [
        replace(row, exogenous=False, fixed=math.nan, free=-1) if row.exogenous else row
        for row in structure.rows
    ]
    count = 0
    numbered = []
    for row in rows:
        taken = row.is_free
        numbered.append(replace(row, free=count if taken else -1))
        count += taken
    return replace(structure, rows=numbered)


def _means_are_tested(structure: ParameterTable) -> bool:
    """Whether a mean of the structure is held at a value, or equal to another."""
    means = [row for row in structure.rows if row.op == "~1"]
    labels = [row.label for row in means if row.label]
    observed = [row for row in means if row.free < 0 and (row.user or row.fixed != 0.0)]
    return bool(observed) or len(labels) > len(set(labels))


def _saturated(ready: Prepared, caller: str) -> Prepared:
    """Give the same measurement with a structure in which everything covaries."""
    table, items = ready.table, set(ready.table.names.indicators)
    others = [name for name in table.names.observed if name not in items]
    joined = [*others, *table.names.latent]
    text = "\n".join([f"{a} ~~ {b}" for a, b in combinations(joined, 2)] + [f"{a} ~~ {a}" for a in joined])
    kept = [
        s
        for s in ready.syntax.statements
        if s.op == "=~" or (s.op in ("~~", "~1", "|", "~*~") and s.lhs in items)
    ]
    syntax = Syntax([*kept, *parse_syntax(text, caller).statements], [], [])
    equal = [name for name in table.options.group_equal if name in MEASURED]
    whole = build_table(syntax, replace(table.options, group_equal=equal), caller)
    at = {name: k for k, name in enumerate(ready.rows.variables)}
    columns = [at[name] for name in whole.names.observed]
    rows = replace(
        ready.rows,
        variables=whole.names.observed,
        values=[values[:, columns] for values in ready.rows.values],
    )
    return replace(ready, syntax=syntax, table=whole, rows=rows)


def _expected(structure: ParameterTable, joint: Fitted, free: Fitted, caller: str) -> float:
    """tr(U N V): the mean of the statistic."""
    values = {entry(row): joint.x[row.free] for row in joint.table.rows if row.free >= 0}
    for group, own in enumerate(joint.exogenous_values):
        values |= {
            (group, op, *(sorted((left, right)) if op == "~~" else (left, right))): value
            for (left, op, right), value in own.items()
        }
    x = np.array([values[entry(row)] for row in structure.free_rows()])
    basis = reduce_parameters(structure, caller).basis
    names = structure.names.observed
    row, column = vech_places(len(names))
    place = {entry(r): r.free for r in free.table.rows if r.free >= 0}
    deltas, weights, places = [], [], []
    for group, size in enumerate(joint.totals):
        model = build_group(structure, group, {})
        state = evaluate(model, x)
        deltas.append(jacobian(model, state, len(x))[0] @ basis)
        inverse = np.linalg.inv(state.sigma)
        weights.append(size / sum(joint.totals) * saturated_information(inverse, False))
        places += [
            place[(group, "~~", *sorted((names[r], names[c])))] for r, c in zip(row, column, strict=True)
        ]
    covariance: Array = sum(joint.totals) * free.vcov[np.ix_(places, places)]
    delta = np.vstack(deltas)
    delta = delta[:, np.abs(delta).max(axis=0) > 0.0]  # parameters of means move no covariance
    whole = np.zeros((len(delta), len(delta)))
    for k, weight in enumerate(weights):
        part = slice(k * len(row), (k + 1) * len(row))
        whole[part, part] = weight
    pulled = whole @ delta
    rest = whole - pulled @ np.linalg.solve(delta.T @ pulled, pulled.T)
    return float(np.sum(rest * covariance))
