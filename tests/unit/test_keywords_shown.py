"""Every optional keyword of a public function is shown to take effect by a test, or is listed as not shown."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import analysis
from tests.unit.small_analyses import (
    ROOT,
    alike,
    near,
)
from tests.unit.test_keywords_of_models import HOLDS as OF_MODELS
from tests.unit.test_keywords_take_effect import HOLDS as OF_STATISTICS
from tests.unit.test_options_take_effect import (
    LARGER,
    LEVELS,
    NINE,
    SEEDS,
    read,
)

ELSEWHERE = {
    # what these do is shown by tests of the function itself: where, and which keywords
    "audit_agreement": {"unit/test_audit.py": "principles"},
    "cfa": {"reference/test_lavaan07_models_values.py": "auxiliary rotation_args"},
    "compare_theories": {"pipeline/test_reviewer_sections.py": "estimator missing"},
    "composite_or_effect": {"unit/test_tetrads.py": "ordered"},
    "congeneric_omega": {"unit/test_smoothing.py": "smooth"},
    "context_over_time": {
        "unit/test_context_over_time.py": "context measured_by participant wave estimator missing",
        "pipeline/test_longitudinal_section.py": "waves",
    },
    "cross_level_invariance": {
        "unit/test_multilevel_reliability.py": "levels",
        "unit/test_answers_door.py": "estimator missing",
    },
    "dif_moderation": {"unit/test_dif.py": "matching purify anchors max_rounds adjust alpha rule"},
    "dynamic_cutoffs": {"unit/test_structural_dynamic.py": "replications seed workers"},
    "efa": {"unit/test_smoothing.py": "smooth"},
    "factor_retention": {"unit/test_smoothing.py": "smooth comparison_samples"},
    "graded_response": {
        "unit/test_graded_response.py": "max_iter",
        "unit/test_options_never_used.py": "options",
    },
    "growth": {"reference/test_growth_ordinal_values.py": "ordered"},
    "htmt": {"pipeline/test_validity_section.py": "draws"},
    "icc": {"unit/test_jackknife_intervals.py": "interval"},
    "intraclass_correlations": {
        "unit/test_every_field.py": "missing",
        "unit/test_two_level_ordinal.py": "ordered",
    },
    "invariance": {"unit/test_every_field.py": "missing"},
    "kmo": {"unit/test_smoothing.py": "smooth"},
    "landmark_scan": {
        "unit/test_landmark_scan.py": "times days participants predictor confidence engine reading",
        "pipeline/test_use_course_section.py": "covariates outcomes seed",
    },
    "latent_adherence": {
        "unit/test_every_field.py": "cluster adjust_for confidence targets wave covariates outcomes",
        "pipeline/test_adherence_measured.py": "scored",
    },
    "limits_of_agreement": {"unit/test_jackknife_intervals.py": "interval"},
    "longitudinal_invariance": {
        "reference/test_invariance_over_time_values.py": "levels waves participant ordered wave",
        "unit/test_every_field.py": "missing",
        "pipeline/test_kept_by_the_plan.py": "estimator",
    },
    "g_formula": {
        "unit/test_g_formula.py": "times lags products shift at_least set_to",
    },
    "marginal_structural": {
        "unit/test_marginal_structural.py": "times lags leaving history",
        "pipeline/test_adherence_measured.py": "numbers",
    },
    "mediate_adherence": {
        "unit/test_mediation.py": "context outcome_day alliance context_wave wave draws covariates "
        "outcomes seed",
        "unit/test_every_field.py": "cluster confidence",
    },
    "multilevel_reliability": {"unit/test_every_field.py": "missing"},
    "omega": {"unit/test_smoothing.py": "smooth", "unit/test_reliability_omega.py": "rotation"},
    "panel_model": {
        "unit/test_panel_models.py": "times waves participant measured_by scale estimator wave equal kind "
        "group group_equal",
        "unit/test_every_field.py": "missing",
    },
    "plan_table": {
        "unit/test_plan_table.py": "correlations reliability answered left followed done spread days "
        "overdispersion disengaged habit before_alliance enrolment_days read_day alpha target seed scheduler "
        "workers progress replications"
    },
    "plan_power": {
        "unit/test_power_planning.py": "read_day alpha target cluster_alliance cluster_size workers "
        "before_alliance "
        "cluster_use earlier_odds_ratio done enrolment_days hidden_cause seed scheduler",
    },
    "polychoric": {"unit/test_correlation_input.py": "smooth"},
    "polyserial": {"unit/test_every_field.py": "missing"},
    "priority_map": {
        "unit/test_priority_map.py": "confidence wave draws covariates outcomes seed",
        "unit/test_every_field.py": "cluster",
    },
    "relate_adherence": {
        "unit/test_every_field.py": "context cluster adjust_for confidence predictors wave covariates "
        "outcomes seed",
        "unit/test_late_answers.py": "times",
    },
    "relate_waves": {
        "unit/test_every_field.py": "cluster adjust_for confidence predictors participants covariates "
        "outcomes",
        "unit/test_adherence_waves.py": "engine",
    },
    "sam": {
        "reference/test_sam_values.py": "blocks group_equal meanstructure missing",
        "unit/test_sam.py": "ordered cluster sampling_weights",
    },
    "sem": {
        "reference/test_lavaan07_models_values.py": "missing bounds auxiliary group_equal rotation_args "
        "estimator "
        "rotation fixed_x group meanstructure",
        "unit/test_every_field.py": "orthogonal cluster parameterization ordered",
        "unit/test_structural_bad_input.py": "std_lv group_partial",
        "unit/test_keywords_shown.py": "sampling_weights",
    },
    "validate": {
        "pipeline/test_plan_entries.py": "half study correlation times plan covariates outcomes topics "
        "smooth seed",
        "pipeline/test_validity_section.py": "measures",
        "pipeline/test_figures_all.py": "enrolment audit usage",
        "pipeline/test_two_processes.py": "workers",
        "unit/test_wave_order.py": "waves",
        "pipeline/test_content_section.py": "content",
        "pipeline/test_pipeline_tree.py": "progress",
        "pipeline/test_reproduced_numbers.py": "analysed",
        "unit/test_study_as_one_object.py": "use_over_time use_by_wave scale",
    },
}
INEXACT = {"reliable_change level": "confidence", "misspecifications loading": "loading_size"}


def test_every_optional_keyword_is_shown_somewhere() -> None:
    shown = {(name.split()[0], "confidence") for name in LEVELS} | {
        (name.split()[0], "seed") for name in SEEDS
    }
    for name in (*LARGER, *OF_STATISTICS, *OF_MODELS):
        function, option = name.split()[:2]
        shown.add((function, INEXACT.get(name, option)))
    for function, places in ELSEWHERE.items():
        for file, options in places.items():
            text = (ROOT / file).read_text(encoding="utf-8")
            assert f"{function}(" in text, (function, file)
            for option in options.split():
                assert f"{option}=" in text or f'"{option}":' in text, (function, option, file)
                shown.add((function, option))
    left: dict[str, set[str]] = {}
    for name in analysis.__all__:
        function = getattr(analysis, name)
        if inspect.isfunction(function):
            options = inspect.signature(function).parameters.values()
            optional = {option.name for option in options if option.default is not option.empty}
            if unseen := {option for option in optional if (name, option) not in shown}:
                left[name] = unseen
    assert left == {}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"std_lv": True},
        {"orthogonal": True},
        {"meanstructure": True},
        {"missing": "fiml"},
        {"sampling_weights": "weight"},
        {"cluster": "clinic"},
        {"bounds": "pos.var"},
        {"group": "half", "group_equal": "loadings", "group_partial": "visual=~x2"},
        {"estimator": "MLR"},
    ],
)
def test_sem_takes_the_options_of_cfa(options: dict[str, Any]) -> None:
    data = read("continuous")
    k = np.arange(len(data))
    data = data.assign(weight=1.0 + k % 3, clinic=k % 30, half=k % 2)
    given = {"estimator": "ML", **options}
    one, other = analysis.cfa(NINE, data, **given), analysis.sem(NINE, data, **given)
    assert one.fit["chisq"] == near(other.fit["chisq"], rel=1e-9) and one.n_parameters == other.n_parameters
    assert alike(one.parameters["est"], other.parameters["est"])
