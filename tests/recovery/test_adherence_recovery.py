"""Known observed-score effects come back from the landmark models: bias at most 5 %, coverage 93 to 97 %.

The bounds carry three Monte-Carlo standard errors of 2,000 replications. What is known to miss them is named
below with its reason and held to what it is. `python -m tests.recovery.adherence_recovery` writes the table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.recovery import adherence_naive as naive
from tests.recovery import adherence_page
from tests.recovery.adherence_recovery import ALL, REPLICATIONS, TABLE, replicate, run
from tests.recovery.adherence_studies import HUMAN, RATIO, TEST

BIAS, LOW, HIGH, ERRORS = 5.0, 0.93, 0.97, 3.0
Row = tuple[str, str, str]


def faults(table: pd.DataFrame) -> list[Row]:
    """Quantities whose bias or coverage lies outside the bounds by more than chance."""
    out = []
    for row in table.to_dict("records"):
        key = (row["study"], row["model"], row["quantity"])
        n = row["replications"]
        if row["quantity"] == TEST:
            error = np.sqrt(0.05 * 0.95 / n)
            if np.isfinite(row["truth"]) and abs(row["mean"] - 0.05) > 0.01 + ERRORS * error:
                out.append(key)
            continue
        error = np.sqrt(0.95 * 0.05 / n)
        biased = abs(row["bias_percent"]) > BIAS + ERRORS * row["bias_error_percent"]
        if biased or not LOW - ERRORS * error <= row["coverage"] <= HIGH + ERRORS * error:
            out.append(key)
    return out


# Why each misses is said in docs/methods/adherence.md, section "Recovery".
BOTH = (RATIO, HUMAN)
KNOWN: dict[str, set[tuple[str, str]]] = {
    # A model of other zeros than these people's.
    "hurdle counts, n = 300": {
        (f"active days, {model}", quantity)
        for model in ("negative binomial", "zero-inflated")
        for quantity in BOTH
    },
    # Those who answered stand for themselves; the weighted and the imputed model stand for everyone.
    "silence of those who had left, n = 300": {("remaining use, logit", quantity) for quantity in BOTH},
}


def known(study: str) -> set[Row]:
    return {(study, *key) for key in KNOWN.get(study, set())}


@pytest.mark.slow
@pytest.mark.parametrize("study", ALL)
def test_effects_are_recovered(study: str) -> None:
    table = run(study, REPLICATIONS)
    assert set(faults(table)) <= known(study)
    assert table["failed"].max() <= 0.02 * REPLICATIONS


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_replications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # workers import this folder by its name
    study = "zero-inflated counts, n = 300"
    assert replicate(study, 60, workers=2) == replicate(study, 60)


@pytest.mark.slow
@pytest.mark.parametrize("population", naive.POPULATIONS)
def test_naive_analyses_are_biased_where_the_landmark_is_not(population: str) -> None:
    table = naive.study(population, naive.REPLICATIONS).set_index("analysis")
    *others, landmark = naive.ANALYSES
    assert (table.loc[others, "bias"] > 0.5).all()
    assert (table.loc[others, "coverage"] < 0.1).all()
    hidden = naive.POPULATIONS[population]["hidden"] > 0
    assert (abs(table.loc[landmark, "bias"]) < 0.03) == (not hidden)
    assert (0.92 < table.loc[landmark, "coverage"] < 0.98) == (not hidden)


def test_every_row_of_the_committed_table_is_within_bounds_or_known() -> None:
    table = pd.read_csv(TABLE)
    assert set(table["study"]) == set(ALL)
    misses = {row for study in ALL for row in known(study)}
    assert set(faults(table)) <= misses
    assert (table["replications"] + table["failed"] == REPLICATIONS).all()


def test_the_page_shows_the_committed_tables() -> None:
    assert adherence_page.PAGE.read_text(encoding="utf-8") == adherence_page.page()


def test_sixty_studies_already_show_the_naive_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naive, "MANY", 50_000)
    table = naive.study("alliance adds sessions", 60).set_index("analysis")
    *others, landmark = naive.ANALYSES
    assert (table.loc[others, "bias"] > 0.5).all()
    assert abs(table.loc[landmark, "bias"]) < 0.08
    assert table.loc[landmark, "coverage"] > 0.85


def test_sixty_draws_of_repeated_waves() -> None:
    table = run("waves, normal, person mean, n = 150", 60)
    assert (table["bias_percent"].abs() < 3.5 * table["bias_error_percent"]).all()
    assert (table["coverage"] > 0.85).all()
    assert table["mean_se"].to_numpy() == pytest.approx(table["sd"].to_numpy(), rel=0.3)
