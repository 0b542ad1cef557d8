"""Judged claims counted once per question: how many hold, the worst case, and the range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.common.verdicts import Cause, State, Tally, Verdict, tally_of
from analysis.report.standards import ordered
from instrument.common.formatting import format_value

Tree = Mapping[str, Any]
QUESTIONS = "Rules, each counted once per question"
HIDDEN = "Left out in this shared copy, since it rests on, or would tell, very few people"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """One rule asked one question, of everything it was asked of.

    Attributes
    ----------
    section, title
        Key and title of the section that asks.
    question, rule, source, note
        In words; the rule with its cut-off.
    tally
        Claims met, not met, untested and hidden.
    worst
        The claim nearest to failing, or farthest beyond; None where none was tested.
    worst_value, lowest, highest
        In print; empty where none was tested, the range also where there is one claim only.
    path
        Of the number behind the worst case.
    places
        Values from 0 to 1 on a line on which the cut-off stands at `cut`.
    cut
        Place of the cut-off on that line.
    causes
        Why claims could not be tested, each once.
    """

    section: str
    title: str
    question: str
    rule: str
    source: str
    note: str
    tally: Tally
    worst: str | None
    worst_value: str
    lowest: str
    highest: str
    path: str
    places: tuple[float, ...]
    cut: float
    causes: tuple[Cause, ...]

    @property
    def state(self) -> State:
        """State of the question, from its tally."""
        return self.tally.state

    @property
    def met(self) -> str:
        """How many hold, in print: `38 of 40`; a dash where nothing was tested."""
        return f"{self.tally.met} of {self.tally.tested}" if self.tally.tested else "–"

    @property
    def hold(self) -> str:
        """How many hold, as words."""
        if not self.tally.tested:
            return self.state.words
        return f"{self.met} {'holds' if self.tally.tested == 1 else 'hold'}"

    @property
    def rest(self) -> str:
        """What was not judged, in print; empty where all was."""
        parts = []
        if self.tally.untested:
            what = "undecided" if self.causes == (Cause.UNDECIDED,) else "not judged"
            parts.append(f"{self.tally.untested} {what} ({_words(self.causes)})")
        if self.tally.not_applicable:
            verb = "does" if self.tally.not_applicable == 1 else "do"
            parts.append(f"{self.tally.not_applicable} {verb} not apply ({Cause.COMPOSITE.words})")
        if self.tally.hidden:
            parts.append(f"{self.tally.hidden} left out here")
        return "; ".join(parts)

    @property
    def drawn(self) -> str:
        """Words for the drawing of the range."""
        which = "the range stands beside it" if self.range else "the value stands beside it"
        return f"Dots on a line, the cut-off marked; {which}"

    @property
    def range(self) -> str:
        """Lowest to highest value, in print; empty for a single claim."""
        return f"{self.lowest} to {self.highest}" if self.lowest != self.highest else ""


def _words(causes: Sequence[Cause]) -> str:
    return ", ".join(cause.words for cause in causes)


def question_rows(tree: Tree) -> list[QuestionRow]:
    """Gather the judged claims by section, question and rule.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    list of QuestionRow
        In the order of the report; a claim counts in one row.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for name, section in ordered(tree["sections"]):
        for finding in section["findings"]:
            groups.setdefault((name, finding["question"], finding["rule"]), []).append(finding)
    return [_row(name, tree["sections"][name]["title"], found) for (name, _, _), found in groups.items()]


def question_line(row: QuestionRow, *, sources: bool = True) -> str:
    """Say rule, worst case, range and what was not judged of a row, as one text.

    Parameters
    ----------
    row
        One question.
    sources
        Whether the rule's source is named.

    Returns
    -------
    str
        Sentences.
    """
    said = f"{row.rule} ({row.source})." if sources else f"{row.rule}."
    if row.worst is not None:
        said += f" Worst: {row.worst}, {row.worst_value}."
    if row.range:
        said += f" Range: {row.range}."
    return said + (f" {row.rest[0].upper()}{row.rest[1:]}." if row.rest else "")


def counted_questions(tree: Tree) -> str:
    """Count the questions by what came out: each question and rule once, however many claims it covers.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    str
        One sentence.
    """
    states = [row.state for row in question_rows(tree)]
    counts = {state: states.count(state) for state in State}
    senseless = counts[State.DOES_NOT_APPLY]
    asked = len(states) - senseless
    said = [
        f"{counts[state]} {one if counts[state] == 1 else more}"
        for state, (always, one, more) in _OUTCOMES.items()
        if always or counts[state]
    ]
    apart = f" {senseless} {'does' if senseless == 1 else 'do'} not apply." if senseless else ""
    if not asked:
        return f"No rule was asked.{apart}"
    return f"{asked} {'rule was' if asked == 1 else 'rules were'} asked: {', '.join(said)}.{apart}"


# state of a question: whether a count of none is said, and the words for one and for more
_OUTCOMES = {
    State.SHOWN: (True, "holds everywhere", "hold everywhere"),
    State.PARTLY: (False, "holds wherever it could be judged", "hold wherever they could be judged"),
    State.NOT_SHOWN: (True, "does not", "do not"),
    State.UNTESTABLE: (True, "could not be tested", "could not be tested"),
    State.LEFT_OUT: (False, "is left out here", "are left out here"),
}


def hidden_claims(tree: Tree) -> int:
    """Count the claims that a shared copy leaves out."""
    return sum(row.tally.hidden for row in question_rows(tree))


def _row(name: str, title: str, found: Sequence[Mapping[str, Any]]) -> QuestionRow:
    first = found[0]
    tested = [f for f in found if f["verdict"] in (Verdict.MET, Verdict.NOT_MET)]
    values = [f["value"] for f in tested]
    worst = None
    if tested:
        worst = (min if first["higher"] else max)(tested, key=lambda f: f["value"])
    low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
    places, cut = _places(values, first["cutoff"])
    causes = dict.fromkeys(Cause(f["cause"]) for f in found if f["verdict"] == Verdict.UNTESTED)
    form = first["format"]
    return QuestionRow(
        section=name,
        title=title,
        question=first["question"],
        rule=first["rule"],
        source=first["source"],
        note=first["note"],
        tally=tally_of(f["verdict"] for f in found),
        worst=None if worst is None else worst["claim"],
        worst_value="" if worst is None else format_value(worst["value"], form),
        lowest="" if low is None else format_value(low, form),
        highest="" if high is None else format_value(high, form),
        path="" if worst is None else worst["path"],
        places=places,
        cut=cut,
        causes=tuple(causes),
    )


def _places(values: Sequence[float], cutoff: float) -> tuple[tuple[float, ...], float]:
    """Put values and cut-off on a line from 0 to 1 with a margin at both ends."""
    if not values:
        return (), 0.5
    low, high = min(*values, cutoff), max(*values, cutoff)
    spread = (high - low) or 1.0
    start, length = low - 0.1 * spread, 1.2 * spread
    return tuple((value - start) / length for value in values), (cutoff - start) / length
