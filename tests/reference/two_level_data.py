"""The data of the tests with clusters, as written by `scripts/two_levels.R`."""

from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path(__file__).parent / "data" / "two_levels.csv.gz"
Y = [f"y{k}" for k in range(1, 7)]


def complete():
    return pd.read_csv(FILE, dtype={"lost": str}).drop(columns="lost")


def incomplete():
    table = pd.read_csv(FILE, dtype={"lost": str})
    lost = table.pop("lost").fillna("")
    for k, name in enumerate(Y, start=1):
        table[name] = table[name].mask(lost.str.contains(str(k)))
    return table


def ordinal():
    """Five categories, cut at the sample's quantiles."""
    table = complete()
    for name in Y:
        cuts = np.quantile(table[name], [0.1, 0.3, 0.6, 0.85])
        table[name] = 1 + np.searchsorted(cuts, table[name], side="left")
    return table
