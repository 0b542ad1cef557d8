"""Category probabilities of the graded response model and their derivatives, on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Array = npt.NDArray[np.float64]

SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradedItems:
    """Slopes and intercepts: P(X ≥ k | θ) = 1/(1 + exp(−(aθ + d_k))).

    Attributes
    ----------
    slopes
        Shape (n_items,).
    intercepts
        Descending, shape (n_items, k − 1); places beyond an item's last intercept hold −∞.
    """

    slopes: Array
    intercepts: Array

    @property
    def n_categories(self) -> npt.NDArray[np.int64]:
        """Categories per item, shape (n_items,)."""
        return np.isfinite(self.intercepts).sum(1) + 1

    @property
    def difficulties(self) -> Array:
        """b_k = −d_k/a, shape (n_items, k − 1), NaN beyond an item's last."""
        finite = np.isfinite(self.intercepts)
        return np.where(finite, -np.where(finite, self.intercepts, 0.0) / self.slopes[:, None], np.nan)

    @property
    def free(self) -> npt.NDArray[np.bool_]:
        """Which places of the (n_items, k) table [slope, intercepts] hold parameters."""
        return np.column_stack([np.ones(len(self.slopes), dtype=bool), np.isfinite(self.intercepts)])

    def vector(self) -> Array:
        """Parameters item by item: slope, then intercepts."""
        return np.column_stack([self.slopes, self.intercepts])[self.free]

    def replaced(self, vector: Array) -> GradedItems:
        """Put other parameter values in place.

        Parameters
        ----------
        vector
            In the order of `vector`.

        Returns
        -------
        GradedItems
            With the same numbers of categories.
        """
        table = np.column_stack([self.slopes, self.intercepts])
        table[self.free] = vector
        return GradedItems(slopes=table[:, 0], intercepts=table[:, 1:])

    def ordered(self) -> bool:
        """Whether every item's intercepts descend."""
        finite = np.isfinite(self.intercepts[:, 1:])
        falls = self.intercepts[:, :-1] > self.intercepts[:, 1:]
        return bool((falls | ~finite).all())


def category_probabilities(items: GradedItems, theta: Array) -> Array:
    """Probability of each category; relative precision is kept in the tails.

    Parameters
    ----------
    items
        Parameters.
    theta
        Latent values, shape (q,).

    Returns
    -------
    numpy.ndarray
        Shape (n_items, k, q); 0 for absent categories.
    """
    upper, lower = _boundaries(items, theta)
    finite = np.isfinite(upper) & np.isfinite(lower)
    gap = np.where(finite, np.where(finite, upper, 0.0) - np.where(finite, lower, 0.0), np.inf)
    return expit(upper) * expit(-lower) * -np.expm1(-gap)


def _boundaries(items: GradedItems, theta: Array) -> tuple[Array, Array]:
    """aθ + d at the lower and at the upper boundary of each category; +∞ and −∞ outside."""
    inner = items.slopes[:, None, None] * theta + items.intercepts[:, :, None]
    n, _, q = inner.shape
    edges = np.concatenate([np.full((n, 1, q), np.inf), inner, np.full((n, 1, q), -np.inf)], axis=1)
    return edges[:, :-1], edges[:, 1:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Derivatives:
    """Derivatives of the category probabilities by [slope, intercepts].

    Attributes
    ----------
    probability
        Shape (n_items, k, q); 1 for absent categories.
    first
        Shape (n_items, k parameters, k categories, q); 0 where absent.
    second
        Σ weights are taken later: curvature at boundaries, shape (n_items, k + 1, q).
    """

    probability: Array
    first: Array
    second: Array

    @property
    def scores(self) -> Array:
        """Derivatives of log probabilities, shaped as `first`."""
        return self.first / self.probability[:, None]


def derivatives(items: GradedItems, theta: Array) -> Derivatives:
    """Differentiate category probabilities by slopes and intercepts.

    Parameters
    ----------
    items
        Parameters.
    theta
        Latent values, shape (q,).

    Returns
    -------
    Derivatives
        First derivatives, and what second ones are made of.
    """
    n, inner = items.intercepts.shape
    k, q = inner + 1, len(theta)
    probability = category_probabilities(items, theta)
    absent = np.arange(k)[None, :] >= items.n_categories[:, None]
    probability = np.where(absent[:, :, None], 1.0, np.maximum(probability, SMALLEST))
    cumulative = expit(items.slopes[:, None, None] * theta + items.intercepts[:, :, None])
    density = np.zeros((n, k + 1, q))
    density[:, 1:-1] = cumulative * (1 - cumulative)
    bend = np.zeros_like(density)
    bend[:, 1:-1] = density[:, 1:-1] * (1 - 2 * cumulative)
    first = np.zeros((n, k, k, q))
    first[:, 0] = theta * (density[:, :-1] - density[:, 1:])
    step = np.arange(1, k)
    first[:, step, step] = density[:, 1:-1]
    first[:, step, step - 1] = -density[:, 1:-1]
    return Derivatives(probability=probability, first=first, second=bend)


def weighted_second(d: Derivatives, weights: Array, theta: Array) -> Array:
    """Σ over categories and nodes of weight · ∂²P, per item.

    Parameters
    ----------
    d
        Derivatives.
    weights
        Shape (n_items, k, q); 0 for absent categories.
    theta
        Shape (q,).

    Returns
    -------
    numpy.ndarray
        Shape (n_items, k, k) over [slope, intercepts].
    """
    n, k, _ = weights.shape
    padded = np.concatenate([np.zeros_like(weights[:, :1]), weights, np.zeros_like(weights[:, :1])], axis=1)
    jump = (padded[:, 1:] - padded[:, :-1]) * d.second
    out = np.zeros((n, k, k))
    out[:, 0, 0] = (jump * theta**2).sum((1, 2))
    inner = jump[:, 1:-1]
    step = np.arange(1, k)
    out[:, step, step] = inner.sum(2)
    out[:, 0, 1:] = out[:, 1:, 0] = (inner * theta).sum(2)
    return out
