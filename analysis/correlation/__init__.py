"""Thresholds, polychoric and polyserial correlations, and their asymptotic covariance."""

from __future__ import annotations

from analysis.correlation.matrices import PolychoricResult, polychoric
from analysis.correlation.moments import OrdinalMoments, ordinal_moments

__all__ = ["OrdinalMoments", "PolychoricResult", "ordinal_moments", "polychoric"]
