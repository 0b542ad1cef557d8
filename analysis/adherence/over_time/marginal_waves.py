"""Ratings at several waves and the use after each, as rows of a weighted model and of the g-formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.adherence.design.landmark import refuse_names, side_columns
from analysis.adherence.design.windows import Windows
from analysis.adherence.over_time.g_formula import GFormulaResult, g_formula
from analysis.adherence.over_time.marginal_structural import MarginalResult, marginal_structural
from instrument.reading.people import labels_as_text
from instrument.study import Study

BEFORE, SHARE_BEFORE = "units done before, log", "share done before"
EARLY = ("use before the first rating, log", "idle days before the first rating, log")


def marginal_of_waves(
    scores: pd.DataFrame,
    name: str,
    windows: Windows,
    plan: Study,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    confidence: float = 0.95,
) -> MarginalResult:
    """Weigh the ratings of one score by use and ratings before each, and relate them to the use after.

    Parameters
    ----------
    scores
        participant, wave, and the score.
    name
        The score: its effect is per standard deviation over all ratings.
    windows
        Use by wave.
    plan
        The study: what is adjusted for.
    outcomes, covariates
        One row per participant.
    confidence
        Level of every interval.

    Returns
    -------
    MarginalResult
        Percentage points of what was due, per standard deviation of the score.

    Notes
    -----
    Causes that change: the share done in the window before, and the logarithm of units done there. Before
    the first rating there is no window: use up to it does not change any more and stays in the model of the
    outcome, with the study's covariates. People still watched count in a window whether they rated or not:
    from the first rating that is missing others like them stand for them.
    """
    frame, how = rows_of_waves(scores, name, windows, plan, outcomes, covariates)
    return marginal_structural(frame, confidence=confidence, **how)


def followed_waves(
    scores: pd.DataFrame,
    name: str,
    windows: Windows,
    plan: Study,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    confidence: float = 0.95,
    draws: int = 200,
    seed: int = 1,
) -> GFormulaResult:
    """Follow the same rows under strategies for the ratings of one score, by the g-formula.

    Parameters
    ----------
    scores, name, windows, plan, outcomes, covariates, confidence
        As for `marginal_of_waves`.
    draws, seed
        Bootstrap samples, and their seed.

    Returns
    -------
    GFormulaResult
        Percentage points of what was due: ratings half a standard deviation higher than they would come at
        every wave, and none under the median.
    """
    frame, how = rows_of_waves(scores, name, windows, plan, outcomes, covariates)
    return g_formula(frame, confidence=confidence, draws=draws, seed=seed, **how)


def rows_of_waves(
    scores: pd.DataFrame,
    name: str,
    windows: Windows,
    plan: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A row for each person and wave, and which column is what.

    Parameters
    ----------
    scores, name, windows, plan, outcomes, covariates
        As for `marginal_of_waves`.

    Returns
    -------
    tuple
        The rows, and the arguments that name exposure, outcome, causes, times and clusters.
    """
    rated = scores[["participant", "wave", name]].copy()
    rated["participant"], rated["wave"] = labels_as_text(rated["participant"]), labels_as_text(rated["wave"])
    rated[name] = rated[name].astype("Float64").astype(float)
    answered = set(rated.loc[rated[name].notna(), "wave"])
    every = list(windows.table["wave"])
    order = [wave for wave in every if wave in answered]
    spread = float(rated.loc[rated["wave"].isin(order), name].std(ddof=1))
    rated[name] = rated[name] / spread if spread > 0 else rated[name]
    refuse_names([name], windows.use.columns, "scores")
    frame = windows.use.merge(rated, on=["participant", "wave"], how="left")
    frame["(order)"] = frame["wave"].map({wave: k for k, wave in enumerate(every)})
    frame = frame.sort_values(["participant", "(order)"], kind="stable", ignore_index=True)
    person = frame.groupby("participant", sort=False)
    # Everybody is alike before the first window: what came before it is held constant as it was.
    frame[SHARE_BEFORE] = person["percent"].shift(1).fillna(0.0)
    frame[BEFORE] = np.log1p(person["done"].shift(1).fillna(0.0))
    frame[EARLY[0]] = np.log1p(frame["use_before"].to_numpy(dtype=float))
    idle = np.minimum(frame["idle_at_landmark"].to_numpy(dtype=float), plan.gap_days)
    frame[EARLY[1]] = np.log1p(idle)
    notes: list[str] = []
    extra, wanted = side_columns(plan, outcomes, covariates, None, notes, frame)
    if extra is not None:
        frame = frame.merge(extra, on="participant", how="left")
    cluster = plan.cluster if plan.cluster is not None and plan.cluster in frame else None
    steady: list[Any] = [*EARLY, *(column for column in wanted if column != cluster)]
    return frame, {
        "exposure": name,
        "outcome": "percent",
        "varying": [SHARE_BEFORE, BEFORE],
        "baseline": steady,
        "time": "wave",
        "times": order,
        "numbers": [*EARLY, *plan.baseline, *plan.numbers],
        "cluster": cluster,
    }
