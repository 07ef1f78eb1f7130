"""The whole way once: teacher, filter graph, instance, plans, students, and what their answers are worth.

Every step leaves its files in a folder, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rocoin_opt.documents import readable_json
from rocoin_opt.failure import evaluate
from rocoin_opt.instance import write_instance
from rocoin_opt.plan import evidence_left, plan_document
from rocoin_opt.profiling.accuracy import AnswerAccuracy, accuracy_under_failure, features_of, write_accuracy_table
from rocoin_opt.profiling.activations import batched
from rocoin_opt.profiling.capacity import shipped_capacity
from rocoin_opt.profiling.distillation import Lesson, distil_plan
from rocoin_opt.profiling.ensemble import FILLS
from rocoin_opt.profiling.experiment.fleets import fleet_of
from rocoin_opt.profiling.experiment.variants import variants_of
from rocoin_opt.profiling.instances import Origin, profile_instance
from rocoin_opt.profiling.specifications import student_builder, teacher_builder
from rocoin_opt.profiling.training import accuracy, train_classifier
from rocoin_opt.provenance import versions
from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

    from rocoin_opt.instance import Instance
    from rocoin_opt.profiling.ensemble import Ensemble
    from rocoin_opt.profiling.experiment.settings import Settings
    from rocoin_opt.profiling.experiment.variants import Variant
    from rocoin_opt.profiling.images.datasets import Dataset
    from rocoin_opt.profiling.training import Report

FORMAT = "rocoin-opt/demo"
VERSION = 1


def run_demo(
    data: Dataset, settings: Settings, seed: int, folder: Path, *, device: str = "auto", report: Report | None = None
) -> dict[str, Any]:
    """Go the whole way with one seed.

    Parameters
    ----------
    data : Dataset
        Images; see :func:`rocoin_opt.profiling.images.datasets.load_dataset`.
    settings : Settings
        One of :data:`rocoin_opt.profiling.experiment.settings.PRESETS`, or one's own.
    seed : int
        Seed of weights, order, augmentation, and of the random plan and parts.
    folder : Path
        Gets checkpoints, instance, plan files, students and tables. Epochs whose checkpoint is there from a run with
        the same arguments are not trained again.
    device : str
        As in :class:`~rocoin_opt.profiling.training.Training`.
    report : callable, optional
        Told of every step of every training.

    Returns
    -------
    dict
        What was measured, as plain data: the content of ``result.json``.

    Raises
    ------
    InputError
        If the folder holds checkpoints of another run, or cannot be written.
    """
    chosen = settings.seeded(seed, device)
    with chosen.training.computing():
        return _whole_way(data, chosen, seed, folder, report)


def _whole_way(data: Dataset, chosen: Settings, seed: int, folder: Path, report: Report | None) -> dict[str, Any]:
    where = chosen.training.torch_device
    teacher = teach(data, chosen, folder, report)
    instance = instance_of(teacher, data, chosen)
    write_instance(folder / "instance.json", instance)
    lesson = Lesson.of(teacher, data, where)
    rows = []
    for variant in variants_of(instance, seed):
        home = folder / variant.name
        ensemble = distil_plan(
            lesson,
            variant.plan,
            data,
            chosen.distillation,
            stem_stride=chosen.stem_stride,
            name=f"students of {variant.name}",
            checkpoint=home / "checkpoint.pt",
            report=report,
        )
        ensemble.save(home)
        rows.append(measured(variant, ensemble, data, home, where))
    result = {
        "seed": seed,
        "teacher_accuracy": accuracy(teacher, data.test, where),
        "rows": rows,
    }
    write_text(folder / "result.json", readable_json(result) + "\n")
    return result


def teach(data: Dataset, settings: Settings, folder: Path, report: Report | None = None) -> nn.Module:
    """Train the teacher, or take it from the folder.

    Parameters
    ----------
    data : Dataset
        Images and labels.
    settings : Settings
        How long it is trained, among others.
    folder : Path
        Where it is kept.
    report : callable, optional
        Is told how far the training is.
    """
    build = teacher_builder(
        settings.teacher,
        num_classes=data.num_classes,
        in_channels=data.input_shape[0],
        stem_stride=settings.stem_stride,
    )
    return train_classifier(build, data, settings.training, checkpoint=folder / "teacher.pt", report=report)


def instance_of(teacher: nn.Module, data: Dataset, settings: Settings) -> Instance:
    """Profile teacher and students for the demonstration's devices; the filters are seen on the validation images.

    Parameters
    ----------
    teacher : FilterNetwork
        Trained.
    data : Dataset
        Images and labels.
    settings : Settings
        Those of the demonstration.
    """
    validation, channels = data.validation, data.input_shape[0]
    builders = [
        student_builder(name, in_channels=channels, stem_stride=settings.stem_stride) for name in settings.students
    ]
    measured = shipped_capacity()
    # Measured capacities hold for the teacher and the images that they were measured with.
    known = (measured.teacher, measured.data_sha256) == (settings.teacher, data.sha256)
    known = known and {row.student for row in measured.rows} >= set(settings.students)
    fleet, devices = fleet_of(settings.fleet, settings.groups)
    capacity = settings.capacity or (
        {name: measured.max_filters(name) for name in settings.students} if known else None
    )
    return profile_instance(
        teacher,
        "body",
        batched(validation.images, validation.labels),
        builders,
        fleet,
        name=f"demo-{data.name.lower()}-{settings.training.seed}",
        origin=Origin(
            teacher=f"{settings.teacher}, stem stride {settings.stem_stride}",
            data=f"{data.name} ({data.source}), validation images",
            devices=devices,
            capacity="as measured on Fashion-MNIST" if known and not settings.capacity else None,
        ),
        capacity=capacity,
        device=settings.training.torch_device,
    ).instance


def demo_document(data: Dataset, settings: Settings, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the results of several seeds together with all that they rest on.

    Parameters
    ----------
    data : Dataset
        Images and labels.
    settings : Settings
        Those of the demonstration.
    results : list of dict
        One a seed.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256, "test_images": len(data.test)},
        "teacher": f"{settings.teacher}, stem stride {settings.stem_stride}, {settings.training.epochs} epochs",
        "students": f"{', '.join(settings.students)}, {settings.distillation.training.epochs} epochs",
        "versions": versions(),
        "seeds": results,
    }


def measured(variant: Variant, ensemble: Ensemble, data: Dataset, home: Path, device: torch.device) -> dict[str, Any]:
    """Measure one variant, and write its plan and its tables.

    Parameters
    ----------
    variant : Variant
        A plan with explicit filters.
    ensemble : Ensemble
        Its students, in the order of its groups.
    data : Dataset
        Whose test images count.
    home : Path
        Folder of the files.
    device : torch.device
        Where the students run.

    Returns
    -------
    dict
        A row of ``result.json``.
    """
    instance, plan = variant.instance, variant.plan
    features = features_of(ensemble, data.test, device)
    zero, mean = (
        accuracy_under_failure(ensemble, data.test, instance, plan, fill=fill, features=features) for fill in FILLS
    )
    metrics = evaluate(instance, plan)._replace({"expected_accuracy": zero.expected})
    write_text(home / "plan.json", readable_json(plan_document(instance, plan, metrics)) + "\n")
    for answers in (zero, mean):
        write_accuracy_table(home / f"accuracy-{answers.table.fill}.csv", answers.table)
    return {
        "name": variant.name,
        "method": variant.method,
        "criterion": variant.criterion,
        "keeps_outage_limit": instance.requirements.max_group_outage < 1.0,
        "sizes": list(plan.sizes),
        "students": [group.student for group in plan.groups],
        "parameters": [sum(p.numel() for p in student.parameters()) for student in ensemble.students],
        "metrics": metrics.model_dump(mode="json"),
        "evidence_left": evidence_left(instance, plan),
        "all_parts": zero.table.all_parts,
        "zero": _figures(zero),
        "mean": _figures(mean),
    }


def _figures(answers: AnswerAccuracy) -> dict[str, Any]:
    return {"without_each": list(answers.table.without_each), "expected_accuracy": answers.expected}
