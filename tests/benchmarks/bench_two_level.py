"""Two-level models timed beside R in one run: median seconds of processor, one thread each, ratios R/ours.

Run: python tests/benchmarks/bench_two_level.py [--repeats 5] [--rows w1_ml,w4_mlr] [--out FILE.md]
Data: lavaan's demonstration of two levels as in tests/reference/data (2,500 rows in 200 clusters), and people with repeated
answers drawn here (500 people × 10 occasions × 12 items; ours only, `--no-r` leaves R out altogether).
Ratios are taken to R's `sem()` alone; ours computes all fit indices in the same call. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  threads are set before numpy starts
import pandas as pd  # noqa: E402

from analysis import sem  # noqa: E402

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "reference" / "data" / "two_levels.csv.gz"
SYNTAX = json.loads((HERE.parent / "reference" / "values" / "two_levels.json").read_text())["syntax"]
# name -> (what is timed, model, estimator, missing answers, least ratio)
ROWS = {
    "w1_ml": ("one factor at each level, ML", "w1", "ML", False, 10.0),
    "w1_mlr": ("one factor at each level, MLR", "w1", "MLR", False, 15.0),
    "w2_ml": ("with covariates, ML", "w2", "ML", False, 10.0),
    "w2_mlr": ("with covariates, MLR", "w2", "MLR", False, 20.0),
    "w4_ml": ("two factors and a covariate between, ML", "w4", "ML", False, 20.0),
    "w4_mlr": ("two factors and a covariate between, MLR", "w4", "MLR", False, 20.0),
    "w1_fiml": ("one factor at each level, missing answers, ML", "w1", "ML", True, 20.0),
}
MOST_SECONDS = 5.0  # for the repeated answers


def repeated(seed: int = 5) -> tuple[pd.DataFrame, str]:
    """Draw 500 people who answer 12 five-point items at 10 occasions: two factors at each level."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(500), 10)
    factor = rng.normal(size=(5000, 2)) + rng.normal(size=(500, 2))[person]
    own = rng.normal(size=(5000, 12)) + 0.5 * rng.normal(size=(500, 12))[person]
    latent = factor[:, np.arange(12) // 6] + own
    table = pd.DataFrame(
        np.digitize(latent, [-2.0, -0.7, 0.7, 2.0]) + 1.0, columns=[f"i{k}" for k in range(12)]
    )
    block = "f{0} =~ i0 + i1 + i2 + i3 + i4 + i5\ng{0} =~ i6 + i7 + i8 + i9 + i10 + i11\n"
    model = f"level: 1\n{block.format('w')}level: 2\n{block.format('b')}"
    return table.assign(person=person), model


def with_covariates(table: pd.DataFrame, model: str) -> tuple[str, pd.DataFrame]:
    """Give occasions a week and people a trait, which move the factors of their level."""
    rng = np.random.default_rng(1)
    week, trait = np.tile(np.arange(10.0) / 5 - 1, 500), np.repeat(rng.normal(size=500), 10)
    longer = model.replace("level: 2", "fw ~ week\ngw ~ week\nlevel: 2") + "fb ~ trait\ngb ~ trait\n"
    return longer, table.assign(week=week, trait=trait)


def seconds_of(model: str, table: pd.DataFrame, cluster: str, estimator: str, repeats: int) -> float:
    """Median seconds of a fit with all its indices."""
    seconds = []
    for _ in range(repeats):
        gc.collect()
        start = time.process_time()
        sem(model, table, estimator, cluster=cluster)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def seconds_of_r(
    complete: pd.DataFrame, missing: pd.DataFrame, names: list[str], repeats: int
) -> tuple[dict[str, float], str]:
    """Time R on the same rows; also its versions."""
    with tempfile.TemporaryDirectory() as folder:
        complete.to_csv(Path(folder) / "complete.csv", index=False)
        missing.to_csv(Path(folder) / "missing.csv", index=False)
        calls = [
            {"name": n, "model": SYNTAX[ROWS[n][1]], "estimator": ROWS[n][2], "missing": ROWS[n][3]}
            for n in names
        ]
        (Path(folder) / "calls.json").write_text(json.dumps(calls))
        script = Path(__file__).with_suffix(".R")
        run = subprocess.run(
            ["Rscript", str(script), folder, str(repeats)], capture_output=True, text=True, check=True
        )
    lines = run.stdout.splitlines()
    values: dict[str, float] = json.loads(
        next(s for s in lines if s.startswith("RESULT ")).removeprefix("RESULT ")
    )
    return values, next(s for s in lines if s.startswith("VERSIONS ")).removeprefix("VERSIONS ")


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--no-r", action="store_true")
    options = parser.parse_args()
    names = options.rows.split(",")
    complete = pd.read_csv(DATA, dtype={"lost": str})
    lost = complete.pop("lost").fillna("")
    missing = complete.copy()
    for k in range(1, 7):
        missing[f"y{k}"] = missing[f"y{k}"].mask(lost.str.contains(str(k)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = {
            name: seconds_of(
                SYNTAX[ROWS[name][1]],
                missing if ROWS[name][3] else complete,
                "cluster",
                ROWS[name][2],
                options.repeats,
            )
            for name in names
        }
        table, model = repeated()
        alone = seconds_of(model, table, "person", "MLR", max(1, options.repeats // 2))
        ordinal = seconds_of(model, table, "person", "WLSMV", 1)
        given = seconds_of(*with_covariates(table, model), "person", "WLSMV", 1)
    r, versions = ({}, "") if options.no_r else seconds_of_r(complete, missing, names, options.repeats)
    lines = ["| model | R, s | here, s | R / here | target |", "|---|---|---|---|---|"]
    for name, mine in ours.items():
        what, _, _, _, least = ROWS[name]
        theirs = f"{r[name]:.3f} | {mine:.3f} | {r[name] / mine:.0f}" if r else f" | {mine:.3f} | "
        lines.append(f"| {what} | {theirs} | ≥ {least:g} |")
    lines.append(f"| 500 people × 10 occasions × 12 items, MLR | | {alone:.3f} | | ≤ {MOST_SECONDS:g} s |")
    lines.append(f"| the same, as ordinal items, WLSMV | | {ordinal:.1f} | | ≤ {MOST_SECONDS:g} s |")
    lines.append(f"| the same with two covariates | | {given:.1f} | | ≤ {MOST_SECONDS:g} s |")
    text = f"2,500 rows in 200 clusters. Median of {options.repeats} runs, one thread, seconds of processor. {versions}\n\n"
    text += "\n".join(lines) + "\n"
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    missed = [name for name in ours if r and r[name] / ours[name] < ROWS[name][4]]
    missed += ["repeated"] if max(alone, ordinal, given) > MOST_SECONDS else []
    print("targets missed: " + ", ".join(missed) if missed else "targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
