"""Consent as a PDF: the very text that was agreed to, for its person and the team, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, place_of
from study_of_tests import open_study, raw_study
from test_days_brought import run
from test_new_links import acts_in, names_of

from instrument.administer.application import create_app
from instrument.administer.consent_paper import consent_pdf
from instrument.store import tables
from instrument.store.amending import amend_study
from instrument.store.connect import open_store, upgrade_store
from instrument.store.consents import ConsentRecord, consent_record
from instrument.store.instants import utc
from instrument.store.mending import Because
from instrument.store.people import give_consent, withdraw_person
from instrument.store.tokens import Keyring
from instrument.study import make_study

TEXT = {
    "en": 'First <b>line</b> #strong[x] $a$ *b* \\ "q" @c.\nSecond line.\n\nA new paragraph.',
    "de": "Sie stimmen zu: Größe, Maß, Äußerung.",
}
SHOTS = os.environ.get("DTA_SCREENSHOTS")


def pages_of(pdf: bytes) -> list[str]:
    """Words of each page, as another program reads them."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed: apt install poppler-utils")
    read = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True)
    return [" ".join(page.split()) for page in read.stdout.decode().split("\f")[:-1]]


def words(pdf: bytes) -> str:
    return " ".join(pages_of(pdf))


def test_the_person_gets_the_text_that_was_shown_and_nobody_else_does(
    engine: Engine, keyring: Keyring
) -> None:
    _, scale, (mine, other) = open_study(engine, keyring, 2, consent={"version": "7a", "text": TEXT})
    mine_name = names_of(engine)[0]
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{mine}")
        place = place_of(tab.response)
        assert "PDF" not in tab.page.said, "nothing was agreed to yet"
        assert client.get(f"{place}/survey/consent.pdf").status_code == 404
        tab.press(tick={"consent": "yes"})
        found = client.get(tab.page.links["What I agreed to (PDF)"])
        assert found.headers["content-type"] == "application/pdf"
        assert found.headers["cache-control"] == "no-store"
        assert found.headers["content-disposition"] == 'attachment; filename="consent.pdf"'
        said = words(found.content)
        for part in ('First <b>line</b> #strong[x] $a$ *b* \\ "q" @c.', "Second line.", "A new paragraph."):
            assert part in said
        for part in (
            "Yes, I want to take part",
            "7a (en)",
            mine_name,
            "Trial of the app",
            "team@example.org",
        ):
            assert part in said, part
        now = datetime.now(UTC)
        assert f"{now.day} {now:%B %Y}, " in said and mine not in said
        again = client.get(f"{place}/survey/consent.pdf").content
        assert again == found.content, "the same bytes"
        changed = make_study(
            {**raw_study(), "consent": {"version": "8", "text": {"en": "Other.", "de": "Anders."}}}
        )
        with engine.begin() as connection:
            amend_study(connection, "trial", changed, scale, Because("a new text"))
        assert "First <b>line</b>" in words(client.get(f"{place}/survey/consent.pdf").content), (
            "as it was shown"
        )
        Tab(client).open(f"/q/{other}")
        assert client.get(f"{place}/survey/consent.pdf").status_code == 403
        assert client.get("/s/x/survey/consent.pdf").status_code == 403


def test_taken_back_declined_another_language_and_a_text_that_is_unknown(
    engine: Engine, keyring: Keyring
) -> None:
    study, _, _ = open_study(engine, keyring, 2, consent={"version": "1", "text": TEXT})
    assert study.consent is not None
    first, second = names_of(engine)
    with engine.begin() as connection:
        assert consent_record(connection, 1) is None
        give_consent(connection, 1, study.consent.hash_of("en"), "1", "en", False)
        assert consent_record(connection, 1) is None, "a no is no consent"
        give_consent(connection, 1, study.consent.hash_of("de"), "1", "de", True)
        withdraw_person(connection, 1)
        taken_back = consent_record(connection, 1)
        give_consent(connection, 1, study.consent.hash_of("en"), "1", "en", True)
        renewed = consent_record(connection, 1)
        give_consent(connection, 2, "0" * 64, "1", "en", True)
        assert consent_record(connection, 2) is None, "never another text than the one agreed to"
    assert taken_back is not None and renewed is not None
    assert (taken_back.lang, taken_back.text, taken_back.pseudonym) == ("de", TEXT["de"], first)
    assert taken_back.ended_at is not None and taken_back.at <= taken_back.ended_at
    said = words(consent_pdf(taken_back))
    assert "zurückgenommen" in said and "Größe, Maß, Äußerung" in said and "Ja" in said
    assert (renewed.lang, renewed.ended_at) == ("en", None) and second


def test_consent_ends_with_the_first_no_after_it_and_keeps_the_version_it_was_given_to(
    engine: Engine, keyring: Keyring
) -> None:
    study, _, _ = open_study(engine, keyring, 1, consent={"version": "2", "text": TEXT})
    assert study.consent is not None
    words_of = study.consent.hash_of("en")
    with engine.begin() as connection:
        give_consent(connection, 1, words_of, "1", "en", True)  # the same words under an earlier number
        for _ in range(2):
            give_consent(connection, 1, words_of, "2", "en", False)
        order = select(tables.consent.c.at).order_by(tables.consent.c.id)
        moments = [utc(at) for at in connection.execute(order).scalars()]
        found = consent_record(connection, 1)
    assert found is not None and len(set(moments)) == 3
    assert (found.version, found.at, found.ended_at) == ("1", moments[0], moments[1])


@pytest.mark.parametrize(
    ("lang", "text", "pages"),
    [
        ("he", "אני מסכים/ה להשתתף במחקר 2026. אפשר להפסיק בכל עת.", 1),
        ("en", "\n\n".join(f"Paragraph {k}. " + "words and more words " * 40 for k in range(40)), None),
        ("en", "x" * 3000, None),
        ("en", "\n\n\n \n\t\n", 1),
    ],
    ids=["right to left", "long", "no blank to break at", "blank"],
)
def test_unusual_texts(lang: str, text: str, pages: int | None) -> None:
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    record = ConsentRecord(
        title="A study",
        contact="",
        study="trial",
        pseudonym="r12",
        version="1",
        lang=lang,
        text=text,
        text_hash="a" * 64,
        at=moment,
        ended_at=None,
    )
    made = consent_pdf(record)
    found = pages_of(made)
    assert len(found) == pages if pages else len(found) >= 2
    assert "29 March 2026, 01:30 UTC" in words(made)
    if pages is None:
        assert "Paragraph 39." in words(made) if " " in text else words(made).count("x") >= 3000
    if SHOTS:
        (Path(SHOTS) / f"consent-{lang}-{len(text)}.pdf").write_bytes(made)


def test_the_team_gets_it_by_command(
    tmp_path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    engine = open_store(str(tmp_path / "s.sqlite"))
    upgrade_store(engine)
    study, _, _ = open_study(engine, keyring, 1, consent={"version": "1", "text": TEXT})
    (name,) = names_of(engine)
    store, out = str(tmp_path / "s.sqlite"), tmp_path / "c.pdf"
    call = ("study", "consent", "trial", name, "--out", str(out), "--store", store)
    assert run(*call) == 2
    assert "has agreed to no text" in capsys.readouterr().err and not out.exists()
    with engine.begin() as connection:
        assert study.consent is not None
        give_consent(connection, 1, study.consent.hash_of("en"), "1", "en", True)
    assert run(*call) == 0
    assert "A new paragraph." in words(out.read_bytes()) and out.stat().st_mode & 0o077 == 0
    assert run(*call) == 2, "never over another file"
    assert run(*call[:3], "nobody", *call[4:5], str(tmp_path / "d.pdf"), *call[6:]) == 2
    assert "person.consent_paper" in acts_in(engine)
    engine.dispose()
