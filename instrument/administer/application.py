"""The questionnaire as a web application."""

from __future__ import annotations

from contextlib import closing
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from instrument.administer.enrolling import router as enrolling
from instrument.administer.entry import RequestEndedError, Site, shut
from instrument.administer.form_pages import router as form_pages
from instrument.administer.health import Health
from instrument.administer.interface import faults_of_request
from instrument.administer.interface import router as interface
from instrument.administer.pages import router
from instrument.administer.questions import locked_page
from instrument.administer.questions import router as questions
from instrument.administer.queued import router as queued
from instrument.administer.rendering import FOLDER
from instrument.administer.session import GuessLimit
from instrument.administer.shield import Shield, for_programs
from instrument.administer.stopping import router as stopping
from instrument.store.answers import LockedError
from instrument.store.connect import require_newest_schema
from instrument.store.keys import know_keys
from instrument.store.purge import empty_log
from instrument.store.tokens import Keyring

AWAY = (OperationalError, InterfaceError, PoolTimeout)


def create_app(
    engine: Engine,
    keyring: Keyring,
    *,
    prefix: str = "",
    secure: bool = False,
    limit: GuessLimit | None = None,
) -> FastAPI:
    """Make the questionnaire's application; an empty store is set up.

    Parameters
    ----------
    engine
        The store.
    keyring
        Keys of its hashes.
    prefix
        Path under which a proxy shows the site, such as `/alliance`; the proxy strips it.
    secure
        Send cookies over TLS only; set it behind a proxy with TLS.
    limit
        Brake on guessing of tokens and codes.

    Returns
    -------
    fastapi.FastAPI
        To be run by uvicorn.

    Raises
    ------
    StoreError
        The store's schema is older than this code.
    """
    require_newest_schema(engine)
    if engine.dialect.name == "sqlite":  # a server that was killed may have left a log with rows since erased
        with closing(engine.raw_connection()) as connection:
            empty_log(connection.driver_connection)
    know_keys(engine, keyring)
    app = FastAPI(
        title="Questionnaire interface",
        version=version("dta-toolkit"),
        description="For programs that show the items themselves; `dta study key` makes a study's key.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # such a redirect would repeat the Host header and the token of a link
    )
    mounted = "/" + prefix.strip("/") if prefix.strip("/") else ""
    app.state.site = Site(
        engine=engine, keyring=keyring, prefix=mounted, secure=secure, limit=limit or GuessLimit()
    )
    app.state.health = Health(engine)
    app.include_router(router)
    app.include_router(questions)
    app.include_router(form_pages)
    app.include_router(queued)
    app.include_router(enrolling)
    app.include_router(stopping)
    app.include_router(interface)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.add_api_route("/health", _health, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(RequestEndedError, _shut)
    app.add_exception_handler(LockedError, locked_page)
    app.add_exception_handler(HTTPException, _http_fault)
    app.add_exception_handler(RequestValidationError, _unknown_page)
    app.add_middleware(Shield, fault=_fault)
    return app


def _health(request: Request) -> Response:
    """Say whether the store answers, has the right schema and room to write."""
    fault = request.app.state.health.fault()
    if fault is None:
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unavailable", "fault": fault}, status_code=503)


def _shut(_request: Request, error: Any) -> Response:
    response: Response = error.response
    return response


def _http_fault(request: Request, error: Any) -> Response:
    if for_programs(request.url.path):
        faults = (
            error.detail if isinstance(error.detail, list) else [{"path": "", "message": str(error.detail)}]
        )
        return JSONResponse({"faults": faults}, status_code=error.status_code)
    kind = {400: "large", 408: "fault", 413: "large", 422: "fault"}.get(error.status_code, "lost")
    return shut(request, kind, error.status_code).response


def _unknown_page(request: Request, error: Any) -> Response:
    if for_programs(request.url.path):
        return JSONResponse({"faults": faults_of_request(error.errors())}, status_code=422)
    return shut(request, "lost", 404).response


def _fault(request: Request, error: Exception) -> Response:
    """Say that it is the server's fault: 503 when the store is away, so that programs try again."""
    status = 503 if isinstance(error, AWAY) else 500
    if for_programs(request.url.path):
        faults = [{"path": "", "message": "a fault of the server"}]
        return JSONResponse({"faults": faults}, status_code=status)
    return shut(request, "fault", status).response
