"""What efa, kmo and factor_retention refuse, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.factors.adequacy import bartlett_sphericity, kmo
from analysis.factors.comparison_data import population
from analysis.factors.efa import efa
from analysis.factors.extraction import degrees_of_freedom, extract
from analysis.factors.factor_retention import factor_retention
from analysis.factors.rotation import oblimin, rotate, varimax
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

pytestmark = pytest.mark.filterwarnings("ignore:efa. .* oppose the others")  # reversed items, as given

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
ITEMS = pd.read_csv(DATA / "likert.csv").filter(regex=r"^q\d+$")
HOLED = pd.read_csv(DATA / "likert_missing.csv").filter(regex=r"^q\d+$")


BAD_ITEMS: list[tuple[Any, type[Exception], str]] = [
    (ITEMS.to_dict(), ResponseDataError, r"items is a dict.\nHint: pass a pandas DataFrame"),
    (ITEMS.assign(q1="often"), ResponseDataError, r"1 of 12 columns are not numeric: 'q1'.\nHint"),
    (ITEMS[["q1", "q2"]], ResponseDataError, r"2 items given, at least 3 are needed"),
    (ITEMS.head(3), ResponseDataError, r"3 of 3 rows can be used \(listwise\)"),
    (ITEMS.assign(q3=4), NotEstimableError, r"1 of 12 items have no variance in the rows used: 'q3'"),
    (
        ITEMS.assign(q3=np.nan),
        ResponseDataError,
        r"0 of 600 rows can be used \(listwise\).\nHint: use missing",
    ),
    (ITEMS.assign(q3=np.inf), ResponseDataError, r"infinite values in 'q3'"),
    (ITEMS.assign(q2=ITEMS["q1"]), NotEstimableError, r"singular: 'q2' repeats 'q1'.\nHint: drop 'q2'"),
    (
        pd.concat([ITEMS, ITEMS[["q1"]]], axis=1),
        ResponseDataError,
        r"columns appear twice: 'q1'",
    ),
]
CALLS = {
    "efa": lambda items: efa(items, 3),
    "kmo": kmo,
    "bartlett_sphericity": bartlett_sphericity,
    "factor_retention": lambda items: factor_retention(items, correlation="pearson"),
}


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize(("items", "error", "text"), BAD_ITEMS)
def test_bad_items_are_refused_with_fact_and_hint(
    caller: str, items: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^{caller}: (.|\n)*{text}") as caught:
        CALLS[caller](items)
    assert "\nHint: " in str(caught.value)


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"n_factors": 0}, r"n_factors is 0"),
    ({"n_factors": 12}, r"n_factors is 12"),
    ({"n_factors": 2.5}, r"n_factors is 2.5"),
    ({"n_factors": True}, r"n_factors is True"),
    ({"n_factors": 8}, r"8 factors need more parameters(.|\n)*at most 7"),
    ({"extraction": "paf"}, r"extraction is 'paf'"),
    ({"rotation": "oblimax"}, r"rotation is 'oblimax'"),
    ({"correlation": "kendall"}, r"correlation is 'kendall'"),
    ({"missing": "median"}, r"missing is 'median'"),
    ({"n_obs": 3}, r"n_obs is 3"),
]


@pytest.mark.parametrize(("options", "text"), BAD_OPTIONS)
def test_bad_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(DefinitionError, match=text):
        efa(ITEMS, **{"n_factors": 3, **options})


def test_comparison_data_find_the_three_factors_and_need_complete_rows() -> None:
    found = factor_retention(ITEMS, correlation="pearson", draws=10, comparison_samples=60).table
    assert found.loc["comparison_data", "n_factors"] == 3
    assert found.loc["comparison_data", "detail"].startswith("no better with one factor more (p = ")
    with pytest.raises(DefinitionError, match="comparison data need complete rows"):
        factor_retention(HOLED, missing="pairwise", comparison_samples=60)


def test_a_comparison_population_has_the_distributions_and_correlations_of_the_items() -> None:
    values = ITEMS.to_numpy(dtype=float)
    made = population(values, 3, np.random.default_rng(1))
    for j in range(values.shape[1]):
        shares = [
            np.mean(column[:, None] == np.arange(1, 6), axis=0) for column in (made[:, j], values[:, j])
        ]
        np.testing.assert_allclose(*shares, atol=0.02)  # 10,000 draws: standard error at most .005
    model = extract(np.corrcoef(values, rowvar=False), 3).loadings
    implied = model @ model.T
    off = np.tril_indices(12, -1)
    np.testing.assert_allclose(np.corrcoef(made, rowvar=False)[off], implied[off], atol=0.06)


@pytest.mark.parametrize("options", [{"draws": 5}, {"percentile": 100.0}])
def test_retention_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="at least 10 draws and a percentile between"):
        factor_retention(ITEMS, correlation="pearson", **options)


def test_a_seed_below_zero_and_a_size_that_is_none_are_refused() -> None:
    with pytest.raises(ResponseDataError, match="factor_retention: seed is -1"):
        factor_retention(ITEMS, correlation="pearson", seed=-1)
    for size in (0, True, 2.5, -3):
        with pytest.raises(DefinitionError, match=f"bartlett_sphericity: n_obs is {size!r}"):
            bartlett_sphericity(ITEMS, n_obs=size)  # type: ignore[arg-type]


def test_components_without_degrees_of_freedom_and_samples_too_small_have_no_test() -> None:
    many = efa(ITEMS, 9, extraction="principal", rotation="none").fit
    assert many["df"] < 0
    assert many[["pvalue", "tli", "rmsea", "rmsea_ci_lower", "crms"]].isna().all()
    assert np.isfinite(many["rmsr"])
    tiny = efa(ITEMS, 3, rotation="none", n_obs=5).fit
    assert (
        tiny[["chisq", "pvalue", "tli", "cfi", "rmsea", "rmsea_ci_upper", "bic", "null_chisq"]].isna().all()
    )


def test_degrees_of_freedom_limit_is_the_largest_that_fits() -> None:
    assert degrees_of_freedom(12, 7) >= 0 > degrees_of_freedom(12, 8)


def test_a_heywood_case_warns_and_is_named() -> None:
    with pytest.warns(ToolkitWarning, match="1 of 12 uniquenesses are at their lower bound: 'q5'"):
        found = efa(ITEMS, 5)
    assert found.heywood == ("q5",)
    assert found.uniquenesses["q5"] < 0.02


def test_pairwise_polychoric_without_common_rows_is_refused() -> None:
    half = ITEMS.copy().astype(float)
    half.loc[:299, "q1"] = np.nan
    half.loc[300:, "q2"] = np.nan
    with pytest.raises((ResponseDataError, NotEstimableError), match=r"Hint: "):
        efa(half, 2, correlation="polychoric", missing="pairwise")
    with pytest.raises(NotEstimableError, match="correlations are missing for items"):
        efa(half, 2, missing="pairwise")


def test_rows_are_counted_after_the_missing_rule() -> None:
    complete = int(HOLED.notna().all(axis=1).sum())
    both = HOLED.notna().astype(int)
    listwise, pairwise = efa(HOLED, 3), efa(HOLED, 3, missing="pairwise")
    assert listwise.n_obs == listwise.n_obs_fit == complete
    assert pairwise.n_obs == len(HOLED)
    assert pairwise.n_obs_fit == int((both.T @ both).to_numpy().min())


def test_listwise_is_dropping_first() -> None:
    pd.testing.assert_frame_equal(efa(HOLED, 3).loadings, efa(HOLED.dropna(), 3).loadings)


def test_nullable_integers_are_read_like_floats() -> None:
    pd.testing.assert_frame_equal(efa(HOLED.astype("Int64"), 3).loadings, efa(HOLED, 3).loadings)


def test_scores_of_other_persons_and_of_incomplete_ones() -> None:
    found = efa(ITEMS, 3)
    pd.testing.assert_frame_equal(found.scores(items=ITEMS), found.scores())
    some = ITEMS.head(4).astype(float)
    some.loc[1, "q5"] = np.nan
    scored = found.scores("bartlett", items=some)
    assert scored.isna().all(axis=1).tolist() == [False, True, False, False]
    with pytest.raises(ResponseDataError, match="1 of 12 items are absent: 'q9'"):
        found.scores(items=ITEMS.drop(columns="q9"))
    with pytest.raises(DefinitionError, match="method is 'mean'"):
        found.scores("mean")


def test_results_are_plain_data() -> None:
    found = efa(ITEMS, 3)
    assert list(found.to_frame().columns) == ["F1", "F2", "F3", "communality", "uniqueness", "complexity"]
    assert "_values" not in found.to_dict()
    assert "F1" in found.summary()
    assert kmo(ITEMS).to_frame().index[-1] == "overall"
    assert list(bartlett_sphericity(ITEMS).to_frame()) == ["chisq", "df", "pvalue", "n_obs"]


def test_kernels_refuse_nonsense() -> None:
    with pytest.raises(DefinitionError, match="loadings must be a matrix of finite numbers"):
        varimax(np.full((4, 2), np.nan))
    with pytest.raises(DefinitionError, match="no rotation named 'oblimax'"):
        rotate(np.ones((4, 2)), "oblimax")
    with pytest.raises(DefinitionError, match="no extraction 'paf'"):
        extract(np.eye(5), 1, "paf")


def test_pattern_unpacks_into_loadings_and_factor_correlations() -> None:
    raw = extract(ITEMS.corr().to_numpy(), 3).loadings
    pattern = oblimin(raw, gamma=0)
    loadings, factor_correlations = pattern
    assert loadings is pattern.loadings
    assert factor_correlations is pattern.factor_correlations


def test_one_factor_needs_no_rotation() -> None:
    rotated, plain = efa(ITEMS, 1), efa(ITEMS, 1, rotation="none")
    pd.testing.assert_frame_equal(rotated.loadings, plain.loadings)
    assert rotated.factor_correlations.to_numpy().tolist() == [[1.0]]


def test_retention_keeps_the_curves_and_repeats_with_the_seed() -> None:
    first = factor_retention(ITEMS, correlation="pearson", draws=15, seed=3)
    again = factor_retention(ITEMS, correlation="pearson", draws=15, seed=3)
    other = factor_retention(ITEMS, correlation="pearson", draws=15, seed=4)
    pd.testing.assert_frame_equal(first.eigenvalues, again.eigenvalues)
    assert not first.eigenvalues["permuted_mean"].equals(other.eigenvalues["permuted_mean"])
    assert first.eigenvalues["observed"].equals(other.eigenvalues["observed"])
    assert first.eigenvalues["observed"].sum() == pytest.approx(12)
    assert (first.eigenvalues["permuted_percentile"] >= first.eigenvalues["permuted_mean"] - 0.05).all()


def test_retention_of_ordinal_items_finds_the_three_factors_they_were_drawn_from() -> None:
    for missing, items in (("listwise", ITEMS), ("pairwise", HOLED)):
        found = factor_retention(items, missing=missing, draws=20).table["n_factors"]
        for rule in ("parallel_factors", "parallel_components", "ekc", "map"):
            assert found[rule] == 3
    assert "rmsea" not in found.index
