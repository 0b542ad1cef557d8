"""What became of each covariate, and how continuous ones go with the scores."""

from __future__ import annotations

from typing import Any

import pandas as pd
from scipy import stats

from analysis.common.rules import FEWEST_PEOPLE
from analysis.disclosure.kinds import FEW, GIVEN, TEXT, each, people, statistic
from analysis.disclosure.ledger import Account, cell
from analysis.pipeline import populations
from analysis.pipeline.context import Context, counted, listed
from analysis.pipeline.covariates import Covariate, Use, covariates_of
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.twinned.relations import twins_of_covariates

MOST_LEVELS = 12


def section_covariates(context: Context) -> Section:
    """List every covariate with its use, its levels, and correlations of continuous ones with the scores."""
    found = covariates_of(context)
    account = Account()
    everyone = populations.answered(context.wave_name(context.first_wave))
    account.population(everyone, len(context.items))
    table = pd.DataFrame(
        [
            {
                "covariate": one.name,
                "use": one.use.value,
                "n": int(one.values.notna().sum()),
                "values": int(one.values.nunique()),
                "reason": one.reason,
            }
            for one in found
        ]
    )
    for row in range(len(table)):
        account.part(everyone, cell("covariates", "n", row))
    levels = _levels(found, account)
    related = _related(context, found)
    values = _values(found)
    return Section(
        estimator="Pearson correlations with Fisher intervals",
        n=len(context.items),
        n_kind=people(weight=9),
        missing="people with a value and a score",
        options={"wave": context.first_wave, "level": 0.95},
        option_kinds=each(GIVEN, "wave level"),
        prose=_prose(values),
        values=values,
        value_kinds={
            **each(GIVEN, "covariates"),
            **each(TEXT, "as_groups as_amounts left_out"),
        },
        account=account,
        tables={"covariates": _use_table(table)} | _level_table(levels) | _related_table(related),
    )


def _levels(found: list[Covariate], account: Account) -> pd.DataFrame:
    """Levels of covariates that are no amounts, with whether they are compared."""
    rows: list[dict[str, Any]] = []
    for place, one in enumerate(found):
        sizes = one.values.value_counts(sort=False)
        if one.use is Use.CONTINUOUS or not 1 <= len(sizes) <= MOST_LEVELS:
            continue
        start = len(rows)
        rows += [
            {
                "covariate": one.name,
                "level": str(label),
                "n": int(size),
                "compared": "yes" if label in one.compared else "no",
            }
            for label, size in sizes.items()
        ]
        for (label, size), row in zip(sizes.items(), range(start, len(rows)), strict=True):
            name = account.population(populations.members(one.name, label), int(size))
            account.same(name, cell("levels", "n", row))
        cells = [cell("levels", "n", row) for row in range(start, len(rows))]
        account.total(cells, cell("covariates", "n", place))
    return pd.DataFrame(rows)


def _related(context: Context, found: list[Covariate]) -> pd.DataFrame:
    scores = context.scores_at(context.first_wave)
    rows = []
    for one in found:
        if one.use is not Use.CONTINUOUS:
            continue
        for name in scores.columns:
            both = pd.DataFrame({"x": one.values, "y": scores[name].astype(float)}).dropna()
            if not FEWEST_PEOPLE.holds(len(both)) or both.nunique().min() < 2:
                continue
            r = stats.pearsonr(both["x"], both["y"])
            limits = r.confidence_interval(0.95)
            rows.append(
                {
                    "covariate": one.name,
                    "score": name,
                    "title": context.title_of(name),
                    "n": len(both),
                    "r": float(r.statistic),
                    "ci_lower": float(limits.low),
                    "ci_upper": float(limits.high),
                }
            )
    return pd.DataFrame(rows)


def _values(found: list[Covariate]) -> dict[str, Any]:
    by_use = {use: listed(one.name for one in found if one.use is use) for use in Use}
    return {
        "covariates": len(found),
        "as_groups": by_use[Use.GROUPS],
        "as_amounts": by_use[Use.CONTINUOUS],
        "left_out": by_use[Use.LEFT_OUT],
    }


def _prose(values: dict[str, Any]) -> list[str]:
    n = values["covariates"]
    given = f"{counted('covariates', n, 'covariate')} {'was' if n == 1 else 'were'} given"
    sentences = [f"{given}; the table says what became of {'it' if n == 1 else 'each'}."]
    if values["as_groups"]:
        sentences.append("Compared as groups: {as_groups}.")
    if values["as_amounts"]:
        sentences.append(
            "Used as amounts, in tests of items along them and in correlations with the scores: {as_amounts}."
        )
    if values["left_out"]:
        sentences.append("Left out of comparisons, for the reason in the table: {left_out}.")
    return sentences


def _use_table(table: pd.DataFrame) -> Table:
    return Table(
        frame=table,
        kinds={
            **each(TEXT, "covariate use"),
            "n": people(weight=1),
            "values": statistic("n"),
            "reason": FEW,
        },
        title="What became of each covariate",
        columns={
            "covariate": ("Covariate", "text"),
            "use": ("Used as", "text"),
            "n": ("People with a value", "int"),
            "values": ("Different values", "int"),
            "reason": ("Left out because", "text"),
        },
        note="Of those who answered at the first wave.",
    )


def _level_table(levels: pd.DataFrame) -> dict[str, Table]:
    if levels.empty:
        return {}
    return {
        "levels": Table(
            frame=levels,
            kinds={
                **each(TEXT, "covariate compared"),
                "level": FEW,
                "n": people(
                    weight=1,
                    names=populations.labels(
                        populations.members(name, label)
                        for name, label in zip(levels["covariate"], levels["level"], strict=True)
                    ),
                ),
            },
            title="Levels of covariates that are no amounts",
            columns={
                "covariate": ("Covariate", "text"),
                "level": ("Level", "text"),
                "n": ("n", "int"),
                "compared": ("Compared", "text"),
            },
        )
    }


def _related_table(related: pd.DataFrame) -> dict[str, Table]:
    if related.empty:
        return {}
    return {
        "related": Table(
            frame=related,
            kinds={
                **each(TEXT, "covariate score title"),
                "n": people(weight=1),
                **each(statistic("n"), "r ci_lower ci_upper"),
            },
            title="Continuous covariates and the scores",
            columns={
                "covariate": ("Covariate", "text"),
                "title": ("Score", "text"),
                "n": ("n", "int"),
                "r": ("r", "r2"),
                "ci_lower": ("95% from", "r2"),
                "ci_upper": ("to", "r2"),
            },
        )
    }


TOPIC = Topic(
    name="covariates",
    title="Covariates",
    subject="covariates",
    question="What became of each covariate?",
    run=section_covariates,
    twins=twins_of_covariates,
    lacks=lambda context: "" if covariates_of(context) else "Needs covariates, such as sex or age.",
)
