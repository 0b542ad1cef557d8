"""Unbounded counts of use after the landmark: negative binomial, with extra zeros where a rule says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.special import expit, gammaln, psi

from analysis.adherence.models.binomial import alone_in, sandwich
from analysis.adherence.models.clusters import (
    Clusters,
    covariance_of,
    jackknife,
    of_linear_predictor,
    of_scores,
)
from analysis.adherence.models.delta import delta_interval
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.maximum import Maximum, curve_by_row, maximise, scores_by_row
from analysis.adherence.models.poisson import excess_spread, quasi_poisson
from analysis.adherence.models.threshold import logistic
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
FEWEST_USERS = 10
USED = "used the app after the landmark or not"
PLAIN = "negative binomial"
RULE = "smallest AIC among the models that converged"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFit:
    """A count model: its coefficients, their covariance (None: not estimable), and the mean it expects."""

    name: str
    theta: Floats
    covariance: Floats | None
    log_likelihood: float
    converged: bool
    expected: Callable[[Floats, Floats], Floats]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountModels:
    """The negative binomial fit, its zero-heavy rivals, and the comparison that chose one of the three."""

    negative_binomial: Fit
    rivals: dict[str, CountFit]
    comparison: pd.DataFrame

    @property
    def chosen(self) -> CountFit:
        """Model chosen by the declared rule."""
        name = str(self.comparison.loc[self.comparison["chosen"], "model"].iloc[0])
        return self.rivals[name]


def count_models(
    design: Floats, counts: Floats, clusters: Clusters | None = None, *, robust: bool = False
) -> CountModels:
    """Fit NB2, zero-inflated NB2 (one share of extra zeros) and hurdle NB2 (zeros by a logit).

    `comparison` has model, converged, reason (where not), log_likelihood, n_parameters, aic, bic, chosen.
    With `robust` the covariance of NB2 is HC3 with the observed information: its own is a sixth too large
    where a third never comes back.
    """
    plain = _negative_binomial(design, counts, clusters, robust)
    k = design.shape[1]
    rivals = [
        CountFit(
            name=PLAIN,
            theta=plain.coefficients,
            covariance=plain.covariance,
            log_likelihood=plain.log_likelihood,
            converged=True,
            expected=lambda theta, x: np.exp(x @ theta),
        ),
        _zero_inflated(design, counts, plain, clusters),
        _hurdle(design, counts, plain, clusters),
    ]
    table = pd.DataFrame(
        {
            "model": [fit.name for fit in rivals],
            "converged": [fit.converged for fit in rivals],
            "reason": [fit.reason for fit in rivals],
            "log_likelihood": [fit.log_likelihood for fit in rivals],
            "n_parameters": [k + 1, k + 2, 2 * k + 1],
        }
    )
    table["aic"] = 2 * table["n_parameters"] - 2 * table["log_likelihood"]
    table["bic"] = np.log(len(counts)) * table["n_parameters"] - 2 * table["log_likelihood"]
    # BIC mistakes a hurdle for one share of non-users more often than not at a few hundred people.
    best = table["aic"].where(table["converged"]).idxmin()
    table["chosen"] = table.index == best
    return CountModels(negative_binomial=plain, rivals={fit.name: fit for fit in rivals}, comparison=table)


def count_effects(
    fit: CountFit, design: Floats, column: int, level: float = 0.95, df: float = np.inf
) -> tuple[tuple[float, float, float, float], tuple[float, float, float]]:
    """Effect of one column on the expected count, for any of the three models.

    Returns
    -------
    tuple
        Logarithm of the ratio of mean expected counts half a unit above and half a unit below everybody's
        value, with its standard error and limits; and the difference of the two, with limits.
    """
    if fit.covariance is None:
        fact = f"the {fit.name} model gives no standard errors."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))
    above, below = design.copy(), design.copy()
    above[:, column] += 0.5
    below[:, column] -= 0.5

    def means(theta: Floats) -> tuple[float, float]:
        return float(fit.expected(theta, above).mean()), float(fit.expected(theta, below).mean())

    ratio = delta_interval(
        lambda t: float(np.log(np.divide(*means(t)))), fit.theta, fit.covariance, level, df
    )
    value, _, low, high = delta_interval(
        lambda t: float(np.subtract(*means(t))), fit.theta, fit.covariance, level, df
    )
    return ratio, (value, low, high)


def _negative_binomial(
    design: Floats, counts: Floats, clusters: Clusters | None, robust: bool = False
) -> Fit:
    some = int((counts > 0).sum())
    if some < FEWEST_USERS:
        fact = f"{some} of {len(counts)} people used the app on any day after the landmark."
        hint = f"a count model needs at least {FEWEST_USERS}; watch for longer."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    poisson = quasi_poisson(design, counts)
    excess = excess_spread(design, counts, poisson)
    if excess <= 0:
        fact = f"the counts vary less than Poisson counts would (dispersion {poisson.dispersion:.2f})."
        raise NotEstimableError(
            fact_and_hint("relate_adherence", fact, "read the quasi-Poisson model, which asks for no more.")
        )

    def negative(theta: Floats) -> float:
        return -float(_log_mass(_mean(design, theta[:-1]), counts, float(np.exp(-theta[-1]))).sum())

    def slopes(line: Floats, more: Floats) -> Floats:
        return np.column_stack(_slopes(_mean_at(line), counts, float(np.exp(-more[0]))))

    def rows(theta: Floats) -> Floats:
        return scores_by_row(design, slopes, theta)

    mean = np.exp(design @ poisson.coefficients)
    alpha = max(1e-3, float(((counts - mean) ** 2 - counts).sum() / (mean**2).sum()))
    start = np.append(poisson.coefficients, np.log(alpha))
    found = _maximum(negative, design, slopes, start)
    if found.covariance is None:
        fact = f"the negative binomial model of the counts failed: {found.reason}."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))
    k = design.shape[1]
    fit = Fit(
        coefficients=found.theta[:k],
        covariance=found.covariance[:k, :k],
        dispersion=float(np.exp(found.theta[k])),
        df_resid=np.inf,
        log_likelihood=found.log_likelihood,
        n=len(counts),
    )
    if clusters is None and not robust:
        return fit
    fit = replace(fit, alone=alone_in(design, clusters))
    if clusters is not None:
        return jackknife(fit, of_scores(rows, found.theta, clusters)[:, :k])
    mean = _mean(design, fit.coefficients)
    spread = 1 + fit.dispersion * mean
    # Information as it was observed: who did much holds more of it than the model expects.
    observed = mean * (1 + fit.dispersion * counts) / spread**2
    return replace(fit, covariance=sandwich(design, (counts - mean) / spread, observed))


def _log_mass(mean: Floats, counts: Floats, size: float) -> Floats:
    """Logarithm of the NB2 probabilities: variance `m + m²/size`."""
    return np.asarray(
        gammaln(counts + size)
        - gammaln(size)
        - gammaln(counts + 1)
        + size * np.log(size / (size + mean))
        + counts * np.log(mean / (size + mean))
    )


def _slopes(mean: Floats, counts: Floats, size: float) -> tuple[Floats, Floats]:
    """Derivatives of `_log_mass` by the linear predictor and by `log alpha = −log size`."""
    by_size = psi(counts + size) - psi(size) + np.log(size / (size + mean)) + 1
    by_size -= (size + counts) / (size + mean)
    return size * (counts - mean) / (size + mean), -size * by_size


def _mean(design: Floats, coefficients: Floats) -> Floats:
    return _mean_at(design @ coefficients)


def _mean_at(line: Floats) -> Floats:
    return np.asarray(np.exp(np.clip(line, -30.0, 30.0)))


def _maximum(
    negative: Callable[[Floats], float],
    design: Floats,
    slopes: Callable[[Floats, Floats], Floats],
    start: Floats,
) -> Maximum:
    return maximise(
        negative,
        lambda theta: -scores_by_row(design, slopes, theta).sum(axis=0),
        start,
        len(design),
        curve=lambda theta: -curve_by_row(design, slopes, theta),
    )


def _zero_inflated(design: Floats, counts: Floats, plain: Fit, clusters: Clusters | None) -> CountFit:
    """One share of people never uses the app, whatever their columns say."""

    empty = counts == 0

    def negative(theta: Floats) -> float:
        mass = _log_mass(_mean(design, theta[:-2]), counts, np.exp(-theta[-2]))
        never, ever = -np.logaddexp(0, -theta[-1]), -np.logaddexp(0, theta[-1])
        return -float(np.where(empty, np.logaddexp(never, ever + mass), ever + mass).sum())

    def slopes(line: Floats, more: Floats) -> Floats:
        mean, size = _mean_at(line), float(np.exp(-more[0]))
        zero = size * np.log(size / (size + mean))
        # How surely a person belongs to those who use the app at all, given the count.
        user = np.where(empty, expit(zero - more[1]), 1.0)
        by_line, by_alpha = _slopes(mean, counts, size)
        return np.column_stack([user * by_line, user * by_alpha, 1 - user - expit(more[1])])

    def rows(theta: Floats) -> Floats:
        return scores_by_row(design, slopes, theta)

    share = max(0.01, float((counts == 0).mean()) / 2)
    start = np.concatenate([plain.coefficients, [np.log(plain.dispersion), np.log(share / (1 - share))]])
    found = _maximum(negative, design, slopes, start)
    found = _in_clusters(found, clusters, lambda here: of_scores(rows, found.theta, here))
    return CountFit(
        name="zero-inflated",
        theta=found.theta,
        covariance=found.covariance,
        log_likelihood=found.log_likelihood,
        converged=found.covariance is not None,
        reason=found.reason,
        expected=lambda t, x: expit(-t[-1]) * np.exp(x @ t[:-2]),
    )


def _hurdle(design: Floats, counts: Floats, plain: Fit, clusters: Clusters | None) -> CountFit:
    """A logit decides on any use, a truncated NB2 on how much."""
    some = counts > 0
    k = design.shape[1]
    try:
        gate = logistic(design, some, sides=USED)
    except NotEstimableError as error:
        return CountFit(
            name="hurdle",
            theta=np.full(2 * k + 1, np.nan),
            covariance=None,
            log_likelihood=float("nan"),
            converged=False,
            reason=str(error).split("\n")[0].removeprefix("relate_adherence: "),
            expected=_hurdle_mean,
        )
    x, y = design[some], counts[some]
    nothing = np.zeros(len(y))

    def negative(theta: Floats) -> float:
        mean, size = _mean(x, theta[:-1]), float(np.exp(-theta[-1]))
        zero = np.exp(size * np.log(size / (size + mean)))
        return -float((_log_mass(mean, y, size) - np.log1p(-zero)).sum())

    def slopes(line: Floats, more: Floats) -> Floats:
        mean, size = _mean_at(line), float(np.exp(-more[0]))
        odds = 1 / np.expm1(size * np.log((size + mean) / size))
        own, none = _slopes(mean, y, size), _slopes(mean, nothing, size)
        return np.column_stack([a + odds * b for a, b in zip(own, none, strict=True)])

    def rows(theta: Floats) -> Floats:
        return scores_by_row(x, slopes, theta)

    def moved(here: Clusters) -> Floats:
        p = expit(design @ gate.coefficients)
        any_use = of_linear_predictor(design, some - p, p * (1 - p), here)
        return np.column_stack([any_use, of_scores(rows, found.theta, here.where(some))])

    start = np.append(plain.coefficients, np.log(plain.dispersion))
    found = _maximum(negative, x, slopes, start)
    theta = np.concatenate([gate.coefficients, found.theta])
    if found.covariance is not None:
        whole = replace(found, covariance=block_diag(gate.covariance, found.covariance))
        found = _in_clusters(whole, clusters, moved)
    return CountFit(
        name="hurdle",
        theta=theta,
        covariance=found.covariance,
        log_likelihood=found.log_likelihood + gate.log_likelihood,
        converged=found.covariance is not None,
        reason=found.reason,
        expected=_hurdle_mean,
    )


def _in_clusters(found: Maximum, clusters: Clusters | None, moved: Callable[[Clusters], Floats]) -> Maximum:
    """Give a maximum the covariance of a jackknife where there are clusters, or why it has none."""
    if found.covariance is None or clusters is None:
        return found
    try:
        return replace(found, covariance=covariance_of(moved(clusters)))
    except NotEstimableError as error:
        reason = str(error).split("\n")[0].removeprefix("relate_adherence: ")
        return replace(found, covariance=None, reason=reason)


def _hurdle_mean(theta: Floats, design: Floats) -> Floats:
    k = design.shape[1]
    mean = np.exp(np.clip(design @ theta[k:-1], -30.0, 30.0))
    size = np.exp(-theta[-1])
    # log P(0) under NB2 is -size·log(1 + mean/size); any use makes the mean of the rest larger.
    some = -np.expm1(-size * np.log1p(mean / size))
    return np.asarray(expit(design @ theta[:k]) * mean / some)
