"""Alpha and item statistics against psych 2.2.9, every field."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.items.item_statistics import item_statistics
from analysis.reliability.cronbach_alpha import AlphaResult, cronbach_alpha

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "reliability.json").read_text())
THEMES = {
    "first": [f"q{i}" for i in range(1, 5)],
    "second": [f"q{i}" for i in range(5, 9)],
    "third": [f"q{i}" for i in range(9, 13)],
    "all": [f"q{i}" for i in range(1, 13)],
}
# The same closed formulas in double precision: only the order of summation differs.
EXACT = 1e-10
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("Cronbach's alpha (listwise, pairwise), item statistics", "psych 2.2.9", EXACT),
]

TOTAL = {
    "raw_alpha": "estimate",
    "std.alpha": "standardized",
    "G6(smc)": "lambda6",
    "average_r": "average_r",
    "S/N": "signal_noise",
    "ase": "ase",
    "mean": "mean",
    "sd": "sd",
    "median_r": "median_r",
}
DROPPED = {
    "raw_alpha": "alpha",
    "std.alpha": "standardized",
    "G6(smc)": "lambda6",
    "average_r": "average_r",
    "S/N": "signal_noise",
    "alpha se": "ase",
    "var.r": "var_r",
    "med.r": "median_r",
}
ITEMS = {
    "n": "n",
    "raw.r": "raw_r",
    "std.r": "standardized_r",
    "r.cor": "corrected_r",
    "r.drop": "item_rest_r",
    "mean": "mean",
    "sd": "sd",
}
DESCRIBED = {
    "n": "n",
    "mean": "mean",
    "sd": "sd",
    "median": "median",
    "trimmed": "trimmed",
    "mad": "mad",
    "min": "minimum",
    "max": "maximum",
    "skew": "skew",
    "kurtosis": "kurtosis",
    "se": "se",
}


def keyed(name: str) -> pd.DataFrame:
    frame = pd.read_csv(HERE / "data" / name)[THEMES["all"]]
    frame[["q4", "q9"]] = 6 - frame[["q4", "q9"]]
    return frame


def assert_close(actual: Any, expected: Any, what: str) -> None:
    found, wanted = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == wanted.shape, what
    assert np.isfinite(wanted).all(), what
    np.testing.assert_allclose(found, wanted, rtol=0, atol=EXACT, err_msg=what)


def assert_node(result: AlphaResult, node: dict[str, Any]) -> None:
    assert set(node["total"]) == set(TOTAL)
    assert set(node["dropped"]) == set(DROPPED)
    assert set(node["items"]) == set(ITEMS)
    assert result.n_obs == node["n"]
    for theirs, ours in TOTAL.items():
        assert_close(getattr(result, ours), node["total"][theirs], theirs)
    for theirs, ours in DROPPED.items():
        assert_close(result.if_dropped[ours], node["dropped"][theirs], theirs)
    for theirs, ours in ITEMS.items():
        assert_close(result.item_statistics[ours], node["items"][theirs], theirs)
    assert_close(result.ci, [node["feldt"]["lower.ci"], node["feldt"]["upper.ci"]], "feldt")
    assert_close(result.one_factor_fit, node["unidim"], "unidim")
    assert result.category_shares is not None
    shares = result.category_shares.rename(columns={"missing": "miss"})
    assert list(shares.columns) == list(node["shares"])
    for category in shares.columns:
        assert_close(shares[category], node["shares"][category], category)


@pytest.mark.parametrize("name", ["likert.csv", "likert_missing.csv"])
def test_values_belong_to_these_data(name: str) -> None:
    digest = hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest()
    assert digest == VALUES["meta"]["md5"][name]


@pytest.mark.parametrize("theme", list(THEMES))
def test_complete_data(theme: str) -> None:
    assert_node(cronbach_alpha(keyed("likert.csv")[THEMES[theme]]), VALUES["alpha"][theme]["complete"])


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("rule", ["listwise", "pairwise"])
def test_missing_data(theme: str, rule: Any) -> None:
    items = keyed("likert_missing.csv")[THEMES[theme]]
    assert_node(cronbach_alpha(items, missing=rule), VALUES["alpha"][theme][rule])


def test_unkeyed_items_are_named_and_left_as_they_are() -> None:
    items = pd.read_csv(HERE / "data" / "likert.csv")[THEMES["first"]]
    with pytest.warns(UserWarning, match=r"1 item found to oppose the others: 'q4'; nothing was reversed"):
        result = cronbach_alpha(items)
    assert result.suspected_reversed == ("q4",)
    assert_node(result, VALUES["unkeyed"])


def test_descriptions() -> None:
    table = item_statistics(keyed("likert_missing.csv"), bounds=(1, 5)).table
    described = VALUES["describe"]
    assert set(DESCRIBED) == set(described) - {"range"}
    for theirs, ours in DESCRIBED.items():
        assert_close(table[ours], described[theirs], theirs)
    assert_close(table["maximum"] - table["minimum"], described["range"], "range")


@pytest.mark.parametrize("theme", list(THEMES))
def test_item_relations(theme: str) -> None:
    result = item_statistics(keyed("likert_missing.csv")[THEMES[theme]], bounds=(1, 5))
    node = VALUES["alpha"][theme]["pairwise"]
    assert_close(result.table["item_rest_r"], node["items"]["r.drop"], "rest")
    assert_close(result.table["item_total_r"], node["items"]["std.r"], "total")
    assert_close(result.table["item_total_r_corrected"], node["items"]["r.cor"], "corrected")
    assert_close(result.average_inter_item_r, node["total"]["average_r"], "average")
    assert_close(result.table["floor_share"], node["shares"]["1"], "floor")
    assert_close(result.table["ceiling_share"], node["shares"]["5"], "ceiling")
