"""Readers are told labels and never ids: of a foreign scale whose ids are nonsense, in every form."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from analysis.figures.live import live_chart
from analysis.figures.maps import maps_of
from analysis.figures.registry import build_figures
from analysis.report.draft import render_draft
from analysis.report.labels import LONGEST, names_of, tree_for_readers, wordings_of
from analysis.report.markdown import render_markdown
from analysis.report.short_forms import render_short_html
from analysis.report.view import prose, table_view, verdicts
from instrument.errors import DefinitionError
from instrument.study import make_study

IDS = re.compile(r"zq\d+x|zcov_\w+|zpl\w+")
META = {
    "instrument": {
        "items": {
            "zq1x": "I sleep well.",
            "zq2x": "On most of the days of the last two weeks I was able to rest",
            "zq3x": "On most of the days of the last two weeks I was able to walk",
            "calm": "I feel calm",
        },
        "themes": [{"id": "zth1", "title": "Rest and sleep"}, {"id": "rest", "title": "Resting"}],
    },
    "labels": {"zcov_a": "zcov a", "site": "Clinic", "sex": "sex", "zcov_b": "Years of school"},
}


@pytest.fixture(scope="module")
def foreign(tree: dict[str, Any]) -> dict[str, Any]:
    """The study of the tests with ids that mean nothing and wordings without them."""
    text = re.sub(r"Words of q(\d+)", r"Sentence \1 of the foreign scale", json.dumps(tree))
    made: dict[str, Any] = json.loads(re.sub(r"\bq(\d+)\b", r"zq\1x", text))
    assert IDS.search(json.dumps(made["sections"]))
    return made


def test_names_by_hand() -> None:
    names = names_of(META)
    long = "On most of the days of the last two weeks I was able to"
    assert names.labels["zq1x"] == "I sleep well" and names.labels["zcov_b"] == "Years of school"
    assert {names.labels["zq2x"], names.labels["zq3x"]} == {f"{long} rest", f"{long} walk"}
    assert names.cell("zq1x", "item") == "I sleep well"
    assert names.cell("calm", "item") == "I feel calm" and names.cell("calm", "group") == "calm"
    assert names.cell("site", "grouping") == "Clinic" and names.cell("site", "level") == "site"
    assert names.cell("zth1", "one") == "Rest and sleep"
    assert names.value("zq1x, calm and site") == "“I sleep well”, “I feel calm” and Clinic"
    assert names.value("zq1x by zcov_a") == "“I sleep well” by zcov a"
    assert names.value("general =~ zq1x + calm\n") == "general =~ zq1x + calm\n"  # a model for a program
    assert names.running("Weakest item (calm) of the site, by site: {zq1x:d2}") == (
        "Weakest item (“I feel calm”) of the site, by Clinic: {zq1x:d2}"
    )
    assert names.running("the rest, means of rest, calm, all rest") == (
        "the rest, means of Resting, “I feel calm”, all rest"
    )
    assert names.running("'zcov_b' is absent; zq1x.w1, azq1x and zq1xy are others") == (
        "Years of school is absent; zq1x.w1, azq1x and zq1xy are others"
    )


def test_a_wording_or_title_that_holds_the_id_of_an_item_stays_as_it_is() -> None:
    items = {
        "q1": "Words of q1",
        "q2": "Was q1 better than q3?",
        "q3": "q30 or q3",
        "q30": "Much (q1), q2 and q3",
    }
    themes = [{"id": "t1", "title": "Items q1 to q3"}, {"id": "q9", "title": "q1"}]
    names = names_of({"instrument": {"items": items, "themes": themes}, "labels": {"g1": "group by q2"}})
    for text in [*items.values(), "Items q1 to q3", "group by q2"]:
        assert names.cell(text, "text") == names.running(text) == text
        assert names.cell(text, "item") == text
    assert names.running("q1 of Items q1 to q3: q2") == (
        "“Words of q1” of Items q1 to q3: “Was q1 better than q3?”"
    )
    assert names.running("Words of q11, q3.") == "Words of q11, “q30 or q3”."
    twice = names.running(names.running("Weakest item (q1): {q1:d2}"))
    assert twice == "Weakest item (“Words of q1”): {q1:d2}"


def test_labels_are_short_and_told_apart() -> None:
    items = {
        f"i{k}": "The same long sentence that no label can hold in the room that there is" for k in (1, 2)
    }
    names = names_of({"instrument": {"items": items | {"i3": "Short"}, "themes": []}})
    assert len(set(names.labels.values())) == 3
    assert names.labels["i1"].endswith("(1)") and names.labels["i3"] == "Short"
    one = names_of({"instrument": {"items": {"i1": "word " * 40}, "themes": []}})
    assert len(one.labels["i1"]) <= LONGEST


def test_numbers_and_places_stay(foreign: dict[str, Any]) -> None:
    read = tree_for_readers(foreign)
    assert tree_for_readers(read) is read and json.dumps(foreign).count('"read"') == 0
    for name, section in foreign["sections"].items():
        for table, columns in section["tables"].items():
            for key, column in columns.items():
                shown = read["sections"][name]["tables"][table][key]
                for one, other in zip(column, shown, strict=True):
                    assert type(one) is type(other)
                    assert isinstance(one, str) or one == other
        for one, other in zip(section["findings"], read["sections"][name]["findings"], strict=True):
            assert {**one, "claim": "", "note": ""} == {**other, "claim": "", "note": ""}


def test_no_id_in_any_table_sentence_or_verdict(foreign: dict[str, Any]) -> None:
    read = tree_for_readers(foreign)
    for name, section in read["sections"].items():
        said = [section["message"], *section["problems"], *section["warnings"]]
        said += prose(section) if section["status"] == "ok" else []
        for table in section["tables"]:
            view = table_view(name, section, table)
            said += [view.title, view.note, *(head for head, _ in view.heads)]
            said += [cell.text for row in view.rows for cell in row]
        assert not [text for text in said if IDS.search(text)], name
    claims = [entry["claim"] for entries in verdicts(read).values() for entry in entries if "claim" in entry]
    assert claims and not [claim for claim in claims if IDS.search(claim)]


def drawn_texts(spec: dict[str, Any]) -> list[str]:
    """Every text that a chart draws or tells: of fields that stand in an encoding, and titles."""
    said = json.dumps({key: part for key, part in spec.items() if key != "datasets"})
    fields = set(re.findall(r'"field": "(\w+)"', said))
    rows = [row for data in spec.get("datasets", {}).values() for row in data]
    texts = {str(value) for row in rows for key, value in row.items() if key in fields}
    return [*re.findall(r'"title": "([^"]*)"', said), *texts]


def test_no_id_in_any_figure(foreign: dict[str, Any]) -> None:
    read = tree_for_readers(foreign)
    labels = set(wordings_of(read["meta"]))
    seen = set()
    for name, section in read["sections"].items():
        figures = dict(build_figures(section, read["meta"])) if section["status"] == "ok" else {}
        figures |= {f"map {k}": one for k, one in enumerate(maps_of(name, section, read["meta"]))}
        for key, figure in figures.items():
            chart = live_chart(figure, section, wordings_of(read["meta"]))
            words = [figure.title, figure.alt, *drawn_texts(chart.to_dict())]
            assert not [text for text in words if IDS.search(text)], (name, key)
            seen |= {label for label in labels if any(label in text for text in words)}
    assert labels == seen  # every item is named in some figure


@pytest.mark.parametrize("render", [render_draft, render_markdown, render_short_html])
def test_no_id_in_any_form(foreign: dict[str, Any], render: Any) -> None:
    page = render(foreign)
    assert not IDS.search(page)
    assert "Sentence 4 of the foreign scale" in page or render is not render_markdown


def test_a_study_file_names_its_columns(study: dict[str, Any]) -> None:
    named = make_study({**study, "labels": {"zcov_b": "Years of school"}})
    assert named.labels == {"zcov_b": "Years of school"}
    assert make_study(study).content_hash == make_study({**study, "labels": {}}).content_hash
    assert named.content_hash != make_study(study).content_hash
    for wrong in ({"a": ""}, {"a": "x" * 61}, ["a"]):
        with pytest.raises(DefinitionError, match="labels"):
            make_study({**study, "labels": wrong})
