"""What chance decides in an epoch, drawn on the CPU and moved to the device at once: the same numbers on every device.

The numbers come in the order in which a step after the other would draw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True)
class Chance:
    """What is drawn for each image of a step.

    Attributes
    ----------
    shift : int
        It is moved by up to so many pixels in each direction.
    flip : bool
        Whether it is mirrored, or not, by chance.
    uniform : int
        So many numbers from 0 to 1 for whatever else a loss draws.
    """

    shift: int = 0
    flip: bool = False
    uniform: int = 0


@dataclass(frozen=True, eq=False)
class Draws:
    """Numbers of B images, or with an axis more in front those of all steps of an epoch.

    Attributes
    ----------
    rows : Tensor, B
        Which images.
    moves : Tensor, 2 x B, or None
        By how many pixels each is moved down and across, from 0 to twice the shift.
    mirrored : Tensor, B, or None
        Which are mirrored.
    uniform : Tensor, B x U, or None
        Numbers from 0 to 1.
    """

    rows: Tensor
    moves: Tensor | None = None
    mirrored: Tensor | None = None
    uniform: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> Draws:
        """Apply a function to whatever was drawn."""
        drawn = (self.rows, self.moves, self.mirrored, self.uniform)
        rows, moves, mirrored, uniform = (None if values is None else change(values) for values in drawn)
        assert rows is not None
        return Draws(rows, moves, mirrored, uniform)

    def take(self, other: Draws) -> None:
        """Take over the numbers of another epoch, in the same place of memory."""
        for mine, others in zip(vars(self).values(), vars(other).values(), strict=True):
            if mine is not None:
                mine.copy_(others)


def draws_of(count: int, steps: int, batch_size: int, chance: Chance, generator: torch.Generator) -> Draws:
    """Draw all numbers of an epoch, on the CPU.

    Parameters
    ----------
    count : int
        Images that there are.
    steps, batch_size : int
        Steps of the epoch, and images of each, of ``count`` at most.
    chance : Chance
        What is drawn.
    generator : Generator
        Draws.
    """
    order = torch.randperm(count, generator=generator)
    rows, moves, mirrored, uniform = [], [], [], []
    for step in range(steps):
        rows.append(order[step * batch_size : (step + 1) * batch_size])
        images = len(rows[-1])
        if chance.shift:
            moves.append(torch.randint(0, 2 * chance.shift + 1, (2, images), generator=generator))
        if chance.flip:
            mirrored.append(torch.rand(images, generator=generator) < 0.5)
        if chance.uniform:
            uniform.append(torch.rand(images, chance.uniform, generator=generator))
    together = [torch.stack(drawn) if drawn else None for drawn in (moves, mirrored, uniform)]
    return Draws(torch.stack(rows), *together)


def augmented(images: Tensor, shift: int, drawn: Draws) -> Tensor:
    """Move and mirror images as was drawn, their edges repeated; N x C x H x W.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        The images; they stay as they are.
    shift : int
        Most pixels in each direction.
    drawn : Draws
        Of one step, on the images' device.
    """
    count, _, height, width = images.shape
    if drawn.moves is not None:
        padded = functional.pad(images, (shift,) * 4, mode="replicate")
        down = drawn.moves[0, :, None] + torch.arange(height, device=images.device)
        across = drawn.moves[1, :, None] + torch.arange(width, device=images.device)
        every = torch.arange(count, device=images.device)[:, None, None]
        # Indexing around a slice puts the channels last.
        images = padded[every, :, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
    if drawn.mirrored is not None:
        images = torch.where(drawn.mirrored[:, None, None, None], images.flip(3), images)
    return images
