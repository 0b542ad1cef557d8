"""A study of known truth: people, answers, use and outcome drawn from a population file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.simulation.answers import Answers, ask
from analysis.simulation.audit import draw_audit
from analysis.simulation.codebook import codebook
from analysis.simulation.log import UsageTruth, draw_usage
from analysis.simulation.outcomes import draw_outcomes
from analysis.simulation.people import People, draw_people
from analysis.simulation.population import Population, load_population
from analysis.simulation.simulated_study import SimulatedStudy
from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.loading import load

__all__ = ["Population", "SimulatedStudy", "load_population", "simulate_study"]


def simulate_study(
    population: str | Path | Population, n: int | None = None, seed: int = 1
) -> SimulatedStudy:
    """Draw a whole study from a known population; everything in it is synthetic.

    Use it to try the toolkit, to plan a study, and to see what an analysis makes of a known truth.
    Do not use its figures as evidence about people.

    Parameters
    ----------
    population
        Name of a shipped population (`"dta_example"`), path of a population file, or a `Population`.
    n
        Number of participants; by default that of the population.
    seed
        Seed of every draw.

    Returns
    -------
    SimulatedStudy
        Tables of answers, use, outcomes and covariates, the study file and the truth behind them;
        `.write(folder)` writes them.

    Raises
    ------
    DefinitionError
        The population file is absent or impossible, does not fit its instrument, or n < 10.

    Notes
    -----
    The general factor is `G = b'C + sqrt(1 - b'b) o`, with contexts `C` and the person's own part `o`;
    a theme is `T = l G + sqrt(1 - l²) e`; the latent answer to an item is `l T + sqrt(1 - l²) u`, cut at
    the item's thresholds. Part of every disturbance lasts between waves. Each week a person is due one
    session, which is done with a probability that depends on `G`, on severity and on the person; each
    week they may leave. Alliance in later waves depends also on early use. Uniform numbers are drawn
    from PCG64 and transformed by explicit formulas, and no matrix is multiplied, so the same seed gives
    the same files on every machine.

    References
    ----------
    O'Neill (2014), PCG: a family of simple fast space-efficient statistically good algorithms for
    random number generation, HMC-CS-2014-0905. Muthén (1984), doi 10.1007/BF02294210 (thresholds of
    latent answers).

    Examples
    --------
    >>> study = simulate_study("dta_example", n=50, seed=3)
    >>> len(study.covariates)
    50
    >>> study.study["synthetic"]
    True
    """
    truth = population if isinstance(population, Population) else load_population(population)
    n = truth.participants if n is None else n
    if n < 10:
        raise DefinitionError(
            fact_and_hint("simulate_study", f"n = {n} is too few.", "ask for 10 or more participants.")
        )
    scale = load(truth.instrument)
    _check_items(truth, scale)
    people = draw_people(truth, n, seed)
    usage = draw_usage(truth, people, seed)
    answers = ask(truth, scale, people, usage, seed)
    return _assemble(truth, scale, people, usage, answers, seed)


def _check_items(truth: Population, scale: Instrument) -> None:
    faults = []
    if absent := [item for item in scale.item_ids if item not in truth.items]:
        faults.append(f"no truth is given for {name_offenders(absent)}")
    if unknown := [item for item in truth.items if item not in scale.item_ids]:
        faults.append(f"{name_offenders(unknown)} is not in the instrument")
    for item, drawn in truth.items.items():
        if item in scale.item_ids and len(drawn.thresholds) != scale.scale_of(item).n_options - 1:
            faults.append(f"{item!r} needs {scale.scale_of(item).n_options - 1} thresholds")
    if faults:
        fact = f"population {truth.id!r} does not fit instrument {scale.id!r}: {'; '.join(faults[:5])}."
        raise DefinitionError(fact_and_hint("simulate_study", fact, "mend the items of the population file."))


def _assemble(
    truth: Population, scale: Instrument, people: People, usage: UsageTruth, answers: Answers, seed: int
) -> SimulatedStudy:
    covariates = people.groups.copy()
    covariates.insert(0, "participant", people.ids)
    outcomes = draw_outcomes(truth, people, usage, seed)
    outcomes["change_rating"] = answers.change_rating
    withdrawn = pd.Series(usage.withdrawn_day).where(np.isfinite(usage.withdrawn_day)).astype("Int64")
    enrolment = pd.DataFrame({"participant": people.ids, "enrolled_day": 0, "withdrawn_day": withdrawn})
    hidden = pd.DataFrame({"participant": people.ids, "general": people.general, "careless": people.careless})
    hidden["left_day"] = usage.left_day
    hidden["sessions"] = usage.completed.sum(axis=1)
    for wave, standing in answers.standing.items():
        hidden[f"general_{wave}"] = standing[""]
    tables = {
        "usage": usage.events,
        "outcomes": outcomes,
        "covariates": covariates,
        "administrations": answers.administrations,
        "enrolment": enrolment,
    }
    companions = {name: companion.instrument for name, companion in truth.companions.items()}
    everything = {"responses": answers.responses, **tables, **answers.companions}
    audit = draw_audit(truth.audit, seed) if truth.audit is not None else None
    if audit is not None:
        everything["audit"] = audit
    return SimulatedStudy(
        response_file=answers.responses,
        instrument=scale,
        **tables,
        companions=answers.companions,
        companion_instruments=companions,
        study=truth.study,
        truth=hidden,
        audit=audit,
        readme=codebook(truth, scale, len(people.ids), seed, everything),
    )
