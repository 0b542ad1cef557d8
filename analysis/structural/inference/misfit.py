"""Residuals of fitted models: raw, standardised by the sample, and divided by their standard errors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.common.threads import one_thread
from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal
from analysis.structural.estimation.fiml import saturated_information
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.information import (
    Block,
    moment_jacobian,
    moment_rows,
    saturated_pieces,
    weigh,
)
from analysis.structural.estimation.ram import Array, build_group, vech_places
from analysis.structural.two_level.ordinal_model import (
    build_two_level_group,
    evaluate_two_level,
    scales_between,
)
from instrument.errors import DefinitionError, fact_and_hint

KINDS = ("raw", "correlation", "z")


def implied_covariances(fitted: Fitted) -> list[Array]:
    """Implied covariances, or correlations for ordinal items, per group."""
    if not fitted.ordinal:
        return [state.sigma for state in fitted.states]
    if fitted.table.level_names:  # where the variance within is one, as in the sample
        return _two_level_covariances(fitted)
    p = len(fitted.table.names.observed)
    found: list[Array] = []
    for group in range(len(fitted.states)):
        template = build_ordinal_group(fitted.table, group)
        state = evaluate_ordinal(template, fitted.x)
        if fitted.mixed:  # given the covariates, which keep their own covariances
            own = fitted.sample_covariances[group].copy()
            places = np.ix_(template.explained, template.explained)
            own[places] = (state.base.sigma * np.outer(state.scales, state.scales))[places]
            found.append(own)
            continue
        matrix = np.eye(p)
        row, column = vech_places(p, False)
        matrix[row, column] = matrix[column, row] = state.moments[len(state.thresholds) :]
        found.append(matrix)
    return found


def _two_level_covariances(fitted: Fitted) -> list[Array]:
    """Correlations within clusters and covariances between them, of ordinal items."""
    found: list[Array] = []
    for group in range(len(fitted.states) // 2):
        template = build_two_level_group(fitted.table, group)
        state = evaluate_two_level(template, fitted.x)
        below = scales_between(template, state)
        levels = (
            (template.items, state.within.base.sigma * np.outer(state.scales, state.scales)),
            (template.place, state.between.sigma * np.outer(below, below)),
        )
        for level, (items, sigma) in enumerate(levels):  # covariates keep their own covariances
            own = fitted.sample_covariances[2 * group + level].copy()
            own[np.ix_(items, items)] = sigma[np.ix_(items, items)]
            found.append(own)
    return found


def implied_tables(fitted: Fitted) -> dict[str, pd.DataFrame]:
    """Implied covariance of every group as a labelled table."""
    found = {}
    for block, sigma in enumerate(implied_covariances(fitted)):
        names = fitted.table.names_of(block).observed
        found[fitted.block_key(block)] = pd.DataFrame(sigma, index=names, columns=names)
    return found


@one_thread()
def residual_tables(fitted: Fitted, kind: str) -> dict[str, pd.DataFrame]:
    """Residuals of every group as a labelled table, means in the last column."""
    if kind not in KINDS:
        raise DefinitionError(
            fact_and_hint("residuals", f"kind {kind!r} is unknown.", f"choose one of {list(KINDS)}.")
        )
    if kind == "z" and fitted.table.level_names:
        fact = "standard errors of residuals are not computed for two levels."
        raise DefinitionError(fact_and_hint("residuals", fact, "ask for kind='correlation' or 'raw'."))
    if kind == "z" and fitted.mixed:
        fact = "standard errors of residuals are not computed for ordinal beside other variables."
        raise DefinitionError(fact_and_hint("residuals", fact, "ask for kind='correlation' or 'raw'."))
    with_means = fitted.table.options.meanstructure and not fitted.ordinal
    errors = _standard_errors(fitted) if kind == "z" else [None] * len(fitted.states)
    found: dict[str, pd.DataFrame] = {}
    implied = implied_covariances(fitted)
    for g in range(len(implied)):
        names = fitted.table.names_of(g).observed
        sample = fitted.sample_covariances[g]
        scale = np.ones(len(names)) if kind == "raw" else np.sqrt(np.diag(sample))
        matrix = (sample - implied[g]) / np.outer(scale, scale)
        means: Array | None = (fitted.sample_means[g] - fitted.states[g].mu) / scale if with_means else None
        error = errors[g]
        if error is not None:
            matrix = _divide(matrix, error[1])
            means = None if means is None else _divide(means, error[0])
        table = pd.DataFrame(matrix, index=names, columns=names)
        if means is not None:
            table["mean"] = means
        found[fitted.block_key(g)] = table
    return found


def _divide(values: Array, errors: Array) -> Array:
    """Quotient; zero where a residual cannot vary."""
    safe = np.where(errors > 1e-8, errors, 1.0)
    quotient: Array = np.where(errors > 1e-8, values / safe, 0.0)
    return quotient


def _kept(fitted: Fitted) -> np.ndarray:
    """Moments that vary: not those among fixed exogenous variables."""
    names = fitted.table.names
    places = [names.observed.index(n) for n in names.exogenous]
    return moment_rows(len(names.observed), places, fitted.table.options.meanstructure)


def _blocks(fitted: Fitted) -> list[Block]:
    """Moments of every group with weight and Gamma; rows are (mu, vech Sigma), or the correlations.

    The weight is the information at the implied moments; Gamma comes from the saturated model, as a
    sandwich for MLR.
    """
    if fitted.ordinal:
        return fitted.blocks
    blocks = []
    with_means = fitted.table.options.meanstructure
    keep = _kept(fitted)
    robust = fitted.estimator == "MLR"
    observed = robust or fitted.missing == "fiml"
    for g, sample in enumerate(fitted.samples):
        state = fitted.states[g]
        group = build_group(fitted.table, g, fitted.exogenous_values[g])
        delta = moment_jacobian(group, state, fitted.table.n_free, keep)
        mu = state.mu if with_means else sample.mean
        weight = saturated_information(sample.patterns, state.sigma, mu, observed=observed)
        information, meat = saturated_pieces(sample, keep)
        gamma = np.linalg.inv(information)
        if robust:
            gamma = gamma @ meat @ gamma
        blocks.append(Block(delta, gamma, weight[np.ix_(keep, keep)], sample.n / fitted.n_obs))
    return blocks


def _standard_errors(fitted: Fitted) -> list[tuple[Array, Array]]:
    """Standard errors of correlation residuals of means and covariances.

    The residual e = (I - D (D'WD)^-1 D'W)(s - sigma) has covariance M Gamma M' / n.
    """
    blocks = _blocks(fitted)
    basis = fitted.reduction.basis
    deltas = [b.delta @ basis for b in blocks]
    bread = np.linalg.inv(
        np.sum([b.share * d.T @ weigh(b, d) for b, d in zip(blocks, deltas, strict=True)], axis=0)
    )
    meat = np.zeros_like(bread)
    for block, delta in zip(blocks, deltas, strict=True):
        pulled = weigh(block, delta)
        meat += block.share * pulled.T @ block.gamma @ pulled
    outer = bread @ meat @ bread
    p = len(fitted.table.names.observed)
    row, column = vech_places(p, not fitted.ordinal)
    found: list[tuple[Array, Array]] = []
    for g, (block, delta) in enumerate(zip(blocks, deltas, strict=True)):
        n = fitted.totals[g]
        crossed = block.gamma @ weigh(block, delta) @ bread
        variance = np.diag(block.gamma) / n
        variance = variance - 2.0 * np.einsum("ij,ij->i", crossed, delta) / fitted.n_obs
        variance = variance + np.einsum("ij,jk,ik->i", delta, outer, delta) / fitted.n_obs
        errors = np.sqrt(np.maximum(variance, 0.0))
        if not fitted.ordinal:
            spread = np.zeros(p + len(row))
            spread[_kept(fitted)] = errors
            errors = spread
        scale = np.sqrt(np.diag(fitted.sample_covariances[g]))
        below = errors[len(errors) - len(row) :] / (scale[row] * scale[column])
        matrix = np.zeros((p, p))
        matrix[row, column] = matrix[column, row] = below
        with_means = fitted.table.options.meanstructure and not fitted.ordinal
        found.append((errors[:p] / scale if with_means else np.zeros(p), matrix))
    return found
