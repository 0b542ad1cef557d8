"""Relations to outcome and use once more, without the items that come near to outcome or use in content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.disclosure.kinds import GIVEN, TEXT, each, statistic
from analysis.disclosure.kinds import people as counted_people
from analysis.pipeline.context import Context, listed
from analysis.pipeline.in_time import card_in_time
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Section, Table, Topic, of_sample
from analysis.pipeline.topics.adherence import EFFECTS, held_constant, related, study_of
from analysis.pipeline.topics.use import lacks_use, usage_of
from analysis.pipeline.topics.validity_added import added_beyond, added_by_theme
from analysis.pipeline.topics.validity_measures import (
    cannot_pass_one,
    estimates,
    measure_scores,
    named_in,
    people_table,
)
from analysis.pipeline.twinned.in_use import twins_without_items
from instrument.common.formatting import form_of_row
from instrument.definition import Criterion
from instrument.errors import ToolkitError
from instrument.reduced import without_items

Row = Mapping[Any, Any]
_Effects = tuple[pd.DataFrame, pd.DataFrame]
WORDS: dict[Criterion, str] = {"outcome": "the outcome", "use": "use of the app"}
SHARED_WITH_WHOLE = ("usage",)  # what a reduced scale does not alter is not computed again
LEVEL = 0.05
HELD = ("score, context held constant", "context, score held constant", "interaction")
ONLY_HELD = "only of the scores held constant"
SAME, TURNED, LOST, WON, GONE = (
    "no",
    "its direction turns",
    "no longer told from chance",
    "only now told from chance",
    "could not be fitted",
)
_NUMBERS = ("estimate", "ci_lower", "ci_upper")
_COLUMNS = [
    "criterion",
    "relation",
    "score",
    "title",
    "left_out",
    "n",
    *_NUMBERS,
    "pvalue",
    "null",
    "bounded",
]
_COLUMNS += ["n_without", *(f"{name}_without" for name in _NUMBERS), "pvalue_without", "change", "changes"]


def section_criterion_items(context: Context) -> Section:
    """Every relation to outcome or use beside the same relation without the items flagged for it."""
    gaps = Gaps(context=context, few=of_sample(context))
    tables = [_compared(context, criterion, gaps) for criterion in _flagged(context)]
    frame = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_COLUMNS)
    values = _values(context, frame)
    return Section(
        estimator="as in the sections on later use and on other things, with scores of the remaining items",
        n=int(frame["n"].max()) if frame["n"].notna().any() else None,
        n_kind=counted_people(weight=9),
        missing="as there; a theme is scored by the instrument's rule on the items left",
        seed=context.seed,
        options={"level": 1 - LEVEL},
        option_kinds=each(GIVEN, "level"),
        prose=_prose(context, frame),
        values=values,
        value_kinds={
            **each(GIVEN, "relations n_outcome n_use"),
            **each(TEXT, "outcome_items use_items widest widest_score without"),
            **each(statistic(), "changed unfitted widest_from widest_to"),
        },
        tables=_tables(frame),
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _flagged(context: Context) -> list[Criterion]:
    """Criteria that items of the data come near to."""
    return [criterion for criterion in WORDS if set(context.scale.near_criterion(criterion))]


def for_predictions(context: Context) -> Context:
    """Give the validation that predictions are made from: without flagged items where the plan says so."""
    if context.plan.criterion_items == "keep":
        return context
    gone = [item for criterion in _flagged(context) for item in context.scale.near_criterion(criterion)]
    if not gone:
        return context
    return context.once("for predictions", lambda: _shorter(context, list(dict.fromkeys(gone))))


def without_flagged(context: Context, criterion: Criterion) -> Context:
    """Give the same validation with a scale that lacks the items flagged for a criterion.

    People without a score by the whole theme have none by its remaining items either, so that nobody is in
    the second relation who is not in the first.
    """
    return _shorter(context, context.scale.near_criterion(criterion))


def _shorter(context: Context, gone: list[str]) -> Context:
    reasons = context.reasons
    if reasons is not None and "item" in reasons:
        reasons = reasons[~reasons["item"].isin(gone)]
    kept = [name for name in SHARED_WITH_WHOLE if name in context._kept]
    shorter = replace(
        context,
        scale=without_items(context.scale, gone),
        responses=context.responses.drop(columns=gone),
        as_given=None if context.as_given is None else context.as_given.drop(columns=gone),
        reasons=reasons,
        _kept={name: context._kept[name] for name in kept},
        _ran={name: context._ran[name] for name in kept},
    )
    card = shorter.card
    scored = context.card.scores.reindex(columns=card.names).notna()
    scores = card.scores.assign(**{name: card.scores[name].where(scored[name]) for name in card.names})
    shorter.__dict__["card"] = replace(card, scores=scores)  # in the place of the cached property
    return shorter


def left_out_of(context: Context, criterion: Criterion) -> dict[str, list[str]]:
    """Items left out of each score that counts one of them, the total among them."""
    gone = set(context.scale.near_criterion(criterion))
    of_themes = {theme: [i for i in items if i in gone] for theme, items in context.themes.items()}
    of_total = [item for item in context.total_items if item in gone] if context.scale.total_themes else []
    return {score: items for score, items in {"total": of_total, **of_themes}.items() if items}


def _compared(context: Context, criterion: Criterion, gaps: Gaps) -> pd.DataFrame:
    """Relations to one criterion with and without its items, of the scores that count one of them."""
    relations = _to_use if criterion == "use" else _to_outcome
    before = list(relations(context, gaps))
    if not before:
        return pd.DataFrame(columns=_COLUMNS)
    left_out = left_out_of(context, criterion)
    shorter = without_flagged(context, criterion)
    after = {(row["relation"], row["score"]): row for row in relations(shorter, gaps, list(left_out))}
    rows = []
    for row in before:
        gone = left_out.get(row["score"], [])
        if not gone and not row["adjusted"]:
            continue  # nothing in this relation was left out
        rest = after.get((row["relation"], row["score"]))
        rows.append(
            {
                **{key: value for key, value in row.items() if key in _COLUMNS},
                "criterion": WORDS[criterion],
                "title": _title(context, row["score"]),
                "left_out": ", ".join(gone) or ONLY_HELD,
                **{
                    f"{key}_without": None if rest is None else rest[key]
                    for key in ("n", *_NUMBERS, "pvalue")
                },
                "change": None if rest is None else _distance(rest) - _distance(row),
                "changes": _what_changes(row, rest),
            }
        )
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"n": "Int64", "n_without": "Int64"})


def _fitted(context: Context, changed: Sequence[str] | None, *, of_outcome: bool) -> _Effects:
    """Effects on outcome or use, and those crossed with the context: of every score, or of those changed.

    The models of a shorter scale are those only that are told again: of scores that lack an item, and
    with the context held constant, which may lack one, of all.
    """
    from analysis.adherence.models.context import REMAINING
    from analysis.adherence.models.run import MODERATED, OF_LATER_USE, OUTCOME
    from analysis.adherence.relate_adherence import some_of

    if changed is None:
        found = related(context)
        is_outcome = found.effects["model"] == OUTCOME
        return found.effects[is_outcome if of_outcome else ~is_outcome], found.context
    models = (OUTCOME, REMAINING) if of_outcome else OF_LATER_USE  # hypotheses read the remaining use
    crossed = () if of_outcome else (MODERATED,)
    wanted = {name: (*(models if name in changed else ()), *crossed) for name in context.card.names}
    effects, held = some_of(
        card_in_time(context),
        usage_of(context),
        study_of(context),
        context.outcomes,
        context.known_covariates,
        wanted,
        context=held_constant(context),
        seed=context.seed,
    )
    context.once(EFFECTS, lambda: effects)
    return effects[(effects["model"] == OUTCOME) == of_outcome], held


def _to_use(context: Context, gaps: Gaps, changed: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Models of use after the landmark, and the study's hypotheses about it."""
    if lacks_use(context):
        return
    try:
        effects, held = _fitted(context, changed, of_outcome=False)
    except ToolkitError as error:
        gaps.add("Models of later use", error)
        return
    for row in effects.to_dict("records"):
        yield _of_model(row, f"{row['model']} ({row['measure']})", row["predictor"])
    for row in held[held["quantity"].isin(HELD)].to_dict("records") if len(held) else ():
        yield _of_model(row, f"{row['model']}: {row['quantity']}", row["predictor"], adjusted=True)
    yield from _expected(context, ("odds ratio",), None)


def _to_outcome(
    context: Context, gaps: Gaps, changed: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The model of the outcome, what scores add to it, and the study's hypotheses about it."""
    study = context.study
    if study is None or study.outcome is None:
        return
    if not lacks_use(context):
        try:
            effects, _ = _fitted(context, changed, of_outcome=True)
        except ToolkitError as error:
            gaps.add("Model of the outcome at follow-up", error)
        else:
            for row in effects.to_dict("records"):
                yield _of_model(row, f"{row['model']} ({row['measure']})", row["predictor"])
    people = people_table(context)
    others = [name for table in measure_scores(context) for name in table.columns[2:] if name in people]
    added = (
        (
            f"added to {context.outcome_label} beyond the other themes (ΔR²)",
            True,
            added_by_theme(context, people, gaps),
        ),
        (
            f"added to {context.outcome_label} beyond other measures (ΔR²)",
            False,
            added_beyond(context, people, others, gaps),
        ),
    )
    for relation, adjusted, table in added:
        for row in table.to_dict("records"):
            yield {
                "relation": relation,
                "score": row["theme"],
                "adjusted": adjusted,
                "n": row["n"],
                "estimate": row["delta"],
                "ci_lower": row["ci_lower"],
                "ci_upper": row["ci_upper"],
                "pvalue": row["pvalue"],
                "null": 0.0,
                "bounded": True,  # a share of explained variance
                "sign": np.sign(row["slope"]),
            }
    yield from _expected(context, ("",), study.outcome)


def _of_model(row: Row, relation: str, score: str, adjusted: bool = False) -> dict[str, Any]:
    return {
        "relation": relation,
        "score": score,
        "adjusted": adjusted,
        "n": row["n"],
        "estimate": row["ratio"],
        "ci_lower": row["ci_lower"],
        "ci_upper": row["ci_upper"],
        "pvalue": row["pvalue"],
        "null": 0.0 if row.get("measure") == "difference" else 1.0,
        "bounded": False,
    }


def _expected(context: Context, begin: tuple[str, ...], named: str | None) -> Iterator[dict[str, Any]]:
    """Hypotheses of the study whose measure begins so and names the criterion."""
    plans = {plan.id: plan for plan in context.study.hypotheses} if context.study is not None else {}
    people = people_table(context)
    for name, (value, lower, upper) in estimates(context, people, None)[0].items():
        plan = plans[name]
        words = plan.measure.strip().lower()
        if not words.startswith(begin) or (named is not None and named not in named_in(plan)):
            continue
        measured = named_in(plan) or [words.split()[-1]]
        scores = [score for score in measured if score in (*context.card.names,)]
        columns = [column for column in named_in(plan) if column in people]
        yield {
            "relation": f"expected: {plan.text}",
            "score": scores[0] if scores else measured[0],
            "adjusted": False,
            "n": len(people.dropna(subset=columns)) if columns else None,
            "estimate": value,
            "ci_lower": lower,
            "ci_upper": upper,
            "pvalue": None,
            "null": 1.0 if words.startswith("odds ratio") else 0.0,
            "bounded": cannot_pass_one(plan.measure),
        }


def _title(context: Context, score: str) -> str:
    return context.title_of(score) if score == "total" or score in context.themes else score


def _distance(row: Row) -> float:
    """Signed distance from no relation: the logarithm of a ratio, else the estimate."""
    return float(np.log(row["estimate"]) if row["null"] == 1.0 else row["estimate"])


def _width(row: Row) -> float:
    """Width of the interval on the scale of `_distance`."""
    low, high = row["ci_lower"], row["ci_upper"]
    return float(np.log(high / low) if row["null"] == 1.0 else high - low)


def _told(row: Row) -> bool:
    if row["pvalue"] is not None:
        return bool(row["pvalue"] < LEVEL)
    return not row["ci_lower"] <= row["null"] <= row["ci_upper"]


def _what_changes(row: dict[str, Any], rest: dict[str, Any] | None) -> str:
    """Say what leaving the items out does to a relation."""
    if rest is None:
        return GONE
    told, still = _told(row), _told(rest)
    if told and still:
        signs = [part.get("sign", np.sign(_distance(part))) for part in (row, rest)]
        return SAME if signs[0] == signs[1] else TURNED
    return SAME if told == still else LOST if told else WON


def _values(context: Context, frame: pd.DataFrame) -> dict[str, Any]:
    outcome, use = (context.scale.near_criterion(criterion) for criterion in WORDS)
    values: dict[str, Any] = {
        "outcome_items": listed(outcome),
        "use_items": listed(use),
        "n_outcome": len(outcome),
        "n_use": len(use),
        "relations": len(frame),
    }
    known = frame.dropna(subset=["change"])
    if len(known):
        top = _widest(known)
        values |= {
            "changed": int(frame["changes"].isin([TURNED, LOST, WON]).sum()),
            "unfitted": int((frame["changes"] == GONE).sum()),
            "widest": f"{top['title']}, {top['relation']}",
            "widest_score": top["score"],
            "widest_from": top["estimate"],
            "widest_to": top["estimate_without"],
            "without": top["left_out"],
        }
    return values


def _widest(known: pd.DataFrame) -> pd.Series:
    """The relation that shifts most against the width of its interval."""
    widths = np.array([_width(row) for row in known.to_dict("records")])
    return known.iloc[int(np.argmax(np.abs(known["change"].to_numpy(dtype=float)) / widths))]


def _prose(context: Context, frame: pd.DataFrame) -> list[str]:
    said = []
    for criterion, words in WORDS.items():
        if items := context.scale.near_criterion(criterion):
            noun = "item comes" if len(items) == 1 else "items come"
            said.append(f"{{n_{criterion}:int}} {noun} near to {words} in content: {{{criterion}_items}}.")
    said.append(
        "A relation to what the items themselves ask is partly a relation of a thing to itself, so each is "
        "shown again by scores without them."
    )
    if not len(frame):
        return [*said, "These data hold no relation to outcome or use that rests on them."]
    known = frame.dropna(subset=["change"])
    if not len(known):
        return [*said, "Without them none of the {relations:int} relations could be fitted."]
    form = form_of_row("b3", _widest(known)["bounded"])
    gone = (
        " {unfitted:int} could not be fitted without these items." if (frame["changes"] == GONE).any() else ""
    )
    return [
        *said,
        "Of {relations:int} relations {changed:int} change what they say: their direction, or whether they "
        f"are told from chance.{gone} "
        "The largest shift, relative to the width of its interval, is that of "
        "{widest}: "
        f"{{widest_from:{form}}} with the items, {{widest_to:{form}}} without them. Shorter scores are also "
        "less exact, which alone draws a relation towards none.",
    ]


def _tables(frame: pd.DataFrame) -> dict[str, Table]:
    """Relations of a score to the criterion, and those with other scores held constant."""
    crossed = frame["relation"].str.endswith(HELD) | frame["left_out"].eq(ONLY_HELD)
    parts = {
        "relations": (frame[~crossed], "Relations with and without the items near the criterion"),
        "held": (frame[crossed], "The same with the context or the other scores held constant"),
    }
    return {name: _table(part, title) for name, (part, title) in parts.items() if len(part)}


def _table(frame: pd.DataFrame, title: str) -> Table:
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "criterion relation score title left_out"),
            **each(GIVEN, "null bounded"),
            "n": counted_people(weight=1),
            "n_without": counted_people("n", open_at_zero=True),
            **each(statistic("n"), "estimate ci_lower ci_upper pvalue"),
            **each(statistic("n_without"), "estimate_without ci_lower_without ci_upper_without"),
            **each(statistic("n_without"), "pvalue_without"),
            **each(statistic("n", "n_without"), "change changes"),
        },
        title=title,
        columns={
            "title": ("Score", "text"),
            "relation": ("Relation", "text"),
            "left_out": ("Left out", "text"),
            "n": ("n", "int"),
            "estimate": ("With them", "b2"),
            "ci_lower": ("95% from", "b2"),
            "ci_upper": ("to", "b2"),
            "n_without": ("n", "int"),
            "estimate_without": ("Without", "b2"),
            "ci_lower_without": ("95% from", "b2"),
            "ci_upper_without": ("to", "b2"),
            "changes": ("Changes what it says", "text"),
        },
        note="Nobody is in the second who is not in the first. Told from chance: p below .05, or for a "
        "hypothesis an interval without the value of no relation.",
    )


def _lacks(context: Context) -> str:
    if not _flagged(context):
        return "No item of the instrument is flagged as near to outcome or use (`criterion`)."
    outcome = context.study is not None and context.study.outcome is not None and context.outcomes is not None
    if not outcome and (lacking := lacks_use(context)):
        return f"Needs an outcome of the study, or use. {lacking}"
    for criterion in _flagged(context):
        if not set(context.scale.item_ids) - set(context.scale.near_criterion(criterion)):
            return f"Every item is flagged as near to {WORDS[criterion]}: nothing is left without them."
    return ""


TOPIC = Topic(
    name="criterion_items",
    title="Scores without items near outcome or use",
    subject="relations without items near the criterion",
    question="Do relations to outcome and use rest on items that ask for them?",
    run=section_criterion_items,
    twins=twins_without_items,
    lacks=_lacks,
    of_use=True,
)
