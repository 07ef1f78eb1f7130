"""Plan files, version 1: reading, writing and the JSON Schema."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rocoin_opt.documents import Items, Model, document_schema, read_document, readable_json, validate
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import Figure, Identifier, NonNegative
from rocoin_opt.plan.changes import StartRepair
from rocoin_opt.plan.conflict import Conflict
from rocoin_opt.plan.latency import Objective
from rocoin_opt.plan.metrics import MEASURED, Metrics
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.plan.result import Result, Termination
from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.instance import Instance

FORMAT = "rocoin-opt/plan"
VERSION = 1


class InstanceReference(Model):
    """Which instance a plan was made for."""

    name: Identifier
    """Name of the instance."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Fingerprint of the instance's canonical content."""


class SolveRecord(Model):
    """How a plan was found and what was proved."""

    method: Identifier
    """Method that found the plan."""
    objective: Objective
    """What was minimised."""
    termination: Termination
    """How the search ended."""
    objective_value: Figure | None
    """The objective: seconds, or for ``failure`` and ``missing`` a number without a unit."""
    lower_bound: Figure | None
    """Valid lower bound in the same unit."""
    gap: Figure | None
    """(objective_value - lower_bound) / objective_value."""
    wall_seconds: NonNegative
    """Time of the search."""
    seed: Annotated[int, Field(strict=True, ge=0)]
    """Seed of the search."""
    versions: dict[str, str]
    """Versions of the package and its solver."""


MOST_NAMED = 5
"""Most devices that a message names."""


class PlanDocument(Model):
    """Content of a plan file."""

    instance: InstanceReference
    """The instance that the plan is for."""
    groups: Items[Group]
    """The groups."""
    spares: Items[Identifier] = ()
    """Devices in no group."""
    metrics: Metrics | None = None
    """Figures of the plan."""
    solve: SolveRecord | None = None
    """How it was found; absent for plans made by hand."""
    repair: StartRepair | None = None
    """What became of a plan to start from that missed limits or broke rules; absent where there was none."""
    conflict: Conflict | None = None
    """Why there is no plan; in results without one only."""

    @property
    def plan(self) -> Plan:
        """The decision alone."""
        return Plan(groups=self.groups, spares=self.spares)


def read_plan_document(path: str | Path) -> PlanDocument:
    """Read and validate a plan file with all that it claims.

    Raises
    ------
    InputError
        Naming every faulty field, what was found and what is allowed.
    """
    return validate(PlanDocument, read_document(path, FORMAT, VERSION), os.fspath(path))


def read_plan(path: str | Path, instance: Instance, *others: Instance) -> Plan:
    """Read a plan file; the plan need not be valid, see :func:`rocoin_opt.check`.

    Parameters
    ----------
    path : str or Path
        A ``.plan.json`` file of format ``rocoin-opt/plan``, version 1.
    instance : Instance
        What the plan is for.
    *others : Instance
        Other instances that it may be for, such as the same one with other rules.

    Returns
    -------
    Plan
        The plan as written; the figures and the solve record of the file are ignored.

    Raises
    ------
    InputError
        If the file is not a plan file, or is for another instance.

    Examples
    --------
    >>> ro.write_plan("fleet.plan.json", instance, plan)
    >>> ro.read_plan("fleet.plan.json", instance) == plan
    True
    """
    document = read_plan_document(path)
    if document.instance.sha256 not in {known.sha256 for known in (instance, *others)}:
        found = f"a plan for {document.instance.name} ({document.instance.sha256[:12]}…)"
        allowed = f"a plan for {instance.name} ({instance.sha256[:12]}…)"
        if reason := other_state(document, instance):
            allowed += f": {reason}"
        raise InputError(os.fspath(path), [Problem("instance.sha256", found, allowed)])
    return document.plan


def other_state(document: PlanDocument, instance: Instance) -> str:
    """Say of which state of an instance a plan is, and what to do, where it is not the one that was given.

    Returns
    -------
    str
        Empty where the plan is for this very instance, or for one of another name.
    """
    if document.instance.name != instance.name or document.instance.sha256 == instance.sha256:
        return ""
    known = {*document.plan.spares, *(name for group in document.groups for name in group.devices)}
    without = [device.id for device in instance.devices if device.id not in known]
    if without:
        names = f"{', '.join(without[:MOST_NAMED])}{', …' if len(without) > MOST_NAMED else ''}"
        return f"this plan is for {instance.name} without {names}; give the file of replan --left, or solve again"
    remedy = "give the file of solve --left, or solve again"
    return f"{instance.name} has changed since, or options of solve added rules to it; {remedy}"


def result_document(instance: Instance, result: Result) -> dict[str, Any]:
    """Make the JSON content of a result: that of a plan file, or the same with nulls where there is no plan.

    Parameters
    ----------
    instance : Instance
        What the plan is for.
    result : Result
        What was found.
    """
    record = SolveRecord(
        method=result.method,
        objective=result.objective,
        termination=result.termination,
        objective_value=result.objective_value,
        lower_bound=result.lower_bound,
        gap=result.gap,
        wall_seconds=result.wall_seconds,
        seed=result.seed,
        versions=result.versions,
    )
    document = {
        **plan_document(instance, result.plan, result.metrics),
        "solve": record.model_dump(mode="json"),
    }
    # Files without them stay as they were.
    if result.repair is not None:
        document["repair"] = result.repair.model_dump(mode="json")
    if result.conflict is not None:
        document["conflict"] = result.conflict.model_dump(mode="json")
    return document


def plan_document(instance: Instance, plan: Plan | None, metrics: Metrics | None) -> dict[str, Any]:
    """Make the JSON content of a plan file that does not say how the plan was found; nulls where there is no plan.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan, optional
        A plan for it.
    metrics : Metrics, optional
        Its figures.
    """
    reference = InstanceReference(name=instance.name, sha256=instance.sha256)
    decided = {"groups": None, "spares": None} if plan is None else plan_fields(plan)
    return {
        "format": FORMAT,
        "version": VERSION,
        "instance": reference.model_dump(mode="json"),
        **decided,
        "metrics": None if metrics is None else _metric_fields(metrics),
    }


def write_plan_document(path: str | Path, document: dict[str, Any]) -> None:
    """Write the content of a plan file in one step.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_text(path, readable_json(document) + "\n")


def plan_schema() -> dict[str, Any]:
    """Make the JSON Schema of plan files.

    Returns
    -------
    dict
        A schema of draft 2020-12, generated from the data classes.

    Examples
    --------
    >>> ro.plan_schema()["title"]
    'rocoin-opt/plan'
    """
    return document_schema(PlanDocument, FORMAT, VERSION)


def _metric_fields(metrics: Metrics) -> dict[str, Any]:
    """All figures that were computed, null where one does not apply, and those that were measured."""
    fields = metrics.model_dump(mode="json", exclude_unset=True)
    return {name: value for name, value in fields.items() if value is not None or name not in MEASURED}


def plan_fields(plan: Plan) -> dict[str, Any]:
    """Groups and spares as plain data, as a plan file has them."""
    fields = plan.model_dump(mode="json")
    for group in fields["groups"]:
        if group["filters"] is None:
            del group["filters"]
    return fields
