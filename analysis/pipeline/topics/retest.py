"""Retest: how far a score repeats itself in people who did not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.rules import ICC
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import GIVEN, TEXT, N, each, people, statistic
from analysis.disclosure.ledger import Account, cell, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context, is_printed_alike, listed
from analysis.pipeline.reach import Gaps, of_people
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.retest_pairs import pairs_table
from analysis.pipeline.twinned.relations import twins_of_retest
from instrument.errors import ToolkitError
from instrument.reading.people import as_label, labels_as_text

if TYPE_CHECKING:
    from analysis.agreement.measurement_error import LimitsOfAgreement

REPEATS = Question(
    text="Does each score repeat itself in people who did not change?", bears_on=Property.RELIABILITY
)
CHANGE = "change_rating"
MOST_LEVELS, FEWEST_IN_LEVEL = 5, 10


def section_retest(context: Context) -> Section:
    """ICC(A,1), measurement error and limits of agreement among the stable."""
    first, second = retest_waves(context)
    pairs = sorted(set(context.answered_at(first)) & set(context.answered_at(second)))
    stable, how = _stable(context, pairs, second)
    between = (context.wave_name(first), context.wave_name(second))
    rows, levels, errors = retest_rows(context)
    gaps = Gaps(context=context, few=of_people(len(stable)))
    lost = [(name, gaps.add(context.title_of(name), error)) for name, error in errors]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    before, after = (context.scores_at(wave).loc[stable] for wave in (first, second))
    pairs_of = pairs_table(context, before, after, list(table["score"]))
    values = _values(table) | {
        "first": context.wave_name(first),
        "second": context.wave_name(second),
        "pairs": len(pairs),
        "stable": len(stable),
        "how": how,
    }
    return Section(
        estimator="ICC(A,1), two-way random effects, absolute agreement, single measurement, "
        "jackknife interval",
        n=len(stable),
        n_kind=people(weight=9),
        missing="people with both scores; others are left out, score by score",
        options={"stable": how, "level": 0.95},
        option_kinds={"stable": TEXT, "level": GIVEN},
        prose=_prose(table, values),
        values=values,
        value_kinds={
            **each(statistic(), "icc_lowest icc_highest sdc_largest"),
            **each(TEXT, "icc_lowest_title icc_highest_title below first second how"),
            "pairs": people(weight=1, names=[populations.label(populations.both_waves(*between))]),
            "stable": people("pairs"),
        },
        account=_account(rows, levels),
        tables={
            "retest": _table(table),
            **_level_table(levels),
            **({} if pairs_of is None else {"pairs": pairs_of}),
        },
        findings=[
            *(_lost(context.title_of(name), cause) for name, cause in lost),
            *(
                Finding(
                    claim=f"{row['title']}: repeats itself in the stable",
                    value=row["icc"],
                    rule=ICC,
                    question=REPEATS,
                    untested=of_people(row["n"]),
                    path=f"sections.retest.tables.retest.icc[{position}]",
                )
                for position, row in enumerate(rows)
            ),
        ],
        figures=["retest", *(["retest_pairs"] if pairs_of else []), *(["bland_altman"] if levels else [])]
        if rows
        else [],
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _lost(title: str, cause: Cause) -> Finding:
    """Claim of a score whose agreement could not be had."""
    return Finding(
        claim=f"{title}: repeats itself in the stable",
        value=None,
        rule=ICC,
        question=REPEATS,
        path="",
        untested=cause,
    )


def _account(rows: list[dict[str, Any]], levels: list[dict[str, Any]]) -> Account:
    """The stable, and people at the levels of each score."""
    account = Account()
    account.same(value("stable"), N)
    for row, score in enumerate(rows):
        parts = [k for k, level in enumerate(levels) if level["score"] == score["score"]]
        if parts:
            account.part(cell("retest", "n", row), *(cell("levels", "n", k) for k in parts))
    return account


def retest_waves(context: Context) -> tuple[Any, Any]:
    """The retest wave and the main wave asked last before it."""
    names = {str(wave): wave for wave in context.waves}
    study = context.study
    declared = [wave for wave in study.waves if wave.name in names] if study is not None else []
    retest = next(wave for wave in declared if wave.role == "retest")
    before = [wave for wave in declared if wave.role == "main" and wave.day <= retest.day]
    first = max(before, key=lambda wave: wave.day)
    return names[first.name], names[retest.name]


def _lacks(context: Context) -> str:
    study = context.study
    names = {str(wave) for wave in context.waves}
    declared = [wave for wave in study.waves if wave.name in names] if study is not None else []
    retests = [wave for wave in declared if wave.role == "retest"]
    if retests and any(wave.role == "main" and wave.day <= retests[0].day for wave in declared):
        return ""
    return "Needs a study file that declares a wave with `role: retest` after a main wave, and its answers."


def _stable(context: Context, pairs: list[str], second: Any) -> tuple[list[str], str]:
    """Those who said at the retest that nothing had changed; everyone where nobody was asked."""
    outcomes = context.outcomes
    if outcomes is None or CHANGE not in outcomes.columns:
        return pairs, "everyone with both, since nobody was asked about change"
    if "wave" in outcomes.columns and (there := labels_as_text(outcomes["wave"]) == as_label(second)).any():
        outcomes = outcomes[there]
    unchanged = set(labels_as_text(outcomes.loc[outcomes[CHANGE] == 0, "participant"]))
    return [person for person in pairs if as_label(person) in unchanged], "a global rating of change of 0"


def retest_rows(
    context: Context,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, ToolkitError]]]:
    """Agreement of every score among the stable, the same by level, and what could not be had.

    Parameters
    ----------
    context
        A validation whose study declares a retest.

    Returns
    -------
    tuple of list
        Rows of scores, rows of levels, scores with what kept them from one; computed once.
    """
    first, second = retest_waves(context)
    pairs = sorted(set(context.answered_at(first)) & set(context.answered_at(second)))
    stable, _ = _stable(context, pairs, second)
    return context.once("retest", lambda: _rows(context, first, second, stable))


def _rows(
    context: Context, first: Any, second: Any, stable: list[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, ToolkitError]]]:
    from analysis.agreement.icc import icc
    from analysis.agreement.measurement_error import limits_of_agreement

    rows: list[dict[str, Any]] = []
    levels: list[dict[str, Any]] = []
    errors: list[tuple[str, ToolkitError]] = []
    before, after = context.scores_at(first).loc[stable], context.scores_at(second).loc[stable]
    for name in context.card.names:
        long = pd.concat(
            [
                pd.DataFrame({"participant": part.index, "wave": label, "score": part[name].to_numpy()})
                for label, part in (("first", before), ("second", after))
            ]
        )
        try:
            found = icc(long, interval="jackknife")
            limits = limits_of_agreement(before[name], after[name])
        except ToolkitError as error:
            errors.append((name, error))
            continue
        rows.append(
            {
                "score": name,
                "title": context.title_of(name),
                "n": found.n_targets,
                "icc": found.estimate(),
                "ci_lower": found.ci().lower,
                "ci_upper": found.ci().upper,
                "icc_consistency": found.estimate("ICC(C,1)"),
                "sem": found.sem_agreement,
                "sdc": found.sdc_agreement,
                "bias": limits.bias,
                "loa_lower": limits.lower,
                "loa_upper": limits.upper,
            }
        )
        levels += _by_level(context, name, limits)
    return rows, levels, errors


def _by_level(context: Context, name: str, limits: LimitsOfAgreement) -> list[dict[str, Any]]:
    """Differences of people grouped by their mean of both occasions: no single person is shown."""
    points = limits.points
    n_groups = min(MOST_LEVELS, len(points) // FEWEST_IN_LEVEL)
    if n_groups < 2:
        return []
    groups = pd.qcut(points["mean"], n_groups, labels=False, duplicates="drop")
    found = []
    for level, part in points.groupby(groups):
        if len(part) < FEWEST_IN_LEVEL:
            continue
        middle, spread = float(part["difference"].mean()), 1.96 * float(part["difference"].std())
        found.append(
            {
                "score": name,
                "title": context.title_of(name),
                "level": int(level) + 1,
                "n": len(part),
                "mean": float(part["mean"].mean()),
                "difference": middle,
                "spread_lower": middle - spread,
                "spread_upper": middle + spread,
                "bias": limits.bias,
                "loa_lower": limits.lower,
                "loa_upper": limits.upper,
            }
        )
    return found


def _level_table(levels: list[dict[str, Any]]) -> dict[str, Table]:
    if not levels:
        return {}
    return {
        "levels": Table(
            frame=pd.DataFrame(levels),
            kinds={
                **each(TEXT, "score title"),
                "level": GIVEN,
                "n": people(weight=1),
                **each(statistic("n", fraction=True), "mean difference"),
                **each(statistic("n"), "spread_lower spread_upper bias loa_lower loa_upper"),
            },
            title="Differences between the two occasions by level of the score",
            columns={
                "title": ("Score", "text"),
                "level": ("Level", "int"),
                "n": ("n", "int"),
                "mean": ("Mean of both", "d2"),
                "difference": ("Mean difference", "d2"),
                "spread_lower": ("95% of them from", "d2"),
                "spread_upper": ("to", "d2"),
            },
            note="People in groups of about equal size by the mean of their two scores. Where the spread "
            "changes with the level, one SDC for all is too simple.",
        )
    }


_COLUMNS = {
    "score": ("", "text"),
    "title": ("Score", "text"),
    "n": ("n", "int"),
    "icc": ("ICC(A,1)", "r2"),
    "ci_lower": ("95% from", "r2"),
    "ci_upper": ("to", "r2"),
    "icc_consistency": ("ICC(C,1)", "r2"),
    "sem": ("SEM", "d2"),
    "sdc": ("SDC", "d2"),
    "bias": ("Mean change", "d2"),
    "loa_lower": ("Limits from", "d2"),
    "loa_upper": ("to", "d2"),
}


def _table(table: pd.DataFrame) -> Table:
    return Table(
        frame=table,
        kinds={
            **each(TEXT, "score title"),
            "n": people(weight=1),
            **each(statistic("n"), "icc ci_lower ci_upper icc_consistency sem sdc bias loa_lower loa_upper"),
        },
        title="Retest among the stable",
        columns={key: value for key, value in _COLUMNS.items() if key != "score"},
        note="SEM: standard error of one measurement. SDC: smallest change of one person beyond "
        "measurement error. Limits: where 95% of the differences lie.",
    )


def _values(table: pd.DataFrame) -> dict[str, Any]:
    if table.empty:
        return {}
    low, high = table.iloc[int(table["icc"].argmin())], table.iloc[int(table["icc"].argmax())]
    return {
        "icc_lowest": low["icc"],
        "icc_lowest_title": low["title"],
        "icc_highest": high["icc"],
        "icc_highest_title": high["title"],
        "below": listed(table.loc[table["icc"] < ICC.cutoff, "title"]),
        "sdc_largest": float(table["sdc"].max()),
    }


def _prose(table: pd.DataFrame, values: dict[str, Any]) -> list[str]:
    sentences = [
        "{pairs:int} [[person|people]] answered at {first} and again at {second}; {stable:int} of them count "
        "as stable ({how})."
    ]
    if table.empty:
        return sentences
    sentences.append(
        "Among them the ICC is {icc_lowest:r2} ({icc_lowest_title})."
        if len(table) == 1
        else "Among them the ICC is {icc_lowest:r2} for each score."
        if is_printed_alike(values["icc_lowest"], values["icc_highest"], "r2")
        else "Among them the ICC runs from {icc_lowest:r2} ({icc_lowest_title}) to {icc_highest:r2} "
        "({icc_highest_title})."
    )
    if values["below"] and table["n"].map(of_people).isna().all():
        sentences.append(f"Below what {ICC.asked_by} asks: {{below}}.")
    sentences.append(
        "One person's score must change by more than its SDC (at most {sdc_largest:d2}) before the change "
        "stands out from measurement error. Between other waves people may really change: there the same "
        "number would be stability, not reliability."
    )
    return sentences


TOPIC = Topic(
    name="retest",
    title="Retest",
    subject="agreement of two occasions",
    question="Does a score repeat itself in people who did not change?",
    run=section_retest,
    twins=twins_of_retest,
    lacks=_lacks,
    bears_on=(Property.RELIABILITY,),
)
