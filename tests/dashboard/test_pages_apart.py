"""Pages that are no list of topics: parts in tabs, the short report, what can be taken away, the collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analysis.report.short import short_parts
from analysis.report.short_forms import plain
from dashboard import collection
from dashboard.catalogue import PAGES, path_of
from dashboard.sharing import DRAWN


def _page(path: str) -> None:
    import importlib

    from dashboard.catalogue import PAGES
    from dashboard.views import topics

    if path in ("in_short", "exports", "collection_now"):
        importlib.import_module(f"dashboard.views.{path}").show()
    else:
        topics.show(next(page for page in PAGES if page.path == path))


def opened(path: str, **query: str) -> AppTest:
    test = AppTest.from_function(_page, kwargs={"path": path}, default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, [entry.message for entry in test.exception]
    return test


def test_many_topics_stand_in_tabs_that_the_address_names(placed: Any, results_tree: dict[str, Any]) -> None:
    placed(results_tree)
    page = next(page for page in PAGES if page.path == "dimensionality")
    assert len(page.topics) > 1
    for name in page.topics:
        test = opened("dimensionality", tab=name)
        captions = results_tree["sections"][name]["captions"].values()
        others = [
            caption["title"]
            for other in page.topics
            if other != name
            for caption in results_tree["sections"][other]["captions"].values()
        ]
        shown = " ".join(entry.value for entry in test.markdown) + " ".join(
            entry.label for entry in test.expander
        )
        assert all(caption["title"] in shown for caption in captions)
        assert not any(title in shown for title in others if title not in str(captions))
    first = opened("dimensionality", tab="no such part")
    assert "tab" not in first.query_params or first.query_params["tab"] in ("no such part", ["no such part"])
    assert len(first.button_group) == 1
    first.button_group[0].set_value("models").run()
    assert not first.exception


def test_the_short_report_is_a_page(placed: Any, results_tree: dict[str, Any]) -> None:
    placed(results_tree)
    test = opened("in_short")
    headings = [entry.value for entry in test.header]
    text = " ".join(entry.value for entry in test.markdown)
    for part in short_parts(results_tree):
        assert part.heading in headings
        for words in (*part.lines, *part.points, *part.after):
            assert plain(words).replace("*", "\\*") in text.replace("\\_", "_")


def test_the_private_view_offers_what_the_shared_one_does(placed: Any, results_tree: dict[str, Any]) -> None:
    placed(results_tree)
    test = opened("exports")
    names = [str(getattr(button, "label", "")) for button in test.get("download_button")]
    assert names == ["Download results.json", "Download tables.zip"]
    made = [button.label for button in test.button]
    assert made == [f"Make {name}" for name in DRAWN]


def test_what_to_work_on_has_a_page_that_says_what_it_needs(
    placed: Any, results_tree: dict[str, Any]
) -> None:
    assert path_of("priority") == "what-to-work-on"
    placed(results_tree)
    assert any("usage log" in entry.value for entry in opened("what-to-work-on").info)


def test_the_collection_is_for_those_who_administer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DTA_STORE", raising=False)
    monkeypatch.setenv("DTA_SHARED", "no")
    assert not collection.is_offered()
    monkeypatch.setenv("DTA_STORE", str(tmp_path / "none.sqlite"))
    assert collection.is_offered()
    monkeypatch.delenv("DTA_SHARED")
    assert not collection.is_offered()


def test_a_store_that_is_away_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DTA_STORE", str(tmp_path / "none.sqlite"))
    monkeypatch.setenv("DTA_SHARED", "no")
    test = opened("collection_now")
    assert any("no store" in entry.value for entry in test.error)


def test_the_collection_counts_what_the_store_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from instrument.store.connect import open_store, upgrade_store

    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    engine = open_store(url)
    upgrade_store(engine)
    engine.dispose()
    monkeypatch.setenv("DTA_STORE", url)
    monkeypatch.setenv("DTA_SHARED", "no")
    empty = opened("collection_now")
    assert any("no study" in entry.value for entry in empty.info)


def test_the_collection_page_prints_what_the_store_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = collection.Collected(
        study="trial",
        status="open",
        funnel=pd.DataFrame({"wave": ["one"], "invited": [9], "started": [8], "due": [2], "overdue": [1]}),
        due=pd.DataFrame({"participant": ["p7"], "wave": ["one"], "state": ["overdue"]}),
        days=pd.DataFrame({"day": ["2026-03-02", "2026-03-05", "2026-03-04"], "finished": [4, 1, 2]}),
        blanks=pd.DataFrame({"wave": ["one"], "answers": [70], "blank": [14]}),
    )
    monkeypatch.setattr("dashboard.views.collection_now.studies", lambda: ["trial"])
    monkeypatch.setattr("dashboard.views.collection_now.collected", lambda name: found)
    test = opened("collection_now")
    progress, due, days, blanks = [frame.value.to_dict("records") for frame in test.dataframe]
    assert progress == [{"Wave": "one", "Invited": 9, "Started": 8, "Due": 2, "Overdue": 1}]
    assert due == [{"Pseudonym": "p7", "Wave": "one", "State": "overdue"}]
    assert [row["Finished"] for row in days] == [4, 1, 2]
    assert blanks == [{"Wave": "one", "Answers given": 70, "Left without": 14}]
    text = " ".join(entry.value for entry in test.markdown)
    assert "Study trial: open." in text and "7 questionnaires finished, the last on 2026-03-05." in text


def test_what_waits_behind_a_door_is_made_when_it_is_opened(
    placed: Any, results_tree: dict[str, Any], closed_doors: None
) -> None:
    """A page sends what is seen; the numbers of a figure come with the click, and those alone."""
    placed(results_tree)
    closed = opened("dimensionality", tab="irt")
    figures = results_tree["sections"]["irt"]["figures"]
    doors = [door for door in closed.expander if door.label == "This figure in words and numbers"]
    assert len(doors) == len(figures) > 1
    assert not any(door.markdown or door.dataframe for door in doors)
    test = AppTest.from_function(_page, kwargs={"path": "dimensionality"}, default_timeout=60)
    test.query_params["tab"] = "irt"
    test.session_state[f"door-irt-{figures[0]}"] = True
    test.run()
    assert not test.exception
    doors = [door for door in test.expander if door.label == "This figure in words and numbers"]
    assert [len(door.dataframe) for door in doors] == [1] + [0] * (len(figures) - 1)
    table = results_tree["sections"]["irt"]["tables"]["information"]
    assert len(doors[0].dataframe[0].value) == len(table["theta"])


def _asking() -> None:
    import streamlit as st

    from dashboard.views import address

    where = st.session_state.get("where", "one")
    options = ["All", "a", "b"] if where != "other" else ["All", "c"]
    picked = address.select(
        "Which",
        options,
        name="which",
        page=where,
        arrived=address.arrive(where),
        keep=st.session_state.get("keep", True),
    )
    st.markdown(f"chosen {picked}")


def _went(page: AppTest, where: str) -> str:
    """Go to another page as its link in the menu does, which names no choice; what is chosen there."""
    page.query_params.clear()
    page.session_state["where"] = where
    page.run()
    return _chosen(page)


def _chosen(page: AppTest) -> str:
    assert not page.exception
    (told,) = [one.value.removeprefix("chosen ") for one in page.markdown]
    kept = page.query_params.get("which", ["All"])
    assert kept in (told, [told])
    return str(told)


def test_a_choice_stands_in_the_address_and_goes_along_where_it_exists() -> None:
    page = AppTest.from_function(_asking).run()
    assert _chosen(page) == "All"
    page.selectbox[0].set_value("a").run()
    assert _chosen(page) == "a"
    assert _went(page, "two") == "a"
    assert _went(page, "other") == "All"  # has no such option
    assert _went(page, "one") == "a"  # which is not forgotten there
    page.selectbox[0].set_value("All").run()
    assert _chosen(page) == "All"
    assert _went(page, "two") == "All"


def test_a_choice_of_one_page_is_not_taken_along() -> None:
    page = AppTest.from_function(_asking)
    page.session_state["keep"] = False
    page.run().selectbox[0].set_value("b").run()
    assert _chosen(page) == "b"
    page.session_state["keep"] = True
    assert _went(page, "two") == "All"
    page.selectbox[0].set_value("a").run()
    page.session_state["keep"] = False
    assert _went(page, "one") == "All"  # what others keep is not for this page


def test_a_link_and_back_win_over_what_was_chosen_and_an_unknown_choice_is_none() -> None:
    page = AppTest.from_function(_asking)
    page.query_params["which"] = "b"
    assert _chosen(page.run()) == "b"
    page.query_params["which"] = "a"  # Back, on the same page
    assert _chosen(page.run()) == "a"
    page.query_params["which"] = "zzz"
    page.run()
    assert not page.exception and page.markdown[0].value == "chosen All"
