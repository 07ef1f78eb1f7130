"""One process of a portfolio: searches for the same plan in another way than the process that started it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rocoin_opt.control import Control
from rocoin_opt.errors import CertificateError
from rocoin_opt.exchange import Exchange
from rocoin_opt.failure import value_of
from rocoin_opt.instance import read_instance
from rocoin_opt.plan import Outcome, Plan, structural_violations
from rocoin_opt.planning.methods import METHODS, searched_answer
from rocoin_opt.processes import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.exchange import Peer
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective

ENTRY = f"{__name__}:main"
"""What such a process runs."""
STEPS_A_GROUP = 250
"""Steps of a search by one seed, for each group: where they find nothing, another seed is the better chance."""
MOST_STEPS = 6_000
"""The same at most: a second or two."""
FIRST_SEARCHES = 3
"""Searches by other seeds before the next member's turn."""


def main(handle: int) -> None:
    """Take a task from the process that started this one, and run its members one after another.

    Parameters
    ----------
    handle : int
        File descriptor of the socket. The first message is the task: ``file`` and ``sha256`` of the instance,
        ``objective``, ``members`` by name, ``time_limit``, ``gap``, ``seed`` and ``threads``. All others, in both
        directions, are those of :class:`~rocoin_opt.exchange.Exchange`; ``{"ended": true}`` says that none of the
        members can prove anything any more.
    """
    line = Line(handle)
    task = line.next()
    instance = read_instance(task["file"])
    if instance.sha256 != task["sha256"]:
        raise CertificateError(f"{instance.name}: the file of the instance is another one than was given")
    control = Control.starting_now(**{name: task[name] for name in ("time_limit", "gap", "seed", "threads")})
    exchange = exchange_about(instance, task["objective"], [_Parent(line)], task["gap"])
    search_as(task["members"], instance, task["objective"], replace(control, exchange=exchange))
    line.send({"ended": True})


class _Parent:
    """The process that started this one."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def receive(self) -> list[dict[str, Any]]:
        """What it has sent since it was last asked."""
        return self._line.received()

    def send(self, message: dict[str, Any]) -> None:
        """Send it plain data; where it is gone, this process ends."""
        self._line.send(message)


def exchange_about(instance: Instance, objective: Objective, peers: Sequence[Peer], gap: float) -> Exchange:
    """Make an exchange of plans that are checked and valued where they arrive.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst'}
        What is minimised.
    peers : sequence of Peer
        With whom news is shared.
    gap : float
        Relative gap at which all may stop.
    """

    def read(document: Any) -> tuple[Plan, float]:
        plan = Plan.of(instance, Plan.model_validate(document).groups)
        violations = structural_violations(instance, plan)
        if violations:
            raise CertificateError(f"another process found an invalid plan: {'; '.join(map(str, violations))}")
        return plan, value_of(instance, plan, objective)

    return Exchange(instance, objective, read, lambda plan: plan.model_dump(mode="json"), peers, gap)


def search_as(members: Sequence[str], instance: Instance, objective: Objective, control: Control) -> None:
    """Run members of the portfolio one after another, until all is settled; what they find goes to the exchange.

    Parameters
    ----------
    members : sequence of str
        Names of :data:`MEMBERS`, in order.
    instance, objective
        What was given, and what is minimised.
    control : Control
        Limits, seed, threads, and the exchange with the other processes.
    """
    for name in members:
        if not control.exhausted:
            MEMBERS[name](instance, objective, control)


def _settle(control: Control, instance: Instance, objective: Objective, outcome: Outcome) -> None:
    """Share what a member returned."""
    exchange = control.exchange
    if exchange is None:
        return
    if outcome.infeasible:
        exchange.refuse(outcome.reasons)
        return
    if outcome.plan is not None:
        exchange.offer(outcome.plan, value_of(instance, outcome.plan, objective))
    if outcome.lower_bound is not None:
        exchange.lift(outcome.lower_bound)


def _best(control: Control) -> Plan | None:
    return None if control.exchange is None else control.exchange.plan


def _run(name: str, instance: Instance, objective: Objective, control: Control) -> None:
    """Run a method from the best plan."""
    method, start = METHODS[name], _best(control)
    if start is None or method.improve is None:
        found = method.run(instance, objective, control)
    else:
        found = method.improve(instance, objective, control, start)
    _settle(control, instance, objective, found)


def _search(instance: Instance, objective: Objective, control: Control, searches: float) -> None:
    """Search for better plans, each time by other chances."""
    seed, steps = control.seed, min(STEPS_A_GROUP * instance.max_groups, MOST_STEPS)
    while searches > 0 and not control.exhausted:
        searches, seed = searches - 1, (seed + 1) % 2**31
        asked, start = replace(control, seed=seed), _best(control)
        if start is None:
            _run("local-search", instance, objective, asked)
        else:
            found = searched_answer(instance, objective, asked, start, steps)
            _settle(control, instance, objective, Outcome(found))


MEMBERS: dict[str, Callable[[Instance, Objective, Control], None]] = {
    "joint model": partial(_run, "milp"),
    "packings": partial(_run, "exact"),
    "some searches": partial(_search, searches=FIRST_SEARCHES),
    "searches": partial(_search, searches=math.inf),
}
"""What a process may search by: the joint model, which packs nothing, packings by other chances, local searches."""
