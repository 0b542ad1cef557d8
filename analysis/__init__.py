"""What the answers mean: screening, reliability, factors, structural models, fairness, validity, adherence.

Each name is loaded when it is first asked for, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from inspect import isfunction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.adherence.chain.mediate_adherence import MediationResult, mediate_adherence
    from analysis.adherence.dose.dose_response import DoseResult, dose_response
    from analysis.adherence.latent.latent_adherence import LatentAdherence, latent_adherence
    from analysis.adherence.over_time.g_formula import GFormulaResult, g_formula
    from analysis.adherence.over_time.joint_model import JointResult, joint_model
    from analysis.adherence.over_time.landmark_scan import ScanResult, landmark_scan
    from analysis.adherence.over_time.marginal_structural import MarginalResult, marginal_structural
    from analysis.adherence.over_time.recurrent_events import RecurrentResult, recurrent_events
    from analysis.adherence.over_time.relate_waves import WavesResult, relate_waves
    from analysis.adherence.priorities.priority_map import PriorityMap, priority_map
    from analysis.adherence.relate_adherence import relate_adherence
    from analysis.adherence.result import AdherenceResult
    from analysis.agreement.icc import IccResult, icc
    from analysis.agreement.measurement_error import (
        LimitsOfAgreement,
        ReliableChangeResult,
        limits_of_agreement,
        reliable_change,
        standard_error_of_measurement,
    )
    from analysis.audit.audit_agreement import AuditAgreement, audit_agreement
    from analysis.audit.relate_features import FeatureRelation, relate_features
    from analysis.common.rules import rule_table
    from analysis.correlation.mixed_correlations import (
        MixedCorrelationResult,
        PolyserialResult,
        mixed_correlations,
        polyserial,
    )
    from analysis.correlation.polychoric import PolychoricResult, polychoric
    from analysis.factors.adequacy import BartlettResult, KmoResult, bartlett_sphericity, kmo
    from analysis.factors.efa import efa
    from analysis.factors.exploratory_result import EfaResult
    from analysis.factors.factor_retention import RetentionResult, factor_retention
    from analysis.fairness.dif import dif
    from analysis.fairness.dif_moderation import ModerationResult, dif_moderation
    from analysis.fairness.dif_result import DifResult
    from analysis.irt.graded_response import graded_response
    from analysis.irt.graded_result import GradedResponseResult
    from analysis.items.imputed_items import (
        PooledConsistency,
        PooledModel,
        impute_items,
        pool_consistency,
        pool_model,
    )
    from analysis.items.item_statistics import ItemStatisticsResult, item_statistics
    from analysis.pipeline.run import Validation, validate
    from analysis.power.plan_power import plan_power
    from analysis.power.plan_table import PlanTable, plan_table
    from analysis.power.result import PowerResult
    from analysis.reliability.congeneric import CongenericResult, composite_reliability, congeneric_omega
    from analysis.reliability.cronbach_alpha import AlphaResult, cronbach_alpha
    from analysis.reliability.levels import (
        IntraclassResult,
        MultilevelReliabilityResult,
        intraclass_correlations,
        multilevel_reliability,
    )
    from analysis.reliability.lower_bounds import LambdasResult, lower_bounds
    from analysis.reliability.omega import omega
    from analysis.reliability.omega_result import OmegaResult
    from analysis.screening.screen import ScreeningResult, screen
    from analysis.simulation.simulate_study import simulate_study
    from analysis.simulation.simulated_study import SimulatedStudy
    from analysis.structural.families.bifactor_strength import BifactorResult, bifactor_strength
    from analysis.structural.families.compare_theories import TheoryResult, compare_theories
    from analysis.structural.families.composite_or_effect import DirectionResult, composite_or_effect
    from analysis.structural.families.context_over_time import ContextOverTimeResult, context_over_time
    from analysis.structural.families.cross_level_invariance import cross_level_invariance
    from analysis.structural.families.growth import growth
    from analysis.structural.families.invariance import InvarianceResult, invariance
    from analysis.structural.families.longitudinal_invariance import longitudinal_invariance
    from analysis.structural.families.panel_model import PanelResult, panel_model
    from analysis.structural.families.sam import SamResult, sam
    from analysis.structural.inference.bootstrap_model import BootstrapResult, bootstrap_model
    from analysis.structural.inference.compare_models import ComparisonResult, compare_models
    from analysis.structural.inference.dynamic_cutoffs import DynamicCutoffs, dynamic_cutoffs
    from analysis.structural.inference.misspecifications import MisspecificationResult, misspecifications
    from analysis.structural.inference.nested import NestingResult, nested
    from analysis.structural.inference.result import StructuralResult
    from analysis.structural.models import cfa, sem
    from analysis.usage.summarise_usage import UsageSummary, summarise_usage
    from analysis.validity.check_hypotheses import HypothesesResult, check_hypotheses
    from analysis.validity.extracted_variance import ExtractedVarianceResult, extracted_variance
    from analysis.validity.htmt import HtmtResult, htmt
    from analysis.validity.incremental_validity import IncrementalResult, incremental_validity
    from analysis.validity.known_groups import KnownGroupsResult, known_groups

_HOME = {
    "AdherenceResult": "analysis.adherence.result",
    "AlphaResult": "analysis.reliability.cronbach_alpha",
    "AuditAgreement": "analysis.audit.audit_agreement",
    "BartlettResult": "analysis.factors.adequacy",
    "BifactorResult": "analysis.structural.families.bifactor_strength",
    "BootstrapResult": "analysis.structural.inference.bootstrap_model",
    "ComparisonResult": "analysis.structural.inference.compare_models",
    "CongenericResult": "analysis.reliability.congeneric",
    "ContextOverTimeResult": "analysis.structural.families.context_over_time",
    "DifResult": "analysis.fairness.dif_result",
    "DirectionResult": "analysis.structural.families.composite_or_effect",
    "DoseResult": "analysis.adherence.dose.dose_response",
    "DynamicCutoffs": "analysis.structural.inference.dynamic_cutoffs",
    "EfaResult": "analysis.factors.exploratory_result",
    "ExtractedVarianceResult": "analysis.validity.extracted_variance",
    "FeatureRelation": "analysis.audit.relate_features",
    "GradedResponseResult": "analysis.irt.graded_result",
    "HtmtResult": "analysis.validity.htmt",
    "HypothesesResult": "analysis.validity.check_hypotheses",
    "IccResult": "analysis.agreement.icc",
    "IncrementalResult": "analysis.validity.incremental_validity",
    "IntraclassResult": "analysis.reliability.levels",
    "InvarianceResult": "analysis.structural.families.invariance",
    "ItemStatisticsResult": "analysis.items.item_statistics",
    "JointResult": "analysis.adherence.over_time.joint_model",
    "KmoResult": "analysis.factors.adequacy",
    "KnownGroupsResult": "analysis.validity.known_groups",
    "LambdasResult": "analysis.reliability.lower_bounds",
    "LatentAdherence": "analysis.adherence.latent.latent_adherence",
    "LimitsOfAgreement": "analysis.agreement.measurement_error",
    "GFormulaResult": "analysis.adherence.over_time.g_formula",
    "MarginalResult": "analysis.adherence.over_time.marginal_structural",
    "MediationResult": "analysis.adherence.chain.mediate_adherence",
    "MisspecificationResult": "analysis.structural.inference.misspecifications",
    "MixedCorrelationResult": "analysis.correlation.mixed_correlations",
    "ModerationResult": "analysis.fairness.dif_moderation",
    "MultilevelReliabilityResult": "analysis.reliability.levels",
    "NestingResult": "analysis.structural.inference.nested",
    "OmegaResult": "analysis.reliability.omega_result",
    "PanelResult": "analysis.structural.families.panel_model",
    "PlanTable": "analysis.power.plan_table",
    "PolychoricResult": "analysis.correlation.polychoric",
    "PolyserialResult": "analysis.correlation.mixed_correlations",
    "PooledConsistency": "analysis.items.imputed_items",
    "PooledModel": "analysis.items.imputed_items",
    "PowerResult": "analysis.power.result",
    "PriorityMap": "analysis.adherence.priorities.priority_map",
    "RecurrentResult": "analysis.adherence.over_time.recurrent_events",
    "ReliableChangeResult": "analysis.agreement.measurement_error",
    "RetentionResult": "analysis.factors.factor_retention",
    "SamResult": "analysis.structural.families.sam",
    "ScanResult": "analysis.adherence.over_time.landmark_scan",
    "ScreeningResult": "analysis.screening.screen",
    "SimulatedStudy": "analysis.simulation.simulated_study",
    "StructuralResult": "analysis.structural.inference.result",
    "StudyData": "instrument.study_data",
    "TheoryResult": "analysis.structural.families.compare_theories",
    "UsageSummary": "analysis.usage.summarise_usage",
    "Validation": "analysis.pipeline.run",
    "WavesResult": "analysis.adherence.over_time.relate_waves",
    "audit_agreement": "analysis.audit.audit_agreement",
    "bartlett_sphericity": "analysis.factors.adequacy",
    "bifactor_strength": "analysis.structural.families.bifactor_strength",
    "bootstrap_model": "analysis.structural.inference.bootstrap_model",
    "cfa": "analysis.structural.models",
    "check_hypotheses": "analysis.validity.check_hypotheses",
    "compare_models": "analysis.structural.inference.compare_models",
    "compare_theories": "analysis.structural.families.compare_theories",
    "composite_or_effect": "analysis.structural.families.composite_or_effect",
    "composite_reliability": "analysis.reliability.congeneric",
    "congeneric_omega": "analysis.reliability.congeneric",
    "context_over_time": "analysis.structural.families.context_over_time",
    "cronbach_alpha": "analysis.reliability.cronbach_alpha",
    "cross_level_invariance": "analysis.structural.families.cross_level_invariance",
    "dif": "analysis.fairness.dif",
    "dif_moderation": "analysis.fairness.dif_moderation",
    "dose_response": "analysis.adherence.dose.dose_response",
    "dynamic_cutoffs": "analysis.structural.inference.dynamic_cutoffs",
    "efa": "analysis.factors.efa",
    "extracted_variance": "analysis.validity.extracted_variance",
    "factor_retention": "analysis.factors.factor_retention",
    "graded_response": "analysis.irt.graded_response",
    "growth": "analysis.structural.families.growth",
    "htmt": "analysis.validity.htmt",
    "icc": "analysis.agreement.icc",
    "impute_items": "analysis.items.imputed_items",
    "incremental_validity": "analysis.validity.incremental_validity",
    "intraclass_correlations": "analysis.reliability.levels",
    "invariance": "analysis.structural.families.invariance",
    "item_statistics": "analysis.items.item_statistics",
    "joint_model": "analysis.adherence.over_time.joint_model",
    "kmo": "analysis.factors.adequacy",
    "known_groups": "analysis.validity.known_groups",
    "landmark_scan": "analysis.adherence.over_time.landmark_scan",
    "latent_adherence": "analysis.adherence.latent.latent_adherence",
    "limits_of_agreement": "analysis.agreement.measurement_error",
    "longitudinal_invariance": "analysis.structural.families.longitudinal_invariance",
    "lower_bounds": "analysis.reliability.lower_bounds",
    "g_formula": "analysis.adherence.over_time.g_formula",
    "marginal_structural": "analysis.adherence.over_time.marginal_structural",
    "mediate_adherence": "analysis.adherence.chain.mediate_adherence",
    "misspecifications": "analysis.structural.inference.misspecifications",
    "mixed_correlations": "analysis.correlation.mixed_correlations",
    "multilevel_reliability": "analysis.reliability.levels",
    "nested": "analysis.structural.inference.nested",
    "omega": "analysis.reliability.omega",
    "panel_model": "analysis.structural.families.panel_model",
    "plan_power": "analysis.power.plan_power",
    "plan_table": "analysis.power.plan_table",
    "polychoric": "analysis.correlation.polychoric",
    "polyserial": "analysis.correlation.mixed_correlations",
    "pool_consistency": "analysis.items.imputed_items",
    "pool_model": "analysis.items.imputed_items",
    "priority_map": "analysis.adherence.priorities.priority_map",
    "recurrent_events": "analysis.adherence.over_time.recurrent_events",
    "relate_adherence": "analysis.adherence.relate_adherence",
    "relate_features": "analysis.audit.relate_features",
    "relate_waves": "analysis.adherence.relate_adherence",
    "reliable_change": "analysis.agreement.measurement_error",
    "rule_table": "analysis.common.rules",
    "sam": "analysis.structural.families.sam",
    "screen": "analysis.screening.screen",
    "sem": "analysis.structural.models",
    "simulate_study": "analysis.simulation.simulate_study",
    "standard_error_of_measurement": "analysis.agreement.measurement_error",
    "summarise_usage": "analysis.usage.summarise_usage",
    "validate": "analysis.pipeline.run",
}

_RENAMED: dict[str, dict[str, str]] = {
    "bifactor_strength": {"level": "confidence", "fit": "result"},
    "bootstrap_model": {"level": "confidence", "n_draws": "draws"},
    "check_hypotheses": {"level": "confidence", "method": "correlation"},
    "congeneric_omega": {"level": "confidence"},
    "cronbach_alpha": {"level": "confidence"},
    "dynamic_cutoffs": {"n_jobs": "workers"},
    "htmt": {"level": "confidence"},
    "icc": {"level": "confidence", "long": "data"},
    "incremental_validity": {"level": "confidence", "controls": "adjust_for"},
    "intraclass_correlations": {"level": "confidence"},
    "known_groups": {"level": "confidence"},
    "limits_of_agreement": {"level": "confidence"},
    "lower_bounds": {"standardised": "standardized"},
    "misspecifications": {
        "level": "confidence",
        "loading": "loading_size",
        "correlation": "correlation_size",
        "regression": "regression_size",
        "intercept": "intercept_size",
    },
    "multilevel_reliability": {"level": "confidence"},
    "omega": {"level": "confidence"},
    "pool_consistency": {"level": "confidence"},
    "pool_model": {"level": "confidence"},
    "relate_features": {"covariates": "adjust_for"},
    "reliable_change": {"level": "confidence"},
}
"""Former keywords by public name: they still work, with a DeprecationWarning."""

__all__ = [
    "AdherenceResult",
    "AlphaResult",
    "AuditAgreement",
    "BartlettResult",
    "BifactorResult",
    "BootstrapResult",
    "ComparisonResult",
    "CongenericResult",
    "ContextOverTimeResult",
    "DifResult",
    "DirectionResult",
    "DoseResult",
    "DynamicCutoffs",
    "EfaResult",
    "ExtractedVarianceResult",
    "FeatureRelation",
    "GFormulaResult",
    "GradedResponseResult",
    "HtmtResult",
    "HypothesesResult",
    "IccResult",
    "IncrementalResult",
    "IntraclassResult",
    "InvarianceResult",
    "ItemStatisticsResult",
    "JointResult",
    "KmoResult",
    "KnownGroupsResult",
    "LambdasResult",
    "LatentAdherence",
    "LimitsOfAgreement",
    "MarginalResult",
    "MediationResult",
    "MisspecificationResult",
    "MixedCorrelationResult",
    "ModerationResult",
    "MultilevelReliabilityResult",
    "NestingResult",
    "OmegaResult",
    "PanelResult",
    "PlanTable",
    "PolychoricResult",
    "PolyserialResult",
    "PooledConsistency",
    "PooledModel",
    "PowerResult",
    "PriorityMap",
    "RecurrentResult",
    "ReliableChangeResult",
    "RetentionResult",
    "SamResult",
    "ScanResult",
    "ScreeningResult",
    "SimulatedStudy",
    "StructuralResult",
    "StudyData",
    "TheoryResult",
    "UsageSummary",
    "Validation",
    "WavesResult",
    "audit_agreement",
    "bartlett_sphericity",
    "bifactor_strength",
    "bootstrap_model",
    "cfa",
    "check_hypotheses",
    "compare_models",
    "compare_theories",
    "composite_or_effect",
    "composite_reliability",
    "congeneric_omega",
    "context_over_time",
    "cronbach_alpha",
    "cross_level_invariance",
    "dif",
    "dif_moderation",
    "dose_response",
    "dynamic_cutoffs",
    "efa",
    "extracted_variance",
    "factor_retention",
    "g_formula",
    "graded_response",
    "growth",
    "htmt",
    "icc",
    "impute_items",
    "incremental_validity",
    "intraclass_correlations",
    "invariance",
    "item_statistics",
    "joint_model",
    "kmo",
    "known_groups",
    "landmark_scan",
    "latent_adherence",
    "limits_of_agreement",
    "longitudinal_invariance",
    "lower_bounds",
    "marginal_structural",
    "mediate_adherence",
    "misspecifications",
    "mixed_correlations",
    "multilevel_reliability",
    "nested",
    "omega",
    "panel_model",
    "plan_power",
    "plan_table",
    "polychoric",
    "polyserial",
    "pool_consistency",
    "pool_model",
    "priority_map",
    "recurrent_events",
    "relate_adherence",
    "relate_features",
    "relate_waves",
    "reliable_change",
    "rule_table",
    "sam",
    "screen",
    "sem",
    "simulate_study",
    "standard_error_of_measurement",
    "summarise_usage",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in; functions look at the kinds of what they are given."""
    if name == "__version__":
        from importlib.metadata import version

        return version("dta-toolkit")
    if name not in _HOME:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    from instrument.common.extras import naming_extras

    with naming_extras(name):
        found = getattr(import_module(_HOME[name]), name)
    if isfunction(found):
        from instrument.common.arguments import checked

        found = checked(found, _RENAMED.get(name), __name__)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Name everything public."""
    return [*__all__, "__version__"]
