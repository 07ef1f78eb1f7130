"""What is given: devices, students, the teacher's knowledge and the requirements.

One frozen, validated definition serves Python, the files and the JSON Schema. Units are SI: seconds, bytes, bits per
second, FLOP (one multiply-accumulate is two FLOP).
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from rocoin_opt.documents import Items, Model, canonical_json, fault
from rocoin_opt.instance.arrays import InstanceArrays
from rocoin_opt.instance.fields import (
    SMALLEST_OUTAGE_LIMIT,
    Count,
    CrashProbability,
    Identifier,
    NonNegative,
    Positive,
    Probability,
)
from rocoin_opt.instance.matrices import ClassAffinity, FilterGraph
from rocoin_opt.instance.slowdown import Constant, Slowdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


NAMED = 10
"""Most failure domains that a message lists."""


class Device(Model):
    """A device that can run one student."""

    id: Identifier
    """Unique name."""
    flops_per_second: Positive
    """Sustained compute rate c."""
    memory_bytes: Positive
    """Memory m for the student's weights and activations."""
    uplink_bits_per_second: Positive
    """Rate r of the link to the source."""
    overhead_seconds: NonNegative = 0.0
    """Dispatch and round trip t0."""
    failure_probability: CrashProbability
    """Probability p that the device never answers."""
    failure_domain: Identifier | None = None
    """Identifier of the domain whose failure takes this device along."""
    compute_slowdown: Slowdown | None = None
    """Random factor on the compute time."""
    link_slowdown: Slowdown | None = None
    """Random factor on the transfer time."""
    source: str | None = None
    """Where the numbers come from."""

    @property
    def is_random(self) -> bool:
        """Whether a slowdown law makes the device's latency a random variable."""
        laws = (self.compute_slowdown, self.link_slowdown)
        return any(law is not None and not isinstance(law, Constant) for law in laws)


class FailureDomain(Model):
    """Something that devices share, an access point say, and that fails for all of them at once."""

    id: Identifier
    """Unique name."""
    failure_probability: CrashProbability
    """Probability that the domain fails, independent of everything else."""


class Student(Model):
    """A compact network that can learn a part of the knowledge."""

    id: Identifier
    """Unique name."""
    flops: NonNegative
    """FLOP of one inference, F, without the terms that grow with the part."""
    flops_per_filter: NonNegative = 0.0
    """FLOP per filter of the part, f."""
    memory_bytes: NonNegative
    """Memory B, without the terms that grow with the part."""
    memory_bytes_per_filter: NonNegative = 0.0
    """Memory per filter of the part, b."""
    max_filters: Count
    """Knowledge capacity u: the largest part that the student learns well enough."""
    source: str | None = None
    """Where the numbers come from."""


class Knowledge(Model):
    """The teacher's final convolution, which is cut into parts."""

    num_filters: Count
    """Number of filters M."""
    bits_per_filter: NonNegative
    """What one filter's output costs on the link, beta."""
    graph: FilterGraph | None = None
    """Weighted graph over the filters."""
    class_affinity: ClassAffinity | None = None
    """How much each filter speaks for each class."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if self.graph is not None:
            self.graph.check_size(self.num_filters)
        if self.class_affinity is not None:
            self.class_affinity.check_size(self.num_filters)
        return self


class Requirements(Model):
    """What every plan must keep."""

    min_groups: Count = 1
    """Smallest number of groups."""
    max_groups: Count | None = None
    """Largest number of groups K; the number of devices where absent."""
    max_group_outage: Probability
    """Largest probability eps that a group never answers: 0, or from 1e-300 to 1."""
    deadline_seconds: Positive | None = None
    """Deadline D, after which an answer is worth nothing."""

    @model_validator(mode="after")
    def _limit_is_held(self) -> Self:
        if 0.0 < self.max_group_outage < SMALLEST_OUTAGE_LIMIT:
            allowed = f"0, or at least {SMALLEST_OUTAGE_LIMIT:g}: below, products of probabilities are no numbers"
            raise fault("max_group_outage", self.max_group_outage, allowed)
        return self

    @model_validator(mode="after")
    def _groups_in_order(self) -> Self:
        if self.max_groups is not None and self.max_groups < self.min_groups:
            raise fault("max_groups", self.max_groups, f"at least min_groups, which is {self.min_groups}")
        return self


class Instance(Model):
    """One planning problem: devices, students, knowledge and requirements."""

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
    students: Annotated[Items[Student], Field(min_length=1)]
    """The students that may be distilled."""
    knowledge: Knowledge
    """What is cut into parts."""
    requirements: Requirements
    """What every plan must keep."""

    @model_validator(mode="after")
    def _identifiers_resolve(self) -> Self:
        for field in ("devices", "students", "failure_domains"):
            seen: set[str] = set()
            for position, item in enumerate(getattr(self, field)):
                if item.id in seen:
                    raise fault(f"{field}[{position}].id", item.id, "an identifier that no other one repeats")
                seen.add(item.id)
        domains = {domain.id for domain in self.failure_domains}
        for position, device in enumerate(self.devices):
            if device.failure_domain is not None and device.failure_domain not in domains:
                known = ", ".join(sorted(domains)[:NAMED]) + (", …" if len(domains) > NAMED else "")
                allowed = f"the id of a failure domain: {known or 'none is defined'}"
                raise fault(f"devices[{position}].failure_domain", device.failure_domain, allowed)
        return self

    @cached_property
    def arrays(self) -> InstanceArrays:
        """The numbers as read-only arrays, derived once."""
        return InstanceArrays.of(self)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of all that bears on plans: name and numbers, not descriptions, sources or file layout."""
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
        if self.knowledge.graph is not None:
            fields["graph"] = self.knowledge.graph.digest(self.knowledge.num_filters)
        if self.knowledge.class_affinity is not None:
            fields["class_affinity"] = self.knowledge.class_affinity.digest()
        return hashlib.sha256(canonical_json(fields).encode()).hexdigest()

    @property
    def has_random_latencies(self) -> bool:
        """Whether any device's latency is a random variable."""
        return any(device.is_random for device in self.devices)

    @property
    def has_shared_failures(self) -> bool:
        """Whether any device fails together with others, because it is in a failure domain."""
        return any(device.failure_domain is not None for device in self.devices)

    @property
    def max_groups(self) -> int:
        """Largest number of groups that any plan can have: K, the devices and the filters all limit it."""
        limit = self.requirements.max_groups or len(self.devices)
        return min(limit, len(self.devices), self.knowledge.num_filters)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy, with some fields replaced but not validated; what was derived from the old fields is left behind."""
        copy = super().model_copy(update=update, deep=deep)
        for derived in ("arrays", "sha256"):
            copy.__dict__.pop(derived, None)
        return copy

    def with_requirements(self, **changes: Any) -> Instance:
        """Copy of the instance with some requirements replaced, validated anew."""
        requirements = Requirements.model_validate({**self.requirements.model_dump(), **changes})
        return self.model_copy(update={"requirements": requirements})

    def with_devices(self, devices: Iterable[Device]) -> Instance:
        """Copy of the instance with other devices, validated anew, those included that ``model_copy`` made."""
        fields = {name: getattr(self, name) for name in Instance.model_fields}
        given = [{name: getattr(device, name) for name in Device.model_fields} for device in devices]
        return Instance.model_validate({**fields, "devices": given})


def without_laws(instance: Instance) -> Instance:
    """Copy of an instance with every slowdown factor 1: the same plans are valid."""
    steady = {"compute_slowdown": None, "link_slowdown": None}
    return instance.model_copy(
        update={"devices": tuple(device.model_copy(update=steady) for device in instance.devices)}
    )
