"""Whether people alike on a theme answer an item alike, whatever their group."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

from analysis.fairness.dif_result import FLAGGED, NOT_ESTIMABLE, DifResult
from analysis.fairness.matching import STABLE
from analysis.pipeline.context import Context, counted, listed
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.groups import MOST_GROUPS, SMALLEST_GROUP, groupings
from analysis.rules import DIF_COSMIN, DIF_GROUP, DIF_NEGLIGIBLE
from instrument.errors import ToolkitError, ToolkitWarning

FEWEST_ITEMS = 3
_ITEMS = {
    "grouping": ("Groups", "text"),
    "title": ("Theme", "text"),
    "item": ("Item", "text"),
    "text": ("Wording", "text"),
    "n": ("n", "int"),
    "chisq_total": ("χ²", "d1"),
    "df_total": ("df", "int"),
    "p_adjusted_total": ("p, adjusted", "p"),
    "nagelkerke_total": ("Change of R²", "r3"),
    "signed_difference": ("Points, signed", "d2"),
    "unsigned_difference": ("Points", "d2"),
    "kind": ("Kind", "text"),
    "flag": ("Flag", "text"),
}
# In the data, not on paper.
_DATA = [
    *(
        f"{what}_{test}"
        for test in ("uniform", "nonuniform")
        for what in ("chisq", "p_adjusted", "nagelkerke")
    ),
    "mcfadden_total",
    "coefficient_change",
    "significant",
]
_GROUPINGS = {
    "grouping": ("Groups", "text"),
    "groups": ("Compared", "text"),
    "smallest": ("Smallest group", "int"),
    "items": ("Items tested", "int"),
    "significant": ("Significant", "int"),
    "flagged": ("Flagged", "int"),
    "largest_change": ("Largest change of R², Nagelkerke", "r3"),
    "largest_mcfadden": ("Largest, McFadden", "r3"),
    "largest_points": ("Most points apart", "d2"),
}


def section_fairness(context: Context) -> Section:
    """Test every item of every theme for each grouping."""
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    counts: dict[str, pd.Series] = {}
    for name, labels in groupings(context).items():
        counts[name] = labels.dropna().value_counts(sort=False)
        for theme, items in context.themes.items():
            who = f"{context.title_of(theme)} by {name}"
            if len(items) < FEWEST_ITEMS:
                problems.append(f"{who}: {len(items)} items cannot be matched on each other.")
                continue
            try:
                result = _tested(context, labels, items)
            except ToolkitError as error:
                problems.append(f"{who}: {_fact(error)}")
                continue
            rows += _rows(context, name, theme, result)
            problems += _limits(who, result)
    table = pd.DataFrame(rows, columns=["theme", *_ITEMS, *_DATA])
    summary = _summary(table, counts)
    values = _values(table, summary, counts)
    return Section(
        estimator="proportional odds, likelihood ratios, matched on graded response scores of the anchors",
        n=int(table["n"].max()) if len(table) else None,
        missing="persons with the item and at least one other of its theme",
        options={"wave": context.first_wave, "smallest_group": SMALLEST_GROUP, **_OPTIONS},
        software=("scipy",),
        prose=_prose(values),
        values=values,
        tables=_tables(table, summary),
        findings=_findings(summary),
        figures=["fairness"] if len(table) else [],
        problems=problems,
    )


_OPTIONS: dict[str, Any] = {
    "matching": "theta",
    "purify": "significant",
    "adjust": "holm",
    "alpha": 0.05,
    "rule": "jodoin_gierl",
}


def _fact(error: ToolkitError) -> str:
    return str(error).split("\n")[0]


def _tested(context: Context, labels: pd.Series, items: list[str]) -> DifResult:
    """Test a theme; what `dif` itself warns of is read from its result, other warnings go on."""
    from analysis.fairness.item_functioning import dif

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="dif: ", category=ToolkitWarning)
        return dif(context.items[items], labels, **_OPTIONS)


def _rows(context: Context, name: str, theme: str, result: DifResult) -> list[dict[str, Any]]:
    table = result.table.reset_index().assign(
        grouping=name,
        theme=theme,
        title=context.title_of(theme),
        significant=(result.table["p_adjusted_total"] < result.alpha).to_numpy(),
    )
    table["text"] = [context.scale.item(item).text for item in table["item"]]
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _limits(who: str, result: DifResult) -> list[str]:
    """What a reader must know about one run of tests."""
    found = [f"{who}: {item} cannot be tested, {why}." for item, why in result.not_estimable.items()]
    if result.purification != STABLE:
        found.append(f"{who}: purification {result.purification}.")
    if result.empty_categories:
        found.append(f"{who}: answers that a group never gave: {', '.join(result.empty_categories)}.")
    return found


def _summary(table: pd.DataFrame, counts: dict[str, pd.Series]) -> pd.DataFrame:
    """One row per grouping; the largest change of R² is that of significant items, 0 where none is."""
    rows = []
    for name, items in table.groupby("grouping", sort=False):
        sizes = counts[str(name)]
        tested = items[items["flag"] != NOT_ESTIMABLE]
        significant = tested[tested["significant"].astype(bool)]
        rows.append(
            {
                "grouping": name,
                "groups": ", ".join(f"{label} ({size})" for label, size in sizes.items()),
                "smallest": int(sizes.min()),
                "items": len(tested),
                "significant": len(significant),
                "flagged": int(tested["flag"].isin(FLAGGED).sum()),
                "largest_change": float(significant["nagelkerke_total"].max()) if len(significant) else 0.0,
                "largest_mcfadden": float(significant["mcfadden_total"].max()) if len(significant) else 0.0,
                "largest_points": float(tested["unsigned_difference"].max()),
            }
        )
    return pd.DataFrame(rows, columns=list(_GROUPINGS))


def _values(table: pd.DataFrame, summary: pd.DataFrame, counts: dict[str, pd.Series]) -> dict[str, Any]:
    if table.empty:
        return {"tests": 0}
    small = [
        f"{label} ({name}, {size})"
        for name, sizes in counts.items()
        for label, size in sizes.items()
        if not DIF_GROUP.holds(size)
    ]
    flagged = table[table["flag"].isin(FLAGGED)]
    furthest = table.iloc[int(table["unsigned_difference"].fillna(-1.0).to_numpy().argmax())]
    return {
        "tests": int(summary["items"].sum()),
        "groupings": len(summary),
        "significant": int(summary["significant"].sum()),
        "flagged": len(flagged),
        "flagged_items": listed(f"{row.item} by {row.grouping}" for row in flagged.itertuples()),
        "points": furthest["unsigned_difference"],
        "points_item": f"{furthest['item']} by {furthest['grouping']}",
        "small_groups": listed(small),
        "few_persons": int(DIF_GROUP.cutoff),
    }


def _prose(values: dict[str, Any]) -> list[str]:
    if not values["tests"]:
        return ["No item could be tested; the reasons stand below."]
    sentences = [
        "Two people stand alike on a theme but belong to different groups: do they answer an item alike? "
        "Where they do not, the item functions differently, and comparisons of the groups are tilted by it.",
        f"{counted('tests', values['tests'], 'test')} of items were made over "
        f"{counted('groupings', values['groupings'], 'grouping')}: "
        "{significant:int} significant after Holm's adjustment within the theme, {flagged:int} of them large "
        "enough for a flag.",
        "In points of the answer scale, groups of equal standing are furthest apart on {points_item}: "
        "{points:d2} on average.",
    ]
    if values["flagged"]:
        sentences.append(
            "Flagged: {flagged_items}. A flag is a prompt to look at wording, translation and who was asked. "
            "It is no verdict: some flags are chance, and a difference may be part of what is measured."
        )
    else:
        sentences.append("No flag does not prove fairness: small shifts go unseen in groups of this size.")
    if values["small_groups"]:
        sentences.append("Groups under {few_persons:int} people give unsteady results: {small_groups}.")
    return sentences


def _tables(table: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Table]:
    return {
        "groupings": Table(
            frame=summary,
            title="Items that function differently, by grouping",
            columns=_GROUPINGS,
            note="Largest change of R² among significant items; 0 where none is significant. Points: how far "
            "expected answers of two groups lie apart at the same standing, on average over people.",
        ),
        "items": Table(
            frame=table,
            title="Tests of each item",
            columns=_ITEMS,
            note="χ² of group and group by standing together; p adjusted over the items of the theme. R² is "
            "Nagelkerke's. Signed points are those of the later named of the two groups furthest apart. "
            "The matching score holds the item itself, which hides unlike slopes in short themes.",
        ),
    }


def _findings(summary: pd.DataFrame) -> list[Finding]:
    judged = {
        "largest_change": ("Nagelkerke", DIF_NEGLIGIBLE),
        "largest_mcfadden": ("McFadden", DIF_COSMIN),
    }
    return [
        Finding(
            claim=f"By {row['grouping']}: largest change of R² ({kind}) among items with a significant test",
            value=row[column],
            rule=rule,
            path=f"sections.fairness.tables.groupings.{column}[{position}]",
            form="d3",
        )
        for position, row in enumerate(summary.to_dict("records"))
        for column, (kind, rule) in judged.items()
    ]


def _lacks(context: Context) -> str:
    if context.covariates is None:
        return "Needs a table of covariates with groups, such as language or sex."
    if not groupings(context):
        return f"No covariate has two to {MOST_GROUPS} groups of {SMALLEST_GROUP} people or more."
    return ""


TOPIC = Topic(
    name="fairness",
    title="Items that function differently",
    question="Do people alike on a theme answer an item alike, whatever their group?",
    run=section_fairness,
    lacks=_lacks,
)
