"""Make the map in docs/architecture.md: each public function, its file, what it rests on; `python` this file."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("instrument", "analysis", "dashboard")
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- map: begin (made by tests/architecture/map_of_code.py) -->", "<!-- map: end -->"


@cache
def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path
    return found


@cache
def _read(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def _statements(body: list[ast.stmt], deferred: bool) -> Iterator[ast.stmt]:
    """Statements at every depth; what is there for types alone is left out, functions where not `deferred`."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not deferred:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _statements(node.orelse, deferred)
            continue
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, part, [])
            if part in ("handlers", "cases"):
                inner = [deeper for branch in inner for deeper in branch.body]
            yield from _statements(inner, deferred)


@cache
def imports(name: str, deferred: bool) -> frozenset[str]:
    """Modules of ours that a module imports: when it is loaded, or also inside of functions."""
    found: set[str] = set()
    for node in _statements(_read(name).body, deferred):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            deeper = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {entry if entry in modules() else node.module for entry in deeper}
    return frozenset(found & modules().keys() - {name})


def circles(deferred: bool) -> list[list[str]]:
    """Groups of modules that import each other in a ring (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    rings: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(imports(name, deferred)):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            ring = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(ring) > 1:
                rings.append(sorted(ring))

    for name in modules():
        if name not in index:
            visit(name)
    return sorted(rings)


def room(name: str) -> str:
    """Folder of a module inside its package; the package where it lies loose."""
    parts = name.split(".")
    if modules()[name].name == "__init__.py":
        return name
    return ".".join(parts[:-1]) if len(parts) > 2 else name


def rests_on(name: str) -> list[str]:
    """Rooms that a module imports, its own left out."""
    return sorted({room(other) for other in imports(name, True)} - {room(name), "analysis", "instrument"})


def _folder(path: Path) -> str:
    return path.relative_to(ROOT).parent.as_posix()


def purpose(folder: str) -> str:
    """First sentence of the documentation of a folder."""
    text = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return text.split("\n")[0].rstrip(".")


def table() -> str:
    """The map: public functions, then rooms with their count of modules and what they are for."""
    import inspect

    import analysis
    import instrument

    lines = ["| function | file | rests on |", "|---|---|---|"]
    for package in (analysis, instrument):
        for name in package.__all__:
            home = package._HOME[name]
            if inspect.isfunction(getattr(package, name)):
                path = modules()[home].relative_to(ROOT).as_posix()
                under = ", ".join(f"`{entry}`" for entry in rests_on(home)) or "nothing of ours"
                lines.append(f"| `{package.__name__}.{name}` | `{path}` | {under} |")
    counts = Counter(_folder(path) for path in modules().values())
    lines += ["", f"{len(modules())} modules by the folder they lie in:", ""]
    lines += ["| room | modules | what it is for |", "|---|---:|---|"]
    lines += [f"| `{folder}` | {n} | {purpose(folder)} |" for folder, n in sorted(counts.items())]
    return "\n".join(lines)


def page_with(text: str) -> str:
    """The page with its map replaced."""
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
