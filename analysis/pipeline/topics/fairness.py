"""Whether people alike on a theme answer an item alike, whatever their group."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

from analysis.common.rules import DIF_COSMIN, DIF_GROUP, DIF_NEGLIGIBLE, Rule
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import FEW, GIVEN, TEXT, Kind, each, people, sentences, statistic, words
from analysis.disclosure.ledger import Account
from analysis.fairness.dif_result import FLAGGED, NOT_ESTIMABLE, DifResult
from analysis.fairness.matching import STABLE
from analysis.pipeline import populations
from analysis.pipeline.context import Context, counted, listed
from analysis.pipeline.covariates import Use, covariates_of
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.fairness_along import (
    KINDS_ALONG,
    along_covariates,
    findings_along,
    tables_along,
    told_along,
    told_flags,
    values_along,
)
from analysis.pipeline.topics.fairness_curves import curves_table
from analysis.pipeline.topics.groups import (
    groupings,
    reference_first,
    reference_of,
    without_groups,
    without_large_groups,
)
from analysis.pipeline.twinned.relations import twins_of_fairness
from instrument.errors import ToolkitError, ToolkitWarning

ALIKE = Question(text="Is no item answered unlike by people who stand alike?", bears_on=Property.INVARIANCE)
ALIKE_NAGELKERKE = Question(text="Is the same so by the cut-off for Nagelkerke's R²?")
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
    "largest_item": ("Of", "text"),
    "largest_pvalue": ("p, adjusted", "p"),
    "largest_mcfadden": ("Largest, McFadden", "r3"),
    "largest_mcfadden_item": ("Of", "text"),
    "largest_mcfadden_pvalue": ("p, adjusted", "p"),
    "largest_points": ("Most points apart", "d2"),
}


def section_fairness(context: Context) -> Section:
    """Test every item of every theme for each grouping."""
    rows: list[dict[str, Any]] = []
    gaps = Gaps(context=context)
    told: list[str] = []
    lost: list[tuple[str, Cause]] = []
    counts: dict[str, pd.Series] = {}
    curves: list[pd.DataFrame] = []
    for name, labels in groupings(context).items():
        counts[name] = labels.dropna().value_counts(sort=False)
        for theme, items in context.themes.items():
            who = f"{context.title_of(theme)} by {name}"
            if len(items) < FEWEST_ITEMS:
                gaps.leave(f"{who}, of fewer than {FEWEST_ITEMS} items", Cause.NOTHING_LEFT)
                continue
            try:
                result = _tested(context, labels, items)
            except ToolkitError as error:
                lost.append((who, gaps.add(who, error, items)))
                continue
            rows += _rows(context, name, theme, result)
            curves.append(result.expected_scores.assign(grouping=name, title=context.title_of(theme)))
            told += _limits(who, result)
            for item, why in result.not_estimable.items():
                gaps.leave(f"{who}: {item} ({why})", Cause.NOT_ESTIMATED)
    along = along_covariates(context, gaps)
    table = pd.DataFrame(rows, columns=["theme", *_ITEMS, *_DATA])
    summary = _summary(table, counts)
    account = Account()
    account.population(populations.answered(context.wave_name(context.first_wave)), len(context.items))
    for name, labels in groupings(context).items():
        sizes = labels.value_counts(sort=False)
        places = [account.population(populations.members(name, label), size) for label, size in sizes.items()]
        account.part(populations.answered(context.wave_name(context.first_wave)), *places)
    drawn = curves_table(table, curves)
    said, noted, note_kinds = sentences(told, FEW)
    values = _values(table, summary, counts) | noted
    return Section(
        estimator="proportional odds, likelihood ratios, matched on graded response scores of the anchors",
        n=_most(table, along),
        n_kind=people(weight=9),
        missing="persons with the item and at least one other of its theme",
        options={"wave": context.first_wave, "smallest_group": context.plan.smallest_group, **_OPTIONS},
        option_kinds=each(GIVEN, "wave smallest_group", *_OPTIONS),
        prose=[*(_prose(values) if counts or not len(along) else []), *told_along(along), *said],
        values=values | values_along(along),
        value_kinds=_value_kinds(counts) | note_kinds | KINDS_ALONG,
        account=account,
        tables=_tables(table, summary, counts) | drawn | tables_along(along),
        findings=[*_findings(summary, table, lost), *findings_along(along)],
        figures=[*(["fairness"] if len(table) else []), *(["dif_curves"] if drawn else [])],
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _most(table: pd.DataFrame, along: pd.DataFrame) -> int | None:
    """Most people behind any test."""
    sizes = [int(frame["n"].max()) for frame in (table, along) if len(frame)]
    return max(sizes, default=None)


def _without_anything(context: Context) -> str:
    """Say that there is neither a group nor an amount to hold items against; empty where there is."""
    if any(found.use is Use.CONTINUOUS for found in covariates_of(context)):
        return ""
    return without_large_groups(context)


_OPTIONS: dict[str, Any] = {
    "matching": "theta",
    "purify": "significant",
    "adjust": "holm",
    "alpha": 0.05,
    "rule": "jodoin_gierl",
}


def _tested(context: Context, labels: pd.Series, items: list[str]) -> DifResult:
    """Test a theme; what `dif` itself warns of is read from its result, other warnings go on."""
    from analysis.fairness.dif import dif

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="dif: ", category=ToolkitWarning)
        reference = reference_of(context, labels)
        rows = reference_first(context.items[items], labels, reference)
        return dif(rows, labels.loc[rows.index], **_OPTIONS)


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
    found = []
    if result.purification != STABLE:
        found.append(f"{who}: purification {result.purification}.")
    if result.empty_categories:
        found.append(f"{who}: answers that a group never gave: {', '.join(result.empty_categories)}.")
    return found


def _summary(table: pd.DataFrame, counts: dict[str, pd.Series]) -> pd.DataFrame:
    """One row per grouping; the largest change of R² is the one observed, significant or not, with its p."""
    rows = []
    for name, items in table.groupby("grouping", sort=False):
        sizes = counts[str(name)]
        tested = items[items["flag"] != NOT_ESTIMABLE]
        rows.append(
            {
                "grouping": name,
                "groups": ", ".join(f"{label} ({size})" for label, size in sizes.items()),
                "smallest": int(sizes.min()),
                "items": len(tested),
                "significant": int(tested["significant"].astype(bool).sum()),
                "flagged": int(tested["flag"].isin(FLAGGED).sum()),
                **_largest(tested, "nagelkerke_total", "largest_change", "largest"),
                **_largest(tested, "mcfadden_total", "largest_mcfadden", "largest_mcfadden"),
                "largest_points": float(tested["unsigned_difference"].max()) if len(tested) else None,
            }
        )
    return pd.DataFrame(rows, columns=list(_GROUPINGS))


def _largest(tested: pd.DataFrame, change: str, name: str, start: str) -> dict[str, Any]:
    """Largest change of R² observed, its item and its adjusted p; nothing where nothing was tested."""
    known = tested.dropna(subset=[change])
    if known.empty:
        return {name: None, f"{start}_item": None, f"{start}_pvalue": None}
    row = known.iloc[int(known[change].to_numpy(dtype=float).argmax())]
    return {
        name: float(row[change]),
        f"{start}_item": row["item"],
        f"{start}_pvalue": float(row["p_adjusted_total"]),
    }


def _values(table: pd.DataFrame, summary: pd.DataFrame, counts: dict[str, pd.Series]) -> dict[str, Any]:
    if table.empty:
        return {"tests": 0}
    small = [f"{label} ({name}, {size})" for name, label, size in _small(counts)]
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


def _small(counts: dict[str, pd.Series]) -> list[tuple[str, str, int]]:
    """Grouping, label and size of every group too small for steady results."""
    return [
        (name, str(label), int(size))
        for name, sizes in counts.items()
        for label, size in sizes.items()
        if not DIF_GROUP.holds(size)
    ]


def _braced(text: object) -> str:
    return str(text).replace("{", "{{").replace("}", "}}")


def _value_kinds(counts: dict[str, pd.Series]) -> dict[str, Kind]:
    small = _small(counts)
    template = listed(
        f"{_braced(label)} ({_braced(name)}, {{{k}}})" for k, (name, label, _) in enumerate(small)
    )
    names = populations.labels(populations.members(name, label) for name, label, _ in small)
    return {
        **each(GIVEN, "tests groupings few_persons"),
        **each(statistic(), "significant flagged points"),
        **each(TEXT, "flagged_items points_item"),
        "small_groups": words([template], [[size for *_, size in small]], names=names),
    }


def _group_kind(counts: dict[str, pd.Series], groupings: list[str]) -> Kind:
    """Labels of each grouping with the number of people in each."""
    labels = {name: list(counts[name].index) for name in groupings}
    return words(
        [
            ", ".join(f"{_braced(label)} ({{{k}}})" for k, label in enumerate(labels[name]))
            for name in groupings
        ],
        [counts[name].tolist() for name in groupings],
        names=populations.labels(
            populations.members(name, label) for name in groupings for label in labels[name]
        ),
    )


def _compared(table: pd.DataFrame) -> list[str]:
    """Names of who is compared, row by row: people of the groups who answered the item and its theme."""
    rows = zip(table["theme"], table["grouping"], table["item"], strict=True)
    return [f"compared on {item} of {theme} by {grouping}" for theme, grouping, item in rows]


def _prose(values: dict[str, Any]) -> list[str]:
    if not values["tests"]:
        return ["No item could be tested; the reasons stand below."]
    sentences = [
        "Two people stand alike on a theme but belong to different groups: do they answer an item alike? "
        "Where they do not, the item functions differently, and comparisons of the groups are biased by it.",
        f"{counted('tests', values['tests'], 'test')} of items were made over "
        f"{counted('groupings', values['groupings'], 'grouping')}: "
        + told_flags("", values["significant"], values["flagged"]),
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
        sentences.append("Groups under {few_persons:int} people give unstable results: {small_groups}.")
    return sentences


def _tables(table: pd.DataFrame, summary: pd.DataFrame, counts: dict[str, pd.Series]) -> dict[str, Table]:
    named = list(summary["grouping"])
    smallest = [populations.members(name, counts[name].idxmin()) for name in named]
    return {
        "groupings": Table(
            frame=summary,
            kinds={
                "grouping": TEXT,
                "groups": _group_kind(counts, named),
                "smallest": people(names=populations.labels(smallest)),
                "items": GIVEN,
                **each(TEXT, "largest_item largest_mcfadden_item"),
                **each(statistic(), "significant flagged largest_change largest_mcfadden largest_points"),
                **each(statistic(), "largest_pvalue largest_mcfadden_pvalue"),
            },
            title="Items that function differently, by grouping",
            columns=_GROUPINGS,
            note="Largest change of R²: the largest observed, significant or not, with its item and p. "
            "Points: how far expected answers of two groups lie apart at the same standing, on average over "
            "people.",
        ),
        "items": Table(
            frame=table,
            kinds={
                **each(TEXT, "theme grouping title item text kind flag"),
                "n": people(weight=1, names=_compared(table)),
                **each(GIVEN, "df_total"),
                **each(statistic("n"), "chisq_total p_adjusted_total nagelkerke_total signed_difference"),
                **each(statistic("n"), "unsigned_difference", *_DATA),
            },
            title="Tests of each item",
            columns=_ITEMS,
            note="χ² of group and group by standing together; p adjusted over the items of the theme. R² is "
            "Nagelkerke's. Signed points are those of the later named of the two groups furthest apart. "
            "The matching score holds the item itself, which hides unlike slopes in short themes.",
        ),
    }


def _findings(summary: pd.DataFrame, table: pd.DataFrame, lost: list[tuple[str, Cause]]) -> list[Finding]:
    """Judge the largest change observed; one that is large, but not told from chance, decides nothing."""
    judged: dict[str, tuple[str, str, Rule, Question]] = {
        "largest_change": ("Nagelkerke", "nagelkerke_total", DIF_NEGLIGIBLE, ALIKE_NAGELKERKE),
        "largest_mcfadden": ("McFadden", "mcfadden_total", DIF_COSMIN, ALIKE),
    }
    found = [
        Finding(
            claim=f"{who}: no item functions differently",
            value=None,
            rule=DIF_COSMIN,
            question=ALIKE,
            path="",
            untested=cause,
        )
        for who, cause in lost
    ]
    for position, row in enumerate(summary.to_dict("records")):
        items = table[table["grouping"] == row["grouping"]]
        for column, (kind, change, rule, question) in judged.items():
            found.append(
                Finding(
                    claim=f"By {row['grouping']}: largest change of R² ({kind})",
                    value=row[column],
                    rule=rule,
                    question=question,
                    path=f"sections.fairness.tables.groupings.{column}[{position}]",
                    untested=_undecided(items, change, rule),
                )
            )
    return found


def _undecided(items: pd.DataFrame, change: str, rule: Rule) -> Cause | None:
    """Say whether only changes that are not significant pass the cut-off: then nothing is decided."""
    large = items[items[change].notna() & ~items[change].map(rule.holds).astype(bool)]
    return Cause.UNDECIDED if len(large) and not large["significant"].astype(bool).any() else None


TOPIC = Topic(
    name="fairness",
    title="Items that function differently",
    subject="items that function differently",
    question="Do people alike on a theme answer an item alike, whatever their group?",
    run=section_fairness,
    twins=twins_of_fairness,
    lacks=without_groups,
    short=_without_anything,
    bears_on=(Property.INVARIANCE,),
    reflective=True,
)
