"""Robust CFI of ordinal items in groups of unequal size: the expectation of the baseline, by simulation.

The robust CFI estimates the CFI of the latent responses, 1 - sum w F / sum w F0 over groups with shares w.
Its numerator and denominator subtract what sampling error adds: sum tr(Gamma) for the baseline (ours), or
sum tr(Gamma) N / n_g (lavaan 0.6-14). At 200,000 rows a group both are nearly nothing, so that a fit there gives the
population's value. Run as a script for the table in docs/adr/0003.
"""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis.structural.estimation.indices import Statistic, comparative
from analysis.structural.models import cfa

ITEMS = [f"q{k}" for k in range(1, 7)]
MODEL = "f =~ " + " + ".join(ITEMS)
CUTS = {"a": np.array([-1.0, 0.0, 1.0]), "b": np.array([-0.8, 0.3, 1.2])}
SMALL, LARGE = 150, 600


def draw(sizes, generator):
    """Four-point answers of one factor, with two residual correlations the model lacks."""
    tables = []
    for label, n in sizes.items():
        loadings = np.array([0.75, 0.7, 0.65, 0.6, 0.55, 0.5]) - (0.1 if label == "b" else 0.0)
        correlations = np.outer(loadings, loadings)
        correlations[0, 1] = correlations[1, 0] = correlations[0, 1] + (0.22 if label == "a" else 0.12)
        correlations[4, 5] = correlations[5, 4] = correlations[4, 5] + 0.2
        np.fill_diagonal(correlations, 1.0)
        latent = generator.standard_normal((n, 6)) @ np.linalg.cholesky(correlations).T
        table = pd.DataFrame(np.searchsorted(CUTS[label], latent), columns=ITEMS)
        tables.append(table.assign(group=label))
    return pd.concat(tables, ignore_index=True)


def both_definitions(result):
    """Robust CFI and TLI with the baseline's expectation as sum tr(Gamma), and with shares left out."""
    fitted = result._fitted
    n, g = fitted.n_obs, len(fitted.sizes)
    n_thresholds = len(fitted.sample_thresholds[0])
    traces = [float(np.trace(b.gamma[n_thresholds:, n_thresholds:])) for b in fitted.blocks]
    base = -sum(
        size * np.linalg.slogdet(r)[1]
        for size, r in zip(fitted.sizes, fitted.sample_covariances, strict=True)
    )
    # the excess of the model follows from the robust RMSEA, on which both agree
    df = result.fit["df"]
    excess = result.fit["rmsea_robust"] ** 2 * (n - g) * df / g
    base_df = 15 * g
    found = {}
    for name, expected in (
        ("sum of traces", sum(traces)),
        ("shares left out", sum(t * n / size for t, size in zip(traces, fitted.sizes, strict=True))),
    ):
        found[name] = comparative(
            Statistic(
                chisq=excess + df,
                df=df,
                baseline=base,
                baseline_df=base_df,
                baseline_correction=expected / base_df,
            )
        )
    return found


@cache
def study(replications=150):
    """Mean robust CFI of both definitions, its standard error, and the population's value per design."""
    rows = []
    for sizes in ({"a": SMALL, "b": LARGE}, {"a": LARGE, "b": SMALL}):
        share = {k: v / sum(sizes.values()) for k, v in sizes.items()}
        generator = np.random.default_rng(3)
        big = draw({k: int(400_000 * w) for k, w in share.items()}, generator)
        population = cfa(MODEL, big, group="group").fit["cfi_robust"]
        values = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Heywood cases in small groups count too
            for _ in range(replications):
                result = cfa(MODEL, draw(sizes, generator), group="group")
                found = both_definitions(result)
                if result.fit["rmsea_robust"] > 0:
                    assert found["sum of traces"][0] == pytest.approx(result.fit["cfi_robust"], abs=1e-9)
                values.append([found["sum of traces"][0], found["shares left out"][0]])
        mean = np.mean(values, axis=0)
        error = np.std(values, axis=0) / np.sqrt(replications)
        rows.append((sizes, population, mean, error))
    return rows


@pytest.mark.slow
def test_the_expectation_by_groups_recovers_the_population_cfi():
    for _, population, mean, _ in study():
        assert abs(mean[0] - population) < abs(mean[1] - population)
        assert abs(mean[0] - population) < 0.004  # bias of a ratio at these sizes
        assert mean[1] < population


if __name__ == "__main__":
    for sizes, population, mean, error in study(300):
        print(
            f"{sizes} population {population:.4f} ours {mean[0]:.4f} ({error[0]:.4f}) shares left out {mean[1]:.4f}"
        )
