"""Jobs in real processes: they end well or are explained, and the last good results stand meanwhile."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from patient_servers import until
from small_study import DATA, SCALE

from analysis.jobs import control, locking
from analysis.jobs.control import cancel, jobs_of, running, start
from analysis.jobs.inputs import declared, roles_of
from analysis.jobs.publishing import exchanged
from analysis.jobs.record import JobError, jobs_folder, new_job, read_job, read_jobs
from instrument.errors import ResponseDataError

WORKER = Path(__file__).with_name("worker_of_tests.py")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder with good results."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "results.json").write_text('{"by": "before"}', encoding="utf-8")
    (folder / "report.html").write_text("before", encoding="utf-8")
    return folder


def begin(target: Path, kind: str, name: str = "new", **inputs: bytes) -> Any:
    return start(target, "a test", {"name": name}, inputs, command=(sys.executable, str(WORKER), kind))


def closed(job: Any) -> Any:
    return until(lambda: next((j for j in jobs_of(job.target) if j.id == job.id and not j.is_open), None))


def child_of(job: Any) -> int:
    """The process that a worker says it waits for."""
    until(lambda: (job.folder / "child").is_file())
    return int((job.folder / "child").read_text(encoding="utf-8"))


def author(target: Path) -> str:
    return json.loads((target / "results.json").read_text(encoding="utf-8"))["by"]


def leftovers(job: Any) -> set[str]:
    return {entry.name for entry in job.folder.iterdir()} & {"inputs", "made", "old"}


def alive(process: int) -> bool:
    return locking.born(process) != "" and "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]


def test_a_job_replaces_the_results_and_tells_how_far_it_was(target: Path) -> None:
    job = closed(begin(target, "good", answers=b"participant,q1\n"))
    assert (job.state, job.message, job.exit_status) == ("done", "All well.", 0)
    assert (job.number, job.count) == (3, 3)
    assert job.started.endswith("UTC")
    assert job.ended >= job.started
    assert author(target) == "new"
    assert not (target / "report.html").exists()  # the folder was exchanged whole
    assert leftovers(job) == set()
    assert running(target) is None


def test_jobs_begun_within_one_second_stand_newest_first(target: Path) -> None:
    made = [new_job(target, "a test", {}, {}).id for _ in range(8)]
    assert [job.id for job in read_jobs(target)] == made[::-1]


def test_the_first_results_need_none_before(tmp_path: Path) -> None:
    target = tmp_path / "none" / "yet"
    target.parent.mkdir()
    assert closed(begin(target, "good")).state == "done"
    assert author(target) == "new"


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("bad", 2, "read_responses: 2 columns are absent.\nHint: check the file."),
        ("broken", 1, "an unexpected error (KeyError)"),
        ("killed", None, "ended without a word"),
    ],
)
def test_a_job_that_fails_is_explained_and_changes_nothing(
    kind: str, status: int | None, words: str, target: Path
) -> None:
    job = closed(begin(target, kind, answers=b"participant,q1\n"))
    assert (job.state, job.exit_status) == ("failed", status)
    assert words in job.message
    assert author(target) == "before"
    assert leftovers(job) == set()
    everything = "".join(entry.read_text(encoding="utf-8") for entry in job.folder.iterdir())
    assert "an-answer-of-somebody" not in everything
    assert closed(begin(target, "good")).state == "done"  # nothing of it stands in the way


def test_a_job_in_the_middle_is_cancelled_with_all_it_started(target: Path) -> None:
    job = begin(target, "slow", answers=b"participant,q1\n")
    child = child_of(job)
    seen = running(target)
    assert seen is not None
    assert (seen.state, seen.topic, seen.number, seen.count) == ("running", "Topic 3", 3, 3)
    assert author(target) == "before"
    stopped = cancel(seen)
    assert stopped.state == "cancelled"
    assert "stand" in stopped.message
    assert author(target) == "before"
    assert leftovers(stopped) == set()
    until(lambda: not alive(child))
    assert cancel(seen).state == "cancelled"
    assert [job.state for job in jobs_of(target)] == ["cancelled"]


def test_a_job_that_does_not_listen_is_killed(target: Path) -> None:
    job = begin(target, "deaf")
    child_of(job)
    assert cancel(job, patience=0.3).state == "cancelled"
    assert author(target) == "before"


def test_a_job_can_be_cancelled_before_it_begins(target: Path) -> None:
    assert cancel(begin(target, "slow")).state == "cancelled"


def test_a_worker_killed_from_outside_is_found_out(target: Path) -> None:
    job = begin(target, "slow")
    child = child_of(job)
    told = json.loads((job.folder / "process.json").read_text(encoding="utf-8"))
    os.kill(told["pid"], signal.SIGKILL)
    assert closed(job).state == "failed"
    os.kill(child, signal.SIGKILL)  # an orphan does not hold the lock
    assert author(target) == "before"


def test_a_number_given_to_another_process_is_not_signalled(target: Path) -> None:
    job = begin(target, "slow")
    child_of(job)
    path = job.folder / "process.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({"pid": told["pid"], "born": "1"}), encoding="utf-8")
    with pytest.raises(JobError, match="does not stop"):
        cancel(job, patience=0.1)
    assert alive(told["pid"])
    path.write_text(json.dumps(told), encoding="utf-8")
    assert cancel(job).state == "cancelled"


@pytest.mark.parametrize(
    ("kind", "state", "by"), [("killed-between", "failed", "before"), ("killed-after", "done", "new")]
)
def test_a_worker_killed_while_results_change_hands_leaves_whole_ones(
    kind: str, state: str, by: str, target: Path
) -> None:
    job = closed(begin(target, kind))
    assert job.state == state
    assert author(target) == by
    assert leftovers(job) == set()


def test_two_at_once_are_refused_and_another_study_is_not(target: Path, tmp_path: Path) -> None:
    first = begin(target, "slow")
    with pytest.raises(JobError, match=r"running already \(since .*UTC\)\.\nHint: wait"):
        begin(target, "good")
    other = begin(tmp_path / "other", "good")
    assert closed(other).state == "done"
    assert [job.id for job in jobs_of(target)] == [first.id]
    cancel(first)


def test_of_many_who_start_at_once_one_does(target: Path) -> None:
    begun: list[Any] = []

    def attempt() -> None:
        try:
            begun.append(begin(target, "slow"))
        except JobError:
            begun.append(None)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([job for job in begun if job is not None]) == 1
    cancel(next(job for job in begun if job is not None))


def test_a_reader_that_begins_again_sees_the_same_job(target: Path) -> None:
    job = begin(target, "slow")
    child_of(job)
    code = (
        "import sys, json; from analysis.jobs.control import running, cancel; "
        "job = running(sys.argv[1]); print(job.id, job.topic); cancel(job)"
    )
    import subprocess

    told = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split(maxsplit=1) == [job.id, "Topic 3\n"]
    assert [job.state for job in jobs_of(target)] == ["cancelled"]


def test_a_job_outlives_the_process_that_started_it(target: Path) -> None:
    import subprocess

    code = (
        "import sys, os; from analysis.jobs.control import start; "
        "start(sys.argv[1], 'a test', {'name': 'orphan'}, {}, (sys.executable, sys.argv[2], 'good')); "
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(target), str(WORKER)], check=True)
    assert until(lambda: (found := jobs_of(target)) and not found[0].is_open)
    assert jobs_of(target)[0].state == "done"
    assert author(target) == "orphan"


def test_readers_never_miss_the_results(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "results.json").write_text(json.dumps({"by": folder.name}), encoding="utf-8")
    if not exchanged(one, other):  # a file system that cannot: then two renames with a moment between
        return
    stop, missed, seen = threading.Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(author(one))
            except OSError:
                missed.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for round_of in range(4000):
        assert exchanged(one, other)
        time.sleep(0.0002)
        if round_of > 300 and len(seen) == 2:
            break
    stop.set()
    reader.join()
    assert missed == []
    assert seen == {"one", "other"}


def test_a_folder_with_other_things_is_refused_and_nothing_is_started(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine", encoding="utf-8")
    with pytest.raises(ResponseDataError, match="holds no earlier report"):
        begin(tmp_path, "good")
    assert not jobs_folder(tmp_path).exists()


def test_a_start_waits_for_a_process_that_has_said_how_it_ended(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker writes its end, then goes; on a busy machine the second takes a while."""
    closed(begin(target, "good"))
    held = until(lambda: locking.acquire(jobs_folder(target)))
    released = threading.Timer(2.5, os.close, [held])
    released.start()
    assert closed(begin(target, "good", "after")).state == "done"
    assert author(target) == "after"
    monkeypatch.setattr(control, "PATIENCE", 0.1)
    held = until(lambda: locking.acquire(jobs_folder(target)))
    try:
        with pytest.raises(JobError, match="running already"):
            begin(target, "good")
    finally:
        os.close(held)


def test_job_folders_are_private_and_only_the_newest_are_kept(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "KEPT", 2)
    jobs = [closed(begin(target, "bad")) for _ in range(3)]
    assert {entry.id for entry in jobs_of(target)} <= {job.id for job in jobs}
    assert len(jobs_of(target)) == 2
    assert jobs_folder(target).stat().st_mode & 0o077 == 0
    assert jobs[-1].folder.stat().st_mode & 0o077 == 0
    (jobs[-1].folder / "status.json").write_text("{", encoding="utf-8")
    assert read_job(jobs[-1].folder) is None
    assert len(jobs_of(target)) == 1


def test_every_file_that_the_command_takes_has_a_name() -> None:
    from dataclasses import fields

    from analysis.commands.study_files import StudyFiles
    from analysis.jobs.inputs import ROLES

    taken = {field.name for field in fields(StudyFiles)} - {"responses", "instrument", "notes"}
    assert set(ROLES.values()) == taken | {"plan", "seal"}


def test_files_go_by_their_names(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"go by no known name: 'thesis\.docx'"):
        roles_of(["usage.csv", "thesis.docx"])
    with pytest.raises(JobError, match="both taken for times"):
        roles_of(["times.csv", "administrations.csv"])
    with pytest.raises(JobError, match="is not there"):
        declared(tmp_path / "absent")
    with pytest.raises(JobError, match="has 0 files of answers"):
        declared(tmp_path)
    for name in (
        "responses.csv",
        "usage.csv",
        "study.yaml",
        "README.md",
        "instrument.yaml",
        "plan.csv",
        "notes.json",
    ):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert set(declared(tmp_path)) == {"responses", "usage", "study", "instrument"}
    (tmp_path / "answers.xlsx").write_text("", encoding="utf-8")
    with pytest.raises(JobError, match="has 2 files of answers"):
        declared(tmp_path)
    (tmp_path / "answers.xlsx").unlink()
    for name in ("plan.yml", "plan.lock.json"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert set(declared(tmp_path)) == {"responses", "usage", "study", "instrument", "plan", "seal"}


def test_a_validation_in_a_job_gives_the_bytes_of_the_command(tmp_path: Path) -> None:
    import yaml

    from analysis.commands.reading_study import read_study
    from analysis.commands.study_files import StudyFiles
    from analysis.pipeline import validate

    scale = yaml.safe_dump(SCALE)
    frame = pd.read_csv(DATA, dtype=str).rename(columns={"id": "participant"}).head(120)
    answers = frame.drop(columns=["group", "site"]).to_csv(index=False)
    request = {
        "files": {"responses": "answers/a.csv", "instrument": "definition/mine.yaml"},
        "instrument": "",
        "seed": 3,
        "forms": ["markdown"],
    }
    files = {"answers/a.csv": answers.encode(), "definition/mine.yaml": scale.encode()}
    target = tmp_path / "results"
    job = closed(start(target, "a test", request, files))
    assert job.state == "done", job.message
    assert "rules were asked" in job.message
    (tmp_path / "a.csv").write_text(answers, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(scale, encoding="utf-8")
    by_hand = StudyFiles(responses=tmp_path / "a.csv", instrument=str(tmp_path / "mine.yaml"))
    validate(read_study(by_hand), seed=3).write(tmp_path / "by-command", forms=["markdown"])
    written = sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())
    assert len(written) > 5
    for name in written:
        assert (target / name).read_bytes() == (tmp_path / "by-command" / name).read_bytes(), name
    failed = closed(
        start(target, "a test", {**request, "instrument": "dta", "files": {"responses": "a.csv"}})
    )
    assert (failed.state, failed.exit_status) == ("failed", 2)
    assert "\nHint: " in failed.message


def test_what_has_run_is_what_has_ended(target: Path) -> None:
    from dashboard.jobs import past

    ended = closed(begin(target, "good"))
    held = until(lambda: locking.acquire(jobs_folder(target)))  # as whoever works on a job holds it
    waiting = new_job(target, "a test", {}, {})
    assert waiting.is_open
    assert [job.id for job in past(target)] == [ended.id]
    os.close(held)
    assert [job.id for job in past(target)] == [waiting.id, ended.id]  # nobody works on it: it has ended


PLAN = "schema: 1\nquestion: Is it one thing?\ntopics: [flow, reliability]\nseed: 7\nrules: {ALPHA: 0.95}\n"


def run_with(tmp_path: Path, beside: dict[str, str]) -> Any:
    """Start a validation of the small table with these files beside it, and wait for its end."""
    import yaml

    frame = pd.read_csv(DATA, dtype=str).rename(columns={"id": "participant"}).head(120)
    given = {
        "answers/a.csv": frame.drop(columns=["group", "site"]).to_csv(index=False),
        "definition/mine.yaml": yaml.safe_dump(SCALE),
        **{f"beside/{name}": text for name, text in beside.items()},
    }
    files = {"responses": "answers/a.csv", "instrument": "definition/mine.yaml"}
    files |= {role: f"beside/{name}" for role, name in roles_of(beside).items()}
    request = {"files": files, "instrument": "", "forms": ["markdown"]}
    return closed(start(tmp_path / "results", "a test", request, {k: v.encode() for k, v in given.items()}))


def test_a_job_carries_out_the_plan_that_lies_beside_the_answers(tmp_path: Path) -> None:
    import yaml

    from analysis.commands.plan import lock_command

    kept = tmp_path / "plan.yaml"
    kept.write_text(PLAN, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(SCALE), encoding="utf-8")
    lock_command(kept, str(tmp_path / "mine.yaml"))
    seal = (tmp_path / "plan.lock.json").read_text(encoding="utf-8")
    job = run_with(tmp_path, {"plan.yaml": PLAN.replace("0.95", "0.90"), "plan.lock.json": seal})
    assert job.state == "done", job.message
    tree = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    assert tree["meta"]["seed"] == 7
    report = (tmp_path / "results" / "report.md").read_text(encoding="utf-8")
    assert "The question: Is it one thing?" in report
    assert "Deviations from the plan: 1. They concern rules.ALPHA." in report
    assert "## Reliability" in report
    assert "## Structural models" not in report


def test_a_job_refuses_a_seal_without_its_plan_and_a_plan_of_two_halves(tmp_path: Path) -> None:
    job = run_with(tmp_path, {"plan.lock.json": "{}"})
    assert (job.state, job.message.partition("\n")[0]) == (
        "failed",
        "validate: the seal of a plan was given without the plan.",
    )
    job = run_with(tmp_path, {"plan.yaml": PLAN + "split: {seed: 4, explore: 0.5}\n"})
    assert job.state == "failed"
    assert "the plan splits the people into two halves" in job.message


def test_a_job_of_files_takes_every_table_beside_the_answers() -> None:
    """Each by its role: one that is left out would change numbers without a word."""
    from dataclasses import fields
    from types import SimpleNamespace

    from analysis.jobs.validation import _of_files

    example = Path(__file__).resolve().parents[2] / "data" / "example"
    files = {role: str(example / name) for role, name in declared(example).items()}
    assert set(files) == {
        *("responses", "usage", "outcomes", "covariates", "study", "times", "enrolment", "audit")
    }
    job: Any = SimpleNamespace(folder=example, request={"files": files, "instrument": "dta@0.2.0"})
    data, _ = _of_files(job)
    told = {field.name: getattr(data, field.name) for field in fields(data)}
    for role in ("outcomes", "covariates", "times", "enrolment", "audit"):
        assert told[role].shape == pd.read_csv(files[role], dtype=str).shape, role
    assert data.study is not None and data.study.id and data.usage.people["participant"].nunique() == 600
    for role in ("usage", "outcomes", "covariates", "study", "times", "enrolment", "audit"):
        fewer: Any = SimpleNamespace(
            folder=example,
            request={"files": {k: v for k, v in files.items() if k != role}, "instrument": "dta@0.2.0"},
        )
        assert getattr(_of_files(fewer)[0], role) is None, role
