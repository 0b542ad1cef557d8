"""The `dta` command: the commands of the three packages under one roof."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from analysis.commands.validate import app as analysis_app
from instrument.commands.drafting import GROUPING
from instrument.commands.instruments import app as instrument_app
from instrument.commands.store import (
    DEFAULT_KEYS,
    DEFAULT_STORE,
    KeyFile,
    StoreUrl,
    close_stores,
    keys_of,
    opened,
)
from instrument.common.extras import missing_extra
from instrument.errors import ToolkitError, fact_and_hint

if TYPE_CHECKING:
    import pandas as pd
    from starlette.applications import Starlette

    from analysis.factors.first_themes import FirstThemes
    from dashboard.signing_in import SignIn

BAD_INPUT = 2
INTERRUPTED = 130
OUR_LOGS = ("dta", "instrument", "analysis", "dashboard")
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
LogLevel = Literal["debug", "info", "warning", "error"]

app = typer.Typer(
    name="dta",
    help="Develop, administer and validate psychological scales; ships a candidate questionnaire of "
    "digital therapeutic alliance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (instrument_app, analysis_app):
    app.registered_commands += part.registered_commands
    app.registered_groups += part.registered_groups


def _first_themes(items: pd.DataFrame) -> FirstThemes | None:
    """Groups of items that a first factor analysis suggests, for `dta instrument draft`."""
    from analysis.factors.first_themes import first_themes

    return first_themes(items)


GROUPING[:] = [_first_themes]

Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder written by `dta validate`.")]


DEMO_POPULATION, DEMO_INSTRUMENT = "dta_example_0_2", "dta@0.2.0"
DEMO_MEASURES = ("alliance", "usability")  # short made-up scales of the example study


@app.command("demo")
def demo_command(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop after the report.")] = False,
    port: Port = 8000,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for data and report.")] = Path("dta-demo"),
) -> None:
    """Validate the bundled synthetic study, write the report and serve it."""
    from analysis.commands.reading_study import read_measures, read_study
    from analysis.commands.study_files import StudyFiles
    from analysis.commands.validate import validate_and_write
    from analysis.pipeline.beside import suited_workers
    from analysis.report.writing import refuse_foreign

    report = out / "report"
    refuse_foreign(report)
    data = _example(out)
    files = StudyFiles(
        responses=data / "responses.csv",
        instrument=DEMO_INSTRUMENT,
        usage=data / "usage.csv",
        outcomes=data / "outcomes.csv",
        covariates=data / "covariates.csv",
        study=data / "study.yaml",
        times=data / "administrations.csv",
        enrolment=data / "enrolment.csv",
        audit=data / "audit.csv",
    )
    beside = read_measures([f"{data / name}.csv={data / name}.yaml" for name in DEMO_MEASURES])
    study = replace(read_study(files), measures=beside)
    typer.echo(f"Synthetic example study from {data}")
    validate_and_write(study, report, ["html"], seed=1, workers=suited_workers(study.responses))
    if not no_serve:
        os.environ.setdefault("DTA_INPUTS", str(data))
        link, store, keys = _trial_link(out, data / "study.yaml", port)
        typer.echo(f"Try the questionnaire: {link}")
        serve_command(port=port, results=report, store=str(store), keys=keys, shared=False)


def _example(out: Path) -> Path:
    """Folder of the example study: that of the checkout, else drawn again."""
    bundled = Path(__file__).resolve().parent / "data" / "example"
    if (bundled / "responses.csv").is_file():
        return bundled
    from analysis.simulation.simulate_study import simulate_study

    simulate_study(DEMO_POPULATION, seed=1).write(out / "data")
    return out / "data"


@app.command("serve")
def serve_command(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    results: Results = None,
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare", envvar="DTA_COMPARE", help="Results of a second study, to set beside the first."
        ),
    ] = None,
    no_dashboard: Annotated[
        bool, typer.Option("--no-dashboard", help="Serve the questionnaire only.")
    ] = False,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy with TLS stands before: Secure cookies.")
    ] = False,
    prefix: Annotated[str, typer.Option("--prefix", help="Path the proxy strips, such as /alliance.")] = "",
    shared: Annotated[
        bool,
        typer.Option(
            "--shared/--not-shared",
            envvar="DTA_SHARED",
            help="Leave numbers of fewer than five people out of the dashboard.",
        ),
    ] = True,
) -> None:
    """Serve the questionnaire, and the dashboard at /dashboard: on this machine only, or behind sign-in."""
    from instrument.administer.application import create_app
    from instrument.administer.serving import is_loopback, run
    from instrument.errors import DefinitionError

    if compare is not None and not no_dashboard:
        found = compare / "results.json" if compare.is_dir() else compare
        if not found.is_file():
            fact = f"there are no results to compare at {str(compare)!r}."
            raise DefinitionError(
                fact_and_hint("dta serve", fact, "give the folder that `dta validate --out` wrote.")
            )
    signing_in = None if no_dashboard else _sign_in()
    if not no_dashboard and (behind_proxy or not is_loopback(host)):
        where = "behind a proxy" if behind_proxy else f"on {host}"
        if signing_in is None:
            fact = f"the dashboard has no sign-in and would be open to everyone {where}."
            hint = "set one up (docs/deploy.md), or add --no-dashboard and serve it on 127.0.0.1."
            raise DefinitionError(fact_and_hint("dta serve", fact, hint))
        if not shared:
            fact = f"others than you can see the dashboard {where}."
            raise DefinitionError(fact_and_hint("dta serve", fact, "leave --not-shared (DTA_SHARED=no) out."))
    engine = opened(store, makes=True)
    questionnaire = create_app(engine, keys_of(keys, engine), prefix=prefix, secure=behind_proxy)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    typer.echo(f"Questionnaire: {address}/q/… (links come from `dta study invite`)")
    if not no_dashboard:
        os.environ["DTA_STORE"], os.environ["DTA_KEY_FILE"] = store, str(keys)
        if compare is not None:
            os.environ["DTA_COMPARE"] = str(compare.resolve())
        alone = is_loopback(host) and not behind_proxy and signing_in is None
        os.environ.setdefault("DTA_JOBS", "yes" if alone else "no")
        typer.echo(f"Dashboard: {address}/dashboard/ (stop with Ctrl+C)")
    application = (
        questionnaire
        if no_dashboard
        else compose(results, questionnaire, shared=shared, signing_in=signing_in)
    )
    run(application, host, port, behind_proxy=behind_proxy, at_end=close_stores)


def _sign_in() -> SignIn | None:
    from dashboard.signing_in import sign_in_from

    return sign_in_from()


def _trial_link(folder: Path, study_file: Path, port: int) -> tuple[str, Path, Path]:
    """Open the example study in a store of its own and make one trial link."""
    from instrument.administer.trial import open_trial

    store, keys = folder / "demo.sqlite", folder / "demo.keys"
    engine = opened(str(store), makes=True)
    token = open_trial(engine, keys_of(keys, engine), study_file)
    return f"http://127.0.0.1:{port}/q/{token}", store, keys


def compose(
    results: Path | None,
    questionnaire: Any = None,
    *,
    shared: bool | None = None,
    signing_in: SignIn | None = None,
) -> Starlette:
    """Put the web applications on one port: the dashboard under /dashboard, the questionnaire beside it."""
    from starlette.applications import Starlette
    from starlette.responses import RedirectResponse
    from starlette.routing import Mount, Route

    from dashboard.serving import dashboard_application

    board, lifespan = dashboard_application(results, shared=shared, signing_in=signing_in)
    # relative, so that neither the Host header nor a prefix that a proxy strips can lead elsewhere
    routes: list[Any] = [
        Route("/dashboard", lambda request: RedirectResponse("dashboard/")),
        Mount("/dashboard", board),
    ]
    if questionnaire is not None:
        routes.append(Mount("/", questionnaire))
    else:
        routes.append(Route("/", lambda request: RedirectResponse("dashboard/")))
    composed = Starlette(routes=routes, lifespan=lifespan)
    composed.router.redirect_slashes = False
    return composed


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("dta-toolkit"))
        raise typer.Exit


@app.callback()
def settings(
    log_level: Annotated[LogLevel, typer.Option("--log-level", envvar="DTA_LOG_LEVEL")] = "warning",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Set what holds for every command."""
    logging.basicConfig(level="WARNING", stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    if log_level == "error":
        logging.getLogger().setLevel("ERROR")
    for ours in OUR_LOGS:  # libraries print statements, rows, frames and forms at the finer levels
        logging.getLogger(ours).setLevel(log_level.upper())


@cache
def _command() -> Any:
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input ends with status 2 and one message on standard error."""
    command = _command()
    rights = os.umask(0o077)  # whatever a command writes may hold what people gave
    try:
        status = command.main(
            args=list(arguments) if arguments is not None else None, prog_name="dta", standalone_mode=False
        )
    except ToolkitError as error:
        _stop(str(error), BAD_INPUT)
    except UsageError as error:
        _stop(_usage_message(error), BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        _stop("dta: interrupted.", INTERRUPTED)
    except ModuleNotFoundError as error:
        if (told := missing_extra(error, "dta")) is None:
            raise
        _stop(str(told), BAD_INPUT)
    except Exception as error:
        if (message := _database_message(error)) is None:
            raise
        _stop(message, BAD_INPUT)
    else:
        sys.exit(status if isinstance(status, int) else 0)
    finally:
        close_stores()
        os.umask(rights)


def _database_message(error: Exception) -> str | None:
    """Say what the database refused, if it was the database; its errors hold no values (store/quiet.py)."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError):
        return None
    what = type(getattr(error, "orig", None) or error).__name__
    text = str(getattr(error, "orig", None) or "").partition("\n")[0]
    fact = f"the database refused ({what}{f': {text}' if text else ''}); nothing was kept."
    return fact_and_hint("dta", fact, "check that it runs, its disk and its rights; `dta store check`.")


def _usage_message(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "dta"
    fact = getattr(error, "format_message", lambda: str(error))().strip().rstrip(".")
    return f"{where}: {fact}.\nHint: see {where} --help."


def _stop(message: str, status: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
