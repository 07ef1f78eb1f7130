"""Changes of value that are tracked, against the value computed anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.knowledge import tracking
from rocoin_opt.knowledge.criteria import Criterion
from rocoin_opt.knowledge.tracking import Tracker


def random_criterion(rng: np.random.Generator, name: str, total: int, parts: int, *, outages: bool) -> Criterion:
    upper = np.triu(rng.random((total, total)) ** 3 * (rng.random((total, total)) < 0.7), 1)
    affinity = rng.random((3, total)) ** 2
    lost = rng.random(parts).tolist() if outages else None
    return Criterion.of(name, 5.0 * (upper + upper.T), parts, affinity, 0.6, lost)


@pytest.mark.parametrize(
    ("name", "outages"), [("ncut", False), ("cut", False), ("resilient", False), ("resilient", True)]
)
@given(seed=st.integers(0, 10**6))
def test_changes_and_value_stay_right_on_a_walk(name: str, outages: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    total, parts = int(rng.integers(4, 10)), int(rng.integers(2, 5))
    criterion = random_criterion(rng, name, total, parts, outages=outages)
    unit = criterion.scale if name == "cut" else 1.0
    levelling, tracking.LEVELLING = tracking.LEVELLING, 0.0
    try:
        tracker = Tracker(criterion, rng.permutation(np.arange(total) % parts))
        for _ in range(5):
            before = criterion.value(tracker.labels)
            assert tracker.value * unit == pytest.approx(before, abs=1e-9)
            assert tracker.sizes.tolist() == np.bincount(tracker.labels, minlength=parts).tolist()
            m, target = int(rng.integers(total)), int(rng.integers(parts))
            source = int(tracker.labels[m])
            moves, swaps = tracker.move_changes(), tracker.swap_changes(m)
            for n in np.flatnonzero(tracker.labels != source):
                swapped = tracker.labels.copy()
                swapped[[m, n]] = swapped[[n, m]]
                assert swaps[n] * unit == pytest.approx(criterion.value(swapped) - before, abs=1e-9)
            if target != source and tracker.sizes[source] > 1:
                moved = tracker.labels.copy()
                moved[m] = target
                assert moves[target, m] * unit == pytest.approx(criterion.value(moved) - before, abs=1e-9)
                tracker.move(m, target)
    finally:
        tracking.LEVELLING = levelling


def test_levelling_prefers_the_move_that_evens_out_the_evidence() -> None:
    # Whatever moves, the worst part stays the third: only levelling tells the moves apart.
    affinity = np.array([[1.0, 1.0, 1.0, 0.0, 9.0]])
    criterion = Criterion.of("resilient", np.zeros((5, 5)), 3, affinity, 1.0)
    tracker = Tracker(criterion, np.array([0, 0, 0, 1, 2]))
    changes = tracker.move_changes()
    assert changes[1, 0] < 0.0 < changes[2, 0]
    tracker.move(0, 1)
    assert tracker.value == pytest.approx(9.0 / 12.0)


def test_the_given_labels_are_not_changed() -> None:
    criterion = random_criterion(np.random.default_rng(0), "ncut", 6, 2, outages=False)
    labels = np.arange(6) % 2
    Tracker(criterion, labels).move(0, 1)
    assert labels.tolist() == [0, 1, 0, 1, 0, 1]
