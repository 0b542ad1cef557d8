"""Internal consistency of each theme, what one general factor leaves to it, and both by group and wave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.common.rules import ALPHA, OMEGA
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.disclosure.ledger import Account
from analysis.pipeline import populations
from analysis.pipeline.context import Context, listed, ranged
from analysis.pipeline.correlating import SMOOTHING_KINDS, missing_items
from analysis.pipeline.reach import Gaps, of_people
from analysis.pipeline.section import Finding, Section, Table, Topic, of_sample
from analysis.pipeline.topics.reliability_parts import (
    CONTINUOUS,
    DRAWS,
    OMEGA_KINDS,
    ORDINAL,
    by_part,
    general_factor,
    is_ordinal,
    omega_row,
    told_of_omega,
)
from analysis.pipeline.twinned.reliability import twins_of_reliability
from instrument.errors import ToolkitError

TOGETHER = Question(text="Do the items of each theme go together?", bears_on=Property.CONSISTENCY)
TOGETHER_OMEGA = Question(text="Do they go together where items may carry a theme unlike?")


def section_reliability(context: Context) -> Section:
    """Alpha and omega with intervals per theme, if-dropped; omega hierarchical over the dimensions."""
    rows, dropped, lost = [], [], []
    gaps = Gaps(context=context, few=of_sample(context))
    for theme, items in context.themes.items():
        if len(items) < 2:
            gaps.leave(f"{context.title_of(theme)}, of one item", Cause.NOTHING_LEFT)
            continue
        try:
            row, per_item = _theme(context, theme, items, gaps)
        except ToolkitError as error:
            lost.append(_lost(context.title_of(theme), gaps.add(context.title_of(theme), error, items)))
            continue
        rows.append(row)
        if len(items) > 2:
            dropped.append(per_item)
    themes = pd.DataFrame(rows, columns=[*_COLUMNS, *_DATA])
    tables = {"alpha": _theme_table(context, themes, ORDINAL if is_ordinal(context) else CONTINUOUS)}
    if dropped:
        of_two = listed(context.title_of(row["theme"]) for row in rows if row["n_items"] == 2)
        note = f"Not of {of_two}: without one of two items a single one is left." if of_two else ""
        if any(row["n"] < len(context.items[context.themes[row["theme"]]].dropna(how="all")) for row in rows):
            others = "" if missing_items(context, "") == "listwise" else OF_EVERYONE
            note = f"{note} {OF_COMPLETE}{others}.".strip()
        tables["if_dropped"] = _dropped_table(pd.concat(dropped, ignore_index=True), note)
    general, told = general_factor(context, gaps)
    account = Account()
    parts = by_part(context, list(themes["theme"]), account)
    tables |= general | parts
    values = _values(themes)
    of_omega = told_of_omega(context, themes, parts["by_part"].frame if parts else None)
    return Section(
        estimator="Cronbach's alpha, jackknife interval; omega total of one factor per theme, bootstrap "
        "interval; bifactor shares, delta-method interval",
        n=int(themes["n"].max()) if len(themes) else None,
        n_kind=people(weight=9),
        missing=_MISSING[missing_items(context, "")],
        options={"wave": context.first_wave, "level": 0.95, "draws": DRAWS, "smooth": context.smooth},
        option_kinds=each(GIVEN, "wave level draws smooth"),
        account=account,
        seed=context.seed,
        prose=_prose(themes, values, len(context.themes)) + of_omega.prose + told.prose,
        values=values | of_omega.values | told.values,
        value_kinds=_VALUE_KINDS,
        tables=tables,
        findings=[
            *lost,
            *_not_asked(context),
            *(
                finding
                for place, row in enumerate(rows)
                for finding in _findings(row, place, len(context.items))
            ),
        ],
        figures=["reliability"] if rows else [],
        problems=gaps.problems,
        untested=gaps.untested,
    )


OF_COMPLETE = "Of the people who answered every item of the theme"
OF_EVERYONE = (
    "; in the section on items, item-rest r is of everyone who answered the item and others of its theme"
)
_MISSING = {
    "": "alpha: complete rows of each theme, pairwise beside it; omega: pairwise",
    "listwise": "complete rows of each theme; alpha by pairs beside it",
    "pairwise": "by pairs of items",
}
_VALUE_KINDS = {
    **SMOOTHING_KINDS,
    **OMEGA_KINDS,
    **each(GIVEN, "themes scores n_low"),
    **each(TEXT, "low_themes alpha_lowest_theme alpha_highest_theme omega_lowest_theme omega_highest_theme"),
    **each(TEXT, "own_lowest_theme own_highest_theme"),
    **each(statistic(), "alpha_lowest alpha_highest omega_lowest omega_highest own_lowest own_highest"),
    **each(statistic(), "omega_h omega_h_lower omega_h_upper ecv"),
    **each(statistic(), "sl_omega_h sl_omega_h_lower sl_omega_h_upper sl_ecv"),
}
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
_DATA = ["omega_moved", "omega_draws_smoothed"]  # in the data, not on paper


def _theme(context: Context, theme: str, items: list[str], gaps: Gaps) -> tuple[dict[str, Any], pd.DataFrame]:
    from analysis.reliability.cronbach_alpha import cronbach_alpha

    answers = context.items[items].dropna(how="all")
    complete = cronbach_alpha(answers, missing=missing_items(context, "listwise"), interval="jackknife")
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
        **omega_row(context, items, gaps, context.title_of(theme)),
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


def _prose(themes: pd.DataFrame, values: Mapping[str, Any], among: int) -> list[str]:
    if themes.empty:
        return []
    sentences = [
        "Alpha says how far the items of a theme go together, if they measure one thing. It "
        + ranged("alpha", values, len(themes), among)
    ]
    if (themes["alpha"] < ALPHA.cutoff).any() and themes["n"].map(of_people).isna().all():
        sentences.append(f"Below what {ALPHA.asked_by} asks for comparing groups: {{low_themes}}.")
    if themes["omega"].notna().any():
        sentences.append(
            "Omega total lets items differ in how much they carry; it "
            + ranged("omega", values, int(themes["omega"].notna().sum()), among)
        )
    sentences.append(
        "A high alpha does not show that a theme is one dimension; see the sections on dimensions for that."
    )
    return sentences


def _findings(row: dict[str, Any], position: int, answered: int) -> list[Finding]:
    path = "sections.reliability.tables.alpha"
    judged = [
        Finding(
            claim=f"{row['title']}: internal consistency",
            value=row["alpha"],
            rule=ALPHA,
            question=TOGETHER,
            untested=of_people(row["n"], answered),
            path=f"{path}.alpha[{position}]",
        )
    ]
    if row["omega"] is not None:
        judged.append(
            Finding(
                claim=f"{row['title']}: omega total",
                value=row["omega"],
                rule=OMEGA,
                question=TOGETHER_OMEGA,
                untested=of_people(row["n"], answered),
                path=f"{path}.omega[{position}]",
            )
        )
    return judged


def _lost(title: str, cause: Cause) -> Finding:
    """Claim of a theme whose alpha could not be had."""
    return Finding(
        claim=f"{title}: internal consistency",
        value=None,
        rule=ALPHA,
        question=TOGETHER,
        path="",
        untested=cause,
    )


def _not_asked(context: Context) -> list[Finding]:
    """Claims that have no sense for themes whose items make up the score."""
    return [
        Finding(
            claim=f"{title}: internal consistency",
            value=None,
            rule=ALPHA,
            question=TOGETHER,
            path="",
            untested=Cause.COMPOSITE,
        )
        for title in context.set_aside
    ]


def _theme_table(context: Context, themes: pd.DataFrame, note: str) -> Table:
    wave = context.wave_name(context.first_wave)
    return Table(
        frame=themes,
        kinds={
            **each(TEXT, "theme title"),
            "n_items": GIVEN,
            "n": people(
                weight=1, names=populations.labels(populations.complete(wave, t) for t in themes["theme"])
            ),
            **each(statistic("n"), "alpha ci_lower ci_upper alpha_pairwise average_r"),
            **each(statistic("n"), "omega omega_ci_lower omega_ci_upper", *_DATA),
        },
        title="Internal consistency of each theme",
        note=note,
        columns={key: value for key, value in _COLUMNS.items() if key != "theme"},
    )


def _dropped_table(dropped: pd.DataFrame, note: str) -> Table:
    return Table(
        frame=dropped,
        kinds=each(TEXT, "theme item text") | each(statistic(), "alpha if_dropped item_rest_r gain"),
        title="Alpha without each item",
        columns={
            "item": ("Item", "text"),
            "text": ("Wording", "text"),
            "if_dropped": ("Alpha without it", "r2"),
            "gain": ("Change", "r3"),
            "item_rest_r": ("Item-rest r", "r2"),
        },
        note=note,
    )


TOPIC = Topic(
    name="reliability",
    title="Reliability",
    subject="alpha with its range",
    question="How precise is each score on one occasion?",
    run=section_reliability,
    twins=twins_of_reliability,
    bears_on=(Property.CONSISTENCY,),
    reflective=True,
)
