"""What each item's answers look like, theme by theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.common.rules import FLOOR_CEILING, ITEM_REST
from analysis.common.verdicts import Cause, Question
from analysis.disclosure.kinds import GIVEN, TEXT, Moment, N, each, people, share, statistic
from analysis.disclosure.kinds import option as share_of_option
from analysis.disclosure.ledger import Account, cell, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context, is_printed_alike, listed
from analysis.pipeline.correlating import missing_items
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Finding, Section, Table, Topic, of_sample
from analysis.pipeline.topics.item_comparisons import comparison_tables
from analysis.pipeline.twinned.people import twins_of_items
from instrument.errors import ToolkitError

REST = Question(text="Does each item go with the rest of its theme?")


def section_items(context: Context) -> Section:
    """Distribution, floor, ceiling and item-rest correlation of each item."""
    gaps = Gaps(context=context, few=of_sample(context))
    given = context.first_as_given
    statistics = _statistics(context, given, gaps)
    distributions = _distributions(context, given)
    values = _values(statistics, [context.title_of(theme) for theme in context.composites])
    first = context.wave_name(context.first_wave)
    compared = comparison_tables(context)
    return Section(
        estimator="moments and Pearson correlations, theme by theme",
        n=len(context.items),
        n_kind=people(weight=9, names=[populations.label(populations.answered(first))]),
        missing="every statistic on the answers there are; relations "
        + (
            "of people who answered all of a theme"
            if missing_items(context, "pairwise") == "listwise"
            else "pairwise"
        ),
        options={"wave": context.first_wave, "skew_and_kurtosis": "type 3"},
        option_kinds=each(TEXT, "wave skew_and_kurtosis"),
        prose=_prose(values, judged=gaps.few is None),
        values=values,
        value_kinds={
            **each(GIVEN, "items related floor_ceiling_cutoff"),
            **each(statistic(), "item_rest_lowest item_rest_highest weak at_ceiling at_floor"),
            **each(TEXT, "weak_items missing_highest_item"),
            "missing_highest": share(N, weight=3),
        },
        account=_account(context, statistics),
        tables={
            "statistics": _statistics_table(first, statistics, merges=context.as_given is not None),
            **distributions,
            **compared,
        },
        findings=_findings(statistics, gaps.few),
        figures=[f"distribution@{name.removeprefix('distribution_')}" for name in distributions],
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _statistics(context: Context, given: pd.DataFrame, gaps: Gaps) -> pd.DataFrame:
    """Statistics of the answers analysed; floor and ceiling of the options as they were answered."""
    from analysis.items.item_statistics import item_statistics

    found, whole = [], missing_items(context, "pairwise") == "listwise"
    ends = _ends(context, given)
    for theme, items in context.themes.items():
        try:
            table = item_statistics(context.items[items], context.scale).table
        except ToolkitError as error:
            gaps.add(context.title_of(theme), error, items)
            continue
        table[_ENDS] = ends.loc[items]
        if whole and len(items) > 1:
            table[_RELATIONS] = _relations_of_complete(context, theme, items, gaps)
        if theme in context.composites:
            table[_RELATIONS] = np.nan
            gaps.leave(f"{context.title_of(theme)}, each item with the rest", Cause.COMPOSITE)
        table.insert(0, "theme", context.title_of(theme))
        found.append(table.rename_axis("item").reset_index())
    if not found:
        return pd.DataFrame(columns=list(_COLUMNS))
    statistics = pd.concat(found, ignore_index=True)
    statistics.insert(2, "text", [context.scale.item(item).text for item in statistics["item"]])
    return statistics


def _relations_of_complete(
    context: Context, theme: str, items: list[str], gaps: Gaps
) -> pd.DataFrame | float:
    """Relations of the items of a theme among people who answered all of them; missing where too few did."""
    from analysis.items.item_statistics import item_statistics

    if theme in context.composites:
        return np.nan
    try:
        return item_statistics(context.items[items].dropna(), context.scale).table[_RELATIONS]
    except ToolkitError as error:
        gaps.add(f"{context.title_of(theme)}, each item with the rest", error, items)
        return np.nan


def _ends(context: Context, given: pd.DataFrame) -> pd.DataFrame:
    """Share of answers on the lowest and the highest option of each item, before any are merged."""
    shares = {}
    for item in context.item_ids:
        told = given[item].dropna()
        offered = context.scale.scale_of(item)
        low, high = (
            float((told == end).sum()) / len(told) if len(told) else float("nan")
            for end in (offered.minimum, offered.maximum)
        )
        shares[item] = (high, low) if item in context.scale.reversed_items else (low, high)
    return pd.DataFrame.from_dict(shares, orient="index", columns=_ENDS)


_ENDS = ["floor_share", "ceiling_share"]
_RELATIONS = ["item_rest_r", "item_total_r", "item_total_r_corrected", "average_r"]
_COLUMNS = {
    "item": ("Item", "text"),
    "text": ("Wording", "text"),
    "n": ("n", "int"),
    "missing_share": ("Missing", "percent"),
    "mean": ("Mean", "d2"),
    "sd": ("SD", "d2"),
    "skew": ("Skew", "d2"),
    "kurtosis": ("Kurtosis", "d2"),
    "floor_share": ("Lowest", "percent"),
    "ceiling_share": ("Highest", "percent"),
    "item_rest_r": ("Item-rest r", "r2"),
}


def _account(context: Context, statistics: pd.DataFrame) -> Account:
    """Missing answers of each item, which add up to those of the wave."""
    account = Account()
    if statistics.empty:
        return account
    most = int(statistics["missing_share"].argmax())
    account.same(cell("statistics", "missing_share", most), value("missing_highest"))
    if len(statistics) == len(context.item_ids):
        missing = [cell("statistics", "missing_share", row) for row in range(len(statistics))]
        absent = populations.absent(context.wave_name(context.first_wave))
        account.total(missing, account.population(absent, int(context.items.isna().to_numpy().sum())))
    return account


_STATISTIC_KINDS = {
    **each(TEXT, "item theme text"),
    "missing": people(N, rest="n"),
    "missing_share": share(N, count="missing", rest="n"),
    "mean": statistic("n", moment=Moment.MEAN),
    **each(statistic("n", moment=Moment.SPREAD), "sd se median trimmed mad minimum maximum skew kurtosis"),
    **each(statistic("n", moment=Moment.END), "floor_share ceiling_share"),
    **each(statistic("n"), "item_rest_r item_total_r item_total_r_corrected average_r"),
}


def _statistics_table(wave: str, statistics: pd.DataFrame, *, merges: bool) -> Table:
    answers = [populations.label(populations.item_answers(wave, item)) for item in statistics["item"]]
    before = (
        " Options are merged as the plan says; lowest and highest are shares of answers as given."
        if merges
        else ""
    )
    return Table(
        frame=statistics,
        kinds={**_STATISTIC_KINDS, "n": people(weight=1, names=answers)},
        title="Statistics of each item",
        columns=_COLUMNS,
        note="Reversed items are turned first. Lowest, highest: share of answers on the end options. "
        f"Kurtosis is excess; 0 is that of the normal curve.{before}",
    )


def _distributions(context: Context, given: pd.DataFrame) -> dict[str, Table]:
    """One table per response scale: share of each option among those who answered, as answered."""
    tables: dict[str, Table] = {}
    by_scale: dict[str, list[str]] = {}
    for item in context.item_ids:
        name = context.scale.item(item).scale or context.scale.scale_by_default
        by_scale.setdefault(name, []).append(item)
    for name, items in by_scale.items():
        options = context.scale.response_scales[name].options
        rows = []
        for item in items:
            answers = given[item].dropna()
            row: dict[str, Any] = {"item": item, "text": context.scale.item(item).text, "n": len(answers)}
            for option in options:
                count = int((answers == option.code).sum())
                row[f"share_{option.code}"] = count / len(answers) if len(answers) else None
            rows.append(row)
        shares = {f"share_{option.code}": (option.label, "percent") for option in options}
        tables[f"distribution_{name}"] = Table(
            frame=pd.DataFrame(rows),
            kinds={
                **each(TEXT, "item text"),
                "n": people(
                    weight=1,
                    names=[
                        populations.label(
                            populations.item_answers(context.wave_name(context.first_wave), item)
                        )
                        for item in items
                    ],
                ),
                **{f"share_{choice.code}": share_of_option(choice.code, "n") for choice in options},
            },
            answers_of=("statistics", "item"),
            title="Share of each answer, as answered",
            columns={"item": ("Item", "text"), "n": ("n", "int"), **shares},
        )
    return tables


def _values(statistics: pd.DataFrame, lists: Sequence[str]) -> dict[str, Any]:
    if statistics.empty:
        return {"items": 0}
    asked = statistics[~statistics["theme"].isin(lists) & statistics["item_rest_r"].notna()]
    weak = asked[asked["item_rest_r"] < ITEM_REST.cutoff]
    ceiling = statistics[statistics["ceiling_share"] > FLOOR_CEILING.cutoff]
    floor = statistics[statistics["floor_share"] > FLOOR_CEILING.cutoff]
    return {
        "items": len(statistics),
        "related": len(asked),
        "item_rest_lowest": float(statistics["item_rest_r"].min()),
        "item_rest_highest": float(statistics["item_rest_r"].max()),
        "weak": len(weak),
        "weak_items": listed(weak["item"]),
        "floor_ceiling_cutoff": FLOOR_CEILING.cutoff,
        "at_ceiling": len(ceiling),
        "at_floor": len(floor),
        "missing_highest": float(statistics["missing_share"].max()),
        "missing_highest_item": str(statistics["item"].iloc[int(statistics["missing_share"].argmax())]),
    }


def _prose(values: dict[str, Any], *, judged: bool) -> list[str]:
    if not values["items"]:
        return []
    one = values["weak"] == 1
    weak = (
        f"{{weak:int}} of {{related:int}} items {'goes' if one else 'go'} with the rest of "
        f"{'its' if one else 'their'} theme less than {ITEM_REST.asked_by} asks: {{weak_items}}."
        if values["weak"]
        else f"All {{related:int}} items go with the rest of their theme as far as {ITEM_REST.asked_by} asks."
    )
    if not judged:
        weak = "So few people say little of a single relation."
    alike = is_printed_alike(values["item_rest_lowest"], values["item_rest_highest"], "r2")
    runs = (
        "is {item_rest_lowest:r2}" if alike else "runs from {item_rest_lowest:r2} to {item_rest_highest:r2}"
    )
    relations = (
        f"Each item should go with the others of its theme (item-rest r {runs}), and use the whole range of "
        "answers. " + weak
    )
    return [
        *([relations] if values["related"] else []),
        "Items with more than {floor_ceiling_cutoff:percent} of their answers on the highest option: "
        "{at_ceiling:int}; on the lowest: {at_floor:int}. In single items that is common; the rule is meant "
        "for scores. "
        + (
            "No item was left without an answer more often than {missing_highest_item} "
            "({missing_highest:percent})."
            if values["missing_highest"] > 0
            else "No item was left without an answer by anybody ({missing_highest:percent})."
        ),
    ]


def _findings(statistics: pd.DataFrame, few: Cause | None) -> list[Finding]:
    if statistics.empty or statistics["item_rest_r"].isna().all():
        return []
    relations = statistics["item_rest_r"].to_numpy(dtype=float)
    row = int(np.nanargmin(relations))
    return [
        Finding(
            claim=f"Weakest item ({statistics['item'].iloc[row]}) goes with the rest of its theme",
            value=float(relations[row]),
            rule=ITEM_REST,
            question=REST,
            untested=few,
            path=f"sections.items.tables.statistics.item_rest_r[{row}]",
        )
    ]


TOPIC = Topic(
    name="items",
    title="Items",
    subject="answers to each item",
    question="Does each item do its work?",
    run=section_items,
    twins=twins_of_items,
)
