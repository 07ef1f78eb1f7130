"""What an instance is made of: devices, failure domains, students, the teacher's knowledge, the requirements.

Units are SI: seconds, bytes, bits per second, FLOP (one multiply-accumulate is two FLOP).
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rocoin_opt.documents import Items, Model, fault
from rocoin_opt.instance.fields import (
    SMALLEST_OUTAGE_LIMIT,
    Count,
    CrashProbability,
    Identifier,
    NonNegative,
    Positive,
    Probability,
    SuccessLevel,
)
from rocoin_opt.instance.matrices import ClassAffinity, FilterGraph
from rocoin_opt.instance.slowdown import Constant, Slowdown

LATER_FIELDS = frozenset({"min_success", "success_level"})
"""Requirements that are written only where they are made."""


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
    students: Annotated[Items[Identifier], Field(min_length=1)] | None = None
    """Identifiers of the students that it may run; all where left out."""
    compute_slowdown: Slowdown | None = None
    """Random factor on the compute time."""
    link_slowdown: Slowdown | None = None
    """Random factor on the transfer time."""
    source: str | None = None
    """Where the numbers come from."""

    @model_serializer(mode="wrap")
    def _as_before(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not asked for and came after the first files: these keep their fingerprints."""
        written: dict[str, Any] = fields(self)
        return {name: value for name, value in written.items() if name != "students" or value is not None}

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
    success_level: SuccessLevel | None = None
    """Probability with which the answer is wanted, for the objective ``quantile``."""
    min_success: Probability | None = None
    """Smallest probability that the whole answer is there by the deadline, or ever where there is none."""

    @model_serializer(mode="wrap")
    def _as_before(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not asked for and came after the first files: these keep their fingerprints."""
        written: dict[str, Any] = fields(self)
        return {name: value for name, value in written.items() if name not in LATER_FIELDS or value is not None}

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
