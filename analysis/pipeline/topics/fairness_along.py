"""Items that function differently along continuous covariates, such as age."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

from analysis.common.rules import DIF_COSMIN, DIF_GROUP
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import GIVEN, TEXT, Kind, each, people, statistic
from analysis.pipeline.context import Context, listed
from analysis.pipeline.covariates import Use, covariates_of
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Finding, Table
from instrument.errors import ToolkitError, ToolkitWarning

ALONG = Question(
    text="Do people alike on a theme answer alike along continuous covariates?", bears_on=Property.INVARIANCE
)
FEWEST_ITEMS = 3
FLAGGED = ("moderate", "large", "important")
KINDS_ALONG: dict[str, Kind] = {
    **each(GIVEN, "along_tests"),
    **each(TEXT, "along_covariates along_items"),
    **each(statistic(), "along_flagged along_significant"),
}
_COLUMNS = {
    "covariate": ("Along", "text"),
    "title": ("Theme", "text"),
    "item": ("Item", "text"),
    "n": ("n", "int"),
    "chisq_total": ("χ²", "d1"),
    "p_adjusted_total": ("p, adjusted", "p"),
    "nagelkerke_total": ("Change of R²", "r3"),
    "signed_difference": ("Points, signed", "d2"),
    "unsigned_difference": ("Points", "d2"),
    "flag": ("Flag", "text"),
}
_DATA = ["mcfadden_total", "chisq_uniform", "chisq_nonuniform"]


def along_covariates(context: Context, gaps: Gaps) -> pd.DataFrame:
    """Test every item of every theme along each continuous covariate known of 200 people or more."""
    from analysis.fairness.dif_moderation import dif_moderation

    rows: list[pd.DataFrame] = []
    for found in covariates_of(context):
        if found.use is not Use.CONTINUOUS:
            continue
        if not DIF_GROUP.holds(int(found.values.notna().sum())):
            gaps.leave(f"Items along {found.name}", Cause.FEW_PEOPLE)
            continue
        for theme, items in context.themes.items():
            if len(items) < FEWEST_ITEMS:
                continue
            who = f"{context.title_of(theme)} along {found.name}"
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message="dif_moderation: ", category=ToolkitWarning)
                    result = dif_moderation(context.items[items], found.values)
            except ToolkitError as error:
                gaps.add(who, error, items)
                continue
            for item, why in result.not_estimable.items():
                gaps.leave(f"{who}: {item} ({why})", Cause.NOT_ESTIMATED)
            head = {"covariate": found.name, "title": context.title_of(theme)}
            rows.append(result.table.reset_index().assign(**head))
    columns = [*_COLUMNS, *_DATA]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def values_along(along: pd.DataFrame) -> dict[str, Any]:
    """Give counts of tests and flags; nothing where there is no continuous covariate."""
    if along.empty:
        return {}
    flagged = along[along["flag"].isin(FLAGGED)]
    return {
        "along_covariates": listed(dict.fromkeys(along["covariate"])),
        "along_tests": int(along["p_adjusted_total"].notna().sum()),
        "along_significant": int((along["p_adjusted_total"] < 0.05).sum()),
        "along_flagged": len(flagged),
        "along_items": listed(f"{row.item} along {row.covariate}" for row in flagged.itertuples()),
    }


def told_flags(of: str, significant: int, flagged: int) -> str:
    """Say how many tests of items were significant, and how many of these large enough for a flag.

    Parameters
    ----------
    of
        What the names of both values begin with.
    significant, flagged
        Their values.

    Examples
    --------
    >>> told_flags("", 0, 0)
    "none was significant after Holm's adjustment within the theme."
    """
    after = "significant after Holm's adjustment within the theme"
    if not significant:
        return f"none was {after}."
    large = f"{{{of}flagged:int}} of them" if flagged else "none of them"
    return f"{{{of}significant:int}} {after}, {large} large enough for a flag."


def told_along(along: pd.DataFrame) -> list[str]:
    """Say what was found."""
    if along.empty:
        return []
    flagged, significant = along["flag"].isin(FLAGGED).sum(), (along["p_adjusted_total"] < 0.05).sum()
    sentences = [
        "Along {along_covariates}, taken as amounts and not cut into groups, {along_tests:int} tests of "
        "items were made: " + told_flags("along_", int(significant), int(flagged))
    ]
    if along["flag"].isin(FLAGGED).any():
        sentences.append("Flagged: {along_items}.")
    return sentences


def tables_along(along: pd.DataFrame) -> dict[str, Table]:
    """Give the tests as a table."""
    if along.empty:
        return {}
    return {
        "along": Table(
            frame=along,
            kinds={
                **each(TEXT, "covariate title item flag"),
                "n": people(weight=1),
                **each(statistic("n"), "chisq_total p_adjusted_total nagelkerke_total signed_difference"),
                **each(statistic("n"), "unsigned_difference", *_DATA),
            },
            title="Tests of each item along continuous covariates",
            columns=_COLUMNS,
            note="Points: how much higher the expected answer is one standard deviation above the mean of "
            "the covariate than one below it, among people alike on the theme.",
        )
    }


def findings_along(along: pd.DataFrame) -> list[Finding]:
    """Judge the largest change of R² along each covariate; one that is large by chance decides nothing."""
    found = []
    for name, items in along.groupby("covariate", sort=False):
        known = items.dropna(subset=["mcfadden_total"])
        if known.empty:
            continue
        changes = known["mcfadden_total"].to_numpy(dtype=float)
        place = int(known.index[int(changes.argmax())])
        large = known[~known["mcfadden_total"].map(DIF_COSMIN.holds).astype(bool)]
        chance = len(large) > 0 and not (large["p_adjusted_total"] < 0.05).any()
        found.append(
            Finding(
                claim=f"Along {name}: largest change of R² (McFadden)",
                value=float(changes.max()),
                rule=DIF_COSMIN,
                question=ALONG,
                path=f"sections.fairness.tables.along.mcfadden_total[{place}]",
                untested=Cause.UNDECIDED if chance else None,
            )
        )
    return found
