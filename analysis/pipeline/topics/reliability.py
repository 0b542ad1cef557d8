"""Internal consistency of each theme, and what the total adds to it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.pipeline.context import Context, listed
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.rules import ALPHA
from instrument.errors import ToolkitError


def section_reliability(context: Context) -> Section:
    """Alpha with interval per theme, if-dropped."""
    rows, dropped, problems = [], [], []
    for theme, items in context.themes.items():
        if len(items) < 2:
            problems.append(f"{context.title_of(theme)}: one item has no internal consistency.")
            continue
        try:
            row, per_item = _theme(context, theme, items)
        except ToolkitError as error:
            problems.append(f"{context.title_of(theme)}: {error}")
            continue
        rows.append(row)
        dropped.append(per_item)
    themes = pd.DataFrame(rows, columns=list(_COLUMNS))
    if themes.empty:
        problems.insert(0, "No theme has an estimate of reliability.")
    tables = {"alpha": _theme_table(themes)}
    if dropped:
        tables["if_dropped"] = _dropped_table(pd.concat(dropped, ignore_index=True))
    return Section(
        estimator="Cronbach's alpha, Feldt interval",
        n=int(themes["n"].max()) if len(themes) else None,
        missing="complete rows of each theme; pairwise beside it",
        options={"wave": context.first_wave, "level": 0.95},
        software=("pingouin", "scipy"),
        prose=_prose(themes),
        values=_values(themes),
        tables=tables,
        findings=[_finding(context, row, position) for position, row in enumerate(rows)],
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
}


def _theme(context: Context, theme: str, items: list[str]) -> tuple[dict[str, Any], pd.DataFrame]:
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
    return {
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
    sentences.append(
        "A high alpha does not show that a theme is one dimension; see the sections on dimensions for that."
    )
    return sentences


def _finding(context: Context, row: dict[str, Any], position: int) -> Finding:
    return Finding(
        claim=f"{row['title']}: internal consistency",
        value=row["alpha"],
        rule=ALPHA,
        path=f"sections.reliability.tables.alpha.alpha[{position}]",
    )


def _theme_table(themes: pd.DataFrame) -> Table:
    return Table(
        frame=themes,
        title="Internal consistency of each theme",
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
