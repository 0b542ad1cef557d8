"""Kernel of events that can happen again: Cox's model on stretches of time, errors by person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.binomial import alone_in
from analysis.adherence.models.clusters import Clusters, jackknife
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import MOST_TIED, maximum, moves_of_people, share_tied
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
        The fit, whose covariance allows for rows of one unit being alike and whose `alone` names columns of
        one unit, and the standard errors that rows would have if they were independent, shape (p,).

    Notes
    -----
    `(G − 1)/G Σ_g d_g d_g'`, `d_g = −(I − I_g)⁻¹ u_g` the move without a unit (`moves_of_people`), `u_g` its
    score residuals and `I_g` its information summed; tied events by Efron.

    References
    ----------
    Andersen & Gill (1982), doi 10.1214/aos/1176345976. Lin & Wei (1989), doi
    10.1080/01621459.1989.10478874. Therneau & Hamilton (1997), doi
    10.1002/(SICI)1097-0258(19970930)16:18<2029::AID-SIM637>3.0.CO;2-H. In R: `survival::coxph(Surv(start,
    stop, event) ~ x, cluster = id)`, which leaves the information of each unit in.
    """
    if (tied := share_tied(time, event, entry)) > MOST_TIED:
        fact = f"on average {tied:.0%} of those for whom it could happen had the event in one moment."
        raise NotEstimableError(fact_and_hint("recurrent_events", fact, "record time in finer steps."))
    coefficients, moments = maximum(design, time, event, entry)
    try:
        bread = np.linalg.inv(moments.variance())
    except np.linalg.LinAlgError:
        raise _nothing_said() from None
    fit = Fit(
        coefficients=coefficients,
        covariance=np.asarray(bread, dtype=np.float64),
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=moments.log_likelihood(coefficients),
        n=len(time),
    )
    lone = alone_in(np.column_stack([np.ones(len(design)), design]), units)
    fit = replace(fit, alone=tuple(place - 1 for place in lone if place))
    fit = jackknife(fit, moves_of_people(moments, units))
    plain = np.sqrt(np.diag(bread))
    told = np.setdiff1d(np.arange(len(plain)), fit.alone)
    if not (fit.se > NOTHING_LEFT * plain)[told].all():
        raise _nothing_said()
    return fit, plain


def _nothing_said() -> NotEstimableError:
    fact = "the events say nothing of a column: whoever could have one at a moment had one."
    return NotEstimableError(
        fact_and_hint("recurrent_events", fact, "see whether every stretch ends in an event.")
    )
