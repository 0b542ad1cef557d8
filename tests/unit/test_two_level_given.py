"""Two-level models of ordinal items given covariates of rows and of clusters."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from analysis import bootstrap_model, compare_models, sem
from analysis.structural.two_level import ordinal_given, ordinal_pairs
from analysis.structural.two_level.ordinal_items import ItemAtLevels, item_at_levels
from analysis.structural.two_level.ordinal_model import (
    build_two_level_group,
    evaluate_two_level,
    two_level_jacobian,
)
from analysis.structural.two_level.ordinal_moments import covariates_given, two_level_ordinal_moments
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError

HERE = Path(__file__).parents[1] / "reference"
LME4 = json.loads((HERE / "values" / "two_level_given.json").read_text())
ITEMS = ["y1", "y2", "y3"]
MODEL = "level: 1\nfw =~ y1 + y2 + y3\nfw ~ x\ny3 ~ x\nlevel: 2\nfb =~ y1 + y2 + y3\nfb ~ w"
OPTIONS = {"cluster": "app", "ordered": ITEMS, "estimator": "WLSMV"}


def made(n_clusters=70, size=5, seed=5):
    """Three items; x moves the factor within by .5 and y3 by .4 more, w that between by .6."""
    rng = np.random.default_rng(seed)
    app = np.repeat(np.arange(n_clusters), size)
    x, w = rng.normal(size=len(app)).round(1) + 1.0, rng.normal(size=n_clusters)
    fw, fb = 0.5 * x + rng.normal(size=len(app)), 0.6 * w + 0.7 * rng.normal(size=n_clusters)
    found = {"app": app, "x": x, "w": w[app]}
    for name, load, cuts in zip(ITEMS, (1.0, 0.8, 0.9), ([0, 1.2], [0.5], [-0.3, 0.8, 2]), strict=True):
        own = load * (fw + fb[app]) + rng.normal(size=len(app)) + 0.8 * rng.normal(size=n_clusters)[app]
        found[name] = np.digitize(own + (0.4 * x if name == "y3" else 0.0), cuts) + 1
    return pd.DataFrame(found)


@pytest.fixture(scope="module")
def data():
    return made()


@pytest.fixture(scope="module")
def fits(data):
    moved = data.assign(x=10.0 * data["x"] - 70.0, w=5.0 - 0.1 * data["w"])
    return {
        "theta": sem(MODEL, data, parameterization="theta", **OPTIONS),
        "delta": sem(MODEL, data, **OPTIONS),
        "moved": sem(MODEL, moved, parameterization="theta", **OPTIONS),
        "no effect": sem(MODEL.replace("fb ~ w", "fb ~ 0*w"), data, parameterization="theta", **OPTIONS),
    }


@pytest.mark.parametrize("k", range(4))
def test_single_items_given_covariates_are_those_of_lme4(k):
    """glmer(high ~ x + w + (1 | cluster), family = binomial("probit"), nAGQ = 25)."""
    table = pd.read_csv(HERE / "data" / "two_level_ordinal.csv")
    own = table[f"y{k + 1}"].to_numpy()
    high = np.where(np.isnan(own), np.nan, own >= 2)
    x = np.column_stack([np.sin(np.arange(1, len(table) + 1)) * 2 + 3, np.cos(table["cluster"])])
    given = covariates_given(x, 1, ["x", "w"], "sem", "")
    clusters = table["cluster"].to_numpy() - 1
    found = ordinal_given.item_given(high, clusters, clusters.max() + 1, 2, given.x)
    (cut,), (slopes,), _ = given.as_measured([found.thresholds], found.slopes[None], [found.influence])
    wanted = LME4["binary"][k]
    assert found.converged
    assert [*cut, *slopes, found.variance] == pytest.approx(
        [wanted["threshold"], *wanted["slopes"], wanted["variance"]], abs=2e-5
    )


@pytest.fixture(scope="module")
def pair():
    data = made(30)
    codes, app = data[["y1", "y3"]].to_numpy() - 1.0, data["app"].to_numpy()
    x = data[["x", "w"]].to_numpy()
    items = [ordinal_given.item_given(codes[:, k], app, 30, size, x) for k, size in enumerate((3, 4))]
    rows = ordinal_given.alike(codes, app, x)
    return items, rows, ordinal_given.pair_given(*items, rows, 30, (0.3, 0.3))


def test_without_covariates_both_calculations_agree(data):
    codes, app = data[["y1", "y3"]].to_numpy() - 1.0, data["app"].to_numpy()
    nothing = np.zeros((len(app), 0))
    plain = [item_at_levels(codes[:, k], app, 70, size) for k, size in enumerate((3, 4))]
    given = [ordinal_given.item_given(codes[:, k], app, 70, size, nothing) for k, size in enumerate((3, 4))]
    for one, two in zip(plain, given, strict=True):
        assert two.thresholds == pytest.approx(one.thresholds, abs=1e-9)
        assert two.influence == pytest.approx(one.influence, abs=1e-9)
        assert (two.variance, two.expected) == (pytest.approx(one.variance), pytest.approx(one.expected))
    wanted = ordinal_pairs.pair_at_levels(
        *plain, ordinal_pairs.cell_counts(codes, app, 70, (3, 4)), (0.3, 0.3)
    )
    found = ordinal_given.pair_given(*given, ordinal_given.alike(codes, app, nothing), 70, (0.3, 0.3))
    assert (found.within, found.between) == pytest.approx((wanted.within, wanted.between), abs=1e-6)
    assert found.influence == pytest.approx(wanted.influence, abs=1e-6)
    assert found.converged and not found.at_edge


def places(items, rows, n_clusters):
    return tuple(ordinal_given.place_of(item, rows, k, n_clusters) for k, item in enumerate(items))


def likelihood(items, rows, within, between):
    p, q = items
    own = ordinal_given._PairRows(
        p, q, rows, 30, ordinal_given.plan_points(0.4, 0.4, places(items, rows, 30))
    )
    return own.scores(within, between / np.sqrt(p.variance * q.variance), everything=True)


def test_scores_of_a_pair_are_slopes_of_its_likelihood(pair):
    items, rows, _ = pair
    _, scores, first = likelihood(items, rows, 0.3, 0.2)
    first = first.sum(axis=0)
    unit = np.sqrt(items[0].variance * items[1].variance)
    step, numeric = 1e-5, []

    def change(changed_up, changed_down, up=(0.3, 0.2), down=(0.3, 0.2)):
        high, low = likelihood(changed_up, rows, *up)[0], likelihood(changed_down, rows, *down)[0]
        return (high - low) / (2.0 * step)

    for k in range(2):
        for part in ("thresholds", "slopes", "variance"):
            value = np.atleast_1d(getattr(items[k], part))
            for m in range(len(value)):
                both = []
                for sign in (1.0, -1.0):
                    other = value + sign * step * np.eye(len(value))[m]
                    other = float(other[0]) if part == "variance" else other
                    both.append([replace(items[j], **{part: other}) if j == k else items[j] for j in (0, 1)])
                numeric.append(change(*both))
    assert first == pytest.approx(numeric, abs=1e-4)
    of_within = change(items, items, (0.3 + step, 0.2), (0.3 - step, 0.2))
    of_between = change(items, items, (0.3, 0.2 + step), (0.3, 0.2 - step))
    assert scores.sum(axis=0) / [1.0, unit] == pytest.approx([of_within, of_between], abs=1e-4)


def test_chances_of_two_answers_add_up_to_those_of_one(pair):
    items, rows, _ = pair
    plan = ordinal_given.plan_points(0.75, 0.2, places(items, rows, 30))
    whole = 0.0
    for code in range(4):
        codes = np.column_stack([rows.codes[:, 0], np.full(len(rows.codes), code)])
        own = ordinal_given._PairRows(*items, replace(rows, codes=codes), 30, plan)
        whole = whole + np.concatenate([own.chances(0.75, terms)[0] for terms in own.kept])
    lower, upper = own.limits[0]
    alone = ndtr(upper) - ndtr(lower)
    assert whole == pytest.approx(np.broadcast_to(alone[:, :, None], whole.shape), abs=1e-8)


def test_moments_and_slopes_at_the_truth(fits):
    own = fits["theta"].parameters.set_index(["lhs", "op", "rhs", "level"])
    truth = {
        ("fw", "~", "x", 1): 0.5,
        ("y3", "~", "x", 1): 0.4,
        ("fb", "~", "w", 2): 0.6,
        ("fw", "=~", "y2", 1): 0.8,
        ("fb", "=~", "y3", 2): 0.9,
        ("y1", "|", "t2", 2): 1.2,
        ("y3", "|", "t1", 2): -0.3,
    }
    for key, value in truth.items():
        assert abs(own.loc[key, "est"] - value) < 2.5 * own.loc[key, "se"] < 1.2, key
    assert own.loc[("x", "~~", "x", 1), "est"] == pytest.approx(made()["x"].var())
    assert own.loc[("w", "~1", "", 2), "est"] == pytest.approx(made().groupby("app")["w"].first().mean())


def test_the_scale_of_covariates_and_of_residuals_does_not_matter(fits):
    base = fits["theta"]
    for other in ("delta", "moved"):
        for index in ("chisq", "df", "chisq_scaled", "cfi_scaled", "srmr_within", "srmr_between"):
            assert fits[other].fit[index] == pytest.approx(base.fit[index], abs=1e-4), (other, index)
    one, two = (f.parameters.set_index(["lhs", "op", "rhs", "level"]) for f in (base, fits["moved"]))
    assert two.loc[("fw", "~", "x", 1), "est"] == pytest.approx(
        one.loc[("fw", "~", "x", 1), "est"] / 10.0, rel=1e-4
    )
    assert two.loc[("fb", "~", "w", 2), "est"] == pytest.approx(
        -10.0 * one.loc[("fb", "~", "w", 2), "est"], rel=1e-4
    )
    for column in ("est", "se"):
        for item in ITEMS:
            key = ("fw", "=~", item, 1)
            assert two.loc[key, column] == pytest.approx(one.loc[key, column], abs=1e-5)
    assert two["std_all"].drop(index=[k for k in two.index if k[1] in ("~1", "|")]).abs().to_numpy() == (
        pytest.approx(
            one["std_all"].drop(index=[k for k in one.index if k[1] in ("~1", "|")]).abs().to_numpy(),
            abs=1e-5,
        )
    )
    explained = base.r_squared.set_index(["level", "variable"])["r_squared"]
    assert explained[1, "fw"] == pytest.approx(one.loc[("fw", "~", "x", 1), "std_all"] ** 2)
    assert explained[2, "fb"] == pytest.approx(one.loc[("fb", "~", "w", 2), "std_all"] ** 2)


@pytest.mark.parametrize("case", ["theta", "delta"])
def test_derivatives_of_implied_moments(fits, case):
    fitted = fits[case]._fitted
    group = build_two_level_group(fitted.table, 0)
    found = two_level_jacobian(group, evaluate_two_level(group, fitted.x), fitted.table.n_free)
    step = 1e-6 * np.eye(len(fitted.x))
    wanted = [
        (evaluate_two_level(group, fitted.x + s).moments - evaluate_two_level(group, fitted.x - s).moments)
        / 2e-6
        for s in step
    ]
    assert found == pytest.approx(np.array(wanted).T, abs=1e-7)
    # thresholds 2 + 1 + 3, slopes of both levels, variances, pairs of both levels; parameters of MODEL
    assert (found.shape[0], fitted.test.df) == (6 + 3 + 3 + 3 + 3 + 3, 21 - 18)
    assert fitted.baseline.df == 3 + 3


def test_a_path_left_out_is_tested_and_named(fits):
    row = compare_models({"all": fits["theta"], "less": fits["no effect"]}).table.iloc[1]
    assert row["nested"] and row["df_diff"] == 1 and row["pvalue"] < 0.01
    listed = fits["no effect"].modification_indices().set_index(["lhs", "op", "rhs", "level"])
    assert listed.loc[("fb", "~", "w", 2), "mi"] > 6.0
    assert {("y1", "~", "w", 2), ("y1", "~", "x", 1)} <= set(listed.index)
    assert not {("y1", "~", "w", 1), ("y1", "~", "x", 2), ("x", "~", "fw", 1)} & set(listed.index)
    gaps = fits["theta"].residuals()
    assert [list(gap.columns) for gap in gaps.values()] == [[*ITEMS, "x"], [*ITEMS, "w"]]
    assert np.abs(gaps["level 1"].to_numpy()).max() < 0.1 and (gaps["level 1"]["x"] == 0.0).all()


def test_scores_are_the_mode_of_their_posterior(fits, data):
    fitted = fits["theta"]
    est = fitted.parameters.set_index(["lhs", "op", "rhs", "level"])["est"]
    rows = data[data["app"] == 7]
    x, w = rows["x"].to_numpy(), rows["w"].iloc[0]
    lw, lb = (np.array([est[f, "=~", item, level] for item in ITEMS]) for f, level in (("fw", 1), ("fb", 2)))
    residual = np.array([est[item, "~~", item, 2] for item in ITEMS])

    def lost(b):
        fb, v, fw = b[0], b[1:4], b[4:]
        value = -0.5 * (fb - est["fb", "~", "w", 2] * w) ** 2 / est["fb", "~~", "fb", 2]
        value -= 0.5 * np.sum(v**2 / residual)
        value -= 0.5 * np.sum((fw - est["fw", "~", "x", 1] * x) ** 2) / est["fw", "~~", "fw", 1]
        for k, item in enumerate(ITEMS):
            cuts = [
                -np.inf,
                *(
                    est[item, "|", f"t{m}", 2]
                    for m in range(1, rows.shape[0])
                    if (item, "|", f"t{m}", 2) in est
                ),
                np.inf,
            ]
            code = rows[item].to_numpy()
            line = lw[k] * fw + lb[k] * fb + v[k] + (est["y3", "~", "x", 1] * x if item == "y3" else 0.0)
            high, low = np.array(cuts)[code] - line, np.array(cuts)[code - 1] - line
            value += np.log(ndtr(high) - ndtr(low)).sum()
        return -value

    best = minimize(lost, np.zeros(4 + len(rows)), method="BFGS", options={"gtol": 1e-8}).x
    below = fitted.factor_scores()
    assert below.loc[rows.index, "fw"].to_numpy() == pytest.approx(best[4:], abs=1e-4)
    assert fitted.factor_scores(level=2).loc[7, "fb"] == pytest.approx(best[0], abs=1e-4)


def test_rows_without_a_covariate_are_left_out_and_the_bootstrap_draws_clusters(data):
    gaps = data.assign(x=data["x"].where(np.arange(len(data)) % 20 != 0))
    model = "level: 1\ny1 ~~ y2\ny1 + y2 ~ x\nlevel: 2\ny1 ~~ y2"
    options = OPTIONS | {"ordered": ["y1", "y2"]}
    fitted = sem(model, gaps, **options)
    assert fitted.n_obs == gaps["x"].notna().sum() < len(gaps)
    assert fitted.fit["df"] == 0.0
    drawn = bootstrap_model(fitted, draws=3, seed=1)
    assert np.isfinite(drawn.table["se"]).any()


def test_groups_have_covariates_of_their_own(data):
    halves = data.assign(side=np.where(data["app"] % 2, "a", "b"))
    model = "level: 1\ny1 ~~ y2\ny1 + y2 ~ x\nlevel: 2\ny1 ~~ y2\ny1 ~ w"
    options = OPTIONS | {"ordered": ["y1", "y2"]}
    both = sem(model, halves, group="side", **options)
    alone = sem(model, halves[halves["side"] == "a"], **options)
    mine, own = (f.parameters[f.parameters["op"] == "~"] for f in (both, alone))
    assert mine.loc[mine["group"] == "a", "est"].to_numpy() == pytest.approx(own["est"].to_numpy(), abs=1e-5)


BOTH = "level: 1\nfw =~ y1 + y2 + y3\n{}\nlevel: 2\nfb =~ y1 + y2 + y3\n{}"


@pytest.mark.parametrize(
    ("within", "between", "error", "message"),
    [
        ("fw ~ x", "fb ~ x", DefinitionError, "predictors of ordinal items stand at both levels: 'x'"),
        ("", "fb ~ x", ResponseDataError, "level 2 variables differ within clusters: 'x in 70'"),
        ("fw ~ w", "", NotEstimableError, "'w' does not vary within clusters"),
        ("fw ~ x + x2", "", NotEstimableError, "predictors are linear functions of each other"),
        ("", "fb ~ one", NotEstimableError, "'one' is constant"),
        ("fw ~ y4", "", DefinitionError, "observed predictors are named as ordinal: 'y4'"),
    ],
)
def test_refused(data, within, between, error, message):
    table = data.assign(x2=2.0 * data["x"] + 1.0, one=1.0, y4=data["y1"])
    ordered = [*ITEMS, "y4"] if "y4" in within else ITEMS
    with (
        warnings.catch_warnings(),
        pytest.raises(error, match=message) as caught,
    ):
        warnings.simplefilter("error")
        sem(BOTH.format(within, between), table, cluster="app", ordered=ordered, estimator="WLSMV")
    assert str(caught.value).count("\nHint: ") == 1


def test_a_correlation_beyond_what_is_searched_is_told():
    rng = np.random.default_rng(3)
    app = np.repeat(np.arange(60), 6)
    u, x = rng.normal(size=60)[app], rng.normal(size=360)
    codes = np.column_stack(
        [np.digitize(u + rng.normal(size=360) + 0.3 * x, [-0.5, 0.5]) for _ in range(2)]
    ).astype(float)
    given = covariates_given(x[:, None], 1, ["x"], "sem", "")
    found = two_level_ordinal_moments(codes, app, [3, 3], ["a", "b"], "sem", "", given)
    limit = ordinal_given.EDGE_BETWEEN * np.sqrt(np.prod(np.diag(found.between)))
    assert found.between[0, 1] <= limit + 1e-9
    assert found.at_edge == ([(0, 1)] if found.between[0, 1] >= limit - 1e-6 else [])


@pytest.mark.parametrize(("within", "between"), [(0.55, 0.4), (-0.3, 0.68), (0.7, -0.6), (0.2, 0.0)])
def test_the_likelihood_of_a_pair_is_the_integral_it_stands_for(within, between):
    """One cluster of three rows with covariates: rectangles by SciPy, both parts between by Gauss-Hermite points."""
    p = ItemAtLevels(np.array([-0.4, 0.7]), 0.6, np.zeros((1, 4)), np.zeros(1), True, np.array([0.5]))
    q = ItemAtLevels(np.array([0.2]), 0.9, np.zeros((1, 3)), np.zeros(1), True, np.array([-0.3]))
    codes, x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]]), np.array([0.7, -1.2, 0.1])
    rows = ordinal_given.alike(codes, np.zeros(3, dtype=int), x[:, None])
    unit = np.sqrt(p.variance * q.variance)
    plan = ordinal_given.plan_points(within, between / unit, places((p, q), rows, 1))
    assert (plan.most >= np.abs([within, between / unit])).all()
    found = ordinal_given._PairRows(p, q, rows, 1, plan).scores(within, between / unit)[0]
    z, weight = np.polynomial.hermite_e.hermegauss(40)
    root = np.linalg.cholesky([[p.variance, between], [between, q.variance]])
    v = root @ np.stack([m.ravel() for m in np.meshgrid(z, z, indexing="ij")])
    edges = [[-9.0, *p.thresholds, 9.0], [-9.0, *q.thresholds, 9.0]]
    chance = np.ones(v.shape[1])
    for code, own in zip(codes.astype(int), x, strict=True):
        low, high = (
            [edges[k][code[k] + upper] - slope * own - v[k] for k, slope in ((0, 0.5), (1, -0.3))]
            for upper in (0, 1)
        )
        corner = {}
        for one, first in (("l", low[0]), ("h", high[0])):
            for two, second in (("l", low[1]), ("h", high[1])):
                corner[one + two] = multivariate_normal.cdf(
                    np.stack([first, second], -1), cov=[[1.0, within], [within, 1.0]]
                )
        chance *= corner["hh"] - corner["lh"] - corner["hl"] + corner["ll"]
    wanted = np.log(chance @ np.outer(weight, weight).ravel() / weight.sum() ** 2)
    assert found == pytest.approx(wanted, abs=3e-6)


def test_a_cluster_without_rows_that_answer_both_says_nothing(pair):
    items, rows, _ = pair
    value, scores, _ = likelihood(items, rows, 0.3, 0.2)
    kept = rows.cluster != 4
    present, begin = np.unique(rows.cluster[kept], return_index=True)
    fewer = replace(
        rows,
        cluster=rows.cluster[kept],
        begin=begin,
        present=present,
        weight=rows.weight[kept],
        x=rows.x[kept],
        codes=rows.codes[kept],
    )
    less, without, _ = likelihood(items, fewer, 0.3, 0.2)
    assert without[4].tolist() == [0.0, 0.0]
    # the points of all clusters depend on the most skewed one
    assert np.delete(without, 4, axis=0) == pytest.approx(np.delete(scores, 4, axis=0), abs=2e-6)
    assert less > value


@pytest.fixture(scope="module")
def differing():
    """Clusters of six that differ so much that many give one answer throughout: skewed posteriors."""
    rng = np.random.default_rng(7)
    app = np.repeat(np.arange(100), 6)
    parts = 2.0 * rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 100)
    rows = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 600)
    x = rng.normal(size=(600, 1))
    codes = np.digitize(rows + parts[app] + 0.3 * x, [-0.6, 0.6]) * 1.0
    items = [ordinal_given.item_given(codes[:, k], app, 100, 3, x) for k in (0, 1)]
    return items, ordinal_given.alike(codes, app, x)


def test_points_suffice_where_posteriors_are_skewed(differing, monkeypatch):
    items, rows = differing
    found = ordinal_given.pair_given(*items, rows, 100, (0.5, 0.5))
    many = replace(ordinal_given.FINE, nodes=39, bent=0.0, tail=1e-13, settled=1e-12)
    monkeypatch.setattr(ordinal_given, "FINE", many)
    wanted = ordinal_given.pair_given(*items, rows, 100, (0.3, 0.3))
    error = np.sqrt((wanted.influence**2).sum(axis=0))
    assert (
        np.abs(np.subtract((found.within, found.between), (wanted.within, wanted.between)) / error).max()
        < 1e-4
    )
    assert found.influence == pytest.approx(wanted.influence, abs=3e-4 * np.abs(wanted.influence).max())


def test_neither_what_is_kept_nor_how_rows_are_cut_matters(differing, monkeypatch):
    items, rows = differing
    found = ordinal_given.pair_given(*items, rows, 100, (0.5, 0.5))
    for name, value in (("MOST_ENTRIES", 0), ("HELD", 5_000), ("TOGETHER", 4)):
        monkeypatch.setattr(ordinal_given, name, value)
    other = ordinal_given.pair_given(*items, rows, 100, (0.5, 0.5))
    assert (other.within, other.between) == pytest.approx((found.within, found.between), abs=1e-9)
    assert other.influence == pytest.approx(found.influence, abs=1e-8)


def test_rows_that_none_are_like_are_counted_once_either_way():
    rng = np.random.default_rng(3)
    codes, app, x = rng.integers(0, 3, (40, 2)) * 1.0, rng.integers(0, 6, 40), rng.normal(size=(40, 1))
    codes[5, 1] = np.nan
    one, two = (ordinal_given.alike(codes, app, x, distinct=distinct) for distinct in (False, True))
    assert one.cluster.tolist() == two.cluster.tolist() and one.begin.tolist() == two.begin.tolist()
    assert sorted(zip(one.x[:, 0], one.codes[:, 0], strict=True)) == sorted(
        zip(two.x[:, 0], two.codes[:, 0], strict=True)
    )
    assert (one.weight == two.weight).all()
