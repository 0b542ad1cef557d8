"""pingouin, loaded when it is first needed and kept from the caller's own settings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analysis.common.software import used


@contextmanager
def undisturbed_pingouin() -> Iterator[Any]:
    """Give pingouin without the rounding that a caller may have set for it.

    It loads seaborn and matplotlib, which takes seconds, so it is imported here and not with the module that
    needs it.
    """
    import pingouin

    used("pingouin")
    before = dict(pingouin.options)
    pingouin.options["round"] = None
    with warnings.catch_warnings():
        # pingouin 0.7 calls DataFrame.dropna(inplace=True), which pandas 3.1 announces to remove.
        warnings.filterwarnings("ignore", message="The inplace keyword", category=DeprecationWarning)
        try:
            yield pingouin
        finally:
            pingouin.options.clear()
            pingouin.options.update(before)
