"""`dta study contacts`, `send` and `notify`: messages to people, and notices to programs of the team."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from instrument.commands.people import DEFAULT_ADDRESS, Address, StudyName, read_table
from instrument.commands.store import DEFAULT_KEYS, DEFAULT_STORE, KeyFile, StoreUrl, keys_of, opened

app = typer.Typer()


@app.command("contacts")
def contacts_command(
    name: StudyName,
    links: Annotated[Path, typer.Option("--links", help="File of `dta study invite` or `relink`.")],
    contacts: Annotated[
        Path, typer.Option("--contacts", help="CSV of the team: participant, and address, number or both.")
    ],
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
) -> None:
    """Keep addresses and links of people in a file of their own, for `dta study send`."""
    from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
    from instrument.store.addresses import Contact, keep_addresses, number_in
    from instrument.store.connect import reading
    from instrument.store.definitions import find_study
    from instrument.store.relinking import links_held

    caller = "dta study contacts"
    given, known = read_table(links, caller), read_table(contacts, caller)
    ways = [name for name in ("address", "number") if name in known.columns] or ["address"]
    for table, needed in ((given, ("participant", "link")), (known, ("participant", *ways))):
        if absent := [column for column in needed if column not in table.columns]:
            fact = f"a file lacks the columns {name_offenders(absent)}."
            raise ResponseDataError(fact_and_hint(caller, fact, "check the first lines."))
    for table, where in ((given, links.name), (known, contacts.name)):
        if doubled := sorted(set(table["participant"][table["participant"].duplicated()])):
            fact = f"{where} names {len(doubled)} people twice: {name_offenders(doubled)}."
            raise ResponseDataError(fact_and_hint(caller, fact, "leave one row for each."))
    addresses, numbers = (
        dict(zip(known["participant"], known[way].str.strip(), strict=True)) if way in ways else {}
        for way in ("address", "number")
    )
    tokens = {
        str(person): str(link).rpartition("/q/")[2]
        for person, link in zip(given["participant"], given["link"], strict=True)
        if addresses.get(person) or numbers.get(person)
    }
    engine = opened(store)
    keyring = keys_of(keys, engine)
    with reading(engine) as connection:
        number: Any = find_study(connection, name).id
        ended = links_held(connection, number, keyring, tokens)
    if ended:
        fact = f"{len(ended)} of {len(tokens)} links are not those of their people: {name_offenders(ended)}."
        hint = "take them out, or put in the newest ones (dta study relink)."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
    odd = [person for person in tokens if any(sign in addresses.get(person, "") for sign in "\r\n,;<>")]
    if odd:
        fact = f"{len(odd)} addresses are none: of {name_offenders(odd)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give one plain address for each."))
    called = {person: number_in(numbers.get(person, "")) for person in tokens}
    if odd := [person for person, number in called.items() if number is None]:
        fact = f"{len(odd)} telephone numbers are none: of {name_offenders(odd)}."
        hint = "write them with + and the country, such as +49 171 1234567."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
    people = [
        Contact(person, addresses.get(person, ""), token, called[person] or "")
        for person, token in tokens.items()
    ]
    reached = {person for way in (addresses, numbers) for person, text in way.items() if text}
    if without := sorted(reached - set(given["participant"])):
        named = name_offenders(without)
        typer.echo(f"Note: {len(without)} people have no row in {links.name}: {named}", err=True)
    kept = keep_addresses(engine, name, people)
    typer.echo(f"{kept} addresses kept. Delete {links.name} and {contacts.name}.")


@app.command("send")
def send_command(
    name: StudyName,
    address: Address = DEFAULT_ADDRESS,
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
) -> None:
    """Send what is due now; run it every few minutes (cron, systemd). Quiet hours send nothing."""
    from instrument.messaging.messenger import transport_of
    from instrument.store.outbox import counted, send_due

    transport = transport_of()
    engine = opened(store)
    keyring = keys_of(keys, engine)
    how: dict[str, Any] = {"address": address, "channels": transport.channels}
    typer.echo(counted(send_due(engine, keyring, name, transport, **how)))


@app.command("stop")
def stop_command(
    name: StudyName,
    file: Annotated[
        Path, typer.Argument(help="CSV of a gateway or the team: number, or participant; who wants no more.")
    ],
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Send no more messages to people who answered STOP, or called; answering goes on as before."""
    from instrument.errors import ResponseDataError, fact_and_hint
    from instrument.store.addresses import addresses_of, number_in
    from instrument.store.definitions import find_study
    from instrument.store.intake import people_of
    from instrument.store.outbox import stop_messages

    caller = "dta study stop"
    table = read_table(file, caller)
    column = next((one for one in ("participant", "number") if one in table.columns), None)
    if column is None:
        fact = "the file has neither a column participant nor a column number."
        raise ResponseDataError(fact_and_hint(caller, fact, "check its first line."))
    engine = opened(store)
    wanted = {str(cell).strip() for cell in table[column] if str(cell).strip()}
    if column == "number":
        numbers = {number_in(cell) or cell for cell in wanted}
        known = {one.participant: one.number for one in addresses_of(engine, name)}
        names = [person for person, number in known.items() if number in numbers]
        strange = len(numbers - set(known.values()))
    else:
        names, strange = sorted(wanted), 0
    with engine.begin() as connection:
        row: Any = find_study(connection, name)
        found = people_of(connection, int(row.id), names)
        for person in found.values():
            stop_messages(connection, person)
    strange += len(set(names) - set(found))
    typer.echo(f"{len(found)} people get no more messages; {strange} of the file are not known.")


@app.command("notify")
def notify_command(name: StudyName, store: StoreUrl = DEFAULT_STORE) -> None:
    """Send the notices that are waiting: a questionnaire was sent, a person withdrew. Run it every minute."""
    from instrument.messaging.messenger import notifier_of
    from instrument.store.notices import deliver_notices

    transport = notifier_of()
    done = deliver_notices(opened(store), name, transport)
    said = [
        f"{done[state]} {state.replace('_', ' ')}" for state in ("sent", "failed", "given_up") if done[state]
    ]
    typer.echo(", ".join(said) or "nothing was waiting")
