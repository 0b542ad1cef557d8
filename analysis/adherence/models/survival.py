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
FEW_ROWS = 8  # of a part of the rows, below which it is summed together with others
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
    information = moments.variance()
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
        moved[cluster] = np.linalg.pinv(rest.variance(), rcond=1e-10, hermitian=True) @ score
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
    score, information = (moments.own - moments.mean).sum(axis=0), moments.variance()
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
    """Per event, in time order: when, its own covariates, and their mean over those at risk.

    `share`: part of the tied events of its moment that came before it (Efron). `moment`: which of the
    distinct moments it is; for each of these, `products` and `tied` are the sums of weighted products over
    those at risk and over those whose event it is.
    """

    when: Floats
    own: Floats
    mean: Floats
    log_total: Floats
    share: Floats
    moment: NDArray[np.intp]
    products: Floats
    tied: Floats

    def variance(self, weights: Floats | None = None) -> Floats:
        """Sum over events of the variance among those at risk, each counted with its weight."""
        each = np.ones(len(self.when)) if weights is None else weights
        risk = each / np.exp(self.log_total)
        whole, part = (np.bincount(self.moment, w, len(self.products)) for w in (risk, risk * self.share))
        second = np.tensordot(whole, self.products, 1) - np.tensordot(part, self.tied, 1)
        return np.asarray(second - (self.mean * each[:, None]).T @ self.mean)

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
    mine, count = design[event], np.bincount(tie, minlength=len(when))
    tied = _sums(mine, np.exp(mine @ coefficients), tie, len(when))
    plain = np.stack([np.bincount(tie, own, len(when)) for own in mine.T], axis=1)
    # Efron: the k-th of d tied events stands against the risk set less k/d of the tied.
    group = np.repeat(np.arange(len(when)), count)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    share = (np.arange(len(group)) - first[group]) / count[group]
    s0 = sums[0][group] - share * tied[0][group]
    mean = (sums[1][group] - share[:, None] * tied[1][group]) / s0[:, None]
    return Moments(
        when=when[group],
        own=(plain / count[:, None])[group],
        mean=mean,
        log_total=np.log(s0),
        share=share,
        moment=group,
        products=sums[2],
        tied=tied[2],
    )


def _from(design: Floats, time: Floats, when: Floats, coefficients: Floats) -> list[Floats]:
    """Sums of risk, risk times columns and products, over the rows whose time is not below each moment.

    Rows are put together by the last moment that they reach, so that running sums of moments are wanted.
    """
    reached = np.searchsorted(when, time, side="right")
    sums = _sums(design, np.exp(design @ coefficients), reached, len(when) + 1)
    return [np.cumsum(part[:0:-1], axis=0)[::-1] for part in sums]


def _sums(x: Floats, weight: Floats, part: NDArray[np.intp], n_parts: int) -> list[Floats]:
    """Sums of weights, weighted columns and weighted products within each part of the rows."""
    p = x.shape[1]
    order = np.argsort(part, kind="stable")
    x, weight = x[order], weight[order]
    ends = np.cumsum(np.bincount(part, minlength=n_parts))
    total, products = np.zeros((n_parts, p)), np.zeros((n_parts, p, p))
    if len(x) < FEW_ROWS * n_parts:  # parts of few rows: all products first
        weighted = weight[:, None] * x
        np.add.at(total, part[order], weighted)
        np.add.at(products, part[order], weighted[:, :, None] * x[:, None, :])
        return [np.asarray(np.bincount(part[order], weight, n_parts), np.float64), total, products]
    begin = 0
    for k, end in enumerate(ends):
        if end > begin:
            rows, weighted = x[begin:end], weight[begin:end, None] * x[begin:end]
            total[k], products[k] = weighted.sum(axis=0), weighted.T @ rows
        begin = end
    return [np.asarray(np.bincount(part[order], weight, n_parts), np.float64), total, products]


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
    plain = moments.variance()
    mixed, squared = moments.variance(g), moments.variance(g * g)
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
