"""Waves that change is followed over, and whose means are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.pipeline.context import Context

EVERYONE, STAYED = "everyone with the score", "those with the score at every wave"


def main_waves(context: Context) -> list[Any]:
    """Waves that are no retest, in their order."""
    retests = {w.name for w in context.study.waves if w.role == "retest"} if context.study else set()
    return [wave for wave in context.waves if str(wave) not in retests]
