"""What the views need, without Streamlit: the last results, read whole or explained."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from analysis.common.verdicts import Cause, Verdict
from analysis.disclosure.shared import coarse_again, shared_tree
from analysis.report.labels import tree_for_readers
from analysis.report.limits import limits_of, untested_lines
from analysis.report.opening import opening
from analysis.report.questions import HIDDEN, hidden_claims, question_rows
from analysis.report.standards import evidence_by_property
from analysis.report.view import Tree, filled_tables, method_line, notices, prose, table_view, verdicts
from dashboard import sharing
from dashboard.filters import filtered, is_of, is_touched

ENVIRONMENT = "DTA_RESULTS"
COMPARED = "DTA_COMPARE"
SHARED = "DTA_SHARED"
NEEDED = ("schema", "meta", "sections")
SCHEMA = 2
FORMS = {
    "report.html": ("text/html", "the report, to read or print"),
    "report_supplement.html": (
        "text/html",
        "its supplement: every table, further figures, and methods",
    ),
    "report_short.html": ("text/html", "the short version in plain words"),
    "report.pdf": ("application/pdf", "the report on paper"),
    "report_supplement.pdf": ("application/pdf", "its supplement on paper"),
    "report_short.pdf": ("application/pdf", "the short version on paper"),
    "report.docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "the report for a word processor",
    ),
    "report_supplement.docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "its supplement for a word processor",
    ),
    "report.md": ("text/markdown", "tables for a manuscript"),
    "results.json": ("application/json", "every number, with how it was made"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Results, or why there are none and what to do about it."""

    tree: Tree | None
    read: Tree | None = None
    """The same in words for readers: labels in the place of ids."""
    problem: str = ""
    advice: str = ""
    source: str = ""
    reduced: bool = False
    """Whether the file holds more than is shown, so that what lies beside it may not be handed out."""
    version: str = ""
    """Names these numbers as they are shown: other bytes or another reduction give another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file to take away."""

    path: Path
    kind: str
    purpose: str


def exports(source: str) -> list[Export]:
    """Give the files that lie beside the results.

    Parameters
    ----------
    source
        Path of `results.json`.

    Returns
    -------
    list of Export
        Only files that are there.
    """
    folder = Path(source).parent
    found = [
        Export(path=folder / name, kind=kind, purpose=purpose) for name, (kind, purpose) in FORMS.items()
    ]
    return [export for export in found if export.path.is_file()]


def results_path(variable: str = ENVIRONMENT) -> Path | None:
    """Where the results are: the environment says, as a folder or as its `results.json`."""
    named = os.environ.get(variable, "").strip()
    if not named:
        return None
    path = Path(named)
    return path / "results.json" if path.is_dir() or path.suffix != ".json" else path


def is_shared() -> bool:
    """Say whether others than the operator may see the dashboard; so it is unless the environment says no."""
    return os.environ.get(SHARED, "").strip().lower() not in ("no", "false", "0", "off")


def load_results(path: Path | None, *, shared: bool = False) -> Loaded:
    """Read a results file.

    Parameters
    ----------
    path
        `results.json`; None when nobody said where.
    shared
        Whether small numbers are taken out.

    Returns
    -------
    Loaded
        The tree, or a problem in words with what to do next. Nothing is raised: the page shows it.
    """
    advice = "Run `dta validate RESPONSES --instrument NAME --out DIR`, then `dta serve --results DIR`."
    if path is None:
        return Loaded(tree=None, problem="No results were named.", advice=advice)
    if not path.is_file():
        return Loaded(tree=None, problem=f"There are no results at {path}.", advice=advice)
    try:
        content = path.read_bytes()
        tree = json.loads(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        fact = f"{path.name} cannot be read: {type(error).__name__}."
        return Loaded(tree=None, problem=fact, advice="The file is damaged. " + advice, source=str(path))
    if fault := _fault_of(tree):
        return Loaded(tree=None, problem=f"{path.name}: {fault}", advice=advice, source=str(path))
    fact = f"{path.name}: its parts are not what they should be."
    try:
        if reduced := shared and not tree["meta"].get("shared"):
            fact = f"{path.name}: small numbers cannot be taken out of it, so nothing is shown to others."
            tree = shared_tree(tree)
        elif tree["meta"].get("shared"):
            coarse_again(tree)
        version = f"{sha256(content).hexdigest()}{'-reduced' if reduced else ''}"
        read = tree_for_readers(tree)
        return Loaded(tree=tree, read=read, source=str(path), reduced=reduced, version=version)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return Loaded(tree=None, problem=fact, advice=advice, source=str(path))


def _fault_of(tree: Any) -> str:
    if not isinstance(tree, dict) or any(key not in tree for key in NEEDED):
        return "this is no results file of dta validate."
    if tree["schema"] != SCHEMA:
        return f"it was written by another version (schema {tree['schema']}, not {SCHEMA})."
    if not isinstance(tree["meta"], dict) or not isinstance(tree["sections"], dict):
        return "its parts are not what they should be."
    parts = ("title", "status", "message", "tables", "captions", "values", "prose", "findings", "figures")
    for name, section in tree["sections"].items():
        if not isinstance(section, dict) or any(part not in section for part in parts):
            return f"section {name!r} is incomplete."
    return ""


def overview(tree: Tree) -> dict[str, Any]:
    """Give what the first page shows.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    dict
        `opening` (the first page of every form), `states` of the properties, `questions`, `limits`, `failed`,
        `not_applicable`, `hidden` (what a shared copy leaves out, in words), `notices` and the `title`.
    """
    meta, found = tree["meta"], verdicts(tree)
    count = hidden_claims(tree)
    return {
        "title": meta["instrument"]["title"],
        "study": (meta["study"] or {}).get("title", ""),
        "opening": opening(tree),
        "states": evidence_by_property(tree["sections"]),
        "questions": question_rows(tree),
        "limits": limits_of(tree),
        "failed": found["failed"],
        "partial": found["partial"],
        "not_applicable": found["not_applicable"],
        "hidden": f"{HIDDEN}: {count}." if count else "",
        "notices": told_first(tree),
    }


def told_first(tree: Tree) -> list[tuple[str, str]]:
    """Give what a reader must know before any number: kind and sentence."""
    return [*notices(tree), *([sharing.NOTICE] if tree["meta"].get("shared") else [])]


def section_parts(tree: Tree, name: str, chosen: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Give what the page of one section shows.

    Parameters
    ----------
    tree
        The results tree.
    name
        Key of the section.
    chosen
        Dimension to the value its tables are filtered by.

    Returns
    -------
    dict
        Sentences, tables, judged claims and the method line; all ready to show. Where something is chosen,
        `findings` are those of its rows, and `apart` those of everything.
    """
    section: Mapping[str, Any] = filtered(tree["sections"][name], chosen or {})
    ok = section["status"] == "ok"
    found = verdicts(tree)
    mine = [
        entry
        for verdict in (Verdict.NOT_MET, Verdict.MET, Verdict.UNTESTED, Verdict.DOES_NOT_APPLY)
        for entry in found[verdict.value]
        if entry["section"] == name
    ]
    whole = tree["sections"][name]
    touched = is_touched(whole, chosen or {})
    apart = (
        [finding for finding in mine if not is_of(whole, finding["path"], chosen or {})] if touched else []
    )
    return {
        "section": section,
        "prose": prose(section) if ok else [],
        "tables": [table_view(name, section, table) for table in filled_tables(section)] if ok else [],
        "findings": [finding for finding in mine if finding not in apart],
        "apart": apart,
        "filtered": touched,
        "untested": untested_lines(section, alone=True) if ok else [],
        "method": method_line(section) if ok else "",
        "next_step": _next_step(section),
    }


def _next_step(section: Mapping[str, Any]) -> str:
    if section["status"] == "failed":
        return "Mend what the message names and run `dta validate` again; the other pages stand."
    if section["status"] == "untestable":
        return "More answers, or answers that differ, would let it be tested; the other pages stand."
    if section["status"] == "not_applicable" and section["cause"] != Cause.COMPOSITE:
        return "Give `dta validate` what is missing and this page fills itself."
    return ""
