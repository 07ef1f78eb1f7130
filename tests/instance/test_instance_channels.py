from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rocoin_opt.documents import validate
from rocoin_opt.errors import InputError
from rocoin_opt.instance.device_files import read_device_file, write_device_file
from rocoin_opt.instance.files import instance_schema, read_instance, write_instance
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.relaxations import without_channels

if TYPE_CHECKING:
    from pathlib import Path

DEVICE = {"flops_per_second": 1e9, "memory_bytes": 1e9, "uplink_bits_per_second": 1e6, "failure_probability": 0.1}


def fields(*channels: str | None, listed: tuple[str, ...] = ("lora", "wifi")) -> dict[str, Any]:
    return {
        "name": "three",
        "devices": [
            {"id": f"d{n}", **DEVICE, **({"channel": name} if name else {})} for n, name in enumerate(channels)
        ],
        **({"channels": [{"id": name} for name in listed]} if listed else {}),
        "students": [{"id": "s", "flops": 1e8, "memory_bytes": 1e6, "max_filters": 9}],
        "knowledge": {"num_filters": 2, "bits_per_filter": 32.0},
        "requirements": {"max_group_outage": 0.5},
    }


def test_channels_that_several_devices_share() -> None:
    instance = Instance.model_validate(fields("lora", "wifi", "lora", None))
    assert instance.shared_channels == {"lora": (0, 2)}
    assert without_channels(instance).shared_channels == {}
    assert without_channels(instance).sha256 == Instance.model_validate(fields(*(None,) * 4, listed=())).sha256


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (fields("lora", "air"), r"devices\[1\].channel.*air.*the id of a channel: lora, wifi"),
        (fields("lora", listed=()), "the id of a channel: none is defined"),
        (fields(None, listed=("a", "a")), r"channels\[1\].id.*a.*no other one repeats"),
        ({**fields(None), "channels": [{"id": ""}]}, "at least 1 character"),
        ({**fields(None), "channels": [{"id": "a", "rate": 1}]}, "rate"),
    ],
)
def test_faults_name_the_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate(Instance, given, "three.json")


def test_the_fingerprint_knows_channels_where_there_are_any() -> None:
    plain = Instance.model_validate(fields(None, None, listed=())).sha256
    shared = Instance.model_validate(fields("lora", "lora"))
    assert shared.sha256 not in (plain, Instance.model_validate(fields("lora", "wifi")).sha256)
    assert shared.sha256 == Instance.model_validate(fields("lora", "lora", listed=("wifi", "lora"))).sha256
    assert "channel" not in without_channels(shared).model_dump_json()


def test_files_keep_them(tmp_path: Path) -> None:
    devices = [{"id": "pi", "count": 3, "channel": "lora", **DEVICE}, {"id": "x", **DEVICE}]
    instance = Instance.model_validate({**fields(None), "devices": devices})
    assert instance.shared_channels == {"lora": (0, 1, 2)}
    write_instance(tmp_path / "three.json", instance)
    again = read_instance(tmp_path / "three.json")
    assert again == instance
    assert '"count": 3' in (tmp_path / "three.json").read_text()
    assert "channels" in instance_schema()["properties"]


def test_alike_devices_on_other_channels_are_told_apart() -> None:
    instance = Instance.model_validate(fields("lora", "wifi"))
    named = [device.model_copy(update={"id": f"pi-{n}"}) for n, device in enumerate(instance.devices, 1)]
    assert [entry.count for entry in instance.with_devices(named).alike] == [1, 1]


def test_device_files_hold_them(tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_text(
        '{"format": "rocoin-opt/devices", "version": 1, "channels": [{"id": "lora"}], "requirements": '
        '{"max_group_outage": 0.5}, "devices": [{"id": "d", "flops_per_second": 1e9, "memory_bytes": 1e9, '
        '"uplink_bits_per_second": 1e6, "failure_probability": 0.1, "channel": "lora"}]}'
    )
    fleet = read_device_file(path)
    assert [channel.id for channel in fleet.channels] == ["lora"]
    write_device_file(tmp_path / "again.json", fleet)
    assert read_device_file(tmp_path / "again.json") == fleet
