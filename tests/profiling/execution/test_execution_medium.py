"""Shared channels at work: first come, first served, by the moments of the model."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

import rocoin_opt as ro
from executed_plans import fleet
from oracle_queues import Job, played
from rocoin_opt.profiling.execution.comparison import Prediction
from rocoin_opt.profiling.execution.medium import SETTLING_SECONDS, Grant, Medium
from rocoin_opt.profiling.execution.run import execute
from rocoin_opt.profiling.execution.schedule import Schedule


def test_who_is_ready_first_sends_first_and_ties_go_by_name():
    medium = Medium(["b", "a", "c"], [0, 1, 1], ["air", "air", None], [[2.0, 1.0, 5.0]])
    medium.begin(0)
    assert medium.next_decision == np.inf
    for place in range(3):
        medium.claim(place, 10.0)
    assert medium.next_decision == 10.0 + SETTLING_SECONDS
    assert list(medium.decided(10.0, ())) == []
    assert list(medium.decided(10.5, ())) == [Grant(1, 10.0)]
    assert list(medium.decided(11.5, ())) == [Grant(0, 11.0)]
    medium.begin(0)
    assert medium.next_decision == np.inf


@pytest.mark.parametrize("cancel", [False, True])
def test_transfers_are_those_of_queues(cancel):
    for seed in range(40):
        rng = random.Random(seed)
        count = rng.randint(2, 7)
        channels = [rng.choice(("x", "y")) for _ in range(count)]
        ready = [float(rng.randint(0, 6)) for _ in range(count)]
        air = [rng.choice((1.0, 2.0, 3.5)) for _ in range(count)]
        groups = [rng.randrange(3) for _ in range(count)]
        names = [f"d{n}" for n in rng.sample(range(count), count)]
        medium = Medium(names, groups, channels, [air], cancel=cancel)
        medium.begin(0)
        pending = sorted((t, n) for n, t in enumerate(ready) if rng.random() < 0.8)
        jobs = [
            Job(*row) for row in zip(names, groups, map(Fraction, ready), map(Fraction, air), channels, strict=True)
        ]
        wanted = played(jobs, [n for _, n in pending], cancel=cancel)
        ends = {}
        # The host's clock in small steps, by which claims and answers are heard.
        for now in np.arange(0.0, 40.0, 0.125).tolist():
            for t, n in pending:
                if now - 0.125 < t <= now:
                    medium.claim(n, t)
            answered = {groups[n] for n, end in ends.items() if end <= now}
            for grant in medium.decided(now, answered):
                ends[grant.place] = grant.begin + air[grant.place]
        if not cancel:
            assert ends == wanted
        assert set(ends) | medium.cancelled == {n for _, n in pending}
        assert all(ends[n] <= end for n, end in wanted.items() if n in ends)


def queued():
    instance, plan = fleet([[0.06, 0.06], [0.05]], failure_probability=0.25)
    fields = instance.model_dump(mode="json")
    for device in fields["devices"]:
        device["channel"] = "air"
    fields["channels"] = [{"id": "air"}]
    return ro.Instance.model_validate(fields), plan


@pytest.mark.parametrize("cancel", [False, True])
def test_a_schedule_is_that_of_a_simulation(cancel):
    instance, plan = queued()
    schedule = Schedule.draw(instance, plan, 3000, 7, cancel=cancel)
    sample = ro.simulate(instance, plan, 3000, seed=7, cancel=cancel).sample
    seconds = np.sort(schedule.seconds.max(axis=1))
    assert schedule.channel_of == ("air",) * 3
    assert np.allclose(seconds[np.isfinite(seconds)], np.repeat(sample.seconds, sample.counts), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("cancel", [False, True])
def test_a_run_is_never_early_and_is_predicted(cancel):
    instance, plan = queued()
    found = execute(instance, plan, None, 3, 1, deadline=0.5, cancel=cancel)
    # Who is cancelled makes others earlier, which is due at what the host knows by then.
    assert cancel or (found.seconds >= found.due_seconds - 1e-9).all()
    predicted = Prediction.of(found, instance, plan)
    assert predicted.is_exact is not cancel
    simulation = ro.simulate(instance, plan, 20_000, seed=9, cancel=cancel, deadline=0.5)
    assert predicted.success_probability(0.5) == pytest.approx(simulation.success_probability.value, abs=0.02)
    assert simulation.expected is not None
    assert predicted.expected(0.5) == pytest.approx(simulation.expected.value, abs=0.01)
    times = simulation.sample.seconds[:3]
    wanted = [simulation.sample.answered_by(t) / 20_000 for t in times]
    assert predicted.cdf(times) == pytest.approx(wanted, abs=0.02)


def test_who_is_cancelled_is_not_logged_as_lost():
    instance, plan = queued()
    with pytest.raises(ro.InputError, match="cancel"):
        execute(instance, plan, None, 3, deadline=0.5, cancel=True, with_log=True)
