"""Marginal maximum likelihood of the graded response model: EM cycles, then Newton steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from analysis.common.threads import one_thread
from analysis.irt.graded_model import Derivatives, GradedItems, derivatives
from analysis.irt.observed_information import observed_information
from analysis.irt.quadrature import Expectation, Quadrature, expectation

Array = npt.NDArray[np.float64]

EM_CYCLES = 25
EM_ENOUGH = 0.02
SMALL_STEP = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradedFit:
    """A fitted model.

    Attributes
    ----------
    items
        Parameters.
    loglik
        Marginal log likelihood.
    information
        Observed information over `items.vector()`.
    cycles, newton_steps
        Work done.
    largest_step
        Largest change of a parameter in the last step.
    """

    items: GradedItems
    loglik: float
    information: Array
    cycles: int
    newton_steps: int
    largest_step: float


def starting_items(positions: npt.NDArray[np.int8], n_categories: npt.NDArray[np.int64]) -> GradedItems:
    """Slopes of ±1 by the first principal component, intercepts from the shares.

    Parameters
    ----------
    positions
        Shape (n_items, n_persons).
    n_categories
        Categories per item.

    Returns
    -------
    GradedItems
        Where the search starts.
    """
    k = int(n_categories.max())
    values = np.where(positions == k, np.nan, positions.astype(float))
    centred = np.nan_to_num(values - np.nanmean(values, axis=1, keepdims=True))
    centred /= centred.std(axis=1, keepdims=True)
    direction = np.linalg.eigh(centred @ centred.T)[1][:, -1]
    sign = np.where(direction * np.sign(direction.sum() or 1.0) < 0, -1.0, 1.0)
    intercepts = np.full((len(positions), k - 1), -np.inf)
    for item, size in enumerate(n_categories):
        shares = np.bincount(positions[item], minlength=k + 1)[:size]
        at_least = np.cumsum(shares[::-1])[::-1][1:] / shares.sum()
        intercepts[item, : size - 1] = logit(at_least) * np.sqrt(1 + 1 / 2.89)
    return GradedItems(slopes=sign, intercepts=intercepts)


@one_thread()
def fit_graded(
    positions: npt.NDArray[np.int8],
    n_categories: npt.NDArray[np.int64],
    grid: Quadrature,
    max_iter: int,
) -> GradedFit:
    """Maximise the marginal likelihood.

    EM cycles come near; Newton steps with the exact observed information end the search.

    Parameters
    ----------
    positions
        Shape (n_items, n_persons).
    n_categories
        Categories per item.
    grid
        Quadrature.
    max_iter
        Most Newton steps.

    Returns
    -------
    GradedFit
        The last point, whether or not `largest_step` is below `SMALL_STEP`.
    """
    items = starting_items(positions, n_categories)
    cycles, largest = 0, np.inf
    while largest >= EM_ENOUGH and cycles < EM_CYCLES:
        moved = _maximise(items, expectation(positions, items, grid), grid)
        largest = float(np.abs(moved.vector() - items.vector()).max())
        items, cycles = moved, cycles + 1
    return _newton(positions, items, grid, max_iter, cycles)


def _maximise(items: GradedItems, expected: Expectation, grid: Quadrature) -> GradedItems:
    """One Fisher-scoring step of the complete-data likelihood, halved until the intercepts descend."""
    d = derivatives(items, grid.nodes)
    scores = d.scores
    gradient = np.einsum("jcq,jpcq->jp", expected.counts, scores)
    share = expected.counts.sum(1)[:, None, :] * _real_probability(items, d)
    information = np.einsum("jpcq,jcq,jrcq->jpr", scores, share, scores)
    fixed = ~items.free
    place = np.arange(information.shape[1])
    information[:, place, place] += fixed
    step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0][items.free]
    size = 1.0
    while not (moved := items.replaced(items.vector() + size * step)).ordered():
        size /= 2
    return moved


def _real_probability(items: GradedItems, d: Derivatives) -> Array:
    absent = np.arange(d.probability.shape[1])[None, :] >= items.n_categories[:, None]
    return np.where(absent[:, :, None], 0.0, d.probability)


def _newton(
    positions: npt.NDArray[np.int8], items: GradedItems, grid: Quadrature, max_iter: int, cycles: int
) -> GradedFit:
    expected = expectation(positions, items, grid)
    largest, steps = np.inf, 0
    information = np.empty((0, 0))
    for steps in range(1, max_iter + 1):
        d = derivatives(items, grid.nodes)
        gradient = np.einsum("jcq,jpcq->jp", expected.counts, d.scores)[items.free]
        if steps < 5 or steps % 5 == 0:
            information = observed_information(positions, items, grid, expected)
        step = _ascent(information, gradient)
        items, expected, size = _line_search(positions, items, grid, expected, step)
        largest = float(np.abs(size * step).max())
        if largest < SMALL_STEP:
            break
    return GradedFit(
        items=items,
        loglik=expected.loglik,
        information=observed_information(positions, items, grid, expected),
        cycles=cycles,
        newton_steps=steps,
        largest_step=largest,
    )


def _ascent(information: Array, gradient: Array) -> Array:
    """Newton step; directions without positive curvature are stepped along uphill by their size."""
    values, vectors = np.linalg.eigh(information)
    floor = 1e-6 * values.max()
    step: Array = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), floor))
    return step


def _line_search(
    positions: npt.NDArray[np.int8], items: GradedItems, grid: Quadrature, now: Expectation, step: Array
) -> tuple[GradedItems, Expectation, float]:
    slack = 1e-10 * abs(now.loglik)
    size = 1.0
    while size > 1e-10:
        moved = items.replaced(items.vector() + size * step)
        if moved.ordered():
            there = expectation(positions, moved, grid)
            if there.loglik >= now.loglik - slack:
                return moved, there, size
        size /= 2
    return items, now, 0.0
