"""What is asked, of whom, and how it scores."""

from instrument.definition import Instrument
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    ToolkitError,
    ToolkitWarning,
)
from instrument.loading import available, load

__all__ = [
    "DefinitionError",
    "Instrument",
    "NotEstimableError",
    "ResponseDataError",
    "ToolkitError",
    "ToolkitWarning",
    "available",
    "load",
]
