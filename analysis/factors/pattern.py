"""One factor pattern: loadings, factor correlations and structure, which are only ever changed together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pattern:
    """Loadings with the factor correlations that belong to them.

    Attributes
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Pattern coefficients (regressions of the items on the factors).
    factor_correlations : ndarray, shape (n_factors, n_factors)
        Identity after an orthogonal rotation.
    rotation : ndarray, shape (n_factors, n_factors)
        The factors as combinations of the unrotated ones: `unrotated @ inv(rotation).T == loadings`
        and `rotation.T @ rotation == factor_correlations`.
    criterion : float
        Value of the rotation criterion at the solution (NaN where there is none).
    starts : int
        Starting positions tried.
    agreeing : int
        Starting positions that reached the same minimum.
    """

    loadings: Array
    factor_correlations: Array
    rotation: Array
    criterion: float = float("nan")
    starts: int = 1
    agreeing: int = 1

    def __iter__(self) -> Iterator[Array]:
        """Unpack into loadings and factor correlations."""
        yield self.loadings
        yield self.factor_correlations

    @property
    def structure(self) -> Array:
        """Correlations of items and factors, `loadings @ factor_correlations`."""
        return np.asarray(self.loadings @ self.factor_correlations)

    @property
    def communalities(self) -> Array:
        """Variance of each standardised item that the factors explain."""
        return np.asarray((self.structure * self.loadings).sum(axis=1))

    @property
    def common(self) -> Array:
        """Reproduced correlations without uniquenesses, `L Phi L'`."""
        return np.asarray(self.structure @ self.loadings.T)

    @property
    def sums_of_squares(self) -> Array:
        """Variance each factor accounts for, the diagonal of `Phi L'L`."""
        return np.asarray((self.structure * self.loadings).sum(axis=0))

    def rearranged(self, order: NDArray[np.intp], signs: Array) -> Pattern:
        """Permute and reflect the factors, all matrices at once.

        Parameters
        ----------
        order : ndarray, shape (n_factors,)
            Old position of each new factor.
        signs : ndarray, shape (n_factors,)
            1 or -1 for each old factor.

        Returns
        -------
        Pattern
            The same solution in another arrangement.
        """
        turned = signs[order]
        return Pattern(
            loadings=self.loadings[:, order] * turned,
            factor_correlations=self.factor_correlations[np.ix_(order, order)] * np.outer(turned, turned),
            rotation=self.rotation[:, order] * turned,
            criterion=self.criterion,
            starts=self.starts,
            agreeing=self.agreeing,
        )

    def arranged(self) -> Pattern:
        """Put factors in order of the variance they account for, each with a positive sum of loadings.

        Returns
        -------
        Pattern
            The same solution in the customary arrangement.
        """
        signs = np.where(self.loadings.sum(axis=0) < 0, -1.0, 1.0)
        return self.rearranged(np.argsort(-self.sums_of_squares, kind="stable"), signs)

    def aligned(self, target: Array) -> Pattern:
        """Permute and reflect the factors to lie closest to another loading matrix.

        Parameters
        ----------
        target : ndarray, shape (n_items, n_factors)
            Loadings to resemble.

        Returns
        -------
        Pattern
            The arrangement with the largest sum of absolute congruences with `target`.
        """
        lengths = np.outer(np.linalg.norm(target, axis=0), np.linalg.norm(self.loadings, axis=0))
        congruence = (target.T @ self.loadings) / np.where(lengths > 0, lengths, 1.0)
        wanted, order = linear_sum_assignment(np.abs(congruence), maximize=True)
        signs = np.ones(len(order))
        signs[order] = np.where(congruence[wanted, order] < 0, -1.0, 1.0)
        return self.rearranged(order, signs)


def unrotated(loadings: Array) -> Pattern:
    """Wrap loadings of uncorrelated factors.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings.

    Returns
    -------
    Pattern
        With an identity matrix of factor correlations.
    """
    identity = np.eye(loadings.shape[1])
    return Pattern(loadings=loadings, factor_correlations=identity, rotation=identity)
