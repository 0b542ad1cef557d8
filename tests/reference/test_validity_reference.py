"""Validity analyses against R (scripts/validity.R)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.validity.check_hypotheses import check_hypotheses
from analysis.validity.extracted_variance import extracted_variance
from analysis.validity.htmt import htmt
from analysis.validity.incremental_validity import incremental_validity
from analysis.validity.known_groups import known_groups

HERE = Path(__file__).resolve().parent
R = json.loads((HERE / "values" / "validity.json").read_text(encoding="utf-8"))
LIKERT = pd.read_csv(HERE / "data" / "likert.csv")
CONTINUOUS = pd.read_csv(HERE / "data" / "continuous.csv")
ITEMS = [f"q{i}" for i in range(1, 13)]
THEMES = {"one": ITEMS[:4], "two": ITEMS[4:8], "three": ITEMS[8:]}

EXACT = 1e-10  # closed forms: rounding only
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("HTMT, HTMT2, extracted variance, known groups, incremental validity", "semTools 0.5-6, R", EXACT),
]
INVERTED = 1e-7  # R's noncentral t is accurate to about 1e-9, divided by its density
POLYCHORIC = 2e-6  # lavaan's correlations are accurate to 4e-8; HTMT2 takes logarithms of small ones


def close(ours: Any, theirs: Any, tolerance: float = EXACT) -> None:
    got, want = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert got.shape == want.shape
    assert np.isfinite(want).all()
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)


def keyed() -> pd.DataFrame:
    frame = LIKERT.assign(q4=6 - LIKERT["q4"], q9=6 - LIKERT["q9"])
    return frame.assign(total=frame[ITEMS].mean(axis=1))


def test_data_are_those_r_read() -> None:
    for name in ("likert", "continuous"):
        digest = hashlib.md5((HERE / "data" / f"{name}.csv").read_bytes()).hexdigest()
        assert digest == R["meta"][f"{name}_md5"]


@pytest.mark.parametrize("kind", ["htmt", "htmt2"])
def test_htmt_of_pearson_correlations(kind: str) -> None:
    found = htmt(LIKERT, THEMES, draws=0)
    close(getattr(found, kind), R["htmt"]["pearson"][kind])
    close(getattr(found, kind), R["htmt"]["semtools"][kind])


@pytest.mark.parametrize("kind", ["htmt", "htmt2"])
def test_htmt_of_polychoric_correlations(kind: str) -> None:
    found = htmt(LIKERT, THEMES, correlation="polychoric", draws=0)
    close(getattr(found, kind), R["htmt"]["polychoric"][kind], POLYCHORIC)


def test_extracted_variance() -> None:
    node = R["extracted"]
    table = extracted_variance(
        pd.Series(node["loadings"], index=ITEMS),
        THEMES,
        error_variances=pd.Series(node["errors"], index=ITEMS),
        factor_correlations=pd.DataFrame(node["correlations"], index=list(THEMES), columns=list(THEMES)),
    ).table
    # Where lavaan stops, implied and observed item variances still differ by 1e-7.
    close(table["ave"], node["ave"], 5e-7)
    close(table["composite_reliability"], node["composite"], 5e-7)
    largest = [0.43688814902247475, 0.43688814902247475, 0.41760745815473954]
    close(table["largest_correlation"], largest)
    assert table["fornell_larcker"].all()


def test_two_known_groups() -> None:
    node = R["groups"]["two"]
    found = known_groups(keyed(), "total", "group", expected=["a", "b"])
    assert found.descriptives["n"].tolist() == node["n"]
    for column in ("mean", "sd", "median"):
        close(found.descriptives[column], node[column])
    close(found.welch["statistic"], node["statistic"])
    close(found.welch["df2"], node["df2"], 1e-8)
    close(found.welch["pvalue"], node["pvalue"])
    close(found.ranks["statistic"], node["u"])
    close(found.ranks["pvalue"], node["u_pvalue"])
    close(found.ranks["effect"], 2 * node["u"] / np.prod(node["n"]) - 1)
    pair = found.pairs.iloc[0]
    close(pair[["difference_ci_lower", "difference_ci_upper"]], node["ci"])
    close(pair["difference"], node["mean"][1] - node["mean"][0])
    close(pair[["hedges_g", "hedges_g_ci_lower", "hedges_g_ci_upper"]], node["hedges_g"], INVERTED)
    close(pair["pvalue"], node["pvalue"])
    assert found.as_expected is True


def test_three_known_groups() -> None:
    node = R["groups"]["three"]
    found = known_groups(keyed(), "total", "site", expected=["north", "south", "west"])
    close(found.welch["statistic"], node["statistic"])
    close(found.welch["df1"], node["df1"])
    close(found.welch["df2"], node["df2"], 1e-8)
    close(found.welch["pvalue"], node["pvalue"])
    close(found.welch["eta_squared"], node["eta_squared"])
    close(found.ranks["statistic"], node["h"])
    close(found.ranks["pvalue"], node["h_pvalue"])
    close(found.ranks["effect"], node["h"] / (len(LIKERT) - 1))
    pairs = found.pairs.set_index(found.pairs["first"] + ":" + found.pairs["second"])
    assert set(pairs.index) == set(node["howell"]) == set(node["g"])
    for name, pvalue in node["howell"].items():
        close(pairs.loc[name, "pvalue"], pvalue, 1e-6)  # both integrate the studentised range numerically
    for name, interval in node["g"].items():
        columns = ["hedges_g", "hedges_g_ci_lower", "hedges_g_ci_upper"]
        close(pairs.loc[name, columns], interval, INVERTED)


def test_incremental_validity() -> None:
    node = R["increment"]
    data = CONTINUOUS.assign(word=CONTINUOUS["grp"].map({1: "first", 2: "second"})).sort_values("grp")
    found = incremental_validity(data, "x9", ["x8", "x1"], baseline="x7", adjust_for="word", draws=50)
    for field in (
        "r_squared_baseline",
        "r_squared_full",
        "delta_r_squared",
        "delta_r_squared_adjusted",
        "df1",
        "df2",
        "pvalue",
        "cohen_f2",
    ):
        close(getattr(found, field), node[field])
    close(found.f, node["f"], 1e-9)
    assert found.coefficients.index.tolist() == ["intercept", "x7", "word[second]", "x8", "x1"]
    assert len(node["terms"]) == len(found.coefficients)
    close(found.coefficients["estimate"], node["estimate"])
    close(found.coefficients["se"], node["se"])
    close(found.coefficients["standardized"].iloc[1:], node["standardized"])
    assert np.isnan(found.coefficients["standardized"].iloc[0])


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations_of_hypotheses(method: str) -> None:
    node = R["correlations"][method]
    plan = {"id": "h", "measure": "correlation x1, x2", "expected": ">= 0.5"}
    row = check_hypotheses([plan], CONTINUOUS, correlation=method).table.loc["h"]
    close(row["estimate"], node["estimate"])
    close(row[["ci_lower", "ci_upper"]], node["ci"])
    close(row["pvalue"], node["pvalue"], EXACT)
    assert row["status"] == "confirmed"
    assert row["n"] == 400
