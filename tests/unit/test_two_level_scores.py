"""Factor scores of two-level models: expected values and modes found another way, and what is refused."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from analysis import cfa, sem
from instrument.errors import DefinitionError, NotEstimableError, ToolkitWarning
from tests.reference.two_level_data import complete, incomplete

VALUES = Path(__file__).parents[1] / "reference" / "values"
SYNTAX = json.loads((VALUES / "two_levels.json").read_text())["syntax"]
ORDINAL = "level: 1\nfw =~ y1 + y2 + y3 + y4\nlevel: 2\nfb =~ y1 + y2 + y3 + y4"


@cache
def linear(model, gaps):
    return sem(SYNTAX[model], incomplete() if gaps else complete(), "ML", cluster="cluster")


def whole_cluster(fit, data, label):
    """Condition the joint normal distribution of everything in one cluster on what was observed there."""
    inner = fit._fitted
    within, between = inner.states
    one, two = inner.table.level_names
    rows = data.index[(data["cluster"] == label) & data.index.isin(inner.data.positions[0])]
    below, above = [*one.observed, *one.latent], [*two.observed, *two.latent]
    starts = [len(above) + k * len(below) for k in range(len(rows))]
    covariance = np.zeros((len(above) + len(rows) * len(below),) * 2)
    covariance[: len(above), : len(above)] = between.covariance
    for start in starts:
        covariance[start : start + len(below), start : start + len(below)] = within.covariance
    mean = np.concatenate([between.mean, *[within.mean] * len(rows)])
    picks, values = [], []
    for k, name in enumerate(two.observed):
        if name not in one.observed:
            picks.append(np.eye(len(mean))[k])
            values.append(data.loc[rows[0], name])
    for start, row in zip(starts, rows, strict=True):
        for k, name in enumerate(one.observed):
            pick = np.eye(len(mean))[start + k]
            if name in two.observed:
                pick = pick + np.eye(len(mean))[two.observed.index(name)]
            picks.append(pick)
            values.append(data.loc[row, name])
    seen = ~np.isnan(np.array(values, dtype=float))
    pick, value = np.array(picks)[seen], np.array(values, dtype=float)[seen]
    gain = np.linalg.solve(pick @ covariance @ pick.T, pick @ covariance).T
    expected, spread = mean + gain @ (value - pick @ mean), np.diag(covariance - gain @ pick @ covariance)
    of_cluster = [above.index(name) for name in two.latent]
    of_rows = np.array([[start + below.index(name) for name in one.latent] for start in starts])
    root = np.sqrt(np.maximum(spread, 0.0))
    return (
        rows,
        np.concatenate([expected[of_cluster], root[of_cluster]]),
        np.hstack([expected[of_rows], root[of_rows]]),
    )


@pytest.mark.parametrize(
    ("model", "gaps"), [("w1", False), ("w2", False), ("w4", False), ("w1", True), ("w2", True)]
)
def test_scores_are_expected_values_given_the_whole_cluster(model, gaps):
    data, fit = incomplete() if gaps else complete(), linear(model, gaps)
    rows, clusters = fit.factor_scores(), fit.factor_scores(level=2)

    def in_order(frame):
        names = [n for n in frame if not n.endswith("_se")]
        return frame[[*names, *(f"{n}_se" for n in names)]]

    assert clusters.index.tolist() == sorted(data["cluster"].unique())
    for label in clusters.index[[0, 5, 60, -1]]:
        own, wanted_above, wanted_below = whole_cluster(fit, data, label)
        assert in_order(clusters).loc[label].to_numpy() == pytest.approx(wanted_above, abs=1e-9)
        assert in_order(rows).loc[own].to_numpy() == pytest.approx(wanted_below, abs=1e-9)


def test_scores_of_levels_add_up():
    """The rows of a cluster lie about it, and what is sure of a cluster grows with its rows."""
    fit, data = linear("w1", False), complete()
    clusters = fit.factor_scores(level=2)
    size = data.groupby("cluster").size()
    assert (
        clusters["fb_se"].groupby(size).nunique().max() == 1
        or clusters["fb_se"].groupby(size).std().max() < 1e-12
    )
    assert (clusters["fb_se"].groupby(size).mean().diff().dropna() < 0).all()
    shuffled = data.sample(frac=1.0, random_state=2)
    again = sem(SYNTAX["w1"], shuffled.reset_index(drop=True), "ML", cluster="cluster").factor_scores(level=2)
    assert again["fb"].loc[clusters.index].to_numpy() == pytest.approx(clusters["fb"].to_numpy(), abs=1e-5)


@cache
def answers(residual=0.5, seed=8):
    rng = np.random.default_rng(seed)
    app = np.repeat(np.arange(80), 7)
    own, shared = rng.normal(size=len(app)), 0.8 * rng.normal(size=80)
    loading = np.array([0.9, 0.8, 0.7, 0.8])
    latent = np.outer(own + shared[app], loading) + residual * rng.normal(size=(80, 4))[app]
    latent = latent + rng.normal(size=latent.shape)
    frame = pd.DataFrame(np.digitize(latent, [-1.0, 0.2, 1.3]) + 1.0, columns=["y1", "y2", "y3", "y4"])
    frame = frame.mask(rng.random(frame.shape) < 0.12)
    return frame.assign(app=[f"app {k:02d}" for k in app], side=np.where(app % 2, "a", "b")), own, shared


@cache
def ordinal(**options):
    return cfa(ORDINAL, answers()[0], cluster="app", ordered=True, **options)


@pytest.mark.parametrize("options", [{}, {"parameterization": "theta"}, {"group": "side"}])
def test_ordinal_scores_are_joint_modes_as_a_direct_search_finds_them(options):
    data, _, _ = answers()
    fit = ordinal(**options)
    rows, clusters = fit.factor_scores(), fit.factor_scores(level=2)
    for label in ["app 00", "app 41"]:
        own = data[data["app"] == label]
        p = fit.parameters
        if "group" in options:
            p = p[p["group"] == own["side"].iloc[0]]
        est = {(r.level, r.lhs, r.op, r.rhs): r.est for r in p.itertuples()}
        items = ["y1", "y2", "y3", "y4"]
        below, above = (
            np.array([est[level, f, "=~", i] for i in items]) for level, f in ((1, "fw"), (2, "fb"))
        )
        theta = np.sqrt([est[1, i, "~~", i] for i in items])
        psi = np.array([est[2, i, "~~", i] for i in items])
        cuts = [p[(p["lhs"] == i) & (p["op"] == "|")]["est"].to_numpy() for i in items]
        cuts = [np.concatenate([[-np.inf], c, [np.inf]]) for c in cuts]
        codes = own[items].to_numpy() - 1

        def loss(at):
            """Minus the log posterior of the cluster's factor and residuals and its rows' factors."""
            shared, left, eta = at[0], at[1:5], at[5:]
            total = shared**2 / est[2, "fb", "~~", "fb"] + np.sum(left**2 / psi)  # noqa: B023
            total = (total + np.sum(eta**2) / est[1, "fw", "~~", "fw"]) / 2  # noqa: B023
            for row, one in zip(codes, eta, strict=True):  # noqa: B023
                for k, code in enumerate(row):
                    if np.isnan(code):
                        continue
                    mean = above[k] * shared + left[k] + below[k] * one  # noqa: B023
                    low, high = ((cuts[k][int(code) + e] - mean) / theta[k] for e in (0, 1))  # noqa: B023
                    total -= np.log(norm.cdf(high) - norm.cdf(low))
            return total

        found = minimize(loss, np.zeros(5 + len(own)), method="BFGS", options={"gtol": 1e-7})
        assert clusters.loc[label, "fb"] == pytest.approx(found.x[0], abs=1e-5)
        assert rows.loc[own.index, "fw"].to_numpy() == pytest.approx(found.x[5:], abs=1e-5)
        curve = np.empty((len(found.x),) * 2)
        step = 1e-3 * np.eye(len(found.x))
        for a, one in enumerate(step):
            for b, two in enumerate(step):
                corners = [s * t * loss(found.x + s * one + t * two) for s in (1, -1) for t in (1, -1)]
                curve[a, b] = sum(corners) / 4e-6
        errors = np.sqrt(np.diag(np.linalg.inv(curve)))
        assert clusters.loc[label, "fb_se"] == pytest.approx(errors[0], rel=1e-4)
        assert rows.loc[own.index, "fw_se"].to_numpy() == pytest.approx(errors[5:], rel=1e-4)


def test_ordinal_scores_find_people_and_clusters_again():
    _, own, shared = answers()
    fit = ordinal()
    rows, clusters = fit.factor_scores(), fit.factor_scores(level=2)
    assert np.corrcoef(rows["fw"], own)[0, 1] > 0.7
    assert np.corrcoef(clusters["fb"], shared)[0, 1] > 0.8
    assert clusters.index.tolist() == [f"app {k:02d}" for k in range(80)]


def test_an_unanswered_row_is_like_its_cluster():
    data = answers()[0].copy()
    data.loc[3, ["y1", "y2", "y3"]] = np.nan
    data.loc[3, "y4"] = 2.0
    fit = cfa(ORDINAL, data, cluster="app", ordered=True)
    sure = fit.factor_scores()["fw_se"]
    assert sure.loc[3] > sure.drop(index=3).median()


def test_a_factor_without_variance_of_its_own_follows_the_other():
    """One level: f1 = g exactly, so that both have one score; a singular matrix ended in an error of NumPy."""
    table = answers()[0]
    fit = cfa("f1 =~ y1 + y2 + y3 + y4\ng =~ 1*f1\nf1 ~~ 0*f1", table)
    scores = fit.factor_scores()
    assert scores["f1"].to_numpy() == pytest.approx(scores["g"].to_numpy(), abs=1e-8)
    plain = cfa("f1 =~ y1 + y2 + y3 + y4", table).factor_scores()
    assert scores["f1"].to_numpy() == pytest.approx(plain["f1"].to_numpy(), abs=1e-5)
    assert scores["f1_se"].to_numpy() == pytest.approx(plain["f1_se"].to_numpy(), abs=1e-5)


def test_residual_covariances_within_are_told_to_be_left_out():
    fit = cfa(ORDINAL.replace("level: 2", "y1 ~~ y2\nlevel: 2"), answers()[0], cluster="app", ordered=True)
    with pytest.warns(ToolkitWarning, match="leave out residual covariances"):
        fit.factor_scores(level=2)


REFUSED = [
    (lambda: linear("w1", False).factor_scores(level=3), DefinitionError, "level is 3"),
    (lambda: linear("w1", False).factor_scores("bartlett"), DefinitionError, "'bartlett' does not suit ML"),
    (lambda: ordinal().factor_scores("regression"), DefinitionError, "'regression' does not suit WLSMV"),
    (
        lambda: cfa("f =~ y1 + y2 + y3 + y4", answers()[0]).factor_scores(level=1),
        DefinitionError,
        "the model has one level",
    ),
    (
        lambda: sem(
            "level: 1\nf =~ y1 + y2 + y3\nlevel: 2\ny1 ~~ y2 + y3\ny2 ~~ y3",
            complete(),
            "ML",
            cluster="cluster",
        ).factor_scores(level=2),
        DefinitionError,
        "level 2 has no factor",
    ),
]


@pytest.mark.parametrize(("call", "error", "fact"), REFUSED)
def test_what_is_refused(call, error, fact):
    with pytest.raises(error, match=fact) as caught:
        call()
    assert "Hint: " in str(caught.value)


def test_a_negative_variance_between_clusters_gives_no_ordinal_scores():
    held = "\ny1 ~~ a*y1\ny2 ~~ b*y2\na + b == -0.6"
    with pytest.warns(ToolkitWarning, match="negative variances"):
        fit = cfa(ORDINAL + held, answers()[0], cluster="app", ordered=True)
    with pytest.raises(NotEstimableError, match="negative variance between clusters"):
        fit.factor_scores()
