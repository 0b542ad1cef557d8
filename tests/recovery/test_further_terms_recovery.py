"""Known columns that work otherwise than as a straight line do not make a true null an association."""

import pytest

from tests.recovery.held_recovery import MODELS, replicate, table
from tests.recovery.held_strangers import MANY

REPLICATIONS = 40
# 5 % of 40 is 2; 8 or more come by chance once in 1,500 times. Before, 80 to 100 % were rejected.
MOST_REJECTED = 7


@pytest.mark.parametrize(
    "population",
    [
        "the young and the old rate higher and use more",
        "at weekends people enrol themselves",
        "early use works otherwise on tablets",
    ],
)
def test_a_true_null_stays_one_where_what_is_known_works_in_a_curve(population: str) -> None:
    row = table(population, replicate(population, REPLICATIONS, models=MODELS[:1])).iloc[0]
    assert row["failed"] == 0 and row["replications"] == REPLICATIONS
    assert row["rejected"] * REPLICATIONS <= MOST_REJECTED
    assert abs(row["mean"]) < 4 * row["sd"] / REPLICATIONS**0.5


def test_of_1000_people_a_curve_is_not_called_an_association() -> None:
    """Age as a straight line: supported in 52 % of these null studies."""
    name = "the young and the old rate higher and use more" + MANY
    row = table(name, replicate(name, 20, models=MODELS[:1])).iloc[0]
    assert row["supported"] == 0 and row["coverage"] >= 0.75
