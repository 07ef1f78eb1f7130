"""The catalogue: units, sources, and the counted networks counted once more."""

from __future__ import annotations

import pytest

from rocoin_opt.documents import Model
from rocoin_opt.errors import InputError
from rocoin_opt.instance import catalogue
from rocoin_opt.instance.catalogue.tables import read_table


def by_id(items):
    return {item.id: item for item in items}


@pytest.mark.parametrize(
    "table", [catalogue.devices, catalogue.links, catalogue.networks, catalogue.backbones, catalogue.boards]
)
def test_identifiers_are_unique_and_every_row_has_a_source(table):
    rows = table()
    assert len(by_id(rows)) == len(rows) > 0
    assert all(row.source for row in rows)


def test_mlperf_tiny_latencies_become_flop_rates():
    board = by_id(catalogue.devices())["h7a3"]
    # 2 x 12.5 million multiply-accumulates in 40.845 ms.
    assert board.flops_per_second == pytest.approx(25e6 / 40.845e-3)
    assert board.memory_bytes == int(1.19 * 1024**2)


def test_linpack_figures_become_flop_rates():
    board = by_id(catalogue.devices())["pi-4"]
    assert board.flops_per_second == pytest.approx(11.889e9)
    assert board.precision == "float64"


def test_ram_is_left_out_where_the_source_does_not_state_it():
    devices = by_id(catalogue.devices())
    assert devices["pi-4"].memory_bytes is None
    assert devices["ndp9120"].memory_bytes is None
    assert devices["pi-5-8gb"].memory_bytes == 8 * 1024**3


def test_devices_name_known_links():
    known = by_id(catalogue.links())
    assert {link for device in catalogue.devices() for link in device.links} <= set(known)


def test_links_plan_with_a_share_of_the_nominal_rate():
    links = by_id(catalogue.links())
    assert links["lora-sf7"].bits_per_second == pytest.approx(0.4 * 5470)
    for link in links.values():
        assert 0 < link.assumed_efficiency < 1
        assert link.assumption.startswith("assumed: ")


def count(depth: int, width: int) -> tuple[int, int, int]:
    """Parameters, multiply-accumulates and peak activations of a WRN, layer by layer."""
    side, channels = 32, 16
    parameters, macs, peak = 3 * 9 * 16, 3 * 9 * 16 * side**2, (3 + 16) * side**2
    for stage, wide in enumerate((16 * width, 32 * width, 64 * width)):
        for block in range((depth - 4) // 6):
            stride = 2 if stage > 0 and block == 0 else 1
            entering = channels * side**2
            side //= stride
            leaving = wide * side**2
            shortcut = channels * wide if channels != wide else 0
            weights = 9 * channels * wide + 9 * wide * wide + shortcut
            parameters += weights + 2 * channels + 2 * wide
            macs += weights * side**2
            # The block's input waits while the first convolution runs, its shortcut while the second does.
            peak = max(peak, entering + leaving, 3 * leaving)
            channels = wide
    return parameters + 2 * channels + channels * 10 + 10, macs + channels * 10, peak


@pytest.mark.parametrize("network", catalogue.networks(), ids=lambda network: network.id)
def test_networks_cost_what_their_layers_cost(network):
    depth, width = map(int, network.id.removeprefix("wrn-").split("-"))
    assert (network.parameters, network.macs, network.peak_activations) == count(depth, width)
    assert network.final_filters == 64 * width


def test_students_cost_two_flop_a_mac_and_hold_weights_and_activations():
    network = by_id(catalogue.networks())["wrn-16-1"]
    wide, narrow = (by_id(catalogue.students("wrn-40-2", p))["wrn-16-1"] for p in ("float32", "int8"))
    assert wide.flops == 2 * network.macs == 53_314_816
    assert wide.memory_bytes == 4 * (network.parameters + network.peak_activations)
    assert wide.memory_bytes == 4 * narrow.memory_bytes


@pytest.mark.parametrize("teacher", ["wrn-40-2", "wrn-40-4", "wrn-16-2"])
@pytest.mark.parametrize("num_filters", [None, 5, 1000])
def test_capacity_grows_with_the_student_up_to_the_teacher(teacher, num_filters):
    students = catalogue.students(teacher, num_filters=num_filters)
    total = num_filters or by_id(catalogue.networks())[teacher].final_filters
    assert by_id(students)[teacher].max_filters == total
    widths = [int(student.id.split("-")[2]) for student in students]
    for width in set(widths):
        ladder = [s.max_filters for s, w in zip(students, widths, strict=True) if w == width]
        assert ladder == sorted(ladder)
        assert 1 <= ladder[0] <= ladder[-1] <= total
        assert num_filters == 5 or teacher == "wrn-16-2" or len(set(ladder)) == len(ladder)


def test_capacity_is_the_root_of_the_size_and_no_wider_than_the_final_convolution():
    # 128 sqrt(175066 / 2243546) = 35.8
    assert by_id(catalogue.students("wrn-40-2"))["wrn-16-1"].max_filters == 36
    # 128 sqrt(563930 / 691674) = 115.6, but a network of width 1 has 64 final filters.
    assert by_id(catalogue.students("wrn-16-2"))["wrn-40-1"].max_filters == 64


def test_students_say_that_the_capacity_is_assumed():
    assert all("max_filters is an assumption" in student.source for student in catalogue.students("wrn-40-2"))


@pytest.mark.parametrize(("arguments", "option"), [(("wrn-50-2",), "teacher"), (("wrn-40-2", "float16"), "precision")])
def test_unknown_teachers_and_precisions_are_refused(arguments, option):
    with pytest.raises(InputError) as caught:
        catalogue.students(*arguments)
    assert caught.value.problems[0].field == option
    assert repr(arguments[-1]) == caught.value.problems[0].found


def test_a_faulty_table_row_is_named():
    class Wrong(Model):
        id: int

    with pytest.raises(InputError, match=r"links\.json\[0\]"):
        list(read_table("links.json", Wrong))
