"""Why numbers on use of the app have no call of R: most rest on the log, others on draws or elsewhere."""

from __future__ import annotations

from analysis.pipeline.context import Context
from analysis.pipeline.section import Section
from analysis.twins import METHOD, VALUES, Reason, Twins

DRAWN_TABLES = ("unanswered", "courses", "natural_course")  # imputed, and simulated by the g-formula
DRAWN_VALUES = (
    "unanswered_low unanswered_high simulated_bias simulated_coverage simulated_latent_coverage "
    "course_shift course_higher course_higher_lower course_higher_upper course_floor course_floor_lower "
    "course_floor_upper"
)
DRAWN_LIMITS = "mc_lower mc_upper boot_lower boot_upper bca_lower bca_upper"


def twins_of_use(context: Context, section: Section) -> Twins:
    """Nothing: days, windows and rows at risk are counted in the log."""
    found = Twins()
    for table in (*section.tables, VALUES, METHOD):
        found.leave(Reason.LOG, "*", table)
    return found


def twins_of_later_use(context: Context, section: Section) -> Twins:
    """Nothing: models of use that the log holds, and what is imputed or simulated from them."""
    found = twins_of_use(context, section)
    for table in DRAWN_TABLES:
        if table in section.tables:
            found.leave(Reason.SEEDED, "*", table)
    found.leave(Reason.SEEDED, DRAWN_VALUES)
    return found


def twins_of_chain(context: Context, section: Section) -> Twins:
    """Nothing: routes to use in the log, with limits by simulation and resampling."""
    found = twins_of_use(context, section)
    for table in section.tables:
        found.leave(Reason.SEEDED, DRAWN_LIMITS, table)
    return found


def twins_without_items(context: Context, section: Section) -> Twins:
    """Nothing: relations of other sections, with scores of fewer items."""
    found = Twins()
    for table in (*section.tables, VALUES, METHOD):
        found.leave(Reason.ITEMS_LEFT, "*", table)
    found.leave(Reason.WORDS, "relations changed n_outcome n_use")
    return found
