"""The numbers that matter under every combination of decisions that could have been taken instead."""

from __future__ import annotations

import itertools
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from analysis.common.rules import in_force
from analysis.disclosure.kinds import FOREIGN, GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.correlating import correlation_for, missing_items
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.topics.models import INDICES, endings_of, estimator_for
from analysis.pipeline.topics.plan import said
from analysis.pipeline.topics.planned_hypotheses import STATUS_WORDS, checked
from analysis.pipeline.topics.planned_models import fitted
from analysis.pipeline.topics.reliability_parts import omega_of
from analysis.pipeline.twinned.relations import twins_of_paths
from analysis.planning.checking import FIT, PLACE, refuse_unfitting
from analysis.planning.definition import ORDINAL, Plan
from analysis.planning.loading import Settled, settle
from instrument.errors import DefinitionError, ToolkitError, ToolkitWarning, fact_and_hint

MOST_PATHS = 2000
AS_PLANNED = "as planned"
BY_DEFAULT = "by default"
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
Number = dict[str, Any]


def paths_of(plan: Plan, usual: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Give every combination of the alternatives, the plan's own choices among them and first.

    Parameters
    ----------
    plan
        With a multiverse.
    usual
        What entries that the plan leaves to their default come to with these answers, so that the same choice
        is not followed twice.

    Returns
    -------
    list of dict
        Entry to choice.

    Raises
    ------
    DefinitionError
        There are more than 2,000.
    """
    if plan.multiverse is None:
        return []
    own = {key: value if value is not None else (usual or {}).get(key) for key, value in plan.entries.items()}
    choices: dict[str, list[Any]] = {}
    for entry, given in plan.multiverse.alternatives.items():
        written = [_as_written(plan, entry, choice) for choice in given]
        choices[entry] = [own[entry], *(choice for choice in written if choice != own[entry])]
    number = 1
    for several in choices.values():
        number *= len(several)
    if number > MOST_PATHS:
        fact = f"the alternatives make {number:,} paths; at most {MOST_PATHS:,} are followed."
        raise DefinitionError(fact_and_hint("multiverse", fact, "name fewer alternatives."))
    return [dict(zip(choices, path, strict=True)) for path in itertools.product(*choices.values())]


def _as_written(plan: Plan, entry: str, choice: Any) -> Any:
    """Give a choice the form that the plan gives it; one that only goes with others stays as it is."""
    try:
        return Plan.model_validate({"schema": 1, entry: choice}).entries[entry]
    except ValueError:
        return choice


def section_multiverse(context: Context) -> Section:
    """Follow every headline number along every path."""
    plan = context.plan
    headlines = list(plan.multiverse.headline) if plan.multiverse is not None else []
    followed = [_reader(headline) for headline in headlines]
    usual = {"estimator": estimator_for(context)["estimator"], "correlation": correlation_for(context)}
    paths = paths_of(plan, usual)
    rows: list[dict[str, Any]] = []
    carried: dict[str, Context] = {}
    for number, path in enumerate(paths):
        choices = {
            entry: BY_DEFAULT if choice is None else said(entry, choice) for entry, choice in path.items()
        }
        along: Context | str = _along(context, path, carried)
        for headline, read in zip(headlines, followed, strict=True):
            row = {
                "path": number + 1,
                "headline": headline,
                "planned": AS_PLANNED if number == 0 else "",
                **choices,
            }
            rows.append(row | (_read(read, along) if isinstance(along, Context) else {"reason": along}))
    entries = list(paths[0])
    table = pd.DataFrame(rows, columns=["path", "headline", "planned", *entries, *_NUMBERS, "reason"])
    table["reason"] = [reason if isinstance(reason, str) else "" for reason in table["reason"]]
    table.insert(
        2, "bounded", table["headline"].map({one: _cannot_pass_one(context, one) for one in headlines})
    )
    table.insert(1, "position", table.groupby("headline")["estimate"].rank(method="first"))
    return Section(
        estimator="each headline number as in its own section, along every path",
        n=int(table["n"].max()) if table["n"].notna().any() else None,
        n_kind=people(weight=9),
        missing="by the rule of each path",
        seed=plan.seed,
        options={"paths": len(paths), "varied": entries},
        option_kinds={"paths": GIVEN, "varied": TEXT},
        prose=[
            "Decisions that could have been taken otherwise make {paths:int} paths; {lost:int} of the "
            "{numbers:int} numbers along them could not be had. The table of shares says how far each number "
            "depends on these decisions; a conclusion that holds on few paths only is fragile.",
            "The paths are no sample: a share of them is no probability, and none was chosen by its result.",
        ],
        values={"paths": len(paths), "numbers": len(table), "lost": int(table["estimate"].isna().sum())},
        value_kinds=each(GIVEN, "paths numbers") | {"lost": statistic()},
        tables={**_share_tables(table), "paths": _path_table(table, entries)},
        figures=[
            f"specification@{headline}"
            for headline in headlines
            if table.loc[table["headline"] == headline, "estimate"].notna().any()
        ],
    )


_NUMBERS = ["n", "estimate", "ci_lower", "ci_upper", "status"]


def _along(context: Context, path: Mapping[str, Any], carried: dict[str, Context]) -> Context | str:
    """The validation along a path, or why there is none."""
    from analysis.planning.applying import carry_out

    whole = context.whole
    if whole is None:
        return "the answers before the plan are not kept"
    estimator = path.get("estimator", context.plan.estimator)
    if estimator is not None and estimator not in ORDINAL:  # which has no thresholds that could be left free
        path = {**path, "partial": [text for text in context.plan.partial if "|" not in text]}
    try:
        settled = settle(
            Settled(plan=context.plan, written=context.plan, half=context.settled.half), path, "path"
        )
        key = json.dumps([settled.plan.entries[entry] for entry in ("exclude_flagged", "collapse", "rules")])
        if key not in carried:
            with in_force(settled.plan.rules):
                carried[key] = carry_out(whole, replace(settled, seal=context.settled.seal))
        refuse_unfitting(settled.plan, context.scale)
    except ToolkitError as error:
        return str(error).splitlines()[0]
    decided = settled.plan
    return replace(
        carried[key],
        plan=decided,
        settled=settled,
        seed=decided.seed,
        correlation=decided.correlation,
        smooth=decided.smooth,
        _kept={},
        _ran={},
    )


def _read(read: Callable[[Context], Number], along: Context) -> Number:
    try:
        with warnings.catch_warnings(), in_force(along.plan.rules):
            warnings.simplefilter("ignore", ToolkitWarning)
            return read(along)
    except ToolkitError as error:
        return {"reason": str(error).splitlines()[0]}


def _reader(headline: str) -> Callable[[Context], Number]:
    """What reads a headline number: `hypothesis h1`, `alpha t`, `cfi_robust m`, or a place in results."""
    if headline.startswith(PLACE):
        section, _, rest = headline.removeprefix(PLACE).partition(".")
        return partial(_from_results, name=section, rest=rest)
    kind, _, name = headline.partition(" ")
    if kind in FIT:
        return partial(_fit, model=name.strip(), index=kind)
    return partial({"hypothesis": _of_hypothesis, "alpha": _alpha, "omega": _omega}[kind], name=name.strip())


def _cannot_pass_one(context: Context, headline: str) -> bool:
    """Whether a headline number is a correlation, a reliability or an index of fit; a place is not known."""
    kind, _, name = headline.partition(" ")
    if kind != "hypothesis":
        return not headline.startswith(PLACE)
    return any(one.id == name.strip() and one.groups is None for one in context.plan.hypotheses)


def _of_hypothesis(along: Context, name: str) -> Number:
    hypothesis = next(one for one in along.plan.hypotheses if one.id == name)
    row = checked(along, hypothesis)
    return {key: row.get(key) for key in _NUMBERS} | {"reason": row["reason"]}


def _alpha(along: Context, name: str) -> Number:
    from analysis.reliability.cronbach_alpha import cronbach_alpha

    rows = along.items[along.themes[name]].dropna(how="all")
    found = cronbach_alpha(rows, missing=missing_items(along, "listwise"), interval="jackknife")
    numbers = {"estimate": found.estimate, "ci_lower": found.ci.lower, "ci_upper": found.ci.upper}
    return numbers | {"n": found.n_obs}


def _omega(along: Context, name: str) -> Number:
    rows = along.items[along.themes[name]]
    return {"estimate": omega_of(along, rows, 0)["omega"], "n": len(rows.dropna(how="all"))}


def _fit(along: Context, model: str, index: str) -> Number:
    how = estimator_for(along)
    found = fitted(along, along.plan.models[model], how)
    if index in INDICES:  # as it is judged along this path
        index += endings_of(how["estimator"])[0]
    if index not in found.fit.index:
        return {"reason": f"{how['estimator']} has no {index}"}
    numbers: Number = {"estimate": float(found.fit[index]), "n": found.n_obs}
    if index.startswith("rmsea"):
        variant = index.removeprefix("rmsea")
        ends = ("lower", "upper")
        numbers |= {f"ci_{end}": float(found.fit[f"rmsea_ci_{end}{variant}"]) for end in ends}
    return numbers


def _from_results(along: Context, name: str, rest: str) -> Number:
    """Number at a place in the results: its section is asked along the path."""
    from analysis.pipeline.topics import TOPICS, planned_topics

    topic = next(
        (one for one in (*TOPICS, *planned_topics(along)) if one.name == name and one is not TOPIC), None
    )
    if topic is None:
        return {"reason": f"there is no section {name!r}"}
    if lacking := topic.lacks(along) or topic.short(along):
        return {"reason": lacking}
    section = topic.run(along).plain()
    found: Any = section
    try:
        for key, position in _STEP.findall(rest):
            found = found[int(position)] if position else found[key]
    except (KeyError, IndexError, TypeError):
        return {"reason": f"there is no {rest!r} in this section"}
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return {"reason": "that place holds no number"}
    return {"estimate": float(found), "n": section["method"]["n"]}


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """How each number spreads over the paths that could be followed."""
    rows = []
    for headline, whole in table.groupby("headline", sort=False):
        known = whole["estimate"].dropna()
        rows.append(
            {
                "headline": headline,
                "bounded": bool(whole["bounded"].iloc[0]),
                "paths": len(whole),
                "followed": len(known),
                "planned": whole["estimate"].iloc[0],
                "lowest": known.min(),
                "median": known.median(),
                "highest": known.max(),
                "positive": float((known > 0).mean()) if len(known) else None,
            }
        )
    return pd.DataFrame(rows)


def _statuses(table: pd.DataFrame) -> pd.DataFrame:
    """How often each hypothesis comes out in each way, and as it does in the plan."""
    rows = []
    for headline, whole in table.groupby("headline", sort=False):
        planned, told = whole["status"].iloc[0], whole["status"].dropna()
        if not str(headline).startswith("hypothesis ") or told.empty:
            continue
        row: dict[str, Any] = {"headline": headline, "followed": len(told), "planned": planned}
        row["same"] = float((told == planned).mean())
        rows.append(row | {status: float((told == status).mean()) for status in STATUS_WORDS})
    return pd.DataFrame(rows)


def _share_tables(table: pd.DataFrame) -> dict[str, Table]:
    note = "Of the paths that could be followed; no probabilities."
    tables = {
        "shares": Table(
            frame=_shares(table),
            kinds={
                **each(TEXT, "headline"),
                **each(GIVEN, "paths bounded"),
                **each(statistic(), "followed planned lowest median highest positive"),
            },
            title="Every headline number over all paths",
            columns={
                "headline": ("Number", "text"),
                "paths": ("Paths", "int"),
                "followed": ("Followed", "int"),
                "planned": ("As planned", "b3"),
                "lowest": ("Lowest", "b3"),
                "median": ("Median", "b3"),
                "highest": ("Highest", "b3"),
                "positive": ("Above 0", "percent"),
            },
            note=note,
        )
    }
    statuses = _statuses(table)
    if len(statuses):
        names = [str(status) for status in STATUS_WORDS]
        tables["statuses"] = Table(
            frame=statuses,
            kinds={
                **each(TEXT, "headline"),
                **dict.fromkeys(["followed", "planned", "same", *names], statistic()),
            },
            title="What becomes of every hypothesis over all paths",
            columns={
                "headline": ("Hypothesis", "text"),
                "followed": ("Paths", "int"),
                "planned": ("As planned", "text"),
                "same": ("The same", "percent"),
                **{name: (f"{name[0].upper()}{name[1:]}", "percent") for name in names},
            },
            note=note,
        )
    return tables


def _path_table(table: pd.DataFrame, entries: list[str]) -> Table:
    columns = {entry: (entry.replace("_", " "), "text") for entry in entries}
    return Table(
        frame=table.astype({"n": "Int64"}),
        kinds={
            **each(TEXT, "headline planned", *entries),
            **each(GIVEN, "path bounded"),
            "n": people(("method", "n")),
            **each(statistic("n"), "estimate ci_lower ci_upper status position"),
            "reason": FOREIGN,
        },
        title="Every path",
        columns={
            "path": ("Path", "int"),
            "headline": ("Number", "text"),
            **columns,
            "n": ("n", "int"),
            "estimate": ("Estimate", "b3"),
            "ci_lower": ("95% from", "b3"),
            "ci_upper": ("to", "b3"),
            "status": ("Status", "text"),
            "reason": ("Why there is none", "text"),
        },
        note="The first path is the plan as it was carried out. Intervals are 95%, of RMSEA 90%.",
    )


TOPIC = Topic(
    name="multiverse",
    title="Other decisions",
    subject="other decisions",
    question="Would other decisions have led to other numbers?",
    run=section_multiverse,
    twins=twins_of_paths,
)
