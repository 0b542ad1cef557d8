"""Correlations of ordinal items with continuous variables: public functions and their result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.result import Result
from analysis.correlation.counts import pair_indices
from analysis.correlation.frames import item_matrix
from analysis.correlation.mixed import MixedMoments, mixed_moments
from analysis.correlation.moments import square_from_pairs
from analysis.correlation.polychoric import threshold_frame, warn_of_limits
from analysis.correlation.smoothing import is_definite, smallest_eigenvalue
from instrument.answers import answers_of
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MixedCorrelationResult(Result):
    """Correlations among ordinal and continuous variables.

    Attributes
    ----------
    correlations, standard_errors
        Shape (p, p), labelled; standard errors are 0 on the diagonal.
    kinds
        Per variable "ordinal" or "continuous".
    thresholds
        Index ordinal variable, columns 1 … k − 1.
    means, variances
        Of the continuous variables; variances divide by the number of answers.
    n_obs
        Persons used.
    pair_n
        Persons who answered both.
    missing
        The rule applied.
    smallest_eigenvalue
        Of the matrix.
    """

    correlations: pd.DataFrame
    standard_errors: pd.DataFrame
    kinds: pd.Series
    thresholds: pd.DataFrame
    means: pd.Series
    variances: pd.Series
    n_obs: int
    pair_n: pd.DataFrame
    missing: str
    smallest_eigenvalue: float

    def to_frame(self) -> pd.DataFrame:
        """Give the pairs as rows.

        Returns
        -------
        pandas.DataFrame
            Columns first, second, type, correlation, standard_error, n.
        """
        first, second = pair_indices(len(self.correlations))
        names = np.array(self.correlations.columns, dtype=object)
        ordinal = (self.kinds == "ordinal").to_numpy()
        types = np.array(["product-moment", "polyserial", "polychoric"], dtype=object)
        return pd.DataFrame(
            {
                "first": names[first],
                "second": names[second],
                "type": types[ordinal[first].astype(int) + ordinal[second]],
                "correlation": self.correlations.to_numpy()[first, second],
                "standard_error": self.standard_errors.to_numpy()[first, second],
                "n": self.pair_n.to_numpy()[first, second],
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PolyserialResult(Result):
    """Correlations of ordinal items (rows) with continuous variables (columns).

    Attributes
    ----------
    correlations, standard_errors, n
        Shape (n_items, n_continuous).
    thresholds
        Index item, columns 1 … k − 1.
    missing
        The rule applied.
    """

    correlations: pd.DataFrame
    standard_errors: pd.DataFrame
    n: pd.DataFrame
    thresholds: pd.DataFrame
    missing: str

    def to_frame(self) -> pd.DataFrame:
        """Give the correlations.

        Returns
        -------
        pandas.DataFrame
            One row per item.
        """
        return self.correlations


def mixed_correlations(
    data: pd.DataFrame,
    ordered: Sequence[str],
    missing: Literal["pairwise", "listwise"] = "pairwise",
) -> MixedCorrelationResult:
    """Estimate the correlation matrix of ordinal and continuous variables by two-step maximum likelihood.

    Use it where items stand beside scores or ages. Not for nominal variables.

    Parameters
    ----------
    data
        Shape (n_persons, p), NA for no answer.
    ordered
        Names of the ordinal columns; the others are continuous.
    missing
        "pairwise" or "listwise".

    Returns
    -------
    MixedCorrelationResult
        Polychoric, polyserial and product-moment correlations with standard errors.

    Raises
    ------
    ResponseDataError
        Unknown names, constant variables, pairs without joint answers, ordinal codes that are not whole.
    NotEstimableError
        A correlation of 1 or −1, or one whose search did not converge.

    Warns
    -----
    ToolkitWarning
        The matrix is not positive definite.

    Notes
    -----
    A polyserial ρ maximises Σ log[Φ(u_c) − Φ(u_{c−1})], u_c = (τ_c − ρz)/√(1 − ρ²), over the persons who
    answered both; z is standardised with the mean and variance of all its answers.

    References
    ----------
    Olsson, U., Drasgow, F., & Dorans, N. J. (1982). The polyserial correlation coefficient.
    Psychometrika, 47, 337–347. https://doi.org/10.1007/BF02294164

    R: `lavaan::lavCor(data, ordered = ordered)`.
    """
    caller = "mixed_correlations"
    values, names = item_matrix(data, caller)
    unknown = [name for name in ordered if name not in names]
    if unknown:
        fact = f"{len(unknown)} of {len(ordered)} ordered names are not columns: {name_offenders(unknown)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "name columns of the table."))
    kinds = np.isin(names, list(ordered))
    moments = mixed_moments(values, kinds, missing, names=names, caller=caller)
    lowest = smallest_eigenvalue(moments.correlations)
    definite = is_definite(moments.correlations)
    warn_of_limits(lowest, [], None, caller, definite=definite, can_smooth=False)

    def square(matrix: npt.NDArray[np.generic]) -> pd.DataFrame:
        return pd.DataFrame(matrix, index=names, columns=names)

    continuous = [name for name, kind in zip(names, kinds, strict=True) if not kind]
    return MixedCorrelationResult(
        correlations=square(moments.correlations),
        standard_errors=square(_standard_errors(moments)),
        kinds=pd.Series(np.where(kinds, "ordinal", "continuous"), index=names),
        thresholds=_ordinal_thresholds(moments, names),
        means=pd.Series(moments.means[~kinds], index=continuous),
        variances=pd.Series(moments.variances[~kinds], index=continuous),
        n_obs=moments.n_obs,
        pair_n=square(moments.pair_n),
        missing=missing,
        smallest_eigenvalue=lowest,
    )


def polyserial(
    items: pd.DataFrame,
    continuous: pd.DataFrame | pd.Series,
    missing: Literal["pairwise", "listwise"] = "pairwise",
) -> PolyserialResult:
    """Correlate ordinal items with continuous variables, as if the items had not been cut.

    Parameters
    ----------
    items
        Whole-number codes, shape (n_persons, n_items).
    continuous
        Shape (n_persons,) or (n_persons, m), on the same index.
    missing
        "pairwise" or "listwise".

    Returns
    -------
    PolyserialResult
        Two-step maximum likelihood estimates.

    Raises
    ------
    ResponseDataError
        Tables of different persons or shared names, and as `mixed_correlations`.

    References
    ----------
    Olsson, U., Drasgow, F., & Dorans, N. J. (1982). The polyserial correlation coefficient.
    Psychometrika, 47, 337–347. https://doi.org/10.1007/BF02294164

    R: `lavaan::lavCor`; `polycor::polyserial(x, y)` uses another two-step (ρ from the point-polyserial
    formula), and with `ML = TRUE` estimates thresholds jointly.

    Examples
    --------
    R: `lavCor(data.frame(a, x), ordered = "a")[1, 2]` is 0.64361.

    >>> a = pd.DataFrame({"a": [1, 1, 2, 2, 2, 3, 3, 3, 1, 2]})
    >>> x = pd.Series([0.1, 0.4, 0.3, 0.9, 1.2, 1.1, 0.8, 1.7, 0.9, 0.2], name="x")
    >>> float(polyserial(a, x).correlations.loc["a", "x"].round(5))
    0.64361
    """
    caller = "polyserial"
    items = answers_of(items, caller)
    values, names = items.to_numpy(), list(items.columns)
    table = answers_of(continuous.to_frame() if isinstance(continuous, pd.Series) else continuous, caller)
    scores, score_names = table.to_numpy(), list(table.columns)
    if not items.index.equals(table.index):
        fact = f"items hold {len(items)} persons, continuous {len(table)}, or in another order."
        raise ResponseDataError(fact_and_hint(caller, fact, "align both on one index."))
    shared = sorted(set(names) & set(score_names))
    if shared:
        fact = f"{len(shared)} columns are in both tables: {name_offenders(shared)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "rename them."))
    kinds = np.arange(len(names) + len(score_names)) < len(names)
    stacked = np.column_stack([values, scores])
    moments = mixed_moments(stacked, kinds, missing, names=names + score_names, caller=caller)
    cut = len(names)

    def corner(matrix: npt.NDArray[np.generic]) -> pd.DataFrame:
        return pd.DataFrame(matrix[:cut, cut:], index=names, columns=score_names)

    return PolyserialResult(
        correlations=corner(moments.correlations),
        standard_errors=corner(_standard_errors(moments)),
        n=corner(moments.pair_n),
        thresholds=_ordinal_thresholds(moments, names),
        missing=missing,
    )


def _standard_errors(moments: MixedMoments) -> npt.NDArray[np.float64]:
    p = len(moments.ordered)
    gamma = np.asarray(moments.correlation_acov, dtype=np.float64)
    variances = np.diag(gamma)[-p * (p - 1) // 2 :] / moments.n_obs
    return square_from_pairs(np.sqrt(variances), p, 0.0)


def _ordinal_thresholds(moments: MixedMoments, names: list[str]) -> pd.DataFrame:
    ordinal = np.flatnonzero(moments.ordered)
    if not ordinal.size:
        return pd.DataFrame(index=pd.Index([], dtype=object))
    return threshold_frame([moments.thresholds[i] for i in ordinal], [names[i] for i in ordinal])
