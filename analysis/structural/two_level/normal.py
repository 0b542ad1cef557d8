"""The likelihood of clusters with complete rows, its derivatives and the scores of clusters.

With v_ij = u_j + e_ij, cov(e) = Sigma_w, cov(u) = Sigma_b and n_j rows, the deviations from a cluster's mean
tell of Sigma_w alone, and the mean m_j (variables between clusters beside it) has covariance
V_n = Sigma_b + Sigma_w / n: a cluster adds

    (n - 1) log|Sigma_w| + tr(Sigma_w^-1 S_j) + log|V_n| + (m_j - mu)' V_n^-1 (m_j - mu)

to minus twice the log-likelihood. Clusters of one size share V_n, so that they enter as one group of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.structural.estimation.fiml import Swept, summed_curvature, summed_curvatures, summed_slopes
from analysis.structural.estimation.ram import (
    Array,
    GroupModel,
    Ints,
    State,
    curvature,
    evaluate,
    gradient,
    jacobian,
    vech_places,
)
from analysis.structural.two_level.data import ClusterSample, LevelPlaces

LOG_2_PI = float(np.log(2.0 * np.pi))


def spread_square(matrix: Array, places: Ints, size: int) -> Array:
    """Put a matrix of one level among all variables."""
    full = np.zeros((size, size))
    full[np.ix_(places, places)] = matrix
    return full


def spread_vector(vector: Array, places: Ints, size: int) -> Array:
    """Put a vector of one level among all variables."""
    full = np.zeros(size)
    full[places] = vector
    return full


def vech_rows(places: Ints, size: int) -> Ints:
    """Rows, in vech of all variables, of vech of one level."""
    return _vech_rows(tuple(places.tolist()), size)


@cache
def _vech_rows(chosen: tuple[int, ...], size: int) -> Ints:
    places = np.array(chosen, dtype=np.int64)
    row, column = vech_places(size)
    at = np.zeros((size, size), dtype=np.int64)
    at[row, column] = at[column, row] = np.arange(len(row))
    own_row, own_column = vech_places(len(places))
    return np.asarray(at[places[own_row], places[own_column]])


@dataclass(frozen=True, slots=True)
class LevelMoments:
    """Implied moments of both levels."""

    mu: Array  # of all variables
    sigma_within: Array  # (p_w, p_w)
    sigma_between: Array  # (p_b, p_b)


def join_moments(within: State, between: State, places: LevelPlaces) -> LevelMoments:
    """Join the implied moments of both levels."""
    p = places.n_variables
    mu = spread_vector(within.mu, places.within, p) + spread_vector(between.mu, places.between, p)
    return LevelMoments(mu, within.sigma, between.sigma)


@dataclass(frozen=True, slots=True)
class Point:
    """Everything the derivatives of one group need at given moments."""

    within: Swept  # one pattern, in the variables within
    between: Swept  # one pattern for each size of cluster, in all variables
    counts: Array  # clusters of each size
    loss: float  # minus twice the log-likelihood without its constant


def point_at(sample: ClusterSample, moments: LevelMoments) -> Point | None:
    """Invert the covariances at given moments; None where one is not positive definite."""
    places, p = sample.places, sample.places.n_variables
    between = spread_square(moments.sigma_between, places.between, p)
    within = spread_square(moments.sigma_within, places.within, p)
    stacked = between + within / sample.sizes[:, None, None]
    try:
        factor = np.linalg.cholesky(stacked)
        factor_within = np.linalg.cholesky(moments.sigma_within)
        inverse, inverse_within = np.linalg.inv(stacked), np.linalg.inv(moments.sigma_within)
    except np.linalg.LinAlgError:
        return None
    log_det = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    log_det_within = 2.0 * float(np.log(np.diag(factor_within)).sum())
    counts = sample.counts
    distance = sample.size_means - moments.mu
    target = sample.size_covariances + distance[:, :, None] * distance[:, None, :]
    free = sample.n_rows - sample.n_clusters
    loss = counts @ (log_det + np.einsum("kij,kij->k", inverse, target))
    loss += free * log_det_within + np.sum(inverse_within * sample.whole_scatter)
    alone = Swept(
        inverse_within[None],
        np.zeros((1, len(inverse_within))),
        np.array([log_det_within]),
        sample.pooled[None],
    )
    return Point(alone, Swept(inverse, distance, log_det, target), counts, float(loss))


def constant_of(sample: ClusterSample) -> float:
    """The part of minus twice the log-likelihood that no parameter moves."""
    n_within = len(sample.places.within)
    only_between = sample.places.n_variables - n_within
    entries = sample.n_rows * n_within + sample.n_clusters * only_between
    return float(entries * LOG_2_PI + n_within * np.log(sample.size).sum())


@dataclass(frozen=True, slots=True)
class MomentSlopes:
    """First derivatives of a loss by the moments of both levels."""

    sigma_within: Array
    sigma_between: Array
    mu: Array


def slopes_at(sample: ClusterSample, point: Point) -> MomentSlopes:
    """Differentiate minus twice the log-likelihood by the moments."""
    places = sample.places
    by_between, by_mu = summed_slopes(point.counts, point.between)
    by_within, _ = summed_slopes(point.counts / sample.sizes, point.between)
    alone, _ = summed_slopes(np.array([float(sample.n_rows - sample.n_clusters)]), point.within)
    return MomentSlopes(
        by_within[np.ix_(places.within, places.within)] + alone,
        by_between[np.ix_(places.between, places.between)],
        by_mu,
    )


@dataclass(frozen=True, slots=True)
class MomentJacobian:
    """Derivatives of the moments of all variables by the parameters: mu, vech of each level."""

    mu: Array
    within: Array
    between: Array
    own_within: Array  # vech Sigma_w in the variables within only


def moment_jacobian(
    places: LevelPlaces, within: GroupModel, between: GroupModel, states: tuple[State, State], n_free: int
) -> MomentJacobian:
    """Put the derivatives of both levels among all variables."""
    p = places.n_variables
    found: list[Array] = []
    mu = np.zeros((p, n_free))
    own: Array = np.zeros((0, n_free))
    for model, state, at in zip((within, between), states, (places.within, places.between), strict=True):
        by_sigma, by_mu = jacobian(model, state, n_free)
        mu[at] += by_mu
        full = np.zeros((p * (p + 1) // 2, n_free))
        full[vech_rows(at, p)] = by_sigma
        found.append(full)
        own = by_sigma if model is within else own
    return MomentJacobian(mu, found[0], found[1], own)


def curvature_at(sample: ClusterSample, point: Point, by: MomentJacobian, *, observed: bool) -> Array:
    """Second derivatives of minus twice the log-likelihood, as far as moments are linear in parameters."""
    p = sample.places.n_variables
    weights = point.counts / sample.sizes ** np.arange(3)[:, None]
    pieces = summed_curvatures(weights, point.between, observed=observed)
    result = np.asarray(by.mu.T @ pieces[0][:p, :p] @ by.mu)
    cross = by.mu.T @ (pieces[0][:p, p:] @ by.between + pieces[1][:p, p:] @ by.within)
    mixed = by.within.T @ pieces[1][p:, p:] @ by.between
    result += cross + cross.T + mixed + mixed.T
    result += by.between.T @ pieces[0][p:, p:] @ by.between + by.within.T @ pieces[2][p:, p:] @ by.within
    free = np.array([float(sample.n_rows - sample.n_clusters)])
    p_within = len(sample.places.within)
    alone = summed_curvature(free, point.within, observed=observed)[p_within:, p_within:]
    return np.asarray(result + by.own_within.T @ alone @ by.own_within)


def cluster_scores(sample: ClusterSample, point: Point, moments: LevelMoments, by: MomentJacobian) -> Array:
    """Scores of clusters (derivatives of the log-likelihood) by the parameters, shape (J, q)."""
    p, member = sample.places.n_variables, sample.member
    row, column = vech_places(p)
    twice = np.where(row == column, 0.5, 1.0)
    inverse = point.between.inverse[member]
    pulled = np.einsum("jab,jb->ja", inverse, sample.means - moments.mu)
    by_between = (pulled[:, row] * pulled[:, column] - inverse[:, row, column]) * twice
    own = point.within.inverse[0]
    free = sample.size - 1.0
    inner = own @ sample.scatter @ own - free[:, None, None] * own
    own_row, own_column = vech_places(len(own))
    by_own = inner[:, own_row, own_column] * np.where(own_row == own_column, 0.5, 1.0)
    return np.asarray(
        pulled @ by.mu
        + by_between @ by.between
        + (by_between / sample.size[:, None]) @ by.within
        + by_own @ by.own_within
    )


@dataclass(slots=True)
class TwoLevelDiscrepancy:
    """Minus twice the log-likelihood per row of one group of clusters, without its constant.

    Attributes
    ----------
    within, between
        Models of both levels.
    sample
        The clusters.
    n_free
        Length of the parameter vector.
    """

    within: GroupModel
    between: GroupModel
    sample: ClusterSample
    n_free: int
    _key: bytes = b""
    _kept: tuple[tuple[State, State], LevelMoments, Point | None] | None = None
    _slopes: MomentSlopes | None = None
    _constant: MomentJacobian | None = None

    def at(self, x: Array) -> tuple[tuple[State, State], LevelMoments, Point | None]:
        """Moments and inverses, kept until another x is asked for."""
        key = x.tobytes()
        if self._kept is None or key != self._key:
            states = evaluate(self.within, x), evaluate(self.between, x)
            moments = join_moments(*states, self.sample.places)
            self._kept, self._key = (states, moments, point_at(self.sample, moments)), key
            self._slopes = None
        return self._kept

    def _slopes_at(self, point: Point) -> MomentSlopes:
        """Slopes at the point that is kept."""
        if self._slopes is None:
            self._slopes = slopes_at(self.sample, point)
        return self._slopes

    def value(self, x: Array) -> float:
        """Loss of a row; infinite where a covariance is not positive definite."""
        point = self.at(x)[2]
        return float("inf") if point is None else point.loss / self.sample.n_rows

    def gradient(self, x: Array) -> Array:
        """First derivatives."""
        states, _, point = self.at(x)
        by, places = self._slopes_at(_inside(point)), self.sample.places
        result = gradient(self.within, states[0], by.sigma_within, by.mu[places.within], self.n_free)
        result += gradient(self.between, states[1], by.sigma_between, by.mu[places.between], self.n_free)
        return result / self.sample.n_rows

    def expected(self, x: Array) -> Array:
        """Second derivatives expected for the sizes of cluster at hand."""
        point = _inside(self.at(x)[2])
        return curvature_at(self.sample, point, self._jacobian(x), observed=False) / self.sample.n_rows

    def observed(self, x: Array) -> Array:
        """Observed second derivatives."""
        states, _, point = self.at(x)
        result = curvature_at(self.sample, _inside(point), self._jacobian(x), observed=True)
        by, places = self._slopes_at(_inside(point)), self.sample.places
        result += curvature(self.within, states[0], by.sigma_within, by.mu[places.within], self.n_free)
        result += curvature(self.between, states[1], by.sigma_between, by.mu[places.between], self.n_free)
        return result / self.sample.n_rows

    def scores(self, x: Array) -> Array:
        """Derivatives of the log-likelihood of every cluster, shape (J, q)."""
        _, moments, point = self.at(x)
        return cluster_scores(self.sample, _inside(point), moments, self._jacobian(x))

    def for_search(self) -> TwoLevelDiscrepancy:
        """The same: its second derivatives are cheap."""
        return self

    def _jacobian(self, x: Array) -> MomentJacobian:
        if self._constant is not None:
            return self._constant
        states = self.at(x)[0]
        found = moment_jacobian(self.sample.places, self.within, self.between, states, self.n_free)
        if not len(self.within.free_directed.index) + len(self.between.free_directed.index):
            self._constant = found  # moments are linear in the parameters
        return found


def _inside(point: Point | None) -> Point:
    if point is None:
        raise np.linalg.LinAlgError("implied covariance is not positive definite")
    return point
