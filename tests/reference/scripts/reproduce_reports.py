"""Write reports and run the `reproduce.R` of each; alter a number, take others out, and see that all are found.

Run with R, psych, lavaan, semTools, GPArotation, survival, lme4 and jsonlite:
`python tests/reference/scripts/reproduce_reports.py`, or with the names of some reports, whose parts are then
written anew in `tests/reference/values/reproduce.txt`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reproduce_studies import other_tables, reserved_words, three_waves

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


def today(folder: Path) -> list[str]:
    """The example study as it is shipped: its scale of today, with everything that lies beside the answers."""
    for path in (ROOT / "data" / "example").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    sides = [f"--{name}" for name in ("usage", "outcomes", "covariates", "enrolment", "audit")]
    given = [word for side in sides for word in (side, f"{side[2:]}.csv")]
    others = [word for name in ("alliance", "usability") for word in ("--measure", f"{name}.csv={name}.yaml")]
    study = ["--study", "study.yaml", "--times", "administrations.csv"]
    return ["responses.csv", "--instrument", "dta@0.2.0", *given, *study, *others]


def later_use(folder: Path) -> list[str]:
    """Models of later use in the example study, from the people as analysed: R does not read a log."""
    given = today(folder)
    given = given[: given.index("--audit")] + given[given.index("--study") :]
    return [*given, "--topics", "adherence"]


def later_use_clinics(folder: Path) -> list[str]:
    """The same with people in fourteen clinics."""
    given = later_use(folder)
    covariates = pd.read_csv(folder / "covariates.csv", dtype=str, keep_default_na=False)
    clinic = np.random.default_rng(3).integers(0, 14, len(covariates))
    covariates.assign(clinic=[f"c{k}" for k in clinic]).to_csv(folder / "covariates.csv", index=False)
    return [*given, "--cluster", "clinic"]


def later_use_ends(folder: Path) -> list[str]:
    """The same with reasons for leaving, of which one means that somebody got better."""
    given = later_use(folder)
    rng = np.random.default_rng(21)
    events = pd.read_csv(folder / "usage.csv", dtype={"participant": str})
    people = pd.read_csv(folder / "enrolment.csv", dtype={"participant": str})
    last = people["participant"].map(events.groupby("participant")["day"].max())
    silent = (last > 28) & (last < 70)
    said = np.where(rng.random(len(people)) < 0.45, 'recovered "well"', "bored; left")
    people["reason"] = np.where(silent & (rng.random(len(people)) < 0.88), said, "")
    gone = (people["reason"] != "") & (rng.random(len(people)) < 0.5)
    day = (last + rng.integers(1, 8, len(people)) + rng.random(len(people))).round(3)
    people["withdrawn_day"] = np.where(gone, day, people["withdrawn_day"])
    people.to_csv(folder / "enrolment.csv", index=False)
    study = yaml.safe_load((folder / "study.yaml").read_text("utf-8")) | {"ends_well": ['recovered "well"']}
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return given


def three_waves_imputed(folder: Path) -> list[str]:
    """The study of three waves, with the answers that its gaps were filled with."""
    return three_waves(folder)


AS_ANALYSED = ("three_waves_imputed", "later_use", "later_use_clinics", "later_use_ends")
PLANS: dict[str, dict[str, object]] = {
    "plan_mlr": {
        "estimator": "MLR",
        "missing": "fiml",
        "correlation": "pearson",
        "partial": ["south =~ q6", "q7~1", "q10~~q10"],
    },
    "plan_mlr_listwise": {"estimator": "MLR", "missing": "listwise"},
    "plan_ml": {
        "estimator": "ML",
        "missing": "fiml",
        "correlation": "pearson",
        "extraction": "principal",
        "rotation": "quartimin",
        "factors": 3,
        "models": {
            "two": "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8\nq1 ~~ q5",
            "equal": "a =~ q1 + k*q2 + k*q3 + q4\nb =~ q5 + q6 + q7 + q8\nb ~ p*a\ntwice := 2*p",
        },
        "hypotheses": [
            {
                "id": "h1",
                "text": "North and west, by ranks.",
                "score": "north",
                "with": "west",
                "expected": ">= 0.2",
                "method": "spearman",
            }
        ],
    },
    "plan_ml_listwise": {
        "estimator": "ML",
        "missing": "listwise",
        "rotation": "geomin",
        "factors": 3,
        "models": {"one": "g =~ q1 + q2 + q3 + q5 + q6"},
    },
    "plan_ulsmv": {
        "estimator": "ULSMV",
        "models": {
            "two": "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8",
            "one": "g =~ q1 + q2 + q3 + q5 + q6",
        },
    },
    "plan_excluded": {
        "exclude_flagged": True,
        "factors": 2,
        "rotation": "promax",
        "groups": {"third": {"reference": "last", "leave_out": ["second"]}},
        "hypotheses": [
            {"id": "h1", "text": "North and south.", "score": "north", "with": "south", "expected": ">= 0.3"},
            {
                "id": "h2",
                "text": "Last over first.",
                "score": "west",
                "groups": "third",
                "higher": "last",
                "lower": "first",
                "expected": "-0.3 to 0.3",
            },
        ],
    },
    "plan_collapsed": {
        "collapse": {"q1": {1: 2}, "q5": {5: 4}, "q9": {1: 2, 5: 4}},
        "partial": ["q2|t2", "north =~ q3", "q6~1", "q10|t1", "q11~~q11"],
        "extraction": "ml",
        "rotation": "varimax",
        "rules": {"CFI": 0.9},
    },
}
"""Other decisions than the defaults, on the data of `three_groups`."""


def planned(name: str, folder: Path) -> list[str]:
    """Answers of `three_groups`, analysed by a plan."""
    given = three_groups(folder)
    plan = yaml.safe_dump({"schema": 1, **PLANS[name]}, sort_keys=False)
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    return [*given, "--plan", "plan.yaml"]


def run_r(report: Path, folder: Path) -> tuple[int, str]:
    """Run the script; give its status and what it prints."""
    command = ["Rscript", str(report / "reproduce.R"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


MADE = (reserved_words.__name__, three_waves.__name__, other_tables.__name__)
REPORTS = ("three_groups", *PLANS, *MADE, "bfi", "example", "today", *AS_ANALYSED)
ALTERED = "three_groups, one number altered and others taken out"


def parts() -> dict[str, str]:
    """What was written before, by report."""
    text = OUT.read_text("utf-8") if OUT.exists() else ""
    return dict(re.findall(r"^==== ([^\n]+?): (status.*?)(?=^==== |\Z)", text, re.MULTILINE | re.DOTALL))


def main() -> int:
    """Make every report, and keep what R says of it."""
    faults = 0
    for name in sys.argv[1:] or REPORTS:
        said: dict[str, str] = {}
        with tempfile.TemporaryDirectory() as scratch:
            folder, report = Path(scratch) / "data", Path(scratch) / "report"
            folder.mkdir()
            arguments = planned(name, folder) if name in PLANS else globals()[name](folder)
            run = [sys.executable, "-m", "dta", "validate", *arguments, "--out", str(report), "--forms", ""]
            # R cannot know who was taken out, and does not count days in a log
            if name in AS_ANALYSED or PLANS.get(name, {}).get("exclude_flagged"):
                run += ["--analysed", str(analysed := Path(scratch) / "analysed")]
                subprocess.run(run, cwd=folder, check=True, capture_output=True)
                folder = analysed
            else:
                subprocess.run(run, cwd=folder, check=True, capture_output=True)
            status, text = run_r(report, folder)
            said[name] = f"status {status}\n{text}\n"
            faults += status != 0
            if name == "three_groups":
                results = json.loads((report / "results.json").read_text("utf-8"))
                results["sections"]["reliability"]["tables"]["alpha"]["alpha"][1] += 0.0001
                results["sections"]["reliability"]["tables"]["alpha"]["alpha"][0] = None
                results["sections"]["scores"]["values"] = dict.fromkeys(
                    results["sections"]["scores"]["values"]
                )
                (report / "results.json").write_text(json.dumps(results), encoding="utf-8")
                status, text = run_r(report, folder)
                lost = text.partition("and holds no longer")[2]
                found = "sections.reliability.tables.alpha.alpha[1]: " in text
                found = found and "alpha.alpha[0]" in lost and "sections.scores.values." in lost
                said[ALTERED] = f"status {status}\n{text[text.index('Numbers that') :]}\n"
                faults += status != 1 or not found
        kept = parts() | said
        order = [one for name in REPORTS for one in (name, *([ALTERED] if name == "three_groups" else []))]
        OUT.write_text("".join(f"==== {one}: {kept[one]}" for one in order if one in kept), encoding="utf-8")
        print("".join(f"==== {one}: {text}" for one, text in said.items()), flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
