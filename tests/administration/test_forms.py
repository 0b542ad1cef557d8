"""Forms beside the scale: every kind validated and skipped without scripts, hidden answers never kept, exports."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DatabaseError
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import HERE, Tab, at
from study_of_tests import open_study, raw_study
from test_days_brought import run
from test_mending import sheet

import instrument
from instrument.administer.application import create_app
from instrument.errors import DefinitionError
from instrument.forms import Question, pages_of, read_value, visible_questions
from instrument.store import tables
from instrument.store.answers import Answer
from instrument.store.connect import StoreError, downgrade_store, upgrade_store
from instrument.store.definitions import find_study
from instrument.store.form_answers import form_answers_of, form_tables
from instrument.store.intake import RefusedError, keep_response_set
from instrument.store.keyed_tables import keep_table
from instrument.store.mending import Because, reopen_administration, void_administration
from instrument.store.people import erase_person
from instrument.store.retrieval import responses_of
from instrument.store.study_files import study_files
from instrument.store.tokens import Keyring
from instrument.study import load_study, make_study, with_form_questions


def both(text: str) -> dict[str, str]:
    return {"en": text, "de": f"{text} (de)"}


def choices(**labels: str) -> list[dict[str, Any]]:
    return [{"code": int(code[1:]), "label": both(label)} for code, label in labels.items()]


BASELINE: dict[str, Any] = {
    "id": "baseline",
    "title": both("About you"),
    "lead": both("A few things first."),
    "waves": ["start", "first"],
    "questions": [
        {"id": "used", "kind": "single", "text": both("Used an app?"), "choices": choices(c1="yes", c0="no")},
        {
            "id": "which",
            "kind": "several",
            "text": both("Which kinds?"),
            "choices": [
                *choices(c1="mood", c2="sleep"),
                {"code": 9, "label": both("none of these"), "alone": True},
            ],
            "shown_if": {"question": "used", "codes": [1]},
        },
        {"id": "age", "kind": "number", "text": both("Age?"), "minimum": 18, "maximum": 99, "whole": True},
        {
            "id": "licence",
            "kind": "text",
            "text": both("Anything about being over 65?"),
            "shown_if": {"question": "age", "at_least": 65},
            "longest": 20,
        },
        {"id": "since", "kind": "date", "text": both("Since when?"), "latest": "2030-01-01"},
    ],
}
CLOSING: dict[str, Any] = {
    "id": "closing",
    "title": both("To end"),
    "waves": ["first"],
    "place": "after",
    "questions": [
        {
            "id": "hope",
            "kind": "slider",
            "text": both("How hopeful?"),
            "minimum": 0,
            "maximum": 10,
            "step": 0.5,
            "low": both("not at all"),
            "high": both("entirely"),
        }
    ],
}
WAVES = [
    {"id": "start", "day": 0, "opens": 0, "closes": 9, "scale": False},
    {"id": "first", "day": 0, "opens": 0, "closes": 9},
]
FORMS = {"waves": WAVES, "forms": [BASELINE, CLOSING]}


def fill(tab: Tab, go: str = "next", **fields: Any) -> Tab:
    """Post the form of a page with what the page carries unseen and the given fields."""
    text = tab.response.text
    sent: dict[str, Any] = {
        "form_token": re.findall(r'name="form_token" value="([^"]+)"', text)[-1],
        "go": go,
    }
    sent["had"] = re.findall(r'name="had" value="([^"]+)"', text)
    if 'name="from" value="review"' in text:
        sent["from"] = "review"
    sent |= {f"form-{name.replace('__', '-')}": value for name, value in fields.items()}
    return tab.take(tab.client.post(tab.path, data=sent, headers=HERE, follow_redirects=True))


def kept(engine: Engine, number: int = 1) -> dict[str, dict[str, str | None]]:
    with engine.connect() as connection:
        return form_answers_of(connection, number)


def goto(tab: Tab, end: str) -> Tab:
    return tab.open(re.sub(r"/survey.*", f"/survey/{end}", tab.path))


@pytest.fixture
def tab(engine: Engine, keyring: Keyring) -> Any:
    _, _, (token, *_) = open_study(engine, keyring, 2, **FORMS)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}")
        yield tab.press(tick={"consent": "yes"})


def test_two_waves_from_the_first_form_to_the_export(
    engine: Engine, store_url: str, keyring: Keyring, tab: Tab
) -> None:
    assert "at most 5 questions on 3 short pages" in tab.page.said  # no scale at this wave
    tab.press()
    assert at(tab.response) == "/survey/form/baseline/1"
    assert "Page 1 of 3" in tab.page.said
    assert "A few things first." in tab.page.said
    assert "Which kinds?" not in tab.response.text
    fill(tab, used="1")
    assert at(tab.response) == "/survey/form/baseline/2"
    assert "Page 2 of 3" in tab.page.said
    fill(tab, which=["2", "1"], age="70")
    assert at(tab.response) == "/survey/form/baseline/3"
    fill(tab, licence="I like it\r\nvery", since="2030-01-02")
    assert "Please write 1 January 2030 or an earlier day." in tab.page.said
    fill(tab, licence="I like it\r\nvery", since="2024-02-29")
    assert at(tab.response) == "/survey/review"
    assert "29 February 2024" in tab.page.said and "2024-02-29" not in tab.response.text
    assert "mood; sleep" in tab.page.said
    assert "I like it" in tab.page.said
    tab.press()
    assert "Your answers are stored" in tab.page.said
    assert kept(engine) == {
        "baseline": {
            "used": "1",
            "which": "1 2",
            "age": "70",
            "licence": "I like it\nvery",
            "since": "2024-02-29",
        }
    }
    tab.open(tab.path.replace("/done", ""))  # the next wave, which asks all three
    assert "at most 46 questions on 11 short pages" in tab.page.said
    tab.press()
    fill(tab, used="0")
    assert at(tab.response) == "/survey/form/baseline/2"
    fill(tab, age="30")
    assert at(tab.response) == "/survey/form/baseline/3"
    fill(tab, "continue")
    for number in range(1, 8):
        assert at(tab.response) == f"/survey/page/{number}"
        assert f"Page {number + 3} of 11" in tab.page.said
        tab.press(tick="4")
    assert at(tab.response) == "/survey/form/closing/1"
    fill(tab, hope="", hope__place="5")  # a slider stands somewhere: it counts only once that was said
    assert tab.response.status_code == 422
    fill(tab, hope="set", hope__place="7.5")
    assert tab.page.said.count("not at all") == 0
    assert "7.5" in tab.page.said
    tab.press()
    with engine.connect() as connection:
        wide = responses_of(connection, "trial")
        made = form_tables(connection, "trial")
        whole = form_tables(connection, "trial", identifying=True)
    assert wide["wave"].tolist() == ["first"]  # the scale was asked once
    assert (wide[instrument.load("dta").item_ids] == 4).all().all()
    names = [
        "participant",
        "wave",
        "day",
        "status",
        "study_version",
        "used",
        "which_1",
        "which_2",
        "which_9",
        "age",
        "since",
    ]
    assert made["baseline"].columns.tolist() == names
    rows = made["baseline"].drop(columns="participant").astype(object).where(made["baseline"].notna(), None)
    assert rows.to_numpy().tolist() == [
        ["start", 0, "completed", 1, "1", "1", "1", "0", "70", "2024-02-29"],
        ["first", 0, "completed", 1, "0", None, None, None, "30", None],
    ]
    assert whole["baseline"]["licence"].tolist()[0] == "I like it\nvery"
    assert made["closing"][["wave", "hope"]].to_numpy().tolist() == [["first", "7.5"]]
    states = made["states"][made["states"]["form"] == "baseline"].groupby("wave")["state"].apply(list)
    assert states["start"] == ["answered"] * 5
    assert states["first"] == ["answered", "hidden", "answered", "hidden", "skipped"]
    files, _ = study_files(store_url, "trial")
    assert [row["used"] for row in csv.DictReader(io.StringIO(files["form_baseline.csv"]))] == ["1", "0"]
    assert "very" not in "".join(files.values())
    again = make_study(yaml.safe_load(files["study.yaml"]))
    assert again.forms == make_study({**raw_study(), **FORMS}).forms


def test_forms_leave_the_store_before_the_scale_was_asked(
    engine: Engine, store_url: str, tab: Tab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("study", "export", "trial", "--store", store_url, "--out")
    assert run(*asked, str(tmp_path / "none")) == 2  # consent alone is no answer
    tab.press()
    fill(tab, used="0")
    capsys.readouterr()
    assert run(*asked, str(tmp_path / "early")) == 0
    assert "the scale has no answers yet" in capsys.readouterr().err
    names = {file.name for file in (tmp_path / "early").iterdir()}
    forms = {"form_baseline.csv", "form_closing.csv", "form_states.csv"}
    assert names == {*forms, "consent.csv", "study.yaml", "instrument.yaml"}
    assert load_study(tmp_path / "early" / "study.yaml").id == "trial"
    assert run("validate", "--store", store_url, "--study", "trial", "--out", str(tmp_path / "report")) == 2
    assert "no row of answers" in capsys.readouterr().err


def test_what_becomes_hidden_is_gone_and_what_is_hidden_is_never_kept(engine: Engine, tab: Tab) -> None:
    tab.press()
    fill(tab, used="1")
    old = tab.response
    fill(tab, which=["1"], age="80")
    fill(tab, licence="my name is Eve", since="2020-01-01")
    goto(tab, "form/baseline/1")
    fill(tab, used="0")
    assert kept(engine)["baseline"].keys() == {"used", "age", "licence", "since"}
    assert "Which kinds?" not in goto(tab, "review").response.text
    tab.take(old)  # a tab from before, in which the hidden question still stands
    fill(tab, which=["2"], age="40")
    assert kept(engine)["baseline"] == {"used": "0", "age": "40", "since": "2020-01-01"}
    with engine.connect() as connection:
        values = connection.execute(select(tables.form_answer.c.value)).scalars().all()
    assert not [value for value in values if value and "Eve" in value]
    goto(tab, "form/baseline/1?from=review")  # shown again, it is asked before the review
    fill(tab, used="1")
    assert at(tab.response) == "/survey/form/baseline/2"


FAULTS = [
    ({"age": "17"}, "from 18 to 99"),
    ({"age": "40.5"}, "whole number"),
    ({"age": "forty"}, "without a sign for thousands"),
    ({"age": "1.250"}, "without a sign for thousands"),
    ({"which": ["1", "9"]}, "One of these goes with no other"),
    ({"which": ["7"]}, "one of the options shown"),
]


def test_a_fault_is_said_kindly_and_nothing_of_it_is_stored(engine: Engine, tab: Tab) -> None:
    tab.press()
    fill(tab, used="1")
    for fields, words in FAULTS:
        fill(tab, **fields)
        assert tab.response.status_code == 422
        assert words in tab.page.said
        assert "Help now" in tab.page.said
        assert kept(engine)["baseline"] == {"used": "1"}
        if "age" in fields:
            assert f'value="{fields["age"]}"' in tab.response.text  # to be mended, not typed anew
    fill(tab, "continue", **fields)
    assert at(tab.response) == "/survey/form/baseline/3"
    assert kept(engine)["baseline"] == {"used": "1", "which": None, "age": None}


def test_a_blank_replaces_nothing_but_what_was_shown_and_cleared_is_gone(engine: Engine, tab: Tab) -> None:
    tab.press()
    fill(tab, used="1")
    early = tab.response
    fill(tab, which=["1"], age="70")
    fill(tab, licence="Eve", since="2020-01-01")
    tab.take(early)
    fill(tab, "back", age="")  # that page was made before there was an answer
    assert kept(engine)["baseline"]["age"] == "70"
    goto(tab, "form/baseline/3")
    assert "leave out names" in tab.page.said
    fill(tab, licence="  ", since="2020-01-01")
    assert tab.response.status_code == 422
    assert kept(engine)["baseline"].keys() == {"used", "which", "age", "since"}
    fill(tab, "continue", licence="")
    assert kept(engine)["baseline"]["licence"] is None
    tab.take(tab.client.get(re.sub("/survey.*", "/survey/form/baseline/3", tab.path)))
    tab.path = re.sub("/survey.*", "/survey/form/baseline/3", tab.path)
    fill(tab, "help", licence="x")
    assert at(tab.response) == "/help"
    assert kept(engine)["baseline"]["licence"] == "x"
    assert at(tab.follow("Back to the questions").response) == "/survey/form/baseline/3"
    foreign = {
        "form_token": re.findall(r'form_token" value="([^"]+)"', tab.response.text)[-1],
        "form-licence": "y",
    }
    answer = tab.client.post(
        tab.path, data={**foreign, "go": "next"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403
    assert ">y</textarea>" in answer.text
    assert kept(engine)["baseline"]["licence"] == "x"


def test_an_answer_stays_until_what_was_typed_over_it_can_be_read(engine: Engine, tab: Tab) -> None:
    tab.press()
    fill(tab, used="1")
    fill(tab, which=["1"], age="70")
    goto(tab, "form/baseline/2")
    fill(tab, which=["1"], age="seventy-one")
    assert tab.response.status_code == 422
    assert kept(engine)["baseline"] == {"used": "1", "which": "1", "age": "70"}
    fill(tab, which=["1"], age="71")
    assert kept(engine)["baseline"]["age"] == "71"


def test_a_slider_counts_once_the_person_says_so(engine: Engine, keyring: Keyring) -> None:
    closing = {**CLOSING, "place": "before"}
    _, _, (token,) = open_study(engine, keyring, waves=WAVES[1:], forms=[closing])
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        assert 'value="5"' in tab.response.text
        assert "checked" not in tab.response.text
        fill(tab, hope__place="8")
        assert tab.response.status_code == 422
        assert 'value="8"' in tab.response.text
        assert kept(engine) == {}
        for wrong in ("8.3", "11", "-1", "nan", "1e1"):
            fill(tab, hope="set", hope__place=wrong)
            assert tab.response.status_code == 422
        fill(tab, hope="set", hope__place="8")
        assert at(tab.response) == "/survey/page/1"
    assert kept(engine) == {"closing": {"hope": "8"}}
    with engine.connect() as connection:
        seen = select(tables.response.c.page).where(tables.response.c.shown_at.is_not(None)).distinct()
        assert connection.execute(seen).scalars().all() == [1]


def test_forms_are_locked_void_reopened_and_erased_with_their_questionnaire(
    engine: Engine, keyring: Keyring, tab: Tab
) -> None:
    tab.press()
    fill(tab, used="0")
    fill(tab, age="40")
    last = fill(tab, since="2020-01-01").response
    tab.press()
    goto(tab, "form/baseline/1")
    assert at(tab.response) == "/survey/start"  # of the wave after it
    tab.take(last)
    tab.path = re.sub("/survey.*", "/survey/form/baseline/1", tab.path)
    fill(tab, used="1")
    assert tab.response.status_code == 409
    change = update(tables.form_answer).values(value="1")
    with pytest.raises(DatabaseError, match="locked"), engine.begin() as connection:
        connection.execute(change)
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        name = connection.execute(
            select(tables.participant.c.pseudonym).order_by(tables.participant.c.id)
        ).scalar()
        reopen_administration(connection, row, str(name), "start", Because("asked to change it"))
        connection.execute(change.where(tables.form_answer.c.question == "used"))
        assert len(form_tables(connection, "trial")["baseline"]) == 1
        void_administration(connection, row, str(name), "start", Because("by someone else"))
        assert len(form_tables(connection, "trial")["baseline"]) == 0
        with pytest.raises(StoreError, match=r"1 waves do not ask the scale: 'start'"):
            keep_table(connection, row, sheet((str(name), "start")), keyring, mode="import", lang="en")
    with engine.begin() as connection:
        erase_person(connection, 1, keyring)
        assert connection.execute(select(tables.form_answer)).all() == []
    downgrade_store(engine, "0007")
    upgrade_store(engine)


def test_an_outcome_is_copied_from_its_instrument_and_scored_by_it(
    engine: Engine, keyring: Keyring, tmp_path: Path
) -> None:
    raw = {**raw_study(), "waves": WAVES[1:]}
    outcome = {"id": "outcome", "title": both("Outcome"), "waves": ["first"], "instrument": "dta@0.1.0"}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**raw, "forms": [outcome]}))
    study = with_form_questions(load_study(tmp_path / "study.yaml"), tmp_path)
    scale = instrument.load("dta@0.1.0")
    (form,) = study.forms
    assert [question.id for question in form.questions] == scale.item_ids
    first = form.questions[0]
    assert first.text == {tag: scale.wording(tag).items[first.id] for tag in ("en", "de")}
    options = scale.scale_of(first.id)
    assert [c.code for c in first.choices] == [o.code for o in (*options.options, *options.outside)]
    assert study.faults_before_opening() == []
    url = f"sqlite:///{tmp_path / 's.sqlite'}"
    assert run("study", "create", str(tmp_path / "study.yaml"), "--store", url) == 0
    tests = {"forms": [json_of(form)], "waves": WAVES[1:]}
    _, _, (token,) = open_study(engine, keyring, **tests)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        while at(tab.response).startswith("/survey/form"):
            asked = re.findall(r'<fieldset id="form-(\w+)"', tab.response.text)
            fill(tab, **dict.fromkeys(asked, "3"))
        while at(tab.response).startswith("/survey/page"):
            tab.press(tick="2")
        tab.press()
    with engine.connect() as connection:
        table = form_tables(connection, "trial")["outcome"]
    assert (table[scale.item_ids] == "3").all().all()
    file = tmp_path / "outcome.csv"
    table.drop(columns=["day", "status", "study_version"]).to_csv(file, index=False)
    scored = instrument.score(instrument.read_responses(file, scale), scale)
    same = instrument.score(
        table.drop(columns=["day", "status", "study_version"]).astype(dict.fromkeys(scale.item_ids, int)),
        scale,
    )
    assert scored.to_frame().equals(same.to_frame())


def json_of(form: Any) -> dict[str, Any]:
    said: dict[str, Any] = form.model_dump(mode="json")
    return said


def test_older_study_files_keep_their_hash() -> None:
    study = make_study(raw_study())
    assert "forms" not in study.to_json()
    assert '"scale"' not in study.to_json()
    assert make_study({**raw_study(), "forms": []}).content_hash == study.content_hash


def changed(form: dict[str, Any], place: int, **keys: Any) -> dict[str, Any]:
    questions = [dict(question) for question in form["questions"]]
    questions[place].update(keys)
    return {**form, "questions": questions}


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"forms": [{**BASELINE, "waves": ["never"]}], "waves": WAVES[1:]},
        r"forms\[0\].waves: 'never' is not a wave",
    ),
    ({"forms": [{**BASELINE, "waves": ["first"]}]}, r"waves\[0\]: asks nothing"),
    ({"forms": [BASELINE, BASELINE]}, "forms: 'baseline' is used twice"),
    ({"forms": [{**BASELINE, "questions": []}]}, "questions: there is none"),
    (
        {"forms": [changed(BASELINE, 1, shown_if={"question": "age", "codes": [1]})]},
        "'age' is no earlier question",
    ),
    (
        {"forms": [changed(BASELINE, 1, shown_if={"question": "used", "codes": [5]})]},
        "5 is no code of 'used'",
    ),
    (
        {"forms": [changed(BASELINE, 3, shown_if={"question": "age", "codes": [5]})]},
        "needs at_least or at_most",
    ),
    ({"forms": [changed(BASELINE, 4, shown_if={"question": "licence", "codes": [5]})]}, "depends on a text"),
    ({"forms": [changed(BASELINE, 0, id="status")]}, "is a column of every table"),
    ({"forms": [changed(BASELINE, 0, id="age")]}, "'age' is used twice"),
    ({"forms": [changed(BASELINE, 2, minimum=99)]}, "minimum: lies not below maximum"),
    ({"forms": [changed(CLOSING, 0, step=3)]}, "step: does not lead from minimum to maximum"),
    ({"forms": [changed(CLOSING, 0, low={})]}, "a slider needs labels at its ends"),
    ({"forms": [changed(CLOSING, 0, kind="date")]}, "belong to number or slider"),
]


def test_impossible_forms_are_refused_by_path() -> None:
    for changes, words in REFUSED:
        with pytest.raises(DefinitionError, match=words):
            make_study({**raw_study(), **FORMS, **changes})
    half = make_study(
        {**raw_study(), **FORMS, "forms": [{**BASELINE, "lead": {"en": "Only English."}}, CLOSING]}
    )
    assert half.faults_before_opening() == ["forms[0].lead.de: is empty"]


def test_values_are_read_in_one_way_only() -> None:
    number = Question(id="n", kind="number", text={"en": "?"})
    read = {
        text: read_value(number, [text])
        for text in ("2,5", "+02.50", "-0", "1,250", "0.125", "١", "1e3", "2 5")
    }
    assert [value for value, _ in read.values()] == ["2.5", "2.5", "0", None, "0.125", None, None, None]
    day = Question(id="d", kind="date", text={"en": "?"}, earliest="2020-02-01")  # type: ignore[arg-type]
    given = ("2020-02-29", "2021-02-29", "2020-01-31", "29.02.2020")
    assert [read_value(day, [text])[1] for text in given] == ["", "date", "date_range", "date"]


def test_what_depends_on_an_answer_stands_on_a_later_page_and_chains_end() -> None:
    form = make_study({**raw_study(), **FORMS}).forms[0]
    assert [[q.id for q in page] for page in pages_of(form, 6)] == [
        ["used"],
        ["which", "age"],
        ["licence", "since"],
    ]
    hidden = {"used": "0", "which": "1", "age": "64.5"}
    assert [q.id for q in visible_questions(form, hidden)] == ["used", "age", "since"]
    chain = changed(BASELINE, 2, shown_if={"question": "which", "codes": [2]})
    chained = make_study({**raw_study(), **FORMS, "forms": [chain, CLOSING]}).forms[0]
    assert [q.id for q in visible_questions(chained, {**hidden, "which": "2", "age": "80"})] == [
        "used",
        "since",
    ]


def test_long_texts_stand_on_pages_of_their_own_so_that_none_is_too_much(
    engine: Engine, keyring: Keyring
) -> None:
    texts = [{"id": f"t{k}", "kind": "text", "text": both("Say"), "longest": 2_500} for k in range(3)]
    form = {"id": "long", "title": both("Long"), "waves": ["first"], "questions": texts}
    _, _, (token,) = open_study(engine, keyring, waves=WAVES[1:], forms=[form])
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        assert "t2" not in tab.response.text
        fill(tab, "next", t0="\U0001f642" * 2_500, t1="\U0001f642" * 2_500)
        assert at(tab.response) == "/survey/form/long/2"
        fill(tab, "next", t2="\U0001f642" * 2_501)
        assert "at most 2500 characters" in tab.page.said
    assert kept(engine)["long"]["t0"] == "\U0001f642" * 2_500


def test_a_language_chosen_on_a_form_keeps_what_was_typed(engine: Engine, tab: Tab) -> None:
    tab.press()
    fill(tab, used="1")
    token = re.findall(r'name="form_token" value="([^"]+)"', tab.response.text)[-1]
    sent = {"form_token": token, "lang": "de", "form-age": "44"}
    tab.take(tab.client.post(tab.path, data=sent, headers=HERE, follow_redirects=True))
    assert at(tab.response) == "/survey/form/baseline/2"
    assert tab.page.lang == "de"
    assert 'value="44"' in tab.response.text


def test_a_program_cannot_answer_where_the_scale_is_not_asked(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, **FORMS)
    answers = {item: Answer("answered", 3) for item in instrument.load("dta").item_ids}
    for wave, found in (("start", None), ("first", "created")):
        with engine.connect() as connection:
            row: Any = find_study(connection, "trial")
            if found is None:
                with pytest.raises(RefusedError) as refused:
                    keep_response_set(connection, row, 1, wave, "a", answers, lang="en")
                assert refused.value.faults == [("query.wave", "this wave does not ask the scale")]
            else:
                assert keep_response_set(connection, row, 1, wave, "a", answers, lang="en") == found


def test_what_was_typed_wrongly_survives_another_language(engine: Engine, tab: Tab) -> None:
    tab.press()
    before = kept(engine)
    number = next(q["id"] for form in FORMS["forms"] for q in form["questions"] if q["kind"] == "number")
    while f"form-{number}" not in tab.response.text:
        fill(tab, "continue")
    sent = {**tab.page.main.hidden, f"form-{number}": "about thirty", "lang": "de"}
    tab.take(tab.client.post(tab.path, data=sent, headers=HERE))
    assert (tab.page.lang, tab.response.status_code) == ("de", 422)
    assert 'value="about thirty"' in tab.response.text and "Bitte schreiben Sie" in tab.page.said
    assert kept(engine) == before or number not in str(kept(engine))
    assert tab.reload().page.lang == "de"
