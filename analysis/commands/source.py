"""Where the numbers of a report came from: files and arguments, told so that scripts can read them again."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import typer

from instrument.commands.reading_options import said_of

ROLES = ("responses", "usage", "outcomes", "covariates", "times", "enrolment", "audit")
_NOT_AGAIN = {"out", "forms", "analysed", "shared"}
_IN_R = {"utf-8": "UTF-8-BOM", "utf-8-sig": "UTF-8-BOM", "mac-roman": "MACINTOSH"}
_ONLY_HERE = ("labels", "sheet", "mapping")  # ways of reading that R is not taught


def source_of_run(context: typer.Context) -> dict[str, Any] | None:
    """Tell how the running command was called, without paths of the machine.

    Parameters
    ----------
    context
        Of the command.

    Returns
    -------
    dict or None
        `command`, `arguments_of_files`, `files` by role, and how answers are split into cells; None where it
        reads from an address, which may hold a password.
    """
    command = [str(context.info_name)]
    files: list[str] = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in _NOT_AGAIN or value in (None, (), []) or value == parameter.get_default(context):
            continue
        for one in value if isinstance(value, (list, tuple)) else (value,):
            text = _portable(one)
            if text is None:
                return None
            if text != str(one) or _is_file(one):
                files.append(text)
            if parameter.param_type_name == "argument":
                command.append(text)
            elif isinstance(one, bool):
                command.append(parameter.opts[0] if one else (parameter.secondary_opts or parameter.opts)[0])
            else:
                command += [parameter.opts[0], text]
    told = context.params
    roles = {role: _portable(told[role]) for role in ROLES if told.get(role) and _is_file(told[role])}
    for number, one in enumerate(told.get("measure") or (), start=1):
        roles[f"measure {number}"] = _portable(Path(str(one).split("=", 1)[0]))
    if any(told.get(name) for name in _ONLY_HERE):
        roles = {role: name for role, name in roles.items() if role not in ("responses", *_measures(roles))}
    return {
        "command": command,
        "arguments_of_files": files,
        "files": roles,
        "participant": told.get("participant") or "participant",
        "wave": told.get("wave") or "wave",
        "separator": said_of(told.get("delimiter"), "answers"),
        "encoding": encoding_in_r(told.get("encoding") or "utf-8"),
        "decimal": said_of(told.get("decimal"), "answers") or ".",
        "missing": [word.strip() for word in str(told.get("na") or "NA").split(",")],
    }


def _measures(roles: dict[str, Any]) -> list[str]:
    return [role for role in roles if role.startswith("measure ")]


def encoding_in_r(name: str) -> str:
    """Name an encoding as R knows it: Python takes latin-1 and latin9, iconv does not.

    Examples
    --------
    >>> encoding_in_r("latin-1"), encoding_in_r("utf8")
    ('iso8859-1', 'UTF-8-BOM')
    """
    known = codecs.lookup(name).name.replace("_", "-")
    return _IN_R.get(known, known)


def _is_file(value: Any) -> bool:
    if isinstance(value, Path):
        return True
    words = str(value).split("=", 1) if isinstance(value, str) else []
    return any(Path(word).is_file() for word in words if word)


def _portable(value: Any) -> str | None:
    """Give a path as it was typed where it leads down from where one is, else its name alone."""
    text = str(value)
    if "://" in text:
        return None
    if not _is_file(value):
        return text
    if isinstance(value, str) and not Path(value).is_file():
        parts = [_portable(part) or "" for part in value.split("=", 1)]
        return "=".join(parts)
    path = Path(text)
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()
