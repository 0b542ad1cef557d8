"""Structural equation models: syntax, parameter table, estimation, fit and comparison."""
