"""Bootstrap of fitted models."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.inference import bootstrap_model as module
from analysis.structural.inference.bootstrap_model import bootstrap_model
from analysis.structural.models import cfa
from instrument.errors import NotEstimableError, ResponseDataError, ToolkitWarning

DATA = Path(__file__).parents[1] / "reference" / "data"
C = pd.read_csv(DATA / "continuous.csv")
L = pd.read_csv(DATA / "likert.csv")


def test_bootstrap_agrees_with_the_sandwich():
    result = cfa("f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6", C, "MLR")
    found = bootstrap_model(result, draws=200, seed=4)
    free = result.parameters["se"] > 0
    ratio = found.table["se"][free] / result.parameters["se"][free]
    # 200 draws give a standard deviation within 5 percent, one standard error; four of them here
    assert np.abs(ratio - 1).max() < 0.25
    inside = (found.table["ci_lower"] <= found.table["est"]) & (found.table["est"] <= found.table["ci_upper"])
    assert inside.all()
    assert found.n_failed == 0
    assert (found.table["se"][~free] == 0).all()


def test_the_seed_decides_the_draws():
    result = cfa("a =~ q1 + q2 + q3 + q4", L)
    one, two, other = (bootstrap_model(result, draws=5, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    assert one.table["se"].to_numpy() != pytest.approx(other.table["se"].to_numpy())


def test_errors_and_limits_are_those_of_the_draws_at_the_confidence_asked_for(monkeypatch):
    result = cfa("f =~ x1 + x2 + x3", C, "ML")
    generator = np.random.default_rng(3)
    drawn = [generator.normal(size=(2, len(result.parameters))) for _ in range(7)]
    for confidence in (0.95, 0.8):
        given = iter(drawn)
        monkeypatch.setattr(module, "_one_draw", lambda *_, given=given: next(given))
        found = bootstrap_model(result, draws=7, confidence=confidence).table
        for place, prefix in enumerate(("", "std_all_")):
            of_draws = pd.DataFrame([draw[place] for draw in drawn])
            outside = (1 - confidence) / 2
            assert found[f"{prefix}se"].to_numpy() == pytest.approx(of_draws.std().to_numpy())
            lower, upper = of_draws.quantile(outside), of_draws.quantile(1 - outside)
            assert found[f"{prefix}ci_lower"].to_numpy() == pytest.approx(lower.to_numpy())
            assert found[f"{prefix}ci_upper"].to_numpy() == pytest.approx(upper.to_numpy())


def test_a_tenth_of_the_draws_may_fail_and_is_told_and_more_is_refused(monkeypatch):
    result = cfa("f =~ x1 + x2 + x3", C, "ML")
    sound = np.ones((2, len(result.parameters)))
    for failing in (2, 3):
        given = iter([None] * failing + [sound] * (20 - failing))
        monkeypatch.setattr(module, "_one_draw", lambda *_, given=given: next(given))
        if failing == 2:
            with pytest.warns(ToolkitWarning, match="2 of 20 draws could not be fitted and are left out"):
                found = bootstrap_model(result, draws=20)
            assert (found.draws, found.n_failed) == (20, 2)
        else:
            with pytest.raises(NotEstimableError, match="3 of 20 draws could not be fitted"):
                bootstrap_model(result, draws=20)


@pytest.mark.parametrize("draws", [1, 0, -5, 20.5, True])
def test_a_number_of_draws_that_is_none_is_refused(draws):
    with pytest.raises(ResponseDataError, match=rf"draws is {draws}\.\nHint: give a whole number"):
        bootstrap_model(cfa("f =~ x1 + x2 + x3 + x4", C, "ML"), draws=draws)
