"""Public function: an outcome by amount of use, where people are, and whether there is a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.covariates import coded_columns
from analysis.adherence.dose.threshold import Threshold, find_threshold
from analysis.adherence.models.binomial import sandwich
from analysis.adherence.models.shape import knots_of, restricted_cubic
from analysis.common.result import Result
from analysis.reliability.resampling import checked_level, checked_seed
from instrument.answers import ColumnFault, column_numbers, numeric_columns, table_of, with_numbers
from instrument.common.formatting import fill_prose
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Floats = NDArray[np.float64]
CALLER = "dose_response"
FEWEST = 50
POINTS = 41
FEW_SHARE = 0.05
NEAR = 0.1  # of the range to each side
DRAWS_OF_BAND = 20_000
TERMS = ("any association", "curvature")


class DoseClaim(StrEnum):
    """What may be said of a threshold."""

    FOUND = "a step fits better than a line or a curve, as far as what was adjusted for goes"
    NO_THRESHOLD = "no threshold is found; a line or a curve fits as well"
    NO_ASSOCIATION = "no association is found, so there is no threshold to look for"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DoseResult(Result):
    """Outcome by dose: a curve with bands, where people are, and a threshold less what searching adds.

    Attributes
    ----------
    curve : DataFrame
        Per dose: dose, estimate (mean outcome, were all who were studied at this dose), se, ci_lower,
        ci_upper (this dose alone), band_lower, band_upper (all doses at once), people_near (within a tenth of
        the range to each side), share_near, share_beyond (of the side with fewer people), supported.
    ranges : DataFrame
        Stretches of the dose: from_dose, to_dose, people, share, supported (False: fewer than 5 % of people
        near or beyond, where the curve rests on its form).
    tests : DataFrame
        any association, curvature: term, f, df1, df2, pvalue (robust Wald).
    threshold : DataFrame
        One row: at, at_lower, at_upper, people_below, people_above, apparent (difference of the outcome above
        from below), optimism, corrected, ci_lower, ci_upper, pvalue (of the largest difference over all
        places), aic_step, aic_line, aic_curve, claim.
    design : dict
        Dose, outcome, adjustment, knots, n, critical value of the band, draws, seed.
    notes : list of str
        What is assumed.
    """

    curve: pd.DataFrame
    ranges: pd.DataFrame
    tests: pd.DataFrame
    threshold: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the curve, unrounded."""
        return self.curve

    def summary(self, digits: int = 2) -> str:
        """Give tests, threshold and where people are as text.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        lines = [
            f"{row['term']}: " + fill_prose("p = {p:p}", {"p": float(row["pvalue"])})
            for row in self.tests.to_dict("records")
        ]
        for row in self.threshold.to_dict("records"):
            lines.append(
                f"step at {row['at']:g} [{row['at_lower']:g}, {row['at_upper']:g}]: apparent "
                f"{row['apparent']:.{digits}f}, corrected {row['corrected']:.{digits}f} "
                f"[{row['ci_lower']:.{digits}f}, {row['ci_upper']:.{digits}f}]; {row['claim']}"
            )
        held = self.ranges[self.ranges["supported"]]
        lines += [f"people are at {row.from_dose:g} to {row.to_dose:g}" for row in held.itertuples()]
        return "\n".join([*lines, *self.notes])


def dose_response(
    data: Any,
    *,
    dose: str,
    outcome: str,
    adjust_for: Sequence[str] = (),
    numbers: Sequence[str] = (),
    knots: int = 4,
    draws: int = 500,
    confidence: float = 0.95,
    seed: int = 1,
) -> DoseResult:
    """Mean outcome by dose, adjusted, with bands for one dose and for all, and a threshold told honestly.

    Use it to ask how much use goes with a better outcome, where use lies before the outcome. Do not read the
    curve outside of where people are, nor as what more use would do: who uses more differs in other ways.

    Parameters
    ----------
    data
        One row per person.
    dose
        Amount of use, a number.
    outcome
        A number; 0 and 1 give a share.
    adjust_for
        Columns held constant: outcome at baseline, severity, age.
    numbers
        Columns of whole numbers that are quantities, not codes.
    knots
        Of the restricted cubic spline, 3 to 5, at the usual percentiles.
    draws
        Bootstrap samples (and permutations) behind the threshold.
    confidence
        Level of bands and intervals.
    seed
        Seed of the draws.

    Returns
    -------
    DoseResult
        Curve, ranges, tests, threshold.

    Raises
    ------
    ResponseDataError
        Columns are missing or hold no numbers.
    NotEstimableError
        Fewer than 50 people, a dose of few values, an outcome of one value.

    Notes
    -----
    Curve: `y = b₀ + b₁ d + Σ b_j s_j(d) + c'z + e`, least squares, covariance HC3, Student's t; at each dose
    the mean over those studied. Band over all doses: `± c se(d)` with `c` the quantile of the largest of
    Student's t over the curve with its own correlation, by 20,000 draws. Tests: Wald's F. Supported: at least
    5 % of people within a tenth of the range to each side, and beyond it on either side.

    Threshold: the place of the step `1(d ≥ k)` among those between the 10th and 90th percentile that leaves
    least unexplained. `optimism = mean(b*(k*) − b(k*))` over bootstrap samples, `b*` estimated and `b` found
    again in the data at the place of the sample; corrected effect and interval (percentiles of `b*`) are
    moved by it. The p value permutes what covariates leave of the outcome and takes the largest statistic
    over all places. A step is claimed only if that p value is small, the corrected interval leaves out
    nothing, and its AIC (a parameter for its place) is below those of line and curve by
    2 or more.

    References
    ----------
    Durrleman & Simon (1989), doi 10.1002/sim.4780080504. Montiel Olea & Plagborg-Møller (2019), doi
    10.1002/jae.2656 (sup-t band). Efron & Gong (1983), doi 10.1080/00031305.1983.10483087 (optimism). Noma et
    al. (2021), doi 10.1002/sim.9148 (its interval). In R: `lm`, `splines::ns`, `mvtnorm::qmvt`.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> use = rng.poisson(6, 300).astype(float)
    >>> people = pd.DataFrame({"use": use, "better": 0.5 * np.minimum(use, 8) + rng.normal(size=300)})
    >>> found = dose_response(people, dose="use", outcome="better", draws=50)
    >>> bool(found.tests["pvalue"][0] < 0.05)
    True
    """
    checked_level(confidence, CALLER)
    checked_seed(seed, CALLER)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 50:
        raise ResponseDataError(fact_and_hint(CALLER, f"draws is {draws!r}.", "give a whole number from 50."))
    if knots not in (3, 4, 5):
        raise ResponseDataError(fact_and_hint(CALLER, f"knots is {knots!r}.", "give 3, 4 or 5."))
    d, y, z, names, notes = _columns(data, dose, outcome, adjust_for, numbers)
    places = knots_of(d, knots)
    line = np.column_stack([np.ones(len(d)), d, z])
    bent = restricted_cubic(d, places)
    x = np.column_stack([np.ones(len(d)), d, bent, z])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        fact = "columns of the adjustment repeat each other or the dose."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave out what says the same."))
    beta = np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=np.float64)
    covariance = sandwich(x, y - x @ beta, np.ones(len(y)))
    df = float(len(y) - x.shape[1])
    at = np.linspace(d.min(), d.max(), POINTS)
    same = np.tile(z.mean(axis=0), (POINTS, 1))
    rows = np.column_stack([np.ones(POINTS), at, restricted_cubic(at, places), same])
    estimate, spread = rows @ beta, rows @ covariance @ rows.T
    se = np.sqrt(np.diag(spread))
    critical = sup_t(spread / np.outer(se, se), df, confidence, seed)
    half = float(stats.t.ppf(0.5 + confidence / 2, df))
    near = np.array([(np.abs(d - value) <= NEAR * np.ptp(d)).sum() for value in at])
    beyond = np.array([min((d <= value).mean(), (d >= value).mean()) for value in at])
    supported = (near / len(d) >= FEW_SHARE) & (beyond >= FEW_SHARE)
    curve = pd.DataFrame(
        {
            "dose": at,
            "estimate": estimate,
            "se": se,
            "ci_lower": estimate - half * se,
            "ci_upper": estimate + half * se,
            "band_lower": estimate - critical * se,
            "band_upper": estimate + critical * se,
            "people_near": near,
            "share_near": near / len(d),
            "share_beyond": beyond,
            "supported": supported,
        }
    )
    tests = pd.DataFrame(
        [
            {"term": term, **_wald(beta, covariance, slice(start, 2 + bent.shape[1]), df)}
            for term, start in zip(TERMS, (1, 2), strict=True)
        ]
    )
    others = np.column_stack([np.ones(len(d)), z])
    step = find_threshold(d, y, others, draws=draws, level=confidence, seed=seed)
    aic = {
        "aic_line": _aic(y - line @ np.linalg.lstsq(line, y, rcond=None)[0], line.shape[1]),
        "aic_curve": _aic(y - x @ beta, x.shape[1]),
        "aic_step": _aic(step.residual, others.shape[1] + 2),
    }
    claim = _claim(step, tests, aic, 1 - confidence)
    threshold = pd.DataFrame(
        [
            {
                "at": step.at,
                "at_lower": step.at_lower,
                "at_upper": step.at_upper,
                "people_below": int((d < step.at).sum()),
                "people_above": int((d >= step.at).sum()),
                "apparent": step.apparent,
                "optimism": step.optimism,
                "corrected": step.apparent - step.optimism,
                "ci_lower": step.lower - step.optimism,
                "ci_upper": step.upper - step.optimism,
                "pvalue": step.pvalue,
                **aic,
                "claim": str(claim),
            }
        ]
    )
    return DoseResult(
        curve=curve,
        ranges=_ranges(d, at, supported),
        tests=tests,
        threshold=threshold,
        design={
            "dose": dose,
            "outcome": outcome,
            "adjusted_for": names,
            "n": len(d),
            "knots": places.tolist(),
            "critical": critical,
            "confidence": confidence,
            "draws": draws,
            "seed": seed,
        },
        notes=[
            *notes,
            "an association: people who used more differ in other ways, and getting better may end use or "
            "prolong it",
        ],
    )


def sup_t(correlation: Floats, df: float, level: float, seed: int) -> float:
    """Quantile of the largest absolute Student's t over all points of a curve.

    Parameters
    ----------
    correlation : array, shape (g, g)
        Of the points.
    df
        Degrees of freedom.
    level
        Probability that all points lie within.
    seed
        Seed of the draws.

    Returns
    -------
    float
        Between the pointwise quantile and that of Bonferroni.
    """
    return float(np.quantile(largest_t(correlation, df, seed), level))


def largest_t(correlation: Floats, df: float, seed: int) -> Floats:
    """Draw the largest absolute Student's t over all points, shape (20,000,), for `sup_t`'s arguments."""
    values, vectors = np.linalg.eigh(correlation)
    kept = values > 1e-10 * values.max()
    root = vectors[:, kept] * np.sqrt(values[kept])
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((DRAWS_OF_BAND, int(kept.sum())))
    scale = np.sqrt(rng.chisquare(df, DRAWS_OF_BAND) / df)
    return np.asarray(np.abs(normal @ root.T).max(axis=1) / scale)


def _columns(
    data: Any, dose: str, outcome: str, adjust_for: Sequence[str], numbers: Sequence[str]
) -> tuple[Floats, Floats, Floats, list[str], list[str]]:
    """Dose, outcome and adjustment of the people who have all of them."""
    wanted = [dose, outcome, *adjust_for]
    if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
        fact = f"columns have two parts at once: {name_offenders(twice)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give each one part."))
    table = table_of(data, CALLER, "data")
    if absent := [name for name in wanted if name not in table]:
        fact = f"the data have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one row per person."))
    frame = with_numbers(table, CALLER, [dose, outcome])[wanted].reset_index(drop=True)
    for name in adjust_for:
        found = column_numbers(frame[name])
        if found is ColumnFault.ENDLESS:
            numeric_columns(frame, CALLER, [name])  # refuses it by name
        if not isinstance(found, ColumnFault):
            frame[name] = found
    frame, adjusters, codes = coded_columns(frame, list(adjust_for), list(numbers))
    whole = frame[[dose, outcome, *adjusters]].notna().all(axis=1)
    kept = frame[whole]
    if len(kept) < FEWEST:
        fact = f"{len(kept)} of {len(frame)} people have dose, outcome and adjustment."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"at least {FEWEST} are needed."))
    for name in (dose, outcome):
        if not np.ptp(kept[name].to_numpy(dtype=float)) > 0:
            fact = f"{name!r} has one value only."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "nothing can be told of it."))
    varied = [name for name in adjusters if np.ptp(kept[name].to_numpy(dtype=float)) > 0]
    notes = [f"taken as categories: {', '.join(codes)}"] if codes else []
    if len(kept) < len(frame):
        notes.append(f"{len(frame) - len(kept)} of {len(frame)} people lack dose, outcome or adjustment")
    return (
        kept[dose].to_numpy(dtype=float),
        kept[outcome].to_numpy(dtype=float),
        kept[varied].to_numpy(dtype=float).reshape(len(kept), len(varied)),
        list(adjust_for),
        notes,
    )


def _wald(beta: Floats, covariance: Floats, part: slice, df: float) -> dict[str, float]:
    own, size = beta[part], part.stop - part.start
    f = float(own @ np.linalg.solve(covariance[part, part], own)) / size
    return {"f": f, "df1": size, "df2": df, "pvalue": float(stats.f.sf(f, size, df))}


def _aic(residual: Floats, columns: int) -> float:
    return float(len(residual) * np.log((residual**2).mean()) + 2 * (columns + 1))


def _claim(step: Threshold, tests: pd.DataFrame, aic: dict[str, float], alpha: float) -> DoseClaim:
    if not tests["pvalue"].iloc[0] < alpha and not step.pvalue < alpha:
        return DoseClaim.NO_ASSOCIATION
    low, high = step.lower - step.optimism, step.upper - step.optimism
    better = aic["aic_step"] + 2 <= min(aic["aic_line"], aic["aic_curve"])
    away = not low <= 0 <= high
    return DoseClaim.FOUND if step.pvalue < alpha and away and better else DoseClaim.NO_THRESHOLD


def _ranges(d: Floats, at: Floats, supported: NDArray[np.bool_]) -> pd.DataFrame:
    """Neighbouring points of one kind as stretches, the border half way between them."""
    turn = np.nonzero(supported[1:] != supported[:-1])[0]
    borders = [float(at[0]), *((at[turn] + at[turn + 1]) / 2).tolist(), float(at[-1])]
    kinds = supported[np.append(turn, len(at) - 1)]
    rows = []
    for k, (start, end) in enumerate(pairwise(borders)):
        inside = (d >= start) & ((d < end) if k < len(kinds) - 1 else (d <= end))
        rows.append((start, end, int(inside.sum()), float(inside.mean()), bool(kinds[k])))
    return pd.DataFrame(rows, columns=["from_dose", "to_dose", "people", "share", "supported"])
