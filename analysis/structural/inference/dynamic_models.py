"""Which fitted models dynamic cut-offs exist for, and what of them is fitted again."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.linalg import orth

from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.optimise import Reduction
from analysis.structural.estimation.ram import Array
from analysis.structural.inference.dynamic_levels import Standardised, standardise_state
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.partable import ParameterTable
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, kind_of, name_offenders

HINT_MODEL = "use a model in which every item loads on one factor and factors only correlate."


def checked_model(result: StructuralResult, caller: str) -> tuple[Fitted, Standardised]:
    """Give the fit and its standardised form, or say why there are no cut-offs for it.

    Parameters
    ----------
    result
        From `cfa`.
    caller
        Public function that the message names.

    Returns
    -------
    tuple
        The fit on arrays, and the standardised model.
    """
    if not isinstance(result, StructuralResult):
        fact = f"{kind_of(result)} is no fitted model."
        raise DefinitionError(fact_and_hint(caller, fact, "give the result of analysis.cfa."))
    if not result.converged:
        fact = "the search for the model did not converge."
        raise NotEstimableError(fact_and_hint(caller, fact, "simplify the model and fit it again."))
    fitted = result._fitted
    _refuse_kind(fitted, caller)
    _refuse_structure(fitted.table, caller)
    if fitted.test.df == 0:
        fact = "the model has no degrees of freedom: it fits any data."
        raise NotEstimableError(fact_and_hint(caller, fact, "add items, or constrain parameters."))
    _refuse_improper(fitted, caller)
    return fitted, standardise_state(fitted.states[0])


def _refuse_kind(fitted: Fitted, caller: str) -> None:
    if fitted.ordinal:
        fact = f"{fitted.estimator} fits ordinal items; the cut-offs are simulated for continuous ones."
        raise DefinitionError(
            fact_and_hint(caller, fact, "judge the ordinal model by its test and residuals, or fit MLR.")
        )
    if len(fitted.sizes) > 1:
        fact = f"the model has {len(fitted.sizes)} groups; cut-offs exist for one."
        raise DefinitionError(fact_and_hint(caller, fact, "fit each group alone."))


def _refuse_structure(table: ParameterTable, caller: str) -> None:
    """Refuse paths other than one loading per item and covariances of factors."""
    items, factors = set(table.names.observed), set(table.names.latent)
    times = Counter(r.rhs for r in table.rows if r.op == "=~" and r.fixed != 0.0)
    faults = [r.name for r in table.rows if r.op == "~" or (r.op == "=~" and r.rhs in factors)]
    faults += [f"{r.lhs} =~ {r.rhs}" for r in table.rows if r.op == "=~" and times[r.rhs] > 1]
    faults += [
        r.name
        for r in table.rows
        if r.op == "~~" and r.lhs != r.rhs and not {r.lhs, r.rhs} <= factors and r.fixed != 0.0
    ]
    faults += sorted(items - set(times))
    if faults:
        fact = f"the model holds more than factors and their items: {name_offenders(dict.fromkeys(faults))}."
        raise DefinitionError(fact_and_hint(caller, fact, HINT_MODEL))


def _refuse_improper(fitted: Fitted, caller: str) -> None:
    state, p = fitted.states[0], len(fitted.table.names.observed)
    residual = np.diag(state.symmetric)[:p]
    names = [n for n, value in zip(fitted.table.names.observed, residual, strict=True) if value <= 0.0]
    if names:
        fact = f"residual variances are not positive: {name_offenders(names)}."
        hint = "mend the model first: an improper solution is no population to draw from."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))
    if np.linalg.eigvalsh(state.covariance[p:, p:])[0] <= 0.0:
        fact = "the covariance matrix of the factors is not positive definite."
        raise NotEstimableError(fact_and_hint(caller, fact, "merge factors that cannot be told apart."))


def covariance_reduction(fitted: Fitted, caller: str) -> tuple[Reduction, Array]:
    """Give the parameters of the covariances alone, and their values; free means fit any sample.

    Parameters
    ----------
    fitted
        The fit.
    caller
        Public function that the message names.

    Returns
    -------
    tuple
        Reduced parameters without intercepts, and the values found for them.
    """
    table, reduction = fitted.table, fitted.reduction
    means = np.array([row.op == "~1" for row in table.free_rows()], dtype=bool)
    if not table.options.meanstructure:
        return reduction, fitted.minimum.z
    free, n_items = np.linalg.matrix_rank(reduction.basis[means]), len(table.names.observed)
    kept = np.zeros((len(means), reduction.basis.shape[1] - n_items))
    rest = orth(reduction.basis[~means])
    if means.sum() != n_items or free != n_items or rest.shape[1] != kept.shape[1] or _fixed_means(table):
        fact = "the means of the model are restricted."
        raise DefinitionError(fact_and_hint(caller, fact, "leave the intercepts of the items free."))
    kept[~means] = rest
    alone = Reduction(kept, np.where(means, 0.0, reduction.offset))
    return alone, alone.contract(np.where(means, 0.0, fitted.x))


def _fixed_means(table: ParameterTable) -> bool:
    """Whether an intercept is fixed elsewhere than a factor's at zero."""
    latent = set(table.names.latent)
    rows = [row for row in table.rows if row.op == "~1" and not row.is_free]
    return any(row.fixed != 0.0 or row.lhs not in latent for row in rows)


def moments_in_srmr(fitted: Fitted) -> int:
    """Count the moments the SRMR of the fit averages over: means too, where they are modelled."""
    p = len(fitted.table.names.observed)
    return p * (p + 1) // 2 + (p if fitted.table.options.meanstructure else 0)
