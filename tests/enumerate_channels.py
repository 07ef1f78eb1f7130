"""Hold proofs with shared channels against every plan of many small instances: ``enumerate_channels.py FIRST LAST``.

Values come from the event-driven oracle, in fractions. Beside the least latencies, every crash state of the plans found
is played, with and without cancelling: no survivor answers after its calm time, and no group breaks the outage limit at
the guaranteed latency. Takes about two seconds an instance; ``tests/exact/channels`` looks at a few of them.
"""

from __future__ import annotations

import collections
import sys
from typing import TYPE_CHECKING

from oracle import ROUNDING, Block
from oracle_queues import QueueOracle, jobs_of, played
from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.exact.channels.air_relaxation import priced_air_bound
from rocoin_opt.exact.channels.search import exact_on_channels
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.airtime import airtime_bound
from rocoin_opt.plan.latency import THRESHOLD_OBJECTIVES

if TYPE_CHECKING:
    from fractions import Fraction

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan


def least(oracle: QueueOracle) -> tuple[dict[str, Fraction], int]:
    """Least latencies over all valid plans, and how many plans there are."""
    best: dict[str, Fraction] = {}
    count = 0
    for blocks in oracle.decisions(feasible_only=True):
        count += 1
        for objective in THRESHOLD_OBJECTIVES:
            value = oracle.latency(blocks, objective)
            if value is not None:
                best[objective] = min(value, best.get(objective, value))
    return best, count


def blocks_of(instance: Instance, plan: Plan) -> tuple[Block, ...]:
    """A plan as the oracle has it."""
    arrays = instance.arrays
    return tuple(
        Block(
            tuple(arrays.device_index[name] for name in group.devices),
            arrays.student_index[group.student],
            group.num_filters,
        )
        for group in plan.groups
    )


def require_guarantee(oracle: QueueOracle, blocks: tuple[Block, ...]) -> int:
    """Play every crash state of a plan; return how many there were."""
    jobs, devices = jobs_of(oracle.instance, blocks)
    calm, promised = oracle.calm(blocks), oracle.latency(blocks, "guaranteed")
    for cancel in (False, True):
        late = dict.fromkeys(range(len(blocks)), 0)
        for alive, probability in oracle.states:
            places = [place for place, n in enumerate(devices) if n in alive]
            arrived = played(jobs, places, cancel=cancel)
            assert all(t <= calm[devices[place]] for place, t in arrived.items())
            there = {jobs[place].group for place, t in arrived.items() if promised is not None and t <= promised}
            for k in late:
                late[k] += 0 if k in there else probability
        assert promised is None or all(outage <= oracle.limit * (1 + ROUNDING) for outage in late.values())
    return len(oracle.states)


def main(first: int, last: int) -> None:
    """Look at the instances of some seeds."""
    counts: collections.Counter[str] = collections.Counter()
    for seed in range(first, last):
        instance = random_queues(seed, domains=seed % 4 == 0, rate=seed % 5 == 1)
        oracle = QueueOracle(instance)
        best, plans = least(oracle)
        counts.update(instances=1, plans=plans)
        for objective in THRESHOLD_OBJECTIVES:
            found = exact_on_channels(instance, objective, Control.starting_now(), None)
            if objective not in best:
                wrong = found.plan is not None or not found.infeasible
                counts[f"{objective} infeasible"] += 1
            else:
                wrong = found.plan is None or found.lower_bound != float(best[objective])
                wrong = wrong or airtime_bound(instance, objective) > float(best[objective])
                top = 2.0 * float(best[objective])
                priced, _ = priced_air_bound(instance, objective, Control.starting_now(), 0.0, top)
                wrong = wrong or priced > float(best[objective])
                counts[f"{objective} proven"] += 1
            if found.plan is not None:
                wrong = wrong or bool(check(instance, found.plan))
                counts["states"] += require_guarantee(oracle, blocks_of(instance, found.plan))
            if wrong:
                counts["wrong"] += 1
                print("WRONG", seed, objective, found.lower_bound, best.get(objective), flush=True)
        if seed % 50 == 49 or seed == last - 1:
            print(seed + 1, dict(counts), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
