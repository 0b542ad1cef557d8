"""Answers to forms are corrected, keyed twice and imported as those of the scale are, on both databases."""

from __future__ import annotations

import csv
import io
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import SQLAlchemyError

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study, raw_study
from test_days_brought import run
from test_forms import FORMS, kept
from test_mending import SCALE, sheet
from test_new_links import acts_in

from instrument.errors import ResponseDataError
from instrument.reading.written_cells import csv_text
from instrument.store import tables
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study, study_written_as
from instrument.store.form_answers import form_tables
from instrument.store.form_entries import compare_forms, keep_form_table, read_form_table
from instrument.store.form_mending import corrections_of
from instrument.store.keyed_tables import keep_table
from instrument.store.mending import (
    Because,
    Corrected,
    acts_of,
    correct_answers,
    reopen_administration,
    void_administration,
)
from instrument.store.people import invite, withdraw_person
from instrument.store.study_files import study_files
from instrument.store.tokens import Keyring
from instrument.team import Act, Member, Role

WHY = Because("the sheet was keyed wrongly", "A. Smith")
COLUMNS = ["participant", "wave", "used", "which_1", "which_2", "which_9", "age", "licence", "since"]
ANNA = ["anna", "start", "1", "1", "", "", "70", "my name is Eve", "2020-02-29"]
BEN = ["ben", "start", "0", "", "", "", "40", "", ""]
GIVEN = {"used": "1", "which": "1", "age": "70", "licence": "my name is Eve", "since": "2020-02-29"}
EVERYTHING_SECRET = ("my name", "Eve", "70")


def table(*rows: list[str], **cells: Any) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS).assign(**cells)


class Keyed:
    """A study whose forms are keyed from paper."""

    def __init__(self, engine: Engine, keyring: Keyring, *rows: list[str]) -> None:
        self.engine, self.keyring = engine, keyring
        open_study(engine, keyring, **FORMS)
        self.keep(table(*(rows or (ANNA, BEN))))

    def keep(self, rows: pd.DataFrame, form: str = "baseline", mode: str = "paper") -> tuple[int, int]:
        with self.engine.begin() as connection:
            row = find_study(connection, "trial")
            given: dict[str, Any] = {"mode": mode, "lang": "en", "enrol": True}
            return keep_form_table(connection, row, rows, form, self.keyring, **given)

    def correct(self, *rows: tuple[str, str, str, str]) -> Corrected:
        with self.engine.begin() as connection:
            made = pd.DataFrame(rows, columns=["participant", "wave", "item", "code"])
            return correct_answers(connection, find_study(connection, "trial"), made, WHY)

    def exported(self, form: str = "baseline") -> pd.DataFrame:
        with self.engine.connect() as connection:
            return form_tables(connection, "trial", identifying=True)[form]

    def history(self) -> list[tuple[Any, ...]]:
        was = tables.form_answer_history
        with self.engine.connect() as connection:
            query = select(was.c.question, was.c.state, was.c.value).order_by(was.c.id)
            return [tuple(row) for row in connection.execute(query)]

    def corrections(self) -> list[list[Any]]:
        with self.engine.connect() as connection:
            found: list[list[Any]] = corrections_of(connection, 1).to_numpy().tolist()
            return found


def test_a_correction_follows_the_branches_and_leaves_with_a_mark(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    keyed = Keyed(engine, keyring)
    assert kept(engine) == {"baseline": GIVEN}
    before = keyed.exported()
    assert before["status"].tolist() == ["completed", "completed"]
    done = keyed.correct(
        ("anna", "start", "baseline.which", "2 1"),
        ("anna", "start", "baseline.age", "64"),  # so `licence` is not asked any more
        ("anna", "start", "baseline.since", "skipped"),
        ("ben", "start", "baseline.age", "40"),
    )
    assert done == (3, 1, 1, 0)
    assert "1 answers to questions that are not asked any more were removed" in done.said
    after = keyed.exported()
    wanted = before.copy()
    wanted.loc[0, ["which_2", "age", "licence", "since"]] = ["1", "64", None, None]
    assert csv_text(after) == csv_text(wanted)  # status, day and everything of ben as before
    assert keyed.history() == [
        ("which", "answered", "1"),
        ("age", "answered", "70"),
        ("since", "answered", "2020-02-29"),
        ("licence", "answered", None),  # it may say who somebody is: a correction removes it for good
    ]
    assert keyed.correct(("anna", "start", "baseline.age", "66")) == (1, 0, 0, 1)
    assert keyed.correct(("anna", "start", "baseline.since", "not_seen")) == (1, 0, 0, 0)
    with engine.connect() as connection:
        states = form_tables(connection, "trial")["states"].set_index(["participant", "question"])["state"]
        acts = acts_of(connection, 1)
    assert states["anna"].to_dict() == {
        "used": "answered",
        "which": "answered",
        "age": "answered",
        "licence": "not_seen",
        "since": "not_seen",
    }
    assert acts[["participant", "act", "answers"]].to_numpy().tolist() == [
        ["anna", "correct", 4],
        ["anna", "correct", 1],
        ["anna", "correct", 1],
    ]
    wanted_marks = [
        ["anna", "start", f"baseline.{question}", times]
        for question, times in (("age", 2), ("licence", 1), ("since", 2), ("which", 1))
    ]
    assert keyed.corrections() == wanted_marks
    files, _ = study_files(store_url, "trial", forms_alone=True)
    rows = list(csv.reader(io.StringIO(files["corrections.csv"])))
    assert rows[1:] == [[*row[:3], str(row[3])] for row in wanted_marks]
    assert acts_in(engine).count("administration.correct") == 3
    with pytest.raises(SQLAlchemyError), engine.begin() as connection:
        connection.execute(update(tables.form_answer_history).values(value="x"))
    with engine.begin() as connection:
        void_administration(connection, find_study(connection, "trial"), "anna", "start", WHY)
    assert keyed.exported()["participant"].tolist() == ["ben"]
    assert keyed.corrections() == []


def test_what_opens_with_its_answer_is_not_counted_as_unanswered(engine: Engine, keyring: Keyring) -> None:
    """Ben had used nothing: with `used` alone `which` opens and is blank, with its answer beside it is not."""
    keyed = Keyed(engine, keyring, ANNA, BEN, ["cleo", *BEN[1:]])
    assert keyed.correct(("ben", "start", "baseline.used", "1")) == (1, 0, 0, 1)
    both_at_once = ("cleo", "start", "baseline.used", "1"), ("cleo", "start", "baseline.which", "2")
    assert keyed.correct(*both_at_once) == (2, 0, 0, 0)
    said = kept(engine, 3)["baseline"]
    assert (said["used"], said["which"]) == ("1", "2")


def test_corrections_of_scale_and_forms_stand_person_by_person_without_trial_links(
    engine: Engine, keyring: Keyring
) -> None:
    keyed = Keyed(engine, keyring)
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        invite(connection, int(row.id), keyring, ["tried"], is_test=True)
        rows = sheet(("anna", "first"), ("ben", "first"), ("tried", "first"))
        keep_table(connection, row, rows, keyring, mode="paper", lang="en", enrol=True)
    one, *_ = SCALE.item_ids
    keyed.correct(
        ("ben", "first", one, "2"),
        ("anna", "first", one, "2"),
        ("tried", "first", one, "2"),
        ("ben", "start", "baseline.age", "41"),
        ("anna", "start", "baseline.age", "71"),
    )
    assert keyed.corrections() == [
        ["anna", "start", "baseline.age", 1],
        ["anna", "first", one, 1],
        ["ben", "start", "baseline.age", 1],
        ["ben", "first", one, 1],
    ]


def test_the_history_says_what_each_answer_was_before_every_correction(
    engine: Engine, keyring: Keyring
) -> None:
    keyed = Keyed(engine, keyring)
    codes = ("skipped", "50", "not_seen", "51", "51")
    for code in codes:
        keyed.correct(("ben", "start", "baseline.age", code))
    assert keyed.history() == [
        ("age", "answered", "40"),
        ("age", "skipped", None),
        ("age", "answered", "50"),
        ("age", "not_seen", None),
    ]
    keyed.correct(("anna", "start", "baseline.since", "2021-01-01"), ("anna", "start", "baseline.age", "71"))
    assert sorted(keyed.corrections()) == [
        ["anna", "start", "baseline.age", 1],
        ["anna", "start", "baseline.since", 1],
        ["ben", "start", "baseline.age", 4],
    ]
    was = tables.form_answer_history
    with engine.connect() as connection:
        times = connection.execute(select(was.c.saved_at, was.c.replaced_at).order_by(was.c.id)).all()
    assert all(saved is None or saved < replaced for saved, replaced in times)
    assert [saved is None for saved, _ in times] == [False, False, False, True, False, False]
    with engine.begin() as connection:
        why = Because("the sheet is of another study", "A. Smith")
        void_administration(connection, find_study(connection, "trial"), "ben", "start", why)
    assert sorted(keyed.corrections()) == [
        ["anna", "start", "baseline.age", 1],
        ["anna", "start", "baseline.since", 1],
    ]


FAULTS: list[tuple[tuple[str, str, str, str], type[Exception], str]] = [
    (("anna", "start", "baseline.age", "17"), ResponseDataError, r"none of their question: 'baseline.age'"),
    (("anna", "start", "baseline.age", "seventy"), ResponseDataError, "1 answers of anna at start are none"),
    (("anna", "start", "baseline.age", ""), ResponseDataError, "none of their question"),
    (("anna", "start", "baseline.age", "declined"), ResponseDataError, "none of their question"),
    (("anna", "start", "baseline.which", "1 9"), ResponseDataError, "none of their question"),
    (("anna", "start", "baseline.which", "1,2"), ResponseDataError, "none of their question"),
    (("anna", "start", "baseline.licence", "x" * 21), ResponseDataError, "none of their question"),
    (("anna", "start", "baseline.since", "2031-01-01"), ResponseDataError, "none of their question"),
    (("anna", "start", "baseline.which_1", "1"), ResponseDataError, "in no form of wave 'start'"),
    (("anna", "start", "closing.hope", "5"), ResponseDataError, "in no form of wave 'start'"),
    (("anna", "start", "nothing.at.all", "5"), ResponseDataError, "in no form of wave 'start'"),
    (("anna", "start", SCALE.item_ids[0], "4"), ResponseDataError, "wave 'start' does not ask the scale"),
    (("ben", "start", "baseline.which", "1"), ResponseDataError, "1 questions are not asked of ben at start"),
    (("ben", "start", "baseline.licence", "skipped"), ResponseDataError, "not asked of ben"),
    (("anna", "first", "baseline.age", "40"), StoreError, "has no questionnaire at 'first'"),
    (("zoe", "start", "baseline.age", "40"), StoreError, "no person 'zoe'"),
    (("ben", "start", "baseline.used", "0"), ResponseDataError, "named twice"),
]


def test_one_fault_keeps_every_correction_out_and_shows_no_answer(engine: Engine, keyring: Keyring) -> None:
    keyed = Keyed(engine, keyring)
    before = keyed.exported()
    for row, kind, words in FAULTS:
        with pytest.raises(kind, match=words) as refused:
            keyed.correct(("ben", "start", "baseline.used", "0"), ("ben", "start", "baseline.age", "41"), row)
        assert not [secret for secret in (*EVERYTHING_SECRET, "seventy") if secret in str(refused.value)]
    pd.testing.assert_frame_equal(keyed.exported(), before)
    assert keyed.history() == []
    assert "administration.correct" not in acts_in(engine)


def test_two_corrections_at_once_are_put_in_an_order(engine: Engine, keyring: Keyring) -> None:
    keyed = Keyed(engine, keyring)
    faults: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for age in range(first, first + 5):
                keyed.correct(("anna", "start", "baseline.age", str(age)))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (71, 81)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    was = [value for _, _, value in keyed.history()]
    assert len(was) == 10 and was[0] == "70"  # nothing was overwritten without its history
    assert sorted([*was[1:], kept(engine)["baseline"]["age"]]) == [
        *map(str, range(71, 76)),
        *map(str, range(81, 86)),
    ]  # type: ignore[type-var]


def test_reopened_forms_may_be_carried_on_by_an_import_of_the_same_sheet(
    engine: Engine, keyring: Keyring
) -> None:
    keyed = Keyed(engine, keyring)
    more = table([*BEN[:-1], "2021-05-05"])
    with pytest.raises(StoreError, match="1 administrations are in the store with other answers"):
        keyed.keep(more)
    with engine.begin() as connection:
        reopen_administration(connection, find_study(connection, "trial"), "ben", "start", WHY)
    assert keyed.exported()["status"].tolist() == ["completed", "open"]
    assert keyed.keep(more) == (1, 0)
    assert keyed.exported()["status"].tolist() == ["completed", "completed"]
    assert keyed.exported()["since"].tolist() == ["2020-02-29", "2021-05-05"]
    assert keyed.keep(more) == (0, 1)


def test_a_wave_is_finished_once_all_that_it_asks_is_there(engine: Engine, keyring: Keyring) -> None:
    keyed = Keyed(engine, keyring, ["anna", "first", *ANNA[2:]])
    closing = pd.DataFrame([["anna", "first", "7.5"]], columns=["participant", "wave", "hope"])
    assert keyed.exported()["status"].tolist() == ["open"]
    assert keyed.keep(closing, "closing") == (1, 0)
    assert keyed.exported("closing")["status"].tolist() == ["open"]
    scale = sheet(("anna", "first"), ("ben", "first"))
    with engine.begin() as connection:
        row = find_study(connection, "trial")
        done = keep_table(connection, row, scale, keyring, mode="paper", lang="en", enrol=True)
    assert done == (2, 0)
    assert keyed.exported("closing")["status"].tolist() == ["completed"]  # ben has none: no row of blanks
    late = pd.DataFrame([["ben", "first", "2"]], columns=["participant", "wave", "hope"])
    assert keyed.keep(late, "closing") == (1, 0)  # the scale was finished before: an act says so
    assert keyed.exported("closing")[["participant", "status", "hope"]].to_numpy().tolist() == [
        ["anna", "completed", "7.5"],
        ["ben", "completed", "2"],
    ]
    with engine.connect() as connection:
        assert acts_of(connection, 1)[["participant", "act", "reason"]].to_numpy().tolist() == [
            ["ben", "correct", "answers to form closing came later"]
        ]
    assert keyed.corrections() == []  # nothing that was given was changed
    assert keyed.keep(late, "closing") == (0, 1)
    with pytest.raises(StoreError, match="with other answers"):
        keyed.keep(late.assign(hope="3"), "closing")


BAD: list[tuple[pd.DataFrame, str]] = [
    (table(ANNA).drop(columns="age"), "lacks the columns 'age'"),
    (table(ANNA, height="180"), "1 columns are none of the form: 'height'"),
    (table(ANNA, ANNA), "1 people are named twice at a wave: 'anna at start'"),
    (table(["", *ANNA[1:]]), "1 rows have no participant"),
    (table(["anna", "never", *ANNA[2:]]), "1 waves do not ask form 'baseline': 'never'"),
    (table([*ANNA[:6], "17", *ANNA[7:]]), "1 answers are none of their question: 'anna at start: age'"),
    (table([*ANNA[:3], "yes", *ANNA[4:]]), "none of their question: 'anna at start: which'"),
    (table([*ANNA[:3], "1", "", "1", *ANNA[6:]]), "none of their question: 'anna at start: which'"),
    (table([*BEN[:3], "1", *BEN[4:]]), "another answer hides: 'ben at start: which'"),
    (table(ANNA, status="done"), "neither 'completed' nor 'open'"),
    (table(ANNA, completed_on="31.3.2026"), "holds no date"),
    (table(["anna", "start", *[""] * 7], status="open"), "1 rows are open and hold no answer"),
    (table(), "the table has no row"),
]


def test_tables_with_a_fault_are_refused_by_place_and_nothing_is_kept(
    engine: Engine, keyring: Keyring
) -> None:
    keyed = Keyed(engine, keyring, ["zoe", *BEN[1:]])
    for rows, words in BAD:
        with pytest.raises(ResponseDataError, match=words) as refused:
            keyed.keep(rows)
        assert not [secret for secret in EVERYTHING_SECRET if secret in str(refused.value)]
    with engine.begin() as connection:
        number = connection.execute(
            select(tables.participant.c.id).where(tables.participant.c.pseudonym == "zoe")
        ).scalar_one()
        withdraw_person(connection, number)
    with pytest.raises(StoreError, match="1 people do not consent"):
        keyed.keep(table(["zoe", "first", *BEN[2:]]))
    with pytest.raises(StoreError, match="1 administrations were given outside the window"):
        keyed.keep(table(ANNA, completed_on="2026-03-31", enrolled_on="2026-03-01"))
    assert keyed.exported()["participant"].tolist() == ["zoe"]


def test_an_open_sheet_is_carried_on_and_takes_nothing_back(engine: Engine, keyring: Keyring) -> None:
    keyed = Keyed(engine, keyring, BEN)
    half = ["anna", "start", "1", "", "", "", "70", "", ""]
    assert keyed.keep(table(half, status="open")) == (1, 0)
    assert kept(engine, 2) == {"baseline": {"used": "1", "age": "70"}}
    with pytest.raises(StoreError, match="with other answers"):
        keyed.keep(table([*half[:6], "71", *half[7:]]))
    assert keyed.keep(table(ANNA)) == (1, 0)
    assert kept(engine, 2) == {"baseline": GIVEN}
    assert keyed.exported()["status"].tolist() == ["completed", "completed"]


def test_a_second_entry_is_compared_by_question_without_values(engine: Engine, keyring: Keyring) -> None:
    cleo = ["cleo", *BEN[1:]]
    keyed = Keyed(engine, keyring, ANNA, BEN, cleo)
    second = table(
        [*ANNA[:4], "1", "", "71", *ANNA[7:]], [*BEN[:2], "", *BEN[3:]], ["dora", *BEN[1:]], completed_on=""
    )
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        study = study_written_as(row.definition)
        given = read_form_table(second, study, study.forms[0], "compare")
        found = compare_forms(connection, row, given, "baseline")
    assert found.discrepancies.to_numpy().tolist() == [
        ["anna", "start", "baseline.which", "differs"],
        ["anna", "start", "baseline.age", "differs"],
        ["ben", "start", "baseline.used", "differs"],
        ["dora", "start", "", "only in the second entry"],
        ["cleo", "start", "", "only in the first entry"],
    ]
    assert (found.n_compared, found.n_administrations) == (8, 2)
    assert "3 answers differ (37.50 %)" in found.summary()
    assert acts_in(engine).count("paper.compare") == 1
    assert keyed.correct(("anna", "start", "baseline.age", "71")).changed == 1


def test_a_data_manager_corrects_from_the_team_page_and_a_reader_may_not(
    engine: Engine, store_url: str, tmp_path: Path
) -> None:
    from instrument.store.tokens import load_keyring

    keys = tmp_path / "dta.keys"
    Keyed(engine, load_keyring(keys, {}))
    where = {"DTA_STORE": store_url, "DTA_KEY_FILE": str(keys)}
    manager = Member("ben@example.org", Role.MANAGER, "trial", where)
    assert manager.correct("anna", "start", "baseline.age", "69", "misread the sheet").changed == 1
    reader = Member("cleo@example.org", Role.READER, "trial", where)
    with pytest.raises(Exception, match=f"may not {Act.CORRECT}"):
        reader.correct("anna", "start", "baseline.age", "68", "misread the sheet")
    with pytest.raises(ResponseDataError, match="a reason has 5"):
        manager.correct("anna", "start", "baseline.age", "68", "no")
    assert kept(engine)["baseline"]["age"] == "69"
    with engine.connect() as connection:
        assert acts_of(connection, 1)["by"].tolist() == ["ben@example.org"]


def test_from_the_command_line_of_a_fresh_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DTA_STORE", f"sqlite:///{tmp_path / 's.sqlite'}")
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    Path("study.yaml").write_text(yaml.safe_dump({**raw_study(), **FORMS}), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    table(ANNA, BEN).to_csv("sheets.csv", index=False)
    keyed = ("--study", "trial", "--form", "baseline", "--paper")
    assert run("import", "sheets.csv", *keyed) == 2
    assert run("import", "sheets.csv", *keyed, "--enrol") == 0
    table([*ANNA[:6], "71", *ANNA[7:]], BEN).to_csv("again.csv", index=False)
    assert run("study", "compare", "trial", "again.csv", "--form", "baseline") == 0
    said = capsys.readouterr()
    assert "2 forms kept, 0 were there already" in said.out
    assert "anna,start,baseline.age,differs" in said.out
    Path("mend.csv").write_text("participant,wave,item,code\nanna,start,baseline.age,71\n")
    assert run("study", "correct", "trial", "mend.csv", "--reason", "misread the sheet") == 0
    assert run("study", "export", "trial", "--out", "out", "--identifying") == 0
    rows = list(csv.DictReader(io.StringIO(Path("out/form_baseline.csv").read_text())))
    assert [row["age"] for row in rows] == ["71", "40"]
    assert (
        Path("out/corrections.csv").read_text() == "participant,wave,item,times\nanna,start,baseline.age,1\n"
    )
    given = sheet(("anna", "first"), completed_on="")
    given.to_csv("scale.csv", index=False)
    assert run("import", "scale.csv", "--study", "trial", "--paper") == 0
    assert run("study", "export", "trial", "--out", "whole") == 0
    assert (
        Path("whole/order.csv").read_text() == "participant,wave,item,position,page\n"
    )  # nothing is known of it
    assert run("import", "out/form_baseline.csv", "--study", "trial", "--form", "baseline") == 0
    assert "0 forms kept, 2 were there already" in capsys.readouterr().out  # the export is an import
    for strange in (("--form", "other"), ("--form", "baseline", "--enrolment", "x.csv")):
        assert run("import", "sheets.csv", "--study", "trial", *strange) == 2
    assert run("import", "sheets.csv", "--form", "baseline", "--out", "x.csv") == 2
    assert not [s for s in EVERYTHING_SECRET if s in capsys.readouterr().err]
