"""How fast plans are simulated, as ratios that carry over from machine to machine.

``python benchmarks/simulation.py [--instance FILE] [--repeats N]``. One core. Everything is measured in turn, repeat
after repeat, and each ratio is that of medians. A device-draw decides whether one device of the plan answers in one
trial, and takes it into the answer of its group and of the system.

* ``raw``: NumPy's float32 uniforms, one a device-draw, into a buffer in the cache; nothing is done with them.
* ``compiled``, ``NumPy``: the two kernels behind :func:`rocoin_opt.simulate`.
* ``SimPy``: the same system as processes and events, in a process of its own (extra ``bench``; left out where it is not
  installed).

A second table shows the rare events: plans that fail with probabilities around 1e-9, to 1 % by the 95 % interval.
The exit status is 1 where values contradict each other.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from peers import simpy_trials
from peers.medians import spread
from peers.tables import figure, show, spread_text
from script import Document, Script, run, shared_options

import rocoin_opt as ro
from rocoin_opt.failure.monte_carlo.kernel import answer_seconds, count_answers
from rocoin_opt.failure.monte_carlo.rare import failure_probability
from rocoin_opt.failure.monte_carlo.simulation import simulate
from rocoin_opt.failure.monte_carlo.system import System
from rocoin_opt.plan.latency import answer_distribution, group_timings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan

INSTANCE = Path(__file__).resolve().parent.parent / "instances" / "edge" / "edge-100-0.json"
BUFFER = 2**14
TRIALS = {"raw": 400_000, "compiled": 1_000_000, "compiled, kept": 400_000, "NumPy": 100_000, "SimPy": 400}
"""Trials of each measurement: tenths of a second."""
SIMPY_COST = 500
"""How many trials of ours one of SimPy's stands for where both are held to the exact values."""
LARGE = 100.0
"""From here on ratios are shown as whole numbers."""
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


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Rates by repeat, rare events by repeat, and what contradicts the exact values."""
    instance = ro.read_instance(options.instance)
    plan = ro.solve(instance, "greedy").plan
    if plan is None:
        sys.exit(f"{options.instance}: no plan to simulate")
    return {
        "instance": instance.name,
        "replicas": len(System.of(instance, plan).device),
        "groups": len(plan.groups),
        "contradictions": list(_contradictions(instance, plan, options.check_trials)),
        "device_draws_per_second": _rates(instance, plan, options.repeats, options.share),
        "rare": list(_rare_events(options.repeats)),
    }


def show_tables(found: Document, *, markdown: bool) -> None:
    """Rates with their ratios, then rare events."""
    results = found["results"]
    rates = {name: Rate(name, tuple(draws)) for name, draws in results["device_draws_per_second"].items()}
    repeats = len(next(iter(rates.values())).draws)
    title = (
        f"Plan of {results['instance']}, {results['replicas']} devices in {results['groups']} groups, one core: "
        f"medians of {repeats} repeats (smallest..largest)"
    )
    header = ("what", "million device-draws/s", "of raw", "of SimPy")
    show(title, header, [_row(rate, rates) for rate in rates.values()], {"what"}, markdown=markdown)
    header = ("failure", "estimate", "exact", "standard error", "draws", "seconds")
    title = "Rare events: until the 95 % interval is within 1 %"
    show(title, header, [_rare_row(row) for row in results["rare"]], {"failure"}, markdown=markdown)


def faults(found: Document) -> list[str]:
    """What was found to contradict the exact values."""
    return list(found["results"]["contradictions"])


def _rates(instance: Instance, plan: Plan, repeats: int, share: float) -> dict[str, list[float]]:
    system = System.of(instance, plan)
    buffer, generator = np.empty(BUFFER, dtype=np.float32), np.random.default_rng(0)
    devices = len(system.device)

    def raw(trials: int) -> None:
        for _ in range(trials * devices // BUFFER):
            generator.random(out=buffer, dtype=np.float32)

    def timed(work: Callable[[int], Any]) -> Callable[[int], float]:
        # Compilers and caches are warm before the clock starts.
        work(10)

        def seconds(trials: int) -> float:
            begin = time.perf_counter()
            work(trials)
            return time.perf_counter() - begin

        return seconds

    runs: dict[str, Callable[[int], float]] = {
        "raw": timed(raw),
        "compiled": timed(lambda trials: count_answers(system, 0, 0, trials, compiled=True)),
        "compiled, kept": timed(lambda trials: answer_seconds(system, 0, 0, trials, compiled=True)),
        "NumPy": timed(lambda trials: count_answers(system, 0, 0, trials, compiled=False)),
    }
    if simpy_trials.installed():
        groups = _replicas(instance, plan)
        runs["SimPy"] = lambda trials: simpy_trials.trial_seconds(groups, trials, 0)
    else:
        print("SimPy is not installed (extra bench): it is not measured", file=sys.stderr)
    draws: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, seconds in runs.items():
            trials = max(1, round(share * TRIALS[name]))
            draws[name].append(trials * devices / seconds(trials))
    return draws


def _replicas(instance: Instance, plan: Plan) -> simpy_trials.Groups:
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


def _row(rate: Rate, rates: dict[str, Rate]) -> list[str]:
    cells = [rate.name, f"{rate.median / 1e6:.4g} ({min(rate.draws) / 1e6:.4g}..{max(rate.draws) / 1e6:.4g})"]
    for peer in ("raw", "SimPy"):
        ratio = rate.median / rates[peer].median if peer in rates else None
        cells.append("-" if ratio is None else f"{ratio:,.0f}" if ratio >= LARGE else f"{ratio:.3g}")
    return cells


def _contradictions(instance: Instance, plan: Plan, trials: int) -> Iterator[str]:
    """Whether exact value, simulation and SimPy agree on the probability of an answer and on its mean time."""
    exact = answer_distribution(instance, group_timings(instance, plan))
    success = exact.cdf(math.inf)
    deadline = float(exact.seconds[-1])
    result = simulate(instance, plan, trials, deadline=deadline)
    assert result.expected is not None
    for what, estimate, value in (
        ("expected response", result.expected, exact.expected(deadline)),
        ("success probability", result.success_probability, success),
    ):
        if abs(estimate.value - value) > AGREEMENT * estimate.standard_error:
            yield f"{what}: simulated {estimate.value!r}, exact {value!r}"
    if simpy_trials.installed():
        told = simpy_trials.answers(_replicas(instance, plan), trials // SIMPY_COST, 1)
        answers = [min(seconds, deadline) for seconds in told]
        error = statistics.stdev(answers) / math.sqrt(len(answers))
        if abs(statistics.mean(answers) - exact.expected(deadline)) > AGREEMENT * error:
            yield f"expected response: SimPy {statistics.mean(answers)!r}, exact {exact.expected(deadline)!r}"


def _rare_events(repeats: int) -> Iterator[dict[str, Any]]:
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
            yield {
                "name": f"about {name}" + (", with a domain" if domain_failure else ""),
                "estimate": estimate.value,
                "exact": domain_failure + (1.0 - domain_failure) * without,
                "standard_error": estimate.standard_error,
                "trials": estimate.trials,
                "seconds": seconds,
            }


def _rare_row(row: dict[str, Any]) -> list[str]:
    return [
        row["name"],
        *(figure(row[key]) for key in ("estimate", "exact", "standard_error")),
        str(row["trials"]),
        spread_text(spread(row["seconds"]), "{:.4f}".format),
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


QUICK = {"repeats": 3, "share": 0.1, "check_trials": 100_000}
SCRIPT = Script("simulation", measure, show_tables, faults, quick=QUICK, packages=("simpy",))


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--instance", type=Path, default=INSTANCE, metavar="FILE", help="with constant latencies")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="default 7")
    parser.add_argument("--share", type=float, default=1.0, metavar="X", help="of the trials of each measurement")
    parser.add_argument("--check-trials", type=int, default=1_000_000, metavar="N", help="beside the exact values")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
