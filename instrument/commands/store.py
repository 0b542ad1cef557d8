"""`dta store …`: schema, copies and keys of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from instrument.store.tokens import Keyring

app = typer.Typer(no_args_is_help=True, help="Look after the store: upgrade, copy, restore, keys.")

StoreUrl = Annotated[
    str, typer.Option("--store", envvar="DTA_STORE", help="SQLite file or postgresql:// address.")
]
KeyFile = Annotated[
    Path, typer.Option("--keys", envvar="DTA_KEY_FILE", help="Key file; DTA_SECRET_KEY goes before it.")
]
DEFAULT_STORE = "dta.sqlite"
DEFAULT_KEYS = Path("dta.keys")


def opened(url: str, *, makes: bool = False) -> Engine:
    """Open a store whose schema fits this code; an empty one is set up.

    Parameters
    ----------
    url
        As given on the command line.
    makes
        Whether a file that is not there is made: by the first command of a study, and by the server.

    Returns
    -------
    sqlalchemy.Engine
        The store.
    """
    from instrument.store.connect import require_newest_schema, require_store

    if not makes:
        require_store(url)
    engine = _connected(url)
    require_newest_schema(engine)
    return engine


_connected_stores: list[Engine] = []


def _connected(url: str) -> Engine:
    from instrument.store.connect import open_store

    engine = open_store(url)
    _connected_stores.append(engine)
    return engine


def close_stores() -> None:
    """Close every store a command opened: the last to close an SQLite store takes its log along."""
    while _connected_stores:
        _connected_stores.pop().dispose()


def keys_of(file: Path, engine: Engine) -> Keyring:
    """Read the keys of a store's hashes; a missing file is made only for a store that has none.

    Parameters
    ----------
    file
        Key file.
    engine
        The store.

    Returns
    -------
    Keyring
        The keys.
    """
    from instrument.store.keys import keys_for

    return keys_for(engine, file)


@app.command("upgrade")
def upgrade_command(store: StoreUrl = DEFAULT_STORE) -> None:
    """Bring the schema up to date; a store with data is copied first."""
    from instrument.store.backup import back_up
    from instrument.store.connect import newest_schema, schema_of, sqlite_file, upgrade_store

    engine = _connected(store)
    before = schema_of(engine)
    if before == newest_schema():
        typer.echo(f"The store has schema {before} already.")
        return
    if before is not None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        file = sqlite_file(engine)
        folder, name = (file.parent, file.name) if file else (Path(), str(engine.url.database))
        copy = back_up(engine, folder / f"{name}.{before}.{stamp}.backup")
        typer.echo(f"Copied to {copy}.")
    upgrade_store(engine)
    typer.echo(f"The store has schema {newest_schema()} now.")


@app.command("backup")
def backup_command(
    target: Annotated[Path, typer.Argument(help="New file.")], store: StoreUrl = DEFAULT_STORE
) -> None:
    """Copy the store while it is in use."""
    from instrument.store.backup import back_up

    typer.echo(f"Copied to {back_up(opened(store), target)}. Keep the key file too, and apart from it.")


@app.command("restore")
def restore_command(
    source: Annotated[Path, typer.Argument(help="File made by `dta store backup`.")],
    store: StoreUrl = DEFAULT_STORE,
    yes: Annotated[bool, typer.Option("--yes", help="Replace the store without asking.")] = False,
) -> None:
    """Replace the store by a copy; people erased since stay erased."""
    from instrument.store.backup import restore

    if not yes:
        typer.confirm(f"Replace the store {store} by {source}?", abort=True)
    again = restore(source, _connected(store))
    typer.echo(f"Restored. Erased again: {again}.")


@app.command("rotate-key")
def rotate_command(
    keys: KeyFile = DEFAULT_KEYS,
    lost: Annotated[
        bool, typer.Option("--lost", help="The old keys are lost: give them up, and all links with them.")
    ] = False,
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Add a new key; links, codes and sessions made with older keys still work."""
    from instrument.errors import fact_and_hint
    from instrument.store.keys import give_up_keys
    from instrument.store.tokens import (
        SecretKeyError,
        first_keyring,
        given_key,
        load_keyring,
        next_name,
        save_keyring,
    )

    if given_key() is not None:
        fact = "the key comes from DTA_SECRET_KEY, which this command cannot change."
        raise SecretKeyError(fact_and_hint("dta store rotate-key", fact, "use a key file to rotate keys."))
    if lost == keys.exists():
        fact = f"there is {'a' if lost else 'no'} key file {keys.name}."
        hint = "move it away if it is useless." if lost else "name it with --keys; if it is lost: --lost."
        raise SecretKeyError(fact_and_hint("dta store rotate-key", fact, hint))
    if lost:
        with opened(store).begin() as connection:
            taken = give_up_keys(connection)
            save_keyring(first_keyring(next_name(taken)), keys)
        typer.echo("Made new keys. Links and codes made before are dead: invite people anew.")
        return
    keyring = load_keyring(keys).rotated()
    save_keyring(keyring, keys)
    typer.echo(
        f"New key {keyring.newest}; {len(keyring.keys) - 1} older ones still verify. Restart `dta serve`."
    )


@app.command("audit")
def audit_command(store: StoreUrl = DEFAULT_STORE) -> None:
    """Check the chain of the audit log."""
    from instrument.errors import fact_and_hint
    from instrument.store.audit import broken_line
    from instrument.store.connect import StoreError, reading

    with reading(opened(store)) as connection:
        line = broken_line(connection)
    if line is not None:
        fact = f"line {line} of the audit log does not fit the one before it."
        raise StoreError(fact_and_hint("dta store audit", fact, "compare with a backup."))
    typer.echo("The audit log is whole.")


@app.command("check")
def check_command(store: StoreUrl = DEFAULT_STORE, keys: KeyFile = DEFAULT_KEYS) -> None:
    """Check schema, file, log, keys and erasures; nothing is changed."""
    from instrument.errors import fact_and_hint
    from instrument.store.checking import faults_of_store
    from instrument.store.connect import StoreError, refuse_half_restored, require_store
    from instrument.store.tokens import given_key, load_keyring

    require_store(store)
    engine = _connected(store)
    refuse_half_restored(engine)
    keyring = load_keyring(keys) if given_key() is not None or keys.exists() else None
    found = faults_of_store(engine, keyring)
    for part, faults in found.items():
        typer.echo(f"{part}: {'; '.join(faults) or 'in order'}")
    if count := sum(map(len, found.values())):
        fact = f"{count} fault(s) in the store."
        raise StoreError(fact_and_hint("dta store check", fact, "compare with a backup first."))
