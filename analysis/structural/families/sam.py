"""Public function: structure after measurement, in two steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.common.result import Result
from analysis.common.threads import one_thread
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.families.two_step_tests import scaled_test
from analysis.structural.families.two_steps import check_two_steps, fit_two_steps, measurement_blocks
from analysis.structural.fitting import prepare_model
from analysis.structural.inference.improper import Fault, faults_of
from analysis.structural.inference.result import (
    StructuralResult,
    inference_columns,
    make_result,
    row_labels,
    shown,
)
from analysis.structural.inference.standardised import row_estimates, standardise
from analysis.structural.options import ModelOptions
from instrument.errors import DefinitionError, fact_and_hint

METHODS = ("local", "global")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SamResult(Result):
    """A structural model fitted after its measurement models.

    Attributes
    ----------
    method, estimator, missing
        "local" or "global"; estimator of the measurement models; "listwise", "fiml" or "pairwise".
    n_obs
        Rows in use.
    fit
        "local": of the structural model on the covariances of the factors; "global": of all observed moments.
        Without p and interval for MLR, clusters and weights: chi-square is that of independent normal rows.
        `chisq_scaled` and `pvalue_scaled` ("local") count what step 1 had to estimate, rows that are not
        normal, clusters and weights: read these. NaN without degrees of freedom, and where means are tested.
    parameters
        As of `sem`, with the column step: 1 measurement, 2 structure, 0 neither.
    measurement
        The model of each block of factors, by the names of its factors.
    reliability
        Share of the variance of each mapped factor score that is the factor's: columns group, factor,
        reliability. Empty for "global".
    faults
        Why the solution is no ground for a judgement; empty for a proper one.
    """

    method: str
    estimator: str
    missing: str
    n_obs: int
    fit: pd.Series
    parameters: pd.DataFrame
    measurement: dict[str, StructuralResult]
    reliability: pd.DataFrame
    faults: tuple[Fault, ...]
    _fitted: Fitted

    def to_frame(self) -> pd.DataFrame:
        """Give the parameters, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per parameter and group.
        """
        return self.parameters

    def standardized(self) -> pd.DataFrame:
        """Give the standardised solution with delta-method errors of both steps.

        Returns
        -------
        pandas.DataFrame
            Columns lhs, op, rhs, group, label, est, se, z, pvalue, ci_lower, ci_upper.
        """
        frame = row_labels(self._fitted)
        found = standardise(self._fitted, row_estimates(self._fitted), "all")
        for name, column in inference_columns(found, self._fitted.vcov).items():
            frame[name] = column
        return shown(self._fitted, frame)


def sam(
    model: str,
    data: pd.DataFrame,
    method: str = "local",
    blocks: Sequence[Sequence[str]] | None = None,
    estimator: str | None = None,
    ordered: bool | Sequence[str] | None = None,
    missing: str | None = None,
    group: str | None = None,
    group_equal: str | Sequence[str] = (),
    meanstructure: bool | None = None,
    cluster: str | None = None,
    sampling_weights: str | None = None,
) -> SamResult:
    """Fit the measurement models first, then the structure among the factors.

    Use it in small samples, where a joint search may fail, and where a wrong path should not bend what the
    factors mean: misfit of one part does not spread to the other. Not where the measurement is itself in
    doubt (`cfa` first), nor for factors with two indicators or fewer, whose own models are not identified.

    Parameters
    ----------
    model, data
        As in `sem`. Factors are measured by observed items, which nothing else predicts.
    method
        "local": the structural model is fitted to the covariances of the factors, freed of measurement error;
        "global": to all observed moments, with the measurement held fixed (ML only).
    blocks
        Factors whose measurement models are fitted together. None: each by itself, unless items, covariances
        of their errors or labels join them.
    estimator
        "WLSMV" or "ULSMV" for ordinal items, "ML" or "MLR" for numbers; None as in `sem`. "MLR" has the
        estimates of "ML" and errors that hold where answers are not normal; its test is the scaled one.
    ordered, missing, group, group_equal, meanstructure
        As in `sem`.
    cluster, sampling_weights
        As in `cfa`: "ML" becomes "MLR".

    Returns
    -------
    SamResult
        `.parameters`, `.fit`, `.measurement`, `.reliability`; `.standardized()`.

    Raises
    ------
    DefinitionError
        For models without factors or structure, and parts that two steps cannot tell apart.
    ResponseDataError
        As `sem`.
    NotEstimableError
        For factors whose covariance matrix is not positive definite, and as `sem`.

    Notes
    -----
    With loadings L and errors Theta of step 1, M = (L'Theta^-1 L)^-1 L'Theta^-1 (L in place of Theta^-1 L for
    ordinal items) and var(eta) = M (S - Theta) M'. With I the information of the joint model and V11 the
    covariance of step 1, that of step 2 is I22^-1 + I22^-1 I21 V11 I12 I22^-1; ordinal items and MLR take
    the sandwich of both steps together: a row moves the structure by I22^-1 (s2 - I21 d1), with d1 what it
    moves in step 1 and s2 its score; weighted rows of a cluster are added up first. Where means are modelled,
    observed variables beside the items count from their mean (of the first group, where intercepts are
    equal), so that intercepts are those there.

    R equivalent: `lavaan::sam(model, data)`.

    References
    ----------
    Satorra, A., & Bentler, P. M. (1994). Corrections to test statistics and standard errors in covariance
    structure analysis. In A. von Eye & C. C. Clogg (Eds.), Latent variables analysis (pp. 399-419). Sage.
    Rosseel, Y., & Loh, W. W. (2024). A structural after measurement approach to structural equation modeling.
    Psychological Methods, 29, 561-588. https://doi.org/10.1037/met0000503

    Examples
    --------
    A path of 0.5 between factors with four indicators each.

    >>> import numpy as np
    >>> draw = np.random.default_rng(3).normal
    >>> f = draw(size=500)
    >>> g = 0.5 * f + 0.8 * draw(size=500)
    >>> pairs = (("x", f), ("y", g))
    >>> items = pd.DataFrame({f"{n}{k}": v + draw(size=500) for n, v in pairs for k in range(4)})
    >>> fit = sam("f =~ x0 + x1 + x2 + x3; g =~ y0 + y1 + y2 + y3; g ~ f", items, estimator="ML")
    >>> path = fit.parameters.query("op == '~'").iloc[0]
    >>> bool(abs(path["est"] - 0.5) < 3 * path["se"])
    True
    """
    if method not in METHODS:
        fact = f"method {method!r} is unknown."
        raise DefinitionError(fact_and_hint("sam", fact, f"choose one of {list(METHODS)}."))
    options = ModelOptions(
        estimator=estimator,
        ordered=ordered,
        missing=missing,
        group=group,
        group_equal=group_equal,
        meanstructure=meanstructure,
        cluster=cluster,
        sampling_weights=sampling_weights,
    )
    ready = prepare_model("sam", model, data, options)
    check_two_steps(ready, method, "sam")
    parts = measurement_blocks(ready, blocks, "sam")
    with one_thread():
        found = fit_two_steps(ready, parts, method, "sam")
        scaled = scaled_test(ready, parts, found, "sam") if method == "local" else {}
        measurement = {
            " + ".join(names): make_result(one, model, faults_of(one))
            for names, one in zip(parts, found.measurement, strict=True)
        }
        whole = make_result(found.joint, model)
    frame = whole.parameters.copy()
    frame["step"] = found.steps
    return SamResult(
        method=method,
        estimator=ready.estimator,
        missing=ready.missing,
        n_obs=found.joint.n_obs,
        fit=pd.Series(found.fit | scaled, name="fit"),
        parameters=frame,
        measurement=measurement,
        reliability=pd.DataFrame(found.reliability, columns=["group", "factor", "reliability"]),
        faults=tuple(dict.fromkeys(f for one in measurement.values() for f in one.faults)),
        _fitted=found.joint,
    )
