"""The trial that the study of scores and later use stands in for, in words, from the study file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from instrument.errors import DefinitionError, fact_and_hint
from instrument.study import LAST_EVENT, DayZero, Study

DAY_ZERO = {
    DayZero.ENROLMENT: "enrolment",
    DayZero.FIRST_USE: "the first use",
    DayZero.FIRST_ANSWER: "the first answer",
}


def target_trial(study: Study, *, wave: str, score: str, held: Sequence[str] = ()) -> pd.DataFrame:
    """State eligibility, time zero, strategies, follow-up and estimand of a landmark study.

    Parameters
    ----------
    study
        The study, with a landmark.
    wave
        Wave whose rating is related to later use.
    score
        Name of the score for a reader.
    held
        What is held constant, in words.

    Returns
    -------
    DataFrame
        element, trial (what a trial would do), study (what this one does instead).

    Raises
    ------
    DefinitionError
        The study has no landmark.

    Notes
    -----
    Elements of Hernán & Robins (2016), doi 10.1093/aje/kwv254. No trial can give people a rating: the
    strategies are the weak point of every such study, and are said to be.
    """
    if study.landmark is None:
        fact = "the study names no landmark, so there is no time zero."
        raise DefinitionError(
            fact_and_hint("target_trial", fact, "add `landmark: {wave: …, day: …}` to the study file.")
        )
    day, rated, use = study.landmark.day, study.wave(wave), study.intended_use
    unit = use.unit.replace("_", " ")
    last = min(study.study_days, 7 * use.weeks)
    constant = ", ".join(held) if held else "nothing"
    rows = [
        (
            "Eligibility",
            "people who use the app and have been with it for a while",
            f"still watched on day {day}, with {unit} still due, rated between day {rated.opens} and day "
            f"{rated.closes}, nothing missing of what is held constant",
        ),
        (
            "Time zero",
            "the day of allocation",
            f"day {day} after {DAY_ZERO[study.day_zero]}, the same for everyone; the rating closes by then",
        ),
        (
            "Strategies",
            "a stronger alliance, or alliance as it is",
            f"ratings of {score} one standard deviation apart; nobody was given a rating",
        ),
        ("Allocation", "at random", f"not at random; held constant: {constant}"),
        (
            "Follow-up",
            "to the end for everyone",
            f"from day {day} to day {study.study_days}, or until withdrawal or the end of watching "
            f"({_watched(study)})",
        ),
        (
            "Outcome",
            "use of what was intended",
            f"{unit} done of those still due up to day {last}; less was due of whom was watched for less",
        ),
        (
            "Estimand",
            "difference in mean use between the strategies",
            f"average difference in {unit} done per standard deviation of the rating, among those analysed",
        ),
        (
            "Analysis",
            "as allocated",
            "quasi-binomial logit; missing ratings by weights and by imputation beside it",
        ),
    ]
    return pd.DataFrame(rows, columns=["element", "trial", "study"])


def _watched(study: Study) -> str:
    until = study.observed_until
    if until is None:
        return "per person, or as far as the log reaches"
    if until == LAST_EVENT:
        return "the log's last event"
    if isinstance(until, date):
        return f"{until:%Y-%m-%d}"
    return f"day {until:g}"
