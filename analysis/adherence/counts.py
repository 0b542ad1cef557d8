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
from scipy.special import expit, gammaln, psi

from analysis.adherence.binomial import Fit, jacobian_of
from analysis.adherence.delta import delta_interval
from analysis.adherence.threshold import logistic
from analysis.software import used
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
FEWEST_USERS = 10
NEWTON_STEPS, DECREMENT = 20, 1e-12  # twice the gain in log likelihood that is left
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
    # BIC mistakes a hurdle for one share of non-users more often than not at a few hundred people.
    best = table["aic"].where(table["converged"]).idxmin()
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
        used("statsmodels")
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
    return np.asarray(np.exp(np.clip(design @ coefficients, -30.0, 30.0)))


def _zero_inflated(design: Floats, counts: Floats, plain: Fit) -> CountFit:
    """One share of people never uses the app, whatever their columns say."""

    empty = counts == 0

    def negative(theta: Floats) -> float:
        mass = _log_mass(_mean(design, theta[:-2]), counts, np.exp(-theta[-2]))
        never, ever = -np.logaddexp(0, -theta[-1]), -np.logaddexp(0, theta[-1])
        return -float(np.where(empty, np.logaddexp(never, ever + mass), ever + mass).sum())

    def gradient(theta: Floats) -> Floats:
        mean, size = _mean(design, theta[:-2]), float(np.exp(-theta[-2]))
        zero = size * np.log(size / (size + mean))
        # How surely a person belongs to those who use the app at all, given the count.
        user = np.where(empty, expit(zero - theta[-1]), 1.0)
        by_line, by_alpha = _slopes(mean, counts, size)
        by_share = (1 - user - expit(theta[-1])).sum()
        return -np.concatenate([design.T @ (user * by_line), [(user * by_alpha).sum(), by_share]])

    share = max(0.01, float((counts == 0).mean()) / 2)
    start = np.concatenate([plain.coefficients, [np.log(plain.dispersion), np.log(share / (1 - share))]])
    theta, logl, spread = _maximise(negative, gradient, start)
    return CountFit(
        name="zero-inflated",
        theta=theta,
        covariance=spread,
        log_likelihood=logl,
        converged=spread is not None,
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
        mean, size = _mean(x, theta[:-1]), float(np.exp(-theta[-1]))
        zero = np.exp(size * np.log(size / (size + mean)))
        return -float((_log_mass(mean, y, size) - np.log1p(-zero)).sum())

    def gradient(theta: Floats) -> Floats:
        mean, size = _mean(x, theta[:-1]), float(np.exp(-theta[-1]))
        odds = 1 / np.expm1(size * np.log((size + mean) / size))
        own, none = _slopes(mean, y, size), _slopes(mean, nothing, size)
        by_line, by_alpha = (a + odds * b for a, b in zip(own, none, strict=True))
        return -np.append(x.T @ by_line, by_alpha.sum())

    start = np.append(plain.coefficients, np.log(plain.dispersion))
    theta, logl, amount = _maximise(negative, gradient, start)
    return CountFit(
        name="hurdle",
        theta=np.concatenate([gate.coefficients, theta]),
        covariance=None if amount is None else block_diag(gate.covariance, amount),
        log_likelihood=logl + gate.log_likelihood,
        converged=amount is not None,
        expected=_hurdle_mean,
    )


def _hurdle_mean(theta: Floats, design: Floats) -> Floats:
    k = design.shape[1]
    mean = np.exp(np.clip(design @ theta[k:-1], -30.0, 30.0))
    size = np.exp(-theta[-1])
    # log P(0) under NB2 is -size·log(1 + mean/size); any use makes the mean of the rest larger.
    some = -np.expm1(-size * np.log1p(mean / size))
    return np.asarray(expit(design @ theta[:k]) * mean / some)


def _maximise(
    negative: Callable[[Floats], float], gradient: Callable[[Floats], Floats], start: Floats
) -> tuple[Floats, float, Floats | None]:
    """Search by BFGS, then Newton steps; estimates, log-likelihood, covariance (None: no maximum found)."""
    found = optimize.minimize(
        negative, start, jac=gradient, method="BFGS", options={"gtol": 1e-5, "maxiter": 1000}
    )
    theta = np.asarray(found.x, dtype=float)
    if not np.isfinite(found.fun) or float(np.abs(found.jac).max()) >= 1e-2:
        return theta, -float(found.fun), None
    for _ in range(NEWTON_STEPS):
        curve = jacobian_of(gradient, theta)
        if not np.isfinite(curve).all() or np.linalg.eigvalsh(curve).min() <= 0:
            break
        spread, slope = np.asarray(np.linalg.inv(curve), dtype=np.float64), gradient(theta)
        theta = theta - spread @ slope
        if slope @ spread @ slope < DECREMENT:
            return theta, -float(negative(theta)), spread
    return theta, -float(negative(theta)), None


def _quiet(make: Any) -> Any:
    """Run a fit whose failure is read from its own report, not from warnings on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()
