"""Messages that Python callers get name keywords; an option of the command line stands with its command."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "analysis"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
# Commands themselves, what is told to readers of a report, and programs that are called.
APART = ("commands", "report", "twins", "disclosure")
COMMAND = re.compile(r"\bdta [a-z]+[^.;]*--")


def messages() -> list[tuple[str, int, str]]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] in APART:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                found.append((str(path.relative_to(ROOT)), node.lineno, node.value))
    return found


def test_no_message_asks_a_python_caller_for_an_option() -> None:
    # one says which of the two by who asks
    by_caller = {"usage/sources.py"}
    told = messages()
    assert len(told) > 5000
    wrong = [
        (where, line, text)
        for where, line, text in told
        if OPTION.search(text) and not COMMAND.search(text) and where not in by_caller
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "fine"),
    [("leave --engine out.", False), ("dta validate --plan plan.yaml --half exploration", True)],
)
def test_what_is_looked_for(text: str, fine: bool) -> None:
    assert bool(OPTION.search(text)) and bool(COMMAND.search(text)) is fine
