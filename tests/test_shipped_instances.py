"""The shipped instance files: complete, readable, and what their generator makes."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rocoin_opt.instance.files import read_instance
from rocoin_opt.instance.generate.families import FAMILIES
from rocoin_opt.instance.generate.witness import is_surely_feasible

FOLDER = Path(__file__).parent.parent / "instances"
LARGEST_FILE = 1_000_000


def files_of(*folders: str) -> list[Path]:
    """Instance files and their matrices; plans may lie beside them."""
    found = [path for folder in folders for path in (FOLDER / folder).iterdir()]
    return sorted(path for path in found if not path.name.endswith(".plan.json"))


GENERATED = [path for path in files_of(*FAMILIES) if path.suffix == ".json"]
INFEASIBLE = files_of("infeasible")

generated = pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    """Folder into which instances/make.py has written everything anew."""
    spec = importlib.util.spec_from_file_location("make_instances", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("instances")
    module.make(folder)
    return folder


def test_fingerprints_stay_as_they_were():
    # Another fingerprint would make every plan of the instance one for another instance.
    stored = (Path(__file__).parent / "shipped_fingerprints.txt").read_text().splitlines()
    files = sorted([*GENERATED, *INFEASIBLE])
    assert [f"{path.relative_to(FOLDER).as_posix()} {read_instance(path).sha256}" for path in files] == stored


def test_every_family_is_shipped():
    counts = Counter(path.parent.name for path in [*GENERATED, *INFEASIBLE])
    assert counts == {"paper": 8, "mcu": 9, "sbc": 5, "edge": 14, "lossy": 6, "boards": 4, "tight": 4, "infeasible": 4}


def test_seed_ten_stands_for_domains():
    with_domains = {path for path in GENERATED if read_instance(path).has_shared_failures}
    assert with_domains == {path for path in GENERATED if path.stem.endswith("-10")}
    assert sorted(len(read_instance(path).failure_domains) for path in with_domains) == [3, 3, 3, 3, 3, 6, 20]


def test_seed_twenty_stands_for_channels():
    with_channels = {path for path in GENERATED if read_instance(path).shared_channels}
    assert with_channels == {path for path in GENERATED if path.stem.endswith("-20")}
    assert sorted(len(read_instance(path).channels) for path in with_channels) == [1, 2, 2]


def test_exactly_the_generated_files_are_shipped(remade):
    made = {path.relative_to(remade) for path in remade.rglob("*.*")}
    assert {path.relative_to(FOLDER) for path in files_of(*FAMILIES)} == made


@pytest.mark.parametrize("path", [*GENERATED, *INFEASIBLE], ids=lambda path: path.stem)
def test_a_shipped_file_reads_and_has_its_own_name(path):
    instance = read_instance(path)
    expected = f"infeasible-{path.stem}" if path.parent.name == "infeasible" else path.stem
    assert instance.name == expected
    assert instance.source or instance.description
    assert path.stat().st_size < LARGEST_FILE


@generated
def test_a_shipped_file_is_what_its_generator_makes(path, remade):
    twin = remade / path.relative_to(FOLDER)
    assert path.read_bytes() == twin.read_bytes()
    if path.with_suffix(".npz").exists():
        # Compressed bytes depend on the zlib at hand; the arrays must not.
        with np.load(path.with_suffix(".npz")) as committed, np.load(twin.with_suffix(".npz")) as made:
            assert sorted(committed) == sorted(made) == ["class_affinity", "weights"]
            for name in committed:
                np.testing.assert_array_equal(committed[name], made[name])
        assert path.with_suffix(".npz").stat().st_size < LARGEST_FILE


@generated
def test_a_generated_file_has_a_plan(path):
    instance = read_instance(path)
    if path.parent.name == "tight":
        # By construction, and by a stored plan: a simple grouping wastes too much.
        instance = instance.with_requirements(min_groups=1)
        knowledge = instance.knowledge.model_copy(update={"num_filters": max(1, instance.max_groups // 2)})
        instance = instance.model_copy(update={"knowledge": knowledge})
    assert is_surely_feasible(instance)


def test_each_infeasible_file_has_its_one_cause():
    reliability, memory, capacity, groups = (
        read_instance(FOLDER / "infeasible" / f"{cause}.json")
        for cause in ("reliability", "memory", "capacity", "groups")
    )
    assert reliability.arrays.cover_share.sum() < 1
    assert reliability.arrays.largest.max() == reliability.knowledge.num_filters

    assert not memory.arrays.largest.any()
    assert memory.arrays.cover_share.sum() > 2

    assert capacity.arrays.largest.all()
    assert 2 < capacity.arrays.cover_share.sum() < 3
    assert 2 * capacity.arrays.largest.max() < capacity.knowledge.num_filters

    assert not groups.arrays.cover_share.sum() >= groups.requirements.min_groups
    assert is_surely_feasible(groups.with_requirements(min_groups=1))
