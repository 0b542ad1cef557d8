"""What must hold for any structural model, whatever the numbers."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.optimise import minimise
from analysis.structural.estimation.ram import (
    build_group,
    curvature,
    evaluate,
    gradient,
    jacobian,
    vech_places,
)
from analysis.structural.estimation.starting import free_markers, on_markers, start_values
from analysis.structural.inference.compare_models import compare_models
from analysis.structural.language.partable import TableOptions, build_table
from analysis.structural.language.syntax import parse_syntax
from analysis.structural.models import cfa, sem

DATA = Path(__file__).parents[1] / "reference" / "data"
C = pd.read_csv(DATA / "continuous.csv")
CM = pd.read_csv(DATA / "continuous_missing.csv")
L = pd.read_csv(DATA / "likert.csv")
LM = pd.read_csv(DATA / "likert_missing.csv")
THREE = "f1 =~ x1 + x2 + x3\nf2 =~ x4 + x5 + x6\nf3 =~ x7 + x8 + x9"
QUEST = "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8"
CASES = [(THREE, C, "ML"), (THREE, C, "MLR"), (THREE, CM, "MLR"), (QUEST, L, "WLSMV"), (QUEST, LM, "ULSMV")]
PATHS = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6\ng ~ f + x7\nx8 ~ g + x1\nx1 ~~ x5"


@pytest.mark.parametrize(("model", "table", "estimator"), CASES)
def test_the_order_of_persons_does_not_matter(model, table, estimator):
    shuffled = table.sample(frac=1.0, random_state=3)
    one, two = cfa(model, table, estimator), cfa(model, shuffled, estimator)
    # only the p-value of the uncorrected least-squares statistic is undefined
    undefined = ["pvalue"] if estimator in ("WLSMV", "ULSMV") else []
    assert one.fit[one.fit.isna()].index.tolist() == two.fit[two.fit.isna()].index.tolist() == undefined
    assert two.fit.to_numpy() == pytest.approx(one.fit.to_numpy(), rel=1e-6, abs=1e-7, nan_ok=True)
    assert two.parameters["se"].to_numpy() == pytest.approx(one.parameters["se"].to_numpy(), rel=1e-6)


NAMES = st.lists(
    st.sampled_from([f"t{k}" for k in range(1, 10)] + ["f", "g", "a", "x", "total", "t", "t10", "q_1"]),
    min_size=8,
    max_size=8,
    unique=True,
)
"""Names that items may bear, those of thresholds among them."""


@pytest.mark.parametrize(
    ("table", "options"),
    [
        (C, {"estimator": "ML"}),
        (L, {"estimator": "WLSMV"}),
        (LM, {"estimator": "ULSMV"}),
        (L, {"estimator": "WLSMV", "group": "half", "group_equal": ("thresholds", "loadings")}),
    ],
)
@settings(max_examples=6, deadline=None)
@given(names=NAMES)
def test_what_items_are_called_does_not_matter(table, options, names):
    """Items named t1, t2, … took thresholds from each other: t1 | t2 stood for t2 | t1."""
    known = [name for name in table if name[0] in "qx"][:8]
    table = table.assign(half=["one", "two"] * (len(table) // 2) + ["one"] * (len(table) % 2))
    model = "one =~ {} + {} + {} + {}\ntwo =~ {} + {} + {} + {}"
    usual = cfa(model.format(*known), table[[*known, "half"]], **options)
    renamed = table[[*known, "half"]].rename(columns=dict(zip(known, names, strict=True)))
    other = cfa(model.format(*names), renamed, **options)
    assert other.n_parameters == usual.n_parameters
    assert other.fit.to_numpy() == pytest.approx(usual.fit.to_numpy(), rel=1e-9, abs=1e-9, nan_ok=True)
    assert other.parameters["est"].to_numpy() == pytest.approx(usual.parameters["est"].to_numpy(), rel=1e-9)
    assert other.parameters["se"].to_numpy() == pytest.approx(usual.parameters["se"].to_numpy(), rel=1e-9)


def test_a_covariate_called_like_a_threshold_stays_given():
    named = L.rename(columns={"q5": "t1"})
    model = "f =~ q1 + q2 + q3 + q4\nf ~ {}\nq1 | t1"
    usual = cfa(model.format("q5"), L.astype({"q5": float}), "WLSMV", ordered=["q1", "q2", "q3", "q4"])
    other = cfa(model.format("t1"), named.astype({"t1": float}), "WLSMV", ordered=["q1", "q2", "q3", "q4"])
    assert other.n_parameters == usual.n_parameters
    assert other.fit.to_numpy() == pytest.approx(usual.fit.to_numpy(), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(("model", "table", "estimator"), CASES)
def test_the_order_of_items_does_not_matter(model, table, estimator):
    lines = model.split("\n")
    turned = "\n".join(
        f"{head} =~ {first} + {' + '.join(reversed(rest))}"
        for head, _, terms in (line.partition(" =~ ") for line in reversed(lines))
        for first, *rest in [terms.split(" + ")]
    )
    one, two = cfa(model, table, estimator), cfa(turned, table, estimator)
    # only the p-value of the uncorrected least-squares statistic is undefined
    undefined = ["pvalue"] if estimator in ("WLSMV", "ULSMV") else []
    assert one.fit[one.fit.isna()].index.tolist() == two.fit[two.fit.isna()].index.tolist() == undefined
    assert two.fit.to_numpy() == pytest.approx(one.fit.to_numpy(), rel=1e-6, abs=1e-7, nan_ok=True)
    keys = ["lhs", "op", "rhs"]
    loadings = [r.parameters[r.parameters["op"] == "=~"].set_index(keys)["est"] for r in (one, two)]
    assert loadings[1][loadings[0].index].to_numpy() == pytest.approx(loadings[0].to_numpy(), abs=1e-6)


@pytest.mark.parametrize("estimator", ["ML", "MLR"])
@given(scale=st.floats(0.05, 20.0), shift=st.floats(-50.0, 50.0))
@settings(max_examples=5, deadline=None)
def test_rescaling_a_variable_changes_no_test(estimator, scale, shift):
    one, two = cfa(THREE, C, estimator), cfa(THREE, C.assign(x2=C["x2"] * scale + shift), estimator)
    names = [n for n in one.fit.index if not n.startswith(("aic", "bic", "logl"))]
    assert two.fit[names].to_numpy() == pytest.approx(one.fit[names].to_numpy(), rel=1e-5, abs=1e-6)
    assert two.parameters["std_all"].to_numpy() == pytest.approx(
        one.parameters["std_all"].to_numpy(), abs=1e-6
    )


@pytest.mark.parametrize(
    ("model", "table", "estimator", "top"), [(THREE, C, "ML", 0), (QUEST, L, "WLSMV", 6)]
)
def test_reversing_an_item_turns_the_sign_of_its_loading(model, table, estimator, top):
    item = "x2" if estimator == "ML" else "q2"
    one, two = cfa(model, table, estimator), cfa(model, table.assign(**{item: top - table[item]}), estimator)
    assert two.fit["chisq"] == pytest.approx(one.fit["chisq"], rel=1e-6)
    rows = [r.parameters[(r.parameters["op"] == "=~") & (r.parameters["rhs"] == item)] for r in (one, two)]
    first, second = (row["std_all"].item() for row in rows)
    assert second == pytest.approx(-first, abs=1e-6)


@pytest.mark.parametrize("estimator", ["ML", "WLSMV"])
def test_the_order_of_groups_does_not_matter(estimator):
    model, table, group = (THREE, C, "grp") if estimator == "ML" else (QUEST, L, "group")
    options = {"estimator": estimator, "group": group, "group_equal": ["loadings"]}
    turned = table.iloc[::-1].reset_index(drop=True)
    if turned[group].iloc[0] == table[group].iloc[0]:
        last = turned.index[turned[group] != table[group].iloc[0]][0]
        turned = pd.concat([turned.loc[[last]], turned.drop(last)])
    one, two = cfa(model, table, **options), cfa(model, turned, **options)
    assert list(one.groups) == list(two.groups)[::-1]
    assert two.fit.to_numpy() == pytest.approx(one.fit.to_numpy(), rel=1e-6, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("estimator", ["ML", "WLSMV"])
def test_scales_of_latent_variables_do_not_change_fit(estimator):
    model, table = (THREE, C) if estimator == "ML" else (QUEST, L)
    one, two = cfa(model, table, estimator), cfa(model, table, estimator, std_lv=True)
    assert two.fit.to_numpy() == pytest.approx(one.fit.to_numpy(), rel=1e-6, abs=1e-6, nan_ok=True)
    assert two.parameters["std_all"].to_numpy() == pytest.approx(
        one.parameters["std_all"].to_numpy(), abs=1e-5
    )


def test_delta_and_theta_are_one_model():
    one, two = cfa(QUEST, L), cfa(QUEST, L, parameterization="theta")
    assert two.fit.to_numpy() == pytest.approx(one.fit.to_numpy(), rel=1e-5, abs=1e-6, nan_ok=True)
    keep = one.parameters["op"] == "=~"
    assert two.parameters["std_all"][keep].to_numpy() == pytest.approx(
        one.parameters["std_all"][keep].to_numpy(), abs=1e-6
    )


ROBUST = [f"{name}_robust" for name in ("cfi", "tli", "rmsea", "rmsea_ci_lower", "rmsea_ci_upper")]


@pytest.mark.parametrize("kind", ["delta", "theta"])
@pytest.mark.parametrize("estimator", ["WLSMV", "ULSMV"])
def test_equal_thresholds_say_nothing_about_correlations(estimator, kind):
    """With intercepts and scales free the correlations are fitted as before: robust indices stay, df rise."""
    options = {"estimator": estimator, "group": "group", "parameterization": kind}
    one, two = cfa(QUEST, L, **options), cfa(QUEST, L, group_equal="thresholds", **options)
    assert two.fit[ROBUST].to_numpy() == pytest.approx(one.fit[ROBUST].to_numpy(), abs=1e-6)
    assert two.fit["chisq"] > one.fit["chisq"]
    n_thresholds = sum(L[f"q{k}"].nunique() - 1 for k in range(1, 9))
    assert two.fit["df"] - one.fit["df"] == n_thresholds - 2 * 8


@pytest.mark.parametrize(
    "equal", [["thresholds"], ["thresholds", "loadings"], ["thresholds", "loadings", "intercepts"]]
)
def test_delta_and_theta_are_one_model_in_groups(equal):
    one, two = (
        cfa(QUEST, L, group="group", group_equal=equal, parameterization=kind) for kind in ("delta", "theta")
    )
    assert two.fit.to_numpy() == pytest.approx(one.fit.to_numpy(), rel=1e-5, abs=1e-5, nan_ok=True)
    assert one.fit[ROBUST].notna().all()


def test_three_categories_cannot_test_thresholds():
    """Two thresholds are fixed by intercept and scale: the model is the one without the constraint."""
    merged = L.assign(**{f"q{k}": np.clip(L[f"q{k}"], 2, 4) for k in range(1, 9)})
    one, two = cfa(QUEST, merged, group="group"), cfa(QUEST, merged, group="group", group_equal="thresholds")
    assert two.fit["df"] == one.fit["df"]
    assert two.fit["chisq"] == pytest.approx(one.fit["chisq"], rel=1e-6)


def test_two_categories_test_lines_and_thresholds_together():
    """One threshold leaves one equation: the scale is identified by equal loadings and intercepts only."""
    cut = L.assign(**{f"q{k}": (L[f"q{k}"] > L[f"q{k}"].median()).astype(int) for k in range(1, 9)})
    one = cfa(QUEST, cut, group="group")
    two = cfa(QUEST, cut, group="group", group_equal="thresholds")
    joint = cfa(QUEST, cut, group="group", group_equal=["thresholds", "loadings", "intercepts"])
    assert two.fit["df"] == one.fit["df"]
    assert two.fit["chisq"] == pytest.approx(one.fit["chisq"], rel=1e-6)
    # per factor of four items: 4 thresholds and 4 loadings against 4 scales, a mean and a variance
    assert joint.fit["df"] - one.fit["df"] == 2 * (4 + 3 - 4 - 1)


@pytest.mark.parametrize("estimator", ["ML", "MLR", "WLSMV"])
def test_nested_models_are_ordered_by_fit(estimator):
    model, table, group = (THREE, C, "grp") if estimator != "WLSMV" else (QUEST, L, "group")
    levels = [[], ["loadings"], ["loadings", "lv.variances", "lv.covariances"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = {
            str(k): cfa(model, table, estimator, group=group, group_equal=e) for k, e in enumerate(levels)
        }
    found = compare_models(fits).table
    assert found["chisq"].is_monotonic_increasing
    assert found["df"].is_monotonic_increasing
    assert (found["chisq_diff"].iloc[1:] > 0).all()


def test_full_information_with_complete_rows_is_maximum_likelihood():
    one = cfa(THREE, C, "ML", meanstructure=True)
    two = cfa(THREE, C, "ML", missing="fiml")
    assert two.fit["chisq"] == pytest.approx(one.fit["chisq"], rel=1e-8)
    assert two.parameters["est"].to_numpy() == pytest.approx(one.parameters["est"].to_numpy(), abs=1e-7)


@pytest.mark.parametrize("estimator", ["ML", "WLSMV"])
def test_listwise_is_dropping_first(estimator):
    model, table = (THREE, CM) if estimator == "ML" else (QUEST, LM)
    names = [n for n in table.columns if n[0] == ("x" if estimator == "ML" else "q")]
    names = [n for n in names if estimator == "ML" or int(n[1:]) <= 8]
    one = cfa(model, table, estimator, missing="listwise")
    two = cfa(model, table.dropna(subset=names), estimator)
    assert one.n_obs == two.n_obs
    assert two.fit.to_numpy() == pytest.approx(one.fit.to_numpy(), rel=1e-9, nan_ok=True)


def model_of(text, n_free_seed):
    table = build_table(parse_syntax(text), TableOptions(meanstructure=True))
    fixed = {("x7", "~~", "x7"): 1.3, ("x7", "~1", ""): 0.4}
    generator = np.random.default_rng(n_free_seed)
    return table, build_group(table, 0, fixed), generator.normal(scale=0.4, size=table.n_free), generator


@pytest.mark.parametrize("estimator", ["MLR", "WLSMV"])
def test_the_same_rows_as_two_groups_give_the_indices_of_one(estimator):
    """Statistics, degrees of freedom and their expectations all double."""
    model, table = (THREE, C) if estimator == "MLR" else (QUEST, L)
    one = cfa(model, table, estimator, meanstructure=True).fit
    two = cfa(model, pd.concat([table.assign(half=1), table.assign(half=2)]), estimator, group="half").fit
    for name in ("cfi", "tli", "cfi_scaled", "cfi_robust", "tli_robust", "srmr", "chisq_scaling_factor"):
        assert two[name] == pytest.approx(one[name], abs=1e-7), name
    assert two["df"] == 2 * one["df"]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_derivatives_agree_with_differences(seed):
    table, group, x, generator = model_of(PATHS, seed)
    q, p = table.n_free, len(table.names.observed)
    by_sigma = generator.normal(size=(p, p))
    by_sigma = by_sigma + by_sigma.T
    by_mu = generator.normal(size=p)

    def slope(point):
        return gradient(group, evaluate(group, point), by_sigma, by_mu, q)

    def value(point):
        state = evaluate(group, point)
        return np.sum(by_sigma * state.sigma) + by_mu @ state.mu

    step = 1e-5
    numeric = np.array([(value(x + step * e) - value(x - step * e)) / (2 * step) for e in np.eye(q)])
    second = np.array([(slope(x + step * e) - slope(x - step * e)) / (2 * step) for e in np.eye(q)])
    state = evaluate(group, x)
    size = max(1.0, np.abs(numeric).max(), np.abs(second).max())
    assert np.abs(slope(x) - numeric).max() < 1e-6 * size
    assert np.abs(curvature(group, state, by_sigma, by_mu, q) - second).max() < 1e-6 * size
    sigma_by, mu_by = jacobian(group, state, q)
    row, column = vech_places(p)
    weights = np.where(row == column, 1, 2) * by_sigma[row, column]
    assert np.abs(weights @ sigma_by + by_mu @ mu_by - slope(x)).max() < 1e-8 * size


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_population_moments_give_back_the_parameters(seed):
    generator = np.random.default_rng(seed)
    table = build_table(parse_syntax(THREE), TableOptions(std_lv=True))
    group = build_group(table, 0, {})
    truth = np.array(
        [
            generator.uniform(0.4, 0.9)
            if r.op == "=~"
            else generator.uniform(0.3, 0.8)
            if r.lhs == r.rhs
            else generator.uniform(-0.4, 0.5)
            for r in table.free_rows()
        ]
    )
    sigma = evaluate(group, truth).sigma
    target = NormalDiscrepancy([group], [Moments(500, np.zeros(9), sigma)], table.n_free, False)
    reduction = reduce_parameters(table, "cfa")
    start = start_values(table, [sigma], [np.zeros(9)], [])
    found = minimise(target, reduction, reduction.contract(start))
    assert found.converged
    assert found.value == pytest.approx(0.0, abs=1e-12)
    assert reduction.expand(found.z) == pytest.approx(truth, abs=1e-6)


SCALED = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6 + x1\nh =~ x7 + x8\ng ~ f\nx9 ~ g + h\nf ~~ h"


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_unit_markers_and_unit_variances_imply_the_same_moments(seed):
    """Where a search went on another scale its values come back as the same model."""
    table = build_table(parse_syntax(SCALED), TableOptions(meanstructure=True))
    other, markers = free_markers(table)
    assert set(markers) == {(0, "f"), (0, "g"), (0, "h")}
    generator = np.random.default_rng(seed)
    x = generator.normal(scale=0.6, size=other.n_free)
    for k in markers.values():
        x[other.rows[k].free] = generator.choice([-1.0, 1.0]) * generator.uniform(0.05, 3.0)
    first = evaluate(build_group(other, 0, {}), x)
    second = evaluate(build_group(table, 0, {}), on_markers(table, other, markers, x))
    assert second.sigma == pytest.approx(first.sigma, rel=1e-9, abs=1e-9)
    assert second.mu == pytest.approx(first.mu, rel=1e-9, abs=1e-9)


def test_labels_and_groups_keep_their_markers():
    """With shared labels unit variances would be another model."""
    for text, options in (("f =~ x1 + a*x2 + a*x3", {}), (THREE, {"n_groups": 2})):
        assert free_markers(build_table(parse_syntax(text), TableOptions(**options))) is None


EQUALITIES = ["loadings", "intercepts", "means", "regressions", "residuals", "residual.covariances"]


@pytest.mark.parametrize("estimator", ["ML", "MLR"])
@given(equal=st.sets(st.sampled_from([*EQUALITIES, "lv.variances", "lv.covariances"])))
@settings(max_examples=12, deadline=None)
def test_equal_groups_say_nothing_of_predictors_that_are_random(estimator, equal):
    """With complete rows the moments of predictors are those of each group, modelled or not."""
    table = C.assign(side=np.where(np.arange(len(C)) % 3 == 0, "a", "b"))
    table.loc[table["side"] == "a", ["x8", "x9"]] = table[["x8", "x9"]] * 1.5 + 1.0
    model = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6\nf ~ x8\ng ~ f + x9\nx2 ~ x8"
    options = {"estimator": estimator, "group": "side", "group_equal": sorted(equal), "meanstructure": True}
    fixed, random = (sem(model, table, fixed_x=given, **options) for given in (True, False))
    for index in ("chisq", "df", "cfi"):
        assert random.fit[index] == pytest.approx(fixed.fit[index], rel=1e-6, abs=1e-7), index
    keys = ["lhs", "op", "rhs", "group"]
    both = fixed.parameters.merge(random.parameters, on=keys, suffixes=("", "_random"))
    own = both["lhs"].isin(["x8", "x9"])
    assert own.sum() == 10
    for column in ("est", "std_all"):
        assert both[f"{column}_random"].to_numpy() == pytest.approx(both[column].to_numpy(), abs=1e-5)
    if estimator == "ML":
        kept = both[~own]
        assert kept["se_random"].to_numpy() == pytest.approx(kept["se"].to_numpy(), rel=1e-4, abs=1e-7)
