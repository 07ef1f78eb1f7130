"""What an instance is made of: devices, failure domains, students, the teacher's knowledge, the requirements.

Units are SI: seconds, bytes, bits per second, FLOP (one multiply-accumulate is two FLOP).
"""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from rocoin_opt.documents import Items, Model, described_fault, fault
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
from rocoin_opt.instance.matrices import ClassAffinity, FilterGraph, is_networkx
from rocoin_opt.instance.slowdown import Constant, Slowdown

LATER_FIELDS = frozenset({"max_energy_joules", "min_success", "requests_per_second", "success_level"})
"""Requirements that are written only where they are made."""
LATER_DEVICE_FIELDS = frozenset(
    {
        "channel",
        "compute_seconds",
        "compute_watts",
        "count",
        "flops_per_second",
        "max_joules",
        "students",
        "transmit_watts",
    }
)
"""What is written of a device only where it is said."""


class ComputeTime(Model):
    """Measured time of a device with a student: affine in the size of the part."""

    seconds: NonNegative
    """Seconds of one inference, without the terms that grow with the part."""
    seconds_per_filter: NonNegative = 0.0
    """Seconds per filter of the part."""


ComputeTable: TypeAlias = Annotated[dict[Identifier, NonNegative | ComputeTime], Field(min_length=1)]


class Device(Model):
    """A device that can run one student, or several such devices (``count``).

    Examples
    --------
    >>> ro.Device(
    ...     id="cam", flops_per_second=2e9, memory_bytes=1e6, uplink_bits_per_second=1e6, failure_probability=0.1
    ... ).with_fields(failure_probability=0.05).failure_probability
    0.05
    """

    # The schema says what the validator says.
    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["flops_per_second"]}, {"required": ["compute_seconds"]}]}
    )

    id: Identifier
    """Unique name; with ``count`` the devices are called ``id-1``, ``id-2`` and so on."""
    count: Count | None = None
    """Number of alike devices that this one stands for; one that is called ``id`` where absent."""
    flops_per_second: Positive | None = None
    """Sustained compute rate c; may be absent where ``compute_seconds`` says how long students take."""
    compute_seconds: ComputeTable | None = None
    """Measured seconds of an inference by student, in place of FLOP over ``flops_per_second``. Without that rate a
    student that is not listed cannot run here."""
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
    channel: Identifier | None = None
    """Identifier of the channel that it sends on, one transfer after another; a link of its own where absent."""
    students: Annotated[Items[Identifier], Field(min_length=1)] | None = None
    """Identifiers of the students that it may run; all where left out."""
    compute_slowdown: Slowdown | None = None
    """Random factor on the compute time."""
    link_slowdown: Slowdown | None = None
    """Random factor on the transfer time."""
    compute_watts: NonNegative | None = None
    """Power while it computes; 0 where absent."""
    transmit_watts: NonNegative | None = None
    """Power while it sends; 0 where absent."""
    max_joules: NonNegative | None = None
    """Most energy that the device may spend on a request; needs both powers."""
    source: str | None = None
    """Where the numbers come from."""

    @model_serializer(mode="wrap")
    def _as_before(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not asked for and came after the first files: these keep their fingerprints."""
        written: dict[str, Any] = fields(self)
        return {name: value for name, value in written.items() if name not in LATER_DEVICE_FIELDS or value is not None}

    @model_validator(mode="after")
    def _time_is_known(self) -> Self:
        if self.flops_per_second is None and self.compute_seconds is None:
            raise described_fault("flops_per_second", "nothing", "a rate, or compute_seconds in its place")
        if self.max_joules is not None:
            self.require_watts("max_joules")
        return self

    def require_watts(self, limit: str, where: str = "") -> None:
        """Refuse a device whose energy is limited but unknown.

        Parameters
        ----------
        limit : str
            The field that limits it.
        where : str
            Path of the device, with a dot behind it.

        Raises
        ------
        PydanticCustomError
            Naming the field that is missing.
        """
        for name in ("compute_watts", "transmit_watts"):
            if getattr(self, name) is None:
                raise described_fault(f"{where}{name}", "nothing", f"a power in watts, because of {limit}")

    def compute_time(self, student: str) -> ComputeTime | None:
        """The measured time of a student; None if its FLOP and the rate give it, or if it cannot run here."""
        found = None if self.compute_seconds is None else self.compute_seconds.get(student)
        return found if isinstance(found, ComputeTime | None) else ComputeTime(seconds=found)

    def runs(self, student: str) -> bool:
        """Whether the device may run a student, and its time is known."""
        timed = self.flops_per_second is not None or student in (self.compute_seconds or {})
        return timed and (self.students is None or student in self.students)

    @property
    def is_random(self) -> bool:
        """Whether a slowdown law makes the device's latency a random variable."""
        laws = (self.compute_slowdown, self.link_slowdown)
        return any(law is not None and not isinstance(law, Constant) for law in laws)


class FailureDomain(Model):
    """Something that devices share, such as an access point, and whose failure makes all of them fail.

    Examples
    --------
    >>> hub = ro.FailureDomain(id="hub", failure_probability=0.01)
    >>> shared = instance.with_fields(failure_domains=[hub]).with_device("device-0", failure_domain="hub")
    >>> shared.has_shared_failures
    True
    """

    id: Identifier
    """Unique name."""
    failure_probability: CrashProbability
    """Probability that the domain fails, independent of everything else."""


class Channel(Model):
    """A shared link, such as an access point, that carries one transfer after another.

    Examples
    --------
    >>> ro.Channel(id="access-point").id
    'access-point'
    """

    id: Identifier
    """Unique name."""


class Student(Model):
    """A compact network that can learn a part of the teacher's filters.

    Examples
    --------
    >>> ro.Student(id="small", flops=1e7, memory_bytes=2e5, max_filters=8).max_filters
    8
    """

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
    """The teacher's final convolution, which is cut into parts.

    Examples
    --------
    >>> import networkx as nx
    >>> knowledge = ro.Knowledge(num_filters=4, bits_per_filter=8.0, graph=nx.cycle_graph(4))
    >>> knowledge.graph.dense(4)[0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """

    num_filters: Count
    """Number of filters M."""
    bits_per_filter: NonNegative
    """What one filter's output costs on the link, beta."""
    graph: FilterGraph | None = None
    """Weighted graph over the filters; from Python also a ``networkx.Graph``, see :meth:`FilterGraph.from_networkx`."""
    class_affinity: ClassAffinity | None = None
    """How much each filter speaks for each class."""

    @field_validator("graph", mode="before")
    @classmethod
    def _of_networkx(cls, given: Any) -> Any:
        return FilterGraph.from_networkx(given) if is_networkx(given) else given

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if self.graph is not None:
            self.graph.check_size(self.num_filters)
        if self.class_affinity is not None:
            self.class_affinity.check_size(self.num_filters)
        return self


class Requirements(Model):
    """What every plan must keep.

    Examples
    --------
    >>> ro.Requirements(max_group_outage=0.05, deadline_seconds=2.0)
    Requirements(max_group_outage=0.05, deadline_seconds=2.0)
    """

    min_groups: Count = 1
    """Smallest number of groups."""
    max_groups: Count | None = None
    """Largest number of groups K; the number of devices where absent."""
    max_group_outage: Probability
    """Largest probability eps that a group never answers: 0, or from 1e-300 to 1."""
    deadline_seconds: Positive | None = None
    """Deadline D, after which an answer is worth nothing."""
    success_level: SuccessLevel | None = None
    """Probability with which the answer is wanted: a wish of the objective ``quantile`` only, no limit; for a limit
    take ``min_success``."""
    min_success: Probability | None = None
    """Smallest probability that the whole answer is there by the deadline, or ever where there is none."""
    max_energy_joules: NonNegative | None = None
    """Most energy of a request over all devices in groups; needs the powers of all devices."""
    requests_per_second: Positive | None = None
    """Rate of requests that arrive evenly: no device computes and sends for longer than there is between two."""

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
