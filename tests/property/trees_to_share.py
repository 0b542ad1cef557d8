"""Results trees to be shared: a study of a few people, made up from counts."""

from __future__ import annotations

from typing import Any

import numpy as np

OPTIONS = 5


def section(name: str, **parts: Any) -> dict[str, Any]:
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
    method = {"estimator": "counts", "n": parts.pop("n"), "missing": "", "seed": None, "options": {}}
    return {**empty, "method": {**method, "software": {}, "data": "0"}, **parts}


def caption(**formats: str) -> dict[str, Any]:
    columns = {key: {"label": key, "format": form} for key, form in formats.items()}
    return {"title": "", "note": "", "columns": columns}


def study(people: int, answers: list[list[int]], absent: list[int]) -> dict[str, Any]:
    """Flow and items of a study at one wave, from the counts of each option and of the missing."""
    n_items = len(answers)
    given = [people - gone for gone in absent]
    codes = np.arange(1, OPTIONS + 1)
    points = [np.repeat(codes, counts) for counts in answers]
    statistics: dict[str, list[Any]] = {
        "item": [f"q{k}" for k in range(n_items)],
        "n": given,
        "missing": absent,
        "missing_share": [gone / people for gone in absent],
        "mean": [float(p.mean()) for p in points],
        "sd": [float(p.std(ddof=1)) for p in points],
        "floor_share": [counts[0] / n for counts, n in zip(answers, given, strict=True)],
        "ceiling_share": [counts[-1] / n for counts, n in zip(answers, given, strict=True)],
    }
    shares = {
        f"share_{code}": [counts[code - 1] / n for counts, n in zip(answers, given, strict=True)]
        for code in codes
    }
    rate = sum(absent) / (people * n_items)
    flow: dict[str, list[Any]] = {
        "wave": ["1"],
        "administrations": [people],
        "answered": [people],
        "complete": [people - max(absent)],
        "retained": [1.0],
        "missing_rate": [rate],
    }
    items = section(
        "items",
        n=people,
        prose=["{missing_highest:percent} at most."],
        values={"missing_highest": max(statistics["missing_share"])},
        tables={
            "statistics": statistics,
            "distribution_a": {"item": statistics["item"], "n": given, **shares},
        },
        captions={
            "statistics": caption(
                item="text",
                n="int",
                missing_share="percent",
                mean="d2",
                sd="d2",
                floor_share="percent",
                ceiling_share="percent",
            ),
            "distribution_a": caption(item="text", n="int", **dict.fromkeys(shares, "percent")),
        },
        findings=[],
    )
    first = section(
        "flow",
        n=people,
        values={"items": n_items, "first_n": people, "complete_rate": flow["complete"][0] / people},
        prose=["{complete_rate:percent} of {first_n:int} answered everything."],
        tables={"flow": flow},
        captions={
            "flow": caption(
                wave="text",
                administrations="int",
                answered="int",
                complete="int",
                retained="percent",
                missing_rate="percent",
            )
        },
    )
    meta = {"participants": people, "administrations": people, "notes": []}
    return {"schema": 1, "meta": meta, "sections": {"flow": first, "items": items}}
