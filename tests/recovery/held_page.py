"""Write docs/methods/held_populations.md from its table: `python -m tests.recovery.held_page`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.adherence.models.context import REMAINING
from tests.recovery.held_controls import CONTROLS, FADING, GRAVE
from tests.recovery.held_inventions import INVENTIONS
from tests.recovery.held_logs import LOGS
from tests.recovery.held_outsiders import MANY, OUTSIDERS
from tests.recovery.held_signs import SIGNS, STYLE
from tests.recovery.held_strangers import STRANGERS, TRUE

DOCS = Path(__file__).parents[2] / "docs" / "methods"
TABLE = DOCS / "tables" / "held_populations.csv"
PAGE = DOCS / "held_populations.md"
INTRODUCTION = """# Where studies of score and later use go wrong

People are drawn from populations in which such studies mislead (`tests/recovery/held_populations.py` and its neighbours), as logs of events; each study is read
and analysed like a real one, by the model that the report puts first. *Rejected* is the share of studies with p < .05; where the truth
is 0 it should be 5 %. *Supported*, *not found* and *cannot be told* are the shares of what the report then [claims](adherence.md#what-is-claimed); *only a control lacks*
is the part of *cannot be told* in which every other doubt was answered and the study named no unrelated feature or no unrelated rating.
Truth, mean, SD and SE are units done per standard deviation of the score; coverage is that of the 95 % interval.

Made by `python -m tests.recovery.held_recovery --first --replications N`, N as told in the last column, and `python -m tests.recovery.held_page`;
full precision in [tables/held_populations.csv](tables/held_populations.csv). Of {populations} populations {rests}. A
share of .05 has a Monte-Carlo error of .007 in 1,000 studies, .013 in 300, .015 in 200, .022 in 100 and .04 in 30. The last column tells by which models: *earlier* rows were
made with one dispersion for all where the same was due of all, and without use of the first and the last week held constant; of the earlier rows of 300 studies those above the
shocks were also made before days on which ratings jump were looked for. All but the last {last} populations and those of 1,000 studies not marked *earlier*
were made before what the next paragraph but two tells was held constant; with it 80 studies each of the first 44 of 300 people or fewer rejected as often within chance, with errors up to 8 % larger. All rows were
made before early use was held by kind of event, and those of fewer than 150 people before all that the log says of it was.

**What came of signs that nobody asked for.** In the last {signs} populations something shows only to who asks. A need that moves rating and intended use and leaves the unrelated feature alone was called supported
in 29 % of null studies of 1,000 people: with the feature alone its data are those of an effect. Since a rating that has no reason to move use is asked for as well it is so in {alone_many:.1%} where the study
names none, in {no_kin:.1%} where the rating is of no kin to the score, and in {own:.1%} where the need colours it a little. Where a way of answering is in both ratings a true effect is called supported in
{style:.0%} of 100 studies of 1,000 people; there early use tells much of what else moves use. Where it tells as much as in the other populations, 7 of 20 studies were, the others mostly doubted as a habit. Where the fifth session wins a badge a curve of early use left a true null rejected in 42 % of 40 studies of 1,000 people; the jump is looked for now ({badge:.0%} of 100); where nights or weekends of early use moved rating and later use every study was, and a tenth (nights) called supported: {night:.0%} and {weekend:.0%} with the time of use held constant (last rows; those above them were made before that). What
stands in a column that nobody declared (sites with versions of their own, who pays) is rejected in nearly all studies and never called supported; declared, it is held constant. Who answers by rating and later use together leaves no sign in the log that
can be asked of: the estimate is off, and the controls do not set it apart ({crossed:.1%} supported).

**What came of hostile logs.** The {logs} populations before these hide something in the log or the tables. Where one in six rate low, install the app again and go on under a new id, a true null of 300 people is
rejected in {new_ids:.0%} and, since the log holds ids of nobody, told as *cannot be told* in {new_ids_untold:.1%}, found or not. Where those who rate low withdraw sooner and use fades, {withdrawn:.0%} of 300 and {withdrawn_many:.0%} of 1,000 people are
rejected, and *cannot be told* is said in {withdrawn_untold:.1%} and {withdrawn_many_untold:.1%}. Where a covariate is known of those who stay or rate high, 3 % of 60 null studies of 1,000 people were called supported; it is a kind of silence now ({age:.0%}).
A cause of ratings that leaves unrelated use alone shows in a rating that cannot move use, if it moves that too ({agreeing:.0%} supported); a way of answering that moves both ratings and no use costs nothing.

**What came of apps in the field.** The {outsiders} populations before these are of roll-outs, watches of unequal length, sessions of unequal length, pauses, lost logs and wrong clocks; of 60 studies of 300 people without an effect
100 % were rejected where the length of early sessions moved rating and use (43 % of 30 studies of 1,000 called supported), 98 % where the app rewarded much use from one day on, 88 % where the second week counted, 22 % where a version
reached one platform first, 23 % where half were watched for eight of twelve weeks and use fades. All of it lies in the log or the tables, and is held constant now. What does not lie there still moves the estimate: people lost to the log when
they install the app again ({lost:.0%} rejected, {lost_supported:.0%} supported), pauses that the log shows in part ({paused:.0%}), withdrawal by those who rate low while use fades. None of these is called supported.

**What the hostile populations broke.** The {strangers} populations before these were drawn to break the rules above; each names an unrelated feature, so that a claim can be made and be wrong.
Three columns that were known were held constant in a form that left most of their work: age as a straight line where the young and the old rate higher and use more, the time of enrolment as a smooth curve
where people enrol themselves at weekends, early use alike for all devices where it means something else on tablets. A true null was rejected in 100 %, 80 % and 94 % of 100 studies of 300 people,
and of 1,000 people called supported in 52 %, 23 % and none. These forms are now looked for and held constant where score or use ask for them (rows below). Where an app answers a low rating with a message, the
association is real, and negative: it was told as *goes with later use: supported*. The sentence now says whether use rises or falls, and that what is done in answer to a rating is part of it.

**What the invented populations broke.** {invented} populations were invented after the rules. Three things came of them. Where the first week or the last week before the landmark moves rating
and use, sums of use before rejected a true null in most studies (5 studies each: bias .46 and .16 units); these weeks are now held constant. Where use fades and is cut at what is due,
intervals by one dispersion covered 90 %; errors are HC3 now. And causes that leave no trace in use before the rating were called supported: 16 % of null studies after something grave shortly before the rating,
7 % where use fades at a pace of one's own. No rule on score, use before and use after can tell those from an effect. So nothing is called supported any more unless the
study names a feature that alliance has no reason to move: with one, the same causes were called supported in {grave:.1%} and {fading:.1%} of 200 null studies each. A cause that leaves that feature alone was called supported in 6.0 %,
and is so in {alone:.1%} now that a rating is asked for too. A need that leaves feature and rating alone gives the same picture as an effect: this is what *supported* still does not say, and its sentence says so.

Three fortnights of holidays in a year of enrolment, in which people rate lower and use less, reject a true null in {holidays:.1%} of {holiday_studies} studies of 300 (12 % before stretches of days were
looked for; a fortnight holds twelve people, and not every one is found). There, as everywhere without both controls, the claim is *not found* or *cannot be told*. Where only long sessions bring the question, selection rejects a true null in 7.5 % of 200 studies.
What [every sentence](tables/held_sentences.csv) on later use says of one study of each population is read by `python -m tests.recovery.held_sentences`: none claims what its population does not hold.

What came of doubt before: days on which an app changes rejected a true null in 17 % (a new version) and 70 % (a month of holidays) of studies while a smooth curve
of the time of enrolment was all that was held; the rows below are with such days held constant.

Of ends of use nothing is ever called supported: where those quick to leave are also quick to get better, the cause-specific hazard of leaving
moves without any effect (its row below). Clinics that no column names cannot be allowed for; where an undeclared column groups people, what
is found is a doubt. Where less was due of some, one dispersion for all rejected a true null in 7 to 8 % of studies.

A claim costs power. Where early use and rating go together as closely as a habit would make them, a true effect is never called supported: a
habit gives the same correlations, as the population built to the correlations of the true effect shows.
"""
NEED = "a need moves rating and use"
EARLIER, HOLIDAYS = "earlier", "three fortnights of holidays"
LOST = "who installs the app again is lost to the log"
PAUSED = "some paused and came back, which shows in part"
NEW_IDS = "who installs the app again goes on under a new id"
WITHDRAWN = "who rates low withdraws sooner, and use fades"


def cell(value: float, digits: int = 3) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def page() -> str:
    columns = ("truth", "mean", "sd", "mean_se", "coverage", "rejected")
    columns += ("supported", "no_control", "not_found", "untold")
    head = "truth | mean | SD | SE | coverage | rejected | supported | only a control lacks | not found"
    table = pd.read_csv(TABLE)
    first = table[table["model"] == REMAINING].set_index("population")
    drawn = (table["replications"] + table["failed"]).groupby(table["population"]).first()
    rests = [f"{count} rest on {studies:,} studies" for studies, count in drawn.value_counts().items()]
    lines = [
        INTRODUCTION.format(
            populations=len(drawn),
            rests=", ".join(rests),
            invented=sum(name in INVENTIONS or name in CONTROLS for name in first.index),
            grave=first.loc[f"{GRAVE}, unrelated use is known", "supported"],
            fading=first.loc[f"{FADING}, unrelated use is known", "supported"],
            alone=first.loc[f"{GRAVE}, and leaves unrelated use alone", "supported"],
            strangers=sum(name in STRANGERS for name in first.index),
            outsiders=sum(name in OUTSIDERS for name in first.index),
            logs=sum(name in LOGS for name in first.index),
            last=sum(name in OUTSIDERS or name in LOGS or name in SIGNS for name in first.index),
            signs=sum(name in SIGNS for name in first.index),
            alone_many=first.loc[NEED + MANY + ", and leaves unrelated use alone", "supported"],
            no_kin=first.loc[f"{NEED}, the unrelated rating is of no kin{MANY}", "supported"],
            own=first.loc[f"{NEED}, and a little the unrelated rating{MANY}", "supported"],
            style=first.loc[TRUE + STYLE, "supported"],
            badge=first.loc[f"the fifth session wins a badge{MANY}", "rejected"],
            night=first.loc[f"use by night moves rating and later use{MANY}", "rejected"],
            weekend=first.loc[f"use at weekends moves rating and later use{MANY}", "rejected"],
            crossed=first.loc[f"who answers hangs on rating and later use together{MANY}", "supported"],
            new_ids=first.loc[NEW_IDS, "rejected"],
            new_ids_untold=first.loc[NEW_IDS, "untold"],
            withdrawn_untold=first.loc[WITHDRAWN, "untold"],
            withdrawn_many_untold=first.loc[WITHDRAWN + MANY, "untold"],
            age=first.loc["age is known of those who stay or rate high" + MANY, "supported"],
            agreeing=first.loc["a need moves rating, use and an unrelated rating" + MANY, "supported"],
            lost=first.loc[LOST, "rejected"],
            lost_supported=first.loc[LOST, "supported"],
            paused=first.loc[PAUSED, "rejected"],
            withdrawn=first.loc[WITHDRAWN, "rejected"],
            withdrawn_many=first.loc[WITHDRAWN + MANY, "rejected"],
            holidays=first.loc[HOLIDAYS, "rejected"],
            holiday_studies=first.loc[HOLIDAYS, "replications"],
        ),
        f"| population | n | model | {head} | cannot be told | studies |",
        "|" + "---|" * (len(columns) + 4),
    ]
    for row in table.to_dict("records"):
        failed = f" ({row['failed']} failed)" if row["failed"] else ""
        cells = [cell(row[name]) for name in columns]
        studies = f"{row['replications']}{failed}{', ' + EARLIER if row['models'] == EARLIER else ''}"
        lines.append(
            "| " + " | ".join([row["population"], str(row["n"]), row["model"], *cells, studies]) + " |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
