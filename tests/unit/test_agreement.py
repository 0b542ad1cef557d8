"""Agreement: what is refused, and relations that hold by definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

from analysis.agreement.icc import icc
from analysis.agreement.measurement_error import (
    limits_of_agreement,
    reliable_change,
    standard_error_of_measurement,
)
from instrument.errors import NotEstimableError, ResponseDataError


def long(n: int = 60, k: int = 2, shift: float = 0.0, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    wide = rng.standard_normal((n, 1)) + 0.5 * rng.standard_normal((n, k)) + shift * np.arange(k)
    return pd.DataFrame(
        {
            "participant": np.repeat([f"p{i}" for i in range(n)], k),
            "wave": np.tile(np.arange(1, k + 1), n),
            "score": wide.ravel(),
        }
    )


def test_a_shift_between_waves_lowers_agreement_but_not_consistency() -> None:
    still, moved = icc(long()), icc(long(shift=1.0))
    assert moved.estimate("ICC(C,1)") == pytest.approx(still.estimate("ICC(C,1)"), abs=1e-12)
    assert moved.estimate("ICC(A,1)") < still.estimate("ICC(A,1)") - 0.1
    assert moved.sem_consistency == pytest.approx(still.sem_consistency, abs=1e-12)
    assert moved.sem_agreement > still.sem_agreement
    assert moved.rater_means.diff().iloc[1] == pytest.approx(still.rater_means.diff().iloc[1] + 1)


def test_agreement_is_the_share_of_variance_between_targets() -> None:
    result = icc(long(shift=1.0, k=3))
    total = result.target_variance + result.rater_variance + result.error_variance
    assert result.estimate() == pytest.approx(result.target_variance / total, abs=1e-12)
    assert result.sdc_agreement == pytest.approx(1.959964 * 2**0.5 * result.sem_agreement, rel=1e-6)
    assert result.ci().lower < result.estimate() < result.ci().upper


def test_order_of_rows_does_not_matter_and_units_do_not_either() -> None:
    data = long(k=3)
    shuffled = data.sample(frac=1, random_state=1).assign(score=lambda frame: 10 * frame["score"] + 3)
    one, other = icc(data), icc(shuffled)
    np.testing.assert_allclose(one.table["icc"], other.table["icc"], atol=1e-12)
    assert other.sem_agreement == pytest.approx(10 * one.sem_agreement)


def test_options_of_pingouin_do_not_change_results() -> None:
    plain = icc(long()).table
    before = dict(pingouin.options)
    pingouin.options["round"] = 1
    try:
        rounded = icc(long()).table
        assert pingouin.options["round"] == 1
    finally:
        pingouin.options.clear()
        pingouin.options.update(before)
    pd.testing.assert_frame_equal(plain, rounded)


def test_unbalanced_targets_are_dropped_and_counted() -> None:
    data = long()
    gap = data.drop(index=[0, 3]).assign(
        score=lambda frame: frame["score"].mask(frame["participant"] == "p9")
    )
    result = icc(gap)
    whole = icc(data[~data["participant"].isin(["p0", "p1", "p9"])])
    assert (result.n_targets, result.n_dropped) == (57, 3)
    pd.testing.assert_frame_equal(result.table, whole.table)


def test_raters_keep_their_order_and_no_variance_lies_below_nought() -> None:
    """Both raters have mean 4, so their mean square (0) lies below the residual one (1)."""
    wide = pd.DataFrame({"participant": list("abcd"), "pre": [1, 3, 5, 7], "post": [2, 2, 6, 6]})
    found = icc(wide.melt("participant", var_name="wave", value_name="score"), confidence=0.9)
    assert found.rater_means.to_dict() == {"pre": 4.0, "post": 4.0}
    assert list(found.rater_means.index) == ["pre", "post"]
    assert found.rater_variance == 0.0
    assert found.error_variance == pytest.approx(2 / 3)  # residuals ±1/2, 8 · 1/4 over 3 degrees of freedom
    assert found.sem_agreement == found.sem_consistency == pytest.approx((2 / 3) ** 0.5)
    ratio = (34 / 3) / (2 / 3)  # mean square of targets: 2 · (2.5² + 1.5² + 1.5² + 2.5²) / 3
    low, high = ratio / stats.f.ppf(0.95, 3, 3), ratio * stats.f.ppf(0.95, 3, 3)
    row = found.table.loc["ICC(C,1)"]
    assert row["icc"] == pytest.approx((ratio - 1) / (ratio + 1))
    assert (row["ci_lower"], row["ci_upper"]) == pytest.approx(
        ((low - 1) / (low + 1), (high - 1) / (high + 1))
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (long().drop(columns="wave"), "columns are absent: 'wave'"),
        (long().assign(score="high"), "columns are not numeric: 'score'"),
        (pd.concat([long(), long().iloc[:2]]), "2 of 122 rows repeat a target and rater"),
        (
            pd.concat([long(), long().iloc[:2].assign(score=9.5)]),
            "2 of 122 rows repeat a target and rater",
        ),
        (long().assign(wave=1).drop_duplicates("participant"), "1 rater in 'wave'"),
        (long().assign(participant=None), "120 of 120 rows name no target"),
    ],
)
def test_unusable_tables_are_refused(data: pd.DataFrame, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        icc(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (long().assign(score=3.0), "have no variance"),
        (long(2), "2 of 2 targets have every rating"),
        (long().assign(score=np.nan), "0 of 60 targets"),
        (
            long().assign(score=lambda frame: frame.groupby("participant")["score"].transform("first")),
            "residual",
        ),
        (long(8).assign(score=[1.0, 3.0, 3.0, 1.0] * 4), "8 targets do not differ"),
    ],
)
def test_what_cannot_be_estimated(data: pd.DataFrame, message: str) -> None:
    with pytest.raises(NotEstimableError, match=message):
        icc(data)


def paired(n: int = 40) -> tuple[pd.Series, pd.Series]:
    wide = long(n).pivot(index="participant", columns="wave", values="score")
    return wide[1], wide[2]


def test_limits_hold_their_share_of_normal_differences() -> None:
    rng = np.random.default_rng(7)
    first, second = pd.Series(rng.standard_normal(4000)), pd.Series(rng.standard_normal(4000))
    result = limits_of_agreement(first, second)
    inside = result.points["difference"].between(result.lower, result.upper).mean()
    assert inside == pytest.approx(0.95, abs=0.012)
    assert result.lower_ci.lower < result.lower < result.lower_ci.upper
    assert result.to_frame().loc["bias", "estimate"] == result.bias


def test_interval_of_a_limit_covers_its_true_value() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(1000):
        difference = pd.Series(rng.normal(0.3, 2.0, 50))
        found = limits_of_agreement(pd.Series(np.zeros(50)), difference)
        covered += found.upper_ci.lower < 0.3 + 1.959964 * 2 < found.upper_ci.upper
    assert 0.92 < covered / 1000 < 0.98


def test_pairs_are_matched_by_index_and_counted() -> None:
    first, second = paired()
    result = limits_of_agreement(first.iloc[::-1], second.iloc[3:])
    assert (result.n_pairs, result.n_dropped) == (37, 3)
    assert result.bias == pytest.approx((second - first).iloc[3:].mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "error", "message"),
    [
        (pd.Series(["a", "b"]), pd.Series([1, 2]), ResponseDataError, "first is not numeric"),
        (
            pd.Series([1, 2], index=[0, 0]),
            pd.Series([1, 2]),
            ResponseDataError,
            "1 index labels of first repeat",
        ),
        (pd.Series([1.0, 2.0]), pd.Series([2.0, 4.0]), NotEstimableError, "2 of 2 pairs"),
        (pd.Series([1.0, 2, 3]), pd.Series([2.0, 3, 4]), NotEstimableError, "all 3 differences are equal"),
    ],
)
def test_unusable_pairs_are_refused(first: Any, second: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        limits_of_agreement(first, second)


def test_reliable_change_counts_directions() -> None:
    first = pd.Series([0.0, 0.0, 0.0, np.nan], index=list("abcd"))
    second = pd.Series([5.0, -5.0, 1.0, 9.0], index=list("abcd"))
    result = reliable_change(first, second, sem=1.0)
    assert result.table["direction"].to_dict() == {"a": "higher", "b": "lower", "c": "no reliable change"}
    assert result.threshold == pytest.approx(2.771808, abs=1e-6)
    assert result.to_frame()["n"].to_dict() == {"higher": 1, "no reliable change": 1, "lower": 1}
    assert (result.n_pairs, result.n_dropped) == (3, 1)


def test_reliable_change_needs_a_positive_error_and_somebody() -> None:
    with pytest.raises(ResponseDataError, match="sem is 0"):
        reliable_change(pd.Series([1.0]), pd.Series([2.0]), sem=0)
    with pytest.raises(NotEstimableError, match="none of 2 people"):
        reliable_change(pd.Series([1.0], index=["a"]), pd.Series([2.0], index=["b"]), sem=1)


@pytest.mark.parametrize(("sd", "reliability"), [(-1, 0.5), (1, 1.2), (1, float("nan")), (float("nan"), 0.5)])
def test_standard_error_needs_possible_numbers(sd: float, reliability: float) -> None:
    with pytest.raises(ResponseDataError, match="standard_error_of_measurement"):
        standard_error_of_measurement(sd, reliability)


def test_every_limit_of_agreement_by_hand() -> None:
    """Seven pairs, every number from its formula with the quantiles of a printed table."""
    first = pd.Series([10.0, 12, 15, 9, 14, 11, 13])
    second = pd.Series([11.0, 15, 14, 12, 13, 15, 16])
    found = limits_of_agreement(first, second, coverage=0.90, confidence=0.95)
    difference = np.array([1.0, 3, -1, 3, -1, 4, 3])
    bias, sd, n = difference.mean(), difference.std(ddof=1), 7
    z, t = 1.6448536269514722, 2.4469118511449692  # normal .95, Student's t .975 with 6 degrees of freedom
    assert (found.bias, found.sd) == (pytest.approx(bias), pytest.approx(sd))
    assert (found.lower, found.upper) == (pytest.approx(bias - z * sd), pytest.approx(bias + z * sd))
    assert tuple(found.bias_ci) == pytest.approx((bias - t * sd / n**0.5, bias + t * sd / n**0.5))
    half = t * sd * (1 / 7 + z**2 / 12) ** 0.5
    assert tuple(found.lower_ci) == pytest.approx((bias - z * sd - half, bias - z * sd + half))
    assert tuple(found.upper_ci) == pytest.approx((bias + z * sd - half, bias + z * sd + half))
    middle = (first + second) / 2
    slope = np.polyfit(middle, difference, 1)[0]
    assert found.slope == pytest.approx(slope)
    assert found.points["mean"].tolist() == middle.tolist()


def test_reliable_change_has_its_threshold_and_its_edge() -> None:
    z = 1.959963984540054
    found = reliable_change(pd.Series([0.0, 0.0, 0.0]), pd.Series([z * 2**0.5, 9.0, -9.0]), sem=1.0)
    assert found.threshold == pytest.approx(z * 2**0.5)
    two = reliable_change(pd.Series([0.0]), pd.Series([3.0]), sem=2.0)
    assert two.threshold == pytest.approx(2 * z * 2**0.5)
    assert two.table["index"].item() == pytest.approx(3 / (2 * 2**0.5))
    assert found.table["direction"].tolist()[1:] == ["higher", "lower"]
    # beyond the threshold, not at it (the edge itself is a matter of rounding)
    below = reliable_change(pd.Series([0.0]), pd.Series([z * 2**0.5 * (1 - 1e-9)]), sem=1.0)
    above = reliable_change(pd.Series([0.0]), pd.Series([z * 2**0.5 * (1 + 1e-9)]), sem=1.0)
    assert below.table["direction"].item() == "no reliable change"
    assert above.table["direction"].item() == "higher"


def test_the_interval_asked_for_is_the_one_of_its_row() -> None:
    found = icc(long(shift=1.0, k=3))
    assert len(set(found.table["ci_lower"])) == 6
    for name, row in found.table.iterrows():
        assert found.ci(str(name)) == (row["ci_lower"], row["ci_upper"])


def test_differences_have_no_slope_where_every_mean_is_the_same() -> None:
    found = limits_of_agreement(pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([9.0, 8.0, 7.0, 6.0]))
    assert np.isnan(found.slope) and np.isnan(found.slope_pvalue)
    assert found.bias == 5.0 and found.sd == pytest.approx(np.std([8, 6, 4, 2], ddof=1))


def test_a_score_without_error_has_none() -> None:
    assert standard_error_of_measurement(3.0, 1.0) == 0.0
    assert standard_error_of_measurement(3.0, 0.0) == 3.0
