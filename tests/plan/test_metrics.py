"""All figures of a plan at once: the cut, what does not apply, and what is refused."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rocoin_opt as ro
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.plan.filters import with_filters, without_filters
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.metrics import Metrics, evidence_left, require_objective
from strategies import instances, structured_plans

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.instance.model import Instance


@given(st.data())
def test_the_cut_is_its_definition(data: st.DataObject) -> None:
    instance = data.draw(instances(graph=True))
    plan = data.draw(structured_plans(instance))
    assert evaluate(instance, plan).ncut is None
    labels = data.draw(st.permutations([k for k, size in enumerate(plan.sizes) for _ in range(size)]))
    graph = instance.knowledge.graph
    assert graph is not None
    weights = graph.dense(instance.knowledge.num_filters)
    expected = 0.0
    for k in range(len(plan.groups)):
        inside = [m for m, label in enumerate(labels) if label == k]
        volume = sum(weights[m, other] for m in inside for other in range(len(labels)))
        cut = sum(weights[m, other] for m, other in itertools.product(inside, range(len(labels))) if labels[other] != k)
        expected += cut / volume if volume else 1.0
    metrics = evaluate(instance, with_filters(instance, plan, np.array(labels)))
    assert metrics.ncut == pytest.approx(expected)


@given(st.data())
def test_without_a_graph_there_is_no_cut(data: st.DataObject) -> None:
    instance = data.draw(instances(graph=False))
    plan = data.draw(structured_plans(instance))
    labels = np.repeat(np.arange(len(plan.groups)), plan.sizes)
    assert evaluate(instance, with_filters(instance, plan, labels)).ncut is None


def test_the_evidence_left_is_that_of_the_worst_class_and_group(repository: Path) -> None:
    instance = ro.read_instance(repository / "instances" / "paper" / "paper-8-0.json")
    plan = ro.solve(instance, "greedy").plan
    assert plan is not None
    assert instance.knowledge.class_affinity is not None
    affinity = instance.knowledge.class_affinity.values
    kept = [
        row[[m for other in plan.groups if other is not group for m in other.filters or ()]].sum() / row.sum()
        for row in affinity
        for group in plan.groups
    ]
    assert evidence_left(instance, plan) == pytest.approx(min(kept))
    assert evidence_left(instance, without_filters(plan)) is None


def test_each_objective_has_its_figure() -> None:
    metrics = Metrics(
        guaranteed_seconds=1.0,
        expected_seconds=2.0,
        nominal_seconds=3.0,
        worst_seconds=4.0,
        failure_probability=0.5,
        missing_share=0.25,
        quantile_seconds=7.0,
    )
    assert [metrics.value(objective) for objective in OBJECTIVES] == [1.0, 2.0, 3.0, 4.0, 0.5, 0.25, 7.0]


@given(instances(deadline=False))
def test_the_expected_time_needs_a_deadline(instance: Instance) -> None:
    with pytest.raises(UnsupportedError, match=r"tiny: the objective expected needs requirements\.deadline_seconds"):
        require_objective(instance, "expected")
    for objective in ("guaranteed", "nominal", "worst", "failure", "missing"):
        require_objective(instance, objective)


@given(instances(level=False))
def test_the_quantile_needs_a_level(instance: Instance) -> None:
    with pytest.raises(UnsupportedError, match=r"tiny: the objective quantile needs requirements\.success_level"):
        require_objective(instance, "quantile")


@given(instances(deadline=True, level=True))
def test_with_a_deadline_and_a_level_every_objective_has_a_meaning(instance: Instance) -> None:
    for objective in OBJECTIVES:
        require_objective(instance, objective)
