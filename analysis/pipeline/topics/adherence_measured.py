"""Later use on what a score measures, its error taken out, beside the score as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.adherence.design.steps import Step
from analysis.adherence.latent.latent_adherence import (
    CORRECTED,
    LATENT,
    OBSERVED,
    latent_adherence,
    measurable,
)
from analysis.disclosure.kinds import GIVEN, TEXT, Kind, each, people, statistic
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.in_time import answers_in_time
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Table
from analysis.pipeline.topics.use import usage_of
from instrument.errors import ToolkitError

if TYPE_CHECKING:
    from analysis.adherence.latent.latent_adherence import LatentAdherence
    from analysis.adherence.result import AdherenceResult

KEYS = {OBSERVED: "observed", CORRECTED: "corrected", LATENT: "latent"}
PROVISIONAL = f"{LATENT}, provisional"
ENDS = {"": "estimate", "_lower": "ci_lower", "_upper": "ci_upper"}
# docs/methods/latent_adherence.md: four themes, 0 to 8 sessions left, 500 people, 2,000 studies
SIMULATED = {"simulated_bias": 0.169, "simulated_coverage": 0.782, "simulated_latent_coverage": 0.948}
REASON = (
    "A score holds error of measurement, and its relation to later use is weaker than that of what it "
    "measures. In simulated studies with four themes whose truth is known, the observed effect was "
    "{simulated_bias:percent} too small and its 95% interval held the truth in {simulated_coverage:percent} "
    "of the studies, that of the latent variable in {simulated_latent_coverage:percent}."
)
BESIDE = (
    "In a straight line, one standard deviation more of {measured_title} as observed goes with a change of "
    "{observed:d2} {unit} ({observed_lower:d2} to {observed_upper:d2}); corrected for the score's "
    "unreliability (alpha {reliability:r2}) with {corrected:d2} ({corrected_lower:d2} to "
    "{corrected_upper:d2})"
)
AS_LATENT = "; as a latent variable with {latent:d2} ({latent_lower:d2} to {latent_upper:d2})"
PEOPLE = ". All rest on the {measured_people:int} people of the models above."
FIT = (
    "The latent effect is as good as its measurement model (CFI {measured_cfi:r3}, RMSEA "
    "{measured_rmsea:r3}, SRMR {measured_srmr:r3})."
)
NO_GROUND = (
    "The effect of the latent variable is provisional and not told here: its measurement model has fewer "
    "people than parameters, or values that cannot be."
)
NOTHING_ELSE = (
    "A correction takes out error of measurement and nothing else: what may be said of a reason does not "
    "change."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part of a section brings: sentences, the values in them and their kinds, tables, problems."""

    sentences: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def measured_of(context: Context, found: AdherenceResult, first: str, titles: Mapping[str, str]) -> Part:
    """Set the effect of the first score beside the same without error of measurement.

    Parameters
    ----------
    context
        The data.
    found
        The landmark models: their people and adjustment are kept.
    first
        The score that is told of first.
    titles
        Titles of the scores.

    Returns
    -------
    Part
        Empty where the score has no measurement model (items of a list, fewer than three).
    """
    study = context.study
    if study is None or first not in measurable(context.scale):
        return Part()
    try:
        made = context.once(
            "latent adherence",
            lambda: latent_adherence(
                answers_in_time(context),
                context.scale,
                usage_of(context),
                study,
                context.outcomes,
                context.known_covariates,
                targets=[first],
                scored=list(titles),
            ),
        )
    except ToolkitError as error:
        return Part(problems=by_reason([(f"error of measurement, {titles[first]}", _first_line(error))]))
    problems = by_reason((f"{row['method']}, {titles[first]}", row["reason"]) for row in _rows(made.failed))
    table = _table(made, titles[first])
    if not {OBSERVED, CORRECTED} <= set(made.effects["method"]):
        return Part(tables={"measured": table}, problems=problems)
    latent = LATENT in set(made.effects["method"])
    sound = latent and not made.measurement["faults"].iloc[0]
    values = {"measured_title": titles[first], **SIMULATED, **_values(made, sound)}
    known = {
        "measured_title": TEXT,
        **each(GIVEN, *SIMULATED),
        "measured_people": people(weight=9, names=[populations.label(populations.step(Step.ANALYSED))]),
    }
    told = [FIT] if sound else [NO_GROUND] if latent else []
    return Part(
        sentences=[REASON, f"{BESIDE}{AS_LATENT if sound else ''}{PEOPLE}", *told, NOTHING_ELSE],
        values=values,
        kinds={key: known.get(key, statistic()) for key in values},
        tables={"measured": table},
        problems=problems,
    )


def _values(made: LatentAdherence, sound: bool) -> dict[str, Any]:
    rows = {row["method"]: row for row in _rows(made.effects)}
    values = {
        f"{key}{end}": float(rows[method][column])
        for method, key in KEYS.items()
        if sound or method != LATENT
        for end, column in ENDS.items()
    }
    values["reliability"] = float(rows[CORRECTED]["reliability"])
    values["measured_people"] = int(rows[OBSERVED]["n"])
    if not sound:
        return values
    fit = _rows(made.measurement)[0]
    names = {"cfi": "cfi_scaled", "rmsea": "rmsea_scaled", "srmr": "srmr"}
    return {**values, **{f"measured_{key}": float(fit[name]) for key, name in names.items()}}


def _table(made: LatentAdherence, title: str) -> Table:
    unit = str(made.design["unit"]).replace("_", " ")
    doubtful = len(made.measurement) and made.measurement["faults"].iloc[0]
    told = made.effects["method"].where((made.effects["method"] != LATENT) | (not doubtful), PROVISIONAL)
    return Table(
        frame=made.effects.assign(title=title, told=told),
        kinds={
            **each(TEXT, "target method title told"),
            "n": people(names=[populations.label(populations.step(Step.ANALYSED))] * len(made.effects)),
            **each(statistic("n"), "reliability estimate se pvalue ci_lower ci_upper standardized"),
            **each(statistic("n"), "standardized_lower standardized_upper ratio_to_latent"),
        },
        title=f"Later use with and without error of measurement: more {unit} per standard deviation",
        columns={
            "title": ("Score", "text"),
            "told": ("As", "text"),
            "n": ("n", "int"),
            "reliability": ("Reliability", "r2"),
            "estimate": ("In units", "d2"),
            "ci_lower": ("95% from", "d2"),
            "ci_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
            "ratio_to_latent": ("Of the latent effect", "percent"),
        },
        note="Slopes of a straight line for units done of those due, adjusted as the models above. "
        "Corrected: alpha of the themes or items. Latent: ordinal measurement model, then structure. The "
        "observed score is taken as if it had no error (reliability 1), which makes its slope too small.",
    )


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _first_line(error: ToolkitError) -> str:
    return str(error).split("\n")[0]
