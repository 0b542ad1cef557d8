"""Structure after measurement against lavaan 0.7-2: estimates, errors of both steps, indices, standardised values.

Lavaan's standard errors of standardised values leave out that the two steps depend on each other; that this is
wrong is shown below by models in which both steps say the same as one.
"""

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import cfa, sam, sem

HERE = Path(__file__).parent
VALUES = json.loads((HERE / "values" / "lavaan07_sam.json").read_text())
STANDARD_ERROR, INDEX = 1e-3, 1e-5  # relative, absolute
COMPARED = [
    ("structure after measurement: estimates and errors of both steps", "lavaan 0.7-2", STANDARD_ERROR),
    ("its sandwich errors, clusters", "scores of lavaan 0.6-14 in R", STANDARD_ERROR),
]
DEMOCRACY = (
    "ind60 =~ x1+x2+x3\ndem60 =~ y1+y2+y3+y4\ndem65 =~ y5+y6+y7+y8\ndem60 ~ ind60\ndem65 ~ ind60 + dem60\n"
    "y1 ~~ y5\ny2 ~~ y4 + y6\ny3 ~~ y7\ny4 ~~ y8\ny6 ~~ y8"
)
ABILITY = "visual =~ x1+x2+x3\ntextual =~ x4+x5+x6\nspeed =~ x7+x8+x9\nspeed ~ visual + textual"
ORDINAL = "A =~ A1+A2+A3+A4+A5\nN =~ N1+N2+N3+N4+N5\nN ~ A"
CASES = {
    "pd_local": (DEMOCRACY, "political_democracy.csv", {"estimator": "ML"}),
    "pd_global": (DEMOCRACY, "political_democracy.csv", {"estimator": "ML", "method": "global"}),
    "hs_local": (ABILITY, "holzinger1939.csv", {"estimator": "ML"}),
    "hs_mm": (
        ABILITY,
        "holzinger1939.csv",
        {"estimator": "ML", "blocks": [["visual"], ["textual"], ["speed"]]},
    ),
    "bfi_ordinal_local": (ORDINAL, "bfi_covariates.csv", {}),
}


@cache
def fitted(case):
    model, file, options = CASES[case]
    return sam(model, pd.read_csv(HERE / "data" / file), **options)


def aligned(frame, wanted):
    at = {}
    for k, row in enumerate(frame[["lhs", "op", "rhs"]].itertuples(index=False)):
        at[row.lhs, row.op, row.rhs] = k
        if row.op == "~~":
            at[row.rhs, row.op, row.lhs] = k
    keys = zip(wanted["lhs"], wanted["op"], wanted["rhs"], strict=True)
    return frame.iloc[[at[key] for key in keys]]


def test_the_data_are_those_of_the_reference():
    assert set(VALUES) - {"made_by"} == set(CASES)
    for file, checksum in VALUES["made_by"]["md5"].items():
        assert hashlib.md5((HERE / "data" / file).read_bytes()).hexdigest() == checksum


@pytest.mark.parametrize("case", CASES)
def test_structure(case):
    wanted, fit = VALUES[case]["parameters"], fitted(case)
    found = aligned(fit.parameters, wanted)
    se = np.array(wanted["se"])
    assert (np.abs(found["est"] - wanted["est"]) <= 1e-5 + 2e-3 * se).all()
    assert found["se"].to_numpy() == pytest.approx(se, rel=STANDARD_ERROR)
    assert set(fit.parameters[(fit.parameters["step"] == 2)].index) == set(found.index[se > 0])
    for index, value in VALUES[case]["fit"].items():
        if (name := index.replace(".", "_")) in fit.fit:
            assert fit.fit[name] == pytest.approx(
                value, rel=1e-5 if index in ("chisq", "aic", "bic") else 0, abs=INDEX
            )


@pytest.mark.parametrize("case", list(CASES)[:4])
def test_standardised_values_and_what_lavaan_leaves_out_of_their_errors(case):
    wanted, fit = VALUES[case]["standardized"], fitted(case)
    found = aligned(fit.standardized(), wanted)
    assert found["est"].to_numpy() == pytest.approx(np.array(wanted["est.std"]), abs=INDEX)
    rows = fit.parameters["step"].to_numpy()[[r.free >= 0 for r in fit._fitted.table.rows]]
    vcov = np.where(rows[:, None] == rows, fit._fitted.vcov, 0.0)
    apart = aligned(replace(fit, _fitted=replace(fit._fitted, vcov=vcov)).standardized(), wanted)
    assert apart["se"].to_numpy() == pytest.approx(np.array(wanted["se"]), rel=STANDARD_ERROR, abs=1e-9)


def test_a_factor_with_three_items_is_as_sure_in_two_steps_as_alone():
    """Its measurement has no degrees of freedom, so its loadings cannot depend on the structure."""
    alone = cfa("visual =~ x1+x2+x3", pd.read_csv(HERE / "data" / "holzinger1939.csv"), "ML").standardized()
    both = fitted("hs_local").standardized()
    assert both["se"].head(3).to_numpy() == pytest.approx(alone["se"].head(3).to_numpy(), rel=1e-6)
    assert abs(VALUES["hs_local"]["standardized"]["se"][0] / alone["se"].iloc[0] - 1.0) > 0.15


def test_groups_without_equalities_are_models_of_their_own():
    data = pd.read_csv(HERE / "data" / "holzinger1939.csv").dropna()
    model = f"{ABILITY} + ageyr\nvisual ~ ageyr\ngrade ~ speed + sex"
    whole = sam(model, data, estimator="ML", group="school")
    for label, own in data.groupby("school"):
        alone = sam(model, own, estimator="ML").parameters.set_index(["lhs", "op", "rhs"])
        rows = whole.parameters[whole.parameters["group"] == label].set_index(["lhs", "op", "rhs"])
        both = rows.loc[alone.index]
        assert both["est"].to_numpy() == pytest.approx(alone["est"].to_numpy(), abs=1e-5)
        assert both["se"].to_numpy() == pytest.approx(alone["se"].to_numpy(), rel=1e-5, abs=1e-8)
        means = rows.xs("~1", level="op")["est"]
        assert means.loc["ageyr"].item() == pytest.approx(own["ageyr"].mean())
    parts = [sam(model, own, estimator="ML").fit["chisq"] for _, own in data.groupby("school")]
    assert whole.fit["chisq"] == pytest.approx(sum(parts), rel=1e-6)


def test_a_covariate_in_groups_with_equal_measurement():
    """Lavaan 0.6-14 with the covariate less its mean in the first group: sam(..., group.equal = c("loadings", ...)).

    What it calls the intercept of speed is the mean, as if no predictor had one; ours is the intercept.
    """
    data = pd.read_csv(HERE / "data" / "holzinger1939.csv")
    options = {"estimator": "ML", "group": "school", "group_equal": ["loadings", "intercepts"]}
    found = sam(f"{ABILITY} + ageyr", data, **options).parameters.query("step == 2")
    paths, means = found[found["op"] == "~"], found[found["op"] == "~1"]
    wanted = [0.193588743, 0.213023357, 0.141467309, 0.339752008, 0.189656230, 0.247332889]
    assert list(paths["est"]) == pytest.approx(wanted, abs=1e-6)
    wanted = [0.1191201236, 0.0710709300, 0.0552128768, 0.1537216259, 0.0884051830, 0.0691273582]
    assert list(paths["se"]) == pytest.approx(wanted, rel=1e-5)
    ages, (visual, textual, speed) = data.groupby("school")["ageyr"].mean(), means["est"]
    slopes = paths["est"].to_numpy()[3:]
    speed += slopes @ [visual, textual, ages["Grant-White"] - ages["Pasteur"]]
    assert [visual, textual, speed] == pytest.approx([-0.241580379, 0.576519691, -0.185207275], abs=1e-5)
    assert list(means["se"])[:2] == pytest.approx([0.0890466369, 0.1169308333], rel=1e-5)


def test_complete_rows_by_full_information_give_the_complete_answer():
    data = pd.read_csv(HERE / "data" / "holzinger1939.csv")
    plain = sam(ABILITY, data, estimator="ML", meanstructure=True, missing="listwise").parameters
    full = sam(ABILITY, data, estimator="ML", missing="fiml").parameters
    assert full["est"].to_numpy() == pytest.approx(plain["est"].to_numpy(), abs=1e-6)
    holes = data.mask(np.random.default_rng(1).random(data.shape) < 0.08)
    assert (sam(ABILITY, holes, estimator="ML").parameters["se"] >= 0).all()
    one = sem(ABILITY, holes, estimator="ML").parameters.query("op == '~'")
    two = sam(ABILITY, holes, estimator="ML").parameters.query("op == '~'")
    assert (np.abs(one["est"].to_numpy() - two["est"].to_numpy()) < 0.7 * one["se"].to_numpy()).all()


@pytest.mark.parametrize("clusters", [False, True])
def test_sandwich_errors_of_both_steps(clusters):
    """Put together in R from lavaan's scores and information of the blocks and of the whole model."""
    robust = json.loads((HERE / "values" / "sam_robust.json").read_text())
    file = HERE / "data" / "two_levels.csv.gz"
    assert hashlib.md5(file.read_bytes()).hexdigest() == robust["made_by"]["md5"]
    data = pd.read_csv(file).query("cluster <= 80")
    fit = sam(
        robust["model"],
        data,
        "global",
        estimator="MLR",
        meanstructure=True,
        cluster="cluster" if clusters else None,
    )
    wanted = robust["clusters" if clusters else "rows"]
    at = fit.parameters.assign(name=fit.parameters["lhs"] + fit.parameters["op"] + fit.parameters["rhs"])
    own = at.assign(name=at["name"].str.replace("~11", "~1")).set_index("name").loc[wanted["name"]]
    assert len(own) == 22
    assert own["est"].to_numpy() == pytest.approx(np.array(wanted["est"]), abs=1e-6)
    assert own["se"].to_numpy() == pytest.approx(np.array(wanted["se"]), rel=STANDARD_ERROR)
    assert np.isnan(fit.fit["pvalue"])
    assert np.isfinite(fit.fit["chisq"])
