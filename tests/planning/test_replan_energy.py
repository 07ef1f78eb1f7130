"""Replanning within a limit on all energy, against all plans of what is left and the loads of each."""

from __future__ import annotations

import random

import pytest

import rocoin_opt as ro
from oracle_measured import ONE, Served, plans_of, values_of
from scarce_energy import scarce_instances


def fewest_loads(new: list[Served], old: list[Served]) -> int:
    """Devices of a plan that have to be sent a student, with the best choice of which old groups go on."""

    def stay(k: int, left: list[Served]) -> int:
        if k == len(new):
            return 0
        going_on = [
            len(before.members & new[k].members) + stay(k + 1, left[:i] + left[i + 1 :])
            for i, before in enumerate(left)
            if (before.student, before.size) == (new[k].student, new[k].size)
        ]
        return max([stay(k + 1, left), *going_on])

    return sum(len(group.members) for group in new) - stay(0, old)


def require_true_replans(seeds: range) -> None:
    limited = 0
    for number, scarce in enumerate(scarce_instances(seeds)):
        content, rng = scarce.content, random.Random(number)
        if len(content["devices"]) < 3:
            continue
        before = rng.choice(scarce.plans)[0]
        instance, lost = ro.Instance.model_validate(content), rng.choice(content["devices"])["id"]
        groups = [ro.Group(devices=tuple(sorted(g.members)), student=g.student, num_filters=g.size) for g in before]
        left = {**content, "devices": [device for device in content["devices"] if device["id"] != lost]}
        old = [group._replace(members=group.members - {lost}) for group in before]
        max_loads = rng.choice([None, 0, 1, 2])
        allowed = [
            plan
            for plan in plans_of(left)
            if (max_loads is None or fewest_loads(plan, old) <= max_loads)
            and sum(group.joules for group in plan) <= content["requirements"]["max_energy_joules"] * ONE
        ]
        for objective in ("guaranteed", "worst", "failure"):
            found = ro.replan(instance, ro.Plan.of(instance, groups), [lost], max_loads=max_loads, objective=objective)
            if not allowed:
                assert found.termination == "infeasible"
                continue
            least = min(values_of(left, plan)[objective] for plan in allowed)
            assert found.termination == "optimal"
            assert ro.check(found.instance, found.plan) == ()
            assert found.objective_value == pytest.approx(least, abs=1e-12)
            limited += 1
    assert limited


@pytest.mark.slow
def test_replans_within_an_energy_are_the_best_ones():
    require_true_replans(range(704, 707))


@pytest.mark.slow
def test_more_replans_within_an_energy_are_the_best_ones():
    require_true_replans(range(707, 711))
