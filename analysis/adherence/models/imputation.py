"""Multiple imputation of missing scores and covariates, and how its results are pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.models.binomial import (
    average_slope,
    covariances_towards,
    quasi_binomial_coefficients,
)
from analysis.adherence.models.clusters import Clusters
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
IMPUTATIONS, SWEEPS, DONORS = 20, 10, 5
LARGEST_STACK = 100_000  # numbers in the tables that are fitted at once: what a cache holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """Several estimates of one number made into one.

    Attributes
    ----------
    estimate, within, between, total : float
        Mean estimate; variance within, between imputations, and of the mean estimate.
    df : float
        Degrees of freedom after Barnard and Rubin.
    missing_information : float
        Share of information lost to the missing values.
    """

    estimate: float
    within: float
    between: float
    total: float
    df: float
    missing_information: float

    @property
    def se(self) -> float:
        """Standard error."""
        return float(np.sqrt(self.total))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits by Student's t."""
        half = float(stats.t.ppf(0.5 + level / 2, self.df)) * self.se
        return self.estimate - half, self.estimate + half

    @property
    def pvalue(self) -> float:
        """Two-sided p value against 0."""
        return float(2 * stats.t.sf(abs(self.estimate) / self.se, self.df))


PooledUse = tuple[Pooled, tuple[float, float, float]]
"""Coefficient of the score, and its effect with limits."""


def pool(estimates: Floats, variances: Floats, df_complete: float = np.inf) -> Pooled:
    """Pool estimates of imputed data sets by Rubin's rules.

    Parameters
    ----------
    estimates, variances : array, shape (m,)
        One per imputed data set.
    df_complete
        Degrees of freedom had nothing been missing.

    Returns
    -------
    Pooled
        With the small-sample degrees of freedom.

    Raises
    ------
    NotEstimableError
        There are fewer than two.

    Notes
    -----
    `T = W + (1 + 1/m) B`, `r = (1 + 1/m) B / W`, `λ = (1 + 1/m) B / T`; `ν = (m − 1)/λ²` and
    `ν_obs = (ν_c + 1)/(ν_c + 3) · ν_c (1 − λ)` give `1/(1/ν + 1/ν_obs)`. The missing information is
    `(r + 2/(ν + 3)) / (r + 1)`. In R: `mice::pool.scalar`.

    References
    ----------
    Rubin (1987), doi 10.1002/9780470316696. Barnard & Rubin (1999), doi 10.1093/biomet/86.4.948.
    """
    m = len(estimates)
    if m < 2:
        fact = f"{m} imputed data set cannot be pooled."
        raise NotEstimableError(fact_and_hint("pool", fact, "impute at least twice."))
    within, between = float(np.mean(variances)), float(np.var(estimates, ddof=1))
    extra = (1 + 1 / m) * between
    total = within + extra
    share = extra / total
    df = np.inf if share == 0 else (m - 1) / share**2
    if np.isfinite(df_complete):
        observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
        df = 1 / ((0.0 if np.isinf(df) else 1 / df) + 1 / observed)
    increase = extra / within
    lost = (increase + 2 / (df + 3)) / (increase + 1) if np.isfinite(df) else share
    return Pooled(
        estimate=float(np.mean(estimates)),
        within=within,
        between=between,
        total=total,
        df=float(df),
        missing_information=float(lost),
    )


def impute(table: Floats, seed: int, imputations: int = IMPUTATIONS, sweeps: int = SWEEPS) -> list[Floats]:
    """Fill NaN in a table of numbers by chained regressions with predictive mean matching.

    Parameters
    ----------
    table : array, shape (n, p)
        Every variable of the analysis, its outcome among them, and what explains the gaps.
    seed
        Seed of every draw.
    imputations, sweeps
        Completed tables, and rounds through the columns for each.

    Returns
    -------
    list of array
        Completed tables.

    Notes
    -----
    A column is regressed on all others; coefficients are drawn from their posterior under flat priors; a
    gap takes the value of one of the five observed people whose fitted value (by the estimates) is nearest
    to the gap's (by the draw). So only values that somebody has are put in. Gaps are taken to depend on
    what is in the table only.

    References
    ----------
    van Buuren & Groothuis-Oudshoorn (2011), doi 10.18637/jss.v045.i03. Little (1988), doi
    10.1080/07350015.1988.10509663.
    """
    gaps = [j for j in range(table.shape[1]) if np.isnan(table[:, j]).any()]
    gaps.sort(key=lambda j: int(np.isnan(table[:, j]).sum()))
    streams = np.random.SeedSequence(seed).spawn(imputations)
    completed = []
    for stream in streams:
        rng = np.random.default_rng(stream)
        filled = table.copy()
        for j in gaps:
            hole = np.isnan(table[:, j])
            filled[hole, j] = rng.choice(table[~hole, j], int(hole.sum()))
        for _ in range(sweeps if len(gaps) > 1 else 1):
            for j in gaps:
                _match(filled, table[:, j], j, rng)
        completed.append(filled)
    return completed


def _match(filled: Floats, column: Floats, j: int, rng: np.random.Generator) -> None:
    """Draw the gaps of one column anew, in place."""
    hole = np.isnan(column)
    others = np.column_stack([np.ones(len(filled)), np.delete(filled, j, axis=1)])
    x, y = others[~hole], column[~hole]
    gram = x.T @ x
    # A whiff of ridge keeps columns that repeat each other from stopping the draw.
    gram += 1e-10 * np.diag(np.diag(gram))
    root = np.linalg.cholesky(gram)
    estimate = np.linalg.solve(gram, x.T @ y)
    df = max(len(y) - x.shape[1], 1)
    spread = np.sqrt(((y - x @ estimate) ** 2).sum() / rng.chisquare(df))
    drawn = estimate + spread * np.linalg.solve(root.T, rng.standard_normal(x.shape[1]))
    seen = x @ estimate
    order = np.argsort(seen, kind="stable")
    ranked = seen[order]
    wanted = others[hole] @ drawn
    place = np.searchsorted(ranked, wanted)
    window = np.clip(place[:, None] + np.arange(-DONORS, DONORS)[None, :], 0, len(ranked) - 1)
    distance = np.abs(ranked[window] - wanted[:, None])
    # Positions repeated by the clipping at either end count once.
    distance[:, 1:][window[:, 1:] == window[:, :-1]] = np.inf
    nearest = np.argsort(distance, axis=1, kind="stable")[:, : min(DONORS, len(y))]
    chosen = nearest[np.arange(len(wanted)), rng.integers(0, nearest.shape[1], len(wanted))]
    filled[hole, j] = y[order[window[np.arange(len(wanted)), chosen]]]


def pooled_use(
    completed: list[Floats],
    done: Floats,
    due: Floats,
    columns: int,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> PooledUse:
    """Fit remaining use on each completed table and pool the first column's coefficient and its effect.

    Parameters
    ----------
    completed
        Tables whose first `columns` columns are the score, in raw units, and the adjustment.
    done, due : array, shape (n,)
        Units done and due.
    columns
        Number of columns that enter the model.
    level
        Level of the interval.
    clusters
        Clusters of the people; None where they are independent.

    Returns
    -------
    tuple
        Pooled coefficient per standard deviation (that of the table), and effect with its limits in units.
    """
    return pooled_moves(completed, done, due, columns, [np.zeros(len(done))], level, clusters)[0]


def pooled_moves(
    completed: list[Floats],
    done: Floats,
    due: Floats,
    columns: int,
    moves: Sequence[Floats],
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> list[PooledUse]:
    """Pool remaining use with everyone's score moved, for each of several ways to move it.

    Parameters
    ----------
    completed, done, due, columns, level, clusters
        As for `pooled_use`.
    moves : sequence of array, shape (n,)
        Standard deviations to add to each person's score.

    Returns
    -------
    list of tuple
        As of `pooled_use`, one for each of `moves`.
    """
    at_once = max(1, LARGEST_STACK // (len(done) * (columns + 1)))
    found = np.empty((len(moves), len(completed), 4))
    starts: list[Floats | None] = [None] * len(moves)
    for first in range(0, len(completed), at_once):
        some = slice(first, first + at_once)
        designs = np.stack([_design(table[:, :columns]) for table in completed[some]])
        score = designs[:, :, 1].copy()
        last: Floats | None = None
        for k, move in enumerate(moves):
            designs[:, :, 1] = score + move
            # Begin where the tables before ended with this move, or these tables with the move before.
            begin = starts[k] if starts[k] is not None else last
            last, found[k, some] = _first_columns(designs, done, due, clusters, begin)
            starts[k] = last[:1].copy()
    df = float(len(done) - columns - 1) if clusters is None else float(clusters.count - 1)
    pooled = []
    for own in found:
        coefficient, effect = pool(own[:, 0], own[:, 1], df), pool(own[:, 2], own[:, 3], df)
        pooled.append((coefficient, (effect.estimate, *effect.interval(level))))
    return pooled


def _design(x: Floats) -> Floats:
    return np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)])


def _first_columns(
    designs: Floats, done: Floats, due: Floats, clusters: Clusters | None, start: Floats | None
) -> tuple[Floats, Floats]:
    """All coefficients; of the score its own, its effect in units, and variances of both, shape (m, 4)."""
    coefficients = quasi_binomial_coefficients(designs, done, due, start)
    slopes = [average_slope(b, design, due, 1) for b, design in zip(coefficients, designs, strict=True)]
    towards = np.zeros((*coefficients.shape, 2))
    towards[:, 1, 0] = 1.0
    towards[:, :, 1] = [gradient for _, gradient in slopes]
    spread = covariances_towards(designs, done, due, coefficients, towards, clusters)
    effects = [effect for effect, _ in slopes]
    return coefficients, np.column_stack([coefficients[:, 1], spread[:, 0, 0], effects, spread[:, 1, 1]])
