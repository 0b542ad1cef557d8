"""Ratings that use before them moves, weighted so that they are not told apart by it: effects in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from analysis.adherence.over_time.g_formula import NATURAL, OVER, SHIFT, GFormulaResult
from analysis.adherence.over_time.marginal_structural import UNWEIGHTED, WEIGHTED, MarginalResult, Told
from analysis.adherence.over_time.marginal_waves import followed_waves, marginal_of_waves
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.in_time import card_in_time
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Table
from analysis.pipeline.topics.adherence_measured import Part
from analysis.pipeline.topics.adherence_waves import rated_waves, windows_of
from instrument.errors import ToolkitError

NOW, EARLIER = "this time", "earlier times"
KEYS = {NOW: "weighted_now", EARLIER: "weighted_earlier"}
NOT_ASKED = (
    "Ratings that change with use were not weighed (marginal structural model): this needs ratings at two "
    "waves or more that use follows."
)
WHAT = (
    "Where use before a rating moves it and the rating moves later use, holding that use constant takes away "
    "a part of the effect, and leaving it out adds a cause. Weighted so that ratings do not go with the use "
    "before them (marginal structural model, {weighted_people:int} people, {weighted_waves:int} waves)"
)
POINTS = {
    NOW: ", one standard deviation more of {weighted_title} goes with {weighted_now:d1} percentage points of "
    "what was due after it (95% interval {weighted_now_lower:d1} to {weighted_now_upper:d1}; not weighted "
    "{weighted_plain:d1})",
    EARLIER: "One more at all earlier ratings goes with {weighted_earlier:d1} ({weighted_earlier_lower:d1} "
    "to {weighted_earlier_upper:d1})",
}
SAID = {
    Told.ASSUMED: ": an effect only if no cause of rating and use was left unmeasured, everybody could have "
    "given any rating, and the models of the ratings are right. The data cannot show that.",
    Told.NOT_FOUND: ": not found, which does not show that there is no effect.",
    Told.UNTOLD: ": whether it is an effect cannot be told from these data, because the weights fail: "
    "{weighted_failing}.",
}

COURSE_WHAT = (
    "The other way round, what follows each rating was modelled in the place of what brings it about "
    "(g-formula, {course_people:int} people), and courses of people were simulated under strategies. "
)
COURSES = {
    "course_higher": "Were every rating of {course_title} {course_shift:d1} standard deviations higher than "
    "it would come, the share done of what was due would change by {course_higher:d1} percentage points (95% "
    "interval {course_higher_lower:d1} to {course_higher_upper:d1})",
    "course_floor": "Were none under the median, by {course_floor:d1} ({course_floor_lower:d1} to "
    "{course_floor_upper:d1})",
}
COURSE_SAID = {
    Told.ASSUMED: ": an effect only if no cause of rating and use was left unmeasured and the models are "
    "right. The data cannot show that.",
    Told.NOT_FOUND: ": not found, which does not show that there is no effect.",
    Told.UNTOLD: ": whether it is an effect cannot be told from these data ({course_failing}).",
}


def marginal_of(context: Context, titles: Mapping[str, str], first: str) -> Part:
    """Weigh repeated ratings by use before them, or say why that was not asked.

    Parameters
    ----------
    context
        The data.
    titles
        Titles of the scores.
    first
        The score that is told of first.

    Returns
    -------
    Part
        Sentences, effects of every score, and the checks of the first.
    """
    if context.study is None or len(rated_waves(context)) < 2:
        return Part(sentences=[NOT_ASKED])
    made: dict[str, MarginalResult] = {}
    failed = []
    for name in titles:
        try:
            made[name] = context.once(f"marginal {name}", partial(_fitted, context, name))
        except ToolkitError as error:
            reason = str(error).split("\n")[0].split(": ", 1)[-1]
            failed.append((f"weighted ratings, {titles[name]}", reason))
    tables = {"weighted": _effects(made, titles)} if made else {}
    said: list[str] = []
    values: dict[str, Any] = {}
    if first in made:
        said, values = _told(made[first], titles[first])
        tables |= _details(made[first], titles[first])
    try:
        followed = context.once(f"followed {first}", partial(_followed, context, first))
    except ToolkitError as error:
        failed.append(
            (f"ratings under strategies, {titles[first]}", str(error).split("\n")[0].split(": ", 1)[-1])
        )
    else:
        more, named = _strategies(followed, titles[first])
        said, values, tables = [*said, *more], values | named, tables | _courses(followed, titles[first])
    kinds = {
        **each(TEXT, "weighted_title weighted_failing"),
        "weighted_waves": GIVEN,
        "weighted_people": people(weight=4),
        "weighted_plain": statistic(),
        **each(statistic(), *(f"{key}{end}" for key in KEYS.values() for end in ("", "_lower", "_upper"))),
        **each(TEXT, "course_title course_failing"),
        "course_shift": GIVEN,
        "course_people": people(weight=4),
        **each(statistic(), *(f"{key}{end}" for key in COURSES for end in ("", "_lower", "_upper"))),
    }
    return Part(
        sentences=said,
        values=values,
        kinds={key: kinds[key] for key in values},
        tables=tables,
        problems=by_reason(failed),
    )


def _fitted(context: Context, name: str) -> MarginalResult:
    if context.study is None:
        raise ValueError("asked of a study only")
    return marginal_of_waves(
        card_in_time(context).scores,
        name,
        windows_of(context),
        context.study,
        context.outcomes,
        context.known_covariates,
    )


def _followed(context: Context, name: str) -> GFormulaResult:
    if context.study is None:
        raise ValueError("asked of a study only")
    return followed_waves(
        card_in_time(context).scores,
        name,
        windows_of(context),
        context.study,
        context.outcomes,
        context.known_covariates,
        seed=context.seed,
    )


def _strategies(made: GFormulaResult, title: str) -> tuple[list[str], dict[str, Any]]:
    """Sentences on the two strategies, each with what may be said."""
    whole = made.effects[made.effects["time"] == OVER].set_index("strategy")
    rows = [whole.loc[name] for name in made.design["strategies"] if name != NATURAL]
    values: dict[str, Any] = {
        "course_title": title,
        "course_people": int(rows[0]["n_people"]),
        "course_shift": SHIFT,
    }
    said = [COURSE_WHAT]
    for key, words, row in zip(COURSES, COURSES.values(), rows, strict=True):
        values |= {
            key: float(row["difference"]),
            f"{key}_lower": float(row["difference_lower"]),
            f"{key}_upper": float(row["difference_upper"]),
        }
        said.append(words + COURSE_SAID[Told(row["claim"])])
    if any(Told(row["claim"]) is Told.UNTOLD for row in rows):
        failing = made.checks.loc[~made.checks["holds"], "check"]
        values["course_failing"] = "; ".join(failing)
    return said, values


def _courses(made: GFormulaResult, title: str) -> dict[str, Table]:
    """Strategies by wave, and the natural course beside what was seen."""
    effects = Table(
        frame=made.effects.assign(time=made.effects["time"].astype(str)),
        kinds={
            **each(TEXT, "strategy time claim"),
            "n_people": people(weight=1),
            **each(statistic("n_people"), "mean se ci_lower ci_upper pvalue"),
            **each(statistic("n_people"), *(f"difference{end}" for end in ("", "_se", "_lower", "_upper"))),
        },
        title=f"Were ratings otherwise at every wave: percent of what was due, {title}",
        columns={
            "strategy": ("Ratings", "text"),
            "time": ("Wave", "text"),
            "n_people": ("People", "int"),
            "mean": ("Percent done", "d1"),
            "difference": ("Points from the natural course", "d1"),
            "difference_lower": ("95% from", "d1"),
            "difference_upper": ("to", "d1"),
            "claim": ("Claim", "text"),
        },
        note="By the g-formula: expected values had everybody followed the strategy and nobody left; "
        "intervals by a bootstrap over people.",
    )
    course = Table(
        frame=made.course.assign(
            time=made.course["time"].astype(str), holds=made.course["holds"].map({True: "yes", False: "no"})
        ),
        kinds={
            **each(TEXT, "variable time holds"),
            **each(statistic(), "observed simulated distance"),
        },
        title=f"Whether the simulated natural course meets what was seen, {title}",
        columns={
            "variable": ("Variable", "text"),
            "time": ("Wave", "text"),
            "observed": ("Seen", "d2"),
            "simulated": ("Simulated", "d2"),
            "distance": ("Apart, standard deviations", "d2"),
            "holds": ("Holds", "text"),
        },
        note="Of those who would go on; where it does not hold, no effect is claimed.",
    )
    return {"courses": effects, "natural_course": course}


def _told(made: MarginalResult, title: str) -> tuple[list[str], dict[str, Any]]:
    """Sentences on this and earlier ratings, each with what may be said."""
    rows = {(row["model"], row["term"]): row for row in made.effects.to_dict("records")}
    values: dict[str, Any] = {
        "weighted_title": title,
        "weighted_waves": len(made.design["times"]),
        "weighted_people": int(rows[WEIGHTED, NOW]["n_people"]),
        "weighted_plain": float(rows[UNWEIGHTED, NOW]["estimate"]),
    }
    for term, key in KEYS.items():
        row = rows[WEIGHTED, term]
        values |= {key: float(row["estimate"])}
        values |= {f"{key}_lower": float(row["ci_lower"]), f"{key}_upper": float(row["ci_upper"])}
    if not made.positive:
        failing = made.checks.loc[~made.checks["holds"], "check"]
        values["weighted_failing"] = "; ".join(failing)
    claims = {term: Told(rows[WEIGHTED, term]["claim"]) for term in KEYS}
    return [
        WHAT + POINTS[NOW] + SAID[claims[NOW]],
        POINTS[EARLIER] + SAID[claims[EARLIER]],
    ], values


def _effects(made: Mapping[str, MarginalResult], titles: Mapping[str, str]) -> Table:
    parts = [one.effects.assign(predictor=name, title=titles[name]) for name, one in made.items()]
    frame = pd.concat(parts, ignore_index=True)
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "predictor title model term measure claim"),
            **each(people(weight=1), "n_people n_rows"),
            **each(statistic("n_people"), "estimate se se_known ci_lower ci_upper df pvalue"),
        },
        title="Ratings weighted by what moved them: percentage points of what was due, one standard "
        "deviation more",
        columns={
            "title": ("Score", "text"),
            "model": ("Model", "text"),
            "term": ("Rating", "text"),
            "n_people": ("People", "int"),
            "n_rows": ("Ratings", "int"),
            "estimate": ("Points", "d1"),
            "ci_lower": ("95% from", "d1"),
            "ci_upper": ("to", "d1"),
            "claim": ("Claim", "text"),
        },
        note="Only the weighted model is a result; the others show what one would see without weights. "
        "Errors take into account that the weights were learned from the same people.",
    )


def _details(made: MarginalResult, title: str) -> dict[str, Table]:
    """Checks, balance, positivity and other cuts of the weights of one score."""
    checks = Table(
        frame=made.checks.assign(holds=made.checks["holds"].map({True: "yes", False: "no"})),
        kinds={**each(TEXT, "check rule holds"), "value": statistic()},
        title=f"Whether the weights hold, {title}",
        columns={
            "check": ("Check", "text"),
            "value": ("Value", "d2"),
            "rule": ("Rule", "text"),
            "holds": ("Holds", "text"),
        },
        note="Where one does not hold, no effect is claimed.",
    )
    balance = Table(
        frame=made.balance.assign(time=made.balance["time"].astype(str)),
        kinds={
            **each(TEXT, "time"),
            "variable": TEXT,
            "n": people(weight=1),
            **each(statistic("n"), "before after"),
        },
        title=f"Balance of what came before the ratings, {title}",
        columns={
            "time": ("Wave", "text"),
            "variable": ("Cause", "text"),
            "n": ("People", "int"),
            "before": ("Before weighting", "d2"),
            "after": ("After", "d2"),
        },
        note="Standard deviations of the cause for one of the rating, earlier ratings held constant.",
    )
    positivity = Table(
        frame=made.positivity.drop(columns="least").assign(time=made.positivity["time"].astype(str)),
        kinds={
            **each(TEXT, "time"),
            "n": people(weight=1),
            **each(statistic("n"), "mean_weight largest largest_share effective effective_share explained"),
        },
        title=f"How far a few people carry the weight, {title}",
        columns={
            "time": ("Wave", "text"),
            "n": ("People", "int"),
            "mean_weight": ("Mean weight", "d2"),
            "largest": ("Largest", "d2"),
            "effective": ("Effective people", "d1"),
            "explained": ("Explained by causes", "percent"),
        },
        note="Effective people: of equal weight, who would tell as much.",
    )
    cuts = Table(
        frame=made.truncation.assign(used=made.truncation["used"].map({True: "yes", False: "no"})),
        kinds={
            **each(TEXT, "term used"),
            "cut": GIVEN,
            **each(statistic(), "largest effective_share estimate se ci_lower ci_upper pvalue"),
        },
        title=f"The same with the largest weights cut, {title}",
        columns={
            "cut": ("Cut at each end", "percent"),
            "term": ("Rating", "text"),
            "largest": ("Largest weight", "d2"),
            "estimate": ("Points", "d1"),
            "ci_lower": ("95% from", "d1"),
            "ci_upper": ("to", "d1"),
            "used": ("Reported", "text"),
        },
        note="Cutting trades bias for width.",
    )
    tables = {
        "weighted_checks": checks,
        "weighted_balance": balance,
        "weighted_positivity": positivity,
        "weighted_cuts": cuts,
    }
    return {name: table for name, table in tables.items() if len(table.frame)}
