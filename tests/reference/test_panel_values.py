"""Panel models and growth curves against lavaan 0.7-2 (observed) and 0.6-14 (latent, growth)."""

import hashlib
import json
import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.growth import growth
from analysis.structural.families.panel_model import PanelResult, panel_model
from analysis.structural.inference.compare_models import compare_models
from analysis.structural.models import sem
from instrument.errors import ToolkitWarning

HERE = Path(__file__).parent
VALUES = {
    name: json.loads((HERE / "values" / f"{name}.json").read_text())
    for name in ("lavaan07_panel", "panel_latent")
}
CASES = [(file, name) for file, found in VALUES.items() for name in found if name not in ("made_by", "lrt")]
# lavaan's search stops within a thousandth of a standard error of the optimum
ESTIMATE = (1e-5, 2e-3)  # absolute, plus a share of the standard error
STANDARD_ERROR = 1e-3  # relative
CHI_SQUARE = 1e-5  # relative
INDEX = 1e-5  # absolute
COMPARED = [
    ("RI-CLPM and CLPM, FIML: every parameter and index", "lavaan 0.7-2", INDEX),
    (
        "latent RI-CLPM and CLPM, growth curves (of ordinal answers too), panel models in groups",
        "lavaan 0.6-14",
        INDEX,
    ),
]
GROUPED = json.loads((HERE / "values" / "panel_groups.json").read_text())
GROUP_CASES = {
    "lags_over_time": {"equal": "lags"},
    "lags_over_time_and_groups": {"equal": "lags", "group_equal": "lags"},
    "lags_between_groups": {"group_equal": ["lags"]},
    "latent_intercepts": {
        "equal": "intercepts",
        "group_equal": "intercepts",
        "kind": "CLPM",
        "estimator": "ML",
    },
}
CURVE = "i =~ 1*a1_1 + 1*a1_2 + 1*a1_3 + 1*a1_4; s =~ 0*a1_1 + 1*a1_2 + 2*a1_3 + 3*a1_4"


@cache
def fitted(file, case):
    data = pd.read_csv(HERE / "data" / VALUES[file]["made_by"]["file"])
    kind = "CLPM" if "clpm" in case.replace("riclpm", "") else "RI-CLPM"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if case == "growth_fiml":
            return growth(CURVE, data)
        if case.startswith("growth"):
            more = f"{CURVE}; i + s ~ d1_1; a1_3 ~ d1_3"
            return growth(more, data, estimator="MLR", missing="listwise")
        if file == "panel_latent":
            columns = {v: [[f"{v}{j}_{t}" for j in (1, 2, 3)] for t in range(1, 5)] for v in "ad"}
            return panel_model(data, columns, kind=kind).fit
        columns = {v: [f"{v}{t}" for t in range(1, 5)] for v in "ad"}
        equal = ["lags"] if case.endswith("equal") else []
        estimator = "MLR" if case.endswith("MLR") else "ML"
        return panel_model(data, columns, kind=kind, equal=equal, estimator=estimator).fit


def ours(name):
    """Lavaan's names in the words of `panel_model`."""
    name = re.sub(r"^RI([ad])$", r"between.\1", name)
    name = re.sub(r"^w([ad])(\d)$", r"within.\1.w\2", name)
    return re.sub(r"^f([ad])(\d)$", r"\1.w\2", name)


def aligned(frame, wanted):
    """Rows of a result in lavaan's order; covariances are found either way round."""
    at = {}
    for k, (lhs, op, rhs) in enumerate(zip(frame["lhs"], frame["op"], frame["rhs"], strict=True)):
        at[lhs, op, rhs] = k
        if op == "~~":
            at[rhs, op, lhs] = k
    keys = list(zip(map(ours, wanted["lhs"]), wanted["op"], map(ours, wanted["rhs"]), strict=True))
    places = [at[key] for key in keys]
    assert sorted(places) == list(range(len(frame)))
    return frame.iloc[places]


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


@pytest.mark.parametrize("file", VALUES)
def test_the_data_are_those_of_the_reference(file):
    made = VALUES[file]["made_by"]
    assert hashlib.md5((HERE / "data" / made["file"]).read_bytes()).hexdigest() == made["md5"]
    assert len(VALUES[file]) - 1 - ("lrt" in VALUES[file]) == 4


@pytest.mark.parametrize(("file", "case"), CASES)
def test_parameters(file, case):
    wanted, fit = VALUES[file][case]["parameters"], fitted(file, case)
    found = aligned(fit.parameters, wanted)
    se = np.nan_to_num(numbers(wanted["se"]))
    allowed = {
        "est": ESTIMATE[0] + ESTIMATE[1] * se,
        "se": STANDARD_ERROR * se + 1e-12,
        "ci.lower": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
        "ci.upper": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
        "z": 0.01 + STANDARD_ERROR * np.abs(numbers(wanted["z"])),
        "pvalue": np.full(len(se), 0.004),
    }
    for column, tolerance in allowed.items():
        target, mine = numbers(wanted[column]), found[column.replace(".", "_")].to_numpy(dtype=float)
        assert np.array_equal(np.isnan(mine), np.isnan(target)), column
        known = ~np.isnan(target)
        assert (np.abs(mine - target) <= tolerance)[known].all(), column
    standard, target = aligned(fit.standardized(), wanted), VALUES[file][case]["standardized"]
    assert target["lhs"] == wanted["lhs"]
    se = numbers(target["se"])
    assert (np.abs(standard["est"] - target["est.std"]) <= ESTIMATE[0] + ESTIMATE[1] * se).all()
    assert standard["se"].to_numpy() == pytest.approx(se, rel=STANDARD_ERROR, abs=1e-6)


@pytest.mark.parametrize(("file", "case"), CASES)
def test_fit(file, case):
    wanted, fit = dict(VALUES[file][case]["fit"]), fitted(file, case)
    assert fit.n_obs == VALUES[file][case]["n_obs"]
    compared = 0
    for index, value in wanted.items():
        mine = fit.fit.get(index.replace(".", "_"))
        if mine is None:
            continue
        compared += 1
        if index.startswith("chisq") or index in ("aic", "bic", "logl", "df"):
            assert mine == pytest.approx(value, rel=CHI_SQUARE), index
        else:
            assert mine == pytest.approx(value, abs=1e-4 if "pvalue" in index else INDEX, rel=0), index
    assert compared >= (13 if fit.estimator == "ML" else 20)


def test_free_and_equal_lags():
    wanted = VALUES["lavaan07_panel"]["lrt"]
    fits = {name: fitted("lavaan07_panel", name) for name in ("riclpm_fiml", "riclpm_equal")}
    row = compare_models(fits).table.iloc[1]
    assert row["df_diff"] == wanted["Df diff"][1] == 8
    assert row["chisq_diff"] == pytest.approx(wanted["Chisq diff"][1], rel=1e-5)
    assert row["pvalue"] == pytest.approx(wanted["Pr(>Chisq)"][1], abs=1e-5)


def test_tables_of_the_result_are_rows_of_the_fit():
    data = pd.read_csv(HERE / "data" / "panel_two_variables.csv")
    found = panel_model(data, {v: [f"{v}{t}" for t in range(1, 5)] for v in "ad"}, estimator="ML")
    values = VALUES["lavaan07_panel"]["riclpm_fiml"]
    raw = pd.DataFrame(values["parameters"]).set_index(["lhs", "op", "rhs"])["est"]
    std = pd.DataFrame(values["standardized"]).set_index(["lhs", "op", "rhs"])
    paths = found.paths.set_index(["source", "target", "to_wave"])
    assert len(paths) == 12 and list(found.paths["path"].value_counts()) == [6, 6]
    row = paths.loc[("a", "d", "wave 3")]
    assert row["estimate"] == pytest.approx(raw["wd3", "~", "wa2"], abs=1e-5)
    assert row["standardized"] == pytest.approx(std.loc[("wd3", "~", "wa2"), "est.std"], abs=1e-5)
    assert row["standardized_se"] == pytest.approx(std.loc[("wd3", "~", "wa2"), "se"], rel=1e-3)
    assert row["from_wave"] == "wave 2" and row["path"] == "cross-lagged"
    between = found.between.set_index(["first", "second"])
    assert between.loc[("a", "a"), "estimate"] == pytest.approx(raw["RIa", "~~", "RIa"], abs=1e-4)
    correlation = std.loc[("RIa", "~~", "RId"), "est.std"]
    assert between.loc[("a", "d"), "correlation"] == pytest.approx(correlation, abs=1e-5)
    share = found.shares.set_index(["variable", "wave"]).loc[("d", "wave 4"), "share"]
    assert share == pytest.approx(std.loc[("RId", "=~", "d4"), "est.std"] ** 2, abs=1e-5)
    residual = found.concurrent.set_index("wave").loc["wave 4", "correlation"]
    assert residual == pytest.approx(std.loc[("wa4", "~~", "wd4"), "est.std"], abs=1e-5)
    assert found.n_at.loc["wave 1", "a"] == data["a1"].notna().sum()


@cache
def fitted_groups(case: str) -> PanelResult:
    latent = case.startswith("latent")
    data = pd.read_csv(HERE / "data" / ("panel_latent.csv" if latent else "panel_two_variables.csv"))
    data["side"] = np.where(np.arange(len(data)) % 3, "second", "first")
    times = range(1, 5)
    columns = (
        {v: [[f"{v}{j}_{t}" for j in (1, 2, 3)] for t in times] for v in "ad"}
        if latent
        else {v: [f"{v}{t}" for t in times] for v in "ad"}
    )
    with warnings.catch_warnings():
        if latent:  # 134 people for 130 parameters, which is said
            warnings.simplefilter("ignore", ToolkitWarning)
        return panel_model(data, columns, group="side", **GROUP_CASES[case])


def test_the_data_of_groups_are_those_of_the_reference() -> None:
    for name, digest in GROUPED["made_by"]["files"].items():
        assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("case", GROUP_CASES)
def test_paths_of_each_group(case: str) -> None:
    found = fitted_groups(case).paths
    assert list(pd.unique(found["group"])) == ["first", "second"]
    first = "f" if case.startswith("latent") else "w"
    for frame, name in (
        (GROUPED[case]["paths"], "estimate"),
        (GROUPED[case]["standardized"], "standardized"),
    ):
        wanted = pd.DataFrame(frame).set_index(["lhs", "rhs", "group"])
        assert len(wanted) == len(found) == 24
        for row in found.to_dict("records"):
            t = int(row["to_wave"].removeprefix("wave "))
            key = f"{first}{row['target']}{t}", f"{first}{row['source']}{t - 1}"
            target = wanted.loc[(*key, 1 if row["group"] == "first" else 2)]
            assert row[name] == pytest.approx(target["est"], abs=1e-5 + 2e-3 * target["se"]), key
            assert row[f"{name}_se"] == pytest.approx(target["se"], rel=1e-3), key


@pytest.mark.parametrize("case", GROUP_CASES)
def test_fit_and_lasting_levels(case: str) -> None:
    found, wanted = fitted_groups(case), GROUPED[case]
    assert found.fit.groups == dict(zip(("first", "second"), wanted["n"], strict=True))
    for name in ("chisq", "df", "chisq.scaled", "cfi", "tli", "rmsea", "srmr", "cfi.robust", "rmsea.robust"):
        if name in wanted["fit"]:
            assert found.fit.fit[name.replace(".", "_")] == pytest.approx(
                wanted["fit"][name], rel=1e-5, abs=INDEX
            ), name
    own = found.between.query("first == 'a' and second == 'd'")
    if len(own):
        assert own["estimate"].to_numpy() == pytest.approx(np.array(wanted["between"]["est"]), abs=2e-4)
        assert own["se"].to_numpy() == pytest.approx(np.array(wanted["between"]["se"]), rel=1e-3)
    else:
        rows = found.fit.parameters.query("lhs == 'a.w3' and op == '~1'")
        assert rows["est"].to_numpy() == pytest.approx(np.array(wanted["means"]["est"]), abs=3e-4)
        assert rows["se"].to_numpy() == pytest.approx(np.array(wanted["means"]["se"]), rel=1e-3)


def test_lags_that_are_equal_between_groups_are_a_test() -> None:
    fits = {name: fitted_groups(name).fit for name in ("lags_over_time", "lags_over_time_and_groups")}
    row, wanted = compare_models(fits).table.iloc[1], GROUPED["difference"]
    assert row["df_diff"] == wanted["Df diff"][1] == 4
    assert row["chisq_diff"] == pytest.approx(wanted["Chisq diff"][1], rel=1e-4)
    assert row["pvalue"] == pytest.approx(wanted["Pr(>Chisq)"][1], abs=1e-5)


WAVES = [f"a{k}" for k in range(1, 5)]
ORDINAL_CURVE = "\n".join(
    [
        "i =~ 1*a1 + 1*a2 + 1*a3 + 1*a4",
        "s =~ 0*a1 + 1*a2 + 2*a3 + 3*a4",
        *(f"{wave} | c1*t1 + c2*t2 + c3*t3" for wave in WAVES),
        "a1 + a2 + a3 + a4 ~ 0*1",
        "i ~ 0*1",
        "s ~ 1",
        "a1 ~~ 1*a1",
        *(f"{wave} ~~ NA*{wave}" for wave in WAVES[1:]),
    ]
)


def test_a_curve_of_one_ordinal_item():
    """Lavaan 0.6-14: sem(…, ordered = WAVES, parameterization = "theta", missing = "pairwise").

    The answers are findInterval(a, c(2, 3, 4)).
    """
    data = pd.read_csv(HERE / "data" / "panel_two_variables.csv")[WAVES]
    codes = data.apply(lambda column: np.searchsorted([2, 3, 4], column, side="right") + 0.0).where(
        data.notna()
    )
    fit = sem(ORDINAL_CURVE, codes, "WLSMV", parameterization="theta")
    wanted = {"chisq": 6.9092084247, "df": 8, "chisq_scaled": 11.2895858447, "cfi_scaled": 0.9914333921}
    wanted |= {"srmr": 0.0433466582}
    assert {k: fit.fit[k] for k in wanted} == pytest.approx(wanted, rel=1e-5)
    assert (fit.n_obs, fit.n_parameters) == (302, 10)
    rows = fit.parameters.set_index(["lhs", "op", "rhs"])[["est", "se"]]
    wanted = {
        ("s", "~1", ""): (0.0378409921, 0.0535910404),
        ("a2", "~~", "a2"): (1.4724522416, 0.6255941648),
        ("a4", "~~", "a4"): (1.1354159413, 0.5015098394),
        ("i", "~~", "i"): (2.3801072302, 1.0557597887),
        ("s", "~~", "s"): (0.2631898692, 0.1651235391),
        ("i", "~~", "s"): (-0.3481238163, 0.2493265502),
        ("a1", "|", "t1"): (-2.413592056, 0.422232983),
        ("a3", "|", "t3"): (0.713958186, 0.175593746),
    }
    for key, (estimate, error) in wanted.items():
        assert rows.loc[key, "est"] == pytest.approx(estimate, rel=0, abs=1e-5 + 2e-3 * error), key
        assert rows.loc[key, "se"] == pytest.approx(error, rel=1e-3), key
