"""A table written in any shape that survey tools have is read back as it was; damage never changes a number in silence."""

from __future__ import annotations

import csv
import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.definition import Instrument
from instrument.errors import ToolkitError, ToolkitWarning
from instrument.reading.read_responses import read_responses
from instrument.recognition import recognise

LABELS = {1: "Not at all", 2: "A little", 3: "Partly", 4: "Much", 5: "Very much"}
TEXTS = {
    "q1": "The app listens to me.",
    "q2": "I trust what it says.",
    "q3": "I know, step by step, what comes next.",
    "q4": "It fits my goals; most of them.",
}
SCALE = Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {"agree": {"options": LABELS}},
        "themes": [
            {"id": "t", "title": "T", "items": [{"id": k, "text": text} for k, text in TEXTS.items()]}
        ],
    }
)
ITEMS = list(TEXTS)
ASK = "How far do you agree?"


def written(
    codes: np.ndarray, tool: str, cells: str, mark: str, encoding: str, ends: str, order: list[int]
) -> bytes:
    """Write answers as a tool would, with the csv module and nothing of the toolkit."""

    def cell(code: float) -> str:
        if np.isnan(code):
            return ""
        k = int(code)
        forms = {"codes": str(k), "floats": f"{k}.0", "texts": LABELS[k], "both": f"{k} - {LABELS[k]}"}
        return forms[cells]

    items = [ITEMS[k] for k in order]
    people = [f"P{k:03d}" for k in range(len(codes))]
    answers = [[cell(row[k]) for k in order] for row in codes]
    names = {
        "brackets": [f"{ASK} [{TEXTS[i]}]" for i in items],
        "ids": items,
        "wording": [TEXTS[i] for i in items],
    }
    when = "2026-03-01 09:10:00"
    if tool == "qualtrics":
        meta = ["StartDate", "EndDate", "Status", "RecordedDate", "ResponseId", "ExternalReference"]
        texts = [*meta, *[f"{ASK} - {TEXTS[i]}" for i in items]]
        imports = [f'{{"ImportId":"QID{k}"}}' for k in range(len(texts))]
        head = [[*meta, *items], texts, imports]
        rows = [[when, when, "0", when, f"R_{p}", p, *a] for p, a in zip(people, answers, strict=True)]
    elif tool == "surveymonkey":
        meta = ["Respondent ID", "Collector ID", "Custom Data 1"]
        head = [[*meta, ASK, *[""] * (len(items) - 1)], ["", "", "", *names["wording"]]]
        rows = [[str(1190 + k), "4", p, *a] for k, (p, a) in enumerate(zip(people, answers, strict=True))]
    elif tool == "limesurvey":
        head = [["id", "submitdate", "lastpage", "startlanguage", "token", *[f"dta[{i}]" for i in items]]]
        rows = [["9", when, "3", "en", p, *a] for p, a in zip(people, answers, strict=True)]
    elif tool == "googleforms":
        head = [["Timestamp", "participant", *names["brackets"]]]
        rows = [["2026/03/01 9:10:00 AM GMT+1", p, *a] for p, a in zip(people, answers, strict=True)]
    elif tool == "redcap":
        head = [["record_id", *items, "mini_complete"]]
        rows = [[p, *a, "2"] for p, a in zip(people, answers, strict=True)]
    elif tool == "odk":
        head = [["SubmissionDate", "participant", *[f"bond-{i}" for i in items], "KEY"]]
        rows = [["2026-03-01T09:10:00Z", p, *a, f"uuid:{p}"] for p, a in zip(people, answers, strict=True)]
    else:
        head = [["participant", *names["ids"]]]
        rows = [[p, *a] for p, a in zip(people, answers, strict=True)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark, lineterminator=ends).writerows([*head, *rows])
    return text.getvalue().encode(encoding)


TOOLS = ("qualtrics", "surveymonkey", "limesurvey", "googleforms", "redcap", "odk", "table")


def read_back(content: bytes, folder: str) -> pd.DataFrame:
    path = Path(folder) / "answers.csv"
    path.write_bytes(content)
    found = recognise(path, SCALE)
    return read_responses(path, SCALE, mapping=found.mapping.accepted())


def random_codes(rng: np.random.Generator, n: int, missing: float) -> np.ndarray:
    codes = rng.integers(1, 6, size=(n, len(ITEMS))).astype(float)
    codes[rng.random(codes.shape) < missing] = np.nan
    codes[:, 0] = np.where(np.isnan(codes).all(axis=1), 3.0, codes[:, 0])
    return codes


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 12),
    tool=st.sampled_from(TOOLS),
    cells=st.sampled_from(("codes", "floats", "texts", "both")),
    mark=st.sampled_from((",", ";", "\t")),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
    ends=st.sampled_from(("\n", "\r\n", "\r")),
    order=st.permutations(range(len(ITEMS))),
)
def test_what_another_program_wrote_is_read_back_as_it_was(
    seed: int, n: int, tool: str, cells: str, mark: str, encoding: str, ends: str, order: list[int]
) -> None:
    codes = random_codes(np.random.default_rng(seed), n, 0.15)
    with tempfile.TemporaryDirectory() as folder:
        read = read_back(written(codes, tool, cells, mark, encoding, ends, order), folder)
    expected = pd.DataFrame(codes, columns=ITEMS).astype("Int64")
    pd.testing.assert_frame_equal(pd.DataFrame(read[ITEMS]), expected, check_frame_type=False)
    assert read["participant"].tolist() == [f"P{k:03d}" for k in range(n)]


JUNK = [*",;\t\"'\n\r -+=@.eEx#/[]{}", "\x00", "\xa0", "é"]


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Take a byte away, put one in, replace one by no digit, cut the end off, drop or double a line or a field."""
    kind = rng.integers(7)
    at = int(rng.integers(1, len(content)))
    junk = JUNK[rng.integers(len(JUNK))].encode("cp1252")
    if kind == 0:
        return content[:at] + content[at + 1 :]
    if kind == 1:
        return content[:at] + junk + content[at:]
    if kind == 2:
        return content[:at] + junk + content[at + 1 :]
    if kind == 3:
        return content[:at]
    lines = content.split(b"\n")
    k = int(rng.integers(len(lines)))
    if kind == 4:
        del lines[k]
    elif kind == 5:
        lines.insert(k, lines[k])
    else:
        fields = lines[k].split(b",")
        del fields[int(rng.integers(len(fields)))]
        lines[k] = b",".join(fields)
    return b"\n".join(lines)


def silent_changes(times: int, seed: int) -> tuple[list[str], int]:
    """Damage files; name those whose reading gives somebody another answer, and count those that were read."""
    rng = np.random.default_rng(seed)
    changed, read_at_all = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times):
            codes = random_codes(rng, 6, 0.1)
            tool, cells = TOOLS[rng.integers(len(TOOLS))], ("codes", "texts", "both")[rng.integers(3)]
            whole = written(codes, tool, cells, ",", "utf-8", "\n", list(range(len(ITEMS))))
            content = damaged(whole, rng)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ToolkitWarning)  # said aloud, and read all the same
                    read = read_back(content, folder)
            except ToolkitError:
                continue
            read_at_all += 1
            truth = {f"P{k:03d}": row for k, row in enumerate(codes)}
            for person, row in zip(
                read["participant"], read[ITEMS].to_numpy(float, na_value=np.nan), strict=True
            ):
                known: Any = truth.get(person)
                if known is not None and (~np.isnan(row) & (row != known)).any():
                    changed.append(f"{tool} {cells}: {whole!r} -> {content!r}")
                    break
    return changed, read_at_all


def test_damage_never_changes_a_number_in_silence() -> None:
    changed, read_at_all = silent_changes(400, seed=1)
    assert changed == []
    assert 40 < read_at_all < 360


@pytest.mark.slow
def test_ten_thousand_kinds_of_damage_never_change_a_number_in_silence() -> None:
    changed, _ = silent_changes(10_000, seed=2)
    assert changed == []
