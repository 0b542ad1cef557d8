"""A job on disk: what was asked, how far it is, how it ended. Clock times stand here, never in results."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from instrument.errors import ToolkitError

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
OPEN_STATES = (QUEUED, RUNNING)
Progress = Callable[[str, int, int], None]
"""Takes a topic, its number and the count of topics."""
DEFINITION, STATUS, PROCESS, LOG = "job.json", "status.json", "process.json", "worker.log"
INPUTS, MADE, OLD = "inputs", "made", "old"


class JobError(ToolkitError):
    """A job cannot be started or stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run, as its folder tells.

    Attributes
    ----------
    id
        Name of its folder: the moment it was asked for and a random part.
    what
        In words, for the list of runs.
    folder, target
        Its own folder, and the folder of results that it replaces when it succeeds.
    request
        What the worker is to do, as plain data.
    started, ended
        Clock times in UTC; `ended` is empty while it runs.
    state
        `queued`, `running`, `done`, `failed` or `cancelled`.
    topic, number, count
        What it is doing, and which of how many steps that is; 0 of 0 while they are not counted yet.
    message
        How it ended, in words.
    exit_status
        Of the worker; None while it runs, and for one that was killed.
    publishing
        SHA-256 of the results that are about to be put in place.
    """

    id: str
    what: str
    folder: Path
    target: Path
    request: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    ended: str = ""
    state: str = QUEUED
    topic: str = ""
    number: int = 0
    count: int = 0
    message: str = ""
    exit_status: int | None = None
    publishing: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN_STATES


DEFINED = ("id", "what", "target", "request", "started")
CHANGING = tuple(entry.name for entry in fields(Job) if entry.name not in {*DEFINED, "folder"})


def jobs_folder(target: Path) -> Path:
    """Give the folder of the jobs of a folder of results: hidden, beside it.

    Parameters
    ----------
    target
        Folder of results.

    Returns
    -------
    pathlib.Path
        On the same file system, so that results can be put in place by renaming.
    """
    whole = target.resolve()
    return whole.parent / f".{whole.name}.jobs"


def new_job(target: Path, what: str, request: Mapping[str, Any], inputs: Mapping[str, bytes]) -> Job:
    """Make the folder of a job, readable by its owner only.

    Parameters
    ----------
    target
        Folder of results to replace.
    what
        In words.
    request
        Plain data for the worker.
    inputs
        Files that it needs, by name; removed when it ends.

    Returns
    -------
    Job
        Queued.
    """
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"
    home = jobs_folder(target)
    home.mkdir(mode=0o700, exist_ok=True)
    folder = home / name
    folder.mkdir(mode=0o700)
    (folder / INPUTS).mkdir(mode=0o700)
    for file, content in inputs.items():
        path = folder / INPUTS / file
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(content)
    job = Job(
        id=name,
        what=what,
        folder=folder,
        target=target.resolve(),
        request=dict(request),
        started=moment(now),
    )
    write_whole(
        folder / DEFINITION, {**{key: getattr(job, key) for key in DEFINED}, "target": str(job.target)}
    )
    return changed(job)


def changed(job: Job, **changes: Any) -> Job:
    """Write what has changed about a job; readers see the old or the new state, never half of one.

    Parameters
    ----------
    job
        As known.
    **changes
        Attributes of `Job` that change.

    Returns
    -------
    Job
        As it is now.
    """
    now = replace(job, **changes)
    write_whole(job.folder / STATUS, {key: getattr(now, key) for key in CHANGING})
    return now


def read_job(folder: Path) -> Job | None:
    """Read a job from its folder.

    Parameters
    ----------
    folder
        Folder of the job.

    Returns
    -------
    Job or None
        None when the folder holds no whole job.
    """
    try:
        defined = json.loads((folder / DEFINITION).read_text(encoding="utf-8"))
        status = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        known = {key: defined[key] for key in DEFINED} | {key: status[key] for key in CHANGING}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Job(**{**known, "folder": folder, "target": Path(known["target"])})


def read_jobs(target: Path) -> list[Job]:
    """Read every job of a folder of results.

    Parameters
    ----------
    target
        Folder of results.

    Returns
    -------
    list of Job
        The newest first.
    """
    home = jobs_folder(target)
    folders = sorted((entry for entry in home.glob("*") if entry.is_dir()), reverse=True)
    return [job for folder in folders if (job := read_job(folder)) is not None]


def ended(job: Job, state: str, message: str, exit_status: int | None) -> Job:
    """Close a job: its inputs and what is left of its work are removed, then its end is written.

    Parameters
    ----------
    job
        The job.
    state, message, exit_status
        How it ended.

    Returns
    -------
    Job
        Closed.
    """
    for name in (INPUTS, MADE, OLD):
        shutil.rmtree(job.folder / name, ignore_errors=True)
    return changed(job, state=state, message=message, exit_status=exit_status, ended=moment())


def moment(now: datetime | None = None) -> str:
    """Write a clock time.

    Parameters
    ----------
    now
        The present by default.

    Returns
    -------
    str
        UTC, to the second.
    """
    return (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M:%S UTC")


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small JSON file so that a reader sees it whole.

    Parameters
    ----------
    path
        The file.
    content
        Plain data.
    """
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False)
    os.replace(scratch, path)
