"""Public function: what would come of an exposure over time were it held to a strategy, by the g-formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.models.clusters import clusters_of
from analysis.adherence.over_time.g_course import (
    CALLER,
    EXPOSURE,
    OUTCOME,
    Course,
    Equations,
    People,
    Strategy,
    observed_means,
)
from analysis.adherence.over_time.marginal_rows import Panel, panel_of
from analysis.adherence.over_time.marginal_structural import Told
from analysis.common.result import Result
from analysis.common.rules import BEYOND_SEEN, NATURAL_COURSE
from analysis.reliability.resampling import checked_level, checked_seed
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint

Floats = NDArray[np.float64]
COURSE, BEYOND = (
    "natural course, furthest from what was seen (SD)",
    "exposures that nobody had, largest share",
)
NATURAL, HIGHER, OVER = "as it was", "higher", "all times"
SIMULATED, FEWEST_DRAWS, MOST_FAILED = 10_000, 20, 0.1
MOST_PRODUCTS, SHIFT = 4, 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GFormulaResult(Result):
    """Outcomes under strategies for an exposure that changes over time.

    Attributes
    ----------
    effects : DataFrame
        strategy, time (each, and "all times": their mean), n_people, mean (expected outcome had everybody
        followed it and nobody left), se, ci_lower, ci_upper, difference (from the natural course) with
        difference_se, difference_lower, difference_upper, pvalue; `claim` (of differences over all times).
    course : DataFrame
        The natural course against what was seen: variable, time, observed, simulated (among those who would
        go on), distance (in standard deviations of what was seen), holds.
    exposures : DataFrame
        strategy, time, mean (exposure given), beyond (share given an exposure that nobody had at that time).
    checks : DataFrame
        check, value, rule, holds: the worst of each kind.
    flow : DataFrame
        step, n (people).
    design : dict
        exposure, outcome, strategies, varying, baseline, lags, products, times, sd_exposure, level, draws,
        lost, simulated.
    notes : list of str
        What is assumed and what was left out.
    """

    effects: pd.DataFrame
    course: pd.DataFrame
    exposures: pd.DataFrame
    checks: pd.DataFrame
    flow: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    @property
    def sound(self) -> bool:
        """Whether the natural course is met and no strategy lies beyond what was seen."""
        return bool(self.checks["holds"].all())

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects

    def summary(self, digits: int = 3) -> str:
        """Give strategies, checks and assumptions as text.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        lines = []
        for row in self.effects[self.effects["time"] == OVER].to_dict("records"):
            line = f"{row['strategy']}: mean {row['mean']:.{digits}f}"
            if row["strategy"] != NATURAL:
                limits = f"[{row['difference_lower']:.{digits}f}, {row['difference_upper']:.{digits}f}]"
                line += f", difference {row['difference']:.{digits}f} {limits}, {row['claim']}"
            lines.append(line)
        lines += [
            f"{row['check']}: {row['value']:.{digits}f} ({row['rule']}), "
            + ("holds" if row["holds"] else "does not hold")
            for row in self.checks.to_dict("records")
        ]
        return "\n".join([*lines, *self.notes])


def g_formula(
    data: Any,
    *,
    exposure: str,
    outcome: str,
    varying: Sequence[str],
    baseline: Sequence[str] = (),
    participant: str = "participant",
    time: str = "time",
    times: Sequence[Any] | None = None,
    lags: int | None = None,
    products: int = 1,
    shift: float = SHIFT,
    at_least: float | None = None,
    set_to: Sequence[float] = (),
    numbers: Sequence[str] = (),
    cluster: str | None = None,
    draws: int = 200,
    confidence: float = 0.95,
    seed: int = 1,
) -> GFormulaResult:
    """Expected outcome, had an exposure followed a strategy at all times, by the parametric g-formula.

    Use it beside `marginal_structural`, where earlier use moves the rating and earlier ratings move use: it
    models what follows instead of what brings the rating about, so that both being wrong in the same way is
    unlikely. Do not use it where a cause of both was not measured.

    Parameters
    ----------
    data
        A row for each participant and time: the outcome of a row follows its exposure, the varying causes of
        a row come before it.
    exposure
        A number, or 0 and 1.
    outcome
        A number, or 0 and 1; it may be missing at some times.
    varying
        Causes of exposure and outcome that change over time, measured before the exposure of the same row, in
        the order in which they come.
    baseline
        Causes that do not change.
    participant, time
        Columns of people and times.
    times
        Order of the points in time, where they are words.
    lags
        How many earlier points of exposure and causes each regression holds. By default all.
    products
        Highest order of products of the columns in every regression, 1 (none) to 4.
    shift
        Standard deviations of the exposure by which the strategy "higher" raises, at each time, what would
        come by itself. Numbers only.
    at_least
        Level under which the second strategy lets nobody fall. By default the median of all exposures seen.
        Numbers only.
    set_to
        Levels that everybody is given at all times, one strategy each. By default 0 and 1 of a 0/1 exposure.
    numbers
        Baseline columns of whole numbers that are quantities, not codes.
    cluster
        Column that says which people belong together: the bootstrap draws clusters; at least 8.
    draws
        Bootstrap samples of people, at least 20.
    confidence
        Level of every interval.
    seed
        Seed of bootstrap and simulation.

    Returns
    -------
    GFormulaResult
        Outcomes by strategy and time, differences from the natural course, and whether that course is met.

    Raises
    ------
    ResponseDataError
        Columns are missing or have two parts, rows repeat, times have no order, a baseline column changes; no
        varying cause; a level or number of draws that cannot be.
    NotEstimableError
        Fewer than 30 people or two times, an exposure without spread, too few people for the columns of a
        regression, or one bootstrap sample in ten that gives no estimate.

    Notes
    -----
    `E[Y_k(g)] = Σ E[Y_k | ā_k, l̄_k] Π_{s ≤ k} f(l_s | ā_{s−1}, l̄_{s−1}) g(a_s | ā_{s−1}, l̄_s)`, the sum taken
    by simulation: 10,000 courses that start as the people did. Every variable at every time has a regression
    of its own on all earlier points (or the last `lags`), `baseline`, and what comes before it at that time:
    linear, drawn with a residual that was seen, or a logit. Where something lasting and unmeasured moves the
    causes, earlier points tell of it, and fewer `lags` are not enough. Strategies see the exposure that would
    come by itself, given all that was changed before ("higher": a modified treatment policy). The same random
    numbers serve all strategies. Nobody leaves; whoever did is stood for by those alike in the columns of the
    regressions, the causes of the time at which they left among them where these are known of all. The
    natural course (no strategy) is compared with what was seen, each simulated course weighted by its
    probability of going on. Intervals: percentiles of a bootstrap over people, in which all is learned anew;
    p values by the standard deviation of its draws. Where the natural course is not met, or a strategy gives
    exposures that nobody had, the claim is "cannot be told".

    References
    ----------
    Robins (1986), doi 10.1016/0270-0255(86)90088-6. Taubman et al. (2009), doi 10.1093/ije/dyp192
    (parametric, natural course). Young, Hernán & Robins (2014), doi 10.1515/em-2012-0001, and Díaz et al.
    (2023), doi 10.1080/01621459.2021.1955691 (strategies that see the natural value). In R:
    `gfoRmula::gformula`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> use, alliance, rows = np.zeros(300), np.zeros(300), []
    >>> for week in (1, 2, 3):
    ...     use = 0.5 * use + 0.3 * alliance + rng.normal(size=300)
    ...     alliance = 0.4 * use + rng.normal(size=300)
    ...     after = 0.2 * alliance + 0.5 * use + rng.normal(size=300)
    ...     columns = {"participant": range(300), "time": week, "before": use}
    ...     rows.append(pd.DataFrame({**columns, "alliance": alliance, "after": after}))
    >>> found = g_formula(
    ...     pd.concat(rows), exposure="alliance", outcome="after", varying=["before"], draws=20
    ... )
    >>> found.design["strategies"]
    ['as it was', 'higher by 0.5 SD', 'at least the median']
    """
    checked_level(confidence, CALLER)
    checked_seed(seed, CALLER)
    _check_choices(varying, lags, products, draws)
    panel = panel_of(
        data,
        {"participant": participant, "time": time, "exposure": exposure, "outcome": outcome},
        list(varying),
        list(baseline),
        times,
        cluster,
        list(numbers),
        CALLER,
    )
    people = _people(panel)
    seen = people.exposure[people.inside]
    if not np.ptp(seen) > 0:
        fact = f"{exposure!r} has one value only."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "nothing can be told of it."))
    sd, level = float(seen.std(ddof=1)), float(np.median(seen)) if at_least is None else float(at_least)
    binary = set(np.unique(seen)) <= {0.0, 1.0}
    strategies = _strategies(binary, sd, shift, level, at_least is None, set_to)
    n, reach = people.exposure.shape
    how: dict[str, Any] = {
        "lags": reach if lags is None else lags,
        "products": products,
        "zero_one": _zero_one(people),
    }
    rng = np.random.default_rng(seed)
    rows = np.tile(np.arange(n), -(-SIMULATED // n))
    noise = rng.random((len(rows), reach, len(people.varying) + 1))
    learned = Equations.learn(people, **how)
    courses = {name: learned.follow(rows, noise, strategy) for name, strategy in strategies.items()}
    resampled, lost = _bootstrap(people, panel, cluster, how, strategies, draws, rng)
    told = [panel.times[k] for k in range(reach)]
    course = _against_seen(courses[NATURAL], people, told, exposure, outcome)
    exposures = _exposures(courses, told)
    checks = _checks(course, exposures)
    return GFormulaResult(
        effects=_effects(courses, resampled, told, n, confidence, checks),
        course=course,
        exposures=exposures,
        checks=checks,
        flow=panel.flow,
        design={
            "exposure": exposure,
            "outcome": outcome,
            "exposure_kind": "0/1" if binary else "number",
            "strategies": list(strategies),
            "times": told,
            "varying": list(varying),
            "baseline": list(baseline),
            "lags": lags,
            "products": products,
            "sd_exposure": sd,
            "level": level,
            "cluster": cluster or "",
            "draws": draws,
            "lost": lost,
            "simulated": len(rows),
            "confidence": confidence,
        },
        notes=[*panel.notes, *_unlike(learned, told), *_assumptions(lost, draws, cluster)],
    )


def _people(panel: Panel) -> People:
    reach = int((panel.inside.sum(axis=0) > 0).sum())
    return People(
        exposure=panel.exposure[:, :reach],
        outcome=panel.outcome[:, :reach],
        varying={name: column[:, :reach] for name, column in panel.varying.items()},
        baseline=panel.baseline,
        inside=panel.inside[:, :reach],
    )


def _zero_one(people: People) -> frozenset[str]:
    """Variables that hold 0 and 1 and nothing else."""
    columns = {EXPOSURE: people.exposure, OUTCOME: people.outcome, **people.varying}
    found = set()
    for name, column in columns.items():
        values = column[people.inside & np.isfinite(column)]
        if len(values) and set(np.unique(values)) <= {0.0, 1.0}:
            found.add(name)
    return frozenset(found)


def _strategies(
    binary: bool, sd: float, shift: float, level: float, median: bool, set_to: Sequence[float]
) -> dict[str, Strategy | None]:
    made: dict[str, Strategy | None] = {NATURAL: None}
    if not binary:
        made[f"{HIGHER} by {shift:g} SD"] = lambda itself, _k: itself + shift * sd
        name = "at least the median" if median else f"at least {level:g}"
        made[name] = lambda itself, _k: np.maximum(itself, level)
    for value in set_to or ((0.0, 1.0) if binary else ()):
        made[f"always {value:g}"] = _always(float(value))
    return made


def _always(value: float) -> Strategy:
    return lambda itself, _k: np.full(len(itself), value)


def _bootstrap(
    people: People,
    panel: Panel,
    cluster: str | None,
    how: dict[str, Any],
    strategies: dict[str, Strategy | None],
    draws: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Floats], int]:
    """Outcomes by strategy in samples of people, shape (draws, times); and samples without an estimate."""
    n, reach = people.exposure.shape
    groups = np.arange(n)
    if cluster is not None and panel.cluster is not None:
        groups = clusters_of(panel.cluster, cluster).of_row
    members = [np.flatnonzero(groups == g) for g in range(int(groups.max()) + 1)]
    made: dict[str, list[Floats]] = {name: [] for name in strategies}
    lost = 0
    for _ in range(draws):
        chosen = rng.integers(0, len(members), len(members))
        rows = np.concatenate([members[g] for g in chosen])
        m = len(rows)
        noise = rng.random((m, reach, len(people.varying) + 1))
        try:
            learned = Equations.learn(people.of(rows), **how)
            courses = {name: learned.follow(np.arange(m), noise, s) for name, s in strategies.items()}
        except NotEstimableError:
            lost += 1
            continue
        for name, course in courses.items():
            made[name].append(course.outcome)
    if lost > MOST_FAILED * draws:
        fact = f"{lost} of {draws} bootstrap samples gave no estimate."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "name fewer causes, or gather more people."))
    return {name: np.array(values) for name, values in made.items()}, lost


def _effects(
    courses: dict[str, Course],
    resampled: dict[str, Floats],
    times: list[Any],
    n: int,
    confidence: float,
    checks: pd.DataFrame,
) -> pd.DataFrame:
    holds = dict(zip(checks["check"], checks["holds"], strict=True))
    tail = (1 - confidence) / 2
    natural, natural_drawn = courses[NATURAL].outcome, resampled[NATURAL]
    rows = []
    for name, course in courses.items():
        drawn = resampled[name]
        told = [
            (time, course.outcome[k], natural[k], drawn[:, k], natural_drawn[:, k])
            for k, time in enumerate(times)
        ]
        told = [part for part in told if np.isfinite(part[1])]
        whole = [np.nanmean(a, axis=-1) for a in (course.outcome, natural, drawn, natural_drawn)]
        for time, mean, plain, samples, plain_samples in [*told, (OVER, *whole)]:
            row = {"strategy": name, "time": time, "n_people": n, "mean": float(mean)}
            row |= dict(zip(("ci_lower", "ci_upper"), np.quantile(samples, [tail, 1 - tail]), strict=True))
            row["se"] = float(samples.std(ddof=1))
            apart = samples - plain_samples
            if name != NATURAL:
                se = float(apart.std(ddof=1))
                low, high = np.quantile(apart, [tail, 1 - tail])
                difference = float(mean - plain)
                row |= {"difference": difference, "difference_se": se}
                row |= {"difference_lower": float(low), "difference_upper": float(high)}
                row["pvalue"] = float(2 * stats.norm.sf(abs(difference / se))) if se > 0 else float("nan")
                sound = bool(holds[COURSE] and holds[f"{BEYOND}, {name}"])
                row["claim"] = str(_claim(float(low), float(high), sound=sound)) if time == OVER else ""
            rows.append(row)
    order = ["strategy", "time", "n_people", "mean", "se", "ci_lower", "ci_upper"]
    more = ["difference", "difference_se", "difference_lower", "difference_upper", "pvalue", "claim"]
    return pd.DataFrame(rows)[[*order, *more]].fillna({"claim": ""})


def _claim(low: float, high: float, *, sound: bool) -> Told:
    if not sound:
        return Told.UNTOLD
    return Told.NOT_FOUND if low <= 0 <= high else Told.ASSUMED


def _against_seen(
    natural: Course, people: People, times: list[Any], exposure: str, outcome: str
) -> pd.DataFrame:
    """The natural course beside the means that were seen, in standard deviations of these."""
    named = {EXPOSURE: exposure, OUTCOME: outcome}
    rows = []
    for name, (means, spreads) in observed_means(people).items():
        for k, time in enumerate(times):
            if not np.isfinite(means[k]):
                continue
            simulated = float(natural.weighted[name][k])
            gap = abs(simulated - means[k])
            distance = gap / spreads[k] if spreads[k] > 0 else (0.0 if gap < 1e-9 else float("inf"))
            rows.append((named.get(name, name), time, means[k], simulated, distance))
    table = pd.DataFrame(rows, columns=["variable", "time", "observed", "simulated", "distance"])
    return table.assign(holds=[NATURAL_COURSE.holds(value) for value in table["distance"]])


def _exposures(courses: dict[str, Course], times: list[Any]) -> pd.DataFrame:
    rows = [
        (name, time, float(course.exposure[k]), float(course.beyond[k]))
        for name, course in courses.items()
        for k, time in enumerate(times)
    ]
    return pd.DataFrame(rows, columns=["strategy", "time", "mean", "beyond"])


def _checks(course: pd.DataFrame, exposures: pd.DataFrame) -> pd.DataFrame:
    beyond = exposures[exposures["strategy"] != NATURAL].groupby("strategy", sort=False)["beyond"].max()
    found = [(COURSE, NATURAL_COURSE, float(course["distance"].max()))]
    found += [(f"{BEYOND}, {name}", BEYOND_SEEN, float(share)) for name, share in beyond.items()]
    return pd.DataFrame(
        [(check, value, str(rule), rule.holds(value)) for check, rule, value in found],
        columns=["check", "value", "rule", "holds"],
    )


def _unlike(learned: Equations, times: list[Any]) -> list[str]:
    if not learned.unlike:
        return []
    said = ", ".join(str(times[k]) for k in learned.unlike)
    return [f"who goes on at {said} could not be modelled: the natural course is compared as if by chance"]


def _assumptions(lost: int, draws: int, cluster: str | None) -> list[str]:
    said = [
        "assumed: every cause of exposure and outcome is among those named, and every regression is right; "
        "the natural course shows gross errors of the second, nothing shows the first",
        "means are those had everybody followed the strategy and nobody left",
    ]
    if lost:
        said.append(f"{lost} of {draws} bootstrap samples gave no estimate and are left out")
    return said if cluster is None else [*said, f"errors take people of one {cluster} as alike"]


def _check_choices(varying: Sequence[str], lags: int | None, products: int, draws: int) -> None:
    if isinstance(varying, str) or not list(varying):
        fact = "no cause of the exposure that changes over time is named."
        hint = "name them as varying=[…]; without any an ordinary regression does."
        raise ResponseDataError(fact_and_hint(CALLER, fact, hint))
    for name, value, least, most in (
        ("lags", 1 if lags is None else lags, 1, None),
        ("products", products, 1, MOST_PRODUCTS),
        ("draws", draws, FEWEST_DRAWS, None),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least or (most and value > most):
            hint = f"give a whole number from {least}" + (f" to {most}." if most else ".")
            raise ResponseDataError(fact_and_hint(CALLER, f"{name} is {value!r}.", hint))
