"""What the answers mean: screening, reliability, factors, structural models, fairness, validity, adherence.

Each name is loaded when it is first asked for, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.agreement import icc
    from analysis.factors.adequacy import bartlett_sphericity, kmo
    from analysis.factors.exploratory import efa
    from analysis.items import item_statistics
    from analysis.measurement_error import limits_of_agreement, reliable_change
    from analysis.pipeline.run import validate
    from analysis.reliability.alpha import cronbach_alpha
    from analysis.simulation import simulate_study
    from analysis.usage import summarise_usage

_HOME = {
    "bartlett_sphericity": "analysis.factors.adequacy",
    "cronbach_alpha": "analysis.reliability.alpha",
    "efa": "analysis.factors.exploratory",
    "icc": "analysis.agreement",
    "item_statistics": "analysis.items",
    "kmo": "analysis.factors.adequacy",
    "limits_of_agreement": "analysis.measurement_error",
    "reliable_change": "analysis.measurement_error",
    "simulate_study": "analysis.simulation",
    "summarise_usage": "analysis.usage",
    "validate": "analysis.pipeline.run",
}

__all__ = [
    "bartlett_sphericity",
    "cronbach_alpha",
    "efa",
    "icc",
    "item_statistics",
    "kmo",
    "limits_of_agreement",
    "reliable_change",
    "simulate_study",
    "summarise_usage",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in."""
    if name not in _HOME:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Name everything public."""
    return __all__
