"""The section on where a theme measures: its numbers, its words, what it cannot fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import graded_response, validate
from analysis.common.rules import ICC, IRT_ITEM_FIT
from analysis.figures.base import NARROW, WIDE, to_svg
from analysis.figures.registry import build_figures
from instrument.definition import Instrument
from instrument.scoring.score import reverse_key


@pytest.fixture(scope="module")
def whole(scale: Instrument, answers: pd.DataFrame) -> dict[str, Any]:
    return validate(answers, scale, topics=("irt",)).to_dict()


@pytest.fixture(scope="module")
def section(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole["sections"]["irt"]
    return found


def test_numbers_are_those_of_the_function(
    section: dict[str, Any], scale: Instrument, answers: pd.DataFrame
) -> None:
    assert section["status"] == "ok"
    first = reverse_key(answers[answers["wave"] == 1], scale)
    items = scale.theme_items("north")
    direct = graded_response(first[items].dropna(how="all").astype(float))
    table = pd.DataFrame(section["tables"]["parameters"]).query("theme == 'north'")
    assert table["item"].tolist() == items
    for column in direct.parameters:
        np.testing.assert_allclose(table[column], direct.parameters[column])
        np.testing.assert_allclose(table[f"{column}_se"], direct.standard_errors[column])
    np.testing.assert_allclose(table["s_x2"].astype(float), direct.item_fit()["s_x2"])
    fit = pd.DataFrame(section["tables"]["fit"]).iloc[0]
    assert (fit["n"], fit["n_complete"]) == (direct.n_obs, direct.model_fit().n_obs)
    assert fit["statistic"] == direct.model_fit().statistic


def test_precise_is_where_information_is_enough(section: dict[str, Any]) -> None:
    curves = pd.DataFrame(section["tables"]["information"])
    for row in pd.DataFrame(section["tables"]["fit"]).itertuples():
        own = curves[curves["theme"] == row.theme].set_index("theta")["information"]
        inside = own[own >= 1 / (1 - ICC.cutoff)].index
        if len(inside):
            assert (row.precise_from, row.precise_to) == (inside.min(), inside.max())
            assert 0 < row.precise_share <= 1
        assert 0 < row.reliability < 1


def test_findings_rest_on_their_path(
    section: dict[str, Any], whole: dict[str, Any], at_path: Callable[[Any, str], Any]
) -> None:
    assert len(section["findings"]) == 3
    for finding in section["findings"]:
        assert finding["value"] == at_path(whole, finding["path"])
        assert finding["rule"] == str(IRT_ITEM_FIT)


def test_the_figure_has_a_curve_per_theme(section: dict[str, Any], whole: dict[str, Any]) -> None:
    figure = build_figures(section, whole["meta"])["information"]
    assert figure.alt.startswith("Curves of information for 3 themes. Highest: Theme of the north")
    for width in (NARROW, WIDE):
        svg = to_svg(figure, width)
        assert all(f"Theme of the {name}" in svg for name in ("north", "south", "west"))


def test_a_theme_that_cannot_be_fitted_is_named_and_the_others_stand(
    scale: Instrument, answers: pd.DataFrame
) -> None:
    stuck = answers.assign(q5=pd.array([3] * len(answers), dtype="Int64"))
    section = validate(stuck, scale, topics=("irt",)).to_dict()["sections"]["irt"]
    assert section["tables"]["fit"]["theme"] == ["north", "west"]
    assert section["problems"] == []
    assert section["untested"] == [{"what": "Theme of the south", "cause": "no_variation"}]
    lost = [f for f in section["findings"] if f["claim"].startswith("Theme of the south")]
    assert [(f["verdict"], f["cause"], f["passed"]) for f in lost] == [("untested", "no_variation", None)]


def test_without_any_fit_there_are_words(scale: Instrument, answers: pd.DataFrame) -> None:
    stuck = answers.assign(**{item: pd.array([3] * len(answers), dtype="Int64") for item in scale.item_ids})
    section = validate(stuck, scale, topics=("irt",)).to_dict()["sections"]["irt"]
    assert section["status"] == "ok"
    assert section["prose"] == ["No theme could be fitted; the reasons stand below."]
    assert section["problems"] == [] and len(section["untested"]) == 3
    assert section["figures"] == []
    few = validate(answers.head(5), scale, topics=("irt",)).to_dict()["sections"]["irt"]
    assert (few["status"], few["cause"]) == ("untestable", "few_people")
