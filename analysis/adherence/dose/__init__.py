"""Outcome by amount of use."""
