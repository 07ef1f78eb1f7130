"""The data classes of an instance: their rules, their frozenness, and the fingerprint."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rocoin_opt.documents import validate
from rocoin_opt.errors import InputError
from rocoin_opt.instance.entities import Device
from rocoin_opt.instance.matrices import ClassAffinity, FilterGraph
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.slowdown import Constant, LogNormal
from strategies import full_instance_document, instances

if TYPE_CHECKING:
    import random


def fields() -> dict[str, Any]:
    """Fields of the full instance, below its header."""
    document = full_instance_document()
    return {key: value for key, value in document.items() if key not in ("format", "version")}


def refusal(data: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        validate(Instance, data, "i.json")
    return str(caught.value).removeprefix("i.json: ")


def changed(path: str, value: Any) -> dict[str, Any]:
    """The full instance with one value set; the path's parts are separated by dots."""
    data = copy.deepcopy(fields())
    *parents, last = path.split(".")
    target: Any = data
    for part in parents:
        target = target[int(part)] if part.isdigit() else target[part]
    target[int(last) if last.isdigit() else last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        ("name", "", "a text of at least 1 character"),
        ("devices.3.flops_per_second", 0, "a number of at least 1e-15"),
        ("devices.3.flops_per_second", -5, "a number of at least 1e-15"),
        ("devices.0.flops_per_second", "2e8", "a number"),
        ("devices.0.flops_per_second", True, "a number"),
        ("devices.0.memory_bytes", 1e30, "a number of at most 1e+24"),
        ("devices.0.overhead_seconds", -1, "a number of at least 0"),
        ("devices.0.failure_probability", 1, "a number below 1"),
        ("devices.1.id", "d0", "an identifier that no other one repeats"),
        ("devices.1.id", "", "a text of at least 1 character"),
        ("devices.1.id", 7, "a text"),
        ("devices.2.failure_domain", "ap-2", "the id of a failure domain: ap-1"),
        ("devices", [], "a list of at least 1 item"),
        ("devices.2.compute_slowdown.sigma", 0.0, "a number of at least 1e-15"),
        ("devices.6.compute_slowdown.values", [], "a list of at least 1 item"),
        ("devices.6.compute_slowdown.values.1", -1.0, "a number of at least 1e-15"),
        ("students.0.max_filters", 0, "a number of at least 1"),
        ("requirements.max_groups", 0, "a number of at least 1"),
        ("requirements.max_group_outage", 1.5, "a number of at most 1; 1.5 % is 0.015"),
        *(
            (
                "requirements.max_group_outage",
                limit,
                "0, or at least 1e-300: below, products of probabilities are no numbers",
            )
            for limit in (1e-316, 5e-324, 9.9e-301)
        ),
        ("requirements.deadline_seconds", 0, "a number of at least 1e-15"),
        ("requirements.min_success", -0.5, "a number of at least 0"),
        ("requirements.min_success", 1.5, "a number of at most 1; 1.5 % is 0.015"),
        ("requirements.min_success", "0.9", "a number; write 0.9, without quotes"),
        ("requirements.min_success", True, "a number"),
        ("requirements.min_success", [0.9], "a number"),
        ("requirements.success_level", 0, "a number above 0"),
        ("requirements.success_level", -0.5, "a number above 0"),
        ("requirements.success_level", 1, "a number below 1"),
        ("requirements.success_level", 95, "a number below 1; 95 % is 0.95"),
        ("requirements.success_level", "0.9", "a number; write 0.9, without quotes"),
        ("requirements.success_level", True, "a number"),
        ("requirements.success_level", [0.9], "a number"),
    ],
)
def test_each_rule_is_refused_by_field(path: str, value: Any, allowed: str) -> None:
    field = re.sub(r"\.(\d+)", r"[\1]", path)
    assert refusal(changed(path, value)) == f"{field}: found {json.dumps(value)}; allowed: {allowed}"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "devices.2.colour",
            "red",
            "devices[2].colour: found an unknown field; allowed: only the fields of the format",
        ),
        (
            "devices.2.compute_slowdown",
            {"sigma": 1.0},
            "devices[2].compute_slowdown: found {\"sigma\": 1.0}; allowed: an object with the field 'law'",
        ),
        (
            "knowledge.num_filters",
            3,
            "knowledge.graph.edges[1]: found [2, 5]; allowed: two different filters below 3, each pair once",
        ),
        (
            "requirements.min_groups",
            5,
            "requirements.max_groups: found 4; allowed: at least min_groups, which is 5",
        ),
    ],
)
def test_other_refusals(path: str, value: Any, message: str) -> None:
    assert refusal(changed(path, value)) == message


def test_an_unknown_law_and_half_a_filter() -> None:
    message = refusal(changed("devices.2.compute_slowdown", {"law": "normal"}))
    assert message.startswith(
        "devices[2].compute_slowdown: found {\"law\": \"normal\"}; allowed: 'law' one of 'constant', "
    )
    assert refusal(changed("students.0.max_filters", 2.5)).startswith("students[0].max_filters: found 2.5; allowed: ")


def test_a_domain_without_any_defined() -> None:
    data = fields()
    del data["failure_domains"]
    assert refusal(data) == (
        'devices[0].failure_domain: found "ap-1"; allowed: the id of a failure domain: none is defined'
    )


def test_everything_is_frozen() -> None:
    instance = Instance.model_validate(fields())
    with pytest.raises(ValidationError, match="frozen"):
        instance.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        instance.devices[0].failure_probability = 0.0  # type: ignore[misc]


def test_a_device_is_random_unless_its_laws_are_constant() -> None:
    device = Device(
        id="d",
        flops_per_second=1.0,
        memory_bytes=1.0,
        uplink_bits_per_second=1.0,
        failure_probability=0.0,
        compute_slowdown=Constant(),
    )
    assert not device.is_random
    assert device.model_copy(update={"link_slowdown": LogNormal(sigma=1.0)}).is_random


def test_whole_numbers_are_numbers_wherever_they_stand() -> None:
    assert (
        Instance.model_validate(changed("devices.0.memory_bytes", 5)).sha256
        == Instance.model_validate(changed("devices.0.memory_bytes", 5.0)).sha256
    )


def shuffled(data: Any, rng: random.Random) -> Any:
    """The same JSON with the keys of every object in another order."""
    if isinstance(data, dict):
        items = [(key, shuffled(value, rng)) for key, value in data.items()]
        rng.shuffle(items)
        return dict(items)
    return [shuffled(value, rng) for value in data] if isinstance(data, list) else data


@given(st.randoms(use_true_random=False))
def test_the_fingerprint_forgets_key_order_notes_and_defaults(rng: random.Random) -> None:
    reference = Instance.model_validate(fields())
    data = shuffled(fields(), rng)
    data["description"] = "other words"
    del data["source"]
    data["devices"][0]["source"] = "elsewhere"
    data["students"][0].pop("source")
    data["requirements"]["min_groups"] = 1
    data["knowledge"]["graph"]["edges"].reverse()
    assert Instance.model_validate(data).sha256 == reference.sha256


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "other"),
        ("devices.6.failure_probability", 0.081),
        ("devices.0.compute_slowdown", {"law": "lognormal", "sigma": 0.5}),
        ("failure_domains.0.failure_probability", 0.02),
        ("students.0.max_filters", 5),
        ("knowledge.bits_per_filter", 33),
        ("knowledge.graph", {"edges": [[0, 1, 2.0], [2, 5, 0.25]]}),
        ("knowledge.graph", None),
        ("requirements.deadline_seconds", None),
    ],
)
def test_the_fingerprint_sees_what_bears_on_plans(path: str, value: Any) -> None:
    assert Instance.model_validate(changed(path, value)).sha256 != Instance.model_validate(fields()).sha256


def test_the_fingerprint_sees_the_class_affinity() -> None:
    prints = {Instance.model_validate(fields()).sha256}
    for values in (np.ones((2, 6)), np.ones((3, 6)), np.zeros((2, 6)), np.ones((2, 6))):
        affinity = ClassAffinity.from_values(values)
        prints.add(Instance.model_validate(changed("knowledge.class_affinity", affinity)).sha256)
    assert len(prints) == 1 + 3


def test_requirements_can_be_replaced_and_nothing_old_stays_behind() -> None:
    data = fields()
    data["knowledge"]["graph"] = FilterGraph.from_weights(np.ones((6, 6)) - np.eye(6))
    instance = Instance.model_validate(data)
    old_shares, old_print = instance.arrays.cover_share.copy(), instance.sha256
    stricter = instance.with_requirements(max_group_outage=0.001, deadline_seconds=None)
    assert stricter.requirements.max_group_outage == 0.001
    assert stricter.requirements.deadline_seconds is None
    assert stricter.requirements.max_groups == 4
    assert (stricter.arrays.cover_share < old_shares).all()
    assert stricter.sha256 != old_print
    assert stricter.devices == instance.devices
    assert instance.sha256 == old_print


def test_impossible_requirements_are_refused() -> None:
    with pytest.raises(ValueError, match="at least min_groups"):
        Instance.model_validate(fields()).with_requirements(min_groups=9)


def test_other_devices_replace_the_old_ones_alone() -> None:
    instance = Instance.model_validate(fields())
    safer = instance.with_devices(d.model_copy(update={"failure_probability": 0.01}) for d in instance.devices)
    assert {device.failure_probability for device in safer.devices} == {0.01}
    assert (safer.arrays.failure == 0.01).all()
    assert (safer.students, safer.knowledge, safer.requirements) == (
        instance.students,
        instance.knowledge,
        instance.requirements,
    )
    assert safer.sha256 != instance.sha256
    assert instance.with_devices(instance.devices) == instance


def test_devices_that_are_changed_are_validated() -> None:
    instance = Instance.model_validate(fields())
    first, *others = instance.devices
    law = {"law": "lognormal", "sigma": 0.3}
    slowed = instance.with_devices([first.model_copy(update={"compute_slowdown": law}), *others])
    assert slowed.devices[0].compute_slowdown == LogNormal(sigma=0.3)
    unsound = Device.model_construct(**{**first.__dict__, "failure_probability": 1.5})
    for wrong in ([unsound, *others], [first, first], []):
        with pytest.raises(InputError):
            instance.with_devices(wrong)


@pytest.mark.parametrize(("limit", "expected"), [(None, 6), (9, 6), (4, 4), (1, 1)])
def test_the_largest_number_of_groups(limit: int | None, expected: int) -> None:
    # Seven devices and six filters: no plan has more than six groups.
    assert Instance.model_validate(changed("requirements.max_groups", limit)).max_groups == expected


@given(instances(graph=None, domains=True, slowdowns=True))
def test_an_instance_equals_its_validated_self(instance: Instance) -> None:
    again = Instance.model_validate({name: getattr(instance, name) for name in Instance.model_fields})
    assert again == instance
    assert again.sha256 == instance.sha256
