"""Reliability and stated structures: the numbers of the functions, in the tree and in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.pipeline import validate
from analysis.reliability.congeneric import congeneric_omega
from analysis.reliability.omega import omega
from analysis.report.view import prose
from analysis.structural.families.compare_theories import compare_theories
from instrument.definition import Instrument

DATA = Path(__file__).resolve().parents[1] / "reference" / "data" / "context_over_time.csv"
THEMES = (("a", 1, "dimension"), ("b", 4, "dimension"), ("c", 7, "dimension"), ("k", 10, "context"))


def make_twelve(options: int = 5) -> Instrument:
    themes = [
        {
            "id": name,
            "title": f"Theme {name}",
            "role": role,
            "items": [{"id": f"q{k}", "text": f"Words of q{k}"} for k in range(first, first + 3)],
        }
        for name, first, role in THEMES
    ]
    labels = {k: f"Option {k}" for k in range(1, options + 1)}
    definition = {"schema": 1, "id": "twelve", "version": "1", "title": "T", "status": "candidate"}
    definition |= {"notice": "Made up.", "response_scales": {"agree": {"options": labels}}, "themes": themes}
    return Instrument.model_validate(definition)


@pytest.fixture(scope="module")
def twelve_answers() -> pd.DataFrame:
    raw = pd.read_csv(DATA)
    items = [column for column in raw if column.startswith("q")]
    return raw.astype(dict.fromkeys(items, "Int64"))


@pytest.fixture(scope="module")
def sections(twelve_answers: pd.DataFrame) -> dict[str, Any]:
    people = twelve_answers["participant"].unique()
    covariates = pd.DataFrame({"participant": people, "sex": np.resize(["woman", "man"], len(people))})
    result = validate(
        twelve_answers, make_twelve(), covariates=covariates, seed=2, topics=("reliability", "models")
    )
    found: dict[str, Any] = result.to_dict()["sections"]
    return found


def test_omega_of_a_theme_is_the_categorical_one_with_its_interval(
    twelve_answers: pd.DataFrame, sections: dict[str, Any]
) -> None:
    first = twelve_answers[twelve_answers["wave"] == 1]
    table = sections["reliability"]["tables"]["alpha"]
    direct = omega(
        first[["q4", "q5", "q6"]].astype(float), 1, "polychoric", missing="pairwise", draws=100, seed=2
    )
    assert table["omega"][1] == direct.categorical
    assert direct.categorical_ci is not None
    assert table["omega_ci_lower"][1] == direct.categorical_ci.lower
    assert sections["reliability"]["method"]["options"]["draws"] == 100
    assert sections["reliability"]["method"]["seed"] == 2


def test_reversed_items_are_turned_before_omega(tree: dict[str, Any]) -> None:
    """Items q4 and q9 are reversed there; unturned, omega of their themes would be far lower."""
    table = tree["sections"]["reliability"]["tables"]["alpha"]
    np.testing.assert_allclose(table["omega"], table["alpha"], atol=0.06)


def test_the_general_factor_is_that_of_the_bifactor_model(
    twelve_answers: pd.DataFrame, sections: dict[str, Any]
) -> None:
    direct = compare_theories(twelve_answers[twelve_answers["wave"] == 1], make_twelve()).bifactor
    assert direct is not None
    table = sections["reliability"]["tables"]["general_factor"]
    assert table["part"] == ["total", "a", "b", "c"]
    for column in ("omega", "omega_general", "omega_group", "ecv", "ecv_ci_upper"):
        np.testing.assert_allclose(table[column], direct.table[column], rtol=1e-10)
    values = sections["reliability"]["values"]
    assert values["omega_h"] == table["omega_general"][0]
    assert 0 < values["sl_omega_h_lower"] < values["sl_omega_h"] < values["sl_omega_h_upper"] < 1
    words = " ".join(prose(sections["reliability"]))
    assert "separate scores should be promised only" in words and "{" not in words


def test_waves_and_groups_have_their_rows(sections: dict[str, Any], twelve_answers: pd.DataFrame) -> None:
    table = pd.DataFrame(sections["reliability"]["tables"]["by_part"])
    assert list(pd.unique(table["kind"])) == ["Wave", "sex"]
    later = table[(table["part"] == "wave 2") & (table["theme"] == "k")].iloc[0]
    items = twelve_answers.loc[twelve_answers["wave"] == 2, ["q10", "q11", "q12"]].astype(float)
    direct = omega(items, 1, "polychoric", missing="pairwise", draws=0, seed=2)
    assert later["omega"] == direct.categorical and later["n"] == len(items.dropna())
    assert set(table.loc[table["kind"] == "sex", "part"]) == {"woman", "man"}


def test_many_options_are_taken_as_numbers(twelve_answers: pd.DataFrame) -> None:
    wide = make_twelve(options=9)
    first = twelve_answers[twelve_answers["wave"] == 1]
    result = validate(first, wide, seed=2, topics=("reliability", "models")).to_dict()["sections"]
    direct = congeneric_omega(first[["q1", "q2", "q3"]].astype(float), "pairwise", draws=100, seed=2)
    assert result["reliability"]["tables"]["alpha"]["omega"][0] == direct.estimate
    assert result["models"]["method"]["estimator"].startswith("MLR, robust fit indices judged")
    fit = result["models"]["tables"]["fit"]
    own = compare_theories(first, wide, "MLR").table.set_index("model")
    row = fit["model"].index("M3 4 correlated")
    assert fit["cfi_robust"][row] == pytest.approx(own["cfi"].loc["M3 4 correlated"], rel=1e-10)
    for key in ("chisq", "chisq_scaled"):
        assert fit[key][row] == pytest.approx(own[key].loc["M3 4 correlated"], rel=1e-10)
    assert fit["chisq"][row] != pytest.approx(fit["chisq_scaled"][row], rel=1e-3)


def test_every_structure_is_named_with_its_twins_and_its_differences(sections: dict[str, Any]) -> None:
    models = sections["models"]
    names = models["tables"]["fit"]["model"]
    assert names[:2] == ["M1 one factor", "M3 4 correlated"] and names[-1] == "bifactor"
    assert models["values"]["judged"] == "4 correlated themes, context among them"
    assert len(models["values"]["equivalent"]) == 2
    words = " ".join(prose(models))
    assert "The arrow between context and general factor turned round" in words
    assert "Fit cannot choose between them" in words
    tests = pd.DataFrame(models["tables"]["differences"]).set_index(["restricted", "free"])
    assert tests.loc[("M4 context predicts", "M3 4 correlated"), "df_diff"] == 2
    assert set(models["tables"]["meaning"]["model"]) == set(names)
    assert models["figures"] == ["models", "paths", "second_order", "bifactor"]


def test_variance_extracted_follows_from_the_loadings(sections: dict[str, Any]) -> None:
    tables = sections["models"]["tables"]
    loadings = pd.DataFrame(tables["loadings"])
    own = loadings.loc[loadings["factor"] == "Theme b", "loading"]
    row = tables["extracted"]["theme"].index("b")
    assert tables["extracted"]["ave"][row] == pytest.approx((own**2).mean(), rel=1e-10)
    whole = own.sum() ** 2
    expected = whole / (whole + (1 - own**2).sum())
    assert tables["extracted"]["composite_reliability"][row] == pytest.approx(expected, rel=1e-10)
    claims = [finding["claim"] for finding in sections["models"]["findings"]]
    assert "Theme b: items share most of their variance" in claims
    assert "Theme b: composite reliability" in claims


def test_a_scale_of_one_theme_has_one_structure(twelve_answers: pd.DataFrame) -> None:
    single = make_twelve().model_dump(by_alias=True)
    single["themes"] = [
        single["themes"][0] | {"items": [i for t in single["themes"] for i in t["items"][:2]]}
    ]
    scale = Instrument.model_validate(single)
    first = twelve_answers.loc[twelve_answers["wave"] == 1, ["participant", "wave", *scale.item_ids]]
    models = validate(first, scale, seed=2, topics=("models",)).to_dict()["sections"]["models"]
    assert models["status"] == "ok"
    assert models["tables"]["fit"]["model"] == ["one factor"]
    assert models["findings"][0]["claim"] == "A factor per theme fits (CFI, robust)"
    assert models["findings"][0]["value"] == models["tables"]["fit"]["cfi_robust"][0]
    assert models["findings"][4]["claim"].startswith("Theme a")
    assert "factor_correlations" not in models["tables"]


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], sections: dict[str, Any]
) -> None:
    assert unlike("structure", sections) == []
