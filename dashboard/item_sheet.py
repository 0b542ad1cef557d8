"""Everything the results hold about one item, gathered from the tables of every section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.report.labels import READ
from analysis.report.view import Tree
from instrument.common.formatting import format_value

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known of an item: in words, in print, and the topic it stands in."""

    label: str
    text: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers at the first wave: option, its label, and the share that chose it (None where hidden)."""

    labels: tuple[str, ...]
    shares: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Discrimination and difficulties of a graded response, and its options from the lowest as scored."""

    discrimination: float
    difficulties: tuple[float, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSheet:
    """What a page of one item shows.

    Attributes
    ----------
    item, wording, theme
        Id, words, and title of its theme.
    facts
        Numbers with their labels, those that are hidden left out.
    answers
        At the first wave; None where no table has them.
    compared
        Heading to the means by wave or group, label to print.
    functioning
        Rows of the table on item functioning, one for each grouping: columns in print.
    curves
        For the response curves; None without a response model.
    """

    item: str
    wording: str
    theme: str
    facts: tuple[Fact, ...]
    answers: Answers | None
    compared: Mapping[str, tuple[tuple[str, str], ...]]
    functioning: tuple[Mapping[str, str], ...]
    curves: Curves | None


# section, table, column, what it is called here
FACTS = (
    ("items", "statistics", "n", "People who answered it"),
    ("items", "statistics", "missing_share", "Left without an answer"),
    ("items", "statistics", "mean", "Mean answer"),
    ("items", "statistics", "sd", "Standard deviation"),
    ("items", "statistics", "floor_share", "On the lowest option"),
    ("items", "statistics", "ceiling_share", "On the highest option"),
    ("items", "statistics", "item_rest_r", "Correlation with the rest of its theme"),
    ("reliability", "alpha", "alpha", "Alpha of its theme"),
    ("reliability", "if_dropped", "if_dropped", "Alpha of its theme without it"),
    ("models", "loadings", "loading", "Loading in the model of the themes"),
    ("exploration", "loadings", "communality", "Communality among exploratory factors"),
    ("irt", "parameters", "discrimination", "Discrimination in the response model"),
    ("irt", "parameters", "p_adjusted", "Fit to the response model, adjusted p"),
)
FORMS = {"alpha": "r2", "if_dropped": "r2", "loading": "r2"}


def items_of(tree: Tree) -> dict[str, str]:
    """Give every item with its wording, in the order of the instrument."""
    return dict(tree["meta"]["instrument"]["items"])


def item_sheet(tree: Tree, item: str) -> ItemSheet | None:
    """Gather what the results hold about an item.

    Parameters
    ----------
    tree
        The results; what a shared copy leaves out is not here either.
    item
        Id of the item.

    Returns
    -------
    ItemSheet or None
        None where the instrument has no such item.
    """
    wording = items_of(tree).get(item)
    if wording is None:
        return None
    themes, known = tree["meta"]["instrument"]["themes"], tree["meta"].get(READ, {}).get(item, item)
    own: Mapping[str, Any] = next((theme for theme in themes if item in theme["items"]), {})
    return ItemSheet(
        item=item,
        wording=wording,
        theme=own.get("title", ""),
        facts=tuple(_facts(tree, known, own.get("id", ""))),
        answers=_answers(tree, known),
        compared=_compared(tree, known),
        functioning=tuple(_functioning(tree, known)),
        curves=_curves(tree, known, item),
    )


def _table(tree: Tree, section: str, table: str) -> Mapping[str, list[Any]]:
    found = tree["sections"].get(section)
    if found is None or found["status"] != "ok":
        return {}
    columns: Mapping[str, list[Any]] = found["tables"].get(table, {})
    return columns


def _rows(tree: Tree, section: str, table: str, item: str, of: str = "item") -> list[dict[str, Any]]:
    columns = _table(tree, section, table)
    places = [row for row, name in enumerate(columns.get(of, ())) if name == item]
    return [{key: column[row] for key, column in columns.items()} for row in places]


def _form(tree: Tree, section: str, table: str, column: str) -> str:
    printed = tree["sections"][section]["captions"][table]["columns"]
    form: str = printed.get(column, {}).get("format") or FORMS.get(column, "d2")
    return form


def _facts(tree: Tree, item: str, theme: str) -> list[Fact]:
    made = []
    for section, table, column, label in FACTS:
        # a theme of two items has an alpha, and none without either of them
        whole = table == "alpha"
        for row in _rows(tree, section, table, theme if whole else item, "theme" if whole else "item")[:1]:
            if row.get(column) is not None:
                text = format_value(row[column], _form(tree, section, table, column))
                made.append(Fact(label=label, text=text, topic=section))
    for row in _rows(tree, "priority", "items", item)[:1]:
        ends = [row.get(key) for key in ("effect", "effect_lower", "effect_upper")]
        if None not in ends:
            unit = tree["sections"]["priority"]["values"].get("unit", "")
            middle, low, high = (format_value(end, "d2") for end in ends)
            label = f"More {unit} later per standard deviation, this question alone"
            made.append(Fact(label=label, text=f"{middle} ({low} to {high})", topic="priority"))
    return made


def _answers(tree: Tree, item: str) -> Answers | None:
    section = tree["sections"].get("items")
    for name in section["tables"] if section is not None and section["status"] == "ok" else ():
        if not name.startswith("distribution"):
            continue
        for row in _rows(tree, "items", name, item):
            heads = section["captions"][name]["columns"]
            shares = {key: heads[key]["label"] for key in row if key.startswith("share_") and key in heads}
            return Answers(labels=tuple(shares.values()), shares=tuple(row[key] for key in shares))
    return None


def _compared(tree: Tree, item: str) -> dict[str, tuple[tuple[str, str], ...]]:
    made = {}
    for name in ("by_wave", "by_group"):
        for row in _rows(tree, "items", name, item):
            caption = tree["sections"]["items"]["captions"][name]
            means = [
                (column["label"], format_value(row[key], column["format"]))
                for key, column in caption["columns"].items()
                if key.startswith("mean_")
            ]
            if name == "by_wave":
                means = [*_first_mean(tree, item), *means]
            made["Mean answer at each wave" if name == "by_wave" else caption["title"]] = tuple(means)
    return made


def _first_mean(tree: Tree, item: str) -> list[tuple[str, str]]:
    flow = tree["sections"].get("flow")
    first = flow["values"].get("first_wave") if flow is not None else None
    return [
        (str(first or "First wave"), format_value(row["mean"], "d2"))
        for row in _rows(tree, "items", "statistics", item)
    ]


def _functioning(tree: Tree, item: str) -> list[dict[str, str]]:
    rows = _rows(tree, "fairness", "items", item)
    if not rows:
        return []
    heads = tree["sections"]["fairness"]["captions"]["items"]["columns"]
    wanted = {
        key: head
        for key, head in heads.items()
        if key not in ("title", "item", "text") and any(row[key] not in (None, "") for row in rows)
    }
    return [
        {head["label"]: format_value(row[key], head["format"]) for key, head in wanted.items()}
        for row in rows
    ]


def _curves(tree: Tree, label: str, item: str) -> Curves | None:
    turned = tree["meta"]["instrument"].get("reversed")
    answers = _answers(tree, label)
    labels = () if turned is None or answers is None else answers.labels[:: -1 if item in turned else 1]
    for row in _rows(tree, "irt", "parameters", label):
        slope = row.get("discrimination")
        steps = [row[key] for key in sorted(row) if key.startswith("difficulty_") and not key.endswith("_se")]
        known = [step for step in steps if step is not None]
        if slope is not None and known and sorted(known) == known:
            return Curves(discrimination=slope, difficulties=tuple(known), labels=labels)
    return None
