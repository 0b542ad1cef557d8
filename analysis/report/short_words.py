"""Plain words of the short report, for the people who ask the questions or make what they are about."""

from __future__ import annotations

from analysis.common.standing import Side
from analysis.common.verdicts import Cause

MADE_UP = "No real person took part. A program made up all the people and all the answers."
DRAFT = "The questions are drafts. They have not yet been tested with real people."
DRAFT_ASKED = "The questions are drafts. It is not yet settled that they work."
NOT_CAUSE = (
    "This does not show what makes people stay. Those who would stay in any case may also rate the app "
    "higher."
)
TWO_PEOPLE = (
    "Think of two people who are alike, but one rates a theme much higher: above five in six of the rest, "
    "and not just in the middle."
)
STAYED = "The later answers come from those who were still there."
CHANGE_REAL = "Answers from real people. They could turn all of this around."
CHANGE_LOT = (
    "A fair test: draw lots, give half the people an app with one theme changed, and see how long each half "
    "stays."
)
CHANGE_READ = "Talks with people about how they read each question."
CHANGE_USE = "A log of who used the app and when. With it, this page can say which theme goes with staying."
SIDES: dict[str, str] = {Side.HIGHER: "rated above the rest", Side.LOWER: "rated below the rest"}
FEW = "Too few people answered to say how far you can trust the questions. The scores and their ranges stand."
FEW_FOR_SOME = "Too few people answered for some of the checks. The list below says which."
FOR_APP, FOR_ALL = "for the people who make the app", "for the people who ask the questions"
CHANGE_ASK = "Answers from other people. They may read the questions in another way."
WEAK_SCALE = (
    "The number says how well a question goes with the rest of its theme: 0 is not at all, and 1 is fully."
)
WEAK = "These go least with the rest of their theme. Read them again, and ask people how they read them."
WEAK_STUCK = "These got no answer, or all the same one, and so tell us nothing: {}."
WEAK_OTHERS = "Of the others none stands out as weak. These go least with the rest of their theme."
WEAK_NONE = "No question stands out as weak. These go least with the rest of their theme."
RULES = "Each check is a rule from the research on such questions. A rule is a habit, not a law."
RULES_OF_PLAN = "For some of the rules a plan set the mark to reach, not the research."
NO_NUMBER = "could not be worked out"
UNTESTED = {
    Cause.FEW_PEOPLE: "could not be tested: too few people",
    Cause.FEW_IN_GROUP: "could not be tested: too few people in a group",
    Cause.FEW_COMPLETE: "could not be tested: too few people answered all of its questions",
    Cause.NO_VARIATION: "could not be tested: to some questions no one gave an answer, or all the same one",
}
