"""Write docs/methods/adherence_recovery.md from the tables: `python -m tests.recovery.adherence_page`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.recovery.adherence_naive import TABLE as NAIVE
from tests.recovery.adherence_recovery import TABLE as RECOVERY
from tests.recovery.adherence_studies import TEST

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "adherence_recovery.md"
INTRODUCTION = """# Do the landmark models give back what is known?

People are drawn from populations in which use after the landmark follows from the **observed** score and the adjustment
columns in a known way (`tests/recovery/adherence_populations.py`); each model then estimates its stated effect. `log ratio` is the
coefficient (logarithm of an odds, rate or hazard ratio) or the difference of the outcome model, per standard deviation of the score;
`human scale` is sessions, active days or percentage points. The truth is read off two million people with the true coefficients.
Bias is in percent of the truth, ± its Monte-Carlo error; SD is the spread of the estimates, SE the mean of what the model reports;
coverage is that of the 95 % interval (± 0.5 points of Monte-Carlo error at 2,000 replications). For tests the table gives how often
p < .05. What misses 5 % of bias or 93 to 97 % of coverage is in **bold**; [adherence.md](adherence.md#recovery) says why.

Made by `python -m tests.recovery.adherence_recovery`, checked by `tests/recovery/test_adherence_recovery.py`; full precision in
[tables/adherence_recovery.csv](tables/adherence_recovery.csv).
"""
DEMONSTRATION = """
## The naive look

Sessions per standard deviation of alliance in 300 enrolled people; `found` is the share of studies whose interval leaves out zero.
Made by `python -m tests.recovery.adherence_naive`; full precision in [tables/adherence_naive.csv](tables/adherence_naive.csv).

| population | analysis | truth | mean | bias | SD | SE | coverage | found |
|---|---|---|---|---|---|---|---|---|
"""


def marked(text: str, bad: bool) -> str:
    return f"**{text}**" if bad else text


def number(value: float, digits: int = 3) -> str:
    return "" if not np.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def line(row: dict[str, float]) -> str:
    """One row of a study's table."""
    if row["quantity"] == TEST:
        cells = [number(row["truth"], 2), number(row["mean"]), "", "", "", ""]
    else:
        bias = f"{number(row['bias_percent'], 1)} ± {number(row['bias_error_percent'], 1)} %"
        cells = [
            number(row["truth"]),
            number(row["mean"]),
            marked(bias, abs(row["bias_percent"]) > 5),
            number(row["sd"]),
            number(row["mean_se"]),
            marked(f"{100 * row['coverage']:.1f} %", not 0.93 <= row["coverage"] <= 0.97),
        ]
    failed = f"{row['replications']:.0f}" + (f" ({row['failed']:.0f} failed)" if row["failed"] else "")
    return "| " + " | ".join([str(row["model"]), str(row["quantity"]), *cells, failed]) + " |"


def page() -> str:
    parts = [INTRODUCTION]
    for study, table in pd.read_csv(RECOVERY).groupby("study", sort=False):
        parts.append(f"\n## {str(study).capitalize()}\n")
        parts.append("| model | quantity | truth | mean | bias | SD | SE | coverage | replications |")
        parts.append("|---|---|---|---|---|---|---|---|---|")
        parts += [line(row) for row in table.to_dict("records")]
    parts.append(DEMONSTRATION.rstrip("\n"))
    for row in pd.read_csv(NAIVE).to_dict("records"):
        values = [number(row[name], 2) for name in ("truth", "mean", "bias", "sd", "mean_se")]
        shares = [f"{100 * row['coverage']:.1f} %", f"{100 * row['declared_an_effect']:.1f} %"]
        cells = [str(row["population"]), str(row["analysis"]), *values, *shares]
        parts.append("| " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
