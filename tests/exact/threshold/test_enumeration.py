"""Enumerated columns: nothing that a packing needs is left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

import rocoin_opt as ro
from packing_oracle import PackingOracle, best_position, candidates, random_instance
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.enumeration import enumerate_columns
from rocoin_opt.grouping.covering import covering_knapsack
from rocoin_opt.grouping.relaxation import Pool, Relaxation, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from samples import cases

if TYPE_CHECKING:
    from rocoin_opt.plan.latency import Objective


def priced_by(problem: ThresholdProblem) -> tuple[Relaxation, np.ndarray]:
    relaxation = relax(problem, Pool(), Control.starting_now())
    assert relaxation is not None
    return relaxation, np.flatnonzero(relaxation.prices > 1e-9)


# In 374 and 601 a column is dominated by a larger one only; in 962 a budget is a rounding error below zero.
@pytest.mark.parametrize("seed", cases([3, 374], [*range(0, 16, 2), 13, 601, 962]))
def test_a_best_packing_consists_of_listed_cores(seed: int) -> None:
    instance = random_instance(seed)
    thresholds = candidates(instance)
    for objective in ("guaranteed", "nominal"):
        position = best_position(instance, objective)
        for threshold in thresholds[max(0, position - 1) : position + 3]:
            problem = ThresholdProblem(instance, objective, threshold)
            filters, groups = PackingOracle(instance, objective, threshold).packing()
            relaxation, priced = priced_by(problem)
            for shared in (priced, np.arange(len(instance.devices)), np.union1d(priced, [0])):
                columns = enumerate_columns(problem, relaxation, shared, relaxation.bound - filters, 10_000)
                assert columns is not None
                assert len({(column.size, column.devices) for column in columns}) == len(columns)
                assert all(set(column.devices) <= set(shared.tolist()) for column in columns)
                for group, size in zip(groups, problem.capacities(groups).tolist(), strict=True):
                    # Of alike devices those of one column stand for all others.
                    kinds = Counter(problem.kind_of_device[list(group)].tolist())
                    assert any(
                        column.size == size and Counter(problem.kind_of_device[list(column.devices)].tolist()) <= kinds
                        for column in columns
                    )


def test_no_more_is_tried_than_the_time_left_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ThresholdProblem(generate("edge", devices=12, seed=0), "guaranteed", 1.0)
    relaxation, _ = priced_by(problem)
    everybody, control = np.arange(12), Control.starting_now(time_limit=1e3)
    assert enumerate_columns(problem, relaxation, everybody, 1.0, 100_000, control)
    monkeypatch.setattr(covering_knapsack, "STEPS_A_SECOND", {True: 1e-3, False: 1e-3})
    assert enumerate_columns(problem, relaxation, everybody, 1.0, 100_000, control) is None


def test_the_limit_counts_the_cores_of_all_students() -> None:
    problem = ThresholdProblem(generate("edge", devices=12, seed=0), "nominal", 1.0)
    relaxation, _ = priced_by(problem)
    everybody = np.arange(12)
    assert enumerate_columns(problem, relaxation, everybody, 1.0, 100_000)
    for limit in range(0, 60, 7):
        assert enumerate_columns(problem, relaxation, everybody, 9.0, limit) is None


def certain_and_hopeless(certain: int, hopeless: int) -> ro.Instance:
    """Devices that never fail beside devices that cover nothing, at a limit of zero."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0}
    crashes = [0.0] * certain + [0.5] * hopeless
    return ro.Instance.model_validate(
        {
            "name": "zero",
            "devices": [{"id": f"d{n}", **device, "failure_probability": p} for n, p in enumerate(crashes)],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.0},
        }
    )


@pytest.mark.parametrize("objective", ["guaranteed", "nominal"])
def test_devices_that_cover_nothing_are_not_tried_in_all_sets(objective: Objective) -> None:
    problem = ThresholdProblem(certain_and_hopeless(2, 36), objective, 5.0)
    relaxation, _ = priced_by(problem)
    columns = enumerate_columns(problem, relaxation, np.arange(38), 100.0, 10_000)
    assert columns is not None
    # Both certain devices are alike, and the last of them stands for both where nobody leads.
    expected: set[tuple[int, ...]] = {(1,)}
    if objective == "nominal":
        expected |= {(0,)} | {(1, leader) for leader in range(2, 38)}
    assert {column.devices for column in columns} == expected


@pytest.mark.slow
def test_more_leaders_than_cores_are_allowed_end_the_listing() -> None:
    # Compiled from 40 devices on, where a limit below zero has no meaning.
    problem = ThresholdProblem(certain_and_hopeless(44, 1), "nominal", 5.0)
    relaxation, _ = priced_by(problem)
    assert enumerate_columns(problem, relaxation, np.arange(45), 100.0, 5) is None


def test_no_core_below_all_latencies() -> None:
    problem = ThresholdProblem(certain_and_hopeless(2, 2), "guaranteed", 0.0)
    relaxation, priced = priced_by(problem)
    columns = enumerate_columns(problem, relaxation, priced, 1.0, 10)
    assert columns is not None
    assert len(columns) == 0
