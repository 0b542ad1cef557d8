"""Alliance at the landmark and use after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.pipeline.context import Context
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.topics.use import lacks_use, usage_of
from instrument.errors import NotEstimableError, fact_and_hint

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult

MAIN = "remaining use, logit"
INTERVAL = {"ci_lower": ("95% from", "d2"), "ci_upper": ("to", "d2")}
PERSONAL = {"effect": ("In units", "d2"), "effect_lower": ("95% from", "d2"), "effect_upper": ("to", "d2")}


def section_adherence(context: Context) -> Section:
    """Landmark models of every score: sessions left, active days, time to disengagement, threshold."""
    found = _related(context)
    titles = {name: context.title_of(name) for name in found.design["standard_deviations"]}
    first = next(iter(titles))
    main = found.effects[found.effects["model"] == MAIN].set_index("predictor")
    values = {**_counts(found), **_main(main, first, titles), **_naive(found)}
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
        tables={
            "flow": Table(
                frame=found.flow,
                title="Who could be analysed",
                columns={"step": ("Step", "text"), "n": ("People", "int")},
                note="Time zero is the same for everyone. People who had left before it are counted, and "
                "those who answered stay in the models of remaining use.",
            ),
            "effects": _effects(found, titles),
            "context": _context(found, titles),
            "curves": Table(
                frame=found.curves,
                title="Still using the app, by thirds of the score",
                columns={},
            ),
            "at_risk": Table(
                frame=found.risk_table,
                title="People at risk below the curves",
                columns={
                    "group": ("Group", "text"),
                    "time": ("Days after the landmark", "int"),
                    "at_risk": ("At risk", "int"),
                },
            ),
            "checks": _checks(found, titles),
            "naive": _naive_table(found),
        },
        figures=[name for name, table in (("forest", main), ("survival", found.curves)) if len(table)],
        problems=problems,
        software=("statsmodels", "scipy"),
    )


def _related(context: Context) -> AdherenceResult:
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
        "alliance counts as measured; {analysed:int} could be analysed. {due:int} {unit} were still due.",
    ]
    if "effect" in values:
        said.append(
            "People one standard deviation higher on {first} did {effect:d2} more of the {due:int} {unit} "
            "still due (95% interval {effect_lower:d2} to {effect_upper:d2}), with use before the landmark "
            "and the declared covariates held constant. This is an association, not proof that alliance "
            "keeps people: an unmeasured cause would have to be tied to both by a risk ratio of "
            "{e_value:d2} to explain it away (E-value)."
        )
    if "naive_odds" in values:
        said.append(
            "A naive look, use over the whole study without a landmark, would give an odds ratio of "
            "{naive_odds:d2} instead of {landmark_odds:d2}: it counts use from before alliance was measured."
        )
    return [*said, *(f"{note[0].upper()}{note[1:]}." for note in found.notes)]


def _effects(found: AdherenceResult, titles: dict[str, str]) -> Table:
    frame = found.effects.assign(title=found.effects["predictor"].map(titles))
    frame["unit"] = frame["unit"].str.replace("_", " ")
    return Table(
        frame=frame,
        title="One standard deviation more of a score",
        columns={
            "model": ("Model", "text"),
            "title": ("Score", "text"),
            "n": ("n", "int"),
            "measure": ("Measure", "text"),
            "ratio": ("Estimate", "d2"),
            **INTERVAL,
            "pvalue": ("p", "p"),
            "p_holm": ("p, Holm", "p"),
            **PERSONAL,
            "unit": ("Units", "text"),
            "e_value": ("E-value", "d2"),
        },
        note="Weighted: by the inverse probability of having answered at the landmark. Imputed: gaps filled "
        "20 times and pooled. Holm is taken over the themes within a model.",
    )


def _context(found: AdherenceResult, titles: dict[str, str]) -> Table:
    frame = found.context.copy()
    if len(frame):
        frame["title"] = frame["predictor"].map(titles)
    return Table(
        frame=frame,
        title="With the context held constant, and crossed with it",
        columns={}
        if not len(frame)
        else {
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
        columns={}
        if not len(found.naive)
        else {
            "analysis": ("Analysis", "text"),
            "n": ("n", "int"),
            "odds_ratio": ("Odds ratio", "d2"),
            **INTERVAL,
        },
    )


TOPIC = Topic(
    name="adherence",
    title="Alliance and later use",
    question="Does alliance at the landmark go with use of the app after it?",
    run=section_adherence,
    lacks=lacks_use,
)
