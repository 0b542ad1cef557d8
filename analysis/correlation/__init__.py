"""Thresholds, polychoric and polyserial correlations, and their asymptotic covariance."""
