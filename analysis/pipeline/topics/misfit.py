"""What the structure of the themes leaves out: changes and residuals held against what would matter."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.disclosure.kinds import GIVEN, TEXT, Kind, each, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.section import Table
from analysis.pipeline.topics.extracted import factor_title
from analysis.structural.inference.equivalence import GRADES
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
    **each(statistic(), "t_size_rmsea t_size_cfi t_size_grade"),
}
_SIZES = "Yuan et al. 2016, doi:10.1080/10705511.2015.1065414"
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
        Prose, the values it names, and the tables `equivalence`, `left_out` and `residuals`.
    """
    prose, values, tables = size_of_misfit(fit)
    found = misspecifications(fit)
    values |= {"left_out": len(found.parameters), "residual_pairs": len(found.residuals)}
    for name, table in (("left_out", found.parameters), ("residuals", found.residuals)):
        for key, verdict in (("negligible", WITHIN), ("relevant", BEYOND), ("undecided", UNDECIDED)):
            values[f"{name}_{key}"] = int((table["verdict"] == verdict).sum())
    prose.append(
        "Of {left_out:int} loadings and error covariances that this structure leaves out, "
        "{left_out_negligible:int} "
        + ("is" if values["left_out_negligible"] == 1 else "are")
        + " negligible by the interval of the expected change, {left_out_relevant:int} "
        + ("is" if values["left_out_relevant"] == 1 else "are")
        + " large enough to matter, and of {left_out_undecided:int} it cannot be told; freeing one because "
        "of these data is exploration.",
    )
    if len(found.residuals):
        prose.append(
            "Of {residual_pairs:int} correlations of items, the structure leaves {residuals_negligible:int} "
            "within a tenth and {residuals_relevant:int} beyond; of {residuals_undecided:int} it is open."
        )
    return prose, values, tables | _tables(context, found)


def size_of_misfit(fit: StructuralResult) -> tuple[list[str], dict[str, Any], dict[str, Table]]:
    """Say how large the misfit of the whole model may be at most, where that is known.

    Parameters
    ----------
    fit
        A proper solution with degrees of freedom.

    Returns
    -------
    tuple
        Prose, the values it names, and the table `equivalence`; empty where there is no robust RMSEA.
    """
    rows = fit.equivalence().table
    rows = rows[np.isfinite(rows["t_size"].to_numpy(dtype=float))].reset_index(drop=True)
    if not len(rows) or rows["index"].iloc[0] != "rmsea":
        return [], {}, {}
    sizes = rows.set_index("index")
    grade = str(sizes["grade"]["rmsea"])
    values: dict[str, Any] = {"t_size_rmsea": float(sizes["t_size"]["rmsea"]), "t_size_grade": grade}
    also = ""
    if "cfi" in sizes.index:
        values["t_size_cfi"] = float(sizes["t_size"]["cfi"])
        also = ", and so is a CFI lower than {t_size_cfi:r3}"
    told = f"A misfit larger than an RMSEA of {{t_size_rmsea:r3}} is ruled out with 95% confidence{also}"
    told += "; for this number of people and degrees of freedom that allows the claim of {t_size_grade} fit."
    if grade == GRADES[-1]:
        told = told[: told.rindex(";")] + "; that is too much for a claim that the model fits."
    cuts = GRADES[:-1]
    table = Table(
        frame=rows.assign(name=rows["index"].str.upper()),
        kinds={
            **each(TEXT, "index name variant"),
            **each(statistic(), "estimate t_size grade", *cuts),
        },
        title="How large the misfit may be at most (T-size)",
        columns={
            "name": ("Index", "text"),
            "estimate": ("Estimate", "r3"),
            "t_size": ("At most (CFI: at least)", "r3"),
            **{cut: (cut.capitalize(), "r3") for cut in cuts},
            "grade": ("Claim", "text"),
        },
        note="A test of equivalence: what is not ruled out with 95% confidence counts as there. The cut-offs "
        "are those of RMSEA .01, .05, .08, .10 and CFI .99, .95, .92, .90, adjusted to people and degrees of "
        f"freedom ({_SIZES}); they were found by maximum likelihood for normal answers"
        + (", and no such CFI is known for this estimator." if "cfi" not in sizes.index else "."),
    )
    return [told], values, {"equivalence": table}


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
