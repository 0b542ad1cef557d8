"""Names that a hypothesis can hold: of scores, of other questionnaires, and what they share."""

from __future__ import annotations

from collections.abc import Sequence

from instrument.definition import Instrument


def score_names(scale: Instrument) -> list[str]:
    """Names of the scores of an instrument: its themes, and the total where it has one."""
    return [*(["total"] if scale.total_themes else []), *(theme.id for theme in scale.themes)]


def names_of_measures(measures: Sequence[Instrument]) -> list[str]:
    """Names of the scores of other questionnaires: of each theme, and `id_total` of each with a total."""
    names = []
    for other in measures:
        names += [theme.id for theme in other.themes]
        names += [f"{other.id}_total"] if other.total_themes else []
    return names


def shared_items(scale: Instrument, score: str, other: str | None) -> int:
    """Count the items that two scores of an instrument share: such scores go together by themselves.

    Examples
    --------
    >>> from instrument.loading import load
    >>> scale = load("dta@0.2.0")
    >>> first, second = scale.dimension_themes[:2]
    >>> shared_items(scale, first, second)
    0
    >>> shared_items(scale, "total", first) == len(scale.theme_items(first))
    True
    """
    themes = {theme.id: set(scale.theme_items(theme.id)) for theme in scale.themes}
    themes["total"] = set().union(*(themes[theme] for theme in scale.total_themes))
    return len(themes.get(score, set()) & themes.get(other or "", set()))


def of_itself(score: str, other: str, shared: int) -> str:
    """Say that two scores share items."""
    count = f"{shared} item{'s' if shared != 1 else ''}"
    return f"{score!r} and {other!r} share {count}, so they go together whatever was answered"


def ambiguous(name: str, things: int) -> str:
    """Say that a name is that of several scores or columns."""
    return f"{name!r} is the name of {things} things among scores, other questionnaires and columns"
