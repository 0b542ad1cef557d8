"""A small study validated once, and its results file where the dashboard looks for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner

sys.path.insert(0, str(Path(__file__).parents[1] / "administration"))
sys.path.insert(0, str(Path(__file__).parent))
from small_study import small_validation


@pytest.fixture(scope="session", autouse=True)
def components_are_known() -> Iterator[None]:
    """Ask once which components are installed; Streamlit asks at every page that a test opens, as no server does."""
    found = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        yield


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


@pytest.fixture
def closed_doors() -> None:
    """Doors stay closed until they are opened, as a visitor finds them."""


@pytest.fixture(autouse=True)
def open_doors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits behind doors is shown, so that a test of what a page tells sees it."""
    if "closed_doors" in request.fixturenames:
        return

    def shown(label: str, key: str, show: Callable[[], None]) -> None:
        with st.expander(label, key=f"door-{key}"):
            show()

    monkeypatch.setattr("dashboard.views.parts.show_behind", shown)
