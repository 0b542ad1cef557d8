"""The `dta` command: the commands of the three packages under one roof."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from analysis.commands import app as analysis_app
from dashboard.commands import app as dashboard_app
from instrument.commands import app as instrument_app
from instrument.errors import ToolkitError

BAD_INPUT = 2
INTERRUPTED = 130
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
for part in (instrument_app, analysis_app, dashboard_app):
    app.registered_commands += part.registered_commands
    app.registered_groups += part.registered_groups


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
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input ends with status 2 and one message on standard error."""
    command = typer.main.get_command(app)
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
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _usage_message(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "dta"
    fact = getattr(error, "format_message", lambda: str(error))().strip().rstrip(".")
    return f"{where}: {fact}.\nHint: see {where} --help."


def _stop(message: str, status: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
