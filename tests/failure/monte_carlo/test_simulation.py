from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from fleets import bits, failure_by_enumeration, fleet
from rocoin_opt.errors import InputError
from rocoin_opt.failure.monte_carlo import compiled as compiled_module
from rocoin_opt.failure.monte_carlo import kernel, simulation, system
from rocoin_opt.failure.monte_carlo.draws import BLOCK, Purpose, factor_words
from rocoin_opt.failure.monte_carlo.factors import factor_table
from rocoin_opt.failure.monte_carlo.kernel import answer_seconds, count_answers
from rocoin_opt.failure.monte_carlo.simulation import simulate, simulate_difference
from rocoin_opt.failure.monte_carlo.system import System
from rocoin_opt.plan.latency import answer_distribution, group_timings
from rocoin_opt.plan.model import Group, Plan
from samples import cases, trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.instance.model import Instance

KERNEL = ("_philox", "_crashes", "_replica", "_domains", "_count", "_add", "_fill")
SHARED: dict[str, Any] = {
    "failures": [0.2, 0.1, 0.3, 0.05, 0.4, 0.2],
    "groups": 2,
    "domains": {"a": 0.1, "unmet": 0.5, "b": 0.2},
    "member": {0: "b", 1: "b", 2: "a", 4: "b"},
}


# To compile takes many seconds in a fresh clone.
@pytest.fixture(params=[pytest.param("compiled", marks=pytest.mark.slow), "source of the compiled"])
def compiled_kernel(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "source of the compiled":
            for name in KERNEL:
                patch.setattr(compiled_module, name, getattr(compiled_module, name).py_func)
        yield


def within(estimate: Any, exact: float, errors: float = 4.0) -> bool:
    return bool(abs(estimate.value - exact) <= errors * estimate.standard_error + 1e-9 * abs(exact))


@given(data=st.data())
@trials(30)
def test_simulated_and_exact_agree(data: st.DataObject) -> None:
    instance = data.draw(strategies.instances(deadline=True))
    plan = data.draw(strategies.structured_plans(instance))
    exact = answer_distribution(instance, group_timings(instance, plan))
    deadline = instance.requirements.deadline_seconds
    assert deadline is not None
    result = simulate(instance, plan, 40_000, seed=1)
    # So rare an answer, or so rare a failure, that no trial showed it has no standard error: the interval has room.
    for estimate, value in (
        (result.expected, exact.expected(deadline)),
        (result.success_probability, exact.cdf(deadline)),
        (result.cdf(math.inf), exact.cdf(math.inf)),
    ):
        assert estimate is not None
        low, high = estimate.interval(0.99999)
        assert low <= value * (1 + 1e-9)
        assert high >= value * (1 - 1e-9)


def test_quantiles_meet_the_exact_ones() -> None:
    instance, plan = fleet([0.2] * 6, groups=2)
    exact = answer_distribution(instance, group_timings(instance, plan))
    result = simulate(instance, plan, 100_000)
    for q in (0.1, 0.5, 0.9):
        low, high = result.quantile(q).interval(0.999)
        assert exact.cdf(high) >= q
        assert exact.cdf(low * (1.0 - 1e-9)) <= q
    assert result.quantile(0.9999).value == math.inf
    with pytest.raises(InputError, match="probability"):
        result.quantile(1.0)


def test_domains_fail_together() -> None:
    instance, plan = fleet(**SHARED)
    result = simulate(instance, plan, 400_000)
    assert within(result.cdf(math.inf), 1.0 - failure_by_enumeration(instance, plan))


@pytest.mark.parametrize("law", range(6))
def test_random_latencies_have_their_means(law: int) -> None:
    instance, _ = fleet([0.25] * 7, groups=1, laws=True)
    device = instance.devices[law]
    alone = Plan.of(instance, [Group(devices=(device.id,), student="s", num_filters=1)])
    means = {"shifted_exponential": 1.25, "lognormal": math.exp(0.03125), "gamma": 1.0, "constant": 1.0}
    means |= {"weibull": math.gamma(1 + 1 / 1.5), "pareto": 2.5 / 1.5, "empirical": 6.25 / 3}
    assert device.compute_slowdown is not None
    assert device.link_slowdown is not None
    compute, link = means[device.compute_slowdown.law], means[device.link_slowdown.law]
    result = simulate(instance, alone, 200_000, deadline=1e9)
    assert result.expected_given_answer is not None
    assert within(result.expected_given_answer, 0.25 + compute * 6.0 / (1.0 + law) + link * 0.5)
    assert within(result.success_probability, 0.75)


def test_a_trial_is_what_its_draws_say() -> None:
    instance, _ = fleet([0.0] * 7, groups=1, laws=True)
    plan = Plan.of(instance, [Group(devices=("d1", "d3"), student="s", num_filters=1)])
    seconds = []
    for n in (1, 3):
        device = instance.devices[n]
        total = np.full(BLOCK, 0.25)
        for purpose, law, scale in (
            (Purpose.COMPUTE, device.compute_slowdown, 6.0 / (1.0 + n)),
            (Purpose.LINK, device.link_slowdown, 0.5),
        ):
            assert law is not None
            total += factor_table(law).factors(factor_words(8, 0, 1, n, purpose)[0]) * scale
        seconds.append(total)
    result = simulate(instance, plan, BLOCK, seed=8)
    assert result.sample.seconds.tolist() == sorted(np.minimum(*seconds).tolist())


@pytest.mark.usefixtures("compiled_kernel")
@pytest.mark.parametrize("laws", cases([True], [False]))
def test_compiled_and_interpreted_are_the_same_to_the_bit(laws: bool) -> None:
    instance, plan = fleet(**SHARED, laws=laws)
    described = System.of(instance, plan)
    block = first_block_with_a_tie(instance, plan)
    trials = BLOCK + 77
    for seed, first in ((2**64 - 1, block), (3, 2**26 + 1)):
        answers = [answer_seconds(described, seed, first, trials, compiled=flag) for flag in (False, True)]
        assert answers[0].tobytes() == answers[1].tobytes()
        if not laws:
            counts = [count_answers(described, seed, first, trials, compiled=flag) for flag in (False, True)]
            assert counts[0].tolist() == counts[1].tolist()
            assert counts[0].sum() == trials


def first_block_with_a_tie(instance: Instance, plan: Plan) -> int:
    """A block in which the finer bits decide a crash of the first device under the largest seed."""
    described = System.of(instance, plan)
    for block in range(2000):
        lanes = kernel.crashes(2**64 - 1, block, 1, int(described.device[0]), Purpose.CRASH, described.crash[0])
        coarse = described.crash[0]
        below = kernel.crashes(
            2**64 - 1, block, 1, int(described.device[0]), Purpose.CRASH, type(coarse)(coarse.coarse, 0)
        )
        if (lanes != below).any():
            return block
    raise AssertionError("no tie in four million draws")


@pytest.mark.parametrize("laws", cases([True], [False]))
@pytest.mark.slow
def test_neither_workers_nor_chunks_nor_the_compiler_change_a_bit(laws: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    instance, plan = fleet(**SHARED, laws=laws)
    alone = simulate(instance, plan, 6_001, seed=7)
    for workers, chunk in ((1, 1), (1, 5000), (2, 4096), (5, 2048)):
        other = simulate(instance, plan, 6_001, seed=7, workers=workers, chunk=chunk)
        assert bits(other) == bits(alone)
        assert (other.expected, other.expected_given_answer) == (alone.expected, alone.expected_given_answer)
    monkeypatch.setattr(kernel, "MIN_COMPILED_WORK", 0)
    assert bits(simulate(instance, plan, 6_001, seed=7)) == bits(alone)
    assert bits(simulate(instance, plan, 6_001, seed=8)) != bits(alone)


def test_the_first_trials_are_the_same_however_many_follow() -> None:
    instance, plan = fleet(**SHARED, laws=True)
    described = System.of(instance, plan)
    few, many = (answer_seconds(described, 1, 5, trials, compiled=False) for trials in (3000, 70_000))
    assert few.tobytes() == many[:3000].tobytes()
    later = answer_seconds(described, 1, 6, 70_000 - BLOCK, compiled=False)
    assert later.tobytes() == many[BLOCK:].tobytes()


def test_counting_by_time_and_keeping_every_answer_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, plan = fleet(**SHARED)
    counted = simulate(instance, plan, 30_000)
    monkeypatch.setattr(system, "MAX_STEPS", 2)
    kept = simulate(instance, plan, 30_000)
    assert len(kept.sample.seconds) > len(counted.sample.seconds)
    assert np.repeat(counted.sample.seconds, counted.sample.counts).tolist() == kept.sample.seconds.tolist()
    assert kept.sample.never == counted.sample.never
    assert kept.expected is not None
    assert counted.expected is not None
    assert kept.expected.value == pytest.approx(counted.expected.value, rel=1e-12)
    assert kept.expected.standard_error == pytest.approx(counted.expected.standard_error, rel=1e-9)


def test_a_device_meets_the_same_fate_in_every_plan() -> None:
    instance, plan = fleet(**SHARED, laws=True)
    swapped = Plan.of(instance, [Group(devices=("d4", "d3", "d0"), student="s", num_filters=2)])
    part = Plan.of(instance, [Group(devices=("d0",), student="s", num_filters=2)])
    seconds, alone = (answer_seconds(System.of(instance, p), 4, 0, 10_000, compiled=False) for p in (swapped, part))
    assert (seconds <= alone).all()
    same = simulate_difference(instance, plan, plan, 10_000)
    assert same.expected is not None
    assert (same.expected.value, same.expected.standard_error) == (0.0, 0.0)
    assert same.success_probability.value == 0.0


@pytest.mark.parametrize("laws", cases([True], [False]))
def test_a_difference_is_that_of_the_values_and_more_certain(laws: bool) -> None:
    instance, plan = fleet(**SHARED, laws=laws)
    groups = [Group(devices=("d0", "d2", "d5"), student="s", num_filters=1)]
    other = Plan.of(instance, [*groups, Group(devices=("d1", "d3", "d4"), student="s", num_filters=1)])
    first, second = (simulate(instance, p, 20_000, seed=2) for p in (plan, other))
    difference = simulate_difference(instance, plan, other, 20_000, seed=2, chunk=7000)
    # Processes take a while to start.
    workers = 1 if laws else 2
    assert difference == simulate_difference(instance, plan, other, 20_000, seed=2, workers=workers)
    assert difference.expected is not None
    assert first.expected is not None
    assert second.expected is not None
    assert difference.expected.value == pytest.approx(first.expected.value - second.expected.value, abs=1e-12)
    independent = math.hypot(first.expected.standard_error, second.expected.standard_error)
    assert difference.expected.standard_error < 0.9 * independent
    success = first.success_probability.value - second.success_probability.value
    assert difference.success_probability.value == pytest.approx(success, abs=1e-12)


def test_without_a_deadline_there_is_no_expected_response() -> None:
    instance, plan = fleet([0.2] * 4, groups=2, deadline=None)
    result = simulate(instance, plan, 10_000)
    assert result.expected is None
    assert result.success_probability == result.cdf(math.inf)
    assert result.expected_given_answer is not None
    difference = simulate_difference(instance, plan, plan, 1000)
    assert difference.expected is None
    assert difference.success_probability.value == 0.0
    with_deadline = simulate(instance, plan, 10_000, deadline=2.0)
    assert with_deadline.expected is not None
    assert with_deadline.expected.value <= 2.0


def test_a_plan_that_never_answers_is_told_as_such() -> None:
    instance, plan = fleet([1 - 2**-50] * 4, groups=2)
    result = simulate(instance, plan, 1000)
    assert result.expected_given_answer is None
    assert result.expected is not None
    assert result.expected.value == 12.0
    assert result.expected.interval().low < 12.0
    assert result.quantile(0.01).value == math.inf
    assert result.success_probability.value == 0.0
    without = simulate(instance, plan, 200_000, rel_error=0.1, deadline=None, seed=1)
    assert without.expected is not None


@pytest.mark.slow
def test_it_runs_until_the_relative_error_is_met() -> None:
    instance, plan = fleet(**SHARED, laws=True)
    result = simulate(instance, plan, rel_error=0.004)
    assert result.expected is not None
    low, high = result.expected.interval()
    assert (high - low) / 2 <= 0.004 * result.expected.value
    assert result.trials == 2 * simulation.FIRST_STAGE
    assert bits(simulate(instance, plan, result.trials)) == bits(result)
    assert bits(simulate(instance, plan, rel_error=0.004, chunk=10_000)) == bits(result)
    assert simulate(instance, plan, 100_000, rel_error=1e-6).trials == 100_000


def test_without_any_answer_it_runs_to_the_limit() -> None:
    instance, plan = fleet([1 - 2**-50] * 4, groups=2, deadline=None)
    assert simulate(instance, plan, 70_000, rel_error=0.5).trials == 70_000


def test_progress_is_told_after_every_chunk() -> None:
    instance, plan = fleet([0.2] * 4, groups=2)
    told: list[tuple[int, int]] = []
    simulate(instance, plan, 10_000, chunk=4096, advance=lambda done, limit: told.append((done, limit)))
    assert told == [(4096, 10_000), (8192, 10_000), (10_000, 10_000)]
    of_difference: list[tuple[int, int]] = []
    simulate_difference(instance, plan, plan, 10_000, chunk=4096, advance=lambda *done: of_difference.append(done))
    assert of_difference == told


def test_a_difference_is_taken_by_the_deadline_that_is_given() -> None:
    instance, plan = fleet(**SHARED, laws=True)
    part = Plan.of(instance, plan.groups[:1])
    differences = [simulate_difference(instance, part, plan, 10_000, deadline=seconds) for seconds in (2.0, 4.0)]
    for seconds, difference in zip((2.0, 4.0), differences, strict=True):
        success = [simulate(instance, p, 10_000, deadline=seconds).success_probability.value for p in (part, plan)]
        assert difference.success_probability.value == pytest.approx(success[0] - success[1], abs=1e-12)
    assert differences[0] != differences[1]


@pytest.mark.parametrize(
    ("groups", "field"),
    [
        ((), "groups"),
        (({"devices": ()},), r"groups\[0\]\.devices"),
        (({"devices": ("d0",)}, {"devices": ("stranger",)}), r"groups\[1\]\.devices"),
        (({"devices": ("d0",), "student": "stranger"},), r"groups\[0\]\.student"),
        (({"devices": ("d0",), "num_filters": 0},), r"groups\[0\]\.num_filters"),
    ],
)
def test_plans_that_mean_nothing_are_refused(groups: tuple[dict[str, Any], ...], field: str) -> None:
    instance, _ = fleet([0.2] * 4, groups=2)
    plan = Plan(groups=tuple(Group(**{"student": "s", "num_filters": 1, **group}) for group in groups))
    with pytest.raises(InputError, match=field):
        simulate(instance, plan)


def test_the_compiled_kernel_is_used_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not kernel.use_compiled(1000)
    assert kernel.use_compiled(10**12)
    monkeypatch.setattr(kernel.importlib.util, "find_spec", lambda name: None)
    assert not kernel.use_compiled(10**12)
