"""Weekly use and leaving in one model give back what is known."""

import numpy as np
import pandas as pd
import pytest

from tests.recovery.joint_recovery import HIDDEN, TABLE, replicate, table


def test_the_kept_table_holds_its_promise() -> None:
    kept = pd.read_csv(TABLE)
    mine = kept[kept["population"] == HIDDEN].set_index("quantity")
    assert (mine["replications"] >= 200).all() and (mine["failed"] == 0).all()
    error = mine["sd"] / np.sqrt(mine["replications"])
    assert ((mine["mean"] - mine["truth"]).abs() < 3 * error).all()
    # of 200: four standard errors of a share of .95
    assert mine["coverage"].between(0.89, 0.995).all()
    assert (mine["mean_se"] / mine["sd"]).between(0.85, 1.15).all()


@pytest.mark.slow
def test_another_sixty_studies_cover() -> None:
    found = table(HIDDEN, replicate(HIDDEN, 60)).set_index("quantity")
    assert (found["failed"] == 0).all() and (found["coverage"] >= 0.85).all()
