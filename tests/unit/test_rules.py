"""Every cut-off as its source states it: a changed sign or digit is a changed verdict."""

import math

import pytest

from analysis.common import rules
from instrument.errors import DefinitionError

# from the papers named in each rule's source
CUTOFFS = {
    "ALPHA": (">=", 0.7),
    "OMEGA": (">=", 0.7),
    "ICC": (">=", 0.7),
    "SAMPLE_PER_ITEM": (">=", 7),
    "SAMPLE_TOTAL": (">=", 100),
    "CFI": (">", 0.95),
    "TLI": (">", 0.95),
    "RMSEA": ("<", 0.06),
    "SRMR": ("<", 0.08),
    "FEWEST_PEOPLE": (">=", 30),
    "STRUCTURE_PER_ITEM": (">=", 5),
    "RESPONSE_MODEL_PEOPLE": (">=", 250),
    "HYPOTHESES": (">=", 0.75),
    "KMO": (">=", 0.6),
    "BARTLETT": ("<", 0.05),
    "FLOOR_CEILING": ("<=", 0.15),
    "ITEM_REST": (">=", 0.3),
    "LOADING": (">=", 0.4),
    "HTMT": ("<", 0.85),
    "AVE": (">=", 0.5),
    "INVARIANCE_CFI": (">=", -0.01),
    "INVARIANCE_RMSEA": ("<=", 0.015),
    "LONGSTRING": ("<", 0.5),
    "INDIVIDUAL_VARIABILITY": (">", -3),
    "MAHALANOBIS": (">=", 0.001),
    "EVEN_ODD": (">=", 0.3),
    "RESPONSE_TIME": (">=", 2),
    "CARELESS_FLAGS": ("<", 2),
    "ITEM_CVI": (">=", 0.777),
    "ITEM_CVI_FEW": (">=", 1),
    "CONTENT_STANDARD": (">=", 1),
    "SCALE_CVI": (">=", 0.9),
    "CONTENT_KAPPA": (">", 0.74),
    "INVARIANCE_CFI_ORDINAL": (">=", -0.004),
    "INVARIANCE_RMSEA_ORDINAL": ("<=", 0.01),
    "SMALLEST_CHANGE": ("<", 1),
    "EARLIEST_RATING": (">=", 14),
    "DIF_NEGLIGIBLE": ("<", 0.035),
    "DIF_MODERATE": ("<", 0.07),
    "DIF_NEGLIGIBLE_ZUMBO": ("<", 0.13),
    "DIF_MODERATE_ZUMBO": ("<", 0.26),
    "DIF_COSMIN": ("<", 0.02),
    "DIF_GROUP": (">=", 200),
    "IRT_ITEM_FIT": (">", 0.001),
    "LEVEL_STRINGENT": ("<=", 1.1),
    "LEVEL_LIBERAL": ("<=", 1.5),
    "WEIGHT_MEAN": ("<=", 0.2),
    "WEIGHT_SHARE": (">=", 0.25),
    "WEIGHT_LEAST_PROBABILITY": (">=", 0.01),
    "WEIGHT_BALANCE": ("<=", 0.1),
    "NATURAL_COURSE": ("<=", 0.1),
    "BEYOND_SEEN": ("<=", 0.05),
    "EXPOSURE_EXPLAINED": ("<", 0.5),
}


SIGNS = {">=": "≥", ">": ">", "<=": "≤", "<": "<"}
PRINTED = {"HYPOTHESES": "75%", "FLOOR_CEILING": "15%", "LONGSTRING": "50%", "INDIVIDUAL_VARIABILITY": "−3"}
PRINTED |= {
    "WEIGHT_MEAN": "0.2",
    "WEIGHT_BALANCE": "0.1",
    "NATURAL_COURSE": "0.1",
    "BEYOND_SEEN": "0.05",
    "WEIGHT_SHARE": "0.25",
    "EXPOSURE_EXPLAINED": "0.5",
}
PRINTED |= {"CONTENT_STANDARD": "yes"}
PRINTED |= {"WEIGHT_LEAST_PROBABILITY": "0.01"}


def printed(cutoff):
    """A statistic that cannot pass 1 has two decimals or more and no zero before its point."""
    if abs(cutoff) >= 1:
        return f"{cutoff:g}"
    whole, _, digits = str(abs(cutoff)).partition(".")
    assert whole == "0"
    return ("−" if cutoff < 0 else "") + "." + digits.ljust(2, "0")


def test_every_rule_is_listed_here():
    assert set(rules.rule_table().index) == set(CUTOFFS)


def test_a_plan_moves_the_rules_of_a_validation_and_no_others():
    """What a sample can bear, and the rules of other studies, are not for a plan to lower."""
    assert set(rules.planned_rules()) == set(CUTOFFS) - set(rules.OF_PEOPLE)
    assert set(rules.OF_PEOPLE) < set(CUTOFFS)
    for name in ("FEWEST_PEOPLE", "SAMPLE_TOTAL", "SCALE_CVI"):
        told = f"there is no rule '{name}' whose cut-off a plan may lay"
        with pytest.raises(DefinitionError, match=told), rules.in_force({name: 1.0}):
            pass


@pytest.mark.parametrize("name", CUTOFFS)
def test_cutoff_and_edge(name):
    rule = getattr(rules, name)
    comparison, cutoff = CUTOFFS[name]
    assert (rule.comparison, rule.cutoff) == (comparison, cutoff)
    assert rule.holds(cutoff) == (comparison in (">=", "<="))
    above = comparison.startswith(">")
    assert rule.holds(cutoff + 1e-9) == above
    assert rule.holds(cutoff - 1e-9) != above
    assert not rule.holds(math.nan)
    assert rule.source
    sign = "" if name == "CONTENT_STANDARD" else f" {SIGNS[comparison]}"  # an answer in words
    assert str(rule).endswith(f"{sign} {PRINTED.get(name) or printed(cutoff)}")
