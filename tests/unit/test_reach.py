"""Which cause is given where a part of a section cannot be judged, and which items say nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.common.verdicts import Cause
from analysis.pipeline.reach import Gaps, explained, lacks_option, of_people, stuck_items
from instrument.errors import ConvergenceError, DefinitionError, NotEstimableError, UnderidentifiedError


def context_of(**items: list[int | None]) -> Any:
    frame = pd.DataFrame({name: pd.array(answers, dtype="Int64") for name, answers in items.items()})
    return SimpleNamespace(items=frame, item_ids=list(items))


def test_an_item_says_nothing_with_one_answer_from_everybody_or_none_at_all() -> None:
    context = context_of(
        yes_or_no=[0, 1, 1], same=[3, 3, 3], same_or_missing=[2, None, 2], none=[None] * 3, once=[1, None, 2]
    )
    assert stuck_items(context) == ["same", "same_or_missing", "none"]


def test_it_is_people_or_their_answers_that_lack() -> None:
    assert of_people(30) is of_people(30, 12) is None
    assert of_people(None) is of_people(29) is of_people(12, 29) is Cause.FEW_PEOPLE
    assert of_people(29, 30) is of_people(None, 30) is Cause.FEW_COMPLETE


def frames(*answers: list[int | None]) -> list[pd.DataFrame]:
    return [pd.DataFrame({"q": pd.array(part, dtype="Int64")}) for part in answers]


@pytest.mark.parametrize(
    ("parts", "lacking"),
    [
        ([], False),
        (frames([1, 2]), False),
        (frames([1, 2], [2, 1, None]), False),
        (frames([1, 2], [1]), True),
        (frames([1, 2], [2, 1], [1, 1]), True),
        (frames([1, 2], [1, 2], [2, 1]), False),
    ],
)
def test_an_option_is_lacking_where_one_part_has_it_and_another_has_not(
    parts: list[pd.DataFrame], lacking: bool
) -> None:
    assert lacks_option(parts) is lacking


REFUSED = NotEstimableError("cfa: it does not converge.\nHint: look at the items.")


@pytest.mark.parametrize(
    ("few", "error", "parts", "cause"),
    [
        (None, REFUSED, [], Cause.NOT_ESTIMATED),
        (None, REFUSED, frames([1, 2], [1]), Cause.EMPTY_OPTION),
        (None, REFUSED, frames([1, 2], [1, 2]), Cause.NOT_ESTIMATED),
        (Cause.FEW_PEOPLE, REFUSED, frames([1, 2], [1]), Cause.FEW_PEOPLE),
        (Cause.FEW_PEOPLE, REFUSED, [], Cause.FEW_PEOPLE),
        (None, UnderidentifiedError("cfa: more unknowns than knowns."), [], Cause.NOT_DETERMINED),
        (None, ConvergenceError("cfa: no convergence."), [], Cause.NOT_FOUND),
        (None, ConvergenceError("cfa: no convergence."), frames([1, 2], [1]), Cause.EMPTY_OPTION),
        (None, ConvergenceError("cfa: no convergence."), frames([1, 2], [1, 2]), Cause.NOT_FOUND),
        (Cause.FEW_PEOPLE, ConvergenceError("cfa: no convergence."), [], Cause.FEW_PEOPLE),
        (Cause.FEW_PEOPLE, DefinitionError("cfa: no such item."), [], Cause.NOT_ESTIMATED),
    ],
)
def test_a_part_fails_only_where_neither_people_nor_answers_explain_it(
    few: Cause | None, error: Exception, parts: list[pd.DataFrame], cause: Cause
) -> None:
    gaps = Gaps(context=context_of(q=[1, 2, 1]), few=few)
    for _ in range(2):  # said twice, it is noted once, but a failure each time
        assert gaps.add("Groups", error, parts=parts) is cause  # type: ignore[arg-type]
    failed = cause is Cause.NOT_ESTIMATED
    assert gaps.problems == ([f"Groups: {error}"] * 2 if failed else [])
    assert [(one.what, one.cause) for one in gaps.untested] == ([] if failed else [("Groups", cause)])


def test_an_item_that_says_nothing_explains_a_failure_of_its_own_part_alone() -> None:
    gaps = Gaps(context=context_of(q=[1, 2, 1], r=[1, 1, 1]))
    assert gaps.add("Q", REFUSED, items=["q"]) is Cause.NOT_ESTIMATED
    assert gaps.add("R", REFUSED, items=["q", "r"]) is Cause.NO_VARIATION
    assert gaps.add("All", REFUSED) is Cause.NO_VARIATION


def test_a_repeated_item_is_not_too_few_people() -> None:
    """More people do not help where two items are one: the words of the error are told in place of that."""
    rng = np.random.default_rng(3)
    answers = {name: rng.integers(1, 6, 60).tolist() for name in ("a", "b", "c")}
    context = context_of(**answers, copy=answers["a"])
    error = NotEstimableError("'copy' repeats 'a'.")
    few = Cause.FEW_PEOPLE
    assert explained(context, error, few, ["a", "b", "c"]) is few
    assert explained(context, error, few, ["a", "b", "copy"]) is None
    total = [x + y for x, y in zip(answers["a"], answers["b"], strict=True)]
    assert explained(context_of(**answers, total=total), error, few) is None
    small = context_of(**{name: column[:6] for name, column in answers.items()}, copy=answers["a"][:6])
    assert explained(small, error, few) is few
    gaps = Gaps(context=context, few=few)
    assert gaps.add("Mood", error) is Cause.NOT_ESTIMATED and gaps.problems == ["Mood: 'copy' repeats 'a'."]
