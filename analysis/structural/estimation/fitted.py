"""What an estimation hands on: estimates, information and everything the later questions need."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import chdtrc

from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.information import Block, GroupSample
from analysis.structural.estimation.optimise import Minimum, Reduction
from analysis.structural.estimation.ram import Array, State
from analysis.structural.language.partable import ParameterTable
from analysis.structural.two_level.likelihood import TwoLevelLikelihood
from instrument.errors import (
    ConvergenceError,
    NotEstimableError,
    UnderidentifiedError,
    fact_and_hint,
    name_offenders,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledTest:
    """A statistic with its correction: scaled = chisq / factor + shift.

    The factor is NaN where nothing is corrected. A factor of MLR is a difference of traces, which can come
    out at zero or below; such a statistic has no scaled form.
    """

    chisq: float
    df: int
    factor: float = float("nan")
    shift: float = 0.0

    @property
    def uncorrectable(self) -> bool:
        """Whether a correction was estimated that no statistic can be divided by."""
        return self.df > 0 and self.factor <= 0.0

    @property
    def scaled(self) -> float:
        """The corrected statistic; NaN where the factor cannot be one."""
        if self.uncorrectable:
            return float("nan")
        return self.chisq / self.factor + self.shift if self.df > 0 else self.chisq

    @property
    def pvalue(self) -> float:
        """Upper tail of the uncorrected statistic."""
        return float(chdtrc(self.df, self.chisq)) if self.df > 0 else float("nan")

    @property
    def scaled_pvalue(self) -> float:
        """Upper tail of the corrected statistic."""
        return float(chdtrc(self.df, self.scaled)) if self.df > 0 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One fitted model on arrays.

    Attributes
    ----------
    x
        Free parameters, shape (q,); `vcov` is their covariance.
    information
        Second derivatives of the discrepancy by x used for modification indices, shape (q, q).
    states, scales, moments
        Implied matrices per group; scales of ordinal items (ones otherwise); implied moments.
    sizes, totals
        Rows per group, and the sum of their weights.
    blocks
        Moments with derivatives, weight and Gamma per group.
    test, baseline
        Test of the model and of the independence model.
    fit
        Fit indices by name.
    """

    caller: str
    estimator: str
    missing: str
    table: ParameterTable
    data: ModelData
    reduction: Reduction
    minimum: Minimum
    x: Array
    vcov: Array
    states: list[State]
    scales: list[Array]
    sample_means: list[Array]
    sample_covariances: list[Array]
    sample_thresholds: list[Array]
    sizes: list[int]
    totals: list[float]
    test: ScaledTest
    baseline: ScaledTest
    fit: dict[str, float]
    blocks: list[Block]
    samples: list[GroupSample] = field(default_factory=list)
    clusters: list[TwoLevelLikelihood] = field(default_factory=list)
    thresholds: list[Array] = field(default_factory=list)
    exogenous_values: list[dict[tuple[str, str, str], float]] = field(default_factory=list)
    sample_moments: list[Array] = field(default_factory=list)  # with continuous variables or covariates
    two_level_moments: list[Array] = field(default_factory=list)  # of ordinal items at two levels

    @property
    def n_obs(self) -> int:
        """Rows in use."""
        return sum(self.sizes)

    def block_key(self, block: int) -> str:
        """Name of a group, or a level of a group, in dictionaries of tables."""
        return self.table.block_name(block, self.data.group_labels) or "all"

    @property
    def n_clusters(self) -> int:
        """Clusters of all groups, 0 where rows are independent."""
        return sum(own.n_clusters for own in self.data.sampling)

    @property
    def ordinal(self) -> bool:
        """Whether the model is one of ordinal items, by themselves or beside others."""
        return bool(self.table.options.ordered)

    @property
    def mixed(self) -> bool:
        """Whether ordinal items stand beside continuous variables or covariates."""
        return bool(self.sample_moments)


def refuse_unconverged(minimum: Minimum, caller: str, names: list[str], slope: Array) -> None:
    """Raise when the search failed."""
    if minimum.converged and np.isfinite(minimum.value):
        return
    if minimum.violated:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"the constraints cannot hold together: {name_offenders(list(minimum.violated))}.",
                "drop or loosen one of them.",
            )
        )
    worst = [names[k] for k in np.argsort(-np.abs(slope))[:3]]
    raise ConvergenceError(
        fact_and_hint(
            caller,
            f"no convergence after {minimum.n_iter} steps (largest gradient {minimum.gradient:.2g}, "
            f"steepest: {name_offenders(worst)}); nothing is reported.",
            "simplify the model, or give starting values with start().",
        )
    )


def refuse_negative_df(n_moments: int, n_parameters: int, caller: str) -> None:
    """Raise when there are more parameters than moments."""
    if n_parameters > n_moments:
        raise UnderidentifiedError(
            fact_and_hint(
                caller,
                f"{n_parameters} parameters but only {n_moments} sample moments: the model has negative "
                f"degrees of freedom ({n_moments - n_parameters}).",
                "fix or equate parameters, or add indicators.",
            )
        )


def parameter_names(table: ParameterTable, labels: list[object]) -> list[str]:
    """Names of the free parameters in the model language, with the group where there are several."""
    where = [table.block_name(k, labels) for k in range(table.options.n_groups)]
    return [f"{r.name} ({where[r.group]})" if where[r.group] else r.name for r in table.free_rows()]
