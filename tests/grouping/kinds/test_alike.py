"""Alike devices: found by their figures, listed as groups by kinds, and bounded as tightly as one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from packing_oracle import candidates, random_instance, with_alike_devices
from rocoin_opt.control import UNLIMITED
from rocoin_opt.grouping.kinds.alike import Kinds
from rocoin_opt.grouping.kinds.covers import covers_by_kinds, with_leaders
from rocoin_opt.grouping.kinds.problem import KindsProblem
from rocoin_opt.grouping.kinds.relaxation import relax_listed
from rocoin_opt.grouping.relaxation import Pool, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from rocoin_opt.plan.latency import group_keeps_limit
from samples import cases


def listed(instance, objective):
    kinds = Kinds.of(instance)
    everything = KindsProblem(instance, kinds, objective, math.inf)
    vectors = covers_by_kinds(everything, 10_000, UNLIMITED)
    return kinds, with_leaders(everything, vectors) if objective == "nominal" else vectors


def test_devices_are_alike_where_every_figure_is_equal():
    instance = generate("edge", devices=9, kinds=3, seed=1)
    kinds = Kinds.of(instance)
    assert kinds.of_device.tolist() == [int(device.id.split("-")[1]) for device in instance.devices]
    assert kinds.are_few
    changed = list(instance.devices)
    crash = math.nextafter(changed[0].failure_probability, 1.0)
    changed[0] = changed[0].model_copy(update={"failure_probability": crash})
    assert len(Kinds.of(instance.with_devices(changed)).counts) == 4
    assert Kinds.of(generate("edge", devices=9, seed=1)).counts.tolist() == [1] * 9
    assert kinds.expanded([(0, 1), (1, 2)]) == [
        tuple(np.flatnonzero(kinds.of_device == kind)[place] for kind, place in group)
        for group in ([(0, 0), (1, 0)], [(1, 1), (2, 0)])
    ]


@pytest.mark.parametrize("seed", range(12))
def test_every_minimal_cover_is_listed_once(seed):
    instance = with_alike_devices(random_instance(seed, most_devices=3), seed, most=7)
    kinds, vectors = listed(instance, "worst")
    expected = set()
    for size in range(1, len(instance.devices) + 1):
        for members in itertools.combinations(range(len(instance.devices)), size):
            rest = [[m for m in members if m != n] for n in members]
            is_minimal = group_keeps_limit(instance, members) and not any(
                others and group_keeps_limit(instance, others) for others in rest
            )
            if is_minimal and (instance.arrays.largest[list(members)].min(axis=0) > 0).any():
                expected.add(tuple(np.bincount(kinds.of_device[list(members)], minlength=len(kinds.counts)).tolist()))
    assert sorted(map(tuple, vectors.tolist())) == sorted(expected)
    assert covers_by_kinds(KindsProblem(instance, kinds, "worst", math.inf), len(expected) - 1, UNLIMITED) is None


def test_steps_that_would_take_gigabytes_are_not_taken(monkeypatch):
    instance = generate("edge", devices=12, kinds=4, seed=1)
    problem = KindsProblem(instance, Kinds.of(instance), "worst", math.inf)
    assert covers_by_kinds(problem, 10_000, UNLIMITED) is not None
    monkeypatch.setattr("rocoin_opt.grouping.kinds.covers.MAX_CELLS", 12)
    assert covers_by_kinds(problem, 10_000, UNLIMITED) is None


@pytest.mark.parametrize("seed", cases(range(4), range(8)))
@pytest.mark.parametrize("objective", ["guaranteed", "nominal"])
def test_the_relaxation_by_kinds_bounds_no_worse_than_that_by_devices(seed, objective):
    instance = with_alike_devices(random_instance(seed, most_devices=3), seed)
    kinds, vectors = listed(instance, objective)
    thresholds = candidates(instance)
    for threshold in thresholds[:: max(1, len(thresholds) // 4)]:
        problem = KindsProblem(instance, kinds, objective, threshold)
        found = relax_listed(problem, vectors, np.zeros(len(vectors), dtype=bool), UNLIMITED)
        other = relax(ThresholdProblem(instance, objective, threshold), Pool(), UNLIMITED)
        assert found.bound <= other.bound + 1e-6
        assert found.objective <= found.bound + 1e-6
