"""What is asked, of whom, and how it scores.

Each name is loaded when it is first asked for, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from inspect import isfunction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instrument.content.validity_indices import (
        ContentValidity,
        content_validity_indices,
        content_validity_ratio,
    )
    from instrument.definition import Instrument
    from instrument.errors import (
        DefinitionError,
        NotEstimableError,
        ResponseDataError,
        ToolkitError,
        ToolkitWarning,
    )
    from instrument.loading import available, load
    from instrument.reading.read_responses import check_responses, missing_reasons, read_responses
    from instrument.scoring.keying import AnswerTable
    from instrument.scoring.score import reverse_key, score
    from instrument.scoring.scorecard import Scorecard
    from instrument.study import Study, load_study
    from instrument.study_data import StudyData

_HOME = {
    "AnswerTable": "instrument.scoring.keying",
    "ContentValidity": "instrument.content.validity_indices",
    "DefinitionError": "instrument.errors",
    "Instrument": "instrument.definition",
    "NotEstimableError": "instrument.errors",
    "ResponseDataError": "instrument.errors",
    "Scorecard": "instrument.scoring.scorecard",
    "Study": "instrument.study",
    "StudyData": "instrument.study_data",
    "ToolkitError": "instrument.errors",
    "ToolkitWarning": "instrument.errors",
    "available": "instrument.loading",
    "check_responses": "instrument.reading.read_responses",
    "content_validity_indices": "instrument.content.validity_indices",
    "content_validity_ratio": "instrument.content.validity_indices",
    "load": "instrument.loading",
    "load_study": "instrument.study",
    "missing_reasons": "instrument.reading.read_responses",
    "read_responses": "instrument.reading.read_responses",
    "reverse_key": "instrument.scoring.score",
    "score": "instrument.scoring.score",
}

_RENAMED: dict[str, dict[str, str]] = {
    "content_validity_ratio": {"significance": "alpha"},
}
"""Former keywords by public name: they still work, with a DeprecationWarning."""

__all__ = [
    "AnswerTable",
    "ContentValidity",
    "DefinitionError",
    "Instrument",
    "NotEstimableError",
    "ResponseDataError",
    "Scorecard",
    "Study",
    "StudyData",
    "ToolkitError",
    "ToolkitWarning",
    "available",
    "check_responses",
    "content_validity_indices",
    "content_validity_ratio",
    "load",
    "load_study",
    "missing_reasons",
    "read_responses",
    "reverse_key",
    "score",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in; functions look at the kinds of what they are given."""
    if name == "__version__":
        from importlib.metadata import version

        return version("dta-toolkit")
    if name not in _HOME:
        raise AttributeError(f"module 'instrument' has no attribute {name!r}")
    from instrument.common.extras import naming_extras

    with naming_extras(name):
        found = getattr(import_module(_HOME[name]), name)
    if isfunction(found):
        from instrument.common.arguments import checked

        found = checked(found, _RENAMED.get(name), __name__)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Name everything public."""
    return [*__all__, "__version__"]
