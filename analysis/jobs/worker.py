"""The process of one job: `python -m analysis.jobs.worker FOLDER LOCK`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from analysis.jobs.locking import born
from analysis.jobs.record import (
    DONE,
    FAILED,
    PROCESS,
    RUNNING,
    Job,
    Progress,
    changed,
    ended,
    read_job,
    write_whole,
)
from instrument.errors import ToolkitError

BAD_INPUT, BROKEN = 2, 1
POLITENESS = 5
Work = Callable[[Job, Progress], str]


def run(folder: Path, lock: int, work: Work) -> int:
    """Do the work of a job and write how far it is and how it ended.

    Parameters
    ----------
    folder
        Folder of the job.
    lock
        Descriptor of the lock, held until this process ends.
    work
        Fills the folder `made` of the job and gives a message; called with the job and with what takes
        a topic, its number and the count of topics.

    Returns
    -------
    int
        Exit status: 0 done, 2 bad input, 1 anything else.
    """
    os.set_inheritable(lock, False)  # what this process starts must not outlive it as holder of the lock
    write_whole(folder / PROCESS, {"pid": os.getpid(), "born": born(os.getpid())})
    job = read_job(folder)
    if job is None:
        return BROKEN
    os.nice(POLITENESS)  # pages go before
    state = [changed(job, state=RUNNING, topic="Starting")]

    def progress(topic: str, number: int, count: int) -> None:
        state[0] = changed(state[0], topic=topic, number=number, count=count)

    try:
        message = work(state[0], progress)
        from analysis.jobs.publishing import publish

        progress("Putting the results in place", state[0].number, state[0].count)
        ended(publish(state[0]), DONE, message, 0)
    except ToolkitError as error:
        ended(state[0], FAILED, str(error), BAD_INPUT)
        return BAD_INPUT
    except Exception as error:
        _note_where(error)
        kind = type(error).__name__
        hint = "the place in the code stands in worker.log of the job; the same data fail the same way again."
        ended(state[0], FAILED, f"validate: an unexpected error ({kind}).\nHint: {hint}", BROKEN)
        return BROKEN
    return 0


def _note_where(error: Exception) -> None:
    """Write where it happened, without the text of the error: that may quote data."""
    print(type(error).__name__, *traceback.format_tb(error.__traceback__), sep="\n", file=sys.stderr)


def main() -> None:
    """Run the job named on the command line."""
    folder, lock = Path(sys.argv[1]), int(sys.argv[2])

    def work(job: Job, progress: Progress) -> str:
        from analysis.jobs.validation import validate_into

        return validate_into(job, progress)

    sys.exit(run(folder, lock, work))


if __name__ == "__main__":
    main()
