"""Named, cited cut-offs: no bare number decides anything."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

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
TERWEE = "Terwee et al. 2012, doi:10.1007/s11136-011-9960-1"
RISK_OF_BIAS = "Mokkink et al. 2018, doi:10.1007/s11136-017-1765-4"
FEWEST_PEOPLE = Rule(
    name="COSMIN smallest sample that says anything of a property",
    comparison=">=",
    cutoff=30,
    source=TERWEE,
    note="Fewer are called poor there: numbers may stand, a verdict may not.",
)
STRUCTURE_PER_ITEM = Rule(
    name="COSMIN smallest sample for structure, per item",
    comparison=">=",
    cutoff=5,
    source=RISK_OF_BIAS,
    note="Fewer are called inadequate there, in factor analysis and for each group compared.",
)
RESPONSE_MODEL_PEOPLE = Rule(
    name="COSMIN smallest sample for a response model with discriminations",
    comparison=">=",
    cutoff=250,
    source=RISK_OF_BIAS,
    note="Fewer are called inadequate there.",
)
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
AVE = Rule(
    name="Average variance extracted",
    comparison=">=",
    cutoff=0.50,
    source="Fornell & Larcker 1981, doi:10.1177/002224378101800104",
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

LONGSTRING = Rule(
    name="Longest run of identical answers, share of the items",
    comparison="<",
    cutoff=0.5,
    source="Curran 2016, doi:10.1016/j.jesp.2015.07.006",
    note="Items of one direction invite runs in honest people too.",
)
INDIVIDUAL_VARIABILITY = Rule(
    name="Variability within a person, in median absolute deviations from the median",
    comparison=">",
    cutoff=-3,
    source="Dunn et al. 2018, doi:10.1007/s10869-016-9479-0; cut-off of Leys et al. 2013, "
    "doi:10.1016/j.jesp.2013.03.013",
    note="The index has no published cut-off; the general one for outliers stands in.",
)
MAHALANOBIS = Rule(
    name="Mahalanobis distance, p",
    comparison=">=",
    cutoff=0.001,
    source="Meade & Craig 2012, doi:10.1037/a0028085",
    note="Ordinal answers are not normal: rare but honest profiles are flagged.",
)
EVEN_ODD = Rule(
    name="Even-odd consistency",
    comparison=">=",
    cutoff=0.30,
    source="Johnson 2005, doi:10.1016/j.jrp.2004.09.009",
    note="With few themes the index is noise to a large part.",
)
RESPONSE_TIME = Rule(
    name="Seconds per item",
    comparison=">=",
    cutoff=2,
    source="Huang et al. 2012, doi:10.1007/s10869-011-9231-8",
)
CARELESS_FLAGS = Rule(
    name="Careless-response indices that flag one administration",
    comparison="<",
    cutoff=2,
    source="several hurdles: Curran 2016, doi:10.1016/j.jesp.2015.07.006",
    note="The number two is a proposal of this toolkit.",
)
ITEM_CVI = Rule(
    name="Content validity of an item, I-CVI",
    comparison=">=",
    cutoff=0.78,
    source="Polit & Beck 2006, doi:10.1002/nur.20147",
    note="With five experts or fewer all must agree.",
)
SCALE_CVI = Rule(
    name="Content validity of the scale, S-CVI/Ave",
    comparison=">=",
    cutoff=0.90,
    source="Polit & Beck 2006, doi:10.1002/nur.20147",
)
CONTENT_KAPPA = Rule(
    name="Content validity, modified kappa",
    comparison=">",
    cutoff=0.74,
    source="Polit, Beck & Owen 2007, doi:10.1002/nur.20199",
)
INVARIANCE_CFI_ORDINAL = Rule(
    name="Invariance of ordinal items, change of CFI",
    comparison=">=",
    cutoff=-0.004,
    source="Rutkowski & Svetina 2017, doi:10.1080/08957347.2016.1243540",
)
INVARIANCE_RMSEA_ORDINAL = Rule(
    name="Invariance of ordinal items, change of RMSEA",
    comparison="<=",
    cutoff=0.010,
    source="Rutkowski & Svetina 2017, doi:10.1080/08957347.2016.1243540",
)
SMALLEST_CHANGE = Rule(
    name="COSMIN measurement error: SDC over the minimal important change",
    comparison="<",
    cutoff=1,
    source=COSMIN,
)

EARLIEST_RATING = Rule(
    name="Day of the earliest rating of alliance",
    comparison=">=",
    cutoff=14,
    source="Goldberg et al. 2022, doi:10.1177/10731911211015310",
    note="there the scores of weeks 3 and 4 went with outcome, earlier ones did not",
)


JODOIN_GIERL = "Jodoin & Gierl 2001, doi:10.1207/S15324818AME1404_2"
ZUMBO_THOMAS = "Zumbo & Thomas 1997, in Zumbo 1999, Handbook on the Theory and Methods of DIF, Ottawa"
DIF_NEGLIGIBLE = Rule(
    name="Negligible DIF, change of Nagelkerke R²",
    comparison="<",
    cutoff=0.035,
    source=JODOIN_GIERL,
    note="A larger change flags an item only where its test is significant, too; made for two options.",
)
DIF_MODERATE = Rule(
    name="DIF no more than moderate, change of Nagelkerke R²",
    comparison="<",
    cutoff=0.070,
    source=JODOIN_GIERL,
    note="A larger change flags an item only where its test is significant, too; made for two options.",
)
DIF_NEGLIGIBLE_ZUMBO = Rule(
    name="Negligible DIF, change of R² (Zumbo)",
    comparison="<",
    cutoff=0.13,
    source=ZUMBO_THOMAS,
    note="Lenient: it flags hardly any item of a short scale.",
)
DIF_MODERATE_ZUMBO = Rule(
    name="DIF no more than moderate, change of R² (Zumbo)",
    comparison="<",
    cutoff=0.26,
    source=ZUMBO_THOMAS,
    note="Lenient: it flags hardly any item of a short scale.",
)
DIF_COSMIN = Rule(
    name="COSMIN cross-cultural validity: no important DIF, change of McFadden R²",
    comparison="<",
    cutoff=0.02,
    source=COSMIN,
    note="A larger change flags an item only where its test is significant, too.",
)
DIF_GROUP = Rule(
    name="Persons in each group compared for DIF",
    comparison=">=",
    cutoff=200,
    source="Scott et al. 2010, doi:10.1186/1477-7525-8-81",
)

IRT_ITEM_FIT = Rule(
    name="COSMIN fit of an item response model, p",
    comparison=">",
    cutoff=0.001,
    source="COSMIN criteria, table 1 of doi:10.1186/s12955-020-01647-y",
    note="With many people small misfit is significant: read the RMSEA of S-X² beside it.",
)

BRADLEY = "Bradley 1978, doi:10.1111/j.2044-8317.1978.tb00581.x"
LEVEL_STRINGENT = Rule(
    name="Level of a planned test over the nominal, stringent",
    comparison="<=",
    cutoff=1.1,
    source=BRADLEY,
    note="Judged only where chance alone does not explain more.",
)
LEVEL_LIBERAL = Rule(
    name="Level of a planned test over the nominal, liberal",
    comparison="<=",
    cutoff=1.5,
    source=BRADLEY,
    note="Asked of the upper limit of the simulated level.",
)


def rule_table() -> pd.DataFrame:
    """Give every named rule, to print beside a report.

    Returns
    -------
    pandas.DataFrame
        Index: the rule's constant; columns `name`, `comparison`, `cutoff`, `source`, `note`.

    Examples
    --------
    >>> print(rule_table().loc["ICC", "source"])
    Prinsen et al. 2018; Terwee et al. 2018, doi:10.1007/s11136-018-1829-0
    """
    found = {key: value for key, value in globals().items() if isinstance(value, Rule)}
    rows = [(r.name, r.comparison, r.cutoff, r.source, r.note) for r in found.values()]
    columns = ["name", "comparison", "cutoff", "source", "note"]
    return pd.DataFrame(rows, index=pd.Index(list(found), name="rule"), columns=columns)
