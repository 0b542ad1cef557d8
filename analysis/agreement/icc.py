"""Agreement of repeated measurements: intraclass correlations through pingouin, with measurement error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.agreement.variance_components import (
    MeanSquares,
    coefficient_intervals,
    jackknife_intervals,
    mean_squares,
)
from analysis.common.result import Result
from analysis.common.undisturbed import undisturbed_pingouin
from analysis.reliability.inputs import Array, Interval
from analysis.reliability.resampling import checked_level
from instrument.answers import with_numbers
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

CALLER = "icc"
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class IccResult(Result):
    """Six intraclass correlations and the measurement error of one measurement.

    Attributes
    ----------
    table
        Index ICC(1,1), ICC(A,1), ICC(C,1), ICC(1,k), ICC(A,k), ICC(C,k) (McGraw and Wong); columns `icc`,
        `ci_lower`, `ci_upper`, `f`, `df1`, `df2`, `pvalue`, `shrout_fleiss`.
    confidence, interval
        Coverage of the intervals, and how they were made.
    n_targets, n_raters
        Complete targets used, and raters.
    n_dropped
        Targets left out because a rating was missing.
    target_variance, rater_variance, error_variance
        Variance components of the two-way model; a negative estimate is reported as zero.
    sem_agreement, sem_consistency
        Standard error of one measurement, in units of the ratings, with and without systematic differences
        between raters.
    sdc_agreement, sdc_consistency
        Smallest change of one person that exceeds measurement error with 95 % confidence.
    rater_means
        Mean of each rater over the targets used.
    """

    table: pd.DataFrame
    confidence: float
    interval: str
    n_targets: int
    n_raters: int
    n_dropped: int
    target_variance: float
    rater_variance: float
    error_variance: float
    sem_agreement: float
    sem_consistency: float
    sdc_agreement: float
    sdc_consistency: float
    rater_means: pd.Series

    def to_frame(self) -> pd.DataFrame:
        """Give one row per coefficient."""
        return self.table.copy()

    def estimate(self, name: str = "ICC(A,1)") -> float:
        """Give one coefficient.

        Parameters
        ----------
        name
            McGraw and Wong's name.

        Returns
        -------
        float
            The estimate.
        """
        return float(self.table["icc"][name])

    def ci(self, name: str = "ICC(A,1)") -> Interval:
        """Give the interval of one coefficient.

        Parameters
        ----------
        name
            McGraw and Wong's name.

        Returns
        -------
        Interval
            Limits at `confidence`.
        """
        return Interval(float(self.table["ci_lower"][name]), float(self.table["ci_upper"][name]))


SHROUT_FLEISS = {
    "ICC(1,1)": "ICC1",
    "ICC(A,1)": "ICC2",
    "ICC(C,1)": "ICC3",
    "ICC(1,k)": "ICC1k",
    "ICC(A,k)": "ICC2k",
    "ICC(C,k)": "ICC3k",
}


def icc(
    data: pd.DataFrame,
    targets: str = "participant",
    raters: str = "wave",
    ratings: str = "score",
    *,
    confidence: float = 0.95,
    interval: Literal["f", "jackknife"] = "f",
) -> IccResult:
    """Intraclass correlations of repeated measurements, all six forms.

    For test-retest reliability read ICC(A,1): one measurement, absolute agreement, so a shift of everybody
    between occasions lowers it. ICC(C,1) ignores such a shift. Use it only for people who did not change;
    between waves in which people may change, the same number is stability, not reliability.

    Parameters
    ----------
    data
        One row per rating.
    targets, raters, ratings
        Columns: who was measured, by whom or when, and the value.
    confidence
        Coverage of the intervals.
    interval
        `"f"` (McGraw and Wong's, of normal ratings) or `"jackknife"` (asks nothing of how ratings are
        distributed).

    Returns
    -------
    IccResult
        `.table` of coefficients, `.estimate()`, `.ci()`, `.sem_agreement`, `.sdc_agreement`.

    Raises
    ------
    ResponseDataError
        A column is absent, ratings are not numeric, a target was rated twice by one rater, or one rater only.
    NotEstimableError
        Fewer than three complete targets, no variance between ratings, or no disagreement at all.

    Notes
    -----
    Targets with a missing rating are dropped and counted. Estimates, F and p come from pingouin on the
    remaining balanced table; the limits are those of McGraw and Wong at any `confidence` and unrounded, which
    pingouin does not give. SEM = √(rater variance + error variance) for agreement, √(error variance) for
    consistency; SDC = 1.96 × √2 × SEM (de Vet and others).

    Limits by F cover too seldom where scores are skewed: .85 to .86 of 30 to 200 people of whom seven in ten
    choose the highest of five answers to four items. The jackknife, symmetric on
    `½ log((1 + (k − 1) r)/(1 − r))`, covers .90, .92 and .94 there, and .95 to .96 of symmetric answers.

    In R: `psych::ICC(wide, lmer = FALSE)`.

    References
    ----------
    Shrout, P. E., & Fleiss, J. L. (1979). doi:10.1037/0033-2909.86.2.420
    McGraw, K. O., & Wong, S. P. (1996). doi:10.1037/1082-989X.1.1.30
    de Vet, H. C. W., et al. (2006). doi:10.1016/j.jclinepi.2005.10.015

    Examples
    --------
    Ratings of Shrout and Fleiss (1979): .17, .29, .71, .44, .62, .91 in their table 4.

    >>> scores = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> wide = pd.DataFrame(scores, columns=["j1", "j2", "j3", "j4"]).rename_axis("target")
    >>> long = wide.reset_index().melt("target", var_name="judge", value_name="score")
    >>> print(icc(long, targets="target", raters="judge").table["icc"].round(2).to_string())
    ICC(1,1)    0.17
    ICC(A,1)    0.29
    ICC(C,1)    0.71
    ICC(1,k)    0.44
    ICC(A,k)    0.62
    ICC(C,k)    0.91
    """
    checked_level(confidence, CALLER)
    if interval not in ("f", "jackknife"):
        fact = f"interval is {interval!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, 'choose "f" or "jackknife".'))
    data = with_numbers(data, CALLER, [ratings])
    wide = _complete_table(data, targets, raters, ratings)
    kept = wide.dropna()
    values = kept.to_numpy(dtype=np.float64)
    squares = _usable_squares(values, len(wide))
    error, rater = squares.error_variance, squares.rater_variance
    agreement, consistency = float(np.sqrt(rater + error)), float(np.sqrt(error))
    return IccResult(
        table=_coefficients(values, squares, confidence, interval),
        confidence=confidence,
        interval=interval,
        n_targets=squares.n,
        n_raters=squares.k,
        n_dropped=len(wide) - len(kept),
        target_variance=squares.target_variance,
        rater_variance=rater,
        error_variance=error,
        sem_agreement=agreement,
        sem_consistency=consistency,
        sdc_agreement=NORMAL_95 * float(np.sqrt(2)) * agreement,
        sdc_consistency=NORMAL_95 * float(np.sqrt(2)) * consistency,
        rater_means=kept.mean(),
    )


def _complete_table(long: pd.DataFrame, targets: str, raters: str, ratings: str) -> pd.DataFrame:
    if absent := [name for name in (targets, raters, ratings) if name not in long.columns]:
        raise ResponseDataError(
            fact_and_hint(
                CALLER, f"columns are absent: {name_offenders(absent)}.", "name targets, raters and ratings."
            )
        )
    if unnamed := int(long[[targets, raters]].isna().any(axis=1).sum()):
        raise ResponseDataError(
            fact_and_hint(
                CALLER, f"{unnamed} of {len(long)} rows name no target or no rater.", "fill them in."
            )
        )
    doubled = int(long.duplicated([targets, raters]).sum())
    if doubled:
        raise ResponseDataError(
            fact_and_hint(
                CALLER,
                f"{doubled} of {len(long)} rows repeat a target and rater.",
                f"keep one row per {targets} and {raters}.",
            )
        )
    if long[raters].nunique() < 2:
        raise ResponseDataError(
            fact_and_hint(
                CALLER,
                f"{long[raters].nunique()} rater in {raters!r}.",
                "at least two measurements are needed.",
            )
        )
    wide = long.pivot(index=targets, columns=raters, values=ratings)
    return wide[list(dict.fromkeys(long[raters]))]


def _usable_squares(values: Array, n_all: int) -> MeanSquares:
    if len(values) < 3:
        raise NotEstimableError(
            fact_and_hint(
                CALLER,
                f"{len(values)} of {n_all} targets have every rating, at least 3 are needed.",
                "leave out the raters with most gaps.",
            )
        )
    squares = mean_squares(values)
    spread = float(values.var())
    if not np.isfinite(spread) or spread == 0:
        raise NotEstimableError(
            fact_and_hint(CALLER, f"ratings of {len(values)} targets have no variance.", "check the ratings.")
        )
    if squares.targets <= 1e-12 * spread:
        raise NotEstimableError(
            fact_and_hint(
                CALLER,
                f"the {len(values)} targets do not differ: each has the same mean rating.",
                "an ICC compares targets that differ; rate others.",
            )
        )
    if squares.error <= 1e-12 * spread:
        raise NotEstimableError(
            fact_and_hint(
                CALLER,
                f"ratings of {len(values)} targets leave no residual variance, so no interval exists.",
                "check that the columns are not copies of each other.",
            )
        )
    return squares


def _coefficients(values: Array, squares: MeanSquares, confidence: float, interval: str) -> pd.DataFrame:
    n, k = values.shape
    long = pd.DataFrame(
        {"target": np.repeat(np.arange(n), k), "rater": np.tile(np.arange(k), n), "rating": values.ravel()}
    )
    with undisturbed_pingouin() as pingouin:
        found = pingouin.intraclass_corr(long, targets="target", raters="rater", ratings="rating").set_index(
            "Type"
        )
    by_f = interval == "f"
    limits = coefficient_intervals(squares, confidence) if by_f else jackknife_intervals(values, confidence)
    table = pd.DataFrame(
        {
            "icc": found["ICC"],
            "ci_lower": [limits[name].lower for name in found.index],
            "ci_upper": [limits[name].upper for name in found.index],
            "f": found["F"],
            "df1": found["df1"],
            "df2": found["df2"],
            "pvalue": found["pval"],
            "shrout_fleiss": [SHROUT_FLEISS[name] for name in found.index],
        }
    )
    return table.rename_axis(None)
