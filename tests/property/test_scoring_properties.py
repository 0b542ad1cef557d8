"""What holds for every table of answers and every Likert scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.definition import Instrument
from instrument.reading.read_responses import check_responses
from instrument.scoring.score import reverse_key, score

MISSING = {"skipped": 97, "not_applicable": 98}


@st.composite
def scales(draw: st.DrawFn) -> Instrument:
    """Two or three themes on one scale of 2–11 options that begins anywhere."""
    n_options, low = draw(st.integers(2, 11)), draw(st.integers(-3, 5))
    themes = []
    for t in range(draw(st.integers(2, 3))):
        flags = draw(st.lists(st.booleans(), min_size=1, max_size=5))
        items = [{"id": f"i{t}_{k}", "text": "T.", "reverse": flag} for k, flag in enumerate(flags)]
        themes.append({"id": f"t{t}", "title": "T", "items": items})
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "any",
            "version": "1",
            "title": "Any",
            "response_scales": {"s": {"options": {low + i: f"o{i}" for i in range(n_options)}}},
            "missing_codes": MISSING,
            "themes": themes,
        }
    )


@st.composite
def studies(draw: st.DrawFn) -> tuple[Instrument, pd.DataFrame]:
    scale = draw(scales())
    n = draw(st.integers(1, 8))
    cell = st.sampled_from([*scale.scale_of(scale.item_ids[0]).codes, 97, 98])
    columns = {item: draw(st.lists(cell, min_size=n, max_size=n)) for item in scale.item_ids}
    frame = pd.DataFrame({"participant": [f"p{i}" for i in range(n)], "wave": 1} | columns)
    return scale, check_responses(frame, scale)


def themes_of(scale: Instrument) -> list[str]:
    return [theme.id for theme in scale.themes]


@given(study=studies())
@settings(max_examples=60, deadline=None)
def test_reversing_twice_changes_no_score(study: tuple[Instrument, pd.DataFrame]) -> None:
    scale, frame = study
    twice = reverse_key(reverse_key(frame, scale), scale)
    pd.testing.assert_frame_equal(twice, frame)
    pd.testing.assert_frame_equal(score(twice, scale).scores, score(frame, scale).scores)


@given(study=studies(), share=st.floats(0.05, 1.0))
@settings(max_examples=60, deadline=None)
def test_scores_stay_within_the_scale(study: tuple[Instrument, pd.DataFrame], share: float) -> None:
    scale, frame = study
    ends = scale.scale_of(scale.item_ids[0])
    # Means of whole numbers: a few units in the last place.
    for rescale, low, high in ((None, ends.minimum, ends.maximum), ("0-100", 0, 100)):
        scores = score(frame, scale, rescale=rescale, prorate_at=share).scores  # type: ignore[arg-type]
        values = scores[[*themes_of(scale), "total"]].to_numpy()
        values = values[~np.isnan(values)]
        assert ((values >= low - 1e-9) & (values <= high + 1e-9)).all()
    sums = score(frame, scale, method="sum", prorate_at=share).scores
    for theme in scale.themes:
        present = sums[theme.id].dropna()
        k = len(theme.items)
        assert ((present >= k * ends.minimum - 1e-9) & (present <= k * ends.maximum + 1e-9)).all()


@given(study=studies(), seed=st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_and_columns_does_not_matter(
    study: tuple[Instrument, pd.DataFrame], seed: int
) -> None:
    scale, frame = study
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(frame)), rng.permutation(frame.shape[1])
    one = score(frame, scale).scores.iloc[rows].reset_index(drop=True)
    other = score(frame.iloc[rows, columns], scale).scores
    pd.testing.assert_frame_equal(one, other)


@given(study=studies())
@settings(max_examples=40, deadline=None)
def test_a_score_depends_on_its_own_row_only(study: tuple[Instrument, pd.DataFrame]) -> None:
    scale, frame = study
    whole = score(frame, scale).scores
    alone = pd.concat([score(frame.iloc[[i]], scale).scores for i in range(len(frame))], ignore_index=True)
    pd.testing.assert_frame_equal(whole, alone)


@given(study=studies())
@settings(max_examples=40, deadline=None)
def test_zero_to_hundred_is_a_linear_map_of_the_mean(study: tuple[Instrument, pd.DataFrame]) -> None:
    scale, frame = study
    ends = scale.scale_of(scale.item_ids[0])
    names = [*themes_of(scale), "total"]
    plain = score(frame, scale).scores[names]
    percent = score(frame, scale, rescale="0-100").scores[names]
    mapped = (plain - ends.minimum) / (ends.maximum - ends.minimum) * 100
    # Both orders of the same few operations on numbers up to 100.
    np.testing.assert_allclose(percent.to_numpy(), mapped.to_numpy(), rtol=0, atol=1e-10, equal_nan=True)


@given(study=studies())
@settings(max_examples=40, deadline=None)
def test_mirroring_every_answer_mirrors_every_score(study: tuple[Instrument, pd.DataFrame]) -> None:
    scale, frame = study
    ends = scale.scale_of(scale.item_ids[0])
    mirrored = frame.assign(**{item: ends.minimum + ends.maximum - frame[item] for item in scale.item_ids})
    names = [*themes_of(scale), "total"]
    one, other = score(frame, scale).scores[names], score(mirrored, scale).scores[names]
    np.testing.assert_allclose(
        (one + other).to_numpy(),
        np.where(one.isna(), np.nan, ends.minimum + ends.maximum),
        rtol=0,
        atol=1e-12,
        equal_nan=True,
    )


@given(study=studies(), low=st.floats(0.05, 1.0), high=st.floats(0.05, 1.0))
@settings(max_examples=40, deadline=None)
def test_a_stricter_rule_never_scores_more(
    study: tuple[Instrument, pd.DataFrame], low: float, high: float
) -> None:
    scale, frame = study
    lax, strict = (score(frame, scale, prorate_at=share).scores for share in sorted((low, high)))
    for theme in themes_of(scale):
        scored = strict[theme].notna()
        assert lax[theme][scored].to_list() == strict[theme][scored].to_list()
