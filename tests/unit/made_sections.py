"""Results made by hand: findings, sections and a whole tree with as little in them as a report can be made of."""

from __future__ import annotations

from typing import Any


def finding(verdict: str, value: float | None = 0.8, **more: Any) -> dict[str, Any]:
    made = {"claim": "a claim", "value": value, "rule": "Rule: ≥ .70", "source": "Paper", "note": ""}
    made |= {"verdict": verdict, "cause": None, "question": "Does it hold?", "property": None, "cutoff": 0.7}
    made |= {"passed": {"met": True, "not_met": False}.get(verdict), "higher": True, "format": "r2"}
    return made | {"path": "a.path"} | more


def section(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"title": "A section", "question": "What?", "status": "ok", "cause": None}
    made |= {"message": "", "problems": [], "warnings": [], "untested": [], "bears_on": [], "subject": ""}
    method = {"estimator": "Counting", "n": 40, "missing": "left out", "seed": None, "options": {}}
    made |= {"method": method | {"software": {"numpy": "2"}, "data": "0123456789abcdef"}}
    made |= {"prose": [], "values": {}, "tables": {}, "captions": {}, "figures": []}
    return made | {"findings": list(findings)} | more


def tree_of(meta: dict[str, Any] | None = None, **sections: dict[str, Any]) -> dict[str, Any]:
    themes = [
        {"id": "a", "title": "First", "role": "dimension", "items": ["q1", "q2"]},
        {"id": "b", "title": "Second", "role": "criterion", "items": ["q3"]},
        {"id": "c", "title": "Third", "role": "context", "items": ["q4"]},
    ]
    scale = {
        "id": "s",
        "version": "1",
        "title": "Scale",
        "status": "validated",
        "notice": "",
        "themes": themes,
    }
    scale["items"] = {f"q{k}": f"Words of q{k}" for k in range(1, 5)}
    made: dict[str, Any] = {"synthetic": False, "participants": 40, "administrations": 75, "waves": [1, 2]}
    made |= {"instrument": scale, "study": None, "checksums": {"responses": "0123456789abcdef"}, "seed": 7}
    made |= {"versions": {"python": "3"}, "structure_wave": 1, "without_variation": ["q3"]}
    return {"meta": made | (meta or {}), "sections": sections}


def scores(**more: Any) -> dict[str, Any]:
    table = {
        "wave": [1, 1, 1, 1, 2],
        "score": ["total", "a", "b", "c", "a"],
        "title": ["Total", "First", "Second", "Third", "First"],
        "mean": [3.0, 2.0, 3.0, 4.0, 2.5],
        "mean_lower": [2.8, 1.5, 2.5, 3.9, 2.0],
        "mean_upper": [3.2, 2.5, 3.5, 5.2, 3.0],
        "lowest_possible": [1, 1, 1, 1, 1],
        "highest_possible": [5, 5, 5, 5, 5],
        "n": [40, 39, 38, 37, 36],
    }
    return section(values={"first_wave": 1}, tables={"scores": table}, title="Scores", **more)
