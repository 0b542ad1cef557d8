"""Asymptotic covariance of thresholds and polychoric correlations (Muthén, 1984)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.common.sampling import Sampling
from analysis.correlation.bivariate_normal import normal_density, rectangle_probabilities
from analysis.correlation.codes import CategoryCodes
from analysis.correlation.counts import pair_indices
from analysis.correlation.pairs import SMALLEST_PROBABILITY, cell_derivative

Array = npt.NDArray[np.float64]

SCORES_AT_ONCE = 4_000_000


def asymptotic_covariance(
    coded: CategoryCodes,
    counts: Array,
    tables: Array,
    thresholds: Array,
    rho: Array,
    sampling: Sampling | None = None,
) -> tuple[Array, Array]:
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
    sampling
        Clusters, whose scores are added up before their products, and weights.

    Returns
    -------
    tuple of numpy.ndarray
        N · B⁻¹ (Σ s sᵀ) B⁻ᵀ over [thresholds item by item, then correlations]: s the persons' scores
        (derivatives of the log likelihood of each item and each pair), B the sums of products of those
        derivatives; a person without both answers adds nothing to a pair. And its diagonal as if all
        persons were independent.
    """
    n_categories = coded.n_categories
    first, second = pair_indices(len(n_categories))
    rows, columns = thresholds[first], thresholds[second]
    probability = np.maximum(rectangle_probabilities(rows, columns, rho), SMALLEST_PROBABILITY)
    pair_scores = cell_derivative(rows, columns, rho) / probability
    item_scores, blocks = _threshold_scores(counts, thresholds, n_categories)
    sampling = sampling or Sampling()
    inner, plain, products = _sums_of_products(coded, item_scores, pair_scores, n_categories, sampling)
    bread = _bread(inner, tables, probability, pair_scores, thresholds, rho, blocks)
    total = coded.codes.shape[1] if sampling.weights is None else sampling.weights.sum()

    def sandwich(filling: Array) -> Array:
        covariance: Array = np.linalg.solve(bread, np.linalg.solve(bread, filling).T) * total
        return 0.5 * (covariance + covariance.T)

    gamma = sandwich(products)
    return gamma, np.diag(gamma if plain is products else sandwich(plain)).copy()


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


def _sums_of_products(
    coded: CategoryCodes,
    item_scores: Array,
    pair_scores: Array,
    n_categories: npt.NDArray[np.int64],
    sampling: Sampling,
) -> tuple[Array, Array, Array]:
    """Σ w s sᵀ, Σ w² s sᵀ over persons and Σ (Σ w s)(Σ w s)ᵀ over clusters: the same in simple samples."""
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
    total, plain, products = (np.zeros((size, size)) for _ in range(3))
    step = max(1, SCORES_AT_ONCE // size)
    for chosen in _chunks(coded.codes.shape[1], step, sampling):
        block = coded.codes[:, chosen].astype(np.int64)
        scores = np.empty((size, block.shape[1]))
        np.take(flat_item, block[owner] + item_offset, out=scores[: len(owner)])
        np.take(flat_pair, block[first] * (k + 1) + block[second] + pair_offset, out=scores[len(owner) :])
        if sampling.simple:
            total += scores @ scores.T
            continue
        own = sampling.take(chosen)
        weighted = scores if own.weights is None else scores * own.weights
        total += scores @ weighted.T
        plain += weighted @ weighted.T
        if own.clusters is not None:
            products += own.products(scores.T, n_clusters=sampling.n_clusters)
    if sampling.simple:
        return total, total, total
    return total, plain, (plain if sampling.clusters is None else products)


def _chunks(n: int, step: int, sampling: Sampling) -> list[slice | npt.NDArray[np.int64]]:
    """Cut persons into pieces of about `step`; persons of one cluster stay together."""
    if sampling.clusters is None:
        return [slice(start, start + step) for start in range(0, n, step)]
    order = np.argsort(sampling.clusters, kind="stable")
    ends = np.cumsum(np.bincount(sampling.clusters))
    piece = (ends - 1) // step
    last = ends[np.flatnonzero(np.diff(piece, append=piece[-1] + 1))]
    return [part for part in np.split(order, last) if len(part)]


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
