"""The seal of a plan: each entry hangs on the one before, and no entry can go, move or change unseen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from analysis.planning.loading import make_plan, settle
from analysis.planning.sealing import AMENDED, LOCKED, read_seal, seal, seal_path
from instrument.errors import DefinitionError
from instrument.loading import load

NOON = datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))  # noon in UTC
SCALE, OTHER = load("dta@0.1.1"), load("dta@0.2.0")


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A lock and two amendments."""
    plan = tmp_path / "plan.yaml"
    seal(plan, make_plan({"schema": 1, "seed": 1}, "t"), [("scale", SCALE)], now=NOON)
    for seed in (2, 3):
        seal(plan, make_plan({"schema": 1, "seed": seed}, "t"), [("scale", SCALE)], reason="why", now=NOON)
    return plan


def entries(plan: Path) -> list[dict[str, str]]:
    return list(json.loads(seal_path(plan).read_text("utf-8"))["entries"])


def rewritten(plan: Path, rows: list[dict[str, str]]) -> Path:
    path = seal_path(plan)
    path.write_text(json.dumps({"what": "x", "schema": 1, "entries": rows}), "utf-8")
    return path


def hashed(body: dict[str, Any]) -> dict[str, str]:
    text = json.dumps(body)
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "body": text}


def test_every_entry_names_the_hash_of_the_one_before_and_its_time_in_utc(chain: Path) -> None:
    first, second, third = read_seal(seal_path(chain)).sealings
    assert (first.previous, second.previous, third.previous) == ("", first.digest, second.digest)
    assert [one.kind for one in (first, second, third)] == [LOCKED, AMENDED, AMENDED]
    assert {one.at for one in (first, second, third)} == {"2026-03-01T12:00:00Z"}
    for row, one in zip(entries(chain), (first, second, third), strict=True):
        assert hashlib.sha256(row["body"].encode()).hexdigest() == row["sha256"] == one.digest


@pytest.mark.parametrize("kept", [[0, 2], [1, 2], [0, 2, 1], [1], [0, 1, 1], [2, 1, 0]])
def test_entries_cannot_be_left_out_moved_or_doubled(chain: Path, kept: list[int]) -> None:
    rows = entries(chain)
    with pytest.raises(DefinitionError, match="altered"):
        read_seal(rewritten(chain, [rows[k] for k in kept]))


def test_an_entry_with_another_text_or_another_kind_is_found(chain: Path) -> None:
    rows = entries(chain)
    body = json.loads(rows[0]["body"])
    changed = {**rows[0], "body": json.dumps({**body, "reason": "another"})}
    with pytest.raises(DefinitionError, match="entry 1 of 3"):
        read_seal(rewritten(chain, [changed, *rows[1:]]))
    # whoever hashes anew still leaves a first entry that is no lock, or a lock that is not the first
    with pytest.raises(DefinitionError, match="entry 1 of 1"):
        read_seal(rewritten(chain, [hashed({**body, "kind": AMENDED})]))
    second = json.loads(rows[1]["body"])
    with pytest.raises(DefinitionError, match="entry 2 of 2"):
        read_seal(rewritten(chain, [rows[0], hashed({**second, "kind": LOCKED})]))
    with pytest.raises(DefinitionError, match="entry 2 of 2"):
        read_seal(rewritten(chain, [rows[0], hashed({**second, "previous": "0" * 64})]))
    assert len(read_seal(rewritten(chain, [rows[0], hashed(second)])).sealings) == 2


def test_an_amendment_changes_plan_or_instrument(chain: Path) -> None:
    same = make_plan({"schema": 1, "seed": 3}, "t")
    with pytest.raises(DefinitionError, match="neither plan nor instrument differs"):
        seal(chain, same, [("scale", SCALE)], reason="why")
    seal(chain, same, [("scale", OTHER)], reason="another version")
    last = read_seal(seal_path(chain)).last
    assert last.instruments["dta"]["hash"] == OTHER.content_hash != SCALE.content_hash


def test_what_was_said_beside_a_settled_plan_is_kept_when_more_is_said() -> None:
    first = settle({"schema": 1, "split": {"seed": 4}}, {"seed": 5}, where="command line")
    first = replace(first, half="exploration")
    second = settle(first, {"topics": ["items"]}, where="call")
    assert second.overridden == {"seed": "command line", "topics": "call"}
    assert (second.half, second.plan.seed) == ("exploration", 5)
