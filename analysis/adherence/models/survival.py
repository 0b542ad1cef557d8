"""Time to disengagement from the landmark: Cox model, its proportionality, Kaplan-Meier curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.models.clusters import Clusters, jackknife
from analysis.adherence.models.fit import Fit
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
FEWEST_EVENTS = 10
LARGEST_LOG_HAZARD = 15.0
SMALLEST_SCORE = 1e-8
MOST_STEPS, MOST_HALVINGS = 50, 30


def cox(design: Floats, time: Floats, event: NDArray[np.bool_], clusters: Clusters | None = None) -> Fit:
    """Cox proportional hazards, Efron's handling of ties; `design` has no constant.

    With `clusters` the covariance is that of a jackknife over them, by one Newton step without each.
    """
    if event.sum() < FEWEST_EVENTS:
        fact = f"{int(event.sum())} of {len(time)} people at risk disengaged after the landmark."
        hint = f"a hazard model needs at least {FEWEST_EVENTS}; watch for longer."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    coefficients, moments = maximum(design, time, event)
    information = moments.variance.sum(axis=0)
    fit = Fit(
        coefficients=coefficients,
        covariance=np.asarray(np.linalg.inv(information), dtype=np.float64),
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=moments.log_likelihood(coefficients),
        n=len(time),
    )
    if clusters is None:
        return fit
    return jackknife(fit, _without_each(design, time, event, coefficients, clusters))


def _without_each(
    design: Floats, time: Floats, event: NDArray[np.bool_], coefficients: Floats, clusters: Clusters
) -> Floats:
    """How the coefficients move by one Newton step without each cluster, shape (G, p)."""
    moved = np.zeros((clusters.count, len(coefficients)))
    for cluster in np.unique(clusters.of_row):
        kept = clusters.of_row != cluster
        if not event[kept].any():
            moved[cluster] = np.nan
            continue
        rest = event_moments(design[kept], time[kept], event[kept], coefficients)
        score = (rest.own - rest.mean).sum(axis=0)
        # Columns that only this cluster has are left where they are.
        moved[cluster] = np.linalg.pinv(rest.variance.sum(axis=0), rcond=1e-10, hermitian=True) @ score
    return moved


def maximum(
    design: Floats, time: Floats, event: NDArray[np.bool_], entry: Floats | None = None
) -> tuple[Floats, Moments]:
    """Maximise the partial likelihood; rows count from `entry` (not there yet) to `time` (still there).

    Parameters
    ----------
    design : array, shape (n, p)
        No constant.
    time, event : array, shape (n,)
        End of each row, and whether it ends in the event.
    entry : array, shape (n,), optional
        Start of each row; without it every row counts from the beginning.

    Returns
    -------
    tuple
        Coefficients, and the moments of the risk sets at them.

    Raises
    ------
    NotEstimableError
        There is no maximum inside.
    """
    coefficients = np.zeros(design.shape[1])
    moments = event_moments(design, time, event, coefficients, entry)
    for _ in range(MOST_STEPS):
        score = (moments.own - moments.mean).sum(axis=0)
        if np.abs(score).max() < SMALLEST_SCORE:
            break
        coefficients, moments = _newton(design, time, event, coefficients, moments, entry)
    else:
        raise _no_maximum()
    if np.abs(design @ coefficients).max() > LARGEST_LOG_HAZARD:
        raise _no_maximum()
    return coefficients, moments


def _newton(
    design: Floats,
    time: Floats,
    event: NDArray[np.bool_],
    coefficients: Floats,
    moments: Moments,
    entry: Floats | None,
) -> tuple[Floats, Moments]:
    """One Newton step, halved until the partial likelihood does not fall."""
    score, information = (moments.own - moments.mean).sum(axis=0), moments.variance.sum(axis=0)
    try:
        step = np.linalg.solve(information, score)
    except np.linalg.LinAlgError:
        raise _no_maximum() from None
    before = moments.log_likelihood(coefficients)
    for _ in range(MOST_HALVINGS):
        moved = coefficients + step
        if np.abs(design @ moved).max() <= 2 * LARGEST_LOG_HAZARD:
            found = event_moments(design, time, event, moved, entry)
            if found.log_likelihood(moved) >= before - 1e-9 * max(1.0, abs(before)):
                return moved, found
        step = step / 2
    raise _no_maximum()


def _no_maximum() -> NotEstimableError:
    fact = "the hazard model did not converge, or a predictor orders the times perfectly."
    return NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Per event, in time order: when, its own covariates, their mean and variance over those at risk.

    `share`: part of the tied events of its moment that have happened before it (Efron).
    """

    when: Floats
    own: Floats
    mean: Floats
    variance: Floats
    log_total: Floats
    share: Floats

    def log_likelihood(self, coefficients: Floats) -> float:
        """Logarithm of the partial likelihood."""
        return float((self.own @ coefficients - self.log_total).sum())


def event_moments(
    design: Floats,
    time: Floats,
    event: NDArray[np.bool_],
    coefficients: Floats,
    entry: Floats | None = None,
) -> Moments:
    """Weighted moments of the risk set at every event, tied events by Efron's rule.

    Those at risk are the rows that have not ended, less those that have not begun.
    """
    when, tie = np.unique(time[event], return_inverse=True)
    sums = _from(design, time, when, coefficients)
    if entry is not None:
        later = _from(design, entry, when, coefficients)
        sums = [total - part for total, part in zip(sums, later, strict=True)]
    x, mine = design, design[event]
    w = np.exp(mine @ coefficients)
    tied = [np.zeros_like(total) for total in sums]
    plain, count = np.zeros((len(when), x.shape[1])), np.bincount(tie, minlength=len(when))
    for total, part in zip(
        tied, (w, w[:, None] * mine, w[:, None, None] * mine[:, :, None] * mine[:, None, :]), strict=True
    ):
        np.add.at(total, tie, part)
    np.add.at(plain, tie, mine)
    # Efron: the k-th of d tied events stands against the risk set less k/d of the tied.
    group = np.repeat(np.arange(len(when)), count)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    share = (np.arange(len(group)) - first[group]) / count[group]
    s0 = sums[0][group] - share * tied[0][group]
    mean = (sums[1][group] - share[:, None] * tied[1][group]) / s0[:, None]
    second = (sums[2][group] - share[:, None, None] * tied[2][group]) / s0[:, None, None]
    return Moments(
        when=when[group],
        own=(plain / count[:, None])[group],
        mean=mean,
        variance=second - mean[:, :, None] * mean[:, None, :],
        log_total=np.log(s0),
        share=share,
    )


def _from(design: Floats, time: Floats, when: Floats, coefficients: Floats) -> list[Floats]:
    """Sums of risk, risk times columns and products, over the rows whose time is not below each moment.

    Rows are ordered by falling time, so that a running sum is the sum wanted.
    """
    order = np.argsort(-time, kind="stable")
    x, falling = design[order], time[order]
    risk = np.exp(x @ coefficients)
    squares = x[:, :, None] * x[:, None, :]
    count = np.searchsorted(-falling, -when, side="right")
    whole = (risk, risk[:, None] * x, risk[:, None, None] * squares)
    return [np.concatenate([np.zeros((1, *v.shape[1:])), np.cumsum(v, axis=0)])[count] for v in whole]


def proportionality(
    fit: Fit, design: Floats, time: Floats, event: NDArray[np.bool_], names: list[str]
) -> pd.DataFrame:
    """Test whether hazard ratios are constant: score of each column times time, and of all of them.

    The test of `cox.zph(fit, transform = "identity")` in R's survival 3: the score of `x · t` at the
    fitted model, with the exact information of the enlarged model.
    """
    moments = event_moments(design, time, event, fit.coefficients)
    p = design.shape[1]
    g = moments.when - moments.when.mean()
    score = g @ (moments.own - moments.mean)
    plain = moments.variance.sum(axis=0)
    mixed = np.einsum("e,ejk->jk", g, moments.variance)
    squared = np.einsum("e,ejk->jk", g * g, moments.variance)
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
