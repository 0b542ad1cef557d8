"""Slope of a later outcome on a latent variable: measurement first, structure after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.latent.moment_influence import influence_table
from analysis.adherence.models.clusters import Clusters, summed
from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal
from analysis.structural.estimation.fitted import Fitted
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
CALLER = "latent_adherence"
NEARLY_SINGULAR = 1e-3  # of a correlation matrix: two predictors that correlate .999


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Slope per standard deviation of the predictor, in units of the outcome and standardised."""

    estimate: float
    se: float
    standardized: float
    standardized_se: float
    reliability: float
    n: int
    df: float = float("inf")


def latent_slope(
    fitted: Fitted, latent: str, outcome: Floats, adjusters: Floats, clusters: Clusters | None = None
) -> Slope:
    """Regress an outcome on a latent variable and observed adjusters, in two steps.

    Parameters
    ----------
    fitted
        Measurement model of ordinal items, one group.
    latent
        The latent variable that alone is to explain what items and outcome share.
    outcome, adjusters
        Rows of the data that were fitted, shapes (n,) and (n, q).
    clusters
        Clusters of the rows; None where people are independent.

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
    product-moment correlations give the slope. Standard errors come from each person's influence on all
    moments together; those of the first step pass through (D'WD)⁻¹D'W, so both steps count. In clusters
    influences are summed by cluster, times √(G/(G − 1)), and Student's t has G − 1 degrees of freedom.
    """
    codes = np.asarray(fitted.data.values[0], dtype=np.float64)
    p, q = codes.shape[1], adjusters.shape[1]
    found = influence_table(codes, np.column_stack([outcome, adjusters]), CALLER)
    mapping, strength = _mapping(fitted, latent, _estimates(fitted))
    phi = found.correlations[p:, :p] @ mapping
    matrix, right = found.correlations[p:, p:].copy(), found.correlations[p:, p].copy()
    # The outcome's row becomes the latent variable's: correlations of the predictors with each other.
    matrix[0, 1:] = matrix[1:, 0] = phi[1:]
    right[0] = phi[0]
    if np.linalg.eigvalsh(matrix).min() < NEARLY_SINGULAR:
        fact = "the adjusters and the latent variable are collinear."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less."))
    inverse: Floats = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    beta = inverse @ right
    by_phi, by_pair = _derivatives(inverse, beta, q)
    by_model = _by_parameters(fitted, latent) @ (found.correlations[:p, p:] @ by_phi)
    error = (by_model @ _first_step(fitted)) @ found.items
    error += np.einsum("k,j,kji->i", by_phi, mapping, found.polyserial) + by_pair @ found.continuous
    sd = float(found.deviations[0])
    in_units, df = summed(sd * error + beta[0] * found.deviation, clusters)
    error, _ = summed(error, clusters)
    return Slope(
        estimate=float(beta[0]) * sd,
        se=float(np.sqrt(in_units @ in_units)),
        standardized=float(beta[0]),
        standardized_se=float(np.sqrt(error @ error)),
        reliability=strength,
        n=len(codes),
        df=df,
    )


def _mapping(fitted: Fitted, latent: str, x: Floats) -> tuple[Floats, float]:
    """Weights m of the latent answers, and l'Σ⁻¹l: the share of the best weighted sum that is latent."""
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
    x, rows = _estimates(fitted), []
    for k, value in enumerate(x):
        step = 1e-5 * max(1.0, abs(float(value)))
        high, low = x.copy(), x.copy()
        high[k] += step
        low[k] -= step
        rows.append((_mapping(fitted, latent, high)[0] - _mapping(fitted, latent, low)[0]) / (2 * step))
    return np.array(rows, dtype=np.float64)


def _estimates(fitted: Fitted) -> Floats:
    return np.asarray(fitted.x, dtype=np.float64)


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
