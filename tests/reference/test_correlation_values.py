"""Polychoric, polyserial and mixed correlations with their covariance, against lavaan and psych."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from analysis.correlation.continuous_pairs import fit_polyserial, polyserial_scores
from analysis.correlation.mixed import mixed_moments
from analysis.correlation.mixed_correlations import mixed_correlations, polyserial
from analysis.correlation.moments import ordinal_moments
from analysis.correlation.polychoric import polychoric
from analysis.correlation.smoothing import smooth_correlations

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "correlation.json").read_text())
Q = [f"q{i}" for i in range(1, 13)]
# lavaan stops its search about 4e-8 from the maximum; Γ inherits that.
LAVAAN = 1e-7
# One polyserial of the complete mixed set stops 1e-5 short in lavaan; see test_the_maximum_is_ours.
LAVAAN_EARLY = 5e-5
# psych's search has a tolerance of 1.2e-4 on a golden section, which leaves up to 2e-5.
PSYCH = 3e-5
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("Polychoric, polyserial and mixed correlations, thresholds", "lavaan 0.6-14", LAVAAN),
    ("Polychoric correlations", "psych 2.2.9 (stops early)", PSYCH),
]


def read(name: str) -> pd.DataFrame:
    assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == VALUES["meta"]["md5"][name]
    return pd.read_csv(HERE / "data" / name)


def ordinal_case(case: str) -> tuple[pd.DataFrame, str]:
    if case == "complete":
        return read("likert.csv")[Q], "listwise"
    frame = read("likert_missing.csv")[Q[:6]]
    if case == "pairwise":
        frame.iloc[[4, 16]] = np.nan
    return frame, case


def mixed_data(case: str) -> pd.DataFrame:
    ending = ".csv" if case == "complete" else "_missing.csv"
    items, scores = read("likert" + ending).iloc[:400], read("continuous" + ending)
    q5 = items["q5"]
    return pd.DataFrame(
        {
            "o1": items["q1"],
            "x1": scores["x1"] + 0.5 * items["q1"],
            "o2": items["q2"],
            "x2": scores["x2"] + 0.3 * items["q2"],
            "x3": scores["x4"] * 2 + 3,
            "o3": (q5 > 3).astype(float).where(q5.notna()),
            "o4": items["q6"],
        }
    )


def relative(ours: npt.NDArray[Any], gamma: list[list[float]]) -> float:
    """Largest difference in units of the standard deviations."""
    theirs = np.array(gamma, dtype=float)
    assert ours.shape == theirs.shape and np.isfinite(ours).all() and np.isfinite(theirs).all()
    scale = np.sqrt(np.diag(theirs))
    return float(np.max(np.abs(ours - theirs) / np.outer(scale, scale)))


@pytest.mark.parametrize("case", ["complete", "listwise", "pairwise"])
def test_ordinal_moments(case: str) -> None:
    frame, missing = ordinal_case(case)
    node = VALUES["ordinal"][case]
    result = ordinal_moments(frame.to_numpy(float), missing)  # type: ignore[arg-type]
    assert result.n_obs == node["n"]
    np.testing.assert_allclose(np.concatenate(result.thresholds), node["thresholds"], atol=1e-13)
    np.testing.assert_allclose(result.correlations, node["covariances"], atol=LAVAAN)
    assert result.acov is not None
    assert relative(result.acov, node["gamma"]) < 2 * LAVAAN
    np.testing.assert_array_equal(node["means"], 0.0)


@pytest.mark.parametrize("case", ["complete", "listwise", "pairwise"])
def test_the_public_result_is_labelled_in_the_order_of_lavaan(case: str) -> None:
    frame, missing = ordinal_case(case)
    node = VALUES["ordinal"][case]
    result = polychoric(frame, missing=missing)  # type: ignore[arg-type]
    assert list(result.acov.index) == list(result.acov.columns) == node["labels"]
    assert relative(result.acov.to_numpy() * result.n_obs, node["gamma"]) < 2 * LAVAAN
    np.testing.assert_allclose(result.thresholds.stack(), node["thresholds"], atol=1e-13)
    variance = np.diag(np.array(node["gamma"]))[-1] / node["n"]
    names = list(frame.columns)
    assert result.standard_errors.loc[names[-1], names[-2]] == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_default_of_psych() -> None:
    result = polychoric(read("likert.csv")[Q])
    np.testing.assert_allclose(result.correlations, VALUES["psych_default"], atol=PSYCH)


@pytest.mark.parametrize("case", ["complete", "listwise", "pairwise"])
def test_mixed_moments(case: str) -> None:
    frame = mixed_data(case)
    ordered = np.array([name.startswith("o") for name in frame])
    node = VALUES["mixed"][case]
    tolerance = LAVAAN_EARLY if case == "complete" else LAVAAN
    missing = "pairwise" if case == "pairwise" else "listwise"
    result = mixed_moments(frame.to_numpy(float), ordered, missing)  # type: ignore[arg-type]
    assert result.n_obs == node["n"]
    np.testing.assert_allclose(np.concatenate(result.thresholds), node["thresholds"], atol=1e-13)
    np.testing.assert_allclose(result.means, node["means"], atol=1e-12)
    np.testing.assert_allclose(result.covariances, node["covariances"], atol=tolerance)
    assert result.acov is not None
    assert relative(result.acov, node["gamma"]) < tolerance


def test_the_maximum_is_ours_where_lavaan_stops_early() -> None:
    frame = mixed_data("complete")
    x = frame["x3"].to_numpy()
    z = (x - x.mean()) / x.std()
    theirs = np.array(VALUES["mixed"]["complete"]["covariances"])
    for name in ("o1", "o2", "o3", "o4"):
        category = pd.factorize(frame[name], sort=True)[0]
        cuts = mixed_moments(frame[[name, "x3"]].to_numpy(float), np.array([True, False])).thresholds[0]
        rho, converged = fit_polyserial(category, z, cuts)
        assert converged
        other = theirs[list(frame).index(name), list(frame).index("x3")] / x.std()
        slopes = [abs(polyserial_scores(category, z, cuts, 1.0, r).rho.sum()) for r in (rho, other)]
        assert slopes[0] < 1e-8
        assert slopes[0] <= slopes[1]


def test_public_mixed_functions_agree_with_lavaan() -> None:
    frame = mixed_data("pairwise")
    ordered = [name for name in frame if name.startswith("o")]
    node = VALUES["mixed"]["pairwise"]
    scale = np.sqrt(np.diag(node["covariances"]))
    wanted = pd.DataFrame(
        node["covariances"] / np.outer(scale, scale), index=frame.columns, columns=frame.columns
    )
    whole = mixed_correlations(frame, ordered=ordered)
    np.testing.assert_allclose(whole.correlations, wanted, atol=LAVAAN)
    np.testing.assert_allclose(whole.variances, np.diag(node["covariances"])[[1, 3, 4]], rtol=1e-12)
    corner = polyserial(frame[ordered], frame[["x1", "x2", "x3"]])
    np.testing.assert_allclose(corner.correlations, wanted.loc[ordered, ["x1", "x2", "x3"]], atol=LAVAAN)
    pd.testing.assert_frame_equal(
        corner.standard_errors, whole.standard_errors.loc[ordered, ["x1", "x2", "x3"]], rtol=1e-12
    )
    # an ordinal pair's covariance is its correlation, so lavaan's Γ gives its standard error
    at = node["labels"].index("o2~~o4")
    assert whole.standard_errors.loc["o2", "o4"] == pytest.approx(
        np.sqrt(node["gamma"][at][at] / node["n"]), rel=1e-6
    )


def few_persons(two: bool) -> pd.DataFrame:
    items = read("likert.csv")[Q[:6]]
    if not two:
        return items.iloc[:80]
    cut = (items.iloc[:30] > 3).astype(int)
    cut["q1"] = (items["q1"].iloc[:30] > 4).astype(int)
    cut["q2"] = (items["q2"].iloc[:30] > 2).astype(int)
    return cut


@pytest.mark.parametrize(
    ("case", "options", "tolerance"),
    [
        ("few", {}, LAVAAN),
        ("few_add_half", {"zero_add": (0.5, 0.5)}, LAVAAN),
        ("few_add_half", {"correct": 0.5}, LAVAAN),
        ("two", {}, LAVAAN),
        ("two_free_margins", {"correct": 0.5}, LAVAAN),
        ("two_psych", {"correct": 0.5}, PSYCH),
    ],
)
def test_empty_cells(case: str, options: dict[str, Any], tolerance: float) -> None:
    result = polychoric(few_persons(case.startswith("two")), **options)
    assert result.empty_cells.to_numpy().sum() > 0
    np.testing.assert_allclose(result.correlations, VALUES["empty"][case], atol=tolerance)


def test_smoothing() -> None:
    node = VALUES["smoothing"]
    np.testing.assert_allclose(
        smooth_correlations(np.array(node["input"]), floor=1e-10), node["output"], atol=1e-12
    )
