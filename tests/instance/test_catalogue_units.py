"""Values in another unit draw one warning a field, honest ones none."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

import rocoin_opt as ro
from rocoin_opt.instance import read_device_file
from rocoin_opt.instance.catalogue.units import tell_units
from rocoin_opt.instance.generate.families import FAMILIES

SHIPPED = Path(__file__).parents[2] / "instances"


def changed(group: str, field: str, factor: float, places: slice = slice(None)) -> dict[str, Any]:
    """A shipped instance file, one field of which is in another unit."""
    document: dict[str, Any] = json.loads((SHIPPED / "edge" / "edge-12-0.json").read_text())
    for item in document[group][places]:
        item[field] *= factor
    return document


def told(document: dict[str, Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        tell_units(document, "file")
    assert all(issubclass(warning.category, ro.UnitWarning) for warning in found)
    return [str(warning.message) for warning in found]


@pytest.mark.parametrize(
    ("group", "field", "factor", "where", "unit"),
    [
        ("devices", "uplink_bits_per_second", 1e-6, "devices[0..11]", "read in bit/s; likely in Mbit/s"),
        ("devices", "memory_bytes", 1e-6, "devices[0..11]", "read in bytes; likely in MB or GB"),
        (
            "devices",
            "overhead_seconds",
            1e3,
            "devices[0..11]",
            "found 20 to 100, read in seconds; likely in milliseconds",
        ),
        (
            "devices",
            "flops_per_second",
            1e-6,
            "devices[0..11]",
            "found 30.66 to 252, read in FLOP/s; likely in MFLOP/s, MMAC/s, GFLOP/s or GMAC/s",
        ),
        ("students", "flops", 0.5e-6, "students[0..5]", "read in FLOP; likely in MFLOP or MMAC"),
        ("students", "memory_bytes", 1e-6, "students[0..5]", "read in bytes; likely in MB"),
    ],
)
def test_a_field_in_another_unit_is_named_once(group, field, factor, where, unit):
    (message,) = told(changed(group, field, factor))
    assert message.startswith(f"file: {where}.{field}: found ")
    assert unit in message


def test_every_unit_that_may_be_meant_is_named():
    document = changed("devices", "memory_bytes", 1.0)
    document["devices"][0]["memory_bytes"] = 300
    (message,) = told(document)
    assert message.endswith("memory_bytes: found 300, read in bytes; likely in kB or MB")


def test_overheads_of_seconds_are_told_of():
    document = changed("devices", "overhead_seconds", 1.0)
    document["devices"][0]["overhead_seconds"] = 1.0
    assert told(document) == []
    document["devices"][1]["overhead_seconds"] = 5
    assert told(document) == [
        "file: devices[1].overhead_seconds: found 5, read in seconds; likely in milliseconds",
    ]


def test_a_deadline_in_milliseconds_is_told_of():
    document = changed("devices", "overhead_seconds", 1.0)
    document["requirements"]["deadline_seconds"] = 1500
    (message,) = told(document)
    assert message.startswith(
        "file: requirements.deadline_seconds: found 1500, read in seconds; likely in milliseconds"
    )
    for fine in ({"deadline_seconds": 20.0}, {"deadline_seconds": 1e6}, {"deadline_seconds": None}):
        document["requirements"] |= fine
        assert told(document) == []
    document["requirements"]["deadline_seconds"] = 1500
    # Nothing limits an answer under a law; and measured seconds may be long.
    for field, value in {
        "link_slowdown": {"law": "pareto", "alpha": 2.0},
        "compute_seconds": {"student-13": 40.0},
    }.items():
        document["devices"][3][field] = value
        assert [message for message in told(document) if "deadline" in message] == []
        del document["devices"][3][field]


def test_places_are_folded():
    document = changed("devices", "memory_bytes", 1e-6, slice(2, 5))
    document["devices"][9]["memory_bytes"] = 2
    (message,) = told(document)
    assert message.startswith("file: devices[2..4, 9].memory_bytes: found 0.8262 to 2.332")
    for place in (0, 7, 11):
        document["devices"][place]["memory_bytes"] = 2
    assert told(document)[0].startswith("file: devices[0, 2..4, 7, 9, ...].memory_bytes")


def test_tables_in_milliseconds_are_told():
    document = changed("devices", "memory_bytes", 1.0)
    table = {"student-13": 120.0, "student-20": {"seconds": 450.0, "seconds_per_filter": 1.0}}
    document["devices"][3]["compute_seconds"] = table
    (message,) = told(document)
    assert message == ("file: devices[3].compute_seconds: found 120 to 450, read in seconds; likely in milliseconds")


def test_documents_in_units_of_their_own_are_left_alone():
    document = changed("devices", "memory_bytes", 1e-6)
    for student in document["students"]:
        student["memory_bytes"] *= 1e-6
        student["memory_bytes_per_filter"] *= 1e-6
    # What the devices can hold is the same.
    assert told(document) == []


def test_small_devices_that_hold_a_student_are_honest():
    document = changed("devices", "memory_bytes", 1.0)
    document["students"][0] |= {"memory_bytes": 900, "memory_bytes_per_filter": 1}
    document["devices"][0]["memory_bytes"] = 2048
    assert told(document) == []


def test_reading_warns(tmp_path):
    path = tmp_path / "i.json"
    path.write_text(json.dumps(changed("students", "flops", 0.5e-6)))
    with pytest.warns(ro.UnitWarning, match=r"i\.json: students\[0\.\.5\]\.flops: found "):
        ro.read_instance(path)
    device = changed("devices", "uplink_bits_per_second", 1e-6)["devices"][0]
    boards = {"id": "b", "board": "h7a3", "link": "ble-1m", "failure_probability": 0.1, "memory_bytes": 512, "count": 9}
    document = {"format": "rocoin-opt/devices", "version": 1, "devices": [device], "boards": [boards]}
    path.write_text(json.dumps({**document, "requirements": {"max_group_outage": 0.1}}))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        read_device_file(path, precision_bits=8)
    fields = [str(warning.message).split(": ")[1] for warning in found]
    assert fields == ["devices[0].uplink_bits_per_second", "boards[0].memory_bytes"]


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/*.json")), ids=lambda path: path.stem)
def test_no_shipped_file_is_told_of(path):
    assert told(json.loads(path.read_text())) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_no_generated_instance_is_told_of(family):
    for options in ({}, {"devices": 6}, {"devices": 50, "seed": 3}, {"filters": 1}, {"filters": 12}, {"filters": 4000}):
        assert told(ro.generate(family, **options).model_dump(mode="json", exclude_none=True)) == []
