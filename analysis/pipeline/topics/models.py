"""Competing structures, stated beforehand and compared within one set of items."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.rules import CFI, FEWEST_PEOPLE, RMSEA, SRMR, TLI
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context, listed
from analysis.pipeline.correlating import MOST_CATEGORIES
from analysis.pipeline.reach import Gaps, of_fit, of_structure
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.composites import composite_tables
from analysis.pipeline.topics.extracted import extracted_findings, extracted_table, factor_title
from analysis.pipeline.topics.misfit import KINDS as MISFIT_KINDS
from analysis.pipeline.topics.misfit import misfit_of
from analysis.pipeline.topics.model_loadings import ENDS, GENERAL, general_tables, loadings_table
from analysis.pipeline.twinned.structure import twins_of_models
from analysis.planning.definition import ORDINAL, PLAIN
from analysis.structural.language.theory_models import Structure

if TYPE_CHECKING:
    from analysis.structural.families.compare_theories import TheoryResult
    from analysis.structural.inference.result import StructuralResult

FITS = Question(text="Do the answers fit a factor for each theme?", bears_on=Property.STRUCTURE)
JUDGED_BY = {
    **dict.fromkeys(
        ORDINAL,
        "Robust index (Savalei 2021, doi:10.1080/00273171.2020.1717922). The cut-off was found for "
        "maximum likelihood; scaled indices of WLSMV pass it too easily (Xia & Yang 2019, "
        "doi:10.3758/s13428-018-1055-2).",
    ),
    "MLR": "Robust index (Brosseau-Liard & Savalei 2014, doi:10.1080/00273171.2014.933697).",
    PLAIN: "Index of maximum likelihood, which takes answers for normally distributed.",
}
INDICES = ("cfi", "tli", "rmsea")
_RULES = {"cfi": ("CFI", CFI), "tli": ("TLI", TLI), "rmsea": ("RMSEA", RMSEA)}


def estimator_for(context: Context) -> dict[str, Any]:
    """Estimator of the plan, else WLSMV where every item has few ordered options, else robust ML."""
    if (planned := context.plan.estimator) is not None:
        return {"estimator": planned, "ordered": planned in ORDINAL}
    most = max(context.scale.scale_of(item).n_options for item in context.item_ids)
    if most <= MOST_CATEGORIES:
        return {"estimator": "WLSMV", "ordered": True}
    return {"estimator": "MLR", "ordered": False}


def endings_of(estimator: str) -> tuple[str, ...]:
    """How names of indices end: those that are judged first, then those that stand beside them."""
    return ("",) if estimator == PLAIN else ("_robust", "_scaled")


def fit_columns(estimator: str) -> dict[str, tuple[str, str]]:
    """Columns of a table of fits by an estimator."""
    judged, *beside = endings_of(estimator)
    said = {ending: ending.replace("_", " ") for ending in (judged, *beside)}
    scaled = beside[0] if beside else ""
    columns = {
        f"chisq{scaled}": (f"χ²{said[scaled]}", "d1"),
        "df": ("df", "int"),
        f"pvalue{scaled}": ("p", "p"),
    }
    for index in INDICES:
        columns[f"{index}{judged}"] = (f"{index.upper()}{said[judged]}", "r3")
    columns[f"rmsea_ci_lower{judged}"] = ("90% from", "r3")
    columns[f"rmsea_ci_upper{judged}"] = ("to", "r3")
    columns["srmr"] = ("SRMR", "r3")
    for ending in beside:  # what is not judged stands last
        for index in INDICES:
            columns[f"{index}{ending}"] = (f"{index.upper()}{said[ending]}", "r3")
    return columns | {"solution": ("Solution", "text")}


def theories(context: Context) -> TheoryResult:
    """Competing models of the first wave, fitted once for every section that reads them."""
    from analysis.structural.families.compare_theories import compare_theories

    estimator = estimator_for(context)["estimator"]
    answers = context.first.drop(columns="wave")
    missing = context.plan.missing
    return context.once("theories", lambda: compare_theories(answers, context.scale, estimator, missing))


def section_models(context: Context) -> Section:
    """Fit every structure the themes allow; judge the one with a factor per theme by its robust indices."""
    found = theories(context)
    sets = _sets(found)
    estimator = estimator_for(context)["estimator"]
    table = _fit_frame(found, sets, estimator)
    main = found.main
    gaps = Gaps(context=context, few=of_structure(context))
    cause = gaps.few or (Cause.NOT_ESTIMATED if main is None else of_fit(main))
    _note(found, sets, gaps)
    tables = {"fit": _fit_table(table, estimator), "meaning": _meaning_table(found, sets)}
    if len(found.tests):
        tables["differences"] = _difference_table(found, sets)
    left_out: tuple[list[str], dict[str, Any], dict[str, Table]] = ([], {}, {})
    if main is not None:
        tables |= _main_tables(context, main)
        tables |= extracted_table(context, main, gaps) if cause is None else {}
        left_out = misfit_of(context, main) if cause is None else left_out
        tables |= left_out[2]
    tables |= general_tables(context, found)
    tables |= composite_tables(context, gaps)
    values = _values(found, table, estimator)
    return Section(
        estimator=f"{estimator}, answers taken for normally distributed: no test or index is corrected"
        if estimator == PLAIN
        else f"{estimator}, robust fit indices judged, scaled ones beside them",
        n=main.n_obs if main else int(table["n"].max()),
        n_kind=people(weight=9),
        missing=(main or next(iter(found.fits.values()))).missing,
        options={"wave": context.first_wave},
        option_kinds={"wave": TEXT},
        prose=_prose(found, cause, values) + left_out[0],
        values=values | left_out[1],
        value_kinds={
            **MISFIT_KINDS,
            **each(GIVEN, "models fitted"),
            **each(TEXT, "variant estimator judged disagree equivalent"),
            **each(statistic(), "proper srmr one_cfi one_rmsea"),
            **each(statistic(), *INDICES),
            **each(statistic(), *(f"{x}{end}" for x in INDICES for end in endings_of(estimator)[1:])),
        },
        tables=tables,
        findings=_findings(table, estimator, cause) + extracted_findings(tables.get("extracted")),
        figures=[
            *(["models"] if table["proper"].any() else []),
            *(["paths"] if main is not None and cause is None else []),
            *(name for name in GENERAL if name in tables),
        ],
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _sets(found: TheoryResult) -> dict[str, str]:
    """How each set of items is called: without context the dimensions are all there is."""
    if any(model.items == "all" for model in found.models.values()):
        return {"all": "all items", "dimensions": "items of the dimensions"}
    return {"dimensions": "all items"}


def _fit_frame(found: TheoryResult, sets: dict[str, str], estimator: str) -> pd.DataFrame:
    """Fit of every fitted structure, those over all items first.

    `chisq` is the unscaled statistic, `chisq_scaled` the scaled one; indices come scaled and robust, but
    plain where nothing is corrected.
    """
    tests = (
        ("chisq", "pvalue") if estimator == PLAIN else ("chisq", "pvalue", "chisq_scaled", "pvalue_scaled")
    )
    kept = found.table[found.table["model"].isin(list(found.fits))]
    kept = kept.sort_values("items", key=lambda items: items.map(list(sets).index), kind="stable")
    rows = []
    for name, items, title in zip(kept["model"], kept["items"], kept["title"], strict=True):
        fit, result = found.fits[name].fit, found.fits[name]
        row: dict[str, Any] = {"items": sets[items], "model": name, "title": title, "n": result.n_obs}
        row["structure"] = found.models[name].structure.value
        row |= {"n_parameters": result.n_parameters, "df": int(fit["df"])}
        row |= {key: fit[key] for key in tests}
        for index in (*INDICES, "rmsea_ci_lower", "rmsea_ci_upper"):
            row |= {f"{index}{ending}": fit[f"{index}{ending}"] for ending in endings_of(estimator)}
        cause = of_fit(result)
        row |= {"srmr": fit["srmr"], "aic": fit.get("aic"), "bic": fit.get("bic")}
        row |= {"faults": ", ".join(result.faults), "proper": cause is None}
        row["solution"] = "proper" if cause is None else _SOLUTION[cause]
        rows.append(row | {"syntax": found.models[name].syntax})
    return pd.DataFrame(rows)


_SOLUTION = {
    Cause.IMPROPER: "improper",
    Cause.FEW_PEOPLE: "fewer people than parameters",
    Cause.NOTHING_LEFT: "fits by construction",
}


def _note(found: TheoryResult, sets: dict[str, str], gaps: Gaps) -> None:
    """Name the structures that failed, and those whose solution says nothing."""
    told = {name: f"{model.title}, {sets[model.items]}" for name, model in found.models.items()}
    for name, error in found.errors.items():
        gaps.add(told[name], error)
    for name, fit in found.fits.items():
        if (cause := of_fit(fit)) is not None:
            gaps.leave(told[name], cause)


def _judged(table: pd.DataFrame) -> int | None:
    """Row of the structure with a factor per theme, the one over more items first."""
    return _first(table, Structure.CORRELATED)


def _first(table: pd.DataFrame, structure: Structure) -> int | None:
    rows = [k for k, one in enumerate(table["structure"]) if one == structure]
    return rows[0] if rows else None


def _values(found: TheoryResult, table: pd.DataFrame, estimator: str) -> dict[str, Any]:
    row = _judged(table)
    judged = table.iloc[row or 0]
    ending, *beside = endings_of(estimator)
    same = table[(table["items"] == judged["items"]) & table["proper"]]
    one = same[same["structure"] == Structure.ONE]
    title = {name: model.title for name, model in found.models.items()}
    values = {
        "models": len(found.models),
        "fitted": len(table),
        "proper": int(table["proper"].sum()),
        "variant": ending[1:] or "plain",
        "estimator": estimator,
        "judged": judged["title"],
        "srmr": judged["srmr"],
        "one_cfi": one[f"cfi{ending}"].iloc[0] if len(one) else None,
        "one_rmsea": one[f"rmsea{ending}"].iloc[0] if len(one) else None,
        "disagree": listed(_disagreeing(judged) if beside else []),
        "equivalent": [[title[name] for name in group] for group in found.equivalent],
    }
    for index in INDICES:
        values |= {index: judged[f"{index}{ending}"]}
        values |= {f"{index}{other}": judged[f"{index}{other}"] for other in beside}
    return values


def _disagreeing(row: pd.Series) -> list[str]:
    """Indices that meet their rule in one variant and not in the other, of those that there are."""
    return [
        name
        for index, (name, rule) in _RULES.items()
        if math.isfinite(row[f"{index}_robust"])
        and rule.holds(row[f"{index}_robust"]) != rule.holds(row[f"{index}_scaled"])
    ]


_OF_ONE_STRUCTURE = (Cause.IMPROPER, Cause.NOT_ESTIMATED, Cause.NOTHING_LEFT)


def _prose(found: TheoryResult, cause: Cause | None, values: dict[str, Any]) -> list[str]:
    structures = {found.models[name].structure for name in found.fits}
    sentences = [_stated(values["models"], values["fitted"])]
    if cause in _OF_ONE_STRUCTURE and structures != {Structure.ONE}:
        others = _are_known(values, "one_cfi", "one_rmsea")
        sentences.append(
            f"The fit of a factor per theme says nothing here: {cause.words}"
            + (
                "; with one factor for the same items, CFI is {one_cfi:r3} and RMSEA {one_rmsea:r3}."
                if others
                else "."
            )
        )
    elif cause is not None:
        sentences.append(f"Their fit says nothing here: {cause.words}.")
    elif Structure.CORRELATED in structures:
        sentences.append(
            f"With a factor per theme ({{judged}}), {_indices_said(values)}"
            + (
                "; with one factor for the same items, CFI is {one_cfi:r3} and RMSEA {one_rmsea:r3}."
                if _are_known(values, *INDICES, "one_cfi", "one_rmsea")
                else "."
            )
        )
    elif structures == {Structure.ONE}:
        sentences.append(f"With one factor, {_indices_said(values)}.")
    if cause is None:
        sentences += _variants(values)
        sentences += _compared(found)
    if len({model.items for model in found.models.values()}) > 1:
        sentences.append("Models of different sets of items cannot be compared with each other.")
    return sentences


def _are_known(values: dict[str, Any], *names: str) -> bool:
    return all(values[name] is not None and math.isfinite(values[name]) for name in names)


def _indices_said(values: dict[str, Any]) -> str:
    """The indices that are judged; there may be no robust ones."""
    known = _are_known(values, *INDICES)
    return "CFI is {cfi:r3}, RMSEA {rmsea:r3} and SRMR {srmr:r3}" if known else "SRMR is {srmr:r3}"


def _stated(models: int, fitted: int) -> str:
    """Say how many structures were stated, and how many of them could be fitted."""
    if models == 1:
        return "{models:int} structure was stated beforehand" + (
            " and fitted." if fitted else ", and could not be fitted."
        )
    if fitted == models:
        return "{models:int} structures were stated beforehand; all could be fitted."
    return "{models:int} structures were stated beforehand; {fitted:int} of them could be fitted."


def _variants(values: dict[str, Any]) -> list[str]:
    """Say by which variant of the indices is judged, and whether the other would judge otherwise."""
    if values["variant"] == "plain":
        return [
            "These are the indices of maximum likelihood, which takes answers for normally distributed; the "
            "plan asks for nothing that corrects test, errors or indices where they are not."
        ]
    if not _are_known(values, *INDICES):
        return [
            "There are no robust indices of {judged}: they need correlations that do not contradict each "
            "other (a positive definite matrix). The scaled ones are CFI {cfi_scaled:r3}, TLI "
            "{tli_scaled:r3} and RMSEA {rmsea_scaled:r3}; nothing is judged by them."
        ]
    said = (
        "These are the robust indices, which estimate what the model would show in everybody; the scaled "
        "ones of {judged} are CFI {cfi_scaled:r3}, TLI {tli_scaled:r3} and RMSEA {rmsea_scaled:r3}."
    )
    if values["disagree"]:
        return [said + " The two disagree on which side of the cut-off the model stands: {disagree}."]
    return [said + " Both fall on the same side of every cut-off."]


def _compared(found: TheoryResult) -> list[str]:
    """Say what the structures tell about each other."""
    structures, sentences = {found.models[name].structure for name in found.fits}, []
    if len(found.tests):
        sentences.append(
            "A structure that is a special case of another never fits better; the table of differences says "
            "whether it fits clearly worse. A small p speaks for the wider structure; a large one only says "
            "that these people give no reason to give up the simpler one."
        )
    twins = [listed(f"“{found.models[name].title}”" for name in group) for group in found.equivalent]
    for told in twins:
        sentences.append(
            f"These fit exactly alike, whatever people answer: {told}. Fit cannot choose between them."
        )
    if structures & {Structure.CONTEXT, Structure.CONTEXT_REVERSED, Structure.CONTEXT_AS_DIMENSION}:
        sentences.append(
            "Fit therefore cannot show that the context is context; time (the section on scores over time) "
            "or moderation can speak for or against it."
        )
    if Structure.BIFACTOR in structures:
        sentences.append(
            "A bifactor model nearly always fits best because it is the most flexible; it is never chosen by "
            "fit alone."
        )
    return sentences


def _main_tables(context: Context, main: StructuralResult) -> dict[str, Table]:
    rows = main.parameters.assign(
        **{f"std_{end}": main.standardized()[end].to_numpy() for end in ("ci_lower", "ci_upper")}
    )
    loadings = rows[rows["op"] == "=~"]
    tables = {
        "loadings": loadings_table(context, main, "Standardised loadings, a factor per theme"),
    }
    factors = list(dict.fromkeys(loadings["lhs"]))
    kept = rows[(rows["op"] == "~~") & (rows["lhs"] != rows["rhs"]) & rows["lhs"].isin(factors)]
    if len(kept):
        tables["factor_correlations"] = Table(
            frame=pd.DataFrame(
                {
                    "one": [factor_title(context, name) for name in kept["lhs"]],
                    "other": [factor_title(context, name) for name in kept["rhs"]],
                    "r": kept["std_all"].to_numpy(),
                    "ci_lower": kept["std_ci_lower"].to_numpy(),
                    "ci_upper": kept["std_ci_upper"].to_numpy(),
                }
            ),
            kinds=each(TEXT, "one other") | each(statistic(), "r ci_lower ci_upper"),
            title="Correlations between the factors",
            columns={"one": ("Factor", "text"), "other": ("with", "text"), "r": ("r", "r2"), **ENDS},
        )
    return tables


def _fit_table(table: pd.DataFrame, estimator: str) -> Table:
    tests = ["chisq", "pvalue", *(("chisq_scaled", "pvalue_scaled") if estimator != PLAIN else ())]
    return Table(
        frame=table,
        kinds={
            **each(TEXT, "items model structure title faults solution syntax"),
            "n": people(weight=1),
            **each(GIVEN, "n_parameters df"),
            **each(statistic("n"), *tests, "srmr aic bic proper"),
            **each(
                statistic("n"),
                *(
                    f"{index}{ending}"
                    for index in (*INDICES, "rmsea_ci_lower", "rmsea_ci_upper")
                    for ending in endings_of(estimator)
                ),
            ),
        },
        title="Fit of the stated structures",
        columns={
            "title": ("Structure", "text"),
            "items": ("Over", "text"),
            **fit_columns(estimator),
        },
        note=("" if estimator == PLAIN else "The robust indices are judged. ")
        + "An improper solution (a negative variance, a correlation beyond 1) is no ground for a judgement. "
        + ("T" if estimator == PLAIN else "The unscaled χ² and t")
        + f"he lavaan syntax of each {'is' if estimator == PLAIN else 'are'} in results.json.",
    )


def _meaning_table(found: TheoryResult, sets: dict[str, str]) -> Table:
    rows = [
        {"model": name, "title": model.title, "items": sets[model.items], "meaning": model.meaning}
        for name, model in found.models.items()
    ]
    return Table(
        frame=pd.DataFrame(rows),
        kinds=each(TEXT, "model title items meaning"),
        title="What each structure would mean",
        columns={
            "title": ("Structure", "text"),
            "items": ("Over", "text"),
            "meaning": ("If it held", "text"),
        },
    )


def _difference_table(found: TheoryResult, sets: dict[str, str]) -> Table:
    title = {name: model.title for name, model in found.models.items()}
    frame = found.tests.assign(
        items=[sets[name] for name in found.tests["items"]],
        narrow=[title[name] for name in found.tests["restricted"]],
        wide=[title[name] for name in found.tests["free"]],
    )
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "items restricted free note narrow wide"),
            "df_diff": GIVEN,
            **each(statistic(), "chisq_diff pvalue"),
        },
        title="Difference tests between nested structures",
        columns={
            "narrow": ("Simpler", "text"),
            "wide": ("Wider", "text"),
            "items": ("Over", "text"),
            "chisq_diff": ("Δχ²", "d1"),
            "df_diff": ("Δdf", "int"),
            "pvalue": ("p", "p"),
            "note": ("", "text"),
        },
        note="One factor is several with correlations of 1, the edge of what is possible.",
    )


def _findings(table: pd.DataFrame, estimator: str, cause: Cause | None) -> list[Finding]:
    """Judge the structure with a factor per theme; without it the claim could not be tested."""
    row = _judged(table)
    row = _first(table, Structure.ONE) if row is None else row
    ending = endings_of(estimator)[0]
    said = f", {ending[1:]}" if ending else ""
    judged = [(f"{index}{ending}", f"{name}{said}", rule) for index, (name, rule) in _RULES.items()]
    return [
        Finding(
            claim=f"A factor per theme fits ({label})",
            value=None if row is None else float(table[name].iloc[row]),
            rule=rule,
            question=FITS,
            path="" if row is None else f"sections.models.tables.fit.{name}[{row}]",
            note=JUDGED_BY[estimator] if name != "srmr" else "",
            untested=cause,
        )
        for name, label, rule in [*judged, ("srmr", "SRMR", SRMR)]
    ]


TOPIC = Topic(
    name="models",
    title="Stated structures",
    subject="structure",
    question="Do the answers fit the structure the scale claims?",
    run=section_models,
    twins=twins_of_models,
    people=int(FEWEST_PEOPLE.cutoff),
    enough=of_structure,
    bears_on=(Property.STRUCTURE,),
    lacks=lambda context: "" if len(context.item_ids) > 3 else "Needs four items or more.",
    reflective=True,
)
