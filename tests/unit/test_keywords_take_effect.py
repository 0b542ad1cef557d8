"""Keywords of public functions against relations that must hold: sizes, powers of ten, other programs' rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.usage.reading import LogReading
from tests.unit.small_analyses import (
    COMPLETE,
    GIVEN,
    GUESS,
    R,
    alike,
    answers,
    chisq,
    complete,
    dosed,
    factors,
    fair,
    guessed,
    holes,
    joined,
    latent,
    near,
    one_factor,
    ordinal,
    ratings,
    reliability,
    repeated,
    retained,
    scale,
    seconds,
    shared,
    silent_weeks,
    spearman,
    theirs,
    three,
    used,
    weighted,
    widths,
)
from tests.unit.test_options_take_effect import (
    EIGHT,
    NINE,
    NORTH,
    fit,
    gaps,
    read,
)

HOLDS: dict[str, Callable[[], bool]] = {
    # one keyword each: a relation that holds only where it takes effect
    "bartlett_sphericity n_obs": lambda: (
        chisq(200) / chisq(100) == near((199 - 21 / 6) / (99 - 21 / 6), rel=1e-12)
    ),
    "bartlett_sphericity correlation": lambda: (
        analysis.bartlett_sphericity(complete(), correlation="polychoric").chisq
        == near(analysis.bartlett_sphericity(latent(), **GIVEN).chisq, rel=1e-9)
    ),
    "bartlett_sphericity missing": lambda: (
        analysis.bartlett_sphericity(gaps()[EIGHT], missing="pairwise").n_obs > len(COMPLETE)
        and analysis.bartlett_sphericity(gaps()[EIGHT]).n_obs == len(COMPLETE)
    ),
    "kmo correlation": lambda: (
        analysis.kmo(complete(), correlation="polychoric").overall
        == near(analysis.kmo(latent(), **GIVEN).overall)
        != near(analysis.kmo(complete()).overall)
    ),
    "kmo missing": lambda: (
        analysis.kmo(gaps()[EIGHT], missing="pairwise").overall
        == near(analysis.kmo(gaps()[EIGHT].corr(), **GIVEN).overall)
        != near(analysis.kmo(gaps()[EIGHT]).overall)
    ),
    "kmo n_obs": lambda: analysis.kmo(R, correlation="given", n_obs=77).n_obs == 77,
    "efa n_obs": lambda: (
        factors(items=R, correlation="given", n_obs=100).fit["chisq"]
        * (199 - (2 * 8 + 5) / 6 - 4 / 3)
        / (99 - (2 * 8 + 5) / 6 - 4 / 3)
        == near(factors(items=R, **GIVEN).fit["chisq"], rel=1e-6)
    ),
    "efa correlation": lambda: alike(factors(correlation="polychoric").correlations, latent()),
    "efa missing": lambda: (
        factors(items=gaps()[EIGHT]).n_obs == len(COMPLETE)
        and alike(factors(items=gaps()[EIGHT], missing="pairwise").correlations, gaps()[EIGHT].corr())
    ),
    "efa extraction": lambda: (
        factors(extraction="ml").fit["chisq"] != near(factors().fit["chisq"], abs=1e-6)
        and factors(extraction="ml").fit["chisq"] <= factors().fit["chisq"]  # what it makes smallest
    ),
    "efa rotation": lambda: (
        alike(factors(rotation="varimax").factor_correlations, np.eye(2))
        and not alike(factors().factor_correlations, np.eye(2), 0.01)
        and alike(factors(rotation="varimax").communalities, factors().communalities, 1e-6)
    ),
    "efa random_starts": lambda: factors(random_starts=7).rotation_starts == 8,
    "efa seed": lambda: factors(seed=5).seed == 5,
    "congeneric_omega missing": lambda: (
        one_factor(items=gaps()[EIGHT]).estimate == near(one_factor(items=COMPLETE).estimate, abs=1e-12)
        and one_factor(items=gaps()[EIGHT], missing="pairwise").estimate
        != near(one_factor(items=COMPLETE).estimate, abs=1e-6)
    ),
    "congeneric_omega extraction": lambda: (
        one_factor(extraction="minres").estimate != near(one_factor().estimate, abs=1e-6)
    ),
    "congeneric_omega draws": lambda: one_factor().ci is None and one_factor(draws=20).ci is not None,
    "omega correlation": lambda: (
        reliability(correlation="polychoric").alpha
        == near(reliability(items=latent(), **GIVEN).alpha, abs=1e-8)
        != near(reliability().alpha, abs=1e-6)
    ),
    "omega missing": lambda: (
        reliability(items=gaps()[EIGHT]).total == near(reliability(items=COMPLETE).total, abs=1e-10)
        and reliability(items=gaps()[EIGHT], missing="pairwise").total
        == near(reliability(items=gaps()[EIGHT].corr(), **GIVEN).total, abs=1e-8)
    ),
    "omega extraction": lambda: reliability(extraction="ml").total != near(reliability().total, abs=1e-6),
    "omega n_obs": lambda: reliability(items=R, correlation="given", n_obs=77).n_obs == 77,
    "omega draws": lambda: reliability().total_ci is None and reliability(draws=20).total_ci is not None,
    "omega interval": lambda: (
        not alike(reliability(draws=30).total_ci, reliability(draws=30, interval="percentile").total_ci)
    ),
    "cronbach_alpha interval": lambda: (
        not alike(
            analysis.cronbach_alpha(COMPLETE).ci,
            analysis.cronbach_alpha(COMPLETE, interval="bootstrap", draws=60).ci,
            1e-4,
        )
    ),
    "cronbach_alpha draws": lambda: (
        not alike(
            analysis.cronbach_alpha(COMPLETE, interval="bootstrap", draws=60).ci,
            analysis.cronbach_alpha(COMPLETE, interval="bootstrap", draws=120).ci,
        )
    ),
    "lower_bounds standardized": lambda: (
        analysis.lower_bounds(COMPLETE[NORTH], standardized=True).table.loc["lambda3", "estimate"]
        == near(4 / 3 * (1 - 4 / theirs(COMPLETE[NORTH].corr()).sum()), rel=1e-12)
    ),
    "factor_retention correlation": lambda: (
        retained(correlation="polychoric").eigenvalues["observed"].tolist()
        == near(np.linalg.eigvalsh(latent())[::-1].tolist(), abs=1e-9)
    ),
    "factor_retention missing": lambda: (
        analysis.factor_retention(gaps()[EIGHT], correlation="pearson", missing="pairwise", draws=10)
        .eigenvalues["observed"]
        .tolist()
        == near(np.linalg.eigvalsh(gaps()[EIGHT].corr())[::-1].tolist(), abs=1e-9)
    ),
    "factor_retention draws": lambda: (
        not alike(retained(draws=10).eigenvalues, retained(draws=19).eigenvalues)
    ),
    "polychoric missing": lambda: (
        analysis.polychoric(gaps()[NORTH], missing="listwise").n_obs
        == len(gaps()[NORTH].dropna())
        < analysis.polychoric(gaps()[NORTH]).pair_n.to_numpy().max()
    ),
    "mixed_correlations missing": lambda: (
        alike(
            analysis.mixed_correlations(gaps()[NORTH], ordered=[], missing="listwise").correlations,
            gaps()[NORTH].dropna().corr(),
        )
        and analysis.mixed_correlations(gaps()[NORTH], ordered=[]).pair_n.loc["q1", "q3"]
        == len(gaps()[["q1", "q3"]].dropna())
    ),
    "mixed_correlations ordered": lambda: (
        not alike(
            analysis.mixed_correlations(COMPLETE[NORTH], ordered=NORTH).correlations,
            COMPLETE[NORTH].corr(),
            1e-3,
        )
    ),
    "cfa estimator": lambda: (
        # robust errors around the same estimates
        alike(
            fit(NINE, estimator="MLR").parameters["est"].iloc[:21],
            fit(NINE, estimator="ML").parameters["est"].iloc[:21],
            1e-4,
        )
        and "chisq_scaled" in fit(NINE, estimator="MLR").fit
        and "chisq_scaled" not in fit(NINE, estimator="ML").fit
    ),
    "cfa ordered": lambda: (
        ordinal().parameters["op"].eq("|").sum() == 16 and three().parameters["op"].eq("|").sum() == 0
    ),
    "cfa missing": lambda: (
        three(data=holes(), missing="fiml").n_obs
        > three(data=holes(), missing="listwise").n_obs
        == len(holes()[["x4", "x5", "x6"]].dropna())
    ),
    "cfa group": lambda: (
        list(three(group="grp").groups) != []
        and len(three(group="grp").groups) == read("continuous")["grp"].nunique()
    ),
    "cfa parameterization": lambda: (
        # theta holds residual variances at 1 where delta holds the totals there
        alike(ordinal(parameterization="theta").fit["chisq"], ordinal().fit["chisq"], 1e-3)
        and alike(
            ordinal(parameterization="theta").parameters.query("op == '~~' and lhs != 'f'")["est"], np.ones(4)
        )
        and not alike(ordinal().parameters.query("op == '~~' and lhs != 'f'")["est"], np.ones(4), 0.1)
    ),
    "cfa cluster": lambda: (
        len(three(data=weighted(), cluster="c", estimator="MLR").parameters)
        == 11  # both levels
        != len(three(data=weighted(), estimator="MLR").parameters)
    ),
    "cfa sampling_weights": lambda: (
        not alike(
            three(data=weighted(), sampling_weights="w", estimator="MLR").parameters["est"],
            three(data=weighted(), estimator="MLR").parameters["est"],
            1e-3,
        )
    ),
    "dif adjust": lambda: (
        (fair(adjust="none").table["p_adjusted_total"] <= fair().table["p_adjusted_total"]).all()
        and (fair(adjust="bh").table["p_adjusted_total"] <= fair().table["p_adjusted_total"] + 1e-12).all()
        and not alike(fair().table["p_adjusted_total"], fair(adjust="none").table["p_adjusted_total"])
    ),
    "dif rule": lambda: fair(rule="zumbo").rule == "zumbo" != fair().rule,
    "dif anchors": lambda: fair(anchors=["q1", "q2"]).anchors == ["q1", "q2"],
    "dif matching": lambda: not alike(fair().logliks, fair(matching="theta").logliks, 1e-3),
    "extracted_variance error_variances": lambda: (
        # sum of squared loadings over that sum and the errors: .98 / (.98 + .2 + .2)
        shared(error_variances=pd.Series(0.2, index=list("abcd")))["ave"].iloc[0] == near(0.98 / 1.38)
        and shared()["ave"].iloc[0] == near(0.49)
    ),
    "check_hypotheses correlation": lambda: (
        guessed(correlation="spearman")["estimate"] == near(spearman(complete()).loc["q1", "q2"], abs=1e-12)
        and guessed()["estimate"] == near(complete().corr().loc["q1", "q2"], abs=1e-12)
    ),
    "check_hypotheses confidence": lambda: (
        guessed(confidence=0.5)["ci_upper"] - guessed(confidence=0.5)["ci_lower"]
        < guessed()["ci_upper"] - guessed()["ci_lower"]
    ),
    "check_hypotheses values": lambda: (
        analysis.check_hypotheses([GUESS[0] | {"measure": "other"}], values={"h": 0.25})
        .table["estimate"]
        .item()
        == 0.25
    ),
    "icc targets": lambda: (
        analysis.icc(ratings("who", "judge", "mark"), targets="who", raters="judge", ratings="mark")
        .to_frame()
        .equals(analysis.icc(ratings("participant", "wave", "score")).to_frame())
    ),
    "item_statistics scale": lambda: (
        analysis.item_statistics(answers()[NORTH], scale()).bounds.to_numpy().tolist() == [[0, 7]] * 4
    ),
    "item_statistics bounds": lambda: (
        analysis.item_statistics(complete(), bounds=(0, 7)).table["floor_share"].eq(0).all()
        and analysis.item_statistics(complete(), bounds=(1, 5)).table["ceiling_share"].tolist()
        == near(complete().eq(5).mean().tolist())
    ),
    "known_groups expected": lambda: (
        analysis.known_groups(read("likert"), "q1", "group", expected=["b", "a"]).as_expected
        is not analysis.known_groups(read("likert"), "q1", "group", expected=["a", "b"]).as_expected
    ),
    "screen least_flags": lambda: (
        analysis.screen(answers(), scale(), times=seconds(1.0), least_flags=1).table["flagged"].sum()
        == (analysis.screen(answers(), scale(), times=seconds(1.0)).table["n_flags"] >= 1).sum()
        > analysis.screen(answers(), scale(), times=seconds(1.0), least_flags=3).table["flagged"].sum()
    ),
    "screen times": lambda: (
        analysis.screen(answers(), scale(), times=seconds(1.0)).table["n_flags"].sum()
        == analysis.screen(answers(), scale(), times=seconds(60.0)).table["n_flags"].sum() + 2
    ),
    "simulate_study n": lambda: len(analysis.simulate_study("dta_example", n=13).enrolment) == 13,
    "summarise_usage skew_minutes": lambda: (
        (used().counts["skewed"], used(skew_minutes=20.0).counts["skewed"]) == (1, 0)
    ),
    "summarise_usage participants": lambda: (
        len(used(participants=pd.DataFrame({"participant": ["p", "q", "r"]})).people)
        == 3
        != len(used().people)
    ),
    "summarise_usage engine": lambda: used(engine="duckdb://").people.equals(used().people),
    "summarise_usage reading": lambda: (
        used(reading=LogReading(durations="h")).people["minutes_whole"].sum()
        == 60 * used().people["minutes_whole"].sum()
    ),
    "impute_items imputations": lambda: len(analysis.impute_items(gaps()[EIGHT], 3, sweeps=1)) == 3,
    "impute_items sweeps": lambda: (
        not analysis.impute_items(gaps()[EIGHT], 2, sweeps=1)[0].equals(
            analysis.impute_items(gaps()[EIGHT], 2, sweeps=2)[0]
        )
    ),
    "htmt correlation": lambda: (
        not alike(
            analysis.htmt(complete(), {"u": NORTH, "v": EIGHT[4:]}, draws=20, correlation="polychoric").htmt,
            analysis.htmt(complete(), {"u": NORTH, "v": EIGHT[4:]}, draws=20).htmt,
            1e-4,
        )
    ),
    "htmt missing": lambda: alike(
        analysis.htmt(gaps(), {"u": NORTH, "v": EIGHT[4:]}, draws=20, missing="listwise").htmt,
        analysis.htmt(COMPLETE, {"u": NORTH, "v": EIGHT[4:]}, draws=20).htmt,
    ),
    "dose_response adjust_for": lambda: (
        abs(dosed(adjust_for=("severity",)).curve.iloc[-1, 1] - dosed().curve.iloc[-1, 1]) > 1e-3
    ),
    "dose_response draws": lambda: (
        dosed(draws=60).design["draws"] == 60
        and not alike(
            dosed(draws=60).threshold.select_dtypes("number"), dosed().threshold.select_dtypes("number")
        )
    ),
    "recurrent_events adjust_for": lambda: (
        not alike(
            repeated(adjust_for=["severity"]).select_dtypes("number").iloc[:1],
            repeated().select_dtypes("number").iloc[:1],
            1e-6,
        )
    ),
    "joint_model adjust_for": lambda: not alike(joined(adjust_for=["severity"]), joined(), 1e-6),
    "joint_model left": lambda: (
        not alike(
            joined(silent_weeks().query("week <= gone"), left="left"),
            joined(silent_weeks().query("week <= gone")),
            1e-6,
        )
    ),
    "joint_model participant": lambda: alike(
        joined(silent_weeks().rename(columns={"participant": "who"}), participant="who"), joined()
    ),
    "joint_model time": lambda: alike(
        joined(silent_weeks().rename(columns={"week": "nth"}), time="nth"), joined()
    ),
    "joint_model numbers": lambda: (
        not alike(
            joined(adjust_for=["site"], numbers=["site"]),
            joined(silent_weeks().assign(site=lambda t: t["site"].astype(str)), adjust_for=["site"]),
            1e-6,
        )
    ),
    "joint_model cluster": lambda: not alike(joined(cluster="clinic"), joined(), 1e-6),
    "joint_model confidence": lambda: widths(joined(confidence=0.5)) < widths(joined()),
}


@pytest.mark.parametrize("name", list(HOLDS))
@pytest.mark.filterwarnings("ignore")
def test_a_keyword_takes_effect_by_a_relation(name: str) -> None:
    assert HOLDS[name]()
