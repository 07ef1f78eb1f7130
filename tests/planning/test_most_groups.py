"""The most groups: against an enumeration in fractions, and at the ends."""

from __future__ import annotations

import json
import math

import pytest

import rocoin_opt as ro
from groups_oracle import is_group, most_groups, tiny
from rocoin_opt.errors import CertificateError, InputError, UnsupportedError
from rocoin_opt.planning import most_groups as module
from rocoin_opt.planning.most_groups import MostGroups, max_groups
from samples import cases

FEW, MANY = 2, 15
"""Instances that a fast test looks at, and a slow one."""


def assert_right(found: MostGroups, wanted: int | None) -> None:
    """The number, its proof, groups that the definitions accept, and a plan only where check accepts it."""
    instance = found.instance
    index = {device.id: n for n, device in enumerate(instance.devices)}
    assert (found.number, found.upper_bound) == (wanted or 0, wanted or 0), instance.name
    assert found.termination == ("infeasible" if wanted is None else "optimal")
    assert len(found.groups) == len(found.students) == found.number
    assert sum(map(len, found.groups)) == len({name for group in found.groups for name in group})
    assert all(is_group(instance, [index[name] for name in group]) for group in found.groups)
    assert found.plan is None or ro.check(instance, found.plan) == ()
    assert (found.plan is None) == bool(found.reasons)


@pytest.mark.parametrize(("first", "count"), cases([(0, FEW)], [(MANY * block, MANY) for block in range(1, 2)]))
@pytest.mark.parametrize(("domains", "rules"), [(False, False), (True, False), (False, True), (True, True)])
def test_it_is_what_all_sets_of_devices_say(first: int, count: int, domains: bool, rules: bool) -> None:
    for seed in range(first, first + count):
        instance = tiny(seed, domains=domains, rules=rules)
        assert_right(max_groups(instance), most_groups(instance))


def bins(pieces: list[list[int]], length: int, *, spare: int = 0) -> ro.Instance:
    """Devices whose weights are the pieces of bins of one length; as many groups as bins cannot be bettered."""
    weights = [piece for cut in pieces for piece in cut] + [1] * spare
    limit = 0.01
    return ro.Instance(
        name="bins",
        devices=tuple(
            ro.Device(
                id=f"n{n}",
                flops_per_second=1.0,
                memory_bytes=1.0,
                uplink_bits_per_second=1.0,
                failure_probability=limit ** (weight / length),
            )
            for n, weight in enumerate(weights)
        ),
        students=(ro.Student(id="s", flops=1.0, memory_bytes=1.0, max_filters=3),),
        knowledge=ro.Knowledge(num_filters=6, bits_per_filter=1.0),
        requirements=ro.Requirements(max_group_outage=limit),
    )


def test_bins_without_slack_are_filled() -> None:
    found = max_groups(bins([[3, 3, 4], [5, 5], [2, 8], [1, 1, 8], [6, 4]], 10))
    assert (found.number, found.termination) == (5, "optimal")
    assert found.plan is not None
    assert sum(found.plan.sizes) == 6


def test_what_concerns_plans_is_set_aside_and_named() -> None:
    instance = bins([[5, 5], [5, 5], [5, 5]], 10)
    assert max_groups(instance).plan is not None
    for changes, word in (({"max_groups": 2}, "max_groups"), ({"min_groups": 4, "max_groups": 4}, "min_groups")):
        found = max_groups(instance.with_requirements(**changes, deadline_seconds=0.001))
        assert (found.number, found.termination, found.plan) == (3, "optimal", None)
        assert word in found.reasons[0]
    few = instance.model_copy(update={"knowledge": ro.Knowledge(num_filters=2, bits_per_filter=1.0)})
    assert "num_filters" in max_groups(few).reasons[0]
    many = instance.model_copy(update={"knowledge": ro.Knowledge(num_filters=10, bits_per_filter=1.0)})
    assert "no room" in max_groups(many).reasons[0]


def test_slowdown_laws_do_not_matter() -> None:
    instance = ro.generate("edge", devices=12, seed=3)
    law = {"law": "pareto", "alpha": 2.0}
    slow = instance.with_devices(
        ro.Device.model_validate({**device.model_dump(exclude_none=True), "compute_slowdown": law})
        for device in instance.devices
    )
    assert max_groups(slow).groups == max_groups(instance).groups


def test_the_same_seed_gives_the_same_groups() -> None:
    instance = ro.generate("edge", devices=30, seed=5)
    first, second = max_groups(instance, seed=3), max_groups(instance, seed=3)
    assert (first.groups, first.students, first.plan) == (second.groups, second.students, second.plan)
    assert first.termination == "optimal"


def test_without_time_it_says_what_counting_says() -> None:
    found = max_groups(ro.generate("edge", devices=20, seed=1), time_limit=0.0)
    assert found.termination in ("feasible", "optimal")
    assert 1 <= found.number <= max_groups(ro.generate("edge", devices=20, seed=1)).number <= found.upper_bound <= 20
    tied = max_groups(ro.generate("edge", devices=20, seed=1, domains=4), time_limit=0.0)
    assert (tied.number, tied.termination, tied.plan, tied.groups) == (0, "no_plan", None, ())
    assert tied.reasons == (module.UNDECIDED,)


def test_one_device() -> None:
    alone = bins([[10]], 10)
    assert (max_groups(alone).number, max_groups(alone).termination) == (1, "optimal")
    weak = bins([[9]], 10)
    assert (max_groups(weak).number, max_groups(weak).termination) == (0, "infeasible")
    assert max_groups(weak).reasons


def test_what_depends_on_parts_of_all_groups_is_refused_by_name() -> None:
    instance = bins([[5, 5]], 10)
    with pytest.raises(UnsupportedError, match="min_success"):
        max_groups(instance.with_requirements(min_success=0.5))
    watts = [device.model_copy(update={"compute_watts": 1.0, "transmit_watts": 1.0}) for device in instance.devices]
    with pytest.raises(UnsupportedError, match="max_energy_joules"):
        max_groups(instance.with_devices(watts).with_requirements(max_energy_joules=1.0))
    with pytest.raises(InputError, match="time_limit"):
        max_groups(instance, time_limit=-1.0)


def test_a_false_grouping_never_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = bins([[5, 5], [5, 5]], 10)
    monkeypatch.setattr(module, "cover_bins", lambda _: [(0,), (1, 2)])
    monkeypatch.setattr(module, "group_keeps_limit", lambda *_: True)
    with pytest.raises(CertificateError, match="max_groups found"):
        max_groups(instance)


def test_the_command_tells_the_same(run, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bins.json"
    ro.write_instance(path, bins([[5, 5], [4, 6], [3, 3, 4]], 10, spare=1))
    status, out, _ = run("groups", path)
    assert status == 0
    assert "3 groups, and no grouping has more: proven" in out
    assert "spare device" in out
    status, out, _ = run("groups", path, "--json")
    document = json.loads(out)
    assert (status, document["number"], document["upper_bound"], document["termination"]) == (0, 3, 3, "optimal")
    assert math.isclose(max(group["outage"] for group in document["groups"]), 0.01)
    assert document["plan"]["format"] == "rocoin-opt/plan"
    ro.write_instance(path, bins([[9]], 10))
    assert run("groups", path)[0] == 3
    ro.write_instance(path, ro.generate("edge", devices=12, seed=1, domains=3))
    assert run("groups", path, "--time-limit", "0")[0] == 4
