"""What the longitudinal test of context refuses, and what does not change its answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.context_over_time import context_over_time, context_syntax
from analysis.structural.models import sem
from instrument.definition import Instrument
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning
from instrument.reading.raw import ReasonTable
from instrument.scoring.score import score

ROLES = {"a": "dimension", "b": "dimension", "k": "context"}


def make_scale(roles: dict[str, str] = ROLES, reverse: str = "") -> Instrument:
    themes = [
        {
            "id": name,
            "title": name,
            "role": role,
            "items": [
                {"id": f"{name}{k}", "text": "-", "reverse": f"{name}{k}" == reverse} for k in (1, 2, 3)
            ],
        }
        for name, role in roles.items()
    ]
    definition = {"schema": 1, "id": "nine", "version": "1", "title": "Nine", "status": "candidate"}
    options = {code: str(code) for code in range(1, 6)}
    definition |= {"notice": "-", "response_scales": {"agree": {"options": options}}, "themes": themes}
    return Instrument.model_validate(definition)


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 300
    first = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n)
    second = first @ np.array([[0.5, 0.0], [0.3, 0.6]]) + 0.7 * rng.normal(size=(n, 2))
    frames = []
    for wave, state in ((1, first), (2, second)):
        table: dict[str, Any] = {"participant": np.arange(n), "wave": wave}
        for theme in ROLES:
            level = state[:, 1] if theme == "k" else state[:, 0] + 0.4 * rng.normal(size=n)
            for k in (1, 2, 3):
                table[f"{theme}{k}"] = 1 + np.searchsorted(
                    [-1.2, -0.3, 0.5, 1.3], level + 0.7 * rng.normal(size=n)
                )
        frames.append(pd.DataFrame(table))
    return pd.concat(frames, ignore_index=True)


def test_order_of_rows_and_labels_of_waves_change_nothing(answers: pd.DataFrame) -> None:
    plain = context_over_time(answers, make_scale(), measured_by="scores")
    mixed = answers.sample(frac=1, random_state=1).assign(wave=lambda t: t["wave"].map({1: "w6", 2: "w3"}))
    again = context_over_time(mixed, make_scale(), ["w6", "w3"], measured_by="scores")
    np.testing.assert_allclose(plain.paths["estimate"], again.paths["estimate"], atol=1e-6)
    assert again.waves == ("w6", "w3") and plain.n_both == 300
    back = context_over_time(mixed, make_scale(), ["w3", "w6"], measured_by="scores")
    assert abs(back.paths.loc["lead", "estimate"] - plain.paths.loc["lead", "estimate"]) > 0.05


def test_reversed_items_are_turned(answers: pd.DataFrame) -> None:
    plain = context_over_time(answers, make_scale(), measured_by="scores").paths
    turned = answers.assign(a2=6 - answers["a2"])
    again = context_over_time(turned, make_scale(reverse="a2"), measured_by="scores").paths
    pd.testing.assert_frame_equal(plain, again)


def test_one_dimension_is_measured_by_its_items(answers: pd.DataFrame) -> None:
    found = context_over_time(answers, make_scale({"a": "dimension", "k": "context"}), measured_by="scores")
    assert "general.w1 =~ a1.w1 + l.a2*a2.w1 + l.a3*a3.w1" in found.syntax
    assert "a1.w1 ~~ a1.w2" in found.syntax
    assert found.paths.loc["difference", "estimate"] == pytest.approx(
        found.paths.loc["lead", "estimate"] - found.paths.loc["back", "estimate"], abs=1e-10
    )


def test_a_theme_called_general_keeps_its_name() -> None:
    syntax = context_syntax({"general": ["a1", "a2"], "b": ["b1", "b2"]}, "k", ["k1", "k2"], "items")
    assert "general_factor.w1 =~ general.w1 + b.w1" in syntax
    assert "k.w2 ~ kept*k.w1 + back*general_factor.w1" in syntax


def test_few_people_at_both_waves_are_warned_of(answers: pd.DataFrame) -> None:
    few = answers[(answers["wave"] == 1) | (answers["participant"] < 60)]
    with pytest.warns(ToolkitWarning, match="60 people answered at both waves; the model has"):
        context_over_time(few, make_scale(), measured_by="items")


def test_what_cannot_be_asked_is_refused(answers: pd.DataFrame) -> None:
    with pytest.raises(DefinitionError, match="0 themes are context"):
        context_over_time(answers, make_scale({"a": "dimension", "b": "dimension"}))
    with pytest.raises(DefinitionError, match="2 themes are context: 'b', 'k'"):
        context_over_time(answers, make_scale(ROLES | {"b": "context"}))
    with pytest.raises(DefinitionError, match="'a' is no context theme"):
        context_over_time(answers, make_scale(), context="a")
    with pytest.raises(DefinitionError, match=r"the waves are \[1, 5\]; the data hold 1, 2"):
        context_over_time(answers, make_scale(), [1, 5])
    with pytest.raises(DefinitionError, match="measured_by is 'sums'"):
        context_over_time(answers, make_scale(), measured_by="sums")
    with pytest.raises(ResponseDataError, match="300 rows repeat a participant"):
        context_over_time(pd.concat([answers, answers[answers["wave"] == 1]]), make_scale())
    other = answers.assign(participant=answers["participant"] + 1000 * answers["wave"])
    with pytest.raises(NotEstimableError, match="nobody answered at both waves"):
        context_over_time(other, make_scale())


@pytest.mark.filterwarnings("ignore:context_over_time. (negative variances|latent correlations)")
def test_estimator_and_missing_answers_are_those_asked_for(answers: pd.DataFrame) -> None:
    gaps = answers.copy()
    gaps.loc[::7, "a2"] = np.nan
    gaps = gaps.astype({name: "Int64" for name in gaps if name not in ("participant", "wave")})
    for measured_by, estimator, missing in (
        ("items", "ULSMV", "listwise"),
        ("items", "WLSMV", "pairwise"),
        ("scores", "ML", "fiml"),
        ("scores", "MLR", "listwise"),
    ):
        found = context_over_time(
            gaps, make_scale(), measured_by=measured_by, estimator=estimator, missing=missing
        )
        assert (found.fit.estimator, found.fit.missing) == (estimator, missing)
        assert (found.n_obs < 300) == (missing == "listwise")
    for measured_by, estimator in (("items", "MLR"), ("scores", "WLSMV")):
        with pytest.raises(DefinitionError, match=f"{estimator!r} does not fit models measured by"):
            context_over_time(gaps, make_scale(), measured_by=measured_by, estimator=estimator)


def test_an_item_that_does_not_apply_is_not_asked_for_in_a_score(answers: pd.DataFrame) -> None:
    scale = make_scale()
    apart = (answers["participant"] % 3 == 0) & (answers["wave"] == 1)
    skipped = (answers["participant"] % 5 == 1) & (answers["wave"] == 2)
    given = answers.astype({f"{theme}{k}": "Int64" for theme in ROLES for k in (1, 2, 3)})
    given.loc[apart, "a2"] = pd.NA
    given.loc[skipped, "b1"] = pd.NA
    reasons = pd.concat(
        [
            given.loc[apart, ["participant", "wave"]].assign(item="a2", reason="not_applicable"),
            given.loc[skipped, ["participant", "wave"]].assign(item="b1", reason="skipped"),
        ]
    )
    given.attrs["reasons"] = ReasonTable(reasons)
    found = context_over_time(given, scale, measured_by="scores")

    scores = score(given, scale).scores
    assert scores.loc[apart, "a"].notna().all() and scores.loc[skipped, "b"].isna().all()
    wide = [
        scores[scores["wave"] == wave]
        .set_index("participant")[["a", "b"]]
        .join(given[given["wave"] == wave].set_index("participant")[["k1", "k2", "k3"]].astype(float))
        .add_suffix(f".w{wave}")
        for wave in (1, 2)
    ]
    expected = sem(found.syntax, pd.concat(wide, axis=1), estimator="MLR")
    assert found.fit.fit["chisq"] == pytest.approx(expected.fit["chisq"], abs=1e-6)
    np.testing.assert_allclose(found.fit.parameters["est"], expected.parameters["est"], atol=1e-6)
    given.attrs = {}  # without reasons every missing answer was asked for
    plain = context_over_time(given, scale, measured_by="scores")
    assert abs(plain.fit.fit["chisq"] - found.fit.fit["chisq"]) > 1e-3
