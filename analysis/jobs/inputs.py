"""Which file is which: the names that files beside the answers go by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from analysis.jobs.record import JobError
from instrument.errors import fact_and_hint, name_offenders

ROLES = {
    "usage": "usage",
    "outcomes": "outcomes",
    "covariates": "covariates",
    "study": "study",
    "times": "times",
    "administrations": "times",
    "enrolment": "enrolment",
    "audit": "audit",
    "plan": "plan",
    "plan.lock": "seal",
}
ANSWERS = ("responses", "answers")
TABLES = (".csv", ".tsv", ".parquet")
ANSWER_FILES = (*TABLES, ".xlsx", ".sav", ".zsav")
DEFINITIONS = (".yaml", ".yml")
FORMS = {"study": DEFINITIONS, "plan": DEFINITIONS, "seal": (".json",)}
"""How the files end that are no tables."""


def roles_of(names: Iterable[str]) -> dict[str, str]:
    """Say what each file beside the answers is.

    Parameters
    ----------
    names
        File names.

    Returns
    -------
    dict
        Role to name.

    Raises
    ------
    JobError
        A name is unknown, or two files have one role.

    Examples
    --------
    >>> roles_of(["usage.csv", "administrations.csv"])
    {'usage': 'usage.csv', 'times': 'administrations.csv'}
    """
    listed = list(names)
    found: dict[str, str] = {}
    unknown = []
    for name in listed:
        role = _role(name)
        if role is None:
            unknown.append(name)
        elif role in found:
            fact = f"{found[role]!r} and {name!r} are both taken for {role}."
            raise JobError(fact_and_hint("validate", fact, "give one of them."))
        else:
            found[role] = name
    if unknown:
        fact = f"{len(unknown)} file(s) go by no known name: {name_offenders(unknown)}."
        raise JobError(
            fact_and_hint("validate", fact, f"name them {', '.join(ROLES)} (study and plan are YAML files).")
        )
    return found


def declared(folder: Path) -> dict[str, str]:
    """Find the files of a study in a folder that the operator named; others are passed over.

    Parameters
    ----------
    folder
        Such as the example's: `responses.csv`, `usage.csv`, `study.yaml`, and so on; `instrument.yaml`
        when the instrument is not a shipped one.

    Returns
    -------
    dict
        Role to path, with `responses`, and `instrument` where there is one.

    Raises
    ------
    JobError
        There is no such folder, or it has no or several files of answers.
    """
    if not folder.is_dir():
        fact = f"the declared folder {folder.name!r} is not there."
        raise JobError(fact_and_hint("validate", fact, "mend DTA_INPUTS."))
    files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    answers = [file for file in files if file.stem in ANSWERS and file.suffix.lower() in ANSWER_FILES]
    if len(answers) != 1:
        fact = f"the declared folder {folder.name!r} has {len(answers)} files of answers (responses.csv)."
        raise JobError(fact_and_hint("validate", fact, "keep one of them there."))
    found = {role: str(folder / name) for role, name in roles_of(_known(files)).items()}
    own = folder / "instrument.yaml"
    return {"responses": str(answers[0]), **found, **({"instrument": str(own)} if own.is_file() else {})}


def _known(files: Iterable[Path]) -> list[str]:
    return [file.name for file in files if _role(file.name) is not None]


def _role(name: str) -> str | None:
    path = PurePosixPath(name.lower())
    role = ROLES.get(path.stem)
    return role if role is not None and path.suffix in FORMS.get(role, TABLES) else None
