"""Polychoric correlations timed beside psych and lavaan, and at a million persons.

Run: python tests/benchmarks/bench_correlation.py [--repeats 3] [--no-r] [--large]
Prints seconds (best of the repeats) and ratios of the same run; ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  threads are set before numpy starts
import pandas as pd  # noqa: E402

from analysis.correlation.moments import ordinal_moments  # noqa: E402
from analysis.correlation.polychoric import polychoric  # noqa: E402

N_PERSONS, N_ITEMS = 2_436, 25
TARGETS = {"polychoric": 10.0, "lavCor": 4.0}
LARGE_SECONDS, LARGE_GIGABYTES = 5.0, 2.0


def sample(n: int, seed: int = 11) -> pd.DataFrame:
    """Draw six-point answers to five groups of five items."""
    rng = np.random.default_rng(seed)
    factors = 0.55 * rng.standard_normal((n, 5)) + 0.35 * rng.standard_normal((n, 1))
    frame = {}
    for j in range(N_ITEMS):
        latent = factors[:, j % 5] + 0.75 * rng.standard_normal(n)
        frame[f"i{j + 1}"] = np.digitize(latent, [-1.6, -0.9, -0.3, 0.3, 1.1]) + 1
    return pd.DataFrame(frame)


def best(function: Callable[[], object], repeats: int) -> float:
    """Time a call."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def seconds_of_r(items: pd.DataFrame, repeats: int) -> dict[str, float]:
    """Time R on the same data."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.csv"
        items.to_csv(path, index=False)
        script = Path(__file__).with_suffix(".R")
        run = subprocess.run(
            ["Rscript", str(script), str(path), str(repeats)], capture_output=True, text=True, check=True
        )
    line = next(line for line in run.stdout.splitlines() if line.startswith("RESULT "))
    values: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return values


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-r", action="store_true")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    items = sample(N_PERSONS)
    ours = best(lambda: polychoric(items), options.repeats)
    with_acov = best(lambda: polychoric(items).acov, options.repeats)
    print(f"{N_PERSONS} x {N_ITEMS}, six categories, one thread, best of {options.repeats}")
    print(f"  ours                     {ours:8.3f} s")
    print(f"  ours with covariance     {with_acov:8.3f} s")
    missed = []
    if not options.no_r and shutil.which("Rscript"):
        r = seconds_of_r(items, options.repeats)
        for name, wanted in TARGETS.items():
            ratio = r[name] / ours
            missed += [name] if ratio < wanted else []
            print(f"  R {name:<22} {r[name]:8.3f} s   {ratio:6.1f} x ours (target {wanted:.0f} x)")
        print(
            f"  R lavaan with gamma      {r['gamma']:8.3f} s   {r['gamma'] / with_acov:6.1f} x ours with covariance"
        )
    if options.large:
        values = sample(1_000_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = best(lambda: polychoric(values), 1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"1,000,000 x {N_ITEMS}: {seconds:.2f} s, peak of the process {peak:.2f} GB ({before / 1e6:.2f} GB before)"
        )
        gamma = best(lambda: ordinal_moments(values.to_numpy(float)), 1)
        print(f"1,000,000 x {N_ITEMS} with covariance: {gamma:.2f} s")
        missed += ["seconds"] if seconds > LARGE_SECONDS else []
        missed += ["memory"] if peak > LARGE_GIGABYTES else []
    print("targets missed: " + ", ".join(missed) if missed else "targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
