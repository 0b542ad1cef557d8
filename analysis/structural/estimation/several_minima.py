"""Further searches where a solution is improper and its indicators have several factors each.

In a growth curve with estimated times, or any model of shared indicators, a search may settle where a
variance is negative or factors correlate beyond one, although a proper solution fits better: the curve fell
where it should have risen. A model that adds a parameter may then fit worse than the one it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.structural.estimation.optimise import Discrepancy, Minimum, Reduction, lowest_of
from analysis.structural.estimation.ram import Array, State
from analysis.structural.estimation.starting import FURTHER
from analysis.structural.language.partable import ParameterTable

SHAKEN_LOADINGS = (-2.0, 3.0)  # times those of the usual start
SHAKEN_VARIANCES = (-3.0, 0.5)  # logarithm of what a variance of a factor is multiplied by
BELOW_ZERO = 1e-8  # of the largest variance: a smallest root beneath it is negative


def lowest_where_improper(
    target: Discrepancy,
    reduction: Reduction,
    minimum: Minimum,
    table: ParameterTable,
    usual: Callable[[], Array],
    states_at: Callable[[Array], list[State]],
) -> Minimum:
    """Search again from ten starts about the usual one where the solution is improper.

    Parameters
    ----------
    target, reduction
        The discrepancy and the constraints.
    minimum
        Where the usual start led.
    table
        The parameter table.
    usual
        Gives the usual start.
    states_at
        Gives the matrices at parameter values.

    Returns
    -------
    Minimum
        The lowest one; the same where no other is lower, the solution is proper, no indicator has
        two factors, or constraints are not linear.
    """
    if not minimum.converged or minimum.tangent is not None or not _shares_indicators(table):
        return minimum
    if not _is_improper(states_at(reduction.expand(minimum.z))):
        return minimum
    return lowest_of(target, reduction, minimum, _shaken(table, usual()))


def _shaken(table: ParameterTable, usual: Array) -> Iterator[Array]:
    """Give seeded starts: loadings change size, some change sign, variances of factors mostly fall."""
    rng = np.random.default_rng(1)
    loadings = [row.free for row in table.free_rows() if row.op == "=~"]
    variances = [
        row.free
        for row in table.free_rows()
        if row.op == "~~" and row.lhs == row.rhs and row.lhs in table.names_of(row.group).latent
    ]
    for _ in range(FURTHER):
        start = usual.copy()
        start[loadings] *= rng.uniform(*SHAKEN_LOADINGS, len(loadings))
        start[variances] *= np.exp(rng.uniform(*SHAKEN_VARIANCES, len(variances)))
        yield start


def _shares_indicators(table: ParameterTable) -> bool:
    """Tell whether an indicator has two factors, with loadings that are not zero."""
    seen: set[tuple[int, str]] = set()
    for row in table.rows:
        if row.op != "=~" or row.role or (row.free < 0 and row.fixed == 0.0):
            continue
        if (row.group, row.rhs) in seen:
            return True
        seen.add((row.group, row.rhs))
    return False


def _is_improper(states: list[State]) -> bool:
    """Tell whether a variance is negative or the covariance of the factors is that of no variables."""
    for state in states:
        if np.diag(state.symmetric).min(initial=0.0) < 0:
            return True
        latent = state.covariance[len(state.observed) :, len(state.observed) :]
        if len(latent) and np.linalg.eigvalsh(latent)[0] < -BELOW_ZERO * float(np.diag(latent).max()):
            return True
    return False
