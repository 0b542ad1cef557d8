"""Run a validation from a page: offered where permitted, seen on every page, stopped, explained."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest
import yaml
from patient_servers import until
from small_study import SCALE
from streamlit.testing.v1 import AppTest

from analysis.jobs import control
from analysis.jobs.control import cancel, jobs_of, running
from analysis.jobs.record import Job
from dashboard import jobs
from dashboard.upload_columns import Columns, arranged, header_of
from dashboard.uploads import MEGABYTE, Upload, names_in
from instrument.errors import ToolkitError

WORKER = Path(__file__).with_name("worker_of_tests.py")
OWN = "An instrument of my own (YAML)"
DEFINITION = yaml.safe_dump(SCALE).encode()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Permit validations of the results in a folder, by a worker that does what its test asks."""
    target = tmp_path / "results"
    monkeypatch.setenv("DTA_JOBS", "yes")
    monkeypatch.setenv("DTA_RESULTS", str(target))
    monkeypatch.delenv("DTA_STORE", raising=False)
    monkeypatch.delenv("DTA_INPUTS", raising=False)

    def with_worker(kind: str) -> Path:
        monkeypatch.setattr(control, "WORKER", (sys.executable, str(WORKER), kind))
        return target

    yield with_worker
    if job := running(target):
        cancel(job)


def _page() -> None:
    from dashboard.views import run_validation

    run_validation.show()


def _other_page() -> None:
    import streamlit as st

    from dashboard.views import meanwhile

    st.title("Another page")
    meanwhile.note()


def opened(page: Any = _page) -> AppTest:
    test = AppTest.from_function(page, default_timeout=60).run()
    assert not test.exception
    return test


def filled(*beside: str) -> AppTest:
    test = opened()
    test.selectbox(key="validation-instrument").select(OWN).run()
    test.file_uploader(key="validation-definition").upload("mine.yaml", DEFINITION)
    test.file_uploader(key="validation-answers").upload("answers.csv", b"participant,q1\np1,1\n")
    for name in beside:
        test.file_uploader(key="validation-beside").upload(name, b"participant\n")
    test.run()
    assert not test.exception
    return test


def begun(test: AppTest) -> AppTest:
    test.button(key="validation-start").click().run()
    assert not test.exception
    return test


def closed(target: Path) -> Job:
    return until(lambda: next((job for job in jobs_of(target)[:1] if not job.is_open), None))


def said(test: AppTest) -> str:
    kinds = (test.markdown, test.info, test.success, test.error, test.warning, test.header, test.title)
    return "\n".join(str(entry.value) for kind in kinds for entry in kind)


@pytest.mark.parametrize("setting", [None, "no", "perhaps", ""])
def test_without_permission_there_is_no_form(setting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DTA_JOBS", raising=False)
    if setting is not None:
        monkeypatch.setenv("DTA_JOBS", setting)
    test = opened()
    assert "not started from this dashboard" in test.info[0].value
    assert "DTA_JOBS=yes" in said(test)
    assert not test.button
    assert not test.file_uploader


def test_without_results_the_page_says_how_to_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTA_JOBS", "yes")
    monkeypatch.delenv("DTA_RESULTS", raising=False)
    assert "--results" in said(opened())


def test_nothing_starts_before_there_is_a_file(place: Any) -> None:
    place("good")
    test = opened()
    assert test.button(key="validation-start").disabled
    assert "drop in a file of answers" in test.info[0].value


def test_a_validation_runs_is_seen_and_is_done(place: Any) -> None:
    target = place("slow")
    test = begun(filled("usage.csv"))
    assert "A new validation is running" in said(test)
    assert not test.file_uploader  # one at a time: no second form
    assert "These are the last good results" in said(opened(_other_page))
    again = opened()  # a reload
    assert "A new validation is running" in said(again)
    assert "answers.csv, instrument likert 1.0" in said(again).replace("\\", "")
    again.button(key="validation-cancel").click().run()
    assert "Stopped on request" in said(again)
    assert "Cancelled" in said(again)
    assert not (target / "results.json").exists()
    place("good")
    begun(filled())
    assert closed(target).state == "done"
    assert "✓ Done" in said(opened())
    assert "last good results" not in said(opened(_other_page))
    assert (target / "results.json").is_file()


def test_what_is_uploaded_goes_to_the_worker_and_is_gone_afterwards(place: Any) -> None:
    target = place("slow")
    begun(filled("usage.csv", "administrations.csv"))
    job = jobs_of(target)[0]
    assert job.request["files"] == {
        "responses": "answers/answers.csv",
        "usage": "beside/usage.csv",
        "times": "beside/administrations.csv",
        "instrument": "definition/mine.yaml",
    }
    for name in job.request["files"].values():
        assert (job.folder / "inputs" / name).is_file()
    cancel(job)
    assert not (job.folder / "inputs").exists()


@pytest.mark.parametrize(
    ("shared", "fact"), [("yes", "– columns are absent."), ("no", "2 columns are absent.")]
)
def test_a_failure_is_explained_without_a_traceback(
    shared: str, fact: str, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others see the page, a number in a message may be one of people."""
    monkeypatch.setenv("DTA_SHARED", shared)
    target = place("bad")
    begun(filled())
    closed(target)
    shown = said(opened()).replace("\\", "")
    for word in ("✗ Failed, exit status 2", fact, "What to do: check the file."):
        assert word in shown
    assert ("2 columns" in shown) == (shared == "no")
    assert "Traceback" not in shown


def test_files_of_no_known_name_are_refused(place: Any) -> None:
    target = place("good")
    test = begun(filled("holiday.csv"))
    assert "go by no known name" in test.error[0].value
    assert jobs_of(target) == []


def test_declared_files_are_offered_with_their_folder(
    place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, folder = place("slow"), tmp_path / "declared"
    folder.mkdir()
    monkeypatch.setenv("DTA_INPUTS", str(folder))
    assert "has 0 files of answers" in said(opened())
    (folder / "responses.csv").write_text("participant,q1\n", encoding="utf-8")
    (folder / "study.yaml").write_text("schema: 1\n", encoding="utf-8")
    test = opened()
    test.radio[0].set_value("The declared files").run()
    begun(test)
    job = jobs_of(target)[0]
    assert job.request["instrument"] == "dta"
    assert {Path(path).name for path in job.request["files"].values()} == {"responses.csv", "study.yaml"}


def test_studies_of_the_store_are_offered_and_its_address_is_not_written(
    place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = place("slow")
    monkeypatch.setenv("DTA_STORE", str(tmp_path / "absent.sqlite"))
    assert "there is no store" in said(opened())
    monkeypatch.setattr("instrument.store.study_data.studies_in", lambda url: ["trial"])
    test = opened()
    test.radio[0].set_value("The store").run()
    begun(test)
    job = jobs_of(target)[0]
    assert job.request["study"] == "trial"
    assert "absent.sqlite" not in (job.folder / "job.json").read_text(encoding="utf-8")


def test_a_second_start_from_another_page_is_refused(place: Any) -> None:
    target = place("slow")
    first, second = filled(), filled()
    begun(first)
    assert "A new validation is running" in said(begun(second))
    assert len(jobs_of(target)) == 1
    with pytest.raises(ToolkitError, match="running already"):
        jobs.start_store(target, "trial", jobs.Options())


def test_a_file_beyond_the_limit_is_refused(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    target = place("good")
    monkeypatch.setattr("dashboard.uploads.LARGEST_MB", 0)
    given = Upload(name="a.csv", content=b"participant\n")
    with pytest.raises(ToolkitError, match="the page takes 0 MB"):
        jobs.start_upload(target, given, [], "dta", [], jobs.Options())


def test_a_file_beside_the_answers_has_the_same_limit(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    target = place("good")
    monkeypatch.setattr("dashboard.uploads.LARGEST_MB", 1)
    answers = Upload(name="a.csv", content=b"participant\n")
    beside = [Upload(name=name, content=b"x") for name in ("usage.csv", "outcomes.csv")]
    for place_of in range(2):
        large = [
            replace(one, content=b"x" * (MEGABYTE + 1)) if at == place_of else one
            for at, one in enumerate(beside)
        ]
        with pytest.raises(ToolkitError, match=f"{large[place_of].name}.*the page takes 1 MB"):
            jobs.start_upload(target, answers, large, "dta", [], jobs.Options())
    assert not jobs_of(target)


def test_a_foreign_folder_is_never_replaced(place: Any) -> None:
    target = place("good")
    target.mkdir()
    (target / "thesis.docx").write_text("mine", encoding="utf-8")
    assert "holds no earlier report" in begun(filled()).error[0].value
    assert json.dumps(sorted(entry.name for entry in target.iterdir())) == '["thesis.docx"]'


def csv_of(text: str, name: str = "a.csv") -> Upload:
    return Upload(name=name, content=text.encode("utf-8"))


def test_the_first_line_tells_the_columns_or_nothing_is_asked() -> None:
    assert header_of(csv_of('\ufeffid;"sex, or gender"\r\n1;f\r\n')) == ()  # a comma within quotes: not sure
    assert header_of(csv_of("\ufeffid;sex\r\n1;f\r\n")) == ("id", "sex")
    assert header_of(csv_of("id\tq1\n1\t2\n", "a.TSV")) == ("id", "q1")
    assert header_of(csv_of('id,"a ""b""",q1\n')) == ("id", 'a "b"', "q1")
    for text in ("", "one\n1\n", "a,a\n1,2\n", "a,\n1,2\n", " a,b\n1,2\n"):
        assert header_of(csv_of(text)) == ()
    assert header_of(csv_of("a,b\n", "a.xlsx")) == header_of(Upload(name="a.csv", content=b"\xff,a\n")) == ()


def test_columns_are_named_and_left_out_and_no_cell_is_changed() -> None:
    given = csv_of('code,when,q1,note\n007,t1,"1","a, b"\n008,t2,,\n')
    told = Columns(who="code", wave="when", left_out=("note",))
    assert arranged(given, told).content == b"participant,wave,q1\n007,t1,1\n008,t2,\n"
    usual = csv_of("participant,wave,q1,sex\n1,1,2,f\n")
    assert arranged(usual, Columns(covariates=("sex",))) is usual
    assert arranged(csv_of("q1,q2\n1,2\n"), Columns(who="", wave="")).content == b"q1,q2\n1,2\n"
    ragged = arranged(csv_of("code,q1,x\n1,2\n"), Columns(who="code", left_out=("x",)))
    assert ragged.content == b"participant,q1\n1,2\n"


def test_columns_are_choices_and_the_form_stays_when_something_is_wrong(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("good")
    begun_with: list[Any] = []

    def refuse(target: Path, given: Upload, *rest: Any) -> None:
        begun_with.append((given, rest[-1]))
        raise ToolkitError("upload: 1 cell is no code.\nHint: mend it.")

    monkeypatch.setattr(jobs, "start_upload", refuse)
    test = opened()
    test.selectbox(key="validation-instrument").select(OWN).run()
    test.file_uploader(key="validation-definition").upload("mine.yaml", DEFINITION)
    item = SCALE["themes"][0]["items"][0]["id"]
    answers = f"code,participant,{item},sex,note\np1,x,1,f,hello\n".encode()
    test.file_uploader(key="validation-answers").upload("answers.csv", answers)
    test.run()
    who = test.selectbox(key="validation-column-participant")
    assert who.value == "participant" and test.selectbox(key="validation-column-wave").value == ""
    who.select("code").run()
    test.multiselect(key="validation-kept").select("sex").run()
    assert "Left out: participant, note." in said(test)
    begun(test)
    ((given, chosen),) = begun_with
    assert given.content == f"participant,{item},sex\np1,1,f\n".encode()
    assert chosen.covariates == ("sex",)
    assert "1 cell is no code" in said(test) and "hello" not in said(test)
    assert test.selectbox(key="validation-column-participant").value == "code"
    assert test.multiselect(key="validation-kept").value == ["sex"]
    assert not test.button(key="validation-start").disabled


@pytest.mark.parametrize("kind", ["xlsx", "parquet", "sav"])
def test_columns_of_other_files_than_text_are_choices_too(
    kind: str, place: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place("good")
    begun_with: list[Any] = []

    def refuse(target: Path, given: Upload, *rest: Any) -> None:
        begun_with.append((given, rest[-1]))
        raise ToolkitError("upload: 1 cell is no code.\nHint: mend it.")

    monkeypatch.setattr(jobs, "start_upload", refuse)
    item = SCALE["themes"][0]["items"][0]["id"]
    frame = pd.DataFrame(
        {"participant": ["p1", "p2"], item: [1, 2], "sex": ["f", "m"], "note": ["hello", "you"]}
    )
    path = tmp_path / f"answers.{kind}"
    write = {"xlsx": frame.to_excel, "parquet": frame.to_parquet}
    if kind == "sav":
        pyreadstat.write_sav(frame, str(path))
    else:
        write[kind](path, index=False)
    test = opened()
    test.selectbox(key="validation-instrument").select(OWN).run()
    test.file_uploader(key="validation-definition").upload("mine.yaml", DEFINITION)
    test.file_uploader(key="validation-answers").upload(path.name, path.read_bytes())
    test.run()
    offered = test.multiselect(key="validation-offered")
    assert offered.options == ["sex", "note"]
    offered.select("sex").run()
    begun(test)
    ((given, chosen),) = begun_with
    assert given.content == path.read_bytes() and chosen.covariates == ("sex",)
    assert "hello" not in said(test)


def test_a_file_that_cannot_be_read_offers_nothing() -> None:
    assert names_in(Upload(name="a.xlsx", content=b"no workbook")) == ()
    assert names_in(Upload(name="a.parquet", content=b"")) == ()


def test_choices_and_files_outlast_a_run_that_fails(place: Any) -> None:
    target = place("bad")
    test = filled("usage.csv")
    test.number_input(key="validation-seed").set_value(7)
    begun(test)
    assert closed(target).state == "failed"
    for _ in range(3):
        test.run()
        if test.file_uploader:
            break
    assert "Still here from the run that ended: answers.csv, usage.csv" in said(test).replace("\\", "")
    assert test.number_input(key="validation-seed").value == 7
    assert not test.button(key="validation-start").disabled
