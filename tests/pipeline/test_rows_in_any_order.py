"""No number of a validation hangs on the order in which rows and columns of its tables stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from three_themes import make_scale

from analysis.pipeline import validate
from analysis.pipeline.ordering import by_person, most_answered_first
from analysis.report.view import prose
from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.study import make_study

pytestmark = pytest.mark.usefixtures("few_draws")

TOPICS = ["flow", "reliability", "covariates", "relations"]


def shuffled(table: pd.DataFrame, rng: np.random.Generator, *, columns: bool) -> pd.DataFrame:
    if columns:
        return table[[table.columns[k] for k in rng.permutation(len(table.columns))]]
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True)


def numbers(tree: dict[str, Any]) -> dict[str, Any]:
    """Every value and cell; rows of a table by what stands in its text columns."""
    found: dict[str, Any] = {}
    for name, section in tree["sections"].items():
        found |= {f"{name}.{key}": value for key, value in section["values"].items()}
        for title, table in section["tables"].items():
            rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
            found[f"{name}.{title}"] = sorted(map(repr, rows))
    return found


@pytest.mark.parametrize("columns", [False, True])
def test_shuffled_tables_give_the_same_numbers(
    answers: pd.DataFrame, scale: Instrument, study: dict[str, Any], columns: bool
) -> None:
    """Limits of omega hung on the order of rows, as did HTMT's, parallel analysis, and models of later use."""
    rng = np.random.default_rng(11)
    some = answers[answers["participant"].isin(answers["participant"].unique()[:40])].reset_index(drop=True)
    people = some["participant"].unique()
    beside = {
        "covariates": pd.DataFrame({"participant": people, "site": rng.choice(["a", "b", "c"], len(people))}),
        "outcomes": pd.DataFrame({"participant": people, "mood": rng.normal(size=len(people)).round(2)}),
    }
    given = {name: shuffled(table, rng, columns=columns) for name, table in beside.items()}
    plan = make_study(study)
    one = validate(some, scale, study=plan, seed=5, topics=TOPICS, **beside).to_dict()
    other = validate(
        shuffled(some, rng, columns=columns), scale, study=plan, seed=5, topics=TOPICS, **given
    ).to_dict()
    wanted, found = numbers(one), numbers(other)
    assert len(wanted) > 20
    assert {key: found[key] for key in wanted if found[key] != wanted[key]} == {}
    assert one["meta"]["checksums"]["responses"] != other["meta"]["checksums"]["responses"]


def test_people_stand_by_the_size_of_the_numbers_in_their_ids() -> None:
    ids = ["p10", None, "7", "p9", "007", "a-2-b", "a-10-b", "p9", ""]
    table = pd.DataFrame({"participant": ids, "row": range(len(ids))})
    assert by_person(table)["row"].tolist() == [1, 8, 4, 2, 5, 6, 3, 7, 0]
    numbered = pd.DataFrame({"participant": [10, 9, 10], "row": [0, 1, 2]})
    assert by_person(numbered)["row"].tolist() == [1, 0, 2]
    assert by_person(numbered.iloc[[1, 0]])["participant"].tolist() == [9, 10]


def test_waves_without_an_order_begin_with_the_one_most_people_answered(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    """The wave of the first row in the file was taken: with rows shuffled every number was another."""
    names = {1: "blue", 2: "red"}
    some = answers[answers["wave"].isin(names) & answers["participant"].isin(answers["participant"][:40])]
    some = some.assign(wave=some["wave"].map(names)).reset_index(drop=True)
    some.loc[(some["wave"] == "blue") & (some.index < 3), scale.item_ids] = pd.NA  # rows, and no answers
    late = some.iloc[np.argsort(some["wave"] != "red", kind="stable")].reset_index(drop=True)
    trees = []
    for table in (some, late, shuffled(some, np.random.default_rng(3), columns=False)):
        tree = validate(table, scale, seed=2, topics=["flow", "items"]).to_dict()
        assert tree["meta"]["structure_wave"] == "red"
        assert tree["sections"]["flow"]["tables"]["flow"]["wave"] == ["wave red", "wave blue"]
        assert tree["sections"]["items"]["method"]["n"] == 40
        trees.append(numbers(tree))
    assert trees[0] == trees[1] == trees[2]
    words = " ".join(prose(tree["sections"]["flow"]))
    assert "on wave red, the one that most people answered, so that each person counts once." in words


def test_of_waves_that_equally_many_answered_none_is_called_the_one_most_answered(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    some = answers[answers["wave"] == 1].head(30)
    both = pd.concat([some.assign(wave=name) for name in ("red", "blue")], ignore_index=True)
    tree = validate(both, scale, seed=2, topics=["flow"]).to_dict()
    words = " ".join(prose(tree["sections"]["flow"]))
    assert "on wave blue, the first by its name of those that equally many people answered, so" in words
    assert "most people" not in words


def test_waves_answered_alike_often_stand_by_their_names() -> None:
    table = pd.DataFrame(
        {"wave": ["w10x", "w9y", "w10x", "w9y", "a"], "q": [1, 1, 1, 1, None], "participant": list("aabbc")}
    )
    assert most_answered_first(table, ["q"]) == ("w9y", "w10x", "a")
    assert most_answered_first(table[::-1], ["q"]) == ("w9y", "w10x", "a")


def test_the_first_wave_is_said_to_be_declared_where_others_have_no_place(
    answers: pd.DataFrame, scale: Instrument, study: dict[str, Any]
) -> None:
    """A study declares one wave, the answers hold another: it was said to stand first in the file."""
    some = answers[answers["wave"].isin([1, 2])]
    some = some.assign(wave=some["wave"].map({1: "extra", 2: "2"})).reset_index(drop=True)
    tree = validate(some, scale, study=make_study(study), topics=["flow"]).to_dict()
    assert tree["meta"]["structure_wave"] == "2"
    words = " ".join(prose(tree["sections"]["flow"]))
    assert "the first that the study declares, so that each person counts once" in words


def test_a_covariate_among_the_answers_is_that_of_the_first_wave(
    answers: pd.DataFrame, scale: Instrument, study: dict[str, Any]
) -> None:
    """A value of each wave: of a file with the last wave first, the last was taken."""
    rng = np.random.default_rng(4)
    some = answers[answers["participant"].isin(answers["participant"].unique()[:120])].reset_index(drop=True)
    some = some.assign(mood=rng.normal(size=len(some)).round(3))
    some.loc[(some["wave"] == 1) & some["participant"].isin(some["participant"].unique()[:5]), "mood"] = (
        np.nan
    )
    behind = some.sort_values("wave", ascending=False, kind="stable").reset_index(drop=True)
    plan = make_study(study)
    one, other = (
        validate(table, scale, study=plan, seed=5, topics=["flow", "covariates"]).to_dict()
        for table in (some, behind)
    )
    assert numbers(one) == numbers(other)
    table = one["sections"]["covariates"]["tables"]["covariates"]
    first = some.sort_values("wave", kind="stable").dropna(subset=["mood"]).drop_duplicates("participant")
    assert table["values"][table["covariate"].index("mood")] == first["mood"].nunique()


@pytest.mark.parametrize("kind", ["decimals", "mixed", "category", "text"])
def test_ids_of_answers_of_any_type_meet_those_of_other_tables(
    answers: pd.DataFrame, scale: Instrument, study: dict[str, Any], kind: str
) -> None:
    """Ids that pandas gave decimals were “none of the people who answered”; numbers beside texts ended in an error."""
    rng = np.random.default_rng(2)
    some = answers[answers["participant"].isin(answers["participant"].unique()[:60])].reset_index(drop=True)
    some["participant"] = pd.factorize(some["participant"])[0] + 101
    people = np.arange(101, 161)
    outcomes = pd.DataFrame({"participant": people, "mood": rng.normal(size=60).round(2)})
    theirs = pd.DataFrame({"participant": people, "wave": 1, "z1": rng.integers(1, 6, 60)})
    theirs["z2"] = rng.integers(1, 6, 60)
    items = [{"id": name, "text": f"Words of {name}"} for name in ("z1", "z2")]
    other = make_scale(id="other", title="Other", themes=[{"id": "oth", "title": "Oth", "items": items}])

    def written(table: pd.DataFrame) -> pd.DataFrame:
        table = table.copy()
        ids = table["participant"]
        if kind == "decimals":
            return table.assign(participant=ids.astype(float), wave=table["wave"].astype(float))
        if kind == "mixed":
            mixed = [k if k % 2 else str(k) for k in ids]
            return table.assign(participant=pd.Series(mixed, dtype=object))
        return table.assign(participant=ids.astype(str if kind == "text" else "category"))

    def tree(table: pd.DataFrame, beside: pd.DataFrame) -> dict[str, Any]:
        return validate(
            table,
            scale,
            outcomes=outcomes,
            measures=[(beside, other)],
            study=make_study(study),
            topics=["flow", "scores", "relations", "retest"],
        ).to_dict()

    assert numbers(tree(written(some), written(theirs))) == numbers(tree(some, theirs))


def test_one_person_in_two_types_is_one_person(answers: pd.DataFrame, scale: Instrument) -> None:
    some = answers[answers["participant"].isin(answers["participant"].unique()[:40])].reset_index(drop=True)
    ids = pd.factorize(some["participant"])[0] + 101
    mixed = pd.Series([k if w == 1 else str(k) for k, w in zip(ids, some["wave"], strict=True)], dtype=object)
    found = validate(some.assign(participant=mixed), scale, topics=["flow"]).to_dict()
    assert found["meta"]["participants"] == 40


@pytest.mark.parametrize("name", ["participant", "wave"])
@pytest.mark.parametrize("cell", [None, " "])
def test_rows_without_a_person_or_a_wave_are_refused(
    answers: pd.DataFrame, scale: Instrument, name: str, cell: str | None
) -> None:
    """One row without an id was a person of its own, and rows without a wave were a further wave, `nan`."""
    some = answers[answers["participant"].isin(answers["participant"].unique()[:40])].reset_index(drop=True)
    some[name] = some[name].astype(object).where(some.index != 3, cell)
    with pytest.raises(ResponseDataError, match=rf"1 of {len(some)} rows of answers name no {name}\."):
        validate(some, scale, topics=["flow"])
