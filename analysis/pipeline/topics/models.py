"""Competing structures, stated beforehand and compared within one set of items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.pipeline.context import Context
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.retention import MOST_CATEGORIES
from analysis.rules import CFI, RMSEA, SRMR, TLI
from instrument.errors import ToolkitError

if TYPE_CHECKING:
    from analysis.structural.result import StructuralResult

FEWEST_FOR_SECOND_ORDER = 3
MISLEADING = (
    "The cut-off was found for maximum likelihood; under WLSMV it passes too easily "
    "(Xia & Yang 2019, doi:10.3758/s13428-018-1055-2)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A structure in lavaan's language, with the items it is about."""

    name: str
    title: str
    items: str
    syntax: str
    options: dict[str, Any] = field(default_factory=dict)


def candidates(context: Context) -> list[Candidate]:
    """State every structure that the themes allow: over all of them, then over the dimensions alone."""
    dimensions = [theme for theme in context.scale.dimension_themes if theme in context.themes]
    around = [theme for theme in context.scale.context_themes if theme in context.themes]
    plain = [theme for theme in context.themes if theme not in dimensions + around]
    found = list(_over(context, [*dimensions, *around, *plain], "all", "all items"))
    if len(dimensions) >= FEWEST_FOR_SECOND_ORDER:
        if around and not plain:
            found.append(_context_model(context, dimensions, around))
        apart = len(dimensions) < len(context.themes)
        if apart:
            found += _over(context, dimensions, "dimensions", "items of the dimensions")
        group, told = ("dimensions", "items of the dimensions") if apart else ("all", "all items")
        syntax = f"{_measured(context, dimensions)}\n{_general(dimensions)}"
        found.append(Candidate(name=f"{group}_second_order", title="Second-order", items=told, syntax=syntax))
    return sorted(found, key=lambda candidate: candidate.items != "all items")


def _over(context: Context, themes: list[str], group: str, told: str) -> Iterator[Candidate]:
    items = list(dict.fromkeys(item for theme in themes for item in context.themes[theme]))
    one = f"g_ =~ {' + '.join(items)}"
    yield Candidate(name=f"{group}_one", title="One factor", items=told, syntax=one)
    if len(themes) < 2:
        return
    measured = _measured(context, themes)
    title = f"{len(themes)} correlated factors"
    yield Candidate(name=f"{group}_correlated", title=title, items=told, syntax=measured)
    if len(themes) >= FEWEST_FOR_SECOND_ORDER:
        yield Candidate(
            name=f"{group}_bifactor",
            title="Bifactor",
            items=told,
            syntax=f"{one}\n{measured}",
            options={"orthogonal": True, "std_lv": True},
        )


def _context_model(context: Context, dimensions: list[str], around: list[str]) -> Candidate:
    causes = " + ".join(f"f_{theme}" for theme in around)
    return Candidate(
        name="all_context",
        title="Second-order, predicted by the context",
        items="all items",
        syntax=f"{_measured(context, [*dimensions, *around])}\n{_general(dimensions)}\ng_ ~ {causes}",
    )


def _measured(context: Context, themes: list[str]) -> str:
    return "\n".join(f"f_{theme} =~ {' + '.join(context.themes[theme])}" for theme in themes)


def _general(themes: list[str]) -> str:
    return "g_ =~ " + " + ".join(f"f_{theme}" for theme in themes)


def estimator_for(context: Context) -> dict[str, Any]:
    """WLSMV where every item has few ordered options, else robust maximum likelihood."""
    most = max(context.scale.scale_of(item).n_options for item in context.item_ids)
    if most <= MOST_CATEGORIES:
        return {"estimator": "WLSMV", "ordered": True}
    return {"estimator": "MLR", "ordered": False}


def section_models(context: Context) -> Section:
    """Fit every candidate; judge the one with a factor per theme."""
    from analysis.structural.models import sem

    options = estimator_for(context)
    fitted: dict[str, StructuralResult] = {}
    stated, problems = candidates(context), []
    for candidate in stated:
        try:
            fitted[candidate.name] = sem(candidate.syntax, context.items, **options, **candidate.options)
        except ToolkitError as error:
            problems.append(f"{candidate.title}, {candidate.items}: {error}")
    variant = "scaled" if options["estimator"] == "WLSMV" else "robust"
    table = pd.DataFrame([_fit_row(c, fitted[c.name], variant) for c in stated if c.name in fitted])
    main = fitted.get("all_correlated") or fitted.get("all_one")
    values = _values(table, variant, options["estimator"])
    return Section(
        estimator=f"{options['estimator']}, {variant} fit indices",
        n=main.n_obs if main else None,
        missing=main.missing if main else "none fitted",
        options={"wave": context.first_wave},
        software=("scipy",),
        prose=_prose(stated, table, values),
        values=values,
        tables=_tables(context, table, main, variant),
        findings=_findings(table, variant),
        figures=["models"] if len(table) else [],
        problems=problems,
    )


def _fit_row(candidate: Candidate, found: StructuralResult, variant: str) -> dict[str, Any]:
    fit = found.fit
    pick = {name: float(fit[f"{name}_{variant}"]) for name in ("cfi", "tli", "rmsea")}
    ends = {f"rmsea_ci_{end}": float(fit[f"rmsea_ci_{end}_{variant}"]) for end in ("lower", "upper")}
    return {
        "model": candidate.name,
        "title": candidate.title,
        "items": candidate.items,
        "n": found.n_obs,
        "n_parameters": found.n_parameters,
        "chisq": float(fit["chisq_scaled"]),
        "df": int(fit["df"]),
        "pvalue": float(fit["pvalue_scaled"]),
        **pick,
        **ends,
        "srmr": float(fit["srmr"]),
        "syntax": candidate.syntax,
    }


def _values(table: pd.DataFrame, variant: str, estimator: str) -> dict[str, Any]:
    if table.empty:
        return {"models": 0}
    rows = table.set_index("model")
    judged = "all_correlated" if "all_correlated" in rows.index else str(table["model"].iloc[0])
    best = table.iloc[int(table["rmsea"].argmin())]
    return {
        "models": len(table),
        "variant": variant,
        "estimator": estimator,
        "judged": rows.loc[judged, "title"],
        "cfi": rows.loc[judged, "cfi"],
        "tli": rows.loc[judged, "tli"],
        "rmsea": rows.loc[judged, "rmsea"],
        "srmr": rows.loc[judged, "srmr"],
        "one_cfi": rows.loc["all_one", "cfi"] if "all_one" in rows.index else None,
        "one_rmsea": rows.loc["all_one", "rmsea"] if "all_one" in rows.index else None,
        "best": f"{best['title']}, {best['items']}",
    }


def _prose(stated: list[Candidate], table: pd.DataFrame, values: dict[str, Any]) -> list[str]:
    if table.empty:
        return []
    sentences = [
        "{models:int} structures were stated beforehand and fitted. With a factor per theme ({judged}), "
        "CFI is {cfi:d3}, RMSEA {rmsea:d3} and SRMR {srmr:d3}; with one factor for all items, CFI is "
        "{one_cfi:d3} and RMSEA {one_rmsea:d3}."
    ]
    if any(candidate.name == "all_context" for candidate in stated):
        sentences.append(
            "The model in which the context predicts the whole has twins that fit exactly as well: the "
            "context as one more dimension, and the arrow turned round. Fit therefore cannot show that it is "
            "context; only time or moderation can."
        )
    if any("bifactor" in candidate.name for candidate in stated):
        sentences.append(
            "A bifactor model nearly always fits best because it is the most flexible; it is never chosen by "
            "fit alone."
        )
    sentences.append("Models of different sets of items cannot be compared with each other.")
    return sentences


def _tables(
    context: Context, table: pd.DataFrame, main: StructuralResult | None, variant: str
) -> dict[str, Table]:
    tables = {"fit": _fit_table(table, variant)}
    if main is not None:
        standardised = main.parameters
        loadings = standardised[standardised["op"] == "=~"]
        tables["loadings"] = Table(
            frame=pd.DataFrame(
                {
                    "factor": [_title(context, name) for name in loadings["lhs"]],
                    "item": loadings["rhs"].to_numpy(),
                    "loading": loadings["std_all"].to_numpy(),
                    "estimate": loadings["est"].to_numpy(),
                    "se": loadings["se"].to_numpy(),
                }
            ),
            title="Standardised loadings, a factor per theme",
            columns={"factor": ("Factor", "text"), "item": ("Item", "text"), "loading": ("Loading", "r2")},
        )
        between = _between(context, main)
        if len(between):
            tables["factor_correlations"] = Table(
                frame=between,
                title="Correlations between the factors",
                columns={"one": ("Factor", "text"), "other": ("with", "text"), "r": ("r", "r2")},
            )
    return tables


def _between(context: Context, main: StructuralResult) -> pd.DataFrame:
    rows = main.parameters
    kept = rows[(rows["op"] == "~~") & (rows["lhs"] != rows["rhs"]) & rows["lhs"].str.startswith("f_")]
    return pd.DataFrame(
        {
            "one": [_title(context, name) for name in kept["lhs"]],
            "other": [_title(context, name) for name in kept["rhs"]],
            "r": kept["std_all"].to_numpy(),
        }
    )


def _title(context: Context, factor: str) -> str:
    return context.title_of(factor.removeprefix("f_")) if factor.startswith("f_") else "All items"


def _fit_table(table: pd.DataFrame, variant: str) -> Table:
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
        note=f"χ², CFI, TLI and RMSEA are {variant}. The lavaan syntax of each is in results.json.",
    )


def _findings(table: pd.DataFrame, variant: str) -> list[Finding]:
    if table.empty or "all_correlated" not in set(table["model"]):
        return []
    row = table["model"].tolist().index("all_correlated")
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
