"""Published relations of alliance to outcome: what to plan with where there is no pilot."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType

from instrument.definition import Instrument

ALLIANCE_OUTCOME = MappingProxyType({"Total": 0.21, "Task": 0.25, "Goal": 0.19, "Bond": 0.12})
"""Correlation of alliance with outcome in internet interventions: 82 effects of 40 samples, 2,864 people.

Flückiger, Wampold and colleagues, multilevel meta-analysis; read in two secondary summaries, not in the paper
itself. Alliance was mostly with a person who guided the program, not with the program.
"""
SOURCE = "Flückiger et al., meta-analysis of internet-based interventions: 82 effects, 40 samples, n = 2,864"


def expected_correlations(scale: Instrument) -> dict[str, float]:
    """Give the correlation with outcome to plan with, for each dimension of a scale and its total.

    Use it where there is no pilot. The figures are of other measures and mostly of alliance with a guide, so
    they are a starting point; plan for the smallest that matters to you.

    Parameters
    ----------
    scale
        Instrument whose items name dimensions of alliance.

    Returns
    -------
    dict of float
        Theme id, or "total", to the correlation of the component (task, goal, bond) that most items of the
        theme name. Themes that name none, and context, are left out.

    Examples
    --------
    >>> import instrument
    >>> expected_correlations(instrument.load("dta"))["humanness"]
    0.12
    """
    found = {"total": ALLIANCE_OUTCOME["Total"]} if scale.total_themes else {}
    for theme in scale.themes:
        named = Counter(name for item in theme.items for name in item.alliance if name in ALLIANCE_OUTCOME)
        if theme.role != "context" and named:
            found[theme.id] = ALLIANCE_OUTCOME[named.most_common(1)[0][0]]
    return found
