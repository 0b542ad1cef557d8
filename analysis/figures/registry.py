"""Which function draws which figure: a new figure is a file and a line here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from analysis.common.rules import in_force, planned_cutoffs
from analysis.figures.adherence import forest_figure, survival_figure
from analysis.figures.audit import audit_figure
from analysis.figures.base import Builder, Chart, Figure, Section
from analysis.figures.coarse import drawn_coarsely
from analysis.figures.dif_curves import dif_curves_figure
from analysis.figures.factors import loadings_figure, scree_figure
from analysis.figures.fairness import fairness_figure
from analysis.figures.flow import flow_figure
from analysis.figures.gaps import without_gaps
from analysis.figures.general_paths import bifactor_figure, second_order_figure
from analysis.figures.irt import information_figure, person_item_figure
from analysis.figures.items import distribution_figure
from analysis.figures.mechanism import hidden_cause_figure, mechanism_figure
from analysis.figures.models import models_figure
from analysis.figures.once import kept_figures
from analysis.figures.over_time import bland_altman_figure, trajectories_figure
from analysis.figures.paths import paths_figure
from analysis.figures.priority import priority_figure
from analysis.figures.reliability import reliability_figure
from analysis.figures.retest_pairs import retest_pairs_figure
from analysis.figures.scores import retest_figure, scores_figure
from analysis.figures.specification import specification_figure
from analysis.figures.suppressed import without_suppressed
from analysis.figures.use import daily_figure, retention_figure
from analysis.figures.use_course import returns_figure, scan_figure
from analysis.figures.validity import htmt_figure

FIGURES: dict[str, Builder] = {
    "audit": audit_figure,
    "bifactor": bifactor_figure,
    "bland_altman": bland_altman_figure,
    "daily": daily_figure,
    "dif_curves": dif_curves_figure,
    "distribution": distribution_figure,
    "fairness": fairness_figure,
    "flow": flow_figure,
    "forest": forest_figure,
    "hidden_cause": hidden_cause_figure,
    "htmt": htmt_figure,
    "information": information_figure,
    "loadings": loadings_figure,
    "mechanism": mechanism_figure,
    "models": models_figure,
    "paths": paths_figure,
    "person_item": person_item_figure,
    "priority": priority_figure,
    "reliability": reliability_figure,
    "retention": retention_figure,
    "retest": retest_figure,
    "retest_pairs": retest_pairs_figure,
    "returns": returns_figure,
    "scan": scan_figure,
    "scores": scores_figure,
    "scree": scree_figure,
    "second_order": second_order_figure,
    "specification": specification_figure,
    "survival": survival_figure,
    "trajectories": trajectories_figure,
}


def build_figures(section: Section, meta: Mapping[str, Any]) -> dict[str, Figure]:
    """Build every figure that a section of the results tree asks for.

    A name such as `distribution@agreement` asks for one part; the builder finds it in `meta["part"]`.

    Parameters
    ----------
    section
        Section of the tree, plain data.
    meta
        The tree's `meta`.

    Returns
    -------
    dict
        Name to figure, in the section's order; only those of which a row can be drawn.
    """
    built = kept_figures()
    if built is None:
        return _build(section, meta)
    what = json.dumps([section, meta], ensure_ascii=False)
    if what not in built:
        built[what] = _build(section, meta)
    figures: dict[str, Figure] = built[what]
    return dict(figures)


def _build(section: Section, meta: Mapping[str, Any]) -> dict[str, Figure]:
    figures = {}
    cutoffs = planned_cutoffs(meta)
    for name in section["figures"]:
        builder, _, part = name.partition("@")
        about = {**meta, "part": part} if part else meta
        shown = without_gaps(without_suppressed(section, builder), builder)
        if shown is None:
            continue
        try:
            with in_force(cutoffs):
                figures[name] = _drawn_by(drawn_coarsely(FIGURES[builder], shown, about), cutoffs)
        except (ValueError, TypeError, KeyError, IndexError):
            if not section.get("suppressed"):  # else too little is left of it to be drawn
                raise
    return figures


def _drawn_by(figure: Figure, cutoffs: Mapping[str, float]) -> Figure:
    """A figure whose lines stand at the cut-offs of the plan, too: it is drawn after its words are said."""
    if not cutoffs:
        return figure

    def within(draw: Callable[[int], Chart]) -> Callable[[int], Chart]:
        def drawn(width: int) -> Chart:
            with in_force(cutoffs):
                return draw(width)

        return drawn

    live = None if figure.live is None else within(figure.live)
    return replace(figure, draw=within(figure.draw), live=live)
