"""Events that can happen again: by hand, what must not matter, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import recurrent_events
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.survival import cox, event_moments, moves_of_people, share_tied
from analysis.adherence.over_time.counting import counting_process
from analysis.adherence.over_time.recurrent_events import RecurrentResult
from instrument.errors import NotEstimableError, ResponseDataError


def pauses(n: int = 80, seed: int = 3, effect: float = 0.5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(n):
        score, own, day = rng.normal(), rng.gamma(1.0, 1.0), 28.0
        while day < 84:
            start = day + rng.exponential(12)
            stop = start + rng.exponential(8 / (own * np.exp(effect * score)))
            if start >= 84:
                break
            rows.append((f"p{person}", start, min(stop, 84.0), float(stop <= 84), score, person % 10))
            day = stop
    columns = ["participant", "from", "to", "back", "alliance", "clinic"]
    return pd.DataFrame(rows, columns=columns).assign(severity=lambda t: np.sin(np.arange(len(t))))


def fitted(table: pd.DataFrame, **changes: Any) -> RecurrentResult:
    given = {"start": "from", "stop": "to", "event": "back", "predictors": ["alliance"], **changes}
    return recurrent_events(table, **given)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pauses()


def test_two_people_by_hand() -> None:
    # events at days 2 (first person) and 4 (second); at day 4 the first row of the first is over
    entry, time = np.array([0.0, 3.0, 1.0]), np.array([2.0, 5.0, 4.0])
    event, x = np.array([True, False, True]), np.array([[1.0], [1.0], [0.0]])
    moments = event_moments(x, time, event, np.array([0.7]), entry)
    odds = np.exp(0.7) / (np.exp(0.7) + 1)
    np.testing.assert_allclose(moments.mean[:, 0], [odds, odds], rtol=1e-12)
    spread = odds * (1 - odds)  # of the column among the two at risk, at each event
    first = (1 - odds) ** 2 - spread, 2 * odds * (1 - odds) ** 2  # score and information of the first person
    second = 2 * spread - odds, 2 * (1 - odds) * odds**2
    assert first[1] + second[1] == pytest.approx(2 * spread)
    by_hand = [-score / (2 * spread - brought) for score, brought in (first, second)]
    moved = moves_of_people(moments, Clusters(np.array([0, 0, 1]), 2))
    np.testing.assert_allclose(moved[:, 0], by_hand, rtol=1e-12)


def test_what_one_person_alone_has_is_told_without_an_error(table: pd.DataFrame) -> None:
    back = table.groupby("participant")["back"].sum()
    one, more = (table["participant"] == back.idxmax()), table.assign(kind="old")
    more.loc[one, "kind"] = "new"
    found = fitted(more, adjust_for=["kind"])
    rows = found.effects.set_index("term")
    lone = next(term for term in rows.index if term.startswith("kind"))
    assert rows.loc[lone, ["se", "ci_lower", "ci_upper", "pvalue"]].isna().all()
    assert np.isfinite(rows.loc[lone, "ratio"])
    assert f"without an error, since one person alone has it: {lone}" in found.notes
    assert rows.loc["alliance"].drop("term", errors="ignore").notna().all()


def test_rows_from_the_beginning_are_the_survival_model() -> None:
    rng = np.random.default_rng(1)
    x, time = rng.normal(size=(60, 2)), np.ceil(rng.exponential(10, 60))
    event = rng.random(60) < 0.7
    plain = cox(x, time, event)
    fit, se = counting_process(x, np.zeros(60), time, event, Clusters(np.arange(60), 60))
    np.testing.assert_allclose(fit.coefficients, plain.coefficients, rtol=1e-10)
    np.testing.assert_allclose(se, plain.se, rtol=1e-10)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


def test_a_group_in_which_nobody_came_back_has_no_ratio_and_ends_nothing(table: pd.DataFrame) -> None:
    few = table["participant"].isin(sorted(table["participant"].unique())[:4])
    never = table.assign(back=table["back"].where(~few, 0.0), sex=np.where(few, "another", "woman"))
    never.loc[~few & (pd.factorize(never["participant"])[0] % 2 == 0), "sex"] = "man"
    how: dict[str, Any] = {"start": "from", "stop": "to", "event": "back", "predictors": ["alliance"]}
    found = recurrent_events(never, adjust_for=["sex"], **how)
    assert set(found.effects["term"]) & {"sex:another", "sex:man", "sex:woman"} != set()
    assert any("nobody of a group had the event" in note for note in found.notes)
    rest = recurrent_events(never[~few], adjust_for=["sex"], **how)
    spread = found.design["standard_deviations"]["alliance"] / rest.design["standard_deviations"]["alliance"]
    one, other = (r.effects.set_index("term").loc["alliance"] for r in (found, rest))
    assert one["coefficient"] == pytest.approx(other["coefficient"] * spread, rel=1e-7)
    assert one["n_people"] == other["n_people"] + 4 and one["n_rows"] == len(never)
    assert one["events"] == other["events"]


def test_events_of_most_people_on_one_day_are_refused() -> None:
    rng = np.random.default_rng(2)
    x, day = rng.normal(size=(60, 2)), np.tile([1.0, 2.0], 30)
    event = np.tile([True, False], 30) | (np.arange(60) < 10)
    entry = day - 1
    units = Clusters(np.arange(60) // 2, 30)
    # of thirty there on the first day all, of thirty on the second five
    assert share_tied(day, event, entry) == pytest.approx((30 * 29 / 30 + 5 * 4 / 30) / 35)
    with pytest.raises(NotEstimableError, match="85% of those for whom it could happen"):
        counting_process(x, entry, day, event, units)


def test_a_stretch_cut_in_two_is_the_same_stretch(table: pd.DataFrame) -> None:
    middle = (table["from"] + table["to"]) / 2
    first = table.assign(to=middle, back=0.0)
    cut = pd.concat([first, table.assign(**{"from": middle})]).sample(frac=1, random_state=4)
    one, two = fitted(table).effects, fitted(cut).effects
    for name in ("coefficient", "se", "se_plain", "ci_lower", "ci_upper", "pvalue", "events", "n_people"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-7)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_units_of_the_columns_and_of_time_do_not_matter(table: pd.DataFrame, factor: float) -> None:
    changed = table.assign(
        alliance=factor * table["alliance"] + 2, **{name: factor * table[name] for name in ("from", "to")}
    )
    one = fitted(table, adjust_for=["severity"]).effects
    two = fitted(changed, adjust_for=["severity"]).effects
    np.testing.assert_allclose(two["ratio"], one["ratio"], rtol=1e-8)
    np.testing.assert_allclose(two["se"], one["se"], rtol=1e-8)


def test_rows_of_one_person_are_alike(table: pd.DataFrame) -> None:
    """Everybody twice under one name says no more than once."""
    single = fitted(table).effects
    moved = table.assign(**{"from": table["from"] + 100, "to": table["to"] + 100})
    twice = fitted(pd.concat([table, moved])).effects
    np.testing.assert_allclose(twice["se"], single["se"], rtol=1e-6)
    np.testing.assert_allclose(twice["se_plain"], single["se_plain"] / np.sqrt(2), rtol=1e-6)


def test_clusters_and_counts(table: pd.DataFrame) -> None:
    made = fitted(table, cluster="clinic")
    assert (made.effects["df"] == 9).all()
    assert made.people["n"].sum() == table["participant"].nunique()
    assert (made.people["events"] * made.people["n"]).sum() == table["back"].sum()
    assert "alliance: rate ratio" in made.summary()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(to=t["from"]), "do not stop after they start"),
        (lambda t: t.assign(**{"from": 0.0}), "before the one before them has stopped"),
        (lambda t: t.assign(back=2 * t["back"]), "other values than 0 and 1"),
        (lambda t: t.drop(columns="alliance"), "no column 'alliance'"),
        (lambda t: t.assign(to="monday"), "'to' holds no numbers of days"),
    ],
)
def test_what_cannot_be_read_is_refused(table: pd.DataFrame, change: Any, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        fitted(change(table))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t["participant"].isin([f"p{k}" for k in range(20)])], "at least 30 people"),
        (lambda t: t.assign(back=0.0), "0 of them with an event"),
        (lambda t: t.assign(alliance=1.0), "one value only"),
        (lambda t: t.assign(alliance=np.nan), "no row is complete"),
        (  # one moment at which everybody who could come back did: an error of 0, not a sure 1.00
            lambda t: t.drop_duplicates("participant").assign(**{"from": 1.0, "to": 2.0, "back": 1.0}),
            "in one moment",
        ),
        (  # one after the other, each alone when it happens
            lambda t: t.drop_duplicates("participant").assign(
                **{"from": lambda s: np.arange(len(s)) + 1.0, "to": lambda s: s["from"] + 1, "back": 1.0}
            ),
            "whoever could have one at a moment had one",
        ),
    ],
)
def test_what_cannot_be_estimated_is_refused(table: pd.DataFrame, change: Any, message: str) -> None:
    with pytest.raises(NotEstimableError, match=message):
        fitted(change(table))


def test_names_have_one_part(table: pd.DataFrame) -> None:
    with pytest.raises(ResponseDataError, match="two parts"):
        fitted(table, adjust_for=["alliance"])
    with pytest.raises(ResponseDataError, match="no predictor"):
        fitted(table, predictors=[])


def test_errors_allow_for_people_who_come_back_often() -> None:
    """Coming back is a person's own here; docs/methods/recurrent_events.md has the level."""
    made = [fitted(pauses(60, seed, 0.0)).effects.iloc[0] for seed in range(12)]
    assert np.mean([row["se"] / row["se_plain"] for row in made]) > 1.05


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(6, 120), days=st.integers(1, 60), delayed=st.booleans())
def test_moments_of_risk_sets_are_those_counted_event_by_event(
    seed: int, n: int, days: int, delayed: bool
) -> None:
    """Ties, late entry, few and many rows for a moment: against the definition, one event at a time."""
    rng = np.random.default_rng(seed)
    x, time = rng.standard_normal((n, 3)), rng.integers(1, days + 1, n).astype(float)
    event, b = rng.random(n) < 0.6, rng.normal(0, 0.5, 3)
    event[0] = True
    entry = np.floor(time * rng.random(n)) if delayed else None
    found = event_moments(x, time, event, b, entry)
    risk, at = np.exp(x @ b), 0
    weights = rng.random(int(event.sum()))
    whole, total = np.zeros((3, 3)), np.zeros((3, 3))
    for when in np.unique(time[event]):
        here = (time >= when) & (np.ones(n, bool) if entry is None else entry < when)
        tied = event & (time == when)
        for k in range(int(tied.sum())):
            left = risk * here - k / tied.sum() * risk * tied
            mean = left @ x / left.sum()
            spread = (x * left[:, None]).T @ x / left.sum() - np.outer(mean, mean)
            assert found.mean[at] == pytest.approx(mean, abs=1e-9)
            assert found.log_total[at] == pytest.approx(np.log(left.sum()))
            assert (found.when[at], found.own[at].tolist()) == (
                when,
                pytest.approx(x[tied].mean(axis=0).tolist()),
            )
            whole, total = whole + spread, total + weights[at] * spread
            at += 1
    assert at == len(found.when)
    assert found.variance() == pytest.approx(whole, abs=1e-8)
    assert found.variance(weights) == pytest.approx(total, abs=1e-8)


@pytest.mark.parametrize("cluster", [None, "clinic"])
def test_whoever_has_no_row_in_the_model_is_nobody_to_leave_out(cluster: str | None) -> None:
    """Rows of a kind without any event say nothing: people and clinics of that kind counted in G all the same."""
    table = pauses(n=120)
    table["kind"] = np.where(table["clinic"] == 0, "none", np.where(table["clinic"] % 2, "b", "a"))
    table.loc[table["clinic"] == 0, "back"] = 0.0
    told = table[table["clinic"] != 0].reset_index(drop=True)
    found, wanted = (fitted(t, adjust_for=["kind"], cluster=cluster).effects for t in (table, told))
    assert found["df"].tolist() == [float(told[cluster or "participant"].nunique() - 1)] * 2
    for column in ("coefficient", "se", "pvalue"):  # of the kind: a deviation of scores is of everyone
        assert found[column][1] == pytest.approx(wanted[column][1], rel=1e-9)
