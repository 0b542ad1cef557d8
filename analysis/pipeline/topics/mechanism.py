"""Context, alliance, later use and outcome as a chain in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.adherence.chain.claims import STEP_NOT_FOUND
from analysis.adherence.chain.four_way import DIRECT, MEDIATED, PURE, REFERENCE, TOTAL
from analysis.adherence.claims.claims import Claim, Doubt
from analysis.disclosure.kinds import GIVEN, TEXT, each, notes, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.in_time import answers_in_time
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.topics.use import lacks_use, usage_of
from analysis.pipeline.twinned.in_use import twins_of_chain
from instrument.errors import NotEstimableError, fact_and_hint

if TYPE_CHECKING:
    from analysis.adherence.chain.mediate_adherence import MediationResult

SAID = {
    Claim.NOT_FOUND: "{middle}, so a route by way of {middle} is not shown: its interval includes zero.",
    Claim.UNTOLD: (
        "{middle} in these figures. Whether it does for a reason of its own cannot be told from these data: "
        "{route_doubts}."
    ),
    Claim.SUPPORTED: (
        "{middle}: supported, as far as it can be without a trial. It survives a hidden cause as strong as "
        "{bound_cause}, and the step from alliance to later use the doubts that are asked of it. A larger "
        "cause that nobody measured, and that leaves the unrelated feature and rating alone, can give the "
        "same picture."
    ),
}
NOT_EVEN = (
    "{middle}: its interval includes zero, but whether there is such a route cannot be told from these data: "
    "{route_doubts}."
)
DOUBTS = {
    Doubt.BENCHMARK: "a hidden cause as strong as {bound_cause} could explain it away",
    Doubt.HABIT: "a lasting habit behind use before, alliance and use after would look the same",
    Doubt.SILENCE: "who chose to answer could produce the step from alliance to later use",
    Doubt.GROUPS: "people of one group may be alike",
    Doubt.COLUMN: "with a column held constant that nobody declared the step is not found",
    Doubt.EARLIER: "alliance goes with use before enrolment, which no rating can have moved",
    Doubt.CONTROL: "one hidden cause of all use of the app would look the same",
    Doubt.RATING: "one hidden cause of ratings and use would look the same",
    Doubt.NO_RATING: (
        "nothing in the answers could show a cause of alliance and intended use alone (the study names no "
        "unrelated rating)"
    ),
    Doubt.WITHDRAWAL: "who withdraws goes with the score, and that moves the estimate",
    Doubt.LOST: "the log shows that use of some people may be missing from it",
    Doubt.NO_CONTROL: (
        "nothing in the log could show a cause of alliance and use that nobody measured (the study names no "
        "unrelated feature)"
    ),
    STEP_NOT_FOUND: "the step from alliance to later use was not found by itself",
}
FOUR = (
    "If the strength of the last step depends on the start, four parts make up the difference of "
    "{four_total:d2} (VanderWeele's four-way decomposition): {four_direct:d2} with {middle} at its reference "
    "(none, or the mean of a score), {four_reference:d2} from their interaction without {start} moving "
    "{middle}, {four_mediated:d2} from both, and {four_pure:d2} by way of {middle} alone. The same order and "
    "the same absence of hidden causes are taken for granted."
)
FOUR_KEYS = {
    TOTAL: "four_total",
    DIRECT: "four_direct",
    REFERENCE: "four_reference",
    MEDIATED: "four_mediated",
    PURE: "four_pure",
}
ROUTE = {"kind": ("Kind", "text"), "route": ("Route", "text"), "estimate": ("Estimate", "d3")}
ORDER = {"yes": "yes", "no": "no, at the same time", "open": "not known", "": ""}


def section_mechanism(context: Context) -> Section:
    """Routes of the chain with intervals, and how little a hidden cause would take to undo them."""
    found = _chain(context)
    said, noted, note_kinds = notes(found.notes)
    values = _values(found) | noted
    return Section(
        estimator="path model by maximum likelihood; percentile bootstrap, bias-corrected and accelerated, "
        "and Monte-Carlo intervals",
        n=found.design["n"],
        n_kind=people(weight=9),
        missing="complete cases: people with every step of the chain",
        seed=context.seed,
        options={
            "chain": " → ".join(found.design["chain"]),
            "wave": found.design["wave"],
            "adjusted for": ", ".join(found.design["adjusted_for"]),
            "draws": found.design["draws"],
            "clusters": found.design["cluster"] or "none",
        },
        option_kinds={"adjusted for": TEXT, "draws": GIVEN, **each(TEXT, "chain wave clusters")},
        prose=[*_prose(values), *said],
        values=values,
        value_kinds={
            "n": people(weight=9),
            **each(TEXT, "route start middle end chain unit outcome route_claim bound_cause route_doubts"),
            **each(statistic(), " ".join(FOUR_KEYS.values())),
            **each(statistic(), "estimate lower upper total total_lower total_upper e_value"),
            **each(statistic(), "rho_at_zero rho_at_limit shared latent_estimate latent_lower latent_upper"),
            **each(statistic(), "latent_cfi latent_rmsea latent_srmr"),
            **note_kinds,
        },
        tables=_tables(found),
        figures=["mechanism", "hidden_cause"],
        problems=by_reason((row["part"], row["reason"]) for row in found.failed.to_dict("records")),
    )


def _chain(context: Context) -> MediationResult:
    from analysis.adherence.chain.mediate_adherence import mediate_adherence

    study = context.study
    if study is None:
        raise NotEstimableError(fact_and_hint("validate", "there is no study file.", "give one."))
    return context.once(
        "mechanism",
        lambda: mediate_adherence(
            answers_in_time(context),
            context.scale,
            usage_of(context),
            study,
            context.outcomes,
            context.known_covariates,
            seed=context.seed,
        ),
    )


def _values(found: MediationResult) -> dict[str, Any]:
    chain = found.design["chain"]
    route = " → ".join(chain[-3:])
    effects = found.effects.set_index("route")
    row = effects.loc[route]
    total = found.effects[
        (found.effects["kind"] == "total")
        & (found.effects["start"] == chain[-3])
        & (found.effects["end"] == chain[-1])
    ].iloc[0]
    doubt = found.robustness.set_index("route").loc[route]
    latent = found.latent.set_index("route")
    values: dict[str, Any] = {
        "n": found.design["n"],
        "route": route,
        "start": chain[-3],
        "middle": chain[-2],
        "end": chain[-1],
        "chain": " → ".join(chain),
        "unit": str(found.design["unit"]).replace("_", " "),
        "outcome": found.design["names"].get("outcome"),
        "estimate": row["estimate"],
        "lower": row["boot_lower"],
        "upper": row["boot_upper"],
        "total": total["estimate"],
        "total_lower": total["boot_lower"],
        "total_upper": total["boot_upper"],
        "e_value": row["e_value"],
        "rho_at_zero": doubt["rho_at_zero"],
        "rho_at_limit": doubt["rho_at_limit"],
        "shared": doubt["shared"],
        "route_claim": doubt["claim"],
        "bound_cause": doubt["bound_cause"],
    }
    named = [DOUBTS[name] for name in str(doubt["doubts"]).split(", ") if name]
    values["route_doubts"] = "; ".join(named).replace("{bound_cause}", str(doubt["bound_cause"]))
    if len(found.four_way):
        parts = found.four_way.set_index("part")["estimate"]
        values |= {key: float(parts[part]) for part, key in FOUR_KEYS.items()}
    if route in latent.index:
        names = ("estimate", "mc_lower", "mc_upper")
        values |= {f"latent_{name.removeprefix('mc_')}": latent.loc[route, name] for name in names}
        values |= {f"latent_{name}": found.latent_fit[name] for name in ("cfi", "rmsea", "srmr")}
    return values


def _prose(values: dict[str, Any]) -> list[str]:
    surely = not values["lower"] <= 0 <= values["upper"]
    untold = Claim(values["route_claim"]) is Claim.UNTOLD
    measured = "points of {outcome}" if values["end"] == "outcome" else "{unit}"
    said = [
        "If the order {chain} holds, these are the routes by which its steps go together in {n:int} people "
        "with every step, with use before the landmark and the declared covariates held constant. That it "
        "holds cannot be read off these figures: other orders and hidden causes can make the same ones.",
        f"Per standard deviation of {{start}}, {{end}} differs by {{total:d2}} {measured} (95% interval "
        "{total_lower:d2} to {total_upper:d2}); {estimate:d2} of it ({lower:d2} to {upper:d2}) goes by way "
        "of " + (NOT_EVEN if untold and not surely else SAID[Claim(values["route_claim"])]),
        "A hidden cause of both {middle} and {end} that leaves their unexplained parts correlated by "
        "{rho_at_zero:r2} would make this route nothing"
        + (
            "; at {rho_at_limit:r2} its interval includes zero."
            if surely and np.isfinite(values["rho_at_limit"])
            else "."
        )
        + " Such a cause would have to explain shares of what is left unexplained in both whose product is "
        "{shared:r3}.",
    ]
    if "four_total" in values:
        said.append(FOUR)
    if "latent_estimate" in values:
        said.append(
            "With alliance as a latent variable above its themes the route is {latent_estimate:d2} "
            "({latent_lower:d2} to {latent_upper:d2}); that model has CFI {latent_cfi:r3}, RMSEA "
            "{latent_rmsea:r3} and SRMR {latent_srmr:r3}."
        )
    return said


_ROUTE_KINDS = {
    **each(TEXT, "kind start end route"),
    **each(statistic(), "estimate se mc_lower mc_upper boot_lower boot_upper bca_lower bca_upper"),
    **each(statistic(), "standardized e_value"),
}


def _tables(found: MediationResult) -> dict[str, Table]:
    tables = {
        "order": Table(
            frame=found.order.assign(told=found.order["before_next"].map(ORDER)),
            kinds=each(TEXT, "step before_next told") | each(GIVEN, "from_day to_day"),
            title="What was measured when",
            columns={
                "step": ("Step", "text"),
                "from_day": ("From day", "int"),
                "to_day": ("To day", "int"),
                "told": ("Before the next step", "text"),
            },
        ),
        "routes": _routes(found),
        "intervals": Table(
            frame=found.effects,
            kinds=_ROUTE_KINDS,
            title="The same routes with other intervals",
            columns={
                "route": ("Route", "text"),
                "se": ("SE", "d3"),
                "mc_lower": ("Monte Carlo from", "d3"),
                "mc_upper": ("to", "d3"),
                "bca_lower": ("BCa from", "d3"),
                "bca_upper": ("to", "d3"),
            },
            note="Monte Carlo: products of normal slopes. BCa: bootstrap, bias-corrected and accelerated.",
        ),
        "latent": _latent(found),
        "simple": Table(
            frame=found.simple,
            kinds=each(TEXT, "path") | each(statistic(), "estimate se pvalue ci_lower ci_upper"),
            title="The last three steps by pingouin",
            columns={
                "path": ("Path", "text"),
                "estimate": ("Estimate", "d3"),
                "se": ("SE", "d3"),
                "ci_lower": ("95% from", "d3"),
                "ci_upper": ("to", "d3"),
            },
            note="The step from the middle to the end stands here without the start; the indirect effect "
            "holds it constant.",
        ),
        "sensitivity": Table(
            frame=found.sensitivity,
            kinds=each(TEXT, "route") | {"rho": GIVEN} | each(statistic(), "estimate ci_lower ci_upper"),
            title="Indirect effect if the errors of the last two steps were correlated",
            columns={
                "route": ("Route", "text"),
                "rho": ("Correlation", "r2"),
                "estimate": ("Estimate", "d3"),
                "ci_lower": ("95% from", "d3"),
                "ci_upper": ("to", "d3"),
            },
        ),
        "robustness": Table(
            frame=found.robustness,
            kinds=each(TEXT, "route bound_cause claim doubts")
            | each(statistic(), "rho_at_zero rho_at_limit shared bound"),
            title="How much a hidden cause would take",
            columns={
                "route": ("Route", "text"),
                "rho_at_zero": ("Correlation at which it is nothing", "r2"),
                "rho_at_limit": ("at which its interval includes zero", "r2"),
                "shared": ("Product of shares to explain", "r3"),
                "bound": ("It must survive", "r2"),
                "bound_cause": ("as a hidden cause would make it that is as strong as", "text"),
                "claim": ("Claim", "text"),
            },
            note="Supported only where the interval includes zero at no correlation up to the one that must "
            "be survived, and the step from alliance to later use is not doubted.",
        ),
        "four_way": Table(
            frame=found.four_way,
            kinds=each(TEXT, "route part") | each(statistic(), "estimate se ci_lower ci_upper share"),
            title="Four parts of the difference by the last three steps",
            columns={
                "part": ("Part", "text"),
                "estimate": ("Estimate", "d3"),
                "se": ("SE", "d3"),
                "ci_lower": ("95% from", "d3"),
                "ci_upper": ("to", "d3"),
                "share": ("Of the total", "percent"),
            },
            note="Per standard deviation of the start, with an interaction of start and middle. The first "
            "four add up to the total. Percentile bootstrap.",
        ),
    }
    return {name: table for name, table in tables.items() if len(table.frame)}


def _routes(found: MediationResult) -> Table:
    return Table(
        frame=found.effects,
        kinds=_ROUTE_KINDS,
        title="Routes of the chain",
        columns={
            **ROUTE,
            "boot_lower": ("95% from", "d3"),
            "boot_upper": ("to", "d3"),
            "standardized": ("Standardised", "d3"),
            "e_value": ("E-value", "d2"),
        },
        note=f"Scores per standard deviation; later use in {found.design['unit']}; the outcome in its "
        "points. Percentile bootstrap. E-values for routes to the outcome.",
    )


def _latent(found: MediationResult) -> Table:
    return Table(
        frame=found.latent,
        kinds=_ROUTE_KINDS,
        title="Routes with alliance as a latent variable",
        columns={**ROUTE, "mc_lower": ("95% from", "d3"), "mc_upper": ("to", "d3")},
        note="Per standard deviation of the latent variable; Monte-Carlo intervals.",
    )


def lacks_mechanism(context: Context) -> str:
    """Say what is missing before a chain can be followed."""
    if message := lacks_use(context):
        return message
    has_context = any(theme.role == "context" for theme in context.scale.themes)
    outcome = context.study.outcome if context.study is not None else None
    if not has_context and (outcome is None or context.outcomes is None):
        return "Needs a theme of the role context, or an outcome named in the study file and its table."
    return ""


TOPIC = Topic(
    name="mechanism",
    title="The supposed chain",
    subject="the supposed chain",
    question="By which routes do context, alliance, later use and outcome go together?",
    run=section_mechanism,
    twins=twins_of_chain,
    lacks=lacks_mechanism,
    predicts=True,
    of_use=True,
)
