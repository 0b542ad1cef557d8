"""The section on features of the app, and `--audit` on the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dta
from analysis.audit.audit_agreement import audit_agreement
from analysis.figures.base import to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline.context import build_context
from analysis.pipeline.topics import psd_audit
from instrument.definition import Instrument
from instrument.study_data import StudyData

AUDIT = Path(__file__).resolve().parents[1] / "reference" / "data" / "audit.csv"


@pytest.fixture(scope="module")
def audit() -> pd.DataFrame:
    return pd.read_csv(AUDIT, dtype={"version": str})


def section_of(scale: Instrument, answers: pd.DataFrame, audit: Any, apps: int = 0) -> dict[str, Any]:
    ids = list(dict.fromkeys(answers["participant"]))
    used = [f"app{1 + k % apps:02d}" for k in range(len(ids))] if apps else None
    covariates = pd.DataFrame({"participant": ids, "app": used}) if apps else None
    study = StudyData(responses=answers, scale=scale, covariates=covariates, audit=audit)
    context = build_context(study, seed=1)
    return {**psd_audit.TOPIC.run(context).plain(), "title": psd_audit.TOPIC.title}


def check_places(section: dict[str, Any]) -> None:
    for sentence in section["prose"]:
        for key in re.findall(r"\{(\w+)", sentence):
            assert key in section["values"], key


def test_one_app_is_described_and_not_related(
    scale: Instrument, answers: pd.DataFrame, audit: pd.DataFrame
) -> None:
    one = audit[audit["app"] == "app01"]
    section = section_of(scale, answers, one)
    direct = audit_agreement(one).table.iloc[0]
    for name in ("kappa", "ac1", "pabak", "agreement"):
        assert section["values"][name] == direct[name]
    assert set(section["tables"]) == {"agreement", "apps", "features"}
    assert "no column app" in section["values"]["why_not"]
    assert "evidence is mixed" in " ".join(section["prose"])
    check_places(section)
    figure = build_figures(section, {})["audit"]
    assert to_svg(figure, 350).startswith("<svg")
    assert f"kappa {direct['kappa']:.2f}".replace("0.", ".") in figure.alt


def test_several_apps_are_related_to_the_score(
    scale: Instrument, answers: pd.DataFrame, audit: pd.DataFrame
) -> None:
    section = section_of(scale, answers, audit, apps=12)
    assert section["values"]["n_apps"] == 12
    assert {"principles", "relation"} <= set(section["tables"])
    assert "as many cases as apps" in " ".join(section["prose"])
    check_places(section)
    few = section_of(scale, answers, audit, apps=3)
    assert few["values"]["why_not"] == "3 apps have both an audit and people"


def test_raters_who_use_one_category_leave_kappa_undefined(
    scale: Instrument, answers: pd.DataFrame, audit: pd.DataFrame
) -> None:
    same = audit[audit["app"] == "app01"].assign(rating="present")
    section = section_of(scale, answers, same)
    assert section["values"]["kappa"] is None
    assert "kappa is not defined" in section["prose"][0]
    assert to_svg(build_figures(section, {})["audit"], 350).startswith("<svg")


def test_without_an_audit_it_says_what_is_missing(scale: Instrument, answers: pd.DataFrame) -> None:
    context = build_context(StudyData(responses=answers, scale=scale), seed=1)
    assert "--audit FILE" in psd_audit.TOPIC.lacks(context)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.drop(columns="rating"), "columns are absent: 'rating'"),
        (lambda a: a[a["rater"] == "r1"], "were not rated by two raters"),
        (lambda a: a.assign(rating="perhaps"), "none of the options: 'perhaps'"),
    ],
)
def test_a_malformed_audit_ends_the_command(
    change: Any,
    message: str,
    audit: pd.DataFrame,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(audit).to_csv(tmp_path / "audit.csv", index=False)
    example = Path(__file__).resolve().parents[1] / "example_0_1" / "responses.csv"
    given = ["validate", str(example), "--instrument", "dta", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as stop:
        dta.main([*given, "--audit", str(tmp_path / "audit.csv")])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in error and error.count("Hint:") == 1 and "Traceback" not in error
    assert not (tmp_path / "out").exists()
