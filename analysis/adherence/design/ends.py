"""How use ended: left for another reason, got better and needed the app no longer, or no reason is known."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.competing import cumulative_incidence, fine_gray
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import cox
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
CAUSE, ENDED_AFTER = "end_of_use", "ended_after"
SPECIFIC, SUBDISTRIBUTION = "cause-specific hazard", "Fine-Gray"


class End(IntEnum):
    """Ends of use that compete; 0 is not seen to end."""

    LEFT = 1
    BETTER = 2
    UNKNOWN = 3

    @property
    def words(self) -> str:
        """Say the end to a reader."""
        return {
            End.LEFT: "left for another reason",
            End.BETTER: "got better",
            End.UNKNOWN: "stopped, no reason known",
        }[self]


def with_ends(
    frame: pd.DataFrame, ends_well: Sequence[str] | None, notes: list[str], day: float, gap_days: float
) -> pd.DataFrame:
    """Add how use ended to a landmark frame where reasons for leaving are known.

    Parameters
    ----------
    frame
        `reason` where known, `at_risk`, `last_use_day`, `last_use_is_end`, `withdrawn_day`, `end_day`.
    ends_well
        Reasons of the study file which say that somebody needed the app no longer.
    notes
        What is taken for granted is added here.
    day, gap_days
        The landmark, and days without use that count as having left.

    Returns
    -------
    DataFrame
        With `end_of_use` (0 not seen to end, 1 left for another reason, 2 got better, 3 stopped without a
        reason that is known) and `ended_after` (days from the landmark). Unchanged where no reason is known,
        or the study file does not say which end well.

    Notes
    -----
    A reason is one of the last silence, not of a first pause: whoever came back had not ended. Use ends when
    `gap_days` have passed since the last use, or on the day of a withdrawal with a reason. Were a pause given
    the reason of a later end, or silence without a reason counted as leaving for another, what makes people
    recover would look as if it kept others from leaving.
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
    said, end = reason.notna(), frame["end_day"].astype(float)
    gone = (frame["withdrawn_day"].astype(float) <= end) & said
    ended = frame["at_risk"] & (frame["last_use_is_end"] | gone)
    better = ended & reason.isin(list(ends_well))
    if unknown := int((ended & ~said).sum()):
        notes.append(
            f"of {int(ended.sum())} people whose use ended {unknown} gave no reason: an end of its own"
        )
    cause = np.select(
        [better, ended & said, ended], [int(End.BETTER), int(End.LEFT), int(End.UNKNOWN)], default=0
    )
    silent = frame["last_use_day"].astype(float).fillna(0.0) + gap_days
    when = np.where(gone, frame["withdrawn_day"].astype(float), np.where(ended, silent, end)) - day
    return frame.assign(**{CAUSE: cause, ENDED_AFTER: np.where(frame["at_risk"], when, np.nan)})


def models_of_ends(
    design: Floats,
    time: Floats,
    cause: NDArray[np.int64],
    end: End,
    level: float,
    clusters: Clusters | None = None,
) -> tuple[list[dict[str, Any]], dict[str, NotEstimableError]]:
    """Model one end twice; the first column of the design is the score.

    Returns
    -------
    tuple
        Rows of `AdherenceResult.ends` without the predictor: the cause-specific hazard (among those still
        there, does it come sooner?) and the subdistribution (do more people ever meet it?). And by model why
        it could not be fitted: times that are known in weeks alone bear the first and not the second.
    """
    rows, failed = [], {}
    events = int((cause == end).sum())
    for model in (SPECIFIC, SUBDISTRIBUTION):
        try:
            if model == SPECIFIC:
                fit = cox(design, time, cause == end, clusters, robust=True)
            else:
                fit = fine_gray(design, time, cause, end, clusters, left_out=True)
            if not np.isfinite(fit.se[0]) or 0 in fit.alone:
                raise NotEstimableError("the fit gives no standard error of the score.")
        except NotEstimableError as error:
            failed[model] = error
        else:
            rows.append(_row(model, fit, end, events, level))
    return rows, failed


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
        here[ENDED_AFTER].to_numpy(dtype=float),
        here[CAUSE].to_numpy(dtype=np.int64),
        {int(end): end.words for end in End if end is not End.UNKNOWN or (here[CAUSE] == end).any()},
        level,
    )
