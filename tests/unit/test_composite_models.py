"""Composites in the model text: what must hold whatever the data, and what is refused."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis import cfa, compare_models, sem
from analysis.structural.inference.bootstrap_model import bootstrap_model
from instrument.errors import DefinitionError, NotEstimableError

MODEL = "C <~ x1 + x2 + x3\nf =~ y1 + y2 + y3\nf ~ C"
MEASURED = "f =~ y1 + y2 + y3"


@cache
def people(n=400, seed=5):
    """Three correlated components, whose weighted sum moves a factor with three indicators."""
    rng = np.random.default_rng(seed)
    x = rng.multivariate_normal(np.zeros(3), [[1, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 0.8]], n)
    factor = 0.5 * x @ [1.0, 0.6, -0.8] + rng.normal(size=n)
    y = np.outer(factor, [1, 0.8, 0.9]) + rng.normal(size=(n, 3))
    return pd.DataFrame(np.hstack([x, y]), columns=["x1", "x2", "x3", "y1", "y2", "y3"])


def at(fit, lhs, op, rhs, column="est"):
    return float(fit.parameters.query("lhs == @lhs and op == @op and rhs == @rhs")[column].iloc[0])


def test_one_composite_with_one_outcome_is_the_regression_on_its_components():
    """F on C with free weights is f on the components: same fit, and weights in proportion to the slopes."""
    one = sem(MODEL, people(), estimator="ML")
    two = sem(f"{MEASURED}\nf ~ x1 + x2 + x3", people(), estimator="ML")
    assert one.fit["chisq"] == pytest.approx(two.fit["chisq"], rel=1e-7)
    assert one.fit["df"] == two.fit["df"]
    slope = at(one, "f", "~", "C")
    for name in ("x1", "x2", "x3"):
        assert slope * at(one, "C", "<~", name) == pytest.approx(at(two, "f", "~", name), abs=1e-6)
    # the ratio of two slopes by the delta method
    covariance = two._fitted.vcov
    rows = {r.rhs: r.free for r in two._fitted.table.free_rows() if r.op == "~"}
    b1, b2 = at(two, "f", "~", "x1"), at(two, "f", "~", "x2")
    by = np.zeros(len(covariance))
    by[rows["x2"]], by[rows["x1"]] = 1 / b1, -b2 / b1**2
    assert at(one, "C", "<~", "x2", "se") == pytest.approx(np.sqrt(by @ covariance @ by), rel=1e-6)


def test_fixed_weights_are_the_score_that_they_make():
    data = people().assign(score=lambda d: d["x1"] + 2 * d["x2"] - d["x3"])
    one = sem(MODEL.replace("x1 + x2 + x3", "1*x1 + 2*x2 + -1*x3"), data, estimator="ML")
    two = sem(f"{MEASURED}\nf ~ score", data, estimator="ML")
    assert at(one, "f", "~", "C") == pytest.approx(at(two, "f", "~", "score"), abs=1e-7)
    assert at(one, "f", "~", "C", "se") == pytest.approx(at(two, "f", "~", "score", "se"), rel=1e-6)
    assert at(one, "C", "~~", "C") == pytest.approx(np.var(data["score"]), rel=1e-9)


def test_units_and_order_of_components_do_not_matter():
    first = sem(MODEL, people(), estimator="MLR")
    other = sem(
        MODEL.replace("x1 + x2 + x3", "x3 + x1 + x2"),
        people().assign(x2=lambda d: 100 * d["x2"] + 7),
        estimator="MLR",
    )
    for index in ("chisq", "df", "chisq_scaled", "cfi", "srmr", "rmsea_robust"):
        assert first.fit[index] == pytest.approx(other.fit[index], rel=1e-6, abs=1e-9), index
    one, two = (fit.standardized().set_index(["lhs", "op", "rhs"])["est"] for fit in (first, other))
    for name in ("x1", "x2", "x3"):
        assert abs(one["C", "<~", name]) == pytest.approx(abs(two["C", "<~", name]), abs=1e-6)


def test_the_correction_of_mlr_is_one_for_normal_data():
    data = people(n=20000, seed=2)
    assert sem(MODEL, data, estimator="MLR").fit["chisq_scaling_factor"] == pytest.approx(1.0, abs=0.03)


def test_missing_answers_scores_bootstrap_and_comparison():
    data = people().mask(np.random.default_rng(4).random((400, 6)) < 0.08)
    fit = sem(MODEL, data, estimator="MLR")
    assert fit.missing == "fiml"
    assert at(fit, "x1", "~1", "") == pytest.approx(0.0, abs=0.2)
    complete = sem(MODEL, people(), estimator="ML")
    weights = [at(complete, "C", "<~", name) for name in ("x1", "x2", "x3")]
    score = people()[["x1", "x2", "x3"]] @ weights
    assert complete.factor_scores()["C"].to_numpy() == pytest.approx(
        (score - score.mean()).to_numpy(), abs=1e-7
    )
    drawn = bootstrap_model(complete, draws=5)
    assert len(drawn.table) == len(complete.parameters)
    equal = sem(MODEL.replace("x2 + x3", "0.6*x2 + x3"), people(), estimator="ML")
    with pytest.raises(DefinitionError, match="assume_nested"):
        compare_models({"free": complete, "fixed": equal})
    table = compare_models({"free": complete, "fixed": equal}, assume_nested=True).table
    assert table["df_diff"].iloc[1] == 1
    assert "C <~ x1" not in complete.modification_indices()["lhs"].tolist()


def test_groups_are_models_of_their_own_and_labels_make_weights_equal():
    data = people().assign(side=np.where(np.arange(400) % 2, "a", "b"))
    free = sem(MODEL, data, estimator="ML", group="side")
    parts = [sem(MODEL, own, estimator="ML", meanstructure=True) for _, own in data.groupby("side")]
    assert free.fit["chisq"] == pytest.approx(sum(p.fit["chisq"] for p in parts), rel=1e-7)
    assert free.fit["df"] == sum(p.fit["df"] for p in parts)
    equal = sem(MODEL.replace("x2 + x3", "c(w, w)*x2 + c(v, v)*x3"), data, estimator="ML", group="side")
    weights = equal.parameters.query("op == '<~' and rhs == 'x2'")["est"].to_numpy()
    assert weights[0] == pytest.approx(weights[1], abs=1e-12)
    assert equal.fit["df"] == free.fit["df"] + 2


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("C <~ x1 + x2 + x3", {}, "'C' is related to nothing"),
        (f"C <~ x1 + x2\n{MEASURED}\nf ~~ 0*C", {}, "'C' is related to nothing"),
        (f"{MODEL}\nC =~ y1", {}, "both formed"),
        (f"{MODEL}\nD <~ x1 + y1\nf ~ D", {}, "'x1' is a component of 'C' and of 'D'"),
        (f"{MODEL}\nf ~ x1", {}, "'x1' is a component and relates to others"),
        (f"{MODEL}\nx1 ~~ y1", {}, "'x1' is a component and relates to others"),
        (f"{MODEL}\nx1 ~ y1", {}, "'x1' is a component and relates to others"),
        (f"{MODEL}\nC ~~ 1*C", {}, "follow from its weights"),
        (f"{MODEL}\nC ~ 1", {}, "follow from its weights"),
        (f"C <~ x1 + f\n{MEASURED}\nf ~ C", {}, "not observed"),
        ("C <~ C + x1", {}, "<~ itself"),
        ("C <~", {}, "nothing stands right"),
        (MODEL, {"estimator": "WLSMV"}, "takes no composites"),
        (MODEL, {"bounds": "pos.var"}, "beside composites are not supported"),
        (MODEL.replace("x1 + x2", "NA*x1 + x2"), {}, "not identified"),
        ("level: 1\nC <~ x1 + x2\ny1 ~ C\nlevel: 2\ny1 ~~ y1", {"cluster": "y3"}, "stands in a level block"),
    ],
)
def test_refused(model, options, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((DefinitionError, NotEstimableError), match=message) as caught:
            sem(model, people(), **{"estimator": "ML", **options})
    assert str(caught.value).count("\nHint: ") == 1


def test_numbers_are_the_rule_beside_composites():
    assert cfa(f"C <~ x1 + x2\n{MEASURED}", people()).estimator == "ML"
