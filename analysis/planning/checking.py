"""A plan against the instrument, the other questionnaires and the topics there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.planning.definition import (
    ALL_ITEMS,
    Plan,
    ambiguous,
    names_of_measures,
    of_itself,
    parameter_of,
    score_names,
    shared_items,
)
from instrument.common.nearest import nearest
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ToolkitError, fact_and_hint

if TYPE_CHECKING:
    import pandas as pd

CALLER = "plan"


def refuse_unfitting(
    plan: Plan,
    scale: Instrument,
    measures: Sequence[Instrument] | None = None,
    covariates: Iterable[str] | None = None,
) -> None:
    """Refuse a plan that names what the instrument, the other questionnaires or the data do not have.

    Parameters
    ----------
    plan
        The plan.
    scale
        Instrument it is about.
    measures
        Instruments of the other questionnaires; None where they are not known yet.
    covariates
        Columns that people are compared by or scores related to; None where they are not known yet.

    Raises
    ------
    DefinitionError
        Each fault with its path into the plan.
    """
    faults = [
        *_topic_faults(plan),
        *_hypothesis_faults(plan, scale, measures, covariates),
        *_group_faults(plan, covariates),
        *_collapse_faults(plan, scale),
        *_partial_faults(plan, scale),
        *_model_faults(plan, scale),
        *_headline_faults(plan, scale),
    ]
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:5])
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        counted = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}"
        fact = f"{counted} in the plan for {scale.id!r}.\n{shown}{more}"
        raise DefinitionError(fact_and_hint(CALLER, fact, "mend the plan, or give what it names."))


def _unknown(path: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = nearest(name, names)
    return f"{path}: there is no {name!r}; " + (
        f"did you mean {near!r}?" if near else f"choose among {', '.join(names[:12])}"
    )


def _topic_faults(plan: Plan) -> list[str]:
    from analysis.pipeline.topics import TOPICS

    known = [topic.name for topic in TOPICS]
    return [
        _unknown(f"topics[{k}]", name, known) for k, name in enumerate(plan.topics or ()) if name not in known
    ]


def _hypothesis_faults(
    plan: Plan, scale: Instrument, measures: Sequence[Instrument] | None, covariates: Iterable[str] | None
) -> list[str]:
    own = score_names(scale)
    columns = None if covariates is None else list(covariates)
    beside = [*own, *names_of_measures(measures or ()), *(columns or ())]  # of what is known yet
    faults = []
    for place, hypothesis in enumerate(plan.hypotheses):
        path = f"hypotheses[{place}]"
        score = hypothesis.score or ("total" if "total" in own else own[0])
        if hypothesis.score is not None and hypothesis.score not in own:
            faults.append(_unknown(f"{path}.score", hypothesis.score, own))
        if hypothesis.score is None and "total" not in own and len(own) > 1:
            faults.append(f"{path}.score: say which of {', '.join(own)}; the instrument has no total")
        elif shared := shared_items(scale, score, hypothesis.with_):
            faults.append(f"{path}.with: {of_itself(score, str(hypothesis.with_), shared)}")
        named = {"with": hypothesis.with_, "groups": hypothesis.groups}
        for key, name in named.items():
            if name is not None and beside.count(name) > 1:
                faults.append(f"{path}.{key}: {ambiguous(name, beside.count(name))}")
        if measures is not None and columns is not None and hypothesis.with_ not in (None, *beside):
            faults.append(_unknown(f"{path}.with", str(hypothesis.with_), beside))
        if columns is not None and hypothesis.groups is not None and hypothesis.groups not in columns:
            faults.append(_unknown(f"{path}.groups", hypothesis.groups, columns))
    if measures is not None:
        given = [other.id for other in measures]
        faults += [
            _unknown(f"measures[{k}]", name, given)
            for k, name in enumerate(plan.measures)
            if name not in given
        ]
    return faults


def _group_faults(plan: Plan, covariates: Iterable[str] | None) -> list[str]:
    if covariates is None:
        return []
    known = list(covariates)
    return [_unknown(f"groups.{name}", name, known) for name in plan.groups or {} if name not in known]


def _collapse_faults(plan: Plan, scale: Instrument) -> list[str]:
    faults = []
    for item, merged in plan.collapse.items():
        if item != ALL_ITEMS and item not in scale.item_ids:
            faults.append(_unknown(f"collapse.{item}", item, [ALL_ITEMS, *scale.item_ids]))
            continue
        concerned = scale.item_ids if item == ALL_ITEMS else [item]
        for code in {*merged, *merged.values()}:
            if without := [name for name in concerned if code not in scale.scale_of(name).codes]:
                faults.append(f"collapse.{item}: {code} is no answer of {without[0]!r}")
        faults += _torn(
            item, merged, sorted({code for name in concerned for code in scale.scale_of(name).codes})
        )
    return faults


def _partial_faults(plan: Plan, scale: Instrument) -> list[str]:
    faults = []
    for place, text in enumerate(plan.partial):
        found = parameter_of(text)
        if found is None:
            continue  # said by the plan itself
        path = f"partial[{place}]"
        if found.item not in scale.item_ids:
            faults.append(_unknown(path, found.item, scale.item_ids))
        elif found.theme and found.item not in items_of_theme(scale, found.theme):
            faults.append(f"{path}: {found.item!r} is no item of a theme {found.theme!r}")
        elif found.part.startswith("|"):
            merged = plan.collapse.get(found.item, plan.collapse.get(ALL_ITEMS, {}))
            kept = len({merged.get(code, code) for code in scale.scale_of(found.item).codes})
            if int(found.part[2:]) >= kept:
                faults.append(f"{path}: {found.item!r} has {kept - 1} threshold(s), one between two options")
    return faults


def items_of_theme(scale: Instrument, theme: str) -> list[str]:
    """Items of a theme; none where there is no such theme."""
    return list(scale.theme_items(theme)) if theme in {one.id for one in scale.themes} else []


def _torn(item: str, merged: Mapping[int, int], codes: Sequence[int]) -> list[str]:
    """Name categories that become one while another lies between them: their order would be lost."""
    becomes = [(code, merged.get(code, code)) for code in codes]
    faults = []
    for joined in dict.fromkeys(merged.values()):
        places = [k for k, (_, new) in enumerate(becomes) if new == joined]
        between = (
            [str(code) for code, new in becomes[places[0] : places[-1]] if new != joined] if places else []
        )
        if between:
            same = " and ".join(str(becomes[k][0]) for k in places)
            verb = "does" if len(between) == 1 else "do"
            others = f"{', '.join(between)} between them {verb} not"
            faults.append(f"collapse.{item}: {same} become one category, and {others}")
    return faults


def _model_faults(plan: Plan, scale: Instrument) -> list[str]:
    """Faults of the language of each model, and indicators that are no items."""
    from analysis.structural.language.partable import sort_names
    from analysis.structural.language.syntax import parse_syntax

    faults = []
    for name, syntax in plan.models.items():
        path = f"models.{name}"
        try:
            observed = sort_names(parse_syntax(syntax, path)).observed
        except ToolkitError as error:
            faults.append(str(error).splitlines()[0])
            continue
        faults += [_unknown(path, item, scale.item_ids) for item in observed if item not in scale.item_ids]
    return faults


FIT = (
    *("cfi", "tli", "rmsea"),  # as each estimator judges them
    *("cfi_robust", "tli_robust", "rmsea_robust", "srmr", "cfi_scaled", "rmsea_scaled"),
)
PLACE = "sections."


def _headline_faults(plan: Plan, scale: Instrument) -> list[str]:
    """Headline numbers of the multiverse that there are not."""
    if plan.multiverse is None:
        return []
    themes = [theme.id for theme in scale.themes]
    known = {
        "hypothesis": [hypothesis.id for hypothesis in plan.hypotheses],
        **dict.fromkeys(("alpha", "omega"), themes),
        **{index: list(plan.models) for index in FIT},
    }
    faults = []
    for place, headline in enumerate(plan.multiverse.headline):
        path = f"multiverse.headline[{place}]"
        kind, _, name = headline.partition(" ")
        if headline.startswith(PLACE):
            continue
        if kind not in known:
            faults.append(_unknown(path, kind, [*known, "sections.…"]))
        elif name.strip() not in known[kind]:
            faults.append(_unknown(path, name.strip(), known[kind] or ["(the plan has none)"]))
    return faults


def columns_known(*tables: pd.DataFrame | None) -> list[str]:
    """Columns of tables beside their ids."""
    columns = [str(column) for table in tables if table is not None for column in table.columns]
    return list(dict.fromkeys(name for name in columns if name not in ("participant", "wave")))
