"""What a process of the portfolio does, in this one: its members share what they find, and stop once all is settled."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.failure import value_of
from rocoin_opt.planning.workers import member
from rocoin_opt.planning.workers.member import MEMBERS, exchange_about, search_as


class Parent:
    """Hears what a member sends, and says nothing."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def receive(self) -> list[dict[str, Any]]:
        return []

    def send(self, message: dict[str, Any]) -> None:
        self.heard.append(json.loads(json.dumps(message, allow_nan=False)))


def heard_from(
    instance: ro.Instance, *members: str, control: Control | None = None, start: ro.Plan | None = None
) -> list[dict[str, Any]]:
    parent = Parent()
    exchange = exchange_about(instance, "guaranteed", [parent], 0.0)
    if start is not None:
        exchange.offer(start, value_of(instance, start, "guaranteed"))
    search_as(members, instance, "guaranteed", replace(control or Control(), exchange=exchange))
    return parent.heard[start is not None :]


@pytest.mark.parametrize("name", ["joint model", "packings"])
def test_a_proof_is_shared(name: str) -> None:
    instance = pairs()
    best = ro.solve(instance, "exact", latency_only=True)
    heard = heard_from(instance, name, "searches")
    bounds = [message["bound"] for message in heard if "bound" in message]
    plans = [ro.Plan.model_validate(message["plan"]) for message in heard if "plan" in message]
    assert bounds == sorted(bounds)
    assert bounds[-1] == best.objective_value
    assert ro.evaluate(instance, plans[-1]).guaranteed_seconds == best.objective_value


@pytest.mark.parametrize("name", ["joint model", "packings"])
def test_a_proof_that_there_is_no_plan_is_shared(name: str) -> None:
    instance = pairs(requirements={"max_group_outage": 1e-6})
    (message,) = heard_from(instance, name, "searches")
    assert message["reasons"]


def test_searches_go_on_by_other_seeds_until_they_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, control, seeds = pairs(), Control(seed=7), list[int]()

    def searched(_: ro.Instance, __: str, control: Control, start: ro.Plan, ___: int) -> ro.Plan:
        seeds.append(control.seed)
        if len(seeds) == 5:
            control.stop.set()
        return start

    monkeypatch.setattr(member, "searched_answer", searched)
    start = ro.solve(instance, "greedy").plan
    assert heard_from(instance, "some searches", "searches", control=control, start=start) == []
    assert seeds == [8, 9, 10, 8, 9]


def test_the_task_is_for_the_very_instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    instance = pairs()
    ro.write_instance(tmp_path / "pairs.json", instance)
    task = {"file": str(tmp_path / "pairs.json"), "sha256": instance.sha256, "objective": "guaranteed"}
    task |= {"members": ["packings"], "time_limit": None, "gap": 0.0, "seed": 0, "threads": 1}
    sent: list[Any] = []

    class Line:
        def __init__(self, handle: int) -> None:
            self.task = task if handle == 1 else {**task, "sha256": "0" * 64}

        def next(self) -> Any:
            return self.task

        def received(self) -> list[Any]:
            return []

        def send(self, message: Any) -> None:
            sent.append(message)

    monkeypatch.setattr(member, "Line", Line)
    member.main(1)
    assert sent[-1] == {"ended": True}
    assert any("bound" in message for message in sent)
    with pytest.raises(ro.CertificateError, match="another one than was given"):
        member.main(2)


def test_members_have_names_that_are_known() -> None:
    assert set(MEMBERS) == {"joint model", "packings", "some searches", "searches"}
