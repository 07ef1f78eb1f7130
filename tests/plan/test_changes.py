"""What a plan keeps of an older one, worked out by hand."""

from __future__ import annotations

from examples import two_pairs
from rocoin_opt.plan.changes import Load, continuation
from rocoin_opt.plan.model import Group, Plan


def plan(*groups: tuple[str, int, tuple[int, ...] | None]) -> Plan:
    return Plan.of(
        two_pairs(),
        [
            Group(devices=tuple(names.split()), student="s", num_filters=size, filters=part)
            for names, size, part in groups
        ],
    )


def test_a_group_goes_on_with_its_student_and_size() -> None:
    found = continuation(two_pairs(), plan(("d0 d1", 4, None)), plan(("d0 d2", 4, None)))
    assert found.continued == (0,)
    assert found.loads == (Load("d2", "s", 4, 1.0),)
    assert found.shipped_bytes == 1.0


def test_another_size_is_another_part() -> None:
    found = continuation(two_pairs(), plan(("d0 d1", 4, None)), plan(("d0 d1", 3, None), ("d2 d3", 1, None)))
    assert found.continued == (None, None)
    assert [load.device for load in found.loads] == ["d0", "d1", "d2", "d3"]


def test_explicit_filters_must_be_the_same() -> None:
    old = plan(("d0 d1", 2, (0, 1)), ("d2 d3", 2, (2, 3)))
    assert continuation(two_pairs(), old, plan(("d0 d1", 2, (1, 2)), ("d2 d3", 2, (0, 3)))).continued == (None, None)
    assert continuation(two_pairs(), old, plan(("d0 d1", 2, (2, 3)), ("d2 d3", 2, (0, 1)))).continued == (None, None)
    # Sizes are all that a plan without filters says.
    assert continuation(two_pairs(), old, plan(("d0 d3", 2, None), ("d1 d2", 2, None))).continued == (0, 1)


def test_an_old_group_goes_on_once_where_most_devices_stay() -> None:
    old = plan(("d0 d1 d2", 2, None), ("d3", 2, None))
    found = continuation(two_pairs(), old, plan(("d0", 2, None), ("d1 d2", 2, None)))
    assert found.continued == (None, 0)
    assert [load.device for load in found.loads] == ["d0"]
