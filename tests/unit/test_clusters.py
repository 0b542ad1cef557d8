"""Clusters and weights: what is refused, and what must not matter."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import bootstrap_model, cfa
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

DATA = Path(__file__).parents[1] / "reference" / "data"
C = pd.read_csv(DATA / "continuous.csv").assign(app=lambda t: t.index % 40, w=lambda t: 1.0 + t.index % 3)
L = pd.read_csv(DATA / "likert.csv").assign(app=lambda t: t.index % 50, w=lambda t: 1.0 + t.index % 3)
F = "f =~ x1 + x2 + x3 + x4"
Q = "a =~ q1 + q2 + q3 + q4"
ML, WLSMV = (F, C, "MLR"), (Q, L, "WLSMV")

REFUSED = [
    ({"cluster": "zz"}, {}, DefinitionError, "column 'zz' of cluster is not in the data"),
    ({"cluster": ["app"]}, {}, DefinitionError, "cluster is a list"),
    ({"cluster": "x1"}, {}, DefinitionError, "'x1' of cluster is a variable of the model"),
    (
        {"cluster": "app"},
        {"app": C["app"].where(C.index > 4)},
        ResponseDataError,
        "rows have no cluster in 'app'",
    ),
    ({"cluster": "app"}, {"app": 1}, NotEstimableError, r"'app' has 1 cluster\(s\)"),
    ({"cluster": "app"}, {"app": C.index}, NotEstimableError, "each of the .* clusters in 'app' has one row"),
    (
        {"cluster": "app", "group": "half"},
        {"half": C.index % 7 < 3},
        ResponseDataError,
        "40 clusters in 'app' have rows in several groups: '3', '4'",
    ),
    ({"sampling_weights": "zz"}, {}, DefinitionError, "column 'zz' of sampling_weights is not in the data"),
    ({"sampling_weights": "x2"}, {}, DefinitionError, "'x2' of sampling_weights is a variable of the model"),
    (
        {"sampling_weights": "w"},
        {"w": C["w"].where(C.index > 4)},
        ResponseDataError,
        "weights in 'w' are missing",
    ),
    ({"sampling_weights": "w"}, {"w": C["w"] - 1}, ResponseDataError, "weights in 'w' are zero"),
    ({"sampling_weights": "w"}, {"w": C["w"] - 2}, ResponseDataError, "weights in 'w' are negative"),
    ({"sampling_weights": "w"}, {"w": C["w"] / 0}, ResponseDataError, "weights in 'w' are infinite"),
    ({"sampling_weights": "w"}, {"w": "a"}, ResponseDataError, "the weights 'w' are no numbers"),
]


@pytest.mark.parametrize(("options", "columns", "error", "message"), REFUSED)
def test_refused(options, columns, error, message):
    with pytest.raises(error, match=message) as caught:
        cfa(F, C.assign(**columns), "MLR", **options)
    fact, hint = str(caught.value).split("\n")
    assert fact.startswith("cfa: ") and hint.startswith("Hint: ")


def test_rows_without_answers_need_neither_cluster_nor_weight():
    empty = C.copy()
    empty.loc[:9, [f"x{k}" for k in range(1, 10)]] = np.nan
    empty.loc[:9, ["app", "w"]] = np.nan
    found = cfa(F, empty, "MLR", cluster="app", sampling_weights="w")
    again = cfa(F, C.iloc[10:], "MLR", cluster="app", sampling_weights="w")
    pd.testing.assert_frame_equal(found.parameters, again.parameters)


def test_few_clusters_are_a_fault():
    with pytest.warns(ToolkitWarning, match="7 clusters for 12 parameters"):
        found = cfa(F, C.assign(app=C.index % 7), "MLR", cluster="app")
    assert [f.value for f in found.faults] == ["fewer_clusters_than_parameters"] and found.faults[0].of_size


@cache
def fits(kind, **options):
    model, table, estimator = {"MLR": ML, "WLSMV": WLSMV}[kind]
    return cfa(model, table, estimator, **options)


def same(one, two, **tolerance):
    for name in ("est", "se"):
        np.testing.assert_allclose(one.parameters[name], two.parameters[name], **tolerance)
    np.testing.assert_allclose(one.fit, two.fit, **tolerance)


@pytest.mark.parametrize("kind", ["MLR", "WLSMV"])
def test_equal_weights_are_none_and_their_unit_is_free(kind):
    model, table, estimator = {"MLR": ML, "WLSMV": WLSMV}[kind]
    same(fits(kind), cfa(model, table.assign(w=3.5), estimator, sampling_weights="w"), rtol=1e-6, atol=1e-8)
    weighted = fits(kind, sampling_weights="w")
    same(
        weighted,
        cfa(model, table.assign(w=7 * table["w"]), estimator, sampling_weights="w"),
        rtol=1e-6,
        atol=1e-8,
    )
    assert abs(weighted.fit["chisq"] - fits(kind).fit["chisq"]) > 0.01


@pytest.mark.parametrize("kind", ["MLR", "WLSMV"])
def test_order_and_names_of_clusters_do_not_matter(kind):
    model, table, estimator = {"MLR": ML, "WLSMV": WLSMV}[kind]
    shuffled = table.sample(frac=1, random_state=3)
    shuffled["app"] = "clinic " + shuffled["app"].astype(str)
    options = {"cluster": "app", "sampling_weights": "w"}
    same(fits(kind, **options), cfa(model, shuffled, estimator, **options), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["MLR", "WLSMV"])
def test_rows_copied_within_clusters_add_no_knowledge(kind):
    """Twice the same rows in the same clusters: errors stay, where independent rows would shrink them."""
    model, table, estimator = {"MLR": ML, "WLSMV": WLSMV}[kind]
    once, double = fits(kind, cluster="app"), cfa(model, pd.concat([table, table]), estimator, cluster="app")
    np.testing.assert_allclose(double.parameters["est"], once.parameters["est"], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(double.parameters["se"], once.parameters["se"], rtol=2e-3, atol=1e-9)
    assert double.fit["chisq"] == pytest.approx(2 * once.fit["chisq"], rel=5e-3)
    assert double.fit["chisq_scaled"] == pytest.approx(once.fit["chisq_scaled"], rel=0.02)


def test_one_row_per_cluster_differs_from_independence_by_the_number_of_clusters_only():
    from analysis.common.sampling import Sampling

    scores = np.random.default_rng(2).normal(size=(30, 4))
    np.testing.assert_allclose(Sampling(np.arange(30)).products(scores), scores.T @ scores * 30 / 29)
    np.testing.assert_allclose(Sampling(weights=np.full(30, 2.0)).products(scores), 4 * scores.T @ scores)


def test_whole_clusters_are_drawn():
    """With every row five times in its cluster, errors of the bootstrap are those of the clusters."""
    table = C.iloc[np.repeat(np.arange(80), 5)].assign(app=np.repeat(np.arange(80), 5)).reset_index(drop=True)
    fit = cfa(F, table, "MLR", cluster="app")
    drawn = bootstrap_model(fit, draws=60, seed=2).table
    free = fit.parameters["se"].to_numpy() > 0
    ratio = drawn["se"].to_numpy()[free] / fit.parameters["se"].to_numpy()[free]
    assert 0.8 < np.median(ratio) < 1.35  # independent rows: 0.45


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("f =~ y1 + y2 + y3 + y4", {"missing": "listwise", "estimator": "MLR"}),
        ("f =~ y1 + y2 + y3 + y4; f ~ x", {"estimator": "MLR", "group": "side"}),
        ("f =~ c1 + c2 + c3 + c4", {"missing": "listwise", "ordered": True}),
    ],
)
def test_weights_of_the_rows_in_use_add_up_to_their_number(model, options):
    """Rows that are dropped leave nothing behind: chi-square was smaller by the share of their weights."""
    rng = np.random.default_rng(3)
    f = rng.normal(size=400)
    data = pd.DataFrame({f"y{k}": f + rng.normal(size=400) for k in (1, 2, 3, 4)})
    for k in (1, 2, 3, 4):
        data[f"c{k}"] = np.digitize(data[f"y{k}"], [-1.0, 0.5]) + 1.0
    data = data.assign(x=0.4 * f + rng.normal(size=400), w=rng.uniform(0.2, 3, 400), side=np.arange(400) % 2)
    gone = rng.random(400) < 0.4 * (data["w"] > 1.5)
    lost = data.assign(**{name: data[name].mask(gone) for name in ("y1", "x", "c1")})
    found = cfa(model, lost, sampling_weights="w", **options)
    alone = cfa(model, data[~gone], sampling_weights="w", **options)
    assert found.n_obs == alone.n_obs == (~gone).sum()
    same = [name for name in alone.fit.index if not name.endswith("_robust")]  # full information has its own
    pd.testing.assert_series_equal(found.fit[same], alone.fit[same], rtol=1e-8)
    np.testing.assert_allclose(found.parameters["se"], alone.parameters["se"], rtol=1e-7, atol=1e-10)


def test_chi_square_of_weighted_complete_rows_is_that_of_lavaan():
    """Lavaan 0.6-14: cfa(model, data, estimator = "MLR", sampling.weights = "w"), rows with gaps dropped."""
    i = np.arange(1, 201)
    f = np.sin(i)
    data = pd.DataFrame({f"y{k}": f + np.cos(k * i * 1.7 + k) for k in (1, 2, 3, 4)}).assign(w=1 + i % 3)
    data.loc[i % 5 == 0, "y2"] = np.nan
    data.loc[(i % 3 == 2) & (i % 4 == 0), "y3"] = np.nan
    fit = cfa("f =~ y1 + y2 + y3 + y4", data, "MLR", missing="listwise", sampling_weights="w").fit
    assert fit[["chisq", "chisq_scaled", "logl", "bic"]].to_numpy() == pytest.approx(
        [0.246361, 0.160279, -755.137468, 1550.198396], rel=1e-5
    )
