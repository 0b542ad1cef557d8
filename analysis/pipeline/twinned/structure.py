"""Calls of R for sampling adequacy, number of dimensions, factors and models."""

from __future__ import annotations

from typing import Any

from analysis.pipeline.context import Context
from analysis.pipeline.correlating import correlation_for, missing_items
from analysis.pipeline.section import Section
from analysis.pipeline.twinned.said import add_extremes, first_wave
from analysis.structural.inference.misspecifications import CORRELATION, LOADING
from analysis.structural.language.theory_models import Structure
from analysis.twins import METHOD, Reason, Twins

OPERATORS = {"loading": "=~", "covariance": "~~", "path": "~", "intercept": "~1"}
ROTATED_ALIKE = ("none", "oblimin", "varimax", "promax", "quartimin", "quartimax", "geomin")
SMOOTHED = "smooth_items smooth_negative smooth_smallest smooth_frobenius smooth_largest"


def twins_of_sampling(context: Context, section: Section) -> Twins:
    """KMO and Bartlett's test by psych."""
    found = Twins()
    options: dict[str, Any] = {"items": context.item_ids, "where": first_wave(context)}
    missing = missing_items(context, "pairwise")
    if "smooth_negative" not in section.values:
        found.add("kmo", {"kmo": "each"}, table="kmo", missing=missing, **options)
        found.add("kmo", {"kmo": "kmo", "kmo_lowest": "lowest"}, missing=missing, **options)
    named = {f"bartlett_{name}": name for name in ("chisq", "df", "pvalue", "n")}
    if "bartlett_n" in section.values:
        found.add("bartlett", named, **options)
    found.add("n", {"n": "n"}, table=METHOD, paired=True, missing=missing, **options)
    found.leave(Reason.OWN, f"kmo kmo_lowest {SMOOTHED}")
    found.leave(Reason.OWN, "kmo", "kmo")
    return found


def twins_of_retention(context: Context, section: Section) -> Twins:
    """Eigenvalues and the rules that follow from them; shuffled answers are drawn."""
    found = Twins()
    options = _correlated(context)
    rules = section.tables["rules"].frame
    if "smooth_negative" not in section.values:
        found.add("eigenvalues", "observed ekc acceleration", table="eigenvalues", exact=False, **options)
        for row, method in enumerate(rules["method"]):
            if method in ("kaiser", "map"):
                found.add(
                    "eigenvalues" if method == "kaiser" else "map",
                    {"n_factors": method},
                    table="rules",
                    rows=[row],
                    exact=False,
                    **options,
                )
    found.add(
        "n",
        {"n": "n"},
        table=METHOD,
        items=context.item_ids,
        where=first_wave(context),
        missing=missing_items(context, "pairwise"),
        paired=True,
    )
    found.leave(Reason.OWN, "observed ekc acceleration reduced", "eigenvalues")
    found.leave(
        Reason.SEEDED,
        "permuted_mean permuted_percentile reduced_permuted_mean reduced_permuted_percentile",
        "eigenvalues",
    )
    found.leave(Reason.SEEDED, "n_factors", "rules")
    found.leave(Reason.SEEDED, "parallel lowest highest most_frequent most_frequent_rules")
    found.leave(Reason.OWN, SMOOTHED)
    found.leave(Reason.WORDS, "rules themes")
    return found


def _correlated(context: Context) -> dict[str, Any]:
    return {
        "items": context.item_ids,
        "where": first_wave(context),
        "correlation": correlation_for(context),
        "missing": missing_items(context, "pairwise"),
    }


def twins_of_exploration(context: Context, section: Section) -> Twins:
    """Extraction by psych, rotation by stats or GPArotation; factors are matched by likeness."""
    found = Twins()
    frame = section.tables["loadings"].frame
    factors = [name for name in frame.columns if name.startswith("F") and name[1:].isdigit()]
    rotation = context.plan.rotation if len(factors) > 1 else "none"
    alike = rotation in ROTATED_ALIKE
    if "smooth_negative" not in section.values and alike:
        options: dict[str, Any] = {
            **_correlated(context),
            "factors": len(factors),
            "rotation": rotation,
            "extraction": context.plan.extraction,
        }
        second = "second " if len(factors) > 1 else ""
        columns = f"primary {second}communality complexity {' '.join(factors)}"
        found.add("efa", columns, table="loadings", exact=False, **options)
        several = "factor_r_lowest factor_r_highest crossed " if len(factors) > 1 else ""
        found.add("efa", f"primary_lowest explained {several}rmsr", exact=False, **options)
        if "factor_correlations" in section.tables:
            named = {name: f"r_{name}" for name in factors}
            found.add("efa", named, table="factor_correlations", exact=False, **options)
    found.add(
        "n",
        {"n": "n"},
        table=METHOD,
        items=context.item_ids,
        where=first_wave(context),
        missing=missing_items(context, "pairwise"),
        paired=True,
    )
    for table in ("loadings", "factor_correlations"):
        found.leave(Reason.OWN, "*", table)
    found.leave(Reason.SEEDED, "factors")
    found.leave(Reason.WORDS, "items with_theme heywood")
    found.leave(
        Reason.OWN, f"primary_lowest explained factor_r_lowest factor_r_highest crossed rmsr {SMOOTHED}"
    )
    return found


def twins_of_models(context: Context, section: Section) -> Twins:
    """Stated structures by lavaan, in the words that `results.json` holds."""
    from analysis.pipeline.topics.model_loadings import GENERAL, of_structure
    from analysis.pipeline.topics.models import endings_of, theories

    found = Twins()
    told = theories(context)
    estimator = str(section.values["estimator"])
    frame = section.tables["fit"].frame
    place = {name: row for row, name in enumerate(frame["model"])}

    def of(name: str) -> dict[str, Any]:
        model = told.models[name]
        return {"syntax": model.syntax, "orthogonal": model.orthogonal}

    options: dict[str, Any] = {"where": first_wave(context), "estimator": estimator}
    judged_by, *beside = endings = endings_of(estimator)
    columns = " ".join(name for name in _fit_names(endings) if name in frame.columns)
    for row, name in enumerate(frame["model"]):
        found.add("fit", columns, table="fit", rows=[row], exact=False, **of(name), **options)
    if "differences" in section.tables:
        for row, (narrow, wide) in enumerate(
            section.tables["differences"].frame[["restricted", "free"]].itertuples(index=False)
        ):
            found.add(
                "difference",
                "chisq_diff df_diff pvalue",
                table="differences",
                rows=[row],
                exact=False,
                narrow=told.models[narrow].syntax,
                wide=told.models[wide].syntax,
                narrow_orthogonal=told.models[narrow].orthogonal,
                wide_orthogonal=told.models[wide].orthogonal,
                **options,
            )
    main = next((name for name, fit in told.fits.items() if fit is told.main), None)
    if main is not None:
        if "loadings" in section.tables:
            found.add(
                "loadings",
                "loading estimate se ci_lower ci_upper",
                table="loadings",
                exact=False,
                **of(main),
                **options,
            )
        for table, structure in GENERAL.items():
            if table in section.tables:
                found.add(
                    "loadings",
                    "loading estimate se ci_lower ci_upper",
                    table=table,
                    exact=False,
                    **of(str(of_structure(told, structure))),
                    **options,
                )
        model = {"syntax": told.models[main].syntax, **options}
        if "factor_correlations" in section.tables:
            found.add(
                "factor_correlations",
                "r ci_lower ci_upper",
                table="factor_correlations",
                exact=False,
                **model,
            )
        if "equivalence" in section.tables:
            size = {"estimate": f"rmsea{judged_by}", "t_size": f"rmsea_ci_upper{judged_by}"}
            found.add("fit", size, table="equivalence", rows=[0], exact=False, **of(main), **options)
            add_extremes(found, {"t_size_rmsea": ("max", "equivalence", "t_size")}, [0], exact=False)
            found.leave(Reason.OWN, "*", "equivalence")
            found.leave(Reason.OWN, "t_size_cfi")
        if "extracted" in section.tables:
            columns = "ave composite_reliability sqrt_ave largest_correlation"
            found.add("extracted", columns, table="extracted", exact=False, **model)
        found.add(
            "derived", {"n": "value"}, table=METHOD, how="max", of="fit", column="n", at=[place[main] + 1]
        )
        _add_misfit(found, section, of(main) | options)
    structures = list(frame["structure"])
    judged = next((row for row, name in enumerate(structures) if name == Structure.CORRELATED), 0)
    one = [
        row
        for row, name in enumerate(structures)
        if name == Structure.ONE and frame["items"].iloc[row] == frame["items"].iloc[judged]
    ][:1]
    for value, column, rows in (
        *((name, f"{name}{judged_by}", [judged]) for name in ("cfi", "tli", "rmsea")),
        *((f"{x}{end}", f"{x}{end}", [judged]) for x in ("cfi", "tli", "rmsea") for end in beside),
        ("srmr", "srmr", [judged]),
        ("one_cfi", f"cfi{judged_by}", one),
        ("one_rmsea", f"rmsea{judged_by}", one),
    ):
        if rows:
            add_extremes(found, {value: ("min", "fit", column)}, rows, exact=False)
    found.leave(Reason.WORDS, "models fitted proper")
    for table in ("composites", "weights"):
        if table in section.tables:
            found.leave(Reason.COMPOSITE, "*", table)
    return found


def _fit_names(endings: tuple[str, ...]) -> list[str]:
    """Names of everything that a table of fits may hold, with the endings of its indices."""
    tests = ["chisq", "pvalue", *(f"{name}{end}" for end in endings[1:] for name in ("chisq", "pvalue"))]
    indices = ("cfi", "tli", "rmsea", "rmsea_ci_lower", "rmsea_ci_upper")
    return [
        "n",
        "n_parameters",
        "df",
        *tests,
        "srmr",
        "aic",
        "bic",
        *(f"{x}{e}" for x in indices for e in endings),
    ]


def _add_misfit(found: Twins, section: Section, model: dict[str, Any]) -> None:
    """Changes expected of what is left out, and residual correlations, by lavaan."""
    if "left_out" in section.tables:
        frame = section.tables["left_out"].frame
        found.add(
            "left_out",
            "mi epc sepc se ci_lower ci_upper power",
            table="left_out",
            exact=False,
            lhs=[str(name) for name in frame["lhs"]],
            op=[OPERATORS[str(kind)] for kind in frame["kind"]],
            rhs=[str(name) for name in frame["rhs"]],
            trivial=[float(size) for size in frame["trivial"]],
            **model,
        )
        ends = ("negligible", "relevant", "undecided")
        named = {"left_out": "all", **{f"left_out_{end}": end for end in ends}}
        found.add("left_out_counts", named, exact=False, sizes={"=~": LOADING, "~~": CORRELATION}, **model)
        named = {"residual_pairs": "all", **{f"residuals_{end}": end for end in ends}}
        found.add("residual_counts", named, exact=False, size=CORRELATION, **model)
    if "residuals" in section.tables:
        frame = section.tables["residuals"].frame
        found.add(
            "residuals",
            "residual se z ci_lower ci_upper",
            table="residuals",
            exact=False,
            one=[str(name) for name in frame["one"]],
            other=[str(name) for name in frame["other"]],
            **model,
        )


def twins_of_planned_models(context: Context, section: Section) -> Twins:
    """Models of the plan by lavaan, in their own words; improper solutions are shown and not compared."""
    from analysis.pipeline.topics.models import endings_of, estimator_for

    found = Twins()
    estimator = str(estimator_for(context)["estimator"])
    options: dict[str, Any] = {"where": first_wave(context), "estimator": estimator}
    fit = section.tables["fit"].frame
    names = _fit_names(endings_of(estimator))
    estimates = section.tables["parameters"].frame if "parameters" in section.tables else None
    for row, said in enumerate(fit.to_dict("records")):
        if said["solution"] != "proper":
            continue
        model: dict[str, Any] = {"syntax": str(said["syntax"])}
        kept = " ".join(name for name in names if name in fit.columns)
        found.add("fit", kept, table="fit", rows=[row], exact=False, **model, **options)
        if row == 0:
            found.add("fit", "n", table=METHOD, **model, **options)
        if estimates is not None:
            rows = [at for at, name in enumerate(estimates["model"]) if name == said["model"]]
            found.add(
                "estimates",
                "n est se ci_lower ci_upper pvalue std_all",
                table="parameters",
                rows=rows,
                exact=False,
                parameters=[str(estimates["parameter"].iloc[at]) for at in rows],
                **model,
                **options,
            )
    for table in ("fit", "parameters"):
        found.leave(Reason.IMPROPER, "*", table)
    found.leave(Reason.IMPROPER, "n", METHOD)
    return found
