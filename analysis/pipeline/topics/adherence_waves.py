"""Repeated ratings and the use after each: of the first, and of every new one, the past held constant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.adherence.claims.claims import Claim
from analysis.adherence.design.steps import Step
from analysis.adherence.design.windows import Windows, use_by_window, waves_in_use
from analysis.adherence.over_time.relate_waves import FIRST, NEW, WavesResult, relate_waves
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.in_time import card_in_time
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Table
from analysis.pipeline.topics.adherence_measured import Part
from analysis.pipeline.topics.use import enrolled, usage_of
from instrument.errors import NotEstimableError, ToolkitError, fact_and_hint

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult

ENDS = {"": "effect", "_lower": "ci_lower", "_upper": "ci_upper"}
KEYS = {FIRST: "wave_first", NEW: "wave_new"}
POINTS = "{%s:d1} percentage points (95%% interval {%s_lower:d1} to {%s_upper:d1})"
OF_FIRST = (
    "Ratings were given at {waves_rated:int} waves that use follows. One standard deviation more at the "
    "first rating of {waves_title}, use before it held constant, goes with a difference of "
    + POINTS % (("wave_first",) * 3)
    + " in what was done of what was due after each wave ({wave_first_people:int} people)"
)
OF_NEW = (
    "One standard deviation more at a new rating, all ratings and use before it held constant, goes with "
    + POINTS % (("wave_new",) * 3)
    + " in what was done after it ({wave_new_people:int} people, who were rated at every wave before)"
)
NOT_FOUND = ": not found, which does not show that there is no association."
FIRST_FOUND = {
    Claim.SUPPORTED: ": an association, which stands or falls with what is said of one rating above.",
    Claim.NOT_FOUND: (
        ": an association, where use after one rating shows none; a reason of its own cannot be told."
    ),
    Claim.UNTOLD: ": as with one rating, whether for a reason of its own cannot be told.",
}
NEW_FOUND = (
    ": an association of change with use. That the change of rating moves use cannot be told: whatever moved "
    "both in those weeks looks the same."
)
STAYED = (
    "Later ratings come from those still using the app, and say nothing of those who had left. A person's "
    "mean over all ratings is not used: it holds ratings that use may have changed."
)
COUNTS = ("not_watched", "nothing_due", "no_score", "no_covariate", "rated")
AT_LANDMARK = {
    "nothing_due": Step.NOTHING_DUE,
    "no_score": Step.NO_SCORE,
    "no_covariate": Step.NO_COVARIATE,
    "rated": Step.ANALYSED,
}


def waves_of(context: Context, found: AdherenceResult, first: str, titles: Mapping[str, str]) -> Part:
    """Relate repeated ratings to the use after each, where there are two or more.

    Parameters
    ----------
    context
        The data.
    found
        The landmark models.
    first
        The score that is told of first.
    titles
        Titles of the scores.

    Returns
    -------
    Part
        Empty where fewer than two waves that use follows were rated.
    """
    study = context.study
    if study is None or len(rated_waves(context)) < 2:
        return Part()
    try:
        made = context.once(
            "waves",
            lambda: relate_waves(
                card_in_time(context),
                windows_of(context),
                study,
                context.outcomes,
                context.known_covariates,
                predictors=list(titles),
            ),
        )
    except ToolkitError as error:
        reason = str(error).split("\n")[0].removeprefix("relate_waves: ")
        return Part(problems=by_reason([("repeated ratings", reason)]))
    claims = dict(zip(found.standing["predictor"], found.standing["claim"], strict=True))
    said, values = _told(made, first, titles[first], Claim(claims[first]) if first in claims else None)
    numbers = [f"{key}{end}" for key in KEYS.values() for end in ENDS]
    counts = [f"{key}_people" for key in KEYS.values()]
    known = {"waves_title": TEXT, "waves_rated": GIVEN, **each(statistic(), *numbers)}
    known |= each(people(weight=5), *counts)
    return Part(
        sentences=said,
        values=values,
        kinds={key: known[key] for key in values},
        tables={"waves": _effects(made, titles), "wave_people": _people(made, found)},
        problems=by_reason(
            (f"{row['rating']}, {titles[str(row['predictor'])]}", str(row["reason"]))
            for row in made.failed.to_dict("records")
        ),
    )


def rated_waves(context: Context) -> list[str]:
    """Waves that use can follow and at which anybody has a score."""
    if context.study is None:
        return []
    scores = context.card.scores
    with_score = scores.loc[scores[context.card.names].notna().any(axis=1), "wave"].astype(str)
    present = set(with_score)
    return [wave.name for wave in waves_in_use(context.study) if wave.name in present]


def windows_of(context: Context) -> Windows:
    """Use by wave, read once: from the log itself, or as whoever read the log hands it over."""
    from analysis.usage.summarise_usage import UsageSummary

    study = context.study
    if context.use_by_wave is not None:
        return context.once("windows", context.use_by_wave)
    if isinstance(context.usage, UsageSummary) or study is None:
        fact = "the log was summarised before, so that use after each wave is not known."
        hint = "give the log itself, or use_by_wave."
        raise NotEstimableError(fact_and_hint("relate_waves", fact, hint))
    return context.once(
        "windows",
        lambda: use_by_window(
            context.usage, study, participants=enrolled(context)[0], known=usage_of(context)
        ),
    )


def _told(made: WavesResult, first: str, title: str, claim: Claim | None) -> tuple[list[str], dict[str, Any]]:
    """Sentences on the first score, each with what may be said, and the values in them."""
    mine = {row["rating"]: row for row in made.effects.to_dict("records") if row["predictor"] == first}
    values: dict[str, Any] = {}
    said: list[str] = []
    for rating, key in KEYS.items():
        if rating not in mine:
            continue
        row = mine[rating]
        values |= {f"{key}{end}": float(row[column]) for end, column in ENDS.items()}
        values[f"{key}_people"] = int(row["n_people"])
        shown = not row["ci_lower"] <= 0 <= row["ci_upper"]
        if rating == FIRST:
            values |= {"waves_title": title, "waves_rated": int((made.windows["rated"] > 0).sum())}
            end = FIRST_FOUND[claim or Claim.UNTOLD] if shown else NOT_FOUND
            said.append(OF_FIRST + end)
        else:
            said.append(OF_NEW + (NEW_FOUND if shown else NOT_FOUND))
    return [*said, STAYED] if said else [], values


def _effects(made: WavesResult, titles: Mapping[str, str]) -> Table:
    frame = made.effects.assign(title=made.effects["predictor"].map(titles))
    order = {name: k for k, name in enumerate(titles)}
    frame = frame.sort_values("predictor", key=lambda p: p.map(order), kind="stable", ignore_index=True)
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "predictor rating described title"),
            **each(people(weight=1), "n_people n_ratings"),
            **each(statistic("n_people"), "effect se ci_lower ci_upper df pvalue p_adjusted p_adjusted_bh"),
        },
        title="Repeated ratings: percentage points of what was due, one standard deviation more of a score",
        columns={
            "title": ("Score", "text"),
            "described": ("What is related to use after it", "text"),
            "n_people": ("People", "int"),
            "n_ratings": ("Ratings", "int"),
            "effect": ("Points", "d1"),
            "ci_lower": ("95% from", "d1"),
            "ci_upper": ("to", "d1"),
            "p_adjusted": ("p, Holm", "p"),
        },
        note="Holm is taken over the themes, for first and new ratings apart.",
    )


def _people(made: WavesResult, found: AdherenceResult) -> Table:
    """Who stands behind each wave, and why the others do not."""
    # Before the first wave there is none at which anybody could have rated.
    history = made.windows["history"].astype("Int64")
    frame = made.windows.assign(history=history.mask(history.index == history.index[0]))
    at = dict(zip(found.flow["id"], found.flow["n"], strict=True))
    names: dict[str, list[str]] = {}
    for name in ("people", *COUNTS, "first", "history"):
        step = Step.ENROLLED if name == "people" else AT_LANDMARK.get(name)
        names[name] = [
            populations.label(populations.step(step))
            if step is not None
            and not pd.isna(row[name])
            and int(row[name]) == at[step]
            and (name == "people" or float(row["from_day"]) == float(found.design["day"]))
            else populations.label(populations.in_window(row["wave"], name))
            for row in frame.to_dict("records")
        ]
    return Table(
        frame=frame,
        kinds={
            "wave": TEXT,
            **each(GIVEN, "from_day to_day due"),
            "people": people(weight=9, names=names["people"]),
            **{name: people("people", names=names[name]) for name in COUNTS[:-1]},
            "rated": people("people", weight=4, names=names["rated"]),
            "first": people("rated", weight=1, names=names["first"], open_at_zero=True),
            "history": people("rated", weight=1, names=names["history"]),
        },
        sums=[(COUNTS, "people")],
        title="Who stands behind each wave, and why the others do not",
        columns={
            "wave": ("Wave", "text"),
            "people": ("People", "int"),
            "not_watched": ("Not watched any more, or not yet", "int"),
            "nothing_due": ("Nothing due after it", "int"),
            "no_score": ("No score", "int"),
            "no_covariate": ("A covariate is missing", "int"),
            "rated": ("Analysed", "int"),
            "first": ("Rated first, too", "int"),
            "history": ("Rated at each before", "int"),
        },
        note="The first rating is related to use after every wave at which a person was rated; a new rating "
        "counts for those who were rated at each wave before it.",
    )
