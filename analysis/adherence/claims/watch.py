"""Whether a score goes with how long people let themselves be watched, and what that does to the estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.design.controls import partial_correlation
from analysis.adherence.design.landmark import LandmarkDesign
from analysis.adherence.models.binomial import Fit, quasi_binomial
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
FEWEST_GONE = 8
MOVED = 0.1  # standard errors by which the estimate may change


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How withdrawal after the landmark goes with a score.

    Attributes
    ----------
    gone
        People analysed who withdrew after the landmark.
    pvalue
        Of the partial correlation of the score with the share of the time that they could have been watched
        and were; NaN where fewer than eight withdrew.
    change
        By how many standard errors the estimate changes with that share held constant; NaN where it was not
        asked or has no solution.
    """

    gone: int
    pvalue: float
    change: float

    def doubtful(self, level: float) -> bool:
        """Whether shares of what was due cannot be compared along the score."""
        goes = self.pvalue < 1 - level
        return bool(goes and not abs(self.change) <= MOVED)


def watch_by_score(design: LandmarkDesign, x: Floats, fit: Fit, level: float) -> Watch:
    """Ask whether who withdraws goes with the score, and whether that moves the estimate.

    Parameters
    ----------
    design
        The landmark design; `end_day` and `observable_day` of its frame.
    x : array, shape (n, p)
        Constant, score, columns held constant.
    fit
        Of the remaining use on these.
    level
        Level of the intervals.

    Returns
    -------
    Watch
        In doubt where p is below the level and the estimate moves by more than a tenth of its error.

    Notes
    -----
    Of who withdraws no more units are due, so that shares of what was due are those of other weeks. Where use
    fades and low ratings bring withdrawal, low raters are judged by their first weeks: a true null shows as
    more use by those who rate low. The share of the watch that was kept, and its square, are held constant to
    see what that does. They come after the rating, so this is a question and no better estimate.

    References
    ----------
    Hernán, Hernández-Díaz & Robins (2004), doi 10.1097/01.ede.0000135174.63482.43 (selection by leaving).
    """
    frame = design.frame
    end, could = (frame[name].to_numpy(dtype=float) for name in ("end_day", "observable_day"))
    gone = int((end < could).sum())
    if gone < FEWEST_GONE:
        return Watch(gone=gone, pvalue=float("nan"), change=float("nan"))
    kept = np.clip((end - design.day) / (could - design.day), 0.0, 1.0)
    pvalue = partial_correlation(x[:, 1], kept, np.delete(x, 1, axis=1))[1]
    if not pvalue < 1 - level:
        return Watch(gone=gone, pvalue=pvalue, change=float("nan"))
    middle = kept - kept.mean()
    more = np.column_stack([middle, middle**2 - (middle**2).mean()])
    due = frame["due"].to_numpy(dtype=float)
    try:
        held = quasi_binomial(
            np.column_stack([x, more]), frame["done"].to_numpy(dtype=float), due, clusters=design.clusters
        )
    except NotEstimableError:
        return Watch(gone=gone, pvalue=pvalue, change=float("nan"))
    moved = float((held.coefficients[1] - fit.coefficients[1]) / fit.se[1])
    return Watch(gone=gone, pvalue=pvalue, change=moved)
