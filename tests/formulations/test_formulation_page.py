"""The pages on the models and the models agree on the names of all components; every statement has its own number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo
import pytest

from rocoin_opt.formulations import assignment, failure, failure_replanning, grouping, joint, partition, scenarios
from rocoin_opt.formulations import replanning as continuation
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
        grouping.build(instance, with_students=True),
        failure.build(instance, 2.0, 0.1),
        scenarios.build(generate("edge", devices=5, seed=0, domains=2), 2.0, 0.1),
        failure_replanning.build(instance, old, 2.0, 0.1, max_loads=3),
        partition.build(np.ones(16), SizeRanges.of(4, 2), np.ones(16)),
    ]


def named(models: list[pyo.ConcreteModel], kind: type) -> set[str]:
    return {component.local_name for model in models for component in model.component_objects(kind)}


@pytest.fixture
def pages(repository: Path) -> str:
    """Text of the formulation, all of its pages."""
    docs = repository / "docs"
    files = [docs / "formulation.md", *sorted((docs / "formulation").glob("*.md"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_component_stands_in_the_pages(models: list[pyo.ConcreteModel], pages: str) -> None:
    page = pages.replace("\\_", "_")
    components = named(models, pyo.Var) | named(models, pyo.Constraint) | named(models, pyo.Expression)
    # An index may follow: rate_share_k.
    assert [name for name in sorted(components) if not re.search(rf"(?<![a-z_]){name}", page)] == []


def test_every_constraint_of_the_pages_stands_in_a_model(models: list[pyo.ConcreteModel], pages: str) -> None:
    page = pages.replace("\\_", "_")
    labels = re.findall(r"^\\texttt.*?:", page, re.MULTILINE)
    shown = {name for label in labels for name in re.findall(r"\{([a-z_]+)\}", label)}
    assert len(shown) >= 19
    assert shown - named(models, pyo.Constraint) == set()


def test_every_statement_is_listed_once_and_names_modules_that_exist(pages: str, repository: Path) -> None:
    stated = re.findall(r"^\(([a-z-]+)\)=\n\n\*\*\[(S\d+)\]", pages, re.MULTILINE)
    listed = re.findall(r"^\| (S\d+) \| \{ref\}`[^<]+<([a-z-]+)>` \| (.*) \|$", pages, re.MULTILINE)
    assert [number for number, _, _ in listed] == [f"S{i}" for i in range(1, len(listed) + 1)]
    assert sorted((anchor, number) for number, anchor, _ in listed) == sorted(stated)
    modules = {name for _, _, users in listed for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", users)}
    assert len(modules) > 30
    folder = repository / "rocoin_opt"
    assert [name for name in sorted(modules) if not (folder / f"{name.replace('.', '/')}.py").is_file()] == []
