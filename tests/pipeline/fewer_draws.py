"""Intervals of omega from few draws, for tests that hold no number of them."""

from __future__ import annotations

import pytest

from analysis.pipeline.topics import reliability, reliability_parts

FEWEST = 20
"""With less a bootstrap is refused: the section would stand, with a problem noted and without any omega."""


def draw_few(patch: pytest.MonkeyPatch) -> None:
    """Draw omega twenty times instead of a hundred, until the patch is undone."""
    for module in (reliability, reliability_parts):
        patch.setattr(module, "DRAWS", FEWEST)
