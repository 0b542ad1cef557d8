"""The first page of papers, dashboard and terminal: one sentence, nine states, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.common.standing import Place
from analysis.common.verdicts import Cause, Property, State, Verdict
from analysis.report import opening_words as words
from analysis.report.labels import tree_for_readers
from analysis.report.standards import PLACES, Evidence, evidence_of, states_sentence
from analysis.report.view import Tree, verdicts
from instrument.common.formatting import format_value

SCORE = "d2"
STEPS = 3
"""As many things to do as a reader keeps in mind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One of the nine measurement properties.

    Attributes
    ----------
    prop, name, plain
        The property, as COSMIN calls it, and what it asks of the questions.
    state
        What the results hold about it.
    met, not_met, asked, hidden
        Rules that hold, rules that do not, rules asked of it whose answer may be told, and those left out.
    section
        Key of the first section that bears on it; empty where there is none.
    few
        Whether too few people answered for some of it.
    incomplete
        Whether enough people answered, and too few of them every question that it takes.
    stuck
        Whether items that tell nobody apart are all that kept it from being tested: more people do not help.
    fixed
        Whether all that kept it from being tested lies in items and models: more people may not help.
    """

    prop: Property
    name: str
    plain: str
    state: State
    met: int
    not_met: int
    asked: int
    hidden: int
    section: str
    few: bool
    incomplete: bool
    stuck: bool
    fixed: bool

    @property
    def counted(self) -> str:
        """How many of its rules hold, in print; empty where none was asked."""
        return f"{self.met} of {self.asked}" if self.state.counts else ""

    @property
    def said(self) -> str:
        """The state, and how many of its rules hold, in print."""
        hold = "rule holds" if self.asked == 1 else "rules hold"
        return f"{self.state.words}: {self.counted} {hold}{self.open}" if self.counted else self.state.words

    @property
    def open(self) -> str:
        """Say what was left unjudged or untold, so that a reader does not take it for broken; else empty."""
        said = []
        if self.state.counts and self.met + self.not_met < self.asked:
            said.append("some could not be judged" if self.not_met else "the rest could not be judged")
        if self.state.counts and self.hidden:
            said.append(f"{self.hidden} {'is' if self.hidden == 1 else 'are'} left out here")
        return "".join(f", {part}" for part in said)

    @property
    def asks(self) -> str:
        """The property with what it asks of the questions."""
        return f"{self.name} ({self.plain[0].lower()}{self.plain[1:]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Mean score of a theme at the first wave with its interval.

    Attributes
    ----------
    row
        Its row in the table of scores.
    title
        Of the theme.
    apart
        Whether the theme is no dimension, so that it is no part of the total.
    mean, lower, upper
        Of the score.
    lowest, highest
        Ends that a score can reach.
    n
        People with the score; None where it is not told.
    """

    row: int
    title: str
    apart: bool
    mean: float
    lower: float
    upper: float
    lowest: float
    highest: float
    n: int | None

    @property
    def label(self) -> str:
        """The title, and that it counts apart."""
        return f"{self.title} (counted apart)" if self.apart else self.title

    @property
    def range(self) -> str:
        """The interval, in print."""
        return f"{format_value(self.lower, SCORE)} to {format_value(self.upper, SCORE)}"

    @property
    def text(self) -> str:
        """Mean and interval, in print."""
        return f"{format_value(self.mean, SCORE)} ({self.range})"

    @property
    def bar(self) -> tuple[float, float, float]:
        """Start, end and middle of its bar, as shares of what a score can reach."""
        length = self.highest - self.lowest
        lower, upper, mean = ((end - self.lowest) / length for end in (self.lower, self.upper, self.mean))
        return max(lower, 0.0), min(upper, 1.0), mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do next, and the section that says why; empty where none does."""

    text: str
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The first page.

    Attributes
    ----------
    sentence
        What these answers show, made from the states.
    points
        The nine properties, in COSMIN's order.
    levels
        The themes at the first wave.
    wave
        Name of that wave.
    steps
        Three things to do at most.
    counts
        Label to number: people, waves, items.
    """

    sentence: str
    points: tuple[Point, ...]
    levels: tuple[Level, ...]
    wave: str
    steps: tuple[Step, ...]
    counts: Mapping[str, int | None]

    @property
    def scale_line(self) -> str:
        """Say from where to where the scores of the themes go, and when they were given."""
        if not self.levels:
            return ""
        ends = {(level.lowest, level.highest) for level in self.levels}
        if len(ends) > 1:
            return f"Mean scores at {self.wave}, with 95% intervals."
        low, high = (format_value(end, "text") for end in ends.pop())
        return f"Mean scores at {self.wave}, from {low} to {high}, with 95% intervals."

    @property
    def counted(self) -> str:
        """The counts as one line."""
        said = [f"{format_value(number, 'int')} {self.noun(label)}" for label, number in self.counts.items()]
        return ", ".join(said) + "."

    def noun(self, label: str) -> str:
        """The label of a count as it stands beside its number."""
        one = {"people": "person", "waves": "wave", "items": "item"}
        return one[label] if self.counts[label] == 1 else label


def opening(tree: Tree) -> Opening:
    """Make the first page of the results.

    Parameters
    ----------
    tree
        The results tree; of a shared one, what is taken out is left out here as well.

    Returns
    -------
    Opening
        The same words for every form.
    """
    meta = tree["meta"]
    evidence = evidence_of(tree["sections"])
    points = tuple(_point(prop, evidence[prop], tree) for prop in Property)
    levels, wave = _levels(tree)
    return Opening(
        sentence=_sentence([point.state for point in points], bool(meta["synthetic"])),
        points=points,
        levels=levels,
        wave=wave,
        steps=tuple(_steps(tree, points)),
        counts={
            "people": meta["participants"],
            "waves": len(meta["waves"]),
            "items": len(meta["instrument"]["items"]),
        },
    )


def _point(prop: Property, found: Evidence, tree: Tree) -> Point:
    bearing = [name for name, (_, properties) in PLACES.items() if prop in properties]
    named = [name for name, _ in found.sections] + [name for name in bearing if name in tree["sections"]]
    return Point(
        prop=prop,
        name=found.name,
        plain=words.POINTS[prop],
        state=found.state,
        met=found.tally.met,
        not_met=found.tally.not_met,
        asked=found.tally.tested + found.tally.untested,
        hidden=found.tally.hidden,
        section=named[0] if named else "",
        few=Cause.FEW_PEOPLE in found.causes,
        incomplete=Cause.FEW_COMPLETE in found.causes,
        stuck=found.causes == (Cause.NO_VARIATION,),
        fixed=bool(found.causes) and set(found.causes) <= _OF_ITEMS,
    )


_OF_ITEMS = {
    Cause.NOTHING_LEFT,
    Cause.NOT_DETERMINED,
    Cause.NOT_ESTIMATED,
    Cause.NOT_FOUND,
    Cause.IMPROPER,
}


def _sentence(states: Sequence[State], synthetic: bool) -> str:
    """Say what was shown of the nine; every state that occurs is counted once.

    Examples
    --------
    >>> print(_sentence([State.SHOWN] * 8 + [State.NOT_SHOWN], False))
    These answers show eight of nine things a set of questions must do; one is not shown.
    """
    counts = {state: states.count(state) for state in State}
    shown = words.NUMBERS[counts[State.SHOWN]]
    said = f"{'These made-up answers' if synthetic else 'These answers'} show {shown} of "
    said += f"{words.NUMBERS[len(states)]} things a set of questions must do"
    rest = []
    for state, (one, more) in _REST.items():
        if number := counts[state]:
            rest.append(f"{words.NUMBERS[number]} {one if number == 1 else more}")
    return f"{said}; {', '.join(rest)}." if rest else f"{said}."


_REST = {
    State.PARTLY: ("is shown in part", "are shown in part"),
    State.NOT_SHOWN: ("is not shown", "are not shown"),
    State.UNTESTABLE: ("could not be tested", "could not be tested"),
    State.NOT_ASKED: ("was not asked", "were not asked"),
    State.DOES_NOT_APPLY: ("does not apply", "do not apply"),
    State.LEFT_OUT: ("is left out here", "are left out here"),
}


def _levels(tree: Tree) -> tuple[tuple[Level, ...], str]:
    section = tree["sections"].get("scores")
    if section is None or section["status"] != "ok":
        return (), ""
    table, first = section["tables"].get("scores", {}), section["values"].get("first_wave")
    keys = ("mean", "mean_lower", "mean_upper", "lowest_possible", "highest_possible")
    if any(key not in table for key in keys):
        return (), ""
    themes = tree["meta"]["instrument"]["themes"]
    roles = {theme["id"]: theme["role"] for theme in themes}
    summed = "dimension" in roles.values()  # else there is no total for a theme to be apart from
    made = []
    for row, (wave, score) in enumerate(zip(table["wave"], table["score"], strict=True)):
        mean, lower, upper, lowest, highest = (table[key][row] for key in keys)
        if wave != first or score == "total" or None in (mean, lower, upper, lowest, highest):
            continue
        made.append(
            Level(
                row=row,
                title=table["title"][row],
                apart=summed and roles.get(score) in {"context", "plain"},
                mean=mean,
                lower=lower,
                upper=upper,
                lowest=lowest,
                highest=highest,
                n=table["n"][row],
            )
        )
    return tuple(made), str(first)


def _steps(tree: Tree, points: Sequence[Point]) -> list[Step]:
    """Choose what comes first: what is broken, who is missing, what does not hold, what was never asked."""
    made: dict[str, Step] = {}
    for step in _all_steps(tree, points):
        made.setdefault(step.text, step)
    return list(made.values())[:STEPS] or [Step(text=words.NOTHING)]


def _all_steps(tree: Tree, points: Sequence[Point]) -> Iterator[Step]:
    by_property = {point.prop: point for point in points}
    passed_over = _passed_over(tree, points)
    for failure in verdicts(tree)["failed"]:
        yield Step(text=words.FAILED.format(failure["title"]), section=failure["section"])
    if tree["meta"]["synthetic"]:
        yield Step(text=words.REAL_PEOPLE)
    few = any(point.few for point in points)
    if few:
        yield Step(text=words.MORE_PEOPLE, section="flow" if "flow" in tree["sections"] else "")
    for point in points:
        if point.state is State.NOT_SHOWN:
            yield Step(text=words.MEND[point.prop], section=point.section)
    if _not_apart(tree):
        yield Step(text=words.ONE_THEME, section="validity")
    for point in points:  # what failed comes before what was only judged in part
        if point.state is State.PARTLY and point.met < point.asked and (text := _lacking(point)):
            yield Step(text=text, section=point.section)
    yield from _theme(tree)
    for part in verdicts(tree)["partial"]:
        yield Step(text=words.PART.format(part["title"]), section=part["section"])
    for state in (State.UNTESTABLE, State.NOT_ASKED):
        for prop in words.ASK_ORDER:
            point = by_property[prop]
            if state is State.NOT_ASKED and prop in passed_over:
                yield Step(text=words.REST)
            elif point.state is state and not (few and point.few):
                yield Step(text=_lacking(point), section=point.section)


def _not_apart(tree: Tree) -> bool:
    """Say whether two of the scale's own themes were asked whether they can be told apart, and cannot."""
    judged = tree["sections"].get("validity", {}).get("findings", ())
    place = "sections.validity.tables.htmt."
    return any(f["verdict"] == Verdict.NOT_MET and f["path"].startswith(place) for f in judged)


def _passed_over(tree: Tree, points: Sequence[Point]) -> set[Property]:
    """Give what a section would bear on that this report was not asked for: no answers are lacking there."""
    entries = tree["meta"].get("plan", {}).get("entries", {})
    if entries.get("topics", {}).get("value") is None:
        return set()
    placed = {prop for _, properties in PLACES.values() for prop in properties} - {Property.CONTENT}
    return {p.prop for p in points if p.prop in placed and p.state is State.NOT_ASKED and not p.section}


def _lacking(point: Point) -> str:
    """Say what to do where a property was not asked, or where some of what was asked could not be tested."""
    if point.stuck:
        return words.STUCK
    if point.incomplete:
        return words.INCOMPLETE
    if point.fixed:
        return words.FIXED
    asked = "" if point.state is State.NOT_ASKED else words.LACK.get(point.prop, "")
    return asked or words.ASK.get(point.prop, "")


def _theme(tree: Tree) -> Iterator[Step]:
    section = tree["sections"].get("priority")
    if section is None or section["status"] != "ok":
        return
    table: Mapping[str, Any] = section["tables"].get("themes", {})
    for title, place in zip(table.get("title", ()), table.get("place", ()), strict=True):
        if place == Place.FIRST:
            yield Step(text=words.LOOK_AT.format(title), section="priority")


def opening_lines(tree: Tree) -> list[str]:
    """Give the first page as plain lines, as a terminal prints it.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    list of str
        Sentence, states, themes, what to do next, counts.
    """
    tree = tree_for_readers(tree)
    page = opening(tree)
    width = max((len(level.label) for level in page.levels), default=0)
    lines = [page.sentence]
    lines += [f"  {line}" for line in states_sentence(tree["sections"])]
    if page.levels:
        lines.append(page.scale_line)
        lines += [f"  {level.label:<{width}}  {level.text}" for level in page.levels]
    lines.append(f"{words.NEXT}:")
    lines += [f"  {number}. {step.text}" for number, step in enumerate(page.steps, start=1)]
    return [*lines, page.counted]
