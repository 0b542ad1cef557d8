"""Kernels of careless-response indices: one number per row of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.reliability.inputs import Array, pairwise_covariance

DRAWS = 4000
"""People drawn who answer with care."""
FEWEST_VARIED = 10
"""People with different answers that it takes to draw others like them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """Runs of identical answers in each row.

    Attributes
    ----------
    longest
        Length of the longest run, shape (n_rows,); zero without any answer.
    average
        Mean length of the runs; NaN without any answer.
    """

    longest: npt.NDArray[np.int64]
    average: Array


def runs_of_identical_answers(answers: Array) -> Runs:
    """Longest and average run of identical consecutive answers, in the order asked.

    Parameters
    ----------
    answers
        Shape (n_rows, n_items), raw codes before any reversal; a missing answer ends a run.

    Returns
    -------
    Runs
        Longest and average per row.

    Examples
    --------
    >>> found = runs_of_identical_answers(np.array([[3, 3, 3, 1, 1], [1, 1, np.nan, 1, 2]], dtype=float))
    >>> found.longest.tolist(), found.average.round(3).tolist()
    ([3, 2], [2.5, 1.333])
    """
    n = len(answers)
    answered = np.isfinite(answers)
    current, longest = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    starts = np.zeros(n, dtype=np.int64)
    before = np.full(n, np.nan)
    for column, present in zip(answers.T, answered.T, strict=True):
        same = present & (column == before)
        current = np.where(same, current + 1, present.astype(np.int64))
        starts += present & ~same
        longest = np.maximum(longest, current)
        before = np.where(present, column, np.nan)
    counts = answered.sum(axis=1)
    average = np.divide(counts, starts, out=np.full(n, np.nan), where=starts > 0)
    return Runs(longest=longest, average=average)


def individual_variability(answers: Array) -> Array:
    """Standard deviation of each row's answers (intra-individual response variability).

    Parameters
    ----------
    answers
        Shape (n_rows, n_items), NaN for missing.

    Returns
    -------
    numpy.ndarray
        Shape (n_rows,); divisor n - 1, NaN below two answers.

    Examples
    --------
    >>> individual_variability(np.array([[1.0, 3.0, 5.0], [2.0, 2.0, np.nan]]))
    array([2., 0.])
    """
    answered = np.isfinite(answers)
    n = answered.sum(axis=1)
    filled = np.where(answered, answers, 0.0)
    mean = filled.sum(axis=1) / np.maximum(n, 1)
    squares = np.where(answered, (answers - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return np.sqrt(np.divide(squares, n - 1, out=np.full(len(answers), np.nan), where=n > 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distances:
    """Squared Mahalanobis distances of rows.

    Attributes
    ----------
    squared, df, pvalue
        Distance, number of answers it rests on, and its upper tail in the chi-squared distribution;
        shape (n_rows,), NaN without any answer.
    """

    squared: Array
    df: npt.NDArray[np.int64]
    pvalue: Array


def mahalanobis_distances(answers: Array) -> Distances | None:
    """Squared distance of each row from the mean, over the items it answered.

    Parameters
    ----------
    answers
        Shape (n_rows, n_items), NaN for missing.

    Returns
    -------
    Distances or None
        None when the pairwise covariance matrix is not positive definite, such as with fewer rows than items.
    """
    n, k = answers.shape
    answered = np.isfinite(answers)
    covariance = (
        pairwise_covariance(answers) if answered.any(axis=0).all() and n > k else np.full((k, k), np.nan)
    )
    if (
        not np.isfinite(covariance).all()
        or np.linalg.eigvalsh(covariance)[0] <= 1e-8 * np.trace(covariance) / k
    ):
        return None
    centred = answers - np.nanmean(answers, axis=0)
    squared = np.full(n, np.nan)
    patterns, which = np.unique(answered, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        rows = np.flatnonzero(which.ravel() == number)
        part = centred[np.ix_(rows, np.flatnonzero(pattern))]
        solved = np.linalg.solve(covariance[np.ix_(pattern, pattern)], part.T)
        squared[rows] = (part * solved.T).sum(axis=1)
    df = answered.sum(axis=1)
    return Distances(squared=squared, df=df, pvalue=stats.chi2.sf(squared, np.maximum(df, 1)))


def even_odd_consistency(answers: Array, themes: Sequence[Sequence[int]]) -> Array:
    """Correlation within a person between even and odd halves of the themes, stepped up to full length.

    Parameters
    ----------
    answers
        Shape (n_rows, n_items), keyed in one direction, NaN for missing.
    themes
        Column positions of each theme, in the order asked; at least three themes with two items.

    Returns
    -------
    numpy.ndarray
        Shape (n_rows,), between -1 and 1, high when consistent; NaN where fewer than three themes have both
        halves answered or a half is the same in every theme.

    Notes
    -----
    2r / (1 + r), cut off at -1. R's `careless::evenodd` gives the same with the sign turned.
    """
    odd = np.column_stack([_row_means(answers[:, list(theme)[0::2]]) for theme in themes])
    even = np.column_stack([_row_means(answers[:, list(theme)[1::2]]) for theme in themes])
    both = np.isfinite(odd) & np.isfinite(even)
    count = both.sum(axis=1)
    odd, even = _centred(odd, both), _centred(even, both)
    scale = np.sqrt((odd**2).sum(axis=1) * (even**2).sum(axis=1))
    usable = (count >= 3) & (scale > 1e-12)
    r = np.divide((odd * even).sum(axis=1), scale, out=np.full(len(answers), np.nan), where=usable)
    stepped = np.divide(2 * r, 1 + r, out=np.full(len(answers), -np.inf), where=1 + r > 1e-12)
    return np.where(usable, np.clip(stepped, -1.0, 1.0), np.nan)


def _row_means(answers: Array) -> Array:
    answered = np.isfinite(answers)
    n = answered.sum(axis=1)
    total = np.where(answered, answers, 0.0).sum(axis=1)
    return np.divide(total, n, out=np.full(len(answers), np.nan), where=n > 0)


def _centred(halves: Array, both: npt.NDArray[np.bool_]) -> Array:
    filled = np.where(both, halves, 0.0)
    mean = filled.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    return np.where(both, filled - mean[:, None], 0.0)


def copies(answers: Array) -> npt.NDArray[np.int64]:
    """Number the groups of rows with the same answers to every item.

    Parameters
    ----------
    answers
        Shape (n_rows, n_items), NaN for missing.

    Returns
    -------
    numpy.ndarray
        Shape (n_rows,): 0 for a row that is unlike any other, or without variation; else the number of its
        group, from 1 in order of first appearance. Missing answers count as alike.
    """
    comparable = np.where(np.isfinite(answers), answers, np.inf)
    _, first, which, size = np.unique(
        comparable, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    repeated = [group for group in np.argsort(first) if size[group] > 1]
    number = np.zeros(len(size), dtype=np.int64)
    varied = individual_variability(answers) > 0
    kept = [group for group in repeated if varied[first[group]]]
    number[kept] = np.arange(1, len(kept) + 1)
    return number[which.ravel()]


@dataclass(frozen=True, slots=True)
class Chance:
    """What people who answer with care would show.

    Attributes
    ----------
    long_run
        Share of them with a long run.
    twins
        How many other people give a person's own answers, on average.
    """

    long_run: float
    twins: float


def chance_of(answers: Array, people: int, is_long: Callable[[float], bool]) -> Chance:
    """Draw people who answer with care, and look how often an index would flag them.

    Parameters
    ----------
    answers
        Shape (n_rows, n_items), NaN for missing.
    people
        How many persons answered, for how many others one could meet.
    is_long
        Whether a share of the items is a long run.

    Returns
    -------
    Chance
        `long_run`: share of the drawn with a long run. `twins`: how many of the other people give a person's
        own answers to every item, on average; answers all alike are left out.

    Notes
    -----
    Answers are drawn from normal variables with the items' pairwise correlations, cut so that each option is
    as common as it was; answers are complete. Who gives one answer to everything is left out of both, since
    many who press one button would make that look like chance. So the shares are rather too small, as they
    are because correlations of answers lie a little below those of what lies behind them. Nothing is put down
    to chance where fewer than ten people gave different answers.
    """
    asked = answers.shape[1]
    if asked < 2:  # one answer is a run over all of them, whoever gave it
        return Chance(long_run=1.0, twins=0.0)
    answers = answers[individual_variability(answers) > 0]
    answers = answers[:, np.isfinite(answers).any(axis=0)]  # what nobody answered makes neither run nor twin
    n, k = answers.shape
    if n < FEWEST_VARIED:
        return Chance(long_run=0.0, twins=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = pairwise_covariance(answers)
        spread = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(spread, spread)
    correlation[~np.isfinite(correlation)] = 0.0
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn = np.random.default_rng(1).standard_normal((DRAWS, k)) @ root.T
    # an item without variance has no correlation with itself either
    drawn /= np.maximum(np.sqrt((root**2).sum(axis=1)), 1e-12)
    given = np.zeros_like(drawn)
    for item in range(k):
        options, counts = np.unique(answers[np.isfinite(answers[:, item]), item], return_counts=True)
        if len(options) > 1:
            below = stats.norm.ppf(np.cumsum(counts)[:-1] / counts.sum())
            given[:, item] = options[np.searchsorted(below, drawn[:, item])]
        else:
            given[:, item] = options[0]
    runs = runs_of_identical_answers(given).longest / asked
    alike = copies(given)
    size = np.bincount(alike)[1:].astype(float)
    pairs = float((size * (size - 1)).sum()) / (DRAWS * (DRAWS - 1))
    return Chance(long_run=float(np.mean([is_long(share) for share in runs])), twins=(people - 1) * pairs)


def low_outliers_bound(values: Array, deviations: float) -> float:
    """Median minus a number of scaled median absolute deviations.

    Parameters
    ----------
    values
        NaN are left out.
    deviations
        How many.

    Returns
    -------
    float
        The bound; NaN without values.
    """
    seen = values[np.isfinite(values)]
    if not len(seen):
        return float("nan")
    middle = float(np.median(seen))
    return middle - deviations * 1.4826 * float(np.median(np.abs(seen - middle)))
