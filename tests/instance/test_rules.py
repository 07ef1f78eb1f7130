"""Rules of a user's own: read, refused, written, and their fingerprint."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from rocoin_opt.instance.rules import Restrictions


@pytest.fixture
def fields() -> dict:
    instance = ro.generate("edge", devices=5, seed=0)
    return json.loads(instance.model_dump_json())


def ruled(fields: dict, *rules: dict) -> ro.Instance:
    return ro.Instance.model_validate({**fields, "rules": list(rules)})


def ids(fields: dict) -> list[str]:
    return [device["id"] for device in fields["devices"]]


def test_rules_are_read_and_written_as_they_were_given(fields, tmp_path) -> None:
    a, b, c, *_ = ids(fields)
    rules = ({"apart": [a, b]}, {"together": [b, c]}, {"use": [a]}, {"spare": [c]}, {"spread": 2})
    instance = ruled(fields, *rules)
    ro.write_instance(tmp_path / "x.json", instance)
    assert json.loads((tmp_path / "x.json").read_text())["rules"] == [dict(rule) for rule in rules]
    assert ro.read_instance(tmp_path / "x.json") == instance
    assert [rule.kind for rule in instance.rules] == ["apart", "together", "use", "spare", "spread"]
    assert str(instance.rules[0]) == f"apart {a}, {b}"


@pytest.mark.parametrize(
    ("rules", "where", "allowed"),
    [
        ([{"apart": ["nobody"]}], "rules[0].apart[0]", "the id of a device"),
        ([{"use": []}], "rules[0].use", "at least 1"),
        ([{"spread": 0}], "rules[0].spread", "1"),
        ([{}], "rules[0]", "exactly one of apart, together, use, spare, spread"),
        ([{"apart": ["A"], "use": ["A"]}], "rules[0]", "exactly one of"),
        ([{"near": ["A"]}], "rules[0].near", ""),
        ([{"together": ["A", "B", "A"]}], "rules[0].together[2]", "each device once"),
        ([{"use": ["A", "B"]}, {"spare": ["B"]}], "rules[1].spare[0]", "no other rule wants to use"),
    ],
)
def test_what_is_no_rule_is_refused_at_its_place(fields, rules, where, allowed, tmp_path) -> None:
    names = dict(zip("AB", ids(fields), strict=False))
    text = json.dumps({"format": "rocoin-opt/instance", "version": 1, **fields, "rules": rules})
    for letter, name in names.items():
        text = text.replace(f'"{letter}"', f'"{name}"')
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ro.InputError) as caught:
        ro.read_instance(tmp_path / "x.json")
    assert where in str(caught.value)
    assert allowed in str(caught.value)


def test_students_of_a_device_are_the_instances_each_once(fields) -> None:
    known = [student["id"] for student in fields["students"]]
    fields["devices"][0]["students"] = known[:1]
    instance = ro.Instance.model_validate(fields)
    assert (instance.arrays.largest[0, 1:] == 0).all()
    assert (instance.arrays.largest[1:] == ro.generate("edge", devices=5, seed=0).arrays.largest[1:]).all()
    for wrong in (["nobody"], [], [known[0], known[0]]):
        fields["devices"][0]["students"] = wrong
        with pytest.raises(ValueError, match=r"student, each once|at least 1 item"):
            ro.Instance.model_validate(fields)


def test_the_fingerprint_is_that_of_what_is_said_not_of_how(fields) -> None:
    a, b, c, *_ = ids(fields)
    plain = ro.Instance.model_validate(fields)
    assert ruled(fields).sha256 == plain.sha256 == ro.generate("edge", devices=5, seed=0).sha256
    one, other = ruled(fields, {"apart": [a, b]}, {"use": [c]}), ruled(fields, {"use": [c]}, {"apart": [b, a]})
    assert one.sha256 == other.sha256 != plain.sha256
    students = [student["id"] for student in fields["students"]][:2]
    prints = set()
    for order in (students, students[::-1]):
        fields["devices"][0]["students"] = order
        prints.add(ro.Instance.model_validate(fields).sha256)
    assert len(prints) == 1
    assert plain.sha256 not in prints


def test_restrictions_are_rules_by_index(fields) -> None:
    a, b, c, d, e = ids(fields)
    rules = ruled(
        fields,
        {"together": [a, b]},
        {"together": [b, c]},
        {"apart": [d, e]},
        {"apart": [a]},
        {"spare": [e]},
        {"spread": 2},
    ).restrictions
    assert rules == Restrictions((frozenset({3, 4}),), (frozenset({0, 1, 2}),), frozenset(), frozenset({4}), 2)
    assert rules.of_groups
    assert not ruled(fields, {"spare": [e]}).restrictions.of_groups


def test_a_spare_device_holds_nothing(fields) -> None:
    instance = ruled(fields, {"spare": [ids(fields)[1]]})
    assert (instance.arrays.largest[1] == 0).all()
    assert instance.arrays.largest[0].any()


def test_devices_are_struck_from_a_rule(fields) -> None:
    rule = ro.Rule(apart=("a", "b"))
    assert rule.without(["a"]) == ro.Rule(apart=("b",))
    assert rule.without(["a", "b"]) is None
    assert ro.Rule(spread=2).without(["a"]) == ro.Rule(spread=2)
