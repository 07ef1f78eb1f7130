"""Latency tables of boards: what the rule that chose them says, and the networks that they are of."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rocoin_opt.instance import catalogue
from rocoin_opt.instance.catalogue.boards import mean_range

BOARDS = {board.id: board for board in catalogue.boards()}
BACKBONES = {network.id: network for network in catalogue.backbones()}
STUDENTS = {student.id: student for student in catalogue.backbone_students(512)}

PUBLISHED = {
    # Millions of parameters and of multiply-accumulates, as the papers state them.
    "shufflenet": (1.87, 140),
    "shufflenet_v2": (2.3, 146),
    "mobilenet": (4.2, 569),
    "mobilenet_v2": (3.4, 300),
    "mnasnet": (4.2, 317),
    "proxylessnasnet": (4.1, 320),
    "efficientnet_b0": (5.3, 390),
    "regnety_400m": (4.3, 400),
    "googlenet": (6.8, 1550),
    "resnet18": (11.7, 1800),
    "mobilenet_v3": (5.4, 219),
}


def test_boards_are_what_the_rule_takes():
    assert len(BOARDS) == len(catalogue.boards()) == 16
    for board in BOARDS.values():
        assert (board.threads, board.powersave in (0, 2), board.loops >= 8) == (4, True, True)
        # All networks but two at most, those of a disturbed run.
        assert set(board.milliseconds) <= set(STUDENTS)
        assert len(STUDENTS) - len(board.milliseconds) <= 2
        for taken in board.milliseconds.values():
            assert taken.least <= taken.mean <= taken.most <= 1.5 * taken.least
        assert "BSD-3-Clause" in board.source
        assert "commit a4d2ea1" in board.source


def test_tables_are_in_seconds():
    assert BOARDS["pi-4"].compute_seconds["mobilenet_v3"] == BOARDS["pi-4"].milliseconds["mobilenet_v3"].mean / 1e3


@pytest.mark.parametrize("count", [2, 8, 10])
def test_a_spread_is_measured_in_mean_ranges(count):
    draws = np.random.default_rng(0).standard_normal((200_000, count))
    assert mean_range(count) == pytest.approx(np.ptp(draws, axis=1).mean(), abs=0.01)


def test_two_draws_are_two_over_the_root_of_pi_apart():
    assert mean_range(2) == pytest.approx(2.0 / math.sqrt(math.pi), abs=1e-6)


def test_one_rate_is_far_off_for_some_networks():
    for board in BOARDS.values():
        rates = [STUDENTS[name].flops / seconds for name, seconds in board.compute_seconds.items()]
        assert sorted(rates)[0] <= board.flops_per_second <= sorted(rates)[-1]
        assert max(rates) / min(rates) > 3.5
        assert 0.0 < board.sigma < 0.05


def test_quantised_networks_are_faster_on_some_boards_and_slower_on_others():
    gains = [
        board.compute_seconds[name] / board.compute_seconds[f"{name}_int8"]
        for board in BOARDS.values()
        for name in ("squeezenet", "mobilenet", "googlenet", "resnet18")
        if {name, f"{name}_int8"} <= set(board.compute_seconds)
    ]
    assert min(gains) < 0.15
    assert max(gains) > 1.9


@pytest.mark.parametrize("name", PUBLISHED)
def test_counted_costs_are_near_those_that_the_papers_state(name):
    parameters, macs = PUBLISHED[name]
    assert BACKBONES[name].parameters / 1e6 == pytest.approx(parameters, rel=0.07)
    assert BACKBONES[name].macs / 1e6 == pytest.approx(macs, rel=0.13)


def test_students_cost_what_their_networks_cost():
    network = BACKBONES["mobilenet"]
    plain, quantised = STUDENTS["mobilenet"], STUDENTS["mobilenet_int8"]
    assert plain.flops == quantised.flops == 2 * network.macs
    assert plain.memory_bytes == 4 * quantised.memory_bytes == 4 * (network.parameters + network.peak_activations)
    # 512 sqrt(4221032 / 11688872) = 307.7
    assert plain.max_filters == quantised.max_filters == 308
    assert STUDENTS["resnet18"].max_filters == 512
    assert "int8" in quantised.source
    assert "assumption" in quantised.source
