"""What a page needs to fail devices on a click: the plan's constants, from which its script computes every figure.

The script, ``templates/fail.js``, states the formulas of :mod:`rocoin_opt.plan.latency` once more. A device that was
failed is left out; the others crash as before, alone or with their failure domain. Where the figures need more than
constants and sums over the states of a few failure domains, nothing is offered, and the page says why.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocoin_opt.instance import complement, stretched
from rocoin_opt.plan import OBJECTIVE_WORDS, group_timings, has_queues, has_random_latency
from rocoin_opt.wording import given_seconds, seconds, small_share

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Metrics, Plan

MAX_SWITCHES = 400
"""Devices that are offered: more of them nobody looks through."""
MAX_TIED_DOMAINS = 10
"""Failure domains over several groups whose states a script sums over, two for each."""


@dataclass(frozen=True)
class Switch:
    """A device that can be failed: its name and when it answers, in seconds."""

    device: str
    seconds: float


@dataclass(frozen=True)
class SwitchGroup:
    """A group by its number: student, filters, and its devices, first answer first."""

    number: int
    student: str
    num_filters: int
    switches: tuple[Switch, ...]


@dataclass(frozen=True)
class PlannedFigure:
    """A figure of the plan as it is: the script's name of it, its words, its text and its value."""

    key: str
    words: str
    text: str
    value: float | None


@dataclass(frozen=True)
class FailurePanel:
    """What a reader can fail, or why nothing can be.

    Attributes
    ----------
    groups : tuple of SwitchGroup
        In the plan's order; empty where nothing can be failed.
    domains : tuple of str
        Failure domains with devices in the plan.
    figures : tuple of PlannedFigure
        The plan's own figures.
    model : str
        JSON for the script: limits, chances of domains, and sizes, times, failure probabilities and domains by group.
    reason : str
        Why nothing can be failed, as the end of a sentence; else empty.
    """

    groups: tuple[SwitchGroup, ...] = ()
    domains: tuple[str, ...] = ()
    figures: tuple[PlannedFigure, ...] = ()
    model: str = ""
    reason: str = ""


def failure_panel(instance: Instance, plan: Plan, metrics: Metrics | None) -> FailurePanel:
    """Gather what the page's script computes with.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    metrics : Metrics or None
        Its figures, where there are exact ones.
    """
    reason = _reason(instance, plan)
    if reason or metrics is None:
        return FailurePanel(reason=reason or "the plan has no exact figures to compare with.")
    arrays, needed = instance.arrays, instance.requirements
    held = {name: instance.devices[arrays.device_index[name]] for group in plan.groups for name in group.devices}
    wanted = {device.failure_domain for device in held.values()}
    domains = [domain for domain in instance.failure_domains if domain.id in wanted]
    place = {domain.id: d for d, domain in enumerate(domains)}
    groups, numbers = [], []
    for number, (group, timing) in enumerate(zip(plan.groups, group_timings(instance, plan), strict=True)):
        switches = tuple(Switch(name, at) for name, at in zip(timing.devices, timing.seconds, strict=True))
        groups.append(SwitchGroup(number, group.student, group.num_filters, switches))
        members = [held[name] for name in timing.devices]
        numbers.append(
            {
                "size": group.num_filters,
                "seconds": timing.seconds,
                "failure": [device.failure_probability for device in members],
                "domain": [-1 if device.failure_domain is None else place[device.failure_domain] for device in members],
            }
        )
    deadline, level = needed.deadline_seconds, needed.success_level
    model = {
        "limit": stretched(needed.max_group_outage),
        "limitText": f"{needed.max_group_outage:g}",
        "deadline": deadline,
        "inTime": None if deadline is None else stretched(deadline),
        "late": None if level is None else stretched(complement(level)),
        "falls": [domain.failure_probability for domain in domains],
        "groups": numbers,
    }
    return FailurePanel(
        groups=tuple(groups),
        domains=tuple(domain.id for domain in domains),
        figures=_figures(instance, metrics),
        model=json.dumps(model, separators=(",", ":")),
    )


def _figures(instance: Instance, metrics: Metrics) -> tuple[PlannedFigure, ...]:
    deadline, level = instance.requirements.deadline_seconds, instance.requirements.success_level
    ends = "ever" if deadline is None else f"within {given_seconds(deadline)}"

    def time(key: str, words: str, value: float | None) -> PlannedFigure:
        return PlannedFigure(key, words, "never" if value is None else seconds(value), value)

    found = [
        time("guaranteed", OBJECTIVE_WORDS["guaranteed"], metrics.guaranteed_seconds),
        time("nominal", OBJECTIVE_WORDS["nominal"], metrics.nominal_seconds),
        time("worst", OBJECTIVE_WORDS["worst"], metrics.worst_seconds),
        PlannedFigure(
            "success", f"success probability, an answer {ends}", f"{metrics.success_probability:.4f}",
            metrics.success_probability,
        ),
        PlannedFigure(
            "failure", f"failure probability, no answer {ends}", small_share(metrics.failure_probability),
            metrics.failure_probability,
        ),
        PlannedFigure(
            "missing", f"missing share of the filters, {ends}", small_share(metrics.missing_share),
            metrics.missing_share,
        ),
    ]  # fmt: skip
    if deadline is not None:
        found.append(time("expected", "expected latency, counting no answer as the deadline", metrics.expected_seconds))
    if level is not None:
        found.append(time("quantile", f"an answer with probability {level} by", metrics.quantile_seconds))
    return tuple(found)


def _reason(instance: Instance, plan: Plan) -> str:
    """Why a script cannot compute the plan's figures anew, in a clause; empty where it can."""
    if has_random_latency(instance, plan):
        return (
            "latencies are random here, and their distribution has to be integrated "
            "numerically. The command rocoin-opt evaluate --losses shows what each loss does."
        )
    if has_queues(instance, plan):
        return (
            "some queue for a channel, and the loss of one changes when the others "
            "send. The command rocoin-opt evaluate --losses shows what each loss does."
        )
    count = sum(len(group.devices) for group in plan.groups)
    if count > MAX_SWITCHES:
        return f"the plan has {count}, and the page offers {MAX_SWITCHES} at most."
    domain_of = {device.id: device.failure_domain for device in instance.devices}
    over = Counter(name for group in plan.groups for name in {domain_of[device] for device in group.devices})
    can_fail = {domain.id for domain in instance.failure_domains if domain.failure_probability > 0.0}
    tied = sum(groups > 1 for name, groups in over.items() if name in can_fail)
    if tied > MAX_TIED_DOMAINS:
        return (
            f"{tied} failure domains span several groups, and the page sums over the "
            f"states of {MAX_TIED_DOMAINS} at most."
        )
    return ""
