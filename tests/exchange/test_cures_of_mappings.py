"""What a mapping mends, and what reading a file says beside its answers."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from odd_exports import preview, qualtrics
from odd_files import CASES, ITEMS, LABELS, PEOPLE, ROWS, TWICE, N, book, changed, run, table, text
from odd_tables import hidden_parts, hidden_sheet

from instrument.recognition import load_mapping


def mended(tmp_path: Path, capsys: pytest.CaptureFixture[str], path: Path, **entries: Any) -> pd.DataFrame:
    """Refused as it is, read once the mapping holds the entries that the message names."""
    where, out = tmp_path / "m.yaml", tmp_path / "out.csv"
    base = ("import", path, "--instrument", CASES / "mini.yaml")
    run(capsys, *base, "--write-mapping", where)
    status, said = run(capsys, *base, "--mapping", where, "--out", out)
    assert status == 2
    assert re.search(rf"or write `{next(iter(entries))}: ", said), said
    content = load_mapping(where).accepted().model_dump(mode="json") | entries
    where.write_text(yaml.safe_dump(content), encoding="utf-8")
    status, said = run(capsys, *base, "--mapping", where, "--out", out)
    assert status == 0, said
    assert "Note: " in said
    where.unlink()
    return pd.read_csv(out, dtype=str)


def test_who_answered_twice_counts_once_where_the_mapping_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = text(tmp_path, [*table(), ["P001", 2, 2, 2, 2, 2, 2]])
    last = mended(tmp_path, capsys, path, doubles="last").set_index("participant")
    assert last.loc["P001", ITEMS].tolist() == ["2"] * 6
    assert len(last) == N
    first = mended(tmp_path, capsys, path, doubles="first").set_index("participant")
    assert first.loc["P001", ITEMS].tolist() == [str(code) for code in ROWS[0]]


def test_ids_are_made_alike_where_the_mapping_says_in_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["participant", "wave", *ITEMS]]
    rows += [[f"00{k + 1}", "a", *ROWS[k]] for k in range(6)] + [
        [str(k - 5), "b", *ROWS[k]] for k in range(6, N)
    ]
    read = mended(tmp_path, capsys, text(tmp_path, rows), ids_alike=["zeros"])
    assert read["participant"].tolist() == [str(k + 1) for k in range(6)] * 2
    assert read[ITEMS].astype(int).to_numpy().tolist() == ROWS


def test_merged_ids_are_filled_down_where_the_mapping_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [[PEOPLE[k // 2] if k % 2 == 0 else None, k % 2 + 1, *ROWS[k]] for k in range(N)]
    path = book(tmp_path, [["participant", "wave", *ITEMS], *rows])
    read = mended(tmp_path, capsys, path, fill_down=["participant"])
    assert read["participant"].tolist() == TWICE
    assert read[ITEMS].astype(int).to_numpy().tolist() == ROWS


def test_a_plain_table_with_totals_below_is_refused_and_trials_are_suspected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    path = text(tmp_path, [*table(), ["Mittelwert", *[3] * 6]])
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", out)
    assert status == 2
    assert "1 row at the end seem to sum up the people above (line 14)" in said
    path = text(tmp_path, [*table(), ["test", *[3] * 6]])
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", out)
    assert status == 0
    assert "may be of people who tried the survey out" in said


def test_a_sheet_and_columns_that_are_named_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from openpyxl import load_workbook

    path = book(tmp_path, [["who", "age", *ITEMS], *([row[0], 30, *row[1:]] for row in table()[1:])])
    workbook = load_workbook(path)
    workbook.create_sheet("Other").append(["x"])
    workbook.save(path)
    base = ("import", path, "-i", CASES / "mini.yaml", "--write-mapping", tmp_path / "m.yaml")
    status, said = run(capsys, *base)
    assert status == 2
    assert "--sheet NAME" in said
    out = tmp_path / "out.csv"
    status, said = run(capsys, *base, "--sheet", "Sheet", "--participant", "who", "--yes", "--out", out)
    assert status == 0, said
    read = pd.read_csv(out)
    assert read["participant"].tolist() == PEOPLE
    assert read[ITEMS].to_numpy().tolist() == ROWS
    (tmp_path / "m.yaml").unlink()
    status, said = run(capsys, *base, "--sheet", "Sheet", "--participant", "whom")
    assert status == 2
    assert "there is no column 'whom'" in said


def test_what_a_workbook_hides_is_said_with_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ("-i", CASES / "mini.yaml", "--out", tmp_path / "out.csv")
    said = run(capsys, "import", hidden_parts(tmp_path), *base)[1]
    assert "Note: 2 rows a filter hides or somebody hid (rows 4, 6): read like the others" in said
    assert "Note: 1 hidden column ('q2'): read like the others" in said
    said = run(capsys, "import", hidden_sheet(tmp_path), "--sheet", "old", *base)[1]
    assert "Note: sheet 'old' is hidden, and was read" in said
    (tmp_path / "out.csv").unlink()
    said = run(
        capsys, "import", hidden_sheet(tmp_path), *base, "--yes", "--write-mapping", tmp_path / "m.yaml"
    )[1]
    assert "Note: 1 hidden sheet of the workbook not read: 'old'" in said
    bare = run(capsys, "import", book(tmp_path, table()), *base)[1]
    assert "Note: " in bare
    assert not re.search("Note: .*(hid|merged)", bare)


def test_ids_that_are_almost_one_at_one_wave_are_suspected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = ["1", "1.0", "001", *PEOPLE[3:]]
    path = text(tmp_path, [table()[0], *([people[k], *ROWS[k]] for k in range(N))])
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", tmp_path / "out.csv")
    assert status == 0
    assert (
        "suspicion: 3 participant ids differ from another in capitals, blanks, decimals or leading zeros"
        in said
    )


def test_what_came_in_is_counted_by_a_ledger_and_shows_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fourteen rows: two previews, twelve people; days as written; no id and no answer in the picture."""
    further = [preview("1"), preview("Survey Preview")]
    path = qualtrics(tmp_path, cell=lambda code: LABELS[code], further=further)
    last = r"2026-03-09 23:59:00\1"
    changed(path, lambda t: re.sub(r"[^,\n]+(,0,,100,1,[^,]+,R_3,)", last, t))
    status, said = run(
        capsys, "import", path, "-i", CASES / "mini.yaml", "--write-mapping", tmp_path / "m.yaml"
    )
    assert status == 0
    picture = said.partition("\nrows: ")[2].partition("\nanswers: ")[0].splitlines()
    assert picture[0] == "14 read, 12 kept, 2 left out by 'Status'"
    assert picture[1] == "people: 12"
    assert picture[2] == "days of answers: 2026-03-01 to 2026-03-09, in every row"
    assert [line.partition(":")[0] for line in picture[3:]] == ["line 4", "line 5", "line 6"]
    assert "'ExternalReference' a text" in picture[3]
    assert "'EndDate' a date" in picture[3]
    assert "'q1' a text" in picture[3]
    whole = "\n".join(picture)
    assert not any(word in whole for word in (*PEOPLE, *LABELS.values(), "R_"))


@pytest.mark.parametrize(("ending", "cure"), [("jasp", "export its data: File"), ("omv", "as .sav or CSV")])
def test_files_of_jasp_and_jamovi_are_refused_with_the_way_to_export_them(
    ending: str, cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"answers.{ending}"
    path.write_bytes(b"PK\x03\x04")
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", tmp_path / "out.csv")
    assert status == 2
    assert re.search(f"Hint: open it in .*{cure}", said), said
