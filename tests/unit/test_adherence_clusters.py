"""People in clusters, numbers that are names, and columns that repeat a score: told, and never a slope."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.design.covariates import (
    coded_columns,
    condition_number,
    is_code,
    own_share,
    without_repeats,
)
from analysis.adherence.models import run as m
from analysis.adherence.models.clusters import Clusters, clusters_of, without_each
from analysis.adherence.models.context import HAZARD, REMAINING
from analysis.adherence.models.threshold import area_under_curve
from analysis.adherence.relate_adherence import relate_adherence
from analysis.adherence.result import AdherenceResult
from analysis.simulation.simulate_study import simulate_study
from analysis.usage.summarise_usage import summarise_usage
from instrument.errors import NotEstimableError, ResponseDataError
from instrument.loading import load
from instrument.scoring.score import score
from instrument.study import make_study
from tests.recovery.cluster_level import SETTINGS, TABLE, level
from tests.recovery.held_populations import base_study


def related(
    side: pd.DataFrame | None = None, n: int = 160, seed: int = 3, **how: Any
) -> tuple[AdherenceResult, np.ndarray]:
    """Relate a score to use, some of which stops, of people with these covariates."""
    rng = np.random.default_rng(seed)
    score = rng.standard_normal(n)
    stops = np.minimum(rng.exponential(80, n) + 10, 84)
    rate = rng.gamma(2.0, 0.1, n)
    days = [np.sort(rng.random(rng.poisson(r * s) + 1) * s) for r, s in zip(rate, stops, strict=True)]
    who = np.repeat([f"p{k:03d}" for k in range(n)], [len(d) for d in days])
    log = pd.DataFrame({"participant": who, "day": np.concatenate(days)})
    log = log.assign(kind="session_completed", duration=9.0)
    ids = pd.DataFrame({"participant": [f"p{k:03d}" for k in range(n)]})
    argument, declared = how.pop("cluster", None), how.pop("declared", None)
    study = base_study(**how, cluster=declared)
    usage = summarise_usage(log, study, participants=ids)
    scores = ids.assign(wave="1", total=score)
    table = None if side is None else pd.concat([ids, side], axis=1)
    return relate_adherence(scores, usage, study, covariates=table, cluster=argument), score


@pytest.fixture(scope="module")
def clinics() -> pd.DataFrame:
    return pd.DataFrame({"clinic": np.arange(160) % 20 + 1})


@pytest.fixture(scope="module")
def plain() -> AdherenceResult:
    return related()[0]


@pytest.fixture(scope="module")
def clustered(clinics: pd.DataFrame) -> AdherenceResult:
    return related(clinics, cluster="clinic")[0]


def test_every_model_allows_for_the_clusters(plain: AdherenceResult, clustered: AdherenceResult) -> None:
    one, other = (r.effects.set_index("model") for r in (plain, clustered))
    assert set(other.index) == {*one.index, m.INTERCEPT}
    shared = list(one.index)
    # The same estimates; other errors, each of them.
    np.testing.assert_allclose(other.loc[shared, "coefficient"], one.loc[shared, "coefficient"], rtol=1e-9)
    ratio = other.loc[shared, "se"] / one.loc[shared, "se"]
    assert ((ratio - 1).abs() > 1e-3).all() and ratio.between(0.5, 2).all()
    width = other["effect_upper"] - other["effect_lower"]
    assert (width.dropna() > 0).all()
    assert clustered.design["cluster"] == "clinic" and clustered.design["clusters"] == 20
    assert plain.design["cluster"] is None and plain.fits["clusters"].isna().all()
    assert any("20 clusters, jackknife" in note for note in clustered.notes)
    assert (clustered.fits["clusters"] == 20).all()


def test_an_outcome_that_some_lack_is_related_in_clusters_as_well() -> None:
    """It ended the analysis: rows with the outcome were held against the clusters of all."""
    drawn = simulate_study("dta_example", n=240, seed=4)
    clinic = drawn.covariates.assign(clinic=np.arange(240) % 12)
    scores = score(drawn.responses, load("dta"))
    usage = summarise_usage(drawn.usage, drawn.study, participants=drawn.enrolment)
    how: dict[str, Any] = {"predictors": ["total"], "cluster": "clinic"}
    found = relate_adherence(scores, usage, drawn.study, drawn.outcomes, clinic, **how).effects.set_index(
        "model"
    )
    wanted = relate_adherence(
        scores, usage, drawn.study, drawn.outcomes, clinic, predictors=["total"]
    ).effects
    wanted = wanted.set_index("model")
    at = "outcome at follow-up, linear"
    assert found.loc[at, "n"] == wanted.loc[at, "n"] < found.loc["remaining use, logit", "n"]
    assert found.loc[at, "coefficient"] == pytest.approx(wanted.loc[at, "coefficient"], rel=1e-6)
    assert found.loc[at, "se"] != pytest.approx(wanted.loc[at, "se"], rel=1e-3)


def test_the_study_file_names_the_cluster_as_well(clinics: pd.DataFrame) -> None:
    study = base_study(cluster="clinic")
    assert make_study(study).cluster == "clinic"
    assert make_study(base_study()).cluster is None
    # Files without the new keys keep their hash.
    assert "cluster" not in make_study(base_study()).to_json()
    assert "numbers" not in make_study(base_study()).to_json()
    assert "cluster" in make_study(study).to_json()
    assert related(clinics, declared="clinic")[0].design["cluster"] == "clinic"


def test_the_random_intercept_is_a_difference_in_units(clustered: AdherenceResult) -> None:
    row = clustered.effects.set_index("model").loc[m.INTERCEPT]
    assert row["measure"] == "difference" and row["unit"] == "sessions of 8"
    first = clustered.effects.set_index("model").loc[REMAINING]
    assert row["effect"] == pytest.approx(first["effect"], abs=2 * row["se"])
    assert row["effect_lower"] < row["effect"] < row["effect_upper"]


def test_few_clusters_are_told_and_too_few_refused(clinics: pd.DataFrame) -> None:
    nine = pd.DataFrame({"clinic": np.arange(160) % 9})
    found, _ = related(nine, cluster="clinic")
    assert "9 clusters (clinic) are few: their errors are themselves uncertain" in found.notes
    with pytest.raises(NotEstimableError, match=r"come from 7 clusters .'clinic'., fewer than 8") as error:
        related(pd.DataFrame({"clinic": np.arange(160) % 7}), cluster="clinic")
    assert "Hint: hold 'clinic' constant as a covariate" in str(error.value)
    with pytest.raises(NotEstimableError, match="no two of the people analysed share a cluster"):
        related(pd.DataFrame({"clinic": np.arange(160)}), cluster="clinic")
    with pytest.raises(ResponseDataError, match="no column 'ward'"):
        related(clinics, cluster="ward")


def test_people_without_a_known_cluster_are_left_out_and_counted(clinics: pd.DataFrame) -> None:
    gaps = clinics.astype("Int64").mask(clinics.index.to_frame().to_numpy() < 6)
    found, _ = related(gaps, cluster="clinic")
    steps = dict(zip(found.flow["step"].str.strip(), found.flow["n"], strict=True))
    assert steps["scored, but a covariate is missing"] == 6
    assert found.effects.set_index("model").loc[REMAINING, "n"] == 154


def test_numbers_of_clinics_are_categories_and_quantities_are_declared(clinics: pd.DataFrame) -> None:
    found, _ = related(clinics, covariates=["clinic"])
    terms = set(found.coefficients.query("model == @REMAINING")["term"])
    assert "clinic" not in terms
    assert {f"clinic:{k}" for k in range(2, 21)} <= terms
    assert any(note.startswith("taken as categories") and "clinic" in note for note in found.notes)
    declared, _ = related(clinics, covariates=["clinic"], numbers=["clinic"])
    assert "clinic" in set(declared.coefficients.query("model == @REMAINING")["term"])
    assert not any(note.startswith("taken as categories") for note in declared.notes)


def test_renumbering_clinics_changes_nothing(clinics: pd.DataFrame) -> None:
    shuffled = (clinics * 7) % 20 + 3
    one, other = (related(side, covariates=["clinic"])[0].effects for side in (clinics, shuffled))
    numbers = ["coefficient", "se", "effect"]
    rows = one["model"].isin([REMAINING, m.COUNT, m.REACHED]).to_numpy()
    np.testing.assert_allclose(one.loc[rows, numbers], other.loc[rows, numbers], rtol=1e-5, atol=1e-8)


def test_clusters_may_also_be_held_constant(clinics: pd.DataFrame) -> None:
    found, _ = related(clinics, covariates=["clinic"], cluster="clinic")
    row = found.effects.set_index("model").loc[REMAINING]
    assert np.isfinite(row[["coefficient", "se", "pvalue"]].astype(float)).all()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.arange(90) % 20, True),
        (np.arange(90) % 30, True),
        (np.arange(93) % 31, False),
        (np.arange(60) % 30, False),
        (np.arange(90) % 2, False),
        (np.arange(90) % 3, True),
        (np.arange(90) % 5 + 0.5, False),
        (np.where(np.arange(90) < 9, np.nan, np.arange(90) % 4), True),
    ],
)
def test_what_counts_as_a_code(values: np.ndarray, code: bool) -> None:
    assert is_code(pd.Series(values)) is code


def test_codes_with_gaps_keep_their_gaps() -> None:
    frame = pd.DataFrame({"site": [1, 2, 3, None] * 6, "age": np.arange(24.0)})
    coded, names, codes = coded_columns(frame, ["site", "age"])
    assert names == ["site:2", "site:3", "age"] and codes == ["site"]
    assert coded["site:2"].tolist()[:3] == [0.0, 1.0, 0.0]
    assert coded["site:2"].isna().sum() == 6


def test_a_covariate_that_repeats_the_score_is_left_out_by_name() -> None:
    rng = np.random.default_rng(3)
    score = rng.standard_normal(160)
    noise = rng.standard_normal(160)
    side = pd.DataFrame(
        {
            "alliance": 2 * score + 1,
            "nearly": score + 0.05 * noise,
            "age": rng.normal(40, 9, 160),
            "mood": noise,
        }
    ).assign(years=lambda d: 75 - d["age"], both=lambda d: d["age"] + d["mood"])
    names = list(side.columns)
    found, used = related(side, covariates=names)
    np.testing.assert_array_equal(used, score)
    assert "left out of the adjustment: alliance repeats the score total (correlation 1.000)" in found.notes
    assert "left out of the adjustment: nearly repeats the score total (correlation .999)" in found.notes
    assert "left out of the adjustment: years repeats age (correlation −1.000)" in found.notes
    assert "left out of the adjustment: both is a sum of other columns held constant" in found.notes
    assert set(names) & set(found.design["adjusted_for"]) == {"age", "mood"}
    without, _ = related(side[["age", "mood"]], covariates=["age", "mood"])
    columns = ["coefficient", "se", "effect"]
    np.testing.assert_allclose(found.effects[columns], without.effects[columns], rtol=1e-9)


def test_a_score_that_is_a_sum_of_covariates_has_no_effect_to_report() -> None:
    rng = np.random.default_rng(3)
    score = rng.standard_normal(160)
    part = rng.standard_normal(160)
    side = pd.DataFrame({"first": score - part, "second": part})
    with pytest.raises(NotEstimableError, match="'total' is a sum of what is held constant"):
        related(side, covariates=["first", "second"])


def test_repeats_are_found_whatever_their_scale() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"s": rng.standard_normal(50), "a": rng.standard_normal(50)})
    frame["b"] = 1e6 * frame["a"] - 3
    frame["c"] = frame["s"] + 0.2 * rng.standard_normal(50)
    kept, said = without_repeats(frame, ["s"], ["a", "b", "c"])
    assert kept == ["a", "c"] and len(said) == 1
    assert without_repeats(frame, [], []) == ([], [])


def test_what_each_model_rests_on_is_told(plain: AdherenceResult) -> None:
    fits = plain.fits.set_index("model")
    effects = plain.effects.set_index("model")
    assert list(fits.index) == list(effects.index)
    assert (fits["n"] == effects["n"]).all()
    number = plain.coefficients.groupby("model", sort=False).size()
    assert (fits["columns"] == number[fits.index]).all()
    events = effects.loc[HAZARD, "events"]
    assert fits.loc[HAZARD, "per_column"] == pytest.approx(events / fits.loc[HAZARD, "columns"])
    assert fits.loc[REMAINING, "per_column"] == pytest.approx(160 / fits.loc[REMAINING, "columns"])
    assert (fits["condition"] >= 1).all() and fits["own_share"].between(0.5, 1).all()


def test_condition_and_own_share_by_hand() -> None:
    # Two columns of length 1 with cosine c: singular values are the roots of 1 ± c.
    x = np.array([[1.0, 0.6], [0.0, 0.8]])
    assert condition_number(x) == pytest.approx(np.sqrt(1.6 / 0.4))
    assert condition_number(np.array([[1.0, 2.0], [1.0, 2.0]])) > 1e10
    column = np.array([1.0, -1.0, 1.0, -1.0])
    assert own_share(column, np.zeros((4, 0))) == pytest.approx(1.0)
    assert own_share(column, column[:, None] * 3 + 1) == pytest.approx(0.0, abs=1e-12)


def test_the_area_in_clusters_of_one_is_near_delongs() -> None:
    rng = np.random.default_rng(2)
    reached = rng.random(200) < 0.4
    score = rng.standard_normal(200) + 0.8 * reached
    alone = area_under_curve(score, reached)
    single = area_under_curve(score, reached, clusters=Clusters(np.arange(200), 200))
    np.testing.assert_allclose(single, alone, atol=0.002)
    # Everyone twice in a cluster of their own: as wide as before, where independence makes it narrower.
    twice = Clusters(np.tile(np.arange(200), 2), 200)
    doubled = area_under_curve(np.tile(score, 2), np.tile(reached, 2), clusters=twice)
    np.testing.assert_allclose(doubled, single, atol=1e-12)


def test_a_column_that_only_one_cluster_has_moves_nothing() -> None:
    information = np.array([[[2.0, 1.0], [1.0, 1.0]], [[3.0, 0.0], [0.0, 0.0]], [[4.0, 0.0], [0.0, 0.0]]])
    scores = np.array([[1.0, 0.0], [-2.0, 0.0], [1.0, 0.0]])
    moved = without_each(scores, information)
    # Without the first cluster the second column is gone, and 7 is what is left of the first.
    np.testing.assert_allclose(moved[0], [-1 / 7, 0.0], atol=1e-12)


def test_clusters_are_numbered_in_order_and_counted_anew_among_some() -> None:
    labels = pd.Series(list("bbaaccddeeffgghhii"))
    whole = clusters_of(labels, "site")
    assert whole.of_row.tolist()[:4] == [0, 0, 1, 1] and whole.count == 9
    some = whole.among((labels != "c").to_numpy())
    assert some.count == 8 and some.of_row.max() == 7
    with pytest.raises(NotEstimableError, match="come from 7 clusters"):
        whole.among((~labels.isin(["c", "d"])).to_numpy())
    np.testing.assert_array_equal(whole.sums(np.ones(18)), np.full(9, 2.0))
    assert whole.repeated(np.array([0, 0, 17])).of_row.tolist() == [0, 0, 8]


def test_the_kept_table_holds_the_level() -> None:
    kept = pd.read_csv(TABLE)
    assert set(kept["setting"]) == set(SETTINGS)
    assert (kept["replications"] + kept["failed"] >= 1000).all()
    naive = kept["model"].str.endswith("people independent")
    first = kept[kept["model"] == "remaining use, logit"].set_index("setting")["rejected"]
    assert first.between(0.035, 0.065).all()
    assert kept[naive].set_index("setting").loc["20 clinics, ratings mostly of the clinic", "rejected"] > 0.15


def test_the_level_is_held_where_ratings_are_of_the_clinic() -> None:
    lines = level("20 clinics, ratings mostly of the clinic", 120, only="remaining use, logit").set_index(
        "model"
    )
    # 99.9 % of 120 at 5 %: at most 14. With people taken as independent it is about 30.
    assert lines.loc["remaining use, logit", "rejected"] * 120 <= 14
    assert lines.loc["remaining use, logit, people independent", "rejected"] * 120 > 14


@pytest.mark.parametrize("noise", [0.0, 1e-17, 3e-16, -3e-16])
@pytest.mark.parametrize("seed", range(6))
def test_what_rounding_leaves_of_a_column_of_one_person_moves_nothing(seed: int, noise: float) -> None:
    """An effect had limits of ±8,857 points: the rest of such a column was scaled up to information."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 4))
    x[:, 3] = 0.0
    x[7, 3] = 1.0
    weights = rng.uniform(0.1, 3.0, 40)
    scores = x * rng.standard_normal(40)[:, None]
    information = x[:, :, None] * (weights[:, None] * x)[:, None, :]
    whole = information.sum(axis=0)
    whole[3, 3] *= 1 + noise
    whole[:3, 3] *= 1 + 2 * noise
    whole[3, :3] = whole[:3, 3]
    moved = without_each(scores, information, whole)
    assert moved[7, 3] == 0.0
    others = without_each(scores[[7], :3], information[[7], :3, :3], whole[:3, :3])
    np.testing.assert_allclose(moved[7, :3], others[0], rtol=1e-9)
