"""Reliability and intraclass correlations of items answered by people in clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from analysis.common.result import Result
from analysis.reliability.inputs import numeric_items
from analysis.reliability.resampling import checked_level
from analysis.structural.estimation.ram import State, build_group, evaluate
from analysis.structural.fitting import prepare_model
from analysis.structural.inference.result import StructuralResult
from analysis.structural.models import cfa, sem
from analysis.structural.options import ModelOptions
from analysis.structural.two_level.ordinal_items import FLAT
from analysis.structural.two_level.ordinal_moments import items_at_levels
from instrument.answers import table_of
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

Array = npt.NDArray[np.floating]
STEP = 1e-6  # of a parameter, in the derivative of a coefficient


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class IntraclassResult(Result):
    """How much of the variance of each item lies between clusters.

    Attributes
    ----------
    table
        One row per item: item, variance_within, variance_between, icc, se, ci_lower, ci_upper,
        design_effect (1 + (mean size − 1) icc). A variance between below zero is chance: icc is then
        below zero, too.
    n_obs, n_clusters
        Rows and clusters in use.
    mean_size
        Rows of a cluster on average.
    confidence
        Coverage.
    """

    table: pd.DataFrame
    n_obs: int
    n_clusters: int
    mean_size: float
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded."""
        return self.table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MultilevelReliabilityResult(Result):
    """Reliability of sums of items of people in clusters.

    Attributes
    ----------
    table
        One row per coefficient: coefficient, score, construct, estimate, se, ci_lower, ci_upper. `score`
        says of what: rows ("total"), deviations of rows from their cluster ("within"), means of clusters as
        observed ("between"), or means of clusters of endless size ("latent between").
    n_obs, n_clusters, n_items
        Rows, clusters and items in use.
    harmonic_size
        Harmonic mean of the sizes of clusters.
    confidence
        Coverage.
    fits
        "equal" and "free" (one factor at each level, loadings equal across levels or not) and "unrestricted".
    """

    table: pd.DataFrame
    n_obs: int
    n_clusters: int
    n_items: int
    harmonic_size: float
    confidence: float
    fits: dict[str, StructuralResult]

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded."""
        return self.table

    def estimate(self, coefficient: str, construct: str = "configural") -> float:
        """Give one coefficient.

        Parameters
        ----------
        coefficient
            Such as "omega_between".
        construct
            "configural" or "shared".

        Returns
        -------
        float
            The estimate.
        """
        rows = self.table[self.table["coefficient"] == coefficient]
        own = rows[rows["construct"].isin(["any", construct])]
        if own.empty:
            raise DefinitionError(
                fact_and_hint(
                    "estimate",
                    f"there is no {coefficient!r} of a {construct!r} construct.",
                    f"choose from {name_offenders(list(dict.fromkeys(self.table['coefficient'])))}.",
                )
            )
        return float(own["estimate"].iloc[0])


def intraclass_correlations(
    items: pd.DataFrame,
    cluster: str,
    missing: str | None = None,
    confidence: float = 0.95,
    ordered: bool = False,
) -> IntraclassResult:
    """Share of each item's variance that lies between clusters.

    Use it before levels are modelled, and to see how many independent people a sample in clusters is worth.
    For the agreement of raters or occasions see `icc`.

    Parameters
    ----------
    items
        Shape (n_rows, n_items + 1): numeric answers, NA for missing, and the column of clusters.
    cluster
        Name of that column.
    missing
        None: full information where answers are missing; "listwise" on request.
    confidence
        Coverage of the intervals.
    ordered
        True: of the latent responses behind ordinal answers, whose variance within is one. An item without
        variance between clusters has 0, without an error. "pairwise" (None) or "listwise".

    Returns
    -------
    IntraclassResult
        `.table`.

    Raises
    ------
    DefinitionError, ResponseDataError, NotEstimableError
        As `cfa`.

    Notes
    -----
    sigma_b / (sigma_b + sigma_w) of the unrestricted two-level model, by maximum likelihood; standard errors
    by the delta method from the sandwich over clusters. In R: `lavaan::lavInspect(fit, "icc")`. `ordered`:
    v / (v + 1) with v the variance between clusters of a probit model with thresholds, by maximum likelihood;
    errors from the products of clusters' scores. In R, for two categories:
    `lme4::glmer(y ~ 1 + (1 | cluster), family = binomial("probit"), nAGQ = 25)`.

    References
    ----------
    Muthén, B. O. (1994). Multilevel covariance structure analysis. https://doi.org/10.1177/0049124194022003006

    Examples
    --------
    >>> app = np.repeat(np.arange(40), 6)
    >>> draw = np.random.default_rng(1)
    >>> answers = draw.normal(size=(240, 2)) + draw.normal(size=(40, 2))[app]
    >>> table = pd.DataFrame(answers, columns=["q1", "q2"]).assign(app=app)
    >>> bool(intraclass_correlations(table, "app").table["icc"].between(0.3, 0.7).all())  # population: 0.5
    True
    """
    caller = "intraclass_correlations"
    checked_level(confidence, caller)
    names = _item_names(items, cluster, caller, least=1)
    if ordered:
        return _of_responses(names, items, cluster, missing, confidence, caller)
    fit = sem(_unrestricted(names), items, "MLR", cluster=cluster, missing=missing)

    def shares(states: list[State]) -> Array:
        within, between = np.diag(states[0].sigma), np.diag(states[1].sigma)
        return np.asarray(between / (within + between))

    estimate, se = _with_errors(fit, shares)
    order = [fit._fitted.table.level_names[0].observed.index(name) for name in names]
    within, between = (np.diag(state.sigma) for state in fit._fitted.states)
    table = pd.DataFrame(
        {
            "item": names,
            "variance_within": within[order],
            "variance_between": between[order],
            "icc": estimate[order],
            "se": se[order],
        }
    )
    return _with_intervals(table, fit.n_obs, fit.n_clusters, confidence)


def _with_intervals(table: pd.DataFrame, n_obs: int, n_clusters: int, confidence: float) -> IntraclassResult:
    size = n_obs / n_clusters
    half = float(norm.ppf(0.5 + confidence / 2)) * table["se"]
    table = table.assign(
        ci_lower=table["icc"] - half,
        ci_upper=table["icc"] + half,
        design_effect=1.0 + (size - 1.0) * table["icc"],
    )
    return IntraclassResult(
        table=table, n_obs=n_obs, n_clusters=n_clusters, mean_size=size, confidence=confidence
    )


def _of_responses(
    names: list[str], items: pd.DataFrame, cluster: str, missing: str | None, confidence: float, caller: str
) -> IntraclassResult:
    """Intraclass correlations of the latent responses behind ordinal answers."""
    options = ModelOptions(estimator="WLSMV", ordered=True, missing=missing, cluster=cluster)
    ready = prepare_model(caller, _unrestricted(names), items, options)
    rows = ready.rows
    own = rows.sampling_of(0).clusters
    if own is None:
        raise ValueError("answers were read with their clusters")
    _, clusters = np.unique(own, return_inverse=True)
    order = [rows.variables.index(name) for name in names]
    sizes = [len(rows.categories[name]) for name in names]
    found = items_at_levels(rows.values[0][:, order], clusters, sizes, names, caller, "")
    j = int(clusters.max()) + 1
    flat = np.array([item.variance < FLAT for item in found])
    variance = np.where(flat, 0.0, [item.variance for item in found])
    spread = np.array([np.sqrt(j / (j - 1.0) * np.sum(item.influence[:, -1] ** 2)) for item in found])
    table = pd.DataFrame(
        {
            "item": names,
            "variance_within": np.ones(len(names)),
            "variance_between": variance,
            "icc": variance / (1.0 + variance),
            "se": np.where(flat, np.nan, spread / (1.0 + variance) ** 2),
        }
    )
    return _with_intervals(table, rows.n_obs, j, confidence)


def multilevel_reliability(
    items: pd.DataFrame, cluster: str, missing: str | None = None, confidence: float = 0.95
) -> MultilevelReliabilityResult:
    """Omega and alpha of the sum of items, for rows, for deviations within clusters and for clusters' means.

    Use it where people sit in clusters, or answers repeat within people: one alpha of all rows mixes what
    tells people apart with what tells clusters apart. Reversed items are to be reversed first.

    Parameters
    ----------
    items
        Shape (n_rows, n_items + 1): numeric answers to three items or more, NA for missing, and the column of
        clusters.
    cluster
        Name of that column.
    missing
        None: full information where answers are missing; "listwise" on request.
    confidence
        Coverage of the intervals.

    Returns
    -------
    MultilevelReliabilityResult
        `.table`, `.estimate("omega_between")`, `.fits`.

    Raises
    ------
    DefinitionError, ResponseDataError, NotEstimableError
        As `cfa`; fewer than three items.

    Notes
    -----
    With loadings l, factor variances f and residual variances t at each level, h the harmonic mean of the
    sizes and C_w = (sum l)^2 f_w and so on:

    - omega_within = C_w / (C_w + sum t_w)
    - omega_total = (C_w + C_b) / (C_w + C_b + sum t_w + sum t_b)
    - omega_between = C_b / (C_b + sum t_b + (C_w + sum t_w) / h)
    - omega_latent_between = C_b / (C_b + sum t_b)

    The first three hold for a configural construct, whose loadings are equal at both levels; omega_between is
    given for a shared one, too, with loadings of their own between. The last, by Geldhof et al. (2014) with
    free loadings, is that of means no one observes and much too large for clusters of few rows (Lai 2021).
    alpha takes p / (p - 1) times the covariances of different items in place of C, from the unrestricted
    two-level model. Standard errors by the delta method from the sandwich over clusters.
    In R: the function `multilevel_alpha` that goes with Lai (2021).

    References
    ----------
    Geldhof, G. J., Preacher, K. J., & Zyphur, M. J. (2014). Reliability estimation in a multilevel
    confirmatory factor analysis framework. https://doi.org/10.1037/a0032138
    Lai, M. H. C. (2021). Composite reliability of multilevel data. https://doi.org/10.1037/met0000287

    Examples
    --------
    >>> app = np.repeat(np.arange(60), 8)
    >>> draw = np.random.default_rng(1)
    >>> factor = draw.normal(size=480) + draw.normal(size=60)[app]
    >>> own = draw.normal(size=(480, 4)) + 0.5 * draw.normal(size=(60, 4))[app]
    >>> table = pd.DataFrame(factor[:, None] + own, columns=["q1", "q2", "q3", "q4"]).assign(app=app)
    >>> found = multilevel_reliability(table, "app")
    >>> round(found.estimate("omega_within"), 1)  # population: 16 / 20
    0.8
    """
    caller = "multilevel_reliability"
    checked_level(confidence, caller)
    names = _item_names(items, cluster, caller, least=3)
    labelled = " + ".join([names[0], *(f"equal_{k}*{name}" for k, name in enumerate(names[1:]))])
    plain = " + ".join(names)
    fits = {
        "equal": cfa(_one_factor(labelled), items, "MLR", cluster=cluster, missing=missing),
        "free": cfa(_one_factor(plain), items, "MLR", cluster=cluster, missing=missing),
        "unrestricted": sem(_unrestricted(names), items, "MLR", cluster=cluster, missing=missing),
    }
    sizes = np.bincount(fits["free"]._fitted.data.sampling[0].clusters)  # type: ignore[arg-type]
    harmonic = float(len(sizes) / np.sum(1.0 / sizes))
    p = len(names)

    def omegas(states: list[State]) -> Array:
        (common_w, error_w), (common_b, error_b) = (_sums(state, p) for state in states)
        every = common_w + error_w
        return np.array(
            [
                common_w / every,
                common_b / (common_b + error_b + every / harmonic),
                (common_w + common_b) / (every + common_b + error_b),
                common_b / (common_b + error_b),
            ]
        )

    def alphas(states: list[State]) -> Array:
        (off_w, all_w), (off_b, all_b) = (_off_and_all(state.sigma) for state in states)
        whole = (off_w + off_b) / (all_w + all_b)
        shares = [off_w / all_w, off_b / (all_b + all_w / harmonic), whole, off_b / all_b]
        return np.array(shares) * p / (p - 1.0)

    configural, shared = _with_errors(fits["equal"], omegas), _with_errors(fits["free"], omegas)
    alpha = _with_errors(fits["unrestricted"], alphas)
    rows = [
        ("omega_within", "within", "configural", *_at(configural, 0)),
        ("omega_between", "between", "configural", *_at(configural, 1)),
        ("omega_total", "total", "configural", *_at(configural, 2)),
        ("omega_within", "within", "shared", *_at(shared, 0)),
        ("omega_between", "between", "shared", *_at(shared, 1)),
        ("omega_latent_between", "latent between", "any", *_at(shared, 3)),
        ("alpha_within", "within", "any", *_at(alpha, 0)),
        ("alpha_between", "between", "any", *_at(alpha, 1)),
        ("alpha_total", "total", "any", *_at(alpha, 2)),
        ("alpha_latent_between", "latent between", "any", *_at(alpha, 3)),
    ]
    table = pd.DataFrame(rows, columns=["coefficient", "score", "construct", "estimate", "se"])
    half = float(norm.ppf(0.5 + confidence / 2)) * table["se"]
    table = table.assign(ci_lower=table["estimate"] - half, ci_upper=table["estimate"] + half)
    fit = fits["free"]
    return MultilevelReliabilityResult(
        table=table,
        n_obs=fit.n_obs,
        n_clusters=fit.n_clusters,
        n_items=p,
        harmonic_size=harmonic,
        confidence=confidence,
        fits=fits,
    )


def _item_names(items: pd.DataFrame, cluster: str, caller: str, least: int) -> list[str]:
    table = table_of(items, caller, "items")
    if not isinstance(cluster, str) or cluster not in table.columns:
        raise DefinitionError(
            fact_and_hint(
                caller, f"the column {cluster!r} of clusters is not in the table.", "name one column of it."
            )
        )
    answers = numeric_items(table.drop(columns=cluster), caller, least)
    names = [str(name) for name in answers.columns]
    odd = [name for name in names if not name.replace(".", "_").isidentifier()]
    if odd:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"names that a model cannot hold: {name_offenders(odd)}.",
                "rename these columns with letters, digits and underscores.",
            )
        )
    return names


def _one_factor(terms: str) -> str:
    return f"level: 1\nwithin_factor =~ {terms}\nlevel: 2\nbetween_factor =~ {terms}"


def _unrestricted(names: list[str]) -> str:
    pairs = [f"{one} ~~ {two}" for one, two in combinations(names, 2)] or [f"{names[0]} ~~ {names[0]}"]
    block = "\n".join(pairs)
    return f"level: 1\n{block}\nlevel: 2\n{block}"


def _sums(state: State, p: int) -> tuple[float, float]:
    """Variance of the sum of items from the factor and from residuals."""
    total = float(state.directed[:p, p].sum())
    return total**2 * float(state.symmetric[p, p]), float(np.trace(state.symmetric[:p, :p]))


def _off_and_all(sigma: Array) -> tuple[float, float]:
    whole = float(sigma.sum())
    return whole - float(np.trace(sigma)), whole


def _at(found: tuple[Array, Array], place: int) -> tuple[float, float]:
    return float(found[0][place]), float(found[1][place])


def _with_errors(fit: StructuralResult, coefficients: Callable[[list[State]], Array]) -> tuple[Array, Array]:
    """Coefficients at the estimates and their standard errors, by the delta method."""
    fitted = fit._fitted
    blocks = range(len(fitted.states))
    models = [build_group(fitted.table, block, fitted.exogenous_values[block]) for block in blocks]

    def at(x: Array) -> Array:
        return coefficients([evaluate(model, x) for model in models])

    slopes = []
    for k in range(len(fitted.x)):
        step = np.zeros(len(fitted.x))
        step[k] = STEP * max(1.0, abs(float(fitted.x[k])))
        slopes.append((at(fitted.x + step) - at(fitted.x - step)) / (2.0 * step[k]))
    by = np.array(slopes)
    variance = np.einsum("ka,kl,la->a", by, fitted.vcov, by)
    return at(fitted.x), np.sqrt(np.maximum(variance, 0.0))
