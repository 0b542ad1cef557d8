"""Waves, groups and studies side by side: every number is that of a table, and no difference is overread."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analysis.disclosure.shared import shared_tree
from analysis.figures.side_by_side import means_chart, slopes_chart
from analysis.report.labels import tree_for_readers
from dashboard.comparison import GROUPS, STUDIES, TOPICS, WAVES, between, compare, judged, narrowed, offered
from dashboard.filters import choices


def _study(**sections: Any) -> dict[str, Any]:
    themes = [{"id": "a", "title": "First", "role": "dimension", "items": ["q1"]}]
    scale = {"title": "Scale", "content_hash": "one", "themes": themes, "items": {"q1": "Words"}}
    meta = {"instrument": scale, "study": None, "synthetic": False, "wave_order": "numbers"}
    meta |= {"participants": 9, "waves": [1, 2]}
    made = {name: {"status": "ok", "values": {}, "findings": [], **body} for name, body in sections.items()}
    return {"meta": meta, "sections": made}


SCORES = {
    "wave": ["one", "two", "two"],
    "score": ["a", "a", "b"],
    "title": ["First", "First", "Second"],
    "mean": [2.0, 3.0, None],
    "mean_lower": [1.5, 2.5, None],
    "mean_upper": [2.5, 3.5, None],
    "n": [9, 8, 7],
    "lowest_possible": [1, 1, 1],
    "highest_possible": [5, 5, 5],
}
MEANS = {
    "grouping": ["sex", "sex", "age"],
    "label": ["f", "m", "old"],
    "title": ["First"] * 3,
    "mean": [2.0, 3.0, 4.0],
    "mean_lower": [1.0, 2.0, 3.0],
    "mean_upper": [3.0, 4.0, 5.0],
    "n": [5, 6, 7],
}


def _levels(*holds: bool | None) -> dict[str, Any]:
    n = len(holds) + 1
    return {
        "grouping": ["sex"] * n,
        "title": ["First"] * n,
        "level": ["configural", *["scalar"] * len(holds)],
        "cfi_holds": [None, *[True] * len(holds)],
        "rmsea_holds": [None, *holds],
    }


def test_waves_stand_side_by_side_and_a_mean_that_is_not_told_is_not_there() -> None:
    tree = _study(scores={"tables": {"scores": SCORES}})
    assert offered(tree, None) == {WAVES: "Waves"}
    found = compare(tree, WAVES)
    assert [(s.title, s.name, s.mean, s.low, s.high, s.n) for s in found.sides] == [
        ("First", "one", 2.0, 1.5, 2.5, 9),
        ("First", "two", 3.0, 2.5, 3.5, 8),
    ]
    assert found.ends == (1, 5) and found.moved == () and between(tree) == ""
    heads = ["Score", "one", "n", "two", "n"]
    assert [head for head, _ in found.table.heads] == heads
    assert [cell.text for cell in found.table.rows[0]] == [
        "First",
        "2.00 (1.50 to 2.50)",
        "9",
        "3.00 (2.50 to 3.50)",
        "8",
    ]
    assert not any("order" in sentence for sentence in found.sentences)
    tree["meta"]["wave_order"] = "unknown"
    assert "not known" in compare(tree, WAVES).sentences[0]


def test_people_who_changed_are_told_as_the_table_tells_them() -> None:
    changes = {
        "title": ["First", "Second"],
        "n": [200, 50],
        "share_higher": [0.1, None],
        "share_lower": [0.25, 0.1],
    }
    tree = _study(
        scores={"tables": {"scores": SCORES}},
        longitudinal={"tables": {"changes": changes}, "values": {"first": "one", "second": "two"}},
    )
    (moved,) = compare(tree, WAVES).moved
    assert (moved.title, moved.higher, moved.lower, moved.n) == ("First", 0.1, 0.25, 200)
    assert moved.neither == pytest.approx(0.65)
    assert between(tree) == "one and two"


@pytest.mark.parametrize(
    ("holds", "said"),
    [
        ((True, True), "No sign was found"),
        ((True, False), "Answers mean something else in one of them for First"),
        ((True, None), "could not be told for every score"),
        ((None, False), "do not compare that mean"),
        ((), "could not be told for every score"),
    ],
)
def test_groups_are_not_compared_where_answers_mean_something_else(
    holds: tuple[bool | None, ...], said: str
) -> None:
    tree = _study(relations={"tables": {"means": MEANS}}, groups={"tables": {"levels": _levels(*holds)}})
    assert offered(tree, None) == {"groups:sex": "By sex", "groups:age": "By age"}
    found = compare(tree, "groups:sex")
    assert said in found.sentences[-1]
    assert [(side.name, side.mean) for side in found.sides] == [("f", 2.0), ("m", 3.0)]
    assert "could not be told" in compare(tree, "groups:age").sentences[-1]  # nothing was tested there


def test_slopes_rise_for_higher_and_are_as_thick_as_people_are_many() -> None:
    spec = slopes_chart(["First", "Second"], [(0.2, 0.7, 0.1), (0.0, 1.0, 0.0)]).to_dict()
    rows = next(rows for rows in spec["datasets"].values() if len(rows) == 6)
    first = {row["way"]: row for row in rows if row["title"] == "First"}
    assert first["higher"]["to"] < first["neither"]["to"] == first["higher"]["from"] < first["lower"]["to"]
    assert [first[way]["share"] for way in ("higher", "neither", "lower")] == [0.2, 0.7, 0.1]
    assert first["higher"]["told"] == "20.0% higher"
    drawn = means_chart(["First"], ["one"], [(2.0, 1.5, 2.5)], (1, 5)).to_dict()
    assert drawn["layer"][0]["encoding"]["x"]["scale"]["domain"] == [1, 5]


def _view() -> None:
    from dashboard.views import compare

    compare.show()


def test_the_page_shows_waves_and_two_studies_and_keeps_the_choice_in_the_address(
    placed: Any, results_tree: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(results_tree)
    other = copy.deepcopy(results_tree)
    other["meta"]["instrument"]["content_hash"], other["meta"]["synthetic"] = "another", True
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other), encoding="utf-8")
    monkeypatch.setenv("DTA_COMPARE", str(path))
    page = AppTest.from_function(_view, default_timeout=60)
    page.query_params["by"] = STUDIES
    page.run()
    assert not page.exception
    text = " ".join(entry.value for entry in page.markdown)
    assert "did not ask the same questions" in text and "made up by a program" in text
    assert [entry.value for entry in page.header] == ["Ratings", "Evidence so far"]
    assert len(page.dataframe[1].value) == 10  # nine properties, and the counts
    path.write_text("{", encoding="utf-8")
    damaged = page.run()
    assert not damaged.exception and "cannot be shown" in damaged.error[0].value
    assert damaged.header[0].value == "Ratings"  # what there is stands


def _changed() -> None:
    from dashboard.comparison import Moved
    from dashboard.views import compare

    moved = (Moved(title="First", n=1240, higher=0.3, neither=0.55, lower=0.15),)
    compare._slopes(moved, "one and two")


def test_who_changed_is_drawn_told_and_listed_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    told: list[str] = []
    monkeypatch.setattr("dashboard.views.compare.slopes_chart", lambda *given: drawn.append(given))
    monkeypatch.setattr("dashboard.views.parts.show_live", lambda chart, words: told.append(words))
    page = AppTest.from_function(_changed, default_timeout=60).run()
    assert not page.exception
    assert page.header[0].value == "Who changed by more than error, between one and two"
    assert drawn == [(["First"], [(0.3, 0.55, 0.15)])]  # up, level, down
    assert "First: 30.0% higher, 15.0% lower" in told[0]
    row = {"Score": "First", "n": "1,240", "Higher": "30.0%", "Neither": "55.0%", "Lower": "15.0%"}
    assert page.dataframe[0].value.to_dict("records") == [row]


@pytest.mark.parametrize("by", [WAVES, STUDIES])
def test_what_is_chosen_reaches_waves_and_rules_and_leaves_two_studies_whole(
    by: str, placed: Any, results_tree: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(results_tree)
    (tmp_path / "other.json").write_text(json.dumps(results_tree), encoding="utf-8")
    monkeypatch.setenv("DTA_COMPARE", str(tmp_path / "other.json"))
    where = "dashboard.views.compare"
    seen: dict[str, Any] = {}

    def marked(tree: dict[str, Any], chosen: dict[str, str]) -> dict[str, Any]:
        return {**tree, "chosen": chosen}

    def compared(tree: dict[str, Any], how: str, other: Any) -> Any:
        seen["tree"] = tree
        return compare(tree, how, other)

    def of_rules(tree: dict[str, Any], how: str, chosen: dict[str, str]) -> list[Any]:
        seen["rules"] = chosen
        return []

    monkeypatch.setattr(f"{where}.filters.choices", lambda *_: {"group": ["f", "m"]})
    monkeypatch.setattr(f"{where}.narrowed", marked)
    monkeypatch.setattr(f"{where}.compare", compared)
    monkeypatch.setattr(f"{where}.judged", of_rules)
    page = AppTest.from_function(_view, default_timeout=60)
    page.query_params["by"], page.query_params["group"] = by, "m"
    page.run()
    assert not page.exception and seen["rules"] == {"group": "m"}
    assert seen["tree"].get("chosen") == ({"group": "m"} if by == WAVES else None)
    text = " ".join(entry.value for entry in page.markdown)
    assert ("Two studies stand side by side whole" in text) is (by == STUDIES)
    del page.query_params["group"]
    everything = " ".join(entry.value for entry in page.run().markdown)
    assert "Two studies stand side by side whole" not in everything  # where nothing is chosen


def test_a_shared_copy_tells_no_mean_that_its_tables_do_not_tell(results_tree: dict[str, Any]) -> None:
    whole, shared = tree_for_readers(results_tree), tree_for_readers(shared_tree(results_tree))
    told = {cell for table in (shared["sections"]["scores"]["tables"]["scores"]["mean"],) for cell in table}
    assert {side.mean for side in compare(shared, WAVES).sides} <= told
    assert len(compare(shared, WAVES).sides) <= len(compare(whole, WAVES).sides)
    longer = copy.deepcopy(whole)
    longer["sections"]["scores"]["tables"]["scores"]["highest_possible"] = [
        9 for _ in longer["sections"]["scores"]["tables"]["scores"]["highest_possible"]
    ]
    apart = compare(whole, STUDIES, longer)
    assert apart.ends is None and "not drawn on one axis" in apart.sentences[-1]
    same = compare(whole, STUDIES, whole)
    assert same.ends is not None
    assert "Both asked the same questions." in same.sentences
    assert len({side.name for side in same.sides}) == 2
    assert {row[1] == row[2] for row in same.states[1:]} == {True}


def test_what_is_chosen_narrows_sentences_figures_tables_and_rules_alike(
    results_tree: dict[str, Any],
) -> None:
    read = tree_for_readers(results_tree)
    waves = choices(read, TOPICS)["wave"]
    chosen = {"wave": waves[0]}
    one = narrowed(read, chosen)
    assert offered(read, None) == {WAVES: "Waves"} and offered(one, None) == {}
    assert {side.name for side in compare(one, WAVES).sides} == {waves[0]}
    assert read["sections"]["models"] is one["sections"]["models"]  # what is not compared stays as it is
    every = judged(read, WAVES, {})
    assert every and {entry["section"] for entry in every} == {"longitudinal"}
    assert [entry for entry in judged(read, WAVES, chosen) if entry not in every] == []
    assert judged(read, STUDIES, {}) == []


def test_rules_of_groups_are_those_of_the_grouping_that_is_set_side_by_side() -> None:
    tables = {"levels": {"grouping": ["sex", "age"], "title": ["North", "North"]}}
    places = [f"sections.groups.tables.levels.cfi_diff[{row}]" for row in (0, 1)]
    claims = [{"path": place, "verdict": "met", "value": 0.0, "format": "r3"} for place in places]
    section = {"title": "Same measure", "status": "ok", "message": "", "problems": []}
    tree = {"sections": {"groups": {**section, "tables": tables, "findings": claims}}}
    assert [entry["path"] for entry in judged(tree, f"{GROUPS}age", {})] == [places[1]]
