"""What is given: one planning problem, whole and consistent.

One frozen, validated definition serves Python, the files and the JSON Schema.
"""

from __future__ import annotations

import difflib
import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rocoin_opt.documents import Items, Model, canonical_json, fault, shown
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance.arrays import InstanceArrays, LatencyTerms, latency_terms
from rocoin_opt.instance.counts import Alike, alike, expanded
from rocoin_opt.instance.entities import Channel, ComputeTime, Device, FailureDomain, Knowledge, Requirements, Student
from rocoin_opt.instance.fields import Identifier
from rocoin_opt.instance.rules import Restrictions, Rule, fingerprint_of, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import networkx as nx


NAMED = 10
"""Most failure domains, channels or students that a message lists."""

LATER_FIELDS = frozenset({"channels", "rules"})
"""What is written of an instance only where there is any."""


DERIVED = (
    "alike",
    "arrays",
    "devices_by_name",
    "has_powers",
    "has_random_latencies",
    "has_shared_failures",
    "restrictions",
    "sha256",
    "shared_channels",
)
"""What an instance computes of its fields once."""


VALIDATED = "is validated"
"""What an instance holds that went through the validation, or is a copy of such a one by our own searches."""


class Instance(Model):
    """One planning problem: devices, students, knowledge and requirements.

    Examples
    --------
    >>> instance.with_requirements(max_groups=1).max_groups
    1
    >>> instance.device("device-0").failure_probability
    0.1209
    >>> instance.filter_graph().number_of_nodes()
    12
    """

    name: Identifier
    """Name of the instance."""
    description: str | None = None
    """What the instance shows."""
    source: str | None = None
    """Where the numbers come from."""
    devices: Annotated[Items[Device], Field(min_length=1)]
    """The devices that may be used."""
    failure_domains: Items[FailureDomain] = ()
    """What devices share and fail with."""
    channels: Items[Channel] = ()
    """What devices share and send on."""
    students: Annotated[Items[Student], Field(min_length=1)]
    """The students that may be distilled."""
    knowledge: Knowledge
    """What is cut into parts."""
    requirements: Requirements
    """What every plan must keep."""
    rules: Items[Rule] = ()
    """What is asked besides of groups and devices."""

    @model_serializer(mode="wrap")
    def _as_before(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what there is none of and came after the first files: these keep their text."""
        written: dict[str, Any] = fields(self)
        return {name: value for name, value in written.items() if name not in LATER_FIELDS or getattr(self, name)}

    @model_validator(mode="after")
    def _identifiers_resolve(self) -> Self:
        for field in ("students", "failure_domains", "channels"):
            seen: set[str] = set()
            for position, item in enumerate(getattr(self, field)):
                if item.id in seen:
                    raise fault(f"{field}[{position}].id", item.id, "an identifier that no other one repeats")
                seen.add(item.id)
        for field, many, what in (
            ("failure_domain", "failure_domains", "failure domain"),
            ("channel", "channels", "channel"),
        ):
            names = {item.id for item in getattr(self, many)}
            for position, device in enumerate(self.devices):
                given = getattr(device, field)
                if given is not None and given not in names:
                    known = ", ".join(sorted(names)[:NAMED]) + (", …" if len(names) > NAMED else "")
                    raise fault(
                        f"devices[{position}].{field}", given, f"the id of a {what}: {known or 'none is defined'}"
                    )
        students = {student.id for student in self.students}
        for position, device in enumerate(self.devices):
            for place, name in enumerate(device.students or ()):
                if name not in students or name in (device.students or ())[:place]:
                    allowed = f"the id of a student, each once: {', '.join(sorted(students)[:NAMED])}"
                    raise fault(f"devices[{position}].students[{place}]", name, allowed)
            for name in device.compute_seconds or ():
                if name not in students:
                    allowed = f"the ids of students: {', '.join(sorted(students)[:NAMED])}"
                    raise fault(f"devices[{position}].compute_seconds", name, allowed)
            if self.requirements.max_energy_joules is not None:
                device.require_watts("requirements.max_energy_joules", f"devices[{position}].")
        # Faults above name places of the file; below every device stands alone.
        fields = self.__dict__
        fields["devices"] = expanded(self.devices)
        if self.rules:
            fields["rules"] = resolved(self.rules, self.devices_by_name)
        fields[VALIDATED] = True
        return self

    @cached_property
    def alike(self) -> tuple[Alike, ...]:
        """The devices in the fewest entries that a file can hold, in their order."""
        return tuple(alike(self.devices))

    @cached_property
    def devices_by_name(self) -> dict[str, tuple[str, ...]]:
        """What names mean: a device itself, or all of ``name-1``, ``name-2``, ... in a row where none is called so."""
        entries = ((entry.id, entry.devices) for entry in self.alike if entry.numbered)
        rows = {name: tuple(device.id for device in self.devices[place]) for name, place in entries}
        return rows | {device.id: (device.id,) for device in self.devices}

    def meant_by(self, names: Iterable[str]) -> list[str]:
        """The devices that names mean, see :attr:`devices_by_name`; names that mean none stay as they are."""
        return [device for name in names for device in self.devices_by_name.get(name, (name,))]

    @cached_property
    def restrictions(self) -> Restrictions:
        """The rules in terms of device indices, computed once."""
        return Restrictions.of(self.rules, {device.id: n for n, device in enumerate(self.devices)})

    @cached_property
    def arrays(self) -> InstanceArrays:
        """The numbers as read-only arrays, computed once."""
        idle = self.restrictions.spare
        given = self.devices, self.students, self.knowledge, self.requirements, self.failure_domains
        return InstanceArrays.of(*given, idle)

    def latency_terms(self, device: int, student: int, num_filters: int) -> LatencyTerms:
        """Terms of l(n, j, s); rounded each, they may miss its last digit.

        Parameters
        ----------
        device, student : int
            Indices n and j.
        num_filters : int
            Size s of the part.

        Returns
        -------
        LatencyTerms
            Seconds.
        """
        beta = self.knowledge.bits_per_filter
        return latency_terms(self.devices[device], self.students[student], num_filters, beta)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of everything that affects plans: name and numbers, not descriptions, sources or file layout."""
        notes = {"description": True, "source": True}
        fields: dict[str, Any] = self.model_dump(
            mode="json",
            exclude={
                **notes,
                "devices": {"__all__": {"source"}},
                "students": {"__all__": {"source"}},
                "knowledge": {"graph", "class_affinity"},
            },
        )
        for device in fields["devices"]:
            if "students" in device:
                device["students"].sort()
            for name, seconds in device.get("compute_seconds", {}).items():
                # A number is short for an object.
                device["compute_seconds"][name] = (
                    seconds if isinstance(seconds, dict) else ComputeTime(seconds=seconds).model_dump()
                )
        if self.rules:
            fields["rules"] = fingerprint_of(self.rules)
        if self.channels:
            fields["channels"] = sorted(channel.id for channel in self.channels)
        if self.knowledge.graph is not None:
            fields["graph"] = self.knowledge.graph.digest(self.knowledge.num_filters)
        if self.knowledge.class_affinity is not None:
            fields["class_affinity"] = self.knowledge.class_affinity.digest()
        return hashlib.sha256(canonical_json(fields).encode()).hexdigest()

    @cached_property
    def has_random_latencies(self) -> bool:
        """Whether any device's latency is a random variable."""
        return any(device.is_random for device in self.devices)

    @cached_property
    def has_shared_failures(self) -> bool:
        """Whether any device fails together with others, because it is in a failure domain."""
        return any(device.failure_domain is not None for device in self.devices)

    @cached_property
    def shared_channels(self) -> dict[str, tuple[int, ...]]:
        """By name, the indices of the devices on each channel that several share; alone, a device never waits."""
        found: dict[str, list[int]] = {channel.id: [] for channel in self.channels}
        for n, device in enumerate(self.devices):
            if device.channel is not None:
                found[device.channel].append(n)
        return {name: tuple(devices) for name, devices in found.items() if len(devices) > 1}

    @cached_property
    def has_powers(self) -> bool:
        """Whether any device states a power."""
        return any(d.compute_watts is not None or d.transmit_watts is not None for d in self.devices)

    @property
    def is_restricted(self) -> bool:
        """Whether devices fail together, or rules or a limit on all energy tie the groups of a plan together."""
        return self.has_shared_failures or self.restrictions.of_groups or self.limits_energy

    @property
    def restricted_by(self) -> str:
        """What makes it restricted, as text for messages."""
        if self.has_shared_failures:
            return "failure domains"
        return "rules on groups" if self.restrictions.of_groups else "requirements.max_energy_joules"

    @property
    def limits_energy(self) -> bool:
        """Whether the energy of a request, over all devices, is limited."""
        return self.requirements.max_energy_joules is not None

    @property
    def max_groups(self) -> int:
        """Largest number of groups that a plan can have, limited by K, the devices and the filters."""
        limit = self.requirements.max_groups or len(self.devices)
        return min(limit, len(self.devices), self.knowledge.num_filters)

    def device(self, name: str) -> Device:
        """The device with an identifier.

        Raises
        ------
        InputError
            If there is none; the error lists those that it may stand for.
        """
        place = self.arrays.device_index.get(name)
        return self.devices[place] if place is not None else _found(self.devices, name, "devices")

    def student(self, name: str) -> Student:
        """The student with an identifier.

        Raises
        ------
        InputError
            If there is none; the error lists those that it may stand for.
        """
        return _found(self.students, name, "students")

    def filter_graph(self) -> nx.Graph[int]:
        """Return the filter graph as a NetworkX graph: nodes 0 to M - 1, edges with the attribute ``weight``.

        Raises
        ------
        InputError
            If the instance has no filter graph.
        """
        if self.knowledge.graph is None:
            raise InputError(self.name, [Problem("knowledge.graph", "nothing", "a filter graph")])
        return self.knowledge.graph.to_networkx(self.knowledge.num_filters)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy, deeply if so asked, without what was derived; what is updated is validated as by ``with_fields``.

        Parameters
        ----------
        update : mapping, optional
            New values by field.
        deep : bool
            Whether inner data is copied, too.
        """
        return _underived(super().model_copy(update=update, deep=deep))

    def _replace(self, fields: Mapping[str, Any]) -> Self:
        """Copy with some fields replaced and nothing validated, without what was derived from the old ones."""
        return _underived(super()._replace(fields))

    def with_requirements(self, **changes: Any) -> Self:
        """Copy of the instance with some requirements replaced, validated anew.

        Parameters
        ----------
        **changes
            New values of fields of :class:`Requirements`.

        Raises
        ------
        InputError
            Naming every faulty field, what was found and what is allowed.
        """
        requirements = self.requirements.with_fields(**(dict(self.requirements) | changes))  # files state all of them
        if requirements.max_energy_joules is None:
            return self._replace({"requirements": requirements})
        return self.with_fields(requirements=requirements)

    def with_rules(self, *rules: Rule) -> Self:
        """Copy of the instance with further rules added, validated anew.

        Parameters
        ----------
        *rules : Rule
            The rules to add.

        Raises
        ------
        InputError
            If a rule names an unknown device, or one that is to be both used and spare.
        """
        return self.with_fields(rules=(*self.rules, *rules))

    def with_devices(self, devices: Iterable[Device]) -> Self:
        """Copy of the instance with other devices, validated anew; errors name every faulty field."""
        return self.with_fields(devices=tuple(devices))

    def with_device(self, name: str, /, **changes: Any) -> Self:
        """Copy of the instance with some fields of one device replaced, validated anew.

        Parameters
        ----------
        name : str
            Identifier of the device.
        **changes
            New values of its fields.

        Raises
        ------
        InputError
            If there is no such device, or naming every faulty field, what was found and what is allowed.
        """
        changed = self.device(name).with_fields(**changes)
        return self.with_devices(changed if device.id == name else device for device in self.devices)

    def with_students(self, students: Iterable[Student]) -> Self:
        """Copy of the instance with other students, validated anew; errors name every faulty field."""
        return self.with_fields(students=tuple(students))

    def with_knowledge(self, **changes: Any) -> Self:
        """Copy of the instance with some fields of its :class:`Knowledge` replaced, validated anew."""
        return self.with_fields(knowledge=self.knowledge.with_fields(**changes))

    def require_valid(self) -> None:
        """Refuse an invalid instance that was made without validation, for example by ``model_construct``.

        Raises
        ------
        InputError
            Naming every faulty field, what was found and what is allowed.
        """
        if VALIDATED not in self.__dict__:
            self.with_fields()
            self.__dict__[VALIDATED] = True


InstanceT = TypeVar("InstanceT", bound="Instance")
EntityT = TypeVar("EntityT", Device, Student)


def _found(entities: Sequence[EntityT], name: str, field: str) -> EntityT:
    for entity in entities:
        if entity.id == name:
            return entity
    known = [entity.id for entity in entities]
    like = "".join(f"; did you mean {meant}?" for meant in difflib.get_close_matches(name, known, 1))
    allowed = f"one of {', '.join(known[:NAMED])}{', …' if len(known) > NAMED else ''}{like}"
    raise InputError(field, [Problem("id", shown(name), allowed)])


def _underived(copy: InstanceT) -> InstanceT:
    for derived in DERIVED:
        copy.__dict__.pop(derived, None)
    return copy
