"""Each section made alone holds the numbers it has in the whole report: the quick way to see a wrong change in one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from three_themes import STUDY, make_answers, make_scale

from analysis.pipeline import validate
from instrument.study import make_study
from tests.ledger import differing, of_sections

LEDGER = json.loads((Path(__file__).parent / "values" / "three_themes.json").read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.mutation
@pytest.mark.parametrize("name", [name for name, section in LEDGER.items() if section["status"] == "ok"])
def test_a_section_made_alone_is_that_of_the_whole(name: str) -> None:
    scale = make_scale()
    found = validate(make_answers(scale), scale, study=make_study(STUDY), seed=3, topics=(name,))
    now = json.loads(json.dumps(of_sections(found.to_dict()["sections"])))
    assert list(differing(now[name], LEDGER[name])) == []
