"""Fates of requests: those that a simulation draws under the same seed, crash by crash and factor by factor."""

from __future__ import annotations

import numpy as np
import pytest

import rocoin_opt as ro
from executed_plans import fleet
from rocoin_opt.profiling.execution.schedule import Schedule

LAWS = {
    "constant": {},
    "crashes": {"failure_probability": 0.3},
    "domain": {"failure_probability": 0.1, "failure_domain": "ap"},
    "slow": {
        "failure_probability": 0.2,
        "overhead_seconds": 0.5,
        "compute_slowdown": {"law": "lognormal", "sigma": 0.5},
        "link_slowdown": {"law": "empirical", "values": [1.0, 2.0, 5.0]},
    },
    "slow link": {
        "compute_slowdown": {"law": "constant"},
        "link_slowdown": {"law": "shifted_exponential", "rate": 2.0},
    },
}


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("seed", [0, 7])
def test_fates_are_those_of_a_simulation(name, seed):
    instance, plan = fleet([[0.1, 0.2, 0.3], [0.15, 0.25]], **({} if name == "domain" else LAWS[name]))
    if name == "domain":
        fields = instance.model_dump(mode="json")
        for device in fields["devices"]:
            device.update(LAWS[name])
        domains = [{"id": "other", "failure_probability": 0.9}, {"id": "ap", "failure_probability": 0.25}]
        instance = ro.Instance.model_validate({**fields, "failure_domains": domains})
    schedule = Schedule.draw(instance, plan, 3000, seed)
    simulated = ro.simulate(instance, plan, 3000, seed=seed).sample
    seconds = np.sort(schedule.seconds.max(axis=1))
    assert np.count_nonzero(np.isinf(seconds)) == simulated.never
    expected = np.repeat(simulated.seconds, simulated.counts)
    assert np.allclose(seconds[np.isfinite(seconds)], expected, rtol=1e-12)


def test_a_domain_takes_all_of_its_devices_along():
    instance, plan = fleet([[0.1, 0.2], [0.3]])
    fields = instance.model_dump(mode="json")
    for device in fields["devices"][:2]:
        device["failure_domain"] = "ap"
    domains = [{"id": "ap", "failure_probability": 0.5}]
    schedule = Schedule.draw(ro.Instance.model_validate({**fields, "failure_domains": domains}), plan, 200, 0)
    assert schedule.devices == ("g0r0", "g0r1", "g1r0")
    assert np.array_equal(schedule.crashed[:, 0], schedule.crashed[:, 1])
    assert 60 < schedule.crashed[:, 0].sum() < 140
    assert not schedule.crashed[:, 2].any()


def test_a_first_answer_comes_from_the_fastest_survivor():
    schedule = Schedule(
        devices=("a", "b", "c"),
        group_of=(0, 0, 1),
        crashed=np.array([[False, False, False], [True, False, True], [True, True, False]]),
        ready=np.array([[1.0, 2.0, 3.0]] * 3),
        transfer=np.array([[0.5, 0.25, 0.0]] * 3),
    )
    assert np.array_equal(schedule.seconds, [[1.5, 3.0], [2.25, np.inf], [np.inf, 3.0]])
