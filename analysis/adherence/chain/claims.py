"""What may be said of a route: whether it survives a hidden cause as strong as one that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.claims.claims import MEDIUM, MEDIUM_SHARE, Claim, Doubt, judged
from analysis.adherence.claims.hidden_cause import GRID, HiddenCause
from analysis.adherence.claims.robustness import partial_r2

Floats = NDArray[np.float64]
STEP = float(GRID[1] - GRID[0])
STEP_NOT_FOUND = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteClaim:
    """Claim of a route, its doubts, and the correlation of errors that it had to survive.

    `bound` is the largest correlation of the errors of middle and end that a hidden cause as strong as
    `cause` would make.
    """

    claim: Claim
    doubts: tuple[str, ...]
    bound: float
    cause: str


def strongest_cause(
    start: Floats, middle: Floats, end: Floats, held: Floats, causes: Mapping[str, Sequence[int]]
) -> tuple[float, str]:
    """Correlation of errors that a hidden cause as strong as a measured one would make, at most.

    Parameters
    ----------
    start, middle, end : array, shape (n,)
        Steps of a route.
    held : array, shape (n, p)
        What is held constant.
    causes
        Columns of `held` of each measured cause.

    Returns
    -------
    tuple
        Largest of the measured causes and of one of medium size (r = .3 with both), and its name.

    Notes
    -----
    A cause that explains the shares R²_M and R²_Y of what is left of middle and end makes their errors
    correlate by √(R²_M R²_Y) at most (Imai, Keele & Yamamoto 2010, doi 10.1214/10-STS321).
    """
    found = [(MEDIUM_SHARE, MEDIUM)]
    ones = np.ones((len(start), 1))
    for name, columns in causes.items():
        others = [k for k in range(held.shape[1]) if k not in columns]
        before = np.column_stack([ones, start, held[:, others]])
        own = held[:, list(columns)]
        of_middle = partial_r2(middle, own, before)
        of_end = partial_r2(end, own, np.column_stack([before, middle]))
        found.append((float(np.sqrt(of_middle * of_end)), name))
    return max(found, key=lambda one: one[0])


def route_claim(found: HiddenCause, bound: float, cause: str, doubts: Sequence[str]) -> RouteClaim:
    """Judge a route.

    Parameters
    ----------
    found
        The route under supposed correlations of errors.
    bound, cause
        From `strongest_cause`.
    doubts
        Those of the step from alliance to later use, where the route takes it; `step` where that step itself
        was not found.

    Returns
    -------
    RouteClaim
        Not found where its interval includes zero, and not to be told even so where the estimate of the step
        itself is in doubt; supported only where it does not do so at any correlation up to the bound, and
        nothing is doubted of its steps.
    """
    at_none = int(np.argmin(np.abs(found.rho)))
    if found.lower[at_none] <= 0 <= found.upper[at_none]:
        claim, kept = judged(False, [Doubt(name) for name in doubts if name in set(Doubt)])
        return RouteClaim(claim=claim, doubts=tuple(map(str, kept)), bound=bound, cause=cause)
    # The limit lies up to one step of the grid before the first point whose interval includes zero.
    survives = not abs(found.at_limit) - STEP < bound
    every = tuple(dict.fromkeys([*([] if survives else [str(Doubt.BENCHMARK)]), *map(str, doubts)]))
    claim = Claim.UNTOLD if every else Claim.SUPPORTED
    return RouteClaim(claim=claim, doubts=every, bound=bound, cause=cause)
