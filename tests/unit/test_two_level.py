"""Two-level models: the likelihood by brute force, what must not matter, and what is refused."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from analysis import cfa, compare_models, sem
from analysis.structural.estimation.ram import build_group, evaluate
from analysis.structural.language.syntax import parse_syntax
from analysis.structural.two_level.estimation import proper
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

MODEL = "level: 1\nfw =~ y1 + y2 + y3\nfw ~ x\nlevel: 2\nfb =~ y1 + y2 + y3\nfb ~ z"
PLAIN = "level: within\nfw =~ y1 + y2 + y3 + y4\nlevel: between\nfb =~ y1 + y2 + y3 + y4"
EQUAL = PLAIN.replace("y2 + y3 + y4", "a*y2 + b*y3 + c*y4")


@cache
def table(n_clusters=60, seed=3):
    """Clusters of 2 to 9 rows; four items, a covariate within and one between, two groups of clusters."""
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 10, n_clusters)
    app = np.repeat(np.arange(n_clusters), size)
    z = rng.normal(size=n_clusters)
    between = 0.5 * z + rng.normal(size=n_clusters)
    x = rng.normal(0.4, 1.0, len(app))
    within = 0.6 * x + rng.normal(size=len(app))
    found = pd.DataFrame({"app": app, "x": x, "z": z[app], "side": np.where(app % 2, "a", "b")})
    for k, loading in enumerate((1.0, 0.8, 0.9, 0.7), start=1):
        own = 0.4 * rng.normal(size=n_clusters)[app] + 0.7 * rng.normal(size=len(app))
        found[f"y{k}"] = 0.1 * k + loading * (within + 0.8 * between[app]) + own
    return found


def log_likelihood(fit, models, x, cluster):
    """Of one cluster, from the covariance of all its numbers that are there."""
    within, between = evaluate(models[0], x), evaluate(models[1], x)
    first, second = (names.observed for names in fit.table.level_names)
    rows = fit.data.values[0][fit.data.sampling[0].clusters == cluster]
    at = {name: k for k, name in enumerate(fit.data.variables)}
    cells = [(i, name) for i in range(len(rows)) for name in first if not np.isnan(rows[i, at[name]])]
    cells += [(-1, n) for n in second if n not in first and not np.isnan(rows[0, at[n]])]
    values = np.array([rows[max(i, 0), at[name]] for i, name in cells])
    mean, covariance = np.zeros(len(cells)), np.zeros((len(cells), len(cells)))
    for a, (i, one) in enumerate(cells):
        mean[a] += within.mu[first.index(one)] if i >= 0 else 0.0
        mean[a] += between.mu[second.index(one)] if one in second else 0.0
        for b, (j, two) in enumerate(cells):
            if i == j >= 0:
                covariance[a, b] += within.sigma[first.index(one), first.index(two)]
            if one in second and two in second:
                covariance[a, b] += between.sigma[second.index(one), second.index(two)]
    return multivariate_normal.logpdf(values, mean, covariance)


@pytest.mark.parametrize("moved", ["x", "z", "y2"])
@pytest.mark.parametrize("gaps", [False, True])
def test_the_unit_of_a_variable_changes_no_fit(moved, gaps):
    """A covariate in seconds made the search end with 'no maximum', since variances started at a share of its own."""
    data = table().assign(y1=table()["y1"].mask(np.arange(len(table())) % 7 == 3)) if gaps else table()
    usual, other = (sem(MODEL, d, cluster="app") for d in (data, data.assign(**{moved: data[moved] * 1e5})))
    assert other.fit["chisq"] == pytest.approx(usual.fit["chisq"], abs=1e-6)
    shown = usual.parameters["op"] != "~1"
    assert other.parameters["std_all"][shown].to_numpy() == pytest.approx(
        usual.parameters["std_all"][shown].to_numpy(), abs=1e-6
    )


def test_a_start_has_a_share_of_the_variance_of_both_levels():
    covariance = np.array([[2.0, 0.5, 0.1], [0.5, -0.3, 0.2], [0.1, 0.2, 1e8]])
    found = proper(covariance, np.array([3.0, 5.0, 2e8]))
    assert np.diag(found) == pytest.approx([2.0, 0.005, 1e8])
    assert np.abs(found[0, 1]) == pytest.approx(0.95 * np.sqrt(2.0 * 0.005))


def test_one_huge_cluster_beside_pairs_leaves_the_unrestricted_model_without_a_maximum():
    """Its covariance between may turn singular where that cluster's mean is not: told so, not as a matrix."""
    rng = np.random.default_rng(4)
    app = np.repeat(np.arange(61), [2] * 60 + [600])
    loading = np.array([1.0, 0.8, 0.9, 0.7])
    items = 2 + np.outer(rng.normal(size=720), loading) + 0.7 * rng.normal(size=(720, 4))
    parts = np.outer(0.7 * rng.normal(size=61), loading) + 0.4 * rng.normal(size=(61, 4))
    data = pd.DataFrame(items + parts[app], columns=["y1", "y2", "y3", "y4"]).assign(app=app)
    with pytest.raises(
        NotEstimableError, match=r"61 clusters with 11\.8 rows each do not determine 24 moments"
    ):
        sem(PLAIN, data, cluster="app")


@pytest.mark.parametrize("rule", [None, "listwise"])
def test_what_a_cluster_has_may_stand_in_one_of_its_rows(rule):
    """As files hold it that tell of a clinic once; the rows beside it are kept, whichever row tells."""
    sparse = table().copy()
    place, size = (sparse.groupby("app")["app"].transform(how) for how in ("cumcount", "size"))
    sparse["z"] = sparse["z"].where(place == sparse["app"] % size)
    whole, told = (sem(MODEL, data, cluster="app", missing=rule) for data in (table(), sparse))
    assert told.n_obs == len(table())
    columns = ["est", "se"]
    assert told.parameters[columns].to_numpy() == pytest.approx(whole.parameters[columns].to_numpy())
    assert told.fit["logl"] == pytest.approx(whole.fit["logl"])
    sparse.loc[np.flatnonzero(sparse["app"] == 4)[:2], "z"] = [1.0, 2.0]
    with pytest.raises(ResponseDataError, match="differ within clusters: 'z in 1'"):
        sem(MODEL, sparse, cluster="app", missing=rule)


def test_likelihood_scores_and_curvature_by_brute_force():
    fit = sem(MODEL, table(), cluster="app")._fitted
    models = [build_group(fit.table, block, fit.exogenous_values[block]) for block in (0, 1)]
    target = fit.clusters[0].discrepancy(*models, fit.table.n_free)
    x = fit.x + 0.05
    whole = sum(log_likelihood(fit, models, x, cluster) for cluster in range(60))
    assert whole == pytest.approx(-0.5 * (target.value(x) * fit.n_obs + fit.clusters[0].constant), rel=1e-10)
    step, scores = 1e-5, target.scores(x)
    for cluster in (0, 31, 59):
        for k, unit in enumerate(np.eye(len(x)) * step):
            up, down = (log_likelihood(fit, models, x + s * unit, cluster) for s in (1, -1))
            assert scores[cluster, k] == pytest.approx((up - down) / (2 * step), abs=1e-5)
    np.testing.assert_allclose(target.gradient(x), -2 * scores.sum(axis=0) / fit.n_obs, atol=1e-12)
    numeric = [(target.gradient(x + u) - target.gradient(x - u)) / (2 * step) for u in np.eye(len(x)) * step]
    np.testing.assert_allclose(target.observed(x), numeric, atol=1e-7)


def test_expected_curvature_is_the_mean_over_samples_of_the_model():
    """With moments equal to those implied, observed and expected curvature agree."""
    fit = sem(PLAIN, table(), cluster="app")._fitted
    models = [build_group(fit.table, block, {}) for block in (0, 1)]
    target = fit.clusters[0].discrepancy(*models, fit.table.n_free)
    ratio = np.diag(target.expected(fit.x)) / np.diag(target.observed(fit.x))
    assert ((ratio > 0.6) & (ratio < 1.6)).all()


@cache
def holes(seed=5):
    """Answers of a quarter missing at random, in items and in the covariate between."""
    rng = np.random.default_rng(seed)
    found = table().copy()
    for name in ("y1", "y2", "y3", "y4"):
        found[name] = found[name].mask(rng.random(len(found)) < 0.25)
    found["z"] = found["z"].mask(found["app"] % 7 == 3)
    return found


Z_RANDOM = MODEL + "\nz ~~ z"


def test_missing_answers_by_brute_force():
    fit = sem(Z_RANDOM, holes(), cluster="app")._fitted
    assert fit.missing == "fiml" and np.isnan(fit.data.values[0]).any(axis=0).sum() == 4
    models = [build_group(fit.table, block, fit.exogenous_values[block]) for block in (0, 1)]
    target = fit.clusters[0].discrepancy(*models, fit.table.n_free)
    x = fit.x + 0.05
    whole = sum(log_likelihood(fit, models, x, cluster) for cluster in range(60))
    assert whole == pytest.approx(-0.5 * (target.value(x) * fit.n_obs + fit.clusters[0].constant), rel=1e-10)
    step, scores = 1e-5, target.scores(x)
    for cluster in (3, 31, 59):
        for k, unit in enumerate(np.eye(len(x)) * step):
            up, down = (log_likelihood(fit, models, x + s * unit, cluster) for s in (1, -1))
            assert scores[cluster, k] == pytest.approx((up - down) / (2 * step), abs=1e-5)
    np.testing.assert_allclose(target.gradient(x), -2 * scores.sum(axis=0) / fit.n_obs, atol=1e-12)


def test_complete_rows_give_the_same_by_both_ways():
    from analysis.structural.two_level.likelihood import IncompleteClusters
    from analysis.structural.two_level.missing import incomplete_sample

    fit = sem(MODEL, table(), "MLR", cluster="app")._fitted
    models = [build_group(fit.table, block, fit.exogenous_values[block]) for block in (0, 1)]
    sample = incomplete_sample(fit.data.values[0], fit.data.sampling[0].clusters, fit.clusters[0].places)
    one, two = (c.discrepancy(*models, len(fit.x)) for c in (fit.clusters[0], IncompleteClusters(sample)))
    x = fit.x + 0.02
    constants = fit.clusters[0].constant, IncompleteClusters(sample).constant
    assert one.value(x) * fit.n_obs + constants[0] == pytest.approx(two.value(x) * fit.n_obs + constants[1])
    np.testing.assert_allclose(one.gradient(x), two.gradient(x), atol=1e-10)
    np.testing.assert_allclose(one.scores(x), two.scores(x), atol=1e-9)
    np.testing.assert_allclose(one.observed(x), two.observed(x), atol=1e-6)
    np.testing.assert_allclose(one.expected(x), two.expected(x), atol=1e-10)


@pytest.mark.parametrize("seed", [2, 4])
def test_missing_answers_in_small_clusters_take_few_steps(seed):
    """A fifth of the answers of 40 clusters of 2 to 8 missing: steps of complete rows alone took some sixty."""
    rng = np.random.default_rng(seed)
    app = np.repeat(np.arange(40), rng.integers(2, 9, 40))
    answers = rng.normal(size=(len(app), 1)) + np.sqrt(0.4) * rng.normal(size=(40, 1))[app]
    answers = answers + rng.normal(size=(len(app), 4))
    answers[rng.random(answers.shape) < 0.2] = np.nan
    own = pd.DataFrame(answers, columns=["y1", "y2", "y3", "y4"]).assign(app=app)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)  # a variance between of a residual may be below zero
        assert sem(PLAIN, own, cluster="app").n_iter < 30


def test_a_variance_below_zero_has_other_solutions_looked_for():
    """Sixteen clusters whose likelihood has several maxima; lavaan 0.6-14 ends at -412.6834, as did one start."""
    rng = np.random.default_rng(23)
    n_clusters = int(rng.integers(15, 60))
    cluster = np.repeat(np.arange(n_clusters), rng.integers(2, 12, n_clusters))
    shared = np.sqrt(rng.choice([0.0, 0.03, 0.1, 0.3]))
    items = 0.8 * rng.normal(size=(len(cluster), 1)) + 0.6 * rng.normal(size=(len(cluster), 4))
    between = 0.8 * rng.normal(size=(n_clusters, 1)) + 0.4 * rng.normal(size=(n_clusters, 4))
    data = pd.DataFrame(items + shared * between[cluster], columns=["y1", "y2", "y3", "y4"]).assign(c=cluster)
    with pytest.warns(ToolkitWarning) as told:
        fit = sem(PLAIN, data, "ML", cluster="c")
    assert fit.fit["logl"] == pytest.approx(-412.666966, abs=1e-4)
    texts = [str(one.message) for one in told]
    assert any("several minima" in text and "pos.var" in text for text in texts)
    assert any("negative variances" in text for text in texts)


def test_rows_without_answers_within_are_dropped_and_missing_answers_widen_errors():
    empty = table().copy()
    empty.loc[empty.index[:7], ["y1", "y2", "y3", "y4"]] = np.nan
    assert sem(PLAIN, empty, cluster="app").n_obs == len(empty) - 7
    full, less = sem(PLAIN, table(), cluster="app"), sem(PLAIN, holes(), cluster="app")
    free = full.parameters["se"].to_numpy() > 0
    ratio = less.parameters["se"].to_numpy()[free] / full.parameters["se"].to_numpy()[free]
    assert 1.0 < np.median(ratio) < 1.4
    alone = sem(PLAIN, holes(), cluster="app", missing="listwise")
    assert alone.n_obs == int(holes()[["y1", "y2", "y3", "y4"]].notna().all(axis=1).sum()) < less.n_obs


def test_order_of_rows_names_of_clusters_and_units_do_not_matter():
    one = sem(MODEL, table(), "MLR", cluster="app")
    other = table().sample(frac=1, random_state=2).assign(app=lambda t: "clinic " + t["app"].astype(str))
    two = sem(MODEL, other, "MLR", cluster="app")
    for name in ("est", "se"):
        np.testing.assert_allclose(one.parameters[name], two.parameters[name], rtol=1e-6, atol=1e-8)
    ten = table().copy()
    ten[["y1", "y2", "y3"]] *= 10
    three = sem(MODEL, ten, "MLR", cluster="app")
    np.testing.assert_allclose(one.parameters["std_all"], three.parameters["std_all"], rtol=1e-5, atol=1e-7)
    assert three.fit["chisq_scaled"] == pytest.approx(one.fit["chisq_scaled"], rel=1e-6)


def test_groups_add_up_and_equality_costs_what_it_says():
    halves = [sem(PLAIN, table()[table()["side"] == side], cluster="app") for side in ("b", "a")]
    both = sem(PLAIN, table(), cluster="app", group="side")
    assert list(both.groups) == ["b", "a"] and both.n_parameters == 40
    assert both.fit["logl"] == pytest.approx(sum(half.fit["logl"] for half in halves), rel=1e-9)
    assert both.fit["chisq"] == pytest.approx(sum(half.fit["chisq"] for half in halves), rel=1e-6)
    for half, side in zip(halves, ("b", "a"), strict=True):
        own = both.parameters[both.parameters["group"] == side]
        np.testing.assert_allclose(own["est"], half.parameters["est"], atol=1e-6)
        assert own["level"].tolist() == half.parameters["level"].tolist()
    equal = sem(PLAIN, table(), cluster="app", group="side", group_equal=["loadings", "intercepts"])
    # 3 loadings at each level; 4 intercepts between less one latent mean
    assert equal.fit["df"] - both.fit["df"] == 9
    free = equal.parameters.query("op == '~1' and lhs == 'fb'")
    assert (free["se"] > 0).tolist() == [False, True]
    assert compare_models({"free": both, "equal": equal}).table["nested"].tolist()[1] is True


def test_equal_loadings_across_levels_are_equal_and_nested():
    free, equal = sem(PLAIN, table(), cluster="app"), sem(EQUAL, table(), cluster="app")
    rows = equal.parameters
    assert (
        rows.query("op == '=~' and level == 1")["est"].tolist()
        == rows.query("op == '=~' and level == 2")["est"].tolist()
    )
    found = compare_models({"free": free, "equal": equal}).table
    assert found["df_diff"].tolist()[1] == 3 and bool(found["nested"].tolist()[1])


def test_modification_indices_foretell_the_drop():
    model = "level: 1\nfw =~ y1 + y2 + y3 + y4\nlevel: 2\nfb =~ y1 + y2 + y3 + y4"
    shifted = table().copy()
    shifted["y4"] += 0.25 * (shifted["y3"] - shifted.groupby("app")["y3"].transform("mean"))
    fit = sem(model, shifted, cluster="app")
    top = fit.modification_indices().iloc[0]
    assert top["level"] == 1
    freed = sem(
        f"level: 1\nfw =~ y1 + y2 + y3 + y4\n{top['lhs']} {top['op']} {top['rhs']}\n"
        "level: 2\nfb =~ y1 + y2 + y3 + y4",
        shifted,
        cluster="app",
    )
    drop = fit.fit["chisq"] - freed.fit["chisq"]
    assert drop > 3 and top["mi"] == pytest.approx(drop, rel=0.35)


def test_what_a_result_tells():
    fit = cfa(PLAIN, table(), cluster="app")
    assert fit.estimator == "ML" and fit.parameters.columns[4] == "level"
    text = fit.summary()
    assert text.index("Level 1: within clusters") < text.index("Level 2: between clusters")
    within, between = text.split("Level 2: between clusters")
    assert "fb" not in within and "fw" not in between
    assert [part.count("y1 ~~ y1") for part in (within, between)] == [1, 1]
    assert "60 clusters" in repr(fit) and "srmr_between" in text
    assert (
        set(fit.residuals()) == set(fit.implied()) == set(fit.latent_covariance()) == {"level 1", "level 2"}
    )
    assert fit.r_squared["level"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert fit.vcov().index[0] == "fw =~ y2 (level 1)"
    assert fit.fit["srmr"] == pytest.approx(fit.fit["srmr_within"] + fit.fit["srmr_between"])


SYNTAX = [
    ("level: 1\nf =~ y1 + y2 + y3", "the model has no statements at level 2"),
    ("level: 3\nf =~ y1 + y2 + y3", "line 1, column 1: the level '3' is unknown"),
    (
        "level: 1\nf =~ y1 + y2\nlevel: within\ng =~ y1 + y2",
        "line 3, column 1: a second block of level 'within'",
    ),
    ("f =~ y1 + y2\n" + PLAIN, "'f =~ y1' stands before the first level"),
    ("group: 1\nf =~ y1 + y2", "blocks 'group' are not supported"),
    ("level: 1 2\nf =~ y1 + y2", "the level '1 2' is unknown"),
    ("level:\nf =~ y1 + y2 + y3", "the level .* is unknown"),
    (PLAIN + "\nfb =~ y1", "'fb =~ y1' appears twice"),
]


@pytest.mark.parametrize(("model", "message"), SYNTAX)
def test_blocks_that_cannot_be_read(model, message):
    with pytest.raises(DefinitionError, match=message):
        sem(model, table(), cluster="app")


def test_the_same_relation_may_stand_at_both_levels():
    found = parse_syntax("level: 1\ny1 ~~ y2\nlevel: 2\ny1 ~~ y2\nd := 1")
    assert [s.level for s in found.statements] == [1, 2] and found.has_levels and len(found.definitions) == 1
    assert not parse_syntax("y1 ~~ y2").has_levels


def centred(t):
    return t["y4"] - t.groupby("app")["y4"].transform("mean")


REFUSED = [
    (PLAIN, {}, {}, DefinitionError, "the model has level blocks but no clusters"),
    (
        PLAIN,
        {"cluster": "app", "estimator": "WLSMV"},
        {},
        ResponseDataError,
        "distinct values, more than|not whole numbers",
    ),
    (PLAIN, {"cluster": "app", "sampling_weights": "x"}, {}, DefinitionError, "take no sampling weights"),
    (
        PLAIN,
        {"cluster": "app", "group": "half"},
        {"half": lambda t: t.index % 2},
        ResponseDataError,
        "several groups",
    ),
    (
        PLAIN,
        {"cluster": "app"},
        {"app": lambda t: t["app"].where(t.index > 5)},
        ResponseDataError,
        "6 of .* no cluster",
    ),
    (
        PLAIN,
        {"cluster": "app"},
        {"app": lambda t: t.index},
        NotEstimableError,
        "clusters in 'app' has one row",
    ),
    (
        PLAIN,
        {"cluster": "app"},
        {"app": lambda t: t["app"] % 4},
        NotEstimableError,
        "4 clusters for 4 variables at level 2",
    ),
    (PLAIN, {"cluster": "app"}, {"y4": centred}, NotEstimableError, "cluster means of 'y4' do not vary"),
    (
        PLAIN,
        {"cluster": "app"},
        {"y4": lambda t: t["z"]},
        NotEstimableError,
        "'y4' does not vary within clusters",
    ),
    (
        MODEL,
        {"cluster": "app"},
        {"z": lambda t: t["x"]},
        ResponseDataError,
        "differ within clusters: 'z in 60'",
    ),
    (
        "level: 1\nf =~ y1 + y2\nlevel: 2\ng =~ y3 + y4",
        {"cluster": "app"},
        {},
        DefinitionError,
        "no variable stands at both",
    ),
    (
        "level: 1\nf =~ y1 + y2 + y3\nlevel: 2\nf ~~ y1\ny1 ~~ y2\ny3 ~~ y3",
        {"cluster": "app"},
        {},
        DefinitionError,
        "'f' is latent at one level and observed at the other",
    ),
    (
        "level: 1\nf =~ y1 + y2\nlevel: 2\ny1 ~~ y2",
        {"cluster": "app"},
        {},
        NotEstimableError,
        "negative degrees of freedom",
    ),
]


@pytest.mark.parametrize(("model", "options", "columns", "error", "message"), REFUSED)
def test_refused(model, options, columns, error, message):
    with pytest.raises(error, match=message) as caught:
        sem(model, table().assign(**columns), **options)
    fact, hint = str(caught.value).split("\n")
    assert fact.startswith("sem: ") and hint.startswith("Hint: ")


def test_errors_of_residuals_are_refused_by_name():
    fit = sem(PLAIN, table(), cluster="app")
    with pytest.raises(DefinitionError, match="errors of residuals are not computed for two levels"):
        fit.residuals("z")
    with pytest.raises(DefinitionError, match="have different variables: 'z "):
        compare_models({"a": fit, "b": sem(PLAIN + "\nfb ~ z", table(), cluster="app")})
