"""Named, cited cut-offs: no bare number decides anything."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from instrument.common.formatting import format_value
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
OF_PLAN = "cut-off of the plan"
"""Words behind the name of a rule whose cut-off a plan lays down."""
_SIGNS = {">=": "≥", ">": ">", "<=": "≤", "<": "<"}


_IN_FORCE: ContextVar[Mapping[str, float]] = ContextVar("cut-offs of a plan", default=MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A cut-off with its name and the paper it comes from.

    Within `in_force` name, cut-off and source are those of the plan where it lays one down.

    Parameters
    ----------
    published_name
        How the rule is called in a report.
    comparison
        One of ``>=``, ``>``, ``<=``, ``<``; a value that satisfies it passes.
    published
        The number a value is compared with.
    published_source
        Author, year and DOI.
    note
        When the rule misleads.
    form
        How values and the cut-off are printed, as in `instrument.common.formatting`.

    Examples
    --------
    >>> ALPHA.holds(0.71), str(ALPHA)
    (True, 'COSMIN internal consistency: ≥ .70')
    >>> with in_force({"ALPHA": 0.8}):
    ...     ALPHA.holds(0.71), str(ALPHA)
    (False, 'COSMIN internal consistency, cut-off of the plan: ≥ .80')
    """

    published_name: str
    comparison: str
    published: float
    published_source: str
    note: str = ""
    form: str = "d2"

    @property
    def planned(self) -> float | None:
        """Cut-off of the plan in force; None where it lays none down."""
        return _IN_FORCE.get().get(self.published_name)

    @property
    def cutoff(self) -> float:
        """The number a value is compared with: that of the plan, else the published one."""
        planned = self.planned
        return self.published if planned is None else planned

    @property
    def name(self) -> str:
        """How the rule is called, with a word where the cut-off is not the published one."""
        return self.published_name if self.planned is None else f"{self.published_name}, {OF_PLAN}"

    @property
    def source(self) -> str:
        """Where the cut-off comes from."""
        if self.planned is None:
            return self.published_source
        return f"the plan; published: {self._against(self.published)} ({self.published_source})"

    def holds(self, value: float) -> bool:
        """Say whether a value passes; NaN never does."""
        return bool(_COMPARISONS[self.comparison](value, self.cutoff))

    def __str__(self) -> str:
        """Name, sign and cut-off."""
        return f"{self.name}: {self._against(self.cutoff)}"

    @property
    def asked_by(self) -> str:
        """Who asks for the cut-off, as a sentence says it."""
        return "the convention" if self.planned is None else "the plan"

    @property
    def printed(self) -> str:
        """The cut-off in print."""
        return self._printed(self.cutoff)

    def _against(self, cutoff: float) -> str:
        if self.form == "reply":
            return self._printed(cutoff)
        return f"{_SIGNS[self.comparison]} {self._printed(cutoff)}"

    def _printed(self, cutoff: float) -> str:
        """As the values it judges, and exactly: a percentage has its own digits, a cut-off may have more."""
        if self.form == "percent":
            return f"{100 * cutoff:g}%"
        if self.form == "reply":
            return format_value(cutoff, self.form)
        exact = self.form == "p" or self.form[0] == "r"
        if not exact:
            return f"{cutoff:g}".replace("-", "−")
        digits = max(2, len(f"{cutoff:g}".partition(".")[2]))
        return format_value(cutoff, f"r{digits}")


def rule(*, name: str, comparison: str, cutoff: float, source: str, note: str = "", form: str = "d2") -> Rule:
    """Make a rule from its published name, cut-off and source."""
    return Rule(
        published_name=name,
        comparison=comparison,
        published=cutoff,
        published_source=source,
        note=note,
        form=form,
    )


COSMIN = "Prinsen et al. 2018; Terwee et al. 2018, doi:10.1007/s11136-018-1829-0"

ALPHA = rule(name="COSMIN internal consistency", comparison=">=", cutoff=0.70, form="r2", source=COSMIN)
OMEGA = rule(
    name="Internal consistency, read on omega",
    comparison=">=",
    cutoff=0.70,
    form="r2",
    source=COSMIN,
    note="The standard names alpha; the same cut-off is applied to omega total.",
)
ICC = rule(name="COSMIN reliability", comparison=">=", cutoff=0.70, form="r2", source=COSMIN)
SAMPLE_PER_ITEM = rule(name="COSMIN sample, per item", comparison=">=", cutoff=7, form="d1", source=COSMIN)
SAMPLE_TOTAL = rule(name="COSMIN sample, in all", comparison=">=", cutoff=100, form="int", source=COSMIN)
CFI = rule(name="COSMIN structural validity, CFI", comparison=">", cutoff=0.95, form="r3", source=COSMIN)
TLI = rule(name="COSMIN structural validity, TLI", comparison=">", cutoff=0.95, form="r3", source=COSMIN)
RMSEA = rule(name="COSMIN structural validity, RMSEA", comparison="<", cutoff=0.06, form="r3", source=COSMIN)
SRMR = rule(name="COSMIN structural validity, SRMR", comparison="<", cutoff=0.08, form="r3", source=COSMIN)
TERWEE = "Terwee et al. 2012, doi:10.1007/s11136-011-9960-1"
RISK_OF_BIAS = "Mokkink et al. 2018, doi:10.1007/s11136-017-1765-4"
FEWEST_PEOPLE = rule(
    name="COSMIN smallest sample that says anything of a property",
    comparison=">=",
    cutoff=30,
    source=TERWEE,
    note="Fewer are called poor there: numbers may stand, a verdict may not.",
)
STRUCTURE_PER_ITEM = rule(
    name="COSMIN smallest sample for structure, per item",
    comparison=">=",
    cutoff=5,
    source=RISK_OF_BIAS,
    note="Fewer are called inadequate there, in factor analysis and for each group compared.",
)
RESPONSE_MODEL_PEOPLE = rule(
    name="COSMIN smallest sample for a response model with discriminations",
    comparison=">=",
    cutoff=250,
    source=RISK_OF_BIAS,
    note="Fewer are called inadequate there.",
)
HYPOTHESES = rule(
    name="COSMIN hypotheses confirmed", comparison=">=", cutoff=0.75, form="percent", source=COSMIN
)
KMO = rule(
    name="Sampling adequacy worth factoring",
    comparison=">=",
    cutoff=0.60,
    form="r2",
    source="Kaiser 1974, doi:10.1007/BF02291575",
)
BARTLETT = rule(
    name="Bartlett's test of sphericity",
    comparison="<",
    cutoff=0.05,
    form="p",
    source="Bartlett 1951, doi:10.1093/biomet/38.3-4.337",
    note="Large samples nearly always pass; KMO says more.",
)
FLOOR_CEILING = rule(
    name="Floor or ceiling of a score",
    comparison="<=",
    cutoff=0.15,
    form="percent",
    source="Terwee et al. 2007, doi:10.1016/j.jclinepi.2006.03.012",
)
ITEM_REST = rule(
    name="Item-rest correlation",
    comparison=">=",
    cutoff=0.30,
    form="r2",
    source="Boateng et al. 2018, doi:10.3389/fpubh.2018.00149",
)
LOADING = rule(
    name="Salient loading",
    comparison=">=",
    cutoff=0.40,
    form="r2",
    source="Boateng et al. 2018, doi:10.3389/fpubh.2018.00149",
)
HTMT = rule(
    name="Discriminant validity, HTMT",
    comparison="<",
    cutoff=0.85,
    form="r2",
    source="Henseler et al. 2015, doi:10.1007/s11747-014-0403-8",
)
AVE = rule(
    name="Average variance extracted",
    comparison=">=",
    cutoff=0.50,
    form="r2",
    source="Fornell & Larcker 1981, doi:10.1177/002224378101800104",
)
INVARIANCE_CFI = rule(
    name="Invariance, change of CFI",
    comparison=">=",
    cutoff=-0.010,
    form="r3",
    source="Chen 2007, doi:10.1080/10705510701301834",
)
INVARIANCE_RMSEA = rule(
    name="Invariance, change of RMSEA",
    comparison="<=",
    cutoff=0.015,
    form="r3",
    source="Chen 2007, doi:10.1080/10705510701301834",
)

LONGSTRING = rule(
    name="Longest run of identical answers, share of the items",
    comparison="<",
    cutoff=0.5,
    form="percent",
    source="Curran 2016, doi:10.1016/j.jesp.2015.07.006",
    note="Items of one direction invite runs in honest people too.",
)
INDIVIDUAL_VARIABILITY = rule(
    name="Variability within a person, in median absolute deviations from the median",
    comparison=">",
    cutoff=-3,
    source="Dunn et al. 2018, doi:10.1007/s10869-016-9479-0; cut-off of Leys et al. 2013, "
    "doi:10.1016/j.jesp.2013.03.013",
    note="The index has no published cut-off; the general one for outliers stands in.",
)
MAHALANOBIS = rule(
    name="Mahalanobis distance, p",
    comparison=">=",
    cutoff=0.001,
    form="p",
    source="Meade & Craig 2012, doi:10.1037/a0028085",
    note="Ordinal answers are not normal: rare but honest profiles are flagged.",
)
EVEN_ODD = rule(
    name="Even-odd consistency",
    comparison=">=",
    cutoff=0.30,
    form="r2",
    source="Johnson 2005, doi:10.1016/j.jrp.2004.09.009",
    note="With few themes the index is noise to a large part.",
)
RESPONSE_TIME = rule(
    name="Seconds per item",
    comparison=">=",
    cutoff=2,
    source="Huang et al. 2012, doi:10.1007/s10869-011-9231-8",
)
CARELESS_FLAGS = rule(
    name="Careless-response indices that flag one administration",
    comparison="<",
    cutoff=2,
    source="several hurdles: Curran 2016, doi:10.1016/j.jesp.2015.07.006",
    note="The number two is a proposal of this toolkit.",
)
ITEM_CVI = rule(
    name="Content validity of an item, I-CVI",
    comparison=">=",
    cutoff=0.777,
    form="r2",
    source="Lynn 1986, doi:10.1097/00006199-198611000-00017; Polit & Beck 2006, doi:10.1002/nur.20147",
    note="Printed as .78: seven of nine. With five experts or fewer all must agree.",
)
ITEM_CVI_FEW = rule(
    name="Content validity of an item, five judges or fewer",
    comparison=">=",
    cutoff=1,
    source="Lynn 1986, doi:10.1097/00006199-198611000-00017",
)
CONTENT_STANDARD = rule(
    name="Standard of content validity",
    comparison=">=",
    cutoff=1,
    form="reply",
    source="Terwee et al. 2018, doi:10.1007/s11136-018-1829-0",
    note="COSMIN's standards in our own words.",
)
SCALE_CVI = rule(
    name="Content validity of the scale, S-CVI/Ave",
    comparison=">=",
    cutoff=0.90,
    form="r2",
    source="Polit & Beck 2006, doi:10.1002/nur.20147",
)
CONTENT_KAPPA = rule(
    name="Content validity, modified kappa",
    comparison=">",
    cutoff=0.74,
    form="r2",
    source="Polit, Beck & Owen 2007, doi:10.1002/nur.20199",
)
INVARIANCE_CFI_ORDINAL = rule(
    name="Invariance of ordinal items, change of CFI",
    comparison=">=",
    cutoff=-0.004,
    form="r3",
    source="Rutkowski & Svetina 2017, doi:10.1080/08957347.2016.1243540",
)
INVARIANCE_RMSEA_ORDINAL = rule(
    name="Invariance of ordinal items, change of RMSEA",
    comparison="<=",
    cutoff=0.010,
    form="r3",
    source="Rutkowski & Svetina 2017, doi:10.1080/08957347.2016.1243540",
)
SMALLEST_CHANGE = rule(
    name="COSMIN measurement error: SDC over the minimal important change",
    comparison="<",
    cutoff=1,
    source=COSMIN,
)

EARLIEST_RATING = rule(
    name="Day of the earliest rating of alliance",
    comparison=">=",
    cutoff=14,
    source="Goldberg et al. 2022, doi:10.1177/10731911211015310",
    note="there the scores of weeks 3 and 4 went with outcome, earlier ones did not",
)


JODOIN_GIERL = "Jodoin & Gierl 2001, doi:10.1207/S15324818AME1404_2"
ZUMBO_THOMAS = "Zumbo & Thomas 1997, in Zumbo 1999, Handbook on the Theory and Methods of DIF, Ottawa"
DIF_NEGLIGIBLE = rule(
    name="Negligible DIF, change of Nagelkerke R²",
    comparison="<",
    cutoff=0.035,
    form="r3",
    source=JODOIN_GIERL,
    note="A larger change flags an item only where its test is significant, too; made for two options.",
)
DIF_MODERATE = rule(
    name="DIF no more than moderate, change of Nagelkerke R²",
    comparison="<",
    cutoff=0.070,
    form="r3",
    source=JODOIN_GIERL,
    note="A larger change flags an item only where its test is significant, too; made for two options.",
)
DIF_NEGLIGIBLE_ZUMBO = rule(
    name="Negligible DIF, change of R² (Zumbo)",
    comparison="<",
    cutoff=0.13,
    form="r3",
    source=ZUMBO_THOMAS,
    note="Lenient: it flags hardly any item of a short scale.",
)
DIF_MODERATE_ZUMBO = rule(
    name="DIF no more than moderate, change of R² (Zumbo)",
    comparison="<",
    cutoff=0.26,
    form="r3",
    source=ZUMBO_THOMAS,
    note="Lenient: it flags hardly any item of a short scale.",
)
DIF_COSMIN = rule(
    name="COSMIN cross-cultural validity: no important DIF, change of McFadden R²",
    comparison="<",
    cutoff=0.02,
    form="r3",
    source=COSMIN,
    note="A larger change flags an item only where its test is significant, too.",
)
DIF_GROUP = rule(
    name="Persons in each group compared for DIF",
    comparison=">=",
    cutoff=200,
    source="Scott et al. 2010, doi:10.1186/1477-7525-8-81",
)

IRT_ITEM_FIT = rule(
    name="COSMIN fit of an item response model, p",
    comparison=">",
    cutoff=0.001,
    form="p",
    source="COSMIN criteria, table 1 of doi:10.1186/s12955-020-01647-y",
    note="With many people small misfit is significant: read the RMSEA of S-X² beside it.",
)

BRADLEY = "Bradley 1978, doi:10.1111/j.2044-8317.1978.tb00581.x"
LEVEL_STRINGENT = rule(
    name="Level of a planned test over the nominal, stringent",
    comparison="<=",
    cutoff=1.1,
    source=BRADLEY,
    note="Judged only where chance alone does not explain more.",
)
LEVEL_LIBERAL = rule(
    name="Level of a planned test over the nominal, liberal",
    comparison="<=",
    cutoff=1.5,
    source=BRADLEY,
    note="Asked of the upper limit of the simulated level.",
)


WEIGHT_MEAN = rule(
    name="Mean of stabilised weights, distance from 1",
    comparison="<=",
    cutoff=0.2,
    source="a mean near 1: Cole & Hernan 2008, doi:10.1093/aje/kwn164",
    note="The number is a proposal of this toolkit.",
)
WEIGHT_SHARE = rule(
    name="Effective share of weighted people",
    comparison=">=",
    cutoff=0.25,
    source="few people must not carry the weight: Cole & Hernan 2008, doi:10.1093/aje/kwn164",
    note="The number is a proposal of this toolkit.",
)
WEIGHT_LEAST_PROBABILITY = rule(
    name="Smallest probability of an exposure that was seen",
    comparison=">=",
    cutoff=0.01,
    source="nobody all but decided: Cole & Hernan 2008, doi:10.1093/aje/kwn164",
    note="The number is a proposal of this toolkit.",
)
EXPOSURE_EXPLAINED = rule(
    name="Share of an exposure that its causes explain",
    comparison="<",
    cutoff=0.5,
    source="finite variance of ratios of normal densities; Cole & Hernan 2008, doi:10.1093/aje/kwn164",
    note="From one half on weights have no finite variance, whatever the sample shows.",
)
WEIGHT_BALANCE = rule(
    name="Balance of a cause after weighting",
    comparison="<=",
    cutoff=0.1,
    source="Zhu, Coffman & Ghosh 2015, doi:10.1515/jci-2014-0022",
)
NATURAL_COURSE = rule(
    name="Natural course against what was seen, standard deviations",
    comparison="<=",
    cutoff=0.1,
    source="it meets the observed means: Taubman et al. 2009, doi:10.1093/ije/dyp192",
    note="The number is a proposal of this toolkit.",
)
BEYOND_SEEN = rule(
    name="Exposures under a strategy that nobody had",
    comparison="<=",
    cutoff=0.05,
    source="positivity of modified treatment policies: Díaz et al. 2023, doi:10.1080/01621459.2021.1955691",
    note="The number is a proposal of this toolkit.",
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
    found = _every_rule()
    rows = [(r.name, r.comparison, r.cutoff, r.source, r.note) for r in found.values()]
    columns = ["name", "comparison", "cutoff", "source", "note"]
    return pd.DataFrame(rows, index=pd.Index(list(found), name="rule"), columns=columns)


def _every_rule() -> dict[str, Rule]:
    return {key: value for key, value in globals().items() if isinstance(value, Rule)}


OF_PEOPLE = (
    "FEWEST_PEOPLE",
    "STRUCTURE_PER_ITEM",
    "RESPONSE_MODEL_PEOPLE",
    "SAMPLE_PER_ITEM",
    "SAMPLE_TOTAL",
    "DIF_GROUP",
    "EARLIEST_RATING",
    "LEVEL_STRINGENT",
    "LEVEL_LIBERAL",
    "CONTENT_KAPPA",
    "ITEM_CVI",
    "ITEM_CVI_FEW",
    "CONTENT_STANDARD",
    "SCALE_CVI",
)
"""Rules that say what a sample can bear at all, or belong to other studies than a validation."""


def planned_rules() -> dict[str, Rule]:
    """Rules whose cut-off a plan may lay down: those by which the numbers of a validation are judged."""
    return {key: value for key, value in _every_rule().items() if key not in OF_PEOPLE}


def planned_cutoffs(meta: Mapping[str, Any]) -> dict[str, float]:
    """Cut-offs of the plan behind results: what is said of them later is said within `in_force` of these."""
    entries = (meta.get("plan") or {}).get("entries", {})
    return dict(entries.get("rules", {}).get("value") or {})


@contextmanager
def in_force(cutoffs: Mapping[str, float]) -> Iterator[None]:
    """Judge by the cut-offs of a plan within this block.

    Parameters
    ----------
    cutoffs
        Name of a rule (`ALPHA`, `CFI`, …; see `planned_rules`) to its cut-off.

    Raises
    ------
    DefinitionError
        There is no such rule, or no plan may move it.
    """
    known = planned_rules()
    if unknown := [name for name in cutoffs if name not in known]:
        fact = f"there is no rule {name_offenders(unknown)} whose cut-off a plan may lay down."
        raise DefinitionError(fact_and_hint("in_force", fact, "see analysis.rule_table()."))
    by_name = {known[name].published_name: float(cutoff) for name, cutoff in cutoffs.items()}
    token = _IN_FORCE.set(MappingProxyType(by_name))
    try:
        yield
    finally:
        _IN_FORCE.reset(token)
