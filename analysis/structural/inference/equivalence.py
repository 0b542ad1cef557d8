"""Equivalence tests of fit: how large the misfit of a model, and of each parameter left out, may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2, ncx2, norm

from analysis.common.noncentrality import chi_square_noncentrality
from analysis.common.result import Result
from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal
from analysis.structural.estimation.complete_data import complete_data_statistic
from analysis.structural.estimation.continuous_groups import Setting
from analysis.structural.estimation.fitted import Fitted, ScaledTest
from analysis.structural.estimation.indices import Statistic
from analysis.structural.estimation.information import Block, moment_rows
from analysis.structural.estimation.ordinal import robust_statistic
from analysis.structural.estimation.ram import build_group, vech_places
from analysis.structural.inference.modification import modification_table
from instrument.errors import DefinitionError, fact_and_hint

ALPHA = 0.05
HIGH_POWER = 0.75  # Saris, Satorra & van der Veld (2009)
SMALLEST = {"=~": 0.4, "~~": 0.1, "~": 0.1}  # of interest, standardised (Saris, Satorra & van der Veld 2009)
GRADES = ("excellent", "close", "fair", "mediocre", "poor")
CONVENTIONAL = {"rmsea": (0.01, 0.05, 0.08, 0.10), "cfi": (0.99, 0.95, 0.92, 0.90)}
# log of the adjusted cut-off in powers and logarithms of df, of the baseline's df and of N - 1
# (Yuan, Chan, Marcoulides & Bentler 2016)
_RMSEA_TERMS = ("1", "ld", "ld2", "ln", "ln2", "n.5", "n.2", "n", "ldln")
_RMSEA_WEIGHTS = (
    (1.34863, -0.51999, 0.01925, -0.59811, 0.0, 0.00902, 0.0, 0.0, 0.01796),
    (2.06034, -0.62974, 0.02512, -0.98388, 0.05442, 0.0, 0.0, -0.00005188, 0.05260),
    (2.84129, -0.54809, 0.02296, -0.76005, 0.10229, 0.0, -1.11167, 0.0, 0.04845),
    (2.36352, -0.49440, 0.02131, -0.64445, 0.09043, 0.0, -1.01634, 0.0, 0.04422),
)
_CFI_TERMS = ("1", "ld", "ld2", "d.2", "b.2", "lb2", "ln", "ln2", "n.5", "n.2", "ldln", "lbln")
_CFI_WEIGHTS = (
    (4.67603, -0.50827, 0.0, 0.87087, -0.59613, 0.0, -1.89602, 0.10190, 0.0, 0.0, 0.03729, 0.0),
    (4.12132, -0.46285, 0.0, 0.52478, -0.31832, 0.0, -1.74422, 0.13042, -0.02360, 0.0, 0.04215, 0.0),
    (6.31234, -0.41762, 0.01554, 0.0, 0.0, -0.00563, -1.30229, 0.19999, 0.0, -2.17429, 0.05342, -0.01520),
    (5.96633, -0.40425, 0.01384, 0.0, 0.0, -0.00411, -1.20242, 0.18763, 0.0, -2.06704, 0.05245, -0.01533),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EquivalenceResult(Result):
    """How large the misfit of a model may be at most, with 95 % confidence.

    Attributes
    ----------
    table
        One row per index: index, variant (which statistic), estimate, t_size (no larger misfit is compatible
        with the data), excellent, close, fair, mediocre (adjusted cut-offs that correspond to the
        conventional ones) and grade (NaN and "" where not defined).
    """

    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Give the table."""
        return self.table.copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MisfitResult(Result):
    """Single parameters that were left out, held against a smallest effect of interest.

    Attributes
    ----------
    table
        One row per parameter, the largest modification index first: lhs, op, rhs, group (level), mi, sepc_all
        (expected standardised change), ci_lower, ci_upper (90 %), smallest, ncp, power, decision. Decisions:
        "misfit" (larger than `smallest`, or found although the power for it was low), "no misfit" (not found
        with high power, or found and smaller), "cannot tell" (not found, and the power was low); `equivalent`
        says whether the whole 90 % interval lies within plus or minus `smallest`.
    smallest
        Smallest effect of interest by operator.
    high_power
        What counts as high power.
    """

    table: pd.DataFrame
    smallest: dict[str, float]
    high_power: float

    def to_frame(self) -> pd.DataFrame:
        """Give the table."""
        return self.table.copy()


def t_size_rmsea(test: ScaledTest, n: float, n_groups: int = 1) -> float:
    """Largest RMSEA that is compatible with the statistic at level .05.

    Parameters
    ----------
    test
        The statistic with its correction.
    n
        Rows that the statistic was multiplied by.
    n_groups
        Groups.
    """
    c = _factor(test)
    most = chi_square_noncentrality(test.chisq / c, test.df, ALPHA)
    return math.sqrt(c * most * n_groups / (n * test.df))


def t_size_cfi(test: ScaledTest, baseline: ScaledTest) -> float:
    """Smallest CFI that is compatible with both statistics, each at level .025; NaN where one is unknown."""
    if not np.isfinite([test.chisq, baseline.chisq]).all() or test.uncorrectable or baseline.uncorrectable:
        return math.nan
    if not baseline.df:  # nothing that independence could get wrong
        return math.nan
    c, b = _factor(test), _factor(baseline)
    most = c * chi_square_noncentrality(test.chisq / c, test.df, ALPHA / 2.0)
    least = b * chi_square_noncentrality(baseline.chisq / b, baseline.df, 1.0 - ALPHA / 2.0)
    return 1.0 - most / max(most, least) if most > 0.0 else 1.0


def _factor(test: ScaledTest) -> float:
    return 1.0 if math.isnan(test.factor) else test.factor


def adjusted_cutoffs(index: str, df: int, n: float, baseline_df: int) -> tuple[float, ...]:
    """Cut-offs of the T-size index that correspond to the conventional ones.

    Parameters
    ----------
    index
        "rmsea" or "cfi".
    df, baseline_df
        Degrees of freedom of the model and of independence.
    n
        Rows less one.
    """
    ld, ln, lb = math.log(df), math.log(n), math.log(baseline_df)
    term = {
        "1": 1.0,
        "ld": ld,
        "ld2": ld**2,
        "ln": ln,
        "ln2": ln**2,
        "n.5": n**0.5,
        "n.2": n**0.2,
        "n": n,
        "ldln": ld * ln,
        "d.2": df**0.2,
        "b.2": baseline_df**0.2,
        "lb2": lb**2,
        "lbln": lb * ln,
    }
    names, weights = (_RMSEA_TERMS, _RMSEA_WEIGHTS) if index == "rmsea" else (_CFI_TERMS, _CFI_WEIGHTS)
    found = [math.exp(sum(w * term[name] for w, name in zip(own, names, strict=True))) for own in weights]
    return tuple(found) if index == "rmsea" else tuple(1.0 - value for value in found)


def equivalence_of(fitted: Fitted) -> EquivalenceResult:
    """T-size RMSEA and CFI of a fitted model; see `StructuralResult.equivalence`."""
    fit, test = fitted.fit, fitted.test
    if test.df == 0:
        raise DefinitionError(
            fact_and_hint(
                "equivalence", "the model has no degrees of freedom.", "test a model that can fail."
            )
        )
    suffix = "" if fitted.estimator == "ML" else "_robust"
    sizes = {"rmsea": float(fit[f"rmsea_ci_upper{suffix}"]), "cfi": t_size_cfi(*_tests_of_indices(fitted))}
    rows: list[dict[str, object]] = []
    for index, size in sizes.items():
        cutoffs: tuple[float, ...] = (math.nan,) * 4
        if len(fitted.sizes) == 1 and not fitted.table.level_names and fitted.baseline.df > 0:
            cutoffs = adjusted_cutoffs(index, test.df, fitted.n_obs - 1, fitted.baseline.df)
        rows.append(
            {
                "index": index,
                "variant": suffix[1:] or "uncorrected",
                "estimate": float(fit[f"{index}{suffix}"]),
                "t_size": size,
                **dict(zip(GRADES, cutoffs, strict=False)),
                "grade": _grade(index, size, cutoffs),
            }
        )
    return EquivalenceResult(table=pd.DataFrame(rows))


def _tests_of_indices(fitted: Fitted) -> tuple[ScaledTest, ScaledTest]:
    """Statistics of model and baseline that the indices rest on.

    With missing answers and MLR, and for ordinal items, these are normal-theory discrepancies of the moments
    that complete data, or the responses behind the answers, would have shown.
    """
    unknown = ScaledTest(chisq=math.nan, df=1)
    if fitted.mixed or (fitted.ordinal and fitted.table.level_names):
        return unknown, unknown
    if fitted.ordinal:
        found = _of_ordinal_items(fitted)
    elif fitted.estimator == "MLR" and fitted.missing == "fiml" and not fitted.table.level_names:
        found = _of_complete_data(fitted)
    else:
        return fitted.test, fitted.baseline
    return (
        ScaledTest(chisq=found.chisq, df=int(found.df), factor=found.correction),
        ScaledTest(chisq=found.baseline, df=found.baseline_df, factor=found.baseline_correction),
    )


def _of_ordinal_items(fitted: Fitted) -> Statistic:
    p = len(fitted.table.names.observed)
    row, column = vech_places(p, False)
    sample = [
        np.concatenate([t, c[row, column]])
        for t, c in zip(fitted.sample_thresholds, fitted.sample_covariances, strict=True)
    ]
    groups = [build_ordinal_group(fitted.table, g) for g in range(len(sample))]
    states = [evaluate_ordinal(group, fitted.x) for group in groups]
    basis = fitted.reduction.basis
    blocks = [Block(b.delta @ basis, b.gamma, b.weight, b.share) for b in fitted.blocks]
    return robust_statistic(sample, states, blocks, fitted.totals, len(fitted.sample_thresholds[0]))


def _of_complete_data(fitted: Fitted) -> Statistic:
    table, at = fitted.table, {name: k for k, name in enumerate(fitted.table.names.observed)}
    means = table.options.meanstructure
    setting = Setting(
        table,
        fitted.samples,
        [build_group(table, g, fixed) for g, fixed in enumerate(fitted.exogenous_values)],
        fitted.reduction,
        moment_rows(len(at), [at[name] for name in table.names.exogenous], means),
        means,
        True,
    )
    return complete_data_statistic(setting, fitted.states, fitted.estimator)


def _grade(index: str, size: float, cutoffs: tuple[float, ...]) -> str:
    """First grade whose cut-off the index meets; empty where either is unknown."""
    if not np.isfinite([size, *cutoffs]).all():
        return ""
    met = [size <= c if index == "rmsea" else size >= c for c in cutoffs]
    return next((grade for grade, good in zip(GRADES, met, strict=False) if good), GRADES[-1])


def misfits_of(fitted: Fitted, smallest: dict[str, float] | None, high_power: float) -> MisfitResult:
    """Hold single misfits against a smallest effect of interest; see `StructuralResult.misfits`."""
    wanted = SMALLEST | (smallest or {})
    odd = [op for op, size in wanted.items() if op not in SMALLEST or not 0.0 < size < math.inf]
    if odd:
        raise DefinitionError(
            fact_and_hint(
                "misfits",
                f"smallest has no positive size for a known operator: {odd[:5]}.",
                f"give standardised sizes by operator, such as {SMALLEST}.",
            )
        )
    if not 0.5 <= high_power < 1.0:
        raise DefinitionError(
            fact_and_hint("misfits", f"high_power is {high_power!r}.", "give a share from 0.5 to below 1.")
        )
    found = modification_table(fitted)
    found = found[found["op"].isin(wanted)].reset_index(drop=True)
    size = found["op"].map(wanted).to_numpy(dtype=float)
    change, mi = found["sepc_all"].to_numpy(dtype=float), found["mi"].to_numpy(dtype=float)
    critical = float(chi2.isf(ALPHA, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ncp = mi * (size / change) ** 2
        half = float(norm.isf(ALPHA)) * np.abs(change) / np.sqrt(mi)
    power = ncx2.sf(critical, 1, ncp)
    seen, high = mi > critical, power >= high_power
    large = np.abs(change) >= size
    decision = np.where(
        seen, np.where(high & ~large, "no misfit", "misfit"), np.where(high, "no misfit", "cannot tell")
    )
    unknown = ~np.isfinite(ncp)
    lower, upper = change - half, change + half
    kept = [name for name in ("lhs", "op", "rhs", "group", "level", "mi", "sepc_all") if name in found]
    table = found[kept].assign(
        ci_lower=lower,
        ci_upper=upper,
        smallest=size,
        ncp=ncp,
        power=power,
        decision=np.where(unknown, "cannot tell", decision),
        equivalent=(lower > -size) & (upper < size),
    )
    return MisfitResult(table=table, smallest=wanted, high_power=high_power)
