"""Rotation from many starting positions: the lowest minimum is kept, and how many starts agree."""

from __future__ import annotations

import numpy as np

from analysis.factors.criteria import Criterion
from analysis.factors.descent import Descent, descend
from analysis.factors.pattern import Array, Pattern, unrotated
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, warn_user

STARTS = 10
SAME_MINIMUM = 1e-7
FLAT = 1e-5


def _starting_positions(n_factors: int, random_starts: int, seed: int) -> Array:
    """Give the identity and then random orthogonal matrices."""
    rng = np.random.default_rng(seed)
    turns = [np.eye(n_factors)]
    for _ in range(random_starts):
        q, r = np.linalg.qr(rng.standard_normal((n_factors, n_factors)))
        turns.append(q * np.where(np.diag(r) < 0, -1.0, 1.0))  # uniform over all rotations
    return np.stack(turns)


def _best(found: Descent) -> tuple[int, int]:
    """Give the position of the lowest minimum (the earliest among equals) and how many starts agree."""
    margin = SAME_MINIMUM * max(1.0, abs(float(found.values.min())))
    reached = found.values <= found.values.min() + margin
    return int(reached.argmax()), int(reached.sum())


def from_many_starts(
    name: str,
    loadings: Array,
    criterion: Criterion,
    *,
    oblique: bool,
    normalize: bool,
    random_starts: int,
    seed: int,
) -> Pattern:
    """Rotate by gradient projection and keep the lowest of all minima.

    Parameters
    ----------
    name
        Function that messages name.
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    criterion
        What is made small.
    oblique
        Whether factors may correlate.
    normalize
        Kaiser's weighting.
    random_starts, seed
        Random positions beside the identity.

    Returns
    -------
    Pattern
        The best solution; of equals, the one reached from the earliest start.

    Raises
    ------
    DefinitionError
        For loadings that are not numbers.
    NotEstimableError
        When the slope does not vanish.
    """
    loadings = np.asarray(loadings, dtype=float)
    if loadings.ndim != 2 or not np.isfinite(loadings).all():
        fact = "loadings must be a matrix of finite numbers."
        raise DefinitionError(fact_and_hint(name, fact, "give items by factors, as extraction returns them."))
    if loadings.shape[1] == 1:
        return unrotated(loadings)
    lengths = np.linalg.norm(loadings, axis=1) if normalize else np.ones(len(loadings))
    lengths = np.where(lengths > 0, lengths, 1.0)[:, None]
    positions = _starting_positions(loadings.shape[1], random_starts, seed)
    found = descend(loadings / lengths, positions, criterion, oblique=oblique)
    best, agreeing = _best(found)
    if not found.slopes[best] <= FLAT:
        fact = (
            f"the slope of the criterion is still {found.slopes[best]:.1e} after {found.n_iter} iterations."
        )
        raise NotEstimableError(
            fact_and_hint(name, fact, "extract fewer factors or choose another rotation.")
        )
    turn = found.rotations[best]
    return Pattern(
        loadings=found.loadings[best] * lengths,
        factor_correlations=unit_diagonal(turn.T @ turn) if oblique else np.eye(len(turn)),
        rotation=turn,
        criterion=float(found.values[best]),
        starts=len(positions),
        agreeing=agreeing,
    )


def warn_lonely(pattern: Pattern, method: str, caller: str) -> None:
    """Warn where only one of several starts reached the lowest minimum.

    Parameters
    ----------
    pattern
        The rotated loadings.
    method, caller
        The rotation, and the function named in the message.
    """
    if pattern.starts > 1 and pattern.agreeing == 1:
        fact = f"{method} reached its lowest minimum from 1 of {pattern.starts} starts: others may lie lower."
        hint = "raise random_starts, or extract fewer factors."
        warn_user(fact_and_hint(caller, fact, hint))


def unit_diagonal(correlations: Array) -> Array:
    """Remove rounding from a matrix of correlations.

    Parameters
    ----------
    correlations : ndarray, shape (n_factors, n_factors)
        Nearly symmetric with nearly unit diagonal.

    Returns
    -------
    ndarray, shape (n_factors, n_factors)
        Exactly so.
    """
    even = (correlations + correlations.T) / 2
    np.fill_diagonal(even, 1.0)
    return np.asarray(even)
