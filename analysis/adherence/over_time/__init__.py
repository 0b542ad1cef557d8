"""Ratings and use that change over time."""
