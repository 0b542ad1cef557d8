"""Calls of R for who took part, items and scores."""

from __future__ import annotations

from analysis.pipeline.context import Context
from analysis.pipeline.correlating import missing_items
from analysis.pipeline.section import Section
from analysis.pipeline.twinned.said import add_extremes, first_wave
from analysis.twins import METHOD, Reason, Twins


def twins_of_plan(context: Context, section: Section) -> Twins:
    """Nothing: how many rows are left once the plan is carried out is counted before R reads them."""
    found = Twins()
    found.leave(Reason.READ, "kept")
    found.leave(Reason.READ, "n", METHOD)
    found.leave(Reason.CARELESS, "before taken_out")
    return found


def twins_of_flow(context: Context, section: Section) -> Twins:
    """Counts of people and answers, which R counts in the same file."""
    found = Twins()
    waves = [str(wave) for wave in context.waves]
    found.add("flow", "administrations answered complete retained missing_rate", table="flow", waves=waves)
    if "reasons" in section.tables:
        reasons = list(section.tables["reasons"].frame["reason"])
        told = [row for row, reason in enumerate(reasons) if reason in context.scale.missing_codes]
        if told:
            named = [reasons[row] for row in told]
            found.add("reasons", "answers possible rate", table="reasons", rows=told, reasons=named)
        found.leave(Reason.READ, "answers possible rate", "reasons")
    found.add(
        "counts",
        "participants respondents first_n per_item complete_rate waves waves_answered missing_rate",
        wave=str(context.first_wave),
    )
    found.add("counts", {"n": "participants"}, table=METHOD, wave=str(context.first_wave))
    found.leave(Reason.READ, "rows kept people matched", "came_in")
    if "left_out" in section.tables:
        found.leave(Reason.READ, "number", "left_out")
    found.add("derived", {"last_rate": "value"}, how="min", column="retained", of="flow", at=[len(waves)])
    return found


def twins_of_items(context: Context, section: Section) -> Twins:
    """Statistics by psych, theme by theme; means of other waves and of groups."""
    from analysis.pipeline.topics.groups import groupings

    found = Twins()
    where = first_wave(context)
    frame = section.tables["statistics"].frame
    place = {item: row for row, item in enumerate(frame["item"])} if len(frame) else {}
    done: set[str] = set()
    for theme, items in context.themes.items():
        if not all(item in place for item in items) or done & set(items):
            continue
        done |= set(items)
        rows = [place[item] for item in items]
        columns = "n missing missing_share mean sd se median trimmed mad minimum maximum skew kurtosis"
        found.add(
            "item_statistics",
            f"{columns} floor_share ceiling_share",
            table="statistics",
            rows=rows,
            items=items,
            where=where,
        )
        if theme not in context.composites and len(items) > 1:
            relations = "item_rest_r item_total_r item_total_r_corrected average_r"
            options = {"items": items, "where": where, "missing": missing_items(context, "pairwise")}
            found.add("item_statistics", relations, table="statistics", rows=rows, **options)
    parts: dict[str, list[dict[str, str]]] = {
        "by_wave": [{"wave": str(wave)} for wave in context.waves if wave != context.first_wave],
        "by_group": [
            {**where, "covariate": name, "level": str(label)}
            for name, labels in groupings(context).items()
            for label in labels.reindex(context.items.index).dropna().unique()
        ],
    }
    for title in (name for name in parts if name in section.tables):
        items = list(section.tables[title].frame["item"])
        for number, of in enumerate(parts[title], start=1):
            found.add("item_means", {f"mean_{number}": "mean"}, table=title, items=items, where=of)
    for title, table in section.tables.items():
        if title.startswith("distribution_"):
            names = [str(column) for column in table.frame]
            codes = [name.removeprefix("share_") for name in names if name.startswith("share_")]
            found.add(
                "distribution",
                " ".join(["n", *(f"share_{code}" for code in codes)]),
                table=title,
                items=list(table.frame["item"]),
                wave=where["wave"],
                options=[int(code) for code in codes],
            )
    add_extremes(
        found,
        {
            "item_rest_lowest": ("min", "statistics", "item_rest_r"),
            "item_rest_highest": ("max", "statistics", "item_rest_r"),
            "missing_highest": ("max", "statistics", "missing_share"),
        },
    )
    found.add("n", {"n": "n"}, table=METHOD, where=where)
    found.leave(Reason.WORDS, "items weak at_ceiling at_floor")
    return found


def twins_of_scores(context: Context, section: Section) -> Twins:
    """Scores by the rule of the instrument, written out in base R."""
    found = Twins()
    frame = section.tables["scores"].frame
    names = [(name, str(wave)) for name in context.told_scores for wave in context.waves]
    for row, (name, wave) in enumerate(names):
        found.add(
            "score",
            "n unscored mean sd mean_lower mean_upper floor ceiling",
            table="scores",
            rows=[row],
            name=name,
            wave=wave,
            low=float(frame["lowest_possible"].iloc[row]),
            high=float(frame["highest_possible"].iloc[row]),
        )
    if "spread" in section.tables:
        found.leave(Reason.GIVEN, "start end", "spread")
        spread = section.tables["spread"].frame
        for score, part in spread.groupby("score", sort=False):
            found.add(
                "spread",
                "people share",
                table="spread",
                rows=list(part.index),
                name=str(score),
                wave=str(context.first_wave),
                edges=[*part["start"].astype(float), float(part["end"].iloc[-1])],
            )
    first = [row for row, (_, wave) in enumerate(names) if wave == str(context.first_wave)]
    add_extremes(
        found,
        {
            "ceiling_highest": ("max", "scores", "ceiling"),
            "unscored_highest": ("max", "scores", "unscored"),
        },
        first,
    )
    found.add("counts", {"n": "handed"}, table=METHOD, wave=str(context.first_wave))
    return found
