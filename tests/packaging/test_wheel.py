"""A wheel carries all it needs: away from the checkout it draws the example study and validates it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("instrument", "analysis", "dashboard")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if (
            name.split("/")[0]
            in (*PACKAGES, "dta.py", "pyproject.toml", "README.md", "LICENSE", "LICENSES.md")
            and (ROOT / name).is_file()
        ):
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(source),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    place = folder / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(place),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    return place


def test_every_file_of_the_packages_is_in_the_wheel(installed: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    absent = [
        name
        for name in tracked.stdout.splitlines()
        if (ROOT / name).is_file() and not (installed / name).is_file()
    ]
    assert not absent


def dta(installed: Path, place: Path, *arguments: str) -> None:
    """Run the command of the wheel in a folder far from the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "dta", *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def test_a_file_of_answers_is_validated_in_an_empty_folder_far_from_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    """Scale, texts and forms of the report come out of the wheel; two people keep the statistics short."""
    lines = (ROOT / "tests" / "example_0_1" / "responses.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "answers.csv").write_text("\n".join(lines[:3]) + "\n", encoding="utf-8")
    dta(installed, tmp_path, "validate", "answers.csv", "--instrument", "dta", "--out", "report")
    tree = json.loads((tmp_path / "report" / "results.json").read_text(encoding="utf-8"))
    assert tree["meta"]["participants"] == len({line.split(",")[0] for line in lines[1:3]})
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {"report.html", "report_short.html"}


@pytest.mark.slow
def test_the_demo_runs_in_an_empty_folder_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    dta(installed, tmp_path, "demo", "--no-serve")
    tree = json.loads((tmp_path / "dta-demo" / "report" / "results.json").read_text(encoding="utf-8"))
    failed = {
        name: section["message"]
        for name, section in tree["sections"].items()
        if section["status"] == "failed"
    }
    assert not failed
    committed = (ROOT / "data" / "example" / "responses.csv").read_bytes()
    assert (tmp_path / "dta-demo" / "data" / "responses.csv").read_bytes() == committed
