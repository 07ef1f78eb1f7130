"""Copies of an instance that ask for less: whatever bounds them bounds the instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance


def without_laws(instance: Instance) -> Instance:
    """Copy of an instance with every slowdown factor 1: the same plans are valid."""
    steady = {"compute_slowdown": None, "link_slowdown": None}
    return instance._replace({"devices": tuple(device._replace(steady) for device in instance.devices)})


def without_rules(instance: Instance) -> Instance:
    """Copy of an instance without rules on how devices are grouped or used, ``min_success`` and the limit on energy."""
    rules = tuple(rule for rule in instance.rules if rule.kind == "spare")
    return instance._replace({"rules": rules}).with_requirements(min_success=None, max_energy_joules=None)


def without_channels(instance: Instance) -> Instance:
    """Copy of an instance with links of their own for all devices, on which no plan answers later."""
    if not instance.channels:
        return instance
    own = tuple(device.model_copy(update={"channel": None}) for device in instance.devices)
    return instance.model_copy(update={"devices": own, "channels": ()})


def relaxed(instance: Instance) -> Instance:
    """Copy of an instance without failure domains, and without what :func:`without_rules` leaves out."""
    alone = tuple(device._replace({"failure_domain": None}) for device in instance.devices)
    return without_rules(instance._replace({"devices": alone, "failure_domains": ()}))
