"""What ``exact`` runs, and in which order, where devices share failures."""

from dataclasses import replace

import pytest

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.plan import Outcome
from rocoin_opt.planning.methods import portfolio

INSTANCE = ro.generate("mcu", devices=12, domains=3, seed=2)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float | None]]:
    """What was run, with the value that each proof began with; no proof closes, and each search finds a better plan."""
    best = ro.solve(INSTANCE, "exact", latency_only=True).plan
    known: list[tuple[str, float | None]] = []

    def proof(instance, objective, control, start, *, rounds=None):
        known.append(("short proof" if rounds == 1 else "proof", ro.evaluate(instance, start).guaranteed_seconds))
        return Outcome(start, lower_bound=0.2 if rounds == 1 else 0.1)

    def search(instance, objective, control, start, *, iterations=None):
        known.append(("search" if iterations is None else "few steps", None))
        return Outcome(best if iterations is None and instance is INSTANCE else start)

    monkeypatch.setattr("rocoin_opt.exact.exact", proof)
    monkeypatch.setattr(portfolio, "local_search", search)
    return known


def test_the_proof_begins_again_from_a_longer_search_where_devices_share_failures(calls):
    worse = ro.solve(INSTANCE, "greedy", latency_only=True).plan
    control = Control.starting_now(time_limit=1e6)
    found = portfolio.run_exact(INSTANCE, "guaranteed", replace(control, gap=0.0), worse)
    names = [name for name, _ in calls]
    assert names == ["few steps", "short proof", "search", "proof", "search"]
    assert calls[3][1] < calls[1][1]
    # A bound that is proven once stays.
    assert found.lower_bound == 0.2


@pytest.mark.parametrize("domains", [True, False])
def test_without_a_clock_or_domains_there_is_one_proof(calls, domains):
    instance = INSTANCE if domains else ro.generate("mcu", devices=12, seed=6)
    limit = None if domains else 1e6
    portfolio.run_exact(instance, "guaranteed", Control.starting_now(time_limit=limit))
    assert [name for name, _ in calls].count("short proof") == 0
    assert [name for name, _ in calls].count("proof") == 1


def test_no_plan_in_the_short_proof_is_no_end_of_the_search(monkeypatch):
    seen = []

    def proof(instance, objective, control, start, *, rounds=None):
        seen.append(rounds)
        return Outcome(None, lower_bound=0.5)

    monkeypatch.setattr("rocoin_opt.exact.exact", proof)
    monkeypatch.setattr(portfolio, "greedy", lambda *_: Outcome(None))
    monkeypatch.setattr(portfolio, "local_search", lambda *_, **__: Outcome(None))
    found = portfolio.run_exact(INSTANCE, "guaranteed", Control.starting_now(time_limit=1e6))
    assert seen == [1, None]
    assert found.plan is None
    assert found.lower_bound == 0.5
