"""Seconds a reader waits in a real browser: each page first, each page again, and a changed filter.

bench_dashboard.py RESULTS_FOLDER          results that dta validate wrote
bench_dashboard.py --people 20000          a study simulated and validated here first (minutes)
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from dashboard.catalogue import PAGES

SERVE = (
    "import sys, pathlib, uvicorn, dta; "
    "uvicorn.run(dta.compose(pathlib.Path(sys.argv[1])), host='127.0.0.1', port=int(sys.argv[2]), "
    "log_level='warning')"
)
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
TRIVIAL = """
import streamlit as st, pandas as pd

def first():
    st.title('A page')
    chosen = st.selectbox('Filter', ['All', 'One', 'Two'])
    st.query_params['filter'] = chosen
    st.write(chosen)
    st.dataframe(pd.DataFrame({'a': range(5)}))

def second():
    first()

st.navigation([st.Page(first, default=True), st.Page(second, url_path='second')]).run()
"""
"""Two pages of a heading, a filter and a table: what Streamlit itself takes, at its root and at an address below."""
TIMES = 5
PATHS = ["", *(page.path for page in PAGES), "report", "provenance", "score-file"]


def validated(people: int, folder: Path) -> Path:
    """Simulate a study of so many people and validate it for real."""
    import instrument
    from analysis.pipeline import validate
    from analysis.simulation.simulate_study import simulate_study

    data = simulate_study("dta_example", n=people, seed=4)
    start = time.perf_counter()
    made = validate(
        data.responses,
        instrument.load("dta"),
        usage=data.usage,
        outcomes=data.outcomes,
        study=data.study,
        covariates=data.covariates,
        enrolment=data.enrolment,
    )
    print(f"validated {people:,} people in {time.perf_counter() - start:.0f} s")
    made.write(folder, forms=["html"])
    print(f"results.json holds {(folder / 'results.json').stat().st_size / 1e6:.2f} MB")
    return folder


def served(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the dashboard as people get it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)])
    for _ in range(300):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    return server, f"http://127.0.0.1:{port}/dashboard/"


def trivial() -> tuple[subprocess.Popen[bytes], str]:
    """Start a page of Streamlit that holds next to nothing, for comparison in the same run."""
    script = Path(tempfile.mkdtemp(prefix="trivial-")) / "page.py"
    script.write_text(TRIVIAL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "streamlit", "run", str(script), "--server.headless", "true", "--server.port", str(port)]
    quiet = ["--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"]
    server = subprocess.Popen([sys.executable, *command, *quiet], stdout=subprocess.DEVNULL)
    for _ in range(300):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    return server, f"http://127.0.0.1:{port}/"


def busy(server: subprocess.Popen[bytes]) -> float:
    """Seconds of processor the server has used: what remains comparable on a machine that does other things."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def opened(page: Page, address: str) -> tuple[float, float]:
    """Seconds to the heading, and to the end of the page with its figures."""
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("h1")
    painted = time.perf_counter() - start
    page.wait_for_selector(IDLE)
    return painted, time.perf_counter() - start


def again(page: Page, address: str) -> tuple[float, float]:
    """Middle of some openings of a page that was open before: to the heading, and to the end."""
    heads, ends = zip(*(opened(page, address) for _ in range(TIMES)), strict=True)
    return statistics.median(heads), statistics.median(ends)


def filtered(page: Page) -> float | None:
    """Middle of some changes of a filter: seconds from a value chosen to its page; None without a filter."""
    boxes = page.locator("[data-testid=stSelectbox] input")
    if boxes.count() == 0:
        return None
    taken = []
    for turn in range(TIMES):
        boxes.first.click()
        option = page.locator("[role=option]").nth(1 - turn % 2)
        option.wait_for()
        before = page.url
        start = time.perf_counter()
        option.click()
        page.wait_for_function("was => location.href !== was", arg=before)
        page.wait_for_selector(IDLE)
        taken.append(time.perf_counter() - start)
        page.wait_for_timeout(500)  # what is drawn after the run is no part of the next choice
    return statistics.median(taken)


def measured(folder: Path) -> None:
    """Print one line for each page, and the longest waits."""
    server, address = served(folder)
    worst = {"first": 0.0, "again": 0.0, "filter": 0.0}
    small, small_address = trivial()
    try:
        with sync_playwright() as playwright:
            found = shutil.which("chromium")
            browser = playwright.chromium.launch(
                executable_path=found, args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            bare = {}
            for path in ("", "second"):
                opened(page, small_address + path)
                bare[path] = again(page, small_address + path)[0]
            changed = filtered(page) or 1.0
            page.close()
            root, below = bare.values()
            print(
                f"trivial pages    again {root:.2f} and {below:.2f} below, filter {changed:.2f}", flush=True
            )
            for path in PATHS:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                begun = busy(server)
                first, whole = opened(page, address + path)
                used = busy(server) - begun
                head, rest = again(page, address + path)
                choice = filtered(page) if path != "score-file" else None
                text = f"{path or 'overview':16} first {first:.2f} (whole {whole:.2f}, processor {used:.2f})"
                text += f", again {head:.2f} ({rest:.2f}; {head / (below if path else root):.2f} of the trivial page)"
                if choice is not None:
                    text += f", filter {choice:.2f} ({choice / changed:.2f} of it)"
                print(text, flush=True)
                worst["first"] = max(worst["first"], first)
                worst["again"] = max(worst["again"], head)
                worst["filter"] = max(worst["filter"], choice or 0.0)
                page.close()
            browser.close()
    finally:
        for process in (server, small):
            process.terminate()
            process.wait(10)
    print("longest: " + ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in worst.items()))


def main() -> None:
    """Measure the folder named, or a study made for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--people", type=int)
    given = parser.parse_args()
    if given.folder is not None:
        measured(given.folder)
        return
    with tempfile.TemporaryDirectory() as room:
        measured(validated(given.people or 20_000, Path(room) / "results"))


if __name__ == "__main__":
    main()
