"""The same numbers with missing answers imputed several times, beside those by the main rule."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.common.rules import FEWEST_PEOPLE
from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.correlating import missing_items
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Section, Table, Topic, of_sample
from analysis.pipeline.topics.models import estimator_for
from analysis.pipeline.twinned.imputed import twins_of_imputed
from instrument.errors import ToolkitError

FEWEST_ITEMS = 2
_COEFFICIENTS = {
    "title": ("Theme", "text"),
    "coefficient": ("Coefficient", "text"),
    "n": ("n", "int"),
    "estimate": ("Imputed", "r2"),
    "ci_lower": ("95% from", "r2"),
    "ci_upper": ("to", "r2"),
    "missing_information": ("Information lost", "percent"),
    "main": ("By the main rule", "r2"),
    "n_main": ("n", "int"),
}


def section_imputed(context: Context) -> Section:
    """Alpha and omega of each theme, and the models of the plan, pooled over imputed answers."""
    plan = context.plan
    gaps = Gaps(context=context, few=of_sample(context))
    completed = _completed(context)
    rows: list[dict[str, Any]] = []
    for theme, items in context.themes.items():
        if theme in context.composites or len(items) < FEWEST_ITEMS:
            gaps.leave(
                context.title_of(theme),
                Cause.COMPOSITE if theme in context.composites else Cause.NOTHING_LEFT,
            )
            continue
        try:
            rows += _theme(context, theme, items, [table[items] for table in completed])
        except ToolkitError as error:
            gaps.add(context.title_of(theme), error, items)
    table = pd.DataFrame(rows, columns=["theme", *_COEFFICIENTS])
    tables = {"consistency": _consistency_table(table)}
    parameters, fits = _models(context, completed, gaps)
    if len(fits):
        tables |= {"models": _fit_table(fits), "parameters": _parameter_table(parameters)}
    change = (table["estimate"] - table["main"]).abs()
    values = {
        "imputations": plan.imputations,
        "absent": float(context.items.isna().to_numpy().mean()),
        "largest_change": float(change.max()) if change.notna().any() else None,
        "most_lost": float(table["missing_information"].max()) if len(table) else None,
    }
    return Section(
        estimator="predictive mean matching by chained regressions; Rubin's rules",
        n=len(context.items),
        n_kind=people(weight=9),
        missing=f"imputed {plan.imputations} times from the other items, at random given these",
        seed=context.seed,
        options={"wave": context.first_wave, "imputations": plan.imputations},
        option_kinds=each(GIVEN, "wave imputations"),
        prose=_prose(values),
        values=values,
        value_kinds=each(GIVEN, "imputations") | each(statistic(), "absent largest_change most_lost"),
        tables=tables,
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _completed(context: Context) -> list[pd.DataFrame]:
    from analysis.items.imputed_items import impute_items

    return context.once(
        "imputed", lambda: impute_items(context.items, context.plan.imputations, seed=context.seed)
    )


def _filled(context: Context) -> dict[str, pd.DataFrame]:
    """Answers that gaps were filled with, keyed: imputation (from 1), participant, item, value."""
    completed = _completed(context)
    people = completed[0].index
    gaps = context.items.loc[people].isna().to_numpy()
    rows, places = gaps.nonzero()
    items = context.items.columns.to_numpy()[places]
    tables = [
        pd.DataFrame(
            {
                "imputation": number,
                "participant": people.to_numpy()[rows],
                "item": items,
                "value": table.to_numpy()[gaps],
            }
        )
        for number, table in enumerate(completed, start=1)
    ]
    return {"imputed": pd.concat(tables, ignore_index=True)}


def _prose(values: dict[str, Any]) -> list[str]:
    sentences = [
        "{absent:percent} of the answers are missing. They were imputed {imputations:int} "
        "[[time|times]] from the "
        "answers to the other items, with codes that people like these gave, and each number was pooled."
    ]
    if values["largest_change"] is not None:
        sentences.append(
            "Against the main rule for missing answers, no alpha changes by more than {largest_change:r3}; "
            "at most {most_lost:percent} of the information about a coefficient is lost. Imputation supposes "
            "that gaps depend on nothing but the other answers."
        )
    return sentences


def _theme(
    context: Context, theme: str, items: list[str], completed: list[pd.DataFrame]
) -> list[dict[str, Any]]:
    from analysis.items.imputed_items import pool_consistency
    from analysis.reliability.cronbach_alpha import cronbach_alpha

    found = pool_consistency(completed)
    main = cronbach_alpha(context.items[items].dropna(how="all"), missing=missing_items(context, "listwise"))
    rows = []
    for name, row in found.table.iterrows():
        beside = (
            {"main": main.estimate, "n_main": main.n_obs}
            if name == "alpha"
            else {"main": None, "n_main": None}
        )
        numbers = {
            key: float(row[key]) for key in ("estimate", "ci_lower", "ci_upper", "missing_information")
        }
        head = {"theme": theme, "title": context.title_of(theme), "coefficient": name, "n": found.n_obs}
        rows.append(head | numbers | beside)
    return rows


def _models(context: Context, completed: list[pd.DataFrame], gaps: Gaps) -> tuple[pd.DataFrame, pd.DataFrame]:
    from analysis.items.imputed_items import pool_model

    parameters, fits = [], []
    for name, syntax in context.plan.models.items():
        try:
            found = pool_model(syntax, completed, **estimator_for(context))
        except ToolkitError as error:
            gaps.add(name, error)
            continue
        parameters.append(found.parameters.assign(model=name))
        fits.append({"model": name, "n": found.n_obs, "pooled": found.converged, **found.fit.to_dict()})
    return (pd.concat(parameters, ignore_index=True) if parameters else pd.DataFrame()), pd.DataFrame(fits)


def _consistency_table(table: pd.DataFrame) -> Table:
    return Table(
        frame=table.astype({"n": "Int64", "n_main": "Int64"}),
        kinds={
            **each(TEXT, "theme title coefficient"),
            "n": people(weight=1),
            "n_main": people("n"),
            **each(statistic("n"), "estimate ci_lower ci_upper missing_information"),
            "main": statistic("n_main", tells=["n_main"]),
        },
        title="Internal consistency with missing answers imputed",
        columns=_COEFFICIENTS,
        note="Omega: one factor of the answers as numbers, by maximum likelihood.",
    )


def _fit_table(fits: pd.DataFrame) -> Table:
    return Table(
        frame=fits,
        kinds={
            **each(TEXT, "model"),
            "n": people(weight=1),
            **each(statistic("n"), "pooled statistic pvalue df2"),
            "df1": GIVEN,
        },
        title="Pooled test of fit of the models of the plan (D2)",
        columns={
            "model": ("Model", "text"),
            "n": ("n", "int"),
            "pooled": ("Fits pooled", "int"),
            "statistic": ("F", "d2"),
            "df1": ("df", "int"),
            "df2": ("df of the error", "d1"),
            "pvalue": ("p", "p"),
        },
    )


def _parameter_table(parameters: pd.DataFrame) -> Table:
    shown = parameters.assign(parameter=parameters["lhs"] + " " + parameters["op"] + " " + parameters["rhs"])
    return Table(
        frame=shown.drop(columns=["group", "op"]),
        kinds={
            **each(TEXT, "model parameter lhs rhs"),
            **each(statistic(), "est se df pvalue ci_lower ci_upper missing_information"),
        },
        title="Estimates of the models of the plan with missing answers imputed",
        columns={
            "model": ("Model", "text"),
            "parameter": ("Parameter", "text"),
            "est": ("Estimate", "d3"),
            "ci_lower": ("95% from", "d3"),
            "ci_upper": ("to", "d3"),
            "pvalue": ("p", "p"),
            "missing_information": ("Information lost", "percent"),
        },
    )


TOPIC = Topic(
    name="imputed",
    title="Missing answers imputed",
    subject="missing answers",
    question="Would the numbers be others if nothing were missing?",
    run=section_imputed,
    twins=twins_of_imputed,
    analysed=_filled,
    people=int(FEWEST_PEOPLE.cutoff),
)
