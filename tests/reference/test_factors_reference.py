"""Exploratory factor analysis, adequacy and retention against R (scripts/factors.R)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.factors import rotation as rotations
from analysis.factors.adequacy import bartlett_sphericity, kmo
from analysis.factors.efa import efa
from analysis.factors.extraction import extract
from analysis.factors.factor_retention import RetentionResult, factor_retention
from analysis.factors.moments import pearson
from analysis.factors.parallel import reduced_eigenvalues
from analysis.factors.pattern import Pattern, unrotated
from analysis.factors.stopping import average_partials, eigenvalues, empirical_kaiser

pytestmark = pytest.mark.filterwarnings("ignore:efa. .* oppose the others")  # reversed items, as given

HERE = Path(__file__).resolve().parent
R = json.loads((HERE / "values" / "factors.json").read_text(encoding="utf-8"))
LIKERT = pd.read_csv(HERE / "data" / "likert.csv").filter(regex=r"^q\d+$")
HOLED = pd.read_csv(HERE / "data" / "likert_missing.csv").filter(regex=r"^q\d+$")
CONTINUOUS = pd.read_csv(HERE / "data" / "continuous.csv").filter(regex=r"^x\d+$")

EXACT = 1e-10  # closed forms: rounding only
TIGHT = 2e-7  # R's optimisers at their tightest; their slope is about 1e-8
LOOSE = 5e-5  # psych::fa stops its search at a relative change of 1e-8 and its rotations at a slope of 1e-5
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("KMO, Bartlett, retention criteria", "psych 2.2.9", EXACT),
    ("EFA extraction and rotation", "factanal, GPArotation", TIGHT),
    ("EFA, every field of fa", "psych 2.2.9 (stops early)", LOOSE),
]
VARIMAX = 2e-3  # inside psych, varimax stops at a relative change of 1e-5 of its criterion


def close(ours: Any, theirs: Any, tolerance: float) -> None:
    got, want = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert got.shape == want.shape
    assert np.isfinite(want).all()
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)


def aligned(pattern: Pattern, node: dict[str, Any]) -> Pattern:
    return pattern.aligned(np.array(node["loadings"], dtype=float))


def test_data_are_those_r_read() -> None:
    for name in ("likert", "likert_missing", "continuous"):
        digest = hashlib.md5((HERE / "data" / f"{name}.csv").read_bytes()).hexdigest()
        assert digest == R["meta"][f"{name}_md5"]


ADEQUACY = {
    "likert": (LIKERT, {}, None),
    "missing_listwise": (HOLED, {}, None),
    "missing_pairwise": (HOLED, {"missing": "pairwise"}, len(HOLED)),
    "continuous": (CONTINUOUS, {}, None),
}


@pytest.mark.parametrize("name", ADEQUACY)
def test_kmo_and_bartlett(name: str) -> None:
    items, options, n_obs = ADEQUACY[name]
    node = R["adequacy"][name]
    adequacy = kmo(items, **options)
    test = bartlett_sphericity(items, n_obs=n_obs, **options)
    close(adequacy.overall, node["overall"], EXACT)
    close(adequacy.per_item, node["per_item"], EXACT)
    close(test.chisq, node["chisq"], 1e-7)  # of about 2000, times the condition of the determinant
    assert test.df == node["df"]
    close(test.pvalue, node["pvalue"], EXACT)


def test_kmo_and_bartlett_of_polychoric_correlations() -> None:
    node = R["adequacy"]["polychoric"]
    # lavaan's correlations are accurate to 4e-8; the determinant multiplies that by about 100.
    close(kmo(LIKERT, correlation="polychoric").overall, node["overall"], 1e-6)
    close(kmo(LIKERT, correlation="polychoric").per_item, node["per_item"], 1e-6)
    test = bartlett_sphericity(LIKERT, correlation="polychoric")
    close(test.chisq / node["chisq"], 1.0, 1e-6)
    assert test.df == node["df"]
    close(test.pvalue, node["pvalue"], EXACT)


@pytest.mark.parametrize("from_scratch", [False, True])
@pytest.mark.parametrize("method", ["minres", "ml"])
def test_extraction_against_tight_optimisers(method: str, from_scratch: bool) -> None:
    node = R["tight"][method]
    found = extract(pearson(LIKERT.to_numpy(float)), 3, method, from_scratch=from_scratch)
    close(found.uniquenesses, node["uniquenesses"], TIGHT)
    close(aligned(unrotated(found.loadings), node).loadings, node["loadings"], TIGHT)


def test_likelihood_ratio_test_against_factanal() -> None:
    node = R["tight"]["ml"]
    fit = efa(LIKERT, 3, extraction="ml").fit
    for field in ("chisq", "df", "pvalue"):
        close(fit[field], node[field], 1e-6)


ROTATIONS = {
    "varimax": lambda loadings: rotations.varimax(loadings),
    "promax": lambda loadings: rotations.promax(loadings),
    "quartimax": lambda loadings: rotations.quartimax(loadings),
    "equamax": lambda loadings: rotations.equamax(loadings),
    "oblimin": lambda loadings: rotations.oblimin(loadings),
    "oblimin_half": lambda loadings: rotations.oblimin(loadings, gamma=0.5),
    "oblimin_normalized": lambda loadings: rotations.oblimin(loadings, normalize=True),
    "geomin": lambda loadings: rotations.geomin(loadings),
    "geomin_rigid": lambda loadings: rotations.geomin(loadings, oblique=False),
    "biquartimin": lambda loadings: rotations.biquartimin(loadings),
    "target": lambda loadings: rotations.target_rotation(
        loadings, np.where(np.arange(12)[:, None] // 4 == np.arange(3), np.nan, 0.0)
    ),
}


def test_every_rotation_of_r_is_compared() -> None:
    assert set(ROTATIONS) == set(R["rotations"])


@pytest.mark.parametrize("name", ROTATIONS)
def test_rotations_against_gparotation(name: str) -> None:
    node = R["rotations"][name]
    found = aligned(ROTATIONS[name](np.array(R["tight"]["ml"]["loadings"])), node)
    tolerance = 5e-6 if name == "biquartimin" else TIGHT  # R creeps there and stops early
    close(found.loadings, node["loadings"], tolerance)
    close(found.factor_correlations, node["factor_correlations"], tolerance)


PSYCH = {
    "minres_none": ({"rotation": "none"}, LOOSE),
    "minres_varimax": ({"rotation": "varimax"}, VARIMAX),
    "minres_oblimin": ({}, LOOSE),
    "minres_Promax": ({"rotation": "promax"}, VARIMAX),
    "minres_geominQ": ({"rotation": "geomin"}, LOOSE),
    "ml_none": ({"rotation": "none", "extraction": "ml"}, LOOSE),
    "ml_varimax": ({"rotation": "varimax", "extraction": "ml"}, VARIMAX),
    "ml_oblimin": ({"extraction": "ml"}, LOOSE),
    "ml_Promax": ({"rotation": "promax", "extraction": "ml"}, VARIMAX),
    "ml_geominQ": ({"rotation": "geomin", "extraction": "ml"}, LOOSE),
    "minres_oblimin_1": ({"n_factors": 1}, LOOSE),
    "minres_oblimin_2": ({"n_factors": 2}, LOOSE),
    "minres_oblimin_4": ({"n_factors": 4}, 1e-3),  # one factor too many: its surface is flat
    "polychoric_minres_oblimin": ({"correlation": "polychoric"}, LOOSE),
}
BY_KERNEL = {"minres_promax", "ml_promax"}


def test_every_solution_of_psych_is_compared() -> None:
    assert set(PSYCH) | BY_KERNEL == set(R["psych"])


@pytest.mark.parametrize("name", PSYCH)
def test_solutions_against_psych(name: str) -> None:
    options, tolerance = PSYCH[name]
    node = R["psych"][name]
    found = efa(LIKERT, **{"n_factors": 3, **options})
    loadings = np.array(node["loadings"], dtype=float).reshape(12, -1)
    pattern = found._pattern.aligned(loadings)
    close(pattern.loadings, loadings, tolerance)
    close(pattern.structure, np.array(node["structure"], dtype=float).reshape(12, -1), tolerance)
    if node["factor_correlations"] is not None:
        close(pattern.factor_correlations, node["factor_correlations"], 2 * tolerance)
    close(found.communalities, node["communalities"], max(LOOSE, tolerance / 10))
    close(found.uniquenesses, node["uniquenesses"], max(LOOSE, tolerance / 10))
    close(found.complexity, node["complexity"], 10 * tolerance)
    ours = found.variance.T.to_numpy()
    theirs = np.array(node["variance"], dtype=float)
    close(ours[: len(theirs)], theirs, 10 * tolerance)


@pytest.mark.parametrize("name", PSYCH)
def test_fit_against_psych(name: str) -> None:
    options, tolerance = PSYCH[name]
    found = efa(LIKERT, **{"n_factors": 3, **options}).fit
    node = R["psych"][name]["fit"]
    assert set(found.index) == set(node) | {"cfi"}
    slack = 1e-3 if "polychoric" in name or tolerance == 1e-3 else 2e-4  # chi-squares of 30 to 2000
    for field, theirs in node.items():
        scale = slack if "chisq" in field or "bic" in field else LOOSE
        close(found[field], theirs, scale)
    chisq, df = found["chisq"] - found["df"], found["null_chisq"] - found["null_df"]
    close(found["cfi"], 1 - max(chisq, 0) / max(df, chisq, 0), EXACT)


@pytest.mark.parametrize("name", sorted(BY_KERNEL))
def test_weighted_promax_against_psych(name: str) -> None:
    node = R["psych"][name]
    raw = extract(pearson(LIKERT.to_numpy(float)), 3, name.split("_")[0])
    found = aligned(rotations.promax(raw.loadings, weighted=True), node)
    close(found.loadings, node["loadings"], VARIMAX)
    close(found.factor_correlations, node["factor_correlations"], VARIMAX)


def test_scores_against_psych() -> None:
    found = efa(LIKERT, 3, extraction="ml")
    node = R["psych"]["ml_oblimin"]
    order = np.abs(found.loadings.to_numpy().T @ np.array(node["loadings"])).argmax(axis=0)
    assert order.tolist() == [0, 1, 2]
    signs = np.sign(np.sum(found.loadings.to_numpy() * np.array(node["loadings"]), axis=0))
    for method, want in R["scores"].items():
        close(found.score_weights(method) * signs, want["weights"], LOOSE)
        close(found.scores(method).iloc[:20] * signs, want["scores"], 3 * LOOSE)


def test_components() -> None:
    node = R["principal"]
    found = efa(LIKERT, 3, extraction="principal", rotation="none")
    close(found._pattern.aligned(np.array(node["loadings"])).loadings, node["loadings"], EXACT)
    close(found.fit["chisq"], node["chisq"], 1e-8)
    close(found.fit["rmsr"], node["rmsr"], EXACT)


DATA = {"likert": LIKERT, "continuous": CONTINUOUS}


@pytest.mark.parametrize("name", DATA)
def test_stopping_rules(name: str) -> None:
    node = R["retention"][name]
    correlations = pearson(DATA[name].to_numpy(float))
    observed = eigenvalues(correlations)
    close(observed, node["observed"], EXACT)
    close(reduced_eigenvalues(correlations), node["reduced"], LOOSE)
    close(empirical_kaiser(observed, len(DATA[name])), node["ekc"], EXACT)
    close(average_partials(correlations, 2), node["power_2"], EXACT)
    close(average_partials(correlations, 4), node["power_4"], EXACT)
    close(average_partials(correlations, 2)[1:7], node["vss_map"], EXACT)


@pytest.fixture(scope="module", params=sorted(DATA))
def retention(request: pytest.FixtureRequest) -> tuple[str, RetentionResult]:
    return request.param, factor_retention(DATA[request.param], correlation="pearson", draws=200)


def test_parallel_analysis_agrees_with_fa_parallel(retention: tuple[str, RetentionResult]) -> None:
    name, found = retention
    node = R["retention"][name]
    assert found.table.loc["parallel_factors", "n_factors"] == node["parallel_factors"]
    assert found.table.loc["parallel_components", "n_factors"] == node["parallel_components"]


def test_suggestions_follow_from_the_reference_values(retention: tuple[str, RetentionResult]) -> None:
    name, found = retention
    node = R["retention"][name]
    suggested = found.table["n_factors"]
    assert suggested["map"] == int(np.argmin(node["power_2"]))
    assert suggested["map_4th"] == int(np.argmin(node["power_4"]))
    assert suggested["ekc"] == int(np.argmin(np.array(node["observed"]) > np.array(node["ekc"])))
    assert suggested["kaiser"] == int(np.sum(np.array(node["observed"]) > 1))
