"""The small wrong changes that can be made in a file: one token or one call each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPARED = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
COMPUTED = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.FloorDiv: ("//", "/"),
    ast.Pow: ("**", "*"),
}
DROPPED = {
    "filter",
    "unique",
    "drop_nulls",
    "dropna",
    "drop_duplicates",
    "abs",
    "where",
    "distinct",
    "order_by",
}
SWAPPED = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "left": "inner",
    "first": "last",
    "last": "first",
    "any_horizontal": "all_horizontal",
    "all_horizontal": "any_horizontal",
    "maximum": "minimum",
    "minimum": "maximum",
    "floor": "ceil",
    "ceil": "floor",
    "is_null": "is_not_null",
    "is_not_null": "is_null",
    "isna": "notna",
    "notna": "isna",
    "union": "intersection",
    "intersection": "union",
}
EDGES = {">=": ">", ">": ">=", "<=": "<", "<": "<="}  # of a rule, written as text
GUARDS = {"strict", "stacklevel", "maxsize", "max_iter", "check_same_thread", "parse_dates", "copy", "index"}


@dataclass(frozen=True)
class Change:
    """One wrong change: `old` at a place of a file becomes `new`."""

    file: str
    line: int
    start: int
    end: int
    old: str
    new: str
    name: str
    owner: str | None  # the outermost function whose body holds it, None where it is run on import

    @property
    def text(self) -> str:
        """The change as it is printed."""
        return f"{self.file}:{self.line}: {self.old!r} -> {self.new!r}"

    def applied(self, source: bytes) -> bytes:
        """The whole file with the change made."""
        return source[: self.start] + self.new.encode() + source[self.end :]


def changes_of(file: str, root: Path = ROOT) -> list[Change]:
    """List every change in a file; docstrings, annotations, decorators and guards are left alone."""
    source = (root / file).read_bytes()
    starts = [0]
    for row in source.split(b"\n"):
        starts.append(starts[-1] + len(row) + 1)
    found: dict[tuple[int, int, str], Change] = {}

    def whole(node: ast.AST) -> tuple[int, int]:
        begin = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return begin, starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def stands(node: ast.expr) -> bool:
        """Whether the place is right: inside an f-string it need not be."""
        try:
            text = source[slice(*whole(node))].decode()
            return ast.dump(ast.parse(f"({text}\n)", mode="eval").body) == ast.dump(node)
        except (SyntaxError, UnicodeDecodeError, ValueError):
            return False

    for node, owner in _code(ast.parse(source)):
        for anchor, begin, end, new in _edits(node, whole, source):
            old = source[begin:end].decode()
            if old == new or not stands(anchor):
                continue
            line = source.count(b"\n", 0, begin) + 1
            text = " ".join(source[starts[line - 1] : starts[line] - 1].decode().split())
            brief = [" ".join(part.split()) for part in (old, new)]
            name = f"{file} | {text} | {brief[0]} -> {brief[1]} @ {begin - starts[line - 1]}"
            found[begin, end, new] = Change(file, line, begin, end, old, new, name, owner)
    return sorted(found.values(), key=lambda change: (change.start, change.new))


def written_by_hand(file: str, pairs: list[list[str]], root: Path = ROOT) -> list[Change]:
    """Give the changes of a file that are written by hand: a text that stands there once, and what it becomes."""
    source = (root / file).read_bytes()
    owners: dict[int, str | None] = {}
    for node, owner in _code(ast.parse(source)):
        if isinstance(node, ast.stmt):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                owners[line] = owner or owners.get(line)
    found = []
    for old, new in pairs:
        if source.count(old.encode()) != 1:
            print(f"  write anew, it does not stand there once: {file} | {old}")
            continue
        start = source.index(old.encode())
        line = source.count(b"\n", 0, start) + 1
        brief = [" ".join(part.split()) for part in (old, new)]
        name = f"{file} | by hand | {brief[0]} -> {brief[1]}"
        found.append(Change(file, line, start, start + len(old.encode()), old, new, name, owners.get(line)))
    return found


def _edits(node: ast.AST, whole, source: bytes) -> Iterator[tuple[ast.expr, int, int, str]]:  # type: ignore[no-untyped-def]
    """Give every change of one node: what must stand where it seems to, first byte, last byte, new text."""

    def between(
        left: ast.expr, right: ast.expr, old: str, new: str
    ) -> Iterator[tuple[ast.expr, int, int, str]]:
        begin, end = whole(left)[1], whole(right)[0]
        at = source.find(old.encode(), begin, end)
        if at >= 0:
            yield node, at, at + len(old), new  # type: ignore[misc]

    def text(part: ast.AST) -> str:
        return source[slice(*whole(part))].decode()

    if isinstance(node, ast.Compare):
        for left, kind, right in zip(
            [node.left, *node.comparators], node.ops, node.comparators, strict=False
        ):
            yield from between(left, right, *COMPARED[type(kind)])
    elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
        yield from between(node.left, node.right, *COMPUTED[type(node.op)])
    elif isinstance(node, ast.BoolOp):
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from between(left, right, word, other)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert, ast.USub)):
        yield node, *whole(node), text(node.operand)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        value = node.value
        moved = round(value + 0.01, 10) if 0.01 <= value < 1 and isinstance(value, float) else value + 1
        yield node, *whole(node), str(not value if isinstance(value, bool) else moved)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in EDGES:
        yield node, *whole(node), f'"{EDGES[node.value]}"'
    elif isinstance(node, ast.Constant) and node.value in ("left", "inner"):
        yield node, *whole(node), '"inner"' if node.value == "left" else '"left"'
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Compare, ast.UnaryOp)):
        if not isinstance(node.slice, ast.UnaryOp) or isinstance(node.slice.op, ast.Invert):
            yield node, *whole(node), text(node.value)  # a filter dropped
    elif (
        isinstance(node, (ast.If, ast.IfExp))
        and not isinstance(node.test, (ast.Compare, ast.UnaryOp, ast.BoolOp))
        and text(node.test) != "TYPE_CHECKING"  # what is imported for types alone has no value
    ):
        yield node.test, *whole(node.test), f"not ({text(node.test)})"
    elif isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield test, *whole(test), "True"
    elif isinstance(node, ast.Call) and _may_be_dropped(node.func):
        yield node, *whole(node), text(node.func.value)  # type: ignore[attr-defined]
    if isinstance(node, ast.Call):
        called = node.func
        word = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if word in SWAPPED and word != "left":
            end = whole(called)[1]
            yield called, end - len(word), end, SWAPPED[word]


def _may_be_dropped(called: ast.expr) -> bool:
    """Whether a call is a filter of what it stands behind."""
    if not isinstance(called, ast.Attribute) or called.attr not in DROPPED:
        return False
    return not (isinstance(called.value, ast.Name) and called.value.id in ("np", "pd", "pl"))


def _code(tree: ast.AST) -> list[tuple[ast.AST, str | None]]:
    """Every node that computes, with the outermost function whose body it is in."""
    nodes: list[tuple[ast.AST, str | None]] = []
    pending: list[tuple[ast.AST, str, str | None]] = [(tree, "", None)]
    while pending:
        node, inside, owner = pending.pop()
        nodes.append((node, owner))
        skipped = {id(child) for child in [getattr(node, "annotation", None), getattr(node, "returns", None)]}
        skipped |= {id(child) for child in getattr(node, "decorator_list", [])}
        if isinstance(node, ast.keyword) and node.arg in GUARDS:
            skipped.add(id(node.value))  # a guard against our own mistakes, which no value shows
        body: set[int] = set()
        name = inside
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{inside}.{node.name}".lstrip(".")
            if not isinstance(node, ast.ClassDef):
                body = {id(child) for child in node.body}
        elif isinstance(node, ast.Lambda):
            body = {id(node.body)}
            name = f"{inside}.<lambda>".lstrip(".")
        for child in ast.iter_child_nodes(node):
            if id(child) not in skipped:
                pending.append((child, name, owner or (name if id(child) in body else None)))
    return nodes
