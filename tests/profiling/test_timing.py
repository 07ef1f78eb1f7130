"""Measured latencies are consistent, and leave the module and the threads as they were."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rocoin_opt.errors import InputError
from rocoin_opt.profiling.timing import MeasuredLatency, MeasuredLine, measure_latency


class _Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def forward(self, images):
        assert not self.training
        self.threads.append(torch.get_num_threads())
        return images


def test_every_repeat_is_a_measured_one():
    module, before = _Counting().train(), torch.get_num_threads()
    found = measure_latency(module, (3,), repeats=7, threads=2)
    assert 0 < found.low_seconds <= found.median_seconds <= found.high_seconds
    assert (found.repeats, found.threads) == (7, 2)
    assert len(module.threads) >= 7
    assert set(module.threads) == {2}
    assert module.training
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("option", ["repeats", "threads"])
def test_counts_start_at_one(option):
    with pytest.raises(InputError, match=option):
        measure_latency(nn.Identity(), (3,), **{option: 0})


@pytest.mark.parametrize(
    ("one", "largest", "size", "line"),
    [
        (1.0, 3.0, 5, (0.5, 0.5)),
        # Scatter: neither falls the line, nor does it begin below 0.
        (3.0, 2.0, 5, (2.0, 0.0)),
        (0.0, 8.0, 5, (0.0, 1.6)),
        (1.0, 2.0, 1, (2.0, 0.0)),
    ],
)
def test_a_line_has_the_measured_time_at_the_largest_part(one, largest, size, line):
    taken = (MeasuredLatency(seconds, seconds, seconds, 1, 1) for seconds in (one, largest))
    found = MeasuredLine.through(*taken, size)
    assert (found.seconds, found.seconds_per_filter) == pytest.approx(line)
    assert found.seconds + found.seconds_per_filter * size == pytest.approx(largest)
