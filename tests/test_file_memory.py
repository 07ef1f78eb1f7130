"""The largest files that are read, and crafted ones, take up less than 500 MB beside what the package itself does."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp

from rocoin_opt.documents import MAX_DOCUMENT_BYTES, MAX_PARTS
from rocoin_opt.instance.archives import MAX_ENTRIES
from rocoin_opt.instance.matrices import MAX_FILTERS, MIN_AFFINITY_BYTES
from strategies import full_instance_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 500_000_000
READ = """
import sys, warnings
from pathlib import Path
import scipy.sparse
import rocoin_opt as ro
from rocoin_opt.instance.files import read_instance
warnings.simplefilter("ignore")
# Of this program alone: resource.getrusage counts in what the process held that began this one.
def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
before = peak()
try:
    read_instance(sys.argv[1])
    print("read")
except ro.InputError as error:
    print("refused")
print(1024 * (peak() - before))
"""

Document = dict[str, Any]


def most_edges(data: Document, _: Path) -> None:
    filters = 1001
    places = [(i, j) for i in range(filters) for j in range(i)][: (MAX_PARTS - 1000) // 5]
    data["knowledge"].update(num_filters=filters, graph={"edges": [[i, j, 1 / (i + j)] for i, j in places]})


def most_devices(data: Document, _: Path) -> None:
    # As small as devices can be.
    numbers = dict.fromkeys(("flops_per_second", "memory_bytes", "uplink_bits_per_second"), 300)
    data["devices"] = [{"id": f"{n}", "failure_probability": 0, **numbers} for n in range((MAX_PARTS - 1000) // 34)]


def most_failure_domains(data: Document, _: Path) -> None:
    count = (MAX_PARTS - 1000) // 19
    data["failure_domains"] += [{"id": f"{n:x}", "failure_probability": 0.1} for n in range(count)]


def most_measured_factors(data: Document, _: Path) -> None:
    law = {"law": "empirical", "values": list(range(300, min(MAX_PARTS, 4_000_000) - 700))}
    data["devices"][0]["compute_slowdown"] = law


def wide_characters(data: Document, _: Path) -> None:
    data["description"] = "x" * (MAX_DOCUMENT_BYTES - 20_000) + "\U0001f600"


def too_many_failure_domains(data: Document, _: Path) -> None:
    data["failure_domains"] = [{"id": f"{n:x}", "failure_probability": 0.1} for n in range(700_000)]


def very_many_fields(data: Document, _: Path) -> None:
    data.update({f"{n:x}": 0 for n in range((MAX_PARTS - 1000) // 5)})


def largest_dense_graph(data: Document, folder: Path, dtype: type = np.float32) -> None:
    weights = np.ones((MAX_FILTERS, MAX_FILTERS), dtype=dtype)
    np.fill_diagonal(weights, 0)
    # It is mended too.
    weights[0, 1] *= 1 - 5e-7
    np.savez_compressed(folder / "g.npz", weights=weights)
    data["knowledge"].update(num_filters=MAX_FILTERS, graph={"path": "g.npz"})


def truth_values_beside_affinities(data: Document, folder: Path) -> None:
    largest_dense_graph(data, folder, np.bool_)
    np.savez_compressed(
        folder / "a.npz", class_affinity=np.zeros((MIN_AFFINITY_BYTES // 8 // MAX_FILTERS, MAX_FILTERS))
    )
    data["knowledge"]["class_affinity"] = {"path": "a.npz"}


def largest_sparse_graph(data: Document, folder: Path) -> None:
    half = MAX_ENTRIES // 2
    # Different pairs in any order: a filter, and one that is so many places behind it in a circle.
    rounds, i = divmod(np.random.default_rng(1).permutation(half), MAX_FILTERS)
    j = (i + 1 + rounds) % MAX_FILTERS
    weights = np.tile(np.linspace(1, 2, half), 2)
    weights[0] *= 1 + 1e-9
    graph = sp.coo_array((weights, (np.concatenate([i, j]), np.concatenate([j, i]))), shape=(MAX_FILTERS, MAX_FILTERS))
    sp.save_npz(folder / "g.npz", graph, compressed=False)
    data["knowledge"].update(num_filters=MAX_FILTERS, graph={"path": "g.npz"})


def too_many_entries(data: Document, folder: Path) -> None:
    ones = np.ones(20_000_000, dtype=np.int8)
    parts = {"format": b"coo", "shape": [MAX_FILTERS, MAX_FILTERS], "data": ones, "row": ones, "col": ones}
    np.savez_compressed(folder / "g.npz", **parts)
    data["knowledge"].update(num_filters=MAX_FILTERS, graph={"path": "g.npz"})


READABLE = (
    *(most_edges, most_devices, most_failure_domains, most_measured_factors, wide_characters),
    *(largest_dense_graph, truth_values_beside_affinities, largest_sparse_graph),
)
REFUSED = (too_many_failure_domains, very_many_fields, too_many_entries)


@pytest.mark.slow
@pytest.mark.parametrize("craft", [*READABLE, *REFUSED], ids=lambda craft: craft.__name__)
def test_no_file_takes_up_much_memory(tmp_path: Path, craft: Callable[[Document, Path], None]) -> None:
    data = full_instance_document()
    data["knowledge"] = {"num_filters": 6, "bits_per_filter": 32}
    craft(data, tmp_path)
    file = tmp_path / "i.json"
    file.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    command = [sys.executable, "-c", READ, str(file)]
    outcome, taken = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert outcome == ("read" if craft in READABLE else "refused")
    assert 0 < int(taken) < LIMIT
