"""`dta serve`: one port for both applications on loopback, the questionnaire alone elsewhere."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from patient_servers import PATIENCE, free_port, listening
from study_of_tests import raw_study

import dta

COMMAND = [sys.executable, "-m", "dta"]


class Served:
    """`dta serve` in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = (folder / "log").open("ab")
        command = [*COMMAND, "serve", "--port", str(self.port), *options]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self._log, stderr=self._log)
        self.log = folder / "log"

    def __enter__(self) -> Served:
        listening(self.port, self.process)
        assert httpx.get(f"{self.address}/health", timeout=PATIENCE).status_code == 200
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw_study(), allow_unicode=True), encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        dta.main(list(arguments))
    return int(stopped.value.code or 0)


def test_an_empty_store_is_served_and_both_applications_answer(folder: Path) -> None:
    with Served(folder) as served:
        assert run("study", "create", "study.yaml") == 0
        assert run("study", "open", "trial") == 0
        assert (
            run("study", "invite", "trial", "--people", "1", "--out", "l.csv", "--address", served.address)
            == 0
        )
        link = (folder / "l.csv").read_text().splitlines()[1].split(",")[1]
        page = httpx.get(link, follow_redirects=True, timeout=PATIENCE)
        assert "You agree to" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        board = httpx.get(f"{served.address}/dashboard/", timeout=PATIENCE)
        assert board.status_code == 200
        assert "<html" in board.text.lower()
        for others in ({"Host": "rebound.example:8000"}, {"X-Forwarded-For": "203.0.113.9"}):
            for path in ("", "_stcore/health", "media/x.csv"):
                refused = httpx.get(f"{served.address}/dashboard/{path}", headers=others, timeout=PATIENCE)
                assert (refused.status_code, len(refused.text) < 100) == (403, True)
        bent = httpx.get(f"{link}/", headers={"Host": "evil.example"}, timeout=PATIENCE)
        assert bent.status_code == 303
        assert re.fullmatch(r"/s/\w{26}/survey", bent.headers["location"])
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(PATIENCE)
        text = served.log.read_text()
    token = link.rsplit("/", 1)[1]
    assert token not in text
    assert '"/q/{token}"' in text
    for file in folder.iterdir():
        if file.name != "l.csv":
            assert token.encode() not in file.read_bytes()


def test_behind_a_proxy_cookies_are_secure_and_links_bear_the_prefix(folder: Path) -> None:
    options = ("--no-dashboard", "--behind-proxy", "--prefix", "/alliance")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    with Served(folder, *options) as served:
        assert (
            run("study", "invite", "trial", "--people", "1", "--out", "l.csv", "--address", served.address)
            == 0
        )
        link = (folder / "l.csv").read_text().splitlines()[1].split(",")[1]
        sent = httpx.get(link, timeout=PATIENCE)
        assert re.fullmatch(r"/alliance/s/\w{26}/survey", sent.headers["location"])
        assert re.search(r"Path=/alliance; .*Secure", sent.headers["set-cookie"])
        assert httpx.get(f"{served.address}/dashboard/", timeout=PATIENCE).status_code == 404


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--host", "0.0.0.0"), "open to everyone on 0.0.0.0"),
        (("--behind-proxy",), "open to everyone behind a proxy"),
        (("--store", "mysql://x/y"), "names no supported database"),
        (("--store", "no/folder/s.sqlite"), "does not open"),
        (("--port", "0"), "--port"),
        (("--compare", "nowhere"), "no results to compare at 'nowhere'"),
        (("--compare", "."), "no results to compare at '.'"),
    ],
)
def test_what_cannot_be_served_ends_with_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert run("serve", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("Hint: ") == 1


def test_a_taken_port_is_said_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run("serve", "--no-dashboard", "--port", port) == 2
    assert f"port {port} on 127.0.0.1 cannot be opened" in capsys.readouterr().err


def test_an_older_schema_is_not_served(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3
    from contextlib import closing

    assert run("study", "create", "study.yaml") == 0
    with closing(sqlite3.connect("dta.sqlite")) as store:
        store.execute("UPDATE alembic_version SET version_num = 'old'")
        store.commit()
    assert run("serve", "--no-dashboard") == 2
    assert "run `dta store upgrade`" in capsys.readouterr().err


def test_a_server_that_is_stopped_closes_its_store_and_one_that_was_killed_is_cleaned(folder: Path) -> None:
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    with Served(folder, "--no-dashboard") as served:
        assert run("study", "invite", "trial", "--people", "1", "--out", "l.csv") == 0
        served.process.kill()
        served.process.wait(PATIENCE)
    assert (folder / "dta.sqlite-wal").stat().st_size > 0
    with Served(folder, "--no-dashboard") as served:
        assert (folder / "dta.sqlite-wal").stat().st_size == 0
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(PATIENCE)
    assert not (folder / "dta.sqlite-wal").exists()
    assert not (folder / "dta.sqlite-shm").exists()


def test_whatever_a_command_writes_is_its_owners_alone(folder: Path) -> None:
    import os

    before = os.umask(0o000)
    try:
        assert run("study", "create", "study.yaml") == 0
        assert run("study", "open", "trial") == 0
        assert run("study", "invite", "trial", "--people", "2", "--out", "l.csv") == 0
        assert run("store", "backup", "copy") == 0
        example = Path(__file__).resolve().parents[1] / "example_0_1" / "responses.csv"
        asked = ("--instrument", "dta")
        assert run("score", str(example), *asked, "--out", "scores.csv") == 0
        for form in ("csv-wide", "csv-long", "redcap-data", "fhir-r5-answers", "bids", "psych-ds"):
            assert run("export", form, *asked, "--responses", str(example), "--out", f"out-{form}") == 0
        assert run("import", str(example), *asked, "--out", "read.csv") == 0
        assert os.umask(0o000) == 0
    finally:
        os.umask(before)
    made = [path for path in folder.rglob("*") if path.name != "study.yaml"]
    assert len(made) > 12
    for path in made:
        assert path.stat().st_mode & 0o077 == 0, path.name
