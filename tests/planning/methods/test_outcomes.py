"""How outcomes compare."""

import pytest

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.plan import Outcome
from rocoin_opt.planning.methods.outcomes import gap_of, is_closed, no_worse, searched_on

INSTANCE = ro.generate("mcu", devices=8, seed=0)
RESULT = ro.solve(INSTANCE, "greedy", latency_only=True)
VALUE = ro.evaluate(INSTANCE, RESULT.plan).guaranteed_seconds


@pytest.mark.parametrize(("share", "gap", "closed"), [(1, 0, True), (0.95, 0.04, False), (0.95, 0.06, True)])
def test_a_plan_is_closed_within_the_gap_that_was_asked_for(share, gap, closed):
    assert is_closed(INSTANCE, "guaranteed", Outcome(RESULT.plan, lower_bound=share * VALUE), gap) is closed


def test_without_plan_bound_or_value_nothing_is_closed():
    assert not is_closed(INSTANCE, "guaranteed", Outcome(None, lower_bound=1.0), 1.0)
    assert not is_closed(INSTANCE, "guaranteed", Outcome(RESULT.plan), 1.0)
    # A level of success that a plan never reaches: its quantile is infinite.
    sure = INSTANCE.with_requirements(success_level=1 - 1e-12)
    assert not is_closed(sure, "quantile", Outcome(RESULT.plan, lower_bound=0.1), 1.0)
    assert gap_of(INSTANCE, "guaranteed", Outcome(None, lower_bound=1.0)) is None


def test_the_better_plan_stays_and_the_start_where_both_are_equal():
    exact = ro.solve(INSTANCE, "exact", latency_only=True).plan
    assert no_worse(INSTANCE, "guaranteed", Outcome(RESULT.plan), exact).plan == exact
    assert no_worse(INSTANCE, "guaranteed", Outcome(exact), RESULT.plan).plan in (exact, RESULT.plan)
    assert no_worse(INSTANCE, "guaranteed", Outcome(None, lower_bound=0.1), exact) == Outcome(exact, lower_bound=0.1)


@pytest.mark.parametrize(
    ("is_timed", "bound", "seeds"), [(True, None, [8, 9, 10]), (True, VALUE, []), (False, None, [])]
)
def test_a_search_goes_on_by_other_chances_while_it_has_time_and_a_gap(is_timed, bound, seeds):
    best = ro.solve(INSTANCE, "exact", latency_only=True).plan
    control = Control.starting_now(time_limit=1e6 if is_timed else None, seed=7)
    found = {8: None, 9: best, 10: RESULT.plan}
    asked = []

    def improved(own, plan):
        asked.append(own.seed)
        if own.seed == 10:
            control.stop.set()
        return found[own.seed]

    outcome = searched_on(INSTANCE, "guaranteed", control, Outcome(RESULT.plan, bound), improved)
    assert asked == seeds
    assert outcome == Outcome(best if seeds else RESULT.plan, bound)
    assert searched_on(INSTANCE, "guaranteed", control, Outcome(None), improved) == Outcome(None)
