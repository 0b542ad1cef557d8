"""The results tree as it may be shared: small counts, and what would tell them, are taken out."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analysis.common.verdicts import Verdict
from analysis.disclosure.answers import hide_distributions
from analysis.disclosure.counts import (
    WHOLE,
    Entry,
    Hidden,
    Ledger,
    Path,
    enter,
    entries,
    is_number,
    kinds_of,
    n_kind_of,
    rows_of,
    small,
)
from analysis.disclosure.kinds import Kind, Of, What
from analysis.disclosure.small_cells import LIMIT
from analysis.disclosure.texts import ABSENT, masked, places, rounded, says_nothing, value_forms
from analysis.report.standards import verdicts_plain
from instrument.common.formatting import Coarse
from instrument.errors import DefinitionError, fact_and_hint

if TYPE_CHECKING:
    from analysis.pipeline.run import Validation

Tree = Mapping[str, Any]
NOTE = f"– also stands where fewer than {LIMIT} people stand behind a number, or where it would tell them."
DROPPED = f"Left out here: what rests on, or would tell, fewer than {LIMIT} people."
LEFT_OUT = "A table of single persons is left out here."


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

    Raises
    ------
    ValueError
        Something has no kind, or counts do not add up as its topic declares: then nothing may be shown.

    Notes
    -----
    What a number is, is said where it is made (`analysis.disclosure.kinds`); no title, label or sentence is
    read. Zero counts as small. So does the rest of a percentage (all but two answered). Sums that hold
    between tables and sentences are entered as equations, and the smallest other counts are taken out until
    each small one could be anything from 0 to 4 (`analysis.disclosure.small_cells`). The number of people a
    statistic rests on is shown from five upwards; it is taken out where it would tell how many did not
    answer.
    """
    if tree["meta"].get("shared"):
        return dict(tree)
    made: dict[str, Any] = copy.deepcopy(dict(tree))
    few = small(made["meta"]["participants"])
    for section in made["sections"].values():
        if section["status"] == "ok":
            _without_persons(section)
            _curves(section)
            if section.get("added"):
                _close(section, "Added by whoever made the report, and not shown to others.")
            elif few or (n_kind_of(section).what is What.PEOPLE and small(section["method"]["n"])):
                _close(section, f"Rests on fewer than {LIMIT} people, and is not shown to others.")
    shown = {name: section for name, section in made["sections"].items() if section["status"] == "ok"}
    ledger = Ledger()
    for key in ("participants", "administrations"):
        if is_number(made["meta"].get(key)):
            ledger.counted.add(ledger.add(made["meta"][key], ("meta", key), weight=WHOLE, name=key))
    whole = made["meta"].get("administrations")
    if not few and whole == made["meta"]["participants"]:  # one wave: people tell administrations
        ledger.sums.append({ledger.where["meta", "administrations"]: 1.0})
    enter(ledger, shown)
    hidden = ledger.hide()
    for key in ("participants", "administrations"):
        if few or hidden.holds(("meta", key)):
            made["meta"][key] = None
    if few:
        made["meta"]["without_variation"] = []
    items = made["meta"].get("instrument", {}).get("items", {})
    for name, section in made["sections"].items():
        if section["status"] == "ok":
            _take_out(name, section, hidden, items)
        if section["status"] in ("failed", "untestable"):
            section["message"] = masked(section["message"], items)
        for key in ("problems", "warnings"):
            section[key] = [
                text if text == LEFT_OUT else masked(text, items) for text in section.get(key, [])
            ]
        for part in section["untested"]:
            part["what"] = masked(part["what"], items)
        section.pop("account", None)
        section.pop("twins", None)
        section.pop("kinds", None)
        for caption in section["captions"].values():
            caption.pop("kinds", None)
    made["meta"].pop("twins", None)
    made["meta"]["notes"] = [masked(text, items) for text in made["meta"].get("notes", [])]
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

    Raises
    ------
    DefinitionError
        A number has no kind, or counts do not add up as its topic declares.
    """
    try:
        return replace(result, tree=shared_tree(result.tree))
    except ValueError as error:
        fact = f"small numbers cannot be taken out of these results: {error}."
        hint = "keep the report to the people of the study, and report this."
        raise DefinitionError(fact_and_hint("dta --shared", fact, hint)) from None


def _without_persons(section: dict[str, Any]) -> None:
    for table in list(section["tables"]):
        if any(kind.what is What.PERSON for kind in kinds_of(section, table).values()):
            del section["tables"][table], section["captions"][table]
            section["warnings"] = [*section.get("warnings", []), LEFT_OUT]


def _close(section: dict[str, Any], message: str) -> None:
    """Take a whole section out, and say why."""
    section.update(
        status="not_applicable",
        message=message,
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


def _take_out(name: str, section: dict[str, Any], hidden: Hidden, items: Collection[str]) -> None:
    every = list(entries(name, section))
    gone = {entry.path for entry in every if _goes(entry, hidden)}
    gone |= {(name, *place) for place in hide_distributions(section)}
    shares = {
        entry.value
        for entry in every
        if entry.path in hidden.paths and isinstance(entry.value, float) and not entry.value.is_integer()
    }
    section["suppressed"], section["coarse"] = {}, {}
    forms, told, empty = value_forms(section), set(), set()
    for entry in every:
        if entry.path[1] == "values":
            key = str(entry.path[2])
            twin = isinstance(entry.value, float) and entry.value in shares
            section["values"][key] = _shown(entry, hidden, items, forms.get(key), entry.path in gone or twin)
            few = entry.kind.what is What.FEW
            if section["values"][key] is None and (few or forms.get(key, "text") != "text"):
                told.add(key)
            if says_nothing(entry.value, section["values"][key]):
                empty.add(f"{{{key}}}")
        elif entry.path[2] == "options":
            options = section["method"]["options"]
            options[entry.path[3]] = _option(entry, hidden, items)
        elif entry.table is not None:
            _set_cell(section, entry, hidden, items, gone=gone, shares=shares)
    if (name, "method", "n") in gone:
        section["method"]["n"] = None
    sentences = [
        sentence
        for sentence in section["prose"]
        if sentence not in empty and not told & places(sentence).keys()
    ]
    section["prose"] = sentences + ([DROPPED] if len(sentences) < len(section["prose"]) else [])
    for table in section["suppressed"]:
        caption = section["captions"][table]
        caption["note"] = f"{caption['note']} {NOTE}".strip()


def _set_cell(
    section: dict[str, Any],
    entry: Entry,
    hidden: Hidden,
    items: Collection[str],
    *,
    gone: set[Path],
    shares: set[float],
) -> None:
    table, key = str(entry.table), str(entry.path[3])
    form = section["captions"][table]["columns"].get(key, {}).get("format")
    twin = entry.kind.what is What.SHARE and entry.value in shares
    made = _shown(entry, hidden, items, form, entry.path in gone or twin)
    if made is None and entry.value is not None:
        section["suppressed"].setdefault(table, {}).setdefault(key, []).append(entry.row)
    if isinstance(made, Coarse):
        section["coarse"].setdefault(table, {}).setdefault(key, []).append(entry.row)
    section["tables"][table][key][entry.row] = made


def _shown(entry: Entry, hidden: Hidden, items: Collection[str], form: str | None, gone: bool) -> Any:
    """Give what is shown of a cell or value."""
    if entry.kind.what is What.WORDS:
        return _refilled(entry, hidden)
    if gone:
        return None
    if entry.kind.what is What.FOREIGN:
        return _masked(entry.value, items)
    return rounded(entry.value, form, coarse=_is_coarse(entry, hidden))


def _masked(value: Any, items: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_masked(part, items) for part in value]
    return masked(value, items) if isinstance(value, str) else value


def _refilled(entry: Entry, hidden: Hidden) -> str:
    """Make words with counts again, from those counts that may be printed."""
    counts = entry.kind.counts[entry.row]
    shown = [
        ABSENT if hidden.holds((*entry.path, place)) else str(number) for place, number in enumerate(counts)
    ]
    return entry.kind.templates[entry.row].format(*shown)


def _option(entry: Entry, hidden: Hidden, items: Collection[str]) -> Any:
    if entry.kind.what is What.FOREIGN:
        return _masked(entry.value, items)
    if entry.path in hidden.paths:
        return f"fewer than {LIMIT}" if small(entry.value) else ABSENT
    return entry.value


def _goes(entry: Entry, hidden: Hidden) -> bool:
    """Say whether a number rests on too few people, or tells a count that is hidden."""
    if entry.value is None:
        return False
    if entry.path in hidden.paths or entry.kind.what is What.FEW:
        return True
    kind = entry.kind
    if any(hidden.is_small(entry.meant(of)) for of in (*kind.on, *_whole(kind))):
        return True
    if any(hidden.holds(entry.meant(of)) for of in kind.tells):
        return True
    if kind.what is What.SHARE and kind.of is not None and hidden.holds(entry.meant(kind.of)):
        over_rest = kind.rest is not None and not hidden.holds(entry.meant(kind.rest))
        if over_rest or hidden.prints(entry.path):  # a number over its share is the whole
            return True
    return any(_nearly_all(entry, key) for key in kind.ends)


def _whole(kind: Kind) -> tuple[Of, ...]:
    return (kind.of,) if kind.of is not None else ()


def _is_coarse(entry: Entry, hidden: Hidden) -> bool:
    """Say whether more digits would tell the hidden number of people in the same row."""
    if entry.kind.what is What.STATISTIC and not entry.kind.fraction:
        return False
    rests = [of for of in (*entry.kind.on, *_whole(entry.kind)) if isinstance(of, str)]
    return entry.table is not None and any(hidden.holds(entry.meant(of)) for of in rests)


def _nearly_all(entry: Entry, key: str) -> bool:
    """Say whether all but a few people are at an end of the scale: then the mean tells the few."""
    share = entry.columns[key][entry.row]
    bases = [entry.columns[of][entry.row] for of in entry.kind.on if isinstance(of, str)]
    return any(is_number(share) and is_number(n) and small(n * (1 - share) - 1e-6) for n in bases)


def _curves(section: Mapping[str, Any]) -> None:
    """Thin survival curves: a step is shown when five people or more are behind it."""
    for table, columns in section["tables"].items():
        caption = section["captions"][table]
        named = caption.get("curve")
        if named is None:
            continue
        at_risk, events, groups = (columns[named[key]] for key in ("at_risk", "events", "by"))
        waiting: dict[Any, float] = {}
        keep = []
        for row in range(rows_of(columns)):
            label = groups[row]
            waiting[label] = waiting[label] + events[row] if label in waiting else float(LIMIT)
            if waiting[label] >= LIMIT and not small(at_risk[row]):
                keep.append(row)
                waiting[label] = 0.0
        for column in columns.values():
            column[:] = [column[row] for row in keep]
        for key in ("events", "at_risk"):
            columns[named[key]][:] = [None] * len(keep)
            caption["columns"].pop(named[key], None)
        caption["note"] = f"{caption['note']} Each step stands for {LIMIT} people or more.".strip()


_LEFT_OUT = {"value": None, "verdict": Verdict.HIDDEN.value, "cause": None, "passed": None}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def coarse_again(tree: dict[str, Any]) -> None:
    """Mark in a shared tree that was read from a file what holds fewer digits than its format prints.

    Parameters
    ----------
    tree
        As read; changed in place.
    """
    for section in tree["sections"].values():
        for table, columns in (section.get("coarse") or {}).items():
            for key, rows in columns.items():
                column = section["tables"][table][key]
                for row in rows:
                    column[row] = Coarse(column[row])
    for section in tree["sections"].values():
        for finding in section["findings"]:
            if finding["value"] is not None and isinstance(found := _at(tree, finding["path"]), Coarse):
                finding["value"] = found


def _at(tree: Mapping[str, Any], path: str) -> Any:
    """What stands at a path; None where nothing does."""
    value: Any = tree
    try:
        for word, position in _STEP.findall(path):
            value = value[int(position)] if position else value[word]
    except (KeyError, IndexError, TypeError):
        return None
    return value


def _judged(tree: dict[str, Any]) -> None:
    """Keep the judged claims with the digits that are still there; without a number the verdict goes, too."""
    for section in tree["sections"].values():
        kept = []
        for finding in section["findings"]:
            if finding["value"] is None:
                kept.append(finding)
                continue
            value = _at(tree, finding["path"])
            kept.append({**finding, **_LEFT_OUT} if value is None else {**finding, "value": value})
        if any(finding["verdict"] == Verdict.HIDDEN for finding in kept):
            section["warnings"] = [
                *section["warnings"],
                "Claims that rest on small numbers are left out here.",
            ]
        section["findings"] = kept
