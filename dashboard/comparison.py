"""Waves, groups and studies side by side, from what the results hold; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.common.verdicts import Verdict
from analysis.report.opening import opening
from analysis.report.view import Cell, TableView, Tree, verdicts
from dashboard.filters import filtered, is_of, is_touched
from instrument.common.formatting import format_value, with_interval

WAVES, STUDIES, GROUPS = "waves", "studies", "groups:"
FIRST_LEVEL = "configural"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A mean with its interval, of a score, at a wave, in a group or in a study."""

    title: str
    name: str
    mean: float
    low: float
    high: float
    n: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """People who changed by more than error between two waves: shares, and of how many."""

    title: str
    higher: float
    neither: float
    lower: float
    n: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What stands side by side.

    Attributes
    ----------
    sentences
        What may be read from it, and what not.
    sides
        Means, by score and then by name.
    ends
        Of the scale; None where the scores of two studies have other ends, so that no picture holds both.
    moved
        Changes beyond error; only between waves.
    states
        Heads and rows of what else is compared; only between studies.
    """

    sentences: tuple[str, ...]
    sides: tuple[Side, ...]
    ends: tuple[float, float] | None
    moved: tuple[Moved, ...] = ()
    states: tuple[tuple[str, ...], ...] = ()

    @property
    def table(self) -> TableView:
        """The means as a table: a row for each score, a column for each name."""
        names = list(dict.fromkeys(side.name for side in self.sides))
        by_place = {(side.title, side.name): side for side in self.sides}
        rows = []
        for title in dict.fromkeys(side.title for side in self.sides):
            cells = [Cell(value=title, text=title, path="", numeric=False)]
            for name in names:
                side = by_place.get((title, name))
                mean, n = (None, None) if side is None else (side.mean, side.n)
                told = "–" if side is None else with_interval(side.mean, side.low, side.high, "d2")
                cells.append(Cell(value=mean, text=told, path="", numeric=True))
                cells.append(Cell(value=n, text=format_value(n, "int"), path="", numeric=True))
            rows.append(cells)
        heads = [("Score", False)]
        for name in names:
            heads += [(name, True), ("n", True)]
        title = "Means side by side, with 95% intervals"
        return TableView(name="sides", title=title, note="", heads=heads, rows=rows)


def offered(tree: Tree, other: Tree | None) -> dict[str, str]:
    """Give what can be set side by side.

    Parameters
    ----------
    tree
        The results, in words for readers.
    other
        Those of a second study, if one was named.

    Returns
    -------
    dict
        Key to words; empty where there is one wave, no group and one study.
    """
    made = {}
    if len({side.name for side in _waves(tree)}) > 1:
        made[WAVES] = "Waves"
    groupings = dict.fromkeys(_table(tree, "relations", "means").get("grouping", ()))
    made |= {f"{GROUPS}{name}": f"By {name}" for name in groupings}
    if other is not None:
        made[STUDIES] = "Two studies"
    return made


TOPICS = ("scores", "longitudinal", "relations", "groups", "fairness")
"""Sections of which something is set side by side or judged, in the order of their rules."""


def narrowed(tree: Tree, chosen: Mapping[str, str]) -> Tree:
    """Keep of the sections compared the rows of what was chosen: sentences and figures are of these."""
    sections = {
        name: filtered(section, chosen) if name in TOPICS else section
        for name, section in tree["sections"].items()
    }
    return {**tree, "sections": sections}


def judged(tree: Tree, by: str, chosen: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give the claims on what is set side by side, of the rows of what was chosen.

    Parameters
    ----------
    tree
        The results, in words for readers, whole: a claim names a row of them.
    by
        A key of `offered`.
    chosen
        Dimension to the value chosen.

    Returns
    -------
    list of dict
        Of waves those on scores over time, of groups those on the same measure; none of two studies.
    """
    if by == WAVES:
        names, kept = ["longitudinal"], dict(chosen)
    elif by.startswith(GROUPS):
        names, kept = ["groups", "fairness"], {**chosen, "grouping": by.removeprefix(GROUPS)}
    else:
        return []
    found = []
    for name in names:
        section = tree["sections"].get(name)
        if section is None:
            continue
        every = [
            entry
            for verdict in (Verdict.NOT_MET, Verdict.MET, Verdict.UNTESTED)
            for entry in verdicts(tree)[verdict.value]
            if entry["section"] == name
        ]
        touched = is_touched(section, kept)
        found += [entry for entry in every if not touched or is_of(section, entry["path"], kept)]
    return found


def compare(tree: Tree, by: str, other: Tree | None = None) -> Comparison:
    """Set side by side what was asked for.

    Parameters
    ----------
    tree
        The results, in words for readers.
    by
        A key of `offered`.
    other
        Those of a second study.

    Returns
    -------
    Comparison
        What a shared copy leaves out is not here either.
    """
    if by == STUDIES and other is not None:
        return _studies(tree, other)
    if by.startswith(GROUPS):
        return _groups(tree, by.removeprefix(GROUPS))
    known = tree["meta"].get("wave_order") != "unknown"
    said = ["Each mean is of those who answered then: a difference mixes change with who answered."]
    if not known:
        said.insert(
            0, "The order of these waves is not known: they stand side by side, not one after another."
        )
    return Comparison(
        sentences=tuple(said), sides=tuple(_waves(tree)), ends=_ends(tree), moved=tuple(_moved(tree))
    )


def between(tree: Tree) -> str:
    """Say between which waves people are followed; empty where none are."""
    found = tree["sections"].get("longitudinal")
    if found is None or found["status"] != "ok":
        return ""
    values: Mapping[str, Any] = found["values"]
    return f"{values['first']} and {values['second']}" if values.get("second") else ""


def _table(tree: Tree, section: str, table: str) -> Mapping[str, Sequence[Any]]:
    found = tree["sections"].get(section)
    if found is None or found["status"] != "ok":
        return {}
    columns: Mapping[str, Sequence[Any]] = found["tables"].get(table, {})
    return columns


def _sides(table: Mapping[str, Sequence[Any]], name: str, kept: Mapping[str, Any]) -> list[Side]:
    """Rows of what is kept that have a mean and both ends of its interval."""
    keys = ("title", name, "mean", "mean_lower", "mean_upper", "n")
    if any(key not in table for key in (*keys, *kept)):
        return []
    made = []
    for row in range(len(table["title"])):
        title, of, mean, low, high, n = (table[key][row] for key in keys)
        if None not in (mean, low, high) and all(table[key][row] == value for key, value in kept.items()):
            made.append(Side(title=title, name=str(of), mean=mean, low=low, high=high, n=n))
    return made


def _waves(tree: Tree) -> list[Side]:
    return _sides(_table(tree, "scores", "scores"), "wave", {})


def _ends(tree: Tree) -> tuple[float, float]:
    table = _table(tree, "scores", "scores")
    low = [end for end in table.get("lowest_possible", ()) if end is not None]
    high = [end for end in table.get("highest_possible", ()) if end is not None]
    return (min(low), max(high)) if low and high else (0.0, 1.0)


def _moved(tree: Tree) -> list[Moved]:
    table = _table(tree, "longitudinal", "changes")
    made = []
    for row, title in enumerate(table.get("title", ())):
        higher, lower = table["share_higher"][row], table["share_lower"][row]
        if higher is not None and lower is not None:
            neither = max(0.0, 1.0 - higher - lower)
            made.append(Moved(title=title, higher=higher, neither=neither, lower=lower, n=table["n"][row]))
    return made


def _groups(tree: Tree, grouping: str) -> Comparison:
    said = ["Means by group describe these people. They say nothing of why groups differ."]
    return Comparison(
        sentences=(*said, _same_measure(tree, grouping)),
        sides=tuple(_sides(_table(tree, "relations", "means"), "label", {"grouping": grouping})),
        ends=_ends(tree),
    )


def _same_measure(tree: Tree, grouping: str) -> str:
    """Say whether answers were found to mean the same in these groups: what was not tested is not shown."""
    table = _table(tree, "groups", "levels")
    holds: dict[str, list[Any]] = {}
    for row, name in enumerate(table.get("grouping", ())):
        if name == grouping and table["level"][row] != FIRST_LEVEL:
            marks = holds.setdefault(table["title"][row], [])
            marks += [table["cfi_holds"][row], table["rmsea_holds"][row]]
    broken = [title for title, marks in holds.items() if False in marks]
    scored = {
        side.title for side in _sides(_table(tree, "relations", "means"), "label", {"grouping": grouping})
    }
    untold = [title for title in scored if title not in broken and None in holds.get(title, [None])]
    if broken:
        return (
            f"Answers mean something else in one of them for {', '.join(broken)}: do not compare that mean."
        )
    if untold:
        return "Whether answers mean the same in them could not be told for every score."
    return "No sign was found that answers mean something else in one of them."


def _studies(tree: Tree, other: Tree) -> Comparison:
    names = _names(tree, other)
    same = tree["meta"]["instrument"]["content_hash"] == other["meta"]["instrument"]["content_hash"]
    pages = [opening(one) for one in (tree, other)]
    said = [
        "Both asked the same questions."
        if same
        else "They did not ask the same questions: read the numbers beside each other, not as a difference.",
        "Other people were asked, perhaps in another way: a difference has more than one reason.",
    ]
    if any(one["meta"]["synthetic"] for one in (tree, other)):
        said.insert(0, "Answers of at least one of them were made up by a program.")
    sides = [
        Side(title=level.label, name=name, mean=level.mean, low=level.lower, high=level.upper, n=level.n)
        for name, page in zip(names, pages, strict=True)
        for level in page.levels
    ]
    states: list[tuple[str, ...]] = [("What is asked of the questions", *names)]
    states += [
        (one.name, one.said, another.said)
        for one, another in zip(pages[0].points, pages[1].points, strict=True)
    ]
    states.append(("People, waves, items", *(page.counted.removesuffix(".") for page in pages)))
    ends = _ends(tree) if _ends(tree) == _ends(other) else None
    if ends is None:
        said.append("Their scores have other ends, so they are not drawn on one axis.")
    return Comparison(sentences=tuple(said), sides=tuple(sides), ends=ends, states=tuple(states))


def _names(tree: Tree, other: Tree) -> tuple[str, str]:
    """Names of both; where they are alike, which of them is shown elsewhere."""
    one, another = (
        (each["meta"]["study"] or {}).get("title") or each["meta"]["instrument"]["title"]
        for each in (tree, other)
    )
    return (f"{one} (this one)", f"{another} (the other)") if one == another else (one, another)
