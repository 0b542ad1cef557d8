"""People in clusters: errors that hold where people of one clinic or therapist are alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from analysis.adherence.models.fit import Fit
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
FEWEST_CLUSTERS, FEW_CLUSTERS = 8, 20
SINGULAR = 1e-10  # of the largest root of a matrix: smaller ones are none
FAINT = 1e-6  # part of a column in what cannot be told
MANY = 2000  # clusters, or people, from which on the information of each is not written out
PROBED = 3  # steps after which a direction of one person's own outweighs all others
MOST_TERMS, FALLING, NO_MORE = 16, 0.02, 1e-14  # of a series: how many, each of the one before, of the sum
WELL_CONDITIONED = 1e5  # up to which an inverse has all the digits of a pseudo-inverse


def clusters_of(labels: pd.Series, name: str) -> Clusters:
    """Number the clusters of those analysed from 0, in order of first appearance.

    Parameters
    ----------
    labels
        One label per person, none missing.
    name
        Name of the column, for messages.

    Returns
    -------
    Clusters
        Codes and their count.

    Raises
    ------
    NotEstimableError
        No cluster has two people, or there are fewer than 8 clusters, where no correction can be trusted.

    References
    ----------
    Cameron & Miller (2015), doi 10.3368/jhr.50.2.317.
    """
    codes = np.asarray(pd.factorize(labels)[0], dtype=np.int64)
    count = int(codes.max(initial=-1)) + 1
    if np.bincount(codes).max(initial=0) < 2:
        fact = f"no two of the people analysed share a cluster ({name!r})."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "leave `cluster` out."))
    if count < FEWEST_CLUSTERS:
        fact = f"the people analysed come from {count} clusters ({name!r}), fewer than {FEWEST_CLUSTERS}."
        hint = f"hold {name!r} constant as a covariate instead: its clusters are categories there."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    return Clusters(codes, count)


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Number of the cluster behind each row, shape (n,), and how many clusters there are."""

    of_row: Codes
    count: int

    def sums(self, rows: Floats) -> Floats:
        """Sums of rows, shape (n, …), over each cluster: shape (G, …)."""
        places = (self.of_row, np.arange(len(self.of_row)))
        member = sparse.csr_array((np.ones(len(self.of_row)), places), shape=(self.count, len(self.of_row)))
        return np.asarray(member @ rows.reshape(len(rows), -1)).reshape(self.count, *rows.shape[1:])

    def where(self, kept: NDArray[np.bool_]) -> Clusters:
        """The same clusters for some of the rows."""
        return Clusters(self.of_row[kept], self.count)

    def among(self, kept: NDArray[np.bool_]) -> Clusters:
        """Clusters of some of the rows, those without any not counted; refused where few are left."""
        return clusters_of(pd.Series(self.of_row[kept]), "of those the model is about")

    def repeated(self, row: Codes) -> Clusters:
        """The same clusters for rows repeated, as person-periods are."""
        return Clusters(self.of_row[row], self.count)


def of_one_cluster(design: Floats, clusters: Clusters) -> tuple[int, ...]:
    """Columns whose coefficient rests on one cluster: without it nothing tells them, and a jackknife neither.

    Parameters
    ----------
    design : array, shape (n, p)
        One row a person, with a constant where the model has one.
    clusters
        Clusters of the people.

    Returns
    -------
    tuple of int
        Positions, as of a site of its own or of what one clinic alone does.
    """
    size = np.sqrt((design**2).sum(axis=0))
    scaled = design / np.where(size > 0, size, 1.0)
    whole, alone = scaled.T @ scaled, np.zeros(design.shape[1], dtype=bool)
    order = np.argsort(clusters.of_row, kind="stable")
    for own in np.split(scaled[order], np.cumsum(np.bincount(clusters.of_row))[:-1]):
        roots, vectors = np.linalg.eigh(whole - own.T @ own)
        alone |= (np.abs(vectors[:, roots < SINGULAR * max(roots[-1], 1.0)]) > FAINT).any(axis=1)
    return tuple(map(int, np.flatnonzero(alone)))


def jackknife(fit: Fit, differences: Floats) -> Fit:
    """Give a fit the covariance of a jackknife over clusters, and Student's t with G − 1 degrees of freedom.

    Parameters
    ----------
    fit
        The fit.
    differences : array, shape (G, p)
        How the coefficients move without each cluster.

    Returns
    -------
    Fit
        The same coefficients.

    Raises
    ------
    NotEstimableError
        Without one of the clusters the model has no solution.

    Notes
    -----
    `(G − 1)/G Σ d_g d_g'`: in a linear model the jackknife over clusters itself (CV3 or CR3). It takes the
    leverage of clusters into account, and errs to the side of caution where there are few.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169-181. MacKinnon, Nielsen & Webb (2023), doi
    10.1002/jae.2990 (jackknife and t with G − 1). Cameron & Miller (2015), doi 10.3368/jhr.50.2.317.
    """
    return replace(fit, covariance=covariance_of(differences), df_resid=float(len(differences) - 1))


def summed(influence: Floats, clusters: Clusters | None) -> tuple[Floats, float]:
    """Sum influences of people over clusters, and give the degrees of freedom of Student's t.

    Parameters
    ----------
    influence : array, shape (n,) or (n, k)
        How much each person moves an estimate (or k of them).
    clusters
        None where people are independent.

    Returns
    -------
    tuple
        Influences whose products, summed, are the covariance: of people as they are, with infinite degrees
        of freedom; of clusters by `√(G/(G − 1))`, with G − 1.
    """
    if clusters is None:
        return influence, float("inf")
    grow = np.sqrt(clusters.count / (clusters.count - 1))
    return np.asarray(clusters.sums(influence) * grow), float(clusters.count - 1)


def covariance_of(differences: Floats) -> Floats:
    """Jackknife covariance of differences, shape (G, p); refused where a cluster cannot be left out."""
    if not np.isfinite(differences).all():
        fact = "without one of the clusters the model cannot be estimated."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))
    count = len(differences)
    return np.asarray((count - 1) / count * differences.T @ differences, dtype=np.float64)


def without_each(scores: Floats, information: Floats, whole: Floats | None = None) -> Floats:
    """Move from the solution by one Newton step without each cluster: `−(I − I_g)⁻¹ s_g`.

    Parameters
    ----------
    scores : array, shape (G, p)
        Sums of the scores over each cluster, at the solution of the score equations.
    information : array, shape (G, p, p)
        Information that each cluster brings.
    whole : array, shape (p, p), optional
        Information of all; needed where these clusters are not all.

    Returns
    -------
    array, shape (G, p)
        Differences. A column that only one cluster has does not move, and moves no other.

    Notes
    -----
    In R: refit without each cluster, `glm(start = b, control = list(maxit = 1))`.
    """
    whole = information.sum(axis=0) if whole is None else whole
    rest = whole[None] - information
    # What rounding leaves of a column that only one cluster has is no information on it.
    told = np.einsum("gjj->gj", rest) > SINGULAR * np.diag(whole)
    rest = np.where(told[:, :, None] & told[:, None, :], rest, 0.0)
    size = np.sqrt(np.where(told, np.einsum("gjj->gj", rest), 1.0))
    scaled = rest / (size[:, :, None] * size[:, None, :])
    inverse = _inverses(scaled)
    return -np.einsum("gjk,gk->gj", inverse, scores / size) / size


def without_each_of_many(
    scores: Floats,
    product: Callable[[Floats], Floats],
    whole: Floats,
    alone: Callable[[NDArray[np.intp]], Floats],
) -> Floats:
    """`without_each` of many people who each bring little, from products with what each brings.

    Parameters
    ----------
    scores : array, shape (n, p)
        Of each person.
    product
        Of rows `v`, shape (n, p), each person's information times the own row: shape (n, p).
    whole : array, shape (p, p)
        Information of all.
    alone
        Gives `without_each` of some people, shape (k, p), by their positions.

    Returns
    -------
    array, shape (n, p)
        As of `without_each`.

    Notes
    -----
    `(I − I_i)⁻¹ s_i = Σ (I⁻¹ I_i)ᵏ I⁻¹ s_i`. People whose terms do not fall fast, with large leverage or a
    column of their own, are left to `alone`, and so are all where the information is nearly singular.
    """
    everyone = np.arange(len(scores))
    size = np.sqrt(np.maximum(np.diag(whole), 0.0))
    size = np.where(size > 0, size, 1.0)
    scaled = whole / np.outer(size, size)
    if not np.linalg.cond(scaled) < WELL_CONDITIONED:
        return alone(everyone)
    inverse = np.linalg.inv(scaled)

    def next_of(term: Floats) -> Floats:
        return np.asarray((product(term / size) / size) @ inverse)

    # Whatever the scores: who alone has a column, or much of one, shows in directions drawn at random.
    probe = np.random.default_rng(1).standard_normal((1, len(size))) * np.ones((len(scores), 1))
    for _ in range(PROBED):
        probe, last = next_of(probe), probe
    slow = np.abs(probe).max(axis=1) > FALLING * np.abs(last).max(axis=1)
    term = (scores / size) @ inverse
    found = term.copy()
    for _ in range(MOST_TERMS):
        before = np.abs(term).max(axis=1)
        term = next_of(term)
        found += term
        now = np.abs(term).max(axis=1)
        small = now <= NO_MORE * np.abs(found).max(axis=1)
        slow |= (now > FALLING * before) & ~small
        if (small | slow).all():
            break
    slow |= ~small
    moved = -found / size
    if slow.any():
        moved[slow] = alone(everyone[slow])
    return np.asarray(moved)


def _inverses(scaled: Floats) -> Floats:
    """Inverses of symmetric matrices, shape (G, p, p); pseudo-inverses of those that are nearly singular."""
    try:
        inverse = np.linalg.inv(scaled)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(scaled, rcond=SINGULAR, hermitian=True))
    size = np.abs(scaled).sum(axis=1).max(axis=1) * np.abs(inverse).sum(axis=1).max(axis=1)
    near = ~(size < WELL_CONDITIONED)
    if near.any():
        inverse[near] = np.linalg.pinv(scaled[near], rcond=SINGULAR, hermitian=True)
    return np.asarray(inverse)


def of_linear_predictor(design: Floats, residual: Floats, weight: Floats, clusters: Clusters) -> Floats:
    """Differences of a model with scores `residual · x` and information `weight · x x'`: shape (G, p)."""
    scores = clusters.sums(design * residual[:, None])

    def informations(rows: NDArray[np.bool_] | slice, units: Clusters) -> Floats:
        own = design[rows]
        return units.sums(own[:, :, None] * (own * weight[rows, None])[:, None, :])

    if clusters.count < MANY:
        return without_each(scores, informations(slice(None), clusters))
    whole = design.T @ (design * weight[:, None])

    def alone(some: NDArray[np.intp]) -> Floats:
        place = np.full(clusters.count, -1)
        place[some] = np.arange(len(some))
        rows = place[clusters.of_row] >= 0
        units = Clusters(place[clusters.of_row[rows]], len(some))
        return without_each(scores[some], informations(rows, units), whole)

    def product(moves: Floats) -> Floats:
        along = np.einsum("ij,ij->i", design, moves[clusters.of_row])
        return clusters.sums(design * (weight * along)[:, None])

    return without_each_of_many(scores, product, whole, alone)


def of_scores(rows: Callable[[Floats], Floats], theta: Floats, clusters: Clusters) -> Floats:
    """Differences of a likelihood whose scores by row, shape (n, p), a function of theta gives."""
    size = len(theta)
    information = np.empty((clusters.count, size, size))
    for j in range(size):
        step = 1e-5 * max(1.0, abs(theta[j]))
        high, low = theta.copy(), theta.copy()
        high[j] += step
        low[j] -= step
        information[:, :, j] = -clusters.sums(rows(high) - rows(low)) / (2 * step)
    information = (information + information.transpose(0, 2, 1)) / 2
    return without_each(clusters.sums(rows(theta)), information)
