"""The example study, simulated: the same bytes everywhere, complete, honest about itself, true to its population."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import instrument
from analysis.simulation.drafting import draft_items
from analysis.simulation.draws import Draws
from analysis.simulation.population import load_population
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from instrument.errors import DefinitionError
from instrument.study import make_study
from tests.recovery.scale_information import HARD, MEANS, NEW

EXAMPLE = Path(__file__).resolve().parents[2] / "data" / "example"


@pytest.fixture(scope="module")
def study() -> SimulatedStudy:
    return simulate_study("dta_example_0_2")


def test_every_file_of_the_example_is_regenerated_byte_for_byte(
    study: SimulatedStudy, tmp_path: Path
) -> None:
    written = {path.name: path.read_bytes() for path in study.write(tmp_path)}
    committed = {path.name: path.read_bytes() for path in EXAMPLE.iterdir()}
    assert sorted(written) == sorted(committed)
    for name, content in committed.items():
        assert written[name] == content, name


def test_another_seed_gives_another_study() -> None:
    one, other = (simulate_study("dta_example_0_2", n=30, seed=seed).checksum() for seed in (1, 2))
    assert one != other


def test_answers_are_as_high_and_as_skewed_as_published_ones(study: SimulatedStudy) -> None:
    """Means of bond items lie between 3.8 and 4.05 of 5; a sample of 494 moves a mean by .05."""
    first = study.responses[study.responses["wave"] == "week3"][NEW.item_ids].astype(float)
    means, skew = first.mean(), first.skew()
    ordinary = [i for i in NEW.item_ids if i not in HARD and not i.startswith(("neg", "flx"))]
    assert means[ordinary].between(MEANS[0] - 0.12, MEANS[1] + 0.12).all()
    assert 3.8 < means[ordinary].mean() < 3.95 and (skew[ordinary] < -0.5).all()
    assert means[list(HARD)].between(2.7, 3.4).all() and (skew[list(HARD)].abs() < 0.5).all()
    negative = [i for i in NEW.item_ids if i.startswith("neg")]
    assert means[negative].between(1.8, 2.5).all() and (skew[negative] > 0.3).all()


def test_what_an_app_allows_is_a_list_and_the_negative_module_goes_the_other_way(
    study: SimulatedStudy,
) -> None:
    first = study.responses[study.responses["wave"] == "week3"]
    scores = instrument.score(first, NEW).to_frame()
    assert scores["negative"].corr(scores["total"]) < -0.15
    between = {
        name: first[NEW.theme_items(name)].astype(float).corr().to_numpy()
        for name in ("flexibility", "humanness")
    }
    off = {name: values[~np.eye(len(values), dtype=bool)].mean() for name, values in between.items()}
    assert off["flexibility"] < 0.3 < off["humanness"]


def test_every_text_says_synthetic_and_every_pseudonym_too(study: SimulatedStudy) -> None:
    for path in EXAMPLE.iterdir():
        if path.suffix in {".md", ".yaml"}:
            assert "synthetic" in path.read_text(encoding="utf-8").split("\n\n")[0].lower(), path.name
    for table in (study.responses, study.usage, study.outcomes, study.covariates):
        assert table["participant"].str.startswith("syn").all()


def test_the_study_file_and_the_short_scales_are_valid(study: SimulatedStudy) -> None:
    assert make_study(study.study).synthetic
    for name, definition in study.companion_instruments.items():
        scale = instrument.Instrument.model_validate(definition)
        assert set(scale.item_ids) <= set(study.companions[name].columns)
        assert len(scale.item_ids) == 6


def test_the_population_follows_the_item_list(study: SimulatedStudy) -> None:
    scale = NEW
    assert list(study.response_file.columns) == ["participant", "wave", *scale.item_ids]
    assert list(draft_items(scale)["items"]) == scale.item_ids


def test_counts_of_people_waves_and_retests(study: SimulatedStudy) -> None:
    assert len(study.covariates) == 600
    counts = study.responses["wave"].value_counts()
    assert counts["retest"] >= 100
    assert counts["week3"] > counts["week6"] > counts["week12"] > 100
    stamps = study.administrations.pivot_table(
        index="participant", columns="wave", values="day", aggfunc="first"
    )
    gap = (stamps["retest"] - stamps["week3"]).dropna().astype(float)
    assert gap.between(10, 14).all()
    assert study.outcomes["change_rating"].notna().sum() == counts["retest"]


def test_later_ratings_come_only_from_those_still_using_the_app(study: SimulatedStudy) -> None:
    left = study.truth.set_index("participant")["left_day"]
    late = study.responses[study.responses["wave"] == "week12"]["participant"]
    assert (left[late] >= 84).all()


def test_answers_are_codes_of_the_scale_or_of_a_reason(study: SimulatedStudy) -> None:
    scale = NEW
    checked = study.responses
    for item in scale.item_ids:
        allowed = {*scale.scale_of(item).codes, *scale.missing_codes.values()}
        assert set(study.response_file[item].dropna()) <= allowed
        assert set(checked[item].dropna()) <= set(scale.scale_of(item).codes)
    answers = study.response_file[scale.item_ids].to_numpy(dtype=float)
    for reason, code in scale.missing_codes.items():
        assert 0.001 < (answers == code).mean() < 0.05, reason


def test_careless_people_are_about_as_many_as_the_population_says(study: SimulatedStudy) -> None:
    assert 0.02 <= study.truth["careless"].mean() <= 0.06


def test_items_hang_together_by_theme(study: SimulatedStudy) -> None:
    scale = NEW
    first = study.responses[study.responses["wave"] == "week3"]
    answers = first[scale.item_ids].where(lambda codes: codes <= 5).astype(float)
    between = answers.corr().to_numpy()
    theme = np.array(
        [next(t.id for t in scale.themes if i in scale.theme_items(t.id)) for i in scale.item_ids]
    )
    same = theme[:, None] == theme[None, :]
    off = ~np.eye(len(theme), dtype=bool)
    assert between[same & off].mean() > between[~same].mean() + 0.1


def test_a_part_of_the_draw_does_not_depend_on_another() -> None:
    assert np.array_equal(Draws(1, "a").uniform(3), Draws(1, "a").uniform(5)[:3])
    assert not np.array_equal(Draws(1, "a").uniform(3), Draws(1, "b").uniform(3))


def test_counts_have_their_mean_and_labels_their_shares() -> None:
    draws = Draws(7, "counts")
    counts = draws.counts(np.full(20_000, 1.7))
    assert counts.mean() == pytest.approx(1.7, abs=4 * np.sqrt(1.7 / 20_000))
    labels = draws.one_of({"a": 3, "b": 1}, 20_000)
    assert (labels == "a").mean() == pytest.approx(0.75, abs=0.0125)


def test_an_unknown_population_names_those_there_are() -> None:
    with pytest.raises(DefinitionError, match=r"no population 'nope'.*\n.*'dta_example'"):
        simulate_study("nope")


def test_a_population_that_misses_an_item_is_refused() -> None:
    truth = load_population("dta_example_0_2")
    items = dict(truth.items)
    items.pop(next(iter(items)))
    with pytest.raises(DefinitionError, match="no truth is given for"):
        simulate_study(truth.model_copy(update={"items": items, "shifts": ()}))


def test_faults_of_a_population_file_carry_their_path(tmp_path: Path) -> None:
    raw = yaml.safe_load(
        (EXAMPLE.parents[1] / "analysis/populations/dta_example_0_2.yaml").read_text("utf-8")
    )
    raw["answers"]["careless"] = 2
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"answers\.careless"):
        simulate_study(path)


def test_too_few_participants_are_refused() -> None:
    with pytest.raises(DefinitionError, match="n = 9 is too few"):
        simulate_study("dta_example_0_2", n=9)
