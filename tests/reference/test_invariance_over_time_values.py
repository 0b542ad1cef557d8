"""Invariance between waves against semTools and lavaan: every index of every level, every difference."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.common import rules
from analysis.structural.families.longitudinal_invariance import longitudinal_invariance, over_time_syntax
from analysis.structural.language.ordinal_levels import read_measurement
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError

HERE = Path(__file__).parent
# lavaan stops its search a little early: its own solution moves by up to 1e-6 of the chi-square
RELATIVE = 1e-5
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("Invariance between waves, ordinal and continuous items", "semTools 0.5-6, lavaan 0.6-14", RELATIVE)
]
MODEL = "f =~ i1 + i2 + i3"


@pytest.fixture(scope="module")
def repeated() -> pd.DataFrame:
    table = pd.read_csv(HERE / "data" / "likert.csv")
    parts = []
    for wave, names in (("one", ["q1", "q2", "q3"]), ("two", ["q10", "q11", "q12"])):
        part = table[names].set_axis(["i1", "i2", "i3"], axis=1)
        parts.append(part.assign(participant=table["id"], wave=wave))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("kind", ["ordinal", "continuous"])
def test_every_index_and_difference(repeated: pd.DataFrame, kind: str) -> None:
    values: dict[str, Any] = json.loads((HERE / "values" / "invariance_over_time.json").read_text())
    assert values["meta"]["md5"] == hashlib.md5((HERE / "data" / "likert.csv").read_bytes()).hexdigest()
    result = longitudinal_invariance(MODEL, repeated, ordered=kind == "ordinal")
    table = result.table.set_index("level")
    assert list(table.index) == list(values[kind])
    for level, indices in values[kind].items():
        for name, value in indices.items():
            found = table.loc[level, name.replace(".", "_")]
            if name == "pvalue" and kind == "ordinal":
                assert np.isnan(found)  # the uncorrected least-squares statistic follows no chi-square
                continue
            assert found == pytest.approx(value, rel=RELATIVE, abs=1e-5), (level, name)
    for name, column in values[f"{kind}_lrt"].items():
        assert column[0] is None
        # the difference of two chi-squares carries the rounding of both
        np.testing.assert_allclose(table[name].iloc[1:].astype(float), column[1:], rtol=1e-3, atol=1e-5)


def test_people_who_miss_a_wave_stay_in(repeated: pd.DataFrame) -> None:
    left = repeated[(repeated["wave"] == "one") | (repeated.index % 3 > 0)]
    result = longitudinal_invariance(MODEL, left, ordered=False, levels=["configural", "scalar"])
    assert result.n_obs == 600
    assert result.table["level"].tolist() == ["configural", "scalar"]


def test_the_order_of_rows_does_not_matter(repeated: pd.DataFrame) -> None:
    first = longitudinal_invariance(MODEL, repeated, waves=["one", "two"]).table
    mixed = repeated.sample(frac=1, random_state=3)
    second = longitudinal_invariance(MODEL, mixed, waves=["one", "two"]).table
    pd.testing.assert_frame_equal(
        first.select_dtypes("number"), second.select_dtypes("number"), rtol=1e-5, atol=1e-6
    )


def test_bad_requests_are_refused(repeated: pd.DataFrame) -> None:
    with pytest.raises(DefinitionError, match=r"waves are not in the data: 'three'"):
        longitudinal_invariance(MODEL, repeated, waves=["one", "three"])
    with pytest.raises(NotEstimableError, match=r"1 wave\(s\) given"):
        longitudinal_invariance(MODEL, repeated, waves=["one"])
    with pytest.raises(DefinitionError, match="columns are absent: 'zz'"):
        longitudinal_invariance("f =~ i1 + i2 + zz", repeated)
    with pytest.raises(DefinitionError, match="unknown levels: 'weak'"):
        longitudinal_invariance(MODEL, repeated, levels=["weak"])
    with pytest.raises(ResponseDataError, match="1 rows repeat a participant at a wave"):
        longitudinal_invariance(MODEL, pd.concat([repeated, repeated.iloc[[0]]]))
    lacking = repeated.copy()
    lacking.loc[(lacking["wave"] == "two") & (lacking["i2"] == 1), "i2"] = 2
    with pytest.raises(NotEstimableError, match="lack a category at a wave: 'i2 at wave 2'"):
        longitudinal_invariance(MODEL, lacking)


def test_only_the_waves_asked_for_count_and_the_first_is_held_at_nought(repeated: pd.DataFrame) -> None:
    later = repeated[repeated["wave"] == "two"].assign(wave="three")
    three = pd.concat(
        [repeated, later, later.iloc[[0]]], ignore_index=True
    )  # a double of a wave not asked for
    wanted = {"ordered": False, "levels": ["scalar"]}
    found = longitudinal_invariance(MODEL, three, waves=["two", "one"], **wanted)
    turned = longitudinal_invariance(MODEL, repeated, waves=["one", "two"], **wanted)
    assert found.table["chisq"].item() == pytest.approx(turned.table["chisq"].item(), rel=1e-5)
    assert found.group == "wave"
    means = [
        one.fits["scalar"].parameters.query("op == '~1' and lhs in ('f.w1', 'f.w2')")["est"].tolist()
        for one in (found, turned)
    ]
    assert means[0][0] == means[1][0] == 0.0
    assert means[0][1] * means[1][1] < 0  # seen from the other wave, the change has the other sign


def test_indices_and_limits_are_those_of_the_estimator(repeated: pd.DataFrame) -> None:
    wanted = {"levels": ["configural", "metric"]}
    plain = longitudinal_invariance(MODEL, repeated, ordered=False, estimator="ML", **wanted)
    robust = longitudinal_invariance(MODEL, repeated, ordered=False, estimator="MLR", **wanted)
    items = longitudinal_invariance(MODEL, repeated, levels=["configural"])
    assert (plain.variant, robust.variant, items.variant) == ("naive", "scaled", "scaled")
    assert plain.rules == robust.rules == (rules.INVARIANCE_CFI, rules.INVARIANCE_RMSEA)
    assert items.rules == (rules.INVARIANCE_CFI_ORDINAL, rules.INVARIANCE_RMSEA_ORDINAL)


def test_people_with_gaps_are_left_out_where_that_is_asked(repeated: pd.DataFrame) -> None:
    left = repeated[(repeated["wave"] == "one") | (repeated.index % 3 > 0)]
    both = int(left.groupby("participant").size().eq(2).sum())
    found = longitudinal_invariance(MODEL, left, ordered=False, levels=["configural"], missing="listwise")
    assert found.n_obs == both < 600


def test_residuals_that_go_together_do_so_at_every_wave() -> None:
    measured = read_measurement("f =~ a + b + c + d\na ~~ b")
    lines = over_time_syntax(measured, 2, frozenset({"loadings"}), {}).split("\n")
    covaried = [line for line in lines if " ~~ " in line and "*" not in line]
    assert covaried[:2] == ["a.w1 ~~ b.w1", "a.w2 ~~ b.w2"]
    assert covaried[2:] == [f"{item}.w1 ~~ {item}.w2" for item in "abcd"]
