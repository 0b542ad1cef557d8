"""Files as survey tools write them: each gives the right answers through its mapping, or one message with a cure."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

import dta
from dashboard.uploads import Reading, Upload, answers_of
from instrument.definition import Instrument
from instrument.errors import ToolkitError, ToolkitWarning
from instrument.loading import load
from instrument.recognition import recognise

CASES = Path(__file__).resolve().parent / "data" / "cases"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"
BEGIN, END = "<!-- table of cases: begin -->\n", "<!-- table of cases: end -->\n"
ITEMS = [f"q{k}" for k in range(1, 7)]
LABELS = {"Strongly disagree": 1, "Disagree": 2, "Neither": 3, "Agree": 4, "Strongly agree": 5}
PLAIN = pd.read_csv(CASES / "googleforms/labels_ids.csv").replace(LABELS)[ITEMS].astype("Int64")
"""The answers that all these files hold, from the first person on."""
PEOPLE = [f"P{k:03d}" for k in range(1, 41)]


@dataclass(frozen=True, kw_only=True)
class Reads:
    """A file that is read: rows, people, cells that are blank or otherwise than in the plain file."""

    shape: str
    rows: int
    people: Callable[[int], str] | None = lambda k: PEOPLE[k]
    changed: dict[tuple[int, str], int | None] = field(default_factory=dict)
    unsure: int = 0
    start: tuple[int, ...] | None = None
    waves: tuple[str, ...] = ("1",)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A file that is refused: what the message says, and what cures it."""

    shape: str
    words: str
    cure: str


def blanks(*cells: str) -> dict[tuple[int, str], int | None]:
    """Cells without an answer, such as `3q1`: the fourth person's q1."""
    return {(int(cell[:-2]), cell[-2:]): None for cell in cells}


def every(*rows: tuple[int, str]) -> dict[tuple[int, str], int | None]:
    """Cells by person and item without an answer."""
    return dict.fromkeys(rows)


NINES = [(0, "q1"), (0, "q5"), (2, "q6")]
EXPECTED: dict[str, Reads | Refused] = {
    "qualtrics/numeric.csv": Reads(shape="numeric, three header rows", rows=40, people="R_{:07d}".format),
    "qualtrics/numeric.tsv": Reads(shape="numeric, UTF-16, tabs", rows=40, people="R_{:07d}".format),
    "qualtrics/text.csv": Reads(shape="choice texts", rows=40, people="R_{:07d}".format),
    "surveymonkey/condensed.csv": Reads(shape="condensed, two header rows, texts", rows=40, unsure=1),
    "limesurvey/codes.csv": Reads(shape="answer codes AO01–AO05", rows=40, unsure=5),
    "limesurvey/full.csv": Reads(shape="full texts, wording in brackets", rows=40),
    "googleforms/form.csv": Reads(shape="grid of texts", rows=40, people=lambda k: str(k + 1)),
    "googleforms/labels_ids.csv": Reads(shape="texts under ids", rows=40),
    "googleforms/linear.csv": Reads(shape="linear scales, a question for the code", rows=40, unsure=1),
    "msforms/form.xlsx": Reads(
        shape="texts, odd blanks in the wording", rows=40, people=lambda k: str(k + 1)
    ),
    "odk/central.csv": Reads(shape="ODK Central, groups before ids", rows=10, people="uuid:{}".format),
    "odk/kobo.csv": Reads(shape="KoboToolbox, semicolons, groups", rows=10, people="u{}".format),
    "excel-merged/merged.xlsx": Reads(shape="merged cells over the names", rows=40),
    "excel-merged/hidden_codebook.xlsx": Reads(shape="a hidden second sheet", rows=40),
    "excel-merged/merged_ids.xlsx": Refused(
        shape="ids in merged cells", words="participant is missing in 20 rows .rows 3, 5", cure="fill column"
    ),
    "redcap/checkbox.csv": Reads(shape="other fields beside the form", rows=12),
    "redcap/classic.csv": Reads(shape="classic", rows=12),
    "redcap/dag.csv": Reads(shape="data access groups, time stamps", rows=12),
    "redcap/form_name.csv": Reads(shape="form of another name", rows=12),
    "redcap/incomplete.csv": Reads(shape="people without the form", rows=8, start=(1, 2, 4, 5, 7, 8, 10, 11)),
    "redcap/labels.csv": Reads(shape="labels for names and values", rows=12),
    "redcap/longitudinal.csv": Reads(
        shape="events, one without the form", rows=24, start=(), waves=("week_3", "week_6")
    ),
    "redcap/missing_codes.csv": Refused(
        shape="missing data codes, one undeclared",
        words="2 answers are no code of their item .column 'q5'; lines 6, 12",
        cure="missing_codes",
    ),
    "redcap/raw_labels_values.csv": Reads(shape="labels for values", rows=12),
    "redcap/study_id.csv": Reads(shape="another name of the record", rows=12, unsure=1),
    "spss/declared89.sav": Reads(shape="missing codes declared", rows=40, start=()),
    "spss/declared99.sav": Reads(shape="99 declared missing", rows=40, start=()),
    "spss/numeric_id.sav": Reads(shape="numbers as ids", rows=40, people=lambda k: str(k + 1)),
    "spss/reversed_labels.sav": Refused(
        shape="labels at the codes reversed",
        words="value labels of 6 columns .* stand at other codes",
        cure="recode them",
    ),
    "spss/reversed_labels_other_words.sav": Reads(shape="labels in other words", rows=40, unsure=1),
    "spss/string_items.sav": Reads(shape="codes as texts", rows=40),
    "spss/string_missing.sav": Reads(shape="a letter declared missing", rows=3),
    "spss/undeclared99.sav": Refused(
        shape="99 not declared",
        words="18 answers are no code of their item .columns 'q1'.*; rows 1, 3",
        cure="missing_codes",
    ),
    "spss/upper.sav": Reads(shape="names in capitals", rows=40),
    "spss/zero_to_four.sav": Reads(shape="0–4 with the labels of 1–5", rows=40, unsure=1),
    "stata/plain.dta": Reads(shape="plain", rows=40),
    "stata/extended.dta": Reads(shape=".a and .b", rows=40, changed=blanks("2q1", "3q1"), unsure=2),
    "stata/exported.csv": Reads(shape="CSV with . and .a", rows=40, changed=blanks("2q1", "3q1"), unsure=2),
    "csv/bom.csv": Reads(shape="byte-order mark", rows=20),
    "csv/case_ids.csv": Refused(
        shape="ids that differ in capitals",
        words="differ in capitals alone .*lines 2, 3, 22, 23",
        cure="in one way",
    ),
    "csv/code_label.csv": Reads(shape="code with label", rows=20),
    "csv/cr_only.csv": Reads(shape="line ends of old Macs", rows=20),
    "csv/double_submit.csv": Refused(
        shape="sent twice",
        words="participant × wave is not unique: 4 rows .*lines 2, 3, 22, 23",
        cure="keep one",
    ),
    "csv/excel_equals.csv": Reads(shape='="4"', rows=20),
    "csv/floats.csv": Reads(shape="4.0", rows=20, changed=blanks("2q1")),
    "csv/latin1.csv": Reads(
        shape="Windows encoding", rows=20, people=lambda k: "Müller" if k == 0 else PEOPLE[k], unsure=1
    ),
    "csv/na_strings.csv": Reads(
        shape="N/A, n.a., #NULL!, -", rows=20, changed=blanks("1q1", "2q2", "3q3", "4q4"), unsure=4
    ),
    "csv/odd_digits.csv": Refused(
        shape="full-width digits", words="1 cell holds text .*column 'q1'; line 3", cure="whole codes"
    ),
    "csv/quoted_header_spaces.csv": Reads(shape="blanks around a name", rows=20),
    "csv/sep_line.csv": Reads(shape="sep= in the first line", rows=20),
    "csv/total_row.csv": Reads(shape="a row of totals", rows=20, unsure=1),
    "csv/trailing_comma.csv": Reads(shape="a comma at every end", rows=20),
    "csv/with_index.csv": Reads(shape="an unnamed index", rows=20),
    "csv/zero_width_header.csv": Reads(shape="a sign in a name that cannot be seen", rows=20),
}


@pytest.fixture(scope="module")
def scale() -> Instrument:
    return load(str(CASES / "mini.yaml"))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)  # printed to the person, as the notes are
        dta.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out + err


def expected_frame(name: str, case: Reads) -> pd.DataFrame:
    """Answers by the plain file; those of other shapes are read by pandas alone."""
    if name == "redcap/longitudinal.csv":
        table = pd.read_csv(CASES / name)
        table = table[table["redcap_event_name"] != "enrolment_arm_1"].reset_index(drop=True)
        wave = table["redcap_event_name"].str.removesuffix("_arm_1")
        return table[ITEMS].astype("Int64").assign(participant=table["record_id"], wave=wave)
    if name == "spss/string_missing.sav":  # by eye: q1 holds 4, 9 (declined) and Z
        frame = pd.DataFrame({item: pd.array([4, 3, 2], dtype="Int64") for item in ITEMS})
        frame["q1"] = pd.array([4, None, None], dtype="Int64")
        return frame.assign(participant=["a", "b", "c"], wave="1")
    if name.startswith("spss/declared"):
        import pyreadstat

        table = pyreadstat.read_sav(str(CASES / name))[0]  # codes declared missing become blank
        return table[ITEMS].astype("Int64").assign(participant=table["participant"], wave="1")
    start = case.start if case.start is not None else tuple(range(case.rows))
    frame = PLAIN.iloc[list(start)].reset_index(drop=True)
    for (row, item), code in case.changed.items():
        frame.loc[row, item] = pd.NA if code is None else code
    people = case.people or (lambda k: PEOPLE[k])
    return frame.assign(participant=[people(k) for k in start], wave="1")


def plain_of(frame: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame({item: frame[item].astype("Int64") for item in ITEMS})
    table["participant"] = frame["participant"].astype(str).to_numpy()
    table["wave"] = frame["wave"].astype(str).to_numpy()
    return table.reset_index(drop=True)


def test_every_file_of_the_folder_is_named() -> None:
    kinds = {".csv", ".tsv", ".xlsx", ".sav", ".dta"}
    files = {str(path.relative_to(CASES)) for path in CASES.rglob("*") if path.suffix in kinds}
    assert files == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_command_line_reads_it_right_or_refuses_it(
    name: str, scale: Instrument, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, mapping, out = EXPECTED[name], tmp_path / "mapping.yaml", tmp_path / "answers.csv"
    base = ("import", CASES / name, "--instrument", CASES / "mini.yaml")
    status, said = run(capsys, *base, "--write-mapping", mapping)
    unsure = len(recognise(CASES / name, scale).mapping.unsure)
    assert status == 0
    if isinstance(case, Reads):
        assert unsure == case.unsure, said
        assert said.count("\nUNSURE: ") == case.unsure
    if unsure:
        status, said = run(capsys, *base, "--mapping", mapping, "--out", out)
        assert status == 2
        assert "unsure" in said and "--yes" in said
        assert not out.exists()
        mapping.unlink()
        assert run(capsys, *base, "--write-mapping", mapping, "--yes")[0] == 0
    status, said = run(capsys, *base, "--mapping", mapping, "--out", out)
    if isinstance(case, Refused):
        assert status == 2
        assert re.search(case.words, said), said
        assert re.search(rf"Hint: .*{case.cure}", said), said
        assert said.count("Hint:") == 1
        assert not out.exists()
        return
    assert status == 0, said
    read = pd.read_csv(out, dtype={"participant": str, "wave": str}, keep_default_na=False)
    read[ITEMS] = read[ITEMS].replace({"": None}).astype("Int64")
    coded = read[ITEMS].isin([8, 9, -1, -2])
    read[ITEMS] = read[ITEMS].mask(coded)
    expected = expected_frame(name, case)
    pd.testing.assert_frame_equal(plain_of(read), plain_of(expected))
    assert sorted(set(read["wave"])) == sorted(case.waves)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_page_reads_it_right_or_refuses_it(name: str, scale: Instrument) -> None:
    case = EXPECTED[name]
    upload = Upload(name=name, content=(CASES / name).read_bytes())
    taken = Reading(recognise=True, take_unsure=True)
    if isinstance(case, Refused):
        with pytest.raises(ToolkitError) as caught:
            answers_of(upload, scale, taken)
        fact, _, hint = str(caught.value).partition("\nHint: ")
        assert re.search(case.words, fact)
        assert re.search(case.cure, hint)
        assert not re.search("--|=True|=\\(", hint)
        return
    if case.unsure:
        with pytest.raises(ToolkitError, match=r"unsure.*\nHint: .*tick “Take what is recognised"):
            answers_of(upload, scale, Reading(recognise=True))
    read = answers_of(upload, scale, taken)
    pd.testing.assert_frame_equal(plain_of(read), plain_of(expected_frame(name, case)))


def table_of_cases() -> str:
    """The table in docs/exchange.md."""
    lines = ["| file | shape | what it gives |", "|---|---|---|"]
    for name, case in EXPECTED.items():
        if isinstance(case, Refused):
            fact = re.sub(r"\.\*.*| \.[a-z].*", "", case.words).strip(" :")
            gives = f"refused: {fact}"
        else:
            gives = "read" if not case.unsure else f"read once {case.unsure} unsure meaning(s) are accepted"
        lines.append(f"| `{name}` | {case.shape} | {gives} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_the_documentation_is_the_one_that_this_test_makes() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert BEGIN in text and END in text
    assert text.split(BEGIN)[1].split(END)[0] == table_of_cases(), (
        f"run `python {os.path.basename(__file__)}`"
    )


if __name__ == "__main__":
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    DOCS.write_text(before + BEGIN + table_of_cases() + END + rest.split(END)[1], encoding="utf-8")
    sys.stdout.write(f"{DOCS}\n")
