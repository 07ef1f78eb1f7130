"""The partition model against all vectors of labels of small graphs, and against the recursion over subsets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from part_problems import PartProblem, part_problems, random_problem
from rocoin_opt.control import Control
from rocoin_opt.errors import InputError
from rocoin_opt.formulations import partition
from rocoin_opt.highs.models import solve_model
from rocoin_opt.knowledge.sizes import SizeRanges
from rocoin_opt.knowledge.subsets import best_partition
from samples import trials


@given(problem=part_problems(), presolve=st.sampled_from(["on", "off"]))
@trials(150)
def test_model_recursion_and_all_labels_agree(problem: PartProblem, presolve: str) -> None:
    additive, bottleneck = problem.costs()
    model = partition.build(additive, problem.ranges, bottleneck)
    solution = solve_model(model, Control.starting_now(), options={"presolve": presolve})
    recursion = best_partition(additive, problem.ranges, bottleneck)
    found = problem.values(np.array([partition.labels_of(model), recursion]))
    assert solution.objective == pytest.approx(problem.least(), rel=1e-6, abs=1e-7)
    assert found == pytest.approx(np.full(2, problem.least()), rel=1e-6, abs=1e-7)


@given(problem=part_problems(), data=st.data())
@trials(150)
def test_fixed_labels_are_feasible_exactly_when_sizes_are_right(problem: PartProblem, data: st.DataObject) -> None:
    parts, filters = problem.ranges.parts, len(problem.weights)
    labels = np.array(data.draw(st.lists(st.integers(0, parts - 1), min_size=filters, max_size=filters)))
    value = problem.values(labels[None])[0]
    additive, bottleneck = problem.costs()
    model = partition.build(additive, problem.ranges, bottleneck)
    assert partition.fix(model, labels) == np.isfinite(value)
    if np.isfinite(value):
        assert solve_model(model, Control.starting_now()).objective == pytest.approx(value)
        of_parts = partition.labels_of(model)
        # Parts that may stand for each other come in their own order, and are worth the same.
        assert problem.values(of_parts[None])[0] == pytest.approx(value)
    else:
        assert not any(variable.fixed for variable in model.chosen.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "outages", "sizes"),
    [
        ("ncut", None, None),
        ("cut", None, [6, 5, 5]),
        ("resilient", [0.1, 0.05, 0.2], [6, 5, 5]),
        ("resilient", None, None),
    ],
)
def test_sixteen_filters_and_three_parts(name: str, outages: list[float] | None, sizes: list[int] | None) -> None:
    # A bottleneck with free sizes takes a minute; twelve filters show it as well.
    filters = 12 if name == "resilient" and sizes is None else 16
    problem = random_problem(name, filters, 3, sizes, outages)
    additive, bottleneck = problem.costs()
    model = partition.build(additive, problem.ranges, bottleneck)
    solution = solve_model(model, Control.starting_now(), options={"presolve": "off"})
    recursion = best_partition(additive, problem.ranges, bottleneck)
    assert solution.status == "optimal"
    assert problem.values(recursion[None])[0] == pytest.approx(solution.objective, rel=1e-9)


@pytest.mark.parametrize("shape", [(32,), (3, 64), (2, 32)])
def test_costs_of_other_filters_or_parts_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="sizes"):
        partition.build(np.ones(shape), SizeRanges.of(6, 2))
