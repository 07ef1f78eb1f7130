"""The one evaluator: closed forms where there are some, the exact distribution elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rocoin_opt as ro
from failure_plans import replica, system
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.failure.evaluation import evaluate, metrics_of, missed_by, value_of
from rocoin_opt.instance.generate import generate
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.model import Group, Plan
from samples import cases, trials
from slowed import DISGUISED, slowed
from strategies import instances, valid_plans

LOGNORMAL = {"law": "lognormal", "sigma": 0.5}


@given(st.data())
@trials(30)
def test_closed_forms_agree_with_the_distribution_and_values_with_figures(data: st.DataObject) -> None:
    instance = data.draw(instances())
    plan = data.draw(valid_plans(instance))
    found = evaluate(instance, plan)
    deadline = instance.requirements.deadline_seconds
    by_distribution = metrics_of(latency_distribution(instance, plan), instance, plan, deadline)
    for name, figure in by_distribution.model_dump(exclude={"ncut"}).items():
        assert getattr(found, name) == (None if figure is None else pytest.approx(figure, rel=1e-12, abs=1e-300)), name
    for objective in OBJECTIVES:
        expected = found.value(objective)
        assert value_of(instance, plan, objective) == (math.inf if expected is None else expected)
    late = missed_by(instance, plan, math.inf if deadline is None else deadline)
    assert late == pytest.approx(found.failure_probability, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("most", cases([3], [4]))
@given(data=st.data())
@trials(25)
def test_constants_in_disguise_have_the_same_figures(most: int, data: st.DataObject) -> None:
    instance = data.draw(instances(max_devices=most, deadline=True))
    plan = data.draw(valid_plans(instance))
    constant, disguised = evaluate(instance, plan), evaluate(slowed(instance, DISGUISED), plan)
    assert disguised.nominal_seconds is None
    assert disguised.worst_seconds is None
    for name in ("guaranteed_seconds", "expected_seconds", "success_probability"):
        assert getattr(disguised, name) == pytest.approx(getattr(constant, name), rel=1e-12)


@given(st.data())
@trials(30)
def test_the_limit_is_kept_from_the_guarantee_on_and_not_before(data: st.DataObject) -> None:
    instance = data.draw(instances(slowdowns=True, domains=True, max_devices=4))
    plan = data.draw(valid_plans(instance))
    limit = instance.requirements.max_group_outage
    found = evaluate(instance, plan).guaranteed_seconds
    assert value_of(instance, plan, "guaranteed") == (math.inf if found is None else found)
    if found is None or found == 0.0 or not 0.0 < limit < 1.0:
        return
    distribution = ro.latency_distribution(instance, plan)
    kept, missed = (
        max(distribution.outage(k, t) for k in range(len(plan.groups))) for t in (found, found * (1 - 1e-9))
    )
    assert kept <= limit * (1 + 1e-12) < missed


def test_the_guarantee_of_a_law_is_its_quantile() -> None:
    instance, plan = system([replica(0.1, compute_slowdown=LOGNORMAL)], max_group_outage=0.2)
    # 0.1 + 0.9 P(late) = 0.2, so late with one ninth.
    z = 1.2206403488473496
    assert value_of(instance, plan, "guaranteed") == pytest.approx(math.exp(0.5 * z), rel=1e-9)


def test_a_limit_of_nothing_asks_for_a_sure_replica_with_a_last_answer() -> None:
    bounded = {"law": "empirical", "values": [0.5, 1.0, 3.0]}
    instance, plan = system([replica(0.0, compute_slowdown=bounded), replica(0.0, compute_slowdown=LOGNORMAL)])
    strict = instance.with_requirements(max_group_outage=0.0)
    assert value_of(strict, plan, "guaranteed") == 3.0
    instance, plan = system([replica(0.0, compute_slowdown=LOGNORMAL)])
    strict = instance.with_requirements(max_group_outage=0.0)
    assert value_of(strict, plan, "guaranteed") == math.inf
    assert evaluate(strict, plan).guaranteed_seconds is None
    shaky = {"failure_domain": 0, "compute_slowdown": bounded}
    instance, plan = system([replica(0.0, **shaky)], domains=[0.25])
    assert value_of(instance.with_requirements(max_group_outage=0.0), plan, "guaranteed") == math.inf
    instance, plan = system([replica(0.0, **shaky)], domains=[0.0])
    assert value_of(instance.with_requirements(max_group_outage=0.0), plan, "guaranteed") == 3.0


@pytest.mark.parametrize(
    ("laws", "earliest"),
    [
        ({"compute_slowdown": LOGNORMAL}, 0.25 + 0.5),
        ({"compute_slowdown": {"law": "pareto", "alpha": 2.0}}, 0.25 + 1.0 + 0.5),
        ({"compute_slowdown": {"law": "empirical", "values": [4.0, 2.0]}}, 0.25 + 2.0 + 0.5),
        ({"compute_slowdown": LOGNORMAL, "link_slowdown": {"law": "pareto", "alpha": 2.0}}, 0.25 + 0.5),
    ],
)
def test_without_a_limit_the_earliest_answer_counts(laws: dict[str, object], earliest: float) -> None:
    instance, plan = system([replica(0.5, overhead_seconds=0.25, transfer=0.5, **laws)], bits=1.0)
    assert value_of(instance, plan, "guaranteed") == pytest.approx(earliest, rel=1e-12)


def test_failure_domains_are_valued_too() -> None:
    instance, plan = system(
        [replica(0.1, failure_domain=0), replica(0.2, compute=3.0, failure_domain=0)],
        domains=[0.05],
        max_group_outage=0.07,
        deadline_seconds=4.0,
    )
    figures = evaluate(instance, plan)
    assert figures.nominal_seconds == pytest.approx(1.0)
    assert figures.worst_seconds == pytest.approx(3.0)
    assert figures.guaranteed_seconds == pytest.approx(3.0)
    assert figures.success_probability == pytest.approx(0.95 * 0.98)
    assert figures.expected_seconds == pytest.approx(1.0 + 2 * (1 - 0.95 * 0.9) + (1 - 0.95 * 0.98))
    assert value_of(instance, plan, "nominal") == pytest.approx(1.0)
    free = instance.with_requirements(deadline_seconds=None)
    assert value_of(free, plan, "expected") == math.inf
    assert evaluate(free, plan).expected_seconds is None


def test_the_expected_time_of_a_law_is_its_integral() -> None:
    law = {"law": "shifted_exponential", "rate": 2.0}
    instance, plan = system([replica(0.25, compute_slowdown=law)], deadline_seconds=3.0)
    late = 1.0 + 0.75 * (1.0 - np.exp(-4.0)) / 2.0 + 0.25 * 2.0
    assert value_of(instance, plan, "expected") == pytest.approx(late, rel=1e-10)
    assert value_of(instance, plan, "worst") == math.inf


def test_the_guarantee_needs_no_distribution_however_many_domains_tie_groups_together() -> None:
    base = generate("edge", devices=34, seed=0)
    fields = {name: getattr(base, name) for name in type(base).model_fields}
    devices = [{**dict(device), "failure_domain": f"ap{n % 17}"} for n, device in enumerate(base.devices)]
    domains = [{"id": f"ap{d}", "failure_probability": 0.01} for d in range(17)]
    instance = type(base).model_validate({**fields, "devices": devices, "failure_domains": domains})
    names = [device.id for device in instance.devices]
    student = instance.students[0].id
    plan = Plan.of(
        instance, [Group(devices=tuple(names[k * 17 : k * 17 + 17]), student=student, num_filters=1) for k in range(2)]
    )
    with pytest.raises(UnsupportedError):
        value_of(instance, plan, "failure")
    assert 0.0 < value_of(instance, plan, "guaranteed") <= value_of(instance, plan, "worst")
