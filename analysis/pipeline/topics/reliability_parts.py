"""Omega of a theme, the general factor over the dimensions, and reliability by wave and group."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.rules import SAMPLE_TOTAL
from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import GIVEN, TEXT, Kind, Place, each, people, statistic
from analysis.disclosure.ledger import Account, cell
from analysis.pipeline import populations
from analysis.pipeline.context import Context, listed
from analysis.pipeline.correlating import correlation_for, missing_items, smooth_for, told_of_smoothing
from analysis.pipeline.reach import Gaps, of_fit, of_structure
from analysis.pipeline.section import Table
from analysis.pipeline.topics.groups import groupings
from analysis.pipeline.topics.models import theories
from analysis.structural.language.theory_models import Structure
from instrument.errors import NotEstimableError, ToolkitError, fact_and_hint, name_offenders

if TYPE_CHECKING:
    from analysis.reliability.congeneric import CongenericResult
    from analysis.reliability.omega_result import OmegaResult

DRAWS = 100  # of each bootstrap: its standard deviation is then known to 7 %
OMEGA_COLUMNS = ("omega", "omega_ci_lower", "omega_ci_upper", "omega_moved", "omega_draws_smoothed")
OMEGA_KINDS: dict[str, Kind] = {
    **each(TEXT, "omega_moved_themes omega_drawn_themes"),
    **each(GIVEN, "omega_draws omega_smooth omega_parts"),
    **each(statistic(), "omega_moved_most omega_drawn_most omega_moved_parts"),
}
FEWEST_ITEMS = 3
FEWEST_DIMENSIONS = 3
ORDINAL = (
    "Omega total: one factor of the polychoric correlations, for the sum of the answers as given "
    "(Green & Yang 2009, doi:10.1007/s11336-008-9099-3), by pairs, so from more people than n."
)
NO_GENERAL = (
    "How much of the sum comes from what all items share (omega hierarchical) cannot be told of two "
    "dimensions: it takes three or more (Zinbarg et al. 2007, doi:10.1177/0146621606291558)."
)
CONTINUOUS = "Omega total: one factor with free loadings, over the observed variance of the sum, by pairs."


@dataclass(kw_only=True)
class Told:
    """Sentences and the values they name."""

    prose: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


NO_UNIQUE = 0.0051
"""Share of an item's variance that counts as none left to it, as in `analysis.omega`."""
_ALIKE = "look for items that say the same."


class ImproperOmegaError(NotEstimableError):
    """One factor leaves no variance of its own to an item."""


def is_ordinal(context: Context) -> bool:
    """Whether items count as ordinal: by the correlations chosen, else where they have few options."""
    return correlation_for(context) == "polychoric"


def omega_of(context: Context, answers: pd.DataFrame, draws: int) -> dict[str, Any]:
    """Omega total of one factor for the sum of these answers.

    Parameters
    ----------
    context
        The validation.
    answers
        Items of a theme, keyed.
    draws
        Bootstrap draws; 0 for no interval.

    Returns
    -------
    dict
        `omega`, `omega_ci_lower`, `omega_ci_upper`; `omega_moved`, the Frobenius norm by which correlations
        were smoothed (0 where they were not), and `omega_draws_smoothed`, in how many draws they were.

    Raises
    ------
    ImproperOmegaError
        The factor leaves no variance of its own to an item, so that its number judges nothing.
    """
    from analysis.reliability.congeneric import congeneric_omega
    from analysis.reliability.omega import omega

    rows = answers.dropna(how="all")
    found: OmegaResult | CongenericResult
    if is_ordinal(context):
        found = omega(
            rows,
            1,
            correlation="polychoric",
            missing=missing_items(context, "pairwise"),
            draws=draws,
            seed=context.seed,
            smooth=smooth_for(context),
        )
        estimate, limits, stuck = found.categorical, found.categorical_ci, found.heywood
    else:
        found = congeneric_omega(
            rows,
            missing=missing_items(context, "pairwise"),
            draws=draws,
            seed=context.seed,
            smooth=smooth_for(context),
        )
        estimate, limits = found.estimate, found.ci
        unique = found.loadings["uniqueness"]
        stuck = tuple(unique.index[unique <= NO_UNIQUE])
    if stuck:
        raise ImproperOmegaError(
            fact_and_hint("omega", f"no unique variance is left in {name_offenders(list(stuck))}.", _ALIKE)
        )
    lower, upper = limits if limits is not None else (None, None)
    return {
        "omega": estimate,
        "omega_ci_lower": lower,
        "omega_ci_upper": upper,
        "omega_moved": found.smoothing.frobenius if found.smoothing is not None else 0.0,
        "omega_draws_smoothed": found.draws_smoothed,
    }


def told_of_omega(context: Context, themes: pd.DataFrame, parts: pd.DataFrame | None) -> Told:
    """Say where correlations were smoothed for omega, in the sample, in draws, and by wave or group.

    Parameters
    ----------
    context
        The validation.
    themes
        Table `alpha`.
    parts
        Table `by_part`, where there is one.

    Returns
    -------
    Told
        At most a sentence for each.
    """
    told = Told()
    moved = themes[themes["omega_moved"].fillna(0.0).astype(float) > 0]
    drawn = themes[themes["omega_draws_smoothed"].fillna(0).astype(int) > 0]
    by_part = parts[parts["omega_moved"].fillna(0.0).astype(float) > 0] if parts is not None else themes[:0]
    if len(moved):
        told.values |= {
            "omega_moved_themes": listed(moved["title"]),
            "omega_moved_most": float(moved["omega_moved"].max()),
        }
        told.prose.append(
            "Within {omega_moved_themes} correlations contradict each other; for omega they were smoothed by "
            "choice (smooth: {omega_smooth}), {omega_moved_most:d3} away at most (Frobenius norm)."
        )
    if len(drawn):
        told.values |= {
            "omega_drawn_themes": listed(drawn["title"]),
            "omega_drawn_most": int(drawn["omega_draws_smoothed"].max()),
            "omega_draws": DRAWS,
        }
        told.prose.append(
            "For the intervals of omega of {omega_drawn_themes}, correlations were smoothed (smooth: "
            "{omega_smooth}) in up to {omega_drawn_most:int} of {omega_draws:int} bootstrap draws."
        )
    if len(by_part):
        told.values |= {"omega_moved_parts": len(by_part), "omega_parts": 0 if parts is None else len(parts)}
        told.prose.append(
            "By wave and group, correlations were smoothed for omega (smooth: {omega_smooth}) in "
            "{omega_moved_parts:int} of {omega_parts:int} rows."
        )
    if told.prose:
        told.values["omega_smooth"] = context.smooth
    return told


def omega_row(context: Context, items: list[str], gaps: Gaps, title: str) -> dict[str, Any]:
    """Omega of a theme with its interval; empty, with the reason among the gaps, where there is none."""
    nothing = dict.fromkeys(OMEGA_COLUMNS)
    if len(items) < FEWEST_ITEMS:
        return nothing
    if gaps.few is not None:  # resamples of so few people lack answers, and give no interval worth the name
        gaps.leave("Omega", gaps.few)
        return nothing
    try:
        return omega_of(context, context.items[items], DRAWS)
    except ImproperOmegaError:
        gaps.leave(f"{title}, omega", Cause.IMPROPER)
        return nothing
    except ToolkitError as error:
        gaps.add(f"{title}, omega", error, items)
        return nothing


def general_factor(context: Context, gaps: Gaps) -> tuple[dict[str, Table], Told]:
    """Say what one general factor leaves to the single themes.

    Parameters
    ----------
    context
        The validation.
    gaps
        What could not be had is added here.

    Returns
    -------
    tuple
        Tables by name, and sentences with their values.
    """
    told = Told()
    if len(context.themes) < 2 or len(context.item_ids) <= FEWEST_ITEMS:
        return {}, told
    if of_structure(context) is not None:
        return {}, told  # the section on stated structures says so
    try:
        found = theories(context)
    except ToolkitError:
        return {}, told  # the section on stated structures says why
    if found.bifactor is None:
        stated = {model.structure for model in found.models.values() if model.items == "dimensions"}
        if Structure.CORRELATED in stated and Structure.BIFACTOR not in stated:  # of two themes
            told.prose = [NO_GENERAL]
        if (error := found.errors.get("bifactor")) is not None:
            gaps.add("What one general factor leaves to the themes", error)
        return {}, told
    if (cause := of_fit(found.fits["bifactor"])) is not None:
        gaps.leave("What one general factor leaves to the themes", cause)
        return {}, told
    table = found.bifactor.table.reset_index()
    table.insert(1, "title", [context.title_of(part) for part in table["part"]])
    whole, parts = table.iloc[0], table.iloc[1:]
    own = parts["omega_group"].astype(float)
    low, high = parts.iloc[int(own.argmin())], parts.iloc[int(own.argmax())]
    told.values = {
        "omega_h": whole["omega_general"],
        "omega_h_lower": whole["omega_general_ci_lower"],
        "omega_h_upper": whole["omega_general_ci_upper"],
        "ecv": whole["ecv"],
        "own_lowest": low["omega_group"],
        "own_lowest_theme": low["title"],
        "own_highest": high["omega_group"],
        "own_highest_theme": high["title"],
        "scores": len(parts),
    }
    told.prose = [
        "Over the dimensions together, {omega_h:percent} of the differences between people in the sum "
        "(95% interval {omega_h_lower:percent} to {omega_h_upper:percent}) come from what all items share "
        "(omega hierarchical), and {ecv:percent} of all that the items have in common is shared by all of "
        "them (ECV).",
        "What is left to a theme alone is {own_lowest:percent} ({own_lowest_theme}) to {own_highest:percent} "
        "({own_highest_theme}) of the differences in its own sum. Where that is little, a score of the "
        "theme repeats the total: {scores:int} separate scores should be promised only as far as these "
        "shares carry them, and best after they are seen in other people, too.",
    ]
    _add_exploratory(context, told, gaps)
    return {"general_factor": _general_table(table, found.bifactor.scale)}, told


def _add_exploratory(context: Context, told: Told, gaps: Gaps) -> None:
    """The same share without saying beforehand which item belongs to which theme."""
    from analysis.reliability.omega import omega

    dimensions = [theme for theme in context.scale.dimension_themes if theme in context.themes]
    if len(dimensions) < FEWEST_DIMENSIONS:
        return
    items = list(dict.fromkeys(item for theme in dimensions for item in context.themes[theme]))
    rows = context.items[items].dropna(how="all")
    try:
        found = omega(
            rows,
            len(dimensions),
            missing=missing_items(context, "pairwise"),
            draws=DRAWS,
            seed=context.seed,
            smooth=smooth_for(context),
        )
    except ToolkitError as error:
        gaps.add("Omega hierarchical, Schmid–Leiman", error, items)
        return
    lower, upper = found.hierarchical_ci or (None, None)
    told.values |= {
        "sl_omega_h": found.hierarchical,
        "sl_omega_h_lower": lower,
        "sl_omega_h_upper": upper,
        "sl_ecv": found.ecv,
    }
    told.prose.append(
        "Found without stating which item belongs where (Schmid–Leiman, on the answers as given), omega "
        "hierarchical is {sl_omega_h:percent} ({sl_omega_h_lower:percent} to {sl_omega_h_upper:percent}) and "
        "ECV {sl_ecv:percent}."
    )
    sentence, values = told_of_smoothing("Pearson", found.smoothing)
    told.prose += sentence
    told.values |= values


def _general_table(table: pd.DataFrame, scale: str) -> Table:
    return Table(
        frame=table,
        kinds={
            **each(TEXT, "part title"),
            "n_items": GIVEN,
            **each(
                statistic(),
                *(
                    f"{what}{end}"
                    for what in ("omega", "omega_general", "omega_group", "ecv")
                    for end in ("", "_se", "_ci_lower", "_ci_upper")
                ),
            ),
        },
        title="What the general factor leaves to each theme (bifactor model)",
        columns={
            "title": ("Sum of", "text"),
            "n_items": ("Items", "int"),
            "omega": ("Omega total", "r2"),
            "omega_general": ("Shared by all", "r2"),
            "omega_general_ci_lower": ("95% from", "r2"),
            "omega_general_ci_upper": ("to", "r2"),
            "omega_group": ("Theme alone", "r2"),
            "omega_group_ci_lower": ("95% from", "r2"),
            "omega_group_ci_upper": ("to", "r2"),
            "ecv": ("ECV", "r2"),
            "ecv_ci_lower": ("95% from", "r2"),
            "ecv_ci_upper": ("to", "r2"),
        },
        note=f"Shares of the variance of a sum of {scale}. In the first row “shared by all” is omega "
        "hierarchical and “theme alone” what all themes add; in the others it is omega hierarchical of the "
        "subscale.",
    )


def by_part(context: Context, themes: list[str], account: Account) -> dict[str, Table]:
    """Alpha and omega of each theme at each wave and in each group of the first, of 100 people or more.

    Parameters
    ----------
    context
        The validation.
    themes
        Rows of the table `alpha`, which counts the people of all groups.
    account
        Groups are entered as parts of everyone.

    Returns
    -------
    dict
        `by_part` to its table, or empty.
    """
    rows: list[dict[str, Any]] = []
    names: list[str] = []
    cells: dict[tuple[str, str], list[Place]] = {}
    for of_wave, kind, label, answers in _parts(context):
        for theme, items in context.themes.items():
            if (row := _part_row(context, answers[items])) is not None:
                head = {"kind": kind, "part": label, "theme": theme, "title": context.title_of(theme)}
                who = populations.complete if of_wave else partial(populations.complete_members, kind)
                names.append(populations.label(who(label, theme)))
                if not of_wave and theme in themes:
                    cells.setdefault((kind, theme), []).append(cell("by_part", "n", len(rows)))
                rows.append(head | row)
    for (_, theme), groups in cells.items():
        account.part(cell("alpha", "n", themes.index(theme)), *groups)
    if not rows:
        return {}
    return {
        "by_part": Table(
            frame=pd.DataFrame(rows),
            kinds={
                **each(TEXT, "kind part theme title"),
                "n": people(weight=1, names=names),
                **each(statistic("n"), "alpha ci_lower ci_upper omega omega_moved"),
            },
            title="Internal consistency by wave and group",
            columns={
                "kind": ("By", "text"),
                "part": ("", "text"),
                "title": ("Theme", "text"),
                "n": ("n", "int"),
                "alpha": ("Alpha", "r2"),
                "ci_lower": ("95% from", "r2"),
                "ci_upper": ("to", "r2"),
                "omega": ("Omega total", "r2"),
            },
            note=f"Waves and groups with {SAMPLE_TOTAL.cutoff:g} complete rows or more; groups at the first "
            "wave. A lower value may mean less precise answers or people more alike.",
        )
    }


def _parts(context: Context) -> list[tuple[bool, str, str, pd.DataFrame]]:
    """Whether it is a wave, kind, label and keyed answers of every wave and group worth a row."""
    parts = []
    if len(context.waves) > 1:
        for wave in context.waves:
            parts.append((True, "Wave", context.wave_name(wave), context.keyed(context.at_wave(wave))))
    for name, labels in groupings(context).items():
        for label in pd.unique(labels.dropna()):
            parts.append((False, name, str(label), context.items[labels == label]))
    return parts


def _omega_of_part(context: Context, answers: pd.DataFrame) -> dict[str, Any]:
    try:
        return omega_of(context, answers, 0)
    except ImproperOmegaError:
        return dict.fromkeys(OMEGA_COLUMNS)


def _part_row(context: Context, answers: pd.DataFrame) -> dict[str, Any] | None:
    from analysis.reliability.cronbach_alpha import cronbach_alpha

    if answers.shape[1] < 2 or not SAMPLE_TOTAL.holds(len(answers.dropna())):
        return None
    try:
        found = cronbach_alpha(answers, missing=missing_items(context, "listwise"), interval="jackknife")
        enough = answers.shape[1] >= FEWEST_ITEMS
        omega = _omega_of_part(context, answers) if enough else dict.fromkeys(OMEGA_COLUMNS)
    except ToolkitError:
        return None  # a constant item, say: the items' section names it
    row = {"n": found.n_obs, "alpha": found.estimate, "ci_lower": found.ci.lower}
    row |= {"ci_upper": found.ci.upper}
    return row | {key: omega[key] for key in ("omega", "omega_moved")}
