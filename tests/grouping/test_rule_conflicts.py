"""Devices that must serve and must not meet: what the graph of rules proves, against every grouping of few devices."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.grouping.infeasible import reasons_of_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMES = "abcde"


def groupings(names: Sequence[str]) -> Iterator[list[list[str]]]:
    """Every way to put each name into a group or aside; the first list holds those aside."""
    if not names:
        yield [[]]
        return
    for found in groupings(names[1:]):
        for place in range(len(found)):
            yield [[*group, names[0]] if place == k else group for k, group in enumerate(found)]
        yield [*found, [names[0]]]


def keeps(rules: Sequence[ro.Rule], aside: Sequence[str], groups: Sequence[Sequence[str]]) -> bool:
    for rule in rules:
        named = set(rule.devices)
        if rule.kind == "use" and named & set(aside):
            return False
        if rule.kind == "apart" and any(len(named & set(group)) > 1 for group in groups):
            return False
        if rule.kind == "together" and not any(named <= set(held) for held in (aside, *groups)):
            return False
    return True


def drawn(draw: random.Random) -> ro.Instance:
    rules = [
        ro.Rule(**{draw.choice(("apart", "apart", "together", "use")): tuple(draw.sample(NAMES, draw.randint(1, 4)))})
        for _ in range(draw.randint(2, 5))
    ]
    base = pairs()
    devices = [base.devices[0].with_fields(id=name) for name in NAMES]
    return (
        base.with_fields(devices=devices, rules=tuple(rules))
        .with_knowledge(num_filters=9, graph=None, class_affinity=None)
        .with_requirements(min_groups=1, max_groups=draw.randint(1, 3))
    )


def test_what_is_refuted_has_no_grouping() -> None:
    draw, refuted = random.Random(5), 0
    everything = list(groupings(NAMES))
    for _ in range(300):
        instance = drawn(draw)
        if reasons_of_rules(instance):
            refuted += 1
            possible = [
                groups
                for aside, *groups in everything
                if 1 <= len(groups) <= instance.max_groups and keeps(instance.rules, aside, groups)
            ]
            assert possible == [], instance.rules
    assert refuted > 40


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (
            [{"use": ("a", "b", "c")}, {"apart": ("a", "b")}, {"apart": ("b", "c", "a")}],
            "rules: a, b and c must serve, no two of them in one group, and there are at most 2 groups. Remove a "
            "rule on them, or raise max_groups.",
        ),
        (
            [{"use": ("a",)}, {"together": ("a", "b")}, {"together": ("b", "c")}, {"apart": ("a", "c")}],
            "rules: a and c must serve in one group, and must not. Remove a rule on them.",
        ),
    ],
)
def test_the_devices_in_conflict_are_named(rules: list[dict[str, tuple[str, ...]]], told: str) -> None:
    instance = drawn(random.Random(1)).with_fields(rules=tuple(ro.Rule(**rule) for rule in rules))
    instance = instance.with_requirements(max_groups=2)
    assert reasons_of_rules(instance) == (told,)
    result = ro.solve(instance, "greedy")
    assert (result.termination, result.plan) == ("infeasible", None)
    assert told in result.reasons


def test_rules_that_can_hold_draw_no_reason() -> None:
    rules = ({"use": ("a", "b")}, {"apart": ("a", "b", "c")}, {"together": ("a", "d")})
    instance = drawn(random.Random(1)).with_fields(rules=tuple(ro.Rule(**rule) for rule in rules))
    assert reasons_of_rules(instance.with_requirements(max_groups=2)) == ()
    assert reasons_of_rules(instance.with_fields(rules=())) == ()
