"""The command ``generate``: a seeded instance of a shipped family."""

from __future__ import annotations

from typing import Annotated

import typer

from rocoin_opt.cli.options import InstanceOut, Seed
from rocoin_opt.cli.output import require_matrices, require_outputs
from rocoin_opt.control import ended_by_termination
from rocoin_opt.wording import printable


def generate(
    family: Annotated[
        str,
        typer.Argument(
            metavar="FAMILY",
            help=(
                "paper (rates of the RoCoIn paper), mcu (microcontrollers), sbc (single-board computers), "
                "edge or lossy (synthetic; lossy devices fail often), boards (boards with measured latency tables), "
                "tight (synthetic; as many groups as there can be)."
            ),
        ),
    ],
    out: InstanceOut,
    devices: Annotated[int | None, typer.Option("--devices", metavar="N", help="Number of devices.")] = None,
    seed: Seed = 0,
    filters: Annotated[int | None, typer.Option("--filters", metavar="M", help="Number of filters.")] = None,
    max_groups: Annotated[
        int | None, typer.Option("--max-groups", metavar="K", help="Largest number of groups.")
    ] = None,
    max_group_outage: Annotated[
        float | None, typer.Option("--max-group-outage", metavar="EPS", help="Outage limit of a group.")
    ] = None,
    deadline: Annotated[float | None, typer.Option("--deadline", metavar="S", help="Deadline in seconds.")] = None,
    graph: Annotated[bool, typer.Option("--graph", help="Attach a synthetic filter graph and class affinity.")] = False,
    classes: Annotated[
        int | None, typer.Option("--classes", metavar="C", help="Number of classes behind the graph.")
    ] = None,
    slowdowns: Annotated[bool, typer.Option("--slowdowns", help="Give the devices slowdown laws.")] = False,
    domains: Annotated[
        int | None,
        typer.Option("--domains", metavar="N", help="Number of failure domains, such as access points."),
    ] = None,
    kinds: Annotated[
        int | None,
        typer.Option("--kinds", metavar="N", help="Number of kinds of identical devices; for edge and lossy."),
    ] = None,
    energy: Annotated[
        bool, typer.Option("--energy", help="For mcu: only boards with measured energy, and their powers.")
    ] = False,
    channels: Annotated[
        int | None,
        typer.Option("--channels", metavar="N", help="Number of shared channels; for paper, mcu, sbc and edge."),
    ] = None,
) -> None:
    """Make a seeded instance of a shipped FAMILY."""
    from rocoin_opt.instance import companions, write_instance
    from rocoin_opt.instance.generate import generate as make

    require_outputs(out)
    instance = make(
        family,
        devices=devices,
        seed=seed,
        filters=filters,
        max_groups=max_groups,
        max_group_outage=max_group_outage,
        deadline=deadline,
        graph=graph,
        classes=classes,
        slowdowns=slowdowns,
        domains=domains,
        kinds=kinds,
        energy=energy,
        channels=channels,
    )
    require_matrices(out, instance)
    beside = "".join(f", matrices in {file}" for file in companions(out, instance))
    with ended_by_termination():
        write_instance(out, instance)
    size = f"{len(instance.devices)} devices, {instance.knowledge.num_filters} filters"
    print(f"{out}: {printable(instance.name)}, {size}{printable(beside)}")
