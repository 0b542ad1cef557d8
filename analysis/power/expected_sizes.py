"""Published relations of alliance to outcome: what to plan with where there is no pilot."""

from __future__ import annotations

import math
from collections import Counter
from types import MappingProxyType

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint

ALLIANCE_OUTCOME = MappingProxyType({"Total": 0.21, "Task": 0.25, "Goal": 0.19, "Bond": 0.12})
"""Correlation of alliance with outcome in internet interventions: 82 effects of 40 samples, 2,864 people.

Flückiger, Wampold and colleagues, multilevel meta-analysis; read in two secondary summaries, not in the paper
itself. Alliance was mostly with a person who guided the program, not with the program.
"""
CALLER = "expected_odds_ratio"
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


def expected_odds_ratio(scale: Instrument, theme: str, reliability: float) -> float:
    """Give the odds ratio to plan with for a theme, from the published correlation with outcome.

    Use it where nothing better is known. The correlation is one with **outcome** under mostly a human guide;
    that use goes with alliance as strongly is an assumption.

    Parameters
    ----------
    scale
        Instrument whose items name dimensions of alliance.
    theme
        Theme id, or "total".
    reliability
        Reliability of one rating: the published figure is of ratings with error, the odds ratio of planning
        is per standard deviation without.

    Returns
    -------
    float
        Odds ratio per standard deviation of true alliance.

    Raises
    ------
    DefinitionError
        Nothing is published for this theme.
    ResponseDataError
        The reliability is so small that the correlation without error would reach 1.

    Notes
    -----
    ρ = r / √reliability; log odds ratio = π / √3 · ρ / √(1 − ρ²): the slope of a logistic model whose latent
    answer, with error variance π² / 3, correlates ρ with the predictor.

    References
    ----------
    McKelvey & Zavoina (1975), doi 10.1080/0022250X.1975.9989847: variance behind a logistic model.

    Examples
    --------
    >>> import instrument
    >>> round(expected_odds_ratio(instrument.load("dta"), "humanness", 1.0), 3)
    1.245
    """
    known = expected_correlations(scale)
    if theme not in known:
        fact = f"no published size is known for {theme!r}."
        hint = f"choose {', '.join(known) or 'an odds ratio of your own (odds_ratio)'}."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if not known[theme] ** 2 < reliability <= 1:
        fact = f"reliability is {reliability:g}, and the published correlation {known[theme]:g}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give a reliability up to 1."))
    rho = known[theme] / math.sqrt(reliability)
    return math.exp(math.pi / math.sqrt(3) * rho / math.sqrt(1 - rho**2))
