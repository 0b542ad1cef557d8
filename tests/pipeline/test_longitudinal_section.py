"""Scores over time: the numbers of the functions, words that claim no cause, and the retest by level."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.agreement.measurement_error import reliable_change, standard_error_of_measurement
from analysis.figures.base import to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.pipeline.topics.longitudinal import context_verdict
from analysis.reliability.cronbach_alpha import cronbach_alpha
from analysis.report.view import prose
from analysis.structural.families.context_over_time import context_over_time
from analysis.structural.families.longitudinal_invariance import longitudinal_invariance
from analysis.structural.families.panel_model import panel_model
from instrument.definition import Instrument
from instrument.scoring.score import score
from tests.pipeline.conftest import STUDY, make_study

DATA = Path(__file__).resolve().parents[1] / "reference" / "data" / "context_over_time.csv"


def make_leading(context: str = "context") -> Instrument:
    themes = [
        {
            "id": name,
            "title": f"Theme {name}",
            "role": context if name == "k" else "dimension",
            "items": [{"id": f"q{k}", "text": f"Words of q{k}"} for k in range(first, first + 3)],
        }
        for name, first in (("a", 1), ("b", 4), ("c", 7), ("k", 10))
    ]
    labels = {k: f"Option {k}" for k in range(1, 6)}
    definition = {"schema": 1, "id": "twelve", "version": "1", "title": "T", "status": "candidate"}
    definition |= {"notice": "Made up.", "response_scales": {"agree": {"options": labels}}, "themes": themes}
    return Instrument.model_validate(definition)


@pytest.fixture(scope="module")
def leading() -> pd.DataFrame:
    raw = pd.read_csv(DATA)
    return raw.astype(dict.fromkeys([name for name in raw if name.startswith("q")], "Int64"))


@pytest.fixture(scope="module")
def section(leading: pd.DataFrame) -> dict[str, Any]:
    result = validate(leading, make_leading(), seed=2, topics=("longitudinal",))
    found: dict[str, Any] = result.to_dict()["sections"]["longitudinal"]
    return found


def test_the_context_is_tested_by_items_where_people_suffice(
    section: dict[str, Any], leading: pd.DataFrame
) -> None:
    direct = context_over_time(leading, make_leading())
    table = pd.DataFrame(section["tables"]["context"]).set_index("path")
    for column in ("estimate", "se", "ci_lower", "pvalue"):
        np.testing.assert_allclose(table[column], direct.paths[column], rtol=1e-8, atol=1e-12)
    assert section["values"]["lead"] == table.loc["lead", "estimate"]
    words = " ".join(prose(section))
    assert "the order in time which the claim of a context expects" in words
    assert "Nor would it be a cause" in words and "every item as an ordinal answer" in words
    assert "WLSMV" in section["method"]["estimator"]


def test_few_people_are_measured_by_scores_and_told_so(leading: pd.DataFrame) -> None:
    few = leading[leading["participant"].isin(leading["participant"].unique()[:130])]
    found = validate(few, make_leading(), topics=("longitudinal",)).to_dict()["sections"]["longitudinal"]
    direct = context_over_time(few, make_leading(), measured_by="scores")
    assert found["values"]["lead"] == pytest.approx(direct.paths.loc["lead", "estimate"], rel=1e-8)
    assert "asks for more people at both waves" in " ".join(prose(found))


def test_a_scale_without_context_has_no_such_test(leading: pd.DataFrame) -> None:
    found = validate(leading, make_leading("dimension"), topics=("longitudinal",)).to_dict()
    section = found["sections"]["longitudinal"]
    assert section["status"] == "ok" and "context" not in section["tables"]
    assert "context" not in " ".join(prose(section))


def test_levels_are_those_of_longitudinal_invariance(section: dict[str, Any], leading: pd.DataFrame) -> None:
    direct = longitudinal_invariance("k =~ q10 + q11 + q12", leading).table
    table = pd.DataFrame(section["tables"]["levels"])
    own = table[table["theme"] == "k"]
    assert list(own["level"]) == list(direct["level"])
    np.testing.assert_allclose(own["chisq_scaled"], direct["chisq_scaled"], rtol=1e-8)
    claims = [finding["claim"] for finding in section["findings"]]
    assert len(claims) == 8
    assert claims[0] == "Theme a, over time: equal up to intercepts (largest change of CFI)"
    steps = direct.set_index("level").loc[["thresholds", "metric", "scalar"]]
    judged = {f["path"].split(".")[-1].split("[")[0]: f["value"] for f in section["findings"][-2:]}
    assert judged["cfi_diff"] == pytest.approx(steps["cfi_diff"].min(), rel=1e-6)
    assert judged["rmsea_diff"] == pytest.approx(steps["rmsea_diff"].max(), rel=1e-6)
    assert {f["property"] for f in section["findings"]} == {None}  # time is no group, and no responsiveness


def test_means_and_changes_by_hand(section: dict[str, Any], leading: pd.DataFrame) -> None:
    card = score(leading, make_leading()).scores
    first, second = (card[card["wave"] == wave].set_index("participant")["b"] for wave in (1, 2))
    table = pd.DataFrame(section["tables"]["trajectories"]).set_index(["score", "who", "wave"])
    assert table.loc[("b", "everyone with the score", "wave 2"), "mean"] == pytest.approx(second.mean())
    assert "Means of later waves are those of people who answered then." in " ".join(prose(section))
    stayed = first[first.index.isin(second.dropna().index)]
    row = table.loc[("b", "those with the score at every wave", "wave 1")]
    assert (row["mean"], row["n"]) == (pytest.approx(stayed.mean()), len(stayed))
    items = leading.loc[leading["wave"] == 1, ["q4", "q5", "q6"]].astype(float)
    sem = standard_error_of_measurement(first.std(), cronbach_alpha(items).estimate)
    counts = reliable_change(first, second.reindex(first.index), sem=sem).to_frame()["n"]
    changes = pd.DataFrame(section["tables"]["changes"]).set_index("score").loc["b"]
    assert changes["source"] == "alpha" and changes["sem"] == pytest.approx(sem)
    assert [changes["higher"], changes["same"], changes["lower"]] == list(counts)


def test_with_a_retest_the_error_is_that_of_the_retest(tree: dict[str, Any]) -> None:
    changes = pd.DataFrame(tree["sections"]["longitudinal"]["tables"]["changes"]).set_index("score")
    retest = pd.DataFrame(tree["sections"]["retest"]["tables"]["retest"]).set_index("score")
    assert set(changes["source"]) == {"retest"}
    np.testing.assert_allclose(changes["sem"], retest["sem"].loc[changes.index])
    assert tree["sections"]["longitudinal"]["values"]["second"] == "Later"


def test_the_retest_by_level_shows_groups_of_people_only(tree: dict[str, Any]) -> None:
    section = tree["sections"]["retest"]
    levels = pd.DataFrame(section["tables"]["levels"])
    assert (levels["n"] >= 10).all()
    whole = pd.DataFrame(section["tables"]["retest"]).set_index("score")
    for name, part in levels.groupby("score"):
        weighted = (part["difference"] * part["n"]).sum() / part["n"].sum()
        assert weighted == pytest.approx(whole.loc[name, "bias"], abs=1e-9)
    figure = build_figures(section, tree["meta"])["bland_altman"]
    assert to_svg(figure).startswith("<svg") and "limits of agreement by score" in figure.alt


@pytest.mark.parametrize(
    ("lead", "difference", "words"),
    [(0.1, 0.1, "expects"), (0.1, -0.1, "not clearly more"), (-0.1, 0.1, "do not show")],
)
def test_the_verdict_follows_the_intervals(lead: float, difference: float, words: str) -> None:
    paths = pd.DataFrame({"ci_lower": [lead, difference]}, index=["lead", "difference"])
    assert words in context_verdict(paths) and "Nor would it be a cause" in context_verdict(paths)


def test_one_wave_is_not_asked(leading: pd.DataFrame) -> None:
    once = validate(leading[leading["wave"] == 1], make_leading(), topics=("longitudinal",)).to_dict()
    assert once["sections"]["longitudinal"]["status"] == "not_applicable"
    assert "two waves that are no retest" in once["sections"]["longitudinal"]["message"]


def three_waves(leading: pd.DataFrame, n: int = 400) -> pd.DataFrame:
    """The answers of both waves and a third one: every theme as at the first or the second, moved a little."""
    rng = np.random.default_rng(6)
    kept = leading[leading["participant"].isin(leading["participant"].unique()[:n])]
    first, second = (kept[kept["wave"] == k].set_index("participant") for k in (1, 2))
    third = second.assign(wave=3)
    for start in (1, 4, 7, 10):
        earlier = rng.random(len(third)) < 0.7
        for name in [f"q{k}" for k in range(start, start + 3)]:
            answer = third[name].where(~earlier, first[name].reindex(third.index))
            third[name] = (answer + rng.integers(-1, 2, len(third))).clip(1, 5).astype("Int64")
    return pd.concat([kept, third.reset_index()], ignore_index=True)


def test_three_waves_are_told_within_persons(leading: pd.DataFrame) -> None:
    answers = three_waves(leading)
    found = validate(answers, make_leading(), topics=("longitudinal",)).to_dict()["sections"]["longitudinal"]
    card = score(answers, make_leading()).scores
    columns = {name: [f"{name}.w{k}" for k in (1, 2, 3)] for name in ("k", "total")}
    parts = [
        card[card["wave"] == k].set_index("participant")[["k", "total"]].add_suffix(f".w{k}")
        for k in (1, 2, 3)
    ]
    wide = pd.concat(parts, axis=1)
    direct = panel_model(wide, columns)
    table = pd.DataFrame(found["tables"]["panel"])
    for column in ("estimate", "standardized", "standardized_lower", "pvalue"):
        np.testing.assert_allclose(table[column], direct.paths[column], rtol=1e-6, atol=1e-9)
    assert list(table["source"].unique()) == ["Theme k", "Total"]
    both = [
        int(wide[[f"k.w{k}", f"total.w{k}", f"k.w{k + 1}", f"total.w{k + 1}"]].notna().all(axis=1).sum())
        for k in (1, 2)
    ]
    assert list(table.query("source == 'Total' and target == 'Theme k'")["n_both"]) == both
    crossed = direct.paths.query("path == 'cross-lagged' and standardized_lower > 0")
    values = found["values"]
    assert values["panel_lead"] == (crossed["source"] == "k").sum()
    assert values["panel_back"] == (crossed["source"] == "total").sum()
    assert (values["panel_n"], values["panel_waves"], values["panel_pairs"]) == (direct.n_obs, 3, 2)
    words = " ".join(prose(found))
    assert "With 3 waves, change within persons" in words and "is not known" in words
    assert found["method"]["estimator"].endswith("within persons: MLR")


def test_the_days_of_a_study_say_the_spacing(leading: pd.DataFrame) -> None:
    days = {1: 0, 2: 14, 3: 42}
    waves = [{"id": k, "label": f"At {d}", "day": d, "opens": d, "closes": d + 5} for k, d in days.items()]
    study = make_study(STUDY | {"instrument": "twelve", "waves": waves})
    answers = three_waves(leading)
    found = validate(answers, make_leading(), study=study, topics=("longitudinal",)).to_dict()
    section = found["sections"]["longitudinal"]
    assert "Waves are unequally far apart (14, 28)" in " ".join(prose(section))
    assert section["tables"]["panel"]["to_wave"][:2] == ["At 14", "At 42"]


def test_two_waves_say_nothing_within_persons(section: dict[str, Any]) -> None:
    assert "panel" not in section["tables"] and "panel_n" not in section["values"]
    assert "change within persons" not in " ".join(prose(section))


def test_few_people_at_three_waves_are_not_asked(leading: pd.DataFrame) -> None:
    answers = three_waves(leading)
    later = answers["participant"].isin(answers["participant"].unique()[:30]) | (answers["wave"] < 3)
    found = validate(answers[later], make_leading(), topics=("longitudinal",)).to_dict()
    section = found["sections"]["longitudinal"]
    assert "panel" not in section["tables"]
    assert any("within persons over 3 waves" in str(one) for one in section["untested"])


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], section: dict[str, Any]
) -> None:
    assert unlike("longitudinal", {"longitudinal": section}) == []


@pytest.mark.parametrize(
    ("plan", "by_items", "by_scores"),
    [
        ({"missing": "listwise"}, ("WLSMV", "listwise"), ("MLR", "listwise")),
        ({"estimator": "ULSMV"}, ("ULSMV", "pairwise"), ("MLR", "fiml")),
        ({"estimator": "WLSMV", "missing": "pairwise"}, ("WLSMV", "pairwise"), ("MLR", "fiml")),
        ({"estimator": "MLR", "missing": "listwise"}, None, ("MLR", "listwise")),
        ({"estimator": "ML", "missing": "fiml"}, None, ("ML", "fiml")),
    ],
)
def test_context_over_time_follows_the_plan(
    leading: pd.DataFrame, plan: dict[str, Any], by_items: tuple[str, str] | None, by_scores: tuple[str, str]
) -> None:
    """Estimator and rule for missing answers, as far as they are for items or for scores; both are said."""
    gaps = leading.copy()
    gaps.loc[np.arange(0, len(gaps), 9), "q2"] = pd.NA
    few = gaps[gaps["participant"].isin(gaps["participant"].unique()[:130])]
    for answers, how in ((gaps, by_items), (few, by_scores)):
        told = {"topics": ["longitudinal"], **plan}
        section = validate(answers, make_leading(), plan=told).to_dict()["sections"]["longitudinal"]
        estimator, missing = how or by_scores
        measured_by = "items" if how is by_items and how is not None else "scores"
        direct = context_over_time(
            answers, make_leading(), measured_by=measured_by, estimator=estimator, missing=missing
        )
        values = section["values"]
        ending = {"ML": "", "MLR": "_robust"}.get(estimator, "_scaled")
        assert values["context_cfi"] == pytest.approx(float(direct.fit.fit[f"cfi{ending}"]), rel=1e-8)
        assert values["lead"] == pytest.approx(direct.paths.loc["lead", "estimate"], rel=1e-8)
        assert values["context_n"] == direct.n_obs
        said = (values["context_measured_by"], values["context_estimator"], values["context_missing"])
        assert said == (measured_by, estimator, missing)
        if measured_by == "items":
            assert estimator in section["method"]["estimator"]
        whole = plan.get("missing") == "listwise"
        kept = "those with every answer at both waves" if whole else "every answer at either wave"
        assert section["method"]["missing"].startswith(f"invariance: {kept}; means")
        assert f"context over time: {missing}" in section["method"]["missing"]
        text = " ".join(prose(section))
        if "equal one after another" in text:
            ordinal = plan.get("estimator", "WLSMV") in ("WLSMV", "ULSMV")
            assert ("the table holds thresholds, loadings and" in text) is ordinal


def test_within_persons_follows_the_plan(leading: pd.DataFrame) -> None:
    answers = three_waves(leading)
    found = {}
    for missing in ("fiml", "listwise"):
        plan = {"topics": ["longitudinal"], "estimator": "MLR", "missing": missing}
        found[missing] = validate(answers, make_leading(), plan=plan).to_dict()["sections"]["longitudinal"]
        assert found[missing]["values"]["panel_missing"] == missing
    assert found["listwise"]["values"]["panel_n"] < found["fiml"]["values"]["panel_n"]
    plan = {"topics": ["longitudinal"], "estimator": "ML", "missing": "fiml"}
    plain = validate(answers, make_leading(), plan=plan).to_dict()["sections"]["longitudinal"]
    robust = found["fiml"]
    assert plain["tables"]["panel"]["estimate"] == pytest.approx(
        robust["tables"]["panel"]["estimate"], rel=1e-6
    )
    assert plain["tables"]["panel"]["estimate_se"] != robust["tables"]["panel"]["estimate_se"]
    assert plain["method"]["estimator"].endswith("within persons: ML")
    assert "chisq" in plain["tables"]["levels"] and "chisq_scaled" not in plain["tables"]["levels"]
