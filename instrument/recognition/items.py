"""Which column holds which item: by id, by the name of its column, by its wording."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from instrument.definition import Instrument
from instrument.recognition.tools import plain_name

ALIKE = 0.85
"""Wordings that share this much are offered, never taken."""
APART = 0.08
"""The next best wording must share this much less."""
OCCASION = (
    r"(?:(?:t|w|wave|time|week|month|day|visit|m|welle|woche)?_?\d+|pre|post|pretest|posttest|"
    r"baseline|follow[_ -]?up_?\d*|fu_?\d*|bl)"
)
"""How names of columns tell an occasion."""
_BRACKETED = re.compile(r"\[([^\[\]]*)\]\s*$")
_TAG = re.compile(r"<[^>]+>")
_CHOSEN = re.compile(
    r"\s+[-–]\s+(?:selected choice|ausgewählte (?:auswahl|option)|choix sélectionné|opción seleccionada|"
    r"scelta selezionata|geselecteerde keuze|opção selecionada)\s*$",
    re.IGNORECASE,
)
"""What Qualtrics puts behind the wording of a question that has a text beside its options."""


class Ground(Enum):
    """Why a column is taken for an item, the surest first."""

    NAMED = "named in the instrument"
    ID = "same id"
    PART = "id within the name"
    WORDING = "same wording"
    ALIKE = "like wording"


SURE = frozenset({Ground.NAMED, Ground.ID, Ground.PART, Ground.WORDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMatch:
    """A column taken for an item.

    Attributes
    ----------
    item, column
        Id and label.
    ground
        Why.
    doubt
        What speaks against it; empty where nothing does.
    beside
        Further columns that could be it for the same reason: an item that was shown in two forms, or one
        column for each option.
    """

    item: str
    column: str
    ground: Ground
    doubt: str = ""
    beside: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Labels of all columns that could be it."""
        return (self.column, *self.beside)


def match_items(
    labels: Sequence[str], headers: Sequence[tuple[str, ...]], scale: Instrument
) -> tuple[list[ItemMatch], list[str]]:
    """Find the column of each item.

    Parameters
    ----------
    labels
        Unique labels of the columns.
    headers
        Texts above each column.
    scale
        The instrument.

    Returns
    -------
    list of ItemMatch
        At most one for an item, in the order of the instrument.
    list of str
        What was not plain: items that several columns could hold.

    Notes
    -----
    A column that the instrument names under `column` comes first; then one named by the id, whatever the
    capitals; then one whose last part is the id (`scale[q1]`, `bond-q1`, `bond/q1`, `q1_1`); then one whose
    wording is the item's, but for capitals, blanks, signs and a question before it; a column that holds
    nothing but the wording goes before one that holds it behind something else. A column named by one item
    and worded as another is taken by its wording, which is what people read, and doubted.
    """
    wordings = _wordings(scale)
    told = {label: _texts(label, texts) for label, texts in zip(labels, headers, strict=True)}
    worded = _by_wording(scale, told, wordings)
    by_id, by_part = _by_id(scale, told), _by_part(scale, told)
    misnamed = {
        item: label
        for item in scale.item_ids
        for label in (*by_id.get(item, ()), *by_part.get(item, ()))[:1]
        if _doubt(item, told[label], wordings)
    }
    named_so = {item.id: [label for label in told if label in item.column] for item in scale.items}
    grounds = ((Ground.NAMED, named_so), (Ground.ID, by_id), (Ground.PART, by_part), (Ground.WORDING, worded))
    matches: dict[str, ItemMatch] = {}
    taken: set[str] = set()
    doubled: list[str] = []
    for ground, found in grounds:
        for item in scale.item_ids:
            free = [label for label in found.get(item, []) if label not in taken]
            if ground in (Ground.ID, Ground.PART):
                free = [label for label in free if label not in misnamed.values()]
            if item in matches or not free:
                continue
            if len(free) > 1:
                doubled.append(f"items.{item}: {len(free)} columns could be it by {ground.value}")
            named = next((other for other, label in misnamed.items() if label == free[0]), None)
            doubt = f"named {named!r}, worded as {item!r}" if named is not None else ""
            matches[item] = ItemMatch(
                item=item, column=free[0], ground=ground, doubt=doubt, beside=tuple(free[1:])
            )
            taken.update(free)
    for item, label in misnamed.items():
        if item not in matches and label not in taken:
            doubt = _doubt(item, told[label], wordings)
            matches[item] = ItemMatch(item=item, column=label, ground=Ground.ID, doubt=doubt)
            taken.add(label)
    for item, label in _behind_a_name(scale, told, matches, taken).items():
        matches[item] = ItemMatch(
            item=item, column=label, ground=Ground.PART, doubt="another name stands before the id"
        )
        taken.add(label)
    for item, label in _alike(scale, told, wordings, matches, taken).items():
        matches[item] = ItemMatch(
            item=item, column=label, ground=Ground.ALIKE, doubt="wording differs in part"
        )
    return [matches[item] for item in scale.item_ids if item in matches], doubled


def other_occasions(matches: Sequence[ItemMatch], left: Sequence[str]) -> list[str]:
    """Find columns left out that may hold an item at another wave: its id or column with a number behind.

    Parameters
    ----------
    matches
        Columns taken for items.
    left
        Labels of the columns that are not read.

    Returns
    -------
    list of str
        Such labels.

    Examples
    --------
    >>> match = ItemMatch(item="q1", column="q1", ground=Ground.ID)
    >>> other_occasions([match], ["q1_2", "q1.t2", "T2_q1", "q11", "age"])
    ['q1_2', 'q1.t2', 'T2_q1']
    """
    known = {plain_name(name) for match in matches for name in (match.item, match.column)}
    return [label for label in left if known & _without_occasion(plain_name(label))]


def _without_occasion(name: str) -> set[str]:
    """A name without the number of an occasion behind or before it."""
    return {re.sub(rf"[_. -]{OCCASION}$", "", name), re.sub(rf"^{OCCASION}[_. -]", "", name)} - {name}


def wording_key(text: str) -> str:
    """Give a wording without tags, signs, capitals and blanks.

    Parameters
    ----------
    text
        Wording of an item, or a header.

    Returns
    -------
    str
        Letters and digits with single blanks.

    Examples
    --------
    >>> wording_key("<b>I trust</b>\\xa0 what it says. ")
    'i trust what it says'
    """
    bare = plain_name(html.unescape(_TAG.sub(" ", text)))
    return " ".join(re.sub(r"[^\w]+|_", " ", bare).split())


def wording_keys(scale: Instrument) -> dict[str, str]:
    """Give the key of each wording, in every language, with its item; what two items share is left out.

    Parameters
    ----------
    scale
        The instrument.

    Returns
    -------
    dict
        `wording_key` of a text to the item.
    """
    owners: dict[str, set[str]] = {}
    for item, keys in _wordings(scale).items():
        for key in keys:
            owners.setdefault(key, set()).add(item)
    return {key: next(iter(items)) for key, items in owners.items() if len(items) == 1}


def _wordings(scale: Instrument) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {item: set() for item in scale.item_ids}
    for language in scale.languages:
        for item, text in scale.wording(language).items.items():
            found[item].add(wording_key(text))
    return found


def _texts(label: str, texts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys([label, *(text for text in texts if text)]))


def _wording_parts(text: str) -> set[str]:
    """What of a header may be the wording: all, what stands in brackets, what follows a dash or colon."""
    text = _CHOSEN.sub("", text)
    parts = {text}
    if found := _BRACKETED.search(text):
        parts.add(found.group(1))
    for mark in (" - ", " – ", " >> ", ": ", " | ", ". "):
        parts.update(text.split(mark, k + 1)[-1] for k in range(text.count(mark)))
    numbered = {re.sub(r"^\s*(?:\d+[.)]|[a-z][.)])\s+", "", part, flags=re.IGNORECASE) for part in parts}
    return {key for part in parts | numbered if (key := wording_key(part))}


def _by_id(scale: Instrument, told: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Columns named exactly, else those named alike but for capitals and what cannot be seen."""
    exact: dict[str, list[str]] = {}
    by_plain: dict[str, list[str]] = {}
    for label, texts in told.items():
        for text in dict.fromkeys(texts):
            exact.setdefault(text, []).append(label)
        for plain in {plain_name(text) for text in texts}:
            by_plain.setdefault(plain, []).append(label)
    return {item: exact.get(item) or by_plain.get(plain_name(item), []) for item in scale.item_ids}


def _by_part(scale: Instrument, told: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Columns whose last part, in brackets or after a mark, is the id; or the id and `_1`."""
    found: dict[str, list[str]] = {item: [] for item in scale.item_ids}
    ids = {plain_name(item): item for item in scale.item_ids}
    names = {plain_name(label) for label in told}
    for label, texts in told.items():
        parts: set[str] = set()
        for name in map(plain_name, texts):
            parts.add(name)
            if inside := _BRACKETED.search(name):
                parts.add(inside.group(1).strip())
            parts.add(re.split(r"[/:.]|(?<=\w)-(?=\w)", name)[-1])
        parts.update(part.removesuffix("_1") for part in list(parts) if f"{part[:-2]}_2" not in names)
        for item in {ids[part] for part in parts if part in ids}:
            found[item].append(label)
    return found


def _by_wording(
    scale: Instrument, told: Mapping[str, list[str]], wordings: Mapping[str, set[str]]
) -> dict[str, list[str]]:
    owners: dict[str, set[str]] = {}
    for item, keys in wordings.items():
        for key in keys:
            owners.setdefault(key, set()).add(item)
    found: dict[str, list[str]] = {item: [] for item in scale.item_ids}
    for label, texts in told.items():
        items = {item for text in texts for part in _wording_parts(text) for item in owners.get(part, ())}
        for item in items:
            found[item].append(label)
    for item, labels in found.items():
        whole = [label for label in labels if wordings[item] & {wording_key(text) for text in told[label]}]
        found[item] = whole or labels
    return found


def _doubt(item: str, texts: list[str], wordings: Mapping[str, set[str]]) -> str:
    """Another item whose wording stands above a column that is named by this one."""
    parts = {part for text in texts for part in _wording_parts(text)}
    if parts & wordings[item]:
        return ""
    other = next((name for name, keys in wordings.items() if name != item and parts & keys), None)
    return f"named {item!r}, worded as {other!r}" if other is not None else ""


def _behind_a_name(
    scale: Instrument, told: Mapping[str, list[str]], matches: Mapping[str, ItemMatch], taken: set[str]
) -> dict[str, str]:
    """Columns that are the only one to end in `_` and the id, where at least half of the items have one.

    What stands before may be a theme (`bond_q1`), but also a wave (`post_q1`) or what was done (`rev_q1`).
    """
    found: dict[str, list[str]] = {item: [] for item in scale.item_ids if item not in matches}
    for label in told:
        name = plain_name(label)
        for item, labels in found.items():
            if label not in taken and name.endswith(f"_{plain_name(item)}"):
                labels.append(label)
    one = {item: labels[0] for item, labels in found.items() if len(labels) == 1}
    return one if 2 * len(one) >= max(2, len(scale.item_ids)) else {}


def _alike(
    scale: Instrument,
    told: Mapping[str, list[str]],
    wordings: Mapping[str, set[str]],
    matches: Mapping[str, ItemMatch],
    taken: set[str],
) -> dict[str, str]:
    """Columns whose wording is nearly that of an item without a column, and of no other."""
    free = {
        label: {part for text in texts for part in _wording_parts(text) if len(part) > 8}
        for label, texts in told.items()
        if label not in taken
    }
    found: dict[str, str] = {}
    for item in scale.item_ids:
        if item in matches:
            continue
        scores = sorted(
            ((_share(parts, wordings[item]), label) for label, parts in free.items() if parts), reverse=True
        )
        best = scores[0] if scores else (0.0, "")
        second = scores[1][0] if len(scores) > 1 else 0.0
        if best[0] >= ALIKE and best[0] - second >= APART and best[1] not in found.values():
            found[item] = best[1]
    return found


def _share(parts: set[str], keys: set[str]) -> float:
    return max(
        (difflib.SequenceMatcher(None, part, key, autojunk=False).ratio() for part in parts for key in keys),
        default=0.0,
    )
