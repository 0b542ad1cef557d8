"""Make the README's table of comparisons from the reference tests: run it to bring the README up to date."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
BEGIN = "<!-- compared: begin (made by tests/reference/compared.py) -->"
END = "<!-- compared: end -->"


def rows() -> list[tuple[str, str, str, str]]:
    """Read statistic, program, tolerance and file out of each reference test."""
    found = []
    sys.path.insert(0, str(README.parent))  # tests share modules by their full names
    for path in sorted(HERE.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"compared_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise ImportError(path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found += [
            (what, program, f"{limit:g}", path.name)
            for what, program, limit in getattr(module, "COMPARED", [])
        ]
    return sorted(found)


def table() -> str:
    """Write the table in Markdown, a row for each test file."""
    lines = ["| statistic (tolerance) | compared with | file in `tests/reference/` |", "|---|---|---|"]
    by_file: dict[str, list[tuple[str, str, str, str]]] = {}
    for row in rows():
        by_file.setdefault(row[3], []).append(row)
    for file, found in by_file.items():
        what = "; ".join(f"{statistic} ({limit})" for statistic, _, limit, _ in found)
        programs = ", ".join(dict.fromkeys(program for _, program, _, _ in found))
        lines.append(f"| {what} | {programs} | `{file}` |")
    return "\n".join(lines)


def renewed(text: str) -> str:
    """Put the table between the marks of the README."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
