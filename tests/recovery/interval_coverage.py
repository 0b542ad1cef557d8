"""How often intervals of alpha, ICC, limits of agreement and HTMT hold the truth, where answers are not normal.

Two themes of four items; what the statistics are in 400,000 people is the truth. `python -m
tests.recovery.interval_coverage [--replications N] [--only TEXT]` writes docs/methods/tables/interval_coverage.csv,
the rows of each statistic anew.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.agreement.measurement_error import limits_of_agreement
from analysis.agreement.variance_components import coefficient_intervals, jackknife_intervals, mean_squares
from analysis.reliability.alpha_kernels import alpha_of, feldt_interval
from analysis.reliability.cronbach_alpha import _by_jackknife
from analysis.validity.htmt import htmt, ratios
from instrument.errors import ToolkitError

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "interval_coverage.csv"
MANY, LEVEL = 400_000, 0.95
ANSWERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "symmetric, five options": lambda x: np.digitize(x, (-1.2, -0.4, 0.4, 1.2)) + 1.0,
    "seven in ten choose the highest of five": lambda x: np.digitize(x, (-2.2, -1.7, -1.2, -0.6)) + 1.0,
    "yes or no, two in ten yes": lambda x: np.digitize(x, (0.8,)) + 1.0,
    "heavy tails": lambda x: np.exp(0.8 * x),
}
Found = Iterator[tuple[str, float, tuple[float, float]]]


def items(rng: np.random.Generator, factor: np.ndarray, loading: float, n_items: int = 4) -> np.ndarray:
    """Latent answers to items of one theme."""
    noise = rng.normal(size=(len(factor), n_items))
    return loading * factor[:, None] + np.sqrt(1 - loading**2) * noise


def of_alpha(rng: np.random.Generator, n: int, answers: Any, loading: float) -> Found:
    values = answers(items(rng, rng.normal(size=n), loading))
    alpha = alpha_of(np.cov(values.T))
    if n == MANY:
        yield from ((name, alpha, (np.nan, np.nan)) for name in ("alpha, Feldt", "alpha, jackknife"))
        return
    yield "alpha, Feldt", alpha, feldt_interval(alpha, n, 4, LEVEL)
    yield "alpha, jackknife", alpha, _by_jackknife(values, alpha, LEVEL)


def of_retest(rng: np.random.Generator, n: int, answers: Any, loading: float) -> Found:
    first = rng.normal(size=n)
    again = 0.8 * first + 0.6 * rng.normal(size=n)
    pairs = np.column_stack([answers(items(rng, x, loading)).mean(axis=1) for x in (first, again)])
    squares = mean_squares(pairs)
    between = squares.targets - squares.error
    icc = between / (squares.targets + squares.error + 2 * (squares.raters - squares.error) / n)
    yield "ICC(A,1), F", icc, coefficient_intervals(squares, LEVEL)["ICC(A,1)"]
    one, two = pd.Series(pairs[:, 0]), pd.Series(pairs[:, 1])
    yield "ICC(A,1), jackknife", icc, jackknife_intervals(pairs, LEVEL)["ICC(A,1)"]
    for how in ("normal", "jackknife"):
        found = limits_of_agreement(one, two, interval=how)  # type: ignore[arg-type]
        yield f"upper limit of agreement, {how}", found.upper, found.upper_ci


def of_htmt(rng: np.random.Generator, n: int, answers: Any, related: float) -> Found:
    first = rng.normal(size=n)
    second = related * first + np.sqrt(1 - related**2) * rng.normal(size=n)
    values = answers(np.hstack([items(rng, x, 0.7) for x in (first, second)]))
    if n == MANY:
        both = ratios(np.corrcoef(values.T), [[0, 1, 2, 3], [4, 5, 6, 7]])
        yield from zip(("HTMT", "HTMT2"), (float(x[0]) for x in both), [(np.nan, np.nan)] * 2, strict=True)
        return
    table = pd.DataFrame(values, columns=list("abcdefgh"))
    themes = {"one": list("abcd"), "two": list("efgh")}
    pair = htmt(table, themes, draws=500, seed=int(rng.integers(10**6))).pairs.iloc[0]
    for name in ("htmt", "htmt2"):
        yield name.upper(), pair[name], (pair[f"{name}_ci_lower"], pair[f"{name}_ci_upper"])


STATISTICS: dict[str, tuple[Any, dict[str, float], tuple[int, ...]]] = {
    "alpha": (of_alpha, {"loadings .5": 0.5, "loadings .8": 0.8}, (30, 60, 200)),
    "retest": (of_retest, {"loadings .7": 0.7}, (30, 60, 200)),
    "htmt": (of_htmt, {"themes correlate .3": 0.3, ".6": 0.6, ".9": 0.9}, (60, 150)),
}


def coverage(kind: str, replications: int) -> Iterator[dict[str, Any]]:
    """Give a row for each interval, form of the answers, strength and number of people."""
    draw, strengths, sizes = STATISTICS[kind]
    for (form, answers), (strength, value) in ((a, s) for a in ANSWERS.items() for s in strengths.items()):
        truth = {name: x for name, x, _ in draw(np.random.default_rng(1), MANY, answers, value)}
        for n in sizes:
            rng = np.random.default_rng(n)
            held: dict[str, list[bool]] = {name: [] for name in truth}
            for _ in range(replications):
                try:
                    for name, _estimate, (low, high) in draw(rng, n, answers, value):
                        held[name].append(bool(low <= truth[name] <= high))
                except ToolkitError:
                    continue  # an item that nobody answers otherwise: counted by what is missing of `studies`
            for name, hits in held.items():
                yield {
                    "interval": name,
                    "answers": form,
                    "strength": strength,
                    "n": n,
                    "truth": round(truth[name], 4),
                    "coverage": round(float(np.mean(hits)), 4),
                    "studies": len(hits),
                }


def main() -> None:
    """Run the statistics that were asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--replications", type=int, default=1500)
    asked.add_argument("--only", default="", help="alpha, retest or htmt")
    options = asked.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # draws left out, codes far apart: told where somebody reads
        for kind in (name for name in STATISTICS if options.only in name):
            rows = pd.DataFrame(coverage(kind, options.replications))
            before = pd.read_csv(TABLE) if TABLE.exists() else rows.iloc[:0]
            kept = before[~before["interval"].isin(rows["interval"])]
            pd.concat([kept, rows], ignore_index=True).to_csv(TABLE, index=False, lineterminator="\n")
            print(rows.to_string(), flush=True)


if __name__ == "__main__":
    main()
