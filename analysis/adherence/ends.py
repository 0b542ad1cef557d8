"""How use ended: left for another reason, or got better and needed the app no longer."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.binomial import Fit
from analysis.adherence.clusters import Clusters
from analysis.adherence.competing import cumulative_incidence, fine_gray
from analysis.adherence.survival import cox

Floats = NDArray[np.float64]
CAUSE = "end_of_use"
SPECIFIC, SUBDISTRIBUTION = "cause-specific hazard", "Fine-Gray"


class End(IntEnum):
    """Ends of use that compete; 0 is not seen to end."""

    LEFT = 1
    BETTER = 2

    @property
    def words(self) -> str:
        """Say the end to a reader."""
        return {End.LEFT: "left for another reason", End.BETTER: "got better"}[self]


def with_ends(frame: pd.DataFrame, ends_well: Sequence[str] | None, notes: list[str]) -> pd.DataFrame:
    """Add how use ended to a landmark frame where reasons for leaving are known.

    Parameters
    ----------
    frame
        `reason` where known, `at_risk`, `disengaged`, `withdrawn_day`, `end_day`.
    ends_well
        Reasons of the study file which say that somebody needed the app no longer.
    notes
        What is taken for granted is added here.

    Returns
    -------
    DataFrame
        With `end_of_use`: 0 not seen to end, 1 left for another reason (or for none that is known), 2 got
        better. Who withdrew with a reason has ended use on that day. Unchanged where no reason is known, or
        the study file does not say which end well.
    """
    if "reason" not in frame or not frame["reason"].notna().any():
        return frame
    if not ends_well:
        notes.append(
            "reasons for leaving are known, but the study file does not say which of them mean that somebody "
            "got better (ends_well): all count as leaving"
        )
        return frame
    reason = frame["reason"]
    gone = frame["withdrawn_day"].astype(float) <= frame["end_day"].astype(float)
    left = frame["at_risk"] & (frame["disengaged"] | (gone & reason.notna()))
    better = left & reason.isin(list(ends_well))
    unknown = int((left & reason.isna()).sum())
    if unknown:
        notes.append(f"of {int(left.sum())} people who left {unknown} gave no reason: another is taken")
    cause = np.where(better, int(End.BETTER), np.where(left, int(End.LEFT), 0))
    return frame.assign(**{CAUSE: cause})


def models_of_ends(
    design: Floats,
    time: Floats,
    cause: NDArray[np.int64],
    end: End,
    level: float,
    clusters: Clusters | None = None,
) -> list[dict[str, Any]]:
    """Model one end twice; the first column of the design is the score.

    Returns
    -------
    list of dict
        Rows of `AdherenceResult.ends` without the predictor: the cause-specific hazard (among those still
        there, does it come sooner?) and the subdistribution (do more people ever meet it?).
    """
    fits = {
        SPECIFIC: cox(design, time, cause == end, clusters),
        SUBDISTRIBUTION: fine_gray(design, time, cause, end, clusters),
    }
    events = int((cause == end).sum())
    return [_row(model, fit, end, events, level) for model, fit in fits.items()]


def _row(model: str, fit: Fit, end: End, events: int, level: float) -> dict[str, Any]:
    low, high = fit.interval(level)
    return {
        "end": end.words,
        "model": model,
        "n": fit.n,
        "events": events,
        "coefficient": float(fit.coefficients[0]),
        "se": float(fit.se[0]),
        "pvalue": float(fit.pvalues()[0]),
        "ratio": float(np.exp(fit.coefficients[0])),
        "ci_lower": float(np.exp(low[0])),
        "ci_upper": float(np.exp(high[0])),
    }


def incidence_of(frame: pd.DataFrame, level: float) -> pd.DataFrame:
    """Share of those at risk at the landmark that met each end; empty where no reason is known."""
    if CAUSE not in frame or not frame["at_risk"].any():
        return pd.DataFrame()
    here = frame[frame["at_risk"]]
    return cumulative_incidence(
        here["disengaged_after"].to_numpy(dtype=float),
        here[CAUSE].to_numpy(dtype=np.int64),
        {int(end): end.words for end in End},
        level,
    )
