"""Known chains and known maps: indirect effects without bias, intervals that cover, quarters seldom wrong.

`python -m tests.recovery.test_chain_recovery` prints the tables of docs/methods/adherence.md.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.chain.drawn_moments import drawn_covariances, left_out_covariances, percentile_limits
from analysis.adherence.chain.models import fit_chain, simulated_strengths
from analysis.adherence.chain.routes import all_routes, chain_slopes, strength_of
from analysis.adherence.priorities.several_scores import compare_with_mean, separate_effects
from analysis.reliability.resampling import accelerated_limits

REPLICATIONS = 2_000
DRAWS = 1_000
SEED = 20_261_126
NODES = ["context", "alliance", "use", "outcome"]
SLOPES = {(0, 1): 0.5, (0, 2): 0.1, (1, 2): 0.3, (0, 3): 0.1, (1, 3): -0.1, (2, 3): -0.3}
ROUTES = {"alliance → use → outcome": (1, 2, 3), "context → alliance → use → outcome": (0, 1, 2, 3)}
KINDS = ("Monte Carlo", "bootstrap, percentile", "bootstrap, BCa")
Floats = np.ndarray


def chain_of(rng: np.random.Generator, n: int) -> Floats:
    """Two covariates and the four steps; errors of the last step are skewed."""
    held = rng.standard_normal((n, 2))
    steps = np.zeros((n, 4))
    for j in range(4):
        error = rng.standard_normal(n) if j < 3 else rng.gamma(4, 0.5, n) - 2
        steps[:, j] = 0.2 * held[:, 0] - 0.2 * held[:, 1] + error
        steps[:, j] += sum(slope * steps[:, i] for (i, k), slope in SLOPES.items() if k == j)
    return np.column_stack([held, steps])


def true_strength(route: tuple[int, ...]) -> float:
    return float(np.prod([SLOPES[pair] for pair in pairwise(route)]))


def chains(n: int, replications: int) -> pd.DataFrame:
    """Bias and coverage of each route by each kind of interval."""
    rng = np.random.default_rng([SEED, n])
    routes = all_routes(4)
    at = [routes.index(route) for route in ROUTES.values()]
    true = np.array([true_strength(route) for route in ROUTES.values()])
    estimates, held = [], {kind: np.zeros(len(at)) for kind in KINDS}
    for k in range(replications):
        table = chain_of(rng, n)
        frame = pd.DataFrame(table, columns=["h1", "h2", *NODES])
        fit = fit_chain(frame, NODES, ["h1", "h2"])
        estimate = strength_of(fit.slopes[None], routes)[0][at]
        drawn = strength_of(chain_slopes(drawn_covariances(table, DRAWS, k), 4), routes)[:, at]
        left = strength_of(chain_slopes(left_out_covariances(table), 4), routes)[:, at]
        limits = (
            percentile_limits(simulated_strengths(fit, routes, DRAWS, k)[:, at], 0.95),
            percentile_limits(drawn, 0.95),
            accelerated_limits(estimate, drawn, left, 0.95),
        )
        for kind, (lower, upper) in zip(KINDS, limits, strict=True):
            held[kind] += (lower <= true) & (true <= upper)
        estimates.append(estimate)
    mean = np.mean(estimates, axis=0)
    rows = [
        {"n": n, "route": route, "true": true[j], "bias": mean[j] / true[j] - 1}
        | {kind: held[kind][j] / replications for kind in KINDS}
        for j, route in enumerate(ROUTES)
    ]
    return pd.DataFrame(rows)


def maps(n: int, replications: int, equal: bool) -> dict[str, float]:
    """How often a theme is called more or less important: wrongly where all are equal, rightly where not."""
    rng = np.random.default_rng([SEED, n, int(equal)])
    weights = np.full(4, 0.15) if equal else np.array([0.6, 0.1, 0.1, 0.1])
    called, top = 0, 0
    for _ in range(replications):
        common = rng.standard_normal((n, 1))
        scores = 0.7 * common + np.sqrt(0.51) * rng.standard_normal((n, 4))
        before = rng.standard_normal((n, 1))
        p = 1 / (1 + np.exp(-(scores @ weights + 0.5 * before[:, 0])))
        done = rng.binomial(8, rng.beta(3 * p, 3 * (1 - p))).astype(float)
        found = separate_effects(scores, before, done, np.full(n, 8.0))
        sides = compare_with_mean(found.estimate, found.covariance, found.df).sides
        called += any(side != "not told apart" for side in sides)
        top += sides[0] == "higher"
    return {"n": n, "any called": called / replications, "first called higher": top / replications}


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 500])
def test_routes_are_unbiased_and_intervals_cover(n: int) -> None:
    for row in chains(n, REPLICATIONS).to_dict("records"):
        assert abs(row["bias"]) <= 0.05, row
        # 2,000 replications know a coverage to half a point.
        for kind in KINDS:
            assert 0.93 <= row[kind] <= 0.97, row


@pytest.mark.slow
def test_equal_themes_are_seldom_called_unequal() -> None:
    for n in (200, 500):
        assert maps(n, REPLICATIONS, equal=True)["any called"] <= 0.065


@pytest.mark.slow
def test_a_theme_that_matters_more_is_found_with_enough_people() -> None:
    assert maps(500, 500, equal=False)["first called higher"] > 0.6


if __name__ == "__main__":
    print(pd.concat([chains(n, REPLICATIONS) for n in (200, 500)]).round(3).to_string(index=False))
    print(pd.DataFrame([maps(n, REPLICATIONS, e) for n in (200, 500) for e in (True, False)]).round(3))
