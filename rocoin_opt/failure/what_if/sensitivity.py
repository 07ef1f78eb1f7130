"""Which device's crash probability, compute rate or link rate the figures of a plan depend on most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from rocoin_opt.failure import deadline_of, require_assessable
from rocoin_opt.failure.what_if.derivatives import Base, Derivatives, Range, ReplicaDerivatives
from rocoin_opt.plan import plan_in, require_own_links

if TYPE_CHECKING:
    from rocoin_opt.failure.what_if.differences import Derivative
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import HasPlan, Plan

Parameter: TypeAlias = Literal["failure_probability", "flops_per_second", "uplink_bits_per_second"]


@dataclass(frozen=True)
class Slope:
    """How a figure depends on a parameter near its value.

    Attributes
    ----------
    left, right : float
        Derivatives towards smaller and towards larger values; they differ at a kink only.
    error : float
        How far either may be off; 0 for closed forms, which are exact but for rounding.
    elasticity : tuple of float, or None
        d ln figure / d ln parameter, to the left and to the right: by how many per cent the figure changes for each
        per cent of the parameter. None where the figure is 0.
    """

    left: float
    right: float
    error: float
    elasticity: tuple[float, float] | None

    @classmethod
    def of(cls, derivative: Derivative | None, parameter: float, figure: float | None) -> Self | None:
        """Scale a derivative by the values of parameter and figure; None for None.

        Parameters
        ----------
        derivative : Derivative, optional
            Figure by parameter, with its error.
        parameter, figure : float
            Their values; the figure may be None.
        """
        if derivative is None or figure is None:
            return None
        left, right = derivative.left, derivative.right
        relative = (left * parameter / figure, right * parameter / figure) if figure > 0.0 else None
        return cls(left, right, derivative.error, relative)


@dataclass(frozen=True)
class Sensitivity:
    """How the figures depend on one parameter of one device.

    Attributes
    ----------
    device : str
        Which device.
    group : int
        Its group, by its index in the plan.
    parameter : str
        The field: ``failure_probability``, ``flops_per_second`` or ``uplink_bits_per_second``.
    value : float
        Its value. Where the device was measured with its student, the compute rate is FLOP of its part over the
        seconds that it takes, and a change of the rate shortens or lengthens these.
    expected : Slope or None
        Of E[min(X, D)]; None without a deadline.
    failure : Slope or None
        Of the probability of no answer by the deadline, or of none ever without one. The success probability has the
        same derivatives with the other sign.
    guaranteed : Slope or None
        Of the guarantee; None where there is none, or none within a step of a difference.
    failure_range, guaranteed_range : tuple of float and (float or None), or None
        Values of the parameter, from and to, at which the figure stays the same: the same number twice where any
        change matters, None as the second where there is no end. None where the figure is no step function of it.
    """

    device: str
    group: int
    parameter: Parameter
    value: float
    expected: Slope | None
    failure: Slope | None
    guaranteed: Slope | None
    failure_range: Range | None
    guaranteed_range: Range | None


def sensitivities(instance: Instance, plan: Plan | HasPlan, deadline: float | None = None) -> tuple[Sensitivity, ...]:
    """Differentiate the figures of a plan with respect to every parameter of its devices.

    Parameters
    ----------
    instance, plan, deadline
        As for :func:`rocoin_opt.assess`.

    Returns
    -------
    tuple of Sensitivity
        Group by group and device by device: crash probability, compute rate, link rate. Derivatives by the crash
        probability are exact for all laws, but for the guarantee of random latencies. So are all derivatives by the
        rates of devices without slowdown laws. The others are differences, with an estimated error.

    Raises
    ------
    InputError, UnsupportedError
        As for :func:`rocoin_opt.assess`; also where devices of the plan queue for a channel.

    Examples
    --------
    >>> first = ro.sensitivities(instance, plan)[0]
    >>> first.device, first.parameter, first.failure.right > 0
    ('device-1', 'failure_probability', True)
    """
    plan = plan_in(plan)
    require_assessable(instance, plan)
    require_own_links(instance, "sensitivities", plan, instead="evaluate the plan on a changed instance")
    base = Base(instance, plan, deadline_of(instance, deadline))
    found = []
    for k, group in enumerate(plan.groups):
        for member in range(len(group.devices)):
            replica = ReplicaDerivatives(base, k, member)
            found.append(_sensitivity(base, replica, "failure_probability", replica.by_crash()))
            found.append(_sensitivity(base, replica, "flops_per_second", replica.by_rate("flops_per_second")))
            found.append(
                _sensitivity(base, replica, "uplink_bits_per_second", replica.by_rate("uplink_bits_per_second"))
            )
    return tuple(found)


def _sensitivity(base: Base, replica: ReplicaDerivatives, parameter: Parameter, found: Derivatives) -> Sensitivity:
    value = replica.value(parameter)
    return Sensitivity(
        device=replica.device.id,
        group=replica.group,
        parameter=parameter,
        value=value,
        expected=Slope.of(found.expected, value, base.expected),
        failure=Slope.of(found.failure, value, base.failure),
        guaranteed=Slope.of(found.guaranteed, value, base.guaranteed),
        failure_range=found.failure_range,
        guaranteed_range=found.guaranteed_range,
    )
