"""What holds for every baseline: valid plans or reasons, the same for the same seed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hash_seeds import printed_for_any_hash_seed
from rocoin_opt.control import Control
from rocoin_opt.failure.validity import check
from rocoin_opt.heuristics.baselines.het_nonn import het_nonn
from rocoin_opt.heuristics.baselines.nonn import nonn
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.heuristics.baselines.rocoin import rocoin
from rocoin_opt.instance.files import read_instance
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.latency import OBJECTIVES, Objective
from rocoin_opt.plan.model import Plan
from samples import cases
from strategies import instances

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.plan.result import Outcome

BASELINES: list[Callable[[Instance, Objective, Control], Outcome]] = [rocoin, nonn, het_nonn, random_plan]
FOLDER = Path(__file__).resolve().parents[3] / "instances"
# On channels, of seed 20, baselines plan blind, which is tested with the methods.
SHIPPED = sorted(path for path in FOLDER.glob("*/*.json") if not path.stem.endswith("-20"))
FEASIBLE = [path for path in SHIPPED if path.parent.name != "infeasible"]

every_baseline = pytest.mark.parametrize("baseline", BASELINES)


@every_baseline
@given(instance=instances(graph=None), objective=st.sampled_from(OBJECTIVES))
def test_plans_are_valid_and_their_absence_has_a_reason(
    baseline: Callable[[Instance, Objective, Control], Outcome], instance: Instance, objective: Objective
) -> None:
    outcome = baseline(instance, objective, Control(seed=5))
    assert outcome.lower_bound is None
    assert not outcome.infeasible
    if outcome.plan is None:
        assert outcome.reasons
        assert all(outcome.reasons)
        return
    assert check(instance, outcome.plan) == ()
    assert outcome.plan == Plan.of(instance, outcome.plan.groups)
    assert baseline(instance, objective, Control(seed=5)) == outcome


FEW = [path for path in SHIPPED if path.stem in ("boards-8-0", "edge-16-0", "lossy-12-10", "mcu-12-1", "sbc-8-0")]


@every_baseline
@pytest.mark.parametrize("path", cases(FEW, SHIPPED[::12]), ids=lambda path: path.stem)
def test_shipped_instances(baseline: Callable[[Instance, Objective, Control], Outcome], path: Path) -> None:
    instance = read_instance(path)
    for variant in (instance, instance.with_requirements(max_group_outage=1.0)):
        outcome = baseline(variant, "guaranteed", Control())
        assert outcome.reasons if outcome.plan is None else check(variant, outcome.plan) == ()


@pytest.mark.parametrize("path", [path for path in FEASIBLE if path.parent.name != "tight"], ids=lambda path: path.stem)
def test_random_finds_a_plan_for_every_shipped_instance(path: Path) -> None:
    assert random_plan(read_instance(path), "guaranteed", Control()).plan is not None


@pytest.mark.parametrize("baseline", [rocoin, nonn, random_plan])
def test_a_limit_that_is_over_leaves_no_plan(
    baseline: Callable[[Instance, Objective, Control], Outcome], lone: Instance
) -> None:
    assert baseline(lone, "guaranteed", Control()).plan is not None
    outcome = baseline(lone, "guaranteed", Control(deadline=time.perf_counter()))
    assert outcome.plan is None
    assert outcome.reasons


@pytest.fixture
def lone() -> Instance:
    device = {"flops_per_second": 1.0, "memory_bytes": 1, "uplink_bits_per_second": 1.0, "failure_probability": 0.0}
    return Instance.model_validate(
        {
            "name": "lone",
            "devices": [{"id": "d", **device}],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 3}],
            "knowledge": {"num_filters": 3, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.1},
        }
    )


@pytest.mark.slow
def test_plans_do_not_depend_on_the_hash_seed(repository: Path) -> None:
    path = repository / "instances" / "paper" / "paper-8-0.json"
    code = (
        "import sys; from rocoin_opt.control import Control; from rocoin_opt.instance.files import read_instance;"
        "from rocoin_opt.heuristics.baselines.random_plan import random_plan;"
        "from rocoin_opt.heuristics.baselines.rocoin import rocoin;"
        "i = read_instance(sys.argv[1]);"
        "print([m(i, 'guaranteed', Control(seed=3)).plan.model_dump_json() for m in (rocoin, random_plan)])"
    )
    assert printed_for_any_hash_seed(code, str(path))
