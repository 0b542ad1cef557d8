"""Answers given without care: flagged, counted, and what changes without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.rules import CARELESS_FLAGS, LONGSTRING
from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import FOREIGN, GIVEN, TEXT, Kind, each, people, share, statistic
from analysis.disclosure.ledger import Account, cell, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context, counted
from analysis.pipeline.reach import Gaps
from analysis.pipeline.section import Section, Table, Topic, of_sample
from analysis.pipeline.twinned.relations import twins_of_screening
from instrument.errors import ToolkitError

if TYPE_CHECKING:
    from analysis.screening.screen import ScreeningResult

LABELS = {
    "longstring": "Long run of the same answer",
    "irv": "Little variation",
    "mahalanobis": "Unusual pattern",
    "even_odd": "Contradictory halves",
    "time": "Too fast",
    "copy": "Same answers as another person",
}


MANY = 0.1
"""Share of administrations with a long run of one answer from which the page speaks of them."""


def section_screening(context: Context) -> Section:
    """Count what is flagged, and repeat alpha without it; of everyone where the plan takes them out."""
    from analysis.screening.screen import flags_needed

    taken_out = context.excluded is not None
    if context.excluded is not None:
        context = context.excluded.everyone
    who = populations.SCREENED if taken_out else populations.ADMINISTRATIONS
    gone = [populations.label(populations.TAKEN_OUT)] if taken_out else []
    found = screening_of(context)
    flags = found.flags.rename_axis("index").reset_index()
    flags.insert(1, "label", [LABELS.get(name, name) for name in flags["index"]])
    gaps = Gaps(context=context, few=of_sample(context))
    sensitivity = _sensitivity(context, found, gaps)
    changes = sensitivity["change"].abs()
    values = {
        "administrations": found.n_administrations,
        "flagged": found.n_flagged,
        "flagged_share": found.n_flagged / found.n_administrations,
        "largest_change": float(changes.max()) if len(changes) else None,
        "largest_change_theme": str(sensitivity["title"].iloc[int(changes.argmax())]) if len(changes) else "",
    }
    are = "is" if found.n_flagged == 1 else "are"
    happened = (
        f"and {'was' if found.n_flagged == 1 else 'were'} taken out as planned: every other section is about "
        "the rest. Slow, uniform or variable answering may be a symptom."
        if taken_out
        else "Nothing is deleted: slow, uniform or variable answering may be a symptom."
    )
    prose = [
        f"{counted('flagged', found.n_flagged, 'administration')} of {{administrations:int}} "
        f"({{flagged_share:percent}}) {are} flagged by enough indices to look careless"
        f"{', ' if taken_out else '. '}{happened}"
        if found.n_flagged
        else "None of the {administrations:int} [[administration|administrations]] is flagged by enough "
        "indices to look careless."
    ]
    account, run_kinds = Account(), dict[str, Kind]()
    if taken_out:
        account.total([value("flagged"), populations.ADMINISTRATIONS], value("administrations"))
    place = list(found.flags.index).index("longstring")
    in_runs, judged = (int(found.flags[f"n_{one}"].iloc[place]) for one in ("flagged", "judged"))
    if judged and in_runs / judged > MANY and found.n_flagged < in_runs / 2:
        least, needed = LONGSTRING.cutoff, flags_needed()
        values |= {"run_flagged": in_runs, "run_judged": judged, "run_share": in_runs / judged}
        values |= {"run_least": least, "needed": needed}
        run_kinds = {
            **each(GIVEN, "run_least needed"),
            "run_judged": people(),
            "run_flagged": people("run_judged"),
            "run_share": share("run_judged", count="run_flagged"),
        }
        for one in ("judged", "flagged"):
            account.same(cell("flags", f"n_{one}", place), value(f"run_{one}"))
        part = "half" if least == LONGSTRING.published else "{run_least:percent}"
        indices = "two" if needed == CARELESS_FLAGS.published else "{needed:int}"
        prose.append(
            f"In {{run_flagged:int}} of {{run_judged:int}} ({{run_share:percent}}) {part} of the items or "
            f"more in a row have the same answer. It takes {indices} indices to flag an administration, and "
            "where so many answer alike, the spread of their answers does not stand out: look at these, too."
        )
    if len(changes) and found.n_flagged:
        prose.append(
            "Without the flagged, alpha changes by {largest_change:r3} at most ({largest_change_theme}). A "
            "conclusion that this change would turn around rests on the flagged answers."
        )
    return Section(
        estimator="careless-response indices; alpha repeated without the flagged",
        n=found.n_administrations,
        n_kind=people(weight=9, names=[populations.label(who)]),
        missing="a missing answer ends a run; distances use the items answered",
        options={"not computed": "; ".join(note.removesuffix(".") for note in found.notes)}
        if found.notes
        else {},
        option_kinds={"not computed": FOREIGN},
        prose=prose,
        values=values,
        value_kinds={
            "administrations": people(weight=9, names=[populations.label(who)]),
            "flagged": people("administrations", names=gone),
            "flagged_share": share("administrations", count="flagged"),
            "largest_change": statistic(),
            "largest_change_theme": TEXT,
            **run_kinds,
        },
        account=account,
        tables={
            "flags": _flags_table(flags),
            "sensitivity": _sensitivity_table(context, sensitivity, taken_out=taken_out),
        },
        problems=gaps.problems,
        untested=gaps.untested,
    )


def screening_of(context: Context) -> ScreeningResult:
    """Screen once per validation."""
    from analysis.screening.screen import screen

    return context.once("screening", lambda: screen(context.answers, context.scale, times=context.times))


def _sensitivity(context: Context, found: ScreeningResult, gaps: Gaps) -> pd.DataFrame:
    from analysis.reliability.cronbach_alpha import cronbach_alpha

    rows: list[dict[str, Any]] = []
    kept = found.without_flagged(context.responses)
    kept_items = context.keyed(kept[kept["wave"] == context.first_wave].set_index("participant"))
    for theme, items in context.themes.items():
        if theme in context.composites:
            gaps.leave(f"{context.title_of(theme)}, alpha", Cause.COMPOSITE)
            continue
        if len(items) < 2:
            continue
        try:
            everyone = cronbach_alpha(context.items[items].dropna(how="all"), missing="pairwise")
            without = cronbach_alpha(kept_items[items].dropna(how="all"), missing="pairwise")
        except ToolkitError as error:
            gaps.add(context.title_of(theme), error, items)
            continue
        rows.append(
            {
                "theme": theme,
                "title": context.title_of(theme),
                "n": everyone.n_obs,
                "alpha": everyone.estimate,
                "n_without": without.n_obs,
                "alpha_without": without.estimate,
                "change": without.estimate - everyone.estimate,
            }
        )
    columns = ["theme", "title", "n", "alpha", "n_without", "alpha_without", "change"]
    return pd.DataFrame(rows, columns=columns)


def _flags_table(flags: pd.DataFrame) -> Table:
    return Table(
        frame=flags,
        kinds={
            **each(TEXT, "index label rule source"),
            "n_judged": people(),
            "n_flagged": people("n_judged"),
            "share": share("n_judged", count="n_flagged"),
        },
        title="What each index flags, all waves",
        columns={
            "label": ("Index", "text"),
            "rule": ("Passes when", "text"),
            "n_judged": ("Judged", "int"),
            "n_flagged": ("Flagged", "int"),
            "share": ("Share", "percent"),
        },
    )


def _sensitivity_table(context: Context, sensitivity: pd.DataFrame, *, taken_out: bool) -> Table:
    left = [populations.any_answer(context.wave_name(context.first_wave), t) for t in sensitivity["theme"]]
    names = populations.labels(left) if taken_out else []  # counted by other sections, too
    return Table(
        frame=sensitivity,
        kinds={
            **each(TEXT, "theme title"),
            "n": people(weight=1),
            "alpha": statistic("n"),
            "n_without": people("n", weight=2 if taken_out else 0, names=names),
            **each(statistic("n", "n_without", tells=["n_without"]), "alpha_without change"),
        },
        title="Alpha with and without the flagged, first wave",
        columns={
            "title": ("Theme", "text"),
            "n": ("n", "int"),
            "alpha": ("Alpha", "r3"),
            "n_without": ("n without", "int"),
            "alpha_without": ("Alpha without", "r3"),
            "change": ("Change", "r3"),
        },
        note=f"Pairwise, as shown{' (without)' if taken_out else ''} beside the main estimate in the "
        "section on reliability.",
    )


TOPIC = Topic(
    name="screening",
    title="Quality of the answers",
    question="Were the answers given with care, and would it matter?",
    run=section_screening,
    twins=twins_of_screening,
)
