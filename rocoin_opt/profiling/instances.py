"""From a teacher, its images, students and devices to an instance, with the origin of every number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.documents import MAX_PROBLEMS_SHOWN, validate
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import (
    MAX_MATRIX_BYTES,
    ClassAffinity,
    ComputeTime,
    FilterGraph,
    Instance,
    Knowledge,
    Student,
    read_measured_times,
    with_times,
)
from rocoin_opt.profiling.activations import activation_graph
from rocoin_opt.profiling.learning.placement import placed
from rocoin_opt.profiling.network_profile import NetworkProfile, StudentProfile, profile, profile_student
from rocoin_opt.profiling.timing import MeasuredLatency, MeasuredLine, measure_latency
from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import torch
    from torch import Tensor, nn

    from rocoin_opt.instance import Device, Fleet
    from rocoin_opt.profiling.activations import ActivationGraph
    from rocoin_opt.profiling.specifications import StudentBuilder

Capacity: TypeAlias = Mapping[str, int] | Callable[[str, NetworkProfile], int]
"""Largest part of a student: by its name, or from its name and its profile at its usual size."""

VERSIONS_TOLD = ("rocoin-opt", "torch", "numpy", "python")
FILE_OVERHEAD = 4096
"""Bytes of an ``.npz`` beside its two arrays, at most."""


@dataclass(frozen=True)
class ProfiledStudent:
    """One student's costs, and its latency on this host where that was measured.

    Attributes
    ----------
    id : str
        Its name.
    profile : StudentProfile
        Its costs.
    latency : MeasuredLatency, optional
        Of its largest part on this host.
    line : MeasuredLine, optional
        Time on this host by the size of the part, where this host is one of the devices.
    """

    id: str
    profile: StudentProfile
    latency: MeasuredLatency | None
    line: MeasuredLine | None = None


@dataclass(frozen=True, eq=False)
class ProfiledInstance:
    """An instance, and the measurements that it was made from."""

    instance: Instance
    teacher: NetworkProfile
    activations: ActivationGraph
    students: tuple[ProfiledStudent, ...]


@dataclass(frozen=True)
class Origin:
    """Origin of teacher, data and devices, for the instance's ``source``."""

    teacher: str
    data: str
    devices: str
    capacity: str | None = None
    """How the capacities came about, where they are not assumed."""


def profile_instance(
    teacher: nn.Module,
    layer: str | None,
    batches: Iterable[tuple[Tensor, Tensor]],
    students: Sequence[StudentBuilder],
    fleet: Fleet,
    *,
    name: str,
    origin: Origin,
    precision_bits: int = 32,
    bits_per_filter: float | None = None,
    capacity: Capacity | None = None,
    top_k: int | None = None,
    rectify: bool = False,
    repeats: int | None = None,
    threads: int = 1,
    hosts: Sequence[str] = (),
    measured: Path | None = None,
    device: torch.device | None = None,
) -> ProfiledInstance:
    """Measure a teacher and its students, and make an instance with them and the devices.

    Parameters
    ----------
    teacher, layer, batches, top_k, rectify
        See :func:`rocoin_opt.profiling.activations.activation_graph`. The filters of the layer are the knowledge.
    students : sequence of StudentBuilder
        The students. Each is traced for parts up to its capacity.
    fleet : Fleet
        Devices and requirements, see :func:`rocoin_opt.instance.device_files.read_device_file`.
    name : str
        Name of the instance.
    origin : Origin
        What its ``source`` says.
    precision_bits : int
        Bits of a weight and of an activation on the devices.
    bits_per_filter : float, optional
        Bits that one filter's output takes on the link; ``precision_bits`` by default, as students send means.
    capacity : mapping or callable, optional
        Largest part of each student, cut off at M; :func:`assumed_capacity` by default.
    repeats : int, optional
        Number of measurements of each student's latency on this host, with its largest part.
    threads : int
        Threads for that measurement.
    hosts : sequence of str
        Devices that are machines like this host: what ``repeats`` measures, with a part of one filter too, becomes
        their ``compute_seconds``. Names as for :func:`rocoin_opt.instance.measured_times.with_times`.
    measured : Path, optional
        File of seconds that were measured on the devices, see
        :func:`rocoin_opt.instance.measured_times.read_measured_times`.
    device : torch.device, optional
        Where the teacher runs; by default where it is. Afterwards it is where and as it was.

    Raises
    ------
    InputError
        If there are no students or two of one name, a capacity is missing, less than 1 or of no student, the matrices
        would be too large for a file, measured times are of no student or no device, hosts are not measured, or as the
        functions that do the work.
    """
    names = [student.id for student in students]
    if not names or len(set(names)) < len(names):
        found_names = ", ".join(names) or "none"
        raise InputError("profile", [Problem("students", found_names, "at least one, each once")])
    if isinstance(capacity, Mapping) and (unknown := sorted(set(capacity) - set(names))):
        raise InputError("capacity", [Problem(unknown[0], "no such student", f"one of {', '.join(names)}")])
    if hosts and repeats is None:
        raise InputError("profile", [Problem("repeats", "nothing", "a number: hosts are to be measured")])
    devices = fleet.devices if measured is None else _with_measured(fleet.devices, measured, names)
    # Names of hosts are looked at before the work, and their times entered after it.
    _with_hosts(devices, hosts, {})
    with placed(teacher, device):
        found = activation_graph(teacher, layer, batches, top_k=top_k, rectify=rectify)
    num_filters = len(found.weights)
    if found.weights.nbytes + found.class_affinity.nbytes + FILE_OVERHEAD > MAX_MATRIX_BYTES:
        allowed = f"filters whose graph and affinities fit into {MAX_MATRIX_BYTES} bytes"
        raise InputError("profile", [Problem("layer", f"{num_filters} filters", allowed)])
    whole = profile(teacher, found.input_shape, precision_bits=precision_bits)
    rule = capacity or assumed_capacity(whole, num_filters)
    profiled = []
    for student in students:
        usual = profile(student.build(student.usual_size or num_filters), found.input_shape)
        largest = min(_capacity_of(rule, student.id, usual), num_filters)
        costs = profile_student(student.build, found.input_shape, largest, precision_bits=precision_bits)
        latency = line = None
        if repeats is not None:
            latency, line = _timed(student, largest, found.input_shape, repeats, threads, is_host=bool(hosts))
        profiled.append(ProfiledStudent(student.id, costs, latency, line))
    told = origin.capacity or ("as given" if capacity else "an assumption: M sqrt(parameters / the teacher's)")
    knowledge = {
        "num_filters": num_filters,
        "bits_per_filter": float(precision_bits if bits_per_filter is None else bits_per_filter),
        "graph": FilterGraph.from_weights(found.weights),
        "class_affinity": ClassAffinity.from_values(found.class_affinity),
    }
    fields = {
        "name": name,
        "source": _source(origin, layer or _input_of_classifier(teacher), found, precision_bits, top_k, rectify),
        "devices": _with_hosts(
            devices, hosts, {s.id: s.line for s in profiled if s.line is not None}, repeats, threads
        ),
        "failure_domains": fleet.failure_domains,
        "channels": fleet.channels,
        "rules": fleet.rules,
        "students": tuple(_student(student, precision_bits, told) for student in profiled),
        "knowledge": validate(Knowledge, knowledge, name),
        "requirements": fleet.requirements,
    }
    return ProfiledInstance(validate(Instance, fields, name), whole, found, tuple(profiled))


def assumed_capacity(teacher: NetworkProfile, num_filters: int) -> Callable[[str, NetworkProfile], int]:
    """Make the rule for students that nobody measured: ``M sqrt(P / P_teacher)``, rounded, from 1 to M.

    P is the number of parameters of the student at its usual size. It is a modelling assumption, as for the students of
    the catalogue.
    """

    def largest(_name: str, student: NetworkProfile) -> int:
        return max(1, min(num_filters, round(num_filters * math.sqrt(student.parameters / teacher.parameters))))

    return largest


def _with_measured(devices: Iterable[Device], path: Path, students: Sequence[str]) -> tuple[Device, ...]:
    times = read_measured_times(path)
    unknown = [(device, name) for device, table in times.items() for name in table if name not in students]
    if unknown:
        raise InputError(
            str(path),
            [
                Problem(f"compute_seconds.{device}.{name}", "no such student", f"one of {', '.join(students)}")
                for device, name in unknown[:MAX_PROBLEMS_SHOWN]
            ],
        )
    return with_times(devices, times, source=str(path), origin=f"measured, {path.name}")


def _with_hosts(
    devices: tuple[Device, ...],
    hosts: Sequence[str],
    lines: Mapping[str, MeasuredLine],
    repeats: int | None = None,
    threads: int = 1,
) -> tuple[Device, ...]:
    table = {
        name: ComputeTime(seconds=line.seconds, seconds_per_filter=line.seconds_per_filter)
        for name, line in lines.items()
    }
    origin = f"measured on the profiling host (threads: {threads}, median of {repeats})"
    return with_times(devices, dict.fromkeys(hosts, table), source="hosts", origin=origin)


def _timed(
    student: StudentBuilder, largest: int, shape: tuple[int, ...], repeats: int, threads: int, *, is_host: bool
) -> tuple[MeasuredLatency, MeasuredLine | None]:
    def latency(size: int) -> MeasuredLatency:
        return measure_latency(student.build(size), shape, repeats=repeats, threads=threads)

    found = latency(largest)
    return found, MeasuredLine.through(latency(1), found, largest) if is_host else None


def _capacity_of(rule: Capacity, name: str, student: NetworkProfile) -> int:
    if isinstance(rule, Mapping):
        if name not in rule:
            raise InputError("capacity", [Problem(name, "nothing", "the largest part of each student")])
        size = rule[name]
    else:
        size = rule(name, student)
    if size < 1:
        raise InputError("capacity", [Problem(name, repr(size), "a whole number from 1")])
    return size


def _student(student: ProfiledStudent, precision_bits: int, capacity: str) -> Student:
    costs = student.profile
    source = f"FLOP and memory traced with parts of {', '.join(str(size) for size, _ in costs.traced)} filters at "
    source += f"{precision_bits} bits; max_filters {capacity}"
    if student.latency is not None:
        source += f"; {1e3 * student.latency.median_seconds:.3g} ms on the profiling host"
        source += f" (threads: {student.latency.threads}, median of {student.latency.repeats})"
    return Student(
        id=student.id,
        flops=costs.flops,
        flops_per_filter=costs.flops_per_filter,
        memory_bytes=costs.memory_bytes,
        memory_bytes_per_filter=costs.memory_bytes_per_filter,
        max_filters=costs.largest,
        source=source,
    )


def _input_of_classifier(teacher: nn.Module) -> str:
    return f"input of {getattr(teacher, 'layer', 'head')}"


def _source(
    origin: Origin, layer: str, found: ActivationGraph, precision_bits: int, top_k: int | None, rectify: bool
) -> str:
    told = versions()
    shape = " x ".join(map(str, found.input_shape))
    choices = [f"the {top_k} most active filters of an image"] if top_k is not None else []
    choices += ["negative activations taken as 0"] if rectify else []
    graph = f"graph and affinity from {found.num_images} images ({shape})" + "".join(f", {c}" for c in choices)
    return "; ".join(
        (
            f"profiled: teacher {origin.teacher}, layer {layer}",
            f"data {origin.data}",
            graph,
            f"precision {precision_bits} bits",
            f"devices {origin.devices}",
            "versions " + ", ".join(f"{package} {told[package]}" for package in VERSIONS_TOLD),
        )
    )
