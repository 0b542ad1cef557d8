"""Invariance between waves against semTools and lavaan: every index of every level, every difference."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.longitudinal_invariance import longitudinal_invariance
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
