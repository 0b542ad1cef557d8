"""How exactly a theme tells people apart, under assumptions about its items: a simulation, not a finding.

Run `python -m tests.recovery.scale_information` for the table in docs/methods/scale_content.md.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

import analysis
import instrument
from instrument.definition import Instrument

HARD = ("hum14", "hum15", "mea13", "mea14", "pro10", "pro11", "use14", "use15")
NEW = instrument.load("dta@0.2.0")
REFLECTIVE = [theme for theme in NEW.dimension_themes if theme not in NEW.composite_themes]
FIVE = np.array([-2.0, -1.25, -0.55, 0.55])  # steps of the latent answer: agreement is the common answer
MEANS = (3.8, 4.05)  # published means of bond items, of five options
HARD_MEANS = (2.8, 3.3)  # assumed of items made to be hard to endorse
LOADINGS = (0.5, 0.75)
FACET_SHARE = 0.12  # of the unique variance, shared by the items of a facet
GRID = np.round(np.arange(-2.5, 2.51, 0.5), 2)
ENOUGH = 3.3  # information at which reliability is 1 - 1 / 3.3 = .70 for a trait of variance 1


def steps_for(mean: float, options: int) -> np.ndarray:
    """Steps of the latent answer that give this mean, told as of five options."""
    places = np.arange(1, options) / options
    slope = np.polyfit(np.arange(1, 5) / 5, FIVE, 2)
    base = np.polyval(slope, places)
    target = (mean - 1) / 4

    def off(shift: float) -> float:
        return float(norm.sf(base + shift).sum() / (options - 1) - target)

    return np.asarray(base + brentq(off, -5, 5))


def draw_answers(scale: Instrument, theme: str, n: int, seed: int, options: int = 5) -> pd.DataFrame:
    """Answers of n people to a theme, a trait of mean 0 and variance 1 behind them."""
    rng = np.random.default_rng(seed)
    trait = rng.standard_normal(n)
    answers = {}
    shared: dict[str | None, np.ndarray] = {}
    for name in scale.theme_items(theme):
        item = scale.item(name)
        loading = rng.uniform(*LOADINGS)
        steps = steps_for(rng.uniform(*(HARD_MEANS if name in HARD else MEANS)), options)
        facet = shared.setdefault(item.facet, rng.standard_normal(n))
        unique = np.sqrt(FACET_SHARE) * facet + np.sqrt(1 - FACET_SHARE) * rng.standard_normal(n)
        latent = loading * trait + np.sqrt(1 - loading**2) * unique
        answers[name] = 1 + (latent[:, None] > steps).sum(axis=1)
    return pd.DataFrame(answers)


def information_of(answers: pd.DataFrame, grid: np.ndarray = GRID) -> np.ndarray:
    """Test information of the fitted graded response model at each point."""
    return np.asarray(analysis.graded_response(answers).information(grid), dtype=float).ravel()


def table(n: int = 2000, seed: int = 20) -> pd.DataFrame:
    """Information by theme at each point: without the hard items, with them, and with seven options."""
    rows = []
    for place, theme in enumerate(REFLECTIVE):
        for label, options in (("five options", 5), ("seven options", 7)):
            answers = draw_answers(NEW, theme, n, seed + place, options)
            easy = answers.drop(columns=[item for item in HARD if item in answers])
            for which, kept in (("without hard items", easy), ("with hard items", answers)):
                found = information_of(kept)
                rows.append(
                    {"theme": theme, "options": label, "items": which, "n_items": kept.shape[1]}
                    | {f"{at:+.1f}": value for at, value in zip(GRID, found, strict=True)}
                )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    print(table().round(1).to_string(index=False))
