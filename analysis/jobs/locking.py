"""One job at a time: a lock that ends with the process that holds it, however that process ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from analysis.jobs.record import JobError
from instrument.errors import fact_and_hint

LOCK = "lock"
STEP = 0.02


def supported() -> bool:
    """Whether this system has the lock that jobs need.

    Returns
    -------
    bool
        False on Windows.

    Examples
    --------
    >>> isinstance(supported(), bool)
    True
    """
    return sys.platform != "win32"


def acquire(home: Path, wait: float = 0.0) -> int | None:
    """Take the lock of a folder of jobs.

    The lock belongs to the open file, not to a name or a number on disk: a process started with the
    descriptor holds it for as long as it lives, and the system lets go of it when the process ends, is
    killed, or the machine stops. No stale lock is left.

    Parameters
    ----------
    home
        Folder of the jobs.
    wait
        Seconds to try; a reader holds the lock for a moment when it looks after the dead.

    Returns
    -------
    int or None
        Descriptor, to be closed or handed on; None when a process holds the lock.

    Raises
    ------
    JobError
        This system has no such lock.
    """
    if sys.platform == "win32":
        fact = "jobs outside the page need a lock that this system does not have."
        raise JobError(fact_and_hint("jobs", fact, "run dta validate in a terminal."))
    import fcntl

    handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(handle)
                return None
            time.sleep(STEP)
        else:
            return handle


def born(process: int) -> str:
    """Say when a process began, so that a number given to another process later is not mistaken for it.

    Parameters
    ----------
    process
        Its number.

    Returns
    -------
    str
        Clock ticks since the system started; empty where the process is gone or the system does not say.
    """
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return line.rpartition(")")[2].split()[19]  # the name in brackets may hold blanks
