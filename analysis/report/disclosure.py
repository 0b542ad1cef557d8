"""The results tree as it may be shared: small counts, and what would tell them, are taken out."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analysis.report.disclosure_counts import (
    NO_PEOPLE,
    Ledger,
    Path,
    enter_tables,
    enter_values,
    forms_of,
    is_count,
    is_number,
    rows_of,
    siblings,
    small,
)
from analysis.report.disclosure_items import hide_distributions
from analysis.report.disclosure_links import link
from analysis.report.disclosure_texts import groups_vague, places, rounded, vague, value_forms
from analysis.report.small_cells import LIMIT
from analysis.report.standards import verdicts_plain
from analysis.verdicts import Verdict

if TYPE_CHECKING:
    from analysis.pipeline.run import Validation

Tree = Mapping[str, Any]
PERSON = frozenset({"participant", "participants", "person", "person_id", "administration", "respondent"})
NOTE = f"– also stands where fewer than {LIMIT} people stand behind a number, or where it would tell them."
DROPPED = f"Left out here: what rests on, or would tell, fewer than {LIMIT} people."
# statistics that go when the count they rest on goes
RESTING: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("screening", "sensitivity"): {"n_without": ("alpha_without", "change")},
    ("flow", "flow"): {"answered": ("missing_rate", "retained", "complete")},
}


def shared_tree(tree: Tree) -> dict[str, Any]:
    """Give a copy of the results that may be shown to others than the people of the study.

    Use it for a report that is passed on and for a dashboard that more than its operator sees. Do not use it
    for the analysis itself: numbers are rounded to what is printed.

    Parameters
    ----------
    tree
        The results tree of `validate`.

    Returns
    -------
    dict
        The same tree without counts under 5, without those that would tell them, without statistics of fewer
        than five people and without tables of persons; `meta.shared` says so. A tree that is shared already
        is returned as it is.

    Notes
    -----
    Zero counts as small. So does the rest of a percentage (all but two answered). Sums that hold between
    tables and sentences are entered as equations, and the smallest other counts are taken out until each
    small one could be anything from 0 to 4 (`analysis.report.small_cells`). The number of people a statistic
    rests on is shown from five upwards; it is taken out where it would tell how many did not answer.
    """
    if tree["meta"].get("shared"):
        return dict(tree)
    made: dict[str, Any] = copy.deepcopy(dict(tree))
    few = small(made["meta"]["participants"])
    for name, section in made["sections"].items():
        if section["status"] == "ok":
            _without_persons(section)
            _curves(section)
            if few or (name not in NO_PEOPLE and small(section["method"]["n"])):
                _close(section)
    ledger = Ledger()
    for name, section in made["sections"].items():
        if section["status"] == "ok" and name not in NO_PEOPLE:
            enter_tables(ledger, name, section)
            forms = value_forms(section)
            enter_values(ledger, name, section, [key for key, form in forms.items() if form == "percent"])
    link(ledger, made)
    hidden = ledger.hidden()
    hidden |= siblings(made["sections"], hidden)
    for key in ("participants", "administrations"):
        if few or ("meta", key) in hidden:
            made["meta"][key] = None
    if few:
        made["meta"]["without_variation"] = []
    for name, section in made["sections"].items():
        if section["status"] == "ok":
            gone = {path[1:] for path in hidden if path[0] == name}
            _take_out(name, section, gone, made["meta"]["participants"])
        for key in ("problems", "warnings"):
            section[key] = [vague(text) for text in section.get(key, [])]
        for part in section["untested"]:
            part["what"] = vague(part["what"])
        section["message"] = vague(section["message"])
    made["meta"]["notes"] = [vague(text) for text in made["meta"].get("notes", [])]
    _judged(made)
    made["properties"] = verdicts_plain(made["sections"])
    made["meta"]["shared"] = {"smallest": LIMIT}
    made["meta"]["notes"].append(f"Made to be shared: numbers of fewer than {LIMIT} people are left out.")
    return made


def to_share(result: Validation) -> Validation:
    """Give a validation whose tree may be shared.

    Parameters
    ----------
    result
        As returned by `validate`.

    Returns
    -------
    Validation
        Its report, tables and `results.json` hold no small number.
    """
    return replace(result, tree=shared_tree(result.tree))


def _without_persons(section: dict[str, Any]) -> None:
    for table in list(section["tables"]):
        if PERSON & section["tables"][table].keys() or section["captions"][table].get("persons"):
            del section["tables"][table], section["captions"][table]
            section["warnings"] = [
                *section.get("warnings", []),
                "A table of single persons is left out here.",
            ]


def _close(section: dict[str, Any]) -> None:
    """Take a whole section out: it rests on fewer than five people."""
    section.update(
        status="not_applicable",
        message=f"Rests on fewer than {LIMIT} people, and is not shown to others.",
        prose=[],
        values={},
        tables={},
        captions={},
        findings=[],
        figures=[],
        problems=[],
        untested=[],
        warnings=[],
    )
    section["method"] = {**section["method"], "n": None, "options": {}}


def _take_out(name: str, section: dict[str, Any], hidden: set[Path], people: int | None) -> None:
    gone_shares = {
        value for path in hidden if isinstance(value := _at(section, path), float) and not value.is_integer()
    }
    coarse = {path[1:2] + path[3:] for path in hidden if path[0] == "tables" and path[2] == "n"}
    if name == "items":
        hidden |= hide_distributions(section)
    if name not in NO_PEOPLE:
        hidden |= _resting(name, section, hidden)
    _groups(section, hidden, [n for n in (section["method"]["n"], people) if n is not None])
    _values(section, hidden, gone_shares)
    section["suppressed"] = {}
    for table, columns in section["tables"].items():
        forms = forms_of(section, table)
        gone: dict[str, list[int]] = {}
        for key, column in columns.items():
            for row, value in enumerate(column):
                twin = forms.get(key) == "percent" and value in gone_shares
                if ("tables", table, key, row) in hidden or (twin and is_number(value)):
                    column[row] = None
                    gone.setdefault(key, []).append(row)
                else:
                    column[row] = rounded(value, forms.get(key), coarse=(table, row) in coarse)
        if gone:
            section["suppressed"][table] = gone
            caption = section["captions"][table]
            caption["note"] = f"{caption['note']} {NOTE}".strip()
    if ("method", "n") in hidden:
        section["method"]["n"] = None
    options: dict[str, Any] = section["method"]["options"]
    for key, value in options.items():
        if re.search(r"\bn\b|people|dropped|persons", key) and small(value):
            options[key] = f"fewer than {LIMIT}"
        elif isinstance(value, str):
            options[key] = vague(value)


def _at(section: Mapping[str, Any], path: Path) -> Any:
    value: Any = section
    for step in path:
        value = value[step]
    return value


def _resting(name: str, section: Mapping[str, Any], hidden: set[Path]) -> set[Path]:
    """Find the statistics of rows with too few people, and those that tell a hidden count."""
    found: set[Path] = set()
    table: str
    columns: Mapping[str, Any]
    for table, columns in section["tables"].items():
        forms = forms_of(section, table)
        bases = [columns[key] for key in ("n", "n_obs", "at_risk", "answered") if key in columns]
        for row in range(rows_of(columns)):
            if any(small(base[row]) for base in bases):
                found |= {
                    ("tables", table, key, row)
                    for key, column in columns.items()
                    if is_number(column[row])
                    and (is_count(key, forms.get(key)) or isinstance(column[row], float))
                    and key not in ("time", "day", "lowest_possible", "highest_possible")
                }
            for count, told in RESTING.get((name, table), {}).items():
                if ("tables", table, count, row) in hidden:
                    found |= {("tables", table, key, row) for key in told}
            if any(_nearly_all(columns, key, row) for key in ("floor", "ceiling")):
                found |= {
                    ("tables", table, key, row)
                    for key in ("mean", "sd", "mean_lower", "mean_upper")
                    if key in columns
                }
    return found


def _groups(section: dict[str, Any], hidden: set[Path], wholes: list[int]) -> None:
    """Take numbers of people out of words such as `woman (293), man (189)`."""
    for columns in section["tables"].values():
        for row, text in enumerate(columns.get("groups", [])):
            if isinstance(text, str):
                for whole in wholes:
                    columns["groups"][row] = groups_vague(columns["groups"][row], whole)
    for key, value in section["values"].items():
        if isinstance(value, str):
            section["values"][key] = groups_vague(value, None)
    for table, columns in section["tables"].items():
        if "smallest" in columns:
            texts = columns.get("groups", [])
            hidden |= {("tables", table, "smallest", row) for row, text in enumerate(texts) if "(–)" in text}


def _nearly_all(columns: Mapping[str, Any], key: str, row: int) -> bool:
    """Say whether all but a few people are at an end of the scale: then the mean tells the few."""
    if key not in columns or "n" not in columns or not is_number(columns[key][row]):
        return False
    return small(columns["n"][row] * (1 - columns[key][row]) - 1e-6)


def _curves(section: Mapping[str, Any]) -> None:
    """Thin survival curves: a step is shown when five people or more are behind it."""
    for table, columns in section["tables"].items():
        if not {"time", "at_risk", "events"} <= columns.keys():
            continue
        groups = next((columns[key] for key in ("third", "group") if key in columns), None)
        waiting: dict[Any, float] = {}
        keep = []
        for row in range(rows_of(columns)):
            label = groups[row] if groups is not None else ""
            waiting[label] = waiting[label] + columns["events"][row] if label in waiting else float(LIMIT)
            if waiting[label] >= LIMIT and not small(columns["at_risk"][row]):
                keep.append(row)
                waiting[label] = 0.0
        for column in columns.values():
            column[:] = [column[row] for row in keep]
        for key in ("events", "at_risk"):
            columns[key][:] = [None] * len(keep)
            section["captions"][table]["columns"].pop(key, None)
        caption = section["captions"][table]
        caption["note"] = f"{caption['note']} Each step stands for {LIMIT} people or more.".strip()


def _values(section: dict[str, Any], hidden: set[Path], gone_shares: set[float]) -> None:
    """Take hidden values out, and the sentences that print them."""
    forms, values = value_forms(section), section["values"]
    for key, value in values.items():
        if ("values", key) in hidden or (isinstance(value, float) and value in gone_shares):
            values[key] = None
        else:
            values[key] = rounded(value, forms.get(key))
    gone = {path[1] for path in hidden if path[0] == "values"}
    gone |= {key for key, value in values.items() if value is None and forms.get(key, "text") != "text"}
    told = [sentence for sentence in section["prose"] if not gone & places(sentence).keys()]
    if len(told) < len(section["prose"]):
        told.append(DROPPED)
    section["prose"] = [vague(sentence) for sentence in told]


_LEFT_OUT = {"value": None, "verdict": Verdict.HIDDEN.value, "cause": None, "passed": None}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def _judged(tree: dict[str, Any]) -> None:
    """Keep the judged claims with the digits that are still there; without a number the verdict goes, too."""
    for section in tree["sections"].values():
        kept = []
        for finding in section["findings"]:
            if finding["value"] is None:
                kept.append({**finding, "claim": vague(finding["claim"])})
                continue
            value: Any = tree
            try:
                for word, position in _STEP.findall(finding["path"]):
                    value = value[int(position)] if position else value[word]
            except (KeyError, IndexError, TypeError):
                value = None
            if value is None:
                kept.append({**finding, **_LEFT_OUT, "claim": vague(finding["claim"])})
                continue
            kept.append({**finding, "value": value, "claim": vague(finding["claim"])})
        if any(finding["verdict"] == Verdict.HIDDEN for finding in kept):
            section["warnings"] = [
                *section["warnings"],
                "Claims that rest on small numbers are left out here.",
            ]
        section["findings"] = kept
