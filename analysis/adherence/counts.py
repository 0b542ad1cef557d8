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
from scipy.special import gammaln

from analysis.adherence.binomial import Fit, separation_seen_later
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
RULE = "smallest BIC among the models that converged"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountModels:
    """The negative binomial fit, and the comparison with its zero-heavy rivals."""

    negative_binomial: Fit
    comparison: pd.DataFrame


def count_models(design: Floats, counts: Floats) -> CountModels:
    """Fit NB2, zero-inflated NB2 (one share of extra zeros) and hurdle NB2 (zeros by a logit).

    `comparison` has model, converged, log_likelihood, n_parameters, aic, bic, chosen.
    """
    plain = _negative_binomial(design, counts)
    k = design.shape[1]
    rows = [("negative binomial", True, plain.log_likelihood, k + 1)]
    for name, (logl, converged, size) in (
        ("zero-inflated", _zero_inflated(design, counts, plain)),
        ("hurdle", _hurdle(design, counts, plain)),
    ):
        rows.append((name, converged, logl, size))
    table = pd.DataFrame(rows, columns=["model", "converged", "log_likelihood", "n_parameters"])
    table["aic"] = 2 * table["n_parameters"] - 2 * table["log_likelihood"]
    table["bic"] = np.log(len(counts)) * table["n_parameters"] - 2 * table["log_likelihood"]
    best = table["bic"].where(table["converged"]).idxmin()
    table["chosen"] = table.index == best
    return CountModels(negative_binomial=plain, comparison=table)


def _negative_binomial(design: Floats, counts: Floats) -> Fit:
    from statsmodels.discrete.discrete_model import NegativeBinomial

    fit = _quiet(lambda: NegativeBinomial(counts, design).fit(disp=0, maxiter=500, method="bfgs", gtol=1e-8))
    polished = _quiet(
        lambda: NegativeBinomial(counts, design).fit(
            start_params=fit.params, disp=0, maxiter=100, method="newton"
        )
    )
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


def _zero_inflated(design: Floats, counts: Floats, plain: Fit) -> tuple[float, bool, int]:
    """One share of people never uses the app, whatever their columns say."""

    def negative(theta: Floats) -> float:
        mass = _log_mass(design, counts, theta[:-2], theta[-2])
        never, ever = -np.logaddexp(0, -theta[-1]), -np.logaddexp(0, theta[-1])
        return -float(np.where(counts == 0, np.logaddexp(never, ever + mass), ever + mass).sum())

    share = max(0.01, float((counts == 0).mean()) / 2)
    start = np.concatenate([plain.coefficients, [np.log(plain.dispersion), np.log(share / (1 - share))]])
    return (*_maximise(negative, start), len(start))


def _hurdle(design: Floats, counts: Floats, plain: Fit) -> tuple[float, bool, int]:
    """A logit decides on any use, a truncated NB2 on how much."""
    import statsmodels.api as sm

    some = counts > 0
    n_parameters = 2 * design.shape[1] + 1
    if some.all() or not some.any():
        return float("nan"), False, n_parameters
    with separation_seen_later():
        zeros = sm.GLM(some.astype(float), design, family=sm.families.Binomial()).fit(tol=1e-12)
    x, y = design[some], counts[some]
    nothing = np.zeros(len(y))

    def negative(theta: Floats) -> float:
        zero = np.exp(_log_mass(x, nothing, theta[:-1], theta[-1]))
        return -float((_log_mass(x, y, theta[:-1], theta[-1]) - np.log1p(-zero)).sum())

    start = np.append(plain.coefficients, np.log(plain.dispersion))
    logl, converged = _maximise(negative, start)
    return logl + float(zeros.llf), converged and bool(zeros.converged), n_parameters


def _maximise(negative: Callable[[Floats], float], start: Floats) -> tuple[float, bool]:
    found = optimize.minimize(negative, start, method="BFGS", options={"gtol": 1e-4, "maxiter": 1000})
    slope = float(np.abs(found.jac).max())
    return -float(found.fun), bool(np.isfinite(found.fun)) and slope < 1e-2


def _quiet(make: Any) -> Any:
    """Run a fit whose failure is read from its own report, not from warnings on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()
