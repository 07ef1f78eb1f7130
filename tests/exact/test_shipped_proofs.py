"""``milp`` proves the optimum of every shipped instance of paper size, and of 12 devices; ``exact`` those with laws.

Where devices share a channel it is ``exact`` that does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import rocoin_opt as ro

INSTANCES = Path(__file__).resolve().parents[2] / "instances"
RANDOM = [path for path in sorted(INSTANCES.glob("*/*.json")) if ro.read_instance(path).has_random_latencies]
SHARING = [path for path in sorted(INSTANCES.glob("*/*.json")) if ro.read_instance(path).shared_channels]
SMALL = {path for pattern in ("paper/*", "*/*-8-*", "*/*-12-*") for path in INSTANCES.glob(f"{pattern}.json")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "objective"),
    [
        pytest.param(path, ("guaranteed", "nominal", "worst")[n % 3], id=path.stem)
        for n, path in enumerate(sorted(SMALL - {*RANDOM, *SHARING}))
    ],
)
def test_the_optimum_is_proven(path, objective):
    result = ro.solve(ro.read_instance(path), "milp", objective, latency_only=True)
    assert result.termination == "optimal"
    assert result.gap == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("path", SHARING, ids=lambda path: path.stem)
def test_the_optimum_on_shared_channels_is_proven(path):
    assert ro.solve(ro.read_instance(path), "exact", latency_only=True).termination == "optimal"


@pytest.mark.slow
@pytest.mark.parametrize("path", RANDOM, ids=lambda path: path.stem)
def test_the_optimum_under_random_latencies_is_proven(path):
    result = ro.solve(ro.read_instance(path), "exact", latency_only=True)
    assert result.termination == "optimal"
    assert result.gap <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("family", ["edge", "lossy", "mcu", "sbc"])
def test_the_optimum_of_twelve_fresh_devices_is_proven(family):
    result = ro.solve(ro.generate(family, devices=12, seed=50), "milp", latency_only=True)
    assert result.termination == "optimal"
