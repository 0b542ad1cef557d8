"""Exploratory factor analysis: adequacy, how many factors, extraction, rotation."""
