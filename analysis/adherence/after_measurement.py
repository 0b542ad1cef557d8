"""Slope of a later outcome on a latent variable: measurement first, structure after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.correlation.counts import pair_indices
from analysis.correlation.mixed import MixedMoments, mixed_moments
from analysis.structural.categorical import build_ordinal_group, evaluate_ordinal
from analysis.structural.fitted import Fitted
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
CALLER = "latent_adherence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Slope per standard deviation of the predictor, in units of the outcome and standardised."""

    estimate: float
    se: float
    standardised: float
    standardised_se: float
    reliability: float
    n: int


def latent_slope(fitted: Fitted, latent: str, outcome: Floats, adjusters: Floats) -> Slope:
    """Regress an outcome on a latent variable and observed adjusters, in two steps.

    Parameters
    ----------
    fitted
        Measurement model of ordinal items, one group.
    latent
        The latent variable that alone is to explain what items and outcome share.
    outcome, adjusters
        Rows of the data that were fitted, shapes (n,) and (n, q).

    Returns
    -------
    Slope
        `reliability` is that of the weighted sum of latent answers that stands for the latent variable.

    Raises
    ------
    NotEstimableError
        Adjusters are collinear with each other or with the latent variable.

    Notes
    -----
    With l the loadings of the items on the latent variable (variance 1) and Σ their implied correlations,
    m = Σ⁻¹l / (l'Σ⁻¹l) gives φ = R m, R the polyserial correlations with outcome and adjusters. φ and the
    product-moment correlations give the slope. All estimates are functions of one vector of moments with
    joint Γ; step one enters by (D'WD)⁻¹D'W, so the standard error holds the uncertainty of both steps.
    """
    codes = fitted.data.values[0]
    p, q = codes.shape[1], adjusters.shape[1]
    table = np.column_stack([codes, outcome, adjusters])
    moments = mixed_moments(table, np.arange(p + 1 + q) < p, "pairwise", caller=CALLER)
    places = _Places(moments, p)
    mapping, strength = _mapping(fitted, latent, fitted.x)
    corner = moments.correlations
    phi = corner[p:, :p] @ mapping
    matrix, right = corner[p:, p:].copy(), corner[p:, p].copy()
    # The outcome's row becomes the latent variable's: correlations of the predictors with each other.
    matrix[0, 1:] = matrix[1:, 0] = phi[1:]
    right[0] = phi[0]
    smallest = float(np.linalg.eigvalsh(matrix).min())
    if smallest < 1e-6:
        fact = "the adjusters and the latent variable are collinear."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less."))
    inverse = np.linalg.inv(matrix)
    beta = inverse @ right
    by_phi, by_pair = _derivatives(inverse, beta, q)
    gradient = np.zeros(len(places.gamma))
    gradient[places.polyserial] = np.outer(by_phi, mapping)
    gradient[places.continuous] = by_pair
    by_model = _by_parameters(fitted, latent) @ (corner[:p, p:] @ by_phi)
    gradient[places.items] = by_model @ _first_step(fitted)
    sd = float(np.sqrt(moments.variances[p]))
    in_units = gradient * sd
    in_units[places.variance] += beta[0] / (2 * sd)
    n = moments.n_obs
    return Slope(
        estimate=float(beta[0]) * sd,
        se=float(np.sqrt(in_units @ places.gamma @ in_units / n)),
        standardised=float(beta[0]),
        standardised_se=float(np.sqrt(gradient @ places.gamma @ gradient / n)),
        reliability=strength,
        n=n,
    )


class _Places:
    """Where the moments stand in Γ: items first, then the outcome, then adjusters."""

    def __init__(self, moments: MixedMoments, p: int) -> None:
        if moments.correlation_acov is None:
            raise ValueError("moments were computed without their asymptotic covariance")
        self.gamma = moments.correlation_acov
        total = len(moments.ordered)
        cuts = sum(map(len, moments.thresholds))
        others = total - p
        first, second = pair_indices(total)
        pairs = np.full((total, total), -1)
        start = cuts + 2 * others
        pairs[first, second] = pairs[second, first] = start + np.arange(len(first))
        among = start + np.flatnonzero(second < p)
        self.items = np.concatenate([np.arange(cuts), among])
        self.polyserial = pairs[p:, :p]
        continuous = pairs[p:, p:]
        self.continuous = continuous[np.triu_indices(others, 1)]
        self.variance = cuts + others


def _mapping(fitted: Fitted, latent: str, x: Floats) -> tuple[Floats, float]:
    """Weights m of the latent answers, and l'Σ⁻¹l / (1 + …): the share of their sum that is latent."""
    group = build_ordinal_group(fitted.table, 0)
    state = evaluate_ordinal(group, x)
    p = len(state.scales)
    column = p + fitted.table.names.latent.index(latent)
    spread = np.sqrt(state.base.covariance[column, column])
    loadings = state.scales * state.base.covariance[:p, column] / spread
    implied = state.scales[:, None] * state.base.covariance[:p, :p] * state.scales
    solved = np.linalg.solve(implied, loadings)
    information = float(loadings @ solved)
    return np.asarray(solved / information, dtype=np.float64), information


def _by_parameters(fitted: Fitted, latent: str) -> Floats:
    """Derivatives of m by the free parameters of the measurement model, shape (n_free, p)."""
    rows = []
    for k in range(len(fitted.x)):
        step = 1e-5 * max(1.0, abs(float(fitted.x[k])))
        high, low = fitted.x.copy(), fitted.x.copy()
        high[k] += step
        low[k] -= step
        rows.append((_mapping(fitted, latent, high)[0] - _mapping(fitted, latent, low)[0]) / (2 * step))
    return np.array(rows)


def _first_step(fitted: Fitted) -> Floats:
    """How the parameters follow thresholds and polychorics: (D'WD)⁻¹ D'W, shape (n_free, n_moments)."""
    block = fitted.blocks[0]
    delta = block.delta @ fitted.reduction.basis
    weighted = block.weight[:, None] * delta
    follow = np.linalg.solve(delta.T @ weighted, weighted.T)
    return np.asarray(fitted.reduction.basis @ follow, dtype=np.float64)


def _derivatives(inverse: Floats, beta: Floats, q: int) -> tuple[Floats, Floats]:
    """Derivatives of the first slope by φ (outcome, adjusters) and by correlations of outcome and adjusters.

    d β = C⁻¹ (d c − d C β), read in the first row.
    """
    top = inverse[0]
    by_phi = np.concatenate([[top[0]], -(top[0] * beta[1:] + top[1:] * beta[0])])
    among = -(np.outer(top, beta) + np.outer(beta, top))
    by_pair = among
    by_pair[0, 1:] = top[1:]  # outcome with an adjuster
    return by_phi, by_pair[np.triu_indices(1 + q, 1)]
