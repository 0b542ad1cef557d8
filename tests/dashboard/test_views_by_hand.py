"""Views on pages made by hand: what stands where, in which order, under which number, and where it leads."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analysis.common.verdicts import Cause, Property, State, Verdict
from analysis.report.limits import Limit
from analysis.report.opening import Level, Opening, Point, Step
from analysis.report.opening_words import ASK, LEVELS
from analysis.report.view import table_view
from dashboard.catalogue import pages_of, path_of
from dashboard.comparison import Comparison, Side
from dashboard.services import Loaded
from dashboard.views.links import escaped

SECTION: dict[str, Any] = {
    "status": "ok",
    "cause": "",
    "message": "",
    "question": "",
    "tables": {},
    "captions": {},
    "values": {},
    "prose": [],
    "findings": [],
    "bears_on": [],
    "figures": [],
    "problems": [],
    "untested": [],
    "warnings": [],
    "method": {
        "estimator": "none",
        "n": 9,
        "missing": "none",
        "options": {},
        "seed": None,
        "software": {},
        "data": "",
    },
}


def _caption(title: str, **columns: str) -> dict[str, Any]:
    heads = {key: {"label": key.capitalize(), "format": form} for key, form in columns.items()}
    return {"title": title, "note": "", "columns": heads}


def _tree(**sections: Any) -> dict[str, Any]:
    scale = {
        "title": "Scale",
        "id": "scale",
        "version": "1.0",
        "status": "candidate",
        "notice": "",
        "content_hash": "one",
        "themes": [{"id": "a", "title": "First", "role": "dimension", "items": ["q1"]}],
        "items": {"q1": "Words of the first"},
    }
    meta = {"instrument": scale, "study": None, "synthetic": True, "wave_order": "numbers"}
    meta |= {"participants": 9, "waves": ["one", "two"], "checksums": {}, "notes": [], "versions": {}}
    made = {name: {**SECTION, "title": f"Title of {name}", **body} for name, body in sections.items()}
    return {"schema": 2, "meta": meta, "sections": made}


def _topics() -> None:
    import streamlit as st

    from dashboard.catalogue import PAGES
    from dashboard.views import topics

    path = st.session_state["shown"]
    topics.show(next(page for page in PAGES if page.path == path))


def _shown(monkeypatch: pytest.MonkeyPatch, tree: dict[str, Any], path: str, **query: str) -> AppTest:
    monkeypatch.setattr("dashboard.views.parts.loaded", lambda: Loaded(tree=tree, read=tree, version="v"))
    test = AppTest.from_function(_topics, default_timeout=60)
    test.session_state["shown"] = path
    for key, value in query.items():
        test.query_params[key] = value
    return _run(test)


def _run(test: AppTest) -> AppTest:
    test.run()
    assert not test.exception, [entry.message for entry in test.exception]
    return test


def _texts(test: AppTest) -> str:
    return "\n".join(entry.value for entry in test.markdown)


@pytest.mark.parametrize(
    ("path", "held", "tabs"),
    [
        ("items", ("items",), 0),
        ("reliability", ("retest",), 0),
        ("reliability", ("retest", "reliability"), 1),
        ("dimensionality", ("irt", "models", "sampling"), 1),
        ("what-to-work-on", ("items",), None),
    ],
)
def test_a_page_shows_one_topic_of_its_own_and_tabs_only_where_there_are_several(
    path: str, held: tuple[str, ...], tabs: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = _tree(**{name: {"status": "failed", "message": f"It is {name}."} for name in held})
    page = _shown(monkeypatch, tree, path)
    if tabs is None:
        assert [entry.value for entry in page.error] == [] and len(page.info) == 1
        return
    assert len(page.button_group) == tabs and not page.info
    order = {"retest": 1, "reliability": 0, "sampling": 0, "models": 1, "irt": 2, "items": 0}
    first, *others = sorted(held, key=order.__getitem__)  # as the page lists them, not as the file does
    assert [entry.value for entry in page.error] == [f"It is {first}."]
    if tabs:
        options = page.button_group[0].options
        told = [getattr(option, "content", option) for option in options]
        assert told == [f"Title of {name}" for name in (first, *others)]
    for name in others:
        there = _shown(monkeypatch, tree, path, tab=name)
        assert [entry.value for entry in there.error] == [f"It is {name}."]


def test_a_tab_is_not_taken_along_to_another_page_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("reliability", "retest", "models", "irt")
    tree = _tree(**{name: {"status": "failed", "message": name} for name in names})
    page = _shown(monkeypatch, tree, "dimensionality", tab="irt")
    assert [entry.value for entry in page.error] == ["irt"]
    for path, first in (("reliability", "reliability"), ("dimensionality", "models")):
        page.session_state["shown"] = path
        page.query_params.clear()  # as the link of the sidebar leads to it
        assert [entry.value for entry in _run(page).error] == [first]


def test_a_page_says_of_what_it_is_where_something_is_chosen_and_keeps_quiet_where_nothing_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = {"t": {"wave": ["one", "two"], "language": ["de", "en"], "n": [3, 4]}}
    captions = {"t": _caption("Table", wave="text", language="text", n="int")}
    tree = _tree(flow={"tables": tables, "captions": captions}, screening={})
    said = "Figures, tables and rules below are of {} wherever these can be separated."
    page = _shown(monkeypatch, tree, "data-quality")
    assert [(box.label, box.options) for box in page.selectbox] == [
        ("Wave", ["All", "one", "two"]),
        ("Language", ["All", "de", "en"]),
    ]
    assert "are of" not in _texts(page)
    page.selectbox[0].select("two")
    assert f":small[{said.format('two')}]" in _texts(_run(page))
    page.selectbox[1].select("de")
    assert f":small[{said.format('two, de')}]" in _texts(_run(page))
    page.selectbox[0].select("All")
    assert f":small[{said.format('de')}]" in _texts(_run(page))


def test_a_topic_page_tells_the_first_notice_and_only_the_page_of_items_asks_for_an_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree = _tree(items={}, flow={}, screening={})
    for path, asked in (("items", True), ("data-quality", False)):
        page = _shown(monkeypatch, tree, path)
        notices = [entry.value for entry in page.markdown if ":orange" in entry.value]
        assert len(notices) == 1 and notices[0].startswith(":small[:orange[**Synthetic.**]")
        assert notices[0].count(":orange") == 1  # that these are candidate items is told on the first page
        assert ("Item" in [box.label for box in page.selectbox]) is asked
    held = _shown(monkeypatch, tree, "data-quality", item="q1")
    assert not held.header  # an item in the address is of the page of items
    monkeypatch.setattr("dashboard.views.item.show", lambda tree, item: None)
    assert not _shown(monkeypatch, tree, "items", item="q1").error


def _point(prop: Property, state: State, section: str = "") -> Point:
    return Point(
        prop=prop,
        name=f"The {prop}",
        plain=f"Do {prop}",
        state=state,
        met=2,
        not_met=1,
        asked=3,
        hidden=0,
        section=section,
        few=False,
        stuck=False,
        fixed=False,
        incomplete=False,
    )


STATES = (*State, State.SHOWN, State.NOT_ASKED)
PLACES = ("", "models", "reliability", "fairness", "retest", "retest", "", "validity", "")


def _first(**changes: Any) -> Opening:
    points = tuple(map(_point, Property, STATES, PLACES))
    level = Level(row=0, title="North", apart=False, mean=2.0, lower=1.5, upper=3.0, lowest=1, highest=5, n=9)
    made: dict[str, Any] = {
        "sentence": "These answers show one of nine.",
        "points": points,
        "levels": (level,),
        "wave": "wave one",
        "steps": (Step(text="Do this [now]."), Step(text="Then that.", section="irt"), Step(text="Rest.")),
        "counts": {"people": 9, "waves": 1, "items": 12},
    }
    return Opening(**{**made, **changes})


def _page(**changes: Any) -> dict[str, Any]:
    made = {"title": "Scale", "study": "A trial", "opening": _first(), "states": [], "questions": []}
    made |= {"limits": [], "failed": [], "partial": [], "not_applicable": [], "hidden": "", "notices": []}
    return {**made, **changes}


def _overview() -> None:
    from dashboard.views import overview

    overview.show()


Followed = list[tuple[str, str, dict[str, str] | None]]


def _opened(monkeypatch: pytest.MonkeyPatch, page: dict[str, Any]) -> tuple[AppTest, Followed]:
    followed: Followed = []

    def link(path: str, label: str, query: dict[str, str] | None = None) -> None:
        followed.append((path, label, query))

    monkeypatch.setattr("dashboard.views.overview.link", link)
    monkeypatch.setattr("dashboard.views.overview.services.overview", lambda tree: page)
    monkeypatch.setattr("dashboard.views.parts.loaded", lambda: Loaded(tree={}, read={}))
    return _run(AppTest.from_function(_overview, default_timeout=60)), followed


def test_steps_are_numbered_from_one_and_lead_to_the_tab_that_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, followed = _opened(monkeypatch, _page())
    texts = [entry.value for entry in page.main.markdown]
    assert [text for text in texts if "**1." in text or "**2." in text or "**3." in text] == [
        r":small[**1. Do this \[now\].**]",
        ":small[**3. Rest.**]",
    ]  # the one that leads somewhere is a link
    assert followed[0] == ("dimensionality", "2. Then that.", {"tab": "irt"})
    assert page.title[0].value == "Scale" and ":small[A trial]" in texts
    assert ":small[9 people, 1 wave, 12 items.]" in texts
    assert ":small[Mean scores at wave one, from 1 to 5, with 95% intervals.]" in texts


def test_the_nine_stand_once_each_in_rows_of_three_and_lead_to_what_bears_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, followed = _opened(monkeypatch, _page())
    columns = [column for column in page.columns if column.markdown]
    assert len(columns) == len(page.columns) == 9
    colours = {State.SHOWN: "blue[✓", State.PARTLY: "blue[◐", State.NOT_SHOWN: "orange[✗"}
    for point, column in zip(_first().points, columns, strict=True):
        (text,) = (entry.value for entry in column.markdown)
        plain, state = text.split("  \n")
        assert plain == f":small[{point.plain}]"
        coloured = colours.get(point.state)
        mark = "○" if point.state in (State.UNTESTABLE, State.NOT_ASKED) else "–"
        told = f":{coloured} {point.said}]" if coloured else f"{mark} {point.said}"
        assert state == f":small[{told}]"
    tab = dict(zip(Property, PLACES, strict=True))
    pages = {
        Property.CONTENT: "items",
        Property.STRUCTURE: "dimensionality",
        Property.CONSISTENCY: "reliability",
        Property.INVARIANCE: "fairness",
        Property.RELIABILITY: "reliability",
        Property.ERROR: "reliability",
        Property.CRITERION: "validity",
        Property.HYPOTHESES: "validity",
        Property.RESPONSIVENESS: "change",
    }
    assert followed[1:] == [
        (pages[prop], f"The {prop}", {"tab": tab[prop]} if tab[prop] else None) for prop in Property
    ]
    assert sorted({round(column.weight, 3) for column in page.columns}) == [0.333]


def test_a_bar_runs_from_end_to_end_of_its_interval_and_without_themes_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, _ = _opened(monkeypatch, _page())
    (drawn,) = (entry.body for entry in page.get("html"))
    assert "left:12.50%;width:37.50%" in drawn  # 1.5 to 3 of 1 to 5
    assert '<b style="left:25.00%">' in drawn
    assert '<th scope="row">North</th><td>2.00 (1.50 to 3.00)</td>' in drawn
    without, _ = _opened(monkeypatch, _page(opening=_first(levels=())))
    assert not without.get("html") and LEVELS not in [entry.value for entry in without.subheader]


def test_behind_the_door_stand_the_whole_notices_what_was_not_asked_and_what_does_not_apply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = [
        Limit(cause=Cause.COMPOSITE, heading="Of the scale", lines=("First.",)),
        Limit(cause=Cause.FEW_PEOPLE, heading="Of these people", lines=("Second.",)),
    ]
    absent = [{"title": "Retest", "message": "One wave was given."}]
    long = ("synthetic", "Nobody was asked. " + "It was made up by a program of ours. " * 5)
    for notices, whole in (([long], True), ([("synthetic", "Nobody was asked.")], False)):
        page, _ = _opened(monkeypatch, _page(limits=limits, not_applicable=absent, notices=notices))
        (door,) = (one for one in page.expander if one.label != "Rules by question" and one.info)
        texts = [entry.value for entry in door.markdown]
        asked = [p for p in _first().points if p.state is State.NOT_ASKED and p.prop in ASK]
        unasked = [f":small[{p.name} was not asked. {ASK[p.prop]}]" for p in asked]
        assert unasked and [text for text in texts if "was not asked" in text] == unasked
        assert texts[-1] == ":small[Not asked: Retest. One wave was given.]"
        assert any(escaped(long[1].strip()) in text for text in texts) is whole
        assert [entry.value for entry in door.info] == ["**Of the scale.** First."]
        assert [entry.value for entry in page.info].count("**Of these people.** Second.") == 1
        assert len(page.info) == 2


def _tables() -> None:
    import streamlit as st

    from dashboard.views import parts

    parts.show_tables(st.session_state["views"], key="k")


@pytest.mark.parametrize("number", [0, 2, 3, 5, 6])
def test_tables_beyond_the_second_wait_behind_a_door_that_counts_and_names_them(number: int) -> None:
    names = [f"t{k}" for k in range(number)]
    section = {
        **SECTION,
        "tables": {name: {"n": [k]} for k, name in enumerate(names)},
        "captions": {name: _caption(f"Table {name}", n="int") for name in names},
    }
    page = AppTest.from_function(_tables, default_timeout=60)
    page.session_state["views"] = [(table_view("s", section, name), ()) for name in names]
    _run(page)
    behind = names[2:]
    named = [f"Table {name}" for name in behind]
    label = f"{len(behind)} more table{'s' if len(behind) > 1 else ''}: {'; '.join(named[:3])}"
    label += "; …" if len(behind) > 3 else ""
    assert [door.label for door in page.expander] == ([label] if behind else [])
    values = [int(frame.value.iloc[0, 0]) for frame in page.dataframe]
    assert values == list(range(number))  # all of them, in order


@pytest.mark.parametrize(("rows", "closed"), [(1, False), (10, False), (11, True)])
def test_a_table_of_more_than_ten_rows_waits_and_its_door_says_how_many(rows: int, closed: bool) -> None:
    section = {
        **SECTION,
        "tables": {"t": {"name": [f"row {k}" for k in range(rows)], "n": list(range(rows))}},
        "captions": {"t": _caption("Table", name="text", n="int")},
    }
    page = AppTest.from_function(_tables, default_timeout=60)
    page.session_state["views"] = [(table_view("s", section, "t"), ())]
    assert [door.label for door in _run(page).expander] == ([f"Table ({rows} rows)"] if closed else [])
    assert len(page.dataframe[0].value) == rows


def _wide() -> None:
    import streamlit as st

    from dashboard.views import parts

    parts.show_table(st.session_state["view"], key="k")


@pytest.mark.parametrize("more", [1, 2])
def test_columns_that_find_no_room_are_counted_as_one_or_as_many(
    more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halved(columns: Any, *, chosen: bool) -> Any:
        return columns[:-more], [columns[0], *columns[-more:]]

    monkeypatch.setattr("dashboard.views.parts.apart", halved)
    section = {
        **SECTION,
        "tables": {"t": {"name": ["x"], "a": [0.1], "b": [0.2], "c": [0.3]}},
        "captions": {"t": _caption("Table", name="text", a="r2", b="r2", c="r2")},
    }
    page = AppTest.from_function(_wide, default_timeout=60)
    page.session_state["view"] = table_view("s", section, "t")
    label = {1: "1 more column: C", 2: "2 more columns: B; C"}[more]
    assert [door.label for door in _run(page).expander] == [label]


def _judged() -> None:
    import streamlit as st

    from dashboard.views import section

    section.show_judged(st.session_state["claims"])


def test_faults_stand_first_and_a_claim_that_was_not_judged_says_why_in_place_of_a_number() -> None:
    claims = [
        {"verdict": verdict, "claim": f"{verdict} claim", "printed": ".90", "rule": "at least .80"}
        | {"source": "Somebody", "note": "", "cause": Cause.FEW_PEOPLE}
        for verdict in (Verdict.UNTESTED, Verdict.MET, Verdict.NOT_MET, Verdict.DOES_NOT_APPLY, Verdict.MET)
    ]
    page = AppTest.from_function(_judged, default_timeout=60)
    page.session_state["claims"] = claims
    assert [entry.value for entry in _run(page).header] == [
        "✗ Not met (1)",
        "✓ Met (2)",
        "○ Could not be tested (1)",
        "– Does not apply (1)",
    ]
    why = Cause.FEW_PEOPLE.words
    assert [entry.value for entry in page.markdown if "claim" in entry.value] == [
        ":orange[**.90**] — not_met claim",
        ":blue[**.90**] — met claim  \n:blue[**.90**] — met claim",
        f"untested claim — {why}",
        f"does_not_apply claim — {why}",
    ]
    assert _texts(page).count(":small[at least .80 · Somebody]") == 4


def _sentences() -> None:
    import streamlit as st

    from dashboard.views import section

    section._first_sentences(st.session_state["said"])


@pytest.mark.parametrize(("number", "behind"), [(0, 0), (3, 0), (4, 0), (5, 2), (9, 6)])
def test_of_many_paragraphs_three_stand_open_and_none_is_lost(number: int, behind: int) -> None:
    page = AppTest.from_function(_sentences, default_timeout=60)
    page.session_state["said"] = [f"So it is {k}." for k in range(number)]
    _run(page)
    assert [door.label for door in page.expander] == (
        [f"Read on: {behind} more paragraphs"] if behind else []
    )
    assert [entry.value for entry in page.markdown] == [f"So it is {k}." for k in range(number)]


def _days() -> None:
    import streamlit as st

    from dashboard.views import collection_now

    collection_now._show(st.session_state["found"])


@pytest.mark.parametrize(
    ("finished", "said"),
    [
        ([1], "1 questionnaire finished, the last on 2026-03-04."),
        ([2], "2 questionnaires finished, the last on 2026-03-04."),
        ([600, 700], "1,300 questionnaires finished, the last on 2026-03-05."),
        ([], "No questionnaire has been finished yet."),
    ],
)
def test_a_collection_counts_what_was_finished(finished: list[int], said: str) -> None:
    from dashboard.collection import Collected

    days = pd.DataFrame(
        {"day": ["2026-03-04", "2026-03-05"][: len(finished)], "finished": pd.Series(finished, dtype=int)}
    )
    counts = pd.DataFrame({"wave": ["one"], "invited": [3]})
    found = Collected(study="s", status="open", funnel=counts, due=counts.iloc[:0], days=days, blanks=counts)
    page = AppTest.from_function(_days, default_timeout=60)
    page.session_state["found"] = found
    assert f":small[{said}]" in _texts(_run(page))
    assert ":small[No one is due.]" in _texts(page)


def _compared() -> None:
    from dashboard.views import compare

    compare.show()


MEANS = {
    "wave": ["one", "two"],
    "score": ["a", "a"],
    "title": ["First", "First"],
    "mean": [2.0, 3.0],
    "mean_lower": [1.5, 2.5],
    "mean_upper": [2.5, 3.5],
    "n": [9, 8],
    "lowest_possible": [1, 1],
    "highest_possible": [5, 5],
}


def test_the_page_that_compares_says_what_is_lacking_and_draws_what_its_table_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    drawn: list[Any] = []
    monkeypatch.delenv("DTA_COMPARE", raising=False)
    monkeypatch.setattr("dashboard.views.parts.show_live", lambda chart, words: told.append(words))
    monkeypatch.setattr("dashboard.views.compare.means_chart", lambda *given: drawn.append(given))
    empty = _tree(scores={})
    tree = _tree(scores={"tables": {"scores": copy.deepcopy(MEANS)}})
    for shown, alone in ((empty, True), (tree, False)):
        monkeypatch.setattr(
            "dashboard.views.parts.loaded", lambda read=shown: Loaded(tree=read, read=read, version="v")
        )
        page = _run(AppTest.from_function(_compared, default_timeout=60))
        assert ["nothing can be set side by side" in entry.value for entry in page.info] == [True] * alone
    assert told == ["Means with 95% intervals. First, one: 2.00; First, two: 3.00."]
    assert drawn == [(["First", "First"], ["one", "two"], [(2.0, 1.5, 2.5), (3.0, 2.5, 3.5)], (1, 5))]
    assert [entry.value for entry in page.header] == ["Ratings"]  # nobody's change is told: none is drawn
    one = AppTest.from_function(_compared, default_timeout=60)
    one.query_params["wave"] = "two"
    (alone_now,) = (entry.value for entry in _run(one).info)
    assert alone_now == "Of two alone nothing can be set side by side. Choose All above."


def test_one_wave_beside_a_second_study_can_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {key: column[:1] for key, column in MEANS.items()}
    tree, other = (_tree(scores={"tables": {"scores": copy.deepcopy(first)}}) for _ in range(2))
    other["meta"]["instrument"]["title"] = "Another"
    monkeypatch.setattr("dashboard.views.parts.loaded", lambda: Loaded(tree=tree, read=tree, version="v"))
    for second, info in ((None, 1), (Loaded(tree=other, read=other, version="w"), 0)):
        monkeypatch.setattr("dashboard.views.parts.other_loaded", lambda given=second: given)
        page = _run(AppTest.from_function(_compared, default_timeout=60))
        assert len(page.info) == info and bool(page.header) is not bool(info)


@pytest.mark.parametrize("ends", [(1.0, 5.0), None])
def test_means_are_drawn_on_one_axis_only_where_their_scores_have_the_same_ends(
    ends: tuple[float, float] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Means of 1 to 5 and of 1 to 7 are no places on one line; what is told of them stays."""
    drawn: list[Any] = []
    tree, other = (_tree(scores={"tables": {"scores": copy.deepcopy(MEANS)}}) for _ in range(2))
    sides = tuple(Side(title="First", name=n, mean=3.0, low=2.0, high=4.0, n=9) for n in ("one", "other"))
    states = (("What is asked", "one", "other"), ("Cover what matters", "shown", "not shown"))
    found = Comparison(sentences=("Other people were asked.",), sides=sides, ends=ends, states=states)
    where = "dashboard.views"
    monkeypatch.setattr(f"{where}.parts.loaded", lambda: Loaded(tree=tree, read=tree, version="v"))
    monkeypatch.setattr(f"{where}.parts.other_loaded", lambda: Loaded(tree=other, read=other, version="w"))
    monkeypatch.setattr(f"{where}.parts.show_live", lambda chart, words: drawn.append((chart, words)))
    monkeypatch.setattr(f"{where}.compare.means_chart", lambda *given: given[3])
    monkeypatch.setattr(f"{where}.compare.compare", lambda *given: found)
    page = AppTest.from_function(_compared, default_timeout=60)
    page.query_params["by"] = "studies"
    text = _texts(_run(page))
    assert "Other people were asked." in text
    said = "Means with 95% intervals. First, one: 3.00; First, other: 3.00."
    assert drawn == ([] if ends is None else [(ends, said)])
    assert [entry.value for entry in page.header] == ["Ratings", "Evidence so far"]
    assert list(page.dataframe[-1].value) == list(states[0])


def _curves() -> None:
    import streamlit as st

    from dashboard.views import item

    item._curves(st.session_state["sheet"])


@pytest.mark.parametrize(
    ("steps", "labels", "said"),
    [
        ((0.3,), 2, "Half of the people choose the second option at 0.30."),
        (
            (-1.0, 0.3, 2.0),
            4,
            "Half of the people choose the second option or a higher one, then the third, and so on, at "
            "−1.00, 0.30, 2.00.",
        ),
        ((0.3,), 3, "at 0.30. Options are numbered as they are scored."),
    ],
)
def test_steps_of_an_item_are_as_many_as_its_options_less_one(
    steps: tuple[float, ...], labels: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("dashboard.views.parts.show_live", lambda chart, words: told.append(words))
    monkeypatch.setattr("dashboard.views.item.response_curves", lambda *given: given)
    page = AppTest.from_function(_curves, default_timeout=60)
    curves = SimpleNamespace(
        discrimination=1.5, difficulties=steps, labels=tuple(f"Option {k}" for k in range(labels))
    )
    page.session_state["sheet"] = SimpleNamespace(curves=curves)
    (shown,) = (entry.value for entry in _run(page).markdown)
    assert shown.startswith(":small[Discrimination 1.50. ") and shown.endswith(f"{said}]")
    assert told == [
        f"Chance of each option along the trait. {shown.removeprefix(':small[').removesuffix(']')}"
    ]


def test_a_later_topic_that_is_called_as_a_page_has_an_address_of_its_own_and_links_lead_there() -> None:
    names = ("report", "items", "what_to_work_on", "new_one")
    paths = [page.path for page in pages_of(_tree(**{name: {} for name in names}))]
    assert paths[-3:] == ["topic-report", "topic-what-to-work-on", "new-one"]
    assert [path_of(name) for name in ("report", "what_to_work_on", "new_one")] == paths[-3:]
    assert (path_of("items"), path_of("")) == ("items", "")
