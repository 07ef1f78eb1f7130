"""Device files: devices in full, or by the names of the catalogue, and requirements."""

from __future__ import annotations

import json

import jsonschema
import pytest

from rocoin_opt.errors import InputError
from rocoin_opt.instance import catalogue
from rocoin_opt.instance.device_files import device_file_schema, read_device_file, write_device_file
from rocoin_opt.instance.entities import Device

DEVICE = {
    "id": "own",
    "flops_per_second": 1e8,
    "memory_bytes": 1e6,
    "uplink_bits_per_second": 1e6,
    "failure_probability": 0.1,
}
BOARDS = {"id": "h7", "board": "h7a3-float32", "link": "wifi-54", "failure_probability": 0.05}
CONTENT = {
    "format": "rocoin-opt/devices",
    "version": 1,
    "devices": [DEVICE],
    "boards": [{**BOARDS, "count": 2, "failure_domain": "room"}],
    "failure_domains": [{"id": "room", "failure_probability": 0.01}],
    "requirements": {"max_groups": 2, "max_group_outage": 0.02},
}


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        path = tmp_path / "devices.json"
        content = {name: value for name, value in {**CONTENT, **changes}.items() if value is not None}
        path.write_text(json.dumps(content))
        return path

    return write


def test_both_kinds_of_devices(write):
    fleet = read_device_file(write())
    board = next(board for board in catalogue.devices() if board.id == "h7a3-float32")
    link = next(link for link in catalogue.links() if link.id == "wifi-54")
    assert [device.id for device in fleet.devices] == ["own", "h7-0", "h7-1"]
    assert fleet.devices[0] == Device(**DEVICE)
    made = fleet.devices[2]
    assert made.flops_per_second == board.flops_per_second
    assert made.memory_bytes == board.memory_bytes
    assert made.uplink_bits_per_second == link.bits_per_second
    assert made.overhead_seconds == link.assumed_overhead_seconds
    assert (made.failure_probability, made.failure_domain) == (0.05, "room")
    assert board.source in made.source
    assert "RAM as stated there" in made.source
    assert [domain.id for domain in fleet.failure_domains] == ["room"]
    assert (fleet.requirements.max_groups, fleet.requirements.max_group_outage) == (2, 0.02)


def test_one_board_keeps_its_name_and_may_say_its_memory(write):
    (made,) = read_device_file(write(devices=None, boards=[{**BOARDS, "memory_bytes": 5e5}])).devices
    assert (made.id, made.memory_bytes, made.failure_domain) == ("h7", 5e5, None)
    assert "memory as given" in made.source


@pytest.mark.parametrize(("board", "bits"), [("h7a3", 8), ("h7a3-float32", 32), ("pi-5-8gb", 32)])
def test_a_rate_holds_for_networks_of_the_measured_precision(write, board, bits):
    path = write(boards=[{**BOARDS, "board": board}])
    assert read_device_file(path, precision_bits=bits).devices[1].id == "h7"
    with pytest.raises(InputError, match=rf"boards\[0\].board: found {board}, measured in .* of 16 bits"):
        read_device_file(path, precision_bits=16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boards": [BOARDS, {**BOARDS, "board": "abacus"}]}, r"boards\[1\].board: found \"abacus\"; allowed: .*h7a3"),
        ({"boards": [{**BOARDS, "link": "string"}]}, r"boards\[0\].link: found \"string\"; allowed: .*wifi-54"),
        ({"boards": [{**BOARDS, "board": "pi-4"}]}, r"boards\[0\].memory_bytes: found nothing"),
        ({"boards": [{**BOARDS, "bored": 1}]}, r"boards\[0\].bored: found an unknown field"),
        ({"devices": [{**DEVICE, "memory_bytes": -1}]}, r"devices\[0\].memory_bytes: found -1"),
        ({"boards": [{**BOARDS, "count": 10**6}]}, r"boards\[0\].count: found 1000000; allowed: devices that fit"),
        ({"boards": [{**BOARDS, "id": "x" * 10**5, "count": 10**3}]}, r"boards\[0\].count: found 1000"),
        ({"boards": [{**BOARDS, "board": "x" * 1000}] * 10**4}, r"boards\[0\].board: found \"xxx.*…; allowed"),
        ({"devices": [], "boards": []}, "no devices"),
        ({"requirements": None}, "requirements: found nothing"),
        ({"rules": [{"spare": ["h8"]}]}, r"rules\[0\].spare\[0\]: found \"?h8\"?; allowed: the id of a device"),
        ({"rules": [{"spare": ["own"]}, {"use": ["own"]}]}, r"rules\[0\].spare\[0\]: found \"?own"),
        ({"format": "rocoin-opt/instance"}, "format"),
        ({"version": 2}, "version"),
    ],
)
def test_faults_are_named(write, changes, message):
    with pytest.raises(InputError, match=message):
        read_device_file(write(**changes))


def test_rules_name_boards_and_devices_of_a_count_at_once(write, tmp_path):
    rules = [{"apart": ["h7"]}, {"use": ["own"]}, {"spare": ["pi", "h7-1"]}, {"spread": 1}]
    fleet = read_device_file(write(devices=[DEVICE, {**DEVICE, "id": "pi", "count": 2}], rules=rules))
    told = ["apart h7-0, h7-1", "use own", "spare pi-1, pi-2, h7-1", "spread 1"]
    assert [str(rule) for rule in fleet.rules] == told
    write_device_file(tmp_path / "again.json", fleet)
    assert read_device_file(tmp_path / "again.json") == fleet
    assert "rules" not in read_device_file(write()).model_dump(exclude_unset=True)


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json"):
        read_device_file(tmp_path / "none.json")


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not():
    schema = device_file_schema()
    jsonschema.validate(CONTENT, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**CONTENT, "boards": [{**BOARDS, "bored": 1}]}, schema)
