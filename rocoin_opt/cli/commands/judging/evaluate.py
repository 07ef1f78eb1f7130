"""The command ``evaluate``: what to expect of a plan under failure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rocoin_opt.cli.options import AsJson, Deadline, InstanceFile, PlanFile, Seed, refuse
from rocoin_opt.cli.output import console, print_json


def evaluate(
    instance: InstanceFile,
    plan: PlanFile,
    trials: Annotated[int | None, typer.Option("--trials", metavar="N", help="Also simulate so many requests.")] = None,
    seed: Seed = 0,
    deadline: Deadline = None,
    traces: Annotated[
        Path | None,
        typer.Option("--traces", metavar="FILE", help="Simulate by replaying measured requests (*.npz)."),
    ] = None,
    cancel: Annotated[
        bool,
        typer.Option("--cancel", help="Simulate a source that lets no replica send once its group has answered."),
    ] = False,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Number of processes for the simulation.")] = 1,
    losses: Annotated[bool, typer.Option("--losses", help="Show what the loss of each device would do.")] = False,
    replicas: Annotated[
        bool, typer.Option("--replicas", help="Show what one more replica would gain: a spare, or a twin of a device.")
    ] = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Show which crash probabilities and rates the figures depend on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute the figures of PLAN under failure: success, latency and quantiles, exact and simulated."""
    from rocoin_opt.cli.progress import showing_trials, showing_work
    from rocoin_opt.control import ended_by_termination
    from rocoin_opt.failure import (
        assess,
        assess_calm,
        deadline_of,
        has_exact_answer,
        read_traces,
        replica_values,
        sensitivities,
        simulated,
    )
    from rocoin_opt.failure import losses as losses_of
    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import read_plan
    from rocoin_opt.planning.simplify import Simplifications, simplifications
    from rocoin_opt.report import Assessment, assessment_document, print_assessment

    if traces is not None and trials is None:
        # The exact figures would ignore them.
        refuse("--traces", "no --trials", "--traces with --trials N")
    if cancel and trials is None:
        refuse("--cancel", "no --trials", "--cancel with --trials N")
    given = read_instance(instance)
    decided = read_plan(plan, given)
    replayed = None if traces is None else read_traces(traces, given)
    # Queues for channels may be too long, or too random, for exact figures of the whole answer.
    is_exact = trials is None or has_exact_answer(given, decided)
    figures = assess(given, decided, deadline) if is_exact else assess_calm(given, decided)
    simulation = None
    if trials is not None:
        # With workers there is more to end than this process.
        with ended_by_termination(), showing_trials(f"{given.name}, simulation") as advance:
            simulation = simulated(
                given,
                decided,
                trials,
                seed=seed,
                deadline=deadline,
                workers=workers,
                advance=advance,
                traces=replayed,
                cancel=cancel,
            )
    with showing_work(f"{given.name}, what if"):
        found = Assessment(
            instance=given,
            plan=decided,
            deadline=deadline_of(given, deadline),
            figures=figures,
            simpler=simplifications(given, decided, deadline) if is_exact else Simplifications(None, None),
            simulation=simulation,
            traces=replayed,
            is_exact=is_exact,
            losses=losses_of(given, decided, deadline) if losses else None,
            replicas=replica_values(given, decided, deadline) if replicas else None,
            sensitivities=sensitivities(given, decided, deadline) if sensitivity else None,
        )
    if as_json:
        print_json(assessment_document(found))
    else:
        print_assessment(found, console())
