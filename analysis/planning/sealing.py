"""The seal of a plan: hashes of plan and instruments with the time, and amendments with their reasons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.planning.definition import Plan, Split
from analysis.planning.differences import Difference, differences
from analysis.planning.loading import make_plan
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint

WHAT = "dta plan lock"
LOCKED, AMENDED = "lock", "amendment"
CALLER = "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """One entry of a seal.

    Attributes
    ----------
    kind
        "lock" for the first, "amendment" for every later one.
    at
        Time in UTC, by the clock of the machine that sealed.
    reason
        Of an amendment.
    plan
        The whole plan, every default written out.
    instruments
        Id to role ("scale" or "measure"), hash and content of each instrument.
    previous, digest
        SHA-256 of the entry before and of this one.
    """

    kind: str
    at: str
    reason: str
    plan: Mapping[str, Any]
    instruments: Mapping[str, Mapping[str, Any]]
    previous: str
    digest: str

    @property
    def entries(self) -> dict[str, Any]:
        """Entries of the plan, as `Plan.entries` gives them."""
        return make_plan(self.plan, "the seal").entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What was sealed, from the first time on."""

    sealings: tuple[Sealing, ...]

    @property
    def last(self) -> Sealing:
        """What holds now."""
        return self.sealings[-1]

    @property
    def amendments(self) -> list[tuple[Sealing, list[Difference]]]:
        """Every amendment with what it changed of plan and instruments."""
        pairs = zip(self.sealings, self.sealings[1:], strict=False)
        return [(later, sealed_differences(earlier, later)) for earlier, later in pairs]


def sealed_differences(before: Sealing, after: Sealing) -> list[Difference]:
    """What of plan and instruments differs between two entries of a seal."""
    return [
        *differences(before.entries, after.entries),
        *differences(_contents(before.instruments), _contents(after.instruments)),
    ]


def _contents(instruments: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"instrument {name}": said["content"] for name, said in instruments.items()}


def seal_path(plan_file: Path) -> Path:
    """Where the seal of a plan lies: `plan.lock.json` beside `plan.yaml`."""
    return plan_file.with_name(f"{plan_file.stem}.lock.json")


def write_page(plan_file: Path) -> Path:
    """Write the page on which a seal is verified beside it; it loads nothing and sends nothing.

    Parameters
    ----------
    plan_file
        The file of the plan.

    Returns
    -------
    pathlib.Path
        `plan.verify.html`.
    """
    page = plan_file.with_name(f"{plan_file.stem}.verify.html")
    page.write_text((Path(__file__).parent / "verify.html").read_text(encoding="utf-8"), encoding="utf-8")
    return page


def keep_split(plan_file: Path, split: Split) -> None:
    """Keep the split that was first used beside the plan, and refuse another one later.

    Parameters
    ----------
    plan_file
        The file of the plan.
    split
        Seed and share.

    Raises
    ------
    DefinitionError
        People were split otherwise before: a second draw would let the second half be looked at.
    """
    path = plan_file.with_name(f"{plan_file.stem}.split.json")
    said = split.model_dump(mode="json")
    try:
        if not path.exists():
            path.write_text(json.dumps(said) + "\n", encoding="utf-8")
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fact = f"{path.name} cannot be kept ({type(error).__name__})."
        raise DefinitionError(fact_and_hint(CALLER, fact, "check the folder of the plan.")) from None
    if known != said:
        fact = f"people were split before by seed {known.get('seed')}, as {path.name} says."
        raise DefinitionError(fact_and_hint(CALLER, fact, "keep that split: the halves are drawn once."))


def canonical(instruments: Sequence[tuple[str, Instrument]]) -> dict[str, dict[str, Any]]:
    """Give the sealed form of instruments: role, hash and content by id."""
    return {
        scale.id: {"role": role, "hash": scale.content_hash, "content": scale.content}
        for role, scale in instruments
    }


def read_seal(path: Path) -> Seal:
    """Read a seal and verify its chain.

    Parameters
    ----------
    path
        `plan.lock.json`.

    Returns
    -------
    Seal
        Every entry.

    Raises
    ------
    DefinitionError
        The file cannot be read, an entry does not have its hash, or the chain is broken.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        rows = [(row["body"], row["sha256"]) for row in raw["entries"]]
        found = [_sealing(body, digest) for body, digest in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        fact = f"{path.name} is no seal of a plan ({type(error).__name__})."
        raise DefinitionError(
            fact_and_hint(CALLER, fact, "take the file that dta plan lock wrote.")
        ) from None
    before = ""
    for place, (sealing, (body, _)) in enumerate(zip(found, rows, strict=True), start=1):
        whole = hashlib.sha256(body.encode()).hexdigest() == sealing.digest
        if not whole or sealing.previous != before or (sealing.kind == LOCKED) != (place == 1):
            fact = f"{path.name} was altered: entry {place} of {len(found)} does not have its hash."
            raise DefinitionError(fact_and_hint(CALLER, fact, "take the file as dta plan lock wrote it."))
        before = sealing.digest
    if not found:
        fact = f"{path.name} holds no entry."
        raise DefinitionError(fact_and_hint(CALLER, fact, "take the file that dta plan lock wrote."))
    return Seal(sealings=tuple(found))


def _sealing(body: str, digest: str) -> Sealing:
    said = json.loads(body)
    return Sealing(
        kind=str(said["kind"]),
        at=str(said["at"]),
        reason=str(said["reason"]),
        plan=dict(said["plan"]),
        instruments=dict(said["instruments"]),
        previous=str(said["previous"]),
        digest=str(digest),
    )


def seal(
    plan_file: Path,
    plan: Plan,
    instruments: Sequence[tuple[str, Instrument]],
    *,
    files: Sequence[Path] = (),
    reason: str = "",
    now: datetime | None = None,
) -> Sealing:
    """Seal a plan, or append an amendment to its seal.

    Parameters
    ----------
    plan_file
        The file of the plan; its seal lies beside it.
    plan
        What it holds.
    instruments
        Role ("scale" or "measure") and instrument of each questionnaire.
    files
        Files whose bytes are hashed, too, so that they can be compared without this toolkit.
    reason
        Why the plan changes; needed where there is a seal, and refused where there is none.
    now
        Time, by default that of the machine.

    Returns
    -------
    Sealing
        The new entry.

    Raises
    ------
    DefinitionError
        There is a seal and no reason, a reason and no seal, or nothing changed.
    ResponseDataError
        The seal cannot be written.
    """
    path = seal_path(plan_file)
    rows: list[dict[str, str]] = []
    before = ""
    sealed = canonical(instruments)
    if path.exists():
        known = read_seal(path)
        if not reason.strip():
            fact = f"the plan was locked on {known.last.at}."
            raise DefinitionError(fact_and_hint(CALLER, fact, "amend it with a reason that says why."))
        if known.last.plan == json.loads(plan.to_json()) and known.last.instruments == sealed:
            fact = "neither plan nor instrument differs from what is sealed."
            raise DefinitionError(fact_and_hint(CALLER, fact, "change the plan first, then amend its seal."))
        rows = list(json.loads(path.read_text(encoding="utf-8"))["entries"])
        before = known.last.digest
    elif reason.strip():
        fact = "there is no seal to amend."
        raise DefinitionError(fact_and_hint(CALLER, fact, "lock the plan first, without a reason."))
    names = [file.name for file in files]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        fact = f"two of the files are called {doubled[0]!r}."
        raise DefinitionError(
            fact_and_hint(CALLER, fact, "give them names of their own: they are verified by name.")
        )
    body = json.dumps(
        {
            "kind": AMENDED if rows else LOCKED,
            "at": (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "reason": reason.strip(),
            "previous": before,
            "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
            "plan": json.loads(plan.to_json()),
            "instruments": sealed,
        },
        ensure_ascii=False,
    )
    rows.append({"sha256": hashlib.sha256(body.encode()).hexdigest(), "body": body})
    text = json.dumps({"what": WHAT, "schema": 1, "entries": rows}, ensure_ascii=False, indent=1)
    try:
        scratch = path.with_name(f".{path.name}.new")
        scratch.write_text(text + "\n", encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        fact = f"{path.name} cannot be written ({error.strerror})."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "check the folder.")) from None
    return _sealing(body, rows[-1]["sha256"])
