"""Numbers written down once, so that none can move unnoticed: every field of a result, every cell of a report.

A ledger proves nothing about its numbers: that is done where they are compared with R or worked out by hand. It
holds the rest in place: counts, degrees of freedom, limits, the order of rows, flags, verdicts, what a number is to
the rules of disclosure. After a change that means to move numbers: `WRITE_LEDGER=1` before the tests of that ledger,
then read the difference line by line.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.common.result import to_plain

PLACE = re.compile(r"\{(\w+(?::\w+)?)\}")
CLOSE, SMALL = 1e-5, 1e-7
"""Relative and absolute: what an optimiser finds may differ so far between builds of the same libraries."""
LONG = 40
"""A longer list is kept by its count, sum and sum weighted by place; texts by how often each occurs."""


def unlike_ledger(path: Path, found: Any) -> list[str]:
    """Give every place at which something differs from the ledger in a file."""
    now = json.loads(json.dumps(found))
    if os.environ.get("WRITE_LEDGER") and (not path.exists() or list(differing(now, _read(path)))):
        path.parent.mkdir(exist_ok=True)
        path.write_text(_written(now), encoding="utf-8")
    return list(differing(now, _read(path)))


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def of_sections(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Give what a ledger holds of sections of a report: everything but words that may be put in other words."""
    return {name: _of_section(section) for name, section in sections.items()}


def _of_section(section: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": section["status"],
        "cause": section["cause"],
        "problems": len(section["problems"]),
        "untested": [part["cause"] for part in section["untested"]],
        "n": section["method"]["n"] if section["method"] else None,
        "options": section["method"]["options"] if section["method"] else None,
        "prose": [PLACE.findall(sentence) for sentence in section["prose"]],
        "values": section["values"],
        "tables": section["tables"],
        "shown": {
            name: [f"{key}:{column['format']}" for key, column in caption["columns"].items()]
            for name, caption in section["captions"].items()
        },
        "findings": [
            [f[key] for key in ("path", "value", "verdict", "cause", "cutoff", "higher", "property")]
            for f in section["findings"]
        ],
        "figures": section["figures"],
        "kinds": section.get("kinds"),
        "account": section.get("account"),
    }


def of_result(result: Any) -> Any:
    """Give every field of a result as plain data, long columns in short."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        fields = [field.name for field in dataclasses.fields(result) if not field.name.startswith("_")]
        return {name: of_result(getattr(result, name)) for name in fields}
    if isinstance(result, Mapping):
        return {str(key): of_result(part) for key, part in result.items()}
    if isinstance(result, (list, tuple)) and any(dataclasses.is_dataclass(part) for part in result):
        return [of_result(part) for part in result]
    if isinstance(result, pd.Series) and len(result) > LONG:
        return {
            "index": _short([str(label) for label in result.index]),
            "values": _short(to_plain(list(result))),
        }
    return _shortened(to_plain(result))


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(part) for key, part in value.items()}
    if isinstance(value, list):
        return _short(value) if len(value) > LONG else [_shortened(part) for part in value]
    return value


def _short(column: list[Any]) -> Any:
    if any(isinstance(part, (list, dict)) for part in column):
        return [_shortened(part) for part in column]
    known = [(place, part) for place, part in enumerate(column, start=1) if part is not None]
    if all(isinstance(part, (int, float)) for _, part in known):
        return {
            "n": len(known),
            "of": len(column),
            "sum": math.fsum(part for _, part in known),
            "squares": math.fsum(part**2 for _, part in known),
            "by_place": math.fsum(place / len(column) * part for place, part in known),
        }
    counts = Counter(str(part) for part in column)
    return {"of": len(column), "places": sum(p * len(str(x)) for p, x in known)} | (
        dict(sorted(counts.items())) if len(counts) <= LONG else {"different": len(counts)}
    )


def differing(found: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """Name every place at which two ledgers differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in {**wanted, **found}:
            if key not in found or key not in wanted:
                yield f"{path}.{key}: {'new' if key in found else 'gone'}"
            else:
                yield from differing(found[key], wanted[key], f"{path}.{key}")
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for place, pair in enumerate(zip(found, wanted, strict=True)):
            yield from differing(*pair, f"{path}[{place}]")
    elif not _alike(found, wanted):
        yield f"{path}: {found!r}, was {wanted!r}"


def _alike(found: Any, wanted: Any) -> bool:
    if isinstance(found, float) and isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=CLOSE, abs_tol=SMALL)
    return type(found) is type(wanted) and found == wanted


def _written(value: Any, depth: int = 0) -> str:
    """Write a ledger with a line for each column, so that a difference names it."""
    if isinstance(value, dict) and value and depth < 4:
        inside = ",\n".join(
            f"{' ' * (depth + 1)}{json.dumps(key)}: {_written(part, depth + 1)}"
            for key, part in value.items()
        )
        return f"{{\n{inside}\n{' ' * depth}}}" + ("\n" if depth == 0 else "")
    return json.dumps(_rounded(value), ensure_ascii=False)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
