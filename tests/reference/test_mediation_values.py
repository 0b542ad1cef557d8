"""Chain of context, alliance, use and outcome against lavaan, pingouin, scipy and linear models in R."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.chain.four_way import SUMS, Triple, four_way
from analysis.adherence.chain.models import ChainFit, fit_chain, simple_mediation
from analysis.adherence.chain.routes import all_routes, chain_slopes, strength_of
from analysis.adherence.claims.hidden_cause import indirect_given_rho
from analysis.common.undisturbed import undisturbed_pingouin
from analysis.reliability.resampling import accelerated_limits

HERE = Path(__file__).parent
TABLE = HERE / "data" / "mediation.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "mediation.json").read_text(encoding="utf-8"))
NODES = ["context", "alliance", "done", "outcome"]
HELD = ["before", "distress"]
# Both searches stop where the gradient is about 1e-7.
SEARCH = 1e-5
# Linear models on both sides.
EXACT = 1e-10
COMPARED = [
    ("Routes of a chain, observed scores: estimates, standard errors", "R lavaan sem", SEARCH),
    ("Routes of a chain, latent alliance: estimates, standard errors", "R lavaan sem", SEARCH),
    ("Indirect effect under a correlation of errors", "R lm", EXACT),
    ("Four parts of a total effect: estimates, standard errors", "R lm, deltas by D()", EXACT),
    ("Indirect effect of three steps", "pingouin mediation_analysis", EXACT),
    ("Bias-corrected and accelerated limits", "scipy.stats.bootstrap", EXACT),
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    frame = pd.read_csv(TABLE)
    return frame.assign(alliance=frame[["t1", "t2", "t3", "t4"]].mean(axis=1))


def compare(fit: ChainFit, wanted: dict[str, float], scale: list[float]) -> None:
    routes = all_routes(len(NODES))
    found = strength_of(fit.slopes[None], routes)[0]
    for k, route in enumerate(routes):
        label = ("p" if len(route) == 2 else "r") + "".join(map(str, route))
        turn = scale[route[0]] / scale[route[-1]]
        assert found[k] == pytest.approx(wanted[label] * turn, rel=SEARCH), label
        assert fit.standard_errors[k] == pytest.approx(wanted[f"{label}_se"] * turn, rel=SEARCH), label
    for k, (row, column) in enumerate(fit.place):
        error = np.sqrt(fit.covariance[k, k])
        turn = scale[column] / scale[row]
        assert error == pytest.approx(wanted[f"p{column}{row}_se"] * turn, rel=SEARCH)


def test_the_values_belong_to_the_committed_table() -> None:
    assert VALUES["meta"]["md5"] == hashlib.md5(TABLE.read_bytes()).hexdigest()


def test_observed_chain(table: pd.DataFrame) -> None:
    compare(fit_chain(table, NODES, HELD), VALUES["observed"], [1.0] * 4)


def test_latent_chain(table: pd.DataFrame) -> None:
    whole = table.drop(columns="alliance")
    fit = fit_chain(whole, NODES, HELD, {"alliance": ["t1", "t2", "t3", "t4"]})
    wanted = VALUES["latent"]
    compare(fit, wanted, [1.0, wanted["sd"], 1.0, 1.0])
    assert fit.fit["chisq"] == pytest.approx(wanted["chisq"], rel=SEARCH)
    assert fit.fit["df"] == wanted["df"]


def test_the_bootstrap_refits_what_the_model_fits(table: pd.DataFrame) -> None:
    """Resamples are solved by least squares; a chain in which each step has all earlier ones is the same."""
    covariance = np.cov(table[[*HELD, *NODES]].to_numpy(float), rowvar=False)
    slopes = chain_slopes(covariance[None], len(NODES))[0]
    np.testing.assert_allclose(slopes, fit_chain(table, NODES, HELD).slopes, atol=1e-6)


@pytest.mark.parametrize(("name", "last"), [("alliance_done", 3), ("done_outcome", 4)])
def test_under_a_correlation_of_errors(name: str, last: int, table: pd.DataFrame) -> None:
    columns = [*HELD, *NODES][: 2 + last]
    covariance = np.cov(table[columns].to_numpy(float), rowvar=False)
    found = indirect_given_rho(covariance[None], np.array(VALUES["rho"]))[0]
    np.testing.assert_allclose(found, VALUES[name], rtol=EXACT)


FOUR = [
    ("four_use", ("alliance", "done", "outcome"), ("context", "before", "distress"), 0.0),
    ("four_at_three", ("alliance", "done", "outcome"), ("before",), 3.0),
    ("four_alliance", ("context", "alliance", "done"), ("before", "distress"), 0.5),
]


@pytest.mark.parametrize(("name", "steps", "held", "reference"), FOUR)
def test_four_parts_of_a_total(
    name: str, steps: tuple[str, str, str], held: tuple[str, ...], reference: float, table: pd.DataFrame
) -> None:
    start, middle, end = (table[step].to_numpy(float) for step in steps)
    route = Triple(start=start, middle=middle, end=end, held=table[list(held)].to_numpy(float))
    found = four_way(route, reference=reference, draws=400, seed=1)
    np.testing.assert_allclose(found["estimate"], VALUES[name]["estimate"], rtol=EXACT)
    np.testing.assert_allclose(found["se"], VALUES[name]["se"], rtol=EXACT)
    assert found["part"].tolist() == list(SUMS)
    np.testing.assert_allclose(found["share"], found["estimate"] / found["estimate"][4], rtol=1e-12)
    # 400 draws: the width of a bootstrap interval is known to about 5 %
    width = (found["ci_upper"] - found["ci_lower"]) / (2 * 1.96 * found["se"])
    assert width.between(0.75, 1.35).all()


def test_pingouin_finds_the_same_indirect_effect(table: pd.DataFrame) -> None:
    found = simple_mediation(table, NODES[1:], ["context", *HELD], 0.95, 300, 1).set_index("path")
    covariance = np.cov(table[[*HELD, *NODES]].to_numpy(float), rowvar=False)
    slopes = chain_slopes(covariance[None], len(NODES))[0]
    indirect = slopes[2, 1] * slopes[3, 2]
    assert found.loc["Indirect", "estimate"] == pytest.approx(indirect, rel=EXACT)
    assert found.loc["Direct", "estimate"] == pytest.approx(slopes[3, 1], rel=EXACT)
    assert found.loc["Total", "estimate"] == pytest.approx(indirect + slopes[3, 1], rel=EXACT)
    # Its standard deviation over 300 draws is known to about 4%.
    assert found.loc["Indirect", "se"] == pytest.approx(VALUES["observed"]["r123_se"], rel=0.2)


@pytest.mark.parametrize("case", ["plain", "nothing held", "a rare category", "two values"])
def test_every_number_of_a_simple_mediation_is_pingouins(case: str, table: pd.DataFrame) -> None:
    people = table.iloc[:120].copy()
    people["rare"] = (np.arange(120) == 3).astype(float)  # one person: a third of the samples lack it
    if case == "two values":
        people[NODES[2]] = (people[NODES[2]] > people[NODES[2]].median()).astype(float)
    held = [] if case == "nothing held" else [*HELD, *(["rare"] if case == "a rare category" else [])]
    found = simple_mediation(people, NODES[1:], held, 0.9, 60, 3)
    with undisturbed_pingouin() as pingouin:
        x, m, y = NODES[1:]
        own = pingouin.mediation_analysis(
            data=people, x=x, m=m, y=y, alpha=0.1, n_boot=60, seed=3, **({"covar": held} if held else {})
        )
    assert found["path"].tolist() == own["path"].tolist()
    np.testing.assert_allclose(
        found.drop(columns="path").to_numpy(float),
        own[["coef", "se", "pval", "CI5.0", "CI95.0"]].to_numpy(float),
        rtol=1e-9,
    )


def test_accelerated_limits_are_those_of_scipy() -> None:
    sample = np.random.default_rng(2).exponential(size=60)
    drawn = stats.bootstrap(
        (sample,), lambda x, axis: np.var(x, axis=axis), n_resamples=999, method="BCa", rng=4
    )
    left = np.array([[np.var(np.delete(sample, k))] for k in range(len(sample))])
    lower, upper = accelerated_limits(
        np.array([np.var(sample)]), drawn.bootstrap_distribution[:, None], left, 0.95
    )
    found = (lower[0], upper[0])
    assert found == pytest.approx(tuple(drawn.confidence_interval), rel=EXACT)
