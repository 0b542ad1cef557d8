"""What the usual analysis would say: total use on a rating of those still there, beside the landmark's.

People are to do one session a week for twelve weeks. Use makes alliance in every population (people rate an
app they use higher). In the first, alliance does nothing; in the second it adds sessions; in the third a
hidden cause drives rating and later use, which no landmark removes. All analyses are in sessions per standard
deviation of the score they use, so that their truth is the same: use before a rating cannot be its effect.

`python -m tests.recovery.adherence_naive [--replications N] [--workers N]` writes the table and the figure of
docs/methods/adherence.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import expit
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from analysis.adherence.models.binomial import average_effect, quasi_binomial
from analysis.figures.base import BLUE, GREEN, INK, MUTED, ORANGE, PLUM, Chart, Figure, to_png
from instrument.errors import NotEstimableError

DOCS = Path(__file__).parents[2] / "docs"
TABLE = DOCS / "methods" / "tables" / "adherence_naive.csv"
PICTURE = DOCS / "images" / "adherence-naive.png"
SEED, REPLICATIONS, BATCH, N, MANY = 20_261_127, 2_000, 50, 300, 1_000_000
BEFORE, AFTER, MIDDLE, INTRACLASS = 4, 8, 4, 0.3
POPULATIONS = {
    "no effect of alliance": {"effect": 0.0, "hidden": 0.0},
    "alliance adds sessions": {"effect": 0.45, "hidden": 0.0},
    "no effect, a hidden cause": {"effect": 0.0, "hidden": 0.6},
}
ANALYSES = {
    "total use, week-8 rating of those still there": ORANGE,
    "total use, rating at the landmark": PLUM,
    "use after the landmark, unadjusted": GREEN,
    "use after the landmark, adjusted for use before": BLUE,
}
Table = np.ndarray


def units(rng: np.random.Generator, due: int, p: Table) -> Table:
    total = (1 - INTRACLASS) / INTRACLASS
    return rng.binomial(due, rng.beta(p * total, (1 - p) * total)).astype(float)


def live(rng: np.random.Generator, n: int, effect: float, hidden: float) -> dict[str, Table]:
    """Use before and after day 28, and the ratings of weeks 4 and 8 of those still there."""
    cause = rng.standard_normal(n)
    before = units(rng, BEFORE, expit(0.4 + 0.9 * rng.standard_normal(n)))
    early = (before - 2.3) / 1.5
    score = 0.5 * early + hidden * cause + 0.8 * rng.standard_normal(n)
    logit = -0.1 + effect * score + 0.9 * early + hidden * cause
    # A person's sessions of weeks 5 to 8 and 9 to 12 share one propensity.
    total = (1 - INTRACLASS) / INTRACLASS
    own = rng.beta(expit(logit) * total, expit(-logit) * total)
    middle, late = (rng.binomial(MIDDLE, own).astype(float) for _ in range(2))
    return {
        "before": before,
        "after": middle + late,
        "expected": AFTER * expit(logit),
        "score": score,
        "answered": rng.random(n) < expit(0.9 + 0.8 * early),
        "later": 0.6 * score + 0.5 * (middle - 2) / 1.5 + 0.6 * rng.standard_normal(n),
        "still": (middle > 0) & (rng.random(n) < 0.85),
    }


def analyse(people: dict[str, Table]) -> list[tuple[str, float, float, float]]:
    """Sessions per standard deviation of the score, with limits, by each analysis."""
    here, still = people["answered"], people["still"]
    whole = people["before"] + people["after"]
    parts = (
        (people["later"][still], whole[still], BEFORE + AFTER, None),
        (people["score"][here], whole[here], BEFORE + AFTER, None),
        (people["score"][here], people["after"][here], AFTER, None),
        (people["score"][here], people["after"][here], AFTER, people["before"][here]),
    )
    rows = []
    for name, (score, done, due, adjust) in zip(ANALYSES, parts, strict=True):
        columns = [np.ones(len(score)), (score - score.mean()) / score.std(ddof=1)]
        if adjust is not None:
            columns.append((adjust - adjust.mean()) / adjust.std(ddof=1))
        design, full = np.column_stack(columns), np.full(len(score), float(due))
        rows.append((name, *average_effect(quasi_binomial(design, done, full), design, full, 1)))
    return rows


def batch(population: str, seeds: list[np.random.SeedSequence]) -> list[tuple[str, float, float, float]]:
    rows = []
    with threadpool_limits(1):
        for seed in seeds:
            people = live(np.random.default_rng(seed), N, **POPULATIONS[population])
            try:
                rows += analyse(people)
            except NotEstimableError:
                continue
    return rows


def truth(population: str) -> dict[str, float]:
    """Change of expected sessions after the landmark by one SD of the score: the derivative, averaged."""
    given = POPULATIONS[population]
    people = live(np.random.default_rng(1), MANY, **given)
    p = people["expected"] / AFTER
    out = {}
    for name in ANALYSES:
        # The later rating itself does nothing to use before it, and what follows it is not followed here:
        # its truth is that of the landmark rating, whose effect it stands for.
        rated = people["answered"]
        slope = AFTER * float((p * (1 - p))[rated].mean()) * given["effect"]
        out[name] = slope * float(people["score"][rated].std())
    return out


def study(population: str, replications: int, workers: int = 1) -> pd.DataFrame:
    seeds = np.random.SeedSequence(SEED).spawn(replications)
    parts = [seeds[k : k + BATCH] for k in range(0, replications, BATCH)]
    done = Parallel(n_jobs=workers)(delayed(batch)(population, part) for part in parts)
    lines = pd.DataFrame(
        [row for part in done for row in part], columns=["analysis", "estimate", "lower", "upper"]
    )
    half = float(student.ppf(0.975, N))
    rows = []
    for name, true in truth(population).items():
        mine = lines[lines["analysis"] == name]
        rows.append(
            {
                "population": population,
                "analysis": name,
                "truth": true,
                "mean": mine["estimate"].mean(),
                "bias": mine["estimate"].mean() - true,
                "sd": mine["estimate"].std(ddof=1),
                "mean_se": ((mine["upper"] - mine["lower"]) / 2 / half).mean(),
                "coverage": ((mine["lower"] <= true) & (true <= mine["upper"])).mean(),
                "declared_an_effect": ((mine["lower"] > 0) | (mine["upper"] < 0)).mean(),
                "replications": len(mine),
            }
        )
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame) -> Figure:
    """Mean estimate of each analysis with the spread of single studies, and the truth as a line."""
    shown = table.assign(low=table["mean"] - 1.96 * table["sd"], high=table["mean"] + 1.96 * table["sd"])
    names = list(ANALYSES)
    told = "; ".join(
        f"{row['population']}, {row['analysis']}: mean {row['mean']:.2f}, truth {row['truth']:.2f}"
        for row in table.to_dict("records")
    )

    def draw(width: int) -> Chart:
        base = alt.Chart(shown).encode(
            y=alt.Y("analysis:N", sort=names, title=None, axis=alt.Axis(labelLimit=320)),
            color=alt.Color(
                "analysis:N",
                sort=names,
                legend=None,
                scale=alt.Scale(domain=names, range=list(ANALYSES.values())),
            ),
        )
        spread = base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title="Sessions per standard deviation of alliance"), x2="high:Q"
        )
        points = base.mark_point(filled=True, size=80, opacity=1).encode(x="mean:Q")
        text = base.mark_text(dy=-11, color=INK).encode(x="mean:Q", text=alt.Text("mean:Q", format=".2f"))
        line = alt.Chart(shown).mark_rule(color=MUTED, strokeDash=[4, 3], strokeWidth=1.5).encode(x="truth:Q")
        layers = alt.layer(line, spread, points, text).properties(width=width - 330, height=150)
        return layers.facet(
            row=alt.Row(
                "population:N",
                sort=list(POPULATIONS),
                title=None,
                header=alt.Header(labelAnchor="start", labelOrient="top", labelFontWeight="bold"),
            )
        )

    return Figure(
        title="What the usual analysis finds, and the landmark's",
        alt=f"Points with the range of 95 % of studies around a dashed line at the truth: {told}.",
        draw=draw,
        tables=(),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--redraw", action="store_true", help="only draw the figure from the table")
    given = parser.parse_args()
    if not given.redraw:
        table = pd.concat([study(name, given.replications, given.workers) for name in POPULATIONS])
        TABLE.parent.mkdir(exist_ok=True)
        table.to_csv(TABLE, index=False, float_format="%.6g")
        print(table.round(3).to_string(index=False))
    PICTURE.write_bytes(to_png(figure(pd.read_csv(TABLE)), 760))


if __name__ == "__main__":
    main()
