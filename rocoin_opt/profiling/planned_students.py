"""The students of a plan: which network each group needs, distilled, and held against its instance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError, Problem, RocoinError
from rocoin_opt.profiling.distillation import distil
from rocoin_opt.profiling.ensemble import NO_BUILDERS, Recipe
from rocoin_opt.profiling.network_profile import profile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.distillation import Distillation, Lesson
    from rocoin_opt.profiling.ensemble import Builder, Ensemble
    from rocoin_opt.profiling.images.datasets import Dataset
    from rocoin_opt.profiling.training import Report


def distil_plan(
    lesson: Lesson,
    plan: Plan,
    data: Dataset,
    distillation: Distillation,
    *,
    stem_stride: int = 1,
    own: Mapping[str, Builder] = NO_BUILDERS,
    name: str = "students",
    checkpoint: Path | None = None,
    report: Report | None = None,
) -> Ensemble:
    """Distil the student of each group of a plan, for the group's part.

    Parameters
    ----------
    lesson, data, distillation
        As for :func:`rocoin_opt.profiling.distillation.distil`.
    plan : Plan
        With explicit filters. Its students are networks by name, or names of ``own``.
    stem_stride : int
        Stride of the first convolution of networks by name.
    own, name, checkpoint, report
        As for :func:`rocoin_opt.profiling.distillation.distil`.

    Returns
    -------
    Ensemble
        Students in the order of the plan's groups.

    Raises
    ------
    InputError
        If the plan names no filters, a student is no network that may be built, or as ``distil``.
    """
    parts = []
    for number, group in enumerate(plan.groups):
        if group.filters is None:
            allowed = "the filters of each part: a plan for an instance with a filter graph"
            raise InputError("plan", [Problem(f"groups.{number}.filters", "nothing", allowed)])
        parts.append(group.filters)
    channels = data.input_shape[0]
    recipes = [
        Recipe(network=group.student, in_channels=channels, stem_stride=stem_stride, num_filters=group.num_filters)
        for group in plan.groups
    ]
    return distil(lesson, recipes, parts, data, distillation, own=own, name=name, checkpoint=checkpoint, report=report)


def other_costs(instance: Instance, plan: Plan, ensemble: Ensemble, input_shape: tuple[int, ...]) -> tuple[str, ...]:
    """Say which students take other FLOP than the instance has of them: other images, or another stem, than planned.

    Parameters
    ----------
    instance, plan : Instance, Plan
        What was planned.
    ensemble : Ensemble
        Its students, in the order of the groups.
    input_shape : tuple of int
        C x H x W of the images.

    Returns
    -------
    tuple of str
        One sentence for each student and size.
    """
    said = {}
    students = {student.id: student for student in instance.students}
    for group, made in zip(plan.groups, ensemble.students, strict=True):
        planned = students[group.student].flops + students[group.student].flops_per_filter * group.num_filters
        try:
            found = profile(made, input_shape).flops
        except RocoinError:
            # What nobody can count cannot be held against anything.
            continue
        if not math.isclose(found, planned, rel_tol=1e-6):
            said[group.student, group.num_filters] = (
                f"{group.student} takes {found / 1e6:.4g} MFLOP for a part of {group.num_filters} filters, and "
                f"{planned / 1e6:.4g} in the instance: other images, or another stem, than it was profiled with"
            )
    return tuple(said.values())
