"""Kinds of generated instances: seeded, in a row, at least one device of each."""

from __future__ import annotations

import itertools

import pytest

from rocoin_opt.errors import InputError
from rocoin_opt.instance.generate import generate


@pytest.mark.parametrize("family", ["edge", "lossy"])
def test_alike_devices_stand_in_a_row(family):
    instance = generate(family, devices=20, kinds=4, seed=2)
    assert instance == generate(family, devices=20, kinds=4, seed=2)
    names = [device.id.rsplit("-", 1) for device in instance.devices]
    assert [name for name, number in names if number == "1"] == [f"device-{n:02d}" for n in range(4)]
    figures = {
        (name, device.model_copy(update={"id": "x"})) for (name, _), device in zip(names, instance.devices, strict=True)
    }
    assert len(figures) == 4
    numbers = [int(number) for _, number in names]
    assert all(after in (before + 1, 1) for before, after in itertools.pairwise(numbers))
    assert generate(family, devices=20, kinds=20, seed=2).devices[3].id == "device-03-1"


@pytest.mark.parametrize(
    "options",
    [{"kinds": 0}, {"kinds": 21}, {"kinds": 2.0}, {"kinds": 4, "slowdowns": True}, {"family": "mcu", "kinds": 4}],
)
def test_kinds_out_of_range_are_refused(options):
    with pytest.raises(InputError, match="kinds"):
        generate(**{"family": "edge", "devices": 20, **options})
