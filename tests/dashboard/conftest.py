"""A small study validated once, and its results file where the dashboard looks for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from small_study import small_validation


@pytest.fixture(scope="session")
def results_tree() -> dict[str, Any]:
    return small_validation().to_dict()


@pytest.fixture(scope="session")
def poor_tree() -> Any:
    """Give the function that validates a study with something missing."""
    return lambda change: small_validation(change).to_dict()


@pytest.fixture
def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a tree or a text as the results the dashboard shows."""

    def place(content: Any) -> Path:
        path = tmp_path / "results.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        monkeypatch.setenv("DTA_RESULTS", str(tmp_path))
        monkeypatch.setenv("DTA_SHARED", "no")
        return path

    return place
