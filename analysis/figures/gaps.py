"""Rows that a figure cannot show because a number it draws is missing: nothing is drawn or told of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from analysis.figures.base import Section

# figure: table to the columns without which a row cannot be drawn
DRAWN: dict[str, dict[str, tuple[str, ...]]] = {
    "bifactor": {"bifactor": ("loading",)},
    "bland_altman": {
        "levels": (
            "mean",
            "difference",
            "spread_lower",
            "spread_upper",
            "bias",
            "loa_lower",
            "loa_upper",
        )
    },
    "daily": {"daily": ("on_day",)},
    "fairness": {"items": ("nagelkerke_total",)},
    "flow": {"flow": ("answered", "complete")},
    "forest": {"effects": ("effect", "effect_lower", "effect_upper")},
    "hidden_cause": {"sensitivity": ("rho", "estimate"), "robustness": ("rho_at_zero",)},
    "htmt": {"htmt": ("htmt", "htmt_ci_lower", "htmt_ci_upper")},
    "information": {"information": ("theta", "information")},
    "loadings": {"loadings": ("primary",)},
    "mechanism": {"routes": ("standardized", "estimate", "boot_lower", "boot_upper")},
    "models": {
        "fit": tuple(
            f"rmsea{part}{ending}" for part in ("", "_ci_lower", "_ci_upper") for ending in ("_robust", "")
        )
    },
    "paths": {"loadings": ("loading",), "factor_correlations": ("r",)},
    "person_item": {"standing": ("people", "steps")},
    "priority": {"themes": ("level", "level_lower", "level_upper", "effect", "effect_lower", "effect_upper")},
    "reliability": {"alpha": ("alpha", "ci_lower", "ci_upper")},
    "retention": {"retention": ("on_day", "from_day")},
    "dif_curves": {"curves": ("at", "expected")},
    "retest_pairs": {"pairs": ("share",)},
    "retest": {"retest": ("icc", "ci_lower", "ci_upper")},
    "returns": {"returns": ("ratio", "ci_lower", "ci_upper")},
    "scan": {"scan": ("estimate", "band_lower", "band_upper", "ci_lower", "ci_upper")},
    "scores": {"scores": ("mean",)},
    "scree": {"eigenvalues": ("observed", "permuted_percentile", "ekc")},
    "second_order": {"second_order": ("loading",)},
    "specification": {"paths": ("estimate", "position")},
    "survival": {"curves": ("time", "surviving"), "at_risk": ("time", "at_risk")},
    "trajectories": {"trajectories": ("mean", "ci_lower", "ci_upper")},
}

OPTIONAL = {("paths", "factor_correlations"), ("hidden_cause", "robustness")}  # drawn without it, too


def without_gaps(section: Section, figure: str) -> Section | None:
    """Give the section without the rows a figure cannot show.

    Parameters
    ----------
    section
        Section of a results tree.
    figure
        Name of the figure.

    Returns
    -------
    mapping or None
        The section; None where no row is left of a table that the figure needs.
    """
    tables: dict[str, Any] = dict(section["tables"])
    for name, needed in DRAWN.get(figure, {}).items():
        table = tables.get(name)
        if table is None:
            if (figure, name) not in OPTIONAL:
                return None
            continue
        count = max((len(column) for column in table.values()), default=0)
        keep = [row for row in range(count) if all(_known(table, key, row) for key in needed)]
        if not keep and (figure, name) not in OPTIONAL:
            return None
        if not keep:
            del tables[name]
        elif len(keep) < count:
            tables[name] = {key: [column[row] for row in keep] for key, column in table.items()}
    return {**section, "tables": tables}


def _known(table: Mapping[str, Any], key: str, row: int) -> bool:
    if key not in table:
        return True
    value = table[key][row]
    return value is not None and (isinstance(value, str) or math.isfinite(value))
