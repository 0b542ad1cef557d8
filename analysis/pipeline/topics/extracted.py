"""Variance extracted and composite reliability of the model with a factor per theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.common.rules import AVE, OMEGA
from analysis.common.verdicts import Question
from analysis.disclosure.kinds import GIVEN, TEXT, each, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Finding, Table
from instrument.errors import ToolkitError

if TYPE_CHECKING:
    from analysis.structural.inference.result import StructuralResult

SHARED = Question(text="Do the items of each factor share most of their variance?")
COMPOSITE = Question(text="Is each factor measured reliably by its items?")
LATENT = (
    "Of the latent answers behind the options; the score of the answers as given is somewhat less reliable."
)
_COLUMNS = {
    "title": ("Theme", "text"),
    "n_items": ("Items", "int"),
    "ave": ("AVE", "r2"),
    "composite_reliability": ("Composite reliability", "r2"),
    "sqrt_ave": ("√AVE", "r2"),
    "largest_correlation": ("Largest r with another", "r2"),
    "fornell_larcker": ("√AVE is larger", "text"),
}


def extracted_table(context: Context, main: StructuralResult, gaps: Gaps) -> dict[str, Table]:
    """AVE and composite reliability of each factor.

    Parameters
    ----------
    context
        The validation.
    main
        The model with a factor per theme.
    gaps
        Where they cannot be had, the reason is added here.

    Returns
    -------
    dict
        `extracted` to its table, or empty.
    """
    try:
        frame = _extracted(context, main)
    except ToolkitError as error:
        gaps.add("Variance extracted", error)
        return {}
    latent = main.estimator in ("WLSMV", "ULSMV")
    return {
        "extracted": Table(
            frame=frame,
            kinds={
                **each(TEXT, "theme title"),
                "n_items": GIVEN,
                **each(statistic(), "ave composite_reliability sqrt_ave largest_correlation fornell_larcker"),
            },
            title="Variance extracted and composite reliability, a factor per theme",
            columns={key: value for key, value in _COLUMNS.items() if key in frame},
            note=LATENT if latent else "",
        )
    }


def factor_title(context: Context, factor: str) -> str:
    """Title of the theme that a factor stands for; of the only theme, where there is one factor for all."""
    if factor in context.themes:
        return context.title_of(factor)
    return context.title_of(next(iter(context.themes))) if len(context.themes) == 1 else "All items"


def _extracted(context: Context, main: StructuralResult) -> pd.DataFrame:
    from analysis.validity.extracted_variance import extracted_variance

    rows = main.parameters
    measured = rows[rows["op"] == "=~"]
    loadings = pd.Series(measured["std_all"].to_numpy(), index=measured["rhs"])
    themes = {str(name): list(part["rhs"]) for name, part in measured.groupby("lhs", sort=False)}
    between = _correlations(rows, list(themes)) if len(themes) > 1 else None
    table = extracted_variance(loadings, themes, factor_correlations=between).table
    frame = table.reset_index()
    frame.insert(1, "title", [factor_title(context, theme) for theme in table.index])
    return frame


def _correlations(rows: pd.DataFrame, factors: list[str]) -> pd.DataFrame:
    square = pd.DataFrame(1.0, index=factors, columns=factors)
    kept = rows[(rows["op"] == "~~") & rows["lhs"].isin(factors) & (rows["lhs"] != rows["rhs"])]
    for one, other, r in zip(kept["lhs"], kept["rhs"], kept["std_all"], strict=True):
        square.loc[one, other] = square.loc[other, one] = r
    return square


def extracted_findings(table: Table | None) -> list[Finding]:
    """Judge AVE and composite reliability of each factor."""
    if table is None:
        return []
    found = []
    for position, row in enumerate(table.frame.to_dict("records")):
        for key, words, rule, question in (
            ("ave", "items share most of their variance", AVE, SHARED),
            ("composite_reliability", "composite reliability", OMEGA, COMPOSITE),
        ):
            found.append(
                Finding(
                    claim=f"{row['title']}: {words}",
                    value=float(row[key]),
                    rule=rule,
                    question=question,
                    path=f"sections.models.tables.extracted.{key}[{position}]",
                    note=table.note,
                )
            )
    return found
