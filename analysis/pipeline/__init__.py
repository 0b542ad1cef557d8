"""The whole validation: topics run in order and keep one results tree."""

from analysis.pipeline.run import Validation, validate

__all__ = ["Validation", "validate"]
