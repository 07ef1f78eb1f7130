"""Failure domains of generated instances: seeded, of equal size, and never so often down that no plan is left."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from rocoin_opt.errors import InputError
from rocoin_opt.instance.entities import Device, FailureDomain, Knowledge, Requirements, Student
from rocoin_opt.instance.files import read_instance, write_instance
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.generate.families import FAMILIES
from rocoin_opt.instance.generate.witness import is_surely_feasible, witness_groups
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Group, Plan

families = pytest.mark.parametrize("family", [family for family in FAMILIES if family != "tight"])


def witness_plan(instance):
    """The plan that the generator has seen: largest parts first, the last group takes what is left."""
    left, groups = instance.knowledge.num_filters, []
    for members in witness_groups(instance):
        room = instance.arrays.largest[members].min(axis=0)
        size = min(left, int(room.max()))
        left -= size
        names = tuple(instance.devices[n].id for n in members)
        groups.append(Group(devices=names, student=instance.students[int(room.argmax())].id, num_filters=size))
    return Plan.of(instance, groups)


@families
def test_the_same_domains_come_with_the_same_arguments(family, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_instance(tmp_path / name / "x.json", generate(family, devices=12, seed=3, domains=4))
    assert (tmp_path / "one" / "x.json").read_bytes() == (tmp_path / "other" / "x.json").read_bytes()
    assert read_instance(tmp_path / "one" / "x.json") == generate(family, devices=12, seed=3, domains=4)


@families
def test_domains_change_nothing_else(family):
    options = {"devices": 30, "seed": 3, "graph": True, "slowdowns": True}
    plain, shared = generate(family, **options), generate(family, domains=6, **options)
    assert plain.failure_domains == ()
    cleared = {"failure_domain": None, "source": None}
    for before, after in zip(plain.devices, shared.devices, strict=True):
        assert after.source == before.source.replace("; slowdown", "; failure domain assumed; slowdown")
        assert before.model_copy(update=cleared) == after.model_copy(update=cleared)
    assert "domains 6" in shared.source
    same = ("students", "knowledge", "requirements", "name")
    assert all(getattr(plain, field) == getattr(shared, field) for field in same)


@families
@pytest.mark.parametrize(
    ("devices", "domains", "sizes"),
    [(12, 3, [4, 4, 4]), (12, 1, [12]), (14, 4, [4, 4, 3, 3]), (30, 6, [5] * 6), (9, 9, [1] * 9), (100, 20, [5] * 20)],
)
def test_domains_are_of_equal_size_and_have_a_plan(family, devices, domains, sizes):
    instance = generate(family, devices=devices, domains=domains)
    assert [domain.id for domain in instance.failure_domains] == [f"ap-{number + 1}" for number in range(domains)]
    assert [
        sum(device.failure_domain == domain.id for device in instance.devices) for domain in instance.failure_domains
    ] == sizes
    for domain in instance.failure_domains:
        assert 0.005 <= domain.failure_probability <= 0.05
        assert domain.failure_probability == float(f"{domain.failure_probability:.4g}")
    assert is_surely_feasible(instance)


def test_domains_are_dealt_by_chance_and_fail_differently():
    one, other = (generate("edge", devices=60, seed=seed, domains=12) for seed in range(2))
    dealt = [[device.failure_domain for device in instance.devices] for instance in (one, other)]
    assert dealt[0] != dealt[1]
    assert len(set(dealt[0][:12])) < 12
    falls = [domain.failure_probability for instance in (one, other) for domain in instance.failure_domains]
    assert len(set(falls)) == 24
    # Log-uniform: about half of them lie below the geometric mean of the ends.
    assert 6 <= sum(p < (0.005 * 0.05) ** 0.5 for p in falls) <= 18


@families
@pytest.mark.parametrize(("devices", "domains"), [(12, 1), (12, 3), (8, 2), (5, 2)])
def test_the_witness_of_domains_is_a_plan(family, devices, domains):
    instance = generate(family, devices=devices, seed=1, domains=domains)
    assert ro.check(instance, witness_plan(instance)) == ()


def test_one_domain_raises_the_limit_to_what_all_reach_together():
    limits = []
    for seed in range(8):
        instance = generate("sbc", devices=12, seed=seed, domains=1)
        [domain] = instance.failure_domains
        limits.append(instance.requirements.max_group_outage)
        assert domain.failure_probability < limits[-1]
        assert limits[-1] == 0.01 or limits[-1] < domain.failure_probability + 0.002
    assert min(limits) == 0.01 < max(limits)


@pytest.mark.parametrize(
    ("fall", "shared", "feasible"),
    [(0.0, 4, True), (0.01, 4, True), (0.05, 4, False), (0.05, 2, False), (0.2, 2, False)],
)
def test_the_witness_knows_that_domains_fail(fall, shared, feasible):
    # Two groups of two devices each reach 0.04, and 0.01 + 0.99 * 0.04 in one domain.
    instance = Instance(
        name="x",
        devices=[
            Device(
                id=str(n),
                flops_per_second=1.0,
                memory_bytes=10.0,
                uplink_bits_per_second=1.0,
                failure_probability=0.2,
                failure_domain="ap" if n < shared else None,
            )
            for n in range(4)
        ],
        failure_domains=[FailureDomain(id="ap", failure_probability=fall)],
        students=(Student(id="s", flops=1.0, memory_bytes=5.0, max_filters=4),),
        knowledge=Knowledge(num_filters=8, bits_per_filter=1.0),
        requirements=Requirements(max_groups=2, max_group_outage=0.05),
    )
    assert is_surely_feasible(instance) is feasible


def test_too_many_domains_are_refused_by_the_command(run, tmp_path):
    status, out, err = run("generate", "paper", "--domains", 9, "--out", tmp_path / "x.json")
    assert (status, out) == (2, "")
    assert "domains: found 9; allowed: a whole number from 1 to 8" in err
    assert run("generate", "paper", "--domains", 8, "--out", tmp_path / "x.json")[0] == 0
    assert len(read_instance(tmp_path / "x.json").failure_domains) == 8


@pytest.mark.slow
def test_a_limit_that_domains_rule_out_asks_for_more_of_them():
    with pytest.raises(InputError, match=r"domains 1.*more devices or groups, more domains, fewer filters"):
        generate("paper", devices=8, max_group_outage=0.004, domains=1)
