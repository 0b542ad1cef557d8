"""Public function: whether items behave as effects of one common cause or as components."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from analysis.common.multiplicity import adjusted
from analysis.common.result import Result
from analysis.common.threads import one_thread
from analysis.correlation.mixed import mixed_moments
from analysis.correlation.moments import ordinal_moments
from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.families.tetrads import tetrad_tests
from analysis.structural.inference.result import StructuralResult
from analysis.structural.models import cfa
from instrument.answers import answers_of
from instrument.errors import DefinitionError, NotEstimableError, ToolkitWarning, fact_and_hint

CALLER = "composite_or_effect"
FEWEST_ITEMS, MOST_ITEMS = 4, 20
LEVEL = 0.05
LEAST_CORRELATED = 0.5  # share of pairs of items that must correlate before their tetrads say anything
NORMAL_LIMIT = 1.959963984540054


class Direction(StrEnum):
    """What the tetrads say about a set of items."""

    EFFECTS = "one common cause is not contradicted"
    NOT_EFFECTS = "no effects of one common cause"
    UNDECIDED = "undecided: the items hardly correlate"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DirectionResult(Result):
    """Tetrads of a set of items.

    Attributes
    ----------
    verdict
        A `Direction`.
    table
        One row per tetrad, largest |z| first: `tetrad` ("a·b × c·d − a·c × b·d", products of correlations),
        `value`, `se`, `z`, `pvalue`, `pvalue_holm` (for all tetrads together).
    chisq, df, pvalue
        Test that all vanish.
    n_contradicting
        Tetrads with a Holm-adjusted p below .05.
    share_correlated
        Share of pairs of items whose correlation differs from 0 (p < .05 each).
    one_factor
        The one-factor model of the same items (WLSMV or MLR), whose fit says how large the contradiction is;
        None where it could not be fitted.
    one_factor_failed
        Why it could not; empty otherwise.
    n_obs
        Persons.
    """

    verdict: Direction
    table: pd.DataFrame
    chisq: float
    df: float
    pvalue: float
    n_contradicting: int
    share_correlated: float
    one_factor: StructuralResult | None
    one_factor_failed: str
    n_obs: int

    def to_frame(self) -> pd.DataFrame:
        """Give the tetrads, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per tetrad.
        """
        return self.table


@one_thread()
def composite_or_effect(items: pd.DataFrame, ordered: bool = True) -> DirectionResult:
    """Ask whether items behave as effects of one common cause, by tetrads that then must vanish.

    Use it for a theme that may be a composite: a list of what an app allows need not have one cause, and its
    items need not correlate in the pattern of a factor. Where tetrads do not vanish, one common cause alone
    is wrong: the items may be components, or have several causes, or residuals that belong together (items
    worded alike). Where they vanish, one common cause is not contradicted; components could correlate in that
    pattern, too. The test never replaces the reason why items should be one or the other.

    Parameters
    ----------
    items
        Shape (n_persons, n_items), 4 to 20 items; missing as NA (pairwise).
    ordered
        True: ordinal items, polychoric correlations; False: numbers, product-moment correlations.

    Returns
    -------
    DirectionResult
        `.verdict`, `.table`, `.pvalue`, `.one_factor`.

    Raises
    ------
    DefinitionError
        Fewer than four items or more than twenty.
    ResponseDataError, NotEstimableError
        As `polychoric` and `cfa`; correlations of 1.

    Notes
    -----
    One common cause with uncorrelated residuals gives r_gh r_ij = r_gi r_hj for any four items; a composite
    restricts no correlation of its components, so its own fit cannot be tested without outcomes. Tetrads are
    taken of correlations, with the asymptotic covariance of polychoric or (without a claim of normality)
    product-moment correlations and the delta method. The verdict rests on the test of all tetrads together:
    the sum of their squares, referred to chi-square with matched mean and variance, so that no subset has to
    be chosen as in Bollen and Ting, and the order of items does not matter. Single tetrads are adjusted by
    Holm's method. It is left undecided where less than half of the pairs correlate, since tetrads of
    independent items vanish, too.

    References
    ----------
    Bollen, K. A., & Ting, K. (2000). A tetrad test for causal indicators. Psychological Methods, 5, 3-22.
    https://doi.org/10.1037/1082-989X.5.1.3
    Hipp, J. R., & Bollen, K. A. (2003). Model fit in structural equation models with censored, ordinal, and
    dichotomous variables: Testing vanishing tetrads. Sociological Methodology, 33, 267-305.

    Examples
    --------
    Five items with one cause, and five of which two pairs have causes of their own.

    >>> draw = np.random.default_rng(8).normal
    >>> cause, one, two = draw(size=(3, 400, 1))
    >>> effects = cause + 0.8 * draw(size=(400, 5))
    >>> own = np.hstack([one, one, two, two, np.zeros((400, 1))])
    >>> answers = {name: pd.DataFrame(np.clip(np.round(3 + x), 1, 5), columns=list("abcde"))
    ...            for name, x in (("effects", effects), ("components", 0.6 * effects + own))}
    >>> composite_or_effect(answers["effects"]).verdict.name
    'EFFECTS'
    >>> composite_or_effect(answers["components"]).verdict.name
    'NOT_EFFECTS'
    """
    if ordered not in (True, False):
        fact = f"ordered is {ordered!r}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give True or False."))
    table = answers_of(items, CALLER)
    names = [str(name) for name in table.columns]
    if not FEWEST_ITEMS <= len(names) <= MOST_ITEMS:
        fact = f"{len(names)} items; tetrads need {FEWEST_ITEMS} to {MOST_ITEMS}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give the items of one theme."))
    correlations, gamma, n = _correlations(table.to_numpy(dtype=float), names, ordered)
    found = tetrad_tests(correlations, gamma, n)
    row, column = np.triu_indices(len(names), 1)
    z = correlations[row, column] / np.sqrt(np.diag(gamma) / n)
    share = float(np.mean(np.abs(z) > NORMAL_LIMIT))
    shown = _table(found.items, names, found.value, found.se, found.pvalue)
    undecided = share < LEAST_CORRELATED
    fit, failed = (None, Direction.UNDECIDED.value) if undecided else _one_factor(table, ordered)
    verdict = Direction.NOT_EFFECTS if found.joint < LEVEL else Direction.EFFECTS
    return DirectionResult(
        verdict=Direction.UNDECIDED if undecided else verdict,
        table=shown,
        chisq=found.chisq,
        df=found.df,
        pvalue=found.joint,
        n_contradicting=int((shown["pvalue_holm"] < LEVEL).sum()),
        share_correlated=share,
        one_factor=fit,
        one_factor_failed=failed,
        n_obs=int(n),
    )


def _one_factor(table: pd.DataFrame, ordered: bool) -> tuple[StructuralResult | None, str]:
    """Fit one factor; items without a common cause may not allow it, which is an answer, too."""
    x, estimator = [f"x{k}" for k in range(1, table.shape[1] + 1)], "WLSMV" if ordered else "MLR"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolkitWarning)  # faults stand in the fit
            return cfa(f"common =~ {' + '.join(x)}", table.set_axis(x, axis=1), estimator), ""
    except NotEstimableError as error:
        return None, str(error).split("\n")[0]


def _correlations(values: Array, names: list[str], ordered: bool) -> tuple[Array, Array, float]:
    """Correlations with the part of Γ that is theirs, and the persons."""
    n_pairs = len(names) * (len(names) - 1) // 2
    if ordered:
        moments = ordinal_moments(values, names=names, caller=CALLER)
        found, acov, n = moments.correlations, moments.acov, moments.n_obs
    else:
        other = mixed_moments(values, np.zeros(len(names), dtype=bool), names=names, caller=CALLER)
        found, acov, n = other.correlations, other.correlation_acov, other.n_obs
    if acov is None or not np.isfinite(acov).all():
        fact = "correlations at 1 or -1: their asymptotic covariance is not defined."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "drop items that repeat each other."))
    return found, acov[-n_pairs:, -n_pairs:], float(n)


def _table(items: Ints, names: list[str], value: Array, se: Array, pvalue: Array) -> pd.DataFrame:
    words = [
        f"{names[g]}·{names[h]} × {names[i]}·{names[j]} − {names[g]}·{names[i]} × {names[h]}·{names[j]}"
        for g, h, i, j in items
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(se > 0, value / se, np.nan)
    frame = pd.DataFrame(
        {"tetrad": words, "value": value, "se": se, "z": z, "pvalue": pvalue, "pvalue_holm": adjusted(pvalue)}
    )
    order = np.argsort(-np.abs(np.nan_to_num(z)), kind="stable")
    return frame.iloc[order].reset_index(drop=True)
