"""Thresholds, polychoric and polyserial correlations, and their asymptotic covariance."""

from __future__ import annotations

from analysis.correlation.moments import OrdinalMoments, ordinal_moments

__all__ = ["OrdinalMoments", "ordinal_moments"]
