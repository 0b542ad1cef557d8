"""Run the report's first model on populations in which such studies go wrong.

`python -m tests.recovery.held_recovery [--replications N] [--only TEXT] [--missing]` writes
docs/methods/tables/held_populations.csv after each population, whose rows are replaced. With `--missing` only
populations are run that rest on fewer studies yet, so that a run that was ended goes on where it stood.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from analysis.adherence.claims.claims import Claim, Doubt
from analysis.adherence.design.ends import SPECIFIC, End
from analysis.adherence.design.landmark import assemble
from analysis.adherence.latent.attenuation import corrected_slope
from analysis.adherence.models import run as m
from analysis.adherence.models.context import HAZARD, REMAINING
from analysis.adherence.models.run import ModelRun
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import NotEstimableError
from instrument.study import Study, as_study
from tests.recovery import (  # noqa: F401  each adds its populations
    held_controls,
    held_doubts,
    held_inventions,
    held_logs,
    held_outsiders,
    held_signs,
    held_starts,
    held_strangers,
)
from tests.recovery.held_populations import POPULATIONS, Drawn, Held, base_study, logs

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "held_populations.csv"
SEED, PEOPLE_PER_BATCH, MANY = 20_261_129, 15_000, 200_000
MODELS = (REMAINING, m.COUNT)
CORRECTED = "corrected for unreliability"


def batch(held: Held, seed: np.random.SeedSequence, studies: int) -> tuple[Drawn, UsageSummary, Study]:
    """Draw studies at once and read their log in one pass."""
    rng = np.random.default_rng(seed)
    study = np.repeat(np.arange(studies), held.n)
    drawn = held.draw(rng, studies * held.n, study)
    events = logs(drawn, rng)
    people = pd.DataFrame({"participant": np.arange(len(study)), **drawn.enrolment})
    plan = as_study(base_study(**held.study))
    return drawn, summarise_usage(events, plan, participants=people), plan


def one(
    drawn: Drawn, usage: UsageSummary, plan: Study, rows: slice, models: tuple[str, ...] = MODELS
) -> ModelRun:
    """Analyse one of the studies."""
    people = usage.people.iloc[rows].reset_index(drop=True)
    ids = people["participant"]
    mine = UsageSummary(
        people=people, retention=usage.retention, counts=usage.counts, rule=usage.rule, notes=[]
    )
    scores = pd.DataFrame({"participant": ids, "wave": "1", "total": drawn.score[rows]})
    scores = scores.dropna()
    side = pd.DataFrame({"participant": ids, **{k: v[rows] for k, v in drawn.covariates.items()}})
    design = assemble(scores, mine, plan, None, side, ["total"], None, "1", plan.cluster)
    return ModelRun(design, "total", 0.95, None).run(models)


def replicate(name: str, replications: int, chunk: int = 0, models: tuple[str, ...] = MODELS) -> pd.DataFrame:
    held = POPULATIONS[name]
    if "recovery ends" in name:
        models = (*models, HAZARD, m.ENDS)
    per = max(1, PEOPLE_PER_BATCH // held.n)
    root = np.random.SeedSequence([SEED, chunk, list(POPULATIONS).index(name)])
    lines = []
    done = 0
    with threadpool_limits(1):
        for seed in root.spawn(-(-replications // per)):
            k = min(per, replications - done)
            drawn, usage, plan = batch(held, seed, k)
            for j in range(k):
                rows = slice(j * held.n, (j + 1) * held.n)
                lines += _lines(drawn, usage, plan, rows, done + j, models)
            done += k
    return pd.DataFrame(lines)


def _lines(
    drawn: Drawn, usage: UsageSummary, plan: Study, rows: slice, number: int, models: tuple[str, ...]
) -> list[dict[str, Any]]:
    try:
        run = one(drawn, usage, plan, rows, models)
    except NotEstimableError as error:
        return [{"replication": number, "model": REMAINING, "failed": str(error).split("\n")[0]}]
    keep = ("model", "n", "coefficient", "se", "pvalue", "effect", "effect_lower", "effect_upper")
    out: list[dict[str, Any]] = [
        {"replication": number, "failed": "", **{key: row.get(key) for key in keep}} for row in run.effects
    ]
    if out and run.standing is not None:
        out[0]["claim"] = str(run.standing.claim)
        out[0]["doubts"] = ", ".join(run.standing.doubts)
    for row in [] if run.ends is None else run.ends.to_dict("records"):
        same = {key: row[key] for key in ("n", "coefficient", "se", "pvalue", "claim")}
        out.append({"replication": number, "failed": "", "model": f"{row['model']}, {row['end']}", **same})
    if drawn.parts is not None:
        out.append({"replication": number, "failed": "", "model": CORRECTED, **_corrected(run, drawn, rows)})
    return out + [
        {"replication": number, "model": row["model"], "failed": row["reason"]} for row in run.failed
    ]


def _corrected(run: ModelRun, drawn: Drawn, rows: slice) -> dict[str, Any]:
    """The slope on what the score measures, per standard deviation of that."""
    frame = run._design.frame
    assert drawn.parts is not None
    place = frame["participant"].astype(int).to_numpy()
    share = (frame["done"] / frame["due"] * run._design.due).to_numpy(dtype=float)
    adjusters = frame[run._design.adjusters].to_numpy(dtype=float)
    fit = corrected_slope(drawn.score[place], drawn.parts[place], share, adjusters)
    return {
        "n": fit.n,
        "effect": fit.estimate,
        "se": fit.se,
        "pvalue": float(2 * stats.norm.sf(abs(fit.estimate / fit.se))),
        "effect_lower": fit.estimate - 1.96 * fit.se,
        "effect_upper": fit.estimate + 1.96 * fit.se,
    }


def truth(name: str, model: str = REMAINING) -> float:
    """Units done per standard deviation of the score among those analysed, read off many people."""
    held = POPULATIONS[name]
    rng = np.random.default_rng(1)
    drawn = held.draw(rng, MANY, np.zeros(MANY, dtype=int))
    if drawn.slope is None:
        return 0.0
    rated = np.isfinite(drawn.score)
    if model == CORRECTED and drawn.latent_slope is not None:
        return float(drawn.latent_slope.mean())
    return float(drawn.slope[rated].mean() * drawn.score[rated].std())


def table(name: str, lines: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for model, mine in lines.groupby("model", sort=False):
        true, in_units = truth(name, model), model in (REMAINING, CORRECTED)
        good = mine[mine["failed"] == ""]
        if "recovery ends" in name and model != f"{SPECIFIC}, {End.LEFT.words}":
            true = np.nan  # not nothing: the rating brings recovery, and recovery ends use
        low, high, effect = (good[c].astype(float) for c in ("effect_lower", "effect_upper", "effect"))
        rows.append(
            {
                "population": name,
                "n": POPULATIONS[name].n,
                "model": model,
                "truth": true if in_units or true == 0 else np.nan,
                "mean": effect.mean(),
                "sd": effect.std(),
                "mean_se": ((high - low) / 3.92).mean(),
                "coverage": ((low <= true) & (true <= high)).mean()
                if in_units and np.isfinite(true)
                else np.nan,
                "rejected": (good["pvalue"].astype(float) < 0.05).mean(),
                **_claims(good if model == REMAINING or "reason" in model or "better" in model else good[:0]),
                "replications": len(good),
                "failed": int((mine["failed"] != "").sum()),
                "models": "today",
            }
        )
    return pd.DataFrame(rows)


def _claims(good: pd.DataFrame) -> dict[str, float]:
    """Shares of studies in which the claim is supported, not found, or cannot be told."""
    names = {"supported": Claim.SUPPORTED, "not_found": Claim.NOT_FOUND, "untold": Claim.UNTOLD}
    if not len(good) or "claim" not in good:
        return dict.fromkeys([*names, "no_control"], np.nan)
    shares = {column: float((good["claim"] == str(claim)).mean()) for column, claim in names.items()}
    # every other doubt is answered: only negative controls are missing
    lacking = float("nan")
    if "doubts" in good:
        named = good["doubts"].fillna("")
        lacking = (named.map(_only_lacking) & (good["claim"] == str(Claim.UNTOLD))).mean()
    return {**shares, "no_control": float(lacking)}


def _only_lacking(doubts: str) -> bool:
    return all(Doubt(name).lacking for name in doubts.split(", ") if name)


def done_for(name: str) -> int:
    """Studies that the row of the report's first model rests on in the table, failures among them."""
    if not TABLE.exists():
        return 0
    rows = pd.read_csv(TABLE)
    mine = rows[(rows["population"] == name) & (rows["model"] == REMAINING)]
    return int(mine[["replications", "failed"]].sum(axis=1).max()) if len(mine) else 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--only", default="")
    parser.add_argument("--first", action="store_true", help="the report's first model only")
    parser.add_argument("--large", type=int, default=None, help="replications where a study has 5,000 people")
    parser.add_argument("--missing", action="store_true", help="only what rests on fewer studies yet")
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    for name in [name for name in POPULATIONS if given.only in name]:
        large = given.large is not None and POPULATIONS[name].n >= 5000
        number = given.large if large else given.replications
        if given.missing and done_for(name) >= number:
            continue
        lines = replicate(name, number, models=MODELS[:1] if given.first else MODELS)
        found = table(name, lines)
        print(
            found.drop(columns="population")
            .assign(p=name[:40])
            .round(3)
            .to_string(index=False, header=name == next(iter(POPULATIONS))),
            flush=True,
        )
        if not given.dry:
            old = pd.read_csv(TABLE) if TABLE.exists() else found.iloc[:0]
            kept = old[old["population"] != name]
            whole = pd.concat([kept, found]) if len(kept) else found
            order = {population: k for k, population in enumerate(POPULATIONS)}
            whole = whole.sort_values("population", key=lambda c: c.map(order), kind="stable")
            whole.to_csv(TABLE, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
