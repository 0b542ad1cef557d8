"""The page of one item: every number is that of the tree, and a shared copy tells nothing more."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.disclosure.shared import shared_tree
from analysis.figures.item_figures import THETA, category_chances, response_curves
from dashboard.item_sheet import item_sheet, items_of
from instrument.common.formatting import format_value


def _items() -> None:
    from dashboard.catalogue import PAGES
    from dashboard.views import topics

    topics.show(next(page for page in PAGES if page.path == "items"))


def opened(**query: str) -> AppTest:
    test = AppTest.from_function(_items, default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception
    return test


def test_every_fact_of_an_item_is_a_number_of_the_tree(results_tree: dict[str, Any]) -> None:
    section = results_tree["sections"]["items"]["tables"]
    for row, (item, wording) in enumerate(items_of(results_tree).items()):
        sheet = item_sheet(results_tree, item)
        assert sheet is not None
        assert (sheet.item, sheet.wording) == (item, wording)
        facts = {fact.label: fact.text for fact in sheet.facts}
        assert facts["People who answered it"] == format_value(section["statistics"]["n"][row], "int")
        assert facts["Mean answer"] == format_value(section["statistics"]["mean"][row], "d2")
        assert facts["Correlation with the rest of its theme"] == format_value(
            section["statistics"]["item_rest_r"][row], "r2"
        )
        dropped = results_tree["sections"]["reliability"]["tables"]["if_dropped"]
        assert facts["Alpha of its theme without it"] == format_value(
            dropped["if_dropped"][dropped["item"].index(item)], "r2"
        )
        loadings = results_tree["sections"]["models"]["tables"]["loadings"]
        assert facts["Loading in the model of the themes"] == format_value(
            loadings["loading"][loadings["item"].index(item)], "r2"
        )
        assert sheet.answers is not None
        shares = [section["distribution_agree"][f"share_{code}"][row] for code in range(1, 6)]
        assert list(sheet.answers.shares) == shares
        assert sheet.answers.labels == ("Not at all", "A little", "Some", "Much", "Fully")
        assert dict(sheet.compared["Mean answer at each wave"])["wave 1"] == facts["Mean answer"]
        assert sheet.curves is not None
    assert item_sheet(results_tree, "no such item") is None


def test_an_address_opens_an_item_and_an_unknown_one_opens_all(
    placed: Any, results_tree: dict[str, Any]
) -> None:
    placed(results_tree)
    test = opened(item="q7")
    assert any("Words of q7" in header.value for header in test.header)
    assert len(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")) == 2
    test.selectbox[0].select("").run()
    assert "item" not in test.query_params
    test.selectbox[0].select("q2").run()
    assert test.query_params["item"] in ("q2", ["q2"])
    unknown = opened(item="<script>")
    assert not any("Words of" in header.value for header in unknown.header)
    assert any("has no item" in entry.value for entry in unknown.markdown)


def test_the_page_of_an_item_says_whose_it_is_and_where_its_options_turn(
    placed: Any, results_tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = item_sheet(results_tree, "q7")
    assert sheet is not None and sheet.curves is not None
    leads: list[str] = []
    monkeypatch.setattr("dashboard.views.item.link", lambda path, title, query: leads.append(query["tab"]))
    steps = ", ".join(format_value(step, "d2") for step in sheet.curves.difficulties)
    assert list(sheet.curves.difficulties) == sorted(sheet.curves.difficulties) and "," in steps
    for tree, shared in ((results_tree, False), (shared_tree(results_tree), True)):
        placed(tree)
        text = " ".join(entry.value for entry in opened(item="q7").markdown)
        assert "Theme south · item q7" in text and "has no item" not in text
        assert f"and so on, at {steps}." in text and "Options are numbered" not in text
        assert ("fewer than five people is left out" in text) is shared
    assert "reliability" in leads and "items" not in leads  # it is a page of the items itself


def test_what_a_shared_copy_hides_is_not_on_the_page_of_an_item(results_tree: dict[str, Any]) -> None:
    seen = shared_tree(results_tree)
    for item in items_of(results_tree):
        sheet = item_sheet(seen, item)
        assert sheet is not None and sheet.answers is not None
        row = list(items_of(results_tree)).index(item)
        table = seen["sections"]["items"]["tables"]["distribution_agree"]
        assert list(sheet.answers.shares) == [table[f"share_{code}"][row] for code in range(1, 6)]
        text = json.dumps([[fact.text for fact in sheet.facts], sheet.compared, sheet.functioning])
        assert "None" not in text and "nan" not in text


@pytest.mark.parametrize("gone", ["items", "reliability", "models", "irt"])
def test_without_a_section_the_sheet_stands(results_tree: dict[str, Any], gone: str) -> None:
    made = copy.deepcopy(results_tree)
    del made["sections"][gone]
    sheet = item_sheet(made, "q1")
    assert sheet is not None
    assert all(fact.topic != gone for fact in sheet.facts)
    assert (sheet.answers is None) is (gone == "items")


def test_chances_of_the_options_are_those_of_the_model() -> None:
    """Against differences of logistic functions worked out one by one; half choose more at a difficulty."""
    slope, steps = 1.7, [-1.2, 0.1, 1.5]
    chances = category_chances(slope, steps)
    assert chances.shape == (61, 4)
    assert np.allclose(chances.sum(axis=1), 1)
    for place in (0, 17, 30, 60):
        above = [1 / (1 + np.exp(-slope * (THETA[place] - step))) for step in steps]
        wanted = [1 - above[0], above[0] - above[1], above[1] - above[2], above[2]]
        assert chances[place] == pytest.approx(wanted)
    assert (np.diff(chances[:, 0]) < 0).all() and (np.diff(chances[:, -1]) > 0).all()
    drawn = response_curves(slope, steps).to_dict()["encoding"]
    assert len(drawn["tooltip"]) == 3
    assert drawn["color"]["scale"]["domain"] == ["option 1", "option 2", "option 3", "option 4"]
    named = response_curves(slope, steps, ["never", "rarely", "often", "always"]).to_dict()["encoding"]
    assert named["color"]["scale"]["domain"] == ["never", "rarely", "often", "always"]
    assert len(set(named["color"]["scale"]["range"])) == 4
    few = response_curves(slope, steps, ["never", "always"]).to_dict()["encoding"]
    assert few["color"]["scale"]["domain"][0] == "option 1", "an option that nobody chose has no curve"


def test_curves_of_a_reversed_item_bear_the_labels_as_scored(results_tree: dict[str, Any]) -> None:
    labels = ("Not at all", "A little", "Some", "Much", "Fully")
    for item, wanted in (("q1", labels), ("q4", labels[::-1])):
        sheet = item_sheet(results_tree, item)
        assert sheet is not None and sheet.curves is not None
        assert sheet.curves.labels == wanted
    made = json.loads(json.dumps(results_tree))
    del made["meta"]["instrument"]["reversed"]
    older = item_sheet(made, "q4")
    assert older is not None and older.curves is not None and older.curves.labels == ()
