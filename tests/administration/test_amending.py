"""A study that runs is amended: what may change, which version each questionnaire has, and consent asked again."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import Engine, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study, raw_study
from test_days_brought import run
from test_mending import Paper
from test_new_links import acts_in

import instrument
from instrument.administer import pages
from instrument.administer.application import create_app
from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.store import tables
from instrument.store.amending import amend_study, versions_of
from instrument.store.connect import downgrade_store, upgrade_store
from instrument.store.definitions import find_study
from instrument.store.mending import Because
from instrument.store.retrieval import responses_of
from instrument.store.study_data import study_data
from instrument.store.tokens import Keyring
from instrument.study import make_study

WHY = Because("the ethics committee asked for it", "B. Jones")
SCALE = instrument.load("dta")
FIRST = SCALE.item_ids[0]
NEW_TEXT = {"version": "2", "text": {"en": "You agree to more.", "de": "Sie stimmen mehr zu."}}


def reworded(**changes: Any) -> Instrument:
    """The instrument with its first item in other words, as version 9.9."""
    raw = SCALE.model_dump(mode="json", by_alias=True)
    raw["version"] = "9.9"
    raw["themes"][0]["items"][0]["text"] = "Entirely new words."
    raw["translations"]["de"]["items"][FIRST] = "Ganz neue Worte."
    raw.update(changes)
    return Instrument.model_validate(raw)


def amend(engine: Engine, scale: Instrument = SCALE, **changes: Any) -> int:
    with engine.begin() as connection:
        return amend_study(connection, "trial", make_study({**raw_study(), **changes}), scale, WHY)


def test_a_crisis_text_is_there_at_once_and_versions_are_listed(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}")
        assert "made-up line 000" in tab.page.said
        crisis = {"en": "Call the other line 001.", "de": "Rufen Sie die Nummer 001 an."}
        assert amend(engine, crisis=crisis) == 2
        assert "other line 001" in tab.reload().page.said
        assert amend(engine, crisis=crisis, contact="new@example.org", title="Another title") == 3
        assert "new@example.org" in tab.reload().page.said
    with engine.connect() as connection:
        table = versions_of(connection, "trial")
    assert table["version"].tolist() == [1, 2, 3]
    assert table["changed"].tolist() == ["", "crisis", "title contact"]
    assert table["reason"].tolist() == ["", WHY.reason, WHY.reason]
    assert table["by"].tolist() == ["", WHY.by, WHY.by]
    assert acts_in(engine).count("study.amend") == 2


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "nothing is changed"),
    ({"study_days": 90}, "study_days: must stay as it is"),
    ({"day_zero": "first_use"}, "day_zero: must stay as it is"),
    ({"languages": ["en"]}, "languages: must stay as it is"),
    ({"waves": raw_study()["waves"][:1]}, "waves: first, second must stay in their order"),
    (
        {
            "waves": [
                {**w, "id": name} for w, name in zip(raw_study()["waves"], ("second", "first"), strict=True)
            ]
        },
        "waves: first, second must stay in their order",
    ),
    ({"consent": {**NEW_TEXT, "version": "1"}}, "consent.version: a changed text needs a version of its own"),
    ({"crisis": {"en": "Call.", "de": " "}}, "crisis.de: is empty"),
    ({"contact": ""}, "contact: is empty"),
]


def test_what_would_change_the_meaning_of_numbers_is_refused(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    for changes, words in REFUSED:
        with pytest.raises(DefinitionError, match=words):
            amend(engine, **changes)
    other = SCALE.model_dump(mode="json", by_alias=True)
    scales: list[tuple[Instrument, str]] = [
        (reworded(version=SCALE.version), "changed wording needs a version of its own"),
        (reworded(id="other"), "instrument: is other, not dta"),
        (reworded(scoring={"method": "sum"}), "rules of scoring must stay"),
        (
            reworded(missing_codes={**other["missing_codes"], "skipped": -77}),
            "codes of missing answers must stay",
        ),
    ]
    flipped = reworded().model_dump(mode="json", by_alias=True)
    flipped["themes"][0]["items"][0]["reverse"] = True
    scales.append((Instrument.model_validate(flipped), "items must stay"))
    moved = reworded().model_dump(mode="json", by_alias=True)
    moved["themes"][0]["items"].append({**moved["themes"][1]["items"].pop(), "facet": None})
    scales.append((Instrument.model_validate(moved), "items must stay"))
    for scale, words in scales:
        with pytest.raises(DefinitionError, match=words):
            amend(engine, scale)
    with engine.connect() as connection:
        assert versions_of(connection, "trial")["version"].tolist() == [1]
    assert "study.amend" not in acts_in(engine)


def test_what_was_begun_goes_on_in_its_own_words_and_each_row_has_its_version(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    _, _, (early, late) = open_study(engine, keyring, 2)
    old = SCALE.item(FIRST).text
    with TestClient(create_app(engine, keyring)) as client, TestClient(create_app(engine, keyring)) as other:
        tab = Tab(client).begin(early)
        amend(engine, reworded(), contact="new@example.org")
        pages = [tab.reload().page.said]
        tab.press(tick="4")
        while at(tab.response) != "/survey/review":
            pages.append(tab.page.said)
            tab.press(tick="4")
        pages.append(tab.page.said)
        tab.press()
        assert "Thank you" in tab.page.said
        assert old in " ".join(pages)
        assert "Entirely new words." not in " ".join(pages)
        new = Tab(other).begin(late)
        seen = [new.page.said]
        while at(new.response) != "/survey/review":
            new.press(tick="2")
            seen.append(new.page.said)
        new.press()
        assert "Entirely new words." in " ".join(seen)
        assert old not in " ".join(seen)
    with engine.connect() as connection:
        found = responses_of(connection, "trial")
    assert found[["instrument_version", "study_version", FIRST]].to_numpy().tolist() == [
        [SCALE.version, 1, 4],
        ["9.9", 2, 2],
    ]
    data = study_data(store_url, "trial")
    assert data.scale.version == "9.9"
    note = f"answers were given in 2 wordings of the instrument: {SCALE.version} (1), 9.9 (1)"
    assert note in data.responses.attrs["notes"]


def test_whoever_agreed_to_another_text_is_asked_again_before_anything_more_is_stored(
    engine: Engine, keyring: Keyring
) -> None:
    _, _, (token, new) = open_study(engine, keyring, 2)

    def stored() -> int:
        with engine.connect() as connection:
            return len(
                connection.execute(select(tables.response).where(tables.response.c.value.is_not(None))).all()
            )

    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        tab.press(tick="4")
        before = stored()
        amend(engine, consent=NEW_TEXT)
        tab.press(tick="2")  # a page that was open when the text changed
        assert tab.response.status_code == 409
        assert "The text about this study has changed" in tab.page.said
        assert stored() == before
        tab.follow("Go on from where you are")
        assert at(tab.response) == "/survey/consent"
        assert "This text has changed since you agreed" in tab.page.said
        assert "You agree to more." in tab.page.said
        for place in ("/survey/start", "/survey/page/1", "/survey/review"):
            tab.open(tab.path.replace("/survey/consent", place))
            assert at(tab.response) == "/survey/consent"
        tab.press(tick={"consent": "yes"})
        assert at(tab.response) == "/survey/page/2"
        tab.press(tick="5")
        assert stored() == 2 * before
        with engine.connect() as connection:
            choices = connection.execute(select(tables.consent.c.version, tables.consent.c.granted)).all()
        assert sorted(tuple(row) for row in choices) == [("1", True), ("2", True)]
        fresh = Tab(client).open(f"/q/{new}")
        assert "has changed since" not in fresh.page.said  # for the first time, nothing has changed
        amend(engine, consent={**NEW_TEXT, "version": "3"})
        tab.open(f"/q/{token}")
        tab.press(tick={"consent": "no"})
        assert "That is fine" in tab.page.said
        assert stored() == 2 * before
    with engine.connect() as connection:
        found = responses_of(connection, "trial")
    assert found[["consent", "consent_version"]].to_numpy().tolist() == [["no", "3"]]


@pytest.mark.postgres
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)  # SQLite writes one after the other
def test_a_questionnaire_that_begins_while_the_study_is_amended_names_what_was_shown(
    engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, (token,) = open_study(engine, keyring)
    plain = pages.begin

    def slow(*given: Any) -> int:
        amend(engine, reworded())
        return plain(*given)

    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}")
        tab.press(tick={"consent": "yes"})
        monkeypatch.setattr(pages, "begin", slow)
        tab.press()
        assert "Entirely new words." not in tab.page.said
    with engine.connect() as connection:
        kept: Any = connection.execute(select(tables.administration)).one()
    assert (kept.study_version, kept.instrument_version_id) == (1, 1)


def test_answers_are_judged_by_the_window_of_their_version(engine: Engine, keyring: Keyring) -> None:
    paper = Paper(engine, keyring, ("anna", "first"))
    second = raw_study()["waves"][1]

    def given(name: str, day: int) -> None:
        with engine.begin() as connection:
            chosen = tables.participant.c.pseudonym == name
            start = datetime.now(UTC) - timedelta(days=50)
            connection.execute(update(tables.participant).where(chosen).values(enrolled_at=start))
            number = select(tables.participant.c.id).where(chosen).scalar_subquery()
            connection.execute(
                update(tables.administration)
                .where(tables.administration.c.participant_id == number)
                .values(completed_on=(start + timedelta(days=day)).date())
            )

    def inside() -> dict[str, str]:
        with engine.connect() as connection:
            found = responses_of(connection, "trial")
        return dict(zip(found["participant"], found["in_window"], strict=True))

    given("anna", 8)
    assert inside() == {"anna": "yes"}
    amend(engine, waves=[{"id": "first", "day": 0, "opens": 0, "closes": 5}, second])
    assert inside() == {"anna": "yes"}
    paper.keep(pd.concat([_sheet("ben"), _sheet("cleo")], ignore_index=True))
    given("ben", 5)
    given("cleo", 8)
    assert inside() == {"anna": "yes", "ben": "yes", "cleo": "no"}
    third = {"id": "third", "day": 40, "opens": 40, "closes": 60}
    amend(engine, waves=[{"id": "first", "day": 0, "opens": 0, "closes": 9}, second, third])
    assert inside() == {"anna": "yes", "ben": "yes", "cleo": "no"}
    paper.keep(_sheet("dora", "third"))
    assert pd.isna(inside()["dora"])
    downgrade_store(engine, "0005")
    upgrade_store(engine)
    with engine.connect() as connection:
        assert versions_of(connection, "trial")["version"].tolist() == [1]
        assert find_study(connection, "trial").status == "open"


def _sheet(name: str, wave: str = "first") -> pd.DataFrame:
    from test_mending import sheet

    return sheet((name, wave))


def test_amend_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DTA_STORE", store_url)
    for name, changes in (("study", {}), ("changed", {"consent": NEW_TEXT}), ("wrong", {"gap_days": 3})):
        text = yaml.safe_dump({**raw_study(), **changes}, allow_unicode=True)
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    assert run("study", "amend", "trial", "wrong.yaml", "--reason", "a typing error") == 2
    said = capsys.readouterr().err
    assert "gap_days: must stay as it is" in said
    assert "these may change: title, notice" in said
    assert run("study", "amend", "trial", "changed.yaml", "--reason", "no") == 2
    assert (
        run("study", "amend", "trial", "changed.yaml", "--reason", "asked by the committee", "--by", "B") == 0
    )
    assert "Study trial has version 2 now." in capsys.readouterr().out
    assert run("study", "versions", "trial", "--out", "versions.csv") == 0
    table = pd.read_csv("versions.csv", keep_default_na=False)
    assert table[["version", "consent_version", "changed", "by"]].to_numpy().tolist() == [
        [1, 1, "", ""],
        [2, 2, "consent", "B"],
    ]
