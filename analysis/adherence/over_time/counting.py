"""Kernel of events that can happen again: Cox's model on stretches of time, errors by person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.clusters import Clusters, summed
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import MOST_TIED, Moments, maximum, share_tied
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
NOTHING_LEFT = 1e-4  # of the errors as if rows were independent: less than this is no error of a rate


def counting_process(
    design: Floats, entry: Floats, time: Floats, event: NDArray[np.bool_], units: Clusters
) -> tuple[Fit, Floats]:
    """Andersen and Gill's model: the rate of events on rows of time, with errors by person or cluster.

    Parameters
    ----------
    design : array, shape (n, p)
        Columns of each row; no constant.
    entry, time : array, shape (n,)
        A row counts after `entry` and up to `time`.
    event : array, shape (n,)
        Whether the row ends in the event.
    units
        Who the rows belong to.

    Returns
    -------
    tuple
        The fit, whose covariance allows for rows of one unit being alike, and the standard errors that rows
        would have if they were independent, shape (p,).

    Notes
    -----
    `I⁻¹ (Σ_g u_g u_g') I⁻¹ G/(G − 1)`, `u_g` the score residuals summed over a unit, tied events by Efron.

    References
    ----------
    Andersen & Gill (1982), doi 10.1214/aos/1176345976. Lin & Wei (1989), doi
    10.1080/01621459.1989.10478874. Therneau & Hamilton (1997), doi
    10.1002/(SICI)1097-0258(19970930)16:18<2029::AID-SIM637>3.0.CO;2-H. In R: `survival::coxph(Surv(start,
    stop, event) ~ x, cluster = id)`, which has no `G/(G − 1)`.
    """
    if (tied := share_tied(time, event, entry)) > MOST_TIED:
        fact = f"on average {tied:.0%} of those for whom it could happen had the event in one moment."
        raise NotEstimableError(fact_and_hint("recurrent_events", fact, "record time in finer steps."))
    coefficients, moments = maximum(design, time, event, entry)
    try:
        bread = np.linalg.inv(moments.variance())
    except np.linalg.LinAlgError:
        raise _nothing_said() from None
    residuals = score_residuals(design, entry, time, event, coefficients, moments)
    influence, df = summed(residuals @ bread, units)
    fit = Fit(
        coefficients=coefficients,
        covariance=np.asarray(influence.T @ influence, dtype=np.float64),
        dispersion=1.0,
        df_resid=df,
        log_likelihood=moments.log_likelihood(coefficients),
        n=len(time),
    )
    plain = np.sqrt(np.diag(bread))
    if not (fit.se > NOTHING_LEFT * plain).all():
        raise _nothing_said()
    return fit, plain


def _nothing_said() -> NotEstimableError:
    fact = "the events say nothing of a column: whoever could have one at a moment had one."
    return NotEstimableError(
        fact_and_hint("recurrent_events", fact, "see whether every stretch ends in an event.")
    )


def score_residuals(
    design: Floats,
    entry: Floats,
    time: Floats,
    event: NDArray[np.bool_],
    coefficients: Floats,
    moments: Moments,
) -> Floats:
    """What each row brings to the score beyond what was expected of it, shape (n, p).

    Parameters
    ----------
    design, entry, time, event, coefficients, moments
        As fitted.

    Returns
    -------
    array, shape (n, p)
        `Σ_e (x_i − x̄_e)(dN_i − r_i dΛ_e)` over the events at which the row is at risk; they sum to nothing.
        In R: `residuals(fit, type = "score")`.
    """
    hazard = np.exp(-moments.log_total)
    pulled = np.column_stack([hazard, hazard[:, None] * moments.mean])
    run = np.concatenate([np.zeros((1, pulled.shape[1])), np.cumsum(pulled, axis=0)])
    over = run[np.searchsorted(moments.when, time, side="right")]
    over = over - run[np.searchsorted(moments.when, entry, side="right")]
    # Efron: of tied events the k-th has lost k/d of its weight.
    lost = moments.share[:, None] * pulled
    tied = np.concatenate([np.zeros((1, pulled.shape[1])), np.cumsum(lost, axis=0)])
    first = np.searchsorted(moments.when, time[event], side="left")
    last = np.searchsorted(moments.when, time[event], side="right")
    over[event] -= tied[last] - tied[first]
    risk = np.exp(design @ coefficients)[:, None]
    residuals = -risk * (design * over[:, :1] - over[:, 1:])
    means = np.concatenate([np.zeros((1, design.shape[1])), np.cumsum(moments.mean, axis=0)])
    residuals[event] += design[event] - (means[last] - means[first]) / (last - first)[:, None]
    return np.asarray(residuals)
