"""Relations to other things: ratios between themes, hypotheses by their words, what themes add."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import gammaln

from analysis.commands.reading_study import read_measures
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.report.view import prose
from analysis.validity.check_hypotheses import check_hypotheses
from analysis.validity.htmt import htmt
from analysis.validity.incremental_validity import incremental_validity
from analysis.validity.known_groups import known_groups
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.scoring.score import reverse_key, score
from instrument.study import make_study

HYPOTHESES = [
    {"id": "h1", "text": "Goes with mood.", "measure": "correlation total, mood", "expected": ">= 0.20"},
    {"id": "h2", "text": "Apart.", "measure": "HTMT north, south", "expected": "< 0.85"},
    {
        "id": "h3",
        "text": "Little to do with age.",
        "measure": "absolute correlation total, age",
        "expected": "< .3",
    },
    {
        "id": "h4",
        "text": "Helpers score higher.",
        "measure": "known groups total by role: helper over other",
        "expected": ">= 0.2",
    },
    {"id": "h5", "text": "Goes with joy.", "measure": "correlation total, joy", "expected": ">= 0.20"},
    {"id": "h6", "text": "Leads use.", "measure": "odds ratio per SD of the total", "expected": "> 1"},
    {"id": "h7", "text": "Something else.", "measure": "a hunch", "expected": "> 1"},
    {"id": "h8", "text": "Without an expectation.", "measure": "HTMT north, west"},
]


@pytest.fixture(scope="module")
def sides(answers: pd.DataFrame, scale: Instrument) -> dict[str, pd.DataFrame]:
    first = answers[answers["wave"] == 1]
    total = score(first, scale).scores.set_index("participant")["total"]
    rng = np.random.default_rng(8)
    noise = pd.DataFrame(rng.normal(size=(len(total), 4)), index=total.index)
    filled = total.fillna(total.mean())
    high = (filled + noise[0] > filled.median()).map({True: "helper", False: "other"})
    order = high.sort_values(ascending=False, kind="stable").index  # "other" comes first
    covariates = pd.DataFrame({"role": high, "age_start": noise[1]}).loc[order].rename_axis("participant")
    outcomes = pd.DataFrame({"mood": filled + noise[2], "later": 2 * filled + noise[3]})
    return {
        "covariates": covariates.reset_index(),
        "outcomes": outcomes.rename_axis("participant").reset_index(),
    }


@pytest.fixture(scope="module")
def section(
    answers: pd.DataFrame, scale: Instrument, sides: dict[str, pd.DataFrame], study: dict[str, Any]
) -> dict[str, Any]:
    plan = make_study(study | {"hypotheses": HYPOTHESES, "baseline": ["age_start"], "outcome": "later"})
    result = validate(answers, scale, study=plan, seed=5, topics=("validity",), **sides)  # type: ignore[arg-type]
    found: dict[str, Any] = result.to_dict()["sections"]["validity"]
    return found


def test_ratios_are_those_of_htmt(section: dict[str, Any], answers: pd.DataFrame, scale: Instrument) -> None:
    keyed = reverse_key(answers[answers["wave"] == 1], scale)[scale.item_ids].astype(float)
    direct = htmt(keyed.dropna(how="all"), scale, draws=500, seed=5).pairs
    table = section["tables"]["htmt"]
    for column in ("htmt", "htmt_ci_lower", "htmt2", "htmt2_ci_upper"):
        np.testing.assert_allclose(table[column], direct[column], rtol=1e-10)
    judged = [finding for finding in section["findings"] if "told apart" in finding["claim"]]
    assert [finding["value"] for finding in judged] == table["htmt"]
    assert all(finding["rule"] == "Discriminant validity, HTMT: < .85" for finding in judged)


def test_hypotheses_are_answered_by_their_words(section: dict[str, Any]) -> None:
    table = pd.DataFrame(section["tables"]["hypotheses"]).set_index("id")
    assert list(table.index) == ["h1", "h2", "h3", "h4", "h5", "h6", "h7"]
    assert list(table.loc[["h1", "h2", "h3", "h4"], "status"]) == ["confirmed"] * 4
    assert set(table.loc[["h5", "h6", "h7"], "status"]) == {"not evaluated"}
    assert "no score, covariate or outcome is called 'joy'" in table.loc["h5", "reason"]
    assert "usage log" in table.loc["h6", "reason"]
    assert "none that can be computed" in table.loc["h7", "reason"]
    assert table.loc["h2", "estimate"] == section["tables"]["htmt"]["htmt"][0]
    values = section["values"]
    assert (values["hypotheses"], values["evaluated"], values["confirmed"]) == (7, 4, 4)
    about = [f for f in section["findings"] if f["property"] == "hypotheses"]
    share = [f for f in about if f["verdict"] != "untested"]
    assert [f["claim"] for f in share] == ["Hypotheses confirmed, of 3 evaluated (6 written down)"]
    assert share[0]["value"] == values["share"] == 1.0 and share[0]["passed"]
    assert len(about) == 4  # three could not be evaluated: they are no proof, and no failure
    inside = section["findings"][-1]  # the one on the scale's own themes is none about other measures
    assert inside["claim"] == "Hypotheses confirmed, of 1 evaluated (1 written down)"
    assert inside["property"] is None and inside["value"] == values["share_among_themes"] == 1.0


def test_estimates_are_those_of_the_functions(
    section: dict[str, Any], answers: pd.DataFrame, scale: Instrument, sides: dict[str, pd.DataFrame]
) -> None:
    people = score(answers[answers["wave"] == 1], scale).scores.set_index("participant")
    for side in sides.values():
        people = people.join(side.set_index("participant"))
    table = pd.DataFrame(section["tables"]["hypotheses"]).set_index("id")
    direct = check_hypotheses(HYPOTHESES[:1], people).table.iloc[0]
    for column in ("estimate", "ci_lower", "ci_upper"):
        assert table.loc["h1", column] == pytest.approx(direct[column], rel=1e-10)
    plain = check_hypotheses([HYPOTHESES[0] | {"measure": "correlation total, age_start"}], people).table
    r, lower, upper = (plain[column].iloc[0] for column in ("estimate", "ci_lower", "ci_upper"))
    assert table.loc["h3", "estimate"] == pytest.approx(abs(r), rel=1e-10)
    assert table.loc["h3", "ci_lower"] == (
        0 if lower < 0 < upper else pytest.approx(min(abs(lower), abs(upper)))
    )
    pair = known_groups(people, "total", "role").pairs.iloc[0]
    assert table.loc["h4", "estimate"] == pytest.approx(pair["hedges_g"], rel=1e-10)
    added = incremental_validity(
        people, "later", "south", baseline=["north", "west"], adjust_for=["age_start"], draws=500, seed=5
    )
    row = pd.DataFrame(section["tables"]["increment"]).set_index("theme").loc["south"]
    assert row["delta"] == pytest.approx(added.delta_r_squared, rel=1e-9)
    assert row["pvalue"] == pytest.approx(added.pvalue, rel=1e-9)
    assert row["pvalue"] <= row["pvalue_holm"]


def test_words_and_figure_name_the_numbers(section: dict[str, Any]) -> None:
    words = " ".join(prose(section))
    assert "{" not in words and "South" not in words
    assert "written down beforehand in the study file: 7. Evaluated with these data: 4" in words
    figure = build_figures(section, {})["htmt"]
    assert "Theme of the north with Theme of the south" in figure.alt


def test_without_study_there_are_ratios_only(tree: dict[str, Any]) -> None:
    section = tree["sections"]["validity"]
    assert section["status"] == "ok" and set(section["tables"]) == {"htmt"}
    assert "No other questionnaire was given" in " ".join(prose(section))


def make_other(items: int = 3, theme: str = "calm") -> Instrument:
    definition = {
        "schema": 1,
        "id": "short",
        "version": "1",
        "title": "Short scale",
        "status": "candidate",
        "notice": "Made up.",
        "response_scales": {"agree": {"options": {k: f"Option {k}" for k in range(1, 6)}}},
        "themes": [
            {
                "id": theme,
                "title": "Calm",
                "items": [{"id": f"q{k}", "text": "-", "reverse": k == 2} for k in range(1, items + 1)],
            }
        ],
    }
    return Instrument.model_validate(definition)


def other_answers(answers: pd.DataFrame, scale: Instrument) -> pd.DataFrame:
    """Three items that go with the north, the second of them reversed; other people and waves besides."""
    first = answers[answers["wave"] == 1]
    level = score(first, scale).scores["north"].fillna(3).to_numpy()
    rng = np.random.default_rng(12)
    table: dict[str, Any] = {"participant": first["participant"].to_numpy(), "wave": 1}
    for k in (1, 2, 3):
        value = np.clip(np.round(level + rng.normal(size=len(level))), 1, 5).astype(int)
        table[f"q{k}"] = 6 - value if k == 2 else value
    made = pd.DataFrame(table).astype({f"q{k}": "Int64" for k in (1, 2, 3)})
    return pd.concat([made, made.head(5).assign(wave=3)], ignore_index=True)


def test_another_questionnaire_is_related_by_its_themes(
    answers: pd.DataFrame, scale: Instrument, sides: dict[str, pd.DataFrame], study: dict[str, Any]
) -> None:
    plans = [
        {"id": "m1", "text": "Goes.", "measure": "correlation north, calm", "expected": ">= 0.3"},
        {"id": "m2", "text": "Apart.", "measure": "HTMT calm, north", "expected": "< 1.2"},
    ]
    plan = make_study(study | {"hypotheses": plans, "baseline": ["age_start"], "outcome": "later"})
    other = other_answers(answers, scale)
    tree = validate(
        answers, scale, study=plan, seed=5, topics=("validity",), measures=[(other, make_other())], **sides
    ).to_dict()  # type: ignore[arg-type]
    section = tree["sections"]["validity"]
    hypotheses = pd.DataFrame(section["tables"]["hypotheses"]).set_index("id")
    own = score(answers[answers["wave"] == 1], scale).scores.set_index("participant")["north"]
    calm = score(other[other["wave"] == 1], make_other()).scores.set_index("participant")["calm"]
    assert hypotheses.loc["m1", "estimate"] == pytest.approx(own.corr(calm), rel=1e-9)
    table = pd.DataFrame(section["tables"]["htmt"])
    keyed = reverse_key(answers[answers["wave"] == 1], scale).set_index("participant")[scale.item_ids]
    beside = reverse_key(other[other["wave"] == 1], make_other()).set_index("participant")[["q1", "q2", "q3"]]
    joined = keyed.astype(float).dropna(how="all").join(beside.astype(float).add_prefix("o"))
    themes = {theme.id: [item.id for item in theme.items] for theme in scale.themes}
    direct = htmt(joined, themes | {"calm": ["oq1", "oq2", "oq3"]}, draws=0).htmt
    row = table[(table["first"] == "north") & (table["second"] == "calm")].iloc[0]
    assert row["htmt"] == pytest.approx(direct.loc["north", "calm"], rel=1e-9)
    assert row["other"] == "Calm (Short scale)" and not row["within_scale"]
    assert hypotheses.loc["m2", "estimate"] == row["htmt"]
    assert not any("Calm" in finding["claim"] for finding in section["findings"])
    assert "Calm" not in build_figures(section, {})["htmt"].alt
    assert list(section["tables"]["beyond"]["theme"]) == [*themes, "total"]
    assert "only a hypothesis judges them" in " ".join(prose(section))
    assert "measure short" in tree["meta"]["checksums"]


def test_a_measure_that_was_asked_at_another_wave_alone_leaves_the_themes_their_ratios(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    """All ratios failed for items "not in the data", and the correlations with it were missing in silence."""
    later = other_answers(answers, scale)
    later = later[later["wave"] == 3]
    given = {"seed": 5, "topics": ("validity",)}
    tree = validate(answers, scale, measures=[(later, make_other())], **given).to_dict()  # type: ignore[arg-type]
    plain = validate(answers, scale, **given).to_dict()  # type: ignore[arg-type]
    found = tree["sections"]["validity"]
    assert found["tables"] == plain["sections"]["validity"]["tables"] and found["problems"] == []
    assert "No other questionnaire was answered at the same wave" in " ".join(prose(found))
    assert [note for note in tree["meta"]["notes"] if "Short scale: nobody answered it at wave 1" in note]


@pytest.mark.parametrize(("own", "theirs"), [(int, str), (str, int), ("category", str)])
def test_a_measure_meets_the_scale_however_ids_are_typed(
    own: Any, theirs: Any, answers: pd.DataFrame, scale: Instrument
) -> None:
    """7 beside "7" joined nobody: the ratios of the measure came from no answers at all."""
    other = other_answers(answers, scale)
    other = other[other["wave"] == 1]

    def ratios(a: pd.DataFrame, b: pd.DataFrame) -> list[float]:
        made = validate(a, scale, measures=[(b, make_other())], seed=5, topics=("validity",)).to_dict()
        return list(made["sections"]["validity"]["tables"]["htmt"]["htmt"])

    numbers = {name: k for k, name in enumerate(answers["participant"].unique(), start=1)}
    one, two = (t.assign(participant=t["participant"].map(numbers).astype(int)) for t in (answers, other))
    expected = ratios(answers, other)
    turned = ratios(one.astype({"participant": own}), two.astype({"participant": theirs}))
    assert len(expected) == 6 and turned == pytest.approx(expected, rel=1e-9)


def test_a_measure_that_breaks_its_contract_is_refused(answers: pd.DataFrame, scale: Instrument) -> None:
    other = other_answers(answers, scale)
    with pytest.raises(ResponseDataError, match="1 columns of the measure 'short' are absent: 'q3'"):
        validate(answers, scale, topics=("flow",), measures=[(other.drop(columns="q3"), make_other())])
    with pytest.raises(ResponseDataError, match="5 rows of the measure 'short' repeat a participant"):
        validate(
            answers, scale, topics=("flow",), measures=[(pd.concat([other, other.tail(5)]), make_other())]
        )


def test_the_command_reads_measures(tmp_path: Path, answers: pd.DataFrame, scale: Instrument) -> None:
    other = other_answers(answers, scale)
    other.to_csv(tmp_path / "a.csv", index=False)
    data = make_other().model_dump(mode="json", by_alias=True, exclude_none=True)
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    ((read, found),) = read_measures([f"{tmp_path / 'a.csv'}={tmp_path / 'b.yaml'}"])
    assert found.id == "short" and len(read) == len(other)
    with pytest.raises(DefinitionError, match=r"'a\.csv' names no answers and instrument"):
        read_measures(["a.csv"])


@pytest.mark.parametrize("seed", range(3))
def test_the_sign_of_known_groups_does_not_hang_on_the_order_of_rows(
    seed: int, answers: pd.DataFrame, scale: Instrument, sides: dict[str, pd.DataFrame], study: dict[str, Any]
) -> None:
    people = score(answers[answers["wave"] == 1], scale).scores.set_index("participant")["total"]
    role = sides["covariates"].set_index("participant")["role"]
    helpers, others = (people[role.reindex(people.index) == name].dropna() for name in ("helper", "other"))
    within = np.concatenate([helpers - helpers.mean(), others - others.mean()])
    df = len(within) - 2
    factor = np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    g = factor * (helpers.mean() - others.mean()) / np.sqrt((within**2).sum() / df)
    asked = {
        "named": "known groups total by role: helper over other",
        "turned": "known groups total by role, other > helper",
        "silent": "known groups total by role",
        "nobody": "known groups total by role: helper over guest",
        "codes": "known groups total by code",
    }
    plan = make_study(
        study
        | {"hypotheses": [{"id": k, "text": k, "measure": v, "expected": "> 0"} for k, v in asked.items()]}
        | {"baseline": [], "outcome": None}
    )
    covariates = sides["covariates"].sample(frac=1, random_state=seed)[["participant", "role"]]
    covariates["code"] = covariates["role"].map({"helper": 1, "other": 0})
    shuffled = answers.sample(frac=1, random_state=seed)
    found = validate(shuffled, scale, study=plan, seed=5, topics=("validity",), covariates=covariates)
    table = pd.DataFrame(found.to_dict()["sections"]["validity"]["tables"]["hypotheses"]).set_index("id")
    assert table.loc["named", "estimate"] == pytest.approx(g, rel=1e-9)
    assert table.loc["codes", "estimate"] == pytest.approx(g, rel=1e-9)
    assert table.loc["turned", "estimate"] == pytest.approx(-g, rel=1e-9)
    assert table.loc[["silent", "nobody"], "status"].tolist() == ["not evaluated"] * 2
    assert "HIGHER over LOWER" in table.loc["silent", "reason"]
    assert "nobody is in 'guest'" in table.loc["nobody", "reason"]


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], section: dict[str, Any]
) -> None:
    assert unlike("validity", {"validity": section}) == []
