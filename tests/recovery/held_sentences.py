"""Every sentence on later use for one study of each population: `python -m tests.recovery.held_sentences`.

Writes docs/methods/tables/held_sentences.csv: what is said first and the claims told of ends; `faults` counts what the
population does not hold: an association called supported where the rating does nothing, a cause told as shown, or
a place that was not filled.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from analysis.adherence.models.context import REMAINING
from analysis.adherence.relate_adherence import relate_adherence
from analysis.adherence.result import AdherenceResult
from analysis.pipeline.topics.adherence import _counts, _main, _naive, _prose
from analysis.pipeline.topics.adherence_claims import CAUSE, claim_of
from analysis.pipeline.topics.adherence_ends import ends_of
from analysis.pipeline.topics.adherence_unanswered import unanswered_of
from instrument.common.formatting import fill_prose
from tests.recovery.held_populations import POPULATIONS, Held
from tests.recovery.held_recovery import batch, truth

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "held_sentences.csv"
TITLES = {"total": "Total"}
LARGEST = 1000
# Words that tell a cause as shown. Sentences that say that it is not shown hold some of them.
CAUSAL = re.compile(
    r"\b(keeps?|causes|caused by|leads? to|results? in|prevents?|proves|is proof|has an effect|improves|"
    r"makes people|because of (?:the )?alliance)\b"
)
DENIED = ("is not shown by these data either way", "not proof that", "can then look as if")


def study_of(held: Held, seed: int) -> AdherenceResult:
    """All models of one study."""
    drawn, usage, plan = batch(held, np.random.SeedSequence(seed), 1)
    ids = usage.people["participant"]
    scores = pd.DataFrame({"participant": ids, "wave": "1", "total": drawn.score}).dropna()
    side = pd.DataFrame({"participant": ids, **drawn.covariates})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return relate_adherence(scores, usage, plan, covariates=side, predictors=["total"])


def said(found: AdherenceResult) -> list[str]:
    """Sentences as a reader sees them, the first claim first."""
    main = found.effects[found.effects["model"] == REMAINING].set_index("predictor")
    values: dict[str, Any] = {**_counts(found), **_main(main, "total", TITLES), **_naive(found)}
    parts = [claim_of(found, "total", TITLES), unanswered_of(found, "total", TITLES)]
    parts.append(ends_of(found, "total", TITLES))
    lines = [fill_prose(line, part.values) for part in parts for line in part.sentences]
    return lines + [fill_prose(line, values) for line in _prose(values, found)]


def faults_of(name: str, lines: list[str], nothing: bool) -> list[str]:
    """What these sentences claim that the population does not hold."""
    faults = [
        f"a place was not filled: {line}" for line in lines if "{" in line or re.search(r"\bnan\b", line)
    ]
    for line in lines:
        if CAUSAL.search(line) and not any(words in line for words in DENIED):
            faults.append(f"a cause is told: {line}")
        if nothing and ": supported" in line:
            faults.append(f"supported: {line}")
    if lines[0].startswith(("That", "Whether")) and lines[1] != CAUSE:
        faults.append("the claim stands without what it does not show")
    return faults


def row_of(name: str, seed: int = 3) -> dict[str, Any]:
    """One study of a population: claim, doubts, sentences and faults."""
    held = POPULATIONS[name]
    found = study_of(held, seed)
    lines = said(found)
    does = truth(name)
    faults = faults_of(name, lines, nothing=does == 0)
    standing = found.standing.iloc[0] if len(found.standing) else {"claim": "", "doubts": ""}
    return {
        "population": name,
        "does_something": bool(does != 0),
        "claim": standing["claim"],
        "doubts": standing["doubts"],
        "sentences": len(lines),
        "faults": len(faults),
        "first": lines[0],
        "told": " | ".join(faults),
    }


def main() -> None:
    rows = pd.read_csv(TABLE).to_dict("records") if TABLE.exists() else []
    done = {row["population"] for row in rows}
    with threadpool_limits(1):
        for name, held in POPULATIONS.items():
            if held.n > LARGEST or name in done:
                continue
            rows.append(row_of(name))
            print(rows[-1]["faults"], rows[-1]["claim"], name, rows[-1]["told"][:300], flush=True)
            pd.DataFrame(rows).to_csv(TABLE, index=False)


if __name__ == "__main__":
    main()
