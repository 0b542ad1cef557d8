"""Which code each text of the answers means: labels, codes with labels, codes of other programs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.exchange.coding import REASON_LABELS
from instrument.reading.cells import ANSWERED, REASONS, CodeBook, code_books, number_of
from instrument.recognition.items import wording_key
from instrument.recognition.tools import plain_name

MOST_TEXTS = 40
"""Distinct texts without a meaning that are listed; more are no options of a scale."""
FEWEST_CELLS, FEWEST_NUMBERS = 5, 2
"""Cells that hold a text or number without a meaning before it is listed: it could say who answered."""
NULL_FLAVOURS = frozenset({"NI", "INV", "UNK", "NASK", "ASKU", "NAV", "MSK", "NA", "NAVU", "NP", "QS", "TRC"})
"""Codes by which REDCap and HL7 say why nothing stands there."""
OWN_MARKS = {"sosci": ("-9", "-1", "-2"), "unipark": ("-77", "-66", "-99")}
"""Numbers by which tools say that nothing was answered; offered, not taken."""
ABSENT = frozenset(
    {"n/a", "n.a.", "na", "nan", "null", "none", "#null!", "#n/a", ".", "-", "--", "missing", "k.a.", "<na>"}
)
_EQUALS = re.compile(r'="([^"]*)"')
_CODED = re.compile(
    r"[(\[]?([+-]?\d+)\s*(?:[-–=:.)\]]|\s)\s*(\S.*)|(\S.*?)\s*(?:[(\[]|[=:]\s*)([+-]?\d+)[)\]]?", re.DOTALL
)
_LETTERED = re.compile(r"[A-Za-z]{1,3}0*(\d+)")
_STATA = re.compile(r"\.?[a-z]")
_EXTENDED = re.compile(r"\.[a-z]")


@dataclass(slots=True, kw_only=True)
class AnswerTexts:
    """What the cells of one response scale hold.

    Attributes
    ----------
    meanings : dict
        Text to the code it means, None for a missing answer; plain codes are not listed.
    unsure : list of str
        Texts whose meaning was not taken for granted, in words.
    kinds : Counter
        Cells by kind: codes, labels, labels written otherwise, codes with labels, other.
    """

    meanings: dict[str, int | None] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def cell_text(value: Any) -> str:
    """Give a cell as the text by which a mapping names it; whole numbers without decimals.

    Parameters
    ----------
    value
        A cell.

    Returns
    -------
    str
        Empty where nothing stands.

    Examples
    --------
    >>> cell_text(" Agree "), cell_text(3.0), cell_text(None), cell_text(float("inf"))
    ('Agree', '3', '', 'inf')
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else str(int(value)) if float(value).is_integer() else str(value)
    return "" if value is None or value is pd.NA or value is pd.NaT else str(value)


def read_answer_texts(
    columns: Mapping[str, Any],
    scale: Instrument,
    tool: str,
    value_labels: Mapping[str, Mapping[Any, str]],
    user_missing: Mapping[str, list[tuple[Any, Any]]],
    decimal: str = ".",
) -> dict[str, AnswerTexts]:
    """Say what the texts of the item columns mean, by response scale.

    Parameters
    ----------
    columns
        Item to its cells.
    scale
        The instrument.
    tool
        Name of the program that wrote the file.
    value_labels
        Item to the labels that the file gives its codes.
    user_missing
        Item to the ranges of codes that the file declares missing.
    decimal
        Decimal mark.

    Returns
    -------
    dict of str to AnswerTexts
        By name of the response scale.

    Notes
    -----
    A label of the instrument, whatever its capitals, blanks and signs, means its code where no other code has
    the same; so does a code beside its own label. Codes of other programs (`AO04`), marks of missing answers
    and codes that the file labels otherwise are offered as unsure.
    """
    books = code_books(scale, ("NA",), True)
    found = {name: AnswerTexts() for name in scale.response_scales}
    counts: dict[str, Counter[str]] = {name: Counter() for name in scale.response_scales}
    for item, cells in columns.items():
        name = scale.scale_name(item)
        series = pd.Series(cells, dtype=object) if isinstance(cells, (tuple, list)) else pd.Series(cells)
        for value, n in series.value_counts(dropna=True).items():
            text = cell_text(value)
            if text in scale.item(item).labels:
                found[name].kinds["labels of the instrument"] += int(n)
            elif text and not _declared_missing(value, user_missing.get(item, [])):
                counts[name][text] += int(n)
    labelled = _by_file_labels(scale, value_labels)
    for name, texts in counts.items():
        moved = labelled.get(name)
        if moved is not None:
            found[name].meanings.update(moved.meanings)
            found[name].unsure += moved.unsure
        found[name].meanings.update(_reasons_by_labels(scale, name, texts, books[name], value_labels))
        _read(found[name], texts, books[name], tool, decimal)
    return found


def _declared_missing(value: Any, ranges: list[tuple[Any, Any]]) -> bool:
    return any(type(low) is type(value) and low <= value <= high for low, high in ranges)


def _read(found: AnswerTexts, texts: Counter[str], book: CodeBook, tool: str, decimal: str) -> None:
    """Give each distinct text its meaning."""
    labels = _unique_labels(book)
    lettered = all(
        _LETTERED.fullmatch(text) for text in texts if number_of(text) == "text" and text not in book.labels
    )
    unknown: Counter[str] = Counter()
    bare = labelled = 0
    for text, n in sorted(texts.items()):
        if text in book.na:
            continue
        if text in found.meanings:
            found.kinds["codes with labels of the file"] += n
            continue
        number = number_of(text)
        if isinstance(number, int) and number in book.states:
            found.kinds["codes"] += n
            bare += book.states[number] == ANSWERED
        elif (code := _labelled(text, book, labels)) is not None:
            found.meanings[text] = code
            found.kinds["labels"] += n
            labelled += book.states[code] == ANSWERED
        elif (code := _both(text, book, labels)) is not None:
            found.meanings[text] = code
            found.kinds["codes with labels"] += n
        elif (inner := _EQUALS.fullmatch(text)) and number_of(inner.group(1)) in book.states:
            found.meanings[text] = int(number_of(inner.group(1)))
            found.kinds["codes"] += n
        elif (
            number == "comma"
            and decimal == ","
            and (whole := number_of(text.replace(",", "."))) in book.states
        ):
            found.meanings[text] = int(whole)
            found.kinds["codes"] += n
        elif tool == "limesurvey" and text == "N/A":
            found.meanings[text] = None
            found.kinds["not shown"] += n
        else:
            _offer(found, text, n, book, tool, lettered=lettered, unknown=unknown)
    if bare and labelled:
        found.unsure.append(
            "labels and bare codes stand side by side: see that they count from the same code"
        )
    _list_unknown(found, unknown)


def _offer(
    found: AnswerTexts,
    text: str,
    n: int,
    book: CodeBook,
    tool: str,
    *,
    lettered: bool,
    unknown: Counter[str],
) -> None:
    """Offer a meaning that a person has to confirm, or none."""
    absent = plain_name(text) in ABSENT or (tool == "redcap" and text in NULL_FLAVOURS)
    absent = absent or text in OWN_MARKS.get(tool, ())
    absent = absent or (tool == "stata" and bool(_STATA.fullmatch(text))) or bool(_EXTENDED.fullmatch(text))
    letters = _LETTERED.fullmatch(text) if lettered else None
    if absent:
        found.meanings[text] = None
        found.unsure.append(f"{text!r} as missing ({n} cells)")
        found.kinds["marks of missing answers"] += n
    elif letters and int(letters.group(1)) in book.states:
        found.meanings[text] = int(letters.group(1))
        found.unsure.append(f"{text!r} as {letters.group(1)} ({n} cells)")
        found.kinds["codes of another program"] += n
    else:
        unknown[text] += n
        found.kinds["without a meaning"] += n


def _list_unknown(found: AnswerTexts, unknown: Counter[str]) -> None:
    """Name texts without a meaning that many cells hold; the reader counts the others where they stand."""
    whole = {text for text in unknown if isinstance(number_of(text), int)}
    numbers = {text: n for text, n in unknown.items() if text in whole and n >= FEWEST_NUMBERS}
    texts = {text: n for text, n in unknown.items() if text not in whole and n >= FEWEST_CELLS}
    if len(texts) > MOST_TEXTS:
        texts = {}
    for text, n in (*numbers.items(), *texts.items()):
        found.unsure.append(f"{text!r} means no code of the scale ({n} cells): give it a code, or null")


def _unique_labels(book: CodeBook) -> dict[str, int]:
    """Plain label to its code, where one code alone has it."""
    found: dict[str, set[int]] = {}
    for label, code in book.labels.items():
        found.setdefault(wording_key(label), set()).update([code] if code is not None else [-(10**9), 10**9])
    return {label: next(iter(codes)) for label, codes in found.items() if label and len(codes) == 1}


def _labelled(text: str, book: CodeBook, labels: Mapping[str, int]) -> int | None:
    if isinstance(number_of(text), int):
        return None
    return book.labels[text] if book.labels.get(text) is not None else labels.get(wording_key(text))


def _both(text: str, book: CodeBook, labels: Mapping[str, int]) -> int | None:
    """Code of a text that holds a code and its own label."""
    found = _CODED.fullmatch(text)
    if found is None:
        return None
    code, label = (found.group(1), found.group(2)) if found.group(1) else (found.group(4), found.group(3))
    meant = labels.get(wording_key(label))
    return meant if meant is not None and meant == int(code) else None


def _reasons_by_labels(
    scale: Instrument,
    name: str,
    texts: Iterable[str],
    book: CodeBook,
    value_labels: Mapping[str, Mapping[Any, str]],
) -> dict[str, int]:
    """Codes of marks such as `.a` that the file labels with a reason, the same for all items of a scale."""
    marks = {text for text in texts if _EXTENDED.fullmatch(text)}
    labels = _unique_labels(book)
    for reason, label in REASON_LABELS.items():
        codes = [code for code, state in book.states.items() if state == REASONS.index(reason) + 1]
        if len(codes) == 1:
            labels.setdefault(wording_key(label), codes[0])
    found: dict[str, set[int | None]] = {mark: set() for mark in marks}
    for item in scale.item_ids:
        if scale.scale_name(item) == name:
            told = {cell_text(code): str(label) for code, label in value_labels.get(item, {}).items()}
            for mark in marks & set(told):
                found[mark].add(labels.get(wording_key(told[mark])))
    meant = {mark: next(iter(codes)) for mark, codes in found.items() if len(codes) == 1}
    return {mark: code for mark, code in meant.items() if code is not None and book.states[code] != ANSWERED}


def _by_file_labels(
    scale: Instrument, value_labels: Mapping[str, Mapping[Any, str]]
) -> dict[str, AnswerTexts]:
    """Codes of a file whose labels are the instrument's at other codes, in the same order."""
    found: dict[str, AnswerTexts] = {}
    books = code_books(scale, (), True)
    for name in scale.response_scales:
        items = [item for item in scale.item_ids if scale.scale_name(item) == name]
        tables = {
            tuple(sorted((cell_text(code), str(label)) for code, label in value_labels[item].items()))
            for item in items
            if value_labels.get(item)
        }
        if len(tables) != 1 or any(not value_labels.get(item) for item in items):
            continue
        labels = _unique_labels(books[name])
        pairs = [(text, labels.get(wording_key(label))) for text, label in next(iter(tables))]
        known = [(int(text), code) for text, code in pairs if code is not None and text.lstrip("-").isdigit()]
        if not known or all(text == code for text, code in known):
            continue
        codes = [code for _, code in sorted(known)]
        answered = [code for code in codes if books[name].states.get(code) == ANSWERED]
        if len(known) < len(pairs) or answered != sorted(set(answered)):
            continue
        shown = ", ".join(f"{text} is {code}" for text, code in sorted(known))
        found[name] = AnswerTexts(
            meanings={str(text): code for text, code in known},
            unsure=[f"by the labels of the file {shown}"],
        )
    return found
