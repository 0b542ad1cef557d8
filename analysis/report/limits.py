"""Calm boxes: what the data could not be asked, one box for each cause, however often it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.common.verdicts import Cause, Property, Verdict
from analysis.report.labels import READ
from analysis.report.standards import ordered

Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A cause, and what follows from it.

    Attributes
    ----------
    cause
        The cause.
    heading, lines
        In words.
    """

    cause: Cause
    heading: str
    lines: tuple[str, ...]

    @property
    def is_of_the_scale(self) -> bool:
        """Whether it follows from what the scale is, whoever answers, and not from these answers."""
        return self.cause is Cause.COMPOSITE

    @property
    def text(self) -> str:
        """The lines as one text."""
        return " ".join(self.lines)


def limits_of(tree: Tree) -> list[Limit]:
    """Give one box for each cause for which something could not be tested.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    list of Limit
        Too few people first; failures are not among them.
    """
    made = [_few(tree), _stuck(tree), *(_of_models(tree, cause) for cause in _OF_MODELS), _lists(tree)]
    return [limit for limit in made if limit is not None]


def untested_lines(section: Mapping[str, Any], *, alone: bool = False) -> list[str]:
    """Say what a section could not be asked, one line for each cause.

    Parameters
    ----------
    section
        Section of the tree.
    alone
        Whether the section stands alone, as on a page: then it names what does not apply to a list of items.
        In a report one box tells it of all sections, see `limits_of`.

    Returns
    -------
    list of str
        Empty where everything could be asked.
    """
    by_cause: dict[str, list[str]] = {}
    for part in section["untested"]:
        by_cause.setdefault(part["cause"], []).append(part["what"])
    senseless = by_cause.pop(Cause.COMPOSITE, [])
    apart = [f"Does not apply: {'; '.join(dict.fromkeys(senseless))}."] if senseless and alone else []
    return [*apart, *_could_not(by_cause)]


def _could_not(by_cause: Mapping[str, list[str]]) -> list[str]:
    return [
        f"{'Undecided' if cause == Cause.UNDECIDED else 'Could not be tested'} ({Cause(cause).words}): "
        f"{_few_named(what)}."
        for cause, what in by_cause.items()
    ]


MOST_NAMED = 4
"""Parts that are named; of more, the first are named and the others counted."""


def _few_named(what: list[str]) -> str:
    if len(what) <= MOST_NAMED:
        return "; ".join(what)
    named = MOST_NAMED - 1
    return f"{'; '.join(what[:named])}; and {len(what) - named} more"


def _few(tree: Tree) -> Limit | None:
    """What so few people allow: judged, described only, and out of reach."""
    causes = {Cause.FEW_PEOPLE, Cause.FEW_IN_GROUP}
    levels: dict[str, list[str]] = {"judged": [], "described": [], "out": []}
    for _, section in ordered(tree["sections"]):
        if not section["subject"]:
            continue
        subject = _subject(section)
        if section["cause"] in causes:
            levels["out"].append(subject)
        elif section["status"] == "ok":
            verdicts = {f["verdict"] for f in section["findings"]}
            few = [f for f in section["findings"] if f["cause"] in causes]
            if verdicts & {Verdict.MET, Verdict.NOT_MET}:
                levels["judged"].append(subject)
            elif few:
                numbers = any(f["value"] is not None for f in few)
                levels["described" if numbers else "out"].append(subject)
    levels["described"] = [subject for subject in levels["described"] if subject not in levels["judged"]]
    nearer = {*levels["judged"], *levels["described"]}
    levels["out"] = [subject for subject in levels["out"] if subject not in nearer]
    if Cause.FEW_PEOPLE not in set(_causes(tree)) or not (levels["described"] or levels["out"]):
        return None
    words = {
        "judged": "Enough for a verdict",
        "described": "Enough for numbers, not for a verdict",
        "out": "Out of reach",
    }
    lines = [f"{words[key]}: {_listed(named)}." for key, named in levels.items() if named]
    return Limit(cause=Cause.FEW_PEOPLE, heading="What so few people allow", lines=tuple(lines))


def _subject(section: Mapping[str, Any]) -> str:
    """What a section is about; where only the scale's own themes were compared, no more than that."""
    outside = any(finding.get("property") == Property.HYPOTHESES for finding in section["findings"])
    own_themes = section["subject"] == RELATIONS and section["findings"] and not outside
    return APART if own_themes else str(section["subject"])


RELATIONS = "relations to other things"
APART = "themes told apart"


def _stuck(tree: Tree) -> Limit | None:
    touched = {
        section["title"]: section["status"] != "ok"
        for _, section in ordered(tree["sections"])
        if Cause.NO_VARIATION in set(_causes_in(section))
    }
    if not touched:
        return None
    labels = tree["meta"].get(READ, {})
    items = "; ".join(
        f"“{labels[item]}”" if item in labels else item for item in tree["meta"]["without_variation"]
    )
    partly = [title for title, whole in touched.items() if not whole]
    wholly = [title for title, whole in touched.items() if whole]
    told = [f"Could not be tested: {_listed(wholly)}."] if wholly else []
    if partly:
        told.append(f"Could not be tested in part: {_listed(partly)}.")
    return Limit(
        cause=Cause.NO_VARIATION,
        heading="Items that tell nobody apart",
        lines=(
            f"Nobody answered them at the first wave, or everybody alike{f': {items}' if items else ''}.",
            *told,
        ),
    )


_OF_MODELS = {
    Cause.IMPROPER: (
        "Improper solutions",
        "A solution was found that no population can have (a negative variance, a correlation beyond "
        "one). Nothing is judged by it.",
    ),
    Cause.NOT_FOUND: (
        "No solution found",
        "The search for the numbers of a model ended without any that fit best. Nothing is told of it.",
    ),
}


def _of_models(tree: Tree, cause: Cause) -> Limit | None:
    """Name the sections in which a model has no solution, or none that can be judged."""
    touched = _touched(tree, cause)
    if not touched:
        return None
    heading, line = _OF_MODELS[cause]
    return Limit(cause=cause, heading=heading, lines=(line, f"It is named in: {_listed(touched)}."))


def _lists(tree: Tree) -> Limit | None:
    """Themes whose items make up the score, and the sections that therefore say nothing of them."""
    of_lists = [
        (section, part["what"])
        for _, section in ordered(tree["sections"])
        for part in section["untested"]
        if part["cause"] == Cause.COMPOSITE
    ]
    named = {what for _, what in of_lists}
    themes = [theme["title"] for theme in tree["meta"]["instrument"]["themes"] if theme["title"] in named]
    touched = [section["title"] for section, _ in of_lists if section["status"] == "ok"]
    if not themes or not touched:
        return None
    one = len(themes) == 1
    return Limit(
        cause=Cause.COMPOSITE,
        heading=f"{'A list' if one else 'Lists'} of items",
        lines=(
            f"{_listed(f'“{title}”' for title in themes)} {'is a list' if one else 'are lists'}: "
            f"{Cause.COMPOSITE.words}.",
            f"What supposes one thing behind the items does not apply to {'it' if one else 'them'}, in: "
            f"{_listed(touched)}.",
        ),
    )


def _causes(tree: Tree) -> Iterator[str]:
    for section in tree["sections"].values():
        yield from _causes_in(section)


def _causes_in(section: Mapping[str, Any]) -> Iterator[str]:
    if section["cause"]:
        yield section["cause"]
    for part in (*section["untested"], *section["findings"]):
        if part["cause"]:
            yield part["cause"]


def _touched(tree: Tree, cause: Cause) -> list[str]:
    """Titles of the sections in which a cause shows."""
    return [s["title"] for _, s in ordered(tree["sections"]) if cause in set(_causes_in(s))]


def _listed(words: Iterable[str]) -> str:
    every = list(dict.fromkeys(words))
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} and {every[-1]}"
