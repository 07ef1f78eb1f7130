"""Devices estimated from logs: limits that hold together, laws that were drawn from, notes, files."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

import rocoin_opt as ro
from rocoin_opt.estimation import RequestLog, estimate_devices, traces_of, write_request_log
from rocoin_opt.estimation.device_times import split_times
from rocoin_opt.estimation.losses import burst_probability, failure_limits
from rocoin_opt.instance import read_device_file

if TYPE_CHECKING:
    from pathlib import Path

KEPT = {"flops_per_second": 1e9, "memory_bytes": 1e6, "uplink_bits_per_second": 8e3}


def device(name: str, failure: float = 0.1, **changes: Any) -> ro.Device:
    return ro.Device.model_validate({"id": name, "failure_probability": failure, **KEPT, **changes})


def drawn_log(probabilities: dict[str, float], requests: int, rng: np.random.Generator, **known: Any) -> RequestLog:
    """A log of requests that each device loses independently, one second apart, answered after half a second."""
    width = len(probabilities)
    lost = rng.random((requests, width)) < list(probabilities.values())
    sent = np.repeat(np.arange(requests, dtype=float), width)
    unknown = np.full(requests * width, math.nan)
    return RequestLog(
        source="drawn",
        requests=tuple(map(str, range(requests))),
        devices=tuple(probabilities),
        request=np.repeat(np.arange(requests), width),
        device=np.tile(np.arange(width), requests),
        sent=sent,
        answered=np.where(lost.ravel(), math.nan, sent + known.get("response", 0.5)),
        compute=known.get("compute", unknown),
        num_bytes=known.get("num_bytes", unknown.copy()),
    )


def test_limits_are_those_of_the_binomial_distribution() -> None:
    limits = failure_limits(np.array([20, 20, 20, 1]), np.array([0, 3, 20, 0]), 0.05)
    # At the limit so few losses, or fewer, are as likely as the margin.
    assert stats.binom.cdf([0, 3], 20, limits[:2]) == pytest.approx(0.05)
    assert limits[2:].tolist() == pytest.approx([1.0, 0.95])


def covered(seeds: int, requests: int, confidence: float) -> float:
    """Share of logs whose limits hold for all devices together."""
    true = {f"d{n}": p for n, p in enumerate((0.01, 0.05, 0.1, 0.2, 0.4))}
    devices = [device(name) for name in true]
    held = 0
    for seed in range(seeds):
        found = estimate_devices(drawn_log(true, requests, np.random.default_rng(seed)), devices, confidence=confidence)
        held += all(one.limit is not None and one.limit >= true[one.device.id] for one in found.estimates)
    return held / seeds


@pytest.mark.slow
@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_limits_hold_together_as_often_as_they_say(confidence: float) -> None:
    # 200 logs: up to three standard errors below.
    error = math.sqrt(confidence * (1.0 - confidence) / 200)
    assert covered(200, 60, confidence) >= confidence - 3.0 * error


def test_a_plan_from_limits_keeps_its_promise_where_they_hold() -> None:
    true = {f"d{n}": 0.02 * (n + 1) for n in range(6)}
    estimates = estimate_devices(drawn_log(true, 400, np.random.default_rng(3)), [device(name) for name in true])
    assert all((one.limit or 0.0) >= true[one.device.id] for one in estimates.estimates)
    instance = ro.Instance.model_validate(
        {
            "name": "estimated",
            "devices": estimates.devices,
            "students": [{"id": "s", "flops": 1e6, "memory_bytes": 1e5, "max_filters": 8}],
            "knowledge": {"num_filters": 8, "bits_per_filter": 32.0},
            "requirements": {"max_group_outage": 0.05},
        }
    )
    plan = ro.solve(instance, method="greedy").plan
    assert plan is not None
    assert all(math.prod(true[name] for name in group.devices) <= 0.05 for group in plan.groups)


@pytest.mark.slow
def test_plans_from_limits_keep_their_promise_as_often_as_they_say() -> None:
    instance = ro.read_instance("instances/edge/edge-12-1.json")
    true = {one.id: one.failure_probability for one in instance.devices}
    most = instance.requirements.max_group_outage
    kept = {False: 0, True: 0}
    for seed in range(200):
        log = drawn_log(true, 200, np.random.default_rng([7, seed]))
        # Without the margin half of the logs are enough to tell.
        for point in (False, True)[: 2 - seed % 2]:
            found = estimate_devices(log, instance.devices, point=point, laws="none")
            plan = ro.solve(instance.with_devices(found.devices), "greedy", latency_only=True, explain=False).plan
            assert plan is not None
            kept[point] += all(math.prod(true[name] for name in group.devices) <= most for group in plan.groups)
    assert kept[False] >= 190
    # Without the margin the promise is a matter of luck.
    assert kept[True] <= 60


def test_the_law_that_was_drawn_from_is_found() -> None:
    rng = np.random.default_rng(5)
    compute = 0.1 * np.exp(0.3 * rng.standard_normal(600))
    num_bytes = np.full(600, 10.0)
    # 80 bits at 8 kbit/s take 10 ms, and more on a link with an exponential part.
    response = compute + 0.01 * (1.0 + rng.exponential(0.5, 600))
    log = drawn_log({"a": 0.0}, 600, rng, response=response, compute=compute, num_bytes=num_bytes)
    found = estimate_devices(log, [device("a")]).estimates[0]
    assert found.compute is not None
    assert found.link is not None
    assert found.device.compute_slowdown is not None
    assert found.device.compute_slowdown.law == "lognormal"
    assert found.device.compute_slowdown.sigma == pytest.approx(0.3, rel=0.1)
    assert found.compute.nominal == pytest.approx(0.1, rel=0.05)
    assert found.link.law is not None
    assert found.link.law.law == "shifted_exponential"
    assert found.link_bits_per_second == pytest.approx(8e3, rel=0.02)
    kept = estimate_devices(log, [device("a")], laws="none").estimates[0].device
    assert kept.compute_slowdown is None
    measured = estimate_devices(log, [device("a")], laws="empirical").estimates[0].device
    assert measured.compute_slowdown is not None
    assert measured.compute_slowdown.law == "empirical"
    faster = estimate_devices(log, [device("a", uplink_bits_per_second=1e3)], link_rates=True).estimates[0].device
    assert faster.uplink_bits_per_second == pytest.approx(8e3, rel=0.02)


def test_what_a_log_says_too_little_of_is_said() -> None:
    log = drawn_log({"a": 1.0, "b": 0.2}, 20, np.random.default_rng(0))
    found = estimate_devices(log, [device("a"), device("b"), device("c", 0.3)])
    notes = [" ".join(one.notes) for one in found.estimates]
    assert "never answered" in notes[0]
    assert "only 20 requests" in notes[1]
    assert "not in the log" in notes[2]
    assert found.devices[0].failure_probability == math.nextafter(1.0, 0.0)
    assert found.devices[2].failure_probability == 0.3
    point = estimate_devices(log, [device("a"), device("b")], point=True)
    assert point.devices[1].failure_probability == point.estimates[1].share_lost


def test_waiting_for_a_channel_is_no_time_of_a_device() -> None:
    log = drawn_log({"a": 0.1, "b": 0.1, "c": 0.1}, 300, np.random.default_rng(5))
    devices = [device("a", channel="air"), device("b", channel="air"), device("c", channel="other")]
    notes = {found.device.id: found.notes for found in estimate_devices(log, devices).estimates}
    told = "waiting for channel air counts as its own time; only answers sent alone avoid that"
    assert [told in notes[name] for name in "abc"] == [True, True, False]
    assert not any(told in found.notes for found in estimate_devices(log, devices, laws="none").estimates)


def test_losses_in_bursts_are_noticed() -> None:
    lost = np.zeros(200, dtype=np.bool_)
    lost[50:90] = True
    assert burst_probability(lost) < 1e-9
    spread = np.random.default_rng(1).permutation(lost)
    assert burst_probability(spread) > 0.01
    assert burst_probability(np.ones(5, dtype=np.bool_)) == 1.0


def test_times_are_split_as_far_as_a_log_tells_them() -> None:
    rng = np.random.default_rng(2)
    rows = np.arange(5)
    whole = drawn_log({"a": 0.0}, 5, rng)
    compute, transfer, notes = split_times(whole, device("a", overhead_seconds=0.1), rows)
    assert compute is not None
    assert compute == pytest.approx([0.4] * 5)
    assert transfer is compute
    assert "one law" in notes[0]
    counted = drawn_log({"a": 0.0}, 5, rng, num_bytes=np.full(5, 100.0))
    compute, transfer, _ = split_times(counted, device("a"), rows)
    assert compute == pytest.approx([0.4] * 5)
    assert transfer is None
    late = split_times(whole, device("a", overhead_seconds=0.6), rows)
    assert late[:2] == (None, None)
    assert "sooner" in late[2][0]


def test_options_and_devices_out_of_range_are_refused() -> None:
    log = drawn_log({"a": 0.1}, 5, np.random.default_rng(0))
    for options, field in (({"confidence": 1.0}, "confidence"), ({"laws": "all"}, "laws"), ({"seed": -1}, "seed")):
        with pytest.raises(ro.InputError, match=field):
            estimate_devices(log, [device("a")], **options)  # type: ignore[arg-type]
    with pytest.raises(ro.InputError, match="'a'"):
        estimate_devices(log, [device("b")])


def test_the_command_writes_devices_and_traces(run: Any, tmp_path: Path) -> None:
    write_request_log(tmp_path / "log.csv", drawn_log({"cam-1": 0.1, "cam-2": 0.4}, 50, np.random.default_rng(4)))
    base = {
        "format": "rocoin-opt/devices",
        "version": 1,
        "devices": [{"id": "cam", "count": 2, "failure_probability": 0.5, **KEPT}],
        "requirements": {"max_group_outage": 0.1},
    }
    (tmp_path / "base.json").write_text(json.dumps(base), encoding="utf-8")
    out, traces = tmp_path / "devices.json", tmp_path / "traces.npz"
    asked = ("estimate", tmp_path / "log.csv", "--devices", tmp_path / "base.json", "--out", out, "--traces", traces)
    status, text, err = run(*asked)
    assert status == 0, err
    assert "cam-2" in text
    fleet = read_device_file(out)
    assert [one.id for one in fleet.devices] == ["cam-1", "cam-2"]
    status, text, _ = run(*asked, "--json", "--confidence", "0.5")
    document = json.loads(text)
    assert document["confidence"] == 0.5
    assert document["devices"][1]["limit"] < fleet.devices[1].failure_probability
    with np.load(traces) as arrays:
        assert arrays["alive"].shape == (50, 2)


def test_traces_hold_the_requests_that_all_devices_were_sent() -> None:
    log = drawn_log({"a": 0.3, "b": 0.3}, 30, np.random.default_rng(6))
    traces = traces_of(estimate_devices(log, [device("a"), device("b")]))
    assert traces.devices == ("a", "b")
    assert traces.alive is not None
    assert traces.alive.ravel().tolist() == (~np.isnan(log.answered)).tolist()


def test_traces_hold_factors_on_what_the_estimates_say() -> None:
    rng = np.random.default_rng(8)
    compute, num_bytes = rng.gamma(4.0, 0.05, 40), np.full(40, 10.0)
    log = drawn_log({"a": 0.0}, 40, rng, response=compute + 0.02, compute=compute, num_bytes=num_bytes)
    estimates = estimate_devices(log, [device("a")])
    (found,) = estimates.estimates
    traces = traces_of(estimates)
    assert found.compute is not None
    assert traces.compute is not None
    assert traces.link is not None
    assert traces.compute[:, 0] * found.compute.nominal == pytest.approx(compute)
    # 80 bits in 20 ms: 4 kbit/s, half of what the device says.
    assert traces.link[:, 0] == pytest.approx(1.0)
    assert found.link_bits_per_second == pytest.approx(4e3)
    assert "4000 bit/s at factor 1, but uplink_bits_per_second stays 8000" in " ".join(found.notes)
