"""The result of `cfa` and `sem`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from analysis.common.result import Result
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array
from analysis.structural.inference.improper import Fault
from analysis.structural.inference.standardised import (
    GroupPieces,
    RowEstimates,
    all_pieces,
    explained,
    row_estimates,
    standardise,
)
from instrument.common.formatting import fill_prose, format_value
from instrument.errors import DefinitionError, fact_and_hint

Z_95 = float(ndtri(0.975))

if TYPE_CHECKING:
    from analysis.structural.inference.equivalence import EquivalenceResult, MisfitResult
    from analysis.structural.inference.score_tests import ConstraintTests


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class StructuralResult(Result):
    """A fitted confirmatory factor or structural equation model.

    Attributes
    ----------
    converged
        Always True: a failed search raises.
    estimator, missing
        What was used; `missing` is "listwise", "fiml" or "pairwise".
    n_obs
        Rows in use, after rows without any answer (or incomplete rows) are dropped.
    n_iter
        Steps of the search.
    n_parameters
        Free parameters after equality constraints.
    groups
        The data's own labels with their number of rows, in order of first appearance.
    fit
        Fit indices by name.
    parameters
        One row per parameter and group: lhs, op, rhs, group, label, est, se, z, pvalue, ci_lower,
        ci_upper, std_lv, std_all. Fixed and derived rows have se 0.
    r_squared
        Explained variance: columns group, variable, r_squared; NaN where a residual variance is negative.
    faults
        Why the solution is no ground for a judgement (Heywood cases, correlations beyond 1, covariances of no
        variables, indefinite polychoric correlations, unknown standard errors, fewer rows than parameters,
        groups too small for theirs); empty for a proper one.
    """

    converged: bool
    estimator: str
    missing: str
    n_obs: int
    n_iter: int
    n_parameters: int
    groups: dict[str, int]
    fit: pd.Series
    parameters: pd.DataFrame
    r_squared: pd.DataFrame
    faults: tuple[Fault, ...]
    _fitted: Fitted
    _model: str

    def __repr__(self) -> str:
        """Give estimator, rows, test and fit on a few lines; the answers behind the fit are not shown.

        Returns
        -------
        str
            The statistic is the scaled one where the estimator corrects it.
        """
        scaled = "_scaled" if "chisq_scaled" in self.fit else ""
        test = f"χ²({self.fit['df']:.0f}) = {self.fit[f'chisq{scaled}']:.2f}"
        if np.isfinite(self.fit[f"pvalue{scaled}"]):
            test += fill_prose(", p = {p:p}", {"p": float(self.fit[f"pvalue{scaled}"])})
        corrected = [k for k in ("_robust", "_scaled") if np.isfinite(self.fit.get(f"cfi{k}", np.nan))]
        robust = corrected[0] if corrected else ""
        indices = [
            f"{n.upper()} {format_value(self.fit[f'{n}{robust}'], 'r3')}" for n in ("cfi", "tli", "rmsea")
        ]
        srmr = format_value(self.fit["srmr"], "r3")
        groups = "" if len(self.groups) == 1 else f" in {len(self.groups)} groups"
        groups += f", {self.n_clusters:,} clusters" if self.n_clusters else ""
        from analysis.structural.inference.summary import of_rows

        rows = f"{self.n_obs:,}{of_rows(self)} rows{groups}"
        lines = [
            f"StructuralResult: {self.estimator}, missing {self.missing}",
            f"  {rows}, {self.n_parameters} parameters, {self.n_iter} steps",
            f"  {'scaled ' if scaled else ''}{test}",
            f"  {f'{robust[1:]} ' if robust else ''}{', '.join(indices)}; SRMR {srmr}",
            "  .summary() for the parameters; .fit, .parameters, .residuals(), .modification_indices()",
        ]
        return "\n".join(lines)

    @property
    def n_clusters(self) -> int:
        """Clusters of the rows in use.

        Returns
        -------
        int
            0 where rows are taken as independent.
        """
        return self._fitted.n_clusters

    def to_frame(self) -> pd.DataFrame:
        """Give the parameters, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per parameter and group.
        """
        return self.parameters

    def standardized(self, kind: str = "all") -> pd.DataFrame:
        """Give the standardised solution with delta-method standard errors.

        Parameters
        ----------
        kind
            "all": all variables have variance 1; "lv": only the latent ones.

        Returns
        -------
        pandas.DataFrame
            Columns lhs, op, rhs, group, label, est, se, z, pvalue, ci_lower, ci_upper.
        """
        if kind not in ("all", "lv"):
            fact = f"kind {kind!r} is unknown."
            raise DefinitionError(fact_and_hint("standardized", fact, "choose 'all' or 'lv'."))
        found = standardise(self._fitted, row_estimates(self._fitted), kind)
        frame = row_labels(self._fitted)
        for name, column in inference_columns(found, self._fitted.vcov).items():
            frame[name] = column
        return shown(self._fitted, frame)

    def modification_indices(self) -> pd.DataFrame:
        """Give score tests of the parameters left out or fixed, largest first.

        Returns
        -------
        pandas.DataFrame
            Columns lhs, op, rhs, group, mi, epc, sepc_lv, sepc_all.
        """
        from analysis.structural.inference.modification import modification_table

        return modification_table(self._fitted)

    def equivalence(self) -> EquivalenceResult:
        """Say how large the misfit may be at most: T-size RMSEA and CFI with their own cut-offs.

        Use it to claim that a model fits well enough; a test of exact fit that does not reject claims
        nothing. Not for models without degrees of freedom. The cut-offs were found for one group and maximum
        likelihood.

        Returns
        -------
        EquivalenceResult
            `.table` with one row per index.

        Raises
        ------
        DefinitionError
            The model has no degrees of freedom.

        Notes
        -----
        T-size RMSEA is the upper limit of the 90 % interval; T-size CFI is one less the ratio of the upper
        limit of the model's noncentrality to the lower limit of the baseline's, each at .025. MLR divides
        each statistic by its correction and multiplies the limits by it. With missing answers and MLR, and
        for ordinal items, these are the statistics of the robust CFI. NaN for ordinal beside other variables
        and for ordinal items at two levels.

        References
        ----------
        Yuan, K.-H., Chan, W., Marcoulides, G. A., & Bentler, P. M. (2016). Assessing structural equation
        models by equivalence testing with adjusted fit indexes. https://doi.org/10.1080/10705511.2015.1065414
        Marcoulides, K. M., & Yuan, K.-H. (2017). New ways to evaluate goodness of fit.
        https://doi.org/10.1080/10705511.2016.1225260
        """
        from analysis.structural.inference.equivalence import equivalence_of

        return equivalence_of(self._fitted)

    def misfits(self, smallest: dict[str, float] | None = None, high_power: float = 0.75) -> MisfitResult:
        """Hold each parameter that was left out against a smallest effect of interest.

        Use it in place of a list of modification indices, which are large for trifles in large samples and
        small for errors in small ones. Freeing what it names is exploration.

        Parameters
        ----------
        smallest
            Standardised size that matters, by operator; what is not named stays .4 for `=~`,
            .1 for `~~` and `~`.
        high_power
            Power from which "not found" counts as evidence.

        Returns
        -------
        MisfitResult
            `.table` with one row per parameter.

        Raises
        ------
        DefinitionError
            Sizes that are not positive, a power out of range.

        Notes
        -----
        The noncentrality of a misfit of size d is mi (d / sepc_all)^2, its power that of chi-square with one
        degree of freedom at .05. R equivalent: `lavaan::modindices(fit, power = TRUE, delta = 0.1)`, which
        takes d unstandardised.

        References
        ----------
        Saris, W. E., Satorra, A., & van der Veld, W. M. (2009). Testing structural equation models or
        detection of misspecifications? https://doi.org/10.1080/10705510903203433
        """
        from analysis.structural.inference.equivalence import misfits_of

        return misfits_of(self._fitted, smallest, high_power)

    def constraint_tests(self) -> ConstraintTests:
        """Give score tests of the equality constraints, each released alone and all together.

        Use them to see which equality between groups fails; like modification indices they describe, and
        freeing what they name is exploration. MLR, WLSMV and ULSMV: the statistic is not scaled.

        Returns
        -------
        ConstraintTests
            `.table` with one row per constraint; `.score`, `.df`, `.pvalue` for all.

        Raises
        ------
        DefinitionError
            The model has no constraints.

        Notes
        -----
        With s the score and I the expected information at the constrained estimates, a released direction
        d has s_d² / (I_dd - I_dz I_zz⁻¹ I_zd), z the free parameters. R: `lavaan::lavTestScore`, whose df
        for all constraints together counts those, too, that are needed for identification.

        References
        ----------
        Sorbom, D. (1989). Model modification. Psychometrika, 54, 371-384.
        """
        from analysis.structural.inference.score_tests import constraint_tests

        return constraint_tests(self._fitted)

    def residuals(self, kind: str = "correlation") -> dict[str, pd.DataFrame]:
        """Give the residual matrices per group.

        Parameters
        ----------
        kind
            "raw": sample minus implied moments; "correlation": divided by the sample standard
            deviations; "z": correlation residuals divided by their standard errors.

        Returns
        -------
        dict
            Group label ("all" without groups) to a matrix; means in the column "mean", thresholds not
            included.
        """
        from analysis.structural.inference.misfit import residual_tables

        return residual_tables(self._fitted, kind)

    def implied(self) -> dict[str, pd.DataFrame]:
        """Give the implied covariance (correlations for ordinal items) per group.

        Returns
        -------
        dict
            Group label ("all" without groups) to a matrix.
        """
        from analysis.structural.inference.misfit import implied_tables

        return implied_tables(self._fitted)

    def latent_covariance(self) -> dict[str, pd.DataFrame]:
        """Give the implied covariance of the latent variables per group.

        Returns
        -------
        dict
            Group label ("all" without groups) to a matrix.
        """
        fitted = self._fitted
        found = {}
        for block, state in enumerate(fitted.states):
            names = fitted.table.names_of(block)
            p = len(names.observed)
            key = fitted.block_key(block)
            found[key] = pd.DataFrame(state.covariance[p:, p:], index=names.latent, columns=names.latent)
        return found

    def vcov(self) -> pd.DataFrame:
        """Give the covariance of the free parameters.

        Returns
        -------
        pandas.DataFrame
            Labelled by parameter names.
        """
        from analysis.structural.estimation.fitted import parameter_names

        names = parameter_names(self._fitted.table, self._fitted.data.group_labels)
        return pd.DataFrame(self._fitted.vcov, index=names, columns=names)

    def factor_scores(self, method: str | None = None, level: int | None = None) -> pd.DataFrame:
        """Give factor scores with their standard errors.

        Parameters
        ----------
        method
            "regression" (default) or "bartlett" for continuous variables, "ebm" (the mode of the
            posterior) for ordinal items. Two-level models: "regression", or "ebm" for ordinal items, given
            all answers of the cluster.
        level
            Of a two-level model: 1 (default) scores rows on the factors of level 1, as deviations from their
            cluster; 2 scores clusters on those of level 2.

        Returns
        -------
        pandas.DataFrame
            Indexed by the row numbers of the data in use, for level 2 by cluster; one column per factor and
            one `<factor>_se`.

        Raises
        ------
        DefinitionError
            A method or level that the model does not have.
        NotEstimableError
            Residual variances that are not positive, or a negative variance between clusters.
        """
        from analysis.structural.inference.scores import score_table

        return score_table(self._fitted, method, level)

    def summary(self, digits: int = 3, standardized: bool = False, ci: bool = False) -> str:
        """Give the fit, then the parameters in blocks, as text, rounded.

        Parameters
        ----------
        digits
            Decimals shown.
        standardized
            Whether the fully standardised solution stands beside the estimates.
        ci
            Whether 95 % intervals do; of both where `standardized` is asked for.

        Returns
        -------
        str
            Blocks in the order loadings, regressions, covariances, intercepts, thresholds, variances, scales,
            for each group, then what was defined.
        """
        from analysis.structural.inference.summary import summary_text

        if digits < 0:
            fact = f"digits is {digits}."
            raise DefinitionError(fact_and_hint("summary", fact, "give the number of decimals, 0 or more."))
        return summary_text(self, digits, standardized, ci)


def group_key(label: object) -> str:
    """Name of a group in dictionaries."""
    return "all" if label is None else str(label)


def row_labels(fitted: Fitted) -> pd.DataFrame:
    """Give lhs, op, rhs, group and label of every row and definition."""
    return pd.DataFrame(_label_columns(fitted))


def _label_columns(fitted: Fitted) -> dict[str, Any]:
    table, labels = fitted.table, fitted.data.group_labels
    rows, defined = table.rows, table.definitions
    single = len(labels) == 1
    groups = [None if single else table.label_of(r.group, labels) for r in rows]
    return {
        "lhs": [r.lhs for r in rows] + [f.lhs for f in defined],
        "op": [r.op for r in rows] + [":=" for _ in defined],
        "rhs": [r.rhs for r in rows] + [f.rhs for f in defined],
        # labels stay what they are beside the empty entries of definitions
        "group": pd.Series(groups + [None] * len(defined), dtype=object),
        **_levels(fitted),
        **_blocks(fitted),
        "label": [r.label for r in rows] + [f.lhs for f in defined],
    }


def shown(fitted: Fitted, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out rows that are there for the matrices only."""
    seen = visible_rows(fitted)
    return frame if seen.all() else frame[seen].reset_index(drop=True)


def visible_rows(fitted: Fitted) -> NDArray[np.bool_]:
    """Say of each row, definitions last, whether it is shown."""
    hidden = [row.hidden for row in fitted.table.rows] + [False] * len(fitted.table.definitions)
    return ~np.array(hidden)


def _levels(fitted: Fitted) -> dict[str, list[int]]:
    """Level of every row, 0 for definitions; nothing where there are no levels."""
    table = fitted.table
    levels = [table.level_of(r.group) for r in table.rows] + [0] * len(table.definitions)
    return {"level": levels} if table.level_names else {}


def _blocks(fitted: Fitted) -> dict[str, list[str]]:
    """Exploratory block of every loading, "" elsewhere; nothing where there are no blocks."""
    table = fitted.table
    homes = table.names.exploratory
    found = [homes.get(r.lhs, "") if r.op == "=~" else "" for r in table.rows]
    return {"efa": found + [""] * len(table.definitions)} if homes else {}


def inference_columns(estimates: RowEstimates, vcov: Array) -> dict[str, Array]:
    """Estimate, standard error, z, p and 95 % interval; z is NaN where nothing was estimated."""
    variance = np.sum((estimates.by_free @ vcov) * estimates.by_free, axis=1)
    se = np.sqrt(np.maximum(variance, 0.0))
    scale = np.maximum(np.abs(estimates.values), 1e-8)
    se = np.where(np.isnan(estimates.values), np.nan, np.where(se < 1e-9 * scale, 0.0, se))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(se > 0, estimates.values / se, np.nan)
    return {
        "est": estimates.values,
        "se": se,
        "z": z,
        "pvalue": 2.0 * ndtr(-np.abs(z)),
        "ci_lower": estimates.values - Z_95 * se,
        "ci_upper": estimates.values + Z_95 * se,
    }


def _explained_table(fitted: Fitted, pieces: list[GroupPieces]) -> pd.DataFrame:
    level = ["level"] if fitted.table.level_names else []
    found = explained(fitted, pieces)
    return pd.DataFrame({n: [one[n] for one in found] for n in ("group", *level, "variable", "r_squared")})


def make_result(fitted: Fitted, model: str, faults: tuple[Fault, ...] = ()) -> StructuralResult:
    """Wrap a fitted model."""
    pieces = all_pieces(fitted)
    estimates = row_estimates(fitted, pieces)
    # derived residual variances and scales are listed without a standard error
    derived = [k for k, row in enumerate(fitted.table.rows) if row.computed or row.implied]
    listed = RowEstimates(estimates.values, estimates.by_free.copy())
    listed.by_free[derived] = 0.0
    columns = inference_columns(listed, fitted.vcov)
    for kind in ("lv", "all"):
        columns[f"std_{kind}"] = standardise(fitted, estimates, kind, pieces, values_only=True).values
    frame = shown(fitted, pd.DataFrame(_label_columns(fitted) | columns))
    return StructuralResult(
        converged=True,
        estimator=fitted.estimator,
        missing=fitted.missing,
        n_obs=fitted.n_obs,
        n_iter=fitted.minimum.n_iter,
        n_parameters=fitted.reduction.n_parameters,
        groups={group_key(g): n for g, n in zip(fitted.data.group_labels, fitted.sizes, strict=True)},
        fit=pd.Series(fitted.fit, name="fit"),
        parameters=frame,
        r_squared=_explained_table(fitted, pieces),
        faults=faults,
        _fitted=fitted,
        _model=model,
    )
