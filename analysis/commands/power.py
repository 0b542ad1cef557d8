"""`dta plan power` and `dta plan table`: how many people a study needs, by simulating its own analyses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from analysis.power.plan_power import PowerResult
    from analysis.power.plan_table import PlanTable

USUAL_ODDS_RATIO = 1.35
plan = typer.Typer(help="Plan a study before it starts.", no_args_is_help=True)

StudyFile = Annotated[Path, typer.Argument(help="Study file: intended use, landmark, waves.")]
Sizes = Annotated[str, typer.Option("--n", help="Numbers enrolled, separated by commas.")]
Replications = Annotated[
    int, typer.Option("--replications", "-r", min=1, help="Simulated studies per number.")
]
OddsRatio = Annotated[
    float | None,
    typer.Option(
        "--odds-ratio", help="Odds of a due unit per standard deviation of true alliance; by default 1.35."
    ),
]
Theme = Annotated[
    str | None,
    typer.Option(
        "--theme",
        help="Take the odds ratio from the published correlation with outcome, by this theme or `total`.",
    ),
]
Reliability = Annotated[float, typer.Option("--reliability", help="Reliability of one rating, 0 to 1.")]
Answered = Annotated[float, typer.Option("--answered", help="Share of the enrolled with a rating.")]
Left = Annotated[float, typer.Option("--left", help="Share of those who had left by the landmark.")]
Done = Annotated[float, typer.Option("--done", help="Share of due units an average person does.")]
Spread = Annotated[float, typer.Option("--spread", help="Intraclass correlation of units within a person.")]
Earlier = Annotated[float, typer.Option("--earlier-odds-ratio", help="Odds per SD of the earlier habit.")]
Before = Annotated[
    float, typer.Option("--before-alliance", help="Correlation of measured earlier use and alliance.")
]
Hidden = Annotated[
    float,
    typer.Option("--hidden-cause", help="Correlation of alliance with a habit that early use does not show."),
]
ClusterSize = Annotated[
    int, typer.Option("--cluster-size", min=1, help="People of each clinic; 1 where people are independent.")
]
ClusterUse = Annotated[
    float, typer.Option("--cluster-use", help="Share of the variance of habit that lies between clinics.")
]
ClusterAlliance = Annotated[
    float, typer.Option("--cluster-alliance", help="Share of the variance of alliance between clinics.")
]
EnrolmentDays = Annotated[
    float, typer.Option("--enrolment-days", min=0, help="Days over which people enrol; 0: all together.")
]
ReadDay = Annotated[
    float | None,
    typer.Option(
        "--read-day", help="Day after the first enrolment on which the log is read. By default the last end."
    ),
]
Alpha = Annotated[float, typer.Option("--alpha", help="Two-sided level of the test.")]
Target = Annotated[float, typer.Option("--target", help="Power aimed at, 0 to 1.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed; figures do not depend on the workers.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes on this machine.")]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="Address of a Dask scheduler, such as tcp://host:8786.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write all figures: .json or .csv.")]
Size = Annotated[
    list[str] | None,
    typer.Option(
        "--size", help="A supposed correlation, `name=r`; again for more. By default published ones."
    ),
]
Followed = Annotated[float, typer.Option("--followed", help="Share of the enrolled with rating and outcome.")]
Days = Annotated[
    float | None,
    typer.Option(
        "--days", help="Active days of an average person after the landmark; 1.5 for each unit due."
    ),
]
Overdispersion = Annotated[float, typer.Option("--overdispersion", help="a in m + a m², variance of days.")]
Disengaged = Annotated[
    float, typer.Option("--disengaged", help="Share of average people who disengage after the landmark.")
]
Habit = Annotated[
    float, typer.Option("--habit", help="Work of the earlier habit, in SD of what is left of each outcome.")
]


@plan.command("power")
def power_command(
    study: StudyFile,
    n: Sizes = "100,200,400",
    replications: Replications = 1000,
    odds_ratio: OddsRatio = None,
    theme: Theme = None,
    reliability: Reliability = 0.85,
    answered: Answered = 0.75,
    left: Left = 0.15,
    done: Done = 0.5,
    spread: Spread = 0.35,
    earlier_odds_ratio: Earlier = 2.0,
    before_alliance: Before = 0.2,
    hidden_cause: Hidden = 0.0,
    cluster_size: ClusterSize = 1,
    cluster_use: ClusterUse = 0.05,
    cluster_alliance: ClusterAlliance = 0.05,
    enrolment_days: EnrolmentDays = 0.0,
    read_day: ReadDay = None,
    alpha: Alpha = 0.05,
    target: Target = 0.8,
    seed: Seed = 1,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Out = None,
) -> None:
    """Simulate the study's landmark analysis with the effect and without it; ask for a number of people."""
    from analysis.commands.validate import progress_display
    from analysis.power.plan_power import plan_power

    sizes = _sizes(n)
    _check_place(out)
    expected = _expected(study, odds_ratio, theme, reliability)
    with progress_display() as progress:
        found = plan_power(
            study,
            sizes,
            replications,
            scheduler,
            odds_ratio=expected,
            reliability=reliability,
            answered=answered,
            left=left,
            done=done,
            spread=spread,
            earlier_odds_ratio=earlier_odds_ratio,
            before_alliance=before_alliance,
            hidden_cause=hidden_cause,
            cluster_size=cluster_size,
            cluster_use=cluster_use,
            cluster_alliance=cluster_alliance,
            enrolment_days=enrolment_days,
            read_day=read_day,
            alpha=alpha,
            target=target,
            seed=seed,
            workers=workers,
            progress=_tenths(progress),
        )
    typer.echo(
        found.table[["n", "analysed", "power", "ci_lower", "ci_upper", "level", "level_state", "failed"]]
        .round(3)
        .to_string(index=False)
    )
    typer.echo(found.sentence())
    typer.echo("Supposed, not known: " + ", ".join(f"{k} {v:g}" for k, v in found.assumptions.items()) + ".")
    if out is not None:
        _write(found, out)
        typer.echo(f"All figures in {out}")


@plan.command("table")
def table_command(
    study: StudyFile,
    size: Size = None,
    replications: Replications = 1000,
    reliability: Reliability = 0.85,
    answered: Answered = 0.75,
    left: Left = 0.15,
    followed: Followed = 0.6,
    done: Done = 0.5,
    spread: Spread = 0.35,
    days: Days = None,
    overdispersion: Overdispersion = 0.5,
    disengaged: Disengaged = 0.4,
    habit: Habit = 0.4,
    before_alliance: Before = 0.2,
    enrolment_days: EnrolmentDays = 0.0,
    read_day: ReadDay = None,
    alpha: Alpha = 0.05,
    target: Target = 0.8,
    seed: Seed = 1,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Out = None,
) -> None:
    """People that each analysis of the study needs, in one table, with published sizes or your own."""
    from analysis.commands.validate import progress_display
    from analysis.power.plan_table import plan_table

    _check_place(out)
    sizes = None if not size else dict(_named_size(given) for given in size)
    with progress_display() as progress:
        found = plan_table(
            study,
            sizes,
            replications,
            reliability=reliability,
            answered=answered,
            left=left,
            followed=followed,
            done=done,
            spread=spread,
            days=days,
            overdispersion=overdispersion,
            disengaged=disengaged,
            habit=habit,
            before_alliance=before_alliance,
            enrolment_days=enrolment_days,
            read_day=read_day,
            alpha=alpha,
            target=target,
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
        )
    typer.echo(found.summary())
    if out is not None:
        _write(found, out)
        typer.echo(f"All figures in {out}")


def _named_size(given: str) -> tuple[str, float]:
    from instrument.errors import DefinitionError, fact_and_hint

    name, _, number = given.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        fact = f"--size is {given!r}, not a name and a correlation."
        raise DefinitionError(fact_and_hint("dta plan table", fact, "write --size total=0.21.")) from None


def _expected(study: Path, odds_ratio: float | None, theme: str | None, reliability: float) -> float:
    """Odds ratio that was given, that of a theme, or the usual one."""
    from analysis.power.expected_sizes import SOURCE, expected_correlations, expected_odds_ratio
    from instrument.errors import DefinitionError, fact_and_hint
    from instrument.loading import load_beside
    from instrument.study import load_study

    if theme is None:
        return USUAL_ODDS_RATIO if odds_ratio is None else odds_ratio
    if odds_ratio is not None:
        fact = "--theme and --odds-ratio both give the size."
        raise DefinitionError(fact_and_hint("dta plan power", fact, "give one of them."))
    scale = load_beside(load_study(study).instrument, study.parent)
    found = expected_odds_ratio(scale, theme, reliability)
    typer.echo(
        f"Odds ratio {found:.3f} for {theme}, from the published correlation with outcome of "
        f"{expected_correlations(scale)[theme]:.2f} ({SOURCE}). That use goes with alliance as outcome does "
        "is an assumption; alliance was mostly with a human guide."
    )
    return found


def _tenths(progress: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    """Tell of every tenth of the work only: plain lines would run into the hundreds."""

    def tell(what: str, number: int, count: int) -> None:
        if number * 10 // count > (number - 1) * 10 // count:
            progress(what, number, count)

    return tell


def _sizes(given: str) -> tuple[int, ...]:
    from instrument.errors import DefinitionError, fact_and_hint

    try:
        return tuple(int(part) for part in given.split(","))
    except ValueError:
        fact = f"--n is {given!r}, not whole numbers separated by commas."
        raise DefinitionError(fact_and_hint("dta plan power", fact, "write --n 100,200,400.")) from None


def _check_place(out: Path | None) -> None:
    """Refuse a place that cannot be written before hours are spent."""
    from instrument.errors import DefinitionError, fact_and_hint

    if out is None:
        return
    if out.suffix.lower() not in (".json", ".csv"):
        fact = f"{out.name}: {out.suffix!r} is not written."
        raise DefinitionError(fact_and_hint("dta plan power", fact, "give .json or .csv."))
    if not out.resolve().parent.is_dir():
        fact = f"there is no folder {str(out.parent)!r}."
        raise DefinitionError(fact_and_hint("dta plan power", fact, "make it first."))


def _write(found: PowerResult | PlanTable, out: Path) -> None:
    if out.suffix.lower() == ".csv":
        from instrument.reading.written_cells import csv_text

        out.write_text(csv_text(found.to_frame()), encoding="utf-8", newline="")
        return
    out.write_text(json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
