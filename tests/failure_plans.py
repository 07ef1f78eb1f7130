"""Plans whose answer times are known in closed form, or can be drawn with NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.slowdown import Constant, Empirical, Gamma, LogNormal, Pareto, ShiftedExponential, Weibull
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance.slowdown import Slowdown


def replica(failure: float = 0.0, compute: float = 1.0, **fields: Any) -> dict[str, Any]:
    """A device that computes for some seconds and transfers for none, unless ``transfer`` says how many."""
    transfer = fields.pop("transfer", 1e-12)
    return {
        "flops_per_second": 1.0 / compute,
        "memory_bytes": 1,
        "uplink_bits_per_second": 1.0 / transfer,
        "failure_probability": failure,
        **fields,
    }


def system(
    *groups: Sequence[dict[str, Any]], domains: Sequence[float] = (), bits: float = 0.0, **requirements: float
) -> tuple[Instance, Plan]:
    """A plan with these groups; devices name their domain by its place."""
    devices, members = [], []
    for k, group in enumerate(groups):
        members.append(tuple(f"g{k}d{n}" for n in range(len(group))))
        for name, fields in zip(members[-1], group, strict=True):
            domain = {"failure_domain": f"ap{fields['failure_domain']}"} if "failure_domain" in fields else {}
            devices.append({**fields, "id": name, **domain})
    instance = Instance.model_validate(
        {
            "name": "system",
            "devices": devices,
            "failure_domains": [{"id": f"ap{d}", "failure_probability": p} for d, p in enumerate(domains)],
            "students": [{"id": "s", "flops": 1, "memory_bytes": 0, "max_filters": 1}],
            "knowledge": {"num_filters": len(groups), "bits_per_filter": bits},
            "requirements": {"max_group_outage": 1.0, **requirements},
        }
    )
    return instance, Plan.of(instance, [Group(devices=names, student="s", num_filters=1) for names in members])


def factors(law: Slowdown | None, rng: np.random.Generator, trials: int) -> np.ndarray:
    """Draws of a slowdown factor from NumPy's own generators."""
    match law:
        case ShiftedExponential():
            return 1.0 + rng.exponential(1.0 / law.rate, trials)
        case LogNormal():
            return rng.lognormal(0.0, law.sigma, trials)
        case Gamma():
            return rng.gamma(law.shape, 1.0 / law.shape, trials)
        case Weibull():
            return rng.weibull(law.shape, trials)
        case Pareto():
            return 1.0 + rng.pareto(law.alpha, trials)
        case Empirical():
            return rng.choice(np.array(law.values), trials)
        case None | Constant():
            return np.ones(trials)
    raise AssertionError(law)


def group_draws(instance: Instance, plan: Plan, seed: int, trials: int) -> np.ndarray:
    """Answer times of the groups, K x trials, infinite where a group never answers; the definition, drawn."""
    rng = np.random.default_rng(seed)
    down = {domain.id: rng.random(trials) < domain.failure_probability for domain in instance.failure_domains}
    devices = {device.id: device for device in instance.devices}
    students = {student.id: student for student in instance.students}
    answers = np.full((len(plan.groups), trials), np.inf)
    for k, group in enumerate(plan.groups):
        student = students[group.student]
        for name in group.devices:
            device = devices[name]
            work = student.flops + student.flops_per_filter * group.num_filters
            bits = instance.knowledge.bits_per_filter * group.num_filters
            seconds = (
                device.overhead_seconds
                + factors(device.compute_slowdown, rng, trials) * work / device.flops_per_second
                + factors(device.link_slowdown, rng, trials) * bits / device.uplink_bits_per_second
            )
            failed = rng.random(trials) < device.failure_probability
            if device.failure_domain is not None:
                failed |= down[device.failure_domain]
            answers[k] = np.minimum(answers[k], np.where(failed, np.inf, seconds))
    return answers
