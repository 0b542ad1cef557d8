"""Time to disengagement from the landmark: Cox model, its proportionality, Kaplan-Meier curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.binomial import Fit
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
FEWEST_EVENTS = 10


def cox(design: Floats, time: Floats, event: NDArray[np.bool_]) -> Fit:
    """Cox proportional hazards, Efron's handling of ties; `design` has no constant."""
    from statsmodels.duration.hazard_regression import PHReg

    if event.sum() < FEWEST_EVENTS:
        fact = f"{int(event.sum())} of {len(time)} people at risk disengaged after the landmark."
        hint = f"a hazard model needs at least {FEWEST_EVENTS}; watch for longer."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    model = PHReg(time, design, status=event.astype(float), ties="efron")
    fit = model.fit(method="newton", maxiter=100, disp=0)
    coefficients = np.asarray(fit.params, dtype=float)
    score, information = _score_and_information(design, time, event, coefficients)
    # Two more Newton steps on the exact score: the optimiser stops on the likelihood, not on it.
    for _ in range(2):
        coefficients = coefficients + np.linalg.solve(information, score)
        score, information = _score_and_information(design, time, event, coefficients)
    if not np.isfinite(coefficients).all() or np.abs(score).max() > 1e-6:
        fact = "the hazard model did not converge."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))
    return Fit(
        coefficients=coefficients,
        covariance=np.asarray(np.linalg.inv(information), dtype=np.float64),
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=float(model.loglike(coefficients)),
        n=len(time),
    )


def _event_moments(
    design: Floats, time: Floats, event: NDArray[np.bool_], coefficients: Floats
) -> list[tuple[float, Floats, Floats, Floats]]:
    """For each event in time order: time, covariates, mean and variance over those at risk (Efron)."""
    risk = np.exp(design @ coefficients)
    moments = []
    for when in np.unique(time[event]):
        at_risk = time >= when
        tied = np.nonzero((time == when) & event)[0]
        w, x = risk[at_risk], design[at_risk]
        s0, s1 = w.sum(), w @ x
        s2 = (x * w[:, None]).T @ x
        wt, xt = risk[tied], design[tied]
        t0, t1 = wt.sum(), wt @ xt
        t2 = (xt * wt[:, None]).T @ xt
        for k in range(len(tied)):
            share = k / len(tied)
            d0 = s0 - share * t0
            mean = (s1 - share * t1) / d0
            variance = (s2 - share * t2) / d0 - np.outer(mean, mean)
            # Efron: every tied event stands against the same average set, so its own row is the tie's mean.
            moments.append((float(when), xt.mean(axis=0), mean, variance))
    return moments


def _score_and_information(
    design: Floats, time: Floats, event: NDArray[np.bool_], coefficients: Floats
) -> tuple[Floats, Floats]:
    score = np.zeros(design.shape[1])
    information = np.zeros((design.shape[1], design.shape[1]))
    for _, own, mean, variance in _event_moments(design, time, event, coefficients):
        score += own - mean
        information += variance
    return score, information


def proportionality(
    fit: Fit, design: Floats, time: Floats, event: NDArray[np.bool_], names: list[str]
) -> pd.DataFrame:
    """Test whether hazard ratios are constant: score of each column times time, and of all of them.

    The test of `cox.zph(fit, transform = "identity")` in R's survival 3: the score of `x · t` at the
    fitted model, with the exact information of the enlarged model.
    """
    moments = _event_moments(design, time, event, fit.coefficients)
    centre = np.mean([when for when, *_ in moments])
    p = design.shape[1]
    plain, mixed, squared = np.zeros((p, p)), np.zeros((p, p)), np.zeros((p, p))
    score = np.zeros(p)
    for when, own, mean, variance in moments:
        g = when - centre
        score += g * (own - mean)
        plain += variance
        mixed += g * variance
        squared += g * g * variance
    left = squared - mixed @ np.linalg.solve(plain, mixed)
    rows = []
    for j, name in enumerate(names):
        # One column times time, all columns in the model.
        own = squared[j, j] - mixed[j] @ np.linalg.solve(plain, mixed[:, j])
        chisq = float(score[j] ** 2 / own)
        rows.append({"term": name, "chisq": chisq, "df": 1, "pvalue": float(stats.chi2.sf(chisq, 1))})
    chisq = float(score @ np.linalg.solve(left, score))
    rows.append({"term": "GLOBAL", "chisq": chisq, "df": p, "pvalue": float(stats.chi2.sf(chisq, p))})
    return pd.DataFrame(rows)


def kaplan_meier(
    time: Floats, event: NDArray[np.bool_], group: NDArray[np.object_], level: float = 0.95
) -> pd.DataFrame:
    """Product-limit curves by group with log-log intervals.

    Returns
    -------
    DataFrame
        group, time, at_risk, events, surviving, se (Greenwood), ci_lower, ci_upper; a row at time 0 and
        one per distinct time.
    """
    z = stats.norm.ppf(0.5 + level / 2)
    rows = []
    for label in pd.unique(pd.Series(group)):
        mine = group == label
        t, e = time[mine], event[mine]
        surviving, spread = 1.0, 0.0
        rows.append((label, 0.0, int(mine.sum()), 0, 1.0, 0.0, 1.0, 1.0))
        for when in np.unique(t):
            at_risk, events = int((t >= when).sum()), int((e & (t == when)).sum())
            surviving *= 1 - events / at_risk
            spread += events / (at_risk * (at_risk - events)) if events < at_risk else np.nan
            low, high = 1.0, 1.0
            if 0 < surviving < 1:
                half = z * np.sqrt(spread) / np.log(surviving)
                low, high = surviving ** np.exp(-half), surviving ** np.exp(half)
            elif surviving == 0:
                low = high = np.nan
            rows.append(
                (label, float(when), at_risk, events, surviving, surviving * np.sqrt(spread), low, high)
            )
    columns = ["group", "time", "at_risk", "events", "surviving", "se", "ci_lower", "ci_upper"]
    frame = pd.DataFrame(rows, columns=columns)
    swap = frame["ci_lower"] > frame["ci_upper"]
    frame.loc[swap, ["ci_lower", "ci_upper"]] = frame.loc[swap, ["ci_upper", "ci_lower"]].to_numpy()
    return frame
