"""Put new results in the place of the old ones: a reader sees either, whole."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.jobs.record import MADE, OLD, Job, changed
from analysis.report.writing import MARK, refuse_foreign
from instrument.errors import ResponseDataError, fact_and_hint

AT_WORKING_FOLDER = -100
EXCHANGE = 2


def publish(job: Job) -> Job:
    """Put what a job made in the place of its target.

    Parameters
    ----------
    job
        With a finished folder `made`.

    Returns
    -------
    Job
        The old results, if any, are then in its own folder.

    Raises
    ------
    ResponseDataError
        The target holds something that is no report, or cannot be replaced; it is as it was.
    """
    refuse_foreign(job.target)
    made = job.folder / MADE
    with _undisturbed():
        job = changed(job, publishing=checksum(made))
        try:
            if not job.target.exists():
                os.rename(made, job.target)
            elif not exchanged(made, job.target):
                _one_after_the_other(made, job.target, job.folder / OLD)
        except OSError as error:
            fact = f"the folder {job.target.name!r} cannot be replaced ({error.strerror})."
            hint = "check who may write there, and that it is no mounted volume by itself."
            raise ResponseDataError(fact_and_hint("validate", fact, hint)) from None
    return job


def checksum(folder: Path) -> str:
    """Checksum of the results in a folder.

    Parameters
    ----------
    folder
        Folder of results.

    Returns
    -------
    str
        SHA-256 of `results.json`; empty when there is none.
    """
    try:
        return hashlib.sha256((folder / MARK).read_bytes()).hexdigest()
    except OSError:
        return ""


def exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, where the system can.

    Parameters
    ----------
    one, other
        Folders on the same file system.

    Returns
    -------
    bool
        False when nothing was done.
    """
    call = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if call is None:
        return False
    return bool(
        call(AT_WORKING_FOLDER, os.fsencode(one), AT_WORKING_FOLDER, os.fsencode(other), EXCHANGE) == 0
    )


def mended(job: Job) -> bool:
    """Look after a job whose worker is gone: the last good results are put back if they were on the way.

    Parameters
    ----------
    job
        Not ended, and nobody works on it.

    Returns
    -------
    bool
        Whether its own results are in place: then it was done, and only its end was not written.
    """
    old = job.folder / OLD
    if old.exists() and not job.target.exists():
        os.rename(old, job.target)
    return bool(job.publishing) and checksum(job.target) == job.publishing


def _one_after_the_other(made: Path, target: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    os.rename(target, old)
    try:
        os.rename(made, target)
    except OSError:
        os.rename(old, target)
        raise


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a request to stop wait for these few milliseconds."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
