"""Where to evaluate a pair of ordinal items of clustered rows: points of both parts between, and terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.ordinal_items import NEAR

EDGE_WITHIN, EDGE_BETWEEN = 0.98, 0.99  # largest correlations: series and grid grow without limit beyond
ROOM = 0.15  # how far a correlation within (z-transformed) may move before all is planned anew


@dataclass(frozen=True, slots=True)
class Care:
    """How much a plan may miss."""

    nodes: int  # least points of a Gauss-Hermite rule
    bent: float  # further points for each unit of skewness of a posterior
    left: float  # what a rule may miss of a pair of correlated normal variables
    tail: float  # power of the correlation at which the series ends
    room: tuple[float, float]  # how far correlations (z-transformed) may move before all is planned anew
    settled: float  # gain in log-likelihood at which a search ends


FINE = Care(8, 22.0, 1e-7, 1e-8, (0.03, 0.1), 1e-11)  # to settle on
COARSE = Care(5, 0.0, 1e-3, 1e-3, (0.15, 0.3), NEAR)  # to come near with
STRAIGHT = 0.15  # skewness for which the least points are enough
MOST_NODES = 40  # beyond, evenly spaced points need fewer
AROUND, ALIASED = 7.5, 36.0  # deviations that these cover; twice the exponent of what they may miss


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where one standardised part between is likely to be, given one item's answers; (J,) each."""

    mean: Array
    deviation: Array
    skewness: float = 0.0  # the largest


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Points of both standardised parts between of every cluster, and terms of the series."""

    points: tuple[Array, Array]  # (J, n) each
    measure: tuple[Array, Array]  # logarithm of the length that a point stands for, (J, n) each
    terms: int
    most: Array  # correlations within and between up to which they are close enough

    def log_weights(self, r: float, clusters: Ints) -> tuple[Array, Array]:
        """Logarithms of the weights of all pairs of points of some clusters, and their derivative by r."""
        one, two = self.points[0][clusters, :, None], self.points[1][clusters, None, :]
        length = self.measure[0][clusters, :, None] + self.measure[1][clusters, None, :]
        left = 1.0 - r * r
        product, squares = one * two, one * one + two * two
        weights = (r * product - 0.5 * squares) / left - np.log(2.0 * np.pi * np.sqrt(left)) + length
        return weights, ((1.0 + r * r) * product - r * squares) / left**2 + r / left


@dataclass(frozen=True, slots=True, eq=False)
class _LinePlan(Plan):
    """Points of the part between of the first item; the second has none."""

    def log_weights(self, r: float, clusters: Ints) -> tuple[Array, Array]:
        """Logarithms of the weights of the points of some clusters; no correlation moves them."""
        z = self.points[0][clusters]
        weights = (self.measure[0][clusters] - 0.5 * z * z - np.log(np.sqrt(2.0 * np.pi)))[:, :, None]
        return weights, np.zeros_like(weights)


def plan_line(within: float, place: Place) -> _LinePlan:
    """Centre points where the one part between is likely to be.

    Parameters
    ----------
    within
        Correlation within that is expected.
    place
        Where the part is likely to be.
    """
    most = min(float(np.tanh(np.arctanh(abs(within)) + ROOM)), EDGE_WITHIN)
    points, measure = _hermite(place.mean, place.deviation, _nodes((place,), FINE))
    nothing = np.zeros((len(points), 1))
    return _LinePlan((points, nothing), (measure, nothing), _terms(most, FINE), np.array([most, 0.0]))


def plan_points(within: float, between: float, places: tuple[Place, Place], care: Care = FINE) -> Plan:
    """Centre points where the part between is likely to be given the answers.

    Gauss-Hermite rules (Naylor & Smith 1982) of each part's posterior mean and deviation; what they miss
    where both parts are correlated with r falls as r^2n, and skewed posteriors ask for more points. Where
    both are correlated so highly that this takes many, points are evenly spaced: these miss exp(-2π²s²) of
    a normal density, with s its deviation in steps, along each axis and along both diagonals.

    Parameters
    ----------
    within, between
        Correlations that are expected.
    places
        Where the parts of both items are likely to be, by each item's own answers.
    care
        How much may be missed.
    """
    most = np.minimum(np.tanh(np.arctanh(np.abs([within, between])) + care.room), [EDGE_WITHIN, EDGE_BETWEEN])
    deviation = np.stack([place.deviation for place in places])
    told = np.maximum(1.0 / deviation**2 - 1.0, 0.0)  # by the answers alone
    pull = np.stack([place.mean for place in places]) / deviation**2
    (own, other, _), mean = _both_parts(told, between, pull)
    (one, two, both), _ = _both_parts(told, float(most[1]), pull)
    together = float(np.abs(both / np.sqrt(one * two)).max())
    n = _nodes(places, care)
    if together > 0.0:
        n = max(n, int(np.ceil(np.log(care.left) / (2.0 * np.log(together)))))
    if n <= MOST_NODES:
        rules = [_hermite(mean[k], np.sqrt(spread), n) for k, spread in enumerate((own, other))]
        points, measure = np.array([rule[0] for rule in rules]), np.array([rule[1] for rule in rules])
    else:
        crossing = np.sqrt(2.0 * (1.0 - both / np.sqrt(one * two)))
        step = 2.0 * np.pi / np.sqrt(ALIASED) * np.minimum(crossing, 1.0) * np.sqrt([one, two])
        half = int(np.ceil(np.max(AROUND * deviation / step)))
        way = np.arange(-half, half + 1) / half
        points = mean[:, :, None] + AROUND * deviation[:, :, None] * way
        measure = np.broadcast_to(np.log(AROUND * deviation / half)[:, :, None], points.shape)
    return Plan((points[0], points[1]), (measure[0], measure[1]), _terms(float(most[0]), care), most)


def _nodes(places: tuple[Place, ...], care: Care) -> int:
    """Points of a rule for posteriors this skewed."""
    skewness = max(place.skewness for place in places)
    return care.nodes + int(np.ceil(care.bent * max(skewness - STRAIGHT, 0.0)))


def _hermite(mean: Array, deviation: Array, n: int) -> tuple[Array, Array]:
    """Points of a Gauss-Hermite rule about means, and the logarithm of the length each stands for."""
    z, weight = np.polynomial.hermite_e.hermegauss(n)
    length = np.log(weight) + 0.5 * z * z
    return mean[:, None] + deviation[:, None] * z, np.log(deviation)[:, None] + length


def _terms(most: float, care: Care) -> int:
    """Terms of the series up to a correlation within."""
    return int(np.ceil(np.log(care.tail) / np.log(most))) + 1


def _both_parts(told: Array, r: float, pull: Array) -> tuple[tuple[Array, Array, Array], Array]:
    """Variances, covariance and means of both parts between, correlated with r, given what answers tell."""
    left = 1.0 - r * r
    first, second = told + 1.0 / left
    determinant = first * second - (r / left) ** 2
    one, two, both = second / determinant, first / determinant, r / left / determinant
    return (one, two, both), np.stack([one * pull[0] + both * pull[1], both * pull[0] + two * pull[1]])
