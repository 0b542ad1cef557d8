"""Two made-up raters who go through a made-up app."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.simulation.draws import Draws
from analysis.simulation.population import AuditTruth
from instrument.loading import load

RATERS = ("syn-rater-1", "syn-rater-2")
SEEN = "SYNTHETIC: no screen was looked at"


def draw_audit(truth: AuditTruth, seed: int) -> pd.DataFrame:
    """Draw the ratings of both raters.

    Parameters
    ----------
    truth
        Share of the principles of each group that the app holds, and how often a rater errs or cannot decide.
    seed
        Seed of the study.

    Returns
    -------
    DataFrame
        app, version, rater, principle, rating, evidence.
    """
    principles = load(truth.instrument)
    draws = Draws(seed, "audit")
    names = principles.item_ids
    groups = [theme.id for theme in principles.themes]
    share = {name: truth.present[group] for group in groups for name in principles.theme_items(group)}
    held = draws.happens(np.array([share[name] for name in names]), len(names))
    rows = []
    for rater in RATERS:
        errs = draws.happens(truth.slip, len(names))
        torn = draws.happens(truth.unclear, len(names))
        for name, there, wrong, unsure in zip(names, held, errs, torn, strict=True):
            rating = "unclear" if unsure else ("present" if there != wrong else "absent")
            evidence = SEEN if rating == "present" else ""
            rows.append((truth.app, truth.version, rater, name, rating, evidence))
    return pd.DataFrame(rows, columns=["app", "version", "rater", "principle", "rating", "evidence"])
