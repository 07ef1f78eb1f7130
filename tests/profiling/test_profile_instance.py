"""An instance made of networks holds what the single measurements say, and has a plan."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from rocoin_opt.errors import InputError
from rocoin_opt.failure.validity import check
from rocoin_opt.instance.device_files import Fleet
from rocoin_opt.instance.entities import Device, FailureDomain, Requirements
from rocoin_opt.instance.files import read_instance, write_instance
from rocoin_opt.instance.rules import Rule
from rocoin_opt.planning.solve import solve
from rocoin_opt.profiling import instances
from rocoin_opt.profiling.activations import activation_graph, batched
from rocoin_opt.profiling.instances import Origin, assumed_capacity, profile_instance
from rocoin_opt.profiling.network_profile import profile, profile_student
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.specifications import StudentBuilder, student_builder
from rocoin_opt.profiling.timing import MeasuredLatency

ORIGIN = Origin("a network of the tests", "noise", "two devices")


def device(name, **options):
    return Device(
        id=name,
        flops_per_second=1e8,
        memory_bytes=1e6,
        uplink_bits_per_second=1e6,
        failure_probability=0.1,
        **options,
    )


FLEET = Fleet(
    devices=tuple(device(f"d{n}", failure_domain="room" if n == 0 else None) for n in range(4)),
    failure_domains=(FailureDomain(id="room", failure_probability=0.0),),
    rules=(Rule(apart=("d0", "d1")),),
    requirements=Requirements(max_groups=2, max_group_outage=0.05),
)
IMAGES = torch.randn(30, 1, 8, 8, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(30) % 3


@pytest.fixture(scope="module")
def teacher():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return wide_resnet(16, 1, num_classes=3, in_channels=1, num_filters=20)


@pytest.fixture(scope="module")
def usual(teacher):
    """What is made without any option."""
    return made(teacher)


STUDENTS = [student_builder(name, in_channels=1) for name in ("wrn-10-1", "mobilenet-0.25")]


def made(teacher, **options):
    settings = {"name": "noise", "origin": ORIGIN, **options}
    return profile_instance(teacher, "body", batched(IMAGES, LABELS), STUDENTS, FLEET, **settings)


def test_the_instance_holds_the_measurements(teacher):
    found = made(teacher, precision_bits=8, capacity={"wrn-10-1": 9, "mobilenet-0.25": 50})
    instance = found.instance
    graph = activation_graph(teacher, "body", batched(IMAGES, LABELS))
    np.testing.assert_allclose(instance.knowledge.graph.dense(20), graph.weights)
    np.testing.assert_allclose(instance.knowledge.class_affinity.values, graph.class_affinity)
    assert (instance.knowledge.num_filters, instance.knowledge.bits_per_filter) == (20, 8)
    for student, builder, largest in zip(instance.students, STUDENTS, (9, 20), strict=True):
        costs = profile_student(builder.build, (1, 8, 8), largest, precision_bits=8)
        assert student.id == builder.id
        assert (student.flops, student.flops_per_filter) == (costs.flops, costs.flops_per_filter)
        assert (student.memory_bytes, student.memory_bytes_per_filter) == (
            costs.memory_bytes,
            costs.memory_bytes_per_filter,
        )
        assert student.max_filters == largest
        assert "max_filters as given" in student.source
    assert instance.devices == FLEET.devices
    assert instance.failure_domains == FLEET.failure_domains
    assert (instance.requirements, instance.rules) == (FLEET.requirements, FLEET.rules)
    assert found.teacher == profile(teacher, (1, 8, 8), precision_bits=8)


def test_the_source_says_where_the_numbers_come_from(teacher):
    source = made(teacher, top_k=4, rectify=True).instance.source
    for said in (
        "teacher a network of the tests, layer body",
        "data noise",
        "30 images (1 x 8 x 8), the 4 most active filters of an image, negative activations taken as 0",
        "precision 32 bits",
        "devices two devices",
    ):
        assert said in source
    assert re.search(r"versions rocoin-opt \S+, torch 2\S+, numpy \S+, python 3", source)


def test_the_file_is_read_back_and_has_a_plan(usual, tmp_path):
    instance = usual.instance
    write_instance(tmp_path / "noise.json", instance)
    again = read_instance(tmp_path / "noise.json")
    assert again.sha256 == instance.sha256
    plain = again.model_copy(update={"devices": tuple(device(f"d{n}") for n in range(4)), "failure_domains": ()})
    result = solve(plain)
    assert result.termination == "optimal"
    assert check(plain, result.plan) == ()


def test_capacities_are_assumed_from_parameters_unless_given(teacher, usual):
    assert [student.latency for student in usual.students] == [None, None]
    found, whole = usual.instance, profile(teacher, (1, 8, 8))
    for student, builder in zip(found.students, STUDENTS, strict=True):
        costs = profile(builder.build(builder.usual_size), (1, 8, 8))
        assert student.max_filters == round(20 * (costs.parameters / whole.parameters) ** 0.5)
        assert "max_filters an assumption" in student.source
    rule = assumed_capacity(whole, 20)
    assert rule("itself", whole) == 20
    assert rule("larger", profile(wide_resnet(16, 2, in_channels=1), (1, 8, 8))) == 20
    assert rule("tiny", profile(nn.Flatten(), (1, 8, 8))) == 1


def test_a_rule_sees_the_name_and_the_usual_network(teacher):
    seen = {}

    def rule(name, network):
        seen[name] = network.parameters
        return 5

    origin = Origin("t", "d", "f", capacity="measured by the tests")
    found = made(teacher, capacity=rule, origin=origin).instance
    assert [student.max_filters for student in found.students] == [5, 5]
    assert "max_filters measured by the tests" in found.students[0].source
    assert seen == {
        builder.id: sum(p.numel() for p in builder.build(builder.usual_size).parameters()) for builder in STUDENTS
    }


def test_own_students_count_with_the_whole_knowledge(teacher):
    seen = []
    students = [StudentBuilder("own", lambda size: nn.Sequential(nn.Flatten(), nn.Linear(64, size)))]

    def rule(_name, network):
        seen.append(network.parameters)
        return 1

    profile_instance(teacher, "body", batched(IMAGES, LABELS), students, FLEET, name="n", origin=ORIGIN, capacity=rule)
    assert seen == [64 * 20 + 20]


@pytest.mark.parametrize("capacity", [{"wrn-10-1": 3}, {"wrn-10-1": 3, "mobilenet-0.25": 0}])
def test_every_student_needs_a_capacity(teacher, capacity):
    with pytest.raises(InputError, match=r"capacity: mobilenet-0\.25"):
        made(teacher, capacity=capacity)


def test_a_capacity_of_no_student_is_refused(teacher):
    with pytest.raises(InputError, match="capacity: nobody: found no such student"):
        made(teacher, capacity={"wrn-10-1": 3, "mobilenet-0.25": 3, "nobody": 3})


def test_what_a_filter_costs_on_the_link_is_an_option(teacher):
    assert made(teacher, bits_per_filter=2048).instance.knowledge.bits_per_filter == 2048


def test_latency_is_measured_where_asked_for(teacher, monkeypatch):
    seen = []

    def measure(module, input_shape, **options):
        seen.append((module.num_filters, input_shape))
        return MeasuredLatency(0.002, 0.001, 0.003, **options)

    monkeypatch.setattr(instances, "measure_latency", measure)
    found = made(teacher, repeats=3, threads=2)
    assert seen == [(student.max_filters, (1, 8, 8)) for student in found.instance.students]
    assert found.instance.students[0].source.endswith("; 2 ms on the profiling host (threads: 2, median of 3)")


@pytest.mark.parametrize(
    ("students", "options", "message"),
    [
        ([], {}, "students: found none"),
        (STUDENTS[:1] * 2, {}, "students: found wrn-10-1, wrn-10-1"),
        (STUDENTS, {"bits_per_filter": -1.0}, "bits_per_filter: found -1"),
        (STUDENTS, {"name": ""}, "name"),
    ],
)
def test_what_makes_no_instance_is_refused(teacher, students, options, message):
    settings = {"name": "n", "origin": ORIGIN, **options}
    with pytest.raises(InputError, match=message):
        profile_instance(teacher, "body", batched(IMAGES, LABELS), students, FLEET, **settings)


def test_an_unknown_failure_domain_is_refused(teacher):
    fleet = FLEET.model_copy(update={"failure_domains": ()})
    with pytest.raises(InputError, match=r"devices\[0\].failure_domain"):
        profile_instance(teacher, "body", batched(IMAGES, LABELS), STUDENTS, fleet, name="n", origin=ORIGIN)


def test_matrices_that_no_reader_accepts_are_refused(teacher, monkeypatch):
    monkeypatch.setattr(instances, "MAX_MATRIX_BYTES", 20 * 20 * 8)
    with pytest.raises(InputError, match="20 filters"):
        made(teacher)
