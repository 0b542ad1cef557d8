"""Whether the tables that were given speak of the same people."""

from __future__ import annotations

from typing import Any

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.ids import MOST_LOST, compare_ids

WHOLE = ("enrolment", "covariates")
"""Tables that should hold everyone who answered."""
PARTIAL = ("outcomes", "times")
"""Tables whose people should all be known, though not everyone need be in them."""


def refuse_lost_people(inputs: dict[str, Any], command: str) -> list[str]:
    """Refuse tables beside the answers that would lose people, and say what is lost below that.

    Parameters
    ----------
    inputs
        Tables as `read_inputs` gives them: answers, and enrolment, covariates, outcomes and times or None.
    command
        Named in messages.

    Returns
    -------
    list of str
        What was lost, in words.

    Raises
    ------
    ResponseDataError
        More than 5 % would be lost: everyone who answered should stand in the tables of the enrolled and of
        covariates, and the people of outcomes and times among those known; or ids almost match.
    """
    answered = {str(name) for name in inputs["responses"]["participant"]}
    known = set(answered)
    notes: list[str] = []
    for name in WHOLE:
        if inputs[name] is None:
            continue
        there = {str(one) for one in inputs[name]["participant"]}
        notes += _compared(answered, there, "people who answered", f"the table of {name}", command)
        known |= there
    for name in PARTIAL:
        if inputs[name] is not None:
            there = {str(one) for one in inputs[name]["participant"]}
            notes += _compared(there, known, f"people in the table of {name}", "the answers", command)
    return notes


def _compared(these: set[str], others: set[str], who: str, where: str, command: str) -> list[str]:
    match = compare_ids(these, others)
    if not match.unknown:
        return []
    total = match.known + match.unknown
    fact = f"{match.unknown} of {total} {who} are not in {where}"
    if match.near:
        fact += f"; {match.near} would match but for {match.cause}"
    if match.lost > MOST_LOST or match.near_share > MOST_LOST:
        hint = (
            f"write ids alike in every table ({match.cause})."
            if match.near
            else f"give every one of them a row in {where}, with empty cells where nothing is known."
        )
        raise ResponseDataError(fact_and_hint(command, f"{fact}.", hint))
    return [f"suspicion: {fact}" if match.near else fact]


def refuse_other_waves(inputs: dict[str, Any], command: str) -> None:
    """Refuse times of answering that repeat an administration, or whose waves are named otherwise.

    Parameters
    ----------
    inputs
        Tables as `read_inputs` gives them.
    command
        Named in messages.

    Raises
    ------
    ResponseDataError
        A participant has two times at a wave, or a wave of the times is none of the answers.
    """
    times = inputs["times"]
    if times is None:
        return
    if doubled := int(times.duplicated(["participant", "wave"]).sum()):
        fact = f"{doubled} rows of the table of times repeat a participant at a wave."
        raise ResponseDataError(fact_and_hint(command, fact, "keep one row for each administration."))
    known = {str(wave) for wave in inputs["responses"]["wave"]}
    if other := [wave for wave in dict.fromkeys(times["wave"].astype(str)) if wave not in known]:
        fact = (
            f"the table of times names waves that the answers do not: {name_offenders(other)}; they have "
            f"{name_offenders(sorted(known))}."
        )
        raise ResponseDataError(fact_and_hint(command, fact, "name the waves alike in both."))
