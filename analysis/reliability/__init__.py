"""Reliability: alpha, omega, Guttman's lambdas and split halves, with intervals."""

from analysis.reliability.alpha import AlphaResult, cronbach_alpha

__all__ = ["AlphaResult", "cronbach_alpha"]
