"""Results trees to be shared: a study of a few people, made up from counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.disclosure.kinds import (
    GIVEN,
    TEXT,
    Kind,
    Moment,
    N,
    each,
    option,
    people,
    share,
    statistic,
)
from analysis.disclosure.ledger import Account, cell, known, value

OPTIONS = 5


def section(
    name: str,
    *,
    n: int,
    n_kind: Kind | None = None,
    value_kinds: dict[str, Kind] | None = None,
    account: Account | None = None,
    **parts: Any,
) -> dict[str, Any]:
    empty = {
        "title": name,
        "question": "",
        "status": "ok",
        "message": "",
        "problems": [],
        "untested": [],
        "cause": None,
        "subject": "",
        "bears_on": [],
        "warnings": [],
        "prose": [],
        "values": {},
        "findings": [],
        "figures": [],
        "tables": {},
        "captions": {},
    }
    method = {"estimator": "counts", "n": n, "missing": "", "seed": None, "options": {}}
    kinds = {key: kind.plain() for key, kind in (value_kinds or {}).items()}
    said = {"n": (n_kind or people(weight=9)).plain(), "values": kinds, "options": {}}
    return {
        **empty,
        "method": {**method, "software": {}, "data": "0"},
        "kinds": said,
        "account": (account or Account()).plain(),
        **parts,
    }


def caption(formats: dict[str, str], kinds: dict[str, Kind], **more: Any) -> dict[str, Any]:
    """Caption of a table: formats of the printed columns, kinds of all."""
    columns = {key: {"label": key, "format": form} for key, form in formats.items()}
    said = {key: kind.plain() for key, kind in kinds.items()}
    return {"title": "", "note": "", "columns": columns, "kinds": said, **more}


STATISTICS = {
    "item": TEXT,
    "n": people(weight=1),
    "missing": people(N, rest="n"),
    "missing_share": share(N, count="missing", rest="n"),
    "mean": statistic("n", moment=Moment.MEAN),
    "sd": statistic("n", moment=Moment.SPREAD),
    **each(statistic("n", moment=Moment.END), "floor_share ceiling_share"),
}


def study(everyone: int, answers: list[list[int]], absent: list[int]) -> dict[str, Any]:
    """Flow and items of a study at one wave, from the counts of each option and of the missing."""
    n_items = len(answers)
    given = [everyone - gone for gone in absent]
    codes = np.arange(1, OPTIONS + 1)
    points = [np.repeat(codes, counts) for counts in answers]
    statistics: dict[str, list[Any]] = {
        "item": [f"q{k}" for k in range(n_items)],
        "n": given,
        "missing": absent,
        "missing_share": [gone / everyone for gone in absent],
        "mean": [float(p.mean()) for p in points],
        "sd": [float(p.std(ddof=1)) for p in points],
        "floor_share": [counts[0] / n for counts, n in zip(answers, given, strict=True)],
        "ceiling_share": [counts[-1] / n for counts, n in zip(answers, given, strict=True)],
    }
    shares = {
        f"share_{code}": [counts[code - 1] / n for counts, n in zip(answers, given, strict=True)]
        for code in codes
    }
    rate = sum(absent) / (everyone * n_items)
    flow: dict[str, list[Any]] = {
        "wave": ["1"],
        "administrations": [everyone],
        "answered": [everyone],
        "complete": [everyone - max(absent)],
        "retained": [1.0],
        "missing_rate": [rate],
    }
    names = [f"item/{k}" for k in range(n_items)]
    of_items = people_of(names)
    missing = Account()
    most = absent.index(max(absent))
    missing.same(cell("statistics", "missing_share", most), value("missing_highest"))
    whole = missing.population(known("absent"), sum(absent))
    missing.total([cell("statistics", "missing_share", row) for row in range(n_items)], whole)
    items = section(
        "items",
        n=everyone,
        n_kind=people_of(["answered"]),
        value_kinds={"missing_highest": share(N)},
        account=missing,
        prose=["{missing_highest:percent} at most."],
        values={"missing_highest": max(statistics["missing_share"])},
        tables={
            "statistics": statistics,
            "distribution_a": {"item": statistics["item"], "n": given, **shares},
        },
        captions={
            "statistics": caption(
                {
                    "item": "text",
                    "n": "int",
                    "missing_share": "percent",
                    "mean": "d2",
                    "sd": "d2",
                    "floor_share": "percent",
                    "ceiling_share": "percent",
                },
                {**STATISTICS, "n": of_items},
            ),
            "distribution_a": caption(
                {"item": "text", "n": "int", **dict.fromkeys(shares, "percent")},
                {
                    "item": TEXT,
                    "n": of_items,
                    **{f"share_{code}": option(int(code), "n") for code in codes},
                },
                answers_of=["statistics", "item"],
            ),
        },
        findings=[],
    )
    sums = Account()
    sums.same(cell("flow", "answered", 0), value("first_n"))
    sums.same(cell("flow", "complete", 0), value("complete_rate"))
    sums.same(cell("flow", "missing_rate", 0), known("absent"))
    first = section(
        "flow",
        n=everyone,
        n_kind=people_of(["participants"]),
        value_kinds={"items": GIVEN, "first_n": people(weight=8), "complete_rate": share("first_n")},
        account=sums,
        values={"items": n_items, "first_n": everyone, "complete_rate": flow["complete"][0] / everyone},
        prose=["{complete_rate:percent} of {first_n:int} answered everything."],
        tables={"flow": flow},
        captions={
            "flow": caption(
                {
                    "wave": "text",
                    "administrations": "int",
                    "answered": "int",
                    "complete": "int",
                    "retained": "percent",
                    "missing_rate": "percent",
                },
                {
                    "wave": TEXT,
                    "administrations": people(weight=4, names=["administrations"]),
                    "answered": people("administrations", weight=8, names=["answered"], open_at_zero=True),
                    "complete": people("answered", tells=["answered"], names=["every answer"]),
                    "retained": share(cell("flow", "answered", 0), certain=[0], tells=["answered"]),
                    "missing_rate": share(
                        "answered", times=n_items, protects_rest=False, tells=["answered"], weight=2
                    ),
                },
            )
        },
    )
    meta = {"participants": everyone, "administrations": everyone, "notes": []}
    return {"schema": 1, "meta": meta, "sections": {"flow": first, "items": items}}


def people_of(names: list[str]) -> Kind:
    """Counts of named populations."""
    return people(weight=1, names=names)
