"""Named, cited cut-offs: no bare number decides anything."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_SIGNS = {">=": "≥", ">": ">", "<=": "≤", "<": "<"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A cut-off with its name and the paper it comes from.

    Parameters
    ----------
    name
        How the rule is called in a report.
    comparison
        One of ``>=``, ``>``, ``<=``, ``<``; a value that satisfies it passes.
    cutoff
        The number it is compared with.
    source
        Author, year and DOI.
    note
        When the rule misleads.

    Examples
    --------
    >>> ALPHA.holds(0.71), str(ALPHA)
    (True, 'COSMIN internal consistency: ≥ 0.7')
    """

    name: str
    comparison: str
    cutoff: float
    source: str
    note: str = ""

    def holds(self, value: float) -> bool:
        """Say whether a value passes; NaN never does."""
        return bool(_COMPARISONS[self.comparison](value, self.cutoff))

    def __str__(self) -> str:
        """Name, sign and cut-off."""
        return f"{self.name}: {_SIGNS[self.comparison]} {self.cutoff:g}"


COSMIN = "Prinsen et al. 2018; Terwee et al. 2018, doi:10.1007/s11136-018-1829-0"

ALPHA = Rule(name="COSMIN internal consistency", comparison=">=", cutoff=0.70, source=COSMIN)
OMEGA = Rule(
    name="Internal consistency, read on omega",
    comparison=">=",
    cutoff=0.70,
    source=COSMIN,
    note="The standard names alpha; the same cut-off is applied to omega total.",
)
ICC = Rule(name="COSMIN reliability", comparison=">=", cutoff=0.70, source=COSMIN)
SAMPLE_PER_ITEM = Rule(name="COSMIN sample, per item", comparison=">=", cutoff=7, source=COSMIN)
SAMPLE_TOTAL = Rule(name="COSMIN sample, in all", comparison=">=", cutoff=100, source=COSMIN)
CFI = Rule(name="COSMIN structural validity, CFI", comparison=">", cutoff=0.95, source=COSMIN)
TLI = Rule(name="COSMIN structural validity, TLI", comparison=">", cutoff=0.95, source=COSMIN)
RMSEA = Rule(name="COSMIN structural validity, RMSEA", comparison="<", cutoff=0.06, source=COSMIN)
SRMR = Rule(name="COSMIN structural validity, SRMR", comparison="<", cutoff=0.08, source=COSMIN)
HYPOTHESES = Rule(name="COSMIN hypotheses confirmed", comparison=">=", cutoff=0.75, source=COSMIN)
KMO = Rule(
    name="Sampling adequacy worth factoring",
    comparison=">=",
    cutoff=0.60,
    source="Kaiser 1974, doi:10.1007/BF02291575",
)
BARTLETT = Rule(
    name="Bartlett's test of sphericity",
    comparison="<",
    cutoff=0.05,
    source="Bartlett 1951, doi:10.1093/biomet/38.3-4.337",
    note="Large samples nearly always pass; KMO says more.",
)
FLOOR_CEILING = Rule(
    name="Floor or ceiling of a score",
    comparison="<=",
    cutoff=0.15,
    source="Terwee et al. 2007, doi:10.1016/j.jclinepi.2006.03.012",
)
ITEM_REST = Rule(
    name="Item-rest correlation",
    comparison=">=",
    cutoff=0.30,
    source="Boateng et al. 2018, doi:10.3389/fpubh.2018.00149",
)
LOADING = Rule(
    name="Salient loading",
    comparison=">=",
    cutoff=0.40,
    source="Boateng et al. 2018, doi:10.3389/fpubh.2018.00149",
)
HTMT = Rule(
    name="Discriminant validity, HTMT",
    comparison="<",
    cutoff=0.85,
    source="Henseler et al. 2015, doi:10.1007/s11747-014-0403-8",
)
INVARIANCE_CFI = Rule(
    name="Invariance, change of CFI",
    comparison=">=",
    cutoff=-0.010,
    source="Chen 2007, doi:10.1080/10705510701301834",
)
INVARIANCE_RMSEA = Rule(
    name="Invariance, change of RMSEA",
    comparison="<=",
    cutoff=0.015,
    source="Chen 2007, doi:10.1080/10705510701301834",
)
