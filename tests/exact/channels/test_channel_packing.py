"""Packings with intervals of sizes, against a search over all sizes and students one after another."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.exact.channels.jobs import Candidate, Jobs
from rocoin_opt.exact.channels.leaders import Leaders
from rocoin_opt.exact.channels.packing import ChannelPacking
from rocoin_opt.exact.channels.search import _Search
from rocoin_opt.instance.entities import ComputeTime
from rocoin_opt.instance.generate.generator import generate
from rocoin_opt.plan.latency import THRESHOLD_OBJECTIVES
from samples import cases

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance


def crossing(seed: int) -> Instance:
    """Devices that share channels, some ready before others with small parts and after them with large ones."""
    rng = random.Random(seed)
    size = {"devices": rng.randint(3, 5), "filters": rng.choice((3, 5, 8)), "channels": rng.choice((None, 1, 2))}
    instance = random_queues(seed, domains=seed % 5 == 0, **size)
    measured = []
    for device in instance.devices:
        times = {
            student.id: ComputeTime(
                seconds=rng.choice((0.1, 0.3, 0.7, 1.1, 2.0)), seconds_per_filter=rng.choice((0.0, 0.1, 0.2, 0.3))
            )
            for student in instance.students
        }
        measured.append(device.model_copy(update={"compute_seconds": times}) if rng.random() < 0.6 else device)
    return instance.with_devices(measured)


@pytest.mark.parametrize("seed", cases(range(0, 60, 10), range(60)))
def test_intervals_of_sizes_miss_nothing(seed: int) -> None:
    instance = crossing(seed) if seed % 2 else random_queues(seed, 4, filters=5)
    for objective in THRESHOLD_OBJECTIVES:
        every = _Search(instance, objective, Control.starting_now(), math.inf)
        every.run()
        search = ChannelPacking(instance, objective, Control.starting_now(), math.inf)
        search.run()
        assert search.best == pytest.approx(every.best, rel=1e-12)


@pytest.mark.parametrize(
    ("family", "objective", "seconds"),
    cases(
        [("sbc", "guaranteed", 0.020544772425994375)],
        [("paper", "nominal", 4.166910529512642)],
    ),
)
def test_twelve_devices_on_two_channels_are_proven(family: str, objective: str, seconds: float) -> None:
    instance = generate(family, devices=12, channels=2, seed=0)
    search = ChannelPacking(instance, objective, Control.starting_now(), 25_000)
    search.best = seconds * 1.01
    search.run()
    assert not search.is_stopped
    assert search.best == pytest.approx(seconds, rel=1e-12)


def test_who_is_ready_too_late_does_not_matter() -> None:
    instance = generate("paper", devices=12, channels=2, seed=0)
    timing = Leaders(Jobs(instance))
    jobs = {n: timing.seen((n,), 0, math.inf) for n in range(12)}
    assert all(seen == (n,) for n, seen in jobs.items())
    assert timing.seen((0, 1), 0, 4.0) == (1,)  # Device 0 takes 4.8 s to compute.


def test_companions_that_nobody_sees_make_packings_alike() -> None:
    instance = generate("paper", devices=12, channels=2, seed=0)
    timing = Leaders(Jobs(instance))

    def packing(*groups: tuple[int, ...]) -> list[Candidate]:
        return [Candidate(sum(1 << n for n in g), g, timing.seen(g, 0, 2.0), 0, 24) for g in groups]

    slow = [n for n in range(12) if not timing.seen((n,), 0, 2.0)]
    sizes = [(1, 24), (1, 24)]
    assert len(slow) >= 2
    first, second, *_ = slow
    quick = [n for n in range(12) if n not in slow][:3]
    one = timing.alike(packing((quick[0], first), (quick[1],)), sizes, 2.0)
    assert one == timing.alike(packing((quick[0], second), (quick[1],)), sizes, 2.0)
    assert one != timing.alike(packing((quick[2], first), (quick[1],)), sizes, 2.0)
