"""What the large runs found, kept in a file of the repository: `WRITE_RUNS=1 python -m pytest -m slow tests/…`."""

from __future__ import annotations

import json
import os
from pathlib import Path

RUNS = Path(__file__).parent / "values" / "large_runs.json"


def kept_runs() -> dict[str, dict[str, str]]:
    """Give the line of the last run of each kind, by database."""
    return json.loads(RUNS.read_text("utf-8")) if RUNS.exists() else {}


def note_run(run: str, database: str, line: str) -> None:
    """Print the line of a large run whose checks all held, and keep it where `WRITE_RUNS` is set."""
    print(line)
    if os.environ.get("WRITE_RUNS"):
        runs = kept_runs()
        runs.setdefault(run, {})[database] = line
        RUNS.parent.mkdir(exist_ok=True)
        RUNS.write_text(json.dumps(runs, indent=1, sort_keys=True) + "\n", "utf-8")
