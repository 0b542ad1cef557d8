"""Make a report again with this toolkit and name the numbers that differ."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOM = 1e-9
"""Relative difference below which two runs of the same versions count as equal."""
_LEFT = {"versions", "software", "notes", "warnings"}
Run = Callable[[Sequence[str]], None]


def differing(given: Any, again: Any, path: str = "") -> Iterator[str]:
    """Name every number that is not the same in two results trees.

    Parameters
    ----------
    given, again
        Plain data, as `results.json` holds it.
    path
        Of both within their trees.

    Yields
    ------
    str
        Path, with both numbers. What stands in one tree only is named, too; versions, notes and warnings are
        not compared.

    Examples
    --------
    >>> list(differing({"a": [1.0, 2.0]}, {"a": [1.0, 2.5]}))
    ['a[1]: 2 in results.json, 2.5 again']
    """
    if isinstance(given, Mapping) and isinstance(again, Mapping):
        for key in dict.fromkeys((*given, *again)):
            if key not in _LEFT:
                inner = f"{path}.{key}" if path else str(key)
                yield from differing(given.get(key), again.get(key), inner)
    elif isinstance(given, list) and isinstance(again, list):
        if len(given) != len(again):
            yield f"{path}: {len(given)} entries in results.json, {len(again)} again"
            return
        for row, (one, other) in enumerate(zip(given, again, strict=True)):
            yield from differing(one, other, f"{path}[{row}]")
    elif _is_number(given) and _is_number(again):
        if not math.isclose(given, again, rel_tol=ROOM, abs_tol=ROOM):
            yield f"{path}: {given:.10g} in results.json, {again:.10g} again"
    elif (_is_number(given) or _is_number(again)) and given != again:
        yield f"{path}: {_word(given)} in results.json, {_word(again)} again"
    elif given != again:
        yield f"{path}: other words"


def _word(value: Any) -> str:
    return f"{value:.10g}" if _is_number(value) else "no number"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def count_numbers(tree: Any) -> int:
    """Count the numbers of plain data."""
    if isinstance(tree, Mapping):
        return sum(count_numbers(value) for key, value in tree.items() if key not in _LEFT)
    if isinstance(tree, list):
        return sum(map(count_numbers, tree))
    return int(_is_number(tree))


def told(given: Mapping[str, Any], again: Mapping[str, Any]) -> int:
    """Print which sections agree and every number that differs.

    Parameters
    ----------
    given
        `results.json` as it stands.
    again
        Results of a new run.

    Returns
    -------
    int
        0 where everything agrees, else 1: an exit status.
    """
    wrong = 0
    parts = {name: (given["sections"].get(name), again["sections"].get(name)) for name in given["sections"]}
    parts |= {name: (given.get(name), again.get(name)) for name in ("meta", "properties")}
    if strange := sorted(set(again["sections"]) - set(given["sections"])):
        print(f"Sections that results.json lacks: {', '.join(strange)}")
        wrong += len(strange)
    for name, (one, other) in parts.items():
        path = f"sections.{name}" if name in given["sections"] else name
        found = list(differing(one, other, path))
        wrong += len(found)
        print(f"  {name:<18} {count_numbers(one):>6} numbers, {len(found)} differ")
        for line in found:
            print(f"    {line}")
    print("Every number agrees." if not wrong else f"{wrong} differ.")
    return 1 if wrong else 0


def run_again(report: Path, command: Sequence[str], files: Sequence[str], folder: Path, run: Run) -> int:
    """Run a command again on files of a folder and compare its results with a report.

    Parameters
    ----------
    report
        Folder with `results.json`.
    command
        Arguments as they were given; names of files as the report knows them.
    files
        Which of these arguments are files, or `ANSWERS=INSTRUMENT`.
    folder
        Where the files are: by the path given, or by their names alone.
    run
        Runs the command with its arguments.

    Returns
    -------
    int
        An exit status: 0 where everything agrees, 1 where a number differs.
    """
    placed = [_placed(argument, folder) if argument in files else argument for argument in command]
    with tempfile.TemporaryDirectory() as scratch:
        run([*placed, "--out", f"{scratch}/report", "--forms", ""])
        again = json.loads((Path(scratch) / "report" / "results.json").read_text("utf-8"))
    given = json.loads((report / "results.json").read_text("utf-8"))
    return told(given, again)


def _placed(name: str, folder: Path) -> str:
    if "=" in name and not (folder / name).exists():
        return "=".join(_placed(part, folder) for part in name.split("=", 1))
    for path in (folder / name, folder / Path(name).name):
        if path.exists():
            return str(path)
    return name
