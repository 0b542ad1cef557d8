"""Whether the scale measures the same in the groups of the covariates: invariance of each theme."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

from analysis.pipeline.context import Context
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.rules import INVARIANCE_CFI_ORDINAL, INVARIANCE_RMSEA_ORDINAL
from instrument.errors import ToolkitError, ToolkitWarning

SMALLEST_GROUP = 120
MOST_GROUPS = 4

_COLUMNS = {
    "grouping": ("Groups", "text"),
    "title": ("Theme", "text"),
    "level": ("Level", "text"),
    "n": ("n", "int"),
    "df": ("df", "int"),
    "chisq_scaled": ("χ² scaled", "d1"),
    "cfi_scaled": ("CFI", "r3"),
    "rmsea_scaled": ("RMSEA", "r3"),
    "cfi_diff": ("ΔCFI", "d3"),
    "rmsea_diff": ("ΔRMSEA", "d3"),
    "pvalue_diff": ("p of Δχ²", "p"),
}


def groupings(context: Context) -> dict[str, pd.Series]:
    """Covariates with two to four groups of 120 people or more among those who answered."""
    if context.covariates is None:
        return {}
    people = context.covariates.set_index(context.covariates["participant"].astype(str))
    found = {}
    for name in people.columns.drop("participant"):
        values = people[name].reindex(context.items.index.astype(str))
        counts = values.value_counts()
        large = counts[counts >= SMALLEST_GROUP]
        if 2 <= len(large) <= MOST_GROUPS:
            values.index = context.items.index
            found[str(name)] = values.where(values.isin(large.index))
    return found


def section_groups(context: Context) -> Section:
    """Levels of invariance of each theme for each grouping."""
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for name, labels in groupings(context).items():
        for theme, items in context.themes.items():
            try:
                rows += _levels(context, name, labels, theme, items)
            except ToolkitError as error:
                fact = str(error).split("\n")[0]
                problems.append(f"{context.title_of(theme)} by {name}: {fact}")
    table = pd.DataFrame(rows, columns=["theme", *_COLUMNS, "cfi_holds", "rmsea_holds"])
    return Section(
        estimator="WLSMV, theta parameterisation, identified as Wu and Estabrook (2016)",
        n=int(table["n"].max()) if len(table) else None,
        missing="pairwise",
        options={"wave": context.first_wave, "smallest_group": SMALLEST_GROUP},
        prose=_prose(table),
        values={"tests": len(table), "failures": len(problems)},
        tables={
            "levels": Table(
                frame=table,
                title="Fit of each level, and its change against the level above",
                columns=_COLUMNS,
                note="CFI and RMSEA are the scaled variants; the rules were made for them with many groups "
                "and few items, so read the size of the change, too.",
            )
        },
        findings=_findings(table),
        problems=problems,
    )


def _levels(
    context: Context, name: str, labels: pd.Series, theme: str, items: list[str]
) -> list[dict[str, Any]]:
    from analysis.structural.equal_measurement import invariance

    rows = context.items[items].assign(**{"group_": labels}).dropna(subset=["group_"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToolkitWarning)
        result = invariance(f"{theme} =~ {' + '.join(items)}", rows, group="group_")
    if caught:
        raise ToolkitError(str(caught[0].message))
    table = result.table.assign(grouping=name, theme=theme, title=context.title_of(theme), n=result.n_obs)
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _prose(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return ["No level of invariance could be estimated; the reasons stand below."]
    return [
        "Each theme is fitted in all groups at once, and more and more of it is held equal: thresholds, "
        "loadings, intercepts, residual variances. Where fit drops, an answer means something else in one "
        "group, and means of groups are not comparable as they stand.",
    ]


def _findings(table: pd.DataFrame) -> list[Finding]:
    """The largest drop on the way to the scalar level, for each grouping and theme."""
    found = []
    for position, row in enumerate(table.to_dict("records")):
        if row["level"] != "scalar":
            continue
        who = f"{row['title']}, by {row['grouping']}: equal intercepts"
        path = "sections.groups.tables.levels"
        found += [
            Finding(
                claim=f"{who} (change of CFI)",
                value=row["cfi_diff"],
                rule=INVARIANCE_CFI_ORDINAL,
                path=f"{path}.cfi_diff[{position}]",
                form="d3",
            ),
            Finding(
                claim=f"{who} (change of RMSEA)",
                value=row["rmsea_diff"],
                rule=INVARIANCE_RMSEA_ORDINAL,
                path=f"{path}.rmsea_diff[{position}]",
                form="d3",
            ),
        ]
    return found


def _lacks(context: Context) -> str:
    if context.covariates is None:
        return "Needs a table of covariates with groups, such as language or sex."
    if not groupings(context):
        return f"No covariate has two to {MOST_GROUPS} groups of {SMALLEST_GROUP} people or more."
    return ""


TOPIC = Topic(
    name="groups",
    title="Same measure in every group",
    question="Do answers mean the same whoever gives them?",
    run=section_groups,
    lacks=_lacks,
)
