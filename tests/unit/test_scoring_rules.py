"""Scores by hand: keying, proration, total, what is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.reading.read_responses import check_responses
from instrument.scoring.score import prorated_mean, reverse_key, score


def make(scoring: dict[str, Any] | None = None, **changes: Any) -> Instrument:
    def items(letter: str, n: int, **extra: Any) -> list[dict[str, Any]]:
        return [{"id": f"{letter}{i}", "text": f"{letter}{i}.", **extra} for i in range(1, n + 1)]

    first = items("a", 5)
    first[4]["reverse"] = True
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "mini",
            "version": "2",
            "title": "Mini",
            "response_scales": {
                "five": {"options": {i: f"option {i}" for i in range(1, 6)}},
                "two": {"options": {0: "no", 1: "yes"}},
            },
            "missing_codes": {"skipped": 97, "not_applicable": 98},
            "scoring": scoring or {},
            "themes": [
                {"id": "first", "title": "F", "items": first},
                {"id": "second", "title": "S", "items": items("b", 2)},
                {"id": "around", "title": "C", "role": "context", "items": items("c", 2)},
            ],
            **changes,
        }
    )


SCALE = make()


def answers(*rows: list[Any], scale: Instrument = SCALE) -> pd.DataFrame:
    frame = pd.DataFrame([list(row) for row in rows], columns=scale.item_ids, dtype=object)
    frame.insert(0, "participant", [f"p{i}" for i in range(len(rows))])
    frame.insert(1, "wave", 1)
    return check_responses(frame, scale)


FULL = [1, 2, 3, 4, 5, 2, 4, 5, 5]


def test_theme_means_total_and_counts_by_hand() -> None:
    card = score(answers(FULL), SCALE)
    row = card.scores.iloc[0]
    assert row["first"] == pytest.approx((1 + 2 + 3 + 4 + 1) / 5, abs=1e-15)
    assert row["second"] == 3.0
    assert row["around"] == 5.0
    assert row["total"] == pytest.approx((2.2 + 3.0) / 2, abs=1e-15)
    assert card.scores.columns.to_list() == [
        *("participant", "wave", "first", "second", "around", "total"),
        *("first_n", "first_applicable", "first_does_not_apply"),
        *("second_n", "second_applicable", "second_does_not_apply"),
        *("around_n", "around_applicable", "around_does_not_apply"),
    ]


def test_context_themes_do_not_enter_the_total() -> None:
    low, high = [*FULL[:7], 1, 1], [*FULL[:7], 5, 5]
    scores = score(answers(low, high), SCALE).scores
    assert scores["total"].nunique() == 1
    assert scores["around"].to_list() == [1.0, 5.0]


def test_four_of_five_are_enough_at_eighty_percent_and_three_are_not() -> None:
    scores = score(answers([1, 2, 3, 4, 97, *FULL[5:]], [1, 2, 3, 97, None, *FULL[5:]]), SCALE).scores
    assert scores["first"].to_list() == pytest.approx([2.5, np.nan], nan_ok=True)
    assert scores["first_n"].to_list() == [4, 3]
    assert scores["total"].isna().to_list() == [False, True]


def test_does_not_apply_leaves_the_denominator_and_skipped_does_not() -> None:
    outside = [1, 2, 3, 98, 98, *FULL[5:]]
    skipped = [1, 2, 3, 97, 97, *FULL[5:]]
    mixed = [1, 2, 98, 97, 4, *FULL[5:]]
    scores = score(answers(outside, skipped, mixed), SCALE).scores
    assert scores["first"].to_list() == pytest.approx([2.0, np.nan, np.nan], nan_ok=True)
    assert scores["first_applicable"].to_list() == [3, 5, 4]
    assert scores["first_does_not_apply"].to_list() == pytest.approx([0.4, 0.0, 0.2], abs=1e-15)


def test_a_theme_that_does_not_apply_at_all_has_no_score() -> None:
    row = score(answers([*FULL[:5], 98, 98, 5, 5]), SCALE).scores.iloc[0]
    assert np.isnan(row["second"]) and np.isnan(row["total"])
    assert row["second_applicable"] == 0 and row["second_does_not_apply"] == 1.0


def test_reasons_follow_their_rows_when_the_frame_is_cut_and_turned() -> None:
    frame = answers(FULL, [*FULL[:5], 98, 4, 5, 5], [*FULL[:5], 97, 4, 5, 5])
    turned = score(frame.iloc[[2, 1]], SCALE).scores
    assert turned["second_applicable"].to_list() == [2, 1]
    assert turned["second"].to_list() == pytest.approx([np.nan, 4.0], nan_ok=True)


def test_without_reasons_every_missing_answer_counts_as_applicable_and_the_card_says_so() -> None:
    frame = answers([*FULL[:5], 98, 4, 5, 5])
    frame.attrs.clear()
    card = score(frame, SCALE)
    assert card.scores["second_applicable"].to_list() == [2]
    assert card.notes == ("the answers carry no reasons: every missing answer counts as applicable",)


def test_a_sum_is_the_mean_times_the_number_of_items() -> None:
    scores = score(answers([1, 2, 3, 4, 97, *FULL[5:]]), SCALE, method="sum").scores
    assert scores["first"].to_list() == [12.5]
    assert scores["second"].to_list() == [6.0]
    assert scores["total"].to_list() == [(2.5 + 3.0) / 2]
    # an item that does not apply is counted at the mean of those that do, so that sums stay on one scale
    scores = score(answers([98, 2, 3, 4, 5, *FULL[5:]]), SCALE, method="sum").scores
    assert scores[["first", "first_applicable"]].to_numpy().tolist() == [[5 * (2 + 3 + 4 + 1) / 4, 4]]


def test_zero_to_hundred() -> None:
    scores = score(answers([1] * 4 + [5] + [5] * 4, FULL), SCALE, rescale="0-100").scores
    assert scores["first"].to_list() == pytest.approx([0.0, 30.0], abs=1e-12)
    assert scores["second"].to_list() == [100.0, 50.0]
    assert scores["total"].to_list() == pytest.approx([50.0, 40.0], abs=1e-12)


def test_the_rule_of_the_instrument_holds_unless_one_is_given() -> None:
    scale = make(scoring={"prorate_at": 0.4, "method": "sum"})
    frame = answers([1, 2, None, None, None, *FULL[5:]], scale=scale)
    assert score(frame, scale).scores["first"].to_list() == [7.5]
    assert score(frame, scale).rule.method == "sum"
    other = score(frame, scale, prorate_at=0.6, method="mean")
    assert other.scores["first"].isna().all()
    assert (other.rule.prorate_at, other.rule.method) == (0.6, "mean")


def test_an_item_may_count_for_two_themes() -> None:
    raw = SCALE.model_dump(mode="python", by_alias=True)
    raw["themes"][1]["items"][0]["also_in"] = ["around"]
    scale = Instrument.model_validate(raw)
    assert score(answers(FULL, scale=scale), scale).scores["around"].to_list() == [4.0]


def test_an_instrument_without_total_has_no_total_column() -> None:
    scale = make(scoring={"total": "none"})
    card = score(answers(FULL, scale=scale), scale)
    assert "total" not in card.scores
    assert card.names == ["first", "second", "around"]
    assert "No total." in card.rule.describe()


def unlike() -> Instrument:
    raw = SCALE.model_dump(mode="python", by_alias=True)
    raw["themes"][1]["items"][0]["scale"] = "two"
    return Instrument.model_validate(raw)


def test_items_of_unlike_ranges_are_averaged_only_on_zero_to_hundred() -> None:
    scale = unlike()
    frame = answers([*FULL[:5], 1, 3, 5, 5], scale=scale)
    with pytest.raises(
        DefinitionError, match=r"theme 'second' has items of unlike ranges.*\n.*rescale=\"0-100\""
    ):
        score(frame, scale)
    assert score(frame, scale, rescale="0-100").scores["second"].to_list() == [75.0]


def test_themes_of_unlike_ranges_make_no_total_unless_rescaled() -> None:
    raw = SCALE.model_dump(mode="python", by_alias=True)
    for item in raw["themes"][1]["items"]:
        item["scale"] = "two"
    scale = Instrument.model_validate(raw)
    frame = answers([*FULL[:5], 1, 0, 5, 5], scale=scale)
    with pytest.raises(DefinitionError, match="the themes of the total have items of unlike ranges"):
        score(frame, scale)
    assert score(frame, scale, rescale="0-100").scores["total"].to_list() == pytest.approx([40.0], abs=1e-12)


def test_the_standard_error_of_measurement_uses_the_pooled_variance_within_waves() -> None:
    rows = [[v] * 4 + [6 - v] + [v] * 4 for v in (1, 2, 3, 5, 5, 4)]
    frame = answers(*rows)
    frame["wave"] = [1, 1, 1, 2, 2, 2]
    frame.attrs["reasons"] = frame.attrs["reasons"].iloc[:0]
    card = score(frame, SCALE, reliability={"first": 0.75, "total": 1.0})
    # wave 1: 1, 2, 3 (squares 2); wave 2: 5, 5, 4 (squares 2/3); 4 degrees of freedom
    assert card.sem is not None
    assert card.sem["first"] == pytest.approx(np.sqrt((2 + 2 / 3) / 4 * 0.25), rel=1e-14)
    assert card.sem["total"] == 0.0
    assert card.scores["first_sem"].nunique() == 1
    assert "second_sem" not in card.scores


def test_one_score_gives_no_standard_error_and_the_card_says_so() -> None:
    card = score(answers(FULL), SCALE, reliability={"first": 0.8})
    assert card.sem is not None and np.isnan(card.sem["first"])
    assert card.notes == ("first: too few scores for a standard error of measurement",)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "rescale": ({"rescale": "percent"}, "rescale is None or '0-100', got 'percent'"),
    "method": ({"method": "median"}, "method is 'mean' or 'sum', got 'median'"),
    "prorate zero": ({"prorate_at": 0}, r"prorate_at must be in \(0, 1\], got 0"),
    "prorate percent": ({"prorate_at": 80}, "prorate_at must be in"),
    "prorate NaN": ({"prorate_at": float("nan")}, "prorate_at must be in"),
    "sum on 0-100": ({"method": "sum", "rescale": "0-100"}, "a sum on 0–100 has no meaning"),
    "reliability of nothing": (
        {"reliability": {"third": 0.5}},
        "reliability names 'third', which is no score",
    ),
    "reliability above 1": ({"reliability": {"first": 1.2}}, r"reliability of 'first' is not in \[0, 1\]"),
    "reliability NaN": ({"reliability": {"first": float("nan")}}, r"is not in \[0, 1\]"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_without_meaning_are_refused(case: str) -> None:
    options, message = OPTIONS[case]
    with pytest.raises(DefinitionError, match=message):
        score(answers(FULL), SCALE, **options)


def test_absent_items_are_refused_with_the_version() -> None:
    frame = answers(FULL).drop(columns=["a2", "c1"])
    with pytest.raises(
        ResponseDataError, match=r"2 of 9 item columns of instrument 'mini' 2 are absent: 'a2', 'c1'"
    ):
        score(frame, SCALE)


@pytest.mark.parametrize("value", [0, 6, 97, 2.5, np.inf])
def test_cells_that_are_no_code_are_refused_and_not_shown(value: float) -> None:
    frame = answers(FULL, FULL).assign(a1=[1.0, value])
    with pytest.raises(
        ResponseDataError, match=r"1 cell in 1 column with no code of the item: 'a1'"
    ) as caught:
        score(frame, SCALE)
    assert str(value) not in str(caught.value).replace("'mini' 2", "").replace("a1", "")


def test_text_columns_are_refused() -> None:
    with pytest.raises(ResponseDataError, match="column 'a1' is used twice or holds no numbers"):
        score(answers(FULL).assign(a1="1"), SCALE)


def test_two_rows_of_one_administration_are_refused() -> None:
    frame = answers(FULL, FULL).assign(participant="p")
    with pytest.raises(
        ResponseDataError, match=r"participant × wave is not unique: 2 rows share one \(rows 1, 2\)"
    ):
        score(frame, SCALE)


def test_items_alone_are_scored_with_assumed_rows_and_wave() -> None:
    card = score(answers(FULL, FULL)[SCALE.item_ids], SCALE)
    assert card.scores["participant"].to_list() == ["1", "2"]
    assert card.scores["wave"].to_list() == [1, 1]
    assert len(card.notes) == 2


@pytest.mark.parametrize("name", ["first_n", "wave", "participant", "total", "total_sem"])
def test_a_theme_named_like_a_made_column_is_refused(name: str) -> None:
    raw = SCALE.model_dump(mode="python", by_alias=True)
    raw["themes"][1]["id"] = name
    scale = Instrument.model_validate(raw)
    with pytest.raises(DefinitionError, match=f"theme id '{name}' is also the name of a column"):
        score(answers(FULL, scale=scale), scale)


def test_the_rule_is_recorded_and_everything_is_plain_data() -> None:
    card = score(answers(FULL, [None] * 9), SCALE, reliability={"first": 0.9})
    plain = json.loads(json.dumps(card.to_dict(), allow_nan=False))
    assert plain["scores"]["first"][1] is None
    assert plain["rule"]["content_hash"] == SCALE.content_hash
    assert plain["rule"]["prorate_at"] == 0.8
    assert plain["rule"]["reversed_items"] == ["a5"]
    assert plain["rule"]["total_themes"] == ["first", "second"]
    assert plain["reliability"] == {"first": 0.9}


def test_the_summary_counts_prorated_scores_and_states_the_rule() -> None:
    card = score(answers(FULL, [1, 2, 3, 4, 97, *FULL[5:]], [98, 2, 3, 4, 1, *FULL[5:]]), SCALE)
    described = card.describe()
    assert described.loc["first", ["n", "missing", "prorated"]].to_list() == [3, 0, 1]
    assert described.loc["first", "does_not_apply"] == pytest.approx(1 / 15, rel=1e-14)
    text = card.summary()
    assert "when at least 80% of the applicable items are answered" in text
    assert "mean of the theme means of first, second, all required" in text


def test_the_card_does_not_share_its_table() -> None:
    card = score(answers(FULL), SCALE)
    taken = card.to_frame()
    taken.loc[0, "first"] = 99.0
    assert card.scores.loc[0, "first"] != 99.0


def test_reverse_key_recodes_marked_items_only() -> None:
    frame = answers(FULL)
    keyed = reverse_key(frame, SCALE)
    assert keyed["a5"].to_list() == [1]
    assert keyed["a5"].dtype == "Int64"
    pd.testing.assert_frame_equal(keyed.drop(columns="a5"), frame.drop(columns="a5"))


def test_reverse_key_passes_over_absent_items_but_needs_one() -> None:
    assert reverse_key(pd.DataFrame({"a5": [2], "x": [1]}), SCALE)["a5"].to_list() == [4]
    with pytest.raises(ResponseDataError, match="reverse_key: none of the 9 item columns"):
        reverse_key(pd.DataFrame({"x": [1]}), SCALE)


def test_eighty_percent_of_five_is_four_whatever_the_rounding() -> None:
    values = np.array([[1.0] * k + [np.nan] * (10 - k) for k in range(11)])
    for share in np.arange(0.1, 1.01, 0.1):
        mean, _, _ = prorated_mean(values, np.ones(values.shape, dtype=bool), float(share))
        assert int((~np.isnan(mean)).argmax()) == round(share * 10)


def test_the_shipped_instrument_is_scored_on_its_five_themes() -> None:
    scale = instrument.load("dta")
    frame = pd.DataFrame({item: [scale.scale_of(item).maximum] for item in scale.item_ids})
    scores = score(check_responses(frame, scale), scale, rescale="0-100").scores
    assert (scores[[theme.id for theme in scale.themes]] == 100).all().all()
    assert scores["total"].to_list() == [100.0]
    assert score(check_responses(frame, scale), scale).rule.total_themes == tuple(scale.dimension_themes)


def _three_themes(ends=(1, 9)):
    """Themes of three, four and seven items, the last with its own ends."""
    sizes = {"a": (3, (1, 9)), "b": (4, (1, 9)), "c": (7, ends)}
    scales = {
        f"s{t}": {"options": {k: f"o{k}" for k in range(e[0], e[1] + 1)}} for t, (_, e) in sizes.items()
    }
    themes = [
        {
            "id": t,
            "title": t.upper(),
            "items": [{"id": f"{t}{k}", "text": f"{t}{k}.", "scale": f"s{t}"} for k in range(n)],
        }
        for t, (n, _) in sizes.items()
    ]
    body = {"schema": 1, "id": "ties", "version": "1", "title": "Ties", "response_scales": scales}
    return instrument.Instrument.model_validate({**body, "scoring": {"prorate_at": 0.5}, "themes": themes})


def _answers_and_fractions(scale, n=4000):
    draws = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            item: draws.integers(scale.scale_of(item).minimum, scale.scale_of(item).maximum + 1, n)
            for item in scale.item_ids
        }
    ).astype("Int64")
    frame = frame.mask(pd.DataFrame(draws.random(frame.shape) < 0.15, columns=frame.columns))
    means = []
    for theme in scale.themes:
        items = [item.id for item in theme.items]
        rows = frame[items].to_numpy(dtype=object, na_value=None)
        ends = scale.scale_of(items[0])
        means.append(
            [
                (Fraction(sum(int(v) for v in row if v is not None), sum(v is not None for v in row)), ends)
                if 2 * sum(v is not None for v in row) >= len(items)
                else None
                for row in rows
            ]
        )
    frame.insert(0, "participant", [f"p{k}" for k in range(n)])
    frame.insert(1, "wave", 1)
    return frame, list(zip(*means, strict=True))


def test_equal_totals_are_equal_numbers():
    scale = _three_themes()
    frame, themes = _answers_and_fractions(scale)
    exact = [None if None in row else sum(mean for mean, _ in row) / 3 for row in themes]
    total = score(frame, scale).scores["total"]
    assert total.isna().tolist() == [value is None for value in exact]
    assert [value for value in total if value == value] == [float(v) for v in exact if v is not None]
    assert total.nunique() == len({v for v in exact if v is not None})


def test_equal_percentages_of_unlike_scales_are_equal_numbers():
    scale = _three_themes(ends=(0, 6))
    frame, themes = _answers_and_fractions(scale)
    exact = [
        None
        if None in row
        else sum(100 * (mean - e.minimum) / (e.maximum - e.minimum) for mean, e in row) / 3
        for row in themes
    ]
    total = score(frame, scale, rescale="0-100").scores["total"]
    assert [value for value in total if value == value] == [float(v) for v in exact if v is not None]


def test_sums_of_whole_answers_are_whole():
    scale = _three_themes()
    frame, _ = _answers_and_fractions(scale)
    card = score(frame, scale, method="sum").scores
    whole = card.loc[card["c_n"] == 7, "c"]
    assert len(whole) > 500
    assert (whole == whole.round()).all()


def drawn(people: int, seed: int) -> pd.DataFrame:
    """People at two waves, a third of their answers missing for one reason or another."""
    scale = make(missing_codes={"skipped": 97, "not_applicable": 98, "declined": 96, "not_seen": 99})
    draw = np.random.default_rng(seed)
    codes = draw.choice(
        [1, 2, 3, 4, 5, 96, 97, 98, 99], (2 * people, 9), p=[0.13] * 5 + [0.05, 0.05, 0.2, 0.05]
    )
    frame = pd.DataFrame(codes, columns=scale.item_ids)
    frame.insert(0, "participant", np.repeat([f"p{k}" for k in range(people)], 2))
    frame.insert(1, "wave", [1, 2] * people)
    return check_responses(frame, scale)


def test_what_does_not_apply_to_one_row_is_nothing_to_any_other() -> None:
    """Each row is scored alone, cell by cell; any choice and order of rows gives the same, reasons of others beside."""
    scale, table = SCALE, drawn(20, 3)
    reasons = table.attrs["reasons"].set_index(["participant", "wave", "item"])["reason"]
    wanted: dict[tuple[str, int], list[float]] = {}
    for row in table.to_dict("records"):
        scores = []
        for items in (scale.theme_items("first"), scale.theme_items("second")):
            place = (row["participant"], row["wave"])
            applies = [item for item in items if reasons.get((*place, item)) != "not_applicable"]
            said = [6 - row[item] if item == "a5" else row[item] for item in applies if pd.notna(row[item])]
            enough = bool(said) and Fraction(len(said), len(applies)) >= Fraction(4, 5)
            scores.append(float(sum(said)) / len(said) if enough else float("nan"))
        wanted[row["participant"], row["wave"]] = scores
    assert {len(set(np.isnan(both))) for both in wanted.values()} == {1, 2}
    draw = np.random.default_rng(1)
    for part in (table, table.iloc[::-1], *(table.iloc[draw.permutation(40)[:n]] for n in (1, 7, 30))):
        card = score(part, scale).scores
        places = list(zip(card["participant"], card["wave"], strict=True))
        np.testing.assert_allclose(card[["first", "second"]], [wanted[place] for place in places])
        absent = [
            sum(reasons.get((*place, item)) == "not_applicable" for item in scale.theme_items("first"))
            for place in places
        ]
        np.testing.assert_allclose(card["first_does_not_apply"] * 5, absent, atol=1e-9)


def test_an_answer_that_is_there_applies_whatever_is_said_of_it() -> None:
    values = np.array([[1.0, 3.0, np.nan, np.nan]])
    mean, answered, applies = prorated_mean(values, np.array([[False, False, True, True]]), 0.5)
    assert (mean.tolist(), answered.tolist(), applies.tolist()) == ([2.0], [2], [4])
    mean, *_ = prorated_mean(values, np.array([[False, False, True, True]]), 0.51)
    assert np.isnan(mean).all()


def test_scores_are_described_by_hand() -> None:
    """Four people: whole, prorated, too little answered, and one to whom an item does not apply."""
    rows = ([1, 2, 3, 4, 5], [1, 2, 3, 4, 97], [1, 2, 97, 97, 97], [98, 2, 3, 4, 5])
    card = score(answers(*([*row, *FULL[5:]] for row in rows)), SCALE, reliability={"first": 0.75})
    found = card.describe().loc["first"]
    means = np.array([11 / 5, 10 / 4, 10 / 4])
    assert (found["n"], found["missing"], found["prorated"]) == (3, 1, 1)
    assert (found["minimum"], found["maximum"]) == (2.2, 2.5)
    assert found["mean"] == pytest.approx(means.mean())
    assert found["sd"] == pytest.approx(np.sqrt(((means - means.mean()) ** 2).sum() / 2))
    assert found["does_not_apply"] == pytest.approx((0 + 0 + 0 + 1 / 5) / 4)
    assert found["sem"] == pytest.approx(found["sd"] / 2)
    total = card.describe().loc["total"]
    assert (total["n"], total["missing"]) == (3, 1)
    assert all(pd.isna(total[name]) for name in ("prorated", "does_not_apply", "sem"))
    said = card.summary(3)
    assert "0.050" in said and f"{found['sd']:.3f}" in said
    assert "when at least 80% of the applicable items are answered" in said
    assert "Reversed before: a5." in said and "each item put on" not in said
    assert card.rule.describe().endswith("Instrument mini 2.")
    bare = score(answers(FULL), make({"total": "none"})).names
    assert bare == ["first", "second", "around"]
    percent = score(answers(FULL), SCALE, rescale="0-100").rule.describe({"first": "One", "second": "Two"})
    assert ", each item put on 0–100 first, when at least" in percent
    assert "Total: mean of the theme means of One, Two, all required." in percent
    plain = make()
    plain = plain.model_copy(update={"themes": plain.themes[1:]})
    assert "Reversed before: no item." in score(answers(FULL[5:], scale=plain), plain).rule.describe()
