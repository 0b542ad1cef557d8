"""Inverse-probability weights for people without a score at the landmark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analysis.adherence.design.landmark import LandmarkDesign
from analysis.adherence.models.decided import undecided
from analysis.adherence.models.threshold import enough_on_both, logistic

Floats = NDArray[np.float64]
LARGEST_SHARE = 0.99
SIDES = "answered at the landmark or not"


def response_weights(design: LandmarkDesign) -> Floats:
    """Stabilised weights of the analysed: share who answered over each person's probability of it.

    The probability comes from a logit on the adjustment columns and on being idle at the landmark,
    among all enrolled who were still watched. Weights are cut at their 99th percentile.
    """
    everyone = design.everyone
    answered = everyone["answered"].to_numpy(dtype=bool)
    idle = (~everyone["at_risk"]).to_numpy(dtype=float)
    columns = [np.ones(len(everyone)), *(everyone[name].to_numpy(float) for name in design.adjusters)]
    if 0 < idle[answered].sum() < answered.sum():
        columns.append(idle)
    matrix = np.column_stack(columns)
    # Where everyone of a group answered, or nobody did, that is their probability. No score here: a column of
    # nought stands in its place.
    terms = ["", *design.adjusters, "idle at the landmark"][: matrix.shape[1]]
    sides = enough_on_both(answered, SIDES)
    asked, kept = undecided(np.column_stack([0 * matrix[:, 0], matrix[:, 1:]]), terms, *sides)
    fit = logistic(matrix[np.ix_(asked, kept)], answered[asked], sides=SIDES)
    probability = answered.astype(float)
    probability[asked] = expit(matrix[np.ix_(asked, kept)] @ fit.coefficients)
    probability = probability[answered]
    weights = answered.mean() / probability
    return np.minimum(weights, np.quantile(weights, LARGEST_SHARE))
