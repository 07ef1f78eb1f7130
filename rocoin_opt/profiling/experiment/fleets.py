"""Devices of the demonstration: boards of the catalogue, the paper's setting, or a device file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from rocoin_opt.instance import Fleet, Requirements, read_device_file
from rocoin_opt.instance.generate import generate

BOARDS, PAPER = "boards", "paper"
DEVICES = "demo_devices.json"
"""Device file of the demonstration, inside of the package: boards with measured rates, assumed failures."""


def fleet_of(name: str, groups: int | None = None) -> tuple[Fleet, str]:
    """Find the devices that are meant, and say in words what they are.

    Parameters
    ----------
    name : str
        ``boards``: twelve boards of the catalogue; ``paper``: the eight devices of RoCoIn's simulation, as the family
        ``paper`` draws them with seed 0, whose answers have no deadline; else the path of a device file.
    groups : int, optional
        How many groups plans are to have; by default what the devices' requirements say.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, or no plan could have so many groups.
    """
    if name == BOARDS:
        with resources.as_file(resources.files("rocoin_opt.profiling").joinpath(DEVICES)) as path:
            fleet = read_device_file(path)
        told = f"{DEVICES}: boards of the catalogue, failure probabilities assumed"
    elif name == PAPER:
        drawn = generate(PAPER)
        limits = drawn.requirements
        # The family's deadline is for its own students.
        fleet = Fleet(
            devices=drawn.devices,
            requirements=Requirements(
                min_groups=limits.max_groups or 1,
                max_groups=limits.max_groups,
                max_group_outage=limits.max_group_outage,
            ),
        )
        told = f"family {PAPER}, seed 0: {drawn.devices[0].source}"
    else:
        fleet, told = read_device_file(name), Path(name).name
    if groups is not None:
        few = fleet.requirements.model_copy(update={"min_groups": groups, "max_groups": groups})
        fleet = fleet.model_copy(update={"requirements": few})
    return fleet, told
