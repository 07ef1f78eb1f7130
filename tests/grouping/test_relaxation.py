"""The packing relaxation against the best packing of tiny instances, at thresholds of every kind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packing_oracle import PackingOracle, candidates, random_instance, with_domains
from rocoin_opt.control import Control
from rocoin_opt.grouping import relaxation as module
from rocoin_opt.grouping.pricing import GroupPricer, SizePrices
from rocoin_opt.grouping.relaxation import Pool, Relaxation, diversify, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.highs.columns import RestrictedMaster
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.model import Instance
from samples import cases
from strategies import instances

if TYPE_CHECKING:
    from rocoin_opt.grouping.threshold_problem import Chain
    from rocoin_opt.highs.columns import LpSolution
    from rocoin_opt.plan import Members
    from rocoin_opt.plan.latency import Objective


def relaxed(problem: ThresholdProblem, pool: Pool | None = None, question: int | None = None) -> Relaxation:
    relaxation = relax(problem, Pool() if pool is None else pool, Control.starting_now(), question=question)
    assert relaxation is not None
    return relaxation


def assert_certified(relaxation: Relaxation, oracle: PackingOracle) -> None:
    """No packing holds more than the bound, and no group more than its devices and its size are priced at."""
    most = max(filters for filters, _ in oracle.best[max(oracle.best)].values())
    assert relaxation.bound >= most - 1e-9
    groups = oracle.groups()
    for group, size in groups.items():
        # A superfluous device may make a group smaller than its price: packings do without such groups.
        if any(set(part) < set(group) and held >= size for part, held in groups.items()):
            continue
        assert size <= relaxation.prices[list(group)].sum() + relaxation.size_prices.of_one(size) + 1e-9
    assert (relaxation.prices >= 0).all()
    assert (np.diff(relaxation.size_prices.totals) >= 0).all()


@pytest.mark.parametrize("seed", cases(range(8), range(24)))
def test_the_bound_holds_where_devices_fail_together(seed: int) -> None:
    objective: Objective = "guaranteed" if seed % 2 else "nominal"
    instance = with_domains(random_instance(seed), seed)
    thresholds = candidates(instance)
    for threshold in thresholds[seed % 3 :: max(1, len(thresholds) // 4)]:
        problem = ThresholdProblem(instance, objective, threshold)
        assert_certified(relaxed(problem), PackingOracle(instance, objective, threshold))


@pytest.mark.parametrize("smoothing", [(0.0,), (0.5, 0.25, 0.0), (0.9, 0.45, 0.0)], ids=str)
@pytest.mark.parametrize("waiting", [False, True], ids=["entered", "waiting"])
@pytest.mark.parametrize("objective", ["guaranteed", "nominal"])
@given(data=st.data(), instance=instances(max_devices=6, max_filters=8))
def test_the_bound_holds_at_every_threshold_and_for_every_question(
    objective: Objective, waiting: bool, smoothing: tuple[float, ...], data: st.DataObject, instance: Instance
) -> None:
    pool = Pool()
    thresholds = data.draw(st.lists(st.sampled_from([*candidates(instance), 0.0, 1e9]), min_size=1, max_size=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SMOOTHING", smoothing)
        if waiting:
            patch.setattr(module, "FIRST_A_ROW", 0)
            patch.setattr(module, "ENTERING", 1)
        for threshold in thresholds:
            problem, oracle = (
                ThresholdProblem(instance, objective, threshold),
                PackingOracle(instance, objective, threshold),
            )
            relaxation = relaxed(problem, pool)
            assert_certified(relaxation, oracle)
            assert relaxation.complete
            assert relaxation.bound >= relaxation.objective - 1e-4
            question = data.draw(st.integers(0, instance.knowledge.num_filters + 1))
            answered = relaxed(problem, question=question)
            assert_certified(answered, oracle)
            # Elsewhere a group is also priced at less than its capacity, with another student or leader.
            if objective == "guaranteed" and len(instance.students) == 1:
                assert relaxation.bound == pytest.approx(relaxation.objective, abs=1e-4)
                assert answered.admits(question) == relaxation.admits(question)


@pytest.mark.parametrize("seed", cases(range(4), range(8)))
def test_the_bound_holds_on_instances_with_many_levels(seed: int) -> None:
    instance = random_instance(seed)
    thresholds = candidates(instance)
    for objective in ("guaranteed", "nominal"):
        for threshold in thresholds[:: max(1, len(thresholds) // 4)]:
            oracle = PackingOracle(instance, objective, threshold)
            assert_certified(relaxed(ThresholdProblem(instance, objective, threshold)), oracle)


def edge_view(threshold: float = 0.8) -> ThresholdProblem:
    return ThresholdProblem(generate("edge", devices=20, seed=0), "guaranteed", threshold)


def test_groups_of_a_threshold_nearby_come_by_what_they_are_worth() -> None:
    pool = Pool()
    relaxed(edge_view(), pool)
    problem = edge_view(0.79)
    likely = pool.likely(problem)
    assert sorted(likely) == sorted(pool.groups)
    assert pool.last is not None
    prices, by_size = pool.last.prices, pool.last.size_prices
    sizes = problem.capacities(likely).tolist()
    worth = [
        size - by_size.of_one(size) - float(prices[list(group)].sum())
        for group, size in zip(likely, sizes, strict=True)
    ]
    assert worth == pytest.approx(sorted(worth, reverse=True))
    assert len(set(sizes)) > 1


def test_known_groups_are_priced_before_others_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool()
    full = relaxed(edge_view(), pool)
    monkeypatch.setattr(module, "FIRST_A_ROW", 0)
    monkeypatch.setattr(module, "ENTERING", 5)
    asked: list[int] = []
    price = GroupPricer.price

    def counted(self: GroupPricer, *arguments: Any) -> float:
        asked.append(1)
        return price(self, *arguments)

    monkeypatch.setattr(GroupPricer, "price", counted)
    again = relaxed(edge_view(), pool)
    assert again.bound == pytest.approx(full.bound, abs=1e-4)
    # All that is needed was known: one round proves it, with all weights of the best prices.
    assert len(asked) <= len(module.SMOOTHING) * len(list(edge_view().chains))
    assert len(again.groups) < len(pool.groups)


def test_a_limit_before_the_first_pricing_leaves_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool()
    full = relaxed(edge_view(), pool)
    monkeypatch.setattr(module, "FIRST_A_ROW", 0)
    monkeypatch.setattr(module, "ENTERING", 5)
    asked: list[int] = []

    class Soon(Control):
        @property
        def exhausted(self) -> bool:
            asked.append(1)
            return len(asked) > 2

    assert relax(edge_view(), pool, Soon()) is None
    # What told nothing of prices is no guide to the groups of the next threshold.
    assert pool.last is full
    yes = relaxed(edge_view(), pool, question=1)
    assert yes.objective >= 1
    assert pool.last is full


def test_an_answer_comes_sooner_than_the_optimum() -> None:
    problem = edge_view()
    full, sure, hopeless = relaxed(problem), relaxed(problem, question=1), relaxed(problem, question=10**6)
    assert full.complete
    assert not sure.complete
    assert not hopeless.complete
    assert sure.objective >= 1
    assert hopeless.bound >= full.bound - 1e-6


def test_a_limit_leaves_no_bound_or_a_valid_one(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, full = edge_view(), relaxed(edge_view())
    assert relax(problem, Pool(), Control.starting_now(time_limit=0)) is None
    calls: list[int] = []
    solve = RestrictedMaster.solve

    def stopping(self: RestrictedMaster) -> LpSolution | None:
        calls.append(1)
        return None if len(calls) > 2 else solve(self)

    monkeypatch.setattr(RestrictedMaster, "solve", stopping)
    pool = Pool()
    stopped = relax(problem, pool, Control.starting_now())
    assert stopped is not None
    assert not stopped.complete
    assert stopped.bound >= full.bound - 1e-6
    assert set(stopped.groups) <= set(pool.groups)


def test_nothing_fits_below_all_latencies() -> None:
    relaxation = relaxed(edge_view(0.0))
    assert (relaxation.bound, relaxation.objective, relaxation.groups) == (0.0, 0.0, [])
    assert relaxation.complete


def test_diversions_are_drawn_by_the_seed_and_stop_at_the_limit() -> None:
    problem = edge_view()
    drawn = []
    for seed in (0, 0, 1):
        pool = Pool()
        relaxation = relaxed(problem, pool)
        before = len(pool.groups)
        diversify(problem, relaxation, pool, Control.starting_now(seed=seed))
        assert len(pool.groups) > before
        drawn.append(list(pool.groups))
    assert drawn[0] == drawn[1] != drawn[2]
    pool = Pool()
    diversify(problem, relaxation, pool, Control.starting_now(time_limit=0))
    assert not pool.groups


def nearly_halves() -> Chain:
    """Each device lacks less of half a cover than units tell, each another part: three make a group, two do not."""
    lacking = [1.0, 1 / 3, 1 / 7, 1 / 11]
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0,
            "memory_bytes": 1.0,
            "uplink_bits_per_second": 1.0,
            "failure_probability": 0.01 ** (0.5 - 1e-6 * part),
        }
        for n, part in enumerate(lacking)
    ]
    instance = Instance.model_validate(
        {
            "name": "halves",
            "devices": devices,
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1.0, "max_filters": 1}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.01},
        }
    )
    (chain,) = ThresholdProblem(instance, "guaranteed", math.inf).chains
    return chain


@pytest.mark.parametrize(("price", "surplus"), [(0.4, 0.0), (0.3, 0.1)])
def test_no_surplus_is_promised_that_true_covers_do_not_have(price: float, surplus: float) -> None:
    chain, free = nearly_halves(), SizePrices(np.array([1]), np.zeros(2))
    found: list[tuple[Members, int]] = []
    promised = GroupPricer(4, Control.starting_now()).price(chain, np.full(4, price), free, found)
    assert promised == pytest.approx(surplus, abs=1e-5) or (surplus > 0.0 and promised > surplus)
    # One device is free: it joins, and two others cost less than a group is worth.
    found.clear()
    pricer = GroupPricer(4, Control.starting_now())
    assert pricer.price(chain, np.array([0.4, 0.4, 0.4, 0.0]), free, found) > 0.1
    assert any(len(group) == 3 and 3 in group for group, _ in found)


def test_rough_prices_promise_what_units_do() -> None:
    chain, free = nearly_halves(), SizePrices(np.array([1]), np.zeros(2))
    found: list[tuple[Members, int]] = []
    promised = [
        GroupPricer(4, Control.starting_now()).price(chain, np.full(4, 0.4), free, found, roughly=roughly)
        for roughly in (False, True)
    ]
    # By units two devices are enough, of which no true cover consists.
    assert promised == pytest.approx([0.0, 0.2], abs=1e-5)
