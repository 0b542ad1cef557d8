"""Score my file: drop a file in, see what it holds, take the scores away."""

from __future__ import annotations

import hashlib
from functools import partial

import streamlit as st

from analysis.report.view import table_view
from dashboard import scoring_service as scoring
from dashboard import uploads
from dashboard.uploads import Reading, Upload
from dashboard.views import parts
from instrument.errors import ToolkitError

OWN = "An instrument of my own (YAML)"
KEPT = "score-file"
DELIMITERS = {"As the file's ending says": "", "Semicolon": ";", "Tab": "\t", "Comma": ",", "Bar": "|"}
ENCODINGS = {"UTF-8": "utf-8", "Windows (cp1252)": "cp1252", "UTF-16": "utf-16"}


def show() -> None:
    """Show the form, and what the file holds once there is one."""
    st.title("Score my file")
    parts.small("What are the scores in my file, and is the data sound?")
    st.markdown(
        "The file stays on the machine that runs this dashboard. It is read in memory and in a temporary "
        "folder that is removed at once; nothing is kept. Single answers and single people are not shown: "
        "the scores by person are in the download."
    )
    choice, definition = ask_instrument("score")
    given = ask_answers("score")
    reading = ask_reading("score")
    rescale = st.checkbox("Put every item on 0–100 first", key="score-rescale")
    if given is None or (not choice and not definition):
        st.session_state.pop(KEPT, None)
        st.info("Choose the instrument and drop in a file of answers: one row per person and wave.")
        return
    _outcome(given, choice, definition, reading, rescale)


def ask_instrument(key: str, *, own: bool = True) -> tuple[str, list[Upload]]:
    """Ask which instrument the answers belong to.

    Parameters
    ----------
    key
        Prefix of the keys of the widgets.
    own
        Whether files of the user's own are taken.

    Returns
    -------
    tuple
        Name of a shipped instrument (empty for one of the user's own), and the YAML files dropped in.
    """
    shipped = {f"{title} ({name})": name for name, title in scoring.instruments().items()}
    chosen = st.selectbox("Instrument", [*shipped, *([OWN] if own else [])], key=f"{key}-instrument")
    if chosen in shipped:
        return shipped[chosen], []
    files = st.file_uploader(
        f"Instrument file, with its files of wording (YAML, up to {uploads.LARGEST_DEFINITION_MB} MB each)",
        type=list(uploads.DEFINITION_KINDS),
        accept_multiple_files=True,
        max_upload_size=uploads.LARGEST_DEFINITION_MB,
        key=f"{key}-definition",
    )
    return "", [Upload(name=file.name, content=file.getvalue()) for file in files]


def ask_answers(key: str) -> Upload | None:
    """Ask for the file of answers.

    Parameters
    ----------
    key
        Prefix of the keys of the widgets.

    Returns
    -------
    Upload or None
        None until there is one.
    """
    file = st.file_uploader(
        f"Answers (CSV, TSV, XLSX, SAV or Parquet, up to {uploads.LARGEST_MB} MB)",
        type=list(uploads.ANSWER_KINDS),
        max_upload_size=uploads.LARGEST_MB,
        key=f"{key}-answers",
    )
    return None if file is None else Upload(name=file.name, content=file.getvalue())


def ask_reading(key: str) -> Reading:
    """Ask how the file is written, where it differs from the contract.

    Parameters
    ----------
    key
        Prefix of the keys of the widgets.

    Returns
    -------
    Reading
        With the usual names where nothing was said.
    """
    with st.expander("How the file is written"):
        participant = st.text_input("Column of the participant", "participant", key=f"{key}-participant")
        wave = st.text_input("Column of the wave", "wave", key=f"{key}-wave")
        further = st.text_input("Further columns to keep (a, b)", key=f"{key}-covariates")
        sheet = st.text_input("Sheet of a workbook", key=f"{key}-sheet")
        delimiter = st.selectbox("Sign between the fields", list(DELIMITERS), key=f"{key}-delimiter")
        encoding = st.selectbox("Encoding", list(ENCODINGS), key=f"{key}-encoding")
        labels = st.checkbox("Cells hold the labels of the options, not their codes", key=f"{key}-labels")
        mapping = ask_mapping(key)
        known = st.checkbox(
            "Recognise columns and answers, as with the file of a survey tool", key=f"{key}-recognise"
        )
        unsure = st.checkbox("Take what is recognised but unsure", key=f"{key}-unsure") if known else False
    return uploads.with_defaults(
        Reading(
            participant=participant,
            wave=wave,
            covariates=uploads.named_columns(further),
            sheet=sheet,
            delimiter=DELIMITERS[delimiter],
            encoding=ENCODINGS[encoding],
            labels=labels,
            recognise=known,
            take_unsure=unsure,
            mapping=mapping,
        )
    )


def ask_mapping(key: str) -> str:
    """Ask for the mapping that `dta import FILE` wrote and a person corrected.

    Parameters
    ----------
    key
        Prefix of the keys of the widgets.

    Returns
    -------
    str
        Its text; empty where none was dropped in.
    """
    file = st.file_uploader(
        "Mapping file (mapping.yaml, as `dta import` writes it)",
        type=list(uploads.DEFINITION_KINDS),
        max_upload_size=uploads.LARGEST_DEFINITION_MB,
        key=f"{key}-mapping",
    )
    return "" if file is None else file.getvalue().decode("utf-8-sig", errors="replace")


def show_fault(error: ToolkitError) -> None:
    """Show what is wrong and, apart from it, what to do."""
    fact, _, hint = str(error).partition("\nHint: ")
    st.error(plain(fact))
    if hint:
        st.markdown(f"**What to do:** {plain(hint)}")


def plain(text: str) -> str:
    """Take the meaning of Markdown from the signs of a text.

    Parameters
    ----------
    text
        As a message has it.

    Returns
    -------
    str
        Shown as it stands.
    """
    for sign in "\\[]*_$`<#":
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", "  \n")


def _outcome(given: Upload, choice: str, definition: list[Upload], reading: Reading, rescale: bool) -> None:
    digest = hashlib.sha256(given.content)
    for upload in definition:
        digest.update(upload.content)
    asked = (digest.hexdigest(), given.name, choice, reading, rescale)
    kept = st.session_state.get(KEPT)
    if kept is None or kept[0] != asked:
        st.session_state.pop(KEPT, None)
        try:
            with st.spinner("Reading and scoring"):
                kept = (asked, scoring.score_upload(given, choice, definition, reading, rescale))
        except ToolkitError as error:
            show_fault(error)
            return
        st.session_state[KEPT] = kept  # of this visitor alone, gone with the page
    _show(kept[1])


def _show(scored: scoring.ScoredFile) -> None:
    st.header("What was read")
    with st.container(horizontal=True):
        for label, number in scored.counts.items():
            st.metric(label, f"{number:,}", border=True, width=140)
    parts.small(f"{scored.scale.title}, version {scored.scale.version} ({scored.scale.status})")
    if scored.scale.notice:
        st.info(plain(scored.scale.notice))
    for suspicion in scored.suspicions:
        st.warning(f"**Suspicion.** {plain(suspicion)}. Nothing was changed.")
    for note in scored.notes:
        parts.small(f"Note: {note}")
    with st.expander("Columns recognised"):
        for label, names in scored.columns.items():
            st.markdown(f"**{label}** ({len(names)}): {plain(', '.join(names)) or 'none'}")
    st.header("Scores")
    _tables(scored, "scores", "reasons")
    _downloads(scored)
    st.header("Checks")
    _tables(scored, "checks", "missing")
    parts.small(f"{scored.file}, SHA-256 {scored.checksum}")


def _tables(scored: scoring.ScoredFile, *names: str) -> None:
    for name in names:
        view = table_view("", scored.section, name)
        if view.rows:
            parts.show_table(view)


def _downloads(scored: scoring.ScoredFile) -> None:
    stem = scored.file.rsplit(".", 1)[0]
    with st.container(horizontal=True):
        st.download_button(
            "Scores as CSV",
            partial(scoring.scores_csv, scored),
            f"{stem}-scores.csv",
            "text/csv",
            on_click="ignore",
        )
        st.download_button(
            "Scores as XLSX",
            partial(scoring.scores_workbook, scored),
            f"{stem}-scores.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            on_click="ignore",
        )
        for name, (kind, content) in scoring.codebook_files(scored).items():
            label = "Codebook as CSV" if name.endswith(".csv") else "Codebook to read (HTML)"
            st.download_button(label, content, name, kind, on_click="ignore")
    parts.small("The scores hold one row per person and wave: keep them as the answers are kept.")
