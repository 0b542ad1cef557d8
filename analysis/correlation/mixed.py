"""Sample moments of ordinal and continuous variables together, with their Γ (Muthén, 1984)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analysis.correlation.continuous_pairs import SINGULAR
from analysis.correlation.counts import pair_indices
from analysis.correlation.mixed_pairs import fit_pair, fit_polychorics, pair_scores
from analysis.correlation.moments import refuse_unconverged, square_from_pairs
from analysis.correlation.pairs import BOUND
from analysis.correlation.variables import Variable, continuous_variable, ordinal_variable
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedMoments:
    """Two-step estimates for ordinal and continuous variables.

    Attributes
    ----------
    ordered
        Which variables are ordinal, shape (p,).
    thresholds
        Per variable its thresholds; empty for continuous ones.
    means, variances
        Shape (p,); 0 and 1 for ordinal variables; variances divide by the number of answers.
    correlations, covariances
        Shape (p, p).
    acov
        Γ times `n_obs` of [per variable its thresholds or minus its mean; variances of the continuous
        variables; covariances below the diagonal column by column], lavaan's order; None when not asked.
    correlation_acov
        The same with correlations in place of covariances.
    n_obs
        Persons used.
    pair_n
        Persons who answered both, shape (p, p).
    """

    ordered: npt.NDArray[np.bool_]
    thresholds: list[Array]
    means: Array
    variances: Array
    correlations: Array
    covariances: Array
    acov: Array | None
    correlation_acov: Array | None
    n_obs: int
    pair_n: npt.NDArray[np.int64]


def mixed_moments(
    values: npt.NDArray[Any],
    ordered: npt.NDArray[np.bool_],
    missing: Literal["pairwise", "listwise"] = "pairwise",
    acov: bool = True,
    *,
    names: list[str] | None = None,
    caller: str = "mixed_moments",
) -> MixedMoments:
    """Estimate thresholds, means, variances and correlations of mixed variables in two steps.

    Ordinal pairs get polychoric, mixed pairs polyserial, continuous pairs product-moment correlations,
    each by maximum likelihood with the first step's estimates held.

    Parameters
    ----------
    values
        NaN for no answer, shape (n_persons, p).
    ordered
        Which columns hold category codes, shape (p,).
    missing
        "pairwise" or "listwise".
    acov
        Whether to compute Γ; it needs (number of estimates × persons) numbers in memory.
    names
        Variable names for messages.
    caller
        The public function that complains.

    Returns
    -------
    MixedMoments
        Estimates in lavaan's order.

    Raises
    ------
    ResponseDataError
        As `ordinal_moments`, and for continuous variables without variance.
    NotEstimableError
        A correlation of 1 or −1, or one whose search did not converge.
    """
    values, ordered = np.asarray(values, dtype=float), np.asarray(ordered, dtype=bool)
    p = values.shape[1]
    names = names if names is not None else [str(i) for i in range(p)]
    answered = ~np.isnan(values)
    kept = answered.all(1) if missing == "listwise" else answered.any(1)
    values, answered = values[kept], answered[kept]
    if p < 2 or len(values) < 2:
        fact = f"{p} variables and {len(values)} persons with answers."
        raise ResponseDataError(fact_and_hint(caller, fact, "give two variables or more with joint answers."))
    variables = [
        (ordinal_variable if kind else continuous_variable)(column, name, caller)
        for column, name, kind in zip(values.T, names, ordered, strict=True)
    ]
    first, second = pair_indices(p)
    rho, converged = np.empty(len(first)), np.ones(len(first), dtype=bool)
    both = ordered[first] & ordered[second]
    for k in np.flatnonzero(~both):
        label = f"{names[first[k]]}–{names[second[k]]}"
        rho[k], converged[k] = fit_pair(variables[first[k]], variables[second[k]], label, caller)
    if both.any():
        kinds = [
            (variable, name) for variable, name in zip(variables, names, strict=True) if variable.ordered
        ]
        rho[both], converged[both] = fit_polychorics(kinds, caller)
    refuse_unconverged(converged, names, caller)
    _refuse_perfect(rho, ordered, names, caller)
    scale = np.array([v.deviation for v in variables])
    correlations = square_from_pairs(rho, p, 1.0)
    gamma = _correlation_acov(variables, rho) if acov else None
    return MixedMoments(
        ordered=ordered,
        thresholds=[v.thresholds for v in variables],
        means=np.array([v.mean for v in variables]),
        variances=scale**2,
        correlations=correlations,
        covariances=correlations * np.outer(scale, scale),
        acov=None if gamma is None else _covariance_acov(gamma, variables, rho),
        correlation_acov=gamma,
        n_obs=len(values),
        pair_n=answered.T.astype(np.int64) @ answered.astype(np.int64),
    )


def _refuse_perfect(rho: Array, ordered: npt.NDArray[np.bool_], names: list[str], caller: str) -> None:
    """Complain about correlations of ±1: their information is singular, so no Γ belongs to them."""
    first, second = pair_indices(len(names))
    limit = np.where(ordered[first] | ordered[second], BOUND - 1e-6, SINGULAR)
    pairs = [f"{names[first[k]]}–{names[second[k]]}" for k in np.flatnonzero(np.abs(rho) >= limit)]
    if pairs:
        found = name_offenders(pairs)
        fact = f"{len(pairs)} of {len(rho)} pairs are collinear (correlation 1 or −1): {found}."
        hint = "drop one variable of each pair, or merge rare categories."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))


def _places(variables: list[Variable]) -> tuple[list[npt.NDArray[np.intp]], int]:
    """Where each variable's parameters stand: thresholds or mean first, variances behind them."""
    places, at = [], 0
    for variable in variables:
        width = variable.n_parameters if variable.ordered else 1
        places.append(np.arange(at, at + width))
        at += width
    for i, variable in enumerate(variables):
        if not variable.ordered:
            places[i] = np.append(places[i], at)
            at += 1
    return places, at


def _correlation_acov(variables: list[Variable], rho: Array) -> Array:
    first, second = pair_indices(len(variables))
    places, n_single = _places(variables)
    n = len(variables[0].answered)
    scores = np.zeros((n_single + len(rho), n))
    bread = np.zeros((len(scores), len(scores)))
    for variable, place in zip(variables, places, strict=True):
        scores[place] = variable.scores()
        bread[np.ix_(place, place)] = scores[place] @ scores[place].T
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        joint, found = pair_scores(variables[a], variables[b], rho[pair])
        row = n_single + pair
        scores[row, joint] = found.rho
        bread[row, row] = found.rho @ found.rho
        bread[row, places[a]] = found.first @ found.rho
        bread[row, places[b]] = found.second @ found.rho
    half = np.linalg.solve(bread, scores)
    gamma: Array = half @ half.T * n
    sign = np.ones(len(gamma))
    sign[[place[0] for place, v in zip(places, variables, strict=True) if not v.ordered]] = -1
    return gamma * np.outer(sign, sign)


def _covariance_acov(gamma: Array, variables: list[Variable], rho: Array) -> Array:
    """Carry Γ of correlations over to covariances: d(ρ σ_a σ_b), by the delta method."""
    first, second = pair_indices(len(variables))
    places, n_single = _places(variables)
    change = np.eye(len(gamma))
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        row, product = n_single + pair, variables[a].deviation * variables[b].deviation
        change[row, row] = product
        for i in (a, b):
            if not variables[i].ordered:
                change[row, places[i][1]] = rho[pair] * product / (2 * variables[i].deviation ** 2)
    carried: Array = change @ gamma @ change.T
    return carried
