"""Text files that are there whole or not at all, for their owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from instrument.errors import ResponseDataError, fact_and_hint


def write_whole(path: Path, text: str, caller: str = "dta score") -> None:
    """Write a text file so that it is there whole or not at all, for its owner only.

    Raises
    ------
    ResponseDataError
        It cannot be written there.
    """
    scratch = None
    try:
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(scratch, path)
    except OSError as error:
        if scratch is not None and os.path.exists(scratch):
            os.unlink(scratch)
        fact = f"{str(path)!r} cannot be written ({error.strerror})."
        raise ResponseDataError(fact_and_hint(caller, fact, "name a file in a folder.")) from None
