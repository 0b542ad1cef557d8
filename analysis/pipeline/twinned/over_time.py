"""Calls of R for what is followed over waves: means, change, invariance, context, and within persons."""

from __future__ import annotations

from typing import Any

from analysis.pipeline.context import Context
from analysis.pipeline.main_waves import EVERYONE, main_waves
from analysis.pipeline.section import Section
from analysis.pipeline.twinned.said import add_extremes
from analysis.planning.definition import PLAIN
from analysis.twins import METHOD, Reason, Twins

CORRECTED = "chisq_scaled pvalue_scaled cfi_scaled tli_scaled rmsea_scaled "
OF_CONTINUOUS = ("pvalue", "aic", "bic", "cfi_robust", "tli_robust", "rmsea_robust")


def twins_of_longitudinal(context: Context, section: Section) -> Twins:
    """Means, reliable change, and levels of invariance over time."""
    from analysis.pipeline.topics.models import estimator_for

    found = Twins()
    waves = main_waves(context)
    named = {context.wave_name(wave): str(wave) for wave in waves}
    every = [str(wave) for wave in waves]
    frame = section.tables["trajectories"].frame
    for row, (name, who, wave) in enumerate(zip(frame["score"], frame["who"], frame["wave"], strict=True)):
        others = [] if who == EVERYONE else [other for other in every if other != named[wave]]
        options = {"name": name, "wave": named[wave], "all_of": others or None}
        found.add("mean", "n mean ci_lower ci_upper", table="trajectories", rows=[row], **options)
    if "changes" in section.tables:
        changes = section.tables["changes"].frame
        for row, (name, sem) in enumerate(zip(changes["score"], changes["sem"], strict=True)):
            found.add(
                "change",
                "n threshold higher same lower share_higher share_lower",
                table="changes",
                rows=[row],
                name=name,
                first=every[0],
                second=every[1],
                sem=float(sem),
            )
        found.leave(Reason.ELSEWHERE, "sem", "changes")
    ordinal = bool(estimator_for(context)["ordered"])
    if "levels" in section.tables:
        levels = section.tables["levels"].frame
        corrected = CORRECTED if "chisq_scaled" in levels else ""
        more = " ".join(name for name in OF_CONTINUOUS if not ordinal and name in levels)
        for theme, part in levels.groupby("theme", sort=False):
            if (part["faults"] != "").any():
                continue
            found.add(
                "levels_over_time",
                f"n df chisq {corrected}cfi tli rmsea srmr cfi_diff rmsea_diff srmr_diff chisq_diff df_diff "
                f"pvalue_diff {more}".strip(),
                table="levels",
                rows=list(part.index),
                exact=False,
                items=context.themes[str(theme)],
                waves=every[:2],
                levels=list(part["level"]),
                kind="ordinal" if ordinal else "continuous",
            )
    found.leave(Reason.ELSEWHERE, "change_most")
    found.leave(Reason.CONSTRAINED, "cfi_robust tli_robust rmsea_robust", "levels")
    found.leave(Reason.IMPROPER, "*", "levels")
    _add_context(context, section, found, every)
    _add_panel(context, section, found, every)
    found.add("at_waves", "at_first both stayed waves", waves=every)
    found.add("at_waves", {"n": "both"}, table=METHOD, waves=every)
    return found


def _add_context(context: Context, section: Section, found: Twins, waves: list[str]) -> None:
    """Context over time where scores measure it; of several contexts the first, whose model is kept."""
    if "context" not in section.tables or section.values["context_measured_by"] != "scores":
        return
    frame = section.tables["context"].frame
    rows = [row for row, title in enumerate(frame["title"]) if title == section.values["context_title"]]
    title = section.values["context_title"]
    theme = next(name for name in context.scale.context_themes if context.title_of(name) == title)
    meant = [*context.scale.dimension_themes, *([theme] if theme in context.composites else [])]
    own = {
        name: [item.id for item in context.scale.theme(name).items if item.id in context.item_ids]
        for name in meant
    }
    single = (
        [item for name in meant[:1] for item in own[name]] if len(context.scale.dimension_themes) == 1 else []
    )
    options: dict[str, Any] = {
        "syntax": section.values["context_syntax"],
        "missing": section.values["context_missing"],
        "estimator": section.values["context_estimator"],
        "variables": [*own, *single, *(() if theme in own else context.themes[theme])],
        "own": own,
        "waves": waves[:2],
    }
    columns = {name: f"standardized_{name}" for name in ("se", "lower", "upper", "p")}
    columns = {"estimate": "standardized", "se": columns["se"], "ci_lower": columns["lower"]} | {
        "ci_upper": columns["upper"],
        "pvalue": columns["p"],
        "n": "n",
    }
    labels = [str(frame["path"].iloc[row]) for row in rows]
    found.add("over_time", columns, table="context", rows=rows, exact=False, labels=labels, **options)
    ending = "" if options["estimator"] == PLAIN else "_robust"
    named = {"context_n": "n", "context_cfi": f"cfi{ending}", "context_rmsea": f"rmsea{ending}"}
    found.add("over_time_fit", named, exact=False, **options)
    for label in ("lead", "back", "difference"):
        place = [rows[labels.index(label)]]
        for end, column in (("", "estimate"), ("_lower", "ci_lower"), ("_upper", "ci_upper")):
            add_extremes(found, {f"{label}{end}": ("min", "context", column)}, place, exact=False)
    found.add("both_waves", {"n_both": "n"}, table="context", rows=rows[:1], first=waves[0], second=waves[1])
    add_extremes(found, {"context_both": ("max", "context", "n_both")}, rows[:1])
    found.leave(Reason.ELSEWHERE, "n_both", "context")


def _add_panel(context: Context, section: Section, found: Twins, waves: list[str]) -> None:
    """Within persons over the waves; of several contexts the first, whose model is kept."""
    if "panel" not in section.tables:
        return
    from analysis.pipeline.topics.panel_time import TOTAL
    from analysis.structural.language.panel_syntax import PanelVariable, within

    frame = section.tables["panel"].frame
    title = section.values["panel_title"]
    theme = next(name for name in context.scale.context_themes if context.title_of(name) == title)
    names = {context.title_of(name): name for name in (theme, TOTAL)}
    of = {name: PanelVariable(name=name, columns=(), latent=False) for name in names.values()}
    numbered = {context.wave_name(wave): k for k, wave in enumerate(waves)}
    rows = list(range(sum(len(names) ** 2 for _ in waves[1:])))
    said = frame.iloc[rows].to_dict("records")
    options: dict[str, Any] = {
        "syntax": section.values["panel_syntax"],
        "missing": section.values["panel_missing"],
        "estimator": section.values["panel_estimator"],
        "variables": [theme, TOTAL],
        "waves": waves,
    }
    columns = "estimate estimate_se estimate_lower estimate_upper pvalue standardized standardized_se "
    found.add(
        "over_time",
        columns + "standardized_lower standardized_upper",
        table="panel",
        rows=rows,
        exact=False,
        lhs=[within(of[names[row["target"]]], numbered[row["to_wave"]]) for row in said],
        rhs=[within(of[names[row["source"]]], numbered[row["from_wave"]]) for row in said],
        **options,
    )
    ending = "" if options["estimator"] == PLAIN else "_robust"
    named = {"panel_n": "n", "panel_cfi": f"cfi{ending}", "panel_rmsea": f"rmsea{ending}"}
    found.add("over_time_fit", named, exact=False, **options)
    for row, one in zip(rows, said, strict=True):
        pair: dict[str, Any] = {
            "first": waves[numbered[one["from_wave"]]],
            "second": waves[numbered[one["to_wave"]]],
        }
        found.add("both_waves", {"n_both": "n"}, table="panel", rows=[row], scores=[theme, TOTAL], **pair)
    found.leave(Reason.WORDS, "panel_lead panel_back")
