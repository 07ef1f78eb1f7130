"""The command ``evaluate``: what to expect of a plan under failure."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import Annotated

import typer


def evaluate(
    instance: Annotated[Path, typer.Argument(metavar="INSTANCE", help="Instance file (*.json).")],
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="Plan file (*.plan.json).")],
    trials: Annotated[
        int | None, typer.Option("--trials", metavar="N", help="Simulate so many requests beside the exact figures.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the simulation.")] = 0,
    deadline: Annotated[
        float | None, typer.Option("--deadline", metavar="S", help="Deadline in seconds; else the instance's own.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes that simulate.")] = 1,
    losses: Annotated[bool, typer.Option("--losses", help="Say what the loss of each device would do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what to expect of PLAN under failure: latency, quantiles and success probability, exact and simulated."""
    from rich.console import Console

    from rocoin_opt.documents import readable_json
    from rocoin_opt.failure import assessment
    from rocoin_opt.instance.files import read_instance
    from rocoin_opt.plan.files import read_plan
    from rocoin_opt.report.assessment import assessment_document, print_assessment

    given = read_instance(instance)
    decided = read_plan(plan, given)
    figures = assessment.assess(given, decided, deadline)
    simulation = (
        None
        if trials is None
        else assessment.simulated(given, decided, trials, seed=seed, deadline=deadline, workers=workers)
    )
    lost = assessment.losses(given, decided, deadline) if losses else None
    if as_json:
        print(readable_json(assessment_document(figures, simulation, lost)))
    else:
        end = deadline if deadline is not None else given.requirements.deadline_seconds
        print_assessment(given, decided, end, figures, simulation, lost, Console(highlight=False, soft_wrap=False))
