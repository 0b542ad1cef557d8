"""Write three reports, run the `reproduce.R` of each, alter one number, and see that it is found.

Run with R, psych, lavaan, semTools, GPArotation and jsonlite: `python tests/reference/scripts/reproduce_reports.py`.
Writes `tests/reference/values/reproduce.txt`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "reference" / "data"
OUT = ROOT / "tests" / "reference" / "values" / "reproduce.txt"


def scale(
    path: Path, name: str, themes: dict[str, list[str]], reverse: tuple[str, ...], options: int
) -> None:
    """Write an instrument of these themes."""
    definition = {
        "schema": 1,
        "id": name,
        "version": "1.0",
        "title": name,
        "status": "candidate",
        "response_scales": {"agree": {"options": {k: f"option {k}" for k in range(1, options + 1)}}},
        "themes": [
            {
                "id": theme,
                "title": f"Theme {theme}",
                "role": "dimension",
                "items": [
                    {"id": i, "text": f"Item {i}", **({"reverse": True} if i in reverse else {})}
                    for i in items
                ],
            }
            for theme, items in themes.items()
        ],
    }
    path.write_text(yaml.safe_dump(definition, sort_keys=False), encoding="utf-8")


def bfi(folder: Path) -> list[str]:
    """Agreeableness and neuroticism of bfi (package psych), with gender."""
    frame = pd.read_csv(DATA / "bfi_covariates.csv")
    frame["gender"] = frame["gender01"].map({0: "man", 1: "woman"})
    frame.insert(0, "participant", [f"b{k}" for k in range(len(frame))])
    frame.drop(columns=["gender01", "age10"]).to_csv(folder / "responses.csv", index=False)
    themes = {"agree": [f"A{k}" for k in range(1, 6)], "neuro": [f"N{k}" for k in range(1, 6)]}
    scale(folder / "scale.yaml", "bfi", themes, ("A1",), 6)
    return ["responses.csv", "--instrument", "scale.yaml", "--covariates", "gender"]


def three_groups(folder: Path) -> list[str]:
    """Twelve items with missing answers and three groups of 120 people or more."""
    frame = pd.read_csv(DATA / "likert_missing.csv").rename(columns={"id": "participant"})
    frame["third"] = [("first", "second", "last")[k % 3] for k in range(len(frame))]
    frame.drop(columns=["group", "site"]).to_csv(folder / "responses.csv", index=False)
    themes = {n: [f"q{k}" for k in range(s, s + 4)] for n, s in (("north", 1), ("south", 5), ("west", 9))}
    scale(folder / "scale.yaml", "likert", themes, ("q4", "q9"), 5)
    return ["responses.csv", "--instrument", "scale.yaml", "--covariates", "third"]


def example(folder: Path) -> list[str]:
    """A study of the first version of the scale."""
    for path in (ROOT / "tests" / "example_0_1").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    sides = [f"--{name}" for name in ("usage", "outcomes", "covariates")]
    given = [word for side in sides for word in (side, f"{side[2:]}.csv")]
    return ["responses.csv", "--instrument", "dta", *given, "--study", "study.yaml"]


def run_r(report: Path, folder: Path) -> tuple[int, str]:
    """Run the script; give its status and what it prints."""
    command = ["Rscript", str(report / "reproduce.R"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    """Make every report, and keep what R says of it."""
    said, faults = [], 0
    wanted = sys.argv[1:] or ["three_groups", "bfi", "example"]
    for name in wanted:
        with tempfile.TemporaryDirectory() as scratch:
            folder, report = Path(scratch) / "data", Path(scratch) / "report"
            folder.mkdir()
            arguments = globals()[name](folder)
            run = [sys.executable, "-m", "dta", "validate", *arguments, "--out", str(report), "--forms", ""]
            subprocess.run(run, cwd=folder, check=True, capture_output=True)
            status, text = run_r(report, folder)
            said += [f"==== {name}: status {status}", text]
            faults += status != 0
            if name == wanted[0]:
                results = json.loads((report / "results.json").read_text("utf-8"))
                results["sections"]["reliability"]["tables"]["alpha"]["alpha"][1] += 0.0001
                (report / "results.json").write_text(json.dumps(results), encoding="utf-8")
                status, text = run_r(report, folder)
                found = "sections.reliability.tables.alpha.alpha[1]: " in text
                said += [
                    f"==== {name}, one number altered: status {status}",
                    text[text.index("Numbers that") :],
                ]
                faults += status != 1 or not found
    OUT.write_text("\n".join(said), encoding="utf-8")
    print("\n".join(said))
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
