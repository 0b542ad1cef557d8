"""Run a validation: start it, see how far it is, stop it; the page may be closed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st

from analysis.jobs.control import cancel
from analysis.jobs.record import FAILED, Job
from dashboard import jobs, uploads
from dashboard.jobs import Offer, Options
from dashboard.meanwhile import current, progress_of
from dashboard.services import is_shared
from dashboard.upload_columns import WAVE, WHO, Columns, arranged, header_of, others
from dashboard.uploads import Upload
from dashboard.views import parts
from dashboard.views.score_file import ask_answers, ask_instrument, plain, show_fault
from instrument.errors import ToolkitError

MINE, DECLARED, STORED = "Files of mine", "The declared files", "The store"
FAULT = "validation-fault"
SEEN = "validation-seen"
SHOWN = 5
EVERY_SECONDS = 1.0
KEPT_KEYS = (
    "source",
    "study",
    "instrument",
    "kept",
    "columns",
    "seed",
    "forms",
    f"column-{WHO}",
    f"column-{WAVE}",
)
"""Choices that stay while a run is shown in the form's place: a fault costs no second filling in."""
FILES = "validation-files"


def show() -> None:
    """Show what runs, or the form; below it what has run."""
    st.title("Run a validation")
    parts.small("How do I make these results again, and how far along is it?")
    given = jobs.offer()
    if given.target is None:
        st.info(given.problem)
        st.markdown(given.advice)
        return
    job = current()
    if job is not None:
        for name in KEPT_KEYS:
            if (key := f"validation-{name}") in st.session_state:
                st.session_state[key] = st.session_state[key]  # else forgotten, as its widget is not shown
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
            st.session_state.pop(FILES, None)
            st.success("The new results are in place: every page shows them.")
        elif job.id == seen and job.state == FAILED:
            st.error("The validation failed. The earlier results are unchanged; the reason is given below.")


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
        "Files beside it, by name: usage, outcomes, covariates, administrations, enrolment, study, audit, "
        "plan (and plan.lock.json, its seal)",
        type=["csv", "tsv", "parquet", "yaml", "yml", "json"],
        accept_multiple_files=True,
        max_upload_size=uploads.LARGEST_MB,
        key="validation-beside",
    )
    beside = [Upload(name=file.name, content=file.getvalue()) for file in files]
    last: dict[str, list[Upload]] = st.session_state.get(FILES, {})
    still = [*([] if answers else last.get("answers", [])), *([] if beside else last.get("beside", []))]
    answers = answers or next(iter(last.get("answers", [])), None)
    beside = beside or last.get("beside", [])
    if not choice and not definition:
        definition = last.get("definition", [])
        still += definition
    if still:
        named = ", ".join(upload.plain_name for upload in still)
        parts.small(f"Still here from the run that ended: {named}. Drop in a file to replace it.")
    parts.small(
        "The files stay on the machine that runs this dashboard, in a folder for its user alone, "
        "and are removed when the validation has ended; where it fails, this page keeps them until it is "
        "closed. The report holds no row of a person."
    )
    columns = _columns(answers, choice, definition)
    options = _options(columns=columns is None, offered=_offered(answers, choice, definition))
    ready = answers is not None and bool(choice or definition)

    def begin(chosen: Options) -> Job:
        given = answers or Upload(name="", content=b"")
        if columns is not None:
            given, chosen = arranged(given, columns), replace(chosen, covariates=columns.covariates)
        job = jobs.start_upload(target, given, beside, choice, definition, chosen)
        st.session_state[FILES] = {
            "answers": [answers] if answers else [],
            "beside": beside,
            "definition": list(definition),
        }
        return job

    _start(begin, options, ready)


def _columns(answers: Upload | None, choice: str, definition: Sequence[Upload]) -> Columns | None:
    """Ask what the columns beside the answers stand for; None where the file does not tell them."""
    header = header_of(answers) if answers is not None else ()
    if not header or not (choice or definition):
        return None
    try:
        free = others(header, uploads.instrument_of(choice, definition))
    except ToolkitError:
        return None  # what is wrong with the instrument is said when it is used
    known = len(header) - len(free)
    parts.small(f"The first line names {len(header)} columns; {known} hold answers or times.")
    with st.container(horizontal=True):
        who = _column("Who answered", free, WHO, NO_PERSON)
        wave = _column("Wave", [name for name in free if name != who], WAVE, NO_WAVE)
    rest = [name for name in free if name not in (who, wave)]
    if chosen := st.session_state.get("validation-kept"):  # of another file
        st.session_state["validation-kept"] = [name for name in chosen if name in rest]
    kept = st.multiselect("Covariates, such as sex or age", rest, key="validation-kept") if rest else []
    left = tuple(name for name in rest if name not in kept)
    if left:
        parts.small(f"Left out: {', '.join(left)}.")
    return Columns(who=who, wave=wave, covariates=tuple(kept), left_out=left)


NO_PERSON, NO_WAVE = "no column: a row is a person", "no column: one wave"


def _column(label: str, free: Sequence[str], usual: str, none: str) -> str:
    options = ["", *free]
    place = options.index(usual) if usual in options else 0
    key = f"validation-column-{usual}"
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)  # of another file
    told = st.selectbox(label, options, index=place, format_func=lambda name: name or none, key=key)
    return str(told)


def _of_declared(target: Path, folder: Path) -> None:
    choice = ""
    if (folder / "instrument.yaml").is_file():
        parts.small(f"From the folder {folder.name!r}, with its instrument.")
    else:
        parts.small(f"From the folder {folder.name!r}.")
        choice, _ = ask_instrument("validation-declared", own=False)
    _start(lambda options: jobs.start_declared(target, folder, choice, options), _options(columns=True))


@st.cache_data(show_spinner="Reading the names of its columns", max_entries=2)
def _names_in(name: str, content: bytes) -> tuple[str, ...]:
    return uploads.names_in(Upload(name=name, content=content))


def _offered(answers: Upload | None, choice: str, definition: Sequence[Upload]) -> tuple[str, ...]:
    """Give what may be a covariate in a file whose columns are not renamed here: any but a text file."""
    if answers is None or header_of(answers) or not (choice or definition):
        return ()
    try:
        free = others(_names_in(answers.name, answers.content), uploads.instrument_of(choice, definition))
    except ToolkitError:
        return ()  # what is wrong with the instrument is said when it is used
    return tuple(name for name in free if name not in (WHO, WAVE))


def _options(*, columns: bool, offered: Sequence[str] = ()) -> Options:
    named: tuple[str, ...] = ()
    if columns and offered:
        if chosen := st.session_state.get("validation-offered"):  # of another file
            st.session_state["validation-offered"] = [name for name in chosen if name in offered]
        named = tuple(st.multiselect("Covariates, such as sex or age", offered, key="validation-offered"))
    with st.expander("Options"):
        if columns and not offered:
            told = st.text_input(
                "Columns of the answers that are covariates (a, b)", key="validation-columns"
            )
            named = uploads.named_columns(told)
        seed = st.number_input(
            "Seed; empty: as the plan says, or 1", min_value=0, value=None, step=1, key="validation-seed"
        )
        chosen = st.multiselect(
            "Report besides HTML",
            list(jobs.FORMS),
            format_func=lambda form: jobs.FORMS[form],
            key="validation-forms",
        )
    return Options(covariates=named, seed=None if seed is None else int(seed), forms=tuple(chosen))


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
    st.header("Earlier runs")
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
