"""Make small wrong changes on purpose and see which of them no test notices.

    python tests/mutation/mutate.py --room adherence [--file analysis/adherence/models/rows.py] [--changes 8] [--seed 1]
    python tests/mutation/mutate.py --all --table docs/mutation.md
    python tests/mutation/mutate.py --by-hand --all
    python tests/mutation/mutate.py --by-hand --room store [--file instrument/store/outbox.py]

Each change is one token or one call: a comparison moved by an edge or turned round, a sign, a factor, a constant,
a condition denied, a join, a filter dropped. From every file of a room (rooms.yaml) a sample is drawn; the tests
that run the changed function, nearest first, run on it until one fails. A change that they all pass survives and
is printed by its name. Changes shown to be equivalent stand in equivalent.txt by that name, with the reason.

What each test runs is recorded once per version of its file, in the folder of `--keep` (a temporary one by
default). The tests of one change stop after `--seconds` of their own time.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from changes import Change, changes_of, written_by_hand  # noqa: E402

BASES = (
    "numpy",
    "scipy.stats",
    "scipy.optimize",
    "pandas",
    "polars",
    "statsmodels.api",
    "sqlalchemy",
    "typer",
    "yaml",
    "jinja2",
    "hypothesis",
    "pydantic",
    "matplotlib.figure",
    "factor_analyzer",
    "fastapi.testclient",
    "pingouin",
    "narwhals",
    "pyarrow",
    "openpyxl",
    "pyreadstat",
    "duckdb",
    "streamlit.testing.v1",
)


def main() -> int:
    """Run, print what survived and write the table; the exit status says whether anything unknown survived."""
    options = _options()
    rooms: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "rooms.yaml").read_text())
    if options.by_hand:
        rooms = {
            path.stem: _written(path, options.file) for path in sorted((HERE / "by_hand").glob("*.yaml"))
        }
    known = {
        name.strip()
        for line in (HERE / "equivalent.txt").read_text().splitlines()
        if (name := _name_of(line))
    }
    wanted = list(rooms) if options.all else options.room or []
    if unknown := set(wanted) - set(rooms):
        print(f"mutate: no such room: {sorted(unknown)}\nHint: one of {sorted(rooms)}")
        return 2
    kept = Path(options.keep or tempfile.mkdtemp())
    tree = _copy(kept / "tree")
    os.chdir(tree)
    for name in BASES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # an extra that is not installed
    survivors = 0
    for room in wanted:
        rows = kept / f"rows_{room.replace(' ', '_')}.jsonl"
        before = _ends(rows) if options.again else {}
        rows.write_text("")
        child = os.fork()
        if child == 0:
            os._exit(_room(room, rooms[room], options, known, kept, rows, before))
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status):
            print(f"mutate: the tests of {room} could not be collected")
            return 3
        results = [json.loads(line) for line in rows.read_text().splitlines()]
        survivors += sum(row["ended"] == "survived" for row in results)
        if options.table:
            said = f"--by-hand --room {room}" if options.by_hand else f"--room {room}"
            name = f"{room}, by hand" if options.by_hand else room
            from table import write_table

            write_table(
                ROOT / options.table, name, results, said, options.seconds, before=bool(options.without)
            )
    if not options.keep:
        shutil.rmtree(kept)
    return 1 if survivors else 0


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--room", action="append", help="A room of rooms.yaml.")
    asked.add_argument("--all", action="store_true", help="All rooms.")
    asked.add_argument("--file", action="append", help="Only these files of the room.")
    asked.add_argument("--changes", type=int, help="Changes per file; rooms.yaml has the default.")
    asked.add_argument(
        "--by-hand", action="store_true", help="The changes of by_hand/ instead of drawn ones."
    )
    asked.add_argument("--only", help="Only changes whose name holds this text; all of them.")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--seconds", type=float, default=20.0, help="Time for the tests of one change.")
    asked.add_argument("--keep", help="Folder that holds the copy of the tree and what each test runs.")
    asked.add_argument(
        "--again", action="store_true", help="Only what survived in the last run kept in `--keep`."
    )
    asked.add_argument("--without", help="Leave out tests whose name holds this text.")
    asked.add_argument("--table", help="File of the table of scores.")
    return asked.parse_args()


def _written(path: Path, files: list[str] | None) -> dict[str, Any]:
    """The changes written by hand for a room, and the files of the tests that answer for them."""
    listed = {
        file: entry for file, entry in yaml.safe_load(path.read_text()).items() if not files or file in files
    }
    named = {test.partition("::")[0] for entry in listed.values() for test in entry["tests"]}
    return {"files": list(listed), "tests": sorted(named), "by_hand": listed}


def _ends(rows: Path) -> dict[str, str]:
    """What became of each change in an earlier run."""
    lines = rows.read_text().splitlines() if rows.exists() else []
    return {row["name"]: row["ended"] for row in map(json.loads, lines)}


def _name_of(line: str) -> str:
    return "" if line.startswith("#") else line.split("  #")[0]


def _copy(tree: Path) -> Path:
    """Copy what git knows, so that the tree may be edited meanwhile."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    files = {name for name in listed if (ROOT / name).is_file()}
    for name in files:
        old, new = ROOT / name, tree / name
        if not new.exists() or new.stat().st_mtime_ns != old.stat().st_mtime_ns:
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old, new)
    for path in tree.rglob("*.py"):
        if path.relative_to(tree).as_posix() not in files:
            path.unlink()
    return tree


def sampled(file: str, room: dict[str, Any], options: argparse.Namespace) -> list[Change]:
    """Draw the changes of a file: each line at most once while lines last, by seed and file alone."""
    if options.by_hand:
        found = written_by_hand(file, room["by_hand"][file]["changes"], Path.cwd())
        return [change for change in found if not options.only or options.only in change.name]
    every = changes_of(file, Path.cwd())
    if options.only:
        return [change for change in every if options.only in change.name]
    draw = random.Random(f"{options.seed} {file}")
    draw.shuffle(every)
    lines: set[int] = set()
    first, later = [], []
    for change in every:
        (later if change.line in lines else first).append(change)
        lines.add(change.line)
    return sorted((first + later)[: options.changes or room["changes"]], key=lambda change: change.start)


def _room(
    name: str,
    room: dict[str, Any],
    options: argparse.Namespace,
    known: set[str],
    kept: Path,
    rows: Path,
    before: dict[str, str],
) -> int:
    import pytest
    from running import HOW, Loop, names_at_import

    files = sorted({p.relative_to(ROOT).as_posix() for pattern in room["files"] for p in ROOT.glob(pattern)})
    files = [file for file in files if not options.file or file in options.file]

    by_hand: dict[str, Any] = room.get("by_hand", {})

    def chosen(change: Change, reach: Any, items: dict[str, Any]) -> list[Any]:
        if by_hand:
            answering = tuple(by_hand[change.file]["tests"])
            left_out = re.compile(options.without or r"(?!)")
            return [
                item
                for test, item in items.items()
                if test.startswith(answering) and "[postgresql" not in test and not left_out.search(test)
            ]
        if change.owner is not None:
            keys = {f"{change.file}:{change.owner.split('.<lambda>')[0]}"}
        else:
            source = Path(change.file).read_text()
            keys = {f"{change.file}:{f}" for f in _functions(source)}
            for word in names_at_import(ast.parse(source), change.line):
                keys |= _users(word)
        of = {
            test: reach.functions(test)
            for test in items
            if test in reach.tests
            and reach.tests[test]["passed"]
            and not (options.without and re.search(options.without, test))
        }
        near = [test for test, functions in of.items() if functions & keys]
        if change.owner is None:
            near += [test for test in of if test not in near and _names(items[test].path, change.file)]
        near.sort(key=lambda test: (len(of[test]), reach.tests[test]["seconds"]))
        order: list[str] = []
        for test in near:
            if reach.seconds([*order, test]) <= options.seconds or not order:
                order.append(test)
        place = {}
        for test in order:  # the tests of one file after each other, so that a fixture is made once
            place.setdefault(items[test].path, len(place))
        return [items[test] for test in sorted(order, key=lambda test: place[items[test].path])]

    def work(loop: Loop, session: Any, items: dict[str, Any], reach: Any) -> None:
        with rows.open("a") as out:
            for file in files:
                ended: list[str] = []
                left: list[Change] = []
                for change in sampled(file, room, options):
                    if change.name in known:
                        end = "equivalent"
                    elif before.get(change.name, "survived") != "survived":
                        end = before[change.name]
                    else:
                        tests = chosen(change, reach, items)
                        known_time = reach.seconds(
                            [item.nodeid for item in tests if item.nodeid in reach.tests]
                        )
                        seconds = 600 if by_hand else 60 + 10 * known_time
                        end = loop.ends(session, change, tests, seconds) if tests else "survived"
                        if end == "survived":
                            left.append(change)
                            print(f"  survived {len(tests)} tests: {change.name}", flush=True)
                    ended.append(end)
                    out.write(json.dumps({"file": file, "name": change.name, "ended": end}) + "\n")
                    out.flush()
                same = ended.count("equivalent")
                print(f"{file}: {len(ended) - len(left) - same} of {len(ended) - same} noticed", flush=True)

    loop = Loop(Path.cwd(), kept / "reach.jsonl", work, records=not by_hand)
    sys.path.insert(0, str(Path.cwd()))
    paths = [
        *(path for wanted in room["tests"] for path in _found(wanted)),
        *(
            f
            for f in files
            if f.split("/")[0] in ("analysis", "instrument") and "migrations" not in f and not by_hand
        ),
    ]
    return int(pytest.main([*HOW, *dict.fromkeys(paths)], plugins=[loop]) not in (0, 5))


def _found(wanted: str) -> list[str]:
    """Files that a pattern of rooms.yaml stands for."""
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(wanted))


@cache
def _names(test: Path, file: str) -> bool:
    """Whether a file of tests imports a module: what is run on import has no function to be reached by."""
    package, _, stem = file.removesuffix(".py").replace("/", ".").rpartition(".")
    text = test.read_text()
    return f"{package}.{stem}" in text or bool(
        re.search(rf"from {re.escape(package)} import .*\b{stem}\b", text)
    )


def _functions(source: str) -> set[str]:
    """Outermost functions and methods of a module."""
    found: set[str] = set()
    pending: list[tuple[ast.AST, str]] = [(ast.parse(source), "")]
    while pending:
        node, inside = pending.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.add(f"{inside}.{child.name}".lstrip("."))
            elif isinstance(child, ast.ClassDef):
                pending.append((child, f"{inside}.{child.name}"))
    return found


def _users(word: str) -> set[str]:
    """Functions of the project in which a name occurs."""
    found: set[str] = set()
    for top in ("analysis", "instrument", "dashboard"):
        for path in (ROOT / top).rglob("*.py"):
            source = path.read_text()
            if word not in source:
                continue
            file = path.relative_to(ROOT).as_posix()
            pending: list[tuple[ast.AST, str]] = [(ast.parse(source), "")]
            while pending:
                node, inside = pending.pop()
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        used = {getattr(n, "id", getattr(n, "attr", None)) for n in ast.walk(child)}
                        if word in used:
                            found.add(f"{file}:{inside}.{child.name}".replace(":.", ":"))
                    elif isinstance(child, ast.ClassDef):
                        pending.append((child, f"{inside}.{child.name}"))
    return found


if __name__ == "__main__":
    sys.exit(main())
