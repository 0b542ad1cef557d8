"""Clusters in the map, the chain, latent adherence, repeated waves and ends of use: used, or said not to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dta
import instrument
from analysis import latent_adherence, mediate_adherence, priority_map, relate_waves, summarise_usage
from analysis.adherence.chain.drawn_moments import drawn_covariances, left_out_covariances
from analysis.adherence.design.ends import SPECIFIC, SUBDISTRIBUTION, End, models_of_ends
from analysis.adherence.latent.after_measurement import latent_slope
from analysis.adherence.latent.attenuation import corrected_slope, observed_slope
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.competing import fine_gray
from analysis.adherence.models.mixed import random_intercept
from analysis.adherence.over_time.sequential import Window, new_rating
from analysis.adherence.priorities.several_scores import joint_effects, separate_effects
from analysis.simulation.simulate_study import simulate_study
from analysis.structural.models import cfa
from instrument.errors import NotEstimableError, ResponseDataError
from instrument.study import as_study

SCALE = instrument.load("dta")
N = 150


def twice(*tables: np.ndarray) -> list[np.ndarray]:
    return [np.concatenate([table, table]) for table in tables]


PAIRS = Clusters(np.concatenate([np.arange(N), np.arange(N)]), N)
GROW = np.sqrt(N / (N - 1))


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    score = rng.standard_normal((N, 3))
    held = rng.standard_normal((N, 2))
    outcome = 0.4 * score[:, 0] + held[:, 0] + rng.standard_normal(N)
    done = rng.binomial(8, 1 / (1 + np.exp(-0.4 * outcome))).astype(float)
    return {"score": score, "held": held, "outcome": outcome, "done": done, "due": np.full(N, 8.0)}


def test_everybody_counted_twice_tells_no_more(drawn: dict[str, np.ndarray]) -> None:
    """A cluster of two copies is one person: the errors are those of the persons, times √(G/(G − 1))."""
    x, held, y = drawn["score"], drawn["held"], drawn["outcome"]
    both = twice(x[:, 0], x, y, held)
    for once, again in (
        (observed_slope(x[:, 0], y, held), observed_slope(both[0], both[2], both[3], PAIRS)),
        (
            corrected_slope(x.mean(axis=1), x + x.mean(axis=1)[:, None], y, held),
            corrected_slope(
                both[1].mean(axis=1), both[1] + both[1].mean(axis=1)[:, None], both[2], both[3], PAIRS
            ),
        ),
    ):
        assert again.estimate == pytest.approx(once.estimate, rel=1e-9)
        assert again.se == pytest.approx(once.se * GROW, rel=1e-7)
        assert (again.df, once.df) == (N - 1, np.inf)


def test_a_latent_variable_counted_twice_tells_no_more(drawn: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(2)
    items = pd.DataFrame(
        np.digitize(drawn["score"][:, :1] + 0.8 * rng.standard_normal((N, 4)), [-0.8, 0.5]).astype(float),
        columns=list("abcd"),
    )
    y, held = drawn["outcome"], drawn["held"]
    model = "f =~ a + b + c + d"
    once = latent_slope(cfa(model, items, std_lv=True)._fitted, "f", y, held)
    doubled = pd.concat([items, items], ignore_index=True)
    again = latent_slope(cfa(model, doubled, std_lv=True)._fitted, "f", *twice(y, held), PAIRS)
    assert again.estimate == pytest.approx(once.estimate, rel=1e-5)
    assert again.se == pytest.approx(once.se * GROW, rel=1e-4)


def test_one_end_counted_twice_tells_no_more(drawn: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(4)
    time = rng.exponential(40, N)
    cause = np.where(time > 50, 0, 1 + (rng.random(N) < 0.4)).astype(np.int64)
    once = fine_gray(drawn["held"], time, cause, 1)
    design, times, causes = twice(drawn["held"], time, cause)
    again = fine_gray(design, times, causes, 1, PAIRS)
    np.testing.assert_allclose(again.coefficients, once.coefficients, rtol=1e-7)
    np.testing.assert_allclose(again.se, once.se * GROW, rtol=1e-7)
    assert again.df_resid == N - 1


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("grid", [None, 40.0])
def test_errors_of_one_end_are_those_of_fits_without_each_person_or_cluster(
    pairs: bool, grid: float | None
) -> None:
    rng = np.random.default_rng(7)
    n = 120
    x = rng.normal(size=(n, 2))
    time = rng.exponential(np.exp(-0.4 * x[:, 0]))
    time = time if grid is None else np.ceil(time * grid)
    cause = rng.choice([0, 1, 1, 2], n).astype(np.int64)
    of_row = np.arange(n) // 2 if pairs else np.arange(n)
    found = fine_gray(x, time, cause, 1, Clusters(of_row, n // 2) if pairs else None, left_out=True)
    without = np.array(
        [
            fine_gray(*(part[of_row != unit] for part in (x, time, cause)), 1).coefficients
            for unit in np.unique(of_row)
        ]
    )
    count = len(without)
    squares = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(found.se, np.sqrt((count - 1) / count * squares), rtol=0.02)
    assert found.df_resid == (count - 1 if pairs else np.inf)
    plain = fine_gray(x, time, cause, 1)
    np.testing.assert_array_equal(found.coefficients, plain.coefficients)
    people = fine_gray(x, time, cause, 1, left_out=True).covariance
    each = fine_gray(x, time, cause, 1, Clusters(np.arange(n), n), left_out=True).covariance
    np.testing.assert_allclose(each, (n - 1) / n * people, rtol=1e-9)


def test_running_sums_of_one_end_are_the_sums_of_its_formula() -> None:
    """Weights of all people at all moments, as they are written, censored people among them."""
    rng = np.random.default_rng(8)
    n = 150
    x = rng.normal(size=(n, 2))
    time = np.ceil(60 * rng.exponential(np.exp(-0.4 * x[:, 0])))
    cause = rng.integers(0, 3, n)
    fit = fine_gray(x, time, cause, 2)

    def free_before(t: float) -> float:
        moments = np.unique(time[time < t])
        return float(np.prod([1 - ((time == u) & (cause == 0)).sum() / (time >= u).sum() for u in moments]))

    free = [free_before(t) for t in time]
    risk = np.exp(x @ fit.coefficients)
    score, log_likelihood = np.zeros(2), 0.0
    for i in np.nonzero(cause == 2)[0]:
        weight = np.where(time >= time[i], 1.0, np.where(cause == 1, free[i] / np.array(free), 0.0))
        total = (weight * risk).sum()
        score += x[i] - (weight * risk) @ x / total
        log_likelihood += x[i] @ fit.coefficients - np.log(total)
    np.testing.assert_allclose(score, 0, atol=1e-6)
    assert fit.log_likelihood == pytest.approx(log_likelihood, rel=1e-10)


def test_ends_known_by_the_month_are_left_to_the_other_model(drawn: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(9)
    time = np.ceil(3 * rng.exponential(1, N))
    cause = rng.choice([1, 1, 2], N).astype(np.int64)
    with pytest.raises(NotEstimableError, match="could met this end in the same moment"):
        fine_gray(drawn["held"], time, cause, 1)
    rows, failed = models_of_ends(drawn["held"], time, cause, End.LEFT, 0.95)
    assert [row["model"] for row in rows] == [SPECIFIC]
    assert list(failed) == [SUBDISTRIBUTION]


def test_an_end_of_one_person_of_its_kind_has_no_error(drawn: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(10)
    time, cause = rng.exponential(40, N), rng.choice([1, 2], N).astype(np.int64)
    alone = (np.arange(N) == 3).astype(float)
    cause[3] = 1
    rows, failed = models_of_ends(np.column_stack([alone, drawn["held"]]), time, cause, End.LEFT, 0.95)
    assert not rows
    assert set(failed) == {SPECIFIC, SUBDISTRIBUTION}
    assert all("no standard error of the score" in str(error) for error in failed.values())


def test_whole_clusters_are_drawn_and_left_out(drawn: dict[str, np.ndarray]) -> None:
    table = drawn["score"]
    (doubled,) = twice(table)
    np.testing.assert_allclose(
        drawn_covariances(doubled, 7, 3, PAIRS), drawn_covariances(table, 7, 3), rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(
        left_out_covariances(doubled, PAIRS), left_out_covariances(table), rtol=1e-7, atol=1e-9
    )
    one = Clusters(np.arange(N) // 50, 3)
    without = left_out_covariances(table, one)[1]
    kept = np.delete(table, np.arange(50, 100), axis=0)
    np.testing.assert_allclose(without, np.cov(kept, rowvar=False, ddof=0), atol=1e-8)


@pytest.mark.parametrize("effects", [separate_effects, joint_effects])
def test_effects_across_models_keep_their_own_errors(drawn: dict[str, np.ndarray], effects: Any) -> None:
    given = twice(drawn["score"], drawn["held"], drawn["done"], drawn["due"])
    found = effects(*given, 0.95, PAIRS)
    alone = effects(drawn["score"], drawn["held"], drawn["done"], drawn["due"], 0.95)
    naive = effects(*given, 0.95)
    assert found.df == N - 1
    # units per standard deviation, which n − 1 moves by a third of a percent
    np.testing.assert_allclose(found.estimate, alone.estimate, rtol=5e-3)
    width, narrow = found.upper - found.lower, naive.upper - naive.lower
    assert (width > 1.25 * narrow).all()
    errors = width / (2 * 1.976013)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), errors, rtol=1e-4)
    r = found.covariance / np.outer(errors, errors)
    np.testing.assert_allclose(
        r, alone.covariance / np.sqrt(np.outer(*[np.diag(alone.covariance)] * 2)), atol=0.01
    )


def test_a_random_intercept_without_each_cluster_by_weighted_least_squares() -> None:
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(60), 3)
    place = np.repeat(rng.integers(0, 10, 60), 3)
    x = np.column_stack([np.ones(180), rng.standard_normal(60)[person], rng.standard_normal(180)])
    y = x @ [1.0, 0.5, 0.2] + rng.standard_normal(60)[person] + rng.standard_normal(180)
    clusters = Clusters(np.unique(place, return_inverse=True)[1], len(np.unique(place)))
    fit = random_intercept(x, y, person, clusters)
    ratio = fit.between_people / fit.residual
    weight = np.linalg.inv(np.eye(180) + ratio * (person[:, None] == person[None, :]))

    def solved(rows: np.ndarray) -> np.ndarray:
        w = weight[np.ix_(rows, rows)]  # people are whole, so the block of the inverse is its own
        return np.linalg.solve(x[rows].T @ w @ x[rows], x[rows].T @ w @ y[rows])

    whole = solved(np.arange(180))
    moved = np.array([solved(np.flatnonzero(clusters.of_row != g)) - whole for g in range(clusters.count)])
    g = clusters.count
    np.testing.assert_allclose(fit.coefficients, whole, rtol=1e-8)
    np.testing.assert_allclose(fit.covariance, (g - 1) / g * moved.T @ moved, rtol=1e-7)
    assert (fit.df == g - 1).all()


def test_new_ratings_are_summed_by_cluster(drawn: dict[str, np.ndarray]) -> None:
    person = np.arange(N)
    window = Window(
        person=person,
        score=drawn["score"][:, 0],
        use=drawn["outcome"],
        before=np.column_stack([np.ones(N), drawn["held"]]),
    )
    fit, people = new_rating([window], person // 5)
    left = np.linalg.qr(window.before)[0]
    x, y = (v - left @ (left.T @ v) for v in (window.score, window.use))
    slope = (x @ y) / (x @ x)
    sums = np.bincount(person // 5, weights=x * (y - slope * x))
    wanted = np.sqrt(sums @ sums) / (x @ x) * np.sqrt(30 / 29 * (N - 1) / (N - 4))
    assert (people, fit.df_resid) == (N, 29)
    assert float(fit.se[0]) == pytest.approx(wanted, rel=1e-9)


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    data = simulate_study("dta_example", n=200, seed=11)
    clinic = np.random.default_rng(1).integers(1, 15, len(data.covariates)).astype(float)
    clinic[:6] = np.nan
    return {
        "data": data,
        "covariates": data.covariates.assign(clinic=clinic),
        "usage": summarise_usage(data.usage, data.study, participants=data.enrolment),
        "declared": as_study(data.study).model_copy(update={"cluster": "clinic"}),
    }


def test_the_study_file_names_the_cluster_for_all_of_them(study: dict[str, Any]) -> None:
    data, plan, side = study["data"], study["declared"], study["covariates"]
    given = (data.responses, SCALE, study["usage"])
    latent = latent_adherence(*given, plan, data.outcomes, side, targets=[SCALE.themes[0].id])
    chain = mediate_adherence(*given, plan, data.outcomes, side, draws=60)
    themes = priority_map(*given, plan, data.outcomes, side, draws=60)
    for found in (latent, chain, themes):
        assert found.design["cluster"] == "clinic"
    assert any("Monte-Carlo limits, the latent model" in note for note in chain.notes)
    argued = priority_map(*given, data.study, data.outcomes, side, draws=60, cluster="clinic")
    pd.testing.assert_frame_equal(argued.themes, themes.themes)
    alone = priority_map(*given, data.study, data.outcomes, side, draws=60)
    for column in ("level_lower", "effect_lower", "dominance_lower"):
        assert not np.allclose(themes.themes[column], alone.themes[column], rtol=1e-6)
    np.testing.assert_allclose(themes.themes["level"], alone.themes["level"])
    scores = instrument.score(data.responses, SCALE)
    waves = relate_waves(
        scores, data.usage, plan, data.outcomes, side, participants=data.enrolment, predictors=["total"]
    )
    assert waves.failed.empty and (waves.effects["df"] <= 13).all()
    assert any("people of one clinic as alike" in note for note in waves.notes)
    with pytest.raises(ResponseDataError, match="no column 'ward'"):
        relate_waves(
            scores, data.usage, data.study, data.outcomes, side, predictors=["total"], cluster="ward"
        )


def test_few_clusters_are_refused_everywhere(study: dict[str, Any]) -> None:
    data = study["data"]
    few = data.covariates.assign(clinic=np.arange(len(data.covariates)) % 4)
    given = (data.responses, SCALE, study["usage"], study["declared"], data.outcomes, few)
    for analyse in (latent_adherence, mediate_adherence, priority_map):
        with pytest.raises(NotEstimableError, match="4 clusters"):
            analyse(*given)


def test_a_cluster_without_a_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = simulate_study("dta_example", n=30, seed=1)
    data.write(tmp_path / "study")
    given = ["validate", str(tmp_path / "study" / "responses.csv"), "--instrument", "dta"]
    with pytest.raises(SystemExit) as stop:
        dta.main([*given, "--cluster", "clinic", "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "dta validate: clusters ('clinic') are named, but there is no study" in said
    assert not (tmp_path / "out").exists()
