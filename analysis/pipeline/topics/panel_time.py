"""Context and total within persons, over three waves or more, and how it is told."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.disclosure.kinds import GIVEN, TEXT, Kind, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.reach import Gaps, of_fit, of_people
from analysis.pipeline.section import Table
from analysis.pipeline.topics.context_time import as_planned
from analysis.planning.definition import PLAIN
from instrument.errors import ToolkitError, ToolkitWarning

if TYPE_CHECKING:
    from analysis.structural.families.panel_model import PanelResult

FEWEST_WAVES = 3
TOTAL = "total"
VALUE_KINDS: dict[str, Kind] = {
    **each(TEXT, "panel_title panel_spacing panel_syntax panel_missing panel_estimator"),
    "panel_waves": GIVEN,
    "panel_pairs": GIVEN,
    "panel_n": people(weight=1),
    **each(statistic("panel_n"), "panel_lead panel_back panel_cfi panel_rmsea"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelFinding:
    """One context theme beside the total, with the people answering at both waves of every pair."""

    theme: str
    result: PanelResult
    n_pairs: list[int]


def panel_results(context: Context, waves: list[Any], gaps: Gaps) -> list[PanelFinding]:
    """Fit the random-intercept cross-lagged panel model of every context theme and the total.

    Parameters
    ----------
    context
        The validation.
    waves
        Waves that are no retest, in order.
    gaps
        What could not be fitted, or not properly, is added here.

    Returns
    -------
    list of PanelFinding
        Those with a proper solution; empty with fewer than three waves, or without a total.
    """
    from analysis.structural.families.panel_model import panel_model

    themes = [t for t in context.scale.context_themes if t in context.themes]
    if len(waves) < FEWEST_WAVES or TOTAL not in context.card.names:
        return []
    found = []
    for theme in themes:
        title = f"{context.title_of(theme)}, within persons over {len(waves)} waves"
        wide = pd.concat(
            [
                context.scores_at(wave)[[theme, TOTAL]].add_suffix(f".w{k}")
                for k, wave in enumerate(waves, start=1)
            ],
            axis=1,
        )
        columns = {name: [f"{name}.w{k}" for k in range(1, len(waves) + 1)] for name in (theme, TOTAL)}
        here = [
            wide[[f"{name}.w{k}" for name in columns]].notna().all(axis=1) for k in range(1, len(waves) + 1)
        ]
        n_pairs = [int((one & two).sum()) for one, two in pairwise(here)]
        if (few := of_people(min(n_pairs))) is not None:
            gaps.leave(title, few)
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ToolkitWarning)  # spacing and faults are told below
                result = panel_model(
                    wide.dropna(how="all"),
                    columns,
                    waves=[context.wave_name(wave) for wave in waves],
                    times=_days(context, waves),
                    **{
                        name: value
                        for name, value in as_planned(context, "scores").items()
                        if name == "missing" or (name == "estimator" and value is not None)
                    },
                )
        except ToolkitError as error:
            gaps.add(title, error)
            continue
        if (cause := of_fit(result.fit)) is not None:
            gaps.leave(title, cause)
            continue
        found.append(PanelFinding(theme=theme, result=result, n_pairs=n_pairs))
    return found


def _days(context: Context, waves: list[Any]) -> list[float] | None:
    """Days of the waves in the study file; None where it does not say."""
    days = {w.name: w.day for w in context.study.waves} if context.study is not None else {}
    named = [days.get(str(wave)) for wave in waves]
    return [float(day) for day in named if day is not None] if None not in named else None


def panel_table(context: Context, found: list[PanelFinding]) -> Table:
    """Lagged effects of every context theme and the total."""
    parts = []
    for one in found:
        table = one.result.paths.copy()
        titles = {name: context.title_of(name) for name in (one.theme, TOTAL)}
        table["source"], table["target"] = table["source"].map(titles), table["target"].map(titles)
        at_both = dict(zip(one.result.waves[1:], one.n_pairs, strict=True))
        table["n_both"] = table["to_wave"].map(at_both)
        parts.append(table)
    numbers = "estimate estimate_se estimate_lower estimate_upper pvalue standardized standardized_se"
    return Table(
        frame=pd.concat(parts, ignore_index=True),
        kinds={
            **each(TEXT, "path source target from_wave to_wave"),
            "n_both": people(weight=1),
            **each(statistic("n_both"), numbers, "standardized_lower standardized_upper"),
        },
        title="Within persons: what deviations from their own level go with at the next wave",
        columns={
            "source": ("From", "text"),
            "target": ("To", "text"),
            "from_wave": ("At", "text"),
            "to_wave": ("Next", "text"),
            "standardized": ("Standardised", "d2"),
            "standardized_lower": ("95% from", "d2"),
            "standardized_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
            "n_both": ("n at both", "int"),
        },
        note="Random-intercept cross-lagged panel model of scores (Hamaker et al. 2015, "
        "doi:10.1037/a0038889), full information. Scores hold measurement error, which weakens the effects.",
    )


def panel_told(context: Context, found: list[PanelFinding]) -> dict[str, Any]:
    """Values of the sentences about the first context theme."""
    if not found:
        return {}
    one = found[0]
    crossed = one.result.paths[one.result.paths["path"] == "cross-lagged"]
    above = crossed["standardized_lower"] > 0
    fit = one.result.fit.fit
    ending = "" if one.result.fit.estimator == PLAIN else "_robust"
    return {
        "panel_title": context.title_of(one.theme),
        "panel_spacing": one.result.spacing,
        "panel_syntax": one.result.syntax,
        "panel_missing": one.result.fit.missing,
        "panel_waves": len(one.result.waves),
        "panel_pairs": len(one.result.waves) - 1,
        "panel_n": one.result.n_obs,
        "panel_lead": int(above[crossed["source"] == one.theme].sum()),
        "panel_back": int(above[crossed["source"] == TOTAL].sum()),
        "panel_estimator": one.result.fit.estimator,
        "panel_cfi": fit[f"cfi{ending}"],
        "panel_rmsea": fit[f"rmsea{ending}"],
    }


def panel_prose(found: list[PanelFinding]) -> list[str]:
    """Say how often the context goes before the total within persons, and the reverse."""
    if not found:
        return []
    return [
        "With {panel_waves:int} waves, change within persons can be told from lasting differences between "
        "them ({panel_n:int} people). When a person was above their own level in {panel_title}, the "
        "total was above their own level at the next wave in {panel_lead:int} of {panel_pairs:int} steps, "
        "by intervals that lie above 0; the other way round in {panel_back:int}. {panel_spacing}"
    ]
