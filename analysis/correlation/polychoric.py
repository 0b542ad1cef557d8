"""Polychoric correlations of a table of items: the public function and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.result import Result
from analysis.correlation.counts import pair_indices
from analysis.correlation.frames import estimate_labels, item_matrix
from analysis.correlation.moments import OrdinalMoments, ordinal_moments, square_from_pairs
from analysis.correlation.smoothing import (
    NAMED,
    Smooth,
    Smoothing,
    checked_smooth,
    is_definite,
    size_of_smoothing,
    smallest_eigenvalue,
    smoothed,
)
from instrument.errors import (
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
    warn_user,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PolychoricResult(Result):
    """Polychoric correlations with all that belongs to them.

    Attributes
    ----------
    correlations
        Shape (n_items, n_items), labelled.
    thresholds
        Index item, columns 1 … k − 1; NaN where an item has fewer.
    n_obs
        Persons used (pairwise: with at least one answer).
    pair_n
        Persons who answered both items; diagonal: the item.
    empty_cells
        Empty cells of each pair's contingency table.
    missing
        The rule applied.
    correct
        Amount added to empty cells of every table.
    smallest_eigenvalue
        Of the estimated matrix, before smoothing.
    smoothed
        Whether `correlations` were smoothed.
    smoothing
        How far they were moved; None where they are as estimated.
    at_bound
        Pairs whose correlation ran to ±1, as "item~~item".
    """

    correlations: pd.DataFrame
    thresholds: pd.DataFrame
    n_obs: int
    pair_n: pd.DataFrame
    empty_cells: pd.DataFrame
    missing: str
    correct: float
    smallest_eigenvalue: float
    smoothed: bool
    smoothing: Smoothing | None
    at_bound: list[str]
    _covariance: Callable[[], OrdinalMoments] = field(repr=False)
    _kept: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def acov(self) -> pd.DataFrame:
        """Asymptotic covariance of thresholds and correlations, computed at the first use.

        Returns
        -------
        pandas.DataFrame
            Labelled "item|t1" … and "item~~item"; variances are squared standard errors (lavaan's
            `gamma` divided by the number of persons). NaN for correlations at ±1.

        Raises
        ------
        NotEstimableError
            The correlations were changed by `correct` or smoothing.
        """
        if "acov" not in self._kept:
            if self.smoothed or self.correct > 0:
                cause = "smoothed" if self.smoothed else "estimated from corrected tables"
                raise NotEstimableError(
                    fact_and_hint(
                        "polychoric",
                        f"the correlations were {cause}; their sampling covariance is not known.",
                        "call it with correct=0 and smooth=False for the covariance.",
                    )
                )
            per_item = self.thresholds.notna().sum(axis=1).tolist()
            labels = estimate_labels(list(self.correlations.columns), per_item)
            gamma = np.asarray(self._covariance().acov, dtype=np.float64)
            self._kept["acov"] = pd.DataFrame(gamma / self.n_obs, index=labels, columns=labels)
        return self._kept["acov"]

    @property
    def standard_errors(self) -> pd.DataFrame:
        """Standard errors of the correlations, from `acov`.

        Returns
        -------
        pandas.DataFrame
            Shape (n_items, n_items); 0 on the diagonal.
        """
        names = list(self.correlations.columns)
        n_pairs = len(names) * (len(names) - 1) // 2
        variances = np.diag(self.acov.to_numpy())[-n_pairs:]
        return pd.DataFrame(
            square_from_pairs(np.sqrt(variances), len(names), 0.0), index=names, columns=names
        )

    def to_frame(self) -> pd.DataFrame:
        """Give the pairs as rows.

        Returns
        -------
        pandas.DataFrame
            Columns first, second, correlation, n, empty_cells.
        """
        first, second = pair_indices(len(self.correlations))
        names = np.array(self.correlations.columns, dtype=object)
        return pd.DataFrame(
            {
                "first": names[first],
                "second": names[second],
                "correlation": self.correlations.to_numpy()[first, second],
                "n": self.pair_n.to_numpy()[first, second],
                "empty_cells": self.empty_cells.to_numpy()[first, second],
            }
        )


def polychoric(
    items: pd.DataFrame,
    missing: Literal["pairwise", "listwise"] = "pairwise",
    correct: float = 0.0,
    zero_add: tuple[float, float] = (0.5, 0.0),
    smooth: Smooth = False,
) -> PolychoricResult:
    """Estimate polychoric correlations of ordinal items by two-step maximum likelihood.

    Each answer is taken as a cut of a normal variable; the correlation is that of the uncut variables.
    Use it for items of up to about seven ordered categories. Not for counts or continuous scores, nor
    where a skewed latent variable is likely: normality of each pair is assumed.

    Parameters
    ----------
    items
        Whole-number codes, shape (n_persons, n_items), NA for no answer. The categories of an item are
        the codes that occur.
    missing
        "pairwise": thresholds from all who answered the item, correlations from all who answered both;
        "listwise": only persons with every answer.
    correct
        Added to every empty cell of every table before its correlation is estimated, as `correct` in
        psych's `tetrachoric`; replaces `zero_add` when above 0.
    zero_add
        Added to empty cells of 2 × 2 tables, whose margins are kept, and of larger tables: lavaan's
        `zero.add`.
    smooth
        What becomes of a matrix that is not positive definite: `False` leaves it, `"nearest"` takes the
        nearest correlation matrix, `"truncated"` (or `True`) raises its eigenvalues to a floor.

    Returns
    -------
    PolychoricResult
        Correlations, thresholds, counts and, on request, their asymptotic covariance.

    Raises
    ------
    ResponseDataError
        Fewer than two items, answers that are not whole numbers, constant or unanswered items, pairs
        without joint answers.
    NotEstimableError
        A correlation whose search did not converge.

    Warns
    -----
    ToolkitWarning
        The matrix is not positive definite, or a correlation ran to ±1.

    Notes
    -----
    Thresholds are τ = Φ⁻¹(cumulated shares). With them held, ρ maximises Σ n_ab log π_ab(ρ), where
    π_ab is the bivariate normal probability of the cell, by Newton's method to a step of 1e-11. The
    asymptotic covariance is B⁻¹ V B⁻ᵀ / n with V the sum of products of the persons' scores.

    References
    ----------
    Olsson, U. (1979). Maximum likelihood estimation of the polychoric correlation coefficient.
    Psychometrika, 44, 443–460. https://doi.org/10.1007/BF02296207

    Muthén, B. (1984). A general structural equation model with dichotomous, ordered categorical, and
    continuous latent variable indicators. Psychometrika, 49, 115–132. https://doi.org/10.1007/BF02294210

    Higham, N. J. (2002). Computing the nearest correlation matrix: a problem from finance. IMA Journal of
    Numerical Analysis, 22, 329–343. https://doi.org/10.1093/imanum/22.3.329

    R: `lavaan::lavCor(items, ordered = names(items), missing = "pairwise")`, `psych::polychoric(items)`.

    Examples
    --------
    A table of 25, 10, 5 and 20 persons; R: `lavCor(d, ordered = names(d))` gives 0.723063.

    >>> d = pd.DataFrame({"a": [0] * 35 + [1] * 25, "b": [0] * 25 + [1] * 10 + [0] * 5 + [1] * 20})
    >>> float(polychoric(d).correlations.loc["a", "b"].round(6))
    0.723063
    """
    caller = "polychoric"
    values, names = item_matrix(items, caller)
    if correct < 0 or min(zero_add) < 0:
        raise ResponseDataError(
            fact_and_hint(
                caller, "an amount added to empty cells is negative.", "give 0 or a small positive number."
            )
        )
    method = checked_smooth(caller, smooth)
    fill, keep = ((correct, correct), False) if correct > 0 else (zero_add, True)

    estimate = partial(
        ordinal_moments,
        values,
        missing,
        names=names,
        zero_add=fill,
        keep_margins=keep,
        caller=caller,
    )
    moments = estimate(acov=False)
    first, second = pair_indices(len(names))
    at_bound = [f"{names[first[i]]}~~{names[second[i]]}" for i in np.flatnonzero(moments.at_bound)]
    lowest = smallest_eigenvalue(moments.correlations)
    definite = is_definite(moments.correlations)
    warn_of_limits(lowest, at_bound, method, caller, definite=definite)
    correlations, size = moments.correlations, None
    if method is not None and not definite:
        correlations = smoothed(moments.correlations, method)
        size = size_of_smoothing(moments.correlations, correlations, names, method)

    def square(matrix: npt.NDArray[np.generic]) -> pd.DataFrame:
        return pd.DataFrame(matrix, index=names, columns=names)

    empty = square_from_pairs(moments.empty_cells.astype(float), len(names), 0.0).astype(np.int64)
    return PolychoricResult(
        correlations=square(correlations),
        thresholds=threshold_frame(moments.thresholds, names),
        n_obs=moments.n_obs,
        pair_n=square(moments.pair_n),
        empty_cells=square(empty),
        missing=missing,
        correct=correct,
        smallest_eigenvalue=lowest,
        smoothed=size is not None,
        smoothing=size,
        at_bound=at_bound,
        _covariance=partial(estimate, acov=True),
    )


def threshold_frame(thresholds: list[npt.NDArray[np.float64]], names: list[str]) -> pd.DataFrame:
    """Lay thresholds out as a table.

    Parameters
    ----------
    thresholds
        Per item.
    names
        Item names.

    Returns
    -------
    pandas.DataFrame
        Index item, columns 1 … largest number of thresholds; NaN where an item has fewer.
    """
    most = max(len(t) for t in thresholds)
    padded = np.array([np.pad(t, (0, most - len(t)), constant_values=np.nan) for t in thresholds])
    return pd.DataFrame(padded, index=names, columns=range(1, most + 1))


def warn_of_limits(
    lowest: float,
    at_bound: list[str],
    method: str | None,
    caller: str,
    *,
    definite: bool,
    can_smooth: bool = True,
) -> None:
    """Warn of correlations at ±1 and of a matrix that is not positive definite.

    Parameters
    ----------
    lowest
        Smallest eigenvalue.
    at_bound
        Pairs at ±1.
    method
        By which rule the matrix is smoothed where it has to be, None where it stays.
    caller
        The public function that warns.
    definite
        Whether the matrix can be inverted.
    can_smooth
        Whether that function has the option `smooth`.
    """
    if at_bound:
        fact = f"{len(at_bound)} correlations ran to ±1: {name_offenders(at_bound)}."
        hint = "drop one item of each pair, or give correct=0.5 if empty cells are the cause."
        warn_user(fact_and_hint(caller, fact, hint))
    if not definite:
        fact = f"the correlation matrix is not positive definite (smallest eigenvalue {lowest:.4f})"
        done = "." if method is None else f"; it was smoothed: {NAMED[method]} is given."
        hint = "drop items that repeat each other, merge rare categories" + (
            "." if method is not None or not can_smooth else ', or give smooth="nearest".'
        )
        warn_user(fact_and_hint(caller, fact + done, hint))
