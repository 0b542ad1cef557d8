"""The test of context over time for each context theme, and how it is told."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.reach import Gaps, of_fit
from analysis.pipeline.section import Table
from analysis.pipeline.topics.models import estimator_for
from analysis.planning.definition import ORDINAL, PLAIN
from instrument.errors import ToolkitError, ToolkitWarning
from instrument.reading.raw import ReasonTable

if TYPE_CHECKING:
    from analysis.structural.families.context_over_time import ContextOverTimeResult

PEOPLE_PER_ITEM = 10  # at both waves; fewer, and the ordinal model has more parameters than people
_WORDS = {
    "lead": "context, then general factor",
    "back": "general factor, then context",
    "difference": "difference of these two",
    "stay": "general factor, stability",
    "kept": "context, stability",
}


def context_results(context: Context, waves: list[Any], gaps: Gaps) -> list[ContextOverTimeResult]:
    """Fit the cross-lagged model of every context theme; an improper solution says nothing.

    Parameters
    ----------
    context
        The validation.
    waves
        The two waves.
    gaps
        What could not be fitted, or not properly, is added here.

    Returns
    -------
    list of ContextOverTimeResult
        Those with a proper solution.
    """
    from analysis.structural.families.context_over_time import context_over_time

    found = []
    rows = context.responses[context.responses["wave"].isin(waves)]
    if context.reasons is not None:  # an item that does not apply is not asked for in a score
        rows.attrs["reasons"] = ReasonTable(context.reasons)
    for theme in context.scale.context_themes:
        if theme not in context.themes or not context.scale.dimension_themes:
            continue
        title = f"{context.title_of(theme)}, context over time"
        if gaps.few is not None:
            gaps.leave(title, gaps.few)
            continue
        if len(context.themes[theme]) < 2:
            gaps.leave(title, Cause.NOTHING_LEFT)
            continue
        measured_by = "scores" if theme in context.composites else _measured_by(context, waves)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ToolkitWarning)  # faults of the solution are read below
                result = context_over_time(
                    rows,
                    context.scale,
                    waves,
                    context=theme,
                    **as_planned(context, measured_by),
                )
        except ToolkitError as error:
            gaps.add(title, error)
            continue
        if (cause := of_fit(result.fit)) is not None:
            gaps.leave(title, cause)
            continue
        found.append(result)
    return found


def as_planned(context: Context, measured_by: str) -> dict[str, Any]:
    """Estimator and rule for missing answers of the plan, as far as they are for items or for scores."""
    planned, missing = context.plan.estimator, context.plan.missing
    ordinal = measured_by == "items"
    rules = ("pairwise", "listwise") if ordinal else ("fiml", "listwise")
    return {
        "measured_by": measured_by,
        "estimator": planned if planned is not None and (planned in ORDINAL) == ordinal else None,
        "missing": missing if missing in rules else None,
    }


def _measured_by(context: Context, waves: list[Any]) -> str:
    """Ordinal items where people suffice for them, else scores."""
    both = context.answered_at(waves[0]).intersection(context.answered_at(waves[1]))
    enough = len(both) >= PEOPLE_PER_ITEM * len(context.item_ids)
    return "items" if enough and estimator_for(context)["ordered"] else "scores"


def context_table(context: Context, found: list[ContextOverTimeResult]) -> Table:
    """Paths of every context theme."""
    parts = []
    for result in found:
        table = result.paths.reset_index()
        table.insert(0, "title", context.title_of(result.context))
        table["words"] = [_WORDS[name] for name in table["path"]]
        table["n"], table["n_both"] = result.n_obs, result.n_both
        parts.append(table)
    return Table(
        frame=pd.concat(parts, ignore_index=True),
        kinds={
            **each(TEXT, "title path source target words"),
            **each(people(weight=1), "n n_both"),
            **each(statistic("n_both"), "estimate se ci_lower ci_upper pvalue"),
        },
        title="Context over time: standardised paths between the first two waves",
        columns={
            "title": ("Context", "text"),
            "words": ("Path", "text"),
            "estimate": ("Estimate", "d2"),
            "ci_lower": ("95% from", "d2"),
            "ci_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
            "n_both": ("n at both", "int"),
        },
        note="Each path is adjusted for where both were at the first wave. Latent variables: unreliability "
        "is taken out, but for a composite, which is its score.",
    )


def context_told(context: Context, found: list[ContextOverTimeResult]) -> dict[str, Any]:
    """Values of the sentences about the first context theme."""
    if not found:
        return {}
    result = found[0]
    values: dict[str, Any] = {
        "context_title": context.title_of(result.context),
        "context_n": result.n_obs,
        "context_both": result.n_both,
        "context_syntax": result.syntax,
        "context_measured_by": result.measured_by,
        "context_estimator": result.fit.estimator,
        "context_missing": result.fit.missing,
    }
    for name in ("lead", "back", "difference"):
        row = result.paths.loc[name]
        values |= {name: row["estimate"], f"{name}_lower": row["ci_lower"], f"{name}_upper": row["ci_upper"]}
    fit = result.fit.fit
    ending = "_robust" if result.measured_by == "scores" else "_scaled"
    ending = "" if result.fit.estimator == PLAIN else ending
    values |= {f"context_{index}": fit[f"{index}{ending}"] for index in ("cfi", "rmsea")}
    values["context_how"] = _how(context, result)
    return values


def _how(context: Context, result: ContextOverTimeResult) -> str:
    if result.measured_by == "items":
        return "Measured by every item as an ordinal answer, residuals of the same item correlated over time."
    if result.context in context.composites:
        return (
            "Measured by scores. The general factor stands behind the theme scores, loadings equal at both "
            "waves, residuals correlated over time; the context is a composite, its score as it stands, so "
            "its unreliability is not taken out."
        )
    why = "since answers with many options are taken as numbers"
    if estimator_for(context)["ordered"]:
        why = "since a model of every ordinal answer asks for more people at both waves"
    return (
        f"Measured by scores, {why}. The general factor stands behind the theme scores, the context behind "
        "its items taken as numbers, which takes unreliability out; loadings are equal at both waves, "
        "residuals correlated over time."
    )
