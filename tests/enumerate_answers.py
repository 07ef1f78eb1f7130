"""Hold ``exact`` for the whole answer against every plan of many tiny instances: ``enumerate_answers.py [NUMBER]``.

Failure, missing share and quantile of up to six devices, with and without ``min_success``, with certain and impossible
crashes, outage limits that a product meets exactly, deadlines below every latency and ties. Values are those of the
oracle, in fractions. ``tests/planning`` looks at a few such instances.
"""

from __future__ import annotations

import collections
import math
import sys

from hypothesis import HealthCheck, given, settings

import oracle
import rocoin_opt as ro
from rocoin_opt.plan.latency import ANSWER_OBJECTIVES
from strategies import instances

TOLERANCE = 1e-9


def compare(number: int) -> collections.Counter[str]:
    """Solve so many instances for each objective; raises where a plan, a value or a proof is wrong."""
    seen: collections.Counter[str] = collections.Counter()

    @settings(
        max_examples=number, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(instances(max_devices=6, max_students=2, max_filters=3, deadline=None, level=True, success=None))
    def solved(instance: ro.Instance) -> None:
        seen["instances"] += 1
        seen["with min_success"] += instance.requirements.min_success is not None
        for objective in ANSWER_OBJECTIVES:
            result, best = ro.solve(instance, "exact", objective, explain=False), oracle.best(instance, objective)
            if best is None or math.isinf(best[0]):
                assert result.termination == "infeasible", (instance, objective)
                seen[f"{objective}: proven to be impossible"] += 1
                continue
            assert result.termination == "optimal", (instance, objective)
            assert ro.check(instance, result) == (), (instance, objective)
            assert math.isclose(result.objective_value, best[0], rel_tol=TOLERANCE), (instance, objective)
            assert (result.lower_bound or 0.0) <= best[0] * (1 + TOLERANCE), (instance, objective)
            seen[f"{objective}: proven"] += 1

    solved()
    return seen


if __name__ == "__main__":
    for what, count in compare(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000).items():
        print(f"{what}: {count:,}")
