"""The likelihood of clusters whose rows have missing answers, with derivatives and scores of clusters.

Row i of cluster j tells of its observed variables: with P_i the inverse of the observed part of Sigma_w, zero
elsewhere, the rows of a cluster enter by A_j = sum P_i and b_j = sum P_i r_i in the variables of both levels.
Given the variables between alone, u_j has mean alpha_j and covariance Sigma_u, and a cluster adds

    sum log|Sigma_w,i| + log|I + Sigma_u A_j| + sum r_i' P_i r_i - b_j' C_j b_j

to minus twice the log-likelihood, r_i the deviation from the mean given alpha_j, and
C_j = (I + Sigma_u A_j)^-1 Sigma_u the posterior covariance of u_j.
Rows of one cluster and one pattern of missing answers enter together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.structural.estimation.fiml import Swept
from analysis.structural.estimation.ram import (
    Array,
    GroupModel,
    Ints,
    State,
    evaluate,
    gradient,
    jacobian,
    vech_places,
)
from analysis.structural.two_level.data import ClusterSample, LevelPlaces, cluster_sample
from analysis.structural.two_level.normal import LOG_2_PI, Point, curvature_at, moment_jacobian, spread_square

KEPT = 0.2  # second derivatives are made anew where the gradient has not fallen to this share
LEAST_SHARE = 0.1  # of the variance within a mean: the least that a mean of complete rows is given
STEP = 1e-4  # of a parameter, in the numerical derivative of the analytic gradient


@dataclass(frozen=True, slots=True)
class _Roles:
    """Where variables of both levels stand within and between, and those between alone."""

    in_within: Ints
    in_between: Ints
    alone: Ints


@dataclass(frozen=True, slots=True, repr=False)
class IncompleteSample:
    """One group of clusters with missing answers.

    Attributes
    ----------
    places
        Variables of both levels.
    values
        Rows, shape (N, p), NaN for missing; sorted by cluster.
    cluster
        Cluster of each row.
    observed
        Patterns of the variables within, shape (K, p_w) of 0 and 1.
    pattern
        Pattern of each row.
    cell_cluster, cell_pattern, cell_n, cell_mean
        Rows of one cluster and pattern: their number and means (zero where missing), shape (C, p_w).
    scatter
        Sums of products about the means of cells, by pattern, shape (K, p_w, p_w).
    between
        Values of the variables between alone, shape (J, p_z), zero where missing.
    between_observed, between_pattern
        Their patterns, and which each cluster has.
    shape
        Clusters as if no answer were missing; only sizes are used.
    roles
        Where variables of both levels, and those between alone, stand.
    """

    places: LevelPlaces
    values: Array
    cluster: Ints
    observed: Array
    pattern: Ints
    cell_cluster: Ints
    cell_pattern: Ints
    cell_n: Array
    cell_mean: Array
    scatter: Array
    between: Array
    between_observed: Array
    between_pattern: Ints
    shape: ClusterSample
    roles: _Roles

    @property
    def n_rows(self) -> int:
        """Rows."""
        return len(self.values)

    @property
    def n_clusters(self) -> int:
        """Clusters."""
        return len(self.between)


def incomplete_sample(values: Array, clusters: Ints, places: LevelPlaces) -> IncompleteSample:
    """Sort rows into cells of one cluster and one pattern of missing answers.

    Parameters
    ----------
    values
        Shape (N, p), NaN for missing; each row has an answer within.
    clusters
        Codes 0, 1, …, shape (N,).
    places
        Variables of both levels.
    """
    order = np.argsort(clusters, kind="stable")
    values, clusters = values[order], clusters[order]
    within = values[:, places.within]
    observed, pattern = np.unique(~np.isnan(within), axis=0, return_inverse=True)
    pattern = pattern.ravel()
    keys, cell = np.unique(clusters * len(observed) + pattern, return_inverse=True)
    cell = cell.ravel()
    n = np.bincount(cell).astype(float)
    filled = np.where(np.isnan(within), 0.0, within)
    mean = np.zeros((len(n), within.shape[1]))
    np.add.at(mean, cell, filled)
    mean /= n[:, None]
    deviation = filled - mean[cell]
    scatter = np.zeros((len(observed), within.shape[1], within.shape[1]))
    for k in range(len(observed)):
        rows = deviation[pattern == k]
        scatter[k] = rows.T @ rows
    alone = np.setdiff1d(places.between, places.within)
    between = _first_answers(values[:, alone], clusters)
    seen, kind = np.unique(~np.isnan(between), axis=0, return_inverse=True)
    return IncompleteSample(
        places=places,
        values=values,
        cluster=clusters,
        observed=observed.astype(float),
        pattern=pattern,
        cell_cluster=keys // len(observed),
        cell_pattern=keys % len(observed),
        cell_n=n,
        cell_mean=mean,
        scatter=scatter,
        between=np.where(np.isnan(between), 0.0, between),
        between_observed=seen.astype(float),
        between_pattern=kind.ravel(),
        shape=cluster_sample(_filled(values, clusters), clusters, places),
        roles=_roles(places),
    )


def _first_answers(values: Array, clusters: Ints) -> Array:
    """Give the value of each cluster, which its rows share as far as they have one."""
    found = np.full((int(clusters.max()) + 1, values.shape[1]), -np.inf)
    np.maximum.at(found, clusters, np.where(np.isnan(values), -np.inf, values))
    return np.where(np.isinf(found), np.nan, found)


def _filled(values: Array, clusters: Ints) -> Array:
    """Put the mean of the cluster, or of all, for what is missing: a start needs no more."""
    seen = ~np.isnan(values)
    count = np.zeros((int(clusters.max()) + 1, values.shape[1]))
    total = np.zeros_like(count)
    np.add.at(count, clusters, seen)
    np.add.at(total, clusters, np.where(seen, values, 0.0))
    own = np.where(count > 0, total / np.maximum(count, 1.0), np.nanmean(values, axis=0))
    return np.where(seen, values, own[clusters])


@dataclass(frozen=True, slots=True)
class IncompletePoint:
    """What the derivatives need at given moments."""

    inverse: Array  # P of every pattern, (K, p_w, p_w)
    posterior: Array  # C of every cluster, (J, p_y, p_y)
    shift: Array  # posterior mean of u less alpha, (J, p_y)
    mean: Array  # mean within of each cluster given alpha, (J, p_w)
    precision: Array  # L'KL in the variables between, (J, p_b, p_b)
    pull: Array  # L'rho, (J, p_b)
    loss: float


def _roles(places: LevelPlaces) -> _Roles:
    both = np.intersect1d(places.within, places.between)
    at_within = {int(v): k for k, v in enumerate(places.within)}
    at_between = {int(v): k for k, v in enumerate(places.between)}
    alone = np.setdiff1d(places.between, places.within)
    return _Roles(
        np.array([at_within[int(v)] for v in both]),
        np.array([at_between[int(v)] for v in both]),
        np.array([at_between[int(v)] for v in alone], dtype=np.int64),
    )


def _padded_inverses(covariance: Array, observed: Array) -> tuple[Array, Array] | None:
    """Inverse and log determinant of the observed part for every pattern; None if not positive definite."""
    p = len(covariance)
    padded = covariance * (observed[:, :, None] * observed[:, None, :])
    padded[:, np.arange(p), np.arange(p)] += 1.0 - observed
    try:
        factor = np.linalg.cholesky(padded)
    except np.linalg.LinAlgError:
        return None
    inverse = np.linalg.inv(padded)
    inverse[:, np.arange(p), np.arange(p)] -= 1.0 - observed
    return inverse, 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)


def _proper(own: Array, information: Array) -> bool:
    """Whether I + A^(1/2)' Sigma_u A^(1/2) is positive definite in every cluster: a determinant tells not."""
    size = information.shape[1]
    ridge = 1e-10 * np.trace(information, axis1=1, axis2=2)[:, None, None] * np.eye(size)
    try:
        root = np.linalg.cholesky(information + ridge)
        np.linalg.cholesky(np.eye(size) + np.swapaxes(root, 1, 2) @ own @ root)
    except np.linalg.LinAlgError:
        return False
    return True


def incomplete_point(sample: IncompleteSample, within: State, between: State) -> IncompletePoint | None:
    """Evaluate the likelihood; None where a covariance is not positive definite."""
    roles = sample.roles
    y, z = roles.in_between, roles.alone
    found = _padded_inverses(within.sigma, sample.observed)
    outer = _padded_inverses(between.sigma[np.ix_(z, z)], sample.between_observed)
    if found is None or outer is None:
        return None
    inverse, log_det = found
    inverse_z, log_det_z = outer
    slope = between.sigma[np.ix_(y, z)] @ inverse_z  # B of every pattern of z
    own = between.sigma[np.ix_(y, y)] - slope @ between.sigma[np.ix_(z, y)]
    kind = sample.between_pattern
    gap_z = (sample.between - between.mu[z]) * sample.between_observed[kind]
    scaled_z = np.einsum("jab,jb->ja", inverse_z[kind], gap_z)
    alpha = between.mu[y] + np.einsum("jab,jb->ja", slope[kind], gap_z)
    mean = np.tile(within.mu, (sample.n_clusters, 1))
    mean[:, roles.in_within] += alpha
    gap = (sample.cell_mean - mean[sample.cell_cluster]) * sample.observed[sample.cell_pattern]
    pulled = np.einsum("cab,cb->ca", inverse[sample.cell_pattern], gap)
    counts = np.zeros((sample.n_clusters, len(inverse)))
    counts[sample.cell_cluster, sample.cell_pattern] = sample.cell_n
    p_within = inverse.shape[1]
    at = np.ix_(roles.in_within, roles.in_within)
    of_rows = (counts @ inverse.reshape(len(inverse), -1)).reshape(-1, p_within, p_within)
    information = of_rows[:, at[0], at[1]]
    toward = np.zeros((sample.n_clusters, p_within))
    np.add.at(toward, sample.cell_cluster, sample.cell_n[:, None] * pulled)
    toward = toward[:, roles.in_within]
    widened = np.eye(len(y)) + own[kind] @ information
    if not _proper(own[kind], information):
        return None
    log_det_u = np.linalg.slogdet(widened)[1]
    posterior = np.linalg.solve(widened, own[kind])
    posterior = (posterior + np.swapaxes(posterior, 1, 2)) / 2
    shift = np.einsum("jab,jb->ja", posterior, toward)
    loss = float(counts.sum(axis=0) @ log_det + np.sum(inverse * sample.scatter) + log_det_u.sum())
    loss += float(sample.cell_n @ np.einsum("ca,ca->c", gap, pulled) - np.sum(toward * shift))
    loss += float(log_det_z[kind].sum() + np.sum(gap_z * scaled_z))
    held = information - information @ posterior @ information
    left = toward - np.einsum("jab,jb->ja", information, shift)
    size = len(between.mu)
    precision, pull = np.zeros((sample.n_clusters, size, size)), np.zeros((sample.n_clusters, size))
    turned = -np.swapaxes(slope[kind], 1, 2)  # -B'
    precision[:, y[:, None], y] = held
    precision[:, z[:, None], y] = turned @ held
    precision[:, y[:, None], z] = np.swapaxes(turned @ held, 1, 2)
    precision[:, z[:, None], z] = inverse_z[kind] + turned @ held @ np.swapaxes(turned, 1, 2)
    pull[:, y] = left
    pull[:, z] = scaled_z + np.einsum("jab,jb->ja", turned, left)
    return IncompletePoint(inverse, posterior, shift, mean, precision, pull, loss)


@dataclass(slots=True)
class IncompleteDiscrepancy:
    """Minus twice the log-likelihood per row of one group of clusters with missing answers.

    Attributes
    ----------
    within, between
        Models of both levels.
    sample
        The clusters.
    n_free
        Length of the parameter vector.
    searching
        Whether second derivatives are needed for the search only: they are kept as long as they bring the
        gradient down.
    """

    within: GroupModel
    between: GroupModel
    sample: IncompleteSample
    n_free: int
    searching: bool = False
    _key: bytes = b""
    _kept: tuple[State, State, IncompletePoint | None] | None = None
    _second: tuple[Array, float] | None = None  # second derivatives, and the gradient where last used

    def for_search(self) -> IncompleteDiscrepancy:
        """The same with second derivatives for a search."""
        return replace(self, searching=True, _key=b"", _kept=None, _second=None)

    def at(self, x: Array) -> tuple[State, State, IncompletePoint | None]:
        """Moments and everything derivatives need, kept until another x is asked for."""
        key = x.tobytes()
        if self._kept is None or key != self._key:
            within, between = evaluate(self.within, x), evaluate(self.between, x)
            self._kept, self._key = (within, between, incomplete_point(self.sample, within, between)), key
        return self._kept

    def value(self, x: Array) -> float:
        """Loss of a row; infinite where a covariance is not positive definite."""
        point = self.at(x)[2]
        return float("inf") if point is None else point.loss / self.sample.n_rows

    def _inside(self, x: Array) -> tuple[State, State, IncompletePoint]:
        within, between, point = self.at(x)
        if point is None:
            raise np.linalg.LinAlgError("implied covariance is not positive definite")
        return within, between, point

    def gradient(self, x: Array) -> Array:
        """First derivatives."""
        within, between, point = self._inside(x)
        sample, roles = self.sample, self.sample.roles
        by_between = point.precision.sum(axis=0) - point.pull.T @ point.pull
        centre = point.mean.copy()
        centre[:, roles.in_within] += point.shift
        gap = (sample.cell_mean - centre[sample.cell_cluster]) * sample.observed[sample.cell_pattern]
        pulled = np.einsum("cab,cb->ca", point.inverse[sample.cell_pattern], gap)
        weighted = sample.cell_n[:, None] * pulled
        inverse = point.inverse
        counts = np.bincount(sample.pattern, minlength=len(inverse)).astype(float)
        by_within = np.tensordot(counts, inverse, axes=1) - weighted.T @ pulled
        spread = sample.scatter.copy()
        posterior = np.zeros((len(inverse), len(roles.in_within), len(roles.in_within)))
        np.add.at(
            posterior,
            sample.cell_pattern,
            sample.cell_n[:, None, None] * point.posterior[sample.cell_cluster],
        )
        spread[:, roles.in_within[:, None], roles.in_within] += posterior
        by_within -= np.sum(inverse @ spread @ inverse, axis=0)
        result = gradient(self.within, within, by_within, -2.0 * weighted.sum(axis=0), self.n_free)
        result += gradient(self.between, between, by_between, -2.0 * point.pull.sum(axis=0), self.n_free)
        return result / sample.n_rows

    def expected(self, x: Array) -> Array:
        """Second derivatives expected of the same clusters with complete rows, of proper covariances."""
        within, between, _ = self._inside(x)
        shape, p = self.sample.shape, self.sample.places.n_variables
        stacked = spread_square(between.sigma, shape.places.between, p)
        alone = spread_square(within.sigma, shape.places.within, p)
        least = LEAST_SHARE * float(np.linalg.eigvalsh(within.sigma)[0]) / shape.sizes
        roots, vectors = np.linalg.eigh(stacked + alone / shape.sizes[:, None, None])
        roots = np.maximum(roots, least[:, None])  # complete rows would leave less room for negative ones
        inverse = (vectors / roots[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        counts = shape.counts
        empty = np.zeros((len(counts), p))
        own = np.linalg.inv(within.sigma)
        point = Point(
            Swept(own[None], np.zeros((1, len(own))), np.zeros(1), within.sigma[None]),
            Swept(inverse, empty, np.zeros(len(counts)), inverse),
            counts,
            0.0,
        )
        by = moment_jacobian(shape.places, self.within, self.between, (within, between), self.n_free)
        return curvature_at(shape, point, by, observed=False) / self.sample.n_rows

    def observed(self, x: Array) -> Array:
        """Observed second derivatives: central differences of the gradient."""
        if not self.searching:
            return self._differences(x)
        size = float(np.max(np.abs(self.gradient(x)), initial=0.0))
        if self._second is None or size > KEPT * self._second[1]:
            self._second = self._differences(x), size
        else:
            self._second = self._second[0], size
        return self._second[0]

    def _differences(self, x: Array) -> Array:
        """Central differences of the gradient, with smaller steps where these would leave the domain."""
        result = np.empty((self.n_free, self.n_free))
        here = self.gradient(x) if self.searching else None  # one side will do for a search
        away = IncompleteDiscrepancy(self.within, self.between, self.sample, self.n_free)
        for k in range(self.n_free):
            unit = np.zeros(self.n_free)
            unit[k] = STEP * max(1.0, abs(x[k]))
            if here is not None:
                unit[k] /= 100.0
                side = unit if np.isfinite(away.value(x + unit)) else -unit
                if np.isfinite(away.value(x + side)):
                    result[k] = (away.gradient(x + side) - here) / side[k]
                    continue
            while not np.isfinite([away.value(x + unit), away.value(x - unit)]).all() and unit[k] > 1e-9:
                unit /= 10.0
            result[k] = (away.gradient(x + unit) - away.gradient(x - unit)) / (2.0 * unit[k])
        return (result + result.T) / 2

    def scores(self, x: Array) -> Array:
        """Derivatives of the log-likelihood of every cluster, shape (J, q)."""
        within, between, point = self._inside(x)
        sample, roles = self.sample, self.sample.roles
        centre = point.mean.copy()
        centre[:, roles.in_within] += point.shift
        rows = sample.values[:, sample.places.within]
        gap = np.where(np.isnan(rows), 0.0, rows - centre[sample.cluster])
        pulled = np.einsum("iab,ib->ia", point.inverse[sample.pattern], gap)
        row, column = vech_places(rows.shape[1])
        starts = np.concatenate([[0], np.flatnonzero(np.diff(sample.cluster)) + 1])
        outer = np.add.reduceat(pulled[:, row] * pulled[:, column], starts, axis=0)
        at = np.ix_(np.arange(rows.shape[1]), roles.in_within)
        toward = point.inverse[:, at[0], at[1]]  # P E
        cells = toward[sample.cell_pattern]
        through = cells @ point.posterior[sample.cell_cluster] @ np.swapaxes(cells, 1, 2)
        kept = sample.cell_n[:, None, None] * (point.inverse[sample.cell_pattern] - through)
        held = np.zeros((sample.n_clusters, rows.shape[1], rows.shape[1]))
        np.add.at(held, sample.cell_cluster, kept)
        by_within = (outer - held[:, row, column]) * np.where(row == column, 0.5, 1.0)
        b_row, b_column = vech_places(len(between.mu))
        by_between = point.pull[:, b_row] * point.pull[:, b_column] - point.precision[:, b_row, b_column]
        by_between *= np.where(b_row == b_column, 0.5, 1.0)
        sigma_within, mu_within = jacobian(self.within, within, self.n_free)
        sigma_between, mu_between = jacobian(self.between, between, self.n_free)
        means = np.add.reduceat(pulled, starts, axis=0)
        return np.asarray(
            by_within @ sigma_within
            + means @ mu_within
            + by_between @ sigma_between
            + point.pull @ mu_between
        )


def constant_of(sample: IncompleteSample) -> float:
    """The part of minus twice the log-likelihood that no parameter moves."""
    entries = sample.observed[sample.pattern].sum() + sample.between_observed[sample.between_pattern].sum()
    return float(entries * LOG_2_PI)
