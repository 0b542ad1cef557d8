"""Loadings of the structures with a general factor stand in tables and path diagrams, each where it was fitted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import instrument
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.simulation.simulate_study import simulate_study
from analysis.structural.families.compare_theories import compare_theories


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    made = simulate_study("dta_example", n=500, seed=3).responses
    return made[made["wave"] == made["wave"].iloc[0]]


@pytest.fixture(scope="module")
def tree(answers: pd.DataFrame) -> dict[str, Any]:
    return validate(answers, instrument.load("dta"), topics=["models"]).to_dict()


def test_loadings_are_those_of_the_fitted_structures(tree: dict[str, Any], answers: pd.DataFrame) -> None:
    fits = compare_theories(answers.drop(columns="wave"), instrument.load("dta"), "WLSMV").fits
    tables = tree["sections"]["models"]["tables"]
    every = pd.DataFrame(tables["fit"])
    for name, words in (("second_order", "second order"), ("bifactor", "bifactor")):
        table = pd.DataFrame(tables[name])
        fit = every[(every["structure"] == words) & every["proper"]]
        found = [fits[model].parameters.query("op == '=~'") for model in fit["model"]]
        same = [rows for rows in found if len(rows) == len(table)]
        assert any(table["loading"].tolist() == pytest.approx(rows["std_all"].tolist()) for rows in same)
        assert (table["ci_lower"] <= table["loading"]).all() and (table["loading"] <= table["ci_upper"]).all()


def test_titles_say_what_was_found(tree: dict[str, Any]) -> None:
    section = tree["sections"]["models"]
    drawn = build_figures(section, tree["meta"])
    upper = pd.DataFrame(section["tables"]["second_order"]).query("factor == 'General factor'")
    assert f".{round(100 * upper['loading'].min())}" in drawn["second_order"].title
    assert f".{round(100 * upper['loading'].max())}" in drawn["second_order"].title
    beside = pd.DataFrame(section["tables"]["bifactor"])
    general = beside[beside["factor"] == "General factor"].set_index("item")["loading"].abs()
    own = beside[beside["factor"] != "General factor"].set_index("item")["loading"].abs()
    stronger = int((general.reindex(own.index) > own).sum())
    assert drawn["bifactor"].title.startswith(f"{stronger} of {len(own)} items")


def test_an_improper_structure_has_no_diagram(answers: pd.DataFrame) -> None:
    tree = validate(answers.head(60), instrument.load("dta"), topics=["models"]).to_dict()
    section = tree["sections"]["models"]
    proper = {
        words
        for words, ok in zip(
            section["tables"]["fit"]["structure"], section["tables"]["fit"]["proper"], strict=True
        )
        if ok
    }
    for name, words in (("second_order", "second order"), ("bifactor", "bifactor")):
        assert (name in section["figures"]) == (words in proper)
        assert (name in section["tables"]) == (words in proper)
