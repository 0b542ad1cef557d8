"""Two-level models of ordinal items: derivatives, what must not matter, limits, and what is refused."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

from analysis import bootstrap_model, cfa, compare_models, intraclass_correlations, nested, sem
from analysis.structural.inference.modification import candidates, discrepancy_of, extend
from analysis.structural.two_level.ordinal_items import climb, item_at_levels
from analysis.structural.two_level.ordinal_model import (
    TwoLevelLeastSquares,
    build_two_level_group,
    evaluate_two_level,
    two_level_jacobian,
)
from analysis.structural.two_level.ordinal_pairs import _pair_scores, cell_counts, nodes_for, pair_at_levels
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

MODEL = "level: 1\nfw =~ y1 + y2 + y3 + y4\nlevel: 2\nfb =~ y1 + y2 + y3 + y4"
OPTIONS = {"cluster": "app", "ordered": True}
FIT = ["chisq", "df", "chisq_scaled", "srmr_within", "srmr_between"]


@cache
def table(n_clusters=60, size=6, spread=0.8, residual=0.6, seed=4):
    """Four items of three categories; a factor at each level."""
    rng = np.random.default_rng(seed)
    app = np.repeat(np.arange(n_clusters), size)
    loading = np.array([0.8, 0.7, 0.6, 0.7])
    within = np.outer(rng.normal(size=len(app)), loading)
    within += rng.normal(size=within.shape) * np.sqrt(1 - loading**2)
    between = np.outer(rng.normal(size=n_clusters), loading * spread)
    between += residual * rng.normal(size=between.shape)
    answers = np.digitize(within + between[app], [-0.6, 0.6]) + 1
    found = pd.DataFrame(answers, columns=["y1", "y2", "y3", "y4"]).assign(app=app)
    return found.assign(side=np.where(app % 2, "a", "b"))


@cache
def fitted():
    return cfa(MODEL, table(), **OPTIONS)


def items_of(data, names):
    app = data["app"].to_numpy()
    return [item_at_levels(data[n].to_numpy() - 1.0, app, app.max() + 1, 3) for n in names]


def test_the_likelihood_of_a_pair_by_brute_force():
    """One cluster of three rows: the chance of its answers, drawn over the parts between."""
    p, q = items_of(table(), ["y1", "y2"])
    answers, within, between = np.array([[0, 1], [2, 2], [1, 0]]), 0.4, 0.6
    counts = cell_counts(answers.astype(float), np.zeros(3, dtype=int), 1, (3, 3))
    value, _, _ = _pair_scores(
        within, between, p, q, counts.reshape(1, -1), nodes_for(12.0), everything=False
    )
    points, weights = np.polynomial.hermite_e.hermegauss(24)
    weights = weights / weights.sum()
    spread_p, spread_q = np.sqrt(p.variance), np.sqrt(q.variance)
    total = 0.0
    for a, wa in zip(points, weights, strict=True):
        for b, wb in zip(points, weights, strict=True):
            v = np.array([spread_p * a, spread_q * (between * a + np.sqrt(1 - between**2) * b)])
            if wa * wb < 1e-7:
                continue
            chance = 1.0
            for one in answers:
                edges = [
                    np.concatenate([[-9.0], own.thresholds - part, [9.0]])
                    for own, part in zip((p, q), v, strict=True)
                ]
                low, high = (np.array([edges[0][one[0] + k], edges[1][one[1] + k]]) for k in (0, 1))
                chance *= multivariate_normal([0, 0], [[1, within], [within, 1]]).cdf(high, lower_limit=low)
            total += wa * wb * chance
    assert value == pytest.approx(np.log(total), abs=1e-5)


def test_scores_of_a_pair_are_derivatives_of_its_likelihood():
    from dataclasses import replace

    p, q = items_of(table(), ["y1", "y2"])
    data = table()
    codes, app = data[["y1", "y2"]].to_numpy() - 1.0, data["app"].to_numpy()
    flat = cell_counts(codes, app, 60, (3, 3)).reshape(60, -1)
    nodes, unit = nodes_for(8.0), np.sqrt(p.variance * q.variance)
    place = np.array([0.3, 0.4 * unit, *p.thresholds, p.variance, *q.thresholds, q.variance])

    def value(x):
        one = replace(p, thresholds=x[2:4], variance=x[4])
        two = replace(q, thresholds=x[5:7], variance=x[7])
        share = x[1] / np.sqrt(x[4] * x[7])
        return _pair_scores(x[0], share, one, two, flat, nodes, everything=False)[0]

    _, own, first = _pair_scores(0.3, 0.4, p, q, flat, nodes, everything=True)
    steps = 1e-5 * np.eye(len(place))
    slopes = [(value(place + e) - value(place - e)) / 2e-5 for e in steps]
    assert np.hstack([own, first]).sum(axis=0) == pytest.approx(slopes, abs=1e-5)


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_moments_have_the_derivatives_that_are_used(parameterization):
    equal = ["loadings", "thresholds"]
    fit = cfa(MODEL, table(), group="side", group_equal=equal, parameterization=parameterization, **OPTIONS)
    own = fit._fitted
    for g in (0, 1):
        group = build_two_level_group(own.table, g)
        found = two_level_jacobian(group, evaluate_two_level(group, own.x), own.table.n_free)
        steps = 1e-6 * np.eye(len(own.x))
        ways = [[evaluate_two_level(group, own.x + s * e).moments for s in (1, -1)] for e in steps]
        assert found == pytest.approx(np.array([(a - b) / 2e-6 for a, b in ways]).T, abs=1e-7)


def test_modification_indices_are_score_tests():
    """The discrepancy's gradient at the fitted values, extended by what is left out, is the numerical one."""
    own = fitted()._fitted
    extended, values = extend(own, candidates(own))
    target = discrepancy_of(own, extended, len(values))
    assert isinstance(target, TwoLevelLeastSquares)
    steps = 1e-6 * np.eye(len(values))
    slopes = [(target.value(values + e) - target.value(values - e)) / 2e-6 for e in steps]
    assert target.gradient(values) == pytest.approx(slopes, abs=1e-6)
    index = fitted().modification_indices()
    worst = index[index["op"] == "~~"].iloc[0]
    level = f"level: {worst['level']}"
    freed = cfa(MODEL.replace(level, f"{level}\n{worst['lhs']} ~~ {worst['rhs']}"), table(), **OPTIONS)
    added = freed.parameters.query("lhs == @worst.lhs and rhs == @worst.rhs and op == '~~'")
    assert np.sign(added["est"].iloc[0]) == np.sign(worst["epc"])
    assert freed.fit["chisq"] < fitted().fit["chisq"]


def test_order_of_rows_clusters_items_and_levels_does_not_matter():
    mixed = table().sample(frac=1.0, random_state=1).reset_index(drop=True)
    mixed["app"] = (mixed["app"] * 7) % 60 + 100
    model = "level: 1\nfw =~ y1 + y4 + y2 + y3\nlevel: 2\nfb =~ y1 + y3 + y4 + y2"
    twin = cfa(model, mixed, **OPTIONS)
    assert twin.fit[FIT].to_numpy() == pytest.approx(fitted().fit[FIT].to_numpy(), rel=1e-6)
    key = ["lhs", "op", "rhs", "level"]
    one, two = (f.parameters.set_index(key)[["est", "se", "std_all"]].sort_index() for f in (fitted(), twin))
    assert two.to_numpy() == pytest.approx(one.to_numpy(), abs=1e-6)
    for level in ("level 1", "level 2"):
        for kind in ("implied", "residuals"):
            first, second = (getattr(f, kind)()[level] for f in (fitted(), twin))
            assert second.loc[first.index, first.index].to_numpy() == pytest.approx(
                first.to_numpy()[:, : len(first)], abs=1e-6
            )


def test_two_copies_are_two_groups_with_twice_the_statistic():
    data = table()
    twice = pd.concat([data.assign(copy="a"), data.assign(copy="b", app=data["app"] + 100)])
    free = cfa(MODEL, twice, group="copy", **OPTIONS)
    assert free.fit["chisq"] == pytest.approx(2 * fitted().fit["chisq"], rel=1e-3)
    assert free.fit["df"] == 8
    equal = cfa(MODEL, twice, group="copy", group_equal=["loadings", "thresholds"], **OPTIONS)
    assert equal.fit["chisq"] == pytest.approx(free.fit["chisq"], rel=1e-6)
    assert (
        equal.fit["df"] == 8 + 6 + 8 - 8
    )  # loadings, thresholds; scales and intercepts of the second are free


def test_both_parameterisations_are_one_model():
    theta = cfa(MODEL, table(), parameterization="theta", **OPTIONS)
    assert theta.fit[FIT].to_numpy() == pytest.approx(fitted().fit[FIT].to_numpy(), rel=1e-6)
    columns = [f.parameters.query("op == '=~'")["std_all"].to_numpy() for f in (theta, fitted())]
    assert columns[0] == pytest.approx(columns[1], abs=1e-6)


def test_without_variance_between_level_one_is_the_model_of_one_level():
    data = table(150, 8, 0.0, 0.2, 8)
    free = MODEL.split("level: 2")[0] + "level: 2\ny1 ~~ y2 + y3 + y4\ny2 ~~ y3 + y4\ny3 ~~ y4"
    with pytest.warns(ToolkitWarning, match=r"no variables can have.*: 'y1, y2, y3, y4 \(level 2\)'"):
        two = cfa(free, data, std_lv=True, **OPTIONS).parameters.query("op == '=~' and level == 1")
    one = cfa("f =~ y1 + y2 + y3 + y4", data, std_lv=True, cluster="app").parameters.query("op == '=~'")
    assert two["est"].to_numpy() == pytest.approx(one["est"].to_numpy(), abs=0.04)
    assert two["se"].to_numpy() == pytest.approx(one["se"].to_numpy(), rel=0.1)


def test_missing_answers_are_left_out_pair_by_pair_and_listwise_drops_rows_first():
    lost = table().copy()
    lost["y2"] = lost["y2"].where(np.arange(len(lost)) % 9 > 0)
    pairwise, listwise = (cfa(MODEL, lost, missing=rule, **OPTIONS) for rule in (None, "listwise"))
    assert (pairwise.missing, listwise.missing) == ("pairwise", "listwise")
    dropped = cfa(MODEL, lost.dropna(), **OPTIONS)
    assert listwise.fit[FIT].tolist() == dropped.fit[FIT].tolist()
    third = [f.parameters.query("lhs == 'y3' and op == '|'")["est"].to_numpy() for f in (pairwise, fitted())]
    assert third[0] == pytest.approx(third[1], abs=0.01)


def test_equal_loadings_across_levels_are_nested_and_compared():
    text = MODEL.replace("y1 + y2 + y3 + y4", "y1 + a*y2 + b*y3 + c*y4")
    equal = cfa(text, table(), **OPTIONS)
    assert nested(fitted(), equal).nested and not nested(equal, fitted()).nested
    found = compare_models({"free": fitted(), "equal": equal}).table
    assert found["df_diff"].iloc[-1] == 3 and 0 < found["pvalue"].iloc[-1] < 1
    turned = cfa(text.replace("y1 + a*y2 + b*y3 + c*y4", "y1 + c*y4 + b*y3 + a*y2"), table(), **OPTIONS)
    with pytest.raises(DefinitionError, match="in different orders"):
        compare_models({"free": fitted(), "equal": turned}, assume_nested=True)


def test_a_model_that_holds_every_moment_fits_without_error():
    pairs = "y1 ~~ y2 + y3 + y4\ny2 ~~ y3 + y4\ny3 ~~ y4"
    fit = sem(f"level: 1\n{pairs}\nlevel: 2\n{pairs}", table(), **OPTIONS)
    assert (fit.fit["df"], fit.fit["cfi"]) == (0.0, 1.0)
    assert fit.fit["chisq"] == pytest.approx(0.0, abs=1e-9)


def test_what_a_fit_says():
    text = repr(fitted())
    assert "WLSMV, missing pairwise" in text and "360 rows, 60 clusters" in text and "nan" not in text
    assert "Thresholds" in fitted().summary().split("Level 2")[1]
    assert fitted().r_squared["level"].tolist() == [1] * 4 + [2] * 4
    cuts = fitted().parameters.query("lhs == 'y1'")
    whole = 1 + fitted()._fitted.states[1].sigma[0, 0]
    thresholds = cuts[cuts["op"] == "|"]
    assert thresholds["std_all"].to_numpy() == pytest.approx(thresholds["est"].to_numpy() / np.sqrt(whole))
    drawn = bootstrap_model(fitted(), draws=5, seed=1)
    assert drawn.table["se"].notna().all()


def test_a_correlation_between_clusters_at_its_edge_is_told():
    data = table(25, 5, 0.8, 0.0, 3)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        cfa(MODEL, data, **OPTIONS)
    assert any("correlations between clusters at the edge" in str(one.message) for one in told)


def test_a_search_held_at_its_edge_stops_there():
    """The peak of -(x - 2)^2 / 2 within |x| <= 1, from scores of ten clusters."""
    found = climb(
        lambda x: (-5.0 * float((x[0] - 2.0) ** 2), np.full((10, 1), 2.0 - x[0])),
        np.array([0.0]),
        np.array([1.0]),
    )
    assert found.converged and found.x == pytest.approx([1.0])


def test_pairs_start_anywhere():
    p, q = items_of(table(), ["y1", "y2"])
    data = table()
    counts = cell_counts(data[["y1", "y2"]].to_numpy() - 1.0, data["app"].to_numpy(), 60, (3, 3))
    one, two = (pair_at_levels(p, q, counts, start) for start in ((0.0, 0.0), (0.8, -0.8)))
    assert (one.within, one.between) == pytest.approx((two.within, two.between), abs=1e-5)


def test_intraclass_correlations_of_ordinal_items():
    found = intraclass_correlations(
        table(150, 8, 0.5, 0.3, 2)[["y1", "y2", "app"]], "app", ordered=True
    ).table
    true = np.array([0.8, 0.7]) ** 2 * 0.25 + 0.09
    true = true / (1 + true)
    assert (np.abs(found["icc"] - true) < 3 * found["se"]).all()
    assert found["icc"].to_numpy() == pytest.approx(
        found["variance_between"] / (1 + found["variance_between"])
    )
    half = norm.ppf(0.975) * found["se"]
    assert found["ci_upper"].to_numpy() == pytest.approx((found["icc"] + half).to_numpy())


def test_an_item_without_variance_between_clusters_has_none_and_is_refused_in_a_model():
    data = table().copy()
    data["y2"] = np.resize([1, 2, 3], len(data))  # every cluster the same
    row = intraclass_correlations(data[["y1", "y2", "app"]], "app", ordered=True).table.iloc[1]
    assert (row["variance_between"], row["icc"]) == (0.0, 0.0) and np.isnan(row["se"])
    with pytest.raises(NotEstimableError, match="'y2' does not vary between clusters beyond chance"):
        cfa(MODEL, data, **OPTIONS)


def test_items_that_say_nothing_within_clusters_or_of_each_other_are_named():
    data = table()
    same = data.assign(y4=data.groupby("app")["y4"].transform("first"))
    with pytest.raises(NotEstimableError, match="'y4' does not vary within clusters"):
        cfa(MODEL, same, **OPTIONS)
    odd = np.arange(len(data)) % 2 == 1
    apart = data.assign(y3=data["y3"].where(odd), y4=data["y4"].where(~odd))
    with pytest.raises(NotEstimableError, match="1 pairs never answered by one row: 'y3-y4'"):
        cfa(MODEL, apart, **OPTIONS)


TOP, LOWER = "level: 1\nfw =~ y1 + y2 + y3 + y4\n", "level: 2\nfb =~ y1 + y2 + y3 + y4"
REFUSED = [
    (MODEL, {"ordered": True}, "no clusters"),
    (MODEL, {**OPTIONS, "sampling_weights": "w"}, "take no sampling weights"),
    (MODEL, {**OPTIONS, "bounds": "pos.var"}, "WLSMV takes no bounds"),
    (f"{TOP}y1 | a*t1\n{LOWER}", OPTIONS, "line 3: thresholds of 'y1' stand at level 1"),
    (f"{MODEL}\ny1 ~*~ 1*y1", OPTIONS, "line 5: scales of 'y1' stand at level 2"),
    (f"{MODEL}\ny1 | t3", OPTIONS, "has 3 categories and no threshold 't3'"),
    (MODEL, {**OPTIONS, "cluster": "few"}, "4 clusters for 4 variables at level 2"),
    (MODEL, {**OPTIONS, "cluster": "alone"}, "has one row"),
    (MODEL, {**OPTIONS, "group": "halves"}, "several groups"),
    (MODEL, {**OPTIONS, "missing": "fiml"}, "missing for WLSMV 'fiml' is unknown"),
    ("level: 1\nefa('e')*fw =~ y1 + y2 + y3 + y4\n" + LOWER, OPTIONS, "exploratory blocks in a two-level"),
]


@pytest.mark.parametrize(("model", "options", "message"), REFUSED)
def test_refused(model, options, message):
    data = table().assign(w=1.5, few=table()["app"] % 4, alone=range(360), halves=np.arange(360) % 2)
    with (
        warnings.catch_warnings(),
        pytest.raises((DefinitionError, ResponseDataError, NotEstimableError), match=message) as caught,
    ):
        warnings.simplefilter("error")
        cfa(model, data, **{"estimator": "WLSMV", **options})
    assert str(caught.value).count("\nHint: ") == 1


def test_a_continuous_variable_without_variance_between_clusters_is_refused_and_fits_as_the_hint_says():
    rng = np.random.default_rng(1)
    data = table().assign(x=rng.normal(size=len(table())))
    data["x"] += 0.5 * data["y1"]
    data["x"] -= data.groupby("app")["x"].transform("mean")
    within = MODEL.replace("\nlevel: 2", "\nfw =~ x\nlevel: 2")
    options = {"cluster": "app", "ordered": ["y1", "y2", "y3", "y4"], "estimator": "WLSMV"}
    with pytest.raises(NotEstimableError) as caught:
        cfa(f"{within}\nfb =~ x", data, **options)
    fact, hint = str(caught.value).split("\n")
    assert fact == "cfa: 'x' does not vary between clusters beyond chance."
    assert "name it at level 1 only" in hint
    found = cfa(within, data, **options).parameters.query("lhs == 'fw' and rhs == 'x'")
    assert found["est"].iloc[0] > 4 * found["se"].iloc[0]
