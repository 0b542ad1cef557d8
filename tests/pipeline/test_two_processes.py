"""A second process changes no number, says what failed there, and passes warnings on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import dta
from analysis.figures.base import NARROW, WIDE
from analysis.jobs.validation import validate_into
from analysis.pipeline import Validation, validate
from analysis.pipeline.beside import MANY_ANSWERS, OF_ITEMS, suited_workers
from analysis.pipeline.topics import TOPICS
from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.study import make_study

ASKED = ("items", "sampling", "exploration", "retention", "groups")


def test_two_processes_give_the_sections_of_one(
    tree: dict[str, Any], answers: pd.DataFrame, scale: Instrument, study: dict[str, Any]
) -> None:
    told: list[tuple[str, int, int]] = []
    found = validate(
        answers,
        scale,
        study=make_study(study),
        seed=3,
        topics=ASKED,
        workers=2,
        progress=lambda *what: told.append(what),
    ).to_dict()
    assert list(found["sections"]) == [name for name in tree["sections"] if name in ASKED]
    assert found["sections"] == {name: tree["sections"][name] for name in found["sections"]}
    assert [(number, count) for _, number, count in told] == [
        (k, len(ASKED)) for k in range(1, len(ASKED) + 1)
    ]
    assert {title for title, *_ in told} == {s["title"] for s in found["sections"].values()}


def test_a_report_written_by_two_processes_has_the_same_bytes(
    validation: Validation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = dict(list(validation.tree["sections"].items())[:6])
    one_topic = Validation(tree={**validation.tree, "sections": small})
    one_topic.write(tmp_path / "one", forms=("html", "docx"))
    drawn: list[Any] = []
    monkeypatch.setattr("analysis.figures.base.AHEAD", Noted(drawn))
    monkeypatch.setattr("analysis.report.word.render_docx", None)  # the other process has its own
    one_topic.write(tmp_path / "two", workers=2, forms=("html", "docx"))
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert [
        f for f in files if (tmp_path / "one" / f).read_bytes() != (tmp_path / "two" / f).read_bytes()
    ] == []
    assert {"report.docx", "report_supplement.docx"} <= {str(file) for file in files}
    assert len(drawn) > 4 and len(drawn) % 2 == 0
    assert {width for _, width in drawn} == {NARROW, WIDE}


class Noted:
    """Stands for the context variable, and notes what was drawn ahead."""

    def __init__(self, drawn: list[Any]) -> None:
        self.drawn, self.held = drawn, {}

    def set(self, made: dict[Any, str]) -> None:
        self.drawn += made
        self.held = made

    def get(self) -> dict[Any, str]:
        return self.held

    def reset(self, token: None) -> None:
        self.held = {}


def test_topics_of_the_second_process_ask_nothing_of_use() -> None:
    assert set(OF_ITEMS) <= {topic.name for topic in TOPICS}
    assert not any(topic.predicts for topic in TOPICS if topic.name in OF_ITEMS)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True])
def test_a_number_of_processes_that_is_none_is_refused(
    validation: Validation, answers: pd.DataFrame, scale: Instrument, workers: Any
) -> None:
    with pytest.raises(DefinitionError, match="workers is"):
        validate(answers, scale, workers=workers)


def test_small_tables_take_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert suited_workers(pd.DataFrame(index=range(MANY_ANSWERS // 10 - 1), columns=range(10))) == 1
    assert suited_workers(pd.DataFrame(index=range(MANY_ANSWERS // 10), columns=range(10))) == 2
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert suited_workers(pd.DataFrame(index=range(MANY_ANSWERS), columns=range(10))) == 1


def test_the_demo_and_jobs_of_the_dashboard_take_the_processes_that_suit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those that `dta validate` would take: two for the example, one for a small table."""
    taken: list[int] = []

    def stop(*_: Any, workers: int, **__: Any) -> None:
        taken.append(workers)
        raise KeyboardInterrupt

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("analysis.commands.validate.validate_and_write", stop)
    monkeypatch.setattr("analysis.pipeline.validate", stop)
    with pytest.raises(KeyboardInterrupt):
        dta.demo_command(no_serve=True, out=tmp_path)
    example = Path(dta.__file__).parent / "data" / "example"
    few = tmp_path / "few.csv"
    rows = (example / "responses.csv").read_text(encoding="utf-8").splitlines()
    few.write_text("\n".join(rows[:40]), encoding="utf-8")
    for responses in (example / "responses.csv", few):
        request = {"files": {"responses": str(responses)}, "instrument": "dta@0.2.0"}
        with pytest.raises(KeyboardInterrupt):
            validate_into(SimpleNamespace(request=request, folder=tmp_path), lambda *_: None)  # type: ignore[arg-type]
    assert taken == [2, 2, 1]
