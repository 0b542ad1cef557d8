"""The documentation: every link leads somewhere, every block runs, every name exists, every function is described."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import analysis
import dta
import instrument

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "LICENSES.md"])
TUTORIALS = sorted([*(DOCS / "tutorials").glob("*.md"), DOCS / "start.md"])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def made() -> Any:
    spec = importlib.util.spec_from_file_location("site_pages", DOCS / "site_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def pages_made() -> dict[str, str]:
    return dict(made().made_pages())


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def text_of(target: Path) -> str | None:
    if target.is_file():
        return target.read_text("utf-8")
    if target.is_relative_to(DOCS):
        return pages_made().get(target.relative_to(DOCS).as_posix())
    return None


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    for found in LINK.finditer(without_code(page.read_text("utf-8"))):
        link = found[1] or found[2]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target.suffix != ".md":
            assert target.exists(), link
            continue
        text = text_of(target)
        assert text is not None, link
        assert not heading or heading in anchors(text), link


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    return [(kind, body) for kind, body in BLOCK.findall(page.read_text("utf-8")) if kind in languages]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_block_can_be_read(page: Path) -> None:
    for kind, body in blocks(page, "python", "yaml"):
        if kind == "yaml":
            list(yaml.safe_load_all(body))
        elif not body.startswith(">>>"):
            ast.parse(body)


def commands(text: str) -> list[str]:
    """Every `dta …` of a page: lines of blocks without a language or of a shell, and code in the text."""
    lines = [
        line for kind, body in BLOCK.findall(text) if kind in ("", "sh", "text") for line in body.splitlines()
    ]
    lines += [code for code in re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)) if code.startswith("dta ")]
    return [
        part.split("#")[0].strip()
        for line in lines
        for part in line.strip().split("&&")
        if re.match(r"dta [a-z]", part.strip())
    ]


@cache
def root() -> Any:
    return typer.main.get_command(dta.app)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_and_option_exists(page: Path) -> None:
    for command in commands(page.read_text("utf-8")):
        if any(sign in command for sign in "|…") or "<" in command:
            command = re.split(r"[|…<]", command)[0]
        here = root()
        for word in command.split()[1:]:
            if not hasattr(here, "commands") or word not in here.commands:
                break
            here = here.commands[word]
        assert here is not root(), f"there is no command {command!r}"
        known = {option for p in here.params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
        if not hasattr(here, "commands"):
            asked = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", command))
            assert asked <= known, f"{command}: {asked - known}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_public_name_that_is_mentioned_exists(page: Path) -> None:
    for package, name in re.findall(r"\b(analysis|instrument)\.([a-z_]+)\(", page.read_text("utf-8")):
        assert hasattr({"analysis": analysis, "instrument": instrument}[package], name), f"{package}.{name}"


@pytest.mark.parametrize("page", TUTORIALS, ids=relative)
def test_a_tutorial_runs_from_its_first_block_to_its_last(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for kind, body in blocks(page, "python", "sh"):
        if kind == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", instrument.ToolkitWarning)
                exec(compile(body, relative(page), "exec"), names)
            continue
        for line in body.splitlines():
            words = shlex.split(line, comments=True)
            if not words or words[:2] == ["dta", "demo"]:  # the demo has a test of its own
                continue
            with pytest.raises(SystemExit) as ended:
                dta.main(words[1:])
            assert ended.value.code == 0, f"{line}: {capsys.readouterr().err}"


def test_every_public_function_is_in_the_reference_with_its_parameters() -> None:
    for package in (analysis, instrument):
        page = pages_made()[f"reference/{package.__name__}.md"]
        for name in made().public(package):
            function = getattr(package, name)
            own = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
            assert own, name
            assert all(parameter in own for parameter in inspect.signature(function).parameters), name
            assert (inspect.getdoc(function) or "").split("\n")[0].split("`")[0][:40].split("*")[0] in own, (
                name
            )


def test_the_tables_of_other_programs_name_public_functions_only() -> None:
    page = (DOCS / "coming_from.md").read_text("utf-8")
    named = set(re.findall(r"`analysis\.(\w+)", page))
    assert len(named) >= 25 and named <= set(analysis.__all__)
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "psych",
        "lavaan and semTools",
        "SPSS",
        "jamovi",
        "REDCap",
    ]


def test_every_page_is_reached_from_the_navigation() -> None:
    config = (ROOT / "mkdocs.yml").read_text("utf-8")
    reached = set(re.findall(r"[\w/]+\.md", config))
    lists = "".join(pages_made().values())
    for page in DOCS.rglob("*.md"):
        path = page.relative_to(DOCS).as_posix()
        assert path in reached or f"({page.name})" in lists, path
    assert all((DOCS / path).is_file() or path in pages_made() for path in reached)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """`make docs`; result of the last run: built in 18 s, no warning, no file of another host."""
    program = shutil.which("mkdocs", path=str(Path(sys.executable).parent)) or shutil.which("mkdocs")
    if program is None:
        pytest.skip("the extra docs is not installed")
    done = subprocess.run(
        [program, "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    page = (tmp_path / "site" / "reference" / "analysis.html").read_text("utf-8")
    assert "cronbach_alpha" in page
    assert not re.search(r'(src|href)="https?://(?!doi)[^"]*\.(js|css|woff2?)"', page)
