"""Searches that run off: a model whose best fit would need a residual variance without end below zero.

By chance, most often with three indicators and few rows, sample correlations ask a loading for more than all
variance of its item. Where the negative variance has no best value the discrepancy falls without end; where
`theta` holds the residual variance at one, the loading grows without end in its place, and the gradient
vanishes on the way. Neither is a matter of identification, and more rows mend both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.structural.estimation.ram import State
from analysis.structural.language.partable import ParameterTable
from instrument.errors import ConvergenceError, fact_and_hint, name_offenders

FURTHEST = 1.5  # times the implied variance that a failed search has gone below zero
LEAST_SHARE = 1e-5  # of a residual in the variance of a response: no data tell it from none
LESS_THAN_FOUND = 1e-3  # the same where the search failed


def refuse_running_off(
    table: ParameterTable, labels: Sequence[object], states: Sequence[State], caller: str, *, converged: bool
) -> None:
    """Raise where a search ran off, with the items that made it.

    Parameters
    ----------
    table
        The parameter table.
    labels
        Of groups.
    states
        Matrices of every block where the search ended.
    caller
        Named in messages.
    converged
        Whether the gradient vanished; a negative variance then is a solution, if an improper one.

    Raises
    ------
    ConvergenceError
        With one fact and one hint.
    """
    held, below = [], []
    theta = bool(table.options.ordered) and table.options.parameterization == "theta"
    least = LEAST_SHARE if converged else LESS_THAN_FOUND
    for block, state in enumerate(states):
        names = table.names_of(block).observed
        fixed = {
            row.lhs
            for row in table.rows
            if row.group == block and row.op == "~~" and row.lhs == row.rhs and row.free < 0
        }
        label = table.block_name(block, list(labels))
        where = f" ({label})" if label else ""
        p = len(state.observed)
        share = np.diag(state.symmetric)[:p] / np.maximum(np.abs(np.diag(state.sigma)), 1e-300)
        for name, own in zip(names, share, strict=True):
            if theta and name in fixed and 0.0 < own < least:
                held.append(f"{name}{where}")
            elif not converged and own < -FURTHEST:
                below.append(f"{name}{where}")
    if held:
        fact = (
            f"there is no best solution: the loading of {name_offenders(held)} grows without end, since the "
            "residual variance that would have to vanish is held (a Heywood case); nothing is reported."
        )
        hint = (
            "add indicators or rows, or equate loadings; parameterization='delta' may show a negative "
            "variance in its place."
        )
    elif below:
        fact = (
            "there is no best solution: the fit improves while the residual variance of "
            f"{name_offenders(below)} falls without end (a Heywood case); nothing is reported."
        )
        hint = "add indicators or rows, equate loadings, or let fewer factors explain these items."
    else:
        return
    raise ConvergenceError(fact_and_hint(caller, fact, hint))
