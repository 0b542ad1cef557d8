"""Scores of ordinal items beside continuous variables and covariates: modes that a direct search finds, too."""

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from analysis import cfa, sem
from instrument.errors import NotEstimableError, ToolkitWarning

MIXED = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "mixed.csv")
ORDERED = ["q1", "q2", "q3", "q4"]


@cache
def table():
    rng = np.random.default_rng(12)
    data = MIXED[[*ORDERED, "y1", "y2", "y3"]].copy()
    data["x"] = (0.5 * data["y1"] + rng.normal(size=len(data))).round(3)
    data["z"] = rng.integers(0, 2, len(data)).astype(float)
    data["side"] = np.where(rng.random(len(data)) < 0.4, "a", "b")
    gaps = rng.random((len(data), 7)) < 0.08
    data[[*ORDERED, "y1", "y2", "y3"]] = data[[*ORDERED, "y1", "y2", "y3"]].mask(gaps)
    return data


CASES = {
    "mixed": ("f =~ q1 + q2 + q3 + q4\ng =~ y1 + y2 + y3\ng ~ f", {}),
    "both kinds of one factor, theta": (
        "f =~ q1 + y1 + q2 + y2 + q3\nf ~ z",
        {"parameterization": "theta"},
    ),
    "given covariates": ("f =~ q1 + q2 + q3 + q4\nf ~ x + z\nq2 ~ z", {}),
    "everything, groups": (
        "f =~ q1 + q2 + q3 + q4\ng =~ y1 + y2 + y3\ng ~ f + x\ny2 ~ z\ny1 ~~ y3",
        {"group": "side"},
    ),
    "an ordinal outcome": ("g =~ y1 + y2 + y3\nq1 ~ g + x", {"parameterization": "theta"}),
}


@cache
def fitted(name):
    model, options = CASES[name]
    ordered = [q for q in ORDERED if q in model]
    return sem(model, table(), ordered=ordered, **options)


def posterior(fit, row, group):
    """Minus the log posterior of the factors of one row, written from the parameters."""
    p = fit.parameters
    p = p if group is None else p[p["group"] == group]
    est = {(r.lhs, r.op, r.rhs): r.est for r in p.itertuples()}
    factors = list(dict.fromkeys(p[p["op"] == "=~"]["lhs"]))
    ordinal = [q for q in ORDERED if (p["lhs"] == q).any() and ((p["lhs"] == q) & (p["op"] == "|")).any()]
    line = [y for y in ("y1", "y2", "y3") if (y, "~~", y) in est]
    covariates = [x for x in ("x", "z") if ((p["rhs"] == x) & (p["op"] == "~")).any()]
    paths = np.array([[est.get((f, "~", g), 0.0) for g in factors] for f in factors])
    total = np.linalg.inv(np.eye(len(factors)) - paths)
    spread = np.array([[est.get((f, "~~", g), est.get((g, "~~", f), 0.0)) for g in factors] for f in factors])
    prior = total @ spread @ total.T
    own = np.array([row[x] for x in covariates])
    start = np.array([est.get((f, "~1", ""), 0.0) for f in factors])
    onto = np.array([[est.get((f, "~", x), 0.0) for x in covariates] for f in factors]).reshape(
        len(factors), -1
    )
    mean = total @ (start + onto @ own)

    def response(name, eta):
        loading = np.array([est.get((f, "=~", name), est.get((name, "~", f), 0.0)) for f in factors])
        direct = sum(est.get((name, "~", x), 0.0) * v for x, v in zip(covariates, own, strict=True))
        return est.get((name, "~1", ""), 0.0) + loading @ eta + direct

    seen = [y for y in line if not np.isnan(row[y])]
    errors = np.array([[est.get((a, "~~", b), est.get((b, "~~", a), 0.0)) for b in seen] for a in seen])

    def loss(eta):
        value = -multivariate_normal.logpdf(eta, mean, prior)
        if seen:
            away = np.array([row[y] - response(y, eta) for y in seen])
            value -= multivariate_normal.logpdf(away, np.zeros(len(seen)), errors)
        for q in ordinal:
            if np.isnan(row[q]):
                continue
            cuts = p[(p["lhs"] == q) & (p["op"] == "|")]["est"].to_numpy()
            cuts = np.concatenate([[-np.inf], cuts, [np.inf]])
            code = sorted(table()[q].dropna().unique()).index(row[q])
            low, high = ((cuts[code + k] - response(q, eta)) / np.sqrt(est[q, "~~", q]) for k in (0, 1))
            value -= np.log(norm.cdf(high) - norm.cdf(low))
        return value

    return loss, mean, factors


@pytest.mark.parametrize("name", CASES)
def test_scores_are_modes_of_the_posterior_as_a_direct_search_finds_them(name):
    fit = fitted(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # residual covariances of continuous variables are taken into account
        scores = fit.factor_scores()
    assert np.isfinite(scores.to_numpy()).all()
    for place in scores.index[[0, 1, 7, 40, 111, -1]]:
        row = table().loc[place]
        group = row["side"] if "group" in CASES[name][1] else None
        loss, mean, factors = posterior(fit, row, group)
        found = minimize(loss, mean, method="BFGS", options={"gtol": 1e-8}).x
        assert scores.loc[place, factors].to_numpy(dtype=float) == pytest.approx(found, abs=2e-6)
        step = 1e-3 * np.eye(len(found))
        curve = np.array(
            [
                [
                    sum(s * t * loss(found + s * a + t * b) for s in (1, -1) for t in (1, -1)) / 4e-6
                    for b in step
                ]
                for a in step
            ]
        )
        errors = np.sqrt(np.diag(np.linalg.inv(curve)))
        told = scores.loc[place, [f"{f}_se" for f in factors]].to_numpy(dtype=float)
        assert told == pytest.approx(errors, rel=1e-4)


def test_covariates_that_tell_nothing_change_no_score():
    data = table().assign(x=np.tile([1.0, -1.0], len(table()))[: len(table())])
    model = "f =~ q1 + q2 + q3 + q4"
    plain = cfa(model, data[[*ORDERED, "x"]])
    given = sem(model + "\nf ~ 0*x", data[[*ORDERED, "x"]], ordered=ORDERED)
    one, two = plain.factor_scores()["f"], given.factor_scores()["f"]
    assert one.index.equals(two.index)
    assert two.to_numpy() == pytest.approx(one.to_numpy(), abs=0.02)
    assert np.corrcoef(one, two)[0, 1] > 0.9999


def test_factors_that_correlate_beyond_one_have_no_scores():
    with pytest.warns(ToolkitWarning, match="latent correlations beyond 1"):
        fit = cfa("f =~ q1 + y1 + q2\ng =~ q3 + y2 + y3", table(), ordered=["q1", "q2", "q3"])
    with pytest.raises(NotEstimableError, match="no positive definite covariance") as caught:
        fit.factor_scores()
    assert "Hint: " in str(caught.value)


def test_residual_covariances_of_ordinal_items_are_told_to_be_left_out():
    fit = sem("f =~ q1 + q2 + q3 + q4\nf ~ x\nq1 ~~ q2", table(), ordered=ORDERED)
    with pytest.warns(ToolkitWarning, match=r"leave out residual covariances of the model: .*q1 ~~ q2"):
        fit.factor_scores()


def test_factors_that_outcomes_predict_are_refused():
    fit = sem("f =~ q1 + q2 + q3 + q4\nf ~ y1\ny1 ~ x", table(), ordered=ORDERED)
    with pytest.raises(NotEstimableError, match="predicted by observed outcomes") as caught:
        fit.factor_scores()
    assert "Hint: " in str(caught.value)
