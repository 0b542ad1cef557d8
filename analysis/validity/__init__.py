"""Validity against other measures: convergent, discriminant, known groups, incremental."""

from __future__ import annotations

from analysis.validity.discriminant import HtmtResult, htmt
from analysis.validity.extracted import ExtractedVarianceResult, extracted_variance
from analysis.validity.groups import KnownGroupsResult, known_groups
from analysis.validity.hypotheses import Expectation, HypothesesResult, check_hypotheses
from analysis.validity.increment import IncrementalResult, incremental_validity

__all__ = [
    "Expectation",
    "ExtractedVarianceResult",
    "HtmtResult",
    "HypothesesResult",
    "IncrementalResult",
    "KnownGroupsResult",
    "check_hypotheses",
    "extracted_variance",
    "htmt",
    "incremental_validity",
    "known_groups",
]
