"""A section of one's own in the report: the table of any result, beside what the toolkit asks."""

from __future__ import annotations

import copy
from typing import Any

from analysis.common.result import Result
from analysis.disclosure.kinds import GIVEN, TEXT
from analysis.report.session import note_of, printable, title_of
from analysis.report.view import Tree
from instrument.errors import DefinitionError, fact_and_hint, kind_of

ADDED = "added"
"""Beginning of the names of such sections, and the key that tells them."""
SAID = "Added to this report by whoever made it: no rule of the toolkit judges it."


def with_result(tree: Tree, result: Result, title: str | None, note: str, version: str) -> dict[str, Any]:
    """Give a results tree with a section more.

    Parameters
    ----------
    tree
        A results tree; it is left as it is.
    result
        Any result of a public function. One whose rows are people is told by its fields.
    title
        Of the section; by default what the result says of itself.
    note
        Under the table, before how the result was made.
    version
        Of the toolkit.

    Returns
    -------
    dict
        The new tree.

    Raises
    ------
    DefinitionError
        It is no result, or a whole validation; title or note is no text.
    """
    for what, given in (("title", title or ""), ("note", note)):
        if not isinstance(given, str):
            fact = f"{what} is {kind_of(given)}."
            raise DefinitionError(fact_and_hint("add", fact, "give a text, or leave it out."))
    if not isinstance(result, Result) or hasattr(result, "tree"):
        fact = f"what is added is {kind_of(result)}, not the result of one analysis."
        hint = "pass what a public function such as cronbach_alpha or cfa returns."
        raise DefinitionError(fact_and_hint("add", fact, hint))
    made = copy.deepcopy(dict(tree))
    cells, columns = printable(result)
    heading, n = title or title_of(result), getattr(result, "n_obs", None)
    told = " ".join(part for part in (note.strip(), note_of(result)) if part)
    kinds = {name: (TEXT if said["format"] == "text" else GIVEN).plain() for name, said in columns.items()}
    number = sum(1 for name in made["sections"] if name.startswith(f"{ADDED}_")) + 1
    made["sections"][f"{ADDED}_{number}"] = {
        "title": heading,
        "question": SAID,
        "subject": "",
        "bears_on": [],
        "status": "ok",
        "cause": None,
        "message": "",
        "problems": [],
        "untested": [],
        "prose": [SAID],
        "method": {
            "estimator": type(result).__name__,
            "n": n if isinstance(n, int) else None,
            "missing": str(getattr(result, "missing", "") or ""),
            "seed": None,
            "options": {},
            "software": {"dta-toolkit": version},
            "data": "",
        },
        "values": {},
        "tables": {"result": cells},
        "captions": {"result": {"title": heading, "columns": columns, "note": told, "kinds": kinds}},
        "findings": [],
        "figures": [],
        "kinds": {"n": GIVEN.plain(), "values": {}, "options": {}},
        "account": {"same": [], "sums": [], "populations": {}},
        "twins": {"calls": [], "own": {}},
        "warnings": [],
        ADDED: True,
    }
    return made
