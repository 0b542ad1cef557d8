"""Graded response model: parameters, scores, information, item and model fit."""

from __future__ import annotations

from analysis.irt.graded_response_model import graded_response
from analysis.irt.graded_result import GradedResponseResult, ModelFitResult

__all__ = ["GradedResponseResult", "ModelFitResult", "graded_response"]
