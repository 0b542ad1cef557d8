"""How scores go with each other, with other measures and covariates, and how groups differ on them."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.disclosure.ledger import Account
from analysis.pipeline import populations
from analysis.pipeline.context import Context, counted, listed
from analysis.pipeline.reach import Gaps, of_people
from analysis.pipeline.section import Section, Table, Topic, of_sample
from analysis.pipeline.topics.groups import groupings, reference_of
from analysis.pipeline.topics.validity_measures import people_table
from analysis.pipeline.twinned.relations import twins_of_relations
from analysis.planning.definition import same_label
from instrument.errors import ToolkitError, ToolkitWarning

LEVEL = 0.95
FEWEST_VALUES = 3  # a variable of two values is a group
_PAIRS = {
    "one_title": ("One", "text"),
    "other_title": ("Other", "text"),
    "n": ("n", "int"),
    "r": ("r", "r2"),
    "ci_lower": ("95% from", "r2"),
    "ci_upper": ("to", "r2"),
    "pvalue": ("p", "p"),
}
_GROUPS = {
    "grouping": ("Groups", "text"),
    "label": ("Group", "text"),
    "title": ("Score", "text"),
    "n": ("n", "int"),
    "mean": ("Mean", "d2"),
    "mean_lower": ("95% from", "d2"),
    "mean_upper": ("to", "d2"),
    "sd": ("SD", "d2"),
}
_DIFFERENCES = {
    "grouping": ("Groups", "text"),
    "title": ("Score", "text"),
    "compared": ("Difference", "text"),
    "difference": ("In points", "d2"),
    "ci_lower": ("95% from", "d2"),
    "ci_upper": ("to", "d2"),
    "hedges_g": ("Hedges' g", "d2"),
    "g_lower": ("95% from", "d2"),
    "g_upper": ("to", "d2"),
}


def section_relations(context: Context) -> Section:
    """Correlate every score with everything measured, and describe it in every group."""
    table = people_table(context)
    gaps = Gaps(context=context, few=of_sample(context))
    pairs = _pairs(context, table, gaps)
    account = Account()
    means, differences = _by_group(context, table, gaps, account)
    values = {"pairs": len(pairs), "groupings": len(groupings(context))}
    told = (
        f"The table holds {counted('pairs', len(pairs), 'correlation')} of scores with each other and with "
        "what else is known of the same people. None was judged: no expectations about them were stated."
    )
    prose = [told] if len(pairs) else []
    if len(means):
        prose.append(
            "Means by group describe these people. Where the section on the same measure in every group "
            "found that answers mean something else in one of them, they are not comparable as they stand."
        )
    return Section(
        estimator="Pearson correlations, Fisher intervals; means, Student's intervals; differences, Welch's "
        "intervals; Hedges' g, intervals of the noncentral t",
        n=len(context.items),
        n_kind=people(weight=9),
        missing="people with both; people with group and score",
        options={"wave": context.first_wave, "level": LEVEL},
        option_kinds=each(GIVEN, "wave level"),
        prose=prose,
        values=values,
        value_kinds=each(GIVEN, "pairs groupings"),
        account=account,
        tables=_tables(context, pairs, means, differences),
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _pairs(context: Context, table: pd.DataFrame, gaps: Gaps) -> pd.DataFrame:
    """Correlations of every own score with every other variable; a total is not correlated with its parts."""
    own = list(context.card.names)
    numbers = _numbers(context, table)
    rows: list[dict[str, Any]] = []
    for one, other in combinations(numbers, 2):
        if not _is_asked(context, one, other):
            continue
        both = pd.DataFrame({"x": numbers[one], "y": numbers[other]}).dropna()
        if (few := of_people(len(both))) is not None or both.nunique().min() < FEWEST_VALUES:
            names = (context.title_of(name) if name in own else name for name in (one, other))
            without = numbers[one].notna().sum() == 0 or numbers[other].notna().sum() == 0
            gaps.leave(
                f"Correlation of {listed(names)}", few if few is not None and not without else Cause.NO_SPREAD
            )
            continue
        r = stats.pearsonr(both["x"], both["y"])
        limits = r.confidence_interval(LEVEL)
        row: dict[str, Any] = {"one": one, "other": other, "one_title": context.title_of(one)}
        row["other_title"] = context.title_of(other) if other in own else other
        row |= {"n": len(both), "r": float(r.statistic), "ci_lower": float(limits.low)}
        rows.append(row | {"ci_upper": float(limits.high), "pvalue": float(r.pvalue)})
    return pd.DataFrame(rows, columns=["one", "other", *_PAIRS])


def _by_group(
    context: Context, table: pd.DataFrame, gaps: Gaps, account: Account
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean of every score in every group, and the differences from the first group or the reference."""
    from analysis.validity.known_groups import known_groups

    means: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for grouping, labels in groupings(context).items():
        kept = labels.dropna()
        reference = reference_of(context, labels)
        order = (
            sorted(kept.unique(), key=lambda label: same_label(label) != reference)
            if reference
            else list(kept.unique())
        )
        for label, size in kept.value_counts(sort=False).items():
            account.population(populations.members(grouping, label), int(size))
        groups = kept.set_axis(kept.index.astype(str))
        for score in context.card.names:
            pair = pd.DataFrame({"score": table[score].astype(float), "group": groups}).dropna()
            head = {"grouping": grouping, "score": score, "title": context.title_of(score)}
            pair, scored = _comparable(pair, order, f"{head['title']} by {grouping}", gaps)
            if len(scored) < 2:
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ToolkitWarning)
                    found = known_groups(pair, "score", "group", expected=scored, confidence=LEVEL)
            except ToolkitError as error:
                gaps.add(f"{context.title_of(score)} by {grouping}", error)
                continue
            for label, row in found.descriptives.iterrows():
                means.append({**head, "label": label, **_described(row)})
            base = order[0] if reference else scored[0]
            first = found.pairs[found.pairs["first"] == base]
            for row in first.to_dict("records"):
                differences.append(head | _compared(row))
    return (
        pd.DataFrame(means, columns=[*_GROUPS, "score"]),
        pd.DataFrame(differences, columns=[*_DIFFERENCES, "score"]),
    )


def _comparable(pair: pd.DataFrame, order: list[Any], who: str, gaps: Gaps) -> tuple[pd.DataFrame, list[Any]]:
    """Leave out groups with too few scores, or one score only, as where a question was not asked of them."""
    from analysis.validity.known_groups import FEWEST_PERSONS

    scored = []
    for label in order:
        scores = pair.loc[pair["group"] == label, "score"]
        few = Cause.FEW_IN_GROUP if len(scores) < FEWEST_PERSONS else None
        cause = few or (Cause.NO_SPREAD if scores.nunique() < 2 else None)
        if cause is None:
            scored.append(label)
        else:
            gaps.leave(f"{who}: {same_label(label)}", cause)
    return pair[pair["group"].isin(scored)], scored


def _described(row: pd.Series) -> dict[str, Any]:
    n, mean, sd = int(row["n"]), float(row["mean"]), float(row["sd"])
    half = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1)) * sd / np.sqrt(n)
    return {"n": n, "mean": mean, "sd": sd, "mean_lower": mean - half, "mean_upper": mean + half}


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "compared": f"{same_label(row['second'])} minus {same_label(row['first'])}",
        "difference": row["difference"],
        "ci_lower": row["difference_ci_lower"],
        "ci_upper": row["difference_ci_upper"],
        "hedges_g": row["hedges_g"],
        "g_lower": row["hedges_g_ci_lower"],
        "g_upper": row["hedges_g_ci_upper"],
    }


def _tables(
    context: Context, pairs: pd.DataFrame, means: pd.DataFrame, differences: pd.DataFrame
) -> dict[str, Table]:
    tables = {}
    if len(pairs):
        tables["correlations"] = Table(
            frame=pairs,
            kinds={
                **each(TEXT, "one other one_title other_title"),
                "n": people(weight=1),
                **each(statistic("n"), "r ci_lower ci_upper pvalue"),
            },
            title="Correlations of the scores",
            columns=_PAIRS,
            note="Of observed scores, not corrected for their unreliability. A total is not correlated with "
            "the themes it is made of.",
        )
    if len(means):
        whole = tuple(
            populations.members(*pair) for pair in zip(means["grouping"], means["label"], strict=True)
        )
        tables["means"] = Table(
            frame=means.assign(label=means["label"].map(same_label)),
            kinds={
                **each(TEXT, "grouping score title label"),
                "n": people(whole),
                **each(statistic("n", fraction=True), "mean sd mean_lower mean_upper"),
            },
            title="Means by group",
            columns=_GROUPS,
            note="At the first wave.",
        )
        tables["differences"] = Table(
            frame=differences,
            kinds={
                **each(TEXT, "grouping score title compared"),
                **each(statistic(), "difference ci_lower ci_upper hedges_g g_lower g_upper"),
            },
            title="Differences between groups",
            columns=_DIFFERENCES,
            note="From the reference of the plan, else the group that stands first among those with scores.",
        )
    return tables


def _numbers(context: Context, table: pd.DataFrame) -> dict[str, pd.Series]:
    """Columns that can be correlated: every score, and amounts among the others."""
    numbers = {}
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            found = column.astype(float)
            if name in context.card.names or found.nunique() >= FEWEST_VALUES:
                numbers[str(name)] = found
    return numbers


def _is_asked(context: Context, one: str, other: str) -> bool:
    """Say whether two columns are to be correlated: one is a score, and neither is part of the other."""
    own, parts = set(context.card.names), set(context.scale.total_themes)
    return one in own and not ("total" in (one, other) and {one, other} & parts)


def _lacks(context: Context) -> str:
    names = _numbers(context, people_table(context))
    if not any(_is_asked(context, *pair) for pair in combinations(names, 2)) and not groupings(context):
        return "Needs two scores, another measure, an amount among the covariates, or groups of some size."
    return ""


TOPIC = Topic(
    name="relations",
    title="Correlations, and means by group",
    subject="correlations and means by group",
    question="How do scores go with each other and with what else is known, and how do groups differ?",
    run=section_relations,
    lacks=_lacks,
    twins=twins_of_relations,
)
