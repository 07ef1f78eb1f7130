from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from oracle_queues import QueueOracle, jobs_of, played
from queue_instances import random_queues
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.relaxations import without_channels
from rocoin_opt.plan.latency import group_timings
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.plan.transfers import Transfers, has_queues, require_own_links
from samples import cases

DEVICE = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 0.5}


def fleet(*names: str, channels: tuple[str | None, ...], bits: float = 1.0, rate: float | None = None) -> Instance:
    """Devices that compute for a second and send a bit a filter in one."""
    devices = [
        {"id": name, **DEVICE, **({} if channel is None else {"channel": channel})}
        for name, channel in zip(names, channels, strict=True)
    ]
    return Instance.model_validate(
        {
            "name": "queue",
            "devices": devices,
            "channels": [{"id": "air"}, {"id": "other"}],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 8}],
            "knowledge": {"num_filters": 2, "bits_per_filter": bits},
            "requirements": {"max_group_outage": 0.5, "requests_per_second": rate},
        }
    )


def plan_of(instance: Instance, *groups: tuple[tuple[str, ...], int]) -> Plan:
    return Plan.of(instance, [Group(devices=names, student="s", num_filters=size) for names, size in groups])


def test_ready_at_once_they_send_by_code_points() -> None:
    instance = fleet("é", "b", "B", channels=("air",) * 3)
    plan = plan_of(instance, (("b",), 1), (("é", "B"), 1))
    transfers = Transfers.of(instance, plan)
    order = [instance.devices[n].id for n in transfers.device[transfers.queues[0]]]
    assert order == ["B", "b", "é"]
    assert sorted(transfers.calm.tolist()) == [2.0, 3.0, 4.0]
    assert transfers.spans == {"air": (1.0, 4.0)}


@pytest.mark.parametrize("channels", [("air", "other", None), (None, None, None), ("air", None, "other")])
def test_alone_on_a_channel_nothing_changes(channels: tuple[str | None, ...]) -> None:
    instance = fleet("a", "b", "c", channels=channels)
    plan = plan_of(instance, (("a", "c"), 1), (("b",), 1))
    assert not instance.shared_channels
    assert not has_queues(instance, plan)
    assert evaluate(instance, plan) == evaluate(without_channels(instance), plan)
    require_own_links(instance, "nobody")


def test_spares_send_nothing() -> None:
    instance = fleet("a", "b", "c", channels=("air", "air", "other"))
    plan = plan_of(instance, (("a",), 1), (("c",), 1))
    assert instance.shared_channels == {"air": (0, 1)}
    assert not has_queues(instance, plan)
    require_own_links(instance, "nobody", plan)
    with pytest.raises(UnsupportedError, match="queue: 2 devices send on channel air, and it cannot honour shared"):
        require_own_links(instance, "it")


@pytest.mark.parametrize(("rate", "is_kept"), [(1 / 3, True), (0.334, False)])
def test_the_next_request_finds_the_channel_free(rate: float, is_kept: bool) -> None:
    instance = fleet("a", "b", "c", channels=("air",) * 3, rate=rate)
    plan = plan_of(instance, (("a", "b"), 1), (("c",), 1))
    found = [violation for violation in check(instance, plan) if violation.rule == "requests"]
    assert [violation.where for violation in found] == ([] if is_kept else ["channel air"])


@pytest.mark.parametrize("seed", cases(range(15), range(60)))
def test_calm_times_are_those_of_the_oracle(seed: int) -> None:
    instance = random_queues(seed, rate=seed % 2 == 0)
    oracle, rng = QueueOracle(instance), random.Random(seed)
    decisions = list(itertools.islice(oracle.decisions(), 2_000))
    for blocks in rng.sample(decisions, min(len(decisions), 4)):
        plan = oracle.plan(blocks)
        ends = {instance.devices[n].id: float(t) for n, t in oracle.calm(blocks).items()}
        timings = group_timings(instance, plan)
        assert {d: t for timing in timings for d, t in zip(timing.devices, timing.seconds, strict=True)} == ends
        rows = [v for v in check(instance, plan) if v.rule == "requests"]
        assert (not rows) == oracle.keeps_rate(blocks)


@pytest.mark.parametrize("seed", cases(range(0, 40, 4), range(0, 120, 4)))
def test_no_crash_makes_a_survivor_later(seed: int) -> None:
    instance = random_queues(seed)
    oracle, rng = QueueOracle(instance), random.Random(seed)
    blocks = rng.choice(list(itertools.islice(oracle.decisions(), 2_000)))
    plan = oracle.plan(blocks)
    transfers = Transfers.of(instance, plan)
    jobs, devices = jobs_of(instance, blocks)
    place = {n: r for r, n in enumerate(transfers.device.tolist())}
    alive = np.array(list(itertools.product((True, False), repeat=len(jobs)))).T
    answers = transfers.answers(alive[[devices.index(n) for n in transfers.device]])
    for state in range(alive.shape[1]):
        arrived = played(jobs, np.flatnonzero(alive[:, state]).tolist())
        found = {p: answers[place[devices[p]], state] for p in range(len(jobs))}
        assert {p: t for p, t in found.items() if np.isfinite(t)} == {p: float(t) for p, t in arrived.items()}
        assert all(t <= transfers.calm[place[devices[p]]] for p, t in found.items() if np.isfinite(t))
