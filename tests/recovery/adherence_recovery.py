"""Draw known populations many times, estimate each time, and say how far off and how often covered.

`python -m tests.recovery.adherence_recovery [--replications N] [--workers N] [PART OF A STUDY'S NAME …]`
runs the studies and puts their rows into docs/methods/tables/adherence_recovery.csv.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from instrument.errors import NotEstimableError
from tests.recovery.adherence_studies import STUDIES, TEST, Line, Study, Truth
from tests.recovery.adherence_waves import WAVE_STUDIES

SEED, REPLICATIONS, BATCH = 20_261_126, 2_000, 25
TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "adherence_recovery.csv"
ALL: Mapping[str, Study] = {**STUDIES, **WAVE_STUDIES}
KEY = ["study", "model", "quantity"]


def batch(name: str, seeds: list[np.random.SeedSequence]) -> list[list[Line]]:
    """One list of lines per seed; empty where nothing could be estimated."""
    study, out = ALL[name], []
    with threadpool_limits(1):  # small matrices; sums must not depend on the number of threads
        for seed in seeds:
            people = study.draw(np.random.default_rng(seed), study.n)
            try:
                out.append(study.estimate(people))
            except NotEstimableError:
                out.append([])
    return out


def replicate(name: str, replications: int, workers: int = 1) -> list[list[Line]]:
    """Lines of every replication in order, the same for any number of workers."""
    seeds = np.random.SeedSequence(SEED).spawn(replications)
    parts = [seeds[k : k + BATCH] for k in range(0, replications, BATCH)]
    done = Parallel(n_jobs=workers)(delayed(batch)(name, part) for part in parts)
    return [lines for part in done for lines in part]


def summarise(name: str, found: list[list[Line]], truth: Truth) -> pd.DataFrame:
    """Truth, bias, spread, mean standard error and coverage of every quantity."""
    lines = pd.DataFrame(
        [line for lines in found for line in lines],
        columns=["model", "quantity", "estimate", "se", "lower", "upper"],
    )
    rows = []
    for key, true in truth.items():
        mine = lines[(lines["model"] == key[0]) & (lines["quantity"] == key[1])]
        estimate, used = mine["estimate"], len(mine)
        test = key[1] == TEST
        covered = ((mine["lower"] <= true) & (true <= mine["upper"])).mean()
        rows.append(
            {
                "study": name,
                "model": key[0],
                "quantity": key[1],
                "truth": true,
                "mean": estimate.mean(),
                "bias_percent": np.nan if test or true == 0 else 100 * (estimate.mean() / true - 1),
                "bias_error_percent": np.nan
                if test or true == 0
                else abs(100 * estimate.std(ddof=1) / np.sqrt(used) / true),
                "sd": np.nan if test else estimate.std(ddof=1),
                "mean_se": mine["se"].mean(),
                "coverage": np.nan if test else covered,
                "replications": used,
                "failed": len(found) - used,
            }
        )
    return pd.DataFrame(rows)


def run(name: str, replications: int, workers: int = 1) -> pd.DataFrame:
    return summarise(name, replicate(name, replications, workers), ALL[name].truth())


def keep(table: pd.DataFrame) -> None:
    """Put the rows of a study in place of its former ones, studies in their order."""
    old = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame(columns=table.columns)
    whole = pd.concat([old[~old["study"].isin(table["study"])], table], ignore_index=True)
    order = {name: k for k, name in enumerate(ALL)}
    whole = whole.sort_values("study", key=lambda c: c.map(order), kind="stable")
    TABLE.parent.mkdir(exist_ok=True)
    whole.to_csv(TABLE, index=False, float_format="%.6g")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    for name in ALL:
        if given.names and not any(part in name for part in given.names):
            continue
        start = time.perf_counter()
        table = run(name, given.replications, given.workers)
        if not given.dry:
            keep(table)
        with pd.option_context("display.width", 250, "display.max_rows", 200, "display.max_columns", 20):
            print(table.drop(columns="study").round(4).to_string(index=False))
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
