"""Keywords of models, of use and of planning against relations that must hold exactly."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import analysis
from tests.unit.small_analyses import (
    LOADINGS,
    THEMES,
    R,
    added,
    again,
    alike,
    allowed,
    apart,
    audited,
    boxed,
    compared,
    complete,
    dosed,
    doses,
    equal,
    factors,
    fair,
    followed,
    grown,
    guessed,
    holes,
    near,
    planned,
    ratings,
    refusal,
    regressed,
    repeated,
    rotated,
    shared,
    sparse,
    standard_errors,
    three,
    told,
    weeks,
    weighed,
    weighted,
    widths,
)
from tests.unit.test_options_take_effect import (
    EIGHT,
    fit,
    read,
)

HOLDS: dict[str, Callable[[], bool]] = {
    "recurrent_events participant": lambda: repeated(
        again().rename(columns={"participant": "who"}), participant="who"
    ).equals(repeated()),
    "recurrent_events numbers": lambda: (
        not alike(
            repeated(adjust_for=["site"], numbers=["site"]).select_dtypes("number").iloc[:1],
            repeated(again().assign(site=again()["site"].astype(str)), adjust_for=["site"])
            .select_dtypes("number")
            .iloc[:1],
            1e-6,
        )
    ),
    "recurrent_events cluster": lambda: (
        not alike(
            repeated(cluster="clinic").select_dtypes("number").iloc[:1],
            repeated().select_dtypes("number").iloc[:1],
            1e-6,
        )
    ),
    "relate_features score": lambda: (
        audited(people=read("audit_people").rename(columns={"total": "mark"}), score="mark")
        .to_frame()
        .equals(audited().to_frame())
    ),
    "relate_features app": lambda: (
        audited(people=read("audit_people").rename(columns={"app": "product"}), app="product")
        .to_frame()
        .equals(audited().to_frame())
    ),
    "relate_features adjust_for": lambda: (
        not alike(
            audited(adjust_for=["age"]).to_frame().select_dtypes("number").iloc[0],
            audited().to_frame().select_dtypes("number").iloc[0],
            1e-6,
        )
    ),
    "misspecifications correlation_size": lambda: (
        not alike(
            analysis.misspecifications(fit(estimator="ML"), correlation_size=0.3).to_frame()["power"],
            analysis.misspecifications(fit(estimator="ML")).to_frame()["power"],
            1e-6,
        )
    ),
    "incremental_validity baseline": lambda: (
        added(baseline=["x5"]).r_squared_baseline
        == near(read("continuous")[["x1", "x5"]].corr().iloc[0, 1] ** 2)
    ),
    "bootstrap_model draws": lambda: (
        not alike(
            analysis.bootstrap_model(three(), draws=6).table["se"],
            analysis.bootstrap_model(three(), draws=9).table["se"],
        )
    ),
    "cfa rotation": lambda: (
        not alike(
            rotated(rotation="geomin").parameters["est"], rotated(rotation="oblimin").parameters["est"], 1e-3
        )
    ),
    "cfa bounds": lambda: (
        (
            boxed(bounds="pos.var").parameters.query("op == '~~' and lhs == rhs and lhs != 'f'")["est"]
            >= -1e-9
        ).all()
        and (boxed().parameters.query("op == '~~' and lhs == rhs and lhs != 'f'")["est"] < -1e-3).any()
    ),
    "cfa fixed_x": lambda: (
        regressed(fixed_x=False).n_parameters
        == regressed().n_parameters + 3  # two variances and their covariance
    ),
    "check_hypotheses judged_by": lambda: (
        str(guessed(judged_by="interval", data=complete().head(12))["status"])
        != str(guessed(data=complete().head(12))["status"])
    ),
    "check_hypotheses data": lambda: (
        guessed(data=complete().head(50))["estimate"] == near(complete().head(50).corr().loc["q1", "q2"])
    ),
    "compare_models method": lambda: (
        # the usual difference is that of the two statistics, the scaled one is not
        compared("standard")["chisq_diff"].iloc[1] == near(compared("standard")["chisq"].diff().iloc[1])
        and compared("standard").equals(compared("auto"))
        and "does not suit ML" in refusal(lambda: compared("satorra_2000"))
    ),
    "dif purify": lambda: len(fair(purify=None).anchors) == 8 and fair(purify=None).rounds <= fair().rounds,
    "dif max_rounds": lambda: fair(alpha=0.9, max_rounds=1).rounds <= 1 < fair(alpha=0.9).rounds,
    "dose_response knots": lambda: len(dosed(knots=5).design["knots"]) == 5 != len(dosed().design["knots"]),
    "dose_response confidence": lambda: widths(dosed(confidence=0.8).curve) < widths(dosed().curve),
    "dose_response seed": lambda: dosed(seed=3).design["critical"] != dosed().design["critical"],
    "dose_response numbers": lambda: (
        len(
            analysis.dose_response(
                doses().assign(site=doses()["site"].astype(str)),
                dose="use",
                outcome="better",
                draws=50,
                adjust_for=["site"],
                knots=3,
            ).tests
        )
        == len(dosed(adjust_for=("site",), numbers=("site",)).tests)
        and not alike(
            dosed(adjust_for=("site",), numbers=("site",)).curve["estimate"],
            analysis.dose_response(
                doses().assign(site=doses()["site"].astype(str)),
                dose="use",
                outcome="better",
                draws=50,
                adjust_for=["site"],
                knots=3,
            ).curve["estimate"],
            1e-6,
        )
    ),
    "efa engine": lambda: alike(
        factors(engine="factor_analyzer").communalities, factors().communalities, 0.02
    ),
    "extracted_variance factor_correlations": lambda: (
        analysis.extracted_variance(
            LOADINGS.sum(axis=1),
            THEMES,
            factor_correlations=pd.DataFrame([[1, 0.6], [0.6, 1]], index=["f", "g"], columns=["f", "g"]),
        )
        .to_frame()
        .size
        > shared().size
    ),
    "factor_retention n_obs": lambda: (
        not alike(
            analysis.factor_retention(R, correlation="given", n_obs=100, draws=10).eigenvalues,
            analysis.factor_retention(R, correlation="given", n_obs=1000, draws=10).eigenvalues,
            1e-3,
        )
    ),
    "growth group": lambda: len(grown(group="grp").groups) == 2 and len(grown().groups) <= 1,
    "growth orthogonal": lambda: grown(orthogonal=True).fit["df"] == grown().fit["df"] + 1,
    "growth group_equal": lambda: (
        grown(group="grp", group_equal=("means",)).fit["df"] == grown(group="grp").fit["df"] + 2
    ),
    "growth group_partial": lambda: (
        grown(group="grp", group_equal=("means",), group_partial=("i ~ 1",)).fit["df"]
        == grown(group="grp").fit["df"] + 1
    ),
    "growth estimator": lambda: (
        "chisq_scaled" in grown(estimator="MLR").fit and "chisq_scaled" not in grown().fit
    ),
    "growth sampling_weights": lambda: (
        not alike(
            grown(data=weighted(), sampling_weights="w", estimator="MLR").parameters["est"],
            grown(data=weighted(), estimator="MLR").parameters["est"],
            1e-3,
        )
    ),
    "growth missing": lambda: (
        grown(data=holes(), missing="fiml").n_obs > grown(data=holes(), missing="listwise").n_obs
    ),
    "growth cluster": lambda: (
        not alike(
            standard_errors(grown(data=weighted(), cluster="c", estimator="MLR")),
            standard_errors(grown(data=weighted(), estimator="MLR")),
            1e-4,
        )
    ),
    "icc raters": lambda: (
        not analysis.icc(ratings("who", "judge", "mark"), targets="judge", raters="who", ratings="mark")
        .to_frame()
        .equals(analysis.icc(ratings("participant", "wave", "score")).to_frame())
    ),
    "icc ratings": lambda: (
        analysis.icc(ratings("participant", "wave", "mark").assign(score=1.0), ratings="mark")
        .to_frame()
        .equals(analysis.icc(ratings("participant", "wave", "score")).to_frame())
    ),
    "incremental_validity seed": lambda: added(seed=2).ci_lower != added().ci_lower,
    "incremental_validity draws": lambda: added(draws=40).ci_lower != added().ci_lower,
    "incremental_validity adjust_for": lambda: (
        added(adjust_for=["x6"]).r_squared_baseline > added().r_squared_baseline
    ),
    "invariance ordered": lambda: (
        "thresholds"
        in analysis.invariance("f =~ q1 + q2 + q3 + q4", read("likert"), "group").table["level"].tolist()
        and "thresholds"
        not in analysis.invariance("f =~ q1 + q2 + q3 + q4", read("likert"), "group", ordered=False)
        .table["level"]
        .tolist()
    ),
    "invariance estimator": lambda: (
        "chisq_scaled" in next(iter(equal(estimator="MLR").fits.values())).fit
        and "chisq_scaled" not in next(iter(equal(estimator="ML").fits.values())).fit
    ),
    "polychoric zero_add": lambda: (
        not alike(
            analysis.polychoric(sparse(), correct=0.5).correlations,
            analysis.polychoric(sparse()).correlations,
            1e-4,
        )
    ),
    "recurrent_events confidence": lambda: (
        widths(repeated(confidence=0.5).query("ci_lower == ci_lower"))
        < widths(repeated().query("ci_lower == ci_lower"))
    ),
    "g_formula participant": lambda: alike(
        followed(weeks().rename(columns={"participant": "who"}), participant="who"), followed()
    ),
    "g_formula time": lambda: alike(
        followed(weeks().rename(columns={"time": "week"}), time="week"), followed()
    ),
    "g_formula baseline": lambda: not alike(followed(baseline=["site"], numbers=["site"]), followed(), 1e-6),
    "g_formula numbers": lambda: (
        not alike(followed(baseline=["site"]), followed(baseline=["site"], numbers=["site"]), 1e-6)
    ),
    "g_formula cluster": lambda: not alike(followed(cluster="clinic"), followed(), 1e-6),
    "g_formula confidence": lambda: widths(followed(confidence=0.5)) < widths(followed()),
    "g_formula draws": lambda: not alike(followed(draws=30), followed(), 1e-6),
    "g_formula seed": lambda: not alike(followed(seed=2), followed(), 1e-6),
    "marginal_structural participant": lambda: alike(
        weighed(weeks().rename(columns={"participant": "who"}), participant="who")
        .to_frame()
        .select_dtypes("number"),
        weighed().to_frame().select_dtypes("number"),
    ),
    "marginal_structural time": lambda: alike(
        weighed(weeks().rename(columns={"time": "week"}), time="week").to_frame().select_dtypes("number"),
        weighed().to_frame().select_dtypes("number"),
    ),
    "marginal_structural baseline": lambda: (
        not alike(
            weighed(baseline=["site"], numbers=["site"]).to_frame().select_dtypes("number"),
            weighed().to_frame().select_dtypes("number"),
            1e-6,
        )
    ),
    "marginal_structural cluster": lambda: (
        not alike(
            weighed(cluster="clinic").to_frame().select_dtypes("number"),
            weighed().to_frame().select_dtypes("number"),
            1e-6,
        )
    ),
    "marginal_structural truncate": lambda: (
        not alike(
            weighed(truncate=0.05).to_frame().select_dtypes("number"),
            weighed().to_frame().select_dtypes("number"),
            1e-6,
        )
    ),
    "marginal_structural confidence": lambda: (
        widths(weighed(confidence=0.5).to_frame()) < widths(weighed().to_frame())
    ),
    "sam method": lambda: (
        not alike(apart(method="global").parameters["est"], apart().parameters["est"], 1e-6)
    ),
    "sam estimator": lambda: (
        analysis.sam(
            "f =~ q1 + q2 + q3\ng =~ q4 + q5 + q6\ng ~ f",
            read("likert", 300),
            ordered=EIGHT[:6],
            estimator="WLSMV",
        ).estimator
        == "WLSMV"
        != apart().estimator
    ),
    "misspecifications regression_size": lambda: (
        not alike(allowed("~", regression_size=0.4), allowed("~"), 1e-6)
    ),
    "misspecifications intercept_size": lambda: (
        not alike(allowed("~1", intercept_size=0.6), allowed("~1"), 1e-6)
    ),
    "plan_power answered": lambda: planned(answered=0.9)["analysed"] > planned()["analysed"],
    "plan_power left": lambda: planned(left=0.4)["mean_se"] > 1.1 * planned()["mean_se"],
    "plan_power n": lambda: planned(n=(120,))["analysed"] > 1.4 * planned()["analysed"],
    "plan_power odds_ratio": lambda: (
        planned(odds_ratio=2.5)["mean_estimate"] > planned()["mean_estimate"] + 0.2
    ),
    "plan_power reliability": lambda: planned(reliability=0.4)["mean_estimate"] < planned()["mean_estimate"],
    "plan_power spread": lambda: planned(spread=0.9)["mean_se"] > 1.2 * planned()["mean_se"],
    "plan_power replications": lambda: planned(replications=41)["replications"] == 41,
    "plan_power progress": lambda: told() and told()[-1][1] == told()[-1][2],
    "sam group": lambda: len(apart(group="grp").parameters) > len(apart().parameters),
}


@pytest.mark.parametrize("name", list(HOLDS))
@pytest.mark.filterwarnings("ignore")
def test_a_keyword_takes_effect_by_a_relation(name: str) -> None:
    assert HOLDS[name]()
