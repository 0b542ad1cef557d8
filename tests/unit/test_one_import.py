"""One import reaches everything, also where a script of one's own bears a package's name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import analysis
import dta_toolkit
import instrument

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # as where it is installed: the packages stand behind one's own folder on the path
    head = f"import sys; sys.path[:] = [{str(folder)!r}, {str(ROOT)!r}, *sys.path]\n"
    command = [sys.executable, "-c", head + code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_names_of_today_are_the_same_packages() -> None:
    assert dta_toolkit.analysis is analysis
    assert dta_toolkit.instrument is instrument


def test_a_script_called_analysis_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("raise RuntimeError('mine')\n")
    (tmp_path / "instrument.py").write_text("raise RuntimeError('mine')\n")
    code = "import dta_toolkit as dt\nprint(dt.instrument.load('dta').id, dt.analysis.kmo.__name__)"
    found = run(code, tmp_path)
    assert found.stdout.split() == ["dta", "kmo"], found.stderr
    assert "mine" in run("import analysis", tmp_path).stderr


def test_a_module_imported_before_is_named(tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("")
    found = run("import analysis\nimport dta_toolkit", tmp_path)
    assert "ImportError: dta_toolkit: a module 'analysis'" in found.stderr
    assert "Hint: import dta_toolkit before it" in found.stderr
