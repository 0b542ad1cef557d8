"""Ask the planner's table for numbers of people, then simulate studies of these numbers by other means.

Draws by numpy and scipy, fits by statsmodels, from what docs/methods/power.md says of the population; no code of
the planner is used beyond its answer. `python -m tests.recovery.plan_table_check [--replications N]` writes
docs/methods/tables/plan_table_check.csv.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from scipy.special import polygamma
from threadpoolctl import threadpool_limits

from analysis.power import plan_table as planner
from analysis.simulation.population import load_population
from instrument.study import as_study

TABLE = Path(__file__).parents[2] / "docs" / "methods" / "tables" / "plan_table_check.csv"
DUE_BEFORE, DUE_AFTER, LANDMARK, USE_DAYS = 4, 8, 28.0, 56.0
THRESHOLD, RELIABILITY, RATED, FOLLOWED, DONE, SPREAD = 0.66, 0.85, 0.75, 0.6, 0.5, 0.35
DAYS, OVERDISPERSION, DISENGAGED, HABIT, BEFORE = 12.0, 0.5, 0.4, 0.4, 0.2
LATE = {"enrolment_days": 100.0, "read_day": 130.0, "left": 0.4}
SIZES = {"bond": 0.12, "goal": 0.19, "total": 0.21, "task": 0.25}
SETTINGS: dict[str, tuple[float, dict[str, Any]]] = {
    "published size, total (.21)": (0.21, {}),
    **{f"published size, {name} (.{100 * r:.0f})": (r, {}) for name, r in SIZES.items() if name != "total"},
    **{
        f"{name} (.{100 * r:.0f}), enrolment over 100 days, read on day 130, 40 % had left": (r, LATE)
        for name, r in SIZES.items()
    },
    "total (.21), half of what is due is enough": (0.21, {"threshold": 0.5}),
    "total (.21), nine tenths of what is due": (0.21, {"threshold": 0.9}),
    "enrolment over 100 days, read on day 130 (.25)": (0.25, {"enrolment_days": 100.0, "read_day": 130.0}),
    "a large effect, 40 % had left (.4)": (0.4, {"left": 0.4}),
}
SCALES = {
    "remaining use, logit": np.pi / np.sqrt(3),
    "threshold, logistic": np.pi / np.sqrt(3),
    "active days, negative binomial": float(np.sqrt(polygamma(1, 1 / OVERDISPERSION))),
    "time to disengagement, Cox": -np.pi / np.sqrt(6),
    "outcome at follow-up, linear": 1.0,
}
Numbers = np.ndarray[Any, Any]


def units(rng: np.random.Generator, mean: Numbers, due: Any) -> Numbers:
    size = 1 / SPREAD - 1
    return stats.betabinom.rvs(due, mean * size, (1 - mean) * size, random_state=rng)


def pvalue_of(
    rng: np.random.Generator, kind: str, n: int, r: float, how: dict[str, Any]
) -> tuple[float, float]:
    """Estimate and p value of one study."""
    habit, scale = rng.normal(size=n), SCALES[kind]
    cdf = stats.logistic.cdf
    line = np.log(DONE / (1 - DONE))
    before = units(rng, cdf(line + habit), DUE_BEFORE)
    early = stats.zscore(np.log(1 + before))
    alliance = BEFORE * early + np.sqrt(1 - BEFORE**2) * rng.normal(size=n)
    score = np.sqrt(RELIABILITY) * alliance + np.sqrt(1 - RELIABILITY) * rng.normal(size=n)
    rho = r / np.sqrt(RELIABILITY)
    work = scale * (rho / np.sqrt(1 - rho**2) * alliance + HABIT * habit)
    span = how.get("enrolment_days", 0.0)
    joined = rng.uniform(0, span, size=n) if span else np.zeros(n)
    seen = np.clip(how.get("read_day", 1e9) - joined - LANDMARK, 0, USE_DAYS)
    gone = rng.uniform(size=n) < how.get("left", 0.15)
    asked = rng.uniform(size=n) < (FOLLOWED if kind.startswith("outcome") else RATED)
    due = (seen // 7).astype(int)
    columns = [score, np.log(1 + before), before, *([joined / 100] if span else [])]
    x = np.column_stack(columns)
    if kind == "outcome at follow-up, linear":
        here = asked & (seen >= USE_DAYS)
        y = work + rng.normal(size=n)
        fit = sm.OLS(y[here], sm.add_constant(x[here])).fit(cov_type="HC3", use_t=True)
        return float(fit.params[1]), float(fit.pvalues[1])
    if kind == "time to disengagement, Cox":
        here = asked & (seen > 0) & ~gone
        scale_of_time = USE_DAYS / -np.log(1 - DISENGAGED) * np.exp(-work)
        when = stats.expon.rvs(scale=scale_of_time, random_state=rng)
        return partial_likelihood(np.minimum(when, seen)[here], x[here], (when < seen)[here])
    if kind == "active days, negative binomial":
        here = asked & (seen > 0)
        mean = DAYS * seen / USE_DAYS * np.exp(work)
        size = 1 / OVERDISPERSION
        y = stats.nbinom.rvs(size, size / (size + np.maximum(mean, 1e-9)), random_state=rng)
        y[gone] = 0
        design = sm.add_constant((x - x[here].mean(axis=0)) / x[here].std(axis=0))[here]
        start = [*sm.GLM(y[here], design, family=sm.families.Poisson()).fit().params, 1.0]
        fit = sm.NegativeBinomial(y[here], design).fit(start_params=start, method="newton", disp=0)
        b, alpha = fit.params[:-1], fit.params[-1]
        mu = np.exp(design @ b)
        weight = mu * (1 + alpha * y[here]) / (1 + alpha * mu) ** 2
        bread = np.linalg.inv(design.T @ (design * weight[:, None]))
        hat = np.einsum("ij,jk,ik->i", design, bread, design) * weight
        moved = (design * ((y[here] - mu) / (1 + alpha * mu) / (1 - hat))[:, None]) @ bread
        z = b[1] / np.sqrt(np.sum(moved[:, 1] ** 2))
        return float(b[1]), float(2 * stats.norm.sf(abs(z)))
    here = asked & (due > 0)
    done = units(rng, cdf(line + work), np.maximum(due, 1))
    done[gone] = 0
    trials = due[here].astype(float)
    design = sm.add_constant(x[here])
    if kind == "threshold, logistic":
        fit = sm.Logit((done[here] / trials >= how.get("threshold", THRESHOLD)).astype(float), design).fit(
            disp=0
        )
        return float(fit.params[1]), float(fit.pvalues[1])
    y = done[here] / trials
    fit = sm.GLM(y, design, family=sm.families.Binomial(), var_weights=trials).fit()
    p = fit.fittedvalues
    root = design * np.sqrt(trials * p * (1 - p))[:, None]
    hat = np.sum(np.linalg.qr(root)[0] ** 2, axis=1)
    bread = np.linalg.inv(root.T @ root)
    meat = design * (trials * (y - p) / (1 - hat))[:, None]
    error = np.sqrt((bread @ (meat.T @ meat) @ bread)[1, 1])
    t = fit.params[1] / error
    return float(fit.params[1]), float(2 * stats.t.sf(abs(t), len(design) - design.shape[1]))


def partial_likelihood(
    time: Numbers, x: Numbers, event: Numbers, *, plain: bool = False
) -> tuple[float, float]:
    """Cox's coefficient of the first column and its p value, by Newton steps; no two times are equal.

    The error is that of people left out, the hazard of the others left as it is; `plain` that of the model.
    """
    order = np.argsort(-time)
    x, event = (x - x.mean(axis=0))[order], event[order].astype(float)
    b = np.zeros(x.shape[1])
    for _ in range(25):
        risk = np.exp(x @ b)
        below = np.cumsum(risk)
        mean = np.cumsum(risk[:, None] * x, axis=0) / below[:, None]
        square = np.cumsum(risk[:, None, None] * x[:, :, None] * x[:, None, :], axis=0) / below[:, None, None]
        information = np.einsum("i,ijk->jk", event, square - mean[:, :, None] * mean[:, None, :])
        step = np.linalg.solve(information, event @ (x - mean))
        b = b + step
        if np.abs(step).max() < 1e-9:
            break
    error = np.sqrt(np.linalg.inv(information)[0, 0])
    if not plain:
        ends = np.flatnonzero(event)
        there = np.arange(len(x))[:, None] <= ends  # those latest first: who is still there at each end
        share = there * risk[:, None] / below[ends]
        apart = x[:, None, :] - mean[ends]
        score = event[:, None] * (x - mean) - np.einsum("ie,iek->ik", share, apart)
        own = np.einsum("ie,iek,iel->ikl", share, apart, apart)
        error = np.sqrt(np.sum(np.linalg.solve(information - own, score[:, :, None])[:, 0, 0] ** 2))
    return float(b[0]), float(2 * stats.norm.sf(abs(b[0] / error)))


def share(kind: str, n: int, r: float, how: dict[str, Any], replications: int, seed: list[int]) -> float:
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(replications):
        estimate, p = pvalue_of(rng, kind, n, r, how)
        found += p < 0.05 and (r == 0 or estimate * SCALES[kind] > 0)
    return found / replications


def asked_only(kinds: Collection[str]) -> Any:
    """The planner's own rows, of these analyses; each has seeds of its own, so that leaving some out changes none."""
    whole = planner._row

    def row(name: str, r: float, kind: str, *given: Any) -> dict[str, Any]:
        if kind in kinds:
            return whole(name, r, kind, *given)
        return {"analysis": kind, "n": float("nan"), "reason": "not asked"}

    return row


def check(name: str, replications: int, kinds: Collection[str] = tuple(SCALES)) -> None:
    r, how = SETTINGS[name]
    study = as_study(load_population("dta_example").study)
    rule = study.adherence.model_copy(update={"threshold": how.get("threshold", THRESHOLD)})
    supposed = {key: value for key, value in how.items() if key != "threshold"}
    with patch.object(planner, "_row", asked_only(kinds)):
        plan = planner.plan_table(
            study.model_copy(update={"adherence": rule}), {"size": r}, replications=1000, **supposed
        )
    own = [] if name == next(iter(SETTINGS)) else [list(SETTINGS).index(name)]
    for k, row in enumerate(plan.table.to_dict("records")):
        start, kind = time.perf_counter(), row["analysis"]
        if kind not in kinds or not np.isfinite(row["n"]):
            print(name, kind, row["reason"], flush=True)
            continue
        n = int(row["n"])
        line = {
            "setting": name,
            "analysis": kind,
            "n_asked": n,
            "power_planned": row["power"],
            "level_planned": row["level"],
            "power": share(kind, n, r, how, replications, [7, k, 1, *own]),
            "level": share(kind, n, 0.0, how, replications, [7, k, 0, *own]),
            "replications": replications,
        }
        print(line, f"{time.perf_counter() - start:.0f} s", flush=True)
        keep(line)


def keep(line: dict[str, Any]) -> None:
    old = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame(columns=list(line))
    others = old[(old["setting"] != line["setting"]) | (old["analysis"] != line["analysis"])]
    whole = pd.concat([others, pd.DataFrame([line])]) if len(others) else pd.DataFrame([line])
    order = [(name, kind) for name in SETTINGS for kind in SCALES]
    place = [order.index(pair) for pair in zip(whole["setting"], whole["analysis"], strict=True)]
    whole.iloc[np.argsort(place)].to_csv(TABLE, index=False, float_format="%.6g")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--only", default="")
    parser.add_argument("--kind", default="", help="analyses whose name holds this text")
    given = parser.parse_args()
    kinds = [kind for kind in SCALES if given.kind in kind]
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [name for name in SETTINGS if given.only in name]:
            check(name, given.replications, kinds)


if __name__ == "__main__":
    main()
