"""The work of a job: what `dta validate` does, from files or from the store."""

from __future__ import annotations

import os
from typing import Any

from analysis.jobs.record import INPUTS, MADE, Job, JobError, Progress
from instrument.errors import fact_and_hint

STORE = "DTA_STORE"
BESIDE = ("usage", "outcomes", "study", "times", "enrolment", "audit")


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
    from analysis.report.view import verdicts

    progress("Reading", 0, 0)
    inputs = _of_the_store(job) if "study" in job.request else _of_files(job)
    steps = [0]

    def with_report(topic: str, number: int, count: int) -> None:
        steps[0] = count + 1
        progress(topic, number, steps[0])

    seed = job.request.get("seed")
    workers = suited_workers(inputs["responses"])
    seed = None if seed is None else int(seed)
    result = validate(**inputs, seed=seed, progress=with_report, workers=workers)
    progress("Writing the report", steps[0], steps[0])
    forms = job.request.get("forms", ["html"])
    written = result.write(job.folder / MADE, forms=forms, workers=workers)
    found = verdicts(result.tree)
    parts = [
        f"{len(written)} files. {counted_questions(result.tree)}",
        *(f"Failed: {failure['title']}." for failure in found["failed"]),
    ]
    return " ".join(parts)


def _of_files(job: Job) -> dict[str, Any]:
    from analysis.commands.plan import content_beside
    from analysis.commands.validate import read_inputs
    from analysis.planning.loading import settle

    files = {role: job.folder / INPUTS / path for role, path in job.request["files"].items()}
    names = str(job.request.get("covariates", ""))
    if names and "covariates" in files:
        fact = "covariates are given twice, as a file and as names of columns."
        raise JobError(fact_and_hint("validate", fact, "give one of them."))
    covariates = str(files["covariates"]) if "covariates" in files else names or None
    instrument = files.get("instrument", job.request["instrument"])
    beside: dict[str, Any] = {role: files.get(role) for role in BESIDE}
    inputs = read_inputs(files["responses"], str(instrument), covariates=covariates, **beside)
    if "seal" in files and "plan" not in files:
        fact = "the seal of a plan was given without the plan."
        raise JobError(fact_and_hint("validate", fact, "give plan.yaml with plan.lock.json."))
    decided = settle(files.get("plan"))  # its seal lies beside it, where one was given
    if decided.plan.split is not None:
        fact = "the plan splits the people into two halves, and keeps beside it which were looked at."
        hint = "run it where the plan is kept: dta validate --plan plan.yaml --half exploration."
        raise JobError(fact_and_hint("validate", fact, hint))
    inputs["content"] = content_beside(inputs, files.get("study"), decided)
    return inputs | {"plan": decided}


def _of_the_store(job: Job) -> dict[str, Any]:
    from instrument.store.study_data import study_data

    url = os.environ.get(STORE, "")
    if not url:
        raise JobError(fact_and_hint("validate", "no store is configured.", "set DTA_STORE."))
    kept = study_data(url, str(job.request["study"]))
    return {
        "responses": kept.responses,
        "scale": kept.scale,
        "study": kept.study,
        "usage": kept.usage,
        "enrolment": kept.enrolment,
    }
