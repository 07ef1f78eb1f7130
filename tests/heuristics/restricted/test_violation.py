"""How far groups are from being a plan: 0 exactly where the judge of plans finds nothing."""

from __future__ import annotations

import random

import pytest

from restricted_solves import drawn
from rocoin_opt.heuristics.restricted.violation import violation_of
from rocoin_opt.plan.indexed import IndexedGroup, plan_of
from rocoin_opt.plan.validity import structural_violations
from samples import cases

OF_SIZES = {"capacity", "memory", "cover", "students", "nonempty"}
"""Rules of parts, which are not looked at."""


@pytest.mark.parametrize("seed", cases(range(20), range(60)))
def test_it_is_0_exactly_where_plans_break_no_rule_of_groups(seed: int) -> None:
    instance, draws = drawn(seed, 5), random.Random(seed)
    for _ in range(12):
        places = [draws.randrange(4) for _ in instance.devices]
        groups = [tuple(n for n, place in enumerate(places) if place == k) for k in range(3)]
        groups = [members for members in groups if members]
        plan = plan_of(instance, [IndexedGroup(members, 0, 1) for members in groups])
        broken = {violation.rule for violation in structural_violations(instance, plan)} - OF_SIZES
        # A plan may have fewer groups than there are filters; here each has one filter.
        if len(groups) > instance.max_groups:
            broken.add("groups")
        assert (violation_of(instance, groups) == 0.0) == (not broken)
