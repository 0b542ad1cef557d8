"""Hypotheses of the plan: confirmed, not confirmed, or not to be told from these data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.common.rules import HYPOTHESES
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import FOREIGN, GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.reach import of_people
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.criterion_items import for_predictions
from analysis.pipeline.topics.validity_measures import names_beside, people_table
from analysis.pipeline.twinned.relations import twins_of_planned
from analysis.planning.definition import Hypothesis, ambiguous, of_itself, same_label, shared_items
from analysis.validity.check_hypotheses import CONFIRMED, NOT_CONFIRMED, UNANSWERED, UNDECIDED
from instrument.errors import ToolkitError, ToolkitWarning

AS_PLANNED = Question(text="Did the hypotheses of the plan come out?", bears_on=Property.HYPOTHESES)
OWN, OTHER = "own_score", "other_variable"  # names without blanks or commas, whatever the columns are called
_COLUMNS = {
    "text": ("Hypothesis", "text"),
    "relation": ("Measured by", "text"),
    "n": ("n", "int"),
    "expected": ("Expected", "text"),
    "estimate": ("Found", "b2"),
    "ci_lower": ("95% from", "b2"),
    "ci_upper": ("to", "b2"),
    "outcome": ("Outcome", "text"),
}
_DATA = ["id", "bounded", "score", "other", "judged_by", "pvalue", "status", "reason", "without"]


def section_planned_hypotheses(context: Context) -> Section:
    """Estimate every relation that was expected, and hold its interval against what was expected."""
    rows = [checked(context, hypothesis) for hypothesis in context.plan.hypotheses]
    table = pd.DataFrame(rows, columns=[*_DATA, *_COLUMNS])
    counts = {status: int((table["status"] == status).sum()) for status in STATUS_WORDS}
    values = {
        "planned": len(table),
        "confirmed": counts[CONFIRMED],
        "not_confirmed": counts[NOT_CONFIRMED],
        "undecided": counts[UNDECIDED],
        "unanswered": counts[UNANSWERED],
        "share": _share(table),
    }
    return Section(
        estimator="correlations with Fisher intervals; Hedges' g with intervals of the noncentral t",
        n=int(table["n"].max()) if table["n"].notna().any() else None,
        n_kind=people(weight=9),
        missing="people with both",
        options={"wave": context.first_wave, "level": 0.95},
        option_kinds=each(GIVEN, "wave level"),
        prose=[
            "The plan holds {planned:int} [[hypothesis|hypotheses]] with sign and size. Confirmed: "
            "{confirmed:int}; not "
            "confirmed: {not_confirmed:int}; cannot be told from these data: {undecided:int}; not evaluated: "
            "{unanswered:int}.",
            "Judged by its interval, a hypothesis is confirmed where all of it lies in the expected range, "
            "not confirmed where none of it does, and cannot be told where it holds values of both kinds: "
            "then more people are needed, and nothing is shown either way.",
        ],
        values=values,
        value_kinds=each(GIVEN, "planned")
        | each(statistic(), "confirmed not_confirmed undecided unanswered share"),
        tables={"hypotheses": _table(table)},
        findings=_findings(table),
    )


STATUS_WORDS = {
    CONFIRMED: "confirmed",
    NOT_CONFIRMED: "not confirmed",
    UNDECIDED: "cannot be told: the interval holds values inside and outside the expected range",
    UNANSWERED: "not evaluated",
}


def checked(context: Context, hypothesis: Hypothesis) -> dict[str, Any]:
    """Give the row of one hypothesis: relation, estimate with interval, n, status and reason."""
    outcomes = [] if context.outcomes is None else list(context.outcomes.columns)
    seen = for_predictions(context) if hypothesis.with_ in outcomes else context
    score = hypothesis.score or ("total" if context.scale.total_themes else next(iter(context.themes)))
    other = hypothesis.with_ or hypothesis.groups or ""
    row: dict[str, Any] = {
        "id": hypothesis.id,
        "text": hypothesis.text,
        "score": score,
        "other": other,
        "expected": hypothesis.expected,
        "judged_by": hypothesis.judged_by,
        "bounded": hypothesis.groups is None,  # a correlation
        "relation": _relation(hypothesis, score, other),
        "without": "items near the outcome" if seen is not context else "",
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolkitWarning)  # small groups: the number stands in the table
            why_not = _no_relation(context, score, other)
            found = {"status": UNANSWERED, "reason": why_not} if why_not else None
            found = found or _judged(_people(seen), hypothesis, score)
    except ToolkitError as error:
        found = {"status": UNANSWERED, "reason": str(error).splitlines()[0]}
    reason = found.setdefault("reason", "")
    return row | found | {"outcome": STATUS_WORDS[found["status"]] + (f": {reason}" if reason else "")}


def _relation(hypothesis: Hypothesis, score: str, other: str) -> str:
    if hypothesis.groups is not None:
        levels = f"{same_label(hypothesis.higher)} minus {same_label(hypothesis.lower)}"
        return f"{score}, {other}: {levels} (Hedges' g)"
    kind = {"pearson": "correlation", "spearman": "rank correlation"}[hypothesis.method]
    return f"{kind} of {score} and {other}"


def _no_relation(context: Context, score: str, other: str) -> str:
    """Say why two names are no relation of two things: shared items, or a name of several things."""
    if shared := shared_items(context.scale, score, other):
        return of_itself(score, other, shared)
    names = [*names_beside(context), *(f"{m.id}_total" for _, m in context.measures if m.total_themes)]
    return ambiguous(other, names.count(other)) if names.count(other) > 1 else ""


def _people(context: Context) -> pd.DataFrame:
    """Scores, other measures with their totals, covariates and outcomes of the same people."""
    from instrument.scoring.score import score

    table = people_table(context)
    for answers, other in context.measures:
        if not other.total_themes:
            continue
        card = score(answers, other).scores
        rows = card[card["wave"].astype(str) == str(context.first_wave)]
        total = rows.set_index(rows["participant"].astype(str))["total"].rename(f"{other.id}_total")
        if total.name not in table.columns:
            table = table.join(total)
    return table


def _judged(table: pd.DataFrame, hypothesis: Hypothesis, score: str) -> dict[str, Any]:
    """Estimate, interval, n and status, by the public functions."""
    from analysis.validity.check_hypotheses import check_hypotheses
    from analysis.validity.known_groups import known_groups

    other = hypothesis.with_ or hypothesis.groups or ""
    if absent := [name for name in (score, other) if name not in table.columns]:
        return {"status": UNANSWERED, "reason": f"there is no {absent[0]!r} in these data"}
    pair = pd.DataFrame({OWN: table[score], OTHER: table[other]}).dropna()
    if of_people(len(pair)) is not None:
        return {"status": UNANSWERED, "reason": f"{Cause.FEW_PEOPLE.words} have both"}
    asked = {"id": hypothesis.id, "text": hypothesis.text, "expected": hypothesis.expected}
    if hypothesis.groups is None:
        asked["measure"] = f"correlation {OWN}, {OTHER}"
        result = check_hypotheses(
            [asked], pair, correlation=hypothesis.method, judged_by=hypothesis.judged_by
        )
        return _taken(result.table.iloc[0])
    pair[OTHER] = pair[OTHER].map(same_label)
    levels = [same_label(hypothesis.lower), same_label(hypothesis.higher)]
    if absent := [level for level in levels if level not in set(pair[OTHER])]:
        return {"status": UNANSWERED, "reason": f"nobody is in {absent[0]!r} of {other!r}"}
    pair = pair[pair[OTHER].isin(levels)]
    if of_people(len(pair)) is not None:
        return {"status": UNANSWERED, "reason": f"{Cause.FEW_PEOPLE.words} are in the two groups"}
    groups = known_groups(pair, OWN, OTHER, expected=levels)
    found = groups.pairs.iloc[0]
    limits = (found["hedges_g"], found["hedges_g_ci_lower"], found["hedges_g_ci_upper"])
    asked["measure"] = "Hedges' g"
    values = {hypothesis.id: tuple(map(float, limits))}
    result = check_hypotheses([asked], values=values, judged_by=hypothesis.judged_by)  # type: ignore[arg-type]
    return _taken(result.table.iloc[0]) | {"n": groups.n_obs, "pvalue": float(found["pvalue"])}


def _taken(row: pd.Series) -> dict[str, Any]:
    n = row["n"]
    names = ("estimate", "ci_lower", "ci_upper", "pvalue")
    return {name: float(row[name]) for name in names} | {
        "n": None if pd.isna(n) else int(n),
        "status": row["status"],
    }


def _share(table: pd.DataFrame) -> float | None:
    told = table[table["status"].isin([CONFIRMED, NOT_CONFIRMED])]
    return float((told["status"] == CONFIRMED).mean()) if len(told) else None


def _table(table: pd.DataFrame) -> Table:
    return Table(
        frame=table.astype({"n": "Int64"}),
        kinds={
            **each(TEXT, "id text score other expected judged_by relation without"),
            "bounded": GIVEN,
            "n": people(weight=1),
            **each(statistic("n"), "estimate ci_lower ci_upper pvalue status"),
            **each(FOREIGN, "reason outcome"),
        },
        title="Hypotheses of the plan",
        columns=_COLUMNS,
        note="Relations at the first wave; groups: a positive difference means that the first is higher.",
    )


def _findings(table: pd.DataFrame) -> list[Finding]:
    """Judge the share confirmed of those told; each that was not told is a claim left untested."""
    causes: Mapping[str, Cause] = {UNDECIDED: Cause.WIDE, UNANSWERED: Cause.NOT_ESTIMATED}
    found = [
        Finding(
            claim=f"Hypothesis of the plan: {row['text']}",
            value=None,
            rule=HYPOTHESES,
            question=AS_PLANNED,
            path="",
            untested=causes[row["status"]],
        )
        for row in table.to_dict("records")
        if row["status"] in causes
    ]
    share = _share(table)
    if share is not None:
        told = int(table["status"].isin([CONFIRMED, NOT_CONFIRMED]).sum())
        claim = f"Hypotheses of the plan confirmed, of {told} told ({len(table)} planned)"
        path = "sections.planned_hypotheses.values.share"
        found.append(Finding(claim=claim, value=share, rule=HYPOTHESES, question=AS_PLANNED, path=path))
    return found


TOPIC = Topic(
    name="planned_hypotheses",
    title="Hypotheses of the plan",
    subject="relations to other things",
    question="Did what was expected beforehand come out?",
    run=section_planned_hypotheses,
    twins=twins_of_planned,
    bears_on=(Property.HYPOTHESES,),
)
