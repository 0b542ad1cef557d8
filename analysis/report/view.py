"""The results tree arranged for reading: what every form of the report prints, with its paths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.common.verdicts import Verdict
from instrument.common.formatting import fill_prose, form_of_row, format_value

Tree = Mapping[str, Any]
NUMERIC = ("int", "percent", "p")
LONG_TABLE = 15  # rows; a longer one is folded on a page and stands at the end on paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One printed value, the number behind it, and its path."""

    value: Any
    text: str
    path: str
    numeric: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """A table as printed."""

    name: str
    title: str
    note: str
    heads: list[tuple[str, bool]]
    rows: list[list[Cell]]


def filled_tables(section: Mapping[str, Any]) -> list[str]:
    """Give the tables of a section that have a row; one without is not shown.

    Examples
    --------
    >>> filled_tables({"tables": {"a": {"n": [3]}, "b": {"n": []}, "c": {}}})
    ['a']
    """
    return [name for name, columns in section["tables"].items() if any(map(len, columns.values()))]


def table_view(section_name: str, section: Mapping[str, Any], name: str) -> TableView:
    """Arrange one table of a section.

    Parameters
    ----------
    section_name
        Key of the section in the tree.
    section
        The section.
    name
        Key of the table.

    Returns
    -------
    TableView
        Heading, column heads and cells.
    """
    table, caption = section["tables"][name], section["captions"][name]
    columns = caption["columns"]
    n_rows = max((len(column) for column in table.values()), default=0)
    rows = [
        [_cell(f"sections.{section_name}.tables.{name}", table, key, row, columns[key]) for key in columns]
        for row in range(n_rows)
    ]
    heads = _heads(list(columns.values()))
    return TableView(name=name, title=caption["title"], note=caption["note"], heads=heads, rows=rows)


def _heads(columns: Sequence[Mapping[str, str]]) -> list[tuple[str, bool]]:
    """Name every column: who hears a table needs a word where the eye needs none."""
    heads: list[tuple[str, bool]] = []
    for column in columns:
        label = column["label"]
        if not label and not heads:
            label = "Name"
        elif not label:
            label = f"{heads[-1][0]}, share" if column["format"] == "percent" else "Note"
        heads.append((label, _is_numeric(column["format"])))
    return heads


def _cell(base: str, table: Mapping[str, Any], key: str, row: int, column: Mapping[str, str]) -> Cell:
    form = form_of(table, column["format"], row)
    value = table[key][row]
    return Cell(
        value=value,
        text=format_value(value, form),
        path=f"{base}.{key}[{row}]",
        numeric=_is_numeric(form),
    )


def form_of(table: Mapping[str, Any], form: str, row: int) -> str:
    """Format of one cell: a column may hold statistics that cannot pass 1 beside others that can."""
    return form_of_row(form, table["bounded"][row]) if form[0] == "b" else form


def _is_numeric(form: str) -> bool:
    return form in NUMERIC or (form[0] in "drb" and form[1:].isdigit())


def prose(section: Mapping[str, Any]) -> list[str]:
    """Give the sentences of a section as plain text."""
    return [fill_prose(sentence, section["values"]) for sentence in section["prose"]]


def method_line(section: Mapping[str, Any]) -> str:
    """Say in one line how the numbers of a section were made.

    Parameters
    ----------
    section
        Section of the tree.

    Returns
    -------
    str
        Estimator, n, rule for missing answers, options, seed, software and checksum.
    """
    method = section["method"]
    parts = [f"Estimator: {method['estimator']}", f"n = {format_value(method['n'], 'int')}"]
    parts.append(f"missing answers: {method['missing']}")
    parts += [
        f"{key.replace('_', ' ')}: {option_words(value, key)}" for key, value in method["options"].items()
    ]
    if method["seed"] is not None:
        parts.append(f"seed {method['seed']}")
    parts.append(
        "software: " + ", ".join(f"{name} {version}" for name, version in method["software"].items())
    )
    parts.append(f"data {method['data'][:12]}")
    return "; ".join(parts) + "."


PROBABILITIES = ("alpha", "level")
"""Options that cannot pass 1."""


def option_words(value: Any, key: str = "") -> str:
    """Write an option of a method; a list as its members.

    Examples
    --------
    >>> option_words([-3.0, "week3"]), option_words(0.95, "level")
    ('−3, week3', '.95')
    """
    if isinstance(value, list):
        return ", ".join(map(format_value, value))
    return format_value(value, "r2" if key in PROBABILITIES else "text")


NOT_ESTIMATED = "Could not be estimated"
PART_NOT_ESTIMATED = "A part of this could not be estimated"
STATUS = {"failed": "Failed", "untestable": "Could not be tested", "not_applicable": "Not asked"}


def findings(tree: Tree) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Go through every judged claim, with the name of its section."""
    for name, section in tree["sections"].items():
        for finding in section["findings"]:
            yield name, finding


def verdicts(tree: Tree) -> dict[str, list[dict[str, Any]]]:
    """Sort the judged claims by verdict, and name what failed, could not be tested or was not asked.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    dict
        `met`, `not_met`, `untested`, `hidden`: findings with section name and printed value; `failed`,
        `untestable`, `not_applicable`: sections with their message; `partial`: parts of the other sections
        that could not be estimated.
    """
    sorted_out: dict[str, list[dict[str, Any]]] = {verdict.value: [] for verdict in Verdict}
    sorted_out |= {"failed": [], "partial": [], "untestable": [], "not_applicable": []}
    for name, finding in findings(tree):
        entry = {**finding, "section": name, "printed": format_value(finding["value"], finding["format"])}
        sorted_out[finding["verdict"]].append(entry)
    for name, section in tree["sections"].items():
        messages = [section["message"]] if section["message"] else section["problems"]
        key = section["status"] if section["status"] != "ok" else "partial"
        for message in messages:
            sorted_out[key].append({"section": name, "title": section["title"], "message": message})
    return sorted_out


def notices(tree: Tree) -> list[tuple[str, str]]:
    """Give what a reader must know before any number: kind and sentence.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    list of tuple
        `synthetic` first, then `candidate`. The kind is printed before the sentence, so a notice that opens
        with it (`SYNTHETIC: …`) loses it.
    """
    meta = tree["meta"]
    found = []
    if meta["synthetic"]:
        notice = (meta["study"] or {}).get("notice")
        found.append(
            _notice("synthetic", notice or "Every person in this report was simulated by a program.")
        )
    instrument = meta["instrument"]
    if instrument["notice"]:
        found.append(_notice(instrument["status"], instrument["notice"]))
    elif instrument["status"] == "candidate":
        found.append(("candidate", "Candidate items: this questionnaire is not yet validated in people."))
    return found


def _notice(kind: str, sentence: str) -> tuple[str, str]:
    rest = re.sub(rf"^\s*{re.escape(kind)}\s*[:.–—]\s*(?=\S)", "", sentence, flags=re.IGNORECASE)
    return kind, rest[0].upper() + rest[1:]
