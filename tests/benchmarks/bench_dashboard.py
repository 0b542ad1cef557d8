"""Seconds until each view of the dashboard has run, first and again: bench_dashboard.py RESULTS_FOLDER."""

from __future__ import annotations

import os
import sys
import time

from streamlit.testing.v1 import AppTest

from dashboard.catalogue import PAGES


def _view(path: str) -> None:
    from dashboard.catalogue import PAGES
    from dashboard.views import topics

    topics.show(next(page for page in PAGES if page.path == path))


def main() -> None:
    """Print one line for each page."""
    os.environ["DTA_RESULTS"] = sys.argv[1]
    for page in PAGES:
        test = AppTest.from_function(_view, kwargs={"path": page.path}, default_timeout=120)
        taken = []
        for _ in range(2):
            start = time.perf_counter()
            test.run()
            taken.append(time.perf_counter() - start)
        text = f"{page.path:16} first {taken[0]:.2f} s, again {taken[1]:.2f} s"
        if test.selectbox:
            start = time.perf_counter()
            test.selectbox[0].select_index(1).run()
            text += f", filter {time.perf_counter() - start:.2f} s"
        print(text)


if __name__ == "__main__":
    main()
