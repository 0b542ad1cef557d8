"""Run one thing in a process of its own, and give what it took: seconds, processor seconds and peak memory."""

from __future__ import annotations

import multiprocessing
import re
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What a function gave, and what it took; `gigabytes` is the peak of its process, imports with it."""

    gave: Any
    seconds: float
    processor: float
    gigabytes: float


def alone(what: Callable[..., Any], *given: Any) -> Took:
    """Run a function of a module in a new process: the peak is that of nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, what, *given).result()


def _measured(what: Callable[..., Any], *given: Any) -> Took:
    clock, processor = time.perf_counter(), time.process_time()
    gave = what(*given)
    return Took(
        gave=gave,
        seconds=time.perf_counter() - clock,
        processor=time.process_time() - processor,
        gigabytes=_peak(),
    )


def _peak() -> float:
    """Most memory that this process held, in gigabytes; without that of the one that started it."""
    if STATUS.exists():  # what `getrusage` gives begins with the parent's
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
        if found:
            return int(found.group(1)) / 1024**2
    scale = 1024**3 if sys.platform == "darwin" else 1024**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
