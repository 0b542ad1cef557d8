"""Intervals by the jackknife: alpha, intraclass correlations and limits of agreement without each person in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.agreement.icc import icc
from analysis.agreement.measurement_error import limits_of_agreement
from analysis.agreement.variance_components import coefficient_intervals, jackknife_intervals, mean_squares
from analysis.reliability import cronbach_alpha as of_alpha
from analysis.reliability.alpha_kernels import alpha_of, feldt_interval
from analysis.reliability.cronbach_alpha import cronbach_alpha
from instrument.errors import ResponseDataError

CEILING = (-2.2, -1.7, -1.2, -0.6)
AGREEMENT = 0.532  # of 2,000,000


def answers(n: int, k: int, seed: int, cuts: tuple[float, ...] = (-1.2, -0.4, 0.4, 1.2)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = 0.8 * rng.normal(size=(n, 1)) + 0.6 * rng.normal(size=(n, k))
    return pd.DataFrame(np.digitize(latent, cuts) + 1.0, columns=[f"i{j}" for j in range(k)])


def half_of(values: list[float], confidence: float) -> float:
    n = len(values)
    spread = (n - 1) / n * np.sum((np.array(values) - np.mean(values)) ** 2)
    return float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.sqrt(spread))


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
@pytest.mark.parametrize(("n", "k", "confidence"), [(25, 4, 0.95), (60, 2, 0.8)])
def test_alpha_without_each_person(missing: Any, n: int, k: int, confidence: float) -> None:
    items = answers(n, k, n)
    items = items.mask(np.random.default_rng(1).random(items.shape) < 0.1).dropna(how="all")
    found = cronbach_alpha(items, missing, confidence, interval="jackknife")
    used = items.dropna() if missing == "listwise" else items
    logs = [float(np.log(1 - cronbach_alpha(used.drop(index=who), missing).estimate)) for who in used.index]
    half, middle = half_of(logs, confidence), np.log(1 - found.estimate)
    assert found.ci == pytest.approx((1 - np.exp(middle + half), 1 - np.exp(middle - half)), abs=1e-10)
    assert found.estimate == cronbach_alpha(items, missing).estimate
    assert (found.interval, found.draws, found.n_obs) == ("jackknife", None, len(used))


def test_people_in_parts_are_as_people_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    items = answers(31, 5, 2).mask(np.random.default_rng(1).random((31, 5)) < 0.1)
    whole = cronbach_alpha(items, "pairwise", interval="jackknife").ci
    monkeypatch.setattr(of_alpha, "LARGEST_BLOCK", 180)
    assert cronbach_alpha(items, "pairwise", interval="jackknife").ci == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize(("raters", "confidence"), [(2, 0.95), (3, 0.9)])
def test_intraclass_correlations_without_each_target(raters: int, confidence: float) -> None:
    wide = answers(12, raters, 7).add([0.5 * j for j in range(raters)]).rename_axis("who")

    def long(table: pd.DataFrame) -> pd.DataFrame:
        return table.reset_index().melt("who", var_name="by", value_name="score")

    found = icc(long(wide), "who", "by", confidence=confidence, interval="jackknife")
    plain = icc(long(wide), "who", "by", confidence=confidence)
    rest = [icc(long(wide.drop(index=who)), "who", "by").table["icc"] for who in wide.index]
    for form in ("1", "A", "C"):
        single, mean = f"ICC({form},1)", f"ICC({form},k)"

        def line(r: float) -> float:
            return float(np.log((1 + (raters - 1) * r) / (1 - r)) / 2)

        half = half_of([line(one[single]) for one in rest], confidence)
        for limit, end in (("ci_lower", -half), ("ci_upper", half)):
            ratio = np.exp(2 * (line(plain.estimate(single)) + end))
            wanted = (ratio - 1) / (ratio + raters - 1)
            assert found.table.loc[single, limit] == pytest.approx(wanted, abs=1e-10)
            # Spearman and Brown
            assert found.table.loc[mean, limit] == pytest.approx(
                raters * wanted / (1 + (raters - 1) * wanted)
            )
    same = [c for c in plain.table if c not in ("ci_lower", "ci_upper")]
    pd.testing.assert_frame_equal(found.table[same], plain.table[same])
    assert (found.interval, plain.interval) == ("jackknife", "f")


@pytest.mark.parametrize(("coverage", "confidence"), [(0.95, 0.95), (0.8, 0.9)])
def test_limits_of_agreement_without_each_pair(coverage: float, confidence: float) -> None:
    pairs = answers(24, 2, 9)
    how: dict[str, Any] = {"coverage": coverage, "confidence": confidence}
    found = limits_of_agreement(pairs["i0"], pairs["i1"], interval="jackknife", **how)
    plain = limits_of_agreement(pairs["i0"], pairs["i1"], **how)
    rest = [
        limits_of_agreement(*(pairs.drop(index=who)[c] for c in pairs), coverage=coverage)
        for who in pairs.index
    ]
    for side in ("lower", "upper"):
        half, middle = half_of([getattr(one, side) for one in rest], confidence), getattr(plain, side)
        assert getattr(found, f"{side}_ci") == pytest.approx((middle - half, middle + half), abs=1e-10)
    assert (found.bias_ci, found.lower, found.upper) == (plain.bias_ci, plain.lower, plain.upper)
    assert (found.interval, plain.interval) == ("jackknife", "normal")


def test_what_does_not_exist_without_somebody_has_no_interval() -> None:
    """Said as unknown, not as a narrow interval: the sum varies, or two ratings differ, by one person alone."""
    opposed = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, 1.0], "b": [4.0, 3.0, 2.0, 1.0, 5.0]})
    with pytest.warns(UserWarning, match="opposite|oppose|against"):
        alpha = cronbach_alpha(opposed, interval="jackknife")
    assert np.isfinite(alpha.estimate) and np.isnan(alpha.ci).all()
    long = pd.DataFrame(
        {"who": [1, 2, 3, 4] * 2, "by": [1] * 4 + [2] * 4, "score": [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 5.0]}
    )
    found = icc(long, "who", "by", interval="jackknife")
    assert np.isfinite(found.table["icc"]).all()
    assert found.table[["ci_lower", "ci_upper"]].isna().all(axis=None)


def test_skewed_answers_are_covered_where_exact_intervals_are_not() -> None:
    """Sixty people, seven in ten of whom choose the highest of five answers; alpha is .805 in 400,000."""
    hit: dict[str, list[bool]] = {"feldt": [], "jackknife": []}
    agree: dict[str, list[bool]] = {"f": [], "jackknife": []}
    for seed in range(100):
        rng = np.random.default_rng(seed)
        factor = rng.normal(size=60)
        sums = []
        for level in (factor, 0.8 * factor + 0.6 * rng.normal(size=60)):
            latent = 0.7 * level[:, None] + np.sqrt(0.51) * rng.normal(size=(60, 4))
            sums.append((np.digitize(latent, CEILING) + 1.0).mean(axis=1))
        items, ratings = answers(60, 4, seed, CEILING).to_numpy(), np.column_stack(sums)
        alpha = alpha_of(np.cov(items.T))
        limits = {
            "feldt": feldt_interval(alpha, 60, 4, 0.95),
            "jackknife": of_alpha._by_jackknife(items, alpha, 0.95),
        }
        for name, (low, high) in limits.items():
            hit[name].append(bool(low <= 0.805 <= high))
        both = {
            "f": coefficient_intervals(mean_squares(ratings), 0.95),
            "jackknife": jackknife_intervals(ratings, 0.95),
        }
        for name, found in both.items():
            low, high = found["ICC(A,1)"]
            agree[name].append(bool(low <= AGREEMENT <= high))
    assert np.mean(hit["jackknife"]) >= 0.83  # .90 of 1,500; less than once in 50
    assert np.mean(agree["jackknife"]) >= 0.86  # .92 of 1,500
    assert np.mean(hit["jackknife"]) - np.mean(hit["feldt"]) > 0.04
    assert np.mean(agree["jackknife"]) > np.mean(agree["f"])


@pytest.mark.parametrize("call", [cronbach_alpha, icc, limits_of_agreement])
def test_an_unknown_interval_is_refused(call: Any) -> None:
    given = {
        cronbach_alpha: (answers(20, 3, 1),),
        icc: (pd.DataFrame({"participant": [1, 1], "wave": [1, 2], "score": [1.0, 2.0]}),),
        limits_of_agreement: (pd.Series([1.0, 2, 3]), pd.Series([1.0, 3, 2])),
    }[call]
    with pytest.raises(ResponseDataError, match=r"interval is 'exact'.*\n.*jackknife"):
        call(*given, interval="exact")
