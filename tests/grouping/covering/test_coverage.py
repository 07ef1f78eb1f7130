"""Whether sets keep the limit where devices fail together, against sums over all states of domains and devices."""

from __future__ import annotations

import gc
import weakref
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from oracle import Oracle
from packing_oracle import random_instance, with_domains
from rocoin_opt.grouping.covering.coverage import Coverage, Joining, coverage_of
from strategies import instances

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance


def judged(instance: Instance) -> tuple[Coverage, list[bool]]:
    """The judge of an instance, and whether each subset of its devices truly keeps the limit."""
    oracle, count = Oracle(instance), len(instance.devices)
    subsets = [frozenset(n for n in range(count) if mask >> n & 1) for mask in range(1 << count)]
    return Coverage(instance), [bool(subset) and oracle.outage(subset) <= oracle.limit for subset in subsets]


@given(data=st.data(), instance=instances(max_devices=5, domains=True))
def test_every_way_to_ask_has_the_same_answer(data: st.DataObject, instance: Instance) -> None:
    coverage, truth = judged(instance)
    count = len(instance.devices)
    order = data.draw(st.permutations(range(count)))
    split = data.draw(st.integers(0, count))
    pool, fixed = order[:split], order[split:]
    base = sum(1 << n for n in fixed)
    masks = [base + sum(1 << n for i, n in enumerate(pool) if subset >> i & 1) for subset in range(1 << split)]
    assert coverage.covered_subsets(pool, fixed).tolist() == [truth[mask] for mask in masks]
    prefixes = [truth[sum(1 << n for n in order[: length + 1])] for length in range(count)]
    assert coverage.prefixes(np.array([order]))[0].tolist() == prefixes
    members = np.array([[n if mask >> n & 1 else count for n in range(count)] for mask in range(1 << count)])
    assert coverage.covers(members).tolist() == truth
    for mask, is_cover in enumerate(truth):
        own = [n for n in range(count) if mask >> n & 1]
        assert coverage.keeps_limit(own) == is_cover
        rest = np.array([[n for n in range(count) if n not in own]], dtype=np.int64)
        assert coverage.covers(rest, own).tolist() == [truth[-1]]
    joining = Joining(coverage, np.array(pool, dtype=np.int64), tuple(fixed))
    covering = [length for length in range(split + 1) if truth[base + sum(1 << n for n in pool[:length])]]
    assert joining.covering_prefix() == (covering[0] if covering else None)
    if covering:
        kept = joining.needed(range(split), split)
        assert truth[base + sum(1 << pool[i] for i in kept)]
        assert all(not truth[base + sum(1 << pool[i] for i in kept if i != out)] for out in kept)


@given(instance=instances(max_devices=5, domains=True))
def test_shares_are_those_of_the_outage_and_never_more_than_the_sum_of_single_ones(instance: Instance) -> None:
    coverage, truth = judged(instance)
    assume(coverage.need >= 1e-4)
    count = len(instance.devices)
    members = np.array([[n if mask >> n & 1 else count for n in range(count)] for mask in range(1 << count)])
    shares = coverage.shares(coverage.products(members))
    assert [share >= 1.0 - 1e-9 for share in shares.tolist()] == truth or any(
        abs(share - 1.0) < 1e-9 for share in shares.tolist()
    )
    alone = np.append(instance.arrays.cover_share, 0.0)[members].sum(axis=1)
    assert (shares <= alone + 1e-9).all()
    # What a device adds falls with what is there already.
    first, second = members[:, :1], np.full((len(members), 1), 0)
    gain = coverage.shares(coverage.joined(coverage.products(members), second[:, 0])) - shares
    assert (gain <= instance.arrays.cover_share[0] + 1e-9).all()
    assert first.shape == second.shape


def test_there_is_a_judge_only_where_shares_do_not_add_up() -> None:
    instance = random_instance(1)
    assert coverage_of(instance) is None
    domains = [{"id": "ap", "failure_probability": 0.01}, {"id": "safe", "failure_probability": 0.0}]
    fields = {name: getattr(instance, name) for name in type(instance).model_fields}

    def placed(*names: str | None) -> Instance:
        devices = [
            {**dict(device), "failure_domain": name}
            for device, name in zip(instance.devices, [*names, *([None] * len(instance.devices))], strict=False)
        ]
        return type(instance).model_validate({**fields, "devices": devices, "failure_domains": domains})

    assert coverage_of(placed("ap")) is None
    assert coverage_of(placed("safe", "safe")) is None
    assert coverage_of(placed("ap", "ap").with_requirements(max_group_outage=1.0)) is None
    shared = placed("ap", "ap")
    assert coverage_of(shared) is coverage_of(shared)
    assert isinstance(coverage_of(shared), Coverage)


def test_a_judge_does_not_keep_its_instance() -> None:
    instance = with_domains(random_instance(1), 1)
    coverage_of(instance)
    arrays = weakref.ref(instance.arrays)
    del instance
    gc.collect()
    assert arrays() is None


def test_a_limit_that_a_product_meets_exactly_is_kept() -> None:
    base = with_domains(random_instance(3), 3)
    fields = {name: getattr(base, name) for name in type(base).model_fields}
    devices = [{**dict(d), "failure_domain": "ap", "failure_probability": 0.3} for d in base.devices[:2]]
    limit = float(Fraction(1, 10) + Fraction(9, 10) * Fraction(9, 100))
    instance = (
        type(base)
        .model_validate({**fields, "devices": devices, "failure_domains": [{"id": "ap", "failure_probability": 0.1}]})
        .with_requirements(max_group_outage=limit)
    )
    assert Coverage(instance).covered_subsets([0, 1]).tolist() == [False, False, False, True]
    assert Coverage(instance).keeps_limit([0, 1])
