"""Files damaged at random: each is refused, or every number that is read is the undamaged one.

A digit in place of a digit cannot be told, so damage never makes one. What is read under an id and a wave that the
undamaged file has must be that row; a row whose id or wave was damaged must be some row of it. Answers may be missing.
The slow test reads ten thousand files; what came out is committed beside this file.
"""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import ToolkitError, ToolkitWarning
from instrument.reading.read_responses import read_responses
from instrument.recognition import recognise

ITEMS = ["q1", "q2", "q3", "q4"]
SCALE = Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {
            "a": {"options": {1: "Never", 2: "Seldom", 3: "Often", 4: "Mostly", 5: "Always"}}
        },
        "themes": [
            {
                "id": "t",
                "title": "T",
                "items": [{"id": item, "text": f"I think {item} fits."} for item in ITEMS],
            }
        ],
    }
)
LABELS = {option.code: option.label for option in SCALE.response_scales["a"].options}
RESULT = Path(__file__).with_name("damaged_files.json")
Rows = list[list[Any]]


def drawn(draw: np.random.Generator) -> pd.DataFrame:
    """Answers of some people at two waves."""
    n = int(draw.integers(4, 9))
    codes = draw.integers(1, 6, (2 * n, len(ITEMS)))
    keys = {"participant": [f"P{k:03d}" for k in range(n)] * 2, "wave": ["w1"] * n + ["w2"] * n}
    return pd.DataFrame(keys).join(pd.DataFrame(codes, columns=ITEMS))


def wide(answers: pd.DataFrame) -> Rows:
    return [list(answers.columns), *answers.to_numpy().tolist()]


def labelled(answers: pd.DataFrame) -> Rows:
    return wide(answers.replace(dict.fromkeys(ITEMS, LABELS)))


def long(answers: pd.DataFrame) -> Rows:
    return [
        ["participant", "wave", "item", "resp"],
        *answers.melt(["participant", "wave"]).to_numpy().tolist(),
    ]


def beside(answers: pd.DataFrame) -> Rows:
    first, second = (
        answers[answers["wave"] == wave].set_index("participant")[ITEMS] for wave in ("w1", "w2")
    )
    head = ["participant", *(f"{item}_{wave}" for wave in ("w1", "w2") for item in ITEMS)]
    return [head, *([who, *first.loc[who], *second.loc[who]] for who in first.index)]


def qualtrics(answers: pd.DataFrame) -> Rows:
    meta = ["StartDate", "EndDate", "Status", "Finished", "RecordedDate", "ResponseId"]
    head = [*meta, "participant", "wave", *ITEMS]
    told = [*meta, "participant", "wave", *(f"How? - {item.text}" for item in SCALE.items)]
    day = "2026-03-01 10:00:00"
    rows = [[day, day, 0, 1, day, f"R_{k}", *row] for k, row in enumerate(answers.to_numpy().tolist())]
    return [head, told, [f'{{"ImportId":"{name}"}}' for name in head], *rows]


SHAPES: dict[str, Callable[[pd.DataFrame], Rows]] = {
    "wide": wide,
    "labels": labelled,
    "long": long,
    "waves beside each other": beside,
    "qualtrics": qualtrics,
}
STRANGE = [*",;\t\"'|xQ_ .-\n\r\ufeff\u200b\xa0é%=[(", ""]


def damaged(text: str, draw: np.random.Generator) -> str:
    """One to three wounds: signs cut out, put in or replaced, lines cut, doubled or exchanged, the end lost."""
    for _ in range(int(draw.integers(1, 4))):
        if len(text) < 10:
            return text
        at, kind = int(draw.integers(0, len(text))), int(draw.integers(0, 8))
        sign = STRANGE[int(draw.integers(0, len(STRANGE)))]
        lines = text.splitlines(keepends=True)
        k, other = (int(j) for j in draw.integers(0, len(lines), 2))
        if kind == 0:
            text = text[:at] + sign + text[at:]
        elif kind == 1:
            text = text[:at] + sign + text[at + 1 :]
        elif kind == 2:
            text = text[:at] + text[at + int(draw.integers(1, 6)) :]
        elif kind == 3:
            text = text[:at]
        elif kind == 4:
            text = "".join([*lines[:k], *lines[k + 1 :]])
        elif kind == 5:
            text = "".join([*lines[:k], lines[k], *lines[k:]])
        elif kind == 6:
            lines[k], lines[other] = lines[other], lines[k]
            text = "".join(lines)
        else:
            text = "".join([*lines[:k], lines[k].rstrip("\r\n") + sign + "\n", *lines[k + 1 :]])
    return text


def written(rows: Rows, sep: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=sep).writerows(rows)
    return out.getvalue()


def plain(frame: pd.DataFrame) -> dict[tuple[str, str], tuple[int | None, ...]]:
    rows = frame[ITEMS].astype(object).where(frame[ITEMS].notna(), None).to_numpy().tolist()
    keys = zip(frame["participant"].astype(str), frame["wave"].astype(str), strict=True)
    return {key: tuple(row) for key, row in zip(keys, rows, strict=True)}


def agrees(given: tuple[int | None, ...], true: tuple[int | None, ...]) -> bool:
    return all(a is None or a == b for a, b in zip(given, true, strict=True))


def outcome(seed: int, folder: Path) -> str:
    """What becomes of one damaged file: `refused`, `same`, `missing` (answers or rows), or `different`."""
    draw = np.random.default_rng(seed)
    answers = drawn(draw)
    shape = list(SHAPES)[seed % len(SHAPES)]
    sep = ",;\t"[int(draw.integers(0, 3))]
    path = folder / "a.csv"
    text = damaged(written(SHAPES[shape](answers), sep), draw)
    path.write_bytes(text.encode(("utf-8", "utf-8", "utf-16", "cp1252")[seed % 4], errors="replace"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        try:
            read = read_responses(path, SCALE, mapping=recognise(path, SCALE).mapping.accepted())
        except ToolkitError:
            return "refused"
    true, given = plain(answers), plain(read)
    if given == true:
        return "same"
    for key, row in given.items():
        near = [true[key]] if key in true else list(true.values())
        if not any(agrees(row, one) for one in near):
            return f"different: {shape}, seed {seed}"
    return "missing"


def test_a_file_without_damage_gives_the_same_in_every_shape(tmp_path: Path) -> None:
    for seed in range(30):
        draw = np.random.default_rng(seed)
        answers, path = drawn(draw), tmp_path / "a.csv"
        for make in SHAPES.values():
            path.write_text(written(make(answers), ",;\t"[seed % 3]), encoding="utf-8")
            read = read_responses(path, SCALE, mapping=recognise(path, SCALE).mapping.accepted())
            assert plain(read) == plain(answers)


def test_no_number_of_a_damaged_file_differs_in_silence(tmp_path: Path) -> None:
    counts = Counter(outcome(seed, tmp_path) for seed in range(100))
    assert not [what for what in counts if what.startswith("different")], counts
    assert counts["refused"] > 30
    assert counts["same"] + counts["missing"] > 5


def test_what_ten_thousand_files_gave_is_committed() -> None:
    found = json.loads(RESULT.read_text(encoding="utf-8"))
    assert found["files"] == 10_000
    assert found["different"] == 0
    assert found["refused"] + found["same"] + found["missing"] == found["files"]


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path: Path) -> None:
    counts = Counter(outcome(seed, tmp_path) for seed in range(10_000))
    different = [what for what in counts if what.startswith("different")]
    assert not different, different[:20]
    found = {
        "files": 10_000,
        "different": 0,
        **{name: counts[name] for name in ("refused", "same", "missing")},
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
