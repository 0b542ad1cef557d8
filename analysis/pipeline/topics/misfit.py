"""What the structure of the themes leaves out: changes and residuals held against what would matter."""

from __future__ import annotations

from typing import Any

from analysis.disclosure.kinds import GIVEN, TEXT, Kind, each, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.section import Table
from analysis.pipeline.topics.extracted import factor_title
from analysis.structural.inference.misspecifications import (
    BEYOND,
    UNDECIDED,
    WITHIN,
    MisspecificationResult,
    misspecifications,
)
from analysis.structural.inference.result import StructuralResult

MOST_ROWS = 15
SAID = {"=~": "loading", "~~": "covariance", "~": "path", "~1": "intercept"}
KINDS: dict[str, Kind] = {
    **each(GIVEN, "left_out residual_pairs"),
    **each(statistic(), "left_out_negligible left_out_relevant left_out_undecided"),
    **each(statistic(), "residuals_negligible residuals_relevant residuals_undecided"),
}
_SOURCE = "Saris et al. 2009, doi:10.1080/10705510903203433"


def misfit_of(context: Context, fit: StructuralResult) -> tuple[list[str], dict[str, Any], dict[str, Table]]:
    """Sentences, values and tables on what a model leaves out.

    Parameters
    ----------
    context
        The validation.
    fit
        A proper solution.

    Returns
    -------
    tuple
        Prose, the values it names, and the tables `left_out` and `residuals`.
    """
    found = misspecifications(fit)
    values: dict[str, Any] = {"left_out": len(found.parameters), "residual_pairs": len(found.residuals)}
    for name, table in (("left_out", found.parameters), ("residuals", found.residuals)):
        for key, verdict in (("negligible", WITHIN), ("relevant", BEYOND), ("undecided", UNDECIDED)):
            values[f"{name}_{key}"] = int((table["verdict"] == verdict).sum())
    prose = [
        "Of {left_out:int} loadings and error covariances that this structure leaves out, "
        "{left_out_negligible:int} are negligible by the interval of the expected change, "
        "{left_out_relevant:int} are large enough to matter, and of {left_out_undecided:int} it cannot be "
        "told; freeing one because of these data is exploration.",
    ]
    if len(found.residuals):
        prose.append(
            "Of {residual_pairs:int} correlations of items, the structure leaves {residuals_negligible:int} "
            "within a tenth and {residuals_relevant:int} beyond; of {residuals_undecided:int} it is open."
        )
    return prose, values, _tables(context, found)


def _tables(context: Context, found: MisspecificationResult) -> dict[str, Table]:
    themes = set(context.themes)
    rows = found.parameters.loc[found.parameters["sepc"].abs().sort_values(ascending=False).index]
    rows = rows.head(MOST_ROWS).reset_index(drop=True)
    one = [factor_title(context, name) if name in themes else name for name in rows["lhs"]]
    tables = {
        "left_out": Table(
            frame=rows.drop(columns=["group", "op"]).assign(one=one, kind=rows["op"].map(SAID)),
            kinds={
                **each(TEXT, "lhs rhs one kind"),
                **each(statistic(), "mi epc sepc se ci_lower ci_upper power verdict by_power"),
                "trivial": GIVEN,
            },
            title="The largest changes that would be expected if something left out were freed",
            columns={
                "one": ("Of", "text"),
                "rhs": ("with", "text"),
                "kind": ("As", "text"),
                "mi": ("Modification index", "d1"),
                "sepc": ("Expected change, standardised", "r2"),
                "ci_lower": ("90% from", "r2"),
                "ci_upper": ("to", "r2"),
                "trivial": ("Matters from", "d1"),
                "power": ("Power to find that", "percent"),
                "verdict": ("Verdict", "text"),
            },
            note="Negligible: the interval lies within ± what matters (.40 for loadings, .10 for covariances "
            f"of errors, standardised: {_SOURCE}); that is a test of equivalence.",
        )
    }
    if len(found.residuals):
        tables["residuals"] = Table(
            frame=found.residuals.head(MOST_ROWS).drop(columns="group"),
            kinds=each(TEXT, "one other") | each(statistic(), "residual se z ci_lower ci_upper verdict"),
            title="The largest residual correlations",
            columns={
                "one": ("Item", "text"),
                "other": ("with", "text"),
                "residual": ("Observed less implied", "r2"),
                "ci_lower": ("90% from", "r2"),
                "ci_upper": ("to", "r2"),
                "verdict": ("Verdict", "text"),
            },
            note=f"Local dependence shows here. Negligible: the whole interval lies within ±.10 ({_SOURCE}).",
        )
    return tables
