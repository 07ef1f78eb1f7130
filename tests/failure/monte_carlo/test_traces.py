from __future__ import annotations

import math
import os
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fleets import bits, fleet
from rocoin_opt.errors import InputError
from rocoin_opt.failure.assessment import simulated
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.failure.monte_carlo import kernel
from rocoin_opt.failure.monte_carlo import traces as traces_module
from rocoin_opt.failure.monte_carlo.arrivals import simulate_arrivals
from rocoin_opt.failure.monte_carlo.draws import BLOCK, Purpose, factor_words, request_rows
from rocoin_opt.failure.monte_carlo.kernel import answer_seconds
from rocoin_opt.failure.monte_carlo.simulation import simulate, simulate_difference
from rocoin_opt.failure.monte_carlo.system import System
from rocoin_opt.failure.monte_carlo.traces import Traces, read_traces
from rocoin_opt.instance import archives
from rocoin_opt.plan.model import Group, Plan
from samples import cases

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.instance.model import Instance

CASE: dict[str, Any] = {
    "failures": [0.2, 0.1, 0.3, 0.05, 0.4, 0.2],
    "groups": 2,
    "domains": {"a": 0.1, "b": 0.2},
    "member": {0: "b", 1: "b", 2: "a", 4: "b"},
}
TRIALS = 100_000
TRACED = ("d3", "d0", "d4", "d1")
"""In another order than the instance's; two devices of the fleet are left out."""
ALL = ("compute", "link", "alive")


def measured(*names: str, requests: int = 7, seed: int = 0) -> Traces:
    """Factors from 1 / 2 to 8, and two devices of three alive."""
    generator = np.random.default_rng(seed)
    shape = requests, len(TRACED)
    arrays: dict[str, Any] = {
        "compute": np.exp2(generator.uniform(-1, 3, shape)),
        "link": np.exp2(generator.uniform(-1, 3, shape)),
        "alive": generator.random(shape) < 2 / 3,
    }
    return Traces(TRACED, **{name: arrays[name] for name in names})


def conditioned(instance: Instance, traces: Traces, row: int) -> Instance:
    """The instance during one request: constant latencies, and known states where they were measured."""
    devices = []
    for device in instance.devices:
        changes: dict[str, Any] = {}
        if device.id in traces.devices:
            column = traces.devices.index(device.id)
            changes = {"compute_slowdown": None, "link_slowdown": None}
            if traces.compute is not None:
                changes["flops_per_second"] = device.flops_per_second / traces.compute[row, column]
            if traces.link is not None:
                changes["uplink_bits_per_second"] = device.uplink_bits_per_second / traces.link[row, column]
            if traces.alive is not None:
                # A crash probability is below 1: this one is the next double.
                changes["failure_probability"] = 0.0 if traces.alive[row, column] else 1.0 - 2.0**-53
        devices.append(device.model_copy(update=changes))
    return type(instance).model_validate({**instance.model_dump(), "devices": [d.model_dump() for d in devices]})


def assert_near(estimate: Any, exact: float) -> None:
    assert abs(estimate.value - exact) <= 4.0 * estimate.standard_error + 1e-9 * abs(exact)


@pytest.mark.parametrize(
    "names",
    [
        ALL,
        ("compute", "link"),
        *(pytest.param(n, marks=pytest.mark.slow) for n in (("link",), ("alive",), ("compute", "alive"))),
    ],
)
@pytest.mark.parametrize("laws", [False, True])
def test_replayed_figures_are_the_mixture_over_the_requests(names: tuple[str, ...], laws: bool) -> None:
    instance, plan = fleet(**CASE, laws=laws, deadline=6.0)
    traces = measured(*names)
    each = [latency_distribution(conditioned(instance, traces, row), plan) for row in range(traces.requests)]
    result = simulate(instance, plan, TRIALS, seed=3, traces=traces)
    assert result.expected is not None
    assert_near(result.expected, float(np.mean([d.expected(6.0) for d in each])))
    assert_near(result.success_probability, float(np.mean([d.success_probability(6.0) for d in each])))
    for seconds in (3.0, 4.5, math.inf):
        assert_near(result.cdf(seconds), float(np.mean([d.cdf(seconds) for d in each])))
    # The devices' own laws would give something else.
    own = latency_distribution(instance, plan).expected(6.0)
    assert abs(result.expected.value - own) > 8.0 * result.expected.standard_error


def test_partial_answers_and_differences_replay_the_same_requests() -> None:
    instance, plan = fleet(**CASE, laws=True, deadline=6.0)
    traces = measured(*ALL)
    arrivals = simulate_arrivals(instance, plan, TRIALS, seed=3, traces=traces)
    assert arrivals.parts_arrived(2) == simulate(instance, plan, TRIALS, seed=3, traces=traces).success_probability
    each = [latency_distribution(conditioned(instance, traces, row), plan) for row in range(traces.requests)]
    for k in range(2):
        assert_near(arrivals.part(k), 1.0 - float(np.mean([d.outage(k, 6.0) for d in each])))
    groups = [Group(devices=names, student="s", num_filters=1) for names in (("d0", "d2", "d5"), ("d1", "d3", "d4"))]
    other = Plan.of(instance, groups)
    first, second = (simulate(instance, p, TRIALS, seed=3, traces=traces) for p in (plan, other))
    difference = simulate_difference(instance, plan, other, TRIALS, seed=3, traces=traces)
    assert first.expected is not None
    assert second.expected is not None
    assert difference.expected is not None
    assert difference.expected.value == pytest.approx(first.expected.value - second.expected.value, abs=1e-12)
    independent = math.hypot(first.expected.standard_error, second.expected.standard_error)
    assert difference.expected.standard_error < 0.8 * independent


def slow_together(groups: int) -> tuple[Instance, Plan, Traces, Instance]:
    """Two equal devices, slow by 5 in the same half of the requests; and the same factors drawn independently."""
    instance, plan = fleet([0.0, 0.0], groups=groups, deadline=100.0)
    factors = [1.0, 5.0]
    law = {"law": "empirical", "values": factors}
    devices = [{**device.model_dump(), "flops_per_second": 1.0} for device in instance.devices]
    equal = type(instance).model_validate({**instance.model_dump(), "devices": devices})
    apart = [{**device, "compute_slowdown": law} for device in devices]
    traces = Traces(("d0", "d1"), compute=np.array([[x, x] for x in factors]))
    return equal, plan, traces, type(instance).model_validate({**instance.model_dump(), "devices": apart})


@pytest.mark.parametrize(("groups", "sign"), [(1, 1.0), (2, -1.0)])
def test_devices_that_are_slow_together_answer_otherwise_than_independent_ones(groups: int, sign: float) -> None:
    equal, plan, traces, apart = slow_together(groups)
    result = simulate(equal, plan, TRIALS, traces=traces)
    assert result.expected is not None
    # Overhead and transfer, then 6 s or 30 s of work, with equal probabilities.
    certain = 0.25 + 0.5 / (1 if equal.knowledge.num_filters == groups else 2)
    assert_near(result.expected, certain + 18.0)
    # Replicas that are slow together help less: 3/4 of 6 s and 1/4 of 30 s without; parts wait less for each other.
    independent = latency_distribution(apart, plan).expected(100.0)
    assert independent == pytest.approx(certain + (12.0 if groups == 1 else 24.0))
    assert sign * (result.expected.value - independent) > 20.0 * result.expected.standard_error


def test_requests_are_drawn_alike_for_all_devices_and_plans() -> None:
    instance, _ = fleet([0.0] * 4, groups=1, laws=True)
    number = 1000
    factors = np.arange(1.0, number + 1.0)
    traces = Traces(("d2", "d0"), compute=np.column_stack([factors, factors]))
    words = factor_words(9, 4, 2, 0, Purpose.REQUEST).astype(object)
    rows = request_rows(9, 4, 2, number)
    assert (rows == words * number // 2**32).all()
    assert np.bincount(request_rows(1, 0, 100, 4).ravel(), minlength=4) == pytest.approx(
        BLOCK * 25, abs=5 * math.sqrt(BLOCK * 100 * 3 / 16)
    )
    for name, rate in (("d0", 1.0), ("d2", 3.0)):
        alone = Plan.of(instance, [Group(devices=(name,), student="s", num_filters=1)])
        seconds = answer_seconds(System.of(instance, alone, traces), 9, 4, 2 * BLOCK, compiled=False)
        # Overhead, transfer and work, added up in the kernel's order.
        assert seconds.tolist() == (0.75 + (rows.ravel() + 1.0) * (6.0 / rate)).tolist()


@pytest.mark.parametrize(("names", "workers"), cases([(("alive",), ())], [(ALL, (3,))]))
def test_neither_workers_nor_chunks_nor_the_compiler_change_a_bit(
    names: tuple[str, ...], workers: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance, plan = fleet(**CASE)
    traces = measured(*names)
    alone = simulate(instance, plan, 2_001, seed=7, traces=traces)
    for number, chunk in ((1, 1), (1, 1500), *((number, 1024) for number in workers)):
        other = simulate(instance, plan, 2_001, seed=7, workers=number, chunk=chunk, traces=traces)
        assert bits(other) == bits(alone)
    assert bits(simulate(instance, plan, 2_001, seed=7)) != bits(alone)
    # The compiled kernel knows no traces, and is not asked.
    monkeypatch.setattr(kernel, "MIN_COMPILED_WORK", 0)
    assert bits(simulate(instance, plan, 2_001, seed=7, traces=traces)) == bits(alone)
    assert bits(simulate(instance, plan, 2_001, seed=8, traces=traces)) != bits(alone)


def test_traces_of_other_devices_change_nothing() -> None:
    instance, plan = fleet(**CASE, laws=True)
    part = Plan.of(instance, [Group(devices=("d2", "d5"), student="s", num_filters=2)])
    described = System.of(instance, part, measured(*ALL))
    assert described.replay is None
    same = [simulate(instance, part, 5000, traces=traces) for traces in (None, measured(*ALL))]
    assert bits(same[0]) == bits(same[1])
    assert System.of(instance, plan, measured(*ALL)).replay is not None


def test_who_was_alive_takes_the_place_of_crashes_but_not_of_domains() -> None:
    instance, plan = fleet([0.9, 0.9], groups=2, domains={"a": 0.3}, member={1: "a"})
    alive = np.ones((5, 2), dtype=np.bool_)
    assert_near(simulate(instance, plan, TRIALS, traces=Traces(("d0", "d1"), alive=alive)).success_probability, 0.7)
    alive[:2, 0] = False
    both = simulate(instance, plan, TRIALS, traces=Traces(("d0", "d1"), alive=alive))
    assert_near(both.success_probability, 0.7 * 3 / 5)
    one = simulate(instance, plan, TRIALS, traces=Traces(("d0",), alive=alive[:, :1]))
    assert_near(one.success_probability, 0.1 * 0.7 * 3 / 5)
    dead = simulate(instance, plan, 1000, traces=Traces(("d0",), alive=np.zeros((3, 1), dtype=np.bool_)))
    assert dead.sample.answered == 0


def test_figures_that_traces_vary_are_no_points() -> None:
    instance, plan = fleet([0.1] * 4, groups=2)
    traces = Traces(("d0",), compute=np.full((1, 1), 2.0))
    assert simulated(instance, plan, 1000, traces=traces)["nominal_seconds"] is None
    assert simulated(instance, plan, 1000, traces=traces)["worst_seconds"] is None
    fixed = Traces(("d0",), alive=np.ones((1, 1), dtype=np.bool_))
    assert simulated(instance, plan, 1000, traces=fixed) != simulated(instance, plan, 1000)
    figures = [simulated(instance, plan, 1000, traces=given)["worst_seconds"] for given in (fixed, None)]
    assert figures[0] == figures[1]
    assert figures[0] is not None


def test_traces_are_copied_and_read_only() -> None:
    factors: Any = np.full((3, 1), 2, dtype=np.int64)
    traces = Traces(("d0",), link=factors)
    factors[0, 0] = 7
    assert traces.link is not None
    assert traces.link.dtype == np.float64
    assert traces.link.tolist() == [[2.0], [2.0], [2.0]]
    assert (traces.requests, traces.measured) == (3, ("link",))
    with pytest.raises(ValueError, match="read-only"):
        traces.link[0, 0] = 1.0


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"devices": ()}, "devices: found none"),
        ({"devices": ("d0", "d0")}, r"devices\[1\]: found 'd0'"),
        ({"devices": ("d0", "")}, r"devices\[1\]: found ''"),
        ({"compute": None}, "none of compute, link, alive"),
        ({"compute": np.ones(2)}, r"compute: found an array of shape \(2,\)"),
        ({"compute": np.ones((0, 2))}, r"compute: found .*\(0, 2\)"),
        ({"compute": np.ones((4, 3))}, r"allowed: 1 to 1048576 requests \(rows\) x 2 devices"),
        ({"link": np.ones((3, 2))}, r"link: found .*\(3, 2\); allowed: 4 requests"),
        ({"alive": np.ones((5, 2), dtype=np.bool_)}, "alive: found .*; allowed: 4 requests"),
        ({"alive": np.ones((4, 2))}, "alive: found values of type float64; allowed: an array of truth values"),
        ({"compute": np.ones((4, 2), dtype=np.bool_)}, "compute: found values of type bool; .*real numbers"),
        ({"compute": np.ones((4, 2), dtype=complex)}, "compute: found values of type complex128"),
        ({"compute": [[1.0, 1.0]]}, "compute: found values of type list"),
        ({"compute": np.array([[1.0, 1.0], [1.0, 0.0]])}, r"compute\[1, 1\]: found 0; allowed: from 1e-15 to 1e\+24"),
        ({"compute": np.array([[1.0, -2.0]])}, r"compute\[0, 1\]: found -2"),
        ({"compute": np.array([[np.nan, 1.0]])}, r"compute\[0, 0\]: found nan"),
        ({"compute": np.array([[1.0, np.inf]])}, r"compute\[0, 1\]: found inf"),
        ({"compute": np.full((1, 2), np.finfo(np.longdouble).max)}, r"compute\[0, 0\]: found inf"),
    ],
)
def test_traces_out_of_range_are_refused(arrays: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match="traces: .*" + named):
        Traces(**{"devices": ("d0", "d1"), "compute": np.ones((4, 2)), **arrays})


def test_more_requests_than_a_draw_can_tell_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces_module, "MAX_REQUESTS", 3)
    with pytest.raises(InputError, match="alive"):
        Traces(("d0",), alive=np.ones((4, 1), dtype=np.bool_))


def test_strangers_are_refused_by_every_simulation() -> None:
    instance, plan = fleet([0.1] * 2, groups=1)
    traces = Traces(("d0", "stranger"), link=np.ones((1, 2)))
    for run in (
        lambda: simulate(instance, plan, traces=traces),
        lambda: simulate_difference(instance, plan, plan, traces=traces),
        lambda: simulate_arrivals(instance, plan, traces=traces),
    ):
        with pytest.raises(InputError, match=r"traces: devices\[1\]: found 'stranger'; allowed: an identifier"):
            run()


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_a_file_gives_the_traces_that_were_written(tmp_path: Path) -> None:
    instance, plan = fleet(**CASE)
    traces = measured(*ALL)
    path = written(tmp_path / "t.npz", devices=TRACED, compute=traces.compute, link=traces.link, alive=traces.alive)
    found = read_traces(str(path), instance)
    assert found.devices == TRACED
    for name in ALL:
        assert (getattr(found, name) == getattr(traces, name)).all()
    assert bits(simulate(instance, plan, 5000, traces=found)) == bits(simulate(instance, plan, 5000, traces=traces))
    part = read_traces(written(tmp_path / "part.npz", devices=["d5"], link=np.ones((2, 1), np.float32)), instance)
    assert part.measured == ("link",)


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"devices": ["d0"], "links": np.ones((1, 1))}, "links: found an array of this name"),
        ({"compute": np.ones((1, 1))}, "devices: found nothing; allowed: an array of identifiers"),
        ({"devices": [0], "compute": np.ones((1, 1))}, r"devices: found int64 of shape \(1,\)"),
        ({"devices": [["d0"]], "compute": np.ones((1, 1))}, r"devices: found <U2 of shape \(1, 1\)"),
        ({"devices": ["d0"]}, "none of compute"),
        ({"devices": ["d0"], "compute": np.zeros((1, 1))}, r"compute\[0, 0\]: found 0"),
        ({"devices": ["d0", "who"], "compute": np.ones((1, 2))}, r"devices\[1\]: found 'who'"),
        ({"devices": np.array(["d0"], dtype=object), "compute": np.ones((1, 1))}, "allow_pickle"),
        ({"devices": np.array([2**31 - 1], dtype="<u4").view("<U1"), "compute": np.ones((1, 1))}, "no pickled"),
    ],
)
def test_bad_files_are_refused_with_their_name_and_field(arrays: dict[str, Any], named: str, tmp_path: Path) -> None:
    instance, _ = fleet([0.1] * 2, groups=1)
    path = written(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=r"bad\.npz: .*" + named):
        read_traces(path, instance)


def test_what_is_no_archive_of_arrays_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance, _ = fleet([0.1] * 2, groups=1)
    with pytest.raises(InputError, match="no such file"):
        read_traces(tmp_path / "absent.npz", instance)
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match="no regular file"):
        read_traces(tmp_path / "pipe.npz", instance)
    (tmp_path / "text.npz").write_text("devices")
    with pytest.raises(InputError, match=r"text\.npz: found File is not a zip file"):
        read_traces(tmp_path / "text.npz", instance)
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as archive:
        archive.writestr("devices", "d0")
    with pytest.raises(InputError, match="magic string"):
        read_traces(tmp_path / "bytes.npz", instance)
    np.savez_compressed(tmp_path / "large.npz", devices=["d0"], compute=np.ones((1000, 1)))
    for limit, named in ((8000, "bytes unpacked, of 8000 at most"), (100, "bytes, of 100 at most")):
        monkeypatch.setattr(archives, "MAX_MATRIX_BYTES", limit)
        with pytest.raises(InputError, match=named):
            read_traces(tmp_path / "large.npz", instance)
