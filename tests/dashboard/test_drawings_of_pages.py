"""Each figure is drawn once for its numbers and its paper; a filter draws anew only what it changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.catalogue import PAGES
from dashboard.filters import choices, touching
from dashboard.services import load_results
from dashboard.views import parts

SPEC = {"mark": "point", "data": {"values": [{"x": 1}]}, "encoding": {"x": {"field": "x"}}}
PAGE = next(page for page in PAGES if page.path == "change")


def _view(path: str) -> None:
    from dashboard.catalogue import PAGES
    from dashboard.views import topics

    topics.show(next(page for page in PAGES if page.path == path))


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, bool]]]:
    """Count drawings in the place of making them: name of the figure, and whether on dark paper."""
    made: list[tuple[str, bool]] = []

    def drawn(section: Any, name: str, meta: Any, dark: bool) -> parts.Drawn:
        made.append((name, dark))
        return parts.Drawn(title=f"{name} no. {len(made)}", wide=SPEC, narrow=SPEC)

    monkeypatch.setattr(parts, "_draw", drawn)
    st.cache_data.clear()
    yield made
    st.cache_data.clear()


def _opened(tab: str = PAGE.topics[0]) -> AppTest:
    page = AppTest.from_function(_view, kwargs={"path": PAGE.path}, default_timeout=60)
    page.query_params["tab"] = tab
    page.run()
    assert not page.exception
    return page


def _figures(tree: dict[str, Any], keep: Callable[[dict[str, Any]], bool] = lambda _: True) -> list[str]:
    sections = [tree["sections"][name] for name in PAGE.topics[:1]]
    return [name for section in sections if keep(section) for name in section["figures"]]


def _since(drawings: list[tuple[str, bool]], run: Callable[[], Any]) -> list[str]:
    before = len(drawings)
    run()
    return sorted(name for name, _ in drawings[before:])


def test_a_page_run_again_draws_nothing(
    drawings: list[tuple[str, bool]], placed: Any, results_tree: dict[str, Any]
) -> None:
    placed(results_tree)
    every = sorted(_figures(results_tree))
    assert every == ["scores"]
    pages: list[AppTest] = []
    assert _since(drawings, lambda: pages.append(_opened())) == every, "no figure of a tab that is not open"
    assert _since(drawings, lambda: _opened("longitudinal")) == ["trajectories"]
    assert _since(drawings, pages[0].run) == []
    assert _since(drawings, _opened) == [], "another reader is shown the same drawings"


def test_a_filter_draws_only_what_has_the_dimension_and_taken_back_nothing(
    drawings: list[tuple[str, bool]], placed: Any, results_tree: dict[str, Any]
) -> None:
    tree = json.loads(json.dumps(results_tree))
    assert choices(tree, PAGE.topics).keys() == {"wave"}
    other = tree["sections"]["longitudinal"]
    for name, table in other["tables"].items():
        if "wave" in table:  # so that one section of the page can be filtered and the other not
            for columns in (table, other["captions"][name]["columns"]):
                columns["occasion"] = columns.pop("wave")
    placed(tree)
    page = _opened()
    wave = choices(tree, PAGE.topics)["wave"][1]
    changed = sorted(_figures(tree, lambda section: bool(touching(section, {"wave": wave}))))
    assert changed == ["scores"]
    assert _since(drawings, lambda: page.selectbox[0].select(wave).run()) == changed
    assert _since(drawings, lambda: page.selectbox[0].select("All").run()) == []
    assert _since(drawings, lambda: page.selectbox[0].select(wave).run()) == []


def test_other_numbers_another_reduction_and_dark_paper_are_drawn_anew(
    drawings: list[tuple[str, bool]],
    placed: Any,
    results_tree: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree = json.loads(json.dumps(results_tree))
    path = placed(tree)
    every = sorted(_figures(tree))
    _opened()
    tree["meta"]["participants"] += 1
    placed(tree)
    assert _since(drawings, _opened) == every
    private = load_results(path, shared=False).version
    shared = load_results(path, shared=True)
    assert private and shared.version and private != shared.version
    assert shared.read is not None
    monkeypatch.setenv("DTA_SHARED", "yes")
    assert _since(drawings, _opened) == sorted(
        _figures(shared.read)
    )  # nobody is shown a drawing of the whole
    shown = {
        "version": private,
        "name": "scores",
        "chosen": (),
        "figure": "scores",
        "_section": {},
        "_meta": {},
    }
    light = parts._drawn(**shown, dark=False)
    assert light == parts._drawn(**{**shown, "_section": {"title": "other"}}, dark=False)
    assert _since(drawings, lambda: parts._drawn(**shown, dark=True)) == ["scores"]
    assert [dark for _, dark in drawings].count(True) == 1


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, ()),
        ({"wave": "2"}, (("wave", "2"),)),
        ({"study": "north"}, ()),
        ({"wave": "2", "group": "a", "study": "n"}, (("group", "a"), ("wave", "2"))),
    ],
)
def test_what_of_a_choice_changes_a_section(chosen: dict[str, str], told: tuple[Any, ...]) -> None:
    section = {"tables": {"means": {"wave": ["1", "2"], "mean": [1.0, 2.0]}, "groups": {"group": ["a"]}}}
    assert touching(section, chosen) == told


def test_maps_are_drawn_once_and_what_was_read_stays_as_it_was(
    placed: Any, results_tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = placed(results_tree)
    made: list[str] = []
    drawn = parts._made

    def counted(figure: Any, *rest: Any) -> parts.Drawn:
        made.append(figure.title)
        return drawn(figure, *rest)

    monkeypatch.setattr(parts, "_made", counted)
    st.cache_data.clear()
    read = parts.loaded()
    first = _opened()
    assert made
    counts = len(made)
    first.run()
    _opened()
    assert len(made) == counts
    assert parts.loaded() is read, "a page is given a copy of all results"
    assert read == load_results(path, shared=False)
    st.cache_data.clear()
