"""Latent adherence: the three effects, their order, what is refused, and influence against resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from analysis.adherence.latent.after_measurement import latent_slope
from analysis.adherence.latent.attenuation import corrected_slope, observed_slope
from analysis.adherence.latent.latent_adherence import (
    CORRECTED,
    LATENT,
    OBSERVED,
    LatentAdherence,
    latent_adherence,
)
from analysis.simulation.simulate_study import simulate_study
from analysis.structural.models import cfa
from analysis.usage.summarise_usage import summarise_usage
from instrument.errors import DefinitionError, NotEstimableError

SCALE = instrument.load("dta")


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    data = simulate_study("dta_example", n=260, seed=4)
    usage = summarise_usage(data.usage, data.study, participants=data.enrolment)
    return {
        "responses": data.responses,
        "usage": usage,
        "study": data.study,
        "outcomes": data.outcomes,
        "covariates": data.covariates,
    }


@pytest.fixture(scope="module")
def found(study: dict[str, Any]) -> LatentAdherence:
    targets = ["total", SCALE.themes[0].id]
    return latent_adherence(scale=SCALE, targets=targets, **study)


def answers(n: int = 300, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    alliance = rng.standard_normal(n)
    star = 0.75 * alliance[:, None] + 0.66 * rng.standard_normal((n, 5))
    items = pd.DataFrame(np.digitize(star, [-1.2, -0.4, 0.4, 1.2]).astype(float), columns=list("abcde"))
    before = 0.3 * alliance + rng.standard_normal(n)
    return items, 0.5 * alliance + 0.3 * before + rng.standard_normal(n), before[:, None]


def test_three_effects_of_each_target_rest_on_the_same_people(found: LatentAdherence) -> None:
    assert found.effects.groupby("target")["method"].agg(lambda m: " ".join(sorted(m))).nunique() == 1
    assert set(found.effects["method"]) == {OBSERVED, CORRECTED, LATENT}
    assert found.effects["n"].nunique() == 1
    analysed = found.flow.set_index("step")["n"]["analysed: remaining intended use"]
    assert (found.effects["n"] == analysed).all()
    assert found.failed.empty


def test_measurement_error_shrinks_the_observed_effect(found: LatentAdherence) -> None:
    for _, rows in found.effects.groupby("target"):
        size = rows.set_index("method")["estimate"]
        assert size[OBSERVED] < size[CORRECTED]
    assert (found.effects.loc[found.effects["method"] == LATENT, "ratio_to_latent"] == 1).all()
    inside = found.effects["ci_lower"] < found.effects["estimate"]
    assert (inside & (found.effects["estimate"] < found.effects["ci_upper"])).all()


def test_words_and_plain_data(found: LatentAdherence) -> None:
    assert "associations" in found.summary()
    assert set(found.to_dict()) == {"effects", "measurement", "flow", "failed", "design", "notes"}
    assert found.measurement["n_items"].tolist() == [len(SCALE.item_ids) - 8, 8]


def test_unknown_targets_are_refused(study: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="cannot be a target"):
        latent_adherence(scale=SCALE, targets=["warmth"], **study)


def test_standard_errors_agree_with_resampling() -> None:
    items, outcome, before = answers()
    model = "f =~ a + b + c + d + e"

    def slopes(rows: np.ndarray) -> list[float]:
        table, y, x = items.iloc[rows].reset_index(drop=True), outcome[rows], before[rows]
        score = table.mean(axis=1).to_numpy()
        fitted = cfa(model, table, std_lv=True)._fitted
        return [
            latent_slope(fitted, "f", y, x).estimate,
            observed_slope(score, y, x).estimate,
            corrected_slope(score, table.to_numpy(), y, x).estimate,
        ]

    rng = np.random.default_rng(2)
    draws = np.array([slopes(rng.integers(0, len(items), len(items))) for _ in range(60)])
    fitted = cfa(model, items, std_lv=True)._fitted
    score = items.mean(axis=1).to_numpy()
    se = [
        latent_slope(fitted, "f", outcome, before).se,
        observed_slope(score, outcome, before).se,
        corrected_slope(score, items.to_numpy(), outcome, before).se,
    ]
    # 60 draws know a standard deviation to 9 %; three of these.
    np.testing.assert_allclose(draws.std(axis=0, ddof=1), se, rtol=0.28)


def test_missing_answers_are_used_pairwise() -> None:
    items, outcome, before = answers(600)
    rng = np.random.default_rng(3)
    holes = items.mask(rng.random(items.shape) < 0.1)
    fitted = cfa("f =~ a + b + c + d + e", holes, std_lv=True)._fitted
    whole = cfa("f =~ a + b + c + d + e", items, std_lv=True)._fitted
    with_holes, without = (latent_slope(f, "f", outcome, before) for f in (fitted, whole))
    assert with_holes.n == without.n == 600
    assert with_holes.estimate == pytest.approx(without.estimate, abs=2 * without.se)
    assert with_holes.se > without.se
    score = holes.mean(axis=1).to_numpy()
    corrected = corrected_slope(score, holes.to_numpy(), outcome, before)
    assert 0.75 < corrected.reliability < 0.9


def test_collinear_adjusters_are_refused() -> None:
    items, outcome, before = answers()
    twice = np.column_stack([before, before])
    with pytest.raises(NotEstimableError, match="collinear"):
        latent_slope(cfa("f =~ a + b + c + d + e", items, std_lv=True)._fitted, "f", outcome, twice)
    with pytest.raises(NotEstimableError, match="nothing of the score is left"):
        observed_slope(items.mean(axis=1).to_numpy(), outcome, twice)


def test_the_sign_of_the_latent_variable_does_not_matter_for_size() -> None:
    items, outcome, before = answers()
    turned = 4 - items
    one, other = (
        latent_slope(cfa("f =~ a + b + c + d + e", table, std_lv=True)._fitted, "f", outcome, before)
        for table in (items, turned)
    )
    assert abs(other.estimate) == pytest.approx(abs(one.estimate), rel=1e-5)
