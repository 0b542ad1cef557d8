"""What the competing models of a scale say, and that renaming them changes no judgement."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest

from analysis.pipeline.topics.models import _first, _judged
from analysis.structural.families.compare_theories import TheoryResult
from analysis.structural.language.theory_models import Structure, TheoryModel, theory_models

THEMES = {name: [f"{name}{k}" for k in range(3)] for name in ("a", "b", "c")}
CONTEXT = {"d": ["d0", "d1", "d2"]}
LIST = {"e": ["e0", "e1"]}


def kinds(models: list[TheoryModel]) -> Counter[tuple[str, Structure]]:
    return Counter((model.items, model.structure) for model in models)


def test_every_model_says_what_it_is() -> None:
    one = ("dimensions", Structure.ONE)
    correlated = ("dimensions", Structure.CORRELATED)
    three = {one, correlated, ("dimensions", Structure.SECOND_ORDER), ("dimensions", Structure.BIFACTOR)}
    whole = {
        ("all", one)
        for one in (
            Structure.ONE,
            Structure.CORRELATED,
            Structure.CONTEXT,
            Structure.CONTEXT_REVERSED,
            Structure.CONTEXT_AS_DIMENSION,
            Structure.BIFACTOR,
        )
    }
    formed = {("composites", Structure.COMPOSITE_BESIDE), ("composites", Structure.COMPOSITE_PREDICTS)}
    two = dict(list(THEMES.items())[:2])
    assert kinds(theory_models({"a": THEMES["a"]}, {})) == Counter([one])
    assert kinds(theory_models(two, {})) == Counter([one, correlated])
    assert kinds(theory_models(THEMES, {})) == Counter(three)
    assert kinds(theory_models(THEMES, CONTEXT)) == Counter(three | whole)
    assert kinds(theory_models(THEMES, {}, LIST)) == Counter(three | formed)


def found_with(models: list[TheoryModel], fitted: list[str]) -> TheoryResult:
    fits = {name: f"fit of {name}" for name in fitted}
    empty = pd.DataFrame()
    return TheoryResult(
        table=empty,
        tests=empty,
        models={model.name: model for model in models},
        fits=fits,  # type: ignore[arg-type]
        failures={},
        errors={},
        equivalent=[],
        bifactor=None,
        variant="robust",
    )


@pytest.mark.parametrize("rename", [lambda name: name, lambda name: f"correlated one factor of {name[::-1]}"])
def test_the_main_model_is_that_of_a_factor_per_theme_over_most_items(rename) -> None:
    def named(*given: dict[str, list[str]]) -> list[TheoryModel]:
        return [replace(model, name=rename(model.name)) for model in theory_models(*given)]

    with_context = named(THEMES, CONTEXT)
    every = [model.name for model in with_context]
    assert found_with(with_context, every).main == f"fit of {rename('M3 4 correlated')}"
    assert found_with(with_context, [one for one in every if one != rename("M3 4 correlated")]).main is None
    alone = named(THEMES, {})
    assert found_with(alone, [model.name for model in alone]).main == f"fit of {rename('3 correlated')}"
    single = named({"a": THEMES["a"]}, {})
    assert found_with(single, [model.name for model in single]).main == f"fit of {rename('one factor')}"


def test_the_row_that_is_judged_is_the_first_of_its_kind() -> None:
    table = pd.DataFrame(
        {"structure": ["bifactor", "one factor", "correlated factors", "correlated factors"]}
    )
    table["model"] = ["correlated", "correlated", "one factor", "one factor"]  # names say nothing
    assert _judged(table) == 2 and _first(table, Structure.ONE) == 1
    assert _judged(table.head(2)) is None
