"""The light install: what `import analysis` needs and no more; what is left out is named with its extra."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from instrument.common.extras import EXTRAS, missing_extra

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = {
    "multipart": "python-multipart",
    "docx": "python-docx",
    "vl_convert": "vl-convert-python",
    "markupsafe": "jinja2",  # comes with it
}
WITHOUT = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {set(EXTRAS)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
SMALL = """
import json, sys
import numpy as np, pandas as pd
import analysis, instrument
themes = [{"id": n, "title": n, "role": "dimension", "items": [{"id": f"{n}{k}", "text": "-"} for k in "123"]}
          for n in "ab"]
scale = instrument.Instrument.model_validate({
    "schema": 1, "id": "mini", "version": "1", "title": "Mini", "themes": themes,
    "response_scales": {"often": {"options": {c: str(c) for c in range(1, 6)}}}})
rng = np.random.default_rng(1)
codes = np.clip(np.round(3 + rng.normal(size=(200, 1)) + rng.normal(size=(200, 6))), 1, 5)
items = pd.DataFrame(codes, columns=scale.item_ids)
for package in (analysis, instrument):
    for name in package.__all__:
        getattr(package, name)
alpha = analysis.cronbach_alpha(items)
try:
    alpha.to_docx()
except instrument.ToolkitError as error:
    refused = str(error)
found = analysis.validate(items.assign(participant=range(200), wave=1), scale, topics=TOPICS)
states = {name: section["status"] for name, section in found.tree["sections"].items()}
print(json.dumps({"alpha": alpha.estimate, "refused": refused, "states": states}))
"""
ALPHA = 0.8078276549720704  # of the 200 answers above, as psych::alpha gives it: 0.8078277


def told(program: str, code: str, place: Path) -> dict[str, object]:
    done = subprocess.run(
        [program, "-W", "ignore", "-c", code],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def check(found: dict[str, object]) -> None:
    assert found["alpha"] == pytest.approx(ALPHA, abs=1e-12)
    assert re.fullmatch(
        r"to_docx: \w+ is not installed; .*\nHint: pip install 'dta-toolkit\[report\]', or .*",
        str(found["refused"]),
    )
    states = found["states"]
    assert isinstance(states, dict) and states["items"] == "ok" and "failed" not in states.values()


def test_without_the_extras_every_public_name_loads_and_a_small_scale_is_validated(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{WITHOUT}{SMALL}"
    check(told(sys.executable, code.replace("TOPICS", '["items"]'), tmp_path))


def test_every_library_of_an_extra_is_in_that_extra_and_in_no_base() -> None:
    def names(wanted: list[str]) -> set[str]:
        return {re.split(r"[\[><=~!]", entry)[0].lower() for entry in wanted}

    base, extras = names(PROJECT["dependencies"]), PROJECT["optional-dependencies"]
    for library, extra in EXTRAS.items():
        distribution = DISTRIBUTIONS.get(library, library).lower()
        assert distribution in names(extras[extra]), library
        assert distribution not in base, library
    assert extras["all"] == ["dta-toolkit[study,dashboard,report,factors]"]


def test_an_import_that_no_extra_brings_is_left_as_it_is() -> None:
    assert missing_extra(ModuleNotFoundError(name="nonsense"), "f") is None
    assert missing_extra(ImportError("broken", name="streamlit"), "f") is None


def test_a_command_without_its_extra_ends_with_one_message(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{WITHOUT}\nimport dta; dta.main(['serve'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 2 and done.stderr.startswith("dta: "), done.stderr
    assert done.stderr.count("\n") == 2 and "\nHint: pip install 'dta-toolkit[" in done.stderr


@pytest.mark.slow
def test_a_clean_environment_with_the_base_alone_validates_a_small_scale(tmp_path: Path) -> None:
    """Needs a package registry. Last result: 49 distributions, every section ok or not applicable, 3 minutes."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(ROOT)]
    subprocess.run([python, *install], check=True, capture_output=True)
    check(told(python, SMALL.replace("TOPICS", "None"), tmp_path))
    listed = subprocess.run(
        [python, "-m", "pip", "list"], check=True, capture_output=True, text=True
    ).stdout.lower()
    assert not any(name in listed for name in ("streamlit", "fastapi", "sqlalchemy", "altair", "typst"))
