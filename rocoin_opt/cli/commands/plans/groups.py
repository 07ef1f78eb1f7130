"""The command ``groups``: how many groups the devices can form."""

from __future__ import annotations

from rocoin_opt.cli.options import AsJson, InstanceFile, Seed, Threads, TimeLimit
from rocoin_opt.cli.output import console, delivering, exit_without_plan, print_json, tell_reasons


def groups(
    instance: InstanceFile,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Find how many groups the devices of INSTANCE can form within the outage limit, with a proof."""
    from rocoin_opt.cli.progress import showing_work
    from rocoin_opt.instance import read_instance
    from rocoin_opt.planning.most_groups import max_groups
    from rocoin_opt.report import groups_document, print_groups

    given = read_instance(instance)
    with showing_work(f"{given.name}, groups"):
        found = max_groups(given, time_limit=time_limit, seed=seed, threads=threads)
    with delivering():
        if as_json:
            print_json(groups_document(found))
            tell_reasons(found.reasons)
        else:
            print_groups(found, console())
    exit_without_plan(found.termination)
