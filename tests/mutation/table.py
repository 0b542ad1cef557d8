"""The table of scores: how many wrong changes of each file turned a test red."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

HEAD = """# Wrong changes made on purpose

`python tests/mutation/mutate.py --all --table docs/mutation.md` writes this table. From every file of a room of
`tests/mutation/rooms.yaml` it draws single-token changes (an edge, a sign, a factor, a constant, a condition, a
join, a filter dropped), by seed and name of the file, each on another line while lines last. The fast tests that run
the changed function, nearest first and up to {seconds:g} seconds of their own time, run on the change until one
fails. *Equivalent* changes give the same values for every input, with the reason in
`tests/mutation/equivalent.txt`. Tests of servers, browsers, Spark and PostgreSQL, and slow ones, are not among those
run. A row holds the last run of its file; other seeds draw other changes.

"""
COLUMNS = "| Room | File | Made | Killed | Equivalent | Survived |\n|---|---|---:|---:|---:|---:|\n"


def write_table(path: Path, room: str, results: list[dict[str, Any]], seconds: float) -> None:
    """Put the rows of a room into the table, and the totals anew."""
    rows: dict[tuple[str, str], list[int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[2].isdigit():
            rows[cells[0], cells[1].strip("`")] = [int(cell) for cell in cells[2:]]
    for file in dict.fromkeys(result["file"] for result in results):
        ended = Counter(result["ended"] for result in results if result["file"] == file)
        killed = ended["killed"] + ended["never ended"]
        rows[room, file] = [ended.total(), killed, ended["equivalent"], ended["survived"]]
    text = HEAD.format(seconds=seconds) + COLUMNS
    for (name, file), numbers in sorted(rows.items()):
        text += f"| {name} | `{file}` | {' | '.join(str(number) for number in numbers)} |\n"
    made, killed, same, left = (sum(column) for column in zip(*rows.values(), strict=True))
    share = 100 * killed / max(killed + left, 1)
    text += (
        f"\n{made} changes in {len(rows)} files: {killed} killed, {same} equivalent, {left} survived; "
        f"{share:.0f} % of those that are not equivalent were killed.\n"
    )
    path.write_text(text, encoding="utf-8")
