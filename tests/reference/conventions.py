"""What lavaan 0.6-14 understands differently: how its values are compared all the same.

0.6-14 keeps the intercepts of ordinal items at 0 when thresholds are equal and frees the means of the
factors; since 0.6-20 that is what equal thresholds *and* intercepts mean. It divides robust indices of ordinal
items by N - groups, later versions by N, and gives a p to the uncorrected statistic.
"""

import math


def as_since_06_20(options):
    """The same model in the words of today."""
    equal = options.get("group_equal", [])
    if "thresholds" in equal and "intercepts" not in equal:
        return options | {"group_equal": [*equal, "intercepts"]}
    return options


def is_ordinal(options):
    return options.get("estimator", "WLSMV") in ("WLSMV", "ULSMV")


def left_out(index):
    """Indices of ordinal models that follow another convention and cannot be converted."""
    return index in ("pvalue", "rmsea_pvalue_robust")


def with_n_rows(index, value, n, groups):
    """Robust RMSEA of ordinal items divided by N in place of N - groups."""
    robust = index in ("rmsea_robust", "rmsea_ci_lower_robust", "rmsea_ci_upper_robust")
    return value * math.sqrt((n - groups) / n) if robust else value
