"""Constraints, bounds, composites and exploratory blocks against lavaan 0.7-2: every parameter and index.

Four things lavaan does otherwise by mistake, each shown below: the degrees of freedom of composites in groups, the
correction of MLR beside composites, the variances of components with missing answers, and the standard errors of
oblique rotations of standardised loadings (its values are compared with `errors="lavaan"`).
"""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import sem
from analysis.structural.estimation import continuous
from analysis.structural.estimation.composite_map import CompositeMap
from analysis.structural.estimation.optimise import Reduction

HERE = Path(__file__).parent
VALUES = json.loads((HERE / "values" / "lavaan07_models.json").read_text())
# lavaan's search stops within two thousandths of a standard error of the optimum
ESTIMATE = (1e-5, 2e-3)  # absolute, plus a share of the standard error
STANDARD_ERROR = 1e-3  # relative
CHI_SQUARE = 1e-5  # relative
INDEX = 1e-5  # absolute
COMPARED = [
    (
        "nonlinear and inequality constraints, bounds, exploratory blocks: every parameter and index",
        "lavaan 0.7-2",
        INDEX,
    )
]
THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
LABELLED = THREE.replace("x1 + x2 + x3", "x1 + b2*x2 + b3*x3")
INCOME = "C <~ x1 + x2 + x3"
MIXED = "C <~ x1 + x2\nvisual =~ x4+x5+x6\nspeed =~ x7+x8+x9\nspeed ~ visual + C"
CASES = {
    "aux_constraints:nonlinear": (f"{LABELLED}\nb2 == b3^2 + .1\nr := b2/b3", "holzinger1939.csv", {}),
    "aux_constraints:inequality": (f"{LABELLED}\nb2 > .7", "holzinger1939.csv", {}),
    "aux_constraints:bounds": (THREE, "holzinger1939.csv", {"bounds": "standard"}),
    "aux_constraints:aux_fiml": (THREE, "holzinger_missing07.csv", {"auxiliary": ["ageyr"]}),
    "composites:c1_ML": (f"{INCOME}\ndem60 =~ y1+y2+y3+y4\ndem60 ~ C", "political_democracy.csv", {}),
    "composites:c1_MLR": (
        f"{INCOME}\ndem60 =~ y1+y2+y3+y4\ndem60 ~ C",
        "political_democracy.csv",
        {"estimator": "MLR"},
    ),
    "composites:c2_ML": (
        f"{INCOME}\nD <~ y1 + y2 + y3 + y4\nE =~ y5+y6+y7+y8\nD ~ C\nE ~ D + C",
        "political_democracy.csv",
        {},
    ),
    "composites:c3_ML": (MIXED, "holzinger1939.csv", {}),
    "composites:c3_fiml": (MIXED, "holzinger_missing07.csv", {"missing": "fiml"}),
    "composites:c3_group": (MIXED, "holzinger1939.csv", {"group": "school"}),
    "composites:c4_ML": (
        "C <~ x1+x2+x3\nD <~ x4+x5+x6\nE <~ x7+x8+x9\nC ~~ D\nC ~~ E\nD ~~ E",
        "holzinger1939.csv",
        {},
    ),
    "composites:cb_ML": ("C <~ A1 + A2 + A3\nN =~ N1+N2+N3+N4+N5\nN ~ C", "bfi_covariates.csv", {}),
}


EFA = 'efa("b")*F1 + efa("b")*F2 =~ A1 + A2 + A3 + A4 + A5 + N1 + N2 + N3 + N4 + N5'
THEIRS = {"errors": "lavaan"}
TARGET = np.where(np.arange(10)[:, None] // 5 == [[0, 1]], np.nan, 0.0)
for _name, _options in {
    "E2_ML_geomin": {"rotation": "geomin"},
    "E2_ML_oblimin": {"rotation": "oblimin"},
    "E2_ML_quartimin": {"rotation": "quartimin"},
    "E2_ML_varimax": {"rotation": "varimax"},
    "E2_MLR_geomin": {"estimator": "MLR"},
    "E2_WLSMV_geomin": {"estimator": "WLSMV"},
    "E2_WLSMV_oblimin": {"estimator": "WLSMV", "rotation": "oblimin"},
    "E2_group": {"group": "gender01"},
    "E2_target": {"rotation": "target", "rotation_args": {"target": TARGET, **THEIRS}},
    "E2r_ML": {},
}.items():
    _model = EFA + ("\nF1 + F2 ~ gender01 + age10" if _name == "E2r_ML" else "")
    CASES[f"esem:{_name}"] = (_model, "bfi_covariates.csv", {"rotation_args": THEIRS, **_options})


FROM_DF = ("df", "pvalue", "cfi", "tli", "rmsea")


@cache
def fitted(case):
    model, file, options = CASES[case]
    if case == "composites:c3_fiml":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CompositeMap, "spreads", lambda *_: [spread_of_lavaan(VALUES[case]["parameters"])])
            return sem(model, pd.read_csv(HERE / "data" / file), estimator="ML", **options)
    return sem(model, pd.read_csv(HERE / "data" / file), **{"estimator": "ML", **options})


def spread_of_lavaan(wanted):
    """The covariances that lavaan gives the components x1 and x2 of C."""
    found = {
        (lhs, rhs): est
        for lhs, op, rhs, est in zip(*(wanted[k] for k in ("lhs", "op", "rhs", "est")), strict=True)
        if op == "~~"
    }
    return np.array([[found["x1", "x1"], found["x1", "x2"]], [found["x1", "x2"], found["x2", "x2"]]])


def aligned(frame, wanted, groups):
    """Rows of a result in lavaan's order; covariances are found either way round."""
    at = {}
    for k, row in enumerate(frame[["lhs", "op", "rhs", "group"]].itertuples(index=False)):
        group = groups.index(str(row.group)) + 1 if str(row.group) in groups and row.op != ":=" else 1
        at[row.lhs, row.op, row.rhs, group] = k
        if row.op == "~~":
            at[row.rhs, row.op, row.lhs, group] = k
    where = wanted.get("group", [1] * len(wanted["lhs"]))
    keys = list(zip(wanted["lhs"], wanted["op"], wanted["rhs"], where, strict=True))
    places = [at[lhs, op, rhs.replace(" ", ""), max(group, 1)] for lhs, op, rhs, group in keys]
    assert sorted(places) == list(range(len(frame)))
    return frame.iloc[places]


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def test_the_data_are_those_of_the_reference():
    assert set(VALUES) - {"made_by"} == set(CASES)
    for file, checksum in VALUES["made_by"]["md5"].items():
        assert hashlib.md5((HERE / "data" / file).read_bytes()).hexdigest() == checksum


@pytest.mark.parametrize("case", CASES)
def test_parameters(case):
    wanted, fit = VALUES[case]["parameters"], fitted(case)
    groups = list(fit.groups)
    found = aligned(fit.parameters, wanted, groups)
    se = np.nan_to_num(numbers(wanted["se"]))
    target = numbers(wanted["est"])
    off = np.abs(found["est"].to_numpy(dtype=float) - target)
    assert (off <= ESTIMATE[0] * np.maximum(1.0, np.abs(target)) + ESTIMATE[1] * se).all()
    assert found["se"].to_numpy(dtype=float) == pytest.approx(se, rel=STANDARD_ERROR, abs=1e-9)
    target = VALUES[case]["standardized"]
    assert (target["lhs"], target["rhs"]) == (wanted["lhs"], wanted["rhs"])
    standard = aligned(fit.standardized(), wanted, groups)
    se = np.nan_to_num(numbers(target["se"]))
    off = np.abs(standard["est"].to_numpy(dtype=float) - numbers(target["est.std"]))
    assert (off <= ESTIMATE[0] + ESTIMATE[1] * se).all()
    assert standard["se"].to_numpy(dtype=float) == pytest.approx(se, rel=STANDARD_ERROR, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_fit(case):
    wanted, fit = VALUES[case]["fit"], fitted(case)
    assert fit.n_obs == VALUES[case]["n_obs"]
    assert fit.n_parameters == wanted["npar"]
    compared = 0
    for index, value in wanted.items():
        mine = fit.fit.get(index.replace(".", "_"))
        if mine is None or (case == "composites:c1_MLR" and ("scal" in index or "robust" in index)):
            continue
        if (case == "composites:c3_group" and index.startswith(FROM_DF)) or (
            case == "composites:c3_fiml" and "robust" in index
        ):
            continue
        compared += 1
        if index.startswith("chisq") or index in ("aic", "bic", "logl", "df"):
            assert mine == pytest.approx(value, rel=CHI_SQUARE), index
        else:
            assert mine == pytest.approx(value, abs=INDEX, rel=0), index
    assert compared >= (5 if case == "composites:c3_group" else 8 if case.endswith("MLR") else 13)


def test_degrees_of_freedom_in_groups_are_those_of_the_groups():
    """Two groups without equalities are two models: 17 + 17; lavaan says 28."""
    model, file, _ = CASES["composites:c3_group"]
    data = pd.read_csv(HERE / "data" / file)
    parts = [sem(model, own, estimator="ML", meanstructure=True) for _, own in data.groupby("school")]
    whole = fitted("composites:c3_group")
    assert VALUES["composites:c3_group"]["fit"]["df"] == 28
    assert whole.fit["df"] == sum(part.fit["df"] for part in parts) == 34
    assert whole.fit["chisq"] == pytest.approx(sum(part.fit["chisq"] for part in parts), rel=1e-8)


def test_correction_of_mlr_counts_the_covariances_of_components():
    """Lavaan's factor leaves them out of the model but not of the saturated one: 1.47 where normal data give 1."""
    fit = fitted("composites:c1_MLR")._fitted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reduction, "whole", property(lambda self: self.basis))
        patch.setattr(continuous, "_own_trace", lambda reduction, second, meat: _own(reduction, second, meat))
        again = sem(*_arguments("composites:c1_MLR"), estimator="MLR")
    wanted = VALUES["composites:c1_MLR"]["fit"]
    for index in ("chisq.scaled", "chisq.scaling.factor", "cfi.robust", "rmsea.robust", "tli.scaled"):
        assert again.fit[index.replace(".", "_")] == pytest.approx(wanted[index], rel=1e-5), index
    assert fit.test.factor == pytest.approx(0.98849, abs=1e-4)


def _own(reduction, second, meat):
    inner = reduction.basis.T @ second @ reduction.basis + reduction.bend
    return float(np.trace(np.linalg.solve(inner / 2.0, reduction.basis.T @ meat @ reduction.basis)))


def _arguments(case):
    return CASES[case][0], pd.read_csv(HERE / "data" / CASES[case][1])


def test_variances_of_components_with_missing_answers_are_those_of_the_saturated_model():
    """Lavaan mixes variances of those who answered with covariances by EM; ours raise the likelihood."""
    fit = sem(*_arguments("composites:c3_fiml"), estimator="ML", missing="fiml")
    own = fit.parameters.query("op == '~~' and lhs in ('x1', 'x2') and rhs in ('x1', 'x2')")["est"]
    # lavaan 0.6-14: lavCor(H[paste0("x", c(1, 2, 4:9))], missing = "fiml", output = "cov")
    assert sorted(own) == pytest.approx(sorted([1.38882539, 1.38738751, 0.42821998]), abs=1e-6)
    assert fit.fit["chisq"] < VALUES["composites:c3_fiml"]["fit"]["chisq"] - 0.02


def test_predictors_with_missing_answers():
    """Lavaan 0.6-14: sem(model, data, missing = "fiml") with variances and covariances of predictors written out.

    Its fixed.x = FALSE gives the same but for the baseline model, in which predictors then covary, as ours do.
    """
    data = pd.read_csv(HERE / "data" / "holzinger_missing07.csv")
    model = "textual =~ x4 + x5 + x6\ntextual ~ x1 + x2 + ageyr"
    fit = sem(model, data, estimator="ML", fixed_x=False)
    assert (fit.n_obs, fit.n_parameters, fit.fit["df"]) == (301, 21, 6)
    wanted = {
        "chisq": 6.980652715,
        "logl": -2432.529783,
        "srmr": 0.01476581507,
        "rmsea_robust": 0.02377329107,
    }
    for index, value in wanted.items():
        assert fit.fit[index] == pytest.approx(value, rel=1e-5), index
    written = f"{model}\nx1 ~~ x1 + x2 + ageyr\nx2 ~~ x2 + ageyr\nageyr ~~ ageyr"
    wanted = {"chisq": 6.980652715, "cfi": 0.99815465609, "cfi_robust": 0.99823611521}
    for index, value in wanted.items():
        assert sem(written, data, estimator="ML").fit[index] == pytest.approx(value, rel=1e-5), index
    rows = fit.parameters.set_index(["lhs", "op", "rhs"])[["est", "se"]]
    wanted = {
        ("textual", "~", "x1"): (0.2873859326, 0.0516657227),
        ("textual", "~", "ageyr"): (-0.2058474883, 0.0525187464),
        ("x1", "~~", "x1"): (1.3709862838, 0.1150919865),
        ("x1", "~~", "ageyr"): (-0.0649185199, 0.0723253910),
        ("x1", "~1", ""): (4.9318031355, 0.0689147721),
    }
    for key, pair in wanted.items():
        assert list(rows.loc[key]) == pytest.approx(pair, rel=1e-4), key
    assert sem(model, data, estimator="ML").n_obs < 301


def test_more_than_one_auxiliary_variable():
    """Lavaan 0.7-2 takes the first of several; semTools 0.5-6: cfa.auxiliary(model, data, aux = c("ageyr", "sex"))."""
    model, file, _ = CASES["aux_constraints:aux_fiml"]
    fit = sem(model, pd.read_csv(HERE / "data" / file), estimator="ML", auxiliary=["ageyr", "sex"])
    assert fit.n_parameters == 53
    wanted = {
        "chisq": 76.747511498,
        "df": 24,
        "logl": -4187.078886179,
        "aic": 8480.157772359,
        "cfi": 0.934534959,
    }
    for index, value in wanted.items():
        assert fit.fit[index] == pytest.approx(value, rel=1e-8), index
    assert fit._fitted.baseline.chisq == pytest.approx(841.735563355, rel=1e-8)
    loadings = fit.parameters[fit.parameters["op"] == "=~"]
    wanted = [1, 0.56140493, 0.70493078, 1, 1.14975217, 0.92671440, 1, 1.25268191, 1.40589098]
    assert list(loadings["est"]) == pytest.approx(wanted, abs=3e-5)
    wanted = [0, 0.109027642, 0.114360147, 0, 0.070422898, 0.058562919, 0, 0.183555184, 0.328681910]
    assert list(loadings["se"]) == pytest.approx(wanted, rel=1e-4)
    assert not {"ageyr", "sex"} & {*fit.parameters["lhs"], *fit.parameters["rhs"]}


@pytest.mark.parametrize(
    ("cluster", "errors", "wanted", "baseline"),
    [
        (
            None,
            [0.1284084462, 0.1325172612, 0.0749402282, 0.0645548512, 0.1559050459, 0.5228808909],
            {"chisq_scaled": 80.378857625, "rmsea_robust": 0.0897234632224, "cfi_robust": 0.933896026953},
            809.418382481,
        ),
        (
            "k",
            [0.1298445863, 0.1314934810, 0.0609815041, 0.0642751883, 0.1717001787, 0.4550576132],
            {"chisq_scaled": 83.4918494025, "rmsea_robust": 0.0906611956152, "cfi_robust": 0.932652740997},
            799.242087841,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*43 clusters for 53 parameters")
def test_auxiliary_variables_with_robust_errors(cluster, errors, wanted, baseline):
    """Lavaan 0.6-14: sem(…, estimator = "MLR", missing = "fiml"), the correlates written out in the model and the baseline.

    The robust CFI is one less the ratio of N df RMSEA² (robust) of both fits.
    """
    model, file, _ = CASES["aux_constraints:aux_fiml"]
    data = pd.read_csv(HERE / "data" / file).assign(k=lambda t: np.arange(len(t)) % 43)
    estimator = "MLR" if cluster is None else "ML"  # which clusters turn into MLR
    fit = sem(model, data, estimator=estimator, auxiliary=["ageyr", "sex"], cluster=cluster)
    assert fit.estimator == "MLR"
    wanted = wanted | {"chisq": 76.7475114975, "df": 24, "srmr": 0.0484833645834, "logl": -4187.07888618}
    for index, value in wanted.items():
        assert fit.fit[index] == pytest.approx(value, rel=5e-6), index
    assert fit._fitted.baseline.scaled == pytest.approx(baseline, rel=1e-6)
    loadings = fit.parameters.query("op == '=~' and se > 0")
    assert list(loadings["se"]) == pytest.approx(errors, rel=1e-5)
    assert not {"ageyr", "sex"} & {*fit.parameters["lhs"], *fit.parameters["rhs"]}


@pytest.mark.parametrize("rotation", ["geomin", "oblimin"])
def test_errors_of_oblique_rotations_follow_the_rotation(rotation):
    """Lavaan differentiates variances of items as if factors did not correlate; without them nothing differs.

    lavaan 0.6-14: cfa(model, data, rotation = "geomin", rotation.args = list(std.ov = FALSE)); and with
    rotation = "oblimin", rotation.se = "delta", whose numerical derivatives are good to four digits.
    """
    model, file, _ = CASES["esem:E2_ML_geomin"]
    data = pd.read_csv(HERE / "data" / file)
    free = {"standardized": False} if rotation == "geomin" else {}
    fit = sem(model, data, estimator="ML", rotation=rotation, rotation_args=free)
    rows = fit.parameters.query("lhs == 'F1' and (op == '=~' or rhs == 'F2')")
    wanted = {
        "geomin": [
            0.031810,
            0.024780,
            0.026741,
            0.032856,
            0.026876,
            0.014605,
            0.015216,
            0.028301,
            0.031975,
            0.034040,
            0.025348,
        ],
        "oblimin": [
            0.03178870,
            0.02492834,
            0.02713186,
            0.03268197,
            0.02682831,
            0.01705098,
            0.01764862,
            0.02265983,
            0.03012251,
            0.03233644,
            0.02342214,
        ],
    }[rotation]
    assert list(rows["se"]) == pytest.approx(wanted, rel=1e-4 if rotation == "geomin" else 3e-3)
    theirs = numbers(VALUES[f"esem:E2_ML_{rotation}"]["parameters"]["se"])
    assert abs(theirs[-1] / wanted[-1] - 1) > (0.015 if rotation == "oblimin" else 0.005)


@pytest.mark.parametrize(
    ("equal", "chisq", "df"), [("loadings", 625.7473, 68), (["loadings", "intercepts"], 770.9392, 76)]
)
def test_groups_with_one_rotation(equal, chisq, df):
    """Lavaan 0.6-14: cfa(model, data, group = "gender01", group.equal = "loadings", rotation.args = ...)."""
    model, file, _ = CASES["esem:E2_group"]
    fit = sem(
        model,
        pd.read_csv(HERE / "data" / file),
        estimator="ML",
        group="gender01",
        group_equal=equal,
        rotation_args={"standardized": False},
    )
    assert (fit.fit["df"], fit.fit["chisq"]) == (df, pytest.approx(chisq, rel=1e-6))
    if equal == "loadings":
        rows = fit.parameters.set_index(["lhs", "op", "rhs", "group"]).sort_index()
        assert list(rows.loc[("F1", "=~", "N3")]["est"]) == pytest.approx([0.051668] * 2, abs=1e-5)
        assert list(rows.loc[("F1", "=~", "N3")]["se"]) == pytest.approx([0.030173] * 2, rel=1e-4)
        later = rows.xs(1, level="group").loc[[("F1", "~~", "F1"), ("F2", "~~", "F2"), ("F1", "~~", "F2")]]
        assert list(later["est"]) == pytest.approx([0.772181, 1.096285, -0.210590], abs=1e-5)
        assert list(later["se"]) == pytest.approx([0.061065, 0.079125, 0.032243], rel=1e-4)
