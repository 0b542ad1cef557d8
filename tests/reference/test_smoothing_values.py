"""Indefinite polychoric matrices smoothed as R does it, and what follows (scripts/smoothing.R)."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.correlation.polychoric import polychoric
from analysis.correlation.smoothing import (
    nearest_correlations,
    size_of_smoothing,
    smooth_correlations,
)
from analysis.factors.adequacy import kmo, sampling_adequacy
from analysis.factors.efa import efa
from instrument.errors import ToolkitWarning

HERE = Path(__file__).resolve().parent
R = json.loads((HERE / "values" / "smoothing.json").read_text(encoding="utf-8"))
DATA = pd.read_csv(HERE / "data" / "many_items.csv")
ITEMS = {"binary": DATA.filter(like="b"), "likert": DATA.filter(like="m")}

CUT = 1e-12  # psych::cor.smooth is a closed form, with the same floor
NEAR = 2e-7  # nearPD raises the eigenvalues of a limit reached to 1e-13 to a floor of 1e-8 of the largest
FLOOR = 2e-7  # what a floor of 1e-8 of the largest eigenvalue, in place of psych's 1e-10, moves
KMO_NEAR = 2e-6  # partial correlations divide by roots of the floor, which is nearPD's
KMO_FLOOR = 1e-4  # as KMO_NEAR, from another floor than psych's: KMO moves by about 450 times the floor here
LEAST_SQUARES = 1e-6  # principal axes in R stop when no uniqueness moves by 1e-14
COMPARED = [
    ("nearest correlation matrix and its size", "Matrix::nearPD 1.5-3", NEAR),
    ("eigenvalue truncation", "psych::cor.smooth 2.2.9", CUT),
]


def test_data_are_those_r_read() -> None:
    digest = hashlib.md5((HERE / "data" / "many_items.csv").read_bytes()).hexdigest()
    assert digest == R["meta"]["md5"]


@pytest.mark.parametrize("name", ITEMS)
def test_truncation_is_that_of_psych_at_its_floor(name: str) -> None:
    before = np.array(R[name]["input"])
    theirs = np.array(R[name]["truncated"]["matrix"])
    np.testing.assert_allclose(smooth_correlations(before, floor=1e-10), theirs, rtol=0, atol=CUT)
    np.testing.assert_allclose(smooth_correlations(before), theirs, rtol=0, atol=FLOOR)


@pytest.mark.parametrize("name", ITEMS)
def test_the_nearest_matrix_is_that_of_nearpd(name: str) -> None:
    before = np.array(R[name]["input"])
    ours = nearest_correlations(before)
    np.testing.assert_allclose(ours, R[name]["nearest"]["matrix"], rtol=0, atol=NEAR)


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("method", ["nearest", "truncated"])
def test_the_size_of_the_change_is_reported(name: str, method: str) -> None:
    with pytest.warns(ToolkitWarning, match="it was smoothed"):
        found = polychoric(ITEMS[name], smooth=method)  # type: ignore[arg-type]
    theirs = R[name][method]["size"]
    size = found.smoothing
    assert size is not None and size.method == method and size.n_items == ITEMS[name].shape[1]
    assert size.n_negative == theirs["negative"] == {"binary": 11, "likert": 2}[name]
    assert size.smallest_before == pytest.approx(theirs["smallest"], abs=1e-6)
    assert size.frobenius == pytest.approx(theirs["frobenius"], abs=1e-6)
    assert size.largest_change == pytest.approx(theirs["largest"], abs=1e-6)
    assert size.smallest_after > 0
    first, second = size.largest_pair
    moved = np.array(R[name][method]["matrix"]) - np.array(R[name]["input"])
    labels = list(ITEMS[name].columns)
    assert abs(moved[labels.index(first), labels.index(second)]) == pytest.approx(theirs["largest"], abs=1e-6)


@pytest.mark.parametrize("name", ITEMS)
def test_the_nearest_matrix_is_nearer_than_the_truncated_one(name: str) -> None:
    before, labels = np.array(R[name]["input"]), list(ITEMS[name].columns)
    near, cut = (
        size_of_smoothing(before, make(before), labels, "nearest").frobenius
        for make in (nearest_correlations, smooth_correlations)
    )
    assert near < cut


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("method", ["nearest", "truncated"])
def test_adequacy_of_the_smoothed_matrix(name: str, method: str) -> None:
    with pytest.warns(ToolkitWarning, match="not positive definite"):
        found = kmo(ITEMS[name], correlation="polychoric", smooth=method)  # type: ignore[arg-type]
    limit = KMO_NEAR if method == "nearest" else KMO_FLOOR
    assert found.overall == pytest.approx(R[name][method]["kmo"], abs=limit)
    np.testing.assert_allclose(found.per_item, R[name][method]["kmo_items"], rtol=0, atol=10 * limit)


@pytest.mark.parametrize("name", ITEMS)
def test_adequacy_at_the_floor_of_psych(name: str) -> None:
    overall, per_item = sampling_adequacy(smooth_correlations(np.array(R[name]["input"]), floor=1e-10))
    assert overall == pytest.approx(R[name]["truncated"]["kmo"], abs=1e-6)
    np.testing.assert_allclose(per_item, R[name]["truncated"]["kmo_items"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("method", ["nearest", "truncated"])
def test_factors_of_the_smoothed_matrix(name: str, method: str) -> None:
    with warnings.catch_warnings(), pytest.warns(ToolkitWarning, match="not positive definite"):
        warnings.filterwarnings("ignore", message="efa: .* oppose the others", category=ToolkitWarning)
        found = efa(
            ITEMS[name],
            2,
            correlation="polychoric",
            rotation="none",
            smooth=method,  # type: ignore[arg-type]
        )
    theirs = R[name][method]["factors"]
    np.testing.assert_allclose(found.communalities, theirs["communalities"], rtol=0, atol=LEAST_SQUARES)
    assert found.fit["rmsr"] == pytest.approx(theirs["rmsr"], abs=LEAST_SQUARES)
