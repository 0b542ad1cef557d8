"""Make small wrong changes on purpose and see which of them no test notices.

    python tests/mutation/mutate.py [--room analysis/rules.py] [--share 0.2] [--seed 1] [--seconds 120]

Each change is one token: a comparison moved by an edge or turned round, a sign, a factor, a constant, a
condition denied, a filter dropped. The tests of the room run on a copy of the tree with that one change; a
change that they pass survives and is printed. Known equivalent changes stand in equivalent.txt.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMPARED = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.In: "not in",
    ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
COMPUTED = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.BitAnd: "|", ast.BitOr: "&",
    ast.FloorDiv: "/", ast.Pow: "*",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One wrong change: `old` at a place of a file becomes `new`."""

    file: str
    line: int
    start: int
    end: int
    old: str
    new: str

    @property
    def text(self) -> str:
        """The change as it is printed and listed."""
        return f"{self.file}:{self.line}: {self.old!r} -> {self.new!r}"


def changes_of(file: str) -> list[Change]:
    """List every change that the operators above make in a file, docstrings and annotations left alone."""
    source = (ROOT / file).read_bytes()
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    found: dict[tuple[int, int, str], Change] = {}

    def place(line: int, column: int) -> int:
        return starts[line - 1] + column

    def add(line: int, start: int, end: int, new: str) -> None:
        old = source[start:end].decode()
        if old != new:
            found[start, end, new] = Change(file, line, start, end, old, new)

    def whole(node: ast.expr) -> tuple[int, int]:
        return place(node.lineno, node.col_offset), place(node.end_lineno or 0, node.end_col_offset or 0)

    def between(left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        begin, end = whole(left)[1], whole(right)[0]
        at = source.find(old.encode(), begin, end)
        if at >= 0:
            add(left.lineno, at, at + len(old), new)

    signs = {
        ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
        ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.Add: "+", ast.Sub: "-", ast.Mult: "*",
        ast.Div: "/", ast.BitAnd: "&", ast.BitOr: "|", ast.FloorDiv: "//", ast.Pow: "**",
    }  # fmt: skip
    for node in _code(ast.parse(source)):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            kind = type(node.ops[0])
            between(node.left, node.comparators[0], signs[kind], COMPARED[kind])
        elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
            between(node.left, node.right, signs[type(node.op)], COMPUTED[type(node.op)])
        elif isinstance(node, ast.BoolOp):
            word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in zip(node.values, node.values[1:], strict=False):
                between(left, right, word, other)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert, ast.USub)):
            begin, end = whole(node)
            add(node.lineno, begin, end, source[slice(*whole(node.operand))].decode())
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            value = node.value
            add(node.lineno, *whole(node), str(not value if isinstance(value, bool) else value + 1))
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Compare, ast.UnaryOp)):
            begin, end = whole(node)  # a filter dropped
            if not isinstance(node.slice, ast.UnaryOp) or isinstance(node.slice.op, ast.Invert):
                add(node.lineno, begin, end, source[slice(*whole(node.value))].decode())
    return list(found.values())


def _code(tree: ast.AST) -> list[ast.AST]:
    """Every node that computes: no docstrings, annotations or decorators."""
    nodes: list[ast.AST] = []
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        nodes.append(node)
        skipped = {id(child) for child in [getattr(node, "annotation", None), getattr(node, "returns", None)]}
        skipped |= {id(child) for child in getattr(node, "decorator_list", [])}
        if isinstance(node, ast.keyword) and node.arg == "strict":
            skipped.add(id(node.value))  # a guard against our own mistakes, which no value shows
        pending += [child for child in ast.iter_child_nodes(node) if id(child) not in skipped]
    return nodes


def survives(change: Change, tree: Path, tests: list[str], seconds: float) -> bool:
    """Run the tests of a room on a tree with one change, and restore it."""
    path = tree / change.file
    source = path.read_bytes()
    path.write_bytes(source[: change.start] + change.new.encode() + source[change.end :])
    try:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            *tests,
        ]
        ended = subprocess.run(
            command, cwd=tree, capture_output=True, timeout=seconds,
            env=os.environ | {"HYPOTHESIS_DATABASE_FILE": "", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        return ended.returncode == 0
    except subprocess.TimeoutExpired:
        return False  # a change that never ends is noticed
    finally:
        path.write_bytes(source)


def main() -> int:
    """Run, and print what survived; the exit status says whether anything unknown did."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--room", action="append", help="A file of rooms.yaml; all by default.")
    asked.add_argument("--share", type=float, default=1.0, help="Share of the changes that are tried.")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--seconds", type=float, default=180.0, help="Time for the tests of one change.")
    options = asked.parse_args()
    rooms: dict[str, list[str]] = yaml.safe_load((HERE / "rooms.yaml").read_text())
    equivalent = {line.split("  #")[0].strip() for line in (HERE / "equivalent.txt").read_text().splitlines()}
    unknown = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*.egg-info", "docs", "dta-demo")
        shutil.copytree(ROOT, tree, ignore=ignored)
        for file, tests in rooms.items():
            if options.room and file not in options.room:
                continue
            changes = [c for c in changes_of(file) if _named(c) not in equivalent]
            chosen = random.Random(options.seed).sample(changes, round(len(changes) * options.share))
            left = [
                c for c in sorted(chosen, key=lambda c: c.start) if survives(c, tree, tests, options.seconds)
            ]
            unknown += len(left)
            print(f"{file}: {len(chosen) - len(left)} of {len(chosen)} noticed", flush=True)
            for change in left:
                print(f"  survived: {change.text}    {_named(change)}", flush=True)
    return 1 if unknown else 0


def _named(change: Change) -> str:
    """A name that does not move with the lines above: the line's own text, and what changes in it."""
    source = (ROOT / change.file).read_bytes()
    begin = source.rfind(b"\n", 0, change.start) + 1
    end = source.find(b"\n", change.start)
    line = " ".join(source[begin : end if end >= 0 else None].decode().split())
    return f"{change.file} | {line} | {change.old} -> {change.new} @ {change.start - begin}"


if __name__ == "__main__":
    sys.exit(main())
