"""Shares of a bifactor model: by hand, what is refused, and themes that cannot be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.bifactor_strength import bifactor_strength, shares
from analysis.structural.language.theory_models import theory_models
from analysis.structural.models import cfa
from instrument.errors import DefinitionError

GENERAL = "g =~ " + " + ".join(f"x{k}" for k in range(1, 10))
GROUPS = "a =~ x1 + x2 + x3; b =~ x4 + x5 + x6; c =~ x7 + x8 + x9"


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    own = np.repeat(rng.normal(size=(400, 3)), 3, axis=1)
    values = 0.7 * rng.normal(size=(400, 1)) + 0.4 * own + 0.6 * rng.normal(size=(400, 9))
    return pd.DataFrame(values, columns=[f"x{k}" for k in range(1, 10)]).assign(grp=["one", "two"] * 200)


def test_shares_by_hand() -> None:
    loadings = np.array([[0.6, 0.4], [0.8, 0.2]])
    # variance: 1.4² + 0.6² + (1 - .36 - .16) + (1 - .64 - .04) = 3.12
    found = shares(loadings, np.array([0, 1]))
    expected = [2.32 / 3.12, 1.96 / 3.12, 0.36 / 3.12, 1.0 / 1.2]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_two_shares_add_up_and_lie_in_their_intervals(answers: pd.DataFrame) -> None:
    fit = cfa(f"{GENERAL}; {GROUPS}", answers, "ML", std_lv=True, orthogonal=True)
    result = bifactor_strength(fit)
    table = result.table
    assert result.scale == "standardised items"
    np.testing.assert_allclose(table["omega"], table["omega_general"] + table["omega_group"], rtol=1e-12)
    for name in ("omega", "omega_general", "omega_group", "ecv"):
        assert (table[f"{name}_ci_lower"] < table[name]).all() and (
            table[name] < table[f"{name}_ci_upper"]
        ).all()
    narrow = bifactor_strength(fit, confidence=0.5).table
    assert (narrow["ecv_ci_lower"] > table["ecv_ci_lower"]).all()
    assert list(table["n_items"]) == [9, 3, 3, 3]


def test_what_is_no_bifactor_model_is_refused(answers: pd.DataFrame) -> None:
    with pytest.raises(DefinitionError, match=r"factors are correlated: a ~~ b"):
        bifactor_strength(cfa("a =~ x1 + x2 + x3; b =~ x4 + x5 + x6", answers, "ML"))
    with pytest.raises(DefinitionError, match="one factor only"):
        bifactor_strength(cfa(GENERAL, answers, "ML"))
    with pytest.raises(DefinitionError, match="does not carry 'x4'"):
        bifactor_strength(cfa("a =~ x1 + x2 + x3; b =~ x4 + x5 + x6", answers, "ML", orthogonal=True))
    grouped = cfa(f"{GENERAL}; {GROUPS}", answers, "ML", group="grp", std_lv=True, orthogonal=True)
    with pytest.raises(DefinitionError, match="2 groups"):
        bifactor_strength(grouped)


def test_models_follow_from_the_roles_of_the_themes() -> None:
    themes = {"a": ["x1", "x2"], "b": ["x3", "x4"], "c": ["x5", "x6"]}
    names = [model.name for model in theory_models(themes, {})]
    assert names == ["one factor", "3 correlated", "second order", "bifactor"]
    with_context = {model.name: model for model in theory_models(themes, {"k": ["x7", "x8"]})}
    assert len(with_context) == 10
    assert with_context["M4 context predicts"].within == ("M3 4 correlated", "M5 bifactor")
    two = {m.name: m for m in theory_models(themes, {"k": ["x7", "x8"], "l": ["x9", "x10"]})}
    assert two["M4 context predicts"].within == ("M3 5 correlated",)
    assert [model.name for model in theory_models({"a": ["x1", "x2", "x3"]}, {})] == ["one factor"]
    with pytest.raises(DefinitionError, match="fewer than two items"):
        theory_models({"a": ["x1"]}, {})
