"""The oracle for domains and rules, held against the plain one and against cases worked out by hand."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from types import SimpleNamespace

import pytest

import oracle
from oracle_restricted import RestrictedOracle, best
from oracle_rules import read_rule
from restricted_instances import merged, random_restricted
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.latency import OBJECTIVES
from samples import cases


def close(value):
    """A value to compare with, or none."""
    return None if value is None else pytest.approx(value, rel=1e-13)


def keeps(instance, blocks, rule):
    """A rule said once more, by identifiers."""
    [(kind, content)] = rule.items()
    groups = [{instance.devices[n].id for n in block.devices} for block in blocks]
    domain = {device.id: device.failure_domain or f"of its own: {device.id}" for device in instance.devices}
    where = {name: k for k, group in enumerate(groups) for name in group}
    if kind == "apart":
        placed = [where[name] for name in set(content) if name in where]
        return len(placed) == len(set(placed))
    if kind == "together":
        return len({where.get(name) for name in content}) == 1
    if kind == "use":
        return set(content) <= set(where)
    if kind == "spare":
        return not set(content) & set(where)
    return all(len({domain[name] for name in group}) >= content for group in groups)


def restricted_best(instance, objective, rules, may_run):
    """Least value by the plain oracle, which lists all plans that rules then strike from."""
    plain = oracle.oracle_of(instance)
    values = []
    for blocks in plain.decisions(feasible_only=True):
        runs = (
            (instance.devices[n].id, instance.students[block.student].id) for block in blocks for n in block.devices
        )
        if all(keeps(instance, blocks, rule) for rule in rules) and all(
            student in may_run.get(name, [student]) for name, student in runs
        ):
            value = plain.value(blocks, objective)
            values.append(math.inf if value is None else value)
    return min(values, default=None)


@pytest.mark.parametrize("seed", range(12))
def test_without_rules_it_agrees_with_the_plain_oracle(seed):
    instance = Instance.model_validate(random_restricted(seed, devices=1 + seed % 4, rules=False)[0])
    for objective in OBJECTIVES:
        expected, found = oracle.best(instance, objective), best(instance, objective)
        assert (found is None) == (expected is None), objective
        if found is not None:
            assert found[0] == pytest.approx(expected[0], rel=1e-13), objective
            assert oracle.is_feasible(instance, found[1]), objective
            value = oracle.objective_value(instance, found[1], objective)
            assert found[0] == pytest.approx(math.inf if value is None else value, rel=1e-13), objective


@pytest.mark.parametrize("seed", range(15))
def test_with_rules_it_agrees_with_all_plans_struck_by_the_rules(seed):
    fields, rules, may_run = random_restricted(seed, devices=2 + seed % 3)
    instance = Instance.model_validate(fields)
    for objective in OBJECTIVES:
        expected = restricted_best(instance, objective, rules, may_run)
        found = best(instance, objective, rules, may_run)
        assert (None if found is None else found[0]) == close(expected), objective


@pytest.mark.parametrize("seed", cases(range(8), range(16)))
def test_plans_are_judged_as_by_the_plain_oracle(seed):
    fields, rules, _ = random_restricted(seed, devices=3)
    instance = Instance.model_validate(fields)
    plain, restricted = oracle.oracle_of(instance), RestrictedOracle(instance, rules)
    for place, blocks in enumerate(plain.decisions()):
        if place % 7:
            continue
        broken = [i for i, rule in enumerate(rules) if not keeps(instance, blocks, rule)]
        groups = [sum(1 << n for n in block.devices) for block in blocks]
        assert restricted.rules.broken(groups) == broken
        assert restricted.is_feasible(blocks) == (plain.is_feasible(blocks) and not broken)
        assert restricted.blocks(restricted.plan(blocks)) == oracle.oracle_of(instance).blocks(plain.plan(blocks))
        for objective in OBJECTIVES:
            value = restricted.value(blocks, objective)
            assert (None if value is None else float(value)) == close(plain.value(blocks, objective))


@pytest.mark.slow
def test_the_random_instances_are_of_every_kind():
    drawn = [random_restricted(seed) for seed in range(150)]
    assert drawn == [random_restricted(seed) for seed in range(150)]
    kinds = Counter(kind for _, rules, _ in drawn for rule in rules for kind in rule)
    assert min(kinds[kind] for kind in ("apart", "together", "use", "spare", "spread")) >= 20
    assert {len(fields["devices"]) for fields, _, _ in drawn} == set(range(1, 7))
    results = Counter(
        best(Instance.model_validate(fields), "guaranteed", rules, may_run) is None for fields, rules, may_run in drawn
    )
    assert min(results.values()) >= 40


def fleet(crashes, domains=None, falls=None, filters=2, students=None, **requirements):
    """Devices that take 1, 2, 3, ... seconds for a filter; the student can learn all filters."""
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0,
            "memory_bytes": 1,
            "uplink_bits_per_second": 12 / (n + 1),
            "failure_probability": p,
        }
        for n, p in enumerate(crashes)
    ]
    for n, domain in (domains or {}).items():
        devices[n]["failure_domain"] = domain
    return Instance.model_validate(
        {
            "name": "fleet",
            "devices": devices,
            "failure_domains": [{"id": name, "failure_probability": p} for name, p in (falls or {}).items()],
            "students": students or [{"id": "s", "flops": 0, "memory_bytes": 1, "max_filters": filters}],
            "knowledge": {"num_filters": filters, "bits_per_filter": 12},
            "requirements": {"max_group_outage": 1.0, **requirements},
        }
    )


def test_a_shared_domain_is_felt_by_a_group():
    shared = fleet([0.1, 0.1, 0.1], {0: "ap", 1: "ap"}, {"ap": 0.05}, filters=1, max_group_outage=0.02)
    # Both in one domain: 0.05 + 0.95 * 0.01 = 0.0595. One of them with the third: (0.05 + 0.95 * 0.1) * 0.1 = 0.0145.
    states = RestrictedOracle(shared).states
    assert Fraction(states.outage[0b011], states.unit) == Fraction("0.0595")
    assert Fraction(states.outage[0b101], states.unit) == Fraction("0.0145")
    assert best(shared, "guaranteed")[0] == 3.0
    assert best(fleet([0.1, 0.1, 0.1], filters=1, max_group_outage=0.02), "guaranteed")[0] == 2.0
    assert best(shared, "failure")[0] == pytest.approx(0.0595 * 0.1)
    assert best(shared, "guaranteed", [{"spare": ["d2"]}]) is None


def test_groups_fail_together_with_their_domain():
    # One filter each: both answer with probability 0.9 * 0.9 * 0.8 in one domain, and twice 0.9 * 0.8 in two.
    one = fleet([0.1, 0.1], {0: "a", 1: "a"}, {"a": 0.2}, min_groups=2)
    two = fleet([0.1, 0.1], {0: "a", 1: "b"}, {"a": 0.2, "b": 0.2}, min_groups=2)
    assert best(one, "failure")[0] == pytest.approx(1 - 0.81 * 0.8)
    assert best(two, "failure")[0] == pytest.approx(1 - 0.72**2)
    # What is missing on average does not depend on that.
    assert best(one, "missing")[0] == best(two, "missing")[0] == pytest.approx(0.28)
    assert best(one.with_requirements(min_success=0.648), "nominal")[0] == 2.0
    assert best(two.with_requirements(min_success=0.648), "nominal") is None
    assert RestrictedOracle(two.with_requirements(min_success=0.648)).least_failure() == 1 - Fraction("0.72") ** 2
    assert best(one.with_requirements(success_level=0.648), "quantile")[0] == 2.0
    assert best(two.with_requirements(success_level=0.648), "quantile")[0] == math.inf
    # Nobody answers before 2 s: with probability 0.352 the deadline of 5 s is waited for.
    late = one.with_requirements(deadline_seconds=5.0)
    assert best(late, "expected")[0] == pytest.approx(2 * 0.648 + 5 * 0.352)


def test_a_domain_that_always_stands_is_none():
    crashes = [0.1, 0.2, 0.3]
    sure = fleet(crashes, {0: "a", 1: "a", 2: "a"}, {"a": 0.0}, max_group_outage=0.06)
    for objective in ("guaranteed", "nominal", "worst", "failure", "missing"):
        assert best(sure, objective)[0] == best(fleet(crashes, max_group_outage=0.06), objective)[0]


@pytest.mark.parametrize(
    ("rules", "worst"),
    [
        # Two groups of one filter: the slower of the two fastest devices. One group of two filters: twice its slowest.
        ([], 2.0),
        ([{"spare": ["d0"]}], 3.0),
        ([{"spare": ["d0"]}, {"spare": ["d1"]}, {"spare": ["d2"]}], 8.0),
        ([{"use": ["d3"]}], 4.0),
        ([{"together": ["d0", "d1"]}], 3.0),
        ([{"together": ["d0", "d1", "d2"]}], 4.0),
        ([{"together": ["d0", "d1", "d2", "d3"]}], 8.0),
        ([{"together": ["d0", "d1"]}, {"use": ["d0"]}], 3.0),
        ([{"together": ["d0", "d1"]}, {"use": ["d0"]}, {"apart": ["d2", "d3", "d1"]}], 3.0),
        ([{"apart": ["d0", "d1", "d2"]}, {"use": ["d0", "d1", "d2"]}], None),
        ([{"together": ["d0", "d1"]}, {"use": ["d0"]}, {"spare": ["d1"]}], None),
        ([{"together": ["d0", "d1"]}, {"apart": ["d0", "d1"]}], 4.0),
        ([{"together": ["d0", "d1"]}, {"apart": ["d0", "d1"]}, {"use": ["d1"]}], None),
        ([{"spread": 1}], 2.0),
        # In domains are d0 and d1 together, and d2 with d3: a group needs one of each, and the slower counts.
        ([{"spread": 2}], 4.0),
        ([{"spread": 3}], None),
        ([{"spread": 2}, {"together": ["d0", "d1"]}], 6.0),
    ],
)
def test_rules_worked_out_by_hand(rules, worst):
    instance = fleet([0.0] * 4, {0: "a", 1: "a", 2: "b", 3: "b"}, {"a": 0.0, "b": 0.0}, max_groups=2)
    found = best(instance, "worst", rules)
    assert (None if found is None else found[0]) == worst


def test_devices_in_no_domain_spread_each_by_itself():
    instance = fleet([0.0] * 3, {0: "a", 1: "a"}, {"a": 0.5}, filters=1)
    # d0 alone has failed half of the time, so has d1; with d2 they spread over two domains.
    assert best(instance, "worst", [{"spread": 2}])[0] == 3.0
    assert best(fleet([0.0] * 3, filters=1), "worst", [{"spread": 2}])[0] == 2.0
    assert best(fleet([0.0] * 3, filters=1), "worst", [{"spread": 3}])[0] == 3.0


def test_devices_run_what_they_may():
    students = [
        {"id": "quick", "flops": 0, "memory_bytes": 1, "max_filters": 2},
        {"id": "slow", "flops": 10, "memory_bytes": 1, "max_filters": 2},
    ]
    instance = fleet([0.0, 0.0], students=students)
    assert best(instance, "worst")[0] == 2.0
    assert best(instance, "worst", may_run={"d0": ["slow"]})[0] == 4.0
    assert best(instance, "worst", may_run={"d0": ["slow"], "d1": ["slow"]})[0] == 12.0
    assert best(instance, "worst", [{"together": ["d0", "d1"]}], {"d0": ["slow"], "d1": ["quick"]}) is None


def test_the_least_failure_behind_latency():
    instance = fleet([0.1, 0.1, 0.1], {1: "a", 2: "a"}, {"a": 0.5}, filters=1, max_group_outage=0.2)
    restricted = RestrictedOracle(instance)
    assert restricted.optimum("guaranteed")[0] == 1
    # d0 alone is enough: all others join it later than the answer is guaranteed.
    assert restricted.least_failure_within("guaranteed", Fraction(1)) == Fraction("0.1") * Fraction("0.505")
    assert restricted.least_failure_within("worst", Fraction(1)) == Fraction("0.1")
    assert restricted.least_failure_within("worst", Fraction("0.9")) is None


def test_limits_hold_up_to_their_rounding():
    just, beyond = 0.01 * (1 - 0.9e-12), 0.01 * (1 - 1.1e-12)
    assert best(fleet([0.1, 0.1], filters=1, max_group_outage=just), "worst")[0] == 2.0
    assert best(fleet([0.1, 0.1], filters=1, max_group_outage=beyond), "worst") is None


def test_rules_are_read_off_dicts_and_objects():
    assert read_rule({"apart": ["a", "b"]}) == ("apart", ["a", "b"])
    assert read_rule(SimpleNamespace(spread=2)) == ("spread", 2)
    assert read_rule(SimpleNamespace(apart=None, use=("a",))) == ("use", ("a",))
    with pytest.raises(AssertionError, match="no rule is called near"):
        read_rule({"near": ["a"]})


def test_fields_are_merged_where_they_belong():
    fields, _, _ = random_restricted(1, devices=2)
    whole = merged(fields, [{"spread": 2}], {"d1": ["s0"]})
    assert whole["rules"] == [{"spread": 2}]
    assert [device.get("students") for device in whole["devices"]] == [None, ["s0"]]
    assert merged(fields, [], {}) == fields
