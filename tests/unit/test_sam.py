"""Structure after measurement: blocks, what is refused, and that a wrong path does not bend the measurement."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import sam, sem
from instrument.errors import DefinitionError, NotEstimableError

H = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "holzinger1939.csv")
L = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "bfi_covariates.csv").head(500)
THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
PATHS = "\nspeed ~ visual + textual"


def names(result):
    return list(result.measurement)


def test_factors_that_share_items_errors_or_labels_are_measured_together():
    assert names(sam(THREE + PATHS, H, estimator="ML")) == ["visual", "textual", "speed"]
    shared = THREE + PATHS + "\nx1 ~~ x9"
    assert names(sam(shared, H, estimator="ML")) == ["visual + speed", "textual"]
    crossed = THREE.replace("x7 + x8 + x9", "x7 + x8 + x9 + x4") + PATHS
    assert names(sam(crossed, H, estimator="ML")) == ["visual", "textual + speed"]
    labelled = THREE.replace("x2", "a*x2").replace("x5", "a*x5") + PATHS
    assert names(sam(labelled, H, estimator="ML")) == ["visual + textual", "speed"]


def test_a_wrong_structure_leaves_the_measurement_alone():
    right = sam(THREE + PATHS, H, estimator="ML").parameters.query("step == 1")
    wrong = sam(THREE + "\nspeed ~ visual\ntextual ~~ 0*visual + 0*speed", H, estimator="ML")
    again = wrong.parameters.query("step == 1")
    assert again["est"].to_numpy() == pytest.approx(right["est"].to_numpy(), abs=1e-9)
    assert wrong.fit["df"] == 2
    assert wrong.fit["pvalue"] < 1e-5
    joint = sem(THREE + "\nspeed ~ visual\ntextual ~~ 0*visual + 0*speed", H, estimator="ML").parameters
    assert abs(joint["est"].iloc[2] - again["est"].iloc[1]) > 0.02


def test_neither_order_nor_scale_matters():
    first = sam(THREE + PATHS, H, estimator="ML")
    wide = sam(
        THREE + PATHS,
        H.sample(frac=1, random_state=1).assign(x7=H["x7"] * 10, x1=H["x1"] + 3),
        estimator="ML",
    )
    one, two = (f.standardized().set_index(["lhs", "op", "rhs"])[["est", "se"]] for f in (first, wide))
    assert two.to_numpy() == pytest.approx(one.to_numpy(), abs=1e-6)
    assert wide.reliability["reliability"].to_numpy() == pytest.approx(
        first.reliability["reliability"].to_numpy()
    )


def test_ordinal_items_in_groups():
    model = "A =~ A2 + A3 + A5\nN =~ N1 + N2 + N3\nN ~ A"
    both = sam(model, L, group="gender01")
    for label, own in L.groupby("gender01"):
        alone = sam(model, own).parameters.query("op == '~' or op == '=~'")
        rows = both.parameters[(both.parameters["group"] == label) & both.parameters["op"].isin(["~", "=~"])]
        assert rows["est"].to_numpy() == pytest.approx(alone["est"].to_numpy(), abs=1e-6)
        assert rows["se"].to_numpy() == pytest.approx(alone["se"].to_numpy(), rel=0.01)


REFUSED = [
    ("x1 ~ x2", {"estimator": "ML"}, "has no latent variables"),
    (THREE, {"method": "both"}, "method 'both' is unknown"),
    ("visual =~ x1 + x2 + x3", {}, "no structure among its factors"),
    (THREE + PATHS, {"blocks": [["visual"], ["textual"]]}, "do not name every factor once: 'speed'"),
    (THREE + PATHS, {"blocks": [["visual", "textual"], ["speed", "textual"]]}, "once: 'textual'"),
    (THREE + PATHS, {"blocks": [["visual"], ["textual"], ["speeed"]]}, "once: 'speed', 'speeed'"),
    (
        THREE + PATHS + "\nx1 ~~ x9",
        {"blocks": ["visual", "textual", "speed"]},
        "blocks part 'visual' from 'speed', which share",
    ),
    (THREE + "\ng =~ visual + textual + speed", {}, "latent variables are indicators"),
    (THREE + PATHS + "\nx1 ~ ageyr", {}, "indicators stand in the structure: 'x1 ~ ageyr'"),
    (THREE + "\nspeed ~ a*visual + b*textual\na == b", {}, "constraints are not supported in two steps"),
    ("C <~ x1 + x2 + x3\nspeed =~ x7 + x8 + x9\nspeed ~ C", {}, "composites, exploratory blocks and levels"),
]


@pytest.mark.parametrize(("model", "options", "message"), REFUSED)
def test_what_two_steps_cannot_tell_apart_is_refused(model, options, message):
    with pytest.raises(DefinitionError, match=message) as caught:
        sam(model, H, **{"estimator": "ML", **options})
    fact, *rest = str(caught.value).split("\n")
    assert (len(rest), rest[0][:6], fact[:5]) == (1, "Hint: ", "sam: ")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: sam("A =~ A1 + A2 + A3\nA ~ age10", L, ordered=["A1", "A2", "A3"]),
            "observed variables beside",
        ),
        (lambda: sam("A =~ A1 + A2 + A3\nN =~ N1 + N2 + N3\nN ~ A", L, "global"), "takes no ordinal items"),
    ],
)
def test_what_ordinal_items_do_not_allow(call, message):
    with pytest.raises(DefinitionError, match=message):
        call()


def test_a_block_that_cannot_be_fitted_is_named():
    with pytest.raises(
        NotEstimableError, match=r"sam: the measurement of 'speed': .*negative degrees of freedom"
    ):
        sam("visual =~ x1 + x2 + x3\nspeed =~ x7 + x8\nspeed ~ visual", H, estimator="ML")


def test_factors_that_are_one_are_refused():
    draw = np.random.default_rng(2).normal
    f = draw(size=150)
    table = pd.DataFrame({f"q{k}": f + 0.5 * draw(size=150) for k in range(6)})
    with pytest.raises(NotEstimableError, match="covariance matrix of the factors is not positive definite"):
        sam("f =~ q0 + q1 + q2\ng =~ q3 + q4 + q5\ng ~ f", table, estimator="ML")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("local", {"cluster": "school", "estimator": "ML"}),
        ("global", {"cluster": "school", "sampling_weights": "w", "estimator": "MLR"}),
        ("local", {"cluster": "school", "ordered": True}),
    ],
)
def test_errors_of_people_in_clusters_are_those_of_leaving_clusters_out(method, options):
    """The jackknife over clusters knows no formula; errors as if people were independent are far from it."""
    rng = np.random.default_rng(11)
    school = np.repeat(np.arange(40), 6)
    shared = 0.8 * rng.normal(size=(40, 2))
    f = shared[school, 0] + rng.normal(size=240)
    g = 0.5 * f + shared[school, 1] + 0.7 * rng.normal(size=240)
    draws = {f"{n}{k}": v + 0.8 * rng.normal(size=240) for n, v in (("x", f), ("y", g)) for k in range(3)}
    data = pd.DataFrame(draws)
    if options.get("ordered"):
        data = data.apply(lambda column: np.digitize(column, [-1.0, 0.0, 1.0]) + 1.0)
    else:
        data = data.mask(pd.DataFrame(rng.random(data.shape) < 0.1, columns=data.columns))
    data = data.assign(school=school, w=rng.uniform(0.5, 2.0, 240))
    model = "F =~ x0 + x1 + x2\nG =~ y0 + y1 + y2\nG ~ F"
    own = sam(model, data, method, **options).parameters
    kept = own["op"].isin(["~", "=~"]) & (own["se"] > 0)
    left_out = [
        sam(model, data[school != k], method, **options).parameters.loc[kept, "est"] for k in range(40)
    ]
    jackknife = np.sqrt(39 / 40 * ((np.array(left_out) - np.mean(left_out, axis=0)) ** 2).sum(axis=0))
    assert own.loc[kept, "se"].to_numpy() == pytest.approx(jackknife, rel=0.15)


def test_weights_are_people_told_so_often_where_some_answered_nothing_of_a_factor():
    """Rows told twice within a cluster are a row of weight two, but for J/(J - 1)."""
    rng = np.random.default_rng(4)
    factor = rng.normal(size=200)
    loads = {f"{name}{k}": 0.9 - 0.1 * k for name in "fg" for k in range(3)}
    second = 0.6 * factor + 0.8 * rng.normal(size=200)
    table = pd.DataFrame(
        {k: load * (factor if k < "g" else second) + 0.6 * rng.normal(size=200) for k, load in loads.items()}
    )
    table.loc[rng.random(200) < 0.25, ["g0", "g1", "g2"]] = np.nan
    often = rng.integers(1, 4, 200)
    model = "F =~ f0 + f1 + f2\nG =~ g0 + g1 + g2\nG ~ F"
    how = {"estimator": "MLR", "missing": "fiml"}
    weighted = sam(model, table.assign(w=often.astype(float)), sampling_weights="w", **how)
    told = table.assign(who=np.arange(200)).loc[np.repeat(np.arange(200), often)].reset_index(drop=True)
    again = sam(model, told, cluster="who", **how)
    np.testing.assert_allclose(weighted.parameters["est"], again.parameters["est"], atol=1e-6)
    np.testing.assert_allclose(
        weighted.parameters["se"], again.parameters["se"] * np.sqrt(199 / 200), atol=1e-6
    )


def bartlett(rows, items):
    """Mean, variance freed of error and reliability of a Bartlett score, from estimates of one factor."""
    loadings = rows.query("op == '=~'")["est"].to_numpy()
    errors = rows.query("op == '~~' and lhs in @items.columns")["est"].to_numpy()
    intercepts = rows.query("op == '~1' and lhs in @items.columns")["est"].to_numpy()
    precision = (loadings**2 / errors).sum()
    score = (items.to_numpy() - (intercepts if len(intercepts) else 0.0)) @ (loadings / errors) / precision
    return score.mean(), score.var() - 1 / precision, 1 - 1 / precision / score.var()


def test_reliability_is_the_share_of_a_bartlett_score_that_is_no_error():
    found = sam(THREE + PATHS, H, estimator="ML")
    for (factor, model), told in zip(
        (line.split(" =~ ") for line in THREE.split("\n")), found.reliability.itertuples(), strict=True
    ):
        rows = sem(f"{factor} =~ {model}", H, estimator="ML").parameters
        assert told.factor == factor
        assert told.reliability == pytest.approx(bartlett(rows, H[model.split(" + ")])[2], abs=1e-6)
    whole = sam(THREE + PATHS, H, estimator="ML", method="global")
    assert whole.reliability.empty and whole.fit["df"] == 24


def test_a_mean_that_the_structure_holds_is_a_test_of_that_mean():
    """Of n people with mean m and variance v, a mean of 0 costs n ln(1 + m² / v)."""
    equal = {"group": "school", "group_equal": ["loadings", "intercepts"]}
    free = sam(THREE + PATHS, H, estimator="ML", **equal)
    assert free.fit["df"] == 0 and free.fit["chisq"] == pytest.approx(0.0, abs=1e-6)
    held = sam(THREE + PATHS + "\nvisual ~ c(0, 0)*1", H, estimator="ML", **equal)
    rows = sem("visual =~ x1 + x2 + x3", H, estimator="ML", **equal).parameters
    rows = rows.query("group == 'Grant-White'")
    own = H.query("school == 'Grant-White'")[["x1", "x2", "x3"]]
    mean, variance, _ = bartlett(rows, own)
    assert held.fit["df"] == 1  # the first group's mean is 0 by the measurement, and no test
    assert held.fit["chisq"] == pytest.approx(len(own) * np.log(1 + mean**2 / variance), rel=1e-6)


@pytest.mark.parametrize(
    ("paths", "options", "df"),
    [
        ("speed ~ a*visual + a*textual", {}, 1),
        ("speed ~ c(a, a)*visual + textual", {"group": "school"}, 1),
        ("speed ~ c(a, b)*visual + c(a, d)*textual", {"group": "school"}, 1),
        ("speed ~ c(a, a)*visual + c(a, a)*textual", {"group": "school"}, 3),
    ],
)
def test_a_label_that_stands_twice_is_a_degree_of_freedom_and_joins_no_blocks(paths, options, df):
    found = sam(f"{THREE}\n{paths}", H, estimator="ML", **options)
    assert found.fit["df"] == df and names(found) == ["visual", "textual", "speed"]
