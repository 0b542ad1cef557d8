"""Graded response model: parameters, scores, information, item and model fit."""
