"""What is validated with few draws differs in the limits of omega alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.pipeline import validate
from instrument.definition import Instrument

LIMITS = {"omega_ci_lower", "omega_ci_upper", "omega_draws_smoothed"}


@pytest.mark.usefixtures("few_draws")
def test_few_draws_change_limits_of_omega_and_nothing_else(
    tree: dict[str, Any], answers: pd.DataFrame, scale: Instrument
) -> None:
    many = tree["sections"]["reliability"]
    few = validate(answers, scale, topics=["reliability"], seed=3).tree["sections"]["reliability"]
    assert (few["status"], few["problems"]) == ("ok", many["problems"])
    one, other = many["tables"]["alpha"], few["tables"]["alpha"]
    assert {name for name in one if one[name] != other[name]} <= LIMITS
    assert one["omega_ci_lower"] != other["omega_ci_lower"]
    assert all(
        low < omega < high
        for low, omega, high in zip(
            *(other[name] for name in ("omega_ci_lower", "omega", "omega_ci_upper")), strict=True
        )
    )
