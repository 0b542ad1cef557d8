"""The table of scores: how many wrong changes of each room turned a test red, before and after tests were added."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

EQUIVALENT = Path(__file__).parent / "equivalent.txt"
HEAD = """# Wrong changes made on purpose

`tests/mutation/mutate.py` changes one place of the code at a time and runs the tests that answer for it until one
fails; a change that they all pass survives. It makes two kinds of changes.

- **Drawn** (`--room NAME`, `--all`): one token or one call, by seed and name of the file: an edge, a sign, a factor, a
  constant, a condition, a join, a filter dropped. The fast tests that run the changed function, nearest first and up
  to {seconds:g} seconds of their own time, run on it.
- **By hand** (`--by-hand`): `tests/mutation/by_hand/` holds, by room, changes chosen for what they mean: a denominator after
  rows were dropped, degrees of freedom, a side of a test, days off by one, who is counted, which sentence is said.
  Each file names the tests that answer for it.

For changes by hand, *before* has the ledgers (`tests/ledger.py`) already, but not the tests they led to; for
adherence it is older than both.

*Equivalent* changes give the same values for every input that can occur; their reasons stand below. *Before* is the
same set of changes without the tests that this table led to; where a dash stands that was not run, and tests and changes
come from one reading of the code. Tests of servers, browsers, Spark and PostgreSQL and slow ones are not among those
run. Rooms of `by_hand/` without a row (planning, structural) are written and not run to the end yet. Of the store's
changes, five not killed before were answered by tests that had not been named for them. A row holds the last run of
its room with the default seed; other seeds draw other changes.
`python tests/mutation/mutate.py … --table docs/mutation.md` writes the rows of what it ran.

"""
COLUMNS = "| Room | Arguments | Changes | Killed before | Killed | Equivalent | Survived |\n|---|---|---:|---:|---:|---:|---:|\n"
SURVIVED = "\n## What survives\n\n"
SAME = "\n## What is equivalent\n\n"


def write_table(
    path: Path, room: str, results: list[dict[str, Any]], arguments: str, seconds: float, *, before: bool
) -> None:
    """Put the row of a room into the table, and the totals and lists anew."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows: dict[str, list[str]] = {}
    for line in text.partition(SURVIVED)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and cells[2].isdigit():
            rows[cells[0]] = cells[1:]
    lines = text.partition(SURVIVED)[2].partition(SAME)[0].splitlines()
    left = {line for line in lines if line.startswith("- ") and not line.startswith(f"- {room}: ")}
    ended = Counter(result["ended"] for result in results)
    killed = ended["killed"] + ended["never ended"]
    if before:
        old = rows.get(room, [f"`{arguments}`", str(ended.total()), "–", "–", "–", "–"])
        rows[room] = [*old[:2], str(killed), *old[3:]]
    else:
        known = rows[room][2] if room in rows else "–"
        now = [str(number) for number in (killed, ended["equivalent"], ended["survived"])]
        rows[room] = [f"`{arguments}`", str(ended.total()), known, *now]
        left |= {f"- {room}: `{r['name'].replace('|', '·')}`" for r in results if r["ended"] == "survived"}
    made = HEAD.format(seconds=seconds) + COLUMNS
    made += "".join(f"| {name} | {' | '.join(cells)} |\n" for name, cells in sorted(rows.items()))
    path.write_text(
        made + _totals(rows) + SURVIVED + _listed(sorted(left)) + SAME + _reasons(), encoding="utf-8"
    )


def _totals(rows: dict[str, list[str]]) -> str:
    whole = [
        cells for cells in rows.values() if all(cell.isdigit() for cell in (cells[3], cells[4], cells[5]))
    ]
    if not whole:
        return ""
    changes, killed, same, left = (sum(int(cells[k]) for cells in whole) for k in (1, 3, 4, 5))
    share = 100 * killed / max(killed + left, 1)
    rooms = "1 room" if len(whole) == 1 else f"{len(whole)} rooms"
    return (
        f"\n{changes} changes in {rooms}: {killed} killed, {same} equivalent, {left} survive; "
        f"{share:.0f} % of those that are not equivalent are killed.\n"
    )


def _listed(lines: list[str]) -> str:
    return "\n".join(lines) + "\n" if lines else "Nothing.\n"


def _reasons() -> str:
    found = []
    for line in EQUIVALENT.read_text(encoding="utf-8").splitlines():
        name, _, reason = line.partition("  #")
        if reason and not line.startswith("#"):
            found.append(f"- `{name.strip().replace('|', '·')}`:{reason}")
    return _listed(found)
