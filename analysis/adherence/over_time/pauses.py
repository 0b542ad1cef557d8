"""Stretches of time in which people pause, and whether a score goes with coming back from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.adherence.claims.claims import Claim
from analysis.adherence.design.covariates import own_share
from analysis.adherence.design.early_use import EVENTS_PER_COLUMN, FEWEST_COLUMNS
from analysis.adherence.design.landmark import LandmarkDesign
from analysis.adherence.over_time.recurrent_events import RecurrentResult, recurrent_events
from instrument.errors import NotEstimableError, ToolkitError, fact_and_hint
from instrument.reading.people import labels_as_text

FROM, TO, BACK = "away_from", "away_to", "came_back"
LEAST_OF_ITS_OWN = 0.01


def stretches_away(
    pauses: pd.DataFrame, people: pd.DataFrame, *, longest: float, landmark: float
) -> pd.DataFrame:
    """Give the time after a landmark in which people pause: it ends by coming back, or with the watch.

    Parameters
    ----------
    pauses
        participant, last_use, back: two uses more than `longest` days apart.
    people
        participant, last_use_whole, end_day (see `summarise_usage`).
    longest
        Days without use that are no pause yet.
    landmark
        Nothing before this day counts; who pauses then is away from it on.

    Returns
    -------
    DataFrame
        participant, away_from, away_to, came_back (0/1), by person and time. Who never came has none.

    Examples
    --------
    >>> two = pd.DataFrame({"participant": ["a"], "last_use": [20.0], "back": [40.0]})
    >>> last = pd.DataFrame({"participant": ["a"], "last_use_whole": [60.0], "end_day": [84.0]})
    >>> stretches_away(two, last, longest=7, landmark=28)["away_from"].tolist()
    [28.0, 67.0]
    """
    ended = pd.DataFrame(
        {
            "participant": labels_as_text(pauses["participant"]),
            FROM: pauses["last_use"].astype(float) + longest,
            TO: pauses["back"].astype(float),
            BACK: 1.0,
        }
    )
    last = people["last_use_whole"].astype(float)
    still = pd.DataFrame(
        {
            "participant": labels_as_text(people["participant"]),
            FROM: last + longest,
            TO: people["end_day"].astype(float),
            BACK: 0.0,
        }
    )[last.notna()]
    away = pd.concat([ended, still], ignore_index=True)
    away[FROM] = np.maximum(away[FROM], landmark)
    away = away[away[TO] > away[FROM]]
    return away.sort_values(["participant", FROM], ignore_index=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingBack:
    """Coming back, by score.

    `effects`: a row per score: predictor, then the row of `RecurrentResult.effects`, claim. `people`: events
    (returns of one person), n. `failed`: predictor, reason. `left_out`: columns of adjustment that the
    returns do not bear. `n_people`, `n_stretches`, `n_returns`: of those who pause.
    """

    effects: pd.DataFrame
    people: pd.DataFrame
    failed: list[tuple[str, str]]
    left_out: list[str]
    n_people: int
    n_stretches: int
    n_returns: int


def returns_of(
    away: pd.DataFrame, design: LandmarkDesign, predictors: Sequence[str], *, confidence: float = 0.95
) -> ComingBack:
    """Relate each score at the landmark to the rate of coming back from a pause after it.

    Parameters
    ----------
    away
        As of `stretches_away`.
    design
        People with score and adjustment.
    predictors
        Scores; one model each.
    confidence
        Level of the intervals.

    Returns
    -------
    ComingBack
        Effects of those that could be estimated. Nothing is ever called supported: only people who pause are
        compared, and what makes people pause can tie score and return together where neither moves the other.
        Where use may be missing from the log nothing is told, found or not.

    Raises
    ------
    NotEstimableError
        Nobody paused.
    """
    rows = away.merge(design.frame, on="participant", how="inner")
    if rows.empty:
        fact = "nobody of those who can be analysed paused after the landmark."
        raise NotEstimableError(fact_and_hint("use_course", fact, "see use day by day."))
    returns = int(rows[BACK].sum())
    kept = borne(rows, design, predictors, returns)
    made: dict[str, RecurrentResult] = {}
    failed = []
    for name in predictors:
        try:
            made[name] = recurrent_events(
                rows,
                start=FROM,
                stop=TO,
                event=BACK,
                predictors=[name],
                adjust_for=kept,
                numbers=kept,
                cluster=design.cluster,
                confidence=confidence,
            )
        except ToolkitError as error:
            failed.append((name, str(error).split("\n")[0].split(": ", 1)[-1]))
    if not made:
        raise NotEstimableError(failed[0][1] if failed else "no score was given.")
    return ComingBack(
        effects=pd.concat(
            [_row(name, one, lost=bool(design.lost)) for name, one in made.items()], ignore_index=True
        ),
        people=next(iter(made.values())).people,
        failed=failed,
        left_out=[name for name in design.adjusters if name not in kept],
        n_people=int(rows["participant"].nunique()),
        n_stretches=len(rows),
        n_returns=returns,
    )


def _row(name: str, made: RecurrentResult, *, lost: bool) -> pd.DataFrame:
    mine = made.effects[made.effects["term"] == name].drop(columns="term")
    mine.insert(0, "predictor", name)
    reached = (mine["ci_lower"] <= 1) & (mine["ci_upper"] >= 1)
    told = reached & (not lost)
    return mine.assign(claim=np.where(told, str(Claim.NOT_FOUND), str(Claim.UNTOLD)))


def borne(rows: pd.DataFrame, design: LandmarkDesign, predictors: Sequence[str], returns: int) -> list[str]:
    """Give the columns of adjustment that tell something among those of the rows, as many as events bear.

    Parameters
    ----------
    rows
        Scores and adjustment of those the model is about.
    design
        Names of the columns.
    predictors
        Scores.
    returns
        Events.

    Returns
    -------
    list of str
        One column for every ten events beside the score, two at least: first how much and how recently the
        app was used before the landmark, then what the study declares, then the curves of early use.
    """
    others = [name for name in design.adjusters if name not in design.early]
    front, curves = design.early[:FEWEST_COLUMNS], design.early[FEWEST_COLUMNS:]
    room = max(FEWEST_COLUMNS, returns // EVENTS_PER_COLUMN - 1)
    kept: list[str] = []
    for name in [*front, *others, *curves]:
        column = rows[name].to_numpy(dtype=float)
        if len(kept) == room or not np.ptp(column) > 0:
            continue
        held = rows[kept].to_numpy(dtype=float)
        alike = [np.column_stack([held, rows[score].to_numpy(dtype=float)]) for score in predictors]
        if all(own_share(column, known) > LEAST_OF_ITS_OWN for known in alike):
            kept.append(name)
    return kept
