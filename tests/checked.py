"""Plans of a search, checked on the way to their value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.model import Plan


def value_of(instance: Instance, plan: Plan | None, objective: Objective) -> float:
    """Value of a plan, which has to be there, to be valid and to have one."""
    assert plan is not None
    assert check(instance, plan) == ()
    value = evaluate(instance, plan).value(objective)
    assert value is not None
    return value
