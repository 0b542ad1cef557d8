"""Sections on structure where polychoric correlations are indefinite: they go on by choice and say so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from analysis.commands import validate as commands
from analysis.disclosure.shared import to_share
from analysis.pipeline import Validation, validate
from analysis.report.html import render_html
from instrument.definition import Instrument
from instrument.errors import DefinitionError

ANSWERS = pd.read_csv(Path(__file__).resolve().parents[1] / "reference" / "data" / "many_items.csv")
TOPICS = ("sampling", "retention", "exploration", "reliability")
BINARY = [f"b{k}" for k in range(1, 37)]


def many_items() -> Instrument:
    """Two themes of 18 binary items each."""
    themes = [
        {
            "id": name,
            "title": name.title(),
            "items": [{"id": item, "text": f"Words of {item}"} for item in BINARY[place::2]],
        }
        for place, name in enumerate(("odd", "even"))
    ]
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "many",
            "version": "1",
            "title": "Thirty-six questions",
            "response_scales": {"yes": {"options": {0: "No", 1: "Yes"}}},
            "themes": themes,
        }
    )


def answers() -> pd.DataFrame:
    return ANSWERS[BINARY].astype("Int64").assign(participant=[f"p{k}" for k in range(100)], wave=1)


@pytest.fixture(scope="module")
def found() -> Validation:
    return validate(answers(), many_items(), topics=TOPICS)


def filled(section: dict[str, Any]) -> list[str]:
    """Sentences about smoothing, with their places."""
    return [sentence for sentence in section["prose"] if "smooth:" in sentence]


@pytest.mark.parametrize("name", ["retention", "exploration"])
def test_a_section_goes_on_and_says_in_one_sentence_what_was_done(found: Validation, name: str) -> None:
    section = found.tree["sections"][name]
    assert section["status"] == "ok"
    assert len(filled(section)) == 1
    values = section["values"]
    assert values["smooth_rule"] == section["method"]["options"]["smooth"] == "nearest"
    assert (values["smooth_kind"], values["smooth_items"], values["smooth_negative"]) == (
        "polychoric",
        36,
        11,
    )
    assert values["smooth_frobenius"] == pytest.approx(1.2417, abs=1e-3)
    assert values["smooth_largest"] == pytest.approx(0.1468, abs=1e-3)
    assert values["smooth_smallest"] == pytest.approx(-0.6242, abs=1e-3)
    assert any("the nearest correlation matrix was analysed" in told for told in section["warnings"])


def test_sections_whose_correlations_are_sound_say_nothing(found: Validation) -> None:
    section = found.tree["sections"]["sampling"]  # Pearson correlations of complete answers
    assert section["status"] == "ok" and not filled(section)
    assert "smooth_frobenius" not in section["values"]


def test_omega_goes_on_for_each_theme_and_says_so(found: Validation) -> None:
    section = found.tree["sections"]["reliability"]
    table = section["tables"]["alpha"]
    assert table["title"] == ["Odd", "Even"] and all(0 < value < 1 for value in table["omega"])
    assert all(moved > 0 for moved in table["omega_moved"])
    values = section["values"]
    assert values["omega_moved_themes"] == "Odd and Even"
    assert values["omega_moved_most"] == pytest.approx(max(table["omega_moved"]))
    assert values["omega_drawn_most"] == max(table["omega_draws_smoothed"]) > 0
    assert [sentence.split(",")[0] for sentence in filled(section)][:2] == [
        "Within {omega_moved_themes} correlations contradict each other; for omega they were smoothed by choice (smooth: {omega_smooth})",
        "For the intervals of omega of {omega_drawn_themes}",
    ]


def test_the_report_prints_the_sentence(found: Validation) -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", render_html(found.tree)))
    assert (
        "The polychoric correlations contradict each other (11 of 36 eigenvalues negative, the smallest −0.624), "
        "so by choice (smooth: nearest) the nearest correlation matrix was analysed instead, 1.242 away in all "
        "(Frobenius norm) and .147 at most in one correlation"
    ) in page
    assert "Within Odd and Even correlations contradict each other; for omega they were smoothed" in page


def test_a_shared_copy_keeps_the_sentence(found: Validation) -> None:
    shared = to_share(found).tree["sections"]["exploration"]
    assert len(filled(shared)) == 1 and shared["values"]["smooth_rule"] == "nearest"


def test_the_choice_is_in_the_tree_and_changes_what_is_done() -> None:
    cut = validate(answers(), many_items(), topics=["exploration"], smooth="truncated").tree
    assert (cut["meta"]["smooth"], cut["meta"]["correlation"]) == ("truncated", "polychoric")
    assert cut["sections"]["exploration"]["values"]["smooth_frobenius"] == pytest.approx(1.514, abs=1e-3)
    none = validate(answers(), many_items(), topics=["retention"], smooth=False).tree
    assert none["meta"]["smooth"] == "none"
    assert none["sections"]["retention"]["status"] != "ok"
    pearson = validate(answers(), many_items(), topics=["exploration"], correlation="pearson").tree
    section = pearson["sections"]["exploration"]
    assert section["status"] == "ok" and not filled(section)
    assert pearson["meta"]["correlation"] == "pearson"
    assert section["method"]["estimator"].endswith("pearson correlations")


@pytest.mark.parametrize("choice", [{"smooth": "higham"}, {"correlation": "kendall"}])
def test_an_unknown_choice_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=r"^validate: (smooth is 'higham'|correlation is 'kendall')"):
        validate(answers(), many_items(), topics=["flow"], **choice)


def test_the_command_hands_the_choice_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers().to_csv(tmp_path / "answers.csv", index=False)
    definition = many_items().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    (tmp_path / "many.yaml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    given = ["validate", str(tmp_path / "answers.csv"), "-i", str(tmp_path / "many.yaml"), "-o"]
    taken: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        commands, "validate_and_write", lambda data, *_, plan, **__: taken.append((data, plan))
    )
    for options in ([], ["--correlation", "pearson", "--smooth", "truncated"], ["--smooth", "none"]):
        run = CliRunner().invoke(commands.app, [*given, str(tmp_path / "out"), *options])
        assert run.exit_code == 0, run.output
    chosen = [(decided.plan.correlation, decided.plan.smooth) for _, decided in taken]
    assert chosen == [(None, "nearest"), ("pearson", "truncated"), (None, "none")]
    data, decided = taken[1]
    assert validate(data, plan=decided, topics=["flow"]).tree["meta"]["smooth"] == "truncated"
