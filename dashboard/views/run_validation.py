"""Run a validation: start it, see how far it is, stop it; the page may be closed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from analysis.jobs.control import cancel
from analysis.jobs.record import FAILED, Job
from dashboard import jobs, uploads
from dashboard.jobs import Offer, Options
from dashboard.meanwhile import current, progress_of
from dashboard.services import is_shared
from dashboard.uploads import Upload
from dashboard.views import parts
from dashboard.views.score_file import ask_answers, ask_instrument, plain, show_fault
from instrument.errors import ToolkitError

MINE, DECLARED, STORED = "Files of mine", "The declared files", "The store"
FAULT = "validation-fault"
SEEN = "validation-seen"
SHOWN = 5
EVERY_SECONDS = 1.0


def show() -> None:
    """Show what runs, or the form; below it what has run."""
    st.title("Run a validation")
    parts.small("How are these results made anew, and how far is that?")
    given = jobs.offer()
    if given.target is None:
        st.info(given.problem)
        st.markdown(given.advice)
        return
    job = current()
    if job is not None:
        _progress(job.id)
    else:
        _ended_just_now(given.target)
        _form(given, given.target)
    _log(given.target)


@st.fragment(run_every=EVERY_SECONDS)
def _progress(job_id: str) -> None:
    job = current()
    if job is None or job.id != job_id:
        st.session_state[SEEN] = job_id
        st.rerun()
        return
    st.header("A new validation is running")
    share, words = progress_of(job)
    st.markdown(f"{plain(job.what)}, since {job.started}")
    st.progress(share, text=words)
    st.markdown(
        "It goes on when this page or the dashboard is closed. The other pages show the last good results."
    )
    st.button("Cancel the validation", on_click=partial(_cancel, job), key="validation-cancel")


def _cancel(job: Job) -> None:
    try:
        cancel(job)
    except ToolkitError as error:
        st.session_state[FAULT] = error


def _ended_just_now(target: Path) -> None:
    fault = st.session_state.pop(FAULT, None)
    if fault is not None:
        show_fault(fault)
    seen = st.session_state.pop(SEEN, None)
    for job in jobs.past(target)[:1]:
        if job.id == seen and job.state == jobs.DONE:
            st.success("The new results are in place: every page shows them.")
        elif job.id == seen and job.state == FAILED:
            st.error("The validation failed; the results that were there stand. The reason stands below.")


def _form(given: Offer, target: Path) -> None:
    for fault in given.notes:
        st.warning(plain(fault))
    sources = [MINE]
    if given.folder is not None:
        sources.append(DECLARED)
    if given.studies:
        sources.append(STORED)
    source = st.radio("What to validate", sources, key="validation-source") if len(sources) > 1 else MINE
    if source == MINE:
        _of_files(target)
    elif source == DECLARED and given.folder is not None:
        _of_declared(target, given.folder)
    else:
        study = st.selectbox("Study", given.studies, key="validation-study")
        _start(lambda options: jobs.start_store(target, study, options), _options(columns=False))


def _of_files(target: Path) -> None:
    choice, definition = ask_instrument("validation")
    answers = ask_answers("validation")
    files = st.file_uploader(
        "Files beside it, by name: usage, outcomes, covariates, administrations, enrolment, study, audit",
        type=["csv", "tsv", "parquet", "yaml", "yml"],
        accept_multiple_files=True,
        max_upload_size=uploads.LARGEST_MB,
        key="validation-beside",
    )
    beside = [Upload(name=file.name, content=file.getvalue()) for file in files]
    parts.small(
        "The files stay on the machine that runs this dashboard, in a folder for its user alone, "
        "and are removed when the validation has ended. The report holds no row of a person."
    )
    options = _options(columns=True)
    ready = answers is not None and bool(choice or definition)

    def begin(chosen: Options) -> Job:
        given = answers or Upload(name="", content=b"")
        return jobs.start_upload(target, given, beside, choice, definition, chosen)

    _start(begin, options, ready)


def _of_declared(target: Path, folder: Path) -> None:
    choice = ""
    if (folder / "instrument.yaml").is_file():
        parts.small(f"From the folder {folder.name!r}, with its instrument.")
    else:
        parts.small(f"From the folder {folder.name!r}.")
        choice, _ = ask_instrument("validation-declared", own=False)
    _start(lambda options: jobs.start_declared(target, folder, choice, options), _options(columns=True))


def _options(*, columns: bool) -> Options:
    with st.expander("Options"):
        named = ""
        if columns:
            named = st.text_input(
                "Columns of the answers that are covariates (a, b)", key="validation-columns"
            )
        seed = st.number_input("Seed", min_value=0, value=1, step=1, key="validation-seed")
        chosen = st.multiselect(
            "Report besides HTML",
            list(jobs.FORMS),
            format_func=lambda form: jobs.FORMS[form],
            key="validation-forms",
        )
    return Options(covariates=uploads.named_columns(named), seed=int(seed), forms=tuple(chosen))


def _start(begin: Callable[[Options], Job], options: Options, ready: bool = True) -> None:
    if not ready:
        st.info("Choose the instrument and drop in a file of answers: one row per person and wave.")
    if st.button("Start the validation", type="primary", disabled=not ready, key="validation-start"):
        try:
            begin(options)
        except ToolkitError as error:
            show_fault(error)
        else:
            st.rerun()


def _log(target: Path) -> None:
    ended = jobs.past(target)
    if not ended:
        return
    st.header("Runs that have ended")
    for job in ended[:SHOWN]:
        _run(job)
    if len(ended) > SHOWN:
        with st.expander(f"Earlier ones ({len(ended) - SHOWN})"):
            for job in ended[SHOWN:]:
                _run(job)


def _run(job: Job) -> None:
    st.markdown(f"**{plain(jobs.ended_in_words(job))}**")
    fact, hint = jobs.why_ended(job, shared=is_shared())
    st.markdown(plain(fact))
    if hint:
        st.markdown(f"What to do: {plain(hint)}")
