"""Each option of a command reaches what it asks for: a keyword that is not passed on is a default in silence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pandas as pd
import pytest
import typer

import analysis.commands.validate as validating
from analysis.commands.adherence import adherence_command
from analysis.commands.power import power_command, table_command
from analysis.commands.reading_options import ReadingOptions
from analysis.power.expected_sizes import expected_odds_ratio
from instrument.errors import ToolkitError
from instrument.loading import load
from instrument.study import load_study
from instrument.study_data import StudyData

STUDY = Path(__file__).resolve().parents[1] / "example_0_1" / "study.yaml"
FILES = ("mapping", "fields")  # read before they are passed on


class SeenError(Exception):
    """Ends a command where what it was to pass on has been seen."""


def options_of(command: Callable[..., Any]) -> dict[str, tuple[type, str, Any]]:
    """Options of a command: name to type, spelling and default."""
    hints = get_type_hints(command, include_extras=True)
    found = {}
    for name, param in inspect.signature(command).parameters.items():
        hint, *more = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        # typer keeps the first spelling where the default of a plain option would stand
        decls = [decl for info in more for decl in (info.default, *(info.param_decls or ()))]
        spelled = [decl for decl in decls if str(decl).startswith("--")]
        if spelled:
            bare = [one for one in get_args(hint) if one is not type(None)] if get_args(hint) else [hint]
            found[name] = (bare[0], max(spelled, key=len), param.default)
    return found


def given(options: dict[str, tuple[type, str, Any]]) -> tuple[list[str], dict[str, Any]]:
    """Arguments that set each option to a value of its own, none of them the default."""
    arguments, wanted = [], {}
    for place, (name, (kind, spelled, default)) in enumerate(options.items()):
        values: dict[type, Any] = {bool: True, float: 0.11 + place / 100, int: 3 + place}
        value = values.get(kind, f"of {name}")
        arguments += [spelled] if kind is bool else [spelled, str(value)]
        assert value != default
        wanted[name] = value
    return arguments, wanted


def run(*arguments: str) -> None:
    typer.main.get_command(validating.app).main(list(arguments), standalone_mode=False)


def recorded(monkeypatch: pytest.MonkeyPatch, where: str) -> dict[str, Any]:
    """What a function is called with in place of being run."""
    seen: dict[str, Any] = {}

    def record(*args: Any, **kwargs: Any) -> Any:
        seen.update(kwargs, args=args)
        raise SeenError

    monkeypatch.setattr(where, record)
    return seen


@pytest.mark.parametrize("name", ["power", "table"])
def test_every_option_of_a_plan_reaches_the_simulation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorded(monkeypatch, f"analysis.power.plan_{name}.plan_{name}")
    apart = {"study", "n", "size", "odds_ratio", "theme", "out", "replications", "scheduler"}
    command = {"power": power_command, "table": table_command}[name]
    arguments, wanted = given({key: how for key, how in options_of(command).items() if key not in apart})
    more = ["--n", "60,70", "--odds-ratio", "1.2"] if name == "power" else ["--size", "total=0.2"]
    with pytest.raises(SeenError):
        run(
            "plan", name, str(STUDY), *arguments, *more, "--replications", "7", "--scheduler", "tcp://there:1"
        )
    assert len(wanted) > 10
    assert {key: seen[key] for key in wanted} == wanted
    sizes: Any = (60, 70) if name == "power" else {"total": 0.2}
    assert seen["args"][:3] == (STUDY, sizes, 7)
    assert (seen.get("scheduler") or seen["args"][3]) == "tcp://there:1"
    assert name == "table" or seen["odds_ratio"] == 1.2


def test_the_size_of_a_theme_is_that_of_the_reliability_given(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorded(monkeypatch, "analysis.power.plan_power.plan_power")
    with pytest.raises(SeenError):
        run("plan", "power", str(STUDY), "--theme", "progression", "--reliability", "0.6")
    assert seen["odds_ratio"] == expected_odds_ratio(load("dta"), "progression", 0.6)
    assert seen["odds_ratio"] != expected_odds_ratio(load("dta"), "progression", 0.85)


@pytest.mark.parametrize("name", ["validate", "adherence"])
def test_every_way_of_reading_reaches_the_reader(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = recorded(monkeypatch, "analysis.commands.reading_study.read_study")
    known = {field.name for field in fields(ReadingOptions)} - {*FILES, "command"}
    command = {"validate": validating.validate_command, "adherence": adherence_command}[name]
    free = {key: how for key, how in options_of(command).items() if key in known}
    assert free.keys() == known - ({"times_in"} if name == "adherence" else set())
    arguments, wanted = given(free)
    with pytest.raises(SeenError):
        run(name, "a.csv", "--study", str(STUDY), "--usage", "u.csv", "-o", str(tmp_path / "o"), *arguments)
    lists = {"na": ("of na",), "waves": ("of waves",)}
    how = seen["args"][1]
    assert {key: getattr(how, key) for key in wanted} == wanted | lists
    assert how.command == f"dta {name}"


def study_read() -> StudyData:
    answers = pd.DataFrame({"participant": ["p1"], "wave": ["one"]})
    return StudyData(responses=answers, scale=load("dta"), study=load_study(STUDY))


def test_what_is_asked_of_a_validation_reaches_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("analysis.commands.reading_study.read_study", lambda *_: study_read())
    seen = recorded(monkeypatch, "analysis.commands.validate.validate_and_write")
    asked = ["--shared", "--paper", "letter", "--workers", "3", "--cluster", "clinic", "--forms", "html,docx"]
    with pytest.raises(SeenError):
        run(
            "validate",
            "a.csv",
            "-i",
            "dta",
            "-o",
            str(tmp_path / "o"),
            *asked,
            "--analysed",
            str(tmp_path / "t"),
        )
    assert (seen["shared"], seen["paper"], seen["workers"]) == (True, "letter", 3)
    assert seen["args"][0].study.cluster == "clinic" and seen["args"][2] == ["html", "docx"]
    assert seen["analysed"].keywords == {"folder": tmp_path / "t", "report": tmp_path / "o"}


def test_what_is_asked_of_adherence_reaches_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    summarised: list[Any] = []

    def summary(data: StudyData, *how: Any) -> StudyData:
        summarised.extend(how)
        return data

    read: list[Any] = []
    monkeypatch.setattr(
        "analysis.commands.reading_study.read_study", lambda *given: read.extend(given) or study_read()
    )
    monkeypatch.setattr("analysis.commands.reading_study.with_usage_summary", summary)
    monkeypatch.setattr(validating, "progress_display", lambda: nullcontext(lambda *_: None))
    seen = recorded(monkeypatch, "analysis.pipeline.validate")
    asked = ["--engine", "duckdb://log", "--seed", "8", "--cluster", "clinic", "--instrument", "another.yaml"]
    with pytest.raises(SeenError):
        run(
            "adherence", "a.csv", "--study", str(STUDY), "--usage", "u.csv", "-o", str(tmp_path / "o"), *asked
        )
    assert summarised[:2] == ["u.csv", "duckdb://log"] and seen["seed"] == 8
    assert seen["args"][0].study.cluster == "clinic" and seen["progress"] is not None
    assert read[0].instrument == "another.yaml"


def test_what_cannot_be_written_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recorded(monkeypatch, "analysis.commands.reading_study.read_study")
    with pytest.raises(ToolkitError, match="there is no paper"):
        run("validate", "a.csv", "-i", "dta", "-o", str(tmp_path / "o"), "--paper", "a3")
    monkeypatch.setattr("analysis.commands.reading_study.read_study", lambda *_: study_read())
    recorded(monkeypatch, "analysis.commands.validate.validate_and_write")
    inside = str(tmp_path / "o" / "tables")
    with pytest.raises(ToolkitError, match="analysed"):
        run("validate", "a.csv", "-i", "dta", "-o", str(tmp_path / "o"), "--analysed", inside)


@pytest.mark.parametrize("half", [None, "exploration"])
def test_a_split_is_kept_beside_the_plan_where_a_half_is_analysed(
    half: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decided = SimpleNamespace(plan=SimpleNamespace(split="the split", content=None))
    kept: list[Any] = []
    monkeypatch.setattr("analysis.commands.reading_study.read_study", lambda *_: study_read())
    monkeypatch.setattr(validating, "settled_by", lambda *_: decided)
    monkeypatch.setattr(validating, "content_beside", lambda *_: None)
    monkeypatch.setattr("analysis.planning.sealing.keep_split", lambda *given: kept.append(given))
    recorded(monkeypatch, "analysis.commands.validate.validate_and_write")
    more = [] if half is None else ["--half", half]
    with pytest.raises(SeenError):
        run("validate", "a.csv", "-i", "dta", "-o", str(tmp_path / "o"), "--plan", "plan.yaml", *more)
    assert kept == ([] if half is None else [(Path("plan.yaml"), "the split")])


def test_what_was_written_is_named_with_what_failed_and_notes_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = "analysis.report"
    for name in ("claims.beside_each_other", "claims.claimed", "limits.limits_of", "opening.opening_lines"):
        monkeypatch.setattr(f"{report}.{name}", lambda _: [])
    monkeypatch.setattr("analysis.pipeline.topics.plan.deviations_in_words", lambda _: [])
    monkeypatch.setattr(f"{report}.questions.counted_questions", lambda _: "counted")
    monkeypatch.setattr(f"{report}.short.for_whom", lambda _: "for all")
    failed = [{"title": "Use", "message": "no log"}]
    lacking = [{"title": "Course", "message": "one week: too few"}]
    monkeypatch.setattr(f"{report}.view.verdicts", lambda _: {"failed": failed, "partial": lacking})
    result: Any = SimpleNamespace(tree={"meta": {"notes": ["a wave assumed"]}})
    page, short, tree = (tmp_path / name for name in ("report.html", "report_short.html", "results.json"))
    for written, last in (
        ([tree], [f"Read {tree}"]),
        ([tree, page, short], [f"Read {page}", f"In short, for all: {short}"]),
    ):
        validating.say_what_was_written(result, written, tmp_path)
        said = capsys.readouterr()
        lines = said.out.splitlines()
        assert lines[:3] == [f"{len(written)} files in {tmp_path}", "counted", "Failed: Use: no log"]
        assert (
            lines[3:] == ["Could not be estimated: Course: one week: too few", *last]
            and said.err == "Note: a wave assumed\n"
        )
    assert (
        validating._plain("Scores", 2, 5) == "[2/5] Scores"
        and validating._plain("Writing", 0, 0) == "Writing"
    )


def test_what_is_said_of_files_reaches_the_reading_of_each() -> None:
    """Every way of reading that can be said, with a value that nothing has by default, table by table."""
    said = ReadingOptions(
        command="dta test",
        participant="person",
        wave="time",
        labels=True,
        delimiter="; usage=,",
        encoding="latin-1",
        sheet="Two",
        na=("-9", "?"),
        decimal=". usage=,",
        thousands="usage='",
        percent=True,
        dates="D.M.Y usage=ms",
        durations="h",
        times_in="ms",
        event_id="row",
        retry_seconds=3.5,
        most_set_aside=0.25,
    )
    assert said.answers() == {
        "sheet": "Two",
        "labels": True,
        "participant": "person",
        "wave": "time",
        "na": ("-9", "?"),
        "encoding": "latin-1",
        "delimiter": ";",
        "mapping": None,
        "caller": "dta test",
    }
    log = said.log("log.csv")
    assert (log.dates, log.decimal, log.thousands, log.delimiter) == ("ms", ",", "'", ",")
    assert (log.durations, log.event_id, log.retry_seconds, log.most_set_aside) == ("h", "row", 3.5, 0.25)
    assert (log.caller, log.source, log.mapping) == ("dta test", "log.csv", None)
    side = said.side()
    assert (side.na, side.times_in, side.percent, side.command) == (("-9", "?"), "ms", True, "dta test")
    assert (side.decimal, side.thousands, side.delimiter, side.dates) == (
        ". usage=,",
        "usage='",
        "; usage=,",
        "D.M.Y usage=ms",
    )
    assert ReadingOptions().log("x").most_set_aside == 0.5
