"""Numbers that the planner's table asks for, held against studies drawn and fitted by other means."""

import numpy as np

from tests.recovery.plan_table_check import share


def test_the_other_program_finds_strong_effects_only() -> None:
    for kind in ("threshold, logistic", "outcome at follow-up, linear"):
        strong, none = (share(kind, 150, r, {}, 60, [3]) for r in (0.6, 0.0))
        assert strong > 0.9 and none < 0.2, kind
    assert np.isfinite(share("remaining use, logit", 150, 0.4, {}, 5, [4]))
