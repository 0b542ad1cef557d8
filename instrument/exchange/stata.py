"""Stata .dta with value labels and extended missing values."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.exchange.coding import (
    coded_answers,
    held_by_decimals,
    missing_codes_of,
    other_columns,
    value_labels,
    wording_in,
)

LARGEST = 8.988e307  # larger ones mean missing answers there
NAME_CHARACTERS = 32
LABELLED_CHARACTERS = 31
"""Of a variable whose set of value labels bears its name."""
LABEL_CHARACTERS = 80
_NAME = re.compile(r"\w+")
_RESERVED = re.compile(
    r"_all|_b|byte|_coef|_cons|double|float|if|in|int|long|_n|_N|_pi|_pred|_rc|_skip|str\d+|strL|using|with"
)
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
        A name is none that Stata takes (letters, figures and underscores, no figure first, 32 characters, 31
        of an item, no reserved word), or there is no such translation.
    ResponseDataError
        The table is no response table of this instrument.
    """
    import pyreadstat

    caller = "dta_bytes"
    wording = wording_in(scale, language, caller)
    others = other_columns(responses, scale)
    _check_names(scale.item_ids, others, caller)
    beside = held_by_decimals(responses[others])
    _check_sizes(beside, caller)
    coded = coded_answers(responses, scale, caller)
    letter_of = {
        item: {code: LETTERS[reason] for reason, code in missing_codes_of(scale, item).items()}
        for item in scale.item_ids
    }
    lettered = {item: _lettered(coded[item], letter_of[item]) for item in scale.item_ids}
    table = pd.concat(
        [responses[["participant", "wave"]], pd.DataFrame(lettered, dtype=object), beside],
        axis=1,
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


def _check_names(items: list[str], others: list[str], caller: str) -> None:
    most = {**dict.fromkeys(others, NAME_CHARACTERS), **dict.fromkeys(items, LABELLED_CHARACTERS)}
    if long := [name for name, n in most.items() if len(name) > n]:
        fact = f"{name_offenders(long)}: a name in Stata has at most {NAME_CHARACTERS} characters"
        fact = f"{fact}, that of an item {LABELLED_CHARACTERS}."
        raise DefinitionError(fact_and_hint(caller, fact, "shorten it, or export CSV."))
    if wrong := [name for name in most if not _is_name(name)]:
        fact = f"{name_offenders(wrong)} is no name of a variable in Stata."
        hint = "rename it with letters, figures and underscores, no figure first, or export CSV."
        raise DefinitionError(fact_and_hint(caller, fact, hint))


def _check_sizes(columns: pd.DataFrame, caller: str) -> None:
    numbers = columns.select_dtypes("float")
    if large := [str(name) for name in numbers if (numbers[name].abs() > LARGEST).any()]:
        fact = f"{name_offenders(large)} holds a number that is larger than Stata's largest, {LARGEST:.3g}."
        raise DefinitionError(fact_and_hint(caller, fact, "leave it out, or export CSV."))


def _is_name(text: str) -> bool:
    begins = text[:1].isalpha() or text[:1] == "_"
    return begins and _NAME.fullmatch(text) is not None and _RESERVED.fullmatch(text) is None


def _lettered(codes: pd.Series, letters: dict[int, str]) -> pd.Series:
    values = [None if pd.isna(code) else letters.get(int(code), float(code)) for code in codes]
    return pd.Series(values, index=codes.index, dtype=object)


def _cut(text: str) -> str:
    return text if len(text) <= LABEL_CHARACTERS else text[: LABEL_CHARACTERS - 1].rstrip() + "…"
