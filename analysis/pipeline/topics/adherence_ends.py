"""How use ended, in words and tables: left for another reason, got better, or no reason is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.adherence.claims.claims import Claim
from analysis.adherence.design.ends import SPECIFIC, SUBDISTRIBUTION, End
from analysis.adherence.models.context import HAZARD
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.section import Table
from analysis.pipeline.topics.adherence_claims import Claimed

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult

NO_REASON = (
    "Leaving because one got better counts as leaving here: no reason for leaving is known. A score that "
    "helps people to get better can then look as if it drove them away."
)
SAID = {
    SPECIFIC: "Among those still using the app, people one standard deviation higher on {{ends_of_score}} "
    "{end} at {{{name}_hazard:d2}} times the rate (cause-specific hazard ratio, 95% interval "
    "{{{name}_hazard_lower:d2}} to {{{name}_hazard_upper:d2}}).",
    SUBDISTRIBUTION: "On the share of all who ever {end}, the other end counted as such, the ratio of "
    "subdistribution hazards (Fine-Gray) is {{{name}_share:d2}} ({{{name}_share_lower:d2}} to "
    "{{{name}_share_upper:d2}}).",
}
NAMES = {End.LEFT: "left", End.BETTER: "better"}
MOVED = (
    " Whether for a reason of its own cannot be told: what ends use otherwise changes who is still there, "
    "and where those quick to leave are also quick to get better, these ratios move without any effect."
)
UNSEEN = (
    " Whether the score goes with it cannot be told: use of some people may be missing from the log, and "
    "looks like an end."
)
STILL = " That the score goes with it: not found, which does not show that there is no association."


def ends_of(found: AdherenceResult, first: str, titles: Mapping[str, str]) -> Claimed:
    """Say what each model of how use ended says of the first score, or that no reason is known."""
    timed = bool((found.effects["model"] == HAZARD).any()) or len(found.curves) > 0
    if not found.design["reasons_known"]:
        return Claimed(sentences=[NO_REASON] if timed else [], values={}, kinds={})
    values: dict[str, Any] = {}
    sentences = [
        "Reasons for leaving are known: getting better and leaving for another reason are counted apart "
        "here, and use that stopped without a known reason is an end of its own. In the models of remaining "
        "use, active days and time to disengagement all count as leaving."
    ]
    for end, name in NAMES.items():
        mine = found.ends
        mine = mine[(mine["predictor"] == first) & (mine["end"] == end.words)] if len(mine) else mine
        if not len(mine):
            continue
        values["ends_of_score"] = titles[first]
        told = []
        for model, key in ((SPECIFIC, "hazard"), (SUBDISTRIBUTION, "share")):
            row = mine[mine["model"] == model]
            if not len(row):  # where many end in one moment there is no ratio of shares
                continue
            for part, column in (("", "ratio"), ("_lower", "ci_lower"), ("_upper", "ci_upper")):
                values[f"{name}_{key}{part}"] = float(row[column].iloc[0])
            told.append(SAID[model].format(end=end.words, name=name))
        sentences.append(" ".join(told) + _told(mine))
    numbers = [key for key in values if key != "ends_of_score"]
    kinds = {**({"ends_of_score": TEXT} if numbers else {}), **each(statistic(), " ".join(numbers))}
    return Claimed(sentences=sentences, values=values, kinds=kinds)


def _told(mine: pd.DataFrame) -> str:
    """What may be said of one end: nothing of it is ever called supported."""
    if (mine["claim"] == str(Claim.NOT_FOUND)).all():
        return STILL
    return UNSEEN if ((mine["ci_lower"] <= 1) & (mine["ci_upper"] >= 1)).all() else MOVED


def ends_table(found: AdherenceResult, titles: Mapping[str, str]) -> Table:
    """Effects of every score on each end of use."""
    frame = found.ends.copy()
    if len(frame):
        frame["title"] = frame["predictor"].map(titles)
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "predictor title end model claim"),
            "n": people(weight=1),
            "events": people("n"),
            **each(statistic("n", "events"), "coefficient se pvalue ratio ci_lower ci_upper"),
        },
        title="How use ended, one standard deviation more of a score",
        columns={
            "title": ("Score", "text"),
            "end": ("End", "text"),
            "model": ("Model", "text"),
            "n": ("n", "int"),
            "events": ("Ended so", "int"),
            "ratio": ("Ratio", "d2"),
            "ci_lower": ("95% from", "d2"),
            "ci_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
            "claim": ("Claim", "text"),
        },
        note="Cause-specific: the rate among those still using the app. Fine-Gray: the share who ever ended "
        "so; it falls too when the other end comes sooner. Neither is ever called supported.",
    )


def incidence_table(found: AdherenceResult) -> Table:
    """Share that met each end by every week."""
    weekly = []
    for _, mine in found.incidence.groupby("end", sort=False) if len(found.incidence) else ():
        weeks = mine["time"].floordiv(7)
        weekly.append(mine[~weeks.duplicated(keep="last") | (mine["time"] == 0)])
    frame = pd.concat(weekly, ignore_index=True) if weekly else pd.DataFrame()
    if len(frame):
        frame = frame.drop(columns="events")
    return Table(
        frame=frame,
        kinds={
            "end": TEXT,
            "time": GIVEN,
            "at_risk": people(falls=True, by="end"),
            **each(statistic("at_risk", fraction=True), "incidence se ci_lower ci_upper"),
        },
        title="Share that met each end of use (Aalen-Johansen)",
        columns={
            "end": ("End", "text"),
            "time": ("Days after the landmark", "d1"),
            "at_risk": ("At risk", "int"),
            "incidence": ("Share", "percent"),
            "ci_lower": ("95% from", "percent"),
            "ci_upper": ("to", "percent"),
        },
        note="The last day of every week with an end.",
    )
