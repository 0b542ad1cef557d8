"""How many dimensions the answers suggest, by rules that may disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.common.rules import FEWEST_PEOPLE
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context, counted
from analysis.pipeline.correlating import (
    SMOOTHING_KINDS,
    correlation_for,
    missing_items,
    smooth_for,
    told_of_smoothing,
)
from analysis.pipeline.reach import of_structure
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.twinned.structure import twins_of_retention

if TYPE_CHECKING:
    from analysis.factors.factor_retention import RetentionResult

DRAWS = 100
LABELS = {
    "parallel_factors": "Parallel analysis, factors",
    "parallel_factors_mean": "Parallel analysis, factors, against the mean",
    "parallel_components": "Parallel analysis, components",
    "parallel_components_mean": "Parallel analysis, components, against the mean",
    "ekc": "Empirical Kaiser criterion",
    "kaiser": "Eigenvalues above one",
    "scree_acceleration": "Sharpest bend of the scree",
    "map": "Minimum average partial",
    "map_4th": "Minimum average partial, fourth power",
    "hull_caf": "Hull",
    "rmsea": "Sequential RMSEA",
}


def retention_of(context: Context) -> RetentionResult:
    """Run every rule once per validation."""
    from analysis.factors.factor_retention import factor_retention

    return context.once(
        "retention",
        lambda: factor_retention(
            context.items,
            correlation=correlation_for(context),
            missing=missing_items(context, "pairwise"),
            draws=DRAWS,
            seed=context.seed,
            smooth=smooth_for(context),
        ),
    )


def section_retention(context: Context) -> Section:
    """Suggested number of factors by each rule, with the scree and its references."""
    found = retention_of(context)
    suggested = found.table["n_factors"]
    known = suggested.dropna().astype(int)
    counts = known.value_counts()
    values: dict[str, Any] = {
        "parallel": int(suggested["parallel_factors"]),
        "rules": len(known),
        "lowest": int(known.min()),
        "highest": int(known.max()),
        "most_frequent": int(counts.index[0]),
        "most_frequent_rules": int(counts.iloc[0]),
        "themes": len(context.themes),
    }
    smoothed, of_smoothing = told_of_smoothing(found.correlation, found.smoothing)
    return Section(
        estimator=f"several rules on {found.correlation} correlations",
        n=found.n_obs,
        n_kind=people(weight=9),
        missing=f"{found.missing}",
        seed=found.seed,
        options={
            "wave": context.first_wave,
            "permutations": found.draws,
            "percentile": found.percentile,
            "smooth": context.smooth,
        },
        option_kinds=each(GIVEN, "wave permutations percentile smooth"),
        prose=[
            *smoothed,
            f"The items belong to {counted('themes', values['themes'], 'theme')}. Parallel analysis, which "
            "asks how many dimensions stand out against shuffled answers, suggests {parallel:int}. "
            + (
                "The {rules:int} rules run from {lowest:int} to {highest:int}; {most_frequent_rules:int} of "
                "them say {most_frequent:int}."
                if values["lowest"] != values["highest"]
                else "All {rules:int} rules say {lowest:int}."
            ),
            "Rules answer different questions. Eigenvalues above one tend to say too many, the bend of the "
            "scree too few; both are shown because readers ask for them.",
        ],
        values=values | of_smoothing,
        value_kinds={
            **SMOOTHING_KINDS,
            **each(GIVEN, "rules themes"),
            **each(statistic(), "parallel lowest highest most_frequent most_frequent_rules"),
        },
        tables={"rules": _rules_table(found), "eigenvalues": _eigenvalue_table(found)},
        figures=["scree"],
    )


def _rules_table(found: RetentionResult) -> Table:
    rows = found.table.rename_axis("method").reset_index()
    rows.insert(1, "label", [LABELS.get(method, method) for method in rows["method"]])
    return Table(
        frame=rows,
        kinds=each(TEXT, "method label kind") | each(statistic(), "detail n_factors"),
        title="Number of dimensions each rule suggests",
        columns={
            "label": ("Rule", "text"),
            "n_factors": ("Suggests", "int"),
            "kind": ("Of", "text"),
            "detail": ("Because", "text"),
        },
    )


def _eigenvalue_table(found: RetentionResult) -> Table:
    frame = found.eigenvalues.rename_axis("position").reset_index()
    return Table(
        frame=frame,
        kinds={
            "position": GIVEN,
            **each(statistic(), "observed permuted_mean permuted_percentile ekc acceleration"),
            **each(statistic(), "reduced reduced_permuted_mean reduced_permuted_percentile"),
        },
        title="Eigenvalues beside those of shuffled answers",
        columns={
            "position": ("Position", "int"),
            "observed": ("Observed", "d2"),
            "permuted_percentile": ("Shuffled, percentile", "d2"),
            "ekc": ("Empirical Kaiser", "d2"),
            "reduced": ("Observed, reduced", "d2"),
            "reduced_permuted_percentile": ("Shuffled, reduced, percentile", "d2"),
        },
    )


TOPIC = Topic(
    name="retention",
    title="Number of dimensions",
    subject="structure",
    question="How many things do these items measure?",
    run=section_retention,
    twins=twins_of_retention,
    people=int(FEWEST_PEOPLE.cutoff),
    enough=of_structure,
    lacks=lambda context: "" if len(context.item_ids) > 3 else "Needs four items or more.",
    reflective=True,
)
