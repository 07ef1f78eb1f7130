"""The method milp and replan under failure domains and rules: against all plans in all states; and who refuses them."""

from __future__ import annotations

import itertools
import random

import pytest

import rocoin_opt as ro
from examples import two_pairs
from oracle_restricted import RestrictedOracle
from replan_oracle import fewest_loads, plans_of
from restricted_solves import drawn, wrong
from rocoin_opt.control import Control
from rocoin_opt.exact.milp import milp
from rocoin_opt.failure.what_if.replica_value import replica_values
from rocoin_opt.instance import SharedFailures
from rocoin_opt.planning.expand import expansions
from rocoin_opt.planning.replan import without_devices
from rocoin_opt.planning.simplify import simplifications
from samples import cases

pytestmark = pytest.mark.usefixtures("short_search")
OBJECTIVES = ("guaranteed", "nominal", "worst", "failure")


def without_wish(seed: int) -> ro.Instance:
    return drawn(seed, 2 + seed % 3).with_requirements(min_success=None)


@pytest.mark.parametrize("seed", cases([0, 2, 5], [*range(0, 16, 2), 26, 4132]))
def test_milp_proves_what_the_oracle_finds(seed: int) -> None:
    instance = without_wish(seed)
    for objective in OBJECTIVES:
        least = RestrictedOracle(instance).optimum(objective)
        found = milp(instance, objective, Control.starting_now())
        assert found.infeasible == (least is None), objective
        if least is not None:
            result = ro.solve(instance, "milp", objective, latency_only=True)
            assert not wrong(result, float(least[0])), objective
            assert result.objective_value == pytest.approx(float(least[0]), rel=1e-9)
            assert found.lower_bound is not None
            assert found.lower_bound <= float(least[0]) * (1 + 1e-9)


@pytest.mark.slow
def test_milp_states_the_shared_failures_of_few_devices_and_refuses_those_of_many() -> None:
    edge = ro.generate("edge", devices=5, seed=3, domains=2)
    assert SharedFailures(edge).names
    proven = ro.solve(edge, "milp", "failure")
    assert proven.termination == "optimal"
    assert proven.objective_value == pytest.approx(ro.solve(edge, "exact", "failure").objective_value, rel=1e-9)
    with pytest.raises(ro.UnsupportedError, match="several devices are in the failure domain"):
        milp(ro.generate("edge", devices=12, seed=3, domains=3), "failure", Control.starting_now())


@pytest.mark.slow
def test_rules_strike_lost_devices_and_emptied_ones_are_named() -> None:
    edge = ro.generate("edge", devices=6, seed=3)
    names = [device.id for device in edge.devices]
    ruled = edge.with_rules(ro.Rule(apart=tuple(names[:2])), ro.Rule(spare=(names[5],)))
    plan = ro.solve(ruled).plan
    assert plan is not None
    found = ro.replan(ruled, plan, [names[5], names[0]])
    assert [str(rule) for rule in found.dropped_rules] == [f"spare {names[5]}"]
    assert found.instance.rules == (ro.Rule(apart=(names[1],)),)
    assert without_devices(ruled, [names[5], names[0]]) == found.instance
    assert found.plan is None or not ro.check(found.instance, found.plan)


def test_a_comparison_scores_a_plan_that_breaks_rules_without_them() -> None:
    edge = ro.generate("edge", devices=8, seed=3)
    blind = ro.solve(edge, "random").plan
    assert blind is not None
    group = max(blind.groups, key=lambda group: len(group.devices))
    ruled = edge.with_rules(ro.Rule(apart=group.devices[:2]))
    kept, freed = ro.compare(ruled, ["random"])
    assert kept.plan is None
    assert freed.plan is not None
    assert freed.instance.rules == ()


def test_a_device_in_an_unknown_domain_cannot_join() -> None:
    edge = ro.generate("edge", devices=4, seed=3)
    stranger = edge.devices[0].model_copy(update={"failure_domain": "nowhere"})
    with pytest.raises(ro.InputError, match="nowhere"):
        expansions(edge, devices=[stranger])


def test_spares_join_groups_where_rules_allow_it() -> None:
    edge = ro.generate("edge", devices=8, seed=3)
    plan = ro.solve(edge, prefer="work").plan
    assert plan is not None
    spare = plan.spares[0]
    rivals = tuple(group.devices[0] for group in plan.groups)
    ruled = edge.with_rules(*(ro.Rule(apart=(spare, rival)) for rival in rivals))
    assert not ro.check(ruled, plan)
    joining = {value.device for value in replica_values(ruled, plan) if not value.is_twin}
    assert spare not in joining
    assert spare in {value.device for value in replica_values(edge, plan) if not value.is_twin}


@pytest.mark.parametrize("seed", cases(range(4), range(4, 8)))
def test_replan_equals_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    instance = without_wish(seed)
    first = RestrictedOracle(instance)
    plans = list(itertools.islice(plans_of(first), 500))
    if not plans:
        return
    old = first.plan(rng.choice(plans))
    names = [device.id for device in instance.devices]
    left = without_devices(instance, lost := rng.sample(names, rng.randint(0, len(names) - 1)))
    oracle = RestrictedOracle(left)
    every = [(blocks, fewest_loads(left, old, oracle.plan(blocks))[0]) for blocks in plans_of(oracle)]
    for objective in OBJECTIVES:
        most = rng.choice((None, 0, 1, 2))
        values = [oracle.value(blocks, objective) for blocks, loads in every if most is None or loads <= most]
        found = ro.replan(instance, old, lost, max_loads=most, objective=objective)
        if not values:
            assert found.termination == "infeasible"
            assert found.fewest_loads == min((loads for _, loads in every), default=None)
            continue
        least = float(min(value for value in values if value is not None))
        assert found.plan is not None
        assert not ro.check(left, found.plan)
        assert found.lower_bound <= least * (1 + 1e-9)
        assert found.termination == "optimal"
        assert found.objective_value == pytest.approx(least, rel=1e-9)


def assert_replanned_surely(seed: int) -> None:
    """Value, proof, loads and every end of a replanning under ``min_success``."""
    rng = random.Random(seed)
    free = drawn(seed, 4)
    first = RestrictedOracle(free)
    plans = list(itertools.islice(plans_of(first), 500))
    if not plans:
        return
    blocks = rng.choice(plans)
    failure = float(first.value(blocks, "failure"))
    instance = free.with_requirements(min_success=max(0.0, 1.0 - failure * (1.0 + 1e-9) - 1e-9))
    old = first.plan(blocks)
    names = [device.id for device in instance.devices]
    left = without_devices(instance, lost := rng.sample(names, rng.randint(seed % 3 > 0, 2)))
    oracle = RestrictedOracle(left)
    every = [
        (blocks, *fewest_loads(left, old, oracle.plan(blocks)))
        for blocks in plans_of(oracle)
        if oracle.is_feasible(blocks)
    ]
    objective, most = OBJECTIVES[seed % 4], rng.choice((None, 0, 1, 2))
    values = [oracle.value(blocks, objective) for blocks, loads, _ in every if most is None or loads <= most]
    found = ro.replan(instance, old, lost, max_loads=most, objective=objective)
    if not values:
        assert (found.termination, found.plan) == ("infeasible", None)
        assert found.fewest_loads == min((loads for _, loads, _ in every), default=None)
        return
    least = float(min(value for value in values if value is not None))
    assert found.termination == "optimal"
    assert not ro.check(left, found.plan)
    assert found.objective_value == pytest.approx(least, rel=1e-9)
    assert most is None or len(found.loads) <= most
    within = [(blocks, shipped) for blocks, loads, shipped in every if most is None or loads <= most]
    fewest = min(shipped for blocks, shipped in within if float(oracle.value(blocks, objective)) <= least * (1 + 1e-12))
    assert found.bytes_bound <= fewest * (1 + 1e-9)
    assert found.shipped_bytes >= fewest * (1 - 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_replan_keeps_min_success(seed: int) -> None:
    assert_replanned_surely(seed)


@pytest.mark.slow
def test_hundreds_of_replannings_keep_min_success() -> None:
    for seed in range(100, 200):
        assert_replanned_surely(seed)


@pytest.mark.slow
def test_larger_fleets_replan_surely_with_a_valid_bound() -> None:
    mcu = ro.generate("mcu", devices=16, seed=4)
    plan = ro.solve(mcu, "greedy").plan
    assert plan is not None
    asked = mcu.with_requirements(min_success=1.0 - 1.5 * ro.evaluate(mcu, plan).failure_probability)
    found = ro.replan(asked, plan, [plan.groups[0].devices[0]], max_loads=3, time_limit=3600.0)
    assert found.plan is not None
    assert not ro.check(found.instance, found.plan)
    assert len(found.loads) <= 3
    assert found.lower_bound <= found.objective_value


def test_a_simpler_plan_keeps_the_rules() -> None:
    pair = two_pairs().with_requirements(max_group_outage=1.0)
    whole = ro.Plan.of(pair, [ro.Group(devices=("d0", "d1"), student="s", num_filters=4)])
    assert simplifications(pair, whole).one_device is not None
    ruled = pair.with_rules(ro.Rule(use=("d0", "d1")))
    assert not ro.check(ruled, whole)
    assert simplifications(ruled, whole).one_device is None
