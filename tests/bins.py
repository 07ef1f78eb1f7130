"""Bin covering as instances, and what a packing keeps."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

from rocoin_opt.instance import Instance
from rocoin_opt.plan import group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.plan import Members

OUTAGE = 0.01


def cut_bins(bins: int, length: int, seed: int, pieces: tuple[int, int] = (2, 5)) -> list[int]:
    """Lengths of pieces that fill so many bins without any rest."""
    rng, cut = random.Random(seed), list[int]()
    for _ in range(bins):
        ends = [0, *sorted(rng.sample(range(1, length), rng.randint(*pieces) - 1)), length]
        cut += [b - a for a, b in itertools.pairwise(ends)]
    rng.shuffle(cut)
    return cut


def packing_instance(lengths: Sequence[int], length: int, groups: int) -> Instance:
    """Bin covering as an instance: the outage limit is reached by devices whose lengths sum to that of a bin."""
    return Instance.model_validate(
        {
            "name": "packing",
            "devices": [
                {
                    "id": f"d{n}",
                    "flops_per_second": 1.0,
                    "memory_bytes": 1.0,
                    "uplink_bits_per_second": 1.0,
                    "failure_probability": OUTAGE ** (own / length),
                }
                for n, own in enumerate(lengths)
            ],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1.0, "max_filters": 1}],
            "knowledge": {"num_filters": groups, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": OUTAGE, "min_groups": groups, "max_groups": groups},
        }
    )


def require_packing(problem: ThresholdProblem, groups: list[Members]) -> None:
    """Disjoint groups that keep the limit and hold all filters in time, neither too few nor too many."""
    used = [n for group in groups for n in group]
    assert len(used) == len(set(used))
    assert problem.instance.requirements.min_groups <= len(groups) <= problem.instance.max_groups
    assert problem.capacities(groups).sum() >= problem.wanted
    assert all(group_keeps_limit(problem.instance, group) for group in groups)
