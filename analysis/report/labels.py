"""Labels in the place of ids: what is printed names items, themes and columns as people know them."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.report.about_app import to_the_point
from analysis.report.directions import isolated_tree, isolated_whole
from analysis.report.view import Tree

LONGEST = 40
"""Letters of a short label of an item."""
READ = "read"
NAMING = frozenset(
    (
        "item",
        "one",
        "other",
        "title",
        "one_title",
        "other_title",
        "grouping",
        "covariate",
        "kind",
        "outcome",
        "relation",
        "left_out",
        "lhs",
        "rhs",
        "largest_item",
        "largest_mcfadden_item",
        "measure",
        "factor",
        "predictor",
        "mediator",
    )
)
"""Columns whose cells are names; a cell of another one may be a word that only looks like an id."""
ALWAYS = frozenset(("item", "grouping"))  # figures read them where the table does not print them
SAID = ("claim", "note", "what")  # of a finding or a part that was not tested
TEXTS = ("message", "prose", "problems", "untested", "warnings", "findings")
_PLAIN = re.compile(r"[a-z]+")
_JOINT = re.compile(r"(, | and )")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What readers call things.

    Attributes
    ----------
    labels
        Id to label.
    wordings
        Ids whose label is a wording, put in quotation marks inside a sentence.
    pattern
        Finds ids in a running text.
    """

    labels: Mapping[str, str]
    wordings: frozenset[str]
    pattern: re.Pattern[str]

    def cell(self, text: str, key: str) -> str:
        """Give a cell of a column in words."""
        if key in NAMING and text in self.labels:
            return self.labels[text]
        return self.value(text) if key in NAMING else self.running(text)

    def value(self, text: str) -> str:
        """Give a value that stands in a sentence: a name, a list of names, or a text."""
        pieces = _JOINT.split(text)
        if all(piece in self.labels for piece in pieces[::2]):
            return "".join(self._said(p) if place % 2 == 0 else p for place, p in enumerate(pieces))
        return text if "\n" in text else self.running(text)  # lines: a model as a program reads it

    def running(self, text: str) -> str:
        """Give a text with the ids in it in words; places that are filled later stay."""
        return self.pattern.sub(self._found, text)

    def _found(self, match: re.Match[str]) -> str:
        named = match.groupdict()
        if several := named.get("list"):
            return self.value(several)
        name = named.get("sure") or named.get("put") or named.get("by")
        return self._said(name) if name else match[0]

    def _said(self, name: str) -> str:
        label = self.labels[name]
        return f"“{label}”" if name in self.wordings else label


def names_of(meta: Mapping[str, Any]) -> Names:
    """Gather what readers call the items, themes and columns of these results.

    Parameters
    ----------
    meta
        The tree's `meta`.

    Returns
    -------
    Names
        Items by the start of their wording, each told apart; themes by title; columns by the label that the
        study file gives, else by their name without underscores.
    """
    about = meta["instrument"]
    wordings = _told_apart(about["items"])
    columns: Mapping[str, str] = meta.get("labels") or {}
    titles = {theme["id"]: theme["title"] for theme in about["themes"]}
    labels = {name: isolated_whole(label) for name, label in {**columns, **titles, **wordings}.items()}
    changed = [name for name, label in labels.items() if label != name]
    plain = [name for name in changed if _PLAIN.fullmatch(name)]
    sure = [name for name in changed if not _PLAIN.fullmatch(name)]
    parts = [r"\{[^{}]*\}"]
    if sure:
        parts.append(rf"(?<![\w.])(?P<quote>')?(?P<sure>{_any(sure)})(?(quote)')(?!\w|\.\w)")
    if plain:  # may be words of the language, unless they stand where only a name can
        one = _any(plain)
        parts.append(rf"(?<=\()(?P<put>{one})(?=[,)])|(?<=\b[Bb]y )(?P<by>{one})\b(?!-)")
        parts.append(rf"\b(?P<list>(?:{one})(?:(?:, | and )(?:{one}))+)\b(?!-)")
    found = Names(labels=labels, wordings=frozenset(wordings), pattern=re.compile("|".join(parts)))
    whole = {*about["items"].values(), *titles.values(), *columns.values(), *labels.values()}
    holding = [text for text in whole if text not in labels and found.running(text) != text]
    if not holding:
        return found
    kept = (
        rf"(?<!\w)(?:{_any(holding)})(?!\w)"  # the word of a wording that is the id of an item stays a word
    )
    return replace(found, pattern=re.compile("|".join([kept, *parts])))


def _any(names: list[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def _told_apart(items: Mapping[str, str]) -> dict[str, str]:
    """Cut wordings to short labels; those that would look alike get more words, or a number."""
    made = {item: short_label(text) for item, text in items.items()}
    for more in (60, 90):
        counts = Counter(made.values())
        made |= {item: short_label(items[item], more) for item, text in made.items() if counts[text] > 1}
    counts, seen = Counter(made.values()), Counter[str]()
    for item, text in made.items():
        if counts[text] > 1:
            seen[text] += 1
            made[item] = f"{text} ({seen[text]})"
    return made


def short_label(text: str, longest: int = LONGEST) -> str:
    """Cut a wording at a word.

    Examples
    --------
    >>> short_label("The app is easy."), short_label("The words of the app are easy to follow for me.", 24)
    ('The app is easy', 'The words of the app …')
    """
    return textwrap.shorten(text.rstrip(" ."), longest, placeholder=" …") or text[:longest]


def tree_for_readers(tree: Tree) -> Tree:
    """Give the results as readers see them: labels in the place of ids, numbers and places unchanged.

    Sections on the use of an app are left out where there is none and none was asked. Texts from right to
    left are kept apart from the English sentences around them, see `directions`.

    Parameters
    ----------
    tree
        The results tree, or one that this function gave.

    Returns
    -------
    mapping
        `meta.read` gives the label of each item.
    """
    meta = tree["meta"]
    if meta.get(READ):
        return tree
    names = names_of(meta)
    about = meta["instrument"]
    sections = {key: _section(section, names) for key, section in to_the_point(tree).items()}
    read = {READ: {item: names.labels[item] for item in about["items"]}}
    whole = {about["title"], *about["items"].values(), *(theme["title"] for theme in about["themes"])}
    made: Tree = isolated_tree({**tree, "meta": {**meta, **read}, "sections": sections}, whole)
    return made


def wordings_of(meta: Mapping[str, Any]) -> dict[str, str]:
    """Give the wording of each item by its id, or by its label where readers see that."""
    known: Mapping[str, str] = meta.get(READ) or {}
    return {known.get(item, item): text for item, text in meta["instrument"]["items"].items()}


def _section(section: Mapping[str, Any], names: Names) -> dict[str, Any]:
    made = {key: _texts(section[key], names) if key in TEXTS else part for key, part in section.items()}
    made["values"] = {
        key: names.value(value) if isinstance(value, str) else value
        for key, value in section["values"].items()
    }
    options = {key: _texts(value, names) for key, value in section["method"]["options"].items()}
    texts = {key: _texts(section["method"][key], names) for key in ("estimator", "missing")}
    made["method"] = {**section["method"], **texts, "options": options}
    made["captions"] = {name: _caption(caption, names) for name, caption in section["captions"].items()}
    made["tables"] = {
        name: _table(table, section["captions"].get(name, {"columns": ()})["columns"], names)
        for name, table in section["tables"].items()
    }
    return made


def _table(table: Mapping[str, list[Any]], printed: Container[str], names: Names) -> dict[str, list[Any]]:
    return {key: _column(key, column, key in printed, names) for key, column in table.items()}


def _column(key: str, column: list[Any], printed: bool, names: Names) -> list[Any]:
    if not printed and key not in ALWAYS:
        return column
    return [names.cell(value, key) if isinstance(value, str) else value for value in column]


def _caption(caption: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Put labels into heading and column heads; beside a wording its short label would say the same twice."""
    columns = {
        key: {**column, "label": names.running(column["label"])} for key, column in caption["columns"].items()
    }
    if "item" in columns and "text" in columns:
        columns = {
            key: {**columns["text" if key == "item" else key], "label": columns[key]["label"]}
            for key in columns
        }
        columns = {("text" if key == "item" else key): columns[key] for key in columns if key != "text"}
    texts = {key: names.running(caption[key]) for key in ("title", "note")}
    return {**caption, **texts, "columns": columns}


def _texts(part: Any, names: Names) -> Any:
    """Put labels into the texts of a part; rules, sources and paths are not of these data."""
    if isinstance(part, str):
        return names.running(part)
    if isinstance(part, list):
        return [_texts(one, names) for one in part]
    if isinstance(part, dict):
        return {key: _texts(one, names) if key in SAID else one for key, one in part.items()}
    return part
