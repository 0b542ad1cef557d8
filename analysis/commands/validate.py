"""`dta validate` and `dta adherence`."""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.commands.adherence import Cluster, adherence_command, with_cluster
from analysis.commands.plan import (
    CriterionItems,
    EstimatorOption,
    ExcludeFlagged,
    Factors,
    Groups,
    Half,
    MissingOption,
    Models,
    PlanOption,
    Rotation,
    RuleOption,
    SetOption,
    SmallestGroup,
    Topics,
    content_beside,
    plan,
    settled_by,
    with_content_given,
)
from analysis.commands.reading_options import (
    Dates,
    Decimal,
    Durations,
    EventId,
    LogFile,
    MostSetAside,
    Percent,
    ReadingOptions,
    RetrySeconds,
    Thousands,
    TimesIn,
    Waves,
    fields_in,
)
from analysis.commands.source import source_of_run
from analysis.commands.store import StoreOption, sources
from instrument.commands.reading_options import (
    Delimiter,
    Encoding,
    Labels,
    MappingFile,
    Missing,
    Participant,
    Sheet,
    WaveColumn,
    mapping_in,
    names_in,
)

if TYPE_CHECKING:
    import pandas as pd

    from analysis.pipeline import Validation
    from instrument.definition import Instrument
    from instrument.study import Study

app = typer.Typer()
app.command("adherence")(adherence_command)
app.add_typer(plan, name="plan")

Responses = Annotated[Path | None, typer.Argument(help="Answers: .csv, .xlsx, .sav, .dta, .rds, .parquet, …")]
InstrumentOption = Annotated[
    str | None,
    typer.Option("--instrument", "-i", help="Name of a shipped instrument, or path of a YAML file."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the report; made when absent.")]
Usage = Annotated[
    Path | None, typer.Option("--usage", help="Usage events: participant, day, kind, duration.")
]
Outcomes = Annotated[Path | None, typer.Option("--outcomes", help="Outcomes, one row per participant.")]
StudyOption = Annotated[
    Path | None, typer.Option("--study", help="Study file: waves, intended use; with --store its id.")
]
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
Content = Annotated[
    Path | None, typer.Option("--content", help="Folder of the work on content (dta content): steps 1 to 3.")
]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--measure", help="Another questionnaire of the same people, ANSWERS=INSTRUMENT; repeatable."
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed of everything random; 1 where the plan says none.")
]
Correlation = Annotated[
    str | None,
    typer.Option(
        "--correlation", help="Correlations of items: polychoric or pearson; by their options if left out."
    ),
]
SmoothOption = Annotated[
    str | None,
    typer.Option(
        "--smooth",
        help="Correlations that are not positive definite: nearest (by default), truncated, or none.",
    ),
]
Forms = Annotated[
    str, typer.Option("--forms", help="Forms of the report beside results.json: html,pdf,docx,markdown.")
]

PaperOption = Annotated[str, typer.Option("--paper", help="Sheets of the Word documents: a4 or letter.")]


@app.command("validate")
def validate_command(
    context: typer.Context,
    out: Out,
    responses: Responses = None,
    instrument: InstrumentOption = None,
    store: StoreOption = None,
    usage: Usage = None,
    outcomes: Outcomes = None,
    covariates: Covariates = None,
    study: StudyOption = None,
    cluster: Cluster = None,
    times: Times = None,
    enrolment: Enrolment = None,
    audit: Audit = None,
    content: Content = None,
    measure: Measures = None,
    seed: Seed = None,
    correlation: Correlation = None,
    smooth: SmoothOption = None,
    plan_file: PlanOption = None,
    half: Half = None,
    topics: Topics = None,
    group: Groups = None,
    smallest_group: SmallestGroup = None,
    model: Models = None,
    estimator: EstimatorOption = None,
    missing: MissingOption = None,
    factors: Factors = None,
    rotation: Rotation = None,
    exclude_flagged: ExcludeFlagged = None,
    criterion_items: CriterionItems = None,
    rule: RuleOption = None,
    set_entry: SetOption = None,
    forms: Forms = "html",
    paper: PaperOption = "a4",
    shared: Annotated[
        bool, typer.Option("--shared", help="Leave numbers of fewer than five people out, to pass it on.")
    ] = False,
    participant: Participant = "participant",
    wave: WaveColumn = "wave",
    labels: Labels = False,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    sheet: Sheet = None,
    na: Missing = "NA",
    decimal: Decimal = ".",
    thousands: Thousands = None,
    percent: Percent = False,
    dates: Dates = None,
    durations: Durations = None,
    times_in: TimesIn = None,
    event_id: EventId = None,
    retry_seconds: RetrySeconds = None,
    most_set_aside: MostSetAside = 0.5,
    waves: Waves = None,
    mapping: MappingFile = None,
    log: LogFile = None,
    analysed: Annotated[
        Path | None,
        typer.Option(
            "--analysed",
            help="Folder apart from the report for the tables as analysed, which reproduce.R can read.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes on this machine; by default two for larger data."),
    ] = None,
) -> None:
    """Validate a scale on its answers: report, results and tables in one folder."""
    from analysis.pipeline.beside import suited_workers
    from analysis.planning.sealing import keep_split
    from analysis.report.writing import check_forms, check_paper, refuse_foreign
    from instrument.errors import DefinitionError, fact_and_hint

    wanted = check_forms(forms.split(","))
    check_paper(paper)
    refuse_foreign(out)
    options = {
        "seed": seed,
        "correlation": correlation,
        "smooth": smooth,
        "topics": topics,
        "group": group,
        "smallest_group": smallest_group,
        "model": model,
        "estimator": estimator,
        "missing": missing,
        "factors": factors,
        "rotation": rotation,
        "exclude_flagged": exclude_flagged,
        "criterion_items": criterion_items,
        "rule": rule,
        "set": set_entry,
    }
    decided = settled_by(plan_file, half, options)
    how = ReadingOptions(
        participant=participant,
        wave=wave,
        labels=labels,
        delimiter=delimiter,
        encoding=encoding,
        sheet=sheet,
        na=names_in(na),
        decimal=decimal,
        thousands=thousands,
        percent=percent,
        dates=dates,
        durations=durations,
        times_in=times_in,
        event_id=event_id,
        retry_seconds=retry_seconds,
        most_set_aside=most_set_aside,
        waves=names_in(waves),
        mapping=mapping_in(mapping),
        fields=fields_in(log),
    )
    given: dict[str, Any] = {"instrument": instrument, "usage": usage, "times": times, "enrolment": enrolment}
    with sources(how.command, store, study, responses=responses, **given) as of:
        if of.instrument is None:
            hint = "add --instrument NAME, or a YAML file."
            raise DefinitionError(fact_and_hint(how.command, "no instrument is named.", hint))
        log = None if of.usage is None else Path(of.usage)
        beside = (outcomes, covariates, of.study, of.times, of.enrolment, audit)
        inputs = of.noted(read_inputs(of.responses, of.instrument, log, *beside, how=how))
        inputs["study"] = with_cluster(inputs["study"], cluster, "dta validate")
        inputs["measures"] = read_measures(measure or [])
        if content is None:
            inputs["content"] = content_beside(inputs, of.study, decided)
        else:
            inputs["content"], decided = content, with_content_given(decided, content)
        if plan_file is not None and half is not None and decided.plan.split is not None:
            keep_split(plan_file, decided.plan.split)
        if analysed is not None:
            from analysis.twins.analysed import refuse_beside, write_analysed

            refuse_beside(analysed, out)
            inputs["analysed"] = partial(write_analysed, folder=analysed, report=out)
        source = source_of_run(context)
        how_written: dict[str, Any] = {"shared": shared, "source": source, "paper": paper}
        how_written["workers"] = workers or suited_workers(inputs["responses"])
        validate_and_write(inputs | {"plan": decided}, out, None, wanted, **how_written)


def run_command(arguments: Sequence[str]) -> None:
    """Run `dta validate` or `dta adherence` with these arguments, as a script does that makes numbers again.

    Parameters
    ----------
    arguments
        Name of the command, then its arguments.
    """
    typer.main.get_command(app).main(list(arguments), standalone_mode=False)


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
    *,
    how: ReadingOptions | None = None,
) -> dict[str, Any]:
    """Read everything that `validate` takes; nothing is written.

    Returns
    -------
    dict
        Keyword arguments of `analysis.pipeline.validate`.
    """
    from analysis.commands.joining import check_adjusters, refuse_lost_people, refuse_other_waves
    from analysis.commands.reading import one_row_each, read_audit, read_side_table
    from instrument.errors import ToolkitWarning
    from instrument.loading import load
    from instrument.reading.read_responses import read_responses
    from instrument.study import load_study

    how = how or ReadingOptions()
    side = how.side()
    scale = load(instrument)
    names, people = _covariates(covariates, how)
    inputs: dict[str, Any] = {"scale": scale, "study": None, "waves": how.waves}
    if study is not None:
        inputs["study"] = _fitting(load_study(study), scale, study.parent)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToolkitWarning)
        inputs["responses"] = read_responses(responses, scale, covariates=names, **how.answers())
    notes = [*inputs["responses"].attrs.get("notes", ()), *(str(warning.message) for warning in caught)]
    inputs["outcomes"] = (
        one_row_each(read_side_table(outcomes, "outcomes", how=side), "outcomes") if outcomes else None
    )
    needed = ("participant", "wave", "seconds")
    inputs["times"] = read_side_table(times, "times", needed, side) if times else None
    inputs["audit"] = read_audit(audit) if audit else None
    everyone = read_side_table(enrolment, "enrolment", how=side) if enrolment else None
    inputs["enrolment"] = one_row_each(everyone, "enrolment") if everyone is not None else None
    names = (*names, *(how.mapping.covariates if how.mapping is not None else ()))
    inputs["covariates"] = people if people is not None else _from_columns(inputs["responses"], names)
    for name in ("outcomes", "times", "enrolment", "covariates"):
        if inputs[name] is not None:
            notes += inputs[name].attrs.pop("notes", [])
    notes += refuse_lost_people(inputs, how.command)
    refuse_other_waves(inputs, how.command)
    notes += check_adjusters(inputs, how.command)
    inputs["responses"].attrs["notes"] = notes
    inputs |= _usage(usage, inputs, how) if usage else {"usage": None}
    return inputs


def _usage(usage: Path, inputs: dict[str, Any], how: ReadingOptions) -> dict[str, Any]:
    """Summarise the log where there is a study to say what use is; else only see that it is one."""
    from analysis.commands.reading import READERS, read_usage
    from analysis.usage.mapping import JSON_LINES

    is_known = usage.suffix.lower() in READERS or usage.name.endswith(JSON_LINES)
    if inputs["study"] is None or not usage.is_file() or not is_known:
        return {"usage": read_usage(usage, how.side())}
    return summarised(str(usage), None, inputs, how)


def summarised(usage: str, engine: str | None, inputs: dict[str, Any], how: ReadingOptions) -> dict[str, Any]:
    """Summarise a log where it lies: one that is larger than memory never becomes a data frame.

    Returns
    -------
    dict
        `usage`, and what reads the log again: `use_by_wave` where there are several ratings, `use_over_time`.
    """
    from analysis.adherence.design.windows import use_by_window
    from analysis.usage.course import use_course
    from analysis.usage.summarise_usage import summarise_usage

    everyone, known = inputs["enrolment"], inputs["covariates"]
    people = everyone if everyone is not None else (inputs["responses"] if known is None else known)
    people = people if everyone is not None else people[["participant"]].drop_duplicates()
    reading = how.log(Path(usage).name)
    found = summarise_usage(usage, inputs["study"], engine, participants=people, reading=reading)
    for said in filter(None, (found.joined, *found.notes)):
        typer.echo(f"Note: {reading.source}: {said}", err=True)
    path = Path(usage)
    if path.is_file():
        with path.open("rb") as file:
            found.people.attrs["checksum"] = hashlib.file_digest(file, "sha256").hexdigest()
    study = inputs["study"]
    again = partial(use_by_window, usage, study, participants=people, engine=engine, reading=reading)
    over_time = partial(use_course, usage, study, participants=people, engine=engine, reading=reading)
    return {"usage": found, "use_by_wave": partial(again, known=found), "use_over_time": over_time}


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
    from instrument.reading.read_responses import read_responses

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


def _fitting(study: Study, scale: Instrument, folder: Path) -> Study:
    """Refuse a study of another instrument; its file names one by id or by a path from where it lies."""
    from instrument.errors import DefinitionError, fact_and_hint
    from instrument.loading import load_beside

    if study.instrument == scale.id:
        return study
    try:
        meant = load_beside(study.instrument, folder).id
    except DefinitionError:
        meant = study.instrument
    if meant != scale.id:
        fact = f"the study is about instrument {meant!r}, not {scale.id!r}."
        raise DefinitionError(fact_and_hint("dta --study", fact, "give the study file of these data."))
    return study


def _covariates(given: str | None, how: ReadingOptions) -> tuple[tuple[str, ...], pd.DataFrame | None]:
    from analysis.commands.reading import READERS, one_row_each, read_side_table

    if not given:
        return (), None
    path = Path(given)
    if path.is_file() or path.suffix.lower() in READERS:
        return (), one_row_each(read_side_table(path, "covariates", how=how.side()), "covariates")
    return names_in(given), None


def _from_columns(responses: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame | None:
    """Take covariates that stand in the response file: the first value of each person."""
    from instrument.reading.people import NUMBERED
    from instrument.recognition.came_in import OF_ANSWERS

    if not names:
        return None
    people = responses.groupby("participant", sort=False)[list(names)].first().reset_index()
    people.attrs[OF_ANSWERS] = True
    if responses.attrs.get(NUMBERED):
        people.attrs[NUMBERED] = True  # the same rows, so joining them by their number is right
    return people


def validate_and_write(
    inputs: dict[str, Any],
    out: Path,
    seed: int | None,
    forms: list[str],
    *,
    shared: bool = False,
    source: dict[str, Any] | None = None,
    paper: str = "a4",
    workers: int = 1,
) -> None:
    """Run the validation with a progress display, write the folder and say what is in it."""
    from analysis.disclosure.shared import to_share
    from analysis.pipeline import validate

    with progress_display() as progress:
        result = validate(**inputs, seed=seed, progress=progress, workers=workers)
        result = to_share(result) if shared else result
        progress("Writing the report", 0, 0)
        written = result.write(out, forms=forms, source=source, paper=paper, workers=workers)
    say_what_was_written(result, written, out)


def say_what_was_written(result: Validation, written: list[Path], out: Path) -> None:
    """Name the files, say what the data allow and what failed, and last the first page of the report."""
    from analysis.pipeline.topics.plan import deviations_in_words
    from analysis.report.claims import beside_each_other, claimed
    from analysis.report.limits import limits_of
    from analysis.report.opening import opening_lines
    from analysis.report.questions import counted_questions
    from analysis.report.short import for_whom
    from analysis.report.view import verdicts

    for note in result.tree["meta"]["notes"]:
        typer.echo(f"Note: {note}", err=True)
    typer.echo(f"{len(written)} files in {out}")
    typer.echo(counted_questions(result.tree))
    for limit in limits_of(result.tree):
        typer.echo(f"{limit.heading}: {limit.text}")
    for line in (*beside_each_other(result.tree), *claimed(result.tree)):
        typer.echo(line)
    for line in deviations_in_words(result.tree):
        typer.echo(line)
    for failure in verdicts(result.tree)["failed"]:
        typer.echo(f"Failed: {failure['title']}: {failure['message']}")
    for line in opening_lines(result.tree):
        typer.echo(line)
    page = out / "report.html"
    typer.echo(f"Read {page if page in written else out / 'results.json'}")
    if (short := out / "report_short.html") in written:
        typer.echo(f"In short, {for_whom(result.tree)}: {short}")


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
