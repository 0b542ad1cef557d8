"""Files of survey tools as they go wrong: each gives the plain answers, or one message with a cure; none is wrong."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
import odd_exports
import odd_of_strangers
import odd_of_tools
import odd_tables
from odd_files import ANSWERS, CASES, GERMAN, ITEMS, ODD, SCALE, run

from instrument.errors import DefinitionError
from instrument.reading.read_responses import read_responses
from instrument.recognition import load_mapping, recognise

KINDS = (odd_exports, odd_tables, odd_of_strangers, odd_of_tools)
"""Each file is entered into `ODD` where it is written."""
DOCS = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"


BEGIN, END = "<!-- table of odd files: begin -->\n", "<!-- table of odd files: end -->\n"


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_gives_the_plain_answers_or_one_message_with_a_cure(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gives = ODD[name].gives
    path, mapping, out = ODD[name].write(tmp_path), tmp_path / "mapping.yaml", tmp_path / "out.csv"
    base = ("import", path, "--instrument", CASES / "mini.yaml", "--write-mapping", mapping)
    status, said = run(capsys, *base, "--yes", "--out", out)
    if gives.answers is None:
        assert status == 2, said
        assert re.search(gives.words, said), said
        assert re.search(rf"Hint: .*{gives.cure}", said), said
        assert said.count("Hint:") == 1
        assert not out.exists()
        return
    assert status == 0, said
    asked = said.count("\nUNSURE: ")
    assert (asked > 0) == bool(gives.asks), said
    assert (gives.asks or "") in said
    if asked:  # nothing unsure is taken without that word
        with pytest.raises(DefinitionError, match="unsure"):
            read_responses(path, SCALE, mapping=recognise(path, SCALE).mapping)
    read = pd.read_csv(out, dtype=str, keep_default_na=False)
    expected = gives.answers.astype("Int64").assign(participant=gives.people, wave=gives.waves)
    for item in ITEMS:
        given = read[item].replace({"": None}).astype("Int64")
        assert given.tolist() == expected[item].tolist(), item
    assert read["participant"].tolist() == list(gives.people)
    assert read["wave"].tolist() == list(gives.waves)


CURED: dict[str, tuple[str, dict[str, Any]]] = {
    "qualtrics_recoded": ("answers", {"agreement": {str(k + 10): k for k in range(1, 6)}}),
    "foreign_texts": ("answers", {"agreement": {label: code for code, label in GERMAN.items()}}),
    "lime_from_zero": ("answers", {"agreement": {f"A{k - 1}": k for k in range(1, 6)}}),
    "letters": ("answers", {"agreement": {"ABCDE"[k - 1]: k for k in range(1, 6)}}),
    "item_renamed": ("items", {"q1": "q1", "q2": "q2r", **{item: item for item in ITEMS[2:]}}),
    "lime_codes": ("answers", {"agreement": {f"A{k}": k for k in range(1, 6)}}),
}


@pytest.mark.parametrize("name", CURED)
def test_the_cure_that_is_named_cures(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, where, out = ODD[name].write(tmp_path), tmp_path / "mapping.yaml", tmp_path / "out.csv"
    base = ("import", path, "--instrument", CASES / "mini.yaml")
    run(capsys, *base, "--write-mapping", where)
    entry, value = CURED[name]
    assert load_mapping(where).instrument == "mini"
    changed = load_mapping(where).accepted().model_dump(mode="json") | {entry: value}
    where.write_text(yaml.safe_dump(changed), encoding="utf-8")
    status, said = run(capsys, *base, "--mapping", where, "--out", out)
    assert status == 0, said
    assert pd.read_csv(out)[ITEMS].to_numpy().tolist() == ANSWERS.to_numpy().tolist()


def table_of_odd_files() -> str:
    """The table in docs/exchange.md."""
    lines = ["| file | what it gives |", "|---|---|"]
    homes = [kind.__name__.rpartition(".")[2] for kind in KINDS]  # not the order in which tests import them
    for case in sorted(ODD.values(), key=lambda one: homes.index(one.write.__module__.rpartition(".")[2])):
        gives = case.gives
        if gives.answers is None:
            words = f"refused; cure: {gives.cure.replace('`', '')}"
        else:
            words = "read once what is unsure is accepted" if gives.asks else "read"
        lines.append(f"| {case.shape} | {words} |")
    return "\n".join(lines) + "\n"


def test_no_kind_of_odd_file_is_left_out() -> None:
    modules = {case.write.__module__.rpartition(".")[2] for case in ODD.values()}
    assert modules == {kind.__name__.rpartition(".")[2] for kind in KINDS}
    assert len(ODD) > 170


def test_the_table_of_odd_files_is_the_one_that_this_test_makes() -> None:
    content = DOCS.read_text(encoding="utf-8")
    made = content.partition(BEGIN)[2].partition(END)[0]
    assert made == table_of_odd_files(), f"run `python {os.path.basename(__file__)}`"


if __name__ == "__main__":
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    DOCS.write_text(before + BEGIN + table_of_odd_files() + END + rest.partition(END)[2], encoding="utf-8")
    sys.stdout.write(f"{DOCS}\n")
