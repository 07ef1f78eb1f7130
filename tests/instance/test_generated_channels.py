from __future__ import annotations

import pytest

from rocoin_opt.errors import InputError
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.relaxations import without_channels


@pytest.mark.parametrize(
    ("family", "devices", "channels"), [("paper", 8, 3), ("mcu", 9, 2), ("sbc", 8, 1), ("edge", 12, 5)]
)
def test_devices_are_dealt_evenly(family: str, devices: int, channels: int) -> None:
    instance = generate(family, devices=devices, seed=3, channels=channels)
    assert [channel.id for channel in instance.channels] == [f"channel-{n}" for n in range(1, channels + 1)]
    sizes = [sum(d.channel == channel.id for d in instance.devices) for channel in instance.channels]
    assert sum(sizes) == devices
    assert max(sizes) - min(sizes) <= 1
    assert all(device.source and device.source.endswith("; channel assumed") for device in instance.devices)
    assert generate(family, devices=devices, seed=3, channels=channels) == instance


def test_all_else_stays() -> None:
    given = {"devices": 10, "seed": 5, "domains": 2}
    plain, shared = generate("edge", **given), generate("edge", **given, channels=2)
    assert without_channels(shared).sha256 == plain.sha256


@pytest.mark.parametrize(
    ("family", "channels", "message"),
    [
        ("edge", 0, "channels: found 0"),
        ("edge", 13, "a whole number from 1 to 12"),
        ("lossy", 2, "only for the families paper, mcu, sbc, edge"),
    ],
)
def test_faults_are_named(family: str, channels: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate(family, devices=12, channels=channels)
