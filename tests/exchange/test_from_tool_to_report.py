"""From the export of a survey tool to a report in two commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from odd_files import CASES, ITEMS, SCALE, run

from instrument.reading.read_responses import read_responses
from instrument.recognition import load_mapping

SIX = (
    "qualtrics/text.csv",
    "surveymonkey/condensed.csv",
    "limesurvey/full.csv",
    "googleforms/form.csv",
    "msforms/form.xlsx",
    "redcap/classic.csv",
)


@pytest.mark.slow  # 15 s for six whole reports
@pytest.mark.parametrize("name", SIX)
def test_two_commands_lead_from_a_survey_tool_to_a_report(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As somebody new would: the second command is the one that the first prints."""
    monkeypatch.chdir(tmp_path)
    status, said = run(capsys, "import", CASES / name, "--instrument", CASES / "mini.yaml", "--yes")
    assert status == 0, said
    then = said.rpartition("Then: dta ")[2].split()
    status, said = run(capsys, *then, "--topics", "items")
    assert status == 0, said
    assert (tmp_path / "report" / "report.html").is_file()
    shown = json.loads((tmp_path / "report" / "results.json").read_text(encoding="utf-8"))
    table = shown["sections"]["items"]["tables"]["statistics"]
    read = read_responses(CASES / name, SCALE, mapping=load_mapping(tmp_path / "mapping.yaml"))
    turned = [item.id for item in SCALE.items if item.reverse]
    keyed = read[ITEMS].astype(float)
    keyed[turned] = 6 - keyed[turned]
    assert table["n"] == keyed.notna().sum().tolist()
    assert table["mean"] == pytest.approx(keyed.mean().tolist(), abs=1e-12)
