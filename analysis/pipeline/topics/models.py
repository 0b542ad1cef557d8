"""Competing structures, stated beforehand and compared within one set of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.pipeline.context import Context, listed
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.extracted import extracted_findings, extracted_table, factor_title
from analysis.pipeline.topics.retention import MOST_CATEGORIES
from analysis.rules import CFI, RMSEA, SRMR, TLI

if TYPE_CHECKING:
    from analysis.structural.result import StructuralResult
    from analysis.structural.theory import TheoryResult

MISLEADING = (
    "The cut-off was found for maximum likelihood; under WLSMV it passes too easily "
    "(Xia & Yang 2019, doi:10.3758/s13428-018-1055-2)."
)


def estimator_for(context: Context) -> dict[str, Any]:
    """WLSMV where every item has few ordered options, else robust maximum likelihood."""
    most = max(context.scale.scale_of(item).n_options for item in context.item_ids)
    if most <= MOST_CATEGORIES:
        return {"estimator": "WLSMV", "ordered": True}
    return {"estimator": "MLR", "ordered": False}


def theories(context: Context) -> TheoryResult:
    """Competing models of the first wave, fitted once for every section that reads them."""
    from analysis.structural.theory import compare_theories

    estimator = estimator_for(context)["estimator"]
    answers = context.first.drop(columns="wave")
    return context.once("theories", lambda: compare_theories(answers, context.scale, estimator))


def section_models(context: Context) -> Section:
    """Fit every structure the themes allow; judge the one with a factor per theme."""
    found = theories(context)
    sets = _sets(found)
    table = _fit_frame(found, sets)
    main = found.main
    estimator = estimator_for(context)["estimator"]
    tables = {"fit": _fit_table(table, found.variant), "meaning": _meaning_table(found, sets)}
    if len(found.tests):
        tables["differences"] = _difference_table(found, sets)
    problems = _problems(found, sets)
    if main is not None:
        tables |= _main_tables(context, main)
        tables |= extracted_table(context, main, problems)
    return Section(
        estimator=f"{estimator}, {found.variant} fit indices",
        n=main.n_obs if main else int(table["n"].max()),
        missing=(main or next(iter(found.fits.values()))).missing,
        options={"wave": context.first_wave},
        software=("scipy",),
        prose=_prose(found, main is not None),
        values=_values(found, table, estimator),
        tables=tables,
        findings=_findings(table, found.variant) + extracted_findings(tables.get("extracted")),
        figures=["models", *(["paths"] if main is not None else [])],
        problems=problems,
    )


def _sets(found: TheoryResult) -> dict[str, str]:
    """How each set of items is called: without context the dimensions are all there is."""
    if any(model.items == "all" for model in found.models.values()):
        return {"all": "all items", "dimensions": "items of the dimensions"}
    return {"dimensions": "all items"}


def _fit_frame(found: TheoryResult, sets: dict[str, str]) -> pd.DataFrame:
    """Fit of every fitted structure, those over all items first."""
    kept = found.table[found.table["model"].isin(list(found.fits))]
    kept = kept.sort_values("items", key=lambda items: items.map(list(sets).index), kind="stable")
    scaled = kept["chisq"] if found.variant == "plain" else kept["chisq_scaled"]
    return kept.assign(
        items=[sets[name] for name in kept["items"]],
        chisq=scaled,
        syntax=[found.models[name].syntax for name in kept["model"]],
    ).reset_index(drop=True)


def _problems(found: TheoryResult, sets: dict[str, str]) -> list[str]:
    told = {name: f"{model.title}, {sets[model.items]}" for name, model in found.models.items()}
    failed = [f"{told[name]}: {reason}" for name, reason in found.failures.items()]
    noted = found.table[(found.table["note"] != "") & found.table["model"].isin(list(found.fits))]
    return failed + [
        f"{told[name]}: {note}" for name, note in zip(noted["model"], noted["note"], strict=True)
    ]


def _judged(table: pd.DataFrame) -> int | None:
    """Row of the structure with a factor per theme, the one over more items first."""
    rows = [k for k, name in enumerate(table["model"]) if "correlated" in name]
    return rows[0] if rows else None


def _values(found: TheoryResult, table: pd.DataFrame, estimator: str) -> dict[str, Any]:
    row = _judged(table)
    judged = table.iloc[row or 0]
    same = table[table["items"] == judged["items"]]
    one = same[same["model"].str.endswith("one factor")]
    best = same.iloc[int(same["rmsea"].argmin())]
    title = {name: model.title for name, model in found.models.items()}
    return {
        "models": len(found.models),
        "fitted": len(table),
        "variant": found.variant,
        "estimator": estimator,
        "judged": judged["title"],
        **{index: judged[index] for index in ("cfi", "tli", "rmsea", "srmr")},
        "one_cfi": one["cfi"].iloc[0] if len(one) else None,
        "one_rmsea": one["rmsea"].iloc[0] if len(one) else None,
        "best": f"{best['title']}, {best['items']}",
        "equivalent": [[title[name] for name in group] for group in found.equivalent],
    }


def _prose(found: TheoryResult, judged: bool) -> list[str]:
    names = set(found.fits)
    sentences = ["{models:int} structures were stated beforehand; {fitted:int} of them could be fitted."]
    if judged and any("correlated" in name for name in names):
        sentences.append(
            "With a factor per theme ({judged}), CFI is {cfi:d3}, RMSEA {rmsea:d3} and SRMR {srmr:d3}; with "
            "one factor for the same items, CFI is {one_cfi:d3} and RMSEA {one_rmsea:d3}."
        )
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
    if any(name.startswith("M4") for name in names):
        sentences.append(
            "Fit therefore cannot show that the context is context; time (the section on scores over time) "
            "or moderation can speak for or against it."
        )
    if any("bifactor" in name for name in names):
        sentences.append(
            "A bifactor model nearly always fits best because it is the most flexible; it is never chosen by "
            "fit alone."
        )
    if len({model.items for model in found.models.values()}) > 1:
        sentences.append("Models of different sets of items cannot be compared with each other.")
    return sentences


def _main_tables(context: Context, main: StructuralResult) -> dict[str, Table]:
    rows = main.parameters
    loadings = rows[rows["op"] == "=~"]
    tables = {
        "loadings": Table(
            frame=pd.DataFrame(
                {
                    "factor": [factor_title(context, name) for name in loadings["lhs"]],
                    "item": loadings["rhs"].to_numpy(),
                    "loading": loadings["std_all"].to_numpy(),
                    "estimate": loadings["est"].to_numpy(),
                    "se": loadings["se"].to_numpy(),
                }
            ),
            title="Standardised loadings, a factor per theme",
            columns={"factor": ("Factor", "text"), "item": ("Item", "text"), "loading": ("Loading", "r2")},
        )
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
                }
            ),
            title="Correlations between the factors",
            columns={"one": ("Factor", "text"), "other": ("with", "text"), "r": ("r", "r2")},
        )
    return tables


def _fit_table(table: pd.DataFrame, variant: str) -> Table:
    told = "" if variant == "plain" else f"CFI, TLI and RMSEA are {variant}, χ² is scaled. "
    return Table(
        frame=table,
        title="Fit of the stated structures",
        columns={
            "title": ("Structure", "text"),
            "items": ("Over", "text"),
            "chisq": ("χ²", "d1"),
            "df": ("df", "int"),
            "pvalue": ("p", "p"),
            "cfi": ("CFI", "r3"),
            "tli": ("TLI", "r3"),
            "rmsea": ("RMSEA", "r3"),
            "rmsea_ci_lower": ("90% from", "r3"),
            "rmsea_ci_upper": ("to", "r3"),
            "srmr": ("SRMR", "r3"),
        },
        note=f"{told}The lavaan syntax of each is in results.json.",
    )


def _meaning_table(found: TheoryResult, sets: dict[str, str]) -> Table:
    rows = [
        {"model": name, "title": model.title, "items": sets[model.items], "meaning": model.meaning}
        for name, model in found.models.items()
    ]
    return Table(
        frame=pd.DataFrame(rows),
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


def _findings(table: pd.DataFrame, variant: str) -> list[Finding]:
    row = _judged(table)
    if row is None:
        return []
    note = MISLEADING if variant == "scaled" else ""
    return [
        Finding(
            claim=f"A factor per theme fits ({label})",
            value=float(table[name].iloc[row]),
            rule=rule,
            path=f"sections.models.tables.fit.{name}[{row}]",
            form="d3",
            note=note,
        )
        for name, label, rule in (
            ("cfi", f"CFI, {variant}", CFI),
            ("tli", f"TLI, {variant}", TLI),
            ("rmsea", f"RMSEA, {variant}", RMSEA),
            ("srmr", "SRMR", SRMR),
        )
    ]


TOPIC = Topic(
    name="models",
    title="Stated structures",
    question="Do the answers fit the structure the scale claims?",
    run=section_models,
    lacks=lambda context: "" if len(context.item_ids) > 3 else "Needs four items or more.",
)
