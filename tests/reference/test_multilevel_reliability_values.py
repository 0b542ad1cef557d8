"""Omega and alpha of two levels, intraclass correlations and cross-level invariance: lavaan, and the author."""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from analysis import cross_level_invariance, intraclass_correlations, multilevel_reliability
from tests.reference.two_level_data import FILE, complete, incomplete

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "values" / "multilevel_reliability.json").read_text())
LAVAAN07 = json.loads((HERE / "values" / "two_levels.json").read_text())
# lavaan 0.6-14 stops within 5e-6 of these optima
ESTIMATE, STANDARD_ERROR = 1e-5, 1e-3
COMPARED = [
    ("omega and alpha of two levels, cross-level invariance", "lavaan 0.6-14", ESTIMATE),
    ("intraclass correlations of items", "lavaan 0.7-2", ESTIMATE),
]
ITEMS = ["y1", "y2", "y3", "cluster"]


@cache
def reliability():
    return multilevel_reliability(complete()[ITEMS], "cluster")


def test_the_data_are_those_of_the_reference():
    assert hashlib.md5(FILE.read_bytes()).hexdigest() == REFERENCE["made_by"]["md5"]


def test_coefficients_and_their_errors():
    found, compared = reliability(), 0
    assert found.harmonic_size == pytest.approx(REFERENCE["harmonic_size"])
    for row in found.table.itertuples():
        construct = "shared" if row.coefficient == "omega_latent_between" else row.construct
        wanted = REFERENCE[construct][row.coefficient]
        assert row.estimate == pytest.approx(wanted["est"], abs=ESTIMATE), row.coefficient
        assert row.se == pytest.approx(wanted["se"], rel=STANDARD_ERROR), row.coefficient
        assert row.ci_upper - row.estimate == pytest.approx(1.959964 * row.se, rel=1e-6)
        compared += 1
    assert compared == 10


def test_what_the_author_prints():
    for name, value in REFERENCE["published"].items():
        assert reliability().estimate(name) == pytest.approx(value, abs=ESTIMATE), name


def test_intraclass_correlations():
    found = intraclass_correlations(complete()[ITEMS], "cluster")
    assert found.table["item"].tolist() == ["y1", "y2", "y3"]
    for row in found.table.itertuples():
        assert row.icc == pytest.approx(LAVAAN07["icc"][row.item], abs=ESTIMATE)
        wanted = REFERENCE["any"][f"icc_{row.item}"]
        assert row.se == pytest.approx(wanted["se"], rel=STANDARD_ERROR)
        assert row.design_effect == pytest.approx(1 + 11.5 * row.icc)
        assert row.icc == pytest.approx(row.variance_between / (row.variance_within + row.variance_between))
    assert (found.n_obs, found.n_clusters, found.mean_size) == (2500, 200, 12.5)


def test_missing_answers_move_little_and_widen_errors():
    less = multilevel_reliability(incomplete()[ITEMS], "cluster").table
    full = reliability().table
    assert np.abs(less["estimate"] - full["estimate"]).max() < 0.02
    assert (less["se"] > 0.95 * full["se"]).all() and less["se"].sum() > full["se"].sum()


def test_levels_of_invariance():
    found = cross_level_invariance("f =~ y1 + y2 + y3\ng =~ y4 + y5 + y6", complete(), "cluster")
    wanted = REFERENCE["invariance"]
    rows = found.table.set_index("level")
    assert found.table["level"].tolist() == ["configural", "metric", "strong"] and found.group == "cluster"
    for level in ("configural", "metric"):
        for index, value in wanted[level].items():
            mine = rows.loc[level, index.replace(".", "_")]
            tolerance = {"rel": 5e-4} if "chisq" in index else {"abs": 3e-5}  # 0.6-14 counts no J / (J - 1)
            assert mine == pytest.approx(value, **tolerance), (level, index)
    assert rows.loc["metric", "df_diff"] == wanted["difference"]["Df diff"] == 4
    assert rows.loc["metric", "chisq_diff"] == pytest.approx(wanted["difference"]["Chisq diff"], rel=5e-4)
    assert rows.loc["metric", "pvalue_diff"] == pytest.approx(wanted["difference"]["Pr(>Chisq)"], abs=1e-4)
    assert rows.loc["strong", "df_diff"] == 6 and found.highest_level() == "metric"
    last = found.fits["strong"].parameters.query(
        "level == 2 and op == '~~' and lhs == rhs and lhs != 'f' and lhs != 'g'"
    )
    assert last["est"].tolist() == [0.0] * 6
