"""Whatever is wrong with a model or a table: one fact, one hint, the toolkit's own errors, and no number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.growth import growth
from analysis.structural.families.invariance import invariance
from analysis.structural.inference.compare_models import compare_models
from analysis.structural.models import cfa, sem
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    ToolkitError,
    ToolkitWarning,
)

DATA = Path(__file__).parents[1] / "reference" / "data"
C = pd.read_csv(DATA / "continuous.csv")
L = pd.read_csv(DATA / "likert.csv")
B = pd.read_csv(DATA / "battery.csv")
F = "f =~ x1 + x2 + x3 + x4"
Q = "a =~ q1 + q2 + q3 + q4"
M = pd.read_csv(DATA / "mixed.csv")
MIMIC, ORDINAL = "f =~ q1 + q2 + q3 + q4 + y1; f ~ age + woman", ["q1", "q2", "q3", "q4"]
GROUPS = L["group"].where(L.index > 100)
TWICE, TWICE_GROUP = pd.concat([L, L[["q1"]]], axis=1), pd.concat([L, L[["group"]]], axis=1)
HIGHER = "f1 =~ y1 + y2 + y3\nf2 =~ y4 + y5 + y6\nf3 =~ y7 + y8 + y9\ng =~ f1 + f2 + f3"
GAPPED = pd.read_csv(DATA / "continuous_missing.csv")
HALVES = C.assign(x1=C["x1"].where(C.index < 200), x2=C["x2"].where(C.index >= 200))

MODELS = [
    ("", "the model is empty"),
    (None, "the model is empty"),
    ("# nothing", "names no variables"),
    ("a = q1 + q2 + q3", "line 1, column 3: unexpected character '='"),
    ("a =~~ q1 + q2 + q3", "line 1, column 5: unexpected '~'"),
    ("a -> q1 + q2 + q3", "operator '>' is not supported"),
    ("a =~ q1 + q2 + q3\nq1 > 0", "'q1' is not a label of the model"),
    ("a =~ q1 + q2 +", r"the statement ends after '\+'"),
    ("a =~ q1 + q2 + q3\na ~ q4:q5", "unexpected character ':'"),
    ("a =~ q1 + q1 + q2", "'a =~ q1' appears twice"),
    ("a =~ q1 + q2 + q3\na =~ a", "'a' =~ itself"),
    ("a =~ q1 + q2 + zz", "1 of 3 variables of the model are not in the data: 'zz'"),
    ("a =~ v*q1 + v*q2 + q3\nq1 ~~ 2*q1\nq1 ~~ v*q1", "label 'v' names parameters fixed at 1 and at 2"),
    ("q1 ~~ 2*q1\nq1 ~ 0*1\nq1 | -1*t1 + 0*t2 + 1*t3 + 2*t4", "the model has no free parameter"),
]


@pytest.mark.parametrize(("model", "message"), MODELS)
def test_models_that_cannot_be_read(model, message):
    refused(lambda: cfa(model, L), DefinitionError, message)


TABLES = [
    (
        lambda: sem("x1 ~~ 2*x1", C, "ML"),
        DefinitionError,
        "the model has no free parameter: there is nothing",
    ),
    (
        lambda: sem("x1 ~~ a*x1\na == 2", C, "ML"),
        DefinitionError,
        "model line 2, column 1: the constraints leave no parameter free: there is nothing to estimate",
    ),
    (lambda: sem("x1 ~ x2", C, "ML", fixed_x="no"), DefinitionError, "fixed_x 'no' is unknown"),
    (lambda: sem(MIMIC, M, fixed_x=False), DefinitionError, "WLSMV conditions on observed predictors"),
    (
        lambda: cfa(F, C, "ML", auxiliary=["x1"]),
        DefinitionError,
        "auxiliary variables are part of the model: 'x1'",
    ),
    (
        lambda: cfa(F, C, "ML", auxiliary=["f"]),
        DefinitionError,
        "auxiliary variables are part of the model: 'f'",
    ),
    (
        lambda: cfa(F, C, "ML", auxiliary=["x5", "x5"]),
        DefinitionError,
        "auxiliary variables are named twice: 'x5'",
    ),
    (lambda: cfa(Q, L, auxiliary="q5"), DefinitionError, "WLSMV takes no auxiliary variables"),
    (
        lambda: cfa(F, C, "ML", auxiliary="x5", missing="listwise"),
        DefinitionError,
        "say nothing of complete rows",
    ),
    (
        lambda: cfa(F, C, "ML", auxiliary="zz"),
        DefinitionError,
        "1 of 5 variables of the model are not in the data",
    ),
    (
        lambda: sem("A <~ x1 + x2 + x3\nx4 ~ A", C, "ML", auxiliary="x5"),
        DefinitionError,
        "auxiliary variables beside composites are not supported",
    ),
    (lambda: cfa(Q, L.iloc[:0]), NotEstimableError, "0 usable rows"),
    (lambda: cfa(F, C.iloc[:0], "ML"), NotEstimableError, "0 usable rows"),
    (lambda: cfa(Q, pd.DataFrame()), DefinitionError, "4 of 4 variables of the model are not in the data"),
    (lambda: cfa(Q, L.assign(q1=np.nan)), NotEstimableError, "nobody answered 'q1'"),
    (lambda: cfa(Q, L.assign(q1=3)), NotEstimableError, "'q1' is constant"),
    (lambda: cfa(Q, L.assign(q1="x")), ResponseDataError, "columns are not numeric: 'q1'"),
    (lambda: cfa(Q, L.assign(q1=L["q1"].astype(str))), ResponseDataError, "columns are not numeric: 'q1'"),
    (lambda: cfa(Q, L.assign(q1=pd.Timestamp(0))), ResponseDataError, "columns are not numeric: 'q1'"),
    (lambda: cfa(F, C.assign(x1=C["x1"] + 1j), "ML"), ResponseDataError, "columns are not numeric: 'x1'"),
    (
        lambda: cfa(Q, L.assign(q1=np.where(L.index > 3, L["q1"], np.inf))),
        ResponseDataError,
        "infinite values in 'q1'",
    ),
    (lambda: cfa(Q, TWICE), ResponseDataError, "columns appear twice: 'q1'"),
    (lambda: cfa(Q, TWICE_GROUP, group="group"), ResponseDataError, "columns appear twice: 'group'"),
    (lambda: cfa(F, C), ResponseDataError, "398 distinct values, more than 30"),
    (lambda: cfa(Q, L.assign(q2=L["q1"])), NotEstimableError, "correlations at 1 or -1: 'q1-q2'"),
    (lambda: cfa(Q, L.assign(q2=6 - L["q1"])), NotEstimableError, "correlations at 1 or -1: 'q1-q2'"),
    (lambda: cfa(F, HALVES, "ML", missing="listwise"), NotEstimableError, "0 usable rows"),
    (lambda: cfa(Q, L.assign(group=np.nan), group="group"), NotEstimableError, r"has 0 group\(s\)"),
    (lambda: cfa(Q, L.assign(group="a"), group="group"), NotEstimableError, r"has 1 group\(s\)"),
    (lambda: cfa(Q, L, group="nope"), DefinitionError, "grouping column 'nope' is not in the data"),
    (lambda: cfa(Q, L, group=["group"]), DefinitionError, "name one column of the data"),
    (lambda: cfa(Q, L, group="q1"), DefinitionError, "grouping column 'q1' is a variable of the model, too"),
]


@pytest.mark.parametrize(("call", "error", "message"), TABLES)
def test_tables_that_hold_no_such_data(call, error, message):
    refused(call, error, message)


OPTIONS = [
    (lambda: cfa(F, C, "mlr"), "estimator 'mlr' is unknown"),
    (lambda: cfa(F, C, 0), "estimator 0 is unknown"),
    (lambda: cfa(F, C, "ML", missing="pairwise"), "missing for ML 'pairwise' is unknown"),
    (lambda: cfa(Q, L, std_lv="no"), "std_lv 'no' is unknown"),
    (lambda: cfa(Q, L, "WLSMV", ordered=False), "no variable of the model is ordinal"),
    (lambda: sem(MIMIC, M, ordered=[*ORDINAL, "age"]), "observed predictors are named as ordinal: 'age'"),
    (lambda: sem(MIMIC, M, ordered=["site"]), "no variable of the model is ordinal"),
    (lambda: sem(MIMIC, M, ordered=ORDINAL, cluster="site"), "clusters and weights beside ordinal and other"),
    (
        lambda: sem(MIMIC, M, ordered=ORDINAL).factor_scores("bartlett"),
        "method 'bartlett' does not suit WLSMV",
    ),
    (
        lambda: sem(MIMIC, M, ordered=ORDINAL).residuals("z"),
        "errors of residuals are not computed for ordinal",
    ),
    (lambda: sem(MIMIC + "; y1 | t1", M, ordered=ORDINAL), "'y1' is not ordinal and has no thresholds"),
    (lambda: sem(MIMIC + "; age | t1", M, ordered=ORDINAL), "'age' is not ordinal and has no thresholds"),
    (lambda: cfa(Q, L, ordered=["q1", "q2", "q3", "q4", "zz"]), "names in ordered are not in the data: 'zz'"),
    (lambda: cfa(Q, L, group="group", group_equal=["loading"]), "unknown group_equal 'loading'"),
    (lambda: cfa(Q, L, group_equal="loadings"), "group_equal needs groups"),
    (lambda: cfa(Q, L, group_partial="a=~q1"), "group_partial exempts from nothing"),
    (
        lambda: cfa(Q, L, group="group", group_equal="loadings", group_partial=["a=~q9"]),
        "group_partial names what is not in the model: 'a=~q9'",
    ),
    (lambda: cfa(F, C, "ML").summary(digits=-1), "digits is -1"),
    (lambda: cfa(F, C, "ML").standardized("zz"), "kind 'zz' is unknown"),
    (lambda: cfa(F, C, "ML").residuals("zz"), "kind 'zz' is unknown"),
    (lambda: cfa(F, C, "ML").factor_scores("ebm"), "method 'ebm' does not suit ML"),
    (lambda: compare_models({}), r"0 model\(s\) given"),
    (lambda: compare_models(None), "no mapping of names to fitted models"),
    (lambda: compare_models({"a": "x", "b": "y"}), "no mapping of names to fitted models"),
    (lambda: compare_models({"a": cfa(F, C, "ML"), "b": cfa(F, C, "MLR")}), "'a' used ML"),
]


@pytest.mark.parametrize(("call", "message"), OPTIONS)
def test_options_that_do_not_exist(call, message):
    refused(call, DefinitionError, message)


ESTIMATION = [
    (lambda: sem("x1 ~ x2\nx2 ~ x1", C, "ML"), r"negative degrees of freedom \(-1\)"),
    (lambda: cfa("f =~ x1 + x2 + x3\ng =~ x1 + x2 + x3", C, "ML"), r"degrees of freedom \(-4\)"),
    (lambda: cfa("a =~ q1 + q2", L), r"degrees of freedom \(-1\)"),
    (lambda: cfa("f =~ NA*x1 + x2 + x3 + x4", C, "ML"), "not identified"),
    (
        lambda: cfa(HIGHER, B, "ML", group="sex", group_equal=["loadings", "intercepts"]),
        "the data do not determine 'g ~ 1 ",
    ),
    (lambda: cfa("f =~ x1 + a*x2 + x3 + x4\nz := a/0", C, "ML"), "no real numbers at the estimates: 'z'"),
    (lambda: cfa("f =~ x1 + a*x2 + x3 + x4\nz := log(-a)", C, "ML"), "no real numbers at the estimates: 'z'"),
    (
        lambda: cfa("f =~ x1 + a*x2 + x3 + x4\nz := sqrt(-a)", C, "ML"),
        "no real numbers at the estimates: 'z'",
    ),
]


@pytest.mark.parametrize(("call", "message"), ESTIMATION)
def test_what_cannot_be_estimated(call, message):
    refused(call, NotEstimableError, message)


def test_constraints_that_contradict_each_other():
    model = "f =~ x1 + a*x2 + a*x3\na == 0.3\na == 0.4"
    refused(lambda: cfa(model, C, "ML"), DefinitionError, "line 2, column 1: the constraints contradict")


STRUCTURES = "a =~ x1 + x2 + x3 + x4\nb =~ x5 + x6 + x7"
BLOCK = 'efa("b")*a + efa("b")*b =~ x1 + x2 + x3 + x4 + x5 + x6'
TWO = pd.read_csv(DATA / "two_levels.csv.gz")
HALF = "level: 1\nw =~ y1 + y2 + y3\nlevel: 2\nb =~ y1 + y2 + y3"
ZERO = C.assign(w=np.where(C.index < 3, 0.0, 1.0))
MORE = [
    (lambda: sem("A <~ 0*x1 + 0*x2\nx4 ~ A", C, "ML"), "every weight is fixed at zero in composites: 'A'"),
    (lambda: sem("A <~ x1 + A\nx4 ~ A", C, "ML"), "'A' <~ itself"),
    (lambda: sem("A <~ x1 + x2", C, "ML"), "composite 'A' is related to nothing"),
    (
        lambda: sem("A <~ x1 + x2\nx4 ~ A\nx4 ~ x1", C, "ML"),
        "'x1' is a component and relates to others through",
    ),
    (
        lambda: sem("A <~ x1 + k\nx4 ~ A", C.assign(k=2 * C["x1"]), "ML"),
        "matrix is singular: 'k' repeats 'x1'",
    ),
    (lambda: sem("A <~ x1 + k\nx4 ~ A", C.assign(k=1.0), "ML"), "'k' is constant"),
    (lambda: sem("A <~ x1 + x2\nA =~ x3 + x4", C, "ML"), "'A' is both formed"),
    (lambda: sem("A <~ q1 + q2\nq3 ~ A", L, "WLSMV"), "WLSMV takes no composites"),
    (lambda: cfa(F, ZERO, "MLR", sampling_weights="w"), "3 of 400 weights in 'w' are zero"),
    (
        lambda: cfa(F, ZERO.assign(w=-1.0), "MLR", sampling_weights="w"),
        "400 of 400 weights in 'w' are negative",
    ),
    (lambda: cfa(F, ZERO.assign(w=np.nan), "MLR", sampling_weights="w"), "weights in 'w' are missing"),
    (lambda: cfa(F, ZERO.assign(w=np.inf), "MLR", sampling_weights="w"), "weights in 'w' are infinite"),
    (lambda: cfa(F, ZERO.assign(w="a"), "MLR", sampling_weights="w"), "the weights 'w' are no numbers"),
    (
        lambda: cfa(F, C, "MLR", sampling_weights="x1"),
        "'x1' of sampling_weights is a variable of the model, too",
    ),
    (lambda: cfa(F, C.assign(k=1), "MLR", cluster="k"), r"'k' has 1 cluster\(s\)\.\n"),
    (lambda: cfa(F, C.assign(k=C.index), "MLR", cluster="k"), "each of the 400 clusters in 'k' has one row"),
    (
        lambda: cfa(F, C.assign(k=C["x5"].where(C.index > 4)), "MLR", cluster="k"),
        "rows have no cluster in 'k'",
    ),
    (lambda: cfa(F, C, "MLR", cluster="x1"), "'x1' of cluster is a variable of the model, too"),
    (
        lambda: cfa(F, C.assign(k=C.index // 3), "MLR", cluster="k", group="grp"),
        "have rows in several groups",
    ),
    (lambda: sem(HALF, TWO), "level blocks but no clusters"),
    (lambda: sem("level: 1\nw =~ y1 + y2 + y3", TWO, cluster="cluster"), "no statements at level 2"),
    (lambda: sem(HALF + "\nlevel: 3\nc =~ y1 + y2", TWO, cluster="cluster"), "the level '3' is unknown"),
    (lambda: sem("w =~ y1 + y2\n" + HALF, TWO, cluster="cluster"), "stands before the first level"),
    (
        lambda: sem(HALF + "\nb ~ zz", TWO, cluster="cluster"),
        "variables of the model are not in the data: 'zz'",
    ),
    (
        lambda: sem(HALF + "\nb ~ x1", TWO, cluster="cluster"),
        "level 2 variables differ within clusters: 'x1 in",
    ),
    (lambda: sem(HALF + "\nb ~ k", TWO.assign(k=1.0), cluster="cluster"), "'k' is constant"),
    (
        lambda: sem(HALF, TWO.drop_duplicates("cluster"), cluster="cluster"),
        "clusters in 'cluster' has one row",
    ),
    (lambda: cfa("a =~ q1 + q2 + q3 + k", L.assign(k=1)), "'k' is constant"),
    (lambda: cfa(Q + "\nq1 ~*~ q2", L), r"line 2: a scale is that of one item, not of two: q1 ~\*~ q2"),
    (
        lambda: cfa(Q + "\nq1 | 1*t1 + 0*t2", L),
        "fixed thresholds do not rise from category to category: 'q1'",
    ),
    (lambda: cfa(F + "\nx1 ~~ -1*x1", C, "ML"), "variances are fixed below zero: 'x1 ~~ x1'"),
    (
        lambda: cfa("f =~ x1 + a*x2 + x3 + x4\na > 1\na < 0.5", C, "ML"),
        "the constraints cannot hold together",
    ),
    (lambda: cfa("f =~ x1 + a*x2 + x3 + x4\na := 2*a", C, "ML"), "'a' is the label of a parameter"),
    (lambda: cfa("f =~ x1 + a*x2 + x3 + x4\nb := 2*a\nb := 3*a", C, "ML"), "'b' is defined before"),
    (lambda: cfa("f =~ x1 + a*x2 + x3 + x4\nzz > 0", C, "ML"), "'zz' is not a label of the model"),
    (lambda: cfa(F, C, "ML", bounds="wide"), "bounds 'wide' is unknown"),
    (lambda: cfa(F, C, "ML", bounds={"zz": (0, 1)}), "is unknown"),
    (lambda: cfa('efa("b")*f =~ x1 + x2 + x3 + x4', C, "ML", rotation="geomin"), "nothing can be rotated"),
    (lambda: cfa(STRUCTURES, C, "ML", rotation="geomin"), "no exploratory block to rotate"),
    (
        lambda: cfa(BLOCK, C, "ML", rotation="target", rotation_args={"target": np.zeros((3, 2))}),
        r"the target of block 'b' has the shape \(3, 2\)",
    ),
    (
        lambda: cfa(BLOCK, C, "ML", rotation="target", rotation_args={"target": np.full((6, 2), np.nan)}),
        "names too few loadings",
    ),
    (lambda: growth("x1 ~ x2", C), "the model has no growth factor"),
    (lambda: growth(Q, L, estimator="WLSMV"), "does not take answers as numbers"),
    (
        lambda: cfa(F, GAPPED.assign(k=2 * GAPPED["x1"]), "ML", auxiliary="k"),
        "variables repeat each other: 'x1-k'",
    ),
    (lambda: cfa(F, GAPPED.assign(k=1.0), "ML", auxiliary="k"), "'k' is constant"),
    (lambda: cfa(F, C.assign(grp="a"), "ML", group="grp"), r"'grp' has 1 group\(s\)"),
    (lambda: cfa("f =~ x1 + c(a, b, c)*x2 + x3", C, "ML", group="grp"), "has 3 modifiers for 2 group"),
    (lambda: cfa("x1 =~ x2 + x3 + x4", C, "ML"), "'x1' is latent and also a column"),
]


@pytest.mark.parametrize(("call", "message"), MORE)
def test_clusters_levels_composites_and_rotations_that_cannot_be(call, message):
    refused(call, ToolkitError, message)


def test_weights_that_leave_hardly_a_row_are_warned_about():
    with pytest.warns(ToolkitWarning, match=r"weights in use are worth 1\.0 of 400 rows, for 8 parameters"):
        cfa(F, C.assign(w=np.where(C.index == 0, 1e6, 1.0)), "MLR", sampling_weights="w")


INVARIANCE = [
    (lambda: invariance(Q, L, group="zz"), DefinitionError, "no column 'zz'"),
    (lambda: invariance(Q, L, group=None), DefinitionError, "no column None"),
    (lambda: invariance(Q, L, group="group", levels=["strong"]), DefinitionError, "unknown levels: 'strong'"),
    (lambda: invariance(Q, L, group="group", levels=[]), DefinitionError, "no levels are named"),
    (
        lambda: invariance(Q, L, group="group", partial=["a=~q9"]),
        DefinitionError,
        "not in the model: 'a=~q9'",
    ),
    (
        lambda: invariance(F, C, group="grp", ordered=False, partial=["f=~x9"]),
        DefinitionError,
        "not in the model: 'f=~x9'",
    ),
    (lambda: invariance(Q, L, group="group", estimator="ML"), DefinitionError, "does not suit ordinal items"),
    (
        lambda: invariance(F, C, group="grp", ordered=False, estimator="WLSMV"),
        DefinitionError,
        "does not suit continuous items",
    ),
    (lambda: invariance(Q, L.to_numpy().tolist(), group="group"), ResponseDataError, "data is a list"),
    (lambda: invariance(Q, TWICE, group="group"), ResponseDataError, "columns appear twice: 'q1'"),
    (lambda: invariance(Q, TWICE_GROUP, group="group"), ResponseDataError, "columns appear twice: 'group'"),
    (
        lambda: invariance(Q, L.assign(q1="x"), group="group"),
        ResponseDataError,
        "columns are not numeric: 'q1'",
    ),
    (lambda: invariance(Q, L.iloc[:0], group="group"), NotEstimableError, r"holds 0 group\(s\)"),
    (lambda: invariance(Q, L.assign(group="a"), group="group"), NotEstimableError, r"holds 1 group\(s\)"),
    (
        lambda: invariance(Q, L.assign(q1=L["q1"].where(L["group"] == "a", 3)), group="group"),
        NotEstimableError,
        "lack a category in a group: 'q1 in b'",
    ),
    (lambda: invariance(Q + "\na ~ q5", L, group="group"), DefinitionError, "the model says a ~ q5"),
]


@pytest.mark.parametrize(("call", "error", "message"), INVARIANCE)
def test_invariance_refuses(call, error, message):
    refused(call, error, message)


def refused(call, error, message):
    """One fact, a line of its own for the hint; warnings of other packages would fail the test."""
    with pytest.raises(error, match=message) as caught:
        call()
    fact, *rest = str(caught.value).split("\n")
    assert len(rest) == 1
    assert rest[0].startswith("Hint: ")
    assert ": " in fact


def test_rows_without_a_group_and_columns_of_other_models_do_no_harm():
    assert cfa(Q, L.assign(group=GROUPS), group="group").n_obs == int(GROUPS.notna().sum())
    assert cfa(Q, pd.concat([L, L[["q12"]]], axis=1)).n_obs == len(L)


@pytest.mark.parametrize("kind", ["Int64", "Float64", "string", "category", "object"])
def test_groups_are_the_same_whatever_their_column_is_made_of(kind: str) -> None:
    """Columns of pandas' own kinds hold NA where nothing is known, and every comparison with it is NA."""
    codes = np.where(np.arange(len(C)) % 2, 1.0, 2.0)
    codes[:7] = np.nan
    plain = C.assign(side=codes)
    known = pd.Series(pd.array(np.where(np.isnan(codes), None, codes), dtype="Int64"))
    column = known.astype(object).where(known.notna(), pd.NA) if kind == "object" else known.astype(kind)
    one, other = (cfa(F, table, group="side", estimator="MLR") for table in (plain, C.assign(side=column)))
    assert list(one.groups.values()) == list(other.groups.values()) and one.n_obs == other.n_obs == len(C) - 7
    np.testing.assert_allclose(one.parameters["est"], other.parameters["est"], atol=1e-8)


def test_twelve_categories_are_still_an_ordinal_item():
    binned = pd.DataFrame({name: pd.qcut(C[name], 12, labels=False) for name in ("x1", "x2", "x3", "x4")})
    assert cfa(F, binned).converged


def test_a_heywood_case_names_the_item_and_a_remedy():
    table = pd.DataFrame(
        np.random.default_rng(1).multivariate_normal(
            [0, 0, 0], [[1, 0.8, 0.75], [0.8, 1, 0.45], [0.75, 0.45, 1]], 300
        ),
        columns=["x1", "x2", "x3"],
    )
    with pytest.warns(ToolkitWarning, match=r"Heywood cases\): 'x1'\.\nHint: .*equate loadings"):
        cfa("f =~ x1 + x2 + x3", table, "ML")


def test_few_rows_and_indefinite_correlations_are_warned_about():
    with pytest.warns(ToolkitWarning) as caught:
        result = cfa("a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8", L.head(12))
    texts = " ".join(str(w.message) for w in caught)
    assert "12 rows for 31 parameters" in texts
    assert "not positive definite (smallest eigenvalue -0.1" in texts
    assert np.isnan(result.fit["cfi_robust"])


def test_a_definition_without_a_standardised_value_is_missing_there_only():
    result = cfa("f =~ x1 + a*x2 + x3 + x4\nz := log(a - 0.75)", C, "ML")
    assert np.isnan(result.parameters["std_all"].iloc[-1])
    assert np.isfinite(result.parameters["est"].iloc[-1])


def test_what_lies_on_the_edge_of_the_possible_is_fitted_or_refused() -> None:
    held = cfa(F + "\nx1 ~~ 0*x1", C, "ML").parameters
    assert held.query("lhs == 'x1' and op == '~~' and rhs == 'x1'")["est"].item() == 0.0
    with pytest.raises(DefinitionError, match="do not rise from category to category: 'q1'"):
        cfa(Q + "\nq1 | 0*t1 + 0*t2", L)
    last = int(L["q1"].nunique()) - 1
    rows = cfa(f"{Q}\nq1 | t{last}", L).parameters
    assert len(rows.query("lhs == 'q1' and op == '|'")) == last
    with pytest.raises(DefinitionError, match=f"no threshold 't{last + 1}'"):
        cfa(f"{Q}\nq1 | t{last + 1}", L)


def test_a_composite_with_one_weight_at_zero_is_that_of_the_others() -> None:
    less, alone = (sem(f"A <~ 1*x1 + {w}x2\nx4 ~ A", C[["x1", "x2", "x4"]], "ML") for w in ("0*", ""))
    row = less.parameters.query("lhs == 'x4' and op == '~'").iloc[0]
    slope = np.cov(C["x1"], C["x4"])[0, 1] / C["x1"].var()
    assert row["est"] == pytest.approx(slope, abs=1e-5) and less.fit["df"] == alone.fit["df"] + 1
