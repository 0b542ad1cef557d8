"""Ordinal items beside continuous variables and variables of one level: every pair by brute force, and models."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from analysis import compare_models, nested, sem
from analysis.correlation.bivariate_normal import bivariate_cdf
from analysis.correlation.moments import ordinal_moments
from analysis.structural.inference.modification import candidates, discrepancy_of, extend
from analysis.structural.two_level.any_pair import Answers, Levels, pair_of, variable_of
from analysis.structural.two_level.mixed_pairs import held_of
from analysis.structural.two_level.ordinal_model import (
    build_two_level_group,
    evaluate_two_level,
    two_level_jacobian,
)
from analysis.structural.two_level.ordinal_moments import covariates_given, two_level_ordinal_moments
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

GRID = np.linspace(-6.5, 6.5, 53)
WEIGHT = norm.pdf(GRID) / norm.pdf(GRID).sum()
EDGES = np.array([-0.5, 0.6])
COLUMNS = {"oW": 0, "oB": 4, "cW": 2, "cB": 5, "o": 1, "c": 3}
PAIRS = ["o-c", "oW-c", "o-cW", "oW-cW", "o-cB", "o-oB", "c-oB", "c-cB", "c-cW", "c-c", "cW-cW", "oW-oW"]
PAIRS += ["o-oW", "oB-oB", "cB-cB", "oB-cB"]


@cache
def drawn(n_clusters=16, size=4, seed=3):
    """Two variables of each of six kinds that share a factor at each level, one covariate of each level."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n_clusters), rng.integers(1, 2 * size, n_clusters))
    n = len(cluster)
    inner, outer = rng.normal(size=n), rng.normal(size=n_clusters)
    x, z = rng.normal(size=n), rng.normal(size=n_clusters)
    values = {}
    for kind in COLUMNS:
        for twin in (1, 2):
            e = 0.6 * inner + 0.8 * rng.normal(size=n) + 0.3 * x
            v = 0.6 * outer + 0.5 * rng.normal(size=n_clusters) + 0.4 * z
            latent = {"B": v[cluster], "W": e}.get(kind[-1], e + v[cluster])
            values[kind + str(twin)] = np.digitize(latent, EDGES) * 1.0 if kind[0] == "o" else latent
    return pd.DataFrame(values).assign(cluster=cluster, x=x, z=z[cluster])


def answers_of(one, two, covariates):
    """The columns of a pair in the order that is used, those of level 2 last."""
    data = drawn()
    names = sorted([f"{one}1", f"{two}2"], key=lambda name: "B" in name)
    codes = data[names].to_numpy().copy()
    codes[3, 0] = np.nan
    within = sum("B" not in name for name in names)
    between = np.array([k for k, name in enumerate(names) if "W" not in name], dtype=np.int64)
    given = covariates_given(data[["x", "z"]].to_numpy(), 1, ["x", "z"], "", "") if covariates else None
    sizes = [3 if name[0] == "o" else 0 for name in names]
    levels = Levels(within, between)
    return Answers(codes, data["cluster"].to_numpy(), 16, sizes, given, levels), names


def parameters(item, held):
    """Thresholds or mean, slopes, variance within, variance between."""
    k, q = len(item.thresholds), len(item.slopes)
    rest = list(held[k + q :])
    inner = rest.pop(0) if item.within and not item.ordinal else item.inner
    return held[:k], held[k : k + q], inner, rest[0] if rest else item.variance


def chance(item, cuts, value, mean, variance):
    """Of an answer, or density of a value, of a normal response."""
    if not item.ordinal:
        return norm.pdf(value, cuts[0] + mean, np.sqrt(variance))
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    low, high = ((edges[int(value) + k] - mean) / np.sqrt(variance) for k in (0, 1))
    return norm.cdf(high) - norm.cdf(low)


def row_chance(items, own, values, lines, parts, covariance):
    """Of both answers of a row, given both parts between."""
    (p, q), means = items, [line + part for line, part in zip(lines, parts, strict=True)]
    if p.ordinal and q.ordinal:
        edges = [np.concatenate([[-9.0], o[0], [9.0]]) for o in own]
        total = 0.0
        for a in (0, 1):
            for b in (0, 1):
                h, k = edges[0][int(values[0]) + a] - means[0], edges[1][int(values[1]) + b] - means[1]
                total = total + (1.0 if a == b else -1.0) * bivariate_cdf(h, k, np.array(covariance))
        return total
    if p.ordinal:
        return row_chance(items[::-1], own[::-1], values[::-1], lines[::-1], parts[::-1], covariance)
    left = values[0] - own[0][0][0] - means[0]
    moved = means[1] + covariance / own[0][2] * left
    rest = own[1][2] - covariance**2 / own[0][2]
    return chance(p, own[0][0], values[0], means[0], own[0][2]) * chance(q, own[1][0], values[1], moved, rest)


def brute(items, covariances, held, rows):
    """Log-likelihood of one cluster by a sum over both parts between; a continuous variable is given, not counted.

    `rows` are values, shape (n, 2), and covariates.
    """
    values, x = rows
    split = len(held_of(items[0]))
    own = [parameters(items[0], held[:split]), parameters(items[1], held[split:])]
    within, between = covariances
    lines = [x @ o[1] for o in own]
    deviation = [np.sqrt(o[3]) for o in own]
    r = between / max(deviation[0] * deviation[1], 1e-12) if all(i.between for i in items) else 0.0
    first = GRID[:, None]
    second = r * GRID[:, None] + np.sqrt(1.0 - r * r) * GRID[None, :]
    weight = np.outer(WEIGHT, WEIGHT)
    p, q = items
    if not p.within:  # both of clusters alone: one row
        own = [(o[0], o[1], o[3], 0.0) for o in own]
        found = row_chance(items, own, values[0], [line[0] for line in lines], (0.0, 0.0), between)
        weight = np.ones((1, 1))
    elif not q.within:  # given the first part, the response of the cluster is normal
        mean, spread = lines[1][0] + r * deviation[1] * first, own[1][3] * (1.0 - r * r)
        found = chance(q, own[1][0], values[0][1], mean, spread)
        for k in range(len(values)):
            part = lines[0][k] + deviation[0] * first
            found = found * chance(p, own[0][0], values[k][0], part, own[0][2])
    else:
        parts = deviation[0] * first, deviation[1] * second
        found = 1.0
        for k in range(len(values)):
            row = [line[k] for line in lines]
            found = found * row_chance(items, own, values[k], row, parts, within)
    joint = np.log((weight * found).sum())
    if p.ordinal == q.ordinal:
        return joint
    line = next(i for i, item in enumerate(items) if not item.ordinal)
    own_values, o = values[:, line] - own[line][0][0] - lines[line], own[line]
    if not items[line].within or not p.within:
        return joint - norm.logpdf(own_values[0], 0.0, np.sqrt(o[2] if not p.within else o[3]))
    spread = o[3] * np.ones((len(values),) * 2) + o[2] * np.eye(len(values))
    return joint - multivariate_normal(np.zeros(len(values)), spread).logpdf(own_values)


@pytest.mark.parametrize("covariates", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_estimate_and_influence_of_every_pair_by_brute_force(pair, covariates):
    """Scores at the estimate are zero, and influence is A^-1 (s - C d), from differences of another likelihood."""
    answers, _ = answers_of(*pair.split("-"), covariates)
    items = [variable_of(answers, k) for k in (0, 1)]
    found = pair_of(answers, items, 0, 1, (0.3, 0.3))
    assert found.converged and not found.at_edge
    has = [items[0].within and items[1].within, items[0].between and items[1].between]
    point = np.array([found.within, found.between])
    assert (point[~np.array(has)] == 0.0).all() and (found.influence[:, ~np.array(has)] == 0.0).all()
    held = np.concatenate([held_of(item) for item in items])
    apart = not items[0].between and not items[1].between
    seen = np.flatnonzero(~np.isnan(answers.codes).any(axis=1))
    groups = (
        [[row] for row in seen]
        if apart
        else [seen[answers.clusters[seen] == j] for j in np.unique(answers.clusters[seen])]
    )
    rows = [(answers.codes[g], answers.x[g]) for g in groups]
    chosen = np.flatnonzero(has)
    at = np.concatenate([point[chosen], held])

    def each(x):
        covariances = np.zeros(2)
        covariances[chosen] = x[: len(chosen)]
        return np.array([brute(items, covariances, x[len(chosen) :], row) for row in rows])

    steps = 1e-4 * np.eye(len(at))
    scores = np.array([(each(at + e) - each(at - e)) / 2e-4 for e in steps]).T
    own, first = scores[:, : len(chosen)], scores[:, len(chosen) :]
    assert np.abs(own.sum(axis=0)).max() < 2e-3 * np.sqrt(len(rows))
    bread, cross = own.T @ own, own.T @ first
    if not items[0].ordinal and not items[1].ordinal:  # second derivatives

        def slope(x):
            return [(each(x + e) - each(x - e)).sum() / 2e-4 for e in steps[: len(chosen)]]

        curve = -np.array([np.subtract(slope(at + e), slope(at - e)) / 2e-4 for e in steps]).T
        bread, cross = curve[:, : len(chosen)], curve[:, len(chosen) :]
    summed = np.zeros((16, len(chosen)))
    np.add.at(summed, [answers.clusters[g[0]] for g in groups], own)
    d = np.hstack([item.influence for item in items])
    wanted = np.linalg.solve(bread, (summed - d @ cross.T).T).T
    assert found.influence[:, chosen] == pytest.approx(wanted, abs=2e-3 * np.abs(wanted).max())


MODEL = """
level: 1
fw =~ o1 + o2 + o3 + c1 + c2 + event
level: 2
fb =~ o1 + o2 + o3 + c1 + c2 + support + staff
"""
OPTIONS = {"cluster": "site", "ordered": ["o1", "o2", "o3", "event", "support"]}
FIT = ["chisq", "df", "chisq_scaled", "cfi_scaled", "srmr_within", "srmr_between"]


@cache
def table(n_clusters=80, size=6, seed=1):
    """Three ordinal and two continuous items of both levels, an ordinal one of rows, one of each kind of clusters."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(n_clusters), size)
    factor, above = rng.normal(size=len(site)), rng.normal(size=n_clusters)
    loading = np.array([0.8, 0.7, 0.6, 0.7, 0.8])
    rows = np.outer(factor, loading) + rng.normal(size=(len(site), 5)) * np.sqrt(1 - loading**2)
    parts = np.outer(above, 0.75 * loading) + 0.45 * rng.normal(size=(n_clusters, 5))
    whole = rows + parts[site]
    found = pd.DataFrame(np.digitize(whole[:, :3], [-0.6, 0.6]), columns=["o1", "o2", "o3"])
    support = np.digitize(0.6 * above + 0.8 * rng.normal(size=n_clusters), [-0.4, 0.5])
    event = np.digitize(0.6 * factor + 0.8 * rng.normal(size=len(site)), [-0.4, 0.5])
    staff = 3 + 0.5 * (0.7 * above + 0.7 * rng.normal(size=n_clusters))
    found = found.assign(c1=5 + 2 * whole[:, 3], c2=50 + 10 * whole[:, 4], event=event)
    return found.assign(
        support=support[site], staff=staff[site], site=site, side=np.where(site % 2, "a", "b")
    )


@cache
def fitted():
    return sem(MODEL, table(), "WLSMV", **OPTIONS)


def test_a_continuous_variable_has_the_moments_and_robust_errors_of_mlr():
    data = table()
    names, site = ["o1", "c1", "staff"], data["site"].to_numpy()
    levels = Levels(2, np.array([0, 1, 2]))
    found = two_level_ordinal_moments(
        data[names].to_numpy(), site, [3, 0, 0], names, "sem", "", levels=levels
    )
    own = sem("level: 1\nc1 ~~ c1\nlevel: 2\nc1 ~~ c1\nc1 ~ 1", data, "MLR", cluster="site").parameters
    wanted = own[own["se"] > 0].set_index(["op", "level"])[["est", "se"]]
    error = np.sqrt(np.diag(found.acov) / found.n_obs * 79 / 80)
    # vector: 2 thresholds, 2 means, variance within of c1, variances between of o1, c1, staff, covariances
    for place, key in ((2, ("~1", 2)), (4, ("~~", 1)), (6, ("~~", 2))):
        assert (found.vector[place], error[place]) == pytest.approx(tuple(wanted.loc[key]), rel=1e-4)
    staff = data.groupby("site")["staff"].first()
    assert (found.vector[3], found.vector[7]) == pytest.approx((staff.mean(), staff.var(ddof=0)))
    assert error[3] == pytest.approx(staff.std(ddof=0) / np.sqrt(80))


def test_what_clusters_alone_have_is_correlated_as_rows_of_their_own_are():
    data = table().assign(help=lambda t: (t["staff"] > 3) * 1 + (t["staff"] > 3.4))
    names = ["o1", "support", "help"]
    levels = Levels(1, np.array([0, 1, 2]))
    site = data["site"].to_numpy()
    found = two_level_ordinal_moments(data[names].to_numpy(), site, [3] * 3, names, "sem", "", levels=levels)
    clusters = data.groupby("site")[["support", "help"]].first()
    wanted = ordinal_moments(clusters.to_numpy() * 1.0, acov=False)
    assert found.between[2, 1] == pytest.approx(wanted.correlations[1, 0], abs=1e-5)
    assert found.thresholds[1] == pytest.approx(wanted.thresholds[0], abs=1e-6)
    assert (np.diag(found.between)[1:] == 1.0).all()


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_moments_have_the_derivatives_that_are_used(parameterization):
    equal = ["loadings", "thresholds"]
    covariates = "fw ~ week\nc1 ~ week\nlevel: 2\nfb ~ size\nstaff ~ size\nsupport ~ size"
    rng = np.random.default_rng(2)
    data = table(160, 4)
    data = data.assign(week=rng.normal(size=640), size=rng.normal(size=160)[data["site"]])
    fit = sem(
        MODEL.replace("level: 2", covariates),
        data,
        "WLSMV",
        group="side",
        group_equal=equal,
        parameterization=parameterization,
        **OPTIONS,
    )
    own = fit._fitted
    for g in (0, 1):
        group = build_two_level_group(own.table, g)
        found = two_level_jacobian(group, evaluate_two_level(group, own.x), own.table.n_free)
        assert len(found) == len(own.two_level_moments[g])
        steps = 1e-6 * np.eye(len(own.x))
        ways = [[evaluate_two_level(group, own.x + s * e).moments for s in (1, -1)] for e in steps]
        assert found == pytest.approx(np.array([(a - b) / 2e-6 for a, b in ways]).T, abs=2e-7)


def test_neither_units_nor_order_nor_where_a_cluster_is_described_matter():
    turned = table().sample(frac=1.0, random_state=1)
    turned = turned.assign(c1=turned["c1"] * 1000 - 3e5, site=[f"s{7 * k % 80}" for k in turned["site"]])
    turned["staff"] = turned["staff"].where(turned.groupby("site").cumcount() == 2)
    twin = sem(MODEL, turned, "WLSMV", **OPTIONS)
    assert twin.fit[FIT].to_numpy() == pytest.approx(fitted().fit[FIT].to_numpy(), rel=1e-6)
    one, two = (f.parameters.query("op != '~1'") for f in (fitted(), twin))
    assert two["std_all"].to_numpy() == pytest.approx(one["std_all"].to_numpy(), abs=1e-6)
    loads = [f.query("lhs == 'fb' and rhs == 'c1'").iloc[0] for f in (one, two)]
    assert (loads[1]["est"], loads[1]["se"]) == pytest.approx((1e3 * loads[0]["est"], 1e3 * loads[0]["se"]))


def test_two_copies_are_two_groups_with_twice_the_statistic():
    data = table()
    twice = pd.concat([data.assign(copy="a"), data.assign(copy="b", site=data["site"] + 100)])
    equal = ["loadings", "thresholds", "intercepts"]
    fit = sem(MODEL, twice, "WLSMV", group="copy", group_equal=equal, **OPTIONS)
    # each copy 23; equal: 11 loadings, 10 thresholds, 3 means of continuous variables, 5 intercepts of ordinal
    # items; free in the second: mean of fb, 5 scales
    assert fit.fit["df"] == 2 * 23 + 11 + 10 + 3 - 1 - 5
    assert fit.fit["chisq"] == pytest.approx(2 * fitted().fit["chisq"], rel=2e-3)


def test_modification_indices_are_score_tests():
    own = fitted()._fitted
    extended, values = extend(own, candidates(own))
    target = discrepancy_of(own, extended, len(values))
    steps = 1e-6 * np.eye(len(values))
    slopes = [(target.value(values + e) - target.value(values - e)) / 2e-6 for e in steps]
    assert target.gradient(values) == pytest.approx(slopes, abs=1e-6)


def test_a_model_that_holds_every_moment_and_one_within_it():
    def all_of(*names):
        return "\n".join(f"{a} ~~ {b}" for k, a in enumerate(names) for b in names[k + 1 :])

    free = f"level: 1\n{all_of('o1', 'c1', 'event')}\nlevel: 2\n{all_of('o1', 'c1', 'support', 'staff')}"
    fit = sem(free, table(), "WLSMV", **{**OPTIONS, "ordered": ["o1", "event", "support"]})
    assert fit.fit["df"] == 0 and fit.fit["chisq"] == pytest.approx(0.0, abs=1e-9)
    equal = MODEL.replace("o2 + o3", "a*o2 + b*o3")
    restricted = sem(equal, table(), "WLSMV", **OPTIONS)
    assert nested(fitted(), restricted).nested and not nested(restricted, fitted()).nested
    found = compare_models({"free": fitted(), "equal": restricted}).table
    assert found["df_diff"].iloc[-1] == 2 and 0 < found["pvalue"].iloc[-1] < 1


def test_a_threshold_of_clusters_or_rows_alone_is_one_of_its_own_response():
    own = fitted().parameters.query("op == '|'")
    alone = own[own["lhs"].isin(["event", "support"])]
    assert alone["level"].tolist() == [1, 1, 2, 2]
    assert alone["std_all"].to_numpy() == pytest.approx(alone["est"].to_numpy())
    both = own[own["lhs"] == "o1"]
    whole = 1 + fitted()._fitted.states[1].sigma[0, 0]
    assert both["std_all"].to_numpy() == pytest.approx(both["est"].to_numpy() / np.sqrt(whole))


def centred(data):
    return data.assign(c1=data["c1"] - data.groupby("site")["c1"].transform("mean"))


def described_by(column):
    return lambda data: data.assign(support=data[column])


REFUSED = [
    (MODEL, described_by("o1"), ResponseDataError, "level 2 variables differ within clusters: 'support in"),
    (MODEL, centred, NotEstimableError, "'c1' does not vary between clusters beyond chance"),
    (
        MODEL,
        lambda t: t.assign(event=t["support"]),
        NotEstimableError,
        "'event' does not vary within clusters",
    ),
    (
        MODEL,
        lambda t: t.assign(c2=t["c1"]),
        NotEstimableError,
        "correlations within clusters at 1 or -1: 'c1-c2'",
    ),
    (MODEL, lambda t: t[t["site"] < 7], NotEstimableError, "7 clusters for 7 variables at level 2"),
    (f"{MODEL}o1 ~*~ 1*o1", lambda t: t, DefinitionError, "scales of 'o1' stand at level 2"),
    (
        MODEL,
        lambda t: t.assign(
            staff=t["staff"].where(t["site"] < 40), support=t["support"].where(t["site"] >= 40)
        ),
        NotEstimableError,
        "1 pairs never answered by one row: 'support-staff'",
    ),
]


@pytest.mark.parametrize(("model", "change", "error", "message"), REFUSED)
def test_refused(model, change, error, message):
    with pytest.raises(error, match=message):
        sem(model, change(table()), "WLSMV", **OPTIONS)


def with_gaps():
    """Answers to some variables are missing, and both levels have a covariate."""
    data, rng = table().astype({"event": float, "o1": float}), np.random.default_rng(4)
    for name in ("o1", "c1", "event"):
        data[name] = data[name].mask(rng.random(len(data)) < 0.1)
    data["staff"] = data["staff"].mask(data["site"] % 5 == 1)
    data["support"] = data["support"].astype(float).mask(data["site"] % 4 == 2)
    return data.assign(x=rng.normal(size=len(data)), z=np.repeat(rng.normal(size=80), 6))


COVARIATES = MODEL.replace("level: 2", "fw + event ~ x\nlevel: 2") + "fb + staff + support + c2 ~ z\n"


@cache
def given_gaps(parameterization):
    return sem(COVARIATES, with_gaps(), "WLSMV", parameterization=parameterization, **OPTIONS)


def cut(thresholds, code, mean, deviation):
    """Log chance of an answer, 0 of none."""
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
    low, high = (
        (0.0, 1.0) if np.isnan(code) else norm.cdf((edges[[int(code), int(code) + 1]] - mean) / deviation)
    )
    return np.log(high - low)


def point(value, mean, deviation):
    """Log density of a value but for a constant, 0 of none."""
    return 0.0 if np.isnan(value) else -0.5 * ((value - mean) / deviation) ** 2


# nothing of clusters missing; staff; support; both
@pytest.mark.parametrize(
    ("site", "parameterization"), [(0, "delta"), (1, "delta"), (2, "delta"), (6, "delta"), (6, "theta")]
)
def test_scores_beside_other_variables_are_modes_as_a_direct_search_finds_them(site, parameterization):
    """The factor and what is left of both-level variables between, and the factors of rows, staff given these."""
    fit, own = given_gaps(parameterization), with_gaps().query("site == @site")
    est = {(r.level, r.lhs, r.op, r.rhs): r.est for r in fit.parameters.itertuples()}
    both, x, z = ["o1", "o2", "o3", "c1", "c2"], own["x"].to_numpy(), own["z"].iloc[0]
    cuts = {
        (level, i): [est[k] for k in est if k[0] == level and k[1] == i and k[2] == "|"]
        for level, items in ((1, ["event"]), (2, ["o1", "o2", "o3", "support"]))
        for i in items
    }

    def loading(level, factor, item):
        return est[level, factor, "=~", item]

    def error(level, item):
        return np.sqrt(est[level, item, "~~", item])

    def loss(at):
        factor, left, eta = at[0], at[1:6], at[6:]
        total = point(factor, est[2, "fb", "~", "z"] * z, error(2, "fb"))
        total += sum(point(v, 0.0, error(2, i)) for v, i in zip(left, both, strict=True))
        mean = est[2, "staff", "~1", ""] + loading(2, "fb", "staff") * factor + est[2, "staff", "~", "z"] * z
        total += point(own["staff"].iloc[0], mean, error(2, "staff"))
        mean = loading(2, "fb", "support") * factor + est[2, "support", "~", "z"] * z
        total += cut(cuts[2, "support"], own["support"].iloc[0], mean, error(2, "support"))
        for row, one, week in zip(own.to_dict("records"), eta, x, strict=True):
            total += point(one, est[1, "fw", "~", "x"] * week, error(1, "fw"))
            mean = loading(1, "fw", "event") * one + est[1, "event", "~", "x"] * week
            total += cut(cuts[1, "event"], row["event"], mean, error(1, "event"))
            for v, i in zip(left, both, strict=True):
                mean = loading(1, "fw", i) * one + loading(2, "fb", i) * factor + v
                if i[0] == "o":
                    total += cut(cuts[2, i], row[i], mean, error(1, i))
                else:
                    mean += est[2, i, "~1", ""] + (est[2, i, "~", "z"] * z if i == "c2" else 0.0)
                    total += point(row[i], mean, error(1, i))
        return -total

    scale = np.concatenate([[1.0], [error(2, i) for i in both], np.ones(len(own))])
    found = minimize(lambda u: loss(u * scale), np.zeros(6 + len(own)), method="BFGS", options={"gtol": 1e-6})
    rows, clusters = fit.factor_scores(), fit.factor_scores(level=2)
    assert clusters.loc[site, "fb"] == pytest.approx(found.x[0], abs=2e-5)
    assert rows.loc[own.index, "fw"].to_numpy() == pytest.approx(found.x[6:], abs=2e-5)
    curve, step = np.empty((len(scale),) * 2), 1e-3 * np.diag(scale)
    for a, b in np.ndindex(curve.shape):
        corners = [
            s * t * loss(found.x * scale + s * step[a] + t * step[b]) for s in (1, -1) for t in (1, -1)
        ]
        curve[a, b] = sum(corners) / 4e-6
    errors = np.sqrt(np.diag(np.linalg.inv(curve)))
    assert clusters.loc[site, "fb_se"] == pytest.approx(errors[0], rel=1e-4)
    assert rows.loc[own.index, "fw_se"].to_numpy() == pytest.approx(errors[6:], rel=1e-4)


def test_a_level_without_factors_has_no_scores_and_the_other_has():
    model = "level: 1\no1 ~~ o1\no2 ~~ o2\nlevel: 2\nfb =~ o1 + o2 + staff"
    fit = sem(model, table(), "WLSMV", cluster="site", ordered=["o1", "o2"])
    with pytest.raises(DefinitionError, match="level 1 has no factor"):
        fit.factor_scores()
    assert np.isfinite(fit.factor_scores(level=2).to_numpy()).all()


def test_scores_are_refused_where_outcomes_predict_and_warn_where_residuals_covary():
    items = "fb =~ o1 + o2 + o3"
    model = f"level: 1\nfw =~ o1 + o2 + o3\nlevel: 2\n{items}\nsupport ~ fb\nstaff ~ support"
    options = {"cluster": "site", "ordered": ["o1", "o2", "o3", "support"]}
    with pytest.raises(NotEstimableError, match="observed outcomes predict factors or other outcomes"):
        sem(model, table(), "WLSMV", **options).factor_scores(level=2)
    fit = sem(model.replace("~ support", "~~ support"), table(), "WLSMV", **options)
    with pytest.warns(ToolkitWarning, match="leave out residual covariances of the model: 's.*t? ~~ s.*'"):
        fit.factor_scores(level=2)


def test_an_answer_that_only_clusters_without_rows_gave_is_no_category():
    """Rows that say nothing at level 1 are dropped before categories are counted."""
    data = table().astype({"event": float})
    data["support"] = data["support"].where(data["site"] > 2, 3)
    level_1 = ["o1", "o2", "o3", "c1", "c2", "event"]
    data[level_1] = data[level_1].where(data["site"] > 2)
    kept = table()[table()["site"] > 2]
    one, two = (sem(MODEL, own, "WLSMV", **OPTIONS) for own in (data, kept))
    assert one.n_obs == len(kept)
    assert one.fit["chisq_scaled"] == pytest.approx(two.fit["chisq_scaled"])
