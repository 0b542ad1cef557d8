"""The validation that is on its way, as every page asks for it: without what only its own page needs."""

from __future__ import annotations

from analysis.jobs.control import running
from analysis.jobs.locking import supported
from analysis.jobs.record import Job
from dashboard.services import results_path


def current() -> Job | None:
    """Give the validation that is on its way for the results shown.

    Returns
    -------
    Job or None
        None when none is, or no results were named.
    """
    path = results_path()
    if path is None or not supported():
        return None
    return running(path.parent)


def progress_of(job: Job) -> tuple[float, str]:
    """Say how far a job is.

    Parameters
    ----------
    job
        Not ended.

    Returns
    -------
    tuple
        Share of its steps that are done, and the step in words.

    Examples
    --------
    >>> from pathlib import Path
    >>> job = Job(id="a", what="", folder=Path(), target=Path(), topic="Items", number=3, count=20)
    >>> progress_of(job)
    (0.1, 'Step 3 of 20: Items')
    """
    if not job.count:
        return 0.0, job.topic or "Waiting to begin"
    return (job.number - 1) / job.count, f"Step {job.number} of {job.count}: {job.topic}"
