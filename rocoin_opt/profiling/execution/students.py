"""Students for the replicas and the head for the source; the only module here that loads PyTorch, where it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.profiling.execution.messages import ValueArray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rocoin_opt.profiling import Ensemble

Student: TypeAlias = Callable[[ValueArray], ValueArray]
"""From an image to the features of a part."""


def idle_student(size: int) -> Student:
    """Return a student that computes nothing: zeros for its part, for runs that are about time alone."""
    nothing = np.zeros(size, dtype=np.float32)
    return lambda _: nothing


def load_student(folder: str | Path, part: int, shape: Sequence[int], own: Sequence[str] = ()) -> Student:
    """Load a part's student of a saved ensemble, and run it once: the first run is far slower than all others.

    Parameters
    ----------
    folder : str or Path
        What :meth:`rocoin_opt.profiling.ensemble.Ensemble.save` wrote.
    part : int
        Number of the part.
    shape : sequence of int
        Shape of an image, C x H x W.
    own : sequence of str
        Networks of the user, ``module:callable``, whose code may run.

    Raises
    ------
    InputError
        If it cannot be loaded or run; so does the student, where code of the user fails on an image.
    """
    import torch

    from rocoin_opt.profiling import Ensemble, own_networks

    torch.set_num_threads(1)
    ensemble = Ensemble.load(folder, own=own_networks(own))

    def student(image: ValueArray) -> ValueArray:
        with torch.inference_mode():
            features = ensemble.answer(part, torch.from_numpy(image.copy())[None])
        values: ValueArray = features[0].numpy()
        return values

    student(np.zeros(shape, dtype=np.float32))
    return student


def require_running(ensemble: Ensemble, image: ValueArray) -> None:
    """Refuse students that do not run on an image, before there are processes.

    Parameters
    ----------
    ensemble : Ensemble
        All students.
    image : ValueArray, C x H x W
        Of those that they are to be asked about.

    Raises
    ------
    InputError
        Naming what goes wrong, and the line of the user's code that it arose in.
    """
    import torch

    with torch.inference_mode():
        ensemble.eval().features(torch.from_numpy(image.copy())[None])


def classify(ensemble: Ensemble, answers: Sequence[ValueArray | None]) -> int:
    """Classify from the parts that have arrived, zeros standing in for the others; from none, by the head's bias."""
    import torch

    there = frozenset(k for k, answer in enumerate(answers) if answer is not None)
    with torch.inference_mode():
        features = torch.zeros(1, ensemble.num_filters)
        for part, answer in zip(ensemble.parts, answers, strict=True):
            if answer is not None:
                features[0, list(part)] = torch.from_numpy(answer.copy())
        return int(ensemble.logits(features, there).argmax())
