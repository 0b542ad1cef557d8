"""The short report: what an app team needs to know, in plain words, on two pages at most."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.common.rules import FEWEST_PEOPLE, ITEM_REST, OF_PLAN, in_force, planned_cutoffs
from analysis.common.standing import Place
from analysis.common.verdicts import State
from analysis.report import opening_words
from analysis.report import short_words as words
from analysis.report.about_app import has_app
from analysis.report.labels import wordings_of
from analysis.report.opening import SCORE, Opening, Point, opening
from analysis.report.standards import Evidence, evidence_of
from analysis.report.view import Tree
from instrument.common.formatting import format_value
from instrument.reading.wave_order import OrderSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A printed value and the path of the number behind it."""

    text: str
    path: str


Words = Sequence[str | Number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A small table; `bars` gives start, end and middle of a bar for each row, as shares of its width."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]
    bars: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A heading, its sentences, a list, a table, and what follows from it."""

    heading: str
    lines: Sequence[Words] = ()
    points: Sequence[Words] = ()
    grid: Grid | None = None
    after: Sequence[Words] = ()


def short_parts(tree: Tree) -> list[Part]:
    """Give the short report in parts, each number with its path in the tree.

    Parameters
    ----------
    tree
        The results tree; numbers taken out of a shared tree are left out here as well.

    Returns
    -------
    list of Part
        In the order of reading.
    """
    with in_force(planned_cutoffs(tree["meta"])):
        return _parts(tree)


def _parts(tree: Tree) -> list[Part]:
    page = opening(tree)
    first = [_answer(page), _next(page), _points(tree, page), _levels(tree, page)]
    made = [*first, _asked(tree), _weakest(tree), _answered(tree), _staying(tree)]
    return [*[part for part in made if part is not None], _unknown(tree), _change(tree)]


def _answer(page: Opening) -> Part:
    counts: list[str | Number] = []
    paths = {"people": "meta.participants", "waves": "meta.waves", "items": "meta.instrument.items"}
    nouns = {"people": ("person", "people"), "waves": ("time", "times"), "items": ("question", "questions")}
    for label, number in page.counts.items():
        counts += [", " if counts else ""]
        counts += [Number(text=format_value(number, "int"), path=paths[label])]
        counts += [f" {nouns[label][0 if number == 1 else 1]}"]
    return Part(heading="In one sentence", lines=([page.sentence], [*counts, "."]))


def _next(page: Opening) -> Part:
    return Part(heading=opening_words.NEXT, points=tuple([step.text] for step in page.steps))


def honest_lines(tree: Tree) -> list[str]:
    """Give what a reader must know before any number, in plain words."""
    meta = tree["meta"]
    drafts = meta["instrument"]["status"] == "candidate"
    return [
        *([words.MADE_UP] if meta["synthetic"] else []),
        *([words.DRAFT if meta["synthetic"] else words.DRAFT_ASKED] if drafts else []),
        *_too_few(opening(tree)),
    ]


def _too_few(page: Opening) -> list[str]:
    """One calm line where too few people answered for the checks, or for some of them."""
    if not any(point.few for point in page.points):
        return []
    judged = any(point.state.counts for point in page.points)
    return [words.FEW_FOR_SOME if judged else words.FEW]


def _number(tree: Tree, path: str, value: Any, form: str) -> Number:
    return Number(text=format_value(value, form), path=path)


def _value(tree: Tree, section: str, key: str, form: str = "int") -> Number:
    value = tree["sections"][section]["values"][key]
    return Number(text=format_value(value, form), path=f"sections.{section}.values.{key}")


def _cell(tree: Tree, section: str, table: str, key: str, row: int, form: str) -> Number:
    value = tree["sections"][section]["tables"][table][key][row]
    return Number(text=format_value(value, form), path=f"sections.{section}.tables.{table}.{key}[{row}]")


def _given(tree: Tree, section: str) -> Mapping[str, Any] | None:
    found = tree["sections"].get(section)
    return found if found is not None and found["status"] == "ok" else None


def for_whom(tree: Tree) -> str:
    """Say in a few words whom the short report is for."""
    return words.FOR_APP if has_app(tree) else words.FOR_ALL


def _asked(tree: Tree) -> Part:
    about = tree["meta"]["instrument"]
    one = len(about["items"]) == 1
    count = Number(text=str(len(about["items"])), path="meta.instrument.items")
    who = "People who use the app" if has_app(tree) else "People"
    line: Words = [f"{who} were asked ", count, f" {'question' if one else 'questions'}."]
    rows = tuple(
        ([theme["title"]], [_first_sentence(theme.get("description", ""))], _example(about, theme["items"]))
        for theme in about["themes"]
    )
    if any(plain_line[0] for _, plain_line, _ in rows):
        return Part(
            heading="What was asked", lines=(line,), grid=Grid(heads=("Theme", "In a line", ASKED), rows=rows)
        )
    shorter = tuple((title, example) for title, _, example in rows)
    return Part(heading="What was asked", lines=(line,), grid=Grid(heads=("Theme", ASKED), rows=shorter))


ASKED = "One of its questions"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0]


def _example(about: Mapping[str, Any], items: Sequence[str]) -> Words:
    return [f"“{about['items'][items[0]]}”"] if items else [""]


def _weakest(tree: Tree) -> Part | None:
    """The questions that go least with the rest of their theme; none where too few people answered."""
    section = _given(tree, "items")
    if section is None:
        return None
    table = section["tables"].get("statistics", {})
    known = [
        row
        for row, (r, n) in enumerate(zip(table.get("item_rest_r", ()), table.get("n", ()), strict=True))
        if r is not None and n is not None and FEWEST_PEOPLE.holds(n)
    ]
    if len(known) <= MOST_WEAK:
        return None
    lowest = sorted(known, key=lambda row: table["item_rest_r"][row])[:MOST_WEAK]
    weak = [row for row in lowest if not ITEM_REST.holds(table["item_rest_r"][row])]
    texts = wordings_of(tree["meta"])
    rows = tuple(
        ([f"“{texts[table['item'][row]]}”"], [_cell(tree, "items", "statistics", "item_rest_r", row, "r2")])
        for row in weak or lowest
    )
    grid = Grid(heads=("Question", "Goes with the rest"), rows=rows)
    own = tree["meta"]["instrument"]["items"]  # by id, whatever readers see in tables
    stuck = [f"“{own[item]}”" for item in tree["meta"]["without_variation"]]
    none = words.WEAK_OTHERS if stuck else words.WEAK_NONE
    told = [[words.WEAK_STUCK.format("; ".join(stuck))]] if stuck else []
    return Part(
        heading="The weakest questions",
        lines=(*told, [words.WEAK if weak else none], [words.WEAK_SCALE]),
        grid=grid,
    )


MOST_WEAK = 3
"""Questions named as the weakest."""


def _answered(tree: Tree) -> Part | None:
    flow = _given(tree, "flow")
    if flow is None:
        return None
    waves = flow["tables"]["flow"]["wave"]
    key = "respondents" if "respondents" in flow["values"] else "participants"
    who = "person" if flow["values"][key] == 1 else "people"
    lines: list[Words] = [[_value(tree, "flow", key), f" {who} gave answers."]]
    if len(waves) > 1 and tree["meta"].get("wave_order") != OrderSource.UNKNOWN.value:
        lines.append([words.STAYED])
    if len(waves) == 1:
        return Part(heading="Who answered", lines=tuple(lines))
    rows = tuple(
        ([str(wave)], [_cell(tree, "flow", "flow", "answered", row, "int")]) for row, wave in enumerate(waves)
    )
    return Part(heading="Who answered", lines=tuple(lines), grid=Grid(heads=("When", "People"), rows=rows))


def _levels(tree: Tree, page: Opening) -> Part | None:
    if not page.levels:
        return None
    rows, bars = [], []
    for level in page.levels:
        rows.append(
            (
                [level.label],
                [_cell(tree, "scores", "scores", "mean", level.row, SCORE)],
                _range(tree, level.row),
            )
        )
        bars.append(level.bar)
    low, high = (_cell(tree, "scores", "scores", key, page.levels[0].row, "int") for key in _ENDS)
    when = f", at {page.wave}" if len(tree["meta"]["waves"]) > 1 else ""
    line: Words = ["Each theme gets a mean score from ", low, " (low) to ", high, f" (high){when}."]
    sure = "If we asked more people like these, the mean would most likely lie in the range shown."
    grid = Grid(heads=("Theme", "Score", "Likely range"), rows=tuple(rows), bars=tuple(bars))
    return Part(heading=opening_words.LEVELS, lines=(line, [sure]), grid=grid, after=_told_apart(tree))


_ENDS = ("lowest_possible", "highest_possible")


def _range(tree: Tree, row: int) -> Words:
    ends = [_cell(tree, "scores", "scores", key, row, SCORE) for key in ("mean_lower", "mean_upper")]
    return [ends[0], " to ", ends[1]]


def _told_apart(tree: Tree) -> Sequence[Words]:
    section = _given(tree, "priority")
    if section is None:
        return [["Where two ranges overlap, do not read a ranking into them."]]
    table = section["tables"]["themes"]
    told: list[Words] = [
        [f"“{title}” is {words.SIDES[side]}."]
        for title, side in zip(table["title"], table["level_side"], strict=True)
        if side in words.SIDES
    ]
    return told or [
        ["The gaps between the themes are small. They may be mere chance, so there is no ranking."]
    ]


def _staying(tree: Tree) -> Part | None:
    section = _given(tree, "priority")
    if section is None:
        return None
    table = section["tables"]["themes"]
    kept = [row for row, value in enumerate(table["effect_lower"]) if value is not None]
    if not kept or section["values"].get("due") is None:
        return None
    due, unit = _value(tree, "priority", "due"), section["values"]["unit"]
    lines: list[Words] = [
        [words.TWO_PEOPLE],
        ["The table shows how many more of the last ", due, f" {unit} that person did."],
    ]
    rows = tuple(([table["title"][row]], _more(tree, row), [_says(table, row)]) for row in kept)
    after: list[Words] = [[_first_to_work_on(table)], [words.NOT_CAUSE]]
    grid = Grid(heads=("Theme", f"More {unit}", "What it says"), rows=rows)
    return Part(heading="Which theme goes with staying", lines=lines, grid=grid, after=after)


def _more(tree: Tree, row: int) -> Words:
    keys = ("effect", "effect_lower", "effect_upper")
    middle, low, high = (_cell(tree, "priority", "themes", key, row, "d2") for key in keys)
    return [middle, " (likely ", low, " to ", high, ")"]


def _says(table: Mapping[str, Any], row: int) -> str:
    if table["effect_lower"][row] > 0:
        return "goes with staying"
    return "goes with leaving" if table["effect_upper"][row] < 0 else "we cannot tell"


def _first_to_work_on(table: Mapping[str, Any]) -> str:
    first = [t for t, place in zip(table["title"], table["place"], strict=True) if place == Place.FIRST]
    if first:
        named = " and ".join(f"“{title}”" for title in first)
        return f"Rated low, and close to staying: {named}. Look there first."
    return (
        "No theme stands out as the one to work on first. Choose by cost, by safety and by what people say."
    )


def _points(tree: Tree, page: Opening) -> Part:
    found = evidence_of(tree["sections"])
    rows = tuple(([point.plain], _passed(found[point.prop], point)) for point in page.points)
    grid = Grid(heads=("They must", "Found"), rows=rows)
    asked = (claim for section in tree["sections"].values() for claim in section["findings"])
    of_plan = any(OF_PLAN in claim["rule"] for claim in asked)
    lines = ([words.RULES], *([[words.RULES_OF_PLAN]] if of_plan else []))
    return Part(heading=opening_words.HEADING, lines=lines, grid=grid)


def _passed(row: Evidence, point: Point) -> Words:
    """Say the state of a property in plain words; what was never tested has neither passed nor failed."""
    if point.state is State.UNTESTABLE:
        why = words.UNTESTED.get(row.causes[0], words.NO_NUMBER) if row.causes else words.NO_NUMBER
        return [f"{why[0].upper()}{why[1:]}"]
    if not point.state.counts:
        return [point.state.words]
    counts = [Number(text=str(count), path=f"met:{point.prop.value}") for count in (point.met, point.asked)]
    return [
        f"{point.state.words}: ",
        counts[0],
        " of ",
        counts[1],
        f" check{'' if point.asked == 1 else 's'} passed{point.open}",
    ]


def _unknown(tree: Tree) -> Part:
    points: list[Words] = [["What those who did not answer would have said."]]
    if has_app(tree):
        points.append(["If a better score makes people stay, or just goes with it."])
    return Part(heading="What we do not know", points=tuple(points))


def _change(tree: Tree) -> Part:
    points = list(_changes(tree))
    return Part(heading="What would change this picture", points=tuple(points))


def _changes(tree: Tree) -> Iterator[Words]:
    if tree["meta"]["synthetic"]:
        yield [words.CHANGE_REAL]
    section = _given(tree, "priority")
    if not has_app(tree):
        yield [words.CHANGE_ASK]
        yield [words.CHANGE_READ]
        return
    if section is None:
        yield [words.CHANGE_USE]
    elif section["values"].get("needed") is not None and section["values"].get("analysed") is not None:
        needed, had = _value(tree, "priority", "needed"), _value(tree, "priority", "analysed")
        yield [
            "More people. It would take about ",
            needed,
            " to see which theme matters most; there were ",
            had,
            ".",
        ]
    yield [words.CHANGE_LOT]
    yield [words.CHANGE_READ]
