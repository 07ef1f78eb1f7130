"""Whether an instance has any plan, whatever it is worth: a plan, a proof that there is none, or neither.

Latencies do not decide that, unless ``min_success`` is to be kept by a deadline. Quick proofs come first, and plans
that are known already; then the packing of groups that keep all limits and rules, and at last the surest plan.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocoin_opt.failure import CLEARLY, allowed_failure, check, missed_success, value_of
from rocoin_opt.grouping import reasons_for_infeasibility, reasons_for_no_guarantee
from rocoin_opt.heuristics.restricted import descend
from rocoin_opt.instance import relaxed, without_laws
from rocoin_opt.plan import structural_violations
from rocoin_opt.planning.methods import METHODS, can_be_valued

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Outcome, Plan

SHARE = 0.4
"""Share of the time left that one question may take, so that others can still be asked."""
QUICK_DEVICES = 12
"""Devices whose sets are listed faster than a search for a plan ends."""
STEPS, ROUNDS = 150, 8
"""Changes that a search for a plan tries at a time, and how often it goes on."""
KEPT = 12
"""Plans that are remembered: one of them often answers the next question."""


@dataclass(frozen=True)
class Verdict:
    """A valid plan, or whether it is proven that there is none; neither where that was not decided."""

    plan: Plan | None
    refuted: bool = False


class AnyPlan:
    """Asks of many variants of one instance whether they have a plan.

    Parameters
    ----------
    objective : str
        What is minimised: ``quantile`` asks for its level, ``guaranteed`` for a time by which all groups are sure.
    control : Control
        Limit of all questions together, seed and threads.
    """

    def __init__(self, objective: Objective, control: Control) -> None:
        self.objective, self.control = objective, control.silent()
        self.known: list[Plan] = []

    def of(self, instance: Instance) -> Verdict:
        """Ask of one variant."""
        if self._is_refuted(instance):
            return Verdict(None, refuted=True)
        for plan in self.known:
            if self.is_met(instance, plan):
                return Verdict(plan)
        if self.control.exhausted:
            return Verdict(None)
        limit = time.perf_counter() + SHARE * self.control.remaining
        control = replace(self.control, deadline=limit, gap=1.0)
        steady = without_laws(instance).with_requirements(min_success=None, deadline_seconds=None)
        verdict = any_groups(steady, control)
        if verdict.plan is not None and not self.is_met(instance, verdict.plan):
            verdict = self._sure_enough(instance, verdict.plan, control)
        if verdict.plan is not None:
            self.known = [verdict.plan, *self.known[: KEPT - 1]]
        return verdict

    def is_met(self, instance: Instance, plan: Plan) -> bool:
        """Whether a plan is valid and has a value."""
        if structural_violations(instance, plan):
            return False
        is_guarantee = self.objective == "guaranteed" and instance.has_random_latencies
        counted: list[Objective] = [] if instance.requirements.min_success is None else ["failure"]
        if not can_be_valued(instance, plan, [*counted, "guaranteed"] if is_guarantee else counted, self.control):
            return False
        if check(instance, plan) or (is_guarantee and math.isinf(value_of(instance, plan, "guaranteed"))):
            return False
        level = instance.requirements.success_level if self.objective == "quantile" else None
        return level is None or missed_success(_with_success(instance, level, None), plan) is None

    def _is_refuted(self, instance: Instance) -> bool:
        if reasons_for_infeasibility(instance):
            return True
        return self.objective == "guaranteed" and bool(reasons_for_no_guarantee(instance))

    def _guaranteed(self, instance: Instance, control: Control) -> Verdict:
        """Look for a plan that keeps the outage limit by some time, where laws may leave none that does."""
        run = METHODS["exact"].run_random
        if self.objective != "guaranteed" or not instance.has_random_latencies or run is None:
            return Verdict(None)
        # What no plan keeps without domains and rules none keeps with them.
        outcome = run(relaxed(instance), "guaranteed", control, None)
        is_met = outcome.plan is not None and self.is_met(instance, outcome.plan)
        return Verdict(outcome.plan if is_met else None, outcome.infeasible)

    def _sure_enough(self, instance: Instance, plan: Plan, control: Control) -> Verdict:
        """Look for a plan that succeeds as often as is asked for, from one that keeps all other limits."""
        verdict = self._guaranteed(instance, control)
        if verdict.refuted or verdict.plan is not None:
            return verdict
        given = instance.requirements
        wishes = [] if given.min_success is None else [(given.min_success, given.deadline_seconds)]
        level = given.success_level if self.objective == "quantile" else None
        # An answer by the deadline is one at last.
        if level is not None and (given.min_success is None or given.min_success < level):
            wishes.append((level, None))
        for wanted, deadline in wishes:
            verdict = _surest(_with_success(instance, wanted, deadline), plan, control)
            if verdict.refuted:
                return verdict
            if verdict.plan is not None and self.is_met(instance, verdict.plan):
                return verdict
        return Verdict(None)


def _with_success(instance: Instance, wanted: float, deadline: float | None) -> Instance:
    """The instance with one wish for success; without a deadline laws do not matter, as all answers come in the end."""
    asked = instance.with_requirements(min_success=wanted, deadline_seconds=deadline)
    return without_laws(asked) if deadline is None else asked


def any_groups(instance: Instance, control: Control) -> Verdict:
    """Ask for groups that keep all limits and rules; constant latencies, no ``min_success``."""
    method = METHODS["exact"]
    if not instance.is_restricted:
        return _verdict(instance, method.run(instance, "worst", control))
    first = method.run(relaxed(instance), "worst", control)
    if first.infeasible:
        return Verdict(None, refuted=True)
    if first.plan is not None and not structural_violations(instance, first.plan):
        return Verdict(first.plan)
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import MOST_DEVICES, exact_restricted, exact_within_energy

    count = len(instance.devices)
    if count > MOST_DEVICES and instance.limits_energy:
        # What energy allows is found, or refuted, faster than a search of plans ends; what rules forbid is not.
        found = _verdict(instance, exact_within_energy(instance, "worst", control, rounds=1))
        if found.refuted or found.plan is not None:
            return found
    for seed in range(0 if count <= QUICK_DEVICES else 1 if count <= MOST_DEVICES else ROUNDS):
        plan = descend(instance, "worst", first.plan, STEPS, replace(control, seed=control.seed + seed))
        if plan is not None:
            return Verdict(plan)
    if count <= MOST_DEVICES:
        return _verdict(instance, exact_restricted(instance, "worst", control, None))
    return Verdict(None)


def _surest(instance: Instance, plan: Plan, control: Control) -> Verdict:
    """Ask for a plan that keeps ``min_success``, from one that may miss it."""
    if missed_success(instance, plan) is None:
        return Verdict(plan)
    from rocoin_opt.exact import MOST_DEVICES, exact_answer, sure_plan

    is_few = len(instance.devices) <= MOST_DEVICES and not instance.has_random_latencies
    if is_few and allowed_failure(instance) > 0.0:
        found, refuted = sure_plan(instance, control)
        if refuted or (found is not None and not check(instance, found)):
            return Verdict(None if refuted else found, refuted)
    method, control = METHODS["exact"], replace(control, gap=0.0)
    # Every bound of the instance without domains and rules holds with them.
    free = relaxed(instance) if instance.is_restricted else instance
    if is_few:
        outcome = exact_answer(instance, "failure", control, plan)
    elif instance.has_random_latencies and method.run_random is not None:
        outcome = method.run_random(free, "failure", control, None)
    else:
        outcome = method.run(free, "failure", control)
    verdict = _verdict(instance, outcome)
    if verdict.refuted or verdict.plan is not None or is_few or not instance.is_restricted:
        return verdict
    found = descend(instance, "failure", plan, STEPS * ROUNDS, control)
    return Verdict(found)


def _verdict(instance: Instance, outcome: Outcome) -> Verdict:
    """What an outcome says, once its plan is checked, and its bound held against the failure that is allowed."""
    if outcome.infeasible:
        return Verdict(None, refuted=True)
    if outcome.plan is not None and not check(instance, outcome.plan):
        return Verdict(outcome.plan)
    is_refuted = instance.requirements.min_success is not None and (outcome.lower_bound or 0.0) > (
        allowed_failure(instance) * CLEARLY
    )
    return Verdict(None, refuted=is_refuted)
