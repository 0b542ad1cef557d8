"""Tables of what came in, for the section on who took part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.adherence.design.steps import Step
from analysis.disclosure.kinds import FEW, FOREIGN, PERSON, TEXT, Kind, Place, each, people
from analysis.disclosure.ledger import Account, cell
from analysis.pipeline import populations
from analysis.pipeline.arrival import ANSWERS, BESIDE, LOG, TIMES, Arrival, arrivals
from analysis.pipeline.context import Context
from analysis.pipeline.section import Table

MOST_COLUMNS = 200
"""Columns of the file that are shown; a file of more is known by its maker."""


def arrival_tables(context: Context, account: Account) -> dict[str, Table]:
    """Say what came in, what was left out and why, and how the first lines look.

    Parameters
    ----------
    context
        The validation.
    account
        Sums between the counts of the section; those of these tables are added.

    Returns
    -------
    dict
        `came_in`, and `left_out` and `first_lines` where there is something to say.
    """
    found = arrivals(context)
    is_plain = _is_plain(context, found)
    reasons = [(one.source, *left) for one in found for left in one.left]
    tables = {"came_in": _came_in(context, found, is_plain=is_plain)}
    if reasons:
        tables["left_out"] = _left_out(reasons, is_plain=is_plain)
    if looks := _first_lines(context.came_in):
        tables["first_lines"] = looks
    if is_plain:
        _enter(account, context, found)
    return tables


def _is_plain(context: Context, found: list[Arrival]) -> bool:
    """Whether every count is one of the people and administrations that the other sections count.

    Rows of another shape, or administrations that a plan took out, would tell by subtraction what nothing
    here declares: such tables are not shared.
    """
    kept = context.came_in.get("administrations", len(context.responses))
    return kept == len(context.responses) and not any(one.is_reshaped for one in found)


def _came_in(context: Context, found: list[Arrival], *, is_plain: bool) -> Table:
    answered = found[0].people
    frame = pd.DataFrame(
        [
            {
                "source": one.source,
                "what": one.what,
                "rows": one.rows,
                "kept": one.kept,
                "people": len(one.people),
                "matched": None if one.source == ANSWERS else len(one.people & answered),
                "first": one.first,
                "last": one.last,
            }
            for one in found
        ]
    )
    frame["matched"] = frame["matched"].astype("Int64")
    return Table(
        frame=frame,
        kinds=_kinds(context, found)
        if is_plain
        else each(PERSON, "source what rows kept people matched first last"),
        title="What came in",
        columns={
            "source": ("Source", "text"),
            "what": ("Made of", "text"),
            "rows": ("Read", "int"),
            "kept": ("Kept", "int"),
            "people": ("People", "int"),
            "matched": ("Of them answered", "int"),
            "first": ("From", "text"),
            "last": ("To", "text"),
        },
        note="Of them answered: people of this source whose id stands among the answers, too. From and to: "
        "first and last day as written; of the log, days since enrolment of events that count.",
    )


def _kinds(context: Context, found: list[Arrival]) -> Mapping[str, Kind]:
    handed = populations.label(populations.ADMINISTRATIONS)
    whole = {ANSWERS: populations.label(populations.PARTICIPANTS)}
    whole |= {BESIDE["enrolment"]: populations.label(populations.step(Step.ENROLLED))}
    logged = populations.label(populations.faulty("events"))
    ruled = any(one.is_ruled for one in found)
    rows = [logged if one.source == LOG and context.study is not None and not ruled else "" for one in found]
    return {
        **each(TEXT, "source what"),
        "rows": people(weight=1, names=rows),
        "kept": people(weight=5, names=[handed if one.source == ANSWERS else "" for one in found]),
        "people": people(weight=8, names=[whole.get(one.source, "") for one in found]),
        "matched": people("people", weight=3, open_at_zero=True),
        **each(FEW, "first last"),
    }


def _left_out(reasons: list[tuple[str, str, int, str]], *, is_plain: bool) -> Table:
    frame = pd.DataFrame(reasons, columns=["source", "why", "number", "what"])
    kinds = {**each(TEXT, "source what"), "why": FOREIGN, "number": people()}
    return Table(
        frame=frame,
        kinds=kinds if is_plain else each(PERSON, "source why number what"),
        title="What was left out of it",
        columns={
            "source": ("Source", "text"),
            "why": ("Left out", "text"),
            "number": ("Number", "int"),
            "what": ("Of", "text"),
        },
    )


def _first_lines(came: Mapping[str, Any]) -> Table | None:
    """How the first lines look; whoever stands first could be told by it, so it is never shared."""
    looks, lines = came.get("looks"), came.get("lines")
    if not looks or not lines:
        return None
    keys = [f"line_{k}" for k in range(1, len(lines) + 1)]
    frame = pd.DataFrame(looks[:MOST_COLUMNS], columns=["column", *keys])
    more = len(looks) - MOST_COLUMNS
    return Table(
        frame=frame,
        kinds=each(PERSON, "column", *keys),
        title="How the first lines look",
        columns={
            "column": ("Column", "text"),
            **{
                key: (f"{came['unit']} {line}".capitalize(), "text")
                for key, line in zip(keys, lines, strict=True)
            },
        },
        note="Of each cell only what kind of thing it holds."
        + (f" {more} further columns are not shown." if more > 0 else ""),
    )


def _enter(account: Account, context: Context, found: list[Arrival]) -> None:
    """Say which counts of people and rows tell which others."""
    at = {k: cell("came_in", "people", k) for k in range(len(found))}
    row = 0
    for k, one in enumerate(found):
        parts: list[Place] = []
        for _, _, what in one.left:
            if what == one.what:
                parts.append(cell("left_out", "number", row))
            row += 1
        read, kept = cell("came_in", "rows", k), cell("came_in", "kept", k)
        if one.rows == one.kept:
            account.same(read, kept)
        elif one.kept + sum(n for _, n, what in one.left if what == one.what) == one.rows:
            account.total([kept, *parts], read)
        else:
            account.part(read, kept)  # an event may be left out for two reasons
        if k and found[0].people - one.people:
            account.part(at[0], cell("came_in", "matched", k))
        for other, apart in enumerate(found):
            if other != k and one.people < apart.people:
                account.part(at[other], at[k])
        rest = len(context.responses) - one.kept
        if one.source == TIMES and rest > 0:
            account.part(cell("came_in", "kept", 0), cell("came_in", "kept", k))
