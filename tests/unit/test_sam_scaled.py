"""The scaled test of a structure fitted after its measurement."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from analysis import sam
from instrument.errors import DefinitionError

MODEL = "F =~ f0 + f1 + f2\nG =~ g0 + g1 + g2\nH =~ h0 + h1 + h2\nF ~ x\nG ~ F\nH ~ G"
ITEMS = [f"{factor}{k}" for factor in "fgh" for k in range(3)]


def made(n=300, noise=0.6, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    f = 0.5 * x + 0.8 * rng.normal(size=n)
    g = 0.5 * f + 0.8 * rng.normal(size=n)
    h = 0.6 * g + 0.8 * rng.normal(size=n)
    found = {"x": x, "side": np.arange(n) % 2}
    for name, factor in (("f", f), ("g", g), ("h", h)):
        for k in range(3):
            found[f"{name}{k}"] = factor * (1.0 - 0.1 * k) + noise * rng.normal(size=n)
    return pd.DataFrame(found)


@pytest.fixture(scope="module")
def data():
    return made()


@pytest.fixture(scope="module")
def robust(data):
    return sam(MODEL, data, estimator="MLR")


def test_p_is_that_of_the_scaled_statistic(robust):
    fit = robust.fit
    assert fit["df"] == fit["df_scaled"] == 3.0
    assert fit["chisq_scaled"] == pytest.approx(fit["chisq"] / fit["chisq_scaling_factor"])
    assert fit["pvalue_scaled"] == pytest.approx(chi2.sf(fit["chisq_scaled"], 3))
    assert np.isnan(fit["pvalue"])


def test_rows_told_twice_in_clusters_leave_the_scaled_test_as_it_is(data, robust):
    """Both chi-square and its mean double; J/(J - 1) is all that is left."""
    twice = pd.concat([data, data], ignore_index=True).assign(who=np.tile(np.arange(len(data)), 2))
    found = sam(MODEL, twice, estimator="MLR", cluster="who").fit
    assert found["chisq"] == pytest.approx(2.0 * robust.fit["chisq"], rel=1e-6)
    wanted = robust.fit["chisq_scaled"] * (1.0 - 1.0 / len(data))
    assert found["chisq_scaled"] == pytest.approx(wanted, rel=1e-5)


def test_without_error_of_measurement_a_normal_structure_needs_no_scaling():
    fit = sam(MODEL, made(3000, noise=0.02), estimator="ML").fit
    assert fit["chisq_scaling_factor"] == pytest.approx(1.0, abs=0.02)
    noisy = sam(MODEL, made(3000), estimator="ML").fit
    assert 1.3 < noisy["chisq_scaling_factor"] < 1.7  # what step 1 had to estimate; 1.46 over 250 samples
    assert noisy["pvalue"] == pytest.approx(chi2.sf(noisy["chisq"], 3))


def test_units_names_and_order_do_not_matter(data, robust):
    other = data.assign(x=data["x"] * 100.0 + 7.0, f1=data["f1"] * 10.0, h0=data["h0"] - 3.0)
    lines = MODEL.split("\n")
    turned = "\n".join([*lines[3:], lines[2], lines[0], lines[1]])
    found = sam(turned, other.sample(frac=1.0, random_state=1), estimator="MLR").fit
    assert found["chisq_scaling_factor"] == pytest.approx(robust.fit["chisq_scaling_factor"], rel=1e-4)


def test_equal_weights_change_nothing(robust, data):
    even = sam(MODEL, data.assign(one=2.5), estimator="MLR", sampling_weights="one").fit
    assert even["chisq_scaling_factor"] == pytest.approx(robust.fit["chisq_scaling_factor"], rel=1e-6)


def test_groups_add_up_and_equal_paths_are_tested(data):
    apart = sam(MODEL, data, group="side", estimator="MLR").fit
    alone = [sam(MODEL, data[data["side"] == g], estimator="MLR").fit for g in (0, 1)]
    assert apart["df"] == 6.0
    parts = [one["chisq_scaling_factor"] * 3.0 for one in alone]
    assert apart["chisq_scaling_factor"] == pytest.approx(sum(parts) / 6.0, rel=1e-4)
    equal = sam(MODEL, data, group="side", group_equal="regressions", estimator="MLR").fit
    assert equal["df"] == 9.0 and 0.0 < equal["pvalue_scaled"] < 1.0
    shared = sam(MODEL, data, group="side", group_equal=["loadings", "intercepts"], estimator="MLR").fit
    assert np.isfinite(shared["pvalue_scaled"])


def test_groups_of_unlike_size_add_up_and_what_they_share_is_estimated_better(data):
    third = data.assign(side=np.arange(len(data)) % 3 == 0)
    alone = [sam(MODEL, third[third["side"] == g], estimator="MLR").fit for g in (False, True)]
    whole = sum(one["chisq_scaling_factor"] for one in alone) / 2.0
    assert abs(alone[0]["chisq_scaling_factor"] - alone[1]["chisq_scaling_factor"]) > 0.05
    apart = sam(MODEL, third, group="side", estimator="MLR").fit["chisq_scaling_factor"]
    assert apart == pytest.approx(whole, rel=1e-4)
    # two copies of the same people estimate shared loadings from both: step 1 leaves less to scale for
    twice = pd.concat([data.assign(side=0), data.assign(side=1)], ignore_index=True)
    free, shared = (
        sam(MODEL, twice, group="side", group_equal=equal, estimator="ML").fit["chisq_scaling_factor"]
        for equal in ((), ("loadings",))
    )
    assert shared < free - 5e-4


@pytest.mark.parametrize("missing", [False, True])
def test_gaps_and_ordinal_items_are_scaled(data, missing):
    cut = data[ITEMS].apply(lambda c: pd.cut(c, [-99, -0.8, 0.3, 1.2, 99], labels=False))
    if missing:
        cut = cut.mask(np.random.default_rng(2).random(cut.shape) < 0.1)
        gaps = data.assign(**{name: data[name].where(cut[name].notna()) for name in ITEMS})
        assert sam(MODEL, gaps, estimator="MLR").fit["chisq_scaling_factor"] > 1.0
    found = sam(MODEL.replace("\nF ~ x", ""), cut).fit
    assert found["df_scaled"] == 1.0
    assert found["chisq_scaling_factor"] > 1.2
    assert found["pvalue_scaled"] > found["pvalue"]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (MODEL.replace("\nF ~ x", "").replace("H ~ G", "H ~ G + F"), {}),  # no degrees of freedom
        (MODEL, {"group": "side", "group_equal": ["loadings", "intercepts", "means"]}),  # means are tested
    ],
)
def test_there_is_no_scaled_test_where_it_would_say_nothing(data, model, options):
    fit = sam(model, data, estimator="MLR", **options).fit
    assert np.isnan(fit[["chisq_scaled", "pvalue_scaled", "chisq_scaling_factor"]]).all()
    assert fit["df_scaled"] == fit["df"]


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("x ~ 0*1", {}),
        ("x ~ 0*1", {"method": "global"}),
        ("x ~ 0.9*1\nx ~~ x", {}),
        ("x ~ c(m, m)*1", {"group": "side"}),
        ("x ~ c(0, NA)*1", {"group": "side"}),
    ],
)
def test_held_means_of_observed_variables_are_refused(data, line, options):
    """Two steps count them from their mean: chi-square was 1.9 on 3 where the held mean makes it 201.9 on 4."""
    with pytest.raises(DefinitionError, match=r"sam: means of observed variables are held or equal: 'x'\."):
        sam(f"{MODEL}\n{line}", data.assign(x=data["x"] + 1.0), estimator="ML", **options)


def test_one_mean_of_both_groups_is_tested_where_they_count_from_one_origin(data):
    apart = data.assign(x=data["x"] + 2.0 * data["side"])
    options = {"group": "side", "group_equal": ["loadings", "intercepts"], "estimator": "ML"}
    held = sam(f"{MODEL}\nx ~ c(m, m)*1\nx ~~ x", apart, **options)
    means = held.parameters.query("lhs == 'x' and op == '~1'")["est"]
    assert held.fit["df"] == 7.0 and held.fit["chisq"] > 200.0
    assert np.isnan(held.fit["chisq_scaled"])  # the mean of the statistic is that of covariances alone
    assert means.tolist() == pytest.approx([1.457771] * 2, abs=1e-5)  # as by `sem`


def test_free_means_of_observed_variables_are_taken(data, robust):
    found = sam(f"{MODEL}\nx ~ 1\nx ~~ x", data.assign(x=data["x"] + 1.0), estimator="MLR")
    assert found.fit["chisq"] == pytest.approx(robust.fit["chisq"], rel=1e-6)
    rows = found.parameters.set_index(["lhs", "op"])["est"]
    assert rows["x", "~1"] == pytest.approx(data["x"].mean() + 1.0)
    sam(f"{MODEL}\nx ~ c(m, k)*1", data, group="side", estimator="ML")


def test_the_global_method_has_its_own_test(data):
    assert "chisq_scaled" not in sam(MODEL, data, method="global", estimator="ML").fit


def test_equal_means_cost_degrees_of_freedom(data):
    """Step 1 frees the means of factors in later groups; a structure that holds them is tested by them."""
    options = {"estimator": "ML", "group": "side"}
    free = sam(MODEL, data, group_equal=["loadings", "intercepts"], **options).fit
    held = sam(MODEL, data, group_equal=["loadings", "intercepts", "means"], **options).fit
    assert (free["df"], held["df"]) == (6.0, 9.0)
    assert held["pvalue"] == pytest.approx(chi2.sf(held["chisq"], 9))
    one = sam(f"{MODEL}\nF ~ c(0, 0)*1", data, group_equal=["loadings", "intercepts"], **options).fit
    assert one["df"] == 7.0 and free["chisq"] < one["chisq"] < held["chisq"]


def test_equal_thresholds_are_refused(data):
    cut = (
        data[ITEMS]
        .apply(lambda c: pd.cut(c, [-99, -0.8, 0.3, 1.2, 99], labels=False))
        .assign(side=data["side"])
    )
    model = MODEL.replace("\nF ~ x", "")
    for equal in (["thresholds"], ["loadings", "intercepts"]):
        with pytest.raises(DefinitionError, match=r"sam: equal thresholds .*\nHint: leave thresholds"):
            sam(model, cut, group="side", group_equal=equal)
    assert sam(model, cut, group="side", group_equal="loadings").fit["df"] == 2.0
