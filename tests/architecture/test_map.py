"""The map in docs/architecture.md is the code's own; no modules import each other in a ring."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEFERRED = {  # rings that close only inside of functions; none may be added
    "instrument.commands.mending": "a correction reads as an import does, and a study is created with its corrections",
    "analysis.common.result": "a result draws and writes itself by the report, which knows the results",
    "analysis.planning.loading": "a plan brings its seal",
    "analysis.pipeline.topics.models": "a section and its twin in R",
    "analysis.pipeline.topics.groups": "a section and its twin in R",
    "analysis.pipeline.topics": "a multiverse runs the topics that a plan may name",
    "analysis.commands.validate": "commands share their reading and their progress",
}


def made() -> Any:
    name = "map_of_code"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "tests/architecture/map_of_code.py")
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def rows(text: str) -> dict[str, tuple[str, set[str]]]:
    found = re.findall(r"^\| `(\w+\.\w+)` \| `([\w/]+\.py)` \| (.*) \|$", text, re.MULTILINE)
    return {name: (file, set(re.findall(r"`([\w.]+)`", under))) for name, file, under in found}


def test_the_map_names_every_public_function_its_file_and_what_it_truly_rests_on() -> None:
    """Renewed by `python tests/architecture/map_of_code.py`; a new import alone asks for no new map."""
    written, now = rows((ROOT / "docs/architecture.md").read_text("utf-8")), rows(made().table())
    assert len(now) > 60
    assert {name: file for name, (file, _) in written.items()} == {
        name: file for name, (file, _) in now.items()
    }
    for name, (_, under) in written.items():
        assert under <= now[name][1], f"{name} no longer rests on {under - now[name][1]}"
        assert now[name][1] or name == "analysis.rule_table", name


def test_no_modules_import_each_other_in_a_ring_when_they_are_loaded() -> None:
    assert made().circles(deferred=False) == []


def test_rings_inside_of_functions_are_known_and_become_fewer() -> None:
    rings = made().circles(deferred=True)
    strange = [ring for ring in rings if len(set(ring) & DEFERRED.keys()) != 1]
    assert not strange
    assert len(rings) == len(DEFERRED), "a ring is gone: take it out of the list"


def test_a_ring_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    module = made()
    links = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    monkeypatch.setattr(module, "modules", lambda: links)
    monkeypatch.setattr(module, "imports", lambda name, deferred: frozenset(links[name]))
    assert module.circles(True) == [["a", "b", "c"]]


def test_walks_name_files_and_functions_that_are_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8").split("## Three walks")[1].split("## Map")[0]
    walks = text.split("\n**From ")[1:]
    assert len(walks) == 3
    for walk in walks:
        steps = re.findall(r"^\d\. `([\w/]+\.py)` \(([^)]*)\)", walk, re.MULTILINE)
        assert 4 <= len(steps) <= 8
        for file, names in steps:
            defined = {
                n.name
                for n in ast.walk(ast.parse((ROOT / file).read_text("utf-8")))
                if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert set(re.findall(r"`(\w+)`", names)) <= defined, file
