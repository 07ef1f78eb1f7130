"""Conflicts held against brute force: nothing else holds together, every member counts, and what would do does."""

from __future__ import annotations

import copy
import itertools
import random
import re

import pytest

import rocoin_opt as ro
from oracle_restricted import RestrictedOracle
from restricted_instances import merged, random_restricted

CAUSES = ("memory", "capacity", "groups", "outage", "success", "rules", "students", "mixture", "drawn")
LIMITS = ("max_group_outage", "min_groups", "max_groups", "min_success", "success_level")
STRICTEST = {
    "requirements.min_groups": lambda value: value + 1,
    "requirements.max_groups": lambda value: value - 1,
    "students[*].max_filters": lambda value: value - 1,
}
"""The next stricter value, where values are whole numbers."""


def has_plan(fields, objective="worst"):
    """Whether there is any plan, and one that reaches the level where a quantile is asked for; by brute force."""
    oracle = RestrictedOracle(ro.Instance.model_validate(fields))
    if objective == "quantile" and fields["requirements"].get("success_level") is not None:
        answer = oracle.optimum("quantile")
        return answer is not None and answer[0] is not None
    wishes = oracle.wishes()
    measure = wishes[0].measure if wishes else oracle.latest("worst")
    return oracle.search(measure, wishes, first=True) is not None


def changed(fields, path, value):
    """The fields with one requirement, fact or rule changed; as lenient as can be, or gone, where the value is None."""
    fields = copy.deepcopy(fields)
    filters = fields["knowledge"]["num_filters"]
    if path.startswith("rules"):
        place = int(path[6:-1])
        fields["rules"][place : place + 1] = [] if value is None or value == 1 else [{"spread": value}]
    elif path == "devices[*].memory_bytes":
        for device in fields["devices"]:
            device["memory_bytes"] *= 1e9 if value is None else value
    elif path == "students[*].max_filters":
        for student in fields["students"]:
            student["max_filters"] = max(student["max_filters"], filters if value is None else value)
    elif path.endswith(".students"):
        device = fields["devices"][int(re.search(r"\d+", path)[0])]
        del device["students"]
        if value is not None:
            device["students"] = list(value)
    else:
        name = path.removeprefix("requirements.")
        lenient = {
            "max_group_outage": 1.0,
            "min_groups": 1,
            "max_groups": None,
            "min_success": None,
            "success_level": None,
        }
        fields["requirements"][name] = lenient.get(name) if value is None else value
    return fields


def everything(fields):
    """The paths of all that can be taken away; rules from the last to the first, so that their places stay."""
    named = [f"rules[{place}]" for place in reversed(range(len(fields.get("rules", []))))]
    named += [f"devices[{n}].students" for n, device in enumerate(fields["devices"]) if "students" in device]
    named += ["devices[*].memory_bytes", "students[*].max_filters"]
    named += [f"requirements.{name}" for name in LIMITS]
    return named


def without(fields, paths):
    """The fields without some requirements, facts and rules."""
    for path in sorted(paths, key=lambda path: int(path[6:-1]) if path.startswith("rules") else -1, reverse=True):
        fields = changed(fields, path, None)
    return fields


def require_true(fields, conflict, objective="worst"):
    """Hold every statement of a conflict against brute force."""
    assert conflict.members
    paths = {member.path for member in conflict.members}
    others = set(everything(fields)) - paths
    assert not has_plan(without(fields, others), objective)
    assert conflict.irreducible == all(member.is_needed for member in conflict.members)
    for member in conflict.members:
        if member.is_needed:
            assert has_plan(without(fields, others | {member.path}), objective), member
        if member.helps is None:
            continue
        assert has_plan(changed(fields, member.path, None), objective) == member.helps, member
        if member.would_do is None:
            continue
        assert has_plan(changed(fields, member.path, member.would_do), objective), member
        if member.is_nearest:
            require_nearest(fields, member, objective)
    assert len(conflict.sentences) == 1 + len(conflict.members)


def require_nearest(fields, member, objective):
    """The next stricter value leaves no plan."""
    path, value = member.path, member.would_do
    if path in STRICTEST:
        assert not has_plan(changed(fields, path, STRICTEST[path](value)), objective), member
    elif path.startswith("rules") and value < member.found.count("spread") * 10**6:
        assert not has_plan(changed(fields, path, value + 1), objective), member
    elif path in ("requirements.max_group_outage", "devices[*].memory_bytes"):
        # A number of three significant digits, and the one before it.
        stricter = value * (1.0 - 1.01e-2)
        if value > 1e-290 and stricter > (member.found or 0.0):
            assert not has_plan(changed(fields, path, stricter), objective), member
    elif path in ("requirements.min_success", "requirements.success_level") and value < 1.0 - 1e-9:
        stricter = 1.0 - (1.0 - value) * (1.0 - 1.01e-2)
        if stricter < member.found:
            assert not has_plan(changed(fields, path, stricter), objective), member


def spoilt(seed, cause):
    """An instance that most likely has no plan, for one reason or several; None where the draw gives none."""
    rng = random.Random(f"{seed} {cause}")
    fields, rules, may_run = random_restricted(seed, rng.randint(2, 5))
    fields = copy.deepcopy(merged(fields, rules, may_run))
    ids = [device["id"] for device in fields["devices"]]
    required = fields["requirements"]
    if cause not in ("mixture", "drawn"):
        required |= {"max_group_outage": 1.0, "min_groups": 1, "max_groups": None, "min_success": None}
        for student in fields["students"]:
            student["max_filters"] = fields["knowledge"]["num_filters"]
        for device in fields["devices"]:
            device["memory_bytes"] = 40
            device.pop("students", None)
        fields.pop("rules", None)
    if cause in ("memory", "mixture") and rng.random() < 0.8:
        for device in fields["devices"]:
            device["memory_bytes"] = rng.choice((1, 2, 3))
        for student in fields["students"]:
            student["memory_bytes"] = rng.choice((2, 4, 8))
        required["max_group_outage"] = rng.choice((1.0, 0.5))
    if cause in ("capacity", "mixture") and rng.random() < 0.8:
        for student in fields["students"]:
            student["max_filters"] = 1
        required["max_groups"] = rng.choice((1, 2, None))
    if cause in ("groups", "mixture") and rng.random() < 0.8:
        required["min_groups"] = rng.randint(1, len(ids) + 2)
        required["max_groups"] = None
        required["max_group_outage"] = rng.choice((0.5, 0.1, 1.0))
    if cause in ("outage", "mixture") and rng.random() < 0.8:
        required["max_group_outage"] = rng.choice((0.0, 1e-3, 1e-6, 0.01))
    if cause in ("success", "mixture") and rng.random() < 0.8:
        required["min_success"] = rng.choice((0.99, 0.999, 1.0, 0.9))
    if cause in ("rules", "mixture") and rng.random() < 0.8:
        fields["rules"] = fields.get("rules", []) + rng.choice(
            (
                [{"spread": len(ids) + 1}],
                [{"together": ids}, {"apart": ids}],
                [{"together": ids}, {"use": ids[:1]}, {"spread": 3}],
                [{"apart": ids}, {"use": [i for i in ids if i != ids[0]]}],
                [{"spread": 2}, {"apart": ids}],
            )
        )
        required["max_groups"] = rng.choice((1, None))
        required["min_groups"] = 1
    if cause in ("students", "mixture") and rng.random() < 0.8:
        for device in fields["devices"]:
            device["students"] = [rng.choice(fields["students"])["id"]]
        for student in fields["students"][:1]:
            student["memory_bytes"] = 100
    try:
        ro.Instance.model_validate(fields)
    except ValueError:
        # A device both in use and spare, say.
        return None
    return None if has_plan(fields) else fields


def impossible(first, last):
    """Instances without a plan, the first to the last of each cause."""
    for cause in CAUSES:
        found = (fields for seed in itertools.count() if (fields := spoilt(seed, cause)) is not None)
        yield from ((cause, fields) for fields in itertools.islice(found, first, last))


def hold(first, last):
    """Hold the conflicts of many instances against brute force; how many there were, and were proven irreducible."""
    asked = proven = 0
    for _, fields in impossible(first, last):
        conflict = ro.why_not(ro.Instance.model_validate(fields), "worst")
        require_true(fields, conflict)
        asked += 1
        proven += conflict.irreducible
    return asked, proven


@pytest.mark.slow
def test_conflicts_of_every_cause_hold():
    asked, proven = hold(0, 1)
    assert asked == 9
    assert proven >= 8


def levels_out_of_reach():
    """Instances with plans that all miss the level; none with a probability next to 1, which proofs leave open."""
    for seed in itertools.count(1, 2):
        fields, rules, may_run = random_restricted(seed, 2 + seed % 3)
        fields = copy.deepcopy(merged(fields, rules, may_run))
        fields["requirements"]["success_level"] = (0.9, 0.99, 0.999)[seed % 3]
        failing = (*fields["devices"], *fields.get("failure_domains", ()))
        is_nasty = any(item["failure_probability"] > 1 - 1e-9 for item in failing)
        if not is_nasty and has_plan(fields) and not has_plan(fields, "quantile"):
            yield fields


@pytest.mark.slow
def test_levels_out_of_reach_are_conflicts():
    proven = 0
    for fields in itertools.islice(levels_out_of_reach(), 1):
        result = ro.solve(ro.Instance.model_validate(fields), "exact", "quantile")
        assert result.termination == "infeasible"
        require_true(fields, result.conflict, "quantile")
        assert any(member.path == "requirements.success_level" for member in result.conflict.members)
        proven += result.conflict.irreducible
    assert proven >= 1


@pytest.mark.slow
def test_conflicts_of_many_more_hold():
    asked, proven = hold(1, 2)
    assert proven >= asked - 1


@pytest.mark.slow
def test_a_limit_on_energy_of_more_devices_than_all_sets_is_a_member_with_the_nearest_value():
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0,
            "memory_bytes": 10,
            "uplink_bits_per_second": 1.0,
            "failure_probability": 0.1,
            "compute_watts": 1.0 + 0.1 * (n % 5),
            "transmit_watts": 1.0,
        }
        for n in range(22)
    ]
    student = {"id": "s", "flops": 4.0, "flops_per_filter": 1.0, "memory_bytes": 1, "memory_bytes_per_filter": 1}
    instance = ro.Instance.model_validate(
        {
            "name": "lean",
            "devices": devices,
            "students": [{**student, "max_filters": 6}],
            "knowledge": {"num_filters": 12, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.02, "max_energy_joules": 62.0},
        }
    )
    conflict = ro.why_not(instance)
    assert conflict.irreducible
    [energy] = [member for member in conflict.members if member.path == "requirements.max_energy_joules"]
    # Two groups of two of the leanest devices: each takes 4 + 6 J to compute and 6 J to send.
    assert (energy.would_do, energy.is_nearest) == (64.0, True)
