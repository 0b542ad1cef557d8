"""Thresholds, polychoric and polyserial correlations, and their asymptotic covariance."""

from __future__ import annotations

from analysis.correlation.matrices import PolychoricResult, polychoric
from analysis.correlation.mixed import MixedMoments, mixed_moments
from analysis.correlation.mixed_matrices import (
    MixedCorrelationResult,
    PolyserialResult,
    mixed_correlations,
    polyserial,
)
from analysis.correlation.moments import OrdinalMoments, ordinal_moments

__all__ = [
    "MixedCorrelationResult",
    "MixedMoments",
    "OrdinalMoments",
    "PolychoricResult",
    "PolyserialResult",
    "mixed_correlations",
    "mixed_moments",
    "ordinal_moments",
    "polychoric",
    "polyserial",
]
