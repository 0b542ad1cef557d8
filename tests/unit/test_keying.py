"""A keyed table knows that it is keyed, whatever is done with it, and every function takes either."""

from __future__ import annotations

import io
import pickle
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import analysis
import instrument
from analysis.adherence.latent.latent_adherence import latent_adherence
from analysis.simulation.simulate_study import simulate_study
from instrument.answers import answers_of, numeric_columns
from instrument.errors import ResponseDataError
from instrument.exchange.coding import coded_answers
from instrument.scoring.keying import (
    KEYED,
    AnswerTable,
    _parts_of,
    as_given,
    as_keyed,
    keyed_items,
    keyed_numbers,
    marked,
    turned,
)

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ["a", "b", "c", "d", "e", "f", "g", "h"]
REVERSED = {"c": (1.0, 5.0), "g": (0.0, 3.0)}


def scale_of(**changes: object) -> instrument.Instrument:
    def item(name: str) -> dict[str, object]:
        extra = {"scale": "often" if name in "efgh" else "agree"}
        return {"id": name, "text": f"{name}.", "reverse": name in REVERSED, **extra}

    return instrument.Instrument.model_validate(
        {
            "schema": 1,
            "id": "mini",
            "version": "1",
            "title": "Mini",
            "response_scales": {
                "agree": {"options": {code: f"agree {code}" for code in range(1, 6)}},
                "often": {"options": {code: f"often {code}" for code in range(4)}},
            },
            "scoring": {"total": "none"},
            "themes": [
                {"id": "one", "title": "One", "items": [item(name) for name in "abcd"]},
                {"id": "two", "title": "Two", "role": "context", "items": [item(name) for name in "efgh"]},
            ],
            **changes,
        }
    )


SCALE = scale_of()


def raw(n: int = 200, seed: int = 1, wave: int = 1) -> pd.DataFrame:
    """Answers as given: one factor for each theme, c and g worded against it."""
    rng = np.random.default_rng(seed)
    factors = {"one": rng.normal(size=n), "two": rng.normal(size=n)}
    columns: dict[str, object] = {"participant": [f"p{i}" for i in range(n)], "wave": wave}
    for theme in SCALE.themes:
        for item in theme.items:
            ends = SCALE.scale_of(item.id)
            middle, sign = (ends.minimum + ends.maximum) / 2, -1 if item.reverse else 1
            answers = middle + sign * factors[theme.id] + rng.normal(scale=0.8, size=n)
            columns[item.id] = np.clip(np.round(answers), ends.minimum, ends.maximum).astype(int)
    return pd.DataFrame(columns)


RAW = raw()
CHECKED = instrument.check_responses(RAW, SCALE)
KEYED_TABLE = instrument.reverse_key(CHECKED, SCALE)


def test_an_item_is_turned_by_the_ends_of_its_scale() -> None:
    assert KEYED_TABLE["c"].to_list() == [6 - x for x in RAW["c"]]
    assert KEYED_TABLE["g"].to_list() == [3 - x for x in RAW["g"]]
    assert KEYED_TABLE["a"].to_list() == RAW["a"].to_list()
    assert keyed_items(KEYED_TABLE) == REVERSED
    assert turned(np.array([0.0, np.nan, 3.0]), 0, 3).tolist()[::2] == [3.0, 0.0]


def test_keying_twice_gives_the_answers_back_and_the_table_knows_it() -> None:
    twice = instrument.reverse_key(KEYED_TABLE, SCALE)
    assert twice[ITEMS].to_numpy().tolist() == CHECKED[ITEMS].to_numpy().tolist()
    assert keyed_items(twice) == {} and KEYED not in twice.attrs
    assert twice.attrs.keys() == CHECKED.attrs.keys()
    assert keyed_items(instrument.reverse_key(twice, SCALE)) == REVERSED
    assert keyed_items(CHECKED) == {}
    assert keyed_items(KEYED_TABLE) == REVERSED  # not changed by what was made of it


def parquet(table: pd.DataFrame) -> pd.DataFrame:
    file = io.BytesIO()
    table.to_parquet(file)
    return pd.read_parquet(file)


def read_again(table: pd.DataFrame) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.parquet"
        table.to_parquet(path)
        return instrument.read_responses(path, SCALE)


PEOPLE = pd.DataFrame({"participant": RAW["participant"], "age": np.arange(len(RAW))})

KEPT: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "columns": lambda t: t[["participant", "wave", *ITEMS]],
    "rows": lambda t: t[t["a"] > 2],
    "loc": lambda t: t.loc[t["a"] > 2, :],
    "iloc": lambda t: t.iloc[:50],
    "copy": lambda t: t.copy(),
    "assign": lambda t: t.assign(z=1),
    "astype": lambda t: t.astype(dict.fromkeys(ITEMS, float)),
    "dropna": lambda t: t.dropna(),
    "index": lambda t: t.set_index("participant").reset_index(),
    "sorted": lambda t: t.sort_values("a"),
    "query": lambda t: t.query("a > 2"),
    "group": lambda t: next(part for _, part in t.groupby("wave")),
    "head of groups": lambda t: t.groupby("a").head(3),
    "merge": lambda t: t.merge(PEOPLE, on="participant"),
    "join": lambda t: t.set_index("participant").join(PEOPLE.set_index("participant")).reset_index(),
    "concat of keyed": lambda t: pd.concat([t.iloc[:20], t.iloc[20:]]),
    "concat of columns": lambda t: pd.concat([t, PEOPLE[["age"]]], axis=1),
    "pickle": lambda t: pickle.loads(pickle.dumps(t)),
    "parquet": parquet,
    "parquet twice": lambda t: parquet(parquet(t)),
    "parquet, read and checked": lambda t: read_again(t),
    "checked": lambda t: instrument.check_responses(t, SCALE),
    "sample": lambda t: t.sample(frac=0.5, random_state=1),
    "convert": lambda t: t.convert_dtypes(),
    "mutated": lambda t: (t.insert(0, "z", 1), t)[1],
    "keyed, back, keyed": lambda t: instrument.reverse_key(instrument.reverse_key(t, SCALE), SCALE),
}


@pytest.mark.parametrize("made", KEPT.values(), ids=KEPT)
def test_what_is_made_of_a_keyed_table_knows_it_and_scores_as_the_raw_one(
    made: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    table = made(KEYED_TABLE.copy())
    assert keyed_items(table) == REVERSED
    expected = instrument.score(CHECKED, SCALE, rescale="0-100").scores.set_index("participant")
    found = instrument.score(table, SCALE, rescale="0-100").scores.set_index("participant")
    assert len(found) > 10
    pd.testing.assert_frame_equal(
        found[["one", "two"]],
        expected.loc[list(found.index), ["one", "two"]],
        check_frame_type=False,
        check_index_type=False,
    )


def test_a_part_of_the_items_knows_its_own() -> None:
    assert keyed_items(KEYED_TABLE[["a", "c"]]) == {"c": (1.0, 5.0)}
    assert keyed_items(KEYED_TABLE["c"]) == {"c": (1.0, 5.0)}
    assert keyed_items(KEYED_TABLE[["a", "b"]]) == {}
    assert keyed_items(KEYED_TABLE["a"]) == {}


@pytest.mark.parametrize(
    "together",
    [
        lambda: pd.concat([KEYED_TABLE, RAW.assign(wave=2)]),
        lambda: pd.concat([KEYED_TABLE, CHECKED.assign(wave=2)]),
        lambda: pd.concat([CHECKED.assign(wave=2), KEYED_TABLE]),
        lambda: pd.concat([CHECKED[["c"]], KEYED_TABLE[["a", "c"]]]),
        lambda: KEYED_TABLE.merge(CHECKED[["participant", "c"]], on="participant"),
    ],
)
def test_keyed_and_raw_answers_are_not_put_together(together: Callable[[], pd.DataFrame]) -> None:
    with pytest.raises(instrument.ResponseDataError, match=r"'c'.* keyed here and as given there\.\nHint: "):
        together()


def test_tables_with_different_reasons_stay_keyed_and_keep_them() -> None:
    parts = []
    for wave in (1, 2):
        answers = raw(40, seed=wave, wave=wave).astype(dict.fromkeys(ITEMS, "Int64"))
        answers.loc[wave, "a"] = pd.NA
        parts.append(instrument.reverse_key(instrument.check_responses(answers, SCALE), SCALE))
    both = pd.concat(parts)
    assert keyed_items(both) == REVERSED
    assert instrument.missing_reasons(both)["wave"].to_list() == [1, 2]


def test_a_parquet_file_keeps_why_answers_are_missing() -> None:
    answers = RAW.astype(dict.fromkeys(ITEMS, "Int64"))
    answers.loc[3, "a"] = pd.NA
    answers.attrs["reasons"] = pd.DataFrame(
        {"participant": ["p3"], "wave": [1], "item": ["a"], "reason": ["not_applicable"]}
    )
    checked = instrument.check_responses(answers, SCALE)
    back = parquet(instrument.reverse_key(checked, SCALE))
    pd.testing.assert_frame_equal(instrument.missing_reasons(back), instrument.missing_reasons(checked))
    for table in (back, instrument.check_responses(back, SCALE), read_again(checked)):
        scores = instrument.score(table, SCALE, rescale="0-100").scores
        assert scores.loc[3, ["one_n", "one_applicable"]].to_list() == [3, 3]
        assert analysis.screen(table, SCALE).table.loc[3, "missing_not_applicable"] == 1


def test_a_table_keyed_in_part_is_refused() -> None:
    mixed = CHECKED.assign(c=KEYED_TABLE["c"])
    mixed.attrs[KEYED] = {"c": [1, 5]}
    with pytest.raises(
        instrument.ResponseDataError, match=r"1 of 2 reversed items are turned already: 'c'\."
    ):
        instrument.reverse_key(mixed, SCALE)
    assert as_given(mixed)["c"].to_list() == RAW["c"].to_list()
    assert as_keyed(mixed, SCALE)["g"].to_list() == KEYED_TABLE["g"].to_list()
    assert as_keyed(mixed, SCALE)["c"].to_list() == KEYED_TABLE["c"].to_list()


def test_another_version_of_the_instrument_turns_back_what_it_does_not_reverse() -> None:
    themes = SCALE.model_dump(by_alias=True)["themes"]
    for theme in themes:
        for item in theme["items"]:
            item["reverse"] = item["id"] == "d"
    other = scale_of(themes=themes)
    keyed = as_keyed(KEYED_TABLE, other)
    assert keyed["c"].to_list() == RAW["c"].to_list()
    assert keyed["d"].to_list() == [6 - x for x in RAW["d"]]
    assert keyed_items(keyed) == {"d": (1.0, 5.0)}


def test_keyed_numbers_are_the_same_from_either_table() -> None:
    from_raw, from_keyed = keyed_numbers(RAW, SCALE), keyed_numbers(KEYED_TABLE, SCALE)
    pd.testing.assert_frame_equal(from_raw, from_keyed)
    assert from_raw["c"].to_list() == [6.0 - x for x in RAW["c"]]
    assert all(np.issubdtype(kind, np.floating) for kind in from_raw.dtypes)


EITHER: dict[str, Callable[[pd.DataFrame], object]] = {
    "score": lambda t: instrument.score(t, SCALE, rescale="0-100").to_frame(),
    "screen": lambda t: analysis.screen(t, SCALE).table,
    "htmt": lambda t: analysis.htmt(t, THEMES, draws=20).pairs,
    "compare_theories": lambda t: analysis.compare_theories(t, SCALE, estimator="MLR").table,
    "export": lambda t: coded_answers(t, SCALE, "export"),
}
THEMES = {theme.id: [item.id for item in theme.items] for theme in SCALE.themes}


@pytest.mark.parametrize("call", EITHER.values(), ids=EITHER)
def test_functions_with_an_instrument_give_the_same_from_either(
    call: Callable[[pd.DataFrame], object],
) -> None:
    pd.testing.assert_frame_equal(call(CHECKED), call(KEYED_TABLE), check_frame_type=False)


def test_context_over_time_gives_the_same_from_either() -> None:
    waves = pd.concat([raw(150, seed=3, wave=1), raw(150, seed=4, wave=2)], ignore_index=True)
    found = [
        analysis.context_over_time(table, SCALE, measured_by="scores").paths
        for table in (waves, instrument.reverse_key(waves, SCALE))
    ]
    pd.testing.assert_frame_equal(*found)


def test_validation_gives_the_same_from_either() -> None:
    topics = ("items", "reliability", "scores", "screening")
    trees = [
        analysis.validate(table, SCALE, topics=topics).to_dict()
        for table in (CHECKED, instrument.reverse_key(CHECKED, SCALE))
    ]
    assert trees[0] == trees[1]
    alphas = str(trees[0]["sections"]["reliability"]["values"])
    assert "alpha" in alphas


def test_the_keyed_and_the_raw_frame_score_what_a_hand_gives() -> None:
    row = pd.DataFrame(
        {
            "participant": ["p"],
            "wave": [1],
            **dict(zip(ITEMS, [[5], [4], [1], [3], [3], [2], [0], [1]], strict=True)),
        }
    )
    for table in (row, instrument.reverse_key(row, SCALE)):
        scores = instrument.score(table, SCALE).scores
        assert scores["one"].item() == (5 + 4 + 5 + 3) / 4
        assert scores["two"].item() == (3 + 2 + 3 + 1) / 4


UNKNOWING: dict[str, Callable[[pd.DataFrame], object]] = {
    "score": lambda t: instrument.score(t, SCALE, rescale="0-100"),
    "screen": lambda t: analysis.screen(t, SCALE),
    "compare_theories": lambda t: analysis.compare_theories(t, SCALE, estimator="MLR"),
    "validate": lambda t: analysis.validate(t, SCALE, topics=["items"]),
    "check_responses": lambda t: instrument.check_responses(t, SCALE),
}


@pytest.mark.parametrize("name", UNKNOWING)
def test_a_keyed_frame_that_does_not_say_so_is_warned_of_by_name(name: str) -> None:
    by_hand = RAW.assign(c=6 - RAW["c"], g=3 - RAW["g"])
    with pytest.warns(instrument.ToolkitWarning, match=rf"^{name}: .*'c', 'g'.*reversed before.*\nHint: "):
        UNKNOWING[name](by_hand)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        UNKNOWING[name](RAW)
        UNKNOWING[name](KEYED_TABLE)


def test_turned_by_hand_after_checking_is_seen_too() -> None:
    by_hand = CHECKED.assign(c=6 - CHECKED["c"], g=3 - CHECKED["g"])
    with pytest.warns(instrument.ToolkitWarning, match="reversed before"):
        instrument.score(by_hand, SCALE, rescale="0-100")


def test_the_latent_effect_is_the_same_from_either() -> None:
    data = simulate_study("dta_example", n=200)
    plain = instrument.load("dta")
    definition = plain.model_dump(by_alias=True, exclude_none=True)
    first = definition["themes"][0]["items"][0]
    first["reverse"] = True
    scale = instrument.Instrument.model_validate(definition)
    answers = data.responses
    ends = scale.scale_of(first["id"])
    answers[first["id"]] = turned(answers[first["id"]], ends.minimum, ends.maximum)
    usage = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)
    effects = [
        latent_adherence(
            table, with_scale, usage, data.study, targets=[scale.themes[0].id], adjust_for=[]
        ).effects
        for table, with_scale in (
            (data.responses, plain),
            (answers, scale),
            (instrument.reverse_key(answers, scale), scale),
        )
    ]
    pd.testing.assert_frame_equal(effects[0], effects[1])
    pd.testing.assert_frame_equal(effects[0], effects[2])


def test_an_answer_table_is_a_frame_without_anything_of_its_own() -> None:
    assert isinstance(KEYED_TABLE, pd.DataFrame) and isinstance(CHECKED, AnswerTable)
    assert set(vars(AnswerTable)) & {"score", "key"} == set()


def test_reverse_keying_is_written_once() -> None:
    """No other room computes minimum + maximum − answer, in either order."""
    pattern = re.compile(
        r"(min\w*|low\w*)\s*\+\s*[\w.]*(max\w*|high\w*)\)?\s*-|(max\w*|high\w*)\s*\+\s*[\w.]*(min\w*|low\w*)\)?\s*-"
    )
    found = [
        path.relative_to(ROOT).as_posix()
        for room in ("instrument", "analysis", "dashboard")
        for path in (ROOT / room).rglob("*.py")
        if pattern.search(path.read_text("utf-8"))
    ]
    assert found == ["instrument/scoring/keying.py"]


@pytest.mark.parametrize("names", [("input_objs",), ("objs",), ("left", "right")])
def test_what_pandas_put_together_is_known_in_every_version_of_it(names: tuple[str, ...]) -> None:
    """Older versions say `objs` of a concatenation and `left`, `right` of a join; newer ones `input_objs`."""
    left, right = pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [2]})
    said = {"left": left, "right": right} if len(names) == 2 else {names[0]: [left, right]}
    parts = _parts_of(SimpleNamespace(**said))
    assert len(parts) == 2 and parts[0] is left and parts[1] is right
    assert _parts_of(left) == _parts_of(SimpleNamespace(left=left)) == []


def test_a_turned_column_without_any_answer_has_nothing_to_turn() -> None:
    table = KEYED_TABLE.head(3).copy()
    item = next(iter(keyed_items(table)))
    table[item] = pd.Series([None] * 3, index=table.index, dtype=object)
    back = as_given(table)
    assert item in keyed_items(table) and back[item].isna().all() and not keyed_items(back)


def test_numbers_made_of_a_keyed_table_know_what_is_turned() -> None:
    known = keyed_items(KEYED_TABLE)
    assert len(known) > 1
    for columns in (ITEMS, [next(iter(known)), *(item for item in ITEMS if item not in known)]):
        found = answers_of(KEYED_TABLE[columns], "a test")
        assert keyed_items(found) == {item: known[item] for item in columns if item in known}
        assert keyed_items(numeric_columns(KEYED_TABLE, "a test", columns)) == keyed_items(found)
    assert keyed_items(answers_of(CHECKED[ITEMS], "a test")) == {}


def test_a_column_that_stands_twice_is_refused_by_name() -> None:
    twice = pd.concat([CHECKED[ITEMS], CHECKED[ITEMS[:1]]], axis=1)
    with pytest.raises(ResponseDataError, match=rf"a test: columns appear twice: '{ITEMS[0]}'"):
        answers_of(twice, "a test")


def test_an_empty_part_says_nothing_of_how_the_others_are_keyed() -> None:
    together = pd.concat([CHECKED.head(0), KEYED_TABLE.head(2)])
    assert keyed_items(together) == keyed_items(KEYED_TABLE) != {}


def test_tables_keyed_by_other_ends_are_not_put_together() -> None:
    item, (low, high) = next(iter(keyed_items(KEYED_TABLE).items()))
    other = marked(KEYED_TABLE.tail(5), {**keyed_items(KEYED_TABLE), item: (low, high + 1)})
    with pytest.raises(ResponseDataError, match=f"'{item}' keyed here and as given there"):
        pd.concat([KEYED_TABLE.head(5), other])


def test_ids_put_together_know_of_no_item_that_is_added_later() -> None:
    item = next(iter(keyed_items(KEYED_TABLE)))
    ids = pd.concat(
        [KEYED_TABLE[["participant", "wave"]].head(4), KEYED_TABLE[["participant", "wave"]].tail(4)]
    )
    assert keyed_items(ids.assign(**{item: 1})) == {}


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "dropped, raw again": lambda t: t.drop(columns="c").assign(c=CHECKED["c"]),
    "dropped, keyed again": lambda t: t.drop(columns="c").assign(c=KEYED_TABLE["c"]),
    "deleted, raw again": lambda t: (t.pop("c"), t.insert(2, "c", RAW["c"]), t)[2],
    "deleted, keyed again": lambda t: (t.pop("c"), t.insert(2, "c", KEYED_TABLE["c"]), t)[2],
    "dropped, raw joined": lambda t: t.drop(columns="c").merge(RAW[["participant", "c"]], on="participant"),
    "dropped, raw beside": lambda t: pd.concat([t.drop(columns="c"), RAW[["c"]]], axis=1),
    "dropped, keyed beside": lambda t: pd.concat([t.drop(columns="c"), KEYED_TABLE[["c"]]], axis=1),
    "raw over keyed": lambda t: t.assign(c=CHECKED["c"]),
    "raw numbers over keyed": lambda t: t.assign(c=RAW["c"].to_numpy()),
    "raw of fewer rows over keyed": lambda t: t.iloc[:40].assign(c=CHECKED["c"]),
    "keyed over keyed": lambda t: t.assign(c=KEYED_TABLE["c"].to_numpy().astype(float)),
    "several raw over keyed": lambda t: _set(t, ["c", "g"], RAW[["c", "g"]]),
    "several keyed over raw": lambda t: _set(CHECKED.copy(), ["c", "g"], t[["c", "g"]]),
    "keyed over raw": lambda t: CHECKED.assign(c=t["c"]),
    "there and back": lambda t: t.rename(columns={"c": "x"}).rename(columns={"x": "c"}),
    "prefix and back": lambda t: t.add_prefix("w1_").rename(columns=lambda name: name.removeprefix("w1_")),
    "suffix and back": lambda t: t.set_axis([f"{n}.1" for n in t], axis=1).rename(columns=lambda n: n[:-2]),
    "named where it stands": lambda t: _named(_named(t, "c", "x"), "x", "c"),
    "raw renamed to it": lambda t: t.assign(x=RAW["c"]).drop(columns="c").rename(columns={"x": "c"}),
    "keyed renamed to it": lambda t: t.assign(x=t["c"]).drop(columns="c").rename(columns={"x": "c"}),
    "exchanged and back": lambda t: _exchanged(_exchanged(t)),
    "joined twice": lambda t: _named(t.merge(t[["participant", "c"]], on="participant"), "c_y", "c").drop(
        columns="c_x"
    ),
}
FEWER = {"raw of fewer rows over keyed"}
UNTOLD = {"raw renamed to it", "keyed over keyed"}
"""What pandas has told nobody: a column of another name, numbers without a name."""


def _set(table: pd.DataFrame, names: list[str], values: pd.DataFrame) -> pd.DataFrame:
    table[names] = values
    return table


def _named(table: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    table.columns = [new if name == old else name for name in table.columns]
    return table


def _exchanged(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"c": "a", "a": "c"})


def _scored_alike(made: Callable[[], pd.DataFrame]) -> list[str]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table = made()
        found = instrument.score(table, SCALE, rescale="0-100").scores
    said = [str(one.message) for one in told if "does not say so" in str(one.message)]
    expected = instrument.score(CHECKED, SCALE, rescale="0-100").scores.iloc[: len(found)]
    assert found["one"].to_list() == expected["one"].to_list()
    assert found["two"].to_list() == expected["two"].to_list()
    assert as_given(table)["c"].to_list() == RAW["c"].iloc[: len(table)].to_list()
    return said


@pytest.mark.parametrize("name", CHANGES)
def test_digits_stay_right_whatever_columns_are_taken_away_and_put_back(name: str) -> None:
    said = _scored_alike(lambda: CHANGES[name](KEYED_TABLE.copy()))
    assert len(said) == (name == "raw renamed to it")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(CHANGES.keys() - UNTOLD - FEWER)), min_size=2, max_size=4))
@example(["joined twice", "deleted, raw again", "joined twice"])
def test_digits_stay_right_after_several_changes(names: list[str]) -> None:
    def made() -> pd.DataFrame:
        table: pd.DataFrame = KEYED_TABLE.copy()
        for name in names:
            table = CHANGES[name](table)
        return table

    assert _scored_alike(made) == []


def test_numbers_that_fit_neither_are_warned_of() -> None:
    with pytest.warns(
        instrument.ToolkitWarning, match=r"'c' was keyed .* does not say so and is taken to be keyed"
    ):
        table = KEYED_TABLE.assign(c=[1, 5] * 100)
    assert keyed_items(table) == REVERSED
    with pytest.warns(
        instrument.ToolkitWarning, match=r"'c' was keyed .* does not say so and is taken to be as"
    ):
        table = KEYED_TABLE.drop(columns="c").assign(c=RAW["c"].to_numpy())
    assert keyed_items(table) == {"g": (0.0, 3.0)}
    assert keyed_items(KEYED_TABLE.rename(columns={"c": "a", "a": "c"})) == {"a": (1.0, 5.0), "g": (0.0, 3.0)}
