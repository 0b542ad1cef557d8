"""Read the questions of a survey's definition, or of a file of answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from instrument.drafting.definitions import (
    from_lss,
    from_qsf,
    from_redcap,
    from_xlsform,
    is_dictionary,
    is_xlsform,
)
from instrument.drafting.question import Draft, DraftQuestion, LeftOut, plain_text
from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.cells import number_of
from instrument.reading.raw import RawTable
from instrument.recognition.answers import cell_text
from instrument.recognition.opening import first_rows, headed, open_table, writing_of
from instrument.recognition.tools import header_rows_of, tool_of

CALLER = "dta instrument draft"
LARGEST = 50 * 1024**2
FEWEST_PEOPLE = 30
"""People with answers before a correlation says which items are reversed."""
FEWEST_ALIKE = 3
"""Columns that share their options before they are taken for items."""
MOST_CODES = 11
FEWEST_OF_THEME = 2
"""Questions that a beginning of names must have before it is a theme."""


class Grouped(Protocol):
    """Groups that a statistic of the answers suggests: number of the group and weight of each item."""

    @property
    def place(self) -> Mapping[str, int]:
        """Item to the number of its group."""

    @property
    def loadings(self) -> Mapping[str, float]:
        """Item to its weight in that group."""

    @property
    def people(self) -> int:
        """People that it rests on."""


Grouping = Callable[[pd.DataFrame], Grouped | None]


def draft_from_file(path: Path, items: tuple[str, ...] = (), grouping: Grouping | None = None) -> Draft:
    """Read what a file says of questions, options, codes and groups.

    Parameters
    ----------
    path
        A survey's definition (`.qsf` of Qualtrics, `.lss` of LimeSurvey, an XLSForm, a REDCap data
        dictionary) or a file of answers that `read_responses` takes.
    items
        Columns of a file of answers that are items; without it those that share their options with others.
    grouping
        Groups items by the answers to them, where neither the file nor the names of items do.

    Returns
    -------
    Draft
        With a mark at what the file does not say.

    Raises
    ------
    ResponseDataError
        The file cannot be read, or lacks a column that is named.
    """
    if path.is_file() and path.stat().st_size > LARGEST:
        raise _fault(path, f"has more than {LARGEST // 1024**2} MB.", "give the definition of one survey.")
    suffix = path.suffix.lower()
    if suffix in (".qsf", ".lss"):
        if not path.is_file():
            raise _fault(path, "does not exist.", "check the path.")
        return from_qsf(path) if suffix == ".qsf" else from_lss(path)
    if suffix == ".xlsx" and path.is_file() and is_xlsform(path):
        return from_xlsform(path)
    writing = writing_of(path)
    raw = open_table(path, writing.form, CALLER)
    if is_dictionary(raw.columns):
        return from_redcap(raw)
    rows = first_rows(raw)
    tool = tool_of(rows)
    heads, names = header_rows_of(tool, rows) or (1, 1)
    table = headed(raw, writing.form.model_copy(update={"header_rows": heads, "names_row": names}))
    return _from_answers(table.raw, table.headers, items, grouping)


def _from_answers(
    raw: RawTable, headers: list[tuple[str, ...]], items: tuple[str, ...], grouping: Grouping | None
) -> Draft:
    """Columns whose options others share, or those that are named."""
    if absent := [name for name in items if name not in raw.columns]:
        raise raw.fault(f"there is no column {', '.join(map(repr, absent))}.", "check the spelling.")
    told = dict(zip(raw.columns, headers, strict=True))
    options = {name: _options(raw, name) for name in raw.columns}
    shared = Counter(tuple(sorted(found)) for found in options.values() if found)
    draft = Draft(title=Path(raw.source).stem, source=raw.source)
    draft.guesses.append("title and language; the file does not say them")
    for name in raw.columns:
        found = options[name]
        enough = found and shared[tuple(sorted(found))] >= FEWEST_ALIKE
        if not found or not (name in items if items else enough):
            why = (
                "no coded options"
                if not found
                else f"shares its options with fewer than {FEWEST_ALIKE} others"
            )
            draft.left_out.append(LeftOut(name, "not named" if items and found else why))
            continue
        texts = [text for text in told[name] if text and text != name and "ImportId" not in text]
        question = DraftQuestion(name=name, text=plain_text(texts[-1]) if texts else name, options=found)
        if not texts:
            question.guesses.append("the wording; the file holds only the name")
        if not raw.value_labels.get(name):
            question.guesses.append(
                "the options, by the codes that occur; a code that nobody chose is not there"
            )
        question.outside = _declared(raw, name, found)
        for code in question.outside:
            question.options.pop(code, None)
        draft.questions.append(question)
    if not _prefixes(draft.questions) and grouping is not None:
        _by_answers(draft, raw, grouping)
    _reversed(draft.questions, raw)
    return draft


def _options(raw: RawTable, name: str) -> dict[int, str]:
    """Codes with the labels of the file, or those that occur."""
    labels = {
        int(number): str(label)
        for code, label in raw.value_labels.get(name, {}).items()
        if isinstance(number := number_of(code), int)
    }
    cells = [cell_text(cell) for cell in pd.unique(pd.Series(raw.column(name), dtype=object))]
    numbers = {number_of(text) for text in cells if text}
    whole = sorted(number for number in numbers if isinstance(number, int))
    if labels:
        between = [code for code in whole if min(labels) < code < max(labels)]
        return {code: labels.get(code, str(code)) for code in sorted({*labels, *between})}
    if len(whole) != len(numbers) or not 2 < len(whole) <= MOST_CODES or whole[-1] - whole[0] >= MOST_CODES:
        return {}
    return {code: str(code) for code in range(whole[0], whole[-1] + 1)}


def _declared(raw: RawTable, name: str, options: dict[int, str]) -> dict[int, str]:
    """Codes that the file declares missing."""
    spans = [
        span for span in raw.user_missing.get(name, []) if all(isinstance(end, (int, float)) for end in span)
    ]
    single = [int(low) for low, high in spans if low == high and low == int(low)]
    inside = [code for code in options if any(low <= code <= high for low, high in spans)]
    return {code: options.get(code, "") for code in sorted({*single, *inside})}


def _prefixes(questions: list[DraftQuestion]) -> bool:
    """Group questions by what stands before the number in their names; say whether that could be done."""
    stems = {id(q): re.sub(r"[\W_]*\d+[\W_]*$", "", q.name) for q in questions}
    counts = Counter(stems.values())
    if len(counts) < 2 or any(n < FEWEST_OF_THEME for n in counts.values()):
        return False
    for question in questions:
        question.group = stems[id(question)]
        question.guesses.append("the theme, by the beginning of the name")
    return True


def _by_answers(draft: Draft, raw: RawTable, grouping: Grouping) -> None:
    """Group questions by the answers to them; those that go with no group stand by themselves."""
    found = grouping(pd.DataFrame({q.name: _numbers(raw, q) for q in draft.questions}))
    if found is None:
        return
    number = len(set(found.place.values()))
    draft.guesses.append(
        f"the themes; {number} factors of a first factor analysis of {found.people} people, which says what "
        "goes together in this file and not what it means: name them, or put the items together otherwise"
    )
    for question in draft.questions:
        if question.name in found.place:
            question.group = f"Factor {found.place[question.name]}"
            how = f"loading {found.loadings[question.name]:.2f}"
            question.guesses.append(f"the theme, by a first factor analysis ({how})")
        else:
            question.group = "Without a theme"
            question.guesses.append("no theme: it loads .40 or more on no factor of a first factor analysis")
    draft.questions.sort(key=lambda question: found.place.get(question.name, number + 1))


def _reversed(questions: list[DraftQuestion], raw: RawTable) -> None:
    """Suspect items that go against the others of their group, by the signs of the first component."""
    for group in dict.fromkeys(question.group for question in questions):
        own = [question for question in questions if question.group == group]
        if len(own) < FEWEST_ALIKE:
            continue
        table = pd.DataFrame({q.name: _numbers(raw, q) for q in own})
        if table.notna().all(axis=1).sum() < FEWEST_PEOPLE:
            continue
        related = table.corr().fillna(0.0).to_numpy(copy=True)
        np.fill_diagonal(related, 1.0)
        weights = np.linalg.eigh(related)[1][:, -1]
        weights = weights * (1.0 if (weights > 0).sum() * 2 >= len(weights) else -1.0)
        signs = np.where(weights < 0, -1.0, 1.0)
        scores = ((table - table.mean()) * signs).fillna(0.0)
        for k, question in enumerate(own):
            if signs[k] > 0:
                continue
            rest = scores.drop(columns=question.name).sum(axis=1)
            r = float(table[question.name].corr(rest))
            if r < 0:
                question.is_reversed = True
                question.guesses.append(f"reversed, as it correlates {r:.2f} with the others of its theme")


def _numbers(raw: RawTable, question: DraftQuestion) -> pd.Series:
    codes = [number_of(cell_text(cell)) for cell in raw.column(question.name)]
    return pd.Series([float(code) if code in question.options else np.nan for code in codes], dtype=float)


def _fault(path: Path, fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(CALLER, f"{path.name} {fact}", hint))
