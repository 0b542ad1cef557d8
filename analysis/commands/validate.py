"""`dta validate` and `dta adherence`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
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
from analysis.commands.study_files import StoreOption, files_of_study
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
    from analysis.planning.loading import Settled
    from instrument.study_data import StudyData

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
    from analysis.commands.reading_study import read_measures, read_study
    from analysis.pipeline.beside import suited_workers
    from analysis.planning.sealing import keep_split
    from analysis.report.writing import check_forms, check_paper, refuse_foreign

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
    beside = {"outcomes": outcomes, "covariates": covariates, "audit": audit}
    with files_of_study(how.command, store, study, beside, responses=responses, **given) as files:
        data = files.noted(read_study(files, how))
        data = replace(
            data,
            study=with_cluster(data.study, cluster, "dta validate"),
            measures=read_measures(measure or []),
        )
        if content is None:
            data = replace(data, content=content_beside(data, files.study, decided))
        else:
            data, decided = replace(data, content=content), with_content_given(decided, content)
        if plan_file is not None and half is not None and decided.plan.split is not None:
            keep_split(plan_file, decided.plan.split)
        kept = None
        if analysed is not None:
            from analysis.twins.analysed import refuse_beside, write_analysed

            refuse_beside(analysed, out)
            kept = partial(write_analysed, folder=analysed, report=out)
        validate_and_write(
            data,
            out,
            wanted,
            plan=decided,
            analysed=kept,
            shared=shared,
            source=source_of_run(context),
            paper=paper,
            workers=workers or suited_workers(data.responses),
        )


def run_command(arguments: Sequence[str]) -> None:
    """Run `dta validate` or `dta adherence` with these arguments, as a script does that makes numbers again.

    Parameters
    ----------
    arguments
        Name of the command, then its arguments.
    """
    typer.main.get_command(app).main(list(arguments), standalone_mode=False)


def validate_and_write(
    data: StudyData,
    out: Path,
    forms: list[str],
    *,
    seed: int | None = None,
    plan: Settled | None = None,
    analysed: Callable[[dict[str, pd.DataFrame]], object] | None = None,
    shared: bool = False,
    source: dict[str, Any] | None = None,
    paper: str = "a4",
    workers: int = 1,
) -> None:
    """Run the validation with a progress display, write the folder and say what is in it."""
    from analysis.disclosure.shared import to_share
    from analysis.pipeline import validate

    with progress_display() as progress:
        result = validate(data, seed=seed, plan=plan, analysed=analysed, progress=progress, workers=workers)
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
    from analysis.report.view import NOT_ESTIMATED, verdicts

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
    for part in verdicts(result.tree)["partial"]:
        typer.echo(f"{NOT_ESTIMATED}: {part['title']}: {part['message']}")
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
