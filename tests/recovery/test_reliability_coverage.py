"""Intervals of alpha, omega and ICC cover the population value as often as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.agreement.icc import icc
from analysis.reliability.congeneric import congeneric_omega
from analysis.reliability.cronbach_alpha import cronbach_alpha
from analysis.reliability.omega import omega

# 3.3 binomial standard errors of a coverage of 95 % in 1000 and in 200 samples.
BAND_1000, BAND_200 = 0.023, 0.051


def drawn(rng: np.random.Generator, covariance: np.ndarray, n: int) -> pd.DataFrame:
    return pd.DataFrame(rng.standard_normal((n, len(covariance))) @ np.linalg.cholesky(covariance).T)


@pytest.mark.slow
def test_feldt_and_normal_intervals_of_alpha() -> None:
    rng = np.random.default_rng(1)
    covariance = np.full((6, 6), 0.35) + 0.65 * np.eye(6)
    true = 6 / 5 * (1 - 6 / covariance.sum())
    results = [cronbach_alpha(drawn(rng, covariance, 120)) for _ in range(1000)]
    feldt = np.mean([r.ci.lower < true < r.ci.upper for r in results])
    normal = np.mean([r.normal_ci.lower < true < r.normal_ci.upper for r in results])
    assert feldt == pytest.approx(0.95, abs=BAND_1000)
    assert normal == pytest.approx(0.95, abs=BAND_1000 + 0.01)  # large-sample theory at n = 120


@pytest.mark.slow
def test_standard_error_of_alpha_is_the_spread_of_its_estimates() -> None:
    rng = np.random.default_rng(2)
    loadings = np.array([0.9, 0.8, 0.6, 0.5, 0.4])
    covariance = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    results = [cronbach_alpha(drawn(rng, covariance, 250)) for _ in range(1000)]
    spread = np.std([r.estimate for r in results], ddof=1)
    assert np.mean([r.ase for r in results]) == pytest.approx(spread, rel=0.08)


@pytest.mark.slow
def test_bootstrap_interval_of_one_factor_omega() -> None:
    rng = np.random.default_rng(3)
    loadings = np.array([0.8, 0.7, 0.7, 0.6, 0.5])
    covariance = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    true = loadings.sum() ** 2 / covariance.sum()
    hits = 0
    for seed in range(200):
        interval = congeneric_omega(drawn(rng, covariance, 250), draws=200, seed=seed).ci
        assert interval is not None
        hits += interval.lower < true < interval.upper
    assert hits / 200 == pytest.approx(0.95, abs=BAND_200 + 0.01)  # percentiles of 200 draws run narrow


@pytest.mark.slow
def test_bootstrap_intervals_of_hierarchical_omega() -> None:
    rng = np.random.default_rng(4)
    within = np.kron(np.eye(3), np.ones((4, 4)))
    covariance = 0.35 + 0.3 * within + 0.35 * np.eye(12)
    true = 12**2 * 0.35 / covariance.sum()
    hits = 0
    for seed in range(200):
        interval = omega(drawn(rng, covariance, 300), 3, draws=60, seed=seed).hierarchical_ci
        assert interval is not None
        hits += interval.lower < true < interval.upper
    assert hits / 200 == pytest.approx(0.95, abs=BAND_200 + 0.02)  # the standard error rests on 60 draws


@pytest.mark.slow
def test_interval_of_absolute_agreement() -> None:
    rng = np.random.default_rng(5)
    true, hits, samples, n, k = 1 / (1 + 0.1 + 0.4), 0, 1000, 40, 6
    for _ in range(samples):
        wide = rng.standard_normal((n, 1)) + np.sqrt(0.1) * rng.standard_normal(k)
        wide = wide + np.sqrt(0.4) * rng.standard_normal((n, k))
        long = pd.DataFrame(
            {
                "participant": np.repeat(np.arange(n), k),
                "wave": np.tile(np.arange(k), n),
                "score": wide.ravel(),
            }
        )
        interval = icc(long).ci("ICC(A,1)")
        hits += interval.lower < true < interval.upper
    assert hits / samples == pytest.approx(0.95, abs=BAND_1000 + 0.01)  # Satterthwaite's approximation
