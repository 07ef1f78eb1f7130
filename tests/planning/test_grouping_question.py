"""The question for a number of groups: who can hold what, and nothing else, is left of an instance."""

from __future__ import annotations

import numpy as np

import rocoin_opt as ro
from groups_oracle import tiny
from rocoin_opt.planning.grouping_question import grouping_question, with_groups


def test_it_keeps_limit_domains_and_rules_and_who_can_hold_something() -> None:
    for seed in range(60):
        instance = tiny(seed, domains=True, rules=True)
        question = grouping_question(instance, 2)
        assert [device.id for device in question.devices] == [device.id for device in instance.devices]
        assert np.array_equal(question.arrays.failure, instance.arrays.failure)
        assert question.arrays.largest.max(initial=0) <= 1
        able = instance.arrays.largest > 0
        assert np.array_equal(question.arrays.largest.any(axis=1), able.any(axis=1))
        assert question.rules == instance.rules
        assert question.requirements.max_group_outage == instance.requirements.max_group_outage
        # Every two devices with a common student still have one.
        asked = question.arrays.largest > 0
        assert np.array_equal(asked @ asked.T, able @ able.T)


def test_students_that_nobody_needs_are_left_out() -> None:
    instance = ro.generate("edge", devices=12, seed=1)
    question = grouping_question(instance, 3)
    assert len(question.students) <= len(instance.students)
    assert (question.requirements.min_groups, question.requirements.max_groups) == (3, 3)
    assert question.knowledge.num_filters == 3


def test_another_number_changes_nothing_else() -> None:
    instance = tiny(7, rules=True)
    asked = with_groups(grouping_question(instance, 1), 3)
    direct = grouping_question(instance, 3)
    assert asked == direct
    assert asked.sha256 == direct.sha256
