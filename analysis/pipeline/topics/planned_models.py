"""Models that the plan states in lavaan's language, fitted as they stand."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.rules import CFI, FEWEST_PEOPLE, RMSEA, SRMR, TLI
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import FOREIGN, GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.reach import Gaps, of_fit, of_items
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.models import (
    INDICES,
    JUDGED_BY,
    endings_of,
    estimator_for,
    fit_columns,
)
from analysis.pipeline.twinned.structure import twins_of_planned_models
from analysis.planning.definition import PLAIN
from instrument.errors import ToolkitError, ToolkitWarning

if TYPE_CHECKING:
    from analysis.structural.inference.result import StructuralResult

HOLD = Question(text="Do the models of the plan fit?", bears_on=Property.STRUCTURE)
RULES = {"cfi": ("CFI", CFI), "tli": ("TLI", TLI), "rmsea": ("RMSEA", RMSEA)}
_PATH = "sections.planned_models.tables.fit"


def section_planned_models(context: Context) -> Section:
    """Fit every model of the plan to the first wave, judge the first by its robust indices."""
    how = estimator_for(context)
    estimator = str(how["estimator"])
    columns = _columns(estimator)
    gaps = Gaps(context=context)
    fits: dict[str, StructuralResult] = {}
    rows = []
    for name, syntax in context.plan.models.items():
        row: dict[str, Any] = {"model": name, "syntax": syntax}
        try:
            fit = fitted(context, syntax, how)
        except ToolkitError as error:
            gaps.add(name, error)
            rows.append(row | {"solution": f"not fitted: {str(error).splitlines()[0]}"})
            continue
        fits[name] = fit
        rows.append(row | _row(fit, columns))
    table = pd.DataFrame(rows, columns=list(dict.fromkeys([*columns, "syntax", "chisq", "n_parameters"])))
    tables = {"fit": _fit_table(table, columns, estimator)}
    if fits:
        tables["parameters"] = _parameter_table(fits)
    first = next(iter(context.plan.models))
    found = fits.get(first)
    n_items = len(found.parameters.loc[found.parameters["op"] == "=~", "rhs"].unique()) if found else 1
    cause = Cause.NOT_ESTIMATED if found is None else of_fit(found) or of_items(found.n_obs, n_items)
    return Section(
        estimator=estimator,
        n=found.n_obs if found else None,
        n_kind=people(weight=9),
        missing=found.missing if found else "none fitted",
        options={"wave": context.first_wave},
        option_kinds=each(GIVEN, "wave"),
        prose=[
            "Models stated in the plan: {stated:int}; fitted: {fitted:int}. The first, {first}, is judged by "
            f"its {'' if estimator == PLAIN else 'robust '}indices; every other stands beside it in the "
            "table."
        ],
        values={"stated": len(rows), "fitted": len(fits), "first": first},
        value_kinds=each(GIVEN, "stated fitted") | each(TEXT, "first"),
        tables=tables,
        findings=_findings(first, found, estimator, cause),
        problems=gaps.problems,
        untested=gaps.untested,
    )


def fitted(context: Context, syntax: str, how: dict[str, Any]) -> StructuralResult:
    """Fit a model to the first wave; what is wrong with a solution is read from its faults."""
    from analysis.structural.models import sem

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        return sem(syntax, context.items, missing=context.plan.missing, **how)


_NAMED = {"model": ("Model", "text"), "n": ("n", "int")}
_CORRECTED = {
    "chisq_scaled": ("χ² scaled", "d1"),
    "df": ("df", "int"),
    "pvalue_scaled": ("p", "p"),
    "cfi_robust": ("CFI robust", "r3"),
    "tli_robust": ("TLI robust", "r3"),
    "rmsea_robust": ("RMSEA robust", "r3"),
    "rmsea_ci_lower_robust": ("90% from", "r3"),
    "rmsea_ci_upper_robust": ("to", "r3"),
    "cfi_scaled": ("CFI scaled", "r3"),
    "rmsea_scaled": ("RMSEA scaled", "r3"),
    "srmr": ("SRMR", "r3"),
    "solution": ("Solution", "text"),
}


def _columns(estimator: str) -> dict[str, tuple[str, str]]:
    return _NAMED | (fit_columns(estimator) if estimator == PLAIN else _CORRECTED)


def _row(fit: StructuralResult, columns: dict[str, tuple[str, str]]) -> dict[str, Any]:
    cause = of_fit(fit)
    row: dict[str, Any] = {"n": fit.n_obs, "n_parameters": fit.n_parameters, "df": int(fit.fit["df"])}
    row |= {name: fit.fit.get(name) for name in ("chisq", *columns) if name not in row}
    del row["model"]
    return row | {"solution": "proper" if cause is None else cause.words}


def _fit_table(table: pd.DataFrame, columns: dict[str, tuple[str, str]], estimator: str) -> Table:
    numbers = [
        name
        for name in table.columns
        if name not in ("model", "n", "df", "n_parameters", "solution", "syntax")
    ]
    return Table(
        frame=table,
        kinds={
            **each(TEXT, "model syntax"),
            "solution": FOREIGN,
            "n": people(weight=1),
            **each(GIVEN, "df n_parameters"),
            **each(statistic("n"), *numbers),
        },
        title="Fit of the models of the plan",
        columns=columns,
        note=f"The {'' if estimator == PLAIN else 'robust '}indices are judged; the syntax of each model is "
        "in results.json.",
    )


def _parameter_table(fits: dict[str, StructuralResult]) -> Table:
    names = ["lhs", "op", "rhs", "est", "se", "ci_lower", "ci_upper", "pvalue", "std_all"]
    parts = []
    for name, fit in fits.items():
        rows = fit.parameters[fit.parameters["op"].isin(["=~", "~", "~~", ":="])]
        parts.append(rows[names].assign(model=name, n=fit.n_obs))
    frame = pd.concat(parts, ignore_index=True)
    frame["parameter"] = frame["lhs"] + " " + frame["op"] + " " + frame["rhs"]
    return Table(
        frame=frame[["model", "n", "parameter", *names]].drop(columns="op"),
        kinds={
            **each(TEXT, "model parameter lhs rhs"),
            "n": people(weight=1),
            **each(statistic("n"), "est se ci_lower ci_upper pvalue std_all"),
        },
        title="Estimates of the models of the plan",
        columns={
            "model": ("Model", "text"),
            "parameter": ("Parameter", "text"),
            "est": ("Estimate", "d3"),
            "ci_lower": ("95% from", "d3"),
            "ci_upper": ("to", "d3"),
            "pvalue": ("p", "p"),
            "std_all": ("Standardised", "r2"),
        },
    )


def _findings(
    first: str, found: StructuralResult | None, estimator: str, cause: Cause | None
) -> list[Finding]:
    ending = endings_of(estimator)[0]
    said = f", {ending[1:]}" if ending else ""
    judged = [(f"{index}{ending}", f"{RULES[index][0]}{said}", RULES[index][1]) for index in INDICES]
    return [
        Finding(
            claim=f"The planned model {first} fits ({label})",
            value=None if found is None else float(found.fit[name]),
            rule=rule,
            question=HOLD,
            path="" if found is None else f"{_PATH}.{name}[0]",
            note=JUDGED_BY[estimator] if name != "srmr" else "",
            untested=cause,
        )
        for name, label, rule in [*judged, ("srmr", "SRMR", SRMR)]
    ]


TOPIC = Topic(
    name="planned_models",
    title="Models of the plan",
    subject="structure",
    question="Do the answers fit the models that were stated beforehand?",
    run=section_planned_models,
    twins=twins_of_planned_models,
    people=int(FEWEST_PEOPLE.cutoff),
    bears_on=(Property.STRUCTURE,),
)
