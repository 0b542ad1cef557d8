"""Start, look after and stop jobs; every state is read from disk, so a reader may come and go."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import analysis
from analysis.jobs.locking import acquire, born
from analysis.jobs.publishing import mended
from analysis.jobs.record import (
    CANCELLED,
    DONE,
    FAILED,
    LOG,
    PROCESS,
    Job,
    JobError,
    ended,
    jobs_folder,
    new_job,
    read_job,
    read_jobs,
    write_whole,
)
from analysis.report.writing import refuse_foreign
from instrument.errors import fact_and_hint

WORKER = (sys.executable, "-m", "analysis.jobs.worker")
KEPT = 20
PATIENCE = 5.0
ENDING = 30.0
"""Seconds that the process of a run that has ended may take to be gone, on a machine with much else to do."""
STOPPED_SHORT = "The process ended without a word: it was killed, or the machine was restarted."
NOTHING_CHANGED = "The results that were there stand."
IN_PLACE = "The results are in place."


def start(
    target: str | Path,
    what: str,
    request: Mapping[str, Any],
    inputs: Mapping[str, bytes] | None = None,
    command: Sequence[str] | None = None,
) -> Job:
    """Start a job in a process of its own.

    Parameters
    ----------
    target
        Folder of results that it replaces when it succeeds.
    what
        In words, for the list of runs.
    request
        What the worker is to do, as plain data.
    inputs
        Files it needs, by name; they are removed when it ends.
    command
        The worker, `WORKER` by default; called with the folder of the job and the descriptor of the lock.

    Returns
    -------
    Job
        Queued. It goes on when this process ends.

    Raises
    ------
    JobError
        Another job of this target runs, or its folder cannot be made.
    ResponseDataError
        The target holds something that is no report.
    """
    place = Path(target).resolve()
    refuse_foreign(place)
    try:
        jobs_folder(place).mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = acquire(jobs_folder(place), wait=1.0)
        if lock is None and not any(job.is_open for job in read_jobs(place)):
            # the last one has said how it ended, and its process is about to be gone
            lock = acquire(jobs_folder(place), wait=ENDING)
        if lock is None:
            raise _busy(place)
        try:
            _close_the_dead(place)
            _forget_the_oldest(place)
            job = new_job(place, what, request, inputs or {})
            _launch(job, lock, command or WORKER)
        finally:
            os.close(lock)  # the worker has its own
    except OSError as error:
        fact = f"no job can be kept beside {place.name!r} ({error.strerror})."
        raise JobError(fact_and_hint("jobs", fact, "check who may write there.")) from None
    return job


def jobs_of(target: str | Path) -> list[Job]:
    """Give every job of a folder of results; one whose worker has died is closed first.

    Parameters
    ----------
    target
        Folder of results.

    Returns
    -------
    list of Job
        The newest first.
    """
    place = Path(target).resolve()
    found = read_jobs(place)
    if not any(job.is_open for job in found):
        return found
    lock = acquire(jobs_folder(place))
    if lock is None:
        return found  # somebody works on it
    try:
        _close_the_dead(place)
    finally:
        os.close(lock)
    return read_jobs(place)


def running(target: str | Path) -> Job | None:
    """Give the job that is on its way.

    Parameters
    ----------
    target
        Folder of results.

    Returns
    -------
    Job or None
        None when none is.
    """
    return next((job for job in jobs_of(target) if job.is_open), None)


def cancel(job: Job, patience: float = PATIENCE) -> Job:
    """Stop a job and everything it started; what was there before stands.

    Parameters
    ----------
    job
        As read.
    patience
        Seconds given to end by itself before it is killed.

    Returns
    -------
    Job
        Cancelled, or as it ended by itself just before.

    Raises
    ------
    JobError
        It does not stop.
    """
    home = job.folder.parent
    told = read_job(job.folder)
    if told is not None and not told.is_open:
        return told
    lock = acquire(home)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if lock is None:
            _signal_group(job, sign)
            lock = acquire(home, wait=patience)
    if lock is None:
        raise JobError(fact_and_hint("jobs", "the job does not stop.", "end its process by hand."))
    try:
        now = read_job(job.folder) or job
        if not now.is_open:
            return now
        if mended(now):
            return ended(now, DONE, IN_PLACE, 0)
        return ended(now, CANCELLED, f"Stopped on request. {NOTHING_CHANGED}", None)
    finally:
        os.close(lock)


def _launch(job: Job, lock: int, command: Sequence[str]) -> None:
    root = str(Path(analysis.__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    with (job.folder / LOG).open("wb") as log:
        try:
            process = subprocess.Popen(
                [*command, str(job.folder), str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,  # neither a closed terminal nor Ctrl+C at the server ends it
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        except OSError:
            ended(job, FAILED, "The process could not be started.", None)
            raise
    write_whole(job.folder / PROCESS, {"pid": process.pid, "born": born(process.pid)})
    threading.Thread(target=process.wait, daemon=True).start()


def _signal_group(job: Job, sign: signal.Signals) -> None:
    """Signal the worker and what it started; never a process that merely has its number now."""
    try:
        told = json.loads((job.folder / PROCESS).read_text(encoding="utf-8"))
        if told["born"] == born(told["pid"]):
            os.killpg(told["pid"], sign)
    except (OSError, ValueError, KeyError):
        time.sleep(0.1)  # it has not begun, or is gone: the lock tells


def _close_the_dead(place: Path) -> None:
    """Close every open job; only to be called with the lock, for then nobody works on any."""
    for job in read_jobs(place):
        if not job.is_open:
            continue
        if mended(job):
            ended(job, DONE, IN_PLACE, 0)
        else:
            ended(job, FAILED, f"{STOPPED_SHORT} {NOTHING_CHANGED}", None)


def _forget_the_oldest(place: Path) -> None:
    """Keep the newest runs; what is no whole job goes too. Only to be called with the lock."""
    kept = {job.folder for job in read_jobs(place)[: KEPT - 1]}
    for folder in jobs_folder(place).iterdir():
        if folder.is_dir() and folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _busy(place: Path) -> JobError:
    other = next((job for job in read_jobs(place) if job.is_open), None)
    since = f" (since {other.started})" if other is not None else ""
    hint = "wait until it has ended, or cancel it."
    return JobError(fact_and_hint("jobs", f"a validation of these results is running already{since}.", hint))
