"""`dta validate` and `dta adherence`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.commands_adherence import adherence_command
from analysis.commands_power import plan

if TYPE_CHECKING:
    import pandas as pd

    from analysis.pipeline import Validation
    from instrument.definition import Instrument
    from instrument.study import Study

app = typer.Typer()
app.command("adherence")(adherence_command)
app.add_typer(plan, name="plan")

Responses = Annotated[Path, typer.Argument(help="Answers: .csv, .tsv, .xlsx, .sav or .parquet.")]
InstrumentOption = Annotated[
    str, typer.Option("--instrument", "-i", help="Name of a shipped instrument, or path of a YAML file.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the report; made when absent.")]
Usage = Annotated[
    Path | None, typer.Option("--usage", help="Usage events: participant, day, kind, duration.")
]
Outcomes = Annotated[Path | None, typer.Option("--outcomes", help="Outcomes, one row per participant.")]
StudyOption = Annotated[Path | None, typer.Option("--study", help="Study file: waves, intended use.")]
Covariates = Annotated[
    str | None,
    typer.Option("--covariates", help="A file with one row per participant, or names of extra columns: a,b."),
]
Times = Annotated[
    Path | None, typer.Option("--times", help="Seconds per administration: participant, wave, seconds.")
]
Enrolment = Annotated[
    Path | None, typer.Option("--enrolment", help="Everyone enrolled: participant, withdrawn_day.")
]
Audit = Annotated[
    Path | None,
    typer.Option("--audit", help="Features of the app: app, version, rater, principle, rating, evidence."),
]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--measure", help="Another questionnaire of the same people, ANSWERS=INSTRUMENT; repeatable."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Forms = Annotated[
    str, typer.Option("--forms", help="Forms of the report beside results.json: html,pdf,docx,markdown.")
]


@app.command("validate")
def validate_command(
    responses: Responses,
    instrument: InstrumentOption,
    out: Out,
    usage: Usage = None,
    outcomes: Outcomes = None,
    covariates: Covariates = None,
    study: StudyOption = None,
    times: Times = None,
    enrolment: Enrolment = None,
    audit: Audit = None,
    measure: Measures = None,
    seed: Seed = 1,
    forms: Forms = "html",
    shared: Annotated[
        bool, typer.Option("--shared", help="Leave numbers of fewer than five people out, to pass it on.")
    ] = False,
) -> None:
    """Validate a scale on its answers: report, results and tables in one folder."""
    from analysis.report.writing import check_forms, refuse_foreign

    wanted = check_forms(forms.split(","))
    refuse_foreign(out)
    inputs = read_inputs(responses, instrument, usage, outcomes, covariates, study, times, enrolment, audit)
    inputs["measures"] = read_measures(measure or [])
    validate_and_write(inputs, out, seed, wanted, shared=shared)


def read_inputs(
    responses: Path,
    instrument: str,
    usage: Path | None = None,
    outcomes: Path | None = None,
    covariates: str | None = None,
    study: Path | None = None,
    times: Path | None = None,
    enrolment: Path | None = None,
    audit: Path | None = None,
) -> dict[str, Any]:
    """Read everything that `validate` takes; nothing is written.

    Returns
    -------
    dict
        Keyword arguments of `analysis.pipeline.validate`.
    """
    from analysis.commands_reading import one_row_each, read_audit, read_side_table, read_usage
    from instrument.errors import ToolkitWarning
    from instrument.loading import load
    from instrument.responses import read_responses
    from instrument.study import load_study

    scale = load(instrument)
    names, people = _covariates(covariates)
    inputs: dict[str, Any] = {"scale": scale, "study": _fitting(load_study(study), scale) if study else None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToolkitWarning)
        inputs["responses"] = read_responses(responses, scale, covariates=names)
    notes = [*inputs["responses"].attrs.get("notes", ()), *(str(warning.message) for warning in caught)]
    inputs["responses"].attrs["notes"] = notes
    inputs["usage"] = read_usage(usage) if usage else None
    inputs["outcomes"] = one_row_each(read_side_table(outcomes, "outcomes"), "outcomes") if outcomes else None
    inputs["times"] = read_side_table(times, "times", ("participant", "wave", "seconds")) if times else None
    inputs["audit"] = read_audit(audit) if audit else None
    everyone = read_side_table(enrolment, "enrolment") if enrolment else None
    inputs["enrolment"] = one_row_each(everyone, "enrolment") if everyone is not None else None
    inputs["covariates"] = people if people is not None else _from_columns(inputs["responses"], names)
    return inputs


def read_measures(given: Sequence[str]) -> list[tuple[pd.DataFrame, Instrument]]:
    """Read other questionnaires, each given as ANSWERS=INSTRUMENT.

    Parameters
    ----------
    given
        Such as `usability.csv=usability.yaml`; the instrument is a shipped one or a file.

    Returns
    -------
    list of tuple
        Answers and instrument of each.

    Raises
    ------
    DefinitionError
        Words without an equals sign.
    """
    from instrument.errors import DefinitionError, ToolkitWarning, fact_and_hint
    from instrument.loading import load
    from instrument.responses import read_responses

    found = []
    for words in given:
        answers, _, name = words.partition("=")
        if not answers or not name:
            fact = f"{words!r} names no answers and instrument."
            hint = "write --measure answers.csv=instrument.yaml."
            raise DefinitionError(fact_and_hint("dta --measure", fact, hint))
        scale = load(name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToolkitWarning)
            table = read_responses(Path(answers), scale)
        notes = [*table.attrs.get("notes", ()), *(str(warning.message) for warning in caught)]
        table.attrs["notes"] = [f"{scale.title}: {note}" for note in notes]
        found.append((table, scale))
    return found


def _fitting(study: Study, scale: Instrument) -> Study:
    from instrument.errors import DefinitionError, fact_and_hint

    if study.instrument != scale.id:
        fact = f"the study is about instrument {study.instrument!r}, not {scale.id!r}."
        raise DefinitionError(fact_and_hint("dta --study", fact, "give the study file of these data."))
    return study


def _covariates(given: str | None) -> tuple[tuple[str, ...], pd.DataFrame | None]:
    from analysis.commands_reading import READERS, one_row_each, read_side_table

    if not given:
        return (), None
    path = Path(given)
    if path.is_file() or path.suffix.lower() in READERS:
        return (), one_row_each(read_side_table(path, "covariates"), "covariates")
    return tuple(name.strip() for name in given.split(",") if name.strip()), None


def _from_columns(responses: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame | None:
    """Take covariates that stand in the response file: the first value of each person."""
    if not names:
        return None
    return responses.groupby("participant", sort=False)[list(names)].first().reset_index()


def validate_and_write(
    inputs: dict[str, Any], out: Path, seed: int, forms: list[str], *, shared: bool = False
) -> None:
    """Run the validation with a progress display, write the folder and say what is in it."""
    from analysis.disclosure.shared import to_share
    from analysis.pipeline import validate

    with progress_display() as progress:
        result = validate(**inputs, seed=seed, progress=progress)
        result = to_share(result) if shared else result
        progress("Writing the report", 0, 0)
        written = result.write(out, forms=forms)
    say_what_was_written(result, written, out)


def say_what_was_written(result: Validation, written: list[Path], out: Path) -> None:
    """Name the files, say the state of every property, what the data allow, and what failed."""
    from analysis.report.limits import limits_of
    from analysis.report.questions import counted_questions
    from analysis.report.standards import states_sentence
    from analysis.report.view import verdicts

    for note in result.tree["meta"]["notes"]:
        typer.echo(f"Note: {note}", err=True)
    typer.echo(f"{len(written)} files in {out}")
    for line in states_sentence(result.tree["sections"]):
        typer.echo(line)
    typer.echo(counted_questions(result.tree))
    for limit in limits_of(result.tree):
        typer.echo(f"{limit.heading}: {limit.text}")
    for failure in verdicts(result.tree)["failed"]:
        typer.echo(f"Failed: {failure['title']}: {failure['message']}")
    page = out / "report.html"
    typer.echo(f"Read {page if page in written else out / 'results.json'}")
    if (short := out / "report_short.html") in written:
        typer.echo(f"In short, for the people who make the app: {short}")


@contextmanager
def progress_display() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress on standard error: a bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda title, number, count: typer.echo(_plain(title, number, count), err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=None)

        def advance(title: str, number: int, count: int) -> None:
            done = number - 1 if count else None
            bar.update(task, description=title, completed=done, total=count or None)

        yield advance


def _plain(title: str, number: int, count: int) -> str:
    return f"[{number}/{count}] {title}" if count else title
