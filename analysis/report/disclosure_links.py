"""Sums between tables and sentences of the shipped topics: one count printed in several places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.report.disclosure_counts import (
    BASE,
    TOTAL,
    Ledger,
    Path,
    is_number,
    method_n,
    rows_of,
    share_of,
)

Sections = Mapping[str, Any]


def link(ledger: Ledger, tree: Mapping[str, Any]) -> None:
    """Relate the counts of the topics that are there; a sum that does not hold is no sum.

    Parameters
    ----------
    ledger
        Holds the counts of every table and sentence.
    tree
        The results tree.
    """
    sections = {name: part for name, part in tree["sections"].items() if part["status"] == "ok"}
    meta = {key: tree["meta"].get(key) for key in ("participants", "administrations")}
    for key, value in meta.items():
        if is_number(value):
            ledger.add(value, ("meta", key), weight=TOTAL)
    for name, linked in (
        ("flow", _flow),
        ("items", _items),
        ("scores", _scores),
        ("screening", _screening),
        ("retest", _retest),
        ("use", _use),
        ("adherence", _adherence),
        ("reliability", _reliability),
        ("longitudinal", _longitudinal),
    ):
        if name in sections:
            linked(ledger, sections)


def _value(ledger: Ledger, sections: Sections, name: str, key: str, weight: int = 0) -> int | None:
    """Enter a count that a sentence prints."""
    value = sections.get(name, {}).get("values", {}).get(key)
    return ledger.add(value, (name, "values", key), weight=weight) if is_number(value) else None


def _share(
    ledger: Ledger, sections: Sections, name: str, key: str, whole: int | None, part: int | None = None
) -> int | None:
    """Enter a share that a sentence prints, of a whole, and protect its rest."""
    value = sections[name]["values"].get(key)
    count = share_of(value, ledger.values[whole]) if whole is not None else None
    if count is None:
        return None
    found = ledger.add(count, (name, "values", key))
    ledger.rest(found, whole)
    ledger.same(found, part)
    return found


def _flow(ledger: Ledger, sections: Sections) -> None:
    section, at = sections["flow"], ("flow", "tables", "flow")
    table, values = section["tables"]["flow"], section["values"]
    answered = [ledger.where.get((*at, "answered", row)) for row in range(rows_of(table))]
    people = method_n(ledger, "flow", section)
    ledger.same(ledger.where.get(("meta", "participants")), people)
    ledger.same(_value(ledger, sections, "flow", "participants", TOTAL), people)
    handed = [ledger.where.get((*at, "administrations", row)) for row in range(rows_of(table))]
    ledger.total([cell for cell in handed if cell is not None], ledger.where.get(("meta", "administrations")))
    first = answered[0] if answered else None
    if first is None:
        return
    for key in {"first_n", "per_item"} & values.keys():
        ledger.also(first, ("flow", "values", key))
    whole = ledger.where.get((*at, "complete", 0))
    _share(ledger, sections, "flow", "complete_rate", first, whole)
    last: int | None = None
    for row in range(1, rows_of(table)):  # at the first wave everyone is of the first wave
        count = share_of(table["retained"][row], ledger.values[first])
        if count is not None:
            last = ledger.add(count, (*at, "retained", row))
            ledger.rest(last, first)
    if last is not None and values.get("last_rate") == table["retained"][-1]:
        ledger.also(last, ("flow", "values", "last_rate"))
    _missing_answers(ledger, section, answered)


def _missing_answers(ledger: Ledger, section: Mapping[str, Any], answered: list[int | None]) -> None:
    """Enter the missing answers at each wave, in all, and by reason."""
    at: Path = ("flow", "tables", "flow", "missing_rate")
    rates, items = section["tables"]["flow"]["missing_rate"], section["values"]["items"]
    by_wave = []
    for row, rate in enumerate(rates):
        cell = answered[row]
        count = share_of(rate, ledger.values[cell] * items) if cell is not None else None
        if count is not None:
            by_wave.append(ledger.add(count, (*at, row), weight=2))
    reasons = section["tables"].get("reasons")
    if reasons is None or not rows_of(reasons):
        return
    found = [
        ledger.where[path]
        for row in range(rows_of(reasons))
        if (path := ("flow", "tables", "reasons", "answers", row)) in ledger.where
    ]
    whole = share_of(section["values"]["missing_rate"], reasons["possible"][0])
    if whole is not None:
        total = ledger.add(whole, ("flow", "values", "missing_rate"), weight=3)
        ledger.total(found, total)
        ledger.total(by_wave, total)


def _items(ledger: Ledger, sections: Sections) -> None:
    section = sections["items"]
    table, at = section["tables"]["statistics"], ("items", "tables", "statistics")
    everyone = method_n(ledger, "items", section)
    ledger.same(everyone, ledger.where.get(("flow", "values", "first_n")))
    absent = []
    for row in range(rows_of(table)):
        n, share = table["n"][row], table["missing_share"][row]
        if everyone is None or not is_number(n) or share is None:
            continue
        shown = ledger.add(n, (*at, "n", row), weight=BASE)
        count = ledger.add(ledger.values[everyone] - n, (*at, "missing", row), (*at, "missing_share", row))
        ledger.total([count, shown], everyone)
        absent.append(count)
        for name, other in section["tables"].items():
            if name.startswith("distribution_") and table["item"][row] in other["item"]:
                place = other["item"].index(table["item"][row])
                ledger.also(shown, ("items", "tables", name, "n", place))
    ledger.total(absent, ledger.where.get(("flow", "tables", "flow", "missing_rate", 0)))


def _scores(ledger: Ledger, sections: Sections) -> None:
    table, at = sections["scores"]["tables"]["scores"], ("scores", "tables", "scores")
    flow = sections.get("flow", {}).get("tables", {}).get("flow", {"wave": []})
    for row in range(rows_of(table)):
        if table["wave"][row] not in flow["wave"] or not is_number(table["n"][row]):
            continue
        wave = flow["wave"].index(table["wave"][row])
        whole = ledger.where.get(("flow", "tables", "flow", "administrations", wave))
        count = share_of(table["unscored"][row], ledger.values[whole] if whole is not None else None)
        if count is not None:
            shown = ledger.add(table["n"][row], (*at, "n", row), weight=BASE)
            ledger.total([ledger.add(count, (*at, "unscored", row)), shown], whole)


def _screening(ledger: Ledger, sections: Sections) -> None:
    everyone = method_n(ledger, "screening", sections["screening"])
    ledger.same(_value(ledger, sections, "screening", "administrations", TOTAL), everyone)
    ledger.same(ledger.where.get(("meta", "administrations")), everyone)
    flagged = _value(ledger, sections, "screening", "flagged")
    if flagged is not None:
        ledger.rest(flagged, everyone)
        _share(ledger, sections, "screening", "flagged_share", everyone, flagged)


def _retest(ledger: Ledger, sections: Sections) -> None:
    pairs = _value(ledger, sections, "retest", "pairs", BASE)
    stable = _value(ledger, sections, "retest", "stable")
    ledger.same(stable, method_n(ledger, "retest", sections["retest"]))
    if stable is not None:
        ledger.rest(stable, pairs)


def _use(ledger: Ledger, sections: Sections) -> None:
    people = method_n(ledger, "use", sections["use"])
    ledger.same(_value(ledger, sections, "use", "people", TOTAL), people)
    watched = _value(ledger, sections, "use", "at_risk", 4)
    for part, whole in (("never", people), ("at_risk", people), ("disengaged", watched)):
        cell = _value(ledger, sections, "use", part)
        if cell is not None:
            ledger.rest(cell, whole)
    _share(ledger, sections, "use", "adherent_share", people)


def _reliability(ledger: Ledger, sections: Sections) -> None:
    """Protect those who are in no group of a grouping, theme by theme."""
    tables = sections["reliability"]["tables"]
    alpha, parts = tables.get("alpha"), tables.get("by_part")
    if alpha is None or parts is None:
        return
    for place, theme in enumerate(alpha["theme"]):
        whole = ledger.where.get(("reliability", "tables", "alpha", "n", place))
        for kind in dict.fromkeys(parts["kind"]):
            rows = [
                row
                for row in range(rows_of(parts))
                if kind != "Wave" and (parts["kind"][row], parts["theme"][row]) == (kind, theme)
            ]
            cells = [ledger.where.get(("reliability", "tables", "by_part", "n", row)) for row in rows]
            groups = [cell for cell in cells if cell is not None]
            if whole is None or not groups:
                continue
            rest = ledger.values[whole] - sum(ledger.values[cell] for cell in groups)
            if rest > 0:
                ledger.total([*groups, ledger.add(rest)], whole)
            else:
                ledger.total(groups, whole)


def _longitudinal(ledger: Ledger, sections: Sections) -> None:
    section, at = sections["longitudinal"], ("longitudinal", "tables", "changes")
    both = _value(ledger, sections, "longitudinal", "both", BASE)
    before = _value(ledger, sections, "longitudinal", "at_first", TOTAL)
    stayed = _value(ledger, sections, "longitudinal", "stayed", BASE)
    ledger.same(both, method_n(ledger, "longitudinal", section))
    for part, whole in ((both, before), (stayed, both)):
        if part is not None:
            ledger.rest(part, whole)
    table, most = section["tables"].get("changes"), section["values"].get("change_most")
    for row in range(rows_of(table)) if table is not None else ():
        cells = {key: ledger.where.get((*at, key, row)) for key in ("n", "higher", "same", "lower")}
        higher, same, lower = (cells[key] for key in ("higher", "same", "lower"))
        if higher is None or same is None or lower is None:
            continue
        ledger.total([higher, same, lower], cells["n"])
        if table is not None and table["title"][row] == section["values"].get("change_most_title"):
            count = share_of(most, table["n"][row])
            if count is not None:
                changed = ledger.add(count, ("longitudinal", "values", "change_most"), weight=3)
                ledger.total([higher, lower], changed)
                ledger.total([changed, same], cells["n"])


STEPS = {
    "enrolled": "enrolled",
    "withdrawn before": "withdrawn",
    "no use for the declared": "had_left",
    "of these, used the app again": "came_back",
    "no score": "no_score",
    "of these, had left at": "analysed_left",
    "of these, had left": "no_score_left",
    "scored, but a covariate": "no_covariate",
    "analysed: remaining": "analysed",
    "analysed: time": "analysed_time",
    "of these, disengaged": "disengaged",
}
PARTS = (
    ("came_back", "had_left"),
    ("no_score_left", "no_score"),
    ("analysed_left", "analysed"),
    ("disengaged", "analysed_time"),
    ("withdrawn", "enrolled"),
    ("had_left", "enrolled"),
    ("analysed", "enrolled"),
)
SUMS = (
    (("withdrawn", "no_score", "no_covariate", "analysed"), "enrolled"),
    (("analysed_left", "analysed_time"), "analysed"),
)


def _adherence(ledger: Ledger, sections: Sections) -> None:
    section = sections["adherence"]
    step: dict[str, int] = {}
    for row, label in enumerate(section["tables"].get("flow", {"step": []})["step"]):
        role = next((role for start, role in STEPS.items() if label.strip().startswith(start)), None)
        cell = ledger.where.get(("adherence", "tables", "flow", "n", row))
        if role and cell is not None:
            step[role] = cell
    for parts, whole in SUMS:
        if all(part in step for part in parts) and whole in step:
            ledger.total([step[part] for part in parts], step[whole])
    for part, of in PARTS:
        if part in step and of in step:
            ledger.rest(step[part], step[of])
    for key in ("enrolled", "had_left", "analysed"):
        ledger.same(_value(ledger, sections, "adherence", key), step.get(key))
    ledger.same(method_n(ledger, "adherence", section), step.get("analysed"))
    _between_use_and_flow(ledger, sections, step)
    risk = section["tables"].get("at_risk")
    if risk is not None and "analysed_time" in step:
        start = [row for row, time in enumerate(risk["time"]) if time == 0]
        cells = [ledger.where.get(("adherence", "tables", "at_risk", "at_risk", row)) for row in start]
        ledger.total([cell for cell in cells if cell is not None], step["analysed_time"])


def _between_use_and_flow(ledger: Ledger, sections: Sections, step: Mapping[str, int]) -> None:
    people, watched = (
        ledger.where.get(("use", "values", "people")),
        ledger.where.get(("use", "values", "at_risk")),
    )
    ledger.same(people, step.get("enrolled"))
    if watched is not None and "withdrawn" in step and "had_left" in step:
        ledger.total([step["withdrawn"], step["had_left"], watched], people)
