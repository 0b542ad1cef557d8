"""Reliability: alpha, omega, Guttman's lambdas and split halves, with intervals."""

from analysis.reliability.alpha import AlphaResult, cronbach_alpha
from analysis.reliability.congeneric import CongenericResult, composite_reliability, congeneric_omega
from analysis.reliability.hierarchical import omega
from analysis.reliability.inputs import Interval
from analysis.reliability.lambdas import LambdasResult, lower_bounds
from analysis.reliability.omega_result import OmegaResult

__all__ = [
    "AlphaResult",
    "CongenericResult",
    "Interval",
    "LambdasResult",
    "OmegaResult",
    "composite_reliability",
    "congeneric_omega",
    "cronbach_alpha",
    "lower_bounds",
    "omega",
]
