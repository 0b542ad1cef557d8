"""`dta demo` and `dta serve`."""

from __future__ import annotations

import typer

app = typer.Typer()
