"""The script of R that makes the numbers of a report again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from importlib import resources
from pathlib import PurePath
from typing import Any

from analysis.twins.parts import METHOD, VALUES, Address, Reason, numbers_of, sort_numbers

LIBRARY = (
    "checking",
    "reading",
    "items",
    "reliability",
    "factors",
    "structure",
    "imputed",
    "agreement",
    "use",
    "use_further",
)
WRITTEN = re.compile(r"\{(\w+):([A-Za-z]\w*)\}")
Tree = Mapping[str, Any]


def literal(value: Any) -> str:
    """Write plain data as R reads it.

    Parameters
    ----------
    value
        None, yes or no, a number, a text, or lists and mappings of them.

    Returns
    -------
    str
        One expression of R, in ASCII.

    Examples
    --------
    >>> print(literal({"wave": "week3", "items": ["a", "b"], "n": 3, "none": None, "odd name": True}))
    list(wave = "week3", items = c("a", "b"), n = 3, none = NULL, `odd name` = TRUE)
    >>> print(literal('say "no"'), literal([1.5, None]), literal([]))
    "say \\"no\\"" c(1.5, NA) list()
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return repr(value) if math.isfinite(value) else "NA"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return f"list({', '.join(f'{_name(str(key))} = {literal(entry)}' for key, entry in value.items())})"
    entries = list(value)
    if not entries:
        return "list()"
    if all(isinstance(entry, str) for entry in entries) or all(_countable(entry) for entry in entries):
        return f"c({', '.join('NA' if entry is None else literal(entry) for entry in entries)})"
    return f"list({', '.join(map(literal, entries))})"


def _countable(entry: Any) -> bool:
    return entry is None or (isinstance(entry, (int, float)) and not isinstance(entry, bool))


def _quoted(text: str) -> str:
    signs = (f"\\U{ord(sign):08x}" if ord(sign) > 0xFFFF else json.dumps(sign)[1:-1] for sign in text)
    return f'"{"".join(signs)}"'.replace("\x7f", "\\x7f")


def _name(key: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9._]*", key) and key not in _WORDS:
        return key
    return "`" + _quoted(key)[1:-1].replace("`", "\\`") + "`"


_WORDS = {
    "if",
    "else",
    "repeat",
    "while",
    "function",
    "for",
    "next",
    "break",
    "in",
    "NULL",
    "NA",
    "TRUE",
    "FALSE",
    "Inf",
    "NaN",
    "NA_integer_",
    "NA_real_",
    "NA_character_",
    "NA_complex_",
}


def places(rows: Sequence[int]) -> str:
    """Write rows, counted from 0, as R counts them.

    Parameters
    ----------
    rows
        Numbers of rows.

    Returns
    -------
    str
        A range where they follow each other, else every one.

    Examples
    --------
    >>> places([0, 1, 2]), places([4]), places([1, 3])
    ('1:3', '5', 'c(2, 4)')
    """
    if len(rows) > 1 and list(rows) == list(range(rows[0], rows[0] + len(rows))):
        return f"{rows[0] + 1}:{rows[-1] + 1}"
    return str(rows[0] + 1) if len(rows) == 1 else f"c({', '.join(str(row + 1) for row in rows)})"


def printed_digits(section: Mapping[str, Any], table: str, column: str) -> int | None:
    """Decimals with which a number is printed in the report.

    Parameters
    ----------
    section
        Of the results tree.
    table, column
        Where the number stands.

    Returns
    -------
    int or None
        None where it is not printed with a fixed number of decimals.
    """
    if table == VALUES:
        forms = dict(WRITTEN.findall(" ".join(section["prose"])))
        return _decimals(forms.get(column))
    if table == METHOD:
        return 0
    shown = section["captions"].get(table, {}).get("columns", {}).get(column)
    return _decimals(shown["format"]) if shown else None


def _decimals(form: str | None) -> int | None:
    if form in ("int", "p", "percent"):
        return {"int": 0, "p": 3, "percent": 3}[form]
    return int(form[1]) if form and re.fullmatch(r"[bdr]\d", form) else None


def section_script(name: str, section: Mapping[str, Any]) -> Iterator[str]:
    """Write the calls of one section, then what has no equivalent.

    Parameters
    ----------
    name, section
        Of the results tree.

    Yields
    ------
    str
        Lines of R.
    """
    found = sort_numbers(section)
    if not found.calls and not found.reasons:
        return
    numbers_held = {address for address, _ in numbers_of(section)}
    yield ""
    yield f"section({literal(name)})"
    for call in found.calls:
        numbers = call["numbers"]
        digits = [printed_digits(section, call["table"], column) for column in numbers]
        yield (
            f"twin({literal(call['call'])}, {literal(call['arguments'])}, {literal(call['table'])}, "
            f"{places(call['rows'])},"
        )
        columns = ", ".join(f"{_name(column)} = {literal(word)}" for column, word in numbers.items())
        end = f", empty = {literal(gaps)})" if (gaps := _gaps(call, numbers_held)) else ")"
        yield f"  numbers = c({columns}), digits = {literal(digits)}, exact = {literal(call['exact'])}{end}"
    for reason, addresses in found.reasons.items():
        yield from _without(reason, addresses)


def _gaps(call: Mapping[str, Any], held: Set[Address]) -> dict[str, list[int]]:
    """Rows of a call, as R counts them, in which a column has no number: where one is lost, R notices."""
    gaps = {
        column: [row + 1 for row in call["rows"] if (call["table"], column, row) not in held]
        for column in call["numbers"]
    }
    return {column: rows for column, rows in gaps.items() if rows}


def _without(reason: Reason, addresses: Sequence[Address]) -> Iterator[str]:
    rows: dict[tuple[str, str], list[int]] = {}
    for table, column, row in addresses:
        rows.setdefault((table, column), []).append(row)
    together: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for (table, column), numbers in rows.items():
        together.setdefault((table, tuple(numbers)), []).append(column)
    for (table, those), columns in together.items():
        yield f"without({literal(table)}, {literal(columns)}, {places(those)}, {literal(reason.value)})"


def r_script(tree: Tree, source: Mapping[str, Any] | None = None) -> str:
    """Write the script that makes the numbers of a report again in R.

    Parameters
    ----------
    tree
        Results of `validate`, not those made to be shared.
    source
        Files and how they were read: `files` (role to name), `separator`, `encoding`, `missing`, `decimal`,
        `participant`, `wave`; None for tables of a session.

    Returns
    -------
    str
        Whole and by itself: library, what the instrument says, and one call for each group of numbers.
    """
    source = source or {}
    lines = [_HEAD]
    lines += [
        resources.files("analysis.twins").joinpath("library", f"{name}.R").read_text("utf-8")
        for name in LIBRARY
    ]
    lines += ["# ---- What the instrument, the study and the run say ----", *_said(tree, source), _START]
    for name, section in tree["sections"].items():
        lines += section_script(name, section)
    return "\n".join([*lines, "", "report()", ""])


def _said(tree: Tree, source: Mapping[str, Any]) -> Iterator[str]:
    scale = tree["meta"]["twins"]
    items = scale["items"]
    yield (
        f"items <- data.frame(item = {literal([*items])}, reversed = as.logical("
        f"{literal([int(item['reversed']) for item in items.values()])}), stringsAsFactors = FALSE)"
    )
    yield f"options_of <- {literal({name: item['codes'] for name, item in items.items()})}"
    yield "items$low <- vapply(options_of, min, 0); items$high <- vapply(options_of, max, 0)"
    yield "scale_low <- setNames(items$low, items$item); scale_high <- setNames(items$high, items$item)"
    yield f"rule_missing <- {literal(scale['missing'])}; rule_ordinal <- {literal(scale['ordinal'])}"
    yield f"rule_continuous <- {literal(scale['continuous'])}"
    yield f"reasons_of <- {literal({name: item['reasons'] for name, item in items.items()})}"
    yield f"reasons_known <- {literal(scale['reasons'])}"
    yield f"scoring <- {literal(scale['scoring'])}"
    yield f"measures <- {literal(scale['measures'])}"
    numbers = {f"measure {k}": f"measure {name}" for k, name in enumerate(scale["measures"], start=1)}
    files = {
        numbers.get(role, role): PurePath(name).as_posix() for role, name in source.get("files", {}).items()
    }
    yield f"files <- {literal(files)}"
    how = {key: value for key, value in source.items() if key != "files"}
    yield f"reading <- {literal({**_READING, **how})}"


_READING = {
    "participant": "participant",
    "wave": "wave",
    "separator": None,
    "encoding": "UTF-8",
    "decimal": ".",
    "missing": ["NA"],
}
_HEAD = """\
# Makes the numbers of this report again in R and says which agree.
#
#   Rscript reproduce.R [FOLDER]
#
# FOLDER holds the analyst's own files, by the names below, or the tables as analysed that
# `dta validate ... --analysed FOLDER` writes; by default it is the folder you are in. results.json is
# read from beside this script. This file holds no answers. It ends with status 1 where a number
# differs, 2 where it cannot run. Needs jsonlite; each number whose package is absent is listed as
# having no equivalent installed.
"""
_START = """\

arguments <- commandArgs(trailingOnly = TRUE)
here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
here <- if (length(here)) dirname(here[1]) else "."
if (length(arguments)) folder <- arguments[1]
stopped <- function(words) { cat(words, "\\n"); quit(status = 2, save = "no") }
if (!requireNamespace("jsonlite", quietly = TRUE)) stopped("reproduce.R needs the package jsonlite.")
results <- jsonlite::fromJSON(file.path(here, "results.json"), simplifyVector = FALSE)
invisible(tryCatch(answers(), error = function(e) stopped(conditionMessage(e))))
cat(sprintf("%s, %s, R %s.%s\\n", results$meta$instrument$title, results$meta$instrument$version,
  R.version$major, R.version$minor))
"""
