"""How far a translation has come, text by text, and whether it says what the source says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pandas as pd

from instrument.content.records import ContentRecords
from instrument.content.translations import labels_doubled, texts_of
from instrument.content.wording_rules import WORDING_RULES
from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint

STEPS = ("forward_1", "forward_2", "reconciled", "back", "review")
PLACEHOLDER = re.compile(r"\{[^{}]*\}|%[sd]|<[^<>]+>")
SHORTEST, LONGEST = 0.5, 2.0  # a translation half or twice as long is looked at again
LONG_ENOUGH = 20  # characters of a source text below which lengths tell nothing
_NEGATION = next(rule for rule in WORDING_RULES if rule.name == "negation").patterns


class TranslationState(StrEnum):
    """How far a text has come, after ISPOR (Wild et al. 2005, doi 10.1111/j.1524-4733.2005.04054.x)."""

    DRAFT = "draft"
    HARMONISED = "harmonised"
    TESTED = "tested"


def check_translation(records: ContentRecords, language: str) -> pd.DataFrame:
    """Check the record of a translation against source and target texts of the instrument.

    Parameters
    ----------
    records
        The work on content.
    language
        Language of the translation.

    Returns
    -------
    pandas.DataFrame
        One row per text that respondents read: text (path), state, faults (what is wrong), questions (what
        a reader who knows both languages should look at). Texts without a record are drafts.

    Raises
    ------
    DefinitionError
        There is no record of this language.

    Notes
    -----
    Two forward translations, reconciliation, back translation and review make a text harmonised; it is
    tested when, beside, as many people as `tested_by` says told how they understand it. A program can
    compare placeholders, codes of options, signs of negation (English, German) and lengths; it cannot say
    that two texts mean the same.

    References
    ----------
    Wild et al. (2005), doi 10.1111/j.1524-4733.2005.04054.x; Harkness (2003), in Cross-Cultural Survey
    Methods, 35-56 (TRAPD).
    """
    if language not in records.translations:
        known = ", ".join(records.translations) or "none"
        fact = f"there is no record of a translation into {language!r}; there are: {known}."
        raise DefinitionError(fact_and_hint("check_translation", fact, "add translations/LANGUAGE.csv."))
    table = records.translations[language].set_index("text")
    source, target = read_texts(records.scale), read_texts(records.scale, language)
    doubled = {fault.split(":")[0].split(".", 2)[2] for fault in labels_doubled(records.scale, [language])}
    rows = []
    for path, text in source.items():
        if path.startswith("items.") and path.removeprefix("items.") not in records.items:
            continue
        faults, questions = [], _questions(text, target.get(path, ""), records.scale.language, language)
        if path not in table.index:
            faults.append("no record")
            state = TranslationState.DRAFT
        else:
            record = table.loc[path]
            state = state_of(dict(record), records.file.tested_by)
            faults += ["the source has changed since"] if record["source"] != text else []
            final = record["final"] or record["reconciled"]
            if not final:
                faults.append("nothing is reconciled yet")
            elif final != target.get(path, ""):
                faults.append("the instrument has another text")
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(target.get(path, ""))):
            faults.append("placeholders differ")
        faults += ["the label stands for two codes"] if path in doubled else []
        rows.append(
            {
                "text": path,
                "state": str(state),
                "faults": "; ".join(faults),
                "questions": "; ".join(questions),
            }
        )
    for path in table.index.difference(list(source)):
        rows.append({"text": path, "state": "draft", "faults": "no such text in the source", "questions": ""})
    return pd.DataFrame(rows, columns=["text", "state", "faults", "questions"])


def translation_state(records: ContentRecords, language: str) -> TranslationState:
    """Give the state of a translation: that of the text that has come least far, a fault being a draft."""
    checked = check_translation(records, language)
    order = list(TranslationState)
    states = [
        TranslationState.DRAFT if row.faults else TranslationState(str(row.state))
        for row in checked.itertuples()
    ]
    return min(states, key=order.index)


def state_of(record: Mapping[str, Any], tested_by: int) -> TranslationState:
    """Give the state of one text from its record.

    Parameters
    ----------
    record
        Its row.
    tested_by
        People who must have told how they understand it.

    Returns
    -------
    TranslationState
        The state.
    """
    if any(not record[step] for step in STEPS):
        return TranslationState.DRAFT
    return TranslationState.TESTED if record["debriefed"] >= tested_by else TranslationState.HARMONISED


def read_texts(scale: Instrument, language: str | None = None) -> dict[str, str]:
    """Texts that respondents read, by path; titles of themes are not shown to them."""
    texts = texts_of(scale.wording(language) if language else scale.wording())
    return {path: text for path, text in texts.items() if text and not path.startswith("themes.")}


def _questions(source: str, target: str, language: str, other: str) -> list[str]:
    found = []
    one, two = _negates(source, language), _negates(target, other)
    if one is not None and two is not None and one != two:
        found.append("one of the two texts negates, the other does not")
    if len(source) >= LONG_ENOUGH and not SHORTEST <= len(target) / len(source) <= LONGEST:
        found.append(f"{len(target) / len(source):.1f} times as long")
    return found


def _negates(text: str, language: str) -> bool | None:
    pattern = _NEGATION.get(language.split("-")[0].lower())
    return None if pattern is None else bool(re.search(pattern, text, re.I))
