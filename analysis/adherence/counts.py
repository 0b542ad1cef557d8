"""Unbounded counts of use after the landmark: negative binomial, with extra zeros where a rule says so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize
from scipy.linalg import block_diag
from scipy.special import expit, gammaln

from analysis.adherence.binomial import Fit
from analysis.adherence.delta import covariance_of, delta_interval, gradient_of
from analysis.adherence.threshold import logistic
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
FEWEST_USERS = 10
NEWTON_STEPS, DECREMENT = 20, 1e-12  # twice the gain in log likelihood that is left
PLAIN = "negative binomial"
RULE = "smallest BIC among the models that converged"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFit:
    """A count model: its coefficients, their covariance (None: not estimable), and the mean it expects."""

    name: str
    theta: Floats
    covariance: Floats | None
    log_likelihood: float
    converged: bool
    expected: Callable[[Floats, Floats], Floats]


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


def count_models(design: Floats, counts: Floats) -> CountModels:
    """Fit NB2, zero-inflated NB2 (one share of extra zeros) and hurdle NB2 (zeros by a logit).

    `comparison` has model, converged, log_likelihood, n_parameters, aic, bic, chosen.
    """
    plain = _negative_binomial(design, counts)
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
        _zero_inflated(design, counts, plain),
        _hurdle(design, counts, plain),
    ]
    table = pd.DataFrame(
        {
            "model": [fit.name for fit in rivals],
            "converged": [fit.converged for fit in rivals],
            "log_likelihood": [fit.log_likelihood for fit in rivals],
            "n_parameters": [k + 1, k + 2, 2 * k + 1],
        }
    )
    table["aic"] = 2 * table["n_parameters"] - 2 * table["log_likelihood"]
    table["bic"] = np.log(len(counts)) * table["n_parameters"] - 2 * table["log_likelihood"]
    best = table["bic"].where(table["converged"]).idxmin()
    table["chosen"] = table.index == best
    return CountModels(negative_binomial=plain, rivals={fit.name: fit for fit in rivals}, comparison=table)


def count_effects(
    fit: CountFit, design: Floats, column: int, level: float = 0.95
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

    ratio = delta_interval(lambda t: float(np.log(np.divide(*means(t)))), fit.theta, fit.covariance, level)
    value, _, low, high = delta_interval(
        lambda t: float(np.subtract(*means(t))), fit.theta, fit.covariance, level
    )
    return ratio, (value, low, high)


def _negative_binomial(design: Floats, counts: Floats) -> Fit:
    from statsmodels.discrete.discrete_model import NegativeBinomial

    some = int((counts > 0).sum())
    if some < FEWEST_USERS:
        fact = f"{some} of {len(counts)} people used the app on any day after the landmark."
        hint = f"a count model needs at least {FEWEST_USERS}; watch for longer."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    model = NegativeBinomial(counts, design)
    try:
        fit = _quiet(lambda: model.fit(disp=0, maxiter=500, method="bfgs", gtol=1e-8))
        polished = _quiet(lambda: model.fit(start_params=fit.params, disp=0, maxiter=100, method="newton"))
    except np.linalg.LinAlgError as error:
        fact = f"the negative binomial model of the counts failed: {error}."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less.")) from None
    if not polished.mle_retvals["converged"] or not np.isfinite(np.asarray(polished.bse)).all():
        fact = "the negative binomial model of the counts did not converge."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))
    k = design.shape[1]
    return Fit(
        coefficients=np.asarray(polished.params, dtype=float)[:k],
        covariance=np.asarray(polished.cov_params(), dtype=float)[:k, :k],
        dispersion=float(np.asarray(polished.params)[k]),
        df_resid=np.inf,
        log_likelihood=float(polished.llf),
        n=len(counts),
    )


def _log_mass(design: Floats, counts: Floats, coefficients: Floats, log_alpha: float) -> Floats:
    """Logarithm of the NB2 probabilities: variance `m + alpha m²`."""
    mean = np.exp(np.clip(design @ coefficients, -30.0, 30.0))
    size = np.exp(-log_alpha)
    return np.asarray(
        gammaln(counts + size)
        - gammaln(size)
        - gammaln(counts + 1)
        + size * np.log(size / (size + mean))
        + counts * np.log(mean / (size + mean))
    )


def _zero_inflated(design: Floats, counts: Floats, plain: Fit) -> CountFit:
    """One share of people never uses the app, whatever their columns say."""

    def negative(theta: Floats) -> float:
        mass = _log_mass(design, counts, theta[:-2], theta[-2])
        never, ever = -np.logaddexp(0, -theta[-1]), -np.logaddexp(0, theta[-1])
        return -float(np.where(counts == 0, np.logaddexp(never, ever + mass), ever + mass).sum())

    share = max(0.01, float((counts == 0).mean()) / 2)
    start = np.concatenate([plain.coefficients, [np.log(plain.dispersion), np.log(share / (1 - share))]])
    theta, logl, converged = _maximise(negative, start)
    return CountFit(
        name="zero-inflated",
        theta=theta,
        covariance=covariance_of(negative, theta) if converged else None,
        log_likelihood=logl,
        converged=converged,
        expected=lambda t, x: expit(-t[-1]) * np.exp(x @ t[:-2]),
    )


def _hurdle(design: Floats, counts: Floats, plain: Fit) -> CountFit:
    """A logit decides on any use, a truncated NB2 on how much."""
    some = counts > 0
    k = design.shape[1]
    nowhere = CountFit(
        name="hurdle",
        theta=np.full(2 * k + 1, np.nan),
        covariance=None,
        log_likelihood=float("nan"),
        converged=False,
        expected=_hurdle_mean,
    )
    try:
        gate = logistic(design, some)
    except NotEstimableError:
        return nowhere
    x, y = design[some], counts[some]
    nothing = np.zeros(len(y))

    def negative(theta: Floats) -> float:
        zero = np.exp(_log_mass(x, nothing, theta[:-1], theta[-1]))
        return -float((_log_mass(x, y, theta[:-1], theta[-1]) - np.log1p(-zero)).sum())

    start = np.append(plain.coefficients, np.log(plain.dispersion))
    theta, logl, converged = _maximise(negative, start)
    amount = covariance_of(negative, theta) if converged else None
    return CountFit(
        name="hurdle",
        theta=np.concatenate([gate.coefficients, theta]),
        covariance=None if amount is None else block_diag(gate.covariance, amount),
        log_likelihood=logl + gate.log_likelihood,
        converged=converged,
        expected=_hurdle_mean,
    )


def _hurdle_mean(theta: Floats, design: Floats) -> Floats:
    k = design.shape[1]
    mean = np.exp(np.clip(design @ theta[k:-1], -30.0, 30.0))
    size = np.exp(-theta[-1])
    # log P(0) under NB2 is -size·log(1 + mean/size); any use makes the mean of the rest larger.
    some = -np.expm1(-size * np.log1p(mean / size))
    return np.asarray(expit(design @ theta[:k]) * mean / some)


def _maximise(negative: Callable[[Floats], float], start: Floats) -> tuple[Floats, float, bool]:
    """Search by BFGS, then Newton steps: differences alone stop a few millionths short of the top."""
    found = optimize.minimize(negative, start, method="BFGS", options={"gtol": 1e-4, "maxiter": 1000})
    theta = np.asarray(found.x, dtype=float)
    if not np.isfinite(found.fun) or float(np.abs(found.jac).max()) >= 1e-2:
        return theta, -float(found.fun), False
    for _ in range(NEWTON_STEPS):
        spread = covariance_of(negative, theta)
        slope = gradient_of(negative, theta)
        if spread is None:
            return theta, -float(negative(theta)), False
        theta = theta - spread @ slope
        if slope @ spread @ slope < DECREMENT:
            return theta, -float(negative(theta)), True
    return theta, -float(negative(theta)), False


def _quiet(make: Any) -> Any:
    """Run a fit whose failure is read from its own report, not from warnings on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()
