"""The example of the documentation, from two CSV files to a hypothesis that is confirmed, not, or cannot be told."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dta
from analysis.pipeline.topics.multiverse import paths_of
from analysis.planning.loading import load_plan
from analysis.validity.check_hypotheses import check_hypotheses

DOCS = Path(__file__).resolve().parents[2] / "docs" / "plan.md"
FILES = ("patience.yaml", "calm.yaml", "plan.yaml")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)


def garden(r: float, n: int, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two questionnaires whose traits correlate r; a dozen people answer both with one option only."""
    rng = np.random.default_rng(seed)
    traits = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], n)

    def items(trait: np.ndarray, names: list[str]) -> pd.DataFrame:
        latent = 0.8 * trait[:, None] + 0.6 * rng.normal(size=(n, len(names)))
        return pd.DataFrame(np.digitize(latent, [-1.2, -0.4, 0.4, 1.2]) + 1, columns=names)

    patience = items(traits[:, 0], [f"pat{k}" for k in range(1, 7)])
    patience["pat3"] = 6 - patience["pat3"]
    calm = items(traits[:, 1], [f"cal{k}" for k in range(1, 5)])
    ids = [f"g{k:03d}" for k in range(n)]
    return patience.assign(participant=ids), calm.assign(participant=ids).sample(frac=1, random_state=1)


def write(folder: Path, r: float, n: int) -> None:
    for name, text in zip(FILES, blocks("yaml"), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    patience, calm = garden(r, n)
    patience.to_csv(folder / "patience.csv", index=False)
    calm.to_csv(folder / "calm.csv", index=False)


def carried_out(folder: Path, *more: str) -> dict:  # type: ignore[type-arg]
    commands = [line for line in "".join(blocks("sh")).splitlines() if line.startswith("dta ")]
    assert len(commands) <= 3
    for command in commands:
        extra = more if command.startswith("dta validate") else ()
        with pytest.raises(SystemExit) as ended:
            dta.main([*shlex.split(command)[1:], *extra])
        assert ended.value.code == 0
    return json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("r", "n", "status"),
    [(0.6, 300, "confirmed"), (0.0, 300, "not confirmed"), (0.35, 150, "cannot be told")],
)
def test_the_example_of_the_documentation(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    r: float,
    n: int,
    status: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sum(len(text.splitlines()) for text in blocks("yaml")) <= 40
    write(tmp_path, r, n)
    tree = carried_out(tmp_path)
    row = {
        key: column[0]
        for key, column in tree["sections"]["planned_hypotheses"]["tables"]["hypotheses"].items()
    }
    assert row["status"] == status
    patience, calm = (
        pd.read_csv(tmp_path / f"{name}.csv").set_index("participant") for name in ("patience", "calm")
    )
    left = tree["sections"]["plan"]["values"]["kept"]
    assert left + tree["sections"]["plan"]["values"]["taken_out"] == n
    scores = pd.DataFrame(
        {"a": patience.assign(pat3=6 - patience["pat3"]).mean(axis=1), "b": calm.mean(axis=1)}
    ).reset_index()
    if left == n:  # nobody looked careless, so the correlation is that of everyone
        plan = [{"id": "h", "measure": "correlation a, b", "expected": ">= 0.30"}]
        found = check_hypotheses(plan, scores, judged_by="interval").table.iloc[0]
        assert row["estimate"] == pytest.approx(found["estimate"]) and row["n"] == n
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Does patience in gardens go with calm?" in page and status in page
    printed = capsys.readouterr().out
    assert "exclude_flagged: yes (planned)" in printed and "rotation: oblimin (default)" in printed


def test_the_multiverse_of_the_documentation_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 0.5, 150)
    (block,) = blocks("yaml multiverse")
    plan = tmp_path / "plan.yaml"
    plan.write_text(plan.read_text(encoding="utf-8") + block, encoding="utf-8")
    tree = carried_out(
        tmp_path,
        "--topics",
        "flow",
        "--set",
        "multiverse={headline: [alpha patience], "
        "alternatives: {missing: [listwise, pairwise], collapse: [{}, {all: {1: 2}}]}}",
    )
    section = tree["sections"]["multiverse"]
    assert section["status"] == "ok" and section["values"]["paths"] == 6
    planned = load_plan(plan).multiverse
    assert planned is not None and len(planned.alternatives) == 5
    assert len(paths_of(load_plan(plan))) == 3 * 2 * 3 * 2 * 3


def test_options_override_single_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 0.5, 200)
    options = ["--topics", "exploration", "--estimator", "MLR", "--factors", "1", "--keep-flagged"]
    options += ["--rule", "LOADING=0.5", "--set", "extraction=ml", "--model", "half=p =~ pat1 + pat2 + pat4"]
    tree = carried_out(tmp_path, *options, "--missing", "fiml", "--seed", "5", "--smallest-group", "40")
    entries = tree["meta"]["plan"]["entries"]
    overridden = {name for name, entry in entries.items() if entry["origin"] == "overridden"}
    assert overridden == {
        "topics",
        "estimator",
        "factors",
        "exclude_flagged",
        "rules",
        "extraction",
        "models",
        "missing",
        "seed",
        "smallest_group",
    }
    assert entries["exclude_flagged"]["value"] is False and entries["exclude_flagged"]["planned"] is True
    assert entries["seed"]["where"] == "command line"
    assert list(tree["sections"]) == ["plan", "exploration", "planned_models", "planned_hypotheses"]
    assert tree["sections"]["planned_models"]["tables"]["fit"]["model"] == ["half"]
    assert "maximum likelihood" in tree["sections"]["exploration"]["method"]["estimator"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--estimator", "DWLS"], "estimator: Input should be"),
        (["--rule", "ALPHA"], "write NAME=NUMBER"),
        (["--rule", "ALPHA=high"], "'high' is no number"),
        (["--model", "m=nowhere.txt"], "neither a model nor a file"),
        (["--set", "colour=red"], "colour: is no known key"),
        (["--set", "collapse={q1: "], "no YAML"),
        (["--group", "sex"], "groups.sex: there is no 'sex'"),
        (["--half", "exploration"], "does not split the people"),
        (["--plan", "nowhere.yaml"], "there is no file nowhere.yaml"),
    ],
)
def test_a_bad_option_ends_with_one_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 0.5, 60)
    with pytest.raises(SystemExit) as ended:
        dta.main(["validate", "patience.csv", "-i", "patience.yaml", "-o", "report", *options])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and message in said and "Hint:" in said
    assert not (tmp_path / "report").exists()


def test_a_new_plan_can_be_checked_at_once_and_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.yaml"
    for arguments, code in (
        (["new", str(path)], 0),
        (["check", str(path), "-i", "dta"], 0),
        (["new", str(path)], 2),
    ):
        with pytest.raises(SystemExit) as ended:
            dta.main(["plan", *arguments])
        assert ended.value.code == code
    assert "is there already" in capsys.readouterr().err
