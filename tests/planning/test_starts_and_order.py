"""Plans to start from, and what comes behind latency: used, checked, and never at the cost of the objective."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import pairs, two_pairs
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.result import Outcome
from rocoin_opt.planning import solve as methods
from samples import cases, trials
from strategies import instances
from tracing import assert_traced

FROM_A_START = tuple(name for name, method in ro.METHODS.items() if method.improve is not None)
PROVEN = ("auto", "exact", "milp")
"""Those of them that prove the optimum of every small instance."""
THRESHOLD_OBJECTIVES = ("guaranteed", "nominal", "worst")


def poor_start():
    """An instance that greedy does not solve, and a plan that is far worse than greedy's."""
    instance = ro.generate("paper", seed=1)
    return instance, ro.solve(instance, "random", seed=3).plan


def value_or_never(value):
    """A quantile whose level is never reached has no value."""
    return math.inf if value is None else value


FROM_A_START_FOR = [(name, o) for name in FROM_A_START for o in ro.METHODS[name].objectives]


@pytest.mark.usefixtures("short_search")
@given(
    instances(max_devices=4, max_students=2, max_filters=4, deadline=True, level=True),
    st.sampled_from([None, None, 0.0]),
)
@trials(15, ways=2)
@pytest.mark.parametrize(("name", "objective"), cases(FROM_A_START_FOR[::3], FROM_A_START_FOR[1::3]))
def test_the_result_is_never_worse_than_the_start(name, objective, instance, time_limit):
    start = ro.solve(instance, "random").plan
    assume(start is not None)
    result = ro.solve(instance, name, objective, start=start, time_limit=time_limit)
    assert_traced(result)
    assert value_or_never(result.objective_value) <= value_or_never(ro.evaluate(instance, start).value(objective))
    if objective == "quantile" and oracle.best(instance, objective)[0] == math.inf:
        assert result.objective_value is None
    elif time_limit is None and name in PROVEN:
        assert result.termination == "optimal"
        assert result.objective_value == pytest.approx(oracle.best(instance, objective)[0], rel=1e-9)


@pytest.mark.parametrize(
    ("name", "objective"),
    cases(
        zip(PROVEN, ("worst", "guaranteed", "nominal"), strict=True), itertools.product(PROVEN, THRESHOLD_OBJECTIVES)
    ),
)
def test_a_poor_start_is_improved(name, objective):
    instance, start = poor_start()
    result = ro.solve(instance, name, objective, start=start)
    assert result.termination == "optimal"
    assert result.objective_value == ro.solve(instance, name, objective).objective_value
    assert result.trace[0].value == ro.evaluate(instance, start).value(objective) > result.objective_value
    assert_traced(result)


@pytest.mark.parametrize("name", FROM_A_START)
def test_a_start_is_what_is_left_where_there_is_no_time(name):
    instance, start = poor_start()
    result = ro.solve(instance, name, start=start, time_limit=0, latency_only=True)
    assert result.plan == start
    assert result.termination == "feasible"
    assert result.reasons == ()
    assert_traced(result)


@pytest.mark.parametrize("name", FROM_A_START)
@pytest.mark.slow
def test_a_start_better_than_greedy_is_kept(name):
    instance, _ = poor_start()
    best = ro.solve(instance, "milp").plan
    assert ro.solve(instance, name, start=best, latency_only=True).plan == best
    assert ro.solve(instance, name, start=best, latency_only=True, gap=0.5).plan == best


@pytest.mark.parametrize("objective", cases(["missing"], OBJECTIVES))
def test_auto_starts_from_a_plan_for_every_objective(objective):
    instance = ro.generate("edge", devices=8, seed=2).with_requirements(success_level=0.6)
    start = ro.solve(instance, "greedy", "expected").plan
    auto = ro.solve(instance, "auto", objective, start=start)
    assert auto.objective_value <= ro.evaluate(instance, start).value(objective)
    assert auto.objective_value <= ro.solve(instance, "greedy", objective).objective_value


@pytest.mark.parametrize("name", FROM_A_START)
def test_a_start_that_no_method_could_better_is_returned(name, monkeypatch):
    original = ro.METHODS[name]

    def without_a_plan(instance, objective, control, start):
        return Outcome(None, reasons=("the limit came first",))

    changed = ro.Method(name, original.run, OBJECTIVES, "stops at once", improve=without_a_plan)
    monkeypatch.setitem(ro.METHODS, name, changed)
    instance, start = poor_start()
    result = ro.solve(instance, name, start=start)
    assert (result.plan, result.reasons) == (start, ())


def test_a_method_that_calls_a_start_impossible_is_refuted(monkeypatch):
    def denying(instance, objective, control, start):
        return Outcome(None, infeasible=True, reasons=("none",))

    changed = ro.Method("milp", ro.METHODS["milp"].run, OBJECTIVES, "denies", improve=denying)
    monkeypatch.setitem(ro.METHODS, "milp", changed)
    instance, start = poor_start()
    with pytest.raises(ro.CertificateError, match="milp found no plan possible"):
        ro.solve(instance, "milp", start=start)


def test_a_valid_start_stands_above_any_proof_that_there_is_no_plan(monkeypatch):
    monkeypatch.setattr(methods, "reasons_for_infeasibility", lambda instance: ("capacity: none",))
    assert ro.solve(two_pairs(), "milp").termination == "infeasible"
    assert ro.solve(two_pairs(), "milp", start=one_group(two_pairs())).termination == "optimal"


@pytest.mark.parametrize("name", sorted(set(ro.METHODS) - set(FROM_A_START)))
def test_a_method_that_cannot_start_from_a_plan_says_so(name):
    start = ro.solve(pairs(), "greedy").plan
    with pytest.raises(ro.UnsupportedError, match=f"{name} cannot start from a plan; {', '.join(FROM_A_START)} can"):
        ro.solve(pairs(), name, start=start)


@pytest.mark.parametrize("name", FROM_A_START)
def test_an_invalid_start_is_refused_with_every_violation(name):
    group = ro.Group(devices=("d0", "stranger"), student="s3", num_filters=9)
    with pytest.raises(ro.InputError) as caught:
        ro.solve(pairs(), name, start=ro.Plan(groups=(group,), spares=("d1", "d2", "d3")))
    lines = str(caught.value).splitlines()
    assert all(line.startswith("start: ") for line in lines)
    assert "start: groups[0].devices[1]: known: found stranger; allowed: a device of the instance" in lines
    assert "start: groups[0].num_filters: capacity: found 9 filters; allowed: 6 filters" in lines
    assert "start: groups: cover: found 9 filters; allowed: 5 filters" in lines
    assert any(line.startswith("start: groups[0]: outage: found 0.1") for line in lines)


def test_a_start_in_any_order_is_put_in_canonical_order():
    plan = ro.solve(pairs(), "milp").plan
    assert len(plan.groups) > 1
    shuffled = ro.Plan(
        groups=tuple(g.model_copy(update={"devices": g.devices[::-1]}) for g in plan.groups[::-1]),
        spares=plan.spares[::-1],
    )
    assert ro.solve(pairs(), "milp", start=shuffled).plan == plan


@pytest.mark.slow
@pytest.mark.parametrize("graph", cases([True], [False]))
def test_filters_of_a_start_are_kept_with_its_groups_and_chosen_anew_otherwise(graph):
    instance = ro.generate("paper", devices=6, seed=1, filters=24, graph=graph)
    best, poor = ro.solve(instance, "milp").plan, ro.solve(instance, "random", seed=3).plan

    def named(plan):
        """Another choice of filters than solve would make."""
        bounds = [0, *itertools.accumulate(plan.sizes[::-1])]
        parts = [tuple(range(a, b)) for a, b in itertools.pairwise(bounds)][::-1]
        groups = [g.model_copy(update={"filters": f}) for g, f in zip(plan.groups, parts, strict=True)]
        return ro.Plan.of(instance, groups)

    assert len(best.groups) > 1
    assert ro.solve(instance, "milp", start=named(best)).plan == named(best) != best
    # A graph names the filters of a start that names none.
    bare = ro.Plan.of(instance, [g.model_copy(update={"filters": None}) for g in best.groups])
    assert ro.solve(instance, "milp", start=bare).plan == best
    improved = ro.solve(instance, "milp", start=named(poor)).plan
    assert improved == best
    assert all((group.filters is not None) == graph for group in improved.groups)


@pytest.fixture
def settling(monkeypatch):
    """Make ``milp`` go on behind latency by a rule; return that rule's calls."""

    def settling(rule):
        calls = []

        def break_ties(instance, objective, plan, control, criterion):
            calls.append((objective, plan))
            control.tell(0.0, 1e9)
            return rule(instance, plan)

        original = ro.METHODS["milp"]
        changed = ro.Method("milp", original.run, OBJECTIVES, "", improve=original.improve, break_ties=break_ties)
        monkeypatch.setitem(ro.METHODS, "milp", changed)
        return calls

    return settling


def exchanged(instance, plan):
    """A plan as good for equal devices: the first and the last change places."""
    names = {"d0": "d3", "d3": "d0"}
    groups = [g.model_copy(update={"devices": tuple(names.get(d, d) for d in g.devices)}) for g in plan.groups]
    return ro.Plan.of(instance, groups)


def one_group(instance):
    """All filters on all devices: valid, and slower than two groups."""
    ids = tuple(device.id for device in instance.devices)
    return ro.Plan.of(instance, [ro.Group(devices=ids, student="s", num_filters=4)])


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("objective", THRESHOLD_OBJECTIVES)
def test_a_method_goes_on_behind_latency_unless_told_not_to(settling, objective, start):
    plain = ro.solve(two_pairs(), "milp", objective)
    other = exchanged(two_pairs(), plain.plan)
    assert other != plain.plan
    calls = settling(exchanged)
    options = {"start": plain.plan} if start else {}
    result = ro.solve(two_pairs(), "milp", objective, **options)
    assert calls == [(objective, plain.plan)]
    assert result.plan == other
    assert (result.objective_value, result.termination) == (plain.objective_value, "optimal")
    assert_traced(result)
    assert ro.solve(two_pairs(), "milp", objective, latency_only=True, **options).plan == plain.plan
    assert len(calls) == 1


def test_nothing_lies_behind_the_expected_latency_and_without_a_plan(settling, monkeypatch):
    calls = settling(exchanged)
    by_greedy = dataclasses.replace(ro.METHODS["milp"], run=ro.METHODS["greedy"].run)
    monkeypatch.setitem(ro.METHODS, "milp", by_greedy)
    assert ro.solve(two_pairs().with_requirements(deadline_seconds=9.0), "milp", "expected").plan is not None
    assert ro.solve(two_pairs(), "milp", time_limit=0).plan is None
    assert calls == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda i, plan: ro.Plan.of(i, plan.groups[:1]), "milp returned an invalid plan: groups: cover"),
        (lambda i, plan: one_group(i), "milp gave up latency"),
    ],
    ids=["invalid", "slower"],
)
def test_what_comes_behind_latency_is_not_believed_either(settling, rule, message):
    settling(rule)
    with pytest.raises(ro.CertificateError, match=message):
        ro.solve(two_pairs(), "milp")


@pytest.mark.parametrize("name", cases(["exact"], FROM_A_START))
def test_the_same_seed_and_start_give_the_same_plan(name):
    instance, start = poor_start()
    first, second = (ro.solve(instance, name, seed=7, start=start) for _ in range(2))
    assert first.plan == second.plan


def test_filters_that_are_chosen_behind_latency_stand(settling):
    def last_first(instance, plan):
        bounds = [0, *itertools.accumulate(plan.sizes)]
        parts = [tuple(3 - m for m in range(a, b)) for a, b in itertools.pairwise(bounds)]
        groups = [g.model_copy(update={"filters": f}) for g, f in zip(plan.groups, parts, strict=True)]
        return ro.Plan.of(instance, groups)

    settling(last_first)
    assert [g.filters for g in ro.solve(two_pairs(), "milp", explicit_filters=True).plan.groups] == [(2, 3), (0, 1)]
