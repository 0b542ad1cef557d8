"""How many factors to keep: several rules side by side, which may disagree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.common.options import checked_seed
from analysis.common.result import Result
from analysis.correlation.smoothing import Smooth, Smoothing, checked_smooth, smoothed
from analysis.factors.comparison_data import compare
from analysis.factors.extraction import degrees_of_freedom, extract
from analysis.factors.fit import fit_measures
from analysis.factors.hull import common_part_accounted_for, elbow
from analysis.factors.moments import Moments, definite_moments, pearson, polychoric_correlations
from analysis.factors.parallel import Curves, normal_curves, permuted_curves, reduced_eigenvalues
from analysis.factors.pattern import Array
from analysis.factors.stopping import acceleration, average_partials, eigenvalues, empirical_kaiser, leading
from instrument.common.formatting import fill_prose, format_value
from instrument.errors import DefinitionError, fact_and_hint

CLOSE_FIT = 0.05


class _Row(NamedTuple):
    method: str
    n_factors: int | None
    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RetentionResult(Result):
    """Suggestions of every rule with the curves behind them.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per rule (index: method): `n_factors` (NA where a rule gives none), `kind` ("components"
        or "factors"), `detail`.
    eigenvalues : pandas.DataFrame, shape (n_items, 8)
        Index: position from 1. `observed` and `reduced` (communalities of one factor on the diagonal); for
        permuted data mean and percentile of both; references of the empirical Kaiser criterion;
        `acceleration` of the scree.
    partials : pandas.DataFrame
        Index: components taken out, from 0. Average squared and fourth power of partial correlations.
    hull : pandas.DataFrame
        Index: number of factors, from 0. `caf` (common part accounted for), `df`, `bend`.
    n_obs : int
        Rows used.
    correlation, missing : str
        How the correlations were made.
    draws, percentile, seed : int, float, int
        Of the parallel analysis.
    smoothing : Smoothing, optional
        How far the observed correlations were moved to become positive definite.
    """

    table: pd.DataFrame
    eigenvalues: pd.DataFrame
    partials: pd.DataFrame
    hull: pd.DataFrame
    n_obs: int
    correlation: str
    missing: str
    draws: int
    percentile: float
    seed: int
    smoothing: Smoothing | None

    def to_frame(self) -> pd.DataFrame:
        """One row per rule."""
        return self.table


def factor_retention(
    items: pd.DataFrame,
    *,
    correlation: str = "polychoric",
    missing: str = "listwise",
    draws: int = 100,
    percentile: float = 95.0,
    comparison_samples: int = 0,
    seed: int = 1,
    n_obs: int | None = None,
    smooth: Smooth = False,
) -> RetentionResult:
    """Suggest a number of factors by several rules.

    The rules answer different questions and may disagree: weigh them with theory and the interpretability of
    each solution. Kaiser's rule and the scree acceleration are shown because readers ask for them; both
    are known to miss, the first upward, the second downward.

    Parameters
    ----------
    items : pandas.DataFrame, shape (n_persons, n_items)
        One numeric column per item, whole-number codes for polychoric correlations; with
        `correlation="given"` the square matrix of their correlations.
    correlation : {"polychoric", "pearson", "given"}
        Which correlations, of the data and of every permutation alike. Behind a given matrix nothing can be
        permuted: its eigenvalues are set against those of Pearson correlations of so many independent normal
        variables, which vary less than polychoric ones.
    missing : {"listwise", "pairwise"}
        Complete rows, or all rows with pairs of answers.
    draws
        Permuted data sets of the parallel analysis.
    percentile
        Of the permuted eigenvalues that an observed one must exceed; their mean is judged as well.
    comparison_samples
        Samples from each population of the comparison data method (500 in the paper; about 20 s at
        2,400 × 25); 0 leaves it out. It needs complete rows and takes Pearson correlations, as published.
    seed
        Seed of all random draws.
    n_obs
        Number of persons behind a given matrix.
    smooth : {False, "nearest", "truncated"}
        What becomes of a matrix that is not positive definite, as polychoric correlations of many items and
        few people give it: refused; the nearest correlation matrix; or eigenvalues raised to a floor. A
        warning and `.smoothing` say how far the matrix was moved. Items that repeat others or follow from
        them are refused all the same. Matrices of permuted data are treated by the same rule.

    Returns
    -------
    RetentionResult
        `.table`, and `.eigenvalues` with reference curves to draw.

    Raises
    ------
    ResponseDataError
        For columns that are not numbers, or too few rows.
    NotEstimableError
        For items without variance, a singular matrix, or an indefinite one unless `smooth` says what to do.

    Warns
    -----
    ToolkitWarning
        A matrix that was smoothed.

    Notes
    -----
    - parallel analysis (Horn): leading eigenvalues above those of column-wise permuted data; for
      components of R, and for factors of R with the communalities of one factor on the diagonal.
    - MAP (Velicer): the number of components whose removal leaves the smallest average squared (revised:
      fourth power) partial correlation.
    - EKC (Braeken and van Assen): reference max(1, (p - sum of earlier eigenvalues)/(p - j + 1)
      (1 + sqrt(p/n))²).
    - Kaiser: eigenvalues above 1. Scree acceleration (Raîche): the bend of the scree.
    - hull (Lorenzo-Seva): where the common part accounted for stops rising for its price in parameters, up
      to one factor more than parallel analysis suggests.
    - comparison data (Ruscio and Roche): factors are added as long as samples from a population with so many
      factors and the items' distributions have eigenvalues closer to the observed ones (one-sided p < .30).
    - sequential RMSEA (Pearson only): the first maximum likelihood solution whose 90 % interval of the
      RMSEA begins below .05; none where the matrix was smoothed, since its likelihood is that of a floor.

    References
    ----------
    Horn, J. L. (1965). Psychometrika, 30, 179-185. https://doi.org/10.1007/BF02289447
    Velicer, W. F. (1976). Psychometrika, 41, 321-327. https://doi.org/10.1007/BF02293557
    Braeken, J., & van Assen, M. A. L. M. (2017). Psychological Methods, 22, 450-466.
    https://doi.org/10.1037/met0000074
    Raîche, G., et al. (2013). Methodology, 9, 23-29. https://doi.org/10.1027/1614-2241/a000051
    Lorenzo-Seva, U., Timmerman, M. E., & Kiers, H. A. L. (2011). Multivariate Behavioral Research, 46,
    340-364. https://doi.org/10.1080/00273171.2011.564527
    Ruscio, J., & Roche, B. (2012). Psychological Assessment, 24, 282-292. https://doi.org/10.1037/a0025697
    Auerswald, M., & Moshagen, M. (2019). Psychological Methods, 24, 468-491.
    https://doi.org/10.1037/met0000200
    Higham, N. J. (2002). IMA Journal of Numerical Analysis, 22, 329-343.
    https://doi.org/10.1093/imanum/22.3.329

    In R: ``psych::fa.parallel``, ``psych::vss`` (MAP), ``EFAtools::EKC``, ``EFAtools::HULL``.

    Examples
    --------
    Two pairs of three items share a variable each; parallel analysis and EKC find both.

    >>> rng = np.random.default_rng(1)
    >>> shared = np.repeat(rng.standard_normal((500, 2)), 3, axis=1)
    >>> items = pd.DataFrame(shared + rng.standard_normal((500, 6)), columns=list("abcdef"))
    >>> found = factor_retention(items, correlation="pearson", draws=20).table["n_factors"]
    >>> int(found["parallel_factors"]), int(found["ekc"])
    (2, 2)
    """
    checked_seed(seed, "factor_retention")
    if draws < 10 or not 0 < percentile < 100:
        raise DefinitionError(
            fact_and_hint(
                "factor_retention",
                f"draws is {draws} and percentile {percentile}.",
                "use at least 10 draws and a percentile between 0 and 100.",
            )
        )
    if comparison_samples and missing == "pairwise":
        raise DefinitionError(
            fact_and_hint(
                "factor_retention",
                "comparison data need complete rows, missing is 'pairwise'.",
                'use missing="listwise" or comparison_samples=0.',
            )
        )
    if comparison_samples and correlation == "given":
        fact = "comparison data need answers, a correlation matrix was given."
        raise DefinitionError(fact_and_hint("factor_retention", fact, "use comparison_samples=0."))
    found = definite_moments(
        "factor_retention", items, correlation=correlation, missing=missing, smooth=smooth, n_obs=n_obs
    )
    if correlation == "given":
        curves = normal_curves(found.n_obs, len(found.labels), draws, seed)
    else:
        curves = permuted_curves(found.values, _correlate(found, smooth), draws, seed)
    spectrum = _spectrum(found, curves, percentile)
    partials = pd.DataFrame(
        {f"power_{power}": average_partials(found.correlations, power) for power in (2, 4)}
    ).rename_axis("n_components")
    rows = _from_eigenvalues(spectrum, percentile) + _from_partials(partials)
    most = max(row.n_factors or 0 for row in rows if row.method.startswith("parallel")) + 1
    hull = _hull(found.correlations, most)
    rows.append(_hull_row(hull))
    if correlation == "pearson":
        rows.append(_sequential_rmsea(found))
    if comparison_samples:
        rows.append(_comparison_row(found.values, most, comparison_samples, seed))
    return RetentionResult(
        table=pd.DataFrame(rows).set_index("method").astype({"n_factors": "Int64"}),
        eigenvalues=spectrum,
        partials=partials,
        hull=hull,
        n_obs=found.n_obs,
        correlation=correlation,
        missing=found.missing,
        draws=draws,
        percentile=float(percentile),
        seed=seed,
        smoothing=found.smoothing,
    )


def _correlate(found: Moments, smooth: Smooth) -> Callable[[Array], Array]:
    """How permuted answers are correlated: as the data were, and smoothed by the same rule."""

    def estimate(values: Array) -> Array:
        if found.correlation == "pearson":
            return pearson(values)
        return polychoric_correlations("factor_retention", values, found.labels)

    method = checked_smooth("factor_retention", smooth)
    if method is None:
        return estimate

    def repaired(values: Array) -> Array:
        matrix = estimate(values)
        return smoothed(matrix, method) if np.isfinite(matrix).all() else matrix

    return repaired


def _spectrum(found: Moments, curves: Curves, percentile: float) -> pd.DataFrame:
    """Observed eigenvalues beside every reference."""
    observed = eigenvalues(found.correlations)
    return pd.DataFrame(
        {
            "observed": observed,
            "permuted_mean": curves.components.mean(axis=0),
            "permuted_percentile": np.percentile(curves.components, percentile, axis=0),
            "ekc": empirical_kaiser(observed, found.n_pairs),
            "acceleration": acceleration(observed),
            "reduced": reduced_eigenvalues(found.correlations),
            "reduced_permuted_mean": curves.factors.mean(axis=0),
            "reduced_permuted_percentile": np.percentile(curves.factors, percentile, axis=0),
        },
        index=pd.RangeIndex(1, len(observed) + 1, name="position"),
    )


def _from_eigenvalues(spectrum: pd.DataFrame, percentile: float) -> list[_Row]:
    observed, reduced = spectrum["observed"].to_numpy(), spectrum["reduced"].to_numpy()
    rule = {column: spectrum[column].to_numpy() for column in spectrum.columns}
    above = f"eigenvalues above the {percentile:g}th percentile of permuted data"
    bend = int(np.nanargmax(rule["acceleration"]))
    return [
        _Row("parallel_factors", leading(reduced, rule["reduced_permuted_percentile"]), "factors", above),
        _Row(
            "parallel_factors_mean",
            leading(reduced, rule["reduced_permuted_mean"]),
            "factors",
            "eigenvalues above the mean of permuted data",
        ),
        _Row("parallel_components", leading(observed, rule["permuted_percentile"]), "components", above),
        _Row(
            "parallel_components_mean",
            leading(observed, rule["permuted_mean"]),
            "components",
            "eigenvalues above the mean of permuted data",
        ),
        _Row("ekc", leading(observed, rule["ekc"]), "factors", "empirical Kaiser criterion"),
        _Row("kaiser", leading(observed, np.ones(len(observed))), "components", "eigenvalues above 1"),
        _Row("scree_acceleration", bend, "components", "eigenvalues before the sharpest bend"),
    ]


def _from_partials(partials: pd.DataFrame) -> list[_Row]:
    names = {"power_2": ("map", "squared"), "power_4": ("map_4th", "fourth power of")}
    return [
        _Row(
            method,
            int(np.nanargmin(partials[column])),
            "components",
            f"smallest average {word} partial correlation {format_value(partials[column].min(), 'r4')}",
        )
        for column, (method, word) in names.items()
    ]


def _hull(correlations: Array, most: int) -> pd.DataFrame:
    """Fit 0, 1, … factors by minimum residuals and find the bend of the hull."""
    p = len(correlations)
    counts = [k for k in range(most + 1) if k < p and degrees_of_freedom(p, k) > 0]
    fits = []
    for k in counts:
        common = np.zeros((p, p))
        if k:
            loadings = extract(correlations, k).loadings
            common = loadings @ loadings.T
        fits.append(common_part_accounted_for(correlations, common))
    dfs = np.array([degrees_of_freedom(p, k) for k in counts], dtype=float)
    _, bends = elbow(np.array(fits), dfs)
    table = pd.DataFrame({"caf": fits, "df": dfs.astype(int), "bend": bends}, index=counts)
    return table.rename_axis("n_factors")


def _hull_row(hull: pd.DataFrame) -> _Row:
    bends = hull["bend"].to_numpy()
    if np.isnan(bends).all():
        return _Row(
            "hull_caf", None, "factors", f"the hull does not bend between 0 and {len(hull) - 1} factors"
        )
    sharpest = int(np.nanargmax(bends))
    return _Row("hull_caf", sharpest, "factors", f"sharpest bend {bends[sharpest]:.2f} of the hull")


def _sequential_rmsea(found: Moments) -> _Row:
    if found.smoothing is not None:
        return _Row("rmsea", None, "factors", "a smoothed matrix has no likelihood of its own")
    p, limit = len(found.labels), format_value(CLOSE_FIT, "r2")
    lower = float("nan")
    counts = [k for k in range(1, p) if degrees_of_freedom(p, k) > 0]
    for k in counts:
        loadings = extract(found.correlations, k, "ml").loadings
        lower = fit_measures(found.correlations, loadings @ loadings.T, k, found.n_pairs)["rmsea_ci_lower"]
        if lower < CLOSE_FIT:
            return _Row(
                "rmsea", k, "factors", f"first lower RMSEA limit below {limit}: {format_value(lower, 'r3')}"
            )
    return _Row(
        "rmsea", len(counts), "factors", f"no lower RMSEA limit below {limit}: {format_value(lower, 'r3')}"
    )


def _comparison_row(values: Array, most: int, samples: int, seed: int) -> _Row:
    found = compare(values, most + 1, samples, seed)
    told = fill_prose("p = {p:p}", {"p": float(found.pvalue)})
    detail = f"no better with one factor more ({told} of {samples} samples each)"
    if found.n_factors == len(found.distances):
        detail = f"still better at the most tried, {found.n_factors}"
    return _Row("comparison_data", found.n_factors, "factors", detail)
