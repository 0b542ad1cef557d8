"""Scores at the landmark and use after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.adherence.design.further_terms import says_no_covariate
from analysis.adherence.design.steps import Step, people_at
from analysis.disclosure.kinds import GIVEN, TEXT, Kind, N, each, notes, people, statistic
from analysis.disclosure.ledger import Account, cell
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.in_time import card_in_time, days_of
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Curve, Section, Table, Topic
from analysis.pipeline.topics.adherence_claims import claim_of, standing_table
from analysis.pipeline.topics.adherence_dose import dose_of
from analysis.pipeline.topics.adherence_ends import ends_of, ends_table, incidence_table
from analysis.pipeline.topics.adherence_marginal import marginal_of
from analysis.pipeline.topics.adherence_measured import measured_of
from analysis.pipeline.topics.adherence_trial import trial_table
from analysis.pipeline.topics.adherence_unanswered import unanswered_of
from analysis.pipeline.topics.adherence_waves import waves_of
from analysis.pipeline.topics.use import lacks_use, usage_of
from analysis.pipeline.twinned.in_use import twins_of_later_use
from analysis.usage.words import DAYS_WATCHED, ENROLLED, JOINED, START, WATCHABLE, is_early_use
from instrument.errors import NotEstimableError, fact_and_hint

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult
    from instrument.study import Study

SUMS = (
    (
        (
            Step.WITHDRAWN,
            Step.UNWATCHED,
            Step.NOTHING_DUE,
            Step.NO_SCORE,
            Step.NO_COVARIATE,
            Step.ANALYSED,
        ),
        Step.ENROLLED,
    ),
    ((Step.ANALYSED_LEFT, Step.ANALYSED_TIME), Step.ANALYSED),
)
PARTS = (
    (Step.CAME_BACK, Step.HAD_LEFT),
    (Step.NO_SCORE_LEFT, Step.NO_SCORE),
    (Step.ANALYSED_LEFT, Step.ANALYSED),
    (Step.DISENGAGED, Step.ANALYSED_TIME),
    (Step.WITHDRAWN, Step.ENROLLED),
    (Step.UNWATCHED, Step.ENROLLED),
    (Step.NOTHING_DUE, Step.ENROLLED),
    (Step.HAD_LEFT, Step.ENROLLED),
    (Step.ANALYSED, Step.ENROLLED),
)
# what the models rest on is kept longest, and what only tells more of a step goes first
WEIGHTS = {
    Step.ENROLLED: 9,
    Step.ANALYSED: 8,
    Step.ANALYSED_TIME: 6,
    Step.HAD_LEFT: 4,
    Step.NO_SCORE: 2,
    Step.WITHDRAWN: 2,
    Step.ANALYSED_LEFT: 1,
    Step.DISENGAGED: 1,
}
SHARES = {"ci_lower": ("95% from", "percent"), "ci_upper": ("to", "percent")}
INTERVAL = {"ci_lower": ("95% from", "d2"), "ci_upper": ("to", "d2")}
MOST_STEPS = 150  # of a curve in the table: a drawing of 800 pixels shows no more
PERSONAL = {"effect": ("In units", "d2"), "effect_lower": ("95% from", "d2"), "effect_upper": ("to", "d2")}


def section_adherence(context: Context) -> Section:
    """Landmark models of every score: sessions left, active days, time to disengagement, threshold."""
    from analysis.adherence.models.context import REMAINING

    found = related(context)
    titles = {name: context.title_of(name) for name in found.design["standard_deviations"]}
    first = next(iter(titles))
    main = found.effects[found.effects["model"] == REMAINING].set_index("predictor")
    said, noted, note_kinds = notes(found.notes)
    claimed = claim_of(found, first, titles)
    ended = ends_of(found, first, titles)
    silent = unanswered_of(found, first, titles)
    measured = measured_of(context, found, first, titles)
    repeated = waves_of(context, found, first, titles)
    weighted = marginal_of(context, titles, first)
    dosed = dose_of(context)
    values = {**_counts(found), **_main(main, first, titles), **_naive(found), **noted}
    tables = {
        "trial": trial_table(context, found, titles[first], _held(found)),
        "flow": _flow(found),
        "effects": _effects(found, titles, main=True),
        "models": _effects(found, titles, main=False),
        "standing": standing_table(found, titles),
        **silent.tables,
        **measured.tables,
        **repeated.tables,
        **weighted.tables,
        **dosed.tables,
        "ends": ends_table(found, titles),
        "incidence": incidence_table(found),
        "context": _context(found, titles),
        **_survival(found, titles[first]),
        "checks": _checks(found, titles),
        "fits": _fits(found, titles),
        "naive": _naive_table(found),
    }
    problems = by_reason(
        (f"{row['model']}, {titles.get(row['predictor'], row['predictor'])}", row["reason"])
        for row in found.failed.to_dict("records")
    )
    return Section(
        estimator="landmark models: quasi-binomial logit, Cox, negative binomial, logistic",
        n=int(main.loc[first, "n"]) if first in main.index else None,
        n_kind=people(weight=9),
        missing="complete cases at the landmark; beside them imputed and weighted models",
        seed=context.seed,
        options={
            "wave": found.design["wave"],
            "adjusted for": ", ".join(found.design["adjusted_for"]),
            "multiplicity": "Holm within each model, over the themes; the total is not part of that family",
            "context": found.design["context"] or "none",
            "clusters": found.design["cluster"] or "none",
        },
        option_kinds={"adjusted for": TEXT, **each(TEXT, "wave multiplicity context clusters")},
        prose=[
            *claimed.sentences,
            *_prose(values, found),
            *silent.sentences,
            *measured.sentences,
            *repeated.sentences,
            *weighted.sentences,
            *dosed.sentences,
            *ended.sentences,
            *said,
        ],
        values={
            **values,
            **claimed.values,
            **silent.values,
            **measured.values,
            **repeated.values,
            **weighted.values,
            **dosed.values,
            **ended.values,
        },
        value_kinds={
            **claimed.kinds,
            **silent.kinds,
            **measured.kinds,
            **repeated.kinds,
            **weighted.kinds,
            **dosed.kinds,
            **ended.kinds,
            **_step_kinds(COUNTED),
            **each(GIVEN, "landmark_day due"),
            **each(TEXT, "unit first"),
            **each(statistic(), "effect effect_lower effect_upper pvalue e_value naive_odds landmark_odds"),
            **note_kinds,
        },
        account=_account(context, found, first if first in main.index else None, tables["at_risk"].frame),
        tables={name: table for name, table in tables.items() if len(table.frame)},
        figures=[name for name, table in (("forest", main), ("survival", found.curves)) if len(table)],
        problems=[*problems, *measured.problems, *repeated.problems, *weighted.problems, *dosed.problems],
    )


COUNTED = {
    "enrolled": Step.ENROLLED,
    "withdrawn": Step.WITHDRAWN,
    "unwatched": Step.UNWATCHED,
    "had_left": Step.HAD_LEFT,
    "analysed": Step.ANALYSED,
}
"""Values of the opening sentence."""
EFFECTS = "effects on use"
"""What `effects_on_use` keeps; a shorter scale keeps those of scores that it changes alone."""


def effects_on_use(context: Context) -> pd.DataFrame:
    """Effects of scores on later use and on the outcome, one row per score and model."""
    effects: pd.DataFrame = context.once(EFFECTS, lambda: related(context).effects)
    return effects


def related(context: Context) -> AdherenceResult:
    """Landmark models of every score, fitted once for every section that reads them."""
    from analysis.adherence.relate_adherence import relate_adherence

    study = study_of(context)
    return context.once(
        "adherence",
        lambda: relate_adherence(
            context.card,
            usage_of(context),
            study,
            context.outcomes,
            context.known_covariates,
            context=held_constant(context),
            times=days_of(context),
            seed=context.seed,
        ),
    )


def _people(context: Context) -> dict[str, pd.DataFrame]:
    """Those analysed, one row per person, as models of later use see them; everyone watched; gaps filled."""
    from analysis.adherence.relate_adherence import analysed_gaps, analysed_people

    given = (card_in_time(context), usage_of(context), study_of(context))
    sides = (context.outcomes, context.known_covariates)
    watched, filled = analysed_gaps(*given, *sides, seed=context.seed)
    tables = {"later_use": analysed_people(*given, *sides), "later_use_watched": watched}
    return tables | ({"later_use_imputed": filled} if len(filled) else {})


def study_of(context: Context) -> Study:
    """The study of a validation; refused where there is none."""
    if context.study is None:
        raise NotEstimableError(fact_and_hint("validate", "there is no study file.", "give one."))
    return context.study


def held_constant(context: Context) -> str | None:
    """The score that is context rather than alliance, where there is one."""
    contexts = [theme.id for theme in context.scale.themes if theme.role == "context"]
    return contexts[0] if contexts and contexts[0] in context.card.names else None


def _counts(found: AdherenceResult) -> dict[str, Any]:
    at = people_at(found.flow)
    return {
        "enrolled": at[Step.ENROLLED],
        "had_left": at[Step.HAD_LEFT],
        "withdrawn": at[Step.WITHDRAWN],
        "unwatched": at[Step.UNWATCHED],
        "analysed": at[Step.ANALYSED],
        "landmark_day": found.design["day"],
        "due": found.design["due"],
        "unit": str(found.design["unit"]).replace("_", " "),
    }


def _main(main: pd.DataFrame, first: str, titles: dict[str, str]) -> dict[str, Any]:
    if first not in main.index:
        return {}
    names = ["effect", "effect_lower", "effect_upper", "pvalue", "e_value"]
    row = main.loc[[first], names].to_numpy(dtype=float)[0]
    return {"first": titles[first], **dict(zip(names, row.tolist(), strict=True))}


def _naive(found: AdherenceResult) -> dict[str, Any]:
    if len(found.naive) < 2:
        return {}
    whole, after = found.naive["odds_ratio"]
    return {"naive_odds": float(whole), "landmark_odds": float(after)}


def _prose(values: dict[str, Any], found: AdherenceResult) -> list[str]:
    start = found.flow["step"].iloc[0]
    who = "people enrolled" if start == START[ENROLLED] else start
    said = [
        f"Of {{enrolled:int}} {who}, {{had_left:int}} of those still watched on day {{landmark_day:int}}, "
        "when the score counts as given, had left; {analysed:int} could be analysed. "
        "{due:int} {unit} were still due"
        + (" of those watched to the end." if found.design["due_differs"] else "."),
        "Before that day {withdrawn:int} had withdrawn, and {unwatched:int} were not watched for so long.",
    ]
    if "effect" in values:
        said.append(
            "People one standard deviation higher on {first} did "
            + ("less" if values["effect"] < 0 else "{effect:d2} more")
            + " of the {due:int} {unit} still due ("
            + ("difference {effect:d2}, " if values["effect"] < 0 else "")
            + "95% interval {effect_lower:d2} to {effect_upper:d2}), with "
            f"{_held(found)} held constant. This is an association, not proof that the "
            "score stands for a cause: an unmeasured cause would have to be tied to both by a risk ratio of "
            "{e_value:d2} to explain it away (E-value)."
        )
    if "naive_odds" in values:
        said.append(
            "A naive look, use over the whole study without a landmark, would give an odds ratio of "
            "{naive_odds:d2}, where use after it gives {landmark_odds:d2}, with nothing held constant in "
            "either: it counts use from before the score was given."
        )
    return said


def _step_kinds(steps: dict[str, Step]) -> dict[str, Kind]:
    return {key: people(weight=3, names=[populations.label(populations.step(s))]) for key, s in steps.items()}


def _account(context: Context, found: AdherenceResult, first: str | None, at_risk: pd.DataFrame) -> Account:
    """How the steps of the flow add up, here and to what the section on use counts."""
    account, numbers = Account(), people_at(found.flow)
    at = {step: populations.step(step) for step in Step}
    for parts, whole in SUMS:
        account.total([at[part] for part in parts], at[whole])
    for part, whole in PARTS:
        account.part(at[whole], at[part])
    left = populations.step("left, a covariate is missing")
    few = numbers[Step.HAD_LEFT] - numbers[Step.NO_SCORE_LEFT] - numbers[Step.ANALYSED_LEFT]
    account.population(left, few)
    account.total([at[Step.NO_SCORE_LEFT], at[Step.ANALYSED_LEFT], left], at[Step.HAD_LEFT])
    account.part(at[Step.NO_COVARIATE], left)
    if first is not None:
        account.same(N, at[Step.ANALYSED])
    watched = int(usage_of(context).people["at_risk"].sum())
    gone = (Step.WITHDRAWN, Step.UNWATCHED, Step.HAD_LEFT)
    if sum(numbers[step] for step in gone) + watched == numbers[Step.ENROLLED]:
        account.population(populations.AT_RISK, watched)
        account.total([*(at[step] for step in gone), populations.AT_RISK], at[Step.ENROLLED])
    start = [row for row, time in enumerate(at_risk["time"]) if time == 0] if len(at_risk) else []
    if start and int(at_risk["at_risk"].iloc[start].sum()) == numbers[Step.ANALYSED_TIME]:
        account.total([cell("at_risk", "at_risk", row) for row in start], at[Step.ANALYSED_TIME])
    return account


def _held(found: AdherenceResult) -> str:
    """What was held constant, in words: covariates are named only where there are any."""
    adjusted = [str(name) for name in found.design["adjusted_for"] if name not in (JOINED, WATCHABLE)]
    names = [name for name in adjusted if not is_early_use(name) and not says_no_covariate(name)]
    held = ["use before the landmark"]
    if JOINED in found.design["adjusted_for"]:
        held.append("the time of enrolment")
    if WATCHABLE in found.design["adjusted_for"]:
        held.append(DAYS_WATCHED)
    if names:
        held.append("the declared covariates")
    return ", ".join(held[:-1]) + " and " + held[-1] if len(held) > 1 else held[0]


def _flow(found: AdherenceResult) -> Table:
    return Table(
        frame=found.flow,
        kinds={
            **each(TEXT, "id step"),
            "n": people(
                names=populations.labels(map(populations.step, found.flow["id"])),
                weights=[WEIGHTS.get(Step(name), 0) for name in found.flow["id"]],
            ),
        },
        title="Who could be analysed",
        columns={"step": ("Step", "text"), "n": ("People", "int")},
        note="Time zero is the same for everyone. People who had left before it are counted, and "
        "those who answered stay in the models of remaining use.",
    )


def _effects(found: AdherenceResult, titles: dict[str, str], *, main: bool) -> Table:
    """Effects of the main model, which the forest plot shows, or of every other."""
    from analysis.adherence.models.context import REMAINING

    frame = found.effects[(found.effects["model"] == REMAINING) == main]
    frame = frame.assign(title=frame["predictor"].map(titles), unit=frame["unit"].str.replace("_", " "))
    # the main model's ratio and unit are the same in every row: named once, the table stays on the page
    model = {} if main else {"model": ("Model", "text")}
    measure = {} if main else {"measure": ("Measure", "text")}
    unit = {} if main else {"unit": ("Units", "text")}
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "model predictor measure unit title"),
            "n": people(weight=1),
            "events": people("n"),
            **each(statistic("n"), "coefficient se pvalue ratio ci_lower ci_upper effect effect_lower"),
            **each(statistic("n"), "effect_upper e_value e_value_limit p_adjusted p_adjusted_bh"),
        },
        title=f"Remaining use, one standard deviation more of a score; units are {found.design['unit']}"
        if main
        else "The same in other models",
        columns={
            **model,
            "title": ("Score", "text"),
            "n": ("n", "int"),
            **measure,
            "ratio": ("Odds ratio" if main else "Estimate", "d2"),
            **INTERVAL,
            "pvalue": ("p", "p"),
            "p_adjusted": ("p, Holm", "p"),
            **PERSONAL,
            **unit,
            "e_value": ("E-value", "d2"),
        },
        note="Holm is taken over the themes within a model."
        if main
        else "Weighted: by the inverse probability of having answered at the landmark. Imputed: gaps filled "
        "20 times and pooled.",
    )


def _survival(found: AdherenceResult, title: str) -> dict[str, Table]:
    """Curves and people at risk by thirds of the first score."""
    columns = {
        "third": ("Third", "text"),
        "time": ("Days after the landmark", "d1"),
        "at_risk": ("At risk", "int"),
    }
    curves, risk = (
        frame.assign(third=frame["group"].str.split(" of ").str[0]).drop(columns="group")
        if len(frame)
        else frame
        for frame in (found.curves, found.risk_table)
    )
    shown = thinned(curves)
    note = f"Of curves with more steps, {MOST_STEPS} evenly spaced in time are kept; each is a point of it."
    return {
        "at_risk": Table(
            frame=risk,
            kinds={**each(TEXT, "third"), "time": GIVEN, "at_risk": people(falls=True, by="third")},
            title=f"People at risk, by thirds of {title}",
            columns={**columns, "time": ("Days", "int")},
        ),
        "curves": Table(
            frame=shown,
            curve=Curve(time="time", at_risk="at_risk", events="events", by="third"),
            kinds={
                **each(TEXT, "third"),
                "time": GIVEN,
                **each(people(), "at_risk events"),
                **each(statistic(), "surviving se ci_lower ci_upper"),
            },
            title=f"Still using the app, by thirds of {title}",
            columns={**columns, "surviving": ("Still using", "percent"), **SHARES},
            note=note if len(shown) < len(curves) else "",
        ),
    }


def thinned(curves: pd.DataFrame) -> pd.DataFrame:
    """Keep no more steps of each curve than a reader can see, the first and the last among them."""
    if not len(curves):
        return curves
    kept = []
    for _, curve in curves.groupby("third", sort=False):
        if len(curve) > MOST_STEPS:
            grid = np.linspace(curve["time"].iloc[0], curve["time"].iloc[-1], MOST_STEPS)
            places = np.searchsorted(curve["time"].to_numpy(), grid, side="right") - 1
            curve = curve.iloc[np.unique(np.append(places, len(curve) - 1))]
        kept.append(curve)
    return pd.concat(kept, ignore_index=True)


def _context(found: AdherenceResult, titles: dict[str, str]) -> Table:
    frame = found.context.copy()
    if len(frame):
        frame["title"] = frame["predictor"].map(titles)
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "model predictor context quantity title"),
            "n": people(weight=1),
            **each(statistic("n"), "ratio ci_lower ci_upper pvalue effect effect_lower effect_upper"),
        },
        title="With the context held constant, and crossed with it",
        columns={
            "model": ("Model", "text"),
            "title": ("Score", "text"),
            "quantity": ("Quantity", "text"),
            "ratio": ("Estimate", "d2"),
            **INTERVAL,
            "pvalue": ("p", "p"),
        },
        note="An interaction of 1 says that the effect of the score is alike at every level of the context.",
    )


def _checks(found: AdherenceResult, titles: dict[str, str]) -> Table:
    rows: list[dict[str, Any]] = []
    for row in found.proportional_hazards.to_dict("records"):
        tested = {"GLOBAL": "all terms", row["predictor"]: "this score"}.get(row["term"])
        if tested:
            named = f"Constant hazard ratio, {tested}"
            rows.append(
                {
                    "predictor": row["predictor"],
                    "check": named,
                    "value": row["chisq"],
                    "pvalue": row["pvalue"],
                }
            )
    for row in found.shape.to_dict("records"):
        named = "Straight effect against a curve"
        rows.append(
            {"predictor": row["predictor"], "check": named, "value": row["f"], "pvalue": row["pvalue"]}
        )
    for row in found.discrimination.to_dict("records"):
        named = "Area under the curve, threshold model"
        rows.append({"predictor": row["predictor"], "check": named, "value": row["auc"], "pvalue": None})
    frame = pd.DataFrame(rows, columns=["predictor", "check", "value", "pvalue"])
    frame["title"] = frame["predictor"].map(titles)
    return Table(
        frame=frame,
        kinds=each(TEXT, "predictor check title") | each(statistic(), "value pvalue"),
        title="Checks of the models",
        columns={
            "check": ("Check", "text"),
            "title": ("Score", "text"),
            "value": ("Value", "d2"),
            "pvalue": ("p", "p"),
        },
    )


def _fits(found: AdherenceResult, titles: dict[str, str]) -> Table:
    """What each model rests on: people and events for each coefficient, and how columns overlap."""
    frame = found.fits.copy()
    if len(frame):
        frame["title"] = frame["predictor"].map(titles)
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "model predictor title"),
            "n": people(weight=1),
            "events": people("n"),
            **each(GIVEN, "columns clusters"),
            **each(statistic("n"), "per_column condition own_share"),
        },
        title="What each model rests on",
        columns={
            "model": ("Model", "text"),
            "title": ("Score", "text"),
            "n": ("n", "int"),
            "events": ("Events", "int"),
            "columns": ("Coefficients", "int"),
            "per_column": ("For each", "d1"),
            "condition": ("Condition number", "d1"),
            "own_share": ("Of its own", "percent"),
            "clusters": ("Clusters", "int"),
        },
        note="For each coefficient: events, or people where none are counted; below 10 are few. Condition "
        "numbers from 30 on tell of columns that nearly repeat each other. Of its own: what share of the "
        "score's variance the columns held constant do not say.",
    )


def _naive_table(found: AdherenceResult) -> Table:
    return Table(
        frame=found.naive,
        kinds={
            **each(TEXT, "analysis predictor"),
            "n": people(weight=1),
            **each(statistic("n"), "odds_ratio ci_lower ci_upper share_of_intended share_lower share_upper"),
        },
        title="What a naive look would say",
        columns={
            "analysis": ("Analysis", "text"),
            "n": ("n", "int"),
            "odds_ratio": ("Odds ratio", "d2"),
            **INTERVAL,
        },
    )


TOPIC = Topic(
    name="adherence",
    title="Scores and later use",
    subject="scores and later use",
    question="Does the score at the landmark go with use of the app after it?",
    run=section_adherence,
    twins=lambda context, section: twins_of_later_use(context, section, related(context)),
    analysed=_people,
    lacks=lacks_use,
    predicts=True,
    of_use=True,
)
