"""Random draws that are the same on every machine: uniforms, and what explicit formulas make of them.

Only `Generator.random` is used: its stream has not changed since NumPy introduced it, whereas the
samplers of other distributions may. Nothing here multiplies matrices, so that no linear algebra
library can change a bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Draws:
    """A stream of random numbers for one named part of a study.

    Parameters
    ----------
    seed
        Seed of the study.
    part
        Name of the part. Parts are independent: more draws in one leave the others as they were.
    """

    def __init__(self, seed: int, part: str) -> None:
        self._generator = np.random.Generator(
            np.random.PCG64(np.random.SeedSequence([seed, crc32(part.encode())]))
        )

    def uniform(self, *shape: int) -> Floats:
        """Uniform numbers in the open interval (0, 1)."""
        return np.clip(self._generator.random(shape), 1e-15, 1 - 1e-15)

    def normal(self, *shape: int) -> Floats:
        """Standard normal numbers by inversion."""
        return np.asarray(ndtri(self.uniform(*shape)))

    def happens(self, probability: float | Floats, *shape: int) -> NDArray[np.bool_]:
        """True with the given probability."""
        return np.asarray(self.uniform(*shape) < probability)

    def one_of(self, levels: Mapping[str, float], n: int) -> NDArray[np.object_]:
        """Labels with the given weights."""
        weights = np.array(list(levels.values()), dtype=float)
        edges = np.cumsum(weights / weights.sum())[:-1]
        return np.array(list(levels), dtype=object)[np.searchsorted(edges, self.uniform(n))]

    def counts(self, mean: Floats) -> Integers:
        """Poisson counts by inversion (means up to about 30)."""
        draw = self.uniform(*mean.shape)
        term = np.exp(-mean)
        below = term.copy()
        count = np.zeros(mean.shape, dtype=np.int64)
        for k in range(1, 200):
            more = draw > below
            if not more.any():
                break
            count += more
            term = term * mean / k
            below = below + term
        return count


def expit(log_odds: Floats) -> Floats:
    """Probability of a log-odds."""
    return 1.0 / (1.0 + np.exp(-log_odds))


def cut(latent: Floats, thresholds: Floats) -> Integers:
    """Category (from 0) of latent answers, shape (n,), between thresholds of shape (k,) or (n, k)."""
    return np.asarray((latent[:, None] > thresholds).sum(axis=1), dtype=np.int64)
