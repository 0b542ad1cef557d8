"""Panel models, MIMIC and mixed models beside lavaan: median processor seconds of three runs, one thread each.

usage, with lavaan installed: OMP_NUM_THREADS=1 python tests/benchmarks/bench_panel_mixed.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from analysis.structural.language.panel_syntax import PanelVariable, panel_syntax
from analysis.structural.models import sem

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "reference" / "data"


def seconds(run: Callable[[], object]) -> float:
    """Processor seconds, the first run apart."""
    run()
    found = []
    for _ in range(3):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return statistics.median(found)


def main() -> None:
    """Time both and print a table."""
    warnings.simplefilter("ignore")
    panel, bfi, mixed = (
        pd.read_csv(DATA / f"{name}.csv") for name in ("panel_two_variables", "bfi_covariates", "mixed")
    )
    variables = [PanelVariable(v, tuple((f"{v}{k}",) for k in range(1, 5)), False) for v in "ad"]
    syntax = panel_syntax(variables, random_intercept=True, equal=())
    text = HERE / "ri_clpm.txt"
    text.write_text(syntax + "\n", encoding="utf-8")
    one = "A =~ A1 + A2 + A3 + A4 + A5; A ~ gender01 + age10"
    two = f"N =~ N1 + N2 + N3 + N4 + N5; {one}; N ~ A + gender01 + age10"
    both = "f =~ q1 + q2 + q3 + q4; g =~ y1 + y2 + y3; g ~ f"
    here = {
        "RI-CLPM, FIML": seconds(lambda: sem(syntax, panel, "ML")),
        "RI-CLPM, FIML with MLR": seconds(lambda: sem(syntax, panel, "MLR")),
        "MIMIC, 5 ordinal items": seconds(lambda: sem(one, bfi)),
        "MIMIC, 10 ordinal items": seconds(lambda: sem(two, bfi)),
        "mixed, 4 ordinal and 3 continuous": seconds(
            lambda: sem(both, mixed, ordered=[f"q{k}" for k in range(1, 5)])
        ),
    }
    command = ["Rscript", str(HERE / "bench_panel_mixed.R"), str(DATA)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text.unlink()
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    print("| analysis | lavaan, s | here, s | lavaan / here |\n|---|---|---|---|")
    for name, own in here.items():
        print(f"| {name} | {theirs[name]:.3f} | {own:.3f} | {theirs[name] / own:.1f} |")


if __name__ == "__main__":
    main()
