"""Validity analyses: what they refuse, how they decide, what must hold."""

from __future__ import annotations

import itertools
import tracemalloc
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy.stats import nct

import instrument
from analysis.common.rules import in_force
from analysis.factors.moments import PairSums
from analysis.reliability.resampling import bootstrap, bootstrap_all
from analysis.validity.check_hypotheses import Expectation, check_hypotheses
from analysis.validity.extracted_variance import extracted_variance
from analysis.validity.htmt import htmt, ratios, themes_of
from analysis.validity.incremental_validity import incremental_validity
from analysis.validity.known_groups import hedges_g, known_groups, small_sample_factor
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
LIKERT = pd.read_csv(DATA / "likert.csv")
HOLED = pd.read_csv(DATA / "likert_missing.csv")
ITEMS = [f"q{i}" for i in range(1, 13)]
THEMES = {"one": ITEMS[:4], "two": ITEMS[4:8], "three": ITEMS[8:]}


# --- heterotrait-monotrait ratios ------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 1e-18, -4e-17, 3e-16])
def test_a_correlation_of_zero_is_zero_however_it_was_rounded(noise: float) -> None:
    """A geometric mean with a zero is zero; within a theme it leaves the ratio without a value."""
    r = np.full((5, 5), 0.4)
    r[0, 3] = r[3, 0] = noise  # of two themes
    first, second = ratios(r, [[0, 1, 2], [3, 4]])
    assert second.tolist() == [0.0] and first[0] == pytest.approx(0.4 * 5 / 6 / 0.4)
    r[0, 3] = r[3, 0] = 0.4
    r[0, 1] = r[1, 0] = noise  # of one
    first, second = ratios(r, [[0, 1, 2], [3, 4]])
    assert np.isnan(second).all() and first[0] == pytest.approx(0.4 / np.sqrt(0.4 * 0.8 / 3))


def test_a_pair_is_told_apart_by_htmt_and_not_by_its_geometric_sibling() -> None:
    plain = htmt(LIKERT, THEMES, draws=0).pairs
    assert (plain["htmt"] != plain["htmt2"]).all()
    for cutoff in ((plain["htmt"] + plain["htmt2"]) / 2).tolist():
        with in_force({"HTMT": cutoff}):
            found = htmt(LIKERT, THEMES, draws=0).pairs
        assert found["htmt_below_cutoff"].tolist() == (found["htmt"] < cutoff).tolist()
        assert (found["htmt_below_cutoff"] != (found["htmt2"] < cutoff)).any()


def test_a_theme_that_is_no_scale_of_its_own_is_compared_with_none() -> None:
    themes = [
        {"id": name, "title": name, "role": role, "items": [{"id": item, "text": item} for item in items]}
        for (name, items), role in zip(THEMES.items(), ("dimension", "context", "plain"), strict=True)
    ]
    scale = instrument.Instrument.model_validate(
        {
            **{"schema": 1, "id": "three", "version": "1", "title": "Three", "themes": themes},
            "response_scales": {"five": {"options": {k: f"option {k}" for k in range(1, 6)}}},
        }
    )
    assert themes_of(scale) == {"one": THEMES["one"], "two": THEMES["two"]}
    assert htmt(LIKERT, scale, draws=0).pairs[["first", "second"]].to_numpy().tolist() == [["one", "two"]]


def test_limits_do_not_hang_on_the_order_of_people_or_items_where_draws_hold_zeros() -> None:
    """Answers of two options in few people: many draws have a correlation of exactly zero."""
    rng = np.random.default_rng(11)
    trait = rng.standard_normal((48, 1))
    answers = (0.9 * trait + rng.standard_normal((48, 6)) > 0).astype(float)
    frame = pd.DataFrame(answers, columns=[f"i{k}" for k in range(6)])
    themes = {"a": ["i0", "i1", "i2"], "b": ["i3", "i4", "i5"]}
    turned = {"a": ["i2", "i0", "i1"], "b": ["i5", "i4", "i3"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)  # some draws have no value, and are counted
        one = htmt(frame, themes, draws=200, seed=3).pairs
        other = htmt(frame[frame.columns[::-1]], turned, draws=200, seed=3).pairs
        third = htmt(1.0 + 3.0 * frame, themes, draws=200, seed=3).pairs
    for column in ("htmt", "htmt2", "htmt_ci_lower", "htmt2_ci_lower", "htmt2_ci_upper"):
        assert other[column].to_numpy() == pytest.approx(one[column].to_numpy(), abs=1e-10)
        assert third[column].to_numpy() == pytest.approx(one[column].to_numpy(), abs=1e-10)


@pytest.mark.parametrize(
    ("themes", "text"),
    [
        ({"one": ITEMS}, "1 theme was given"),
        ({"one": ITEMS[:4], "two": ["q5"]}, "themes with fewer than two items: 'two'"),
        ({"one": ITEMS[:4], "two": ITEMS[3:8]}, "items stand in more than one theme: 'q4'"),
        ({"one": ITEMS[:4], "two": ["q5", "z1"]}, "1 of 6 items are not in the data: 'z1'"),
    ],
)
def test_htmt_refuses_bad_themes(themes: dict[str, list[str]], text: str) -> None:
    with pytest.raises(DefinitionError, match=f"^htmt: {text}(.|\n)*Hint: "):
        htmt(LIKERT, themes, draws=0)


def test_htmt_ignores_the_direction_of_items_and_the_order_of_persons() -> None:
    plain = htmt(LIKERT, THEMES, draws=0)
    turned = htmt(LIKERT.assign(q4=6 - LIKERT["q4"]).sample(frac=1, random_state=1), THEMES, draws=0)
    pd.testing.assert_frame_equal(turned.pairs, plain.pairs, rtol=1e-10)


def test_htmt_intervals_repeat_with_the_seed_and_hold_the_estimate() -> None:
    first, again = (htmt(HOLED, THEMES, draws=100, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first.pairs, again.pairs)
    for kind in ("htmt", "htmt2"):
        assert (first.pairs[f"{kind}_ci_lower"] < first.pairs[kind]).all()
        assert (first.pairs[kind] < first.pairs[f"{kind}_ci_upper"]).all()
    assert first.n_obs == len(HOLED)
    assert first.pairs["htmt_below_cutoff"].all()


def test_htmt_without_intervals_says_so() -> None:
    found = htmt(LIKERT, THEMES, draws=0).pairs
    assert found[["htmt_ci_lower", "htmt2_ci_upper"]].isna().all(axis=None)


def test_htmt_is_one_for_a_theme_split_in_two_alike_halves() -> None:
    rng = np.random.default_rng(1)
    common = rng.standard_normal((20_000, 1))
    items = pd.DataFrame(common + rng.standard_normal((20_000, 6)), columns=list("abcdef"))
    found = htmt(items, {"one": ["a", "b", "c"], "two": ["d", "e", "f"]}, draws=0)
    assert found.pairs["htmt"].item() == pytest.approx(1, abs=0.03)
    assert not found.pairs["htmt_below_cutoff"].item()


def test_htmt_reads_the_themes_of_an_instrument() -> None:
    scale = instrument.load("dta")
    rng = np.random.default_rng(2)
    answers = rng.integers(1, 6, (200, len(scale.item_ids)))
    found = htmt(pd.DataFrame(answers, columns=scale.item_ids), scale, draws=0)
    kept = [theme.id for theme in scale.themes if theme.role != "plain"]
    assert found.htmt.columns.tolist() == kept


# --- variance extracted ------------------------------------------------------------------------------


def test_extracted_variance_refuses_what_it_cannot_use() -> None:
    loadings = pd.Series([0.7, 0.8, 1.1], index=list("abc"))
    with pytest.raises(DefinitionError, match="1 of 2 items have no loading or error: 'z'"):
        extracted_variance(loadings, {"one": ["a", "z"]})
    with pytest.raises(DefinitionError, match="error variances are negative or missing: 'c'"):
        extracted_variance(loadings, {"one": ["a", "c"]})
    with pytest.raises(DefinitionError, match="factor_correlations lack themes 'one'"):
        extracted_variance(loadings, {"one": ["a", "b"]}, factor_correlations=pd.DataFrame({"x": [1.0]}))


def test_extracted_variance_does_not_depend_on_the_direction_of_items() -> None:
    loadings = pd.Series([0.7, 0.6, 0.8], index=list("abc"))
    plain = extracted_variance(loadings, {"one": list("abc")}).table
    turned = extracted_variance(loadings * [1, -1, 1], {"one": list("abc")}).table
    pd.testing.assert_frame_equal(plain, turned)


# --- hypotheses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">= 0.50", [0.5, 0.9], [0.49, -0.6, float("nan")]),
        ("> 1", [1.01], [1.0]),
        ("≤ -.2", [-0.2, -0.9], [-0.19]),
        ("< 0.85", [0.84, -1.0], [0.85]),
        ("|r| < 0.3", [0.29, -0.29], [0.3, -0.3]),
        ("0.3 to 0.6", [0.3, 0.6], [0.29, 0.61]),
        ("between -0.6 and -0.3", [-0.4], [0.4]),
        ("0.3 <= r < 0.6", [0.3, 0.59], [0.6]),
        ("r >= 0.4", [0.4], [0.39]),
    ],
)
def test_expectations_are_read(text: str, inside: list[float], outside: list[float]) -> None:
    expectation = Expectation.parse(text)
    assert [expectation.holds(value) for value in inside] == [True] * len(inside)
    assert [expectation.holds(value) for value in outside] == [False] * len(outside)


@pytest.mark.parametrize("text", ["", "high", "0.5", "0.6 to 0.3", ">= a lot", "> 0.1 > 0.2"])
def test_expectations_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match=r"cannot be read\.\nHint: write it like"):
        Expectation.parse(text)


def test_an_interval_across_zero_is_not_far_from_zero() -> None:
    assert not Expectation(lower=0.3, absolute=True).holds_throughout(-0.5, 0.5)
    assert Expectation.parse("|r| < 0.6").holds_throughout(-0.5, 0.5)
    assert not Expectation.parse(">= 0.3").holds_throughout(float("nan"), float("nan"))


def plan(name: str, measure: str, expected: str) -> SimpleNamespace:
    return SimpleNamespace(id=name, text=f"expectation {name}", measure=measure, expected=expected)


def test_the_share_counts_what_was_evaluated_and_warns_of_the_rest() -> None:
    plans = [
        plan("h1", "correlation q1, q2", ">= 0.3"),
        plan("h2", "correlation q1, q12", ">= 0.9"),
        plan("h3", "odds ratio", "> 1"),
        plan("h4", "HTMT one, two", "< 0.85"),
        plan("h5", "correlation q1, unseen", "> 0"),
    ]
    with pytest.warns(ToolkitWarning, match="1 of 5 hypotheses were not evaluated: 'h5'"):
        found = check_hypotheses(plans, LIKERT, values={"h3": 1.4, "h4": (0.44, 0.3, 0.6)})
    assert found.table["status"].tolist() == [
        "confirmed",
        "not confirmed",
        "confirmed",
        "confirmed",
        "not evaluated",
    ]
    assert (found.n_confirmed, found.n_evaluated, found.n_hypotheses) == (3, 4, 5)
    assert found.share == 0.75
    assert found.passed
    assert found.table["interval_inside"].tolist() == [True, False, False, True, False]


def test_nothing_evaluated_passes_nothing() -> None:
    with pytest.warns(ToolkitWarning, match="1 of 1 hypotheses were not evaluated"):
        found = check_hypotheses([plan("h", "odds ratio", "> 1")])
    assert np.isnan(found.share)
    assert not found.passed


@pytest.mark.parametrize(
    ("plans", "options", "error", "text"),
    [
        ([], {}, DefinitionError, "no hypothesis was given"),
        ([plan("h", "r a, b", "> 0")] * 2, {}, DefinitionError, "ids are used twice: 'h'"),
        ([{"id": "h", "measure": "r a, b"}], {}, DefinitionError, "a hypothesis has no 'expected'"),
        ([plan("h", "r a, b", "> 0")], {"values": {"k": 1.0}}, DefinitionError, "not planned: 'k'"),
        ([plan("h", "r a, b", "> 0")], {"correlation": "tau"}, DefinitionError, "correlation is 'tau'"),
        (
            [plan("h", "r q1, q2", "> 0")],
            {"data": LIKERT.head(3)},
            ResponseDataError,
            "3 of 3 persons have both",
        ),
        ([plan("h", "r q1, q2", "> 0")], {"data": LIKERT.assign(q2=1)}, ResponseDataError, "does not vary"),
    ],
)
def test_bad_hypotheses_are_refused(
    plans: list[Any], options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^check_hypotheses: (.|\n)*{text}(.|\n)*Hint: "):
        check_hypotheses(plans, **options)


def test_persons_are_counted_for_each_correlation() -> None:
    found = check_hypotheses([plan("h", "correlation q1, q2", "> 0")], HOLED)
    assert found.table.loc["h", "n"] == HOLED[["q1", "q2"]].notna().all(axis=1).sum()


# --- known groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        (LIKERT, {"score": "z"}, DefinitionError, "columns are not in the data: 'z'"),
        (LIKERT, {"score": "site"}, ResponseDataError, "columns are not numeric: 'site'"),
        (LIKERT.assign(group="a"), {}, ResponseDataError, "'group' holds 1 group with scores"),
        (LIKERT.assign(group=["a", "a", *"b" * 598]), {}, ResponseDataError, "fewer than 3 persons: 'a'"),
        (LIKERT, {"expected": ["a", "c"]}, DefinitionError, "expected names 'a', 'c', the data hold"),
        (
            LIKERT.assign(q1=LIKERT["q1"].mask(LIKERT["group"] == "a", 3)),
            {},
            NotEstimableError,
            "groups without variance: 'a'",
        ),
    ],
)
def test_bad_groups_are_refused(
    data: pd.DataFrame, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^known_groups: (.|\n)*{text}(.|\n)*Hint: "):
        known_groups(data, **{"score": "q1", "group": "group", **options})


def test_groups_keep_their_order_of_appearance_and_reversing_changes_the_sign() -> None:
    plain = known_groups(LIKERT, "q5", "group")
    assert plain.descriptives.index.tolist() == list(LIKERT["group"].unique())
    turned = known_groups(LIKERT, "q5", "group", expected=plain.descriptives.index[::-1].tolist())
    assert turned.pairs["hedges_g"].item() == pytest.approx(-plain.pairs["hedges_g"].item())
    assert turned.ranks["effect"] == pytest.approx(-plain.ranks["effect"])
    assert plain.as_expected is None
    assert turned.as_expected is bool(np.diff(turned.descriptives["mean"]) > 0)


def test_persons_without_score_or_group_are_dropped_and_counted() -> None:
    data = HOLED.assign(group=HOLED["group"].mask(HOLED.index < 5))
    found = known_groups(data, "q5", "group")
    assert found.n_obs == len(data[["q5", "group"]].dropna())
    assert found.n_obs + found.n_dropped == len(data)
    assert found.descriptives["n"].sum() == found.n_obs


@pytest.mark.parametrize("third", [1, 2])
def test_one_person_of_a_third_group_does_not_block_the_test_of_two_others(third: int) -> None:
    data = LIKERT.assign(group=LIKERT["group"].astype(object).mask(LIKERT.index < third, "other"))
    with pytest.warns(ToolkitWarning, match="1 groups of fewer than 3 persons were left out: 'other'"):
        found = known_groups(data, "q5", "group")
    rest = known_groups(data.iloc[third:], "q5", "group")
    pd.testing.assert_frame_equal(found.pairs, rest.pairs)
    pd.testing.assert_series_equal(found.welch, rest.welch)
    pd.testing.assert_series_equal(found.ranks, rest.ranks)
    assert found.left_out.to_dict() == {"other": third} and rest.left_out.empty
    assert found.n_obs == len(data) - third and found.n_dropped == 0
    with pytest.warns(ToolkitWarning, match="left out"):
        assert known_groups(data, "q5", "group", expected=["a", "b"]).as_expected is not None
    with pytest.raises(ResponseDataError, match="fewer than 3 persons: 'other'"):
        known_groups(data, "q5", "group", expected=["a", "b", "other"])


def test_small_groups_are_warned_of() -> None:
    with pytest.warns(ToolkitWarning, match="groups of fewer than 10 persons"):
        known_groups(LIKERT.head(12), "q5", "group")


# --- incremental validity ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"predictors": "z"}, DefinitionError, "columns are not in the data: 'z'"),
        ({"predictors": "q3", "baseline": "q3"}, DefinitionError, "columns are used twice: 'q3'"),
        ({"predictors": []}, DefinitionError, "no predictor was named"),
        ({"predictors": "site"}, ResponseDataError, "columns are not numeric: 'site'"),
        ({"data": LIKERT.head(3)}, ResponseDataError, "3 persons have every column, the model has 3 terms"),
        ({"data": LIKERT.assign(q3=2 * LIKERT["q2"])}, NotEstimableError, "collinear or constant"),
    ],
)
def test_bad_regressions_are_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    call = {"data": LIKERT, "outcome": "q1", "predictors": "q3", "baseline": "q2", **options}
    with pytest.raises(error, match=f"^incremental_validity: (.|\n)*{text}(.|\n)*Hint: "):
        incremental_validity(**call, draws=20)


def test_increment_repeats_counts_and_ignores_units() -> None:
    call: dict[str, Any] = {"baseline": "q2", "adjust_for": ["site"], "draws": 60, "seed": 3}
    first = incremental_validity(HOLED, "q1", "q3", **call)
    again = incremental_validity(HOLED.assign(q3=10 * HOLED["q3"] - 4), "q1", "q3", **call)
    assert first.n_obs == len(HOLED[["q1", "q2", "q3", "site"]].dropna())
    assert first.n_obs + first.n_dropped == len(HOLED)
    assert again.delta_r_squared == pytest.approx(first.delta_r_squared, rel=1e-9)
    assert (again.ci_lower, again.ci_upper) == pytest.approx((first.ci_lower, first.ci_upper), rel=1e-8)
    assert 0 <= first.ci_lower < first.delta_r_squared < first.ci_upper
    assert first.to_frame().index.tolist()[-1] == "q3"


# --- what a mutated join of parts would change -------------------------------------------------------


@pytest.mark.parametrize("people", [slice(0, 90), slice(0, 25)])
def test_htmt_limits_are_percentiles_of_draws_by_the_signs_of_the_sample(people: slice) -> None:
    """Written out: each correlation of a draw counts by the sign it has among those drawn from."""
    rows = LIKERT.iloc[people]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = htmt(rows, THEMES, draws=400, seed=4).pairs
    values = rows[[item for items in THEMES.values() for item in items]].to_numpy(dtype=float)
    places = [range(4), range(4, 8), range(8, 12)]
    signs = np.sign(np.corrcoef(values.T))

    def plain(correlations: np.ndarray) -> list[float]:
        inside = [np.mean([abs(correlations[i, j]) for i in own for j in own if i < j]) for own in places]
        return [
            float(np.mean([correlations[i, j] for i in one for j in other]) / np.sqrt(inside[a] * inside[b]))
            for (a, one), (b, other) in itertools.combinations(enumerate(places), 2)
        ]

    rng = np.random.default_rng(4)
    sampled = [np.corrcoef(values[rng.integers(0, len(values), len(values))].T) for _ in range(400)]
    first = np.array([plain(signs * r) for r in sampled])
    with np.errstate(invalid="ignore"):
        second = np.array([np.exp(_log_ratios(np.abs(r), places)) for r in sampled])
    lost = 400 - int(np.isfinite(second).all(axis=1).sum())
    assert (lost > 0) == (len(values) == 25)
    assert [str(w.message).split(" draws")[0] for w in said] == [
        f"htmt: HTMT2 is not defined in {lost} of 400"
    ] * (lost > 0)
    whole = np.corrcoef(values.T)
    for name, drawn, estimate in (
        ("htmt", first, plain(np.abs(whole))),
        ("htmt2", second, np.exp(_log_ratios(np.abs(whole), places)).tolist()),
    ):
        drawn = drawn[np.isfinite(drawn).all(axis=1)]  # HTMT2: items of a theme that correlate 0
        lower, upper = np.quantile(drawn, [0.025, 0.975], axis=0)
        np.testing.assert_allclose(found[name], estimate, rtol=1e-9)
        np.testing.assert_allclose(
            found[f"{name}_ci_lower"], np.maximum(np.minimum(lower, estimate), 0.0), rtol=1e-9
        )
        np.testing.assert_allclose(found[f"{name}_ci_upper"], np.maximum(upper, estimate), rtol=1e-9)


def _log_ratios(strength: np.ndarray, places: list[range]) -> list[float]:
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(strength < 1e-12, 0.0, strength))
    inside = [np.mean([logs[i, j] for i in own for j in own if i < j]) for own in places]
    return [
        float(np.mean([logs[i, j] for i in one for j in other]) - (inside[a] + inside[b]) / 2)
        for (a, one), (b, other) in itertools.combinations(enumerate(places), 2)
    ]


@pytest.mark.filterwarnings("ignore:htmt. HTMT2 is not defined")
def test_htmt_intervals_cover_where_few_people_answer_skewed_items() -> None:
    """Sixty people, yes-no items, a ratio of .29: draws that are folded once more covered it in four of ten."""
    cover, n = [], 60
    for seed in range(60):
        rng = np.random.default_rng(seed)
        factors = rng.normal(size=(n, 2)) @ np.linalg.cholesky([[1, 0.3], [0.3, 1]]).T
        answers = 0.7 * np.repeat(factors, 4, axis=1) + np.sqrt(0.51) * rng.normal(size=(n, 8)) > 0.3
        pair = htmt(
            pd.DataFrame(answers.astype(float), columns=list("abcdefgh")),
            {"x": list("abcd"), "y": list("efgh")},
            draws=200,
        ).pairs.iloc[0]
        cover.append(pair["htmt_ci_lower"] <= 0.286 <= pair["htmt_ci_upper"])
    assert np.mean(cover) >= 0.85  # .92 of 300 studies; fewer than 51 of 60 less than once in 20


def test_an_htmt_interval_holds_its_estimate_where_every_draw_lies_above() -> None:
    held = []
    for seed in range(25):
        generator = np.random.default_rng(seed)
        factors = generator.normal(size=(60, 2)) @ np.linalg.cholesky([[1, 0.05], [0.05, 1]]).T
        values = np.repeat(factors, 4, axis=1) * 0.65 + generator.normal(size=(60, 8)) * 0.75
        table = pd.DataFrame(values, columns=list("abcdefgh"))
        pair = htmt(table, {"x": list("abcd"), "y": list("efgh")}, draws=100).pairs.iloc[0]
        for name in ("htmt", "htmt2"):
            held.append(pair[f"{name}_ci_lower"] <= pair[name] <= pair[f"{name}_ci_upper"])
    assert all(held)


def test_htmt_limits_of_unrelated_themes_end_at_nought() -> None:
    """Draws by the signs of the sample fall below 0, where no ratio lies."""
    table = pd.DataFrame(np.random.default_rng(3).normal(size=(40, 8)), columns=list("abcdefgh"))
    table[list("abcd")] += 2 * np.random.default_rng(4).normal(size=(40, 1))
    table[list("efgh")] += 2 * np.random.default_rng(5).normal(size=(40, 1))
    pair = htmt(table, {"x": list("abcd"), "y": list("efgh")}, draws=200).pairs.iloc[0]
    assert pair["htmt_ci_lower"] == 0.0 < pair["htmt"] < pair["htmt_ci_upper"]


def test_htmt2_of_too_few_defined_draws_has_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.validity.htmt.WORST_LOSS", 0.01)
    with pytest.warns(ToolkitWarning, match="HTMT2 is not defined in"):
        pairs = htmt(LIKERT.iloc[:25], THEMES, draws=400, seed=4).pairs
    assert pairs[["htmt2_ci_lower", "htmt2_ci_upper"]].isna().all(axis=None)
    assert pairs[["htmt", "htmt2", "htmt_ci_lower", "htmt_ci_upper"]].notna().all(axis=None)


def test_a_callers_rounding_of_pingouin_reaches_no_result() -> None:
    scores = pd.DataFrame({"score": LIKERT["q1"] + LIKERT["q2"] / 3, "group": LIKERT["group"]})
    before = known_groups(scores, "score", "group")
    kept = dict(pingouin.options)
    pingouin.options["round"] = 1
    try:
        after = known_groups(scores, "score", "group")
        assert pingouin.options["round"] == 1
    finally:
        pingouin.options.clear()
        pingouin.options.update(kept)
    pd.testing.assert_frame_equal(before.to_frame(), after.to_frame())


@pytest.mark.parametrize("shift", [-12.0, -5.0, -1.0, 0.0, 0.4, 3.0, 12.0])
@pytest.mark.parametrize("n", [3, 10, 30, 80])
def test_the_interval_of_hedges_g_ends_where_its_probabilities_are(n: int, shift: float) -> None:
    rng = np.random.default_rng(n)
    first, second = rng.normal(size=n), rng.normal(size=n) + shift
    estimate, lower, upper = hedges_g(first, second)
    df, scale = 2 * n - 2, np.sqrt(2 / n)
    factor = small_sample_factor(df) * scale
    t = estimate / factor
    assert nct.cdf(t, df, lower / factor) == pytest.approx(0.975, abs=1e-8)
    assert nct.cdf(t, df, upper / factor) == pytest.approx(0.025, abs=1e-8)


def test_ranks_of_many_people_are_compared_without_every_pair_of_them() -> None:
    """Before, 20,000 people took 1 GB: each of one group beside each of the other."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"score": rng.integers(1, 30, 6_000), "group": np.repeat(["a", "b"], 3_000)})
    tracemalloc.start()
    found = known_groups(table, "score", "group")
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    first, second = (table.loc[table["group"] == name, "score"].to_numpy() for name in "ab")
    above = sum(int((second > value).sum()) + (second == value).sum() / 2 for value in first)
    assert found.ranks["statistic"] == above  # pairs in which the second is higher, ties by half
    np.testing.assert_allclose(found.ranks["effect"], 2 * above / 9e6 - 1)
    assert held < 20e6


@pytest.mark.parametrize("draws", [20, 100, 101, 250])
def test_draws_are_the_same_however_many_are_held_together(draws: int) -> None:
    values, names = np.random.default_rng(6).normal(size=50), ("mean",)
    many = bootstrap_all(
        values, lambda times: (times @ values / 50)[:, None], names, draws=draws, seed=3, caller="test"
    )
    one = bootstrap(values, lambda rows: (float(rows.mean()),), names, draws=draws, seed=3, caller="test")
    assert many.values.shape == (draws, 1)
    np.testing.assert_allclose(many.values, one.values, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("n", [30, 260])
def test_intervals_by_sums_are_those_of_the_rows_drawn(missing: float, n: int) -> None:
    rng = np.random.default_rng(9)
    table = rng.normal(size=(n, 1)) + rng.normal(size=(n, 9))
    values = np.digitize(table, [-1.5, -0.5, 0.5, 1.5]) + 1.0
    values[rng.random(values.shape) < missing] = np.nan
    themes = {"one": ["a", "b", "c"], "two": ["d", "e", "f"], "three": ["g", "h", "i"]}
    items = pd.DataFrame(values, columns=list("abcdefghi"))
    found = htmt(items, themes, draws=60, seed=4).pairs
    places = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]

    whole = pd.DataFrame(values).corr().to_numpy()
    signs = np.sign(whole)

    def of_rows(rows: np.ndarray) -> tuple[float, ...]:
        return tuple(np.concatenate(ratios(pd.DataFrame(rows).corr().to_numpy(), places, signs)).tolist())

    drawn = bootstrap(values, of_rows, tuple("abcdef"), draws=60, seed=4, caller="test").values
    estimate = np.concatenate(ratios(whole, places))
    lower, upper = np.quantile(drawn, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(
        found["htmt_ci_lower"], np.clip(np.minimum(lower, estimate)[:3], 0, None), rtol=1e-9
    )
    np.testing.assert_allclose(found["htmt_ci_upper"], np.maximum(upper, estimate)[:3], rtol=1e-9)


def test_signs_of_the_sample_stand_in_for_those_between_themes_alone() -> None:
    table = np.array(
        [[1.0, -0.4, 0.3, -0.2], [-0.4, 1.0, 0.2, 0.2], [0.3, 0.2, 1.0, 0.5], [-0.2, 0.2, 0.5, 1.0]]
    )
    places, signs = [[0, 1], [2, 3]], np.array([[1, 1, 1, 1], [1, 1, -1, 1], [1, -1, 1, 1], [1, 1, 1, 1]])
    for zero in (False, True):  # exact zeros are summed elsewhere
        if zero:
            table[1, 3] = table[3, 1] = 0.0
        last = 0.0 if zero else 0.2
        inside = np.sqrt(0.4 * 0.5)
        assert ratios(table, places, signs)[0] == pytest.approx((0.3 - 0.2 - 0.2 + last) / 4 / inside)
        assert ratios(table, places)[0] == pytest.approx((0.3 + 0.2 + 0.2 + last) / 4 / inside)
        geometric = 0.0 if zero else (0.3 * 0.2**3) ** 0.25 / inside
        assert ratios(table, places, signs)[1] == pytest.approx(geometric)


def test_sums_of_pairs_are_those_of_the_rows_with_any_that_hardly_vary_left_to_slower_sums() -> None:
    rng = np.random.default_rng(10)
    values = rng.integers(1, 5, (40, 4)).astype(float)
    values[rng.random(values.shape) < 0.15] = np.nan
    times = np.bincount(rng.integers(0, 40, 40), minlength=40)
    sums = PairSums(values)
    rows = np.repeat(np.arange(40), times)
    by_rows = pd.DataFrame(values[rows]).corr().to_numpy()
    np.testing.assert_allclose(sums.drawn(times[None].astype(float))[0], by_rows, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(
        sums.correlations(), pd.DataFrame(values).corr().to_numpy(), rtol=1e-10, atol=1e-13
    )
    once = np.zeros(40)
    once[0] = 40.0  # one person forty times: nothing varies
    assert sums.drawn(once[None]) == [None]


@pytest.mark.parametrize("n", [20, 60, 333])
def test_an_item_that_never_varies_in_a_draw_has_no_correlation_there(n: int) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(1, 6, (n, 4)).astype(float)
    values[:, 0], values[:, 1] = 1.0, 0.1
    values[:3, 0], values[0, 1] = [2.0, 2.0, 3.0], 0.7  # answered otherwise by one to three people
    sums, seen = PairSums(values), set()
    for _ in range(60):
        times = np.bincount(rng.integers(0, n, n), minlength=n)
        found = sums.drawn(times[None].astype(float))[0]
        varies = bool((np.ptp(values[times > 0], axis=0) > 0).all())
        assert (found is not None) is varies
        seen.add(varies)
    assert seen == {True, False}
