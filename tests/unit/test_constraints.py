"""Bounds, inequalities and nonlinear equalities: what must hold whatever the data, and what is refused."""

import warnings

import numpy as np
import pandas as pd
import pytest

from analysis import cfa, sem
from analysis.structural.estimation.constrained import Limit, _contradictions
from instrument.errors import DefinitionError, NotEstimableError

MODEL = "f =~ y1 + a*y2 + b*y3 + c*y4"
LEVELS = "level: 1\nfw =~ y1 + y2 + y3 + y4\nlevel: 2\nfb =~ y1 + y2 + y3 + y4"


def people(seed=1, n=150):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=n)
    return pd.DataFrame(
        {f"y{k + 1}": w * factor + rng.normal(size=n) for k, w in enumerate((1, 0.8, 0.9, 0.6))}
    )


def small_clusters(seed):
    """Sixty clusters of four with 30 % missing and little variance between them."""
    rng = np.random.default_rng(seed)
    app, loading = np.repeat(np.arange(60), 4), np.linspace(1, 0.7, 4)
    within, between, share = rng.normal(size=240), rng.normal(size=60), 2 / 9
    y = np.outer(within, loading) + rng.normal(size=(240, 4))
    y += (
        np.outer(between, loading) * np.sqrt(share * 0.7) + rng.normal(size=(60, 4)) * np.sqrt(share * 0.3)
    )[app]
    y[rng.random(y.shape) < 0.3] = np.nan
    return pd.DataFrame(y, columns=["y1", "y2", "y3", "y4"]).assign(app=app)


def value(fit, label):
    return float(fit.parameters.loc[fit.parameters["label"] == label, "est"].iloc[0])


@pytest.mark.parametrize("estimator", ["ML", "MLR"])
@pytest.mark.parametrize("missing", [False, True])
def test_a_constraint_that_binds_is_an_equality_and_one_that_does_not_is_nothing(estimator, missing):
    data = people()
    if missing:
        data = data.mask(np.random.default_rng(2).random(data.shape) < 0.1)
    free = cfa(MODEL, data, estimator=estimator)
    reached = value(free, "a") + 0.2
    slack = cfa(f"{MODEL}\na < {reached}", data, estimator=estimator)
    bound = cfa(f"{MODEL}\na > {reached}", data, estimator=estimator)
    equal = cfa(f"{MODEL}\na == {reached}", data, estimator=estimator)
    for name in ("est", "se", "std_all"):
        assert slack.parameters[name].to_numpy() == pytest.approx(
            free.parameters[name].to_numpy(), rel=1e-6, abs=1e-7
        )
        assert bound.parameters[name].to_numpy() == pytest.approx(
            equal.parameters[name].to_numpy(), rel=1e-6, abs=1e-7
        )
    assert bound.fit["chisq"] == pytest.approx(equal.fit["chisq"], rel=1e-7)
    assert bound.fit["chisq"] > free.fit["chisq"] + 0.5
    # an inequality costs no degree of freedom, an equality does
    assert (free.fit["df"], slack.fit["df"], bound.fit["df"], equal.fit["df"]) == (2, 2, 2, 3)
    assert (bound.n_parameters, equal.n_parameters) == (free.n_parameters, free.n_parameters - 1)


@pytest.mark.parametrize(
    "law",
    ["a^2 == b^2", "a^2 == b^2\na > 0\nb > 0", "a*a == b*b", "a^3 == b^3", "exp(a) == exp(b)", "a*c == b*c"],
)
def test_a_linear_equality_written_nonlinearly_is_the_same_model(law):
    """A difference of squares looks linear between points of which one is another one shifted."""
    one = cfa(f"{MODEL}\na == b", people(), estimator="ML")
    two = cfa(f"{MODEL}\n{law}", people(), estimator="ML")
    assert two.fit["df"] == one.fit["df"] == 3
    assert two.fit["chisq"] == pytest.approx(one.fit["chisq"], rel=1e-8)
    assert two.parameters["se"].to_numpy() == pytest.approx(one.parameters["se"].to_numpy(), abs=1e-6)


def test_constraints_hold_for_ordinal_items_too():
    items = people(n=400).apply(lambda v: pd.cut(v, [-np.inf, -1, 0, 1, np.inf], labels=False))
    free = cfa(MODEL, items)
    bound = cfa(f"{MODEL}\nc > {value(free, 'c') + 0.2}", items)
    equal = cfa(f"{MODEL}\nc == {value(free, 'c') + 0.2}", items)
    assert bound.parameters["est"].to_numpy() == pytest.approx(equal.parameters["est"].to_numpy(), abs=1e-6)
    assert bound.parameters["se"].to_numpy() == pytest.approx(equal.parameters["se"].to_numpy(), abs=1e-6)
    assert bound.fit["df"] == equal.fit["df"] - 1 == 2


@pytest.mark.parametrize("kind", ["pos.var", "standard"])
def test_bounds_change_nothing_inside_and_keep_a_heywood_case_at_zero(kind):
    data = people()
    assert cfa(MODEL, data, estimator="ML", bounds=kind).fit["chisq"] == pytest.approx(
        cfa(MODEL, data, estimator="ML").fit["chisq"], rel=1e-9
    )
    rng = np.random.default_rng(9)  # three items, one of which correlates more than one factor allows
    matrix = np.array([[1.0, 0.8, 0.7], [0.8, 1.0, 0.3], [0.7, 0.3, 1.0]])
    draws = rng.normal(size=(200, 3))
    draws = (draws - draws.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(draws.T))).T
    data = pd.DataFrame(draws @ np.linalg.cholesky(matrix).T, columns=["y1", "y2", "y3"])
    with pytest.warns(match="Heywood"):
        cfa("f =~ y2 + y1 + y3", data, estimator="ML")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = cfa("f =~ y2 + y1 + y3", data, estimator="ML", bounds=kind)
    own = fit.parameters.query("op == '~~' and lhs == 'y1'").iloc[0]
    assert own["est"] == pytest.approx(0.0, abs=1e-8)
    assert own["se"] == 0.0
    assert fit.fit["df"] == 0


def test_small_clusters_without_a_maximum_are_told_so_and_have_one_within_bounds():
    data = small_clusters(1)
    with pytest.raises(NotEstimableError, match=r"no maximum.*y1 ~~ y1 \(level 2\)") as caught:
        sem(LEVELS, data, cluster="app", missing="fiml", estimator="ML")
    assert "bounds='pos.var'" in str(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = sem(LEVELS, data, cluster="app", missing="fiml", estimator="ML", bounds="pos.var")
    variances = fit.parameters.query("op == '~~' and lhs == rhs")
    assert (variances["est"] > -1e-9).all()
    fixed = variances.query("est < 1e-8")
    told = "\n".join(f"{name} ~~ 0*{name}" for name in fixed["lhs"])
    twin = sem(f"{LEVELS}\n{told}", data, cluster="app", missing="fiml", estimator="ML")
    assert fit.fit["logl"] == pytest.approx(twin.fit["logl"], abs=1e-6)
    assert twin.fit["df"] == fit.fit["df"] + len(fixed) > fit.fit["df"]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (f"{MODEL}\na > 2\na < 1", {}, "cannot hold together: .a [<>] [12]"),
        (f"{MODEL}\nd > 1", {}, "'d' is not a label of the model"),
        (f"{MODEL}\nexp(1) > 1", {}, "constrains no free parameter"),
        (f"{MODEL}\n> 1", {}, "nothing stands left"),
        (f"{MODEL}\na == a^2 + 10", {}, "cannot hold together"),
        (f"{MODEL}\na/0 == b", {}, "line 2, column 1: 'a/0 == b' is no real number, whatever"),
        (f"{MODEL}\na > 1/0", {}, "is no real number, whatever"),
        (f"{MODEL}\na/(b - b) < 1", {}, "is no real number, whatever"),
        (f"{MODEL}\nsqrt(0 - 1) == a", {}, "is no real number, whatever"),
        (f"{MODEL}\na == exp(100000)", {}, "is no real number, whatever"),
        (MODEL, {"bounds": "wide"}, "bounds 'wide' is unknown"),
        (MODEL, {"bounds": "pos.var", "estimator": "WLSMV"}, "takes no bounds"),
    ],
)
def test_refused(model, options, message):
    data = people().apply(lambda v: pd.cut(v, 4, labels=False))
    with (
        pytest.raises((DefinitionError, NotEstimableError), match=message) as caught,
        np.errstate(all="raise"),
    ):
        cfa(model, data, **{"estimator": "ML", **options})
    assert str(caught.value).count("\nHint: ") == 1


def limit(slopes, gap, equal=False, text="one"):
    return Limit(lambda x: complex(np.asarray(slopes) @ x + gap), equal, text)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ([limit([1, 0], -2), limit([-1, 0], 1, text="two")], {"one", "two"}),  # a > 2, a < 1
        ([limit([1, 0], -1), limit([-1, 0], 2, text="two")], set()),  # 1 < a < 2
        (
            [limit([1, 1], -1, True), limit([-1, -1], 0.5, text="two")],
            {"one", "two"},
        ),  # a + b == 1, a + b < .5
        (
            [limit([1, 1], -1, True), limit([-1, -1], 1.0, text="two")],
            set(),
        ),  # a + b == 1, a + b < 1: the edge
        ([limit([0, 0], -1)], set()),  # by itself: left to the search
        ([limit([1, 0], -1e-4), limit([-1, 0], -1e-4, text="two")], set()),  # within what a search may miss
    ],
)
def test_linear_constraints_without_a_point_in_common_are_named_before_any_search(limits, told):
    found = _contradictions(tuple(limits), np.eye(2), np.zeros(2), np.array([-5.0, -5.0]))
    assert set(found) <= told and bool(found) == bool(told)


def test_a_start_that_keeps_all_constraints_asks_for_no_programme():
    limits = (limit([1, 0], 10.0), limit([-1, 0], 10.0, text="two"))
    assert _contradictions(limits, np.eye(2), np.zeros(2), np.zeros(2)) == ()


def test_a_constraint_that_is_no_number_at_the_start_is_met_as_its_plain_twin_is():
    """A path starts at 0, where log(a) is none; log(-a) < 1 is none at the estimate, and was once taken as met."""
    data = people().assign(x=lambda d: d["y4"] - d["y1"] + 2)
    paths = "y1 ~ a*x\ny2 ~ b*x + y3"
    logs = sem(f"{paths}\nlog(0 - a) == log(0 - b)", data, estimator="ML")
    twin = sem(f"{paths}\na == b", data, estimator="ML")
    assert value(logs, "a") == pytest.approx(value(twin, "a"), abs=1e-7)
    assert logs.fit[["chisq", "df"]].tolist() == pytest.approx(twin.fit[["chisq", "df"]].tolist(), rel=1e-7)
    with pytest.raises(NotEstimableError):
        sem(f"{paths}\nlog(a) < 1", data, estimator="ML")


CURVED = {
    "a*b == 0.1": lambda a, b: a * b - 0.1,
    "a*b == -0.1": lambda a, b: a * b + 0.1,
    "a*b > 0.2": lambda a, b: a * b - 0.2,
    "a^2 == 0.09": lambda a, b: a**2 - 0.09 + 0 * b,
    "a^2 + b^2 == 0.5": lambda a, b: a**2 + b**2 - 0.5,
}


@pytest.mark.parametrize("constraint", CURVED)
def test_constraints_that_are_not_linear_are_met_at_the_lowest_minimum(constraint):
    """Before, a search from zero ended in another minimum without a word, or was told to be impossible.

    Held against a grid over both paths; the third path follows in closed form.
    """
    rng = np.random.default_rng(5)
    x = rng.normal(size=300)
    y = -0.15 * x + rng.normal(size=300)
    z = 0.2 * y + 0.3 * x + rng.normal(size=300)
    fit = sem(f"y ~ a*x\nz ~ b*y + x\n{constraint}", pd.DataFrame({"x": x, "y": y, "z": z}), estimator="ML")
    x, y, z = (v - v.mean() for v in (x, y, z))

    def loss(a, b):
        c = (x @ z - b * (x @ y)) / (x @ x)
        first = y @ y - 2 * a * (x @ y) + a**2 * (x @ x)
        second = z @ z + b**2 * (y @ y) + c**2 * (x @ x)
        second = second - 2 * b * (y @ z) - 2 * c * (x @ z) + 2 * b * c * (x @ y)
        return np.log(first) + np.log(second)

    a, b = np.meshgrid(np.linspace(-1.2, 1.2, 1201), np.linspace(-1.2, 1.2, 1201))
    gap = CURVED[constraint](a, b)
    near = gap > 0 if ">" in constraint else np.abs(gap) < 3e-3
    assert loss(value(fit, "a"), value(fit, "b")) <= loss(a[near], b[near]).min() + 5e-3
    own = CURVED[constraint](value(fit, "a"), value(fit, "b"))
    assert own > -1e-7 if ">" in constraint else abs(own) < 1e-7


def test_misfit_without_degrees_of_freedom_is_no_perfect_fit():
    """An inequality that is reached costs no degree of freedom: CFI as in lavaan, RMSEA means nothing."""
    data = people()
    fit = sem("f =~ y1 + a*y2 + b*y3\na > 1.5\nb < 0.2", data, estimator="ML").fit
    assert fit["df"] == 0 and fit["chisq"] > 1
    s = np.cov(data[["y1", "y2", "y3"]].to_numpy().T)
    base = len(data) * (np.log(np.diag(s)).sum() - np.linalg.slogdet(s)[1])
    assert fit["cfi"] == pytest.approx(1 - fit["chisq"] / max(fit["chisq"], base - 3))
    assert fit[["tli", "rmsea", "rmsea_ci_upper"]].isna().all()
    free = sem("f =~ y1 + y2 + y3", data, estimator="ML").fit
    assert free[["cfi", "tli", "rmsea"]].tolist() == [1.0, 1.0, 0.0]


def test_standard_bounds_of_two_levels_are_refused():
    with pytest.raises(DefinitionError, match="variances of each level"):
        sem(LEVELS, small_clusters(3), cluster="app", bounds="standard")
