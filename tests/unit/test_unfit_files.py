"""YAML that reads and could not be kept ends in one message, quickly; so does text that no database holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dta
from instrument.common.storable import is_storable, unstorable_paths
from instrument.errors import DefinitionError
from instrument.loading import read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 12)
)
UNFIT = {
    "deep lists": "a: " + "[" * 5000 + "]" * 5000,
    "deep maps": "".join(" " * k + "a:\n" for k in range(900)) + " " * 900 + "a: 1",
    "deep flow": "a: " + "{b: " * 3000 + "1" + "}" * 3000,
    "fifty deep": "a: " + "[" * 50 + "]" * 50,
    "aliases": BOMB,
    "itself": "a: &a [*a]",
    "itself by key": "a: &a {b: *a}",
    "date": "a: 2026-02-31",
    "number": "a: " + "9" * 6000,
    "surrogate": 'a: {b: ["\\ud800"]}',
    "surrogate key": 'a: {"\\ud800": 1}',
    "nul": 'a: "x\\0y"',
    "unhashable": "? [a, b]\n: 1",
    "raw nul": "a: \0",
}


@pytest.mark.parametrize("kind", list(UNFIT))
@pytest.mark.parametrize("command", [("instrument", "check"), ("study", "check")])
def test_unfit_yaml_ends_in_one_message(
    tmp_path: Path, kind: str, command: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "unfit.yaml"
    file.write_text(UNFIT[kind], encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        dta.main([*command, str(file)])
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert error.count("\n") == 2
    assert error.count("Hint: ") == 1
    assert "Traceback" not in error


def test_the_message_names_the_place_and_not_the_text(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text('a: {b: [ok, "secret\\0"]}', encoding="utf-8")
    with pytest.raises(DefinitionError, match=re.escape("at 'a.b[1]'")) as caught:
        read_yaml(tmp_path / "f.yaml", "load")
    assert "secret" not in str(caught.value)


def test_shipped_files_and_plain_aliases_are_fit(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("a: &a {x: 1}\nb: *a\nc: [*a, *a]\n", encoding="utf-8")
    assert read_yaml(tmp_path / "f.yaml", "load")["c"] == [{"x": 1}, {"x": 1}]


@given(text=st.text())
def test_storable_is_what_utf8_holds_without_nul(text: str) -> None:
    assert is_storable(text) == ("\0" not in text)
    assert not is_storable(text + "\ud83d")
    assert unstorable_paths({"k": [text]}) == ([] if is_storable(text) else ["k[0]"])
