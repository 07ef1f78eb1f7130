"""Figures of the whole answer against brute force in fractions: failure probability, missing share and quantile."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from failure_plans import replica, system
from law_oracle import LawOracle
from oracle_answers import ANSWER_OBJECTIVES
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.failure.evaluation import evaluate, metrics_of, value_of
from rocoin_opt.instance.tolerances import complement, stretched
from samples import trials
from slowed import DISGUISED, slowed
from strategies import instances, structured_plans, valid_plans

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.metrics import Metrics
    from rocoin_opt.plan.model import Plan

DECIMALS = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7, 1.1])
ROUND_CRASHES = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.05, 0.5])
DIGITS = Fraction(1, 10**9)


def require_agreement(found: Metrics, instance: Instance, plan: Plan) -> None:
    """Fail unless all three figures are those of the brute force, relatively, and the quantile the very atom."""
    brute = oracle.oracle_of(instance)
    blocks = brute.blocks(plan)
    for objective in ANSWER_OBJECTIVES:
        figure, exact = found.value(objective), brute.whole.value(blocks, objective)
        if figure is None or exact is None:
            assert figure is exact, objective
            continue
        assert abs(Fraction(figure) - exact) <= exact * DIGITS, objective
        if objective == "quantile":
            times = {t for block in blocks for t, _ in brute.latencies(block)}
            assert min(times, key=lambda t: abs(t - Fraction(figure))) == exact


def judge(instance: Instance, plan: Plan) -> None:
    """Hold every way to the figures against brute force."""
    found = evaluate(instance, plan)
    require_agreement(found, instance, plan)
    for objective in ANSWER_OBJECTIVES:
        figure = found.value(objective)
        assert value_of(instance, plan, objective) == (math.inf if figure is None else figure)
    deadline = instance.requirements.deadline_seconds
    for same in (instance, slowed(instance, DISGUISED), slowed(instance, {"law": "empirical", "values": [1.0]})):
        distribution = latency_distribution(same, plan)
        require_agreement(metrics_of(distribution, same, plan, deadline), instance, plan)
        require_agreement(evaluate(same, plan), instance, plan)
        figures = [distribution.failure_probability(deadline), distribution.missing_share(deadline)]
        assert figures == pytest.approx([found.failure_probability, found.missing_share], rel=1e-12, abs=0.0)


@given(st.data())
@trials(60)
def test_independent_devices(data: st.DataObject) -> None:
    instance = data.draw(instances(level=None))
    judge(instance, data.draw(structured_plans(instance)))


@given(st.data())
@trials(20)
def test_feasible_plans(data: st.DataObject) -> None:
    instance = data.draw(instances(level=True, max_devices=4))
    judge(instance, data.draw(valid_plans(instance)))


@given(st.data())
@trials(60)
def test_failure_domains(data: st.DataObject) -> None:
    instance = data.draw(instances(level=None, domains=True))
    judge(instance, data.draw(structured_plans(instance)))


@st.composite
def decimal_systems(draw: st.DrawFn) -> tuple[Instance, Plan]:
    """Groups of devices whose times are sums of decimals, many of them equal but for rounding."""
    shared = draw(st.lists(ROUND_CRASHES, max_size=2))
    groups = []
    for _ in range(draw(st.integers(1, 3))):
        group = []
        for _ in range(draw(st.integers(1, 2))):
            fields: dict[str, Any] = {"overhead_seconds": draw(DECIMALS)}
            fields["flops_per_second"] = draw(st.sampled_from([10.0, 5.0, 2.0, 1.0, 0.5]))
            fields["uplink_bits_per_second"] = draw(st.sampled_from([10.0, 5.0, 1.0, 0.2]))
            if shared and draw(st.booleans()):
                fields["failure_domain"] = draw(st.integers(0, len(shared) - 1))
            group.append(replica(draw(ROUND_CRASHES), **fields))
        groups.append(group)
    return system(*groups, domains=shared, bits=1.0)


@given(st.data())
@trials(100)
def test_deadlines_on_an_answer_and_levels_that_are_reached_exactly(data: st.DataObject) -> None:
    instance, plan = data.draw(decimal_systems())
    brute = oracle.oracle_of(instance)
    blocks = brute.blocks(plan)
    times = sorted({t for block in blocks for t, _ in brute.latencies(block)})
    at = data.draw(st.sampled_from(times))
    level = float(1 - brute.whole.failure(blocks, at))
    assume(0.0 < level < 1.0)
    deadline = float(data.draw(st.sampled_from(times)) * data.draw(st.sampled_from([1, 1, 1 - Fraction(1, 10**11)])))
    exact = instance.with_requirements(success_level=level, deadline_seconds=deadline)
    judge(exact, plan)
    quantile = evaluate(exact, plan).quantile_seconds
    assert quantile is not None
    assert quantile <= float(at) * (1 + 1e-12)
    # A level that is missed by more than rounding is not reached.
    judge(exact.with_requirements(success_level=level + (1.0 - level) * 1e-9), plan)


@pytest.mark.parametrize("domains", [(), (0.0,)])
def test_an_answer_by_rounding_later_than_the_deadline_is_in_time(domains: tuple[float, ...]) -> None:
    rounded = replica(0.25, overhead_seconds=0.1, compute=0.2)
    if domains:
        rounded["failure_domain"] = 0
    instance, plan = system([rounded], domains=domains, deadline_seconds=0.3, success_level=0.75)
    assert 0.1 + 0.2 > 0.3
    judge(instance, plan)
    assert value_of(instance, plan, "failure") == pytest.approx(0.25, rel=1e-15)
    assert value_of(instance, plan, "missing") == 0.25
    assert value_of(instance, plan, "quantile") == pytest.approx(0.3, rel=1e-15)


@pytest.mark.parametrize("domains", [(), (0.0,)])
@pytest.mark.parametrize(
    ("level", "crashes"),
    [
        (0.81, [[0.1], [0.1]]),
        (0.99, [[0.1, 0.1]]),
        (0.99999, [[1e-5]]),
        (0.999999999, [[1e-4, 1e-5]]),
        (0.999999999999, [[1e-6, 1e-6]]),
    ],
)
def test_a_level_that_is_an_exact_product_is_reached(
    level: float, crashes: list[list[float]], domains: tuple[float, ...]
) -> None:
    shared = {"failure_domain": 0} if domains else {}
    groups = [[replica(p, compute=1.0 + n + k, **shared) for n, p in enumerate(ps)] for k, ps in enumerate(crashes)]
    instance, plan = system(*groups, domains=domains, success_level=level)
    judge(instance, plan)
    assert value_of(instance, plan, "quantile") == pytest.approx(float(sum(map(len, crashes))))
    if len(crashes) == 1:
        assert latency_distribution(instance, plan).quantile(level) == value_of(instance, plan, "quantile")


@pytest.mark.parametrize("domains", [(), (0.0,)])
def test_a_level_of_almost_nothing_asks_for_an_answer_that_may_come(domains: tuple[float, ...]) -> None:
    shared = {"failure_domain": 0} if domains else {}
    # An answer comes with 2 ** -100, which 1 less of itself does not show.
    groups = [[replica(1 - 2**-50, compute=seconds, **shared)] for seconds in (1.0, 2.0)]
    instance, plan = system(*groups, domains=domains, success_level=1e-20)
    assert value_of(instance, plan, "quantile") == 2.0
    judge(instance, plan)


@pytest.mark.parametrize("domains", [(1e-10, 1e-12), pytest.param((), marks=pytest.mark.slow)])
@pytest.mark.parametrize(("p", "replicas"), [(1e-5, 3), (1e-6, 5), (1e-10, 3), (1e-30, 2), (1e-20, 4)])
def test_failures_near_0_keep_their_digits(p: float, replicas: int, domains: tuple[float, ...]) -> None:
    groups = []
    for k in range(2):
        group = [replica(p, compute=1.0 + n + k) for n in range(replicas)]
        for place in range(len(domains)):
            group[place]["failure_domain"] = place
        groups.append(group)
    instance, plan = system(*groups, domains=domains, deadline_seconds=50.0, success_level=1 - 1e-12)
    judge(instance, plan)
    failure = evaluate(instance, plan).failure_probability
    assert failure is not None
    assert 0.0 < failure < 1e-13


def test_a_domain_that_all_but_surely_fails_and_devices_that_never_do() -> None:
    sure, doomed = replica(0.0), replica(0.0, compute=0.5, failure_domain=0)
    instance, plan = system([sure, doomed], [sure], domains=[0.999], deadline_seconds=1.0, success_level=0.9999)
    judge(instance, plan)
    assert [value_of(instance, plan, objective) for objective in ANSWER_OBJECTIVES] == pytest.approx([0.0, 0.0, 1.0])
    instance, plan = system([doomed], [sure], domains=[0.999], success_level=0.01)
    judge(instance, plan)
    values = [value_of(instance, plan, objective) for objective in ANSWER_OBJECTIVES]
    assert values == pytest.approx([0.999, 0.4995, math.inf])


@pytest.mark.parametrize("domains", [(), (0.0,)])
def test_a_deadline_below_every_latency_and_none(domains: tuple[float, ...]) -> None:
    shared = {"failure_domain": 0} if domains else {}
    instance, plan = system(
        [replica(0.0, **shared)], [replica(0.5, **shared)], domains=domains, deadline_seconds=0.25, success_level=0.5
    )
    judge(instance, plan)
    figures = evaluate(instance, plan)
    assert (figures.failure_probability, figures.missing_share, figures.quantile_seconds) == (1.0, 1.0, 1.0)
    free = instance.with_requirements(deadline_seconds=None)
    judge(free, plan)
    figures = evaluate(free, plan)
    assert (figures.failure_probability, figures.missing_share, figures.quantile_seconds) == (0.5, 0.25, 1.0)


@pytest.mark.parametrize("domains", [(), (0.0,)])
def test_no_level_and_one_out_of_reach(domains: tuple[float, ...]) -> None:
    instance, plan = system([replica(0.25, **({"failure_domain": 0} if domains else {}))], domains=domains)
    for level in (None, 0.7500001, 0.999):
        wanted = instance.with_requirements(success_level=level)
        judge(wanted, plan)
        assert evaluate(wanted, plan).quantile_seconds is None
        assert value_of(wanted, plan, "quantile") == math.inf


@given(st.data())
@trials(40)
def test_laws_of_a_few_values(data: st.DataObject) -> None:
    """The formulas of independent groups, in fractions."""
    factors = st.lists(st.sampled_from([0.5, 1.0, 1.5, 3.0]), min_size=1, max_size=3)
    laws = [{"law": "empirical", "values": values} for values in data.draw(st.lists(factors, min_size=1, max_size=3))]
    instance = slowed(data.draw(instances(level=True, max_devices=4)), *laws)
    plan = data.draw(structured_plans(instance))
    brute = LawOracle(instance)
    blocks = brute.blocks(plan)
    never = max(t for block in blocks for n in block.devices for t, _ in brute.arrivals(n, block.student, block.size))
    end = never if brute.latest is None else brute.latest

    def failure(seconds: Fraction) -> Fraction:
        return 1 - math.prod((1 - brute.silent(block, seconds) for block in blocks), start=Fraction(1))

    lost = sum((block.size * brute.silent(block, end) for block in blocks), Fraction(0))
    found = evaluate(instance, plan)
    expected = failure(end), lost / instance.knowledge.num_filters
    for figure, exact in zip((found.failure_probability, found.missing_share), expected, strict=True):
        assert figure is not None
        assert abs(Fraction(figure) - exact) <= exact * DIGITS
    times = {t for block in blocks for n in block.devices for t, _ in brute.arrivals(n, block.student, block.size)}
    quantile = next((t for t in sorted(times) if brute.whole.is_reached(failure(t))), None)
    assert found.quantile_seconds == (None if quantile is None else pytest.approx(float(quantile), rel=1e-12))


@given(st.data())
@trials(30, suppress_health_check=[HealthCheck.too_slow])
def test_the_level_is_kept_from_the_quantile_on_and_not_before(data: st.DataObject) -> None:
    instance = data.draw(instances(slowdowns=True, domains=True, level=True, max_devices=4))
    plan = data.draw(structured_plans(instance))
    level = instance.requirements.success_level
    assert level is not None
    found = evaluate(instance, plan).quantile_seconds
    distribution = ro.latency_distribution(instance, plan)
    limit = stretched(complement(level))
    if found is None:
        assert distribution.failure_probability() > limit * (1 - 1e-9)
    elif found > 0.0:
        before = distribution.failure_probability(found * (1 - 1e-9))
        assert distribution.failure_probability(found) <= limit < before


@given(st.data())
@trials(20)
def test_figures_for_another_deadline(data: st.DataObject) -> None:
    instance = data.draw(instances(domains=True, slowdowns=True, level=True, max_devices=3))
    plan = data.draw(structured_plans(instance))
    for deadline in (None, 3.0):
        found = metrics_of(latency_distribution(instance, plan), instance, plan, deadline)
        same = evaluate(instance.with_requirements(deadline_seconds=deadline), plan)
        for objective in ANSWER_OBJECTIVES:
            figure, other = found.value(objective), same.value(objective)
            assert figure == (None if other is None else pytest.approx(other, rel=1e-12, abs=0.0)), objective


@given(instances(level=True, domains=True, max_devices=4, max_students=2, max_filters=4))
@trials(25, suppress_health_check=[HealthCheck.too_slow])
def test_the_best_of_the_oracle_is_the_least_of_all_plans(instance: Instance) -> None:
    plans = list(oracle.feasible_plans(instance))
    for objective in ANSWER_OBJECTIVES:
        best = oracle.best(instance, objective)
        if not plans:
            assert best is None
            continue
        assert best is not None
        values = [oracle.objective_value(instance, plan, objective) for plan in plans]
        assert best[0] == min(math.inf if value is None else value for value in values)
        assert oracle.is_feasible(instance, best[1])
        found = oracle.objective_value(instance, best[1], objective)
        assert best[0] == (math.inf if found is None else found)
