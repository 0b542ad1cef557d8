"""What `dta validate` takes: processor time, time on the clock and memory, from files to the written report.

The study is drawn from the population of the shipped example; everything that the example's report is given, is given.

    python tests/benchmarks/bench_validate.py                         # the size of the example
    python tests/benchmarks/bench_validate.py --people 20000
    python tests/benchmarks/bench_validate.py --workers 1 --forms ""
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from analysis import simulate_study

SIDES = {
    "usage": "usage.csv",
    "outcomes": "outcomes.csv",
    "covariates": "covariates.csv",
    "study": "study.yaml",
    "enrolment": "enrolment.csv",
    "times": "administrations.csv",
    "audit": "audit.csv",
}
MEASURES = ("alliance.csv=alliance.yaml", "usability.csv=usability.yaml")


def _memory(process: int) -> int:
    """Bytes that a process and its children hold now, those shared counted once where the kernel says so."""
    held = 0
    for child in _family(process):
        try:
            lines = Path(f"/proc/{child}/smaps_rollup").read_text("ascii").splitlines()
        except OSError:  # it has ended
            continue
        held += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) * 1024
    return held


def _family(process: int) -> list[int]:
    try:
        below = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    except OSError:
        return [process]
    return [process, *(member for child in below for member in _family(int(child)))]


def _measured(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Processor seconds with children, seconds on the clock, and the most gigabytes held at once."""
    before, began, most = os.times(), time.perf_counter(), [0]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.2):
                most[0] = max(most[0], _memory(run.pid))

        watching = threading.Thread(target=watch)
        watching.start()
        said = run.communicate()[1].decode()
        ended.set()
        watching.join()
    if run.returncode:
        sys.exit(said)
    after = os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return busy, time.perf_counter() - began, most[0] / 1e9


def main() -> None:
    """Draw a study, validate it, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--workers", type=int, default=0, help="0: as the command chooses")
    parser.add_argument("--forms", default="html")
    parser.add_argument("--topics", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        simulate_study("dta_example_0_2", n=given.people, seed=1).write(folder)
        command = [sys.executable, "-m", "dta", "validate", "responses.csv", "--instrument", "dta@0.2.0"]
        for name, file in SIDES.items():
            command += [f"--{name}", file] if (folder / file).exists() else []
        for measure in MEASURES:
            command += ["--measure", measure] if (folder / measure.split("=")[0]).exists() else []
        command += ["--out", "report", "--forms", given.forms]
        command += ["--workers", str(given.workers)] if given.workers else []
        command += ["--topics", given.topics] if given.topics else []
        busy, clock, most = _measured(command, folder)
    print(f"{given.people} people: {busy:.1f} s of processors, {clock:.1f} s on the clock, {most:.2f} GB")


if __name__ == "__main__":
    main()
