"""Difference tests, equivalence, single misfits and scores at the edges: saturated, in groups, with means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from analysis import cfa, compare_models, sem

C = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "continuous.csv")
MODEL = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"


def test_against_a_saturated_model_the_difference_is_the_scaled_statistic_itself() -> None:
    saturated = sem("x1 ~ x2 + x3\nx4 ~ x2 + x3\nx1 ~~ x4", C, "MLR")
    restricted = sem("x1 ~ x2 + 0*x3\nx4 ~ x2 + 0*x3\nx1 ~~ x4", C, "MLR")
    assert (saturated.fit["df"], restricted.fit["df"]) == (0, 2)
    row = compare_models({"saturated": saturated, "restricted": restricted}).table.iloc[-1]
    assert row["df_diff"] == 2
    assert row["chisq_diff"] == pytest.approx(restricted.fit["chisq_scaled"])
    assert row["pvalue"] == pytest.approx(chi2.sf(restricted.fit["chisq_scaled"], 2))


def test_adjusted_cut_offs_are_for_one_group_alone_and_t_size_cfi_where_it_is_known() -> None:
    group = np.where(np.arange(len(C)) % 2 == 0, "a", "b")
    one = cfa(MODEL, C, "MLR").equivalence().table.set_index("index")
    assert one[["t_size"]].notna().all().all()
    assert (one["grade"] != "").all()
    two = cfa(MODEL, C.assign(own=group), "MLR", group="own").equivalence().table.set_index("index")
    assert two["t_size"].notna().all()
    assert (two["grade"] == "").all()
    assert two.filter(like="close").isna().all().all()
    holed = C.mask(np.random.default_rng(1).random(C.shape) < 0.05)
    some = cfa(MODEL, holed, "MLR", missing="fiml").equivalence().table.set_index("index")
    assert some.loc["cfi", "t_size"] < some.loc["cfi", "estimate"]
    assert (some["grade"] != "").all()
    cut = C.assign(x1=pd.qcut(C["x1"], 4, labels=False) + 1)
    mixed = cfa(MODEL, cut, "WLSMV", ordered=["x1"]).equivalence().table.set_index("index")
    assert np.isnan(mixed.loc["cfi", "t_size"])
    assert mixed.loc["cfi", "grade"] == ""
    assert some.loc["rmsea", "t_size"] > some.loc["rmsea", "estimate"]


@pytest.mark.parametrize("high_power", [0.5, 0.75, 0.9, 0.99])
def test_what_counts_as_high_power_decides(high_power: float) -> None:
    fit = cfa(MODEL, C, "ML")
    table = fit.misfits(smallest={"=~": 0.2, "~~": 0.1}, high_power=high_power).table
    seen, high = table["mi"] > chi2.isf(0.05, 1), table["power"] >= high_power
    small = table["op"].map({"=~": 0.2, "~~": 0.1})
    large = table["sepc_all"].abs() >= small
    expected = np.select(
        [seen & high & ~large, seen, high], ["no misfit", "misfit", "no misfit"], default="cannot tell"
    )
    assert table["decision"].tolist() == expected.tolist()
    powers = fit.misfits(smallest={"=~": 0.2, "~~": 0.1}).table["power"]
    assert ((powers >= 0.5) & (powers < 0.99)).any(), "the shares asked for part the misfits"


def test_scores_lie_about_the_latent_means() -> None:
    group = np.where(np.arange(len(C)) % 2 == 0, "a", "b")
    moved = C.assign(own=group)
    items = ["x1", "x2", "x3"]
    moved.loc[group == "b", items] += 0.8
    fit = cfa("f =~ x1 + x2 + x3", moved, "ML", group="own", group_equal=["loadings", "intercepts"])
    table = fit.parameters
    mean = table[(table["op"] == "~1") & (table["lhs"] == "f") & (table["group"] == "b")]["est"].item()
    assert mean > 0.3
    for method in ("regression", "bartlett"):
        scores = fit.factor_scores(method=method)["f"].to_numpy()
        assert scores[group == "b"].mean() == pytest.approx(mean, abs=0.02)
        assert scores[group == "a"].mean() == pytest.approx(0, abs=0.02)
