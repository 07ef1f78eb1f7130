"""How fast plans are simulated, as ratios that carry over from machine to machine.

``python benchmarks/simulation.py [--instance FILE] [--repeats N] [--markdown]``. One core. Everything is measured in
turn, repeat after repeat, and each ratio is that of medians. A device-draw decides whether one device of the plan
answers in one trial, and takes it into the answer of its group and of the system.

* ``raw``: NumPy's float32 uniforms, one a device-draw, into a buffer in the cache; nothing is done with them.
* ``compiled``, ``NumPy``: the two kernels behind :func:`rocoin_opt.simulate`.
* ``SimPy``: the same system as processes and events (extra ``bench``; left out where it is not installed).

A second table shows the rare events: plans that fail with probabilities around 1e-9, to 1 % by the 95 % interval.
The exit status is 1 where values contradict each other.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from peers.tables import figure, show

import rocoin_opt as ro
from rocoin_opt.failure.kernel import answer_seconds, count_answers
from rocoin_opt.failure.rare import failure_probability
from rocoin_opt.failure.simulation import simulate
from rocoin_opt.failure.system import System
from rocoin_opt.plan.latency import answer_distribution, group_timings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan

Groups: TypeAlias = list[list[tuple[float, float]]]
"""Crash probability and latency in seconds of each replica, by group."""

INSTANCE = Path(__file__).resolve().parent.parent / "instances" / "edge" / "edge-100-0.json"
BUFFER = 2**14
TARGETS = {("compiled", "raw"): 0.9, ("NumPy", "raw"): 0.15, ("compiled", "SimPy"): 50.0}
TRIALS = {"raw": 400_000, "compiled": 1_000_000, "compiled, kept": 400_000, "NumPy": 100_000, "SimPy": 400}
"""Trials of each measurement: tenths of a second."""
AGREEMENT = 5.0
"""Standard errors beyond which a simulated value contradicts the exact one."""
RARE_REPLICAS = {"1e-9": (1e-3, 3), "1e-12": (1e-4, 3)}
"""Crash probability of the devices, and replicas of a group, with 4 groups."""


@dataclass(frozen=True)
class Rate:
    """Device-draws per second, by repeat."""

    name: str
    draws: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.draws)


def main() -> None:
    """Measure, compare and print."""
    options = _parser().parse_args()
    instance = ro.read_instance(options.instance)
    plan = ro.solve(instance, "greedy").plan
    if plan is None:
        sys.exit(f"{options.instance}: no plan to simulate")
    faults = list(_contradictions(instance, plan))
    rates = _rates(instance, plan, options.repeats)
    title = f"{instance.name}, {len(System.of(instance, plan).device)} devices in {len(plan.groups)} groups, one core"
    header = ("what", "million device-draws/s", "of raw", "of SimPy", "target", "met")
    show(title, header, [_row(rate, rates) for rate in rates.values()], {"what"}, markdown=options.markdown)
    header = ("failure", "estimate", "exact", "standard error", "draws", "seconds")
    show("rare events", header, list(_rare_rows(options.repeats)), {"failure"}, markdown=options.markdown)
    for fault in faults:
        print(f"contradiction: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instance", type=Path, default=INSTANCE, metavar="FILE", help="with constant latencies")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="default 7")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of tables for terminals")
    return parser


def _rates(instance: Instance, plan: Plan, repeats: int) -> dict[str, Rate]:
    system = System.of(instance, plan)
    buffer, generator = np.empty(BUFFER, dtype=np.float32), np.random.default_rng(0)
    devices = len(system.device)

    def raw(trials: int) -> None:
        for _ in range(trials * devices // BUFFER):
            generator.random(out=buffer, dtype=np.float32)

    runs: dict[str, Callable[[int], Any]] = {
        "raw": raw,
        "compiled": lambda trials: count_answers(system, 0, 0, trials, compiled=True),
        "compiled, kept": lambda trials: answer_seconds(system, 0, 0, trials, compiled=True),
        "NumPy": lambda trials: count_answers(system, 0, 0, trials, compiled=False),
    }
    if importlib.util.find_spec("simpy") is not None:
        generator_of_simpy = random.Random(0)
        groups = _replicas(instance, plan)
        runs["SimPy"] = lambda trials: [simpy_answer(groups, generator_of_simpy) for _ in range(trials)]
    else:
        print("SimPy is not installed (extra bench): it is not measured", file=sys.stderr)
    for run in runs.values():
        # Compilers and caches are warm before the clock starts.
        run(10)
    draws: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            begin = time.perf_counter()
            run(TRIALS[name])
            draws[name].append(TRIALS[name] * devices / (time.perf_counter() - begin))
    return {name: Rate(name, tuple(values)) for name, values in draws.items()}


def _replicas(instance: Instance, plan: Plan) -> Groups:
    """Crash probability and latency of every replica, by group: what SimPy would otherwise look up in every trial."""
    arrays = instance.arrays
    return [
        [
            (
                float(arrays.failure[n]),
                float(arrays.latency(n, arrays.student_index[group.student], group.num_filters)),
            )
            for n in (arrays.device_index[name] for name in group.devices)
        ]
        for group in plan.groups
    ]


def simpy_answer(groups: Groups, generator: random.Random) -> float:
    """One trial as SimPy models it: each replica a delayed event, groups the first of theirs, the system the last."""
    import simpy

    environment = simpy.Environment()
    first = []
    for replicas in groups:
        answers = [environment.timeout(latency) for failure, latency in replicas if generator.random() >= failure]
        if not answers:
            return math.inf
        first.append(environment.any_of(answers))
    environment.run(until=environment.all_of(first))
    return float(environment.now)


def _row(rate: Rate, rates: dict[str, Rate]) -> list[str]:
    cells = [rate.name, f"{rate.median / 1e6:.4g} ({min(rate.draws) / 1e6:.4g}..{max(rate.draws) / 1e6:.4g})"]
    cells += [f"{rate.median / rates[peer].median:.3g}" if peer in rates else "-" for peer in ("raw", "SimPy")]
    targets = {peer: goal for (name, peer), goal in TARGETS.items() if name == rate.name and peer in rates}
    met = all(rate.median >= goal * rates[peer].median for peer, goal in targets.items())
    wanted = ", ".join(f"{goal:g} of {peer}" for peer, goal in targets.items())
    return [*cells, wanted or "-", ("yes" if met else "no") if targets else "-"]


def _contradictions(instance: Instance, plan: Plan) -> Iterator[str]:
    """Whether exact value, simulation and SimPy agree on the probability of an answer and on its mean time."""
    exact = answer_distribution(instance, group_timings(instance, plan))
    success = exact.cdf(math.inf)
    deadline = float(exact.seconds[-1])
    result = simulate(instance, plan, 1_000_000, deadline=deadline)
    assert result.expected is not None
    for what, estimate, value in (
        ("expected response", result.expected, exact.expected(deadline)),
        ("success probability", result.success_probability, success),
    ):
        if abs(estimate.value - value) > AGREEMENT * estimate.standard_error:
            yield f"{what}: simulated {estimate.value!r}, exact {value!r}"
    if importlib.util.find_spec("simpy") is not None:
        generator = random.Random(1)
        groups = _replicas(instance, plan)
        answers = [min(simpy_answer(groups, generator), deadline) for _ in range(2000)]
        error = statistics.stdev(answers) / math.sqrt(len(answers))
        if abs(statistics.mean(answers) - exact.expected(deadline)) > AGREEMENT * error:
            yield f"expected response: SimPy {statistics.mean(answers)!r}, exact {exact.expected(deadline)!r}"


def _rare_rows(repeats: int) -> Iterator[list[str]]:
    for name, (failure, replicas) in RARE_REPLICAS.items():
        for domain_failure in (0.0, failure**replicas):
            instance, plan = _rare_case(failure, replicas, domain_failure)
            seconds = []
            for _ in range(repeats):
                begin = time.perf_counter()
                estimate = failure_probability(instance, plan)
                seconds.append(time.perf_counter() - begin)
            # The domain takes half of the groups along.
            without = -math.expm1(4 * math.log1p(-(failure**replicas)))
            exact = domain_failure + (1.0 - domain_failure) * without
            yield [
                f"about {name}" + (", with a domain" if domain_failure else ""),
                figure(estimate.value),
                figure(exact),
                figure(estimate.standard_error),
                str(estimate.trials),
                f"{statistics.median(seconds):.4f}",
            ]


def _rare_case(failure: float, replicas: int, domain_failure: float) -> tuple[Instance, Plan]:
    device = {"flops_per_second": 1.0, "memory_bytes": 1, "uplink_bits_per_second": 1.0, "failure_probability": failure}
    devices = [{"id": f"d{n}", **device} for n in range(4 * replicas)]
    for n, row in enumerate(devices):
        if n % 4 < 2:
            row["failure_domain"] = "shared"
    instance = ro.Instance.model_validate(
        {
            "name": "rare",
            "devices": devices,
            "failure_domains": [{"id": "shared", "failure_probability": domain_failure}],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 1}],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0},
        }
    )
    groups = [
        ro.Group(devices=tuple(f"d{n}" for n in range(k, 4 * replicas, 4)), student="s", num_filters=1)
        for k in range(4)
    ]
    return instance, ro.Plan.of(instance, groups)


if __name__ == "__main__":
    main()
