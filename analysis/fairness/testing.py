"""One round of tests: every item with given anchors, p-values adjusted over the items."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.multiplicity import adjusted
from analysis.fairness.dif_result import FLAGGED, NOT_ESTIMABLE, FlagRule, flag_of
from analysis.fairness.matching import Array, Items, Matcher
from analysis.fairness.nested import (
    MODELS,
    TESTS,
    NestedModels,
    compare_nested,
    expected_scores,
    fit_nested,
    score_differences,
)

FEWEST_PERSONS = 30
CURVE_POINTS = 21
CURVE_ENDS = (0.05, 0.95)
ADJUSTMENTS = ("holm", "bh", "none")
_NUMBERS = [
    f"{what}_{test}"
    for test in TESTS
    for what in ("chisq", "df", "p", "p_adjusted", "mcfadden", "nagelkerke")
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemTest:
    """One item: who entered, the three models, and where they apply."""

    n_groups: list[int]
    problem: str
    models: NestedModels | None
    matching: Array
    codes: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """Tests of every item with the same anchors, and their table."""

    tests: list[ItemTest]
    table: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """What a round needs beside the anchors; each round is computed once."""

    matcher: Matcher
    group: npt.NDArray[np.integer]
    groups: list[object]
    adjust: str
    alpha: float
    rule: FlagRule
    _kept: dict[Items, Round] = field(default_factory=dict)

    def tests(self, anchors: Items) -> Round:
        """Test every item with given anchors.

        Parameters
        ----------
        anchors
            Columns of the matching variable.

        Returns
        -------
        Round
            The tests and their table.
        """
        if anchors not in self._kept:
            self._kept[anchors] = _round_of_tests(self, anchors)
        return self._kept[anchors]


def check_item(settings: Settings, item: int, anchors: Items) -> ItemTest:
    """Fit the three models of one item, or say why they cannot be fitted.

    Parameters
    ----------
    settings
        Data and options.
    item
        Its column.
    anchors
        Columns of the matching variable.

    Returns
    -------
    ItemTest
        With `problem` where there is no estimate.
    """
    matching = settings.matcher.values(item, anchors)
    rows = ~np.isnan(matching)
    matching, group = matching[rows], settings.group[rows]
    counts = np.bincount(group, minlength=len(settings.groups))
    codes, positions = np.unique(settings.matcher.table[rows, item].astype(np.int64), return_inverse=True)
    problem, models = "", None
    if counts.min() < FEWEST_PERSONS:
        small = settings.groups[int(counts.argmin())]
        problem = f"{counts.min()} persons of group {small} have the item and the matching variable"
    elif len(codes) < 2:
        problem = "those with the matching variable gave one answer only"
    else:
        models = fit_nested(positions, matching, group, len(settings.groups))
        problem = models.problem
    return ItemTest(
        n_groups=counts.tolist(),
        problem=problem,
        models=None if problem else models,
        matching=matching,
        codes=codes,
    )


def _round_of_tests(settings: Settings, anchors: Items) -> Round:
    names = settings.matcher.names
    tests = [check_item(settings, item, anchors) for item in range(len(names))]
    rows = [{} if test.models is None else compare_nested(test.models) for test in tests]
    index = pd.Index(names, name="item")
    table = pd.DataFrame(rows, index=index).reindex(columns=[*_NUMBERS, "coefficient_change"]).astype(float)
    usable = table["p_total"].notna()
    for test in TESTS:
        table.loc[usable, f"p_adjusted_{test}"] = adjusted(
            table.loc[usable, f"p_{test}"].to_numpy(), settings.adjust
        )
    table.insert(0, "n", [sum(test.n_groups) for test in tests])
    gaps = [_largest_gap(test) for test in tests]
    table["signed_difference"], table["unsigned_difference"] = zip(*gaps, strict=True)
    table["flag"] = [
        flag_of(p, change, settings.alpha, settings.rule) if good else NOT_ESTIMABLE
        for p, change, good in zip(
            table["p_adjusted_total"], table[settings.rule.statistic], usable, strict=True
        )
    ]
    crossed = table["p_adjusted_nonuniform"] < settings.alpha
    kind = np.where(crossed, "nonuniform", "uniform")
    table["kind"] = np.where(table["p_adjusted_total"] < settings.alpha, kind, "")
    return Round(tests=tests, table=table)


def suspects(table: pd.DataFrame, by: str, alpha: float) -> list[int]:
    """Columns that should not be anchors, the worst first.

    Parameters
    ----------
    table
        Results of a round.
    by
        `flagged` or `significant`.
    alpha
        Level of the test.

    Returns
    -------
    list of int
        Items that cannot be estimated, then the others by the size of the change of R².
    """
    out = table["flag"].isin(FLAGGED) if by == "flagged" else table["p_adjusted_total"] < alpha
    size = table["nagelkerke_total"].where(table["flag"] != NOT_ESTIMABLE, np.inf).to_numpy()
    places = np.flatnonzero(out | (table["flag"] == NOT_ESTIMABLE))
    return sorted(places.tolist(), key=lambda place: (-size[place], place))


def _gaps(test: ItemTest) -> dict[tuple[int, int], tuple[float, float]]:
    if test.models is None:
        return {}
    return score_differences(expected_scores(test.models, test.matching, test.codes))


def _largest_gap(test: ItemTest) -> tuple[float, float]:
    return max(_gaps(test).values(), key=lambda gap: gap[1], default=(np.nan, np.nan))


def difference_table(settings: Settings, tests: list[ItemTest]) -> pd.DataFrame:
    """Differences of the expected score, one row per item and pair of groups.

    Parameters
    ----------
    settings
        Data and options.
    tests
        Of each item.

    Returns
    -------
    pandas.DataFrame
        item, first, second, signed, unsigned.
    """
    rows = [
        (name, settings.groups[first], settings.groups[second], signed, unsigned)
        for name, test in zip(settings.matcher.names, tests, strict=True)
        for (first, second), (signed, unsigned) in _gaps(test).items()
    ]
    return pd.DataFrame(rows, columns=["item", "first", "second", "signed", "unsigned"])


def curve_table(settings: Settings, tests: list[ItemTest]) -> pd.DataFrame:
    """Expected score of each group between the 5th and the 95th percentile of the matching variable.

    Parameters
    ----------
    settings
        Data and options.
    tests
        Of each item.

    Returns
    -------
    pandas.DataFrame
        item, group, matching, expected.
    """
    rows = []
    for name, test in zip(settings.matcher.names, tests, strict=True):
        if test.models is None:
            continue
        low, high = np.quantile(test.matching, CURVE_ENDS)
        points = np.linspace(low, high, CURVE_POINTS)
        for label, curve in zip(
            settings.groups, expected_scores(test.models, points, test.codes), strict=True
        ):
            rows += [(name, label, at, score) for at, score in zip(points, curve, strict=True)]
    return pd.DataFrame(rows, columns=["item", "group", "matching", "expected"])


def coefficient_table(settings: Settings, tests: list[ItemTest]) -> pd.DataFrame:
    """Thresholds and coefficients of the three models of each item.

    Parameters
    ----------
    settings
        Data and options.
    tests
        Of each item.

    Returns
    -------
    pandas.DataFrame
        item, model, term, estimate, standard_error.
    """
    others = [str(label) for label in settings.groups[1:]]
    terms = ["matching", *others, *(f"matching:{label}" for label in others)]
    rows = []
    for name, test in zip(settings.matcher.names, tests, strict=True):
        for model, fit in zip(MODELS, test.models.fits if test.models else (), strict=False):
            cuts = [f"{low}|{high}" for low, high in zip(test.codes, test.codes[1:], strict=False)]
            values = np.concatenate([fit.thresholds, fit.coefficients])
            errors = np.sqrt(np.diag(fit.covariance))
            labels = [*cuts, *terms[: len(fit.coefficients)]]
            rows += [(name, model, *row) for row in zip(labels, values, errors, strict=True)]
    return pd.DataFrame(rows, columns=["item", "model", "term", "estimate", "standard_error"])


def loglik_table(settings: Settings, tests: list[ItemTest]) -> pd.DataFrame:
    """Log likelihoods of the null model and of the three models.

    Parameters
    ----------
    settings
        Data and options.
    tests
        Of each item.

    Returns
    -------
    pandas.DataFrame
        Index item; NaN for items without an estimate.
    """
    rows = [
        [np.nan] * 4
        if test.models is None
        else [test.models.null_loglik, *(fit.loglik for fit in test.models.fits)]
        for test in tests
    ]
    return pd.DataFrame(
        rows, index=pd.Index(settings.matcher.names, name="item"), columns=["null", *MODELS], dtype=float
    )
