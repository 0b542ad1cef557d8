"""Asymptotic covariance of thresholds and polychoric correlations (Muthén, 1984)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import normal_density, rectangle_probabilities
from analysis.correlation.codes import CategoryCodes
from analysis.correlation.counts import pair_indices
from analysis.correlation.pairs import SMALLEST_PROBABILITY, cell_derivative

Array = npt.NDArray[np.float64]

SCORES_AT_ONCE = 4_000_000


def asymptotic_covariance(
    coded: CategoryCodes, counts: Array, tables: Array, thresholds: Array, rho: Array
) -> Array:
    """Sandwich covariance of the two-step estimates, scaled by the number of persons.

    Parameters
    ----------
    coded
        Category positions.
    counts
        Univariate counts, shape (n_items, k).
    tables
        Pair tables, shape (n_pairs, k, k).
    thresholds
        Shape (n_items, k − 1), absent ones +∞.
    rho
        Correlations, shape (n_pairs,).

    Returns
    -------
    numpy.ndarray
        N · B⁻¹ (Σ s sᵀ) B⁻ᵀ over [thresholds item by item, then correlations]: s the persons' scores
        (derivatives of the log likelihood of each item and each pair), B the sums of products of those
        derivatives; a person without both answers adds nothing to a pair.
    """
    n_categories = coded.n_categories
    first, second = pair_indices(len(n_categories))
    rows, columns = thresholds[first], thresholds[second]
    probability = np.maximum(rectangle_probabilities(rows, columns, rho), SMALLEST_PROBABILITY)
    pair_scores = cell_derivative(rows, columns, rho) / probability
    item_scores, blocks = _threshold_scores(counts, thresholds, n_categories)
    inner = _sum_of_products(coded, item_scores, pair_scores, n_categories)
    bread = _bread(inner, tables, probability, pair_scores, thresholds, rho, blocks)
    half = np.linalg.solve(bread, inner)
    covariance: Array = np.linalg.solve(bread, half.T) * coded.codes.shape[1]
    return 0.5 * (covariance + covariance.T)


def _threshold_scores(
    counts: Array, thresholds: Array, n_categories: npt.NDArray[np.int64]
) -> tuple[Array, list[slice]]:
    """∂ log p(category)/∂τ per item, shape (n_items, k − 1, k + 1); and each item's place in the stack."""
    n_items, k = counts.shape
    shares = counts / counts.sum(1, keepdims=True)
    density = normal_density(thresholds)
    scores = np.zeros((n_items, k - 1, k + 1))
    step = np.arange(k - 1)
    safe = np.where(shares > 0, shares, 1.0)
    scores[:, step, step] = density / safe[:, :-1]
    scores[:, step, step + 1] = -density / safe[:, 1:]
    ends = np.cumsum(n_categories - 1)
    blocks = [slice(int(end - size), int(end)) for end, size in zip(ends, n_categories - 1, strict=True)]
    return scores, blocks


def _sum_of_products(
    coded: CategoryCodes, item_scores: Array, pair_scores: Array, n_categories: npt.NDArray[np.int64]
) -> Array:
    n_items, k = coded.codes.shape[0], coded.missing_code
    first, second = pair_indices(n_items)
    places = [(item, t) for item in range(n_items) for t in range(n_categories[item] - 1)]
    owner = np.array([item for item, _ in places])
    flat_item = item_scores[owner, [t for _, t in places]].ravel()
    padded = np.zeros((len(first), k + 1, k + 1))
    padded[:, :k, :k] = pair_scores
    flat_pair = padded.ravel()
    item_offset = (np.arange(len(owner)) * (k + 1))[:, None]
    pair_offset = (np.arange(len(first)) * (k + 1) ** 2)[:, None]
    size = len(owner) + len(first)
    total = np.zeros((size, size))
    step = max(1, SCORES_AT_ONCE // size)
    for start in range(0, coded.codes.shape[1], step):
        block = coded.codes[:, start : start + step].astype(np.int64)
        scores = np.empty((size, block.shape[1]))
        np.take(flat_item, block[owner] + item_offset, out=scores[: len(owner)])
        np.take(flat_pair, block[first] * (k + 1) + block[second] + pair_offset, out=scores[len(owner) :])
        total += scores @ scores.T
    return total


def _bread(
    inner: Array,
    tables: Array,
    probability: Array,
    pair_scores: Array,
    thresholds: Array,
    rho: Array,
    blocks: list[slice],
) -> Array:
    first, second = pair_indices(len(blocks))
    n_thresholds = blocks[-1].stop
    bread = np.zeros_like(inner)
    for block in blocks:
        bread[block, block] = inner[block, block]
    below = np.arange(n_thresholds, len(inner))
    bread[below, below] = np.sum(tables * pair_scores**2, (1, 2))
    weight = tables * pair_scores / probability
    by_row = threshold_derivatives(thresholds[first], thresholds[second], rho, weight)
    by_column = threshold_derivatives(thresholds[second], thresholds[first], rho, weight.transpose(0, 2, 1))
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        row = bread[n_thresholds + pair]
        row[blocks[a]] = by_row[pair, : blocks[a].stop - blocks[a].start]
        row[blocks[b]] = by_column[pair, : blocks[b].stop - blocks[b].start]
    return bread


def threshold_derivatives(own: Array, other: Array, rho: Array, weight: Array) -> Array:
    """Σ over cells of weight · ∂π/∂τ, for the thresholds of one side of each pair.

    Parameters
    ----------
    own, other
        Thresholds of the side derived by and of the other, shape (n_pairs, k − 1).
    rho
        Correlations, shape (n_pairs,).
    weight
        Shape (n_pairs, k, k), own side in rows.

    Returns
    -------
    numpy.ndarray
        Shape (n_pairs, k − 1); 0 for absent thresholds.
    """
    finite = np.isfinite(own)
    at = np.where(finite, own, 0.0)
    root = np.sqrt(1 - rho * rho)[:, None, None]
    cut = ndtr((other[:, None, :] - rho[:, None, None] * at[:, :, None]) / root)
    cut = np.pad(cut, ((0, 0), (0, 0), (1, 1)))
    cut[:, :, -1] = 1.0
    share = normal_density(own)[:, :, None] * np.diff(cut, axis=2)
    change = weight[:, :-1, :] - weight[:, 1:, :]
    return np.where(finite, np.sum(share * change, axis=2), 0.0)
