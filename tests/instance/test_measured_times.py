"""Files of measured times, and the devices that they are entered into."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from rocoin_opt.instance.entities import ComputeTime
from rocoin_opt.instance.measured_times import read_measured_times, with_times

TIMES = {"pi": {"a": 0.5, "b": ComputeTime(seconds=0.25, seconds_per_filter=0.001)}, "nano-1": {"a": 0.125}}
AS_JSON = {
    "format": "rocoin-opt/measured",
    "version": 1,
    "compute_seconds": {"pi": {"a": 0.5, "b": {"seconds": 0.25, "seconds_per_filter": 0.001}}, "nano-1": {"a": 0.125}},
}
AS_CSV = "device,student,seconds,seconds_per_filter\npi,a,0.5,\npi,b,0.25,0.001\nnano-1,a,0.125,0\n"


def seconds_of(times):
    return {
        device: {
            student: (entry.seconds, entry.seconds_per_filter) if isinstance(entry, ComputeTime) else (entry, 0.0)
            for student, entry in table.items()
        }
        for device, table in times.items()
    }


def test_both_formats_say_the_same(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(AS_JSON))
    (tmp_path / "t.csv").write_text(AS_CSV)
    for name in ("t.json", "t.csv"):
        assert seconds_of(read_measured_times(tmp_path / name)) == seconds_of(TIMES)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.txt", "", r"t\.txt: found the ending '\.txt'; allowed: \.json or \.csv"),
        ("t.csv", "", "line 1: found nothing; allowed: device, student, seconds and, if wanted, seconds_per_filter"),
        ("t.csv", "device,student,ms\nd,s,3\n", "line 1: found device, student, ms"),
        ("t.csv", "device,student,seconds\nd,s\n", "line 2: found another number of fields"),
        ("t.csv", "device,student,seconds\nd,s,\n", 'line 2, seconds: found ""; allowed: a number of at least 0'),
        ("t.csv", "device,student,seconds\nd,s,-1\n", 'line 2, seconds: found "-1"'),
        ("t.csv", "device,student,seconds\nd,s,nan\n", 'line 2, seconds: found "nan"'),
        ("t.csv", "device,student,seconds,seconds_per_filter\nd,s,1,x\n", 'line 2, seconds_per_filter: found "x"'),
        (
            "t.csv",
            "device,student,seconds\nd,s,1\nd,s,2\n",
            "line 3: found d, s; allowed: each device and student once",
        ),
        ("t.csv", "device,student,seconds\n", "compute_seconds"),
        ("t.json", json.dumps({**AS_JSON, "compute_seconds": {"d": {}}}), r"compute_seconds\.d"),
        ("t.json", json.dumps({**AS_JSON, "compute_seconds": {"d": {"s": -1}}}), r"compute_seconds\.d\.s.*at least 0"),
        ("t.json", json.dumps({**AS_JSON, "seconds": {}}), "seconds"),
    ],
)
def test_faults_are_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ro.InputError, match=message):
        read_measured_times(tmp_path / name)


def devices(*names, **options):
    fields = {"flops_per_second": 1e9, "memory_bytes": 1e6, "uplink_bits_per_second": 1e6, "failure_probability": 0.1}
    return tuple(ro.Device(id=name, **fields, **options) for name in names)


def test_a_name_means_a_device_or_all_that_are_numbered_after_it():
    given = devices("pi-0", "pi-1", "pi", "nano-1", "nano-1-2", "pi-x", source="told")
    found = with_times(given, TIMES, source="t", origin="measured")
    assert [device.compute_seconds for device in found] == [None, None, TIMES["pi"], TIMES["nano-1"], None, None]
    assert found[2].source == "told; compute_seconds of a, b: measured"
    assert found[0] is given[0]
    numbered = with_times(given[:2], {"pi": {"a": 1.0}}, source="t", origin="measured")
    assert [device.compute_seconds for device in numbered] == [{"a": 1.0}] * 2


def test_what_a_device_holds_of_other_students_stays():
    given = devices("pi", compute_seconds={"a": 9.0, "c": 3.0})
    (found,) = with_times(given, {"pi": {"a": 1.0}}, source="t", origin="measured")
    assert found.compute_seconds == {"a": 1.0, "c": 3.0}


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"po": {"a": 1.0}}, r"t: compute_seconds\.po: found no such device; allowed: one of pi-0, pi-1"),
        ({"pi": {"a": 1.0}, "pi-1": {"a": 2.0}}, r"t: compute_seconds\.pi-1: found pi-1; .* pi means it too"),
    ],
)
def test_names_of_no_device_or_two_times_are_refused(times, message):
    with pytest.raises(ro.InputError, match=message):
        with_times(devices("pi-0", "pi-1"), times, source="t", origin="measured")
