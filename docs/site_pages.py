"""Pages of the documentation site that are made when it is built: reference, methods, decisions.

`mkdocs build` calls `on_files`. Nothing of it is kept in the repository, so no page can fall behind.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECTIONS = (
    "Parameters",
    "Returns",
    "Raises",
    "Warns",
    "Notes",
    "References",
    "Examples",
    "Attributes",
    "Yields",
)


def public(package: Any) -> list[str]:
    """Name the public functions of a package."""
    return [name for name in package.__all__ if inspect.isfunction(getattr(package, name))]


def title_of(path: Path) -> str:
    """First heading of a page."""
    first = path.read_text(encoding="utf-8").lstrip().split("\n", 1)[0]
    return first.removeprefix("# ").strip()


def listing(folder: str, title: str, before: str) -> str:
    """A page that leads to every page of a folder."""
    pages = sorted(p for p in (HERE / folder).glob("*.md") if p.name != "index.md")
    lines = [f"- [{title_of(page)}]({page.name})" for page in pages]
    return f"# {title}\n\n{before}\n\n" + "\n".join(lines) + "\n"


def sections_of(text: str) -> list[tuple[str, str]]:
    """Split a docstring in the style of numpy into its opening and its sections."""
    parts = re.split(rf"^({'|'.join(SECTIONS)})\n-+\n", text, flags=re.MULTILINE)
    return [("", parts[0].strip()), *zip(parts[1::2], (p.strip("\n") for p in parts[2::2]), strict=True)]


def as_list(body: str) -> str:
    """Entries of a section of parameters as a list."""
    entries = re.split(r"\n(?=\S)", body)
    lines = []
    for entry in entries:
        name, _, rest = entry.partition("\n")
        words = " ".join(textwrap.dedent(rest).split())
        lines.append(f"- `{name.strip()}`" + (f": {escaped(words)}" if words else ""))
    return "\n".join(lines)


def escaped(words: str) -> str:
    """Words that Markdown or HTML would take for markup, outside of code."""
    pieces = words.split("`")
    return "`".join(p if k % 2 else p.replace("<", "&lt;").replace("*", "\\*") for k, p in enumerate(pieces))


def reference_of(name: str, function: Any) -> str:
    """One public function: signature, text, sections."""
    signature = str(inspect.signature(function)).replace("'", "")
    call = f"{name}{signature}".replace(", ", ",\n    ") if len(signature) > 90 else f"{name}{signature}"
    out = [f"## {name}", f"```text\n{call}\n```"]
    for section, body in sections_of(inspect.getdoc(function) or ""):
        if section:
            out.append(f"**{section}**")
        if section in ("Parameters", "Raises", "Returns", "Warns", "Attributes", "Yields"):
            out.append(as_list(body))
        elif section == "Examples":
            out.append(f"```text\n{body}\n```")
        else:
            out += [escaped(textwrap.dedent(paragraph)) for paragraph in re.split(r"\n\s*\n", body)]
    return "\n\n".join(out) + "\n"


def reference(package: Any) -> str:
    """The page of a package."""
    name = package.__name__
    about = (package.__doc__ or "").split("\n\n")[0]
    functions = [reference_of(each, getattr(package, each)) for each in public(package)]
    return f"# Public functions of `{name}`\n\n{about}\n\n" + "\n".join(functions)


def made_pages() -> dict[str, str]:
    """Path of every made page, and its text."""
    import analysis
    import instrument

    return {
        "reference/analysis.md": reference(analysis),
        "reference/instrument.md": reference(instrument),
        "methods/index.md": listing(
            "methods",
            "Methods",
            "What each statistic is, which paper it follows, and what it was compared with.",
        ),
        "adr/index.md": listing(
            "adr", "Decisions", "What was decided, in which circumstances, and what follows."
        ),
    }


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages to those that are there (called by mkdocs)."""
    from mkdocs.structure.files import File

    for path, text in made_pages().items():
        files.append(File.generated(config, path, content=text))
    return files
