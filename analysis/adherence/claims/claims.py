"""What may be said of an association of a score with later use: found, not found, or not to be told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.adherence.claims.robustness import as_strong_as, left_by, partial_r2, robustness_value
from analysis.adherence.claims.watch import watch_by_score
from analysis.adherence.design.controls import controls_of, one_cause
from analysis.adherence.design.covariates import LEAST_OF_ITS_OWN
from analysis.adherence.design.further_terms import cause_of
from analysis.adherence.design.landmark import LandmarkDesign
from analysis.adherence.models.binomial import Fit, quasi_binomial
from analysis.common.variation import varies
from analysis.usage.words import JOINED
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
EARLY = "use before the landmark"
MEDIUM_SHARE = 0.09  # r = .3 with each, a medium effect: Cohen (1988), Statistical power analysis
MEDIUM = "one of medium size, correlated .3 with what is left of score and use"


class Claim(StrEnum):
    """State of the claim that a score goes with later use for a reason of its own."""

    SUPPORTED = "supported"
    NOT_FOUND = "not found"
    UNTOLD = "cannot be told from these data"


class Doubt(StrEnum):
    """Why an association that was found does not carry the claim, or none can be told."""

    BENCHMARK = "benchmark"
    HABIT = "habit"
    SILENCE = "silence"
    GROUPS = "groups"
    COLUMN = "undeclared column"
    EARLIER = "before enrolment"
    CONTROL = "unrelated use"
    NO_CONTROL = "no negative control"
    RATING = "unrelated rating"
    NO_RATING = "no unrelated rating"
    WITHDRAWAL = "withdrawal"
    LOST = "lost use"

    @property
    def decisive(self) -> bool:
        """Whether nothing can be told, though nothing was found: the estimate itself is in doubt."""
        return self in (Doubt.WITHDRAWAL, Doubt.LOST)

    @property
    def lacking(self) -> bool:
        """Whether the study names no negative control, so that nothing was asked."""
        return self in (Doubt.NO_CONTROL, Doubt.NO_RATING)


def judged(found: bool, doubts: Collection[Doubt]) -> tuple[Claim, tuple[Doubt, ...]]:
    """Judge an association by whether it was found and by what is doubted of it.

    Parameters
    ----------
    found
        Whether the interval excludes zero.
    doubts
        All that is doubted.

    Returns
    -------
    tuple
        Claim, and the doubts that matter for it: all where something was found, the decisive ones where
        nothing was.
    """
    kept = tuple(doubt for doubt in doubts if found or doubt.decisive)
    return Claim.UNTOLD if kept else Claim.SUPPORTED if found else Claim.NOT_FOUND, kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an association stands up to causes that nobody measured.

    Attributes
    ----------
    claim
        Whether it is supported, not found, or cannot be told.
    doubts
        What keeps it from being supported; where nothing was found, what keeps that from being told.
    found
        Whether the interval excludes zero.
    partial_r2
        Share of what is left of use that the score explains.
    robustness, robustness_limit
        Share of score and use that a hidden cause must explain to make the estimate nothing, and to let its
        interval include zero.
    benchmark, benchmark_t
        The measured cause (or one of medium size) that would take most away, were a hidden one as strong, and
        the t value then left.
    before, after
        Correlation of the score with use before and after the landmark, other adjustment held constant.
    habit, habit_lower
        How far the three correlations lie beyond what one hidden habit can make, and the lower limit.
    silent, silent_p, silent_bias
        People still watched without a score or something that is held constant, the p value of their later
        use against the others', and the largest correlation that their silence could feign.
    grouping, grouping_p
        Column of the covariates that nobody declared and by whose groups the p value is largest, and that
        value (jackknife over the groups); empty and NaN where there is none.
    column, column_p
        Column of the covariates that nobody declared and with which held constant the p value is largest,
        and that value (1 where the estimate turns); empty and NaN where there is none.
    feature, feature_r, feature_lower
        Unrelated feature of the app, correlation of the score with its later use, and the lower limit of how
        far the three correlations lie beyond what one hidden cause can make; empty and NaN where there is
        none.
    earlier, earlier_p
        Correlation of the score with use before enrolment, all adjustment held constant, and its p value.
    rating, rating_people, rating_r, rating_p, rating_score, rating_lower
        Unrelated rating, people who gave it, its correlation with later use (score and all adjustment held
        constant) and p value, its correlation with the score, and the lower limit of how far the three
        correlations lie beyond what one hidden cause of ratings and use can make; empty, 0 and NaN where
        there is none.
    withdrew, withdrawal_p, withdrawal_change
        People analysed who withdrew after the landmark, the p value of the score with how long people were
        watched, and by how many standard errors the estimate moves with that held constant; NaN where it was
        not asked.
    lost
        Signs in the log that use of some people is missing from it; empty where there are none.
    """

    claim: Claim
    doubts: tuple[Doubt, ...]
    found: bool
    partial_r2: float
    robustness: float
    robustness_limit: float
    benchmark: str
    benchmark_t: float
    before: float
    after: float
    habit: float
    habit_lower: float
    silent: int
    silent_p: float
    silent_bias: float
    grouping: str
    grouping_p: float
    column: str
    column_p: float
    feature: str
    feature_r: float
    feature_lower: float
    earlier: float
    earlier_p: float
    rating: str
    rating_people: int
    rating_r: float
    rating_p: float
    rating_score: float
    rating_lower: float
    withdrew: int
    withdrawal_p: float
    withdrawal_change: float
    lost: str


def standing(
    design: LandmarkDesign, x: Floats, fit: Fit, level: float, *, found: bool | None = None
) -> Standing:
    """Judge the association of one score with the remaining use.

    Parameters
    ----------
    design
        The landmark design.
    x : array, shape (n, p)
        Columns of the fitted model: constant, score, then the adjusters in the order of the design.
    fit
        Its quasi-binomial fit.
    level
        Level of the intervals.
    found
        Whether something was found, where a band over several models says so; None: whether this model's
        interval excludes zero.

    Returns
    -------
    Standing
        With the numbers it rests on.

    Notes
    -----
    No study without random allocation shows that a score keeps people using an app. An association that was
    found is called supported only where it survives these doubts.

    *Benchmark.* In the working linear model of the logit (its t is the model's own) the bounds of Cinelli and
    Hazlett for a hidden cause as strong as all columns of early use together, as the time of enrolment, as
    any one covariate, or one of medium size (r = .3 with both), whichever takes most away: the interval must
    still exclude zero.

    *Habit.* The score cannot have caused use before it. If one lasting cause moved early use E, the score D
    and later use Y, then `r_DY r_EY / r_DE` would be the share of Y that it explains, which is at most λ, the
    share of the variance of Y that is not binomial noise: `r_DY r_EY − λ r_DE ≤ 0`. The lower limit of that
    difference (influence functions) must be above zero. E is the best line of the columns of early use for
    Y, r_EY corrected for their number; everything given the other adjusters.

    *Silence.* Where later use of those without a score, or without what is held constant, differs from the
    others' given adjustment (at the level), selection can feign at most a correlation `ρ δ`, ρ the biserial
    correlation of answering with use, δ = m(m − c) the share of variance that cutting a normal variable at c
    takes, m its mean above the cut. The correlation must survive it.

    *Groups.* Where a column of the covariates that nobody declared puts people into eight groups or more (the
    number of a clinic), the interval that takes people of one group as alike must exclude zero too.

    *Undeclared column.* With each of the other columns of the covariates that nobody declared held constant
    (numbers, labels of up to seven values) the interval must exclude zero too, on the same side. A column
    that came after the rating may take away what the rating did: who declares it says that it came before.

    *Before enrolment.* Where the log reaches back, the score must not go with use before enrolment (at the
    level), all that is held constant held constant.

    *Unrelated use.* All of these look back, or at what was measured. A cause that comes up shortly before
    the rating, or one that shows in later use more than in use before it, passes them. Only use that the
    alliance has no reason to move, after the rating, can show such a cause: the study names it
    (`unrelated_kind`), and the inequality of the habit must hold with it in the place of use before. Where
    the study names none, nothing is called supported.

    *Unrelated rating.* A hidden cause that moves the intended use and leaves the unrelated feature alone (a
    need that only the intended use meets) passes all of these. What is left to show it is the other side: it
    moves the rating too. Another rating that has no reason to move use (`unrelated_rating`), given with it,
    must set the association apart: were one cause behind score D, that rating Z and later use Y,
    `r_DY r_DZ / r_ZY` would be the share of D that it explains, which is at most 1, so
    `r_DY r_DZ − r_ZY ≤ 0`. The lower limit of that difference must be above zero. One that shares nothing
    with the score sets nothing apart. With neither control or with one of them, an effect and a hidden cause
    can give the same data (what is identified with two controls: Miao, Geng & Tchetgen Tchetgen 2018).

    References
    ----------
    Cinelli & Hazlett (2020), doi 10.1111/rssb.12348. Lipsitch, Tchetgen Tchetgen & Cohen (2010), doi
    10.1097/EDE.0b013e3181d61eeb (negative controls). Miao, Geng & Tchetgen Tchetgen (2018), doi
    10.1093/biomet/asy038 (two of them). Sofer et al. (2016), doi 10.1214/16-STS558 (an outcome
    before exposure as control). Heckman (1979), doi 10.2307/1912352 (selection).
    """
    frame = design.frame
    due = frame["due"].to_numpy(dtype=float)
    share = frame["done"].to_numpy(dtype=float) / due
    t = float(fit.coefficients[1] / fit.se[1])
    needed = float(stats.t.ppf(0.5 + level / 2, fit.df_resid))
    name, left = _benchmark(design, x, fit, share, due)
    n_early = len(design.early)
    others = np.column_stack([x[:, :1], x[:, 2 + n_early :]])
    habit = one_cause(x[:, 2 : 2 + n_early], x[:, 1], share, others, due)
    lower = habit.lower(level)
    silent, silent_p, bias = _silence(design, level)
    doubts: list[Doubt] = []
    if not left > needed:
        doubts.append(Doubt.BENCHMARK)
    if not lower > 0:
        doubts.append(Doubt.HABIT)
    survives = abs(t) / np.sqrt(t**2 + fit.df_resid) - bias > needed / np.sqrt(needed**2 + fit.df_resid)
    if silent_p < 1 - level and not survives:
        doubts.append(Doubt.SILENCE)
    grouping, grouping_p = _by_groups(design, x, share * due, due)
    if grouping_p > 1 - level:
        doubts.append(Doubt.GROUPS)
    column, column_p = _by_column(design, x, share * due, due, float(fit.coefficients[1]))
    if column_p > 1 - level:
        doubts.append(Doubt.COLUMN)
    controls = controls_of(design, x, share, due)
    of_feature = controls.of_feature
    feature_lower = float("nan") if of_feature is None else of_feature.lower(level)
    if controls.earlier_p < 1 - level:
        doubts.append(Doubt.EARLIER)
    if of_feature is None:
        doubts.append(Doubt.NO_CONTROL)
    elif not feature_lower > 0:
        doubts.append(Doubt.CONTROL)
    of_rating = controls.of_rating
    rating_lower = float("nan") if of_rating is None else of_rating.lower(level)
    if of_rating is None:
        doubts.append(Doubt.NO_RATING)
    elif not rating_lower > 0:
        doubts.append(Doubt.RATING)
    watch = watch_by_score(design, x, fit, level)
    if watch.doubtful(level):
        doubts.append(Doubt.WITHDRAWAL)
    if design.lost:
        doubts.append(Doubt.LOST)
    away = bool(abs(t) > needed) if found is None else found
    claim, kept = judged(away, doubts)
    return Standing(
        claim=claim,
        doubts=kept,
        found=away,
        partial_r2=t**2 / (t**2 + fit.df_resid),
        robustness=robustness_value(t, fit.df_resid),
        robustness_limit=robustness_value(t, fit.df_resid, level),
        benchmark=name,
        benchmark_t=left,
        before=habit.with_other,
        after=habit.with_use,
        habit=habit.value,
        habit_lower=lower,
        silent=silent,
        silent_p=silent_p,
        silent_bias=bias,
        grouping=grouping,
        grouping_p=grouping_p,
        column=column,
        column_p=column_p,
        feature=controls.feature,
        feature_r=float("nan") if of_feature is None else of_feature.with_other,
        feature_lower=feature_lower,
        earlier=controls.earlier,
        earlier_p=controls.earlier_p,
        rating=controls.rating,
        rating_people=controls.rating_people,
        rating_r=controls.rating_r,
        rating_p=controls.rating_p,
        rating_score=controls.rating_score,
        rating_lower=rating_lower,
        withdrew=watch.gone,
        withdrawal_p=watch.pvalue,
        withdrawal_change=watch.change,
        lost=design.lost,
    )


def _benchmark(design: LandmarkDesign, x: Floats, fit: Fit, share: Floats, due: Floats) -> tuple[str, float]:
    """The measured cause whose hidden twin takes most away, and the t value left."""
    p = expit(x @ fit.coefficients)
    spread = p * (1 - p)
    root = np.sqrt(due * spread)
    scaled = x * root[:, None]
    working = root * (x @ fit.coefficients + (share - p) / spread)
    estimate, se = float(fit.coefficients[1]), float(fit.se[1])
    # What nobody measured may be stronger than all that was, where next to nothing was.
    worst = (MEDIUM, left_by(estimate, se, fit.df_resid, MEDIUM_SHARE, MEDIUM_SHARE).t)
    for name, columns in _causes(design).items():
        others = [j for j in range(x.shape[1]) if j not in (1, *columns)]
        of_score = partial_r2(scaled[:, 1], scaled[:, columns], scaled[:, others])
        of_use = partial_r2(working, scaled[:, columns], scaled[:, [1, *others]])
        bound = as_strong_as(estimate, se, fit.df_resid, of_score, of_use)
        if bound.t < worst[1]:
            worst = (name, bound.t)
    return worst


def _causes(design: LandmarkDesign) -> dict[str, list[int]]:
    """Columns of each measured cause: early use together, calendar time together, levels of one label."""
    return {
        cause: [2 + k for k in columns]
        for cause, columns in causes_of(design.adjusters, design.early).items()
    }


def causes_of(names: Sequence[str], early: Collection[str]) -> dict[str, list[int]]:
    """Columns of each measured cause among those held constant.

    Parameters
    ----------
    names
        Columns held constant.
    early
        Those of use before the landmark, which are one cause together.

    Returns
    -------
    dict
        Cause to places in `names`.
    """
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        if name in early:
            cause = EARLY
        elif name == JOINED or name.startswith(f"{JOINED}, "):
            cause = "the time of enrolment"
        else:
            cause = cause_of(name)
        found.setdefault(cause, []).append(k)
    return found


def _silence(design: LandmarkDesign, level: float) -> tuple[int, float, float]:
    """People still watched who are not analysed, whether their use differs, and what that could feign.

    They have no score, or lack something that is held constant; of that only what is known of all is held.
    """
    frame = design.watched
    known = frame[design.adjusters].notna()
    answered = frame["answered"].to_numpy(dtype=bool) & known.all(axis=1).to_numpy(dtype=bool)
    columns = [frame[name].to_numpy(dtype=float) for name in design.adjusters if known[name].all()]
    kept = [(c - c.mean()) / c.std() for c in columns if varies(c)]
    x = np.column_stack([np.ones(len(frame)), answered.astype(float), *kept])
    silent = int((~answered).sum())
    if silent < 2 or answered.sum() < 2 or np.linalg.matrix_rank(x) < x.shape[1]:
        return silent, 1.0, 0.0
    due = frame["due"].to_numpy(dtype=float)
    try:
        fit = quasi_binomial(x, frame["done"].to_numpy(dtype=float), due)
    except NotEstimableError:
        # All who are silent did nothing, say: as strong as can be.
        return silent, 0.0, 1.0
    t = float(fit.coefficients[1] / fit.se[1])
    partial = abs(t) / np.sqrt(t**2 + fit.df_resid)
    share = float(answered.mean())
    cut = float(stats.norm.isf(share))
    height = float(stats.norm.pdf(cut))
    biserial = min(partial * np.sqrt(share * (1 - share)) / height, 1.0)
    mean = height / share
    return silent, float(fit.pvalues()[1]), float(biserial * mean * (mean - cut))


def _by_groups(design: LandmarkDesign, x: Floats, done: Floats, due: Floats) -> tuple[str, float]:
    """The grouping nobody declared by which the association is least sure, and its p value."""
    worst = ("", float("nan"))
    for name, groups in design.groupings.items():
        try:
            p = float(quasi_binomial(x, done, due, clusters=groups).pvalues()[1])
        except NotEstimableError:
            p = 1.0  # without one of the groups there is no solution
        if not p <= worst[1]:
            worst = (name, p)
    return worst


def _by_column(
    design: LandmarkDesign, x: Floats, done: Floats, due: Floats, estimate: float
) -> tuple[str, float]:
    """The undeclared column with which held constant the association is least sure, and its p value."""
    worst = ("", float("nan"))
    for name, columns in design.undeclared.items():
        basis = x
        for column in columns.T:
            own = (column - column.mean()) / column.std()
            left = own - basis @ np.linalg.lstsq(basis, own, rcond=None)[0]
            if left @ left > LEAST_OF_ITS_OWN * len(own):
                basis = np.column_stack([basis, own])
        if basis.shape[1] == x.shape[1] or len(done) <= 2 * basis.shape[1]:
            continue  # it says what is held constant already
        try:
            fit = quasi_binomial(basis, done, due, clusters=design.clusters, robust=design.clusters is None)
        except NotEstimableError:
            continue  # it tells all apart who did nothing: a result of leaving, and no cause to hold
        p = float(fit.pvalues()[1]) if fit.coefficients[1] * estimate > 0 else 1.0
        if not p <= worst[1]:
            worst = (name, p)
    return worst
