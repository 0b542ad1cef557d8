"""Screening: indices on known patterns, flags by named rules, nothing deleted, bad tables refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.common import rules
from analysis.common.rules import Rule, rule_table
from analysis.reliability.inputs import pairwise_covariance
from analysis.screening import kernels
from analysis.screening.screen import screen
from instrument.definition import Instrument
from instrument.errors import ResponseDataError

THEMES, PER_THEME = 6, 4


def scale(themes: int = THEMES, reverse: tuple[str, ...] = ()) -> Instrument:
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "made_up",
            "version": "1",
            "title": "Made up",
            "response_scales": {"agree": {"options": {1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}}},
            "themes": [
                {
                    "id": f"t{t}",
                    "title": f"T{t}",
                    "items": [
                        {"id": f"x{t}{i}", "text": "Text.", "reverse": f"x{t}{i}" in reverse}
                        for i in range(PER_THEME)
                    ],
                }
                for t in range(themes)
            ],
        }
    )


def responses(n: int = 150, themes: int = THEMES, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = np.repeat(rng.standard_normal((n, themes)), PER_THEME, axis=1)
    raw = np.clip(np.round(3 + latent + 0.6 * rng.standard_normal(latent.shape)), 1, 5)
    frame = pd.DataFrame(raw, columns=scale(themes).item_ids).astype("Int64")
    frame.insert(0, "participant", [f"p{i}" for i in range(n)])
    frame.insert(1, "wave", 1)
    return frame


def test_a_straight_line_is_flagged_twice_and_kept() -> None:
    frame = responses()
    frame.loc[7, scale().item_ids] = 4
    result = screen(frame, scale())
    row = result.table.loc[7]
    assert (row["longstring"], row["irv"]) == (THEMES * PER_THEME, 0)
    assert row["flag_longstring"] and row["flag_irv"] and row["flagged"]
    assert np.isnan(row["even_odd"])
    assert len(result.table) == len(frame) == result.n_administrations
    assert len(result.without_flagged(frame)) == len(frame) - result.n_flagged
    assert 7 not in result.without_flagged(frame).index


def test_random_answers_lie_far_out_and_are_inconsistent() -> None:
    frame = responses(400)
    rng = np.random.default_rng(1)
    random = range(20)
    frame.loc[list(random), scale().item_ids] = rng.choice([1, 5], (20, THEMES * PER_THEME))
    table = screen(frame, scale()).table
    assert table.loc[list(random), "flag_mahalanobis"].mean() > 0.8
    assert table.loc[20:, "flag_mahalanobis"].mean() < 0.02
    assert table.loc[list(random), "even_odd"].mean() < 0.4 < table.loc[20:, "even_odd"].mean()


def test_reversal_changes_the_even_odd_index_only() -> None:
    frame, reverse = responses(), ("x01", "x12", "x23")
    turned = frame.copy()
    turned[list(reverse)] = 6 - turned[list(reverse)]
    plain, keyed = screen(frame, scale()).table, screen(turned, scale(reverse=reverse)).table
    np.testing.assert_allclose(plain["even_odd"], keyed["even_odd"], atol=1e-12)
    np.testing.assert_allclose(plain["mahalanobis"], keyed["mahalanobis"], rtol=1e-9)
    assert not np.allclose(plain["irv"], keyed["irv"])


def test_missing_answers_are_counted_by_reason() -> None:
    frame = responses(40)
    frame.loc[0, ["x00", "x01"]] = pd.NA
    frame.loc[1, scale().item_ids] = pd.NA
    frame.attrs["reasons"] = pd.DataFrame(
        {
            "participant": ["p0", *["p1"] * 24],
            "wave": 1,
            "item": ["x00", *scale().item_ids],
            "reason": ["skipped", *["not_seen"] * 24],
        }
    )
    result = screen(frame, scale())
    first, second = result.table.loc[0], result.table.loc[1]
    assert (first["missing_skipped"], first["missing_unstated"], first["n_asked"]) == (1, 1, 24)
    assert first["missing_share"] == pytest.approx(2 / 24)
    assert (second["n_asked"], second["missing_not_seen"]) == (0, 24)
    assert np.isnan(second["missing_share"]) and np.isnan(second["mahalanobis"])
    assert not second["flagged"]
    assert result.missing_items.loc["x00", "n_asked"] == 39
    assert result.missing_items.loc["x00", "missing_skipped"] == 1
    assert frame.attrs["reasons"] is not None


def test_copies_between_people_are_flagged_but_not_of_one_person() -> None:
    frame = responses(60)
    items = scale().item_ids
    frame.loc[3, items] = frame.loc[9, items]
    again = frame.loc[[5]].assign(wave=2)
    table = screen(pd.concat([frame, again], ignore_index=True), scale()).table
    assert table.loc[table["flag_copy"], "participant"].tolist() == ["p3", "p9"]


def test_the_same_answer_to_everything_makes_nobody_a_copy() -> None:
    frame = responses(60)
    frame.loc[[3, 9], scale().item_ids] = 4
    assert not screen(frame, scale()).table["flag_copy"].any()


def test_as_many_people_as_items_give_no_distance() -> None:
    """With gaps the pairwise covariances of four answers to four items can still be positive definite."""
    gap = np.nan
    few = np.array([[1, gap, 3, gap], [4, 2, gap, gap], [2, 5, 4, 4], [3, 4, 5, 3]])
    assert np.linalg.eigvalsh(pairwise_covariance(few))[0] > 1e-5
    assert kernels.mahalanobis_distances(few) is None


def test_distances_are_within_waves_and_say_when_they_cannot_be() -> None:
    frame = pd.concat([responses(150), responses(10, seed=9).assign(wave=2)], ignore_index=True)
    result = screen(frame, scale())
    alone = screen(responses(150), scale())
    np.testing.assert_allclose(result.table["mahalanobis"][:150], alone.table["mahalanobis"], atol=1e-10)
    assert result.table["mahalanobis"][150:].isna().all()
    assert any("wave 2" in note and "10 administrations" in note for note in result.notes)
    assert result.flags.loc["mahalanobis", "n_judged"] == 150


def test_times_are_joined_by_participant_and_wave() -> None:
    frame = responses(30)
    times = frame[["participant", "wave"]].assign(seconds=240).iloc[::-1].iloc[:-1]
    times.loc[times["participant"] == "p4", "seconds"] = 24
    result = screen(frame, scale(), times=times)
    assert result.table.loc[result.table["flag_time"], "participant"].tolist() == ["p4"]
    assert result.table.loc[4, "seconds_per_item"] == 1
    assert result.flags.loc["time", "n_judged"] == 29
    column = screen(frame.assign(seconds=24), scale())
    assert column.table["flag_time"].all()
    assert any("no seconds" in note for note in screen(frame, scale()).notes)


def test_an_item_called_seconds_is_no_time() -> None:
    """Answers 1 to 5 to an item `seconds` were read as seconds: everybody was too fast."""
    plain = responses(30)
    first = scale().item_ids[0]
    renamed = scale().model_dump_json(by_alias=True).replace(f'"{first}"', '"seconds"')
    found = screen(plain.rename(columns={first: "seconds"}), Instrument.model_validate_json(renamed))
    assert found.flags.loc["time", "n_judged"] == 0
    assert found.table["n_flags"].tolist() == screen(plain, scale()).table["n_flags"].tolist()


@pytest.mark.parametrize("written", [str, float, "category", "Int64"])
def test_times_are_joined_however_waves_and_people_are_typed(written: Any) -> None:
    """A file of times gives waves as text, answers as numbers: that ended in an error of pandas."""
    frame = responses(30).assign(participant=range(30))
    times = frame[["participant", "wave"]].assign(seconds=240)
    times.loc[3, "seconds"] = 24
    expected = screen(frame, scale(), times=times).table["seconds_per_item"].tolist()
    turned = times.astype({"participant": written, "wave": written}).iloc[::-1]
    assert screen(frame, scale(), times=turned).table["seconds_per_item"].tolist() == expected
    with pytest.raises(ResponseDataError, match="no row of times belongs to an administration"):
        screen(frame, scale(), times=times.assign(wave=7))


def test_seconds_belong_to_a_wave_and_are_shared_among_the_items_asked() -> None:
    """24 items in 240 seconds are 10 each though 12 were skipped; 12 items that were not seen make it 20."""
    frame = pd.concat([responses(3), responses(3, seed=9).assign(wave=2)], ignore_index=True)
    half = scale().item_ids[:12]
    frame.loc[[0, 1], half] = pd.NA
    frame.attrs["reasons"] = pd.DataFrame(
        [("p0", 1, item, "skipped") for item in half] + [("p1", 1, item, "not_seen") for item in half],
        columns=["participant", "wave", "item", "reason"],
    )
    told = frame.attrs["reasons"]
    times = frame[["participant", "wave"]].assign(seconds=[240, 240, 240, 480, 480, 480])
    times.attrs = {}
    frame.attrs["reasons"] = pd.concat([told, told.head(3)])  # said twice, counted once
    found = screen(frame, scale(), times=times)
    assert found.table["seconds_per_item"].tolist() == [10, 20, 10, 20, 20, 20]
    assert (found.n_administrations, found.n_participants) == (6, 3)
    assert found.table["missing_skipped"].tolist() == [12, 0, 0, 0, 0, 0]


def test_a_careless_wave_goes_and_the_other_waves_of_its_person_stay() -> None:
    frame = pd.concat([responses(), responses(seed=9).assign(wave=2)], ignore_index=True)
    frame.loc[7, scale().item_ids] = 4
    kept = screen(frame, scale()).without_flagged(frame)
    assert 7 not in kept.index and 157 in kept.index
    assert frame["participant"][7] == frame["participant"][157]


def test_themes_of_one_item_have_no_halves() -> None:
    raw = scale(3).model_dump(mode="json", by_alias=True)
    raw["themes"][2]["items"] = raw["themes"][2]["items"][:1]
    shorter = Instrument.model_validate(raw)
    result = screen(responses(60, themes=3), shorter)
    assert any("it needs 3 themes of two items or more, not 2" in note for note in result.notes)


def test_few_themes_have_no_even_odd_index() -> None:
    result = screen(responses(60, themes=2), scale(2))
    assert result.table["even_odd"].isna().all()
    assert any("Even-odd consistency is not computed: it needs 3 themes" in note for note in result.notes)


def test_number_of_flags_needed_can_be_chosen() -> None:
    frame = responses().assign(seconds=1)
    assert screen(frame, scale(), least_flags=1).n_flagged == len(frame)
    assert screen(frame, scale(), least_flags=6).n_flagged == 0


def test_order_of_rows_does_not_matter() -> None:
    frame = responses()
    one = screen(frame, scale()).table.set_index("participant")
    other = screen(frame.sample(frac=1, random_state=3), scale()).table.set_index("participant")
    pd.testing.assert_frame_equal(one, other.loc[one.index], rtol=1e-9)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            responses().drop(columns=["x00", "wave"]),
            r"item columns of instrument 'made_up'.* are absent: 'x00'",
        ),
        (responses().iloc[:0], "0 administrations"),
        (responses().astype({"x01": str}), "column 'x01' is used twice or holds no numbers"),
        (pd.concat([responses(), responses()]), "150 of 300 rows repeat"),
        (responses().assign(seconds=-1), "150 times are negative"),
    ],
)
def test_unusable_tables_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        screen(frame, scale())


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (pd.DataFrame({"participant": ["p1"], "wave": [1]}), "no column 'seconds'"),
        (
            pd.DataFrame({"participant": ["p1"] * 2, "wave": [1] * 2, "seconds": [9, 9]}),
            "1 rows of times repeat",
        ),
    ],
)
def test_unusable_times_are_refused(times: pd.DataFrame, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        screen(responses(), scale(), times=times)


def run_lengths(row: list[Any]) -> list[int]:
    lengths, before = [], object()
    for answer in row:
        if answer is None:
            before = object()
        elif answer == before:
            lengths[-1] += 1
        else:
            lengths.append(1)
            before = answer
    return lengths


def test_runs_agree_with_counting_by_hand() -> None:
    rng = np.random.default_rng(2)
    answers = rng.choice([1.0, 2.0, np.nan], (300, 12))
    found = kernels.runs_of_identical_answers(answers)
    for row, longest, average in zip(answers, found.longest, found.average, strict=True):
        lengths = run_lengths([None if np.isnan(x) else x for x in row])
        assert longest == max(lengths, default=0)
        assert average == pytest.approx(np.mean(lengths)) if lengths else np.isnan(average)


def test_distance_over_answered_items_is_that_of_the_smaller_table() -> None:
    rng = np.random.default_rng(3)
    answers = rng.standard_normal((80, 3)) @ rng.standard_normal((3, 3))
    whole = kernels.mahalanobis_distances(answers)
    pair = kernels.mahalanobis_distances(answers[:, :2])
    assert whole is not None and pair is not None
    centre, covariance = answers.mean(axis=0), np.cov(answers.T)
    direct = [(row - centre) @ np.linalg.inv(covariance) @ (row - centre) for row in answers]
    np.testing.assert_allclose(whole.squared, direct, rtol=1e-9)
    assert np.mean(whole.pvalue) == pytest.approx(0.5, abs=0.1)
    assert pair.df.tolist() == [2] * 80
    assert whole.squared.mean() == pytest.approx(3 * 79 / 80)


def test_rules_name_their_source_and_nan_passes_none() -> None:
    table = rule_table()
    assert table["name"].is_unique
    assert table["source"].str.contains("doi:|Handbook").all()  # a report of an institute has none
    assert all(not rule.holds(float("nan")) for rule in vars(rules).values() if isinstance(rule, Rule))


def test_plain_tables_in_attrs_change_nothing_and_stop_nothing() -> None:
    """Reasons as a plain data frame, beside times that carry some too: pandas cannot compare such attrs."""
    made = scale()
    rng = np.random.default_rng(4)
    answers = pd.DataFrame(rng.integers(1, 6, (40, len(made.item_ids))).astype(float), columns=made.item_ids)
    answers.insert(0, "participant", [f"p{k}" for k in range(40)])
    answers.insert(1, "wave", 1)
    answers.loc[3, made.item_ids[5]] = np.nan
    times = answers[["participant", "wave"]].assign(seconds=rng.uniform(20, 200, 40))
    known = screen(answers, made, times=times)
    told = pd.DataFrame(
        {"participant": ["p3"], "wave": [1], "item": [made.item_ids[5]], "reason": ["skipped"]}
    )
    answers.attrs["reasons"], times.attrs["reasons"] = told, told.copy()
    found = screen(answers, made, times=times)
    assert known.missing_items["missing_unstated"].sum() > 0
    assert found.missing_items["missing_skipped"].sum() == known.missing_items["missing_unstated"].sum()
    renamed = known.table.rename(columns={"missing_unstated": "missing_skipped"})
    pd.testing.assert_frame_equal(found.table, renamed)
    assert answers.attrs["reasons"] is told
