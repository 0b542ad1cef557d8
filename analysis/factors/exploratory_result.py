"""What an exploratory factor analysis gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common.result import Result
from analysis.correlation.smoothing import Smoothing
from analysis.factors.moments import choose
from analysis.factors.pattern import Array, Pattern
from analysis.factors.weights import NEED_INVERSE, WEIGHTS
from instrument.answers import numeric_columns, table_of
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EfaResult(Result):
    """One exploratory solution; all matrices in the same order of factors.

    Attributes
    ----------
    loadings : pandas.DataFrame, shape (n_items, n_factors)
        Pattern coefficients.
    factor_correlations : pandas.DataFrame, shape (n_factors, n_factors)
        Identity for orthogonal rotations.
    structure : pandas.DataFrame, shape (n_items, n_factors)
        Correlations of items with factors.
    communalities, uniquenesses, complexity : pandas.Series, shape (n_items,)
        Explained and unexplained variance; number of factors an item is spread over.
    variance : pandas.DataFrame, shape (n_factors, 5)
        Variance each factor accounts for.
    fit : pandas.Series
        chisq, df, pvalue, objective, null_chisq, null_df, null_objective, tli, cfi, rmsea with a 90 %
        interval, rmsr, crms, empirical_chisq (from the residuals) with pvalue, bic, sabic, empirical_bic,
        empirical_sabic, fit, fit_off. NaN where it rests on the inverse of a smoothed matrix.
    determinacy : pandas.Series, shape (n_factors,)
        Correlation of each factor with its regression scores; NaN with a smoothed matrix.
    residuals, correlations : pandas.DataFrame, shape (n_items, n_items)
        Observed minus reproduced (uniquenesses on the diagonal), and observed (smoothed where `smoothing`
        says so).
    heywood : tuple of str
        Items whose uniqueness is at its lower bound.
    n_obs, n_obs_fit : int
        Rows used, and the sample size in the fit measures.
    smoothing : Smoothing, optional
        How far the correlations were moved to become positive definite; None where they are as observed.
    rotation_starts, rotation_agreeing : int
        Starting positions of the rotation, and how many reached the solution shown.
    """

    loadings: pd.DataFrame
    factor_correlations: pd.DataFrame
    structure: pd.DataFrame
    communalities: pd.Series
    uniquenesses: pd.Series
    complexity: pd.Series
    variance: pd.DataFrame
    fit: pd.Series
    determinacy: pd.Series
    residuals: pd.DataFrame
    correlations: pd.DataFrame
    heywood: tuple[str, ...]
    extraction: str
    rotation: str
    correlation: str
    missing: str
    n_obs: int
    n_obs_fit: int
    smoothing: Smoothing | None
    rotation_starts: int
    rotation_agreeing: int
    seed: int
    _pattern: Pattern
    _values: Array

    def to_frame(self) -> pd.DataFrame:
        """Loadings with communality, uniqueness and complexity, one row per item."""
        of_items = pd.DataFrame(
            {
                "communality": self.communalities,
                "uniqueness": self.uniquenesses,
                "complexity": self.complexity,
            }
        )
        return pd.concat([self.loadings, of_items], axis=1).rename_axis("item")

    def score_weights(self, method: str = "ten_berge") -> pd.DataFrame:
        """Weights that turn standardised answers into factor scores.

        Parameters
        ----------
        method : {"ten_berge", "regression", "bartlett", "anderson_rubin"}
            Kind of scores.

        Returns
        -------
        pandas.DataFrame, shape (n_items, n_factors)
            Weights.

        Raises
        ------
        NotEstimableError
            Weights that rest on the inverse of a smoothed matrix.
        """
        choose("efa.scores", "method", method, tuple(WEIGHTS))
        if self.smoothing is not None and method in NEED_INVERSE:
            fact = f"{method} scores rest on the inverse of the correlations, which were smoothed."
            raise NotEstimableError(fact_and_hint("efa.scores", fact, 'use method="bartlett".'))
        make = WEIGHTS[method]
        weights = make(self.correlations.to_numpy(), self._pattern)
        return pd.DataFrame(weights, index=self.loadings.index, columns=self.loadings.columns)

    def _answers(self, items: pd.DataFrame) -> Array:
        """Other persons' answers to the items analysed, in the order analysed."""
        analysed = list(self.loadings.index)
        table = table_of(items, "efa.scores")
        absent = [label for label in analysed if label not in map(str, table.columns)]
        if absent:
            raise ResponseDataError(
                fact_and_hint(
                    "efa.scores",
                    f"{len(absent)} of {len(analysed)} items are absent: {name_offenders(absent)}.",
                    "give every item analysed.",
                )
            )
        return numeric_columns(
            table.set_axis([str(n) for n in table.columns], axis=1), "efa.scores", analysed
        ).to_numpy()

    def scores(self, method: str = "ten_berge", items: pd.DataFrame | None = None) -> pd.DataFrame:
        """Factor scores of the persons analysed, or of others on the same footing.

        Parameters
        ----------
        method : {"ten_berge", "regression", "bartlett", "anderson_rubin"}
            "ten_berge" keeps the factor correlations, "regression" is most precise, "bartlett"
            conditionally unbiased, "anderson_rubin" gives uncorrelated scores.
        items
            Other persons' answers to the same items; standardised by the means and standard deviations of
            the analysed rows.

        Returns
        -------
        pandas.DataFrame, shape (n_persons, n_factors)
            Scores; NaN for persons with a missing answer, nothing is imputed. Index: of `items`, or the
            position among the rows used.

        References
        ----------
        Grice, J. W. (2001). Computing and evaluating factor scores. Psychological Methods, 6, 430-450.
        https://doi.org/10.1037/1082-989X.6.4.430
        """
        if not len(self._values):
            fact = "the correlations were given, so nobody's answers are known, nor their means and spread."
            raise ResponseDataError(
                fact_and_hint("efa.scores", fact, "multiply standardised answers by score_weights().")
            )
        weights = self.score_weights(method)
        values = self._values if items is None else self._answers(items)
        centre, spread = np.nanmean(self._values, axis=0), np.nanstd(self._values, axis=0, ddof=1)
        return pd.DataFrame(
            ((values - centre) / spread) @ weights.to_numpy(),
            index=pd.RangeIndex(len(values)) if items is None else items.index,
            columns=weights.columns,
        )
