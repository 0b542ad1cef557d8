"""Reaching the declared threshold after the landmark: logistic model, discrimination, calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.adherence.models.binomial import logit_regression
from analysis.adherence.models.clusters import Clusters, jackknife, of_linear_predictor, of_one_cluster
from analysis.adherence.models.fit import Fit
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
FEWEST_EACH = 10
THRESHOLD = "reached the adherence threshold or not"


def enough_on_both(reached: NDArray[np.bool_], sides: str = THRESHOLD) -> tuple[NDArray[np.bool_], ...]:
    """Give both sides, which `sides` names; refused where either has too few people for a logit."""
    few = min(int(reached.sum()), int((~reached).sum()))
    if few < FEWEST_EACH:
        fact = f"{few} of {len(reached)} people are on the rarer side ({sides})."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, f"{FEWEST_EACH} on each are needed."))
    return reached, ~reached


def logistic(
    design: Floats,
    reached: NDArray[np.bool_],
    sides: str = THRESHOLD,
    clusters: Clusters | None = None,
) -> Fit:
    """Logistic regression by maximum likelihood; `design` holds a constant; `sides` names them."""
    enough_on_both(reached, sides)

    def failed(reason: str) -> NotEstimableError:
        fact = f"the logistic model ({sides}) failed: {reason}."
        return NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))

    coefficients, inverse = logit_regression(design, reached.astype(float), np.ones(len(reached)), failed)
    line = design @ coefficients
    fit = Fit(
        coefficients=coefficients,
        covariance=inverse,
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=float(-np.logaddexp(0, np.where(reached, -line, line)).sum()),
        n=len(reached),
        alone=() if clusters is None else of_one_cluster(design, clusters),
    )
    if clusters is None:
        return fit
    p = expit(line)
    return jackknife(fit, of_linear_predictor(design, reached - p, p * (1 - p), clusters))


def area_under_curve(
    score: Floats,
    reached: NDArray[np.bool_],
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> tuple[float, float, float]:
    """Area under the ROC curve with DeLong's interval; ties count half.

    With `clusters` the interval sums DeLong's components over them (Obuchowski 1997, doi 10.2307/2533958).
    """
    high, low = score[reached], score[~reached]
    ranks = stats.rankdata(np.concatenate([high, low]))
    above = (ranks[: len(high)] - stats.rankdata(high)) / len(low)
    below = 1 - (ranks[len(high) :] - stats.rankdata(low)) / len(high)
    area = float(above.mean())
    se = float(np.sqrt(above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low)))
    if clusters is not None:
        own = np.empty(len(score))
        own[reached], own[~reached] = (above - area) / len(high), (below - area) / len(low)
        se = float(np.sqrt(clusters.count / (clusters.count - 1) * (clusters.sums(own) ** 2).sum()))
    half = float(stats.norm.ppf(0.5 + level / 2)) * se
    return area, max(0.0, area - half), min(1.0, area + half)


def calibration(fit: Fit, design: Floats, reached: NDArray[np.bool_]) -> dict[str, float]:
    """Slope expected in new samples by heuristic shrinkage, and the Brier score.

    In the sample a logistic model is calibrated by construction, so its own slope says nothing.
    """
    p = expit(design @ fit.coefficients)
    share = reached.mean()
    null = float((reached * np.log(share) + (~reached) * np.log(1 - share)).sum())
    chisq = 2 * (fit.log_likelihood - null)
    k = design.shape[1] - 1
    shrinkage = (chisq - k) / chisq if chisq > 0 else float("nan")
    return {"brier": float(((p - reached) ** 2).mean()), "expected_slope": shrinkage}


def calibration_table(fit: Fit, design: Floats, reached: NDArray[np.bool_], groups: int = 5) -> pd.DataFrame:
    """Expected and observed share by equal groups of the fitted probability.

    Returns
    -------
    DataFrame
        group, n, expected, observed; from the lowest probability to the highest.
    """
    p = expit(design @ fit.coefficients)
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, groups) if len(part)]
    return pd.DataFrame(
        [
            (k + 1, len(part), float(p[part].mean()), float(reached[part].mean()))
            for k, part in enumerate(parts)
        ],
        columns=["group", "n", "expected", "observed"],
    )
