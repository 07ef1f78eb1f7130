"""Cells of the paper's experiment: a teacher, a number of parts and a seed, with every plan and partition asked for.

A folder keeps what was done. A cell goes on with the row where it was stopped, a training with its epoch, and rows that
are asked for later are added to those that are there. Plans with the same parts share their students, in whichever
order their groups stand.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rocoin_opt.instance import Instance
    from rocoin_opt.profiling import Dataset, Ensemble, Lesson
    from rocoin_opt.profiling.experiment.settings import Settings
    from rocoin_opt.profiling.experiment.variants import Variant


@dataclass(frozen=True)
class Cell:
    """What is asked for with one teacher, number of parts and seed.

    Attributes
    ----------
    teacher : str
        Network.
    groups, seed : int
        Number of parts, and seed of all that is drawn.
    plans, partitions : tuple of str
        Methods, and what cuts the parts of their plans; all pairs are measured.
    """

    teacher: str
    groups: int
    seed: int
    plans: tuple[str, ...]
    partitions: tuple[str, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of its rows, which are those of the variants."""
        return tuple(f"{plan}-{how}" for plan in self.plans for how in self.partitions)

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.teacher}-{self.groups}-{self.seed}"


@dataclass(frozen=True)
class Place:
    """Where a cell is worked on, and what for.

    Attributes
    ----------
    data : Dataset
        Images.
    settings : Settings
        Of the cell, with its seed and device.
    folder : Path
        Of all cells.
    """

    data: Dataset
    settings: Settings
    folder: Path

    def identity(self) -> str:
        """What bears on every figure: settings, devices, images and versions."""
        from rocoin_opt.profiling.experiment.fleets import fleet_of
        from rocoin_opt.provenance import versions

        fleet, _ = fleet_of(self.settings.fleet, self.settings.groups)
        told = f"{self.settings} {fleet.model_dump_json()} {self.data.sha256} {versions()}"
        return hashlib.sha256(told.encode()).hexdigest()


def work_of(
    teachers: list[str], groups: list[int], seeds: list[int], plans: list[str], partitions: list[str]
) -> list[Cell]:
    """All cells, seed by seed: who stops early has whole tables of the first seeds.

    Parameters
    ----------
    teachers, groups, seeds, plans, partitions
        Values of the cells' fields.
    """
    return [
        Cell(teacher, count, seed, tuple(plans), tuple(partitions))
        for seed in seeds
        for teacher in teachers
        for count in groups
    ]


def measured_cell(cell: Cell, place: Place, say: Callable[[str], None]) -> dict[str, Any]:
    """Do what is missing of a cell, and tell all of it.

    Parameters
    ----------
    cell : Cell
        What is asked for.
    place : Place
        Where.
    say : callable
        Told of each row that is done.

    Returns
    -------
    dict
        Plain data: the rows in the order of the cell, and why methods have no plan.
    """
    home, settings = place.folder / cell.name, place.settings
    stored, identity = home / "cell.json", place.identity()
    kept = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    if kept.get("identity") != identity:
        if kept:
            sys.exit(f"{home}: of other settings, devices, images or versions; take another folder, or delete this one")
        kept = {"identity": identity, "rows": {}, "without_plan": {}}
    if any(name not in kept["rows"] and name.split("-")[0] not in kept["without_plan"] for name in cell.rows):
        with settings.training.computing():
            _do(cell, place, kept, say)
    return {
        "teacher": cell.teacher,
        "students": list(settings.students),
        "epochs": [settings.training.epochs, settings.distillation.training.epochs],
        "groups": cell.groups,
        "seed": cell.seed,
        "teacher_accuracy": kept["teacher_accuracy"],
        "rows": [kept["rows"][name] for name in cell.rows if name in kept["rows"]],
        "without_plan": {name: why for name, why in kept["without_plan"].items() if name in cell.plans},
    }


def _do(cell: Cell, place: Place, kept: dict[str, Any], say: Callable[[str], None]) -> None:
    """Add the missing rows to those that are kept, one after another."""
    from rocoin_opt.profiling import Lesson
    from rocoin_opt.profiling.demo import measured, teach
    from rocoin_opt.profiling.experiment.variants import crossed
    from rocoin_opt.profiling.training import accuracy

    data, settings, where = place.data, place.settings, place.settings.training.torch_device
    home = place.folder / cell.name
    _keep(home, kept)
    teacher = teach(data, settings, place.folder / f"teacher-{cell.teacher}-{cell.seed}")
    kept["teacher_accuracy"] = accuracy(teacher, data.test, where)
    instance = _instance(teacher, place, home)
    variants, without_plan = crossed(instance, cell.seed, cell.plans, cell.partitions)
    kept["without_plan"] |= without_plan
    _keep(home, kept)
    lesson = Lesson.of(teacher, data, where)
    taught: dict[Any, Ensemble] = {}
    for variant in variants:
        if variant.name in kept["rows"]:
            continue
        if variant.lessons not in taught:
            taught[variant.lessons] = _students(lesson, variant, place, home)
        students = in_order_of(taught[variant.lessons], variant)
        (home / variant.name).mkdir(exist_ok=True)
        row = measured(variant, students, data, home / variant.name, where)
        kept["rows"][variant.name] = {**row, "training": _training(variant)}
        _keep(home, kept)
        say(variant.name)


def _instance(teacher: Any, place: Place, home: Path) -> Instance:
    """The cell's instance as it was made first: on CUDA another may differ in its last digits, and in its parts."""
    from rocoin_opt import read_instance, write_instance
    from rocoin_opt.profiling.demo import instance_of

    path = home / "instance.json"
    if not path.exists():
        write_instance(path, instance_of(teacher, place.data, place.settings))
    return read_instance(path)


def _students(lesson: Lesson, variant: Variant, place: Place, home: Path) -> Ensemble:
    """Students of the variant's parts, the largest part first."""
    from rocoin_opt.profiling import Recipe, distil

    data, settings = place.data, place.settings
    recipes = [
        Recipe(
            network=student, in_channels=data.input_shape[0], stem_stride=settings.stem_stride, num_filters=len(part)
        )
        for student, part in variant.lessons
    ]
    folder = home / f"students-{_training(variant)}"
    made = distil(
        lesson,
        recipes,
        [part for _, part in variant.lessons],
        data,
        settings.distillation,
        checkpoint=folder / "checkpoint.pt",
    )
    made.save(folder)
    return made


def in_order_of(students: Ensemble, variant: Variant) -> Ensemble:
    """The same students in the order of the plan's groups.

    Parameters
    ----------
    students : Ensemble
        Of the variant's parts, in any order.
    variant : Variant
        The plan.
    """
    from rocoin_opt.profiling import Ensemble

    places = {part: k for k, part in enumerate(students.parts)}
    order = [places[group.filters] for group in variant.plan.groups]
    found = Ensemble(
        [students.recipes[k] for k in order],
        [students.parts[k] for k in order],
        students.head.out_features,
        scaling=students.scaling,
        classes=students.classes,
    )
    # The head reads filters by their own order, whoever makes them.
    state = {name: values for name, values in students.state_dict().items() if not name.startswith("students.")}
    for new, old in enumerate(order):
        own = students.students[old].state_dict()
        state |= {f"students.{new}.{name}": values for name, values in own.items()}
    found.load_state_dict(state)
    return found.eval()


def _training(variant: Variant) -> str:
    """What a training is called: the same for plans with the same parts and students."""
    return hashlib.sha256(repr(variant.lessons).encode()).hexdigest()[:12]


def _keep(home: Path, kept: dict[str, Any]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    write_text(home / "cell.json", json.dumps(kept) + "\n")
