"""Where early use drives rating and later use, and goes beyond what was intended, a true null stays a null."""

import pytest

from tests.recovery.held_recovery import MODELS, replicate, table

REPLICATIONS = 80
# 5 % of 80 is 4; 11 or more come by chance once in 500 times. Use cut at the intended amount gave 27 to 100 %.
MOST_REJECTED = 10


@pytest.mark.parametrize(
    "population", ["no effect, early use far beyond", "no effect, early use drives nearly everything"]
)
def test_a_true_null_is_not_rejected_where_early_use_exceeds_the_intended(population: str) -> None:
    lines = replicate(population, REPLICATIONS, models=MODELS[:1])
    row = table(population, lines).iloc[0]
    assert row["failed"] == 0 and row["replications"] == REPLICATIONS
    assert row["rejected"] * REPLICATIONS <= MOST_REJECTED
    assert abs(row["mean"]) < 4 * row["sd"] / REPLICATIONS**0.5


def test_a_true_effect_is_found_and_covered() -> None:
    lines = replicate("true effect", REPLICATIONS, models=MODELS[:1])
    row = table("true effect", lines).iloc[0]
    assert row["coverage"] * REPLICATIONS >= 70
    assert row["mean"] == pytest.approx(row["truth"], abs=4 * row["sd"] / REPLICATIONS**0.5)
