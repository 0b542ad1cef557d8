"""Which theme an app team should look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.in_time import answers_in_time
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.topics.use import lacks_use, usage_of
from analysis.pipeline.twinned.in_use import twins_of_use
from instrument.errors import NotEstimableError, fact_and_hint

if TYPE_CHECKING:
    from analysis.adherence.priorities.priority_map import PriorityMap

DRAWS = 1000
ENDS = ("", "_lower", "_upper")


def section_priority(context: Context) -> Section:
    """Themes and items by level and importance, with a paragraph for the people who make the app."""
    found = _map(context)
    unit = str(found.design["unit"]).replace("_", " ")
    return Section(
        estimator="means; quasi-binomial logit of remaining use, one theme at a time and all together; "
        "general dominance of the linear model",
        n=int(found.themes["n"].iloc[0]),
        n_kind=people(weight=9),
        missing="complete cases at the landmark; each item on those who answered it",
        seed=context.seed,
        options={
            "wave": found.design["wave"],
            "adjusted for": ", ".join(found.design["adjusted_for"]),
            "multiplicity": "differences: Bonferroni over the themes; items: Holm over all of them",
            "bootstrap draws": found.design["draws"],
            "clusters": found.design["cluster"] or "none",
        },
        option_kinds={
            "adjusted for": TEXT,
            "bootstrap draws": GIVEN,
            **each(TEXT, "wave multiplicity clusters"),
        },
        prose=found.sentences,
        values=found.values,
        value_kinds={
            "analysed": people(weight=9),
            **each(GIVEN, "due confidence items"),
            **each(TEXT, "farthest unit strongest lowest highest item apart"),
            **each(statistic(), "needed strongest_effect strongest_effect_lower strongest_effect_upper"),
            **each(statistic(), "p_level p_importance lowest_level highest_level items_sure"),
            **each(statistic(), "item_effect item_level"),
        },
        tables={
            "themes": _themes(found, unit),
            "importance": _importance(found),
            "items": _items(context, found, unit),
        },
        figures=["priority"],
        problems=by_reason((row["item"], row["reason"]) for row in found.failed.to_dict("records")),
    )


def _map(context: Context) -> PriorityMap:
    from analysis.adherence.priorities.priority_map import priority_map

    study = context.study
    if study is None:
        raise NotEstimableError(fact_and_hint("validate", "there is no study file.", "give one."))
    return context.once(
        "priority",
        lambda: priority_map(
            answers_in_time(context),
            context.scale,
            usage_of(context),
            study,
            context.outcomes,
            context.known_covariates,
            draws=DRAWS,
            seed=context.seed,
        ),
    )


_THEME_KINDS = {
    **each(TEXT, "theme title role level_side importance_side place unit"),
    **each(people(weight=1), "n n_rated"),
    **each(statistic("n_rated"), *(f"level{what}{end}" for what in ("", "_difference") for end in ENDS)),
    **each(
        statistic("n"),
        "pvalue p_adjusted share",
        *(
            f"{what}{end}"
            for what in ("effect", "standardized", "effect_difference", "effect_together", "dominance")
            for end in ENDS
        ),
    ),
}


def _themes(found: PriorityMap, unit: str) -> Table:
    return Table(
        frame=found.themes.assign(unit=unit),
        kinds=_THEME_KINDS,
        title=f"Themes by level (0 to 100) and importance (more {unit} per standard deviation)",
        columns={
            "title": ("Theme", "text"),
            "level": ("Level", "d1"),
            "level_lower": ("95% from", "d1"),
            "level_upper": ("to", "d1"),
            "level_side": ("Level, against the average", "text"),
            "effect": ("Importance", "d2"),
            "effect_lower": ("95% from", "d2"),
            "effect_upper": ("to", "d2"),
            "p_adjusted": ("p, Holm", "p"),
            "importance_side": ("Importance, against the average", "text"),
            "place": ("Place on the map", "text"),
        },
        note="Each theme in a model of its own. Higher or lower than the average of the themes only where an "
        "interval widened for all themes at once leaves out no difference.",
    )


def _importance(found: PriorityMap) -> Table:
    return Table(
        frame=found.themes,
        kinds=_THEME_KINDS,
        title="Importance of each theme with all the others in the model",
        columns={
            "title": ("Theme", "text"),
            "effect_together": ("Units, others held constant", "d2"),
            "effect_together_lower": ("95% from", "d2"),
            "effect_together_upper": ("to", "d2"),
            "dominance": ("Dominance", "r3"),
            "dominance_lower": ("95% from", "r3"),
            "dominance_upper": ("to", "r3"),
            "share": ("Share", "percent"),
        },
        note="Dominance: what a theme adds to the explained variance of remaining use, averaged over all "
        "sets of the other themes; it cannot be negative, so small values say little.",
    )


def _items(context: Context, found: PriorityMap, unit: str) -> Table:
    titles = {theme.id: context.title_of(theme.id) for theme in context.scale.themes}
    return Table(
        frame=found.items.assign(title=found.items["theme"].map(titles)),
        kinds={
            **each(TEXT, "item theme title"),
            "n": people(weight=1),
            "level": statistic("n", fraction=True),
            **each(
                statistic("n"),
                "effect effect_lower effect_upper standardized pvalue p_adjusted p_adjusted_bh",
            ),
        },
        title=f"Single questions (more {unit} per standard deviation)",
        columns={
            "item": ("Item", "text"),
            "title": ("Theme", "text"),
            "n": ("n", "int"),
            "level": ("Level", "d1"),
            "effect": ("Importance", "d2"),
            "effect_lower": ("95% from", "d2"),
            "effect_upper": ("to", "d2"),
            "p_adjusted": ("p, Holm", "p"),
        },
        note="One question at a time; Holm over all of them.",
    )


def lacks_priority(context: Context) -> str:
    """Say what is missing before themes can be put on a map."""
    from analysis.adherence.priorities.priority_map import mapped_themes

    if len(mapped_themes(context.scale)[0]) < 2:
        return "Needs an instrument with two themes or more that are dimensions or context."
    return lacks_use(context)


TOPIC = Topic(
    name="priority",
    title="What to work on",
    subject="what to work on first",
    question="Which theme should the app team look at first?",
    run=section_priority,
    twins=twins_of_use,
    lacks=lacks_priority,
    predicts=True,
    of_use=True,
)
