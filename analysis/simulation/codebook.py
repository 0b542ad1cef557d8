"""Codebook of a simulated study in Markdown, made from its tables."""

from __future__ import annotations

import pandas as pd

from analysis.simulation.population import Population
from instrument.definition import Instrument

MEANINGS = {
    "participant": "pseudonym; the prefix says that nobody stands behind it",
    "wave": "wave, as in study.yaml",
    "day": "days since enrolment (with fraction in usage.csv)",
    "seconds": "seconds from the first to the last page",
    "kind": "what happened",
    "duration": "minutes",
    "received_day": "day on which the server received the event; a device's clock may be wrong",
    "enrolled_day": "day of enrolment, 0 for everyone",
    "withdrawn_day": "day of withdrawal; empty: never withdrew",
    "app": "app that the raters went through; made up",
    "version": "its version",
    "rater": "made-up rater",
    "principle": "item of instrument psd_audit",
    "rating": "absent, unclear or present",
    "evidence": "screen or text the rater pointed to; here only a note that there is none",
    "change_rating": "global rating of change at the retest, -3 much worse to 3 much better; empty: none",
}


def codebook(
    population: Population, scale: Instrument, n: int, seed: int, tables: dict[str, pd.DataFrame]
) -> str:
    """Describe every file and column."""
    lines = [
        f"# {population.title}: **synthetic** data",
        "",
        f"**SYNTHETIC.** {population.notice}",
        "",
        f"Made by `analysis.simulate_study({population.id!r}, n={n}, seed={seed})`; the same call writes the",
        "same bytes.",
        "How, and what is true in it: `docs/methods/simulation.md` and the population file of that name.",
        "",
        f"Answers are codes of instrument `{scale.id}` {scale.version}. Missing by reason: "
        + ", ".join(f"{code} = {reason.replace('_', ' ')}" for reason, code in scale.missing_codes.items())
        + ".",
        "",
        "## Waves",
        "",
        "| wave | days | who | answers |",
        "|---|---|---|---|",
        *_wave_rows(population, tables["responses"]),
        "",
        "## Files",
        "",
        "| file | rows | column | meaning |",
        "|---|---|---|---|",
    ]
    for name, table in tables.items():
        for column, meaning in _columns(population, scale, table):
            lines.append(f"| {name}.csv | {len(table)} | {column} | {meaning} |")
    lines += [
        "",
        "`study.yaml` says what use is intended and why, and when alliance counts as measured. "
        + " ".join(
            f"`{name}.yaml` defines the short made-up scale of `{name}.csv`."
            for name in population.companions
        ),
        "",
        "Licence: CC BY 4.0.",
        "",
    ]
    return "\n".join(lines)


def _wave_rows(population: Population, responses: pd.DataFrame) -> list[str]:
    counts = responses["wave"].value_counts()
    rows = []
    for wave in population.waves:
        who = "everyone enrolled"
        if wave.retest_of:
            low, high = wave.after or (wave.opens, wave.closes)
            who = f"a part of those who answered {wave.retest_of}, {low:g}-{high:g} days later"
        elif wave.only_users:
            who = "only those still using the app"
        rows.append(f"| {wave.id} | {wave.opens:g}-{wave.closes:g} | {who} | {counts.get(wave.id, 0)} |")
    return rows


def _columns(population: Population, scale: Instrument, table: pd.DataFrame) -> list[tuple[str, str]]:
    known = set(scale.item_ids)
    items = [column for column in table.columns if column in known]
    rows = []
    for column in table.columns:
        if column in known:
            if column == items[0]:
                rows.append((f"{items[0]} … {items[-1]}", f"{len(items)} items, codes of the instrument"))
        elif column in population.covariates:
            rows.append((column, "; ".join(population.covariates[column])))
        elif column.startswith(population.outcome.name + "_"):
            when = column.rpartition("_")[2]
            rows.append(
                (column, f"{population.outcome.name}, 0-{population.outcome.maximum}, {when}; less is better")
            )
        elif column == "kind":
            rows.append((column, ", ".join(sorted(table[column].unique()))))
        else:
            rows.append((column, MEANINGS.get(column, "item of the short made-up scale")))
    return rows
