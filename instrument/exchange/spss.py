"""SPSS .sav with value labels and user-missing codes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection
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

# SPSS allows 256 bytes for the label of a variable and 120 bytes for the label of a value.
VARIABLE_LABEL_BYTES = 254
VALUE_LABEL_BYTES = 120
NAME_BYTES = 64
_NAME = re.compile(r"\w[\w.$#@]*")
RESERVED = frozenset({"all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with"})


def sav_bytes(responses: pd.DataFrame, scale: Instrument, language: str | None = None) -> bytes:
    """Write answers as an SPSS file.

    Each kind of missing answer keeps its own code, declared user-missing and labelled, so that SPSS leaves
    it out of statistics and still can tell skipped from declined. Needs the extra `spss`.

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
        Content of a .sav file. Labels too long for SPSS end with "…"; the codebook holds them in full.

    Raises
    ------
    DefinitionError
        A name is none that SPSS takes (a letter first, then letters, figures, `_`, `.`, `$`, `#` or `@`, 64
        bytes) or a reserved word, the missing codes lie among the answers in a way SPSS cannot
        declare, or there is no such translation.
    ResponseDataError
        The table is no response table of this instrument.

    References
    ----------
    In R: `haven::write_sav` with `labelled_spss`.
    """
    import pyreadstat

    caller = "sav_bytes"
    wording = wording_in(scale, language, caller)
    _check_names([*scale.item_ids, *other_columns(responses, scale)], caller)
    coded = coded_answers(responses, scale, caller)
    others = held_by_decimals(responses[other_columns(responses, scale)])
    table = pd.concat(
        [responses[["participant", "wave"]], coded.astype("Float64").astype(float), others], axis=1
    )
    labels = {item: shortened(wording.items[item], VARIABLE_LABEL_BYTES) for item in scale.item_ids}
    options: dict[str, Any] = {
        "file_label": shortened(f"{scale.id} {scale.version}: {wording.title}", 64),
        "column_labels": {"participant": "Pseudonym", "wave": "Wave", **labels},
        "variable_value_labels": {
            item: {
                code: shortened(label, VALUE_LABEL_BYTES)
                for code, label in value_labels(scale, wording, item).items()
            }
            for item in scale.item_ids
        },
        "missing_ranges": {
            item: ranges
            for item in scale.item_ids
            if (ranges := missing_ranges(scale, item, caller, set(coded[item].dropna())))
        },
        "variable_measure": dict.fromkeys(scale.item_ids, "ordinal"),
        "variable_format": dict.fromkeys(scale.item_ids, "F4.0"),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.sav"
        pyreadstat.write_sav(table, str(path), **options)
        return path.read_bytes()


def missing_ranges(
    scale: Instrument, item_id: str, caller: str, used: Collection[Any] | None = None
) -> list[Any]:
    """Declare the missing codes of an item the way SPSS can: three values, or a range and a value.

    Parameters
    ----------
    scale
        The instrument.
    item_id
        The item.
    caller
        Public function named in a message.
    used
        Codes that occur; where SPSS cannot hold all missing codes, those that occur are declared.

    Returns
    -------
    list
        Codes, or `{"lo": …, "hi": …}` with at most one code beside it.

    Raises
    ------
    DefinitionError
        Neither form covers the codes without covering an answer.

    Examples
    --------
    >>> import instrument
    >>> missing_ranges(instrument.load("dta"), "hum1", "sav_bytes")
    [{'lo': 96, 'hi': 99}]
    """
    missing = sorted(missing_codes_of(scale, item_id).values())
    if len(missing) <= 3:
        return list(missing)
    answers = scale.scale_of(item_id).codes
    for inside, beside in ((missing, []), (missing[:-1], missing[-1:]), (missing[1:], missing[:1])):
        if not any(inside[0] <= code <= inside[-1] for code in answers):
            return [{"lo": inside[0], "hi": inside[-1]}, *beside]
    if used is not None and len(occurring := [code for code in missing if code in used]) <= 3:
        return list(occurring)
    fact = (
        f"SPSS declares three missing codes, or one range and one code; the {len(missing)} of item "
        f"{item_id!r} stand on both sides of its answers."
    )
    hint = "choose missing_codes above or below all answers, such as 96 to 99, or export CSV."
    raise DefinitionError(fact_and_hint(caller, fact, hint))


def shortened(text: str, n_bytes: int) -> str:
    """Cut a text to a number of UTF-8 bytes, between characters, and mark the cut by "…".

    Parameters
    ----------
    text
        The text.
    n_bytes
        Most bytes that it may take.

    Returns
    -------
    str
        The text itself when it fits.

    Examples
    --------
    >>> shortened("A short label", 254), shortened("abcdefgh", 6)
    ('A short label', 'abc…')
    """
    raw = text.encode()
    if len(raw) <= n_bytes:
        return text
    return raw[: n_bytes - len("…".encode())].decode(errors="ignore").rstrip() + "…"


def _check_names(names: list[str], caller: str) -> None:
    if wrong := [
        name
        for name in names
        if not (_NAME.fullmatch(name) and name[0].isalpha()) or len(name.encode()) > NAME_BYTES
    ]:
        fact = f"{name_offenders(wrong)} is no name of a variable in SPSS."
        hint = (
            "rename it with letters, figures and underscores, a letter first, up to 64 bytes, or export CSV."
        )
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    if reserved := [name for name in names if name.lower() in RESERVED]:
        fact = f"{name_offenders(reserved)} is a reserved word of SPSS and no name of a variable."
        raise DefinitionError(fact_and_hint(caller, fact, "rename it, or export CSV."))
    lowered = [name.lower() for name in ("participant", "wave", *names)]
    if doubled := sorted({name for name in lowered if lowered.count(name) > 1}):
        fact = f"SPSS ignores case, and these names differ by case only: {name_offenders(doubled)}."
        raise DefinitionError(fact_and_hint(caller, fact, "rename one of each pair, or export CSV."))
