"""What the page "Run a validation" needs, without Streamlit: what is offered, what runs, what has run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.disclosure.texts import masked
from analysis.jobs.control import jobs_of, start
from analysis.jobs.inputs import declared, roles_of
from analysis.jobs.locking import supported
from analysis.jobs.record import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Job
from analysis.jobs.validation import STORE
from dashboard.services import results_path
from dashboard.uploads import Upload, check_size, instrument_of, own_instrument
from instrument.errors import ToolkitError

ALLOWED = "DTA_JOBS"
INPUTS = "DTA_INPUTS"
FORMS = {"pdf": "PDF", "docx": "DOCX", "markdown": "Markdown"}
STATES = {
    QUEUED: "Waiting",
    RUNNING: "Running",
    DONE: "✓ Done",
    FAILED: "✗ Failed",
    CANCELLED: "Cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Whether a validation can be started here, and from what.

    Attributes
    ----------
    target
        Folder of results; None when no validation can be started.
    problem, advice
        Why not, and what to do.
    folder
        Of the declared files, when the operator named one.
    studies
        Of the store, when one is configured and can be read.
    notes
        What was declared and cannot be used.
    """

    target: Path | None
    problem: str = ""
    advice: str = ""
    folder: Path | None = None
    studies: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Choices for a run: covariate columns, seed (None: the plan's, or 1), further forms of the report."""

    covariates: tuple[str, ...] = ()
    seed: int | None = None
    forms: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Give them as the worker takes them."""
        return {
            "covariates": ",".join(self.covariates),
            "seed": self.seed,
            "forms": ["html", *self.forms],
        }


def permitted(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the operator lets people at the page start validations.

    Parameters
    ----------
    environment
        That of the process by default.

    Returns
    -------
    bool
        Only when `DTA_JOBS` says so; `dta serve` says so on a loopback host, unless told otherwise.

    Examples
    --------
    >>> permitted({"DTA_JOBS": "yes"}), permitted({"DTA_JOBS": "no"}), permitted({})
    (True, False, False)
    """
    known = os.environ if environment is None else environment
    return known.get(ALLOWED, "").strip().lower() in {"yes", "1", "true", "on"}


def offer() -> Offer:
    """Say what can be validated here.

    Returns
    -------
    Offer
        Nothing is raised: the page shows what is wrong.
    """
    if not permitted():
        return Offer(
            target=None,
            problem="Validations are not started from this dashboard.",
            advice="The operator permits it with `DTA_JOBS=yes`; `dta validate` does the same in a terminal.",
        )
    if not supported():
        return Offer(
            target=None,
            problem="This system lacks the lock that validations from a page need.",
            advice="Run `dta validate` in a terminal.",
        )
    path = results_path()
    if path is None:
        return Offer(
            target=None,
            problem="No folder of results was named.",
            advice="Start with `dta serve --results DIR`; the folder may be a new one.",
        )
    notes: list[str] = []
    return Offer(target=path.parent, folder=_declared(notes), studies=_studies(notes), notes=tuple(notes))


def start_upload(
    target: Path,
    answers: Upload,
    beside: Sequence[Upload],
    choice: str,
    definition: Sequence[Upload],
    options: Options,
) -> Job:
    """Start a validation of files that were dropped in.

    Parameters
    ----------
    target
        Folder of results.
    answers
        The file of answers.
    beside
        Known by their names: usage, outcomes, covariates, study, times, enrolment, audit, plan, its seal.
    choice, definition
        A shipped instrument, or the YAML files of one's own.
    options
        Choices.

    Returns
    -------
    Job
        Queued; the files are removed when it ends.

    Raises
    ------
    ToolkitError
        The instrument is none, a file is too large or unknown, or another validation runs.
    """
    for upload in (answers, *beside):
        check_size(upload)
    files = {"responses": f"answers/{answers.plain_name}"}
    inputs = {files["responses"]: answers.content}
    for role, name in roles_of(upload.plain_name for upload in beside).items():
        files[role] = f"beside/{name}"
    inputs |= {f"beside/{upload.plain_name}": upload.content for upload in beside}
    scale = instrument_of(choice, definition)
    if not choice:
        files["instrument"] = f"definition/{own_instrument(definition)[1]}"
        inputs |= {f"definition/{upload.plain_name}": upload.content for upload in definition}
    what = f"{answers.plain_name}, instrument {scale.id} {scale.version}"
    return start(target, what, {"files": files, "instrument": choice, **options.plain()}, inputs)


def start_declared(target: Path, folder: Path, choice: str, options: Options) -> Job:
    """Start a validation of the files that the operator declared.

    Parameters
    ----------
    target
        Folder of results.
    folder
        Of the files.
    choice
        A shipped instrument; passed over when the folder holds `instrument.yaml`.
    options
        Choices.

    Returns
    -------
    Job
        Queued.

    Raises
    ------
    ToolkitError
        The folder lacks answers, or another validation runs.
    """
    files = declared(folder)
    name = Path(files["responses"]).name
    return start(target, f"{name} as declared", {"files": files, "instrument": choice, **options.plain()})


def start_store(target: Path, study: str, options: Options) -> Job:
    """Start a validation of what the store holds.

    Parameters
    ----------
    target
        Folder of results.
    study
        Id of the study.
    options
        Choices.

    Returns
    -------
    Job
        Queued; its request holds the id of the study, never the address of the store.

    Raises
    ------
    ToolkitError
        Another validation runs.
    """
    return start(target, f"study {study} as collected", {"study": study, **options.plain()})


def past(target: Path) -> list[Job]:
    """Give the runs that have ended.

    Parameters
    ----------
    target
        Folder of results.

    Returns
    -------
    list of Job
        The newest first.
    """
    return [job for job in jobs_of(target) if not job.is_open]


def ended_in_words(job: Job) -> str:
    """Say in a line what ran, when, and how it ended.

    Parameters
    ----------
    job
        Ended.

    Returns
    -------
    str
        Plain text.
    """
    status = f", exit status {job.exit_status}" if job.state == FAILED and job.exit_status else ""
    return f"{STATES[job.state]}{status} · {job.what} · {job.started} to {job.ended.partition(' ')[2]}"


def why_ended(job: Job, *, shared: bool) -> tuple[str, str]:
    """Say why a run ended, and what to do about it.

    Parameters
    ----------
    job
        Ended.
    shared
        Whether others may see it: then numbers, lists and quoted names of a failure are masked, since they
        may be of people. The record of the job keeps the message as it was.

    Returns
    -------
    tuple of str
        Fact and hint; either may be empty.
    """
    masks = shared and job.state == FAILED
    fact, _, hint = job.message.partition("\nHint: ")
    return (masked(fact), masked(hint)) if masks else (fact, hint)


def _declared(notes: list[str]) -> Path | None:
    named = os.environ.get(INPUTS, "").strip()
    if not named:
        return None
    try:
        declared(Path(named))
    except ToolkitError as error:
        notes.append(str(error))
        return None
    return Path(named).resolve()


def _studies(notes: list[str]) -> tuple[str, ...]:
    url = os.environ.get(STORE, "").strip()
    if not url:
        return ()
    from instrument.store import study_data  # brings the database libraries, which the first page spares

    try:
        return tuple(study_data.studies_in(url))
    except ToolkitError as error:
        notes.append(str(error))
        return ()
