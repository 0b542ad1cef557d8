"""Read a plan from YAML, and make it what a validation carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from analysis.planning.definition import DEFAULT, Plan
from instrument.errors import DefinitionError, fact_and_hint, kind_of
from instrument.loading import faults_of, read_yaml

if TYPE_CHECKING:
    from analysis.planning.sealing import Seal

CALLER = "plan"
PLANNED, BY_DEFAULT, OVERRIDDEN = "planned", "default", "overridden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A plan as it is carried out: what the file says, and what was said otherwise beside it.

    Attributes
    ----------
    plan
        What is done.
    written
        What the file says; every entry by default where there is none.
    file
        Path of the file, where there is one.
    overridden
        Entries that were given another value than the plan's, and where: "command line" or "call".
    half
        "exploration" or "confirmation" where the plan splits the people.
    seal
        What was sealed of the plan, where its file has a seal beside it.
    """

    plan: Plan = DEFAULT
    written: Plan = DEFAULT
    file: Path | None = None
    overridden: Mapping[str, str] = field(default_factory=dict)
    half: str | None = None
    seal: Seal | None = None

    @property
    def is_said(self) -> bool:
        """Whether there is anything to tell of a plan: a file or mapping, or entries only a plan has."""
        before = {"seed", "topics", "correlation", "smooth"}
        return self.written is not DEFAULT or self.half is not None or bool(set(self.overridden) - before)

    def origin(self, entry: str) -> str:
        """Say whether an entry is planned, by default, or overridden."""
        if entry in self.overridden:
            return OVERRIDDEN
        named = {"schema": "schema_version"}.get(entry, entry)
        return PLANNED if named in self.written.model_fields_set else BY_DEFAULT


def load_plan(path: str | Path) -> Plan:
    """Read a plan and check it whole.

    Parameters
    ----------
    path
        A YAML file; every entry may be left out.

    Returns
    -------
    Plan
        Frozen definition.

    Raises
    ------
    DefinitionError
        The file is absent, is not YAML, or says something impossible; each fault with its path, an unknown
        key with the nearest that is known.
    """
    file = Path(path)
    if not file.is_file():
        fact = f"there is no file {file.name}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give the path of a plan.yaml (dta plan new)."))
    return make_plan(read_yaml(file, CALLER), file.name)


def make_plan(raw: Mapping[str, Any], name: str = "plan.yaml") -> Plan:
    """Check a plan given as plain data.

    Parameters
    ----------
    raw
        What the YAML file would hold.
    name
        Named in messages.

    Returns
    -------
    Plan
        Frozen definition.

    Raises
    ------
    DefinitionError
        Something is unknown or impossible.
    """
    try:
        return Plan.model_validate(dict(raw))
    except ValidationError as error:
        faults = faults_of(error, Plan)
        shown = "\n".join(f"  {fault}" for fault in faults[:5])
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        fact = f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in {name}.\n{shown}{more}"
        raise DefinitionError(
            fact_and_hint(CALLER, fact, "mend them; docs/plan.md describes every entry.")
        ) from None


def settle(
    plan: Settled | Plan | Mapping[str, Any] | str | Path | None,
    overrides: Mapping[str, Any] | None = None,
    where: str = "call",
) -> Settled:
    """Give a plan as it is carried out.

    Parameters
    ----------
    plan
        A plan, its file, what the file would hold, or None for every default.
    overrides
        Entries given beside the plan; the same value as the plan's overrides nothing.
    where
        Where they were given, in words.

    Returns
    -------
    Settled
        Plan, and what is overridden.

    Raises
    ------
    DefinitionError
        The plan is none, or an entry takes no such value.
    """
    base = _base(plan)
    given = dict(overrides or {})
    if not given:
        return base
    before = base.plan.entries
    try:
        merged = Plan.model_validate({"schema": 1, **before, **given})
    except ValidationError as error:
        faults = "; ".join(faults_of(error, Plan)[:5])
        fact = f"the plan cannot be carried out with what was given beside it ({where}): {faults}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "docs/plan.md describes every entry.")) from None
    changed = {entry: where for entry in given if merged.entries[entry] != before[entry]}
    return Settled(
        plan=merged,
        written=base.written,
        file=base.file,
        overridden={**base.overridden, **changed},
        half=base.half,
        seal=base.seal,
    )


def _base(plan: Settled | Plan | Mapping[str, Any] | str | Path | None) -> Settled:
    if isinstance(plan, Settled):
        return plan
    if plan is None:
        return Settled()
    if isinstance(plan, Plan):
        return Settled(plan=plan, written=plan)
    if isinstance(plan, (str, Path)):
        from analysis.planning.sealing import read_seal, seal_path

        found, lock = load_plan(plan), seal_path(Path(plan))
        sealed = read_seal(lock) if lock.exists() else None
        return Settled(plan=found, written=found, file=Path(plan), seal=sealed)
    if isinstance(plan, Mapping):
        found = make_plan(plan, "plan")
        return Settled(plan=found, written=found)
    fact = f"a plan is needed, got {kind_of(plan)}."
    raise DefinitionError(fact_and_hint(CALLER, fact, "give a plan, its file or what it would hold."))


def content_of(settled: Settled) -> tuple[Path | None, str]:
    """Find the folder of work on content that a plan names, beside the file of the plan.

    Parameters
    ----------
    settled
        The plan.

    Returns
    -------
    tuple
        The folder, or None; and a sentence where one is named and not there, else nothing.
    """
    named = settled.plan.content
    if named is None:
        return None, ""
    if settled.file is not None and (folder := settled.file.parent / named).is_dir():
        return folder, ""
    return None, absent_content("plan", named)


def absent_content(what: str, named: str) -> str:
    """Say that a folder of work on content is not where a file of some kind names it."""
    return (
        f"the {what} names a folder of work on content, {named!r}, which is not beside its file: "
        "content validity is read without it"
    )
