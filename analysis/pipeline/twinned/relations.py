"""Calls of R for retest, change, groups, covariates, other measures and the response model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.pipeline.context import Context
from analysis.pipeline.correlating import missing_items
from analysis.pipeline.section import Section
from analysis.pipeline.twinned.said import add_extremes, amounts_known, first_wave
from analysis.planning.definition import Parameter, same_label
from analysis.twins import METHOD, VALUES, Reason, Twins


def twins_of_screening(context: Context, section: Section) -> Twins:
    """Alpha of everyone; whom this toolkit flags is its own."""
    found = Twins()
    for table in (*section.tables, "values", METHOD):
        found.leave(Reason.CARELESS, "*", table)
    if context.plan.exclude_flagged:
        return found  # what is analysed lacks the flagged
    frame = section.tables["sensitivity"].frame
    for row, theme in enumerate(frame["theme"]):
        options: dict[str, Any] = {"items": context.themes[theme], "where": first_wave(context)}
        found.add("alpha_rows", "n alpha", table="sensitivity", rows=[row], **options)
    wave = str(context.first_wave)
    found.add("counts", "administrations", wave=wave)
    found.add("counts", {"n": "administrations"}, table=METHOD, wave=wave)
    return found


def twins_of_planned(context: Context, section: Section) -> Twins:
    """Hypotheses of the plan about scores and amounts, by the same functions as relations."""
    found = Twins()
    wave = str(context.first_wave)
    known = amounts_known(context)
    frame = section.tables["hypotheses"].frame
    told = zip(context.plan.hypotheses, frame.to_dict("records"), strict=True)
    for row, (hypothesis, said) in enumerate(told):
        if said["without"] or pd.isna(said["estimate"]):
            continue
        if hypothesis.groups is not None:
            levels = {"second": same_label(hypothesis.higher), "first": same_label(hypothesis.lower)}
            about = {"name": said["score"], "wave": wave, "covariate": hypothesis.groups, **levels}
            columns = {"estimate": "hedges_g", "ci_lower": "g_lower", "ci_upper": "g_upper"}
            columns |= {"n": "n", "pvalue": "pvalue"}
            found.add("group_difference", columns, table="hypotheses", rows=[row], **about)
        elif said["other"] in known:
            about = {"one": said["score"], "other": said["other"], "wave": wave}
            about["method"] = hypothesis.method
            columns = {"estimate": "r", **{n: n for n in ("n", "ci_lower", "ci_upper", "pvalue")}}
            found.add("correlation", columns, table="hypotheses", rows=[row], **about)
    found.leave(Reason.WORDS, "planned confirmed not_confirmed undecided unanswered share")
    found.leave(Reason.ELSEWHERE, "n", METHOD)
    return found


def twins_of_paths(context: Context, section: Section) -> Twins:
    """Nothing: numbers under other decisions than those of the report."""
    found = Twins()
    for table in (*section.tables, VALUES, METHOD):
        found.leave(Reason.OTHERWISE, "*", table)
    return found


def twins_of_relations(context: Context, section: Section) -> Twins:
    """Correlations, means and differences of scores by base R."""
    found = Twins()
    wave = str(context.first_wave)
    known = amounts_known(context)
    if "correlations" in section.tables:
        frame = section.tables["correlations"].frame
        for row, (one, other) in enumerate(zip(frame["one"], frame["other"], strict=True)):
            if {one, other} <= known:
                about = {"one": one, "other": other, "wave": wave}
                columns = "n r ci_lower ci_upper pvalue"
                found.add("correlation", columns, table="correlations", rows=[row], **about)
    if "means" in section.tables:
        frame = section.tables["means"].frame
        for row, one in enumerate(frame.to_dict("records")):
            of = {"name": one["score"], "wave": wave, "covariate": one["grouping"]}
            columns = "n mean sd mean_lower mean_upper"
            found.add("group_mean", columns, table="means", rows=[row], level=one["label"], **of)
        frame = section.tables["differences"].frame
        for row, one in enumerate(frame.to_dict("records")):
            second, first = str(one["compared"]).split(" minus ", 1)
            of = {"name": one["score"], "wave": wave, "covariate": one["grouping"]}
            columns = "difference ci_lower ci_upper hedges_g g_lower g_upper"
            of |= {"second": second, "first": first}
            found.add("group_difference", columns, table="differences", rows=[row], **of)
    found.add("n", {"n": "n"}, table=METHOD, where=first_wave(context))
    found.leave(Reason.WORDS, "pairs groupings")
    return found


def twins_of_retest(context: Context, section: Section) -> Twins:
    """ICC by psych with the interval of a jackknife; measurement error and limits by their formulas."""
    from analysis.pipeline.topics.retest import CHANGE, FEWEST_IN_LEVEL, MOST_LEVELS, retest_waves
    from analysis.pipeline.topics.retest_pairs import edges_of

    found = Twins()
    first, second = retest_waves(context)
    rated = context.outcomes is not None and CHANGE in context.outcomes.columns
    options: dict[str, Any] = {"first": str(first), "second": str(second), "rated": rated}
    frame = section.tables["retest"].frame
    for row, name in enumerate(frame["score"]):
        found.add(
            "retest",
            "n icc ci_lower ci_upper icc_consistency sem sdc bias loa_lower loa_upper",
            table="retest",
            rows=[row],
            name=name,
            **options,
        )
    if "levels" in section.tables:
        names = list(section.tables["levels"].frame["score"])
        for name in dict.fromkeys(names):
            found.add(
                "retest_levels",
                "n mean difference spread_lower spread_upper bias loa_lower loa_upper",
                table="levels",
                rows=[row for row, other in enumerate(names) if other == name],
                name=name,
                most=MOST_LEVELS,
                fewest=FEWEST_IN_LEVEL,
                **options,
            )
    if "pairs" in section.tables:
        found.leave(Reason.GIVEN, "first second", "pairs")
        for name, part in section.tables["pairs"].frame.groupby("score", sort=False):
            found.add(
                "pairs_of_places",
                "people share",
                table="pairs",
                rows=list(part.index),
                name=str(name),
                edges=[float(edge) for edge in edges_of(context, str(name))],
                **options,
            )
    found.add("pairs", "pairs stable", **options)
    found.add("pairs", {"n": "stable"}, table=METHOD, **options)
    add_extremes(
        found,
        {
            "icc_lowest": ("min", "retest", "icc"),
            "icc_highest": ("max", "retest", "icc"),
            "sdc_largest": ("max", "retest", "sdc"),
        },
    )
    return found


def twins_of_covariates(context: Context, section: Section) -> Twins:
    """Counts of covariates, and correlations of amounts with the scores."""
    found = Twins()
    wave = str(context.first_wave)
    for row, name in enumerate(section.tables["covariates"].frame["covariate"]):
        found.add("covariate", "n values", table="covariates", rows=[row], name=name, wave=wave)
    if "levels" in section.tables:
        frame = section.tables["levels"].frame
        for name in dict.fromkeys(frame["covariate"]):
            rows = [row for row, other in enumerate(frame["covariate"]) if other == name]
            levels = [str(frame["level"].iloc[row]) for row in rows]
            found.add("covariate_levels", "n", table="levels", rows=rows, name=name, wave=wave, levels=levels)
    if "related" in section.tables:
        frame = section.tables["related"].frame
        for row, (name, score) in enumerate(zip(frame["covariate"], frame["score"], strict=True)):
            found.add(
                "related",
                "n r ci_lower ci_upper",
                table="related",
                rows=[row],
                name=name,
                score=score,
                wave=wave,
            )
    found.add("n", {"n": "n"}, table=METHOD, where=first_wave(context))
    return found


def twins_of_groups(context: Context, section: Section) -> Twins:
    """Levels of invariance by lavaan, written by semTools."""
    from analysis.pipeline.topics.groups import groupings, left_free
    from analysis.pipeline.topics.models import estimator_for

    found = Twins()
    frame = section.tables["levels"].frame
    labels = {name: [str(x) for x in values.dropna().unique()] for name, values in groupings(context).items()}
    most = frame["n"].max() if len(frame) else None
    made = []
    ordinal = bool(estimator_for(context)["ordered"])
    ending = "_scaled" if "chisq_scaled" in frame else ""
    for (name, theme), part in frame.groupby(["grouping", "theme"], sort=False):
        if (part["faults"] != "").any():
            continue
        items = context.themes[str(theme)]
        free = left_free(context, items)
        if ordinal and not _tied(context, free):
            continue  # semTools takes an item for identified by thresholds that are free
        partial = {"free_items": [one.item for one in free], "free_parts": [one.part for one in free]}
        two = [context.items[item].nunique() == 2 for item in items]
        if ordinal and any(two) and not all(two):
            continue  # semTools writes no levels for binary items beside others
        found.add(
            "levels",
            "n df "
            + " ".join(f"{name}{ending}" for name in ("chisq", "cfi", "rmsea"))
            + " cfi_diff rmsea_diff pvalue_diff",
            table="levels",
            rows=list(part.index),
            exact=False,
            items=items,
            where=first_wave(context),
            covariate=str(name),
            groups=labels[str(name)],
            levels=list(part["level"]),
            kind="continuous" if not ordinal else "binary" if all(two) else "ordinal",
            **(partial if free else {}),
        )
        made.append(part["n"].max())
    if most in made:  # the most people of all may stand where lavaan is not asked
        found.add("derived", {"n": "value"}, table=METHOD, how="max", of="levels", column="n")
    found.leave(Reason.WORDS, "n", METHOD)
    found.leave(Reason.IMPROPER, "*", "levels")
    found.leave(Reason.WORDS, "tests failures")
    return found


def _tied(context: Context, free: Sequence[Parameter]) -> bool:
    """Whether every item with a threshold left free has two others, which set its intercept and its scale."""
    freed = Counter(one.item for one in free if one.part.startswith("|"))
    return all(context.items[item].nunique() - 1 - count >= 2 for item, count in freed.items())


def twins_of_validity(context: Context, section: Section) -> Twins:
    """Ratios by their formula, increments by least squares."""
    from analysis.pipeline.topics.validity import comparable
    from analysis.pipeline.topics.validity_measures import measure_items

    found = Twins()
    study = context.study
    if "htmt" in section.tables:
        frame = section.tables["htmt"].frame
        ratios: dict[str, Any] = {
            "themes": comparable(context) | measure_items(context)[1],
            "first": [str(name) for name in frame["first"]],
            "second": [str(name) for name in frame["second"]],
            "where": first_wave(context),
            "missing": missing_items(context, "pairwise"),
        }
        found.add("htmt", "htmt htmt2", table="htmt", **ratios)
        found.add("htmt", "n", table=METHOD, **ratios)
        found.leave(Reason.SEEDED, "htmt_ci_lower htmt_ci_upper htmt2_ci_lower htmt2_ci_upper", "htmt")
        within = [row for row, own in enumerate(frame["within_scale"]) if own]
        add_extremes(found, {"htmt_highest": ("max", "htmt", "htmt")}, within)
    if {"increment", "beyond"} & {*section.tables} and study is not None and study.outcome is not None:
        _add_increments(context, section, found)
    found.leave(Reason.SEEDED, "htmt_highest_upper")
    found.leave(Reason.WORDS, "pairs not_apart hypotheses evaluated confirmed share share_among_themes")
    found.leave(Reason.ELSEWHERE, "*", "hypotheses")
    if "htmt" not in section.tables:
        found.add("n", {"n": "n"}, table=METHOD, where=first_wave(context))
    return found


def _add_increments(context: Context, section: Section, found: Twins) -> None:
    from analysis.pipeline.topics.criterion_items import for_predictions
    from analysis.pipeline.topics.validity_measures import measure_scores, people_table

    tables = [name for name in ("increment", "beyond") if name in section.tables]
    if (
        for_predictions(context) is not context
    ):  # scores without some items, which the instrument does not have
        for name in tables:
            found.leave(Reason.OWN, "*", name)
        found.leave(Reason.OWN, "delta")
        return
    people = people_table(context)
    study = context.study
    themes = [theme for theme in context.themes if theme in people.columns]
    others = [str(name) for table in measure_scores(context) for name in table.columns[2:] if name in people]
    controls = [column for column in (study.baseline if study else ()) if column in people.columns]
    for table in tables:
        for row, name in enumerate(section.tables[table].frame["theme"]):
            found.add(
                "increment",
                "n r_squared delta slope f pvalue",
                table=table,
                rows=[row],
                name=name,
                baseline=[theme for theme in themes if theme != name] if table == "increment" else others,
                controls=controls,
                outcome=str(study.outcome) if study else "",
                wave=str(context.first_wave),
            )
        found.add("holm", {"pvalue_holm": "value"}, table=table, of=table, column="pvalue")
        found.leave(Reason.SEEDED, "ci_lower ci_upper", table)
    if "increment" in tables:
        add_extremes(found, {"delta": ("max", "increment", "delta")})


def twins_of_irt(context: Context, section: Section) -> Twins:
    """Parameters and information by mirt; fit and precision follow this toolkit's rules."""
    found = Twins()
    for theme in dict.fromkeys(section.tables["fit"].frame["theme"]):
        options: dict[str, Any] = {"items": context.themes[theme], "where": first_wave(context)}
        table = section.tables["parameters"].frame
        rows = [row for row, name in enumerate(table["theme"]) if name == theme]
        names = [c for c in map(str, table) if c == "discrimination" or c.startswith("difficulty_")]
        columns = " ".join(c for c in names if not c.endswith("_se"))
        found.add("graded", columns, table="parameters", rows=rows, exact=False, **options)
        curve = section.tables["information"].frame
        rows = [row for row, name in enumerate(curve["theme"]) if name == theme]
        found.add(
            "information",
            "information standard_error",
            table="information",
            rows=rows,
            exact=False,
            theta=[float(curve["theta"].iloc[row]) for row in rows],
            **options,
        )
    if "standing" in section.tables:
        found.leave(Reason.GIVEN, "start end", "standing")
        found.leave(Reason.PLACED, "people share steps", "standing")
    found.leave(Reason.OWN, "*", "fit")
    found.leave(Reason.OWN, "*", "parameters")
    found.leave(Reason.OWN, "*")
    fit = section.tables["fit"].frame
    if len(fit):  # of the theme that most people answered any item of
        most = context.themes[fit["theme"].iloc[int(fit["n"].argmax())]]
        found.add("n", {"n": "n"}, table=METHOD, items=most, where=first_wave(context))
    return found


def twins_of_fairness(context: Context, section: Section) -> Twins:
    """Nothing: the matching scores are this toolkit's."""
    found = Twins()
    for table in (*section.tables, "values", METHOD):
        found.leave(Reason.SCORES, "*", table)
    return found
