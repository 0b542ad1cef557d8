"""Time and memory of scoring a million administrations of forty items; run it as a program.

python tests/benchmarks/bench_scoring.py [ROWS]

The limits are 5 seconds and 2 GB for a million rows. The answers are made here: 5 % skipped and 2 % "does
not apply", each with its reason, over four waves. The peak is that of the whole process, the table of
answers included.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.reading.raw import ReasonTable
from instrument.scoring.score import score

SECONDS, GIGABYTES = 5.0, 2.0


def make_scale() -> Instrument:
    """Five themes of eight five-point items, some reversed."""
    themes = [
        {
            "id": f"theme{t}",
            "title": f"Theme {t}",
            "role": "context" if t == 5 else "dimension",
            "items": [{"id": f"i{t}_{k}", "text": "I answer.", "reverse": k == 8} for k in range(1, 9)],
        }
        for t in range(1, 6)
    ]
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "bench",
            "version": "1",
            "title": "Bench",
            "response_scales": {"five": {"options": {code: f"option {code}" for code in range(1, 6)}}},
            "missing_codes": {"skipped": 97, "not_applicable": 98},
            "themes": themes,
        }
    )


def make_answers(scale: Instrument, n_rows: int, seed: int = 1) -> pd.DataFrame:
    """Checked wide frame with its reasons."""
    rng = np.random.default_rng(seed)
    people = np.arange(n_rows) // 4
    columns: dict[str, object] = {
        "participant": pd.Series(people).map("p{:07d}".format).astype(str),
        "wave": np.arange(n_rows) % 4 + 1,
    }
    parts = []
    for item in scale.item_ids:
        fate = rng.random(n_rows)
        missing = fate < 0.07
        columns[item] = pd.arrays.IntegerArray(rng.integers(1, 6, n_rows), missing)
        rows = np.flatnonzero(missing)
        parts.append((rows, item, np.where(fate[rows] < 0.02, "not_applicable", "skipped")))
    frame = pd.DataFrame(columns)
    frame.attrs["reasons"] = ReasonTable(
        pd.concat(
            [
                frame.loc[rows, ["participant", "wave"]].assign(item=item, reason=reason)
                for rows, item, reason in parts
            ],
            ignore_index=True,
        )
    )
    return frame


def main(n_rows: int = 1_000_000) -> int:
    """Score once, print the figures, and fail when a limit is passed."""
    scale = make_scale()
    answers = make_answers(scale, n_rows)
    start = time.perf_counter()
    card = score(answers, scale)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    scored = int(card.scores["total"].notna().sum())
    print(
        f"{n_rows} rows × {len(scale.item_ids)} items: {seconds:.2f} s, peak {peak:.2f} GB, totals {scored}"
    )
    return int(n_rows <= 1_000_000 and (seconds > SECONDS or peak > GIGABYTES))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
