"""Alpha: what it refuses, warns of and counts, and properties it must have."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.reliability.cronbach_alpha import cronbach_alpha
from instrument.errors import NotEstimableError, ResponseDataError, ToolkitWarning


def answers(n: int = 120, k: int = 5, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n, 1)) + rng.standard_normal((n, k))
    return pd.DataFrame(np.clip(np.round(latent + 3), 1, 5), columns=[f"i{j}" for j in range(k)])


def holed(frame: pd.DataFrame, share: float = 0.1, seed: int = 5) -> pd.DataFrame:
    return frame.mask(np.random.default_rng(seed).random(frame.shape) < share)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (answers()[["i0"]], r"1 item given, at least 2"),
        (answers().assign(i1="often"), r"1 of 5 columns are not numeric: 'i1'"),
        (answers().assign(i1=np.nan), r"1 of 5 items have no answer in 120 rows: 'i1'"),
        (answers().assign(i1=4.0), r"1 of 5 items have one answer only: 'i1'"),
        (answers().assign(i1=np.inf), r"infinite values in 'i1'"),
        (pd.concat([answers(), answers()[["i2"]]], axis=1), r"columns appear twice: 'i2'"),
        (answers().iloc[:0], r"the table has 0 rows and 5 items"),
        (answers().to_dict(), r"items is a dict"),
    ],
)
def test_unusable_tables_are_refused(items: Any, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        cronbach_alpha(items)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"missing": "mean"}, "missing is 'mean'"),
        ({"confidence": 95}, "confidence is 95"),
        ({"interval": "exact"}, "interval is 'exact'"),
        ({"interval": "bootstrap", "draws": 3}, "3 bootstrap draws"),
    ],
)
def test_unknown_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        cronbach_alpha(answers(), **options)


def test_every_message_has_a_hint() -> None:
    with pytest.raises(ResponseDataError, match=r"\nHint: .+\.$"):
        cronbach_alpha(answers().assign(i1=4.0))


def test_too_few_complete_rows() -> None:
    items = answers(12)
    for j in range(5):
        items.iloc[j * 2 : j * 2 + 2, j] = np.nan
    items.iloc[10, 0] = np.nan
    with pytest.raises(NotEstimableError, match=r"1 of 12 rows are left under the listwise rule"):
        cronbach_alpha(items)


def test_item_that_is_constant_among_complete_rows() -> None:
    items = answers(40)
    items.loc[items["i0"] != 3, "i1"] = np.nan
    with pytest.raises(NotEstimableError, match=r"one answer only: 'i0'"):
        cronbach_alpha(items)


def test_pair_that_nobody_answered() -> None:
    items = answers(40)
    items.loc[:19, "i0"] = np.nan
    items.loc[20:, "i1"] = np.nan
    with pytest.raises(NotEstimableError, match=r"fewer than two people answered both 'i0' and 'i1'"):
        cronbach_alpha(items, missing="pairwise")


def test_items_that_cancel_out() -> None:
    one = answers()["i0"]
    with (
        pytest.raises(NotEstimableError, match="has no variance"),
        pytest.warns(ToolkitWarning, match="'b' repeats 'a'"),
    ):
        cronbach_alpha(pd.DataFrame({"a": one, "b": 6 - one}))


def test_copies_are_named_and_lambda6_is_withheld() -> None:
    items = answers().assign(copy=lambda frame: frame["i0"])
    with pytest.warns(ToolkitWarning, match="'copy' repeats 'i0'; Guttman's lambda 6 is not"):
        result = cronbach_alpha(items)
    assert np.isnan(result.lambda6)
    assert 0 < result.estimate < 1


def test_negative_covariances_give_a_negative_alpha_and_a_warning() -> None:
    rng = np.random.default_rng(4)
    latent = rng.standard_normal(300)
    items = pd.DataFrame({"a": latent + rng.standard_normal(300), "b": -latent + rng.standard_normal(300)})
    items["c"] = latent + 2 * rng.standard_normal(300)
    with pytest.warns(ToolkitWarning, match="oppose the others: 'b'"):
        result = cronbach_alpha(items)
    assert result.estimate < 0.3
    with pytest.warns(ToolkitWarning):
        assert cronbach_alpha(items[["a", "b"]]).estimate < 0


def test_rows_are_counted_after_dropping() -> None:
    items = holed(answers())
    items.iloc[0] = np.nan
    complete = int(items.notna().all(axis=1).sum())
    listwise = cronbach_alpha(items)
    pairwise = cronbach_alpha(items, missing="pairwise")
    assert (listwise.n_obs, listwise.n_dropped) == (complete, 120 - complete)
    assert (pairwise.n_obs, pairwise.n_dropped) == (119, 1)
    assert pairwise.n_pair_least < 119
    assert listwise.n_pair_least == complete


def test_listwise_is_dropping_first() -> None:
    items = holed(answers())
    assert cronbach_alpha(items).to_dict() == {
        **cronbach_alpha(items.dropna()).to_dict(),
        "n_dropped": len(items) - len(items.dropna()),
    }


@pytest.mark.parametrize("rule", ["listwise", "pairwise"])
def test_order_of_people_and_items_does_not_matter(rule: Any) -> None:
    items = holed(answers())
    shuffled = items.sample(frac=1, random_state=2)[["i3", "i0", "i4", "i1", "i2"]]
    one, other = cronbach_alpha(items, missing=rule), cronbach_alpha(shuffled, missing=rule)
    assert one.estimate == pytest.approx(other.estimate, abs=1e-12)
    assert one.ci == pytest.approx(other.ci, abs=1e-12)
    pd.testing.assert_frame_equal(one.if_dropped, other.if_dropped.loc[one.if_dropped.index], rtol=1e-10)


def test_rescaling_all_items_changes_no_coefficient() -> None:
    items = answers()
    one, other = cronbach_alpha(items), cronbach_alpha(items * 25 - 25)
    assert one.estimate == pytest.approx(other.estimate, abs=1e-12)
    assert one.ase == pytest.approx(other.ase, abs=1e-12)
    assert other.sd == pytest.approx(25 * one.sd)


def test_if_dropped_is_alpha_of_the_rest() -> None:
    items = answers()
    dropped = cronbach_alpha(items).if_dropped
    rest = cronbach_alpha(items.drop(columns="i2"))
    assert dropped.loc["i2", "alpha"] == pytest.approx(rest.estimate, abs=1e-12)
    assert dropped.loc["i2", "ase"] == pytest.approx(rest.ase, abs=1e-12)


def test_two_items_leave_nothing_when_one_is_dropped() -> None:
    result = cronbach_alpha(answers()[["i0", "i1"]])
    assert result.if_dropped.isna().to_numpy().all()
    r = result.average_r
    assert result.standardized == pytest.approx(2 * r / (1 + r), abs=1e-12)


def test_bootstrap_is_seeded_and_covers_the_estimate() -> None:
    items = holed(answers())
    one = cronbach_alpha(items, missing="pairwise", interval="bootstrap", draws=200, seed=8)
    two = cronbach_alpha(items, missing="pairwise", interval="bootstrap", draws=200, seed=8)
    assert one.ci == two.ci
    assert one.ci.lower < one.estimate < one.ci.upper
    assert one.draws is not None
    assert one.draws.requested == len(one.draws.values) == 200
    assert one.draws.standard_error("alpha") == pytest.approx(one.ase, rel=0.35)
    assert cronbach_alpha(items, missing="pairwise").draws is None


def test_integer_items_with_na_are_read() -> None:
    items = holed(answers()).astype("Int64")
    assert cronbach_alpha(items).estimate == cronbach_alpha(items.astype(float)).estimate


def test_result_is_frozen_and_turns_into_plain_data() -> None:
    result = cronbach_alpha(answers())
    with pytest.raises(AttributeError):
        result.estimate = 1.0  # type: ignore[misc]
    assert json.loads(json.dumps(result.to_dict()))["estimate"] == result.estimate
    assert result.to_frame()["alpha"].iloc[0] == result.estimate
    assert f"{result.estimate:.3f}" in result.summary()


def test_answers_with_many_values_have_no_category_table() -> None:
    rng = np.random.default_rng(1)
    items = pd.DataFrame(rng.standard_normal((50, 1)) + rng.standard_normal((50, 3)), columns=list("abc"))
    assert cronbach_alpha(items).category_shares is None


def test_up_to_eleven_different_answers_are_shown_by_option() -> None:
    """0 to 10 in each item: one in eleven gave each; the row that skipped q is no answer of anybody."""
    codes = np.arange(11.0)
    items = pd.DataFrame({"p": np.tile(codes, 3), "q": np.repeat(codes, 3)})
    shares = cronbach_alpha(items).category_shares
    assert shares is not None
    assert shares.columns.tolist() == [*map(str, range(11)), "missing"]
    np.testing.assert_allclose(shares.drop(columns="missing"), 1 / 11)
    items.loc[3, "q"] = np.nan
    held = cronbach_alpha(items, missing="pairwise").category_shares
    assert held is not None
    assert held.loc["q", ["1", "2", "missing"]].tolist() == pytest.approx([2 / 32, 3 / 32, 1 / 33])
    assert cronbach_alpha(items.replace({"p": {0.0: 0.5}})).category_shares is None


def test_alpha_is_that_of_pingouin() -> None:
    import pingouin

    items = answers(seed=8)
    assert cronbach_alpha(items).estimate == pytest.approx(pingouin.cronbach_alpha(data=items)[0], abs=1e-12)


def test_a_first_alpha_loads_no_plotting_library() -> None:
    """A first call took seconds: seaborn and matplotlib came with pingouin, scikit-learn with factor_analyzer."""
    code = (
        "import sys, numpy as np, pandas as pd, analysis; d = np.random.default_rng(1).normal(size=(90, 1));"
        "analysis.cronbach_alpha(pd.DataFrame(d + np.random.default_rng(2).normal(size=(90, 4)),"
        " columns=list('abcd')));"
        "print(sorted({'seaborn', 'matplotlib', 'sklearn', 'statsmodels', 'pingouin'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
