"""What the answers mean: screening, reliability, factors, structural models, fairness, validity, adherence.

Each name is loaded when it is first asked for, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from inspect import isfunction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.adherence import relate_adherence, relate_waves
    from analysis.adherence.dose import DoseResult, dose_response
    from analysis.adherence.landmark_scan import ScanResult, landmark_scan
    from analysis.adherence.latent import LatentAdherence, latent_adherence
    from analysis.adherence.marginal_models import MarginalResult, marginal_structural
    from analysis.adherence.mediation import MediationResult, mediate_adherence
    from analysis.adherence.priorities import PriorityMap, priority_map
    from analysis.adherence.recurrent import RecurrentResult, recurrent_events
    from analysis.adherence.result import AdherenceResult
    from analysis.adherence.waves import WavesResult
    from analysis.agreement import IccResult, icc
    from analysis.audit.agreement import AuditAgreement, audit_agreement
    from analysis.audit.features import FeatureRelation, relate_features
    from analysis.correlation.matrices import PolychoricResult, polychoric
    from analysis.correlation.mixed_matrices import (
        MixedCorrelationResult,
        PolyserialResult,
        mixed_correlations,
        polyserial,
    )
    from analysis.factors.adequacy import BartlettResult, KmoResult, bartlett_sphericity, kmo
    from analysis.factors.exploratory import efa
    from analysis.factors.exploratory_result import EfaResult
    from analysis.factors.retention import RetentionResult, factor_retention
    from analysis.fairness.dif_result import DifResult
    from analysis.fairness.item_functioning import dif
    from analysis.fairness.moderation import ModerationResult, dif_moderation
    from analysis.imputed_items import (
        PooledConsistency,
        PooledModel,
        impute_items,
        pool_consistency,
        pool_model,
    )
    from analysis.irt.graded_response_model import graded_response
    from analysis.irt.graded_result import GradedResponseResult
    from analysis.items import ItemStatisticsResult, item_statistics
    from analysis.measurement_error import (
        LimitsOfAgreement,
        ReliableChangeResult,
        limits_of_agreement,
        reliable_change,
        standard_error_of_measurement,
    )
    from analysis.pipeline.run import Validation, validate
    from analysis.power import plan_power
    from analysis.power_result import PowerResult
    from analysis.reliability.alpha import AlphaResult, cronbach_alpha
    from analysis.reliability.congeneric import CongenericResult, composite_reliability, congeneric_omega
    from analysis.reliability.hierarchical import omega
    from analysis.reliability.lambdas import LambdasResult, lower_bounds
    from analysis.reliability.levels import (
        IntraclassResult,
        MultilevelReliabilityResult,
        intraclass_correlations,
        multilevel_reliability,
    )
    from analysis.reliability.omega_result import OmegaResult
    from analysis.rules import rule_table
    from analysis.screening import ScreeningResult, screen
    from analysis.simulation import simulate_study
    from analysis.simulation.study_data import StudyData
    from analysis.structural.bifactor import BifactorResult, bifactor_strength
    from analysis.structural.bootstrap import BootstrapResult, bootstrap_model
    from analysis.structural.compare import ComparisonResult, compare_models
    from analysis.structural.context_paths import ContextOverTimeResult, context_over_time
    from analysis.structural.dynamic import DynamicCutoffs, dynamic_cutoffs
    from analysis.structural.equal_levels import cross_level_invariance
    from analysis.structural.equal_measurement import InvarianceResult, invariance
    from analysis.structural.equal_over_time import longitudinal_invariance
    from analysis.structural.growth_curves import growth
    from analysis.structural.measurement_direction import DirectionResult, composite_or_effect
    from analysis.structural.misspecification import MisspecificationResult, misspecifications
    from analysis.structural.models import cfa, sem
    from analysis.structural.nested import NestingResult, nested
    from analysis.structural.panel_models import PanelResult, panel_model
    from analysis.structural.result import StructuralResult
    from analysis.structural.sam import SamResult, sam
    from analysis.structural.theory import TheoryResult, compare_theories
    from analysis.usage import UsageSummary, summarise_usage
    from analysis.validity.discriminant import HtmtResult, htmt
    from analysis.validity.extracted import ExtractedVarianceResult, extracted_variance
    from analysis.validity.groups import KnownGroupsResult, known_groups
    from analysis.validity.hypotheses import HypothesesResult, check_hypotheses
    from analysis.validity.increment import IncrementalResult, incremental_validity

_HOME = {
    "AdherenceResult": "analysis.adherence.result",
    "AlphaResult": "analysis.reliability.alpha",
    "AuditAgreement": "analysis.audit.agreement",
    "BartlettResult": "analysis.factors.adequacy",
    "BifactorResult": "analysis.structural.bifactor",
    "BootstrapResult": "analysis.structural.bootstrap",
    "ComparisonResult": "analysis.structural.compare",
    "CongenericResult": "analysis.reliability.congeneric",
    "ContextOverTimeResult": "analysis.structural.context_paths",
    "DifResult": "analysis.fairness.dif_result",
    "DirectionResult": "analysis.structural.measurement_direction",
    "DoseResult": "analysis.adherence.dose",
    "DynamicCutoffs": "analysis.structural.dynamic",
    "EfaResult": "analysis.factors.exploratory_result",
    "ExtractedVarianceResult": "analysis.validity.extracted",
    "FeatureRelation": "analysis.audit.features",
    "GradedResponseResult": "analysis.irt.graded_result",
    "HtmtResult": "analysis.validity.discriminant",
    "HypothesesResult": "analysis.validity.hypotheses",
    "IccResult": "analysis.agreement",
    "IncrementalResult": "analysis.validity.increment",
    "IntraclassResult": "analysis.reliability.levels",
    "InvarianceResult": "analysis.structural.equal_measurement",
    "ItemStatisticsResult": "analysis.items",
    "KmoResult": "analysis.factors.adequacy",
    "KnownGroupsResult": "analysis.validity.groups",
    "LambdasResult": "analysis.reliability.lambdas",
    "LatentAdherence": "analysis.adherence.latent",
    "LimitsOfAgreement": "analysis.measurement_error",
    "MarginalResult": "analysis.adherence.marginal_models",
    "MediationResult": "analysis.adherence.mediation",
    "MisspecificationResult": "analysis.structural.misspecification",
    "MixedCorrelationResult": "analysis.correlation.mixed_matrices",
    "ModerationResult": "analysis.fairness.moderation",
    "MultilevelReliabilityResult": "analysis.reliability.levels",
    "NestingResult": "analysis.structural.nested",
    "OmegaResult": "analysis.reliability.omega_result",
    "PanelResult": "analysis.structural.panel_models",
    "PolychoricResult": "analysis.correlation.matrices",
    "PolyserialResult": "analysis.correlation.mixed_matrices",
    "PooledConsistency": "analysis.imputed_items",
    "PooledModel": "analysis.imputed_items",
    "PowerResult": "analysis.power_result",
    "PriorityMap": "analysis.adherence.priorities",
    "RecurrentResult": "analysis.adherence.recurrent",
    "ReliableChangeResult": "analysis.measurement_error",
    "RetentionResult": "analysis.factors.retention",
    "SamResult": "analysis.structural.sam",
    "ScanResult": "analysis.adherence.landmark_scan",
    "ScreeningResult": "analysis.screening",
    "StructuralResult": "analysis.structural.result",
    "StudyData": "analysis.simulation.study_data",
    "TheoryResult": "analysis.structural.theory",
    "UsageSummary": "analysis.usage",
    "Validation": "analysis.pipeline.run",
    "WavesResult": "analysis.adherence.waves",
    "audit_agreement": "analysis.audit.agreement",
    "bartlett_sphericity": "analysis.factors.adequacy",
    "bifactor_strength": "analysis.structural.bifactor",
    "bootstrap_model": "analysis.structural.bootstrap",
    "cfa": "analysis.structural.models",
    "check_hypotheses": "analysis.validity.hypotheses",
    "compare_models": "analysis.structural.compare",
    "compare_theories": "analysis.structural.theory",
    "composite_or_effect": "analysis.structural.measurement_direction",
    "composite_reliability": "analysis.reliability.congeneric",
    "congeneric_omega": "analysis.reliability.congeneric",
    "context_over_time": "analysis.structural.context_paths",
    "cronbach_alpha": "analysis.reliability.alpha",
    "cross_level_invariance": "analysis.structural.equal_levels",
    "dif": "analysis.fairness.item_functioning",
    "dif_moderation": "analysis.fairness.moderation",
    "dose_response": "analysis.adherence.dose",
    "dynamic_cutoffs": "analysis.structural.dynamic",
    "efa": "analysis.factors.exploratory",
    "extracted_variance": "analysis.validity.extracted",
    "factor_retention": "analysis.factors.retention",
    "graded_response": "analysis.irt.graded_response_model",
    "growth": "analysis.structural.growth_curves",
    "htmt": "analysis.validity.discriminant",
    "icc": "analysis.agreement",
    "impute_items": "analysis.imputed_items",
    "incremental_validity": "analysis.validity.increment",
    "intraclass_correlations": "analysis.reliability.levels",
    "invariance": "analysis.structural.equal_measurement",
    "item_statistics": "analysis.items",
    "kmo": "analysis.factors.adequacy",
    "known_groups": "analysis.validity.groups",
    "landmark_scan": "analysis.adherence.landmark_scan",
    "latent_adherence": "analysis.adherence.latent",
    "limits_of_agreement": "analysis.measurement_error",
    "longitudinal_invariance": "analysis.structural.equal_over_time",
    "lower_bounds": "analysis.reliability.lambdas",
    "marginal_structural": "analysis.adherence.marginal_models",
    "mediate_adherence": "analysis.adherence.mediation",
    "misspecifications": "analysis.structural.misspecification",
    "mixed_correlations": "analysis.correlation.mixed_matrices",
    "multilevel_reliability": "analysis.reliability.levels",
    "nested": "analysis.structural.nested",
    "omega": "analysis.reliability.hierarchical",
    "panel_model": "analysis.structural.panel_models",
    "plan_power": "analysis.power",
    "polychoric": "analysis.correlation.matrices",
    "polyserial": "analysis.correlation.mixed_matrices",
    "pool_consistency": "analysis.imputed_items",
    "pool_model": "analysis.imputed_items",
    "priority_map": "analysis.adherence.priorities",
    "recurrent_events": "analysis.adherence.recurrent",
    "relate_adherence": "analysis.adherence",
    "relate_features": "analysis.audit.features",
    "relate_waves": "analysis.adherence",
    "reliable_change": "analysis.measurement_error",
    "rule_table": "analysis.rules",
    "sam": "analysis.structural.sam",
    "screen": "analysis.screening",
    "sem": "analysis.structural.models",
    "simulate_study": "analysis.simulation",
    "standard_error_of_measurement": "analysis.measurement_error",
    "summarise_usage": "analysis.usage",
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
    "GradedResponseResult",
    "HtmtResult",
    "HypothesesResult",
    "IccResult",
    "IncrementalResult",
    "IntraclassResult",
    "InvarianceResult",
    "ItemStatisticsResult",
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
    "graded_response",
    "growth",
    "htmt",
    "icc",
    "impute_items",
    "incremental_validity",
    "intraclass_correlations",
    "invariance",
    "item_statistics",
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
    from instrument.extras import naming_extras

    with naming_extras(name):
        found = getattr(import_module(_HOME[name]), name)
    if isfunction(found):
        from instrument.arguments import checked

        found = checked(found, _RENAMED.get(name), __name__)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Name everything public."""
    return [*__all__, "__version__"]
