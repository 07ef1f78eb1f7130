from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from oracle_queues import Job, played
from rocoin_opt.errors import InputError
from rocoin_opt.failure.monte_carlo import compiled_queues, queues
from rocoin_opt.failure.monte_carlo.kernel import answer_seconds
from rocoin_opt.failure.monte_carlo.queues import Sent
from rocoin_opt.failure.monte_carlo.simulation import simulate, simulate_difference
from rocoin_opt.failure.monte_carlo.system import Queues, System
from rocoin_opt.failure.monte_carlo.traces import Traces
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.slowdown import Empirical, LogNormal
from rocoin_opt.plan.model import Group, Plan
from samples import cases

TRIALS = 60


def drawn(seed: int, cancel: bool) -> tuple[Queues, np.ndarray[Any, Any], Sent, list[str | None]]:
    """Replicas with ready times and airtimes of a few values, so that many meet."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    start = np.concatenate([[0], np.cumsum(rng.integers(1, 4, groups))])
    count = int(start[-1])
    channel = rng.integers(-1, 2, count)
    members = [np.flatnonzero(channel == c) for c in range(2)]
    members = [own for own in members if len(own) > 1]
    shared: list[str | None] = [None] * count
    for c, own in enumerate(members):
        for r in own:
            shared[r] = f"c{c}"
    ready = rng.integers(0, 5, (count, TRIALS)) / 2
    air = rng.choice([0.5, 1.0, 2.0], (count, TRIALS))
    sent = Sent(ready + air, ready, air, rng.random((count, TRIALS)) < 0.3)
    flat = np.concatenate([*members, np.empty(0, dtype=np.int64)]).astype(np.int64)
    found = Queues(np.cumsum([0, *map(len, members)]), flat, ready[:, 0], air[:, 0], cancel)
    return found, start, sent, shared


@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("seed", cases(range(5), range(30)))
def test_both_kernels_play_as_the_oracle_does(seed: int, cancel: bool) -> None:
    found, start, sent, shared = drawn(seed, cancel)
    if not len(found.members):
        return
    interpreted = queues.play(found, start, sent)
    compiled = np.empty_like(interpreted)
    lines = compiled_queues.lines_of(found, start)
    compiled_queues.play.py_func(lines, sent.alone, sent.ready, sent.air, sent.failed.astype(np.uint8), compiled)
    assert np.array_equal(interpreted, compiled)
    group = np.repeat(np.arange(len(start) - 1), np.diff(start))
    for i in range(TRIALS):
        jobs = [
            Job(f"{r:03}", int(group[r]), Fraction(sent.ready[r, i]), Fraction(sent.air[r, i]), shared[r])
            for r in range(len(group))
        ]
        arrived = played(jobs, np.flatnonzero(~sent.failed[:, i]).tolist(), cancel=cancel)
        for r in range(len(group)):
            if shared[r] is None and not sent.failed[r, i]:
                # On links of their own nobody is kept from sending: nobody waits for them.
                assert interpreted[r, i] == sent.alone[r, i]
            else:
                assert interpreted[r, i] == float(arrived.get(r, math.inf))


def measured() -> tuple[Instance, Plan]:
    laws = ({}, {"compute_slowdown": LogNormal(sigma=0.5)}, {"link_slowdown": Empirical(values=(0.5, 1.0, 3.0))})
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0 + n % 2,
            "memory_bytes": 1,
            "uplink_bits_per_second": 2.0 if n < 5 else 64.0,
            "overhead_seconds": 0.25,
            "failure_probability": 0.25,
            "channel": "ab"[n % 2] if n < 5 else None,
            **laws[n % 3],
        }
        for n in range(6)
    ]
    instance = Instance.model_validate(
        {
            "name": "measured",
            "devices": devices,
            "channels": [{"id": "a"}, {"id": "b"}],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.3, "deadline_seconds": 4.0},
        }
    )
    groups = [
        Group(devices=("d0", "d1", "d5"), student="s", num_filters=3),
        Group(devices=("d2", "d3", "d4"), student="s", num_filters=1),
    ]
    return instance, Plan.of(instance, groups)


@pytest.mark.slow
@pytest.mark.parametrize("cancel", [False, True])
def test_compiled_draws_the_same_numbers(cancel: bool) -> None:
    instance, plan = measured()
    for watched in (None, 0):
        system = System.of(instance, plan, cancel=cancel, watched=watched)
        one, other = (answer_seconds(system, 5, 3, 5_000, compiled=compiled) for compiled in (False, True))
        assert np.array_equal(one, other)


def test_whoever_does_not_wait_for_others_answers_no_later() -> None:
    instance, plan = measured()
    spared = simulate(instance, plan, 6_000, cancel=True).expected
    whole, alone = simulate(instance, plan, 6_000).expected, simulate(instance, plan, 6_000, group=0).expected
    assert spared is not None
    assert whole is not None
    assert alone is not None
    assert spared.value < whole.value
    assert alone.value < whole.value
    with pytest.raises(InputError, match="group: found 2; allowed: a place from 0 to 1"):
        simulate(instance, plan, 10, group=2)


def test_traces_are_replayed_on_the_channel() -> None:
    instance, plan = measured()
    names = tuple(device.id for device in instance.devices)
    ones = np.ones((3, len(names)))
    traces = Traces(names, compute=ones, link=2.0 * ones, alive=np.ones((3, len(names)), dtype=bool))
    found = simulate(instance, plan, 100, traces=traces)
    # d1 and d3 are ready at 0.75 s; d3 is the first of its group, and waits for the 3 s of d1, by its name.
    assert found.sample.never == 0
    assert set(found.sample.seconds.tolist()) == {4.75}


def test_differences_are_taken_with_queues() -> None:
    instance, plan = measured()
    found = simulate_difference(instance, plan, plan, 500)
    assert found.expected is not None
    assert found.expected.value == 0.0
