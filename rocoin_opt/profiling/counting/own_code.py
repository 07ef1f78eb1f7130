"""Code of the user, called: what goes wrong in it is told as a fault of that code, and where it arose."""

from __future__ import annotations

import contextlib
import importlib
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from rocoin_opt.errors import InputError, Problem, RocoinError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARY = Path(torch.__file__).parent
PACKAGE = Path(__file__).parents[2]
IMPORTS = Path(importlib.__file__).parent


@contextlib.contextmanager
def calling(source: str, field: str, subject: str, allowed: str) -> Iterator[None]:
    """Run code of the user; whatever it raises becomes an error that says so.

    Parameters
    ----------
    source : str
        What the user asked for, ``profile`` say.
    field : str
        What was at fault, for :class:`~rocoin_opt.errors.Problem`.
    subject : str
        What was called, as it is to be shown.
    allowed : str
        What would have been allowed.

    Raises
    ------
    InputError
        With the kind of the error, its first line, and the line of the user's code that it arose in.
    """
    try:
        yield
    except RocoinError:
        raise
    except (Exception, SystemExit) as error:
        found = f"{subject}: {told(error)}"
        raise InputError(source, [Problem(field, found, allowed)]) from error


def told(error: BaseException) -> str:
    """Say what an error of the user's code is: kind, first line, and the last line of code that is the user's."""
    text = str(error).strip().partition("\n")[0]
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    return words if not frames else f"{words} ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})"  # noqa: PTH119


def require_values(module: nn.Module, source: str) -> None:
    """Refuse a module whose weights have no values yet, or lie where nothing is computed.

    Parameters
    ----------
    module : Module
        Of the user.
    source : str
        What the user asked for.

    Raises
    ------
    InputError
        If a parameter or buffer is that of a lazy layer, or on the device ``meta``.
    """
    named = [*module.named_parameters(), *module.named_buffers()]
    lazy = [name for name, tensor in named if nn.parameter.is_lazy(tensor)]
    if lazy:
        found = f"lazy layers without values: {_few(lazy)}"
        allowed = "a module whose weights exist: call it on an image once before it is returned"
        raise InputError(source, [Problem("module", found, allowed)])
    absent = [name for name, tensor in named if tensor.is_meta]
    if absent:
        raise InputError(
            source, [Problem("module", f"weights without values, on the device meta: {_few(absent)}", "real weights")]
        )


def require_classifier(network: nn.Module, images: torch.Tensor, num_classes: int) -> None:
    """Refuse a network that does not make one logit for each class and image.

    Parameters
    ----------
    network : Module
        Of the user.
    images : Tensor, N x C x H x W
        A few images.
    num_classes : int
        Classes of the data.

    Raises
    ------
    InputError
        Naming what it makes, or what goes wrong in it.
    """
    require_values(network, "network")
    was_training = network.training
    shape = str(tuple(images.shape[1:]))
    try:
        with calling("network", "images", shape, "images that the network takes, and code that runs"), torch.no_grad():
            output = network.eval()(images)
    finally:
        network.train(was_training)
    wanted = (len(images), num_classes)
    if not isinstance(output, torch.Tensor) or tuple(output.shape) != wanted:
        found = f"shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
        allowed = f"one tensor of shape {wanted}: a logit for each of the {num_classes} classes of the data"
        raise InputError("network", [Problem("output", f"{found} for {len(images)} images", allowed)])


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _is_own(file: str) -> bool:
    path = Path(file)
    return path.is_file() and not any(path.is_relative_to(folder) for folder in (LIBRARY, PACKAGE, IMPORTS))
