"""What `relate_adherence` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.adherence.models.context import REMAINING
from analysis.common.result import Result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AdherenceResult(Result):
    """Relation of scores at the landmark to use after it.

    Attributes
    ----------
    effects : DataFrame
        One row per model and predictor, per standard deviation of the score: `model`, `predictor`, `n`,
        `events`, `measure` (odds ratio, hazard ratio, rate ratio, difference), `coefficient`, `se`,
        `pvalue`, `p_adjusted` (Holm), `p_adjusted_bh` (within the model's family of themes), `ratio` with
        `ci_lower`, `ci_upper`, and on a human scale `effect` with `effect_lower`, `effect_upper` in `unit`;
        `e_value`, `e_value_limit`.
    coefficients : DataFrame
        Every coefficient of every model: `model`, `predictor`, `term`, `estimate`, `se`, `pvalue`,
        `ci_lower`, `ci_upper`, `dispersion`.
    flow : DataFrame
        Participant flow: id, step, n.
    curves : DataFrame
        Kaplan-Meier from the landmark by thirds of the first predictor: group, time, at_risk, events,
        surviving, se, ci_lower, ci_upper.
    risk_table : DataFrame
        group, time (days from the landmark), at_risk.
    proportional_hazards : DataFrame
        Score tests of constant hazard ratios: predictor, term, chisq, df, pvalue.
    count_comparison : DataFrame
        Count models of active days compared, with the chosen one by the declared rule.
    discrimination : DataFrame
        Threshold model: predictor, auc with interval, brier, expected_slope.
    calibration : DataFrame
        Threshold model by fifths of the fitted probability: predictor, group, n, expected, observed.
    shape : DataFrame
        Curved against straight effect on remaining use: predictor, knots, f, df1, df2, pvalue,
        p_adjusted, p_adjusted_bh.
    shape_curves : DataFrame
        The curve: predictor, score (raw), done (units), ci_lower, ci_upper.
    context : DataFrame
        Where a context is named: model, predictor, context, quantity (score with the context held
        constant, at three of its levels, interaction), ratio and effect with intervals, pvalue.
    ends : DataFrame
        Where reasons for leaving are known: predictor, end (left for another reason, got better, stopped
        with no reason known), model (cause-specific hazard, Fine-Gray), n, events, coefficient, se, pvalue,
        ratio, ci_lower, ci_upper, claim (not found, or cannot be told; never supported).
    incidence : DataFrame
        Share that met each end by each day after the landmark (Aalen-Johansen): end, time, at_risk, events,
        incidence, se, ci_lower, ci_upper.
    standing : DataFrame
        What may be said of each score: predictor, claim (supported, not found, cannot be told from these
        data), doubts (benchmark, habit, silence, groups, before enrolment, unrelated use, no negative
        control), and the numbers these rest on (see
        `analysis.adherence.claims.claims.Standing`).
    imputation : DataFrame
        predictor, n, imputed (missing scores), imputations, missing_information.
    unanswered : DataFrame
        The imputed model were people without a score to rate otherwise than people alike: predictor, delta
        (standard deviations added to what is imputed), n, imputed, effect with limits, pvalue.
    naive : DataFrame
        The same first predictor without landmark and adjustment, for comparison only.
    fits : DataFrame
        What each model rests on: model, predictor, n, events, columns (coefficients), per_column (events, or
        people where none are counted, for each), condition (condition number of the columns), own_share (of
        the score's variance, what other columns leave unsaid), clusters.
    failed : DataFrame
        Models that could not be estimated: model, predictor, reason.
    design : dict
        Wave, landmark day, units due, unit, adjusters, standard deviations, rules.
    notes : list of str
        What was assumed or left out.
    """

    effects: pd.DataFrame
    coefficients: pd.DataFrame
    flow: pd.DataFrame
    curves: pd.DataFrame
    risk_table: pd.DataFrame
    proportional_hazards: pd.DataFrame
    count_comparison: pd.DataFrame
    discrimination: pd.DataFrame
    calibration: pd.DataFrame
    shape: pd.DataFrame
    shape_curves: pd.DataFrame
    context: pd.DataFrame
    ends: pd.DataFrame
    incidence: pd.DataFrame
    standing: pd.DataFrame
    imputation: pd.DataFrame
    unanswered: pd.DataFrame
    naive: pd.DataFrame
    fits: pd.DataFrame
    failed: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects

    def _falls(self, predictor: str) -> bool:
        """Whether use falls with the score in the first model, which the claim is about."""
        mine = self.effects[(self.effects["model"] == REMAINING) & (self.effects["predictor"] == predictor)]
        return bool((mine["coefficient"] < 0).any())

    def summary(self, digits: int = 2) -> str:
        """Give flow and effects in words.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        lines = [
            f"Score at wave {self.design['wave']}; use from day {self.design['day']:g}; "
            f"{self.design['due']:g} {self.design['unit']} still due. Associations, not proof of cause."
        ]
        lines += [f"  {row.step}: {row.n}" for row in self.flow.itertuples()]
        for row in self.effects.to_dict("records"):
            ratio = f"{row['ratio']:.{digits}f} [{row['ci_lower']:.{digits}f}, {row['ci_upper']:.{digits}f}]"
            who = f"{row['model']}, one SD more of {row['predictor']} (n = {row['n']})"
            human = ""
            if row["unit"]:
                interval = f"[{row['effect_lower']:+.{digits}f}, {row['effect_upper']:+.{digits}f}]"
                human = f"; {row['effect']:+.{digits}f} {interval} {row['unit']}"
            lines.append(f"{who}: {row['measure']} {ratio}{human}")
        for row in self.standing.to_dict("records"):
            which = "less" if self._falls(row["predictor"]) else "more"
            lines.append(
                f"{row['predictor']}, a reason of its own to go with {which} later use: {row['claim']}"
            )
        for row in self.failed.to_dict("records"):
            lines.append(f"not estimated: {row['model']}, {row['predictor']}: {row['reason']}")
        return "\n".join([*lines, *self.notes])
