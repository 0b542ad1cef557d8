"""Growth curves of one ordinal item at each wave against lavaan 0.6-14, and what cannot be such a curve."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import growth, sem
from instrument.errors import DefinitionError

HERE = Path(__file__).parent
VALUES = json.loads((HERE / "values" / "growth_ordinal.json").read_text())
CASES = [name for name in VALUES if name != "made_by"]
WAVES = [f"a{k}" for k in range(1, 5)]
CURVE = "i =~ 1*a1 + 1*a2 + 1*a3 + 1*a4\ns =~ 0*a1 + 1*a2 + 2*a3 + 3*a4"
INDICES = {
    "df": "df",
    "chisq": "chisq",
    "chisq.scaled": "chisq_scaled",
    "pvalue.scaled": "pvalue_scaled",
    "cfi.scaled": "cfi_scaled",
    "tli.scaled": "tli_scaled",
    "rmsea.scaled": "rmsea_scaled",
    "srmr": "srmr",
}
# lavaan's search stops within a thousandth of a standard error of the optimum
ESTIMATE = (1e-5, 2e-3)  # absolute, plus a share of the standard error

COMPARED = [("growth curves of ordinal answers: groups, covariates, two categories", "lavaan 0.6-14", 1e-5)]


@cache
def answers(cuts: int = 3) -> pd.DataFrame:
    data = pd.read_csv(HERE / "data" / "panel_two_variables.csv")[WAVES]
    codes = data.apply(lambda column: np.searchsorted([2, 3, 4], column, side="right") + 0.0)
    codes = (codes if cuts == 3 else (codes >= 2).astype(float)).where(data.notna())
    place = np.arange(len(codes))
    return codes.assign(half=place % 2 + 1, x=(place + 1) % 7 / 3)


@cache
def fitted(case: str) -> Any:
    if case == "two_groups":
        return growth(CURVE, answers(), ordered=True, group="half")
    if case == "one_group":
        return growth(CURVE, answers(), ordered=True)
    return growth(f"{CURVE}\ni + s ~ x", answers(1), ordered=WAVES, missing="listwise")


def test_the_data_are_those_of_the_reference() -> None:
    made = VALUES["made_by"]
    assert hashlib.md5((HERE / "data" / made["file"]).read_bytes()).hexdigest() == made["md5"]
    assert made["lavaan"] == "0.6.14" and len(CASES) == 3


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_and_index_is_lavaans(case: str) -> None:
    wanted, fit = VALUES[case], fitted(case)
    found = fit.parameters
    found = found.assign(group=1 if found["group"].isna().all() else found["group"].astype(float))
    found = found.set_index(["lhs", "op", "rhs", "group"])[["est", "se", "pvalue"]]
    rows = pd.DataFrame(wanted["parameters"])
    keys = [tuple(row) for row in rows[["lhs", "op", "rhs", "group"]].to_numpy(dtype=object)]
    keys = [key if key in found.index else (key[2], key[1], key[0], key[3]) for key in keys]
    left = set(found.index) - set(keys)  # moments of the covariate, which is taken as given
    assert left <= {("x", "~~", "x", 1.0), ("x", "~1", "", 1.0)}
    mine, se = found.loc[keys], rows["se"].fillna(0.0).to_numpy(dtype=float)
    estimates = rows["est"].to_numpy(dtype=float)
    np.testing.assert_array_less(np.abs(mine["est"] - estimates), ESTIMATE[0] + ESTIMATE[1] * se + 1e-12)
    np.testing.assert_allclose(mine["se"].fillna(0.0), se, rtol=1e-3, atol=1e-9)
    told = rows["pvalue"].notna().to_numpy()
    np.testing.assert_allclose(
        mine["pvalue"][told].astype(float), rows["pvalue"][told].astype(float), atol=2e-3
    )
    indices = wanted["fit"]
    assert fit.n_parameters == indices["npar"]
    # with covariates SRMR is over residual covariances here, over more in 0.6-14 (see test_mixed_values)
    asked = {k: v for k, v in INDICES.items() if not (k == "srmr" and "covariate" in case)}
    assert {k: fit.fit[v] for k, v in asked.items()} == pytest.approx(
        {k: indices[k] for k in asked}, rel=1e-5, abs=1e-5
    )


def test_what_the_model_says_itself_is_kept() -> None:
    lines = [f"{wave} | t1 + t2 + t3" for wave in WAVES]
    own = "\n".join([CURVE, *lines, "a2 ~~ 1*a2", "a3 ~~ 1*a3", "a4 ~~ 1*a4", "i ~ 0*1", "s ~ 0*1"])
    fit = growth(own, answers(), ordered=True)
    plain = sem(f"{own}\na1 + a2 + a3 + a4 ~ 0*1\na1 ~~ 1*a1", answers(), "WLSMV", parameterization="theta")
    assert (fit.n_parameters, fit.fit["df"]) == (plain.n_parameters, plain.fit["df"]) == (15, 3)
    np.testing.assert_allclose(fit.parameters["est"], plain.parameters["est"])
    unweighted = growth(CURVE, answers(), ordered=True, estimator="ULSMV")
    assert unweighted.fit["df"] == fitted("one_group").fit["df"] and unweighted.fit["chisq"] != pytest.approx(
        fitted("one_group").fit["chisq"]
    )


def test_a_curve_of_numbers_beside_one_of_answers_keeps_its_own_means() -> None:
    data = pd.read_csv(HERE / "data" / "panel_two_variables.csv")
    data = pd.concat([answers(), data[[f"d{k}" for k in range(1, 5)]]], axis=1)
    both = f"{CURVE}\nj =~ 1*d1 + 1*d2 + 1*d3 + 1*d4\nu =~ 0*d1 + 1*d2 + 2*d3 + 3*d4"
    own = f"{both}\nd1 ~ 0.5*1"
    outcome = growth(f"{CURVE}\nd4 ~ i\nd3 ~ 0.5*1 + i", data, ordered=WAVES).parameters
    outcome = outcome.query("op == '~1'").set_index(
        "lhs"
    )  # what no curve is measured by has a mean of its own
    assert outcome.loc["d4", "est"] > 2 and outcome.loc["d3", "est"] == 0.5
    kept = growth(own, data, ordered=WAVES).parameters.query("op == '~1'").set_index("lhs")["est"]
    assert kept["d1"] == 0.5 and kept["d2"] == 0
    rows = growth(both, data, ordered=WAVES).parameters.set_index(["lhs", "op", "rhs"])
    means = rows.xs("~1", level="op")["est"].droplevel("rhs")
    assert (means[[*WAVES, "d1", "d2", "d3", "d4", "i"]] == 0).all()
    assert means["j"] == pytest.approx(data["d1"].mean(), abs=0.15)
    assert (rows.loc[("a1", "~~", "a1"), "est"], rows.loc[("d1", "~~", "d1"), "se"] > 0) == (1, True)
    curves = f"{CURVE}\nj =~ 1*b1 + 1*b2 + 1*b3\nu =~ 0*b1 + 1*b2 + 2*b3"
    more = data.assign(**{f"b{k}": (data[f"d{k}"] > 3).astype(float) for k in (1, 2, 3)})
    labels = growth(curves, more, ordered=True).parameters.query("op == '|'")
    assert labels.groupby("label")["est"].nunique().tolist() == [1, 1, 1, 1]
    assert labels["label"].value_counts().tolist() == [4, 4, 4, 3]


@pytest.mark.parametrize(
    ("model", "options", "fact"),
    [
        (CURVE, {"ordered": True, "estimator": "ML"}, "'ML' does not take answers as ordinal"),
        (CURVE, {"estimator": "WLSMV"}, "'WLSMV' does not take answers as numbers"),
        ("a1 ~ a2", {"ordered": True}, "no growth factor"),
        ("f =~ a1 + a2 + a3 + a4", {"ordered": True}, "no latent variable is a growth factor"),
        ("f =~ 1*a1 + a2 + a3 + a4", {"ordered": True}, "no latent variable is a growth factor"),
        ("s =~ 0*a1 + 1*a2 + 2*a3 + 3*a4", {"ordered": True}, "is the level: every loading 1"),
        (CURVE, {"ordered": ["a1", "a2"]}, "'a1', 'a2' are measured by numbers, too"),
        (CURVE, {"ordered": ["a1", "b9"]}, "not in the data: 'b9'"),
        (f"level: 1\n{CURVE}\nlevel: 2\n{CURVE}", {"ordered": True}, "not written in levels"),
    ],
)
def test_what_is_no_curve_of_ordinal_answers_is_refused(
    model: str, options: dict[str, Any], fact: str
) -> None:
    with pytest.raises(DefinitionError, match=fact):
        growth(model, answers(), **options)


def test_categories_that_a_wave_lacks_leave_no_thresholds_to_be_equal() -> None:
    data = answers().assign(a3=answers()["a3"].clip(upper=2))
    with pytest.raises(DefinitionError, match="'a3' hold other categories than 'a1'"):
        growth(CURVE, data, ordered=True)
    with pytest.raises(DefinitionError, match="nobody answered 'a1'"):
        growth(CURVE, data.iloc[:0], ordered=True)
    with pytest.raises(DefinitionError, match="the grouping column 'nope' is not in the data"):
        growth(CURVE, answers(), ordered=True, group="nope")
    with pytest.raises(DefinitionError, match="names in ordered are not in the data"):
        growth(CURVE, answers().to_numpy(), ordered=True)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="'a1' has one category only"):
        growth(CURVE, answers().assign(**dict.fromkeys(WAVES, 1.0)), ordered=True)
