"""The dashboard as a web application, quiet and local."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dashboard.services import ENVIRONMENT

SETTINGS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "logger.level": "warning",
}


def dashboard_application(results: Path | None) -> Any:
    """Make the dashboard's ASGI application; usage statistics are off.

    Parameters
    ----------
    results
        Folder written by `dta validate`, or its `results.json`.

    Returns
    -------
    streamlit.starlette.App
        Its lifespan must run with the server.
    """
    if results is not None:
        os.environ[ENVIRONMENT] = str(results.resolve())
    from streamlit import config
    from streamlit.starlette import App

    for name, value in SETTINGS.items():
        config.set_option(name, value)
    return App(str(Path(__file__).with_name("app.py")))
