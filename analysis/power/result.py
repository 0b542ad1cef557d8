"""What `plan_power` gives: power and level side by side, and whether the design is adequate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.common.result import Result
from analysis.common.rules import LEVEL_LIBERAL, LEVEL_STRINGENT

RARE = 0.995  # share of binomial counts that a level which holds stays below


class Level(StrEnum):
    """Whether a test keeps its level in simulated studies without an effect."""

    HELD = "held"
    OFF = "off"
    UNDECIDED = "undecided"


def judge_level(found: int, total: int, alpha: float) -> Level:
    """Say whether `found` rejections among `total` studies without an effect go with the level.

    Parameters
    ----------
    found, total
        Rejections; simulated studies.
    alpha
        Level aimed at.

    Returns
    -------
    Level
        Off where there are more rejections than 995 of 1,000 binomial counts at `alpha`, and more than
        1.1 alpha; held where the upper limit of Wilson's 95 % interval is at most 1.5 alpha; undecided where
        the studies are too few for either.

    References
    ----------
    Bradley (1978), doi 10.1111/j.2044-8317.1978.tb00581.x. Wilson (1927), doi 10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> judge_level(52, 1000, 0.05).value, judge_level(89, 1000, 0.05).value, judge_level(3, 60, 0.05).value
    ('held', 'off', 'undecided')
    """
    more_than_chance = found > stats.binom.ppf(RARE, total, alpha)
    if more_than_chance and not LEVEL_STRINGENT.holds(found / total / alpha):
        return Level.OFF
    upper = stats.binomtest(found, total).proportion_ci(method="wilson").high
    return Level.HELD if LEVEL_LIBERAL.holds(upper / alpha) else Level.UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PowerResult(Result):
    """Power and level by number enrolled.

    Attributes
    ----------
    table : DataFrame
        n (enrolled), asked (whether this number came out as an answer, rather than being given), analysed
        (mean), replications, failed, power (significant and in the direction of the effect) with Wilson's
        interval `ci_lower`, `ci_upper`; level (significant in studies without the effect, all else alike)
        with `level_lower`, `level_upper` and `level_state` (held, off, undecided); mean_estimate (log odds
        ratio per standard deviation of the observed score), null_estimate (its mean without the effect:
        what confounding alone gives), mean_se, sd_estimate.
    n_for_target : float
        Number enrolled for the target power, itself simulated; NaN where the design is not adequate.
    target : float
        Target power.
    adequate : bool
        Whether some number of people gives the target power by a test that keeps its level.
    reason : str
        Why it is not; empty where it is.
    sensitivity : DataFrame
        Where adequate: level at `n_for_target` if a habit that early use does not show went with alliance:
        hidden_cause (correlation), level, level_lower, level_upper.
    assumptions : dict
        What was supposed.
    feature : str
        Kind of event that the study names as a negative control (`unrelated_kind`); empty: none.
    rating : str
        Column of the rating that the study names as one (`unrelated_rating`); empty: none.
    """

    table: pd.DataFrame
    n_for_target: float
    target: float
    adequate: bool
    reason: str
    sensitivity: pd.DataFrame
    assumptions: dict[str, Any]
    feature: str
    rating: str

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded."""
        return self.table

    def sentence(self) -> str:
        """Say what the table means for whoever decides how many people to invite."""
        supposed = self.assumptions
        effect = (
            f"an effect of odds ratio {supposed['odds_ratio']:g} per standard deviation of true alliance "
            f"(two-sided test at {supposed['alpha']:g})"
        )
        if not self.adequate:
            return f"No number of people is named to find {effect}: {self.reason}"
        need = int(self.n_for_target)
        row = self.table[self.table["asked"] & (self.table["n"] == need)].iloc[0]
        said = (
            f"About {need} people enrolled are needed to find {effect} in {self.target:.0%} of such studies, "
            f"if everything supposed holds: {need} found it in {row['power']:.1%}, and found something in "
            f"{row['level']:.1%} of studies without an effect."
        )
        strongest = self.sensitivity.iloc[-1]
        return (
            f"{said} If a habit that early use does not show went with alliance at "
            f"{strongest['hidden_cause']:g}, that last share would be {strongest['level']:.1%}. "
            f"{self._claimed()}"
        )

    def _claimed(self) -> str:
        """What a study that finds the effect may then say."""
        asked = {
            "a feature that alliance has no reason to move (unrelated_kind)": self.feature,
            "a rating that has no reason to move use (unrelated_rating)": self.rating,
        }
        lacking = " or ".join(words for words, name in asked.items() if not name)
        if lacking:
            return (
                "To find it is not to have it supported: the report calls nothing supported, whatever the "
                f"number of people, where the study does not name {lacking}, as this one does not."
            )
        return (
            "To find it is not to have it supported: for that it must also be set apart from use of "
            f"{self.feature}, from the rating of {self.rating} and from use before the rating, which takes "
            "more people, and where early use and rating go together no number is enough."
        )

    def summary(self, digits: int = 3) -> str:
        """Give table, number needed and assumptions in words.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        supposed = ", ".join(f"{name} {value:.6g}" for name, value in self.assumptions.items())
        table = self.table.round(digits).to_string(index=False)
        return f"{table}\n{self.sentence()}\nsupposed: {supposed}"


def why_not(table: pd.DataFrame, *, alpha: float, odds_ratio: float, most: int) -> str:
    """Give the reason against a design, as its rows show it; empty where they show none.

    Parameters
    ----------
    table : DataFrame
        Rows as in `PowerResult.table`.
    alpha
        Level aimed at.
    odds_ratio
        Effect supposed.
    most
        Largest number that is tried.

    Returns
    -------
    str
        One sentence, with what to do.
    """
    off = table[table["level_state"] == Level.OFF]
    if len(off):
        worst = off.sort_values("level").iloc[-1]
        return (
            f"of studies without an effect, {worst['level']:.1%} of those with {worst['n']:.0f} people find "
            f"one, where {alpha:.1%} may. What looks like power counts confounding, and more people make it "
            "worse. Measure what drives alliance and use alike, so that it is no hidden cause."
        )
    if odds_ratio == 1:
        return "no effect is supposed, so the table shows the level only."
    asked = table[table["asked"]]
    if not len(asked):
        return f"none of these numbers finds it more often than chance would, or more than {most} are needed."
    if asked.iloc[-1]["level_state"] == Level.UNDECIDED:
        studies = asked.iloc[-1]["replications"]
        return (
            f"{studies:.0f} simulated studies are too few to tell whether the test keeps its level. "
            "Ask for more replications."
        )
    return ""


def needed(table: pd.DataFrame, alpha: float, target: float) -> float:
    """Number for the target, from `power = Φ(d √n − z)` with `d` averaged over the rows by precision."""
    z = stats.norm.ppf(1 - alpha / 2)
    inside = table[(table["power"] > alpha) & (table["power"] < 1)]
    if not (table["ci_lower"] > alpha).any():
        return float("nan")
    if not len(inside):
        # Every study finds the effect: fewer people than the fewest tried.
        return float(table["n"].min()) / 2
    probit = stats.norm.ppf(inside["power"])
    slope = (probit + z) / np.sqrt(inside["n"])
    # Variance of a probit of a proportion, by the delta method.
    variance = inside["power"] * (1 - inside["power"]) / inside["replications"]
    variance = variance / stats.norm.pdf(probit) ** 2 / inside["n"]
    weight = 1 / variance
    d = float((slope * weight).sum() / weight.sum())
    return float(((stats.norm.ppf(target) + z) / d) ** 2) if d > 0 else float("nan")
