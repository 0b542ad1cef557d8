"""What a two-level estimation asks of its data, whether rows are complete or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis.structural.estimation.optimise import Discrepancy
from analysis.structural.estimation.ram import Array, GroupModel, State
from analysis.structural.two_level import missing as two_level_missing
from analysis.structural.two_level.data import ClusterSample, LevelPlaces
from analysis.structural.two_level.missing import IncompleteDiscrepancy, IncompleteSample
from analysis.structural.two_level.normal import (
    LevelMoments,
    TwoLevelDiscrepancy,
    constant_of,
    point_at,
    spread_vector,
)


class ClusterDiscrepancy(Discrepancy, Protocol):
    """Minus twice the log-likelihood per row, without its constant, of one group of clusters."""

    def scores(self, x: Array) -> Array:
        """Derivatives of the log-likelihood of every cluster, shape (J, q)."""

    def for_search(self) -> ClusterDiscrepancy:
        """The same, with second derivatives that a search can do with."""


class TwoLevelLikelihood(Protocol):
    """One group of clusters."""

    @property
    def places(self) -> LevelPlaces:
        """Variables of both levels."""

    @property
    def n_rows(self) -> int:
        """Rows."""

    @property
    def n_clusters(self) -> int:
        """Clusters."""

    @property
    def constant(self) -> float:
        """Part of minus twice the log-likelihood that no parameter moves."""

    @property
    def smooth(self) -> bool:
        """Whether Newton steps may be tried from the first."""

    def discrepancy(self, within: GroupModel, between: GroupModel, n_free: int) -> ClusterDiscrepancy:
        """Likelihood of this group as a function of the parameters of both levels' models."""

    def rough_moments(self) -> tuple[Array, Array, Array]:
        """Covariances within and between by the analysis of variance, and means of all variables."""

    def part(self, variables: list[list[int]]) -> TwoLevelLikelihood:
        """Take some variables within and between, by their places among all."""

    def log_likelihood(self, within: Array, between: Array, mu_within: Array, mu_between: Array) -> float:
        """Log-likelihood at given moments."""


@dataclass(frozen=True, slots=True, repr=False)
class CompleteClusters:
    """Clusters whose rows are complete."""

    sample: ClusterSample

    @property
    def places(self) -> LevelPlaces:
        """Variables of both levels."""
        return self.sample.places

    @property
    def n_rows(self) -> int:
        """Rows."""
        return self.sample.n_rows

    @property
    def n_clusters(self) -> int:
        """Clusters."""
        return self.sample.n_clusters

    @property
    def constant(self) -> float:
        """Part of minus twice the log-likelihood that no parameter moves."""
        return constant_of(self.sample)

    @property
    def smooth(self) -> bool:
        """Whether Newton steps may be tried from the first."""
        return True

    def discrepancy(self, within: GroupModel, between: GroupModel, n_free: int) -> TwoLevelDiscrepancy:
        """Likelihood of this group."""
        return TwoLevelDiscrepancy(within, between, self.sample, n_free)

    def rough_moments(self) -> tuple[Array, Array, Array]:
        """Covariances within and between by the analysis of variance, and means of all variables."""
        return self.sample.rough_moments()

    def part(self, variables: list[list[int]]) -> CompleteClusters:
        """Take some variables within and between, by their places among all."""
        return CompleteClusters(self.sample.part(variables))

    def log_likelihood(self, within: Array, between: Array, mu_within: Array, mu_between: Array) -> float:
        """Log-likelihood at given moments."""
        places, p = self.places, self.places.n_variables
        mu = spread_vector(mu_within, places.within, p) + spread_vector(mu_between, places.between, p)
        point = point_at(self.sample, LevelMoments(mu, within, between))
        if point is None:
            raise np.linalg.LinAlgError("covariance is not positive definite")
        return -0.5 * (point.loss + self.constant)


@dataclass(frozen=True, slots=True, repr=False)
class IncompleteClusters:
    """Clusters whose rows have missing answers."""

    sample: IncompleteSample

    @property
    def places(self) -> LevelPlaces:
        """Variables of both levels."""
        return self.sample.places

    @property
    def n_rows(self) -> int:
        """Rows."""
        return self.sample.n_rows

    @property
    def n_clusters(self) -> int:
        """Clusters."""
        return self.sample.n_clusters

    @property
    def constant(self) -> float:
        """Part of minus twice the log-likelihood that no parameter moves."""
        return two_level_missing.constant_of(self.sample)

    @property
    def smooth(self) -> bool:
        """Whether Newton steps may be tried from the first."""
        return False

    def discrepancy(self, within: GroupModel, between: GroupModel, n_free: int) -> IncompleteDiscrepancy:
        """Likelihood of this group."""
        return IncompleteDiscrepancy(within, between, self.sample, n_free)

    def rough_moments(self) -> tuple[Array, Array, Array]:
        """Covariances within and between by the analysis of variance, and means of all variables."""
        return self.sample.shape.rough_moments()

    def part(self, variables: list[list[int]]) -> CompleteClusters:
        """Take exogenous variables, whose rows are complete."""
        return CompleteClusters(self.sample.shape.part(variables))

    def log_likelihood(self, within: Array, between: Array, mu_within: Array, mu_between: Array) -> float:
        """Log-likelihood at given moments."""
        states = (_plain_state(within, mu_within), _plain_state(between, mu_between))
        point = two_level_missing.incomplete_point(self.sample, *states)
        if point is None:
            raise np.linalg.LinAlgError("covariance is not positive definite")
        return -0.5 * (point.loss + self.constant)


def _plain_state(sigma: Array, mu: Array) -> State:
    size = len(mu)
    return State(np.zeros((size, size)), sigma, np.eye(size), sigma, mu, np.arange(size))


@dataclass(frozen=True, slots=True)
class SumOfGroups:
    """The discrepancies of several groups, each counting as much as it has rows."""

    parts: list[ClusterDiscrepancy]
    rows: list[int]

    def _mean(self, values: list[Array]) -> Array:
        total = sum(self.rows)
        return np.asarray(sum(n / total * value for n, value in zip(self.rows, values, strict=True)))

    def value(self, x: Array) -> float:
        """Loss of a row."""
        return float(self._mean([np.asarray(part.value(x)) for part in self.parts]))

    def gradient(self, x: Array) -> Array:
        """First derivatives."""
        return self._mean([part.gradient(x) for part in self.parts])

    def expected(self, x: Array) -> Array:
        """Expected second derivatives."""
        return self._mean([part.expected(x) for part in self.parts])

    def observed(self, x: Array) -> Array:
        """Observed second derivatives."""
        return self._mean([part.observed(x) for part in self.parts])

    def for_search(self) -> SumOfGroups:
        """The same, with second derivatives that a search can do with."""
        return SumOfGroups([part.for_search() for part in self.parts], self.rows)

    def scores(self, x: Array) -> Array:
        """Derivatives of the log-likelihood of the clusters of all groups."""
        return np.vstack([part.scores(x) for part in self.parts])


def sum_of_groups(
    likelihoods: Sequence[TwoLevelLikelihood], models: Sequence[GroupModel], n_free: int
) -> SumOfGroups:
    """Discrepancy of all groups; models within and between stand in turn."""
    return SumOfGroups(
        [one.discrepancy(models[2 * g], models[2 * g + 1], n_free) for g, one in enumerate(likelihoods)],
        [one.n_rows for one in likelihoods],
    )
