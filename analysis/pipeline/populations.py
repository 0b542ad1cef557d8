"""Names of the people that several topics count: the same name is the same number, wherever it is printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analysis.disclosure.kinds import Place
from analysis.disclosure.ledger import known

PARTICIPANTS = known("participants")
ADMINISTRATIONS = known("administrations")
SCREENED = known("administrations screened")
"""Where the plan takes out the careless: with them."""
TAKEN_OUT = known("administrations taken out")
AT_RISK = known("at risk at the landmark")


def handed(wave: Any) -> Place:
    """Administrations at a wave."""
    return known("administrations", wave)


def answered(wave: Any) -> Place:
    """Administrations at a wave with any answer."""
    return known("answered", wave)


def whole(wave: Any) -> Place:
    """Administrations at a wave with every answer."""
    return known("every answer", wave)


def item_answers(wave: Any, item: str) -> Place:
    """People who answered an item at a wave."""
    return known("item", wave, item)


def absent(wave: Any) -> Place:
    """Answers that are missing at a wave, of those who gave any."""
    return known("absent", wave)


def complete(wave: Any, theme: str) -> Place:
    """People who answered every item of a theme at a wave."""
    return known("complete", wave, theme)


def any_answer(wave: Any, theme: str) -> Place:
    """People who answered any item of a theme at a wave."""
    return known("any answer", wave, theme)


def complete_members(grouping: str, group: object, theme: str) -> Place:
    """People of a group who answered every item of a theme at the first wave."""
    return known("complete in group", grouping, group, theme)


def grouped(grouping: str, theme: str) -> Place:
    """People of all groups of a grouping with an answer to a theme at the first wave."""
    return known("grouped", grouping, theme)


def stayed(score: str) -> Place:
    """People with a score at every wave."""
    return known("stayed", score)


def both_waves(first: Any, second: Any) -> Place:
    """People who answered at two waves."""
    return known("both", first, second)


def scored(wave: Any, score: str) -> Place:
    """People with a score at a wave."""
    return known("scored", wave, score)


def members(grouping: str, label: object) -> Place:
    """People of a group among those who answered at the first wave."""
    return known("group", grouping, label)


def faulty(fault: str) -> Place:
    """Events of the log with a fault."""
    return known("fault", fault)


def step(name: str) -> Place:
    """People at a step of the participant flow from enrolment to the models."""
    return known("step", name)


def in_window(wave: str, what: str) -> Place:
    """People in or out of the use that follows a wave."""
    return known("window", wave, what)


def label(place: Place) -> str:
    """Name of a population, as columns of counts take it."""
    return str(place[1])


def labels(places: Iterable[Place]) -> list[str]:
    """Names of populations, row by row."""
    return [label(place) for place in places]
