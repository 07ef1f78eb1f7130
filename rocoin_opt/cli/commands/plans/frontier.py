"""The command ``frontier``: latency against the quality of the partition."""

from __future__ import annotations

from typing import Annotated

import typer

from rocoin_opt.cli.options import (
    AsJson,
    CriterionName,
    InstanceFile,
    LatencyObjectiveName,
    Seed,
    Threads,
    TimeLimit,
    UnboundPolish,
    objective_named,
)
from rocoin_opt.cli.output import (
    console,
    delivering,
    exit_without_plan,
    print_json,
    tell_estimated_classes,
    tell_reasons,
)


def frontier(
    instance: InstanceFile,
    objective: LatencyObjectiveName = "guaranteed",
    criterion: CriterionName = "ncut",
    points: Annotated[int, typer.Option("--points", metavar="N", help="Largest number of points, at least 2.")] = 10,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    threads: Threads = 1,
    polish: UnboundPolish = None,
    as_json: AsJson = False,
) -> None:
    """Show what a better partition of the filters of INSTANCE costs in latency."""
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.instance import read_instance
    from rocoin_opt.planning.frontier import frontier as find_frontier
    from rocoin_opt.report import frontier_document, print_frontier

    given = read_instance(instance)
    tell_estimated_classes(given, criterion)
    with showing_progress(f"{given.name}, frontier") as report:
        found = find_frontier(
            given,
            objective_named(objective),
            criterion=criterion,
            points=points,
            time_limit=time_limit,
            seed=seed,
            threads=threads,
            polish=polish,
            report=report,
        )
    with delivering():
        if as_json:
            print_json(frontier_document(found))
            tell_reasons(found.reasons)
        else:
            print_frontier(found, console())
    exit_without_plan(found.termination)
