"""Published scales: templates without wording, and the sizes to plan with."""

from __future__ import annotations

import math
import re

import pytest
from scipy.stats import logistic

import instrument
from analysis.power.expected_sizes import ALLIANCE_OUTCOME, expected_correlations, expected_odds_ratio
from instrument.errors import DefinitionError, ResponseDataError
from instrument.loading import available, templates

COUNTS = {
    "dwai": 6,
    "etai": 10,
    "marm": 25,
    "mm_dta": 39,
    "tweets": 9,
    "vtas": 17,
    "wai_i": 12,
    "wai_sr": 12,
    "wai_tech_sf": 12,
}


def test_templates_are_those_of_the_comparison_and_no_instruments_to_administer() -> None:
    assert templates() == [f"templates/{name}" for name in COUNTS]
    assert not [name for name in available() if "template" in name]


@pytest.mark.parametrize("name", list(COUNTS))
def test_template_holds_ids_and_scoring_and_not_a_word_of_the_authors(name: str) -> None:
    scale = instrument.load(f"templates/{name}")
    assert len(scale.items) == COUNTS[name]
    numbers = [int(re.fullmatch(r"Item (\d+): wording of the authors", item.text)[1]) for item in scale.items]
    assert sorted(numbers) == list(range(1, COUNTS[name] + 1))
    assert [item.id for item in scale.items] == [f"{name}_{n:02d}" for n in numbers]
    labels = {o.label for o in scale.response_scales["answers"].options}
    assert labels == {
        f"Option {code}: label of the authors" for code in scale.scale_of(scale.item_ids[0]).codes
    }
    assert scale.notice.startswith("Template without wording")
    assert "permission" in scale.notice
    assert re.search("ask|licence", scale.licence)
    assert "doi" in scale.source or name == "mm_dta"


def test_sizes_to_plan_with_follow_the_component_that_a_theme_names() -> None:
    assert dict(ALLIANCE_OUTCOME) == {"Total": 0.21, "Task": 0.25, "Goal": 0.19, "Bond": 0.12}
    assert expected_correlations(instrument.load("dta")) == {
        "total": 0.21,
        "humanness": 0.12,
        "meaningfulness": 0.25,
        "progression": 0.19,
        "using": 0.25,
    }
    assert expected_correlations(instrument.load("psd_audit")) == {}


def test_the_odds_ratio_of_a_theme_gives_back_its_correlation() -> None:
    scale = instrument.load("dta")
    for theme, r in expected_correlations(scale).items():
        for reliability in (1.0, 0.85):
            slope = math.log(expected_odds_ratio(scale, theme, reliability))
            # variance of the latent answer: slope squared and that of the logistic distribution
            assert slope / math.sqrt(slope**2 + logistic.var()) * math.sqrt(reliability) == pytest.approx(r)
    assert math.log(expected_odds_ratio(scale, "total", 1.0)) == pytest.approx(1.8138 * 0.21 / 0.97770, 1e-4)
    with pytest.raises(DefinitionError, match="no published size is known for 'flexibility'"):
        expected_odds_ratio(scale, "flexibility", 0.85)
    with pytest.raises(ResponseDataError, match=r"reliability is 0.01"):
        expected_odds_ratio(scale, "using", 0.01)
    with pytest.raises(ResponseDataError, match=r"reliability is 1\.01"):
        expected_odds_ratio(scale, "using", 1.01)
    assert expected_odds_ratio(scale, "using", 1.0) > 1.0
    with pytest.raises(DefinitionError, match=r"Hint: choose an odds ratio of your own .odds_ratio."):
        expected_odds_ratio(instrument.load("psd_audit"), "total", 0.9)
