"""Internal consistency of each theme, what one general factor leaves to it, and both by group and wave."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.pipeline.context import Context, listed
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.reliability_parts import (
    CONTINUOUS,
    DRAWS,
    ORDINAL,
    by_part,
    general_factor,
    is_ordinal,
    omega_row,
)
from analysis.rules import ALPHA, OMEGA
from instrument.errors import ToolkitError


def section_reliability(context: Context) -> Section:
    """Alpha and omega with intervals per theme, if-dropped; omega hierarchical over the dimensions."""
    rows, dropped, problems = [], [], []
    for theme, items in context.themes.items():
        if len(items) < 2:
            problems.append(f"{context.title_of(theme)}: one item has no internal consistency.")
            continue
        try:
            row, per_item = _theme(context, theme, items, problems)
        except ToolkitError as error:
            problems.append(f"{context.title_of(theme)}: {error}")
            continue
        rows.append(row)
        dropped.append(per_item)
    themes = pd.DataFrame(rows, columns=list(_COLUMNS))
    if themes.empty:
        problems.insert(0, "No theme has an estimate of reliability.")
    tables = {"alpha": _theme_table(themes, ORDINAL if is_ordinal(context) else CONTINUOUS)}
    if dropped:
        tables["if_dropped"] = _dropped_table(pd.concat(dropped, ignore_index=True))
    general, told = general_factor(context, problems)
    tables |= general | by_part(context)
    return Section(
        estimator="Cronbach's alpha, Feldt interval; omega total of one factor per theme, bootstrap "
        "interval; bifactor shares, delta-method interval",
        n=int(themes["n"].max()) if len(themes) else None,
        missing="alpha: complete rows of each theme, pairwise beside it; omega: pairwise",
        options={"wave": context.first_wave, "level": 0.95, "draws": DRAWS},
        seed=context.seed,
        software=("pingouin", "scipy"),
        prose=_prose(themes) + told.prose,
        values=_values(themes) | told.values,
        tables=tables,
        findings=[finding for position, row in enumerate(rows) for finding in _findings(row, position)],
        figures=["reliability"] if rows else [],
        problems=problems,
    )


_COLUMNS = {
    "theme": ("", "text"),
    "title": ("Theme", "text"),
    "n_items": ("Items", "int"),
    "n": ("n", "int"),
    "alpha": ("Alpha", "r2"),
    "ci_lower": ("95% from", "r2"),
    "ci_upper": ("to", "r2"),
    "alpha_pairwise": ("Alpha, pairwise", "r2"),
    "average_r": ("Mean r", "r2"),
    "omega": ("Omega total", "r2"),
    "omega_ci_lower": ("95% from", "r2"),
    "omega_ci_upper": ("to", "r2"),
}


def _theme(
    context: Context, theme: str, items: list[str], problems: list[str]
) -> tuple[dict[str, Any], pd.DataFrame]:
    from analysis.reliability import cronbach_alpha

    answers = context.items[items].dropna(how="all")
    complete = cronbach_alpha(answers, missing="listwise")
    pairwise = cronbach_alpha(answers, missing="pairwise")
    row = {
        "theme": theme,
        "title": context.title_of(theme),
        "n_items": complete.n_items,
        "n": complete.n_obs,
        "alpha": complete.estimate,
        "ci_lower": complete.ci.lower,
        "ci_upper": complete.ci.upper,
        "alpha_pairwise": pairwise.estimate,
        "average_r": complete.average_r,
        **omega_row(context, items, problems, context.title_of(theme)),
    }
    per_item = pd.DataFrame(
        {
            "theme": theme,
            "item": complete.if_dropped.index,
            "text": [context.scale.item(item).text for item in complete.if_dropped.index],
            "alpha": complete.estimate,
            "if_dropped": complete.if_dropped["alpha"].to_numpy(),
            "item_rest_r": complete.item_statistics["item_rest_r"].to_numpy(),
        }
    )
    return row, per_item.assign(gain=per_item["if_dropped"] - per_item["alpha"])


def _values(themes: pd.DataFrame) -> dict[str, Any]:
    if themes.empty:
        return {}
    low, high = themes.iloc[int(themes["alpha"].argmin())], themes.iloc[int(themes["alpha"].argmax())]
    known = themes.dropna(subset=["omega"]).reset_index(drop=True)
    omegas = {}
    if len(known):
        order = known["omega"].astype(float)
        worst, best = known.iloc[int(order.argmin())], known.iloc[int(order.argmax())]
        omegas = {
            "omega_lowest": worst["omega"],
            "omega_lowest_theme": worst["title"],
            "omega_highest": best["omega"],
            "omega_highest_theme": best["title"],
        }
    return omegas | {
        "alpha_lowest": low["alpha"],
        "alpha_lowest_theme": low["title"],
        "alpha_highest": high["alpha"],
        "alpha_highest_theme": high["title"],
        "themes": len(themes),
        "n_low": int((themes["alpha"] < ALPHA.cutoff).sum()),
        "low_themes": listed(themes.loc[themes["alpha"] < ALPHA.cutoff, "title"]),
    }


def _prose(themes: pd.DataFrame) -> list[str]:
    if themes.empty:
        return []
    sentences = [
        "Alpha says how far the items of a theme go together, if they measure one thing. It runs from "
        "{alpha_lowest:d2} ({alpha_lowest_theme}) to {alpha_highest:d2} ({alpha_highest_theme})."
    ]
    if (themes["alpha"] < ALPHA.cutoff).any():
        sentences.append("Below the convention for comparing groups: {low_themes}.")
    if themes["omega"].notna().any():
        sentences.append(
            "Omega total lets items differ in how much they carry; it runs from {omega_lowest:d2} "
            "({omega_lowest_theme}) to {omega_highest:d2} ({omega_highest_theme})."
        )
    sentences.append(
        "A high alpha does not show that a theme is one dimension; see the sections on dimensions for that."
    )
    return sentences


def _findings(row: dict[str, Any], position: int) -> list[Finding]:
    path = "sections.reliability.tables.alpha"
    judged = [
        Finding(
            claim=f"{row['title']}: internal consistency",
            value=row["alpha"],
            rule=ALPHA,
            path=f"{path}.alpha[{position}]",
        )
    ]
    if row["omega"] is not None:
        judged.append(
            Finding(
                claim=f"{row['title']}: omega total",
                value=row["omega"],
                rule=OMEGA,
                path=f"{path}.omega[{position}]",
            )
        )
    return judged


def _theme_table(themes: pd.DataFrame, note: str) -> Table:
    return Table(
        frame=themes,
        title="Internal consistency of each theme",
        note=note,
        columns={key: value for key, value in _COLUMNS.items() if key != "theme"},
    )


def _dropped_table(dropped: pd.DataFrame) -> Table:
    return Table(
        frame=dropped,
        title="Alpha without each item",
        columns={
            "item": ("Item", "text"),
            "text": ("Wording", "text"),
            "if_dropped": ("Alpha without it", "r2"),
            "gain": ("Change", "r3"),
            "item_rest_r": ("Item-rest r", "r2"),
        },
    )


TOPIC = Topic(
    name="reliability",
    title="Reliability",
    question="How precise is each score on one occasion?",
    run=section_reliability,
)
