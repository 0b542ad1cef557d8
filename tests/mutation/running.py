"""Run tests on a wrong change in a child of a process that has already collected them."""

from __future__ import annotations

import ast
import gc
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from changes import Change

HOW = (
    "-q",
    "-m",
    "(not slow or mutation) and not postgres and not spark and not browser",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--hypothesis-seed=1",
    "-W",
    "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
)
PROJECT = ("analysis", "instrument", "dashboard")


class Reach:
    """Which functions each test runs, and how long it takes; written once per version of a test file."""

    def __init__(self, tree: Path, kept: Path) -> None:
        self.tree, self.kept = tree, kept
        self.tests: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, dict[str, Any]] = {}
        for line in kept.read_text().splitlines() if kept.exists() else []:
            row = json.loads(line)
            (self.parts if row["kind"] == "part" else self.tests)[row["id"]] = row

    def known(self, item: pytest.Item) -> bool:
        """Whether this test, as it is written now, was run before."""
        return self.tests.get(item.nodeid, {}).get("text") == text_of(item)

    def functions(self, test: str) -> set[str]:
        """Functions that a test and the fixtures and caches it rests on run."""
        row = self.tests[test]
        own = set(row["functions"])
        return own.union(*(self.parts[part]["functions"] for part in row["parts"] if part in self.parts))

    def seconds(self, tests: list[str]) -> float:
        """Time of some tests, each fixture of theirs counted once."""
        parts = {part for test in tests for part in self.tests[test]["parts"] if part in self.parts}
        return sum(self.tests[t]["seconds"] for t in tests) + sum(self.parts[p]["seconds"] for p in parts)


_texts: dict[Path, str] = {}


def text_of(item: pytest.Item) -> str:
    """A digest of the file of a test and of the shared files beside it."""
    if item.path not in _texts:
        beside = sorted(p for p in item.path.parent.glob("*.py") if not p.name.startswith("test_"))
        files = [item.path, *(beside if "tests" in item.path.parts else [])]
        _texts[item.path] = hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]
    return _texts[item.path]


class Recorder:
    """A pytest plugin that notes the functions of the project that each test runs."""

    def __init__(self, tree: Path) -> None:
        self.inside = tuple(f"{tree}/{top}/" for top in PROJECT)
        self.cut = len(str(tree)) + 1
        self.seen: dict[int, CodeType] = {}
        self.parts: set[str] = set()
        self.away = 0.0
        self.out: Any = None

    def trace(self, frame: Any, event: str, arg: Any) -> None:
        """Note a function that is entered."""
        code = frame.f_code
        self.seen.setdefault(id(code), code)

    def names(self) -> list[str]:
        """The functions noted, as `file:name`."""
        codes = [c for c in list(self.seen.values()) if c.co_filename.startswith(self.inside)]
        return sorted({f"{c.co_filename[self.cut :]}:{c.co_qualname.split('.<locals>')[0]}" for c in codes})

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Note what a fixture or a cached helper runs apart from the test that happens to be first."""
        outer, parts, away = self.seen, self.parts, self.away
        self.seen, self.parts, self.away = {}, set(), 0.0
        begun = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - begun
            row = {
                "kind": "part",
                "id": name,
                "seconds": round(took - self.away, 3),
                "functions": self.names(),
            }
            self.out.write(json.dumps(row) + "\n")
            inner = self.parts
            self.seen, self.parts, self.away = outer, parts | {name} | inner, away + took

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say why a test does not pass unchanged."""
        if report.failed:
            os.write(2, f"{report.nodeid}: {str(report.longrepr)[-1500:]}\n".encode())

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        """Note shared fixtures apart."""
        if fixturedef.scope == "function":
            return (yield)
        with self.part(_fixture(fixturedef, request)):
            return (yield)

    def hold_caches(self) -> None:
        """Note cached helpers of the tests apart."""
        for module in [m for m in sys.modules.values() if "/tests/" in (getattr(m, "__file__", "") or "")]:
            for name, kept in list(vars(module).items()):
                if isinstance(kept, _lru_cache_wrapper):
                    setattr(module, name, self._noted(kept))

    def _noted(self, kept: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            name = f"{kept.__module__}.{kept.__qualname__}{args}{options}"[:200]
            self.parts.add(name)
            misses = kept.cache_info().misses
            with _Late(self, name) as late:
                result = kept(*args, **options)
                late.wanted = kept.cache_info().misses > misses
            return result

        call.cache_clear = kept.cache_clear  # type: ignore[attr-defined]
        return call


class _Late:
    """A part that is written only when it turned out to have run."""

    def __init__(self, recorder: Recorder, name: str) -> None:
        self.recorder, self.name, self.wanted = recorder, name, True

    def __enter__(self) -> _Late:
        self.outer = (self.recorder.seen, self.recorder.parts, self.recorder.away)
        self.recorder.seen, self.recorder.parts, self.recorder.away = {}, set(), 0.0
        self.begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        recorder = self.recorder
        took = time.perf_counter() - self.begun
        if self.wanted:
            row = {"kind": "part", "id": self.name, "seconds": round(took - recorder.away, 3)}
            recorder.out.write(json.dumps(row | {"functions": recorder.names()}) + "\n")
        inner = recorder.parts
        recorder.seen, parts, away = self.outer
        recorder.parts, recorder.away = parts | inner, away + took


def _fixture(fixturedef: Any, request: Any) -> str:
    return f"{fixturedef.baseid}:{fixturedef.argname}:{getattr(request, 'param_index', 0)}"


class Loop:
    """A pytest plugin: instead of the tests once, the chosen tests once per change."""

    def __init__(self, tree: Path, reach: Path, work: Any, *, records: bool = True) -> None:
        self.tree, self.reach_file, self.work, self.records = tree, reach, work, records
        self.recorder = Recorder(tree)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Record what is unknown, then hand over to the work."""
        reach = Reach(self.tree, self.reach_file)
        unknown = [item for item in session.items if self.records and not reach.known(item)]
        files = list(dict.fromkeys(item.path for item in unknown))
        for number, path in enumerate(files):
            mine = [item for item in unknown if item.path == path]
            begun = time.perf_counter()
            self._in_child(lambda mine=mine: self._record(session, mine), seconds=900)  # type: ignore[misc]
            took = time.perf_counter() - begun
            print(f"reach {number + 1}/{len(files)} {path.relative_to(self.tree)}: {took:.1f} s", flush=True)
        reach = Reach(self.tree, self.reach_file)
        items = {item.nodeid: item for item in session.items}
        slow = [i for i in items if i in reach.tests and not reach.tests[i]["passed"]]
        if slow:
            print(f"not used, for they do not pass unchanged: {slow[:5]} and {max(0, len(slow) - 5)} more")
        self.work(self, session, items, reach)
        return True

    def _record(self, session: pytest.Session, items: list[pytest.Item]) -> int:
        recorder = self.recorder
        session.config.pluginmanager.register(recorder)
        recorder.hold_caches()
        caches = project_caches()
        with self.reach_file.open("a") as recorder.out:
            for item, following in zip(items, [*items[1:], None], strict=True):
                for cache in caches:
                    cache.cache_clear()
                failed = session.testsfailed
                recorder.seen, recorder.parts, recorder.away = {}, set(), 0.0
                begun = time.perf_counter()
                threading.settrace(recorder.trace)
                sys.settrace(recorder.trace)
                try:
                    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                finally:
                    sys.settrace(None)
                    threading.settrace(None)  # type: ignore[arg-type]
                took = time.perf_counter() - begun - recorder.away
                fixtures = getattr(item, "_fixtureinfo", None)
                shared = [
                    f"{d[-1].baseid}:{d[-1].argname}:{index_of(item, d[-1].argname)}"
                    for d in (fixtures.name2fixturedefs.values() if fixtures else [])
                    if d[-1].scope != "function"
                ]
                row = {
                    "kind": "test",
                    "id": item.nodeid,
                    "text": text_of(item),
                    "seconds": round(took, 3),
                    "passed": session.testsfailed == failed,
                    "functions": recorder.names(),
                    "parts": sorted({*recorder.parts, *shared}),
                }
                recorder.out.write(json.dumps(row) + "\n")
        return 0

    def ends(self, session: pytest.Session, change: Change, items: list[pytest.Item], seconds: float) -> str:
        """Run tests on one change until one fails: "killed", "survived" or "never ended"."""
        status = self._in_child(lambda: self._try(session, change, items), seconds)
        if status not in (0, 1, 2, None):  # no test failed: the change was not tried as it should be
            raise RuntimeError(f"{change.text}: the process of its tests ended with {status}")
        return {0: "survived", None: "never ended"}.get(status, "killed")

    def _in_child(self, run: Any, seconds: float) -> int | None:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            status = 70
            try:
                quiet = os.open(
                    os.environ.get("MUTATION_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND
                )
                os.dup2(quiet, 1)
                os.dup2(quiet, 2)
                os.setpgid(0, 0)
                status = run()
            except BaseException as error:  # the child must not go on as a second parent
                os.write(2, f"{error!r}\n".encode())
            finally:
                os._exit(status)
        ended = time.monotonic() + seconds
        pause = 0.005
        while time.monotonic() < ended:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(pause)
            pause = min(pause * 1.3, 0.2)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None

    def _try(self, session: pytest.Session, change: Change, items: list[pytest.Item]) -> int:
        source = (self.tree / change.file).read_bytes()
        changed = change.applied(source)
        hook = _Hook(self.tree / change.file, module_of(change.file), changed)
        sys.meta_path.insert(0, hook)
        if change.owner is not None and (
            hook.name not in sys.modules or self._swapped(change, source, changed)
        ):
            for cache in project_caches():
                cache.cache_clear()
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    return 1
            return 0
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.tree) + "/") and name not in (
                "__main__",
                "changes",
                "running",
            ):
                del sys.modules[name]
        try:
            importlib.import_module(
                hook.name
            )  # first of all: pytest would import a doctest's module by its path
        except Exception:  # a change that stops everything is noticed by whatever is run
            return 1
        ids = [item.nodeid for item in items]
        status = int(pytest.main([*HOW, "-x", *ids]))
        if status == pytest.ExitCode.USAGE_ERROR:  # a changed registry has other tests: those that it leaves
            status = int(pytest.main([*HOW, "-x", *dict.fromkeys(one.split("::")[0] for one in ids)]))
        return status

    def _swapped(self, change: Change, source: bytes, changed: bytes) -> bool:
        """Give the functions that exist already their changed code; false where that is not possible."""
        path = str(self.tree / change.file)
        old, new = (_codes(compile(text, path, "exec")) for text in (source, changed))
        if [c.co_qualname for c in old] != [c.co_qualname for c in new]:
            return False
        pairs = {(c.co_qualname, c.co_firstlineno): n for c, n in zip(old, new, strict=True)}
        swapped = set()
        try:
            for function in live_functions().get(path, []):
                key = (function.__code__.co_qualname, function.__code__.co_firstlineno)
                if key in pairs:
                    function.__code__ = pairs[key]
                    swapped.add(key[0])
        except ValueError:  # another number of free variables
            return False
        return change.owner in swapped


def index_of(item: pytest.Item, name: str) -> int:
    """Number of the parameter of a fixture in a test."""
    return getattr(getattr(item, "callspec", None), "indices", {}).get(name, 0)


def module_of(file: str) -> str:
    """The dotted name of a file."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _codes(code: CodeType) -> list[CodeType]:
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _codes(constant)
    return found


_live: dict[str, list[FunctionType]] = {}
_caches: list[Any] = []


def live_functions() -> dict[str, list[FunctionType]]:
    """Every function that exists, by the file it was written in."""
    if not _live:
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType):
                _live.setdefault(thing.__code__.co_filename, []).append(thing)
    return _live


def project_caches() -> list[Any]:
    """Every cached function of the project."""
    if not _caches:
        _caches.extend(
            thing
            for thing in gc.get_objects()
            if isinstance(thing, _lru_cache_wrapper) and (thing.__module__ or "").split(".")[0] in PROJECT
        )
    return _caches


class _Hook(importlib.abc.MetaPathFinder):
    """Import one module with its change."""

    def __init__(self, path: Path, name: str, source: bytes) -> None:
        self.path, self.name, self.source = path, name, source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Give the changed module when it is asked for."""
        if name != self.name:
            return None
        inside = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        loader = _Loader(name, str(self.path))
        loader.source = self.source
        return importlib.util.spec_from_file_location(
            name, self.path, loader=loader, submodule_search_locations=inside
        )


class _Loader(importlib.machinery.SourceFileLoader):
    source: bytes

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed text."""
        return compile(self.source, self.path, "exec")


def names_at_import(tree: ast.Module, line: int) -> set[str]:
    """Names that the statement at a line of a module defines."""
    for node in tree.body:
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
                return {node.name}
            return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return set()
