"""What a script that makes numbers again must know of instrument and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.pipeline.context import Context
from analysis.planning.definition import ORDINAL, PLAIN
from instrument.reading.cells import REASONS

if TYPE_CHECKING:
    import pandas as pd

    from analysis.twins import Twins
    from instrument.definition import Instrument
    from instrument.scoring.scorecard import AppliedRule


def first_wave(context: Context) -> dict[str, str]:
    """The people of the wave on which the structure is estimated."""
    return {"wave": str(context.first_wave)}


def said_of_answers(context: Context) -> dict[str, Any]:
    """Items with their options, codes of missing answers, and the rule of scoring.

    Parameters
    ----------
    context
        The validation, before composite themes are set aside.

    Returns
    -------
    dict
        Plain data; nobody's answers.
    """
    own = _said_of_scale(context.scale, context.item_ids, context.card.rule, context.themes)
    return {
        **own,
        "missing": context.plan.missing,
        "continuous": context.plan.estimator if context.plan.estimator in ("MLR", PLAIN) else "MLR",
        "ordinal": context.plan.estimator if context.plan.estimator in ORDINAL else "WLSMV",
        "reasons": list(REASONS),
        "measures": {other.id: _said_of_measure(answers, other) for answers, other in context.measures},
    }


def _said_of_measure(answers: pd.DataFrame, other: Instrument) -> dict[str, Any]:
    from instrument.scoring.score import score

    themes = {theme.id: list(other.theme_items(theme.id)) for theme in other.themes}
    return _said_of_scale(other, list(other.item_ids), score(answers, other).rule, themes)


def _said_of_scale(
    scale: Instrument, items: Sequence[str], rule: AppliedRule, themes: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    return {
        "items": {
            item: {
                "reversed": scale.item(item).reverse,
                "codes": list(scale.scale_of(item).codes),
                "reasons": _reasons(scale, item),
            }
            for item in items
        },
        "scoring": {
            "method": rule.method,
            "prorate": rule.prorate_at,
            "rescale": rule.rescale,
            "themes": {theme: list(own) for theme, own in themes.items()},
            "total": list(rule.total_themes),
        },
    }


def _reasons(scale: Instrument, item: str) -> dict[str, str]:
    """Reason that each code of an item stands for: of the whole scale, and of the options beside its own."""
    made = {str(code): str(reason) for reason, code in scale.missing_codes.items()}
    return made | {str(option.code): str(option.reason) for option in scale.scale_of(item).outside}


def amounts_known(context: Context) -> set[str]:
    """Names that the script resolves to one amount of each person: scores, measures, covariates, outcomes."""
    names = {*context.card.names}
    for _, other in context.measures:
        names |= {theme.id for theme in other.themes} | {f"{other.id}_total"}
    for side in (context.known_covariates, context.outcomes):
        names |= set() if side is None else {str(name) for name in side.columns}
    return names


def add_extremes(
    found: Twins,
    named: dict[str, tuple[str, str, str]],
    rows: Sequence[int] | None = None,
    *,
    exact: bool = False,
) -> None:
    """Add values that are the lowest or highest of a column made again.

    Parameters
    ----------
    found
        Of the section.
    named
        Value to how (`min`, `max`, `largest` in size, `count`), table and column.
    rows
        Rows of the column, all by default.
    exact
        As in `Twin`.
    """
    for value, (how, table, column) in named.items():
        place = None if rows is None else [row + 1 for row in rows]
        found.add("derived", {value: "value"}, exact=exact, how=how, of=table, column=column, at=place)
