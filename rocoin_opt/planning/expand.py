"""Capacity expansion: what one more device is worth when the plan is solved anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure import first_of_kinds
from rocoin_opt.plan import Plan
from rocoin_opt.planning.methods import METHODS
from rocoin_opt.planning.solve import solve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.control import Report
    from rocoin_opt.instance import Device, Instance
    from rocoin_opt.plan import Objective, Result


@dataclass(frozen=True)
class Expansion:
    """Results for an instance with one more device.

    Attributes
    ----------
    device : str
        The device whose twin joins, or that joins itself.
    before, after : Result
        Results without and with it; ``after.instance`` has it as its last device. Of the two plans the one without it
        may be the better one where a method proves nothing.
    """

    device: str
    before: Result
    after: Result

    @property
    def value(self) -> float | None:
        """The objective in seconds with the device: of the better plan, as the device need not be used."""
        values = [result.objective_value for result in (self.before, self.after)]
        return min((value for value in values if value is not None), default=None)

    @property
    def saving(self) -> float | None:
        """Seconds that the device saves between these plans; None where there was no plan before."""
        before, value = self.before.objective_value, self.value
        return None if before is None or value is None else before - value

    @property
    def largest_saving(self) -> float | None:
        """Most seconds that a plan with the device can save; None without a plan before or a bound."""
        before, bound = self.before.objective_value, self.after.lower_bound
        return None if before is None or bound is None else before - bound


def expansions(
    instance: Instance,
    method: str = "auto",
    objective: Objective = "guaranteed",
    *,
    devices: Iterable[Device] | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    threads: int = 1,
    report: Report | None = None,
) -> tuple[Expansion, ...]:
    """Solve an instance with one more device, for each kind of device in turn.

    A device whose identifier is taken, as that of a twin is, gets a ``+`` behind it. It has the failure domain and the
    students of the original; rules that name the original do not apply to the twin.

    Parameters
    ----------
    instance : Instance
        What is given.
    method, objective
        As for :func:`rocoin_opt.solve`. Only latency counts: nothing is sought behind it.
    devices : iterable of Device, optional
        Devices that may join, a catalogue say; twins of the instance's own where left out, one for each kind of equal
        numbers.
    time_limit : float, optional
        Seconds for each solve.
    seed, threads, report
        As for :func:`rocoin_opt.solve`.

    Returns
    -------
    tuple of Expansion
        The most valuable first.

    Raises
    ------
    InputError, UnsupportedError, CertificateError
        As for :func:`rocoin_opt.solve`.

    Examples
    --------
    >>> (found,) = ro.expansions(instance, "greedy", devices=[instance.devices[0]])
    >>> found.device
    'device-0'
    """

    def solved(given: Instance, start: Plan | None) -> Result:
        return solve(
            given,
            method,
            objective,
            time_limit=time_limit,
            seed=seed,
            threads=threads,
            start=start,
            latency_only=True,
            explain=False,
            report=report,
        )

    joining = first_of_kinds(instance.devices) if devices is None else list(devices)
    domains = {None, *(domain.id for domain in instance.failure_domains)}
    unknown = [device for device in joining if device.failure_domain not in domains]
    if unknown:
        allowed = "a device in none of the failure domains, or in one of the instance"
        raise InputError("options", [Problem("devices", f"{d.id} in {d.failure_domain}", allowed) for d in unknown])
    before = solved(instance, None)
    found = []
    for device in joining:
        name = device.id
        while name in instance.arrays.device_index:
            name += "+"
        larger = instance._replace({"devices": (*instance.devices, device._replace({"id": name}))})
        start = None
        if before.plan is not None and METHODS[method].improve is not None:
            # A plan without the device is one with it, so that the search begins no worse.
            start = Plan.of(larger, before.plan.groups)
        found.append(Expansion(device.id, before, solved(larger, start)))
    return tuple(sorted(found, key=lambda e: (e.value is None, e.value or 0.0)))
