"""Spares added one by one."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from rocoin_opt.heuristics.restricted.spares import with_spares_added


@pytest.mark.slow
def test_spares_make_the_answer_surer_and_no_later_under_rules() -> None:
    fleet = ro.generate("mcu", devices=12, seed=10, domains=3)
    lean = ro.solve(fleet, prefer="work")
    spare, other = lean.plan.spares[0], lean.plan.groups[0].devices[0]
    for rules in ((), (ro.Rule(apart=(spare, other)),), (ro.Rule(spare=lean.plan.spares),)):
        ruled = fleet.with_rules(*rules) if rules else fleet
        found = with_spares_added(ruled, lean.plan, "guaranteed", lean.objective_value)
        assert ro.check(ruled, found) == ()
        before, after = ro.evaluate(ruled, lean.plan), ro.evaluate(ruled, found)
        assert after.failure_probability <= before.failure_probability
        assert after.guaranteed_seconds <= lean.objective_value
    assert found == ro.Plan.of(fleet, lean.plan.groups)
