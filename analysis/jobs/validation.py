"""The work of a job: what `dta validate` does, from files or from the store."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.jobs.record import INPUTS, MADE, Job, JobError, Progress
from instrument.errors import fact_and_hint

if TYPE_CHECKING:
    from analysis.planning.loading import Settled
    from instrument.study_data import StudyData

STORE = "DTA_STORE"


def validate_into(job: Job, progress: Progress) -> str:
    """Validate as the job asks and write the report into its folder `made`.

    Parameters
    ----------
    job
        Its request names either `files` (role to path, relative ones in the job's inputs) with
        `instrument`, or the `study` of a store; besides `seed` (None: the plan's, or 1), `forms` and
        `covariates` (names of columns).
    progress
        Takes topic, number and count.

    Returns
    -------
    str
        What was found, in a sentence; what failed by name.

    Raises
    ------
    ToolkitError
        The input is bad, as `dta validate` would say.
    """
    from analysis.pipeline import validate
    from analysis.pipeline.beside import suited_workers
    from analysis.report.questions import counted_questions
    from analysis.report.view import NOT_ESTIMATED, verdicts

    progress("Reading", 0, 0)
    data, plan = _of_the_store(job) if "study" in job.request else _of_files(job)
    steps = [0]

    def with_report(topic: str, number: int, count: int) -> None:
        steps[0] = count + 1
        progress(topic, number, steps[0])

    seed = job.request.get("seed")
    workers = suited_workers(data.responses)
    seed = None if seed is None else int(seed)
    result = validate(data, seed=seed, plan=plan, progress=with_report, workers=workers)
    progress("Writing the report", steps[0], steps[0])
    forms = job.request.get("forms", ["html"])
    written = result.write(job.folder / MADE, forms=forms, workers=workers)
    found = verdicts(result.tree)
    parts = [
        f"{len(written)} files. {counted_questions(result.tree)}",
        *(f"Failed: {failure['title']}." for failure in found["failed"]),
        *(
            f"{NOT_ESTIMATED}: a part of {title}."
            for title in dict.fromkeys(f["title"] for f in found["partial"])
        ),
    ]
    return " ".join(parts)


def _of_files(job: Job) -> tuple[StudyData, Settled]:
    from analysis.commands.plan import content_beside
    from analysis.commands.reading_study import read_study
    from analysis.commands.study_files import StudyFiles
    from analysis.planning.loading import settle

    files: dict[str, Path] = {role: job.folder / INPUTS / path for role, path in job.request["files"].items()}
    names = str(job.request.get("covariates", ""))
    if names and "covariates" in files:
        fact = "covariates are given twice, as a file and as names of columns."
        raise JobError(fact_and_hint("validate", fact, "give one of them."))
    read = StudyFiles(
        responses=files["responses"],
        instrument=str(files.get("instrument", job.request["instrument"])),
        covariates=files.get("covariates", names or None),
        usage=files.get("usage"),
        outcomes=files.get("outcomes"),
        study=files.get("study"),
        times=files.get("times"),
        enrolment=files.get("enrolment"),
        audit=files.get("audit"),
    )
    data = read_study(read)
    if "seal" in files and "plan" not in files:
        fact = "the seal of a plan was given without the plan."
        raise JobError(fact_and_hint("validate", fact, "give plan.yaml with plan.lock.json."))
    decided = settle(files.get("plan"))  # its seal lies beside it, where one was given
    if decided.plan.split is not None:
        fact = "the plan splits the people into two halves, and keeps beside it which were looked at."
        hint = "run it where the plan is kept: dta validate --plan plan.yaml --half exploration."
        raise JobError(fact_and_hint("validate", fact, hint))
    return replace(data, content=content_beside(data, files.get("study"), decided)), decided


def _of_the_store(job: Job) -> tuple[StudyData, None]:
    """Read a study as `dta validate --store` does, by way of its exported files."""
    from analysis.commands.plan import content_beside
    from analysis.commands.reading_study import read_study
    from analysis.commands.study_files import files_of_study

    url = os.environ.get(STORE, "")
    if not url:
        raise JobError(fact_and_hint("validate", "no store is configured.", "set DTA_STORE."))
    nothing = dict.fromkeys(("responses", "instrument", "usage", "times", "enrolment"))
    with files_of_study("validate", url, Path(str(job.request["study"])), **nothing) as files:
        data = files.noted(read_study(files))
        return replace(data, content=content_beside(data, files.study)), None
