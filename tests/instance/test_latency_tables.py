"""The family of measured boards: few kinds, alike devices of each, and the catalogue's tables."""

from __future__ import annotations

from itertools import groupby

import pytest

from rocoin_opt.instance import catalogue
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.generate.draws import rounded

BOARDS = {board.id: board for board in catalogue.boards()}


def board_of(device):
    return device.id.rpartition("-")[0]


@pytest.mark.parametrize(("devices", "kinds"), [(1, 1), (2, 2), (8, 3), (12, 4), (30, 10), (100, 16)])
def test_devices_are_of_few_kinds(devices, kinds):
    instance = generate("boards", devices=devices, seed=1)
    together = [(board, list(alike)) for board, alike in groupby(instance.devices, board_of)]
    assert len(together) == len(dict(together)) == kinds
    for board, alike in together:
        assert [device.id for device in alike] == [f"{board}-{number}" for number in range(1, len(alike) + 1)]
        assert len({device.model_copy(update={"id": "x"}).model_dump_json() for device in alike}) == 1


def test_tables_are_those_of_the_catalogue():
    instance = generate("boards", devices=100)
    students = {student.id for student in instance.students}
    for device in instance.devices:
        assert device.flops_per_second is None
        assert device.compute_seconds == BOARDS[board_of(device)].compute_seconds
        assert set(device.compute_seconds) <= students
        assert BOARDS[board_of(device)].source in device.source
    # What was measured badly cannot run there.
    jetson = next(n for n, device in enumerate(instance.devices) if board_of(device) == "jetson-nano")
    assert instance.arrays.largest[jetson, instance.arrays.student_index["shufflenet"]] == 0


def test_slowdown_laws_are_the_spread_over_loops():
    plain, slowed = (generate("boards", devices=24, seed=3, slowdowns=laws) for laws in (False, True))
    assert not plain.has_random_latencies
    for before, after in zip(plain.devices, slowed.devices, strict=True):
        assert after.source == f"{before.source}; slowdown law: spread over the loops of the run"
        assert after.compute_slowdown.sigma == rounded(BOARDS[board_of(after)].sigma)
        assert after.link_slowdown is None
        assert before == after.model_copy(update={"compute_slowdown": None, "source": before.source})
