"""Reliability: alpha, omega, Guttman's lambdas and split halves, with intervals."""
