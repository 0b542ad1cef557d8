"""The bivariate normal by integration from independence: the same digits as Owen's T and as scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from analysis.correlation.bivariate_normal import (
    MODERATE,
    NEAR,
    bivariate_cdf,
    by_owen,
    gained,
    rectangle_probabilities,
)
from analysis.correlation.pairs import fit_pairs


@given(st.integers(0, 10_000), st.floats(-MODERATE, MODERATE))
@settings(max_examples=60, deadline=None)
def test_integral_and_owens_function_agree(seed: int, rho: float) -> None:
    rng = np.random.default_rng(seed)
    h, k = rng.normal(0, 2, (2, 40))
    h[:3], k[2:5] = [np.inf, -np.inf, 0.0], [0.0, np.inf, -np.inf]
    np.testing.assert_allclose(
        bivariate_cdf(h, k, np.array(rho)), by_owen(h, k, np.array(rho)), rtol=0, atol=2e-15
    )


@pytest.mark.parametrize("rho", [-0.95, -0.8, -0.3, 0.0, 0.5, 0.8, 0.81, 0.99])
def test_values_are_those_of_scipy(rho: float) -> None:
    for h, k in ((0.0, 0.0), (-1.2, 0.4), (1.5, 1.5), (-2.0, -2.5), (0.3, -0.3)):
        known = multivariate_normal.cdf([h, k], cov=[[1, rho], [rho, 1]], abseps=1e-13, releps=1e-13)
        assert float(bivariate_cdf(np.array(h), np.array(k), np.array(rho))) == pytest.approx(known, abs=1e-8)


@given(st.integers(0, 10_000), st.floats(-0.7, 0.7), st.floats(-NEAR, NEAR))
@settings(max_examples=60, deadline=None)
def test_what_a_small_step_adds_is_exact(seed: int, rho: float, step: float) -> None:
    h, k = np.random.default_rng(seed).normal(0, 2, (2, 40))
    start = np.arcsin(rho)
    added = gained(h * k, h * h + k * k, np.array(start), np.array(start + step))
    difference = by_owen(h, k, np.sin(start + step)) - by_owen(h, k, np.array(rho))
    np.testing.assert_allclose(added, difference, rtol=0, atol=2e-15)


def test_large_and_moderate_correlations_of_one_call_are_those_of_calls_apart() -> None:
    h = np.array([[-0.5, 0.7], [-1.0, np.inf]])
    k = np.array([[0.1, 1.1], [0.4, 0.9]])
    rho = np.array([0.3, 0.97])
    both = rectangle_probabilities(h, k, rho)
    for pair in range(2):
        own = slice(pair, pair + 1)
        np.testing.assert_allclose(both[own], rectangle_probabilities(h[own], k[own], rho[own]), atol=1e-15)
    np.testing.assert_allclose(both.sum((1, 2)), 1.0, atol=1e-14)


@given(st.integers(0, 10_000), st.sampled_from([-0.97, -0.6, 0.0, 0.4, 0.79, 0.83, 0.96]), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_the_correlation_found_is_the_highest_point_of_the_likelihood(seed: int, rho: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.normal(0, 0.8, (2, n - 1)), axis=1)
    drawn = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 400)
    codes = [np.searchsorted(cuts[side], drawn[:, side]) for side in (0, 1)]
    table = np.zeros((n, n))
    np.add.at(table, tuple(codes), 1.0)
    if (table.sum(0) == 0).any() or (table.sum(1) == 0).any() or n == 2:
        table += 0.5
    from scipy.special import ndtri

    share = [np.cumsum(table.sum(1 - side))[:-1] / table.sum() for side in (0, 1)]
    h, k = (ndtri(one)[None, :] for one in share)

    def loss(r: float) -> float:
        return -float((table * np.log(np.maximum(rectangle_probabilities(h, k, np.array([r])), 1e-15))).sum())

    fit = fit_pairs(table[None], h, k)
    best = minimize_scalar(loss, bounds=(-0.9999, 0.9999), method="bounded", options={"xatol": 1e-9})
    assert loss(float(fit.rho[0])) <= best.fun + 1e-9
