"""Features of the app: what two raters found, whether they agree, and alliance across apps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.disclosure.kinds import FOREIGN, GIVEN, TEXT, each, notes, people, statistic
from analysis.disclosure.ledger import value
from analysis.pipeline.context import Context, counted
from analysis.pipeline.section import Section, Table, Topic
from instrument.errors import NotEstimableError

if TYPE_CHECKING:
    from analysis.audit.audit_agreement import AuditAgreement
    from analysis.audit.relate_features import FeatureRelation

LIMITS = {"lower": ("95% from", "r2"), "upper": ("to", "r2")}
NAMES = {"kappa": "kappa", "ac1": "AC1", "pabak": "PABAK"}


def section_psd_audit(context: Context) -> Section:
    """Agreement of two raters, what both found, and features against alliance over several apps."""
    from analysis.audit.audit_agreement import audit_agreement

    if context.audit is None:
        raise NotEstimableError(lacks_audit(context))
    found = audit_agreement(context.audit)
    related, why_not = _related(context, found)
    said, noted, note_kinds = notes(found.notes)
    values = _values(found, related, why_not) | noted
    return Section(
        estimator="share of equal ratings; kappa, AC1 and PABAK with delta-method intervals"
        + ("; mixed model of people within apps" if related is not None else ""),
        n=int(found.table["n"].iloc[0]),
        n_kind=GIVEN,  # ratings that raters gave as their work; no person of the study is counted
        missing="principles rated by both raters",
        options={"options": ", ".join(found.design["options"]), "apps": found.design["apps"]},
        option_kinds=each(GIVEN, "options apps"),
        prose=[*_prose(found, related, values), *said],
        values=values,
        value_kinds={
            **each(GIVEN, "n agreement apps both not_agreed n_apps"),
            **each(GIVEN, *(f"{kind}{end}" for kind in NAMES for end in ("", "_lower", "_upper"))),
            "why_not": FOREIGN,
            "n_people": people(weight=1),
            **each(statistic("n_people"), "between estimate ci_lower ci_upper"),
            **note_kinds,
        },
        tables=_tables(found, related),
        figures=["audit"],
    )


def _related(context: Context, found: AuditAgreement) -> tuple[FeatureRelation | None, str]:
    """Features against the score of the first wave, where the covariates say who used which app."""
    from analysis.audit.relate_features import relate_features

    covariates = context.known_covariates
    if covariates is None or "app" not in covariates:
        return None, "the covariates have no column app"
    score = "total" if "total" in context.card.names else context.card.names[0]
    scores = context.scores_at(context.first_wave)[score]
    people = covariates[["participant", "app"]].astype(str)
    people = people.assign(score=people["participant"].map(scores.rename(index=str)))
    try:
        return relate_features(found, people, "score"), ""
    except NotEstimableError as error:
        return None, str(error).split("\n")[0].removeprefix("relate_features: ").rstrip(".")


def _values(found: AuditAgreement, related: FeatureRelation | None, why_not: str) -> dict[str, Any]:
    first = found.table.iloc[0]
    names = ["n", "agreement", *(f"{kind}{end}" for kind in NAMES for end in ("", "_lower", "_upper"))]
    values: dict[str, Any] = {name: first[name] for name in names}
    values |= {"apps": found.design["apps"], "why_not": why_not, "both": int(found.apps["present"].sum())}
    values["not_agreed"] = int(found.apps["not_agreed"].sum())
    if related is not None:
        share = related.effects.iloc[0]
        values |= {"n_people": related.n, "n_apps": related.n_apps, "between": related.variance["icc"]}
        values |= {name: share[name] for name in ("estimate", "ci_lower", "ci_upper")}
    return values


def _prose(found: AuditAgreement, related: FeatureRelation | None, values: dict[str, Any]) -> list[str]:
    kappa = "kappa is not defined, since both used one category throughout"
    if pd.notna(values["kappa"]):
        kappa = f"kappa is {_with_limits('kappa', values)}"
    others = f"AC1 {_with_limits('ac1', values)} and PABAK {_with_limits('pabak', values)}"
    said = [
        f"Two raters went through {counted('apps', values['apps'], 'app')} on their own and agreed on "
        f"{{agreement:percent}} of {{n:int}} ratings; beyond chance, {kappa}, {others}. "
        "Both found {both:int} [[principle|principles]]; on {not_agreed:int} they did not agree and "
        "should talk.",
        "This describes the app and is no score of its quality. The evidence is mixed: over 92 trials the "
        "number of such principles did not go with engagement (doi:10.1038/s41746-025-01567-5).",
    ]
    if related is None:
        said.append(
            "Whether features go with alliance cannot be asked of these data: {why_not}. That takes six apps "
            "or more, and a column app in the covariates."
        )
    else:
        said.append(
            "Over {n_apps:int} apps with {n_people:int} people, the score of an app with every principle "
            "differs from one with none by {estimate:d2} points (95% interval {ci_lower:d2} to "
            "{ci_upper:d2}); {between:percent} of the differences between people lie between apps. There are "
            "as many cases as apps, and apps differ in much else."
        )
    return said


def _with_limits(kind: str, values: dict[str, Any]) -> str:
    """Place of a coefficient, with those of its limits where it has any."""
    limits = f" ({{{kind}_lower:r2}} to {{{kind}_upper:r2}})" if pd.notna(values[f"{kind}_lower"]) else ""
    return f"{{{kind}:r2}}{limits}"


def _tables(found: AuditAgreement, related: FeatureRelation | None) -> dict[str, Table]:
    single = found.table["scope"] == "principle"
    tables = {
        "agreement": _coefficients(found.table[~single], "Agreement of the two raters"),
        "apps": Table(
            frame=found.apps,
            kinds={
                **each(TEXT, "app version"),
                **dict.fromkeys(["rated", *found.design["options"], "not_agreed"], GIVEN),
            },
            title="What both raters found",
            columns={
                "app": ("App", "text"),
                "version": ("Version", "text"),
                "rated": ("Rated", "int"),
                **{label: (label.capitalize(), "int") for label in found.design["options"]},
                "not_agreed": ("Not agreed", "int"),
            },
        ),
        "principles": _coefficients(found.table[single], "Agreement on each principle, over the apps"),
        "features": Table(
            frame=found.features,
            kinds=each(TEXT, "app version group principle title first second agreed"),
            title="Every rating",
            columns={
                "app": ("App", "text"),
                "title": ("Principle", "text"),
                "first": ("First rater", "text"),
                "second": ("Second rater", "text"),
                "agreed": ("Agreed", "text"),
            },
        ),
    }
    if related is not None:
        tables["relation"] = Table(
            frame=related.effects,
            kinds={
                **each(TEXT, "kind feature title"),
                **each(GIVEN, "apps_with df"),
                **each(
                    statistic(value("n_people")),
                    "estimate se ci_lower ci_upper pvalue p_adjusted p_adjusted_bh",
                ),
            },
            title="Features of apps and the score of their people",
            columns={
                "title": ("Feature", "text"),
                "apps_with": ("Apps with it", "int"),
                "estimate": ("Points", "d2"),
                "ci_lower": ("95% from", "d2"),
                "ci_upper": ("to", "d2"),
                "p_adjusted": ("p, Holm", "p"),
            },
            note="One feature at a time, people within apps. Shares: from none to all. Holm within a kind.",
        )
    return {name: table for name, table in tables.items() if len(table.frame)}


def _coefficients(frame: pd.DataFrame, title: str) -> Table:
    columns: dict[str, tuple[str, str]] = {
        "title": ("Principles", "text"),
        "n": ("n", "int"),
        "agreement": ("Equal", "percent"),
        "present": ("Present", "percent"),
    }
    for kind, name in NAMES.items():
        columns[kind] = (name, "r2")
        columns |= {f"{kind}_{end}": shown for end, shown in LIMITS.items()}
    note = (
        "No coefficient for fewer than five ratings, nor kappa where both raters used one category. No "
        "interval where they agree wholly, nor for kappa where one of them used one category."
    )
    kinds = each(TEXT, "scope name title") | each(
        GIVEN,
        "n agreement present difference",
        *(f"{kind}{end}" for kind in NAMES for end in ("", "_se", "_lower", "_upper")),
    )
    return Table(frame=frame, title=title, columns=columns, note=note, kinds=kinds)


def lacks_audit(context: Context) -> str:
    """Say what is missing before features can be described."""
    if context.audit is None:
        return "Needs the ratings of two raters: dta validate … --audit FILE."
    return ""


TOPIC = Topic(
    name="psd_audit",
    title="Features of the app",
    question="Which persuasive principles does the app hold, and do two raters agree?",
    run=section_psd_audit,
    lacks=lacks_audit,
    of_use=True,
)
