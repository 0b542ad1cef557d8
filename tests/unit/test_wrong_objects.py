"""What is no instrument or no audit is named as such by the function that was called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import analysis
import instrument
from instrument.errors import DefinitionError

TABLE = pd.DataFrame({"participant": ["a", "b"], "wave": [1, 1]})


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda wrong: instrument.score(TABLE, wrong), "score"),
        (lambda wrong: analysis.priority_map(TABLE, wrong, None, None), "priority_map"),
        (lambda wrong: analysis.context_over_time(wrong, TABLE), "context_over_time"),
    ],
)
@pytest.mark.parametrize("wrong", [None, "dta", TABLE])
def test_a_scale_that_is_no_instrument(call: Callable[[Any], Any], name: str, wrong: Any) -> None:
    kind = type(wrong).__name__
    with pytest.raises(
        DefinitionError, match=rf"^{name}: the scale is a {kind}, not an instrument\.\nHint: "
    ):
        call(wrong)


def test_an_audit_that_is_no_result() -> None:
    with pytest.raises(DefinitionError, match=r"^relate_features: the audit is a DataFrame\.\nHint: "):
        analysis.relate_features(TABLE, TABLE)
