"""One variable of a mixed set, ordinal or continuous: its first-step estimates and scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from analysis.correlation.bivariate_normal import normal_density
from analysis.correlation.codes import category_codes
from instrument.errors import ResponseDataError, fact_and_hint

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variable:
    """Answers to one variable with what the first step says about it.

    Attributes
    ----------
    ordered
        Whether it is ordinal.
    answered
        Who answered, shape (n,).
    category
        Positions of ordinal answers, shape (n,); −1 elsewhere.
    z
        Standardised continuous answers, shape (n,); NaN elsewhere.
    thresholds
        Ascending; empty for a continuous variable.
    mean, deviation
        Of a continuous variable (dividing by n); 0 and 1 for an ordinal one.
    """

    ordered: bool
    answered: npt.NDArray[np.bool_]
    category: npt.NDArray[np.intp]
    z: Array
    thresholds: Array
    mean: float
    deviation: float

    @property
    def n_parameters(self) -> int:
        """Thresholds, or 2 for mean and variance."""
        return len(self.thresholds) if self.ordered else 2

    def scores(self) -> Array:
        """Derivatives of the log likelihood by thresholds, or mean and variance, per person.

        Returns
        -------
        numpy.ndarray
            Shape (n_parameters, n); 0 for persons who did not answer.
        """
        if not self.ordered:
            z = np.where(self.answered, self.z, 0.0)
            by_variance = np.where(self.answered, z * z - 1, 0.0)
            return np.array([z / self.deviation, by_variance / (2 * self.deviation**2)])
        shares = np.bincount(self.category[self.answered]) / self.answered.sum()
        step = np.arange(len(self.thresholds))[:, None]
        upper = (self.category == step) / shares[:-1, None]
        lower = (self.category == step + 1) / shares[1:, None]
        return normal_density(self.thresholds)[:, None] * (upper - lower)


def ordinal_variable(values: Array, name: str, caller: str) -> Variable:
    """Describe an ordinal variable.

    Parameters
    ----------
    values
        Category codes, NaN for none, shape (n,).
    name
        For messages.
    caller
        The public function that complains.

    Returns
    -------
    Variable
        With thresholds from all its answers.
    """
    answered = ~np.isnan(values)
    if not answered.any():
        fact = f"variable {name!r} has no answer at all."
        raise ResponseDataError(fact_and_hint(caller, fact, "drop it."))
    coded = category_codes(values[:, None], [name], caller=caller, listwise=False)
    category = np.full(len(values), -1, dtype=np.intp)
    category[answered] = coded.codes[0]
    shares = np.cumsum(np.bincount(category[answered])) / answered.sum()
    return Variable(
        ordered=True,
        answered=answered,
        category=category,
        z=np.full(len(values), np.nan),
        thresholds=ndtri(shares[:-1]),
        mean=0.0,
        deviation=1.0,
    )


def continuous_variable(values: Array, name: str, caller: str) -> Variable:
    """Describe a continuous variable.

    Parameters
    ----------
    values
        NaN for none, shape (n,).
    name
        For messages.
    caller
        The public function that complains.

    Returns
    -------
    Variable
        With mean and standard deviation (dividing by n) from all its answers.

    Raises
    ------
    ResponseDataError
        No answers, infinite ones, or no variance.
    """
    answered = ~np.isnan(values)
    given = values[answered]
    if given.size < 2 or not np.isfinite(given).all() or np.ptp(given) == 0:
        fact = f"continuous variable {name!r} has {given.size} answers that are not finite or do not vary."
        raise ResponseDataError(fact_and_hint(caller, fact, "drop it."))
    mean, deviation = float(given.mean()), float(given.std())
    return Variable(
        ordered=False,
        answered=answered,
        category=np.full(len(values), -1, dtype=np.intp),
        z=(values - mean) / deviation,
        thresholds=np.empty(0),
        mean=mean,
        deviation=deviation,
    )
