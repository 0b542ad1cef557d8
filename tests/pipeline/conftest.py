"""One small validation, run once for every test of pipeline, report and figures."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fewer_draws import draw_few
from three_themes import STUDY, make_answers, make_scale

from analysis.figures.once import built_once
from analysis.pipeline import Validation, validate
from instrument.definition import Instrument
from instrument.study import make_study
from tests.ledger import of_sections, unlike_ledger


@pytest.fixture(scope="session")
def scale() -> Instrument:
    return make_scale()


@pytest.fixture(scope="session")
def answers(scale: Instrument) -> pd.DataFrame:
    return make_answers(scale)


@pytest.fixture(scope="session")
def validation(scale: Instrument, answers: pd.DataFrame) -> Validation:
    return validate(answers, scale, study=make_study(STUDY), seed=3)


@pytest.fixture(scope="session")
def tree(validation: Validation) -> dict[str, Any]:
    return validation.to_dict()


@pytest.fixture(scope="module")
def figures_once() -> Iterator[None]:
    """Figures of one section are built once for all documents that a file prints, as a report does it."""
    with built_once():
        yield


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw omega a few times where a test itself validates: what a file or all files share is never made so."""
    draw_few(monkeypatch)


@pytest.fixture(scope="session")
def study() -> dict[str, Any]:
    return STUDY


@pytest.fixture(scope="session")
def at_path() -> Callable[[Any, str], Any]:
    """Follow a path such as `sections.x.tables.t.column[3]` into the tree."""

    def follow(tree: Any, path: str) -> Any:
        for key, position in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
            tree = tree[int(position)] if position else tree[key]
        return tree

    return follow


@pytest.fixture(scope="session")
def unlike() -> Callable[..., list[str]]:
    """Name every place at which sections differ from the ledger of this name."""

    def compared(name: str, sections: dict[str, Any]) -> list[str]:
        return unlike_ledger(Path(__file__).parent / "values" / f"{name}.json", of_sections(sections))

    return compared
