"""Calls of R for alpha, omega and the general factor."""

from __future__ import annotations

from typing import Any

from analysis.pipeline.context import Context
from analysis.pipeline.correlating import correlation_for, missing_items
from analysis.pipeline.section import Section
from analysis.pipeline.twinned.said import add_extremes, first_wave
from analysis.twins import METHOD, Reason, Twins

PARTS = tuple(
    f"{what}{end}"
    for what in ("omega", "omega_general", "omega_group", "ecv")
    for end in ("", "_se", "_ci_lower", "_ci_upper")
)


def twins_of_reliability(context: Context, section: Section) -> Twins:
    """Alpha by psych with the interval of a jackknife, omega by its formula, the general factor by lavaan."""
    found = Twins()
    where = first_wave(context)
    frame = section.tables["alpha"].frame
    for row, theme in enumerate(frame["theme"]):
        items = context.themes[theme]
        found.add(
            "alpha",
            "n alpha ci_lower ci_upper alpha_pairwise average_r",
            table="alpha",
            rows=[row],
            items=items,
            where=where,
            missing=missing_items(context, "listwise"),
        )
        _add_omega(
            context, found, "alpha", row, items, where, float(frame["omega_moved"].fillna(0).iloc[row])
        )
    found.leave(Reason.SEEDED, "omega_ci_lower omega_ci_upper omega_draws_smoothed", "alpha")
    found.leave(Reason.OWN, "omega omega_moved", "alpha")
    if "if_dropped" in section.tables:
        dropped = section.tables["if_dropped"].frame
        for theme in dict.fromkeys(dropped["theme"]):
            rows = [row for row, name in enumerate(dropped["theme"]) if name == theme]
            found.add(
                "alpha",
                {
                    "alpha": "alpha_each",
                    "if_dropped": "if_dropped",
                    "item_rest_r": "item_rest_r",
                    "gain": "gain",
                },
                table="if_dropped",
                rows=rows,
                items=context.themes[theme],
                where=where,
                missing=missing_items(context, "listwise"),
            )
    _add_parts(context, section, found)
    _add_general(context, section, found)
    add_extremes(
        found,
        {
            "alpha_lowest": ("min", "alpha", "alpha"),
            "alpha_highest": ("max", "alpha", "alpha"),
            "omega_lowest": ("min", "alpha", "omega"),
            "omega_highest": ("max", "alpha", "omega"),
        },
    )
    if len(frame):
        found.add("derived", {"n": "value"}, table=METHOD, how="max", of="alpha", column="n")
    found.leave(Reason.WORDS, "themes n_low scores omega_moved_parts omega_parts")
    found.leave(Reason.SEEDED, "sl_omega_h_lower sl_omega_h_upper omega_drawn_most")
    found.leave(
        Reason.OWN, "omega_moved_most smooth_negative smooth_smallest smooth_frobenius smooth_largest"
    )
    return found


def _add_omega(
    context: Context,
    found: Twins,
    table: str,
    row: int,
    items: list[str],
    where: dict[str, str],
    moved: float,
) -> None:
    """Omega where its correlations are as estimated; smoothed ones are this toolkit's."""
    if moved > 0:
        return
    name = "omega_ordinal" if correlation_for(context) == "polychoric" else "omega_continuous"
    found.add(
        name,
        {"omega": "omega"},
        table=table,
        rows=[row],
        exact=False,
        items=items,
        where=where,
        missing=missing_items(context, "pairwise"),
    )


def _add_parts(context: Context, section: Section, found: Twins) -> None:
    """Alpha and omega by wave and group; rows name their part by its label."""
    if "by_part" not in section.tables:
        return
    from analysis.pipeline.topics.groups import groupings

    frame = section.tables["by_part"].frame
    people: dict[tuple[str, str], dict[str, str]] = {}
    for name, labels in groupings(context).items():
        for label in labels.dropna().unique():
            people[(name, str(label))] = {**first_wave(context), "covariate": name, "level": str(label)}
    for wave in context.waves:
        people[("Wave", context.wave_name(wave))] = {"wave": str(wave)}
    for row, (kind, part, theme) in enumerate(zip(frame["kind"], frame["part"], frame["theme"], strict=True)):
        where, items = people[(kind, part)], context.themes[theme]
        about: dict[str, Any] = {
            "items": items,
            "where": where,
            "missing": missing_items(context, "listwise"),
        }
        found.add("alpha", "n alpha ci_lower ci_upper", table="by_part", rows=[row], **about)
        moved = frame["omega_moved"].iloc[row]
        _add_omega(context, found, "by_part", row, items, where, float(moved or 0.0))
    found.leave(Reason.OWN, "omega omega_moved", "by_part")


def _add_general(context: Context, section: Section, found: Twins) -> None:
    if "general_factor" not in section.tables:
        return
    from analysis.pipeline.topics.models import estimator_for, theories

    model = theories(context).models["bifactor"]
    options = {
        "syntax": model.syntax,
        "where": first_wave(context),
        "estimator": estimator_for(context)["estimator"],
    }
    found.add("bifactor", " ".join(PARTS), table="general_factor", exact=False, **options)
    frame = section.tables["general_factor"].frame
    one, rest = [1], list(range(2, len(frame) + 1))
    for value, column in (
        ("omega_h", "omega_general"),
        ("omega_h_lower", "omega_general_ci_lower"),
        ("omega_h_upper", "omega_general_ci_upper"),
        ("ecv", "ecv"),
    ):
        found.add(
            "derived", {value: "value"}, exact=False, how="min", of="general_factor", column=column, at=one
        )
    for value, how in (("own_lowest", "min"), ("own_highest", "max")):
        found.add(
            "derived",
            {value: "value"},
            exact=False,
            how=how,
            of="general_factor",
            column="omega_group",
            at=rest,
        )
    if "sl_omega_h" in section.values and "smooth_negative" not in section.values:
        dimensions = [theme for theme in context.scale.dimension_themes if theme in context.themes]
        found.add(
            "omega_hierarchical",
            {"sl_omega_h": "omega_h", "sl_ecv": "ecv"},
            exact=False,
            items=list(dict.fromkeys(item for theme in dimensions for item in context.themes[theme])),
            where=first_wave(context),
            factors=len(dimensions),
            missing=missing_items(context, "pairwise"),
        )
    found.leave(Reason.OWN, "sl_omega_h sl_ecv")
