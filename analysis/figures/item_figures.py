"""Figures of one item: its answers, and the response curves of a graded response model."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures.base import BLUE, BLUES, DASHES, INK, MUTED, ORANGES, Chart, wrapped
from instrument.common.formatting import format_value

THETA = np.linspace(-3.0, 3.0, 61)
TENS = alt.Axis(tickCount=7)


def answer_bars(labels: Sequence[str], shares: Sequence[float | None]) -> Chart:
    """Draw the share of each option; one that is hidden has no bar.

    Parameters
    ----------
    labels, shares
        Of the options, in their order.

    Returns
    -------
    altair.Chart
        With a tooltip for each bar.
    """
    told = [format_value(share, "percent") for share in shares]
    order = [wrapped(label) for label in labels]
    table = pd.DataFrame({"option": order, "share": list(shares), "told": told}).dropna()
    axis = alt.Axis(labelLimit=260)
    tips = [alt.Tooltip("option:N", title="Option"), alt.Tooltip("told:N", title="Share")]
    bars = alt.Chart(table).mark_bar(color=BLUE)
    return bars.encode(
        y=alt.Y("option:N", sort=order, title=None, scale=alt.Scale(domain=order), axis=axis),
        x=alt.X("share:Q", title="Share of those who answered", axis=alt.Axis(format="%", tickCount=6)),
        tooltip=tips,
    ).properties(height=34 * len(order) + 40)


def category_chances(discrimination: float, difficulties: Sequence[float]) -> np.ndarray:
    """Chance of each option along the trait in a graded response model.

    Parameters
    ----------
    discrimination
        Slope of the item.
    difficulties : shape (n_options - 1,)
        Where half of the people reach each option from the second on.

    Returns
    -------
    numpy.ndarray, shape (61, n_options)
        Chances at 61 places from -3 to 3; each row adds up to one.

    References
    ----------
    Samejima, F. (1969). Estimation of latent ability using a response pattern of graded scores. Psychometrika
    Monograph 17.

    Examples
    --------
    >>> category_chances(1.0, [0.0])[30].tolist()
    [0.5, 0.5]
    """
    steps = np.asarray(difficulties, dtype=float)
    reached = 1.0 / (1.0 + np.exp(-discrimination * (THETA[:, None] - steps)))
    bounded = np.column_stack([np.ones(len(THETA)), reached, np.zeros(len(THETA))])
    return bounded[:, :-1] - bounded[:, 1:]


def response_curves(
    discrimination: float, difficulties: Sequence[float], labels: Sequence[str] = ()
) -> Chart:
    """Draw the chance of each option along the trait.

    Parameters
    ----------
    discrimination, difficulties
        Of the item.
    labels
        Of the options, from the lowest as scored to the highest; they are numbered where there are not as
        many.

    Returns
    -------
    altair.Chart
        One line for each option, in the colours of its answers, told apart by dashes, too.
    """
    chances = category_chances(discrimination, difficulties)
    names = [f"option {k + 1}" for k in range(chances.shape[1])]
    if len(labels) == len(names):
        names = list(labels)
    half = len(names) // 2
    steps = [round(4 * step / max(half - 1, 1)) for step in range(half)]
    middle = [MUTED] * (len(names) % 2)
    colours = [ORANGES[step] for step in steps] + middle + [BLUES[step] for step in steps[::-1]]
    dashes = [DASHES[k % len(DASHES)] for k in range(len(names))]
    table = pd.DataFrame(
        {
            "trait": np.tile(THETA, len(names)),
            "chance": chances.T.ravel(),
            "option": np.repeat(names, len(THETA)),
        }
    )
    legend = alt.Legend(columns=2, labelLimit=260)
    return (
        alt.Chart(table)
        .mark_line(strokeWidth=2, color=INK)
        .encode(
            x=alt.X("trait:Q", title="Standing on the theme, in standard deviations", axis=TENS),
            y=alt.Y("chance:Q", title="Chance of the option", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "option:N",
                sort=names,
                title=None,
                legend=legend,
                scale=alt.Scale(domain=names, range=colours),
            ),
            strokeDash=alt.StrokeDash(
                "option:N", sort=names, title=None, scale=alt.Scale(domain=names, range=dashes)
            ),
            tooltip=[
                alt.Tooltip("option:N", title="Option"),
                alt.Tooltip("trait:Q", title="Level", format=".1f"),
                alt.Tooltip("chance:Q", title="Chance", format=".2f"),
            ],
        )
        .properties(height=320)
    )
