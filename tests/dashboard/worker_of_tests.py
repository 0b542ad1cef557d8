"""A worker as jobs start it, whose work is short, slow, wrong or fatal as the test asks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from analysis.jobs import publishing
from analysis.jobs.record import MADE, Job, Progress
from analysis.jobs.worker import run
from instrument.errors import ResponseDataError, fact_and_hint

KIND = sys.argv[1] if __name__ == "__main__" else ""


def results(folder: Path, name: str) -> None:
    """Write results that say who made them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps({"by": name, "long": "x" * 20_000}), encoding="utf-8")


def tell(job: Job, process: int) -> None:
    """Write a process number where the test waits for it: the file appears with its text, never empty."""
    draft = job.folder / "child.draft"
    draft.write_text(str(process), encoding="utf-8")
    draft.replace(job.folder / "child")


def work(job: Job, progress: Progress) -> str:
    """Do what the test asks."""
    for number in (1, 2, 3):
        progress(f"Topic {number}", number, 3)
    results(job.folder / MADE, str(job.request.get("name", job.id)))
    if KIND == "slow":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        tell(job, child.pid)
        time.sleep(60)
    elif KIND == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tell(job, os.getpid())
        time.sleep(60)
    elif KIND == "bad":
        raise ResponseDataError(fact_and_hint("read_responses", "2 columns are absent.", "check the file."))
    elif KIND == "broken":
        raise KeyError("-".join(["an", "answer", "of", "somebody"]))
    elif KIND == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif KIND == "killed-between":
        publishing.exchanged = lambda one, other: False
        os.rename = _dying(os.rename)
    elif KIND == "killed-after":
        publishing.exchanged = _dying(publishing.exchanged, after=True)
    return "All well."


def _dying(call, after=False):
    done = []

    def once(*names):
        if done or after:
            if after:
                call(*names)
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(1)
        return call(*names)

    return once


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[2]), int(sys.argv[3]), work))
