"""Spoilt files of every kind, each by its seed, and what reading them must end in: an answer, or an error of ours."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import sqlite3
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

import rocoin_opt as ro
from rocoin_opt.batch.database import DATABASE, StoreError
from rocoin_opt.batch.store import Store
from rocoin_opt.documents import readable_json
from rocoin_opt.instance.device_files import read_device_file
from rocoin_opt.plan.files import read_plan_document, result_document
from runs import row
from spoil import JUNK, paths_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from rocoin_opt.batch.results import ItemResult

LARGE: list[Any] = [
    [{}] * 3000,
    [[]] * 3000,
    [None] * 3000,
    ["x"] * 3000,
    {f"field-{number}": 0 for number in range(3000)},
    "x" * 10**6,
    [0.5] * 3000,
    {"law": "empirical", "values": [0] * 3000},
    {"edges": [[0, 1, -1]] * 3000},
    {"edges": [[n % 7, n // 7 % 7, 1.0] for n in range(3000)]},
    [{"id": "b", "board": "h7a3", "link": "wifi-54", "failure_probability": 0.1, "count": 10**6}],
]
"""Values whose faults are many, or that stand for much more than they are."""
LARGEST_TEXT = 2**21
BYTES = [
    b"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"{",
    b"[" * 5000,
    b'"',
    b"1e999",
    b"9" * 5000,
    b"NaN",
    b"\r",
]
DEVICES = {
    "format": "rocoin-opt/devices",
    "version": 1,
    "devices": [
        {
            "id": "own",
            "flops_per_second": 1e9,
            "memory_bytes": 1e9,
            "uplink_bits_per_second": 1e6,
            "failure_probability": 0.1,
            "failure_domain": "ap",
        }
    ],
    "boards": [{"id": "h7", "board": "h7a3-float32", "link": "wifi-54", "failure_probability": 0.1, "count": 2}],
    "failure_domains": [{"id": "ap", "failure_probability": 0.01}],
    "requirements": {"max_group_outage": 0.05},
}


class Samples:
    """Sound files in a folder of their own, which are spoilt one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.instance = ro.generate("paper", devices=5, seed=1, filters=8, graph=True, slowdowns=True)
        ro.write_instance(folder / "sound.json", self.instance)
        self.documents = [json.loads((folder / "sound.json").read_text())]
        edges = copy.deepcopy(self.documents[0])
        edges["knowledge"]["graph"] = {"edges": [[0, 1, 0.5], [1, 0, 0.5], [2, 3, 1]]}
        del edges["knowledge"]["class_affinity"]
        edges["failure_domains"] = [{"id": "ap", "failure_probability": 0.01}]
        self.documents.append(edges)
        result = ro.solve(ro.generate("edge", devices=5, seed=1), "greedy")
        self.plan = result_document(ro.generate("edge", devices=5, seed=1), result)
        self.archive = (folder / "sound.npz").read_bytes()
        self.run = folder / "run"
        self.results = [self._result(number) for number in range(12)]
        with Store.writer(self.run) as store:
            store.add(self.results)
        self.database = (self.run / DATABASE).read_bytes()

    def _result(self, number: int) -> ItemResult:
        text = readable_json({**self.plan, "spares": [f"spare-{n}" for n in range(40 * number)]}) + "\n"
        made = row(f"/somewhere/{number}.json", "greedy", 0.5, 0.25)
        file = f"plans/{made.item[:2]}/{made.item}.plan.json"
        digest = hashlib.sha256(text.encode()).hexdigest()
        return replace(made, plan_text=text, plan_file=file, plan_sha256=digest, reasons=("Gerät",))


def spoilt_text(document: Any, chance: random.Random) -> bytes:
    """A document with places replaced, left out or renamed, or with its bytes changed."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        path = chance.choice(paths_of(document) or [()])
        parent = document
        for part in path[:-1]:
            parent = parent[part]
        if not path:
            continue
        kind = chance.random()
        if kind < 0.6:
            parent[path[-1]] = copy.deepcopy(chance.choice(JUNK if kind < 0.5 else LARGE))
        elif kind < 0.8:
            del parent[path[-1]]
        elif isinstance(parent, list):
            parent += parent * chance.choice((1, 100))
        else:
            parent[f"{path[-1]}s"] = parent.pop(path[-1])
        text = json.dumps(document)
        if len(text) > LARGEST_TEXT:
            break
        # Anew, because what stands there often is one object, which would grow everywhere at once.
        document = json.loads(text)
    content = json.dumps(document)[:LARGEST_TEXT].encode()
    return spoilt_bytes(content, chance) if chance.random() < 0.4 else content


def spoilt_bytes(content: bytes, chance: random.Random) -> bytes:
    """Bytes with some flipped, cut out, repeated or put in."""
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        place, kind = chance.randrange(len(found) + 1), chance.random()
        if kind < 0.5 and place < len(found):
            found[place] ^= 1 << chance.randrange(8)
        elif kind < 0.6:
            del found[place : place + chance.choice((1, 10, 4096))]
        elif kind < 0.7:
            del found[place:]
        elif kind < 0.8:
            found[place:place] = found[place : place + chance.choice((1, 50, 4096))]
        elif kind < 0.9:
            found[place:place] = chance.choice(BYTES)
        else:
            found[place : place + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\x80"))
    return bytes(found)


def arrays_of(chance: random.Random, names: list[str]) -> dict[str, Any]:
    """Arrays of any kind and shape under some of these names."""

    def array() -> Any:
        shape = tuple(chance.choice((0, 1, 2, 3, 8, 8)) for _ in range(chance.choice((0, 1, 1, 2, 2, 2, 3))))
        kind = chance.choice(("f8", "f8", "f4", "i1", "i8", "u8", "?", "c16", "U3", "S3", "M8[s]", "f2", "V4", ">f8"))
        values = np.zeros(shape, dtype=kind)
        if kind in ("f8", "f4", "i1", "i8", "u8", "?", "f2", ">f8"):
            values = (values.astype(float) + chance.choice((0, 1, 0.5, -1, 7, 1e300, np.nan, np.inf))).astype(kind)
        return values if chance.random() < 0.9 else chance.choice((3, "csr", b"csr", "x" * 1000, 2**62, -1, [2, 2]))

    return {name: array() for name in names if chance.random() < 0.2}


def spoilt_archive(chance: random.Random, sound: dict[str, Any], names: list[str]) -> bytes:
    """An archive with odd arrays or bytes."""
    content = io.BytesIO()
    kind = chance.random()
    arrays = dict(sound)
    with np.errstate(all="ignore"):
        arrays |= arrays_of(chance, names) if kind < 0.5 else {}
    save = chance.choice((np.savez, np.savez_compressed))
    save(content, **{name: values for name, values in arrays.items() if kind >= 0.3 or chance.random() < 0.8})
    if kind < 0.5:
        return content.getvalue()
    if kind < 0.9:
        return spoilt_bytes(content.getvalue(), chance)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", chance.choice((0, 8, 12, 14))) as archive:
        for name in sound:
            entry = io.BytesIO()
            np.save(entry, np.asarray(sound[name]))
            archive.writestr(f"{name}.npy", spoilt_bytes(entry.getvalue(), chance))
    return packed.getvalue()


def instance_case(samples: Samples, chance: random.Random) -> None:
    """Read a spoilt instance, and look at what a reader computes at once."""
    file = samples.folder / "spoilt.json"
    file.write_bytes(spoilt_text(chance.choice(samples.documents), chance))
    found = ro.read_instance(file)
    assert len(found.sha256) == 64
    assert found.arrays is not None


def plan_case(samples: Samples, chance: random.Random) -> None:
    """Read a spoilt plan."""
    file = samples.folder / "spoilt.plan.json"
    file.write_bytes(spoilt_text(samples.plan, chance))
    read_plan_document(file)


def device_case(samples: Samples, chance: random.Random) -> None:
    """Read a spoilt device file."""
    file = samples.folder / "spoilt-devices.json"
    file.write_bytes(spoilt_text(DEVICES, chance))
    read_device_file(file)


def graph_case(samples: Samples, chance: random.Random) -> None:
    """Read an instance whose matrices are spoilt."""
    with np.load(io.BytesIO(samples.archive)) as arrays:
        sound = {name: arrays[name] for name in arrays.files}
    if chance.random() < 0.5:
        content = io.BytesIO()
        sparse = sp.csr_array(sound["weights"]).asformat(chance.choice(("csr", "csc", "bsr", "coo", "dia")))
        sp.save_npz(content, sparse)
        content.seek(0)
        with np.load(content) as parts:
            sound = {name: parts[name] for name in parts.files} | {"class_affinity": sound["class_affinity"]}
    file = samples.folder / "graph.json"
    document = copy.deepcopy(samples.documents[0])
    document["knowledge"]["graph"]["path"] = document["knowledge"]["class_affinity"]["path"] = "spoilt.npz"
    file.write_text(json.dumps(document))
    (samples.folder / "spoilt.npz").write_bytes(spoilt_archive(chance, sound, list(sound)))
    assert len(ro.read_instance(file).sha256) == 64


def trace_case(samples: Samples, chance: random.Random) -> None:
    """Read spoilt traces."""
    names = [device.id for device in samples.instance.devices][:3]
    sound = {"devices": names, "compute": np.full((4, 3), 1.5), "link": np.ones((4, 3)), "alive": np.ones((4, 3), bool)}
    file = samples.folder / "traces.npz"
    file.write_bytes(spoilt_archive(chance, sound, [*sound, "other"]))
    ro.read_traces(file, samples.instance)


def store_case(samples: Samples, chance: random.Random) -> None:
    """Continue a run whose database is spoilt, and hold that what is said to be done can be read."""
    for file in samples.run.iterdir():
        if file.is_file():
            file.unlink()
    content = samples.database
    if chance.random() < 0.7:
        found = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 4))):
            found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
        content = bytes(found)
    else:
        content = spoilt_bytes(content, chance)
    (samples.run / DATABASE).write_bytes(content)
    try:
        with Store.open(samples.run) as store:
            list(store.rows(superseded=True))
    except StoreError:
        pass
    with Store.writer(samples.run) as store:
        done = store.finished()
        missing = [result for result in samples.results if result.item not in done]
        assert {row.item for row in store.rows(superseded=True)} == set(done)
        for result in samples.results:
            if result.item in done:
                assert store.result(result.item) == result
        store.add(missing)
    with Store.writer(samples.run) as store:
        assert len(store.finished()) == len(samples.results)
        store.supersede((r.item, r.path, r.fingerprint, r.method, r.objective, r.seed) for r in samples.results)
        assert len(list(store.rows())) == len(samples.results)
    # SQLite's own view: nothing is left that it would complain about later.
    connection = sqlite3.connect(samples.run / DATABASE)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


CASES: dict[str, Callable[[Samples, random.Random], None]] = {
    "instance": instance_case,
    "plan": plan_case,
    "device": device_case,
    "graph": graph_case,
    "trace": trace_case,
    "store": store_case,
}
