"""`dta study …`: from a study file to links, status, close and erasure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instrument.commands.mending import app as mending_app
from instrument.commands.messages import app as messages_app
from instrument.commands.people import DEFAULT_ADDRESS, Address
from instrument.commands.people import app as people_app
from instrument.commands.store import DEFAULT_KEYS, DEFAULT_STORE, KeyFile, StoreUrl, keys_of, opened
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from instrument.definition import Instrument
    from instrument.study import Study

app = typer.Typer(
    no_args_is_help=True, help="Run a study: create, open, invite, due, correct, close, withdraw, erase."
)
app.registered_commands += [*people_app.registered_commands, *mending_app.registered_commands]
app.registered_commands += messages_app.registered_commands
StudyFile = Annotated[Path, typer.Argument(help="The study's YAML file.")]
StudyName = Annotated[str, typer.Argument(help="Id of the study.")]


@app.command("check")
def check_command(file: StudyFile, address: Address = DEFAULT_ADDRESS) -> None:
    """Check a study file and say what is missing before it can open."""
    from instrument.loading import load_beside
    from instrument.study import load_study, with_form_questions

    study = with_form_questions(load_study(file), file.parent)
    scale = load_beside(study.instrument, file.parent)
    refuse_half_languages(study, scale, "dta study check")
    typer.echo(f"{study.id}: {len(study.waves)} waves, {scale.title} {scale.version}.")
    lengths = (
        {} if study.messages is None else study.messages.lengths(study.title_in, study.contact_in, address)
    )
    for (kind, tag), one in lengths.items():
        parts = f"{one.parts} part{'' if one.parts == 1 else 's'}"
        wide = ", as a letter of it is not in the alphabet of telephones" if one.wide else ""
        typer.echo(f"  sms {kind} {tag}: {one.characters} characters, {parts}{wide} (links under {address})")
    faults = study.faults_before_opening()
    for fault in faults:
        typer.echo(f"  before opening: {fault}")
    typer.echo("It may open." if not faults else "It may not open yet.")


def refuse_half_languages(study: Study, scale: Instrument, caller: str) -> None:
    """Refuse a language whose pages would be half in another.

    Parameters
    ----------
    study, scale, caller
        Study, its instrument, and the command that a message names.

    Raises
    ------
    DefinitionError
        A language lacks in the instrument or on the pages.
    """
    from instrument.administer.texts import shipped_languages
    from instrument.loading import refuse_half_translations

    if unknown := [tag for tag in study.languages if tag not in scale.languages]:
        fact = f"the instrument has no wording in {', '.join(unknown)}."
        raise DefinitionError(fact_and_hint(caller, fact, f"it has: {', '.join(scale.languages)}."))
    spoken = [tag for tag, _ in shipped_languages()]
    if half := [tag for tag in study.languages if tag.split("-")[0] not in spoken]:
        fact = f"buttons and messages of the pages are not there in {', '.join(half)}."
        raise DefinitionError(fact_and_hint(caller, fact, f"they speak: {', '.join(spoken)}."))
    spoken_of = [tag for tag in study.languages if tag in scale.languages]
    drafts = [tag for tag in spoken_of if scale.wording(tag).status == "draft"]
    if refused := [tag for tag in drafts if tag not in study.draft_languages]:
        fact = f"the translation into {', '.join(refused)} is a draft: people would answer untested wording."
        hint = (
            f"finish it (docs/content.md), or add draft_languages: [{', '.join(refused)}] to the study file."
        )
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    refuse_half_translations(scale, caller, f"instrument {scale.id}", list(study.languages))


@app.command("create")
def create_command(file: StudyFile, store: StoreUrl = DEFAULT_STORE) -> None:
    """Put a study into the store, as a draft."""
    from instrument.loading import load_beside
    from instrument.store.definitions import WaveWindow, create_study
    from instrument.study import load_study, with_form_questions

    study = with_form_questions(load_study(file), file.parent)
    scale = load_beside(study.instrument, file.parent)
    refuse_half_languages(study, scale, "dta study create")
    waves = [WaveWindow(wave.name, wave.opens, wave.closes) for wave in study.waves]
    with opened(store, makes=True).begin() as connection:
        create_study(connection, study.id, scale, waves, study.to_json(), study.content_hash)
    typer.echo(f"Study {study.id} is in the store. Next: dta study open {study.id}")


@app.command("open")
def open_command(name: StudyName, store: StoreUrl = DEFAULT_STORE) -> None:
    """Open a study; refused without consent text, crisis text and contact."""
    from instrument.store.definitions import find_study, set_study_status, study_written_as

    with opened(store).begin() as connection:
        row = find_study(connection, name)
        faults = study_written_as(row.definition).faults_before_opening()
        if faults:
            listed = "\n".join(f"  {fault}" for fault in faults)
            fact = f"study {name!r} cannot open.\n{listed}"
            raise DefinitionError(fact_and_hint("dta study open", fact, "mend the file; create it anew."))
        set_study_status(connection, name, "open")
    typer.echo(f"Study {name} is open. Next: dta study invite {name} --people 20 --out links.csv")


@app.command("key")
def key_command(name: StudyName, store: StoreUrl = DEFAULT_STORE, keys: KeyFile = DEFAULT_KEYS) -> None:
    """Make the key with which an app speaks for a study; an earlier key ends."""
    from instrument.store.intake import new_interface_key

    engine = opened(store)
    keyring = keys_of(keys, engine)
    with engine.begin() as connection:
        key = new_interface_key(connection, keyring, name)
    typer.echo(f"Key of study {name}, shown once: {key}")


@app.command("close")
def close_command(name: StudyName, store: StoreUrl = DEFAULT_STORE) -> None:
    """Close a study: links show a closing page, answers stay."""
    from instrument.store.definitions import set_study_status

    with opened(store).begin() as connection:
        set_study_status(connection, name, "closed")
    typer.echo(f"Study {name} is closed.")


@app.command("invite")
def invite_command(
    name: StudyName,
    out: Annotated[Path, typer.Option("--out", help="New file for the links; they are shown only there.")],
    people: Annotated[int, typer.Option("--people", min=0, max=100_000, help="How many links.")] = 0,
    names: Annotated[
        Path | None, typer.Option("--pseudonyms", help="File with one pseudonym a line.")
    ] = None,
    address: Address = DEFAULT_ADDRESS,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Days until the links end.")] = None,
    trial: Annotated[bool, typer.Option("--trial", help="Trial links, left out of exports.")] = False,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Also people who were erased and asked to come back.")
    ] = False,
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
) -> None:
    """Make links; they are written once, the store keeps only hashes."""
    from instrument.commands.people import lines_of, links_text, refuse_existing, write_privately
    from instrument.store.definitions import find_study, refuse_closed
    from instrument.store.people import invite

    wanted: int | list[str] = people
    if names is not None:
        wanted = lines_of(names, "dta study invite")
    refuse_existing(out, "dta study invite")
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    engine = opened(store)
    keyring = keys_of(keys, engine)
    with engine.begin() as connection:
        row = find_study(connection, name)
        refuse_closed(row)
        links = invite(
            connection, int(row.id), keyring, wanted, is_test=trial, expires_at=expires, readmit=readmit
        )
        write_privately(out, links_text(links, address), "dta study invite")
    typer.echo(f"{len(links)} links in {out}. Send them, then delete the file: they open the questionnaire.")


@app.command("status")
def status_command(
    name: StudyName,
    store: StoreUrl = DEFAULT_STORE,
    due: Annotated[bool, typer.Option("--due", help="List pseudonyms that are due or overdue.")] = False,
) -> None:
    """Show how far people have come at each wave."""
    from instrument.store.connect import reading
    from instrument.store.definitions import find_study, study_written_as
    from instrument.store.enrolling import enrolment_counts
    from instrument.store.funnel import funnel_of, standing_of

    with reading(opened(store)) as connection:
        typer.echo(f"Study {name}: {find_study(connection, name).status}")
        typer.echo(funnel_of(connection, name).to_string(index=False))
        row: Any = find_study(connection, name)
        counts = enrolment_counts(connection, int(row.id))
        if study_written_as(row.definition).enrolment is not None:
            listed = ", ".join(f"{which} {n}" for which, n in counts.items()) or "nobody yet"
            typer.echo(f"Open enrolment: {listed}")
        if due:
            waiting = standing_of(connection, name)
            waiting = waiting[waiting["todo"] != ""][["wave", "participant", "todo"]]
            typer.echo(waiting.to_string(index=False) if len(waiting) else "No one is due.")


@app.command("withdraw")
def withdraw_command(
    name: StudyName,
    pseudonym: Annotated[str, typer.Argument(help="Who withdrew.")],
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Record that a person withdrew: what was given stays, nothing more is stored, nothing is due."""
    from instrument.store.people import withdraw_person

    with opened(store).begin() as connection:
        number = _number_of(connection, name, pseudonym, "dta study withdraw")
        changed = withdraw_person(connection, number)
    if changed:
        typer.echo("Withdrawn; what was given stays. To delete it: dta study erase")
    else:
        typer.echo("This person had withdrawn or declined already; nothing was changed.")


@app.command("consent")
def consent_command(
    name: StudyName,
    pseudonym: Annotated[str, typer.Argument(help="Whose consent.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New PDF file.")],
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Write the text a person agreed to as a PDF, as it was shown, with the moment; no answer is in it."""
    from instrument.administer.consent_paper import consent_pdf
    from instrument.commands.people import refuse_existing, write_privately
    from instrument.store.audit import record
    from instrument.store.consents import consent_record

    caller = "dta study consent"
    refuse_existing(out, caller)
    with opened(store).begin() as connection:
        number = _number_of(connection, name, pseudonym, caller)
        found = consent_record(connection, number)
        if found is None:
            fact = f"{pseudonym!r} has agreed to no text that the store holds."
            raise ResponseDataError(fact_and_hint(caller, fact, "consent on paper lies with the team."))
        write_privately(out, consent_pdf(found), caller)
        record(connection, "person.consent_paper", f"study {name}", 1)
    ended = "; it was taken back later, which the page says" if found.ended_at else ""
    typer.echo(f"consent to version {found.version} in {out}{ended}")


def _number_of(connection: Connection, name: str, pseudonym: str, caller: str) -> int:
    from instrument.store.definitions import find_study
    from instrument.store.intake import people_of

    study_id: Any = find_study(connection, name).id
    found = people_of(connection, study_id, [pseudonym])
    if not found:
        fact = f"study {name!r} has no person of that pseudonym."
        raise ResponseDataError(fact_and_hint(caller, fact, "see the list of links."))
    return found[pseudonym]


@app.command("erase")
def erase_command(
    name: StudyName,
    pseudonym: Annotated[str, typer.Argument(help="Whom to erase.")],
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
) -> None:
    """Erase one person from every table; it cannot be undone."""
    from instrument.store.people import erase_person

    engine = opened(store)
    keyring = keys_of(keys, engine)
    if not yes:
        typer.confirm(f"Erase {pseudonym} from study {name} for good?", abort=True)
    with engine.begin() as connection:
        erase_person(connection, _number_of(connection, name, pseudonym, "dta study erase"), keyring)
    typer.echo("Erased.")
