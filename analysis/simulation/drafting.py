"""Draft a population for any instrument: plausible loadings and skew by rule, to be edited by hand."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from scipy.special import ndtri

from instrument.definition import Instrument


def draft_items(scale: Instrument) -> dict[str, Any]:
    """Give structure and items of a population file for an instrument.

    Loadings and thresholds follow theme and facet with a jitter that depends on the item's id only, so
    an item keeps its values when others come and go.

    Parameters
    ----------
    scale
        The instrument.

    Returns
    -------
    dict
        `structure` and `items`, ready for a population file.

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.load("dta")
    >>> sorted(draft_items(scale)["items"]) == sorted(scale.item_ids)
    True
    """
    contexts, dimensions = scale.context_themes, scale.dimension_themes
    themes: dict[str, Any] = {theme.id: {} for theme in scale.themes}
    for name in contexts:
        themes[name] = {"context_effect": round((0.2 / len(contexts)) ** 0.5, 3)}
    for k, name in enumerate(dimensions):
        themes[name] = {"loading": round(0.86 - 0.04 * (k % 4), 2)}
    items = {}
    for theme in scale.themes:
        for item in theme.items:
            items[item.id] = {
                "theme": theme.id,
                "facet": f"{theme.id}.{item.facet}" if item.facet else None,
                "loading": round(
                    0.74 + 0.1 * _jitter(theme.id, item.facet or "") + 0.06 * _jitter(item.id), 3
                ),
                "thresholds": _thresholds(scale.scale_of(item.id).n_options, _jitter(item.id, "level")),
                "not_applicable": round(max(0.0, 0.015 + 0.03 * _jitter(item.id, "applies")), 4),
            }
    return {"structure": {"themes": themes, "facet_share": 0.12}, "items": items}


def _jitter(*words: str) -> float:
    """Give a number in (-1, 1) that depends on the words alone."""
    return crc32(":".join(words).encode()) / 2**31 - 1.0


def _thresholds(n_options: int, level: float) -> list[float]:
    """Cut points that leave most people above the middle, as ratings of an app in use do."""
    cuts = []
    for k in range(1, n_options):
        share = (k / n_options) ** 1.75
        cuts.append(round(float(ndtri(share)) + 0.3 * level, 3))
    return cuts
