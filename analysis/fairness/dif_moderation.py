"""Differential item functioning along a continuous covariate: the public function and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.multiplicity import adjusted
from analysis.common.result import Result
from analysis.correlation.codes import category_codes
from analysis.fairness.dif_result import FLAG_RULES, NOT_ESTIMABLE, FlagRule, flag_of
from analysis.fairness.inputs import GIVEN, NO_SEARCH, beside, check_options, fixed_anchors
from analysis.fairness.matching import FEWEST_ANCHORS, Array, Items, Matcher, Matching, Purified, find_anchors
from analysis.fairness.nested import MODELS, TESTS, NestedModels, compare_nested, fit_predicted
from analysis.fairness.proportional_odds import category_probabilities
from analysis.fairness.testing import FEWEST_PERSONS, suspects
from instrument.answers import answers_of
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, kind_of

CALLER = "dif_moderation"
_NUMBERS = [
    f"{what}_{test}"
    for test in TESTS
    for what in ("chisq", "df", "p", "p_adjusted", "mcfadden", "nagelkerke")
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ModerationResult(Result):
    """Tests, effect sizes and flags of each item along a covariate.

    Attributes
    ----------
    table
        Index item: `n`, for each test (`uniform`, `nonuniform`, `total`) `chisq_…`, `df_…`, `p_…`,
        `p_adjusted_…`, `mcfadden_…`, `nagelkerke_…` (differences of R²); `signed_difference` and
        `unsigned_difference`: points of the answer scale that the item is expected to be higher one standard
        deviation above the mean of the covariate than one below it, among people alike on the trait; `flag`.
    coefficients
        Of the third model: index item; `matching`, `covariate` (per standard deviation), `interaction` and
        their standard errors `…_se`.
    logliks
        Index item; `null` and the three models.
    anchors
        Items the matching variable rests on.
    rounds, purification
        Rounds of tests, and how the search for anchors ended.
    not_estimable
        Item to reason.
    mean, sd
        Of the covariate, among those with an answer.
    n_obs, n_dropped
        Persons with an answer and a value, and those without.
    """

    table: pd.DataFrame
    coefficients: pd.DataFrame
    logliks: pd.DataFrame
    anchors: list[str]
    rounds: int
    purification: str
    not_estimable: dict[str, str]
    matching: str
    adjust: str
    alpha: float
    rule: str
    mean: float
    sd: float
    n_obs: int
    n_dropped: int

    def to_frame(self) -> pd.DataFrame:
        """Give one row per item."""
        return self.table.copy()


def dif_moderation(
    items: pd.DataFrame,
    covariate: str | Sequence[float] | pd.Series | npt.NDArray[Any],
    *,
    matching: Matching = "theta",
    purify: Literal["flagged", "significant"] | None = "significant",
    anchors: str | Sequence[str] | None = None,
    max_rounds: int = 10,
    adjust: Literal["holm", "bh", "none"] = "holm",
    alpha: float = 0.05,
    rule: Literal["jodoin_gierl", "zumbo", "cosmin"] = "jodoin_gierl",
) -> ModerationResult:
    """Ask of each item whether people alike on the trait answer it differently along a covariate.

    Use it in place of `dif` for age, years of education and the like, rather than cutting them into groups.
    Not for codes of groups (use `dif`), nor where a relation bends: the covariate enters the logit linearly.

    Parameters
    ----------
    items
        Whole-number codes, shape (n_persons, n_items), NA for no answer.
    covariate
        Name of a column beside the items, or the number of each person in the order of the rows (a Series
        must have the same index); persons without one are dropped. It is standardised, so coefficients are
        per standard deviation.
    matching, purify, anchors, max_rounds, adjust, alpha, rule
        As in `dif`.

    Returns
    -------
    ModerationResult
        `.table` (tests, effect sizes, flags), `.coefficients`, `.anchors`.

    Raises
    ------
    ResponseDataError
        Fewer than three items, fewer than 30 persons, a covariate that does not fit the rows, holds no
        numbers or does not vary.
    DefinitionError
        Options or anchors that do not exist.
    NotEstimableError
        The graded response model cannot be fitted to the anchors, or no item can be tested.

    Notes
    -----
    Three proportional-odds models, logit P(X ≤ k) = α_k − xβ: x holds the matching variable (1), with the
    standardised covariate (2), with their product (3); likelihood ratios of 1, 1 and 2 degrees of freedom.

    References
    ----------
    McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B, 42,
    109–142. https://doi.org/10.1111/j.2517-6161.1980.tb01109.x

    Zumbo, B. D. (1999). A handbook on the theory and methods of differential item functioning. Ottawa:
    Directorate of Human Resources Research and Evaluation.

    In R: ``anova(ordinal::clm(item ~ matching), ordinal::clm(item ~ matching + scale(age)),
    ordinal::clm(item ~ matching * scale(age)))``.

    Examples
    --------
    The first of four items falls by a point for the older half of 600 people; the others do not.

    >>> person = np.arange(600)
    >>> level, age = person % 20 / 19, 20 + person // 20
    >>> answers = {f"q{j}": np.floor(4 * level + person * 7 * j % 11 / 11) for j in (1, 2, 3, 4)}
    >>> answers["q1"] = np.clip(answers["q1"] - (age > 34), 0, None)
    >>> found = dif_moderation(pd.DataFrame(answers), age, matching="rest")
    >>> found.table.index[found.table["flag"] != "none"].tolist(), found.anchors
    (['q1'], ['q2', 'q3', 'q4'])
    """
    check_options(alpha, max_rounds, matching=matching, purify=purify, adjust=adjust, rule=rule)
    items, numbers = beside(items, covariate, CALLER)
    items = answers_of(items, CALLER)
    table, names = items.to_numpy(), list(items.columns)
    if len(names) < 3:
        fact = f"{len(names)} items cannot be matched on each other."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give three items or more."))
    fixed = fixed_anchors(anchors, names, matching)
    values = _numbers(numbers, items)
    rows = ~np.isnan(table).all(axis=1) & np.isfinite(values)
    if int(rows.sum()) < FEWEST_PERSONS:
        fact = f"{int(rows.sum())} persons have both an answer and a value."
        raise ResponseDataError(fact_and_hint(CALLER, fact, f"give {FEWEST_PERSONS} persons or more."))
    known = values[rows]
    mean, sd = float(known.mean()), float(known.std(ddof=1))
    if np.ptp(known) == 0:
        fact = "the covariate has one value for everyone."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one that varies."))
    category_codes(table[rows], names, caller=CALLER, listwise=False)  # refuses what are no categories
    matcher = Matcher(table=table[rows], names=names, kind=matching)
    search = _Search(
        matcher=matcher, z=(known - mean) / sd, adjust=adjust, alpha=alpha, rule=FLAG_RULES[rule], kept={}
    )
    ended = search.anchors(fixed, purify, max_rounds)
    tests, found = search.tests(ended.anchors)
    failed = {name: test.problem for name, test in zip(names, tests, strict=True) if test.problem}
    if len(failed) == len(names):
        fact = f"no item can be tested: {names[0]} ({failed[names[0]]})."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "gather more people."))
    return ModerationResult(
        table=found,
        coefficients=_coefficients(tests, found.index),
        logliks=_logliks(tests, found.index),
        anchors=[names[item] for item in sorted(ended.anchors)],
        rounds=ended.rounds,
        purification=ended.ending,
        not_estimable=failed,
        matching=matching,
        adjust=adjust,
        alpha=alpha,
        rule=rule,
        mean=mean,
        sd=sd,
        n_obs=int(rows.sum()),
        n_dropped=int((~rows).sum()),
    )


def _numbers(covariate: Sequence[float] | pd.Series | npt.NDArray[Any], items: pd.DataFrame) -> Array:
    """The covariate as floats, NaN where missing, in the order of the rows."""
    if isinstance(covariate, str) or not hasattr(covariate, "__len__") or np.ndim(covariate) != 1:
        fact = f"covariate is {kind_of(covariate)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one number per row, such as a Series."))
    if len(covariate) != len(items):
        fact = f"{len(covariate)} values for {len(items)} rows of answers."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one number per row."))
    if isinstance(covariate, pd.Series) and not covariate.index.equals(items.index):
        fact = "covariate and items have different indexes."
        hint = "align them, such as with covariate.reindex(items.index)."
        raise ResponseDataError(fact_and_hint(CALLER, fact, hint))
    given = pd.Series(list(covariate), dtype=object)
    numbers = pd.to_numeric(given, errors="coerce")
    if lost := int((numbers.isna() & given.notna()).sum()):
        fact = f"{lost} of {len(given)} values of the covariate are no numbers."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "use dif for groups."))
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Test:
    """One item: how many entered, the three models, and what the item is expected to change by."""

    n: int
    problem: str
    models: NestedModels | None
    signed: float
    unsigned: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """What a round of tests needs beside the anchors; each round is computed once."""

    matcher: Matcher
    z: Array
    adjust: str
    alpha: float
    rule: FlagRule
    kept: dict[Items, tuple[list[_Test], pd.DataFrame]]

    def anchors(self, fixed: Items | None, by: str | None, max_rounds: int) -> Purified:
        """Anchors as given, all items, or those that purification leaves."""
        everything = frozenset(range(len(self.matcher.names)))
        if fixed is not None:
            return Purified(anchors=fixed, rounds=1, ending=GIVEN)
        if by is None:
            return Purified(anchors=everything, rounds=1, ending=NO_SEARCH)

        def worst(anchors: Items) -> list[int]:
            return suspects(self.tests(anchors)[1], by, self.alpha)

        return find_anchors(worst, everything, FEWEST_ANCHORS[self.matcher.kind], max_rounds)

    def tests(self, anchors: Items) -> tuple[list[_Test], pd.DataFrame]:
        """Test every item with given anchors."""
        if anchors not in self.kept:
            tests = [self._test(item, anchors) for item in range(len(self.matcher.names))]
            self.kept[anchors] = tests, self._table(tests)
        return self.kept[anchors]

    def _test(self, item: int, anchors: Items) -> _Test:
        matching = self.matcher.values(item, anchors)
        rows = ~np.isnan(matching)
        matching, z, n = matching[rows], self.z[rows], int(rows.sum())
        codes, positions = np.unique(self.matcher.table[rows, item].astype(np.int64), return_inverse=True)
        problem, models, change = "", None, np.array([np.nan])
        if n < FEWEST_PERSONS:
            problem = f"{n} persons have the item and the matching variable"
        elif len(codes) < 2:
            problem = "those with the matching variable gave one answer only"
        elif np.ptp(z) == 0:
            problem = "those with the matching variable have one value of the covariate"
        else:
            models = fit_predicted(positions, matching, z[:, None])
            problem = models.problem
            change = change if problem else _change(models, matching, codes)
        return _Test(
            n=n,
            problem=problem,
            models=None if problem else models,
            signed=float(change.mean()),
            unsigned=float(np.abs(change).mean()),
        )

    def _table(self, tests: list[_Test]) -> pd.DataFrame:
        index = pd.Index(self.matcher.names, name="item")
        rows = [{} if test.models is None else compare_nested(test.models) for test in tests]
        table = pd.DataFrame(rows, index=index).reindex(columns=_NUMBERS).astype(float)
        usable = table["p_total"].notna()
        for test in TESTS:
            p = table.loc[usable, f"p_{test}"].to_numpy()
            table.loc[usable, f"p_adjusted_{test}"] = adjusted(p, self.adjust)
        table.insert(0, "n", [test.n for test in tests])
        table["signed_difference"] = [test.signed for test in tests]
        table["unsigned_difference"] = [test.unsigned for test in tests]
        changes = zip(table["p_adjusted_total"], table[self.rule.statistic], usable, strict=True)
        table["flag"] = [
            flag_of(p, change, self.alpha, self.rule) if good else NOT_ESTIMABLE
            for p, change, good in changes
        ]
        return table


def _change(models: NestedModels, matching: Array, codes: npt.NDArray[np.integer]) -> Array:
    """Expected answer one standard deviation above the mean of the covariate minus one below, by person."""
    fit = models.fits[2]
    own, covariate, product = fit.coefficients
    above, below = (
        category_probabilities(fit.thresholds, side * covariate + (own + side * product) * matching) @ codes
        for side in (1.0, -1.0)
    )
    return np.asarray(above - below)


def _coefficients(tests: list[_Test], index: pd.Index) -> pd.DataFrame:
    terms = ["matching", "covariate", "interaction"]
    rows = []
    for test in tests:
        if test.models is None:
            rows.append([np.nan] * 6)
            continue
        fit = test.models.fits[2]
        errors = np.sqrt(np.diag(fit.covariance))[-3:]
        rows.append([*fit.coefficients, *errors])
    return pd.DataFrame(rows, index=index, columns=[*terms, *(f"{term}_se" for term in terms)], dtype=float)


def _logliks(tests: list[_Test], index: pd.Index) -> pd.DataFrame:
    rows = [
        [np.nan] * 4
        if test.models is None
        else [test.models.null_loglik, *(fit.loglik for fit in test.models.fits)]
        for test in tests
    ]
    return pd.DataFrame(rows, index=index, columns=["null", *MODELS], dtype=float)
