"""`dta content`: the work that shows content validity, from an empty folder to a dossier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True, help="Keep and check the work on content: judges, interviews, translations."
)
Folder = Annotated[Path, typer.Argument(help="Folder with content.yaml and its tables.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
STATES = ("draft", "harmonised", "tested")
SKELETON = """\
# The work on the content of {id} {version}. Judges and interviews have pseudonyms, nothing else.
schema: 1
id: content
title: "Work on the content of {title}"
instrument: {name}
# judges:
#   - {{id: E1, role: expert, field: psychometrics}}
#   - {{id: U1, role: user}}
# codes:                     # kinds of problems; `clear` is always there
#   word_unknown: {{step: comprehension, text: "a word is not known"}}
# statements:                # what only words can answer, 20 characters or more each
#   construct: "…"
#   origin, population, context_of_use, elicitation, interviewees, interviewers
"""


@app.command("new")
def new_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    instrument: Annotated[str, typer.Option("--instrument", "-i", help="Shipped name or YAML file.")],
) -> None:
    """Make the folder: settings to fill in, and tables with their columns."""
    from instrument.common.whole_files import write_whole
    from instrument.content.records import SETTINGS, TABLES, TRANSLATION
    from instrument.errors import DefinitionError, fact_and_hint
    from instrument.loading import load

    scale = load(instrument)
    if (folder / SETTINGS).exists():
        fact = f"{folder.name} has a {SETTINGS}."
        raise DefinitionError(fact_and_hint("dta content new", fact, "name another folder."))
    _make(folder / "translations", "dta content new")
    name = str(Path(instrument).resolve()) if Path(instrument).is_file() else instrument
    text = SKELETON.format(id=scale.id, version=scale.version, title=scale.title, name=name)
    write_whole(folder / SETTINGS, text, "dta content new")
    for table, columns in TABLES.items():
        write_whole(folder / f"{table}.csv", ",".join(columns) + "\n", "dta content new")
    for tag in scale.languages[1:]:
        write_whole(
            folder / "translations" / f"{tag}.csv", _empty_translation(scale, TRANSLATION), "dta content new"
        )
    typer.echo(f"{folder}: fill in {SETTINGS} and the tables, then: dta content check {folder}")


def _make(folder: Path, caller: str) -> None:
    """Make a folder, or say why not."""
    from instrument.errors import ResponseDataError, fact_and_hint

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fact = f"the folder {str(folder)!r} cannot be made ({error.strerror})."
        raise ResponseDataError(fact_and_hint(caller, fact, "name one where there is no file.")) from None


def _empty_translation(scale: Any, columns: tuple[str, ...]) -> str:
    import pandas as pd

    from instrument.content.translating import read_texts
    from instrument.reading.written_cells import csv_text

    rows = [
        {**dict.fromkeys(columns, ""), "text": p, "source": text} for p, text in read_texts(scale).items()
    ]
    return csv_text(pd.DataFrame(rows, columns=list(columns)))


@app.command("check")
def check_command(folder: Folder) -> None:
    """Check the folder whole and answer COSMIN's standards, or say "not yet"."""
    from instrument.content.records import load_content
    from instrument.content.standards import SOURCE, content_standards, wordings_that_differ
    from instrument.content.translating import check_translation, translation_state

    records = load_content(folder)
    scale, items = records.scale, f"{len(records.items)} of {len(records.scale.items)} items"
    typer.echo(f"{records.file.title}: {scale.id} {scale.version} ({scale.status}), {items} under study")
    experts, users = len(records.judges_of("expert")), len(records.judges_of("user"))
    typer.echo(
        f"  {experts} experts and {users} users, {len(records.ratings)} ratings, "
        f"{len(records.rounds)} rounds; "
        f"{len(records.interviews)} interviews, {len(records.decisions)} decisions"
    )
    for item in wordings_that_differ(records):
        typer.echo(f"Warning: {item} has another wording in the instrument than was decided.", err=True)
    for tag in records.translations:
        table = check_translation(records, tag)
        faulty = table[(table["faults"] != "") | (table["questions"] != "")]
        state, called = str(translation_state(records, tag)), scale.wording(tag).status
        typer.echo(f"  {tag}: {state}; {len(faulty)} of {len(table)} texts to look at")
        if called in STATES and STATES.index(called) > STATES.index(state):
            typer.echo(f"Warning: the instrument calls {tag} {called}, the record {state}.", err=True)
        for row in faulty.to_dict(orient="records"):
            said = "; ".join(part for part in (row["faults"], row["questions"]) if part)
            typer.echo(f"    {row['text']}: {said}")
    typer.echo(f"Standards, in our own words after {SOURCE}:")
    for told in content_standards(records).itertuples():
        typer.echo(f"  {told.step} {told.standard} {str(told.reply).upper()}: {told.basis}")


@app.command("ratings")
def ratings_command(
    folder: Folder,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="CSV file for all figures.")] = None,
) -> None:
    """Give the indices of what judges said: relevance, clarity, rounds, sorting."""
    from instrument.common.whole_files import write_whole
    from instrument.content.judged import indices_of, last_rounds_compared, ratings_by_item, sorting_of
    from instrument.content.records import load_content
    from instrument.reading.written_cells import csv_text

    records = load_content(folder)
    table = ratings_by_item(records)
    shown = ["item", *(name for name in table.columns if name.endswith(("_n", "_i_cvi", "_kappa", "_clear")))]
    if len(records.ratings):
        typer.echo(table[shown].round(2).to_string(index=False))
    else:
        typer.echo("No judge has rated anything yet: fill in ratings.csv.")
    for role in ("expert", "user"):
        if (found := indices_of(records, "relevance", role)) is not None:
            typer.echo(f"{role}: {found.summary()}")
    if (rounds := last_rounds_compared(records)) is not None:
        stable = int(rounds["stable"].sum())
        typer.echo(f"experts' last two rounds: {stable} of {len(rounds)} items stable (shift under 15%)")
    if (sorting := sorting_of(records)) is not None:
        typer.echo(sorting.summary())
    if out is not None:
        write_whole(out, csv_text(table), "dta content ratings")


@app.command("panel")
def panel_command(
    smallest: Annotated[int, typer.Option("--from", min=2, help="Smallest panel.")] = 3,
    largest: Annotated[int, typer.Option("--to", min=2, max=200, help="Largest panel.")] = 20,
    good: Annotated[
        float, typer.Option("--good", help="Share of judges who call a good item relevant.")
    ] = 0.95,
    poor: Annotated[float, typer.Option("--poor", help="The same of a poor one.")] = 0.60,
) -> None:
    """Say what panels of several sizes can tell of an item, before judges are asked."""
    from instrument.content.panels import plan_panel, smallest_panel

    table = plan_panel(range(smallest, largest + 1), good, poor)
    typer.echo(table.round(3).to_string(index=False))
    size = smallest_panel(table)
    found = f"from {size} judges on" if size else "with no size of this table"
    typer.echo(f"Good items pass in 80% of panels or more, and poor ones in 20% or fewer, {found}.")


@app.command("feedback")
def feedback_command(
    folder: Folder,
    round_: Annotated[int, typer.Option("--round", min=1, help="Round that judges are told of.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for one CSV file per judge.")],
) -> None:
    """Write a sheet for each judge of a round: own ratings beside those of the others as a group."""
    from instrument.common.whole_files import write_whole
    from instrument.content.records import load_content
    from instrument.content.rounds import feedback_sheet
    from instrument.errors import ResponseDataError, fact_and_hint
    from instrument.reading.written_cells import csv_text

    records = load_content(folder)
    table, scale = records.rated("relevance", None, round_), records.file.rating
    if table.empty:
        fact = f"there are no ratings of relevance in round {round_}."
        raise ResponseDataError(fact_and_hint("dta content feedback", fact, f"rounds: {records.rounds}."))
    _make(out, "dta content feedback")
    for judge in table.index:
        sheet = feedback_sheet(table, judge, scale.relevant_from, scale.lowest, scale.highest)
        sheet.insert(1, "text", [records.scale.item(item).text for item in map(str, sheet["item"])])
        write_whole(out / f"{judge}.csv", csv_text(sheet), "dta content feedback")
    typer.echo(f"{len(table)} sheets in {out}; give each to its judge only")


@app.command("guide")
def guide_command(
    folder: Folder,
    out: Out,
    crisis: Annotated[str, typer.Option("--crisis", help="Where help is found, at any hour.")],
    language: Annotated[str | None, typer.Option("--language", help="Language of the interviews.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Also rows of codes.csv to fill in.")] = None,
    interview: Annotated[str, typer.Option("--interview", help="Pseudonym of the interview.")] = "I1",
    coder: Annotated[str, typer.Option("--coder", help="Who codes.")] = "A",
) -> None:
    """Write the guide of an interview, to print or to tick on a screen."""
    from instrument.common.whole_files import write_whole
    from instrument.content.guide import interview_guide, interview_sheet
    from instrument.content.records import load_content
    from instrument.reading.written_cells import csv_text

    records = load_content(folder)
    write_whole(out, interview_guide(records, crisis, language), "dta content guide")
    if sheet is not None:
        write_whole(sheet, csv_text(interview_sheet(records, interview, coder)), "dta content guide")
    typer.echo(
        f"Guide for {len(records.items)} items in {out}. Notes may tell who somebody is: keep them apart."
    )


@app.command("dossier")
def dossier_command(
    folder: Folder,
    out: Out,
    results: Annotated[
        Path | None, typer.Option("--results", help="results.json of a validation, for statistics of items.")
    ] = None,
) -> None:
    """Write the dossier: standards, and a card for each item with everything that is known of it."""
    from instrument.common.whole_files import write_whole
    from instrument.content.dossier import dossier
    from instrument.content.records import load_content

    records = load_content(folder)
    statistics = None if results is None else _statistics(results, records.scale.id, records.scale.version)
    write_whole(out, dossier(records, statistics), "dta content dossier")
    typer.echo(f"Dossier of {len(records.items)} items in {out}")


def _statistics(results: Path, scale: str, version: str) -> dict[str, dict[str, Any]]:
    """Numbers of each item from the results of a validation of the same version."""
    from instrument.errors import ResponseDataError, fact_and_hint

    try:
        tree = json.loads(results.read_text(encoding="utf-8"))
        of, table = tree["meta"]["instrument"], tree["sections"]["items"]["tables"]["statistics"]
    except (OSError, ValueError, KeyError, TypeError):
        fact = f"{results.name} is no results.json with statistics of items."
        raise ResponseDataError(
            fact_and_hint("dta content dossier", fact, "name that of dta validate.")
        ) from None
    if (of["id"], of["version"]) != (scale, version):
        fact = f"{results.name} is of {of['id']} {of['version']}, the content of {scale} {version}."
        raise ResponseDataError(fact_and_hint("dta content dossier", fact, "validate the same version."))
    names = {"n": "n", "mean": "mean", "sd": "SD", "item_rest_r": "item-rest correlation"}
    told = {label: table[key] for key, label in names.items() if key in table}
    rows: dict[str, dict[str, Any]] = {}
    for place, item in enumerate(table["item"]):
        rows[item] = {label: cells[place] for label, cells in told.items() if cells[place] is not None}
    return rows
