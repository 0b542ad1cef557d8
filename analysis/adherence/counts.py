"""Unbounded counts of use after the landmark: negative binomial, with extra zeros where a rule says so."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.binomial import Fit
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
        ("hurdle", _hurdle(design, counts)),
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


def _zero_inflated(design: Floats, counts: Floats, plain: Fit) -> tuple[float, bool, int]:
    from statsmodels.discrete.count_model import ZeroInflatedNegativeBinomialP

    zeros = np.ones((len(counts), 1))
    start = np.concatenate([[-1.0], plain.coefficients, [plain.dispersion]])

    def fit() -> tuple[float, bool]:
        model = ZeroInflatedNegativeBinomialP(counts, design, exog_infl=zeros, p=2)
        return _outcome(model.fit(start_params=start, disp=0, maxiter=500, method="bfgs"))

    return (*_quiet(fit), design.shape[1] + 2)


def _hurdle(design: Floats, counts: Floats) -> tuple[float, bool, int]:
    import statsmodels.api as sm
    from statsmodels.discrete.truncated_model import TruncatedLFNegativeBinomialP

    some = counts > 0
    if some.all() or not some.any():
        return float("nan"), False, 2 * design.shape[1] + 1
    zeros = sm.GLM(some.astype(float), design, family=sm.families.Binomial()).fit()

    def fit() -> tuple[float, bool]:
        model = TruncatedLFNegativeBinomialP(counts[some], design[some], truncation=0, p=2)
        return _outcome(model.fit(disp=0, maxiter=500, method="bfgs"))

    logl, converged = _quiet(fit)
    return logl + float(zeros.llf), converged, 2 * design.shape[1] + 1


def _outcome(fit: Any) -> tuple[float, bool]:
    logl = float(fit.llf)
    return logl, bool(fit.mle_retvals["converged"]) and bool(np.isfinite(logl))


def _quiet(make: Any) -> Any:
    """Run a fit whose failure is read from its own report, not from warnings on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()
