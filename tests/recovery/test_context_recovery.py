"""Known cross-lags of context and general factor are found again: bias and coverage, by items and by scores."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.context_over_time import context_over_time
from instrument.definition import Instrument
from instrument.errors import ToolkitWarning

SEED = 20_240_903
N, STAY_SHARE = 600, 0.75
TRUTH = {"lead": 0.30, "back": 0.0, "difference": 0.30, "stay": 0.50, "kept": 0.60}
CUTS = np.array([-1.4, -0.6, 0.2, 1.0])
THEMES = ("a", "b", "c", "k")
ITEMS = (1, 2, 3)


def make_scale() -> Instrument:
    themes = [
        {
            "id": theme,
            "title": theme,
            "role": "context" if theme == "k" else "dimension",
            "items": [{"id": f"{theme}{k}", "text": "-"} for k in ITEMS],
        }
        for theme in THEMES
    ]
    definition = {"schema": 1, "id": "twelve", "version": "1", "title": "T", "status": "candidate"}
    options = {code: str(code) for code in range(1, 6)}
    definition |= {"notice": "-", "response_scales": {"agree": {"options": options}}, "themes": themes}
    return Instrument.model_validate(definition)


def draw(rng: np.random.Generator, leaving: str) -> pd.DataFrame:
    """Two waves of a study; people leave at random, or rather those with a low context at the first wave."""
    first = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], N)
    push = rng.multivariate_normal([0, 0], [[1, 0.2], [0.2, 1]], N)
    # standardised at both waves: .5² + .3² + 2 × .5 × .3 × .5 = .49, and .6² = .36
    general = 0.5 * first[:, 0] + 0.3 * first[:, 1] + np.sqrt(0.51) * push[:, 0]
    context = 0.6 * first[:, 1] + np.sqrt(0.64) * push[:, 1]
    lasting = rng.normal(size=(len(THEMES), len(ITEMS), N))
    own = rng.normal(size=(len(THEMES), N))
    frames = []
    for wave, state in ((1, first), (2, np.column_stack([general, context]))):
        table: dict[str, object] = {"participant": np.arange(N), "wave": wave}
        for t, theme in enumerate(THEMES):
            factor = state[:, 1]
            if theme != "k":
                factor = 0.8 * state[:, 0] + 0.6 * (0.6 * own[t] + 0.8 * rng.normal(size=N))
            for i, k in enumerate(ITEMS):
                noise = np.sqrt(0.3) * lasting[t, i] + np.sqrt(0.7) * rng.normal(size=N)
                latent = 0.75 * factor + np.sqrt(1 - 0.75**2) * noise
                table[f"{theme}{k}"] = 1 + np.searchsorted(CUTS, latent)
        frames.append(pd.DataFrame(table))
    tendency = rng.normal(size=N)
    if leaving == "by answers":
        tendency = 0.8 * tendency + 0.6 * frames[0][[f"k{k}" for k in ITEMS]].mean(axis=1).to_numpy()
    frames[1] = frames[1][tendency > np.quantile(tendency, 1 - STAY_SHARE)]
    return pd.concat(frames, ignore_index=True)


def study(measured_by: str, leaving: str, replications: int) -> pd.DataFrame:
    """Bias of each path, its standard error by simulation, and the coverage of its 95 % interval."""
    rng = np.random.default_rng([SEED, len(measured_by), len(leaving)])
    scale, rows = make_scale(), []
    for _ in range(replications):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolkitWarning)
            paths = context_over_time(draw(rng, leaving), scale, measured_by=measured_by).paths
        for name, truth in TRUTH.items():
            row = paths.loc[name]
            rows.append((name, row["estimate"] - truth, row["ci_lower"] <= truth <= row["ci_upper"]))
    table = pd.DataFrame(rows, columns=["path", "error", "covered"]).groupby("path")
    return pd.DataFrame(
        {
            "bias": table["error"].mean(),
            "bias_se": table["error"].std() / np.sqrt(replications),
            "coverage": table["covered"].mean(),
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("measured_by", "leaving", "replications"),
    [("items", "at random", 300), ("scores", "at random", 500), ("scores", "by answers", 500)],
)
def test_cross_lags_are_recovered(measured_by: str, leaving: str, replications: int) -> None:
    """Bias at most .02; coverage 95 % give or take three standard errors of a share and one point of slack."""
    found = study(measured_by, leaving, replications)
    slack = 3 * np.sqrt(0.95 * 0.05 / replications) + 0.01
    assert (found["bias"].abs() <= 0.02 + 2 * found["bias_se"]).all(), found
    assert (found["coverage"] >= 0.95 - slack).all(), found
    assert (found["coverage"] <= 0.95 + slack).all(), found
