"""Single questions by level and importance."""

from __future__ import annotations

import pandas as pd

from analysis.adherence.design.landmark import FEWEST, LandmarkDesign, refuse_names
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.priorities.several_scores import separate_effects, standardized
from analysis.common.variation import varies
from instrument.definition import Instrument
from instrument.errors import NotEstimableError
from instrument.reading.people import labels_as_text
from instrument.scoring.keying import keyed_numbers

COLUMNS = [
    "item",
    "theme",
    "n",
    "level",
    "effect",
    "effect_lower",
    "effect_upper",
    "standardized",
    "pvalue",
]


def item_rows(
    responses: pd.DataFrame, scale: Instrument, design: LandmarkDesign, level: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Relate each item to remaining use in a model of its own.

    Parameters
    ----------
    responses
        Answers as given.
    scale
        Their instrument.
    design
        Landmark design of the themes: its people and adjustment are kept.
    level
        Level of the intervals.

    Returns
    -------
    tuple of DataFrame
        One row per item of those themes; and items without an estimate with the reason.
    """
    here = responses[labels_as_text(responses["wave"]) == design.wave]
    items = keyed_numbers(here, scale)
    items.insert(0, "participant", labels_as_text(here["participant"]).to_numpy())
    held = ["participant", "done", "due", *design.adjusters]
    refuse_names(scale.item_ids, held, "items")
    people = design.frame[held].merge(items, on="participant", how="left", validate="one_to_one")
    clusters = design.clusters
    rows, failed = [], []
    for theme in design.predictors:
        for item in scale.theme_items(theme):
            answered = people[item].notna()
            known = people[answered]
            try:
                mine = None if clusters is None else clusters.among(answered.to_numpy(dtype=bool))
                found = _row(known, item, scale, design, level, mine)
                rows.append({"item": item, "theme": theme, **found})
            except NotEstimableError as error:
                failed.append({"item": item, "reason": str(error).split("\n")[0]})
    return pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame(failed, columns=["item", "reason"])


def _row(
    known: pd.DataFrame,
    item: str,
    scale: Instrument,
    design: LandmarkDesign,
    level: float,
    clusters: Clusters | None,
) -> dict[str, float]:
    answers = known[[item]].to_numpy(dtype=float)
    if len(known) < FEWEST or not varies(answers[:, 0]):
        raise NotEstimableError(f"{len(known)} answers, too few or all alike.")
    adjusters = known[design.adjusters].to_numpy(dtype=float)
    adjusters = adjusters[:, varies(adjusters)]
    done, due = (known[name].to_numpy(dtype=float) for name in ("done", "due"))
    scaled = standardized(adjusters) if adjusters.shape[1] else adjusters
    found = separate_effects(answers, scaled, done, due, level, clusters)
    options = scale.scale_of(item)
    return {
        "n": len(known),
        "level": 100 * (float(answers.mean()) - options.minimum) / (options.maximum - options.minimum),
        "effect": float(found.estimate[0]),
        "effect_lower": float(found.lower[0]),
        "effect_upper": float(found.upper[0]),
        "standardized": float(found.estimate[0] / done.std(ddof=1)),
        "pvalue": float(found.pvalue[0]),
    }
