"""`dta study relink`, `due` and `merge`: new links, who is due until when, letters for other programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instrument.commands.store import DEFAULT_KEYS, DEFAULT_STORE, KeyFile, StoreUrl, keys_of, opened
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders

if TYPE_CHECKING:
    import pandas as pd

    from instrument.store.people import Invitation

app = typer.Typer()
StudyName = Annotated[str, typer.Argument(help="Id of the study.")]
Address = Annotated[str, typer.Option("--address", help="Public address of the questionnaire.")]
SEPARATORS = (",", ";", "\t")
DEFAULT_ADDRESS = "http://127.0.0.1:8000"
LINK_COLUMNS = ["participant", "link"]
Day = Annotated[
    str | None, typer.Option("--on", help="Judge by this day (2026-03-31), today in UTC by default.")
]


@app.command("relink")
def relink_command(
    name: StudyName,
    people: Annotated[list[str] | None, typer.Argument(help="Pseudonyms.", show_default=False)] = None,
    out: Annotated[Path, typer.Option("--out", help="New file for the links; shown only there.")] = Path(
        "links.csv"
    ),
    names: Annotated[
        Path | None, typer.Option("--pseudonyms", help="File with one pseudonym a line.")
    ] = None,
    address: Address = DEFAULT_ADDRESS,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="Days until the links end; as before by default.")
    ] = None,
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
) -> None:
    """Make new links for people of a study: earlier links end at once, answers stay."""
    from instrument.store.definitions import find_study
    from instrument.store.relinking import relink

    caller = "dta study relink"
    wanted = [*(people or []), *([] if names is None else lines_of(names, caller))]
    refuse_existing(out, caller)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    engine = opened(store)
    keyring = keys_of(keys, engine)
    with engine.begin() as connection:
        number = find_study(connection, name).id
        links = relink(connection, number, keyring, wanted, expires_at=expires)
        write_privately(out, links_text(links, address), caller)
    typer.echo(f"{len(links)} new links in {out}; the earlier ones have ended, answers are kept.")


@app.command("poster")
def poster_command(
    name: StudyName,
    out: Annotated[Path, typer.Option("--out", "-o", help="New SVG file.")],
    address: Address = DEFAULT_ADDRESS,
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Write the open link of a study as a QR code; it holds no secret."""
    import io

    import segno

    from instrument.store.connect import reading
    from instrument.store.definitions import find_study, study_written_as

    caller = "dta study poster"
    refuse_existing(out, caller)
    with reading(opened(store)) as connection:
        row: Any = find_study(connection, name)
    if study_written_as(row.definition).enrolment is None:
        fact = f"study {name!r} has no open enrolment."
        raise ResponseDataError(fact_and_hint(caller, fact, "write `enrolment:` into its file."))
    link = f"{address.rstrip('/')}/enrol/{name}"
    drawn = io.BytesIO()
    segno.make(link, error="m", micro=False).save(drawn, kind="svg", scale=8, border=4)
    write_privately(out, drawn.getvalue().decode(), caller)
    typer.echo(f"{link} as a QR code in {out}")


@app.command("due")
def due_command(
    name: StudyName,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New CSV file; else it is printed.")] = None,
    on: Day = None,
    upcoming: Annotated[
        bool, typer.Option("--upcoming", help="Also those whose window is still to come.")
    ] = False,
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """List who is due at which wave, from when to when; no addresses and no answers."""
    from instrument.reading.written_cells import csv_text
    from instrument.store.connect import reading
    from instrument.store.funnel import due_of

    day = _day(on, "dta study due")
    if out is not None:
        refuse_existing(out, "dta study due")
    with reading(opened(store)) as connection:
        waiting = due_of(connection, name, day, upcoming=upcoming)
    if out is None:
        typer.echo(csv_text(waiting), nl=False)
        return
    write_privately(out, csv_text(waiting), "dta study due")
    typer.echo(f"{len(waiting)} rows in {out}")


@app.command("merge")
def merge_command(
    name: StudyName,
    links: Annotated[Path, typer.Option("--links", help="File of `dta study invite` or `relink`.")],
    contacts: Annotated[
        Path, typer.Option("--contacts", help="CSV of the team: participant, and what a letter needs.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New CSV file for the mail program.")],
    on: Day = None,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="A row for each link instead of one for each wave that is due.")
    ] = False,
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
) -> None:
    """Join links, contacts and due waves for the mail merge of another program; nothing of it is stored."""
    from instrument.reading.written_cells import csv_text
    from instrument.store.addresses import number_in
    from instrument.store.connect import reading
    from instrument.store.definitions import find_study
    from instrument.store.funnel import due_of, standing_of
    from instrument.store.relinking import links_held

    caller = "dta study merge"
    day = _day(on, caller)
    refuse_existing(out, caller)
    given, known = read_table(links, caller), read_table(contacts, caller)
    _refuse_unfit(given, known, links.name, contacts.name, caller)
    engine = opened(store)
    keyring = keys_of(keys, engine)
    with reading(engine) as connection:
        number: Any = find_study(connection, name).id
        tokens = {
            str(person): str(link).rpartition("/q/")[2]
            for person, link in zip(given["participant"], given["link"], strict=True)
        }
        ended = links_held(connection, number, keyring, tokens)
        standing = standing_of(connection, name, day)
        waiting = due_of(connection, name, day)
    if ended:
        fact = f"{len(ended)} of {len(tokens)} links are not those of their people: {name_offenders(ended)}."
        hint = "take them out, or put in the newest ones (dta study relink)."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
    if everyone:
        willing = standing[~standing["declined"]]
        waiting = willing.drop_duplicates("participant")[["participant"]]
    waiting = waiting[waiting["participant"].isin(tokens)].drop(columns="link", errors="ignore")
    if "number" in known.columns:  # a blank in it would be marked as text that a spreadsheet might run
        known["number"] = [number_in(cell) or cell for cell in known["number"]]
    made = waiting.merge(given[LINK_COLUMNS], on="participant", how="left")
    there = made["participant"].isin(known["participant"])
    if without := list(dict.fromkeys(made.loc[~there, "participant"])):
        named = name_offenders(without)
        typer.echo(f"Note: {len(without)} people have no row in {contacts.name}: {named}", err=True)
    made = made[there].merge(known, on="participant", how="left")
    write_privately(out, csv_text(made), caller)
    typer.echo(f"{len(made)} rows in {out}. Delete it once the letters are sent: it holds links.")


def _refuse_unfit(given: pd.DataFrame, known: pd.DataFrame, links: str, contacts: str, caller: str) -> None:
    from instrument.store.funnel import DUE_COLUMNS

    for table, name, needed in ((given, links, LINK_COLUMNS), (known, contacts, ["participant"])):
        if absent := [column for column in needed if column not in table.columns]:
            fact = f"{name} lacks the columns {name_offenders(absent)}."
            raise ResponseDataError(fact_and_hint(caller, fact, "check its first line."))
        if doubled := sorted(set(table["participant"][table["participant"].duplicated()])):
            fact = f"{name} names {len(doubled)} people twice: {name_offenders(doubled)}."
            raise ResponseDataError(fact_and_hint(caller, fact, "leave one row for each."))
    if taken := [column for column in known.columns if column in DUE_COLUMNS[1:]]:
        fact = f"{contacts} has the columns {name_offenders(taken)}, which this file will get."
        raise ResponseDataError(fact_and_hint(caller, fact, "rename them."))


def _day(given: str | None, caller: str) -> date | None:
    from instrument.reading.dates_given import date_written

    day = None if given is None else date_written(given)
    if given is not None and day is None:
        fact = f"{given!r} is no date."
        raise ResponseDataError(fact_and_hint(caller, fact, "write it as 2026-03-31."))
    return day


def read_table(path: Path, caller: str) -> pd.DataFrame:
    """Read a CSV of texts; its first line says whether a comma, a semicolon or a tab separates.

    Parameters
    ----------
    path, caller
        The file, and the command that a message names.

    Returns
    -------
    pandas.DataFrame
        Texts.

    Raises
    ------
    ResponseDataError
        It cannot be read.
    """
    import pandas as pd

    from instrument.reading.written_cells import without_marks

    try:
        with path.open(encoding="utf-8-sig") as lines:
            head = lines.readline()
        sign = max(SEPARATORS, key=head.count)  # the first of them where there is none: a file of one column
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False, sep=sign)
    except (OSError, UnicodeDecodeError, ValueError, pd.errors.ParserError):
        fact = f"{path.name} cannot be read as a CSV in UTF-8."
        raise ResponseDataError(fact_and_hint(caller, fact, "check path and encoding.")) from None
    return without_marks(table)


def lines_of(path: Path, caller: str) -> list[str]:
    """Read one pseudonym a line.

    Parameters
    ----------
    path, caller
        The file, and the command that a message names.

    Returns
    -------
    list of str
        Without blank lines.

    Raises
    ------
    ResponseDataError
        It cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        fact = f"{path.name} cannot be read as UTF-8 text."
        raise ResponseDataError(fact_and_hint(caller, fact, "check path and encoding.")) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def refuse_existing(path: Path, caller: str) -> None:
    """Refuse to write over a file: a list of links cannot be made again.

    Parameters
    ----------
    path, caller
        The file, and the command that a message names.

    Raises
    ------
    ResponseDataError
        It is there.
    """
    if path.exists():
        fact = f"{path.name} exists already."
        raise ResponseDataError(fact_and_hint(caller, fact, "give a new file name."))


def links_text(links: Sequence[Invitation], address: str) -> str:
    """Write links as CSV.

    Parameters
    ----------
    links, address
        People with their tokens, and the public address of the questionnaire.

    Returns
    -------
    str
        participant, link.
    """
    import pandas as pd

    from instrument.reading.written_cells import csv_text

    rows = [(link.pseudonym, f"{address.rstrip('/')}/q/{link.token}") for link in links]
    return csv_text(pd.DataFrame(rows, columns=LINK_COLUMNS))


def write_privately(path: Path, content: str | bytes, caller: str) -> None:
    """Write a new file that only its owner can read; links are secrets.

    Parameters
    ----------
    path, content, caller
        The file, what it holds, and the command that a message names.

    Raises
    ------
    ResponseDataError
        It cannot be written; the transaction around it must end without effect.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        fact = f"{path.name} cannot be written ({error.strerror}); nothing was changed."
        raise ResponseDataError(fact_and_hint(caller, fact, "check the folder.")) from None
