"""Repeated ratings, model by model by hand: what is held constant in each window, who counts, and by which errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.design.windows import Windows
from analysis.adherence.over_time.relate_waves import (
    GROUP,
    _counted,
    _rows,
    by_person_mean,
    first_effect,
    new_effect,
    relate_waves,
)
from instrument.errors import NotEstimableError
from instrument.study import as_study
from tests.recovery.held_populations import base_study

PEOPLE, WAVES, CLINICS, LEVEL = 90, 4, 10, 0.9


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Four waves; some people miss the first, a middle or the last one; use moves ratings and ratings use."""
    rng = np.random.default_rng(2)
    clinic = rng.integers(0, CLINICS, PEOPLE)
    age, habit = rng.normal(40, 9, PEOPLE), rng.normal(size=PEOPLE) + rng.normal(size=CLINICS)[clinic]
    rows, before = [], np.zeros(PEOPLE)
    for order in range(WAVES):
        score = 3 + 0.4 * habit + 0.02 * before + rng.normal(size=PEOPLE) - 0.02 * age
        percent = 50 + 8 * habit + 4 * score + rng.normal(0, 9, PEOPLE)
        done = np.maximum(0, np.round(percent / 6 + rng.normal(0, 3, PEOPLE)))
        for k in range(PEOPLE):
            if (k + order) % 11 and not (order == 0 and k % 5 == 0):
                rows.append((f"p{k:02d}", order, score[k], percent[k], done[k], age[k], f"c{clinic[k]}"))
        before = percent
    names = ["participant", "order", "total", "percent", "done", "age", GROUP]
    table = pd.DataFrame(rows, columns=names)
    return table.sort_values(["participant", "order"], ignore_index=True)


def _scaled(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std(ddof=1)


def _left(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return y - x @ np.linalg.lstsq(x, y, rcond=None)[0]


@pytest.mark.parametrize("cluster", [None, "clinic"])
def test_a_new_rating_is_told_with_every_earlier_rating_and_all_use_before_it_held_constant(
    cluster: str | None, frame: pd.DataFrame
) -> None:
    table = frame.assign(
        total=frame["total"] / frame["total"].std(ddof=1), age=_scaled(frame["age"].to_numpy())
    )
    by = {name: table.pivot(index="participant", columns="order", values=name) for name in table.columns[2:]}
    age = by["age"].bfill(axis=1)[0]
    xs, ys, who, columns = [], [], [], 1
    for k in range(1, WAVES):
        known = by["total"].notna()
        here = known.loc[:, :k].all(axis=1)
        x = [np.ones(here.sum()), age[here]]
        x += [by["total"].loc[here, j] for j in range(k)]
        x += [by["percent"].loc[here, j] for j in range(k)]
        logs = np.log1p(by["done"].loc[here, : k - 1].to_numpy())
        design = np.column_stack([*x, logs, logs.mean(axis=1) ** 2])
        columns += design.shape[1]
        xs.append(_left(by["total"].loc[here, k].to_numpy(), design))
        ys.append(_left(by["percent"].loc[here, k].to_numpy(), design))
        who.append(here.index[here].to_numpy())
    x, y, person = np.concatenate(xs), np.concatenate(ys), np.concatenate(who)
    slope = x @ y / (x @ x)
    clinic = frame.drop_duplicates("participant").set_index("participant")[GROUP]
    unit = person if cluster is None else clinic[person].to_numpy()
    sums = pd.Series(x * (y - slope * x)).groupby(unit).sum()
    g, n = len(sums), len(x)
    se = np.sqrt((sums**2).sum() / (x @ x) ** 2 * g / (g - 1) * (n - 1) / (n - columns))
    found = new_effect(frame, "total", ["age"], LEVEL, cluster)
    assert (found["n_people"], found["n_ratings"], found["df"]) == (len(set(person)), n, g - 1)
    assert found["n_people"] < n
    assert found["effect"] == pytest.approx(slope) and found["se"] == pytest.approx(se)
    half = stats.t.ppf((1 + LEVEL) / 2, g - 1) * se
    assert (found["ci_lower"], found["ci_upper"]) == pytest.approx((slope - half, slope + half))
    assert found["pvalue"] == pytest.approx(2 * stats.t.sf(abs(slope / se), g - 1))


def test_seven_clusters_of_those_who_count_are_too_few(frame: pd.DataFrame) -> None:
    seven = frame.assign(**{GROUP: "c" + (frame[GROUP].str[1:].astype(int) % 7).astype(str)})
    assert seven[GROUP].nunique() == 7 and new_effect(seven, "total", ["age"], LEVEL)["n_people"] > 50
    with pytest.raises(NotEstimableError, match="7 clusters"):
        new_effect(seven, "total", ["age"], LEVEL, "clinic")


def _gls(x: np.ndarray, y: np.ndarray, person: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    same = person[:, None] == person[None, :]
    inverse = np.linalg.inv(np.eye(len(y)) + ratio * same)
    cov = np.linalg.inv(x.T @ inverse @ x)
    return cov @ x.T @ inverse @ y, cov


def test_the_first_rating_is_that_of_the_first_wave_and_counts_in_every_window_of_the_person(
    frame: pd.DataFrame,
) -> None:
    found, spread = first_effect(frame, "total", ["age"], LEVEL)
    first = frame[frame["order"] == 0].set_index("participant")["total"] / frame["total"].std(ddof=1)
    rows = frame[frame["participant"].isin(first.index)]
    assert len(rows) < len(frame) and set(rows["participant"]) != set(frame["participant"])
    mine = first[rows["participant"]].to_numpy()
    x = [np.ones(len(rows)), mine - mine.mean()]
    x += [(rows["order"] == k).to_numpy(float) for k in range(1, WAVES)]
    design = np.column_stack([*x, _scaled(rows["age"].to_numpy())])
    person = rows["participant"].to_numpy()
    ratio = spread["between_people"] / spread["residual"]
    wanted, cov = _gls(design, rows["percent"].to_numpy(), person, ratio)
    assert found["effect"] == pytest.approx(wanted[1], rel=1e-6)
    assert found["se"] == pytest.approx(np.sqrt(spread["residual"] * cov[1, 1]), rel=1e-6)
    assert (found["n_people"], found["n_ratings"]) == (len(first), len(rows))
    assert found["df"] == len(first) - 3  # constant, rating and age lie between people


def test_the_split_that_misleads_names_its_two_parts_as_they_are(frame: pd.DataFrame) -> None:
    between, within = by_person_mean(frame, "total", ["age"], LEVEL)
    score = frame["total"] / frame["total"].std(ddof=1)
    level = score.groupby(frame["participant"]).transform("mean").to_numpy()
    x = [np.ones(len(frame)), level - level.mean(), score - level]
    x += [(frame["order"] == k).to_numpy(float) for k in range(1, WAVES)]
    design = np.column_stack([*x, _scaled(frame["age"].to_numpy())])
    # whatever the ratio of variances, the split is that of one regression: its two slopes lie near these
    wanted = _gls(design, frame["percent"].to_numpy(), frame["participant"].to_numpy(), 0.5)[0][1:3]
    assert (between["part"], within["part"]) == ("between people", "within a person")
    assert [between["effect"], within["effect"]] == pytest.approx(wanted, rel=0.05)
    assert abs(wanted[0] - wanted[1]) > 1


def test_everybody_due_at_a_wave_is_told_once_whatever_was_missed_before() -> None:
    waves = ["a", "b", "c"]
    table = pd.DataFrame(
        {"wave": waves, "people": [20, 20, 20], "not_watched": [1, 3, 5], "nothing_due": [0, 1, 2]}
    )
    rated = {"p1": "abc", "p2": "ab", "p3": "bc", "p4": "ac", "p5": "c", "p6": "b"}
    frame = pd.DataFrame([(name, wave) for name, at in rated.items() for wave in at])
    frame.columns = ["participant", "wave"]
    found = _counted(Windows(use=frame, table=table, notes=[]), frame, pd.Series({"b": 2}))
    assert found["rated"].tolist() == [3, 4, 4]
    assert found["no_covariate"].tolist() == [0, 2, 0]
    assert found["no_score"].tolist() == [20 - 1 - 0 - 3, 20 - 3 - 1 - 4 - 2, 20 - 5 - 2 - 4]
    assert found["first"].tolist() == [3, 2, 2]  # also rated at the first wave
    assert found["history"].tolist() == [0, 2, 1]  # rated at every wave before


def _used(ids: list[str], waves: tuple[str, str]) -> Windows:
    """Use after two waves, for everybody."""
    rng, people = np.random.default_rng(1), len(ids)
    use = pd.DataFrame(
        [(one, wave, rng.integers(1, 9), 9.0) for wave in waves for one in ids],
        columns=["participant", "wave", "done", "due"],
    ).assign(percent=lambda t: 100 * t["done"] / t["due"])
    before = {name: rng.integers(1, 9, people) for name in ("use_before", "active_days_before")}
    before |= {"idle_at_landmark": rng.uniform(0, 5, people), "first_use_before": rng.uniform(0, 5, people)}
    before |= {
        "first_week_before": rng.integers(0, 4, people),
        "last_week_before": rng.integers(0, 4, people),
    }
    use = use.merge(pd.DataFrame({"participant": ids, **before}), on="participant")
    table = pd.DataFrame(
        {"wave": list(waves), "from_day": [28, 42], "to_day": [42, 84], "due": [9, 9], "people": people}
    ).assign(not_watched=0, nothing_due=0)
    return Windows(use=use, table=table, notes=[])


def _rated(ids: list[str], waves: tuple[str, str]) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = [(one, wave, rng.normal()) for wave in waves for one in ids]
    return pd.DataFrame(rows, columns=["participant", "wave", "total"])


TWO = [{"id": 1, "day": 21, "opens": 21, "closes": 28}, {"id": 2, "day": 42, "opens": 36, "closes": 42}]


@pytest.mark.parametrize(("people", "enough"), [(30, True), (29, False)])
def test_thirty_people_are_enough_and_fewer_are_not(people: int, enough: bool) -> None:
    plan = base_study(waves=TWO)
    ids = [f"p{k}" for k in range(people)]
    scores, windows = _rated(ids, ("1", "2")), _used(ids, ("1", "2"))
    if enough:
        assert relate_waves(scores, windows, plan, predictors=["total"]).windows["rated"].tolist() == [30, 30]
    else:
        with pytest.raises(NotEstimableError, match="29 people have a score"):
            relate_waves(scores, windows, plan, predictors=["total"])


def test_a_baseline_is_a_number_and_who_lacks_it_or_a_cluster_is_told_at_each_wave() -> None:
    """Waves stand in the order of the study, which is not that of their names."""
    plan = as_study(
        base_study(
            waves=[{**TWO[0], "id": "start"}, {**TWO[1], "id": "end"}],
            baseline=["distress"],
            landmark={"wave": "start", "day": 28},
        )
    )
    ids, waves = [f"p{k:02d}" for k in range(40)], ("start", "end")
    outcomes = pd.DataFrame({"participant": ids, "distress": [float(k % 3 + 1) for k in range(40)]})
    outcomes.loc[1, "distress"] = np.nan
    covariates = pd.DataFrame({"participant": ids, "clinic": [f"c{k % 9}" for k in range(40)]})
    covariates.loc[0, "clinic"] = None
    frame, adjusters, lost = _rows(
        _rated(ids, waves), ["total"], _used(ids, waves), plan, outcomes, covariates, None, [], "clinic"
    )
    assert sorted(set(ids) - set(frame["participant"])) == ["p00", "p01"]
    assert lost.to_dict() == {"start": 2, "end": 2}
    assert [name for name in adjusters if name.startswith("distress")] == ["distress"]
    assert frame["wave"].tolist() == ["start", "end"] * 38 and frame["order"].tolist() == [0, 1] * 38
    told = dict(zip(ids, covariates["clinic"], strict=True))
    assert (frame[GROUP] == frame["participant"].map(told)).all()
