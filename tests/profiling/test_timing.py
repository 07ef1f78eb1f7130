"""Measured latencies are consistent, and leave the module and the threads as they were."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rocoin_opt.errors import InputError
from rocoin_opt.profiling.timing import measure_latency


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
