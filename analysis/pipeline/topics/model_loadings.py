"""Standardised loadings of the stated structures: a factor per theme, and those with a general factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.disclosure.kinds import TEXT, each, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.reach import of_fit
from analysis.pipeline.section import Table
from analysis.pipeline.topics.extracted import factor_title
from analysis.structural.language.theory_models import Structure

if TYPE_CHECKING:
    from analysis.structural.families.compare_theories import TheoryResult
    from analysis.structural.inference.result import StructuralResult

ENDS = {"ci_lower": ("95% from", "r2"), "ci_upper": ("to", "r2")}
GENERAL = {"second_order": Structure.SECOND_ORDER, "bifactor": Structure.BIFACTOR}
TITLES = {
    "second_order": "Standardised loadings, a general factor over the themes",
    "bifactor": "Standardised loadings, a general factor beside the themes",
}
GENERAL_TITLE = "General factor"


def loadings_table(context: Context, result: StructuralResult, title: str) -> Table:
    """Give the standardised loadings of a model, in the order in which it states them.

    Parameters
    ----------
    context
        Of the validation.
    result
        The fitted model.
    title
        Of the table.

    Returns
    -------
    Table
        factor, item (of a second-order model also a theme), loading with its interval, estimate, se.
    """
    rows = result.parameters.assign(
        **{f"std_{end}": result.standardized()[end].to_numpy() for end in ("ci_lower", "ci_upper")}
    )
    rows = rows[rows["op"] == "=~"]
    factors = set(rows["lhs"])

    def named(factor: str) -> str:
        title = factor_title(context, factor)
        several = len(factors) > 1 and factor not in context.themes
        return GENERAL_TITLE if several else title

    return Table(
        frame=pd.DataFrame(
            {
                "factor": [named(name) for name in rows["lhs"]],
                "item": [named(name) if name in factors else name for name in rows["rhs"]],
                "loading": rows["std_all"].to_numpy(),
                "ci_lower": rows["std_ci_lower"].to_numpy(),
                "ci_upper": rows["std_ci_upper"].to_numpy(),
                "estimate": rows["est"].to_numpy(),
                "se": rows["se"].to_numpy(),
            }
        ),
        kinds=each(TEXT, "factor item") | each(statistic(), "loading ci_lower ci_upper estimate se"),
        title=title,
        columns={
            "factor": ("Factor", "text"),
            "item": ("Item", "text"),
            "loading": ("Loading", "r2"),
            **ENDS,
        },
    )


def of_structure(found: TheoryResult, structure: Structure) -> str | None:
    """Name the model of a structure, of the main one's items first; None where none says anything."""
    items = next((found.models[name].items for name, fit in found.fits.items() if fit is found.main), None)
    names = [
        name
        for name, fit in found.fits.items()
        if found.models[name].structure is structure and of_fit(fit) is None
    ]
    return next((name for name in names if found.models[name].items == items), next(iter(names), None))


def general_tables(context: Context, found: TheoryResult) -> dict[str, Table]:
    """Give the loadings of the structures with a general factor whose solutions are proper."""
    named = {table: of_structure(found, structure) for table, structure in GENERAL.items()}
    return {
        table: loadings_table(context, found.fits[name], TITLES[table])
        for table, name in named.items()
        if name is not None
    }
