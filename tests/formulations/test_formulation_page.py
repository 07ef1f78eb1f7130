"""The page on the models and the models agree on the names of all components."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo
import pytest

from rocoin_opt.formulations import assignment, continuation, grouping, joint, partition
from rocoin_opt.instance.generate import generate
from rocoin_opt.knowledge.sizes import SizeRanges
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVES = ("guaranteed", "nominal", "worst")


@pytest.fixture
def models() -> list[pyo.ConcreteModel]:
    instance = generate("edge", devices=12, seed=0)
    groups = [range(6), range(6, 12)]
    student, filters = instance.students[0].id, instance.knowledge.num_filters
    old = Plan.of(instance, [Group(devices=("device-00",), student=student, num_filters=filters)])
    mended = continuation.build(instance, old, "nominal", upper_bound=None, max_loads=3)
    continuation.minimise_bytes(mended, instance)
    return [
        mended,
        *(joint.build(instance, objective) for objective in OBJECTIVES),
        *(assignment.build(instance, groups, objective) for objective in OBJECTIVES),
        grouping.build(instance),
        grouping.build(instance, 2),
        partition.build(np.ones(16), SizeRanges.of(4, 2), np.ones(16)),
    ]


def named(models: list[pyo.ConcreteModel], kind: type) -> set[str]:
    return {component.local_name for model in models for component in model.component_objects(kind)}


def test_every_component_stands_in_the_page(models: list[pyo.ConcreteModel], repository: Path) -> None:
    page = (repository / "docs" / "formulation.md").read_text(encoding="utf-8").replace("\\_", "_")
    components = named(models, pyo.Var) | named(models, pyo.Constraint) | named(models, pyo.Expression)
    # An index may follow: rate_share_k.
    assert [name for name in sorted(components) if not re.search(rf"(?<![a-z_]){name}", page)] == []


def test_every_constraint_of_the_page_stands_in_a_model(models: list[pyo.ConcreteModel], repository: Path) -> None:
    page = (repository / "docs" / "formulation.md").read_text(encoding="utf-8").replace("\\_", "_")
    labels = re.findall(r"^\\texttt.*?:", page, re.MULTILINE)
    shown = {name for label in labels for name in re.findall(r"\{([a-z_]+)\}", label)}
    assert len(shown) >= 19
    assert shown - named(models, pyo.Constraint) == set()
