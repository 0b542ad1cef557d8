"""One browser for the tests of a file: Debian's chromium, quiet towards the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> dict[str, Any]:
    """How Chromium is launched; a skip fails where CI=true."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed: apt install chromium")
    return {"executable_path": found, "args": ARGUMENTS}


@pytest.fixture(scope="module")
def browser(chromium: dict[str, Any]) -> Iterator[Browser]:
    """One browser for the tests of a file."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(**chromium)
        yield made
        made.close()
