"""`dta study` and `dta store` do what they say, or end with status 2 and one message."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sqlalchemy import Engine
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study, raw_study

import dta
import instrument
from instrument.administer.application import create_app
from instrument.exchange.coding import coded_answers
from instrument.store.answers import Answer, answers_of, save_answers
from instrument.store.connect import open_store
from instrument.store.retrieval import responses_of
from instrument.store.tokens import Keyring, load_keyring


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        dta.main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw_study(), allow_unicode=True), encoding="utf-8")
    return tmp_path


def opened(folder: Path) -> None:
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0


def test_from_file_to_link_to_answer_to_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("study", "check", "study.yaml") == 0
    opened(folder)
    assert (
        run(
            "study",
            "invite",
            "trial",
            "--people",
            "3",
            "--out",
            "links.csv",
            "--address",
            "https://q.example/",
        )
        == 0
    )
    links = pd.read_csv(folder / "links.csv")
    assert (folder / "links.csv").stat().st_mode & 0o077 == 0
    assert links["link"].str.match(r"https://q\.example/q/[\w-]{27}$").all()
    output = capsys.readouterr().out
    assert not any(link.rsplit("/", 1)[1] in output for link in links["link"])
    app = create_app(open_store("dta.sqlite"), load_keyring("dta.keys"))
    with TestClient(app) as client:
        assert at(client.get(links["link"][0].removeprefix("https://q.example"))) == "/survey/consent"
    assert run("study", "status", "trial", "--due") == 0
    shown = capsys.readouterr().out
    assert re.search(r"first +3 +0 +3 +0 +0 +3 +0", shown)
    assert re.search(r"second +3 +0 +0 +0 +0 +0 +0", shown)
    assert run("study", "erase", "trial", links["participant"][0], "--yes") == 0
    assert run("study", "close", "trial") == 0
    assert run("export", "csv-wide", "--study", "trial", "--out", "answers.csv") == 0
    assert run("store", "backup", "copy.sqlite") == 0
    assert run("store", "restore", "copy.sqlite", "--yes") == 0
    assert run("store", "rotate-key") == 0
    assert run("store", "audit") == 0
    assert run("store", "upgrade") == 0
    assert list(load_keyring("dta.keys").keys) == ["k1", "k2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crisis": {"en": "Help.", "de": " "}}, r"crisis\.de: is empty"),
        ({"consent": {"version": "1", "text": {"en": "Yes."}}}, r"consent\.text\.de: is empty"),
        ({"contact": ""}, r"contact: is empty"),
    ],
)
def test_a_study_without_crisis_text_consent_or_contact_does_not_open(
    folder: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    (folder / "study.yaml").write_text(yaml.safe_dump({**raw_study(), **change}), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intended_use": None}, r"intended_use"),
        ({"waves": []}, r"waves: "),
        ({"landmark": {"wave": "zz", "day": 20}}, r"landmark\.wave: 'zz' is not a wave"),
        ({"landmark": {"wave": "first", "day": 5}}, r"landmark\.day: lies before the close"),
        (
            {"waves": [{"id": "a", "day": 5, "opens": 6, "closes": 9}]},
            r"waves\[0\]: the window 6-9 does not hold",
        ),
        ({"colour": "red"}, r"colour: is no known key"),
        ({"languages": ["en", "fr"]}, r"no wording in fr"),
        ({"instrument": "zz"}, r"instrument 'zz'"),
    ],
)
def test_an_impossible_study_file_ends_with_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    raw = {key: value for key, value in {**raw_study(), **change}.items() if value is not None}
    (folder / "study.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert "Hint: " in error
    assert "Traceback" not in error


@pytest.mark.parametrize("command", ["check", "create"])
def test_a_language_without_words_of_scale_or_pages_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    raw = {**raw_study(), "languages": ["en", "fr"]}
    (folder / "study.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    assert run("study", command, "study.yaml") == 2
    assert "no wording in fr" in capsys.readouterr().err
    scale = instrument.load("dta")
    french = scale.model_copy(
        update={"translations": {"fr": scale.translations["de"].model_copy(update={"language": "fr"})}}
    )
    monkeypatch.setattr("instrument.loading.load", lambda name: french)
    assert run("study", command, "study.yaml") == 2
    assert "pages are not there in fr.\nHint: they speak: en, de." in capsys.readouterr().err


def test_justification_of_the_intended_use_is_mandatory(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = raw_study()
    del raw["intended_use"]["justification"]
    (folder / "study.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 2
    assert "intended_use.justification: Field required" in capsys.readouterr().err


def test_bad_invitations_invite_no_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened(folder)
    (folder / "names.txt").write_text("a\nb\na\n")
    for arguments in (
        ("zz", "--people", "1", "--out", "l.csv"),
        ("trial", "--people", "0", "--out", "l.csv"),
        ("trial", "--pseudonyms", "names.txt", "--out", "l.csv"),
        ("trial", "--pseudonyms", "none.txt", "--out", "l.csv"),
        ("trial", "--people", "1", "--out", "no/l.csv"),
        ("trial", "--people", "1", "--out", "study.yaml"),
    ):
        assert run("study", "invite", *arguments) == 2, arguments
        assert capsys.readouterr().err.count("Hint: ") == 1
    assert not (folder / "l.csv").exists()
    assert run("study", "status", "trial") == 0
    assert "first" not in capsys.readouterr().out


def test_exported_answers_come_back_with_their_reasons(engine: Engine, keyring: Keyring) -> None:
    study, scale, (token,) = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        Tab(client).begin(token)
    with engine.begin() as connection:
        rows = {row.name: row.item_id for row in answers_of(connection, 1)}
        first, second, third, *_ = scale.item_ids
        saved = {
            rows[first]: Answer("answered", 2),
            rows[second]: Answer("declined"),
            rows[third]: Answer("skipped"),
        }
        save_answers(connection, 1, saved)
        wide = responses_of(connection, study.id)
    table = coded_answers(wide, instrument.load("dta"), "test")
    assert list(table.loc[0, scale.item_ids[:4]]) == [2, 97, 98, 99]
    assert pd.isna(wide.loc[0, second])


def test_links_are_written_as_csv_that_no_pseudonym_breaks_or_runs(folder: Path) -> None:
    opened(folder)
    names = ["=1+1", "a,b", 'c"d', "@x", "plain"]
    (folder / "names").write_text("\n".join(names) + "\n", encoding="utf-8")
    assert run("study", "invite", "trial", "--pseudonyms", "names", "--out", "l.csv") == 0
    with (folder / "l.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, strict=True))
    assert rows[0] == ["participant", "link"]
    assert [len(row) for row in rows] == [2] * 6
    assert [row[0] for row in rows[1:]] == ["'=1+1", "a,b", 'c"d', "'@x", "plain"]
    assert all(row[1].startswith("http://127.0.0.1:8000/q/") for row in rows[1:])


@pytest.mark.parametrize(
    "command",
    [
        "study status trial",
        "study open trial",
        "study close trial",
        "study key trial",
        "study invite trial --people 2 --out links.csv",
        "study due trial --out due.csv",
        "study export trial --out exported",
        "study acts trial",
        "study withdraw trial P1",
        "store audit",
        "store backup copy.sqlite",
    ],
)
def test_a_store_that_is_not_there_is_said_and_not_made(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command.split()) == 2
    told = capsys.readouterr().err
    assert "there is no store 'dta.sqlite'" in told and told.count("\n") == 2, told
    assert sorted(path.name for path in folder.iterdir()) == ["study.yaml"]


def test_a_closed_study_invites_nobody_until_it_is_opened_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(folder)
    assert run("study", "close", "trial") == 0
    invite = ("study", "invite", "trial", "--people", "2", "--out", "links.csv")
    assert run(*invite) == 2
    assert "'trial' is closed: its links would lead to a closing page" in capsys.readouterr().err
    assert not (folder / "links.csv").exists()
    with open_store("dta.sqlite").connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM participant").scalar_one() == 0
    assert run("study", "open", "trial") == 0
    assert run(*invite) == 0
