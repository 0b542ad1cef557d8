"""The script of Python that makes the numbers of a report again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = '''\
"""Makes the numbers of this report again with dta-toolkit and says which agree.

    python reproduce.py [FOLDER]

FOLDER holds the analyst's own files, by the names below; by default it is the folder you are in. This file
holds no answers. Seeded draws are made again, too, so every number is compared. It ends with status 1 where
one differs.
"""

import sys
from pathlib import Path

'''
_COMMAND = """\
from analysis.commands.validate import run_command
from analysis.twins.again import run_again

REPORT = Path(__file__).resolve().parent
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
COMMAND = {command}
FILES = {files}

if __name__ == "__main__":
    sys.exit(run_again(REPORT, COMMAND, FILES, FOLDER, run_command))
"""
_SESSION = '''\
import json

import analysis
import instrument
from analysis.twins.again import told

REPORT = Path(__file__).resolve().parent
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()


def inputs():
    """What was given to analysis.validate in the session; change it where tables or options were others."""
    scale = instrument.load({instrument!r})
    return {{"responses": instrument.read_responses(FOLDER / "responses.csv", scale), "scale": scale}}


if __name__ == "__main__":
    results = json.loads((REPORT / "results.json").read_text("utf-8"))
    options = {options!r}
    sys.exit(told(results, analysis.validate(**inputs(), **options).to_dict()))
'''


def python_script(tree: Mapping[str, Any], source: Mapping[str, Any] | None = None) -> str:
    """Write the script that makes the numbers of a report again in Python.

    Parameters
    ----------
    tree
        Results of `validate`.
    source
        `command`: its arguments, and `arguments_of_files`: which of them name files; None for tables of a
        session, of which the script must be told.

    Returns
    -------
    str
        Whole.
    """
    source = source or {}
    if source.get("command"):
        command, files = list(source["command"]), list(source.get("arguments_of_files", ()))
        return _HEAD + _COMMAND.format(command=_listed(command), files=_listed(files))
    meta = tree["meta"]
    options = {"seed": meta["seed"], "topics": list(tree["sections"])}
    options |= {
        "correlation": meta["correlation"],
        "smooth": False if meta["smooth"] == "none" else meta["smooth"],
    }
    return _HEAD + _SESSION.format(instrument=meta["instrument"]["id"], options=options)


def _listed(words: list[str]) -> str:
    return "[" + ", ".join(map(ascii, words)) + "]"
