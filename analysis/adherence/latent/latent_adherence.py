"""Alliance without measurement error: its relation to later use as a latent variable, beside the score's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.landmark import LandmarkDesign, assemble, refuse_names, refuse_overlap
from analysis.adherence.latent.after_measurement import CALLER, Slope, latent_slope
from analysis.adherence.latent.attenuation import corrected_slope, observed_slope
from analysis.common.result import Result
from analysis.reliability.resampling import checked_level
from analysis.structural.language.naming import acting_for
from analysis.structural.models import cfa
from analysis.usage.summarise_usage import UsageSummary
from instrument.common.formatting import format_value
from instrument.errors import DefinitionError, NotEstimableError, ToolkitError, fact_and_hint, name_offenders
from instrument.reading.people import labels_as_text
from instrument.scoring.keying import keyed_numbers
from instrument.scoring.score import score
from instrument.study import Study, as_study

if TYPE_CHECKING:
    from instrument.definition import Instrument

Floats = NDArray[np.float64]
OBSERVED, CORRECTED, LATENT = "observed score", "corrected for unreliability", "latent variable"
FEWEST_ITEMS = 3
MOST_OPTIONS = 10
TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LatentAdherence(Result):
    """Relation of alliance to later use, with and without measurement error.

    Attributes
    ----------
    effects : DataFrame
        Three rows per target (`method`: observed score, corrected for unreliability, latent variable):
        target, method, n, reliability, estimate (units of use per standard deviation), se, pvalue,
        ci_lower, ci_upper, standardised with `standardized_lower`, `standardized_upper`, and
        `ratio_to_latent`.
    measurement : DataFrame
        Measurement model per target: target, n_items, n, cfi_scaled, rmsea_scaled, srmr, and `faults` that
        make it no ground for a judgement (`fewer_rows_than_parameters`, `negative_variance`, …).
    flow : DataFrame
        Participant flow: id, step, n.
    failed : DataFrame
        target, method, reason.
    design : dict
        Wave, landmark day, units due, unit, adjusters, level of the intervals.
    notes : list of str
        What was assumed or left out.
    """

    effects: pd.DataFrame
    measurement: pd.DataFrame
    flow: pd.DataFrame
    failed: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects

    def summary(self, digits: int = 2) -> str:
        """Give the three effects of each target in words.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        unit = self.design["unit"]
        lines = [
            f"Score at wave {self.design['wave']}, {unit} after day {self.design['day']:g}; associations."
        ]
        for row in self.effects.to_dict("records"):
            interval = f"[{row['ci_lower']:+.{digits}f}, {row['ci_upper']:+.{digits}f}]"
            reliability = format_value(row["reliability"], "r2")
            what = f"{row['target']}, {row['method']} (n = {row['n']}, reliability {reliability})"
            lines.append(f"{what}: {row['estimate']:+.{digits}f} {interval} {unit} per SD")
        for row in self.failed.to_dict("records"):
            lines.append(f"not estimated: {row['target']}, {row['method']}: {row['reason']}")
        return "\n".join([*lines, *self.notes])


def latent_adherence(
    responses: pd.DataFrame,
    scale: Instrument,
    usage: UsageSummary,
    study: Study | dict[str, Any] | str | Path,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    targets: Sequence[str] | None = None,
    adjust_for: Sequence[str] | None = None,
    wave: str | None = None,
    scored: Sequence[str] | None = None,
    cluster: str | None = None,
    confidence: float = 0.95,
) -> LatentAdherence:
    """Relate latent alliance at the landmark to use after it, beside the observed score.

    Use it to see how much of an effect is lost to measurement error. Do not use it with fewer than a few
    hundred people, nor where the measurement model does not fit: the correction is only as good as the model.

    Parameters
    ----------
    responses
        Answers as `instrument.read_responses` gives them.
    scale
        Their instrument.
    usage
        Use by participant and period, from `analysis.summarise_usage`.
    study
        The study, its file, or what the file would hold.
    outcomes, covariates
        One row per participant, with the study's `baseline` columns and `covariates`.
    targets
        Theme ids or "total". By default the total and every theme with three items or more.
    adjust_for
        Columns to adjust for besides use before the landmark. By default the study's.
    wave
        Wave of the answers. By default that of the landmark.
    scored
        Scores that people must have beside those of the targets, so that the people are those of another
        analysis: those of `relate_adherence` have every theme.
    cluster
        Column of the covariates that says who belongs together; errors of all three allow for it. By default
        the study's.
    confidence
        Level of every interval.

    Returns
    -------
    LatentAdherence
        `.effects`, `.measurement`, `.flow`.

    Raises
    ------
    DefinitionError
        An unknown target, no landmark, or a wave that closes after it.
    ResponseDataError
        As `relate_adherence`.
    NotEstimableError
        Too few people, or no target can be estimated.

    Notes
    -----
    All three are slopes of the linear projection of units done after the landmark, per standard deviation of
    the predictor, adjusted as in `relate_adherence`. *Latent*: a one-factor model of a theme's items, or a
    second-order model for the total, by WLSMV on polychoric correlations; then structure after measurement
    (see `analysis.adherence.latent.after_measurement.latent_slope`). *Corrected*: regression with errors in
    variables, reliability by alpha of the theme's items, or of the theme scores for the total. Intervals are
    estimate ± z · standard error; in clusters Student's t with G − 1 degrees of freedom. Covariates enter the
    polyserial correlations as if normal given the items.

    References
    ----------
    Rosseel & Loh (2022), doi 10.1037/met0000503 (structure after measurement). Muthén (1984), doi
    10.1007/BF02294210 (polyserial and polychoric moments). Fuller (1987), doi 10.1002/9780470316665
    (errors in variables). In R: `lavaan::cfa(ordered = TRUE)`, `lavaan::lavCor`, then by hand.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> from analysis.usage.summarise_usage import summarise_usage
    >>> data, scale = simulate_study("dta_example", n=200), instrument.load("dta")
    >>> usage = summarise_usage(data.usage, data.study, participants=data.enrolment)
    >>> first = scale.themes[0].id
    >>> found = latent_adherence(data.responses, scale, usage, data.study, targets=[first], adjust_for=[])
    >>> found.effects["method"].tolist()
    ['observed score', 'corrected for unreliability', 'latent variable']
    """
    checked_level(confidence, CALLER)
    plan = as_study(study)
    chosen = refuse_overlap(plan, usage, wave, CALLER)
    parts = _parts(scale)
    names = _targets(targets, parts)
    table = score(responses, scale, rescale="0-100").scores
    needed = list(dict.fromkeys([*names, *(scored or ())]))
    design = assemble(
        table, usage, plan, outcomes, covariates, needed, adjust_for, chosen, cluster or plan.cluster
    )
    people = _with_answers(design, table, responses, scale, chosen)
    done = people["done"] / people["due"]
    if done.nunique() < 2:
        what = "nothing" if not done.any() else "the same share"
        fact = f"everybody analysed did {what} of what was still due: there is no difference to explain."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "see the table of use by period."))
    runs = {name: _Target(name, parts[name], people, design, confidence) for name in names}
    effects = [row for run in runs.values() for row in run.rows]
    failed = [row for run in runs.values() for row in run.failed]
    if not effects:
        fact = f"none of the targets could be estimated: {failed[0]['reason']}"
        raise NotEstimableError(fact_and_hint(CALLER, fact, "see the participant flow for what is missing."))
    return LatentAdherence(
        effects=pd.DataFrame(effects),
        measurement=pd.DataFrame([run.fit for run in runs.values() if run.fit]),
        flow=design.flow,
        failed=pd.DataFrame(failed, columns=["target", "method", "reason"]),
        design={
            "wave": design.wave,
            "day": design.day,
            "due": design.due,
            "unit": design.unit,
            "adjusted_for": design.adjusted_for,
            "confidence": confidence,
            "cluster": design.cluster,
        },
        notes=[*usage.notes, *design.notes],
    )


def measurable(scale: Instrument) -> list[str]:
    """Name what can be a target: the total, and themes with three items or more that are no composites.

    Parameters
    ----------
    scale
        An instrument.

    Returns
    -------
    list of str
        The total first.
    """
    return list(_parts(scale))


def _parts(scale: Instrument) -> dict[str, dict[str, list[str]]]:
    """Target to its factors with their items: one for a theme, one per theme for the total.

    Composites are no targets: no factor is behind their items, and alpha is no reliability of their score.
    """
    composite = scale.composite_themes
    every = {
        theme.id: {theme.id: list(scale.theme_items(theme.id))}
        for theme in scale.themes
        if theme.id not in composite
    }
    enough = {name: found for name, found in every.items() if len(found[name]) >= FEWEST_ITEMS}
    total = {t: list(scale.theme_items(t)) for t in scale.total_themes if t not in composite}
    # Fewer than three themes do not identify a factor above them; two themes make one factor of all items.
    if len(total) in (1, 2):
        total = {TOTAL: [item for items in total.values() for item in items]}
    return {**({TOTAL: total} if total else {}), **enough}


def _targets(asked: Sequence[str] | None, parts: dict[str, Any]) -> list[str]:
    names = list(parts) if asked is None else list(asked)
    if unknown := [name for name in names if name not in parts]:
        fact = f"{name_offenders(unknown)} cannot be a target; there are {name_offenders(parts)}."
        hint = f"name themes with {FEWEST_ITEMS} items or more that are no composites, or {TOTAL!r}."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    return names


def _with_answers(
    design: LandmarkDesign, scores: pd.DataFrame, responses: pd.DataFrame, scale: Instrument, wave: str
) -> pd.DataFrame:
    """Analysed people with keyed answers and all theme scores, in the order of the design."""
    here = responses[labels_as_text(responses["wave"]) == wave]
    items = keyed_numbers(here, scale)
    items.insert(0, "participant", labels_as_text(here["participant"]))
    themes = [theme.id for theme in scale.themes if theme.id not in design.frame]
    own = scores[labels_as_text(scores["wave"]) == wave]
    own = own.assign(participant=labels_as_text(own["participant"]))[["participant", *themes]]
    refuse_names(scale.item_ids, design.frame.columns, "items")
    joined = design.frame.merge(items, on="participant", how="left", validate="one_to_one")
    return joined.merge(own, on="participant", how="left", validate="one_to_one")


class _Target:
    """The three slopes of one target; one that fails is kept with its reason."""

    def __init__(
        self,
        name: str,
        factors: dict[str, list[str]],
        people: pd.DataFrame,
        design: LandmarkDesign,
        confidence: float,
    ) -> None:
        self._name, self._factors, self._people = name, factors, people
        self._confidence, self._clusters = confidence, design.clusters
        self.rows: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self.fit: dict[str, Any] = {}
        # Units of those due of anybody: where less was due of a person, the share of it.
        outcome = (people["done"] / people["due"] * design.due).to_numpy(dtype=float)
        adjusters = people[design.adjusters].to_numpy(dtype=float)
        raw = people[name].to_numpy(dtype=float)
        columns = list(factors) if len(factors) > 1 else next(iter(factors.values()))
        parts = people[columns].to_numpy(dtype=float)
        self._keep(OBSERVED, lambda: observed_slope(raw, outcome, adjusters, design.clusters))
        self._keep(CORRECTED, lambda: corrected_slope(raw, parts, outcome, adjusters, design.clusters))
        self._keep(LATENT, lambda: self._latent(outcome, adjusters))
        latent = [row["estimate"] for row in self.rows if row["method"] == LATENT]
        for row in self.rows:
            row["ratio_to_latent"] = row["estimate"] / latent[0] if latent else float("nan")

    def _latent(self, outcome: Floats, adjusters: Floats) -> Slope:
        items = [item for own in self._factors.values() for item in own]
        answers = self._people[items]
        if many := [item for item in items if answers[item].nunique() > MOST_OPTIONS]:
            fact = f"{name_offenders(many)} have more than {MOST_OPTIONS} values and are not ordinal."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "read the effect of the observed score."))
        several = len(self._factors) > 1
        lines = [f"m{k}_ =~ {' + '.join(own)}" for k, own in enumerate(self._factors.values())]
        if several:
            lines.append("g_ =~ " + " + ".join(f"m{k}_" for k in range(len(self._factors))))
        answered = answers.notna().any(axis=1).to_numpy()
        with acting_for("latent_adherence"):
            found = cfa("\n".join(lines), answers[answered], estimator="WLSMV", std_lv=True)
        pick = {name: float(found.fit[name]) for name in ("cfi_scaled", "rmsea_scaled", "srmr")}
        faults = ", ".join(found.faults)
        self.fit = {"target": self._name, "n_items": len(items), "n": found.n_obs, **pick, "faults": faults}
        focal = "g_" if several else "m0_"
        clusters = None if self._clusters is None else self._clusters.among(answered)
        return latent_slope(found._fitted, focal, outcome[answered], adjusters[answered], clusters)

    def _keep(self, method: str, make: Any) -> None:
        try:
            slope: Slope = make()
        except ToolkitError as error:
            reason = str(error).split("\n")[0]
            self.failed.append({"target": self._name, "method": method, "reason": reason})
            return
        z = float(stats.t.ppf(0.5 + self._confidence / 2, slope.df))
        self.rows.append(
            {
                "target": self._name,
                "method": method,
                "n": slope.n,
                "reliability": slope.reliability,
                "estimate": slope.estimate,
                "se": slope.se,
                "pvalue": float(2 * stats.t.sf(abs(slope.estimate / slope.se), slope.df)),
                "ci_lower": slope.estimate - z * slope.se,
                "ci_upper": slope.estimate + z * slope.se,
                "standardized": slope.standardized,
                "standardized_lower": slope.standardized - z * slope.standardized_se,
                "standardized_upper": slope.standardized + z * slope.standardized_se,
            }
        )
