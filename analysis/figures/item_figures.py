"""Figures of one item: its answers, and the response curves of a graded response model."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures.base import BLUE, INK, Chart, wrapped

THETA = np.linspace(-3.0, 3.0, 61)


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
    table = pd.DataFrame({"option": [wrapped(label) for label in labels], "share": list(shares)})
    table = table.dropna()
    order = [wrapped(label) for label in labels]
    axis = alt.Axis(labelLimit=260)
    tips = [alt.Tooltip("option:N", title="Option"), alt.Tooltip("share:Q", title="Share", format=".1%")]
    bars = alt.Chart(table).mark_bar(color=BLUE)
    return bars.encode(
        y=alt.Y("option:N", sort=order, title=None, scale=alt.Scale(domain=order), axis=axis),
        x=alt.X("share:Q", title="Share of those who answered", axis=alt.Axis(format="%")),
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


def response_curves(discrimination: float, difficulties: Sequence[float]) -> Chart:
    """Draw the chance of each option along the trait.

    Parameters
    ----------
    discrimination, difficulties
        Of the item.

    Returns
    -------
    altair.Chart
        One line for each option, numbered as scored, told apart by dashes as well as colours.
    """
    chances = category_chances(discrimination, difficulties)
    names = [f"option {k + 1}" for k in range(chances.shape[1])]
    table = pd.DataFrame(
        {
            "trait": np.tile(THETA, len(names)),
            "chance": chances.T.ravel(),
            "option": np.repeat(names, len(THETA)),
        }
    )
    legend = alt.Legend(orient="bottom", columns=2)
    return (
        alt.Chart(table)
        .mark_line(strokeWidth=2, color=INK)
        .encode(
            x=alt.X("trait:Q", title="Level of the trait (standard deviations from the mean)"),
            y=alt.Y("chance:Q", title="Chance of the option", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("option:N", sort=names, title=None, legend=legend),
            strokeDash=alt.StrokeDash("option:N", sort=names, title=None),
            tooltip=[
                alt.Tooltip("option:N", title="Option"),
                alt.Tooltip("trait:Q", title="Level", format=".1f"),
                alt.Tooltip("chance:Q", title="Chance", format=".2f"),
            ],
        )
        .properties(height=320)
    )
