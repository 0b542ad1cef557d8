"""Score tests of equality constraints: which of them the data would give up first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import null_space
from scipy.stats import chi2

from analysis.common.result import Result
from analysis.common.threads import one_thread
from analysis.structural.estimation.expressions import linear_constraints
from analysis.structural.estimation.fitted import Fitted, parameter_names
from analysis.structural.estimation.least_squares import LeastSquaresDiscrepancy
from analysis.structural.estimation.ram import Array
from analysis.structural.inference.modification import discrepancy_of
from instrument.errors import DefinitionError, fact_and_hint

LEAST_SHARE = 1e-7  # of the information of a direction that the free parameters must leave over
UNKNOWN = (math.nan, 1, math.nan, math.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConstraintTests(Result):
    """Score tests of the equality constraints of a fitted model.

    Attributes
    ----------
    table
        One row per constraint: lhs, rhs (parameters, or the two sides of a formula), label, score (the
        statistic), df, pvalue, and expected_difference: how far lhs - rhs would move if this constraint alone
        were released. NaN where the model would then not be identified.
    score, df, pvalue
        All constraints together; df counts the directions in which the model without any is identified.
    """

    table: pd.DataFrame
    score: float
    df: int
    pvalue: float

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per constraint.
        """
        return self.table


@one_thread()
def constraint_tests(fitted: Fitted) -> ConstraintTests:
    """Release each constraint in turn.

    Parameters
    ----------
    fitted
        A fitted model with equal labels or `==`.

    Returns
    -------
    ConstraintTests
        One row per constraint, in the order of the model.

    Raises
    ------
    DefinitionError
        The model has no constraints.
    """
    names, matrix = _constraints(fitted)
    if not names:
        raise DefinitionError(
            fact_and_hint(
                "constraint_tests",
                "the model has no equality constraints.",
                "give parameters one label, or say what is equal with group_equal=.",
            )
        )
    score, information = _score(fitted)
    rows = []
    for k, (lhs, rhs, label) in enumerate(names):
        freed = null_space(np.delete(matrix, k, axis=0)) if len(names) > 1 else np.eye(matrix.shape[1])
        value, df, change = _statistic(score, information, fitted.reduction.basis, freed)
        gap = float(matrix[k] @ change)
        rows.append((lhs, rhs, label, value, 1, _tail(value, 1), gap) if df else (lhs, rhs, label, *UNKNOWN))
    columns = ["lhs", "rhs", "label", "score", "df", "pvalue", "expected_difference"]
    everything = np.eye(matrix.shape[1])
    together, df, _ = _statistic(score, information, fitted.reduction.basis, everything)
    table = pd.DataFrame(rows, columns=columns)
    return ConstraintTests(table=table, score=together, df=df, pvalue=_tail(together, df))


def _tail(value: float, df: int) -> float:
    return float(chi2.sf(value, df)) if df else math.nan


def _constraints(fitted: Fitted) -> tuple[list[tuple[str, str, str]], Array]:
    """Names of both sides and the label; and the constraints as rows over the free parameters."""
    table = fitted.table
    written = parameter_names(table, fitted.data.group_labels)
    names: list[tuple[str, str, str]] = []
    found: list[Array] = []
    first: dict[str, int] = {}
    for row in table.free_rows():
        if row.label and first.setdefault(row.label, row.free) != row.free:
            contrast = np.zeros(table.n_free)
            contrast[first[row.label]], contrast[row.free] = 1.0, -1.0
            names.append((written[first[row.label]], written[row.free], row.label))
            found.append(contrast)
    formulas, contrasts, _ = linear_constraints(table, fitted.caller)
    for formula, contrast in zip(formulas, contrasts, strict=True):
        names.append((formula.lhs, formula.rhs, ""))
        found.append(contrast)
    return names, np.array(found).reshape(-1, table.n_free)


def _score(fitted: Fitted) -> tuple[Array, Array]:
    """Score and expected information of the parameters before constraints."""
    target = discrepancy_of(fitted, fitted.table, fitted.table.n_free)
    slope = target.gradient(fitted.x)
    if isinstance(target, LeastSquaresDiscrepancy):  # rows, not rows less one, in its information
        target.shares = [size / fitted.n_obs for size in fitted.totals]
    half = 0.5 * fitted.n_obs
    return -half * slope, half * target.expected(fitted.x)


def _statistic(score: Array, information: Array, basis: Array, freed: Array) -> tuple[float, int, Array]:
    """s'V^-1 s in the new directions that are identified, their number, and the expected change."""
    inner = basis.T @ information @ basis
    new = freed - basis @ np.linalg.lstsq(basis, freed, rcond=None)[0]
    vectors, sizes, _ = np.linalg.svd(new, full_matrices=False)
    new = vectors[:, sizes > 1e-8 * max(sizes[0], 1.0)]
    cross = basis.T @ information @ new
    toward = np.linalg.solve(inner, cross)
    own = new.T @ information @ new
    scale = np.sqrt(np.maximum(np.diag(own), 1e-300))
    roots, turn = np.linalg.eigh((own - cross.T @ toward) / np.outer(scale, scale))
    kept = roots > LEAST_SHARE
    turn = turn[:, kept] / scale[:, None]
    pulled = turn.T @ (new.T @ score)
    step = turn @ (pulled / roots[kept])
    return float(pulled @ (pulled / roots[kept])), int(kept.sum()), new @ step - basis @ (toward @ step)
