"""Small files that unfold to giants are refused in one message before they fill the memory: command line too."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

import instrument
from instrument.errors import ResponseDataError
from instrument.reading import formats as responses_formats
from instrument.reading import sheets as responses_sheets
from instrument.reading.read_responses import read_responses

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def workbook() -> dict[str, Any]:
    """Parts of a good workbook."""
    scale = instrument.load("psd_audit")
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["participant", "wave", *scale.item_ids])
    sheet.append(["p1", 1, *(2 for _ in scale.item_ids)])
    made = io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(folder: Path, parts: dict[str, bytes | int]) -> Path:
    path = folder / "answers.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if isinstance(content, bytes):
                archive.writestr(name, content)
                continue
            with archive.open(name, "w") as part:  # so many MB of blanks
                for _ in range(content):
                    part.write(b" " * 1024**2)
    return path


def far_cells(rows: int) -> bytes:
    """A sheet with one cell far out in each row."""
    line = b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (k, k) for k in range(1, rows + 1))
    return HEAD + b"<worksheet " + NAMESPACE + b"><sheetData>" + line + b"</sheetData></worksheet>"


BOMBS = {
    "sheet": lambda parts: {**parts, "xl/worksheets/sheet1.xml": 600},
    "styles": lambda parts: {**parts, "xl/styles.xml": 40},
    "unknown part": lambda parts: {**parts, "xl/other.xml": 40},
    "many parts": lambda parts: {
        **parts,
        **{f"xl/worksheets/sheet{k}.xml": 64 for k in range(2, 10)},
    },
    "far cells": lambda parts: {**parts, "xl/worksheets/sheet1.xml": far_cells(20_000)},
    "far row": lambda parts: {
        **parts,
        "xl/worksheets/sheet1.xml": far_cells(1)
        .replace(b'r="1"', b'r="99999999"')
        .replace(b"XFD1", b"A99999999"),
    },
}


@pytest.mark.parametrize("kind", list(BOMBS))
def test_bombs_are_refused_by_the_command_line_in_little_memory(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, BOMBS[kind](workbook()))
    assert path.stat().st_size < 2 * 1024**2
    code = (
        "import sys, dta\n"
        "try:\n dta.main(sys.argv[1:])\n"
        "finally:\n print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "score", str(path), "-i", "psd_audit", "-o", str(tmp_path / "s.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2
    assert done.stderr.count("Hint: ") == 1
    assert "answers.xlsx: the " in done.stderr
    assert int(done.stdout) < 900 * 1024


def test_a_good_workbook_is_read_and_its_formula_found_across_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = instrument.load("psd_audit")
    parts = workbook()
    assert len(read_responses(written(tmp_path, parts), scale)) == 1
    name = "xl/worksheets/sheet1.xml"
    cell = b"<v>2</v>"
    parts[name] = parts[name].replace(cell, b"<f>1+1</f>", 1)
    for piece in (1, 2, 3, 7, 1024):
        monkeypatch.setattr(responses_sheets, "PIECE", piece)
        with pytest.raises(ResponseDataError, match="1 formula without a stored value"):
            read_responses(written(tmp_path, parts), scale)


def test_a_parquet_file_of_one_value_a_billion_times_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    scale = instrument.load("psd_audit")
    names = ["participant", "wave", *scale.item_ids]
    schema = pa.schema([(name, pa.int8()) for name in names])
    rows = 2_000_000
    batch = pa.table({name: pa.array([1], pa.int8()).take(pa.nulls(0, pa.int64())) for name in names}, schema)
    column = pa.array(pd.Series([1]).repeat(rows), pa.int8())
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        writer.write_table(batch)
        for _ in range(7):
            writer.write_table(pa.table(dict.fromkeys(names, column), schema))
    assert path.stat().st_size < 2 * 1024**2
    with pytest.raises(ResponseDataError, match="spans more than 400,000,000 cells"):
        read_responses(path, scale)


def test_a_spss_file_that_says_it_is_a_giant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyreadstat

    scale = instrument.load("psd_audit")
    frame = pd.DataFrame({"participant": ["a"] * 9, "wave": 1, **dict.fromkeys(scale.item_ids, 2)})
    pyreadstat.write_sav(frame, str(tmp_path / "a.zsav"), compress=True)
    monkeypatch.setattr(responses_formats, "MOST_CELLS", 100)
    with pytest.raises(ResponseDataError, match="spans more than 100 cells"):
        read_responses(tmp_path / "a.zsav", scale)
