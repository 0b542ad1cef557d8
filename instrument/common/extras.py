"""What the light install leaves out: which extra brings a library, said in one fact and one hint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from instrument.errors import MissingExtraError, fact_and_hint

EXTRAS = {
    **dict.fromkeys(
        ("sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "multipart", "segno", "cryptography"),
        "study",
    ),
    "streamlit": "dashboard",
    **dict.fromkeys(("jinja2", "markupsafe", "altair", "vl_convert", "typst", "docx"), "report"),
    "factor_analyzer": "factors",
    "pyreadstat": "spss",
    "rdata": "r",
    "distributed": "cluster",
    "pyspark": "spark",
    "psycopg": "postgres",
}
"""Library to the extra that brings it; `all` brings those of study, dashboard, report and factors."""


def missing_extra(error: ImportError, caller: str) -> MissingExtraError | None:
    """Say which extra brings what is not installed.

    Parameters
    ----------
    error
        Of an import.
    caller
        Public function or command that the message names.

    Returns
    -------
    MissingExtraError or None
        None where no extra brings it.

    Examples
    --------
    >>> print(missing_extra(ModuleNotFoundError(name="streamlit.web"), "dta serve"))
    dta serve: streamlit is not installed; the light install leaves it out.
    Hint: pip install 'dta-toolkit[dashboard]', or 'dta-toolkit[all]' for everything.
    """
    library = (error.name or "").split(".")[0]
    if not isinstance(error, ModuleNotFoundError) or library not in EXTRAS:
        return None
    fact = f"{library} is not installed; the light install leaves it out."
    hint = f"pip install 'dta-toolkit[{EXTRAS[library]}]', or 'dta-toolkit[all]' for everything."
    return MissingExtraError(fact_and_hint(caller, fact, hint))


@contextmanager
def naming_extras(caller: str) -> Iterator[None]:
    """Turn the failed import of a library that an extra brings into one fact and one hint.

    Parameters
    ----------
    caller
        Public function that the message names.

    Raises
    ------
    MissingExtraError
        A library of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (told := missing_extra(error, caller)) is None:
            raise
        raise told from None
