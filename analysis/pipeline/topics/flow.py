"""Who took part: administrations per wave, who came back, and why answers are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.common.rules import SAMPLE_PER_ITEM, SAMPLE_TOTAL
from analysis.common.verdicts import Question
from analysis.disclosure.kinds import GIVEN, TEXT, N, each, people, share, statistic
from analysis.disclosure.ledger import Account, cell, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context, counted
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.flow_arrival import arrival_tables
from analysis.pipeline.twinned.people import twins_of_flow
from instrument.reading.wave_order import OrderSource

WHOLE = 9  # weight of a count of everyone: the last to go
REASONS = {
    "skipped": "Skipped",
    "not_seen": "Not seen",
    "not_applicable": "Does not apply",
    "declined": "Prefers not to answer",
}

ONCE = "so that each person counts once and nobody has been asked before"
FIRST = {
    OrderSource.DECLARED: f"the first wave declared with answers, {ONCE}",
    OrderSource.NAMED: f"the first wave named, {ONCE}",
    OrderSource.TIMES: f"the first by the times of answering, {ONCE}",
    OrderSource.NUMBERS: f"the first by the number in its name, {ONCE}",
    OrderSource.WORDS: f"the first by its name, {ONCE}",
    OrderSource.ONE: "the only wave",
    OrderSource.UNKNOWN: "the one that most people answered, so that each person counts once",
}

DECLARED_BESIDE_OTHERS = "the first that the study declares, so that each person counts once"
ONE_OF_EQUALS = (
    "the first by its name of those that equally many people answered, so that each person counts once"
)
AFTER_UNANSWERED = "the first wave with any answer, so that each person counts once"

ENOUGH = Question(text="Did enough people answer?")


def section_flow(context: Context) -> Section:
    """Count people, waves and answers, and say what came in."""
    flow = _flow(context)
    reasons = _reasons(context)
    account = _account(context, flow, reasons)
    came = arrival_tables(context, account)
    start = _first_row(context)
    n_first = int(flow["answered"].iloc[start])
    per_item = n_first / len(context.item_ids)
    asked = context.responses[context.item_ids].notna()
    values = {
        "participants": int(context.responses["participant"].nunique()),
        "respondents": int(context.responses.loc[asked.any(axis=1), "participant"].nunique()),
        "waves": len(flow),
        "waves_answered": int((flow["answered"] > 0).sum()),
        "items": len(context.item_ids),
        "first_wave": context.wave_name(context.first_wave),
        "first_n": n_first,
        "per_item": per_item,
        "complete_rate": float(flow["complete"].iloc[start] / n_first) if n_first else None,
        "missing_rate": float(1 - asked.to_numpy().mean()),
        "last_wave": context.wave_name(context.waves[-1]),
        "last_rate": float(flow["retained"].iloc[-1]),
    }
    _enter_respondents(account, values, flow)
    prose = [
        f"{_who(values)} gave {'any answer' if _some_gave_none(values) else 'answers'} at {_when(values)}. "
        + _at_first(context, start)
        + (
            "{first_n:int} answered at least one of the {items:int} [[item|items]], and "
            "{complete_rate:percent} of those answered every item."
            if len(context.item_ids) > 1
            else "{first_n:int} answered the only item."
        ),
        f"The structure of the scale is estimated on {{first_wave}}, {_why_first(context, start)}.",
    ]
    if not context.wave_order.known:
        prose.append(context.lacks_order())
    elif start < len(flow) - 1:
        prose.append(
            "{last_rate:percent} of the people of {first_wave} also answered at {last_wave}; what is said of "
            "a later wave is about those who answered then."
        )
    return Section(
        estimator="counts",
        n=context.responses["participant"].nunique(),
        n_kind=people(weight=WHOLE, names=[populations.label(populations.PARTICIPANTS)]),
        missing="nothing is dropped; an administration counts as answered when at least one item is",
        prose=prose,
        values=values,
        value_kinds={
            **each(TEXT, "first_wave", "last_wave"),
            **each(GIVEN, "waves", "waves_answered", "items"),
            "participants": people(weight=WHOLE, names=[populations.label(populations.PARTICIPANTS)]),
            "respondents": people("participants", weight=WHOLE - 1, open_at_zero=True),
            "first_n": people(weight=WHOLE - 1),
            "per_item": statistic("first_n", tells=["first_n"]),
            "complete_rate": share("first_n", count=cell("flow", "complete", start)),
            "missing_rate": share(
                populations.ADMINISTRATIONS, times=len(context.item_ids), protects_rest=False, weight=3
            ),
            "last_rate": share("first_n", certain=[0] if start == len(flow) - 1 else []),
        },
        account=account,
        tables={"flow": _flow_table(context, flow), **_reason_tables(reasons, len(context.item_ids)), **came},
        findings=[
            Finding(
                claim="The sample is large enough for the number of items",
                value=per_item,
                rule=SAMPLE_PER_ITEM,
                question=ENOUGH,
                path="sections.flow.values.per_item",
            ),
            Finding(
                claim="The sample is large enough in all",
                value=n_first,
                rule=SAMPLE_TOTAL,
                question=ENOUGH,
                path="sections.flow.values.first_n",
            ),
        ],
        figures=["flow"],
    )


def _first_row(context: Context) -> int:
    """Row of the first wave with answers: waves before it may hold people who gave none."""
    return context.waves.index(context.first_wave)


def _some_gave_none(values: Mapping[str, Any]) -> bool:
    return bool(values["respondents"] < values["participants"])


def _who(values: Mapping[str, Any]) -> str:
    """Those who gave any answer, and of how many where rows of others hold none."""
    if not _some_gave_none(values):
        return "{participants:int} [[person|people]]"
    return "{respondents:int} of the {participants:int} [[person|people]] in the table"


def _when(values: Mapping[str, Any]) -> str:
    every = counted("waves", values["waves"], "wave")
    return every if values["waves_answered"] == values["waves"] else f"{{waves_answered:int}} of {every}"


def _at_first(context: Context, start: int) -> str:
    if not context.wave_order.known:
        return "At {first_wave}, "
    return "At the first ({first_wave}), " if start == 0 else "At the first with answers ({first_wave}), "


def _why_first(context: Context, start: int) -> str:
    """Why this wave: after waves that nobody answered it is the first with answers, and no more."""
    declared = [wave.name for wave in context.study.waves] if context.study is not None else []
    if start == 0 and not context.wave_order.known and str(context.first_wave) in declared:
        return DECLARED_BESIDE_OTHERS
    if start == 0 and context.wave_order.source is OrderSource.UNKNOWN and _as_many_elsewhere(context):
        return ONE_OF_EQUALS
    return FIRST[context.wave_order.source] if start == 0 else AFTER_UNANSWERED


def _as_many_elsewhere(context: Context) -> bool:
    """Whether no fewer people answered another wave than the first."""
    items = context.responses[context.item_ids]
    counts = context.responses.loc[items.notna().any(axis=1), "wave"].value_counts()
    return len(counts) > 1 and counts.iloc[0] == counts.iloc[1] == counts[context.first_wave]


def _flow(context: Context) -> pd.DataFrame:
    first = set(context.items.index)
    rows = []
    for wave in context.waves:
        items = context.keyed(context.at_wave(wave))
        answered = items.dropna(how="all")
        rows.append(
            {
                "wave": context.wave_name(wave),
                "administrations": len(items),
                "answered": len(answered),
                "complete": int(answered.notna().all(axis=1).sum()),
                "retained": len(first & set(answered.index)) / len(first) if first else 0.0,
                "missing_rate": float(answered.isna().to_numpy().mean()) if len(answered) else 0.0,
            }
        )
    return pd.DataFrame(rows)


def _account(context: Context, flow: pd.DataFrame, reasons: pd.DataFrame) -> Account:
    """People of the first wave, and missing answers by wave and by reason."""
    account = Account()
    account.population(populations.ADMINISTRATIONS, len(context.responses))
    start = _first_row(context)
    account.same(cell("flow", "answered", start), value("first_n"))
    if start < len(flow) - 1:
        account.same(cell("flow", "retained", len(flow) - 1), value("last_rate"))
    rows = range(len(flow))
    account.part(populations.ADMINISTRATIONS, *(cell("flow", "administrations", row) for row in rows))
    wave = populations.absent(context.wave_name(context.first_wave))
    account.same(
        account.population(wave, int(context.items.isna().to_numpy().sum())),
        cell("flow", "missing_rate", start),
    )
    items = len(context.item_ids)
    absent = int(context.responses[context.item_ids].isna().to_numpy().sum())
    whole = value("missing_rate")
    if len(reasons) and absent == int(reasons["answers"].sum()):
        account.total([cell("reasons", "answers", k) for k in range(len(reasons))], whole)
    parts = [
        cell("flow", key, row) for key in ("missing_rate", "administrations", "answered") for row in rows
    ]
    account.total(parts, whole, [1] * len(flow) + [items] * len(flow) + [-items] * len(flow))
    return account


def _enter_respondents(account: Account, values: Mapping[str, Any], flow: pd.DataFrame) -> None:
    """Everyone who gave any answer, beside everyone in the table and those who answered at each wave."""
    if not _some_gave_none(values):
        account.same(value("respondents"), value("participants"))
        return
    for row, answered in enumerate(flow["answered"]):
        if answered == values["respondents"]:
            account.same(cell("flow", "answered", row), value("respondents"))
        elif answered:
            account.part(value("respondents"), cell("flow", "answered", row))


def _flow_table(context: Context, flow: pd.DataFrame) -> Table:
    waves = [context.wave_name(wave) for wave in context.waves]
    start = _first_row(context)
    return Table(
        frame=flow,
        kinds={
            "wave": TEXT,
            "administrations": people(weight=4, names=populations.labels(map(populations.handed, waves))),
            "answered": people(
                "administrations",
                open_at_zero=True,
                weight=WHOLE - 1,
                names=populations.labels(map(populations.answered, waves)),
            ),
            "complete": people(
                "answered", tells=["answered"], names=populations.labels(map(populations.whole, waves))
            ),
            "retained": share(cell("flow", "answered", start), tells=["answered"], certain=[start]),
            "missing_rate": share(
                "answered", times=len(context.item_ids), protects_rest=False, tells=["answered"], weight=2
            ),
        },
        title="People and answers at each wave",
        columns={
            "wave": ("Wave", "text"),
            "administrations": ("Administrations", "int"),
            "answered": ("With any answer", "int"),
            "complete": ("With every answer", "int"),
            "retained": ("Of the first wave", "percent"),
            "missing_rate": ("Answers missing", "percent"),
        },
        note="Of the first wave: share of the people who answered at the first wave and answered here too.",
    )


def _reasons(context: Context) -> pd.DataFrame:
    columns = ["reason", "label", "answers", "possible", "rate"]
    table = context.reasons
    if table is None or table.empty:
        return pd.DataFrame(columns=columns)
    of_items = table[table["item"].isin(context.item_ids)]
    counts = of_items["reason"].value_counts()
    possible = len(context.responses) * len(context.item_ids)
    rows = [
        (reason, REASONS.get(reason, reason), int(counts[reason]), possible, counts[reason] / possible)
        for reason in [*REASONS, *sorted(set(counts.index) - set(REASONS))]
        if reason in counts.index
    ]
    return pd.DataFrame(rows, columns=columns)


def _reason_tables(reasons: pd.DataFrame, items: int) -> dict[str, Table]:
    if reasons.empty:
        return {}
    table = Table(
        frame=reasons,
        kinds={
            **each(TEXT, "reason", "label"),
            "answers": people(),
            "possible": statistic(N, tells=[populations.ADMINISTRATIONS]),
            "rate": share(populations.ADMINISTRATIONS, times=items, count="answers", protects_rest=False),
        },
        title="Why answers are missing, all waves",
        columns={
            "label": ("Reason", "text"),
            "answers": ("Answers", "int"),
            "rate": ("Of all answers", "percent"),
        },
    )
    return {"reasons": table}


TOPIC = Topic(
    name="flow",
    title="Who took part",
    question="Is the data coming in, and from enough people?",
    run=section_flow,
    twins=twins_of_flow,
)
