"""Stata .dta with value labels and extended missing values."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.exchange.coding import (
    coded_answers,
    missing_codes_of,
    other_columns,
    value_labels,
    wording_in,
)

NAME_CHARACTERS = 32
LABEL_CHARACTERS = 80
# Stata's extended missing values, one letter for each reason.
LETTERS = {"skipped": "a", "not_seen": "b", "not_applicable": "c", "declined": "d"}


def dta_bytes(responses: pd.DataFrame, scale: Instrument, language: str | None = None) -> bytes:
    """Write answers as a Stata file.

    Each kind of missing answer is an extended missing value with a label: `.a` skipped, `.b` not seen,
    `.c` does not apply, `.d` prefers not to answer. Needs the extra `spss`.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table (see `read_responses`).
    scale
        The instrument.
    language
        Language of labels; None is the source.

    Returns
    -------
    bytes
        Content of a .dta file (version 15). Labels of variables end with "…" after 80 characters; the
        codebook holds them in full.

    Raises
    ------
    DefinitionError
        A name has more than 32 characters, or there is no such translation.
    ResponseDataError
        The table is no response table of this instrument.
    """
    import pyreadstat

    caller = "dta_bytes"
    wording = wording_in(scale, language, caller)
    others = other_columns(responses, scale)
    if long := [name for name in (*scale.item_ids, *others) if len(name) > NAME_CHARACTERS]:
        fact = f"{len(long)} names have more than {NAME_CHARACTERS} characters: {name_offenders(long)}."
        raise DefinitionError(fact_and_hint(caller, fact, "shorten them, or export CSV."))
    coded = coded_answers(responses, scale, caller)
    letter_of = {
        item: {code: LETTERS[reason] for reason, code in missing_codes_of(scale, item).items()}
        for item in scale.item_ids
    }
    lettered = {item: _lettered(coded[item], letter_of[item]) for item in scale.item_ids}
    table = pd.concat(
        [responses[["participant", "wave"]], pd.DataFrame(lettered, dtype=object), responses[others]], axis=1
    )
    options: dict[str, Any] = {
        "file_label": _cut(f"{scale.id} {scale.version}: {wording.title}"),
        "column_labels": {
            "participant": "Pseudonym",
            "wave": "Wave",
            **{item: _cut(wording.items[item]) for item in scale.item_ids},
        },
        "variable_value_labels": {
            item: {
                letter_of[item].get(code, code): label
                for code, label in value_labels(scale, wording, item).items()
            }
            for item in scale.item_ids
        },
        "missing_user_values": {item: sorted(letters.values()) for item, letters in letter_of.items()},
        "version": 15,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.dta"
        pyreadstat.write_dta(table, str(path), **options)
        return path.read_bytes()


def _lettered(codes: pd.Series, letters: dict[int, str]) -> pd.Series:
    values = [None if pd.isna(code) else letters.get(int(code), float(code)) for code in codes]
    return pd.Series(values, index=codes.index, dtype=object)


def _cut(text: str) -> str:
    return text if len(text) <= LABEL_CHARACTERS else text[: LABEL_CHARACTERS - 1].rstrip() + "…"
