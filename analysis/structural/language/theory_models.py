"""Competing models of a scale, written from its themes and their roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from instrument.errors import DefinitionError, fact_and_hint

FEWEST_FOR_SECOND_ORDER = 3
FEWEST_FOR_BIFACTOR = 3
"""Two themes leave open how much of each is general: one may be more so as the other is less."""


class Structure(StrEnum):
    """What a model says of the items; judgements go by this, never by how a model is called."""

    ONE = "one factor"
    CORRELATED = "correlated factors"
    SECOND_ORDER = "second order"
    BIFACTOR = "bifactor"
    CONTEXT = "context predicts"
    CONTEXT_REVERSED = "context follows"
    CONTEXT_AS_DIMENSION = "context as a dimension"
    COMPOSITE_BESIDE = "composite beside"
    COMPOSITE_PREDICTS = "composite predicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class TheoryModel:
    """One way the items may hang together.

    Attributes
    ----------
    name
        Short name in tables.
    structure
        What it says of the items.
    title
        The same, in a line.
    items
        `dimensions`, `all` or `composites`: models are compared only within one item set.
    syntax
        In lavaan's language.
    orthogonal
        Whether the factors are uncorrelated (bifactor).
    meaning
        What it would mean in plain words if this model held.
    within
        Names of the models that hold this one as a special case: difference tests are made against them.
    """

    name: str
    structure: Structure
    title: str
    items: str
    syntax: str
    orthogonal: bool = False
    meaning: str = ""
    within: tuple[str, ...] = ()


def theory_models(
    themes: Mapping[str, list[str]],
    context: Mapping[str, list[str]],
    composites: Mapping[str, list[str]] | None = None,
) -> list[TheoryModel]:
    """Write the competing models of a scale.

    Parameters
    ----------
    themes
        Dimension to its items.
    context
        Context theme to its items; may be empty.
    composites
        Theme whose items make up its score, to its items; may be empty.

    Returns
    -------
    list of TheoryModel
        First those of the dimensions' items, then those of all items. Second-order models
        need three dimensions or more, bifactor models three themes.

    Raises
    ------
    DefinitionError
        For no dimension, or a dimension with fewer than two items.
    """
    thin = [name for name, items in {**themes, **context}.items() if len(items) < 2]
    if not themes or thin:
        fact = f"themes with fewer than two items: {thin}." if thin else "no theme is a dimension."
        raise DefinitionError(fact_and_hint("theory_models", fact, "give each theme two items or more."))
    general = "general" if "general" not in {*themes, *context, *(composites or {})} else "general_factor"
    correlated = f"{len(themes)} correlated"
    alone = len(themes) < 2
    models = [_one("one factor", "dimensions", themes, general, () if alone else (correlated,))]
    if not alone:
        models += [
            TheoryModel(
                name=correlated,
                structure=Structure.CORRELATED,
                title=f"{len(themes)} correlated dimensions",
                items="dimensions",
                syntax=_measure(themes),
                meaning="The dimensions can be told apart and go together.",
            ),
        ]
    if len(themes) >= FEWEST_FOR_BIFACTOR:
        models.append(_bifactor("bifactor", "dimensions", themes, general))
    if len(themes) >= FEWEST_FOR_SECOND_ORDER:
        models.insert(
            2,
            TheoryModel(
                name="second order",
                structure=Structure.SECOND_ORDER,
                title="A general factor over the dimensions",
                items="dimensions",
                syntax=f"{_measure(themes)}\n{_second(general, themes)}",
                meaning="One common factor accounts for why the dimensions go together.",
                within=(correlated, "bifactor"),
            ),
        )
    if context:
        models += _with_context(themes, context, general)
    if composites:
        models += _with_composites(themes, composites, general)
    return models


def _one(
    name: str, items: str, themes: Mapping[str, list[str]], general: str, within: tuple[str, ...] = ()
) -> TheoryModel:
    every = list(dict.fromkeys(item for own in themes.values() for item in own))
    return TheoryModel(
        name=name,
        structure=Structure.ONE,
        title="One factor under every item",
        items=items,
        syntax=f"{general} =~ {' + '.join(every)}",
        meaning="There are no dimensions to tell apart: one score says it all.",
        within=within,
    )


def _measure(themes: Mapping[str, list[str]]) -> str:
    return "\n".join(f"{name} =~ {' + '.join(items)}" for name, items in themes.items())


def _second(general: str, themes: Mapping[str, list[str]]) -> str:
    return f"{general} =~ {' + '.join(themes)}"


def _bifactor(name: str, items: str, themes: Mapping[str, list[str]], general: str) -> TheoryModel:
    every = list(dict.fromkeys(item for own in themes.values() for item in own))
    return TheoryModel(
        name=name,
        structure=Structure.BIFACTOR,
        title="A general factor beside one for each theme, all uncorrelated",
        items=items,
        syntax=f"{general} =~ {' + '.join(every)}\n{_measure(themes)}",
        orthogonal=True,
        meaning="It nearly always fits best because it has most freedom; never chosen by fit alone.",
    )


def _with_context(
    themes: Mapping[str, list[str]], context: Mapping[str, list[str]], general: str
) -> list[TheoryModel]:
    every = {**themes, **context}
    correlated = f"M3 {len(every)} correlated"
    models = [
        _one("M1 one factor", "all", every, general, (correlated,)),
        TheoryModel(
            name=correlated,
            structure=Structure.CORRELATED,
            title=f"{len(every)} correlated themes, context among them",
            items="all",
            syntax=_measure(every),
            meaning="Context is one theme like the others.",
        ),
    ]
    if len(themes) >= FEWEST_FOR_SECOND_ORDER:
        models += _context_models(themes, context, general, correlated)
    if len(every) >= FEWEST_FOR_BIFACTOR:
        models.append(_bifactor("M5 bifactor", "all", every, general))
    return models


def _with_composites(
    themes: Mapping[str, list[str]], composites: Mapping[str, list[str]], general: str
) -> list[TheoryModel]:
    """Composites beside the dimensions, and as what predicts the general factor."""
    formed = "\n".join(f"{name} <~ {' + '.join(items)}" for name, items in composites.items())
    base = f"{_measure(themes)}\n{formed}"
    models = [
        TheoryModel(
            name="C1 composite beside",
            structure=Structure.COMPOSITE_BESIDE,
            title=f"{len(themes)} dimensions, each related to the composite in its own way",
            items="composites",
            syntax=base,
            meaning="What the composite lists goes with each dimension, with some more than with others.",
        )
    ]
    if len(themes) >= FEWEST_FOR_SECOND_ORDER:
        predicted = "\n".join(f"{general} ~ {name}" for name in composites)
        models.append(
            TheoryModel(
                name="C2 composite predicts",
                structure=Structure.COMPOSITE_PREDICTS,
                title="A general factor over the dimensions, predicted by the composite",
                items="composites",
                syntax=f"{base}\n{_second(general, themes)}\n{predicted}",
                meaning="The claim that it is context: what the composite lists goes with the dimensions "
                "through what they have in common only. Drawn the other way round it would fit the same.",
                within=("C1 composite beside",),
            )
        )
    return models


def _context_models(
    themes: Mapping[str, list[str]], context: Mapping[str, list[str]], general: str, correlated: str
) -> list[TheoryModel]:
    """The claim of a context, and the other ways of drawing it."""
    base = f"{_measure({**themes, **context})}\n{_second(general, themes)}"
    predicted = "\n".join(f"{general} ~ {name}" for name in context)
    reverse = "\n".join(f"{name} ~ {general}" for name in context)
    more = "\n".join(f"{general} =~ {name}" for name in context)
    # one context theme is one more indicator, so the model is a second-order one over every theme
    within = (correlated, "M5 bifactor") if len(context) == 1 else (correlated,)
    return [
        TheoryModel(
            name="M4 context predicts",
            structure=Structure.CONTEXT,
            title="A general factor over the dimensions, predicted by the context",
            items="all",
            syntax=f"{base}\n{predicted}",
            meaning="The claim that it is context: there the other themes grow.",
            within=within,
        ),
        TheoryModel(
            name="M4 reversed",
            structure=Structure.CONTEXT_REVERSED,
            title="The arrow between context and general factor turned round",
            items="all",
            syntax=f"{base}\n{reverse}",
            meaning="Drawn the other way, with the same fit: fit cannot say which comes first.",
        ),
        TheoryModel(
            name="M4 one more dimension",
            structure=Structure.CONTEXT_AS_DIMENSION,
            title="The context as one more dimension of the general factor",
            items="all",
            syntax=f"{base}\n{more}",
            meaning="No context at all, with the same fit: fit cannot say that it is something apart.",
        ),
    ]
