"""Structural equation models timed beside R in one run: median seconds of processor, one thread each, ratios R/ours.

Run: python tests/benchmarks/bench_structural.py [--repeats 5] [--data FILE.csv] [--rows ml,mlr] [--out FILE.md]
`--data` takes 25 item columns with missing answers and a `group` column may follow; without it such answers are drawn.
Ratios are taken to R's `cfa()` alone (estimates, standard errors, test); ours computes all fit indices in the same
call, which R adds in `fitMeasures()`: that time stands in a column of its own. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  threads are set before numpy starts
import pandas as pd  # noqa: E402

from analysis import cfa, invariance, polychoric  # noqa: E402

N_ROWS, N_COMPLETE, N_ITEMS, N_FACTORS = 2_800, 2_436, 25, 5
# name -> (what is timed, what R runs, least ratio)
ROWS = {
    "polychoric_psych": ("polychorics", "psych::polychoric", 10.0),
    "polychoric_lavcor": ("polychorics", "lavaan::lavCor", 4.0),
    "wlsmv": ("WLSMV", "lavaan::cfa", 10.0),
    "ml": ("ML", "lavaan::cfa", 1.0),
    "mlr": ("MLR", "lavaan::cfa", 3.0),
    "fiml": ("FIML", "lavaan::cfa", 10.0),
    "fiml_mlr": ("FIML with MLR", "lavaan::cfa", 20.0),
    "esem_wlsmv": ("ESEM, five factors, geomin, WLSMV", "lavaan::cfa", 10.0),
    "esem_ml": ("ESEM, five factors, geomin, ML", "lavaan::cfa", 10.0),
    "invariance": ("ordinal invariance, four levels", "semTools::measEq.syntax, lavaan::cfa", 10.0),
    "ebm": ("EBM factor scores", "lavaan::lavPredict", 50.0),
}


def simulate(seed: int = 7) -> pd.DataFrame:
    """Draw 2,800 rows of 25 six-point items of five correlated factors; 364 rows lack one to six answers."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((N_ROWS, 1))
    factors = 0.5 * common + np.sqrt(0.75) * rng.standard_normal((N_ROWS, N_FACTORS))
    owner = np.arange(N_ITEMS) // (N_ITEMS // N_FACTORS)
    loadings = rng.uniform(0.45, 0.8, N_ITEMS)
    latent = factors[:, owner] * loadings + np.sqrt(1 - loadings**2) * rng.standard_normal((N_ROWS, N_ITEMS))
    cuts = np.array([-1.5, -0.8, -0.2, 0.4, 1.2])
    codes = np.column_stack(
        [np.digitize(latent[:, j], cuts + rng.uniform(-0.3, 0.3)) + 1.0 for j in range(N_ITEMS)]
    )
    for row in rng.choice(N_ROWS, N_ROWS - N_COMPLETE, replace=False):
        codes[row, rng.choice(N_ITEMS, min(1 + rng.geometric(0.7), 6), replace=False)] = np.nan
    table = pd.DataFrame(codes, columns=[f"i{j + 1}" for j in range(N_ITEMS)])
    table["group"] = np.where(rng.random(N_ROWS) < 0.33, "a", "b")
    return table


def model_of(items: list[str]) -> str:
    """Five factors of five items."""
    each = len(items) // N_FACTORS
    return "\n".join(f"f{k + 1} =~ " + " + ".join(items[k * each : (k + 1) * each]) for k in range(N_FACTORS))


def exploratory_of(items: list[str]) -> str:
    """Five factors of all items."""
    return " + ".join(f'efa("b")*f{k + 1}' for k in range(N_FACTORS)) + " =~ " + " + ".join(items)


def median(function: Callable[[], object], repeats: int) -> float:
    """Time a call."""
    seconds = []
    for _ in range(repeats):
        gc.collect()
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def seconds_of_ours(
    complete: pd.DataFrame, missing: pd.DataFrame, names: list[str], repeats: int
) -> dict[str, float]:
    """Time this package; what needs a fitted model first gets one."""
    items = [c for c in complete.columns if c != "group"]
    model = model_of(items)
    levels = ["configural", "thresholds", "metric", "scalar"]
    fit = cfa(model, complete)
    calls: dict[str, Callable[[], object]] = {
        "polychoric_psych": lambda: polychoric(complete[items]),
        "polychoric_lavcor": lambda: polychoric(complete[items]),
        "wlsmv": lambda: cfa(model, complete),
        "ml": lambda: cfa(model, complete, estimator="ML"),
        "mlr": lambda: cfa(model, complete, estimator="MLR"),
        "fiml": lambda: cfa(model, missing, estimator="ML"),
        "fiml_mlr": lambda: cfa(model, missing, estimator="MLR"),
        "esem_wlsmv": lambda: cfa(exploratory_of(items), complete),
        "esem_ml": lambda: cfa(exploratory_of(items), complete, estimator="ML"),
        "invariance": lambda: invariance(model, complete, group="group", levels=levels),
        "ebm": lambda: fit.factor_scores(),
    }
    return {name: median(calls[name], repeats) for name in names}


def seconds_of_r(
    complete: pd.DataFrame, missing: pd.DataFrame, names: list[str], repeats: int
) -> tuple[dict[str, float], str]:
    """Time R on the same rows; also its versions."""
    with tempfile.TemporaryDirectory() as folder:
        complete.to_csv(Path(folder) / "complete.csv", index=False)
        missing.to_csv(Path(folder) / "missing.csv", index=False)
        items = [c for c in complete.columns if c != "group"]
        (Path(folder) / "model.txt").write_text(model_of(items) + "\n")
        (Path(folder) / "exploratory.txt").write_text(exploratory_of(items) + "\n")
        script = Path(__file__).with_suffix(".R")
        run = subprocess.run(
            ["Rscript", str(script), folder, str(repeats), ",".join(names)],
            capture_output=True,
            text=True,
            check=True,
        )
    lines = run.stdout.splitlines()
    values: dict[str, float] = json.loads(
        next(s for s in lines if s.startswith("RESULT ")).removeprefix("RESULT ")
    )
    return values, next(s for s in lines if s.startswith("VERSIONS ")).removeprefix("VERSIONS ")


def table_of(ours: dict[str, float], r: dict[str, float]) -> str:
    """Write seconds and ratios in Markdown."""
    lines = [
        "| analysis | R | R, s | R with fit indices, s | here (with fit indices), s | R / here | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, mine in ours.items():
        what, program, least = ROWS[name]
        indices = f"{r[name + '_indices']:.3f}" if f"{name}_indices" in r else ""
        lines.append(
            f"| {what} | {program} | {r[name]:.3f} | {indices} | {mine:.3f} | {r[name] / mine:.1f} | ≥ {least:g} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--no-r", action="store_true")
    options = parser.parse_args()
    names = options.rows.split(",")
    missing = simulate() if options.data is None else pd.read_csv(options.data)
    missing = missing[missing.notna().any(axis=1)]
    if "group" not in missing:
        missing = missing.assign(
            group=np.where(np.random.default_rng(1).random(len(missing)) < 0.33, "a", "b")
        )
    complete = missing.dropna().reset_index(drop=True)
    patterns = len(missing.notna().drop_duplicates())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = seconds_of_ours(complete, missing, names, options.repeats)
    if options.no_r:
        print("\n".join(f"{name:20} {seconds:.4f}" for name, seconds in ours.items()))
        return 0
    r, versions = seconds_of_r(complete, missing, names, options.repeats)
    head = (
        f"{len(complete):,} complete rows × {missing.shape[1] - 1} items; {len(missing):,} rows with {patterns} patterns "
        f"of missing answers for FIML. Median of {options.repeats} runs (R's slow rows: a third of them), one thread,\n"
        f"seconds of processor, which other programs on the machine do not change. "
        f"Python {platform.python_version()}, numpy {np.__version__}; {versions}."
    )
    text = f"{head}\n\n{table_of(ours, r)}\n"
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    missed = [name for name in names if r[name] / ours[name] < ROWS[name][2]]
    print("targets missed: " + ", ".join(missed) if missed else "targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
