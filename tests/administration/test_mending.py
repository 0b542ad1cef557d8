"""Correct, reopen, void, and double entry: exports carry what holds, the store keeps what was, nothing is printed."""

from __future__ import annotations

import logging
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study, raw_study
from test_administer_interface import App
from test_days_brought import run
from test_new_links import acts_in

import instrument
from instrument.administer.application import create_app
from instrument.errors import ResponseDataError
from instrument.reading.read_responses import missing_reasons
from instrument.store import tables
from instrument.store.answers import Answer
from instrument.store.connect import StoreError, downgrade_store, upgrade_store
from instrument.store.definitions import find_study
from instrument.store.double_entry import _differing, compare_entries
from instrument.store.form_mending import corrections_of
from instrument.store.funnel import due_of, funnel_of
from instrument.store.keyed_tables import GivenSet, keep_table
from instrument.store.mending import (
    Because,
    acts_of,
    correct_answers,
    reopen_administration,
    void_administration,
)
from instrument.store.retrieval import responses_of
from instrument.store.study_data import study_data
from instrument.store.tables import STATES
from instrument.store.tokens import Keyring
from instrument.store.windows import days_of_people

WHY = Because("the sheet was keyed wrongly", "A. Smith")
SCALE = instrument.load("dta")
A, B, C = SCALE.item_ids[:3]


def sheet(*rows: tuple[str, str], code: int = 4, **cells: Any) -> pd.DataFrame:
    made = pd.DataFrame({item: pd.array([code] * len(rows), dtype="Int64") for item in SCALE.item_ids})
    made.insert(0, "participant", [row[0] for row in rows])
    made.insert(1, "wave", [row[1] for row in rows])
    return made.assign(**cells)


class Paper:
    """A study whose answers are keyed from paper."""

    def __init__(self, engine: Engine, keyring: Keyring, *rows: tuple[str, str]) -> None:
        self.engine, self.keyring = engine, keyring
        open_study(engine, keyring)
        self.keep(sheet(*(rows or (("anna", "first"), ("ben", "first")))))

    def keep(self, answers: pd.DataFrame, mode: str = "paper") -> tuple[int, int]:
        with self.engine.begin() as connection:
            row = find_study(connection, "trial")
            return keep_table(connection, row, answers, self.keyring, mode=mode, lang="en", enrol=True)

    def act(self, how: Any, *what: Any, why: Because = WHY) -> Any:
        with self.engine.begin() as connection:
            return how(connection, find_study(connection, "trial"), *what, why)

    def correct(self, *rows: tuple[str, str, str, str], why: Because = WHY) -> Any:
        table = pd.DataFrame(rows, columns=["participant", "wave", "item", "code"])
        return tuple(self.act(correct_answers, table, why=why)[:2])

    def exported(self) -> pd.DataFrame:
        with self.engine.connect() as connection:
            return responses_of(connection, "trial")

    def history(self) -> list[tuple[Any, ...]]:
        kept = tables.response_history
        with self.engine.connect() as connection:
            query = select(tables.item.c.name, kept.c.state, kept.c.value).join(tables.item)
            return [tuple(row) for row in connection.execute(query.order_by(kept.c.id))]


def test_a_correction_changes_what_leaves_and_keeps_what_was(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    paper = Paper(engine, keyring)
    before = paper.exported()
    outside = SCALE.scale_of(A).outside[0]
    changed = paper.correct(
        ("anna", "first", A, "2"),
        ("anna", "first", B, "skipped"),
        ("anna", "first", C, str(outside.code)),
        ("ben", "first", A, "4"),
    )
    assert changed == (3, 1)
    after = paper.exported()
    wanted = before.copy()
    wanted.loc[0, A], wanted.loc[0, [B, C]] = 2, pd.NA
    pd.testing.assert_frame_equal(after, wanted)  # status, day, mode and everything else are as before
    reasons = missing_reasons(after).set_index(["participant", "item"])["reason"].to_dict()
    assert reasons == {("anna", B): "skipped", ("anna", C): outside.reason}
    assert paper.history() == [(A, "answered", 4), (B, "answered", 4), (C, "answered", 4)]
    assert study_data(store_url, "trial").responses[A].tolist() == [2, 4]
    assert paper.correct(("anna", "first", B, "5"), ("anna", "first", A, "2")) == (1, 1)
    assert paper.history()[-1] == (B, "skipped", None)
    with engine.connect() as connection:
        acts = acts_of(connection, 1)
    assert acts.drop(columns="at").to_numpy().tolist() == [
        ["anna", "first", 1, "correct", WHY.reason, WHY.by, 3],
        ["anna", "first", 1, "correct", WHY.reason, WHY.by, 1],
    ]
    assert acts_in(engine).count("administration.correct") == 2


FAULTS: list[tuple[tuple[str, str, str, str], type[Exception], str]] = [
    (
        ("anna", "first", A, "77"),
        ResponseDataError,
        f"1 codes of anna at first are none of their item: '{A}'",
    ),
    (("anna", "first", A, "4.0"), ResponseDataError, "1 codes"),
    (("anna", "first", A, "answered"), ResponseDataError, "1 codes"),
    (("anna", "first", A, ""), ResponseDataError, "1 codes"),
    (("anna", "first", A, "٣"), ResponseDataError, "1 codes"),
    (("anna", "first", A, "--3"), ResponseDataError, "1 codes"),
    (("anna", "first", A, "3" * 5000), ResponseDataError, "1 codes"),
    (("anna", "first", "zz9", "4"), ResponseDataError, "1 items are not in instrument 'dta'"),
    (("zoe", "first", A, "4"), StoreError, "no person 'zoe'"),
    (("anna", "third", A, "4"), StoreError, "no wave 'third'"),
    (("anna", "second", A, "4"), StoreError, "'anna' has no questionnaire at 'second'"),
    (("ben", "first", A, "3"), ResponseDataError, "1 answers are named twice"),
]


def test_one_fault_keeps_every_correction_out(engine: Engine, keyring: Keyring) -> None:
    paper = Paper(engine, keyring)
    for row, kind, words in FAULTS:
        with pytest.raises(kind, match=words) as refused:
            paper.correct(("ben", "first", A, "1"), row)
        assert "77" not in str(refused.value)
    assert paper.exported()[A].tolist() == [4, 4]
    assert paper.history() == []
    assert not {"administration.correct"} & set(acts_in(engine))


@pytest.mark.parametrize("reason", ["", "    ", "why", "x" * 501, "a NUL \x00 here"])
def test_nothing_is_changed_without_a_reason(reason: str) -> None:
    with pytest.raises(ResponseDataError, match=r"a reason has 5 to 500|the reason holds a NUL"):
        Because(reason)


def test_void_takes_out_of_every_count_and_the_wave_is_open_again(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    paper = Paper(engine, keyring, ("anna", "first"), ("ben", "first"))
    paper.act(void_administration, "anna", "first")
    assert paper.exported()["participant"].tolist() == ["ben"]
    assert study_data(store_url, "trial").enrolment["participant"].tolist() == ["ben"]
    with engine.connect() as connection:
        assert funnel_of(connection, "trial").loc[0, "completed"] == 1
        assert "anna" in due_of(connection, "trial")["participant"].tolist()
        kept = connection.execute(select(tables.response.c.value)).scalars().all()
        assert len(kept) == 2 * len(SCALE.item_ids)  # what was given stays in the store
    with pytest.raises(StoreError, match="has no questionnaire"):
        paper.act(void_administration, "anna", "first")
    for code in (2, 3):  # twice: each further attempt has its own number
        assert paper.keep(sheet(("anna", "first"), code=code)) == (1, 0)
        assert paper.exported().query("participant == 'anna'")[A].tolist() == [code]
        paper.act(void_administration, "anna", "first")
    with engine.connect() as connection:
        query = select(tables.administration.c.attempt).order_by(tables.administration.c.id)
        assert connection.execute(query).scalars().all() == [1, 1, 2, 3]
        assert acts_of(connection, 1)["act"].tolist() == ["void"] * 3
    assert acts_in(engine).count("administration.void") == 3


def test_a_person_goes_on_where_the_team_reopened_and_begins_anew_where_it_voided(
    engine: Engine, keyring: Keyring
) -> None:
    _, _, (token,) = open_study(engine, keyring, item_order={"per_page": 8})
    with engine.connect() as connection:
        name = connection.execute(select(tables.participant.c.pseudonym)).scalar_one()

    def act(how: Any) -> None:
        with engine.begin() as connection:
            how(connection, find_study(connection, "trial"), name, "first", WHY)

    def values() -> set[int]:
        with engine.connect() as connection:
            found = responses_of(connection, "trial")
        return set() if found.empty else set(found[SCALE.item_ids].to_numpy().ravel().tolist())

    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        while at(tab.response) != "/survey/review":
            tab.press(tick="4")
        tab.press()
        assert "Thank you" in tab.page.said
        act(reopen_administration)
        with pytest.raises(StoreError, match="is open already"):
            act(reopen_administration)
        tab.open(f"/q/{token}")
        assert at(tab.response) == "/survey/review"
        tab.open(tab.path.replace("/review", "/page/1"))
        tab.press(tick="2")
        while at(tab.response) != "/survey/review":
            tab.press()
        tab.press()
        assert "Thank you" in tab.page.said
        assert values() == {2, 4}
        old = Tab(client).open(f"/q/{token}")
        act(void_administration)
        assert values() == set()
        old.open(f"/q/{token}")
        assert at(old.response) == "/survey/start"
        old.press()
        while at(old.response) != "/survey/review":
            old.press(tick="1")
        old.press()
        assert values() == {1}
    with engine.connect() as connection:
        assert acts_of(connection, 1)["act"].tolist() == ["reopen", "void"]


def test_what_a_program_sends_again_does_not_bring_a_void_set_back(engine: Engine, keyring: Keyring) -> None:
    app = App(engine, keyring)
    path = "/fhir/QuestionnaireResponse?wave=first"
    with app.client:
        sent = app.answers(app.scale)
        assert app.post(path, sent).status_code == 201
        with engine.begin() as connection:
            name = sent["subject"]["identifier"]["value"]
            void_administration(connection, find_study(connection, "trial"), name, "first", WHY)
        assert app.post(path, sent).json() == {"outcome": "known"}
        with engine.connect() as connection:
            assert responses_of(connection, "trial").empty
        anew = {**sent, "identifier": {"system": "https://app.example", "value": "another-one"}}
        assert app.post(path, anew).status_code == 201


def test_the_database_itself_asks_for_an_act_and_keeps_what_was(engine: Engine, keyring: Keyring) -> None:
    paper = Paper(engine, keyring, ("anna", "first"), ("ben", "first"), ("cleo", "first"))
    paper.correct(("anna", "first", A, "1"))
    paper.act(void_administration, "ben", "first")
    administration, response = tables.administration, tables.response
    whose = (
        administration.c.participant_id
        == select(tables.participant.c.id).where(tables.participant.c.pseudonym == "anna").scalar_subquery()
    )
    back = {"completed_at": None}
    for statement in (
        update(administration).where(whose).values(status="open", **back),
        update(administration).where(whose).values(status="void", **back),
        update(administration).where(administration.c.status == "void").values(status="open"),
        update(response).values(value=5),
        update(tables.response_history).values(value=5),
        update(tables.administration_act).values(reason="another one"),
        tables.administration_act.insert().values(
            administration_id=1,
            act="void",
            reason="",
            made_by="",
            at=pd.Timestamp.now("UTC"),
            revision=0,
            n_answers=0,
        ),
    ):
        with pytest.raises(SQLAlchemyError), engine.begin() as connection:
            connection.execute(statement)
    assert paper.history() == [(A, "answered", 4)]
    with engine.begin() as connection:  # an erasure still takes everything along
        connection.execute(delete(tables.participant))
    assert paper.history() == []
    with engine.connect() as connection:
        assert acts_of(connection, 1).empty


def test_the_schema_steps_back_and_forward(engine: Engine, keyring: Keyring) -> None:
    Paper(engine, keyring)
    downgrade_store(engine, "0003")
    with pytest.raises(SQLAlchemyError), engine.begin() as connection:
        connection.execute(text("UPDATE administration SET status = 'void', completed_at = NULL"))
    upgrade_store(engine)
    with pytest.raises(SQLAlchemyError), engine.begin() as connection:
        connection.execute(text("UPDATE administration SET status = 'void', completed_at = NULL"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    monkeypatch.setenv("DTA_STORE", store_url)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw_study(), allow_unicode=True), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    return tmp_path


def test_a_sheet_that_lacks_a_column_is_compared_on_every_item(engine: Engine, keyring: Keyring) -> None:
    paper = Paper(engine, keyring)
    again = sheet(("anna", "first"), ("ben", "first")).drop(columns=C)
    with paper.engine.begin() as connection:
        found = compare_entries(connection, find_study(connection, "trial"), again)
    assert (found.n_compared, found.n_administrations) == (2 * len(SCALE.item_ids), 2)
    assert found.discrepancies["item"].tolist() == [C, C]


def test_a_second_entry_without_days_differs_in_none(engine: Engine, keyring: Keyring) -> None:
    paper = Paper(engine, keyring)
    paper.keep(sheet(("cleo", "first"), enrolled_on="2026-03-01", completed_on="2026-03-02"))
    for day, wanted in (
        ({"completed_on": "2026-03-02"}, []),
        ({}, []),
        ({"completed_on": "2026-03-03"}, ["completed_on"]),
    ):
        with paper.engine.begin() as connection:
            found = compare_entries(
                connection, find_study(connection, "trial"), sheet(("cleo", "first"), **day)
            )
        assert (found.n_compared, found.n_administrations) == (len(SCALE.item_ids), 1)
        of_cleo = found.discrepancies[found.discrepancies["participant"] == "cleo"]
        assert of_cleo["item"].tolist() == wanted
        assert "0 answers differ (0.00 %)" in found.summary()
        assert "2 questionnaires only in the first entry" in found.summary()


def test_corrections_are_counted_by_answer_and_what_its_person_changed_is_none(
    engine: Engine, keyring: Keyring
) -> None:
    """One answer corrected twice, one once, one changed by an import of a sheet that was opened again."""
    paper = Paper(engine, keyring)
    paper.correct(("anna", "first", A, "2"), ("ben", "first", B, "skipped"))
    paper.correct(("anna", "first", A, "3"), ("anna", "first", B, "4"))
    paper.act(reopen_administration, "anna", "first")
    paper.keep(sheet(("anna", "first"), **{A: 3, C: 1}), "import")
    assert paper.exported().loc[0, [A, B, C]].tolist() == [3, 4, 1]
    paper.correct(("anna", "first", C, "5"))
    with engine.connect() as connection:
        found = corrections_of(connection, 1).to_numpy().tolist()
        assert corrections_of(connection, 2).empty
    assert sorted(found) == sorted([["anna", "first", A, 2], ["anna", "first", C, 1], ["ben", "first", B, 1]])


def test_only_sheets_of_paper_that_hold_are_compared(engine: Engine, keyring: Keyring) -> None:
    """Of four people: one on paper, one voided, one imported from a file, one who is in the second entry alone."""
    paper = Paper(engine, keyring, ("anna", "first"), ("ben", "first"))
    paper.keep(sheet(("cleo", "first")), mode="import")
    paper.act(void_administration, "ben", "first")
    second = sheet(("anna", "first"), ("ben", "first"), ("cleo", "first"), ("dora", "first"))
    with paper.engine.begin() as connection:
        found = compare_entries(connection, find_study(connection, "trial"), second)
    assert (found.n_compared, found.n_administrations) == (len(SCALE.item_ids), 1)
    lacking = [[name, "first", "", "only in the second entry"] for name in ("ben", "cleo", "dora")]
    assert found.discrepancies.to_numpy().tolist() == lacking
    with paper.engine.connect() as connection:
        last = select(tables.audit_log).order_by(tables.audit_log.c.id.desc())
        line = connection.execute(last).first()
    assert line is not None and (line.action, line.n_rows) == ("paper.compare", 3)


def test_what_one_entry_lacks_is_told_person_by_person_in_the_order_of_waves(
    engine: Engine, keyring: Keyring
) -> None:
    places = [("ben", "second"), ("ben", "first"), ("anna", "second"), ("anna", "first")]
    paper = Paper(engine, keyring, *places)
    with paper.engine.begin() as connection:
        found = compare_entries(connection, find_study(connection, "trial"), sheet(("zoe", "first")))
    assert found.discrepancies[["participant", "wave"]].to_numpy().tolist() == [
        ["zoe", "first"],
        *[["ben", "first"], ["ben", "second"], ["anna", "first"], ["anna", "second"]],
    ]


def test_a_blank_is_a_blank_and_every_other_reason_is_one_of_its_own() -> None:
    states = [("answered", 4), ("answered", 5), *((name, None) for name in STATES if name != "answered")]
    for first, second in product(states, [*states, None]):
        answers = {} if second is None else {A: Answer(*second)}
        given = GivenSet(participant="a", wave="first", answers=answers, finished=True, completed_on=None)
        one, other = (
            "blank" if state in (None, ("skipped", None), ("not_seen", None)) else state
            for state in (first, second)
        )
        assert _differing({A: first}, given) == ([A] if one != other else [])


def test_an_attempt_that_was_made_void_opens_no_later_window(engine: Engine, keyring: Keyring) -> None:
    paper = Paper(engine, keyring, ("anna", "first"), ("ben", "first"))
    paper.act(void_administration, "anna", "first")
    with paper.engine.connect() as connection:
        days = days_of_people(connection, find_study(connection, "trial"))
    assert sorted(sorted(person.given) for person in days.values()) == [[], [], ["first"]]


def test_two_entries_are_compared_by_person_and_item_without_values(
    folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dated = {"enrolled_on": "2026-03-01", "completed_on": "2026-03-02"}
    first = sheet(("anna", "first"), ("ben", "first"), ("cleo", "first"), **dated)
    first.to_csv("first.csv", index=False)
    assert run("import", "first.csv", "--study", "trial", "--enrol", "--paper") == 0
    second = sheet(("anna", "first"), ("ben", "first"), ("dora", "first"), **dated)
    second.loc[0, A], second.loc[1, B] = 5, pd.NA
    second.loc[1, "completed_on"] = "2026-03-03"
    second.to_csv("second.csv", index=False)
    capsys.readouterr()
    assert run("study", "compare", "trial", "second.csv", "--out", "found.csv") == 0
    n = 2 * len(SCALE.item_ids)
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"2 questionnaires in both entries, {n} answers compared",
        f"2 answers differ ({200 / n:.2f} %)",
        "1 questionnaires only in the first entry",
        "1 questionnaires only in the second entry",
        "1 days or states of sheets differ",
        "5 rows in found.csv",
    ]
    found = pd.read_csv("found.csv", keep_default_na=False)
    assert found.to_numpy().tolist() == [
        ["anna", "first", A, "differs"],
        ["ben", "first", B, "differs"],
        ["ben", "first", "completed_on", "differs"],
        ["dora", "first", "", "only in the second entry"],
        ["cleo", "first", "", "only in the first entry"],
    ]
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("alembic")]
    assert not [line for line in logged if A in line or "anna" in line]
    (folder / "mend.csv").write_text(f"participant;wave;item;code\nanna;first;{A};5\nben;first;{B};skipped\n")
    assert run("study", "correct", "trial", "mend.csv", "--reason", "the sheet was looked at again") == 0
    assert "2 answers corrected, 0 were so already" in capsys.readouterr().out
    assert run("study", "compare", "trial", "second.csv") == 0
    assert "0 answers differ (0.00 %)" in capsys.readouterr().out
    assert run("study", "void", "trial", "cleo", "first", "--reason", "sheet of another study") == 0
    assert run("study", "reopen", "trial", "ben", "first", "--reason", "the second page came later") == 0
    assert run("study", "void", "trial", "cleo", "first", "--reason", "sheet of another study") == 2
    assert run("study", "void", "trial", "ben", "first", "--reason", "no") == 2
    assert run("study", "acts", "trial", "--out", "acts.csv") == 0
    acts = pd.read_csv("acts.csv", keep_default_na=False)
    assert acts[["participant", "act", "answers"]].to_numpy().tolist() == [
        ["anna", "correct", 1],
        ["ben", "correct", 1],
        ["cleo", "void", 0],
        ["ben", "reopen", 0],
    ]
    assert run("export", "csv-wide", "--study", "trial", "--out", "out.csv") == 0
    out = pd.read_csv("out.csv").set_index("participant")
    assert out["status"].to_dict() == {"anna": "completed", "ben": "open"}
    assert out.loc["anna", A] == 5
    assert run("store", "check") == 0
