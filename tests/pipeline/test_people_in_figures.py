"""Figures that count people: retest pairs, day-by-day use and the person-item map, each counted again by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from analysis.disclosure.shared import shared_tree
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.simulation.simulate_study import SimulatedStudy, simulate_study


@pytest.fixture(scope="module")
def study() -> SimulatedStudy:
    return simulate_study("dta_example", n=220, seed=8)


@pytest.fixture(scope="module")
def tree(study: SimulatedStudy) -> dict[str, Any]:
    return validate(
        study.responses,
        instrument.load("dta"),
        usage=study.usage,
        outcomes=study.outcomes,
        study=study.study,
        enrolment=study.enrolment,
        topics=["retest", "use", "irt"],
    ).to_dict()


def table(tree: dict[str, Any], section: str, name: str) -> pd.DataFrame:
    return pd.DataFrame(tree["sections"][section]["tables"][name])


def test_pairs_hold_each_of_the_stable_once(tree: dict[str, Any], study: SimulatedStudy) -> None:
    pairs, retest = table(tree, "retest", "pairs"), table(tree, "retest", "retest")
    for row in retest.itertuples():
        own = pairs[pairs["score"] == row.score]
        assert own["people"].sum() == row.n
        assert own["share"].sum() == pytest.approx(1.0)
        width = own[["first", "second"]].stack().drop_duplicates().sort_values().diff().max() or 0.5
        moved = ((own["second"] - own["first"]) * own["share"]).sum()
        assert moved == pytest.approx(row.bias, abs=width / 2)
    scored = instrument.score(study.responses, instrument.load("dta")).scores
    waves = [str(wave) for wave in dict.fromkeys(scored["wave"])]
    first, second = (
        scored[scored["wave"].astype(str) == w].set_index("participant") for w in _asked(tree, waves)
    )
    stable = study.outcomes.loc[study.outcomes["change_rating"] == 0, "participant"]
    name = str(retest["score"].iloc[0])
    both = (
        pd.concat([first[name], second[name]], axis=1, keys=["a", "b"])
        .loc[lambda x: x.index.isin(stable)]
        .dropna()
    )
    assert len(both) == retest["n"].iloc[0]
    own = pairs[pairs["score"] == name]
    assert own.loc[own["first"] == own["first"].max(), "people"].sum() <= (both["a"] > 4).sum()
    assert np.average(own["first"], weights=own["people"]) == pytest.approx(both["a"].mean(), abs=0.25)


def _asked(tree: dict[str, Any], waves: list[str]) -> tuple[str, str]:
    retest = next(wave for wave in waves if "retest" in wave)
    return waves[waves.index(retest) - 1], retest


def test_each_day_counts_who_used_the_app(tree: dict[str, Any], study: SimulatedStudy) -> None:
    daily, short = table(tree, "use", "daily"), table(tree, "use", "retention")
    both = daily.merge(short, on="day", suffixes=("", "_short"))
    assert list(both["day"]) == list(short["day"])
    assert both["n"].equals(both["n_short"]) and both["on_day"].equals(both["on_day_short"])
    known = both.dropna(subset=["from_day"])
    assert known["from_day"].equals(known["from_day_short"])
    assert (daily["day"].diff().dropna() == 1).all()
    told = daily.dropna(subset=["from_day"])
    gap = tree["sections"]["use"]["values"]["gap_days"]
    assert told["day"].max() == daily["day"].max() - gap, "too little was left to watch"
    assert (told["from_day"] >= told["on_day"]).all()


def test_the_map_counts_people_and_steps(tree: dict[str, Any], study: SimulatedStudy) -> None:
    standing, items = table(tree, "irt", "standing"), table(tree, "irt", "parameters")
    fit = table(tree, "irt", "fit")
    steps = [key for key in items if key.startswith("difficulty_") and not key.endswith("_se")]
    for row in fit.itertuples():
        own = standing[standing["theme"] == row.theme]
        assert own["people"].sum() == row.n
        places = items.loc[items["theme"] == row.theme, steps].to_numpy(dtype=float).ravel()
        places = places[~np.isnan(places)]
        assert own["steps"].sum() == len(places)
        assert own.loc[own["end"] <= 0, "steps"].sum() == (places < 0).sum()
        assert own["steps"].iloc[0] == (places < -2.75).sum()
        assert own["steps"].iloc[-1] == (places >= 2.75).sum()


def test_nothing_of_them_is_shared_and_no_figure_fails_without_them(tree: dict[str, Any]) -> None:
    made = shared_tree(tree)
    for name, gone, figure in (
        ("retest", "pairs", "retest_pairs"),
        ("use", "daily", "daily"),
        ("irt", "standing", "person_item"),
    ):
        section = made["sections"][name]
        assert gone not in section["tables"]
        drawn = build_figures(section, made["meta"])
        assert figure not in drawn and drawn
    whole = {k for s in tree["sections"].values() for k in build_figures(s, tree["meta"])}
    assert {"retest_pairs", "daily", "person_item"} <= whole
