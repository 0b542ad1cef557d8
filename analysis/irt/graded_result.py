"""Result of a fitted graded response model: scores, information, item and model fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2

from analysis.common.noncentrality import rmsea_and_limits
from analysis.common.result import Result
from analysis.irt.graded_model import GradedItems, category_probabilities
from analysis.irt.item_fit import merged, score_tables
from analysis.irt.model_fit import (
    independence_statistic,
    model_moments,
    moment_slopes,
    observed_moments,
    residual_statistic,
)
from analysis.irt.person_scores import expected_a_posteriori, item_information
from analysis.irt.quadrature import Quadrature, normal_quadrature
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Array = npt.NDArray[np.float64]

POINTS, SCORE_POINTS, LIMIT = 61, 121, 6.0
LEAST_EXPECTED = 1.0


def fitting_grid() -> Quadrature:
    """Nodes used for fitting: 61 from −6 to 6.

    Returns
    -------
    Quadrature
        Nodes and weights.
    """
    return normal_quadrature(POINTS, LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ModelFitResult(Result):
    """C2 and the indices made of it.

    Attributes
    ----------
    statistic, df, pvalue
        C2.
    rmsea, rmsea_ci_lower, rmsea_ci_upper
        With a 90 % interval; n − 1 is used.
    cfi, tli
        Against independent items.
    srmsr
        Root mean square of the residual correlations.
    n_obs
        Persons with every answer.
    """

    statistic: float
    df: int
    pvalue: float
    rmsea: float
    rmsea_ci_lower: float
    rmsea_ci_upper: float
    cfi: float
    tli: float
    srmsr: float
    n_obs: int

    def to_frame(self) -> pd.DataFrame:
        """Give the indices.

        Returns
        -------
        pandas.DataFrame
            One row.
        """
        return pd.DataFrame([self.to_dict()], index=["C2"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GradedResponseResult(Result):
    """A graded response model fitted to items.

    Attributes
    ----------
    parameters, standard_errors
        Index item; discrimination, difficulty_1 …, difficulty_k being where half answer above the k-th option
        of the scale; NaN where an item has fewer options or nobody chose the one above.
    covariance
        Of slopes and intercepts, labelled "item:a", "item:d1" ….
    loglik, aic, bic
        Of the marginal likelihood.
    n_obs
        Persons with at least one answer.
    n_parameters
        Slopes and intercepts.
    n_iter
        EM cycles and Newton steps.
    categories
        Codes of each item, lowest first.
    rare_categories
        "item:code" of categories with fewer than 5 answers.
    """

    parameters: pd.DataFrame
    standard_errors: pd.DataFrame
    covariance: pd.DataFrame
    loglik: float
    aic: float
    bic: float
    n_obs: int
    n_parameters: int
    n_iter: int
    categories: dict[str, list[int]]
    rare_categories: list[str]
    _items: GradedItems = field(repr=False)
    _positions: npt.NDArray[np.int8] = field(repr=False)
    _answered: npt.NDArray[np.bool_] = field(repr=False)
    _index: pd.Index = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Give the parameters.

        Returns
        -------
        pandas.DataFrame
            One row per item.
        """
        return self.parameters

    def scores(self) -> pd.DataFrame:
        """Score persons by the mean of their posterior (EAP), on 121 nodes from −6 to 6.

        Returns
        -------
        pandas.DataFrame
            Index as the items', columns score and standard_error; NaN for persons without an answer.
        """
        grid = normal_quadrature(SCORE_POINTS, LIMIT)
        table = pd.DataFrame(np.nan, index=self._index, columns=["score", "standard_error"])
        table.loc[self._answered, :] = np.column_stack(
            expected_a_posteriori(self._positions, self._items, grid)
        )
        return table

    def information(self, theta: Sequence[float] | Array) -> pd.Series:
        """Fisher information of the whole test.

        Parameters
        ----------
        theta
            Latent values, in standard deviations of the persons.

        Returns
        -------
        pandas.Series
            Index theta; 1/√information is the standard error of a maximum likelihood score there.
        """
        return self.item_information(theta).sum(axis=1).rename("information")

    def item_information(self, theta: Sequence[float] | Array) -> pd.DataFrame:
        """Fisher information of each item.

        Parameters
        ----------
        theta
            Latent values.

        Returns
        -------
        pandas.DataFrame
            Index theta, one column per item.
        """
        nodes = np.asarray(theta, dtype=float)
        values = item_information(self._items, nodes).T
        return pd.DataFrame(values, index=pd.Index(nodes, name="theta"), columns=self.parameters.index)

    def probabilities(self, item: str, theta: Sequence[float] | Array) -> pd.DataFrame:
        """Category probabilities of one item.

        Parameters
        ----------
        item
            Its name.
        theta
            Latent values.

        Returns
        -------
        pandas.DataFrame
            Index theta, one column per code; rows sum to 1.

        Raises
        ------
        ResponseDataError
            There is no such item.
        """
        if item not in self.categories:
            fact = f"there is no item {item!r} in the model."
            hint = f"name one of {name_offenders(self.categories)}."
            raise ResponseDataError(fact_and_hint("probabilities", fact, hint))
        nodes = np.asarray(theta, dtype=float)
        codes = self.categories[item]
        values = category_probabilities(self._items, nodes)[self.parameters.index.get_loc(item)]
        return pd.DataFrame(values[: len(codes)].T, index=pd.Index(nodes, name="theta"), columns=codes)

    def item_fit(self) -> pd.DataFrame:
        """Test each item by S-X² (Orlando & Thissen, 2000; Kang & Chen, 2008).

        Within groups of the same total score, observed category counts are compared with those expected
        by the Lord–Wingersky recursion; neighbouring categories are merged until each is expected at
        least once. Only persons with every answer enter.

        Returns
        -------
        pandas.DataFrame
            Index item; s_x2, df, pvalue, rmsea, n; NaN where no degrees of freedom are left.

        References
        ----------
        Orlando, M., & Thissen, D. (2000). Likelihood-based item-fit indices for dichotomous item response
        theory models. Applied Psychological Measurement, 24, 50–64.
        https://doi.org/10.1177/01466216000241003

        Kang, T., & Chen, T. T. (2008). Performance of the generalized S-X² item fit index for polytomous
        IRT models. Journal of Educational Measurement, 45, 391–406.
        https://doi.org/10.1111/j.1745-3984.2008.00071.x
        """
        complete = self._complete("item_fit")
        rows = []
        sizes = self._items.n_categories
        for size, table in zip(sizes, score_tables(complete, self._items, fitting_grid()), strict=True):
            cells = merged(table, LEAST_EXPECTED)
            statistic = float(sum(((o - e) ** 2 / e).sum() for o, e in cells))
            rows.append((statistic, sum(len(o) - 1 for o, _ in cells) - int(size)))
        frame = pd.DataFrame(rows, index=self.parameters.index, columns=["s_x2", "df"])
        usable = frame["df"] > 0
        frame["s_x2"] = frame["s_x2"].where(usable)
        frame["pvalue"] = np.where(usable, chi2.sf(frame["s_x2"], frame["df"].clip(lower=1)), np.nan)
        n = complete.shape[1]
        excess = (frame["s_x2"] - frame["df"]).clip(lower=0)
        frame["rmsea"] = np.sqrt(excess / (frame["df"].where(usable) * (n - 1)))
        frame["n"] = n
        return frame

    def model_fit(self) -> ModelFitResult:
        """Test the model by C2 (Cai & Monroe, 2014), from persons with every answer.

        Returns
        -------
        ModelFitResult
            C2, RMSEA, CFI, TLI, SRMSR.

        Raises
        ------
        NotEstimableError
            Fewer than four items: no degrees of freedom.

        References
        ----------
        Cai, L., & Monroe, S. (2014). A new statistic for evaluating item response theory models for ordinal
        data (CRESST Report 839). Maydeu-Olivares, A., & Joe, H. (2006). Psychometrika, 71, 713–732.
        https://doi.org/10.1007/s11336-005-1295-9
        """
        if len(self.parameters) < 4:
            fact = f"{len(self.parameters)} items leave C2 no degrees of freedom."
            raise NotEstimableError(fact_and_hint("model_fit", fact, "fit four items or more."))
        complete = self._complete("model_fit")
        n, sizes, grid = complete.shape[1], self._items.n_categories, fitting_grid()
        observed, correlations = observed_moments(complete, sizes)
        moments = model_moments(category_probabilities(self._items, grid.nodes), grid.weights, sizes)
        slopes = moment_slopes(self._items, grid)
        statistic, df = residual_statistic(observed - moments.expected, moments.covariance, slopes, n)
        shares = np.array([np.bincount(row, minlength=int(sizes.max())) for row in complete]) / n
        null, null_df = independence_statistic(shares, observed, sizes, n)
        point, lower, upper = rmsea_and_limits(statistic, df, df * (n - 1), 0.90)
        return ModelFitResult(
            statistic=statistic,
            df=df,
            pvalue=float(chi2.sf(statistic, df)),
            rmsea=point,
            rmsea_ci_lower=lower,
            rmsea_ci_upper=upper,
            cfi=float(1 - max(statistic - df, 0.0) / max(null - null_df, statistic - df, 1e-300)),
            tli=(null / null_df - statistic / df) / (null / null_df - 1),
            srmsr=float(np.sqrt(np.mean((correlations - moments.correlations) ** 2))),
            n_obs=n,
        )

    def _complete(self, caller: str) -> npt.NDArray[np.int8]:
        answered = self._positions < self._items.intercepts.shape[1] + 1
        complete = self._positions[:, answered.all(axis=0)]
        empty = [
            name
            for name, row, codes in zip(
                self.parameters.index, complete, self.categories.values(), strict=True
            )
            if len(np.unique(row)) < len(codes)
        ]
        if empty:
            n = complete.shape[1]
            fact = f"{n} persons gave every answer; they leave out categories of {name_offenders(empty)}."
            raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories before fitting."))
        return complete
