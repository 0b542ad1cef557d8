"""The dashboard as a web application, quiet and local."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from dashboard.services import ENVIRONMENT, SHARED
from dashboard.signing_in import SignIn

SETTINGS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "logger.level": "warning",
}
WARM = (
    "analysis.figures.registry",
    "dashboard.views.topics",
    "dashboard.views.compare",
    "dashboard.views.overview",
    "dashboard.views.score_file",
    "dashboard.views.run_validation",
)
_configured: list[SignIn] = []


def sign_in() -> SignIn | None:
    """Give the sign-in this process serves the dashboard with, if any."""
    return _configured[0] if _configured else None


def _warm() -> None:
    """Load what pages need beside Streamlit, so that their first reader does not wait for it."""
    told = logging.getLogger("streamlit.runtime.caching.cache_data_api")
    before = told.level
    told.setLevel(logging.ERROR)  # it remarks that the server, which starts next, does not run yet
    for name in WARM:
        import_module(name)
    told.setLevel(before)


def dashboard_application(
    results: Path | None, *, shared: bool | None = None, signing_in: SignIn | None = None
) -> tuple[Any, Any]:
    """Make the dashboard's ASGI application; usage statistics are off.

    Parameters
    ----------
    results
        Folder written by `dta validate`, or its `results.json`.
    shared
        Whether small numbers are taken out; left out, the environment says.
    signing_in
        Who may look; when left out, whoever asks from this machine by one of its own names.

    Returns
    -------
    tuple
        The application to mount, and the context manager that must run with the server.
    """
    if results is not None:
        os.environ[ENVIRONMENT] = str(results.resolve())
    if shared is not None:
        os.environ[SHARED] = "yes" if shared else "no"
    from streamlit import config
    from streamlit.starlette import App

    for name, value in SETTINGS.items():
        config.set_option(name, value)
    _warm()
    script = str(Path(__file__).with_name("app.py"))
    _configured.clear()
    if signing_in is None:
        from dashboard.loopback import Loopback

        board = App(script)
        return Loopback(board), board.lifespan()
    from dashboard.gate import Gate

    _configured.append(signing_in)
    # both are read while the application is made, before its secrets are
    config.set_option("server.baseUrlPath", signing_in.path.strip("/"))
    config.set_option("server.cookieSecret", signing_in.cookie_secret)
    board = App(script, secrets={"auth": signing_in.for_streamlit()})
    return Gate(board, signing_in), board.lifespan()
