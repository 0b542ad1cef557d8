"""The example's audit is drawn with the study, says that it is made up, and touches nothing else."""

from __future__ import annotations

import pytest

from analysis.audit.audit_agreement import audit_agreement
from analysis.simulation.population import load_population
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from instrument.errors import ToolkitError


@pytest.fixture(scope="module")
def study() -> SimulatedStudy:
    return simulate_study("dta_example", n=40)


def test_two_raters_go_through_every_principle(study: SimulatedStudy) -> None:
    assert study.audit is not None
    found = audit_agreement(study.audit)
    assert found.table["n"].iloc[0] == 28
    assert found.table["kappa"].iloc[0] > 0.3
    assert study.audit["app"].unique().tolist() == [study.study["app"]]


def test_it_says_that_it_is_made_up(study: SimulatedStudy) -> None:
    assert study.audit is not None
    assert study.audit["rater"].str.startswith("syn-").all()
    seen = study.audit.loc[study.audit["rating"] == "present", "evidence"]
    assert seen.str.startswith("SYNTHETIC").all()


def test_it_does_not_depend_on_the_number_of_people_and_changes_with_the_seed(study: SimulatedStudy) -> None:
    assert study.audit is not None
    again = simulate_study("dta_example", n=60).audit
    other = simulate_study("dta_example", n=40, seed=2).audit
    assert again is not None and other is not None
    assert again.equals(study.audit) and not other.equals(study.audit)


def test_a_population_without_an_app_has_no_audit() -> None:
    bare = load_population("dta_example").model_copy(update={"audit": None})
    found = simulate_study(bare, n=40)
    assert found.audit is None and "audit.csv" not in found.readme


def test_a_share_beyond_one_is_refused() -> None:
    truth = load_population("dta_example")
    assert truth.audit is not None
    with pytest.raises((ValueError, ToolkitError), match="present"):
        type(truth.audit).model_validate({**truth.audit.model_dump(), "present": {"dialogue": 1.4}})
