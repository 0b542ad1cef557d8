"""What `validate` itself says and hands on: notes on the tables, what the results name, choices that reach them."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from three_themes import STUDY

from analysis.adherence.claims.claims import Claim, Doubt
from analysis.pipeline import validate
from analysis.pipeline.run import BASE
from analysis.pipeline.topics.use_course import scan_told
from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.study import make_study


def run(answers: pd.DataFrame, scale: Instrument, **given: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree: dict[str, Any] = validate(answers, scale, topics=["flow"], **given).tree
    return tree


def notes(answers: pd.DataFrame, scale: Instrument, **given: Any) -> list[str]:
    found: list[str] = run(answers, scale, **given)["meta"]["notes"]
    return found


@pytest.fixture(scope="module")
def people(answers: pd.DataFrame) -> pd.DataFrame:
    """Everyone, with an age that nobody doubts."""
    ids = answers["participant"].drop_duplicates().reset_index(drop=True)
    return pd.DataFrame({"participant": ids, "age": 20 + np.arange(len(ids)) % 50})


def other(scale: Instrument, **changes: Any) -> Instrument:
    raw = scale.model_dump(mode="json", by_alias=True, exclude_none=True)
    themes = [{**theme, "id": f"x_{theme['id']}"} for theme in raw["themes"]]
    return Instrument.model_validate(
        {**raw, "id": "another", "title": "Another", "themes": themes, **changes}
    )


def test_the_results_name_the_people_the_rows_the_items_and_what_ran(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    meta = run(answers, scale)["meta"]
    assert meta["participants"] == answers["participant"].nunique() < len(answers)
    assert meta["administrations"] == len(answers)
    assert meta["structure_wave"] == "1" and meta["waves"][0] == "1" and len(meta["waves"]) > 1
    turned = [item.id for item in scale.items if item.reverse]
    assert turned and meta["instrument"]["reversed"] == turned
    assert set(BASE) <= set(meta["versions"])
    assert meta["synthetic"] is False and meta["study"] is None


@pytest.mark.parametrize("synthetic", [True, False])
def test_made_up_answers_are_called_so_where_the_study_says_it(
    answers: pd.DataFrame, scale: Instrument, synthetic: bool
) -> None:
    meta = run(answers, scale, study=make_study({**STUDY, "synthetic": synthetic}))["meta"]
    assert meta["synthetic"] is synthetic and meta["study"]["id"] == STUDY["id"]


def test_marks_of_missing_values_among_covariates_and_outcomes_are_told(
    answers: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    marked = people.assign(age=people["age"].where(people.index >= 6, 999))
    for what in ("covariates", "outcomes"):
        said = [note for note in notes(answers, scale, **{what: marked}) if note.startswith("suspicion: ")]
        assert said == [f"suspicion: 6 people have 999 in {what[:-1]} 'age', far from the other values"]
        assert not any("suspicion" in note for note in notes(answers, scale, **{what: people}))


def test_a_covariate_among_the_answers_that_moves_is_told(answers: pd.DataFrame, scale: Instrument) -> None:
    at = answers.assign(site="north")
    moved = at["participant"].isin(at["participant"].unique()[:7]) & (at["wave"] != 1)
    moving = at.assign(site=at["site"].where(~moved, "other"))
    both = moving[moving["participant"].duplicated(keep=False) & moved]["participant"].nunique()
    said = [note for note in notes(moving, scale) if note.startswith("covariate 'site'")]
    assert both and said == [
        f"covariate 'site': {both} of {at['participant'].nunique()} people have several values, and count with "
        "their first"
    ]
    assert not any(note.startswith("covariate 'site'") for note in notes(at, scale))


def test_a_name_of_two_things_is_told_and_of_one_is_not(
    answers: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    theme = scale.themes[0].id
    said = notes(answers, scale, covariates=people.assign(**{theme: 1.5 + people.index % 3}))
    assert [note for note in said if "the first of these is meant, the others are left out" in note]
    assert all(repr(theme) in note for note in said if "the first of these is meant" in note)
    assert not any("is meant" in note for note in notes(answers, scale, covariates=people))


def test_a_questionnaire_that_nobody_answered_at_the_first_wave_is_told(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    beside, late = other(scale), answers[answers["wave"] != 1]
    line = "Another: nobody answered it at wave 1, where scores are compared, so nothing is compared with it"
    assert notes(answers, scale, measures=[(late, beside)]).count(line) == 1
    assert not any("nobody answered" in note for note in notes(answers, scale, measures=[(answers, beside)]))


def test_choices_of_the_call_reach_the_results_and_others_are_refused(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    meta = run(answers, scale, smooth="truncated", correlation="pearson", seed=5)["meta"]
    assert (meta["smooth"], meta["correlation"], meta["seed"]) == ("truncated", "pearson", 5)
    assert run(answers, scale, smooth=False)["meta"]["smooth"] == "none"
    for given in ({"workers": 0}, {"workers": 1.5}, {"correlation": "kendall"}, {"smooth": "twice"}):
        with pytest.raises(DefinitionError):
            validate(answers, scale, topics=["flow"], **given)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="there is no topic 'flaw'"):
        validate(answers, scale, topics=["flow", "flaw"])
    assert list(run(answers, scale)["sections"]) == ["flow"]


def test_a_folder_of_work_on_content_that_is_not_there_is_told_once(
    answers: pd.DataFrame, scale: Instrument, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("schema: 1\ncontent: gone\ntopics: [flow]\n", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = validate(answers, scale, plan=plan).tree["meta"]["notes"]
    assert len([note for note in said if "'gone'" in note]) == 1


def scan(*rows: dict[str, Any], p: float = 0.5) -> Any:
    plain = {"band_lower": -1.0, "band_upper": 1.0, "claim": str(Claim.NOT_FOUND), "doubts": "", "n": 90}
    frame = pd.DataFrame([{"day": 21 + 7 * k, **plain, **row} for k, row in enumerate(rows)])
    return SimpleNamespace(effects=frame, tests=pd.DataFrame({"pvalue": [p]}))


def test_a_scan_says_where_the_band_leaves_zero_in_which_direction_and_why_it_is_doubted() -> None:
    up = {"band_lower": 0.2, "claim": str(Claim.UNTOLD), "doubts": str(Doubt.HABIT)}
    down = {"band_lower": -3.0, "band_upper": -0.5, "claim": str(Claim.UNTOLD), "doubts": str(Doubt.SILENCE)}
    said, values = scan_told(scan({"n": 70}, up, {}, p=0.01), "A")
    assert (values["scan_first"], values["scan_last"], values["scan_landmarks"]) == (21, 35, 3)
    assert values["scan_people"] == 70
    assert (values["scan_days"], values["scan_direction"]) == ("day 28", "more")
    assert "a lasting habit" in values["scan_doubts"] and "scan_supported" not in values
    assert said[-1].startswith("The effects differ between landmarks")
    said, values = scan_told(scan(down, {}), "A")
    assert values["scan_direction"] == "less" and said[-1].startswith("That the effects differ")
    _, values = scan_told(scan(up, down), "A")
    assert values["scan_direction"] == "more and less" and values["scan_days"] == "days 21, 28"
    _, values = scan_told(scan({**up, "claim": str(Claim.SUPPORTED)}, up), "A")
    assert (values["scan_supported"], values["scan_days"]) == ("day 21", "days 21, 28")


def test_a_scan_that_found_nothing_says_so_and_names_what_cannot_be_told() -> None:
    said, values = scan_told(scan({}, {}), "A")
    assert any("not found, which does not show that there is no association" in one for one in said)
    assert not {"scan_days", "scan_untold"} & set(values)
    untold = {"claim": str(Claim.UNTOLD), "doubts": f"{Doubt.LOST}, {Doubt.WITHDRAWAL}"}
    said, values = scan_told(scan({}, untold), "A")
    assert values["scan_untold"] == "day 28" and not any("not found, which" in one for one in said)
    assert "use of some people may be missing" in values["scan_untold_doubts"]
    up = {"band_lower": 0.2, "claim": str(Claim.UNTOLD), "doubts": ""}
    _, values = scan_told(scan(up, untold), "A")
    assert (values["scan_days"], values["scan_untold"]) == ("day 21", "day 28")
    assert values["scan_doubts"] == "no model of it stood up to being asked"
