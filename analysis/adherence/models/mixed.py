"""Linear model with a random intercept per person, by restricted maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from analysis.adherence.models.clusters import Clusters, covariance_of, without_each
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
LARGEST_RATIO = 1e6
ROUNDING = 1e-13
"""Share of a sum of squares that rounding leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedFit:
    """Coefficients (p,), covariance (p, p), degrees of freedom (p,), and the two variances.

    `singular` says that persons do not differ beyond what columns and chance explain.
    """

    coefficients: Floats
    covariance: Floats
    df: Floats
    between_people: float
    residual: float
    criterion: float
    n: int
    n_people: int
    singular: bool

    @property
    def se(self) -> Floats:
        """Standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Limits by Student's t."""
        half = stats.t.ppf(0.5 + level / 2, self.df) * self.se
        return self.coefficients - half, self.coefficients + half

    def pvalues(self) -> Floats:
        """Two-sided p values."""
        return np.asarray(2 * stats.t.sf(np.abs(self.coefficients / self.se), self.df))


def random_intercept(
    design: Floats, outcome: Floats, person: NDArray[np.int64], clusters: Clusters | None = None
) -> MixedFit:
    """Fit `y = X b + u_person + e` by restricted maximum likelihood.

    Parameters
    ----------
    design : array, shape (n, p)
        Columns with a constant.
    outcome : array, shape (n,)
        Outcome.
    person : array, shape (n,)
        Number of the person behind each row, from 0.
    clusters
        Clusters of the rows, each person in one; None where people are independent.

    Returns
    -------
    MixedFit
        With the degrees of freedom of inner and outer columns.

    Raises
    ------
    NotEstimableError
        No person has two rows, columns repeat each other, or nothing of the outcome is left to explain.

    Notes
    -----
    With `θ = σ_u²/σ²` and `V = I + θ ZZ'` the criterion is
    `(n − p) log(2π RSS/(n − p)) + n − p + log|V| + log|X'V⁻¹X|`; its derivative in `θ` is solved by
    bracketing. Columns that vary within a person have `n − n_people − p_inner` degrees of freedom, the
    others `n_people − p_outer`. In clusters the covariance is the jackknife over them, `V` held as it is, and
    Student's t has `G − 1` degrees of freedom. In R: `lme4::lmer(y ~ x + (1 | person))`, `nlme::lme`.

    References
    ----------
    Laird & Ware (1982), doi 10.2307/2529876. Pinheiro & Bates (2000), doi 10.1007/b98882.
    """
    sums = _Sums(design, outcome, person)
    if sums.size.max(initial=0) < 2:
        fact = "nobody was rated at two waves."
        raise NotEstimableError(fact_and_hint("relate_waves", fact, "use relate_adherence."))
    if len(outcome) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        fact = "columns of the mixed model repeat each other."
        raise NotEstimableError(fact_and_hint("relate_waves", fact, "adjust for less."))
    if sums.solve(0.0)[2] <= ROUNDING * float(outcome @ outcome):
        fact = "the outcome has no differences, or the columns explain them wholly."
        raise NotEstimableError(fact_and_hint("relate_waves", fact, "see that the outcome varies."))
    ratio = 0.0
    if sums.derivative(0.0) < 0:
        if sums.derivative(LARGEST_RATIO) < 0:
            fact = "the ratings of a person explain the outcome wholly."
            raise NotEstimableError(fact_and_hint("relate_waves", fact, "see that the outcome varies."))
        ratio = float(optimize.brentq(sums.derivative, 0.0, LARGEST_RATIO, xtol=1e-13, rtol=1e-13))
    inner = sums.inner()
    coefficients, gram, rss = sums.solve(ratio)
    n, p = design.shape
    residual = rss / (n - p)
    outer_df = len(sums.size) - int((~inner).sum())
    inner_df = n - len(sums.size) - int(inner.sum())
    covariance = np.asarray(residual * np.linalg.inv(gram), dtype=np.float64)
    df = np.where(inner, inner_df, outer_df).astype(float)
    if clusters is not None:
        moved = without_each(*sums.by_cluster(ratio, coefficients, clusters))
        covariance, df = covariance_of(moved), np.full(p, float(clusters.count - 1))
    logdet = float(np.log1p(sums.size * ratio).sum() + np.linalg.slogdet(gram)[1])
    return MixedFit(
        coefficients=coefficients,
        covariance=covariance,
        df=df,
        between_people=ratio * residual,
        residual=residual,
        criterion=(n - p) * (1 + np.log(2 * np.pi * residual)) + logdet,
        n=n,
        n_people=len(sums.size),
        singular=ratio == 0.0,
    )


class _Sums:
    """Everything the criterion needs, summed by person once."""

    def __init__(self, design: Floats, outcome: Floats, person: NDArray[np.int64]) -> None:
        people = int(person.max()) + 1
        self.size = np.bincount(person, minlength=people)
        self._x = np.zeros((people, design.shape[1]))
        np.add.at(self._x, person, design)
        self._y = np.bincount(person, weights=outcome, minlength=people)
        self._xx, self._xy = design.T @ design, design.T @ outcome
        self._yy = float(outcome @ outcome)
        self._design, self._person, self._outcome = design, person, outcome
        self._n, self._p = design.shape

    def inner(self) -> NDArray[np.bool_]:
        """Columns that vary within some person."""
        mean = self._x / self.size[:, None]
        return np.asarray(np.abs(self._design - mean[self._person]).max(axis=0) > 1e-12)

    def solve(self, ratio: float) -> tuple[Floats, Floats, float]:
        """Coefficients, `X'V⁻¹X` and the residual sum `r'V⁻¹r`."""
        shrink = ratio / (1 + self.size * ratio)
        gram = self._xx - (self._x * shrink[:, None]).T @ self._x
        right = self._xy - self._x.T @ (shrink * self._y)
        coefficients = np.asarray(np.linalg.solve(gram, right), dtype=np.float64)
        rss = self._yy - float(shrink @ self._y**2) - float(right @ coefficients)
        return coefficients, gram, rss

    def by_cluster(self, ratio: float, coefficients: Floats, clusters: Clusters) -> tuple[Floats, Floats]:
        """Sums of scores `X'V⁻¹r`, shape (G, p), and of information `X'V⁻¹X`, shape (G, p, p)."""
        shrink = ratio / (1 + self.size * ratio)
        residual = self._outcome - self._design @ coefficients
        mean = np.bincount(self._person, weights=residual, minlength=len(self.size)) * shrink
        scores = clusters.sums(self._design * (residual - mean[self._person])[:, None])
        left = self._design - (self._x * shrink[:, None])[self._person]
        return scores, clusters.sums(self._design[:, :, None] * left[:, None, :])

    def derivative(self, ratio: float) -> float:
        """Derivative of the criterion in the ratio of variances."""
        coefficients, gram, rss = self.solve(ratio)
        spread = 1 + self.size * ratio
        scaled = self._x / spread[:, None]
        left = float((self.size / spread).sum())
        trace = float(np.trace(np.linalg.solve(gram, scaled.T @ scaled)))
        residual = (self._y - self._x @ coefficients) / spread
        return left - trace - (self._n - self._p) * float(residual @ residual) / rss
