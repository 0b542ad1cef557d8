"""`dta score`, `dta instruments` and `dta instrument check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instrument.commands.content import app as content_app
from instrument.commands.drafting import app as drafting_app
from instrument.commands.exchange import app as exchange_app
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
from instrument.commands.store import app as store_app
from instrument.commands.study import app as study_app
from instrument.common.whole_files import write_whole

if TYPE_CHECKING:
    from instrument.definition import Instrument

app = typer.Typer()
app.registered_commands += exchange_app.registered_commands
app.add_typer(study_app, name="study")
app.add_typer(store_app, name="store")
app.add_typer(content_app, name="content")
files = typer.Typer(no_args_is_help=True, help="Draft and check instrument files.")
files.registered_commands += drafting_app.registered_commands
app.add_typer(files, name="instrument")


@app.command("score")
def score_command(
    responses: Annotated[Path, typer.Argument(help="Answers: .csv, .xlsx, .sav, .dta, .rds, .parquet, …")],
    instrument: Annotated[str, typer.Option("--instrument", "-i", help="Shipped name or YAML file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV file for the scores.")],
    covariates: Annotated[str | None, typer.Option("--covariates", help="Extra columns: a,b.")] = None,
    participant: Participant = "participant",
    wave: WaveColumn = "wave",
    labels: Labels = False,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    sheet: Sheet = None,
    na: Missing = "NA",
    mapping: MappingFile = None,
) -> None:
    """Score answers: one row per administration, theme scores and total."""
    from instrument.loading import load
    from instrument.reading.read_responses import read_responses
    from instrument.reading.written_cells import csv_text
    from instrument.scoring.score import score

    scale = load(instrument)
    names = names_in(covariates)
    answers = read_responses(
        responses,
        scale,
        covariates=names,
        sheet=sheet,
        labels=labels,
        participant=participant,
        wave=wave,
        na=names_in(na),
        encoding=encoding,
        delimiter=delimiter,
        mapping=mapping_in(mapping),
        caller="dta score",
    )
    table = score(answers, scale).to_frame()
    own = {"participant", "wave", *scale.item_ids}
    for name in [column for column in answers.columns if column not in own]:
        table[name if name not in table else f"{name} (covariate)"] = answers[name].to_numpy()
    write_whole(out, csv_text(table))
    for note in answers.attrs.get("notes", ()):
        typer.echo(f"Note: {note}", err=True)
    typer.echo(f"{len(table)} administrations scored in {out}")


@app.command("instruments")
def instruments_command() -> None:
    """List the instruments that the toolkit ships."""
    from instrument.loading import available, load, versions

    for name in available():
        scale = load(name)
        typer.echo(f"{name}\t{scale.version}\t{len(scale.items)} items\t{scale.title} ({scale.status})")
        for version in versions(name)[1:]:
            other = load(f"{name}@{version}")
            typer.echo(
                f"{name}@{version}\t{version}\t{len(other.items)} items\t{other.title} ({other.status})"
            )


@files.command("check")
def check_command(
    file: Annotated[str, typer.Argument(help="YAML file of an instrument, or the name of a shipped one.")],
    wording: Annotated[
        bool, typer.Option("--wording", help="Also flag wording that the literature advises against.")
    ] = False,
) -> None:
    """Check an instrument file and say what it defines."""
    from instrument.content.translations import texts_untranslated
    from instrument.errors import name_offenders
    from instrument.loading import load, refuse_half_translations

    scale = load(file)
    refuse_half_translations(scale, "dta instrument check", Path(file).name)
    for tag, paths in texts_untranslated(scale).items():
        same = "1 text is the same" if len(paths) == 1 else f"{len(paths)} texts are the same"
        said = f"translations.{tag}: {same} as in {scale.language}: {name_offenders(paths)}"
        typer.echo(f"Warning: {said}.", err=True)
    typer.echo(f"{scale.id} {scale.version}: {scale.title} ({scale.status})")
    for theme in scale.themes:
        ids = scale.theme_items(theme.id)
        composite = ", composite" if theme.measurement == "composite" else ""
        typer.echo(f"  {theme.id} ({theme.role}{composite}): {len(ids)} items")
    reversed_items = ", ".join(scale.reversed_items) or "none"
    typer.echo(f"  reversed: {reversed_items}; languages: {', '.join(scale.languages)}")
    for criterion in ("outcome", "use"):
        if near := scale.near_criterion(criterion):
            typer.echo(f"  near to {criterion} in content: {', '.join(near)}")
    if doubted := scale.open_items:
        typer.echo(f"  open for the people who will read them: {', '.join(doubted)}")
    typer.echo(f"  content hash {scale.content_hash}")
    if wording:
        _say_wording(scale)


def _say_wording(scale: Instrument) -> None:
    """Say what the rules of wording flag; a flag is a question to a reader and changes no exit status."""
    from instrument.content.wording_rules import check_wording

    flags = check_wording(scale)
    noun = "flag" if len(flags) == 1 else "flags"
    typer.echo(f"  wording: {len(flags)} {noun} in {len(scale.items)} items ({', '.join(scale.languages)})")
    for row in flags.itertuples():
        typer.echo(f"  {row.item} ({row.language}) {row.rule}: {row.found}; {row.advice} ({row.source})")
