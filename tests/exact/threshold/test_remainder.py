"""What is left of a packing problem: given up only where no packing is left, and priced so that none is overlooked."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from packing_oracle import PackingOracle, best_position, candidates, random_instance, with_alike_devices
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.remainder import Remainder
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from samples import cases


@pytest.mark.parametrize("seed", cases(range(6), range(24)))
def test_what_holds_enough_is_never_given_up(seed: int) -> None:
    rng = random.Random(seed)
    instance = with_alike_devices(random_instance(seed), seed, most=7).with_requirements(min_groups=1)
    thresholds, position = candidates(instance), best_position(instance, "guaranteed")
    if position == len(thresholds):
        return
    problem = ThresholdProblem(instance, "guaranteed", thresholds[position])
    remainder = Remainder(problem, [], Control.starting_now())
    for _ in range(5):
        devices = np.array([rng.randint(0, count) for count in remainder.all.devices.tolist()])
        remainder.restrict(remainder.all._replace(devices=devices))
        kept = np.flatnonzero(remainder.free).tolist()
        assert np.bincount(remainder.of_device[kept], minlength=remainder.kinds).tolist() == devices.tolist()
        # With what is left taken for the whole fleet, the oracle says what it holds.
        most = 0
        if kept:
            rest = instance.model_copy(update={"devices": tuple(instance.devices[n] for n in kept)})
            most = PackingOracle(rest, "guaranteed", thresholds[position]).packing()[0]
        for wanted in range(1, most + 1):
            remainder.restrict(remainder.left._replace(wanted=wanted))
            values = remainder.relax()
            assert values is not None
            taken = sum(value * group.counts for value, group in zip(values, remainder.groups, strict=True))
            assert np.all(taken <= devices + 1e-6)
        free = remainder.prices_without_limits()
        assert free is not None
        bound, of_devices, of_sizes = free
        assert bound >= most - 1e-6
        # No group is worth more than its devices and its size cost.
        for members, size in PackingOracle(instance, "guaranteed", thresholds[position]).groups().items():
            if set(members) <= set(kept):
                assert float(of_devices[list(members)].sum()) + of_sizes.of_one(size) >= size - 1e-5


def test_banned_groups_are_not_taken() -> None:
    instance = random_instance(4)
    problem = ThresholdProblem(instance, "guaranteed", math.inf)
    remainder = Remainder(problem, [], Control.starting_now())
    remainder.restrict(remainder.all._replace(wanted=1))
    values = remainder.relax()
    assert values is not None
    taken = np.flatnonzero(values > 0.0).tolist()
    remainder.restrict(remainder.left, taken)
    values = remainder.relax()
    assert values is None or not values[taken].any()


def test_a_limit_ends_it() -> None:
    remainder = Remainder(
        ThresholdProblem(random_instance(4), "guaranteed", math.inf), [], Control.starting_now(time_limit=0)
    )
    assert remainder.relax() is None
    assert remainder.prices_without_limits() is None
