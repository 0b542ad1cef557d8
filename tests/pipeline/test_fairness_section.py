"""The section on items that function differently: its numbers, its words, what it cannot test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import validate
from analysis.common.rules import DIF_COSMIN, DIF_NEGLIGIBLE
from analysis.fairness.dif import dif
from analysis.figures.base import NARROW, WIDE, to_svg
from analysis.figures.registry import build_figures
from instrument.common.formatting import format_value
from instrument.definition import Instrument

DATA = Path(__file__).resolve().parents[1] / "reference" / "data" / "likert_missing.csv"


@pytest.fixture(scope="module")
def covariates() -> pd.DataFrame:
    return pd.read_csv(DATA).rename(columns={"id": "participant"})[["participant", "group", "site"]]


@pytest.fixture(scope="module")
def tilted(answers: pd.DataFrame, covariates: pd.DataFrame) -> pd.DataFrame:
    """Four of five members of group b answer q6 one lower."""
    first = answers[answers["wave"] == 1].copy()
    second = first["participant"].map(covariates.set_index("participant")["group"]).eq("b").to_numpy()
    lower = second & (np.random.default_rng(4).random(len(first)) < 0.8)
    first["q6"] = (first["q6"] - lower.astype(int)).clip(lower=1)
    return first


@pytest.fixture(scope="module")
def whole(scale: Instrument, tilted: pd.DataFrame, covariates: pd.DataFrame) -> dict[str, Any]:
    return validate(tilted, scale, covariates=covariates, topics=("fairness",)).to_dict()


@pytest.fixture(scope="module")
def section(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole["sections"]["fairness"]
    return found


def test_a_tilted_item_is_flagged_and_named(section: dict[str, Any]) -> None:
    assert section["status"] == "ok"
    assert section["values"]["flagged_items"] == "q6 by group"
    assert section["tables"]["groupings"]["grouping"] == ["group", "site"]
    assert section["tables"]["groupings"]["flagged"] == [1, 0]
    assert section["values"]["tests"] == 24
    text = " ".join(section["prose"])
    assert "It is no verdict" in text


def test_numbers_are_those_of_the_function(
    section: dict[str, Any], scale: Instrument, tilted: pd.DataFrame, covariates: pd.DataFrame
) -> None:
    rows = pd.DataFrame(section["tables"]["items"]).query("theme == 'south' and grouping == 'group'")
    items = scale.theme_items("south")
    answers = tilted.set_index("participant")
    groups = covariates.set_index("participant")["group"].reindex(answers.index)
    direct = dif(answers[items], groups).table
    for column in ("n", "chisq_total", "p_adjusted_total", "nagelkerke_total", "unsigned_difference", "flag"):
        assert rows[column].tolist() == direct[column].tolist()


def test_findings_rest_on_their_path(
    section: dict[str, Any], whole: dict[str, Any], at_path: Callable[[Any, str], Any]
) -> None:
    assert [finding["passed"] for finding in section["findings"]] == [False, False, True, True]
    for finding in section["findings"]:
        assert finding["value"] == at_path(whole, finding["path"])
        assert finding["rule"] in (str(DIF_NEGLIGIBLE), str(DIF_COSMIN))


def test_the_figure_names_what_is_flagged(section: dict[str, Any], whole: dict[str, Any]) -> None:
    figure = build_figures(section, whole["meta"])["fairness"]
    change = max(section["tables"]["groupings"]["largest_change"])
    assert f"Flagged: q6 by group {format_value(change, 'r3')}" in figure.alt
    for width in (NARROW, WIDE):
        assert ">q6<" in to_svg(figure, width)


def test_curves_are_those_of_the_function_for_the_item_on_which_groups_part_most(
    section: dict[str, Any], scale: Instrument, tilted: pd.DataFrame, covariates: pd.DataFrame
) -> None:
    curves = pd.DataFrame(section["tables"]["curves"])
    items = pd.DataFrame(section["tables"]["items"])
    for grouping, own in items.groupby("grouping"):
        most = own.loc[own["unsigned_difference"].idxmax()]
        assert set(curves.loc[curves["grouping"] == grouping, "item"]) == {most["item"]}
    part = curves[curves["grouping"] == "group"]
    assert set(part["item"]) == {"q6"} and set(part["title"]) == {"Theme of the south"}
    answers = tilted.set_index("participant")
    groups = covariates.set_index("participant")["group"].reindex(answers.index)
    whole = dif(answers[scale.theme_items("south")], groups).expected_scores.query("item == 'q6'")
    for group, line in part.groupby("group"):
        every = whole[whole["group"] == group].iloc[::4]
        np.testing.assert_allclose(line["at"], every["matching"], rtol=1e-9)
        np.testing.assert_allclose(line["expected"], every["expected"], rtol=1e-9)
        assert len(line) == 6  # of 21, both ends among them
    lower, higher = (part[part["group"] == name]["expected"].to_numpy() for name in ("b", "a"))
    assert (lower < higher).all()  # four of five answered one lower


def test_the_curves_say_where_groups_lie_furthest_apart(
    section: dict[str, Any], whole: dict[str, Any]
) -> None:
    figure = build_figures(section, whole["meta"])["dif_curves"]
    curves = pd.DataFrame(section["tables"]["curves"])
    wide = curves[curves["grouping"] == "group"].pivot_table(index="at", columns="group", values="expected")
    at = (wide["a"] - wide["b"]).idxmax()
    shown = [format_value(value, "d2") for value in (at, wide.loc[at, "a"], wide.loc[at, "b"])]
    assert figure.title == (
        f"People of equal standing part most by group on “q6” by group: at a standing of {shown[0]}, "
        f"{shown[1]} (a) against {shown[2]} (b)"
    )
    for width in (NARROW, WIDE):
        drawn = to_svg(figure, width)
        assert ">“q6” by group<" in drawn and "by site<" in drawn
    tests = section["tables"]["items"]
    none = {**tests, "significant": [False] * len(tests["item"])}
    chance = {**section, "tables": {**section["tables"], "items": none}}
    assert build_figures(chance, whole["meta"])["dif_curves"].title == f"{figure.title}; not told from chance"
    bare = {**section, "tables": {**section["tables"], "curves": {key: [] for key in curves}}}
    assert "dif_curves" not in build_figures(bare, whole["meta"])


def test_without_flags_the_words_do_not_promise_fairness(
    scale: Instrument, answers: pd.DataFrame, covariates: pd.DataFrame
) -> None:
    quarters = covariates.assign(site=np.resize(["x", "x", "y", "x"], len(covariates)))
    found = validate(answers, scale, covariates=quarters, topics=("fairness",)).to_dict()
    section = found["sections"]["fairness"]
    assert section["values"]["flagged"] == 0
    assert "does not prove fairness" in " ".join(section["prose"])
    assert section["values"]["small_groups"] == "y (site, 150)"


def test_what_cannot_be_tested_is_said(
    scale: Instrument, answers: pd.DataFrame, covariates: pd.DataFrame
) -> None:
    stuck = answers.assign(q5=pd.array([3] * len(answers), dtype="Int64"))
    found = validate(stuck, scale, covariates=covariates, topics=("fairness",)).to_dict()
    section = found["sections"]["fairness"]
    assert section["problems"] == []
    assert {"what": "Theme of the south by group", "cause": "no_variation"} in section["untested"]
    lost = [f for f in section["findings"] if f["claim"].startswith("Theme of the south by group")]
    assert [(f["verdict"], f["cause"], f["property"]) for f in lost] == [
        ("untested", "no_variation", "invariance")
    ]
    assert set(section["tables"]["items"]["theme"]) == {"north", "west"}


def test_without_groups_the_section_says_what_it_needs(
    scale: Instrument, answers: pd.DataFrame, covariates: pd.DataFrame
) -> None:
    bare = validate(answers, scale, topics=("fairness",)).to_dict()["sections"]["fairness"]
    assert bare["status"] == "not_applicable"
    assert "table of covariates" in bare["message"]
    few = covariates.assign(group="a").drop(columns="site")
    small = validate(answers, scale, covariates=few, topics=("fairness",)).to_dict()["sections"]["fairness"]
    assert "120 people" in small["message"]


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], section: dict[str, Any]
) -> None:
    assert unlike("fairness", {"fairness": section}) == []
