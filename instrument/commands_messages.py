"""`dta study contacts`, `send` and `notify`: messages to people, and notices to programs of the team."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from instrument.commands_people import DEFAULT_ADDRESS, Address, StudyName, read_table
from instrument.commands_store import DEFAULT_KEYS, DEFAULT_STORE, KeyFile, StoreUrl, keys_of, opened

app = typer.Typer()


@app.command("contacts")
def contacts_command(
    name: StudyName,
    links: Annotated[Path, typer.Option("--links", help="File of `dta study invite` or `relink`.")],
    contacts: Annotated[Path, typer.Option("--contacts", help="CSV of the team: participant, address.")],
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
) -> None:
    """Keep addresses and links of people in a file of their own, for `dta study send`."""
    from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
    from instrument.store.addresses import Contact, keep_addresses
    from instrument.store.connect import reading
    from instrument.store.definitions import find_study
    from instrument.store.relinking import links_held

    caller = "dta study contacts"
    given, known = read_table(links, caller), read_table(contacts, caller)
    for table, needed in ((given, ("participant", "link")), (known, ("participant", "address"))):
        if absent := [column for column in needed if column not in table.columns]:
            fact = f"a file lacks the columns {name_offenders(absent)}."
            raise ResponseDataError(fact_and_hint(caller, fact, "check the first lines."))
    addresses = dict(zip(known["participant"], known["address"].str.strip(), strict=True))
    tokens = {
        str(person): str(link).rpartition("/q/")[2]
        for person, link in zip(given["participant"], given["link"], strict=True)
        if addresses.get(person)
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
    odd = [person for person in tokens if any(sign in addresses[person] for sign in "\r\n,;<>")]
    if odd:
        fact = f"{len(odd)} addresses are none: of {name_offenders(odd)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give one plain address for each."))
    kept = keep_addresses(
        engine, name, [Contact(person, addresses[person], token) for person, token in tokens.items()]
    )
    typer.echo(f"{kept} addresses kept. Delete {links.name} and {contacts.name}.")


@app.command("send")
def send_command(
    name: StudyName,
    address: Address = DEFAULT_ADDRESS,
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
) -> None:
    """Send what is due now; run it every few minutes (cron, systemd). Quiet hours send nothing."""
    from instrument.messenger import transport_of
    from instrument.store.outbox import counted, send_due

    transport = transport_of()
    engine = opened(store)
    keyring = keys_of(keys, engine)
    typer.echo(counted(send_due(engine, keyring, name, transport, address=address)))


@app.command("notify")
def notify_command(name: StudyName, store: StoreUrl = DEFAULT_STORE) -> None:
    """Send the notices that are waiting: a questionnaire was sent, a person withdrew. Run it every minute."""
    from instrument.messenger import notifier_of
    from instrument.store.notices import deliver_notices

    transport = notifier_of()
    done = deliver_notices(opened(store), name, transport)
    said = [
        f"{done[state]} {state.replace('_', ' ')}" for state in ("sent", "failed", "given_up") if done[state]
    ]
    typer.echo(", ".join(said) or "nothing was waiting")
