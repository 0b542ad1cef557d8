"""Features of several apps and the alliance of the people who use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.models.families import adjust_within
from analysis.adherence.models.mixed import MixedFit, random_intercept
from analysis.audit.audit_agreement import AuditAgreement
from analysis.common.options import checked_level
from analysis.common.result import Result
from analysis.common.variation import varies
from instrument.answers import with_numbers
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    kind_of,
    name_offenders,
)
from instrument.reading.people import labels_as_text

Floats = NDArray[np.float64]
CALLER = "relate_features"
FEWEST_APPS = 6
FEWEST_EACH = 2
MIXED = (
    "the evidence is mixed: over 92 trials the number of such principles did not go with engagement "
    "(doi 10.1038/s41746-025-01567-5); differences between apps have many other reasons"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FeatureRelation(Result):
    """Relation of an app's features to alliance across apps.

    Attributes
    ----------
    effects : DataFrame
        One row per feature: `kind` (all principles, group, principle), `feature`, `title`, `apps_with`
        (principles: apps that have it), `estimate` (points of the score; shares of principles from none to
        all), `se`, `df`, `ci_lower`, `ci_upper`, `pvalue`, `p_adjusted` and `p_adjusted_bh` within the kind.
    apps : DataFrame
        One row per app: `app`, `n`, `mean`, `share` of principles present.
    variance : dict
        Without features: `between_apps`, `residual`, `icc`.
    left_out : DataFrame
        Features that do not vary enough between apps: `kind`, `feature`, `reason`.
    n, n_apps : int
        People and apps.
    notes : list of str
        What was assumed, and that the evidence is mixed.
    confidence : float
        Confidence level of the intervals.
    """

    effects: pd.DataFrame
    apps: pd.DataFrame
    variance: dict[str, float]
    left_out: pd.DataFrame
    n: int
    n_apps: int
    notes: list[str]
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects


def relate_features(
    audit: AuditAgreement,
    people: pd.DataFrame,
    score: str = "total",
    *,
    app: str = "app",
    adjust_for: Sequence[str] = (),
    confidence: float = 0.95,
) -> FeatureRelation:
    """Relate features of several apps to the scores of the people who use them.

    Use it to describe apps. Do not use it to choose features: apps differ in much else, and there are as many
    cases as apps, however many people answered.

    Parameters
    ----------
    audit
        From `audit_agreement`. A feature counts as there where both raters found it.
    people
        One row per person: the app, the score, covariates.
    score, app
        Columns of the score and of the app.
    adjust_for
        Numeric columns held constant.
    confidence
        Level of every interval.

    Returns
    -------
    FeatureRelation
        `.effects`, `.apps`, `.variance`.

    Raises
    ------
    ResponseDataError
        A column is absent, is not numeric, or an app has several versions in the audit.
    NotEstimableError
        Fewer than six apps with ratings and people.

    Notes
    -----
    `score = b₀ + b₁ feature + … + u_app + e`, restricted maximum likelihood, one feature at a time. Features
    vary between apps only, so their tests have `apps − 2` degrees of freedom (less one per covariate that is
    the same within each app). A principle needs two apps with and two without it.

    References
    ----------
    Laird & Ware (1982), doi 10.2307/2529876. In R: `lme4::lmer(score ~ feature + (1 | app))`.

    Examples
    --------
    >>> import instrument
    >>> names = instrument.load("psd_audit").item_ids
    >>> rows = [
    ...     (f"app{a}", r, p, "present" if (a + k) % (a + 2) else "absent")
    ...     for a in range(6) for r in "xy" for k, p in enumerate(names)
    ... ]
    >>> from analysis.audit.audit_agreement import audit_agreement
    >>> audit = audit_agreement(pd.DataFrame(rows, columns=["app", "rater", "principle", "rating"]))
    >>> people = pd.DataFrame({"app": [f"app{k % 6}" for k in range(60)], "total": np.sin(np.arange(60))})
    >>> found = relate_features(audit, people)
    >>> found.n, found.n_apps, float(found.effects["df"].iloc[0])
    (60, 6, 4.0)
    """
    checked_level(confidence, CALLER)
    held = list(adjust_for)
    if not isinstance(audit, AuditAgreement):
        fact = f"the audit is {kind_of(audit)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give what analysis.audit_agreement found."))
    features = _features(audit)
    table = _people(people, score, app, held, set(features.index))
    apps = [name for name in features.index if name in set(table["app"])]
    if len(apps) < FEWEST_APPS:
        fact = f"{len(apps)} apps have both an audit and people."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"at least {FEWEST_APPS} are needed."))
    if not varies(table[score]):
        raise NotEstimableError(fact_and_hint(CALLER, f"{score!r} has one value only.", "check the scores."))
    features = features.loc[apps]
    person_app = table["app"].map({name: at for at, name in enumerate(apps)}).to_numpy(dtype=np.int64)
    fixed = np.column_stack([np.ones(len(table)), table[held].to_numpy(dtype=float)])
    outcome = table[score].to_numpy(dtype=float)
    rows, left_out = [], []
    for kind, name, title, values in _candidates(features, audit):
        if reason := _unfit(kind, values):
            left_out.append({"kind": kind, "feature": name, "reason": reason})
            continue
        fit = _fit(np.column_stack([fixed, values[person_app]]), outcome, person_app)
        rows.append({"kind": kind, "feature": name, "title": title, **_row(fit, kind, values, confidence)})
    bare = _fit(fixed, outcome, person_app)
    whole = bare.between_people + bare.residual
    counts = table.groupby("app")[score].agg(["size", "mean"]).loc[apps]
    columns = [
        "kind",
        "feature",
        "title",
        "apps_with",
        "estimate",
        "se",
        "df",
        "ci_lower",
        "ci_upper",
        "pvalue",
    ]
    return FeatureRelation(
        effects=adjust_within(pd.DataFrame(rows, columns=columns), ["kind"]),
        apps=pd.DataFrame(
            {
                "app": apps,
                "n": counts["size"].to_numpy(),
                "mean": counts["mean"].to_numpy(),
                "share": features.mean(axis=1).to_numpy(),
            }
        ),
        variance={
            "between_apps": bare.between_people,
            "residual": bare.residual,
            "icc": bare.between_people / whole,
        },
        left_out=pd.DataFrame(left_out, columns=["kind", "feature", "reason"]),
        n=len(table),
        n_apps=len(apps),
        notes=[MIXED, *_lost(people, table)],
        confidence=confidence,
    )


def _features(audit: AuditAgreement) -> pd.DataFrame:
    """One row per app, one 0/1 column per principle: 1 where both raters found it."""
    table = audit.features
    versions = table.groupby("app")["version"].nunique()
    if several := sorted(versions[versions > 1].index):
        fact = f"{len(several)} apps have several versions in the audit: {name_offenders(several)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "keep the version people used."))
    present = audit.design["options"][-1]
    here = table.assign(there=(table["agreed"] == present).astype(float))
    return here.pivot(index="app", columns="principle", values="there").fillna(0.0)


def _people(people: pd.DataFrame, score: str, app: str, held: list[str], audited: set[str]) -> pd.DataFrame:
    people = with_numbers(people, CALLER, [score, *held])
    if absent := [name for name in (app, score, *held) if name not in people]:
        fact = f"there is no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "join scores, apps and covariates by person."))
    table = people[[app, score, *held]].rename(columns={app: "app"}).dropna()
    table["app"] = labels_as_text(table["app"])
    return table[table["app"].isin(audited)].reset_index(drop=True)


def _candidates(features: pd.DataFrame, audit: AuditAgreement) -> list[tuple[str, str, str, Floats]]:
    groups = audit.features.drop_duplicates("principle").set_index("principle")
    titles = audit.table.set_index("name")["title"]
    out: list[tuple[str, str, str, Floats]] = [
        ("all principles", "share", "Share of all principles", features.mean(axis=1).to_numpy())
    ]
    for group in dict.fromkeys(groups["group"]):
        members = [p for p in features.columns if groups.loc[p, "group"] == group]
        out.append(("group", group, f"Share of {titles[group]}", features[members].mean(axis=1).to_numpy()))
    for principle in groups.index:
        title = str(groups.loc[principle, "title"])
        out.append(("principle", principle, title, features[principle].to_numpy()))
    return out


def _unfit(kind: str, values: Floats) -> str:
    if kind == "principle":
        each = min(int(values.sum()), int((1 - values).sum()))
        return "" if each >= FEWEST_EACH else f"fewer than {FEWEST_EACH} apps with it, or without"
    return "" if varies(values) else "the same in every app"


def _fit(design: Floats, outcome: Floats, app: NDArray[np.int64]) -> MixedFit:
    try:
        return random_intercept(design, outcome, app)
    except NotEstimableError:
        fact = "the mixed model of people within apps could not be estimated."
        hint = "see that the score varies, that apps have several people, and hold fewer covariates constant."
        raise NotEstimableError(fact_and_hint(CALLER, fact, hint)) from None


def _row(fit: MixedFit, kind: str, values: Floats, level: float) -> dict[str, Any]:
    low, high = fit.interval(level)
    return {
        "apps_with": int(values.sum()) if kind == "principle" else None,
        "estimate": float(fit.coefficients[-1]),
        "se": float(fit.se[-1]),
        "df": float(fit.df[-1]),
        "ci_lower": float(low[-1]),
        "ci_upper": float(high[-1]),
        "pvalue": float(fit.pvalues()[-1]),
    }


def _lost(people: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    lost = len(people) - len(table)
    return [f"{lost} of {len(people)} people lack a score, a covariate or an audited app"] if lost else []
