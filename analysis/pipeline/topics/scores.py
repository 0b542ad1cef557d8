"""Scores at each wave: how they spread, and how many people sit at an end of the scale."""

from __future__ import annotations

from typing import Any

import pandas as pd
from scipy.stats import t as student

from analysis.common.rules import FLOOR_CEILING
from analysis.common.verdicts import Cause, Question
from analysis.disclosure.kinds import GIVEN, TEXT, Kind, each, people, share, statistic
from analysis.disclosure.ledger import Account, cell, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.reach import of_people, stuck_items
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.scores_spread import ends_of, spread_table
from analysis.pipeline.twinned.people import twins_of_scores

ROOM = Question(text="Is there room at the ends of each score?")


def section_scores(context: Context) -> Section:
    """Describe every score at every wave; judge floor and ceiling at the first."""
    rows = [
        {"wave": context.wave_name(wave), "score": name, "title": context.title_of(name)}
        | _described(context, name, context.scores_at(wave)[name])
        for name in context.told_scores
        for wave in context.waves
    ]
    table = pd.DataFrame(rows)
    first = table[table["wave"] == context.wave_name(context.first_wave)]
    top = int(first.index[int(first["ceiling"].fillna(-1).argmax())])
    highest = table.loc[top]
    values = {
        "scores": len(context.told_scores),
        "first_wave": context.wave_name(context.first_wave),
        "ceiling_highest": highest["ceiling"],
        "ceiling_title": highest["title"],
        "unscored_highest": float(first["unscored"].max()),
        "prorate_at": context.card.rule.prorate_at,
    }
    spread = spread_table(context, first)
    return Section(
        estimator=context.card.rule.describe(
            {theme.id: theme.title for theme in context.scale.themes}
        ).removesuffix("."),
        n=len(context.first),
        n_kind=people(
            weight=9, names=[populations.label(populations.handed(context.wave_name(context.first_wave)))]
        ),
        missing="a score needs the stated share of the items that apply; otherwise it is missing",
        options={"range": "0-100" if context.rescale else "that of the items"},
        option_kinds={"range": TEXT},
        prose=_prose(first),
        values=values,
        value_kinds={
            **each(GIVEN, "scores prorate_at"),
            **each(TEXT, "first_wave ceiling_title"),
            "ceiling_highest": share(cell("scores", "n", top)),
            "unscored_highest": share(populations.handed(context.wave_name(context.first_wave)), weight=3),
        },
        account=_account(context, first, top),
        tables={
            "scores": Table(
                frame=table,
                kinds=_kinds(table),
                title="Scores at each wave",
                columns={
                    "title": ("Score", "text"),
                    "wave": ("Wave", "text"),
                    "n": ("n", "int"),
                    "unscored": ("Without", "percent"),
                    "mean": ("Mean", "d2"),
                    "sd": ("SD", "d2"),
                    "floor": ("At lowest", "percent"),
                    "ceiling": ("At highest", "percent"),
                },
                note="Each wave holds those who answered then; a difference between waves mixes change with "
                "who answered.",
            )
        }
        | ({} if spread is None else {"spread": spread}),
        findings=[
            finding
            for position, row in table.iterrows()
            if row["wave"] == values["first_wave"]
            for finding in _ends(row, position, _cause(context, row))
        ],
        figures=["scores"] if table["mean"].notna().any() else [],
    )


def _account(context: Context, first: pd.DataFrame, highest: int) -> Account:
    """Administrations at each wave, and the cells that the sentences repeat."""
    account = Account()
    for wave in context.waves:
        account.population(populations.handed(context.wave_name(wave)), len(context.at_wave(wave)))
    account.same(cell("scores", "ceiling", highest), value("ceiling_highest"))
    most = int(first.index[int(first["unscored"].fillna(-1).argmax())])
    account.same(cell("scores", "unscored", most), value("unscored_highest"))
    return account


def _kinds(table: pd.DataFrame) -> dict[str, Kind]:
    who = zip(table["wave"], table["score"], strict=True)
    nearly = statistic("n", ends=("floor", "ceiling"))
    return {
        **each(TEXT, "wave score title"),
        "n": people(weight=1, names=populations.labels(populations.scored(*pair) for pair in who)),
        "unscored": share(tuple(populations.handed(wave) for wave in table["wave"]), rest="n"),
        **each(nearly, "mean sd mean_lower mean_upper"),
        **each(share("n"), "floor ceiling"),
        **each(GIVEN, "lowest_possible highest_possible"),
    }


def _prose(first: pd.DataFrame) -> list[str]:
    several = len(first) > 1
    if (first["unscored"] == 0).all():  # the number stays in the words: where it is not told, they go with it
        without = (
            f"At {{first_wave}} everybody has {'every' if several else 'a'} score "
            "({unscored_highest:percent} stay without one)."
        )
    else:
        up_to = "up to " if several else ""
        without = f"At {{first_wave}}, {up_to}{{unscored_highest:percent}} of people stay without a score."
    said = [
        "A score is given when at least {prorate_at:percent} of the items that apply to a person are "
        "answered. " + without
    ]
    if first["n"].map(of_people).isna().all() and (first["ceiling"].fillna(0) > 0).any():
        said.append(
            "The highest possible score is commonest for {ceiling_title}: {ceiling_highest:percent} of "
            "people have it. Where many do, improvement cannot show."
        )
    return said


def _described(context: Context, name: str, values: pd.Series) -> dict[str, Any]:
    low, high = ends_of(context, name)
    scored = values.dropna()
    return {
        "n": len(scored),
        "unscored": float(values.isna().mean()) if len(values) else None,
        "mean": float(scored.mean()) if len(scored) else None,
        **_spread(scored),
        "floor": float((scored <= low).mean()) if len(scored) else None,
        "ceiling": float((scored >= high).mean()) if len(scored) else None,
        "lowest_possible": low,
        "highest_possible": high,
    }


def _spread(scored: pd.Series) -> dict[str, float | None]:
    """Standard deviation, and the 95% interval of the mean by Student's t."""
    if len(scored) < 2:
        return {"sd": None, "mean_lower": None, "mean_upper": None}
    deviation = float(scored.std())
    reach = float(student.ppf(0.975, len(scored) - 1)) * deviation / len(scored) ** 0.5
    mean = float(scored.mean())
    return {"sd": deviation, "mean_lower": mean - reach, "mean_upper": mean + reach}


def _cause(context: Context, row: pd.Series) -> Cause | None:
    """Say why a score bears no verdict: nobody answered one of its items, or few people have it."""
    items = context.themes.get(row["score"], context.item_ids)
    if not row["n"] and set(items) & set(stuck_items(context)):
        return Cause.NO_VARIATION
    return of_people(int(row["n"]), len(context.items))


def _ends(row: pd.Series, position: Any, cause: Cause | None) -> list[Finding]:
    found = []
    for key, word in (("floor", "lowest"), ("ceiling", "highest")):
        value = None if pd.isna(row[key]) else float(row[key])
        found.append(
            Finding(
                claim=f"{row['title']}: few people at the {word} score",
                value=value,
                rule=FLOOR_CEILING,
                question=ROOM,
                untested=cause,
                path=f"sections.scores.tables.scores.{key}[{position}]",
            )
        )
    return found


TOPIC = Topic(
    name="scores",
    title="Scores",
    subject="mean scores with their range",
    question="How do scores spread, and is there room at the ends?",
    run=section_scores,
    twins=twins_of_scores,
)
