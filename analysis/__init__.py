"""What the answers mean: screening, reliability, factors, structural models, fairness, validity, adherence.

Each name is loaded when it is first asked for, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.adherence import relate_adherence, relate_waves
    from analysis.adherence.dose import dose_response
    from analysis.adherence.latent import latent_adherence
    from analysis.adherence.marginal_models import marginal_structural
    from analysis.adherence.mediation import mediate_adherence
    from analysis.adherence.priorities import priority_map
    from analysis.agreement import icc
    from analysis.audit.agreement import audit_agreement
    from analysis.audit.features import relate_features
    from analysis.correlation.matrices import polychoric
    from analysis.correlation.mixed_matrices import mixed_correlations, polyserial
    from analysis.factors.adequacy import bartlett_sphericity, kmo
    from analysis.factors.exploratory import efa
    from analysis.factors.retention import factor_retention
    from analysis.fairness.item_functioning import dif
    from analysis.fairness.moderation import dif_moderation
    from analysis.imputed_items import impute_items, pool_consistency, pool_model
    from analysis.irt.graded_response_model import graded_response
    from analysis.items import item_statistics
    from analysis.measurement_error import limits_of_agreement, reliable_change, standard_error_of_measurement
    from analysis.pipeline.run import validate
    from analysis.power import plan_power
    from analysis.reliability.alpha import cronbach_alpha
    from analysis.reliability.congeneric import composite_reliability, congeneric_omega
    from analysis.reliability.hierarchical import omega
    from analysis.reliability.lambdas import lower_bounds
    from analysis.reliability.levels import intraclass_correlations, multilevel_reliability
    from analysis.rules import rule_table
    from analysis.screening import screen
    from analysis.simulation import simulate_study
    from analysis.structural.bifactor import bifactor_strength
    from analysis.structural.bootstrap import bootstrap_model
    from analysis.structural.compare import compare_models
    from analysis.structural.context_paths import context_over_time
    from analysis.structural.dynamic import dynamic_cutoffs
    from analysis.structural.equal_levels import cross_level_invariance
    from analysis.structural.equal_measurement import invariance
    from analysis.structural.equal_over_time import longitudinal_invariance
    from analysis.structural.growth_curves import growth
    from analysis.structural.measurement_direction import composite_or_effect
    from analysis.structural.misspecification import misspecifications
    from analysis.structural.models import cfa, sem
    from analysis.structural.nested import nested
    from analysis.structural.panel_models import panel_model
    from analysis.structural.sam import sam
    from analysis.structural.theory import compare_theories
    from analysis.usage import summarise_usage
    from analysis.validity.discriminant import htmt
    from analysis.validity.extracted import extracted_variance
    from analysis.validity.groups import known_groups
    from analysis.validity.hypotheses import check_hypotheses
    from analysis.validity.increment import incremental_validity

_HOME = {
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

__all__ = [
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
    """Load a public name from the module it lives in."""
    if name not in _HOME:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Name everything public."""
    return __all__
