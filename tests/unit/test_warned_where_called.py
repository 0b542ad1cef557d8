"""A warning names the line that called the toolkit: the reader's own, however deep the reason was found."""

from __future__ import annotations

import ast
import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from instrument.errors import OWN, ToolkitWarning, warn_user

ROOT = Path(__file__).resolve().parents[2]


def answers(n: int = 200, opposed: bool = False) -> pd.DataFrame:
    """Six items of five categories and one factor, the last of them turned if asked."""
    rng = np.random.default_rng(4)
    common = rng.normal(size=(n, 1))
    latent = 0.8 * common + 0.6 * rng.normal(size=(n, 6))
    items = pd.DataFrame(np.digitize(latent, [-1.2, -0.4, 0.4, 1.2]) + 1, columns=list("abcdef"))
    if opposed:
        items["f"] = 6 - items["f"]
    return items


CALLS: dict[str, Callable[[], object]] = {
    "cronbach_alpha": lambda: analysis.cronbach_alpha(answers(opposed=True)),
    "item_statistics": lambda: analysis.item_statistics(answers(opposed=True)),
    "lower_bounds": lambda: analysis.lower_bounds(answers(opposed=True)),
    "efa": lambda: analysis.efa(answers(opposed=True), 1),
    "graded_response": lambda: analysis.graded_response(answers(opposed=True)),
    "polychoric": lambda: analysis.polychoric(answers(14)),
    "congeneric_omega": lambda: analysis.congeneric_omega(answers(opposed=True), draws=0),
    "cfa": lambda: analysis.cfa(
        "g =~ a + b + c", answers().assign(b=lambda t: 2 * t["a"] + t["b"])[["a", "b", "c"]], "ML"
    ),
    "code for missing": lambda: analysis.cronbach_alpha(
        answers().assign(a=lambda t: t["a"].where(t.index > 18, 999))
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_line_that_called_is_named(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CALLS[name]()
    mine = [one for one in caught if issubclass(one.category, ToolkitWarning)]
    assert mine, "nothing was warned of"
    assert {one.filename for one in mine} == {__file__}


def test_a_warning_from_no_depth_at_all_names_its_line() -> None:
    with pytest.warns(DeprecationWarning, match="gone soon") as caught:
        warn_user("gone soon", DeprecationWarning)
    assert caught[0].filename == __file__


def test_a_toolkit_that_lies_behind_a_link_warns_at_the_line_that_called(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ROOT, target_is_directory=True)
    there = tmp_path / "link" / "instrument" / "errors.py"
    spec = importlib.util.spec_from_file_location("errors_behind_a_link", there)
    assert spec is not None and spec.loader is not None
    linked = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(linked)
    inside: dict[str, Any] = {"warn_user": linked.warn_user}
    code = "def deep():\n    warn_user('odd')\ndef public():\n    deep()\n"
    exec(compile(code, str(tmp_path / "link" / "analysis" / "some.py"), "exec"), inside)
    with pytest.warns(UserWarning, match="odd") as caught:
        inside["public"]()
    assert caught[0].filename == __file__


def test_nothing_warns_by_a_depth_counted_by_hand() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in OWN
        for path in Path(folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"warnings.warn", "warn"}
    ]
    assert found == ["instrument/errors.py"]
