from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from oracle_queues import QueueOracle
from queue_instances import random_queues
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.failure.what_if.sensitivity import sensitivities
from rocoin_opt.instance.slowdown import LogNormal
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.transfers import has_queues
from rocoin_opt.planning.conflicts.why_not import why_not
from rocoin_opt.planning.frontier import frontier
from rocoin_opt.planning.methods import METHODS
from rocoin_opt.planning.most_groups import max_groups
from rocoin_opt.planning.replan import replan, without_devices
from rocoin_opt.planning.solve import solve
from samples import cases

ABLE = [name for name, method in METHODS.items() if method.run_channels is not None]
SEARCHES = ("greedy", "local-search", "auto", "exact")


def shared(seed: int) -> int:
    """The next seed whose instance has a shared channel and a plan."""
    return next(
        s
        for s in itertools.count(seed)
        if random_queues(s).shared_channels
        and any(True for _ in QueueOracle(random_queues(s)).decisions(feasible_only=True))
    )


def test_methods_that_cannot_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(ABLE) == set(METHODS)
    instance = random_queues(shared(0))
    monkeypatch.setitem(METHODS, "greedy", replace(METHODS["greedy"], run_channels=None))
    with pytest.raises(UnsupportedError, match=r"devices send on channel c., and greedy cannot honour .*; auto, exact"):
        solve(instance, "greedy")


def test_laws_beside_channels_are_refused_by_name() -> None:
    instance = random_queues(shared(0))
    first = instance.devices[0].model_copy(update={"compute_slowdown": LogNormal(sigma=0.5)})
    with pytest.raises(UnsupportedError, match="has a slowdown law: solve takes constant latencies"):
        solve(instance.model_copy(update={"devices": (first, *instance.devices[1:])}))


def test_commands_that_cannot_say_so() -> None:
    instance = random_queues(shared(0))
    plan = solve(instance, "greedy").plan
    assert plan is not None
    way = r"replan cannot honour shared channels; solve can, .*: rocoin-opt solve INSTANCE"
    with pytest.raises(UnsupportedError, match=f"{way} --start PLAN$"):
        replan(instance, plan)
    lost = next(d.id for d in instance.devices if without_devices(instance, [d.id]).shared_channels)
    with pytest.raises(UnsupportedError, match=f"{way} --spare {lost} --start PLAN$"):
        replan(instance, plan, [lost])
    graph = {"num_filters": instance.knowledge.num_filters, "bits_per_filter": 1.0, "graph": {"edges": []}}
    with pytest.raises(UnsupportedError, match="frontier cannot honour shared channels; solve can"):
        frontier(type(instance).model_validate({**instance.model_dump(exclude_unset=True), "knowledge": graph}))
    rated = instance.with_requirements(requests_per_second=0.001)
    with pytest.raises(UnsupportedError, match=r"max_groups with requirements\.requests_per_second .*; without that"):
        max_groups(rated)
    why = "why_not with requests_per_second, min_success or success_level cannot honour shared channels; solve says"
    with pytest.raises(UnsupportedError, match=why):
        why_not(rated)
    solved = ((i, solve(i, "greedy").plan) for i in map(random_queues, itertools.count()))
    queued, waiting = next((i, p) for i, p in solved if p is not None and has_queues(i, p))
    with pytest.raises(UnsupportedError, match=r"sensitivities cannot .*; evaluate the plan on a changed"):
        sensitivities(queued, waiting)
    assert max_groups(instance).number >= len(plan.groups)
    assert why_not(instance) is None


@pytest.mark.parametrize("seed", cases(range(0, 40, 8), range(0, 40, 3)))
def test_plans_are_valid_and_bounds_hold(seed: int) -> None:
    instance = random_queues(shared(seed), rate=seed % 3 == 1)
    oracle = QueueOracle(instance)
    decisions = list(oracle.decisions(feasible_only=True))
    for objective, name in itertools.product(OBJECTIVES[:: 1 if seed % 8 else 3], ("greedy", "random")):
        result = solve(instance, name, objective)
        if result.plan is None:
            assert not decisions or result.termination == "no_plan"
            continue
        assert not check(instance, result.plan)
        if objective in ("guaranteed", "nominal", "worst"):
            values = [value for blocks in decisions if (value := oracle.latency(blocks, objective)) is not None]
            best = float(min(values))
            assert result.lower_bound is None or result.lower_bound <= best * (1 + 1e-9)
            assert value_of(instance, result.plan, objective) >= best * (1 - 1e-9)
