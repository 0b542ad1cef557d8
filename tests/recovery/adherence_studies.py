"""Studies of known populations: how each is drawn, what its models estimate, and what they find.

A study gives lines (model, quantity, estimate, standard error, lower, upper) for one draw, and the truth of
the same quantities, read off two million people with the true coefficients. Ratios are compared as
logarithms. The standard error of what has only an interval is its half-width over the normal quantile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm, rankdata

from analysis.adherence.models import run as m
from analysis.adherence.models.binomial import average_effect, quasi_binomial
from analysis.adherence.models.counts import CountFit, count_effects, count_models
from analysis.adherence.models.run import ModelRun
from analysis.adherence.models.shape import compare_shapes
from analysis.adherence.models.survival import kaplan_meier
from instrument.errors import NotEstimableError
from tests.recovery import adherence_populations as pop
from tests.recovery.adherence_populations import DUE, People, Table

MANY, SEVERAL, CHUNK_SEED = 2_000_000, 300_000, 77
Z = float(norm.ppf(0.975))
Line = tuple[str, str, float, float, float, float]
Truth = dict[tuple[str, str], float]
RATIO, HUMAN, TEST = "log ratio", "human scale", "share of p < .05"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A population, the size of one draw, what is estimated from it, and the truth."""

    draw: Callable[[np.random.Generator, int], People]
    estimate: Callable[[People], list[Line]]
    truth: Callable[[], Truth]
    n: int


def many(draw: Callable[[np.random.Generator, int], People]) -> People:
    return draw(np.random.default_rng(CHUNK_SEED), MANY)


def ranged(model: str, quantity: str, value: float, low: float, high: float) -> Line:
    return model, quantity, value, (high - low) / (2 * Z), low, high


def tested(model: str, pvalue: float) -> Line:
    """A test: the mean of the 0/1 estimate is how often it rejects."""
    return model, TEST, float(pvalue < 0.05), np.nan, np.nan, np.nan


def lines_of(run: ModelRun) -> list[Line]:
    out: list[Line] = []
    for row in run.effects:
        turn = float if row["measure"] == "difference" else np.log
        low, high = float(turn(row["ci_lower"])), float(turn(row["ci_upper"]))
        out.append((row["model"], RATIO, row["coefficient"], row["se"], low, high))
        if row["unit"] and row["measure"] != "difference":
            out.append(ranged(row["model"], HUMAN, row["effect"], row["effect_lower"], row["effect_upper"]))
    return out


# Every model on one population --------------------------------------------------------------------------


def draw_all(rng: np.random.Generator, n: int, *, gaps: bool = True) -> People:
    people = pop.enrol(rng, n, gaps=gaps)
    people.outcome["done"] = pop.sessions(rng, expit(pop.USE.line(people)))
    people.outcome["active_days_after"] = pop.negative_binomial(rng, np.exp(pop.COUNT.line(people)))
    time, left = pop.leaving(rng, pop.LEAVE.line(people))
    people.outcome |= {"disengaged_after": time, "disengaged": left}
    people.outcome["adherent_after"] = rng.random(n) < expit(pop.REACH.line(people))
    noise = (1 + 0.5 * np.abs(people.score - pop.MIDDLE)) * rng.standard_normal(n)
    points = 0.8 * people.score - 0.6 * people.severity + 0.3 * people.before + 2 * noise
    seen = rng.random(n) < (expit(0.8 + 0.4 * people.before) if gaps else 1.0)
    people.outcome["points"] = np.where(seen, points, np.nan)
    return people


def draw_complete(rng: np.random.Generator, n: int) -> People:
    return draw_all(rng, n, gaps=False)


def fit_all(people: People) -> list[Line]:
    design = pop.landmark_design(people)
    run = ModelRun(design, "score", 0.95, "points").run()
    lines = lines_of(run)
    if run.shape:
        lines.append(tested(m.SHAPE, run.shape["pvalue"]))
    if run.proportional is not None:
        own = run.proportional.set_index("term")["pvalue"]
        lines += [tested("constant hazard ratio of the score", own["score"])]
        lines += [tested("constant hazard ratios of all", own["GLOBAL"])]
    if (found := run.discrimination) is not None:
        for label, key in (("model", "auc"), ("score alone", "auc_alone")):
            name = "auc" if key == "auc" else "auc_score_alone"
            lines.append(
                ranged(
                    m.REACHED,
                    f"area under the curve, {label}",
                    found[name],
                    found[f"{key}_lower"],
                    found[f"{key}_upper"],
                )
            )
    here = design.frame[design.frame["at_risk"]]
    time, event = here["disengaged_after"].to_numpy(float), here["disengaged"].to_numpy(bool)
    curve = kaplan_meier(time, event, np.full(len(here), "all", dtype=object))
    at = curve[curve["time"] <= 28].iloc[-1]
    lines.append(
        ("Kaplan-Meier", "share on day 28", at["surviving"], at["se"], at["ci_lower"], at["ci_upper"])
    )
    return lines


def area(score: Table, reached: Table) -> float:
    ranks = rankdata(score)
    n1 = reached.sum()
    return float((ranks[reached].sum() - n1 * (n1 + 1) / 2) / (n1 * (len(score) - n1)))


def truth_all(draw: Callable[[np.random.Generator, int], People] = draw_all) -> Truth:
    people = many(draw)
    here = people.analysed
    sd = float(people.score[here].std())
    p, days, reach = (
        expit(pop.USE.line(people)),
        np.exp(pop.COUNT.line(people)),
        expit(pop.REACH.line(people)),
    )
    spread = float(people.score.std())
    truth: Truth = {}
    for model in (m.REMAINING, m.BETA, *([m.WEIGHTED] if not here.all() else [])):
        truth[model, RATIO] = pop.USE.score * sd
        truth[model, HUMAN] = DUE * float((p * (1 - p))[here].mean()) * pop.USE.score * sd
    if not here.all():
        # The weights carry the average over to everyone watched; the unit stays that of those analysed.
        everyone = DUE * float((p * (1 - p)).mean()) * pop.USE.score
        truth[m.WEIGHTED, HUMAN] = everyone * sd
        truth[m.IMPUTED, RATIO], truth[m.IMPUTED, HUMAN] = pop.USE.score * spread, everyone * spread
    risk = here & ~people.idle
    total = np.exp(pop.LEAVE.line(people)[risk]) * pop.DAYS**pop.WEIBULL
    truth[m.HAZARD, RATIO] = truth[m.DISCRETE, RATIO] = pop.LEAVE.score * sd
    truth[m.DISCRETE, HUMAN] = -100 * pop.LEAVE.score * sd * float((total * np.exp(-total)).mean())
    truth["Kaplan-Meier", "share on day 28"] = float(
        np.exp(-np.exp(pop.LEAVE.line(people)[risk]) * 28**pop.WEIBULL).mean()
    )
    truth[m.COUNT, RATIO] = truth[m.CHOSEN, RATIO] = pop.COUNT.score * sd
    truth[m.COUNT, HUMAN] = float(days[here].mean()) * pop.COUNT.score * sd
    truth[m.CHOSEN, HUMAN] = float(days[here].mean()) * 2 * np.sinh(pop.COUNT.score * sd / 2)
    truth[m.REACHED, RATIO] = pop.REACH.score * sd
    truth[m.REACHED, HUMAN] = 100 * float((reach * (1 - reach))[here].mean()) * pop.REACH.score * sd
    reached = people.outcome["adherent_after"][here]
    truth[m.REACHED, "area under the curve, model"] = area(pop.REACH.line(people)[here], reached)
    truth[m.REACHED, "area under the curve, score alone"] = area(people.score[here], reached)
    truth[m.OUTCOME, RATIO] = 0.8 * sd
    for test in (m.SHAPE, "constant hazard ratio of the score", "constant hazard ratios of all"):
        truth[test, TEST] = 0.05
    return truth


# Extra zeros ---------------------------------------------------------------------------------------------


def draw_zero_inflated(rng: np.random.Generator, n: int) -> People:
    people = pop.enrol(rng, n, gaps=False)
    counts = pop.negative_binomial(rng, np.exp(pop.COUNT.line(people)))
    people.outcome["active_days_after"] = np.where(rng.random(n) < pop.NEVER, 0.0, counts)
    return people


def draw_hurdle(rng: np.random.Generator, n: int) -> People:
    people = pop.enrol(rng, n, gaps=False)
    some = rng.random(n) < expit(pop.GATE.line(people))
    counts = np.zeros(n)
    counts[some] = pop.above_zero(rng, np.exp(pop.COUNT.line(people)[some]))
    people.outcome["active_days_after"] = counts
    return people


def scaled_design(people: People) -> Table:
    columns = [people.score, people.before, people.severity]
    return np.column_stack([np.ones(len(people.score)), *((c - c.mean()) / c.std(ddof=1) for c in columns)])


def fit_counts(people: People) -> list[Line]:
    design = scaled_design(people)
    found = count_models(design, people.outcome["active_days_after"])
    lines: list[Line] = []
    named: dict[str, CountFit] = {**found.rivals, "chosen by AIC": found.chosen}
    for name, fit in named.items():
        try:
            ratio, effect = count_effects(fit, design, 1)
        except NotEstimableError:
            continue
        lines.append((f"active days, {name}", RATIO, *ratio))
        lines.append(ranged(f"active days, {name}", HUMAN, *effect))
    return lines


def truth_zero_inflated() -> Truth:
    people = many(draw_zero_inflated)
    step = pop.COUNT.score * float(people.score.std())
    mean = (1 - pop.NEVER) * float(np.exp(pop.COUNT.line(people)).mean())
    return every_count(step, mean * 2 * np.sinh(step / 2))


def truth_hurdle() -> Truth:
    people = many(draw_hurdle)
    score, half = people.score, float(people.score.std()) / 2
    means = []
    for sign in (1, -1):
        people.score = score + sign * half
        mean = np.exp(pop.COUNT.line(people))
        some = -np.expm1(-np.log1p(pop.ALPHA * mean) / pop.ALPHA)
        means.append(float((expit(pop.GATE.line(people)) * mean / some).mean()))
    return every_count(float(np.log(means[0] / means[1])), means[0] - means[1])


def every_count(ratio: float, difference: float) -> Truth:
    names = ("negative binomial", "zero-inflated", "hurdle", "chosen by AIC")
    return {
        (f"active days, {name}", quantity): value
        for name in names
        for quantity, value in ((RATIO, ratio), (HUMAN, difference))
    }


# Context as moderator -------------------------------------------------------------------------------------


def draw_moderated(rng: np.random.Generator, n: int) -> People:
    people = pop.enrol(rng, n, gaps=False)
    people.outcome["done"] = pop.sessions(rng, expit(pop.MODERATED_USE.line(people)))
    time, left = pop.leaving(rng, pop.MODERATED_LEAVE.line(people))
    people.outcome |= {"disengaged_after": time, "disengaged": left}
    return people


def fit_moderated(people: People) -> list[Line]:
    run = ModelRun(pop.landmark_design(people), "score", 0.95, None, context="context").run([m.MODERATED])
    if run.context is None:
        return []
    lines = []
    for row in run.context.to_dict("records"):
        if row["quantity"].startswith(("score, context held", "context, score held")):
            continue  # a straight effect where the truth is an interaction
        name = f"{row['model']}: {row['quantity']}"
        low, high = np.log(row["ci_lower"]), np.log(row["ci_upper"])
        lines.append(ranged(name, RATIO, float(np.log(row["ratio"])), low, high))
        if np.isfinite(row["effect"]):
            lines.append(ranged(name, HUMAN, row["effect"], row["effect_lower"], row["effect_upper"]))
    return lines


def truth_moderated() -> Truth:
    people = many(draw_moderated)
    sd, spread = float(people.score.std()), float(people.context.std())
    middle, own = float(people.context.mean()), people.context
    truth: Truth = {}
    for model, effects in ((m.REMAINING, pop.MODERATED_USE), (m.HAZARD, pop.MODERATED_LEAVE)):
        for at, label in (
            (-1, "one SD below its mean"),
            (0, "at its mean"),
            (1, "one SD above its mean"),
        ):
            name = f"{model}: score, context {label}"
            slope = (effects.score + effects.product * (middle + at * spread)) * sd
            truth[name, RATIO] = slope
            if model == m.REMAINING:
                people.context = np.full(MANY, middle + at * spread)
                p = expit(effects.line(people))
                truth[name, HUMAN] = DUE * float((p * (1 - p)).mean()) * slope
                people.context = own
        truth[f"{model}: interaction", RATIO] = effects.product * sd * spread
    return truth


# A curved effect -------------------------------------------------------------------------------------------

AT = (3.0, 3.5, 4.0, 4.5)  # between the outer knots of nearly every draw


def bent(score: Table) -> Table:
    """More alliance helps up to about the middle of the scale, hardly beyond."""
    return np.asarray(1.6 * np.tanh((score - 2.9) / 0.9))


def draw_curved(rng: np.random.Generator, n: int) -> People:
    people = pop.enrol(rng, n, gaps=False)
    people.outcome["done"] = pop.sessions(rng, curved_share(people))
    return people


def curved_share(people: People) -> Table:
    rest = 0.35 * (people.before - pop.BEFORE / 2) - 0.2 * people.severity
    return np.asarray(expit(-0.8 + bent(people.score) + rest))


def fit_curved(people: People) -> list[Line]:
    others = scaled_design(people)[:, 2:]
    done, due = people.outcome["done"], np.full(len(people.score), DUE)
    found = compare_shapes(people.score, others, done, due)
    lines = [tested(m.SHAPE, found.pvalue)]
    for value in AT:
        if found.at[0] <= value <= found.at[-1]:
            curve = (np.interp(value, found.at, y) for y in (found.fitted, found.lower, found.upper))
            fitted, low, high = (float(y) for y in curve)
            lines.append((m.SHAPE, f"sessions at {value}", fitted, np.nan, low, high))
    return lines


def truth_curved() -> Truth:
    people = many(draw_curved)
    truth: Truth = {(m.SHAPE, TEST): np.nan}
    for value in AT:
        people.score = np.full(MANY, value)
        share = float(curved_share(people).mean())
        truth[m.SHAPE, f"sessions at {value}"] = DUE * share
    return truth


# Those who had left answer less, and alliance matters less to them ---------------------------------------


def draw_silent(rng: np.random.Generator, n: int) -> People:
    people = pop.enrol(rng, n)
    people.severity_known[:] = True
    people.answered = rng.random(n) < expit(1.6 + 0.4 * (people.before - 2) - 2.2 * people.idle)
    people.outcome["done"] = pop.sessions(rng, silent_share(people))
    return people


def silent_share(people: People) -> Table:
    slope = np.where(people.idle, 0.0, 0.9)
    rest = 0.3 * (people.before - 2) - 0.2 * people.severity
    return np.asarray(expit(-0.1 - 1.0 * people.idle + slope * (people.score - pop.MIDDLE) + rest))


def fit_silent(people: People) -> list[Line]:
    run = ModelRun(pop.landmark_design(people), "score", 0.95, None)
    return lines_of(run.run([m.REMAINING, m.WEIGHTED, m.IMPUTED]))


def truth_silent() -> Truth:
    """The straight logit among everyone watched, whoever answered."""
    people = draw_silent(np.random.default_rng(CHUNK_SEED), SEVERAL)
    design, due = scaled_design(people), np.full(SEVERAL, DUE)
    fit = quasi_binomial(design, DUE * silent_share(people), due)  # shares as expected, without chance
    effect = average_effect(fit, design, due, 1)[0]
    # Units: one standard deviation among those analysed for the first two, among everyone for the third.
    own = float(people.score[people.analysed].std() / people.score.std())
    return {
        (model, quantity): value * (1.0 if model == m.IMPUTED else own)
        for model in (m.REMAINING, m.WEIGHTED, m.IMPUTED)
        for quantity, value in ((RATIO, float(fit.coefficients[1])), (HUMAN, effect))
    }


STUDIES = {
    "all models, gaps, n = 300": Study(draw=draw_all, estimate=fit_all, truth=truth_all, n=300),
    "all models, no gaps, n = 120": Study(
        draw=draw_complete, estimate=fit_all, truth=lambda: truth_all(draw_complete), n=120
    ),
    "zero-inflated counts, n = 300": Study(
        draw=draw_zero_inflated, estimate=fit_counts, truth=truth_zero_inflated, n=300
    ),
    "hurdle counts, n = 300": Study(draw=draw_hurdle, estimate=fit_counts, truth=truth_hurdle, n=300),
    "moderated by context, n = 400": Study(
        draw=draw_moderated, estimate=fit_moderated, truth=truth_moderated, n=400
    ),
    "silence of those who had left, n = 300": Study(
        draw=draw_silent, estimate=fit_silent, truth=truth_silent, n=300
    ),
    "curved effect, n = 300": Study(draw=draw_curved, estimate=fit_curved, truth=truth_curved, n=300),
}
