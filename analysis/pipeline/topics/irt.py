"""Where on a theme its items measure: the graded response model of each theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.common.rules import FEWEST_PEOPLE, ICC, IRT_ITEM_FIT
from analysis.common.verdicts import Cause, Question
from analysis.disclosure.kinds import FEW, GIVEN, TEXT, each, people, sentences, share, statistic
from analysis.disclosure.ledger import Account, cell, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context, is_printed_alike, listed, ranged
from analysis.pipeline.reach import Gaps, of_response_model, of_response_people
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.irt_standing import standing_of, standing_table
from analysis.pipeline.twinned.relations import twins_of_irt
from instrument.errors import ToolkitError
from instrument.scoring import keying

if TYPE_CHECKING:
    from analysis.irt.graded_result import GradedResponseResult

FOLLOWS = Question(text="Do answers follow the response model of each theme?")
FEWEST_ITEMS, FEWEST_FOR_FIT = 3, 4
# From the graded response scores of nearly everyone: 3 standard deviations either side.
GRID = np.linspace(-3.0, 3.0, 61)
_FIT = {
    "title": ("Theme", "text"),
    "n_items": ("Items", "int"),
    "n": ("n", "int"),
    "reliability": ("Reliability of scores", "r2"),
    "precise_from": ("Precise from", "d1"),
    "precise_to": ("to", "d1"),
    "precise_share": ("People there", "percent"),
    "statistic": ("C2", "d1"),
    "df": ("df", "int"),
    "pvalue": ("p", "p"),
    "rmsea": ("RMSEA", "r3"),
    "rmsea_ci_lower": ("90% from", "r3"),
    "rmsea_ci_upper": ("to", "r3"),
    "cfi": ("CFI", "r3"),
    "srmsr": ("SRMSR", "r3"),
    "n_complete": ("n of fit", "int"),
    "worst_p": ("Lowest p of S-X², adjusted", "p"),
}
_PARAMETERS = {
    "title": ("Theme", "text"),
    "item": ("Item", "text"),
    "text": ("Wording", "text"),
    "discrimination": ("Discrimination", "d2"),
    "discrimination_se": ("SE", "d2"),
}
_ITEM_FIT = {
    "s_x2": ("S-X²", "d1"),
    "df": ("df", "int"),
    "p_adjusted": ("p, adjusted", "p"),
    "rmsea": ("RMSEA", "r3"),
}


def section_irt(context: Context) -> Section:
    """Parameters, precision and fit of each theme."""
    fits: list[dict[str, Any]] = []
    parameters: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    places: list[pd.DataFrame] = []
    rare: dict[str, str] = {}
    lost: list[tuple[str, Cause]] = []
    exact: set[str] = set()
    gaps = Gaps(context=context, few=of_response_model(context))
    for theme, items in context.themes.items():
        title = context.title_of(theme)
        if len(items) < FEWEST_ITEMS:
            gaps.leave(f"{title}, of fewer than {FEWEST_ITEMS} items", Cause.NOTHING_LEFT)
            continue
        try:
            result = _fitted(context, items)
        except ToolkitError as error:
            lost.append((title, gaps.add(title, error, items)))
            continue
        table = _parameters(context, theme, result)
        table, fit = _with_fit(result, table, title, gaps)
        if "worst_p" in fit and fit["worst_p"] is None:
            exact.add(theme)
        fits.append({"theme": theme, "title": title, "n_items": len(items), **_precision(result), **fit})
        parameters.append(table)
        curves.append(_curve(theme, title, result))
        places.append(standing_of(theme, title, result))
        if result.rare_categories:
            rare[title] = _options_of(context, result.rare_categories)
    frame = pd.DataFrame(fits, columns=["theme", *_FIT, "improper"])
    values = _values(frame)
    said, noted, note_kinds = sentences(_rare(rare), FEW)
    return Section(
        estimator="graded response model, marginal maximum likelihood, 61 nodes",
        n=int(frame["n"].max()) if len(frame) else None,
        n_kind=people(weight=9),
        missing="every answer there is, missing at random; fit from complete rows",
        options={"wave": context.first_wave, "range": [float(GRID[0]), float(GRID[-1])], "adjust": "holm"},
        option_kinds=each(GIVEN, "wave range adjust"),
        prose=[*_prose(values, len(context.themes)), *said],
        values=values | noted,
        value_kinds={
            **each(GIVEN, "themes precise"),
            **each(TEXT, "reliability_lowest_theme reliability_highest_theme short misfit"),
            **each(statistic(), "reliability_lowest reliability_highest"),
            **{
                f"share_{end}": share(cell("fit", "n", row))
                for end, row in zip(("lowest", "highest"), _ends(frame), strict=True)
            },
            **note_kinds,
        },
        account=_account(frame),
        tables={
            **_tables(context.wave_name(context.first_wave), frame, parameters, curves),
            **({"standing": standing_table(places)} if places else {}),
        },
        findings=_findings(frame, lost, exact),
        figures=["information", "person_item"] if fits else [],
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _options_of(context: Context, rare: list[str]) -> str:
    """Name options as they were shown to people, item by item; codes are those of turned answers."""
    by_item: dict[str, list[str]] = {}
    for entry in rare:
        item, _, code = entry.rpartition(":")
        offered = context.scale.scale_of(item)
        shown = np.array([int(code)])
        if item in context.scale.reversed_items:
            shown = keying.turned(shown, offered.minimum, offered.maximum)
        label = next((option.label for option in offered.options if option.code == shown[0]), code)
        by_item.setdefault(item, []).append(f"“{label}”")
    return "; ".join(f"{item}: {listed(labels)}" for item, labels in by_item.items())


def _rare(rare: dict[str, str]) -> list[str]:
    """Say which answers so few gave that what is said of them is unsteady."""
    if not rare:
        return []
    named = "; ".join(f"{title} ({answers})" for title, answers in rare.items())
    return [f"Given by fewer than 5 people, so unsteady: {named}."]


def _ends(frame: pd.DataFrame) -> tuple[int, int]:
    """Rows of the themes that fewest and most people are measured precisely by."""
    if frame.empty:
        return 0, 0
    shares = frame["precise_share"].to_numpy(dtype=float)
    return int(shares.argmin()), int(shares.argmax())


def _account(frame: pd.DataFrame) -> Account:
    """The lowest and the highest share of people are two of the table's."""
    account = Account()
    if len(frame):
        for end, row in zip(("lowest", "highest"), _ends(frame), strict=True):
            account.same(cell("fit", "precise_share", row), value(f"share_{end}"))
    return account


def _fitted(context: Context, items: list[str]) -> GradedResponseResult:
    from analysis.irt.graded_response import graded_response

    return graded_response(
        context.items[items], options={item: _keyed_options(context, item) for item in items}
    )


def _keyed_options(context: Context, item: str) -> list[int]:
    """Codes that an item can have once it is keyed."""
    scale = context.scale.scale_of(item)
    turned = item in context.scale.reversed_items
    codes = np.array(scale.codes)
    return sorted((keying.turned(codes, scale.minimum, scale.maximum) if turned else codes).tolist())


def _parameters(context: Context, theme: str, result: GradedResponseResult) -> pd.DataFrame:
    errors = result.standard_errors.add_suffix("_se")
    table = pd.concat([result.parameters, errors], axis=1).reset_index()
    table.insert(0, "theme", theme)
    table.insert(1, "title", context.title_of(theme))
    table["text"] = [context.scale.item(item).text for item in table["item"]]
    return table


def _with_fit(
    result: GradedResponseResult, table: pd.DataFrame, title: str, gaps: Gaps
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Fit of items beside their parameters, and of the model; each may be out of reach by itself."""
    from analysis.common.multiplicity import adjusted

    fit: dict[str, Any] = {}
    try:
        items = result.item_fit()
        known = items["pvalue"].notna()
        items.loc[known, "p_adjusted"] = adjusted(items.loc[known, "pvalue"].to_numpy(dtype=float), "holm")
        table = table.join(items[["s_x2", "df", "pvalue", "p_adjusted", "rmsea"]], on="item")
        fit["worst_p"] = float(items["p_adjusted"].min()) if known.any() else None  # None: no df in any item
    except ToolkitError as error:
        gaps.add(f"{title}, fit of the items", error, table["item"])
    if len(table) < FEWEST_FOR_FIT:  # more people do not help
        gaps.leave(f"{title}, fit of the model", Cause.NOTHING_LEFT)
        return table, fit
    try:
        found = result.model_fit().to_dict()
        fit["n_complete"] = found.pop("n_obs")
        fit |= found
    except ToolkitError as error:
        gaps.add(f"{title}, fit of the model", error, table["item"])
    return table, fit


def _precision(result: GradedResponseResult) -> dict[str, Any]:
    """Reliability of the scores, and where the error of a score leaves 70 % of the variance to the trait."""
    scores = result.scores().dropna()
    spread, error = float(scores["score"].var()), float((scores["standard_error"] ** 2).mean())
    precise = GRID[(1 - 1 / result.information(GRID).to_numpy()) >= ICC.cutoff]
    errors = result.standard_errors["discrimination"].to_numpy(dtype=float)
    found: dict[str, Any] = {"n": result.n_obs, "reliability": spread / (spread + error)}
    found |= {"improper": not np.isfinite(errors).all(), "precise_share": 0.0}
    if len(precise):
        inside = scores["score"].between(precise[0], precise[-1])
        found |= {"precise_from": float(precise[0]), "precise_to": float(precise[-1])}
        found["precise_share"] = float(inside.mean())
    return found


def _curve(theme: str, title: str, result: GradedResponseResult) -> pd.DataFrame:
    information = result.information(GRID).to_numpy()
    return pd.DataFrame(
        {
            "theme": theme,
            "title": title,
            "theta": GRID,
            "information": information,
            "standard_error": 1 / np.sqrt(information),
        }
    )


def _values(frame: pd.DataFrame) -> dict[str, Any]:
    if frame.empty:
        return {"themes": 0}
    low = frame.iloc[int(frame["reliability"].to_numpy(dtype=float).argmin())]
    high = frame.iloc[int(frame["reliability"].to_numpy(dtype=float).argmax())]
    # Ending before the typical high scorer, or precise nowhere, it tells people at the top hardly apart.
    short = frame[~(frame["precise_to"].astype(float) >= 1.0)]
    judged = frame[frame["n"].map(of_response_people).isna() & ~frame["improper"].astype(bool)]
    misfit = judged[judged["worst_p"].astype(float) <= IRT_ITEM_FIT.cutoff]
    return {
        "themes": len(frame),
        "reliability_lowest": low["reliability"],
        "reliability_lowest_theme": low["title"],
        "reliability_highest": high["reliability"],
        "reliability_highest_theme": high["title"],
        "short": listed(short["title"]),
        "misfit": listed(misfit["title"]),
        "precise": ICC.cutoff,
        "share_lowest": float(frame["precise_share"].min()),
        "share_highest": float(frame["precise_share"].max()),
    }


def _prose(values: dict[str, Any], among: int) -> list[str]:
    if not values["themes"]:
        return ["No theme could be fitted; the reasons stand below."]
    several = values["themes"] > 1
    fitted = " that could be fitted" if values["themes"] < among else ""
    alike = several and is_printed_alike(values["share_lowest"], values["share_highest"], "percent")
    sentences = [
        "The model places each option of each item on the theme itself. It shows at which standing a theme "
        "tells people apart, which one number of reliability hides.",
        f"The reliability of scores from the model {ranged('reliability', values, values['themes'], among)} "
        "Precise means that a score's error leaves {precise:r2} of the variance to the theme; that holds for "
        "{share_lowest:percent}"
        + (f" of people, whatever the theme{fitted}." if alike else "")
        + (" to {share_highest:percent} of people, by theme." if several and not alike else "")
        + ("" if several else " of people."),
    ]
    if values["short"]:
        sentences.append(
            "People one standard deviation above the average and beyond are told apart less precisely: "
            "{short}. Items that only people high on these themes agree with would help."
        )
    if values["misfit"]:
        sentences.append("Some answers do not follow the model: see the items of {misfit}.")
    return sentences


def _tables(
    wave: str, frame: pd.DataFrame, parameters: list[pd.DataFrame], curves: list[pd.DataFrame]
) -> dict[str, Table]:
    tables = {
        "fit": Table(
            frame=frame,
            kinds={
                **each(TEXT, "theme title"),
                **each(GIVEN, "n_items df"),
                "n": people(
                    weight=1,
                    names=populations.labels(populations.any_answer(wave, t) for t in frame["theme"]),
                ),
                "precise_share": share("n"),
                **each(statistic("n"), "reliability precise_from precise_to improper"),
                "n_complete": people(
                    weight=1,
                    names=populations.labels(populations.complete(wave, t) for t in frame["theme"]),
                ),
                **each(
                    statistic("n_complete"), "statistic pvalue rmsea rmsea_ci_lower rmsea_ci_upper cfi srmsr"
                ),
                **each(statistic("n_complete"), "worst_p"),
            },
            title="Precision and fit of each theme",
            columns=_FIT,
            note="Precise from, to: standing in standard deviations of these people. Fit of the model is C2 "
            "of people without a gap; its RMSEA, CFI and SRMSR are not what common cut-offs were made for.",
        )
    }
    if not parameters:
        return tables
    items = pd.concat(parameters, ignore_index=True)
    cuts = [name for name in map(str, items) if name.startswith("difficulty_") and name[-1].isdigit()]
    fit = _ITEM_FIT if "s_x2" in items else {}
    tables["parameters"] = Table(
        frame=items,
        kinds={
            **each(TEXT, "theme title item text"),
            "df": GIVEN,
            **each(statistic(), "discrimination discrimination_se s_x2 pvalue p_adjusted rmsea"),
            **dict.fromkeys([*cuts, *(f"{name}_se" for name in cuts)], statistic()),
        },
        title="Parameters and fit of each item",
        columns={
            **_PARAMETERS,
            **{name: (f"Difficulty {name.rsplit('_', 1)[1]}", "d2") for name in cuts},
            **fit,
        },
        note="Difficulty k: standing at which half of the people answer above the k-th option. p of S-X² is "
        "adjusted over the items of the theme (Holm).",
    )
    tables["information"] = Table(
        frame=pd.concat(curves, ignore_index=True),
        kinds={
            **each(TEXT, "theme title"),
            "theta": GIVEN,
            **each(statistic(), "information standard_error"),
        },
        title="Information by standing",
        columns={
            "title": ("Theme", "text"),
            "theta": ("Standing", "d1"),
            "information": ("Information", "d2"),
            "standard_error": ("Standard error", "d2"),
        },
    )
    return tables


def _findings(frame: pd.DataFrame, lost: list[tuple[str, Cause]], exact: set[str]) -> list[Finding]:
    """Judge the fit of items by theme; `exact` are those whose items leave no degree of freedom."""
    claim = "{}: items follow the graded response model (lowest p of S-X², adjusted)"
    left = [
        Finding(
            claim=claim.format(title),
            value=None,
            rule=IRT_ITEM_FIT,
            question=FOLLOWS,
            path="",
            untested=cause,
        )
        for title, cause in lost
    ]
    return left + [
        Finding(
            claim=claim.format(row["title"]),
            value=row["worst_p"],
            rule=IRT_ITEM_FIT,
            question=FOLLOWS,
            untested=Cause.NOTHING_LEFT
            if row["theme"] in exact
            else Cause.IMPROPER
            if row["improper"]
            else of_response_people(row["n"]),
            path=f"sections.irt.tables.fit.worst_p[{position}]",
        )
        for position, row in enumerate(frame.to_dict("records"))
    ]


TOPIC = Topic(
    name="irt",
    title="Where each theme measures",
    subject="response models",
    question="At which levels does a theme tell people apart, and how do its items contribute?",
    run=section_irt,
    twins=twins_of_irt,
    people=int(FEWEST_PEOPLE.cutoff),
    enough=of_response_model,
    lacks=lambda context: (
        ""
        if any(len(items) >= FEWEST_ITEMS for items in context.themes.values())
        else "Needs a theme of three items or more."
    ),
    reflective=True,
)
