"""The house rules a program can check: arrows, room size, names, documentation."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {"instrument": 0, "analysis": 1, "dashboard": 2}
MODULES = sorted(p for layer in LAYERS for p in (ROOT / layer).rglob("*.py") if "__pycache__" not in p.parts)
LONGEST_MODULE = 600  # cohesion decides below this; beyond it no module was found to be one room
FILE_WRITERS = ("exchange", "store", "report")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_modules_are_found() -> None:
    assert len(MODULES) > 20


def _offenders(found: Callable[[Path], object]) -> dict[str, object]:
    """What is found in each module where anything is: one test names them all."""
    return {_relative(path): what for path in MODULES if (what := found(path))}


def test_no_import_points_upward() -> None:
    def upward(path: Path) -> set[str]:
        layer = path.relative_to(ROOT).parts[0]
        return {
            name
            for name in _imports(path)
            if (top := name.split(".")[0]) == "dta" or LAYERS.get(top, -1) > LAYERS[layer]
        }

    assert _offenders(upward) == {}


def test_instrument_knows_no_statistics_and_no_module_but_the_dashboard_knows_streamlit() -> None:
    def unfit(path: Path) -> set[str]:
        layer = path.relative_to(ROOT).parts[0]
        tops = {name.split(".")[0] for name in _imports(path)}
        if layer == "instrument":
            return tops & {"scipy", "statsmodels", "pingouin", "factor_analyzer", "sklearn", "streamlit"}
        if layer == "analysis":
            return tops & {"streamlit", "fastapi", "starlette", "sqlalchemy"}
        return tops & {"streamlit"} if path.name == "services.py" else set()

    assert _offenders(unfit) == {}


def test_topics_do_not_import_figures() -> None:
    def figures(path: Path) -> set[str]:
        parts = path.relative_to(ROOT).parts
        if parts[0] != "analysis" or {"figures", "report"} & set(parts) or "commands" in path.stem:
            return set()
        return {name for name in _imports(path) if name.startswith("analysis.figures")}

    assert _offenders(figures) == {}


def test_a_module_is_one_room() -> None:
    def too_long(path: Path) -> int:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        return lines if lines > LONGEST_MODULE else 0

    assert _offenders(too_long) == {}


def test_everything_public_is_documented() -> None:
    def bare(path: Path) -> list[str]:
        tree = _tree(path)
        found = [] if ast.get_docstring(tree) else ["module"]
        stack: list[ast.AST] = [tree]
        while stack:
            for node in ast.iter_child_nodes(stack.pop()):
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    if not node.name.startswith("_") and not ast.get_docstring(node):
                        found.append(node.name)
                    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                        stack.append(node)
        return found

    assert _offenders(bare) == {}


def test_no_user_input_is_checked_by_assert_and_no_error_is_swallowed() -> None:
    def swallowed(path: Path) -> list[str]:
        found = []
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Assert):
                found.append(f"assert at line {node.lineno}")
            if isinstance(node, ast.ExceptHandler):
                only_pass = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                if only_pass and (node.type is None or ast.unparse(node.type) == "Exception"):
                    found.append(f"error swallowed at line {node.lineno}")
        return found

    assert _offenders(swallowed) == {}


@pytest.mark.parametrize("package", ["instrument", "analysis"])
def test_public_names_are_pinned_sorted_and_importable(package: str) -> None:
    code = f"import {package} as p; assert p.__all__ == sorted(p.__all__); [getattr(p, n) for n in p.__all__]"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_public_functions_do_not_bear_the_name_of_a_module_or_folder() -> None:
    import analysis
    import instrument

    for package in (instrument, analysis):
        folder = ROOT / package.__name__
        rooms = {p.stem for p in folder.iterdir() if p.suffix == ".py" or p.is_dir()}
        assert not rooms & set(package.__all__)


def _texts_of_code(path: Path) -> set[str]:
    """Strings of a module that are not documentation."""
    tree = _tree(path)
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
    documentation = {id(n.body[0].value) for n in nodes if n.body and isinstance(n.body[0], ast.Expr)}
    return {
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in documentation
    }


def test_code_names_no_theme_or_item_of_the_shipped_scale() -> None:
    import instrument

    scale = instrument.load("dta")
    ids = {*scale.item_ids, *(theme.id for theme in scale.themes)}
    found = {_relative(p): ids & _texts_of_code(p) for p in MODULES if "library" not in p.parts}
    assert not {path: names for path, names in found.items() if names}


def test_texts_carry_no_path_of_a_machine() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    pattern = re.compile(r"(?<![\w.])/(work|root|home)/[a-z.]")
    own = _relative(Path(__file__))
    texts = [
        ROOT / name
        for name in tracked
        if name.endswith((".py", ".md", ".yaml", ".toml", ".sh", ".R", ".json"))
    ]
    found = [
        _relative(p)
        for p in texts
        if p.is_file() and _relative(p) != own and pattern.search(p.read_text("utf-8"))
    ]
    assert not found


def test_tests_share_modules_that_bear_a_name_of_their_own() -> None:
    """`conftest` is one name for many files: whichever was imported first would be given to all."""
    tests = [p for p in (ROOT / "tests").rglob("*.py") if "__pycache__" not in p.parts]
    named = [p for p in tests if "conftest" in p.read_text(encoding="utf-8")]  # the others need no parsing
    assert not [_relative(p) for p in named if "conftest" in _imports(p)]
    shared = [p.name for p in tests if p.name not in ("conftest.py", "__init__.py")]
    assert sorted(shared) == sorted(set(shared))


WRITERS = (
    "to_csv",
    "to_parquet",
    "to_json",
    "write_text",
    "write_bytes",
    "savetxt",
    "savez",
    "mkdir",
    "unlink",
)


def _written_at_import(source: str) -> list[str]:
    """Calls that write and stand outside functions and `if __name__ == ...`."""
    found, stack = [], list[ast.AST](ast.parse(source).body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS:
            found.append(f"{node.func.attr} at line {node.lineno}")
        stack += ast.iter_child_nodes(node)
    return found


def test_no_script_writes_when_it_is_imported() -> None:
    """Tests are collected by importing every module: a script that writes would make reference values anew."""
    assert _written_at_import("for k in range(3):\n    made.to_csv(k)") == ["to_csv at line 2"]
    assert (
        _written_at_import("def f():\n    a.to_csv(1)\nif __name__ == '__main__':\n    f().to_csv(1)") == []
    )
    scripts = [p for p in (ROOT / "tests").rglob("*.py") if not p.name.startswith("test_")]
    assert len(scripts) > 50
    assert {_relative(p): w for p in scripts if (w := _written_at_import(p.read_text("utf-8")))} == {}
