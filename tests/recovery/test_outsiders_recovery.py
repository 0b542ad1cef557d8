"""Roll-outs by platform, follow-up of unequal length, long sessions: a true null stays one."""

import pandas as pd
import pytest

from tests.recovery.held_outsiders import OUTSIDERS
from tests.recovery.held_recovery import MODELS, TABLE, replicate, table

REPLICATIONS = 40
# 5 % of 40 is 2; 8 or more come by chance once in 1,500 times. Before, 22 to 100 % were rejected.
MOST_REJECTED = 7


@pytest.mark.parametrize(
    "population",
    [
        "half are watched for eight weeks, half for twelve, and use fades",
        "from one day on the app rewards much use",
        "how long early sessions last moves rating and use",
        "the second week moves rating and use",
    ],
)
def test_a_true_null_stays_one_where_the_log_holds_the_cause(population: str) -> None:
    row = table(population, replicate(population, REPLICATIONS, models=MODELS[:1])).iloc[0]
    assert row["failed"] == 0 and row["replications"] == REPLICATIONS
    assert row["rejected"] * REPLICATIONS <= MOST_REJECTED
    assert row["supported"] == 0
    assert abs(row["mean"]) < 4 * row["sd"] / REPLICATIONS**0.5


def test_none_of_the_kept_nulls_is_called_supported() -> None:
    kept = pd.read_csv(TABLE).set_index("population")
    nulls = [name for name in OUTSIDERS if not name.startswith("true effect")]
    assert (kept.loc[nulls, "supported"] <= 0.02).all()
    seen = [name for name in nulls if not OUTSIDERS[name].hidden]
    # 100 studies each: 12 or more of 100 come by chance once in 230 times
    assert (kept.loc[seen, "rejected"] <= 0.12).all()
