"""Correlation matrices that are not positive definite: detected, and repaired by a stated rule on request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.result import Result
from instrument.common.formatting import format_value
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint

Array = npt.NDArray[np.float64]
Smooth = bool | Literal["nearest", "truncated"]

DEFINITE = 1e-10  # smallest eigenvalue over the largest: below it an inverse is rounding
FLOOR = 1e-8  # smallest eigenvalue over the largest in a smoothed matrix
TIGHT = 1e-12  # relative change of the alternating projections at which they have met
MOST_PROJECTIONS = 5000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Smoothing(Result):
    """How far a correlation matrix was moved to become positive definite.

    Attributes
    ----------
    method
        `"nearest"` or `"truncated"`.
    frobenius
        Square root of the sum of all squared changes, both triangles.
    largest_change, largest_pair
        Largest absolute change of a correlation, and the two items.
    n_items, n_negative
        Size of the matrix, and how many of its eigenvalues were negative.
    smallest_before, smallest_after
        Smallest eigenvalue.
    """

    method: str
    frobenius: float
    largest_change: float
    largest_pair: tuple[str, str]
    n_items: int
    n_negative: int
    smallest_before: float
    smallest_after: float

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        row = {name: getattr(self, name) for name in self.__slots__ if name != "largest_pair"}
        return pd.DataFrame([row | {"largest_pair": " ".join(self.largest_pair)}])

    @property
    def named(self) -> str:
        """What was put in place of the matrix, in words."""
        return NAMED[self.method]

    def told(self) -> str:
        """Say what was done and how much it changed, for a message."""
        return (
            f"{self.n_negative} of {self.n_items} eigenvalues are negative, the smallest"
            f" {self.smallest_before:.4f}; {self.named} was analysed (Frobenius norm of the change"
            f" {self.frobenius:.4f}, largest {format_value(self.largest_change, 'r4')}, between"
            f" {self.largest_pair[0]!r}"
            f" and {self.largest_pair[1]!r})"
        )


NAMED = {
    "nearest": "the nearest correlation matrix",
    "truncated": "the matrix with eigenvalues raised to a floor",
}


def checked_smooth(caller: str, smooth: Any) -> str | None:
    """Give the rule of smoothing that was chosen, None for none.

    Parameters
    ----------
    caller
        Public function that the message names.
    smooth
        `False`, `"nearest"`, `"truncated"`, or `True` for `"truncated"`.

    Returns
    -------
    str or None
        A key of `NAMED`.

    Raises
    ------
    DefinitionError
        Anything else.
    """
    if isinstance(smooth, bool):
        return "truncated" if smooth else None
    if isinstance(smooth, str) and smooth in NAMED:
        return smooth
    fact = f"smooth is {smooth!r}."
    raise DefinitionError(fact_and_hint(caller, fact, f"choose one of False, {', '.join(NAMED)}."))


def is_definite(matrix: Array) -> bool:
    """Whether a correlation matrix can be inverted: smallest eigenvalue above `DEFINITE` of the largest.

    Parameters
    ----------
    matrix
        Symmetric, shape (p, p).

    Returns
    -------
    bool
        False also where entries are missing.
    """
    if not np.isfinite(matrix).all():
        return False
    values = np.linalg.eigvalsh(matrix)
    return bool(values[0] > DEFINITE * values[-1])


def smooth_correlations(matrix: Array, floor: float | None = None) -> Array:
    """Raise eigenvalues to a floor and rescale to a correlation matrix (eigenvalue truncation).

    Parameters
    ----------
    matrix
        Symmetric, shape (p, p), unit diagonal.
    floor
        What smaller eigenvalues become; by default `FLOOR` times the largest.

    Returns
    -------
    numpy.ndarray
        The matrix itself when it is positive definite, else a positive definite one with the same
        eigenvectors but for a rescaling: small eigenvalues are raised, all are scaled to sum to p, the
        diagonal is set to 1. It is close, not the nearest: see `nearest_correlations`.

    Examples
    --------
    >>> bad = np.array([[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]])
    >>> bool(np.linalg.eigvalsh(smooth_correlations(bad)).min() > 0)
    True
    """
    if is_definite(matrix):
        return matrix
    values, vectors = np.linalg.eigh(matrix)
    lifted = np.maximum(values, FLOOR * values[-1] if floor is None else floor)
    lifted *= len(matrix) / lifted.sum()
    return _unit_diagonal((vectors * lifted) @ vectors.T)


def _unit_diagonal(matrix: Array) -> Array:
    scale = np.sqrt(np.diag(matrix))
    scaled: Array = matrix / np.outer(scale, scale)
    np.fill_diagonal(scaled, 1.0)
    return scaled


def nearest_correlations(matrix: Array) -> Array:
    """Give the correlation matrix with the smallest sum of squared changes.

    Parameters
    ----------
    matrix
        Symmetric, shape (p, p), unit diagonal.

    Returns
    -------
    numpy.ndarray
        The matrix itself when it is positive definite, else the nearest one without negative eigenvalues,
        whose zero eigenvalues are then raised to `FLOOR` times the largest so that it can be inverted.

    Raises
    ------
    NotEstimableError
        The projections did not meet.

    Notes
    -----
    Minimises ||X - A|| (Frobenius) over symmetric X with unit diagonal and no negative eigenvalue:
    projections onto either set in turn, with Dykstra's correction of the one that is no plane, until the
    relative change is below 1e-12.

    References
    ----------
    Higham, N. J. (2002). Computing the nearest correlation matrix: a problem from finance. IMA Journal of
    Numerical Analysis, 22, 329-343. https://doi.org/10.1093/imanum/22.3.329

    In R: ``Matrix::nearPD(matrix, corr = TRUE)``, whose tolerances are wider.

    Examples
    --------
    The worked example of the paper: .7607 and .1573.

    >>> bad = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    >>> nearest_correlations(bad)[0, 1:].round(4).tolist()
    [0.7607, 0.1573]
    """
    if is_definite(matrix):
        return matrix
    here, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(MOST_PROJECTIONS):
        shifted = here - correction
        values, vectors = np.linalg.eigh(shifted)
        cone = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = cone - shifted
        there = cone.copy()
        np.fill_diagonal(there, 1.0)
        change = float(np.linalg.norm(there - here) / np.linalg.norm(there))
        here = there
        if change < TIGHT:
            break
    else:
        fact = f"the nearest correlation matrix was not found in {MOST_PROJECTIONS} projections."
        raise NotEstimableError(fact_and_hint("smooth", fact, 'choose smooth="truncated".'))
    values, vectors = np.linalg.eigh(here)
    return _unit_diagonal((vectors * np.maximum(values, FLOOR * values[-1])) @ vectors.T)


def smoothed(matrix: Array, method: str) -> Array:
    """Repair a matrix by a rule; one that is positive definite stays as it is.

    Parameters
    ----------
    matrix
        Symmetric, shape (p, p), unit diagonal, without gaps.
    method
        A key of `NAMED`.

    Returns
    -------
    numpy.ndarray
        Positive definite correlation matrix.
    """
    return nearest_correlations(matrix) if method == "nearest" else smooth_correlations(matrix)


def size_of_smoothing(before: Array, after: Array, names: list[str], method: str) -> Smoothing:
    """Measure how far a matrix was moved.

    Parameters
    ----------
    before, after
        Shape (p, p).
    names
        Of the items.
    method
        A key of `NAMED`.

    Returns
    -------
    Smoothing
        Size of the change.
    """
    roots = np.linalg.eigvalsh(before)
    change = np.abs(np.tril(after - before, -1))
    row, column = np.unravel_index(np.argmax(change), change.shape)
    return Smoothing(
        method=method,
        frobenius=float(np.linalg.norm(after - before)),
        largest_change=float(change.max()),
        largest_pair=(names[column], names[row]),
        n_items=len(before),
        n_negative=int((roots < -DEFINITE * roots[-1]).sum()),
        smallest_before=float(roots[0]),
        smallest_after=smallest_eigenvalue(after),
    )


def smallest_eigenvalue(matrix: Array) -> float:
    """Smallest eigenvalue of a symmetric matrix.

    Parameters
    ----------
    matrix
        Shape (p, p).

    Returns
    -------
    float
        At most 1 for a correlation matrix; below 0 it is not one of any data.
    """
    return float(np.linalg.eigvalsh(matrix)[0])
