"""Differential item functioning by ordinal logistic regression: the public function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.correlation.codes import category_codes
from analysis.fairness.dif_result import FLAG_RULES, DifResult
from analysis.fairness.inputs import (
    CALLER,
    GIVEN,
    NO_SEARCH,
    beside,
    check_groups,
    check_options,
    empty_categories,
    fixed_anchors,
    labels_of,
    warn_of_direction,
    warn_of_result,
)
from analysis.fairness.matching import FEWEST_ANCHORS, Items, Matcher, Matching, Purified, find_anchors
from analysis.fairness.testing import (
    Settings,
    coefficient_table,
    curve_table,
    difference_table,
    loglik_table,
    suspects,
)
from instrument.answers import answers_of
from instrument.errors import ResponseDataError, fact_and_hint

Purify = Literal["flagged", "significant"] | None


def dif(
    items: pd.DataFrame,
    group: str | Sequence[Any] | pd.Series | npt.NDArray[Any],
    *,
    matching: Matching = "theta",
    purify: Purify = "significant",
    anchors: str | Sequence[str] | None = None,
    max_rounds: int = 10,
    adjust: Literal["holm", "bh", "none"] = "holm",
    alpha: float = 0.05,
    rule: Literal["jodoin_gierl", "zumbo", "cosmin"] = "jodoin_gierl",
) -> DifResult:
    """Ask of each item whether people alike on the trait answer it differently by group.

    Use it for items of one dimension, before groups are compared on its score. A flag is a prompt for a look
    at the wording, not a verdict: with many items and groups some are flagged by chance, and a difference
    may be part of what is measured. Not for groups of fewer than about 200 people, nor for scales of several
    dimensions.

    Parameters
    ----------
    items
        Whole-number codes, shape (n_persons, n_items), NA for no answer.
    group
        Name of a column beside the items, or the group of each person in the order of the rows (a Series must
        have the same index); persons without a group are dropped. The first label that appears is the
        reference.
    matching
        `theta`: score of the graded response model from the anchors and the item. `total`: mean of the
        anchors and the item. `rest`: mean of the anchors without the item. For the means, items must be
        keyed alike.
    purify
        Which items leave the anchors for the next round: all that are `significant`, those `flagged`, or
        None. Items that cannot be estimated leave, too; half of the items stay in any case.
    anchors
        Items to match on, where they are known; there is no purification then.
    max_rounds
        Most rounds of purification.
    adjust
        Adjustment of p over the items: Holm, Benjamini and Hochberg, or none.
    alpha
        Level of the tests.
    rule
        Cut-offs for the change of R²: of Jodoin and Gierl (Nagelkerke, .035 and .070), of Zumbo (.13 and
        .26), or of COSMIN (McFadden, .02).

    Returns
    -------
    DifResult
        `.table` (tests, effect sizes, flags), `.flagged`, `.differences`, `.anchors`, `.n_groups`.

    Raises
    ------
    ResponseDataError
        Fewer than three items, fewer than two groups, groups of fewer than 30 persons, answers that are not
        whole numbers, constant items, groups that do not fit the rows.
    DefinitionError
        Options or anchors that do not exist.
    NotEstimableError
        The graded response model cannot be fitted to the anchors, or no item can be tested.

    Warns
    -----
    ToolkitWarning
        Groups under 200 persons, categories that a group never used, items that run against the others,
        purification that did not become stable, items that cannot be estimated.

    Notes
    -----
    Three proportional-odds models, logit P(X ≤ k) = α_k − xβ, are fitted to each item by maximum likelihood:
    x holds the matching variable (1), with the group (2), with group × matching (3). The uniform test
    compares 1 and 2, the nonuniform test 2 and 3, the total test 1 and 3, as likelihood ratios with g − 1,
    g − 1 and 2(g − 1) degrees of freedom for g groups. R² are McFadden's and Nagelkerke's, as differences
    between models. An item is flagged when the adjusted p of the total test is below alpha and the change of
    R² in that test reaches the rule. The signed difference is the mean, over all persons tested, of what
    model 3 expects of them as members of the second group minus as members of the first; the unsigned one is
    the mean of its size.

    The item stays part of the variable it is matched on with `theta` and `total`: without it, groups with
    unlike means on the trait would seem to differ on every item (see docs/methods/fairness.md). In a short
    scale this costs power, most of all for nonuniform differences; `rest` has more there, at that price.

    Missing answers: an item is tested on persons who answered it and have a matching variable. `total` and
    `rest` need every answer of the anchors; `theta` needs one beside the item, and takes answers as missing
    at random.

    References
    ----------
    McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B, 42,
    109–142.

    Zumbo, B. D. (1999). A handbook on the theory and methods of differential item functioning. Ottawa:
    Directorate of Human Resources Research and Evaluation.

    Jodoin, M. G., & Gierl, M. J. (2001). Evaluating type I error and power rates using an effect size measure
    with the logistic regression procedure for DIF detection. Applied Measurement in Education, 14, 329–349.

    Meade, A. W. (2010). A taxonomy of effect size measures for the differential functioning of items and
    scales. Journal of Applied Psychology, 95, 728–743. https://doi.org/10.1037/a0018966

    Candell, G. L., & Drasgow, F. (1988). An iterative procedure for linking metrics and assessing item bias
    in item response theory. Applied Psychological Measurement, 12, 253–260.
    https://doi.org/10.1177/014662168801200304

    In R: ``anova(ordinal::clm(item ~ matching), ordinal::clm(item ~ matching + group),
    ordinal::clm(item ~ matching * group))``.

    Examples
    --------
    Four items of 800 persons; half of the second group give the first item one point less. R's ``clm`` finds
    the same χ² of 2 degrees of freedom for it, matched on the mean of the others: 150.2317.

    >>> person = np.arange(800)
    >>> level, second = person % 20 / 19, person % 2
    >>> answers = {f"q{j}": np.floor(4 * level + person * 7 * j % 11 / 11) for j in (1, 2, 3, 4)}
    >>> answers["q1"] = np.clip(answers["q1"] - second * (person // 2 % 2), 0, None)
    >>> found = dif(pd.DataFrame(answers), np.where(second, "b", "a"), matching="rest")
    >>> found.flagged, found.anchors, round(float(found.table.loc["q1", "chisq_total"]), 4)
    (['q1'], ['q2', 'q3', 'q4'], 150.2317)
    """
    check_options(alpha, max_rounds, matching=matching, purify=purify, adjust=adjust, rule=rule)
    items, group = beside(items, group, CALLER)
    items = answers_of(items, CALLER)
    table, names = items.to_numpy(), list(items.columns)
    if len(names) < 3:
        fact = f"{len(names)} items cannot be matched on each other."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give three items or more."))
    fixed = fixed_anchors(anchors, names, matching)
    labels = labels_of(group, items)
    rows = ~np.isnan(table).all(axis=1) & labels.notna().to_numpy()
    if not rows.any():
        fact = "no person has both a group and an answer."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "check that both tables hold the same people."))
    category_codes(table[rows], names, caller=CALLER, listwise=False)  # refuses what are no categories
    groups = list(labels[rows].unique())
    settings = Settings(
        matcher=Matcher(table=table[rows], names=names, kind=matching),
        group=pd.Index(groups).get_indexer(pd.Index(labels[rows])),
        groups=groups,
        adjust=adjust,
        alpha=alpha,
        rule=FLAG_RULES[rule],
    )
    check_groups(groups, np.bincount(settings.group))
    if matching != "theta":
        warn_of_direction(settings.matcher.table, names)
    return _result(settings, _anchors(settings, fixed, purify, max_rounds), rule, int((~rows).sum()))


def _anchors(settings: Settings, fixed: Items | None, by: Purify, max_rounds: int) -> Purified:
    """Anchors as given, all items, or those that purification leaves."""
    everything = frozenset(range(len(settings.matcher.names)))
    if fixed is not None:
        return Purified(anchors=fixed, rounds=1, ending=GIVEN)
    if by is None:
        return Purified(anchors=everything, rounds=1, ending=NO_SEARCH)

    def worst(anchors: Items) -> list[int]:
        return suspects(settings.tests(anchors).table, by, settings.alpha)

    return find_anchors(worst, everything, FEWEST_ANCHORS[settings.matcher.kind], max_rounds)


def _result(settings: Settings, ended: Purified, rule: str, n_dropped: int) -> DifResult:
    matcher = settings.matcher
    found = settings.tests(ended.anchors)
    tests, table = found.tests, found.table
    failed = {name: test.problem for name, test in zip(matcher.names, tests, strict=True) if test.problem}
    empty = empty_categories(settings)
    warn_of_result(ended, failed, empty, len(matcher.names))
    return DifResult(
        table=table,
        coefficients=coefficient_table(settings, tests),
        logliks=loglik_table(settings, tests),
        differences=difference_table(settings, tests),
        expected_scores=curve_table(settings, tests),
        n_groups=pd.DataFrame(
            [test.n_groups for test in tests],
            index=table.index,
            columns=pd.Index(settings.groups, name="group"),
        ),
        groups=settings.groups,
        anchors=[matcher.names[item] for item in sorted(ended.anchors)],
        rounds=ended.rounds,
        purification=ended.ending,
        not_estimable=failed,
        empty_categories=empty,
        matching=matcher.kind,
        adjust=settings.adjust,
        alpha=settings.alpha,
        rule=rule,
        n_obs=len(matcher.table),
        n_dropped=n_dropped,
    )
