"""Robust indices with missing answers: what complete data would have shown (Zhang & Savalei 2023)."""

from __future__ import annotations

import math

import numpy as np

from analysis.structural.estimation.continuous_groups import Setting
from analysis.structural.estimation.independence import baseline_moments, independence_delta
from analysis.structural.estimation.indices import Statistic
from analysis.structural.estimation.information import (
    Block,
    GroupSample,
    moment_jacobian,
    projected_trace,
    saturated_pieces,
)
from analysis.structural.estimation.normal import saturated_information
from analysis.structural.estimation.ram import Array, State


def complete_data_statistic(setting: Setting, states: list[State], estimator: str) -> Statistic:
    """Statistic the complete data would have given (Zhang & Savalei 2023), with its expectation."""
    basis, n = setting.reduction.whole, setting.n
    model: list[Block] = []
    base_sum = np.zeros(2)
    chisq, df = 0.0, len(setting.rows) * len(states) - setting.reduction.n_parameters
    df -= setting.reduction.given
    weights: list[Array] = []
    delta_base = independence_delta(setting)
    baselines = baseline_moments(setting)
    for sample, group, state, (mean, sigma) in zip(
        setting.samples, setting.groups, states, baselines, strict=True
    ):
        information, meat = saturated_pieces(sample, setting.rows)
        gamma = np.linalg.inv(information)
        if estimator == "MLR":
            gamma = gamma @ meat @ gamma
        weight = saturated_information(np.linalg.inv(sample.covariance), True)[
            np.ix_(setting.rows, setting.rows)
        ]
        delta = moment_jacobian(group, state, setting.table.n_free, setting.rows) @ basis
        model.append(Block(delta, gamma, information, sample.n / n))
        weights.append(weight)
        chisq += sample.n * _complete_gap(sample, state.sigma, state.mu)
        base = Block(delta_base, gamma, information, sample.n / n)
        base_sum += [sample.n * _complete_gap(sample, sigma, mean), projected_trace([base], [weight])]
    base_df = (len(setting.rows) - delta_base.shape[1]) * len(states)
    return Statistic(
        chisq=chisq,
        df=df,
        baseline=float(base_sum[0]),
        baseline_df=base_df,
        correction=projected_trace(model, weights) / df if df else math.nan,
        baseline_correction=float(base_sum[1]) / base_df if base_df else math.nan,
    )


def _complete_gap(sample: GroupSample, sigma: Array, mu: Array) -> float:
    distance = sample.mean - mu
    target = sample.covariance + np.outer(distance, distance)
    inverse = np.linalg.inv(sigma)
    log_det = np.linalg.slogdet(sigma)[1] - np.linalg.slogdet(sample.covariance)[1]
    return float(log_det + np.sum(inverse * target) - len(mu))
