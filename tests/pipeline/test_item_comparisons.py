"""Items between waves and groups: pandas gives the same means, and none tells of few people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import instrument
from analysis.disclosure.shared import shared_tree
from analysis.disclosure.small_cells import LIMIT
from analysis.pipeline import validate
from analysis.pipeline.topics.item_comparisons import MOSTLY, telling_mean
from analysis.simulation.simulate_study import simulate_study


@pytest.fixture(scope="module")
def study() -> Any:
    return simulate_study("dta_example", n=420, seed=5)


@pytest.fixture(scope="module")
def items(study: Any) -> dict[str, Any]:
    made = validate(
        study.responses,
        instrument.load("dta"),
        covariates=study.covariates,
        study=study.study,
        enrolment=study.enrolment,
        topics=("items", "covariates"),
    ).to_dict()
    return made


def keyed(study: Any, wave: str) -> pd.DataFrame:
    scale = instrument.load("dta")
    rows = study.responses[study.responses["wave"] == wave].set_index("participant")
    answers = rows[scale.item_ids].astype(float)
    for item in scale.items:
        if item.reverse:
            answers[item.id] = 6 - answers[item.id]
    return answers.dropna(how="all")


def test_means_of_the_other_waves(study: Any, items: dict[str, Any]) -> None:
    section = items["sections"]["items"]
    table, waves = section["tables"]["by_wave"], list(study.responses["wave"].unique())
    keys = [key for key in table if key.startswith("mean_")]
    assert len(keys) == len(waves) - 1  # the first stands among the statistics
    labels = {w["id"]: w["label"].split(" (")[0] for w in study.study["waves"]}
    heads = [section["captions"]["by_wave"]["columns"][key]["label"] for key in keys]
    for key, head in zip(keys, heads, strict=True):
        wave = next(name for name, label in labels.items() if label == head)
        answers = keyed(study, wave)
        for item, mean in zip(table["item"], table[key], strict=True):
            if mean is not None:
                assert mean == pytest.approx(answers[item].mean(), rel=1e-12)
    assert sum(mean is not None for key in keys for mean in table[key]) > 100


def test_means_of_groups(study: Any, items: dict[str, Any]) -> None:
    section = items["sections"]["items"]
    table = section["tables"]["by_group"]
    first = keyed(study, "week3")
    people = study.covariates.set_index("participant").reindex(first.index)
    checked = 0
    for key, column in section["captions"]["by_group"]["columns"].items():
        if not key.startswith("mean_"):
            continue
        label, grouping = column["label"].removesuffix(")").rsplit(" (", 1)
        members = first[people[grouping].astype(str) == label]
        assert len(members) >= 120
        for item, mean in zip(table["item"], table[key], strict=True):
            if mean is not None:
                checked += 1
                assert mean == pytest.approx(members[item].mean(), rel=1e-12)
    assert checked > 100


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, float("nan")]), max_size=80))
def test_a_mean_that_tells_of_few_is_left_out(answers: list[float]) -> None:
    given = [answer for answer in answers if answer == answer]
    others = len(given) - max((given.count(answer) for answer in set(given)), default=0)
    mean = telling_mean(answers)
    if others < LIMIT or len(given) - others > MOSTLY * len(given):
        assert mean is None
    else:
        assert mean == pytest.approx(np.nanmean(answers))


def test_a_shared_copy_rounds_groups_and_repeats_no_hidden_mean(items: dict[str, Any]) -> None:
    seen = shared_tree(items)["sections"]["items"]
    for key, column in seen["tables"]["by_group"].items():
        if key.startswith("mean_"):
            assert all(mean is None or round(mean, 1) == mean for mean in column)
    first = items["sections"]["items"]["tables"]["statistics"]["mean"]
    for key, column in items["sections"]["items"]["tables"]["by_wave"].items():
        if key.startswith("mean_"):
            assert sum(a == b for a, b in zip(first, column, strict=True)) < 5
