"""Write docs/methods/held_populations.md from its table: `python -m tests.recovery.held_page`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

DOCS = Path(__file__).parents[2] / "docs" / "methods"
TABLE = DOCS / "tables" / "held_populations.csv"
PAGE = DOCS / "held_populations.md"
INTRODUCTION = """# Where studies of score and later use go wrong

People are drawn from populations in which such studies mislead (`tests/recovery/held_populations.py`), as logs of events; each study is read
and analysed like a real one, by the model that the report puts first. *Rejected* is the share of studies with p < .05; where the truth
is 0 it should be 5 %. *Supported*, *not found* and *cannot be told* are the shares of what the report then [claims](adherence.md#what-is-claimed).
Truth, mean, SD and SE are units done per standard deviation of the score; coverage is that of the 95 % interval.

Made by `python -m tests.recovery.held_recovery --first --replications N`, N as told here, and `python -m tests.recovery.held_page`;
full precision in [tables/held_populations.csv](tables/held_populations.csv). Of {populations} populations {rest_on_1000} rest on 1,000 studies each, {rest_on_300} on 300, {rest_on_100} on 100 (no effect in 5,000 people, and
five of the last six) and {rest_on_30} on 30 (the others of 5,000 people). A
share of .05 has a Monte-Carlo error of .007 in 1,000 studies, .013 in 300, .022 in 100 and .04 in 30. Rows of 300 studies above the shocks were made before the
time of enrolment had days on which ratings jump, and before a cause of medium size was asked of: a share supported there may be a little too high.

The last six populations were invented after the rules, to see whether they hold; only their rows were made with the day of the first use held constant. Five of them rest on 100 studies each: a share of 0 there is compatible with up to 3.6 %.

**What *supported* does not say.** A cause that fades at its own pace, or any unmeasured cause of the same size, can produce the same picture as an effect. Where use fades at a pace of one's own that moves the rating too, sums of
use before show it hardly: this population, in which the rating does nothing, is called supported in 6.7 % of its 300 studies (20, one in fifteen). More columns of use before change that little, since what a few weeks tell of a
pace is mostly chance; the sentence says so.

What came of doubt: days on which an app changes rejected a true null in 17 % (a new version) and 70 % (a month of holidays) of studies while a smooth curve
of the time of enrolment was all that was held; the rows below are with such days held constant. Something grave that befalls people shortly before the rating, and moves it and later use, is
called supported in one null study of six: use before holds no trace of it, and no rule can tell it from an effect. The sentence says so.

Of ends of use nothing is ever called supported: where those quick to leave are also quick to get better, the cause-specific hazard of leaving
moves without any effect (its row below). Clinics that no column names cannot be allowed for; where an undeclared column groups people, what
is found is a doubt. Errors take into account that less was due of some (HC3): with one dispersion rolling enrolment and withdrawals rejected
a true null in 7 to 8 % of studies.

A claim costs power. Where early use and rating go together as closely as a habit would make them, a true effect is never called supported: a
habit gives the same correlations, as the population built to the correlations of the true effect shows. Where the rating is nearly apart from early use, it is called so in the share shown.
"""


def cell(value: float, digits: int = 3) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def page() -> str:
    columns = ("truth", "mean", "sd", "mean_se", "coverage", "rejected", "supported", "not_found", "untold")
    head = "truth | mean | SD | SE | coverage | rejected | supported | not found | cannot be told"
    table = pd.read_csv(TABLE)
    drawn = (table["replications"] + table["failed"]).groupby(table["population"]).first()
    rests = {f"rest_on_{studies}": int(count) for studies, count in drawn.value_counts().items()}
    lines = [
        INTRODUCTION.format(populations=len(drawn), **rests),
        f"| population | n | model | {head} | studies |",
        "|" + "---|" * (len(columns) + 4),
    ]
    for row in table.to_dict("records"):
        failed = f" ({row['failed']} failed)" if row["failed"] else ""
        cells = [cell(row[name]) for name in columns]
        studies = f"{row['replications']}{failed}"
        lines.append(
            "| " + " | ".join([row["population"], str(row["n"]), row["model"], *cells, studies]) + " |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
