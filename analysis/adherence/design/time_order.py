"""Whether the steps of a chain were measured in the order in which they are drawn."""

from __future__ import annotations

from typing import Any

import pandas as pd

from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.study import Study

CALLER = "mediate_adherence"


def refuse_disorder(
    study: Study,
    wave: str,
    context_wave: str | None,
    outcome_day: float | None,
    *,
    context: bool,
    outcome: bool,
) -> tuple[pd.DataFrame, list[str]]:
    """Refuse a chain whose steps are not measured one after the other.

    Parameters
    ----------
    study
        The study, with a landmark.
    wave
        Wave of alliance, which closes by the landmark.
    context_wave
        Wave of the context; None is the wave of alliance.
    outcome_day
        Day of the outcome, where known.
    context, outcome
        Whether the chain starts with the context, and whether it ends with an outcome.

    Returns
    -------
    tuple
        Steps with their days and whether each lies before the next; and notes on what is left open.

    Raises
    ------
    DefinitionError
        The context comes after alliance, or the outcome before the end of the use that is to predict it.
    """
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    rated = study.wave(wave)
    if context:
        rows.append(_context_row(study, wave, context_wave, notes))
    day = study.landmark.day if study.landmark is not None else rated.closes
    rows.append(_row("alliance", rated.opens, rated.closes, "yes"))
    rows.append(
        _row(
            "later use", day, study.study_days, ("open" if outcome_day is None else "yes") if outcome else ""
        )
    )
    if outcome:
        if outcome_day is not None and outcome_day < study.study_days:
            until = f"day {study.study_days}, up to which use counts"
            fact = f"the outcome of day {outcome_day:g} lies before {until}."
            raise DefinitionError(
                fact_and_hint(CALLER, fact, "take an outcome measured after use, or end the study earlier.")
            )
        if outcome_day is None:
            notes.append(
                f"the study does not say when {study.outcome!r} was measured; it is taken to be after use"
            )
        rows.append(_row("outcome", outcome_day, outcome_day, ""))
    return pd.DataFrame(rows), notes


def _context_row(study: Study, wave: str, context_wave: str | None, notes: list[str]) -> dict[str, Any]:
    named = {entry.name: entry for entry in study.waves}
    other = wave if context_wave is None else str(context_wave)
    if other not in named:
        fact = f"there is no wave {other!r} in the study."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"choose one of {name_offenders(named)}."))
    mine, rated = named[other], named[wave]
    if other == wave:
        notes.append(
            f"context and alliance were rated together at {wave!r}: nothing says which comes first, so "
            "routes that start at the context rest on theory alone"
        )
        return _row("context", mine.opens, mine.closes, "no")
    if mine.closes > rated.opens:
        fact = (
            f"the context of wave {other!r} closes on day {mine.closes}, alliance opens on day {rated.opens}."
        )
        raise DefinitionError(fact_and_hint(CALLER, fact, "rate the context before alliance."))
    return _row("context", mine.opens, mine.closes, "yes")


def _row(step: str, start: float | None, end: float | None, before: str) -> dict[str, Any]:
    return {"step": step, "from_day": start, "to_day": end, "before_next": before}
