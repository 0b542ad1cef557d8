"""A chain of variables in time: every route from an earlier to a later one, and how strong it is."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Route = tuple[int, ...]


def all_routes(k: int) -> list[Route]:
    """Every way forward between two of k variables: first the direct steps, then those with stops.

    Parameters
    ----------
    k
        Number of variables.

    Returns
    -------
    list of tuple
        Positions passed, from the start to the end.

    Examples
    --------
    >>> all_routes(3)
    [(0, 1), (0, 2), (1, 2), (0, 1, 2)]
    """
    return [route for size in range(2, k + 1) for route in combinations(range(k), size)]


def chain_slopes(covariances: Floats, k: int) -> Floats:
    """Regress each of the last k variables on all before it.

    Parameters
    ----------
    covariances : array, shape (draws, q, q)
        Covariates first, then the chain in its order in time.
    k
        Variables of the chain.

    Returns
    -------
    array, shape (draws, k, k)
        `[:, j, i]` is the slope of variable j on the earlier variable i, covariates and the other earlier
        variables held constant; zero elsewhere.
    """
    held = covariances.shape[1] - k
    slopes = np.zeros((len(covariances), k, k))
    for j in range(1, k):
        before = slice(0, held + j)
        cross = covariances[:, before, held + j][:, :, None]
        slopes[:, j, :j] = np.linalg.solve(covariances[:, before, before], cross)[:, held:, 0]
    return slopes


def strength_of(slopes: Floats, routes: list[Route]) -> Floats:
    """Product of the slopes along each route, shape (draws, routes).

    Parameters
    ----------
    slopes : array, shape (draws, k, k)
        From `chain_slopes`.
    routes
        From `all_routes`.
    """
    out = np.ones((len(slopes), len(routes)))
    for column, route in enumerate(routes):
        for i, j in pairwise(route):
            out[:, column] *= slopes[:, j, i]
    return out


def sums_of(routes: list[Route]) -> tuple[list[tuple[str, int, int]], Floats]:
    """Rows of the table of effects, and how each adds up routes, shape (rows, routes).

    Returns
    -------
    tuple
        `(kind, start, end)` per row, kinds `route`, `all indirect`, `total`; and a matrix of 0 and 1.
    """
    rows: list[tuple[str, int, int]] = [("route", route[0], route[-1]) for route in routes]
    chosen = [np.eye(len(routes))]
    ends = list(dict.fromkeys((route[0], route[-1]) for route in routes))
    for start, end in ends:
        here = np.array([route[0] == start and route[-1] == end for route in routes])
        stops = np.array([len(route) > 2 for route in routes])
        if (here & stops).sum() > 1:
            rows.append(("all indirect", start, end))
            chosen.append((here & stops)[None].astype(float))
        if (here & stops).any():
            rows.append(("total", start, end))
            chosen.append(here[None].astype(float))
    return rows, np.vstack(chosen)
