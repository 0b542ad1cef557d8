"""Residuals of models in groups of unequal size against lavaan 0.6-14, their standard errors against samples.

The standard errors that 0.6-14 gives to residuals in groups are no witness: in samples drawn from the model
below the residuals vary by what is computed here (within 3 %), and by 9 % more than 0.6-14 says, unevenly.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.models import cfa

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "values" / "residuals_in_groups.json").read_text())
RESIDUAL = 2e-5  # absolute: a thousandth of a standard error of the estimates
COMPARED = [("Residuals of models in groups", "lavaan 0.6-14", RESIDUAL)]
THREE = "f1 =~ x1 + x2 + x3\nf2 =~ x4 + x5 + x6\nf3 =~ x7 + x8 + x9"
TWO = "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8"


@cache
def fitted(case):
    if case == "wlsmv":
        return cfa(TWO, pd.read_csv(HERE / "data" / "likert.csv"), group="group", group_equal="loadings")
    table = pd.read_csv(HERE / "data" / "continuous.csv")
    second = table.index[table["grp"] == table["grp"].unique()[1]]
    table = table.drop(second[: REFERENCE["made_by"]["dropped"]])
    equal = ["loadings", "intercepts"] if case == "ml" else ["loadings"]
    return cfa(THREE, table, case.upper(), group="grp", group_equal=equal)


def test_the_data_are_those_of_the_reference():
    for name, wanted in zip(REFERENCE["made_by"]["files"], REFERENCE["made_by"]["md5"], strict=True):
        assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == wanted


@pytest.mark.parametrize("case", ["ml", "mlr", "wlsmv"])
def test_every_residual_of_every_group(case):
    plain = fitted(case).residuals("correlation")
    assert list(plain) == list(REFERENCE[case])
    sizes = list(fitted(case).groups.values())
    assert sizes[0] != sizes[1]
    for label, wanted in REFERENCE[case].items():
        below = np.tril_indices(len(wanted["cov"]), -1)
        target = np.array(wanted["cov"], dtype=float)[below]
        assert plain[label].to_numpy()[:, : len(wanted["cov"])][below] == pytest.approx(target, abs=RESIDUAL)
        if "mean" in wanted:
            means = np.array(wanted["mean"], dtype=float)
            assert plain[label]["mean"].to_numpy() == pytest.approx(means, abs=RESIDUAL)


def test_standard_errors_of_residuals_in_groups_by_sampling():
    """Samples of both groups from the fitted model: the spread of each residual is its standard error."""
    found = fitted("ml")
    inner = found._fitted
    names, below = inner.table.names.observed, np.tril_indices(9, -1)
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(250):
        parts = [
            pd.DataFrame(generator.multivariate_normal(state.mu, state.sigma, n), columns=names).assign(grp=k)
            for k, (state, n) in enumerate(zip(inner.states, inner.sizes, strict=True))
        ]
        again = cfa(THREE, pd.concat(parts), "ML", group="grp", group_equal=["loadings", "intercepts"])
        drawn.append([table.to_numpy()[:, :9][below] for table in again.residuals().values()])
    spread = np.std(drawn, axis=0)
    for group, label in enumerate(found.groups):
        residual = found.residuals()[label].to_numpy()[:, :9][below]
        error = residual / found.residuals("z")[label].to_numpy()[:, :9][below]
        ratio = (error / spread[group])[np.abs(residual) > 1e-3]
        # a standard deviation of 250 draws is known to 4.5 %, their mean over residuals to about 2 %
        assert 0.94 < np.exp(np.log(ratio).mean()) < 1.06
        assert np.std(np.log(ratio)) < 0.07


COVARIATES = "f =~ x1 + x2 + x3\nf ~ x4 + x5\nx6 ~ f + x5"


@cache
def _unequal(gaps):
    table = pd.read_csv(HERE / "data" / ("continuous_missing.csv" if gaps else "continuous.csv"))
    last = table.index[table["grp"] == table["grp"].unique()[1]]
    return table.drop(last[:60]).reset_index(drop=True)


@pytest.mark.parametrize(("estimator", "gaps"), [("ML", False), ("MLR", False), ("ML", True), ("MLR", True)])
def test_groups_that_share_nothing_have_the_residuals_that_each_has_alone(estimator, gaps):
    """With covariates, whose moments are those of their group, and groups of unequal size."""
    table = _unequal(gaps)
    missing = "fiml" if gaps else "listwise"
    together = cfa(COVARIATES, table, estimator, group="grp", missing=missing)
    turned = cfa(COVARIATES, table[::-1], estimator, group="grp", missing=missing)
    for label, rows in table.groupby("grp"):
        alone = cfa(COVARIATES, rows, estimator, missing=missing, meanstructure=True)
        for kind in ("raw", "correlation", "z"):
            (one,) = alone.residuals(kind).values()
            near = {"atol": 5e-3 if kind == "z" else 2e-4}
            np.testing.assert_allclose(together.residuals(kind)[str(label)], one, **near)
            np.testing.assert_allclose(turned.residuals(kind)[str(label)], one, **near)
        covariates = together.residuals("z")[str(label)].loc[["x4", "x5"], ["x4", "x5", "mean"]]
        assert (covariates == 0.0).all(axis=None)  # they keep their own moments
        (implied,) = alone.implied().values()
        np.testing.assert_allclose(together.implied()[str(label)], implied, atol=2e-3)


def test_ordinal_groups_that_share_nothing_have_the_residuals_that_each_has_alone():
    table = pd.read_csv(HERE / "data" / "likert.csv")
    second = table.index[table["group"] == table["group"].unique()[1]]
    table = table.drop(second[:100])
    together = cfa(TWO, table, group="group")
    for label, rows in table.groupby("group"):
        alone = cfa(TWO, rows)
        for kind in ("correlation", "z"):
            (one,) = alone.residuals(kind).values()
            near = {"atol": 5e-3 if kind == "z" else 2e-4}
            np.testing.assert_allclose(together.residuals(kind)[str(label)], one, **near)


def _with_covariates(t):
    """Covariances of x1, x2, x3, x6, x4, x5 in the model of covariates, from its parameters one by one."""
    l2, l3, b4, b5, g, h, psi, e1, e2, e3, e6, p44, p45, p55 = t
    outer = np.array([[p44, p45], [p45, p55]])
    on_f = np.array([b4, b5])
    loadings = np.array([1.0, l2, l3, g])
    direct = np.zeros((4, 2))
    direct[3, 1] = h
    slopes = np.outer(loadings, on_f) + direct
    inner = slopes @ outer @ slopes.T + psi * np.outer(loadings, loadings) + np.diag([e1, e2, e3, e6])
    return np.block([[inner, slopes @ outer], [outer @ slopes.T, outer]])


def test_standard_errors_beside_covariates_are_those_of_all_moments_together():
    """Covariates with moments of their own in the model leave the other residuals as they vary."""
    rng = np.random.default_rng(3)
    truth = np.array([0.8, 0.9, 0.5, -0.3, 0.6, 0.4, 0.7, 0.5, 0.6, 0.4, 0.8, 1.0, 0.3, 1.2])
    names = ["x1", "x2", "x3", "x6", "x4", "x5"]
    table = pd.DataFrame(rng.multivariate_normal(np.zeros(6), _with_covariates(truth), 1500), columns=names)
    found = cfa(COVARIATES, table, "ML")
    (z,), (residual,) = found.residuals("z").values(), found.residuals("raw").values()
    sample = table.cov(ddof=0).to_numpy()
    row, column = np.tril_indices(6)

    def moments(t):
        return _with_covariates(t)[row, column]

    rows = found.parameters.set_index(["lhs", "op", "rhs"])["est"]
    keys = [("f", "=~", "x2"), ("f", "=~", "x3"), ("f", "~", "x4"), ("f", "~", "x5"), ("x6", "~", "f")]
    keys += [("x6", "~", "x5"), *((n, "~~", n) for n in ("f", "x1", "x2", "x3", "x6"))]
    at = np.array([*(rows[key] for key in keys), sample[4, 4], sample[4, 5], sample[5, 5]])
    implied = found.implied()["all"].loc[names, names].to_numpy()
    np.testing.assert_allclose(_with_covariates(at), implied, atol=1e-6)
    slopes = np.array([(moments(at + s) - moments(at - s)) / 2e-5 for s in np.eye(len(at)) * 1e-5]).T
    spread = implied[np.ix_(row, row)] * implied[np.ix_(column, column)]
    spread = spread + implied[np.ix_(row, column)] * implied[np.ix_(column, row)]
    left = spread - slopes @ np.linalg.solve(slopes.T @ np.linalg.solve(spread, slopes), slopes.T)
    error = np.zeros((6, 6))
    error[row, column] = error[column, row] = np.sqrt(np.maximum(np.diag(left), 0.0) / 1500)
    gaps = residual.loc[names, names].to_numpy()
    free = (np.abs(gaps) > 1e-4) & (error > 1e-4)
    assert free.sum() >= 10
    ratio = z.loc[names, names].to_numpy()[free] * error[free] / gaps[free]
    np.testing.assert_allclose(ratio, 1.0, atol=0.06)
