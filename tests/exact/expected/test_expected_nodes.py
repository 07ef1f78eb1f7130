"""Partial plans: no completion of a node beats its bound, and no node with a completion is dropped."""

from __future__ import annotations

from functools import partial
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
from rocoin_opt.control import Control
from rocoin_opt.exact.expected import nodes as expected_nodes
from rocoin_opt.exact.expected.branch_and_bound import prove_expected
from rocoin_opt.exact.expected.levelled import levelled_bounds
from rocoin_opt.exact.expected.nodes import OPEN, SPARE, Bounding, Nodes
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.expected_model import ExpectedModel
from samples import trials
from strategies import instances
from tied_instances import tied_instance

NEVER_FAILS = 1e-280
"""Seconds by which a device that fails once in 1e300 requests, as one counts that never does, may delay an answer."""
FAR = st.sampled_from([None, 1e-3, 1e12])


def completions(instance, bounding):
    """Every feasible plan as places, sizes and value; groups are numbered by their first device."""
    known = oracle.oracle_of(instance)
    position = {int(n): i for i, n in enumerate(bounding.order)}
    found = []
    for blocks in known.decisions(feasible_only=True):
        ordered = sorted(blocks, key=lambda block: min(position[n] for n in block.devices))
        places = np.full(len(position), SPARE)
        for k, block in enumerate(ordered):
            places[[position[n] for n in block.devices]] = k
        found.append((places, np.array([block.size for block in ordered]), known.value(blocks, "expected")))
    return found


@given(st.data())
@trials(50)
def test_no_completion_beats_the_bound_of_a_node(data):
    instance = data.draw(instances(max_devices=4, max_students=2, max_filters=5, deadline=True))
    deadline = data.draw(FAR)
    if deadline is not None:
        instance = instance.with_requirements(deadline_seconds=deadline)
    model = ExpectedModel(instance)
    bounding = Bounding(model)
    known = completions(instance, bounding)
    assume(known)
    # A node around a plan: some devices open, sizes within an interval.
    places, sizes, _ = data.draw(st.sampled_from(known))
    is_open = data.draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places)))
    first = len(places) if all(is_open) else data.draw(st.integers(0, len(places)))
    node = np.where(np.array(is_open) | (np.arange(len(places)) >= first), OPEN, places)
    low = np.array([data.draw(st.integers(1, size)) for size in sizes.tolist()])
    high = np.array([data.draw(st.integers(size, model.wanted)) for size in sizes.tolist()])
    kept = bounding.kept(node[None], low[None], high[None])
    values = [
        value
        for own, parts, value in known
        if len(parts) == len(sizes)
        and ((node == OPEN) | (node == own)).all()
        and ((low <= parts) & (parts <= high)).all()
    ]
    assert len(kept) == 1
    assert kept.bound[0] <= min(values) * (1.0 + 1e-12) + NEVER_FAILS
    for own, parts, _ in known:
        if len(parts) == len(sizes) and ((node == OPEN) | (node == own)).all():
            inside = ((low <= parts) & (parts <= high)).all()
            assert inside <= ((kept.low[0] <= parts) & (parts <= kept.high[0])).all()


@given(instances(max_devices=4, max_students=2, max_filters=5, deadline=True))
def test_the_bound_of_a_node_without_choices_is_its_value(instance):
    bounding = Bounding(ExpectedModel(instance))
    for places, sizes, value in completions(instance, bounding)[:20]:
        leaf = bounding.kept(places[None], sizes[None], sizes[None])
        if len(instance.students) == 1:
            assert abs(leaf.bound[0] - value) <= 1e-12 * value + NEVER_FAILS
        assert leaf.bound[0] <= value * (1.0 + 1e-12) + NEVER_FAILS


@given(instances(max_devices=4, max_students=2, max_filters=4, deadline=True))
def test_a_root_stands_for_all_plans_with_so_many_groups(instance):
    model = ExpectedModel(instance)
    bounding = Bounding(model)
    known = completions(instance, bounding)
    for groups in range(1, model.most + 1):
        root = bounding.root(groups)
        values = [value for _, sizes, value in known if len(sizes) == groups]
        assert len(root) <= 1
        assert len(root) == 1 or not values
        if values:
            assert root.bound[0] <= min(values) * (1.0 + 1e-12) + NEVER_FAILS


def test_nodes_are_taken_and_joined_by_rows():
    nodes = Nodes(np.arange(6).reshape(3, 2), np.ones((3, 1), int), np.full((3, 1), 4), np.array([3.0, 1.0, 2.0]))
    again = Nodes.joined([nodes.at(np.array([2])), nodes.at(nodes.bound < 2.0)])
    assert again.places.tolist() == [[4, 5], [2, 3]]
    assert again.bound.tolist() == [2.0, 1.0]
    assert len(again) == 2


@given(instances(max_devices=4, max_students=2, max_filters=5, deadline=True), FAR)
@trials(100)
def test_levelled_bounds_prove_what_enumeration_finds(instance, deadline):
    if deadline is not None:
        instance = instance.with_requirements(deadline_seconds=deadline)
    best = oracle.best(instance, "expected")
    run = partial(levelled_bounds)
    with mock.patch.object(expected_nodes, "compiled_by_numba", return_value=run):
        found = prove_expected(ExpectedModel(instance), Control(), None)
    assert found.infeasible == (best is None)
    if best is not None:
        assert best[0] * (1.0 - 1e-9) <= found.lower_bound <= best[0] * (1.0 + 1e-12) + NEVER_FAILS


@pytest.mark.slow
def test_compiled_levelled_bounds_prove_what_enumeration_finds(monkeypatch):
    monkeypatch.setattr(expected_nodes, "MIN_COMPILED_DEVICES", 1)
    compared = 0
    for seed in range(150):
        instance = tied_instance(seed)
        if instance.requirements.deadline_seconds is None:
            continue
        best, found = oracle.best(instance, "expected"), prove_expected(ExpectedModel(instance), Control(), None)
        assert found.infeasible == (best is None)
        if best is not None:
            assert found.lower_bound == pytest.approx(best[0], rel=1e-9, abs=1e-12)
            assert found.lower_bound <= best[0] * (1.0 + 1e-12)
            assert value_of(instance, found.plan, "expected") == pytest.approx(best[0], rel=1e-12)
            compared += 1
    assert compared > 50
