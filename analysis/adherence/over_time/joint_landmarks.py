"""Kernel of models at several landmarks of the same people: effects, and how they vary together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.adherence.models.binomial import average_slope, influences, quasi_binomial
from analysis.adherence.models.clusters import Clusters, summed
from analysis.adherence.models.fit import Fit

Floats = NDArray[np.float64]
PERCENT = 100.0
LEAST_OF_VARIANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarked:
    """People of one landmark.

    `person` (n,): number of each, the same at every landmark. `design` (n, p): constant, score, adjustment.
    `done`, `due` (n,): units after the landmark.
    """

    person: NDArray[np.int64]
    design: Floats
    done: Floats
    due: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """Effects at L landmarks in percentage points of what was due, their covariance (L, L), and t's df."""

    fits: list[Fit]
    effects: Floats
    covariance: Floats
    df: float


def joint_effects(landmarks: Sequence[Landmarked], people: int, clusters: Clusters | None = None) -> Joint:
    """Fit the model of remaining use at every landmark, and say how the effects vary together.

    Parameters
    ----------
    landmarks
        In order of time.
    people
        How many people there are over all landmarks.
    clusters
        Cluster of every person, by number.

    Returns
    -------
    Joint
        Average marginal effects of the first column after the constant.

    Notes
    -----
    One person moves several effects: `Σ_i d_i d_i'` with `d_i` the influence of a person on each, by HC3's
    residuals and the gradient of the average effect; of clusters their sums, `G/(G − 1)`.
    """
    fits, effects = [], []
    moved = np.zeros((people, len(landmarks)))
    for k, one in enumerate(landmarks):
        fit = quasi_binomial(one.design, one.done, one.due, robust=True)
        p = expit(one.design @ fit.coefficients)
        own = influences(one.design, one.done - one.due * p, one.due * p * (1 - p))
        effect, gradient = average_slope(fit.coefficients, one.design, np.full(len(p), PERCENT), 1)
        moved[one.person, k] = own @ gradient
        fits.append(fit)
        effects.append(effect)
    summed_up, df = summed(moved, clusters)
    if clusters is None:
        df = min(fit.df_resid for fit in fits)
    return Joint(
        fits=fits,
        effects=np.array(effects),
        covariance=np.asarray(summed_up.T @ summed_up, dtype=np.float64),
        df=float(df),
    )


def equal_effects(joint: Joint) -> dict[str, float]:
    """Wald's F of the effects being one and the same at all landmarks.

    Parameters
    ----------
    joint
        Effects at two landmarks or more.

    Returns
    -------
    dict
        f, df1 (differences that are not sums of others), df2, pvalue.
    """
    count = len(joint.effects)
    contrast = np.eye(count)[1:] - np.eye(count)[:-1]
    apart = contrast @ joint.effects
    values, vectors = np.linalg.eigh(contrast @ joint.covariance @ contrast.T)
    kept = values > LEAST_OF_VARIANCE * values.max()
    size = int(kept.sum())
    f = float(((vectors[:, kept].T @ apart) ** 2 / values[kept]).sum()) / size
    return {"f": f, "df1": size, "df2": joint.df, "pvalue": float(stats.f.sf(f, size, joint.df))}
