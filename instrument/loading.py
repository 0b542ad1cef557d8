"""Read an instrument from YAML: shipped by name, or a file of the user's own."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from instrument.common.nearest import nearest_key
from instrument.common.storable import unstorable_paths
from instrument.content.translations import labels_doubled, texts_missing
from instrument.definition import SCHEMA_VERSION, Instrument
from instrument.errors import DefinitionError, fact_and_hint, kind_of, name_offenders

MOST_PARTS = 200_000
DEEPEST = 40
LIBRARY = Path(__file__).parent / "library"


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key written twice is an error and `no` is a word, not a truth value."""


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def _mapping_without_doubles(
    loader: _StrictLoader, node: yaml.MappingNode, deep: bool = False
) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    doubled = sorted({str(key) for key in keys if keys.count(key) > 1})
    if doubled:
        raise yaml.constructor.ConstructorError(
            None, None, f"key {name_offenders(doubled)} is written twice", node.start_mark
        )
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_doubles)


def available() -> list[str]:
    """Names of the instruments that the toolkit ships.

    Returns
    -------
    list of str
        Names that `load` takes.

    Examples
    --------
    >>> "dta" in available()
    True
    """
    return sorted(folder.parent.name for folder in LIBRARY.glob("*/instrument.yaml"))


def load(name: str | Path) -> Instrument:
    """Load an instrument and check it whole.

    Parameters
    ----------
    name
        Name of a shipped instrument (see `available`), such as `dta`, with `@` and a version where another
        than the usual one is meant (see `versions`), of a template (see `templates`), or path of a YAML file.

    Returns
    -------
    Instrument
        Frozen definition.

    Raises
    ------
    DefinitionError
        The file is absent, is not YAML, or says something impossible; the message gives the path
        into the file of each fault.

    Examples
    --------
    >>> scale = load("dta")
    >>> scale.id
    'dta'
    """
    path = _locate(name)
    raw = read_yaml(path, "load")
    _fill_wording(raw, path)
    try:
        return Instrument.model_validate(raw)
    except ValidationError as error:
        raise DefinitionError(_faults_in_words("load", path, error)) from None


def load_beside(name: str, folder: Path) -> Instrument:
    """Load the instrument that a study file names.

    Parameters
    ----------
    name
        Name of a shipped instrument, a path counted from the study file, or the id of an instrument whose
        file, such as `mini.yaml` for `mini`, lies beside it.
    folder
        Folder of the study file.

    Returns
    -------
    Instrument
        Frozen definition.

    Raises
    ------
    DefinitionError
        There is no such instrument, or its file is faulty.
    """
    return load(path_beside(name, folder))


def path_beside(name: str, folder: Path) -> str | Path:
    """Find the instrument that a study file names; see `load_beside`."""
    if name in available() or _version(name) is not None:
        return name
    candidates = (folder / name, folder / f"{name}.yaml", folder / f"{name}.yml")
    beside = next(
        (path for path in candidates if path.is_file() or (path / "instrument.yaml").is_file()), None
    )
    if beside is None:
        fact = (
            f"the study file names instrument {name!r}, which is neither shipped nor beside the study file."
        )
        hint = f"write its path as seen from the study file, or one of: {name_offenders(available())}."
        raise DefinitionError(fact_and_hint("load", fact, hint))
    return beside


def versions(name: str) -> list[str]:
    """Versions of a shipped instrument: the one that `load(name)` gives first, then the others.

    Parameters
    ----------
    name
        Name of a shipped instrument.

    Returns
    -------
    list of str
        Each is loaded as `load("name@version")`.

    Raises
    ------
    DefinitionError
        No such instrument is shipped.

    Examples
    --------
    >>> versions("dta")
    ['0.1.1', '0.1.0', '0.2.0']
    """
    first = str(read_yaml(_locate(name), "load")["version"])
    return [first, *sorted(file.parent.name for file in (LIBRARY / name).glob("*/instrument.yaml"))]


def _version(name: str) -> Path | None:
    """File of `name@version`; None where the name has no version."""
    base, at, version = name.partition("@")
    if not at or base not in available():
        return None
    known = versions(base)
    if version not in known:
        fact = f"instrument {base!r} is not shipped in version {version!r}."
        raise DefinitionError(fact_and_hint("load", fact, f"choose among {', '.join(known)}."))
    return LIBRARY / base / ("" if version == known[0] else version) / "instrument.yaml"


def templates() -> list[str]:
    """Names of the definition templates of published scales, without their wording.

    Returns
    -------
    list of str
        Names that `load` takes, such as `templates/dwai`. Copy the file and put the authors' wording in, with
        their permission.

    Examples
    --------
    >>> "templates/dwai" in templates()
    True
    """
    return sorted(f"templates/{file.stem}" for file in (LIBRARY / "templates").glob("*.yaml"))


def _template(name: str) -> Path | None:
    return LIBRARY / f"{name}.yaml" if name in templates() else None


def _locate(name: str | Path) -> Path:
    if (
        isinstance(name, str)
        and (shipped := LIBRARY / name / "instrument.yaml").is_file()
        and "/" not in name
    ):
        return shipped
    if isinstance(name, str) and (found := _template(name) or _version(name)) is not None:
        return found
    path = Path(name)
    if path.is_dir():
        path = path / "instrument.yaml"
    if not path.is_file():
        raise DefinitionError(
            fact_and_hint(
                "load",
                f"there is no instrument {str(name)!r}: neither shipped nor a file.",
                f"give the path of a YAML file, or one of: {name_offenders(available())}.",
            )
        )
    return path


def read_yaml(path: Path, caller: str) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Parameters
    ----------
    path
        The file.
    caller
        Public function named in a message.

    Returns
    -------
    dict
        The mapping.

    Raises
    ------
    DefinitionError
        The file cannot be read, is not UTF-8 or YAML, writes a key twice or is no mapping.
    """
    try:
        raw = pickle.loads(_parsed(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        fact = f"{path.name} cannot be read ({error.strerror})."
        raise DefinitionError(fact_and_hint(caller, fact, "check the path.")) from None
    except UnicodeDecodeError:
        fact = f"{path.name} is not UTF-8 text."
        raise DefinitionError(fact_and_hint(caller, fact, "save it as UTF-8.")) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        fact = f"{path.name} is not valid YAML{where}: {problem}."
        raise DefinitionError(
            fact_and_hint(caller, fact, "mend that line; texts with a colon need quotes.")
        ) from None
    except RecursionError:
        fact = f"{path.name} is nested too deeply."
        raise DefinitionError(fact_and_hint(caller, fact, "write it flat, as shipped ones are.")) from None
    except (ValueError, OverflowError, TypeError):
        fact = f"{path.name} holds a number or a date that there is not."
        raise DefinitionError(fact_and_hint(caller, fact, "put it in quotes, or mend it.")) from None
    _refuse_unfit(raw, path, caller)
    if not isinstance(raw, dict):
        fact = f"{path.name} holds no mapping at its top level."
        raise DefinitionError(
            fact_and_hint(caller, fact, "begin with 'schema: 1', then one 'entry: value' a line.")
        )
    return raw


@lru_cache(maxsize=16)
def _parsed(text: str) -> bytes:
    """What a text says, packed: reading YAML takes most of loading, and each caller gets its own copy."""
    return pickle.dumps(yaml.load(text, Loader=_StrictLoader))


def _refuse_unfit(raw: Any, path: Path, caller: str) -> None:
    """Refuse what reads as YAML and could not be kept: too deep, too large once written out, or no text."""
    fact, hint = "", "write it flat and in full, as shipped ones are."
    try:
        if _size_of(raw, {}, 0) > MOST_PARTS:
            fact = f"{path.name} holds more than {MOST_PARTS:,} entries once its aliases are written out."
    except RecursionError:
        fact = f"{path.name} is nested too deeply, or holds itself."
    if not fact and (where := unstorable_paths(raw, 5)):
        fact = f"{path.name} holds a NUL or half of a character at {name_offenders(where)}."
        hint = "write the character itself, and save the file as UTF-8."
    if fact:
        raise DefinitionError(fact_and_hint(caller, fact, hint))


def _size_of(part: Any, known: dict[int, int], depth: int) -> int:
    """Entries of a part with every alias written out; a part that holds itself is counted without end."""
    if not isinstance(part, (dict, list)):
        return 1
    if depth > DEEPEST:
        raise RecursionError
    if id(part) not in known:
        entries = list(part.values()) if isinstance(part, dict) else part
        known[id(part)] = 1 + sum(_size_of(entry, known, depth + 1) for entry in entries)
    return known[id(part)]


def _fill_wording(raw: dict[str, Any], path: Path) -> None:
    """Replace names of wording files by their content; the source language fills texts left out."""
    translations = raw.get("translations")
    if not isinstance(translations, dict):
        return
    for tag, value in list(translations.items()):
        if isinstance(value, str):
            translations[tag] = read_yaml(path.parent / value, "load")
    source = translations.pop(raw.get("language", "en"), None)
    if isinstance(source, Mapping):
        _fill_source(raw, source)


def _fill_source(raw: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key in ("title", "instructions", "time_frame", "notice"):
        if key in source:
            raw.setdefault(key, source[key])
    texts, titles, labels = (source.get(key) or {} for key in ("items", "themes", "options"))
    for theme in raw.get("themes") or []:
        if isinstance(theme, dict):
            _fill_missing(theme, "title", titles)
            for item in theme.get("items") or []:
                if isinstance(item, dict):
                    _fill_missing(item, "text", texts)
    for name, scale in (raw.get("response_scales") or {}).items():
        for option in [*_listed(scale, "options"), *_listed(scale, "outside")]:
            if isinstance(option, dict) and option.get("code") in (labels.get(name) or {}):
                option.setdefault("label", labels[name][option["code"]])


def _fill_missing(entry: dict[str, Any], key: str, texts: Mapping[str, Any]) -> None:
    if entry.get("id") in texts:
        entry.setdefault(key, texts[entry["id"]])


def _listed(scale: Any, key: str) -> list[Any]:
    value = scale.get(key) if isinstance(scale, dict) else None
    return value if isinstance(value, list) else []


def faults_of(error: ValidationError, model: type[BaseModel] | None = None) -> list[str]:
    """Put each fault of a failed validation into words, led by its path into the file.

    Parameters
    ----------
    error
        What pydantic raised.
    model
        What the file should be; with it an unknown key is told the nearest that is known there.

    Returns
    -------
    list of str
        Such as `themes[2].items[4].id: Field required`.
    """
    faults = []
    for fault in error.errors():
        path = ""
        for step in fault["loc"]:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "string_pattern_mismatch" and fault["loc"][-1] == "id":
            message = "must begin with a letter and hold only letters a–z, digits and _"
            message += "; what files call the item goes under `column`" if "items" in fault["loc"] else ""
        if fault["type"] == "extra_forbidden":
            near = None if model is None else nearest_key(model, fault["loc"])
            message = "is no known key" + (f"; did you mean {near!r}?" if near else "")
        faults.append(f"{path}: {message}" if path else message)
    return faults


def _faults_in_words(caller: str, path: Path, error: ValidationError) -> str:
    faults = faults_of(error, Instrument)
    shown = "\n".join(f"  {fault}" for fault in faults[:5])
    more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
    count = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}"
    hint = f"mend them; schema {SCHEMA_VERSION} is described in docs/instrument_files.md."
    return fact_and_hint(caller, f"{count} in {path.name}.\n{shown}{more}", hint)


def refuse_half_translations(
    scale: Instrument, caller: str, name: str, languages: list[str] | None = None
) -> None:
    """Refuse an instrument of which a translation lacks a text of the source, or labels two codes alike.

    Parameters
    ----------
    scale
        The instrument.
    caller, name
        Public function or command, and file, that the message names.
    languages
        Translations that have to be whole; all by default.

    Raises
    ------
    DefinitionError
        With the path of each such text.
    """
    if faults := [*texts_missing(scale, languages), *labels_doubled(scale, languages)]:
        shown = "\n".join(f"  {fault}" for fault in faults)
        count = f"{len(faults)} text{'s' if len(faults) != 1 else ''}"
        fact = f"{count} of {name} lack in a translation, or are doubled there.\n{shown}"
        hint = "translate each, or take the language out of the file."
        raise DefinitionError(fact_and_hint(caller, fact, hint))


def as_instrument(scale: object, caller: str) -> Instrument:
    """Give back an instrument, or say that it is none.

    Parameters
    ----------
    scale
        What a caller was given as the scale.
    caller
        Public function that the message names.

    Returns
    -------
    Instrument
        The same.

    Raises
    ------
    DefinitionError
        It is something else.
    """
    if not isinstance(scale, Instrument):
        fact = f"the scale is {kind_of(scale)}, not an instrument."
        raise DefinitionError(fact_and_hint(caller, fact, 'give instrument.load("dta"), or a file of yours.'))
    return scale
