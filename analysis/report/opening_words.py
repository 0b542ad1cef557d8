"""Plain words of the first page: what a set of questions must do, and what to do where that is not shown."""

from __future__ import annotations

from analysis.common.verdicts import Property

HEADING = "Nine things a set of questions must do"
NEXT = "What to do next"
LEVELS = "How each theme is rated"

# property: what a set of questions must do
POINTS = {
    Property.CONTENT: "Cover what matters to people",
    Property.STRUCTURE: "Split into the themes they were written for",
    Property.CONSISTENCY: "Go together within a theme",
    Property.INVARIANCE: "Mean the same to each group of people",
    Property.RELIABILITY: "Get the same answer soon after",
    Property.ERROR: "Tell a true change from chance",
    Property.CRITERION: "Agree with a sure measure of the same thing",
    Property.HYPOTHESES: "Go with what they should go with",
    Property.RESPONSIVENESS: "Move when things get better or worse",
}

# property: what to do where a rule that bears on it does not hold
MEND = {
    Property.CONTENT: "Rewrite or drop the questions that the raters found wanting.",
    Property.STRUCTURE: "Rework the questions that do not fit their theme, or the themes.",
    Property.CONSISTENCY: "Rework the questions that do not go with the rest of their theme.",
    Property.INVARIANCE: "Do not compare groups yet. First see which questions they may read in another way.",
    Property.RELIABILITY: "Do not read one person's score yet. It moves too much from one time to the next.",
    Property.ERROR: "Do not read the change of one person yet. It may be chance.",
    Property.CRITERION: "Do not use the scores in place of the sure measure.",
    Property.HYPOTHESES: "Go through what was said beforehand and did not come out.",
    Property.RESPONSIVENESS: "Do not use the scores to show that people got better.",
}

# property: what to do where it was not asked, or could not be tested; a sure measure is mostly not to be had
ASK = {
    Property.CONTENT: "Let experts, and people it is meant for, judge each question.",
    Property.STRUCTURE: "Add questions to the themes. So few cannot show how they go together.",
    Property.CONSISTENCY: "Add questions to the themes. So few cannot show how they go together.",
    Property.INVARIANCE: "Note which group people belong to, and ask enough of each.",
    Property.RELIABILITY: "Ask the same people again after a short time.",
    Property.HYPOTHESES: "Say beforehand what the scores should go with, and ask for that too.",
    Property.ERROR: "Find out which change in a score matters to people.",
    Property.RESPONSIVENESS: "Ask people again who say that they got better or worse.",
}
ASK_ORDER = tuple(ASK)

# property: what to do where it was asked and could not be tested, if that is something else
LACK = {
    Property.CONTENT: "Let more experts, and more people it is meant for, judge each question.",
    Property.STRUCTURE: "Ask more people, so that the themes can be tested.",
    Property.CONSISTENCY: "Ask more people, so that the themes can be tested.",
    Property.INVARIANCE: "Ask more people in each group. Not every comparison of them could be judged.",
    Property.RELIABILITY: "Ask more people again after a short time.",
    Property.HYPOTHESES: "Ask more people, so that what was said beforehand can be tested.",
    Property.RESPONSIVENESS: "Ask more people again who say that they got better or worse.",
}

MORE_PEOPLE = "Ask more people. Too few answered to say how good the questions are."
INCOMPLETE = "See why so many answers are missing. Too few people answered every question of a theme."
ONE_THEME = "See whether some themes are one. The answers do not tell them apart."
STUCK = "Look at the questions that nobody answered, or everybody alike. More people do not help there."
REST = "Look at the rest too. This report was asked for a part of it only."
FIXED = "See why some of it could not be tested. More people alone may not help there."
REAL_PEOPLE = "Ask real people. A program made up every answer here."
NOTHING = "Nothing is left to do by these rules. Ask other people, and see if it holds."
FAILED = "Mend what failed: {}."
PART = "See what could not be estimated: {}."
LOOK_AT = "Look at “{}” first: it is rated low, and goes with staying."
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
