"""Tables of other shapes, and states of responses: the same answers come back, or one message with a cure."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dta
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.loading import load
from instrument.reading.read_responses import read_responses
from instrument.recognition import Mapping, load_mapping, recognise

CASES = Path(__file__).resolve().parent / "data" / "cases"
ITEMS = [f"q{k}" for k in range(1, 7)]
LABELS = {1: "Strongly disagree", 2: "Disagree", 3: "Neither", 4: "Agree", 5: "Strongly agree"}


@pytest.fixture(scope="module")
def scale() -> Instrument:
    return load(str(CASES / "mini.yaml"))


def drawn(seed: int, waves: int = 2) -> pd.DataFrame:
    """Answers of some people at some waves, a tenth of them blank; nobody leaves a wave all blank."""
    draw = np.random.default_rng(seed)
    n = int(draw.integers(3, 30))
    rows = []
    for wave in range(1, waves + 1):
        for k in range(n):
            if wave > 1 and draw.random() < 0.3:
                continue
            answers: list[Any] = [int(a) if draw.random() < 0.9 else None for a in draw.integers(1, 6, 6)]
            answers[int(draw.integers(0, 6))] = int(draw.integers(1, 6))
            rows.append([f"P{k:03d}", f"t{wave}", *answers])
    return pd.DataFrame(rows, columns=["participant", "wave", *ITEMS]).astype(dict.fromkeys(ITEMS, "Int64"))


def read(path: Path, scale: Instrument) -> pd.DataFrame:
    return read_responses(path, scale, mapping=recognise(path, scale).mapping.accepted())


def same(given: pd.DataFrame, expected: pd.DataFrame) -> None:
    def plain(frame: pd.DataFrame) -> pd.DataFrame:
        table = pd.DataFrame({item: frame[item].astype("Int64") for item in ITEMS})
        table.insert(0, "wave", frame["wave"].astype(str).to_numpy())
        table.insert(0, "participant", frame["participant"].astype(str).to_numpy())
        return table.sort_values(["wave", "participant"]).reset_index(drop=True)

    pd.testing.assert_frame_equal(plain(given), plain(expected))


WIDE = {
    "q1_t2": "{item}_t{wave}",
    "T2_q1": "T{wave}_{item}",
    "q1.2": "{item}.{wave}",
    "q1w2": "{item}w{wave}",
}
WAVE_NAMES = {"q1_t2": "t{}", "T2_q1": "t{}", "q1.2": "{}", "q1w2": "w{}"}


@pytest.mark.parametrize("names", WIDE)
@pytest.mark.parametrize("seed", range(4))
def test_waves_beside_each_other_are_put_below_each_other(
    names: str, seed: int, scale: Instrument, tmp_path: Path
) -> None:
    answers = drawn(seed, waves=2 + seed % 2)
    wide = answers[["participant"]].drop_duplicates()
    for wave, part in answers.groupby("wave"):
        number = str(wave)[1:]
        renamed = {item: WIDE[names].format(item=item, wave=number) for item in ITEMS}
        wide = wide.merge(
            part.rename(columns=renamed).drop(columns="wave"), on="participant", how="left", validate="1:1"
        )
    wide["age"] = 40
    path = tmp_path / "wide.csv"
    wide.to_csv(path, index=False)
    found = recognise(path, scale)
    assert found.mapping.items == {}
    assert found.mapping.unsure
    expected = answers.assign(wave=[WAVE_NAMES[names].format(w[1:]) for w in answers["wave"]])
    given = read(path, scale)
    same(given, expected)
    absent = len(wide) * answers["wave"].nunique() - len(answers)
    notes = " | ".join(given.attrs["notes"])
    assert ("without any answer left out" in notes) == bool(absent)
    assert not absent or f"{absent} administration" in notes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by", ["id", "wording", "labels"])
def test_a_row_for_each_answer_in_any_order_gives_the_same_table(
    by: str, seed: int, scale: Instrument, tmp_path: Path
) -> None:
    answers = drawn(seed)
    rows = answers.melt(["participant", "wave"], ITEMS, "item", "resp").dropna()
    rows = rows.sample(frac=1, random_state=seed).assign(age=31)
    if by == "wording":
        rows["item"] = rows["item"].map(scale.wording("en").items)
    if by == "labels":
        rows["resp"] = rows["resp"].map(LABELS)
    path = tmp_path / "long.csv"
    rows.to_csv(path, index=False)
    same(read(path, scale), answers)
    kept = read_responses(
        path, scale, mapping=recognise(path, scale, ("age",)).mapping.accepted(), covariates=("age",)
    )
    assert set(kept["age"].astype(int)) == {31}
    picture = recognise(path, scale).came_in  # of the file as it lies there: a row for each answer
    people, waves = answers["participant"].nunique(), answers["wave"].nunique()
    assert picture[:2] == (f"rows: {len(rows)} read, {len(rows)} kept", f"people: {people}, waves: {waves}")


def test_rows_of_other_items_are_counted_and_two_answers_to_one_item_refused(
    scale: Instrument, tmp_path: Path
) -> None:
    rows = drawn(1).melt(["participant", "wave"], ITEMS, "item", "resp").dropna()
    other = rows.head(3).assign(item="phq1")
    path = tmp_path / "long.csv"
    pd.concat([rows, other]).to_csv(path, index=False)
    assert any("3 rows of other items left out" in note for note in read(path, scale).attrs["notes"])
    again = rows.head(1).assign(resp=lambda t: t["resp"] % 5 + 1)
    pd.concat([rows, rows.head(2)]).to_csv(path, index=False)
    read(path, scale)  # the same answer twice is one answer
    pd.concat([rows, again]).to_csv(path, index=False)
    with pytest.raises(ResponseDataError, match=r"2 rows give one item of one administration different") as e:
        read(path, scale)
    assert f"lines 2, {len(rows) + 2}" in str(e.value)
    odd = rows.assign(resp=rows["resp"].astype(object))
    odd.iloc[-1, odd.columns.get_loc("resp")] = "perhaps"
    odd.to_csv(path, index=False)
    with pytest.raises(ResponseDataError, match=r"1 cell holds text .*; administration from line \d+\)"):
        read(path, scale)
    rows.rename(columns={"resp": "x"}).to_csv(path, index=False)
    with pytest.raises(ResponseDataError, match=r"no columns may hold their answers.\nHint: name the column"):
        read(path, scale)


def expanded(answers: pd.DataFrame, mark: str | None = None) -> list[list[str]]:
    """Rows of an export with a column for each option; its label stands there, or a mark."""
    head = [["Respondent ID", "Collector ID", "Start Date", "End Date"], ["", "", "", ""]]
    for item in ITEMS:
        head[0] += [f"Question [{item}]", *[""] * 4]
        head[1] += list(LABELS.values())
    rows = []
    for k, row in enumerate(answers[ITEMS].itertuples(index=False)):
        cells = [
            "" if pd.isna(code) or code != option else mark or LABELS[option]
            for code in row
            for option in LABELS
        ]
        rows.append([str(1000 + k), "7", "03/01/2026", "03/01/2026", *cells])
    return head + rows


def written(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize("seed", range(4))
def test_a_column_for_each_option_gives_the_answer_and_marks_are_refused(
    seed: int, scale: Instrument, tmp_path: Path
) -> None:
    answers = drawn(seed, waves=1).assign(wave="1")
    rows = expanded(answers)
    path = written(tmp_path / "expanded.csv", rows)
    assert any("5 columns could be it" in words for words in recognise(path, scale).mapping.unsure)
    same(read(path, scale), answers.assign(participant=[str(1000 + k) for k in range(len(answers))]))
    for mark in ("1", "x"):
        written(path, expanded(answers, mark))
        with pytest.raises(ResponseDataError, match=r"column of marks, not of labels.\nHint: export"):
            recognise(path, scale)
    rows[2][4:9] = list(LABELS.values())
    written(path, rows)
    with pytest.raises(ResponseDataError, match=r"several answers to item 'q1' stand in 1 row .line 3"):
        read(path, scale)


def qualtrics(answers: pd.DataFrame, finished: list[str], name: str = "Finished") -> list[list[str]]:
    head = ["StartDate", "EndDate", "Status", name, "RecordedDate", "ResponseId"]
    rows = [[*head, *ITEMS], [*head, *ITEMS], [json.dumps({"ImportId": n}) for n in (*head, *ITEMS)]]
    for k, row in enumerate(answers[ITEMS].itertuples(index=False)):
        at = "2026-03-01 09:10:00"
        cells = ["" if pd.isna(code) else str(code) for code in row]
        rows.append([at, at, "0", finished[k], at, f"R_{k}", *cells])
    return rows


@pytest.mark.parametrize("texts", [("1", "0"), ("True", "False"), ("TRUE", "FALSE"), ("Wahr", "Falsch")])
@pytest.mark.parametrize("seed", range(3))
def test_what_qualtrics_says_was_not_finished_stays_open(
    texts: tuple[str, str], seed: int, scale: Instrument, tmp_path: Path
) -> None:
    answers = drawn(seed, waves=1)
    is_open = np.random.default_rng(seed).random(len(answers)) < 0.4
    is_open[0] = True
    path = written(tmp_path / "q.csv", qualtrics(answers, [texts[int(o)] for o in is_open]))
    given = read(path, scale)
    assert list(given["status"] == "open") == list(is_open)
    assert any(f"{is_open.sum()} of {len(answers)} admin" in note for note in given.attrs["notes"])


def test_a_state_that_the_tool_does_not_write_is_said_and_not_guessed(
    scale: Instrument, tmp_path: Path
) -> None:
    answers = drawn(2, waves=1)
    path = written(tmp_path / "q.csv", qualtrics(answers, ["perhaps"] * len(answers)))
    mapping = recognise(path, scale).mapping
    assert mapping.status is None
    assert any("holds other texts" in words for words in mapping.unsure)
    wrong = mapping.model_copy(update={"status": "Finished", "states": {"1": "completed"}, "unsure": ()})
    with pytest.raises(ResponseDataError, match=r"no state of a form.*\nHint: name their texts under"):
        read_responses(path, scale, mapping=wrong)


@pytest.mark.parametrize("all_open", [False, True])
def test_limesurvey_without_a_day_of_submission_is_open(
    all_open: bool, scale: Instrument, tmp_path: Path
) -> None:
    answers = drawn(4, waves=1)
    is_open = [all_open or k % 3 == 0 for k in range(len(answers))]
    rows = [["id", "submitdate", "lastpage", "startlanguage", "token", *[f"dta[{item}]" for item in ITEMS]]]
    for k, row in enumerate(answers[ITEMS].itertuples(index=False)):
        cells = ["" if pd.isna(code) else LABELS[code] for code in row]
        moment = "" if is_open[k] else "2026-03-01 09:10:00"
        rows.append([str(k), moment, "3", "en", f"P{k:03d}", *cells])
    given = read(written(tmp_path / "l.csv", rows), scale)
    assert list(given["status"] == "open") == is_open
    same(given, answers.assign(wave="1"))


@pytest.mark.parametrize(
    ("name", "texts", "is_sure"),
    [
        ("status", ("completed", "open"), True),
        ("status", ("Complete", "Partial"), False),
        ("finished", ("yes", "no"), False),
        ("Response Status", ("completed", "partial"), False),
    ],
)
def test_a_column_of_states_in_any_table_is_not_lost(
    name: str, texts: tuple[str, str], is_sure: bool, scale: Instrument, tmp_path: Path
) -> None:
    answers = drawn(5, waves=1)
    answers[name] = [texts[k % 2] for k in range(len(answers))]
    path = tmp_path / "t.csv"
    answers.to_csv(path, index=False)
    mapping = recognise(path, scale).mapping
    assert mapping.status == name
    assert bool(mapping.unsure) != is_sure
    given = read_responses(path, scale, mapping=mapping.accepted())
    assert list(given["status"]) == ["open" if k % 2 else "completed" for k in range(len(answers))]


def test_one_command_recognises_takes_and_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: Instrument
) -> None:
    monkeypatch.chdir(tmp_path)
    answers = drawn(6, waves=1)
    is_open = [k == 0 for k in range(len(answers))]
    path = written(tmp_path / "q.csv", qualtrics(answers, [str(int(not o)) for o in is_open]))
    call = ["import", str(path), "--instrument", str(CASES / "mini.yaml"), "--out", "out.csv"]
    with pytest.raises(SystemExit) as stop:
        dta.main([*call, "--yes"])
    assert stop.value.code == 0
    out = pd.read_csv("out.csv", dtype={"participant": str})
    assert list(out["status"]) == ["open" if o else "completed" for o in is_open]
    assert load_mapping("mapping.yaml").unsure == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"items": {}}, "either items or waves"),
        ({"items": {"q1": "a"}, "waves": {"1": {"q1": "b"}}}, "either items or waves"),
        ({"waves": {"1": {"q1": "a"}}, "wave": "w"}, "wave and long are left out"),
        ({"items": {"q1": "q1"}, "long": {"item": "i", "answer": "a"}}, "participant says whose"),
        ({"items": {"q1": ["a"]}}, "items"),
        ({"items": {"q1": "a"}, "states": {"x": "half"}}, "completed"),
    ],
)
def test_a_mapping_of_no_shape_is_refused_by_path(
    content: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(json.dumps({"mapping": 1, "instrument": "mini", **content}), encoding="utf-8")
    with pytest.raises(DefinitionError, match=words):
        load_mapping(path)


def test_items_of_both_shapes_are_named_once(scale: Instrument, tmp_path: Path) -> None:
    wide = pd.DataFrame(
        {"participant": ["a", "b"], **{f"{item}_t{w}": [1, 2] for w in (1, 2) for item in ITEMS}}
    )
    path = tmp_path / "w.csv"
    wide.to_csv(path, index=False)
    mapping = recognise(path, scale).mapping.accepted()
    twice = Mapping.model_validate(
        {**mapping.model_dump(), "waves": {**mapping.waves, "t3": {"q1": "q1_t1"}}}
    )
    with pytest.raises(DefinitionError, match="several things"):
        read_responses(path, scale, mapping=twice)
