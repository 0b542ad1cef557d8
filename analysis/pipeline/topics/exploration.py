"""Which items go together when no structure is laid down beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.common.rules import FEWEST_PEOPLE, LOADING
from analysis.common.verdicts import Cause, Question
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context, counted, listed
from analysis.pipeline.correlating import (
    SMOOTHING_KINDS,
    correlation_for,
    missing_items,
    smooth_for,
    told_of_smoothing,
)
from analysis.pipeline.reach import of_structure
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.retention import retention_of
from analysis.pipeline.twinned.structure import twins_of_exploration

if TYPE_CHECKING:
    from analysis.factors.exploratory_result import EfaResult

EXTRACTED_BY = {
    "minres": "minimum residuals",
    "ml": "maximum likelihood",
    "principal": "principal axes",
}
SALIENT = Question(text="Does every item load on a factor?")


def section_exploration(context: Context) -> Section:
    """Exploratory factor analysis with the planned number of factors, else as parallel analysis suggests."""
    from analysis.factors.efa import efa

    planned = context.plan.factors
    n_factors = planned or int(retention_of(context).table["n_factors"]["parallel_factors"])
    rotation = context.plan.rotation if n_factors > 1 else "none"
    found = efa(
        context.items,
        n_factors,
        extraction=context.plan.extraction,
        rotation=rotation,
        correlation=correlation_for(context),
        missing=missing_items(context, "pairwise"),
        seed=context.seed,
        smooth=smooth_for(context),
    )
    smoothed, of_smoothing = told_of_smoothing(found.correlation, found.smoothing)
    loadings = _loadings(context, found)
    values = _values(loadings, found, n_factors)
    weakest = float(loadings["primary"].min())
    return Section(
        estimator=f"{EXTRACTED_BY[context.plan.extraction]}, {rotation} rotation, "
        f"{found.correlation} correlations",
        n=found.n_obs,
        n_kind=people(weight=9),
        missing=found.missing,
        seed=found.seed,
        options={
            "wave": context.first_wave,
            "factors": n_factors,
            "n in fit measures": found.n_obs_fit,
            "smooth": context.smooth,
        },
        option_kinds={**each(GIVEN, "wave factors smooth"), "n in fit measures": people(weight=1)},
        prose=[*smoothed, *_prose(values, n_factors)],
        values=values | of_smoothing,
        value_kinds={
            **SMOOTHING_KINDS,
            **each(GIVEN, "items"),
            **each(TEXT, "apart crossed_items"),
            **each(statistic(), "factors with_theme crossed primary_lowest explained rmsr heywood"),
            **each(statistic(), "factor_r_lowest factor_r_highest"),
        },
        tables=_tables(loadings, found),
        findings=[
            Finding(
                claim="Every item has a salient loading (the weakest first loading)",
                value=weakest,
                rule=LOADING,
                question=SALIENT,
                untested=Cause.IMPROPER if found.heywood else of_structure(context),
                path="sections.exploration.values.primary_lowest",
            )
        ],
        figures=["loadings"],
    )


def _loadings(context: Context, found: EfaResult) -> pd.DataFrame:
    table = found.loadings
    size = table.abs().to_numpy()
    order = np.argsort(-size, axis=1)
    rows = np.arange(len(table))
    primary = size[rows, order[:, 0]]
    second = size[rows, order[:, 1]] if size.shape[1] > 1 else np.full(len(table), np.nan)
    theme_of = {item: theme for theme, items in reversed(context.themes.items()) for item in items}
    frame = pd.DataFrame(
        {
            "item": table.index,
            "text": [context.scale.item(item).text for item in table.index],
            "theme": [context.title_of(theme_of[item]) for item in table.index],
            "factor": [table.columns[column] for column in order[:, 0]],
            "primary": primary,
            "second": second,
            "communality": found.communalities.to_numpy(),
            "complexity": found.complexity.to_numpy(),
        }
    )
    home = frame.groupby("theme", sort=False)["factor"].agg(lambda factors: factors.mode().iloc[0])
    frame["with_theme"] = [
        factor == home[theme] for theme, factor in zip(frame["theme"], frame["factor"], strict=True)
    ]
    return pd.concat([frame, table.reset_index(drop=True)], axis=1)


def _values(loadings: pd.DataFrame, found: EfaResult, n_factors: int) -> dict[str, Any]:
    apart = loadings.loc[~loadings["with_theme"], "item"]
    crossed = loadings.loc[loadings["second"] >= LOADING.cutoff, "item"]
    off = found.factor_correlations.to_numpy()[np.triu_indices(n_factors, 1)]
    return {
        "factors": n_factors,
        "items": len(loadings),
        "with_theme": int(loadings["with_theme"].sum()),
        "apart": listed(apart),
        "crossed": len(crossed),
        "crossed_items": listed(crossed),
        "primary_lowest": float(loadings["primary"].min()),
        "explained": float(found.variance["proportion"].sum()),
        "factor_r_lowest": float(off.min()) if len(off) else None,
        "factor_r_highest": float(off.max()) if len(off) else None,
        "rmsr": float(found.fit["rmsr"]),
        "heywood": len(found.heywood),
    }


MOST_WITH_ONE_CORRELATION = 2


def _prose(values: dict[str, Any], n_factors: int) -> list[str]:
    themes = (
        "{with_theme:int} of {items:int} items load most on the same factor as most of their theme; "
        if n_factors > 1
        else ""  # on one factor every item loads most
    )
    explained = "{explained:percent} of the variance is explained."
    sentences = [f"With {counted('factors', n_factors, 'factor')}, {themes}{explained}"]
    if values["apart"]:
        sentences.append("Items that go elsewhere: {apart}.")
    if values["crossed"]:
        sentences.append("Items with a second salient loading: {crossed_items}.")
    if n_factors > 1:
        many = n_factors > MOST_WITH_ONE_CORRELATION
        sentences.append(
            "The factors correlate "
            + ("from {factor_r_lowest:r2} to {factor_r_highest:r2}" if many else "{factor_r_lowest:r2}")
            + ": the higher, the more one total says and the less each theme adds."
        )
    if values["heywood"]:
        sentences.append("{heywood:int} item(s) are explained entirely, which no item should be.")
    return sentences


def _tables(loadings: pd.DataFrame, found: EfaResult) -> dict[str, Table]:
    factors = {name: (name, "r2") for name in found.loadings.columns}
    tables = {
        "loadings": Table(
            frame=loadings,
            kinds={
                **each(TEXT, "item text theme factor"),
                **each(statistic(), "primary second communality complexity with_theme"),
                **dict.fromkeys(factors, statistic()),
            },
            title="Loadings",
            columns={
                "item": ("Item", "text"),
                "text": ("Wording", "text"),
                **factors,
                "communality": ("Communality", "r2"),
            },
            note="Pattern coefficients; factors in the order of the variance they account for.",
        )
    }
    if found.loadings.shape[1] > 1:
        correlations = found.factor_correlations.rename_axis("factor").reset_index()
        tables["factor_correlations"] = Table(
            frame=correlations,
            kinds={"factor": TEXT, **dict.fromkeys(factors, statistic())},
            title="Correlations of the factors",
            columns={"factor": ("", "text"), **factors},
        )
    return tables


TOPIC = Topic(
    name="exploration",
    title="Exploratory factors",
    subject="structure",
    question="Which items go together if nothing is specified beforehand?",
    run=section_exploration,
    twins=twins_of_exploration,
    people=int(FEWEST_PEOPLE.cutoff),
    enough=of_structure,
    lacks=lambda context: "" if len(context.item_ids) > 3 else "Needs four items or more.",
    reflective=True,
)
