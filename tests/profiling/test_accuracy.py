"""Accuracy for subsets of parts, and joined with failures: compared with sums by hand and with simulation."""

from __future__ import annotations

import csv
import json
from itertools import product

import pytest
import torch

import rocoin_opt as ro
from image_files import stripes
from rocoin_opt.errors import InputError
from rocoin_opt.profiling import accuracy as measuring
from rocoin_opt.profiling.accuracy import (
    AccuracyTable,
    accuracy_under_failure,
    measure_accuracy,
    table_rows,
    write_accuracy_table,
)
from rocoin_opt.profiling.ensemble import Ensemble, Recipe

DATA = stripes(60)
PARTS = ((0, 1, 2), (3, 4), (5,))
FAILURES = (0.1, 0.3, 0.2, 0.4)


def device(name: str, failure: float, speed: float) -> ro.Device:
    return ro.Device(
        id=name,
        flops_per_second=speed,
        memory_bytes=1e6,
        uplink_bits_per_second=1e9,
        failure_probability=failure,
    )


def instance() -> ro.Instance:
    speeds = (1e6, 1e6, 1e6, 1e3)
    return ro.Instance(
        name="accuracy",
        devices=tuple(device(f"d{n}", p, c) for n, (p, c) in enumerate(zip(FAILURES, speeds, strict=True))),
        students=(ro.Student(id="s", flops=1e6, memory_bytes=10.0, max_filters=6),),
        knowledge=ro.Knowledge(num_filters=6, bits_per_filter=32.0),
        requirements=ro.Requirements(max_group_outage=1.0),
    )


def plan(parts=PARTS) -> ro.Plan:
    devices = (("d0",), ("d1",), ("d2", "d3"))
    groups = [
        ro.Group(devices=members, student="s", num_filters=len(part), filters=part)
        for members, part in zip(devices, parts, strict=True)
    ]
    return ro.Plan(groups=tuple(groups))


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    """Students whose feature m is the brightness of the m-th sixth of the image, and a head that adds pairs up."""

    class Brightness(torch.nn.Module):
        def __init__(self, part):
            super().__init__()
            self.part = list(part)

        def forward(self, images):
            rows = torch.tensor_split(images.mean((1, 3)), 6, dim=1)
            return torch.stack([rows[m].mean(1) for m in self.part], dim=1)

    recipe = Recipe(network="wrn-10-1", in_channels=1)
    made = Ensemble([recipe] * 3, PARTS, 3).eval()
    made.students = torch.nn.ModuleList(Brightness(part) for part in PARTS)
    with torch.no_grad():
        made.head.weight.copy_(torch.eye(3).repeat_interleave(2, dim=1))
        made.head.bias.zero_()
    made.feature_means.fill_(0.7)
    return made


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_every_subset_is_measured(ensemble, fill):
    table = measure_accuracy(ensemble, DATA.test, fill=fill)
    assert table.is_complete
    assert (table.parts, table.fill, table.images) == (3, fill, 30)
    with torch.no_grad():
        for there in product((False, True), repeat=3):
            arrived = frozenset(k for k in range(3) if there[k])
            right = ensemble(DATA.test.images, arrived, fill).argmax(1) == DATA.test.labels
            assert table.accuracies[arrived] == pytest.approx(right.double().mean().item())
    assert table.all_parts == table.accuracies[frozenset({0, 1, 2})]
    assert table.without_each == tuple(table.accuracies[frozenset({0, 1, 2} - {k})] for k in range(3))


def test_some_subsets_on_request(ensemble):
    table = measure_accuracy(ensemble, DATA.test, subsets=[frozenset({2})])
    assert not table.is_complete
    assert set(table.accuracies) == {frozenset(s) for s in ({2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2})}
    with pytest.raises(InputError, match="parts from 0 to 2"):
        measure_accuracy(ensemble, DATA.test, subsets=[frozenset({3})])


@pytest.mark.parametrize("deadline", [None, 2.0])
def test_expected_accuracy_is_the_sum_over_all_failures(ensemble, deadline):
    found = accuracy_under_failure(ensemble, DATA.test, instance(), plan(), deadline=deadline)
    # The fourth device takes a thousand seconds: by the deadline it is as good as lost.
    outages = (0.1, 0.3, 0.2 * 0.4 if deadline is None else 0.2)
    by_hand = 0.0
    for there in product((False, True), repeat=3):
        share = 1.0
        for k in range(3):
            share *= 1.0 - outages[k] if there[k] else outages[k]
        by_hand += share * found.table.accuracies[frozenset(k for k in range(3) if there[k])]
    assert found.expected == pytest.approx(by_hand)
    assert found.deadline_seconds == deadline
    assert (found.low, found.high) == (None, None)


def on_a_channel() -> ro.Instance:
    """All devices take a second to compute and half a second to send, one after another."""
    devices = [
        {**device(f"d{n}", p, 1e6).model_dump(exclude_unset=True), "channel": "air", "uplink_bits_per_second": 64.0}
        for n, p in enumerate(FAILURES)
    ]
    return ro.Instance.model_validate(
        {**instance().model_dump(exclude_unset=True), "devices": devices, "channels": [{"id": "air"}]}
    )


def test_who_waits_for_a_channel_misses_the_deadline(ensemble, monkeypatch):
    shared = on_a_channel()
    ever = accuracy_under_failure(ensemble, DATA.test, shared, plan())
    assert ever.expected == accuracy_under_failure(ensemble, DATA.test, instance(), plan()).expected
    # d0 sends 96 bits in 1.5 s, d1 64 bits in 1 s, d2 and d3 half a second each.
    by_hand = 0.0
    for alive in product((False, True), repeat=4):
        share, clock, arrived = 1.0, 1.0, set()
        for n, part in enumerate((0, 1, 2, 2)):
            share *= 1.0 - FAILURES[n] if alive[n] else FAILURES[n]
            clock += (1.5, 1.0, 0.5, 0.5)[n] * alive[n]
            arrived |= {part} if alive[n] and clock <= 3.75 else set()
        by_hand += share * ever.table.accuracies[frozenset(arrived)]
    exact = accuracy_under_failure(ensemble, DATA.test, shared, plan(), deadline=3.75)
    assert exact.expected == pytest.approx(by_hand)
    assert exact.expected < ever.expected
    assert exact.low is None
    monkeypatch.setattr(measuring, "has_exact_answer", lambda *_: False)
    drawn = accuracy_under_failure(ensemble, DATA.test, shared, plan(), deadline=3.75, draws=4_000)
    assert drawn.low < by_hand < drawn.high
    assert drawn.table.is_complete


def test_the_deadline_is_the_instances_own_where_none_is_given(ensemble):
    given = instance().with_requirements(deadline_seconds=2.0)
    own = accuracy_under_failure(ensemble, DATA.test, given, plan())
    told = accuracy_under_failure(ensemble, DATA.test, instance(), plan(), deadline=2.0)
    assert own.deadline_seconds == 2.0
    assert own.expected == told.expected
    assert own.expected != accuracy_under_failure(ensemble, DATA.test, instance(), plan()).expected


@pytest.mark.parametrize("deadline", [-1.0, 0.0, float("nan"), float("inf")])
def test_a_deadline_out_of_range_is_refused(ensemble, deadline):
    with pytest.raises(InputError, match="deadline: found"):
        accuracy_under_failure(ensemble, DATA.test, instance(), plan(), deadline=deadline)


def test_the_fill_matters(ensemble):
    zero, mean = (
        accuracy_under_failure(ensemble, DATA.test, instance(), plan(), fill=fill) for fill in ("zero", "mean")
    )
    assert zero.expected != mean.expected
    assert zero.table.all_parts == mean.table.all_parts


def test_many_parts_are_sampled_with_an_interval(ensemble, monkeypatch):
    exact = accuracy_under_failure(ensemble, DATA.test, instance(), plan())
    monkeypatch.setattr(measuring, "MAX_PARTS", 2)
    with pytest.raises(InputError, match="at most 2"):
        measure_accuracy(ensemble, DATA.test)
    sampled = accuracy_under_failure(ensemble, DATA.test, instance(), plan(), seed=9, draws=20_000)
    assert sampled.low < exact.expected < sampled.high
    assert sampled.high - sampled.low < 0.02
    again = accuracy_under_failure(ensemble, DATA.test, instance(), plan(), seed=9, draws=20_000)
    other = accuracy_under_failure(ensemble, DATA.test, instance(), plan(), seed=4, draws=20_000)
    assert again == sampled
    assert other.expected != sampled.expected


def test_students_of_other_parts_are_refused(ensemble):
    for parts in (((0, 1, 2), (3, 5), (4,)), (PARTS[0], PARTS[2], PARTS[1])):
        with pytest.raises(InputError, match="in the order of its groups"):
            accuracy_under_failure(ensemble, DATA.test, instance(), plan(parts))
    bare = ro.Plan(groups=tuple(group.model_copy(update={"filters": None}) for group in plan().groups))
    with pytest.raises(InputError, match="in the order of its groups"):
        accuracy_under_failure(ensemble, DATA.test, instance(), bare)


def test_tables_are_written(tmp_path):
    accuracies = {frozenset(): 0.25, frozenset({0}): 0.5, frozenset({1}): 0.625, frozenset({0, 1}): 0.75}
    table = AccuracyTable(2, "mean", 8, accuracies)
    assert table_rows(table)[1] == {"arrived": [0], "missing": [1], "accuracy": 0.5}
    write_accuracy_table(tmp_path / "t.csv", table)
    with (tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[3] == {"arrived": "0 1", "missing": "", "fill": "mean", "images": "8", "accuracy": "0.75"}
    assert len(rows) == 4
    write_accuracy_table(tmp_path / "t.json", table)
    document = json.loads((tmp_path / "t.json").read_text())
    assert document == {"parts": 2, "fill": "mean", "images": 8, "complete": True, "rows": table_rows(table)}
    with pytest.raises(InputError, match=r"\.csv or \.json"):
        write_accuracy_table(tmp_path / "t.txt", table)
