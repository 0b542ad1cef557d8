"""Priority map: how well an app does on each theme, and how strongly the theme goes with later use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.landmark import LandmarkDesign, assemble, labels_of, refuse_overlap
from analysis.adherence.models.clusters import clusters_of, summed
from analysis.adherence.models.families import adjust_within
from analysis.adherence.priorities.dominance import MOST_PREDICTORS, general_dominance
from analysis.adherence.priorities.items import item_rows
from analysis.adherence.priorities.several_scores import (
    Comparison,
    compare_with_mean,
    joint_effects,
    separate_effects,
    standardized,
)
from analysis.adherence.priorities.words import told
from analysis.common.multiplicity import adjusted
from analysis.common.result import Result
from analysis.common.standing import Side, place_of
from analysis.common.variation import varies
from analysis.reliability.resampling import FEWEST_DRAWS, checked_level, checked_seed
from analysis.usage.summarise_usage import UsageSummary
from instrument.definition import Instrument
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, fact_and_hint
from instrument.loading import as_instrument
from instrument.reading.people import labels_as_text
from instrument.scoring.score import score
from instrument.study import Study, as_study

Floats = NDArray[np.float64]
CALLER = "priority_map"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PriorityMap(Result):
    """Themes and items by level and importance.

    Attributes
    ----------
    themes : DataFrame
        One row per theme. Level: `n_rated`, `level` (mean, 0-100) with `level_lower`, `level_upper`; its
        difference from the mean of all themes, `level_difference` with limits, `level_side`. Importance:
        `n`, `effect` (units done per standard deviation, the theme alone) with limits, `pvalue`,
        `p_adjusted`, `standardized` with limits (in standard deviations of units done); `effect_difference`
        from the mean of all with limits, `importance_side`; `effect_together` with limits (all themes in one
        model); `dominance` with limits and `share`. `place`: where it lies on the map.
    items : DataFrame
        One row per item: `item`, `theme`, `n`, `level`, `effect` with limits, `standardized`, `pvalue`,
        `p_adjusted` and `p_adjusted_bh` over all items.
    equality : DataFrame
        Tests that all themes have one level, and one importance: `question`, `pvalue`.
    sentences : list of str
        A paragraph for an app team, with places for `values`.
    values : dict
        What the sentences hold.
    flow : DataFrame
        Participant flow: id, step, n.
    failed : DataFrame
        Items without an estimate: `item`, `reason`.
    design : dict
        Wave, landmark day, units due, adjusters, level, draws, seed.
    notes : list of str
        What was assumed or left out.
    """

    themes: pd.DataFrame
    items: pd.DataFrame
    equality: pd.DataFrame
    sentences: list[str]
    values: dict[str, Any]
    flow: pd.DataFrame
    failed: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the themes, unrounded."""
        return self.themes

    def in_words(self) -> str:
        """Give the paragraph for an app team.

        Returns
        -------
        str
            Sentences with rounded figures.
        """
        from instrument.common.formatting import fill_prose

        return " ".join(fill_prose(sentence, self.values) for sentence in self.sentences)


def priority_map(
    responses: pd.DataFrame,
    scale: Instrument,
    usage: UsageSummary,
    study: Study | dict[str, Any] | str | Path,
    outcomes: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    *,
    wave: str | None = None,
    cluster: str | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 1,
) -> PriorityMap:
    """Set the level of each theme beside how strongly it goes with use after the landmark.

    Use it to decide what to look at first in an app. Do not read it as what a change would bring: importance
    is an association between people, not the effect of changing the app.

    Parameters
    ----------
    responses
        Answers as `instrument.read_responses` gives them.
    scale
        Their instrument, with two to 12 themes that are dimensions or context. Themes of role `plain` stand
        apart: no file says that more of them is better.
    usage
        Use by participant and period, from `analysis.summarise_usage`.
    study
        The study, its file, or what the file would hold.
    outcomes, covariates
        One row per participant, with the study's `baseline` columns and `covariates`.
    wave
        Wave of the answers. By default that of the landmark.
    cluster
        Column of the covariates that says who belongs together; every interval allows for it, and whole
        clusters are drawn for the dominance weights. By default the study's.
    confidence
        Level of every interval.
    draws, seed
        Bootstrap samples for the dominance weights, and their seed.

    Returns
    -------
    PriorityMap
        `.themes`, `.items`, `.in_words()`.

    Raises
    ------
    DefinitionError
        Fewer than two such themes or more than 12, no landmark, or a wave that closes after it.
    ResponseDataError
        As `relate_adherence`, or too few draws.
    NotEstimableError
        Fewer than 30 people can be analysed, or a model of the themes cannot be estimated.

    Notes
    -----
    Level: mean of everyone scored on all themes at the wave, Student's t. Importance: average marginal effect
    of one standard deviation in the quasi-binomial model of remaining use, adjusted as in `relate_adherence`;
    one theme at a time, and all in one model. Dominance: what a theme adds to R² of the linear model of units
    done, averaged over all subsets of the other themes, percentile bootstrap. A theme is called higher or
    lower only where the interval of its difference from the mean of all themes, widened by Bonferroni over
    the themes, leaves out zero; it has a place on the map only where that holds in both directions. Items:
    one at a time, Holm and Benjamini-Hochberg over all items. In clusters models have the errors of
    `relate_adherence`, means those of sums by cluster, both Student's t with G − 1 degrees of freedom.

    References
    ----------
    Martilla & James (1977), doi 10.1177/002224297704100112 (importance and performance). Budescu (1993), doi
    10.1037/0033-2909.114.3.542. Azen & Budescu (2003), doi 10.1037/1082-989X.8.2.129. In R:
    `glm(family = quasibinomial)`, `lm` on every subset.

    Examples
    --------
    >>> import instrument
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> from analysis.usage.summarise_usage import summarise_usage
    >>> data, scale = simulate_study("dta_example", n=200), instrument.load("dta")
    >>> usage = summarise_usage(data.usage, data.study, participants=data.enrolment)
    >>> found = priority_map(data.responses, scale, usage, data.study, data.outcomes, draws=50)
    >>> list(found.themes["theme"]) == [theme.id for theme in scale.themes]
    True
    """
    checked_level(confidence, CALLER)
    checked_seed(seed, CALLER)
    names, apart = mapped_themes(as_instrument(scale, CALLER))
    _check(names, draws)
    plan = as_study(study)
    chosen = refuse_overlap(plan, usage, wave, CALLER)
    table = score(responses, scale, rescale="0-100").scores
    design = assemble(table, usage, plan, outcomes, covariates, names, None, chosen, cluster or plan.cluster)
    labels = labels_of(design.cluster, outcomes, covariates)
    themes, equality, more = _theme_rows(table, scale, design, labels, confidence, draws, seed)
    items, failed = item_rows(responses, scale, design, confidence)
    items = adjust_within(items.assign(family=""), ["family"]).drop(columns="family")
    more |= {"due": design.due, "unit": design.unit, "apart": [scale.theme(name).title for name in apart]}
    sentences, values = told(themes, items, equality, more)
    return PriorityMap(
        themes=themes,
        items=items,
        equality=equality,
        sentences=sentences,
        values=values,
        flow=design.flow,
        failed=failed,
        design={
            "wave": design.wave,
            "day": design.day,
            "due": design.due,
            "unit": design.unit,
            "adjusted_for": design.adjusted_for,
            "cluster": design.cluster,
            "confidence": confidence,
            "draws": draws,
            "seed": seed,
        },
        notes=[*usage.notes, *design.notes],
    )


def mapped_themes(scale: Instrument) -> tuple[list[str], list[str]]:
    """Name the themes that have a place on the map, and those that stand apart.

    Parameters
    ----------
    scale
        The instrument.

    Returns
    -------
    tuple of list of str
        Dimensions and contexts; and themes of role `plain`, of which no file says that more is better.

    Examples
    --------
    >>> import instrument
    >>> mapped_themes(instrument.load("dta@0.2.0"))[1]
    ['negative']
    """
    names = [theme.id for theme in scale.themes if theme.role != "plain"]
    return names, [theme.id for theme in scale.themes if theme.id not in names]


def _check(names: list[str], draws: int) -> None:
    if not 2 <= len(names) <= MOST_PREDICTORS:
        fact = f"the instrument has {len(names)} theme(s) that are dimensions or context."
        hint = f"a map needs two to {MOST_PREDICTORS}; `relate_adherence` takes any number."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if draws < FEWEST_DRAWS:
        fact = f"{draws} bootstrap draws asked for."
        raise ResponseDataError(fact_and_hint(CALLER, fact, f"ask for at least {FEWEST_DRAWS}."))


def _theme_rows(
    table: pd.DataFrame,
    scale: Instrument,
    design: LandmarkDesign,
    labels: pd.Series | None,
    level: float,
    draws: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    names = design.predictors
    answered = table.loc[labels_as_text(table["wave"]) == design.wave, ["participant", *names]].dropna()
    rated = answered[names].to_numpy(dtype=float)
    scores = design.frame[names].to_numpy(dtype=float)
    if flat := [name for name, column in zip(names, scores.T, strict=True) if not varies(column)]:
        fact = f"{flat[0]!r} has one value only among those who can be analysed."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "gather more answers."))
    done, due = (design.frame[name].to_numpy(dtype=float) for name in ("done", "due"))
    adjusters = _scaled(design.frame[design.adjusters].to_numpy(dtype=float))
    alone, together = (
        model(scores, adjusters, done, due, level, design.clusters)
        for model in (separate_effects, joint_effects)
    )
    weights = general_dominance(
        scores, done, adjusters, level=level, draws=draws, seed=seed, clusters=design.clusters
    )
    mean, (spread, df) = rated.mean(axis=0), _spread_of_means(rated, answered["participant"], labels)
    levels = compare_with_mean(mean, spread, df, level)
    importance = compare_with_mean(alone.estimate, alone.covariance, alone.df, level)
    half = stats.t.ppf(0.5 + level / 2, df) * np.sqrt(np.diag(spread))
    sides = list(zip(levels.sides, importance.sides, strict=True))
    themes = pd.DataFrame(
        {
            "theme": names,
            "title": [scale.theme(name).title for name in names],
            "role": [scale.theme(name).role for name in names],
            "n_rated": len(rated),
            **_limits("level", mean, mean - half, mean + half),
            **_limits("level_difference", levels.difference, levels.lower, levels.upper),
            "level_side": [side.value for side in levels.sides],
            "n": alone.n,
            **_limits("effect", alone.estimate, alone.lower, alone.upper),
            "pvalue": alone.pvalue,
            "p_adjusted": adjusted(alone.pvalue),
            **_limits(
                "standardized", *(x / done.std(ddof=1) for x in (alone.estimate, alone.lower, alone.upper))
            ),
            **_limits("effect_difference", importance.difference, importance.lower, importance.upper),
            "importance_side": [side.value for side in importance.sides],
            **_limits("effect_together", together.estimate, together.lower, together.upper),
            **_limits("dominance", weights.weights, weights.lower, weights.upper),
            "share": weights.shares,
            "place": [place_of(*pair).value for pair in sides],
        }
    )
    questions = ["all themes have one level", "all themes go with later use alike"]
    equality = pd.DataFrame({"question": questions, "pvalue": [levels.pvalue, importance.pvalue]})
    return themes, equality, {**_far(importance, alone.n), "confidence": level}


def _spread_of_means(rated: Floats, people: pd.Series, labels: pd.Series | None) -> tuple[Floats, float]:
    """Covariance of the themes' means with its degrees of freedom; those without a label stand alone."""
    n = len(rated)
    if labels is None:
        return np.cov(rated, rowvar=False) / n, n - 1.0
    who = labels_as_text(people)
    of = who.map(labels).astype(object)
    clusters = clusters_of(of.where(of.notna(), "alone " + who), "of those rated")
    moved, df = summed((rated - rated.mean(axis=0)) / n, clusters)
    return moved.T @ moved, df


def _far(found: Comparison, n: int) -> dict[str, Any]:
    """How many people would tell the farthest of the open themes apart, were it as far as it looks."""
    ratio = np.abs(found.difference / found.se)
    ratio[[side is not Side.UNCLEAR for side in found.sides]] = 0
    at = int(np.argmax(ratio))
    if not ratio[at] > 0:
        return {"farthest": at, "needed": None, "analysed": n}
    needed = n * ((found.criterion + float(stats.norm.ppf(0.8))) / ratio[at]) ** 2
    return {"farthest": at, "needed": int(np.ceil(needed)), "analysed": n}


def _limits(name: str, value: Floats, low: Floats, high: Floats) -> dict[str, Floats]:
    return {name: value, f"{name}_lower": low, f"{name}_upper": high}


def _scaled(columns: Floats) -> Floats:
    """Adjusters on a like scale for the optimiser; effects do not depend on it."""
    return standardized(columns) if columns.shape[1] else columns
