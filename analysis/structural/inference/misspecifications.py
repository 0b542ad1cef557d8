"""Whether what a model leaves out is small enough to be left out: equivalence tests, not tests of zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.common.result import Result
from analysis.reliability.resampling import checked_level
from analysis.structural.inference.result import StructuralResult
from instrument.errors import DefinitionError, fact_and_hint

LOADING, CORRELATION, REGRESSION, INTERCEPT = 0.4, 0.1, 0.1, 0.2
WITHIN, BEYOND, UNDECIDED = "negligible", "relevant", "cannot be told"
POWER, ALPHA = 0.80, 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MisspecificationResult(Result):
    """What a model leaves out, held against what would matter.

    Attributes
    ----------
    parameters : pandas.DataFrame
        One row per parameter left out: lhs, op, rhs, group, mi, epc, `sepc` (standardised), `se` of it,
        `ci_lower`, `ci_upper`, `trivial` (what would matter), `power` to find that, `verdict` ("negligible",
        "relevant", "cannot be told") by the interval, `by_power` (M: misspecified, NM: not, I: inconclusive,
        EPC:M and EPC:NM: by the size of the change).
    residuals : pandas.DataFrame
        One row per pair of variables: one, other, group, `residual` (of the correlation), `se`, `z`,
        `ci_lower`, `ci_upper`, `verdict`.
    confidence : float
        Confidence level of the intervals.
    """

    parameters: pd.DataFrame
    residuals: pd.DataFrame
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter left out."""
        return self.parameters


def misspecifications(
    result: StructuralResult,
    *,
    loading_size: float = LOADING,
    correlation_size: float = CORRELATION,
    regression_size: float = REGRESSION,
    intercept_size: float = INTERCEPT,
    confidence: float = 0.90,
) -> MisspecificationResult:
    """Say of every parameter left out, and of every residual correlation, whether it is negligible.

    A modification index that is not significant shows nothing in a small sample, and one that is shows
    little in a large one. Here the interval of the expected change is held against the smallest change that
    would matter.

    Parameters
    ----------
    result
        Of `cfa` or `sem`.
    loading_size, correlation_size, regression_size, intercept_size
        Smallest standardised change that matters, by kind of parameter; `correlation_size` also of residuals.
    confidence
        Of the intervals; 0.90 makes it the usual pair of one-sided tests at 0.05.

    Returns
    -------
    MisspecificationResult
        `.parameters` and `.residuals`, the largest first.

    Raises
    ------
    DefinitionError
        A size that is not positive.

    Notes
    -----
    The standard error of the expected change is |EPC|/√MI. Covariances of errors are standardised by the
    whole variances of their variables, so that the size is that of a correlation. "Negligible": all of the
    interval lies within ± what matters; "relevant": none of it does. Power is that of the score test (χ² of
    one degree of freedom, 0.05) to find what matters, high from 0.80. Residual correlations have the
    standard errors behind `residuals("z")`; where those are not computed, the table is empty.

    In R: ``semTools::miPowerFit``; ``lavaan::lavResiduals``.

    References
    ----------
    Saris, W. E., Satorra, A., & van der Veld, W. M. (2009). Structural Equation Modeling, 16, 561-582.
    https://doi.org/10.1080/10705510903203433
    """
    checked_level(confidence, "misspecifications")
    sizes = {"=~": loading_size, "~~": correlation_size, "~": regression_size, "~1": intercept_size}
    if min(sizes.values()) <= 0 or not np.isfinite(list(sizes.values())).all():
        fact = "a smallest change that matters is not above 0."
        raise DefinitionError(
            fact_and_hint("misspecifications", fact, "give standardised sizes such as 0.1.")
        )
    return MisspecificationResult(
        parameters=_parameters(result, sizes, confidence),
        residuals=_residuals(result, correlation_size, confidence),
        confidence=confidence,
    )


def _parameters(result: StructuralResult, sizes: dict[str, float], confidence: float) -> pd.DataFrame:
    table = result.modification_indices()
    frame = table[table["op"].isin(list(sizes)) & (table["mi"] > 0)].reset_index(drop=True)
    found = frame[["lhs", "op", "rhs", "group", "mi", "epc"]].assign(sepc=_standardized(frame, result))
    found["se"] = found["sepc"].abs() / np.sqrt(found["mi"])
    crit = float(stats.norm.ppf((1 + confidence) / 2))
    found["ci_lower"] = found["sepc"] - crit * found["se"]
    found["ci_upper"] = found["sepc"] + crit * found["se"]
    found["trivial"] = found["op"].map(sizes)
    cutoff = float(stats.chi2.ppf(1 - ALPHA, 1))
    found["power"] = stats.ncx2.sf(cutoff, 1, (found["trivial"] / found["se"]) ** 2)
    found["verdict"] = _verdicts(found, found["trivial"])
    significant, high = found["mi"] > cutoff, found["power"] > POWER
    by_size = np.where(found["sepc"].abs() > found["trivial"], "EPC:M", "EPC:NM")
    found["by_power"] = np.select(
        [significant & high, significant & ~high, ~significant & high], [by_size, "M", "NM"], "I"
    )
    return found


def _standardized(frame: pd.DataFrame, result: StructuralResult) -> list[float]:
    """Changes in standard deviations; those of error covariances by the whole variance of the variables."""
    implied = {str(name): matrix for name, matrix in result.implied().items()}
    found = []
    for row in frame.to_dict("records"):
        matrix = implied.get(str(row["group"]), next(iter(implied.values())))
        observed = row["lhs"] in matrix.index and row["rhs"] in matrix.index
        if row["op"] == "~~" and observed:
            spread = np.sqrt(matrix.loc[row["lhs"], row["lhs"]] * matrix.loc[row["rhs"], row["rhs"]])
            found.append(float(row["epc"] / spread))
        else:
            found.append(float(row["sepc_all"]))
    return found


def _verdicts(frame: pd.DataFrame, bound: pd.Series | float) -> np.ndarray:
    """Whether intervals lie within ± a bound, beyond it, or hold values of both kinds."""
    within = (frame["ci_lower"] > -bound) & (frame["ci_upper"] < bound)
    beyond = (frame["ci_lower"] > bound) | (frame["ci_upper"] < -bound)
    found: np.ndarray = np.select([within, beyond], [WITHIN, BEYOND], UNDECIDED)
    return found


def _residuals(result: StructuralResult, bound: float, confidence: float) -> pd.DataFrame:
    columns = ["one", "other", "group", "residual", "se", "z", "ci_lower", "ci_upper", "verdict"]
    try:
        by_z = result.residuals("z")
    except DefinitionError:  # two levels, or ordinal beside other variables
        return pd.DataFrame(columns=columns)
    crit = float(stats.norm.ppf((1 + confidence) / 2))
    rows = []
    for group, table in result.residuals("correlation").items():
        names = list(table.index)
        for k, one in enumerate(names):
            for other in names[:k]:
                residual, z = float(table.loc[one, other]), float(by_z[group].loc[one, other])
                if z == 0 or not np.isfinite(z):
                    continue  # fitted by construction
                se = residual / z
                row = {"one": other, "other": one, "group": group, "residual": residual, "se": se, "z": z}
                rows.append(row | {"ci_lower": residual - crit * se, "ci_upper": residual + crit * se})
    found = pd.DataFrame(rows, columns=columns[:-1])
    found["verdict"] = _verdicts(found, bound)
    order = found["residual"].abs().sort_values(ascending=False, kind="stable").index
    return found.loc[order].reset_index(drop=True)
