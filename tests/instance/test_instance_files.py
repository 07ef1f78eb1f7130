"""Instance files: what is written reads back equal, and the schema agrees with the reader."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given

from rocoin_opt.errors import InputError
from rocoin_opt.instance.entities import Device
from rocoin_opt.instance.files import instance_schema, read_instance, write_instance
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.matrices import ClassAffinity, FilterGraph
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.slowdown import Constant, Empirical, Gamma, LogNormal, Pareto, ShiftedExponential, Weibull
from strategies import full_instance_document, instances

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTED = """
{
  "format": "rocoin-opt/instance", "version": 1,
  "name": "mcu-12", "description": "optional", "source": "optional: where the numbers come from",
  "devices": [
    {"id": "h7a3-0", "flops_per_second": 2.01e8, "memory_bytes": 1400000, "uplink_bits_per_second": 250000,
     "overhead_seconds": 0.004, "failure_probability": 0.08,
     "failure_domain": "ap-1",
     "compute_slowdown": {"law": "lognormal", "sigma": 0.25},
     "link_slowdown": {"law": "shifted_exponential", "rate": 4.0},
     "source": "optional"}
  ],
  "failure_domains": [{"id": "ap-1", "failure_probability": 0.01}],
  "students": [
    {"id": "wrn-16-1", "flops": 5.332e7, "flops_per_filter": 0.0, "memory_bytes": 700000,
     "memory_bytes_per_filter": 0.0, "max_filters": 40, "source": "optional"}
  ],
  "knowledge": {"num_filters": 128, "bits_per_filter": 32, "graph": {"path": "fan.npz"}},
  "requirements": {"min_groups": 1, "max_groups": 4, "max_group_outage": 0.05, "deadline_seconds": 90.0}
}
"""
"""The example of the format's documentation."""

REQUIRED = {
    (): ["format", "version", "name", "devices", "students", "knowledge", "requirements"],
    ("devices", 0): [
        "id",
        "flops_per_second",
        "memory_bytes",
        "uplink_bits_per_second",
        "failure_probability",
    ],
    ("students", 0): ["id", "flops", "memory_bytes", "max_filters"],
    ("knowledge",): ["num_filters", "bits_per_filter"],
    ("requirements",): ["max_group_outage"],
}
"""What the format's documentation calls required, by place."""


def place(document: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


SCHEMA = jsonschema.Draft202012Validator(instance_schema())


def schema_accepts(document: Any) -> bool:
    return bool(SCHEMA.is_valid(document))


@pytest.mark.filterwarnings("ignore::rocoin_opt.errors.UnitWarning")
@given(instances(graph=None, domains=True, slowdowns=True, level=None))
def test_what_is_written_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, instance: Instance) -> None:
    folder = tmp_path_factory.mktemp("files")
    write_instance(folder / "i.json", instance)
    again = read_instance(folder / "i.json")
    assert again.sha256 == instance.sha256
    assert again.devices == instance.devices
    assert again.failure_domains == instance.failure_domains
    assert again.students == instance.students
    assert again.requirements == instance.requirements
    graph = instance.knowledge.graph
    assert (again.knowledge.graph is None) == (graph is None)
    if graph is not None and again.knowledge.graph is not None:
        size = instance.knowledge.num_filters
        assert (again.knowledge.graph.dense(size) == graph.dense(size)).all()
    assert schema_accepts(json.loads((folder / "i.json").read_text(encoding="utf-8")))
    first = (folder / "i.json").read_bytes()
    write_instance(folder / "i.json", again)
    assert (folder / "i.json").read_bytes() == first


def test_the_instance_does_not_overwrite_its_own_matrices(tmp_path: Path) -> None:
    instance = generate("mcu", devices=4, seed=0, graph=True)
    with pytest.raises(InputError, match=r"a name ending in \.json"):
        write_instance(tmp_path / "i.npz", instance)
    assert not (tmp_path / "i.npz").exists()


def test_a_full_document_survives_reading_and_writing(tmp_path: Path) -> None:
    document = full_instance_document()
    (tmp_path / "i.json").write_text(json.dumps(document))
    write_instance(tmp_path / "again.json", read_instance(tmp_path / "i.json"))
    assert json.loads((tmp_path / "again.json").read_text()) == document
    assert schema_accepts(document)


@pytest.mark.parametrize("field", ["success_level", "min_success"])
def test_a_wish_is_written_and_enters_the_fingerprint_only_where_there_is_one(tmp_path: Path, field: str) -> None:
    document = full_instance_document()
    del document["requirements"][field]
    (tmp_path / "i.json").write_text(json.dumps(document))
    before = read_instance(tmp_path / "i.json")
    write_instance(tmp_path / "before.json", before)
    text = (tmp_path / "before.json").read_text()
    assert field not in text
    assert field not in before.model_dump_json()
    document["requirements"][field] = None
    (tmp_path / "null.json").write_text(json.dumps(document))
    same = read_instance(tmp_path / "null.json")
    assert same.sha256 == before.sha256
    write_instance(tmp_path / "same.json", same)
    assert (tmp_path / "same.json").read_text() == text
    wanted = [before.with_requirements(**{field: level}) for level in (0.9, 0.95)]
    assert len({before.sha256, *(instance.sha256 for instance in wanted)}) == 3
    write_instance(tmp_path / "wanted.json", wanted[0])
    assert json.loads((tmp_path / "wanted.json").read_text())["requirements"][field] == 0.9
    again = read_instance(tmp_path / "wanted.json")
    assert again.requirements == wanted[0].requirements
    assert again.sha256 == wanted[0].sha256
    assert wanted[0].with_requirements(**{field: None}).sha256 == before.sha256


@pytest.mark.parametrize("field", ["success_level", "min_success"])
@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.5, "0.9", True, [], 1e-300, 0.5, 1 - 2**-53])
def test_reader_and_schema_agree_on_probabilities_asked_for(tmp_path: Path, level: Any, field: str) -> None:
    document = full_instance_document()
    document["requirements"][field] = level
    (tmp_path / "i.json").write_text(json.dumps(document))
    # Of a level the ends mean nothing; as the least success they are no wish and certainty.
    allowed = isinstance(level, float) and (0.0 < level < 1.0 or (field == "min_success" and level in (0.0, 1.0)))
    assert schema_accepts(document) == allowed
    if allowed:
        assert getattr(read_instance(tmp_path / "i.json").requirements, field) == level
        return
    with pytest.raises(InputError, match=rf"requirements\.{field}"):
        read_instance(tmp_path / "i.json")


def test_laws_made_in_python_are_written_with_their_name(tmp_path: Path) -> None:
    laws = [
        Constant(),
        ShiftedExponential(rate=1.0),
        LogNormal(sigma=1.0),
        Gamma(shape=1.0),
        Weibull(shape=1.0),
        Pareto(alpha=1.0),
        Empirical(values=(1.0,)),
    ]
    document = full_instance_document()
    del document["format"], document["version"]
    document["devices"] = tuple(
        Device(
            id=f"d{n}",
            flops_per_second=1e9,
            memory_bytes=1e6,
            uplink_bits_per_second=1e6,
            failure_probability=0.0,
            compute_slowdown=law,
        )
        for n, law in enumerate(laws)
    )
    instance = Instance.model_validate(document)
    write_instance(tmp_path / "i.json", instance)
    assert read_instance(tmp_path / "i.json").devices == instance.devices


def test_matrices_are_written_beside_the_file(tmp_path: Path) -> None:
    document = full_instance_document()
    del document["format"], document["version"]
    weights = np.ones((6, 6)) - np.eye(6)
    document["knowledge"]["graph"] = FilterGraph.from_weights(weights)
    document["knowledge"]["class_affinity"] = ClassAffinity.from_values(np.ones((3, 6)))
    instance = Instance.model_validate(document)
    write_instance(tmp_path / "name.json", instance)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["name.json", "name.npz"]
    again = read_instance(tmp_path / "name.json")
    assert again.sha256 == instance.sha256
    assert again.knowledge.class_affinity == instance.knowledge.class_affinity
    # Files that came with a name keep it, below the new folder too.
    (tmp_path / "sub").mkdir()
    (tmp_path / "name.npz").rename(tmp_path / "sub" / "fan.npz")
    (tmp_path / "name.json").write_text((tmp_path / "name.json").read_text().replace("name.npz", "sub/fan.npz"))
    write_instance(tmp_path / "other" / "moved.json", read_instance(tmp_path / "name.json"))
    assert (tmp_path / "other" / "sub" / "fan.npz").exists()
    assert read_instance(tmp_path / "other" / "moved.json").sha256 == instance.sha256


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    document = full_instance_document()
    del document["format"], document["version"]
    plain = Instance.model_validate(document)
    document["knowledge"]["graph"] = FilterGraph.from_weights(np.zeros((6, 6)))
    with_matrix = Instance.model_validate(document)
    (tmp_path / "file").touch()
    for instance in (plain, with_matrix):
        with pytest.raises(InputError, match=r"file.*allowed: a "):
            write_instance(tmp_path / "file" / "i.json", instance)


def test_the_documented_example_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text(DOCUMENTED)
    np.savez(tmp_path / "fan.npz", weights=np.ones((128, 128)) - np.eye(128))
    instance = read_instance(tmp_path / "i.json")
    assert instance.devices[0].compute_slowdown == LogNormal(sigma=0.25)
    assert instance.requirements.max_groups == 4
    assert schema_accepts(json.loads(DOCUMENTED))


def test_defaults(tmp_path: Path) -> None:
    document = full_instance_document()
    for where, names in REQUIRED.items():
        part = place(document, where)
        for name in set(part) - set(names):
            del part[name]
    document["devices"] = document["devices"][:1]
    assert schema_accepts(document)
    (tmp_path / "i.json").write_text(json.dumps(document))
    instance = read_instance(tmp_path / "i.json")
    device, student, requirements = instance.devices[0], instance.students[0], instance.requirements
    assert (device.overhead_seconds, device.failure_domain, device.compute_slowdown) == (0.0, None, None)
    assert (student.flops_per_filter, student.memory_bytes_per_filter) == (0.0, 0.0)
    assert (requirements.min_groups, instance.max_groups, requirements.deadline_seconds) == (1, 1, None)
    assert instance.knowledge.graph is None


@pytest.mark.parametrize(("where", "name"), [(where, name) for where, names in REQUIRED.items() for name in names])
def test_required_fields_are_required_by_reader_and_schema(
    tmp_path: Path, where: tuple[str | int, ...], name: str
) -> None:
    document = full_instance_document()
    del place(document, where)[name]
    assert not schema_accepts(document)
    (tmp_path / "i.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_instance(tmp_path / "i.json")
    path = ".".join(f"[{part}]" if isinstance(part, int) else part for part in (*where, name)).replace(".[", "[")
    assert caught.value.problems[0].field == path
    assert caught.value.problems[0].found == "nothing"


@pytest.mark.parametrize(
    "where",
    [
        (),
        ("devices", 1),
        ("devices", 2, "compute_slowdown"),
        ("failure_domains", 0),
        ("students", 0),
        ("knowledge",),
        ("knowledge", "graph"),
        ("requirements",),
    ],
)
def test_unknown_fields_are_refused_by_reader_and_schema(tmp_path: Path, where: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(full_instance_document())
    place(document, where)["colour"] = "red"
    assert not schema_accepts(document)
    (tmp_path / "i.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="colour: found an unknown field; allowed: only the fields of the format"):
        read_instance(tmp_path / "i.json")


def test_the_schema_is_a_valid_schema_with_descriptions() -> None:
    schema = instance_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$defs"]["Device"]["properties"]["memory_bytes"]["description"].startswith("Memory m")
    assert schema["properties"]["version"] == {"const": 1, "type": "integer"}


def test_matrices_of_others_in_the_same_file_stay(tmp_path):
    """An instance written beside the one that it was read from leaves the file that both share as it is."""
    write_instance(tmp_path / "both.json", generate("edge", devices=4, filters=8, graph=True))
    fields = json.loads((tmp_path / "both.json").read_text())
    del fields["knowledge"]["class_affinity"]
    (tmp_path / "one.json").write_text(json.dumps(fields))
    before = read_instance(tmp_path / "both.json")
    write_instance(tmp_path / "left.json", read_instance(tmp_path / "one.json"))
    assert read_instance(tmp_path / "both.json") == before
    assert read_instance(tmp_path / "left.json").sha256 == read_instance(tmp_path / "one.json").sha256
    (tmp_path / "both.npz").write_bytes(b"")
    write_instance(tmp_path / "left.json", before)
    assert read_instance(tmp_path / "left.json") == before
