"""Warnings about solutions that were found but should not be trusted as they are."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array, variable_order
from analysis.structural.estimation.starting import may_have_several_minima
from instrument.errors import fact_and_hint, name_offenders, warn_user

BELOW_ZERO = 1e-7  # smallest root of correlations beneath which they are those of no variables


class Fault(StrEnum):
    """Why a solution that was found is no ground for a judgement."""

    NEGATIVE_VARIANCE = "negative_variance"
    CORRELATION_BEYOND_ONE = "correlation_beyond_one"
    IMPOSSIBLE = "impossible_covariances"
    INDEFINITE = "indefinite_correlations"
    UNKNOWN_ERRORS = "unknown_errors"
    FEW_ROWS = "fewer_rows_than_parameters"
    SMALL_GROUP = "small_group"
    FEW_CLUSTERS = "fewer_clusters_than_parameters"

    @property
    def of_size(self) -> bool:
        """Whether more people would mend it."""
        return self in (Fault.FEW_ROWS, Fault.SMALL_GROUP, Fault.FEW_CLUSTERS)


def faults_of(fitted: Fitted) -> tuple[Fault, ...]:
    """Warn about everything that makes a solution no ground for a judgement, and name it.

    Parameters
    ----------
    fitted
        The solution.

    Returns
    -------
    tuple of Fault
        Empty for a proper solution of enough people.
    """
    variances = np.diag(fitted.vcov)
    warn_several_minima(fitted)
    unknown = not np.isfinite(variances).all() or bool((variances < -1e-10).any())
    return (
        *warn_improper(fitted),
        *warn_indefinite(fitted),
        *((Fault.UNKNOWN_ERRORS,) if unknown else ()),
        *warn_small_groups(fitted),
        *warn_few_clusters(fitted),
        *warn_uneven_weights(fitted),
    )


def warn_several_minima(fitted: Fitted) -> None:
    """Say that the usual start does not lead to the lowest minimum; the lowest one is reported."""
    if fitted.minimum.lower:
        hint = "a program that starts once may report the other; " + (
            "variances below zero make for several: set bounds='pos.var', or simplify level 2."
            if fitted.table.n_levels > 1
            else "look whether the general factor stands for one theme."
            if may_have_several_minima(fitted.table)
            else "look whether its indicators tell the factors apart."
        )
        warn_user(
            fact_and_hint(
                fitted.caller,
                "the discrepancy has several minima: the usual start ends in one that is not the lowest; the "
                "lowest that was found is reported.",
                hint,
            )
        )


def warn_improper(fitted: Fitted) -> tuple[Fault, ...]:
    """Warn about negative variances (Heywood cases) and covariances that no variables can have."""
    negative: list[str] = []
    beyond: list[str] = []
    residual: list[str] = []
    impossible: list[str] = []
    for block, state in enumerate(fitted.states):
        names, p = variable_order(fitted.table, block), len(state.observed)
        label = fitted.table.block_name(block, fitted.data.group_labels)
        where = f" ({label})" if label else ""
        below = np.flatnonzero(np.diag(state.symmetric) < 0.0)
        negative += [f"{names[k]}{where}" for k in below]
        latent = _pairs_beyond_one(state.covariance[p:, p:])
        beyond += [f"{names[p + j]}-{names[p + i]}{where}" for i, j in latent]
        known = {(p + i, p + j) for i, j in latent}
        own = [pair for pair in _pairs_beyond_one(state.symmetric) if pair not in known]
        own = [pair for pair in own if not set(pair) & set(below.tolist())]
        residual += [f"{names[j]}-{names[i]}{where}" for i, j in own]
        if not (len(below) or latent or own) and (involved := _of_no_variables(state.symmetric)):
            impossible.append(f"{', '.join(names[k] for k in involved)}{where}")
    told = (
        (
            "negative variances (Heywood cases)",
            negative,
            "add indicators or rows, equate loadings, or look for items that repeat each other.",
        ),
        ("latent correlations beyond 1", beyond, "consider merging these factors."),
        (
            "residual correlations beyond 1",
            residual,
            "drop a covariance of residuals, or take what these share for a factor.",
        ),
        (
            "covariances that no variables can have, although each correlation lies within 1",
            impossible,
            "drop or fix one of these covariances, or merge factors.",
        ),
    )
    for what, where_found, hint in told:
        if where_found:
            warn_user(fact_and_hint(fitted.caller, f"{what}: {name_offenders(where_found)}.", hint))
    found = {
        Fault.NEGATIVE_VARIANCE: negative,
        Fault.CORRELATION_BEYOND_ONE: beyond + residual,
        Fault.IMPOSSIBLE: impossible,
    }
    return tuple(fault for fault, places in found.items() if places)


def _pairs_beyond_one(covariance: Array) -> list[tuple[int, int]]:
    """Places, the later first, whose covariance is more than their variances allow."""
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    above = np.abs(covariance / np.outer(spread, spread)) > 1.0 + 1e-8
    return [(int(i), int(j)) for i, j in np.argwhere(np.tril(above, -1))]


def _of_no_variables(covariance: Array) -> list[int]:
    """Places of a negative combination, most involved first; none where the matrix is one of covariances."""
    kept = np.flatnonzero(np.diag(covariance) > 0.0)
    spread = np.sqrt(np.diag(covariance)[kept])
    size, vectors = np.linalg.eigh(covariance[np.ix_(kept, kept)] / np.outer(spread, spread))
    if not len(kept) or size[0] >= -BELOW_ZERO:
        return []
    share = np.abs(vectors[:, 0])
    return [int(k) for k in sorted(kept[share > 0.05 * share.max()])]


def warn_indefinite(fitted: Fitted) -> tuple[Fault, ...]:
    """Warn about matrices of polychoric correlations that no answers of one population can have."""
    if not fitted.ordinal:
        return ()
    of_items = fitted.sample_covariances[:: fitted.table.n_levels]  # those between clusters are none
    smallest = [float(np.linalg.eigvalsh(matrix)[0]) for matrix in of_items]
    found = [
        f"{'smallest eigenvalue' if label is None else label} {value:.3f}"
        for label, value in zip(fitted.data.group_labels, smallest, strict=True)
        if value <= 0.0
    ]
    if found:
        warn_user(
            fact_and_hint(
                fitted.caller,
                f"polychoric correlations are not positive definite ({', '.join(found[:5])}); "
                "robust CFI, TLI and RMSEA are not reported.",
                "merge rare categories, or drop items that repeat each other.",
            )
        )
    return (Fault.INDEFINITE,) if found else ()


def warn_few_clusters(fitted: Fitted) -> tuple[Fault, ...]:
    """Warn about fewer clusters than parameters: their joint sandwich has no full rank."""
    n_parameters = fitted.reduction.n_parameters
    if not 0 < fitted.n_clusters < n_parameters:
        return ()
    warn_user(
        fact_and_hint(
            fitted.caller,
            f"{fitted.n_clusters} clusters for {n_parameters} parameters.",
            "collect more clusters or simplify the model; standard errors and test are provisional.",
        )
    )
    return (Fault.FEW_CLUSTERS,)


def warn_uneven_weights(fitted: Fitted) -> tuple[Fault, ...]:
    """Warn about weights so uneven that they are worth fewer rows than there are parameters (Kish 1965)."""
    weights = [one.weights for one in fitted.data.sampling if one.weights is not None]
    if not weights:
        return ()
    every, n_parameters = np.concatenate(weights), fitted.reduction.n_parameters
    worth = float(every.sum() ** 2 / np.sum(every**2))
    if worth >= n_parameters:
        return ()
    warn_user(
        fact_and_hint(
            fitted.caller,
            f"the weights in use are worth {worth:.1f} of {len(every)} rows, for {n_parameters} parameters.",
            "look for a weight that outweighs all others; treat the results as provisional.",
        )
    )
    return (Fault.FEW_ROWS,)


def warn_small_groups(fitted: Fitted) -> tuple[Fault, ...]:
    """Warn about groups with fewer than two rows per parameter, and about fewer rows than parameters."""
    if len(fitted.sizes) < 2:
        n_parameters = fitted.reduction.n_parameters
        if fitted.n_obs < n_parameters:
            warn_user(
                fact_and_hint(
                    fitted.caller,
                    f"{fitted.n_obs} rows for {n_parameters} parameters.",
                    "collect more answers or merge categories; treat the results as provisional.",
                )
            )
            return (Fault.FEW_ROWS,)
        return ()
    owners = [r.group // fitted.table.n_levels for r in fitted.table.free_rows()]
    counts = [owners.count(g) for g in range(len(fitted.sizes))]
    small = [
        f"{label} ({n} rows, {q} parameters)"
        for label, n, q in zip(fitted.data.group_labels, fitted.sizes, counts, strict=True)
        if n < 2 * q
    ]
    if small:
        warn_user(
            fact_and_hint(
                fitted.caller,
                f"groups with fewer than two rows per parameter: {name_offenders(small)}.",
                "merge groups or categories, or equate parameters; treat the results as provisional.",
            )
        )
    return (Fault.SMALL_GROUP,) if small else ()
