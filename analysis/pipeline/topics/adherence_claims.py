"""What the section on later use claims, in words: supported, not found, or not to be told from these data."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.adherence.claims.claims import Claim, Doubt
from analysis.adherence.models.context import REMAINING
from analysis.disclosure.kinds import TEXT, Kind, each, statistic
from analysis.pipeline.section import Table

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult

NUMBERS = (
    "robustness robustness_limit score_before score_after score_feature score_earlier rating_use rating_score"
)
CAUSE = (
    "That a stronger alliance keeps people using the app is not shown by these data either way: nobody was "
    "given an alliance at random."
)
UNMADE = (
    "Whether {claim_unmade} goes with later use for a reason of its own cannot be told from these data: the "
    "model of remaining use, on which that rests, could not be estimated. No other number here stands in its "
    "place."
)
DOUBTS = {
    Doubt.BENCHMARK: "a hidden cause as strong as {benchmark} would explain it away",
    Doubt.HABIT: (
        "the score goes with use before it as well (correlation {score_before:r2} with use before, "
        "{score_after:r2} with use after), as it would if a lasting habit moved all three"
    ),
    Doubt.SILENCE: (
        "people without a score, or without what is held constant, used the app differently afterwards, and "
        "who chose to answer could "
        "produce an association of this size"
    ),
    Doubt.GROUPS: (
        "people of one {grouping} may be alike, and allowing for that the interval includes zero (declare "
        "it as cluster)"
    ),
    Doubt.COLUMN: (
        "with {column} held constant, which nobody declared, the interval includes zero (declare it as "
        "covariate, or leave it out of the table if it came after the rating)"
    ),
    Doubt.EARLIER: (
        "the score goes with use before enrolment (correlation {score_earlier:r2}, what was measured held "
        "constant), which no rating can have moved"
    ),
    Doubt.CONTROL: (
        "use of {feature}, which the alliance has no reason to move, does not set it apart (correlation of "
        "the score with that use afterwards {score_feature:r2}): one hidden cause of all use would look the "
        "same"
    ),
    Doubt.NO_CONTROL: (
        "nothing in the log could show a cause that nobody measured, such as a relapse shortly before the "
        "rating or use that fades at a pace of one's own. The study names no feature of the app that the "
        "alliance has no reason to move (unrelated_kind) and that enough people used"
    ),
    Doubt.RATING: (
        "the rating of {rating}, which has no reason to move use, does not set it apart (correlation with "
        "the score {rating_score:r2}, with later use {rating_use:r2}, what was measured, and for use the "
        "score, held constant): one hidden cause of ratings and use, such as a mood or a need, would look "
        "the same"
    ),
    Doubt.NO_RATING: (
        "nothing in the answers could show a cause of rating and intended use that leaves all other use of "
        "the app alone, such as a need that comes up. The study names no rating, given at the same time, "
        "that has no reason to move use (unrelated_rating) and that enough people gave"
    ),
    Doubt.WITHDRAWAL: (
        "who withdrew from the study goes with the score, and people watched for a shorter time are judged "
        "by other weeks: held constant, how long they were watched moves the estimate"
    ),
    Doubt.LOST: "the log shows that use of some people may be missing from it: {use_lost}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Sentences, the values in them, and their kinds."""

    sentences: list[str]
    values: dict[str, Any]
    kinds: dict[str, Kind]


def claim_of(found: AdherenceResult, first: str, titles: Mapping[str, str]) -> Claimed:
    """Say what may be said of the first score, before any number is."""
    mine = found.standing[found.standing["predictor"] == first].to_dict("records")
    if not mine:
        kinds: dict[str, Kind] = {**each(TEXT, "claim_unmade")}
        return Claimed(sentences=[UNMADE, CAUSE], values={"claim_unmade": titles[first]}, kinds=kinds)
    row = mine[0]
    claim = Claim(row["claim"])
    values = {
        "claim_direction": direction_of(found, first),
        "claim": str(claim),
        "claim_doubts": row["doubts"],
        "claimed_of": titles[first],
        "benchmark": row["benchmark"],
        "robustness": row["robustness"],
        "robustness_limit": row["robustness_limit"],
        "score_before": row["before"],
        "score_after": row["after"],
        "grouping": row["grouping"],
        "column": row["column"],
        "feature": row["feature"],
        "score_feature": row["feature_r"],
        "score_earlier": row["earlier"],
        "rating": row["rating"],
        "rating_use": row["rating_r"],
        "rating_score": row["rating_score"],
        "use_lost": row["lost"],
    }
    kinds = {
        **each(TEXT, "claim claim_direction claim_doubts claimed_of benchmark"),
        **each(TEXT, "grouping column feature rating use_lost"),
        **each(statistic(), NUMBERS),
    }
    return Claimed(sentences=[_sentence(claim, row), CAUSE], values=values, kinds=kinds)


def direction_of(found: AdherenceResult, first: str) -> str:
    """More or less: the sign of the effect that the claim is about."""
    mine = found.effects[(found.effects["model"] == REMAINING) & (found.effects["predictor"] == first)]
    return "more" if float(mine["coefficient"].iloc[0]) > 0 else "less"


def _sentence(claim: Claim, row: Mapping[Hashable, Any]) -> str:
    doubts = row["doubts"]
    if claim is Claim.NOT_FOUND:
        return (
            "That {claimed_of} goes with later use, what was measured held constant: not found. This does "
            "not show that there is no association."
        )
    if claim is Claim.SUPPORTED:
        return (
            "That more of {claimed_of} goes with {claim_direction} later use, what was measured held "
            "constant: supported. It survives "
            "a hidden cause as strong as {benchmark}, one lasting habit behind use before, score and use "
            "after, and silence; and it is set apart from use of {feature}, which the alliance has no reason "
            "to move (correlation with the score {score_feature:r2}), and from the rating of {rating}, which "
            "has no reason to move use (correlation with the score {rating_score:r2}). "
            "A hidden cause would have to explain {robustness_limit:percent} of what is left of score and "
            "use alike before the interval reached nothing. A cause of that size which moves the intended "
            "use and leaves {feature} and the rating of {rating} alone gives the same picture without an "
            "effect, and so does whatever "
            "the app or its people did in answer to a rating, such as a message to those who rated low."
        )
    reasons = "; ".join(DOUBTS[Doubt(name)] for name in doubts.split(", "))
    if all(Doubt(name).lacking for name in doubts.split(", ")):
        return (
            "Whether {claimed_of} goes with later use for a reason of its own cannot be told from these "
            "data. An association with {claim_direction} use was found. It survives a hidden cause as strong "
            "as {benchmark}, one "
            "lasting habit behind use before, score and use after, and silence, but "
            f"{reasons}."
        )
    if not row["found"]:
        return (
            "Whether {claimed_of} goes with later use cannot be told from these data. None was found, but "
            f"{reasons}."
        )
    return (
        "Whether {claimed_of} goes with later use for a reason of its own cannot be told from these data. An "
        f"association with {{claim_direction}} use was found, but {reasons}."
    )


def standing_table(found: AdherenceResult, titles: Mapping[str, str]) -> Table:
    """Claims of every score with the numbers they rest on."""
    frame = found.standing.drop(columns=["silent", "found", "rating_people", "withdrew", "lost"])
    frame = frame.assign(title=frame["predictor"].map(titles))
    numbers = "partial_r2 robustness robustness_limit benchmark_t before after habit habit_lower"
    more = "silent_p silent_bias grouping_p column_p feature_r feature_lower earlier earlier_p"
    latest = "rating_r rating_p rating_score rating_lower withdrawal_p withdrawal_change"
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "predictor title claim doubts benchmark grouping column feature rating"),
            **each(statistic(), f"{numbers} {more} {latest}"),
        },
        title="What may be said: does a score go with later use for a reason of its own?",
        columns={
            "title": ("Score", "text"),
            "claim": ("Claim", "text"),
            "doubts": ("Doubts", "text"),
            "robustness": ("Robustness value", "percent"),
            "robustness_limit": ("of the interval", "percent"),
            "benchmark": ("Strongest cause asked of", "text"),
            "benchmark_t": ("t, were a hidden one as strong", "d2"),
            "before": ("r with use before", "r2"),
            "after": ("r with use after", "r2"),
            "habit_lower": ("Beyond one habit, lower limit", "r2"),
            "silent_p": ("p, silence", "p"),
            "grouping_p": ("p, by undeclared groups", "p"),
            "column_p": ("p, with an undeclared column", "p"),
            "feature_r": ("r with unrelated use", "r2"),
            "feature_lower": ("Beyond one cause of all use, lower limit", "r2"),
            "earlier_p": ("p, use before enrolment", "p"),
            "rating_r": ("r of unrelated rating with use after", "r2"),
            "rating_lower": ("Beyond one cause of ratings, lower limit", "r2"),
            "withdrawal_p": ("p, withdrawal", "p"),
        },
        note="Supported: the interval excludes zero, and it still does were a hidden cause as strong as "
        "the strongest measured one, or of medium size; one habit behind use before, score and use after "
        "cannot make all three correlations; selective answering cannot produce the association; "
        "groups and columns that nobody declared, if there are any, do not take it away; it does not go with "
        "use before enrolment, where the log reaches back; and one hidden cause of all use cannot make its "
        "correlations with later use and with use of a feature that the alliance has no reason to move, nor "
        "one hidden cause of ratings and use those with later use and with a rating that has no reason to "
        "move use. Where the study names no such feature or no such rating, nothing is called supported. "
        "Where who withdraws goes with the score and moves the "
        "estimate, or the log shows that use is missing from it, nothing can be told, found or not.",
    )
