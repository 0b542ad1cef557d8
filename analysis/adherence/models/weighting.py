"""Inverse-probability weights for people without a score at the landmark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analysis.adherence.design.landmark import LandmarkDesign
from analysis.adherence.models.threshold import logistic

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
    fit = logistic(matrix, answered, sides=SIDES)
    probability = expit(matrix @ fit.coefficients)[answered]
    weights = answered.mean() / probability
    return np.minimum(weights, np.quantile(weights, LARGEST_SHARE))
