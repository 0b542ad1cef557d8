"""The text a person agreed to as a PDF, with the choice, the moment and the code; no name and no answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from instrument.administer.texts import day_in_words, page_texts
from instrument.store.consents import ConsentRecord

LONG_WORD = re.compile(r"(\S{40})(?=\S)")
TEMPLATE = Path(__file__).parent / "templates" / "consent.typ"


def consent_pdf(record: ConsentRecord) -> bytes:
    """Write what a person agreed to as a PDF, in the language it was read in.

    Parameters
    ----------
    record
        As `consent_record` gives it.

    Returns
    -------
    bytes
        The file; the same record gives the same bytes.
    """
    import typst

    t = page_texts(record.lang)
    said = {
        "lang": record.lang.split("-")[0].lower(),
        "title": _breakable(record.title),
        "heading": t["paper_title"],
        "text": _breakable(record.text.strip()),
        "question": t["consent_question"],
        "answer": t["consent_yes"],
        "version_label": t["paper_version"],
        "version": f"{record.version} ({record.lang})",
        "at_label": t["paper_at"],
        "at": _moment(record.at, t),
        "code_label": t["paper_code"],
        "code": record.pseudonym,
        "study_label": t["paper_study"],
        "study": record.study,
        "contact_label": t["contact_label"].rstrip(":："),
        "contact": _breakable(record.contact),
        "hash_label": t["paper_hash"],
        "hash": record.text_hash,
        "ended": "" if record.ended_at is None else t["paper_ended"].format(at=_moment(record.ended_at, t)),
        "note": t["paper_note"],
    }
    made: bytes = typst.compile(TEMPLATE.read_bytes(), sys_inputs=said)
    return made


def _breakable(text: str) -> str:
    """Let lines end within a word that is longer than they are, such as an address: nothing is cut off."""
    return LONG_WORD.sub("\\1\u200b", text)


def _moment(at: datetime, t: Mapping[str, str]) -> str:
    return f"{day_in_words(at, t)}, {at:%H:%M} UTC"
