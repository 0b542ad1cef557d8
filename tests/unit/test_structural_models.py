"""cfa, sem and compare_models: what they refuse, warn about and promise."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import ncx2

from analysis.structural.estimation.fitted import ScaledTest, refuse_unconverged
from analysis.structural.estimation.indices import Statistic, comparative, correlation_residual
from analysis.structural.estimation.optimise import Minimum
from analysis.structural.inference.compare_models import compare_models
from analysis.structural.inference.equivalence import GRADES, _tests_of_indices, t_size_cfi
from analysis.structural.inference.improper import Fault
from analysis.structural.models import cfa, sem
from instrument.errors import (
    ConvergenceError,
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    ToolkitWarning,
)

DATA = Path(__file__).parents[1] / "reference" / "data"
C = pd.read_csv(DATA / "continuous.csv")
CM = pd.read_csv(DATA / "continuous_missing.csv")
L = pd.read_csv(DATA / "likert.csv")
F4 = "f =~ x1 + x2 + x3 + x4"
Q4 = "a =~ q1 + q2 + q3 + q4"
THREE = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6\nh =~ x7 + x8 + x9"


def never_together():
    first = np.arange(len(C)) < 200
    return C.assign(x1=C["x1"].where(first), x2=C["x2"].where(~first))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cfa("f =~ x1 + x2 + zz", C, "ML"), DefinitionError, "not in the data: 'zz'"),
        (lambda: cfa(Q4, L, group="nope"), DefinitionError, "'nope' is not in the data"),
        (lambda: cfa(Q4, L, "FOO"), DefinitionError, "estimator 'FOO' is unknown"),
        (lambda: cfa(Q4, L, missing="fiml"), DefinitionError, "missing for WLSMV 'fiml' is unknown"),
        (lambda: cfa(Q4, L, parameterization="x"), DefinitionError, "parameterization 'x'"),
        (lambda: cfa(Q4, L, ordered=["q5"]), DefinitionError, "no variable of the model is ordinal"),
        (
            lambda: sem("a =~ q1 + q2 + q3\na ~ q5", L, ordered=["q1", "q5"]),
            DefinitionError,
            "observed predictors are named as ordinal: 'q5'",
        ),
        (lambda: cfa(F4, C, "ML", ordered=["x1"]), DefinitionError, "ML takes no ordinal items"),
        (lambda: cfa("q5 =~ q1 + q2 + q3", L), DefinitionError, "'q5' is latent and also a column"),
        (lambda: cfa(F4 + "\nx1 | t1", C, "ML"), DefinitionError, "'x1' is not ordinal"),
        (lambda: cfa(Q4 + "\nq1 | t9", L), DefinitionError, "no threshold 't9'"),
        (lambda: cfa(F4 + "\nz := foo*2", C, "ML"), DefinitionError, "line 2.*'foo' is not a label"),
        (lambda: cfa("f =~ x1 + a*x2 + x3\na == 1\na == 2", C, "ML"), DefinitionError, "contradict"),
        (lambda: cfa("a =~ q1 + q2 + site", L), ResponseDataError, "columns are not numeric: 'site'"),
        (lambda: cfa(Q4, L.to_dict()), ResponseDataError, "data is a dict"),
        (lambda: cfa(F4, pd.concat([C, C[["x1"]]], axis=1), "ML"), ResponseDataError, "appear twice: 'x1'"),
        (lambda: cfa(F4, C), ResponseDataError, "distinct values"),
        (lambda: cfa(F4, C.assign(x1=np.inf), "ML"), ResponseDataError, "infinite"),
        (lambda: cfa("f =~ x1 + x2", C, "ML"), NotEstimableError, r"negative degrees of freedom \(-1\)"),
        (lambda: cfa("f =~ NA*x1 + x2 + x3 + x4", C, "ML"), NotEstimableError, "not identified.*'f ~~ f'"),
        (lambda: cfa("a =~ NA*q1 + q2 + q3 + q4", L), NotEstimableError, "not identified.*'a ~~ a'"),
        (lambda: cfa(Q4, L[L["group"] == "a"], group="group"), NotEstimableError, r"has 1 group\(s\)"),
        (lambda: cfa(Q4, L.assign(q1=3)), NotEstimableError, "'q1' is constant"),
        (lambda: cfa(F4, C.assign(x1=np.nan), "ML"), NotEstimableError, "nobody answered 'x1'"),
        (lambda: cfa(Q4, L.head(2)), NotEstimableError, "2 usable rows"),
        (lambda: cfa(F4, C.head(4), "ML"), NotEstimableError, "4 rows for 4 variables"),
        (lambda: cfa(F4, C.assign(x2=2 * C["x1"]), "ML"), NotEstimableError, "singular: 'x2' repeats 'x1'"),
        (lambda: cfa(F4, never_together(), "ML"), NotEstimableError, "never answered by one person.*x1-x2"),
        (
            lambda: cfa(
                Q4, L.assign(q1=L["q1"].where((L["group"] == "b") | (L["q1"] > 1), 2)), group="group"
            ),
            NotEstimableError,
            "empty categories.*'q1:1 in a'",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\nHint: " in str(caught.value)


def test_a_search_that_fails_reports_nothing():
    noise = np.random.default_rng(2).normal(size=(60, 6))
    table = pd.DataFrame(noise, columns=[f"x{k}" for k in range(1, 7)])
    with pytest.raises(ConvergenceError, match=r"variance of 'x3' falls without end.*nothing is reported"):
        cfa("f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6", table, "ML")
    spent = Minimum(np.zeros(2), 1.0, 0.5, 7, converged=False)
    with pytest.raises(ConvergenceError, match=r"no convergence after 7 steps.*'b', 'a'\); nothing is rep"):
        refuse_unconverged(spent, "cfa", ["a", "b"], np.array([0.1, -0.5]))


def of_three(r: tuple[float, float, float], n: int = 800) -> pd.DataFrame:
    """Rows whose sample correlations are exactly these, or those behind yes-no items nearly so."""
    whole = np.eye(3)
    whole[np.tril_indices(3, -1)] = r
    whole = whole + np.tril(whole, -1).T
    made = np.random.default_rng(5).normal(size=(n, 3))
    made -= made.mean(axis=0)
    made = np.linalg.solve(np.linalg.cholesky(np.cov(made.T)), made.T).T
    return pd.DataFrame(made @ np.linalg.cholesky(whole).T, columns=["q1", "q2", "q3"])


@pytest.mark.parametrize("options", [{}, {"std_lv": True}, {"group": "g"}], ids=str)
def test_a_loading_without_end_is_no_matter_of_identification(options):
    """r12 r13 / r23 is above one: delta shows the negative variance, theta holds it and has no solution."""
    table = (of_three((0.6, 0.6, 0.2)) > 0).astype(int).assign(g=np.arange(800) // 400)
    with pytest.raises(ConvergenceError, match=r"loading of 'q1.*' grows without end.*nothing is reported"):
        cfa("f =~ q1 + q2 + q3", table, parameterization="theta", **options)
    with pytest.warns(ToolkitWarning, match="Heywood cases.*'q1"):
        below = cfa("f =~ q1 + q2 + q3", table, **options)
    assert below.parameters.query("lhs == 'q1' and op == '~~'")["est"].lt(0).any()


def test_correlations_that_no_factor_has_are_told_by_where_they_lead():
    """The product of the three correlations is negative: no loadings give it, whatever their size."""
    with pytest.raises(ConvergenceError, match=r"variance of 'q\d' falls without end"):
        cfa("f =~ q1 + q2 + q3", of_three((0.3, 0.3, -0.2)), "ML", std_lv=True)


def test_a_variable_far_from_zero_is_named_where_its_search_fails():
    """Seconds since 1970: beside a mean of 1.7e9 a standard deviation of 1 has no digits left."""
    far = C.assign(x8=C["x8"] + 1.7e9)
    model = "f =~ x1 + x2 + x3\nf ~ x8"
    fact = r"lie too far from zero for their spread: 'x8'; nothing is reported\.\nHint: subtract their means"
    with pytest.raises(ConvergenceError, match=fact):
        sem(model, far, "ML", meanstructure=True)
    without = sem(model, far, "ML").fit["chisq"]  # means are not modelled: nothing is lost
    assert without == pytest.approx(sem(model, C, "ML").fit["chisq"], abs=1e-6)


@pytest.mark.parametrize(("among", "impossible"), [(0.3, True), (0.5, False)])
@pytest.mark.parametrize("estimator", ["ML", "MLR"])
def test_factors_whose_correlations_exclude_each_other_are_no_ground(estimator, among, impossible):
    """.85, .85 and .3: the third must lie above 2 * .85 ** 2 - 1 = .445; no correlation is beyond one."""
    between = np.array([[1, 0.85, 0.85], [0.85, 1, among], [0.85, among, 1]])
    pattern = np.kron(np.eye(3), np.full((3, 1), 0.5))
    sigma = pattern @ between @ pattern.T
    np.fill_diagonal(sigma, 1.0)
    made = np.random.default_rng(1).normal(size=(300, 9))
    made -= made.mean(axis=0)
    made = np.linalg.solve(np.linalg.cholesky(np.cov(made.T)), made.T).T @ np.linalg.cholesky(sigma).T
    table = pd.DataFrame(made, columns=[f"x{k}" for k in range(1, 10)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = cfa(THREE, table, estimator, std_lv=True)
    assert fit.parameters.query("lhs == 'g' and rhs == 'h'")["est"].item() == pytest.approx(among, abs=1e-6)
    assert fit.faults == ((Fault.IMPOSSIBLE,) if impossible else ())
    assert [str(one.message).split("\n")[0] for one in caught] == [
        "cfa: covariances that no variables can have, although each correlation lies within 1: 'f, g, h'."
    ] * impossible


def test_negative_variances_are_warned_about_by_name():
    generator = np.random.default_rng(3)
    table = pd.DataFrame(generator.normal(size=(60, 3)), columns=["x1", "x2", "x3"])
    table["x1"] = 0.95 * table["x2"] + 0.1 * generator.normal(size=60)
    with pytest.warns(ToolkitWarning, match=r"Heywood cases.*'x1'"):
        cfa("f =~ x1 + x2 + x3", table, "ML")


def test_small_groups_are_warned_about():
    table = pd.concat([C[C["grp"] == 1], C[C["grp"] == 2].head(50)])
    with pytest.warns(ToolkitWarning, match=r"two rows per parameter: '2 \(50 rows, 30 parameters\)'"):
        cfa(THREE, table, "ML", group="grp")


def test_rows_without_any_answer_do_not_count():
    holes = L.astype({f"q{k}": "Int64" for k in range(1, 13)})
    holes.loc[3, ["q1", "q2", "q3", "q4"]] = pd.NA
    holes.loc[4, "q1"] = pd.NA
    assert cfa(Q4, holes).n_obs == len(L) - 1
    assert cfa(Q4, holes, missing="listwise").n_obs == len(L) - 2
    assert cfa(Q4, holes, "ML").missing == "fiml"
    assert cfa(Q4, holes, "ML").n_obs == len(L) - 1
    assert cfa(Q4, L, "ML").missing == "listwise"


def test_groups_keep_the_datas_labels_in_order_of_appearance():
    result = cfa(Q4, L, group="group")
    assert list(result.groups) == list(pd.unique(L["group"]))
    assert list(pd.unique(result.parameters["group"])) == list(pd.unique(L["group"]))
    assert sum(result.groups.values()) == result.n_obs


@pytest.mark.parametrize("estimator", ["ML", "MLR", "WLSMV"])
def test_a_saturated_model_fits_exactly(estimator):
    text, table = ("f =~ q1 + q2 + q3", L) if estimator == "WLSMV" else ("f =~ x1 + x2 + x3", C)
    fit = cfa(text, table, estimator).fit
    assert fit["df"] == 0
    assert fit["chisq"] == pytest.approx(0.0, abs=1e-8)
    assert fit["srmr"] == pytest.approx(0.0, abs=1e-6)
    assert fit["cfi"] == 1.0
    assert fit["rmsea"] == 0.0


def test_the_size_of_a_parameter_has_the_parameter_s_error():
    result = sem(
        "f =~ x1 + l*x2 + x3\nx4 ~ b*f\nless := -b\nsize := abs(less)\nroot := sqrt(abs(less))", C, "ML"
    )
    rows = result.parameters.set_index("lhs")
    b = result.parameters.set_index("label").loc["b"]
    assert rows.loc["size", ["est", "se"]].tolist() == pytest.approx([abs(b["est"]), b["se"]])
    root = abs(b["est"]) ** 0.5
    assert rows.loc["root", ["est", "se"]].tolist() == pytest.approx([root, b["se"] / (2 * root)])


def test_nobody_explains_more_than_all():
    """As lavaan, which gives NA, for the negative residual variance of a Heywood case."""
    with pytest.warns(ToolkitWarning, match="Heywood"):
        result = cfa("f =~ x1 + x2 + x3\nx1 ~~ a*x1\na < -0.1\na > -0.2", C, "ML", std_lv=True)
    shares = result.r_squared.set_index("variable")["r_squared"]
    assert np.isnan(shares["x1"])
    squared = result.parameters.query("op == '=~'")["std_all"] ** 2
    assert shares[["x2", "x3"]].tolist() == pytest.approx(squared[1:].tolist())
    assert squared[0] > 1.0


def test_result_as_plain_data():
    result = sem("f =~ x1 + l*x2 + x3\nx4 ~ b*f\nprod := b*l", C, "ML")
    plain = result.to_dict()
    assert "_fitted" not in plain
    json.dumps(plain)
    defined = result.parameters.set_index("op").loc[":="]
    values = result.parameters.set_index("label")["est"]
    assert defined["est"] == pytest.approx(values["b"] * values["l"])
    assert "chisq" in result.summary()
    assert result.to_frame() is result.parameters


def test_factor_scores_follow_the_rows_in_use():
    holes = C.copy()
    holes.loc[2, ["x1", "x2", "x3", "x4"]] = np.nan
    holes.loc[5, "x1"] = np.nan
    scores = cfa(F4, holes, "ML").factor_scores()
    assert list(scores.columns) == ["f", "f_se"]
    assert 2 not in scores.index
    assert scores.loc[5, "f_se"] > scores.loc[6, "f_se"]
    with pytest.raises(DefinitionError, match="'ebm' does not suit ML"):
        cfa(F4, C, "ML").factor_scores("ebm")


def test_models_on_other_variables_rows_or_estimators_are_not_compared():
    base = cfa(F4, C, "ML")
    for other, message in (
        (cfa("f =~ x1 + x2 + x3 + x5", C, "ML"), "different variables: 'x4', 'x5'"),
        (cfa(F4, C.head(300), "ML"), "different rows or groups"),
        (cfa(F4, C, "MLR"), "used ML.*MLR"),
    ):
        with pytest.raises(DefinitionError, match=message):
            compare_models({"one": base, "two": other})
    with pytest.raises(DefinitionError, match=r"1 model\(s\) given"):
        compare_models({"one": base})
    with pytest.raises(DefinitionError, match="does not suit ML"):
        compare_models({"one": base, "two": base}, method="satorra_2000")


def test_equivalent_models_are_flagged():
    one = sem(THREE + "\ng ~ f\nh ~ g + f", C, "ML")
    two = sem(THREE + "\nf ~ g\ng ~ h\nf ~ h", C, "ML")
    with pytest.warns(ToolkitWarning, match="equivalent models: 'one', 'two'"):
        found = compare_models({"one": one, "two": two})
    assert found.equivalent == [["one", "two"]]
    assert found.table["df_diff"].iloc[1] == 0


def test_linear_constraints_hold():
    result = cfa("f =~ x1 + a*x2 + b*x3\ng =~ x4 + c*x5 + x6\na + b == 2*c", C, "ML")
    values = result.parameters.set_index("label")["est"]
    assert values["a"] + values["b"] == pytest.approx(2 * values["c"], abs=1e-10)


@pytest.mark.parametrize("options", [{"estimator": "ML"}, {"estimator": "WLSMV", "ordered": True}])
def test_a_weak_marker_gives_the_fit_of_a_strong_one(options: dict[str, Any]) -> None:
    # Items chosen without theory: the marker hardly loads, and against the others.
    rng = np.random.default_rng(5)
    factors = rng.multivariate_normal([0, 0], [[1, -0.6], [-0.6, 1]], 3000)
    loadings = {
        "a1": 0.25,
        "a2": -0.4,
        "a3": 0.35,
        "a4": -0.65,
        "b1": 0.08,
        "b2": 0.4,
        "b3": -0.35,
        "b4": 0.5,
    }
    data = pd.DataFrame(
        {
            name: loading * factors[:, int(name[0] == "b")]
            + np.sqrt(1 - loading**2) * rng.standard_normal(3000)
            for name, loading in loadings.items()
        }
    )
    data["b1"] += 0.15 * data["b3"] + 0.3 * data["a4"] - 0.25 * data["b2"]
    if options.get("ordered"):
        data = data.apply(lambda column: pd.cut(column, [-np.inf, -1, 0, 1, np.inf], labels=False))
    weak = cfa("f =~ a1 + a2 + a3 + a4\ng =~ b1 + b2 + b3 + b4", data, **options)
    strong = cfa("f =~ a4 + a1 + a2 + a3\ng =~ b4 + b1 + b2 + b3", data, **options)
    assert weak.fit["chisq"] == pytest.approx(strong.fit["chisq"], rel=1e-6)


def test_numbers_mean_maximum_likelihood():
    one, two = cfa(Q4, L, ordered=False), cfa(Q4, L, "ML")
    assert one.estimator == "ML"
    assert one.fit.equals(two.fit)
    assert cfa(Q4, L).estimator == "WLSMV"


def test_robust_maximum_likelihood_says_that_it_takes_numbers():
    with pytest.warns(ToolkitWarning, match="MLR takes the answers as numbers although ordered=True"):
        warned = cfa(Q4, L, "MLR", ordered=True)
    assert warned.fit.equals(cfa(Q4, L, "MLR").fit)  # without a warning where nothing was declared


# thirty people, a marker that hardly loads: drawn below, chi-square and loadings of lavaan 0.6-14
WEAK_MARKERS = {212: (9.055687, [0.852, 1.071, -1.273, 2.530]), 93: (5.368368, [0.554, 1.065, 79.44, 330.5])}


@pytest.mark.parametrize("seed", WEAK_MARKERS)
def test_thirty_people_and_a_marker_that_hardly_loads(seed):
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=(30, 2))
    first = 0.6 * factors[:, [0]] + 0.8 * generator.normal(size=(30, 3))
    second = 0.5 * factors[:, [1]] + 0.87 * generator.normal(size=(30, 3))
    table = pd.DataFrame(np.hstack([first, second]), columns=list("abcdef"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)  # improper solutions are warned of
        found = cfa("x =~ a + b + c\ny =~ d + e + f", table, "ML")
        unit = cfa("x =~ a + b + c\ny =~ d + e + f", table, "ML", std_lv=True)
    chisq, loadings = WEAK_MARKERS[seed]
    assert found.fit["chisq"] == pytest.approx(chisq, rel=1e-5)
    free = found.parameters[(found.parameters["op"] == "=~") & (found.parameters["se"] > 0)]["est"]
    # a loading of hundreds is as flat as its standard error
    assert free.to_numpy() == pytest.approx(loadings, rel=2e-3, abs=1e-3)
    assert unit.fit["chisq"] == pytest.approx(found.fit["chisq"], rel=1e-8)
    assert unit.parameters["std_all"].abs().to_numpy() == pytest.approx(  # a factor may point the other way
        found.parameters["std_all"].abs().to_numpy(), abs=1e-4
    )


def test_scores_and_residuals_of_interleaved_groups_by_hand():
    """Regression scores from the implied moments, row by row; residuals are the sample's less the model's."""
    table = C.assign(which=np.where(np.arange(len(C)) % 3, "often", "seldom"))
    fit = cfa(F4, table, "ML", group="which")
    items = ["x1", "x2", "x3", "x4"]
    scores = fit.factor_scores()
    assert scores.index.tolist() == list(range(len(C)))
    implied, raw, latent = fit.implied(), fit.residuals("raw"), fit.latent_covariance()
    for name, rows in table.groupby("which"):
        covariance = np.cov(rows[items].to_numpy().T, bias=True)
        np.testing.assert_allclose(raw[name][items], covariance - implied[name][items], atol=1e-8)
        np.testing.assert_allclose(raw[name]["mean"], 0, atol=1e-6)
        scale = np.sqrt(np.diag(covariance))
        correlation = (covariance - implied[name][items]) / np.outer(scale, scale)
        np.testing.assert_allclose(fit.residuals()[name][items], correlation, atol=1e-8)
        loadings = fit.parameters.query("op == '=~' and group == @name")["est"].to_numpy()
        variance = latent[name].loc["f", "f"]
        weights = variance * loadings @ np.linalg.inv(implied[name][items])
        wanted = (rows[items] - rows[items].mean()).to_numpy() @ weights
        np.testing.assert_allclose(scores.loc[rows.index, "f"], wanted, atol=1e-5)
        spread = (variance - variance * weights @ loadings) ** 0.5
        np.testing.assert_allclose(scores.loc[rows.index, "f_se"], spread, atol=1e-6)


def test_equivalence_says_only_what_its_program_can():
    """Adjusted cut-offs are for one group; beside other variables ordinal items have no robust indices."""
    groups = cfa(F4, C.assign(half=np.arange(len(C)) % 2), "ML", group="half").equivalence().table
    assert groups.filter(GRADES[:4]).isna().all(axis=None) and set(groups["grade"]) == {""}
    mixed = cfa(Q4 + " + q5", L, ordered=["q1", "q2", "q3", "q4"]).equivalence().table
    assert mixed["t_size"].isna().all() and (mixed["grade"] == "").all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: cfa(Q4 + " + q5 + q6", L),
        lambda: cfa(Q4 + " + q5 + q6", L, group="group"),
        lambda: cfa(F4 + " + x5", CM, "MLR", missing="fiml"),
        lambda: cfa(F4 + " + x5", CM, "MLR", missing="fiml", group="grp"),
    ],
    ids=["ordinal", "ordinal, groups", "gaps", "gaps, groups"],
)
def test_t_sizes_rest_on_the_statistics_of_the_robust_indices(call):
    fit = call()
    test, baseline = _tests_of_indices(fit._fitted)
    gap = max(test.chisq - test.factor * test.df, 0.0)
    assert 1.0 - gap / (baseline.chisq - baseline.factor * baseline.df) == pytest.approx(
        fit.fit["cfi_robust"], abs=1e-9
    )
    n, groups = sum(fit._fitted.totals), len(fit.groups)
    wanted = np.sqrt(gap * groups / (n * test.df))
    assert wanted == pytest.approx(fit.fit["rmsea_robust"], abs=1e-9)
    table = fit.equivalence().table.set_index("index")
    size = table.loc["cfi", "t_size"]
    most = brentq(lambda d: ncx2.cdf(test.chisq / test.factor, test.df, d) - 0.025, 1e-6, 2000)
    least = brentq(lambda d: ncx2.cdf(baseline.chisq / baseline.factor, baseline.df, d) - 0.975, 1e-6, 20000)
    assert size == pytest.approx(1.0 - test.factor * most / (baseline.factor * least), abs=1e-6)
    assert size < fit.fit["cfi_robust"]
    assert table.loc["rmsea", "t_size"] == fit.fit["rmsea_ci_upper_robust"]
    assert (table.loc["cfi", "grade"] in GRADES) == (groups == 1)


def test_the_t_size_of_a_cfi_is_unknown_where_polychorics_are_indefinite():
    unknown = ScaledTest(chisq=np.nan, df=3)
    assert np.isnan(t_size_cfi(unknown, ScaledTest(chisq=50.0, df=6)))
    assert np.isnan(t_size_cfi(ScaledTest(chisq=5.0, df=3), unknown))


def test_a_result_shows_the_corrected_test_and_the_robust_indices():
    fit = cfa(F4, C, "MLR")
    assert fit.fit["chisq"] != pytest.approx(fit.fit["chisq_scaled"], abs=0.01)
    said = repr(fit)
    assert f"scaled χ²(2) = {fit.fit['chisq_scaled']:.2f}" in said
    assert "robust CFI " + f"{fit.fit['cfi_robust']:.3f}".replace("0.", ".") in said
    plain = repr(cfa(F4, C, "ML"))
    assert "scaled" not in plain and "robust" not in plain


def test_comparisons_stand_from_the_freest_model_on_with_scaled_indices():
    free, tied = cfa(THREE, C, "MLR"), cfa(THREE + "\nf ~~ 0*g", C, "MLR")
    table = compare_models({"tied": tied, "free": free}).table
    assert table["model"].tolist() == ["free", "tied"]
    assert table["cfi"].tolist() == [free.fit["cfi_scaled"], tied.fit["cfi_scaled"]]
    assert table["cfi_diff"].iloc[1] == pytest.approx(tied.fit["cfi_scaled"] - free.fit["cfi_scaled"])
    # Satorra & Bentler (2001): differences of df times their factors
    factors = [one.fit["df"] * one.fit["chisq"] / one.fit["chisq_scaled"] for one in (free, tied)]
    gap = (tied.fit["chisq"] - free.fit["chisq"]) / (factors[1] - factors[0])
    assert table["chisq_diff"].iloc[1] == pytest.approx(gap, rel=1e-6)
    with pytest.raises(DefinitionError, match="'satorra_2000' does not suit MLR"):
        compare_models({"tied": tied, "free": free}, method="satorra_2000")


def test_a_summary_prints_of_each_row_what_belongs_to_it() -> None:
    table = pd.read_csv(DATA / "holzinger1939.csv")
    table.loc[:4, "x1"] = np.nan
    table["class"] = np.arange(len(table)) % 40
    fit = cfa("v =~ x1 + x2 + x3\nt =~ x4 + x5 + x6", table, "MLR", missing="listwise", cluster="class")
    text = fit.summary(standardized=True, ci=True)
    head, *_ = text.split("\n")
    assert head.startswith("MLR, missing: listwise; n = 296 of 301 in 40 clusters; 19 parameters;")
    lines = {tuple(line.split()[:3]): line.split() for line in text.split("\n")}
    assert lines["df", "8", "8"] == ["df", "8", "8"]  # robust indices have none of their own
    standardized = fit.standardized()
    for place, row in enumerate(fit.parameters.itertuples()):
        full = standardized.iloc[place]
        std = [f"{value:.3f}" for value in (row.std_all, full["ci_lower"], full["ci_upper"])]
        own = [f"{row.z:.3f}", "<0.001" if row.pvalue < 0.001 else f"{row.pvalue:.3f}"]
        rest = [f"{row.se:.3f}", *own, f"{row.ci_lower:.3f}", f"{row.ci_upper:.3f}"] if row.se else []
        if row.op != "~1":
            assert lines[row.lhs, row.op, row.rhs][3:] == [f"{row.est:.3f}", *rest, *std]
    assert (fit.parameters["pvalue"] < 0.001).any() and (fit.parameters["se"] == 0).any()
    variances = text.split("Variances")[1].split("\n\n")[0]
    assert "x1 ~~ x1" in variances and "v ~~ t" not in variances


def test_a_summary_leaves_out_what_only_says_how_ordinal_items_are_identified() -> None:
    items = pd.read_csv(DATA / "likert.csv")[["q1", "q2", "q3", "q5"]].head(300)
    text = cfa("a =~ q1 + q2 + q3 + q5", items, "WLSMV", ordered=True).summary()
    assert [block.split()[0] for block in text.split("\n\n")[2:]] == ["Loadings", "Thresholds", "Variances"]


@pytest.mark.parametrize(
    ("chisq", "baseline", "cfi", "tli"),
    [
        (20.0, 70.0, 1 - 15 / 60, 1 - 15 * 10 / (60 * 5)),
        (100.0, 50.0, 0.0, 1 - 95 * 10 / (40 * 5)),  # worse than items that have nothing in common
        (3.0, 5.0, 1.0, 1 - (-2 * 10) / (-5 * 5)),  # items that have nothing in common fit as well
        (3.0, 10.0, 1.0, 1.0),
    ],
)
def test_comparative_indices_by_hand(chisq: float, baseline: float, cfi: float, tli: float) -> None:
    test = Statistic(chisq=chisq, df=5, baseline=baseline, baseline_df=10)
    assert comparative(test) == pytest.approx((cfi, tli))


def test_a_constraint_without_which_a_model_is_not_identified_has_no_score() -> None:
    found = cfa("f =~ NA*x1 + a*x1 + a*x2\nf ~~ 1*f", C, "ML").constraint_tests()
    row = found.table.iloc[0]
    assert (row["lhs"], row["rhs"], row["label"]) == ("f =~ x1", "f =~ x2", "a")
    assert row[["score", "pvalue", "expected_difference"]].isna().all()
    assert found.df == 0 and np.isnan(found.pvalue)


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_a_standardised_response_has_the_scale_one_given_covariates_or_not(parameterization: str) -> None:
    table = L.head(400).assign(x=L["q5"].head(400) + np.random.default_rng(1).normal(size=400))
    items = ["q1", "q2", "q3", "q4"]
    how = {"ordered": items, "parameterization": parameterization}
    for model in (Q4, f"{Q4}\na ~ x"):
        fit = sem(model, table, "WLSMV", **how)
        scales = fit.standardized().query("op == '~*~'")
        assert len(scales) == 4 and (scales["est"] == 1.0).all() and (scales["se"] == 0.0).all()
        if parameterization == "theta":
            assert not np.allclose(fit.parameters.query("op == '~*~'")["est"], 1.0)


def test_residuals_of_correlations_are_counted_over_all_places_of_the_triangle():
    """Three gaps of 0.1, 0.2 and -0.2 in six places: units and gaps of the diagonal count nothing."""
    correlations = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, 0.1], [0.3, 0.1, 1.0]])
    other = np.array([[1.0, 0.4, 0.1], [0.4, 1.0, 0.3], [0.1, 0.3, 1.0]])
    one, two = np.diag([1.0, 2.0, 5.0]), np.diag([3.0, 0.5, 1.0])
    found = correlation_residual(one @ correlations @ one, two @ other @ two)
    assert found == pytest.approx(np.sqrt((0.01 + 0.04 + 0.04) / 6), rel=1e-12)
