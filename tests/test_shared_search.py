"""What searches know together: passed on once, checked where it arrives, and never contradictory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt import exchange as module
from rocoin_opt.control import Control
from rocoin_opt.exact.kinds.search import exact_by_kinds
from rocoin_opt.exact.milp import milp
from rocoin_opt.exact.threshold.search import exact
from rocoin_opt.exchange import Exchange
from rocoin_opt.failure import value_of
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.planning.workers.member import exchange_about
from samples import trials
from strategies import instances

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.plan import Outcome


class Fake:
    """A peer in the same process, which has something to say each time that it is asked."""

    def __init__(self, *says: dict[str, Any]) -> None:
        self.says, self.heard = list(says), list[dict[str, Any]]()

    def receive(self) -> list[dict[str, Any]]:
        return [self.says.pop(0)] if self.says else []

    def send(self, message: dict[str, Any]) -> None:
        self.heard.append(json.loads(json.dumps(message, allow_nan=False)))


@pytest.fixture(autouse=True)
def always_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)


def plain(peers: Sequence[Fake], gap: float = 0.0) -> Exchange:
    """Plans that are their own values."""
    return Exchange("instance", "worst", lambda plan: (plan, plan), lambda plan: plan, peers, gap)


def test_news_goes_to_all_but_who_brought_it() -> None:
    first, second = Fake({"plan": 5.0}, {"plan": 6.0}, {"bound": 2.0}, {"bound": 1.0}), Fake()
    known = plain([first, second])
    for _ in range(4):
        known.look()
    assert (known.plan, known.value, known.bound) == (5.0, 5.0, 2.0)
    assert (first.heard, second.heard) == ([], [{"plan": 5.0}, {"bound": 2.0}])
    known.offer(7.0, 7.0)
    known.offer(4.0, 4.0)
    known.lift(3.0)
    known.lift(3.0)
    assert first.heard == [{"plan": 4.0}, {"bound": 3.0}]
    assert known.known() == [{"plan": 4.0}, {"bound": 3.0}]
    assert plain([]).known() == []


def test_it_is_settled_by_a_closed_gap_or_by_a_proof_that_there_is_no_plan() -> None:
    known = plain([], gap=0.1)
    assert not known.is_settled
    known.offer(1.0, 1.0)
    known.lift(0.8)
    assert not known.is_over
    known.lift(0.9)
    assert known.is_over
    other = plain([Fake({"reasons": ["memory"]})])
    assert other.is_over
    assert other.reasons == ("memory",)


def test_a_question_is_over_once_it_is_answered() -> None:
    known = plain([])
    known.offer(5.0, 5.0)
    known.lift(2.0)
    with known.asking(3.0):
        assert not known.is_over
        known.lift(3.5)
        assert known.is_over
    with known.asking(5.0):
        assert known.is_over
    assert not known.is_over


@pytest.mark.parametrize(
    ("says", "word"),
    [
        ([{"plan": 1.0}, {"bound": 1.1}], "the bound 1.1"),
        ([{"bound": 1.1}, {"plan": 1.0}], "the bound 1.1"),
        ([{"plan": 1.0}, {"reasons": ["none"]}], "no plan"),
        ([{"reasons": ["none"]}, {"plan": 1.0}], "no plan"),
    ],
)
def test_what_contradicts_is_a_defect(says: list[dict[str, Any]], word: str) -> None:
    known = plain([Fake(*says)])
    known.look()
    with pytest.raises(ro.CertificateError, match=word):
        known.look()


def test_an_invalid_plan_is_a_defect() -> None:
    instance = pairs()
    document = greedy(instance, "guaranteed", Control()).plan.model_dump(mode="json")  # type: ignore[union-attr]
    document["groups"][0]["num_filters"] += 1
    known = exchange_about(instance, "guaranteed", [Fake({"plan": document})], 0.0)
    with pytest.raises(ro.CertificateError, match="another process found an invalid plan"):
        known.look()


def test_a_search_takes_over_what_another_one_proves(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("edge", devices=12, seed=1)
    best = ro.solve(instance, "exact", latency_only=True)
    assert best.plan is not None
    start = ro.solve(instance, "nonn").plan or ro.solve(instance, "greedy").plan
    says = [{"bound": best.lower_bound}, {"plan": best.plan.model_dump(mode="json")}]
    known = exchange_about(instance, "guaranteed", [Fake(*says)], 0.0)
    monkeypatch.setattr("rocoin_opt.exact.threshold.search.pack", None)
    outcome = exact(instance, "guaranteed", Control(exchange=known), start)
    assert value_of(instance, outcome.plan, "guaranteed") == outcome.lower_bound == best.objective_value  # type: ignore[arg-type]


def test_nothing_is_taken_over_for_another_question() -> None:
    instance = pairs()
    known = exchange_about(instance, "worst", [Fake({"bound": 1e9})], 0.0)
    alone = exact(instance, "guaranteed", Control())
    beside = exact(instance, "guaranteed", Control(exchange=known))
    assert (beside.plan, beside.lower_bound) == (alone.plan, alone.lower_bound)


RUNS: tuple[Callable[..., Outcome | None], ...] = (exact, exact_by_kinds, milp)


@given(instance=instances(max_devices=4, max_students=3, max_filters=5), seed=st.integers(0, 2**16))
@trials(400)
def test_true_news_at_any_time_leads_to_the_best_of_all_plans(instance: ro.Instance, seed: int) -> None:
    # By an enumeration of all plans: bounds anywhere up to the optimum, plans of any value, in any order.
    random = np.random.default_rng(seed)
    best = oracle.best(instance, "guaranteed")
    run = RUNS[seed % len(RUNS)]
    if best is None:
        outcome = run(instance, "guaranteed", Control(exchange=exchange_about(instance, "guaranteed", [Fake()], 0.0)))
        assert outcome is not None
        assert outcome.infeasible
        return
    value = value_of(instance, best[1], "guaranteed")
    plans = [best[1], local_search(instance, "guaranteed", Control(), iterations=3).plan]
    news = [{"plan": plan.model_dump(mode="json")} for plan in plans if plan is not None]
    news += [{"bound": value * part} for part in (0.3, 0.9, 1.0 - 1e-7, 1.0)]
    silence: list[dict[str, Any]] = [{}] * 6
    says = [(news + silence)[k] for k in random.permutation(len(news) + len(silence))[: random.integers(1, 12)]]
    peer = Fake(*says)
    known = exchange_about(instance, "guaranteed", [peer], 0.0)
    outcome = run(instance, "guaranteed", Control(exchange=known))
    assert outcome is not None
    assert not outcome.infeasible
    found = min(known.value, np.inf if outcome.plan is None else value_of(instance, outcome.plan, "guaranteed"))
    assert found == value
    assert max(known.bound, outcome.lower_bound or 0.0) == value
