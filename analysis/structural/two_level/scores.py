"""Factor scores of two-level models of normal variables: expected values given all answers of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array, Ints


@dataclass(frozen=True, slots=True, eq=False)
class LevelScores:
    """Scores of one group at both levels, with their standard errors.

    Attributes
    ----------
    within, within_se
        One row for each row of data, a column for each factor of level 1.
    between, between_se
        One row for each cluster in the order of its code, a column for each factor of level 2.
    """

    within: Array
    within_se: Array
    between: Array
    between_se: Array


def linear_level_scores(fitted: Fitted, group: int) -> LevelScores:
    """Expected factors of rows and of clusters, given all answers of the cluster.

    Rows y_ij = v_j + e_ij; with P_i the inverse of the observed part of Sigma_w, A = sum P_i, b = sum P_i r_i
    and S the covariance of what stands at level 2, s = (v, factors), given variables of level 2 alone,
    E(s | y) = S H'(I + A H S H')^-1 b where H picks v; factors of a row are regressed on r_i - E(v | y).

    Parameters
    ----------
    fitted
        A two-level model by ML or MLR.
    group
        Number of the group.
    """
    table, data = fitted.table, fitted.data
    names_w, names_b = table.level_names
    within, between = fitted.states[2 * group], fitted.states[2 * group + 1]
    clusters = data.sampling_of(group).clusters
    if clusters is None:
        raise ValueError("a two-level model has clusters")
    n_clusters, p_w, p_b = int(clusters.max()) + 1, len(names_w.observed), len(names_b.observed)
    columns = [data.variables.index(name) for name in names_w.observed]
    place = np.array([names_b.observed.index(n) if n in names_b.observed else -1 for n in names_w.observed])
    shared = np.flatnonzero(place >= 0)
    parts = place[shared]
    mean = within.mu.copy()
    mean[shared] += between.mu[parts]
    away = data.values[group][:, columns] - mean
    patterns, member = np.unique(~np.isnan(away), axis=0, return_inverse=True)
    member = member.ravel()
    away = np.nan_to_num(away)
    precision = _precisions(within.sigma, patterns)
    told = np.zeros((n_clusters, len(shared), len(shared)))
    pulled = np.zeros((n_clusters, len(shared)))
    for k, own in enumerate(precision):
        rows = np.flatnonzero(member == k)
        told += np.bincount(clusters[rows], minlength=n_clusters)[:, None, None] * own[np.ix_(shared, shared)]
        np.add.at(pulled, clusters[rows], away[rows] @ own[:, shared])
    alone = [k for k in range(p_b) if k not in set(parts.tolist())]
    expected, spread = _between(
        between.covariance, between.mean, parts, alone, _values_alone(fitted, group, clusters), told, pulled
    )
    # rows, given their cluster's part
    cross, prior = within.covariance[p_w:, :p_w], within.covariance[p_w:, p_w:]
    scores = np.zeros((len(away), len(prior)))
    errors = np.zeros_like(scores)
    seen_parts = expected[:, parts] - between.mean[parts]
    left = away.copy()
    left[:, shared] -= seen_parts[clusters]
    known = spread[:, parts][:, :, parts]
    for k, own in enumerate(precision):
        rows = np.flatnonzero(member == k)
        weights = cross @ own
        scores[rows] = within.mean[p_w:] + left[rows] @ weights.T
        rest = np.diag(prior - weights @ cross.T)
        unsure = np.einsum("ma,jab,mb->jm", weights[:, shared], known, weights[:, shared], optimize=True)
        errors[rows] = np.sqrt(np.maximum(rest + unsure[clusters[rows]], 0.0))
    own_spread = np.diagonal(spread, axis1=1, axis2=2)[:, p_b:]
    return LevelScores(scores, errors, expected[:, p_b:], np.sqrt(np.maximum(own_spread, 0.0)))


def _precisions(sigma: Array, patterns: np.ndarray) -> list[Array]:
    """Inverse of the observed part for each pattern, zero elsewhere."""
    found = []
    for seen in patterns:
        own = np.zeros_like(sigma)
        at = np.ix_(np.flatnonzero(seen), np.flatnonzero(seen))
        own[at] = np.linalg.inv(sigma[at])
        found.append(own)
    return found


def _values_alone(fitted: Fitted, group: int, clusters: Ints) -> Array:
    """Values of the variables of level 2 alone, a row for each cluster, (J, p_b); NaN for the others."""
    data, (names_w, names_b) = fitted.data, fitted.table.level_names
    first = np.unique(clusters, return_index=True)[1]
    found = np.full((len(first), len(names_b.observed)), np.nan)
    for k, name in enumerate(names_b.observed):
        if name not in names_w.observed:
            found[:, k] = data.values[group][first, data.variables.index(name)]
    return found


def _between(
    covariance: Array, mean: Array, parts: Ints, alone: list[int], values: Array, told: Array, pulled: Array
) -> tuple[Array, Array]:
    """Expected value and covariance of everything at level 2, for each cluster."""
    expected = np.empty((len(told), len(mean)))
    spread = np.empty((len(told), len(mean), len(mean)))
    patterns, member = np.unique(~np.isnan(values[:, alone]), axis=0, return_inverse=True)
    for k, seen in enumerate(patterns):
        own = np.flatnonzero(member.ravel() == k)
        given = np.array(alone, dtype=np.int64)[seen]
        gain = np.linalg.solve(covariance[np.ix_(given, given)], covariance[given]).T
        moved = (values[np.ix_(own, given)] - mean[given]) @ gain.T
        left = covariance - gain @ covariance[given]
        onto = left[:, parts]
        solved = np.linalg.inv(np.eye(len(parts)) + told[own] @ left[np.ix_(parts, parts)])
        weights = onto @ solved
        pull = pulled[own] - np.einsum("jab,jb->ja", told[own], moved[:, parts])
        expected[own] = mean + moved + np.einsum("jsa,ja->js", weights, pull)
        spread[own] = left - weights @ told[own] @ onto.T
    return expected, spread
