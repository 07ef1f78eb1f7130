"""Powers of generated devices: measured energies over latencies, and radios as assumed."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from rocoin_opt.instance import catalogue
from rocoin_opt.instance.generate.families import FAMILIES

BOARDS = {board.id: board for board in catalogue.devices()}
LINKS = {link.bits_per_second: link for link in catalogue.links()}


def test_power_is_energy_over_latency():
    # 5090.283 microjoules in 40.845 ms
    assert BOARDS["h7a3"].compute_watts == pytest.approx(0.12462, rel=1e-4)
    assert BOARDS["pi-4"].compute_watts is None
    assert all(0.001 < board.compute_watts < 0.5 for board in BOARDS.values() if board.compute_watts is not None)


def test_boards_with_measured_energy_take_power():
    instance = ro.generate("mcu", devices=20, energy=True)
    assert "energy True" in instance.source
    drawn = set()
    for device in instance.devices:
        board = BOARDS[device.id.rpartition("-")[0]]
        drawn.add(board.id)
        assert device.compute_watts == pytest.approx(board.compute_watts, rel=1e-3)
        assert device.transmit_watts == LINKS[device.uplink_bits_per_second].assumed_transmit_watts
        assert device.source.endswith("of sending assumed")
    assert len(drawn) > 3
    limited = instance.with_requirements(max_energy_joules=10.0)
    plan = ro.solve(limited, "greedy").plan
    assert ro.evaluate(limited, plan).energy_joules > 0.0


@pytest.mark.parametrize("family", [name for name, recipe in FAMILIES.items() if recipe.with_energy is None])
def test_other_families_know_no_energy(family):
    with pytest.raises(ro.InputError, match=f"energy: found with the family {family}; allowed: one of mcu"):
        ro.generate(family, energy=True)
