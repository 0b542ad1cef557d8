"""Errors of weighted models take into account that the weights were learned from the same people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.models.clusters import Clusters, of_linear_predictor
from analysis.adherence.over_time.marginal_fits import Learned, OutcomeRows, Weighting, without_each_unit
from analysis.adherence.over_time.marginal_rows import panel_of
from analysis.adherence.over_time.marginal_structural import WEIGHTED, marginal_structural
from tests.recovery.test_marginal_recovery import draw

NAMES = {"participant": "participant", "time": "time", "exposure": "alliance", "outcome": "after"}


def people(n: int, *, stops: bool, binary: bool) -> pd.DataFrame:
    data = draw(np.random.default_rng(5), n, 0.3, stops, 0.25)
    if binary:
        data["alliance"] = (data["alliance"] > 0).astype(float).where(data["alliance"].notna())
    return data


def estimate(data: pd.DataFrame) -> np.ndarray:
    """The weighted coefficients alone."""
    panel = panel_of(data, NAMES, ["use"], [], None, None, [])
    model = Weighting(panel, lags=1, binary=set(data["alliance"].dropna()) <= {0.0, 1.0}, leaving=True)
    rows = OutcomeRows.of(panel, model, "both")
    root = np.sqrt(rows.weights)
    return np.linalg.lstsq(rows.design * root[:, None], rows.outcome * root, rcond=None)[0]


@pytest.mark.parametrize(("stops", "binary"), [(False, False), (True, False), (True, True)])
def test_without_one_person_everything_moves_as_told(stops: bool, binary: bool) -> None:
    """Refitting all models without a person, for 40 of 900 people."""
    data = people(900, stops=stops, binary=binary)
    panel = panel_of(data, NAMES, ["use"], [], None, None, [])
    model = Weighting(panel, lags=1, binary=binary, leaving=True)
    rows = OutcomeRows.of(panel, model, "both")
    units = Clusters(rows.person_number, int(rows.person_number.max()) + 1)
    b = estimate(data)
    residual = rows.weights * (rows.outcome - rows.design @ b)
    known = of_linear_predictor(rows.design, residual, rows.weights, units)
    learned = Learned.of(model, rows, units, rows.weights)
    told = without_each_unit(known, rows.design, residual, rows.weights, learned)
    # the first 40 of those who have an outcome, and their number among the units
    chosen = pd.unique(rows.person)[:40]
    moved = np.array([estimate(data[data["participant"].astype(str) != panel.people[k]]) - b for k in chosen])
    for column in (0, 1):
        mine = told[:40, column]
        slope = float(mine @ moved[:, column] / (mine @ mine))
        assert slope == pytest.approx(1.0, abs=0.05)
        assert np.corrcoef(mine, moved[:, column])[0, 1] > 0.99
        plain = known[:40, column]
        assert np.abs(mine - moved[:, column]).sum() < 0.5 * np.abs(plain - moved[:, column]).sum()


def test_a_weight_that_was_cut_is_not_learned() -> None:
    data = people(200, stops=False, binary=False)
    panel = panel_of(data, NAMES, ["use"], [], None, None, [])
    model = Weighting(panel, lags=1, binary=False, leaving=True)
    rows = OutcomeRows.of(panel, model, "both")
    units = Clusters(rows.person_number, 200)
    weights = np.minimum(rows.weights, 1.2)
    learned = Learned.of(model, rows, units, weights)
    assert (learned.rows[rows.weights > 1.2] == 0).all()
    assert (np.abs(learned.rows[rows.weights < 1.2]).sum(axis=1) > 0).all()
    assert learned.units.shape == (200, learned.rows.shape[1]) and learned.others.shape[0] == 0


def test_learned_weights_tell_more_than_known_ones() -> None:
    made = marginal_structural(
        people(400, stops=True, binary=False), exposure="alliance", outcome="after", varying=["use"]
    ).effects
    mine = made[made["model"] == WEIGHTED]
    assert (mine["se"] < mine["se_known"]).all()
    assert (made[made["model"] != WEIGHTED]["se"] == made[made["model"] != WEIGHTED]["se_known"]).all()
