"""Scores at the landmark and use after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.pipeline.context import Context
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.topics.use import lacks_use, usage_of
from instrument.errors import NotEstimableError, fact_and_hint

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult

SHARES = {"ci_lower": ("95% from", "percent"), "ci_upper": ("to", "percent")}
INTERVAL = {"ci_lower": ("95% from", "d2"), "ci_upper": ("to", "d2")}
MOST_STEPS = 150  # of a curve in the table: a drawing of 800 pixels shows no more
PERSONAL = {"effect": ("In units", "d2"), "effect_lower": ("95% from", "d2"), "effect_upper": ("to", "d2")}


def section_adherence(context: Context) -> Section:
    """Landmark models of every score: sessions left, active days, time to disengagement, threshold."""
    from analysis.adherence.context import REMAINING

    found = related(context)
    titles = {name: context.title_of(name) for name in found.design["standard_deviations"]}
    first = next(iter(titles))
    main = found.effects[found.effects["model"] == REMAINING].set_index("predictor")
    values = {**_counts(found), **_main(main, first, titles), **_naive(found)}
    tables = {
        "flow": _flow(found),
        "effects": _effects(found, titles, main=True),
        "models": _effects(found, titles, main=False),
        "context": _context(found, titles),
        **_survival(found, titles[first]),
        "checks": _checks(found, titles),
        "naive": _naive_table(found),
    }
    problems = [
        f"{row.model}, {titles.get(row.predictor, row.predictor)}: {row.reason}"
        for row in found.failed.itertuples()
    ]
    return Section(
        estimator="landmark models: quasi-binomial logit, Cox, negative binomial, logistic",
        n=int(main.loc[first, "n"]) if first in main.index else None,
        missing="complete cases at the landmark; beside them imputed and weighted models",
        seed=context.seed,
        options={
            "wave": found.design["wave"],
            "adjusted for": ", ".join(found.design["adjusted_for"]),
            "multiplicity": "Holm within each model, over the themes; the total is not part of that family",
            "context": found.design["context"] or "none",
        },
        prose=_prose(values, found),
        values=values,
        tables={name: table for name, table in tables.items() if len(table.frame)},
        figures=[name for name, table in (("forest", main), ("survival", found.curves)) if len(table)],
        problems=problems,
        software=("statsmodels", "scipy"),
    )


def related(context: Context) -> AdherenceResult:
    """Landmark models of every score, fitted once for every section that reads them."""
    from analysis.adherence import relate_adherence

    study = context.study
    if study is None:
        raise NotEstimableError(fact_and_hint("validate", "there is no study file.", "give one."))
    contexts = [theme.id for theme in context.scale.themes if theme.role == "context"]
    held = contexts[0] if contexts and contexts[0] in context.card.names else None
    return context.once(
        "adherence",
        lambda: relate_adherence(
            context.card,
            usage_of(context),
            study,
            context.outcomes,
            context.covariates,
            context=held,
            seed=context.seed,
        ),
    )


def _counts(found: AdherenceResult) -> dict[str, Any]:
    steps = dict(zip(found.flow["step"].str.strip(), found.flow["n"], strict=True))

    def at(start: str) -> int:
        return next((int(n) for step, n in steps.items() if step.startswith(start)), 0)

    return {
        "enrolled": at("enrolled"),
        "had_left": at("no use for the declared days"),
        "analysed": at("analysed: remaining intended use"),
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
    said = [
        "Of {enrolled:int} people enrolled, {had_left:int} had left before day {landmark_day:int}, when "
        "the score counts as given; {analysed:int} could be analysed. {due:int} {unit} were still due.",
    ]
    if "effect" in values:
        said.append(
            "People one standard deviation higher on {first} did {effect:d2} more of the {due:int} {unit} "
            "still due (95% interval {effect_lower:d2} to {effect_upper:d2}), with use before the landmark "
            "and the declared covariates held constant. This is an association, not proof that the "
            "score stands for a cause: an unmeasured cause would have to be tied to both by a risk ratio of "
            "{e_value:d2} to explain it away (E-value)."
        )
    if "naive_odds" in values:
        said.append(
            "A naive look, use over the whole study without a landmark, would give an odds ratio of "
            "{naive_odds:d2} instead of {landmark_odds:d2}: it counts use from before the score was given."
        )
    return [*said, *(f"{note[0].upper()}{note[1:]}." for note in found.notes)]


def _flow(found: AdherenceResult) -> Table:
    return Table(
        frame=found.flow,
        title="Who could be analysed",
        columns={"step": ("Step", "text"), "n": ("People", "int")},
        note="Time zero is the same for everyone. People who had left before it are counted, and "
        "those who answered stay in the models of remaining use.",
    )


def _effects(found: AdherenceResult, titles: dict[str, str], *, main: bool) -> Table:
    """Effects of the main model, which the forest plot shows, or of every other."""
    from analysis.adherence.context import REMAINING

    frame = found.effects[(found.effects["model"] == REMAINING) == main]
    frame = frame.assign(title=frame["predictor"].map(titles), unit=frame["unit"].str.replace("_", " "))
    # the main model's ratio and unit are the same in every row: named once, the table stays on the page
    model = {} if main else {"model": ("Model", "text")}
    measure = {} if main else {"measure": ("Measure", "text")}
    unit = {} if main else {"unit": ("Units", "text")}
    return Table(
        frame=frame,
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
            "p_holm": ("p, Holm", "p"),
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
            title=f"People at risk, by thirds of {title}",
            columns={**columns, "time": ("Days", "int")},
        ),
        "curves": Table(
            frame=shown,
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
        title="Checks of the models",
        columns={
            "check": ("Check", "text"),
            "title": ("Score", "text"),
            "value": ("Value", "d2"),
            "pvalue": ("p", "p"),
        },
    )


def _naive_table(found: AdherenceResult) -> Table:
    return Table(
        frame=found.naive,
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
    lacks=lacks_use,
)
