"""What an analysis of differential item functioning hands back."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.common.result import Result
from analysis.common.rules import (
    DIF_COSMIN,
    DIF_MODERATE,
    DIF_MODERATE_ZUMBO,
    DIF_NEGLIGIBLE,
    DIF_NEGLIGIBLE_ZUMBO,
    Rule,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRule:
    """How large a change of R² flags an item, and what the flag is called.

    Attributes
    ----------
    statistic
        Column of the table of items.
    steps
        Cut-offs in rising order, each with the flag of a change that does not pass it.
    """

    statistic: str
    steps: tuple[tuple[Rule, str], ...]


FLAG_RULES = {
    "jodoin_gierl": FlagRule(
        statistic="nagelkerke_total", steps=((DIF_NEGLIGIBLE, "moderate"), (DIF_MODERATE, "large"))
    ),
    "zumbo": FlagRule(
        statistic="nagelkerke_total",
        steps=((DIF_NEGLIGIBLE_ZUMBO, "moderate"), (DIF_MODERATE_ZUMBO, "large")),
    ),
    "cosmin": FlagRule(statistic="mcfadden_total", steps=((DIF_COSMIN, "important"),)),
}
FLAGGED = ("moderate", "large", "important")
NOT_ESTIMABLE = "not estimable"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DifResult(Result):
    """Tests, effect sizes and flags of each item.

    Attributes
    ----------
    table
        Index item; `n`; for each test (`uniform`, `nonuniform`, `total`) `chisq_…`, `df_…`, `p_…`,
        `p_adjusted_…`, `mcfadden_…`, `nagelkerke_…` (differences of R²); `coefficient_change` of the
        matching variable (model 2 over model 1, minus 1); `signed_difference` and `unsigned_difference` in
        score points, of the pair of groups with the largest unsigned one; `flag` (none;
        moderate, large or important; not estimable) and `kind` (uniform, nonuniform; empty where the total
        test is not significant).
    coefficients
        One row per item, model (matching, uniform, nonuniform) and term: `estimate`, `standard_error`.
    logliks
        Index item: log likelihood of the thresholds alone (`null`) and of the three models.
    differences
        One row per item and pair of groups: `signed` (second − first) and `unsigned`, in score points.
    expected_scores
        Score that the largest model expects, per item, group and value of the matching variable.
    n_groups
        Index item, one column per group: persons after rows were dropped.
    groups
        Labels; the first is the reference.
    anchors
        Items the matching variable rests on.
    rounds
        Rounds of tests.
    purification
        How the search for anchors ended, or why there was none.
    not_estimable
        Item to reason.
    empty_categories
        "item:code (group)" of categories that a group never used.
    matching, adjust, alpha, rule
        As asked for.
    n_obs, n_dropped
        Persons with a group and an answer, and those without.
    """

    table: pd.DataFrame
    coefficients: pd.DataFrame
    logliks: pd.DataFrame
    differences: pd.DataFrame
    expected_scores: pd.DataFrame
    n_groups: pd.DataFrame
    groups: list[object]
    anchors: list[str]
    rounds: int
    purification: str
    not_estimable: dict[str, str]
    empty_categories: list[str]
    matching: str
    adjust: str
    alpha: float
    rule: str
    n_obs: int
    n_dropped: int

    @property
    def flagged(self) -> list[str]:
        """Items with a flag."""
        return [str(item) for item in self.table.index[self.table["flag"].isin(FLAGGED)]]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The cut-offs that were applied, in rising order."""
        return tuple(cutoff for cutoff, _ in FLAG_RULES[self.rule].steps)

    def to_frame(self) -> pd.DataFrame:
        """Give tests, effect sizes and flags, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per item.
        """
        return self.table

    def summary(self, digits: int = 3) -> str:
        """Say how items were tested, and give the total test, its size and the flag of each.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Two lines and a table.
        """
        shown = ["n", "chisq_total", "df_total", "p_adjusted_total", FLAG_RULES[self.rule].statistic]
        table = self.table[[*shown, "signed_difference", "unsigned_difference", "kind", "flag"]]
        groups = ", ".join(map(str, self.groups))
        return (
            f"Groups {groups} (reference first), matched on {self.matching}; p adjusted: {self.adjust}.\n"
            f"Anchors after {self.rounds} round(s), {self.purification}: {', '.join(self.anchors)}.\n"
            f"{table.round(digits).to_string()}"
        )


def flag_of(p_adjusted: float, change: float, alpha: float, rule: FlagRule) -> str:
    """Flag an item by significance and size together.

    Parameters
    ----------
    p_adjusted
        Of the total test.
    change
        Of R² between the smallest and the largest model.
    alpha
        Level of the test.
    rule
        Cut-offs.

    Returns
    -------
    str
        The flag of the highest cut-off that the change reaches, or none.

    Examples
    --------
    >>> flag_of(0.001, 0.05, 0.05, FLAG_RULES["jodoin_gierl"])
    'moderate'
    >>> flag_of(0.20, 0.09, 0.05, FLAG_RULES["jodoin_gierl"])
    'none'
    """
    if not p_adjusted < alpha:
        return "none"
    reached = [flag for cutoff, flag in rule.steps if not cutoff.holds(change)]
    return reached[-1] if reached else "none"
