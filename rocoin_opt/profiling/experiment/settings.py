"""What the demonstration trains and plans for, as presets of which every value can be given otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.distillation import Distillation
from rocoin_opt.profiling.experiment.fleets import fleet_of
from rocoin_opt.profiling.specifications import network_builder
from rocoin_opt.profiling.training import Training

if TYPE_CHECKING:
    from collections.abc import Mapping

OF_BOTH = ("batch_size", "learning_rate", "weight_decay", "arithmetic", "deterministic", "step", "seed", "device")
"""Fields of :class:`~rocoin_opt.profiling.training.Training` that teacher and students share."""
OF_EACH = ("epochs", "shift", "flip")
"""Fields that the teacher has by these names, and the students behind :data:`STUDENTS`."""
STUDENTS = "student_"


@dataclass(frozen=True)
class Settings:
    """What is trained, and how.

    Attributes
    ----------
    teacher : str
        Network of the teacher.
    students : tuple of str
        Networks of the students.
    stem_stride : int
        Stride of every network's first convolution.
    training : Training
        Of the teacher.
    distillation : Distillation
        Of the students.
    fleet : str
        Devices: ``boards``, ``paper``, or a device file; see :mod:`rocoin_opt.profiling.experiment.fleets`.
    groups : int, optional
        How many parts there are; by default what the fleet requires.
    capacity : mapping of str to int
        Largest part of each student; where empty it was measured, or is assumed.
    """

    teacher: str
    students: tuple[str, ...]
    stem_stride: int
    training: Training
    distillation: Distillation
    fleet: str = "boards"
    groups: int | None = None
    capacity: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        wrong = []
        if self.groups is not None and self.groups < 1:
            wrong.append(Problem("groups", repr(self.groups), "a whole number from 1"))
        if not self.students or len(set(self.students)) < len(self.students):
            wrong.append(Problem("students", ", ".join(self.students) or "none", "at least one, each once"))
        if wrong:
            raise InputError("settings", wrong)

    def require(self) -> None:
        """Refuse networks and devices that there are none of, before any work.

        Raises
        ------
        InputError
            If a network has no such name, a stride or the devices are out of range, or there is no such device.
        """
        for network in (self.teacher, *self.students):
            network_builder(network)(stem_stride=self.stem_stride)
        fleet_of(self.fleet, self.groups)
        _ = self.training.torch_device

    def seeded(self, seed: int, device: str) -> Settings:
        """The same with another seed, on another device."""
        return self.changed(seed=seed, device=device)

    def changed(self, **given: Any) -> Settings:
        """The same with other values; those that are None stay.

        Parameters
        ----------
        **given
            By name: a field of these settings; one of :data:`OF_BOTH` for teacher and students; ``epochs``, ``shift``
            and ``flip`` for the teacher, and the same behind ``student_`` for the students.

        Raises
        ------
        InputError
            If a value is out of range, or there is no such field.
        """
        wanted = {name: value for name, value in given.items() if value is not None}
        both = {name: wanted.pop(name) for name in OF_BOTH if name in wanted}
        teacher = {name: wanted.pop(name) for name in OF_EACH if name in wanted}
        students = {name: wanted.pop(STUDENTS + name) for name in OF_EACH if STUDENTS + name in wanted}
        own = {known.name for known in fields(self)}
        if unknown := sorted(set(wanted) - own):
            raise InputError("settings", [Problem(unknown[0], "no such field", ", ".join(sorted(own)))])
        taught = replace(self.distillation.training, **both, **students)
        return replace(
            self,
            training=replace(self.training, **both, **teacher),
            distillation=replace(self.distillation, training=taught),
            **wanted,
        )


FULL = Settings(
    teacher="wrn-16-2",
    students=("wrn-10-1", "wrn-16-1"),
    stem_stride=2,
    training=Training(epochs=6, shift=2, flip=True),
    distillation=Distillation(training=Training(epochs=2)),
)
"""For images of about 28 x 28 pixels."""
CIFAR = Settings(
    teacher="wrn-16-2",
    students=("wrn-16-1",),
    stem_stride=1,
    training=Training(epochs=30, shift=4, flip=True, arithmetic="tf32"),
    distillation=Distillation(training=Training(epochs=40, shift=4, flip=True, arithmetic="tf32")),
    fleet="paper",
    groups=4,
)
"""For CIFAR-10, on a GPU: hours on two cores of a CPU."""
FAST = Settings(
    teacher="wrn-10-1",
    students=("mobilenet-0.25",),
    stem_stride=2,
    training=Training(epochs=8, batch_size=64),
    distillation=Distillation(training=Training(epochs=5, batch_size=64)),
)
"""For the digits, in well below a minute."""
PRESETS: Mapping[str, Settings] = MappingProxyType({"fashion": FULL, "cifar": CIFAR, "fast": FAST})


def preset(name: str) -> Settings:
    """Find settings by their name.

    Raises
    ------
    InputError
        If there are none.
    """
    if name not in PRESETS:
        raise InputError("options", [Problem("preset", repr(name), f"one of {', '.join(PRESETS)}")])
    return PRESETS[name]
