"""Negative controls: use that a rating cannot have moved, and a rating that cannot have moved use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.landmark import LandmarkDesign
from analysis.common.variation import varies

Floats = NDArray[np.float64]
FEWEST_USERS = 8  # people who used it, and who used it otherwise than most, before it is asked of
FEWEST_DUE = 2.0  # of one unit nobody can tell what is noise


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCause:
    """How far the association of score and use lies beyond what one hidden cause of three things can make.

    `value` is `|r_DY| r_EY − λ r_DE` with its standard error; `with_other` is r_DE and `with_use` r_DY, as
    they were before the score was turned.
    """

    value: float
    se: float
    with_other: float
    with_use: float

    def lower(self, level: float) -> float:
        """Lower limit of `value`."""
        return self.value - float(stats.norm.ppf(0.5 + level / 2)) * self.se


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What the negative controls say of one score.

    Attributes
    ----------
    feature
        What readers call the unrelated feature; empty where there is none to ask.
    of_feature
        The three correlations of score, later use and later use of the feature; None where there is none.
    earlier, earlier_p
        Correlation of the score with active days before enrolment, all adjustment held constant, and its p
        value; NaN where the log does not reach back.
    rating, rating_people
        What readers call the unrelated rating, and people analysed who gave it; empty and 0 where there is
        none to ask.
    rating_r, rating_p
        Correlation of the unrelated rating with later use, score and all adjustment held constant, and its p
        value.
    rating_score
        Its correlation with the score, all adjustment held constant.
    of_rating
        The three correlations of score, unrelated rating and later use; None where there is none.
    """

    feature: str
    of_feature: OneCause | None
    earlier: float
    earlier_p: float
    rating: str
    rating_people: int
    rating_r: float
    rating_p: float
    rating_score: float
    of_rating: OneCause | None


def controls_of(design: LandmarkDesign, x: Floats, share: Floats, due: Floats) -> Controls:
    """Ask the negative controls that the log holds.

    Parameters
    ----------
    design
        The landmark design; `unrelated_after` and `days_before_enrolment` of its frame where known.
    x : array, shape (n, p)
        Constant, score, columns held constant.
    share, due : array, shape (n,)
        Share done after the landmark of what was due, and what was due.

    Returns
    -------
    Controls
        Without a feature where fewer than eight people used it otherwise than most, who may not have used it.

    Notes
    -----
    *Unrelated feature.* A cause that nobody measured and that moves use of the app, whenever it arose, moves
    use of a feature that the alliance has no reason to move as well (Lipsitch, Tchetgen Tchetgen & Cohen
    2010). With E the logarithm of the feature's later use (per unit of time watched) in the place of use
    before, the inequality of the lasting habit must hold: `r_DY r_EY − λ r_DE > 0`. What is assumed is that
    hidden causes are shared by both alike; a cause of the intended use alone passes unseen.

    *Before enrolment.* No rating can have moved use before it. The partial correlation with the logarithm of
    active days then is nothing if what is held constant holds the habit.

    *Unrelated rating* (a negative-control exposure). A rating of something else, given at the same time, has
    no reason to move use. A cause that nobody measured and that moves ratings (a mood, a habit of agreeing)
    and later use moves it too: `one_cause_of_ratings` asks whether one such cause can make all three
    correlations.

    References
    ----------
    Lipsitch, Tchetgen Tchetgen & Cohen (2010), doi 10.1097/EDE.0b013e3181d61eeb. Sanderson et al. (2018), doi
    10.1093/ije/dyx213 (exposures as controls). Shi, Miao & Tchetgen
    Tchetgen (2020), doi 10.1007/s40471-020-00243-4.
    """
    frame = design.frame
    others = np.delete(x, 1, axis=1)
    feature, of_feature = "", None
    if design.unrelated and "unrelated_after" in frame:
        rate = np.log1p(frame["unrelated_after"].to_numpy(dtype=float) / due * design.due)
        if _told_apart(rate):
            feature = design.unrelated
            of_feature = one_cause(rate[:, None], x[:, 1], share, others, due)
    earlier, earlier_p = float("nan"), float("nan")
    if "days_before_enrolment" in frame:
        days = np.log1p(frame["days_before_enrolment"].to_numpy(dtype=float))
        if _told_apart(days):
            earlier, earlier_p = partial_correlation(x[:, 1], days, others)
    rating, people, rating_r, rating_p, with_score = "", 0, float("nan"), float("nan"), float("nan")
    of_rating = None
    if design.unrelated_rating:
        own = pd.to_numeric(frame[design.unrelated_rating], errors="coerce").to_numpy(dtype=float)
        here = np.isfinite(own)
        if here.sum() > x.shape[1] + FEWEST_USERS and _told_apart(own[here]):
            rating, people = design.rating_title, int(here.sum())
            rating_r, rating_p = partial_correlation(share[here], own[here], x[here])
            with_score = partial_correlation(x[here, 1], own[here], others[here])[0]
            of_rating = one_cause_of_ratings(x[here, 1], own[here], share[here], others[here])
    return Controls(
        feature=feature,
        of_feature=of_feature,
        earlier=earlier,
        earlier_p=earlier_p,
        rating=rating,
        rating_people=people,
        rating_r=rating_r,
        rating_p=rating_p,
        rating_score=with_score,
        of_rating=of_rating,
    )


def _told_apart(column: Floats) -> bool:
    """Whether eight people or more did something else of it than most did; most may have done nothing."""
    most_alike = int(np.unique(column, return_counts=True)[1].max())
    return len(column) - most_alike >= FEWEST_USERS


def partial_correlation(a: Floats, b: Floats, others: Floats) -> tuple[float, float]:
    """Partial correlation and its p value, Student's t.

    Parameters
    ----------
    a, b : array, shape (n,)
    others : array, shape (n, p)
        Columns held constant, the constant among them.

    Returns
    -------
    tuple of float
        NaN where one of the two has nothing left. In R: `cor(resid(lm(a ~ x)), resid(lm(b ~ x)))`.
    """
    both = np.column_stack([a, b])
    left = both - others @ np.linalg.lstsq(others, both, rcond=None)[0]
    if not all(varies(rest, beside=column) for rest, column in zip(left.T, both.T, strict=True)):
        return float("nan"), float("nan")
    r = float(np.clip((_unit(left[:, 0]) * _unit(left[:, 1])).mean(), -1.0, 1.0))
    df = len(a) - int(np.linalg.matrix_rank(others)) - 1
    if df < 1 or abs(r) == 1:
        return r, 0.0 if abs(r) == 1 else float("nan")
    return r, float(2 * stats.t.sf(abs(r) * np.sqrt(df / (1 - r**2)), df))


def one_cause(index: Floats, score: Floats, use: Floats, others: Floats, due: Floats) -> OneCause:
    """Measure `|r_DY| r_EY − λ r_DE`, signed so that the score goes with more later use.

    Parameters
    ----------
    index : array, shape (n, k)
        Columns whose best line for use is E.
    score, use : array, shape (n,)
        D, and the share done of what was due, Y.
    others : array, shape (n, p)
        Columns held constant, the constant among them.
    due : array, shape (n,)
        Units due.

    Returns
    -------
    OneCause
        With its standard error by influence functions.

    Notes
    -----
    λ is the share of the variance of Y that is not binomial noise. r_EY is corrected for the number of
    columns of the index: as many columns, as much agreement by chance.
    """
    k = index.shape[1]
    columns = np.column_stack([index, score, use])
    columns = columns - others @ np.linalg.lstsq(others, columns, rcond=None)[0]
    index, score, left = columns[:, :k], columns[:, -2], columns[:, -1]
    line = index @ np.linalg.lstsq(index, left, rcond=None)[0]
    n, raw = len(left), float(left @ left) / len(left)
    e, d, y = (_unit(v) for v in (line, score, left))
    after = float((d * y).mean())
    sign = 1.0 if after >= 0 else -1.0
    d = sign * d
    r_dy, r_ey, r_de = (float((a * b).mean()) for a, b in ((d, y), (e, y), (d, e)))
    own = max(1 - (1 - r_ey**2) * (n - 1) / max(n - 1 - k, 1), 0.0) ** 0.5
    several = np.where(due >= FEWEST_DUE, due, np.inf)
    noise = use * (1 - use) / (several - 1)
    lasting = float(np.clip(1 - noise.mean() / raw, 0.0, 1.0))
    by_dy, by_ey, by_de = (
        a * b - r / 2 * (a**2 + b**2) for a, b, r in ((d, y, r_dy), (e, y, r_ey), (d, e, r_de))
    )
    by_lasting = -(noise - noise.mean()) / raw + noise.mean() / raw * (y**2 - 1)
    influence = own * by_dy + r_dy * by_ey - lasting * by_de - r_de * by_lasting
    return OneCause(
        value=r_dy * own - lasting * r_de,
        se=float(influence.std(ddof=1) / np.sqrt(n)),
        with_other=sign * r_de,
        with_use=sign * r_dy,
    )


def one_cause_of_ratings(score: Floats, rating: Floats, use: Floats, others: Floats) -> OneCause:
    """Measure `|r_DY| |r_DZ| − r_ZY`, score and rating signed so that both go with more of the other.

    Parameters
    ----------
    score, rating, use : array, shape (n,)
        D, the unrelated rating Z, and the share done of what was due, Y.
    others : array, shape (n, p)
        Columns held constant, the constant among them.

    Returns
    -------
    OneCause
        With its standard error by influence functions; `with_other` is r_DZ, `with_use` r_DY.

    Notes
    -----
    Were one hidden cause behind all three, `r_DY r_DZ / r_ZY` would be the share of the score's variance that
    it explains, at most 1: the value is above nothing for no such cause. Where a way of answering moves both
    ratings and no use, r_ZY is nothing and the value is `|r_DY| |r_DZ|`. Up to a factor it is the negative
    partial correlation of rating and use given the score.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> alliance, style, noise = rng.normal(size=(3, 4000))
    >>> ones = np.ones((4000, 1))
    >>> apart = one_cause_of_ratings(alliance + style, style + noise, alliance + rng.normal(size=4000), ones)
    >>> need = one_cause_of_ratings(style + alliance, style + noise, style + rng.normal(size=4000), ones)
    >>> apart.lower(0.95) > 0, need.lower(0.95) > 0
    (True, False)
    """
    columns = np.column_stack([score, rating, use])
    left = columns - others @ np.linalg.lstsq(others, columns, rcond=None)[0]
    d, z, y = (_unit(column) for column in left.T)
    with_use, with_rating = float((d * y).mean()), float((d * z).mean())
    d = d if with_use >= 0 else -d
    z = z if float((d * z).mean()) >= 0 else -z
    r_dy, r_dz, r_zy = (float((a * b).mean()) for a, b in ((d, y), (d, z), (z, y)))
    by_dy, by_dz, by_zy = (
        a * b - r / 2 * (a**2 + b**2) for a, b, r in ((d, y, r_dy), (d, z, r_dz), (z, y, r_zy))
    )
    influence = r_dz * by_dy + r_dy * by_dz - by_zy
    return OneCause(
        value=r_dy * r_dz - r_zy,
        se=float(influence.std(ddof=1) / np.sqrt(len(y))),
        with_other=with_rating,
        with_use=with_use,
    )


def _unit(column: Floats) -> Floats:
    centred = column - column.mean()
    spread = centred.std()
    return np.asarray(centred / spread) if spread > 0 else centred
