"""`dta adherence`: use of the app, and whether the scores at the landmark go with use after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    Waves,
    fields_in,
)
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
    from instrument.study import Study

CALLER = "dta adherence"
TOPICS = ("flow", "use", "adherence", "use_course", "criterion_items", "mechanism", "priority")

Responses = Annotated[Path | None, typer.Argument(help="Answers: .csv, .xlsx, .sav, .dta, .rds, .parquet, …")]
Usage = Annotated[
    str | None, typer.Option("--usage", help="Usage events: participant, day or at, kind, duration.")
]
StudyFile = Annotated[
    Path,
    typer.Option("--study", help="Study file: landmark, intended use and its reason; with --store its id."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the report; made when absent.")]
Outcomes = Annotated[Path | None, typer.Option("--outcomes", help="Outcomes, one row per participant.")]
Covariates = Annotated[
    str | None,
    typer.Option("--covariates", help="A file with one row per participant, or names of extra columns: a,b."),
]
Enrolment = Annotated[
    Path | None, typer.Option("--enrolment", help="Everyone enrolled: participant, withdrawn_day.")
]
InstrumentName = Annotated[
    str | None, typer.Option("--instrument", "-i", help="Name or YAML file. By default the study's.")
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", help="Where the log is read: duckdb://FILE, spark:local[2], spark://HOST:7077."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Forms = Annotated[
    str, typer.Option("--forms", help="Forms of the report beside results.json: html,pdf,docx,markdown.")
]

Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", help="Covariate that says who belongs together: clinic. By default the study's."
    ),
]
Shared = Annotated[
    bool, typer.Option("--shared", help="Leave numbers of fewer than five people out, to pass it on.")
]


def adherence_command(
    study: StudyFile,
    out: Out,
    responses: Responses = None,
    usage: Usage = None,
    store: StoreOption = None,
    outcomes: Outcomes = None,
    covariates: Covariates = None,
    enrolment: Enrolment = None,
    instrument: InstrumentName = None,
    engine: Engine = None,
    cluster: Cluster = None,
    seed: Seed = 1,
    forms: Forms = "html",
    shared: Shared = False,
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
    event_id: EventId = None,
    retry_seconds: RetrySeconds = None,
    most_set_aside: MostSetAside = 0.5,
    waves: Waves = None,
    mapping: MappingFile = None,
    log: LogFile = None,
) -> None:
    """Use against the intended use, and whether scores go with later use: report, results and tables."""
    from analysis.commands.reading_study import read_study, with_usage_summary
    from analysis.commands.validate import progress_display, say_what_was_written
    from analysis.disclosure.shared import to_share
    from analysis.pipeline import validate
    from analysis.report.writing import check_forms, refuse_foreign
    from instrument.errors import ResponseDataError, fact_and_hint
    from instrument.study import load_study

    wanted = check_forms(forms.split(","))
    refuse_foreign(out)
    how = ReadingOptions(
        command=CALLER,
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
        event_id=event_id,
        retry_seconds=retry_seconds,
        most_set_aside=most_set_aside,
        waves=names_in(waves),
        mapping=mapping_in(mapping),
        fields=fields_in(log),
    )
    given: dict[str, Any] = {"instrument": instrument, "usage": usage, "enrolment": enrolment, "times": None}
    of_people = {"outcomes": outcomes, "covariates": covariates}
    with files_of_study(CALLER, store, study, of_people, responses=responses, **given) as files:
        if files.study is None or files.usage is None:
            fact = "there are no usage events." if files.usage is None else "no study is named."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "add --usage FILE and --study FILE."))
        plan = load_study(files.study)
        _check_landmark(plan)
        scale = files.instrument or _instrument_of(plan, files.study)
        # the log is summarised by the engine that was asked for, and no topic here takes times
        beside_log = replace(files, instrument=scale, usage=None, times=None)
        data = files.noted(read_study(beside_log, how))
        data = replace(data, study=with_cluster(data.study, cluster, CALLER))
        with progress_display() as progress:
            progress("Reading the usage log", 0, 0)
            data = with_usage_summary(data, str(files.usage), engine, how)
            result = validate(data, seed=seed, topics=TOPICS, progress=progress)
            _refuse_unanswered(result.tree)
            result = to_share(result) if shared else result
            progress("Writing the report", 0, 0)
            written = result.write(out, forms=wanted)
    say_what_was_written(result, written, out)


def with_cluster(plan: Study | None, cluster: str | None, caller: str) -> Study | None:
    """Give the study the cluster named on the command line; refused where there is no study."""
    from instrument.errors import DefinitionError, fact_and_hint

    if cluster is None:
        return plan
    if plan is None:
        fact = f"clusters ({cluster!r}) are named, but there is no study: only models of use allow for them."
        raise DefinitionError(
            fact_and_hint(caller, fact, "give --study and --usage, or leave --cluster out.")
        )
    return plan.model_copy(update={"cluster": cluster})


def _check_landmark(plan: Study) -> None:
    """Refuse a study in which use before and after the rating cannot be told apart."""
    from instrument.errors import DefinitionError, fact_and_hint

    if plan.landmark is None:
        fact = "the study names no landmark, so use before and after the rating cannot be told apart."
        hint = "add `landmark: {wave: …, day: …}` to the study file; `dta validate` describes use without it."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))


def _instrument_of(plan: Study, study: Path) -> str:
    """Name or path of the instrument that the study file names, as seen from here."""
    from instrument.errors import DefinitionError
    from instrument.loading import path_beside

    try:
        return str(path_beside(plan.instrument, study.parent))
    except DefinitionError as error:
        raise DefinitionError(f"{str(error).removesuffix('.')}; or give --instrument FILE.") from None


def _refuse_unanswered(tree: dict[str, Any]) -> None:
    """Write nothing when the question of the command has no answer."""
    from instrument.errors import NotEstimableError

    for name in ("use", "adherence"):
        if tree["sections"][name]["status"] == "failed":
            raise NotEstimableError(tree["sections"][name]["message"])
