"""The generated families: deterministic, feasible, and every option has its effect."""

from __future__ import annotations

import numpy as np
import pytest

from rocoin_opt.errors import InputError
from rocoin_opt.instance import catalogue
from rocoin_opt.instance.entities import Device, Knowledge, Requirements, Student
from rocoin_opt.instance.files import read_instance, write_instance
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.generate.activations import activation_graph, rounded_array
from rocoin_opt.instance.generate.families import FAMILIES
from rocoin_opt.instance.generate.witness import is_surely_feasible
from rocoin_opt.instance.model import Instance
from rocoin_opt.knowledge.cuts import ncut
from samples import cases

families = pytest.mark.parametrize("family", FAMILIES)
rated_families = pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ("boards", "tight")])
drawn_families = pytest.mark.parametrize("family", [family for family in FAMILIES if family != "tight"])


def rates(instance):
    """What devices compute with: a rate, or a table."""
    return [device.flops_per_second or device.compute_seconds for device in instance.devices]


@families
def test_same_arguments_make_the_same_bytes(family, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_instance(tmp_path / name / "x.json", generate(family, seed=3, graph=True))
    for file in ("x.json", "x.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


@families
def test_a_generated_instance_survives_its_file(family, tmp_path):
    instance = generate(family, graph=True)
    write_instance(tmp_path / "x.json", instance)
    assert read_instance(tmp_path / "x.json") == instance


@families
def test_seeds_and_sizes_make_different_devices(family):
    first = generate(family, devices=10, seed=0)
    assert rates(first) != rates(generate(family, devices=10, seed=1))
    assert rates(first) != rates(generate(family, devices=11, seed=0))[:10]


@drawn_families
@pytest.mark.parametrize("seed", range(5))
def test_instances_tell_their_origin_and_their_numbers_are_short(family, seed):
    instance = generate(family, seed=seed)
    count = FAMILIES[family].default_devices
    assert instance.name == f"{family}-{count}-{seed}"
    assert f"devices {count}, seed {seed}" in instance.source
    assert len({device.id for device in instance.devices}) == count
    for device in instance.devices:
        assert device.source
        if device.compute_seconds is None:
            assert device.flops_per_second == float(f"{device.flops_per_second:.4g}")
        assert device.failure_probability == float(f"{device.failure_probability:.4g}")
    assert all(student.source for student in instance.students)


@rated_families
@pytest.mark.parametrize("seed", range(5))
def test_no_student_is_useless_and_the_choice_is_a_trade_off(family, seed):
    instance = generate(family, seed=seed)
    for one in instance.students:
        for other in instance.students:
            # A larger capacity costs memory; otherwise the smaller student would never be chosen.
            assert one.max_filters <= other.max_filters or one.memory_bytes > other.memory_bytes
    part = instance.knowledge.num_filters / instance.max_groups
    assert instance.students[0].max_filters < part < instance.students[-1].max_filters
    fits = instance.arrays.largest > 0
    assert fits.any(axis=1).all()
    assert not fits.all()


@families
@pytest.mark.parametrize("seed", range(5))
def test_the_deadline_is_neither_always_nor_never_met(family, seed):
    instance = generate(family, seed=seed)
    fastest = (instance.arrays.base + instance.arrays.slope).min()
    fits = instance.arrays.largest > 0
    longest = (instance.arrays.base + instance.arrays.slope * instance.arrays.largest)[fits].max()
    assert fastest < instance.requirements.deadline_seconds < longest


def test_paper_keeps_the_published_ranges():
    instance = generate("paper", devices=50)
    assert instance.knowledge.num_filters == 128
    assert instance.knowledge.bits_per_filter == 32
    assert instance.max_groups == 4
    for device in instance.devices:
        assert 5e6 <= device.flops_per_second <= 30e6
        assert 500 <= device.uplink_bits_per_second <= 1000
        assert 0.05 <= device.failure_probability <= 0.3


def test_mcu_boards_have_measured_rates_and_stated_memory():
    boards = {device.id: device for device in catalogue.devices()}
    for device in generate("mcu", devices=40).devices:
        board = boards[device.id.rpartition("-")[0]]
        assert (board.kind, board.precision) == ("mcu", "int8")
        assert device.flops_per_second == pytest.approx(board.flops_per_second, rel=1e-3)
        assert device.memory_bytes == board.memory_bytes
        assert not board.links or f"link {board.links[0]}:" in device.source


def test_sbc_boards_have_measured_rates_and_say_that_memory_is_assumed():
    boards = {device.id: device for device in catalogue.devices()}
    for device in generate("sbc", devices=40).devices:
        board = boards[device.id.rpartition("-")[0]]
        assert (board.kind, board.benchmark) == ("sbc", "hpl")
        assert device.flops_per_second == pytest.approx(board.flops_per_second, rel=1e-3)
        assert "memory assumed" in device.source


@pytest.mark.parametrize(("family", "low", "high"), [("edge", 0.05, 0.4), ("lossy", 0.25, 0.65)])
def test_synthetic_failure_probabilities_fill_their_range(family, low, high):
    p = [device.failure_probability for device in generate(family, devices=200).devices]
    assert low <= min(p) < low + 0.05
    assert high - 0.05 < max(p) <= high


@pytest.mark.parametrize("devices", [16, 20, 24, 40])
def test_lossy_groups_need_five_replicas_on_average(devices):
    instance = generate("lossy", devices=devices)
    assert instance.arrays.cover_share.mean() < 1 / 4
    assert instance.arrays.cover_share.sum() >= 3


@pytest.mark.parametrize(
    ("devices", "filters", "groups"),
    cases([(12, 128, 3), (30, 256, 8), (100, 512, 25), (200, 1024, 50)], [(10_000, 2048, 256)]),
)
def test_edge_grows_with_the_devices(devices, filters, groups):
    instance = generate("edge", devices=devices)
    assert (instance.knowledge.num_filters, instance.max_groups) == (filters, groups)
    assert len(instance.students) == 6
    # With many groups the outage limit falls, so that the system as a whole stays usable.
    assert (1 - instance.requirements.max_group_outage) ** groups > 0.55


@pytest.mark.parametrize("devices", range(1, 15))
@pytest.mark.parametrize("family", ["edge", "lossy"])
def test_a_handful_of_devices_has_a_plan(family, devices):
    instance = generate(family, devices=devices)
    assert len(instance.devices) == devices
    assert is_surely_feasible(instance)


@drawn_families
def test_options_replace_what_the_family_would_choose(family):
    instance = generate(family, devices=24, filters=96, max_groups=3, max_group_outage=0.2, deadline=7.5)
    assert instance.knowledge.num_filters == 96
    assert max(student.max_filters for student in instance.students) == 96
    requirements = instance.requirements
    assert (requirements.max_groups, requirements.max_group_outage, requirements.deadline_seconds) == (3, 0.2, 7.5)
    assert "filters 96, max_groups 3, max_group_outage 0.2, deadline 7.5" in instance.source


@drawn_families
@pytest.mark.parametrize("options", [{"filters": 1}, {"filters": 3, "max_groups": 9}, {"max_groups": 1000}])
def test_extreme_options_still_have_a_plan(family, options):
    if family == "mcu":
        options = {**options, "devices": 30}
    assert is_surely_feasible(generate(family, **options))


def test_a_graph_leaves_the_rest_as_it_is():
    plain, graph = generate("paper", seed=2), generate("paper", seed=2, graph=True)
    assert plain.knowledge.graph is None
    assert (graph.devices, graph.students, graph.requirements) == (plain.devices, plain.students, plain.requirements)


def test_the_graph_has_the_structure_of_the_classes():
    knowledge = generate("paper", graph=True, classes=4).knowledge
    weights, affinity = knowledge.graph.dense(128), knowledge.class_affinity.values
    assert affinity.shape == (4, 128)
    by_class = affinity.argmax(axis=0)
    by_chance = np.arange(128) % 4
    assert ncut(weights, by_class) < 0.8 * ncut(weights, by_chance)
    assert generate("paper", graph=True).knowledge.class_affinity.values.shape == (10, 128)


def test_activation_graph_follows_its_formula():
    activations = np.random.default_rng(0).random((5, 4))
    weights = activation_graph(activations)
    for i in range(4):
        for j in range(4):
            terms = [a[i] * a[j] * abs(a[i] - a[j]) for a in activations]
            assert weights[i, j] == pytest.approx(sum(terms))
    assert (weights == weights.T).all()
    assert not weights.diagonal().any()


def test_rounding_keeps_the_digits_of_the_largest():
    assert rounded_array(np.array([123.456, 0.07]), 4).tolist() == [123.5, 0.1]
    assert rounded_array(np.zeros(2), 4).tolist() == [0.0, 0.0]


def devices_of(*failure: float, memory: float = 10.0):
    return tuple(
        Device(id=str(n), flops_per_second=1.0, memory_bytes=memory, uplink_bits_per_second=1.0, failure_probability=p)
        for n, p in enumerate(failure)
    )


@pytest.mark.parametrize(
    ("failure", "memory", "max_groups", "feasible"),
    [
        ((0.2, 0.2, 0.2, 0.2), 10.0, 2, True),
        ((0.2, 0.2, 0.2), 10.0, 2, False),
        ((0.2, 0.2, 0.2, 0.2), 10.0, 1, False),
        ((0.2, 0.2, 0.2, 0.2), 4.0, 2, False),
        ((0.05, 0.05), 10.0, 2, True),
    ],
)
def test_the_witness_weighs_reliability_memory_and_capacity(failure, memory, max_groups, feasible):
    instance = Instance(
        name="x",
        devices=devices_of(*failure, memory=memory),
        students=(Student(id="s", flops=1.0, memory_bytes=5.0, max_filters=4),),
        knowledge=Knowledge(num_filters=8, bits_per_filter=1.0),
        requirements=Requirements(max_groups=max_groups, max_group_outage=0.05),
    )
    assert is_surely_feasible(instance) is feasible


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"devices": 0}, "devices"),
        ({"devices": True}, "devices"),
        ({"devices": 2.0}, "devices"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"filters": 0}, "filters"),
        ({"filters": 5000, "graph": True}, "filters"),
        ({"max_groups": 0}, "max_groups"),
        ({"max_group_outage": 0.0}, "max_group_outage"),
        ({"max_group_outage": 1.5}, "max_group_outage"),
        ({"max_group_outage": "0.1"}, "max_group_outage"),
        ({"deadline": 0.0}, "deadline"),
        ({"deadline": float("nan")}, "deadline"),
        ({"deadline": float("inf")}, "deadline"),
        ({"classes": 5}, "classes"),
        ({"classes": 0, "graph": True}, "classes"),
        ({"domains": 0}, "domains"),
        ({"domains": 9}, "domains"),
        ({"domains": True}, "domains"),
        ({"domains": 2.0}, "domains"),
        ({"devices": "8", "domains": 3}, "devices"),
    ],
)
def test_options_out_of_range_are_refused(options, field):
    with pytest.raises(InputError) as caught:
        generate("paper", **options)
    [problem] = caught.value.problems
    assert problem.field == field
    assert problem.found == repr(options[field])


def test_unknown_families_are_refused_naming_the_known_ones():
    with pytest.raises(
        InputError, match=r"family: found 'cloud'; allowed: paper, mcu, sbc, edge, lossy, boards, tight"
    ):
        generate("cloud")


def test_options_that_leave_no_plan_are_refused():
    with pytest.raises(InputError, match=r"paper with devices 3, seed 0, max_group_outage 1e-09.*looser outage limit"):
        generate("paper", devices=3, max_group_outage=1e-9)


@rated_families
def test_slowdown_laws_change_nothing_else(family):
    plain, slowed = (generate(family, devices=24, seed=3, graph=True, slowdowns=laws) for laws in (False, True))
    assert slowed.has_random_latencies
    assert not plain.has_random_latencies
    cleared = {"compute_slowdown": None, "link_slowdown": None, "source": None}
    for before, after in zip(plain.devices, slowed.devices, strict=True):
        assert after.source == f"{before.source}; slowdown laws assumed"
        assert before.model_copy(update=cleared) == after.model_copy(update=cleared)
        assert 0.1 <= after.compute_slowdown.sigma <= 0.4
    links = [device.link_slowdown for device in slowed.devices if device.link_slowdown is not None]
    assert 0 < len(links) < 24
    assert all(2.0 <= law.rate <= 8.0 for law in links)
    assert "slowdowns True" in slowed.source
    same = ("students", "knowledge", "requirements", "name")
    assert all(getattr(plain, field) == getattr(slowed, field) for field in same)
