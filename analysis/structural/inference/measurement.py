"""The measurement part of fitted matrices: what observed variables are given the latent ones."""

from __future__ import annotations

import numpy as np

from analysis.structural.estimation.ram import Array, State


def measurement(state: State, p: int) -> tuple[Array, Array, Array, Array, Array]:
    """Reduced form: loadings on all latent variables, error covariance, their prior mean and covariance.

    Observed variables may follow each other; errors and latent residuals are uncorrelated across blocks.
    """
    total = state.total
    items = np.linalg.inv(np.eye(p) - state.directed[:p, :p])
    loadings = items @ state.directed[:p, p:]
    errors = items @ state.symmetric[:p, :p] @ items.T
    latent_mean, latent_covariance = state.mean[p:], state.covariance[p:, p:]
    intercepts = total[:p] @ np.linalg.solve(total, state.mean) - loadings @ latent_mean
    return loadings, errors, intercepts, latent_mean, latent_covariance
