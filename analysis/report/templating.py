"""Templates of the pages, kept as they were compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@cache
def page_templates(name: str, form: Callable[[Any], Any]) -> jinja2.Environment:
    """Give the templates, with one filter of the page's own.

    Parameters
    ----------
    name
        Of the filter.
    form
        What it does with a value.

    Returns
    -------
    jinja2.Environment
        The same for every page that asks so: a template is compiled once in a process.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html", "html.jinja"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters[name] = form
    return environment
