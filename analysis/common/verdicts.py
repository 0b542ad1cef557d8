"""What can be said of a claim and of a property: enumerations, and how the one follows from the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a rule says of one number.

    `UNTESTED`: there is no number that could be judged. `DOES_NOT_APPLY`: the question has no sense here, so
    no number could answer it. `HIDDEN`: there is a number, which a shared copy leaves out.
    """

    MET = "met"
    NOT_MET = "not_met"
    UNTESTED = "untested"
    DOES_NOT_APPLY = "does_not_apply"
    HIDDEN = "hidden"


class Cause(StrEnum):
    """Why a claim could not be tested, or, for `COMPOSITE`, why it has no sense."""

    FEW_PEOPLE = "few_people"
    FEW_IN_GROUP = "few_in_group"
    FEW_COMPLETE = "few_complete"
    IMPROPER = "improper"
    NO_VARIATION = "no_variation"
    NO_SPREAD = "no_spread"
    EMPTY_OPTION = "empty_option"
    NOT_ESTIMATED = "not_estimated"
    NOTHING_LEFT = "nothing_left"
    NOT_DETERMINED = "not_determined"
    NOT_FOUND = "not_found"
    UNDECIDED = "undecided"
    WIDE = "wide"
    COMPOSITE = "composite"
    STATED = "stated"

    @property
    def words(self) -> str:
        """Say the cause to a reader."""
        return _CAUSES[self]


_CAUSES = {
    Cause.FEW_PEOPLE: "too few people",
    Cause.FEW_IN_GROUP: "too few people in a group",
    Cause.FEW_COMPLETE: "too few people gave every answer that it takes",
    Cause.IMPROPER: "an improper solution",
    Cause.NO_VARIATION: "an item without answers, or with one answer only",
    Cause.NO_SPREAD: "fewer than three different values",
    Cause.EMPTY_OPTION: "an answer option that nobody in one of the parts compared chose",
    Cause.NOT_ESTIMATED: "no estimate",
    Cause.NOTHING_LEFT: "no degree of freedom is left to test it with",
    Cause.NOT_DETERMINED: "a model that these items do not determine",
    Cause.NOT_FOUND: "a search that ended without a solution",
    Cause.UNDECIDED: "large enough to matter, but not told from chance",
    Cause.WIDE: "an interval too wide to tell",
    Cause.STATED: "stated by the authors, with nothing checked",
    Cause.COMPOSITE: "its items make up the score, they are not signs of one thing and need not go together",
}


def not_judged(causes: Sequence[Cause]) -> str:
    """Say why some claims were not judged: what could not be tested apart from what was, and left open.

    Examples
    --------
    >>> not_judged([Cause.IMPROPER])
    'Some could not be tested: an improper solution.'
    >>> not_judged([Cause.UNDECIDED])
    'Some are undecided: large enough to matter, but not told from chance.'
    """
    untested = ", ".join(cause.words for cause in causes if cause is not Cause.UNDECIDED)
    said = [f"Some could not be tested: {untested}."] if untested else []
    if Cause.UNDECIDED in set(causes):
        said.append(f"Some are undecided: {Cause.UNDECIDED.words}.")
    return " ".join(said)


class State(StrEnum):
    """What the results hold about a property: exactly one of seven.

    `NOT_SHOWN` is said only where a rule did not hold. `PARTLY`: every rule that could be judged held, and
    some could not, or a shared copy leaves them out. `LEFT_OUT`: a shared copy tells none of it.
    """

    SHOWN = "shown"
    PARTLY = "partly_shown"
    NOT_SHOWN = "not_shown"
    UNTESTABLE = "not_testable"
    NOT_ASKED = "not_asked"
    DOES_NOT_APPLY = "does_not_apply"
    LEFT_OUT = "left_out"

    @property
    def counts(self) -> bool:
        """Whether rules were judged, so that it can be said how many held."""
        return self in (State.SHOWN, State.PARTLY, State.NOT_SHOWN)

    @property
    def words(self) -> str:
        """Say the state to a reader."""
        return _STATES[self]


_STATES = {
    State.SHOWN: "Shown",
    State.PARTLY: "Shown in part",
    State.NOT_SHOWN: "Not shown",
    State.UNTESTABLE: "Could not be tested",
    State.NOT_ASKED: "Not asked",
    State.DOES_NOT_APPLY: "Does not apply",
    State.LEFT_OUT: "Left out here",
}


class Property(StrEnum):
    """The nine measurement properties of COSMIN."""

    CONTENT = "content"
    STRUCTURE = "structure"
    CONSISTENCY = "consistency"
    INVARIANCE = "invariance"
    RELIABILITY = "reliability"
    ERROR = "error"
    CRITERION = "criterion"
    HYPOTHESES = "hypotheses"
    RESPONSIVENESS = "responsiveness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one or more rules are asked, of everything they can be asked of.

    Attributes
    ----------
    text
        The question in words; claims of one section with the same question and rule are one row of a
        report.
    bears_on
        The measurement property that the answer bears on; None where it is none of COSMIN's.
    """

    text: str
    bears_on: Property | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many claims came out how.

    Attributes
    ----------
    met, not_met, untested, hidden, not_applicable
        Counts of claims.
    """

    met: int = 0
    not_met: int = 0
    untested: int = 0
    hidden: int = 0
    not_applicable: int = 0

    @property
    def tested(self) -> int:
        """Claims that a rule could judge."""
        return self.met + self.not_met

    @property
    def state(self) -> State:
        """Give the state that follows: shown only where every claim that applies was tested, met and is told.

        One that is not met decides. Two met of three asked is not all, and no failure either; nothing tested
        is no failure; what does not apply counts neither for nor against. What is left out was tested, so
        that nobody may say it could not be.
        """
        if self.not_met:
            return State.NOT_SHOWN
        if self.met:
            return State.PARTLY if self.untested or self.hidden else State.SHOWN
        if self.hidden:
            return State.LEFT_OUT
        if self.untested:
            return State.UNTESTABLE
        return State.DOES_NOT_APPLY if self.not_applicable else State.NOT_ASKED


def tally_of(verdicts: Iterable[str]) -> Tally:
    """Count verdicts.

    Parameters
    ----------
    verdicts
        Values of `Verdict`.

    Returns
    -------
    Tally
        Their counts.

    Raises
    ------
    ValueError
        One of them is no verdict.

    Examples
    --------
    >>> tally_of(["met", "met", "untested"]).state
    <State.PARTLY: 'partly_shown'>
    >>> tally_of(["met", "does_not_apply"]).state, tally_of(["does_not_apply"]).state
    (<State.SHOWN: 'shown'>, <State.DOES_NOT_APPLY: 'does_not_apply'>)
    >>> tally_of([]).state, tally_of(["untested"]).state, tally_of(["met"]).state.words
    (<State.NOT_ASKED: 'not_asked'>, <State.UNTESTABLE: 'not_testable'>, 'Shown')
    """
    counts = dict.fromkeys(Verdict, 0)
    for verdict in verdicts:
        counts[Verdict(verdict)] += 1
    return Tally(
        met=counts[Verdict.MET],
        not_met=counts[Verdict.NOT_MET],
        untested=counts[Verdict.UNTESTED],
        hidden=counts[Verdict.HIDDEN],
        not_applicable=counts[Verdict.DOES_NOT_APPLY],
    )
