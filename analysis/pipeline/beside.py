"""Topics in one process or in two: those that speak of the items alone can be computed beside the others."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from analysis.common.options import is_whole
from analysis.common.rules import in_force
from analysis.correlation.kept import kept_moments
from analysis.pipeline.answering import answer
from analysis.pipeline.context import Context
from analysis.pipeline.section import Topic
from instrument.errors import DefinitionError, fact_and_hint

Sections = dict[str, dict[str, Any]]
Progress = Callable[[str, int, int], None]
Passed = tuple[str, type[Warning], str, int]

OF_ITEMS = ("reliability", "sampling", "retention", "exploration", "models", "irt", "fairness")
"""Topics that ask nothing of use, and share with each other what they compute: about half of the work."""


MANY_ANSWERS = 50_000
"""Below this a second process takes longer to start than it saves."""


def suited_workers(responses: pd.DataFrame) -> int:
    """Two processes for many answers on a machine of two processors or more, else one."""
    enough = responses.size >= MANY_ANSWERS and (os.cpu_count() or 1) > 1
    return 2 if enough else 1


def checked_workers(workers: int) -> int:
    """Refuse a number of processes that is none.

    Raises
    ------
    DefinitionError
        It is no whole number of at least one.
    """
    if not is_whole(workers) or workers < 1:
        fact = f"workers is {workers!r}."
        raise DefinitionError(fact_and_hint("validate", fact, "give a number of processes, 1 or more."))
    return workers


def answer_all(
    topics: Sequence[Topic], context: Context, workers: int, progress: Progress | None
) -> Sections:
    """Ask topics, in two processes where there are two workers and enough for both.

    Parameters
    ----------
    topics
        In the order of the report.
    context
        The validation.
    workers
        Processes that may be used.
    progress
        Told each topic's title, number and the count of topics, before it runs or is waited for.

    Returns
    -------
    dict
        Sections by name, in the order of the topics.
    """
    apart = [topic for topic in topics if topic.name in OF_ITEMS] if workers > 1 else []
    here = [topic for topic in topics if topic not in apart]
    if not here or len(apart) < 2:
        apart, here = [], list(topics)
    found: Sections = {}
    with _started([topic.name for topic in apart], context) as waited_for:
        for number, topic in enumerate([*here, *apart], start=1):
            if progress is not None:
                progress(topic.title, number, len(topics))
            found |= waited_for() if topic in apart else {topic.name: answer(topic, context)}
    return {topic.name: found[topic.name] for topic in topics}


@contextmanager
def _started(names: list[str], context: Context) -> Iterator[Callable[[], Sections]]:
    """Begin to ask topics in another process; what is given waits for them and passes their warnings on."""
    if not names:
        yield dict
        return
    from joblib import Parallel, delayed

    sent = replace(context, usage=None, use_by_wave=None, use_over_time=None, whole=None, _kept={}, _ran={})
    running = Parallel(n_jobs=2, return_as="generator")([delayed(_answered)(names, sent)])
    arrived: list[Sections] = []

    def waited_for() -> Sections:
        if not arrived:
            sections, passed = next(running)
            for text, category, filename, line in passed:
                warnings.warn_explicit(text, category, filename, line)
            arrived.append(sections)
        return arrived[0]

    try:
        yield waited_for
    finally:
        running.close()


def _answered(names: list[str], context: Context) -> tuple[Sections, list[Passed]]:
    """Ask topics by name, in a process of their own."""
    from analysis.pipeline.topics import TOPICS

    with (
        threadpool_limits(1),
        in_force(context.plan.rules),
        kept_moments(),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        sections = {topic.name: answer(topic, context) for topic in TOPICS if topic.name in names}
    return sections, [(str(w.message), w.category, w.filename, w.lineno) for w in caught]
